"""Recurrent layers against Keras: outputs, states, gradients, configs, masks and dropout."""

from __future__ import annotations

import numpy as np
import pytest

from addax import layers
from tests.layers.contract import Case, Make
from tests.parity.layer_check import check_parity

keras = pytest.importorskip("keras")

MASK = np.array([[0, 1, 0, 1, 0], [1, 1, 1, 0, 0]], bool)
X = (2, 5, 4)
SEED = {"seed": 1}  # whose state is compared, too


def states(*sizes: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal((2, n)).astype("float32") for n in sizes]


SEQ = {"return_sequences": True}
STATE = {"return_state": True}
BACK = {"go_backwards": True}
ZERO = {"zero_output_for_mask": True}
MASKED = {"mask": MASK}


def stacked(*cells: str) -> Make:
    """Cells of these kinds on top of each other."""
    return Make(
        lambda room: room.StackedRNNCells(
            [getattr(room, kind)(3 - i, name=f"cell_{i}", seed=1) for i, kind in enumerate(cells)], name="stack"
        )
    )


def rnn(layer: str, call: dict | None = None, **kwargs) -> Case:
    return Case(layer, {"units": 3, **SEED, **kwargs}, X, call=call or {})


CASES = [
    rnn("SimpleRNN", use_bias=False, **STATE, **BACK),
    rnn("LSTM"),
    rnn("LSTM", {**MASKED, "initial_state": states(3, 3)}, **SEQ, **STATE),
    rnn("LSTM", unit_forget_bias=False, unroll=True, recurrent_activation="hard_sigmoid"),
    rnn("LSTM", activation="relu", kernel_regularizer="l2", bias_regularizer="l1", **BACK, **SEQ),
    rnn("LSTM", MASKED, **ZERO, **SEQ),
    rnn("LSTM", MASKED, **ZERO, **BACK),
    rnn("GRU", {**MASKED, "initial_state": states(3)}, **SEQ),
    rnn("GRU", reset_after=False, **STATE),
    rnn("GRU", use_bias=False),
    Case("RNN", {"cell": Make(lambda room: room.LSTMCell(3, name="c", seed=1)), **SEQ}, X),
    Case("RNN", {"cell": Make(lambda room: room.GRUCell(3, name="c", seed=1)), **ZERO}, X, call=MASKED),
    Case("RNN", {"cell": stacked("LSTMCell", "GRUCell"), **STATE}, X, parity=("config", "grad")),
    Case("RNN", {"cell": stacked("LSTMCell", "SimpleRNNCell"), **SEQ}, X, call=MASKED),
]


def both_ways(kind: str, call: dict | None = None, parity: tuple = ("config", "grad", "shape"), **kwargs) -> Case:
    """A Bidirectional layer; arguments that it doesn't know itself are the recurrent layer's."""
    own = {k: kwargs.pop(k) for k in ("merge_mode", "backward_layer") if k in kwargs}
    made = Make(lambda room: getattr(room, kind)(3, name="inner", **SEED, **kwargs))
    return Case("Bidirectional", {"layer": made, **own}, X, call=call or {}, parity=parity)


CASES += [
    both_ways("LSTM", {**MASKED, "initial_state": states(3, 3, 3, 3)}, **SEQ, **STATE, merge_mode="sum"),
    both_ways("GRU", MASKED, **SEQ, merge_mode=None),
    both_ways("GRU", merge_mode="mul", **STATE),
    both_ways("GRU", MASKED, merge_mode="ave"),
    # Keras's own shape rule counts the forward layer twice.
    both_ways(
        "LSTM", parity=("config", "grad"), backward_layer=Make(lambda room: room.GRU(2, name="other", **SEED, **BACK))
    ),
]


def at_each_step(make, shape=(2, 5, 4), **kwargs) -> Case:
    return Case("TimeDistributed", {"layer": Make(make)}, shape, **kwargs)


CASES += [
    at_each_step(lambda room: room.Dense(3, name="inner")),
    at_each_step(lambda room: room.BatchNormalization(name="inner"), training=(True, False)),
    at_each_step(lambda room: room.LSTM(3, name="inner", **SEED), shape=(2, 3, 5, 4)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    check_parity(case)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("SimpleRNN", {"dropout": 0.4, "recurrent_dropout": 0.3}),
        ("LSTM", {"dropout": 0.4}),
        ("LSTM", {"dropout": 0.4, "recurrent_dropout": 0.3}),
        ("GRU", {"dropout": 0.4, "recurrent_dropout": 0.3, "reset_after": False}),
    ],
)
def test_dropout_is_the_same_from_the_same_seed(name, arguments):
    x = Case("", shape=X).inputs()
    theirs, ours = (getattr(room, name)(3, seed=1, **arguments) for room in (keras.layers, layers))
    for layer in (theirs, ours):
        layer.build(X)
    ours.set_weights(theirs.get_weights())
    for _ in range(2):
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_activity_regularizer_is_a_mean_over_the_batch():
    x = Case("", shape=X).inputs()
    theirs, ours = (room.LSTM(3, activity_regularizer="l1") for room in (keras.layers, layers))
    theirs.build(X), ours.build(X)
    ours.set_weights(theirs.get_weights())
    theirs(x), ours(x)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-5)
