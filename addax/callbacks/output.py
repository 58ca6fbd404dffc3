"""How callbacks speak to the person at the terminal."""

from __future__ import annotations

import logging
import sys

from ..core.config import is_interactive_logging_enabled


def print_msg(message: str, line_break: bool = True) -> None:
    """Writes to the terminal at once; to the log where interactive logging is off."""
    if not is_interactive_logging_enabled():
        logging.getLogger("addax").info(message)
        return
    text = f"{message}\n" if line_break else message
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:  # a terminal that can't show the bar's characters
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))
    sys.stdout.flush()
