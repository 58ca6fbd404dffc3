"""What an error inside a layer's `call` is told to the user with: the layer's path and the user's lines."""

from __future__ import annotations

import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _is_user_file(filename: str) -> bool:
    return not filename.startswith((_HERE, "<frozen", sys.prefix + os.sep, sys.base_prefix + os.sep)) and (
        "site-packages" not in filename
    )


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
