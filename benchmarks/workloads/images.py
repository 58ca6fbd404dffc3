"""Models of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import weights
from .base import Fit
from .dense import digits, logits_loss


def images(rows: int, size: int, channels: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Noise in which each class has a pattern of its own."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, classes, rows, "int32")
    patterns = rng.standard_normal((classes, size, size, channels), "float32")
    x = rng.standard_normal((rows, size, size, channels), "float32")
    return x + 0.2 * patterns[y], y


# The digits: the model of `addax demo`


def _digits_demo(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1), name="image"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _digit_images(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = digits(rows)
    return x.reshape(-1, 8, 8, 1), y


# MNIST


def _mnist(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def _mnist_weights() -> list[np.ndarray]:
    return weights.draw(weights.conv(3, 1, 32) + weights.conv(3, 32, 64) + weights.dense(7 * 7 * 64, 10))


def _mnist_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax

    from .. import raw_jax as by_hand

    def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
        k1, b1, k2, b2, w, b = params
        x = by_hand.max_pool(jax.nn.relu(by_hand.conv(x, k1, b1)))
        x = by_hand.max_pool(jax.nn.relu(by_hand.conv(x, k2, b2)))
        return x.reshape(len(x), -1) @ w + b, statistics

    return by_hand.Training(apply, by_hand.cross_entropy, _mnist_weights(), (), x, y, batch_size, scan=False)


def _rows_of_channels_first(kernel: np.ndarray, side: int) -> np.ndarray:
    """The kernel of a dense layer after flattening `(side, side, channels)`, for `(channels, side, side)`."""
    return kernel.reshape(side, side, -1, kernel.shape[-1]).transpose(2, 0, 1, 3).reshape(kernel.shape)


def _mnist_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    from torch import nn

    from .. import raw_torch as by_hand

    module = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 10),
    )
    values = _mnist_weights()
    values[4] = _rows_of_channels_first(values[4], 7)
    by_hand.load(module, by_hand.kernels(values))
    return by_hand.Training(module, nn.functional.cross_entropy, x, y, batch_size, channels_last=True)


# CIFAR


def _cnn(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def _cnn_weights() -> list[np.ndarray]:
    specs = weights.conv(3, 3, 32) + weights.batch_norm(32) + weights.conv(3, 32, 32)
    return weights.draw(specs + weights.conv(3, 32, 64) + weights.conv(3, 64, 64) + weights.dense(8 * 8 * 64, 10))


def _cnn_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax

    from .. import raw_jax as by_hand

    def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
        k1, b1, gamma, beta, k2, b2, k3, b3, k4, b4, w, b = params
        x = jax.nn.relu(by_hand.conv(x, k1, b1))
        x, statistics = by_hand.batch_norm(x, gamma, beta, statistics, key is not None)
        x = by_hand.max_pool(jax.nn.relu(by_hand.conv(x, k2, b2)))
        x = jax.nn.relu(by_hand.conv(x, k3, b3))
        x = by_hand.max_pool(jax.nn.relu(by_hand.conv(x, k4, b4)))
        return by_hand.dropout(x, 0.25, key).reshape(len(x), -1) @ w + b, statistics

    values = _cnn_weights()
    params, statistics = values[:4] + values[6:], tuple(values[4:6])
    return by_hand.Training(apply, by_hand.cross_entropy, params, statistics, x, y, batch_size, scan=False)


def _cnn_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    from torch import nn

    from .. import raw_torch as by_hand

    module = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(32, eps=1e-3, momentum=0.1),
        nn.Conv2d(32, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(8 * 8 * 64, 10),
    )
    values = _cnn_weights()
    values[12] = _rows_of_channels_first(values[12], 8)
    by_hand.load(module, by_hand.kernels(values))
    return by_hand.Training(module, nn.functional.cross_entropy, x, y, batch_size, channels_last=True)


# Separable convolutions


def _separable(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 32)),
            layers.SeparableConv2D(64, 3, padding="same", activation="relu"),
            layers.SeparableConv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )


def _separable_weights() -> list[np.ndarray]:
    specs: list[weights.Spec] = []
    for channels in (32, 64):
        specs += [
            ("depthwise_kernel", (3, 3, channels, 1)),
            ("pointwise_kernel", (1, 1, channels, 64)),
            ("bias", (64,)),
        ]
    return weights.draw(specs + weights.dense(64, 10))


def _separable_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax
    import jax.numpy as jnp

    from .. import raw_jax as by_hand

    def depthwise(x: Any, kernel: Any) -> Any:
        # Nine shifted products: on a CPU far faster than a convolution with as many groups as channels.
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        _, h, w, _ = x.shape
        return sum(padded[:, i : i + h, j : j + w] * kernel[i, j, :, 0] for i in range(3) for j in range(3))

    def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
        d1, p1, b1, d2, p2, b2, w, b = params
        x = jax.nn.relu(depthwise(x, d1) @ p1[0, 0] + b1)
        x = jax.nn.relu(depthwise(x, d2) @ p2[0, 0] + b2)
        return x.mean((1, 2)) @ w + b, statistics

    return by_hand.Training(apply, by_hand.cross_entropy, _separable_weights(), (), x, y, batch_size, scan=True)


def _separable_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    from torch import nn

    from .. import raw_torch as by_hand

    def separable(channels: int) -> list[nn.Module]:
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        return [depthwise, nn.Conv2d(channels, 64, 1), nn.ReLU()]

    module = nn.Sequential(*separable(32), *separable(64), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    values = _separable_weights()
    for i in (0, 3):  # a depthwise kernel is (h, w, channels, 1): its filters are its channels
        values[i] = values[i].transpose(0, 1, 3, 2)
    by_hand.load(module, by_hand.kernels(values))
    return by_hand.Training(module, nn.functional.cross_entropy, x, y, batch_size, channels_last=True)


# Residual network


def resnet20(keras: Any) -> Any:
    layers = keras.layers

    def normed(x: Any, filters: int, size: int = 3, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    image = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(normed(image, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            shortcut = x if stride == 1 else normed(x, filters, 1, stride)
            out = layers.Activation("relu")(normed(x, filters, 3, stride))
            x = layers.Activation("relu")(layers.add([normed(out, filters), shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10)(x))


# Autoencoder


def _autoencoder(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )


def _same(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = 1 / (1 + np.exp(-images(rows, 28, 1)[0]))
    return x, x


WORKLOADS = {
    w.name: w
    for w in (
        Fit(
            name="digits-demo",
            title="the model of `addax demo`: 3 convolutions on the digits, batch 32",
            family="small",
            data=_digit_images,
            rows=(1797, 1797),
            batch_size=32,
            build=_digits_demo,
            compile=lambda keras: {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
            epochs=2,
            rtol=(0.3, 0.5),
        ),
        Fit(
            name="mnist-cnn",
            title="2 convolutions, 28x28x1, 8,192 rows, batch 128",
            family="conv",
            data=lambda rows: images(rows, 28, 1),
            rows=(8192, 2048),
            batch_size=128,
            build=_mnist,
            compile=logits_loss,
            raw_jax=_mnist_raw_jax,
            raw_torch=_mnist_raw_torch,
            rtol=(1e-3, 0.05),
        ),
        Fit(
            name="cnn",
            title="4 convolutions, batch norm, dropout, 32x32x3, 2,048 rows, batch 64",
            family="conv",
            data=lambda rows: images(rows, 32, 3),
            rows=(2048, 512),
            batch_size=64,
            build=_cnn,
            compile=logits_loss,
            raw_jax=_cnn_raw_jax,
            raw_torch=_cnn_raw_torch,
            quick=True,
            rtol=(0.2, 0.2),
        ),
        Fit(
            name="separable",
            title="2 separable convolutions, 32x32x32, 512 rows, batch 64",
            family="separable",
            data=lambda rows: images(rows, 32, 32),
            rows=(512, 128),
            batch_size=64,
            build=_separable,
            compile=logits_loss,
            raw_jax=_separable_raw_jax,
            raw_torch=_separable_raw_torch,
            quick=True,
        ),
        Fit(
            name="resnet20",
            title="ResNet-20, 32x32x3, 512 rows, batch 64",
            family="conv",
            data=lambda rows: images(rows, 32, 3),
            rows=(512, 128),
            batch_size=64,
            build=resnet20,
            compile=logits_loss,
            rtol=(2e-2, 0.2),
        ),
        Fit(
            name="autoencoder",
            title="autoencoder with transposed convolutions, 28x28x1, 2,048 rows, batch 64",
            family="conv",
            data=_same,
            rows=(2048, 512),
            batch_size=64,
            build=_autoencoder,
            compile=lambda keras: {"loss": "binary_crossentropy"},
        ),
    )
}
