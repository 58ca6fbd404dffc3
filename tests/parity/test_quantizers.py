"""Quantizers, their configs and the dtype policies of quantized layers against Keras."""

from __future__ import annotations

import inspect
import itertools
import json

import jax
import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

LIBS = (addax, keras)


def answer(library, program):
    """What `program(library)` returns, or the type and text of its error."""
    try:
        return program(library)
    except Exception as error:
        return type(error).__name__, str(error)


def assert_equal(found, expected):
    found, expected = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def on_both(program):
    assert_equal(program(addax.quantizers), program(keras.quantizers))


@pytest.mark.parametrize("module", ["quantizers", "dtype_policies"])
def test_signatures(module):
    room = getattr(keras, module)
    for name in (n for n in dir(room) if not n.startswith("_")):
        found, expected = (inspect.signature(getattr(getattr(k, module), name)).parameters for k in LIBS)
        described = [[(p.name, p.kind, p.default) for p in s.values()] for s in (found, expected)]
        assert described[0] == described[1], name


VALUES = np.random.default_rng(0).normal(size=(5, 7)).astype("float32") * 3


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("on_host", [False, True])
def test_abs_max_quantize(dtype, on_host):
    x = np.asarray(jax.numpy.asarray(VALUES, dtype))
    for axis, value_range in itertools.product((0, -1, None, (0, 1)), ((-127, 127), (-8, 7))):
        on_both(lambda q, a=axis, r=value_range: q.abs_max_quantize(x, a, r, to_numpy=on_host))


@pytest.mark.parametrize("on_host", [False, True])
@pytest.mark.parametrize("offset", [0, 5, -5])
@pytest.mark.parametrize("block_size", [1, 3, 100])
def test_grouped(block_size, offset, on_host):
    x = VALUES + np.float32(offset)
    if on_host:
        on_both(lambda q: q.abs_max_quantize_grouped_with_zero_point(x, block_size, to_numpy=True))
        return
    found, expected = (k.quantizers.abs_max_quantize_grouped_with_zero_point(x, block_size) for k in LIBS)
    assert_equal(found[::2], expected[::2])
    np.testing.assert_allclose(found[1], expected[1], rtol=3e-7)


@pytest.mark.parametrize("constant", [0.0, 3.0, -3.0])
def test_grouped_constants(constant):
    on_both(lambda q: q.abs_max_quantize_grouped_with_zero_point(np.full((4, 2), constant, "float32"), 4))


@pytest.mark.parametrize(("dtype", "low", "high"), [("int8", -8, 8), ("uint8", 0, 16)])
def test_packing(dtype, low, high):
    rng = np.random.default_rng(1)
    for shape, axes in (((5, 3), (0, -1)), ((3,), (0,)), ((2, 3, 4), (1, 2))):
        values = rng.integers(low, high, shape).astype(dtype)
        for axis in axes:
            found, expected = (k.quantizers.pack_int4(values, axis, dtype) for k in LIBS)
            assert_equal(found[0], expected[0])
            assert found[1:] == expected[1:]
            back = addax.quantizers.unpack_int4(found[0], found[2], axis, dtype)
            np.testing.assert_array_equal(back, values)
            on_both(lambda q, p=expected, a=axis, d=dtype: q.unpack_int4(np.asarray(p[0]), p[2], a, d))


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("bits", [2, 8])
def test_fake_quant(bits, narrow):
    for low, high in ((-1.3, 2.9), (0.5, 4.0), (-3.0, -1.0)):
        low, high = np.float32(low), np.float32(high)
        on_both(lambda q, a=low, b=high: q.fake_quant_with_min_max_vars(VALUES, a, b, bits, narrow))


