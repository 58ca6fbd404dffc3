"""CIFAR-10: small images of ten classes."""

from .cifar import read_batches
from .sources import Splits, fetch


def load_data() -> Splits:
    """Loads CIFAR-10: 60,000 color images of ten classes.

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)` in [0, 255]
        (channels first where that is the default data format), and their classes, uint8, `(50000, 1)` and `(10000, 1)`.

    Raises:
        OSError: The file is not in the cache and could not be fetched.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html.

    >>> (x, y), _ = keras.datasets.cifar10.load_data()  # doctest: +SKIP
    """
    folder = fetch("cifar-10-python.tar.gz", "cifar-10-batches-py-target", extract=True) / "cifar-10-batches-py"
    train = read_batches([folder / f"data_batch_{number}" for number in range(1, 6)], "labels", "uint8")
    return train, read_batches([folder / "test_batch"], "labels", "uint8")
