"""Text on the host: strings of arrays, standardizing, splitting, n-grams.

Between these steps a text is `bytes` in UTF-8 where the step is one of the built-in ones, as they concern ASCII alone
and bytes are translated and split fastest, and `str` where the user's functions make it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .host import host_array

Text = str | bytes

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_LOWER = bytes(range(256)).lower()
# Name of a standardization -> the table and the bytes to delete of `bytes.translate`. Letters outside ASCII stay.
STANDARDIZATIONS: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
}
SPLITS = ("whitespace", "character")
_BETWEEN, _BETWEEN_STR = b"\xff", "\udcff"  # occurs in no text in UTF-8; its `str` with the handler "surrogateescape"
_SPACES = np.isin(np.arange(256), [*b" \t\n\r\x0b\x0c", *_BETWEEN])


@dataclass(frozen=True)
class Tokens:
    """The tokens of several texts.

    Attributes:
        flat: The tokens of all texts, in order. One list of strings is made and collected much faster than many.
        lengths: The number of tokens of each text.
    """

    flat: list[Any]
    lengths: np.ndarray

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Text]]) -> Tokens:
        """Makes tokens of the list of each text's."""
        return cls(list(itertools.chain.from_iterable(rows)), np.fromiter(map(len, rows), np.int64, len(rows)))

    def rows(self) -> list[list[Text]]:
        """Returns the list of each text's tokens."""
        ends = np.cumsum(self.lengths).tolist()
        return [self.flat[end - length : end] for end, length in zip(ends, self.lengths.tolist())]

    @property
    def row_numbers(self) -> np.ndarray:
        """The number of the text of each token."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


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


def is_utf8(encoding: str) -> bool:
    """Tests whether an encoding is UTF-8, under any of its names."""
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"


def encoded(strings: Iterable[Text], encoding: str = "utf-8") -> list[bytes]:
    """Returns strings as bytes in UTF-8.

    Args:
        strings: The strings.
        encoding: Encoding of those that are bytes.
    """
    if is_utf8(encoding):
        return [s if isinstance(s, bytes) else _in_utf8(s) for s in strings]
    return [_in_utf8(s.decode(encoding) if isinstance(s, bytes) else s) for s in strings]


def _in_utf8(s: str) -> bytes:
    try:
        return s.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that doesn't stand for a byte
        return s.encode("utf-8", "surrogatepass")


def decoded(strings: Iterable[Text], encoding: str = "utf-8") -> list[str]:
    """Returns strings as `str`; bytes that are wrong in the encoding become U+FFFD."""
    return [s.decode(encoding, "replace") if isinstance(s, bytes) else str(s) for s in strings]


def _joined(texts: Sequence[Text]) -> bytes | None:
    """Returns texts in UTF-8 with separators between them; None where a text holds bytes like the separator."""
    joined: bytes | None = None
    if not any(isinstance(text, bytes) for text in texts):
        try:
            joined = _BETWEEN_STR.join(texts).encode("utf-8", "surrogateescape")  # type: ignore[arg-type]
        except UnicodeEncodeError:
            joined = None
    if joined is None:
        joined = _BETWEEN.join(encoded(texts))
    return joined if joined.count(_BETWEEN) == len(texts) - 1 else None


def standardized(texts: Sequence[Text], how: str | None) -> list[Any]:
    """Applies one of the built-in standardizations to texts."""
    if how is None or not texts:
        return list(texts)
    table, delete = STANDARDIZATIONS[how]
    joined = _joined(texts)
    if joined is None:
        return [text.translate(table, delete) for text in encoded(texts)]
    return joined.translate(table, delete).split(_BETWEEN)


def standardized_by(function: Callable, texts: Sequence[Text], shape: tuple) -> list[Text]:
    """Applies a user's standardization to texts in an array of dtype `str` and of this shape."""
    found = function(np.array(decoded(texts), dtype=str).reshape(shape))
    return host_array(found).ravel().tolist()


def split_characters(texts: Sequence[Text]) -> Tokens:
    """Splits texts at each character."""
    return Tokens.of_rows([list(text) for text in decoded(texts)])


def split_words(texts: Sequence[Text], how: str | None) -> Tokens:
    """Splits texts at ASCII whitespace, after one of the built-in standardizations.

    Args:
        texts: The texts.
        how: Name of the standardization, or None.
    """
    table, delete = (None, b"") if how is None else STANDARDIZATIONS[how]
    joined = _joined(texts) if texts else None
    if joined is None:
        return Tokens.of_rows([text.translate(table, delete).split() for text in encoded(texts)])
    joined = joined.translate(table, delete)
    # A word begins where no space is and one was before. The words of a text are those that begin before its end.
    array = np.frombuffer(joined, np.uint8)
    is_space = _SPACES[array]
    begins = np.flatnonzero(~is_space & np.concatenate([[True], is_space[:-1]]))
    ends = np.searchsorted(begins, np.flatnonzero(array == _BETWEEN[0]))
    lengths = np.diff(ends, prepend=0, append=len(begins))
    return Tokens(joined.replace(_BETWEEN, b" ").split(), lengths)


def split_by(function: Callable, texts: Sequence[Text]) -> Tokens:
    """Applies a user's split to texts in an array of dtype `str`, `(count,)`; it returns the tokens of each."""
    found = function(np.array(decoded(texts), dtype=str))
    if hasattr(found, "to_list"):  # a ragged tensor of TensorFlow
        found = found.to_list()
    rows = [list(row) if isinstance(row, (list, tuple)) else host_array(row).ravel().tolist() for row in found]
    return Tokens.of_rows(rows)


def with_ngrams(tokens: Tokens, widths: Sequence[int]) -> Tokens:
    """Replaces the tokens of each text by its n-grams of these widths, tokens joined by a space; width by width."""

    def ngrams(row: list) -> list:
        found: list = []
        for width in widths:
            between: Any = b" " if row and isinstance(row[0], bytes) else " "
            found += row if width == 1 else map(between.join, zip(*(row[i:] for i in range(width))))
        return found

    return Tokens.of_rows([ngrams(row) for row in tokens.rows()])


def padded(lengths: np.ndarray, ids: np.ndarray, width: int | None) -> np.ndarray:
    """Returns the ids of texts as rows of one array, cut or with zeros after them.

    Args:
        lengths: The number of tokens of each text.
        ids: The ids of all tokens, flat.
        width: Length of the rows; that of the longest text when None.

    Returns:
        Array of shape `(len(lengths), width)` and dtype int64.
    """
    longest = int(lengths.max(initial=0))
    width = longest if width is None else width
    result = np.zeros((len(lengths), width), np.int64)
    if width < longest:
        starts = np.cumsum(lengths) - lengths
        ids = ids[np.arange(len(ids)) - np.repeat(starts, lengths) < width]
    result[np.arange(width) < lengths[:, None]] = ids
    return result
