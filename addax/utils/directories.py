"""Datasets of the files in a folder, with labels from the names of its folders."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..callbacks.output import print_msg
from ..core.config import standardize_data_format
from ..data.dataset import Dataset, ElementSpec
from . import resizing
from .images import pillow, size_of

Labels = str | Sequence[int] | None

_CHANNELS = {"rgb": ("RGB", 3), "rgba": ("RGBA", 4), "grayscale": ("L", 1)}
_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Dataset | tuple[Dataset, Dataset]:
    """Makes a dataset of the image files in a folder, which has one folder for each class.

    Threads read the files ahead. Each pass has an order of its own, which follows from the seed.

    Args:
        directory: The folder.
        labels: "inferred" from the folders, None for none, or a list of integers in the order of the sorted paths.
        label_mode: "int" (int32), "binary" (float32, `(batch, 1)`), "categorical" (one-hot, float32) or None.
        class_names: Names of the folders to use, in the order of their labels; None for all, sorted.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: Images per batch; None for single images.
        image_size: Height and width to resize to.
        shuffle: Whether to shuffle; otherwise paths are sorted.
        seed: Seed of the order and of the split; drawn when None.
        validation_split: Fraction of the files for validation.
        subset: "training", "validation", or "both"; needed with `validation_split`.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or "mitchellcubic".
        follow_links: Whether to follow symbolic links to folders.
        crop_to_aspect_ratio: Whether to crop the center to the new aspect ratio first, rather than distort.
        pad_to_aspect_ratio: Whether to pad to the new aspect ratio first, rather than distort.
        data_format: "channels_last" or "channels_first"; None for the default.
        format: "tf" or "grain", which both stand for addax's own `Dataset`.
        verbose: Whether to print the number of files and classes.

    Returns:
        `Dataset` of images in [0, 255], `(batch, height, width, channels)`, float32 (uint8 for "nearest"), or of pairs
        of them and labels; two of them for "both".

    Raises:
        ValueError: An argument is wrong, or there are no images.
        ImportError: Pillow is not installed.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("cat", "dog"):
    ...     (folder / name).mkdir()
    ...     keras.utils.save_img(folder / name / "1.png", np.zeros((5, 6, 3)))
    >>> dataset = keras.utils.image_dataset_from_directory(folder, image_size=(4, 4), shuffle=False)
    Found 2 files belonging to 2 classes.
    >>> [(x.shape, y.tolist()) for x, y in dataset]
    [((2, 4, 4, 3), [0, 1])]
    """
    if color_mode not in _CHANNELS:
        raise ValueError(
            f'`color_mode` must be one of {{"rgb", "rgba", "grayscale"}}. Received: color_mode={color_mode}'
        )
    if interpolation not in resizing.METHODS:
        raise ValueError(
            f"Argument `interpolation` should be one of {resizing.METHODS}. Received: interpolation={interpolation}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`.")
    size = size_of("image_size", image_size)
    first = standardize_data_format(data_format) == "channels_first"
    mode, channels = _CHANNELS[color_mode]
    pillow()  # an error now, rather than in a thread

    def load(path: str) -> np.ndarray:
        image = _decode(path, mode)
        if crop_to_aspect_ratio:
            image = resizing.crop_to_ratio(image, size)
        elif pad_to_aspect_ratio:
            image = resizing.pad_to_ratio(image, size)
        image = resizing.resize(image, size, interpolation)
        return np.ascontiguousarray(image.transpose(2, 0, 1)) if first else image

    dtype = "uint8" if interpolation == "nearest" else "float32"
    spec = ElementSpec((channels, *size) if first else (*size, channels), dtype)
    kind = Kind("image", "images", "images", f"Allowed formats: {_IMAGES}", _IMAGES)
    request = Request(labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose)
    return _datasets(directory, kind, request, format, load, batch_size, spec)


def text_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Dataset | tuple[Dataset, Dataset]:
    """Makes a dataset of the `.txt` files in a folder, which has one folder for each class.

    Args:
        directory, labels, label_mode, class_names: As in `image_dataset_from_directory`.
        batch_size: Texts per batch; None for single texts.
        max_length: Number of characters after which texts are cut off; None for no limit.
        shuffle, seed, validation_split, subset, follow_links, format, verbose: As in `image_dataset_from_directory`.

    Returns:
        `Dataset` of texts, object arrays of `str`, `(batch,)`, or of pairs of them and labels; two of them for "both".

    Raises:
        ValueError: An argument is wrong, or there are no texts.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("bad", "good"):
    ...     (folder / name).mkdir(); _ = (folder / name / "1.txt").write_text(f"A {name} film")
    >>> dataset = keras.utils.text_dataset_from_directory(folder, shuffle=False, verbose=False)
    >>> [(x.tolist(), y.tolist()) for x, y in dataset]
    [(['A bad film', 'A good film'], [0, 1])]
    """

    def load(path: str) -> str:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:
            return file.read(-1 if max_length is None else max_length)

    kind = Kind("text", "text files", "text samples", "Allowed format: .txt", (".txt",))
    request = Request(labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose)
    return _datasets(directory, kind, request, format, load, batch_size, ElementSpec((), "string"))


def audio_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Labels = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Dataset | tuple[Dataset, Dataset]:
    """Makes a dataset of the `.wav` files in a folder, which has one folder for each class.

    Args:
        directory, labels, label_mode, class_names: As in `image_dataset_from_directory`.
        batch_size: Recordings per batch; None for single ones.
        sampling_rate: Samples per second to resample to; None for those of the files.
        output_sequence_length: Number of samples to cut or pad to with zeros; None for that of the longest in a batch.
        ragged: Whether batches are object arrays of recordings of their own lengths.
        shuffle, seed, validation_split, subset, follow_links, verbose: As in `image_dataset_from_directory`.

    Returns:
        `Dataset` of float32 samples in [-1, 1), `(batch, length, channels)`, or of pairs of them and labels; two of
        them for "both".

    Raises:
        ValueError: An argument is wrong, or there are no recordings.

    >>> import pathlib, tempfile, wave
    >>> folder = pathlib.Path(tempfile.mkdtemp()); (folder / "hum").mkdir()
    >>> with wave.open(str(folder / "hum" / "1.wav"), "wb") as file:
    ...     file.setparams((1, 2, 8000, 0, "NONE", "")); file.writeframes(np.full(3, 16384, "<i2").tobytes())
    >>> dataset = keras.utils.audio_dataset_from_directory(folder, verbose=False)
    >>> [x.ravel().tolist() for x, y in dataset]
    [[0.5, 0.5, 0.5]]
    """
    if sampling_rate is not None:
        if not isinstance(sampling_rate, int):
            raise ValueError(f"`sampling_rate` should have an integer value. Received: sampling_rate={sampling_rate}")
        if sampling_rate <= 0:
            raise ValueError(f"`sampling_rate` should be higher than 0. Received: sampling_rate={sampling_rate}")
    if ragged and output_sequence_length is not None:
        raise ValueError("Cannot set both `ragged` and `output_sequence_length`")

    def load(path: str) -> np.ndarray:
        samples, rate = _read_wave(path)
        if sampling_rate is not None:
            samples = resizing.resample(samples, sampling_rate / rate)
        if output_sequence_length is None:
            return samples
        samples = samples[:output_sequence_length]
        return np.pad(samples, [(0, output_sequence_length - len(samples)), (0, 0)])

    kind = Kind("audio", "audio files", "audio samples", "Allowed format(s): ('.wav',)", (".wav",))
    request = Request(labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose)
    spec = ElementSpec((output_sequence_length, None), "float32")
    return _datasets(directory, kind, request, "tf", load, batch_size, spec, _ragged if ragged else _padded)


# Files and labels.


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
        name, files, samples: Their names in messages: "image", "images", "images".
        formats: What is said of the formats when there are no files.
        extensions: In lower case.
    """

    name: str
    files: str
    samples: str
    formats: str
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """The arguments that all kinds of files share; see `image_dataset_from_directory`."""

    labels: Labels
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def check(self, kind: Kind) -> None:
        """Raises ValueError for arguments that are wrong or contradict each other."""
        labels = self.labels
        if isinstance(labels, str) and labels != "inferred":
            raise ValueError(
                f"`labels` argument should be a list/tuple of integer labels, of the same size as the number of "
                f"{kind.name} files in the target directory. If you wish to infer the labels from the subdirectory "
                'names in the target directory, pass `labels="inferred"`. If you wish to get a dataset that only '
                f"contains {kind.samples} (no labels), pass `labels=None`. Received: labels={labels}"
            )
        if self.class_names is not None and not isinstance(labels, str):
            if labels is None:
                raise ValueError("When `labels=None` (no labels), argument `class_names` cannot be specified.")
            raise ValueError(
                f'You can only pass `class_names` if `labels="inferred"`. Received: labels={labels}, and '
                f"class_names={self.class_names}"
            )
        if self.label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(
                '`label_mode` argument must be one of "int", "categorical", "binary", or None. Received: '
                f"label_mode={self.label_mode}"
            )
        split = self.validation_split
        if split and not 0 < split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1, received: {split}")
        if bool(split) != bool(self.subset):
            raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
        if self.subset not in ("training", "validation", "both", None):
            raise ValueError(f'`subset` must be either "training", "validation" or "both", received: {self.subset}')
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                "If using `validation_split` and shuffling the data, you must provide a `seed` argument, to make sure "
                "that there is no overlap between the training and validation subset."
            )


