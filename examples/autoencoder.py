"""A convolutional autoencoder that takes noise out of images, trained on pairs of noisy and clean digits."""

import numpy as np
from sklearn.datasets import load_digits

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
clean = (load_digits().images / 16).astype("float32")[..., None]
noisy = clean + np.random.default_rng(0).normal(0, 0.3, clean.shape).astype("float32")
cut = len(clean) // 5

image = keras.Input((8, 8, 1))
x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(image)
x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
code = layers.Dense(24, name="code")(layers.Flatten()(x))
x = layers.Reshape((4, 4, 16))(layers.Dense(256, activation="relu")(code))
x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
model = keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x), name="denoiser")
model.compile("adam", "mse")
model.fit(noisy[cut:], clean[cut:], batch_size=64, epochs=20, verbose=2)

encoder = keras.Model(model.input, model.get_layer("code").output)  # the same weights
print(f"An image as {encoder.predict(clean[:1], verbose=0).shape[1]} numbers instead of 64")
before = np.mean((noisy[:cut] - clean[:cut]) ** 2)
after = np.mean((model.predict(noisy[:cut], verbose=0) - clean[:cut]) ** 2)
print(f"error before: {before:.4f}")
print(f"error after: {after:.4f}")
