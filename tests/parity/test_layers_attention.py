"""Attention layers against Keras: outputs, scores, masks, gradients and configs."""

from __future__ import annotations

import numpy as np
import pytest

import addax
from addax import layers
from addax.core import config as settings
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


EINSUM = [
    ("abc,cde->abde", (None, 4, 64), (None, 16, 32)),
    ("abde,dec->abc", (None, 4, 16, 32), (None, 80)),
    ("abc,cd->abd", (None, 8, 64), (None, 200)),
    ("abc,dc->abd", (None, 8, 64), (None, 200)),
    ("abc,bcd->abd", (None, 16, 32), (16, 64)),
    ("abc,bc->abc", (None, 16, 400), (16, 400)),
    ("abc,bde->abcde", (None, 16, 4), (16, 4, 20, 30)),
    ("...ab,abc->...c", (None, 3, 16, 32), (64,)),
    ("ab...,bc->ac...", (None, 80, 3), (100,)),
]


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("equation, shape, out", EINSUM, ids=[e[0] for e in EINSUM])
def test_the_fans_come_from_the_equation(equation, shape, out, mode):
    def deviation(library):
        scaling = library.initializers.VarianceScaling(1.0, mode, "untruncated_normal", seed=1)
        layer = library.layers.EinsumDense(equation, out, kernel_initializer=scaling)
        layer.build(shape)
        assert layer.kernel_initializer is scaling and scaling.get_config()["input_axes"] is None
        return np.std(layer.kernel)

    # Two samples of at least 6400 numbers each: their deviations are known to 1 %, other fans are farther off.
    np.testing.assert_allclose(deviation(addax), deviation(keras), rtol=0.05)


def test_fans_that_the_user_names_count():
    scaling = addax.initializers.VarianceScaling(1.0, "fan_in", "uniform", seed=1, input_axes=[1], output_axes=[0])
    layer = addax.layers.EinsumDense("abc,cde->abde", (None, 16, 32), kernel_initializer=scaling)
    layer.build((None, 4, 64))
    np.testing.assert_allclose(np.var(layer.kernel), 1 / 16, rtol=0.05)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_the_fans_of_projections(mode):
    def deviations(library, name, *args, **kwargs):
        scaling = library.initializers.VarianceScaling(1.0, mode, "untruncated_normal", seed=1)
        layer = getattr(library.layers, name)(*args, kernel_initializer=scaling, **kwargs)
        layer.build((None, 6, 96), (None, 6, 96))
        return [np.std(w) for w in layer.weights if w.path.endswith("kernel")]

    for named in (("MultiHeadAttention", 4, 24), ("GroupQueryAttention", 24, 4, 2)):
        found, expected = deviations(addax, *named), deviations(keras, *named)
        assert len(found) == 4
        np.testing.assert_allclose(found, expected, rtol=0.05)


def test_allowed_flash_attention_runs_where_there_is_none():
    x = np.random.default_rng(0).normal(size=(1, 4, 8)).astype("float16")
    for name, args in (("MultiHeadAttention", (2, 8)), ("GroupQueryAttention", (8, 4, 2))):
        layer = getattr(addax.layers, name)(*args, dtype="float16")
        expected = layer(x, x)
        addax.config.enable_flash_attention()
        try:
            np.testing.assert_array_equal(layer(x, x), expected)
        finally:
            settings._settings["flash_attention"] = None


@pytest.mark.parametrize("library", [keras, addax], ids=["keras", "addax"])
def test_flash_attention_that_is_asked_for(library):
    room = library.layers
    x = np.ones((1, 4, 8), "float16")
    with pytest.raises(ValueError, match="Dropout is not supported when flash attention is enabled"):
        room.MultiHeadAttention(2, 8, dropout=0.1, flash_attention=True)
    layer = room.MultiHeadAttention(2, 8, flash_attention=True, dtype="float16")
    with pytest.raises(ValueError, match="Returning attention scores is not supported when flash attention"):
        layer(x, x, return_attention_scores=True)
    with pytest.raises(RuntimeError, match="cuDNN"):
        layer(x, x)
