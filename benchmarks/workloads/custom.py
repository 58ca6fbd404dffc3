"""A variational autoencoder with its own `train_step`, written in the way of each backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Fit

LATENT = 8


def _pixels(rows: int) -> tuple[np.ndarray, None]:
    rng = np.random.default_rng(9)
    hidden = rng.standard_normal((rows, LATENT), "float32")
    maps = rng.standard_normal((LATENT, 784), "float32")
    return (1 / (1 + np.exp(-(hidden @ maps)))).astype("float32"), None


def _vae(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops
    backend = keras.backend.backend() if keras.__name__ == "keras" else "jax"

    class Sampling(layers.Layer):
        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs: Any) -> Any:
            mean, log_variance = inputs
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            return mean + ops.exp(0.5 * log_variance) * noise

    class Vae(keras.Model):
        def __init__(self, encoder: Any, decoder: Any, **kwargs: Any):
            super().__init__(**kwargs)
            self.encoder, self.decoder = encoder, decoder
            self.loss_tracker = keras.metrics.Mean(name="loss")

        def call(self, x: Any) -> Any:
            mean, log_variance, z = self.encoder(x)
            return self.decoder(z), mean, log_variance

        @property
        def metrics(self) -> list:
            return [self.loss_tracker]

        def loss_of(self, x: Any, outputs: Any) -> Any:
            out, mean, log_variance = outputs
            reconstruction = ops.mean(ops.sum(keras.losses.binary_crossentropy(x[..., None], out[..., None]), axis=1))
            divergence = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            return reconstruction + ops.mean(ops.sum(divergence, axis=1))

        if backend == "jax":

            def loss_and_updates(self, trainable: Any, non_trainable: Any, x: Any) -> Any:
                outputs, non_trainable = self.stateless_call(trainable, non_trainable, x)
                return self.loss_of(x, outputs), non_trainable

            def train_step(self, state: Any, data: Any) -> Any:
                import jax

                trainable, non_trainable, optimizer, metrics = state
                (x,) = data if isinstance(data, tuple) else (data,)
                run = jax.value_and_grad(self.loss_and_updates, has_aux=True)
                (loss, non_trainable), grads = run(trainable, non_trainable, x)
                trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
                metrics = self.loss_tracker.stateless_update_state(metrics, loss)
                logs = {"loss": self.loss_tracker.stateless_result(metrics)}
                return logs, (trainable, non_trainable, optimizer, metrics)

        elif backend == "tensorflow":

            def train_step(self, data: Any) -> Any:
                import tensorflow as tf

                x = data[0] if isinstance(data, tuple) else data
                with tf.GradientTape() as tape:
                    loss = self.loss_of(x, self(x))
                grads = tape.gradient(loss, self.trainable_weights)
                self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
                self.loss_tracker.update_state(loss)
                return {"loss": self.loss_tracker.result()}

        else:

            def train_step(self, data: Any) -> Any:
                import torch

                x = data[0] if isinstance(data, tuple) else data
                self.zero_grad()
                loss = self.loss_of(x, self(x))
                loss.backward()
                grads = [v.value.grad for v in self.trainable_weights]
                with torch.no_grad():
                    self.optimizer.apply(grads, self.trainable_weights)
                self.loss_tracker.update_state(loss)
                return {"loss": self.loss_tracker.result()}

    image = keras.Input((784,))
    x = layers.Dense(256, activation="relu")(image)
    mean, log_variance = layers.Dense(LATENT)(x), layers.Dense(LATENT)(x)
    encoder = keras.Model(image, [mean, log_variance, Sampling()([mean, log_variance])])
    code = keras.Input((LATENT,))
    x = layers.Dense(256, activation="relu")(code)
    decoder = keras.Model(code, layers.Dense(784, activation="sigmoid")(x))
    model = Vae(encoder, decoder)
    model(np.zeros((1, 784), "float32"))
    return model


WORKLOADS = {
    w.name: w
    for w in (
        Fit(
            name="vae",
            title="variational autoencoder with a custom `train_step`, 20,000 rows, batch 128",
            family="custom",
            data=_pixels,
            rows=(20_000, 5000),
            batch_size=128,
            build=_vae,
            compile=lambda keras: {},
            epochs=2,
            inference=False,
            rtol=(3e-2, 3e-2),
        ),
    )
}
