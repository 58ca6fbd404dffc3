"""A model without its code: written as StableHLO and as ONNX, and run from the files.

The StableHLO program runs in any process with JAX; the ONNX file in onnxruntime, on phones, in browsers.
"""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
x, y = load_diabetes(return_X_y=True)
x, y = (10 * x).astype("float32"), (y / 100).astype("float32")
inputs = keras.Input((10,), name="patient")
hidden = layers.Dropout(0.1)(layers.Dense(32, activation="swish")(inputs))
model = keras.Model(inputs, layers.Dense(1, name="progress")(hidden))
model.compile("adam", "mse")
model.fit(x[:350], y[:350], epochs=40, verbose=0)
print(f"error on held-out patients: {model.evaluate(x[350:], y[350:], verbose=0):.3f}")

expected = np.asarray(model.predict(x, verbose=0))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "model.stablehlo")
    model.export(path, format="stablehlo", verbose=False)
    run = keras.load_exported(path)
    print(f"takes {run.input_spec}")
    difference = np.abs(np.asarray(run(x)) - expected).max()
    print(f"difference of StableHLO: {difference:.1e}")

    try:
        import onnxruntime
    except ImportError:
        print("ONNX: install onnx and onnxruntime")
    else:
        path = Path(folder, "model.onnx")
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path)
        (found,) = session.run(None, {session.get_inputs()[0].name: x})
        print(f"difference of ONNX: {np.abs(found - expected).max():.1e}")
