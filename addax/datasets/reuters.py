"""Reuters: newswires on 46 topics."""

from __future__ import annotations

import numpy as np

from .sequences import choose_words, read_word_index
from .sources import Splits, fetch, read_npz, shuffled, split_at


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> Splits:
    """Loads the Reuters newswires: 11,228 texts on 46 topics as lists of word indices.

    Words are numbered by their frequency: the most frequent one has the index 1 + `index_from`. 0 is left for padding.

    Args:
        path: Name of the file in the folder `datasets` of the cache.
        num_words: Only indices below it are kept; others become `oov_char`. None for all.
        skip_top: Indices below it become `oov_char`.
        maxlen: Sequences of this length and longer are left out; None for all.
        test_split: Fraction of the texts that are test data.
        seed: Seed of the order of the texts.
        start_char: Index at the start of each sequence; None for none.
        oov_char: Index that replaces words; None to leave them out.
        index_from: Number added to each word's index.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of integers, and int64 topics.

    Raises:
        ValueError: No sequence is shorter than `maxlen`.
        OSError: The file is not in the cache and could not be fetched.

    Source: https://martin-thoma.com/nlp-reuters/.

    >>> (x, y), _ = keras.datasets.reuters.load_data(num_words=10000)  # doctest: +SKIP
    """
    data = read_npz(fetch("reuters.npz", path))
    texts = shuffled(np.random.RandomState(seed), data["x"], data["y"])
    (chosen,) = choose_words([texts], num_words, skip_top, maxlen, start_char, oov_char, index_from)
    return split_at(*chosen, test_split)


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Returns the index of each word of the Reuters newswires, without the `index_from` of `load_data`.

    Args:
        path: Name of the file in the folder `datasets` of the cache.

    Returns:
        Dictionary of 30,979 words; the most frequent one has the index 1.

    Raises:
        OSError: The file is not in the cache and could not be fetched.

    >>> words = keras.datasets.reuters.get_word_index()  # doctest: +SKIP
    """
    return read_word_index("reuters_word_index.json", path)


def get_label_names() -> tuple[str, ...]:
    """Returns the topics, in the order of their labels.

    >>> keras.datasets.reuters.get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())


_TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber
heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""
