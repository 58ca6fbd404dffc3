"""Every loss against Keras: values and gradients for each setting, weighting and reduction, configs, names."""

from __future__ import annotations

import inspect
import json
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from addax import losses  # noqa: E402
from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402

RNG = np.random.default_rng(7)


def probabilities(*shape: int) -> np.ndarray:
    x = RNG.uniform(0.05, 1.0, shape).astype("float32")
    return x / x.sum(-1, keepdims=True)


def one_hot(*shape: int) -> np.ndarray:
    return np.eye(shape[-1], dtype="float32")[RNG.integers(0, shape[-1], shape[:-1])]


REAL = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=(4, 3)).astype("float32") * 2
POSITIVE = RNG.uniform(0, 3, (4, 3)).astype("float32"), RNG.uniform(0.1, 3, (4, 3)).astype("float32")
SEQUENCE = RNG.normal(size=(2, 5, 3)).astype("float32"), RNG.normal(size=(2, 5, 3)).astype("float32")
BITS = RNG.integers(0, 2, (4, 3)).astype("float32"), RNG.uniform(0.02, 0.98, (4, 3)).astype("float32")
EDGES = np.array([[0, 1], [1, 0]], "float32"), np.array([[0.0, 1.0], [0.0, 1.0]], "float32")
SIGNS = np.sign(RNG.normal(size=(4, 3))).astype("float32"), RNG.normal(size=(4, 3)).astype("float32")
LOGITS = RNG.integers(0, 2, (4, 3)).astype("float32"), (RNG.normal(size=(4, 3)) * 30).astype("float32")
CLASSES = one_hot(4, 3), probabilities(4, 3)
UNSCALED = one_hot(4, 3), 3 * probabilities(4, 3)
SCORES = one_hot(4, 3), (RNG.normal(size=(4, 3)) * 20).astype("float32")
NUMBERS = RNG.integers(0, 3, (4,)), probabilities(4, 3)
COLUMN = RNG.integers(0, 3, (4, 1)), (RNG.normal(size=(4, 3)) * 20).astype("float32")
TOKENS = RNG.integers(0, 3, (2, 5)), probabilities(2, 5, 3)
IMAGES = RNG.integers(0, 2, (2, 4, 4, 1)).astype("float32"), RNG.uniform(0.02, 0.98, (2, 4, 4, 1)).astype("float32")
EMBEDDED = np.array([0, 1, 1, 2, 0]), RNG.normal(size=(5, 4)).astype("float32")
VECTORS = RNG.normal(size=(4,)).astype("float32"), RNG.normal(size=(4, 1)).astype("float32")


class Case(NamedTuple):
    name: str
    data: tuple
    settings: dict[str, Any] = {}

    def __str__(self) -> str:
        shape = "x".join(map(str, self.data[1].shape))
        return "-".join([self.name, shape, *(f"{k}={v}" for k, v in self.settings.items())])


