"""SavedModels, read by TensorFlow; they are skipped where it isn't installed."""

from __future__ import annotations

import numpy as np
import pytest

import addax as keras
from addax import layers

X = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def convnet():
    i = keras.Input((8, 8, 3))
    h = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(i))
    h = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(h))
    return keras.Model(i, {"a": layers.Dense(2)(h), "b": layers.Dense(1)(h)})


def test_a_model_runs_without_its_code(tf, tmp_path):
    model = convnet()
    model.export(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    for rows in (5, 2):  # any number of rows
        expected, found = model.predict(X[:rows], verbose=0), loaded.serve(X[:rows])
        named = loaded.signatures["serving_default"](tf.constant(X[:rows]))
        for key in ("a", "b"):
            np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(named[key], expected[key], rtol=1e-5, atol=1e-6)
    assert len(loaded.weights) == len(model.variables)


def test_several_endpoints_and_a_collection(tf, tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda x: model(x), [keras.InputSpec(shape=(None, 4), dtype="float32")])
    archive.add_endpoint(
        "sums", lambda x, y: keras.ops.sum(x, -1) + y, [keras.InputSpec(shape=(None, 4)), keras.InputSpec(shape=())]
    )
    archive.add_variable_collection("kernels", [layer.kernel for layer in model.layers])
    archive.write_out(tmp_path / "m", verbose=False)
    loaded, x = tf.saved_model.load(str(tmp_path / "m")), np.ones((3, 4), "float32")
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-6)
    np.testing.assert_allclose(loaded.sums(x, np.float32(2)), np.full(3, 6.0))
    np.testing.assert_array_equal(loaded.kernels[1], model.layers[1].kernel.numpy())


def test_a_layer_of_one_computes_the_same(tf, tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh")])
    model.export(tmp_path / "m", verbose=False)
    layer, x = layers.TFSMLayer(str(tmp_path / "m"), call_endpoint="serve"), np.ones((3, 4), "float32")
    np.testing.assert_allclose(layer(x), model(x), rtol=1e-6)


def test_training_on_tensors_of_a_tf_data_pipeline(tf):
    data = tf.data.Dataset.from_tensor_slices((X, np.arange(5, dtype="float32")[:, None])).batch(2)
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    keras.utils.set_random_seed(0)
    start = model.get_weights()
    model.fit(data, epochs=1, verbose=0)
    found = model.get_weights()
    model.set_weights(start)
    model.compile("sgd", "mse")
    model.fit(X, np.arange(5, dtype="float32")[:, None], batch_size=2, shuffle=False, verbose=0)
    for a, b in zip(found, model.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert model.evaluate(data, verbose=0) == pytest.approx(
        model.evaluate(X, np.arange(5, dtype="float32")[:, None], batch_size=2, verbose=0), rel=1e-5
    )
    assert model.predict(data.map(lambda x, y: x), verbose=0).shape == (5, 1)
