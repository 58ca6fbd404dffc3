"""Initial weights every implementation starts from: drawn by NumPy from the position, name and shape of each weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Spec = tuple[str, tuple[int, ...]]  # name and shape of a weight, as in Keras

_CONSTANT = {"bias": 0.0, "beta": 0.0, "moving_mean": 0.0, "gamma": 1.0, "moving_variance": 1.0}


def draw(specs: Iterable[Spec]) -> list[np.ndarray]:
    """The weights for `specs`, in Keras's order of `model.weights`."""
    found = []
    for position, (name, shape) in enumerate(specs):
        if name in _CONSTANT:
            found.append(np.full(shape, _CONSTANT[name], "float32"))
            continue
        rows = 9 if name == "depthwise_kernel" else 400 if name == "embeddings" else int(np.prod(shape[:-1]))
        normal = np.random.default_rng([7, position]).standard_normal(shape, "float32")
        found.append((normal / np.sqrt(rows)).astype("float32"))
    return found


def of_model(model: Any) -> list[np.ndarray]:
    """The weights for a model of Keras or addax."""
    return draw((v.name, tuple(v.shape)) for v in model.weights)


# Specs of Keras's layers, for code by hand.


def dense(rows: int, units: int) -> list[Spec]:
    return [("kernel", (rows, units)), ("bias", (units,))]


def conv(size: int, channels: int, filters: int) -> list[Spec]:
    return [("kernel", (size, size, channels, filters)), ("bias", (filters,))]


def batch_norm(channels: int) -> list[Spec]:
    return [(name, (channels,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")]


def layer_norm(size: int) -> list[Spec]:
    return [("gamma", (size,)), ("beta", (size,))]


def attention(size: int, heads: int) -> list[Spec]:
    each = size // heads
    projection: list[Spec] = [("kernel", (size, heads, each)), ("bias", (heads, each))]
    return projection * 3 + [("kernel", (heads, each, size)), ("bias", (size,))]


def recurrent(inputs: int, units: int, gates: int, bias_rows: int = 1) -> list[Spec]:
    bias = (gates * units,) if bias_rows == 1 else (bias_rows, gates * units)
    return [("kernel", (inputs, gates * units)), ("recurrent_kernel", (units, gates * units)), ("bias", bias)]
