"""The public names of Keras: none goes missing, and no signature drifts (tools/names.py)."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools import names


@pytest.fixture(scope="module")
def libraries():
    return names.both()


def test_no_name_goes_missing(libraries) -> None:
    """If one is missing on purpose: python tools/names.py --write"""
    theirs, ours = libraries
    assert theirs.keys() - ours.keys() <= set(names.missing())


def test_signatures_are_keras_own_or_their_difference_is_explained(libraries) -> None:
    differ = names.signatures(*libraries)
    assert {
        n: (inspect.signature(a), inspect.signature(b)) for n, (a, b) in differ.items() if n not in names.EXPLAINED
    } == {}
    assert len(differ) <= 0.01 * len(libraries[0])


def test_keyword_arguments_of_layers_have_types() -> None:
    """Editors and type checkers know them: `Dense(3, activaton="relu")` is found."""
    classes = [c for c in vars(importlib.import_module("addax.layers")).values() if isinstance(c, type)]
    kinds = [p for c in classes for p in inspect.signature(c.__init__).parameters.values() if p.kind is p.VAR_KEYWORD]
    assert len(kinds) > 50
    assert [p for p in kinds if not str(p.annotation).startswith("Unpack[")] == []


def test_signatures_of_methods_likewise(libraries) -> None:
    assert [n for n in names.method_signatures(*libraries) if names.why(n) is None] == []


def test_no_method_goes_missing(libraries) -> None:
    assert names.methods(*libraries) == []


def objects(library: Any) -> Iterator[tuple[str, Any]]:
    """Objects of many public classes, built where layers and optimizers can be."""
    inputs = library.Input((3,))
    functional = library.Model(inputs, library.layers.Dense(2)(inputs))
    functional.compile("sgd", "mse", metrics=["mae"])
    sequential = library.Sequential([library.layers.Dense(2)])
    weight = library.Variable(np.ones((2, 2), "float32"))
    yield from {"tensor": inputs, "functional": functional, "sequential": sequential, "variable": weight}.items()
    families = (
        "callbacks constraints dtype_policies initializers layers losses metrics optimizers quantizers regularizers"
    )
    for family in families.split():
        space = getattr(library, family)
        for name in dir(space):
            if inspect.isclass(getattr(space, name)) and name not in ("LossScaleOptimizer", "MultiOptimizer"):
                made = first(*(partial(getattr(space, name), *given) for given in arguments(library)))
                if family == "optimizers" and made is not None:
                    made.build([weight])
                elif family == "layers" and callable(made):
                    first(*(partial(made, symbols(library, shape)) for shape in SHAPES))
                yield f"{family}.{name}", made


SHAPES: list[Any] = [(2, 4, 5), (2, 4), (2, 8, 8, 3), (2, 3, 8, 8, 3), [(2, 4), (2, 4)], [(2, 4, 5), (2, 4, 5)]]


def symbols(library: Any, shape: Any) -> Any:
    return library.KerasTensor(shape) if isinstance(shape, tuple) else [library.KerasTensor(s) for s in shape]


def arguments(library: Any) -> list[tuple[Any, ...]]:
    """What constructors are tried with."""
    layers = library.layers
    numbers: list[tuple[Any, ...]] = [(), (2,), (0.5,), (2, 2), (3, 2, 2), (8, 4, 2), (0.5, 2), ("x",), ((1,),)]
    others = [layers.Dense(2), layers.LSTM(2), layers.LSTMCell(2), [layers.LSTMCell(2)], abs, [0.0, 1.0], layers.Dense]
    return [*numbers, *((other,) for other in others), ("abc,cd->abd", 2), (0.1, 0.1), (2, "xyxy")]


def first(*calls: Callable) -> Any:
    """The result of the first call without an error; None where there is none."""
    for call in calls:
        try:
            return call()
        except Exception:
            pass
    return None


@pytest.mark.slow
def test_no_attribute_goes_missing() -> None:
    theirs, ours = (dict(objects(importlib.import_module(library))) for library in ("keras", "addax"))
    both = [name for name, made in theirs.items() if made is not None and ours[name] is not None]
    assert len(both) > 280
    lacking = {name: names.attributes(theirs[name], ours[name]) for name in both}
    assert {name: found for name, found in lacking.items() if found} == {}


def test_every_explanation_is_of_a_difference(libraries) -> None:
    assert set(names.EXPLAINED) <= set(names.signatures(*libraries))


def test_parameters_are_compared_by_name_kind_and_default() -> None:
    def one(a, *, b=1): ...
    def other(a, b=1): ...
    def third(a, *, b=2): ...

    assert names.parameters(one) == names.parameters(one) != names.parameters(other)
    assert names.parameters(one) != names.parameters(third)
    theirs, ours = {"f": one, "g": one, "C": SimpleNamespace}, {"f": other, "g": other, "C": SimpleNamespace}
    assert list(names.signatures(theirs, ours)) == ["f"]  # `g` is the same object


def test_what_a_class_hides_in_new_is_read_from_init() -> None:
    class Hidden:
        def __new__(cls, *args, **kwargs):
            return super().__new__(cls)

        def __init__(self, units, *, name=None): ...

    assert [p[0] for p in names.parameters(Hidden)] == ["units", "name"]
