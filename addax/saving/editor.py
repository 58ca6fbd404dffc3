"""Editor of files of weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from ..core.reading import DamagedError, reading
from ..core.types import ArrayLike, Config
from ..layers.layer import Layer
from . import archive, weights
from .hdf5 import Arrays, Reader, Writer


class KerasFileEditor:
    """Shows, changes and writes the weights in a `.keras` or `.weights.h5` file, e.g. after a change of architecture.

    Args:
        filepath: Path of the file.

    Attributes:
        weights_dict: The arrays in nested dicts, by the parts of their objects' paths.
        config: The config in a `.keras` file; None for files of weights.
        metadata: The metadata in a `.keras` file; None for files of weights.

    Raises:
        ValueError: The path has another ending, or the file is damaged.

    >>> import tempfile; path = tempfile.mkdtemp() + "/m.weights.h5"
    >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(path)
    >>> editor = keras.saving.KerasFileEditor(path)
    Keras model file '...m.weights.h5'
    >>> editor.rename_object("dense", "first")
    >>> sorted(editor.weights_dict["layers"]["first"])
    ['0', '1']
    """

    def __init__(self, filepath: str | os.PathLike):
        path = os.fspath(filepath)
        if not path.endswith((".keras", ".weights.h5")):
            raise ValueError(
                f"Invalid filename: expected a `.keras` `.weights.h5` extension. Received: filepath={filepath}"
            )
        self.filepath = path
        self.config: Config | None = None
        self.metadata: dict[str, Any] | None = None
        self.weights_dict: dict[str, Any] = {}
        print(f"Keras model file '{path}'")
        with reading(f"the file {path}"):
            self._open(path)

    def _open(self, path: str) -> None:
        if path.endswith(".keras"):
            with archive.opened(path) as opened:
                folder = opened.folder
                self.config, self.metadata = (_json(folder, name) for name in (archive.CONFIG, archive.METADATA))
                if opened.weights is None:
                    raise DamagedError(f"There is no member `{archive.WEIGHTS}`.")
                self._read(opened.checked())
            if self.metadata is not None:
                print(
                    f"Saved with Keras {self.metadata.get('keras_version')} - date: {self.metadata.get('date_saved')}"
                )
        else:
            self._read(path)

    def _read(self, path: str | BinaryIO) -> None:
        with Reader(path) as reader:
            for place in reader.left():
                self._at(place, make=True).update(reader.get(place))
            reader.check()

    def _at(self, path: str, make: bool = False) -> dict[str, Any]:
        """Returns the dict of the object at `path`; raises ValueError where there is none."""
        found = self.weights_dict
        for part in filter(None, path.split("/")):
            if make:
                found = found.setdefault(part, {})
            elif isinstance(found.get(part), dict):
                found = found[part]
            else:
                raise ValueError(f"Path '{path}' not found in model.")
        return found

    def _parent_of(self, name: str) -> tuple[dict[str, Any], str]:
        """Returns the dict that holds an object, and its key in it.

        Args:
            name: Path of the object, or its last part where only one object has it.
        """
        places = [
            (parent, key, path)
            for parent, key, path in _objects(self.weights_dict, "")
            if name in (path, path.rpartition("/")[2])
        ]
        if not places:
            raise ValueError(
                f"Source name '{name}' does not appear in the model. Use `editor.summary()` to list all objects."
            )
        exact = [place for place in places if place[2] == name]
        if len(places) > 1 and not exact:
            raise ValueError(
                f"Name '{name}' occurs multiple times in the model: {[p for _, _, p in places]}. Give the whole path."
            )
        parent, key, _ = (exact or places)[0]
        return parent, key

    def summary(self) -> None:
        """Prints the structure of the weights."""
        print("Weights structure")
        for line in _lines(self.weights_dict, "  "):
            print(line)

    def compare(self, reference_model: Layer) -> dict[str, Any]:
        """Compares the weights with those of a model and of its optimizer, and prints what differs.

        Args:
            reference_model: The model, built.

        Returns:
            Dict of `status` ("success" or "error"), `error_count`, in which a missing object is one error, and
            `match_count`, the number of weights that fit.
        """
        print("Running comparison")
        problems, matches = _differences(_of_model(reference_model), self.weights_dict, "")
        for problem in problems:
            print(problem)
        print("─" * 21)
        count = len(problems)
        if count:
            what = f"{count} error{'s' if count > 1 else ''}"
            print(f"Found {what}: saved file is not compatible with the reference model")
        else:
            print("Comparison successful: saved file is compatible with the reference model")
            print(f"    Found {matches} matching weights")
        return {"status": "error" if count else "success", "error_count": count, "match_count": matches}

    def add_object(self, object_path: str, weights: dict[str, ArrayLike]) -> None:
        """Adds an object, e.g. a layer.

        Args:
            object_path: Its path; the object that holds it must be there.
            weights: Its arrays by name.

        Raises:
            ValueError: There is nothing to add it to.
        """
        parent, _, name = object_path.rpartition("/")
        self._at(parent)[name] = _as_arrays(weights)

    def add_weights(self, object_name: str, weights: dict[str, ArrayLike]) -> None:
        """Adds arrays to an object.

        Args:
            object_name: Path or name of the object.
            weights: The arrays by name.

        Raises:
            ValueError: There is no such object.
        """
        parent, key = self._parent_of(object_name)
        parent[key].update(_as_arrays(weights))

    def delete_object(self, object_name: str) -> None:
        """Removes an object.

        Args:
            object_name: Path or name of the object.

        Raises:
            ValueError: There is no such object.
        """
        parent, key = self._parent_of(object_name)
        del parent[key]

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Removes an array of an object.

        Args:
            object_name: Path or name of the object.
            weight_name: Name of the array.

        Raises:
            ValueError: There is no such object, or no such array.
        """
        parent, key = self._parent_of(object_name)
        if weight_name not in parent[key]:
            raise ValueError(
                f"Weight {weight_name} not found in object {object_name}. Weights found: {list(parent[key])}"
            )
        del parent[key][weight_name]

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Renames an object.

        Args:
            object_name: Path or name of the object.
            new_name: New name, without the path.

        Raises:
            ValueError: There is no such object.
        """
        parent, key = self._parent_of(object_name)
        renamed = {new_name if k == key else k: v for k, v in parent.items()}
        parent.clear()
        parent.update(renamed)

    def save(self, filepath: str | os.PathLike) -> None:
        """Writes the weights.

        Args:
            filepath: Path that ends in `.weights.h5`.

        Raises:
            ValueError: The path has another ending.
        """
        path = os.fspath(filepath)
        if not path.endswith(".weights.h5"):
            raise ValueError(
                f"Invalid `filepath` argument: expected a `.weights.h5` extension. Received: filepath={filepath}"
            )
        with Writer(path) as writer:
            for parent, key, place in _objects({"": self.weights_dict}, ""):
                arrays = {k: v for k, v in parent[key].items() if not isinstance(v, dict)}
                if arrays:
                    writer.add(place.lstrip("/"), place.rpartition("/")[2], arrays)

    def resave_weights(self, filepath: str | os.PathLike) -> None:
        """Writes the weights; see `save`.

        Args:
            filepath: Path of the new file.
        """
        self.save(filepath)


def _json(folder: str, name: str) -> Any:
    return archive.read_member(folder, name)


def _as_arrays(values: dict[str, ArrayLike]) -> Arrays:
    return {name: np.asarray(value) for name, value in values.items()}


def _objects(tree: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yields the dict that holds each object, its key, and its path."""
    for key, value in tree.items():
        if isinstance(value, dict):
            place = f"{path}/{key}" if path else key
            yield tree, key, place
            yield from _objects(value, place)


