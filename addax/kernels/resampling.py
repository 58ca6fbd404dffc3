"""Sampling of images at fractional positions, and separable filters. Images are `(batch, height, width, channels)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.engine import jax, jnp, promoted
from ..core.types import Array, DTypeLike

# Filters with more taps are matrix products with a band matrix: each tap of a sum of shifted images is an operand of
# one loop, and compile time grows with them.
_MOST_TAPS = 33


def _mirrored(index: Array, size: int) -> Array:
    """Reflects indices at the centers of the first and the last element."""
    span = max(size - 1, 1)
    return jnp.abs((index + span) % (2 * span) - span)


# Index of the element that stands for one outside the image, by fill mode.
FILL_MODES: dict[str, Callable[[Array, int], Array]] = {
    "constant": lambda index, size: jnp.clip(index, 0, size - 1),
    "nearest": lambda index, size: jnp.clip(index, 0, size - 1),
    "wrap": lambda index, size: index % size,
    "mirror": _mirrored,
    # Reflects at the outer edges: the mirror of a grid of twice the resolution.
    "reflect": lambda index, size: jnp.minimum(index % (2 * size), (-1 - index) % (2 * size)),
}


def _taps(position: Array, size: int, order: int, fill_mode: str) -> list[tuple[Array, Array | None, Array | None]]:
    """Returns the elements that interpolation along one axis takes: index, weight (None for 1) and validity.

    Validity is None where every position has an element.
    """
    if order == 0:
        near = jnp.where(position >= 0, jnp.floor(position + 0.5), jnp.ceil(position - 0.5))  # halves away from 0
        found: list[tuple[Array, Array | None]] = [(near.astype("int32"), None)]
    else:
        floor = jnp.floor(position)
        upper = position - floor
        lower = floor.astype("int32")
        found = [(lower, 1 - upper), (lower + 1, upper)]
    taps = []
    for index, weight in found:
        inside = (index >= 0) & (index < size) if fill_mode == "constant" else None
        taps.append((FILL_MODES[fill_mode](index, size), weight, inside))
    return taps


def _rounded(x: Array, dtype: DTypeLike) -> Array:
    """Casts to `dtype`; for integers halves are rounded away from 0."""
    if jnp.issubdtype(dtype, jnp.integer):
        x = jnp.where(x >= 0, jnp.floor(x + 0.5), jnp.ceil(x - 0.5))
    return x.astype(dtype)


def sample(images: Array, ys: Array, xs: Array, order: int, fill_mode: str, fill_value: float | Array) -> Array:
    """Samples images at positions of their own.

    Args:
        images: `(batch, height, width, channels)`.
        ys, xs: Positions along height and width, in pixels: `(batch, rows, columns)`.
        order: 0 for the nearest pixel, 1 for bilinear interpolation.
        fill_mode: Extrapolation: a key of `FILL_MODES`.
        fill_value: Value outside the image in mode "constant".

    Returns:
        `(batch, rows, columns, channels)` of the dtype of `images`; integers are rounded.
    """
    batch, height, width, channels = images.shape
    dtype = promoted(images.dtype, float)
    # One gather of whole pixels for each corner: an index into all pixels of the batch.
    pixels = images.reshape(-1, channels)
    first = (jnp.arange(batch) * (height * width))[:, None, None]
    fill = jnp.asarray(fill_value, dtype)
    total: Any = 0
    for y, weight_y, inside_y in _taps(ys, height, order, fill_mode):
        for x, weight_x, inside_x in _taps(xs, width, order, fill_mode):
            value = pixels.at[first + y * width + x].get(mode="promise_in_bounds").astype(dtype)
            if inside_y is not None and inside_x is not None:
                value = jnp.where((inside_y & inside_x)[..., None], value, fill)
            if weight_y is not None and weight_x is not None:
                value = value * (weight_y * weight_x)[..., None].astype(dtype)
            total = total + value
    return _rounded(total, images.dtype)


def sample_axis(images: Array, positions: Array, axis: int, order: int, fill_mode: str, fill_value: float) -> Array:
    """Samples images along one axis, at the same positions for all rows or columns of an image.

    Args:
        images: Float array, `(batch, height, width, channels)`.
        positions: Positions along `axis`, in pixels: `(batch, new_size)`.
        axis: 1 for the height, 2 for the width.
        order, fill_mode, fill_value: As for `sample`.

    Returns:
        Array of the shape of `images`, but for `axis`.
    """
    fill = jnp.asarray(fill_value, images.dtype)
    total: Any = 0

    def along(values: Array) -> Array:
        return values[:, :, None, None] if axis == 1 else values[:, None, :, None]

    for index, weight, inside in _taps(positions, images.shape[axis], order, fill_mode):
        value = jnp.take_along_axis(images, along(index), axis, mode="promise_in_bounds")
        if inside is not None:
            value = jnp.where(along(inside), value, fill)
        total = total + (value if weight is None else value * along(weight).astype(images.dtype))
    return total


def project(
    images: Array, transforms: Array, order: int, fill_mode: str, fill_value: float | Array, affine: bool = False
) -> Array:
    """Applies projective transforms: the output at `(x, y)` is the input at `(a0 x + a1 y + a2, b0 x + b1 y + b2) / k`,
    where `k` is `c0 x + c1 y + 1`.

    Args:
        images: `(batch, height, width, channels)`.
        transforms: `(batch, 8)` or `(1, 8)`: numbers `a0, a1, a2, b0, b1, b2, c0, c1`.
        order, fill_mode, fill_value: As for `sample`.
        affine: Whether `c0` and `c1` are known to be 0.
    """
    batch, height, width, _ = images.shape
    t = jnp.broadcast_to(transforms, (batch, 8)).astype(promoted(transforms.dtype, "float32"))[:, :, None, None]
    x = jnp.arange(width, dtype=t.dtype)[None, None, :]
    y = jnp.arange(height, dtype=t.dtype)[None, :, None]
    xs = t[:, 0] * x + t[:, 1] * y + t[:, 2]
    ys = t[:, 3] * x + t[:, 4] * y + t[:, 5]
    if not affine:
        k = t[:, 6] * x + t[:, 7] * y + 1
        xs, ys = xs / k, ys / k
    return sample(images, ys, xs, order, fill_mode, fill_value)


def quad_to_quad(start: Array, end: Array) -> Array:
    """Returns the transforms that `project` needs to move four points to four others.

    Args:
        start, end: `(batch, 4, 2)`, points `(x, y)`: top left, top right, bottom left, bottom right.

    Returns:
        `(batch, 8)`.
    """
    (a, b, c, d, e, f, g, h, i), forward = _from_square(end), _from_square(start)
    # The adjugate is the inverse up to a factor, which the last step divides by.
    inverse = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f]
    inverse += [d * h - e * g, b * g - a * h, a * e - b * d]
    product = [
        sum(forward[3 * row + k] * inverse[3 * k + column] for k in range(3)) for row in range(3) for column in range(3)
    ]
    return jnp.stack([p / product[8] for p in product[:8]], -1)


def _from_square(points: Array) -> tuple[Array, ...]:
    """Returns the 9 entries of the matrix that maps the unit square to four points, up to a factor.

    The closed form of Heckbert, "Fundamentals of texture mapping and image warping" (1989).
    """
    (x0, y0), (x1, y1), (x3, y3), (x2, y2) = ((points[..., i, 0], points[..., i, 1]) for i in range(4))
    sum_x, sum_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    area = dx1 * dy2 - dx2 * dy1
    g, h = sum_x * dy2 - dx2 * sum_y, dx1 * sum_y - sum_x * dy1
    row_x = ((x1 - x0) * area + g * x1, (x3 - x0) * area + h * x3, x0 * area)
    row_y = ((y1 - y0) * area + g * y1, (y3 - y0) * area + h * y3, y0 * area)
    return (*row_x, *row_y, g, h, area)


def gaussian(size: int, sigma: float | Array, dtype: DTypeLike, reach: Array | None = None) -> Array:
    """Returns the weights of a Gaussian filter, whose sum is 1.

    Args:
        size: Number of weights.
        sigma: Standard deviation, in pixels.
        dtype: Float dtype.
        reach: Distance from the center beyond which weights are 0; None for the whole filter.
    """
    offsets = jnp.arange(size, dtype=dtype) - jnp.asarray((size - 1) / 2, dtype)
    weights = jnp.exp(-0.5 * (offsets / jnp.asarray(sigma, dtype)) ** 2)
    if reach is not None:
        weights = jnp.where(jnp.abs(offsets) <= reach, weights, 0)
    return weights / weights.sum()


def displace(
    images: Array,
    key: Array,
    alpha: float | Array,
    sigma: float | Array,
    most_sigma: float,
    order: int,
    fill_mode: str,
    fill_value: float,
) -> Array:
    """Distorts images by smooth random displacements (elastic transform).

    Args:
        images: `(batch, height, width, channels)`.
        key: Random key.
        alpha: Factor of the displacements.
        sigma: Standard deviation of the noise and of the filter that smooths it, in pixels.
        most_sigma: Upper bound of `sigma`, which the size of the filter follows from.
        order, fill_mode, fill_value: As for `sample`.
    """
    batch, height, width, _ = images.shape
    dtype = promoted(images.dtype, "float32")
    # The same displacements along both axes, as Keras draws them.
    noise = jax.random.normal(key, (batch, height, width), dtype) * jnp.asarray(sigma, dtype)
    reach = jnp.floor(jnp.floor(6 * jnp.asarray(sigma, dtype)) / 2)
    smooth = gaussian(int(6 * most_sigma) | 1, jnp.maximum(jnp.asarray(sigma, dtype), 1e-6), dtype, reach)
    moved = separable_filter(noise[..., None], (smooth, smooth))[..., 0] * jnp.asarray(alpha, dtype)
    xs = jnp.arange(width, dtype=dtype) + moved
    ys = jnp.arange(height, dtype=dtype)[:, None] + moved
    return sample(images, ys, xs, order, fill_mode, fill_value)


def separable_filter(images: Array, filters: Sequence[Array], padding: str = "same") -> Array:
    """Filters images along height and width (cross-correlation), with zeros outside the image.

    Args:
        images: Float array, `(batch, height, width, channels)`.
        filters: Weights along height and along width, vectors.
        padding: "same" or "valid".
    """
    for axis, weights in enumerate(filters, 1):
        images = _filter_axis(images, weights.astype(images.dtype), axis, padding)
    return images


def _filter_axis(images: Array, weights: Array, axis: int, padding: str) -> Array:
    taps = weights.shape[0]
    if taps == 1:
        return images * weights[0]
    before = (taps - 1) // 2 if padding == "same" else 0
    size = images.shape[axis]
    out = size if padding == "same" else size - taps + 1
    if taps > _MOST_TAPS:
        index = jnp.arange(size)[None] - jnp.arange(out)[:, None] + before
        band = jnp.where((index >= 0) & (index < taps), weights[jnp.clip(index, 0, taps - 1)], 0)
        return jnp.einsum("oh,bhwc->bowc" if axis == 1 else "ow,bhwc->bhoc", band, images)
    pads = [(0, 0)] * 4
    pads[axis] = (before, taps - 1 - before) if padding == "same" else (0, 0)
    padded = jnp.pad(images, pads)
    start: tuple = (slice(None),) * axis
    total: Any = 0
    for i in range(taps):
        total = total + weights[i] * padded[(*start, slice(i, i + out))]
    return total
