"""Where a NaN began: the layer, the direction, the step, and what is left of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers, ops

rng = np.random.RandomState(0)
X = rng.rand(320, 4).astype("float32") + 0.5
Y = rng.rand(320, 1).astype("float32")
BAD = X.copy()
BAD[200] = 0.0  # in the seventh batch of 32 when the rows keep their order


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(5)


class Log(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return ops.log(inputs)


class Root(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return ops.sqrt(ops.abs(inputs))


class Block(layers.Layer):
    def __init__(self, inner: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.inner = inner
        self.dense = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return self.dense(self.inner(inputs))


def net(*stack: Any, loss: Any = "mse", rate: float = 0.001) -> Any:
    model = keras.Sequential([keras.Input((4,)), *stack], name="net")
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def graph() -> Any:
    a = keras.Input((4,))
    model = keras.Model(a, layers.Dense(1)(ops.log(a)), name="net")
    model.compile("sgd", "mse")
    return model


def eager() -> Any:
    model = net(Log(name="log"), layers.Dense(1))
    model.compile("sgd", "mse", run_eagerly=True)
    return model


# A model, and what the report on it says when it meets the rows of BAD.
CASES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "forward": (
        lambda: net(Log(name="log"), layers.Dense(1)),
        ("epoch 1, step 7", "forward, in layer 'net/log' (Log", "4 infinite of 128 values", "in rows 200 of the data"),
    ),
    "forward, nested": (
        lambda: net(Block(Log(name="log"), name="block"), layers.Dense(1)),
        ("epoch 1, step 7", "forward, in layer 'net/block/log' (Log"),
    ),
    "forward, an op": (graph, ("epoch 1, step 7", "forward, in layer 'net/log", "(op log)")),
    "forward, eager": (eager, ("epoch 1, step 7", "forward, in layer 'net/log' (Log")),
    "backward": (
        lambda: net(layers.Dense(3, use_bias=False), Root(name="root"), layers.Dense(1)),
        ("epoch 1, step 7", "backward (the loss, ", "in layer 'net/root' (Root", "the gradient of its inputs is not"),
    ),
    "backward, nested, after dropout": (
        lambda: net(
            layers.Dense(4, use_bias=False),
            layers.Dropout(0.1),
            Block(Root(name="root"), name="block"),
            layers.Dense(1),
        ),
        ("backward", "in layer 'net/block/root' (Root"),
    ),
    "the loss": (
        lambda: net(layers.Dense(1, use_bias=False), loss=lambda a, b: ops.mean(ops.log(ops.abs(b)))),
        ("epoch 1, step 7", "forward, in the loss", "<lambda>"),
    ),
    "the loss, backward": (
        lambda: net(layers.Dense(1, use_bias=False), loss=lambda a, b: ops.mean(ops.sqrt(ops.abs(b)))),
        ("epoch 1, step 7", "backward", "in the loss"),
    ),
    "a rate that is too large": (
        lambda: net(layers.Dense(8), layers.Dense(1), rate=1e12),
        ("epoch 1, step ", "'mean_squared_error'", "smaller learning rate"),
    ),
}


@pytest.mark.parametrize("make, says", CASES.values(), ids=CASES)
def test_names_where_it_began(make: Callable, says: tuple[str, ...]) -> None:
    model = make()
    with pytest.raises(FloatingPointError) as caught:
        model.fit(BAD, Y, epochs=2, shuffle=False, verbose=0, debug_nans=True)
    for part in says:
        assert part in str(caught.value), str(caught.value)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_the_weights_are_those_before_the_bad_step() -> None:
    model, twin = (net(Log(), layers.Dense(1)) for _ in range(2))
    twin.set_weights(model.get_weights())
    with pytest.raises(FloatingPointError):
        model.fit(BAD, Y, shuffle=False, verbose=0, debug_nans=True)
    twin.fit(BAD[:192], Y[:192], shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"]).all()


def test_shuffled_rows_are_named_by_their_numbers_in_the_data() -> None:
    with pytest.raises(FloatingPointError, match="in rows 200 of the data"):
        net(Log(), layers.Dropout(0.2), layers.Dense(1)).fit(BAD, Y, verbose=0, debug_nans=True)


def test_in_a_later_epoch_and_from_a_generator() -> None:
    def batches() -> Iterator:
        for data in (X, X, BAD):
            for i in range(0, 320, 32):
                yield data[i : i + 32], Y[i : i + 32]

    with pytest.raises(FloatingPointError, match=r"epoch 3, step 7: backward .* in layer 'net/root'"):
        net(layers.Dense(3, use_bias=False), Root(name="root"), layers.Dense(1)).fit(
            batches(), steps_per_epoch=10, epochs=3, verbose=0, debug_nans=True
        )


def test_terminate_on_nan_stops_and_tells(capsys: pytest.CaptureFixture) -> None:
    model = net(Log(name="log"), layers.Dense(1))
    history = model.fit(BAD, Y, epochs=3, shuffle=False, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    out = capsys.readouterr().out
    assert out.startswith("Batch 6: Invalid loss, terminating training\n")
    assert "epoch 1, step 7" in out and "forward, in layer 'net/log' (Log" in out
    assert history.epoch == [0]


def test_terminate_on_nan_can_raise() -> None:
    callback = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 6") as caught:
        net(Log(name="log"), layers.Dense(1)).fit(BAD, Y, shuffle=False, verbose=0, callbacks=[callback])
    assert any("layer 'net/log'" in note for note in caught.value.__notes__)


def test_watching_changes_nothing() -> None:
    histories = []
    for debug in (False, True):
        keras.utils.set_random_seed(7)
        model = net(layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1))
        histories.append(model.fit(X, Y, epochs=3, verbose=0, debug_nans=debug).history)
    assert histories[0] == histories[1]
    assert "_nan_watch" not in model.__dict__
