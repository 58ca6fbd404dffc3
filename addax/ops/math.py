"""Segments, Fourier transforms, special functions and rankings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..core.engine import is_tracer, jax, jnp, lax, promoted
from ..core.op import Axis, DTypeLike, Tensor, TensorLike, op
from ..core.types import Array, ArrayLike
from .checks import broadcastable, differ, input_rank, least_rank
from .families import named_op


def _float(x: Array) -> Array:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(promoted(x, float))


@op(keras_class="CDist")
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Computes Euclidean distances between all rows of `x` and all rows of `y`.

    Args:
        x: Tensor, `(..., n, d)`.
        y: Tensor, `(..., m, d)`.

    Returns:
        Tensor, `(..., n, m)`.

    Raises:
        ValueError: A tensor has fewer than two axes, the sizes `d` differ, or the batch axes can't be broadcast.

    >>> cdist([[0.0, 0.0]], [[3.0, 4.0]])
    Array([[5.]], dtype=float32)
    """
    shapes = f"Received shapes: x.shape={tuple(x.shape)}, y.shape={tuple(y.shape)}"
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(f"Inputs to `cdist` must have rank >= 2: `cdist` inputs must have rank >= 2. {shapes}")
    if differ(x.shape[-1], y.shape[-1]):
        raise ValueError(f"The last dimension of inputs to `cdist` must match. {shapes}")
    if not broadcastable(x.shape[:-2], y.shape[:-2]):
        raise ValueError(f"Batch dimensions of inputs to `cdist` must be broadcastable. {shapes}")
    common = promoted(x, y)
    x, y = _float(x.astype(common)), _float(y.astype(common))
    difference = jnp.expand_dims(x, -2) - jnp.expand_dims(y, -3)
    return jnp.sqrt(jnp.sum(jnp.square(difference), -1))


def _special(name: str, what: str, of_lax: str | None = None) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return getattr(lax, of_lax or name)(_float(x))

    return named_op(function, name, what, {"x": "Tensor."}, "Tensor of the shape of `x`.")


erf = _special("erf", "Computes the error function.")
erfc = _special("erfc", "Computes the complementary error function, `1 - erf(x)`, accurately also where it is tiny.")
erfinv = _special("erfinv", "Computes the inverse error function.", "erf_inv")
rsqrt = _special("rsqrt", "Computes the reciprocal square root, `1 / sqrt(x)`.")


