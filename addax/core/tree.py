"""Nested structures of dicts, lists and tuples: what `jax.tree` does, before JAX is there.

Dicts flatten in sorted key order, as in JAX and Keras; `None` is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

__all__ = [
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


def is_nested(structure: Any) -> bool:
    """Whether `structure` is a container (dict, list or tuple) rather than a leaf."""
    return isinstance(structure, (dict, list, tuple))


def _keys(structure: dict) -> list:
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys that don't compare
        return list(structure)


def _items(structure: Any) -> Iterator[tuple[Any, Any]]:
    """The (key, child) pairs of a container in flattening order."""
    if isinstance(structure, dict):
        return ((k, structure[k]) for k in _keys(structure))
    return enumerate(structure)


def _rebuild(like: Any, children: list) -> Any:
    """A container like `like` with `children`, which are given in flattening order."""
    if isinstance(like, dict):
        by_key = dict(zip(_keys(like), children))
        pairs = [(k, by_key[k]) for k in like]  # keeps the user's own order of keys
        if isinstance(like, defaultdict):
            return type(like)(like.default_factory, pairs)
        return OrderedDict(pairs) if isinstance(like, OrderedDict) else dict(pairs)
    if hasattr(like, "_fields"):  # namedtuple
        return type(like)(*children)
    return tuple(children) if isinstance(like, tuple) else list(children)


def flatten(structure: Any) -> list:
    """The leaves of `structure`, depth first.

    >>> flatten({"b": [1, 2], "a": (3, None)})
    [3, None, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list = []
    for _, child in _items(structure):
        leaves += flatten(child)
    return leaves


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """The leaves of `structure` with the path of keys to each.

    >>> flatten_with_path({"a": [1, 2]})
    [(('a', 0), 1), (('a', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((k, *path), leaf) for k, child in _items(structure) for path, leaf in flatten_with_path(child)]


def map_structure(fn: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Applies `fn` to the leaves of one or several structures of the same form.

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
        return fn(*structures)
    for other in structures[1:]:
        _check_same_container(first, other)
    children = [map_structure(fn, *(s[key] for s in structures), none_is_leaf=none_is_leaf) for key, _ in _items(first)]
    return _rebuild(first, children)


def map_structure_up_to(shallow: Any, fn: Callable, *structures: Any) -> Any:
    """Applies `fn` to the parts of `structures` that stand where `shallow` has leaves."""
    if not is_nested(shallow):
        return fn(*structures)
    for other in structures:
        _check_same_container(shallow, other)
    children = [map_structure_up_to(child, fn, *(s[key] for s in structures)) for key, child in _items(shallow)]
    return _rebuild(shallow, children)


def map_shape_structure(fn: Callable, structure: Any) -> Any:
    """Like `map_structure`, with shapes (tuples or lists of sizes) as the leaves, beside those that no container holds.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(1,), (2, 2)]})
    {'a': 2, 'b': [1, 2]}
    """
    if not is_nested(structure) or is_shape(structure):
        return fn(structure)
    return _rebuild(structure, [map_shape_structure(fn, child) for _, child in _items(structure)])


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape: a tuple or list of sizes and Nones."""
    return isinstance(value, (tuple, list)) and all(
        d is None or (not is_nested(d) and not isinstance(d, str) and hasattr(d, "__index__")) for d in value
    )


def pack_sequence_as(structure: Any, flat_sequence: list) -> Any:
    """A structure like `structure` whose leaves are those of `flat_sequence`, in order.

    >>> pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
    {'a': 1, 'b': [2, 3]}
    """
    flat = list(flat_sequence)
    expected = len(flatten(structure))
    if len(flat) != expected:
        raise ValueError(
            f"The structure has {expected} leaves but `flat_sequence` has {len(flat)}: they must be equally many."
        )
    leaves = iter(flat)
    return map_structure(lambda _: next(leaves), structure)


def lists_to_tuples(structure: Any) -> Any:
    """`structure` with every list made a tuple.

    >>> lists_to_tuples([1, [2, 3]])
    (1, (2, 3))
    """
    if not is_nested(structure):
        return structure
    children = [lists_to_tuples(child) for _, child in _items(structure)]
    return tuple(children) if isinstance(structure, list) else _rebuild(structure, children)


def traverse(fn: Callable, structure: Any, top_down: bool = True) -> Any:
    """Replaces parts of `structure`: where `fn(part)` is not None it takes the place of the part."""
    if top_down:
        new = fn(structure)
        if new is not None:
            return new
    if is_nested(structure):
        structure = _rebuild(structure, [traverse(fn, child, top_down) for _, child in _items(structure)])
    if top_down:
        return structure
    new = fn(structure)
    return structure if new is None else new


def assert_same_structure(a: Any, b: Any) -> None:
    """Raises ValueError unless `a` and `b` nest in the same way."""
    if is_nested(a) != is_nested(b):
        _differ(a, b)
    if is_nested(a):
        _check_same_container(a, b)
        for key, child in _items(a):
            assert_same_structure(child, b[key])


def assert_same_paths(a: Any, b: Any) -> None:
    """Raises ValueError unless `a` and `b` have the same paths to their leaves (lists and tuples count as equal)."""
    paths_a, paths_b = ({p for p, _ in flatten_with_path(s)} for s in (a, b))
    if paths_a != paths_b:
        missing = [
            f"Paths in `{one}` missing in `{other}`:\n{more}"
            for one, other, more in (("a", "b", paths_a - paths_b), ("b", "a", paths_b - paths_a))
            if more
        ]
        raise ValueError("\n".join(["`a` and `b` don't have the same paths.", *missing]))


def _check_same_container(a: Any, b: Any) -> None:
    if isinstance(a, dict):
        if not isinstance(b, dict) or set(a) != set(b):
            _differ(a, b)
    elif not isinstance(b, (list, tuple)) or len(a) != len(b):
        _differ(a, b)


def _differ(a: Any, b: Any) -> NoReturn:
    raise ValueError(
        f"Structures don't have the same nested structure. Structures differ: {_form(a)} against {_form(b)}."
    )


def _form(structure: Any) -> str:
    if isinstance(structure, dict):
        return f"a dict with keys {list(structure)}"
    if is_nested(structure):
        return f"a {type(structure).__name__} of {len(structure)}"
    return f"a {type(structure).__name__}"
