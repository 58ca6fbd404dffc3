"""Members of ensembles against the same models trained alone."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

import addax as keras
from addax.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from addax.ensembles import Ensemble, EnsembleHistory

ROWS = 80
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4)).astype("float32")
Y = (X @ RANDOM.normal(size=(4, 1)) + RANDOM.normal(size=(ROWS, 1))).astype("float32")
FIT = {"batch_size": 16, "epochs": 3, "verbose": 0, "validation_split": 0.2}
RAGGED = {"validation_split": 0.35}  # the last batch has 4 rows, that of the validation 12


def build(learning_rate: float = 0.05, units: int = 8) -> keras.Model:
    layers = keras.layers
    hidden = [layers.Dense(units, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(learning_rate), "mse", metrics=["mae"])
    return model


def alone(seed: int, make=build, callbacks=None, **options) -> keras.Model:
    """The model that a program of its own would train."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = make()
    model.fit(X, Y, callbacks=callbacks, **{**FIT, **options})
    return model


def assert_same(model, other, exactly: bool = False) -> None:
    """Both have the same weights, optimizer's variables and logs."""
    close = {"rtol": 0, "atol": 0} if exactly else {"rtol": 2e-4, "atol": 2e-5}
    for one, two in zip(model.variables + model.optimizer.variables, other.variables + other.optimizer.variables):
        np.testing.assert_allclose(one.numpy(), two.numpy(), **close, err_msg=one.path)
    mine, theirs = model.history.history, other.history.history
    assert list(mine) == list(theirs)
    for name in mine:
        np.testing.assert_allclose(mine[name], theirs[name], **close, err_msg=name)


@pytest.fixture(scope="module")
def singles() -> list:
    return [alone(seed, **RAGGED) for seed in range(2)]


@pytest.mark.parametrize("way", ["vmap", "map", pytest.param("one after another", marks=pytest.mark.slow)])
def test_members_are_the_models_of_single_fits(singles, way):
    ensemble = keras.ensemble(build, 2, way=way)
    ensemble.fit(X, Y, **{**FIT, **RAGGED})
    assert ensemble.way == way
    for model, single in zip(ensemble, singles):
        assert_same(model, single, exactly=way != "vmap")
        assert model.name == single.name  # named as in a process of its own


@pytest.mark.slow
def test_training_goes_on_where_it_ended(singles):
    ensemble = keras.ensemble(build, [2, 0], way="map")
    ensemble.fit(X, Y, **{**FIT, "epochs": 1})
    again = keras.ensemble(build, [2, 0], way="one after another")
    again.fit(X, Y, **{**FIT, "epochs": 1})
    for each in (ensemble, again):
        each.fit(X, Y, **FIT)
    for model, other in zip(ensemble, again):
        assert_same(model, other, exactly=True)


def test_the_process_keeps_its_random_numbers_and_names():
    keras.utils.set_random_seed(5)
    expected = np.random.rand()
    keras.utils.set_random_seed(5)
    before = keras.layers.Dense(1).name
    keras.ensemble(build, 2, way="vmap").fit(X, Y, **{**FIT, "epochs": 1})
    assert np.random.rand() == expected
    number = int(before.partition("_")[2] or 0)
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"


def test_a_sweep_over_rates_is_one_program():
    trials = keras.sweep(build, learning_rate=[0.01, 0.1], seed=[4])
    assert trials.labels[1] == {"learning_rate": 0.1, "seed": 4}
    trials.fit(X, Y, **FIT)
    assert (trials.way, trials.why) == ("vmap", "a step is small: starting its operations takes a good part of it")
    assert_same(trials[1], alone(4, lambda: build(0.1)))


