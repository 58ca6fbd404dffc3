"""What an error inside a layer's `call` is told to the user with: the layer's path and the user's lines."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from ..core.config import is_traceback_filtering_enabled

F = TypeVar("F", bound=Callable)

# What addax raises to tell the user something; anything else that begins inside addax is its own mistake.
_MEANT = (ValueError, TypeError, FloatingPointError, NotImplementedError, OSError, RuntimeError)
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@functools.lru_cache(1024)
def _is_user_file(filename: str) -> bool:
    return not filename.startswith((_HERE, "<frozen", sys.prefix + os.sep, sys.base_prefix + os.sep)) and (
        "site-packages" not in filename
    )


def _is_machinery(filename: str) -> bool:
    """Whether a frame of this file is hidden: addax's own, and JAX's."""
    return filename.startswith((_HERE, "<frozen")) or f"site-packages{os.sep}jax" in filename


def shorten(error: Exception) -> None:
    """Leaves in the traceback of `error` what is the user's: the lines that called addax, and those it called."""
    tb = error.__traceback__
    if tb is None or not is_traceback_filtering_enabled():
        return
    entries = [tb]
    while entries[-1].tb_next is not None:
        entries.append(entries[-1].tb_next)
    files = [entry.tb_frame.f_code.co_filename for entry in entries]
    if files[-1].startswith(_HERE) and not isinstance(error, _MEANT):
        return
    kept: TracebackType | None = None
    for entry, file in zip(reversed(entries[1:]), reversed(files[1:])):
        if not _is_machinery(file):
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    error.__traceback__ = TracebackType(kept, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    notes = getattr(error, "__notes__", None)
    if notes:
        error.__notes__ = [n for n in notes if "JAX has removed its internal frames" not in n and n.strip("-")]


def shortens(method: F) -> F:
    """A decorator of what users call: errors leave it without addax's own frames."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            shorten(error)
            raise

    return wrapper  # type: ignore[return-value]


def remember_origin(layer: Any) -> None:
    """Notes the line of the user's code that made `layer`."""
    frame: Any = sys._getframe(1)
    while frame is not None and not _is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None:
        layer.__dict__["_origin"] = (frame.f_code.co_filename, frame.f_lineno)


def made_at(layer: Any) -> str:
    """Where the user's code made `layer`, to follow its name; empty where that is not known."""
    origin = getattr(layer, "_origin", None)
    return f", made at {origin[0]}:{origin[1]}" if origin is not None else ""


def annotate(error: Exception, stack: list) -> None:
    """Adds a note to `error`, once: in which layer it began, where that was made, and the user's line that failed."""
    if getattr(error, "_addax_noted", False):
        return
    try:
        error._addax_noted = True  # type: ignore[attr-defined]
    except AttributeError:
        return
    layer = stack[-1]
    path = "/".join(inner.name for inner in stack)
    note = f"In layer '{path}' ({type(layer).__name__}){made_at(layer)}"
    line = None
    tb = error.__traceback__
    while tb is not None:
        if _is_user_file(tb.tb_frame.f_code.co_filename):
            line = (tb.tb_frame.f_code.co_filename, tb.tb_lineno, tb.tb_frame.f_code.co_name)
        tb = tb.tb_next
    if line is not None:
        note += f"; failed at {line[0]}:{line[1]}, in {line[2]}"
    error.add_note(note + ".")
