"""The adding problem in small: a temporal convolutional network learns the mean of a series."""

import keras
import numpy as np
from tcn import TCN, tcn_full_summary

x = np.random.default_rng(0).normal(size=(128, 12, 1)).astype("float32")
y = x.mean(1)
model = keras.Sequential(
    [keras.Input((12, 1)), TCN(nb_filters=8, kernel_size=3, dilations=(1, 2)), keras.layers.Dense(1)]
)
model.compile("adam", "mse")
history = model.fit(x, y, epochs=15, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0] / 2
tcn_full_summary(model, expand_residual_blocks=False)
model.save("model.keras")
loaded = keras.models.load_model("model.keras", custom_objects={"TCN": TCN})
np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
