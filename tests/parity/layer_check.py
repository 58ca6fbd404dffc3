"""A layer in Keras and in addax with the same arguments and weights: same outputs, gradients, states and configs."""

from __future__ import annotations

import json
import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import numpy as np
import pytest

from addax import layers
from addax.core.dtypes import is_float
from addax.core.serialization import serialize_keras_object
from tests.layers.contract import Case
from tests.xla import QUICK

keras = pytest.importorskip("keras")


def plain(config: Any) -> Any:
    """`config` as JSON has it."""
    return json.loads(json.dumps(config))


def leaves(structure: Any) -> list:
    return [x for x in jax.tree.leaves(structure) if hasattr(x, "shape")]


def random_weights(weights: list, seed: int) -> list[np.ndarray]:
    """Values other than the initial ones, so that no factor 1 or offset 0 hides a mistake."""
    rng = np.random.default_rng(seed)
    values = []
    for v in weights:
        value = rng.standard_normal(v.shape)
        if any(word in v.path for word in ("variance", "stddev")):
            value = np.abs(value) + 0.5
        values.append(value.astype(str(v.dtype)) if is_float(str(v.dtype)) else np.asarray(v))
    return values


def run(layer: Any, case: Case, inputs: Any, training: Any) -> dict[str, Any]:
    """Everything a call of `layer` gives, from one compiled program."""
    flag = {} if training is None else {"training": training}

    def loss(trainable: list, x: Any) -> Any:
        others = [v.value for v in layer.non_trainable_variables]
        out, state = layer.stateless_call(trainable, others, *case.arguments(x), **case.call, **flag)
        parts = [a.astype("float32") for a in leaves(out) if is_float(str(a.dtype))]
        total = sum((a * np.random.default_rng(7).standard_normal(a.shape).astype("float32")).sum() for a in parts)
        return total, (out, state)

    trainable = [v.value for v in layer.trainable_variables]
    found: dict[str, Any] = {}
    if "grad" in case.parity:
        inexact = all(is_float(str(x.dtype)) for x in jax.tree.leaves(inputs))
        gradient = jax.value_and_grad(loss, argnums=(0, 1) if inexact else 0, has_aux=True)
        (_, (found["outputs"], found["state"])), found["gradients"] = jax.jit(gradient, compiler_options=QUICK)(
            trainable, inputs
        )
    else:
        found["outputs"], found["state"] = jax.jit(loss, compiler_options=QUICK)(trainable, inputs)[1]
    if case.random:
        del found["state"]  # of generators with seeds of their own
    return found


def built(room: Any, case: Case) -> Any:
    """The layer from `room`, built by a call on a symbolic input of known shape."""
    layer = case.make(room, name="layer_under_test")
    tensors = jax.tree.map(lambda x: room.Input(batch_shape=x.shape, dtype=str(x.dtype)), case.inputs())
    # Keras's initializers are compiled shape by shape, for values that are replaced anyway.
    with keras.StatelessScope(initialize_variables=False):
        layer(*case.arguments(tensors), **case.call)
    keras.utils.clear_session(free_memory=False)  # Keras would make the values at the end of a later scope
    return layer


def check_parity(case: Case) -> None:
    """Holds addax's layer of `case` against Keras's."""
    inputs = case.inputs()
    theirs, ours = built(keras.layers, case), built(layers, case)

    def described(layer: Any) -> list:
        return [(v.path, tuple(v.shape), str(v.dtype), v.trainable) for v in layer.weights]

    assert described(ours) == described(theirs)
    values = random_weights(theirs.weights, seed=3)
    theirs.set_weights(values)
    ours.set_weights(values)
    if "config" in case.parity:
        assert plain(serialize_keras_object(ours)) == plain(keras.saving.serialize_keras_object(theirs))
    if "shape" in case.parity and isinstance(case.shape, tuple):
        shape = (None, *case.shape[1:])
        assert tuple(ours.compute_output_shape(shape)) == tuple(theirs.compute_output_shape(shape))
    for training in case.training:
        expected, found = (run(layer, case, inputs, training) for layer in (theirs, ours))
        for part in expected:
            compare(case, found[part], expected[part], f"{part}, training={training}")
    if any("regularizer" in name for name in case.kwargs) or case.layer == "ActivityRegularization":
        for layer in (theirs, ours):
            layer(*case.arguments(inputs), **case.call)
        compare(case, sum(ours.losses), sum(theirs.losses), "losses")


def compare(case: Case, found: Any, expected: Any, what: str) -> None:
    """Every array of `found` is that of `expected`."""
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected), what
    for i, (a, b) in enumerate(zip(found, expected)):
        assert a.dtype == b.dtype and a.shape == b.shape, (what, i, a.dtype, b.dtype, a.shape, b.shape)
        a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
        # Sums of many terms lose digits by the size of the terms, not of the sum.
        atol = case.atol + case.rtol * float(np.abs(b).max(initial=0.0))
        np.testing.assert_allclose(a, b, rtol=case.rtol, atol=atol, err_msg=f"{what}, array {i}")
