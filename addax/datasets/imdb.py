"""IMDB: reviews of films, good or bad."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.warnings import warn
from .sequences import choose_words, read_word_index
from .sources import Splits, fetch, read_npz, shuffled


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int | None = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> Splits:
    """Loads the IMDB reviews: 50,000 texts on films as lists of word indices, half of them positive.

    Words are numbered by their frequency: the most frequent one has the index 1 + `index_from`. 0 is left for padding.

    Args:
        path: Name of the file in the folder `datasets` of the cache.
        num_words: Only indices below it are kept; others become `oov_char`. None for all.
        skip_top: Indices below it become `oov_char`.
        maxlen: Sequences of this length and longer are left out; None for all.
        seed: Seed of the order of the reviews.
        start_char: Index at the start of each sequence; None for none.
        oov_char: Index that replaces words; None to leave them out.
        index_from: Number added to each word's index.
        **kwargs: `nb_words`, the former name of `num_words`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of 25,000 lists of integers, and int64 labels, 1 for
        positive reviews.

    Raises:
        ValueError: No sequence is shorter than `maxlen`.
        OSError: The file is not in the cache and could not be fetched.

    Source: https://ai.stanford.edu/~amaas/data/sentiment/.

    >>> (x, y), _ = keras.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP
    """
    if "nb_words" in kwargs:
        warn("The `nb_words` argument in `load_data` has been renamed `num_words`.")
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"imdb.load_data() got unexpected keyword arguments {sorted(kwargs)}.")
    data = read_npz(fetch("imdb.npz", path))
    rng = np.random.RandomState(seed)
    train = shuffled(rng, data["x_train"], data["y_train"])
    test = shuffled(rng, data["x_test"], data["y_test"])
    first, second = choose_words([train, test], num_words, skip_top, maxlen, start_char, oov_char, index_from)
    return first, second


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Returns the index of each word of the IMDB reviews, without the `index_from` of `load_data`.

    Args:
        path: Name of the file in the folder `datasets` of the cache.

    Returns:
        Dictionary of 88,584 words; the most frequent one has the index 1.

    Raises:
        OSError: The file is not in the cache and could not be fetched.

    >>> words = keras.datasets.imdb.get_word_index()  # doctest: +SKIP
    """
    return read_word_index("imdb_word_index.json", path)
