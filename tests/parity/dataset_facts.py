"""Facts about Keras's datasets of files, windows and splits, which need TensorFlow to be computed.

Run `python -m tests.parity.dataset_facts` where Keras and TensorFlow are installed: it writes `dataset_facts.json`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import warnings
import wave
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix(".json")
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
DATA = np.arange(20, dtype="float32")
TARGETS = np.arange(20) * 10

ORDERED: dict[str, Any] = {"shuffle": False}
SPLIT: dict[str, Any] = {"validation_split": 0.3, "seed": 1}
IMAGES: list[dict[str, Any]] = [
    *(
        {"interpolation": method, "image_size": size, "class_names": ["Emu"], **ORDERED}
        for method in METHODS
        for size in ((3, 4), (9, 5))
    ),
    {**ORDERED, "crop_to_aspect_ratio": True},
    {**ORDERED, "crop_to_aspect_ratio": True, "image_size": (2, 7)},
    {**ORDERED, "color_mode": "grayscale"},
    {**ORDERED, "color_mode": "rgba", "batch_size": None},
    {**ORDERED, "data_format": "channels_first"},
    {**ORDERED, "labels": None},
    {**ORDERED, "label_mode": None},
    {**ORDERED, "label_mode": "categorical"},
    {**ORDERED, "label_mode": "binary", "class_names": ["dog", "Emu"]},
    {**ORDERED, "class_names": ["dog", "cat", "Emu"]},
    {**ORDERED, "labels": [3, 1, 1, 1, 3, 1, 3, 3]},
    {**ORDERED, "validation_split": 0.3, "subset": "both"},
    {**SPLIT, "subset": "training"},
    {**SPLIT, "subset": "validation"},
    {**SPLIT, "subset": "both"},
    {"seed": 5},
    {"seed": 5, "labels": None},
    {"label_mode": "binary"},
    {"label_mode": "x"},
    {"labels": "x"},
    {"labels": [1, 2]},
    {"labels": None, "class_names": ["dog"]},
    {"labels": [1, 2], "class_names": ["dog"]},
    {"class_names": ["zebra"]},
    {"color_mode": "x"},
    {"interpolation": "x"},
    {"image_size": (4,)},
    {"format": "x"},
    {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
    {"validation_split": 2, "subset": "training", "seed": 1},
    {"validation_split": 0.3},
    {"subset": "training"},
    {"validation_split": 0.3, "subset": "training"},
    {"validation_split": 0.3, "subset": "x", "seed": 1},
]
TEXTS: list[dict[str, Any]] = [
    ORDERED,
    {**ORDERED, "max_length": 2},
    {**ORDERED, "batch_size": 2},
    {**ORDERED, "batch_size": None},
    {**ORDERED, "labels": None},
    {**ORDERED, "label_mode": "binary"},
    {**ORDERED, "validation_split": 0.4, "subset": "both"},
    {"labels": "x"},
    {"format": "x"},
]
SOUNDS: list[dict[str, Any]] = [
    ORDERED,
    {**ORDERED, "output_sequence_length": 5},
    {**ORDERED, "batch_size": None},
    {**ORDERED, "ragged": True},
    {**ORDERED, "labels": None, "batch_size": 2},
    {"ragged": True, "output_sequence_length": 3},
    {"sampling_rate": 0},
    {"sampling_rate": "x"},
]
WINDOWS: list[tuple[Any, Any, int, dict[str, Any]]] = [
    (DATA, None, 4, {}),
    (DATA, TARGETS, 4, {"sequence_stride": 3}),
    (DATA, TARGETS, 3, {"sampling_rate": 2, "batch_size": 3}),
    (DATA, TARGETS, 3, {"start_index": 4, "end_index": 12}),
    (DATA, TARGETS, 3, {"batch_size": None, "start_index": 10}),
    (DATA[:, None], TARGETS[:5], 3, {}),
    (DATA.astype("float64"), np.zeros((20, 2)), 3, {"sequence_stride": 6}),
    (list(range(10)), [float(i) for i in range(10)], 3, {"sequence_stride": 5}),
    (DATA, TARGETS, 25, {}),
    (DATA, TARGETS, 3, {"sampling_rate": 0}),
    (DATA, TARGETS, 3, {"sequence_stride": 21}),
    (DATA, TARGETS, 3, {"start_index": -1}),
    (DATA, TARGETS, 3, {"start_index": 25}),
    (DATA, TARGETS, 3, {"end_index": 30}),
    (DATA, TARGETS, 3, {"end_index": -1}),
    (DATA, TARGETS, 3, {"start_index": 10, "end_index": 5}),
]
WHOLE = np.arange(10, dtype="int32")
SPLITS: list[tuple[Any, dict[str, Any]]] = [
    *(
        (WHOLE, sizes)
        for sizes in (
            {"left_size": 0.6},
            {"left_size": 3, "right_size": 4},
            {"right_size": 0.3},
            {"left_size": 0.6, "right_size": 3},
            {"left_size": 0.5, "shuffle": True, "seed": 1},
            {},
            {"left_size": 11},
            {"left_size": 1.5},
            {"left_size": -1},
            {"left_size": 0},
            {"left_size": 1.0},
            {"left_size": 0.5, "right_size": 0.7},
        )
    ),
    (np.arange(12, dtype="int32").reshape(6, 2), {"left_size": 0.6}),
    ((WHOLE, WHOLE * 2), {"left_size": 0.6, "shuffle": True, "seed": 3}),
    ([WHOLE, WHOLE * 2], {"right_size": 2}),
]


def make_images(folder: Path) -> None:
    """Writes eight images of different sizes in three folders, one of them nested."""
    from PIL import Image

    rng = np.random.RandomState(0)
    for name, sizes in (("cat", ((5, 9), (6, 4), (7, 7))), ("dog", ((4, 8), (9, 5))), ("Emu", ((6, 6), (8, 3)))):
        (folder / name / "sub").mkdir(parents=True)
        for i, (height, width) in enumerate(sizes):
            Image.fromarray(rng.randint(0, 256, (height, width, 3)).astype("uint8")).save(folder / name / f"{i}.png")
        (folder / name / "notes.txt").write_text("not an image")
    Image.fromarray(rng.randint(0, 256, (5, 5)).astype("uint8")).save(folder / "cat" / "sub" / "z.PNG")


def make_texts(folder: Path) -> None:
    """Writes five texts in two folders."""
    for name, texts in (("pos", ("good\nfilm", "grün ß")), ("neg", ("bad", "a" * 20, ""))):
        (folder / name).mkdir(parents=True)
        for i, text in enumerate(texts):
            (folder / name / f"{i}.txt").write_bytes(text.encode())


def make_sounds(folder: Path) -> None:
    """Writes four recordings of two lengths in two folders."""
    rng = np.random.RandomState(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for i, length in enumerate((6, 4)):
            with wave.open(str(folder / name / f"{i}.wav"), "wb") as file:
                file.setparams((2, 2, 8000, 0, "NONE", ""))
                file.writeframes(rng.randint(-32768, 32767, (length, 2)).astype("<i2").tobytes())


def plain(leaf: Any) -> list[Any]:
    """Returns the dtype and values of a part of an element."""
    if hasattr(leaf, "to_list"):  # ragged, of TensorFlow
        return [leaf.dtype.name, leaf.to_list()]
    array = np.asarray(leaf)
    if array.dtype.kind in "OSU":
        if array.ndim and len(array) and isinstance(array.ravel()[0], np.ndarray):  # ragged
            return [array[0].dtype.name, [row.tolist() for row in array]]
        decoded = [v.decode() if isinstance(v, bytes) else v for v in array.ravel().tolist()]
        return ["string", decoded if array.ndim else decoded[0]]
    return [array.dtype.name, (array.round(3) if array.dtype.kind == "f" else array).tolist()]


def described(dataset: Any, folder: Path | None, elements: bool) -> dict[str, Any]:
    """Returns what can be seen of a dataset."""
    seen: dict[str, Any] = {}
    if elements:
        seen["elements"] = [
            [plain(part) for part in (element if isinstance(element, tuple) else (element,))] for element in dataset
        ]
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if not any("Ragged" in type(part).__name__ for part in parts):
        names = (getattr(part.dtype, "name", part.dtype) for part in parts)
        seen["spec"] = [[list(part.shape), name] for part, name in zip(parts, names)]
    seen["cardinality"] = int(dataset.cardinality())
    if folder is not None:
        seen["class_names"] = dataset.class_names
        paths = getattr(dataset, "file_paths", None)  # Keras leaves it out for sound
        seen["files"] = paths and [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]
    return seen


def outcome(call: Any, folder: Path | None = None, elements: bool = True) -> dict[str, Any]:
    """Returns what a call prints and returns, or the error that it raises."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            made = call()
    except Exception as error:
        text = str(error) if folder is None else str(error).replace(str(folder), "FOLDER")
        return {"error": type(error).__name__, "text": text}
    parts = made if isinstance(made, (tuple, list)) else (made,)
    return {
        "printed": printed.getvalue().splitlines(),
        "datasets": [described(dataset, folder, elements) for dataset in parts],
    }


