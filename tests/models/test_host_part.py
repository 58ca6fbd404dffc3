"""Models that begin with layers on the host: of text, of categories, and of the user's own."""

from __future__ import annotations

import pickle
import subprocess
import sys

import jax
import numpy as np
import pytest

import addax as keras
from addax import layers

TEXTS = np.array(["good movie great", "bad film awful", "great good fun", "awful bad boring"] * 4)
Y = np.array([1, 0, 1, 0] * 4, "float32")
VOCABULARY = ["good", "bad", "great", "awful"]


class Lower(layers.Layer):
    """A layer of a user's on the host, from strings to strings."""

    on_host = True

    def call(self, x):
        return np.char.lower(np.asarray(x).astype(str))

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, "string")


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return TEXTS[rows], Y[rows]


def vectorizer(**kwargs):
    return layers.TextVectorization(vocabulary=VOCABULARY, **{"output_sequence_length": 3, **kwargs})


def body():
    return [layers.Embedding(6, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]


def classifier(first=None):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((), dtype="string"), first or vectorizer(), *body()])
    model.compile("sgd", "mse")
    return model


def reference(model, texts):
    """What the layers after the first compute for what it computes alone."""
    x = np.asarray(model.layers[0](texts))
    for layer in model.layers[1:]:
        x = layer(x)
    return np.asarray(x)


@pytest.mark.parametrize(
    "texts",
    [TEXTS, TEXTS.astype(object), TEXTS.astype("S"), TEXTS.tolist(), TEXTS[:, None]],
    ids=["str", "object", "bytes", "list", "column"],
)
def test_text_of_every_kind(texts):
    model = classifier()
    expected = reference(model, TEXTS)
    np.testing.assert_allclose(model(texts), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict(texts, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(texts), expected, rtol=1e-6)
    assert isinstance(model(texts), jax.Array)


@pytest.mark.parametrize("length", [3, None], ids=["fixed", "longest of the batch"])
def test_training_is_that_on_indices(length):
    model = classifier(vectorizer(output_sequence_length=length))
    known = keras.Sequential([keras.Input((None,), dtype="int64"), *body()])
    known.compile("sgd", "mse")
    known.set_weights(model.get_weights())
    indices = np.asarray(model.layers[0](TEXTS))
    ours = model.fit(TEXTS, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    theirs = known.fit(indices, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert model.evaluate(TEXTS, Y, verbose=0) == pytest.approx(known.evaluate(indices, Y, verbose=0), rel=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        lambda: {"x": TEXTS.tolist(), "y": Y},
        lambda: {"x": Batches()},
        lambda: {"x": ((TEXTS[i : i + 4], Y[i : i + 4]) for i in range(0, 16, 4))},
        lambda: {"x": ((TEXTS[i : i + 4].tolist(), Y[i : i + 4]) for i in range(0, 16, 4))},
    ],
    ids=["lists", "PyDataset", "generator", "generator of lists"],
)
def test_data_of_every_kind_train_alike(data):
    expected = classifier().fit(TEXTS, Y, batch_size=4, shuffle=False, verbose=0).history["loss"]
    found = classifier().fit(**data(), batch_size=None if "y" not in data() else 4, shuffle=False, verbose=0)
    np.testing.assert_allclose(found.history["loss"], expected, rtol=1e-5)


def test_texts_in_files(tmp_path):
    for i, (line, label) in enumerate(zip(TEXTS, Y)):
        (tmp_path / str(int(label))).mkdir(exist_ok=True)
        (tmp_path / str(int(label)) / f"{i}.txt").write_text(line)
    files = keras.utils.text_dataset_from_directory(tmp_path, batch_size=4, shuffle=False, verbose=False)
    layer = layers.TextVectorization(output_sequence_length=3)
    layer.adapt(files.map(lambda x, y: x))
    known = layers.TextVectorization(output_sequence_length=3)
    known.adapt(TEXTS)
    assert layer.get_vocabulary() == known.get_vocabulary()
    behind = [layers.Embedding(20, 2), layers.Flatten(), layers.Dense(1)]
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer, *behind])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(files, validation_data=files, verbose=0).history["val_loss"][0])
    mapped = files.map(lambda x, y: (layer(x), y))
    np.testing.assert_array_equal(next(iter(mapped))[0], layer(next(iter(files))[0]))


