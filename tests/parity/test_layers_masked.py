"""Masks, given statistics and policies: what Keras 3.15.1 computes, and where addax is better."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import addax
from addax import layers

keras = pytest.importorskip("keras")
BOTH = [addax, keras]
rng = np.random.default_rng(0)


def masked(package, x, mask):
    """A tensor that carries a mask."""
    x = package.ops.convert_to_tensor(x)
    if mask is not None:
        x._keras_mask = package.ops.convert_to_tensor(mask)
    return x


def arrays(structure):
    return [np.asarray(x, "float32") for x in keras.tree.flatten(structure)]


def same(ours, theirs, **tolerance):
    ours, theirs = arrays(ours), arrays(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


# Merging

VALUES = [np.array([row])[..., None].astype("float32") for row in ([2, 3, 5, 7], [11, 13, 17, 19], [23, 29, 31, 37])]
MASKS = [np.array([row], bool) for row in ([1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0])]


@pytest.mark.parametrize("kind", ["Multiply", "Maximum", "Minimum", "Add", "Average"])
@pytest.mark.parametrize("which", [(0, 1), (0, None), (None, 1), (0, 1, 2), (0, None, 2), (None, 1, None), (0,)])
def test_merging_masked_inputs(kind, which):
    found = []
    for package in BOTH:
        inputs = [masked(package, VALUES[i], None if m is None else MASKS[m]) for i, m in enumerate(which)]
        found.append(getattr(package.layers, kind)()(inputs))
    same(*found)


@pytest.mark.parametrize(
    "kind, function", [("Multiply", np.multiply), ("Maximum", np.maximum), ("Minimum", np.minimum)]
)
def test_merging_in_a_compiled_model(kind, function):
    ids = [np.array([[1, 2, 0, 0]]), np.array([[3, 1, 2, 0]])]
    rows = np.array([[9.0, -9.0], [1.0, 2.0], [3.0, -4.0], [0.5, 5.0]], "float32")
    table = layers.Embedding(4, 2, mask_zero=True, weights=rows)
    inputs = [addax.Input((4,), dtype="int32") for _ in ids]
    model = addax.Model(inputs, getattr(layers, kind)()([table(i) for i in inputs]))
    want = function(rows[ids[0]], rows[ids[1]])
    want[0, 2] = rows[2]  # padding on the left: what the right has
    want[0, 3] = 0 if kind == "Multiply" else rows[0]
    for result in (model.predict(ids, verbose=0), model(ids)):
        np.testing.assert_allclose(result, want)


def test_merging_masked_inputs_of_fewer_axes_and_of_one_mask_an_element():
    # Keras forgets the mask of an input that gets new axes, and fails on masks of the inputs' rank.
    a = masked(addax, np.concatenate([VALUES[0]] * 2, -1), MASKS[0])
    b = masked(addax, np.full((1, 1), 3.0), np.array([False]))
    np.testing.assert_array_equal(layers.Multiply()([a, b])[0], [[2, 2], [3, 3], [0, 0], [0, 0]])
    c, d = (masked(addax, VALUES[i], MASKS[i][..., None]) for i in (0, 1))
    np.testing.assert_array_equal(np.ravel(layers.Maximum()([c, d])), [11, 3, 17, 7])


FULL = np.array([[[True, False], [False, False], [True, True]]])


@pytest.mark.parametrize("axis", [1, 2, -1, -2, 0])
def test_concatenate_takes_masks_of_the_inputs_rank(axis):
    x = np.ones((1, 3, 2))
    masks = [FULL, FULL[:, ::-1]]
    found = [p.layers.Concatenate(axis=axis).compute_mask([x, x], masks) for p in BOTH]
    np.testing.assert_array_equal(*found)
    symbols = [addax.Input((3, 2))] * 2
    np.testing.assert_array_equal(layers.Concatenate(axis=axis).compute_mask(symbols, masks), found[1])


def test_concatenate_takes_masks_of_different_ranks():
    x, mask = np.ones((1, 3, 2)), np.array([[True, False, True]])
    found = [p.layers.Concatenate(axis=1).compute_mask([x, x], [FULL, mask]) for p in BOTH]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kind", ["Concatenate", "Add", "Multiply"])
@pytest.mark.parametrize(
    "arguments, message",
    [
        (([np.ones((1, 3, 2))] * 2, FULL), "`mask` should be a list"),
        (([np.ones((1, 3, 2))] * 2, [FULL]), "The lists `inputs` and `mask` should have the same length"),
        ((np.ones((1, 3, 2)), [FULL]), "`inputs` should be a list"),
    ],
)
def test_masks_that_are_no_list(kind, arguments, message):
    for package in BOTH:
        with pytest.raises(ValueError, match=message):
            getattr(package.layers, kind)().compute_mask(*arguments)


# Attention

Q, V = (rng.standard_normal((2, n, 4)).astype("float32") for n in (3, 5))
QUERIES = np.array([[1, 1, 0], [1, 0, 0]], bool)
KEYS = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)


def heads(kind, **options):
    """The layer of both packages with the same weights."""
    made = []
    for package in BOTH:
        arguments = (2, 3) if kind == "MultiHeadAttention" else (3, 4, 2)
        layer = getattr(package.layers, kind)(*arguments, **options)
        layer.build(Q.shape, V.shape)
        draw = np.random.default_rng(1)
        layer.set_weights([draw.standard_normal(w.shape) for w in layer.get_weights()])
        made.append(layer)
    return made


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
@pytest.mark.parametrize(
    "options, call",
    [
        ({}, {}),
        ({}, {"return_attention_scores": True}),
        ({}, {"training": True}),
        ({"dropout": 0.5}, {}),
        ({"dropout": 0.5}, {"return_attention_scores": True}),
    ],
    ids=str,
)
def test_padded_queries_see_nothing(kind, options, call):
    found = []
    for package, layer in zip(BOTH, heads(kind, **options)):
        found.append(layer(masked(package, Q, QUERIES), masked(package, V, KEYS), **call))
        found.append(layer(masked(package, Q, QUERIES), V, **call))
    same(found[:2], found[2:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_a_query_mask_that_is_given_to_the_call(kind):
    found = [layer(Q, V, query_mask=QUERIES, value_mask=KEYS) for layer in heads(kind)]
    same(*found, rtol=1e-4, atol=1e-5)


def test_padded_queries_in_a_compiled_model():
    x = Q * QUERIES[..., None]
    found = []
    for package, layer in zip(BOTH, heads("MultiHeadAttention")):
        inputs = package.Input((3, 4))
        tokens = package.layers.Masking()(inputs)
        with pytest.warns(UserWarning, match="does not support masking"):
            model = package.Model(inputs, package.layers.Flatten()(layer(tokens, tokens)))
            found.append(model.predict(x, verbose=0))
    same(*found, rtol=1e-4, atol=1e-5)


def test_with_dropout_training_and_inference_give_padded_queries_the_same():
    layer = heads("MultiHeadAttention", dropout=0.5)[0]
    x = masked(addax, Q, QUERIES)
    for training in (True, False):
        out = np.asarray(layer(x, V, training=training))
        np.testing.assert_allclose(out[~QUERIES], np.broadcast_to(layer.output_dense.bias.numpy(), (3, 4)), rtol=1e-6)


CAUSAL = {"return_attention_scores": True, "use_causal_mask": True}
X4 = rng.standard_normal((2, 3, 4, 5)).astype("float32")


@pytest.mark.parametrize("axes, shape", [((2,), (2, 3, 4)), ((2,), (2, 4)), ((2,), (2, 3)), ((1,), (2, 3)),
                                         ((1, 2), (2, 3, 4)), ((1, 2), (2, 3)), (None, (2, 3))])  # fmt: skip
def test_query_masks_over_several_axes(axes, shape):
    mask = np.random.default_rng(3).random(shape) < 0.5
    layer = layers.MultiHeadAttention(1, 2, attention_axes=axes)
    out = np.asarray(layer(masked(addax, X4, mask), X4))
    full = mask[:, None] if shape == (2, 4) else mask.reshape(*shape, *(1,) * (3 - len(shape)))
    full = np.broadcast_to(full, (2, 3, 4))
    np.testing.assert_allclose(out[full], np.asarray(layer(X4, X4))[full], rtol=1e-4, atol=1e-5)
    # What sees nothing gets the mean of all values along the axes.
    nothing = np.asarray(layer(X4, X4, attention_mask=np.zeros((1, 1), bool)))
    np.testing.assert_allclose(out[~full], nothing[~full], rtol=1e-4, atol=1e-5)


def test_attention_says_which_mask_is_wrong():
    layer = layers.GroupQueryAttention(2, 1, 1)
    for name, x in (("query", Q), ("value", V), ("key", V)):
        with pytest.raises(ValueError, match=rf"mask of shape \(2, 9\).*`{name}`.*Expected \(2, {x.shape[1]}\)"):
            layer(Q, V, **{f"{name}_mask": np.ones((2, 9), bool)})


def test_grouped_attention_of_other_features():
    for package in BOTH:
        layer = package.layers.GroupQueryAttention(2, 4, 4)
        with pytest.raises(ValueError, match="The last dimension of `query_shape` and `value_shape` must be equal"):
            layer.compute_output_shape((1, 3, 6), (1, 5, 4))


@pytest.mark.parametrize("kind, options", [("Attention", {}), ("Attention", {"score_mode": "concat"}),
                                           ("AdditiveAttention", {})])  # fmt: skip
@pytest.mark.parametrize(
    "lead, call",
    [
        ((), {}),  # with a causal mask Keras adds an axis to the result
        *((lead, call) for lead in ((2,), (2, 3), (2, 3, 2)) for call in ({}, CAUSAL)),
    ],
    ids=str,
)
def test_attention_over_any_number_of_axes(kind, options, lead, call):
    q, v = (np.random.default_rng(n).standard_normal((*lead, n, 5)).astype("float32") for n in (4, 6))
    made = [getattr(p.layers, kind)(**options) for p in BOTH]
    found = []
    for layer in made:
        layer.build([q.shape, v.shape])
        layer.set_weights([np.linspace(0.5, 1, w.size).reshape(w.shape) for w in layer.get_weights()])
        found.append(layer([q, v], **call))
    same(*found)
    if lead:
        inputs = [addax.Input(batch_shape=(None, *x.shape[1:])) for x in (q, v)]
        symbols = keras.tree.flatten(made[0](inputs, **call))
        assert [s.shape[1:] for s in symbols] == [a.shape[1:] for a in arrays(found[0])]


@pytest.mark.parametrize("shape", [(2, 3, 6), (2, 6)])
def test_attention_over_more_axes_with_masks(shape):
    q, v = (np.random.default_rng(n).standard_normal((2, 3, n, 5)).astype("float32") for n in (4, 6))
    mask = np.random.default_rng(1).random(shape) < 0.7
    full = np.broadcast_to(mask if len(shape) == 3 else mask[:, None], (2, 3, 6))
    out = np.asarray(layers.Attention()([q, v], mask=[None, mask]))
    for i in range(2):  # Keras takes three axes
        np.testing.assert_allclose(out[i], keras.layers.Attention()([q[i], v[i]], mask=[None, full[i]]), rtol=1e-5)
    with pytest.raises(ValueError, match=r"mask of `value`.*\(2, 5\)"):
        layers.Attention()([q, v], mask=[None, np.ones((2, 5), bool)])


# Softmax

SCORES = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]], "float32")


@pytest.mark.parametrize(
    "x, mask",
    [
        (SCORES, np.array([[True, True, False], [False, False, False]])),
        (np.stack([SCORES, SCORES]), np.array([[True, True, False], [False, True, False]])),
        (np.stack([SCORES, SCORES]), np.array([True, True, False])),
    ],
)
def test_softmax_with_masks_that_broadcast(x, mask):
    same(layers.Softmax()(x, mask=mask), keras.layers.Softmax()(x, mask=mask))


@pytest.mark.parametrize("sizes", [(2, 3, 4), (3, 3, 3), (1, 3, 3)])
def test_softmax_behind_masked_steps(sizes):
    # Where all sizes agree, the mask of the steps must not be taken for one of the scores.
    x = np.random.default_rng(0).standard_normal(sizes).astype("float32")
    steps = np.arange(sizes[1]) < np.arange(1, sizes[0] + 1)[:, None]
    y = layers.Softmax()(masked(addax, x, steps))
    np.testing.assert_allclose(y, keras.ops.softmax(x), rtol=1e-5)
    np.testing.assert_array_equal(y._keras_mask, steps)
    over_time = np.asarray(layers.Softmax(axis=1)(masked(addax, x, steps)))
    want = np.exp(x) * steps[..., None]
    np.testing.assert_allclose(over_time, want / want.sum(1, keepdims=True), rtol=1e-5)
    model = addax.Sequential([addax.Input(sizes[1:]), layers.Masking(), layers.Softmax()])
    np.testing.assert_allclose(
        model.predict(x * steps[..., None], verbose=0)[steps], np.asarray(keras.ops.softmax(x))[steps], rtol=1e-5
    )


def test_softmax_with_a_mask_that_fits_nothing():
    for package in BOTH:
        with pytest.raises(ValueError, match="must be broadcastable to `inputs`"):
            package.layers.Softmax()(np.ones((2, 4, 3)), mask=np.ones((2, 5), bool))
        with pytest.raises(ValueError, match="must not have more dimensions"):
            package.layers.Softmax()(np.ones((4, 3)), mask=np.ones((2, 4, 3), bool))


# Masks that leave out everything, and masks that don't fit


@pytest.mark.parametrize("renorm", [False, True])
def test_a_batch_that_is_padding_only_leaves_batch_normalization_finite(renorm):
    found = []
    for package in BOTH:
        layer = package.layers.BatchNormalization(renorm=renorm)
        found.append([layer(np.ones((3, 2)), mask=np.zeros(3), training=True), *layer.weights])
    same(*[[np.asarray(v) for v in f] for f in found], rtol=1e-4)


def test_the_mean_of_nothing_is_zero():
    mask = np.array([[True, False], [False, False]])
    x = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(layers.GlobalAveragePooling1D()(x, mask=mask), [[0, 1], [0, 0]])


@pytest.mark.parametrize("mask", [np.ones((2, 6), bool), np.ones((3, 7), bool), np.ones((2,), bool)])
def test_time_distributed_with_a_mask_of_another_length(mask):
    for package in BOTH:
        with pytest.raises(ValueError, match="The `mask` passed to the `TimeDistributed` layer"):
            package.layers.TimeDistributed(package.layers.Dense(2))(np.ones((2, 7, 3)), mask=mask)


@pytest.mark.parametrize(
    "make", [lambda: layers.LSTM(2), lambda: layers.RNN([layers.GRUCell(2)]), lambda: layers.GlobalAveragePooling1D(),
             lambda: layers.Bidirectional(layers.LSTM(2))])  # fmt: skip
def test_masks_of_another_length(make):
    with pytest.raises(ValueError, match=r"The `mask` passed to .* has a shape \(2, 6\) that is incompatible"):
        make()(np.ones((2, 7, 3)), mask=np.ones((2, 6), bool))


def test_batch_normalization_with_a_mask_of_another_length():
    with pytest.raises(ValueError, match=r"mask of shape \(2, 6\); expected \(2, 7\)"):
        layers.BatchNormalization()(np.ones((2, 7, 3)), mask=np.ones((2, 6), bool), training=True)


# Statistics in 16 bits

LARGE = np.full((2, 4), 1e5, "float32")
LARGE[0, 0] = 1e4


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
@pytest.mark.parametrize("kind, options", [("LayerNormalization", {}), ("GroupNormalization", {"groups": 2})])
def test_statistics_of_large_numbers_as_in_keras(kind, options, dtype):
    found = [getattr(p.layers, kind)(dtype=dtype, **options)(LARGE) for p in BOTH]
    assert [str(y.dtype) for y in found] == ["float16"] * 2
    same(*found, rtol=1e-3)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("RMSNormalization", {}),
        ("UnitNormalization", {}),
        ("Normalization", {"mean": 1e5, "variance": 1e8}),
        ("Rescaling", {"scale": 1e-5}),
    ],
)
def test_large_numbers_where_keras_overflows(kind, options):
    ours = getattr(layers, kind)(dtype="mixed_float16", **options)(LARGE)
    exact = getattr(layers, kind)(**options)(LARGE)
    assert str(ours.dtype) == "float16"
    np.testing.assert_allclose(np.asarray(ours, "float32"), exact, rtol=1e-3)
    assert not np.isfinite(np.asarray(getattr(keras.layers, kind)(dtype="mixed_float16", **options)(LARGE))).all()


# Normalization with given statistics


@pytest.mark.parametrize(
    "axis, mean, shape",
    [
        (1, np.arange(6.0), (2, 6, 3)),
        ((1, 2), np.arange(18.0).reshape(6, 3), (2, 6, 3, 2)),
        ((2, 1), np.arange(18.0).reshape(6, 3), (2, 6, 3, 2)),
        ((1, 2), np.arange(3.0), (2, 6, 3, 2)),
        ((1, 2), np.arange(6.0).reshape(6, 1), (2, 6, 3, 2)),
        (-1, 2.0, (4, 3)),
        (-1, [2.0], (4, 3)),
        (1, 2.0, (4, 3, 2)),
        (None, 2.0, (4, 3)),
        (0, np.arange(4.0), (4, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("invert", [False, True])
def test_given_statistics(axis, mean, shape, invert):
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    found = []
    for package in BOTH:
        layer = package.layers.Normalization(axis=axis, mean=mean, variance=np.asarray(mean) + 1, invert=invert)
        y = layer(x)
        found.append([y, layer.mean, layer.variance])
    assert [np.shape(a) for a in found[0]] == [np.shape(a) for a in found[1]]
    same(*found)


def test_adapted_statistics_have_the_rank_of_the_inputs():
    for axis in (-1, None):
        shapes = []
        for package in BOTH:
            layer = package.layers.Normalization(axis=axis)
            layer.adapt(np.ones((4, 3)))
            shapes.append((layer.mean.shape, layer.variance.shape))
        assert shapes[0] == shapes[1]


@pytest.mark.parametrize("axis, mean", [((1, 2), np.ones(6)), (-1, np.ones((1, 3))), (None, np.ones(3))])
def test_statistics_that_do_not_fit(axis, mean):
    for package in BOTH:
        with pytest.raises(ValueError):
            package.layers.Normalization(axis=axis, mean=mean, variance=mean).build((2, 6, 3))
    with pytest.raises(ValueError, match=r"don't fit inputs of shape|must be less than or equal to the number of axes"):
        layers.Normalization(axis=axis, mean=mean, variance=mean).build((2, 6, 3))


@pytest.mark.parametrize("data", [np.ones((4, 3)), np.ones((4, 2, 3))])
def test_adapt_to_other_features(data):
    for package in BOTH:
        layer = package.layers.Normalization()
        layer.build((None, 5))
        with pytest.raises(ValueError, match=r"built with input_shape=\(None, 5\), but adapt\(\) is being called with"):
            layer.adapt(data)


# Recurrent layers


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("size", [1, 5])
def test_a_stateful_layer_keeps_its_batch_size(kind, size):
    for package in BOTH:
        layer = getattr(package.layers, kind)(3, stateful=True)
        layer(np.ones((4, 2, 5)))
        with pytest.raises(ValueError, match="the batch size of the input sequences must be the same as"):
            layer(np.ones((size, 2, 5)))


def test_an_initial_state_of_another_batch_size():
    with pytest.raises(ValueError, match=r"batch of 4 sequences, but `initial_state` of shape\(s\) \(1, 3\)"):
        layers.GRU(3)(np.ones((4, 2, 5)), initial_state=np.zeros((1, 3)))


def sum_cell(package):
    class Sum(package.layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            total = states[0] + inputs
            return total, [total]

    return Sum


WRAPPED = {
    "own cell": lambda p, outer, inner: p.layers.RNN(sum_cell(p)(dtype=inner), dtype=outer, return_state=True),
    "cell": lambda p, outer, inner: p.layers.RNN(p.layers.LSTMCell(3, dtype=inner), dtype=outer, return_sequences=True),
    "cells": lambda p, outer, inner: p.layers.RNN([p.layers.GRUCell(3), p.layers.GRUCell(2)], dtype=outer),
    "each step": lambda p, outer, inner: p.layers.TimeDistributed(p.layers.Dense(3, dtype=inner), dtype=outer),
    "both ways": lambda p, outer, inner: p.layers.Bidirectional(p.layers.LSTM(3, dtype=inner), dtype=outer),
    "spectral": lambda p, outer, inner: p.layers.SpectralNormalization(p.layers.Dense(3, dtype=inner), dtype=outer),
}  # fmt: skip


@pytest.mark.parametrize("outer, inner", [("mixed_float16", "float32"), ("float32", "mixed_float16")])
@pytest.mark.parametrize("name", WRAPPED)
def test_results_have_the_policy_of_the_outer_layer(name, outer, inner):
    x = np.ones((2, 4) if name == "spectral" else (2, 3, 4), "float32")
    dtypes = []
    for package in BOTH:
        layer = WRAPPED[name](package, outer, inner)
        eager, symbolic = layer(x), layer(package.Input(x.shape[1:]))
        dtypes.append([[str(t.dtype) for t in keras.tree.flatten(y)] for y in (eager, symbolic)])
    assert dtypes[0] == dtypes[1]


# Embedding


@pytest.mark.parametrize("ids", [[[0, 4]], [[-1, 2]], [[0.0, 4.0]], [[0.0, np.nan]]], ids=str)
def test_indices_that_the_table_does_not_have(ids):
    with pytest.raises(ValueError, match=r"indices from .* layer 'embedding.*input_dim=4: expected 0 to 3"):
        layers.Embedding(4, 2)(np.array(ids))
    addax.config.set("check_dtypes", False)
    try:
        assert layers.Embedding(4, 2)(np.array(ids)).shape == (1, 2, 2)
    finally:
        addax.config.set("check_dtypes", True)


def test_indices_that_the_table_has():
    layer = layers.Embedding(4, 2)
    table = np.asarray(layer(np.arange(4)))
    for ids in (np.array([[3, 0]], "uint8"), np.array([[3.0, 0.0]]), np.zeros((0, 3), "int32"), np.array([[True]])):
        np.testing.assert_array_equal(layer(ids), table[ids.astype("int32")])


def test_cropping_more_than_there_is():
    for package in BOTH:
        with pytest.raises(ValueError, match="`cropping` parameter of `Cropping1D` layer must be smaller than the"):
            package.layers.Cropping1D((3, 3))(np.ones((1, 5, 2)))
        with pytest.raises(ValueError, match="Values in `cropping` argument should be smaller than the corresponding"):
            package.layers.Cropping2D(3)(np.ones((1, 5, 5, 2)))
        with pytest.raises(ValueError, match=r"Number of groups \(3\) must be a multiple of the number of channels"):
            package.layers.GroupNormalization(3)(np.ones((1, 4)))
