"""A bar for epochs and one for batches in place of Keras's."""

import keras
import numpy as np
from tqdm.keras import TqdmCallback

x = np.ones((32, 4), "float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
callback = TqdmCallback(verbose=1)
assert isinstance(callback, keras.callbacks.Callback)
history = model.fit(x, x[:, :1], epochs=3, batch_size=8, verbose=0, callbacks=[callback])
assert len(history.history["loss"]) == 3
