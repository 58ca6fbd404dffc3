"""Facts about Keras's applications, which it needs minutes to build.

Run `python -m tests.parity.application_facts` where Keras is installed: it writes `application_facts.json`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

FILE = Path(__file__).with_suffix(".json")

# A small member of each family.
MEMBERS = {
    "ConvNeXtTiny": (64, 64, 3),
    "DenseNet121": (32, 32, 3),
    "EfficientNetB0": (32, 32, 3),
    "EfficientNetV2B0": (32, 32, 3),
    "InceptionResNetV2": (75, 75, 3),
    "InceptionV3": (75, 75, 3),
    "MobileNet": (32, 32, 3),
    "MobileNetV2": (32, 32, 3),
    "MobileNetV3Small": (32, 32, 3),
    "NASNetMobile": (32, 32, 3),
    "ResNet50": (32, 32, 3),
    "ResNet50V2": (32, 32, 3),
    "VGG16": (32, 32, 3),
    "Xception": (71, 71, 3),
}
# These refuse "channels_first".
ONLY_LAST = ("ConvNeXtTiny", "DenseNet121", "NASNetMobile")


def networks(lib: ModuleType) -> list[str]:
    """The names of the functions that build networks."""
    return [name for name in dir(lib.applications) if inspect.isfunction(getattr(lib.applications, name))]


def cases(lib: ModuleType) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of functions, and arguments. `input` and `between` stand for tensors, `data_format` for the setting."""
    for name in networks(lib):
        yield name, {}
        if name != "NASNetLarge":  # of unknown size, Keras's adds tensors of two sizes and can't be called
            yield name, {"include_top": False}
    for name in (*MEMBERS, "MobileNetV3Large", "EfficientNetV2S"):
        shape = {"input_shape": (96, 96, 3)}
        if name == "NASNetMobile":
            shape = {"input_shape": (224, 224, 3)}
        yield name, {"classes": 7, "classifier_activation": None, **shape}
        if not name.startswith("EfficientNetV2"):  # in Keras they take no other name
            yield name, {"classes": 7, "classifier_activation": "relu", "pooling": "max", "name": "other", **shape}
            yield name, {"include_top": False, "name": "mine", "input": (128, 128, 3)}
        yield name, {"classes": 3, "input": (128, 128, 3)}
        yield name, {"include_top": False, "between": (256, 256, 3)}
        yield name, {"include_top": False, "pooling": "max", "input_shape": (97, 131, 3)}
        if name != "NASNetMobile":
            yield name, {"include_top": False, "pooling": "avg"}
            yield name, {"include_top": False, "input_shape": (None, 131, 1)}
        if name not in ONLY_LAST:
            yield name, {"data_format": "channels_first"}
            yield name, {"data_format": "channels_first", "include_top": False, "input_shape": (3, 96, 128)}
    for name in ("ConvNeXtTiny", "EfficientNetV2B0", "EfficientNetV2S", "MobileNetV3Small"):
        yield name, {"include_preprocessing": False}
    for alpha in (0.25, 0.35, 0.5, 0.75, 1.3, 1.4):
        yield "MobileNet", {"alpha": alpha, "include_top": False}
        yield "MobileNetV2", {"alpha": alpha}
        yield "MobileNetV3Small", {"alpha": alpha}
        yield "MobileNetV3Large", {"alpha": alpha, "minimalistic": True}
    yield "MobileNet", {"depth_multiplier": 2, "dropout": 0.5}
    yield "MobileNet", {"dropout": 0}


def label(name: str, arguments: dict[str, Any]) -> str:
    """A name for a case."""
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


@contextmanager
def without_values(lib: ModuleType) -> Iterator[None]:
    """Within it, variables are made without values, and Keras forgets to make them at the end of a later scope."""
    with lib.StatelessScope(initialize_variables=False):
        try:
            yield
        finally:
            lib.utils.clear_session(free_memory=False)


