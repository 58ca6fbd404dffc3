"""Estimators in a pipeline and in a grid search, and a copy by pickle."""

import pickle

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

x, y = load_iris(return_X_y=True)


def build(meta, hidden=8):
    layers = [keras.Input((meta["n_features_in_"],)), keras.layers.Dense(hidden, activation="relu")]
    return keras.Sequential([*layers, keras.layers.Dense(meta["n_classes_"], activation="softmax")])


options = {
    "loss": "sparse_categorical_crossentropy",
    "optimizer": "adam",
    "optimizer__learning_rate": 0.02,
    "verbose": 0,
}
classifier = KerasClassifier(build, hidden=8, epochs=20, random_state=0, **options)
pipeline = make_pipeline(StandardScaler(), classifier).fit(x, y)
assert pipeline.score(x, y) > 0.9
grid = GridSearchCV(KerasClassifier(build, hidden=4, epochs=2, **options), {"hidden": [4, 8]}, cv=2).fit(x, y)
assert grid.best_params_["hidden"] in (4, 8)
copied = pickle.loads(pickle.dumps(pipeline))
np.testing.assert_array_equal(copied.predict(x), pipeline.predict(x))


def regression(meta):
    model = keras.Sequential([keras.Input((meta["n_features_in_"],)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


regressor = KerasRegressor(regression, epochs=2, verbose=0).fit(x, y.astype(float))
assert regressor.predict(x).shape == (150,)
