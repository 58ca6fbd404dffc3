"""`fit(..., resume=folder)` in one process: at every safe point, over every kind of data, and what it refuses."""

from __future__ import annotations

import itertools
import json
import threading
import time

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.training.feeding import training_data
from addax.training.loop import Training
from addax.training.sameness import differences, facts_of
from tests.training.test_resuming import fit_arguments

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.normal(size=(23, 1)).astype("float32")


def build(optimizer="adam", units=6, rate=0.3):
    keras.utils.set_random_seed(3)
    parts = [layers.Dense(units, activation="tanh"), layers.Dropout(rate), layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def often(folder, **more):
    return keras.checkpoints.Checkpoints(folder, **({"every_seconds": None, "every_steps": 1} | more))


class Losses(keras.callbacks.Callback):
    """Has a state, sees each batch, and may interrupt the training at the second one."""

    def __init__(self, interrupts=False):
        super().__init__()
        self.interrupts, self.seen, self.losses = interrupts, 0, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.interrupts and self.seen == 2:
            raise KeyboardInterrupt
        self.losses.append(logs["loss"])

    def state(self):
        return {"losses": self.losses}

    def restore(self, state):
        self.losses = list(state["losses"])


class Batches:
    """Batches of two sizes by turns, and of a fixed order, any number of times."""

    def __iter__(self):
        ends = [0, 5, 8, 13, 16, 21, 23]
        return ((X[a:b], Y[a:b]) for a, b in itertools.pairwise(ends))


class Noisy:
    """As `Batches`, with noise from NumPy's global generator."""

    def __iter__(self):
        for x, y in Batches():
            yield x + np.random.normal(size=x.shape).astype("float32"), y


class Stateful:
    """An endless iterator with a state."""

    def __init__(self):
        self.count = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.count += 1
        rows = np.random.default_rng(self.count).integers(0, 23, size=5 if self.count % 3 else 4)
        return X[rows], Y[rows]

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class StatefulIterators:
    """An iterable whose iterators have a state, as grain's loaders are."""

    class Iterator:
        def __init__(self):
            self.at = 0

        def __iter__(self):
            return self

        def __next__(self):
            if self.at == 4:
                raise StopIteration
            self.at += 1
            return X[self.at * 3 : self.at * 3 + 5], Y[self.at * 3 : self.at * 3 + 5]

        def get_state(self):
            return b"%d" % self.at

        def set_state(self, state):
            self.at = int(state)

    def __iter__(self):
        return self.Iterator()


class Dataset(keras.utils.PyDataset):
    def __init__(self, **more):
        super().__init__(**more)
        self.rows = np.arange(23)

    def __len__(self):
        return 5

    def __getitem__(self, i):
        rows = self.rows[i * 5 : (i + 1) * 5]
        return X[rows] + np.random.normal(size=(len(rows), 4)).astype("float32"), Y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.rows)


class WithoutNoise(Dataset):
    def __getitem__(self, i):
        return X[self.rows[i * 5 : (i + 1) * 5]], Y[self.rows[i * 5 : (i + 1) * 5]]


def endless():
    while True:
        rows = np.random.randint(0, 23, size=5)
        yield X[rows], Y[rows]


DATA = {
    "arrays": (lambda: (X, Y), {"batch_size": 5, "validation_split": 0.2}),
    "batches of arrays": (lambda: (X, Y), {"batch_size": 5, "shuffle": "batch"}),
    "arrays, fewer steps": (lambda: (X, Y), {"batch_size": 5, "steps_per_epoch": 3}),
    "iterable": (lambda: (Batches(), None), {}),
    "iterable, fewer steps": (lambda: (Batches(), None), {"steps_per_epoch": 4}),
    "noisy iterable": (lambda: (Noisy(), None), {}),
    "stateful iterator": (lambda: (Stateful(), None), {"steps_per_epoch": 4}),
    "stateful iterators": (lambda: (StatefulIterators(), None), {}),
    "validation of a stateful iterator": (
        lambda: (X, Y),
        {"batch_size": 8, "validation_data": Stateful, "validation_steps": 2},
    ),
    "generator": (lambda: (endless(), None), {"steps_per_epoch": 4}),
    "dataset": (lambda: (Dataset(), None), {}),
    "dataset, in order": (lambda: (Dataset(), None), {"shuffle": False, "steps_per_epoch": 4}),
    "dataset, workers": (lambda: (WithoutNoise(workers=2), None), {}),
}

LONG = ("batches of arrays", "iterable", "iterable, fewer steps", "dataset, in order", "stateful iterators")


def fit(model, make, given, callbacks, **more):
    x, y = make()
    given = {k: v() if callable(v) else v for k, v in given.items()}
    return model.fit(x, y, epochs=3, verbose=0, callbacks=callbacks, **given, **more)


def variables(model):
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def check_same(model, other):
    for got, expected in zip(variables(model), variables(other), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.numpy(), err_msg=expected.path)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:To resume, .* batches of the")
