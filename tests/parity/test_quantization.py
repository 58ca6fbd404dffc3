"""Quantized layers and models against Keras: variables, values, outputs, gradients, configs and files."""

from __future__ import annotations

import json
import warnings

import jax
import numpy as np
import pytest

import addax

pytestmark = pytest.mark.slow  # each case trains or saves models of both libraries

keras = pytest.importorskip("keras")

LIBS = (addax, keras)
RNG = np.random.default_rng(0)


def int4(block_size):
    return lambda k: k.quantizers.Int4QuantizationConfig(block_size=block_size)


MODES = {
    "int8": lambda k: "int8",
    "int8 of weights": lambda k: k.quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4": lambda k: "int4",
    "int4 blocks": int4(3),
    "int4 per channel": int4(-1),
    "int4 with inputs": lambda k: k.quantizers.Int4QuantizationConfig(None, k.quantizers.AbsMaxQuantizer(), None),
    "float8": lambda k: "float8",
}
LAYERS = {
    "dense": (lambda k, **kw: k.layers.Dense(5, activation="tanh", name="layer", **kw), (3, 6)),
    "dense 3D": (lambda k, **kw: k.layers.Dense(4, use_bias=False, name="layer", **kw), (2, 3, 7)),
    "heads": (
        lambda k, **kw: k.layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de", name="layer", **kw),
        (2, 3, 12),
    ),
    "output of heads": (
        lambda k, **kw: k.layers.EinsumDense("abcd,cde->abe", (None, 9), bias_axes="e", name="layer", **kw),
        (2, 3, 2, 4),
    ),
    "moved axes": (lambda k, **kw: k.layers.EinsumDense("abc,dce->abed", (None, 5, 2), name="layer", **kw), (2, 3, 4)),
    "batched": (lambda k, **kw: k.layers.EinsumDense("abc,bcd->abd", (3, 5), name="layer", **kw), (2, 3, 4)),
    "embedding": (lambda k, **kw: k.layers.Embedding(7, 5, name="layer", **kw), (2, 3)),
}
CASES = [
    (layer, mode)
    for layer in LAYERS
    for mode in MODES
    if not (layer == "embedding" and mode in ("float8", "int8 of weights", "int4 with inputs"))
    and not (layer in ("batched", "moved axes") and mode in ("int8 of weights", "float8", "int4"))
]


def inputs(name):
    shape = LAYERS[name][1]
    rng = np.random.default_rng(3)
    return rng.integers(0, 7, shape) if name == "embedding" else rng.normal(size=shape).astype("float32")


def quantize(layer, mode, k):
    given = MODES[mode](k)
    layer.quantize(given) if isinstance(given, str) else layer.quantize(config=given)


def both(name, mode=None, **kwargs):
    """The layer in addax and in Keras, with the same weights, quantized."""
    make, shape = LAYERS[name]
    found = []
    for k in LIBS:
        layer = make(k, **kwargs)
        layer.build(shape)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape).astype(str(w.dtype)) for w in layer.get_weights()])
        if mode is not None:
            quantize(layer, mode, k)
        found.append(layer)
    return found


def described(layer):
    return [(v.path, tuple(v.shape), str(v.dtype), bool(v.trainable)) for v in layer.variables]


def configs(layer):
    return json.loads(json.dumps(layer.get_config()))


def assert_same_values(ours, theirs):
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)


