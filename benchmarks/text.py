"""TextVectorization beside scikit-learn's CountVectorizer, on the same sentences and tokens, by turns in one process.

python -m benchmarks.text
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

import addax as keras

TURNS = 7
SENTENCES = 100_000
WORDS = 20_000
BATCH = 1000


def sentences(count: int) -> list[str]:
    """Returns sentences of 5 to 25 words, drawn by Zipf's law, with capitals and punctuation."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = sorted({"".join(rng.choice(letters, rng.integers(2, 11))) for _ in range(WORDS)})
    rng.shuffle(words)
    lengths = rng.integers(5, 26, count)
    drawn = np.minimum(rng.zipf(1.3, lengths.sum()) - 1, len(words) - 1)
    found, start = [], 0
    for length in lengths:
        chosen = [words[i] for i in drawn[start : start + length]]
        start += length
        found.append(" ".join(chosen).capitalize().replace(" ", ", ", 1) + ".")
    return found


def by_turns(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Returns the median seconds of each function, run by turns."""
    took: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(TURNS + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            if turn:  # the first turn warms up
                took[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in took.items()}


def in_batches(function: Callable[[np.ndarray], Any], texts: np.ndarray) -> None:
    for start in range(0, len(texts), BATCH):
        function(texts[start : start + BATCH])


def main(count: int = SENTENCES) -> None:
    texts = np.array(sentences(count), dtype=object)
    counter = CountVectorizer().fit(texts)
    indices, counts = (
        keras.layers.TextVectorization(),
        keras.layers.TextVectorization(output_mode="count", max_tokens=1001),
    )
    indices.adapt(texts), counts.adapt(texts)
    assert set(indices.get_vocabulary()[2:]) == set(counter.vocabulary_), "the tokens differ"
    few = CountVectorizer(vocabulary=counts.get_vocabulary()[1:])
    np.testing.assert_array_equal(np.asarray(counts(texts[:100]))[:, 1:], few.transform(texts[:100]).toarray())
    compute = keras.layers.TextVectorization.call
    tasks: dict[str, dict[str, Callable[[], Any]]] = {
        "learn the vocabulary": {"ours": lambda: indices.adapt(texts), "theirs": lambda: CountVectorizer().fit(texts)},
        "look up all sentences": {"ours": lambda: indices(texts), "theirs": lambda: counter.transform(texts)},
        f"count {len(few.vocabulary)} words, {BATCH} sentences a batch": {
            "ours": lambda: in_batches(lambda part: compute(counts, part), texts),
            "theirs": lambda: in_batches(lambda part: few.transform(part).toarray(), texts),
        },
    }
    print(f"{len(texts):,} sentences, {len(counter.vocabulary_):,} words; milliseconds, medians of {TURNS} turns")
    print(f"{'':45} {'addax':>8} {'sklearn':>8} {'ratio':>6}")
    for name, runs in tasks.items():
        found = by_turns(runs)
        ours, theirs = 1e3 * found["ours"], 1e3 * found["theirs"]
        print(f"{name:45} {ours:8.0f} {theirs:8.0f} {ours / theirs:6.2f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
