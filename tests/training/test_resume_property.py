"""Any data, callbacks and checkpoints, cut off anywhere: the run that goes on ends as the one that was whole."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import addax as keras
from addax import layers
from addax.data.dataset import Dataset

pytestmark = [
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),
    pytest.mark.filterwarnings("ignore:To resume, .* batches of the"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.normal(size=(23, 1)).astype("float32")
EPOCHS = 4


def noisy(x: Any, y: Any) -> Any:
    return x + np.random.normal(size=x.shape).astype("float32"), y


def rows() -> Dataset:
    return Dataset.from_tensor_slices((X, Y))


class Sequence(keras.utils.PyDataset):
    def __init__(self) -> None:
        super().__init__()
        self.rows = np.arange(23)

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> Any:
        at = self.rows[i * 5 : (i + 1) * 5]
        return noisy(X[at], Y[at])

    def on_epoch_end(self) -> None:
        np.random.shuffle(self.rows)


class Stream:
    """An endless iterator with a state."""

    def __init__(self) -> None:
        self.count = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        self.count += 1
        at = np.random.default_rng(self.count).integers(0, 23, size=5)
        return X[at], Y[at]

    def get_state(self) -> int:
        return self.count

    def set_state(self, state: int) -> None:
        self.count = state


class Noisy:
    """An iterable without a state, whose batches come from NumPy's global stream."""

    def __iter__(self) -> Any:
        return (noisy(X[i : i + 5], Y[i : i + 5]) for i in range(0, 23, 5))


DATA: dict[str, Callable[[], Any]] = {
    "arrays": lambda: (X, Y),
    "PyDataset": Sequence,
    "stream": Stream,
    "iterable": Noisy,
    "dataset": lambda: rows().shuffle(23).batch(5),
    "ahead": lambda: rows().shuffle(8).map(lambda x, y: (2 * x, y), num_parallel_calls=2).batch(5).prefetch(3),
    "cached": lambda: rows().cache().shuffle(23, seed=1).batch(4).take(4),
    "in order": lambda: rows().shuffle(23, reshuffle_each_iteration=False).skip(3).batch(6),
    "noisy": lambda: rows().shuffle(23).batch(5).map(noisy),
    "repeated": lambda: rows().shuffle(23).repeat().batch(5),
    "filtered": lambda: rows().filter(lambda x, y: x[0] > 0).shuffle(9).batch(3),
    "joined": lambda: Dataset.zip(rows().map(lambda x, y: x).shuffle(5), rows().map(lambda x, y: y)).batch(5),
    "kept in an order": lambda: rows().shuffle(23).cache().batch(5),
    "noise in a buffer": lambda: rows().map(noisy).shuffle(9).batch(5),
    "chained": lambda: rows().shuffle(23).concatenate(rows().take(4).shuffle(4)).batch(5),
}
ENDLESS = ("stream", "repeated")


class Cut(keras.callbacks.Callback):
    """Interrupts the training at its n-th event: a batch, an epoch's end, a batch of validation."""

    def __init__(self, at: int | None):
        super().__init__()
        self.left = at

    def state(self) -> Any:
        return {}

    def restore(self, state: Any) -> None:
        """Keeps its own count."""

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._count()


class Losses(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(float(logs["loss"]))

    def state(self) -> Any:
        return {"losses": self.losses}

    def restore(self, state: Any) -> None:
        self.losses = list(state["losses"])


CALLBACKS: dict[str, Callable[[Path], Any]] = {
    "losses": lambda folder: Losses(),
    "early stopping": lambda folder: keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True),
    "plateau": lambda folder: keras.callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5),
    "checkpoint": lambda folder: keras.callbacks.ModelCheckpoint(
        folder / "best.weights.h5", "loss", save_best_only=True, save_weights_only=True
    ),
    "schedule": lambda folder: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    "csv": lambda folder: keras.callbacks.CSVLogger(folder / "log.csv", append=True),
}


