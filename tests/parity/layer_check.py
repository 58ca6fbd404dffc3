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


def run(layer: Any, case: Case, inputs: Any, training: Any, with_gradients: bool) -> dict[str, Any]:
    """Everything a call of `layer` gives, from one compiled program."""
    flag = {} if training is None else {"training": training}

    def call(trainable: list, x: Any) -> Any:
        others = [v.value for v in layer.non_trainable_variables]
        out, state, losses = layer.stateless_call(
            trainable, others, *case.arguments(x), return_losses=True, **case.call, **flag
        )
        return out, state, sum(losses, 0.0)

    def loss(trainable: list, x: Any) -> Any:
        out, state, penalty = call(trainable, x)
        parts = [a.astype("float32") for a in leaves(out) if is_float(str(a.dtype))]
        total = sum((a * np.random.default_rng(7).standard_normal(a.shape).astype("float32")).sum() for a in parts)
        return total + penalty, (out, state, penalty)

    trainable = [v.value for v in layer.trainable_variables]
    if not with_gradients:
        out, state, penalty = jax.jit(call)(trainable, inputs)
        return {"outputs": out, "state": state, "penalty": penalty}
    inexact = all(is_float(str(x.dtype)) for x in jax.tree.leaves(inputs))
    gradient = jax.value_and_grad(loss, argnums=(0, 1) if inexact else 0, has_aux=True)
    (_, (out, state, penalty)), gradients = jax.jit(gradient)(trainable, inputs)
    return {"outputs": out, "state": state, "penalty": penalty, "gradients": gradients}


def check_parity(case: Case) -> None:
    """Holds addax's layer of `case` against Keras's."""
    name = "layer_under_test"
    inputs = case.inputs()
    theirs, ours = case.make(keras.layers, name=name), case.make(layers, name=name)
    theirs(*case.arguments(inputs), **case.call)
    ours(*case.arguments(inputs), **case.call)

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
        expected = run(theirs, case, inputs, training, "grad" in case.parity)
        found = run(ours, case, inputs, training, "grad" in case.parity)
        for part in expected:
            want, have = leaves(expected[part]), leaves(found[part])
            assert len(want) == len(have), part
            for i, (a, b) in enumerate(zip(have, want)):
                assert a.dtype == b.dtype and a.shape == b.shape, (part, i, a.dtype, b.dtype, a.shape, b.shape)
                scale = float(np.abs(np.asarray(b, "float32")).max(initial=0.0))
                np.testing.assert_allclose(
                    np.asarray(a, "float32"),
                    np.asarray(b, "float32"),
                    rtol=case.rtol,
                    # Sums of many terms lose digits by the size of the terms, not of the sum.
                    atol=case.atol + case.rtol * scale,
                    err_msg=f"{part}[{i}], training={training}",
                )
