"""Preparation of images for networks, and reading of their predictions of ImageNet's classes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import numpy as np

from .. import ops
from ..core import config
from ..core.dtypes import floatx, is_float, numpy_dtype
from ..core.errors import describe
from ..core.types import ArrayLike
from .files import fetch

CLASSES = 1000
_INDEX = "download.tensorflow.org/data/imagenet_class_index.json"
# Of ImageNet's images, blue, green and red in [0, 255]; and red, green and blue in [0, 1].
_BGR_MEAN = (103.939, 116.779, 123.68)
RGB_MEAN, RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

PIXELS = {
    None: "Pixels are in [0, 255]: the model scales them itself, and `preprocess_input` returns its argument.",
    "caffe": "Inputs are `preprocess_input(pixels)`: pixels in [0, 255], blue first, less the mean of ImageNet.",
    "tf": "Inputs are `preprocess_input(pixels)`: pixels scaled from [0, 255] to [-1, 1].",
    "torch": "Inputs are `preprocess_input(pixels)`: pixels in [0, 1], normalized by ImageNet's mean and deviation.",
}


def preprocess_input(x: ArrayLike, data_format: str | None = None, mode: str = "caffe") -> ArrayLike:
    """Prepares images as the weights of a network expect them.

    Args:
        x: Images with RGB pixels in [0, 255], `(height, width, 3)` or `(batch, height, width, 3)`, or with the channels
            first: a NumPy array (which isn't changed) or a tensor, symbolic or not.
        data_format: "channels_last" or "channels_first"; None for the default.
        mode: "caffe" (blue first, less the mean of ImageNet), "tf" (scaled to [-1, 1]) or "torch" (scaled to [0, 1] and
            normalized by ImageNet's mean and standard deviation).

    Returns:
        Images of the shape of `x`, in its dtype if that is of floats, else in floatx.

    Raises:
        ValueError: `mode` or `data_format` is unknown.

    >>> preprocess_input(np.array([[[0, 127.5, 255]]]), mode="tf")
    array([[[-1.,  0.,  1.]]])
    """
    if mode not in _MODES:
        raise ValueError(f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}")
    if data_format not in (None, "channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`. Received: data_format="
            f"{data_format}"
        )
    if not hasattr(x, "shape"):
        x = np.asarray(x)
    first = (data_format or config.image_data_format()) == "channels_first"
    if not is_float(str(x.dtype)) and (isinstance(x, np.ndarray) or mode == "caffe"):
        x = x.astype(floatx()) if isinstance(x, np.ndarray) else ops.cast(x, floatx())
    return _MODES[mode](x, first)


def _per_channel(x: ArrayLike, values: tuple[float, ...], first: bool) -> np.ndarray:
    """Returns a number per channel, in the dtype of the images and broadcast with them."""
    dtype = str(x.dtype) if is_float(str(x.dtype)) else floatx()
    return np.asarray(values, numpy_dtype(dtype)).reshape((-1, 1, 1) if first else (-1,))


def _as_caffe(x: ArrayLike, first: bool) -> ArrayLike:
    axis = -3 if first else -1
    channels = [x[(..., i, *(slice(None),) * (-1 - axis))] for i in (2, 1, 0)]
    x = np.stack(channels, axis) if isinstance(x, np.ndarray) else ops.stack(channels, axis)
    return x - _per_channel(x, _BGR_MEAN, first)


def _as_tf(x: ArrayLike, first: bool) -> ArrayLike:
    return x / 127.5 - 1.0


def _as_torch(x: ArrayLike, first: bool) -> ArrayLike:
    x = x / 255.0
    return (x - _per_channel(x, RGB_MEAN, first)) / _per_channel(x, RGB_DEVIATION, first)


_MODES: dict[str, Callable[[ArrayLike, bool], ArrayLike]] = {"caffe": _as_caffe, "tf": _as_tf, "torch": _as_torch}


def preprocessing(module: str, mode: str | None) -> Callable[..., ArrayLike]:
    """Makes the `preprocess_input` of a family.

    Args:
        module: The module that it belongs to.
        mode: The mode of `imagenet_utils.preprocess_input`; None for a function that returns the images as they are.
    """

    def function(x: ArrayLike, data_format: str | None = None) -> ArrayLike:
        return x if mode is None else preprocess_input(x, data_format=data_format, mode=mode)

    function.__name__ = function.__qualname__ = "preprocess_input"
    function.__module__ = module
    returned = "The images as they are: the network scales them itself." if mode is None else PIXELS[mode]
    function.__doc__ = f"""Prepares images for the networks of this module.

    Args:
        x: Images with RGB pixels in [0, 255], a NumPy array or a tensor, `(height, width, 3)` or
            `(batch, height, width, 3)`, or with the channels first.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        {returned}

    >>> preprocess_input(np.ones((1, 8, 8, 3), "float32")).shape
    (1, 8, 8, 3)
    """
    return function


@functools.cache
def _class_index() -> dict[str, list[str]]:
    """Returns WordNet's id and the name of each class, by its number in decimal."""
    with open(fetch(_INDEX)) as file:
        return json.load(file)


def decode_predictions(preds: ArrayLike, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Reads the most probable classes of ImageNet from predictions.

    The names of the classes are downloaded when first needed.

    Args:
        preds: Array of probabilities, `(samples, 1000)`.
        top: Number of classes to return per sample.

    Returns:
        By sample a list of `(WordNet id, name, probability)`, the most probable first.

    Raises:
        ValueError: The shape is another one.

    >>> decode_predictions(np.ones((2, 10)))
    Traceback (most recent call last):
    ValueError: `decode_predictions` expects a batch of predictions ... Received array with shape: (2, 10)
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != CLASSES:
        raise ValueError(
            f"`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, {CLASSES})). "
            f"Received array with shape: {preds.shape}"
        )
    if top < 1:
        raise ValueError(f"`top` must be a positive number of classes. Received: top={describe(top)}")
    names = _class_index()
    return [[(*names[str(i)], row[i]) for i in row.argsort()[: -top - 1 : -1]] for row in preds]


__all__ = ["decode_predictions", "preprocess_input"]
