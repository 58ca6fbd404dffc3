"""Fingerprints: equal for what computes the same, different for what doesn't, none for what can't be known."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.fingerprint import fingerprint


def dense(**kwargs):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, **kwargs), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    model._prepare(np.ones((2, 4)), np.ones((2, 2)))
    return model


def graph(change=None):
    x = keras.Input((4,))
    a, b = layers.Dense(3)(x), layers.Dense(3, activation="relu")(x)
    out = layers.Add()([a, b]) if change == "layer" else (b - a if change == "order" else a - b)
    model = keras.Model(x, layers.Dense(2)(out))
    model.compile(keras.optimizers.Adam(0.01) if change == "rate" else keras.optimizers.Adam(0.1), "mse")
    model._prepare(np.ones((2, 4)), np.ones((2, 2)))
    return model


def of(model):
    return fingerprint(model.variables, model, model.optimizer)


@pytest.mark.parametrize("make", [dense, graph])
def test_built_again_it_is_the_same(make):
    assert of(make()) is not None
    assert of(make()) == of(make())


@pytest.mark.parametrize(
    "kwargs",
    [
        {"activation": "relu"},
        {"use_bias": False},
        {"kernel_regularizer": "l2"},
        {"kernel_regularizer": keras.regularizers.L2(0.5)},
        {"kernel_constraint": "non_neg"},
        {"activity_regularizer": "l1"},
        {"dtype": "mixed_bfloat16"},
        {"trainable": False},
    ],
)
def test_arguments_count(kwargs):
    assert of(dense(**kwargs)) not in (None, of(dense()))


@pytest.mark.parametrize("change", ["layer", "order"])
def test_the_graph_counts(change):
    assert of(graph(change)) not in (None, of(graph()))


def test_values_of_variables_do_not_count():
    assert of(graph("rate")) == of(graph())  # the rate is a variable


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.layers[1], "rate", 0.1),
        lambda m: setattr(m.layers[0], "activation", keras.activations.relu),
        lambda m: setattr(m.optimizer, "clipnorm", 1.0),
        lambda m: setattr(m.optimizer, "beta_1", 0.5),
        lambda m: m.compile("sgd", "mse"),
        lambda m: m.compile("adam", "mae"),
        lambda m: m.compile("adam", "mse", metrics=["mse"]),
        lambda m: setattr(m.layers[0], "trainable", False),
    ],
)
def test_what_is_changed_later_counts(change):
    model = dense()
    change(model)
    model._prepare(np.ones((2, 4)), np.ones((2, 2)))
    assert of(model) not in (None, of(dense()))


def test_settings_count():
    before = of(dense())
    keras.config.set_epsilon(1e-3)
    try:
        assert of(dense()) != before
    finally:
        keras.config.set_epsilon(1e-7)


class Mine(layers.Dense):
    pass


@pytest.mark.parametrize(
    "part",
    [
        lambda: Mine(3),
        lambda: layers.Lambda(lambda x: x),
        lambda: layers.Dense(3, activation=lambda x: x),
        lambda: layers.Dense(3, kernel_regularizer=lambda w: 0.0),
    ],
)
def test_code_of_the_users_is_unknown(part):
    model = keras.Sequential([keras.Input((4,)), part()])
    assert fingerprint(model) is None


def test_a_layer_whose_call_was_replaced_is_unknown(monkeypatch):
    layer = layers.Dense(3)
    assert fingerprint(layer) is not None
    monkeypatch.setattr(layers.Dense, "call", lambda self, inputs: inputs)
    assert fingerprint(layer) is None
    monkeypatch.undo()
    layer.call = lambda inputs: inputs
    assert fingerprint(layer) is None
