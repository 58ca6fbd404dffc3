"""Messages of callbacks on the terminal."""

from __future__ import annotations

import io
import logging
import sys
from typing import Any

from ..core.config import is_interactive_logging_enabled


def print_msg(message: str, line_break: bool = True) -> None:
    """Writes a message to the terminal, unbuffered; to the log where interactive logging is off.

    Args:
        message: The text.
        line_break: Whether a line break follows it.
    """
    if not is_interactive_logging_enabled():
        logging.getLogger("addax").info(message)
        return
    stream = sys.stdout
    if stream is None or getattr(stream, "closed", False):  # of services, and of programs without a console
        return
    text = f"{message}\n" if line_break else message
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal that can't show the bar's characters
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def is_terminal() -> bool:
    """Returns whether standard output is a terminal."""
    stream = sys.stdout
    return stream is not None and not getattr(stream, "closed", False) and stream.isatty()


def can_redraw() -> bool:
    """Returns whether what is written to standard output can be overwritten: not in a file, a pipe or a log.

    What keeps the output in memory gets what a terminal would get.
    """
    stream = sys.stdout
    if stream is None or getattr(stream, "closed", False):
        return False
    in_memory = isinstance(stream, io.StringIO) or isinstance(getattr(stream, "buffer", None), io.BytesIO)
    return in_memory or bool(getattr(stream, "isatty", lambda: False)())


class Display:
    """One output of a notebook's cell, whose text is replaced; a notebook that is exported has the last text."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str) -> None:
        """Shows a text in place of the one before."""
        data = {"text/plain": text}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def in_notebook() -> bool:
    """Returns whether the program runs in a notebook, whose front end shows HTML; False for IPython in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = getattr(ipython, "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def display_html(markup: str, text: str) -> None:
    """Shows HTML below the cell of a notebook that runs.

    Args:
        markup: The HTML.
        text: What front ends show that have no HTML.
    """
    from IPython.display import display

    display({"text/html": markup, "text/plain": text}, raw=True)
