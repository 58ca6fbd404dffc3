"""Reading of untrusted files: JSON within limits, and errors that name the file."""

from __future__ import annotations

import errno
import json
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAX_JSON = 64 << 20  # bytes; the config of a network of 10,000 layers has about 10 MB
MAX_VALUES = 2_000_000  # each takes about 100 bytes of memory once parsed
MAX_DEPTH = 128  # each nested model takes four levels
MAX_DIGITS = 40

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


class DamagedError(ValueError, TypeError):
    """Raised when the content of a file or config is invalid. Scripts written for Keras catch either base class."""


def read_json(content: str | bytes, what: str) -> Any:
    """Returns the data in untrusted JSON.

    Args:
        content: The text; bytes are decoded as UTF-8.
        what: Name of its place, for errors: "`config.json` of the archive m.keras".

    Raises:
        DamagedError: It is not valid JSON, repeats a key in an object, or exceeds the limits of size and depth.

    >>> read_json('{"a": [1, 2]}', "the text")
    {'a': [1, 2]}
    """
    if len(content) > MAX_JSON:
        raise DamagedError(f"{what} has {len(content)} bytes; addax reads JSON of up to {MAX_JSON}.")
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise DamagedError(f"{what} is not UTF-8 text: {error}.") from None
    _check_size(text, what)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [k for k, _ in pairs]
            twice = next(k for k in keys if keys.count(k) > 1)
            raise DamagedError(f"{what} has the key {short(twice)} twice in one object.")
        return found

    def whole(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise DamagedError(f"{what} has a number of {len(digits)} digits.")
        return int(digits)

    try:
        return json.loads(text, object_pairs_hook=unique, parse_int=whole)
    except json.JSONDecodeError as error:
        raise DamagedError(f"{what} is not JSON, or a part of it is missing: {error}.") from None


def _check_size(text: str, what: str) -> None:
    """Raises an error if JSON has too many values or levels, before it is parsed."""
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MAX_VALUES:
        raise DamagedError(f"{what} has about {values} values; addax reads JSON of up to {MAX_VALUES}.")
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise DamagedError(f"{what} is nested more than {MAX_DEPTH} levels deep.")


def check_values(data: Any, what: str) -> Any:
    """Returns `data` after checking its numbers of values and levels; a shared part counts each time it occurs.

    Args:
        data: Nested lists and dicts.
        what: Their name, for errors.

    Raises:
        DamagedError: A limit is exceeded.
    """
    count, stack = 0, [(data, 0)]
    while stack:
        value, depth = stack.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise DamagedError(f"{what} has more than {MAX_VALUES} values, or more than {MAX_DEPTH} levels.")
        if isinstance(value, (dict, list, tuple)):
            stack += [(v, depth + 1) for v in (value.values() if isinstance(value, dict) else value)]
    return data


def short(value: object) -> str:
    """Returns the `repr` of a value, cut if it is long."""
    text = repr(value)
    return text if len(text) < 200 else text[:197] + "..."


def _raw_errors() -> tuple[type[Exception], ...]:
    """Returns the classes of errors that escape from parsers on malformed content."""
    import zipfile  # takes a while, and building a model needs no archives

    of_python = (LookupError, AttributeError, ArithmeticError, AssertionError, EOFError, MemoryError, RuntimeError)
    return *of_python, ValueError, TypeError, struct.error, zipfile.BadZipFile, zlib.error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Makes errors inside the context name the file that is read. Internal errors of parsers become a DamagedError.

    Args:
        what: Name of the file.

    Raises:
        DamagedError: A parser failed on the content.
    """
    try:
        yield
    except _raw_errors() as error:
        if type(error) not in (ValueError, TypeError, DamagedError):
            text = f"T{what[1:]} can't be read: it is damaged, or was not written by Keras or addax."
            raise DamagedError(f"{text} ({type(error).__name__}: {short_text(error)})") from error
        if what.removeprefix("the file ") not in str(error):
            error.args = (f"{error} (In {what}.)",)
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # of the system: no such file, no permission, a full disk
            raise
        raise DamagedError(f"T{what[1:]} is damaged: {short_text(error)}") from error


def short_text(error: BaseException) -> str:
    """Returns the message of an error, cut if it is long."""
    text = str(error)
    return text if len(text) < 600 else text[:597] + "..."
