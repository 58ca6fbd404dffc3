"""The features that a classifier of tables goes by, and the parts of a picture."""

import keras
import numpy as np
from lime.lime_image import LimeImageExplainer
from lime.lime_tabular import LimeTabularExplainer

x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
y = (x[:, 2] > 0).astype("int32")
model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(2, activation="softmax")]
)
model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
model.fit(x, y, epochs=20, verbose=0)
explainer = LimeTabularExplainer(x, feature_names=["a", "b", "c", "d"], random_state=0)
explanation = explainer.explain_instance(
    x[0], lambda rows: model.predict(rows, verbose=0), num_features=4, num_samples=500
)
assert "c" in explanation.as_list()[0][0], explanation.as_list()

pictures = keras.Sequential(
    [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
)
found = LimeImageExplainer(random_state=0).explain_instance(
    np.random.default_rng(1).random((16, 16, 3)), lambda z: pictures.predict(z, verbose=0), num_samples=20
)
assert found.segments.shape == (16, 16)
