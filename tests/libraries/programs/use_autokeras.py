"""A search over networks for a table of numbers."""

import autokeras
import numpy as np

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
search = autokeras.AutoModel(
    autokeras.Input(), autokeras.ClassificationHead(), max_trials=1, overwrite=True, directory="trials", seed=0
)
search.fit(x, y, epochs=2, verbose=0)
assert search.export_model() is not None
