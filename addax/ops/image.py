"""Operations on images, `(height, width, channels)`, or batches of images; channels come first for "channels_first"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.config import standardize_data_format
from ..core.dtypes import floatx
from ..core.engine import jax, jnp, promoted
from ..core.keras_tensor import any_symbolic
from ..core.op import Argument, Tensor, TensorLike, op
from ..core.seeds import draw_key, make_default_seed
from ..core.types import Array, ArrayLike, SeedLike
from ..kernels import conv as conv_kernels
from ..kernels import resampling
from .checks import differ, one_of

Sizes = int | Sequence[int]
_INTERPOLATIONS = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"} | {
    name: name for name in ("lanczos3", "lanczos5")
}


def _rank(images: Array, ranks: tuple[int, ...] = (3, 4)) -> None:
    if images.ndim not in ranks:
        raise ValueError(
            f"Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={images.shape}"
        )


def _to_last(images: Array, data_format: str) -> Array:
    return jnp.moveaxis(images, -3, -1) if data_format == "channels_first" else images


def _from_last(images: Array, data_format: str) -> Array:
    return jnp.moveaxis(images, -1, -3) if data_format == "channels_first" else images


@op(keras_class="RGBToGrayscale")
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Converts RGB images to grayscale: luminance `0.2989 R + 0.5870 G + 0.1140 B`.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`, with three channels. With one
            channel it is returned unchanged.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor with one channel, of the dtype of `images`.

    Raises:
        ValueError: The rank is neither 3 nor 4, or there are neither 1 nor 3 channels.

    >>> rgb_to_grayscale(jnp.ones((2, 2, 3))).shape
    (2, 2, 1)
    """
    _rank(images)
    axis = -1 if standardize_data_format(data_format) == "channels_last" else -3
    channels = images.shape[axis]
    if channels == 1:
        return images
    if differ(channels, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={images.shape}"
        )
    images = images if isinstance(channels, int) else jnp.take(images, jnp.arange(3), axis)
    dtype = images.dtype
    x = images.astype(promoted(dtype, float))
    weights = jnp.asarray([0.2989, 0.5870, 0.1140], x.dtype)
    return jnp.expand_dims(jnp.tensordot(x, weights, axes=((axis,), (0,))), axis).astype(dtype)


def _channels(images: Array, data_format: str | None) -> tuple[Array, int]:
    _rank(images)
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}")
    axis = -1 if standardize_data_format(data_format) == "channels_last" else -3
    if differ(images.shape[axis], 3):
        raise ValueError(
            "Invalid channel size: expected 3. Input images must have 3 channels, but received images with "
            f"{images.shape[axis]} channels. Received: images.shape={images.shape}, data_format={data_format}"
        )
    return images, axis


@op(keras_class="RGBToHSV")
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Converts images from RGB to HSV. All channels are in [0, 1].

    Args:
        images: Float tensor, `(height, width, 3)` or `(batch, height, width, 3)`.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape and dtype of `images`: hue, saturation and value.

    Raises:
        ValueError: The rank is neither 3 nor 4, the dtype is not a float, or there are not 3 channels.

    >>> rgb_to_hsv(jnp.array([[[1.0, 0.0, 0.0]]]))[0, 0]
    Array([0., 1., 1.], dtype=float32)
    """
    images, axis = _channels(images, data_format)
    r, g, b = (jnp.take(images, i, axis) for i in range(3))
    value = jnp.max(images, axis)
    spread = value - jnp.min(images, axis)
    safe = jnp.where(spread > 0, spread, 1)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
    # Not `r == value`: in a compiled program both may be computed twice, and be rounded otherwise.
    from_green = jnp.where(g >= b, 2 + (b - r) / safe, 4 + (r - g) / safe)
    hue = jnp.where((r >= g) & (r >= b), (g - b) / safe, from_green)
    hue = jnp.where(spread > 0, (hue / 6) % 1.0, 0)
    return jnp.stack([hue, saturation, value], axis).astype(images.dtype)


@op(keras_class="HSVToRGB")
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Converts images from HSV to RGB. All channels are in [0, 1].

    Args:
        images: Float tensor, `(height, width, 3)` or `(batch, height, width, 3)`.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape and dtype of `images`: red, green and blue.

    Raises:
        ValueError: The rank is neither 3 nor 4, the dtype is not a float, or there are not 3 channels.

    >>> hsv_to_rgb(jnp.array([[[0.0, 1.0, 1.0]]]))[0, 0]
    Array([1., 0., 0.], dtype=float32)
    """
    images, axis = _channels(images, data_format)
    hue, saturation, value = (jnp.take(images, i, axis) for i in range(3))
    sector = hue * 6
    parts = (jnp.abs(sector - 3) - 1, 2 - jnp.abs(sector - 2), 2 - jnp.abs(sector - 4))
    return jnp.stack([(1 + saturation * (jnp.clip(p, 0, 1) - 1)) * value for p in parts], axis).astype(images.dtype)


