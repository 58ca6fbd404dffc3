"""MNIST: handwritten digits."""

from .sources import Splits, fetch, read_npz


def load_data(path: str = "mnist.npz") -> Splits:
    """Loads MNIST: 70,000 gray images of handwritten digits.

    Args:
        path: Name of the file in the folder `datasets` of the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(60000, 28, 28)` and `(10000, 28, 28)` in [0, 255], and
        their digits, uint8, `(60000,)` and `(10000,)`.

    Raises:
        OSError: The file is not in the cache and could not be fetched.

    Source: http://yann.lecun.com/exdb/mnist/ (CC BY-SA 3.0).

    >>> (x, y), _ = keras.datasets.mnist.load_data()  # doctest: +SKIP
    """
    data = read_npz(fetch("mnist.npz", path))
    return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