def _datasets(
    directory: str | os.PathLike,
    kind: Kind,
    request: Request,
    format: str,
    load: Callable[[str], Any],
    batch_size: int | None,
    spec: ElementSpec,
    collate: Callable[[list], Any] | None = None,
) -> Dataset | tuple[Dataset, Dataset]:
    """Makes the dataset, or both of a split."""
    request.check(kind)
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    seed = request.seed
    if request.shuffle and seed is None:
        seed = int(np.random.randint(1_000_000))
    paths, labels, names = _index(os.fspath(directory), kind, request)
    if request.shuffle:
        for values in (paths, labels):  # as in Keras: a split must be the same in every process
            np.random.RandomState(seed).shuffle(values)  # type: ignore[arg-type]
    _tell(len(paths), names, request)
    encoded = _encode(labels, request.label_mode, names)
    order = seed if request.shuffle else None
    parts = []
    for subset in ("training", "validation") if request.subset == "both" else (request.subset,):
        chosen = _part(len(paths), request.validation_split, subset)
        files = paths[chosen]
        if not files:
            which = f"{subset} " if subset else ""
            raise ValueError(f"No {which}{kind.files} found in directory {directory}. {kind.formats}")
        dataset = _single(
            files, None if encoded is None else encoded[chosen], load, order, 2 * (batch_size or 16), spec
        )
        dataset = _batched(dataset, batch_size, collate, encoded is not None)
        dataset.file_paths, dataset.class_names = files, names
        parts.append(dataset)
    return parts[0] if len(parts) == 1 else (parts[0], parts[1])


