"""Arguments of `fit` that limit a training, and what it does between the steps of an epoch."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


class Batches:
    """Ten batches of eight rows."""

    def __len__(self) -> int:
        return 10

    def __iter__(self) -> Iterator:
        return ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 80, 8))


def endless() -> Iterator:
    while True:
        yield from Batches()


SOURCES = {
    "arrays": lambda: {"x": X, "y": Y, "batch_size": 8, "shuffle": False},
    "loader": lambda: {"x": Batches()},
    "generator": lambda: {"x": endless(), "steps_per_epoch": 10},
}


def model(**compiled: Any) -> Any:
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    net.compile("sgd", "mse", metrics=["mae"], **compiled)
    return net


class Recorder(keras.callbacks.Callback):
    """Records the logs after each batch, as Keras's callbacks get them."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.logs.append(dict(logs))


@pytest.mark.parametrize("source", SOURCES)
def test_entries_between_steps_are_the_logs_of_batches(source: str) -> None:
    recorder, net = Recorder(), model()
    net.fit(**SOURCES[source](), epochs=2, verbose=0, callbacks=[recorder])
    plain = net.get_weights()
    net = model()
    history = net.fit(**SOURCES[source](), epochs=2, verbose=0, log_every=3)
    assert [(e["step"], e["epoch"]) for e in history.steps] == [(3, 0), (6, 0), (9, 0), (12, 1), (15, 1), (18, 1)]
    for entry in history.steps:
        for name, value in recorder.logs[entry["step"] - 1].items():
            np.testing.assert_allclose(entry[name], value, rtol=1e-6)
    for a, b in zip(plain, net.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("per", [1, 3])
def test_validation_after_some_steps(source: str, per: int) -> None:
    ends: list[int] = []
    count = keras.callbacks.LambdaCallback(on_test_end=lambda logs: ends.append(int(net.optimizer.iterations)))
    net = model(steps_per_execution=per)
    history = net.fit(
        **SOURCES[source](),
        epochs=2,
        verbose=0,
        validation_data=(X[:16], Y[:16]),
        validation_freq={"steps": 4},
        callbacks=[count],
    )
    assert ends == [4, 8, 12, 16, 20]  # the variables have their values meanwhile
    assert [e["step"] for e in history.steps] == ends
    assert history.history["val_loss"] == [history.steps[1]["val_loss"], history.steps[4]["val_loss"]]
    # The training is the same as without, its metrics too; the last validation is that of the weights as they are.
    plain = model(steps_per_execution=per)
    expected = plain.fit(**SOURCES[source](), epochs=2, verbose=0).history
    np.testing.assert_allclose(history.history["loss"], expected["loss"], rtol=1e-6)
    np.testing.assert_allclose(history.history["mae"], expected["mae"], rtol=1e-6)
    np.testing.assert_allclose(net.evaluate(X[:16], Y[:16], verbose=0)[0], history.steps[-1]["val_loss"], rtol=1e-6)


def test_an_epoch_without_a_validation_has_no_results() -> None:
    history = model().fit(
        X, Y, batch_size=40, epochs=4, verbose=0, validation_data=(X, Y), validation_freq={"steps": 4}
    )
    assert len(history.history["loss"]) == 4 and len(history.history["val_loss"]) == 2


@pytest.mark.parametrize("source", ["arrays", "loader"])
def test_fewer_batches(source: str) -> None:
    net, first = model(), model()
    given = SOURCES[source]()
    found = net.fit(**given, epochs=2, verbose=0, limit_batches=3, validation_data=(X, Y), validation_batch_size=8)
    expected = first.fit(
        X[:24], Y[:24], batch_size=8, shuffle=False, epochs=2, verbose=0, validation_data=(X[:24], Y[:24])
    )
    for name, values in expected.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=1e-6)
    assert int(net.optimizer.iterations) == 6
    net.fit(**given, verbose=0, limit_batches=0.25)
    assert int(net.optimizer.iterations) == 8


def test_fewer_batches_of_shuffled_rows_are_others_in_each_epoch() -> None:
    seen: list[int] = []
    net = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    net.compile(keras.optimizers.SGD(0.0), loss=lambda y_true, y_pred: y_pred[..., 0])
    logs = net.fit(np.arange(1000.0), np.zeros(1000), epochs=3, verbose=0, limit_batches=2, batch_size=10).history
    seen = [round(loss) for loss in logs["loss"]]
    assert len(set(seen)) == 3 and all(100 < s < 900 for s in seen)  # means of twenty of a thousand


@pytest.mark.parametrize("source", SOURCES)
def test_training_on_the_same_batches_again_and_again(source: str) -> None:
    given = SOURCES[source]()
    given.pop("steps_per_epoch", None)
    net = model()
    history = net.fit(**given, epochs=60, verbose=0, overfit_batches=2, validation_data=(X[40:], Y[40:] + 100))
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    assert history.history["val_loss"][-1] < 1  # of the batches that it was trained on
    np.testing.assert_allclose(net.evaluate(X[:16], Y[:16], verbose=0)[0], history.history["val_loss"][-1], rtol=1e-4)


