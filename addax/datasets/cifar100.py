"""CIFAR-100: small images of a hundred classes."""

from .cifar import read_batches
from .sources import Splits, fetch


def load_data(label_mode: str = "fine") -> Splits:
    """Loads CIFAR-100: 60,000 color images of 100 classes, which belong to 20 superclasses.

    Args:
        label_mode: "fine" for the classes, "coarse" for the superclasses.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)` in [0, 255]
        (channels first where that is the default data format), and their labels, int64, `(50000, 1)` and `(10000, 1)`.

    Raises:
        ValueError: `label_mode` is something else.
        OSError: The file is not in the cache and could not be fetched.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html.

    >>> (x, y), _ = keras.datasets.cifar100.load_data()  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.')
    folder = fetch("cifar-100-python.tar.gz", "cifar-100-python-target", extract=True) / "cifar-100-python"
    train, test = (read_batches([folder / part], f"{label_mode}_labels", "int64") for part in ("train", "test"))
    return train, test