def test_what_fit_can_do_beside_training():
    model = classifier()
    history = model.fit(TEXTS, Y, validation_split=0.25, class_weight={0: 1.0, 1: 2.0}, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    given = {"validation_data": (TEXTS.tolist(), Y), "class_weight": {0: 1.0, 1: 2.0}}
    history = model.fit(Batches(), **given, verbose=0).history
    assert history["val_loss"] == pytest.approx([model.evaluate(TEXTS, Y, verbose=0)], rel=1e-5)
    assert np.isfinite(model.train_on_batch(TEXTS, Y)) and np.isfinite(model.test_on_batch(TEXTS.tolist(), Y))


def test_batches_that_are_too_large_to_be_prepared_at_once(monkeypatch):
    expected = classifier().fit(TEXTS, Y, batch_size=4, epochs=2, verbose=0, shuffle=False).history["loss"]
    monkeypatch.setattr("addax.data.prepared._WHOLE", 0)
    found = classifier().fit(TEXTS, Y, batch_size=4, epochs=2, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_models_of_the_same_layers_share_a_program():
    one, other = classifier(), classifier()
    one.predict(TEXTS, verbose=0), other.predict(TEXTS, verbose=0)
    programs = [model._programs["predict"] for model in (one, other)]
    assert programs[0].description == programs[1].description


def test_another_vocabulary_is_used_at_once():
    model = keras.Sequential([keras.Input((), dtype="string"), layers.StringLookup(output_mode="one_hot")])
    model.layers[0].adapt(["a", "b"])
    np.testing.assert_array_equal(model(["b", "c"]), [[0, 1, 0], [1, 0, 0]])
    model.layers[0].adapt(["c", "b"])
    np.testing.assert_array_equal(model(["b", "c"]), [[0, 0, 1], [0, 1, 0]])


def test_a_sequential_without_an_input_takes_it_from_the_data():
    for first, data in (
        (layers.TextVectorization(vocabulary=["a"], output_mode="count"), ["a a", "b"]),
        (layers.Hashing(3, output_mode="one_hot"), np.array([["a"], ["b"]])),
        (layers.Hashing(3, output_mode="one_hot"), np.array([[1], [2]])),
        (layers.IntegerLookup(vocabulary=[7], output_mode="one_hot"), np.array([[7], [8]])),
    ):
        model = keras.Sequential([first, layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(data, np.ones(2), verbose=0)
        assert model.built and model.predict(data, verbose=0).shape == (2, 1)


def test_models_inside_models():
    text, number = keras.Input((1,), dtype="string", name="text"), keras.Input((2,), name="number")
    front = keras.Model([text, number], [vectorizer()(text), number * 2.0])
    vectors, doubled = front.outputs
    out = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(layers.Embedding(6, 2)(vectors)), doubled]))
    whole, back = keras.Model([text, number], out), keras.Model(front.outputs, out)
    parts = keras.Model([text, number], back(front([text, number])))
    data = {"text": TEXTS[:, None], "number": np.arange(32.0).reshape(16, 2) / 32}
    expected = np.asarray(back([vectorizer()(TEXTS), 2 * data["number"]]))
    for model in (whole, parts):
        model.compile("sgd", "mse")
        np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-5)
        np.testing.assert_allclose(model([data["text"], data["number"]]), expected, rtol=1e-5)
    before = whole.evaluate(data, Y, verbose=0)
    parts.fit(data, Y, verbose=0)
    assert whole.evaluate(data, Y, verbose=0) < before


