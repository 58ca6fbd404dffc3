"""Variables: values made late, assignments, operators, and what they do inside a state scope."""

import copy
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import addax
from addax import KerasTensor, StatelessScope, Variable


def test_repr_never_shows_values():
    v = Variable(np.full((16, 8), 7.0), name="kernel")
    assert repr(v) == "<KerasVariable shape=(16, 8), dtype=float32, path=kernel>"


def test_the_initializer_runs_once_and_late():
    calls = []

    def initializer(shape, dtype):
        calls.append(shape)
        return np.ones(shape, dtype)

    v = Variable(initializer, shape=(2, 3))
    assert calls == []
    assert float(v.value.sum()) == 6.0 and float(v.numpy().sum()) == 6.0
    assert calls == [(2, 3)]


def test_an_initializer_of_the_wrong_shape_is_named():
    v = Variable(lambda shape, dtype: np.ones((3,)), shape=(2,), name="kernel")
    with pytest.raises(ValueError, match=r"'kernel' returned shape \(3,\); expected \(2,\)"):
        v.numpy()


def test_weights_are_the_same_whenever_they_are_made():
    def weights(look_first):
        addax.utils.set_random_seed(3)
        layers = [addax.layers.Dense(4) for _ in range(2)]
        for layer in layers:
            layer.build((None, 3))
        order = layers[::-1] if look_first else layers
        for layer in order:
            layer.kernel.numpy()
        return [layer.kernel.numpy() for layer in layers]

    np.testing.assert_array_equal(weights(True), weights(False))


def test_building_and_first_values_without_the_engine():
    code = (
        "import sys, addax; m = addax.Sequential([addax.Input((3,)), addax.layers.Dense(2)]); m.get_weights();"
        "m.set_weights(m.get_weights()); assert 'jax' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_assignments():
    v = Variable(np.arange(3.0))
    assert v.assign([1, 2, 3]).dtype == np.float32
    v.assign_add([1, 1, 1])
    v.assign_sub(Variable(np.ones(3)))
    np.testing.assert_array_equal(v.numpy(), [1, 2, 3])
    with pytest.raises(ValueError, match=r"shape=\(3,\).*shape=\(2,\)"):
        v.assign(np.ones(2))


def test_an_assigned_array_stays_the_callers_own():
    mine = np.ones(3, "float32")
    v = Variable(mine)
    v.assign(mine)
    mine[:] = 5
    np.testing.assert_array_equal(v.numpy(), np.ones(3))


def test_assigning_while_tracing_is_an_error_not_a_leak():
    v = Variable(1.0)

    def f(x):
        v.assign(x)
        return x

    with pytest.raises(ValueError, match="tracing"):
        jax.jit(f)(2.0)
    assert float(v.value) == 1.0


def test_operators_follow_numpy():
    a = np.array([[1.0, -2.0], [3.0, 4.0]], "float32")
    v = Variable(a)
    pairs = [
        (v + 1, a + 1),
        (2 - v, 2 - a),
        (v * v, a * a),
        (1 / v, 1 / a),
        (v // 2, a // 2),
        (v**2, a**2),
        (v @ v, a @ a),
        (-v, -a),
        (abs(v), abs(a)),
        (v > 0, a > 0),
        (v == a, a == a),
        (v != 1, a != 1),
        (v[0], a[0]),
        (a + v, a + a),
        (v.sum(), a.sum()),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_scopes_redirect_and_nest():
    v = Variable(1.0)
    with StatelessScope([(v, jnp.float32(5.0))]) as outer:
        with StatelessScope() as inner:
            assert float(v.value) == 5.0
            v.assign(7.0)
            assert float(v.value) == 7.0
        assert float(v.value) == 5.0
        assert float(inner.get_current_value(v)) == 7.0
        v.assign(6.0)
    assert float(v.value) == 1.0 and float(outer.get_current_value(v)) == 6.0


def test_a_scope_refuses_a_value_of_another_rank():
    with pytest.raises(ValueError, match="shape"):
        StatelessScope([(Variable(np.ones((2, 2)), name="w"), jnp.ones(2))])


def test_copies_and_pickles_are_independent():
    v = Variable(np.ones(2), name="w", trainable=False)
    for twin in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        twin.assign([3, 3])
        assert twin.path == "w" and not twin.trainable
        np.testing.assert_array_equal(v.numpy(), [1, 1])


def test_names_without_slashes_and_known_shapes():
    with pytest.raises(ValueError, match="character `/`"):
        Variable(1.0, name="a/b")
    with pytest.raises(ValueError, match="`shape` argument"):
        Variable(lambda shape, dtype: np.ones(shape))
    with pytest.raises(ValueError, match="fully-defined"):
        Variable(lambda shape, dtype: np.ones(shape), shape=(None, 2))


def test_symbolic_tensors_are_not_values():
    x = KerasTensor((None, 2))
    assert (x != 1).dtype == "bool" and (x == x) is True and x in [x]
    for misuse in (bool, float, int, np.asarray):
        with pytest.raises((TypeError, ValueError), match="symbolic"):
            misuse(x)
    with pytest.raises(NotImplementedError, match="Iterating"):
        iter(x)


@pytest.mark.parametrize("dtype", [None, "int32", "bool", "bfloat16", "complex64"])
def test_initializers_by_name_config_and_class(dtype):
    keras = pytest.importorskip("keras")
    for given in (
        "ones",
        "zeros",
        addax.initializers.Ones,
        addax.initializers.serialize(addax.initializers.Constant(1)),
    ):
        found = Variable(given, shape=(2, 3), dtype=dtype)
        name = given if isinstance(given, str) else "ones"
        expected = keras.Variable(name, shape=(2, 3), dtype=dtype)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    if dtype in (None, "bfloat16"):
        assert Variable("glorot_uniform", shape=(2, 3), dtype=dtype).dtype == (dtype or "float32")


def test_an_initializer_by_name_is_that_initializer():
    addax.utils.set_random_seed(1)
    named = Variable("he_normal", shape=(3, 4)).numpy()
    addax.utils.set_random_seed(1)
    np.testing.assert_array_equal(named, addax.initializers.HeNormal()((3, 4)))


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"initializer": "ones"}, ValueError, "the `shape` argument should be specified"),
        ({"initializer": "ones", "shape": (None, 2)}, ValueError, "must be fully-defined"),
        ({"initializer": "ones", "shape": (2,), "aggregation": "nope"}, ValueError, "`aggregation`"),
        ({"initializer": "ones", "shape": (2,), "synchronization": "no"}, ValueError, "`synchronization`"),
        ({"initializer": "ones", "shape": (2,), "dtype": "string"}, TypeError, "data type 'string' not understood"),
        ({"initializer": np.ma.masked_array([1.0, 2.0], [0, 1])}, ValueError, "masked arrays are not supported"),
        ({"initializer": None}, ValueError, "None"),
    ],
)
def test_arguments_that_keras_refuses_too(arguments, error, words):
    keras = pytest.importorskip("keras")
    for library in (keras, addax):
        with pytest.raises(error, match=words):
            library.Variable(**arguments).numpy()


