"""Images as files, as objects of Pillow, and as arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..core.config import floatx, standardize_data_format
from ..core.dtypes import numpy_dtype
from ..core.engine import is_jax_array
from ..core.late import provided
from ..core.types import Array, ArrayLike, DTypeLike
from ..core.warnings import warn
from .resizing import crop_to_ratio, resize

if TYPE_CHECKING:
    from PIL.Image import Image

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_DEEP = ("L", "I;16", "I")  # gray images of 8, 16 and 32 bits
_RESAMPLING = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow() -> ModuleType:
    """Returns Pillow's module of images.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError:
        raise ImportError(
            "Could not import PIL.Image. Image files are read and written with Pillow: pip install pillow, or "
            "addax-keras[images]."
        ) from None
    return PIL.Image


def size_of(name: str, size: Any) -> tuple[int, int]:
    """Returns a height and a width.

    Args:
        name: Name of the argument, for the error.
        size: Two positive integers.

    Raises:
        ValueError: It is something else.
    """
    known = isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(n, (int, np.integer)) for n in size)
    if not known or min(size) < 1:
        raise ValueError(f"Invalid `{name}` value. Expected a tuple of 2 integers. Received: {name}={size}")
    return int(size[0]), int(size[1])


def load_img(
    path: str | os.PathLike | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """Loads an image file as an image of Pillow.

    Args:
        path: Path of the file, or its bytes.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: New height and width; None for those of the file.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: Whether to crop the center to the new aspect ratio first, rather than distort.

    Returns:
        `PIL.Image.Image`.

    Raises:
        ValueError: `color_mode` or `interpolation` is unknown.
        ImportError: Pillow is not installed.

    >>> import io
    >>> file = io.BytesIO(); keras.utils.save_img(file, np.zeros((2, 3, 1)), file_format="png")
    >>> keras.utils.load_img(file, target_size=(8, 6)).size
    (6, 8)
    """
    images = pillow()
    if isinstance(path, io.BytesIO):
        image = images.open(path)
    elif isinstance(path, (str, os.PathLike, bytes)):
        image = images.open(io.BytesIO(Path(os.fsdecode(path)).read_bytes()))  # no file stays open
    else:
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    if color_mode not in _MODES:
        raise ValueError(f'color_mode must be "grayscale", "rgb", or "rgba". Received: color_mode={color_mode!r}')
    if image.mode != _MODES[color_mode] and not (color_mode == "grayscale" and image.mode in _DEEP):
        image = image.convert(_MODES[color_mode])
    image.load()
    if target_size is None:
        return image
    if interpolation not in _RESAMPLING:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are {', '.join(_RESAMPLING)}"
        )
    height, width = size_of("target_size", target_size)
    if image.size == (width, height):
        return image
    box = None
    if keep_aspect_ratio:
        crop_height = min(image.height, image.width * height // width)
        crop_width = min(image.width, image.height * width // height)
        top, left = (image.height - crop_height) // 2, (image.width - crop_width) // 2
        box = (left, top, left + crop_width, top + crop_height)
    return image.resize((width, height), images.Resampling[interpolation.upper()], box)


def img_to_array(img: Image | ArrayLike, data_format: str | None = None, dtype: DTypeLike = None) -> np.ndarray:
    """Returns an image of Pillow as an array.

    Args:
        img: The image, or an array of rank 2 or 3.
        data_format: "channels_last" or "channels_first"; None for the default.
        dtype: Dtype; the default float when None.

    Returns:
        Array, `(height, width, channels)` or `(channels, height, width)`.

    Raises:
        ValueError: `data_format` is unknown, or the rank is neither 2 nor 3.

    >>> keras.utils.img_to_array(np.zeros((2, 3))).shape
    (2, 3, 1)
    """
    data_format = standardize_data_format(data_format)
    x = np.asarray(img).astype(numpy_dtype(dtype or floatx()))
    if x.ndim == 2:
        return x[:, :, None] if data_format == "channels_last" else x[None]
    if x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}")
    return x if data_format == "channels_last" else x.transpose(2, 0, 1)


def array_to_img(x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: DTypeLike = None) -> Image:
    """Returns an array as an image of Pillow.

    Args:
        x: Array of rank 3 with 1 (gray), 3 (RGB) or 4 (RGBA) channels.
        data_format: "channels_last" or "channels_first"; None for the default.
        scale: Whether to scale its values to [0, 255].
        dtype: Dtype to compute in; the default float when None.

    Returns:
        `PIL.Image.Image`.

    Raises:
        ValueError: The rank or the number of channels is another one.
        ImportError: Pillow is not installed.

    >>> keras.utils.array_to_img(np.zeros((2, 3, 4))).mode
    'RGBA'
    """
    data_format = standardize_data_format(data_format)
    images = pillow()
    x = np.asarray(x, dtype=numpy_dtype(dtype or floatx()))
    if x.ndim != 3:
        raise ValueError(f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    channels = x.shape[2]
    if channels not in (1, 3, 4):
        raise ValueError(f"Unsupported channel number: {channels}")
    if scale:
        x = x - np.min(x)
        largest = np.max(x)
        x = (x / largest if largest else x) * 255
    with np.errstate(invalid="ignore"):  # what can't be shown, NaN above all, is some color
        if channels > 1:
            return images.fromarray(x.astype(np.int64).astype(np.uint8))
        if np.max(x) > 255:
            return images.fromarray(x[:, :, 0].astype(np.int32))
        return images.fromarray(x[:, :, 0].astype(np.int64).astype(np.uint8))


def save_img(
    path: str | os.PathLike | IO[bytes],
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array to an image file.

    Args:
        path: Path, or an open file.
        x: Array of rank 3 with 1, 3 or 4 channels.
        data_format: "channels_last" or "channels_first"; None for the default.
        file_format: "png", "jpeg", ...; None for that of the path's extension.
        scale: Whether to scale its values to [0, 255].
        **kwargs: Arguments of Pillow's `Image.save`.

    Raises:
        ValueError: The array is no image, or the format is unknown.
        ImportError: Pillow is not installed.

    >>> import io
    >>> file = io.BytesIO(); keras.utils.save_img(file, np.eye(4)[..., None], file_format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    image = array_to_img(x, data_format, scale)
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1].removeprefix(".")
    known = {"jpg": "jpeg", "tif": "tiff"}.get((file_format or "").lower(), file_format)
    if known and known.lower() == "jpeg" and image.mode == "RGBA":
        warn("The JPEG format does not support RGBA images, converting to RGB.")
        image = image.convert("RGB")
    image.save(path, format=known or None, **kwargs)


_SMART = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")


def smart_resize(
    x: Array | ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Array | np.ndarray:
    """Resizes images without distortion: what doesn't fit the new aspect ratio is cropped.

    Args:
        x: Array, `(height, width, channels)` or `(batch, height, width, channels)`.
        size: New height and width.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".
        **kwargs: Not used; Keras takes its backend here.

    Returns:
        Array of NumPy, or of JAX where `x` is one; float32, or for "nearest" the dtype of `x`.

    Raises:
        ValueError: `size`, `interpolation` or the rank of `x` is wrong.

    >>> keras.preprocessing.image.smart_resize(np.ones((4, 9, 3)), (2, 2)).shape
    (2, 2, 3)
    """
    size = (size,) if isinstance(size, int) else tuple(size)
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    if interpolation not in _SMART:
        raise ValueError(
            f"Invalid value for argument `interpolation`. Expected of one {_SMART}. Received: "
            f"interpolation={interpolation}"
        )
    shape = np.shape(x)
    if len(shape) not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, height, width, "
            f"channels)`, but got input with incorrect rank, of shape {shape}."
        )
    first = standardize_data_format(data_format) == "channels_first"
    if is_jax_array(x):
        image = x if interpolation == "nearest" else x.astype("float32")
        resized = provided("ops").image.resize
        return resized(image, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    image = np.moveaxis(np.asarray(x), -3, -1) if first else np.asarray(x)
    image = resize(crop_to_ratio(image, size), size, interpolation)
    if interpolation == "nearest" and image.dtype == np.float64:
        image = image.astype(numpy_dtype(floatx()))
    return np.ascontiguousarray(np.moveaxis(image, -1, -3)) if first else image
