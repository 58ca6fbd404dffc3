"""Curves of losses and accuracies drawn while a model is fitted."""

import os

import matplotlib

matplotlib.use("Agg")
import keras
import numpy as np
from livelossplot import PlotLossesKeras
from livelossplot.outputs import ExtremaPrinter, MatplotlibPlot

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
plot = PlotLossesKeras(outputs=[MatplotlibPlot(figpath="curves.png"), ExtremaPrinter()])
model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0, callbacks=[plot])

assert os.path.getsize("curves.png") > 5_000
