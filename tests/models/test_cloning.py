"""clone_model: the same structure, new weights, and the places where the user may change what is made."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import addax as keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:The structure of .inputs. doesn't match"),
    pytest.mark.filterwarnings("ignore:When providing .inputs. as a dict"),
]

X = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32")


def sequential() -> Any:
    inner = keras.Sequential([keras.layers.Dense(2, name="in")], name="inner")
    return keras.Sequential([keras.Input((4,), name="i"), keras.layers.Dense(3, name="d"), inner], name="S")


def functional() -> Any:
    i = keras.Input((4,), name="i")
    d = keras.layers.Dense(4, name="d")
    x = keras.ops.relu(d(d(i))) + 1
    inner = keras.Model(i, keras.layers.Dense(2, name="in")(i), name="inner")
    return keras.Model({"i": i}, [inner(x), x[:, 0]], name="F")


@pytest.mark.parametrize("make", [sequential, functional])
def test_same_structure_new_weights(make: Any) -> None:
    model = make()
    clone = keras.models.clone_model(model)
    assert type(clone) is type(model) and clone.name == model.name
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(v) for v in clone.variables} & {id(v) for v in model.variables}
    clone.set_weights(model.get_weights())
    for a, b in zip(keras.tree.flatten(clone(X)), keras.tree.flatten(model(X))):
        np.testing.assert_array_equal(a, b)


def test_shared_layers_are_cloned_once() -> None:
    clone = keras.models.clone_model(functional())
    assert len(clone.weights) == 4


def test_compiled_models_are_compiled_alike() -> None:
    model = sequential()
    model.compile("adam", "mse")
    clone = keras.models.clone_model(model)
    assert clone.compiled and clone.optimizer is not model.optimizer
    assert not keras.models.clone_model(model, clone_function=lambda layer: layer).compiled


def test_frozen_layers_stay_frozen() -> None:
    model = functional()
    model.get_layer("d").trainable = False
    clone = keras.models.clone_model(model)
    assert [v.path for v in clone.trainable_weights] == [v.path for v in model.trainable_weights] != []


def test_input_tensors() -> None:
    clone = keras.models.clone_model(functional(), input_tensors={"i": keras.Input((4,), name="new")})
    assert clone.input["i"].name == "new"
    clone = keras.models.clone_model(sequential(), input_tensors=[keras.Input((5,), name="new")])
    assert clone.inputs[0].name == "new" and clone.weights[0].shape == (5, 3)
    middle = keras.layers.Dense(4)(keras.Input((3,)))
    assert keras.models.clone_model(sequential(), input_tensors=[middle]).input_shape == (None, 4)


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("make", [sequential, functional])
def test_clone_function(make: Any, recursive: bool) -> None:
    seen = []

    def clone_function(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    keras.models.clone_model(make(), clone_function=clone_function, recursive=recursive)
    assert seen == ["d", "in" if recursive else "inner"]


def test_call_function_inserts_layers() -> None:
    def call_function(layer: Any, *args: Any, **kwargs: Any) -> Any:
        out = layer(*args, **kwargs)
        return keras.layers.Dropout(0.5)(out) if isinstance(layer, keras.layers.Dense) else out

    model = functional()
    clone = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call_function)
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in clone.layers) == 2
    assert clone.get_layer("d") is model.get_layer("d")


def test_subclassed_models_by_their_config() -> None:
    class Own(keras.Model):
        def __init__(self, width: int = 2, **kwargs: Any):
            super().__init__(**kwargs)
            self.width = width

    assert keras.models.clone_model(Own(5)).width == 5
    with pytest.raises(ValueError, match="only supported for Sequential models or Functional models"):
        keras.models.clone_model(Own(5), clone_function=lambda layer: layer)


def test_subclasses_of_functional_keep_their_class() -> None:
    class Own(keras.Model):
        pass

    i = keras.Input((4,))
    clone = keras.models.clone_model(Own(i, keras.layers.Dense(1)(i)))
    assert isinstance(clone, Own) and clone.output_shape == (None, 1)


MISTAKES = [
    (functional, {"bogus": 1}, "Unexpected keyword argument"),
    (functional, {"input_tensors": [X]}, "must have the same structure as model.input"),
    (functional, {"input_tensors": {"i": X}}, r"must be KerasTensors.*shape \(3, 4\)"),
    (sequential, {"input_tensors": [X, X]}, "must contain a single tensor"),
    (sequential, {"call_function": print}, "`call_function` argument is not supported with Sequential"),
    (lambda: 3, {}, "Expected `model` argument to be a model"),
]


@pytest.mark.parametrize(("make", "kwargs", "text"), MISTAKES, ids=[m[2][:20] for m in MISTAKES])
def test_mistakes(make: Any, kwargs: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        keras.models.clone_model(make(), **kwargs)


@pytest.mark.parametrize("recursive", [False, True])
def test_lambdas_are_cloned(recursive):
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 3)])
    i = keras.Input((2,))
    model = keras.Model(i, inner(keras.layers.Lambda(lambda x: x + 1)(i)))
    clone = keras.models.clone_model(model, recursive=recursive)
    config = model.get_config()  # without a warning, as in Keras: it is in no file
    again = keras.Model.from_config(config)  # in the process that has the function
    for made in (clone, again, keras.Model.from_config(copy.deepcopy(config))):
        np.testing.assert_array_equal(made(np.ones((1, 2))), [[6.0, 6.0]])
    with pytest.raises(ValueError, match="arbitrary code execution"):
        keras.Model.from_config(json.loads(json.dumps(config)))


def test_lambdas_in_copies_and_pickles():
    power, shift = 3, np.ones(2)
    layers = [keras.layers.Lambda(lambda x, by=2: by * x**power), keras.layers.Lambda(lambda x: x + shift)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    x = np.array([[1.0, 2.0]])
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(made(x), [[3.0, 17.0]])
        assert made.layers[0] is not model.layers[0]
    assert copy.deepcopy(model).layers[0].function is model.layers[0].function
    np.testing.assert_array_equal(copy.copy(model.layers[0])(x), [[2.0, 16.0]])
