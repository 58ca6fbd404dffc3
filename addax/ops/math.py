"""Segments, spectra, special functions and rankings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.engine import is_tracer, jax, jnp, lax
from ..core.op import Axis, Tensor, TensorLike, op
from .checks import broadcastable, differ, input_rank, least_rank


def _float(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(x, float))


@op(keras_class="CDist")
def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """Euclidean distance of each row of `x` from each row of `y`.

    Args:
        x: Tensor, `(..., n, d)`.
        y: Tensor, `(..., m, d)`.

    Returns:
        Tensor, `(..., n, m)`.

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
    difference = jnp.expand_dims(_float(x), -2) - jnp.expand_dims(_float(y), -3)
    return jnp.sqrt(jnp.sum(jnp.square(difference), -1))


def _special(name: str, what: str) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return getattr(lax, name)(_float(x))

    function.__name__ = function.__qualname__ = "erfinv" if name == "erf_inv" else name
    function.__doc__ = f"{what}\n\nArgs:\n    x: Tensor.\n\nReturns:\n    Tensor of the shape of `x`.\n"
    return op(function)


erf = _special("erf", "The error function.")
erfc = _special("erfc", "1 minus the error function, exact also where that is tiny.")
erfinv = _special("erf_inv", "The inverse of the error function.")
rsqrt = _special("rsqrt", "`1 / sqrt(x)`.")


@op
def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """`log(sum(exp(x)))` without overflow.

    >>> logsumexp([1000.0, 1000.0])
    Array(1000.6932, dtype=float32)
    """
    return jax.nn.logsumexp(x, tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)


@op
def logdet(x: TensorLike) -> Tensor:
    """Logarithm of the absolute value of the determinant of each matrix.

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
                "Argument `num_segments` must be set when using the JAX backend. Received: num_segments=None. In "
                "compiled code, and for symbolic tensors, there are no values that it could be read off."
            )
        if segment_ids.ndim != 1:
            raise ValueError(f"Argument `segment_ids` should be an 1-D vector, got shape: {segment_ids.shape}. ")
        if data.ndim < 1 or differ(data.shape[0], segment_ids.shape[0]):
            raise ValueError(
                "Argument `segment_ids` and `data` should have same leading dimension. "
                f"Got {tuple(segment_ids.shape)} v.s. {tuple(data.shape)}."
            )
        return getattr(jax.ops, name)(data, segment_ids, num_segments, indices_are_sorted=sorted)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{what}\n\nArgs:\n    data: Tensor, `(n, ...)`.\n    segment_ids: Which segment each slice belongs to, ints "
        "of shape `(n,)`.\n    num_segments: How many there are; None to read it off `segment_ids`, which is "
        "possible for values alone: not when compiled, nor for symbolic tensors.\n    sorted: Whether `segment_ids` is "
        "known to increase, which is quicker.\n\n"
        f"Returns:\n    Tensor, `(num_segments, ...)`; {empty} for an empty segment.\n"
    )
    return op(function)


segment_max = _segment("segment_max", "Maximum of the slices of each segment.", "the least number")
segment_min = _segment("segment_min", "Minimum of the slices of each segment.", "the greatest number")
segment_prod = _segment("segment_prod", "Product of the slices of each segment.", "1")
segment_sum = _segment("segment_sum", "Sum of the slices of each segment.", "0")


@op
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` greatest elements along the last axis, greatest first, and their indices.

    Args:
        x: Tensor.
        k: How many.
        sorted: Kept for compatibility: they always are.

    >>> [v.tolist() for v in top_k([1, 5, 3], 2)]
    [[5, 3], [1, 2]]
    """
    values, indices = lax.top_k(x, k)
    return values, indices


@op
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether each target is among the `k` classes with the greatest predictions; ties count as in.

    Args:
        targets: Classes as ints, `(batch,)`.
        predictions: Tensor, `(batch, classes)`.
        k: How many.

    >>> in_top_k([1], [[0.1, 0.7, 0.2]], 1)
    Array([ True], dtype=bool)
    """
    if predictions.ndim != targets.ndim + 1 or not broadcastable(targets.shape, predictions.shape[:-1]):
        raise ValueError(
            "`predictions` must have the shape of `targets` and an axis of classes after it. "
            f"Received: targets.shape={targets.shape}, predictions.shape={predictions.shape}"
        )
    score = jnp.take_along_axis(predictions, targets[..., None], -1, mode="fill", fill_value=jnp.nan)[..., 0]
    above = jnp.sum(predictions > score[..., None], -1)
    # A target out of range, or a prediction that is not finite, is never in.
    return jnp.logical_and(jnp.isfinite(score), above < k)


@op
def view_as_complex(x: TensorLike) -> Tensor:
    """Complex numbers from real and imaginary parts in the last axis.

    >>> view_as_complex([[1.0, 2.0]])
    Array([1.+2.j], dtype=complex64)
    """
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(f"Last dimension of input must be size 2 (real and imaginary). Received shape: {x.shape}")
    return lax.complex(*(_float(x)[..., i] for i in (0, 1)))


@op
def view_as_real(x: TensorLike) -> Tensor:
    """Real and imaginary parts of complex numbers, in a new last axis.

    >>> view_as_real(np.array([1.0 + 2.0j], "complex64"))
    Array([[1., 2.]], dtype=float32)
    """
    return jnp.stack([jnp.real(x), jnp.imag(x)], -1)


def _pair(x: Any, rank: int = 1) -> Any:
    """A complex tensor of at least `rank` axes from the pair (real, imaginary)."""
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


def _parts(z: Any) -> tuple[Any, Any]:
    return jnp.real(z), jnp.imag(z)


@op(keras_class="FFT")
def fft(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform along the last axis.

    Args:
        x: Pair of tensors: real and imaginary part.

    Returns:
        Such a pair.

    >>> fft((jnp.ones(2), jnp.zeros(2)))[0]
    Array([2., 0.], dtype=float32)
    """
    return _parts(jnp.fft.fft(_pair(x)))