def close(found, expected, rtol=1e-6):
    found, expected = (np.asarray(x, "float32") for x in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize(("name", "mode"), CASES, ids=[f"{n}-{m}" for n, m in CASES])
def test_layers(name, mode):
    ours, theirs = both(name, mode)
    assert described(ours) == described(theirs)
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    assert ours.quantization_mode == theirs.quantization_mode
    assert configs(ours) == configs(theirs)
    assert_same_values(ours, theirs)
    x = inputs(name)
    close(ours(x), theirs(x))
    attribute = "embeddings" if name == "embedding" else "kernel"
    np.testing.assert_array_equal(*(np.asarray(getattr(layer, attribute)) for layer in (ours, theirs)))
    # Both read what the other wrote.
    stores = []
    for layer in (ours, theirs):
        stores.append({})
        layer.save_own_variables(stores[-1])
    assert {k: np.asarray(v).dtype for k, v in stores[0].items()} == {
        k: np.asarray(v).dtype for k, v in stores[1].items()
    }
    for layer, store in zip((ours, theirs), stores[::-1]):
        again = type(layer).from_config(layer.get_config())
        again.build(LAYERS[name][1])
        again.load_own_variables({key: np.asarray(value) for key, value in store.items()})
        close(again(x), ours(x))


@pytest.mark.parametrize("mode", ["int8", "int8 of weights", "int4 blocks", "int4 per channel", "float8"])
@pytest.mark.parametrize("name", ["dense", "heads"])
def test_gradients(name, mode):
    ours, theirs = both(name, mode)
    x = inputs(name)

    def gradients(layer):
        trained = [np.asarray(v) for v in layer.trainable_variables]
        rest = [np.asarray(v) for v in layer.non_trainable_variables]
        total = lambda trained, x: (layer.stateless_call(trained, rest, x, training=True)[0] ** 2).sum()  # noqa: E731
        return jax.grad(total, (0, 1))(trained, x)

    (found, of_inputs), (expected, of_inputs_too) = gradients(ours), gradients(theirs)
    assert [v.path for v in ours.trainable_variables] == [v.path for v in theirs.trainable_variables]
    for a, b in zip(found, expected, strict=True):
        close(a, b, 1e-5)
    close(of_inputs, of_inputs_too, 1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
@pytest.mark.parametrize("mode", ["int8", "int4 blocks", "float8"])
@pytest.mark.parametrize("name", ["dense", "embedding"])
def test_policies(name, mode, policy):
    if (policy == "mixed_float16" and mode == "int8") or (name == "embedding" and mode == "float8"):
        pytest.skip("refused")
    ours, theirs = both(name, mode, dtype=policy)
    assert described(ours) == described(theirs)
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    assert_same_values(ours, theirs)
    x = inputs(name)
    assert ours(x).dtype == theirs(x).dtype
    close(ours(x), theirs(x), 1e-2)


@pytest.mark.parametrize(
    "policy",
    ["int8_from_float32", "int4_from_float32", "int4/4_from_float32", "float8_from_float32", "gptq/4/4_from_float32"],
)
@pytest.mark.parametrize("name", ["dense", "heads", "embedding"])
def test_layers_of_a_quantized_policy(name, policy):
    make, shape = LAYERS[name]
    ours, theirs = (make(k, dtype=policy) for k in LIBS)
    if name == "embedding" and policy.startswith(("float8", "gptq")):
        for layer in (ours, theirs):
            with pytest.raises(NotImplementedError, match=r"Expected one of \('int8', 'int4'\)"):
                layer.build(shape)
        return
    for layer in (ours, theirs):
        layer.build(shape)
    assert described(ours) == described(theirs)
    assert configs(ours) == configs(theirs)


def test_float8_trains_like_keras():
    histories = []
    x = RNG.normal(size=(8, 6)).astype("float32")
    for k in LIBS:
        model = k.Sequential([k.Input((6,)), k.layers.Dense(4, activation="relu"), k.layers.Dense(1)])
        rng = np.random.default_rng(2)
        model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras warns of the InputLayer
            model.quantize("float8")
        model.compile(k.optimizers.SGD(0.05), "mse")
        losses = model.fit(x, np.ones((8, 1)), epochs=4, verbose=0, shuffle=False).history["loss"]
        histories.append((losses, [np.asarray(v) for v in model.weights]))
    close(histories[0][0], histories[1][0], 1e-4)
    for a, b in zip(histories[0][1], histories[1][1], strict=True):
        close(a, b, 1e-3)


MISTAKES = {
    "unknown": lambda k, d: d.quantize("foo"),
    "nothing": lambda k, d: d.quantize(),
    "contradiction": lambda k, d: d.quantize("int8", config=k.quantizers.Int4QuantizationConfig()),
    "no config": lambda k, d: d.quantize("int8", config={"a": 1}),
    "unbuilt": lambda k, d: k.layers.Dense(3, name="d").quantize("int8"),
    "unbuilt flatten": lambda k, d: k.layers.Flatten(name="f").quantize("int8"),
    "float16": lambda k, d: built(k.layers.Dense(3, name="d", dtype="float16")).quantize("int8"),
    "twice": lambda k, d: [built(d).quantize("int8"), d.quantize("int4")],
    "convolution": lambda k, d: built(k.layers.Conv1D(2, 1), (None, 3, 4)).quantize("int8"),
    "embedding": lambda k, d: built(k.layers.Embedding(2, 1)).quantize("float8"),
    "subclass": lambda k, d: built(type("Mine", (k.layers.Dense,), {})(3)).quantize("int8"),
    "quantized_build": lambda k, d: k.layers.Flatten().quantized_build((1,), "int8"),
    "quantized_call": lambda k, d: k.layers.Flatten().quantized_call(1),
    "model unknown": lambda k, d: model_of(k).quantize("foo"),
    "model nothing": lambda k, d: model_of(k).quantize(),
    "model argument": lambda k, d: model_of(k).quantize("int8", foo=3),
    "model filters": lambda k, d: model_of(k).quantize("int8", filters=3),
    "model unbuilt": lambda k, d: k.Sequential([k.layers.Dense(3)], name="s").quantize("int8"),
    "gptq without config": lambda k, d: model_of(k).quantize("gptq"),
    "awq without config": lambda k, d: model_of(k).quantize("awq"),
}


def built(layer, shape=(None, 4)):
    if not layer.built:
        layer.build(shape)
    return layer


def model_of(k):
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, name="one"), k.layers.Dense(2, name="two")], name="model")


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have")
@pytest.mark.parametrize("program", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(program):
    answers = []
    for k in LIBS:
        try:
            program(k, built(k.layers.Dense(3, name="d")))
            answers.append(None)
        except Exception as error:
            answers.append((type(error).__name__, str(error)))
    assert answers[1] is not None and answers[0] == answers[1]


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have")
@pytest.mark.parametrize("filters", ["one", "o$", ["one", "^t"], lambda layer: layer.name == "two", "missing"])
def test_filters(filters):
    found = []
    for k in LIBS:
        model = model_of(k)
        model.quantize("int8", filters=filters)
        found.append([layer.dtype_policy.name for layer in model.layers])
    assert found[0] == found[1]


def transformer(k):
    L = k.layers
    ids = k.Input((4,), dtype="int32")
    x = L.Embedding(20, 6, name="emb")(ids)
    x = L.MultiHeadAttention(2, 3, name="mha")(x, x)
    x = L.Flatten(name="flat")(L.LayerNormalization(name="norm")(x))
    return k.Model(ids, L.Dense(3, use_bias=False, name="out")(x), name="model")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["int8", "int4 blocks"])
