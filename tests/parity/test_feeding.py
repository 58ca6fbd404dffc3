"""What may be passed to a functional model, and what comes out: Keras, run on the same calls, says what is right."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import addax

# Models whose inputs have names take bare arrays, too, and say so.
pytestmark = pytest.mark.filterwarnings("ignore:The structure of .inputs. doesn't match")

keras = pytest.importorskip("keras")

X, Y = np.arange(6.0).reshape(3, 2).astype("float32"), np.ones((3, 2), "float32")


def difference(k: Any, inputs: Callable) -> Any:
    a, b = k.Input((2,), name="price"), k.Input((2,), name="cost")
    return k.Model(inputs(a, b), k.layers.Subtract()([a, b]), name="m")


def outcome(call: Callable) -> tuple[Any, list[str]]:
    """What a call returns, or the beginning of what it raises, and the beginnings of what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except ValueError as error:
            result = _words(str(error))
    return result, sorted({_words(str(w.message)) for w in caught if "__array__" not in str(w.message)})


def _words(text: str) -> str:
    """Keras's message without the colours and the frame that it puts around those of a `call`."""
    lines = text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    return next(line for line in lines if line and not line.startswith("Exception encountered"))


STRUCTURES = {
    "list": lambda a, b: [a, b],
    "sorted dict": lambda a, b: {"cost": b, "price": a},
    "unsorted dict": lambda a, b: {"price": a, "cost": b},
    "other keys": lambda a, b: {"left": a, "right": b},
    "nested": lambda a, b: {"p": a, "rest": {"q": b}},
    "dict in a list": lambda a, b: [a, {"u": b}],
    "list in a dict": lambda a, b: {"l": [a, b]},
}
DATA = {
    "list": [X, Y],
    "tuple": (X, Y),
    "list in a list": [[X, Y]],
    "by names": {"price": X, "cost": Y},
    "one left over": {"price": X, "cost": Y, "z": X},
    "by keys": {"left": X, "right": Y},
    "misspelt": {"price": X, "cast": Y},
    "nested": {"p": X, "rest": {"q": Y}},
    "dict in a list": [X, {"u": Y}],
    "list in a dict": {"l": [X, Y]},
    "one": X,
    "three": [X, Y, X],
}


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", ["__call__", "predict"])
def test_data_are_matched_with_inputs(structure, method):
    models = []
    for k in (addax, keras):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keys that aren't names
            models.append(difference(k, STRUCTURES[structure]))
    paths = {path for path, _ in addax.tree.flatten_with_path(models[0].input)}
    settings = {} if method == "__call__" else {"verbose": 0}
    for name, data in DATA.items():
        (ours, our_warnings), (theirs, their_warnings) = (
            outcome(lambda m=m, data=data: np.asarray(getattr(m, method)(data, **settings))) for m in models
        )
        if isinstance(ours, str):
            # addax doesn't guess which key stands for which; Keras's `predict` does.
            guessed = isinstance(data, dict) and not paths <= {p for p, _ in addax.tree.flatten_with_path(data)}
            assert isinstance(theirs, str) or guessed or name == "three", name
            if method == "__call__" and isinstance(theirs, str) and "not connected" not in theirs:
                assert theirs in ours, name
        elif isinstance(theirs, str):
            assert structure == "dict in a list" and {"price", "cost"} <= set(data), name  # names say enough
            np.testing.assert_array_equal(ours, X - Y)
        else:
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
            assert our_warnings == their_warnings, name


def test_models_that_differ_in_the_names_of_their_inputs_share_no_program():
    data = {"a": X, "b": Y, "c": 10 * Y}
    for first, second in (("a", "b"), ("b", "a"), ("a", "c")):
        a, b = addax.Input((2,), name=first), addax.Input((2,), name=second)
        model = addax.Model([a, b], addax.layers.Subtract()([a, b]))
        model.compile(loss="mse")
        wanted = data[first] - data[second]
        np.testing.assert_array_equal(model(data), wanted)
        np.testing.assert_array_equal(model.predict(data, verbose=0), wanted)
        assert model.evaluate(data, wanted, verbose=0) == 0.0


