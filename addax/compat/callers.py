"""Tells importers apart: the user's own program, and libraries installed beside it."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

_OURS = str(Path(__file__).parents[1]) + os.sep
_PACKAGE = __name__.partition(".")[0]
_IMPORTING = ("importlib", "_frozen_importlib", "_frozen_importlib_external", "zipimport", "pkgutil")


def is_program(namespace: Mapping[str, Any] | None) -> bool:
    """Returns whether code with these globals belongs to the user's program: a script, a notebook, modules beside it.

    Python's own modules, packages in `site-packages`, and addax are libraries.

    Args:
        namespace: Globals of the code, or None if there are none.

    >>> is_program({"__name__": "__main__"}), is_program(vars(os)), is_program({"__file__": "/home/me/model.py"})
    (True, False, True)
    """
    if namespace is None:
        return False
    file = namespace.get("__file__") or getattr(namespace.get("__spec__"), "origin", None)
    if not isinstance(file, str) or file in ("built-in", "frozen"):
        return namespace.get("__name__") in (None, "__main__")
    return not _is_installed(file)


def importing_globals(skip: str) -> dict[str, Any] | None:
    """Returns the globals of the code that runs the current import statement, or None.

    Args:
        skip: Prefix of the names of modules whose frames are skipped, besides those of Python's import system.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if not isinstance(name, str) or not name.startswith((skip, *_IMPORTING)):
            return frame.f_globals
        frame = frame.f_back
    return None


def would_end_the_program(skip: str) -> bool:
    """Returns whether a library imports a module whose absence nobody is prepared for.

    So it is where neither the line that imports it, nor one of those that wait for it, is inside a `try` or `with`.

    Args:
        skip: Beginning of the names of modules whose frames stand between the importing code and this function.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(skip) and not frame.f_code.co_filename.startswith("<frozen "):
            if name.partition(".")[0] == "runpy" or name.startswith(_PACKAGE):
                return True  # what runs the program
            if _is_guarded(frame):
                return False
        frame = frame.f_back
    return True


def _is_guarded(frame: FrameType) -> bool:
    """Returns whether the line that a frame is at has a handler of exceptions in its function."""
    table = iter(frame.f_code.co_exceptiontable)  # start, length, target and depth of each handler

    def number() -> int:
        value = 0
        for byte in table:
            value = value << 6 | byte & 63
            if not byte & 64:
                return value
        return -1

    while (start := number()) >= 0:
        length, _, _ = number(), number(), number()
        if start <= frame.f_lasti // 2 < start + length:  # counted in instructions of two bytes
            return True
    return False


@functools.lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    path = os.path.abspath(file)
    parts = path.split(os.sep)
    if "site-packages" in parts or "dist-packages" in parts or path.startswith(_library_folders()):
        return True
    folders = {os.path.abspath(entry) + os.sep for entry in sys.path if entry}
    return any(path.startswith(folder) and _holds_distributions(folder) for folder in folders)


@functools.cache
def _holds_distributions(folder: str) -> bool:
    """Returns whether something was installed in this folder, as by `pip install --target`."""
    return next(Path(folder).glob("*.dist-info"), None) is not None


@functools.cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*getattr(site, "getsitepackages", list)(), getattr(site, "USER_SITE", None) or _OURS}
    return (_OURS, *(folder.rstrip(os.sep) + os.sep for folder in folders))


__all__ = ["importing_globals", "is_program", "would_end_the_program"]
