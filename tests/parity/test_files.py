"""Real files, both ways: what addax saves loads in Keras, what Keras saves loads in addax, and both go on alike."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

import addax
from addax.core.serialization import serialize_keras_object

keras = pytest.importorskip("keras")

ARCHITECTURES: dict[str, Callable] = {}
SLOW: set[str] = set()


def architecture(build: Callable | None = None, *, slow: bool = False) -> Any:
    """Adds a row: `build(k)` returns a model made with `k` (Keras or addax), inputs, and labels if it is compiled.

    The training of a `slow` one runs with the slow tests only.
    """

    def add(build: Callable) -> Callable:
        ARCHITECTURES[build.__name__] = build
        if slow:
            SLOW.add(build.__name__)
        return build

    return add if build is None else add(build)


def rand(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def ints(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(high).integers(0, high, size=shape).astype("int32")


# Architectures


@architecture
def dense_stack(k: Any) -> tuple:
    model = k.Sequential([k.Input((4,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, rand(6, 4), rand(6, 3)


@architecture
def sequential_built_late(k: Any) -> tuple:
    model = k.Sequential([k.layers.Dense(5, activation="tanh"), k.layers.Dense(2, use_bias=False)], name="late")
    model.build((None, 3))
    return model, rand(4, 3), None


@architecture
def sequential_unbuilt(k: Any) -> tuple:
    return k.Sequential([k.layers.Dense(5), k.layers.Dense(2)]), None, None


@architecture
def two_inputs_two_outputs(k: Any) -> tuple:
    a, b = k.Input((4,), name="a"), k.Input((3,), name="b")
    x = k.layers.Concatenate()([k.layers.Dense(5, activation="relu")(a), b])
    digit = k.layers.Dense(3, activation="softmax", name="digit")(x)
    even = k.layers.Dense(1, activation="sigmoid", name="even")(x)
    model = k.Model([a, b], [digit, even])
    model.compile(
        k.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
        loss={"digit": "sparse_categorical_crossentropy", "even": k.losses.BinaryCrossentropy(label_smoothing=0.1)},
        loss_weights={"digit": 1.0, "even": 0.5},
        metrics={"digit": ["accuracy"], "even": [k.metrics.AUC(name="area")]},
    )
    return model, [rand(6, 4), rand(6, 3)], [ints(3, 6), ints(2, 6, 1)]


@architecture
def nested_models(k: Any) -> tuple:
    encoder = k.Sequential([k.Input((4,)), k.layers.Dense(6, activation="relu"), k.layers.Dense(3)], name="encoder")
    i = k.Input((4,))
    inner = k.Model(i, k.layers.Dense(2)(encoder(i)), name="middle")
    model = k.Sequential([k.Input((4,)), inner, k.layers.Dense(1)])
    model.compile("sgd", "mae")
    return model, rand(5, 4), rand(5, 1)


@architecture
def siamese(k: Any) -> tuple:
    a, b = k.Input((4,)), k.Input((4,))
    tower = k.Sequential([k.layers.Dense(5, activation="gelu"), k.layers.Dense(3)], name="tower")
    difference = k.layers.Subtract()([tower(a), tower(b)])
    model = k.Model([a, b], k.layers.Dense(1)(k.ops.abs(difference)))
    model.compile(k.optimizers.SGD(0.05, momentum=0.9, nesterov=True), k.losses.MeanSquaredError(reduction="sum"))
    return model, [rand(5, 4), rand(5, 4) + 1], rand(5, 1)


@architecture
def layer_called_thrice(k: Any) -> tuple:
    i = k.Input((4,))
    layer = k.layers.Dense(4, activation="tanh", name="again")
    return k.Model(i, [layer(i), layer(layer(layer(i)))]), rand(5, 4), None


@architecture
def shared_across_models(k: Any) -> tuple:
    shared = k.layers.Dense(4, name="shared")
    i = k.Input((4,))
    inner = k.Model(i, shared(k.layers.Dense(4)(i)), name="inner")
    return k.Sequential([k.Input((4,)), inner, shared]), rand(5, 4), None


@architecture
def ops_in_the_graph(k: Any) -> tuple:
    i = k.Input((4, 3))
    x = k.layers.Dense(6)(i)
    first, rest = x[:, 0], x[:, 1:, ::2]
    y = k.ops.concatenate([first * 2 - 1, k.ops.mean(rest, axis=1), 1 / (1 + k.ops.exp(-first))], axis=-1)
    left, right = k.ops.split(y, 3, axis=-1)[:2]
    z = k.ops.where(left > 0, left, k.ops.expand_dims(k.ops.sum(right, axis=-1), -1))
    w = k.ops.einsum("bij,bkj->bik", i, i)[..., None]
    return (
        k.Model(i, [z, k.ops.transpose(w, (0, 2, 1, 3)), k.ops.reshape(w, (-1, 8)), x[:, -1] ** 2]),
        rand(2, 4, 3),
        None,
    )


_classes: dict[Any, dict[str, Any]] = {}


def classes(k: Any) -> dict[str, Any]:
    """User classes, made once for each library and registered there."""
    if k in _classes:
        return _classes[k]
    register = k.saving.register_keras_serializable("files")

    @register
    class Scale(k.layers.Layer):
        def __init__(self, factor: float = 2.0, activation: Any = None, **kwargs: Any):
            super().__init__(**kwargs)
            self.factor = factor
            self.activation = k.activations.get(activation)

        def build(self, input_shape: Any) -> None:
            self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones")
            self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", trainable=False)

        def call(self, inputs: Any) -> Any:
            return self.activation(inputs * self.gain * self.factor)

        def get_config(self) -> dict:
            config = super().get_config()
            return {**config, "factor": self.factor, "activation": k.activations.serialize(self.activation)}

    @register
    class Blocks(k.Model):
        def __init__(self, width: int = 4, depth: int = 2, **kwargs: Any):
            super().__init__(**kwargs)
            self.width, self.depth = width, depth
            self.stem = k.layers.Dense(width)
            self.blocks = [k.layers.Dense(width, activation="relu") for _ in range(depth)]
            self.heads = {"b": k.layers.Dense(2), "a": k.layers.Dense(2)}
            self.pair = (k.layers.Dense(2), [k.layers.Dense(2)])
            self._hidden = k.layers.Dense(2)
            self.alias = self.blocks[0]
            self.encoder = k.Sequential([k.layers.Dense(width), Scale(3.0, "tanh")])

        def build(self, input_shape: Any) -> None:
            self.offset = self.add_weight(name="offset", shape=(2,), initializer="uniform")
            self.stem.build(input_shape)
            shape = (*input_shape[:-1], self.width)
            for layer in [
                *self.blocks,
                self.encoder,
                *self.heads.values(),
                self.pair[0],
                self.pair[1][0],
                self._hidden,
            ]:
                layer.build(shape)

        def call(self, inputs: Any) -> Any:
            x = self.stem(inputs)
            for block in self.blocks:
                x = block(x) + x
            x = self.encoder(x)
            total = self.pair[0](x) + self.pair[1][0](x) + self._hidden(x) + self.offset
            return total + self.heads["a"](x) * self.heads["b"](x)

        def get_config(self) -> dict:
            return {**super().get_config(), "width": self.width, "depth": self.depth}

    @register
    class OwnStep(k.Model):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            return 2 * super().compute_loss(*args, **kwargs)

    @register
    def shifted_relu(x: Any) -> Any:
        return k.ops.relu(x) - 0.1

    @register
    def biased_mse(y_true: Any, y_pred: Any) -> Any:
        return k.ops.mean(k.ops.square(y_true - y_pred + 0.1), axis=-1)

    _classes[k] = {f.__name__: f for f in (Scale, Blocks, OwnStep, shifted_relu, biased_mse)}
    return _classes[k]


@architecture
def custom_layer(k: Any) -> tuple:
    Scale = classes(k)["Scale"]
    i = k.Input((4,))
    model = k.Model(i, Scale(1.5, classes(k)["shifted_relu"])(k.layers.Dense(3)(Scale()(i))))
    model.compile("adam", classes(k)["biased_mse"])
    return model, rand(5, 4), rand(5, 3)


@architecture
def subclassed_model(k: Any) -> tuple:
    model = classes(k)["Blocks"](5, 3)
    model.build((None, 4))
    model.compile(k.optimizers.Adam(0.01, amsgrad=True), "mse")
    return model, rand(6, 4), rand(6, 2)


@architecture
def functional_with_own_loss(k: Any) -> tuple:
    i = k.Input((4,))
    model = classes(k)["OwnStep"](i, k.layers.Dense(2)(i))
    model.compile("sgd", "mse")
    return model, rand(6, 4), rand(6, 2)


@architecture
def lambda_of_a_function(k: Any) -> tuple:
    fn = classes(k)["shifted_relu"]
    return (
        k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.Lambda(fn), k.layers.Activation(fn)]),
        rand(5, 4),
        None,
    )


@architecture
def convnet(k: Any) -> tuple:
    model = k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(4, 3, padding="same", use_bias=False),
            k.layers.BatchNormalization(),
            k.layers.ReLU(),
            k.layers.MaxPooling2D(),
            k.layers.Conv2D(4, 3, strides=2, dilation_rate=1, activation="relu"),
            k.layers.Flatten(),
            k.layers.Dense(3),
        ]
    )
    model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model, rand(4, 8, 8, 2), ints(3, 4)


@architecture
def other_convolutions(k: Any) -> tuple:
    i = k.Input((8, 8, 4))
    a = k.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(i)
    b = k.layers.SeparableConv2D(5, 3, activation="relu")(a)
    c = k.layers.Conv2DTranspose(3, 3, strides=2, padding="same")(b)
    d = k.layers.Conv2D(4, 1, groups=2)(i)
    return (
        k.Model(i, [k.layers.GlobalAveragePooling2D()(c), k.layers.GlobalMaxPooling2D(keepdims=True)(d)]),
        rand(2, 8, 8, 4),
        None,
    )


@architecture
def other_dimensions(k: Any) -> tuple:
    a, b = k.Input((10, 2)), k.Input((4, 4, 4, 1))
    x = k.layers.AveragePooling1D(2)(k.layers.Conv1D(3, 3, padding="causal", dilation_rate=2)(a))
    y = k.layers.MaxPooling3D(2)(k.layers.Conv3D(2, 2)(b))
    return k.Model([a, b], [k.layers.Flatten()(x), k.layers.Flatten()(y)]), [rand(2, 10, 2), rand(2, 4, 4, 4, 1)], None


@architecture
def lstm(k: Any) -> tuple:
    i = k.Input((None, 3))
    x = k.layers.LSTM(5, recurrent_activation="hard_sigmoid", unit_forget_bias=False)(i)
    model = k.Model(i, k.layers.Dense(1)(x))
    model.compile("rmsprop", "mse")
    return model, rand(3, 5, 3), rand(3, 1)


@architecture
def gru_and_simple_rnn(k: Any) -> tuple:
    i = k.Input((5, 3))
    x, state = k.layers.GRU(4, return_sequences=True, return_state=True, dropout=0.2)(i)
    y = k.layers.SimpleRNN(3, go_backwards=True)(x, training=False)
    z = k.layers.GRU(4, reset_after=False)(i, initial_state=state)
    return k.Model(i, [y, z, state]), rand(3, 5, 3), None


@architecture
def stacked_cells(k: Any) -> tuple:
    cells = [k.layers.LSTMCell(3), k.layers.GRUCell(4), k.layers.SimpleRNNCell(2)]
    return k.Sequential([k.Input((4, 3)), k.layers.RNN(k.layers.StackedRNNCells(cells))]), rand(2, 4, 3), None


@architecture(slow=True)
def bidirectional(k: Any) -> tuple:
    i = k.Input((5, 3))
    x = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(i)
    x = k.layers.Bidirectional(k.layers.GRU(2), merge_mode="sum", backward_layer=k.layers.GRU(2, go_backwards=True))(x)
    model = k.Model(i, x)
    model.compile("adam", "mse")
    return model, rand(3, 5, 3), rand(3, 2)


@architecture
def time_distributed(k: Any) -> tuple:
    frame = k.Sequential([k.Input((6, 6, 1)), k.layers.Conv2D(2, 3), k.layers.Flatten(), k.layers.Dense(3)])
    i = k.Input((4, 6, 6, 1))
    x = k.layers.TimeDistributed(k.layers.Dense(2))(k.layers.TimeDistributed(frame)(i))
    return k.Model(i, x), rand(2, 4, 6, 6, 1), None


@architecture(slow=True)
def embedding_with_mask(k: Any) -> tuple:
    i = k.Input((6,), dtype="int32")
    x = k.layers.Embedding(10, 4, mask_zero=True)(i)
    x = k.layers.LSTM(3, return_sequences=True)(x)
    x = k.layers.GlobalAveragePooling1D()(x)
    model = k.Model(i, k.layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy", weighted_metrics=["accuracy"])
    return model, ints(5, 4, 6), np.eye(2, dtype="float32")[ints(2, 4)]


@architecture
def masking(k: Any) -> tuple:
    x = rand(3, 5, 2)
    x[:, 3:] = 0
    return k.Sequential([k.Input((5, 2)), k.layers.Masking(0.0), k.layers.GRU(3), k.layers.Dense(1)]), x, None


@architecture(slow=True)
def transformer(k: Any) -> tuple:
    i = k.Input((6,), dtype="int32")
    x = k.layers.Embedding(12, 8)(i)
    attended = k.layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = k.layers.LayerNormalization()(k.layers.Add()([x, attended]))
    inner = k.layers.Dense(8)(k.layers.Dense(16, activation="gelu")(x))
    x = k.layers.LayerNormalization(epsilon=1e-6)(x + inner)
    model = k.Model(i, k.layers.Dense(12)(x))
    model.compile(
        k.optimizers.AdamW(k.optimizers.schedules.CosineDecay(0.01, 100, warmup_target=0.02, warmup_steps=10)),
        k.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model, ints(12, 3, 6), ints(12, 3, 6)


@architecture
def attention(k: Any) -> tuple:
    q, v = k.Input((3, 4)), k.Input((5, 4))
    x = k.layers.Attention(use_scale=True)([q, v])
    y, scores = k.layers.MultiHeadAttention(2, 3, value_dim=2, output_shape=5)(q, v, return_attention_scores=True)
    return k.Model([q, v], [x, y, scores]), [rand(2, 3, 4), rand(2, 5, 4)], None


@architecture
def einsum_dense(k: Any) -> tuple:
    i = k.Input((3, 4))
    x = k.layers.EinsumDense("abc,cde->abde", output_shape=(3, 2, 5), bias_axes="de", activation="relu")(i)
    model = k.Model(i, k.layers.EinsumDense("abde,def->abf", output_shape=(3, 3))(x))
    model.compile(k.optimizers.Adamax(0.01), "log_cosh")
    return model, rand(4, 3, 4), rand(4, 3, 3)


@architecture
def merges(k: Any) -> tuple:
    a, b = k.Input((4,)), k.Input((4,))
    kinds = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    merged = [getattr(k.layers, kind)()([a, b]) for kind in kinds]
    return k.Model([a, b], [*merged, k.layers.Dot(axes=1, normalize=True)([a, b])]), [rand(3, 4), rand(3, 4) + 1], None


@architecture
def dropouts_and_noise(k: Any) -> tuple:
    i = k.Input((6, 4))
    x = k.layers.Dropout(0.3, seed=1)(k.layers.SpatialDropout1D(0.2)(i))
    x = k.layers.GaussianNoise(0.1)(k.layers.GaussianDropout(0.1)(k.layers.AlphaDropout(0.1)(x)))
    return k.Model(i, k.layers.Dense(2)(k.layers.Flatten()(x))), rand(3, 6, 4), None


@architecture
def normalizations(k: Any) -> tuple:
    i = k.Input((5, 4))
    scaled = k.layers.Normalization()
    scaled.build((None, 5, 4))
    scaled.adapt(rand(20, 5, 4) * 3 + 1)
    x = k.layers.GroupNormalization(2)(scaled(i))
    x = k.layers.RMSNormalization()(k.layers.LayerNormalization(axis=[1, 2], center=False)(x))
    x = k.layers.BatchNormalization(axis=1, momentum=0.9, scale=False)(x)
    return k.Model(i, k.layers.Rescaling(0.5, offset=1.0)(x)), rand(3, 5, 4), None


@architecture
def reshaping(k: Any) -> tuple:
    i = k.Input((4, 6))
    a = k.layers.Permute((2, 1))(k.layers.Reshape((3, -1))(i))
    b = k.layers.RepeatVector(3)(k.layers.Flatten()(i))
    j = k.Input((4, 4, 2))
    c = k.layers.UpSampling2D(2)(k.layers.Cropping2D(1)(k.layers.ZeroPadding2D(((1, 0), (2, 1)))(j)))
    return k.Model([i, j], [a, b, c]), [rand(2, 4, 6), rand(2, 4, 4, 2)], None


@architecture
def activation_layers(k: Any) -> tuple:
    i = k.Input((4,))
    x = k.layers.PReLU(alpha_initializer="uniform")(k.layers.Dense(5, activation=k.layers.LeakyReLU(0.2))(i))
    x = k.layers.ELU(0.5)(k.layers.ReLU(6.0, 0.1)(x))
    return k.Model(i, [k.layers.Softmax()(x), k.layers.Activation("swish")(x)]), rand(3, 4), None


@architecture
def penalties_and_constraints(k: Any) -> tuple:
    model = k.Sequential(
        [
            k.Input((4,)),
            k.layers.Dense(
                5,
                kernel_initializer=k.initializers.HeNormal(seed=3),
                kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
                bias_regularizer="l2",
                kernel_constraint=k.constraints.MaxNorm(1.5),
                activity_regularizer=k.regularizers.L2(0.01),
            ),
            k.layers.Dense(1, kernel_constraint="non_neg", bias_initializer=k.initializers.Constant(0.3)),
        ]
    )
    model.compile(k.optimizers.Adam(0.05, clipnorm=0.5), "mse")
    return model, rand(5, 4), rand(5, 1)


@architecture
def mixed_precision(k: Any) -> tuple:
    i = k.Input((4,))
    x = k.layers.Dense(5, dtype="mixed_bfloat16", activation="relu")(i)
    x = k.layers.LayerNormalization(dtype=k.DTypePolicy("mixed_bfloat16"))(x)
    return k.Model(i, k.layers.Dense(2, dtype="bfloat16")(k.layers.Dense(3, dtype="float32")(x))), rand(3, 4), None


@architecture
def averaged_weights(k: Any) -> tuple:
    model = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh"), k.layers.Dense(1)])
    model.compile(
        k.optimizers.SGD(0.05, momentum=0.5, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=3), "mse"
    )
    return model, rand(5, 4), rand(5, 1)


@architecture
def accumulated_gradients(k: Any) -> tuple:
    model = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh"), k.layers.Dense(1)])
    model.compile(k.optimizers.Adam(0.05, gradient_accumulation_steps=3, weight_decay=0.01), "mse")
    return model, rand(5, 4), rand(5, 1)


@architecture
def dicts_in_and_out(k: Any) -> tuple:
    inputs = {"left": k.Input((3,), name="left"), "right": k.Input((2,), name="right")}
    x = k.layers.Concatenate()([inputs["left"], inputs["right"]])
    outputs = {"second": k.layers.Dense(2, name="second")(x), "first": k.layers.Dense(1, name="first")(x)}
    model = k.Model(inputs, outputs)
    model.compile("sgd", {"first": "mse", "second": "mae"}, metrics={"second": "mse"})
    return model, {"left": rand(4, 3), "right": rand(4, 2)}, {"first": rand(4, 1), "second": rand(4, 2)}


@architecture
def frozen_part(k: Any) -> tuple:
    base = k.Sequential(
        [k.Input((4,)), k.layers.Dense(5, activation="relu"), k.layers.BatchNormalization()], name="base"
    )
    base.trainable = False
    i = k.Input((4,))
    model = k.Model(i, k.layers.Dense(1)(base(i)))
    model.compile("adam", "mse")
    return model, rand(5, 4), rand(5, 1)


@architecture
def residual_convnet(k: Any) -> tuple:
    i = k.Input((6, 6, 2))
    x = k.layers.Conv2D(4, 1)(i)
    for _ in range(2):
        y = k.layers.Conv2D(4, 3, padding="same")(k.layers.Activation("relu")(x))
        x = k.layers.add([x, y])
    return k.Model(i, k.layers.Dense(2)(k.layers.GlobalAveragePooling2D()(x))), rand(2, 6, 6, 2), None


def _one_optimizer(name: str, **arguments: Any) -> None:
    def build(k: Any) -> tuple:
        model = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh"), k.layers.Dense(2)])
        model.compile(getattr(k.optimizers, name)(**arguments), "mse")
        return model, rand(5, 4), rand(5, 2)

    build.__name__ = f"optimizer_{name}"
    architecture(build, slow=True)


for _name, _arguments in {
    "Adagrad": {},
    "Adadelta": {"learning_rate": 0.5},
    "Nadam": {"learning_rate": 0.01, "use_ema": True},
    "Ftrl": {"learning_rate": 0.1, "l1_regularization_strength": 0.01},
    "Lion": {"learning_rate": 0.01, "global_clipnorm": 0.3},
    "Adafactor": {"learning_rate": 0.05},
}.items():
    _one_optimizer(_name, **_arguments)


# The checks

TRAINED = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in ARCHITECTURES]
# Float32 sums in another order; 16-bit layers round more.
TOLERANCE = {"mixed_precision": 2e-2}


def fresh(k: Any, name: str) -> tuple:
    keras.utils.clear_session(free_memory=False)
    addax.utils.clear_session(free_memory=False)
    k.utils.set_random_seed(7)
    return ARCHITECTURES[name](k)


def assert_same(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    flat_a, flat_b = keras.tree.flatten(a), keras.tree.flatten(b)
    assert len(flat_a) == len(flat_b) > 0
    for p, q in zip(flat_a, flat_b):
        p, q = (np.asarray(v).astype("float32") for v in (p, q))
        np.testing.assert_allclose(p, q, rtol=tolerance, atol=tolerance)


def members(path: str) -> tuple[dict, dict]:
    """The config and the arrays in a file: by path, shape and dtype, with the names of their owners."""
    archive = zipfile.ZipFile(path)
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, str(item.dtype), dict(item.attrs))
        elif name.endswith("vars"):
            found[name] = dict(item.attrs)

    with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(visit)
    return json.loads(archive.read("config.json")), found


def without_ids(config: Any) -> Any:
    """`config` without the marks of shared objects: Keras's are addresses, and it marks policies, too."""
    if isinstance(config, dict):
        return {k: without_ids(v) for k, v in config.items() if k != "shared_object_id"}
    return [without_ids(v) for v in config] if isinstance(config, list) else config


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two structures differ, in words."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = [f"{path}: only ours: {k}" for k in ours.keys() - theirs.keys()]
        found += [f"{path}: only theirs: {k}" for k in theirs.keys() - ours.keys()]
        return found + [d for k in ours.keys() & theirs.keys() for d in differences(ours[k], theirs[k], f"{path}/{k}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [d for i, (a, b) in enumerate(zip(ours, theirs)) for d in differences(a, b, f"{path}/{i}")]
    return [] if ours == theirs else [f"{path}: ours {ours!r}, theirs {theirs!r}"]


def save(model: Any, path: Any) -> None:
    """Saves `model`; holds that one without weights says so."""
    with contextlib.nullcontext() if model.built else pytest.warns(UserWarning, match="has not yet been built"):
        model.save(path)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_same_file(name: str, tmp_path: Any) -> None:
    """The same program writes the same config and the same layout with both libraries; Keras's file loads in addax."""
    theirs, x, y = fresh(keras, name)
    save(theirs, tmp_path / "keras.keras")
    ours, *_ = fresh(addax, name)
    save(ours, tmp_path / "addax.keras")
    (their_config, their_arrays), (our_config, our_arrays) = (
        members(tmp_path / f"{n}.keras") for n in ("keras", "addax")
    )
    found = differences(without_ids(our_config), without_ids(their_config)) + differences(our_arrays, their_arrays)
    assert not found, "\n".join(found)
    again = json.loads(addax.models.model_from_json(theirs.to_json()).to_json())
    found = differences(without_ids(again), without_ids(their_config))
    assert not found, "\n".join(found)
    config = json.loads(json.dumps(serialize_keras_object(ours.get_config())))
    again = json.loads(json.dumps(serialize_keras_object(type(ours).from_config(config).get_config())))
    found = differences(without_ids(again), without_ids(config))
    assert not found, "\n".join(found)
    loaded = addax.saving.load_model(tmp_path / "keras.keras")
    assert type(loaded).__name__ == type(theirs).__name__
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    for ours_now, theirs_now in zip(loaded.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(ours_now.numpy(), theirs_now.numpy())
    if x is not None and y is None:  # the compiled ones come back from Keras in the other test
        assert_same(loaded(x), theirs(x), TOLERANCE.get(name, 1e-5))


def steps(model: Any, x: Any, y: Any, count: int = 2) -> list[dict]:
    model.reset_metrics()
    return [model.train_on_batch(x, y, return_dict=True) for _ in range(count)]


@pytest.mark.parametrize("name", TRAINED)
def test_there_and_back(name: str, tmp_path: Any) -> None:
    """A file of addax's goes to Keras, is trained there, comes back, and is trained on: always with the same losses."""
    classes(keras)
    tolerance = TOLERANCE.get(name, 1e-5)
    ours, x, y = fresh(addax, name)
    if x is None:
        save(ours, tmp_path / "a.keras")
        assert keras.saving.load_model(tmp_path / "a.keras").built is False
        return
    if y is not None:
        steps(ours, x, y)
    ours.save(tmp_path / "a.keras")
    theirs = keras.saving.load_model(tmp_path / "a.keras")
    assert_same(theirs(x), ours(x), tolerance)
    if y is None:
        back = addax.saving.load_model(tmp_path / "a.keras")
        assert_same(back(x), ours(x), 0)
        return
    for ours_now, theirs_now in zip(steps(ours, x, y), steps(theirs, x, y)):
        assert ours_now.keys() == theirs_now.keys()
        assert_same(ours_now, theirs_now, 1e-4)
    theirs.save(tmp_path / "b.keras")
    back = addax.saving.load_model(tmp_path / "b.keras")
    assert_same(back(x), theirs(x), tolerance)
    assert_same([v.numpy() for v in back.optimizer.variables], [v.numpy() for v in theirs.optimizer.variables], 0)
    for back_now, theirs_now in zip(steps(back, x, y), steps(theirs, x, y)):
        assert_same(back_now, theirs_now, 1e-4)


def test_number_of_architectures() -> None:
    assert len(ARCHITECTURES) - len(SLOW) >= 25


# Weights alone


@pytest.mark.parametrize("shards", [None, 1e-7])
@pytest.mark.parametrize(("writer", "reader"), [(addax, keras), (keras, addax)], ids=["to_keras", "to_addax"])
def test_weights(writer: Any, reader: Any, shards: Any, tmp_path: Any) -> None:
    path = str(tmp_path / ("w.weights.json" if shards else "w.weights.h5"))
    source, x, _ = fresh(writer, "nested_models")
    source.save_weights(path, max_shard_size=shards)
    assert len(list(tmp_path.iterdir())) == (4 if shards else 1)
    target, *_ = fresh(reader, "nested_models")
    for variable in target.weights:
        variable.assign(np.zeros(variable.shape))
    target.load_weights(path)
    assert_same(target(x), source(x))


def test_shards_are_laid_out_alike(tmp_path: Any) -> None:
    for k in (keras, addax):
        (tmp_path / k.__name__).mkdir()
        fresh(k, "nested_models")[0].save_weights(tmp_path / k.__name__ / "w.weights.json", max_shard_size=1e-7)
    theirs, ours = (tmp_path / n for n in ("keras", "addax"))
    assert json.loads((ours / "w.weights.json").read_text()) == json.loads((theirs / "w.weights.json").read_text())
    assert sorted(p.name for p in ours.iterdir()) == sorted(p.name for p in theirs.iterdir())


def test_lambdas(tmp_path: Any) -> None:
    """Keras runs their bytecode where it is told to; addax takes the program's function."""
    x = rand(3, 4)
    for writer, reader in ((addax, keras), (keras, addax)):
        model = writer.Sequential([writer.Input((4,)), writer.layers.Lambda(lambda v: v * 3.0, name="times")])
        with pytest.warns(UserWarning, match="lambda") if writer is addax else contextlib.nullcontext():
            model.save(tmp_path / "m.keras")
        with pytest.raises(ValueError, match="`Lambda` layer whose `function` is a Python lambda"):
            reader.saving.load_model(tmp_path / "m.keras")
        given = {"safe_mode": False} if reader is keras else {"custom_objects": {"times": lambda v: v * 3.0}}
        assert_same(reader.saving.load_model(tmp_path / "m.keras", **given)(x), 3 * x)


@pytest.mark.slow
def test_loss_scale(tmp_path: Any) -> None:
    """Under mixed_float16 the optimizer is wrapped, and its scale is in the file."""
    x, y = rand(5, 4), rand(5, 2)
    models = {}
    for k in (addax, keras):
        k.mixed_precision.set_dtype_policy("mixed_float16")
        try:
            model = k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="relu"), k.layers.Dense(2)])
            model.compile("adam", "mse")
        finally:
            k.mixed_precision.set_dtype_policy("float32")
        steps(model, x, y)
        model.save(tmp_path / f"{k.__name__}.keras")
        models[k] = members(tmp_path / f"{k.__name__}.keras")[1]
    assert models[addax].keys() == models[keras].keys()
    theirs = keras.saving.load_model(tmp_path / "addax.keras")
    back = addax.saving.load_model(tmp_path / "addax.keras")
    for ours_now, theirs_now in zip(steps(back, x, y), steps(theirs, x, y)):
        assert_same(ours_now, theirs_now, 1e-2)  # sums in float16


