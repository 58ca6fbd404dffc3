"""Fashion-MNIST: articles of clothing."""

import gzip

import numpy as np

from .sources import Splits, fetch


def load_data() -> Splits:
    """Loads Fashion-MNIST: 70,000 gray images of clothes, in place of MNIST's digits.

    The classes are T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag and ankle boot.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28, 28)` in [0, 255], and
        their classes, uint8, `(60000,)` and `(10000,)`.

    Raises:
        OSError: A file is not in the cache and could not be fetched.

    Source: https://github.com/zalandoresearch/fashion-mnist (MIT).

    >>> (x, y), _ = keras.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    """
    train, test = ((_read(f"{part}-images-idx3-ubyte.gz"), _read(f"{part}-labels-idx1-ubyte.gz")) for part in _PARTS)
    return train, test


_PARTS = ("train", "t10k")


def _read(source: str) -> np.ndarray:
    """Reads an IDX file: the number of axes in the fourth byte, their sizes as big-endian int32, and uint8 values."""
    with gzip.open(fetch(source, folder="datasets/fashion-mnist")) as file:
        data = file.read()
    axes = data[3]
    shape = np.frombuffer(data, ">i4", axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
