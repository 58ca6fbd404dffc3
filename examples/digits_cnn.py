"""Handwritten digits: a convolutional network with augmentation, batch normalization and a learning rate that decays.

A short training needs moving averages that move fast: with the default momentum, 0.99, those of batch normalization
still hold some of their first values after 300 steps, and `evaluate` uses them.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
digits = load_digits()
images = (digits.images / 16).astype("float32")[..., None]
x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=0)

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),  # in training alone
        layers.Conv2D(32, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

epochs, batch = 15, 64
steps = epochs * (len(x_train) // batch)
rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
model.compile(keras.optimizers.AdamW(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch, epochs=epochs, verbose=2)

_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"accuracy: {accuracy:.3f}")
