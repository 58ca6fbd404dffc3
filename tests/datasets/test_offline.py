"""Datasets without a connection: what is needed, where, and what is used that is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import addax
from addax.datasets import sources

NOWHERE = "http://127.0.0.1:9/"
# Dataset, function, file as it is named in the cache, and in `SOURCES`.
FILES = [
    ("mnist", "load_data", "datasets/mnist.npz", "mnist.npz"),
    ("fashion_mnist", "load_data", "datasets/fashion-mnist/train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"),
    ("cifar10", "load_data", "datasets/cifar-10-batches-py-target_archive", "cifar-10-python.tar.gz"),
    ("cifar100", "load_data", "datasets/cifar-100-python-target_archive", "cifar-100-python.tar.gz"),
    ("imdb", "load_data", "datasets/imdb.npz", "imdb.npz"),
    ("imdb", "get_word_index", "datasets/imdb_word_index.json", "imdb_word_index.json"),
    ("reuters", "load_data", "datasets/reuters.npz", "reuters.npz"),
    ("reuters", "get_word_index", "datasets/reuters_word_index.json", "reuters_word_index.json"),
    ("california_housing", "load_data", "datasets/california_housing.npz", "california_housing.npz"),
    ("boston_housing", "load_data", "datasets/boston_housing.npz", "boston_housing.npz"),
]


@pytest.fixture(autouse=True)
def _no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name, (_, digest) in sources.SOURCES.items():
        monkeypatch.setitem(sources.SOURCES, name, (NOWHERE, digest))


@pytest.mark.parametrize("dataset,function,file,source", FILES)
def test_the_message_says_what_is_needed(dataset: str, function: str, file: str, source: str, tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        getattr(getattr(addax.datasets, dataset), function)()
    digest = sources.SOURCES[source][1]
    for part in (NOWHERE + source, str(tmp_path / file), digest or "its hash isn't known"):
        assert part in str(caught.value)


def test_a_file_put_there_by_hand_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    file = tmp_path / "datasets" / "boston_housing.npz"
    np.savez(file, x=np.arange(20.0).reshape(10, 2), y=np.arange(10.0))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(sources.SOURCES, "boston_housing.npz", (NOWHERE, digest))
    (x, y), (x_test, _) = addax.datasets.boston_housing.load_data()
    assert x.shape == (8, 2) and x_test.shape == (2, 2)
    np.testing.assert_array_equal(x[:, 0], 2 * y)


def test_unknown_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword arguments \['words'\]"):
        addax.datasets.imdb.load_data(words=3)
    with pytest.warns(UserWarning, match="has been renamed `num_words`"), pytest.raises(OSError):
        addax.datasets.imdb.load_data(nb_words=3)
