"""Layers around models of JAX, Flax, PyTorch and TensorFlow: what they compute, train, save, and refuse."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import addax
from addax import layers

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


@addax.saving.register_keras_serializable("foreign")
def affine(params, inputs):
    return inputs @ params["w"] + params["b"]


@addax.saving.register_keras_serializable("foreign")
def init_affine(rng, inputs):
    return {"w": jax.random.normal(rng, (inputs.shape[-1], 1)), "b": jnp.zeros(1)}


def counting(params, state, rng, inputs, training):
    noise = jax.random.normal(rng, inputs.shape) if training else 0.0
    return inputs * params["scale"] + noise, {"calls": state["calls"] + 1}


def init_counting(rng, inputs, training):
    assert training is True
    return {"scale": jnp.ones(inputs.shape[-1])}, {"calls": jnp.zeros((), "int32")}


# JaxLayer


def test_jax_layer_trains_like_a_dense_layer(tmp_path):
    model = addax.Sequential([addax.Input((3,)), layers.JaxLayer(affine, init_affine, name="affine")])
    dense = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    b, w = model.get_weights()
    dense.set_weights([w, b])
    histories = []
    for m in (model, dense):
        m.compile("adam", "mse")
        histories.append(m.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    path = str(tmp_path / "model.keras")
    model.save(path)
    np.testing.assert_allclose(addax.models.load_model(path).predict(X, verbose=0), model.predict(X, verbose=0))
    assert [v.path.rpartition("/")[2] for v in model.weights] == ["b", "w"]


def test_jax_layer_is_as_keras_own_with_params_given():
    keras = pytest.importorskip("keras")
    params = {"w": np.ones((3, 1), "float32"), "b": np.full(1, 2.0, "float32")}
    mine, real = (k.layers.JaxLayer(affine, params=params, name="j") for k in (addax, keras))
    np.testing.assert_allclose(mine(X), real(X), rtol=1e-6)
    assert [(w.shape, w.trainable) for w in mine.weights] == [(w.shape, w.trainable) for w in real.weights]
    assert mine.get_config().keys() == real.get_config().keys()
    assert mine.built and real.built


def test_jax_layer_with_state_keys_and_training():
    layer = layers.JaxLayer(counting, init_counting, seed=3)
    np.testing.assert_allclose(layer(X), X, rtol=1e-6)
    a, b = (np.asarray(layer(X, training=True)) for _ in range(2))
    assert not np.allclose(a, b) and int(layer.state["calls"]) == 3
    assert [w.path.rpartition("/")[2] for w in layer.trainable_weights] == ["scale"]
    again = layers.JaxLayer(counting, init_counting, seed=3)
    np.testing.assert_allclose(again(X), X, rtol=1e-6)
    np.testing.assert_array_equal(again(X, training=True), a)
    model = addax.Sequential([addax.Input((3,)), layers.JaxLayer(counting, init_counting), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    assert int(model.layers[0].state["calls"]) == 6


def test_nothing_is_computed_before_a_value_is_needed():
    calls = []

    def init(rng, inputs):
        calls.append(isinstance(rng, jax.core.Tracer))
        return jnp.ones((inputs.shape[-1], 2))

    layer = layers.JaxLayer(lambda params, inputs: inputs @ params, init)
    assert layer(addax.Input((3,))).shape == (None, 2)
    assert calls == [True]
    layer.get_weights()
    assert calls == [True, False]


def test_structures_of_inputs_and_dtypes():
    layer = layers.JaxLayer(
        lambda params, inputs: jnp.take(params, inputs["ids"], axis=0) + inputs["x"],
        lambda rng, inputs: jnp.ones((4, inputs["x"].shape[-1])) * (inputs["ids"].dtype == "int32"),
        dtype="bfloat16",
    )
    out = layer({"ids": np.zeros(2, "int32"), "x": np.ones((2, 3), "float32")})
    assert out.dtype == "bfloat16" and layer.weights[0].dtype == "bfloat16"
    np.testing.assert_array_equal(np.asarray(out, "float32"), np.full((2, 3), 2.0))


@pytest.mark.parametrize(
    ("call", "init", "error"),
    [
        (lambda params, x: x, None, "Unsupported argument in `call_fn`: `x`"),
        (lambda params: params, None, "Missing required argument in `call_fn`: `inputs`"),
        (affine, None, "`init_fn`, `params` and `state` cannot all be `None`"),
        (affine, lambda foo: 1, "Unsupported argument in `init_fn`: `foo`"),
        (affine, lambda rng: 1, "Missing required argument in `init_fn`: `inputs`"),
    ],
)
def test_functions_of_other_arguments_are_refused(call, init, error):
    with pytest.raises(ValueError) as caught:
        layers.JaxLayer(call, init)
    assert error in str(caught.value)


def test_init_must_return_state_where_it_is_taken():
    with pytest.raises(ValueError, match="must return a pair of parameters and state"):
        layers.JaxLayer(counting, lambda rng, inputs: {"scale": jnp.ones(3)})(X)
    with pytest.raises(TypeError, match="3 is not a callable object"):
        layers.JaxLayer(3)


# FlaxLayer


def flax_model():
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, inputs, training=False):
            x = nn.Dense(4)(inputs)
            x = nn.BatchNorm(use_running_average=not training, momentum=0.5)(x)
            x = nn.Dropout(0.5, deterministic=not training)(x)
            return nn.Dense(1)(x)

    return Net()


def test_flax_layer_computes_what_flax_does():
    module = flax_model()
    variables = module.init(jax.random.PRNGKey(0), X)
    layer = layers.FlaxLayer(module, variables=variables)
    np.testing.assert_allclose(layer(X), module.apply(variables, X), rtol=1e-6)
    _, changed = module.apply(variables, X, True, rngs={"dropout": jax.random.PRNGKey(1)}, mutable=["batch_stats"])
    layer(X, training=True)
    for mine, theirs in zip(jax.tree.leaves(layer.state["batch_stats"]), jax.tree.leaves(changed["batch_stats"])):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert len(layer.trainable_weights) == 6 and len(layer.non_trainable_weights) == 2


def test_flax_layer_trains_in_a_model_and_its_weights_are_saved(tmp_path):
    model = addax.Sequential([addax.Input((3,)), layers.FlaxLayer(flax_model())])
    model.compile(addax.optimizers.Adam(0.05), "mse")
    losses = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    model.save_weights(str(tmp_path / "m.weights.h5"))
    other = addax.Sequential([addax.Input((3,)), layers.FlaxLayer(flax_model())])
    other.load_weights(str(tmp_path / "m.weights.h5"))
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


def test_two_flax_layers_of_different_modules_are_not_taken_for_each_other():
    nn = pytest.importorskip("flax.linen")
    addax.utils.set_random_seed(1)
    models = [addax.Sequential([addax.Input((3,)), layers.FlaxLayer(nn.Dense(n))]) for n in (2, 2)]
    models += [addax.Sequential([addax.Input((3,)), layers.FlaxLayer(nn.Dense(2, use_bias=False))])]
    shapes = [m.predict(X, verbose=0).shape for m in models]
    assert shapes == [(6, 2)] * 3
    kernel = models[2].get_weights()[0]
    np.testing.assert_allclose(models[2](X), X @ kernel, rtol=1e-5)


def test_flax_layer_takes_methods_and_functions_of_the_module():
    nn = pytest.importorskip("flax.linen")

    class Twice(nn.Module):
        def setup(self):
            self.dense = nn.Dense(2)

        def forward(self, a, b):
            return self.dense(a) + self.dense(b)

    layer = layers.FlaxLayer(Twice(), method=lambda module, inputs: module.forward(*inputs))
    a, b = layer((X, X)), layer((X, 0 * X))
    np.testing.assert_allclose(a, 2 * np.asarray(b), rtol=1e-5)
    with pytest.raises(TypeError, match=r"must be an instance of `flax.linen.Module`"):
        layers.FlaxLayer(3)


# PyTorch and TensorFlow


@pytest.mark.parametrize(
    ("module", "make", "text"),
    [
        ("flax.linen", lambda: layers.FlaxLayer(None), "FlaxLayer needs Flax"),
        ("torch", lambda: layers.TorchModuleWrapper(None), "TorchModuleWrapper needs `torch`"),
        ("tensorflow", lambda: layers.TFSMLayer("folder"), "TFSMLayer needs `tensorflow`"),
    ],
)
def test_what_is_not_installed_is_named(module, make, text, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # as if it weren't installed
    with pytest.raises(ImportError, match=text):
        make()


@pytest.mark.torch
def test_torch_module_computes_and_trains_like_a_dense_layer(tmp_path):
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear(3, 1)
    model = addax.Sequential([addax.Input((3,)), layers.TorchModuleWrapper(linear)])
    dense = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
    dense.set_weights([linear.weight.detach().numpy().T, linear.bias.detach().numpy()])
    histories = []
    for m in (model, dense):
        m.compile("adam", "mse")
        histories.append(m.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    model.save_weights(str(tmp_path / "m.weights.h5"))
    other = addax.Sequential([addax.Input((3,)), layers.TorchModuleWrapper(torch.nn.Linear(3, 1))])
    other.load_weights(str(tmp_path / "m.weights.h5"))
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)


@pytest.mark.torch
def test_torch_module_with_batch_statistics_and_dropout():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1)
    )
    layer = layers.TorchModuleWrapper(module)
    module.eval()
    np.testing.assert_allclose(layer(X), module(torch.from_numpy(X)).detach().numpy(), rtol=1e-5, atol=1e-6)
    before = layer.get_weights()
    a, b = (np.asarray(layer(X, training=True)) for _ in range(2))
    assert not np.allclose(a, b)
    changed = [v.path.rpartition("/")[2] for v, old in zip(layer.weights, before) if not np.array_equal(v.numpy(), old)]
    assert changed == ["1_running_mean", "1_running_var", "1_num_batches_tracked"]
    assert layer(addax.Input((3,))).shape == (None, 1)
    model = addax.Sequential([addax.Input((3,)), layers.Dense(3), layer])
    model.compile(addax.optimizers.Adam(0.05), "mse")
    losses = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
