"""Sequences of word indices: what the datasets of texts do with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from .sources import fetch

Part: TypeAlias = tuple[np.ndarray, np.ndarray]  # sequences and labels


def choose_words(
    parts: Sequence[Part],
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int | None,
) -> list[Part]:
    """Marks the start of sequences, leaves out long ones, and replaces words that are too rare or too frequent.

    Args:
        parts: Lists of word indices, the most frequent word first, and labels; one pair for each split.
        num_words: Words from this index on are replaced. None for the largest index, so that the rarest word is
            replaced, as in Keras.
        skip_top: Words below this index are replaced.
        maxlen: Only shorter sequences are kept; None for all.
        start_char: Index put before each sequence; None for none.
        oov_char: Index that replaces words; None to leave them out.
        index_from: Number added to each index.

    Returns:
        For each pair, a one-dimensional object array of lists, and labels.

    Raises:
        ValueError: A split has no sequence that is short enough.
    """
    first = [] if start_char is None else [start_char]
    shift = index_from or 0
    kept = []
    for x, y in parts:
        sequences = [first + [word + shift for word in sequence] for sequence in x]
        if maxlen:
            short = [i for i, sequence in enumerate(sequences) if len(sequence) < maxlen]
            if not short:
                raise ValueError(
                    f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. "
                    "Increase maxlen."
                )
            sequences, y = [sequences[i] for i in short], y[short]
        kept.append((sequences, y))
    limit = num_words or max((word for sequences, _ in kept for sequence in sequences for word in sequence), default=0)
    return [(_replace(sequences, skip_top, limit, oov_char), y) for sequences, y in kept]


def _replace(sequences: list[list[int]], low: int, high: int, oov_char: int | None) -> np.ndarray:
    """Replaces words that are not in [low, high), or leaves them out."""
    result = np.empty(len(sequences), dtype=object)
    for i, sequence in enumerate(sequences):
        if oov_char is None:
            result[i] = [word for word in sequence if low <= word < high]
        else:
            result[i] = [word if low <= word < high else oov_char for word in sequence]
    return result


def read_word_index(source: str, path: str) -> dict[str, int]:
    """Returns the index of each word.

    Args:
        source: Name in `SOURCES`.
        path: Name of the file in the cache.
    """
    return json.loads(fetch(source, path).read_text(encoding="utf-8"))
