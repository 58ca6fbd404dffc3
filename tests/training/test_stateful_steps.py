"""Steps that take `data` alone, with gradients from `value_and_grad` and any number of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers, ops
from addax.core.engine import jax, jnp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1))).astype("float32")


def everything(model: Any) -> list[np.ndarray]:
    optimizers = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    variables = [*model.variables, *(v for o in optimizers for v in o.variables)]
    return [np.array(v) for v in variables]


# Gradients


def test_gradients_are_those_of_jax_and_assignments_last() -> None:
    layer, norm = layers.Dense(3), layers.BatchNormalization(momentum=0.5)
    norm(layer(X))
    kernel, bias = layer.kernel.numpy(), layer.bias.numpy()

    def loss() -> Any:
        return ops.mean(norm(layer(X), training=True) ** 3)

    def pure(kernel: Any, bias: Any) -> Any:
        out = X @ kernel + bias
        out = (out - out.mean(0)) / jnp.sqrt(out.var(0) + 1e-3)
        return (out**3).mean()

    value, gradients = keras.value_and_grad(loss, layer.trainable_variables)
    wanted, expected = jax.value_and_grad(pure, (0, 1))(kernel, bias)
    np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-6)
    for a, b in zip(gradients, expected):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(norm.moving_mean, 0.5 * (X @ kernel + bias).mean(0), rtol=1e-4, atol=1e-6)


def test_a_value_with_more() -> None:
    w = keras.Variable([1.0, 2.0], name="w")
    (value, more), (gradient,) = keras.value_and_grad(lambda: (ops.sum(w * w), {"w": w + 1}), [w], has_aux=True)
    assert float(value) == 5 and np.array(gradient).tolist() == [2, 4] and np.array(more["w"]).tolist() == [2, 3]
    assert keras.value_and_grad(lambda: 3.0 * ops.sum(w), [])[1] == []
    with pytest.raises(ValueError, match="`variables` must be a list of `keras"):
        keras.value_and_grad(lambda: ops.sum(w), [3.0])
    with pytest.raises(TypeError, match="scalar"):
        keras.value_and_grad(lambda: w * 2, [w])


# Steps


class Plain(keras.Model):
    """A model whose step is written by hand, and does what the built-in one does."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = [
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=7),
            layers.Dense(1),
        ]

    def call(self, x: Any, training: bool = False) -> Any:
        for layer in self.inner:
            x = (
                layer(x, training=training)
                if isinstance(layer, layers.Dropout | layers.BatchNormalization)
                else layer(x)
            )
        return x


class ByHand(Plain):
    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data

        def loss() -> tuple:
            predicted = self(x, training=True)
            return self.compute_loss(x, y, predicted), predicted

        (value, predicted), gradients = keras.value_and_grad(loss, self.trainable_variables, has_aux=True)
        self.optimizer.apply(gradients, self.trainable_variables)
        self._loss_tracker.update_state(value, sample_weight=ops.shape(x)[0])
        return self.compute_metrics(x, y, predicted)

    def test_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        return {"twice": 2 * self.compute_loss(x, y, self(x, training=False))}

    def predict_step(self, data: Any) -> Any:
        return -self(data, training=False)


