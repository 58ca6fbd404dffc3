"""Vocabularies: tables from terms, strings or integers, to their indices, and what counts the terms of data."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.config import thread
from ..core.serialization import in_safe_mode
from .host import host_array
from .string_hashes import fingerprints, siphash
from .text import decoded, encoded

Term = str | int


class Vocabulary:
    """Terms in the order of their indices. It doesn't change: a layer whose vocabulary changes gets another one.

    Args:
        terms: The terms, without the special ones.
        first: Index of the first.
    """

    def __init__(self, terms: Sequence[Term], first: int):
        self.terms = terms
        self.first = first
        self._tables: dict[type, dict] = {}
        self._sorted: tuple[np.ndarray, np.ndarray] | None = None
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self.terms)

    @property
    def digest(self) -> str:
        """A hash of the terms."""
        if self._digest is None:
            self._digest = hashlib.sha256(repr(self.terms).encode("utf-8", "replace")).hexdigest()
        return self._digest

    def indices_of_text(self, strings: Sequence[str | bytes], encoding: str = "utf-8") -> np.ndarray:
        """Returns the indices of strings, -1 for those that are no terms.

        Args:
            strings: The strings, `bytes` or `str`.
            encoding: Encoding of `bytes`.
        """
        kinds = set(map(type, strings))
        if len(kinds) > 1 or (bytes in kinds and encoding != "utf-8"):
            strings, kinds = encoded(strings, encoding), {bytes}
        find = self._table(bytes if kinds == {bytes} else str).get
        return np.fromiter(map(find, strings, itertools.repeat(-1)), np.int64, len(strings))

    def _table(self, kind: type) -> dict:
        if kind not in self._tables:
            terms = self.terms if kind is str else encoded(self.terms, "utf-8")  # type: ignore[arg-type]
            self._tables[kind] = dict(zip(terms, range(self.first, self.first + len(terms))))
        return self._tables[kind]

    def indices_of_integers(self, integers: np.ndarray) -> np.ndarray:
        """Returns the indices of integers, -1 for those that are no terms."""
        if not len(self.terms):
            return np.full(integers.shape, -1, np.int64)
        if self._sorted is None:
            terms = np.asarray(self.terms, np.int64)
            order = np.argsort(terms, kind="stable")
            self._sorted = terms[order], order
        terms, order = self._sorted
        places = np.searchsorted(terms, integers)
        places[places == len(terms)] = 0
        return np.where(terms[places] == integers, order[places] + self.first, -1)

    def __deepcopy__(self, memo: dict) -> Vocabulary:
        return self


class TermCounts:
    """Counts of the terms of data, and of the documents that each occurs in.

    Args:
        documents: Whether to count documents, for inverse document frequencies.
    """

    def __init__(self, documents: bool):
        self.counts: Counter = Counter()
        self.in_documents: Counter | None = Counter() if documents else None
        self.documents = 0

    def add(self, terms: Sequence, documents: Callable[[], Iterable[Sequence]]) -> None:
        """Adds the terms of a batch.

        Args:
            terms: All terms.
            documents: Returns the terms of each document.
        """
        self.counts.update(terms)
        if self.in_documents is not None:
            for document in documents():
                self.documents += 1
                self.in_documents.update(set(document))

    def most_frequent(self, without: set, most: int | None) -> list:
        """Returns the terms by falling frequency, equally frequent ones in falling order.

        Args:
            without: Terms to leave out.
            most: Number of terms to return at most; None for all.
        """
        found = [(count, term) for term, count in self.counts.items() if term not in without]
        found.sort(reverse=True)
        return [term for _, term in found[: len(found) if most is None else max(most, 0)]]

    def inverse_frequencies(self, terms: Sequence) -> np.ndarray:
        """Returns `log(1 + documents / (1 + documents with the term))` for each term, float32."""
        assert self.in_documents is not None
        found = np.fromiter((self.in_documents[term] for term in terms), np.float64, len(terms))
        return np.log(1 + self.documents / (1 + found)).astype("float32")


def bucket(strings: Sequence[bytes], count: int, salt: Sequence[int] | None) -> np.ndarray:
    """Returns the hash of each string modulo `count`, int64: FarmHash, or SipHash with `salt` as its key."""
    hashes = fingerprints(strings) if salt is None else siphash(strings, (salt[0], salt[1]))
    return (hashes % np.uint64(count)).astype(np.int64)


def as_salt(salt: object, owner: str, size: str = "") -> list[int] | None:
    """Returns a salt as a list of two ints.

    Args:
        salt: An int, two ints, or None.
        owner: Class of the layer, for the error.
        size: What the error says of the tuple.

    Raises:
        ValueError: It is something else.
    """
    if salt is None:
        return None
    if isinstance(salt, (int, np.integer)) and not isinstance(salt, bool):
        return [int(salt), int(salt)]
    if isinstance(salt, (list, tuple)) and len(salt) == 2 and all(isinstance(s, (int, np.integer)) for s in salt):
        return [int(s) for s in salt]
    raise ValueError(
        f"The `salt` argument for `{owner}` can only be a tuple of {size}2 integers, or a single integer. Received: "
        f"salt={salt}."
    )


def read_terms(vocabulary: Any, of: type, encoding: str) -> list:
    """Returns the terms of a vocabulary.

    Args:
        vocabulary: A list, tuple or array of terms, or the path of a text file with one a line.
        of: `str` or `int`.
        encoding: Encoding of terms that are bytes, and of the file.

    Raises:
        ValueError: The file doesn't exist, or only a model's file names it, or a term is of another kind.
    """
    if isinstance(vocabulary, (str, os.PathLike)):
        path = os.fspath(vocabulary)
        if thread.read is not None and in_safe_mode():
            # A downloaded file would choose which file of this machine ends up in a model that is passed on.
            raise ValueError(
                f"Requested the loading of a vocabulary file outside of the model archive: {path!r}. This carries a "
                "potential risk of loading arbitrary and sensitive files and thus it is disallowed by default. If you "
                "trust the source of the model, pass `safe_mode=False` to the loading function. Models that addax "
                "saves have the terms in the archive."
            )
        if not os.path.exists(path):
            raise ValueError(f"Vocabulary file {path} does not exist.")
        vocabulary = read_lines(path, encoding)
        return [int(line) for line in vocabulary] if of is int else vocabulary
    if isinstance(vocabulary, (set, frozenset, dict)):
        raise ValueError(
            f"The terms of a vocabulary have an order: pass a list. Received a {type(vocabulary).__name__}."
        )
    if not isinstance(vocabulary, (list, tuple)):
        vocabulary = host_array(vocabulary).tolist()
    if of is int:
        try:
            return [int(term) for term in vocabulary]
        except (TypeError, ValueError):
            raise ValueError(f"The terms of the vocabulary must be integers. Received: {vocabulary!r:.200}") from None
    wrong = next((term for term in vocabulary if not isinstance(term, (str, bytes))), None)
    if wrong is not None:
        raise ValueError(
            f"The terms of the vocabulary must be strings. Received {wrong!r} (of type {type(wrong).__name__})."
        )
    return decoded(vocabulary, encoding)


def read_lines(path: str, encoding: str) -> list[str]:
    """Returns the lines of a text file; an empty line is the empty term, but for one after the last."""
    with open(path, encoding=encoding, newline="\n") as file:
        return [line.removesuffix("\n").removesuffix("\r") for line in file]


def write_lines(path: str, terms: Sequence[Term], encoding: str, owner: str) -> None:
    """Writes terms to a text file, one a line.

    Raises:
        ValueError: A term contains a line break.
    """
    lines = [str(term) for term in terms]
    broken = next((line for line in lines if "\n" in line or "\r" in line), None)
    if broken is not None:
        raise ValueError(
            f"{owner} can't be saved: its vocabulary has one term a line in files, and the term {broken!r} contains a "
            "line break."
        )
    with open(path, "w", encoding=encoding, newline="\n") as file:
        file.write("\n".join(lines))
