"""The options that programs are compiled with: what they choose shows in what XLA makes of a program."""

import re

import jax
import numpy as np
import pytest

import addax as keras
from addax.core import config
from addax.training import xla
from addax.training.executables import shared

pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="they are for CPUs")

layers = keras.layers


def deep(rows=512, units=64):
    model = keras.Sequential([keras.Input((units,)), *[layers.Dense(units, "relu") for _ in range(3)], layers.Dense(1)])
    return model, np.random.default_rng(7).normal(size=(rows, units)).astype("float32")


def separable(rows=8):
    model = keras.Sequential(
        [
            keras.Input((6, 6, 4)),
            layers.SeparableConv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )
    return model, np.random.default_rng(7).normal(size=(rows, 6, 6, 4)).astype("float32")


def convnet(rows=8):
    model = keras.Sequential(
        [keras.Input((16, 16, 16)), layers.Conv2D(16, 3, padding="same"), layers.Flatten(), layers.Dense(1)]
    )
    return model, np.random.default_rng(7).normal(size=(rows, 16, 16, 16)).astype("float32")


def is_there():
    """Whether XLA gives anything to its library."""
    square = np.ones((512, 512), "float32")
    return "__ynn_fusion" in jax.jit(lambda a: a @ a).lower(square).compile().as_text()


def in_library(model, x, kind):
    """The operations of a step that XLA gives to its library, by name."""
    y = np.zeros((len(x), 1), "float32")
    model.compile("sgd", "mse")
    if kind == "train":
        model.train_on_batch(x, y)
    else:
        model.predict_on_batch(x)
    (compiled,) = model._programs[kind]._ready.values()
    text = compiled.as_text()
    named = dict(re.findall(r"%(\S+) \([^\n]*\{\n(.*?)\n\}", text, re.DOTALL))
    called = re.findall(r'kind=kCustom, calls=%([\w.]+).*"kind":"__ynn_fusion"', text)
    return {op for name in called for op in re.findall(r" (dot|reduce|convolution)\(", named[name])}


@pytest.mark.parametrize(
    "make,kind,does,does_not",
    [
        (deep, "train", {"reduce"}, {"dot"}),
        (lambda: deep(32), "train", {"dot"}, set()),
        (lambda: deep(512, 8), "train", {"dot"}, set()),
        (separable, "train", {"dot"}, set()),
        (separable, "predict", set(), {"dot"}),
    ],
    ids=["products of middle size", "few rows", "small products", "shifts", "shifts of predictions"],
)
def test_what_the_library_gets(make, kind, does, does_not):
    if not is_there():
        pytest.skip("this version of XLA has no such library")
    found = in_library(*make(), kind)
    assert does <= found
    assert not does_not & found
    config.set("compiler_options", False)
    try:
        assert does_not <= in_library(*make(), kind)
    finally:
        config.set("compiler_options", True)


def fitted(make):
    shared.clear()
    keras.utils.set_random_seed(3)
    model, x = make()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    y = np.abs(x.reshape(len(x), -1)).mean(1, keepdims=True)
    history = model.fit(
        np.tile(x, (3,) + (1,) * (x.ndim - 1)), np.tile(y, (3, 1)), batch_size=len(x), verbose=0
    ).history
    return [*history["loss"], model.predict(x, batch_size=len(x), verbose=0), *model.get_weights()]


@pytest.mark.parametrize("make", [deep, separable, convnet])
def test_results_are_those_without_them(make, monkeypatch):
    found = [fitted(make)]
    config.set("compiler_options", False)
    try:
        found.append(fitted(make))
    finally:
        config.set("compiler_options", True)
    # An XLA that doesn't know them.
    monkeypatch.setattr(xla, "_LIBRARY", "xla_cpu_no_such_option")
    xla.options_are_known.cache_clear()
    try:
        assert not xla.options_are_known()
        found.append(fitted(make))
    finally:
        monkeypatch.undo()
        xla.options_are_known.cache_clear()
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_they_do_not_depend_on_what_was_compiled_before():
    predictions = []
    for first in (1, 512):
        shared.clear()
        keras.utils.set_random_seed(3)
        model, x = deep()
        x = np.random.default_rng(1).normal(size=x.shape).astype("float32")
        model.predict_on_batch(x[:first])
        predictions.append(np.asarray(model.predict_on_batch(x)))
    np.testing.assert_array_equal(*predictions)