@pytest.mark.parametrize("structure", ["other keys", "nested", "list in a dict"])
def test_structures_survive_fitting_and_files(structure, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = difference(addax, STRUCTURES[structure])
        outer_inputs = [addax.Input((2,)), addax.Input((2,))]
    data = DATA["by keys" if structure == "other keys" else structure]
    model.compile(loss="mse")
    assert model.evaluate(data, X - Y, verbose=0) == 0.0
    model.save(tmp_path / "m.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = addax.models.load_model(tmp_path / "m.keras")
        theirs = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(data, verbose=0), X - Y)
    np.testing.assert_array_equal(theirs.predict(data, verbose=0), X - Y)
    inner = addax.tree.pack_sequence_as(model.input, outer_inputs)
    np.testing.assert_array_equal(addax.Model(outer_inputs, model(inner))([X, Y]), X - Y)


def test_a_list_for_a_dict_whose_order_is_not_clear_is_refused_everywhere():
    model = difference(addax, STRUCTURES["unsorted dict"])
    model.compile(loss="mse")
    for call in (lambda: model.fit([X, Y], X, verbose=0), lambda: model([addax.Input((2,)), addax.Input((2,))])):
        with pytest.raises(ValueError, match="doesn't match the expected structure"):
            call()


@pytest.mark.parametrize("shape", [(1,), (2,), (2, 1), (1, 1), (2, 1, 1), (1, 1, 1), (2, 3), (1, 2, 1), ()])
@pytest.mark.parametrize("expected", [(1,), (), (2, 1), (None,)])
def test_a_last_axis_of_size_one_may_be_missing_or_extra(shape, expected):
    found = []
    for k in (addax, keras):
        i = k.Input(expected, name="i")
        model = k.Model(i, i * 2.0, name="m")
        found.append(outcome(lambda model=model: np.asarray(model(np.ones(shape)))))
    (ours, _), (theirs, _) = found
    if isinstance(ours, str):
        broadcast = 1 in (*shape[-1:], *expected[-1:])  # Keras takes a last axis of another size for one of size 1
        assert isinstance(theirs, str) or broadcast
    else:
        np.testing.assert_array_equal(ours, theirs)


def test_rows_of_one_number_are_rows():
    i = addax.Input((1,))
    model = addax.Model(i, addax.layers.Dense(1, kernel_initializer="ones")(i))
    model.compile("sgd", "mse")
    x = np.arange(4.0)
    assert model.train_on_batch(x[1:2], x[1:2]) == 0.0
    assert model.evaluate(x[:3], x[:3], batch_size=2, verbose=0) == 0.0
    np.testing.assert_array_equal(model.predict(x[:3], batch_size=2, verbose=0)[:, 0], x[:3])
    np.testing.assert_array_equal(model.predict_on_batch(x[2:3]), [[2.0]])
    model.fit(x, x, batch_size=1, verbose=0)
    model.fit(((x[n : n + 1], x[n : n + 1]) for n in range(4)), steps_per_epoch=4, verbose=0)
    model.compile("sgd", "mse", run_eagerly=True)
    assert model.fit(x[:3], x[:3], batch_size=2, verbose=0).history["loss"] == [0.0]


DTYPES = ("float32", "float16", "bfloat16", "int32", "uint8", "bool")


@pytest.mark.parametrize("of_input", DTYPES)
def test_data_are_cast_to_the_dtype_of_the_input(of_input):
    models = []
    for k in (addax, keras):
        i = k.Input((2,), dtype=of_input)
        models.append(k.Model(i, k.ops.logical_not(i) if of_input == "bool" else i + i))
    for dtype in ("float32", "float64", "float16", "int64", "bool"):
        ours, theirs = (m(np.ones((1, 2), dtype)) for m in models)
        assert str(ours.dtype) == str(theirs.dtype) == of_input
    ours, theirs = (m.predict(np.ones((1, 2)), verbose=0) for m in models)
    assert ours.dtype == theirs.dtype
    assert models[0](addax.Input((2,))).dtype == models[1](keras.Input((2,))).dtype


def test_large_inputs_do_not_overflow_under_a_mixed_policy():
    found = []
    for k in (addax, keras):
        k.config.set_dtype_policy("mixed_float16")
        try:
            i = k.Input((2,))
            scaled = k.layers.Rescaling(1e-4, dtype="float32")(i)
            found.append(np.asarray(k.Model(i, scaled)(np.full((1, 2), 1e5, "float32"))))
        finally:
            k.config.set_dtype_policy("float32")
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[0], 10.0)


def test_a_mask_is_kept_where_the_dtype_is_changed():
    inner_input = addax.Input((None, 3))
    inner = addax.Model(inner_input, addax.layers.GlobalAveragePooling1D()(inner_input))
    ids = addax.Input((None,), dtype="int32")
    embedding = addax.layers.Embedding(3, 3, mask_zero=True, dtype="float16", embeddings_initializer="ones")
    model = addax.Model(ids, inner(embedding(ids)))
    embedding.embeddings.assign(np.array([[5.0] * 3, [1.0] * 3, [3.0] * 3]))
    np.testing.assert_allclose(model(np.array([[1, 2, 0]])), [[2.0, 2.0, 2.0]])


OUTPUTS = {
    "one": lambda o, p: o,
    "a list of one": lambda o, p: [o],
    "a tuple of one": lambda o, p: (o,),
    "a dict of one": lambda o, p: {"a": o},
    "a list in a list": lambda o, p: [[o, p]],
    "a list of one in a list": lambda o, p: [[o]],
    "a dict in a list": lambda o, p: [{"a": o}],
    "a list": lambda o, p: [o, p],
    "a tuple": lambda o, p: (o, p),
}