def made(kind: type, **compiled: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = kind()
    model.compile(**{"optimizer": keras.optimizers.Adam(0.01), "loss": "mse", "metrics": ["mae"], **compiled})
    return model


def test_a_step_by_hand_is_the_built_in_one() -> None:
    ours, plain = made(ByHand), made(Plain)
    given = {"batch_size": 20, "epochs": 2, "verbose": 0, "shuffle": False}
    found, expected = ours.fit(X, Y, **given).history, plain.fit(X, Y, **given).history
    for name in ("loss", "mae"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5)
    for a, b in zip(everything(ours), everything(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    evaluated = ours.evaluate(X, Y, batch_size=48, verbose=0, return_dict=True)
    np.testing.assert_allclose(evaluated["twice"], 2 * plain.evaluate(X, Y, batch_size=48, verbose=0)[0], rtol=1e-4)
    np.testing.assert_allclose(ours.predict(X, verbose=0), -plain.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
    before = int(ours.optimizer.iterations)
    assert {"loss", "mae"} <= set(ours.train_on_batch(X, Y, return_dict=True))
    assert int(ours.optimizer.iterations) == before + 1


class GAN(keras.Model):
    """A generative adversarial network: two models, two optimizers."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = keras.Sequential([keras.Input((2,)), layers.Dense(8, "relu"), layers.Dense(1)])
        self.critic = keras.Sequential([keras.Input((1,)), layers.Dense(8, "relu"), layers.Dense(1)])
        self.g_optimizer, self.c_optimizer = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
        self.seed = keras.random.SeedGenerator(1)
        self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
        self.mean = keras.metrics.Mean(name="mean")

    def train_step(self, real: Any) -> dict[str, Any]:
        noise = keras.random.normal((ops.shape(real)[0], 2), seed=self.seed)
        ones, zeros = ops.ones_like(real), ops.zeros_like(real)

        def critic_loss() -> Any:
            return self.loss_of(ones, self.critic(real)) + self.loss_of(zeros, self.critic(self.generator(noise)))

        def generator_loss() -> Any:
            return self.loss_of(ones, self.critic(self.generator(noise)))

        value, gradients = keras.value_and_grad(critic_loss, self.critic.trainable_variables)
        self.c_optimizer.apply(gradients, self.critic.trainable_variables)
        _, gradients = keras.value_and_grad(generator_loss, self.generator.trainable_variables)
        self.g_optimizer.apply(gradients, self.generator.trainable_variables)
        self.mean.update_state(value)
        return {"critic": value, "mean": self.mean.result()}


def gan(**given: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = GAN()
    model.compile(**given)
    return model


REAL = RNG.normal(3, 0.5, size=(96, 1)).astype("float32")
FIT = {"batch_size": 32, "epochs": 2, "verbose": 0, "shuffle": False}


def test_several_optimizers_compiled_and_step_by_step() -> None:
    fitted, by_hand = gan(), gan()
    history = fitted.fit(REAL, **FIT).history
    for _ in range(2):
        by_hand.mean.reset_state()
        for i in range(0, 96, 32):
            logs = by_hand.train_step(jnp.asarray(REAL[i : i + 32]))
    assert int(fitted.c_optimizer.iterations) == int(fitted.g_optimizer.iterations) == 6
    ours, wanted = ([*m.variables, *m.g_optimizer.variables, *m.c_optimizer.variables] for m in (fitted, by_hand))
    for a, b in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["critic"][-1], logs["critic"], rtol=1e-5)
    np.testing.assert_allclose(history["mean"][-1], logs["mean"], rtol=1e-5)


def test_resumed_with_several_optimizers(tmp_path: Any) -> None:
    def run(stop: bool, epochs: int = 3) -> Any:
        def end(epoch: int, logs: Any) -> None:
            if stop and epoch == 1:
                raise KeyboardInterrupt

        model = gan()
        stops = [keras.callbacks.LambdaCallback(on_epoch_end=end)]
        model.fit(REAL, **{**FIT, "epochs": epochs}, resume=tmp_path / "run", callbacks=stops)
        return model

    with pytest.raises(KeyboardInterrupt):
        run(stop=True)
    resumed, whole = run(stop=False), gan()
    whole.fit(REAL, **{**FIT, "epochs": 3})
    for a, b in zip(everything(resumed), everything(whole)):
        np.testing.assert_array_equal(a, b)


def test_a_trial_puts_all_optimizers_back() -> None:
    model = gan()
    model.fit(REAL, **FIT)
    before = everything(model)
    model.fit(REAL, **FIT, dev_run=True)
    for a, b in zip(before, everything(model)):
        np.testing.assert_array_equal(a, b)


def test_logs_must_be_a_dict() -> None:
    class Wrong(Plain):
        def train_step(self, data: Any) -> Any:
            return 3.0

    with pytest.raises(ValueError, match=r"`train_step\(self, data\)` of Wrong must return a dict of logs"):
        made(Wrong).fit(X, Y, verbose=0)
