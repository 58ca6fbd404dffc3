"""Ops on symbolic tensors: shapes by abstract evaluation, and the nodes that are recorded."""

import numpy as np
import pytest

from addax import KerasTensor, Variable, ops
from addax.core.abstract import abstract_call
from addax.core.op import Tensor, TensorLike, op


@op
def mixed_up(x: TensorLike, axis: int, y: TensorLike = None, scale: float = 1.0) -> Tensor:
    """An op whose tensors don't all come first."""
    out = x.sum(axis) * scale
    return out if y is None else out + y


def test_given_arrays_it_computes():
    np.testing.assert_allclose(mixed_up([[1.0, 2.0]], 1, Variable(np.ones(1)), scale=2.0), [7.0])


def test_tensors_are_arguments_of_the_node_and_the_rest_settings():
    x, y = KerasTensor((None, 3)), KerasTensor((None,))
    out = mixed_up(x, 1, y, scale=3.0)
    assert out.shape == (None,)
    operation, index, position = out._keras_history
    node = operation._inbound_nodes[index]
    assert position == 0 and node.input_tensors == [x, y]
    assert operation.get_config() == {"name": operation.name, "axis": 1, "scale": 3.0}
    np.testing.assert_allclose(operation(np.ones((2, 3)), y=np.ones(2)), [10.0, 10.0])


def test_unknown_sizes_stay_unknown_and_known_ones_known():
    x = KerasTensor((None, 4))
    cases = [
        (lambda a: a @ a.T, (None, None)),
        (lambda a: a.reshape(-1, 2), (None, 2)),
        (lambda a: a.reshape(a.shape[0], 2, 2), (None, 2, 2)),
        (lambda a: a[:1], (1, 4)),
        (lambda a: a[1:], (None, 4)),
        (lambda a: a.sum(0), (4,)),
        (lambda a: a.reshape(int(a.shape[0]) // 2, 8), (None, 8)),  # insists on an integer
    ]
    for fn, shape in cases:
        assert abstract_call(fn, (x,), {}).shape == shape, shape


def test_abstract_evaluation_needs_no_values_and_drops_assignments():
    v = Variable(lambda shape, dtype: pytest.fail("the value was made"), shape=(4, 2))
    n = Variable(0.0)

    def fn(x):
        n.assign_add(1.0)
        return x @ v.value

    assert abstract_call(fn, (KerasTensor((None, 4)),), {}).shape == (None, 2)
    assert float(n.value) == 0.0


def test_an_error_in_the_function_is_that_error():
    def fn(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        abstract_call(fn, (KerasTensor((None, 4)),), {})


def test_structures_come_back_as_they_are():
    out = abstract_call(lambda x: {"a": x, "b": [x.sum(), None, 3]}, (KerasTensor((None, 2), "int32"),), {})
    assert out["a"].shape == (None, 2) and out["a"].dtype == "int32"
    assert out["b"][0].shape == () and out["b"][1:] == [None, 3]


def test_each_call_is_its_own_node():
    x = KerasTensor((None, 2))
    a, b = ops.relu(x), ops.relu(x)
    assert a is not b and a._keras_history.operation is not b._keras_history.operation
