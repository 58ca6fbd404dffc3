"""Low-rank updates and quantization of whole models."""

import copy
import pickle

import numpy as np
import pytest

import addax as keras

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = np.ones((8, 2), "float32")


class Encoder(L.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = L.Dense(4, activation="relu", name="first")
        self.second = L.Dense(4, name="second")

    def build(self, shape):
        self.first.build(shape)
        self.second.build((*shape[:-1], 4))

    def call(self, x):
        return self.second(self.first(x))


def make():
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(2, name="head")(Encoder(name="encoder")(x)), name="model")


def paths(variables):
    return [v.path for v in variables]


def test_targets():
    for targets, expected in (
        ("encoder/*", ["first", "second"]),
        ("head", ["head"]),
        (["*/first", "head"], ["first", "head"]),
        (lambda layer: layer.name == "second", ["second"]),
        (None, ["first", "second", "head"]),
    ):
        model = make()
        found = model.enable_lora(2, targets=targets)
        assert sorted(layer.name for layer in found) == sorted(expected)
        assert all("lora" in path for path in paths(model.trainable_variables))
        assert len(model.trainable_variables) == 2 * len(expected)


def test_only_the_updates_are_trained_and_merging_changes_no_output():
    model = make()
    before = {v.path: v.numpy() for v in model.variables}
    start = model.predict(X, verbose=0)
    model.enable_lora(2, targets="encoder/*", lora_alpha=4)
    np.testing.assert_array_equal(model.predict(X, verbose=0), start)
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    for path, value in before.items():
        np.testing.assert_array_equal(model.variables_by_path()[path].numpy(), value)
    trained = model.predict(X, verbose=0)
    assert np.abs(trained - start).max() > 1e-3
    layer = model.get_layer("encoder").first
    a, b = (v.numpy().astype("float64") for v in layer.lora_factors)
    np.testing.assert_allclose(layer.kernel, before["encoder/first/kernel"] + 2.0 * (a @ b), rtol=1e-5, atol=1e-6)
    model.merge_lora()
    np.testing.assert_allclose(model.predict(X, verbose=0), trained, rtol=1e-5, atol=1e-6)
    assert paths(model.variables) == list(before) and paths(model.trainable_variables) == list(before)
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    assert np.any(model.variables_by_path()["head/kernel"].numpy() != before["head/kernel"])


def test_a_merged_model_is_saved_without_the_state_of_its_updates(tmp_path):
    model = keras.Sequential([keras.Input((6,)), L.Dense(4), L.Dense(2)])
    model.enable_lora(1)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.merge_lora()
    with pytest.warns(UserWarning, match="belongs to other weights than model 'sequential.*' trains now"):
        model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(loaded.optimizer.iterations) == 0
    loaded.fit(X, Y, verbose=0)


def test_updates_of_a_second_group_of_layers():
    model = make()
    model.enable_lora(1, targets="head")
    model.enable_lora(2, targets="encoder/first")
    assert paths(model.trainable_variables) == [
        *("encoder/first/lora_kernel_a", "encoder/first/lora_kernel_b"),
        *("head/lora_kernel_a", "head/lora_kernel_b"),
    ]
    model.merge_lora()
    assert len(model.trainable_variables) == len(model.variables) == 6


def test_mistakes():
    model = make()
    with pytest.raises(ValueError, match=r"No layer of model 'model' .* matches targets='encodr/\*'"):
        model.enable_lora(2, targets="encodr/*")
    with pytest.raises(ValueError, match="call `enable_lora` first"):
        model.merge_lora()
    with pytest.raises(ValueError, match="isn't yet built"):
        keras.Sequential([L.Dense(2)]).enable_lora(2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(copied):
    x = keras.Input((6,))
    model = keras.Model(x, L.Dense(2)(L.Dense(3)(x)))
    model.quantize("int4")
    model.enable_lora(2)
    other = copied(model)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    assert paths(other.variables) == paths(model.variables)
    other.layers[1].lora_factors[1].assign(np.ones((2, 3)))
    assert np.abs(other.predict(X, verbose=0) - model.predict(X, verbose=0)).max() > 1e-3


def test_a_quantized_model_is_trained_through_its_updates():
    model = make()
    model.quantize("int8")
    model.enable_lora(2)
    model.compile("adam", "mse")
    losses = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert {v.dtype for v in model.non_trainable_variables if v.name == "kernel"} == {"int8"}


def test_quantizing_between_predictions_uses_the_new_kernel():
    model = keras.Sequential([keras.Input((6,)), L.Dense(4), L.Dense(2)])
    model.compile("sgd", "mse")
    before, loss = model.predict(X, verbose=0), model.evaluate(X, Y, verbose=0)
    model.quantize("int4")
    after = model.predict(X, verbose=0)
    kernels = [np.asarray(layer._stand_in.dequantize(layer), "float64") for layer in model.layers]
    np.testing.assert_allclose(after, X @ kernels[0] @ kernels[1], rtol=1e-4, atol=1e-5)
    assert np.abs(before - after).max() > 1e-4 and model.evaluate(X, Y, verbose=0) != loss


def test_equal_models_with_other_stand_ins_share_no_program():
    """Programs are shared by description: what stands in for a kernel is a part of it."""
    models = [keras.Sequential([keras.Input((6,)), L.Dense(4, kernel_initializer="ones")]) for _ in range(4)]
    models[1].quantize("int8")
    models[2].quantize(config=keras.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    models[3].quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=2))
    found = [model.predict(X, verbose=0) for model in models]
    exact = X @ np.ones((6, 4))
    np.testing.assert_allclose(found[0], exact, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2], exact, rtol=1e-5, atol=1e-5)
    assert 0 < np.abs(found[1] - exact).max() < 0.1


def test_a_users_subclass_keeps_its_call():
    class Twice(L.Dense):
        def call(self, x):
            return 2 * super().call(x)

    layer = Twice(3)
    y = np.asarray(layer(X))
    layer.quantize("int8", type_check=False)
    layer.enable_lora(2)
    np.testing.assert_allclose(layer(X), y, atol=0.1)
    layer.lora_factors[1].assign(np.ones((2, 3)))
    a = layer.lora_factors[0].numpy()
    np.testing.assert_allclose(layer(X) - y, 2 * X @ a @ np.ones((2, 3)), atol=0.1)


def test_memory():
    model = keras.Sequential([keras.Input((256,)), L.Dense(256, use_bias=False)])
    assert sum(v.size * v.value.dtype.itemsize for v in model.variables) == 4 * 256**2
    model.quantize(config=keras.quantizers.Int4QuantizationConfig(block_size=-1))
    assert sum(v.size * v.value.dtype.itemsize for v in model.variables) == 256**2 // 2 + 4 * 256


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_reversible_embedding_projects_with_what_the_integers_stand_for(mode):
    layer = L.ReversibleEmbedding(9, 6)
    layer.build()
    vectors = layer(np.array([[1, 2, 8]]))
    logits = np.asarray(layer(vectors, reverse=True))
    layer.quantize(mode)
    layer.enable_lora(2)
    np.testing.assert_allclose(layer(vectors, reverse=True), logits, atol=0.1 * np.abs(logits).max())
    b = layer.lora_factors[1]
    b.assign(np.ones(b.shape))
    table = layer(np.arange(9)[None])[0]
    np.testing.assert_allclose(layer(vectors, reverse=True), vectors @ table.T, rtol=1e-4, atol=1e-5)
