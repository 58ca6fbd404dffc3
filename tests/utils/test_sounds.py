"""Sound files of all widths, and resampling, against closed forms."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

import addax
from addax.utils.resizing import resample


def write(path: Path, levels: np.ndarray, width: int, rate: int = 8000) -> None:
    """Writes levels in [-1, 1), `(length, channels)`, as integers of `width` bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scaled = np.round(levels * 2.0 ** (8 * width - 1)).astype("int64")
    data = (scaled + 128).astype("uint8")[..., None] if width == 1 else scaled.astype("<i8").view("uint8")
    data = data.reshape(*levels.shape, -1)[..., :width]
    with wave.open(str(path), "wb") as file:
        file.setparams((levels.shape[1], width, rate, 0, "NONE", ""))
        file.writeframes(data.tobytes())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths(width: int, channels: int, tmp_path: Path) -> None:
    levels = np.linspace(-1, 0.99, 14).reshape(-1, channels)
    write(tmp_path / "a" / "0.wav", levels, width)
    dataset = addax.utils.audio_dataset_from_directory(tmp_path, verbose=False)
    ((x, y),) = dataset
    assert x.dtype == np.float32 and x.shape == (1, *levels.shape) and y.tolist() == [0]
    np.testing.assert_allclose(x[0], levels, rtol=0, atol=0.51 / 2 ** (8 * width - 1) + 1e-7)


def test_what_is_no_wav_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"bad\.wav can't be read as WAV"):
        next(iter(addax.utils.audio_dataset_from_directory(tmp_path, verbose=False)))


@pytest.mark.parametrize("ratio", [0.5, 2.0, 1.5, 0.3, 1.0])
def test_resampling_keeps_a_tone(ratio: float) -> None:
    """A sine below both limits is the same sine at the new times; one above the new limit is gone."""
    n = 800
    wave_of = lambda times, frequency: np.sin(2 * np.pi * frequency * times)[:, None]  # noqa: E731
    got = resample(wave_of(np.arange(n), 0.05), ratio)
    times = np.arange(round(n * ratio)) / ratio
    assert got.dtype == np.float32 and got.shape == (len(times), 1)
    inner = (times > 70) & (times < n - 70)
    np.testing.assert_allclose(got[inner], wave_of(times, 0.05)[inner], rtol=0, atol=5e-3)
    if ratio < 1:
        gone = resample(wave_of(np.arange(n), 0.5 * ratio + 0.1), ratio)
        assert np.abs(gone[inner]).max() < 0.02


def test_sampling_rate(tmp_path: Path) -> None:
    times = np.arange(1000) / 8000
    write(tmp_path / "a" / "0.wav", 0.5 * np.sin(2 * np.pi * 440 * times)[:, None], 2)
    dataset = addax.utils.audio_dataset_from_directory(
        tmp_path, sampling_rate=4000, output_sequence_length=450, labels=None, batch_size=None, verbose=False
    )
    (x,) = dataset
    np.testing.assert_allclose(x[50:400, 0], 0.5 * np.sin(2 * np.pi * 440 * np.arange(50, 400) / 4000), atol=5e-3)
