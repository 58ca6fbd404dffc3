"""Initializers without randomness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..core.buffers import as_numbers
from ..core.dtypes import numpy_dtype
from ..core.serialization import deserialize_keras_object
from ..core.types import ArrayLike, Config, DTypeLike
from .base import Initializer


class Zeros(Initializer):
    """Initializes with zeros.

    >>> keras.initializers.Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        return np.zeros(shape, numpy_dtype(dtype))


class Ones(Initializer):
    """Initializes with ones.

    >>> keras.initializers.Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        return np.ones(shape, numpy_dtype(dtype))


class Constant(Initializer):
    """Initializes with one value, or with an array that broadcasts to the shape.

    Args:
        value: A number or an array.

    >>> keras.initializers.Constant(3)((2,))
    array([3., 3.], dtype=float32)
    """

    def __init__(self, value: ArrayLike | Config = 0.0):
        self.value = deserialize_keras_object(value) if isinstance(value, dict) else value

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        return np.array(np.broadcast_to(as_numbers(self.value).astype(numpy_dtype(dtype)), shape))


class Identity(Initializer):
    """Initializes a matrix with the identity times `gain`.

    Args:
        gain: Value on the diagonal.

    Shapes that don't have rank 2 are a ValueError.

    >>> keras.initializers.Identity()((2, 2))
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices. Received: shape={tuple(shape)} of "
                f"rank {len(shape)}."
            )
        matrix = np.eye(*shape, dtype=numpy_dtype(dtype))
        return matrix if self.gain == 1 else (matrix * self.gain).astype(matrix.dtype)

    def get_config(self) -> dict[str, Any]:
        # Keras writes nothing and so forgets the gain; what it reads back is the same either way.
        return {} if self.gain == 1 else {"gain": self.gain}


class STFT(Initializer):
    """Initializes the kernel of a Conv1D that computes a short-time Fourier transform, as in models on raw audio.

    The kernel, `(frame, 1, frequencies)`, is the real or imaginary part of the windowed Fourier basis.

    Args:
        side: "real" or "imag".
        window: Name of a window of `scipy.signal`, an array of length `frame`, or None for no window.
        scaling: "density" divides by the root of the window's energy, "spectrum" by its sum; None for no scaling.
        periodic: Whether the window is periodic rather than symmetric.

    Raises:
        ValueError: `side`, `window` or `scaling` is unknown.

    >>> keras.initializers.STFT("real", window=None)((4, 1, 3))[:, 0].round(3) + 0.0
    array([[ 1.,  1.,  1.],
           [ 1.,  0., -1.],
           [ 1., -1.,  1.],
           [ 1.,  0., -1.]], dtype=float32)
    """

    def __init__(
        self,
        side: Literal["real", "imag"] = "real",
        window: ArrayLike = "hann",
        scaling: Literal["density", "spectrum"] | None = "density",
        periodic: bool = False,
    ):
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side}")
        if scaling not in ("density", "spectrum", None):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received scaling={scaling}"
            )
        if isinstance(window, str):
            _window(window, 4, periodic)  # an unknown name is an error here, not when the layer is built
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> np.ndarray:
        if len(shape) != 3:
            raise ValueError(f"STFT makes kernels of shape (frame, 1, frequencies). Received: shape={tuple(shape)}")
        frame, _, bins = shape
        angles = 2 * np.pi * np.outer(np.arange(frame), np.arange(bins)) / max(2 * (bins - 1), 1)
        basis = np.cos(angles) if self.side == "real" else -np.sin(angles)
        if self.window is not None:
            window = _window(self.window, frame, self.periodic)
            if self.scaling == "density":
                window = window / np.sqrt((window**2).sum())
            elif self.scaling == "spectrum":
                window = window / window.sum()
            basis = basis * window[:, None]
        return np.broadcast_to(basis[:, None], shape).astype(numpy_dtype(dtype))


def _window(window: ArrayLike, length: int, periodic: bool) -> np.ndarray:
    if not isinstance(window, str):
        return np.asarray(window, np.float64)
    from scipy.signal import get_window

    try:
        return get_window(window, length, fftbins=periodic)
    except ValueError as error:
        raise ValueError(f"Invalid window name '{window}' in parameter window='{window}'! {error}") from None


# Keras's other public names of the same classes.
zeros, ones, constant, identity, stft = Zeros, Ones, Constant, Identity, STFT
IdentityInitializer, STFTInitializer = Identity, STFT
