"""Small functions of `keras.utils` and `keras.preprocessing` beside Keras's."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import addax

SIGNATURES = [
    *(
        f"utils.{name}"
        for name in "Config array_to_img disable_interactive_logging enable_interactive_logging get_source_inputs "
        "img_to_array is_keras_tensor load_img pad_sequences save_img standardize_dtype".split()
    ),
    "utils.legacy.deserialize_keras_object",
    "utils.legacy.serialize_keras_object",
    "preprocessing.image.smart_resize",
    "preprocessing.image.load_img",
    "preprocessing.sequence.pad_sequences",
    *(f"utils.Config.{name}" for name in "as_dict freeze get items keys pop to_json unfreeze update values".split()),
]


def at(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def both(path: str) -> tuple[Any, Any]:
    return at(keras, path), at(addax, path)


def outcome(call: Callable[[], Any]) -> Any:
    """Returns what can be compared: an array's dtype, shape and values, or the kind of an error."""
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    if isinstance(result, PIL.Image.Image):
        return result.mode, result.size, np.asarray(result).tolist()
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.shape, result.tolist()
    return result


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures(path: str) -> None:
    theirs, ours = (inspect.signature(function).parameters.values() for function in both(path))
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]


S = [[1], [2, 3], [4, 5, 6]]
PADDED: list[tuple[Any, dict[str, Any]]] = [
    (S, {}),
    (S, {"maxlen": 2}),
    (S, {"maxlen": 5, "padding": "post", "value": -1}),
    (S, {"maxlen": 2, "truncating": "post"}),
    (S, {"dtype": "float32", "value": 0.5}),
    (S, {"dtype": "bfloat16"}),
    ([[]], {}),
    ([[], [1]], {}),
    ([[], [[1, 2]]], {}),
    ([[[1, 2]], [[3, 4], [5, 6]]], {"padding": "post"}),
    ([[[1, 2]], [[3, 4, 5]]], {}),
    ([["a"], ["b", "c"]], {"dtype": object, "value": "p"}),
    ([["a"], ["b", "c"]], {"dtype": str, "value": "p"}),
    ([["a"], ["b", "c"]], {"value": "p"}),
    ([1, 2], {}),
    (3, {}),
    (S, {"padding": "x"}),
    (S, {"truncating": "x"}),
    ([np.array([1.5, 2.5]), np.array([3.0])], {}),
    (np.arange(6).reshape(2, 3), {"maxlen": 2}),
    ([[300, -1]], {"dtype": "uint8"}),
]


@pytest.mark.parametrize("sequences,arguments", PADDED, ids=str)
def test_pad_sequences(sequences: Any, arguments: dict[str, Any]) -> None:
    theirs, ours = (outcome(lambda f=f: f(sequences, **arguments)) for f in both("utils.pad_sequences"))
    assert ours == theirs


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(-9, 9), max_size=6), min_size=1, max_size=5),
    st.one_of(st.none(), st.integers(1, 8)),
    st.sampled_from(["pre", "post"]),
    st.sampled_from(["pre", "post"]),
)
def test_pad_sequences_of_any_lengths(sequences: list, maxlen: int | None, padding: str, truncating: str) -> None:
    theirs, ours = (f(sequences, maxlen, "int64", padding, truncating, 7) for f in both("utils.pad_sequences"))
    np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize(
    "dtype",
    ["float32", "bfloat16", "int", "bool", "string", "float8_e4m3fn", "complex64", "torch.float32", None, float, int]
    + [bool, str, np.float64, np.dtype("int8"), "float", "complex", "long", "np.x", "O", 3],
    ids=str,
)
def test_standardize_dtype(dtype: Any) -> None:
    theirs, ours = (outcome(lambda f=f: f(dtype)) for f in both("utils.standardize_dtype"))
    assert ours == theirs


# Images.


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.RandomState(0)
    bytes_of = lambda *shape: rng.randint(0, 256, shape).astype("uint8")  # noqa: E731
    PIL.Image.fromarray(bytes_of(6, 8)).save(folder / "L.png")
    PIL.Image.fromarray(bytes_of(6, 8, 3)).save(folder / "RGB.png")
    PIL.Image.fromarray(bytes_of(6, 8, 4)).save(folder / "RGBA.png")
    PIL.Image.fromarray(bytes_of(6, 8, 3)).convert("P").save(folder / "P.png")
    PIL.Image.fromarray(bytes_of(6, 8, 3)).convert("CMYK").save(folder / "CMYK.jpg")
    PIL.Image.fromarray((rng.rand(6, 8) * 60000).astype("uint16")).save(folder / "I16.png")
    PIL.Image.fromarray((rng.rand(6, 8) * 60000).astype("int32")).save(folder / "I.tiff")
    return folder


