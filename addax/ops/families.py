"""Ops that are defined by the dozen: functions made in a loop or a helper, which need a name and a docstring."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from ..core.op import op


def named_op(
    function: Callable,
    name: str,
    what: str,
    args: Mapping[str, str],
    returns: str,
    raises: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable:
    """Names and documents a function that a helper has made, and turns it into an op.

    Args:
        function: The function. Its module is that of the helper.
        name: Name of the op.
        what: First line of the docstring.
        args: Descriptions of the parameters by name, or by names joined by commas.
        returns: Description of the result.
        raises: Descriptions of the errors by class name.
        options: Options of `op`.

    Returns:
        The op.

    >>> double = named_op(lambda x: x * 2, "double", "Doubles a number.", {"x": "Number."}, "Number.")
    >>> double.__name__, double(2)
    ('double', 4)
    """
    sections = [f"Args:\n{_entries(args)}", f"Returns:\n{_indented(returns)}"]
    if raises:
        sections.append(f"Raises:\n{_entries(raises)}")
    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n\n".join([what, *sections]) + "\n"
    return op(function, **options)


def _entries(described: Mapping[str, str]) -> str:
    return "\n".join(_indented(f"{name}: {text}", hanging=8) for name, text in described.items())


def _indented(text: str, hanging: int = 4) -> str:
    return textwrap.fill(text, 112, initial_indent=" " * 4, subsequent_indent=" " * hanging, break_on_hyphens=False)
