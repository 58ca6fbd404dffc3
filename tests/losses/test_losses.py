"""What every loss keeps to, and what is special about some."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from addax import losses, metrics
from addax.core import registry
from addax.core.engine import jax, jnp
from addax.core.keras_tensor import KerasTensor
from addax.core.serialization import deserialize_keras_object, serialize_keras_object

RNG = np.random.default_rng(3)
CLASSES = sorted(n for n in losses.__all__ if n[0].isupper() and n not in ("Loss", "LossFunctionWrapper"))
SPARSE = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")
WHOLE = ("Dice", "Tversky")  # one value for the whole batch


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    y_pred = RNG.dirichlet(np.ones(3), 4).astype("float32")
    if name in SPARSE:
        return np.array([0, 1, 2, 1]), y_pred
    if name == "Circle":
        return np.array([0, 1, 0, 1]), y_pred
    if name == "CTC":  # labels of two, logits of five times
        return np.array([[1, 2], [2, 1], [1, 0], [2, 2]]), RNG.normal(size=(4, 5, 3)).astype("float32")
    return np.eye(3, dtype="float32")[[0, 1, 2, 1]], y_pred


def check_loss(name: str) -> None:
    """Config and files, names, symbols, dtypes, jit, reduction and weights: the same for every loss."""
    y_true, y_pred = data(name)
    loss = getattr(losses, name)()
    value = np.asarray(loss(y_true, y_pred))
    assert value.shape == () and np.isfinite(value)

    again = deserialize_keras_object(serialize_keras_object(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    assert type(losses.get(name)) is type(loss)
    assert losses.get(losses.serialize(loss)).get_config() == loss.get_config()

    np.testing.assert_allclose(jax.jit(loss)(y_true, y_pred), value, rtol=1e-5)
    np.testing.assert_allclose(loss(y_true.tolist(), y_pred.tolist()), value, rtol=1e-5)
    assert getattr(losses, name)(dtype="bfloat16")(y_true, y_pred).dtype == jnp.bfloat16
    assert np.isfinite(np.asarray(jax.grad(lambda p: loss(y_true, p))(jnp.asarray(y_pred)))).all()

    values = np.asarray(getattr(losses, name)(reduction="none")(y_true, y_pred))
    assert values.shape == (() if name in WHOLE else (4,))
    np.testing.assert_allclose(getattr(losses, name)(reduction="sum")(y_true, y_pred), values.sum(), rtol=1e-5)
    if name not in WHOLE:
        weights = np.array([0.0, 1.0, 2.0, 3.0])
        np.testing.assert_allclose(loss(y_true, y_pred, weights), (values * weights).mean(), rtol=1e-5)
        weighted = getattr(losses, name)(reduction="mean_with_sample_weight")
        np.testing.assert_allclose(weighted(y_true, y_pred, weights), np.average(values, weights=weights), rtol=1e-5)


@pytest.mark.parametrize("name", CLASSES)
def test_contract(name: str) -> None:
    check_loss(name)


FUNCTIONS = [n for n in losses.__all__ if n[0].islower() and n not in ("get", "serialize", "deserialize", "circle")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_symbols(name: str) -> None:
    fn = getattr(losses, name)
    settings = {"q": 0.5} if name.endswith("cross_entropy") else {}
    sparse = name in ("sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
    y_true = KerasTensor((None,), "int32") if sparse else KerasTensor((None, 3))
    if name == "ctc":
        y_true = KerasTensor((None, 2), "int32")
    found = fn(y_true, KerasTensor((None, 5, 3) if name == "ctc" else (None, 3)), **settings)
    assert found.shape == (() if name in ("dice", "tversky") else (None,))
    assert found.dtype == "float32"


# The formulas in float64, from the definitions.
ORACLES: dict[str, Any] = {
    "mean_squared_error": lambda y, p: ((y - p) ** 2).mean(-1),
    "mean_absolute_percentage_error": lambda y, p: 100 * np.abs((y - p) / y).mean(-1),
    "log_cosh": lambda y, p: np.log(np.cosh(p - y)).mean(-1),
    "huber": lambda y, p: np.where(abs(y - p) < 1, (y - p) ** 2 / 2, abs(y - p) - 0.5).mean(-1),
    "kl_divergence": lambda y, p: (y * np.log(y / p)).sum(-1),
    "poisson": lambda y, p: (p - y * np.log(p)).mean(-1),
    "cosine_similarity": lambda y, p: -(y * p).sum(-1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1),
    "binary_crossentropy": lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1),
    "categorical_crossentropy": lambda y, p: -(y * np.log(p / p.sum(-1, keepdims=True))).sum(-1),
    "categorical_hinge": lambda y, p: np.maximum(((1 - y) * p).max(-1) - (y * p).sum(-1) + 1, 0),
}


@pytest.mark.parametrize("name", ORACLES)
def test_values_by_definition(name: str) -> None:
    y_true, y_pred = (RNG.uniform(0.1, 0.9, (5, 3)) for _ in range(2))
    np.testing.assert_allclose(getattr(losses, name)(y_true, y_pred), ORACLES[name](y_true, y_pred), rtol=2e-5)


@pytest.mark.parametrize("scale", [1e2, 1e4])
def test_logits_of_any_size(scale: float) -> None:
    logits = jnp.asarray([[scale, -scale, 0.0]])
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    one_hot = losses.CategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(sparse([1], logits), 2 * scale, rtol=1e-6)
    np.testing.assert_allclose(one_hot([[0.0, 1.0, 0.0]], logits), 2 * scale, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: sparse([1], x))(logits), [[1.0, -1.0, 0.0]], atol=1e-6)
    bits = losses.BinaryCrossentropy(from_logits=True)
    np.testing.assert_allclose(bits([[0.0], [1.0]], [[scale], [-scale]]), scale, rtol=1e-6)


def test_cosine_has_a_gradient_at_zero() -> None:
    gradient = jax.grad(lambda p: losses.CosineSimilarity()(np.ones((1, 3)), p))(jnp.zeros((1, 3)))
    assert np.isfinite(np.asarray(gradient)).all()


def test_weights_of_samples_stand_for_their_timesteps() -> None:
    y_true, y_pred = np.zeros((3, 3, 2)), RNG.normal(size=(3, 3, 2))
    weights = np.array([1.0, 2.0, 3.0])
    expected = ((y_pred**2).mean(-1) * weights[:, None]).mean()
    np.testing.assert_allclose(losses.MeanSquaredError()(y_true, y_pred, weights), expected, rtol=1e-5)


def test_nested_outputs() -> None:
    class Both(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return abs(y_true["a"] - y_pred["a"]) + abs(y_true["b"] - y_pred["b"])

    ones = {"a": np.ones(2), "b": np.ones(2)}
    np.testing.assert_allclose(Both()(ones, {"a": np.zeros(2), "b": 3 * np.ones(2)}), 3.0)


def test_user_loss_comes_back_from_its_config() -> None:
    @registry.register_keras_serializable("tests")
    class Scaled(losses.Loss):
        def __init__(self, factor: float, **kwargs: Any):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return self.factor * abs(y_true - y_pred)

    loss = deserialize_keras_object(serialize_keras_object(Scaled(3.0, reduction="sum")))
    np.testing.assert_allclose(loss([0.0, 0.0], [1.0, 1.0]), 6.0)

    @registry.register_keras_serializable("tests")
    class Described(Scaled):
        def get_config(self) -> dict:
            return {**super(Scaled, self).get_config(), "factor": self.factor + 1}

    loss = deserialize_keras_object(serialize_keras_object(Described(3.0)))
    assert loss.factor == 4.0


def test_function_of_a_user() -> None:
    def largest(y_true: Any, y_pred: Any) -> Any:
        return jnp.max(abs(y_true - y_pred), axis=-1)

    assert losses.get(largest) is largest
    assert losses.LossFunctionWrapper(largest, name="largest")([[0.0, 1.0]], [[2.0, 1.0]]) == 2.0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
@pytest.mark.parametrize("name", CLASSES)
def test_copies_compute_the_same(name: str, copied: Any) -> None:
    y_true, y_pred = data(name)
    loss = getattr(losses, name)(reduction="sum", name="mine", dtype="bfloat16")
    again = copied(loss)
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    assert (again.name, again.reduction, again.dtype) == ("mine", "sum", "bfloat16")
    np.testing.assert_array_equal(again(y_true, y_pred), loss(y_true, y_pred))


def test_settings_show_where_they_hide_nothing() -> None:
    def scaled(y_true: Any, y_pred: Any, scale: float, name_of: str, call: int) -> Any:
        return abs(y_true - y_pred) * scale + call

    class Scaled(losses.LossFunctionWrapper):
        @property
        def name_of(self) -> str:
            return "the class's own"

    loss = Scaled(scaled, scale=2.0, name_of="x", call=1)
    assert (loss.scale, loss.name_of) == (2.0, "the class's own")
    assert loss([1.0, 2.0], [2.0, 2.0]) == 2.0


WRONG = [
    (lambda: losses.get("categorical_crosentropy"), "Did you mean 'categorical_crossentropy'"),
    (lambda: losses.get(3), "Could not interpret loss identifier"),
    (lambda: losses.get(metrics.MeanSquaredError()), "Could not interpret loss identifier.*It is a metric"),
    (lambda: losses.get(metrics.MeanSquaredError), "Could not interpret loss identifier.*It is a metric"),
    (lambda: losses.get(metrics.serialize(metrics.AUC())), "Could not interpret loss identifier.*It is a metric"),
    (lambda: losses.MeanSquaredError(reduction="avg"), "Invalid value for argument `reduction`.*reduction=avg"),
    (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2), r"q must be in the interval \(0, 1\). Received: q=2"),
    (lambda: losses.BinaryCrossentropy()(np.ones((4, 2)), np.ones((4, 3))), r"same shape.*\(4, 2\).*\(4, 3\)"),
    (
        lambda: losses.MeanSquaredError()(np.ones((4, 2)), np.ones((4, 2)), np.ones(3)),
        r"`sample_weight`.*\(3,\).*\(4,\)",
    ),
]


@pytest.mark.parametrize("call,message", WRONG)
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_one_class_is_warned_of() -> None:
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy([[1.0]], [[1.0]])


def test_import_leaves_jax_out() -> None:
    code = (
        "import sys; from addax import losses, metrics\n"
        "[getattr(m, n) for m in (losses, metrics) for n in m.__all__]\n"
        "losses.get('mse'), losses.Huber(), metrics.AUC(), metrics.get('binary_accuracy')\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