@op
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Computes `log(sum(exp(x)))` without overflow.

    Args:
        x: Tensor.
        axis: Axis or axes to reduce; None for all.
        keepdims: Whether to keep the reduced axes with size 1.

    Returns:
        Tensor without the reduced axes.

    Raises:
        ValueError: `axis` is out of bounds.

    >>> logsumexp([1000.0, 1000.0])
    Array(1000.6932, dtype=float32)
    """
    return jax.nn.logsumexp(x, tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


@op
def logdet(x: TensorLike) -> Tensor:
    """Computes the logarithm of the absolute value of determinants.

    Args:
        x: Tensor, `(..., n, n)`.

    Returns:
        Tensor, `(...)`.

    Raises:
        ValueError: `x` is not square.

    >>> logdet([[2.0, 0.0], [0.0, 0.5]])
    Array(0., dtype=float32)
    """
    least_rank(x, 2)
    return jnp.linalg.slogdet(x)[1]


def _segment(name: str, what: str, empty: str) -> Callable[..., Tensor]:
    def function(
        data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
    ) -> Tensor:
        if num_segments is None and is_tracer(segment_ids):
            raise ValueError(
                "Argument `num_segments` must be set when using the JAX backend. Received: num_segments=None. "
                "It can't be inferred in compiled code and for symbolic tensors, which have no values."
            )
        if segment_ids.ndim != 1:
            raise ValueError(f"Argument `segment_ids` should be an 1-D vector, got shape: {segment_ids.shape}. ")
        if data.ndim < 1 or differ(data.shape[0], segment_ids.shape[0]):
            raise ValueError(
                "Argument `segment_ids` and `data` should have same leading dimension. "
                f"Got {tuple(segment_ids.shape)} v.s. {tuple(data.shape)}."
            )
        return getattr(jax.ops, name)(data, segment_ids, num_segments, indices_are_sorted=sorted)

    args = {
        "data": "Tensor, `(n, ...)`.",
        "segment_ids": "Segment of each slice, an integer tensor `(n,)`.",
        "num_segments": "Number of segments; None infers it from the values of `segment_ids`, which is not possible in "
        "compiled code and for symbolic tensors.",
        "sorted": "Whether `segment_ids` is known to be sorted, which is faster.",
    }
    returns = f"Tensor, `(num_segments, ...)`; {empty} for an empty segment."
    error = "`segment_ids` is not a vector of length `n`, or `num_segments` can't be inferred."
    return named_op(function, name, what, args, returns, {"ValueError": error})


segment_max = _segment("segment_max", "Computes the maximum over the slices of each segment.", "the lowest number")
segment_min = _segment("segment_min", "Computes the minimum over the slices of each segment.", "the highest number")
segment_prod = _segment("segment_prod", "Computes the product over the slices of each segment.", "1")
segment_sum = _segment("segment_sum", "Computes the sum over the slices of each segment.", "0")


@op
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """Returns the `k` largest elements along the last axis, in descending order, and their indices.

    Args:
        x: Tensor, `(..., n)`.
        k: Number of elements.
        sorted: Kept for compatibility: they are always sorted.

    Returns:
        Values and indices (int32), `(..., k)` each.

    Raises:
        ValueError: `k` is larger than `n`.

    >>> [v.tolist() for v in top_k([1, 5, 3], 2)]
    [[5, 3], [1, 2]]
    """
    values, indices = lax.top_k(x, k)
    return values, indices


@op
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Tests whether each target is among the `k` classes with the highest predictions. Ties count as being among them.

    Args:
        targets: Class indices, `(batch,)`.
        predictions: Tensor, `(batch, classes)`.
        k: Number of classes.

    Returns:
        Bool tensor, `(batch,)`; False for targets out of range and for predictions that aren't finite.

    Raises:
        ValueError: The shape of `predictions` is not that of `targets` with an axis of classes added.

    >>> in_top_k([1], [[0.1, 0.7, 0.2]], 1)
    Array([ True], dtype=bool)
    """
    if predictions.ndim != targets.ndim + 1 or not broadcastable(targets.shape, predictions.shape[:-1]):
        raise ValueError(
            "`predictions` must have the shape of `targets` with an axis of classes added at the end. "
            f"Received: targets.shape={targets.shape}, predictions.shape={predictions.shape}"
        )
    score = jnp.take_along_axis(predictions, targets[..., None], -1, mode="fill", fill_value=jnp.nan)[..., 0]
    above = jnp.sum(predictions > score[..., None], -1)
    # A target out of range has the score NaN, and is never in; nor is a prediction that isn't finite.
    return jnp.logical_and(jnp.isfinite(score), above < k)


@op
def view_as_complex(x: TensorLike) -> Tensor:
    """Converts pairs of real and imaginary parts in the last axis to complex numbers.

    Args:
        x: Tensor, `(..., 2)`.

    Returns:
        Complex tensor, `(...)`.

    Raises:
        ValueError: The last axis doesn't have size 2.

    >>> view_as_complex([[1.0, 2.0]])
    Array([1.+2.j], dtype=complex64)
    """
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"Last dimension of input must be size 2 (real and imaginary). Received shape: {x.shape}")
    wide = x.astype(promoted(x, "float32"))  # complex numbers have no 16-bit parts
    return lax.complex(wide[..., 0], wide[..., 1])


@op
def view_as_real(x: TensorLike) -> Tensor:
    """Converts complex numbers to pairs of real and imaginary parts in a new last axis.

    Args:
        x: Complex tensor, `(...)`.

    Returns:
        Float tensor, `(..., 2)`.

    >>> view_as_real(np.array([1.0 + 2.0j], "complex64"))
    Array([[1., 2.]], dtype=float32)
    """
    return jnp.stack([jnp.real(x), jnp.imag(x)], -1)


