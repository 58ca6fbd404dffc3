"""Nested structures of dicts, lists and tuples: the functions of `jax.tree`, without importing JAX.

Dicts flatten in sorted key order, as in JAX and Keras; `None` is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from .types import Tree

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:
    """Return value of the function of `traverse` for a part to become None; None itself leaves the part unchanged.

    >>> traverse(lambda part: MAP_TO_NONE if part == 1 else None, [1, 2])
    [None, 2]
    """


def is_nested(structure: object) -> bool:
    """Tests whether a structure is a container (dict, list or tuple) rather than a leaf.

    Args:
        structure: Any value.
    """
    return isinstance(structure, (dict, list, tuple))


def _keys(structure: dict) -> list:
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys that don't compare
        return list(structure)


def _items(structure: Tree) -> Iterator[tuple[Any, Any]]:
    """Returns the (key, child) pairs of a container in flattening order."""
    if isinstance(structure, dict):
        return ((k, structure[k]) for k in _keys(structure))
    return enumerate(structure)


def _rebuild(like: Tree, children: list) -> Any:
    """Returns a container of the type of `like` with `children`, which are given in flattening order."""
    if isinstance(like, dict):
        by_key = dict(zip(_keys(like), children))
        pairs = [(k, by_key[k]) for k in like]  # keeps the user's own order of keys
        if isinstance(like, defaultdict):
            return type(like)(like.default_factory, pairs)
        return OrderedDict(pairs) if isinstance(like, OrderedDict) else dict(pairs)
    if hasattr(like, "_fields"):  # namedtuple
        return type(like)(*children)
    return tuple(children) if isinstance(like, tuple) else list(children)


def flatten(structure: Tree) -> list:
    """Returns the leaves of a structure, depth first.

    Args:
        structure: Nested structure.

    >>> flatten({"b": [1, 2], "a": (3, None)})
    [3, None, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list = []
    for _, child in _items(structure):
        leaves += flatten(child)
    return leaves


def flatten_with_path(structure: Tree) -> list[tuple[tuple, Any]]:
    """Returns the leaves of a structure, each with the path of keys to it.

    Args:
        structure: Nested structure.

    Returns:
        List of pairs of a path, a tuple of keys and indices, and a leaf.

    >>> flatten_with_path({"a": [1, 2]})
    [(('a', 0), 1), (('a', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((k, *path), leaf) for k, child in _items(structure) for path, leaf in flatten_with_path(child)]


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Applies `func` to the leaves of one or several structures of the same form.

    Args:
        func: Function of as many leaves as there are structures.
        structures: Nested structures.
        none_is_leaf: Whether `func` is called for None, too; else None is kept.

    Returns:
        Structure of the results.

    Raises:
        ValueError: There are no structures, or they differ in form.

    >>> map_structure(lambda x, y: x + y, {"a": 1}, {"a": 2})
    {'a': 3}
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    first = structures[0]
    if not is_nested(first):
        for other in structures[1:]:
            if is_nested(other):
                _differ(first, other)
        if first is None and not none_is_leaf:
            return None
        return func(*structures)
    for other in structures[1:]:
        _check_same_container(first, other)
    children = [
        map_structure(func, *(s[key] for s in structures), none_is_leaf=none_is_leaf) for key, _ in _items(first)
    ]
    return _rebuild(first, children)


def map_structure_up_to(shallow_structure: Tree, func: Callable, *structures: Any) -> Any:
    """Applies `func` to the parts of `structures` at the positions of the leaves of `shallow_structure`.

    Args:
        shallow_structure: Nested structure that gives the depth.
        func: Function of as many parts as there are structures.
        structures: Nested structures that begin like `shallow_structure`.

    Returns:
        Structure of the results, in the form of `shallow_structure`.

    Raises:
        ValueError: A structure differs from `shallow_structure` in form.

    >>> map_structure_up_to([0, 0], len, [[1, 2], [3]])
    [2, 1]
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _check_same_container(shallow_structure, other)
    children = [
        map_structure_up_to(child, func, *(s[key] for s in structures)) for key, child in _items(shallow_structure)
    ]
    return _rebuild(shallow_structure, children)


def map_shape_structure(func: Callable, structure: Tree) -> Any:
    """Applies `func` to the shapes (tuples or lists of sizes) in a structure, and to leaves outside of shapes.

    Args:
        func: Function of a shape.
        structure: Nested structure of shapes.

    Returns:
        Structure of the results.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(1,), (2, 2)]})
    {'a': 2, 'b': [1, 2]}
    """
    if not is_nested(structure) or is_shape(structure):
        return func(structure)
    return _rebuild(structure, [map_shape_structure(func, child) for _, child in _items(structure)])


def is_shape(value: object) -> bool:
    """Tests whether a value is one shape: a tuple or list of sizes and Nones."""
    return isinstance(value, (tuple, list)) and all(
        d is None or (not is_nested(d) and not isinstance(d, str) and hasattr(d, "__index__")) for d in value
    )


def pack_sequence_as(structure: Tree, flat_sequence: list) -> Any:
    """Returns a structure of the form of `structure` with other leaves.

    Args:
        structure: Nested structure.
        flat_sequence: Leaves, in flattening order.

    Raises:
        ValueError: The number of leaves differs.

    >>> pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
    {'a': 1, 'b': [2, 3]}
    """
    flat = list(flat_sequence)
    expected = len(flatten(structure))
    if len(flat) != expected:
        raise ValueError(
            f"The structure has {expected} leaves but `flat_sequence` has {len(flat)}: the numbers must be equal."
        )
    leaves = iter(flat)
    return map_structure(lambda _: next(leaves), structure)


def lists_to_tuples(structure: Tree) -> Any:
    """Converts all lists in a structure to tuples.

    Args:
        structure: Nested structure.

    >>> lists_to_tuples([1, [2, 3]])
    (1, (2, 3))
    """
    if not is_nested(structure):
        return structure
    children = [lists_to_tuples(child) for _, child in _items(structure)]
    return tuple(children) if isinstance(structure, list) else _rebuild(structure, children)


def traverse(func: Callable, structure: Tree, top_down: bool = True) -> Any:
    """Replaces the parts of a structure for which `func(part)` is not None by that value.

    Args:
        func: Function of a part, a container or leaf.
        structure: Nested structure.
        top_down: Whether containers are visited before their children; a replacement isn't visited then.

    Returns:
        New structure.

    >>> traverse(lambda part: 0 if part is None else None, [1, (None, 2)])
    [1, (0, 2)]
    """
    if top_down:
        new = func(structure)
        if new is not None:
            return None if new is MAP_TO_NONE else new
    if is_nested(structure):
        structure = _rebuild(structure, [traverse(func, child, top_down) for _, child in _items(structure)])
    if top_down:
        return structure
    new = func(structure)
    return structure if new is None else None if new is MAP_TO_NONE else new


def assert_same_structure(a: Tree, b: Tree, check_types: object = None) -> None:
    """Raises ValueError unless `a` and `b` have the same nested form.

    Args:
        a, b: Nested structures.
        check_types: Deprecated; ignored.
    """
    del check_types
    if is_nested(a) != is_nested(b):
        _differ(a, b)
    if is_nested(a):
        _check_same_container(a, b)
        for key, child in _items(a):
            assert_same_structure(child, b[key])


def assert_same_paths(a: Tree, b: Tree) -> None:
    """Raises ValueError unless `a` and `b` have the same paths to their leaves (lists and tuples count as equal).

    Args:
        a, b: Nested structures.
    """
    paths_a, paths_b = ({p for p, _ in flatten_with_path(s)} for s in (a, b))
    if paths_a != paths_b:
        missing = [
            f"Paths in `{one}` missing in `{other}`:\n{more}"
            for one, other, more in (("a", "b", paths_a - paths_b), ("b", "a", paths_b - paths_a))
            if more
        ]
        raise ValueError("\n".join(["`a` and `b` don't have the same paths.", *missing]))


def _check_same_container(a: Tree, b: Tree) -> None:
    if isinstance(a, dict):
        if not isinstance(b, dict) or set(a) != set(b):
            _differ(a, b)
    elif not isinstance(b, (list, tuple)) or len(a) != len(b):
        _differ(a, b)


def _differ(a: Tree, b: Tree) -> NoReturn:
    raise ValueError(
        f"Structures don't have the same nested structure. Structures differ: {_form(a)} against {_form(b)}."
    )


def _form(structure: Tree) -> str:
    if isinstance(structure, dict):
        return f"a dict with keys {list(structure)}"
    if is_nested(structure):
        return f"a {type(structure).__name__} of {len(structure)}"
    return f"a {type(structure).__name__}"
