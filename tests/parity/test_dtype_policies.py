"""Dtype policies and the promotion of dtypes against Keras."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

DTYPES = [
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("bfloat16", "float16", "float32", "float64", "complex64", int, float),
]


def answer(library, program):
    """What `program(library)` returns, or the type and text of its error."""
    try:
        return program(library)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.filterwarnings("error")
def test_promotion():
    for pair in itertools.combinations_with_replacement(DTYPES, 2):
        assert addax.backend.result_type(*pair) == keras.backend.result_type(*pair), pair
    for several in (("int64", "uint64", "int8"), (int, "float16", "uint8"), (None, "int8"), ()):
        assert addax.backend.result_type(*several) == keras.backend.result_type(*several), several


@pytest.mark.parametrize(
    "dtypes", [("float8_e4m3fn", "float32"), ("float8_e5m2", "int32"), ("string", "int32")], ids=str
)
def test_dtypes_that_are_not_promoted(dtypes):
    found, expected = (answer(lib, lambda lib: lib.backend.result_type(*dtypes)) for lib in (addax, keras))
    assert found == expected and found[0] == "ValueError"


MISTAKES = {
    "unknown": lambda lib: lib.DTypePolicy("float33"),
    "mixed": lambda lib: lib.DTypePolicy("mixed_float33"),
    "empty": lambda lib: lib.DTypePolicy(""),
    "a number": lambda lib: lib.DTypePolicy(7),
    "a dtype": lambda lib: lib.DTypePolicy(np.float32),
    "get": lambda lib: lib.dtype_policies.get("float33"),
    "get a number": lambda lib: lib.dtype_policies.get(7),
    "get a list": lambda lib: lib.dtype_policies.get([1]),
    "get a dict": lambda lib: lib.dtype_policies.get({}),
    "layer": lambda lib: lib.layers.Dense(1, dtype="float33"),
    "layer of a number": lambda lib: lib.layers.Dense(1, dtype=7),
    "set None": lambda lib: lib.config.set_dtype_policy(None),
    "set a number": lambda lib: lib.config.set_dtype_policy(7),
    "set a dtype": lambda lib: lib.config.set_dtype_policy(np.float32),
    "set unknown": lambda lib: lib.config.set_dtype_policy("foo"),
    "global None": lambda lib: lib.mixed_precision.set_global_policy(None),
    "map": lambda lib: lib.dtype_policies.DTypePolicyMap(policy_map=5),
    "map default": lambda lib: lib.dtype_policies.DTypePolicyMap(5),
    "map value": lambda lib: lib.dtype_policies.DTypePolicyMap().__setitem__("x", 5),
    "map twice": lambda lib: twice(lib.dtype_policies.DTypePolicyMap()),
    "map ambiguous": lambda lib: ambiguous(lib.dtype_policies.DTypePolicyMap()),
    "map delete": lambda lib: lib.dtype_policies.DTypePolicyMap().__delitem__("x"),
}


def twice(policies):
    policies["x"] = "float16"
    policies["x"] = "float32"


def ambiguous(policies):
    policies[".*a.*"], policies[".*b.*"] = "float16", "bfloat16"
    return policies["ab"]


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    (found, text), (expected, words) = (answer(lib, MISTAKES[name]) for lib in (addax, keras))
    assert found == expected
    assert text.startswith(words), text


def test_maps():
    def run(lib):
        given = {"encoder/dense": lib.DTypePolicy("float16"), "decoder/.*": lib.DTypePolicy("mixed_bfloat16")}
        policies = lib.dtype_policies.DTypePolicyMap("mixed_float16", given)
        policies["late"] = "float64"
        paths = ("encoder/dense", "encoder", "decoder/a/b", "my/decoder/a", "late", "other")
        found = [policies[path].name for path in paths]
        found += [policies.pop("late").name, len(policies), list(policies), "encoder/dense" in policies, policies.name]
        found += [policies.compute_dtype, policies.variable_dtype, policies.default_policy.name]
        shown = re.sub("0x[0-9a-f]+", "", repr(policies))
        return found, shown, policies.get_config(), lib.dtype_policies.serialize(policies)

    assert run(addax) == run(keras)


def test_maps_come_back_from_their_configs():
    policies = addax.dtype_policies.DTypePolicyMap(addax.DTypePolicy("float16"), {"a": "mixed_bfloat16"})
    for again in (
        addax.dtype_policies.DTypePolicyMap.from_config(policies.get_config()),
        addax.dtype_policies.deserialize(addax.dtype_policies.serialize(policies)),
    ):
        assert (again, again["a"].name, again["b"].name) == (policies, "mixed_bfloat16", "float16")
    # The form that addax wrote before.
    older = {"default_policy": {"name": "float16"}, "policy_map": {"a": {"name": "mixed_bfloat16"}}}
    assert addax.dtype_policies.DTypePolicyMap.from_config(older) == policies
    assert addax.DTypePolicy("float16") != addax.dtype_policies.DTypePolicyMap("float16")
