"""Legacy `.h5` files, both ways with Keras 3.15.1: the same layout, predictions, weights and optimizer's state."""

from __future__ import annotations

import contextlib
import json
import warnings
from typing import Any

import h5py
import numpy as np
import pytest

import addax
from tests.parity.test_files import ARCHITECTURES, TOLERANCE, assert_same, differences, fresh, steps, without_ids

keras = pytest.importorskip("keras")

# Keras can't read what it writes of these: an ellipsis, axes of a normalization, scores of an attention layer, a class
# without its package and its input's shape.
UNREAD_BY_KERAS = ("ops_in_the_graph", "normalizations", "attention", "subclassed_model")
# Those that no other covers run with the fast tests.
FAST = (
    "two_inputs_two_outputs",
    "nested_models",
    "ops_in_the_graph",
    "custom_layer",
    "subclassed_model",
    "mixed_precision",
)
CASES = [
    pytest.param(n, marks=[] if n in FAST else [pytest.mark.slow])
    for n in ARCHITECTURES
    if n
    not in ("sequential_unbuilt", "optimizer_Adafactor")  # no weights; two variables of one name, which Keras refuses
]


def save(model: Any, path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, of NumPy
        model.save(path)


def contents(path: Any) -> tuple[dict, dict]:
    """The attributes and the groups and arrays of an HDF5 file."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        attributes = {k: v if isinstance(v, str) else list(v) for k, v in item.attrs.items()}
        found[name] = (getattr(item, "shape", None), str(getattr(item, "dtype", "")), attributes)

    with h5py.File(path) as file:
        file.visititems(visit)
        attributes = {k: json.loads(v) if k.endswith("config") else v for k, v in file.attrs.items()}
    return attributes, found


def is_meant(difference: str) -> bool:
    """Whether a difference is one that lets Keras read an op, build a model, find a class, or read bfloat16."""
    place, _, found = difference.partition(": ")
    return (
        found in ("only ours: module", "only ours: registered_name", "only ours: build_config")
        or "'float32', {}), theirs" in found
        or (place == "/model_config/class_name" and "files>" in found)
    )


@pytest.mark.parametrize("name", CASES)
def test_same_file(name: str, tmp_path: Any) -> None:
    models = {}
    for k in (keras, addax):
        model, x, y = fresh(k, name)
        if y is not None:
            steps(model, x, y)
        save(model, tmp_path / f"{k.__name__}.h5")
        models[k] = model
    theirs, ours = (contents(tmp_path / f"{n}.h5") for n in ("keras", "addax"))
    found = differences(without_ids(ours[0]), without_ids(theirs[0])) + differences(ours[1], theirs[1])
    assert not [d for d in found if not is_meant(d)]
    if name not in UNREAD_BY_KERAS:
        there = keras.models.load_model(tmp_path / "addax.h5", compile=False)
        assert_same(there(x), models[addax](x), TOLERANCE.get(name, 1e-5))
    for k in (addax, keras):
        if name == "subclassed_model" and k is keras:
            continue
        back = addax.models.load_model(tmp_path / f"{k.__name__}.h5")
        assert_same(back(x), models[k](x), TOLERANCE.get(name, 1e-5))
        if y is None:
            continue
        # Keras 3.15.1 loses the optimizer's moments; here they are there, and training goes on from them.
        for now, then in zip(back.optimizer.variables, models[k].optimizer.variables, strict=True):
            np.testing.assert_array_equal(now.numpy(), np.asarray(then))
        for now, then in zip(steps(back, x, y), steps(models[k], x, y)):
            assert_same(now, then, 1e-4)


def test_a_subclass_of_keras_takes_the_weights_once_it_is_built(tmp_path: Any) -> None:
    theirs, x, _ = fresh(keras, "subclassed_model")
    save(theirs, tmp_path / "m.h5")
    ours, *_ = fresh(addax, "subclassed_model")
    with pytest.raises(ValueError, match=r"doesn't tell the shape of the input.*call `model.load_weights"):
        addax.models.load_model(tmp_path / "m.h5")
    ours.load_weights(tmp_path / "m.h5")
    assert_same(ours(x), theirs(x))


def dense(k: Any, widths: tuple, names: str = "abc", bias: bool = True) -> Any:
    layers = [k.layers.Dense(w, name=n, use_bias=bias or n != "a") for w, n in zip(widths, names)]
    return k.Sequential([k.Input((4,)), *layers], name="m")


MISFITS: dict[str, tuple] = {
    "another width": ((5, 2), {}, {}),
    "a layer more": ((3, 2, 2), {}, {}),
    "a layer more, skipping": ((3, 2, 2), {}, {"skip_mismatch": True}),
    "another width by name": ((5, 2), {}, {"by_name": True}),
    "no bias": ((3, 2), {"bias": False}, {}),
}


@pytest.mark.parametrize("case", MISFITS.values(), ids=MISFITS)
def test_misfits_are_told_in_the_words_of_keras(case: tuple, tmp_path: Any) -> None:
    widths, layers, options = case
    save(dense(keras, (3, 2)), tmp_path / "m.h5")
    words = []
    for k in (keras, addax):
        model = dense(k, widths, **layers)
        before = [np.array(w) for w in model.get_weights()]
        with pytest.raises(ValueError) as error:
            model.load_weights(tmp_path / "m.h5", **options)
        words.append(
            str(error.value).replace(")for", ") for").replace("Received saved weight", "received saved weight")
        )
        if k is addax:
            for a, b in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    assert words[1].lower().startswith(words[0].lower())


def test_the_error_lists_all_that_does_not_fit(tmp_path: Any) -> None:
    save(dense(addax, (3, 2)), tmp_path / "m.h5")
    with pytest.raises(ValueError, match=r"(?s)layer #0 \(named a\).*Nor do these fit:.*layer #1 \(named b\)"):
        dense(addax, (5, 3)).load_weights(tmp_path / "m.h5")
    text = (
        r"Layers without weights of their name in the file: \['c', 'd'\]\. Layers in the file that the model.*: \['b'\]"
    )
    with pytest.raises(ValueError, match=text):
        dense(addax, (3, 2, 2), "acd").load_weights(tmp_path / "m.h5")


@pytest.mark.parametrize(
    "widths, names, options",
    [((3, 2), "ab", {}), ((3, 2), "xy", {}), ((3, 2, 2), "abc", {"by_name": True}), ((3, 2), "xb", {"by_name": True})],
    ids=["same", "other names", "by name, one more", "by name, one other"],
)
def test_weights_alone(widths: tuple, names: str, options: dict, tmp_path: Any) -> None:
    save(dense(keras, (3, 2)), tmp_path / "m.h5")
    found = []
    for k in (keras, addax):
        model = dense(k, widths, names)
        model.set_weights([np.full(w.shape, 7.0) for w in model.get_weights()])
        model.load_weights(tmp_path / "m.h5", **options)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_skipped_weights(tmp_path: Any) -> None:
    save(dense(keras, (3, 2)), tmp_path / "m.h5")
    found = []
    for k in (keras, addax):
        model = dense(k, (5, 2))
        model.set_weights([np.full(w.shape, 7.0) for w in model.get_weights()])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.load_weights(tmp_path / "m.h5", skip_mismatch=True)
        words = [str(w.message) for w in caught]
        assert all(any(f"Skipping loading weights for layer #{n}" in w for w in words) for n in (0, 1))
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_compile_and_optimizer_are_optional(tmp_path: Any) -> None:
    model, x, y = fresh(addax, "dense_stack")
    steps(model, x, y)
    model.save(tmp_path / "m.h5", include_optimizer=False)
    with h5py.File(tmp_path / "m.h5") as file:
        assert "training_config" not in file.attrs and "optimizer_weights" not in file
    assert not addax.models.load_model(tmp_path / "m.h5").compiled
    model.save(tmp_path / "m.h5")
    assert not addax.models.load_model(tmp_path / "m.h5", compile=False).compiled
    loaded = addax.models.load_model(tmp_path / "m.h5")
    assert loaded.loss == "mse" and loaded.compiled
    with open(tmp_path / "m.h5", "rb") as file:
        assert_same(addax.models.load_model(file)(x), model(x))


def test_names_longer_than_an_attribute(tmp_path: Any) -> None:
    names = [f"{'x' * 60}_{i}" for i in range(1200)]
    stack = [addax.layers.Identity(name=n) for n in names]
    model = addax.Sequential([addax.Input((2,)), *stack, addax.layers.Dense(1)])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    loaded = addax.models.load_model(tmp_path / "m.h5")
    assert [layer.name for layer in loaded.layers[:-1]] == names
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_refusals_of_keras(tmp_path: Any) -> None:
    save(dense(keras, (3, 2)), tmp_path / "m.h5")
    dense(keras, (3, 2)).save_weights(tmp_path / "w.weights.h5")
    with contextlib.suppress(FileExistsError):
        (tmp_path / "w.h5").write_bytes((tmp_path / "w.weights.h5").read_bytes())
    for k in (keras, addax):
        with pytest.raises(ValueError, match=r"The filename must end in `\.weights\.h5`"):
            dense(k, (3, 2)).save_weights(tmp_path / "x.h5")
        with pytest.raises(ValueError, match=r"`objects_to_skip` only supports loading '\.weights\.h5' files"):
            dense(k, (3, 2)).load_weights(tmp_path / "m.h5", objects_to_skip=[1])
        with pytest.raises(FileNotFoundError):
            k.models.load_model(tmp_path / "none.h5")
        with pytest.raises(ValueError, match="No model config found in the file"):
            k.models.load_model(tmp_path / "w.h5")
    # What the file holds says how it is read, not what it is called.
    model = dense(addax, (3, 2))
    model.load_weights(tmp_path / "w.h5")
    (tmp_path / "m.keras").write_bytes((tmp_path / "m.h5").read_bytes())
    np.testing.assert_array_equal(
        addax.models.load_model(tmp_path / "m.keras").get_weights()[0],
        addax.models.load_model(tmp_path / "m.h5").get_weights()[0],
    )
