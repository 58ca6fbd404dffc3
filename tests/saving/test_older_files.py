"""Files in the forms of Keras 0.3 to 2.15: what they compute here is what NumPy says, and their training goes on."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pytest

import addax as keras
from tests.saving.older import (
    correlate,
    gru,
    hard_sigmoid,
    lstm,
    relu,
    sigmoid,
    softmax,
    values,
    write_archive,
    write_h5,
    write_keras_0,
)


def close(found: Any, expected: Any) -> None:
    found = np.asarray(found)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def layer(class_name: str, name: str, **config: Any) -> dict:
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def node(class_name: str, name: str, calls: list, **config: Any) -> dict:
    return {**layer(class_name, name, **config), "name": name, "inbound_nodes": calls}


def functional(layers: list, inputs: list, outputs: list, name: str = "model_1", cls: str = "Model") -> dict:
    config = {"name": name, "layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": cls, "config": config}


GLOROT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
}
ZEROS = {"class_name": "Zeros", "config": {}}


def dense_2(name: str, units: int, activation: str = "linear", **more: Any) -> dict:
    """Dense as Keras 2 wrote it."""
    return layer(
        "Dense",
        name,
        units=units,
        activation=activation,
        use_bias=True,
        kernel_initializer=GLOROT,
        bias_initializer=ZEROS,
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **more,
    )


def weights_2(name: str, *arrays: np.ndarray, path: str = "") -> tuple[str, list]:
    names = ("kernel", "bias") if len(arrays) == 2 else ("kernel", "recurrent_kernel", "bias")
    return name, [(f"{path or name}/{n}:0", a) for n, a in zip(names, arrays)]


# Keras 0.3

KERAS_0 = {
    "name": "Sequential",
    "loss": "categorical_crossentropy",
    "optimizer": {"name": "SGD", "lr": 0.01, "momentum": 0.9},
    "class_mode": "categorical",
    "layers": [
        {
            "name": "Convolution2D",
            "custom_name": "convolution2d",
            "cache_enabled": True,
            "trainable": True,
            "input_shape": [2, 6, 5],
            "nb_filter": 3,
            "nb_row": 3,
            "nb_col": 2,
            "init": "glorot_uniform",
            "activation": "relu",
            "border_mode": "valid",
            "subsample": [1, 1],
            "dim_ordering": "th",
            "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
            "b_regularizer": None,
            "activity_regularizer": None,
            "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0},
            "b_constraint": None,
        },
        {"name": "Flatten", "custom_name": "flatten", "cache_enabled": True, "trainable": True},
        {"name": "Dropout", "custom_name": "dropout", "cache_enabled": True, "trainable": True, "p": 0.5},
        {
            "name": "Dense",
            "custom_name": "dense",
            "cache_enabled": True,
            "trainable": True,
            "output_dim": 4,
            "init": "uniform",
            "activation": "hard_sigmoid",
            "input_dim": None,
            "W_regularizer": None,
            "b_regularizer": None,
            "activity_regularizer": None,
            "W_constraint": None,
            "b_constraint": None,
        },
    ],
}


def of_theano(images: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Theano's convolution of images (channels, rows, columns) with a kernel (out, in, rows, columns)."""
    turned = kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)
    return correlate(images.transpose(0, 2, 3, 1), turned, bias).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.hdf5"])
def test_keras_0(name: str, tmp_path: Any) -> None:
    kernel, bias, dense, offset = values(3, 2, 3, 2), values(3), values(3 * 4 * 4, 4), values(4)
    write_keras_0(tmp_path / name, [[kernel, bias], [], [], [dense, offset]])
    model = keras.models.model_from_json(json.dumps(json.dumps(KERAS_0)))  # text inside text, as some files have it
    model.load_weights(tmp_path / name)
    x = values(2, 2, 6, 5)
    y = relu(of_theano(x, kernel, bias)).reshape(2, -1)
    close(model.predict(x, verbose=0), hard_sigmoid(y @ dense + offset))
    assert model.layers[0].kernel_regularizer.l2 == 0.01
    assert model.layers[0].kernel_constraint.max_value == 2
    # Saved today, the older meaning of "hard_sigmoid" stays.
    model.save(tmp_path / "today.keras")
    close(keras.models.load_model(tmp_path / "today.keras").predict(x, verbose=0), hard_sigmoid(y @ dense + offset))


# Keras 1


def test_keras_1_convolutions(tmp_path: Any) -> None:
    """Sequential as a list, dim_ordering "tf", kernels of TensorFlow (names end in `:0`)."""
    config = {
        "class_name": "Sequential",
        "config": [
            layer(
                "Convolution2D",
                "convolution2d_1",
                batch_input_shape=[None, 5, 5, 2],
                input_dtype="float32",
                nb_filter=3,
                nb_row=2,
                nb_col=3,
                subsample=[1, 1],
                border_mode="valid",
                dim_ordering="tf",
                init="glorot_uniform",
                activation="linear",
                bias=True,
                W_regularizer=None,
                b_regularizer=None,
                activity_regularizer=None,
                W_constraint=None,
                b_constraint=None,
            ),
            layer("LeakyReLU", "leakyrelu_1", alpha=0.25),
            layer(
                "MaxPooling2D",
                "maxpooling2d_1",
                pool_size=[2, 2],
                strides=[2, 2],
                border_mode="valid",
                dim_ordering="tf",
            ),
            layer("Flatten", "flatten_1"),
            layer("Dense", "dense_1", output_dim=2, init="he_normal", activation="softmax", bias=True, input_dim=6),
        ],
    }
    kernel, bias, dense, offset = values(2, 3, 2, 3), values(3), values(6, 2), values(2)
    groups = [
        ("convolution2d_1", [("convolution2d_1_W:0", kernel), ("convolution2d_1_b:0", bias)]),
        ("leakyrelu_1", []),
        ("maxpooling2d_1", []),
        ("flatten_1", []),
        ("dense_1", [("dense_1_W:0", dense), ("dense_1_b:0", offset)]),
    ]
    write_h5(tmp_path / "m.h5", groups, config)
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(3, 5, 5, 2)
    y = correlate(x, kernel, bias)
    y = np.where(y > 0, y, 0.25 * y)
    y = y[:, :4, :2].reshape(3, 2, 2, 1, 2, 3).max((2, 4)).reshape(3, -1)
    close(model.predict(x, verbose=0), softmax(y @ dense + offset))


