"""Nested structures against JAX's trees, which flatten dicts by sorted keys too."""

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addax import tree

leaves = st.integers()
structures = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(structures)
def test_flattens_as_jax(structure):
    assert tree.flatten(structure) == jax.tree.leaves(structure)


@given(structures)
def test_packing_reverses_flattening(structure):
    assert tree.pack_sequence_as(structure, tree.flatten(structure)) == structure


@given(structures)
def test_maps_as_jax(structure):
    assert tree.map_structure(lambda a: a + 1, structure) == jax.tree.map(lambda a: a + 1, structure)
    doubled = tree.map_structure(lambda a, b: a + b, structure, structure)
    assert doubled == jax.tree.map(lambda a: 2 * a, structure)


@given(structures)
def test_paths_lead_to_their_leaves(structure):
    for path, leaf in tree.flatten_with_path(structure):
        found = structure
        for key in path:
            found = found[key]
        assert found == leaf


@given(structures, structures)
def test_structures_are_the_same_exactly_when_jax_says_so(a, b):
    def tuples(x):  # lists and tuples are told apart by JAX, not by Keras's check
        if isinstance(x, dict):
            return {k: tuples(v) for k, v in x.items()}
        return tuple(tuples(v) for v in x) if isinstance(x, (list, tuple)) else x

    if jax.tree.structure(tuples(a)) == jax.tree.structure(tuples(b)):
        tree.assert_same_structure(a, b)
    else:
        with pytest.raises(ValueError, match="differ"):
            tree.assert_same_structure(a, b)


def test_none_is_a_leaf_and_shapes_are_leaves_of_shape_structures():
    assert tree.flatten({"b": None, "a": [1, None]}) == [1, None, None]
    assert tree.map_shape_structure(len, [(None, 2), {"x": (1, 2, 3)}]) == [2, {"x": 3}]


def test_packing_refuses_a_wrong_number_of_leaves():
    with pytest.raises(ValueError, match="2 leaves"):
        tree.pack_sequence_as([0, 0], [1])