@op
def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Resizes images.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        size: New height and width.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: Whether to apply an antialiasing filter when downsampling.
        crop_to_aspect_ratio: Whether to center-crop to the new aspect ratio first, rather than distort.
        pad_to_aspect_ratio: Whether to pad to the new aspect ratio first, rather than distort.
        fill_mode: Mode of padding; only "constant" is supported.
        fill_value: Value of padded pixels.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the new size and the dtype of `images`; integers are rounded.

    Raises:
        ValueError: `size` is not two positive ints, `interpolation` or `fill_mode` is unknown, both aspect-ratio
            arguments are true, or the rank is neither 3 nor 4.

    >>> resize(jnp.ones((4, 4, 3)), (8, 6)).shape
    (8, 6, 3)
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    if any(isinstance(n, int) and n <= 0 for n in size):
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    one_of("interpolation", interpolation, _INTERPOLATIONS)
    if fill_mode != "constant":
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: {fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    _rank(images)
    data_format = standardize_data_format(data_format)
    x = _to_last(images, data_format)
    new_height, new_width = size
    if crop_to_aspect_ratio:
        x = _cropped_to_ratio(x, new_height, new_width)
    elif pad_to_aspect_ratio:
        x = _padded_to_ratio(x, new_height, new_width, fill_value)
    shape = (*x.shape[:-3], new_height, new_width, x.shape[-1])
    compute = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype("float32")
    out = jax.image.resize(compute, shape, _INTERPOLATIONS[interpolation], antialias)
    if jnp.issubdtype(images.dtype, jnp.integer):
        limits = jnp.iinfo(images.dtype)
        # As floats: JAX takes Python integers for int32.
        out = jnp.clip(jnp.round(out), float(limits.min), float(limits.max))
    return _from_last(out.astype(images.dtype), data_format)


def _cropped_to_ratio(x: Array, new_height: int, new_width: int) -> Array:
    """Crops the center of images, channels last, to the aspect ratio of a new size."""
    height, width = x.shape[-3:-1]
    crop_h = min(height, max(1, int(float(width * new_height) / new_width)))
    crop_w = min(width, max(1, int(float(height * new_width) / new_height)))
    top, left = int(float(height - crop_h) / 2), int(float(width - crop_w) / 2)
    return x[..., top : top + crop_h, left : left + crop_w, :]


def _padded_to_ratio(x: Array, new_height: int, new_width: int, fill_value: float) -> Array:
    """Pads images, channels last, on both sides to the aspect ratio of a new size."""
    height, width = x.shape[-3:-1]
    pad_h = max(height, int(float(width * new_height) / new_width))
    pad_w = max(width, int(float(height * new_width) / new_height))
    top, left = int(float(pad_h - height) / 2), int(float(pad_w - width) / 2)
    pads = [(0, 0)] * (x.ndim - 3) + [(top, top), (left, left), (0, 0)]
    return jnp.pad(x, pads, constant_values=jnp.asarray(fill_value, x.dtype))


@op
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Pads images with zeros to a given size or by given amounts.

    Exactly two of top padding, bottom padding and target height must be given; the same holds for the width.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        top_padding, left_padding, bottom_padding, right_padding: Numbers of rows or columns to add on each side.
        target_height, target_width: Size of the result.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(target_height, target_width, channels)`, with the batch axis if there was one.

    Raises:
        ValueError: Not exactly two of three are given, a padding would be negative, or the rank is neither 3 nor 4.

    >>> pad_images(jnp.ones((2, 2, 1)), 1, 0, target_height=4, target_width=3).shape
    (4, 3, 1)
    """
    return _frame(
        images,
        (top_padding, bottom_padding, target_height, "top_padding", "bottom_padding", "target_height"),
        (left_padding, right_padding, target_width, "left_padding", "right_padding", "target_width"),
        data_format,
        1,
    )


@op
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Crops images to a given size or by given amounts.

    Exactly two of top cropping, bottom cropping and target height must be given; the same holds for the width.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        top_cropping, left_cropping, bottom_cropping, right_cropping: Numbers of rows or columns to remove on each side.
        target_height, target_width: Size of the result.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(target_height, target_width, channels)`, with the batch axis if there was one.

    Raises:
        ValueError: Not exactly two of three are given, a cropping would be negative, or the rank is neither 3 nor 4.

    >>> crop_images(jnp.ones((4, 4, 1)), 1, 0, target_height=2, target_width=3).shape
    (2, 3, 1)
    """
    return _frame(
        images,
        (top_cropping, bottom_cropping, target_height, "top_cropping", "bottom_cropping", "target_height"),
        (left_cropping, right_cropping, target_width, "left_cropping", "right_cropping", "target_width"),
        data_format,
        -1,
    )


def _frame(images: Array, vertical: tuple, horizontal: tuple, data_format: str | None, sign: int) -> Array:
    """Pads (`sign` 1) or crops (`sign` -1) images.

    Args:
        vertical, horizontal: Amount before, amount after, target size, and the names of these three arguments.
    """
    _rank(images)
    first = images.ndim - (3 if standardize_data_format(data_format) == "channels_last" else 2)
    pads = [(0, 0)] * images.ndim
    for axis, (before, after, target, *names) in ((first, vertical), (first + 1, horizontal)):
        if [before, after, target].count(None) != 1:
            raise ValueError(
                f"Must specify exactly two of {', '.join(names)}. "
                f"Received: {names[0]}={before}, {names[1]}={after}, {names[2]}={target}"
            )
        have = images.shape[axis]
        _not_negative(names[2], have + sign * (before + after) if target is None else target)
        if target is not None and not isinstance(have, int):
            # An unknown size is symbolic: only the result's shape matters, and values are checked when there are data.
            images = jnp.take(images, jnp.arange(target), axis)
            continue
        total = None if target is None else sign * (target - have)
        before = total - after if before is None else before
        after = total - before if after is None else after
        _not_negative(names[0], before)
        _not_negative(names[1], after)
        pads[axis] = (before, after)
    if sign > 0:
        return jnp.pad(images, pads)
    return images[tuple(slice(a, n - b) for n, (a, b) in zip(images.shape, pads))]


def _not_negative(name: str, value: object) -> None:
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{name} must be >= 0. Received: {name}={value}")


@op(keras_class="ExtractPatches")
def _extract_patches(
    images: TensorLike, size: Sequence[int], strides: Sizes, dilation_rate: Sizes, padding: str, data_format: str
) -> Tensor:
    rank = len(size)
    channels = images.shape[-1 if data_format == "channels_last" else -1 - rank]
    count = int(np.prod(size)) * channels
    # A convolution with one-hot kernels: every element of the window becomes a channel.
    kernel = np.eye(count, dtype=images.dtype).reshape((*size, channels, count))
    batched = images[None] if images.ndim == rank + 1 else images
    out = conv_kernels.conv(batched, jnp.asarray(kernel), strides, padding, data_format, dilation_rate)
    return out[0] if images.ndim == rank + 1 else out


def _patches(
    images: ArrayLike,
    size: Sizes,
    strides: Sizes | None,
    dilation: Sizes,
    padding: str,
    data_format: str | None,
    rank: int,
) -> Tensor:
    if len(images.shape) not in (rank + 1, rank + 2):
        raise ValueError(
            f"Expected one image of rank {rank + 1} or a batch of rank {rank + 2}. Received: shape={images.shape}"
        )
    size = conv_kernels.per_axis(size, rank, "size")
    strides = size if strides is None else strides
    return _extract_patches(images, size, strides, dilation, padding, standardize_data_format(data_format))


def extract_patches(
    images: TensorLike,
    size: Sizes,
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Extracts patches of images, each flattened into the channels.

    Args:
        images: Tensor, `(batch, height, width, channels)`, or one image without the batch axis. For a `size` of three
            ints, volumes, `(batch, depth, height, width, channels)`.
        size: Height and width of a patch, or depth, height and width; an int for squares.
        strides: An int, or one int per spatial axis; None for `size`, without overlap.
        dilation_rate: Spacing of the elements of a patch: an int, or one int per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, rows, columns, patch_height * patch_width * channels)`, without the batch axis for one image.

    Raises:
        TypeError: `size` is no int, tuple or list.
        ValueError: `size` has neither two nor three ints, or the rank of `images` doesn't fit.

    >>> extract_patches(jnp.ones((1, 4, 4, 3)), 2).shape
    (1, 2, 2, 12)
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            f"Invalid `size` argument. Expected an int or a tuple. Received: size={size} of type {type(size).__name__}"
        )
    rank = 2 if isinstance(size, int) else len(size)
    if rank not in (2, 3):
        raise ValueError(
            f"Invalid `size` argument. Expected a tuple of length 2 or 3. Received: size={size} with length {rank}"
        )
    return _patches(images, size, strides, dilation_rate, padding, data_format, rank)


def extract_patches_3d(
    volumes: TensorLike,
    size: Sizes,
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Extracts patches of volumes, each flattened into the channels.

    Args:
        volumes: Tensor, `(batch, depth, height, width, channels)`, or one volume.
        size: Depth, height and width of a patch; an int for cubes.
        strides: An int, or one int per spatial axis; None for `size`, without overlap.
        dilation_rate: Spacing of the elements of a patch: an int, or one int per spatial axis.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch, *positions, patch_depth * patch_height * patch_width * channels)`.

    Raises:
        TypeError: `size` is neither an int nor three ints.
        ValueError: The rank of `volumes` is neither 4 nor 5.

    >>> extract_patches_3d(jnp.ones((1, 4, 4, 4, 1)), 2).shape
    (1, 2, 2, 2, 8)
    """
    if not isinstance(size, int) and not (isinstance(size, (tuple, list)) and len(size) == 3):
        raise TypeError(f"Invalid `size` argument. Expected an int or a tuple of length 3. Received: size={size}")
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3)