def test_keras_1_on_theano(tmp_path: Any) -> None:
    config = {
        "class_name": "Sequential",
        "config": [
            layer(
                "Convolution1D",
                "convolution1d_1",
                batch_input_shape=[None, 6, 2],
                nb_filter=3,
                filter_length=3,
                subsample_length=1,
                border_mode="valid",
                init="uniform",
                activation="relu",
                bias=True,
                input_dim=2,
                input_length=6,
            ),
            layer("MaxPooling1D", "maxpooling1d_1", pool_length=2, stride=2, border_mode="valid"),
            layer("PReLU", "prelu_1", init="zero", weights=None),
        ],
    }
    kernel, bias, alpha = values(3, 1, 2, 3), values(3), values(2, 3)
    groups = [
        ("convolution1d_1", [("convolution1d_1_W", kernel), ("convolution1d_1_b", bias)]),
        ("maxpooling1d_1", []),
        ("prelu_1", [("prelu_1_alphas", alpha)]),
    ]
    write_h5(tmp_path / "m.h5", groups, config)
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(2, 6, 2)
    y = relu(correlate(x[:, :, None], kernel[::-1], bias)[:, :, 0])
    y = y.reshape(2, 2, 2, 3).max(2)
    close(model.predict(x, verbose=0), np.where(y > 0, y, alpha * y))


def keras_1_lstm(name: str, units: int, **more: Any) -> dict:
    return layer(
        "LSTM",
        name,
        output_dim=units,
        init="glorot_uniform",
        inner_init="orthogonal",
        forget_bias_init="one",
        activation="tanh",
        inner_activation="hard_sigmoid",
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        consume_less="cpu",
        W_regularizer=None,
        U_regularizer=None,
        b_regularizer=None,
        dropout_W=0.0,
        dropout_U=0.0,
        input_dim=3,
        input_length=None,
        **more,
    )


def gates(prefix: str, count: str, inputs: int, units: int, seed: int = 0) -> tuple[list, dict]:
    """Kernel, recurrent kernel and bias of each gate: as Keras 1 stored them, and by gate."""
    stored, by_gate = [], {}
    for n, gate in enumerate(count):
        arrays = values(inputs, units, seed=n + seed), values(units, units, seed=n + seed), values(units, seed=n + seed)
        by_gate[gate] = arrays
        stored += [(f"{prefix}_{part}_{gate}:0", a) for part, a in zip("WUb", arrays)]
    return stored, by_gate


def joined(by_gate: dict, order: str) -> list[np.ndarray]:
    return [np.concatenate([by_gate[g][i] for g in order], axis=-1) for i in range(3)]


def test_keras_1_recurrent_and_merge(tmp_path: Any) -> None:
    """Branches merged at the beginning of a Sequential model; twelve arrays of an LSTM, six of them in a wrapper."""
    branch = {
        "class_name": "Sequential",
        "config": [keras_1_lstm("lstm_1", 2, batch_input_shape=[None, 4, 3], input_dtype="float32")],
    }
    other = {
        "class_name": "Sequential",
        "config": [
            layer(
                "Dense", "dense_1", output_dim=2, batch_input_shape=[None, 5], activation="relu", init="one", bias=True
            )
        ],
    }
    merge = layer(
        "Merge",
        "merge_1",
        layers=[branch, other],
        mode="concat",
        concat_axis=-1,
        dot_axes=-1,
        mode_type="raw",
        output_shape=None,
        output_shape_type="raw",
        arguments={},
    )
    last = layer("Dense", "dense_2", output_dim=1, activation="sigmoid", init="zero", bias=True)
    config = {"class_name": "Sequential", "config": [merge, layer("Dropout", "dropout_1", p=0.3), last]}
    stored, by_gate = gates("lstm_1", "icfo", 3, 2)
    dense, offset, end, shift = values(5, 2), values(2), values(4, 1), values(1)
    groups = [
        ("lstm_1", stored),
        ("dense_1", [("dense_1_W:0", dense), ("dense_1_b:0", offset)]),
        ("dropout_1", []),
        ("dense_2", [("dense_2_W:0", end), ("dense_2_b:0", shift)]),
    ]
    write_h5(tmp_path / "m.h5", groups, config)
    model = keras.models.load_model(tmp_path / "m.h5")
    a, b = values(2, 4, 3), values(2, 5)
    h = lstm(a, *joined(by_gate, "ifco"), gate=hard_sigmoid)
    y = np.concatenate([h, relu(b @ dense + offset)], axis=1)
    close(model.predict([a, b], verbose=0), sigmoid(y @ end + shift))


def test_keras_1_wrapped(tmp_path: Any) -> None:
    inner = keras_1_lstm("lstm_1", 2)
    config = {
        "class_name": "Sequential",
        "config": [
            layer("Bidirectional", "bidirectional_1", layer=inner, merge_mode="sum", batch_input_shape=[None, 4, 3]),
        ],
    }
    forward, by_forward = gates("forward_lstm_1", "icfo", 3, 2)
    backward, by_backward = gates("backward_lstm_1", "icfo", 3, 2, seed=9)
    write_h5(tmp_path / "m.h5", [("bidirectional_1", forward + backward)], config)
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(2, 4, 3)
    y = lstm(x, *joined(by_forward, "ifco"), gate=hard_sigmoid)
    y = y + lstm(x[:, ::-1], *joined(by_backward, "ifco"), gate=hard_sigmoid)
    close(model.predict(x, verbose=0), y)