def test_fake_quant_gradients():
    low, high = -np.arange(1, 8, dtype="float32"), np.linspace(0.5, 3, 7, dtype="float32")
    for bounds, axis in (((low, high), 1), ((low[0], high[0]), None)):

        def gradients(q, bounds=bounds, axis=axis):
            total = lambda *args: (q.fake_quant_with_min_max_vars(*args, axis=axis) ** 2).sum()  # noqa: E731
            return jax.grad(total, (0, 1, 2))(VALUES, *bounds)

        for a, b in zip(gradients(addax.quantizers), gradients(keras.quantizers)):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_float8():
    for amax, margin in itertools.product((4.0, 0.0, np.inf, 1e-3), (0, 1, 3)):
        on_both(lambda q, a=amax, m=margin: q.compute_float8_scale(np.float32(a), np.float32(0.7), 448.0, m))
    history = np.array([9.0, 2.0, 3.0], "float32")
    on_both(lambda q: q.compute_float8_amax_history(VALUES, history))
    for dtype, compute in itertools.product(("float8_e4m3fn", "float8_e5m2"), ("float32", "bfloat16")):
        x = jax.numpy.asarray(VALUES * 1e3, compute)
        on_both(lambda q, x=x, d=dtype, c=compute: q.quantize_and_dequantize(x, np.float32(0.3), d, c))


CONFIGS = {
    "int8": lambda q: q.Int8QuantizationConfig(),
    "int8 of weights": lambda q: q.Int8QuantizationConfig(q.AbsMaxQuantizer(axis=0), None),
    "int4": lambda q: q.Int4QuantizationConfig(),
    "int4 per channel": lambda q: q.Int4QuantizationConfig(q.AbsMaxQuantizer(0, (-8, 7)), q.AbsMaxQuantizer(-1), None),
    "float8": lambda q: q.Float8QuantizationConfig(),
    "gptq": lambda q: q.GPTQConfig(["a"], None, weight_bits=8, group_size=-1, symmetric=True, activation_order=True),
    "awq": lambda q: q.AWQConfig(["a"], None, num_grid_points=3),
    "quantizer": lambda q: q.AbsMaxQuantizer([0, 1], epsilon=1e-3),
}


def as_json(config):
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("make", CONFIGS.values(), ids=CONFIGS)
def test_configs(make):
    found, expected = (k.saving.serialize_keras_object(make(k.quantizers)) for k in LIBS)
    assert as_json(found) == as_json(expected)
    again = addax.saving.deserialize_keras_object(as_json(expected))
    assert as_json(again.get_config()) == as_json(expected["config"])
    theirs = keras.saving.deserialize_keras_object(found)  # as JSON, Keras refuses its own value range
    assert as_json(theirs.get_config()) == as_json(found["config"])
    if hasattr(again, "mode"):
        assert again.mode == make(keras.quantizers).mode


MISTAKES = {
    "base": lambda k: k.quantizers.QuantizationConfig().mode,
    "output dtype": lambda k: k.quantizers.Int8QuantizationConfig(
        k.quantizers.AbsMaxQuantizer(0, output_dtype="int32")
    ),
    "block size": lambda k: k.quantizers.Int4QuantizationConfig(block_size=0),
    "negative block size": lambda k: k.quantizers.Int4QuantizationConfig(block_size=-2),
    "blocks with a quantizer": lambda k: k.quantizers.Int4QuantizationConfig(k.quantizers.AbsMaxQuantizer(0)),
    "gptq bits": lambda k: k.quantizers.GPTQConfig([], None, weight_bits=5),
    "gptq samples": lambda k: k.quantizers.GPTQConfig([], None, num_samples=0),
    "gptq length": lambda k: k.quantizers.GPTQConfig([], None, sequence_length=0),
    "gptq damping": lambda k: k.quantizers.GPTQConfig([], None, hessian_damping=2),
    "gptq group": lambda k: k.quantizers.GPTQConfig([], None, group_size=0),
    "awq bits": lambda k: k.quantizers.AWQConfig([], None, weight_bits=8),
    "awq grid": lambda k: k.quantizers.AWQConfig([], None, num_grid_points=0),
    "awq group": lambda k: k.quantizers.AWQConfig([], None, group_size=-2),
    "pack int32": lambda k: k.quantizers.pack_int4(np.array([[3]], "int32")),
    "pack dtype": lambda k: k.quantizers.pack_int4(np.array([[3]], "int8"), dtype="int32"),
    "unpack int32": lambda k: k.quantizers.unpack_int4(np.array([[3]], "int32"), 1),
    "unpack dtype": lambda k: k.quantizers.unpack_int4(np.array([[3]], "int8"), 1, dtype="int16"),
    **{
        f"policy {name}": lambda k, name=name: k.dtype_policies.get(name)
        for name in (
            *("int8", "int4/128", "float8", "int8_from_float16", "int8_from_mixed_float16", "int4/0_from_float32"),
            *("int4/x_from_float32", "gptq/4_from_float32", "gptq/5/128_from_float32", "gptq/4/0_from_float32"),
            *("gptq/x/1_from_float32", "awq/8/128_from_float32", "awq/4/0_from_float32", "awq_from_float32"),
            *("int8_from_float32_from_float32",),
        )
    },
    "policy mode": lambda k: k.dtype_policies.QuantizedDTypePolicy("foo", "float32"),
    "policy None": lambda k: k.dtype_policies.QuantizedDTypePolicy(None),
    "policy of another": lambda k: k.dtype_policies.GPTQDTypePolicy("awq/4/128"),
    "policy history": lambda k: k.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", "a"),
}


