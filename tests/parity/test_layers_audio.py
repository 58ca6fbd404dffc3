"""Spectrograms against Keras."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import addax
from addax import layers
from tests.layers.contract import Case
from tests.parity.layer_check import check_parity, plain

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
SIGNALS = (np.sin(np.arange(1000) * 0.2) + RNG.normal(size=(2, 1000)) / 10).astype("float32")
STFT = [
    {"mode": "log"},
    {"mode": "magnitude", "fft_length": 64, "scaling": "spectrum"},
    {"mode": "psd", "window": "hamming", "periodic": True},
    {"mode": "real", "padding": "same"},
    {"mode": "imag", "window": None, "frame_step": 7},
    {"mode": "stft", "scaling": None},
    {"mode": "stft", "expand_dims": True},
    {"mode": "magnitude", "data_format": "channels_first"},
    {"mode": "magnitude", "data_format": "channels_first", "expand_dims": True},
]
MEL = [
    {},
    {"sequence_length": 200, "window": "hamming", "power_to_db": False},
    {"mag_exp": 1.0, "min_freq": 100.0, "max_freq": 3000.0, "ref_power": 2.0, "min_power": 1e-3},
    {"sampling_rate": 8000, "top_db": 200.0},
]


@pytest.mark.parametrize("kwargs", STFT, ids=str)
def test_stft(kwargs):
    kwargs = {"frame_length": 32, "frame_step": 16, **kwargs}
    signals = np.stack([SIGNALS[:, :200], SIGNALS[:, 200:400]], 1 if "data_format" in kwargs else -1)
    ours, theirs = (k.STFTSpectrogram(**kwargs, name="stft") for k in (layers, keras.layers))
    found, expected = ours(signals), theirs(signals)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    assert [(v.path, v.shape, v.trainable) for v in ours.weights] == [
        (v.path, v.shape, v.trainable) for v in theirs.weights
    ]
    for mine, other in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    assert tuple(ours.compute_output_shape(signals.shape)) == expected.shape
    assert ours(addax.KerasTensor((None, *signals.shape[1:]))).shape == (None, *expected.shape[1:])


@pytest.mark.parametrize("kwargs", MEL, ids=str)
def test_mel(kwargs):
    kwargs = {"fft_length": 256, "sequence_stride": 64, "num_mel_bins": 20, **kwargs}
    ours, theirs = (k.MelSpectrogram(**kwargs, name="mel") for k in (layers, keras.layers))
    # The limit of decibels follows from each signal; in Keras, from all of a batch.
    for signals in (SIGNALS[:1], SIGNALS[0]):
        found, expected = ours(signals), theirs(signals)
        assert found.shape == expected.shape == tuple(ours.compute_output_shape(signals.shape))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert plain(ours.get_config()) == plain(theirs.get_config())
    np.testing.assert_allclose(ours(SIGNALS)[1], ours(SIGNALS[1]), rtol=1e-4, atol=1e-3)


def test_magnitudes_are_those_of_numpy():
    layer = layers.STFTSpectrogram("magnitude", frame_length=32, frame_step=16, window=None)
    frames = np.lib.stride_tricks.sliding_window_view(SIGNALS[0, :128], 32)[::16]
    np.testing.assert_allclose(layer(SIGNALS[:1, :128, None])[0], np.abs(np.fft.rfft(frames)), atol=1e-3)


@pytest.mark.parametrize("name", ["STFTSpectrogram", "MelSpectrogram"])
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(k, name)).parameters.values() for k in (layers, keras.layers))
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("STFTSpectrogram", {"mode": "power"}, "Output mode is invalid"),
        ("STFTSpectrogram", {"frame_length": 10, "frame_step": 20}, "`frame_step` should be a positive integer"),
        ("STFTSpectrogram", {"frame_length": 64, "fft_length": 32}, "`fft_length` should be not less than"),
        ("STFTSpectrogram", {"scaling": "power"}, "Scaling is invalid"),
        ("STFTSpectrogram", {"padding": "full"}, "Padding is invalid"),
        ("MelSpectrogram", {"fft_length": 64, "sequence_length": 128}, "`fft_length` must be greater than or equal to"),
    ],
)
def test_errors(name, kwargs, message):
    for room in (layers, keras.layers):
        with pytest.raises(ValueError, match=message):
            getattr(room, name)(**kwargs)


def test_gradients():
    check_parity(Case("STFTSpectrogram", {"mode": "psd", "frame_length": 8, "frame_step": 4}, (2, 20, 1), atol=1e-4))
