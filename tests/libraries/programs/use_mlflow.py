"""Automatic logs of a training, a model logged and loaded again."""

import os

os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///mlflow.db"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
import keras
import mlflow
import numpy as np

x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
mlflow.set_experiment("trial")
with mlflow.start_run() as run:
    model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[mlflow.keras.MlflowCallback()])
    info = mlflow.keras.log_model(model, name="model", signature=mlflow.models.infer_signature(x, x[:, :1]))
metrics = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
assert len(metrics) == 3
loaded = mlflow.keras.load_model(info.model_uri)
np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
np.testing.assert_allclose(mlflow.pyfunc.load_model(info.model_uri).predict(x), model.predict(x, verbose=0), rtol=1e-5)

mlflow.keras.autolog()
with mlflow.start_run() as run:
    model.fit(x, x[:, :1], epochs=2, verbose=0)
assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 2