@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k in LONG else k for k in DATA])
def test_interrupted_after_every_step(kind, tmp_path):
    make, given = DATA[kind]
    whole, losses = build(), Losses()
    history = fit(whole, make, given, [losses])
    stream = np.random.random()
    interrupted = 0
    for _ in range(40):
        model, resumed = build(), Losses(interrupts=True)
        try:
            found = fit(model, make, given, [resumed], resume=often(tmp_path))
            break
        except KeyboardInterrupt:
            interrupted += 1
    assert interrupted >= 7
    assert np.random.random() == stream
    assert found.history == history.history and found.epoch == history.epoch
    assert resumed.losses == losses.losses
    check_same(model, whole)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:To resume, .* batches of the")
@pytest.mark.parametrize("kind", ["arrays", "iterable", "stateful iterator"])
def test_interrupted_in_epochs_whose_steps_run_in_loops(kind, tmp_path):
    class Interrupts(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    make, given = DATA[kind]
    whole = build()
    history = fit(whole, make, given, [])
    # Each run gets as far as the end of the steps of an epoch, where a checkpoint is due; the callbacks come after it.
    with pytest.raises(KeyboardInterrupt):
        fit(build(), make, given, [Interrupts()], resume=often(tmp_path))
    model = build()
    found = fit(model, make, given, [], resume=tmp_path)
    assert found.history == history.history
    check_same(model, whole)


def test_a_generator_without_state_is_wound_forward_and_says_so(tmp_path):
    def run(interrupts):
        build().fit(endless(), steps_per_epoch=4, verbose=0, callbacks=[Losses(interrupts)], resume=often(tmp_path))

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(True)
    with pytest.warns(UserWarning, match="2 batches of the generator are read again and dropped, as it has no state"):
        run(False)


def test_a_training_that_has_ended(tmp_path):
    class Begins(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            begun.append(self)

    begun = []
    model = build()
    history = model.fit(X, Y, epochs=2, verbose=0, resume=tmp_path)
    again = build()
    found = again.fit(X, Y, epochs=2, verbose=0, resume=tmp_path, callbacks=[Begins()])
    assert found.history == history.history and found is again.history and not begun
    check_same(again, model)
    whole = build()
    history = whole.fit(X, Y, epochs=5, verbose=0)
    longer = build()
    assert longer.fit(X, Y, epochs=5, verbose=0, resume=tmp_path).history == history.history  # three epochs more
    check_same(longer, whole)
    with pytest.raises(ValueError, match=r"epochs was 5 and is now 4 \(more can be asked for, not fewer\)"):
        build().fit(X, Y, epochs=4, verbose=0, resume=tmp_path)


def test_weights_that_were_replaced_at_the_end_are_not_trained_on(tmp_path):
    def averaging():
        return build(keras.optimizers.SGD(0.1, use_ema=True))

    averaging().fit(X, Y, epochs=2, verbose=0, resume=tmp_path)
    with pytest.raises(ValueError, match="weights were replaced when the training ended"):
        averaging().fit(X, Y, epochs=3, verbose=0, resume=tmp_path)


def zoo():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(9, 4)(inputs)
    x = layers.Bidirectional(layers.GRU(3, dropout=0.1, return_sequences=True, kernel_regularizer="l2"))(x)
    x = layers.MultiHeadAttention(2, 3, dropout=0.2)(x, x)
    x = layers.TimeDistributed(layers.Dense(4, activation=keras.ops.tanh, kernel_initializer="random_normal"))(x)
    x = layers.Add()([x, layers.LayerNormalization()(x)])
    inner = keras.Sequential([layers.Flatten(), layers.Dense(5), layers.BatchNormalization()])
    outputs = {"a": layers.Dense(1, name="a")(inner(x)), "b": layers.Dense(2, name="b", dtype="bfloat16")(inner(x))}
    model = keras.Model(inputs, outputs)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.1, 0.01])
    losses = {"a": keras.losses.Huber(0.5), "b": lambda y, p: keras.ops.mean((y - p) ** 2)}
    model.compile(keras.optimizers.SGD(rate), losses, metrics={"a": ["mae", keras.metrics.MeanSquaredError()]})
    return model


def test_what_is_compared_is_equal_for_equal_trainings_without_a_seed():
    found = []
    for _ in range(2):  # names are counted on in one process
        model, given = zoo(), fit_arguments(validation_freq=[2, 3], class_weight=None)
        x, y = np.ones((8, 6), "int32"), {"a": np.ones((8, 1)), "b": np.ones((8, 2))}
        source, _ = training_data(model, x, y, None, given)
        found.append(facts_of(Training(model, given, source, None)))
    assert json.loads(json.dumps(found[0])) == found[0]
    assert differences(*found) == []
    assert "bfloat16" in json.dumps(found[0]["model"]) and "0.01" in json.dumps(found[0]["compile"])