def build(lib: ModuleType, name: str, arguments: dict[str, Any]) -> Any:
    """Builds the network of a case, without values of weights."""
    arguments = {"weights": None, **arguments}
    before = lib.config.image_data_format()
    lib.config.set_image_data_format(arguments.pop("data_format", "channels_last"))
    try:
        with without_values(lib):
            for kind in ("input", "between"):
                if kind in arguments:
                    tensor = lib.Input(arguments.pop(kind), name="mine_in")
                    arguments["input_tensor"] = (
                        tensor if kind == "input" else lib.layers.MaxPooling2D(2, name="before")(tensor)
                    )
            return getattr(lib.applications, name)(**arguments)
    finally:
        lib.config.set_image_data_format(before)


def digest(value: Any) -> str:
    """A short hash of what JSON says of a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def summary(model: Any) -> str:
    """The text of `summary()`."""
    lines: list[str] = []
    model.summary(print_fn=lambda text, **_: lines.append(text), line_length=120)
    return "\n".join(lines)


def is_whole(name: str, arguments: dict[str, Any]) -> bool:
    """Whether a case is a network as it is, with the classifier or without."""
    return not arguments.keys() - {"include_top"}


def facts(lib: ModuleType, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What is compared of the network of a case: of variants of the arguments, the config."""
    lib.utils.clear_session(free_memory=False)
    model = build(lib, name, arguments)
    found: dict[str, Any] = {"config": digest(model.get_config())}
    if not is_whole(name, arguments):
        return found
    return found | {
        "output_shape": list(model.output_shape),
        "params": model.count_params(),
        "names": digest([layer.name for layer in model.layers]),
        "weights": digest([(w.path, list(w.shape), w.trainable) for w in model.weights]),
        "summary": digest(summary(model)),
    }


# Files of weights

DOWNLOADS: list[tuple[str, dict[str, Any]]] = [
    *(
        (name, {"alpha": alpha, "input_shape": (size, size, 3)})
        for name, alphas, sizes in (
            ("MobileNet", (0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224)),
            ("MobileNetV2", (0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224)),
        )
        for alpha in alphas
        for size in sizes
    ),
    *(
        (f"MobileNetV3{size}", {"alpha": alpha, "minimalistic": small})
        for size in ("Small", "Large")
        for alpha, small in ((0.75, False), (1.0, False), (1.0, True))
    ),
]


def downloads(lib: ModuleType) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cases whose weights of ImageNet are on the server."""
    for name in networks(lib):
        yield from ((n, a) for n, a in DOWNLOADS if n == name)
        if not any(n == name for n, _ in DOWNLOADS):
            yield name, {}


class _Asked(Exception):
    """Raised in place of a download."""


def asked(lib: ModuleType, downloader: ModuleType, name: str, arguments: dict[str, Any]) -> list[Any]:
    """The file that a network asks for: its name, its URL, and its hash or None. Nothing is downloaded."""
    found: list[Any] = []

    def get_file(fname: str, origin: str, cache_subdir: str, file_hash: str | None = None) -> str:
        assert cache_subdir == "models"
        found.extend((fname, origin, file_hash))
        raise _Asked

    before, downloader.get_file = downloader.get_file, get_file  # type: ignore[attr-defined]
    try:
        build(lib, name, {"weights": "imagenet", **arguments})
    except _Asked:
        pass
    finally:
        downloader.get_file = before  # type: ignore[attr-defined]
    return found


def main() -> None:
    """Adds the facts that the file lacks. To begin anew, delete it."""
    import keras

    known = json.loads(FILE.read_text()) if FILE.exists() else {"networks": {}, "files": {}}
    for case in sorted(cases(keras), key=lambda case: case[0] not in MEMBERS):
        row = known["networks"].get(label(*case), {})
        if not row or (is_whole(*case) and "summary" not in row):
            known["networks"][label(*case)] = facts(keras, *case)
            _write(known)
    downloader = sys.modules[keras.utils.get_file.__module__]
    for name, given in downloads(keras):
        for arguments in (given, {**given, "include_top": False}):
            if label(name, arguments) not in known["files"]:
                known["files"][label(name, arguments)] = asked(keras, downloader, name, arguments)
                _write(known)


def _write(known: dict[str, dict[str, Any]]) -> None:
    tables = [
        f'"{table}": {{\n' + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items()) + "\n}"
        for table, rows in known.items()
    ]
    FILE.write_text("{" + ",\n".join(tables) + "}\n")


if __name__ == "__main__":
    main()