def test_user_object_that_is_not_registered(tmp_path: Any) -> None:
    """`custom_objects` names the classes of a file, in either direction."""

    def make(k: Any) -> type:
        class Twice(k.layers.Layer):
            def call(self, inputs: Any) -> Any:
                return 2 * inputs

        return Twice

    x = rand(3, 4)
    for writer, reader in ((addax, keras), (keras, addax)):
        with pytest.warns(UserWarning, match="not registered: Twice") if writer is addax else contextlib.nullcontext():
            writer.Sequential([writer.Input((4,)), make(writer)()]).save(tmp_path / "m.keras")
        with pytest.raises(TypeError, match="Could not locate class 'Twice'"):
            reader.saving.load_model(tmp_path / "m.keras")
        model = reader.saving.load_model(tmp_path / "m.keras", custom_objects={"Twice": make(reader)})
        assert_same(model(x), 2 * x)


@pytest.mark.filterwarnings("ignore:.*legacy")
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_arguments_of_compile_that_keras_lacks(name: str, tmp_path: Any) -> None:
    """Keras reads and compiles the model without them, addax with them."""

    def block() -> Any:
        return addax.Sequential([addax.layers.Dense(4, activation="relu"), addax.layers.Dense(4)])

    model = addax.Sequential([addax.Input((4,)), block(), block(), addax.layers.Dense(1)])
    own = {"remat": "block", "missing_labels": "mask", "learning_rate_multipliers": {"*/bias": 0.5}}
    model.compile("adam", addax.losses.MeanSquaredError(), **own)
    model.fit(x := rand(8, 4), y := rand(8, 1), verbose=0)
    model.save(tmp_path / name)
    theirs, ours = (k.saving.load_model(tmp_path / name) for k in (keras, addax))
    assert_same(theirs.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0))
    assert {k: v for k, v in ours.get_compile_config().items() if k in own} == own


