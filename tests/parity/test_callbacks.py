"""Callbacks and the progress bar against Keras: the same events give the same output, files and state."""

from __future__ import annotations

import contextlib
import io
import random
import time
import warnings

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

LIBRARIES = pytest.mark.parametrize("lib", [keras, addax], ids=["keras", "addax"])


class Clock:
    """A clock that stands still until it is told how much time has passed."""

    now = 1e9

    def __call__(self) -> float:
        return self.now


def random_progress(lib, seed: int, clock: Clock) -> str:
    """What a progress bar prints for a random sequence of updates."""
    draw = random.Random(seed)
    clock.now = 1e9
    target = draw.choice([None, 1, 3, 7, 20, 99, 150, 1000])
    stateful, stateless = draw.choice([(None, None), (["a"], None), (None, ["a"]), (None, [])])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        bar = lib.utils.Progbar(
            target,
            width=draw.choice([20, 7, 30]),
            verbose=draw.choice([0, 1, 1, 1, 2]),
            stateful_metrics=stateful,
            stateless_metrics=stateless,
            unit_name=draw.choice(["step", "sample"]),
        )
        current, scale = 0, 10 ** draw.uniform(-7, 5)
        for _ in range(draw.randint(1, 9)):
            clock.now += draw.uniform(0, 2) * scale
            current += draw.choice([0, 1, 1, 1, 2, 5])
            values = [
                (name, draw.choice([draw.random(), 10 ** draw.uniform(-8, 8), -draw.random(), 0.0, 1e-3]))
                for name in "ab"[: draw.randint(0, 2)]
            ]
            if draw.random() < 0.2:
                bar.add(1, values)
                current += 1
            else:
                bar.update(current, values, finalize=draw.choice([None, None, False, True]))
    return out.getvalue()