def test_a_classifier_of_indices_behind_a_vectorizer():
    inner = keras.Sequential([keras.Input((None,), dtype="int64"), *body()])
    model = keras.Sequential([keras.Input((1,), dtype="string"), vectorizer(), inner])
    np.testing.assert_allclose(model.predict(TEXTS[:, None], verbose=0), inner(vectorizer()(TEXTS)), rtol=1e-5)


def test_integers_of_64_bits_are_looked_up_exactly():
    x = keras.Input((1,), dtype="int64")
    model = keras.Model(x, layers.IntegerLookup(vocabulary=[2**40, 7])(x))
    np.testing.assert_array_equal(model(np.array([[2**40], [2**40 + 1], [7]])), [[1], [0], [2]])


def test_a_lookup_of_what_other_layers_compute_runs_from_the_program():
    x = keras.Input((2,))
    found = layers.IntegerLookup(vocabulary=[4, 2], output_mode="one_hot")(
        keras.ops.cast(layers.Rescaling(2.0)(x), "int32")
    )
    model = keras.Model(x, layers.Dense(1)(layers.Flatten()(found)))
    model.compile("sgd", "mse")
    data = np.array([[1.0, 2.0], [3.0, 1.0]])
    one_hot = np.array([[[0, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1]]], "float32")
    expected = model.layers[-1](one_hot.reshape(2, 6))
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-5)
    assert np.isfinite(model.fit(data, np.ones(2), verbose=0).history["loss"][0])
    # The lookup of another vocabulary isn't that of the program.
    other = keras.Model(x, layers.Flatten()(layers.IntegerLookup(vocabulary=[2, 4])(keras.ops.cast(x, "int32"))))
    np.testing.assert_array_equal(other(np.array([[2.0, 4.0]])), [[1, 2]])


def test_a_layer_of_the_users_on_the_host():
    text = keras.Input((), dtype="string")
    lower = keras.Model(text, Lower()(text))
    assert lower(np.array(["AbC"])).tolist() == ["abc"]
    assert lower.predict(["AbC"] * 40, verbose=0).tolist() == ["abc"] * 40
    model = keras.Model(text, layers.StringLookup(vocabulary=["abc"])(lower(text)))
    np.testing.assert_array_equal(model(["ABC", "x"]), [1, 0])


def test_labels_as_strings_at_the_end():
    x = keras.Input((3,))
    labels = layers.StringLookup(vocabulary=["cat", "dog", "cow"], num_oov_indices=0, invert=True)
    model = keras.Model(x, labels(keras.ops.argmax(x, -1)))
    assert model.output.dtype == "string"
    assert model(np.eye(3)).tolist() == model.predict(np.eye(3), verbose=0).tolist() == ["cat", "dog", "cow"]


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.vectorizer, self.body = vectorizer(), body()

    def call(self, x):
        x = self.vectorizer(x)
        for layer in self.body:
            x = layer(x)
        return x


def test_a_model_that_is_no_graph_runs_eagerly_on_text():
    model = Subclass()
    assert model(TEXTS).shape == (16, 1)
    known = classifier()
    known.set_weights(model.get_weights())
    np.testing.assert_allclose(model(TEXTS.tolist()), known(TEXTS), rtol=1e-5)
    model.compile("sgd", "mse")
    losses = [m.fit(TEXTS, Y, shuffle=False, verbose=0).history["loss"] for m in (model, known)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    fresh = Subclass()  # built by its data
    fresh.compile("sgd", "mse")
    assert np.isfinite(fresh.fit(TEXTS, Y, verbose=0).history["loss"][0])
    np.testing.assert_allclose(fresh.predict(TEXTS, verbose=0), fresh(TEXTS), rtol=1e-5)


class Mixed(Subclass):
    def call(self, x):
        return super().call(x["text"]) + x["a number"]


def test_text_beside_numbers_in_a_model_that_is_no_graph():
    model, data = Mixed(), {"a number": np.arange(16.0)[:, None], "text": TEXTS}
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(data, Y, verbose=0).history["loss"][0])
    alone = Subclass()
    alone(TEXTS)
    alone.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(data, verbose=0), alone(TEXTS) + data["a number"], rtol=1e-5)
    np.testing.assert_allclose(model({**data, "text": TEXTS.tolist()}), alone(TEXTS) + data["a number"], rtol=1e-5)


