"""Resizing of images and resampling of sound with NumPy: for the threads that read files ahead of the device."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the cubic filter of Mitchell and Netravali; b=0, c=0.5 is that of Keys with a=-0.5."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + 6 - 2 * b
        far = (((-b - 6 * c) * x + 6 * b + 30 * c) * x - 12 * b - 48 * c) * x + 8 * b + 24 * c
        return np.where(x < 1, near, np.where(x < 2, far, 0.0)) / 6

    return kernel


# Method -> radius in pixels, and weight of a pixel by its distance from the position that is sampled.
_KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1.0, lambda x: np.maximum(0.0, 1 - np.abs(x))),
    "bicubic": (2.0, _cubic(0.0, 0.5)),
    "mitchellcubic": (2.0, _cubic(1 / 3, 1 / 3)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, lambda x: np.where(np.abs(x) < 1.5, np.exp(-2 * x * x), 0.0)),
}
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def resize(image: np.ndarray, size: tuple[int, int], method: str = "bilinear") -> np.ndarray:
    """Resizes images without antialiasing, as TensorFlow and `ops.image.resize` do.

    Args:
        image: Array, `(..., height, width, channels)`.
        size: New height and width.
        method: One of `METHODS`.

    Returns:
        Array, `(..., *size, channels)`, float32; of the dtype of `image` for "nearest".

    >>> resize(np.array([[0, 255]], "uint8")[..., None], (1, 4))[0, :, 0]
    array([  0.  ,  63.75, 191.25, 255.  ], dtype=float32)
    """
    for axis, new in ((-3, size[0]), (-2, size[1])):
        old = image.shape[axis]
        if old == new and method not in ("gaussian", "mitchellcubic"):  # those two blur
            continue
        pixels, weights = _taps(old, new, method)
        if method == "nearest":
            image = np.take(image, pixels[0], axis)
            continue
        lines = image.reshape(*image.shape[:axis], old, -1)  # values with one weight lie together in memory
        result = np.take(lines, pixels[0], -2) * weights[0][:, None]
        for indices, weight in zip(pixels[1:], weights[1:]):
            result += np.take(lines, indices, -2) * weight[:, None]
        image = result.reshape(*image.shape[:axis], new, *image.shape[axis + 1 :])
    return image if method == "nearest" else image.astype(np.float32, copy=False)


@functools.lru_cache(maxsize=256)
def _taps(old: int, new: int, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pixels that each new pixel is a weighted mean of, and the weights, both `(taps, new)`."""
    scale = old / new
    if method == "nearest":
        # In float32, as TensorFlow does: where a position lies between two pixels, rounding decides.
        positions = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(np.float32(old) / np.float32(new))
        return np.minimum(np.floor(positions).astype(int), old - 1)[None], np.ones((1, new))
    if method == "area":
        starts, ends = np.arange(new) * scale, (np.arange(new) + 1) * scale
        pixels = np.floor(starts).astype(int) + np.arange(math.ceil(scale) + 1)[:, None]
        weights = np.clip(np.minimum(pixels + 1, ends) - np.maximum(pixels, starts), 0, None)
    else:
        radius, kernel = _KERNELS[method]
        inverse = np.float32(1) / (np.float32(new) / np.float32(old))
        centers = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * inverse - np.float32(0.5)
        pixels = np.ceil(centers - radius).astype(int) + np.arange(math.floor(2 * radius) + 1)[:, None]
        weights = kernel(pixels - centers)
    weights = np.where((pixels >= 0) & (pixels < old), weights, 0.0)
    used = weights.any(axis=1)
    pixels, weights = pixels[used], weights[used]
    return np.clip(pixels, 0, old - 1), (weights / weights.sum(axis=0)).astype(np.float32)


def crop_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops the largest centered part that has the aspect ratio of a size.

    Args:
        image: Array, `(..., height, width, channels)`.
        size: Height and width of that ratio.

    >>> crop_to_ratio(np.zeros((4, 9, 3)), (2, 2)).shape
    (4, 4, 3)
    """
    height, width = image.shape[-3:-1]
    crop_height = min(height, int(width * size[0] / size[1])) or 1
    crop_width = min(width, int(height * size[1] / size[0])) or 1
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return image[..., top : top + crop_height, left : left + crop_width, :]


def pad_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Adds black borders so that images have the aspect ratio of a size.

    Args:
        image: Array, `(..., height, width, channels)`.
        size: Height and width of that ratio.

    >>> pad_to_ratio(np.zeros((4, 9, 3)), (2, 2)).shape
    (9, 9, 3)
    """
    height, width = image.shape[-3:-1]
    pad_height = max(height, int(width * size[0] / size[1])) - height
    pad_width = max(width, int(height * size[1] / size[0])) - width
    borders = [(n // 2, n - n // 2) for n in (pad_height, pad_width)]
    return np.pad(image, [(0, 0)] * (image.ndim - 3) + [*borders, (0, 0)])


_CROSSINGS = 16  # zeros of the sinc on each side: more make the filter steeper


def resample(samples: np.ndarray, ratio: float) -> np.ndarray:
    """Changes the rate of sound, through a windowed sinc that leaves out what the new rate can't hold.

    Args:
        samples: Array, `(length, channels)`.
        ratio: New rate divided by the old one.

    Returns:
        Array, float32, `(round(length * ratio), channels)`.

    >>> resample(np.ones((8, 1)), 0.5).shape
    (4, 1)
    """
    if ratio == 1 or not len(samples):
        return samples.astype(np.float32, copy=False)
    cutoff = min(1.0, ratio)
    reach = math.ceil(_CROSSINGS / cutoff)
    centers = np.arange(max(1, round(len(samples) * ratio))) / ratio
    taken = np.floor(centers).astype(int) + np.arange(-reach, reach + 2)[:, None]
    distance = (taken - centers) * cutoff
    weights = _lanczos(_CROSSINGS)(distance) * ((taken >= 0) & (taken < len(samples)))
    weights = (weights / weights.sum(axis=0)).astype(np.float32)
    taken = np.clip(taken, 0, len(samples) - 1)
    result = np.zeros((len(centers), samples.shape[1]), np.float32)
    for indices, weight in zip(taken, weights):
        result += samples[indices] * weight[:, None]
    return result
