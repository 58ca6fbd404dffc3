"""A study of learning rates whose callback stops trials that are behind."""

import keras
import numpy as np
import optuna
from optuna_integration import KerasPruningCallback

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 4)).astype("float32")
y = x.sum(1, keepdims=True)


def objective(trial):
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(rate), "mse")
    callbacks = [KerasPruningCallback(trial, "val_loss")]
    history = model.fit(x, y, epochs=4, validation_data=(x, y), verbose=0, callbacks=callbacks)
    assert len(trial.study.trials[trial.number].intermediate_values) == 4
    return history.history["val_loss"][-1]


optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(
    sampler=optuna.samplers.RandomSampler(0), pruner=optuna.pruners.MedianPruner(n_startup_trials=2)
)
study.optimize(objective, n_trials=6)
states = [t.state.name for t in study.trials]
assert "PRUNED" in states and "FAIL" not in states, states
