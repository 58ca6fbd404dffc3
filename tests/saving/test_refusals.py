"""A file is data: it can't name what isn't addax's or registered, and no code in it runs unless the user says so."""

from __future__ import annotations

import builtins
import json
import marshal
import os
import sys
import types
import zipfile
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax.core import config as settings
from addax.core.serialization import deserialize_keras_object, serialize_keras_object


def of_class(module: Any, name: Any, config: Any = None, registered: Any = None) -> dict:
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": registered or name}


def of_function(name: Any, module: str = "builtins", kind: str = "function") -> dict:
    return {"module": module, "class_name": kind, "config": name, "registered_name": kind}


HOSTILE = {
    "os.system as a class": of_class("os", "system", {"command": "touch pwned"}),
    "os.system as a function": of_function("system", "os"),
    "os.system by its dotted name": of_function("os.system"),
    "a builtin function": of_function("eval"),
    "a builtin function, by its own type": of_function("exec", kind="builtin_function_or_method"),
    "__import__": of_function("__import__"),
    "a class of the standard library": of_class("subprocess", "Popen", {"args": ["true"]}),
    "pickle": of_class("pickle", "Unpickler"),
    "a module outside keras": of_class("antigravity", "Dense"),
    "a module that only looks like keras": of_class("keras_evil.layers", "Dense"),
    "a module of keras that loads files": of_class("keras.saving", "load_model", {"filepath": "x.keras"}),
    "a function of keras that fetches files": of_function("get_file", "keras.utils"),
    "a function of keras that loads files": of_function("load_model", "keras.models"),
    "the family's access function": of_function("deserialize", "keras.activations"),
    "a function where a class belongs": of_class("keras.activations", "relu"),
    "a private name": of_class("keras.layers", "_lazy"),
    "a dunder": of_class("keras.layers", "__loader__"),
    "an attribute of a class": of_class("keras.layers", "Dense.from_config"),
    "addax's own module": of_class("addax.saving.archive", "zipfile"),
    "no module at all": of_class(None, "Dense"),
    "a name that is no string": of_class("keras.layers", "Dense", registered=["Dense"]) | {"class_name": "Nope"},
}


@pytest.mark.parametrize("config", HOSTILE.values(), ids=HOSTILE)
def test_names_that_mean_nothing(config: dict, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    imported: list[str] = []
    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda n, *a, **k: (imported.append(n), original(n, *a, **k))[1])
    with pytest.raises(TypeError, match=r"Could not locate (class|function) '[\w.]+'.*register_keras_serializable"):
        deserialize_keras_object(json.loads(json.dumps(config)))
    assert not {"antigravity", "keras_evil", "pickle", "subprocess"} & set(imported)
    assert "antigravity" not in sys.modules
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint"])
def test_names_inside_a_layer(place: str) -> None:
    config = serialize_keras_object(keras.layers.Dense(2))
    config["config"][place] = of_function("system", "os")
    with pytest.raises(TypeError, match="Could not locate function 'system'"):
        deserialize_keras_object(config)


def test_a_hostile_file(tmp_path: Any) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as good, zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "config.json":
                content = content.replace(
                    b'"activation": "linear"', b'"activation": ' + json.dumps(of_function("eval")).encode()
                )
            bad.writestr(name, content)
    with pytest.raises(TypeError, match="Could not locate function 'eval'"):
        keras.saving.load_model(tmp_path / "bad.keras")


def lambda_config() -> dict:
    with pytest.warns(UserWarning, match="includes a `lambda`. This is unsafe"):
        return json.loads(json.dumps(serialize_keras_object(lambda x, by=3: x * by)))


def test_a_lambda_is_refused() -> None:
    with pytest.raises(ValueError, match=r"(?s)disallowed by default.*safe_mode=False.*register_keras_serializable"):
        deserialize_keras_object(lambda_config())