def test_copies(tmp_path):
    model = classifier()
    expected = model(TEXTS)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model))(TEXTS), expected, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(TEXTS), expected, rtol=1e-6)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(TEXTS), expected, rtol=1e-6)


def columns():
    color, number = keras.Input((1,), dtype="string", name="color"), keras.Input((1,), dtype="int64", name="number")
    both = [
        layers.StringLookup(vocabulary=["red"], output_mode="one_hot")(color),
        layers.IntegerLookup(vocabulary=[5], output_mode="one_hot")(number),
    ]
    return keras.Model([color, number], layers.Concatenate()(both))


@pytest.mark.parametrize(
    "data, message",
    [
        ({"color": ["red", None], "number": [5, 6]}, "takes strings. Received None .* at index 1"),
        ({"color": ["red", float("nan")], "number": [5, 6]}, "takes strings. Received nan .* at index 1"),
        ({"color": [1, 2], "number": [5, 6]}, "Input 'color' of model '.*' takes strings"),
        ({"color": ["red", "x"], "number": ["5", "6"]}, "Input 'number' of model '.*' takes numbers"),
        ({"color": ["red", "x"]}, "number"),
    ],
)
def test_wrong_data(data, message):
    model = columns()
    for use in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=message):
            use(data)


def test_lists_and_columns_of_a_table():
    expected = [[0, 1, 0, 1], [1, 0, 1, 0]]
    np.testing.assert_array_equal(columns()({"color": ["red", "x"], "number": [5, 6]}), expected)
    data = {"color": np.array([["red"], ["x"]], object), "number": np.array([5, 6])}
    np.testing.assert_array_equal(columns().predict(data, verbose=0), expected)


@pytest.mark.parametrize(
    "make", [lambda: layers.Dense(2), lambda: layers.Embedding(3, 2), lambda: layers.LayerNormalization()]
)
def test_a_layer_of_numbers_refuses_strings(make):
    with pytest.raises(ValueError, match=r"computes with numbers, and its input has dtype string.*StringLookup"):
        make()(keras.Input((3,), dtype="string"))
    with pytest.raises(ValueError, match=r"computes with numbers, and received strings.*StringLookup"):
        make()(np.array([["a", "b"]]))


def test_an_index_beyond_the_table_is_told():
    model = keras.Sequential([keras.Input((), dtype="string"), vectorizer(), layers.Embedding(4, 2)])
    with pytest.raises(ValueError, match=r"output of 'text_vectorization.*' has indices from 1 to 5, but layer 'embed"):
        model.predict(TEXTS, verbose=0)


def test_a_call_on_strings_and_on_what_the_program_computes_is_refused():
    text, x = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int32")
    crossed = layers.HashedCrossing(5)([text, x + 1])
    with pytest.raises(ValueError, match="takes strings together with what another layer computes"):
        keras.Model([text, x], crossed).predict([np.array([["a"]]), np.array([[1]])], verbose=0)


def test_text_on_the_host_leaves_jax_alone():
    code = (
        "import sys, numpy as np, addax as keras\n"
        "layers = keras.layers\n"
        "tv = layers.TextVectorization(output_mode='count'); tv.adapt(np.array(['a b', 'b c']))\n"
        "text = keras.Input((1,), dtype='string')\n"
        "model = keras.Model(text, layers.Dense(2)(tv(text))); model.summary()\n"
        "found = model.host_part.prepare([['a b'], ['c']])\n"
        "assert {k: v.shape for k, v in found.items()} == {'host:0': (2, 4)}, found\n"
        "assert 'jax' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
