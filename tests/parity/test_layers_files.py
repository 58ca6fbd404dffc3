"""Recurrent, attention and preprocessing layers in files: from addax to Keras and back."""

from __future__ import annotations

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

X = np.random.default_rng(0).standard_normal((2, 4, 5)).astype("float32")


def make(package):
    layers = package.layers
    inputs = package.Input((4, 5))
    x = layers.Normalization(mean=0.1, variance=2.0)(layers.Masking()(inputs))
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    heads = layers.MultiHeadAttention(2, 3, use_gate=True)(x, x)
    grouped = layers.GroupQueryAttention(4, 4, 2)(heads, x)
    dense = layers.TimeDistributed(layers.Dense(3))(both)
    stack = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True)(grouped)
    attended = layers.Attention(use_scale=True)([dense, dense])
    output, state = layers.GRU(3, return_state=True)(attended)
    simple = layers.SimpleRNN(3)(stack, initial_state=[state])
    scaled = layers.Rescaling(2.0)(layers.AdditiveAttention()([dense, dense]))
    adapted = layers.Normalization()
    adapted.adapt(X)
    return package.Model(inputs, [output, simple, scaled, adapted(inputs)])


@pytest.mark.parametrize("writer, reader", [(addax, keras), (keras, addax)], ids=["addax to keras", "keras to addax"])
def test_files_hold_the_same_model(writer, reader, tmp_path):
    model = make(writer)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    for found, value in zip(reader.models.load_model(tmp_path / "model.keras").predict(X, verbose=0), expected):
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6)
