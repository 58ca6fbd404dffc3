"""One image, three answers: which digit it is, whether it is even, and how much ink it has.

Losses, weights, metrics and labels are matched to the outputs by name.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
digits = load_digits()
images = (digits.images / 16).astype("float32")[..., None]
x_train, x_test, y_train, y_test = train_test_split(images, digits.target, test_size=0.2, random_state=0)


def labels(x, y):
    return {"digit": y, "even": (y % 2 == 0).astype("float32"), "ink": x.mean((1, 2, 3))}


image = keras.Input((8, 8, 1), name="image")
x = layers.Conv2D(32, 3, activation="relu")(image)
x = layers.Flatten()(x)
x = layers.Dense(64, activation="relu")(x)
outputs = {
    "digit": layers.Dense(10, activation="softmax", name="digit")(x),
    "even": layers.Dense(1, activation="sigmoid", name="even")(x),
    "ink": layers.Dense(1, name="ink")(x),
}
model = keras.Model(image, outputs)
model.compile(
    "adam",
    loss={"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy", "ink": "mse"},
    loss_weights={"digit": 1.0, "even": 0.5, "ink": 10.0},
    metrics={"digit": ["accuracy"], "even": ["accuracy"], "ink": ["mae"]},
)
model.fit(x_train, labels(x_train, y_train), epochs=15, verbose=2)

result = model.evaluate(x_test, labels(x_test, y_test), verbose=0, return_dict=True)
print(f"accuracy of the digit: {result['digit_accuracy']:.3f}")
print(f"accuracy of even or odd: {result['even_accuracy']:.3f}")
print(f"error of the ink: {result['ink_mae']:.4f}")