FILES = ["L.png", "RGB.png", "RGBA.png", "P.png", "CMYK.jpg", "I16.png", "I.tiff", "missing.png"]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # of Keras
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba", "cmyk"])
@pytest.mark.parametrize("file", FILES)
def test_load_img(file: str, color_mode: str, images: Path) -> None:
    theirs, ours = (outcome(lambda f=f: f(images / file, color_mode)) for f in both("utils.load_img"))
    assert ours == theirs


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("size", [(3, 4), (3, 3), (12, 3), (6, 8), (1, 20)])
@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"])
def test_load_img_resized(method: str, size: tuple[int, int], keep: bool, images: Path) -> None:
    arguments = {"target_size": size, "interpolation": method, "keep_aspect_ratio": keep}
    theirs, ours = (outcome(lambda f=f: f(str(images / "RGB.png"), **arguments)) for f in both("utils.load_img"))
    assert ours == theirs


def test_load_img_refuses(images: Path) -> None:
    messages = []
    for load in both("utils.load_img"):
        with pytest.raises(ValueError) as caught:
            load(images / "RGB.png", target_size=(3, 3), interpolation="other")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    with pytest.raises(ValueError, match=r"Invalid `target_size` value. Expected a tuple of 2 integers"):
        addax.utils.load_img(images / "RGB.png", target_size=3)


def test_load_img_from_bytes(images: Path) -> None:
    data = (images / "RGB.png").read_bytes()
    theirs, ours = (outcome(lambda f=f: f(io.BytesIO(data))) for f in both("utils.load_img"))
    assert ours == theirs
    assert all(outcome(lambda f=f: f(3)) == "TypeError" for f in both("utils.load_img"))