def _single(
    paths: list[str],
    labels: np.ndarray | None,
    load: Callable[[str], Any],
    seed: int | None,
    ahead: int,
    spec: ElementSpec,
) -> Dataset:
    """Makes the dataset of single elements, which threads read ahead."""
    if labels is None:
        return Dataset.indexed(len(paths), lambda i: load(paths[i]), seed=seed, ahead=ahead, spec=spec)
    both = (spec, ElementSpec(labels.shape[1:], labels.dtype.name))
    return Dataset.indexed(len(paths), lambda i: (load(paths[i]), labels[i]), seed=seed, ahead=ahead, spec=both)


def _batched(dataset: Dataset, batch_size: int | None, collate: Callable | None, labelled: bool) -> Dataset:
    if batch_size is None:
        return dataset

    def joined(rows: list) -> Any:
        assert collate is not None
        if not labelled:
            return collate(rows)
        return collate([x for x, _ in rows]), np.stack([y for _, y in rows])

    return dataset.batch(batch_size, collate=joined if collate else None).prefetch()


def _index(directory: str, kind: Kind, request: Request) -> tuple[list[str], list[int] | np.ndarray, list[str] | None]:
    """Returns the paths of the files, their labels, and the names of the classes, None where there are no labels."""
    if isinstance(request.labels, str):
        paths, labels, names = _of_folders(directory, kind, request)
    else:
        paths = _files(directory, kind, request.follow_links)
        labels = [] if request.labels is None else list(request.labels)
        names = [str(label) for label in sorted(set(labels))]
        if request.labels is not None and len(labels) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target directory. "
                f"len(labels) is {len(labels)} while we found {len(paths)} files in directory {directory}."
            )
    if request.label_mode is None or request.labels is None:
        return paths, [], None
    if request.label_mode == "binary" and len(names) != 2:
        raise ValueError(
            f'When passing `label_mode="binary"`, there must be exactly 2 class_names. Received: class_names={names}'
        )
    return paths, labels, names