@pytest.mark.parametrize("value", [["a", "b"], "what is this", {1, 2}, np.array([1, "a"], object)], ids=str)
def test_values_that_are_no_numbers(value):
    with pytest.raises((ValueError, TypeError)):
        Variable(value)
    with pytest.raises(ValueError, match="numbers and bools"):
        Variable(np.zeros(2)).assign(value)


def test_complex_values_and_aggregations():
    assert Variable(np.ones(2) + 1j).dtype == "complex64"
    assert Variable([1.0], aggregation=None).aggregation == "none"
    assert Variable([1.0], aggregation="sum").aggregation == "sum"


def test_variables_are_arguments_of_jax_transformations():
    import jax

    layer = addax.layers.Dense(2, use_bias=False)
    layer.build((None, 3))
    x = np.ones((4, 3), "float32")
    out, _ = jax.jit(layer.stateless_call)(layer.trainable_variables, layer.non_trainable_variables, x)
    np.testing.assert_allclose(out, x @ layer.kernel.numpy(), rtol=1e-6)

    def loss(variables):
        return (layer.stateless_call(variables, [], x)[0] ** 2).sum()

    (gradient,) = jax.grad(loss)(layer.trainable_variables)
    np.testing.assert_allclose(gradient, 2 * x.T @ (x @ layer.kernel.numpy()), rtol=1e-5)
    doubled = jax.tree.map(lambda v: v * 2, {"kernel": layer.kernel})
    np.testing.assert_allclose(doubled["kernel"], 2 * layer.kernel.numpy())
