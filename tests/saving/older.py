"""Writers of files in the forms of Keras 0.3 to 2.15, and what their layers compute, in NumPy and float64.

No Keras of that time is here: the forms are written by hand.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

Arrays = Sequence[tuple[str, np.ndarray]]


def values(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([*shape, seed]).normal(size=shape).astype("float32") / 2


def write_h5(
    path: Any,
    groups: Sequence[tuple[str, Arrays]],
    config: Any = None,
    version: str | None = None,
    backend: str | None = None,
    training: dict | None = None,
    optimizer: Arrays | None = None,
    as_bytes: bool = True,
) -> None:
    """Writes a legacy file of Keras 1 or newer: of a whole model if there is a config, else of weights alone."""

    def names(items: Sequence[str]) -> Any:
        return np.array([n.encode() for n in items] if as_bytes else list(items), "S" if as_bytes else object)

    def fill(group: Any, arrays: Arrays) -> None:
        group.attrs["weight_names"] = names([n for n, _ in arrays]) if arrays else np.zeros(0)
        for name, array in arrays:
            group[name] = array

    def text(value: Any) -> Any:
        return json.dumps(value).encode() if as_bytes else json.dumps(value)

    with h5py.File(path, "w") as file:
        root = file
        if config is not None:
            file.attrs["model_config"] = text(config)
            root = file.create_group("model_weights")
        for place in {file, root}:
            if version is not None:
                place.attrs["keras_version"] = version.encode()
            if backend is not None:
                place.attrs["backend"] = backend.encode()
        if training is not None:
            file.attrs["training_config"] = text(training)
        root.attrs["layer_names"] = names([n for n, _ in groups])
        for name, arrays in groups:
            fill(root.create_group(name), arrays)
        if optimizer is not None:
            fill(file.create_group("optimizer_weights"), optimizer)


def write_keras_0(path: Any, groups: Sequence[Sequence[np.ndarray]]) -> None:
    """Writes weights as Keras 0.3 did: groups and arrays by number."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(groups)
        for i, arrays in enumerate(groups):
            group = file.create_group(f"layer_{i}")
            group.attrs["nb_params"] = len(arrays)
            for j, array in enumerate(arrays):
                group[f"param_{j}"] = array


def write_archive(path: Any, config: dict, groups: dict[str, Sequence[np.ndarray]], version: str) -> None:
    """Writes a `.keras` file; group names may have backslashes."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, arrays in groups.items():
            group = file.create_group(name).create_group("vars")
            for i, array in enumerate(arrays):
                group[str(i)] = array
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2023-05-01@12:00:00"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", content.getvalue())


# What the layers compute


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(0.2 * x + 0.5, 0, 1)


def softmax(x: np.ndarray) -> np.ndarray:
    y = np.exp(x - x.max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def lstm(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, gate: Any = sigmoid) -> np.ndarray:
    """The last output of an LSTM whose gates are i, f, c, o."""
    units = recurrent.shape[0]
    h = c = np.zeros((len(x), units))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h


def gru(x: np.ndarray, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, gate: Any = sigmoid) -> np.ndarray:
    """The last output of a GRU whose gates are z, r, h and which resets before the matrix product."""
    units = recurrent.shape[0]
    h = np.zeros((len(x), units))
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias, 3, axis=1)
        uz, ur, uh = np.split(recurrent, 3, axis=1)
        z, r = gate(xz + h @ uz), gate(xr + h @ ur)
        h = z * h + (1 - z) * np.tanh(xh + (r * h) @ uh)
    return h


def correlate(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Correlation of images (rows, columns, channels) with a kernel (rows, columns, in, out), without padding."""
    rows, columns = kernel.shape[:2]
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    out = np.zeros((len(x), height, width, kernel.shape[3])) + bias
    for i in range(rows):
        for j in range(columns):
            out += x[:, i : i + height, j : j + width] @ kernel[i, j]
    return out
