"""Wording shared by error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Returns a sentence that suggests the closest of `known` names and lists them all; empty if there are none.

    Args:
        name: The unknown name.
        known: Known names.

    >>> did_you_mean("adm", ["adam", "sgd"])
    "Did you mean 'adam'? Known names: 'adam', 'sgd'."
    """
    names = sorted(set(known))
    if not names:
        return ""
    lower = {n.lower(): n for n in names}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.6)
    hint = f"Did you mean '{lower[close[0]]}'? " if close else ""
    return f"{hint}Known names: {', '.join(repr(n) for n in names)}."


def describe(value: object) -> str:
    """Describes any value in a few words: arrays by shape and dtype, never by their contents.

    >>> describe([1, 2]), describe("a")
    ('[1, 2] (of type list)', "'a' (of type str)")
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{type(value).__name__} of shape {tuple(shape)} and dtype {dtype}"
    text = repr(value)
    if len(text) > 120:
        text = text[:117] + "..."
    return f"{text} (of type {type(value).__name__})"
