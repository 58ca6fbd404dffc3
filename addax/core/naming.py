"""Names: automatic ones (`dense_1`), and the scopes that form paths (`model/dense_1/kernel`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TypeVar

from .config import thread

T = TypeVar("T")

_counts: Counter[str] = Counter()
_uids: Counter[str] = Counter()  # of `get_uid`


def to_snake_case(name: str) -> str:
    """Converts a class name to snake case, with the boundaries between words that Keras sees.

    >>> to_snake_case("Conv2DTranspose"), to_snake_case("ReLU"), to_snake_case("MyLayer"), to_snake_case("LSTMCell")
    ('conv2d_transpose', 're_lu', 'my_layer', 'lstm_cell')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Returns the next free name for `prefix` in this process: `dense`, `dense_1`, ..."""
    prefix = to_snake_case(prefix)
    count = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def path_matches(path: str, pattern: str) -> bool:
    """Returns whether a path, or its end from one of its names on, matches a pattern with `*`, `?` and `[...]`.

    >>> [path_matches("net/block/conv", pattern) for pattern in ("conv", "block/*", "*", "blo*", "net")]
    [True, True, True, True, False]
    """
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern}")


def entry_of(entries: Mapping[str, T], path: str, kind: str, owner: str, noun: str = "path") -> T | None:
    """Returns the entry of a path in a map: its own, or that of the pattern that matches it as a whole; else None.

    Args:
        entries: Path, or regular expression of paths -> entry.
        path: The path.
        kind, owner, noun: What errors call the entries, the map and the path.

    Raises:
        ValueError: Several patterns match.

    >>> entry_of({"encoder/.*": 1, "encoder/a": 2}, "encoder/a", "number", "map")
    2
    """
    if path in entries:
        return entries[path]
    found = [pattern for pattern in entries if re.fullmatch(pattern, path)]
    if len(found) > 1:
        raise ValueError(
            f"Path '{path}' matches multiple {kind} specification keys: {found}. Please make sure each {noun} only "
            f"matches at most one {kind} specification key in the {owner}."
        )
    return entries[found[0]] if found else None


def get_uid(prefix: str = "") -> int:
    """Returns the next number of `prefix` in this process, from 1.

    Args:
        prefix: Prefix of names.

    >>> get_uid("example"), get_uid("example")
    (1, 2)
    """
    _uids[prefix] += 1
    return _uids[prefix]


def reset() -> None:
    """Resets the numbering of automatic names."""
    _counts.clear()
    _uids.clear()


def numbering() -> tuple[Counter[str], Counter[str]]:
    """Returns a copy of the numbering of automatic names, for `set_numbering`."""
    return Counter(_counts), Counter(_uids)


def set_numbering(numbers: tuple[Counter[str], Counter[str]]) -> None:
    """Restores the numbering of automatic names.

    Args:
        numbers: The result of `numbering`.
    """
    reset()
    _counts.update(numbers[0])
    _uids.update(numbers[1])


@contextmanager
def name_scope(name: str, **kwargs: object) -> Iterator[None]:
    """Context manager within which the paths of new variables begin with `name`.

    Args:
        name: The first part of the paths.
        **kwargs: Ignored; for compatibility with Keras.

    >>> with name_scope("block"):
    ...     print(scoped("kernel"))
    block/kernel
    """
    del kwargs
    thread.name_scopes.append(name)
    try:
        yield
    finally:
        thread.name_scopes.pop()


@contextmanager
def name_scope_once(name: str) -> Iterator[None]:
    """Opens `name_scope`, unless the innermost scope has the same name."""
    if thread.name_scopes and thread.name_scopes[-1] == name:
        yield
    else:
        with name_scope(name):
            yield


def scoped(name: str) -> str:
    """Returns `name` prefixed with the current scopes."""
    return "/".join([*thread.name_scopes, name])
