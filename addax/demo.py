"""The demo, from data to training curves: `addax demo`."""

from __future__ import annotations

import importlib
import os
import time
from types import ModuleType
from typing import Any

import numpy as np


def load_digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Loads scikit-learn's handwritten digits, 1,797 images of 8x8 pixels, shuffled and split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 images `(samples, 8, 8, 1)` in [0, 1], and int32 labels 0 to 9.

    Raises:
        ImportError: scikit-learn is missing.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError("The demo uses scikit-learn's digits. Run `pip install 'addax-keras[demo]'`.") from error
    digits = datasets.load_digits()
    x = (digits.images / 16).astype("float32")[..., None]
    y = digits.target.astype("int32")
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    held_out = len(x) // 5
    return (x[held_out:], y[held_out:]), (x[:held_out], y[:held_out])


def one_output(keras: ModuleType) -> Any:
    """Returns a small convolutional network that classifies digits."""
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
        ],
        name="digits",
    )


def two_outputs(keras: ModuleType) -> Any:
    """Returns a functional model with two outputs per image: which digit it is, and whether it is even."""
    layers = keras.layers
    image = keras.Input(shape=(8, 8, 1), name="image")
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    digit = layers.Dense(10, activation="softmax", name="digit")(x)
    even = layers.Dense(1, activation="sigmoid", name="even")(x)
    return keras.Model(image, [digit, even], name="digit_and_parity")


def main(picture: str = "addax-demo.png", epochs: int | None = None) -> int:
    """Trains both models, prints their accuracy, and plots the training curves.

    Args:
        picture: Path of the plot.
        epochs: Number of epochs of each training; None for enough to reach good accuracy.

    Returns:
        Exit status 0.

    Raises:
        ImportError: scikit-learn or matplotlib is missing.
        ValueError: The picture can't be written.
    """
    _check_picture(picture)
    keras = importlib.import_module("addax")
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load_digits()
    print(f"{len(x_train)} images of handwritten digits to train on, {len(x_test)} held out to test\n")

    print("1. Which digit is it? A convolutional network\n")
    model = one_output(keras)
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.time()
    first = model.fit(x_train, y_train, batch_size=32, epochs=epochs or 15, validation_data=(x_test, y_test))
    seconds = time.time() - began
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nTrained in {seconds:.1f} s. Accuracy on the held-out digits: {accuracy:.2%}\n")

    print("2. Which digit is it, and is it even? Two outputs, a loss for each\n")
    model = two_outputs(keras)
    model.summary()
    model.compile(
        optimizer="adam",
        loss={"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"},
        loss_weights={"digit": 1.0, "even": 0.5},
        metrics={"digit": ["accuracy"], "even": ["accuracy"]},
    )

    def labels(y: np.ndarray) -> dict[str, np.ndarray]:
        return {"digit": y, "even": (y % 2 == 0).astype("float32")[:, None]}

    second = model.fit(
        x_train,
        labels(y_train),
        batch_size=32,
        epochs=epochs or 10,
        validation_data=(x_test, labels(y_test)),
        verbose=2,
    )
    results = model.evaluate(x_test, labels(y_test), verbose=0, return_dict=True)
    print(f"\nAccuracy on the held-out digits: digit {results['digit_accuracy']:.2%}, ", end="")
    print(f"even {results['even_accuracy']:.2%}\n")

    print(f"Training curves: {_draw([first, second], picture)}")
    return 0


def _check_picture(path: str) -> None:
    """Finds out before the training whether the picture can be written after it."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise ImportError("The demo plots with matplotlib. Run `pip install 'addax-keras[demo]'`.") from error
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK) or os.path.isdir(path):
        raise ValueError(f"The picture can't be written to {path}: its folder must exist, and be open for writing.")
    formats = FigureCanvasBase.get_supported_filetypes()
    if (extension := os.path.splitext(name)[1].lstrip(".").lower() or "png") not in formats:
        raise ValueError(
            f"The picture can't have the format {extension!r}. Known formats: {', '.join(sorted(formats))}."
        )


def _draw(histories: list[Any], path: str) -> str:
    """Plots the curves of all trainings as one picture; returns its absolute path."""
    import matplotlib

    matplotlib.use("Agg")  # no window
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(11, 7), layout="constrained")
    titles = ("Which digit?", "Which digit, and is it even?")
    curves = (["loss", "accuracy"], ["loss", "digit_accuracy", "even_accuracy"])
    parts: Any = figure.subfigures(len(histories), 1)
    for part, history, title, names in zip(parts, histories, titles, curves):
        part.suptitle(title, fontweight="bold")
        history.plot(names, figure=part)
    path = os.path.abspath(path)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path
