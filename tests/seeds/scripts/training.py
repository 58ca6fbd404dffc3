import keras
import numpy as np
from keras import Input, Model, Sequential
from keras.layers import Conv2D, Dense
from sklearn.datasets import load_diabetes, load_iris

keras.utils.set_random_seed(1)

x, y = load_diabetes(return_X_y=True)
x, y = x.astype("float32"), (y / 100).astype("float32")[:, None]

# e: delayed build through fit, evaluate, predict, or a call
model = Sequential([Dense(8), Dense(1)])
model.compile(optimizer="sgd", loss="mse")
print(len(model.weights))
history = model.fit(x, y, batch_size=32, epochs=10, verbose=0)
print(len(model.weights), history.epoch, list(history.history), history.history["loss"][-1] < history.history["loss"][0])
for use in (
    lambda m: m.evaluate(x, y, verbose=0),
    lambda m: m.predict(x, verbose=0).shape,
    lambda m: m(x[:2]).shape,
):
    model = Sequential([Dense(8), Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    result = use(model)
    print(result if isinstance(result, tuple) else np.isfinite(result), [w.shape for w in model.weights])
    try:
        model(np.ones((2, 32), "float32"))
    except ValueError as error:
        print("ValueError")

# f: images of any size
model = Sequential([Input(shape=(None, None, 3)), Conv2D(filters=32, kernel_size=3)])
model.summary()
print(model(np.ones((1, 8, 9, 3), "float32")).shape, model(np.ones((2, 20, 12, 3), "float32")).shape)

# h: the same tensor twice, and two branches, a loss for each output
x, species = load_iris(return_X_y=True)
x, wide = x[:, :1].astype("float32"), x[:, 3:].astype("float32")
inputs = Input(shape=(1,), name="input_layer")
hidden1 = Dense(5, activation="relu", name="hidden_layer1")(inputs)
hidden2 = Dense(1, name="hidden_layer2")(hidden1)
model = Model(inputs, [hidden2, hidden2], name="test_model")
model.compile(optimizer="sgd", loss=["mse", "mae"])
history = model.fit(x, [wide, wide], epochs=2, verbose=0)
print(sorted(history.history), [p.shape for p in model.predict(x, verbose=0)])

hidden1_2 = Dense(3, activation="softmax", name="hidden_layer1_2")(hidden1)
model = Model(inputs, [hidden2, hidden1_2])
for loss in (
    ["mse", "sparse_categorical_crossentropy"],
    {"hidden_layer2": "mse", "hidden_layer1_2": "sparse_categorical_crossentropy"},
):
    model.compile(
        optimizer="adam",
        loss=loss,
        loss_weights={"hidden_layer2": 1.0, "hidden_layer1_2": 0.5},
        metrics={"hidden_layer2": ["mae"], "hidden_layer1_2": ["accuracy"]},
    )
    history = model.fit(x, [wide, species], epochs=3, verbose=0, validation_split=0.2)
    print(sorted(history.history), history.history["loss"][-1] < history.history["loss"][0])
print(sorted(model.evaluate(x, [wide, species], verbose=0, return_dict=True)))

# i: trained parts used in another model
part = Model(model.input, model.get_layer("hidden_layer1").output)
kernel, bias = model.get_layer("hidden_layer1").get_weights()
print("same values:", np.allclose(part.predict(x, verbose=0), np.maximum(x @ kernel + bias, 0), atol=1e-6))
other = Sequential([part, Dense(1, name="new")])
other.compile("sgd", "mse")
before = part.get_weights()[0].copy()
other.fit(x, wide, epochs=1, verbose=0)
print("moved both:", not np.array_equal(before, model.get_layer("hidden_layer1").get_weights()[0]))
part.trainable = False
other.compile("sgd", "mse")
before = part.get_weights()[0].copy()
other.fit(x, wide, epochs=1, verbose=0)
print("frozen:", np.array_equal(before, part.get_weights()[0]), [len(other.trainable_weights), len(other.weights)])
layer = model.get_layer("hidden_layer1_2")
again = Sequential([Input((5,)), layer])
print("same weights:", all(a is b for a, b in zip(again.weights, layer.weights)))
