"""Datasets beside Keras's, both reading the same made files: arrays, splits, files, URLs and hashes."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import io
import json
import pickle
import struct
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import addax
from addax.datasets import sources
from tests.file_server import FileServer

NAMES = ["boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"]
FUNCTIONS = [
    (name, function)
    for name in NAMES
    for function in ("load_data", "get_word_index", "get_label_names")
    if hasattr(getattr(keras.datasets, name), function)
]


def objects(sequences: list[list[int]]) -> np.ndarray:
    array = np.empty(len(sequences), dtype=object)
    array[:] = sequences
    return array


def texts(rng: np.random.RandomState, count: int) -> np.ndarray:
    return objects([rng.randint(1, 40, rng.randint(1, 9)).tolist() for _ in range(count)])


class Python2(pickle._Pickler):
    """Writes all strings as those of Python 2 are, which CIFAR's files were made by."""

    def _save_text(self, text: str | bytes) -> None:
        data = text.encode("latin-1") if isinstance(text, str) else text
        self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(text)

    dispatch = {**pickle._Pickler.dispatch, str: _save_text, bytes: _save_text}


def pickled(path: Path, **parts: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    Python2(file, 2).dump(parts)
    path.write_bytes(file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core."))


def made_files(folder: Path) -> None:
    """Makes a small file for each source, of the same layout as the real one."""
    rng = np.random.RandomState(0)
    images = lambda count: rng.randint(0, 256, (count, 28, 28)).astype("uint8")  # noqa: E731
    labels = lambda count: rng.randint(0, 10, count).astype("uint8")  # noqa: E731
    np.savez(folder / "mnist.npz", x_train=images(7), y_train=labels(7), x_test=images(3), y_test=labels(3))
    for part, count in (("train", 7), ("t10k", 3)):
        header = np.array([0x803, count, 28, 28], ">i4").tobytes()
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images(count).tobytes()))
        header = np.array([0x801, count], ">i4").tobytes()
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + labels(count).tobytes()))
    np.savez(
        folder / "imdb.npz",
        x_train=texts(rng, 40),
        y_train=rng.randint(0, 2, 40),
        x_test=texts(rng, 30),
        y_test=rng.randint(0, 2, 30),
    )
    np.savez(folder / "reuters.npz", x=texts(rng, 50), y=rng.randint(0, 46, 50))
    np.savez(folder / "boston_housing.npz", x=rng.rand(51, 13), y=rng.rand(51))
    np.savez(folder / "california_housing.npz", x=rng.rand(700, 8).astype("f4"), y=rng.rand(700).astype("f4"))
    for name in ("imdb", "reuters"):
        (folder / f"{name}_word_index.json").write_text(json.dumps({"the": 1, "é": 2}))
    for part, count in (("train", 5), ("test", 3)):
        pickled(
            folder / "cifar-100-python" / part,
            data=rng.randint(0, 256, (count, 3072)).astype("uint8"),
            fine_labels=rng.randint(0, 100, count).tolist(),
            coarse_labels=rng.randint(0, 20, count).tolist(),
        )
    for number in range(1, 7):
        # Keras reads 10,000 images a file, whatever it holds; one image is repeated by it.
        part = "test_batch" if number == 6 else f"data_batch_{number}"
        count = 10_000 if number == 6 else 1
        pickled(
            folder / "cifar-10-batches-py" / part,
            data=rng.randint(0, 256, (count, 3072)).astype("uint8"),
            labels=rng.randint(0, 10, count).tolist(),
        )
    for archive, inside in (("cifar-10-python", "cifar-10-batches-py"), ("cifar-100-python", "cifar-100-python")):
        with tarfile.open(folder / f"{archive}.tar.gz", "w:gz", compresslevel=0) as tar:
            tar.add(folder / inside, arcname=inside)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    made_files(folder)
    return folder