def _differences(wanted: dict[str, Any], found: dict[str, Any], path: str) -> tuple[list[str], int]:
    """Returns what differs between the arrays of a model and those of a file, and how many of them fit."""
    problems: list[str] = []
    matches = 0
    for key in [*wanted, *(k for k in found if k not in wanted)]:
        place = f"{path}/{key}"
        model, file = wanted.get(key), found.get(key)
        if model is None or file is None or isinstance(model, dict) != isinstance(file, dict):
            sides = ["reference model", "saved file"]
            present, missing = sides if file is None or isinstance(model, dict) else sides[::-1]
            item = next((x for x in (model, file) if isinstance(x, dict)), None)
            kind = "Weight" if item is None else "Object"
            problems.append(f"...{kind} {place} present in {present}, missing from {missing}")
            if item is not None:
                problems[-1] += f"\n    In {present}, {place} contains the following keys: {sorted(item)}"
        elif isinstance(model, dict):
            inner, fitting = _differences(model, file, place)
            problems += inner
            matches += fitting
        elif model.shape != file.shape:
            problems.append(
                f"...Weight shape mismatch for {place}\n    In reference model: shape={model.shape}\n"
                f"    In saved file: shape={file.shape}"
            )
        else:
            matches += 1
    return problems, matches


def _lines(tree: dict[str, Any], indent: str) -> Iterator[str]:
    for i, (key, value) in enumerate(tree.items()):
        last = i == len(tree) - 1
        mark = indent + ("> " if indent == "  " and not i else "└─ " if last else "├─ ")
        if isinstance(value, dict):
            yield f"{mark}{key}"
            yield from _lines(value, indent + ("    " if last else "│   "))
        else:
            yield f"{mark}{key}: shape={tuple(value.shape)}, dtype={value.dtype}"


class _Collector:
    """Takes the place of a file that weights are written to."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}

    def add(self, path: str, name: str, arrays: Arrays, named: object = None) -> None:
        if not arrays:
            return
        found = self.tree
        for part in filter(None, path.split("/")):
            found = found.setdefault(part, {})
        found.update(_as_arrays(arrays))


def _of_model(model: Layer) -> dict[str, Any]:
    collector = _Collector()
    weights.save(model, collector)  # type: ignore[arg-type]
    return collector.tree
