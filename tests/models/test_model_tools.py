"""Helpers of models: inner outputs, the learning rate range test, fine-tuning."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1))).astype("float32")


def numbers(path: Any) -> Any:
    return {k: np.array(v) for k, v in path.items()}


# Inner outputs


class Block(layers.Layer):
    """Two layers, the first of which is called twice."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.twice, self.last = layers.Dense(3, name="twice"), layers.Dense(2, name="last")

    def call(self, x: Any) -> Any:
        return self.last(self.twice(self.twice(x)))


class Subclassed(keras.Model):
    """A model without a graph."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.block, self.top = Block(name="block"), layers.Dense(1, name="top")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.top(self.block(x))


def test_layers_of_a_subclassed_model() -> None:
    model, x = Subclassed(), X[:, :3]
    y = model(x)
    found = model.capture(["block/*", "top"])(x)
    assert list(found) == ["block/twice", "block/last", "top"]
    twice, last = model.block.twice, model.block.last
    np.testing.assert_allclose(found["block/twice"][0], twice(x), rtol=1e-6)
    np.testing.assert_allclose(found["block/twice"][1], twice(twice(x)), rtol=1e-6)
    np.testing.assert_allclose(found["block/last"], last(twice(twice(x))), rtol=1e-6)
    np.testing.assert_array_equal(found["top"], y)


def test_layers_of_graphs_and_their_names() -> None:
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="a"), layers.Dropout(0.5, name="b")], name="inner"
    )
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(1, name="top")(inner(x)))
    everything = model.capture("*")(X)
    assert {"inner", "inner/a", "inner/b", "top"} <= set(everything)
    known = keras.Model(x, inner.layers[0](x)).predict(X, verbose=0)
    np.testing.assert_allclose(model.capture("a")(X)["inner/a"], known, rtol=1e-5)
    np.testing.assert_array_equal(everything["inner/b"], everything["inner/a"])
    trained = model.capture("inner/b")(X, training=True)["inner/b"]
    assert 0.2 < float(np.mean(np.array(trained) == 0)) < 0.8
    assert repr(model.capture("a")) == f"<Capture of a in model '{model.name}'>"
    with pytest.raises(ValueError, match=r"'innr/\*', which matches no layer.*Its layers are: .*inner/a"):
        model.capture("innr/*")(X)
    with pytest.raises(ValueError, match="pattern of the paths of layers"):
        model.capture(3)


# Learning rates


def compiled(optimizer: Any = "sgd") -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "tanh", name="body"), layers.Dense(1, name="head")])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("kind", ["rate", "schedule", "scaled"])
def test_rates_are_tried_and_the_model_is_left_as_it_was(kind: str) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    optimizer: Any = keras.optimizers.SGD(schedule if kind == "schedule" else 0.01)
    if kind == "scaled":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    model = compiled(optimizer)
    model.fit(X, Y, verbose=0)
    before = [np.array(v) for v in (*model.variables, *model.optimizer.variables)]
    found = model.lr_find(X, Y, batch_size=64, start=1e-4, end=100.0, steps=30)
    after = [np.array(v) for v in (*model.variables, *model.optimizer.variables)]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    # All rows are one batch, so that plain gradient descent gives the same losses.
    kernels = [w.astype("float64") for w in model.get_weights()]
    for rate, loss in list(zip(found.learning_rates, found.losses))[:20]:
        a, b, c, d = kernels
        hidden = np.tanh(X @ a + b)
        error = hidden @ c + d - Y
        np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-3)
        back = 2 * error / len(X)
        inner = back @ c.T * (1 - hidden**2)
        gradients = [X.T @ inner, inner.sum(0), hidden.T @ back, back.sum(0)]
        kernels = [w - rate * g for w, g in zip(kernels, gradients)]
    np.testing.assert_allclose(found.learning_rates, np.geomspace(1e-4, 100, 30)[: len(found.losses)])
    assert len(found.losses) < 30 and found.losses[-1] > 4 * min(found.losses)  # it diverged
    assert 1e-3 < found.suggestion < 5
    assert f"suggestion={found.suggestion:.2g}" in repr(found)


def test_the_suggestion_is_where_the_loss_falls_fastest() -> None:
    from addax.training.lr_find import LearningRates

    rates = np.geomspace(1e-6, 10, 200)
    falls = 1 / (1 + (rates / 1e-2) ** 2)  # steepest, over the logarithm, at 1e-2
    found = LearningRates(rates, np.where(rates > 1, 100.0, falls))
    assert 1e-2 < found.suggestion < 3e-2  # the average lags behind
    pytest.importorskip("matplotlib").use("agg")
    figure = found.plot()
    assert figure.axes[0].get_xscale() == "log" and len(figure.axes[0].lines) == 3


def test_mistakes_in_finding_rates() -> None:
    with pytest.raises(ValueError, match="0 < start < end"):
        compiled().lr_find(X, Y, start=1.0, end=0.1)
    with pytest.raises(ValueError, match="at least 3"):
        compiled().lr_find(X, Y, steps=1)
    several = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1)))
    with pytest.raises(ValueError, match="MultiOptimizer have rates of their own"):
        compiled(several).lr_find(X, Y)


def test_one_cycle() -> None:
    rate = keras.optimizers.schedules.OneCycle(0.4, 50, warmup_fraction=0.2, initial_divisor=10, final_divisor=100)

    def wave(start: float, end: float, part: float) -> float:
        return end + (start - end) / 2 * (math.cos(math.pi * part) + 1)

    wanted = [wave(0.04, 0.4, s / 10) if s < 10 else wave(0.4, 4e-4, (s - 10) / 40) for s in range(51)]
    np.testing.assert_allclose([float(rate(s)) for s in range(51)], wanted, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(float(rate(99)), 4e-4, rtol=1e-3)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(rate))
    assert again.get_config() == rate.get_config()
    for wrong in ({"total_steps": 0}, {"warmup_fraction": 1.0}, {"maximal_learning_rate": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            keras.optimizers.schedules.OneCycle(**{"maximal_learning_rate": 1.0, "total_steps": 9, **wrong})


# Fine-tuning


def test_the_head_first_and_then_all() -> None:
    model, seen = compiled(keras.optimizers.SGD(0.01, momentum=0.5)), []

    def look(epoch: int, logs: Any) -> None:
        seen.append((epoch, model.layers[0].trainable, model.get_weights()))

    start = model.get_weights()
    history = model.fine_tune(
        X, Y, epochs=2, freeze_epochs=1, verbose=0, batch_size=16, learning_rate=0.1,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)],
    )  # fmt: skip
    assert [(epoch, flag) for epoch, flag, _ in seen] == [(0, False), (1, True), (2, True)]
    np.testing.assert_array_equal(seen[0][2][0], start[0])
    moved = abs(seen[-1][2][0] - start[0]).max(), abs(seen[-1][2][2] - seen[0][2][2]).max()
    assert 0 < moved[0] < 0.1 * moved[1]  # the body moves a hundredth as far
    assert history.epoch == [0, 1, 2] and len(history.history["loss"]) == 3
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.optimizer.momentum == 0.5 and model.optimizer._learning_rate.maximal_learning_rate == 0.05
    assert model.optimizer._learning_rate.total_steps == 8
    assert model.get_compile_config()["metrics"] == ["mae"]


def test_a_head_by_name_and_layers_that_stay_frozen() -> None:
    model = compiled("adam")
    model.layers[0].trainable = False
    start = model.get_weights()
    model.fine_tune(X, Y, head="head", verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], start[0])
    with pytest.raises(ValueError, match="'top', which is no layer of the model that has weights"):
        model.fine_tune(X, Y, head="top")
    with pytest.raises(ValueError, match="Pass `steps_per_epoch`"):
        model.fine_tune(batch for batch in [(X, Y)])
