"""Low-rank updates of layers against Keras: variables, outputs, gradients, configs and files."""

from __future__ import annotations

import inspect
import json

import jax
import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

LIBS = (addax, keras)
LAYERS = {
    "dense": (lambda k, **kw: k.layers.Dense(5, activation="tanh", name="layer", **kw), (3, 6)),
    "heads": (
        lambda k, **kw: k.layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de", name="layer", **kw),
        (2, 3, 4),
    ),
    "output of heads": (
        lambda k, **kw: k.layers.EinsumDense("abcd,cde->abe", (None, 5), name="layer", **kw),
        (2, 3, 2, 4),
    ),
    "embedding": (lambda k, **kw: k.layers.Embedding(7, 5, name="layer", **kw), (2, 3)),
    "conv1d": (lambda k, **kw: k.layers.Conv1D(4, 3, padding="causal", name="layer", **kw), (2, 6, 3)),
    "conv2d groups": (lambda k, **kw: k.layers.Conv2D(4, 2, groups=2, strides=2, name="layer", **kw), (2, 5, 5, 4)),
    "conv3d": (lambda k, **kw: k.layers.Conv3D(2, 2, name="layer", **kw), (1, 3, 3, 3, 2)),
}


def inputs(name):
    shape = LAYERS[name][1]
    rng = np.random.default_rng(3)
    return rng.integers(0, 7, shape) if name == "embedding" else rng.normal(size=shape).astype("float32")


def randomize(layers):
    rng = np.random.default_rng(1)
    values = [rng.normal(size=w.shape) for w in layers[0].get_weights()]
    for layer in layers:
        layer.set_weights(values)


def both(name, **kwargs):
    make, shape = LAYERS[name]
    layers = [make(k, **kwargs) for k in LIBS]
    for layer in layers:
        layer.build(shape)
    return layers


def described(layer):
    return [(v.path, tuple(v.shape), str(v.dtype), bool(v.trainable)) for v in layer.variables]


