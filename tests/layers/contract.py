"""What every layer must keep to, as one check over a table of cases.

@pytest.mark.parametrize("case", [Case("Dense", {"units": 3}, (2, 4), weights=["kernel", "bias"])], ids=str)
def test_contract(case):
    check_layer(case)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from addax import layers
from addax.core import tree
from addax.core.abstract import abstract_call
from addax.core.dtypes import is_float
from addax.core.keras_tensor import KerasTensor
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from addax.layers import Layer
from tests.xla import QUICK


class Make:
    """An argument that must be made anew for each package and layer: `Make(lambda layers: layers.Dense(2))`."""

    def __init__(self, make: Callable[[Any], Any]):
        self.make = make

    def __repr__(self) -> str:
        return "Make"


@dataclass
class Case:
    """A layer, its arguments, and what it is called on.

    Args:
        layer: Name of the layer in `addax.layers` (and `keras.layers`), or a class.
        kwargs: Arguments of the constructor; `Make` where these are layers or other objects.
        shape: Shape of the input with a batch size, or a list or dict of shapes.
        dtype: Dtype of the inputs.
        high: Ints are drawn from [0, high).
        splat: Whether the inputs of a list are separate arguments of the call.
        training: The training flags to call with; None is a call without one.
        call: Further arguments of the call (arrays: `mask`, `initial_state`).
        random: Whether the results of two calls with `training=True` differ.
        free: Axes besides the batch whose size may be unknown.
        weights: Expected names of the weights (last part of the path), in order; None: not checked.
        dead: Names of trainable weights that get no gradient in this case.
        positive: Whether the inputs are drawn from (0.1, 1.1) instead of around 0.
        rtol, atol: Tolerances, of the comparison with Keras too.
        parity: Which of "config", "grad", "shape" are compared with Keras besides the outputs.
        mixed: Whether results under mixed_bfloat16 have the dtype bfloat16.
    """

    layer: Any
    kwargs: dict[str, Any] = field(default_factory=dict)
    shape: Any = (2, 3)
    dtype: str = "float32"
    high: int = 5
    splat: bool = False
    training: tuple = (None,)
    call: dict[str, Any] = field(default_factory=dict)
    random: bool = False
    free: tuple[int, ...] = ()
    weights: list[str] | None = None
    dead: tuple[str, ...] = ()
    positive: bool = False
    rtol: float = 1e-5
    atol: float = 1e-6
    parity: tuple[str, ...] = ("config", "grad", "shape")
    mixed: bool = True

    def __str__(self) -> str:
        name = self.layer if isinstance(self.layer, str) else self.layer.__name__
        # Functions by name: test processes must agree on the names of cases.
        arguments = ",".join(f"{k}={getattr(v, '__name__', v)}" for k, v in self.kwargs.items())
        shape = self.shape if isinstance(self.shape, tuple) else list(self.shape)
        return f"{name}({arguments}){shape}".replace(" ", "")

    def make(self, room: Any = layers, **extra: Any) -> Any:
        """The layer, from `addax.layers` or another package's."""
        cls = getattr(room, self.layer) if isinstance(self.layer, str) else self.layer
        kwargs = {k: v.make(room) if isinstance(v, Make) else v for k, v in self.kwargs.items()}
        return cls(**{**kwargs, **extra})

    def inputs(self, seed: int = 0) -> Any:
        """Arrays of the case's shapes."""
        rng = np.random.default_rng(seed)

        def draw(shape: Any) -> np.ndarray:
            if "int" in self.dtype:
                return rng.integers(0, self.high, shape).astype(self.dtype)
            if self.dtype == "bool":
                return rng.random(shape) < 0.5
            x = rng.random(shape) + 0.1 if self.positive else rng.standard_normal(shape)
            return x.astype(self.dtype)

        return tree.map_shape_structure(draw, self.shape)

    def arguments(self, inputs: Any) -> tuple:
        """The positional arguments of the call."""
        return tuple(inputs) if self.splat else (inputs,)

    def symbols(self, unknown: tuple[int, ...] = (0,)) -> tuple[tuple, dict[str, Any]]:
        """The arguments of the call as KerasTensors with these axes unknown."""

        def spec(shape: Any, dtype: str = self.dtype) -> KerasTensor:
            return KerasTensor(tuple(None if i in unknown else n for i, n in enumerate(shape)), dtype)

        inputs = tree.map_shape_structure(spec, self.shape)
        call = tree.map_structure(lambda x: spec(x.shape, str(x.dtype)) if hasattr(x, "shape") else x, self.call)
        return self.arguments(inputs), call


def _arrays(structure: Any) -> list:
    return [x for x in tree.flatten(structure) if hasattr(x, "shape")]


def _kw(training: Any) -> dict[str, Any]:
    return {} if training is None else {"training": training}


def _agrees(spec: KerasTensor, array: Any) -> bool:
    return len(spec.shape) == array.ndim and all(s is None or s == n for s, n in zip(spec.shape, array.shape))