def test_keras_1_functional_merge_and_gru(tmp_path: Any) -> None:
    gru_config = keras_1_lstm("gru_1", 2)["config"] | {"inner_activation": "sigmoid"}
    gru_config.pop("forget_bias_init")
    layers = [
        node("InputLayer", "input_1", [], batch_input_shape=[None, 4, 3], input_dtype="float32", sparse=False),
        {"class_name": "GRU", "config": gru_config, "name": "gru_1", "inbound_nodes": [[["input_1", 0, 0]]]},
        {
            "class_name": "TimeDistributed",
            "name": "timedistributed_1",
            "config": {
                "name": "timedistributed_1",
                "trainable": True,
                "layer": layer("Dense", "dense_1", output_dim=2, activation="linear", init="normal", bias=True),
            },
            "inbound_nodes": [[["input_1", 0, 0]]],
        },
        node(
            "Lambda",
            "pick",
            [[["timedistributed_1", 0, 0]]],
            function="first",
            function_type="function",
            output_shape=None,
        ),
        node("Merge", "merge_1", [[["gru_1", 0, 0], ["pick", 0, 0]]], mode="ave", concat_axis=1),
    ]
    stored, by_gate = gates("gru_1", "zrh", 3, 2)
    dense, offset = values(3, 2), values(2)
    groups = [
        ("input_1", []),
        ("gru_1", stored),
        ("timedistributed_1", [("dense_1_W:0", dense), ("dense_1_b:0", offset)]),
    ]
    config = functional(layers, [["input_1", 0, 0]], [["merge_1", 0, 0]])
    write_h5(tmp_path / "m.h5", groups, config)
    model = keras.models.load_model(tmp_path / "m.h5", custom_objects={"first": lambda x: x[:, 0]})
    x = values(2, 4, 3)
    close(model.predict(x, verbose=0), (gru(x, *joined(by_gate, "zrh")) + x[:, 0] @ dense + offset) / 2)


# Keras 2


@pytest.mark.parametrize("as_bytes", [True, False])
def test_sequential_as_a_list(as_bytes: bool, tmp_path: Any) -> None:
    config = {
        "class_name": "Sequential",
        "config": [
            dense_2("dense_1", 4, "hard_sigmoid", batch_input_shape=[None, 3], dtype="float32"),
            layer(
                "BatchNormalization", "bn", axis=[1], momentum=0.9, epsilon=0.01, center=True, scale=True, fused=None
            ),
            dense_2("dense_2", 2, "softmax"),
        ],
        "keras_version": "2.1.6",
    }
    kernel, bias, last, offset = values(3, 4), values(4), values(4, 2), values(2)
    gamma, beta, mean, variance = values(4), values(4, seed=1), values(4, seed=2), np.abs(values(4, seed=3))
    normal = zip(("gamma", "beta", "moving_mean", "moving_variance"), (gamma, beta, mean, variance))
    groups = [
        weights_2("dense_1", kernel, bias, path="sequential_7/dense_1"),
        ("bn", [(f"bn_3/{n}:0", a) for n, a in normal]),
        weights_2("dense_2", last, offset),
    ]
    write_h5(tmp_path / "m.keras", groups, config, "2.1.6", "tensorflow", as_bytes=as_bytes)
    x = values(5, 3)
    y = (hard_sigmoid(x @ kernel + bias) - mean) / np.sqrt(variance + 0.01) * gamma + beta
    expected = softmax(y @ last + offset)
    close(keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), expected)
    # The config and the weights apart.
    model = keras.models.model_from_json(json.dumps(config))
    write_h5(tmp_path / "w.h5", groups, None, "2.1.6", "tensorflow", as_bytes=as_bytes)
    model.load_weights(tmp_path / "w.h5")
    close(model.predict(x, verbose=0), expected)


def test_theano_in_keras_2(tmp_path: Any) -> None:
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential_1",
            "layers": [
                layer(
                    "Conv2D",
                    "conv",
                    batch_input_shape=[None, 4, 4, 2],
                    filters=3,
                    kernel_size=[3, 2],
                    strides=[1, 1],
                    padding="valid",
                    data_format="channels_last",
                    dilation_rate=[1, 1],
                    activation="linear",
                    use_bias=True,
                )
            ],
        },
    }
    kernel, bias = values(3, 2, 2, 3), values(3)
    x = values(2, 4, 4, 2)
    for backend in ("theano", "tensorflow"):
        write_h5(tmp_path / f"{backend}.h5", [weights_2("conv", kernel, bias)], config, "2.0.8", backend)
        used = kernel[::-1, ::-1] if backend == "theano" else kernel
        close(keras.models.load_model(tmp_path / f"{backend}.h5").predict(x, verbose=0), correlate(x, used, bias))


def recurrent_2(cls: str, name: str, units: int, **more: Any) -> dict:
    return layer(
        cls,
        name,
        units=units,
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        kernel_initializer=GLOROT,
        recurrent_initializer={"class_name": "Orthogonal", "config": {"gain": 1.0, "seed": None}},
        bias_initializer=ZEROS,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        implementation=2,
        time_major=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        **more,
    )


def test_recurrent_layers_of_keras_2(tmp_path: Any) -> None:
    layers = [
        node("InputLayer", "input_1", [], batch_input_shape=[None, 4, 3], dtype="float32", sparse=False, ragged=False),
        {**recurrent_2("LSTM", "lstm_1", 2, unit_forget_bias=True), "name": "lstm_1"},
        {**recurrent_2("GRU", "gru_1", 2), "name": "gru_1"},  # without `reset_after`
    ]
    for x in layers[1:]:
        x["inbound_nodes"] = [[["input_1", 0, 0, {}]]]
    layers.append(node("Concatenate", "both", [[["lstm_1", 0, 0, {}], ["gru_1", 0, 0, {}]]], axis=-1))
    one = values(3, 8), values(2, 8), values(8)
    two = values(3, 6), values(2, 6), values(6)
    groups = [("input_1", []), weights_2("gru_1", *two), weights_2("lstm_1", *one), ("both", [])]
    config = functional(layers, [["input_1", 0, 0]], [["both", 0, 0]])
    write_h5(tmp_path / "m.h5", groups, config, "2.1.5", "tensorflow")
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(2, 4, 3)
    expected = np.concatenate([lstm(x, *one, gate=hard_sigmoid), gru(x, *two, gate=hard_sigmoid)], axis=1)
    close(model.predict(x, verbose=0), expected)
    model.save(tmp_path / "today.h5")
    close(keras.models.load_model(tmp_path / "today.h5").predict(x, verbose=0), expected)


def cudnn(matrix: np.ndarray, gates: int) -> np.ndarray:
    """The matrix that cuDNN makes of a kernel: it reads each gate's memory as rows of outputs."""
    parts = np.split(matrix, gates, axis=1)
    return np.concatenate([np.ascontiguousarray(p).reshape(p.shape[::-1]).T for p in parts], axis=1)


