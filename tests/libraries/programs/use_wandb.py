"""A run without a network: metrics of each epoch and of each batch, and the best model kept."""

import os

os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=os.getcwd())
import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint

x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
run = wandb.init(project="trial")
callbacks = [WandbMetricsLogger(log_freq=1), WandbModelCheckpoint("best.keras", monitor="loss", save_best_only=True)]
model.fit(x, x[:, :1], epochs=3, batch_size=8, verbose=0, callbacks=callbacks)
summary = dict(run.summary)
wandb.finish()
assert summary["epoch/epoch"] == 2 and np.isfinite(summary["epoch/loss"]), summary
np.testing.assert_allclose(keras.models.load_model("best.keras").predict(x, verbose=0).shape, (32, 1))