@pytest.mark.slow
def test_a_sweep_over_units_is_several_programs():
    trials = keras.sweep(build, units=[8, 3, 5], learning_rate=[0.01, 0.1])[:5]
    assert trials.labels[1] == {"units": 8, "learning_rate": 0.1, "seed": 0}
    trials.fit(X, Y, **FIT)
    assert trials.way == "vmap (4), one after another (1)"
    assert trials.why.endswith("part of it; no other member has the same architecture")
    assert_same(trials[3], alone(0, lambda: build(0.1, 3)))
    assert_same(trials[4], alone(0, lambda: build(0.01, 5)), exactly=True)


def test_seed_is_given_to_a_build_that_asks_for_it():
    seen = []

    def make(seed, units):
        seen.append((seed, units))
        return build(units=units)

    keras.sweep(make, units=[2, 3], seed=[7, 8])
    assert seen == [(7, 2), (8, 2), (7, 3), (8, 3)]


def test_early_stopping_and_rates_are_each_members_own():
    def callbacks():
        return [
            EarlyStopping("val_loss", patience=2, restore_best_weights=True, min_delta=0.05),
            ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.3),
        ]

    options = {**FIT, "epochs": 12}
    seeds = range(3)
    expected = [alone(seed, callbacks=callbacks(), **options) for seed in seeds]
    lengths = [len(model.history.epoch) for model in expected]
    assert len(set(lengths)) > 1  # they stop at different times
    ensemble = keras.ensemble(build, seeds, way="map")
    history = ensemble.fit(X, Y, callbacks=callbacks(), **options)
    assert [len(member.epoch) for member in history] == lengths
    for model, single in zip(ensemble, expected):
        assert_same(model, single, exactly=True)
    losses = ensemble.evaluate(X[-16:], Y[-16:])["loss"]
    assert ensemble.best("val_loss") is ensemble[int(np.argmin(losses))]


def test_checkpoints_have_the_members_numbers(tmp_path):
    path = str(tmp_path / "{member}-{epoch}.weights.h5")
    ensemble = keras.ensemble(build, 2, way="vmap")
    with pytest.raises(ValueError, match=r"ModelCheckpoint would all write to filepath='best.keras'. Put '\{member\}'"):
        ensemble.fit(X, Y, callbacks=[ModelCheckpoint("best.keras")], **FIT)
    ensemble.fit(X, Y, callbacks=ModelCheckpoint(path, save_weights_only=True), **FIT)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{m}-{e}.weights.h5" for m in (0, 1) for e in (1, 2, 3)]
    copy = build()
    copy.load_weights(tmp_path / "1-3.weights.h5")
    for one, two in zip(copy.get_weights(), ensemble[1].get_weights()):
        np.testing.assert_array_equal(one, two)


def test_callbacks_by_number_meet_their_model():
    met = []

    def of(number):
        return [LambdaCallback(on_epoch_end=lambda epoch, logs: met.append((number, epoch, logs["loss"])))]

    ensemble = keras.ensemble(build, 2, way="vmap")
    history = ensemble.fit(X, Y, callbacks=of, **{**FIT, "epochs": 2})
    assert met == [(k, epoch, history[k].history["loss"][epoch]) for epoch in (0, 1) for k in (0, 1)]


