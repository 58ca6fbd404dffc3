"""Files of the datasets: where they come from, their hashes, and how they are read."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from ..utils.downloads import get_file

Splits: TypeAlias = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_GOOGLE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

# File name -> URL and hash; nobody has published hashes of Fashion-MNIST's files.
SOURCES: dict[str, tuple[str, str | None]] = {
    "mnist.npz": (_GOOGLE, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    "train-labels-idx1-ubyte.gz": (_GOOGLE, None),
    "train-images-idx3-ubyte.gz": (_GOOGLE, None),
    "t10k-labels-idx1-ubyte.gz": (_GOOGLE, None),
    "t10k-images-idx3-ubyte.gz": (_GOOGLE, None),
    "cifar-10-python.tar.gz": (_TORONTO, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
    "cifar-100-python.tar.gz": (_TORONTO, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"),
    "imdb.npz": (_GOOGLE, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    "imdb_word_index.json": (_GOOGLE, "bfafd718b763782e994055a2d397834f"),
    "reuters.npz": (_GOOGLE, "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    "reuters_word_index.json": (_GOOGLE, "4d44cc38712099c9e383dc6e5f11a921"),
    "california_housing.npz": (_GOOGLE, "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"),
    "boston_housing.npz": (_GOOGLE, "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"),
}


def fetch(source: str, name: str | None = None, folder: str = "datasets", extract: bool = False) -> Path:
    """Returns the path of a file of `SOURCES` in the cache, downloaded if it is missing.

    Args:
        source: Its name in `SOURCES`.
        name: Its name in the cache; the same when None.
        folder: Folder below the cache's.
        extract: Whether it is an archive to extract; then the folder of its contents is returned.
    """
    base, digest = SOURCES[source]
    return Path(get_file(name or source, base + source, file_hash=digest, cache_subdir=folder, extract=extract))


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file; those of Python objects only if the objects are plain data.

    Args:
        path: The file.

    Raises:
        ValueError: It holds an object of another kind, which may run code when it is read.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                arrays[name.removesuffix(".npy")] = _read_npy(io.BytesIO(member.read()))
    return arrays


def _read_npy(file: IO[bytes]) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        return np.asarray(read_pickle(file)).reshape(shape)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_pickle(file: IO[bytes], **options: Any) -> Any:
    """Reads pickled plain data: numbers, strings, containers and NumPy arrays.

    Args:
        file: Open file.
        **options: Of `pickle.Unpickler`.

    Raises:
        ValueError: It names anything else, which may run code when it is read.
    """
    return _Unpickler(file, **options).load()


class _Unpickler(pickle.Unpickler):
    """Reads what NumPy writes for arrays, and refuses all other classes and functions."""

    def find_class(self, module: str, name: str) -> Any:
        found = _PICKLED.get((module.replace("numpy.core", "numpy._core"), name))
        if found is None:
            raise ValueError(f"The file is unsafe: it names {module}.{name}, which is no plain data.")
        return found


_PICKLED: Mapping[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "scalar"): np.float64(0).__reduce__()[0],
    ("numpy._core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
}


def split_at(x: np.ndarray, y: np.ndarray, test_split: float) -> Splits:
    """Splits arrays into training and test data, without changing their order.

    Args:
        x, y: Arrays with rows along the first axis.
        test_split: Fraction of the rows that are test data.
    """
    first = int(len(x) * (1 - test_split))
    return (x[:first], y[:first]), (x[first:], y[first:])


def shuffled(rng: np.random.RandomState, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows of two arrays in one new order.

    Args:
        rng: Source of the order.
        x, y: Arrays with rows along the first axis.
    """
    order = np.arange(len(x))
    rng.shuffle(order)
    return x[order], y[order]


def housing(path: str, source: str, test_split: float, seed: int | None, rows: int | None = None) -> Splits:
    """Returns the shuffled data of a housing dataset.

    Args:
        path: Name in the cache.
        source: Name in `SOURCES`.
        test_split: Fraction of the rows that are test data, in [0, 1).
        seed: Seed of the order.
        rows: Number of rows of the file to use; all when None.

    Raises:
        ValueError: `test_split` is out of range.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive of 1).")
    data = read_npz(fetch(source, path))
    return split_at(*shuffled(np.random.RandomState(seed), data["x"][:rows], data["y"][:rows]), test_split)
