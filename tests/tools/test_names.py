"""The public names of Keras: none goes missing, and no signature drifts (tools/names.py)."""

import inspect
from types import SimpleNamespace

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


def test_signatures_of_methods_likewise(libraries) -> None:
    assert [n for n in names.method_signatures(*libraries) if names.why(n) is None] == []


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