def test_what_a_callback_reads_and_assigns_is_the_members():
    class Halve(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights = self.model.layers[0].get_weights()
            self.model.layers[0].set_weights([weights[0] / 2, weights[1]])
            assert self.model.evaluate(X, Y, verbose=0, return_dict=True)["loss"] > 0

    ensemble = keras.ensemble(build, 2, way="map")
    ensemble.fit(X, Y, callbacks=[Halve()], **FIT)
    assert_same(ensemble[1], alone(1, callbacks=[Halve()]), exactly=True)


def test_predictions():
    ensemble = keras.ensemble(build, 3)
    every = ensemble.predict(X, members=True)
    np.testing.assert_array_equal(every[2], ensemble[2].predict(X, verbose=0))
    mean, spread = ensemble.predict(X)
    np.testing.assert_allclose(mean, every.astype("float64").mean(0), rtol=1e-6)
    np.testing.assert_allclose(spread, every.astype("float64").std(0), rtol=1e-5)


def test_history_as_a_table(monkeypatch):
    members = [keras.callbacks.History() for _ in range(2)]
    for number, member in enumerate(members):
        for epoch in range(2):  # validated after every second epoch
            member.on_epoch_end(epoch, {"loss": number + epoch / 2, **({"val_loss": number + 5.0} if epoch else {})})
    history = EnsembleHistory(members, [{"learning_rate": rate, "seed": 0} for rate in (0.01, 0.1)])
    frame = history.frame()
    assert list(frame["epoch"]) == [0, 1, 0, 1]
    assert list(frame["learning_rate"]) == [0.01, 0.01, 0.1, 0.1]
    monkeypatch.setitem(sys.modules, "pandas", None)
    columns = history.frame()
    assert columns["loss"] == [0.0, 0.5, 1.0, 1.5]
    assert columns["val_loss"] == [None, 5.0, None, 6.0]


@pytest.mark.slow
def test_batches_of_a_generator_are_shared():
    def batches():
        for _ in range(2):
            yield X[:16], Y[:16]
            yield X[16:32], Y[16:32]

    options = {"epochs": 2, "steps_per_epoch": 2, "verbose": 0}
    ensemble = keras.ensemble(build, 2, way="vmap")
    ensemble.fit(batches(), **options)
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    single = build()
    single.fit(batches(), **options)
    assert_same(ensemble[1], single)
    with pytest.raises(ValueError, match=r"a generator, which is read once, .* one after another: as asked"):
        keras.ensemble(build, 2, way="one after another").fit(batches(), **options)


class Scaled(keras.layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def test_users_layers_share_a_program_where_they_compute_the_same():
    def make(factor=2.0):
        model = keras.Sequential([Scaled(factor), keras.layers.Dense(1)])  # built for the data
        model.compile("sgd", "mse")
        return model

    trials = keras.sweep(make, factor=[2.0, 3.0], seed=2)
    options = {**FIT, "epochs": 1}
    trials.fit(X, Y, **options)
    assert trials.way == "one after another"
    assert trials.why == "no other member has the same architecture"
    both = keras.sweep(make, factor=[3.0], seed=[2, 3])
    both.fit(X, Y, **options)
    assert both.way == "vmap"
    np.testing.assert_allclose(both[0].get_weights()[0], trials[1].get_weights()[0], rtol=1e-5)


def two_outputs():
    inputs = keras.Input((4,), name="a")
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    model = keras.Model({"a": inputs}, {name: keras.layers.Dense(1, name=name)(hidden) for name in ("p", "q")})
    model.compile("adam", {"p": "mse", "q": "mae"}, metrics={"q": ["mae"]})
    return model


def recurrent():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Reshape((4, 1)), keras.layers.LSTM(5)])
    model.compile(keras.optimizers.RMSprop(0.01, use_ema=True), "mse")
    return model


def scaled():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, dtype="mixed_float16"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01)), "mse")
    return model


@pytest.mark.slow
@pytest.mark.parametrize("make", [two_outputs, recurrent, scaled])
def test_other_models(make):
    x, y = ({"a": X}, {"p": Y, "q": Y}) if make is two_outputs else (X, np.repeat(Y, 5, 1) if make is recurrent else Y)
    ensemble = keras.ensemble(make, 2, way="vmap")
    ensemble.fit(x, y, **FIT)
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    single = make()
    single.fit(x, y, **FIT)
    assert_same(ensemble[1], single)


