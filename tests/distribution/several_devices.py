"""What runs on 8 virtual devices, in a process of its own: `python -m tests.distribution.several_devices CHECK ...`.

Each check raises AssertionError where several devices do not give what one gives. JAX has as many devices as the flags
say before it starts, so the tests call this in a process that has 8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import addax as keras
from addax import layers

spread = keras.distribution
rng = np.random.default_rng(0)
ROWS = rng.normal(size=(100, 8)).astype("float32")
LABELS = rng.integers(0, 3, 100)


def mlp(optimizer: str = "adam") -> Any:
    """A model with all that depends on other rows or on chance; no bias that batch normalization makes useless."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(distribution: Any, make: Callable[[], Any] = mlp, batch: int = 64, **options: Any) -> tuple[Any, dict, Any]:
    """Trains a model under a distribution; returns it, its history and what it predicts."""
    spread.set_distribution(distribution)
    keras.utils.set_random_seed(1)
    model = make()
    source = options.pop("source", None)
    data = {"x": ROWS, "y": LABELS, "batch_size": batch} if source is None else {"x": source(batch)}
    options = {"verbose": 0, "epochs": 2, **options}
    if source is None:
        options = {"validation_split": 0.2, **options}
    history = model.fit(**data, **options).history
    return model, history, model.predict(ROWS[:13], verbose=0)


def assert_same(one: tuple[Any, dict, Any], other: tuple[Any, dict, Any], rtol: float = 1e-6) -> None:
    """Asserts that two runs of `trained` are equal but for rounding."""
    assert one[1].keys() == other[1].keys()
    for name, values in one[1].items():
        np.testing.assert_allclose(other[1][name], values, rtol=rtol, err_msg=name)
    np.testing.assert_allclose(other[2], one[2], rtol=10 * rtol, atol=1e-7)
    for mine, theirs in zip(one[0].get_weights(), other[0].get_weights()):
        np.testing.assert_allclose(theirs, mine, rtol=20 * rtol, atol=1e-6)


def fast() -> None:
    """The way of a person with one box: a ragged batch, validation, prediction, evaluation, calls, going back."""
    assert len(spread.list_devices()) == 8
    one = trained(None)
    many = trained(spread.DataParallel())
    assert_same(one, many)
    model = many[0]
    kernel = model.layers[0].kernel
    assert len(kernel.value.sharding.device_set) == 8
    batch = model.optimizer.variables[-1].value
    assert len(batch.sharding.device_set) == 8
    on_many = model.evaluate(ROWS, LABELS, batch_size=100, verbose=0)
    called = np.asarray(model(ROWS[:3]))
    spread.set_distribution(None)
    np.testing.assert_allclose(model.evaluate(ROWS, LABELS, batch_size=100, verbose=0), on_many, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model(ROWS[:3])), called, rtol=1e-6)
    assert len(kernel.value.sharding.device_set) == 1


CHECKS = [fast]


def main() -> None:
    """Runs the checks that are named, and says when each is done."""
    for check in CHECKS:
        if check.__name__ in sys.argv[1:]:
            check()
            print("done:", check.__name__)


if __name__ == "__main__":
    main()