@op(keras_class="FFT2")
def fft2(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform along the last two axes; takes and returns a pair, as `fft`.

    >>> fft2((jnp.ones((2, 2)), jnp.zeros((2, 2))))[0].tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    return _parts(jnp.fft.fft2(_pair(x, 2)))


@op(keras_class="IFFT2")
def ifft2(x: Sequence[TensorLike]) -> tuple[Tensor, Tensor]:
    """The inverse of `fft2`.

    >>> ifft2((jnp.ones((2, 2)), jnp.zeros((2, 2))))[0].tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    return _parts(jnp.fft.ifft2(_pair(x, 2)))


@op(keras_class="RFFT")
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform of real numbers along the last axis.

    Args:
        x: Tensor.
        fft_length: Length to cut or pad `x` to; None for its own.

    Returns:
        Real and imaginary part, with `fft_length // 2 + 1` frequencies.

    >>> rfft(jnp.ones(4))[0]
    Array([4., 0., 0.], dtype=float32)
    """
    input_rank(x, 1)
    return _parts(jnp.fft.rfft(_float(x), n=fft_length))


@op(keras_class="IRFFT")
def irfft(x: Sequence[TensorLike], fft_length: int | None = None) -> Tensor:
    """The inverse of `rfft`.

    Args:
        x: Pair of tensors: real and imaginary part.
        fft_length: Length of the result; None for `2 * (frequencies - 1)`.

    >>> irfft((jnp.ones(2), jnp.zeros(2)))
    Array([1., 0.], dtype=float32)
    """
    return jnp.fft.irfft(_pair(x), n=fft_length)


@op
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Windows of the last axis.

    Args:
        x: Tensor, `(..., n)`.
        sequence_length: Size of a window.
        sequence_stride: Distance of one window from the next.

    Returns:
        Tensor, `(..., windows, sequence_length)`.

    >>> extract_sequences([1, 2, 3, 4], 2, 2).tolist()
    [[1, 2], [3, 4]]
    """
    input_rank(x, 1)
    _at_least_one(sequence_length=sequence_length, sequence_stride=sequence_stride)
    count = 1 + (x.shape[-1] - sequence_length) // sequence_stride
    positions = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return jnp.take(x, positions, -1)


def _at_least_one(**sizes: Any) -> None:
    for name, size in sizes.items():
        if not hasattr(size, "__index__") or size < 1:
            raise ValueError(f"`{name}` must be a positive integer. Received: {name}={size}")


def _window(window: Any, sequence_length: int, fft_length: int, dtype: Any) -> Any:
    """The window as `fft_length` numbers, centred."""
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
    window: Any = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Spectra of overlapping windows of the last axis.

    Args:
        x: Tensor, `(..., n)`.
        sequence_length: Size of a window.
        sequence_stride: Distance of one window from the next.
        fft_length: Size of the transform, at least `sequence_length`.
        window: "hann", "hamming", a vector of `sequence_length` numbers, or None for none.
        center: Whether to pad so that windows are centred on their positions.

    Returns:
        Real and imaginary part, `(..., windows, fft_length // 2 + 1)`.

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
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The inverse of `stft`.

    Args:
        x: Pair of tensors: real and imaginary part, `(..., windows, fft_length // 2 + 1)`.
        sequence_length, sequence_stride, fft_length, window, center: As given to `stft`.
        length: Size of the result; None for what the windows cover.

    Returns:
        Tensor, `(..., n)`.

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
    out = overlap / jnp.where(weight > 1e-11, weight, 1)
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
        out = jnp.pad(out, [(0, 0)] * (out.ndim - 1) + [(0, max(0, end - size))])
    else:
        end = size - (fft_length // 2 if center else 0)
    return out[..., start:end]
