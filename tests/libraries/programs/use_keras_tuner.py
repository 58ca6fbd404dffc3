"""A random search and Hyperband over the units of a layer; the best model is loaded again."""

import keras
import keras_tuner
import numpy as np

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = x.sum(1, keepdims=True)


def build(hp):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(hp.Int("units", 4, 16, 4), activation="relu"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(hp.Choice("rate", [0.1, 0.01])), "mse", metrics=["mae"])
    return model


options = {"objective": "val_loss", "directory": "trials", "overwrite": True}
tuner = keras_tuner.RandomSearch(build, max_trials=3, project_name="random", seed=1, **options)
tuner.search(x, y, epochs=3, validation_data=(x, y), verbose=0)
best = tuner.get_best_models(1)[0]
trial = tuner.oracle.get_best_trials(1)[0]
np.testing.assert_allclose(best.evaluate(x, y, verbose=0, return_dict=True)["loss"], trial.score, rtol=1e-4)
tuner.results_summary(1)

hyperband = keras_tuner.Hyperband(build, max_epochs=4, factor=2, project_name="hyperband", seed=1, **options)
hyperband.search(x, y, validation_data=(x, y), verbose=0)
assert hyperband.get_best_hyperparameters()[0].get("units") in (4, 8, 12, 16)
bayesian = keras_tuner.BayesianOptimization(build, max_trials=3, project_name="bayesian", seed=1, **options)
bayesian.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