@pytest.fixture
def load(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Any]]:
    """Calls a function of both packages; Keras reads the made files at once, addax fetches them from a server."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with FileServer(made) as server:
        for name in sources.SOURCES:
            digest = hashlib.sha256((made / name).read_bytes()).hexdigest()
            monkeypatch.setitem(sources.SOURCES, name, (server.url(), digest))

        def call(dataset: str, function: str = "load_data", **arguments: Any) -> tuple[Any, Any]:
            theirs = getattr(getattr(keras.datasets, dataset), function)
            monkeypatch.setattr(sys.modules[theirs.__module__], "get_file", lambda *a, **k: _made(made, *a, **k))
            return theirs(**arguments), getattr(getattr(addax.datasets, dataset), function)(**arguments)

        yield call


def _made(folder: Path, fname: str, origin: str, extract: bool = False, **_: Any) -> str:
    return str(folder if extract else folder / origin.rpartition("/")[2])


def check_equal(theirs: Any, ours: Any) -> None:
    for (xk, yk), (xa, ya) in zip(theirs, ours, strict=True):
        assert xk.dtype == xa.dtype and yk.dtype == ya.dtype
        if xk.dtype == object:  # Keras makes a matrix where all lists happen to be of one length
            assert [list(row) for row in xk] == list(xa) and xa.ndim == 1
        else:
            np.testing.assert_array_equal(xk, xa, strict=True)
        np.testing.assert_array_equal(yk, ya, strict=True)


TEXTS = [
    {},
    {"num_words": 20},
    {"num_words": 20, "skip_top": 5},
    {"maxlen": 7},
    {"maxlen": 7, "num_words": 12, "oov_char": 99},
    {"oov_char": None, "num_words": 20},
    {"start_char": None},
    {"start_char": 0, "index_from": 5},
    {"start_char": None, "index_from": None},
    {"index_from": 0},
    {"seed": 7},
]


@pytest.mark.parametrize("arguments", TEXTS, ids=str)
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_texts(name: str, arguments: dict[str, Any], load: Callable) -> None:
    check_equal(*load(name, **arguments))


@pytest.mark.parametrize("test_split", [0.0, 0.1, 0.33, 0.5, 0.99])
@pytest.mark.parametrize("seed", [113, 4])
def test_splits(test_split: float, seed: int, load: Callable) -> None:
    for name in ("boston_housing", "california_housing", "reuters"):
        check_equal(*load(name, test_split=test_split, seed=seed))
    check_equal(*load("california_housing", version="small", test_split=test_split, seed=seed))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar100"])
def test_images(name: str, load: Callable) -> None:
    check_equal(*load(name))


def test_labels_of_cifar100(load: Callable) -> None:
    check_equal(*load("cifar100", label_mode="coarse"))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_cifar10(data_format: str, load: Callable) -> None:
    try:
        keras.config.set_image_data_format(data_format)
        addax.config.set_image_data_format(data_format)
        theirs, ours = load("cifar10")
        check_equal(*load("cifar100"))
    finally:
        keras.config.set_image_data_format("channels_last")
        addax.config.set_image_data_format("channels_last")
    check_equal(theirs[1:], ours[1:])
    np.testing.assert_array_equal(theirs[0][0][::10_000], ours[0][0], strict=True)
    np.testing.assert_array_equal(theirs[0][1][::10_000], ours[0][1], strict=True)


def test_words_and_topics(load: Callable) -> None:
    for name in ("imdb", "reuters"):
        theirs, ours = load(name, "get_word_index")
        assert theirs == ours == {"the": 1, "é": 2}
    assert keras.datasets.reuters.get_label_names() == addax.datasets.reuters.get_label_names()


@pytest.mark.parametrize("name,function", FUNCTIONS)
def test_signatures(name: str, function: str) -> None:
    theirs, ours = (
        inspect.signature(getattr(getattr(module.datasets, name), function)).parameters for module in (keras, addax)
    )
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]


@pytest.mark.parametrize("name,function", [f for f in FUNCTIONS if f[1] != "get_label_names"])
def test_urls_and_hashes(name: str, function: str, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ask for the same files, in the same places, with the same hashes."""
    asked: list[list[tuple]] = []
    for package in (keras, addax):
        load = getattr(getattr(package.datasets, name), function)
        calls: list[tuple] = []
        asked.append(calls)

        def record(fname: str, origin: str, *, calls: list[tuple] = calls, **options: Any) -> str:
            options = {"cache_subdir": "datasets", "extract": False, "file_hash": None, **options}
            calls.append((fname, origin, sorted(options.items())))
            return _made(made, fname, origin, options["extract"])

        monkeypatch.setattr(sources if package is addax else sys.modules[load.__module__], "get_file", record)
        load()
    assert sorted(asked[0]) == sorted(asked[1]) and asked[0]


@pytest.mark.parametrize(
    "name,arguments",
    [
        ("boston_housing", {"test_split": 1}),
        ("california_housing", {"test_split": -0.1}),
        ("california_housing", {"version": "tiny"}),
        ("cifar100", {"label_mode": "x"}),
        ("imdb", {"maxlen": 1}),
    ],
)
def test_mistakes(name: str, arguments: dict[str, Any], load: Callable) -> None:
    with pytest.raises(ValueError) as theirs:
        load(name, **arguments)
    with pytest.raises(ValueError) as ours:
        getattr(addax.datasets, name).load_data(**arguments)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("name", ["imdb", "cifar100"])
def test_files_that_would_run_code(name: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (tmp_path.joinpath("ran").touch, ())

    if name == "imdb":
        np.savez(tmp_path / "imdb.npz", x_train=objects([Evil()]), y_train=np.zeros(1))
    else:
        (tmp_path / "cifar-100-python").mkdir()
        (tmp_path / "cifar-100-python" / "train").write_bytes(pickle.dumps({b"data": Evil()}))
    monkeypatch.setattr(sources, "get_file", lambda *a, **k: _made(tmp_path, "", a[1], k["extract"]))
    with pytest.raises(ValueError, match=r"The file is unsafe: it names .*, which is no plain data"):
        getattr(addax.datasets, name).load_data()
    assert not (tmp_path / "ran").exists()
