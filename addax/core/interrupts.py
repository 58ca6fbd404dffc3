"""Ctrl-C at moments when it may not come: between a step and the weights that it returns, or where it would be lost.

Python raises KeyboardInterrupt between any two instructions of the main thread. A step takes over the buffers of the
weights, so an interrupt before its result is stored would leave a model without any; and one inside a callback of the
garbage collector (JAX has one) is printed and forgotten. Here it is put off: to the end of the step under way, or of
the next one.
"""

from __future__ import annotations

import gc
import importlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

# The functions of `signal` look up the names of numbers; those behind them take a tenth of the time.
_plain: Any = importlib.import_module("_signal" if "_signal" in sys.builtin_module_names else "signal")
_signal, _getsignal, _default = _plain.signal, _plain.getsignal, signal.default_int_handler
_DEFAULT = int(signal.SIG_DFL)  # what the system does with a signal
_INTERRUPT, _TERMINATION = int(signal.SIGINT), int(signal.SIGTERM)
_MAIN = threading.main_thread().ident


class _State:
    installed = False  # whether the handler is this module's
    held = 0  # how many of those who hold it back are under way
    pending = False  # whether it came meanwhile


def _handle(number: int, frame: FrameType | None) -> None:
    if _State.held or _is_collecting(frame):
        _State.pending = True
    else:
        _default(number, frame)


def _is_collecting(frame: FrameType | None) -> bool:
    codes = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        if frame.f_code in codes:
            return True
        frame = frame.f_back
    return False


def _install() -> bool:
    """Handles Ctrl-C from now on, where nobody else does; returns whether it is this call that did it."""
    if _State.installed or threading.get_ident() != _MAIN or _getsignal(_INTERRUPT) is not _default:
        return False
    _signal(_INTERRUPT, _handle)
    _State.installed = True
    return True


def _uninstall() -> None:
    _State.installed = False
    if _getsignal(_INTERRUPT) is _handle:
        _signal(_INTERRUPT, _default)


@contextmanager
def guarded() -> Iterator[None]:
    """Lets Ctrl-C be put off inside; for a whole training, so that no step need install the handler."""
    installed = _install()
    try:
        yield
    finally:
        if installed:
            _uninstall()
            _raise_pending()


def _raise_pending() -> None:
    if _State.pending and not _State.held:
        _State.pending = False
        raise KeyboardInterrupt


class Held:
    """Holds Ctrl-C back inside a `with` block, and raises it at the end."""

    __slots__ = ("_counts", "_installed")

    def __enter__(self) -> None:
        self._installed = _install()
        self._counts = _State.installed and threading.get_ident() == _MAIN
        if self._counts:
            _State.held += 1

    def __exit__(self, *exc: object) -> None:
        if self._counts:
            _State.held -= 1
            if self._installed:
                _uninstall()
            _raise_pending()


class Termination:
    """Puts off SIGTERM inside a `with` block: whoever is in it asks `requested`, finishes, and calls `follow`.

    The signal is left to whoever handles it already. One that came is followed at the end of the block at the latest.
    """

    def __init__(self) -> None:
        self.requested = False
        self._installed = False

    def __enter__(self) -> Termination:
        if threading.get_ident() == _MAIN and _getsignal(_TERMINATION) == _DEFAULT:
            _signal(_TERMINATION, self._note)
            self._installed = True
        return self

    def __exit__(self, *exc: object) -> None:
        if self._installed:
            if _getsignal(_TERMINATION) == self._note:
                _signal(_TERMINATION, _DEFAULT)
            self._installed = False
        if self.requested:
            self.follow()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True

    def follow(self) -> None:
        """Ends the process as the signal would have: for whoever started it, it was ended by SIGTERM (128 + 15)."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # there may be none
                stream.flush()
        _signal(_TERMINATION, _DEFAULT)
        signal.raise_signal(_TERMINATION)


__all__ = ["Held", "Termination", "guarded"]
