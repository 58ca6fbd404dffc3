"""Cross features, factorized interactions and retrieval by brute force."""

import keras
import keras_rs
import numpy as np

x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
inputs = keras.Input((6,))
outputs = keras.layers.Dense(1)(keras_rs.layers.FeatureCross(projection_dim=3)(inputs, inputs))
model = keras.Model(inputs, outputs)
model.compile("adam", "mse")
model.fit(x, (x[:, :1] * x[:, 1:2]), epochs=2, verbose=0)
interaction = keras_rs.layers.DotInteraction()([x[:4], x[4:8], x[8:12]])
assert interaction.shape == (4, 3)
candidates = np.random.default_rng(1).normal(size=(20, 6)).astype("float32")
scores, found = keras_rs.layers.BruteForceRetrieval(candidates, k=3)(x[:2])
order = np.argsort(-(x[:2] @ candidates.T), axis=1)[:, :3]
np.testing.assert_array_equal(np.asarray(found), order)
loss = keras_rs.losses.PairwiseHingeLoss()
assert np.isfinite(float(loss(np.array([[1.0, 0.0]]), np.array([[0.2, 0.6]]))))
metric = keras_rs.metrics.NDCG(k=2)
metric.update_state(np.array([[1.0, 0.0, 2.0]]), np.array([[0.2, 0.6, 0.1]]))
assert 0 < float(metric.result()) <= 1