def test_ways_are_chosen_by_the_program(capsys):
    def convolution():
        model = keras.Sequential([keras.Input((4, 1)), keras.layers.Conv1D(1, 4), keras.layers.Flatten()])
        model.compile("sgd", "mse")
        return model

    def wide():
        return build(units=60_000)

    class Each(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    options = {**FIT, "epochs": 0, "verbose": 2}
    for make, callbacks, why in (
        (convolution, None, "convolutions don't run well in loops on CPUs"),
        (wide, None, "a step is large enough to keep the device busy"),
        (build, Each(), "a callback is called after each batch"),
    ):
        ensemble = keras.ensemble(make, 2)
        ensemble.fit(X[..., None] if make is convolution else X, Y, callbacks=callbacks, **options)
        assert (ensemble.way, ensemble.why) == ("one after another", why)
        assert f"2 members, one after another: {why}." in capsys.readouterr().out


def test_a_step_for_one_core_is_shared_out_among_the_cores():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    ensemble = keras.ensemble(lambda: build(units=600), 2)
    ensemble.fit(X, Y, **{**FIT, "epochs": 0})
    assert ensemble.way == ("map" if cores > 1 else "one after another")


@pytest.mark.parametrize("way", ["vmap", "map"])
def test_members_that_stop_leave_their_lane(way):
    """One of three stops: the others go on as they would without it."""
    options = {**FIT, "epochs": 4}

    def stop(number):
        def end(epoch, logs):
            if (number, epoch) == (1, 1):
                ensemble[1].stop_training = True

        return [LambdaCallback(on_epoch_end=end)]

    ensemble = keras.ensemble(build, 3, way=way)
    history = ensemble.fit(X, Y, callbacks=stop, **options)
    assert [len(h.epoch) for h in history] == [4, 2, 4]
    for seed, epochs in enumerate((4, 2, 4)):
        assert_same(ensemble[seed], alone(seed, **{**options, "epochs": epochs}), exactly=way == "map")


def test_an_interrupted_training_leaves_models_that_can_be_used():
    def interrupt(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    ensemble = keras.ensemble(build, 2, way="vmap")
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(X, Y, callbacks=[LambdaCallback(on_epoch_end=interrupt)], **FIT)
    ended = keras.ensemble(build, 2, way="vmap")
    ended.fit(X, Y, **{**FIT, "epochs": 2})
    for model, other in zip(ensemble, ended):
        for one, two in zip(model.get_weights(), other.get_weights()):
            np.testing.assert_array_equal(one, two)


def test_mistakes():
    def eager():
        model = build()
        model.run_eagerly = True
        return model

    model = build()
    uncompiled = keras.Sequential([keras.layers.Dense(1)])
    for make, text in (
        (lambda: uncompiled, "`build` must return a compiled model. Received: a model that isn't compiled."),
        (lambda: None, "`build` must return a compiled model. Received: "),
        (lambda: model, "`build` returned the same model for several members"),
    ):
        with pytest.raises(ValueError, match=text):
            keras.ensemble(make, 2)
    with pytest.raises(ValueError, match="`way` must be 'auto' or one of 'vmap', 'map', 'devices', 'one after"):
        keras.ensemble(build, 2, way="pmap")
    with pytest.raises(ValueError, match="needs at least one member"):
        Ensemble([])
    with pytest.raises(ValueError, match="`seeds` must be a positive integer"):
        keras.ensemble(build, 0)
    with pytest.raises(ValueError, match="as way='vmap' asks for: `run_eagerly` is on"):
        keras.ensemble(eager, 2, way="vmap").fit(X, Y, **FIT)
    with pytest.raises(ValueError, match="call `fit` first"):
        keras.ensemble(build, 1).best()
    with pytest.raises(ValueError, match="BackupAndRestore resumes the `fit` of one model"):
        keras.ensemble(build, 1).fit(X, Y, callbacks=[keras.callbacks.BackupAndRestore("folder")], **FIT)


def test_a_callback_that_changes_a_model_is_an_error():
    def replace(number):
        def end(epoch, logs):
            ensemble[number].train_function = lambda state, iterator: None

        return [LambdaCallback(on_epoch_end=end)]

    ensemble = keras.ensemble(build, 2, way="vmap")
    with pytest.raises(RuntimeError, match=r"changed what model 'sequential' computes.*pass way='one after another'"):
        ensemble.fit(X, Y, callbacks=replace, **FIT)
