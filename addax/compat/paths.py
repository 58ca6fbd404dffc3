"""Paths of objects in weights files of TensorFlow's Keras 2.12 to 2.15, which wrote `.keras` before Keras 3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..core.types import Config

_LAYERS = "_layer_checkpoint_dependencies"  # name of `layers` up to 2.13


def as_tree(paths: Iterable[str]) -> dict[str, Any]:
    """Returns paths as nested dicts, one level per part.

    >>> as_tree(["a/b", "a/c"])
    {'a': {'b': {}, 'c': {}}}
    """
    tree: dict[str, Any] = {}
    for path in paths:
        node = tree
        for part in path.split("/"):
            node = node.setdefault(part, {})
    return tree


def find(tree: dict[str, Any], wanted: str) -> str | None:
    """Returns the path that an object has in an older file, or None.

    Args:
        tree: The paths of the objects in the file, from `as_tree`.
        wanted: The object's current path.

    >>> older = as_tree(["_layer_checkpoint_dependencies/dense", "_layer_checkpoint_dependencies/dense_2"])
    >>> find(older, "layers/dense_1")
    '_layer_checkpoint_dependencies/dense_2'
    """
    found: list[str] = []
    for part in wanted.split("/"):
        name = _child(tree, part, found[-1:] == [_LAYERS])
        if name is None:
            return None
        found.append(name)
        tree = tree[name]
    return "/".join(found)


def _child(children: Mapping[str, Any], name: str, counted_twice: bool) -> str | None:
    if counted_twice:
        # Layers with weights were in the list twice, so the second one of a class was called `dense_2`.
        base, _, number = re.sub(r"_(\d+)$", r"/\1", name).partition("/")
        same = sorted((_number(n, base), n) for n in children if _number(n, base) is not None)
        index = int(number or 0)
        return same[index][1] if index < len(same) else None
    for candidate in (name, f"_{name}", _LAYERS if name == "layers" else name):
        if candidate in children:
            return candidate
    return None


def _number(name: str, base: str) -> Any:
    if name == base:
        return 0
    match = re.fullmatch(rf"{re.escape(base)}_(\d+)", name)
    return int(match[1]) if match else None


def optimizer_arrays(arrays: Mapping[str, Any], optimizer: Any) -> Config:
    """Returns the arrays of an optimizer by their current numbers; up to 2.15 the learning rate was not among them.

    Args:
        arrays: The arrays in the file.
        optimizer: The optimizer, built.
    """
    own = optimizer.variables
    if len(arrays) != len(own) - 1 or len(own) < 2 or not own[1].path.endswith("learning_rate"):
        return dict(arrays)
    moved = {str(int(k) + 1): v for k, v in arrays.items() if k != "0"}
    return {"0": arrays["0"], "1": own[1].numpy(), **moved}