class Functions:
    """Changes to a training, each with the name of what it changes."""

    def batch_size(given):
        given["batch_size"] = 6

    def steps_per_epoch(given):
        given["steps_per_epoch"] = 3

    def data(given):
        given["x"] = np.where(np.arange(23)[:, None] == 11, 0, X).astype("float32")

    def validation_data(given):
        given["validation_data"] = (X, Y)

    def units(given):
        given["model"] = build(units=7)

    def rate(given):
        given["model"] = build(rate=0.4)

    def learning_rate(given):
        given["model"] = build(keras.optimizers.Adam(0.1))

    def RMSprop(given):
        given["model"] = build("rmsprop")

    def patience(given):
        given["callbacks"] = [keras.callbacks.EarlyStopping("loss", patience=9)]


CHANGES = {name: change for name, change in vars(Functions).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", CHANGES)
def test_another_training_is_refused(name, tmp_path):
    def run(change):
        given = {"model": build(), "x": X, "y": Y, "batch_size": 5, "epochs": 1, "verbose": 0, "resume": tmp_path}
        given["callbacks"] = [keras.callbacks.EarlyStopping("loss", patience=8)]
        change(given)
        model = given.pop("model")
        before = model.get_weights()
        try:
            model.fit(**given)
        except ValueError:
            for a, b in zip(model.get_weights(), before):
                np.testing.assert_array_equal(a, b)
            raise

    run(lambda given: None)
    with pytest.raises(ValueError, match=f"can't go on: it was another one.* {name}|{name}.* was .* and is now"):
        run(CHANGES[name])
    run(lambda given: given.update(verbose=2))  # what may differ


def test_callbacks_that_forget_are_named(tmp_path):
    class Forgets(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.count, self.name = 0, "mine"

        def on_epoch_end(self, epoch, logs=None):
            self.count += 1

    class Interrupts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build().fit(
            X, Y, epochs=4, verbose=0, callbacks=[Forgets(), Interrupts()], resume=often(tmp_path, every_epoch=1)
        )
    with pytest.warns(UserWarning, match=r"in no checkpoint, so they begin anew.* Forgets: count\.$"):
        build().fit(X, Y, epochs=4, verbose=0, callbacks=[Forgets()], resume=tmp_path)


def test_a_state_that_can_not_be_written_is_named(tmp_path):
    class Odd(keras.callbacks.Callback):
        def state(self):
            return {"files": [object()]}

    with pytest.raises(TypeError, match=r"Odd.state\(\)/files/0 has a value of type object, which a checkpoint can't"):
        build().fit(X, Y, verbose=0, callbacks=[Odd()], resume=tmp_path)


def test_backup_and_restore_repeats_no_batch(tmp_path):
    def run(interrupts):
        model, losses = build(), Losses()
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=3)
        model.fit(X, Y, batch_size=3, epochs=5, verbose=0, callbacks=[backup, losses, *interrupts])
        return model, losses

    class At(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 20:
                raise KeyboardInterrupt

    whole, losses = run([])
    with pytest.raises(KeyboardInterrupt):
        run([At()])
    model, resumed = run([])
    assert int(model.optimizer.iterations) == 40 and resumed.losses == losses.losses
    check_same(model, whole)
    assert not (tmp_path / "backup").exists()


def test_two_folders_are_refused(tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "a")
    with pytest.raises(ValueError, match="pass either `resume` or one `BackupAndRestore`"):
        build().fit(X, Y, verbose=0, callbacks=[backup], resume=tmp_path / "b")


def test_a_second_fit_in_another_thread_is_refused():
    model, found = build(), []
    begun, tried = threading.Event(), threading.Event()

    class Waits(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            begun.set()
            assert tried.wait(60)

    def second():
        assert begun.wait(60)
        try:
            model.fit(X, Y, verbose=0)
        except RuntimeError as error:
            found.append(str(error))
        tried.set()

    thread = threading.Thread(target=second, name="second")
    thread.start()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[Waits()])
    thread.join()
    assert len(found) == 1 and "is being trained by a `fit` in thread 'MainThread', so a second `fit`" in found[0]
    model.fit(X, Y, verbose=0)  # the next one may


def test_how_slow_batches_are_grouped_changes_no_bit():
    def batches(seconds):
        for i in range(30):
            time.sleep(seconds if i % 4 == 0 else 0)
            yield X[i % 19 : i % 19 + 4], Y[i % 19 : i % 19 + 4]

    class Dispatches(keras.callbacks.ProgbarLogger):
        def on_train_batch_end(self, batch, logs=None):
            last.append(batch)

    found, ways = [], []
    for seconds in (0, 0.11):
        model, last = build(), []
        model.fit(batches(seconds), verbose=1, callbacks=[Dispatches()])
        found.append(model)
        ways.append(last)
    assert len(ways[1]) > len(ways[0])  # they were grouped in another way
    check_same(*found)
