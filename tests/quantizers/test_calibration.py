"""GPTQ and AWQ against straightforward references, and what they make of a model."""

import numpy as np
import pytest

import addax
from addax.models.calibration import samples
from addax.quantizers.calibration import Statistics, awq, gptq, grid, output_error, round_to_nearest

RNG = np.random.default_rng(0)
L = addax.layers


def correlated(count, size):
    """Inputs of unlike sizes, some of them nearly functions of others."""
    base = RNG.normal(size=(count, 3)) @ RNG.normal(size=(3, size))
    return (base + 0.3 * RNG.normal(size=(count, size))) * np.geomspace(0.2, 5, size)[RNG.permutation(size)]


def statistics_of(x):
    statistics = Statistics(x.shape[1])
    for part in np.array_split(x, 3):
        statistics.add(part)
    return statistics


def config(**kwargs):
    return addax.quantizers.GPTQConfig(None, None, **kwargs)


def reference(weights, x, bits, group_size, damping, order):
    """Optimal brain quantization, one input at a time, with the inverse of what is left worked out anew each time."""
    weights = weights.astype(np.float64).copy()
    size = weights.shape[1]
    hessian = 2 * x.T @ x / len(x)
    hessian += damping * np.mean(np.diag(hessian)) * np.eye(size)
    result = np.zeros_like(weights)
    group_size = size if group_size == -1 else group_size
    for position, i in enumerate(order):
        left = order[position:]
        if position % group_size == 0:
            scale, zero = grid(weights[:, left[:group_size]], bits)
        inverse = np.linalg.inv(hessian[np.ix_(left, left)])
        result[:, i] = (np.clip(np.round(weights[:, i] / scale) + zero, 0, 2**bits - 1) - zero) * scale
        error = (weights[:, i] - result[:, i]) / inverse[0, 0]
        weights[:, left] -= np.outer(error, inverse[0])
    return result


@pytest.mark.parametrize("activation_order", [False, True])
@pytest.mark.parametrize(("bits", "group_size"), [(4, 4), (3, -1), (2, 5), (8, 16)])
def test_gptq(bits, group_size, activation_order):
    x, weights = correlated(200, 12), RNG.normal(size=(5, 12))
    options = config(weight_bits=bits, group_size=group_size, activation_order=activation_order)
    found = gptq(weights, statistics_of(x), options)
    order = np.argsort(-np.sum(x**2, axis=0)) if activation_order else np.arange(12)
    expected = reference(weights, x, bits, group_size, 0.01, list(order))
    np.testing.assert_allclose(found.dequantize(), expected, rtol=1e-9, atol=1e-9)
    assert found.values.min() >= 0 and found.values.max() <= 2**bits - 1
    nearest = round_to_nearest(weights, bits, group_size).dequantize()
    gram = x.T @ x
    assert output_error(found.dequantize(), weights, gram) < output_error(nearest, weights, gram)


def test_gptq_of_inputs_that_are_never_used_or_repeated():
    x = correlated(50, 6)
    x[:, 2] = 0
    x[:, 4] = x[:, 1]
    weights = RNG.normal(size=(3, 6))
    found = gptq(weights, statistics_of(x), config(hessian_damping=0.0, group_size=-1)).dequantize()
    assert np.all(np.isfinite(found)) and np.all(found[:, 2] == 0)


def test_grids():
    weights = RNG.normal(size=(4, 9))
    for bits in (2, 4, 8):
        scale, zero = grid(weights, bits, symmetric=True)
        assert np.all(zero == 2 ** (bits - 1))
        np.testing.assert_allclose(scale * (2**bits - 1), 2 * np.abs(weights).max(axis=1), rtol=1e-12)
        scale, _ = grid(weights, bits, per_channel=False)
        assert np.ptp(scale) == 0
    scale, zero = grid(np.full((1, 3), 2.0), 4)  # the range contains zero, so that constants are exact
    assert (np.round(2.0 / scale) + zero - zero) * scale == pytest.approx(2.0)


@pytest.mark.parametrize("group_size", [4, -1])
def test_awq(group_size):
    x, weights = correlated(300, 12), RNG.normal(size=(5, 12))
    options = addax.quantizers.AWQConfig(None, None, group_size=group_size, num_grid_points=10)
    rounded, factors = awq(weights, statistics_of(x), options)
    errors = []
    for power in np.arange(10) / 10:
        tried = np.mean(np.abs(x), axis=0) ** power
        tried /= np.sqrt(tried.max() * tried.min())
        found = round_to_nearest(weights * tried, 4, group_size).dequantize() / tried
        errors.append(np.sum((x @ (found - weights).T) ** 2))
    found = rounded.dequantize() / factors
    assert np.sum((x @ (found - weights).T) ** 2) == pytest.approx(min(errors), rel=1e-9)
    assert min(errors) < errors[0]  # the power 0 is rounding to the nearest