extract_patches.definition = _extract_patches.definition  # type: ignore[attr-defined]


@op
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Blurs images with a Gaussian kernel.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        kernel_size: Height and width of the kernel.
        sigma: Standard deviations along height and width, in pixels.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape and dtype of `images`.

    Raises:
        ValueError: The rank is neither 3 nor 4.

    >>> gaussian_blur(jnp.ones((5, 5, 1)))[2, 2].round(3)
    Array([1.], dtype=float32)
    """
    _rank(images)
    data_format = standardize_data_format(data_format)
    x, restore = _batch(images, data_format, float_dtype=True)
    filters = [resampling.gaussian(size, deviation, x.dtype) for size, deviation in zip(kernel_size, sigma)]
    return restore(resampling.separable_filter(x, filters)).astype(images.dtype)


_ORDERS = {"nearest": 0, "bilinear": 1}
_METHODS = ("linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5")


@op
def map_coordinates(
    inputs: TensorLike, coordinates: TensorLike, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """Samples a tensor at fractional positions by interpolation.

    Args:
        inputs: Tensor of rank `n`.
        coordinates: Tensor, `(n, ...)`: positions along each axis.
        order: Order of interpolation: 0 for the nearest element, 1 for linear.
        fill_mode: Extrapolation outside `inputs`: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: Value outside `inputs` in mode "constant".

    Returns:
        Tensor, `coordinates.shape[1:]`.

    Raises:
        ValueError: `order` or `fill_mode` is unknown, or the shape of `coordinates` doesn't fit.

    >>> map_coordinates([0.0, 10.0], [[0.25]], 1)
    Array([2.5], dtype=float32)
    """
    one_of("fill_mode", fill_mode, resampling.FILL_MODES)
    one_of("order", order, (0, 1))
    if coordinates.ndim < 2:
        raise ValueError(
            f"Invalid coordinates rank: expected at least rank 2. Received input with shape: {coordinates.shape}"
        )
    if differ(coordinates.shape[0], inputs.ndim):
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {inputs.shape} and coordinate leading dim of {coordinates.shape[0]}"
        )
    return jax.scipy.ndimage.map_coordinates(inputs, tuple(coordinates), order, fill_mode, fill_value)


@op
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Applies affine transforms (translation, rotation, scaling, shear), or projective ones, to images.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        transform: `(8,)` or `(batch, 8)`: numbers `a0, a1, a2, b0, b1, b2, c0, c1`. The output at `(x, y)` is the input
            at `(a0 x + a1 y + a2, b0 x + b1 y + b2) / k`, where `k` is `c0 x + c1 y + 1`.
        interpolation: "nearest" or "bilinear".
        fill_mode: Extrapolation outside the image: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: Value outside the image in mode "constant".
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape of `images`.

    Raises:
        ValueError: `interpolation` or `fill_mode` is unknown, or the shape of `images` or `transform` doesn't fit.

    >>> affine_transform(np.eye(2)[..., None], [1, 0, 1, 0, 1, 0, 0, 0])[..., 0].tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    one_of("interpolation", interpolation, _ORDERS)
    one_of("fill_mode", fill_mode, resampling.FILL_MODES)
    _rank(images)
    if transform.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms). "
            f"Received input with shape: transform.shape={transform.shape}"
        )
    data_format = standardize_data_format(data_format)
    x, restore = _batch(images, data_format)
    transform = transform if transform.ndim == 2 else transform[None]
    if differ(transform.shape[-1], 8) or (differ(len(transform), len(x)) and len(transform) != 1):
        raise ValueError(
            "Invalid transform shape: expected 8 numbers for each image or for all of them. "
            f"Received: transform.shape={transform.shape}, images.shape={images.shape}"
        )
    return restore(resampling.project(x, transform, _ORDERS[interpolation], fill_mode, fill_value))


def _batch(images: Array, data_format: str | None, float_dtype: bool = False) -> tuple[Array, Callable]:
    """Returns images as a batch with channels last, and the function that undoes this.

    Args:
        float_dtype: Whether to cast integers to the default float.
    """
    data_format = standardize_data_format(data_format)
    x = _to_last(images, data_format)
    if float_dtype and not jnp.issubdtype(x.dtype, jnp.floating):
        x = x.astype(floatx())
    single = images.ndim == 3
    return x[None] if single else x, lambda y: _from_last(y[0] if single else y, data_format)


@op
def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Applies perspective transforms, which move four points of an image to four others.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        start_points, end_points: Tensors, `(4, 2)` or `(batch, 4, 2)`: points `(x, y)` in pixels: top left, top right,
            bottom left, bottom right. What is at a start point comes to the end point.
        interpolation: "nearest" or "bilinear".
        fill_value: Value outside the image.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape and dtype of `images`.

    Raises:
        ValueError: `interpolation` is unknown, or the shapes of images and points don't fit.

    >>> corners = np.array([[0, 0], [2, 0], [0, 2], [2, 2]], "float32")
    >>> perspective_transform(np.eye(3)[..., None], corners, corners[[1, 0, 3, 2]])[..., 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    one_of("interpolation", interpolation, _ORDERS)
    _rank(images)
    for name, points in (("start_points", start_points), ("end_points", end_points)):
        if points.ndim not in (2, 3) or differ(points.shape[-2], 4) or differ(points.shape[-1], 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {points.shape}"
            )
    if start_points.ndim != end_points.ndim or any(map(differ, start_points.shape, end_points.shape)):
        raise ValueError(
            "start_points and end_points must have the same shape. "
            f"Received start_points.shape={start_points.shape}, end_points.shape={end_points.shape}"
        )
    x, restore = _batch(images, data_format)
    dtype = promoted(start_points.dtype, end_points.dtype, "float32")
    start, end = (p.astype(dtype).reshape(-1, 4, 2) for p in (start_points, end_points))
    if differ(len(start), len(x)) and len(start) != 1:
        raise ValueError(
            "Invalid start_points shape: expected four points for each image or for all of them. "
            f"Received: start_points.shape={start_points.shape}, images.shape={images.shape}"
        )
    transforms = resampling.quad_to_quad(start, end)
    return restore(resampling.project(x, transforms, _ORDERS[interpolation], "constant", fill_value))


def elastic_transform(
    images: TensorLike,
    alpha: float | Array = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: SeedLike = None,
    data_format: str | None = None,
) -> Tensor:
    """Distorts images by random displacements that vary smoothly from pixel to pixel.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        alpha: Factor of the displacements.
        sigma: Standard deviation of the Gaussian filter that smooths the displacements, in pixels, and of the
            displacements before it.
        interpolation: "nearest" or "bilinear".
        fill_mode: Extrapolation outside the image: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: Value outside the image in mode "constant".
        seed: None, an int or a `SeedGenerator`. With None a symbolic call has the same displacements in every run.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape and dtype of `images`.

    Raises:
        ValueError: `interpolation` or `fill_mode` is unknown, `sigma` isn't positive, or the rank is neither 3 nor 4.

    >>> elastic_transform(jnp.ones((8, 8, 3)), seed=1).shape
    (8, 8, 3)
    """
    if seed is None and any_symbolic(images):
        seed = make_default_seed()
    return _elastic_transform(images, alpha, sigma, interpolation, fill_mode, fill_value, seed, data_format)


@op(keras_class="ElasticTransform")
def _elastic_transform(
    images: TensorLike,
    alpha: Argument,
    sigma: Argument,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    seed: SeedLike,
    data_format: str | None,
) -> Tensor:
    one_of("interpolation", interpolation, _ORDERS)
    one_of("fill_mode", fill_mode, resampling.FILL_MODES)
    _rank(images)
    if not sigma > 0:
        raise ValueError(f"`sigma` must be positive. Received: sigma={sigma}")
    x, restore = _batch(images, data_format)
    order = _ORDERS[interpolation]
    return restore(resampling.displace(x, draw_key(seed), alpha, sigma, sigma, order, fill_mode, fill_value))


elastic_transform.definition = _elastic_transform.definition  # type: ignore[attr-defined]


@op(keras_class="SSIM")
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Computes the structural similarity of images ([paper](https://ieeexplore.ieee.org/document/1284395)).

    Args:
        image1, image2: Tensors of the same shape, `(height, width, channels)` or `(batch, height, width, channels)`.
        max_val: Span of the values: 1 for images in [0, 1], 255 for images in [0, 255].
        filter_size: Size of the Gaussian window, in pixels.
        filter_sigma: Standard deviation of the window, in pixels.
        k1, k2: Constants that keep the ratios of means and of variances finite.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor, `(batch,)`, or a scalar for single images: 1 for equal images. It has the dtype of `image1`, or the
        default float if this is an integer.

    Raises:
        ValueError: The shapes differ, the rank is neither 3 nor 4, or the images are smaller than the window.

    >>> image = jnp.linspace(0, 1, 12 * 12).reshape(12, 12, 1)
    >>> ssim(image, image), bool(ssim(image, 1 - image) < 0)
    (Array(1., dtype=float32), True)
    """
    for name, image in (("image1", image1), ("image2", image2)):
        if image.ndim not in (3, 4):
            raise ValueError(
                f"Invalid {name} rank: expected rank 3 (single image) or rank 4 (batch of images). "
                f"Received input with shape: {name}.shape={image.shape}"
            )
    if image1.ndim != image2.ndim or any(map(differ, image1.shape, image2.shape)):
        raise ValueError(
            f"`image1` and `image2` must have the same shape. Received: image1.shape={image1.shape}, "
            f"image2.shape={image2.shape}"
        )
    result = image1.dtype if jnp.issubdtype(image1.dtype, jnp.floating) else floatx()
    dtype = promoted(result, "float32")
    x, y = (_batch(image, data_format)[0].astype(dtype) for image in (image1, image2))
    conv_kernels.check_windows(x.shape[1:3], (filter_size,) * 2, (1, 1), "valid")
    window = resampling.gaussian(filter_size, filter_sigma, dtype)
    # One pass over the moments of both images, joined along the channels.
    moments = resampling.separable_filter(jnp.concatenate([x, y, x * x + y * y, x * y], -1), (window, window), "valid")
    mean_x, mean_y, squares, products = jnp.split(moments, 4, -1)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    product, square = mean_x * mean_y, mean_x**2 + mean_y**2
    ratios = (2 * product + c1) / (square + c1) * (2 * (products - product) + c2) / (squares - square + c2)
    means = ratios.mean((1, 2, 3)).astype(result)
    return means[0] if image1.ndim == 3 else means


