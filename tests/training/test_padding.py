"""Batches of odd sizes: the results are those of programs of just that size, and few programs are compiled."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.training.executables import shared
from addax.training.prepare import prepare
from addax.training.programs import program_of

rng = np.random.default_rng(0)
X = rng.normal(size=(11, 6)).astype("float32")
BIT = rng.integers(0, 2, (11, 1)).astype("float32")
CLASS = rng.integers(0, 3, 11)
ONE_HOT = np.eye(3, dtype="float32")[CLASS]
REAL = rng.uniform(0.1, 1.0, (11, 3)).astype("float32")
WEIGHT = rng.uniform(0.5, 2.0, 11).astype("float32")


@pytest.fixture
def padding():
    yield lambda on: keras.config.set("pad_batches", on)
    keras.config.set("pad_batches", True)


LOSSES = {
    "real": "MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredLogarithmicError Huber LogCosh "
    "CosineSimilarity Poisson KLDivergence Hinge SquaredHinge CategoricalHinge",
    "bit": "BinaryCrossentropy BinaryFocalCrossentropy",
    "class": "SparseCategoricalCrossentropy",
    "one_hot": "CategoricalCrossentropy CategoricalFocalCrossentropy",
}
METRICS = {
    "real": "MeanSquaredError RootMeanSquaredError MeanAbsoluteError CosineSimilarity LogCoshError Poisson",
    "bit": "BinaryAccuracy BinaryCrossentropy AUC Precision Recall TruePositives FalsePositives TrueNegatives "
    "FalseNegatives PrecisionAtRecall",
    "class": "SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SparseCategoricalCrossentropy",
    "one_hot": "CategoricalAccuracy TopKCategoricalAccuracy CategoricalCrossentropy",
}
LABELS = {"real": REAL, "bit": BIT, "class": CLASS, "one_hot": ONE_HOT}


def every_loss() -> tuple:
    """A model with an output for each loss there is, labels, and weights of the rows."""
    x = keras.Input((6,))
    h = layers.Dense(4, activation="tanh", kernel_initializer=keras.initializers.GlorotUniform(1))(x)
    outputs, losses, metrics, labels = {}, {}, {}, {}
    for kind, names in LOSSES.items():
        for name in names.split():
            units = 1 if kind == "bit" else 3
            activation = "sigmoid" if kind in ("bit", "real") else "softmax"
            init = keras.initializers.GlorotUniform(2)
            outputs[name] = layers.Dense(units, activation=activation, name=name, kernel_initializer=init)(h)
            losses[name] = getattr(keras.losses, name)()
            metrics[name] = []
            labels[name] = LABELS[kind]
        wanted = METRICS[kind].split()
        made = [getattr(keras.metrics, m)(**({"recall": 0.5} if m == "PrecisionAtRecall" else {})) for m in wanted]
        metrics[name] = made
    model = keras.Model(x, outputs)
    model.compile("sgd", losses, metrics=metrics, weighted_metrics={"MeanSquaredError": ["mae"]})
    return model, labels


def test_every_loss_and_metric(padding):
    """Each is the same with rows added and without, in training and in evaluation."""
    found = {}
    for on in (True, False):
        padding(on)
        keras.utils.clear_session(free_memory=False)  # names of metrics begin anew
        model, labels = every_loss()
        weights = dict.fromkeys(labels, WEIGHT)
        history = model.fit(X, labels, sample_weight=weights, batch_size=4, epochs=2, shuffle=False, verbose=0)
        results = model.evaluate(X, labels, batch_size=4, verbose=0, return_dict=True)
        assert program_of(model, "train").may_pad is on
        assert program_of(model, "test").may_pad is on
        found[on] = history.history | results, model.get_weights()
    logs, weights = found[True]
    assert len(logs) > 30
    for name, value in logs.items():
        np.testing.assert_allclose(value, found[False][0][name], rtol=2e-5, err_msg=name)
    for a, b in zip(weights, found[False][1]):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def small(*extra, loss="mse", metrics=("mae",), units=3):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu"), *extra, layers.Dense(units)])
    model.compile("sgd", loss, metrics=list(metrics))
    return model


def test_dropout_drops_the_same(padding):
    """In training, too, the last batch is what it is without rows added."""
    found = []
    for on in (True, False):
        padding(on)
        keras.utils.set_random_seed(0)
        model = small(layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.AlphaDropout(0.2))
        model.fit(X, REAL, batch_size=4, epochs=2, verbose=0)
        assert program_of(model, "train").may_pad is on
        found.append(model.get_weights())
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_one_program_for_all_batches_of_training_and_validation():
    model = small()
    model.fit(X, REAL, batch_size=4, epochs=3, validation_data=(X[:9], REAL[:9]), validation_batch_size=4, verbose=0)
    assert program_of(model, "train").compiles == 1
    assert program_of(model, "test").compiles == 1


class Mine(layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x, axis=0)


def coupled():
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(3)(x - keras.ops.mean(x, axis=0, keepdims=True)))


def batch_axis():
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(3)(layers.Softmax(axis=0)(x)))


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda: small(Mine()), ()),
        (lambda: small(layers.Lambda(lambda x: x - x.mean(0))), ()),
        (coupled, ()),
        (batch_axis, ()),
        (lambda: small(layers.BatchNormalization()), ("test", "predict")),
        (lambda: small(layers.ActivityRegularization(0.1)), ("predict",)),
        (lambda: small(layers.Dense(4, activity_regularizer="l2")), ("predict",)),
        (lambda: small(layers.Reshape((2, 2)), layers.LSTM(3, dropout=0.5)), ("test", "predict")),
        (lambda: small(loss="dice"), ("predict",)),
        (lambda: small(loss="circle"), ("predict",)),
        (lambda: small(loss=lambda t, p: keras.ops.mean((t - p) ** 2)), ("predict",)),
        (lambda: small(metrics=[lambda t, p: keras.ops.max(t - p)]), ("predict",)),
        (lambda: small(metrics=[keras.metrics.R2Score()]), ("predict",)),
    ],
)
def test_rows_are_added_only_where_that_is_right(make, kinds):
    model = make()
    if not model.compiled:
        model.compile("sgd", "mse")
    prepare(model, X, REAL)
    assert {kind for kind in ("train", "test", "predict") if program_of(model, kind).may_pad} == set(kinds)


def test_batch_normalization_is_trained_on_the_real_rows(padding):
    """The last batch has a program of its own, made by another thread, with the same results as one made here."""
    found = []
    for on in (True, False):
        padding(on)
        keras.utils.set_random_seed(0)
        model = small(layers.BatchNormalization())
        model.fit(X, REAL, batch_size=4, epochs=2, verbose=0)
        found.append(model.get_weights())
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_predictions_of_any_number_of_rows():
    model = small()
    expected = model(X).__array__()
    for n in (*range(1, 12), 3, 2, 1):
        np.testing.assert_allclose(model.predict(X[:n], verbose=0), expected[:n], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.predict(X[:n], batch_size=4, verbose=0), expected[:n], rtol=1e-5, atol=1e-6)
    assert program_of(model, "predict").compiles <= 5


def test_what_comes_again_and_again_gets_a_program_that_fits():
    model = small()
    model.predict(np.zeros((32, 6), "float32"), verbose=0)
    for _ in range(30):
        model.predict(X[:3], verbose=0)
    assert program_of(model, "predict").sizes.for_rows(3) == 3


def test_several_inputs_and_outputs():
    a, b = keras.Input((6,), name="a"), keras.Input((2, 3), name="b")
    both = layers.Concatenate()([a, layers.Flatten()(b)])
    model = keras.Model({"a": a, "b": b}, {"one": layers.Dense(2)(both), "two": layers.Dense(1)(both)})
    x = {"a": X, "b": X.reshape(11, 2, 3)}
    expected = model(x)
    found = model.predict(x, batch_size=4, verbose=0)
    assert found["one"].shape == (11, 2)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)


def test_batches_of_many_sizes_from_a_generator(padding):
    """Two programs do: for the size of the first batch, and for all that are smaller."""
    sizes = (4, 2, 3, 1, 4, 3)
    found = []
    for on in (True, False):
        padding(on)
        shared.clear()
        keras.utils.set_random_seed(0)
        model = small(layers.Dropout(0.5))

        def batches():
            for start, n in enumerate(sizes):
                yield X[start : start + n], REAL[start : start + n], WEIGHT[start : start + n]

        history = model.fit(batches(), verbose=0).history
        results = model.evaluate(batches(), verbose=0)
        assert [program_of(model, k).compiles for k in ("train", "test")] == [2 if on else 4] * 2
        found.append([*history["loss"], *history["mae"], *results, *model.get_weights()])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# Code of the user's: padded where it says that it may be, and nowhere else


class Scale(layers.Layer):
    rowwise = True

    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor


class Silent(Scale):
    pass


class InferenceOnly(Scale):
    rowwise = "inference"


class Distance(keras.losses.Loss):
    rowwise = True

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


class Total(keras.metrics.Metric):
    rowwise = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = keras.ops.sum(y_pred, axis=-1)
        self.total.assign_add(keras.ops.sum(values if sample_weight is None else values * sample_weight))

    def result(self):
        return self.total.value


def halved(x):
    return x / 2


halved.rowwise = True


def own_distance(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


own_distance.rowwise = True


@functools.wraps(keras.losses.mean_squared_error)
def wrapped(y_true, y_pred):
    value = keras.losses.mean_squared_error(y_true, y_pred)
    return value - keras.ops.mean(value)


class Own(keras.Model):
    """A class of the user's, which may do anything in `call`: here it takes the mean of the batch away."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        y = self.dense(inputs)
        return y - keras.ops.mean(y, axis=0)


