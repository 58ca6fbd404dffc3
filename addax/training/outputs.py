"""The naming rule that matches losses, metrics, weights and labels to outputs.

An output is named by its dict key if the model returns a dict, else by the layer that makes it. Whatever is given per
output (losses, metrics, weights, labels, sample weights, class weights) may be a dict by these names, or a list in
order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.errors import did_you_mean
from ..core.types import Tree
from ..layers.layer import Layer


def output_names(model: Layer, y_pred: Tree) -> list[str | None]:
    """Returns the name of each leaf of `y_pred`, None where there is none (a subclassed model that returns a list)."""
    if isinstance(y_pred, dict):
        return [
            str(path[0]) if len(path) == 1 else "/".join(map(str, path)) for path, _ in tree.flatten_with_path(y_pred)
        ]
    return layer_names(model, y_pred)


def layer_names(model: Layer, y_pred: Tree) -> list[str | None]:
    """Returns the names of the layers that make the outputs, which are accepted instead of dict keys."""
    names = list(getattr(model, "output_names", ()))
    count = len(tree.flatten(y_pred))
    return names if len(names) == count else [None] * count


def per_output(
    given: Tree, names: list, alternatives: list, what: str, is_leaf: Callable[[Any], bool] | None = None
) -> list:
    """Returns `given` as a list with one entry per output, None for outputs that are not mentioned.

    Args:
        given: One value for all outputs, a list in order, or a dict by name.
        names: The outputs' names.
        alternatives: Other names that are accepted for them.
        what: The argument, for errors.
        is_leaf: Test of values that are one entry although they are lists or dicts.

    Raises:
        ValueError: A name that no output has, or a list of another length.
    """
    if given is None:
        return [None] * len(names)
    if is_leaf is not None and is_leaf(given):
        return [given] * len(names)
    if isinstance(given, dict):
        unknown = [k for k in given if k not in names and k not in alternatives]
        if unknown:
            known = [n for n in (*names, *alternatives) if n is not None]
            raise ValueError(
                f"In the dict argument `{what}`, key '{unknown[0]}' does not correspond to any model output. Received: "
                f"{what} with keys {list(given)}; the outputs are {[n for n in names if n is not None]}. "
                f"{did_you_mean(unknown[0], known)}"
            )
        return [given.get(n, given.get(a)) for n, a in zip(names, alternatives)]
    if isinstance(given, (list, tuple)):
        flat = list(given)
        if len(flat) == 1 and len(names) == 1:
            return flat
        if len(flat) != len(names):
            raise ValueError(
                f"`{what}` has {len(flat)} entries but the model has {len(names)} outputs"
                f"{_named(names)}: give one for each, in order, or a dict by name."
            )
        return flat
    return [given] * len(names)


def _named(names: list) -> str:
    return f" ({', '.join(map(repr, names))})" if all(n is not None for n in names) else ""


def flatten_labels(
    y: Tree, y_pred: Tree, names: list, alternatives: list, what: str = "y", only: list | None = None
) -> list:
    """Returns `y` (labels, or weights of samples) as a list in the order of the flat outputs.

    Args:
        y: One array, a list in order, or a dict by name.
        y_pred: The outputs.
        names: Their names.
        alternatives: Other names that are accepted for them.
        what: The argument, for errors.
        only: Numbers of the outputs that take labels, where they are known: one array is for a single one.

    Raises:
        ValueError: A name that no output has, a list of another length, or one array for several outputs.
    """
    leaves = tree.flatten(y_pred)
    if isinstance(y, dict):
        if not any(isinstance(v, (dict, list, tuple)) for v in y.values()):
            return per_output(y, names, alternatives, what)
        return tree.flatten(y)
    if len(leaves) == 1:
        flat = tree.flatten(y)
        return flat[:1] if len(flat) == 1 else [y]
    if isinstance(y, (list, tuple)):
        return per_output(tree.flatten(y) if len(y) != len(leaves) else list(y), names, alternatives, what)
    if y is not None and what == "y":
        if only is not None and len(only) == 1:
            return [y if i == only[0] else None for i in range(len(leaves))]
        raise ValueError(
            f"`y` is one array of shape {tuple(y.shape)}, but the model has {len(leaves)} outputs{_named(names)}: give "
            "labels for each, as a list in order or a dict by name."
        )
    return [y] * len(leaves)


def called(names: list, i: int) -> str:
    """Returns the name of output number `i` in errors."""
    return f"output '{names[i]}'" if names[i] is not None else f"output {i}"