@op
def scale_and_translate(
    images: TensorLike,
    output_shape: Argument,
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Resamples images with a scale and a translation.

    Args:
        images: Tensor.
        output_shape: Shape of the result.
        scale, translation: Vectors with one number for each of `spatial_dims`; translations are in output pixels.
        spatial_dims: Axes to resample.
        method: "linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3" or "lanczos5".
        antialias: Whether to apply an antialiasing filter when downsampling.

    Returns:
        Tensor of shape `output_shape`.

    Raises:
        ValueError: `method` is unknown, or a length doesn't fit.

    >>> x = jnp.arange(4.0).reshape(4, 1)
    >>> scale_and_translate(x, (2, 1), [0.5], [0.0], (0,), "linear", False).ravel()
    Array([0.5, 2.5], dtype=float32)
    """
    one_of("method", method, _METHODS)
    axes = tuple(spatial_dims)
    lengths: list[tuple[str, tuple, tuple, str]] = [
        ("output_shape", (len(output_shape),), (images.ndim,), "one size for each axis of `images`")
    ]
    for name, vector in (("scale", scale), ("translation", translation)):
        lengths.append((name, jnp.shape(vector), (len(axes),), "one number for each of `spatial_dims`"))
    for name, given, expected, what in lengths:
        if len(given) != 1 or differ(given[0], expected[0]):
            raise ValueError(
                f"`{name}` must have {what}: shape {expected}. Received: {name} of shape {given}, "
                f"images.shape={images.shape}, spatial_dims={axes}"
            )
    if not all(isinstance(axis, int) and -images.ndim <= axis < images.ndim for axis in axes):
        raise ValueError(
            f"`spatial_dims` must be axes of `images`. Received: spatial_dims={axes}, images.shape={images.shape}"
        )
    return jax.image.scale_and_translate(images, tuple(output_shape), axes, scale, translation, method, antialias)


@op
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """Computes image gradients along height and width with Sobel filters.

    Args:
        images: Tensor, `(height, width, channels)` or `(batch, height, width, channels)`.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        Tensor of the shape of `images` with a new last axis of size 2: the gradients along height and width.

    Raises:
        ValueError: The rank is neither 3 nor 4.

    >>> sobel_edges(jnp.ones((1, 4, 4, 3))).shape
    (1, 4, 4, 3, 2)
    """
    _rank(images)
    data_format = standardize_data_format(data_format)
    x = _to_last(images, data_format)
    batched = x if x.ndim == 4 else x[None]
    channels = batched.shape[-1]
    across = np.outer([1, 2, 1], [-1, 0, 1])
    kernel = np.stack([across.T, across], -1)[:, :, None, :]
    kernel = np.tile(kernel, (1, 1, channels, 1)).astype(x.dtype)
    out = conv_kernels.depthwise_conv(batched, jnp.asarray(kernel), 1, "same")
    out = out.reshape((*out.shape[:-1], channels, 2))
    out = out if x.ndim == 4 else out[0]
    return jnp.moveaxis(out, -2, -4) if data_format == "channels_first" else out