CASES = [
    *(
        Case(name, data)
        for name in ("MeanSquaredError", "MeanAbsoluteError", "LogCosh", "Huber", "CosineSimilarity")
        for data in (REAL, SEQUENCE, VECTORS)
    ),
    Case("Huber", REAL, {"delta": 0.3}),
    Case("CosineSimilarity", SEQUENCE, {"axis": 1}),
    Case("MeanAbsolutePercentageError", REAL),
    Case("MeanAbsolutePercentageError", VECTORS),
    Case("MeanSquaredLogarithmicError", POSITIVE),
    Case("MeanSquaredLogarithmicError", VECTORS),
    Case("Poisson", POSITIVE),
    Case("KLDivergence", CLASSES),
    Case("KLDivergence", EDGES),
    *(Case(name, data) for name in ("Hinge", "SquaredHinge") for data in (BITS, SIGNS, REAL, VECTORS)),
    Case("CategoricalHinge", SCORES),
    Case("CategoricalHinge", CLASSES),
    Case("BinaryCrossentropy", BITS),
    Case("BinaryCrossentropy", EDGES),
    Case("BinaryCrossentropy", IMAGES),
    Case("BinaryCrossentropy", BITS, {"axis": 0}),
    Case("BinaryCrossentropy", BITS, {"label_smoothing": 0.2}),
    Case("BinaryCrossentropy", LOGITS, {"from_logits": True}),
    Case("BinaryCrossentropy", LOGITS, {"from_logits": True, "label_smoothing": 0.1}),
    Case("BinaryFocalCrossentropy", BITS),
    Case("BinaryFocalCrossentropy", BITS, {"gamma": 1.5, "apply_class_balancing": True, "alpha": 0.4}),
    Case("BinaryFocalCrossentropy", SIGNS, {"from_logits": True, "label_smoothing": 0.1}),
    Case("CategoricalCrossentropy", CLASSES),
    Case("CategoricalCrossentropy", UNSCALED),
    Case("CategoricalCrossentropy", EDGES),
    Case("CategoricalCrossentropy", CLASSES, {"label_smoothing": 0.2}),
    Case("CategoricalCrossentropy", CLASSES, {"axis": 0}),
    Case("CategoricalCrossentropy", SCORES, {"from_logits": True, "label_smoothing": 0.1}),
    Case("CategoricalFocalCrossentropy", CLASSES),
    Case("CategoricalFocalCrossentropy", UNSCALED, {"alpha": 0.5, "gamma": 1.0, "label_smoothing": 0.1}),
    Case("CategoricalFocalCrossentropy", REAL, {"from_logits": True}),
    Case("SparseCategoricalCrossentropy", NUMBERS),
    Case("SparseCategoricalCrossentropy", COLUMN, {"from_logits": True}),
    Case("SparseCategoricalCrossentropy", TOKENS, {"ignore_class": 1}),
    Case("CategoricalGeneralizedCrossEntropy", NUMBERS),
    Case("CategoricalGeneralizedCrossEntropy", NUMBERS, {"q": 0.8}),
    Case("Dice", IMAGES),
    Case("Dice", IMAGES, {"axis": (1, 2, 3)}),
    Case("Tversky", IMAGES),
    Case("Tversky", IMAGES, {"alpha": 0.3, "beta": 0.8, "axis": (1, 2, 3)}),
    Case("Circle", EMBEDDED),
    Case("Circle", EMBEDDED, {"gamma": 8.0, "margin": 0.2, "remove_diagonal": False}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients(case: Case) -> None:
    ours = getattr(losses, case.name)(**case.settings, reduction="none")
    theirs = getattr(keras.losses, case.name)(**case.settings, reduction="none")
    y_true, y_pred = case.data
    values = np.asarray(theirs(y_true, y_pred))
    # One weighted sum of the values, so that every one of them shows in the gradient.
    weights = jnp.asarray(RNG.uniform(0.5, 2, values.shape), "float32")

    def total(loss: Any) -> Any:
        return lambda p: jnp.sum(loss(y_true, p) * weights)

    np.testing.assert_allclose(ours(y_true, y_pred), values, rtol=1e-5, atol=1e-6)
    found, expected = (jax.grad(total(loss))(jnp.asarray(y_pred)) for loss in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


SEQUENCE_WEIGHTS = [
    None,
    2.0,
    np.ones((2, 5)) * 3,
    RNG.uniform(0, 2, (2, 5)),
    RNG.uniform(0, 2, (2, 1)),
    np.zeros((2, 5)),
]
VECTOR_WEIGHTS = [None, 0.5, np.arange(4.0), np.arange(4), RNG.uniform(0, 2, (4, 1)), np.zeros(4), [1.0, 0.0, 1.0, 2.0]]
MASKS = {
    4: [None, [True, False, True, True], [False] * 4],
    2: [None, [[True, True, False, False, True]] * 2, [[True], [False]]],
}


@pytest.mark.parametrize("reduction", ["sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None])
@pytest.mark.parametrize(
    "data,weightings", [(REAL, VECTOR_WEIGHTS), (SEQUENCE, SEQUENCE_WEIGHTS)], ids=["vectors", "sequences"]
)
def test_weights_masks_and_reductions(data: tuple, weightings: list, reduction: str | None) -> None:
    for sample_weight in weightings:
        for mask in MASKS[len(data[0])]:
            results = []
            for family in (losses, keras.losses):
                y_pred = jnp.asarray(data[1])
                if mask is not None:
                    y_pred._keras_mask = jnp.asarray(mask)
                loss = family.MeanSquaredError(reduction=reduction)
                results.append(np.asarray(loss(data[0], y_pred, sample_weight)))
            message = f"sample_weight={sample_weight}, mask={mask}"
            assert results[0].shape == results[1].shape, message
            np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-6, err_msg=message)


def test_ignored_class_leaves_the_mean() -> None:
    settings = {"ignore_class": 2, "reduction": "sum_over_batch_size"}
    ours, theirs = (f.SparseCategoricalCrossentropy(**settings) for f in (losses, keras.losses))
    np.testing.assert_allclose(ours(*TOKENS), theirs(*TOKENS), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(ours)(*map(jnp.asarray, TOKENS)), theirs(*TOKENS), rtol=1e-6)


MISSING = ("ctc", "CTC")
PUBLIC = [n for n in dir(keras.losses) if n[0] != "_" and n not in MISSING]
FUNCTIONS = [n for n in PUBLIC if n.islower() and n not in ("get", "serialize", "deserialize")]
CLASS_NAMES = [n for n in PUBLIC if n[0].isupper()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_exist_with_keras_signature(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(f, name)).parameters for f in (losses, keras.losses))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_classes_exist_with_keras_signature(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(f, name)).parameters for f in (losses, keras.losses))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_attributes(case: Case) -> None:
    """Constructor's arguments can be read back as attributes: those that Keras's objects have."""
    ours, theirs = (getattr(f, case.name)(**case.settings) for f in (losses, keras.losses))
    arguments = [a for a in inspect.signature(getattr(keras.losses, case.name)).parameters if hasattr(theirs, a)]
    assert set(case.settings) - set(KEPT.values()) <= set(arguments)
    for argument in (*arguments, *case.settings):
        expected = case.settings.get(argument, getattr(theirs, argument, None))
        assert getattr(ours, argument) == expected, argument


# What Keras drops from the config (and so loses when a model is saved) is kept here when it isn't the default.
KEPT = {"Huber": "delta", "CosineSimilarity": "axis", "SparseCategoricalCrossentropy": "axis"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configs(case: Case) -> None:
    ours, theirs = (
        getattr(f, case.name)(**case.settings, name="mine", reduction="sum") for f in (losses, keras.losses)
    )
    config, expected = serialize_keras_object(ours), keras.saving.serialize_keras_object(theirs)
    kept = KEPT.get(case.name)
    if kept in case.settings:
        assert config["config"].pop(kept) == case.settings[kept]
    assert json.loads(json.dumps(config)) == json.loads(
        json.dumps(expected)
    )  # as files hold it: there tuples are lists
    config = serialize_keras_object(ours)
    assert serialize_keras_object(keras.saving.deserialize_keras_object(config))["class_name"] == case.name
    again = deserialize_keras_object(config)
    assert serialize_keras_object(again) == serialize_keras_object(ours)


def embeddings(count: int) -> np.ndarray:
    x = RNG.normal(size=(count, 4)).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("reduction", ["sum", "mean", "sum_over_batch_size", "mean_with_sample_weight", "none"])
@pytest.mark.parametrize(
    "classes", [[0, 0, 1, 1, 2], [[0], [3], [3], [1], [2]], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]], ids=str
)
@pytest.mark.parametrize("remove_diagonal", [True, False])
def test_circle_leaves_out_samples_without_a_positive(reduction: str, classes: list, remove_diagonal: bool) -> None:
    x, y = embeddings(5), np.array(classes)
    ours, theirs = (
        f.Circle(reduction=reduction, remove_diagonal=remove_diagonal, gamma=8.0) for f in (losses, keras.losses)
    )
    for weights in (None, np.array([1.0, 2.0, 0.0, 3.0, 4.0])):
        expected = np.asarray(theirs(y, x, weights))
        np.testing.assert_allclose(ours(y, x, weights), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(jax.jit(ours)(y, x, weights), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", ["circle", "function", "object"])
def test_circle_in_compiled_steps(loss: str) -> None:
    x, y = embeddings(5), np.array([0, 0, 1, 1, 2])
    found = []
    for library in (addax, keras):
        given = {"circle": "circle", "function": library.losses.circle, "object": library.losses.Circle()}[loss]
        model = library.Sequential(
            [library.Input((4,)), library.layers.Dense(4, kernel_initializer="identity", use_bias=False)]
        )
        model.compile("sgd", given)
        found.append(model.evaluate(x, y, batch_size=5, verbose=0))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_focal_weight_of_each_class(axis: int, kind: Any) -> None:
    alpha, gamma = [0.1, 0.2, 0.3, 0.4], 1.5
    y_true = np.eye(4)[RNG.integers(0, 4, (5, 3))]
    y_pred = RNG.dirichlet(np.ones(4), (5, 3))
    right = (y_true * y_pred).sum(-1)
    expected = (y_true * alpha).sum(-1) * (1 - right) ** gamma * -np.log(right)
    y_true, y_pred = (np.moveaxis(y, -1, axis).astype("float32") for y in (y_true, y_pred))
    settings: dict[str, Any] = {"alpha": kind(alpha), "gamma": gamma, "axis": axis}
    loss = losses.CategoricalFocalCrossentropy(**settings, reduction="none")
    np.testing.assert_allclose(loss(y_true, y_pred), expected, rtol=1e-4)
    np.testing.assert_allclose(losses.categorical_focal_crossentropy(y_true, y_pred, **settings), expected, rtol=1e-4)
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(loss))))
    np.testing.assert_allclose(again(y_true, y_pred), expected, rtol=1e-4)
    if axis == -1 and kind is np.array:  # which Keras takes
        theirs = keras.losses.CategoricalFocalCrossentropy(**settings, reduction="none")
        np.testing.assert_allclose(loss(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-4)


STRINGS = [
    "mse",
    "MSE",
    "mae",
    "MAE",
    "mape",
    "MAPE",
    "msle",
    "MSLE",
    "kld",
    "KLD",
    "bce",
    "BCE",
    *FUNCTIONS,
    *CLASS_NAMES,
]


@pytest.mark.parametrize("name", [n for n in STRINGS if "eneralized" not in n])  # Keras has no string for that one
def test_get(name: str) -> None:
    for k in (addax, keras):
        k.utils.clear_session(free_memory=False)  # automatic names count from 0 in both
    ours, theirs = losses.get(name), keras.losses.get(name)
    if inspect.isfunction(theirs):
        assert ours.__name__ == theirs.__name__
        assert losses.serialize(ours) == keras.losses.serialize(theirs)
        assert losses.deserialize(keras.losses.serialize(theirs)) is ours
    else:
        assert type(ours).__name__ == name
        assert ours.name == theirs.name


LABELS = [((4,), (4, 1)), ((4, 1), (4,)), ((4, 1), (4, 1)), ((2, 4), (2, 4, 1)), ((2, 4, 1), (2, 4)), ((4, 1), (4, 3))]


# These broadcast labels (n,) against predictions (n, 1) to (n, n) in Keras, where a function is called by itself.
BROADCAST = [
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "hinge",
    "kl_divergence",
    "poisson",
    "squared_hinge",
]
OWN_SHAPES = ["circle", "categorical_generalized_cross_entropy"]


@pytest.mark.parametrize("name", BROADCAST)
def test_functions_never_broadcast_samples(name: str) -> None:
    y_true, y_pred = (x.astype("float32") for x in (RNG.integers(0, 2, (4, 1)), RNG.uniform(0.1, 0.9, (4, 1))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = getattr(keras.losses, name)(y_true, y_pred)
        for labels, predictions in ((y_true[:, 0], y_pred), (y_true, y_pred[:, 0])):
            np.testing.assert_allclose(getattr(losses, name)(labels, predictions), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in (*OWN_SHAPES, *BROADCAST)])
def test_functions_align_ranks_as_keras_does(name: str) -> None:
    for shapes in LABELS:
        y_true = RNG.integers(0, 2, shapes[0]).astype("float32")
        y_pred = RNG.uniform(0.1, 0.9, shapes[1]).astype("float32")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = np.asarray(getattr(keras.losses, name)(y_true, y_pred))
            except (ValueError, TypeError):
                with pytest.raises((ValueError, TypeError)):
                    getattr(losses, name)(y_true, y_pred)
                continue
            found = np.asarray(getattr(losses, name)(y_true, y_pred))
        assert found.shape == expected.shape, shapes
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=str(shapes))


def test_user_loss_in_both() -> None:
    def make(family: Any, maximum: Any) -> Any:
        class Largest(family.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return maximum(abs(y_true - y_pred), axis=-1)

        return Largest()

    ours, theirs = make(losses, jnp.max), make(keras.losses, jnp.max)
    assert ours.name == theirs.name == "largest"
    np.testing.assert_allclose(ours(*REAL, np.arange(4.0)), theirs(*REAL, np.arange(4.0)), rtol=1e-6)


def test_dtypes() -> None:
    for dtype in (None, "float16", "bfloat16", "mixed_bfloat16"):
        ours, theirs = (f.MeanSquaredError(dtype=dtype) for f in (losses, keras.losses))
        assert ours.dtype == theirs.dtype
        assert ours(*REAL).dtype == theirs(*REAL).dtype