class OwnOfRows(Own):
    rowwise = True

    def call(self, inputs):
        return self.dense(inputs)


class OwnStep(keras.Model):
    """A graph's class whose `call` is the graph's."""

    def extra(self):
        return 0


def own_step():
    x = keras.Input((6,))
    return OwnStep(x, layers.Dense(3)(x))


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (lambda: small(Scale()), ("train", "test", "predict")),
        (lambda: small(Silent()), ()),
        (lambda: small(InferenceOnly()), ("test", "predict")),
        (lambda: small(layers.Dense(4, activation=halved)), ("train", "test", "predict")),
        (lambda: small(layers.Dense(4, activation=lambda x: x / 2)), ()),
        (lambda: small(loss=Distance(), metrics=[Total()]), ("train", "test", "predict")),
        (lambda: small(loss=own_distance), ("train", "test", "predict")),
        (lambda: small(metrics=[own_distance]), ("train", "test", "predict")),
        (lambda: small(loss=wrapped), ("predict",)),
        (lambda: small(loss=type("Mine", (keras.losses.MeanSquaredError,), {})()), ("predict",)),
        (lambda: small(loss=keras.losses.CosineSimilarity(axis=0)), ("predict",)),
        (lambda: small(metrics=[type("Mine", (keras.metrics.MeanSquaredError,), {})()]), ("predict",)),
        (Own, ()),
        (OwnOfRows, ("train", "test", "predict")),
        (own_step, ("train", "test", "predict")),
    ],
)
def test_rows_are_added_to_code_of_the_users_where_it_says_so(make, kinds):
    model = make()
    if not model.compiled:
        model.compile("sgd", "mse")
    prepare(model, X, REAL)
    assert {kind for kind in ("train", "test", "predict") if program_of(model, kind).may_pad} == set(kinds)


def test_a_layer_of_the_users_is_compiled_once(padding):
    found = []
    for on in (True, False):
        padding(on)
        keras.utils.set_random_seed(0)
        keras.utils.clear_session(free_memory=False)
        model = small(Scale(), loss=Distance(), metrics=[Total()])
        data = {"validation_data": (X[:9], REAL[:9]), "validation_batch_size": 4}
        history = model.fit(X, REAL, batch_size=4, epochs=2, **data, verbose=0)
        assert [program_of(model, k).compiles for k in ("train", "test")] == [1 if on else 2] * 2
        found.append([*(v for values in history.history.values() for v in values), *model.get_weights()])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_model_that_looks_across_the_batch_predicts_what_it_computes():
    model = Own()
    model.predict(X[:8], verbose=0)
    for n in (3, 5, 7):
        np.testing.assert_allclose(model.predict(X[:n], verbose=0), model(X[:n]), rtol=1e-5, atol=1e-6)