@st.composite
def trainings(draw: Any) -> dict[str, Any]:
    data = draw(st.sampled_from(sorted(DATA)))
    per = draw(st.sampled_from([1, 1, 2, 3]))
    steps = draw(st.sampled_from([3, 4])) if data in ENDLESS else draw(st.sampled_from([None, None, 3, 7]))
    save = draw(
        st.sampled_from(
            [{"every_steps": 1}, {"every_steps": 2}, {"every_steps": 3}, {"every_epoch": True}, {"every_seconds": 0.0}]
        )
    )
    return {
        "data": data,
        "per": per,
        "steps": steps,
        "save": {"every_seconds": None, **save},
        "backup": draw(st.sampled_from([None, None, "epoch", 1, 2])),
        "validation": draw(st.booleans()),
        "callbacks": draw(st.lists(st.sampled_from(sorted(CALLBACKS)), unique=True, max_size=4)),
        "cuts": draw(st.lists(st.integers(0, 14), min_size=1, max_size=3)),
        "seeded": draw(st.booleans()),
    }


def run(training: dict[str, Any], folder: Path, seed: int, cut: int | None, resume: bool) -> Any:
    """Trains; returns all that must be equal."""
    keras.utils.set_random_seed(seed)
    parts = [layers.Dense(4, activation="tanh"), layers.Dropout(0.3), layers.BatchNormalization(), layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile("adam", "mse", metrics=["mae"], steps_per_execution=training["per"])
    made = DATA[training["data"]]()
    x, y = made if isinstance(made, tuple) else (made, None)
    callbacks = [CALLBACKS[name](folder) for name in training["callbacks"]]
    more: dict[str, Any] = {"batch_size": 5} if y is not None else {}
    if training["validation"]:
        more["validation_data"] = (X[:9], Y[:9])
    outer = [*callbacks, Cut(cut)]
    if resume and training["backup"] is not None:
        outer = [keras.callbacks.BackupAndRestore(folder / "backup", training["backup"]), *outer]
    elif resume:
        more["resume"] = keras.checkpoints.Checkpoints(folder / "run", **training["save"])
    options = {"epochs": EPOCHS, "verbose": 0, "steps_per_epoch": training["steps"], "callbacks": outer, **more}
    try:
        history = model.fit(x, y, **options)
    finally:
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.CSVLogger) and callback.csv_file is not None:
                callback.csv_file.close()  # as the end of a process does
    values = [v.numpy() for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)]
    files = {p.name: p.read_text() for p in folder.glob("*.csv")}
    states = keras.callbacks.CallbackList(callbacks).state()
    return values, history.epoch, history.history, files, repr(states).replace(str(folder), ""), np.random.random()


def check(training: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        expected = run(training, Path(one), 3, None, resume=False)
        found = None
        for number, cut in enumerate([*training["cuts"], None]):
            # What a script without a seed draws anew at each start must not count.
            seed = 3 if training["seeded"] or number == 0 else 100 + number
            try:
                found = run(training, Path(other), seed, cut, resume=True)
                break
            except KeyboardInterrupt:
                pass
        assert found is not None
        for got, want in zip(found[0], expected[0], strict=True):
            np.testing.assert_array_equal(got, want)
        assert found[1:] == expected[1:]


GIVEN = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "derandomize": True,
    "phases": [Phase.generate],
}


@settings(max_examples=4, **GIVEN)
@given(trainings())
def test_a_training_that_is_cut_off_ends_as_the_whole_one(training: dict[str, Any]) -> None:
    check(training)


@pytest.mark.slow
@settings(max_examples=50, **GIVEN)
@given(trainings())
def test_many_trainings_that_are_cut_off(training: dict[str, Any]) -> None:
    check(training)


@pytest.mark.slow
@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize("data", DATA)
def test_each_kind_of_data(data: str, seeded: bool) -> None:
    for steps in (3, 7) if data in ENDLESS else (None, 3, 7):
        check(
            {
                "data": data, "per": 1, "steps": steps, "save": {"every_seconds": None, "every_steps": 2},
                "backup": None, "validation": True, "callbacks": ["losses"], "cuts": [4, 9], "seeded": seeded,
            }
        )  # fmt: skip