def _pair(x: Sequence[ArrayLike], rank: int = 1) -> Array:
    """Makes a complex tensor of at least `rank` axes from a pair (real, imaginary)."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    real, imaginary = (_float(jnp.asarray(v)) for v in x)
    input_rank(real, rank)
    if real.shape != imaginary.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and imaginary parts should "
            f"have the same shape. Received: x[0].shape = {real.shape}, x[1].shape = {imaginary.shape}"
        )
    return lax.complex(real, imaginary)


def _parts(z: Array) -> tuple[Array, Array]:
    return jnp.real(z), jnp.imag(z)


@op(keras_class="FFT")
def fft(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """Computes the discrete Fourier transform along the last axis.

    Args:
        x: Pair of tensors, real and imaginary part, `(..., n)` each.

    Returns:
        Pair of tensors, real and imaginary part, `(..., n)` each.

    Raises:
        ValueError: `x` is no pair of tensors of the same shape, or they have no axis.

    >>> fft((jnp.ones(2), jnp.zeros(2)))[0]
    Array([2., 0.], dtype=float32)
    """
    return _parts(jnp.fft.fft(_pair(x)))


@op(keras_class="FFT2")
def fft2(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """Computes the two-dimensional discrete Fourier transform along the last two axes.

    Args:
        x: Pair of tensors, real and imaginary part, `(..., m, n)` each.

    Returns:
        Pair of tensors, real and imaginary part, `(..., m, n)` each.

    Raises:
        ValueError: `x` is no pair of tensors of the same shape, or they have fewer than two axes.

    >>> fft2((jnp.ones((2, 2)), jnp.zeros((2, 2))))[0].tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return _parts(jnp.fft.fft2(_pair(x, 2)))


@op(keras_class="IFFT2")
def ifft2(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """Computes the inverse two-dimensional discrete Fourier transform along the last two axes.

    Args:
        x: Pair of tensors, real and imaginary part, `(..., m, n)` each.

    Returns:
        Pair of tensors, real and imaginary part, `(..., m, n)` each.

    Raises:
        ValueError: `x` is no pair of tensors of the same shape, or they have fewer than two axes.

    >>> ifft2((jnp.ones((2, 2)), jnp.zeros((2, 2))))[0].tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return _parts(jnp.fft.ifft2(_pair(x, 2)))


@op(keras_class="RFFT")
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Computes the discrete Fourier transform of real numbers along the last axis.

    Args:
        x: Real tensor, `(..., n)`.
        fft_length: Length to truncate or zero-pad `x` to; None for `n`.

    Returns:
        Pair of tensors, real and imaginary part, `(..., fft_length // 2 + 1)` each.

    Raises:
        ValueError: `x` has no axis, or `fft_length` is not positive.

    >>> rfft(jnp.ones(4))[0]
    Array([4., 0., 0.], dtype=float32)
    """
    input_rank(x, 1)
    return _parts(jnp.fft.rfft(_float(x), n=fft_length))


@op(keras_class="IRFFT")
def irfft(x: Sequence[TensorLike], fft_length: int | None = None) -> Tensor:
    """Computes the inverse of `rfft`.

    Args:
        x: Pair of tensors, real and imaginary part, `(..., frequencies)` each.
        fft_length: Length of the result; None for `2 * (frequencies - 1)`.

    Returns:
        Real tensor, `(..., fft_length)`.

    Raises:
        ValueError: `x` is no pair of tensors of the same shape, or they have no axis.

    >>> irfft((jnp.ones(2), jnp.zeros(2)))
    Array([1., 0.], dtype=float32)
    """
    return jnp.fft.irfft(_pair(x), n=fft_length)


@op
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Extracts sliding windows of the last axis.

    Args:
        x: Tensor, `(..., n)`.
        sequence_length: Window length.
        sequence_stride: Distance between the starts of consecutive windows.

    Returns:
        Tensor, `(..., windows, sequence_length)`.

    Raises:
        ValueError: `x` has no axis, or a length or stride is not a positive int.

    >>> extract_sequences([1, 2, 3, 4], 2, 2).tolist()
    [[1, 2], [3, 4]]
    """
    input_rank(x, 1)
    _at_least_one(sequence_length=sequence_length, sequence_stride=sequence_stride)
    count = 1 + (x.shape[-1] - sequence_length) // sequence_stride
    positions = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return jnp.take(x, positions, -1)


def _at_least_one(**sizes: int) -> None:
    for name, size in sizes.items():
        if not hasattr(size, "__index__") or size < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={size}")


def _window(window: ArrayLike, sequence_length: int, fft_length: int, dtype: DTypeLike) -> Array:
    """Returns a window padded to `fft_length`, centered."""
    _at_least_one(sequence_length=sequence_length, fft_length=fft_length)
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"If a string is passed to `window`, it must be one of `hann`, `hamming`. Received: window={window}"
            )
        steps = 2 * np.pi * np.arange(sequence_length) / sequence_length  # periodic
        a = 0.5 if window == "hann" else 0.54
        window = a - (1 - a) * np.cos(steps)
    elif window is None:
        window = np.ones(sequence_length)
    elif np.shape(window) != (sequence_length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={np.shape(window)}, sequence_length={sequence_length}"
        )
    left = (fft_length - sequence_length) // 2
    return jnp.pad(jnp.asarray(window, dtype), (left, fft_length - sequence_length - left))


@op(keras_class="STFT")
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: ArrayLike = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Computes the short-time Fourier transform along the last axis.

    Args:
        x: Real tensor, `(..., n)`.
        sequence_length: Window length.
        sequence_stride: Distance between the starts of consecutive windows (hop length).
        fft_length: Length of the transform, at least `sequence_length`.
        window: "hann", "hamming", a vector of `sequence_length` numbers, or None for a rectangular window.
        center: Whether to pad `x` by reflection so that windows are centered at multiples of the stride.

    Returns:
        Pair of tensors, real and imaginary part, `(..., windows, fft_length // 2 + 1)` each.

    Raises:
        ValueError: A length or stride is not a positive int, `fft_length` is below `sequence_length`, or `window` is
            unknown or of another length.

    >>> stft(jnp.ones((1, 16)), 8, 4, 8)[0].shape
    (1, 5, 5)
    """
    x = _float(x)
    win = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], "reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return _parts(jnp.fft.rfft(frames * win, n=fft_length))


