"""A graph convolution over the nodes and edges of a graph, against its definition."""

import numpy as np
from kgcnn.layers.conv import GCN

values = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
index = np.array([[0, 1, 2, 3, 4, 0], [1, 2, 0, 4, 3, 2]], "int64")
convolution = GCN(units=4, activation="linear", use_bias=False)
out = np.asarray(convolution([values, np.ones((6, 1), "float32"), index]))
assert out.shape == (5, 4)
messages = values @ convolution.weights[0].numpy()
expected = np.zeros((5, 4))
np.add.at(expected, index[0], messages[index[1]])
np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
