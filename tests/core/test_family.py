"""Names, configs, classes and callables of every family of objects, beside Keras's."""

from __future__ import annotations

import inspect
import json
from typing import Any, NamedTuple

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402


class Case(NamedTuple):
    family: str
    name: str  # of a class
    config: dict[str, Any]  # of an object of it that isn't the default one

    def room(self, library: Any) -> Any:
        return getattr(library, self.family)

    def make(self, library: Any = addax) -> Any:
        return getattr(self.room(library), self.name)(**self.config)


CASES = [
    Case("initializers", "Constant", {"value": 3.0}),
    Case("regularizers", "L2", {"l2": 0.5}),
    Case("constraints", "MaxNorm", {"max_value": 5, "axis": 1}),
    Case("losses", "Dice", {"axis": 1}),
    Case("metrics", "BinaryAccuracy", {"threshold": 0.3}),
    Case("optimizers", "SGD", {"momentum": 0.9}),
]
FAMILIES = [*(c.family for c in CASES), "activations"]
cases = pytest.mark.parametrize("case", CASES, ids=[c.family for c in CASES])
families = pytest.mark.parametrize("family", FAMILIES)


def check_same(found: Any, case: Case) -> None:
    assert type(found) is type(case.make())
    for key, value in case.config.items():
        assert found.get_config()[key] == pytest.approx(value)


@cases
def test_objects_and_configs(case: Case) -> None:
    room, obj = case.room(addax), case.make()
    assert room.get(obj) is obj
    assert type(room.get(type(obj))) is type(obj)
    config = json.loads(json.dumps(room.serialize(obj)))
    for given in (config, {**config, "module": f"keras.{case.family}"}):
        check_same(room.get(given), case)
        check_same(room.deserialize(given), case)
    check_same(room.get(json.loads(json.dumps(case.room(keras).serialize(case.make(keras))))), case)


@cases
@pytest.mark.parametrize("spelling", ["class", "snake"])
def test_configs_without_a_module(case: Case, spelling: str) -> None:
    """Written by hand, or by Keras 2: the family says where to look."""
    if spelling == "snake" and case.family in ("losses", "metrics"):
        pytest.skip("Keras takes such a name for the function's there, and refuses it")
    name = case.name if spelling == "class" else {"MaxNorm": "max_norm"}.get(case.name, case.name.lower())
    for library in (addax, keras):
        for how in ("get", "deserialize"):
            found = getattr(case.room(library), how)({"class_name": name, "config": dict(case.config)})
            assert type(found).__name__ == case.name
            assert {k: found.get_config()[k] for k in case.config} == pytest.approx(case.config)


@families
def test_nothing_unknown_and_useless(family: str) -> None:
    rooms = getattr(addax, family), getattr(keras, family)
    if family == "activations":
        assert [room.get(None).__name__ for room in rooms] == ["linear", "linear"]
    else:
        assert [room.get(None) for room in rooms] == [None, None]
    for given in (3, {}, {"a": 1}, np.ones(2) if family != "initializers" else 3.5, "no_such_name"):
        for room in rooms:
            with pytest.raises((ValueError, KeyError)):
                room.get(given)
        with pytest.raises(ValueError, match=r"Could not interpret|Unknown .*'no_such_name'. Known names"):
            rooms[0].get(given)


MISSPELT = {
    "initializers": ("glorot_unifrm", "glorot_uniform"),
    "regularizers": ("orthogonal_regulariser", "orthogonal_regularizer"),
    "constraints": ("non_ngtv", "non_neg"),
    "losses": ("mean_squared_eror", "mean_squared_error"),
    "metrics": ("acuracy", "accuracy"),
    "optimizers": ("rmsprp", "rmsprop"),
    "activations": ("sigmiod", "sigmoid"),
}


@families
def test_misspelt_names_are_corrected(family: str) -> None:
    wrong, right = MISSPELT[family]
    with pytest.raises(ValueError, match=f"{wrong}.*Did you mean '{right}'"):
        getattr(addax, family).get(wrong)


@families
def test_callables(family: str) -> None:
    def mine(*args: Any) -> Any:
        return args

    room = getattr(addax, family)
    if family == "optimizers":
        with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
            room.get(mine)
    else:
        assert room.get(mine) is mine


@families
def test_registered_names_come_first(family: str) -> None:
    room = getattr(addax, family)

    def relu(x: Any) -> Any:
        return x

    with addax.saving.custom_object_scope({"relu": relu, "mine": relu, "sgd": relu}):
        for name in ("mine", "relu", "sgd"):
            if family == "optimizers":
                with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
                    room.get(name)
            else:
                assert room.get(name) is relu
    if family != "optimizers":
        assert room.deserialize("mine", custom_objects={"mine": relu}) is relu
    with pytest.raises(ValueError, match="mine"):
        room.deserialize("mine")


@families
def test_signatures_are_keras(family: str) -> None:
    for name in ("get", "serialize", "deserialize"):
        ours, theirs = (inspect.signature(getattr(getattr(lib, family), name)) for lib in (addax, keras))
        assert list(ours.parameters) == list(theirs.parameters)
        assert inspect.getdoc(getattr(getattr(addax, family), name))
