"""`compile(remat="block")`: the same training with less kept for the backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.engine import jax
from addax.training.blocks import blocks_of
from addax.training.planning import costs_of_a_step

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 5, (24, 6))  # of which 0 is padding
REAL = RNG.normal(size=(24, 6, 1)).astype("float32")


class Block(layers.Layer):
    """A block that passes a mask on to attention, without an argument for it, and has all kinds of state."""

    def __init__(self, heads: int = 2) -> None:
        super().__init__()
        self.supports_masking = True
        self.attention = layers.MultiHeadAttention(heads, 4, dropout=0.1, seed=5)
        self.inner = layers.Dense(8, activation="gelu", use_bias=False, activity_regularizer="l2")
        self.normalization = layers.BatchNormalization()
        self.outer = layers.Dense(8)
        self.dropout = layers.Dropout(0.2, seed=7)

    def call(self, x: Any) -> Any:
        h = x + self.attention(x, x)
        return h + self.dropout(self.outer(self.normalization(self.inner(h))))


class Stack(layers.Layer):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.supports_masking = True
        self.blocks = [Block() for _ in range(count)]

    def call(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


def net(remat: str | None, **given: Any) -> Any:
    keras.utils.set_random_seed(3)
    parts = [layers.Embedding(5, 8, mask_zero=True), Stack(2), layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *parts])
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"], remat=remat, **given)
    return model


def trained(model: Any, epochs: int = 2) -> tuple[dict, list[np.ndarray]]:
    history = model.fit(IDS, REAL, batch_size=12, epochs=epochs, shuffle=False, verbose=0).history
    return history, [np.asarray(v) for v in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def plain() -> tuple:
    model = net(None)
    return model, *trained(model)


@pytest.mark.parametrize("given", [{}, pytest.param({"run_eagerly": True}, marks=pytest.mark.slow)])
def test_training_is_the_same(plain: tuple, given: dict) -> None:
    _, history, values = plain
    model = net("block", **given)
    found, state = trained(model)
    assert found.keys() == history.keys()
    for name, expected in history.items():
        np.testing.assert_allclose(found[name], expected, rtol=2e-6)
    for a, b in zip(state, values, strict=True):  # seeds and moving averages among them
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def rematerialized(model: Any) -> int:
    """Number of rematerialized parts in the step that a model trains with."""
    program = model._programs["train"]
    data = (jax.ShapeDtypeStruct((12, 6), "int32"), jax.ShapeDtypeStruct((12, 6, 1), "float32"), None)
    jaxpr = jax.make_jaxpr(lambda state, data: program.step(program.description, state, data, None))
    return str(jaxpr(program.state_spec(), data)).count("remat2[")


def test_each_block_is_computed_again_and_less_is_kept(plain: tuple) -> None:
    other = net("block")
    other.train_on_batch(IDS[:12], REAL[:12])
    assert rematerialized(plain[0]) == 0
    assert rematerialized(other) >= 2  # forward, and once more in the backward pass
    without, with_blocks = costs_of_a_step(plain[0], 12), costs_of_a_step(other, 12)
    assert without is not None and with_blocks is not None
    assert (without.blocks, with_blocks.blocks) == (0, 2)
    # Of each block its input, 12 rows of 6 x 8 float32, and the whole of what is outside of them.
    assert with_blocks.saved < without.saved / 4
    assert without.products < with_blocks.products < 4 / 3 * without.products + 1
    other.compile("sgd", "mse")
    other.train_on_batch(IDS[:12], REAL[:12])
    assert rematerialized(other) == 0


def test_steps_of_the_users_own_and_masks_are_rematerialized_too() -> None:
    class Own(keras.Model):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.stack = Stack(2)
            self.out = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.out(self.stack(x))

        def train_step(self, state: Any, data: Any) -> Any:
            logs, state = super().train_step(state, data)
            return {**logs, "twice": 2 * logs["loss"]}, state

    x = RNG.normal(size=(12, 6, 8)).astype("float32")
    found = {}
    for remat in (None, "block"):
        keras.utils.set_random_seed(1)
        model = Own()
        model.compile("sgd", "mse", remat=remat)
        found[remat] = [model.train_on_batch(x, REAL[:12], return_dict=True)["twice"] for _ in range(2)]
    np.testing.assert_allclose(found["block"], found[None], rtol=2e-6)


def test_outer_layers_are_blocks_unless_they_hold_many() -> None:
    def kinds(model: Any) -> list[str]:
        return [type(layer).__name__ for layer in blocks_of(model)]

    def model(*parts: Any) -> Any:
        found = keras.Sequential([keras.Input((6, 8)), *parts])
        assert found.built
        return found

    assert kinds(model(Stack(3), Stack(3))) == ["Block"] * 6
    assert kinds(model(Stack(2), Stack(2), Stack(1))) == ["Stack"] * 3
    assert kinds(model(Stack(1), layers.Dense(8))) == []
    assert kinds(model(Block(1), Block(2))) == ["Block"] * 2  # of one class, though they differ
    pair = lambda: [layers.Dense(8), layers.LayerNormalization()]  # noqa: E731
    assert kinds(model(keras.Sequential(pair()), keras.Sequential(pair()))) == ["Sequential"] * 2
    assert kinds(model(keras.Sequential(pair()), keras.Sequential([layers.Dense(8), layers.ReLU()]))) == []
    assert kinds(model(layers.LSTM(4, return_sequences=True), layers.LSTM(4))) == []
    x = keras.Input((6, 8))
    h = x
    for _ in range(2):
        h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 4)(h, h))
    assert kinds(keras.Model(x, h)) == ["MultiHeadAttention"] * 2


def test_models_without_blocks_are_refused_before_the_first_step() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)], name="plain")
    model.compile("sgd", "mse", remat="block")
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"model 'plain' has none.* Its layers are 2 Dense\. Make a layer or a model"):
        model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(model.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0))
    with pytest.raises(ValueError, match=r"`remat` must be 'block'.* or None\. Received: remat='full'"):
        model.compile("sgd", "mse", remat="full")


def test_files_keep_it_where_it_is_asked_for(tmp_path: Any) -> None:
    def block() -> Any:
        return keras.Sequential([layers.Dense(4), layers.Dense(4)])

    model = keras.Sequential([keras.Input((4,)), block(), block()])
    model.compile("sgd", "mse")
    assert "remat" not in model.get_compile_config()
    model.compile("sgd", "mse", remat="block")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_compile_config()["remat"] == "block"
    x = np.ones((4, 4), "float32")
    assert loaded.train_on_batch(x, x) == model.train_on_batch(x, x)
    assert costs_of_a_step(loaded, 4).blocks == 2  # type: ignore[union-attr]