@pytest.mark.parametrize("cls", ["CuDNNLSTM", "LSTM"])
def test_weights_of_cudnn(cls: str, tmp_path: Any) -> None:
    own = recurrent_2("LSTM", "rnn", 2, unit_forget_bias=True) if cls == "LSTM" else layer(cls, "rnn", units=2)
    own["config"] |= {"batch_input_shape": [None, 4, 3], "recurrent_activation": "sigmoid"}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [own]}}
    kernel, recurrent, bias = values(3, 8), values(2, 8), values(16)
    write_h5(tmp_path / "m.h5", [weights_2("rnn", kernel, recurrent, bias)], config, "2.2.4", "tensorflow")
    x = values(2, 4, 3)
    found = keras.models.load_model(tmp_path / "m.h5").predict(x, verbose=0)
    close(found, lstm(x, cudnn(kernel, 4), cudnn(recurrent, 4), bias[:8] + bias[8:]))


def autoencoder(first: int) -> tuple[dict, list, Any]:
    """A model of two others, one called twice, where the calls of models are counted from `first` on."""
    encoder = functional(
        [
            node("InputLayer", "i1", [], batch_input_shape=[None, 3], dtype="float32"),
            {**dense_2("d1", 3, "tanh"), "name": "d1", "inbound_nodes": [[["i1", 0, 0, {}]]]},
        ],
        [["i1", 0, 0]],
        [["d1", 0, 0]],
        "encoder",
    )
    norm = layer("BatchNormalization", "bn", axis=[1], momentum=0.9, epsilon=0.01, center=True, scale=True)
    decoder = {
        "class_name": "Sequential",
        "config": {
            "name": "decoder",
            "layers": [dense_2("d2", 3, batch_input_shape=[None, 3]), norm, dense_2("d3", 3)],
        },
    }
    layers = [
        node("InputLayer", "x", [], batch_input_shape=[None, 3], dtype="float32"),
        {**encoder, "name": "encoder", "inbound_nodes": [[["x", 0, 0, {}]], [["decoder", first, 0, {}]]]},
        {**decoder, "name": "decoder", "inbound_nodes": [[["encoder", first, 0, {}]]]},
    ]
    outputs = [["encoder", first + 1, 0], ["decoder", first, 0]]
    a, b = values(3, 3), values(3)
    c, d, e, f = values(3, 3, seed=1), values(3, seed=1), values(3, 3, seed=2), values(3, seed=2)
    gamma, beta, mean, variance = values(3, seed=4), values(3, seed=5), values(3, seed=6), np.abs(values(3, seed=7))
    groups = [
        ("x", []),
        ("encoder", [("d1_1/kernel:0", a), ("d1_1/bias:0", b)]),
        # All that can be trained, then the others.
        (
            "decoder",
            [
                ("d2/kernel:0", c),
                ("d2/bias:0", d),
                ("bn/gamma:0", gamma),
                ("bn/beta:0", beta),
                ("d3/kernel:0", e),
                ("d3/bias:0", f),
                ("bn/moving_mean:0", mean),
                ("bn/moving_variance:0", variance),
            ],
        ),
    ]

    def compute(x: np.ndarray) -> list[np.ndarray]:
        def encode(x: np.ndarray) -> np.ndarray:
            return np.tanh(x @ a + b)

        y = ((encode(x) @ c + d) - mean) / np.sqrt(variance + 0.01) * gamma + beta
        y = y @ e + f
        return [encode(y), y]

    return functional(layers, [["x", 0, 0]], outputs), groups, compute


@pytest.mark.parametrize("first", [0, 1])
def test_nested_models(first: int, tmp_path: Any) -> None:
    config, groups, compute = autoencoder(first)
    write_h5(tmp_path / "m.h5", groups, config, "2.2.4", "tensorflow")
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(4, 3)
    for found, expected in zip(model.predict(x, verbose=0), compute(x), strict=True):
        close(found, expected)
    model.save(tmp_path / "m.keras")
    for found, expected in zip(
        keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), compute(x), strict=True
    ):
        close(found, expected)


def test_arguments_that_are_dropped_or_renamed(tmp_path: Any) -> None:
    depthwise = layer(
        "DepthwiseConv2D",
        "dw",
        batch_input_shape=[None, 4, 4, 2],
        kernel_size=[2, 2],
        strides=[1, 1],
        padding="valid",
        data_format="channels_last",
        dilation_rate=[1, 1],
        groups=1,
        depth_multiplier=1,
        activation="linear",
        use_bias=False,
        bias_initializer=ZEROS,
        depthwise_initializer=GLOROT,
        depthwise_regularizer=None,
        activity_regularizer=None,
    )
    rest = [layer("ReLU", "relu", max_value=None), layer("ThresholdedReLU", "thr", theta=0.2), layer("Flatten", "flat")]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [depthwise, *rest]}}
    kernel = values(2, 2, 2, 1)
    write_h5(tmp_path / "m.h5", [("dw", [("dw/depthwise_kernel:0", kernel)])], config, "2.9.0", "tensorflow")
    x = values(2, 4, 4, 2)
    full = np.zeros((2, 2, 2, 2), "float32")
    full[..., 0, 0], full[..., 1, 1] = kernel[..., 0, 0], kernel[..., 1, 0]
    y = relu(correlate(x, full, np.zeros(2)))
    close(keras.models.load_model(tmp_path / "m.h5").predict(x, verbose=0), np.where(y >= 0.2, y, 0).reshape(2, -1))
    depthwise["config"]["groups"] = 2
    write_h5(tmp_path / "m.h5", [], config, "2.9.0", "tensorflow")
    with pytest.raises(ValueError, match=r"Layer 'dw' \(DepthwiseConv2D\) of the file has groups=2"):
        keras.models.load_model(tmp_path / "m.h5")


# TensorFlow's Keras


