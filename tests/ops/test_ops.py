"""The ops as a whole: operators, scalars and lists, files, errors; tests/parity holds each against Keras."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from addax import ops
from addax.core.keras_tensor import KerasTensor
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from addax.core.variable import Variable

A = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
B = np.array([[2.0, 4.0], [0.5, -1.0]], "float32")

OPERATORS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "floor_divide": lambda x, y: x // y,
    "mod": lambda x, y: x % y,
    "power": lambda x, y: abs(x) ** y,
    "matmul": lambda x, y: x @ y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "not_equal": lambda x, y: x != y,
    "logical": lambda x, y: ((x > 0) & (y > 0)) | ((x < 0) ^ (y < 0)),
    "negative": lambda x, y: -x,
    "positive": lambda x, y: +x,
    "invert": lambda x, y: ~(x > y),
    "index": lambda x, y: x[:, 0] + y[1],
    "round": lambda x, y: round(x, 1),
}


def run(symbolic, x, value):
    """Computes the graph that ends in `symbolic`, with `x` being `value`."""
    if symbolic is x:
        return value
    history = symbolic._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    args, kwargs = jax.tree.map(
        lambda leaf: run(leaf, x, value) if isinstance(leaf, KerasTensor) else leaf, (node.args, node.kwargs)
    )
    return history.operation.call(*args, **kwargs)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name):
    function = OPERATORS[name]
    expected = np.round(A, 1) if name == "round" else function(A, B)
    for left, right in ((Variable(A), B), (A, Variable(B)), (Variable(A), Variable(B))):
        if name != "round" or isinstance(left, Variable):
            np.testing.assert_allclose(function(left, right), expected, rtol=1e-6)
    x = KerasTensor((2, 2))
    for left, right, value in ((x, B, A), (A, x, B), (x, Variable(B), A)):
        if (name, left is x) in (("negative", False), ("positive", False), ("round", False)):
            continue  # nothing symbolic in it
        if name == "not_equal" and left is A:
            continue  # a question of identity, as `==`
        out = function(left, right)
        assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(run(out, x, value), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "function", [lambda x: 1 - x, lambda x: 2 / x, lambda x: 2.0**x, lambda x: 5 // x, lambda x: 5 % x, lambda x: x > 1]
)
def test_operators_with_a_number_on_the_left(function):
    expected = function(B)
    x = KerasTensor((2, 2))
    np.testing.assert_allclose(function(Variable(B)), expected, rtol=1e-6)
    np.testing.assert_allclose(run(function(x), x, B), expected, rtol=1e-6)


def test_equality():
    v, x = Variable(A), KerasTensor((2, 2))
    assert (v == A).tolist() == [[True, True], [True, True]]
    assert (v != 1.0).tolist() == [[False, True], [True, True]]
    assert (x == x) is True and (x == KerasTensor((2, 2))) is False
    assert x in [KerasTensor((2, 2)), x]


def test_numbers_and_lists_are_tensors():
    assert ops.sum([1, 2]) == 3
    assert ops.sqrt(4.0).dtype == "float32" and not ops.sqrt(4.0).weak_type
    assert ops.add([1, 2], 3).tolist() == [4, 5]
    assert ops.concatenate([[1], (2, 3)]).tolist() == [1, 2, 3]
    assert ops.matmul(Variable(A), [[1.0], [1.0]]).tolist() == [[-1.0], [3.5]]


def test_a_number_does_not_decide_the_dtype():
    x = np.ones(2, "float16")
    assert ops.add(x, 1.5).dtype == ops.maximum(x, 2).dtype == ops.where(x > 0, x, 0.0).dtype == "float16"


def test_shape_and_size_of_what_is_unknown():
    x = KerasTensor((None, 3))
    assert ops.shape(x) == (None, 3) and ops.ndim(x) == 2 and ops.size(x) is None
    assert ops.reshape(x, (ops.shape(x)[0], 3, 1)).shape == (None, 3, 1)


def test_an_unknown_size_in_a_new_shape_is_worked_out():
    x = KerasTensor((None, 4))
    y = ops.reshape(x, (ops.shape(x)[0], 2, 2))
    assert run(y, x, np.ones((3, 4))).shape == (3, 2, 2)


def test_symbolic_bounds_are_arguments():
    x, low = KerasTensor((None, 2)), KerasTensor(())
    y = ops.clip(x, low, 1.0)
    assert y._keras_history.operation.get_config()["x_max"] == 1.0
    assert y._keras_history.operation._inbound_nodes[0].kwargs == {"x_min": low}
    np.testing.assert_allclose(y._keras_history.operation.call(A, x_min=0.0), np.clip(A, 0, 1))


def test_an_index_in_a_file():
    x = KerasTensor((3, 4, 5))
    for key in ((0, 1), (slice(1, None), Ellipsis, 2), [0, 2], (None, 1)):
        operation = x[key]._keras_history.operation
        stored = serialize_keras_object(operation._inbound_nodes[0].args[1])
        stored = list(stored) if isinstance(stored, tuple) else stored  # what JSON does
        value = np.arange(60.0).reshape(3, 4, 5)
        restored = deserialize_keras_object(serialize_keras_object(operation))
        np.testing.assert_allclose(restored(value, deserialize_keras_object(stored)), value[key])


def test_rearrange_keeps_an_unknown_batch():
    assert ops.rearrange(KerasTensor((None, 4, 6)), "b (h p) c -> b h (p c)", p=2).shape == (None, 2, 12)
    with pytest.raises(ValueError, match="must name the same axes"):
        ops.rearrange(A, "a b -> a c")


def test_custom_gradient():
    @ops.custom_gradient
    def twice(x):
        return ops.multiply(x, 2.0), lambda upstream: ops.multiply(upstream, 100.0)

    assert jax.grad(twice)(1.0) == 100.0
    assert twice(Variable(3.0)) == 6.0


def test_gaussian_blur_blurs_both_axes():
    # Keras 3.15.1 on JAX blurs along the width only.
    impulse = np.zeros((1, 7, 7, 2), "float32")
    impulse[0, 3, 3] = 1.0
    got = ops.image.gaussian_blur(impulse, (3, 5), (1.0, 2.0))[0, ..., 0]
    sides = [np.exp(-0.5 * (np.arange(-n, n + 1) / s) ** 2) for n, s in ((1, 1.0), (2, 2.0))]
    expected = np.zeros((7, 7))
    expected[2:5, 1:6] = np.outer(*(side / side.sum() for side in sides))
    np.testing.assert_allclose(got, expected, atol=1e-7)


ERRORS = [
    (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((2, 2, 1))), "input channels"),
    (lambda: ops.conv(np.ones((1, 4, 3)), np.ones((2, 3, 1)), padding="some"), "Invalid padding: 'some'"),
    (lambda: ops.max_pool(np.ones((1, 4, 4, 3)), (2, 2, 2)), "tuple of 2 ints"),
    (lambda: ops.categorical_crossentropy(A, np.ones((2, 3))), "must have the same shape"),
    (lambda: ops.binary_crossentropy(A, np.ones((2, 1))), "must have the same shape"),
    (lambda: ops.sparse_categorical_crossentropy(np.ones((3,)), np.ones((2, 3))), "same shape up until the last"),
    (lambda: ops.dot_product_attention(A, A, A), "only supports 4D inputs"),
    (lambda: ops.pad(A, 1, mode="reflect", constant_values=1), "`mode == 'constant'`"),
    (lambda: ops.scatter_update(A, [[0]], B[:1], reduction="most"), "Unsupported reduction: 'most'"),
    (lambda: ops.convert_to_tensor([1], ragged=True), "no ragged tensors"),
    (lambda: ops.unstack(A, num=3), "size of axis 0"),
    (lambda: ops.cholesky(np.ones((2, 3))), "square matrix"),
    (lambda: ops.image.resize(A, (2, 2)), "Invalid images rank"),
]


@pytest.mark.parametrize("call,message", ERRORS, ids=[m for _, m in ERRORS])
def test_errors(call, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace("`", "`")):
        call()


def test_importing_the_ops_leaves_jax_out():
    code = (
        "import sys, addax.ops as ops, addax.random, addax.activations as a; a.get('relu'); ops.add; ops.image.resize;"
        "ops.conv; ops.svd; ops.fft; sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