@pytest.mark.parametrize("form", OUTPUTS)
def test_outputs_have_the_structure_that_keras_gives_them(form):
    found = []
    for k in (addax, keras):
        i = k.Input((2,))
        model = k.Model([i], OUTPUTS[form](k.layers.Dense(1, name="o")(i), k.layers.Dense(2, name="p")(i)))
        again = k.Model.from_config(model.get_config())
        x = np.ones((3, 2), "float32")
        results = (model(x), model.call(x), model.predict(x, verbose=0), model.predict_on_batch(x), again(x))
        symbolic = (model.output, model(k.Input((2,))), again.output, model.compute_output_shape((None, 2)))
        found.append([_form(r) for r in (*results, *symbolic)])
    assert found[0] == found[1]


def _form(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _form(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)) and not all(isinstance(d, (int, type(None))) for d in x):
        return type(x).__name__, [_form(value) for value in x]
    return tuple(getattr(x, "shape", x))


def test_a_list_of_one_output_trains():
    i = addax.Input((2,))
    model = addax.Model([i], [addax.layers.Dense(2, name="o")(i)])
    model.compile("sgd", ["mse"], metrics=[["mae"]])
    for y in (Y, [Y], {"o": Y}):
        assert list(model.fit(X, y, verbose=0).history) == ["loss", "mae"]
    outer = addax.Model(i, addax.layers.Dense(1)(model(i)[0]))
    assert outer.predict(X, verbose=0).shape == (3, 1)


def test_input_spec_may_be_set():
    for k in (keras, addax):
        i = k.Input((None, 2))
        model = k.Model(i, i * 2.0)
        assert np.asarray(model(np.ones((2, 5, 2)))).shape == (2, 5, 2)
        model.input_spec = k.layers.InputSpec(shape=(None, 6, 2))
        with pytest.raises(ValueError, match=r"expected shape=\(None, 6, 2\), found shape=\(2, 5, 2\)"):
            model(np.ones((2, 5, 2)))
        assert model.input_spec.shape == (None, 6, 2)
        model.input_spec = None
        assert np.asarray(model(np.ones((2, 5, 2)))).shape == (2, 5, 2)


@pytest.mark.parametrize(
    "data",
    [X[:, :, None, None], X[:, :, None].repeat(2, 2), X.repeat(2, 1), None],
    ids=["an axis more", "another rank", "another size", "nothing"],
)
def test_refusals_hold_the_words_of_keras(data):
    texts = []
    for k in (keras, addax):
        i, j = k.Input((2,), name="foo"), k.Input((2,), name="bar")
        with pytest.raises(ValueError) as error:
            k.Model({"foo": i, "bar": j}, i + j, name="m")({"foo": X, "bar": data})
        texts.append(_words(str(error.value)))
    for part in _pieces(texts[0]):
        assert part in texts[1]


def _pieces(text: str) -> list[str]:
    """What Keras says before and after the array that it prints."""
    if "Invalid input shape" not in text:
        return [text]
    return ["Invalid input shape for input"]


def test_unconnected_outputs_are_named_by_their_path():
    for k in (keras, addax):
        a, b = k.Input((2,), name="a"), k.Input((2,), name="b")
        with pytest.raises(ValueError, match=r"Output with path `1\.v` is not connected to `inputs`"):
            k.Model(a, [a * 2.0, {"v": b * 2.0}])


def test_inner_tensors_are_still_there_after_a_cut():
    for k in (keras, addax):
        i = k.Input((4,))
        h = k.layers.Dense(3, name="d1")(i)
        o = k.layers.Dense(2, name="d2")(h)
        model = k.Model(i, o)
        tail = k.Model(model.get_layer("d1").output, o)
        assert model.get_layer("d2").output is o and model.get_layer("d2").input is h
        assert k.Model(model.input, model.get_layer("d2").output).get_weights()[2].shape == (3, 2)
        assert tail.predict(np.ones((1, 3)), verbose=0).shape == (1, 2)


def test_what_is_not_there_yet_is_no_attribute():
    class Own(addax.Model):
        def call(self, x):
            return x

    for model in (addax.Sequential(), addax.Sequential([addax.layers.Dense(2)]), Own(), addax.layers.Dense(2)):
        for name in ("inputs", "outputs", "input", "output", "input_shape", "output_shape", "input_names"):
            assert not hasattr(model, name), (model, name)
    assert addax.Sequential([addax.Input((2,)), addax.layers.Dense(2)]).inputs[0].shape == (None, 2)


@pytest.mark.parametrize("make", [lambda k: k.Sequential(), lambda k: difference(k, STRUCTURES["list"])])
def test_layers_are_reserved(make):
    texts = []
    for k in (keras, addax):
        with pytest.raises(AttributeError) as error:
            make(k).layers = []
        texts.append(str(error.value))
    assert texts[0] in texts[1]
