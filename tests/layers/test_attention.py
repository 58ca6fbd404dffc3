"""What attention layers promise: the contract, masks that carry, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers
from tests.layers.contract import Case, check_layer

QV = [(2, 4, 5), (2, 6, 5)]

CASES = [
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_gate": True}, QV, splat=True, atol=1e-5),
    Case("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, QV, splat=True),
    Case("Attention", {"use_scale": True, "score_mode": "concat"}, QV, weights=["scale", "concat_score_weight"]),
    Case("AdditiveAttention", {}, QV, weights=["scale"]),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contract(case):
    check_layer(case)


def x(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def test_the_fused_and_the_open_form_agree():
    layer = layers.MultiHeadAttention(2, 3)
    mask = np.array([[1, 1, 0, 1, 1, 0]] * 2, bool)
    fused = layer(x(2, 4, 5), x(2, 6, 5), value_mask=mask, use_causal_mask=True)
    opened, scores = layer(x(2, 4, 5), x(2, 6, 5), value_mask=mask, use_causal_mask=True, return_attention_scores=True)
    np.testing.assert_allclose(fused, opened, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores.sum(-1), np.ones((2, 2, 4)), rtol=1e-5)
    assert not np.asarray(scores)[:, :, 0, 1:].any() and not np.asarray(scores)[..., 2].any()


def test_a_causal_mask_works_along_any_axis():
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    first = np.asarray(layer(x(2, 3, 4, 5), x(2, 3, 4, 5), use_causal_mask=True))
    later = x(2, 3, 4, 5)
    later[:, :, 2:] = 7.0
    np.testing.assert_allclose(layer(later, later, use_causal_mask=True)[:, :, :2], first[:, :, :2], rtol=1e-5)


def test_masks_travel_through():
    tokens = keras.Input((4, 5))
    masked = layers.Masking()(tokens)
    attended = layers.MultiHeadAttention(2, 3)(masked, masked)
    model = keras.Model(tokens, layers.LSTM(3)(attended))
    short = x(2, 3, 5)
    padded = np.concatenate([short, np.zeros((2, 1, 5), "float32")], 1)
    np.testing.assert_allclose(model(padded), keras.Model(tokens, model.output)(padded))
    scores = layers.MultiHeadAttention(2, 3)
    masked = layers.Masking()(padded)
    _, found = scores(masked, masked, return_attention_scores=True)
    assert not np.asarray(found)[..., 3].any()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.MultiHeadAttention(0, 3), "`num_heads`, expected a positive integer. Received: num_heads=0"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "`sliding_window` must be `None` or a positive"),
        (lambda: layers.MultiHeadAttention(2, 3, attention_axes="a"), "`attention_axes` must be"),
        (lambda: layers.GroupQueryAttention(4, 3, 2), "must be divisible"),
        (lambda: layers.MultiHeadAttention(2, 3)(x(2, 4, 5), x(2, 6, 5), x(2, 7, 5)), "except the last one"),
        (lambda: layers.MultiHeadAttention(2, 3)(x(2, 4, 5), x(2, 6)), "same number of dimensions"),
        (lambda: layers.Attention(score_mode="x"), "score_mode=x"),
        (lambda: layers.Attention()(x(2, 4, 5)), "must be called on a list of inputs"),
        (lambda: layers.Attention()([x(2, 4, 5)]), "Received length: 1"),
        (lambda: layers.Attention()([x(2, 4, 5)] * 2, mask=[None]), "mask must be a list of length 2 or 3"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
