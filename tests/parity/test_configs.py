"""Configs of operations, names in files, and the state of a model by path: what Keras accepts, and its words."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import h5py
import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")
BOTH = pytest.mark.parametrize("k", [keras, addax], ids=["keras", "addax"])


def operations(k: Any) -> dict[str, type]:
    class Scale(k.Operation):
        def __init__(self, alpha, *, shift=0.0, name=None):
            super().__init__(name=name)
            self.alpha, self.shift = alpha, shift

        def call(self, x):
            return x * self.alpha + self.shift

    class Any_(k.Operation):
        def __init__(self, *args, name=None):
            super().__init__(name=name)

    class Unnamed(k.Operation):
        def __init__(self, a=1):
            super().__init__()

    return {"scale": Scale, "variadic": Any_, "unnamed": Unnamed}


def test_operations_have_a_config():
    found = []
    for k in (keras, addax):
        ops = operations(k)
        first = ops["scale"](2.0, name="first")
        again = ops["scale"].from_config(first.get_config())
        assert (again.alpha, again.shift, again.name) == (2.0, 0.0, "first")
        found.append((first.get_config(), ops["scale"](alpha=[1, (2.0,)], shift=None, name="s").get_config()))
        found[-1] += (ops["unnamed"](3).get_config(),)
    assert found[0] == found[1]


@BOTH
@pytest.mark.parametrize("argument", [object(), np.ones(2), len], ids=["object", "array", "function"])
def test_what_no_config_can_hold_is_said(k, argument):
    with pytest.raises(NotImplementedError, match="non-serializable argument values"):
        operations(k)["scale"](argument).get_config()


@BOTH
def test_variadic_arguments_have_no_config(k):
    with pytest.raises(NotImplementedError, match="variadic positional arguments"):
        operations(k)["variadic"](1, 2).get_config()


@BOTH
def test_models_with_operations_of_the_users_load(k, tmp_path):
    scale = operations(k)["scale"]
    i = k.Input((2,))
    with pytest.warns(UserWarning, match="not registered: Scale") if k is addax else contextlib.nullcontext():
        k.Model(i, scale(3.0, shift=1.0)(i)).save(tmp_path / "m.keras")
    for reader in (keras, addax):
        own = operations(reader)["scale"]
        loaded = reader.models.load_model(tmp_path / "m.keras", custom_objects={"Scale": own})
        np.testing.assert_array_equal(np.asarray(loaded(np.ones((1, 2)))), [[4.0, 4.0]])


@pytest.fixture
def registered():
    """A function registered in both under the package `mine`."""

    def own(x):
        return x

    for k in (keras, addax):
        k.saving.register_keras_serializable("mine", "own_function")(own)
    yield own
    for k in (keras, addax):
        k.saving.get_custom_objects().pop("mine>own_function")


@BOTH
@pytest.mark.parametrize("name", ["own_function", "mine>own_function", "other>own_function"])
def test_registered_functions_are_found_by_their_bare_name(k, registered, name):
    config = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    if not name.startswith("other"):
        assert k.saving.deserialize_keras_object(config) is registered
    else:
        with pytest.raises(TypeError, match="Could not locate function 'other>own_function'"):
            k.saving.deserialize_keras_object(config)


def test_a_bare_name_of_two_packages_is_not_guessed(registered):
    addax.saving.register_keras_serializable("theirs", "own_function")(lambda x: -x)
    try:
        with pytest.raises(TypeError, match="Could not locate function"):
            addax.saving.deserialize_keras_object({"class_name": "function", "config": "own_function"})
    finally:
        addax.saving.get_custom_objects().pop("theirs>own_function")


@BOTH
@pytest.mark.parametrize("name", ["os.system", "Custom>Dense", "keras>Dense"])
def test_built_in_objects_have_no_registered_name(k, name):
    config = {"class_name": "Dense", "module": "keras.layers", "registered_name": name, "config": {"units": 1}}
    with pytest.raises(ValueError, match=r"was provided in the config, but 'keras\.layers\.Dense' resolved to a Keras"):
        k.saving.deserialize_keras_object(config)
    assert k.saving.deserialize_keras_object({**config, "registered_name": None}).units == 1


@BOTH
@pytest.mark.parametrize(
    "config, words",
    [
        ({"class_name": "Dense", "module": "keras.layers", "config": [1]}, "Expected 'config' to be a dict for Dense"),
        ({"class_name": "function", "config": None, "module": "builtins"}, "Expected 'config' to be a non-null str"),
        ({"class_name": "function", "config": 5, "module": "builtins"}, "Expected 'config' to be a non-null str"),
    ],
)
def test_malformed_configs_are_refused(k, config, words):
    with pytest.raises(TypeError, match=words):
        k.saving.deserialize_keras_object(config)


@BOTH
def test_a_list_of_layers_that_is_none_is_refused(k):
    with pytest.raises(ValueError, match="Expected a dictionary containing a 'config' key"):
        k.Sequential.from_config({"name": "x", "layers": "abc"})


CONTRADICTIONS = {"shape": (9,), "batch_shape": (2, 4), "batch_size": 3, "dtype": "int32", "sparse": True}


@BOTH
@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_arguments_that_contradict_the_tensor_are_refused(k, name):
    words = f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument"
    tensor = k.KerasTensor((2, 3))
    with pytest.raises(ValueError, match=words):
        k.Input(tensor=tensor, **{name: CONTRADICTIONS[name]})
    with pytest.raises(ValueError, match=words):
        k.layers.InputLayer(input_tensor=tensor, **{name: CONTRADICTIONS[name]})


@BOTH
@pytest.mark.parametrize("same", [{"shape": (3,)}, {"batch_shape": (2, 3)}, {"batch_size": 2}, {"dtype": "float32"}])
def test_arguments_that_repeat_the_tensor_are_taken(k, same):
    made = k.Input(tensor=k.KerasTensor((2, 3)), **same)
    assert (made.shape, made.dtype) == ((2, 3), "float32")


# Files


def model(k: Any) -> Any:
    return k.Sequential([k.Input((2,)), k.layers.Dense(1, name="d")])


@BOTH
@pytest.mark.parametrize("link", ["ExternalLink", "SoftLink"])
@pytest.mark.parametrize("place", ["layers", "layers/dense/vars", "layers/dense/vars/0"])
def test_links_in_weight_files_are_refused(k, link, place, tmp_path):
    m = model(k)
    m.save_weights(tmp_path / "other.weights.h5")
    m.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        file.move(place, "moved")
        file[place] = (
            h5py.SoftLink("/moved") if link == "SoftLink" else h5py.ExternalLink("other.weights.h5", f"/{place}")
        )
    before = m.get_weights()
    m.set_weights([w + 1 for w in before])
    with pytest.raises(ValueError, match=f"Not allowed: H5 file with {link}"):
        m.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(before, m.get_weights()):
        np.testing.assert_array_equal(a + 1, b)


@BOTH
def test_words_of_saving(k, tmp_path):
    with pytest.raises(ValueError, match=r"The `save_format` argument is deprecated in Keras 3\. Please remove"):
        model(k).save(tmp_path / "m.txt", save_format="tf")
    with pytest.raises(ValueError, match=r"You are saving a model that has not yet been built\. Try building"):
        k.Sequential([k.layers.Dense(1)]).save_weights(tmp_path / "u.weights.h5")
    model(k).save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(ValueError, match=r"You are loading weights into a model that has not yet been built\. Try"):
        k.Sequential([k.layers.Dense(1)]).load_weights(tmp_path / "w.weights.h5")


def round_model(k: Any) -> type:
    class Round(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first = k.layers.Dense(2)
            self.blocks = [k.layers.Dense(2)]
            self.blocks.append(self.blocks)

        def call(self, x):
            return self.blocks[0](self.first(x))

    return Round


@pytest.mark.parametrize("writer, reader", [(addax, addax), (addax, keras), (keras, addax)])
def test_lists_may_hold_themselves(writer, reader, tmp_path):
    x = np.ones((1, 3), "float32")
    m = round_model(writer)()
    wanted = np.asarray(m(x))
    with pytest.warns(UserWarning, match="not registered: Round") if writer is addax else contextlib.nullcontext():
        m.save(tmp_path / "m.keras")
    loaded = reader.models.load_model(tmp_path / "m.keras", custom_objects={"Round": round_model(reader)})
    np.testing.assert_allclose(np.asarray(loaded(x)), wanted, rtol=1e-6)


# State


def trained(k: Any) -> Any:
    m = k.Sequential([k.Input((2,)), k.layers.Dense(1, name="d"), k.layers.BatchNormalization(name="b")], name="m")
    m.compile(k.optimizers.SGD(0.1, momentum=0.9, name="sgd"), "mse", metrics=["mae"])
    m.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    return m


def shapes(tree: Any) -> Any:
    return {key: shapes(v) if isinstance(v, dict) else np.asarray(v).shape for key, v in tree.items()}


def test_the_state_by_path_is_that_of_keras():
    ours, theirs = trained(addax).get_state_tree(), trained(keras).get_state_tree()
    ours.pop("metrics_variables"), theirs.pop("metrics_variables")
    assert json.dumps(shapes(ours), sort_keys=True) == json.dumps(shapes(theirs), sort_keys=True)


def test_the_state_comes_back():
    m = trained(addax)
    tree = m.get_state_tree(value_format="numpy_array")
    assert isinstance(tree["trainable_variables"]["m"]["d"]["kernel"], np.ndarray)
    before = [np.array(v) for v in (*m.variables, *m.optimizer.variables)]
    m.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0)
    m.set_state_tree(tree)
    for a, b in zip(before, (*m.variables, *m.optimizer.variables)):
        np.testing.assert_array_equal(a, b)


@BOTH
def test_a_wrong_state_is_refused(k):
    m = trained(k)
    with pytest.raises(ValueError, match="Invalid `value_format` argument"):
        m.get_state_tree("torch")
    with pytest.raises(ValueError, match="Unknown variable name: weights"):
        m.set_state_tree({"weights": {}})

    class Twice(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.a, self.b = k.Variable(1.0, name="v"), k.Variable(2.0, name="v")

        def call(self, x):
            return x * self.a * self.b

    twice = k.Sequential([k.Input((2,)), Twice()])
    twice.compile("sgd", "mse")
    with pytest.raises(ValueError, match="The following variable path is found twice in the model"):
        twice.get_state_tree()


def test_a_part_of_the_state_that_does_not_fit_changes_nothing():
    m = trained(addax)
    before = m.get_weights()
    kernel = np.ones((2, 1))
    for rest in ({"b": {"gone": np.ones(1)}}, {"b": {"gamma": np.ones(2)}}):
        with pytest.raises(ValueError, match=r"no variable 'm/b/gone'|must have the shape \(1,\)"):
            m.set_state_tree({"trainable_variables": {"m": {"d": {"kernel": kernel}, **rest}}})
    for a, b in zip(before, m.get_weights()):
        np.testing.assert_array_equal(a, b)


@BOTH
def test_variables_stand_for_their_values_in_stateless_calls(k):
    x = np.ones((3, 2), "float32")
    m = trained(k)
    outputs, rest = m.stateless_call(m.trainable_variables, m.non_trainable_variables, x)
    np.testing.assert_allclose(np.asarray(outputs), np.asarray(m(x)), rtol=1e-6)
    assert [np.shape(v) for v in rest] == [(1,), (1,)]
    layer = m.layers[0]
    outputs, _ = layer.stateless_call(layer.trainable_variables, layer.non_trainable_variables, x)
    np.testing.assert_allclose(np.asarray(outputs), np.asarray(layer(x)), rtol=1e-6)
    metric = k.metrics.MeanSquaredError()
    state = metric.stateless_update_state(metric.variables, np.ones(2), np.zeros(2))
    assert float(metric.stateless_result(state)) == 1.0 and float(metric.stateless_result(metric.variables)) == 0.0