def test_models_and_their_files(mode, tmp_path):
    ids = RNG.integers(0, 20, (5, 4))
    models = [transformer(k) for k in LIBS]
    rng = np.random.default_rng(5)
    for model in models:
        model.set_weights([rng.normal(size=w.shape).astype("float32") for w in models[0].get_weights()])
        rng = np.random.default_rng(5)
    models[1].set_weights(models[0].get_weights())
    for model, k in zip(models, LIBS):
        quantize(model, mode, k)
    ours, theirs = models
    assert described(ours) == [d for d in described(theirs) if "seed" not in d[0]]
    expected = ours.predict(ids, verbose=0)
    close(expected, theirs.predict(ids, verbose=0), 1e-4)
    assert ours.count_params() == theirs.count_params()
    for model, name in ((ours, "ours"), (theirs, "theirs")):
        model.save_weights(tmp_path / f"{name}.weights.h5")
        model.save(tmp_path / f"{name}.keras")
    for k, source in ((addax, "theirs"), (keras, "ours")):
        again = transformer(k)
        quantize(again, mode, k)
        again.load_weights(tmp_path / f"{source}.weights.h5")
        close(again.predict(ids, verbose=0), expected, 1e-4)
    # Keras's config of an attention layer doesn't say that its projections are quantized, so that it can't load the
    # file; addax's does, and both can.
    for k in LIBS:
        close(k.models.load_model(tmp_path / "ours.keras").predict(ids, verbose=0), expected, 1e-4)


@pytest.mark.filterwarnings("ignore")
def test_models_without_attention_are_saved_alike(tmp_path):
    x = RNG.normal(size=(3, 4)).astype("float32")
    for mode in ("int8", "int4 blocks", "float8"):
        for k in LIBS:
            k.utils.clear_session(free_memory=False)  # names count from 0 in both
        models = [model_of(k) for k in LIBS]
        models[1].set_weights(models[0].get_weights())
        for model, k in zip(models, LIBS):
            quantize(model, mode, k)
            model.save(tmp_path / f"{k.__name__}.keras")
        assert json.loads(models[0].to_json())["config"] == json.loads(models[1].to_json())["config"]
        for k, source in ((addax, "keras"), (keras, "addax")):
            again = k.models.load_model(tmp_path / f"{source}.keras")
            assert again.layers[0].quantization_mode == mode.split()[0]
            close(again.predict(x, verbose=0), models[0].predict(x, verbose=0), 1e-5)


