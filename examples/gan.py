"""A generative adversarial network that draws digits: two models, two optimizers, one compiled step.

`train_step` takes the data alone: it reads and assigns variables, those of both optimizers included.
"""

import numpy as np
from sklearn.datasets import load_digits

import addax as keras
from addax import layers, ops

keras.utils.set_random_seed(0)
images = (load_digits().images / 8 - 1).astype("float32")[..., None]  # in [-1, 1]
noise, batch, epochs = 16, 64, 45

generator = keras.Sequential(
    [
        keras.Input((noise,)),
        layers.Dense(4 * 4 * 32, activation="leaky_relu"),
        layers.Reshape((4, 4, 32)),
        layers.Conv2DTranspose(32, 4, strides=2, padding="same", activation="leaky_relu"),
        layers.Conv2D(1, 3, padding="same", activation="tanh"),
    ],
    name="generator",
)
critic = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="leaky_relu"),
        layers.Conv2D(64, 3, strides=2, padding="same", activation="leaky_relu"),
        layers.Flatten(),
        layers.Dense(1),
    ],
    name="critic",
)


class Gan(keras.Model):
    """Trains a generator against a critic; each has an optimizer."""

    def __init__(self):
        super().__init__(name="gan")
        self.generator, self.critic = generator, critic
        self.drawing = keras.optimizers.Adam(4e-4, beta_1=0.5)
        self.judging = keras.optimizers.Adam(4e-4, beta_1=0.5)
        self.seed = keras.random.SeedGenerator(0)

    def train_step(self, real):
        """A step of the critic, on real and drawn images, and one of the generator."""

        def drawn():
            return self.generator(keras.random.normal((ops.shape(real)[0], noise), seed=self.seed))

        def of_critic():
            real_loss = ops.mean(ops.softplus(-self.critic(real)))
            return real_loss + ops.mean(ops.softplus(self.critic(drawn())))

        def of_generator():
            return ops.mean(ops.softplus(-self.critic(drawn())))

        logs = {}
        for name, loss, part, optimizer in (
            ("critic", of_critic, self.critic, self.judging),
            ("generator", of_generator, self.generator, self.drawing),
        ):
            logs[name], gradients = keras.value_and_grad(loss, part.trainable_variables)
            optimizer.apply(gradients, part.trainable_variables)
        return logs


model = Gan()
model.compile()
history = model.fit(images, batch_size=batch, epochs=epochs, verbose=0)
for epoch in range(14, epochs, 15):
    print(f"epoch {epoch + 1}:", *(f"{name} {values[epoch]:.3f}" for name, values in history.history.items()))

random = np.random.default_rng(0)
made = np.asarray(generator.predict(random.normal(size=(500, noise)).astype("float32"), verbose=0))
for row in made[0, :, :, 0]:
    print("".join(" .:-=+*#%@"[int(4.99 * (v + 1))] * 2 for v in row))
# The mean and the spread of drawn pixels, beside those of real ones; a generator that is not trained is far from them.
print(f"error of the mean image: {np.abs(made.mean(0) - images.mean(0)).mean():.3f}")
print(f"ratio of the spreads: {made.std(0).mean() / images.std(0).mean():.3f}")
