"""Attention layers against Keras: outputs, scores, masks, gradients and configs."""

from __future__ import annotations

import numpy as np
import pytest

from addax import layers
from tests.layers.contract import Case
from tests.parity.layer_check import check_parity

keras = pytest.importorskip("keras")

QV = [(2, 4, 5), (2, 6, 5)]
QVK = [(2, 4, 5), (2, 6, 3), (2, 6, 7)]
GRID = [(2, 3, 4, 5), (2, 3, 4, 5)]
VALUE_MASK = np.array([[1, 1, 1, 0, 0, 1], [1, 1, 0, 0, 0, 0]], bool)
QUERY_MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
PAIRS = np.random.default_rng(3).random((2, 4, 6)) < 0.7
SCORES = {"return_attention_scores": True}


def heads(shape=QV, call=None, layer="MultiHeadAttention", **kwargs) -> Case:
    sizes = {"num_heads": 2, "key_dim": 3}
    if layer != "MultiHeadAttention":
        sizes = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    return Case(
        layer,
        {**sizes, "seed": 1, **kwargs},
        shape,
        call=call or {},
        splat=True,
        parity=("config", "grad"),
        atol=3e-5,  # the gradient of the key's bias is 0 but for rounding
    )


CASES = [
    heads(QVK, SCORES, value_dim=4, output_shape=(2, 4), use_bias=False),
    heads(QV, {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK, "key_mask": ~VALUE_MASK | PAIRS[:, 0]}),
    heads(QV, {"value_mask": VALUE_MASK, "use_causal_mask": True, **SCORES}, sliding_window=2),
    heads(QV, {"attention_mask": PAIRS}, use_gate=True, kernel_regularizer="l2", bias_constraint="non_neg"),
    heads(QV, {"attention_mask": np.stack([PAIRS, ~PAIRS], 1), **SCORES}, output_shape=8),
    heads(GRID, SCORES, attention_axes=2),
    heads(GRID, {"attention_mask": np.random.default_rng(1).random((2, 3, 4, 3, 4)) < 0.5}),
    heads(layer="GroupQueryAttention"),
    heads([*QV, (2, 6, 7)], {"value_mask": VALUE_MASK, **SCORES}, layer="GroupQueryAttention", use_gate=True),
]


def pairs(layer="Attention", call=None, shape=QV, **kwargs) -> Case:
    return Case(layer, kwargs, shape, call=call or {}, parity=("config", "grad"))


CASES += [
    pairs(call={"mask": [QUERY_MASK, VALUE_MASK], **SCORES}, use_scale=True),
    pairs(call={"use_causal_mask": True}, shape=[*QV, QV[1]], score_mode="concat", use_scale=True),
    pairs("AdditiveAttention", {"mask": [QUERY_MASK, VALUE_MASK], **SCORES}),
    pairs("AdditiveAttention", {"use_causal_mask": True}, use_scale=False, shape=[*QV, QV[1]]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    check_parity(case)


@pytest.mark.parametrize(
    "name, arguments",
    [("MultiHeadAttention", (2, 3)), ("GroupQueryAttention", (3, 4, 2))],
)
def test_dropout_of_the_scores(name, arguments):
    inputs = Case("", shape=QV).inputs()
    theirs = getattr(keras.layers, name)(*arguments)
    ours, again = (getattr(layers, name)(*arguments, dropout=0.4, seed=1) for _ in range(2))
    for layer in (theirs, ours, again):
        layer(*inputs)
        layer.set_weights(theirs.get_weights())
    _, scores = theirs(*inputs, return_attention_scores=True)
    before = None
    for _ in range(2):
        found, expected = (layer(*inputs, training=True, return_attention_scores=True) for layer in (ours, again))
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a, b)
        # The scores that are returned are those before the dropout, which changes from step to step.
        np.testing.assert_allclose(found[1], scores, rtol=1e-5, atol=1e-6)
        assert before is None or not np.allclose(found[0], before)
        before = found[0]


def test_dropout_is_the_same_from_the_same_seed():
    inputs = Case("", shape=QV).inputs()
    theirs, ours = (room.Attention(dropout=0.4, seed=1) for room in (keras.layers, layers))
    for _ in range(2):
        found, expected = (layer(inputs, training=True, return_attention_scores=True) for layer in (ours, theirs))
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