@pytest.mark.filterwarnings("ignore")
def test_summary_of_a_quantized_model():
    texts = []
    for k in LIBS:
        model = model_of(k)
        model.quantize("int8")
        lines = []
        model.summary(print_fn=lines.append)
        texts.append("\n".join(str(line) for line in lines))
    assert texts[0] == texts[1]
    assert "Non-trainable params" in texts[0]


FLOATS = {"reverse_dtype": "float32", "dtype": "mixed_bfloat16"}


@pytest.mark.parametrize(
    ("block", "more"),
    [("int8", {}), ("int8", FLOATS), (None, {}), (4, {})],
)
def test_reverse_products_of_tied_embeddings_are_of_integers(block, more) -> None:
    """Of 4 bits they are of floats, in Keras, too."""
    rng = np.random.default_rng(3)
    table, x = (rng.standard_normal(shape).astype("float32") for shape in ((6, 8), (2, 3, 8)))

    def quantized(lib):
        layer = lib.layers.ReversibleEmbedding(6, 8, logit_soft_cap=5.0, **more)
        layer.build((None, 3))
        layer.set_weights([table])
        if block == "int8":
            layer.quantize(block)
        else:
            layer.quantize(config=lib.quantizers.Int4QuantizationConfig(block_size=block))
        return layer

    ours, theirs = (quantized(lib) for lib in LIBS)
    found, expected = (layer(x, reverse=True) for layer in (ours, theirs))
    assert found.dtype == expected.dtype
    tolerance = 2e-2 if more else 1e-5
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=tolerance, atol=tolerance)
    program = str(jax.make_jaxpr(lambda x: ours(x, reverse=True))(x))
    assert ("preferred_element_type=int32" in program) == (block == "int8")
    assert np.abs(jax.grad(lambda x: ours(x, reverse=True).sum())(x)).max() > 0.1


UNTIED = {
    "int8": lambda k: k.quantizers.Int8QuantizationConfig(),
    "int8 of weights": lambda k: k.quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int4": lambda k: k.quantizers.Int4QuantizationConfig(),
    "int4 blocks": lambda k: k.quantizers.Int4QuantizationConfig(block_size=3),
    "int4 per row": lambda k: k.quantizers.Int4QuantizationConfig(block_size=None),
}


def untied(k, **more):
    inputs = k.Input((3,), dtype="int32")
    layer = k.layers.ReversibleEmbedding(9, 7, tie_weights=False, name="table", **more)
    return k.Model(inputs, layer(k.layers.Dense(7, name="hidden")(layer(inputs)), reverse=True))


@pytest.mark.parametrize(
    ("mode", "update"), [*((mode, False) for mode in UNTIED), ("int8", True), ("int4 blocks", True)]
)
def test_untied_reverse_embeddings(mode, update, tmp_path):
    rng = np.random.default_rng(5)
    ids = rng.integers(0, 9, (2, 3))
    models = [untied(k) for k in LIBS]
    for model, k in zip(models, LIBS):
        layer = model.get_layer("table")
        if update:
            layer.enable_lora(2)
        rng = np.random.default_rng(6)
        for variable in sorted(model.variables, key=lambda v: v.path):
            variable.assign(rng.standard_normal(variable.shape))
        layer.quantize(config=UNTIED[mode](k))
    ours, theirs = models
    assert sorted(map(facts, ours.get_layer("table").weights)) == sorted(map(facts, theirs.get_layer("table").weights))
    by_path = {v.path: np.asarray(v) for v in theirs.variables}
    for variable in ours.variables:
        np.testing.assert_array_equal(variable.numpy(), by_path[variable.path], err_msg=variable.path)
    expected = theirs.predict(ids, verbose=0)
    np.testing.assert_allclose(ours.predict(ids, verbose=0), expected, rtol=1e-5, atol=1e-5)
    for model, own, other in zip(models, LIBS, LIBS[::-1]):
        model.save(tmp_path / "m.keras")
        # An update is merged in the file, so the values are compared with what the library itself reads from it.
        kept, loaded = (k.models.load_model(tmp_path / "m.keras") for k in (own, other))
        by_path = {v.path: np.asarray(v) for v in kept.variables if "lora" not in v.path}
        for variable in loaded.variables:
            if "lora" not in variable.path:
                np.testing.assert_array_equal(np.asarray(variable), by_path[variable.path], err_msg=variable.path)
        found, expected = (m.predict(ids, verbose=0) for m in (loaded, kept))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def facts(variable):
    return variable.path, tuple(variable.shape), str(variable.dtype), variable.trainable
