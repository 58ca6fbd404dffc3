"""A generative adversarial network that draws digits: two models, two optimizers, one compiled step."""

import jax
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
rates = keras.optimizers.Adam(4e-4, beta_1=0.5), keras.optimizers.Adam(4e-4, beta_1=0.5)
for optimizer, model in zip(rates, (generator, critic)):
    optimizer.build(model.trainable_variables)


def judged(weights, images):
    return critic.stateless_call(weights, [], images)[0]


def drawn(weights, key):
    return generator.stateless_call(weights, [], jax.random.normal(key, (batch, noise)))[0]


@jax.jit
def step(state, real, key):
    """A step of the critic, on real and drawn images, and one of the generator."""
    (drawing, drawing_slots), (judging, judging_slots) = state
    keys = jax.random.split(key)

    def of_critic(weights):
        real_loss = ops.mean(ops.softplus(-judged(weights, real)))
        return real_loss + ops.mean(ops.softplus(judged(weights, drawn(drawing, keys[0]))))

    def of_generator(weights):
        return ops.mean(ops.softplus(-judged(judging, drawn(weights, keys[1]))))

    critic_loss, gradients = jax.value_and_grad(of_critic)(judging)
    judging, judging_slots = rates[1].stateless_apply(judging_slots, gradients, judging)
    generator_loss, gradients = jax.value_and_grad(of_generator)(drawing)
    drawing, drawing_slots = rates[0].stateless_apply(drawing_slots, gradients, drawing)
    return ((drawing, drawing_slots), (judging, judging_slots)), (generator_loss, critic_loss)


state = tuple(
    ([v.value for v in model.trainable_variables], [v.value for v in optimizer.variables])
    for model, optimizer in zip((generator, critic), rates)
)
random, key = np.random.default_rng(0), jax.random.key(0)
for epoch in range(epochs):
    for rows in random.permutation(len(images))[: len(images) // batch * batch].reshape(-1, batch):
        key, now = jax.random.split(key)
        state, losses = step(state, images[rows], now)
    if epoch % 15 == 14:
        print(f"epoch {epoch + 1}: generator {float(losses[0]):.3f}, critic {float(losses[1]):.3f}")
for variable, value in zip(generator.trainable_variables, state[0][0]):
    variable.assign(value)

made = np.asarray(generator.predict(random.normal(size=(500, noise)).astype("float32"), verbose=0))
for row in made[0, :, :, 0]:
    print("".join(" .:-=+*#%@"[int(4.99 * (v + 1))] * 2 for v in row))
# The mean and the spread of drawn pixels, beside those of real ones; a generator that is not trained is far from them.
print(f"error of the mean image: {np.abs(made.mean(0) - images.mean(0)).mean():.3f}")
print(f"ratio of the spreads: {made.std(0).mean() / images.std(0).mean():.3f}")
