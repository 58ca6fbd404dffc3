"""Which kinds of model run: each is built, summarised, trained, evaluated, saved, and read by the real Keras.

python tests/kinds.py            prints the table of README.md
python tests/kinds.py --write    puts it into README.md
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
MARKS = ("<!-- kinds: python tests/kinds.py --write -->", "<!-- end of kinds -->")
rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype("float32")


def ints(n: int, *shape: int) -> np.ndarray:
    return rng.integers(0, n, shape)


def mlp(k):
    hidden, out = k.layers.Dense(8, activation="relu"), k.layers.Dense(3, activation="softmax")
    model = k.Sequential([k.Input((16,)), hidden, out])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, normal(64, 16), ints(3, 64)


def delayed(k):
    model = k.Sequential([k.layers.Dense(8, activation="tanh"), k.layers.Dropout(0.1), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    return model, normal(64, 5), normal(64, 1)


def keras2_style(k):
    model = k.Sequential()
    model.add(k.layers.Dense(6, input_shape=(4,), activation="relu"))
    model.add(k.layers.Dense(2))
    model.compile(loss="mse", optimizer="rmsprop")
    return model, normal(64, 4), normal(64, 2)


def convnet(k):
    l = k.layers
    stack = [k.Input((8, 8, 1)), l.Conv2D(8, 3, padding="same", use_bias=False), l.BatchNormalization(), l.ReLU()]
    stack += [l.MaxPooling2D(), l.Conv2D(8, 3), l.GlobalAveragePooling2D(), l.Dense(4, activation="softmax")]
    model = k.Sequential(stack)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model, normal(64, 8, 8, 1), np.eye(4, dtype="float32")[ints(4, 64)]


def separable(k):
    l = k.layers
    x = k.Input((None, None, 3))
    y = l.SeparableConv2D(8, 3, activation="relu")(x)
    y = l.DepthwiseConv2D(3, padding="same")(l.SpatialDropout2D(0.1)(y))
    model = k.Model(x, l.Dense(1)(l.GlobalMaxPooling2D()(l.GroupNormalization(4)(y))))
    model.compile(k.optimizers.Nadam(0.01), "huber")
    return model, normal(32, 9, 7, 3), normal(32, 1)


def autoencoder(k):
    l = k.layers
    x = k.Input((8, 8, 1))
    y = l.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    y = l.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(y)
    model = k.Model(x, l.Conv2D(1, 3, padding="same")(l.UpSampling2D(1)(y)))
    model.compile("adamax", "mae")
    images = normal(32, 8, 8, 1)
    return model, images, images


def many_inputs(k):
    a, b = k.Input((3,), name="a"), k.Input((), dtype="int32", name="b")
    y = k.layers.Concatenate()([k.layers.Dense(4)(a), k.layers.Embedding(10, 3)(b)])
    model = k.Model({"a": a, "b": b}, k.layers.Dense(1, activation="sigmoid")(y))
    model.compile("adagrad", "binary_crossentropy", metrics=["AUC"])
    return model, {"a": normal(64, 3), "b": ints(10, 64)}, ints(2, 64)


def two_outputs(k):
    x = k.Input((6,))
    h = k.layers.Dense(8, activation="relu")(x)
    digit = k.layers.Dense(5, activation="softmax", name="digit")(h)
    even = k.layers.Dense(1, activation="sigmoid", name="even")(h)
    model = k.Model(x, [digit, even])
    losses = {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"}
    weights, metrics = {"digit": 1.0, "even": 0.5}, {"digit": "accuracy", "even": "accuracy"}
    model.compile("adam", losses, loss_weights=weights, metrics=metrics)
    labels = ints(5, 64)
    return model, normal(64, 6), {"digit": labels, "even": labels % 2}


def siamese(k):
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    shared = k.layers.Dense(4, activation="relu")
    model = k.Model([a, b], k.layers.Dot(-1, normalize=True)([shared(a), shared(b)]))
    model.compile("sgd", "mse")
    return model, [normal(64, 5), normal(64, 5)], normal(64, 1)


def nested(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(6, activation="relu")], name="inner")
    x = k.Input((6,))
    model = k.Model(x, k.layers.Dense(2)(inner(inner(x))))
    model.compile("lion", "mse")
    return model, normal(64, 6), normal(64, 2)


def residual_ops(k):
    x = k.Input((6,))
    y = k.ops.relu(k.layers.Dense(6)(x)) + x * 0.5
    y = k.ops.concatenate([y, y[:, :2] ** 2], axis=-1)
    model = k.Model(x, k.layers.Dense(1)(y / (1.0 + k.ops.mean(k.ops.abs(y), axis=-1, keepdims=True))))
    model.compile("adamw", "log_cosh")
    return model, normal(64, 6), normal(64, 1)


def text_lstm(k):
    l = k.layers
    stack = [k.Input((None,), dtype="int32"), l.Embedding(20, 6, mask_zero=True), l.Bidirectional(l.LSTM(4))]
    model = k.Sequential([*stack, l.Dense(1, activation="sigmoid")])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model, ints(20, 32, 7), ints(2, 32)


def series_gru(k):
    l = k.layers
    x = k.Input((6, 3))
    y = l.GRU(4, return_sequences=True)(l.Masking()(x))
    model = k.Model(x, l.TimeDistributed(l.Dense(2))(l.LayerNormalization()(y)))
    model.compile("adam", "mse")
    return model, normal(32, 6, 3), normal(32, 6, 2)


def transformer(k):
    l = k.layers
    tokens = k.Input((6,), dtype="int32")
    x = l.Embedding(20, 8)(tokens)
    attended = l.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = l.LayerNormalization()(l.Add()([x, l.Dropout(0.1)(attended)]))
    x = l.RMSNormalization()(x + l.Dense(8)(l.Dense(16, activation="gelu")(x)))
    model = k.Model(tokens, l.Dense(20)(x))
    model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, ints(20, 32, 6), ints(20, 32, 6)


def subclassed(k):
    @k.saving.register_keras_serializable("kinds")
    class Net(k.Model):
        def __init__(self, width=8, **kwargs):
            super().__init__(**kwargs)
            self.width = width
            self.blocks = [k.layers.Dense(width, activation="relu") for _ in range(2)]
            self.head = k.layers.Dense(1)

        def call(self, x, training=False):
            for block in self.blocks:
                x = block(x)
            return self.head(x)

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    model = Net()
    model.compile("adam", "mse", metrics=["mae"])
    return model, normal(64, 4), normal(64, 1)


def custom_layer(k):
    @k.saving.register_keras_serializable("kinds")
    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones", name="factor")

        def call(self, x):
            self.add_loss(0.01 * k.ops.sum(k.ops.square(self.factor)))
            return x * self.factor

    model = k.Sequential([k.Input((4,)), Scale(), k.layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    return model, normal(64, 4), normal(64, 1)


def custom_step(k):
    import jax

    @k.saving.register_keras_serializable("kinds")
    class Custom(k.Model):
        def train_step(self, state, data):
            trainable, fixed, optimizer, metrics = state
            x, y = data

            def loss(trainable, fixed):
                y_pred, fixed = self.stateless_call(trainable, fixed, x, training=True)
                return self.compute_loss(x, y, y_pred), fixed

            (value, fixed), grads = jax.value_and_grad(loss, has_aux=True)(trainable, fixed)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            return {"loss": value}, (trainable, fixed, optimizer, metrics)

    x = k.Input((4,))
    model = Custom(x, k.layers.Dense(1)(x))
    model.compile(k.optimizers.Adam(k.optimizers.schedules.CosineDecay(0.05, 40)), "mse")
    return model, normal(64, 4), normal(64, 1)


def mixed(k):
    l = k.layers
    stack = [l.Dense(8, activation="relu", dtype="mixed_bfloat16"), l.Dense(1, dtype="float32")]
    model = k.Sequential([k.Input((4,)), *stack])
    model.compile(k.optimizers.Adam(0.01, clipnorm=1.0, use_ema=True), "mse")
    return model, normal(64, 4), normal(64, 1)


KINDS: dict[str, Callable] = {
    "Sequential": mlp,
    "Sequential, built by its data": delayed,
    "Keras 2 spelling (`input_shape=`)": keras2_style,
    "Convolutional, batch normalization": convnet,
    "Separable convolutions, images of any size": separable,
    "Convolutional autoencoder": autoencoder,
    "Several inputs in a dict, embeddings": many_inputs,
    "Two outputs, a loss each": two_outputs,
    "Shared layers (siamese)": siamese,
    "Models in models": nested,
    "Operators and ops in the graph": residual_ops,
    "Masked text, bidirectional LSTM": text_lstm,
    "Series, GRU, TimeDistributed": series_gru,
    "Transformer": transformer,
    "Subclassed model": subclassed,
    "Custom layer, `add_loss`, regularizer": custom_layer,
    "Custom `train_step`": custom_step,
    "Mixed precision, EMA, clipping": mixed,
}
COLUMNS = ["summary", "fit", "evaluate", "predict", "file to Keras", "file from Keras"]


def leaves(structure) -> list:
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in leaves(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in leaves(part)]
    return [np.asarray(structure)]


def same(a, b, tolerance=1e-5) -> bool:
    return all(np.allclose(x, y, rtol=tolerance, atol=tolerance) for x, y in zip(leaves(a), leaves(b), strict=True))


def check(build: Callable) -> list[bool]:
    """Whether each of COLUMNS holds for a kind of model."""
    import keras

    import addax

    for k in (addax, keras):
        k.utils.clear_session(free_memory=False)
        k.utils.set_random_seed(1)
    model, x, y = build(addax)
    losses = model.fit(x, y, epochs=8, batch_size=16, verbose=0).history["loss"]
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line))
    predicted = model.predict(x, verbose=0)
    tolerance = 2e-2 if build is mixed else 1e-5
    results = [
        "Total params" in "".join(lines),
        bool(np.isfinite(losses).all() and losses[-1] < losses[0]),
        np.isfinite(model.evaluate(x, y, verbose=0, return_dict=True)["loss"]),
        same(predicted, model(x, training=False), tolerance),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/ours.keras"
        model.save(path)
        build(keras)  # registers the kind's own classes there
        results.append(same(keras.saving.load_model(path).predict(x, verbose=0), predicted, tolerance))
        theirs, _, _ = build(keras)
        theirs.fit(x, y, verbose=0)
        path = f"{folder}/theirs.keras"
        theirs.save(path)
        loaded = addax.saving.load_model(path)
        results.append(same(loaded.predict(x, verbose=0), theirs.predict(x, verbose=0), tolerance))
    return results


def table() -> str:
    rows = [f"| kind of model | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, build in KINDS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = check(build)
        rows.append(f"| {name} | {' | '.join('yes' if r else 'NO' for r in results)} |")
        print(rows[-1], file=sys.stderr)
    return "\n".join(rows)


def main() -> None:
    text = table()
    if "--write" not in sys.argv:
        print(text)
        return
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    readme.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