@op(keras_class="ISTFT")
def istft(
    x: Sequence[TensorLike],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: ArrayLike = "hann",
    center: bool = True,
) -> Tensor:
    """Computes the inverse short-time Fourier transform.

    Args:
        x: Pair of tensors, real and imaginary part, `(..., windows, fft_length // 2 + 1)` each.
        sequence_length, sequence_stride, fft_length: Lengths given to `stft`.
        length: Length of the result; None for the length that the windows cover.
        window, center: Arguments given to `stft`.

    Returns:
        Real tensor, `(..., length)`.

    Raises:
        ValueError: `x` is no pair of tensors of the same shape, a length or stride is not a positive int, `fft_length`
            is below `sequence_length`, or `window` is unknown or of another length.

    >>> x = jnp.arange(16.0)
    >>> bool(jnp.allclose(istft(stft(x, 8, 4, 8), 8, 4, 8), x, atol=1e-5))
    True
    """
    _at_least_one(sequence_stride=sequence_stride)
    frames = jnp.fft.irfft(_pair(x, 2), n=fft_length)
    win = _window(window, sequence_length, fft_length, frames.dtype)
    count = frames.shape[-2]
    size = fft_length + (count - 1) * sequence_stride
    positions = (np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)).ravel()
    overlap = jnp.zeros((*frames.shape[:-2], size), frames.dtype)
    overlap = overlap.at[..., positions].add((frames * win).reshape((*frames.shape[:-2], -1)))
    weight = jnp.zeros(size, frames.dtype).at[positions].add(jnp.tile(jnp.square(win), count))
    # Overlap-add, normalized by the sum of squared windows: the least-squares inverse.
    out = overlap / jnp.where(weight > 1e-11, weight, 1)
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
        out = jnp.pad(out, [(0, 0)] * (out.ndim - 1) + [(0, max(0, end - size))])
    else:
        end = size - (fft_length // 2 if center else 0)
    return out[..., start:end]