@pytest.mark.parametrize("data_format", [None, "channels_first", "x"])
@pytest.mark.parametrize("dtype", [None, "uint8", "float16"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I", "array", "row"])
def test_img_to_array(mode: str, dtype: str | None, data_format: str | None) -> None:
    known = {"array": np.ones((2, 3)), "row": np.ones(3)}
    image = known[mode] if mode in known else PIL.Image.new(mode, (4, 3), 40)
    theirs, ours = (outcome(lambda f=f: f(image, data_format, dtype)) for f in both("utils.img_to_array"))
    assert ours == theirs


@pytest.mark.parametrize(
    "arguments", [{}, {"scale": False}, {"data_format": "channels_first"}, {"dtype": "float64"}], ids=str
)
@pytest.mark.parametrize(
    "shape", [(4, 5, 1), (4, 5, 3), (4, 5, 4), (4, 5, 2), (3, 4, 5), (4, 5), (1, 4, 5, 3)], ids=str
)
def test_array_to_img(shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
    for x in (np.random.RandomState(0).rand(*shape) * 300 - 20, np.full(shape, 7.0), np.full(shape, 300)):
        theirs, ours = (outcome(lambda f=f, x=x: f(x, **arguments)) for f in both("utils.array_to_img"))
        assert ours == theirs


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    "name,arguments",
    [
        ("a.png", {}),
        ("a.jpg", {}),
        ("a.bmp", {}),
        ("a.tif", {"file_format": "tiff"}),
        ("b.png", {"scale": False}),
        ("c.png", {"file_format": "jpg"}),
        ("d.jpeg", {"quality": 30}),
        ("e.unknown", {}),
    ],
)
def test_save_img(name: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    x = np.random.RandomState(0).rand(4, 5, 4)
    written = []
    for module in (keras, addax):
        path = tmp_path / module.__name__ / name
        path.parent.mkdir()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = outcome(lambda path=path, f=module.utils.save_img: f(path, x, **arguments))
        told = [str(w.message) for w in caught if w.category is UserWarning]
        written.append((result, told, path.read_bytes() if path.exists() and path.stat().st_size else None))
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", ["float64", "uint8", "jax"])
@pytest.mark.parametrize(
    "method,data_format",
    [(m, "channels_last") for m in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")]
    + [("bilinear", "channels_first")],
)
def test_smart_resize(kind: str, method: str, data_format: str) -> None:
    import jax
    import jax.numpy as jnp

    rng = np.random.RandomState(0)
    for shape, size in (((7, 9, 3), (4, 4)), ((2, 6, 5, 3), (9, 5))):
        x = rng.randint(0, 256, shape).astype("uint8" if kind == "uint8" else "float64")
        if data_format == "channels_first":
            x = np.moveaxis(x, -1, -3)
        x = jnp.asarray(x, "float32") if kind == "jax" else x
        theirs, ours = (f(x, size, method, data_format) for f in both("preprocessing.image.smart_resize"))
        assert isinstance(ours, jax.Array) == isinstance(theirs, jax.Array)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-3)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape


@pytest.mark.parametrize("size,method,rank", [((2, 2, 2), "bilinear", 3), ((2, 2), "area", 3), ((2, 2), "bilinear", 2)])
def test_smart_resize_refuses(size: tuple, method: str, rank: int) -> None:
    messages = []
    for resize in both("preprocessing.image.smart_resize"):
        with pytest.raises(ValueError) as caught:
            resize(np.ones((4,) * rank), size, method)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


# Graphs, configs, objects.


def test_source_inputs_and_symbolic_tensors() -> None:
    found = []
    for module in (keras, addax):
        a, b = module.Input((2,), name="a"), module.Input((2,), name="b")
        x = module.layers.Dense(2)(a)
        y = module.layers.Add()([module.layers.Concatenate()([x, b])[:, :2], x]) * 2
        lone = module.KerasTensor((2, 3))
        names = [[t.name for t in module.utils.get_source_inputs(tensor)] for tensor in (y, x, a)]
        same = [module.utils.get_source_inputs(t) is t for t in (lone, 3)]
        answers = [module.utils.is_keras_tensor(t) for t in (y, lone, 3, np.zeros(2), module.Variable(1.0))]
        found.append((names, same, answers))
    assert found[0] == found[1]
    assert found[1][0] == [["a", "b"], ["a"], ["a"]]


def test_config() -> None:
    seen = []
    for cls in both("utils.Config"):
        config = cls(a=1, b={"c": 2})
        config.x = 5
        config["y"] = cls(z=1)
        config.update({"q": 1}, r=2)
        del config["r"]
        facts: list[Any] = [
            repr(config),
            list(config),
            len(config),
            "q" in config,
            config.get("no", 3),
            config.pop("q"),
        ]
        facts += [config.b, config["x"], list(config.keys()), config.frozen, bool(cls()), cls(a=[1]).to_json()]
        config.freeze()
        for change in (lambda c: setattr(c, "x", 6), lambda c: c.pop("x"), lambda c: c.update(x=6)):
            with pytest.raises(ValueError, match=r"Cannot mutate attribute\(s\) because the config is frozen"):
                change(config)
        config.unfreeze()
        config.x = 7
        for lookup, error in ((lambda c: c.no, AttributeError), (lambda c: c["no"], KeyError)):
            with pytest.raises(error) as caught:
                lookup(config)
            facts.append(str(caught.value))
        seen.append((facts, {k: v for k, v in config.as_dict().items() if k != "y"}))
    assert seen[0] == seen[1]


def test_config_beyond_keras() -> None:
    import copy
    import pickle

    config = addax.utils.Config(a=addax.utils.Config(b=1))
    assert config.to_json() == '{"a": {"b": 1}}'
    assert copy.deepcopy(config).a.b == pickle.loads(pickle.dumps(config)).a.b == 1
    del config.a
    assert len(config) == 0
    with pytest.raises(AttributeError, match=r"use `config\['keys'\]`|Use `config\['keys'\]`"):
        config.keys = 3


def test_legacy_serialization() -> None:
    for module in (keras, addax):
        legacy = module.utils.legacy
        known = {"Dense": module.layers.Dense, "Zeros": module.initializers.Zeros}
        config = legacy.serialize_keras_object(module.layers.Dense(3, activation="relu", name="d"))
        assert sorted(config) == ["class_name", "config"]
        again = legacy.deserialize_keras_object(config, known)
        assert type(again) is module.layers.Dense and again.get_config() == config["config"]
        assert legacy.serialize_keras_object(module.activations.relu) == "relu"
        assert legacy.serialize_keras_object(None) is legacy.deserialize_keras_object(None) is None
        assert legacy.deserialize_keras_object("f", custom_objects={"f": len}) is len
        for bad, words in (
            ({"class_name": "No", "config": {}}, "Unknown layer: 'No'. Please ensure you are using"),
            ({"a": 1}, "Improper config format for {'a': 1}"),
            (3, "Could not interpret serialized"),
        ):
            with pytest.raises(ValueError, match=words):
                legacy.deserialize_keras_object(bad, known, printable_module_name="layer")
        with pytest.raises(ValueError, match="Cannot serialize 3 because it doesn't implement"):
            legacy.serialize_keras_object(3)


@pytest.mark.parametrize("name", ["preprocessing", "preprocessing.image", "preprocessing.sequence", "utils.legacy"])
def test_names(name: str) -> None:
    theirs, ours = (set(dir(module)) for module in both(name))
    later = {n for n in theirs if n.endswith(("_from_directory", "_from_array"))}
    assert {n for n in theirs if not n.startswith("_")} - later <= ours
