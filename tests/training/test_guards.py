"""Guards: what they let pass, what they only warn of, their switches, and that a failed `fit` changes nothing."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers, ops
from addax.training.array_facts import Scan

rng = np.random.RandomState(0)
X = rng.rand(64, 4).astype("float32")
CLASSES = rng.randint(0, 3, 64)
NUMBERS = rng.rand(64).astype("float32")


def net(*stack: Any, loss: Any = "mse", metrics: Any = None) -> Any:
    model = keras.Sequential([keras.Input((4,)), *stack])
    model.compile("sgd", loss, metrics=metrics)
    return model


def classifier(**options: Any) -> Any:
    return net(
        layers.Dense(3, activation="softmax"),
        loss=keras.losses.SparseCategoricalCrossentropy(**options),
        metrics=["acc"],
    )


def with_minus_one(y: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(y)) % 4 == 0, -1, y)


class Own(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return ops.nan_to_num(inputs)


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.square(ops.nan_to_num(y_true) - y_pred))


class OwnStep(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # type: ignore
        return ops.mean(ops.square(y_pred - ops.expand_dims(y, -1)))


def fit_own_step() -> None:
    model = OwnStep([keras.Input((4,)), layers.Dense(5)])
    model.compile("sgd", "mse")
    model.fit(X, NUMBERS, verbose=0)


def nan_in(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a[3] = np.nan
    return a


RIGHT: dict[str, Callable[[], Any]] = {
    "a column of labels": lambda: net(layers.Dense(1)).fit(X, NUMBERS[:, None], verbose=0),
    "a vector of labels for one unit": lambda: net(layers.Dense(1)).fit(X, NUMBERS, verbose=0),
    "a column of class numbers": lambda: classifier().fit(X, CLASSES[:, None], verbose=0),
    "class numbers as floats": lambda: classifier().fit(X, CLASSES.astype("float64"), verbose=0),
    "labels that the loss ignores": lambda: classifier(ignore_class=-1).fit(X, with_minus_one(CLASSES), verbose=0),
    "labels whose weight is 0": lambda: classifier().fit(
        X, with_minus_one(CLASSES), sample_weight=(np.arange(64) % 4 != 0).astype("float32"), verbose=0
    ),
    "logits, said to be": lambda: net(
        layers.Dense(3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ).fit(X, CLASSES, verbose=0),
    "softmax as a layer": lambda: net(
        layers.Dense(3), layers.Activation("softmax"), loss="sparse_categorical_crossentropy"
    ).fit(X, CLASSES, verbose=0),
    "softmax as a layer, reshaped": lambda: net(
        layers.Dense(3), layers.Softmax(), layers.Reshape((3,)), loss="sparse_categorical_crossentropy"
    ).fit(X, CLASSES, verbose=0),
    "an activation of one's own": lambda: net(
        layers.Dense(1, activation=lambda a: ops.sigmoid(a)), loss="binary_crossentropy"
    ).fit(X, CLASSES > 0, verbose=0),
    "a layer of one's own on top": lambda: net(layers.Dense(3), Own(), loss="categorical_crossentropy").fit(
        X, np.eye(3)[CLASSES], verbose=0
    ),
    "labels between 0 and 1": lambda: net(layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy").fit(
        X, NUMBERS, verbose=0
    ),
    "a loss of one's own broadcasts": lambda: net(
        layers.Dense(5), loss=lambda a, b: ops.mean(ops.square(ops.reshape(a, (-1, 1)) - b))
    ).fit(X, NUMBERS, verbose=0),
    "a `compute_loss` of one's own": fit_own_step,
    "small integers in 64 bits": lambda: net(layers.Dense(1)).fit((X * 9).astype("int64"), NUMBERS, verbose=0),
    "other sizes of images": lambda: _images(),
    "pixels": lambda: net(layers.Rescaling(1 / 255) if hasattr(layers, "Rescaling") else Own(), layers.Dense(1)).fit(
        (X * 255).astype("uint8").astype("float32"), NUMBERS, verbose=0
    ),
    "large but finite numbers": lambda: net(layers.Dense(1)).predict(X * 1e30, verbose=0),
}


def _images() -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3)])
    assert model.predict(np.ones((2, 10, 10, 3)), verbose=0).shape == (2, 8, 8, 2)


@pytest.mark.parametrize("program", RIGHT.values(), ids=RIGHT)
def test_right_programs_hear_nothing(program: Callable) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program()


MAYBE = {
    "NaN for a layer of one's own": lambda: net(Own(), layers.Dense(1)).fit(nan_in(X), NUMBERS, verbose=0),
    "NaN labels for a loss of one's own": lambda: net(layers.Dense(1), loss=own_loss).fit(
        X, nan_in(NUMBERS), verbose=0
    ),
    "labels a little over 1": lambda: net(layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy").fit(
        X, NUMBERS + 0.5, verbose=0
    ),
    "tanh and a loss of probabilities": lambda: net(layers.Dense(1, activation="tanh"), loss="binary_crossentropy").fit(
        X, CLASSES > 0, verbose=0
    ),
    "minus infinity that is added": lambda: _additive_mask(),
}


def _additive_mask() -> None:
    a, b = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([a, b], layers.Softmax()(layers.Add()([layers.Dense(3)(a), b])))
    model.compile("sgd", "mse")
    mask = np.zeros((64, 3), "float32")
    mask[:, 2] = -np.inf
    model.fit([X[:, :3], mask], X[:, :3], verbose=0)


@pytest.mark.parametrize("program", MAYBE.values(), ids=MAYBE)
def test_what_may_be_right_is_a_warning(program: Callable) -> None:
    with pytest.warns(UserWarning, match="turns the check off"):
        program()


SWITCHES = {
    "check_labels": lambda: classifier().fit(X, CLASSES + 1, verbose=0),
    "check_shapes": lambda: net(layers.Dense(5)).fit(X, NUMBERS[:, None], verbose=0),
    "check_finite": lambda: net(layers.Dense(1)).fit(nan_in(X), NUMBERS, verbose=0),
    "check_logits": lambda: net(layers.Dense(1), loss="binary_crossentropy").fit(X, CLASSES > 0, verbose=0),
    "check_dtypes": lambda: net(layers.Dense(1)).fit(np.full((64, 4), 1 << 40), NUMBERS, verbose=0),
}


@pytest.fixture
def setting() -> Iterator[Callable]:
    before: dict[str, Any] = {}

    def change(name: str, value: Any) -> None:
        before.setdefault(name, keras.config.get(name))
        keras.config.set(name, value)

    yield change
    for name, value in before.items():
        keras.config.set(name, value)


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_check_has_a_switch(switch: str, setting: Callable) -> None:
    with pytest.raises(ValueError, match=switch):
        SWITCHES[switch]()
    setting(switch, False)
    SWITCHES[switch]()


@pytest.mark.parametrize(
    "x, y",
    [
        (X, np.tile(NUMBERS[:, None], 5)),
        (X[:, :3], NUMBERS),
        (nan_in(X), NUMBERS),
        (X, NUMBERS[:9]),
        (X.astype(str), NUMBERS),
    ],
    ids=["labels", "features", "nan", "lengths", "text"],
)
def test_a_failed_fit_leaves_the_model_as_it_was(x: np.ndarray, y: np.ndarray) -> None:
    model, twin = (net(layers.Dense(4, "relu"), layers.Dropout(0.5, seed=3), layers.Dense(1)) for _ in range(2))
    twin.set_weights(model.get_weights())
    before = [v.numpy() for v in model.variables]
    with pytest.raises(ValueError):
        model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, v.numpy()) for a, v in zip(before, model.variables))
    histories = [m.fit(X, NUMBERS, shuffle=False, verbose=0).history for m in (model, twin)]
    assert histories[0] == histories[1]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights()))


def test_every_batch_of_an_iterable_is_looked_at() -> None:
    batches = [(X, NUMBERS)] * 3 + [(nan_in(X), NUMBERS)]
    with pytest.raises(ValueError, match=r"4 NaN.*batch 4"):
        net(layers.Dense(1)).fit(iter(batches), verbose=0)


def test_outputs_are_named_in_a_model_of_several() -> None:
    a = keras.Input((4,))
    outputs = {"digit": layers.Dense(3, "softmax")(a), "even": layers.Dense(1, "sigmoid")(a)}
    model = keras.Model(a, outputs)
    model.compile("sgd", {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"})
    with pytest.raises(ValueError, match=r"output 'digit'.*received 3, 4"):
        model.fit(X, {"digit": CLASSES + 2, "even": CLASSES > 0}, verbose=0)
    with pytest.raises(ValueError, match=r"output 'even'.*from 0 to 2"):
        model.fit(X, {"digit": CLASSES, "even": CLASSES}, verbose=0)


def test_a_subclassed_model_is_checked_by_its_predictions() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.top = layers.Dense(3, activation="softmax")

        def call(self, inputs: Any) -> Any:
            return self.top(inputs)

    model = Net()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="not among 0 to 2"):
        model.fit(X, CLASSES + 1, verbose=0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
@pytest.mark.parametrize("layout", ["C", "F", "strided"])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf])
def test_scan_agrees_with_isfinite(dtype: str, layout: str, value: float) -> None:
    import ml_dtypes

    a = rng.normal(size=(50, 6)) * (1e4 if dtype == "float16" else 1e30)
    a[33, 2] = value
    a = a.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    a = np.asfortranarray(a) if layout == "F" else a[::3] if layout == "strided" else a
    assert Scan(a).finite == bool(np.isfinite(a.astype("float64")).all())
    nans, infs, row = Scan(a).bad_rows()
    bad = ~np.isfinite(a.astype("float64"))
    assert (nans, infs) == (np.isnan(a.astype("float64")).sum(), np.isinf(a.astype("float64")).sum())
    assert row == (np.flatnonzero(bad.any(axis=1))[0] if bad.any() else -1)


def test_a_scan_is_kept_for_the_array_and_no_longer() -> None:
    a = np.ones((1000, 10), "float32")
    first = Scan(a)
    assert first.finite
    assert Scan(a)._facts is first._facts
    a[:] = np.nan  # changed in place: the samples of it differ
    assert not Scan(a).finite


class Broken(layers.Layer):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return ops.matmul(inputs, ops.ones((7, 2))) if training else inputs


def test_tracebacks_show_the_users_lines(setting: Callable) -> None:
    setting("traceback_filtering", True)
    model = net(layers.Dense(4), Broken(), layers.Dense(1))
    with pytest.raises(TypeError) as caught:
        model.fit(X, NUMBERS, verbose=0)
    functions = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert functions[-1] == "call" and len(functions) == 3  # this test, the entry into addax, the layer's `call`
    setting("traceback_filtering", False)
    with pytest.raises(TypeError) as caught:
        model.fit(X, NUMBERS, verbose=0)
    assert len(traceback.extract_tb(caught.value.__traceback__)) > 10


# Indices that an embedding table doesn't have

IDS = np.zeros((8, 3), "int64")
BAD = IDS.copy()
BAD[5, 1] = 9


def lookup(inputs: Any, *before: Any) -> Any:
    x = inputs
    for step in before:
        x = step(x)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Embedding(4, 2)(x))))


class Lookup(keras.Model):
    def __init__(self):
        super().__init__()
        self.table, self.rest = layers.Embedding(4, 2), keras.Sequential([layers.Flatten(), layers.Dense(2)])

    def call(self, inputs):
        return self.rest(self.table(inputs["ids"]) * inputs["scale"][:, None])


LOOKUPS: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray], Any]]] = {
    "graph": (lambda: lookup(keras.Input((3,), dtype="int32")), lambda ids: ids),
    "floats": (lambda: lookup(keras.Input((3,))), lambda ids: ids.astype("float32")),
    "rearranged": (lambda: lookup(keras.Input((3, 1)), layers.Reshape((3,))), lambda ids: ids[..., None]),
    "cast": (lambda: lookup(keras.Input((3,)), lambda x: ops.cast(x, "int32")), lambda ids: ids),
    "unbuilt": (
        lambda: keras.Sequential([layers.Embedding(4, 2), layers.Flatten(), layers.Dense(2)]),
        lambda ids: ids,
    ),
    "at each step": (
        lambda: keras.Sequential([keras.Input((3, 1)), layers.TimeDistributed(layers.Embedding(4, 2)), layers.Flatten(),
                                  layers.Dense(2)]),
        lambda ids: ids[..., None],
    ),
    "own class": (Lookup, lambda ids: {"ids": ids, "scale": np.full((8, 1), 9.0, "float32")}),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOOKUPS)
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_indices_outside_of_a_table(kind: str, method: str) -> None:
    make, arrange = LOOKUPS[kind]
    model = make()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"indices from 0(\.0)? to 9(\.0)?.*\(Embedding\) has input_dim=4"):
        getattr(model, method)(arrange(BAD), np.zeros((8, 2)), verbose=0)
    getattr(model, method)(arrange(IDS + 3), np.zeros((8, 2)), verbose=0)


@pytest.mark.parametrize("method", ["predict", "train_on_batch", "test_on_batch", "predict_on_batch"])
def test_indices_outside_of_a_table_in_one_batch(method: str) -> None:
    model = lookup(keras.Input((3,), dtype="int32"))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has input_dim=4"):
        getattr(model, method)(*((BAD,) if "predict" in method else (BAD, np.zeros((8, 2)))))


def test_indices_of_which_a_table_sees_no_part() -> None:
    inputs = keras.Input((3,), dtype="int32")
    model = lookup(inputs, lambda x: x[:, 2:])
    model.compile("sgd", "mse")
    model.fit(BAD, np.zeros((8, 2)), verbose=0)  # the slice leaves the index out
    assert np.isfinite(model.get_weights()[0]).all()
