"""Depthwise convolution for CPUs: a sum of shifted products, with derivatives written by hand.

The output `y`, and the gradients `dx` and `dk`, are partial derivatives of one sum over taps (elements of the window)
of `x[shifted by the tap] * k[tap] * y`: each leaves out one factor. So there are three primitives, each linear in its
two arguments, and each is the transpose of the others: derivatives of any order, forward and backward, stay among them.
On other platforms they lower to XLA's convolution.

Milliseconds of CPU time, 3x3, float32, XLA's convolution -> here (2 cores, AVX-512):

| | output | `dx` | `dk` |
|---|---|---|---|
| 64x32x32x32 | 60 -> 3.5 | 75 -> 3.9 | 21 -> 9 |
| 64x32x32x64 | 115 -> 9 | 170 -> 9 | 45 -> 19 |
| 16x57x57x128, strides of 2 | | 980 -> 10 | -> 14 |

The kernel gradient as nine reductions over the whole batch took 18, 40 and 17: XLA:CPU does not vectorize them.
Products with rows of ones, the diagonal of a full product, and one reduction of nine operands were slower still.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..core import jax_inside
from ..core.engine import jax, jnp, lax, promoted
from ..core.placement import platform, spreads_rows
from ..core.types import Array, DTypeLike

# Windows with more elements are left to XLA: each element is a pass over the data, and compile time grows with them.
_MOST_TAPS = 49
# Numbers of slices along the first spatial axis into which a sample's sums are divided: the first that divides it.
_ADDENDS = (4, 5, 3, 7, 2, 1)
# Samples with fewer elements are not worth an iteration of a loop.
_LEAST_SAMPLE = 4096


class Geometry(NamedTuple):
    """Static parameters of a convolution, one entry per spatial axis.

    Attributes:
        size: Sizes of the input.
        window: Sizes of the kernel.
        strides: Strides.
        pads: Padding (before, after) of the input.
        dilation: Spacing of the kernel elements.
    """

    size: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    @property
    def reach(self) -> tuple[int, ...]:
        """Extents of the dilated window (its receptive field)."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.window, self.dilation))

    @property
    def output(self) -> tuple[int, ...]:
        """Sizes of the output."""
        zipped = zip(self.size, self.reach, self.strides, self.pads)
        return tuple(max((n + sum(p) - r) // s + 1, 0) for n, r, s, p in zipped)


def use_shifts(shape: tuple, kernel_shape: tuple, dtype: DTypeLike) -> bool:
    """Tests whether a depthwise convolution is computed as a sum of shifted products.

    It is on CPUs, for floats, known sizes and small windows.

    Args:
        shape: Shape of the input, channels last.
        kernel_shape: `(*window, channels, multiplier)`.
        dtype: Dtype of both.
    """
    if platform() != "cpu" or not all(isinstance(n, int) for n in shape[1:]):
        return False
    return jnp.issubdtype(dtype, jnp.floating) and math.prod(kernel_shape) // kernel_shape[-2] <= _MOST_TAPS


def _pad(x: Array, pads: Any, interior: Any = None) -> Array:
    interior = interior or (0,) * len(pads)
    config = [(0, 0, 0), *((*p, i) for p, i in zip(pads, interior)), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _taps(x: Array, window: tuple, strides: tuple, dilation: tuple, counts: tuple) -> Iterator[Any]:
    """Yields, for each element of the window in order, the inputs that it multiplies: `(batch, *counts, channels)`."""
    for at in itertools.product(*(range(k) for k in window)):
        starts = [a * d for a, d in zip(at, dilation)]
        where = (slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, strides))
        yield x[(slice(None), *where)]


def _wide(*arrays: Any) -> list[Any]:
    """Casts arrays to the precision of the sums."""
    dtype = promoted(*(a.dtype for a in arrays), "float32")
    return [a.astype(dtype) for a in arrays]


def _split(y: Array, multiplier: int) -> Array:
    return y.reshape((*y.shape[:-1], y.shape[-1] // multiplier, multiplier))


def _merge(y: Array) -> Array:
    return y.reshape((*y.shape[:-2], y.shape[-2] * y.shape[-1]))


def _output(x: Array, k: Array, geometry: Geometry) -> Array:
    g, dtype = geometry, x.dtype
    x, k = _wide(x, k)
    taps = _taps(_pad(x, g.pads), g.window, g.strides, g.dilation, g.output)
    weights = k.reshape((-1, *k.shape[-2:]))
    if k.shape[-1] == 1:
        total = functools.reduce(jnp.add, (t * w[:, 0] for t, w in zip(taps, weights)))
    else:
        total = _merge(functools.reduce(jnp.add, (t[..., None] * w for t, w in zip(taps, weights))))
    return total.astype(dtype)


def _input_gradient(dy: Array, k: Array, geometry: Geometry) -> Array:
    g, dtype = geometry, dy.dtype
    dy, k = _wide(dy, k)
    # The zero-dilated output convolved with the flipped kernel: each input meets the outputs it contributed to.
    pads = []
    for n, r, s, (low, _), count in zip(g.size, g.reach, g.strides, g.pads, g.output):
        pads.append((r - 1 - low, n + low - ((count - 1) * s + 1)))
    weights = jnp.flip(k, tuple(range(len(g.window)))).reshape((-1, *k.shape[-2:]))
    total: Any = 0
    for i in range(k.shape[-1]):
        part = _pad(_split(dy, k.shape[-1])[..., i], pads, [s - 1 for s in g.strides])
        for tap, weight in zip(_taps(part, g.window, (1,) * len(g.window), g.dilation, g.size), weights):
            total = total + tap * weight[:, i]
    return total.astype(dtype)


def _kernel_gradient(x: Array, dy: Array, geometry: Geometry) -> Array:
    g, dtype = geometry, x.dtype
    x, dy = _wide(x, dy)
    multiplier = dy.shape[-1] // x.shape[-1]
    x = _pad(x, g.pads)
    if multiplier == 1 and isinstance(x.shape[0], int) and _by_sample(dy):
        sums = [s[:, None] for s in _sums_by_sample(x, dy, g)]
    else:
        dy = _split(dy, multiplier)
        taps = _taps(x, g.window, g.strides, g.dilation, g.output)
        sums = [jnp.sum(t[..., None] * dy, tuple(range(x.ndim - 1))) for t in taps]
    return jnp.stack(sums).reshape((*g.window, x.shape[-1], multiplier)).astype(dtype)


def _by_sample(dy: Array) -> bool:
    """Returns whether a loop over samples pays; if samples are spread over devices, each would gather all of them."""
    return math.prod(dy.shape[1:]) >= _LEAST_SAMPLE and not spreads_rows()


def _sums_by_sample(x: Array, dy: Array, geometry: Geometry) -> list[Any]:
    """Sums `x * dy` over batch and space for each tap, one sample after another so that each stays in the cache.

    XLA:CPU does not vectorize reductions over leading axes, so part of them is written as additions of slices. Nor does
    it vectorize loops that read at a computed position, so the next sample is sliced while the current one is
    processed.
    """
    rows = geometry.output[0]
    count = next(n for n in _ADDENDS if rows % n == 0)
    shape = (rows // count, *dy.shape[2:])

    def sample(i: Any) -> tuple[Any, Any]:
        return lax.dynamic_slice_in_dim(x, i, 1), lax.dynamic_slice_in_dim(dy, i, 1)

    def body(i: Any, carry: tuple) -> tuple:
        totals, one, gradient = carry
        taps = _taps(one, geometry.window, geometry.strides, geometry.dilation, geometry.output)
        new = []
        for total, tap in zip(totals, taps):
            for part, weight in zip(jnp.split(tap[0], count), jnp.split(gradient[0], count)):
                total = total + part * weight
            new.append(total)
        return new, *sample(jnp.minimum(i + 1, x.shape[0] - 1))

    zeros = [jnp.zeros(shape, x.dtype) for _ in range(math.prod(geometry.window))]
    totals = lax.fori_loop(0, x.shape[0], body, (zeros, x[:1], dy[:1]))[0]
    return [jnp.sum(t, tuple(range(t.ndim - 1))) for t in totals]


def reference(x: Array, k: Array, geometry: Geometry) -> Array:
    """Computes the output by XLA's convolution."""
    rank = len(geometry.window)
    space = "DHW"[3 - rank :]
    return lax.conv_general_dilated(
        x,
        k.reshape((*geometry.window, 1, k.shape[-2] * k.shape[-1])),
        geometry.strides,
        geometry.pads,
        rhs_dilation=geometry.dilation,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=k.shape[-2],
    )


def _reference_input_gradient(dy: Array, k: Array, geometry: Geometry) -> Array:
    x = jax.ShapeDtypeStruct((dy.shape[0], *geometry.size, k.shape[-2]), dy.dtype)
    return jax.linear_transpose(lambda x: reference(x, k, geometry), x)(dy)[0]


def _reference_kernel_gradient(x: Array, dy: Array, geometry: Geometry) -> Array:
    k = jax.ShapeDtypeStruct((*geometry.window, x.shape[-1], dy.shape[-1] // x.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda k: reference(x, k, geometry), k)(dy)[0]


# Shapes of the results


def _output_shape(x: Array, k: Array, geometry: Geometry) -> tuple:
    return (x.shape[0], *geometry.output, k.shape[-2] * k.shape[-1])


def _input_shape(dy: Array, k: Array, geometry: Geometry) -> tuple:
    return (dy.shape[0], *geometry.size, k.shape[-2])


def _kernel_shape(x: Array, dy: Array, geometry: Geometry) -> tuple:
    return (*geometry.window, x.shape[-1], dy.shape[-1] // x.shape[-1])


@functools.cache
def primitives() -> tuple[Any, Any, Any]:
    """Returns the three primitives: output of `(x, k)`, input gradient of `(dy, k)`, kernel gradient of `(x, dy)`."""
    Primitive, ShapedArray, ad, batching, mlir = jax_inside.primitives()

    def make(name: str, tuned: Callable, plain: Callable, shape: Callable, channels: tuple[int, int, int]) -> Any:
        primitive = Primitive(f"depthwise_{name}")

        @functools.cache
        def compiled(geometry: Geometry) -> Callable:
            return jax.jit(lambda a, b: primitive.bind(a, b, geometry=geometry))

        primitive.def_impl(lambda a, b, *, geometry: compiled(geometry)(a, b))
        primitive.def_abstract_eval(
            lambda a, b, *, geometry: ShapedArray(shape(a, b, geometry), a.dtype)  # both have one dtype
        )
        mlir.register_lowering(primitive, mlir.lower_fun(plain, multiple_results=False))
        mlir.register_lowering(primitive, mlir.lower_fun(tuned, multiple_results=False), platform="cpu")

        def batch(args: tuple, dims: tuple, *, geometry: Geometry) -> tuple[Any, int]:
            # Channels don't mix, so the mapped axis can be folded into the channels.
            size = next(a.shape[d] for a, d in zip(args, dims) if d is not None)
            folded = []
            for a, d, axis in zip(args, dims, channels):
                a = jnp.broadcast_to(a, (size, *a.shape)) if d is None else jnp.moveaxis(a, d, 0)
                a = jnp.moveaxis(a, 0, axis - 1)
                end = a.ndim + axis
                folded.append(a.reshape((*a.shape[: end - 1], size * a.shape[end], *a.shape[end + 1 :])))
            out = primitive.bind(*folded, geometry=geometry)
            end = out.ndim + channels[2]
            out = out.reshape((*out.shape[:end], size, out.shape[end] // size, *out.shape[end + 1 :]))
            return out, end

        batching.primitive_batchers[primitive] = batch
        return primitive

    # The axis of channels in both arguments and the result, from the end: in kernels the multiplier comes after it.
    output = make("conv", _output, reference, _output_shape, (-1, -2, -1))
    to_input = make("conv_input_gradient", _input_gradient, _reference_input_gradient, _input_shape, (-1, -2, -1))
    to_kernel = make("conv_kernel_gradient", _kernel_gradient, _reference_kernel_gradient, _kernel_shape, (-1, -1, -2))

    def bind(primitive: Any, a: Array, b: Array, geometry: Geometry) -> Array:
        return primitive.bind(a, b, geometry=geometry)

    ad.defbilinear(
        output,
        lambda ct, x, k, *, geometry: bind(to_input, ct, k, geometry),
        lambda ct, x, k, *, geometry: bind(to_kernel, x, ct, geometry),
    )
    ad.defbilinear(
        to_input,
        lambda ct, dy, k, *, geometry: bind(output, ct, k, geometry),
        lambda ct, dy, k, *, geometry: bind(to_kernel, ct, dy, geometry),
    )
    ad.defbilinear(
        to_kernel,
        lambda ct, x, dy, *, geometry: bind(to_input, dy, ct, geometry),
        lambda ct, x, dy, *, geometry: bind(output, x, ct, geometry),
    )
    return output, to_input, to_kernel


def depthwise(x: Array, k: Array, geometry: Geometry) -> Array:
    """Computes a depthwise convolution.

    Args:
        x: `(batch, *size, channels)`.
        k: `(*window, channels, multiplier)`, of the dtype of `x`.
        geometry: Strides, padding and dilation, with the sizes of both.

    Returns:
        `(batch, *output, channels * multiplier)`.

    >>> geometry = Geometry((4,), (2,), (1,), ((0, 0),), (1,))
    >>> depthwise(jnp.arange(4.0).reshape(1, 4, 1), jnp.ones((2, 1, 1)), geometry).ravel()
    Array([1., 3., 5.], dtype=float32)
    """
    return primitives()[0].bind(x, k, geometry=geometry)
