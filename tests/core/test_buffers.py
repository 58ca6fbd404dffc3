"""Copies of NumPy arrays for JAX, which reads them after the call they were passed to."""

import numpy as np
import pytest

import addax as keras
from addax.core.buffers import empty, own_copy


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (7, 3, 2)])
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool", "float64"])
def test_empty_arrays_are_aligned(shape, dtype):
    for _ in range(5):
        array = empty(shape, dtype)
        assert array.size == 0 or array.ctypes.data % 64 == 0
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))


def test_copies_are_nobody_elses():
    x = np.arange(12.0).reshape(3, 4)
    given = {"a": x.T, "b": [x[::2], None, "text", 3]}
    copy = own_copy(given)
    expected = x.T.copy(), x[::2].copy()
    x[:] = -1
    np.testing.assert_array_equal(copy["a"], expected[0])
    np.testing.assert_array_equal(copy["b"][0], expected[1])
    assert copy["b"][1:] == [None, "text", 3]


def test_a_converted_array_may_be_written_to():
    memory = np.zeros(4_000_128, "uint8")
    for shift in (0, 16):  # as JAX reads some arrays later, and takes others as they are
        begin = -memory.ctypes.data % 64 + shift
        x = memory[begin : begin + 4_000_000].view("float32")
        x[:] = 1
        for _ in range(5):
            tensor = keras.ops.convert_to_tensor(x)
            x[:] = 5
            assert float(np.asarray(tensor).max()) == 1
            x[:] = 1


@pytest.mark.parametrize("size", [1, 16, 1000, 16_384, 16_385, 200_000])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_converted_arrays_of_any_size_are_copies(size, dtype):
    """JAX promises nowhere when it has read an array, nor which ones it takes as they are."""
    memory = np.zeros(size * 4 + 64, "uint8")
    for shift in (0, 16):
        begin = -memory.ctypes.data % 64 + shift
        itemsize = np.dtype(dtype).itemsize
        x = memory[begin : begin + size * itemsize].view(dtype)
        x[:] = 1
        tensors = [keras.ops.convert_to_tensor(x), keras.Variable(x).value]
        x[:] = 0
        assert all(np.asarray(tensor).all() for tensor in tensors)