def check_layer(case: Case) -> None:
    """Holds the layer of `case` to what all layers promise."""
    inputs = case.inputs()
    layer = case.make()
    args, call = case.symbols(())
    layer(*args, **call)
    before = [v.numpy() for v in layer.variables]
    eager = layer(*case.arguments(inputs), **case.call, **_kw(case.training[0]))
    for variable, value in zip(layer.variables, before):
        variable.assign(value)
    check_shapes(case, layer, eager)
    check_weights(case, layer)
    check_jit_and_gradients(case, layer, inputs, eager)
    check_config(case, layer, inputs, eager)
    if is_float(case.dtype) or layer.weights:
        check_mixed_precision(case)


def check_shapes(case: Case, layer: Layer, eager: Any) -> None:
    """What is said of the output without computing it is what is computed."""
    for unknown in {(0,), (0, *case.free), ()}:
        args, call = case.symbols(unknown)
        symbolic = _arrays(case.make()(*args, **call))
        assert len(symbolic) == len(_arrays(eager))
        for spec, array in zip(symbolic, _arrays(eager)):
            assert _agrees(spec, array), (unknown, spec.shape, array.shape)
            assert spec.dtype == str(array.dtype), (spec.dtype, array.dtype)
        if unknown == (0,):
            assert all(spec.shape[0] is None for spec in symbolic if len(spec.shape)), "a batch size came from nowhere"
        # The rule in Python against the layer itself, run on no data.
        abstract = _arrays(abstract_call(layer, args, call))
        assert [s.shape for s in abstract] == [s.shape for s in symbolic], unknown


def check_weights(case: Case, layer: Layer) -> None:
    """Names, order, and one path a weight."""
    assert layer.built
    if case.weights is not None:
        assert [v.path.removeprefix(f"{layer.name}/") for v in layer.weights] == case.weights
    paths = [v.path for v in layer.weights]
    assert len(set(paths)) == len(paths), paths
    ids = [id(v) for v in layer.trainable_weights + layer.non_trainable_weights]
    assert sorted(ids) == sorted(map(id, layer.weights))
    before, layer.trainable = layer.trainable, False
    assert not layer.trainable_weights
    layer.trainable = before


def check_jit_and_gradients(case: Case, layer: Layer, inputs: Any, eager: Any) -> None:
    """One compile for two calls, the values of the eager call, and a finite gradient for every trainable weight."""
    training = case.training[0]

    def loss(trainable: list, others: list, x: Any) -> Any:
        out, state = layer.stateless_call(trainable, others, *case.arguments(x), **case.call, **_kw(training))
        parts = [a for a in _arrays(out) if is_float(a.dtype)]
        # Factors of several sizes and signs, so that what is invariant (the sum of a softmax) doesn't hide gradients.
        total = sum((a.astype("float32") * np.cos(np.arange(a.size)).reshape(a.shape)).sum() for a in parts)
        return jax.numpy.asarray(total, "float32"), (out, state)

    step = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=QUICK)
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]
    (_, (out, state)), gradients = step(trainable, others, inputs)
    step([v + 0 for v in trainable], state, case.inputs(seed=1))
    assert step._cache_size() == 1, "a second call compiled again"
    if not (case.random and training):
        for a, b in zip(_arrays(out), _arrays(eager)):
            np.testing.assert_allclose(np.asarray(a, "float32"), np.asarray(b, "float32"), rtol=1e-4, atol=1e-5)
    for variable, gradient in zip(layer.trainable_variables, gradients):
        assert np.isfinite(gradient).all(), variable.path
        assert variable.name in case.dead or np.abs(gradient).max() > 0, f"no gradient for {variable.path}"


def check_config(case: Case, layer: Layer, inputs: Any, eager: Any) -> None:
    """The config survives JSON, and makes a layer that computes the same."""
    config = json.loads(json.dumps(serialize_keras_object(layer)))
    again = deserialize_keras_object(config)
    assert json.loads(json.dumps(serialize_keras_object(again)))["config"] == config["config"]
    assert type(again) is type(layer) and again.name == layer.name
    again(*case.arguments(inputs), **case.call)
    again.set_weights(layer.get_weights())
    if not case.random:
        out = again(*case.arguments(inputs), **case.call, **_kw(case.training[0]))
        for a, b in zip(_arrays(out), _arrays(eager)):
            np.testing.assert_allclose(np.asarray(a, "float32"), np.asarray(b, "float32"), rtol=1e-5, atol=1e-6)


def check_mixed_precision(case: Case) -> None:
    """Under mixed_bfloat16 the weights are float32, and what is said of the results' dtype is so."""
    args, call = case.symbols()
    layer = case.make(dtype="mixed_bfloat16")
    symbolic = _arrays(layer(*args, **call))
    out = _arrays(abstract_call(layer, args, call))
    assert [a.dtype for a in out] == [s.dtype for s in symbolic]
    if case.mixed:
        assert all(a.dtype == "bfloat16" for a in out if is_float(a.dtype)), [a.dtype for a in out]
    assert all(v.dtype == "float32" for v in layer.weights if is_float(v.dtype))
