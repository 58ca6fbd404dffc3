"""Start-up: how long a script takes to import the library and make a model, and to its first step a second time.

Every run is a process of its own, in which nothing was imported before.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from dataclasses import dataclass
from typing import Any

from ..implementations import BACKENDS, Implementation
from .base import Measure, Result, Settings, Workload, import_keras


@dataclass(frozen=True)
class Script(Workload):
    """A script that runs from its start to its end in a process of its own.

    Args:
        scripts: Its name as a measure, and the script: `implementation -> result`. What a result says of seconds
            counts; otherwise the time of the whole process does.
        times: How often each runs, or None for as often as the command says.
    """

    name: str
    title: str
    family: str
    scripts: dict[str, Any]
    times: tuple[int | None, ...]
    quick: bool = True
    implementations: tuple[str, ...] = BACKENDS
    rtol: tuple[float, float] = (1e-3, 1e-3)

    def measures(self, settings: Settings) -> list[Measure]:
        return [Measure(name, times, fresh=True) for name, times in zip(self.scripts, self.times)]

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        return _Session(self, implementation)


class _Session:
    def __init__(self, workload: Script, implementation: Implementation):
        self.workload, self.implementation = workload, implementation

    def run(self, measure: str) -> Result:
        return self.workload.scripts[measure](self.implementation)


def _import(implementation: Implementation) -> Result:
    began = time.perf_counter()
    keras = import_keras(implementation)
    imported = time.perf_counter()
    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        model.summary()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "import_seconds": imported - began, "modules": len(sys.modules)}


def _first_step(implementation: Implementation) -> Result:
    """A script that makes a network, and ends with its first step of training."""
    import numpy as np

    from . import weights
    from .images import resnet20

    keras = import_keras(implementation)
    model = resnet20(keras)
    model.set_weights(weights.of_model(model))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((32, 32, 32, 3), "float32"), rng.integers(0, 10, 32)
    return {"loss": float(model.fit(x, y, batch_size=32, verbose=0).history["loss"][0])}


WORKLOADS = {
    w.name: w
    for w in (
        Script(
            name="startup",
            title="import, the first Sequential model, its summary",
            family="startup",
            scripts={"import": _import},
            times=(None,),
        ),
        Script(
            name="second-start",
            title="a script that trains ResNet-20 for a step, from its start to its end: the first time, and again",
            family="second-start",
            scripts={"first_start": _first_step, "second_start": _first_step},
            times=(1, 3),
            quick=False,
            implementations=("addax", "keras-jax"),
            rtol=(1e-2, 1e-2),
        ),
    )
}