class Block(L.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.heads = L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", name="heads")
        self.merge = L.EinsumDense("abde,dec->abc", (None, 8), name="merge")
        self.out = L.Dense(8, activation="tanh", name="out")

    def build(self, shape):
        self.heads.build(shape)
        self.merge.build((*shape[:-1], 2, 3))
        self.out.build(shape)

    def call(self, x):
        return x + self.out(self.merge(self.heads(x)))


class Tokenizer:
    def tokenize(self, text):
        return [ord(c) % 20 for c in text]


def model_and_config(mode, **kwargs):
    ids = addax.Input((5,), dtype="int32")
    table, blocks = L.Embedding(20, 8), [Block(name="first"), Block(name="second")]
    x = table(ids)
    for block in blocks:
        x = block(x)
    model = addax.Model(ids, L.Dense(3, name="head")(x))
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(size=w.shape) / 2 for w in model.get_weights()])
    make = {"gptq": addax.quantizers.GPTQConfig, "awq": addax.quantizers.AWQConfig}[mode]
    structure = {"pre_block_layers": [table], "sequential_blocks": blocks}
    text = ["the quick brown fox", "jumps over the lazy dog", "and more of the same words"]
    given = {"num_samples": 12, "sequence_length": 5, "group_size": 4, **kwargs}
    return model, make(text, Tokenizer(), quantization_layer_structure=structure, **given)


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_models(mode):
    model, options = model_and_config(mode)
    ids = np.stack(samples(options))
    before = model.predict(ids, verbose=0)
    model.quantize(mode, config=options)
    error = np.mean((model.predict(ids, verbose=0) - before) ** 2)
    nearest = model_and_config(mode)[0]
    for name in ("first", "second"):
        for layer in nearest.get_layer(name)._flatten_layers(include_self=False):
            layer.quantize(config=options)
    if mode == "gptq":
        assert 0 < error < np.mean((nearest.predict(ids, verbose=0) - before) ** 2)
    else:  # whose errors are less layer by layer, as tested above, though not where they add up
        assert 0 < error < 0.02 * np.var(before)
        assert np.ptp(model.get_layer("first").heads.awq_scales.numpy()) > 0
    for name in ("first", "second"):
        block = model.get_layer(name)
        for layer in (block.heads, block.merge, block.out):
            assert layer.dtype_policy.name == f"{mode}/4/4_from_float32"
            assert layer.quantized_kernel.dtype == "uint8" and layer.quantization_config.dataset is None
    assert model.get_layer("head").quantization_mode is None
    with pytest.raises(ValueError, match="already quantized"):
        model.quantize(mode, config=options)


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_keras_computes_the_same_with_the_quantized_weights(mode):
    keras = pytest.importorskip("keras")
    model, options = model_and_config(mode)
    model.quantize(mode, config=options)
    block = model.get_layer("first")
    dtype = f"{mode}/4/4_from_float32"
    for layer, shape in ((block.heads, (2, 5, 8)), (block.merge, (2, 5, 2, 3)), (block.out, (2, 5, 8))):
        store = {}
        layer.save_own_variables(store)
        kwargs = {"activation": "tanh"} if isinstance(layer, L.Dense) else {}
        if isinstance(layer, L.Dense):
            theirs = keras.layers.Dense(8, dtype=dtype, **kwargs)
        else:
            output = tuple(layer.output_shape)
            theirs = keras.layers.EinsumDense(layer.equation, output, bias_axes=layer.bias_axes, dtype=dtype)
        theirs.build((None, *shape[1:]))
        theirs.load_own_variables(store)
        x = RNG.normal(size=shape).astype("float32")
        np.testing.assert_allclose(layer(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_filters_files_and_updates(tmp_path):
    addax.utils.set_random_seed(0)  # how far 4 bits lead away depends on the weights
    x = addax.Input((4, 8))
    inner = [L.Dense(8, name="one"), L.Dense(8, name="two"), L.Dense(8, name="three")]
    y = x
    for layer in inner:
        y = layer(y)
    model = addax.Model(x, y)
    # The blocks take what comes out of the layer before them: token ids, here as numbers in a row.
    ids = L.Lambda(lambda t: addax.ops.one_hot(t % 8, 8))
    structure = {"pre_block_layers": [ids], "sequential_blocks": inner}
    options = addax.quantizers.GPTQConfig(
        [list(range(64))], None, num_samples=4, sequence_length=4, quantization_layer_structure=structure
    )
    model.quantize("gptq", config=options, filters="^t")
    assert [layer.quantization_mode for layer in inner] == [None, "gptq", "gptq"]
    data = RNG.normal(size=(2, 4, 8)).astype("float32")
    expected = model.predict(data, verbose=0)
    model.save(tmp_path / "model.keras")
    again = addax.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=1e-6, atol=1e-6)
    again.enable_lora(1, targets="three")
    b = again.get_layer("three").lora_factors[1]
    b.assign(np.full(b.shape, 0.5))
    updated = again.predict(data, verbose=0)
    again.merge_lora()
    merged = again.predict(data, verbose=0)
    assert np.abs(merged - updated).max() < 0.3 * np.abs(updated - expected).max()


MISTAKES = {
    "no structure": ({"quantization_layer_structure": None}, ValueError, "a valid quantization structure must be"),
    "no blocks": ({"quantization_layer_structure": {}}, ValueError, "a valid quantization structure must be"),
    "empty blocks": (
        {"quantization_layer_structure": {"sequential_blocks": []}},
        *(ValueError, "No sequential blocks found"),
    ),
    "no data": ({"dataset": None}, ValueError, "GPTQ quantization requires a dataset and a tokenizer"),
    "no tokenizer": ({"tokenizer": None}, ValueError, "GPTQ quantization requires a dataset and a tokenizer"),
    "empty": ({"dataset": []}, ValueError, "Provided dataset is empty"),
    "a text": ({"dataset": "a text"}, TypeError, "The `dataset` argument must be an iterable"),
}


@pytest.mark.parametrize(("changes", "kind", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(changes, kind, text):
    model, options = model_and_config("gptq")
    for name, value in changes.items():
        setattr(options, name, value)
    with pytest.raises(kind, match=text):
        model.quantize("gptq", config=options)
    assert model.get_layer("first").out.quantization_mode is None
