"""Transfer learning: a network that knows the digits 0 to 4 learns 5 to 9 from ten images of each.

First a new head is trained on frozen features, then everything at a low learning rate.
"""

import numpy as np
from sklearn.datasets import load_digits

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
digits = load_digits()
images, labels = (digits.images / 16).astype("float32")[..., None], digits.target

base = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.BatchNormalization(momentum=0.9),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.GlobalMaxPooling2D(),
    ],
    name="base",
)
known = labels < 5
model = keras.Sequential([base, layers.Dense(5, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(images[known], labels[known], epochs=15, verbose=0)

few = np.concatenate([np.flatnonzero(labels == label)[:10] for label in range(5, 10)])
rest = np.setdiff1d(np.flatnonzero(~known), few)
base.trainable = False
image = keras.Input((8, 8, 1))
features = base(image, training=False)  # the statistics of batch normalization stay
model = keras.Model(image, layers.Dense(5, activation="softmax")(features))
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(images[few], labels[few] - 5, epochs=40, verbose=0)
_, head = model.evaluate(images[rest], labels[rest] - 5, verbose=0)

base.trainable = True
model.compile(
    keras.optimizers.Adam(3e-4), "sparse_categorical_crossentropy", metrics=["accuracy"]
)  # anew, for `trainable`
model.fit(images[few], labels[few] - 5, epochs=40, verbose=0)
_, tuned = model.evaluate(images[rest], labels[rest] - 5, verbose=0)
print(f"accuracy with a new head: {head:.3f}")
print(f"accuracy fine-tuned: {tuned:.3f}")
