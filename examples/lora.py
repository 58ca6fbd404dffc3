"""Low-rank updates (LoRA): a trained network is adapted to turned images with a small part of its weights.

`enable_lora` freezes a layer's kernel and adds the product of two thin matrices, which are trained.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
digits = load_digits()
images = (digits.images / 16).astype("float32")
turned = np.rot90(images, axes=(1, 2))
rows = train_test_split(np.arange(len(images)), test_size=0.25, random_state=0)

model = keras.Sequential(
    [
        keras.Input((8, 8)),
        layers.Flatten(),
        layers.Dense(256, activation="relu", name="first"),
        layers.Dense(256, activation="relu", name="second"),
        layers.Dense(10, activation="softmax", name="head"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(images[rows[0]], digits.target[rows[0]], epochs=15, verbose=0)
_, before = model.evaluate(turned[rows[1]], digits.target[rows[1]], verbose=0)
whole = sum(v.size for v in model.trainable_variables)

for name in ("first", "second"):
    model.get_layer(name).enable_lora(rank=4)
model.get_layer("head").trainable = False
part = sum(v.size for v in model.trainable_variables)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(turned[rows[0]], digits.target[rows[0]], epochs=20, verbose=0)
_, after = model.evaluate(turned[rows[1]], digits.target[rows[1]], verbose=0)
print(f"{part:,} of {whole:,} weights are trained")
print(f"accuracy on turned digits before: {before:.3f}")
print(f"accuracy on turned digits after: {after:.3f}")