@pytest.mark.parametrize("program", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(program):
    found, expected = (answer(k, program) for k in LIBS)
    assert isinstance(expected, tuple)
    assert found == expected


POLICIES = (
    *("int8_from_float32", "int8_from_mixed_bfloat16", "int8_from_bfloat16", "float8_from_float32"),
    *("float8_from_float16", "int4_from_float32", "int4/128_from_float32", "int4/-1_from_mixed_float16"),
    *("gptq/4/128_from_float32", "gptq/3/-1_from_mixed_bfloat16", "awq/4/128_from_float32"),
)


@pytest.mark.parametrize("name", POLICIES)
def test_policies(name):
    ours, theirs = (k.dtype_policies.get(name) for k in LIBS)
    assert repr(ours) == repr(theirs) and type(ours).__name__ == type(theirs).__name__
    for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    config = addax.dtype_policies.serialize(ours)
    assert config == keras.dtype_policies.serialize(theirs)
    assert addax.dtype_policies.deserialize(config) == ours == addax.dtype_policies.get(config)
    assert ours != addax.dtype_policies.get("float32") and hash(ours) == hash(addax.dtype_policies.get(name))


def test_policy_maps_of_quantized_policies():
    ours, theirs = (
        k.dtype_policies.DTypePolicyMap("float32", {"a/.*": k.dtype_policies.get("int8_from_float32")}) for k in LIBS
    )
    assert ours.get_config() == theirs.get_config() and ours.quantization_mode == theirs.quantization_mode
    ours, theirs = (k.dtype_policies.DTypePolicyMap(k.dtype_policies.get("int8_from_float32")) for k in LIBS)
    assert (ours.name, ours.quantization_mode, ours.compute_dtype) == (
        *(theirs.name, theirs.quantization_mode, theirs.compute_dtype),
    )


def test_get():
    for k in LIBS:
        assert k.quantizers.get(None) is None
        made = [k.quantizers.get(x) for x in ("abs_max_quantizer", "AbsMaxQuantizer", k.quantizers.AbsMaxQuantizer)]
        assert {type(q) for q in made} == {k.quantizers.AbsMaxQuantizer}
        assert k.quantizers.deserialize(k.quantizers.serialize(k.quantizers.AbsMaxQuantizer(-1))).axis == (-1,)
        for wrong in (3, "foo"):
            with pytest.raises(ValueError, match=f"Could not interpret quantizer identifier: {wrong}"):
                k.quantizers.get(wrong)
    # Keras passes the names of the arguments on in place of their values.
    assert addax.quantizers.get("abs_max_quantizer", axis=-1).axis == (-1,)


def test_einsum_of_int8_is_int32():
    a = np.full((2, 300), 100, "int8")
    for k in LIBS:
        found = k.ops.einsum("ab,cb->ac", a, a)
        assert found.dtype == "int32" and int(found[0, 0]) == 3_000_000
        assert k.ops.einsum("ab,cb->ac", k.KerasTensor((2, 3), "int8"), k.KerasTensor((4, 3), "int8")).dtype == "int32"