def _of_folders(directory: str, kind: Kind, request: Request) -> tuple[list[str], list[int], list[str]]:
    """Returns the paths of the files, the numbers of the folders they are in, and the names of the folders."""
    with os.scandir(directory) as entries:
        found = sorted(entry.name for entry in entries if entry.is_dir())
    names = list(request.class_names) if request.class_names is not None else found
    if not set(names) <= set(found):
        raise ValueError(
            "The `class_names` passed did not match the names of the subdirectories of the target directory. "
            f"Expected: {found} (or a subset of it), but received: class_names={request.class_names}"
        )
    paths: list[str] = []
    labels: list[int] = []
    for number, name in enumerate(names):
        of_class = _files(os.path.join(directory, name), kind, request.follow_links)
        paths += of_class
        labels += [number] * len(of_class)
    return paths, labels, names


def _files(folder: str, kind: Kind, follow_links: bool) -> list[str]:
    """Returns the paths of the files below a folder: those of a folder come before those of its folders, sorted."""
    walked = sorted(os.walk(folder, followlinks=follow_links))
    return [
        os.path.join(root, name)
        for root, _, names in walked
        for name in sorted(names)
        if name.lower().endswith(kind.extensions)
    ]


def _encode(labels: Sequence[int] | np.ndarray, mode: str | None, names: list[str] | None) -> np.ndarray | None:
    if names is None:
        return None
    encoded = np.asarray(labels)
    if encoded.dtype.kind not in "iu" and encoded.size:
        raise ValueError(f"`labels` must be integers. Received values of dtype {encoded.dtype}.")
    if mode == "int":
        return encoded.astype(np.int32)
    if mode == "binary":
        return encoded.astype(np.float32)[:, None]
    return (encoded[:, None] == np.arange(len(names))).astype(np.float32)


def _part(count: int, split: float | None, subset: str | None) -> slice:
    if subset is None or split is None:
        return slice(None)
    first = count - int(split * count)
    return slice(first) if subset == "training" else slice(first, None)


def _tell(count: int, names: list[str] | None, request: Request) -> None:
    if not request.verbose:
        return
    print_msg(f"Found {count} files." if names is None else f"Found {count} files belonging to {len(names)} classes.")
    for subset in ("training", "validation"):
        if request.subset in (subset, "both"):
            chosen = len(range(count)[_part(count, request.validation_split, subset)])
            print_msg(f"Using {chosen} files for {subset}.")


# Formats.


def _decode(path: str, mode: str) -> np.ndarray:
    """Returns the first image of a file, uint8, `(height, width, channels)`."""
    try:
        with pillow().open(path) as image:
            array = np.asarray(image if image.mode == mode else image.convert(mode))
    except OSError as error:
        error.add_note(f"This is about the image file {path}.")
        raise
    return array[:, :, None] if array.ndim == 2 else array


def _read_wave(path: str) -> tuple[np.ndarray, int]:
    """Returns the samples of a WAV file, float32 in [-1, 1), `(length, channels)`, and their rate per second."""
    try:
        with wave.open(path, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} can't be read as WAV with integer samples: {error}") from error
    if width == 1:
        samples = (data.astype(np.float32) - 128) / 128  # 8 bits are unsigned
    else:
        # Widened to 32 bits: little-endian bytes are put at the top.
        wide = np.zeros((len(data) // width, 4), np.uint8)
        wide[:, 4 - width :] = data[: len(wide) * width].reshape(-1, width)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / 2**31
    return samples.reshape(-1, channels), rate


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    batch = np.zeros((len(rows), max(len(row) for row in rows), rows[0].shape[1]), np.float32)
    for i, row in enumerate(rows):
        batch[i, : len(row)] = row
    return batch


def _ragged(rows: list[np.ndarray]) -> np.ndarray:
    batch = np.empty(len(rows), dtype=object)
    batch[:] = rows
    return batch