def test_progbar(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    shown = 0
    for seed in range(500):
        theirs, ours = (random_progress(lib, seed, clock) for lib in (keras, addax))
        assert ours == theirs, seed
        shown += bool(ours)
    assert shown > 300


LOGGER_EVENTS = [
    ("fit", {"verbose": 1, "epochs": 2, "steps": 3}),
    ("fit", {"verbose": 1, "epochs": 1, "steps": None}),
    ("fit", {"verbose": 2, "epochs": 2, "steps": None}),
    ("fit", {"verbose": 0, "epochs": 2, "steps": 3}),
    ("evaluate", {"verbose": 1, "epochs": 1, "steps": 3}),
    ("evaluate", {"verbose": 2, "epochs": 1, "steps": None}),
    ("predict", {"verbose": 1, "epochs": 1, "steps": 3}),
]


def logged(lib, kind: str, params: dict, clock: Clock) -> str:
    clock.now = 1e9
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        logger = lib.callbacks.ProgbarLogger()
        logger.set_params(dict(params))
        if kind == "fit":
            logger.on_train_begin()
            for epoch in range(params["epochs"]):
                logger.on_epoch_begin(epoch)
                for batch in (0, 1, 2):
                    clock.now += 0.3
                    logger.on_train_batch_end(batch, {"loss": 1 / (batch + 1), "accuracy": 0.5})
                logger.on_test_begin()
                logger.on_test_batch_end(0, {"loss": 9.0})
                logger.on_test_end({"loss": 9.0})
                logger.on_epoch_end(epoch, {"loss": 0.25, "accuracy": 0.5, "val_loss": 9.0})
        else:
            phase = {"evaluate": "test", "predict": "predict"}[kind]
            getattr(logger, f"on_{phase}_begin")()
            for batch in (0, 2):  # in strides
                clock.now += 70
                logs = {"loss": 2.0} if kind == "evaluate" else {"outputs": np.ones(3)}
                getattr(logger, f"on_{phase}_batch_end")(batch, logs)
            getattr(logger, f"on_{phase}_end")({"loss": 2.0} if kind == "evaluate" else {})
    return out.getvalue()


@pytest.mark.parametrize("kind, params", LOGGER_EVENTS, ids=str)
def test_progbar_logger(monkeypatch, kind, params):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    theirs, ours = (logged(lib, kind, params, clock) for lib in (keras, addax))
    assert ours == theirs
    assert bool(ours) == bool(params["verbose"])


def small_model(lib):
    model = lib.Sequential([lib.Input((2,)), lib.layers.Dense(1, kernel_initializer="ones")])
    model.compile(lib.optimizers.SGD(0.1), "mse")
    return model


def play(lib, make, values: list, monitor: str = "val_loss") -> tuple[str, dict, list]:
    """What a callback prints, what it remembers, and the rates it sets, over epochs with these values."""
    model = small_model(lib)
    model.stop_training = False
    callback = make(lib.callbacks)
    callback.set_model(model)
    callback.set_params({"verbose": 1, "epochs": len(values), "steps": 1})
    out, rates = io.StringIO(), []
    with contextlib.redirect_stdout(out), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            callback.on_epoch_begin(epoch, {})
            model.set_weights([np.full((2, 1), epoch, "float32"), np.zeros(1, "float32")])
            logs = {"loss": 1.0} if value is None else {"loss": 1.0, monitor: value}
            callback.on_epoch_end(epoch, logs)
            rates.append((float(np.asarray(model.optimizer.learning_rate)), "learning_rate" in logs))
            if model.stop_training:
                break
        callback.on_train_end({})
    told = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    state = {
        name: getattr(callback, name)
        for name in ("best", "wait", "stopped_epoch", "best_epoch", "cooldown_counter", "patience", "monitor")
        if hasattr(callback, name)
    }
    return out.getvalue(), {**state, "warnings": told, "weight": float(model.get_weights()[0][0, 0])}, rates


SEQUENCES = {
    "stop": (lambda c: c.EarlyStopping(patience=2, verbose=1), [1, 0.5, 0.6, 0.7, 0.8]),
    "stop at once": (lambda c: c.EarlyStopping(verbose=1), [1, 0.5, 0.6, 0.7]),
    "never worse": (lambda c: c.EarlyStopping(patience=1, verbose=1), [4, 3, 2, 1]),
    "delta": (lambda c: c.EarlyStopping(min_delta=0.1, verbose=1), [1, 0.95, 0.5]),
    "negative delta": (lambda c: c.EarlyStopping(min_delta=-0.1, patience=1), [1, 0.95, 0.5, 0.45, 0.4]),
    "max": (lambda c: c.EarlyStopping(mode="max", patience=1, verbose=1), [1, 2, 1.5, 1.7, 3]),
    # (A baseline that is never beaten ends training here while the values still get better: see tests/callbacks.)
    "baseline": (lambda c: c.EarlyStopping(baseline=0.4, patience=2, verbose=1), [1, 1.2, 0.6, 0.7, 0.8]),
    "baseline beaten": (lambda c: c.EarlyStopping(baseline=0.9, patience=2, verbose=1), [1, 0.8, 0.95, 0.97, 0.9]),
    "restore": (lambda c: c.EarlyStopping(restore_best_weights=True, patience=2, verbose=1), [1, 0.5, 0.6, 0.7]),
    "restore at end": (lambda c: c.EarlyStopping(restore_best_weights=True, patience=9, verbose=1), [1, 0.5, 0.6]),
    "start later": (lambda c: c.EarlyStopping(start_from_epoch=2, patience=1, verbose=1), [1, 2, 3, 4, 5]),
    "stop, missing": (lambda c: c.EarlyStopping(), [None, None]),
    "plateau": (lambda c: c.ReduceLROnPlateau(patience=1, cooldown=1, verbose=1), [1] * 8),
    "plateau, slow": (lambda c: c.ReduceLROnPlateau(patience=3, factor=0.5, verbose=1), [1, 1, 1, 0.5, 0.6, 0.7, 0.8]),
    "plateau, floor": (lambda c: c.ReduceLROnPlateau(patience=1, min_lr=0.02, verbose=1), [1] * 6),
    "plateau, delta": (lambda c: c.ReduceLROnPlateau(patience=1, min_delta=0.3, verbose=1), [1, 0.9, 0.6, 0.1]),
    "plateau, missing": (lambda c: c.ReduceLROnPlateau(), [None]),
    "schedule": (lambda c: c.LearningRateScheduler(lambda epoch: 10.0**-epoch, verbose=1), [1, 1, 1]),
    "schedule of rate": (lambda c: c.LearningRateScheduler(lambda epoch, lr: lr * 0.5, verbose=1), [1, 1]),
}


@pytest.mark.parametrize("make, values", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences(make, values):
    theirs, ours = (play(lib, make, values) for lib in (keras, addax))
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]
    np.testing.assert_allclose([r for r, _ in ours[2]], [r for r, _ in theirs[2]], rtol=1e-6)
    assert [w for _, w in ours[2]] == [w for _, w in theirs[2]]


CHECKPOINTS = {
    "each": {"filepath": "{epoch:02d}-{loss:.2f}.keras", "verbose": 1},
    "weights": {"filepath": "{epoch:02d}.weights.h5", "verbose": 1, "save_weights_only": True},
    "batches": {"filepath": "{epoch}-{batch}.weights.h5", "verbose": 1, "save_weights_only": True, "save_freq": 3},
    "best": {"filepath": "best.keras", "verbose": 1, "save_best_only": True, "monitor": "val_loss"},
    "best, max": {"filepath": "m.keras", "verbose": 1, "save_best_only": True, "monitor": "loss", "mode": "max"},
    "threshold": {"filepath": "t.keras", "verbose": 1, "save_best_only": True, "initial_value_threshold": 0.5},
}


@pytest.mark.parametrize("arguments", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_model_checkpoint(arguments, tmp_path, monkeypatch):
    found = []
    for lib in (keras, addax):
        folder = tmp_path / lib.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        model = small_model(lib)
        callback = lib.callbacks.ModelCheckpoint(**arguments)
        callback.set_model(model)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            callback.on_train_begin()
            for epoch, (loss, validation) in enumerate([(1.0, 0.7), (0.8, 0.4), (0.9, 0.45)]):
                callback.on_epoch_begin(epoch)
                for batch in range(4):
                    callback.on_train_batch_end(batch, {"loss": loss})
                callback.on_epoch_end(epoch, {"loss": loss, "val_loss": validation})
        found.append((out.getvalue(), sorted(p.name for p in folder.iterdir()), callback.best))
    assert found[1] == found[0]
    assert found[0][1]


@pytest.mark.parametrize("append, separator", [(False, ","), (True, ";")])
def test_csv_logger(append, separator, tmp_path):
    files = []
    for lib in (keras, addax):
        path = tmp_path / f"{lib.__name__}.csv"
        for _ in range(2):
            callback = lib.callbacks.CSVLogger(str(path), separator=separator, append=append)
            callback.set_model(small_model(lib))
            callback.on_train_begin()
            callback.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.25})
            callback.on_epoch_end(1, {"loss": 0.25, "accuracy": 0.5, "val_loss": 1.0})
            callback.on_train_end()
        files.append(path.read_text())
    assert files[1] == files[0]


