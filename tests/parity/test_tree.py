"""keras.tree at its edges: leaves that aren't numbers, structures that differ."""

from __future__ import annotations

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

SHAPES = [
    {"c": "hi", "d": (2, 3)},
    "hi",
    5,
    None,
    [(2,), None, "a", 5.5],
    [1, (2, 3)],
    {"a": (1, "b")},
    ((None, 3), (None,)),
    [],
    (),
    {},
]


@pytest.mark.parametrize("structure", SHAPES, ids=str)
def test_shapes_and_what_is_none(structure):
    for fn in (lambda s: s, lambda s: (type(s).__name__,)):
        assert addax.tree.map_shape_structure(fn, structure) == keras.tree.map_shape_structure(fn, structure)


def test_arrays_are_leaves():
    found = addax.tree.map_shape_structure(lambda s: s.shape, {"a": np.ones((2, 3))})
    assert found == keras.tree.map_shape_structure(lambda s: s.shape, {"a": np.ones((2, 3))})


MISTAKES = {
    "nothing": (lambda t: t.map_structure(lambda x: x), "Must provide at least one structure"),
    "deeper": (lambda t: t.map_structure(lambda x, y: x, 1, [1]), "Structures don't have the same nested structure."),
    "deeper inside": (lambda t: t.map_structure(lambda x, y: x, [1], [[1]]), ""),
    "flatter": (lambda t: t.map_structure(lambda x, y: x, [[1]], [1]), ""),
    "longer": (lambda t: t.map_structure(lambda x, y: x, [1, 2], [1]), ""),
    "other keys": (lambda t: t.assert_same_structure({"a": 1}, {"b": 1}), ""),
    "no structure": (lambda t: t.assert_same_structure(1, [1]), "Structures don't have the same nested structure."),
    "paths": (
        lambda t: t.assert_same_paths([1], [1, 2]),
        "`a` and `b` don't have the same paths.\nPaths in `b` missing in `a`:\n{(1,)}",
    ),
    "both paths": (lambda t: t.assert_same_paths({"a": 1}, {"b": 1}), "Paths in `a` missing in `b`:\n{('a',)}"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_structures_that_differ(name):
    program, words = MISTAKES[name]
    for library in (keras, addax):
        with pytest.raises(ValueError) as raised:
            program(library.tree)
        assert words in str(raised.value)
