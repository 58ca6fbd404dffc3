"""Warnings that name the line of the user's code which caused them."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_OTHERS = ("<frozen", "<string>")  # import machinery, and what dataclasses and namedtuples generate
_JAX = f"site-packages{os.sep}jax"


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns, naming the innermost line that is neither addax's nor JAX's.

    A fixed `stacklevel` names a line inside addax as soon as there is one more function on the way.

    Args:
        message: What is said.
        category: The class of the warning.
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level + 1)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Ignores the warnings that are given inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_inside(filename: str) -> bool:
    return filename.startswith((_PACKAGE, *_OTHERS)) or _JAX in filename or filename == contextlib.__file__