def facts(utils: Any) -> dict[str, dict[str, Any]]:
    """Returns what `utils`, of Keras or of addax, makes of all cases, by their description."""
    found: dict[str, dict[str, Any]] = {}
    kinds = (
        ("image", make_images, IMAGES, {"image_size": (3, 4), "batch_size": 4}),
        ("text", make_texts, TEXTS, {}),
        ("audio", make_sounds, SOUNDS, {}),
    )
    for name, make, cases, common in kinds:
        function = getattr(utils, f"{name}_dataset_from_directory")
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary))
            for case in cases:
                found[f"{name} {case}"] = outcome(
                    lambda f=function, d=temporary, a={**common, **case}: f(d, **a),
                    Path(temporary),
                    elements=not case.get("shuffle", True),
                )
    for i, (data, targets, length, case) in enumerate(WINDOWS):
        make_windows = utils.timeseries_dataset_from_array
        found[f"windows {i} {case}"] = outcome(
            lambda f=make_windows, d=data, t=targets, n=length, a=case: f(d, t, n, **a)
        )
    for i, (data, case) in enumerate(SPLITS):
        found[f"split {i} {case}"] = outcome(lambda f=utils.split_dataset, d=data, a=case: f(d, **a))
    return found


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    warnings.simplefilter("ignore")
    import keras

    lines = (f"{json.dumps(name)}: {json.dumps(fact)}" for name, fact in facts(keras.utils).items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