def test_ops_of_tensorflow(tmp_path: Any) -> None:
    def op(name: str, function: str, calls: list, cls: str = "TFOpLambda") -> dict:
        config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
        return {"class_name": cls, "config": config, "name": name, "inbound_nodes": calls}

    spec = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": None, "step": None}]
    layers = [
        node("InputLayer", "x", [], batch_input_shape=[None, 4], dtype="float32", sparse=False, ragged=False),
        {**dense_2("d", 4), "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]]},
        op("tf.nn.softmax", "nn.softmax", [["d", 0, 0, {"axis": 1}]]),
        op(
            "add",
            "__operators__.add",
            [["x", 0, 0, {"y": ["d", 0, 0], "name": None}], ["d", 0, 0, {"y": 2.0, "name": None}]],
        ),
        op("scale", "math.multiply", [["_CONSTANT_VALUE", -1, 3.0, {"y": ["add", 0, 0], "name": None}]]),
        op("pick", "__operators__.getitem", [["add", 1, 0, {"slice_spec": spec}]], "SlicingOpLambda"),
        op("mean", "math.reduce_mean", [["scale", 0, 0, {"axis": -1, "keepdims": True}]]),
        op("cat", "concat", [[["pick", 0, 0, {"axis": -1}], ["mean", 0, 0, {}], ["tf.nn.softmax", 0, 0, {}]]]),
        op("norm", "math.l2_normalize", [["cat", 0, 0, {"axis": 1}]]),
        op("hard", "keras.activations.hard_sigmoid", [["cat", 0, 0, {}]]),
    ]
    config = functional(layers, [["x", 0, 0]], [["norm", 0, 0], ["hard", 0, 0]], cls="Functional")
    kernel, bias = values(4, 4), values(4)
    write_h5(tmp_path / "m.h5", [("x", []), weights_2("d", kernel, bias)], config, "2.4.0", "tensorflow")
    model = keras.models.load_model(tmp_path / "m.h5")
    x = values(3, 4)
    d = x @ kernel + bias
    cat = np.concatenate([(d + 2)[:, 1:], 3 * (x + d).mean(-1, keepdims=True), softmax(d)], axis=1)
    found = model.predict(x, verbose=0)
    close(found[0], cat / np.linalg.norm(cat, axis=1, keepdims=True))
    close(found[1], hard_sigmoid(cat))
    model.save(tmp_path / "m.keras")
    close(keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0)[1], hard_sigmoid(cat))
    layers[2]["config"]["function"] = "nn.fractional_max_pool"
    write_h5(tmp_path / "m.h5", [], config, "2.4.0", "tensorflow")
    with pytest.raises(
        ValueError, match=r"Layer 'tf.nn.softmax' of the file calls TensorFlow's `tf.nn.fractional_max_pool`"
    ):
        keras.models.load_model(tmp_path / "m.h5")


def test_attention_with_tensors_among_the_keywords(tmp_path: Any) -> None:
    heads = node(
        "MultiHeadAttention",
        "mha",
        [[["x", 0, 0, {"value": ["y", 0, 0]}]]],
        dtype="float32",
        num_heads=2,
        key_dim=3,
        value_dim=3,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=[1],
        query_shape=[None, 4, 5],
        key_shape=[None, 6, 5],
        value_shape=[None, 6, 5],
    )
    layers = [
        node("InputLayer", "x", [], batch_input_shape=[None, 4, 5], dtype="float32", sparse=False, ragged=False),
        node("InputLayer", "y", [], batch_input_shape=[None, 6, 5], dtype="float32", sparse=False, ragged=False),
        heads,
    ]
    shapes = {"query": (5, 2, 3), "key": (5, 2, 3), "value": (5, 2, 3), "attention_output": (2, 3, 5)}
    arrays = {}
    for i, (name, shape) in enumerate(shapes.items()):
        bias = shape[1:] if name != "attention_output" else shape[2:]
        arrays[name] = values(*shape, seed=i), values(*bias, seed=i)
    stored = [(f"mha/{n}/{p}:0", a) for n, pair in arrays.items() for p, a in zip(("kernel", "bias"), pair)]
    config = functional(layers, [["x", 0, 0], ["y", 0, 0]], [["mha", 0, 0]], cls="Functional")
    write_h5(tmp_path / "m.h5", [("x", []), ("y", []), ("mha", stored)], config, "2.8.0", "tensorflow")
    x, y = values(2, 4, 5), values(2, 6, 5)
    q, k, v = (
        np.einsum("btd,dhe->bthe", t, arrays[n][0]) + arrays[n][1] for t, n in ((x, "query"), (y, "key"), (y, "value"))
    )
    scores = softmax(np.einsum("bqhe,bkhe->bhqk", q, k) / np.sqrt(3))
    mixed = np.einsum("bhqk,bkhe->bqhe", scores, v)
    expected = np.einsum("bqhe,hed->bqd", mixed, arrays["attention_output"][0]) + arrays["attention_output"][1]
    close(keras.models.load_model(tmp_path / "m.h5").predict([x, y], verbose=0), expected)


def keras_2_archive(cls: str, layers: list, **more: Any) -> dict:
    """The config in a `.keras` file of 2.12 to 2.15."""
    return {
        "module": "keras",
        "class_name": cls,
        "registered_name": None,
        "config": {"name": "m", "layers": layers},
        **more,
    }