def gan(k: Any) -> Any:
    """A model with two optimizers as attributes; its own has done no step."""

    class Gan(k.Model):
        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.generator, self.discriminator = k.layers.Dense(2), k.layers.Dense(1)

        def build(self, shape: Any) -> None:
            self.generator.build((None, 3))
            self.discriminator.build((None, 2))
            self.built = True

        def call(self, x: Any) -> Any:
            return self.discriminator(self.generator(x))

        def compile(self, g_optimizer: Any, d_optimizer: Any, **kwargs: Any) -> None:
            super().compile(**kwargs)
            self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
            g_optimizer.build(self.generator.trainable_variables)
            d_optimizer.build(self.discriminator.trainable_variables)

        def get_config(self) -> dict:
            return {"name": self.name}

        def get_compile_config(self) -> dict:
            found = {"g_optimizer": self.g_optimizer, "d_optimizer": self.d_optimizer}
            return {name: k.saving.serialize_keras_object(optimizer) for name, optimizer in found.items()}

        def compile_from_config(self, config: dict) -> None:
            self.compile(**{name: k.saving.deserialize_keras_object(given) for name, given in config.items()})

    return k.saving.register_keras_serializable("files")(Gan)


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
@pytest.mark.parametrize("writes_addax", [True, False])
def test_optimizers_that_are_attributes(writes_addax: bool, ending: str, tmp_path: Any) -> None:
    writer, reader = (addax, keras) if writes_addax else (keras, addax)
    classes = {k: gan(k) for k in (writer, reader)}

    def made(k: Any) -> Any:
        model = classes[k](name="gan")
        model.build((None, 3))
        model.compile(k.optimizers.Adam(0.01), k.optimizers.SGD(0.1, momentum=0.9))
        return model

    def state(model: Any) -> list:
        return [np.asarray(v) for v in [*model.g_optimizer.variables, *model.d_optimizer.variables]]

    saved = made(writer)
    for i, variable in enumerate([*saved.g_optimizer.variables, *saved.d_optimizer.variables]):
        variable.assign(np.full(variable.shape, i + 1))
    path = tmp_path / f"m.{ending}"
    saved.save(path) if ending == "keras" else saved.save_weights(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if reader is addax else "ignore")  # Keras warns of the third optimizer
        if ending == "keras":
            loaded = reader.saving.load_model(path, custom_objects={"files>Gan": classes[reader]})
        else:
            loaded = made(reader)
            loaded.load_weights(path)
    for found, expected in zip(state(loaded), state(saved), strict=True):
        np.testing.assert_array_equal(found, expected)
