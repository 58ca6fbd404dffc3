"""What editors and `dir` show of the public modules."""

from __future__ import annotations

import importlib

import pytest

MODULES = " layers models losses metrics optimizers callbacks utils random backend config".split(" ")


@pytest.mark.parametrize("name", MODULES)
def test_modules_show_their_public_names_alone(name: str) -> None:
    module = importlib.import_module(f"addax.{name}".rstrip("."))
    for public in module.__all__:  # loading them binds the modules that hold them, such as `layers.dense`
        getattr(module, public)
    shown = [n for n in dir(module) if not n.startswith("__")]
    assert set(shown) == {n for n in module.__all__ if not n.startswith("__")}
    assert "dense" not in shown and "model" not in shown


def test_layers_say_which_options_they_pass_on() -> None:
    layers = importlib.import_module("addax.layers")
    types = importlib.import_module("addax.core.types")
    taken = {"activity_regularizer", "trainable", "dtype", "autocast", "name", "input_shape", "batch_input_shape"}
    assert set(types.LayerOptions.__annotations__) == taken
    layer = layers.Dense(2, activity_regularizer="l2", trainable=False, dtype="float16", autocast=True, name="d")
    assert (layer.name, layer.trainable, layer.compute_dtype) == ("d", False, "float16")
    assert layers.LSTM(2, implementation=1, input_shape=(3, 4)).units == 2
    for make in (layers.Dense, layers.LSTM, layers.Dropout):
        with pytest.raises((TypeError, ValueError), match="activaton"):
            make(1, activaton="relu")