def placed(config: dict, **more: Any) -> dict:
    return {"module": "keras.layers", "registered_name": None, **config, **more}


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("version", ["2.13.1", "2.15.0"])
def test_archives_before_keras_3(version: str, separator: str, tmp_path: Any) -> None:
    nodes = ["x", 0, 0, {}]
    layers = [
        placed(
            node("InputLayer", "x", [], batch_input_shape=[None, 4, 3], dtype="float32", sparse=False, ragged=False)
        ),
        placed(
            {
                **recurrent_2("LSTM", "lstm", 2, batch_input_shape=[None, 4, 3]),
                "name": "lstm",
                "inbound_nodes": [[nodes]],
            }
        ),
        placed({**dense_2("dense", 3, "relu"), "name": "dense", "inbound_nodes": [[["lstm", 0, 0, {}]]]}),
        placed({**dense_2("dense_1", 1), "name": "dense_1", "inbound_nodes": [[["dense", 0, 0, {}]]]}),
    ]
    layers[1]["build_config"] = {"input_shape": [None, 4, 3]}
    config = keras_2_archive("Functional", layers)
    config["module"], config["registered_name"] = "keras.src.engine.functional", "Functional"
    config["config"] |= {"trainable": True, "input_layers": [["x", 0, 0]], "output_layers": [["dense_1", 0, 0]]}
    config["compile_config"] = {
        "optimizer": {
            "module": "keras.optimizers",
            "class_name": "Adam",
            "registered_name": None,
            "config": {
                "name": "Adam",
                "weight_decay": None,
                "clipnorm": None,
                "global_clipnorm": None,
                "clipvalue": None,
                "use_ema": False,
                "ema_momentum": 0.99,
                "ema_overwrite_frequency": None,
                "jit_compile": False,
                "is_legacy_optimizer": False,
                "learning_rate": 0.01,
                "beta_1": 0.9,
                "beta_2": 0.999,
                "epsilon": 1e-07,
                "amsgrad": False,
            },
        },
        "loss": {
            "module": "keras.losses",
            "class_name": "MeanSquaredError",
            "registered_name": None,
            "config": {"reduction": "auto", "name": "mean_squared_error", "fn": "mean_squared_error"},
        },
        "metrics": [["mae"]],
        "loss_weights": None,
        "weighted_metrics": None,
        "run_eagerly": None,
        "steps_per_execution": None,
        "jit_compile": None,
    }
    lstm_weights = values(3, 8), values(2, 8), values(8)
    one, two = (values(2, 3), values(3)), (values(3, 1), values(1))
    moments = [
        values(*w.shape, seed=i) ** 2 for i, w in enumerate([a for w in (*lstm_weights, *one, *two) for a in (w, w)])
    ]
    layer_list, second = ("_layer_checkpoint_dependencies", "dense_2") if version == "2.13.1" else ("layers", "dense_1")
    groups = {
        f"{layer_list}/lstm/cell": lstm_weights,
        f"{layer_list}/dense": one,
        f"{layer_list}/{second}": two,
        "metrics/mean": [np.float32(1), np.float32(2)],
        "optimizer": [np.int64(7), *moments],
    }
    write_archive(tmp_path / "m.keras", config, {k.replace("/", separator): v for k, v in groups.items()}, version)
    model = keras.models.load_model(tmp_path / "m.keras")
    x = values(2, 4, 3)
    y = relu(lstm(x, *lstm_weights, gate=hard_sigmoid) @ one[0] + one[1])
    close(model.predict(x, verbose=0), y @ two[0] + two[1])
    assert int(model.optimizer.iterations.numpy()) == 7 and model.optimizer.learning_rate.numpy() == np.float32(0.01)
    for variable, moment in zip(model.optimizer.variables[2:], moments, strict=True):
        np.testing.assert_array_equal(variable.numpy(), moment)
    assert isinstance(model.loss, keras.losses.MeanSquaredError)
    other = keras.models.clone_model(model)
    other.load_weights(tmp_path / "m.keras")
    close(other.predict(x, verbose=0), y @ two[0] + two[1])


# Training


def training(optimizer: dict, loss: Any = "mse", metrics: Any = ("mae",)) -> dict:
    return {
        "optimizer_config": optimizer,
        "loss": loss,
        "metrics": list(metrics),
        "sample_weight_mode": None,
        "loss_weights": None,
    }


def two_layers(tmp_path: Any, name: str, version: str, train: dict, optimizer: list) -> Any:
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [dense_2("dense_1", 4, "tanh", batch_input_shape=[None, 3]), dense_2("dense_2", 2)],
        },
    }
    groups = [weights_2("dense_1", values(3, 4), values(4)), weights_2("dense_2", values(4, 2), values(2))]
    write_h5(tmp_path / name, groups, config, version, "tensorflow", train, optimizer)
    return keras.models.load_model(tmp_path / name)


