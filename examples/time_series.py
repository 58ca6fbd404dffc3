"""A forecast: the next 8 values of a signal from the last 32, by a GRU.

The signal is the brightness along the rows of a photograph that scikit-learn has. The forecast is compared with the
simplest one: that the last value stays.
"""

import numpy as np
from sklearn.datasets import load_sample_image

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
signals = load_sample_image("china.jpg").mean(-1).astype("float32")[::4] / 255 - 0.5  # one of four rows
past, ahead = 32, 8
windows = np.lib.stride_tricks.sliding_window_view(signals, past + ahead, axis=1)[:, ::16]
train, test = windows[: len(windows) * 4 // 5], windows[len(windows) * 4 // 5 :]
x_train, y_train = train[..., :past].reshape(-1, past, 1), train[..., past:].reshape(-1, ahead)
x_test, y_test = test[..., :past].reshape(-1, past, 1), test[..., past:].reshape(-1, ahead)

inputs = keras.Input((past, 1))
x = layers.GRU(32)(inputs)
last = inputs[:, -1]
model = keras.Model(inputs, last + layers.Dense(ahead)(x))  # the difference from the last value is learned
model.compile(keras.optimizers.Adam(3e-3), "mse", metrics=["mae"])
model.fit(x_train, y_train, batch_size=64, epochs=8, verbose=2)

_, error = model.evaluate(x_test, y_test, verbose=0)
stays = np.abs(x_test[:, -1] - y_test).mean()
print(f"error if the last value stays: {stays:.4f}")
print(f"error of the forecast: {error:.4f}")
print(f"ratio: {error / stays:.3f}")
