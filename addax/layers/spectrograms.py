"""Spectrograms of audio: `STFTSpectrogram`, a convolution with sines and cosines, and `MelSpectrogram`."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..core.config import standardize_data_format
from ..core.dtypes import numpy_dtype
from ..core.engine import jnp
from ..core.op import Tensor
from ..core.types import Array, DTypeLike, LayerOptions
from ..core.warnings import warn
from ..kernels import conv as conv_kernels
from .data_layer import DataLayer
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import choice, count, flag, number, wide_dtype

_WINDOWS = ("hann", "hamming")
_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


def window_weights(name: str | None, size: int, periodic: bool = True) -> np.ndarray:
    """Returns the weights of a window function, in float64: raised cosines, or ones for None.

    >>> window_weights("hann", 4)
    array([0. , 0.5, 1. , 0.5])
    """
    if name is None or size == 1:
        return np.ones(size)
    offset = {"hann": 0.5, "hamming": 0.54}[name]
    angles = 2 * np.pi * np.arange(size) / (size if periodic else size - 1)
    return offset - (1 - offset) * np.cos(angles)


class STFTSpectrogram(Layer):
    """Computes spectrograms of signals by a short-time Fourier transform, a convolution with trainable kernels.

    Args:
        mode: Result: "log" (of the magnitude), "magnitude", "psd" (power spectral density), "real", "imag", "angle", or
            "stft" for real and imaginary parts, joined.
        frame_length: Length of the frames, in samples.
        frame_step: Distance of the frames; None for half of `frame_length`.
        fft_length: Length of the transform, at least `frame_length`; None for the next power of two.
        window: "hann" or "hamming"; None for no window.
        periodic: Whether the window is periodic rather than symmetric.
        scaling: "density", "spectrum", or None for no scaling of the window.
        padding: "valid" or "same".
        expand_dims: Whether channels stay an axis of their own, rather than joining the frequencies.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is unknown, or the lengths don't fit together.

    Call arguments: `inputs`: signals, `(batch, samples, channels)`.

    >>> keras.layers.STFTSpectrogram("magnitude", frame_length=64, frame_step=32)(np.ones((1, 256, 1))).shape
    (1, 7, 33)
    """

    rowwise = "always"

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: str | None = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        named = f"(layer '{self.name}' of type STFTSpectrogram)"
        if mode not in _MODES:
            raise ValueError(f"Output mode is invalid, it must be one of {', '.join(_MODES)}. Received: mode={mode}")
        if scaling not in ("density", "spectrum", None):
            raise ValueError(
                f"Scaling is invalid, it must be `None`, 'density' or 'spectrum'. Received: scaling={scaling} {named}"
            )
        if padding not in ("valid", "same"):
            raise ValueError(f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding} {named}")
        self.mode = mode
        self.frame_length = count(self, "frame_length", frame_length)
        if frame_step is not None and not 0 < frame_step <= frame_length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. Received "
                f"frame_step={frame_step}, frame_length={frame_length} {named}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"`fft_length` should be not less than `frame_length`. Received fft_length={fft_length}, "
                f"frame_length={frame_length} {named}"
            )
        if fft_length is not None and fft_length & (fft_length - 1):
            warn(f"`fft_length` is recommended to be a power of two. Received fft_length={fft_length}")
        self.window = None if window is None else choice(self, "window", window, _WINDOWS)
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.periodic = flag(self, "periodic", periodic)
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = flag(self, "expand_dims", expand_dims)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)

    @property
    def _step(self) -> int:
        return self.frame_step or self.frame_length // 2 or 1

    @property
    def _length(self) -> int:
        """The length of the transform."""
        return self.fft_length or 1 << (self.frame_length - 1).bit_length()

    @property
    def _bins(self) -> int:
        bins = self._length // 2 + 1
        return 2 * bins if self.mode == "stft" else bins

    def build(self, input_shape: Shape) -> None:
        bins = self._length // 2 + 1

        def kernel(function: Any) -> Any:
            window = window_weights(self.window, self.frame_length, self.periodic)
            if self.window is not None and self.scaling is not None:
                density = self.scaling == "density"
                window = window / (np.sqrt((window**2).sum()) if density else abs(window.sum()))
            # Only the product modulo the length matters, and it is exact.
            turns = np.outer(np.arange(self.frame_length), np.arange(bins)) % self._length / self._length
            values = window[:, None, None] * function(2 * np.pi * turns)[:, None, :]

            def initializer(shape: Shape, dtype: DTypeLike = None) -> Array:
                return jnp.asarray(values, dtype)

            return self.add_weight(
                name=f"{'real' if function is np.cos else 'imag'}_kernel",
                shape=(self.frame_length, 1, bins),
                initializer=initializer,
            )

        if self.mode != "imag":
            self.real_kernel = kernel(np.cos)
        if self.mode != "real":
            self.imag_kernel = kernel(_minus_sine)

    def call(self, inputs: Tensor) -> Tensor:
        signals = inputs if self.data_format == "channels_first" else jnp.swapaxes(inputs, 1, 2)
        batch, channels, samples = signals.shape
        alone = signals.reshape(batch * channels, samples, 1)
        parts = [
            conv_kernels.conv(alone, kernel.value, self._step, self.padding)
            for kernel in (getattr(self, name, None) for name in ("real_kernel", "imag_kernel"))
            if kernel is not None
        ]
        found = self._result(parts)
        found = found.reshape(batch, channels, *found.shape[1:])  # (batch, channels, frames, frequencies)
        if self.data_format == "channels_last":
            moved = jnp.moveaxis(found, 1, -1 if self.expand_dims else 2)
            return moved if self.expand_dims else moved.reshape(*moved.shape[:2], -1)
        if self.expand_dims:
            return found
        return jnp.swapaxes(found, 2, 3).reshape(batch, channels * self._bins, -1)

    def _result(self, parts: list[Array]) -> Array:
        if self.mode in ("real", "imag"):
            return parts[0]
        if self.mode == "stft":
            return jnp.concatenate(parts, -1)
        real, imag = parts
        if self.mode == "angle":
            return jnp.arctan2(imag, real)
        power = real**2 + imag**2
        if self.mode == "psd":
            # Frequencies other than 0 and the highest one stand for their negatives, too.
            once = jnp.arange(power.shape[-1]) % (self._length // 2) == 0
            return power * jnp.where(once, 1, 2).astype(power.dtype)
        magnitude = jnp.sqrt(jnp.maximum(power, jnp.asarray(1e-14, power.dtype)))
        return jnp.log(jnp.maximum(magnitude, 1e-7)) if self.mode == "log" else magnitude

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        last = self.data_format == "channels_last"
        batch, samples, channels = input_shape if last else (input_shape[0], input_shape[2], input_shape[1])
        frames = None
        if samples is not None:
            inside = (samples - self.frame_length) // self._step + 1
            frames = -(-samples // self._step) if self.padding == "same" else inside
        joined = None if channels is None else channels * self._bins
        if last:
            return (batch, frames, self._bins, channels) if self.expand_dims else (batch, frames, joined)
        return (batch, channels, frames, self._bins) if self.expand_dims else (batch, joined, frames)


def _minus_sine(x: np.ndarray) -> np.ndarray:
    return -np.sin(x)


class MelSpectrogram(DataLayer):
    """Computes spectrograms of signals on the mel scale, in decibels.

    Args:
        fft_length: Length of the transform.
        sequence_stride: Distance of the frames, in samples.
        sequence_length: Length of the frames; None for `fft_length`.
        window: "hann" or "hamming".
        sampling_rate: Samples per second.
        num_mel_bins: Number of bands.
        min_freq, max_freq: Lowest and highest frequency of the bands, in hertz; None for half of `sampling_rate`.
        power_to_db: Whether to convert powers to decibels.
        top_db: Span below the maximum of a spectrogram, in decibels, that values are clipped to; None for no limit.
        mag_exp: Exponent of the magnitudes: 1 for magnitudes, 2 for powers.
        min_power: Least power, which smaller ones are raised to.
        ref_power: Power of 0 decibels.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `window` is unknown, or `sequence_length` is greater than `fft_length`.

    Call arguments: `inputs`: signals, `(batch, samples)` or `(samples,)`.

    Returns: `(batch, num_mel_bins, frames)` or `(num_mel_bins, frames)`.

    >>> keras.layers.MelSpectrogram(256, 64, num_mel_bins=20)(np.ones((1, 1024))).shape
    (1, 20, 17)
    """

    rowwise = "always"

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float | None = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self.fft_length = count(self, "fft_length", fft_length)
        self.sequence_stride = count(self, "sequence_stride", sequence_stride)
        self.sequence_length = sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"`sequence_length`={sequence_length}, `fft_length`={fft_length}. (layer '{self.name}' of type "
                "MelSpectrogram)"
            )
        self.window = choice(self, "window", window, _WINDOWS)
        self.sampling_rate = number(self, "sampling_rate", sampling_rate, least=0)
        self.num_mel_bins = count(self, "num_mel_bins", num_mel_bins)
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power

    def call(self, inputs: Tensor) -> Tensor:
        dtype = numpy_dtype(wide_dtype(self.compute_dtype))
        signals = jnp.asarray(inputs, dtype)
        single = signals.ndim == 1
        signals = signals[None] if single else signals
        half = self.fft_length // 2
        padded = jnp.pad(signals, ((0, 0), (half, half)), mode="reflect")
        frames = (padded.shape[1] - self.fft_length) // self.sequence_stride + 1
        index = jnp.arange(frames)[:, None] * self.sequence_stride + jnp.arange(self.fft_length)
        window = np.zeros(self.fft_length)
        start = (self.fft_length - self.sequence_length) // 2
        window[start : start + self.sequence_length] = window_weights(self.window, self.sequence_length)
        magnitudes = jnp.abs(jnp.fft.rfft(padded[:, index] * jnp.asarray(window, dtype)))
        bands = magnitudes**self.mag_exp @ jnp.asarray(self.linear_to_mel_weight_matrix(), dtype)
        found = jnp.swapaxes(bands, 1, 2)
        if self.power_to_db:
            found = self._decibels(found)
        return (found[0] if single else found).astype(numpy_dtype(self.compute_dtype))

    def _decibels(self, power: Array) -> Array:
        level = 10 * jnp.log10(jnp.maximum(power, self.min_power))
        level = level - 10 * float(np.log10(max(self.ref_power, self.min_power)))
        if self.top_db is None:
            return level
        return jnp.maximum(level, level.max((1, 2), keepdims=True) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int | None = None,
        num_spectrogram_bins: int | None = None,
        sampling_rate: float | None = None,
        lower_edge_hertz: float | None = None,
        upper_edge_hertz: float | None = None,
        dtype: DTypeLike = "float32",
    ) -> np.ndarray:
        """Returns the weights of the frequencies in the bands: triangles on the mel scale.

        Args:
            num_mel_bins: Number of bands.
            num_spectrogram_bins: Number of frequencies, from 0 to half the sampling rate.
            sampling_rate: Samples per second.
            lower_edge_hertz, upper_edge_hertz: Edges of the lowest and the highest band.
            dtype: Dtype.

        Each argument but `dtype` may be None for that of the layer.

        Returns:
            Array, `(num_spectrogram_bins, num_mel_bins)`.
        """
        bands = num_mel_bins or self.num_mel_bins
        bins = num_spectrogram_bins or self.fft_length // 2 + 1
        rate = sampling_rate or self.sampling_rate
        low = self.min_freq if lower_edge_hertz is None else lower_edge_hertz
        high = self.max_freq if upper_edge_hertz is None else upper_edge_hertz
        mels = _hertz_to_mel(np.linspace(0, rate / 2, bins))[:, None]
        edges = np.linspace(_hertz_to_mel(low), _hertz_to_mel(high), bands + 2)
        rising = (mels - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - mels) / (edges[2:] - edges[1:-1])
        weights = np.maximum(0, np.minimum(rising, falling))
        weights[0] = 0  # the constant part of the signal
        return weights.astype(numpy_dtype(dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        samples = input_shape[-1]
        half = self.fft_length // 2
        frames = None if samples is None else (samples + 2 * half - self.fft_length) // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)


def _hertz_to_mel(frequencies: Any) -> Any:
    return 2595 * np.log10(1 + np.asarray(frequencies, "float64") / 700)