SHAPES = ((3, 4), (4,), (4, 2), (2,))
M = [values(*s, seed=1) for s in SHAPES]
V = [values(*s, seed=2) ** 2 for s in SHAPES]
PATHS = ("dense_1/kernel", "dense_1/bias", "dense_2/kernel", "dense_2/bias")
ADAM = {"class_name": "Adam", "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-08}}
TF_ADAM = {
    "class_name": "Custom>Adam",
    "config": {
        "name": "Adam",
        "learning_rate": 0.01,
        "is_legacy_optimizer": False,
        "jit_compile": True,
        "epsilon": 1e-08,
        "weight_decay": None,
    },
}
STEPS = np.int64(5)
NAMINGS: dict[str, tuple[str, dict, list]] = {
    "param_0": ("1.2.2", ADAM, [(f"param_{i}", a) for i, a in enumerate([np.float32(5), *M, *V])]),
    "Variable_104:0": (
        "2.0.8",
        ADAM,
        [("iterations_1:0", np.float32(5)), *((f"Variable_{104 + i}:0", a) for i, a in enumerate([*M, *V]))],
    ),
    "training/Adam": (
        "2.1.5",
        ADAM,
        [
            ("Adam/iterations:0", np.int64(5)),
            *((f"training/Adam/Variable_{i}:0", a) for i, a in enumerate([*M, *V, *[np.zeros(1, "f4")] * 4])),
        ],
    ),
    "Adam/iter": (
        "2.4.0",
        ADAM,
        [
            ("Adam/iter:0", STEPS),
            *((f"Adam/{p}/m:0", a) for p, a in zip(PATHS, M)),
            *((f"Adam/{p}/v:0", a) for p, a in zip(PATHS, V)),
        ],
    ),
    "iteration": (
        "2.12.0",
        TF_ADAM,
        [
            ("iteration:0", STEPS),
            *((f"Adam/{s}/{p}:0", a) for p, m, v in zip(PATHS, M, V) for s, a in (("m", m), ("v", v))),
        ],
    ),
    "adam/iteration": (
        "3.5.0",
        {"class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.01, "epsilon": 1e-08}},
        [
            ("adam/iteration", STEPS),
            ("adam/learning_rate", np.float32(0.01)),
            *(
                (f"adam/{p.replace('/', '_')}_{s}", a)
                for p, m, v in zip(PATHS, M, V)
                for s, a in (("momentum", m), ("velocity", v))
            ),
        ],
    ),
}


@pytest.mark.parametrize("case", NAMINGS.values(), ids=NAMINGS)
def test_training_goes_on_from_the_optimizers_state(case: tuple, tmp_path: Any) -> None:
    version, optimizer, stored = case
    config = training(optimizer)
    model = two_layers(tmp_path, "m.h5", version, config, stored)
    found = {v.path.split("/")[-1]: v.numpy() for v in model.optimizer.variables}
    assert int(found["iteration"]) == 5
    for path, m, v in zip(PATHS, M, V):
        name = path.replace("/", "_")
        own = {k.split("dense_")[-1]: x for k, x in found.items()}
        np.testing.assert_array_equal(own[f"{name.removeprefix('dense_')}_momentum"], m)
        np.testing.assert_array_equal(own[f"{name.removeprefix('dense_')}_velocity"], v)
    # A step of Adam, in float64.
    x, y = values(6, 3), values(6, 2)
    w1, b1, w2, b2 = (a.astype("float64") for a in model.get_weights())
    h = np.tanh(x @ w1 + b1)
    error = 2 * (h @ w2 + b2 - y) / y.size
    back = error @ w2.T * (1 - h**2)
    grads = [x.T @ back, back.sum(0), h.T @ error, error.sum(0)]
    model.train_on_batch(x, y)
    for before, grad, m, v, after in zip((w1, b1, w2, b2), grads, M, V, model.get_weights(), strict=True):
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        rate = 0.01 * np.sqrt(1 - 0.999**6) / (1 - 0.9**6)
        np.testing.assert_allclose(after, before - rate * m / (np.sqrt(v) + 1e-8), rtol=1e-4, atol=1e-6)


def test_the_last_keras_of_many_backends(tmp_path: Any) -> None:
    """2.3 numbered its slots, and wrote Nadam's schedule among the numbers."""
    nadam = {"class_name": "Nadam", "config": {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}}
    slots = [(f"training/Nadam/{s}_{i}:0", a) for s, of_all in (("m", M), ("v", V)) for i, a in enumerate(of_all)]
    head = [("training/Nadam/iterations:0", STEPS), ("training/Nadam/m_schedule:0", np.float32(0.1))]
    model = two_layers(tmp_path, "m.h5", "2.3.1", training(nadam), head + slots)
    found = model.optimizer.variables[2:-1]
    for variable, wanted in zip(found, [a for pair in zip(M, V) for a in pair], strict=True):
        np.testing.assert_array_equal(variable.numpy(), wanted)
    product = np.prod([0.9 * (1 - 0.5 * 0.96**t) for t in range(1, 6)])
    np.testing.assert_allclose(model.optimizer.variables[-1].numpy(), product, rtol=1e-6)


def test_generators_of_random_layers_are_no_weights(tmp_path: Any) -> None:
    first = layer("Dropout", "drop", rate=0.5, batch_input_shape=[None, 3])
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [first, dense_2("d", 2)]}}
    state = [("drop/StateVar:0", np.arange(3))]
    write_h5(
        tmp_path / "m.h5", [("drop", state), weights_2("d", values(3, 2), values(2))], config, "2.9.0", "tensorflow"
    )
    x = values(4, 3)
    close(keras.models.load_model(tmp_path / "m.h5").predict(x, verbose=0), x @ values(3, 2) + values(2))


def test_other_optimizers(tmp_path: Any) -> None:
    sgd = {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9, "decay": 0.5, "nesterov": True}}
    stored = [("SGD/iterations:0", np.int64(3)), *((f"training/SGD/Variable_{i}:0", a) for i, a in enumerate(M))]
    model = two_layers(tmp_path, "m.h5", "2.2.4", training(sgd), stored)
    for variable, m in zip(model.optimizer.variables[1:], M, strict=True):
        np.testing.assert_array_equal(variable.numpy(), m)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 / (1 + 0.5 * 3))  # as Keras 2 decayed it
    rms = {"class_name": "RMSprop", "config": {"lr": 0.1, "rho": 0.8, "decay": 0.0, "epsilon": None}}
    stored = [(f"training/RMSprop/Variable_{i}:0", a) for i, a in enumerate(V)]  # no number of steps
    model = two_layers(tmp_path, "m.h5", "2.1.2", training(rms), stored)
    for variable, v in zip(model.optimizer.variables[2:], V, strict=True):
        np.testing.assert_array_equal(variable.numpy(), v)
    with pytest.warns(
        UserWarning, match=r"state of optimizer .* could not be restored.*3 arrays for 4 trained weights"
    ):
        two_layers(tmp_path, "m.h5", "2.1.2", training(rms), stored[:3])


def test_losses_and_metrics_of_keras_2(tmp_path: Any) -> None:
    loss = {
        "class_name": "CategoricalCrossentropy",
        "config": {
            "reduction": "auto",
            "name": "categorical_crossentropy",
            "fn": "categorical_crossentropy",
            "from_logits": True,
            "label_smoothing": 0,
        },
    }
    metrics = [
        [
            {
                "class_name": "MeanMetricWrapper",
                "config": {"name": "accuracy", "dtype": "float32", "fn": "categorical_accuracy"},
            }
        ]
    ]
    model = two_layers(tmp_path, "m.h5", "2.4.0", training(ADAM, loss, metrics), [])
    x, labels = values(6, 3), np.eye(2)[[0, 1, 0, 1, 1, 0]].astype("float32")
    found = model.evaluate(x, labels, verbose=0, return_dict=True)
    logits = model.predict(x, verbose=0)
    assert found["loss"] == pytest.approx(-np.mean(np.log(softmax(logits))[labels > 0]), rel=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == labels.argmax(1)))
    assert model.loss.from_logits is True
    with pytest.raises(ValueError, match=r"(?s)my_loss") as error:
        two_layers(tmp_path, "m.h5", "2.4.0", training(ADAM, "my_loss"), [])
    assert any("compile=False" in note for note in error.value.__notes__)