@pytest.mark.parametrize("safe_mode", [True, False])
def test_stored_code_is_never_run(safe_mode: bool, tmp_path: Any, monkeypatch: Any) -> None:
    """Nor is it unmarshalled: bytes can be made that crash the interpreter."""
    config = lambda_config()
    monkeypatch.setattr("addax.core.bytecode.marshal", types.SimpleNamespace(dumps=marshal.dumps))
    monkeypatch.setattr("addax.core.config._settings", {**settings._settings, "unsafe_deserialization": True})
    for given in (config, {**config, "config": {"value": ["AAAA", None, None]}}, {**config, "config": {"value": 5}}):
        with pytest.raises(ValueError, match=r"not with `safe_mode=False` either.*'__lambda__': function"):
            deserialize_keras_object(given, safe_mode=safe_mode)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: keras.ops.tanh(x), name="squash")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"named 'squash'.*names.*'tanh'.*'squash': function"):
        keras.saving.load_model(tmp_path / "m.keras", safe_mode=safe_mode)


def test_the_program_passes_functions_for_stored_code(tmp_path: Any) -> None:
    x = np.array([[1.0, -2.0]], "float32")
    assert deserialize_keras_object(lambda_config(), {"__lambda__": lambda x: x * 3})(4) == 12
    layer = keras.layers.Lambda(
        lambda x: x * 0, output_shape=lambda s: (s[0], 5), mask=lambda x, m: x == 7, name="scale"
    )
    model = keras.Sequential([keras.Input((2,)), layer])
    with pytest.warns(UserWarning, match="unsafe"):
        model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"'scale\.mask': function"):
        keras.saving.load_model(tmp_path / "m.keras", {"scale": lambda x: 3 * x})
    given = {"scale": lambda x: 3 * x, "scale.mask": lambda x, m: x > 0}
    loaded = keras.saving.load_model(tmp_path / "m.keras", given)
    np.testing.assert_array_equal(loaded(x), 3 * x)
    np.testing.assert_array_equal(loaded.layers[-1].compute_mask(x), x > 0)


def test_lambdas_in_a_config_of_this_process() -> None:
    config = keras.layers.Lambda(lambda x: 3 * x).get_config()  # without a warning, as in Keras: it is in no file
    np.testing.assert_array_equal(keras.layers.Lambda.from_config(config)(np.ones(2)), [3, 3])


def test_custom_objects_come_first_and_only_for_the_call() -> None:
    class Doubling(keras.layers.Dense):
        pass

    config = serialize_keras_object(Doubling(2))
    assert isinstance(deserialize_keras_object(config, custom_objects={"Doubling": Doubling}), Doubling)
    with keras.saving.custom_object_scope({"Doubling": Doubling}):
        assert isinstance(deserialize_keras_object(config), Doubling)
    with pytest.raises(TypeError, match="Could not locate class 'Doubling'"):
        deserialize_keras_object(config)


def test_the_error_suggests_registered_names() -> None:
    @keras.saving.register_keras_serializable("mine")
    class Swishing(keras.layers.Layer):
        pass

    with pytest.raises(TypeError, match="Did you mean 'mine>Swishing'"):
        deserialize_keras_object(of_class(None, "Swishin", registered="mine>Swishin"))


def test_registering_needs_get_config() -> None:
    with pytest.raises(ValueError, match="does not have a get_config"):
        keras.saving.register_keras_serializable()(type("Plain", (), {}))


def test_wrong_config_names_the_class() -> None:
    with pytest.raises(TypeError, match="'Dense' could not be made from its config"):
        deserialize_keras_object(of_class("keras.layers", "Dense", {"bogus": 1}))


PLAIN = [
    None,
    True,
    3,
    2.5,
    "relu",
    [1, [2.0, "a"]],
    {"a": [1], "b": {"c": None}},
    slice(1, None, 2),
    ...,
    b"bytes",
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_round_trip(value: Any) -> None:
    assert deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(value)))) == value


def test_arrays_round_trip() -> None:
    for value in (np.arange(6, dtype="int16").reshape(2, 3), keras.ops.ones((2, 2))):
        back = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(value))))
        assert str(back.dtype) == str(value.dtype)
        np.testing.assert_array_equal(back, value)


UNWRITABLE = [{1, 2}, range(3), 1 + 2j, object(), keras.layers.Dense]


@pytest.mark.parametrize("value", UNWRITABLE, ids=lambda v: type(v).__name__)
def test_values_that_no_file_can_hold(value: Any) -> None:
    with pytest.raises(TypeError, match="Cannot serialize object"):
        serialize_keras_object(value)
