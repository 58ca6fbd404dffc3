"""Masks through layers that keep, merge, make or drop them, as Keras 3.15.1 does."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

from addax import layers

keras = pytest.importorskip("keras")

X = np.arange(16.0, dtype="float32").reshape(2, 4, 2)
FIRST = np.array([[True, True, False, False], [True, False, True, False]])
SECOND = np.array([[True, False, True, False], [True, True, True, False]])

SINGLE = [
    ("Activation", {"activation": "relu"}),
    ("Dropout", {"rate": 0.5}),
    ("BatchNormalization", {}),
    ("LayerNormalization", {}),
    ("GroupNormalization", {"groups": 1}),
    ("UnitNormalization", {}),
    ("Softmax", {}),
    ("PReLU", {}),
    ("Identity", {}),
    ("GaussianNoise", {"stddev": 0.1}),
    ("GlobalAveragePooling1D", {}),
]


@pytest.mark.parametrize(("name", "kwargs"), SINGLE)
def test_single_input(name, kwargs):
    found = getattr(layers, name)(**kwargs).compute_mask(X, FIRST)
    expected = getattr(keras.layers, name)(**kwargs).compute_mask(X, FIRST)
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "kwargs"), [("RMSNormalization", {}), ("Flatten", {}), ("Conv1D", {"filters": 1, "kernel_size": 1})]
)
def test_layers_that_drop_masks(name, kwargs):
    assert getattr(layers, name)(**kwargs).supports_masking is getattr(keras.layers, name)(**kwargs).supports_masking


@pytest.mark.parametrize(
    "masks", [(FIRST, SECOND), (FIRST, None), (None, SECOND), (None, None)], ids=["both", "first", "second", "none"]
)
@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        *((name, {}) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")),
        ("Concatenate", {"axis": 1}),
        ("Dot", {"axes": 2}),
    ],
)
def test_merges(name, kwargs, masks):
    found = getattr(layers, name)(**kwargs).compute_mask([X, X], list(masks))
    expected = getattr(keras.layers, name)(**kwargs).compute_mask([X, X], list(masks))
    assert (found is None) == (expected is None)
    if found is not None:
        np.testing.assert_array_equal(found, expected)


def test_embedding_masks_zero_through_to_the_pooling():
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    embedding = layers.Embedding(4, 2, mask_zero=True, embeddings_initializer="random_normal")
    pooled = layers.GlobalAveragePooling1D()(layers.Dropout(0.5)(embedding(ids)))
    table = embedding.embeddings.numpy()
    np.testing.assert_allclose(pooled, [(table[1] + table[2]) / 2, table[3]], rtol=1e-6)
    assert layers.Embedding(4, 2).compute_mask(ids) is None


def test_batch_normalization_counts_only_what_the_mask_lets():
    layer = layers.BatchNormalization(momentum=0.0)
    layer(X, training=True, mask=FIRST)
    np.testing.assert_allclose(layer.moving_mean.numpy(), X[FIRST].mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), X[FIRST].var(0), rtol=1e-5)