def test_nested_models_in_archives(tmp_path: Any) -> None:
    """Both models inside were compiled, which is theirs."""
    shape = {"input_shape": [None, 3]}
    compiled = {"optimizer": "rmsprop", "loss": "mse", "metrics": None, "is_legacy_optimizer": False}
    inner = keras_2_archive(
        "Sequential",
        [
            placed(
                node("InputLayer", "i", [], batch_input_shape=[None, 3], dtype="float32", sparse=False, ragged=False)
            ),
            placed(dense_2("dense", 2), build_config=shape),
        ],
        build_config=shape,
        compile_config=compiled,
    )
    inner["config"]["name"] = "inner"
    layers = [placed(node("InputLayer", "x", [], batch_input_shape=[None, 3], dtype="float32"))]
    layers.append({**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]})
    config = keras_2_archive("Functional", layers, compile_config=None)
    config["config"] |= {"trainable": True, "input_layers": [["x", 0, 0]], "output_layers": [["inner", 1, 0]]}
    kernel, bias = values(3, 2), values(2)
    groups = {"_layer_checkpoint_dependencies/sequential/_layer_checkpoint_dependencies/dense": [kernel, bias]}
    write_archive(tmp_path / "m.keras", config, groups, "2.12.0")
    model = keras.models.load_model(tmp_path / "m.keras")
    x = values(4, 3)
    close(model.predict(x, verbose=0), x @ kernel + bias)
    assert not model.compiled and not model.get_layer("inner").compiled


def test_classes_of_the_program(tmp_path: Any) -> None:
    class Scale(keras.layers.Layer):
        def __init__(self, by: float, **kwargs: Any):
            super().__init__(**kwargs)
            self.by = by

        def call(self, x: Any) -> Any:
            return x * self.by

    def my_loss(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    first = layer("Scale", "scale", by=3.0, batch_input_shape=[None, 3], dtype="float32", dynamic=False)
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [first, dense_2("d", 2)]}}
    groups = [("scale", []), weights_2("d", values(3, 2), values(2))]
    write_h5(tmp_path / "m.h5", groups, config, "2.3.0", "tensorflow", training(ADAM, "my_loss", ["my_loss"]))
    model = keras.models.load_model(tmp_path / "m.h5", custom_objects={"Scale": Scale, "my_loss": my_loss})
    x, y = values(4, 3), values(4, 2)
    expected = 3 * x @ values(3, 2) + values(2)
    close(model.predict(x, verbose=0), expected)
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(np.abs(expected - y).mean(), rel=1e-5)


def test_paths_with_an_underscore_in_keras_3(tmp_path: Any) -> None:
    """Early files of Keras 3 have the private names of attention's parts."""
    i = keras.Input((3, 4))
    model = keras.Model(i, keras.layers.MultiHeadAttention(2, 2)(i, i))
    model.save_weights(tmp_path / "w.weights.h5")
    before = model.get_weights()
    with h5py.File(tmp_path / "w.weights.h5", "r+") as file:
        parts = file["layers/multi_head_attention"]
        for name in [n for n in parts if n.endswith("_dense")]:
            parts.move(name, f"_{name}")
    model.set_weights([np.zeros_like(w) for w in before])
    model.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_names_and_policies_of_tensorflow(tmp_path: Any) -> None:
    first = dense_2("block/dense", 2, batch_input_shape=[None, 3])
    first["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "mixed_bfloat16"}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [first]}}
    groups = [weights_2("block/dense", values(3, 2), values(2))]
    write_h5(tmp_path / "m.h5", groups, config, "2.6.0", "tensorflow")
    model = keras.models.load_model(tmp_path / "m.h5")
    assert model.layers[0].name == "block_dense" and model.layers[0].dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_array_equal(model.get_weights()[0], values(3, 2))


# What can't be read


def test_bytecode_is_not_run(tmp_path: Any) -> None:
    texts = {"latin-1": "\u00e3\u0001\u0000\u0000\u0000", "base64": "4wEAAAAAAAAAAAAA\n"}
    for kind, text in texts.items():
        config = {
            "class_name": "Sequential",
            "config": [
                layer(
                    "Lambda",
                    "scale",
                    function=[text, None, None],
                    function_type="lambda",
                    batch_input_shape=[None, 2],
                    output_shape=[text, None, None] if kind == "base64" else None,
                    output_shape_type="lambda" if kind == "base64" else "raw",
                    arguments={},
                )
            ],
        }
        write_h5(tmp_path / f"{kind}.h5", [], config, "2.1.0", "tensorflow")
        with pytest.raises(ValueError, match=r"(?s)`Lambda` layer.*'scale'.*custom_objects"):
            keras.models.load_model(tmp_path / f"{kind}.h5")
        model = keras.models.load_model(tmp_path / f"{kind}.h5", custom_objects={"scale": lambda x: 3 * x})
        close(model.predict(np.ones((1, 2)), verbose=0), np.full((1, 2), 3.0))


def test_classes_of_their_authors_are_named(tmp_path: Any) -> None:
    config, groups, _ = autoencoder(1)
    config["config"]["layers"][1]["config"]["layers"][1]["class_name"] = "Capsule"
    write_h5(tmp_path / "m.h5", groups, config, "2.2.4", "tensorflow")
    with pytest.raises(ValueError, match=r"(?s)Capsule.*layer 'd1' of model 'encoder'"):
        keras.models.load_model(tmp_path / "m.h5")


def test_a_partial_load_lists_what_did_not_match(tmp_path: Any) -> None:
    config, groups, _ = autoencoder(1)
    write_h5(tmp_path / "m.h5", groups[:2], config, "2.2.4", "tensorflow")
    with pytest.raises(ValueError, match=r"expected 2 layers, found 1 saved layers.*\['decoder'\]"):
        keras.models.load_model(tmp_path / "m.h5")


YAML = """backend: tensorflow
class_name: Sequential
config:
- class_name: Dense
  config:
    activation: relu
    batch_input_shape: !!python/tuple [null, 3]
    name: !!python/unicode 'dense_1'
    trainable: true
    units: 2
    use_bias: true
    kernel_initializer:
      class_name: VarianceScaling
      config: {distribution: uniform, mode: fan_avg, scale: 1.0, seed: null}
keras_version: 2.1.0
"""


def test_yaml(tmp_path: Any) -> None:
    pytest.importorskip("yaml")
    model = keras.models.model_from_json(YAML)
    write_h5(tmp_path / "w.h5", [weights_2("dense_1", values(3, 2), values(2))], None, "2.1.0", "tensorflow")
    model.load_weights(tmp_path / "w.h5")
    x = values(4, 3)
    close(model.predict(x, verbose=0), relu(x @ values(3, 2) + values(2)))
    with pytest.raises(ValueError, match="could not determine a constructor for the tag"):
        keras.models.model_from_json(YAML.replace("true", "!!python/object/apply:os.getcwd []", 1))
