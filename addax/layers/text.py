"""Text on the host: strings of arrays, standardizing, splitting, n-grams.

Between these steps a text is `bytes` in UTF-8 where the step is one of the built-in ones, as they concern ASCII alone
and bytes are translated and split fastest, and `str` where the user's functions make it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .host import host_array

Text = str | bytes
Rows = list[list[Text]]  # the tokens of each text

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_LOWER = bytes(range(256)).lower()
# Name of a standardization -> the table and the bytes to delete of `bytes.translate`. Letters outside ASCII stay.
STANDARDIZATIONS: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
}
SPLITS = ("whitespace", "character")
_BETWEEN = b"\xff"  # occurs in no text in UTF-8


def strings_of(array: np.ndarray, who: str) -> list[Text]:
    """Returns the strings of an array, flat.

    Args:
        array: Array of `str` or `bytes`, of their NumPy dtypes or dtype object.
        who: The layer, for the error.

    Raises:
        ValueError: An element is no string.
    """
    found = array.ravel().tolist()
    if array.dtype.kind in "US":
        return found
    kinds = set(map(type, found))
    if array.dtype.kind == "O" and all(issubclass(kind, (str, bytes)) for kind in kinds):
        return found
    if array.dtype.kind != "O" and found:
        raise ValueError(f"{who} takes strings. Received an array of dtype {array.dtype}.")
    if not found:
        return found
    at, wrong = next((i, v) for i, v in enumerate(found) if not isinstance(v, (str, bytes)))
    raise ValueError(
        f"{who} takes strings. Received {wrong!r} (of type {type(wrong).__name__}) at index {at}. Replace missing "
        "values before, e.g. by the empty string, and turn numbers into strings by `array.astype(str)`."
    )


def encoded(strings: Iterable[Text], encoding: str) -> list[bytes]:
    """Returns strings as bytes in UTF-8.

    Args:
        strings: The strings.
        encoding: Encoding of those that are bytes.
    """
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return [s if isinstance(s, bytes) else s.encode("utf-8", "surrogatepass") for s in strings]
    return [(s.decode(encoding) if isinstance(s, bytes) else s).encode("utf-8", "surrogatepass") for s in strings]


def decoded(strings: Iterable[Text], encoding: str = "utf-8") -> list[str]:
    """Returns strings as `str`; bytes that are wrong in the encoding become U+FFFD."""
    return [s.decode(encoding, "replace") if isinstance(s, bytes) else str(s) for s in strings]


def standardized(texts: list[bytes], how: str | None) -> list[bytes]:
    """Applies one of the built-in standardizations to texts."""
    if how is None or not texts:
        return texts
    table, delete = STANDARDIZATIONS[how]
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) != len(texts) - 1:  # some bytes are no UTF-8
        return [text.translate(table, delete) for text in texts]
    return joined.translate(table, delete).split(_BETWEEN)


def standardized_by(function: Callable, texts: Sequence[Text], shape: tuple, encoding: str) -> list[Text]:
    """Applies a user's standardization to texts in an array of dtype `str` and of this shape."""
    found = function(np.array(decoded(texts, encoding), dtype=str).reshape(shape))
    return host_array(found).ravel().tolist()


def split_texts(texts: list, how: str) -> Any:
    """Splits texts by one of the built-in splits, "whitespace" (of ASCII) or "character"."""
    if how == "whitespace":
        return [text.split() for text in encoded(texts, "utf-8")]
    return [list(text) for text in decoded(texts)]


def split_by(function: Callable, texts: Sequence[Text], encoding: str) -> Rows:
    """Applies a user's split to texts in an array of dtype `str`, `(count,)`; it returns the tokens of each."""
    found = function(np.array(decoded(texts, encoding), dtype=str))
    if hasattr(found, "to_list"):  # a ragged tensor of TensorFlow
        found = found.to_list()
    return [list(row) if isinstance(row, (list, tuple)) else host_array(row).ravel().tolist() for row in found]


def with_ngrams(rows: Rows, widths: Sequence[int]) -> Rows:
    """Replaces the tokens of each text by its n-grams of these widths, tokens joined by a space; width by width."""

    def ngrams(row: list) -> list:
        found: list = []
        for width in widths:
            between: Any = b" " if row and isinstance(row[0], bytes) else " "
            found += row if width == 1 else map(between.join, zip(*(row[i:] for i in range(width))))
        return found

    return [ngrams(row) for row in rows]


def padded(rows: Sequence[Sequence], ids: np.ndarray, width: int | None) -> np.ndarray:
    """Returns the ids of texts as rows of one array, with zeros after them.

    Args:
        rows: The tokens of each text, at most `width`.
        ids: Their ids, flat.
        width: Length of the rows; that of the longest when None.

    Returns:
        Array of shape `(len(rows), width)` and dtype int64.
    """
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    width = int(lengths.max(initial=0)) if width is None else width
    result = np.zeros((len(rows), width), np.int64)
    result[np.arange(width) < lengths[:, None]] = ids
    return result


def row_numbers(rows: Sequence[Sequence]) -> np.ndarray:
    """Returns the number of the row of each token."""
    return np.repeat(np.arange(len(rows)), np.fromiter(map(len, rows), np.int64, len(rows)))


def flat(rows: Rows) -> list[Text]:
    """Returns the tokens of all texts, in order."""
    return list(itertools.chain.from_iterable(rows))
