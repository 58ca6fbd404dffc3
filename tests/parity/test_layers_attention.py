"""Attention layers against Keras: outputs, scores, masks, gradients and configs."""

from __future__ import annotations

import numpy as np
import pytest

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
    heads(),
    heads(QVK, SCORES, value_dim=4, output_shape=8, use_bias=False),
    heads(QVK, SCORES, output_shape=(2, 4)),
    heads(QV, {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK, "key_mask": ~VALUE_MASK | PAIRS[:, 0]}),
    heads(QV, {"value_mask": VALUE_MASK, "use_causal_mask": True, **SCORES}),
    heads(QV, {"attention_mask": PAIRS, "query_mask": QUERY_MASK}, kernel_regularizer="l2", use_gate=True),
    heads(QV, {"attention_mask": PAIRS[0]}, bias_initializer="ones", bias_constraint="non_neg"),
    heads(QV, {"attention_mask": np.stack([PAIRS, ~PAIRS], 1), **SCORES}),
    heads(QV, SCORES, sliding_window=2),
    heads(QV, {"use_causal_mask": True}, sliding_window=2),
    heads(GRID, SCORES, attention_axes=(1,)),
    heads(GRID, SCORES, attention_axes=2),
    heads(GRID, SCORES, attention_axes=(1, 2)),
    heads(GRID, {"attention_mask": np.random.default_rng(1).random((2, 3, 4, 3, 4)) < 0.5}),
    heads(layer="GroupQueryAttention"),
    heads(QVK, {"value_mask": VALUE_MASK, **SCORES}, layer="GroupQueryAttention", use_gate=True),
    heads(QV, {"use_causal_mask": True}, layer="GroupQueryAttention", sliding_window=2, use_bias=False),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    check_parity(case)
