"""What recurrent layers promise: the contract, states, masks, cells of users' own, and clear errors."""

from __future__ import annotations

import subprocess
import sys

import jax
import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core import tree
from tests.layers.contract import Case, Make, check_layer

X = (2, 5, 4)
SEQ = {"return_sequences": True}
CELL = ["lstm_cell/kernel", "lstm_cell/recurrent_kernel", "lstm_cell/bias"]

CASES = [
    Case("SimpleRNN", {"units": 3, "dropout": 0.3}, X, training=(True,), random=True),
    Case("LSTM", {"units": 3, **SEQ, "return_state": True}, X, free=(1,), weights=CELL),
    Case("GRU", {"units": 3, "reset_after": False}, X, free=(1,), weights=[p.replace("lstm", "gru") for p in CELL]),
    # What is inside has a dtype of its own.
    Case(
        "RNN",
        {"cell": Make(lambda room: room.StackedRNNCells([room.LSTMCell(3), room.GRUCell(2)])), **SEQ},
        X,
        mixed=False,
    ),
    Case("Bidirectional", {"layer": Make(lambda room: room.LSTM(3, **SEQ))}, X, free=(1,), mixed=False),
    Case("TimeDistributed", {"layer": Make(lambda room: room.Dense(3))}, X, free=(1,), mixed=False),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_contract(case):
    check_layer(case)


def x(shape=X, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def test_an_lstm_is_its_cell_repeated():
    layer = layers.LSTM(3, return_sequences=True)
    outputs = layer(x())
    states = [np.zeros((2, 3), "float32")] * 2
    for t in range(X[1]):
        output, states = layer.cell(x()[:, t], states)
        np.testing.assert_allclose(outputs[:, t], output, rtol=1e-5, atol=1e-6)


class Drift(layers.Layer):
    """A cell with everything in it that a scan must carry or hand on: random numbers, statistics, losses."""

    state_size = (4,)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = layers.Dropout(0.5, seed=1)
        self.norm = layers.BatchNormalization(momentum=0.5)

    def call(self, inputs, states, training=False):
        self.add_loss(keras.ops.mean(inputs))
        out = self.norm(inputs, training=training)
        return self.drop(keras.ops.ones_like(inputs), training=training), [states[0] + out]


def test_what_a_cell_assigns_at_one_step_is_there_at_the_next():
    layer = layers.RNN(Drift(), return_sequences=True)
    masks = layer(x(), training=True)
    assert len({np.asarray(masks[:, t]).tobytes() for t in range(X[1])}) > 1
    mean = np.zeros(4)
    for t in range(X[1]):
        mean = 0.5 * mean + 0.5 * x()[:, t].mean(0)
    np.testing.assert_allclose(layer.cell.norm.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sum(layer.losses), x().mean((0, 2)).sum(), rtol=1e-4)
    assert int(layer.cell.drop.seed_generator.state.numpy()[1]) == X[1]


def test_a_cell_reads_weights_of_other_layers_as_the_program_sees_them():
    outside = layers.Dense(4, use_bias=False)
    outside.build((None, 4))

    class Borrows(layers.Layer):
        state_size = 4

        def call(self, inputs, states):
            out = keras.ops.matmul(inputs, outside.kernel) + states[0]
            return out, [out]

    layer = layers.RNN(Borrows())
    layer(x())

    def loss(kernel):
        with keras.core.state.StateScope([(outside.kernel, kernel)]):
            return layer(x()).sum()

    gradient = jax.grad(loss)(outside.kernel.value)
    np.testing.assert_allclose(gradient, np.repeat(x().sum((0, 1))[:, None], 4, 1), rtol=1e-4, atol=1e-5)


def test_dropout_is_the_same_at_all_steps_and_differs_between_calls():
    layer = layers.SimpleRNN(
        3, activation=None, dropout=0.5, seed=2, kernel_initializer="ones", recurrent_initializer="zeros", **SEQ
    )
    first, second = (np.asarray(layer(np.ones((8, 5, 6)), training=True)) for _ in range(2))
    assert (first == first[:, :1]).all() and (first != second).any()
    assert (np.asarray(layer(np.ones((8, 5, 6)))) == 6).all()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_stateful_goes_on_where_it_stopped(kind):
    long = getattr(layers, kind)(3)
    short = getattr(layers, kind)(3, stateful=True)
    whole = long(x())
    short.build((2, None, 4))
    short.set_weights(long.get_weights())
    kept = {id(v) for v in short.non_trainable_variables}
    assert len(short.weights) == 3 and kept >= {id(v) for v in tree.flatten(short.states)}
    short(x()[:, :2])
    np.testing.assert_allclose(short(x()[:, 2:]), whole, rtol=1e-5, atol=1e-6)
    short.reset_state()
    np.testing.assert_allclose(short(x()), whole, rtol=1e-5, atol=1e-6)
    # As a pure function: the states come back as values.
    short.reset_states()
    weights, others = ([v.value for v in vs] for vs in (short.trainable_variables, short.non_trainable_variables))
    _, others = short.stateless_call(weights, others, x()[:, :2])
    np.testing.assert_allclose(short.stateless_call(weights, others, x()[:, 2:])[0], whole, rtol=1e-5, atol=1e-6)
    assert not any(np.asarray(v).any() for v in tree.flatten(short.states))


def test_padding_that_is_masked_changes_nothing():
    for make in (lambda: layers.LSTM(3), lambda: layers.Bidirectional(layers.GRU(3)), lambda: layers.RNN(Plain())):
        model = keras.Sequential([keras.Input((None, 4)), layers.Masking(), make()])
        padded = np.concatenate([x(), np.zeros((2, 3, 4), "float32")], 1)
        np.testing.assert_allclose(model(padded), model(x()), rtol=1e-5, atol=1e-6)


class Plain(layers.Layer):
    state_size = 4

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, total


def test_symbolic_initial_state():
    sequence, h, c = keras.Input((5, 4)), keras.Input((3,)), keras.Input((3,))
    model = keras.Model([sequence, h, c], layers.LSTM(3)(sequence, initial_state=[h, c]))
    layer, begin = model.layers[-1], x((2, 3), 1)
    np.testing.assert_allclose(model([x(), begin, begin]), layer(x(), initial_state=[begin, begin]), rtol=1e-5)


def test_the_last_state_of_one_layer_begins_the_next():
    sequence = keras.Input((5, 4))
    _, *states = layers.LSTM(3, return_state=True)(sequence)
    model = keras.Model(sequence, layers.LSTM(3, return_sequences=True)(sequence, initial_state=states))
    assert model(x()).shape == (2, 5, 3)


def test_time_distributed_sees_one_step_at_a_time():
    layer = layers.TimeDistributed(layers.Dense(3))
    dense = layer(x())
    for t in range(X[1]):
        np.testing.assert_allclose(dense[:, t], layer.layer(x()[:, t]), rtol=1e-5, atol=1e-6)
    norm = layers.TimeDistributed(layers.BatchNormalization())
    np.testing.assert_allclose(norm(x(), training=True).mean(0), np.zeros((5, 4)), atol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.LSTM(0), "`units`, expected a positive integer, got 0"),
        (lambda: layers.RNN(layers.Dense(3)), "should have a `state_size` attribute"),
        (lambda: layers.RNN(3), "should have a `call` method"),
        (lambda: layers.StackedRNNCells([layers.Dense(3)]), "All cells must have a `state_size`"),
        (lambda: layers.LSTM(3, stateful=True)(keras.Input((5, 4))), "batch size must be static.*Input"),
        (lambda: layers.LSTM(3)(x((2, 4))), "expected ndim=3, found ndim=2"),
        (lambda: layers.LSTM(3)(x(), initial_state=x((2, 3))), r"takes 2 initial state\(s\).*Received.* 1, of"),
        (lambda: layers.GRU(3)(x(), initial_state=[x((2, 4))]), r"\('batch', 3\).*\(2, 4\)"),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="max"), "Invalid merge mode. Received: max"),
        (lambda: layers.Bidirectional(layers.Dense(3)), "takes a recurrent layer"),
        (
            lambda: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3)),
            "should have different `go_backwards`",
        ),
        (lambda: layers.TimeDistributed(3), "Please initialize `TimeDistributed`"),
        (lambda: layers.TimeDistributed(layers.Dense(3))(x((2, 4))), "at least 3 dimensions"),
        (lambda: layers.Wrapper(3), "isn't a supported layer type"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        make()


def test_a_cell_that_returns_too_few_states_is_named():
    class Forgets(Plain):
        state_size = [4, 4]

        def call(self, inputs, states):
            return inputs, [states[0]]

    with pytest.raises(ValueError, match="returned 1 states; expected 2"):
        layers.RNN(Forgets(name="forgets"))(x())


def test_building_leaves_jax_out():
    program = (
        "import sys, addax as keras; from addax import layers as l; x = keras.Input((5, 4)); m = l.Masking()\n"
        "y = l.Bidirectional(l.LSTM(3, return_sequences=True))(x); y = l.TimeDistributed(l.Dense(2))(y)\n"
        "y = l.MultiHeadAttention(2, 3)(y, y); y = l.GRU(2)(y); keras.Model(x, y).count_params()\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("at_once", [True, False])
def test_inputs_projected_at_once_or_step_by_step_give_the_same(at_once, monkeypatch):
    from addax.kernels import rnn as kernels

    layer = layers.LSTM(3, return_sequences=True)
    monkeypatch.setattr(kernels, "_compiled", lambda: kernels._recurrence)  # traced anew at each call
    expected = layer(x())
    monkeypatch.setattr(kernels, "project_first", lambda kernel: at_once)
    np.testing.assert_allclose(layer(x()), expected, rtol=1e-5, atol=1e-6)
