"""Logs that come from the device when somebody looks, and are a dict for everybody who does."""

from __future__ import annotations

import json
import pickle

import jax.numpy as jnp
import numpy as np
import pytest

import addax as keras
from addax.training.logs import LazyLogs

PLAIN = {"accuracy": 0.5, "loss": 2.0}


def lazy() -> LazyLogs:
    return LazyLogs({"loss": jnp.float32(2.0), "accuracy": jnp.float32(0.5)})


@pytest.mark.parametrize(
    "look",
    [
        dict,
        lambda d: {**d},
        lambda d: json.loads(json.dumps(d)),
        lambda d: pickle.loads(pickle.dumps(d)),
        lambda d: d.copy(),
        lambda d: dict(d.items()),
        lambda d: dict(zip(d.keys(), d.values())),
        lambda d: {k: d[k] for k in d},
        lambda d: {k: d.get(k) for k in ("accuracy", "loss") if k in d},
        lambda d: d | {},
        lambda d: d or {},
    ],
)
def test_it_is_a_dict_of_floats(look):
    found = look(lazy())
    assert found == PLAIN
    assert list(found) == ["accuracy", "loss"]
    assert all(type(v) is float for v in dict(found).values())


def test_it_can_be_changed():
    logs = lazy()
    logs["lr"] = 0.1
    assert logs.pop("loss") == 2.0
    assert logs == {"accuracy": 0.5, "lr": 0.1}
    assert len(logs) == 2
    assert repr(logs) == "{'accuracy': 0.5, 'lr': 0.1}"


def test_nothing_is_fetched_for_a_callback_that_does_not_look():
    class Counts(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.logs = []

        def on_train_batch_end(self, batch, logs=None):
            self.logs.append(logs)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    seen = Counts()
    x = np.arange(16, dtype="float32").reshape(8, 2) / 16
    history = model.fit(x, x[:, :1], batch_size=2, verbose=0, shuffle=False, callbacks=[seen])
    assert [logs._on_device is not None for logs in seen.logs] == [True] * 4
    assert seen.logs[-1]["loss"] == history.history["loss"][0]
    assert seen.logs[0]["loss"] != seen.logs[-1]["loss"]