ERRORS = {
    "filepath of weights": lambda c: c.ModelCheckpoint("a.h5", save_weights_only=True),
    "filepath of model": lambda c: c.ModelCheckpoint("a.txt"),
    "save_freq": lambda c: c.ModelCheckpoint("a.keras", save_freq="often"),
    "factor": lambda c: c.ReduceLROnPlateau(factor=1.0),
    "backup_dir": lambda c: c.BackupAndRestore(None),
    "backup save_freq": lambda c: c.BackupAndRestore("d", save_freq="often"),
}


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
def test_errors(make):
    texts = []
    for lib in (keras, addax):
        with pytest.raises(ValueError) as caught:
            make(lib.callbacks)
        texts.append(str(caught.value))
    assert texts[1] == texts[0]


def test_hooks_of_fit():
    """The hooks, their arguments and the names in the logs, of a whole `fit` with validation."""
    seen = []
    for lib in (keras, addax):
        events = []

        class Recorder(lib.callbacks.Callback):
            pass

        for hook in (h for h in dir(addax.callbacks.Callback) if h.startswith("on_") and "on_batch" not in h):

            def record(self, *args, _hook=hook, _events=events, **kwargs):
                logs = kwargs.get("logs", args[-1] if args and isinstance(args[-1], dict) else None)
                _events.append((_hook, [a for a in args if isinstance(a, int)], sorted(logs or {})))

            setattr(Recorder, hook, record)
        model = small_model(lib)
        x, y = np.ones((5, 2), "float32"), np.ones((5, 1), "float32")
        model.fit(x, y, epochs=2, batch_size=2, verbose=0, validation_data=(x, y), callbacks=[Recorder()])
        model.predict(x, verbose=0, callbacks=[Recorder()])
        seen.append(events)
    assert seen[1] == seen[0]
