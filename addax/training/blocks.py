"""Rematerialization by blocks: what is inside each repeated composite layer is computed again in the backward pass.

A block is found by its shape, not by its name: a layer that holds several others and occurs more than once, such as a
block of a transformer or of a residual network. Of layers inside each other the outer ones are blocks, unless they
hold more of the inner ones than there are of them: two stacks of twelve blocks are 24 blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ..core.config import thread
from ..core.ours import is_ours
from ..layers.layer import Layer


class Savings(NamedTuple):
    """Ways in which a training step takes less memory.

    Attributes:
        remat: Argument `remat` of `compile`.
        parts: Number of the parts of a batch that are computed one after another; None for whole batches.
    """

    remat: str | None = None
    parts: int | None = None


def check_remat(value: Any) -> str | None:
    """Returns the argument `remat` of `compile`.

    Raises:
        ValueError: It is no choice.
    """
    if value not in (None, "block"):
        raise ValueError(
            "`remat` must be 'block', which computes what is inside each repeated composite layer again in the "
            f"backward pass, or None. Received: remat={value!r}"
        )
    return value


def blocks_of(model: Layer) -> list[Layer]:
    """Returns the repeated composite layers of a model.

    Args:
        model: The model, built.

    >>> block = lambda: keras.Sequential([keras.layers.Dense(4), keras.layers.ReLU(), keras.layers.Dense(4)])
    >>> model = keras.Sequential([keras.Input((4,)), block(), block(), keras.layers.Dense(1)])
    >>> [layer is model.layers[i] for i, layer in enumerate(blocks_of(model))]
    [True, True]
    """
    composite = [layer for layer in model._flatten_layers(include_self=False) if _is_composite(layer)]
    kinds = {id(layer): _kind(layer) for layer in composite}
    count = Counter(kinds.values())
    inside: dict[Hashable, int] = {}  # by kind: how often what occurs most inside one of them does
    for layer in composite:
        inner = Counter(kinds[id(one)] for one in layer._flatten_layers(include_self=False) if id(one) in kinds)
        inside[kinds[id(layer)]] = max(inside.get(kinds[id(layer)], 0), *inner.values(), 0)
    found: list[Layer] = []
    met: set[int] = set()

    def walk(layer: Layer) -> None:
        for inner in layer._layers:
            if id(inner) in met:
                continue
            met.add(id(inner))
            kind = kinds.get(id(inner))
            if kind is not None and 1 < count[kind] >= inside[kind]:
                found.append(inner)
            else:
                walk(inner)

    walk(model)
    return found


def recomputed(model: Any, kind: str = "train") -> AbstractContextManager[None]:
    """Context manager within which training steps of a model compiled with `remat="block"` rematerialize its blocks.

    Args:
        model: The model, built.
        kind: Kind of the step: "train", "test" or "predict".

    Raises:
        ValueError: It has no blocks.
    """
    if model._savings.remat is None or kind != "train":
        return thread.setting()
    blocks = blocks_of(model)
    if not blocks:
        layers = model._flatten_layers(include_self=False)
        plain = Counter(type(layer).__name__ for layer in layers if layer.variables).most_common(3)
        raise ValueError(
            f"`compile(remat='block')` computes each repeated composite layer again in the backward pass, and model "
            f"'{model.name}' has none: no layer that holds several others occurs twice. Its layers are "
            f"{', '.join(f'{count} {name}' for name, count in plain) or 'without weights'}. Make a layer or a model of "
            "each block, such as a `keras.Sequential`, or make the layers within `keras.RematScope()`."
        )
    return thread.setting(recomputed=frozenset(map(id, blocks)))


def _is_composite(layer: Layer) -> bool:
    """Returns whether a layer holds several others, of which one has weights; wrappers hold a single one."""
    inner = layer._flatten_layers(include_self=False)
    return len(inner) > 1 and any(one.variables for one in inner)


def _kind(layer: Layer) -> tuple[Hashable, ...]:
    """Returns what layers of a kind have in common: a user's class, and of addax's own the kinds inside, too."""
    cls = type(layer)
    return (cls, *(map(_kind, layer._layers) if is_ours(cls) else ()))


__all__ = ["Savings", "blocks_of", "check_remat", "recomputed"]