def close(found, expected, rtol=2e-6):
    found, expected = (np.asarray(x, "float32") for x in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def gradients(layer, x):
    trained = [np.asarray(v) for v in layer.trainable_variables]
    rest = [np.asarray(v) for v in layer.non_trainable_variables]
    return jax.grad(lambda t: (layer.stateless_call(t, rest, x)[0] ** 2).sum())(trained)


@pytest.mark.parametrize("by_constructor", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, by_constructor):
    # Keras's Dense and Embedding drop the constructor's `lora_alpha` as they are built.
    alpha = 2 if by_constructor and name in ("dense", "embedding") else 5
    options = {"lora_rank": 2, "lora_alpha": alpha} if by_constructor else {}
    layers = both(name, **options)
    if not by_constructor:
        for layer in layers:
            layer.enable_lora(2, lora_alpha=5)
    ours, theirs = layers
    assert described(ours) == described(theirs)
    assert [v.path for v in ours.trainable_variables] == [v.path for v in theirs.trainable_variables]
    randomize(layers)
    x = inputs(name)
    close(ours(x), theirs(x))
    for a, b in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        close(a, b, 1e-5)
    configs = [json.loads(json.dumps(layer.get_config())) for layer in layers]
    assert configs[0] == configs[1] and configs[0]["lora_rank"] == 2 and configs[0]["lora_alpha"] == alpha
    attribute = "embeddings" if name == "embedding" else "kernel"
    close(getattr(ours, attribute), getattr(theirs, attribute))
    # Files hold the kernel with the update added.
    stores = [{}, {}]
    for layer, store in zip(layers, stores):
        layer.save_own_variables(store)
    assert list(stores[0]) == list(stores[1])
    for a, b in zip(*(store.values() for store in stores)):
        close(a, b)
    expected = np.asarray(ours(x))
    again = type(ours).from_config(ours.get_config())
    again.build(LAYERS[name][1])
    again.load_own_variables(stores[1])
    close(again(x), expected, 1e-5)
    a, b = (np.abs(np.asarray(v)).max() for v in again.lora_factors)
    assert a > 0 and b == 0  # as at the start: zeros in both factors would never be trained
    ours.merge_lora()
    close(ours(x), expected, 1e-5)
    assert described(ours) == described(both(name)[0])


@pytest.mark.parametrize("name", LAYERS)
def test_signatures(name):
    found, expected = (inspect.signature(layer.enable_lora).parameters for layer in both(name))
    assert [(p.name, p.kind, p.default) for p in found.values()] == [
        (p.name, p.kind, p.default) for p in expected.values()
    ]


@pytest.mark.parametrize("name", ["Dense", "EinsumDense", "Embedding", "Conv1D", "Conv2D", "Conv3D"])
def test_signatures_of_constructors(name):
    found, expected = (list(inspect.signature(getattr(k.layers, name)).parameters) for k in LIBS)
    assert found == expected


@pytest.mark.parametrize("mode", ["int8", "int4", "int4 per channel"])
@pytest.mark.parametrize("quantized_first", [False, True])
@pytest.mark.parametrize("name", ["dense", "heads", "embedding"])
@pytest.mark.slow
def test_with_quantization(name, mode, quantized_first):
    layers = both(name)
    randomize(layers)
    for layer, k in zip(layers, LIBS):
        config = None if mode != "int4 per channel" else k.quantizers.Int4QuantizationConfig(block_size=-1)
        steps = [
            lambda q=layer, m=mode, c=config: q.quantize(None if c else m, config=c),
            lambda q=layer: q.enable_lora(2),
        ]
        for step in steps if quantized_first else steps[::-1]:
            step()
    ours, theirs = layers
    assert described(ours) == described(theirs)
    rng = np.random.default_rng(9)
    prefix = "embeddings" if name == "embedding" else "kernel"
    for part in "ab":
        values = rng.normal(size=getattr(ours, f"lora_{prefix}_{part}").shape)
        for layer in layers:
            getattr(layer, f"lora_{prefix}_{part}").assign(values)
    x = inputs(name)
    close(ours(x), theirs(x))
    for a, b in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        close(a, b, 1e-5)
    stores = [{}, {}]
    for layer, store in zip(layers, stores):
        layer.save_own_variables(store)
    for a, b in zip(*(store.values() for store in stores), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        close(a, b, 1e-5)
    configs = [json.loads(json.dumps(layer.get_config())) for layer in layers]
    assert configs[0] == configs[1]


def built(layer, shape=(None, 4)):
    layer.build(shape)
    return layer


MISTAKES = {
    "twice": lambda k: [d := built(k.layers.Dense(3)), d.enable_lora(1), d.enable_lora(1)],
    "constraint": lambda k: built(k.layers.Dense(3, kernel_constraint="max_norm")).enable_lora(1),
    "constraint of embeddings": lambda k: built(k.layers.Embedding(3, 2, embeddings_constraint="max_norm")).enable_lora(
        1
    ),
}


@pytest.mark.parametrize("program", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(program):
    answers = []
    for k in LIBS:
        with pytest.raises(ValueError) as error:
            program(k)
        answers.append(str(error.value))
    assert answers[0] == answers[1]


def test_further_mistakes():
    with pytest.raises(ValueError, match=r"Cannot enable lora on a layer that isn't yet built\."):
        addax.layers.Dense(3).enable_lora(1)
    for rank in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="`rank` must be a positive integer"):
            built(addax.layers.Dense(3)).enable_lora(rank)
    with pytest.raises(ValueError, match="has no low-rank update"):
        built(addax.layers.Dense(3)).merge_lora()


def test_regularizers_and_frozen_layers():
    for layer, k in zip(both("dense", kernel_regularizer="l2"), LIBS):
        layer.enable_lora(2)
        assert len(layer.losses) == 2, k.__name__  # of the factors
    layers = both("dense")
    for layer in layers:
        layer.trainable = False
        layer.enable_lora(2)
    assert described(layers[0]) == described(layers[1])


def model_of(k):
    L = k.layers
    x = k.Input((4,), dtype="int32")
    y = L.Embedding(9, 6, name="table")(x)
    y = L.Flatten(name="flat")(L.Dense(5, activation="relu", name="hidden")(y))
    return k.Model(x, L.Dense(1, name="out")(y), name="model")


@pytest.mark.filterwarnings("ignore")
def test_files_of_models(tmp_path):
    ids = np.random.default_rng(0).integers(0, 9, (4, 4))
    models = [model_of(k) for k in LIBS]
    models[1].set_weights(models[0].get_weights())
    for model, k in zip(models, LIBS):
        for layer in (model.layers[1], model.layers[2]):
            layer.enable_lora(2)
        values = [np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(models[0].get_weights())]
        model.set_weights(values)
        model.save(tmp_path / f"{k.__name__}.keras")
        model.save_weights(tmp_path / f"{k.__name__}.weights.h5")
    expected = models[1].predict(ids, verbose=0)
    close(models[0].predict(ids, verbose=0), expected, 1e-5)
    for k in LIBS:
        for source in LIBS:
            again = k.models.load_model(tmp_path / f"{source.__name__}.keras")
            assert again.layers[1].lora_enabled and not again.layers[-1].lora_enabled
            close(again.predict(ids, verbose=0), expected, 1e-5)
            plain = model_of(k)
            plain.load_weights(tmp_path / f"{source.__name__}.weights.h5")
            close(plain.predict(ids, verbose=0), expected, 1e-5)