def test_a_time() -> None:
    ends: list[dict] = []
    done = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(logs))
    limit = datetime.timedelta(seconds=0.2)
    history = model().fit(X, Y, epochs=10**6, verbose=0, max_time=limit, validation_data=(X, Y), callbacks=[done])
    assert 1 <= len(history.epoch) < 10**6
    assert len(ends) == len(history.epoch) and "val_loss" in ends[-1]
    history = model().fit(endless(), steps_per_epoch=10**6, epochs=2, verbose=0, max_time=0.2)
    assert len(history.epoch) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_a_trial_of_everything_leaves_the_model_as_it_was(source: str) -> None:
    net = model()
    before, streams = net.get_weights(), np.random.get_state()[1]
    calls: list[str] = []
    hooks = {name: lambda *args, name=name: calls.append(name) for name in ("on_epoch_end", "on_test_end")}
    history = net.fit(
        **SOURCES[source](),
        epochs=50,
        verbose=0,
        dev_run=True,
        validation_data=(X, Y),
        validation_batch_size=8,
        callbacks=[keras.callbacks.LambdaCallback(**hooks)],
    )
    assert calls == ["on_test_end", "on_epoch_end"]
    assert history.epoch == [0] and int(net.optimizer.iterations) == 0
    for a, b in zip(before, net.get_weights()):
        np.testing.assert_array_equal(a, b)
    if source == "arrays":
        np.testing.assert_array_equal(streams, np.random.get_state()[1])
        # The rows of the first batch, which is what the loss is of.
        np.testing.assert_allclose(history.history["loss"][0], net.evaluate(X[:8], Y[:8], verbose=0)[0], rtol=1e-5)


def test_resumed_between_two_validations(tmp_path: Any) -> None:
    given = {"batch_size": 8, "epochs": 3, "verbose": 0, "validation_data": (X, Y), "validation_freq": {"steps": 7}}
    whole = model().fit(X, Y, **given)

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1 and not (tmp_path / "stopped").exists():
                (tmp_path / "stopped").touch()
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, **given, resume=tmp_path / "run", callbacks=[Stop()])
    resumed = model().fit(X, Y, **given, resume=tmp_path / "run", callbacks=[Stop()])
    assert [e["step"] for e in resumed.steps] == [e["step"] for e in whole.steps] == [7, 14, 21, 28]
    assert resumed.history == whole.history
    assert resumed.steps == whole.steps


@pytest.mark.filterwarnings("ignore:To resume")  # batches of the loader are read again
@pytest.mark.parametrize("source", ["arrays", "loader"])
def test_a_training_whose_time_was_over_goes_on(source: str, tmp_path: Any) -> None:
    given = {**SOURCES[source](), "epochs": 2, "verbose": 0, "resume": tmp_path / "run"}
    given |= {"validation_data": (X, Y), "validation_freq": {"steps": 7}, "log_every": 2}
    whole = model()
    expected = whole.fit(**{**given, "resume": None})
    steps = [0]
    while steps[-1] < 20:
        net = model()
        net.fit(**given, max_time=1e-9)  # a dispatch
        steps.append(int(net.optimizer.iterations))
    assert steps == [0, 2, 4, 6, 7, 8, 10, 12, 14, 16, 18, 20]
    found = model().fit(**given)
    assert found.steps == expected.steps
    assert found.history == expected.history


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"limit_batches": 0}, "`limit_batches` must be a positive integer. Received: limit_batches=0"),
        ({"limit_batches": 1.5}, "fraction of the batches to use, in (0, 1]"),
        ({"limit_batches": True}, "`limit_batches` must be a positive integer"),
        ({"overfit_batches": -1}, "`overfit_batches` must be a positive integer"),
        ({"overfit_batches": 1, "limit_batches": 1}, "Pass one of them"),
        ({"max_time": 0}, "`max_time` must be a positive number of seconds"),
        ({"max_time": "1h"}, "`max_time` must be a positive number of seconds"),
        ({"log_every": 0}, "`log_every` must be a positive integer"),
        ({"validation_freq": {"step": 3}}, "one key, 'steps'"),
        ({"validation_freq": {"steps": 0}}, "`validation_freq` must be a positive integer"),
        ({"x": endless(), "y": None, "limit_batches": 0.5}, "how many the data have isn't known"),
    ],
)
def test_mistakes(given: dict, text: str) -> None:
    net = model()
    with pytest.raises(ValueError) as caught:
        net.fit(**{"x": X, "y": Y, "verbose": 0, **given})
    assert text in str(caught.value)
    assert net.optimizer is None or int(net.optimizer.iterations) == 0
