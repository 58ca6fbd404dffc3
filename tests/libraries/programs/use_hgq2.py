"""A dense network whose numbers of bits are learned."""

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
with (
    QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
    LayerConfigScope(enable_ebops=True, beta0=1e-5),
):
    model = keras.Sequential([keras.Input((4,)), QDense(8, activation="relu"), QDense(1)])
model.compile(keras.optimizers.Adam(0.01), "mse")
history = model.fit(x, x[:, :1], epochs=5, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
