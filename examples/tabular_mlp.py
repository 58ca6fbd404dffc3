"""Wines by their chemistry: a multilayer perceptron on a small table, with early stopping.

The 13 measurements differ in scale by a factor of 1,000. A `Normalization` layer learns their means and variances, and
is saved with the model.
"""

from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
x, y = load_wine(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)

scale = layers.Normalization()
scale.adapt(x_train)
model = keras.Sequential(
    [
        keras.Input((13,)),
        scale,
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
history = model.fit(x_train, y_train, epochs=200, validation_split=0.2, callbacks=[stop], verbose=0)

_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Stopped after {len(history.epoch)} epochs")
print(f"accuracy: {accuracy:.3f}")
