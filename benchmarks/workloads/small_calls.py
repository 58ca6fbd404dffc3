"""Many small things in a row: fits of one architecture made anew each time, and predictions for many batch sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..implementations import BACKENDS, Implementation
from .base import Measure, Result, Settings, Workload, import_keras, timed


@dataclass(frozen=True)
class Repeated(Workload):
    """Something that is done many times, once in each process."""

    name: str
    title: str
    measure: str
    prepare: Callable[[Any, Settings], Callable[[], Result]]
    quick: bool = True
    implementations: tuple[str, ...] = BACKENDS
    rtol: tuple[float, float] = (1e-3, 1e-3)

    @property
    def family(self) -> str:  # type: ignore[override]
        return self.name

    def measures(self, settings: Settings) -> list[Measure]:
        return [Measure(self.measure, 1)]

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        keras = import_keras(implementation)
        keras.ops.convert_to_tensor(0.0)  # the engine starts, which addax leaves until it is needed
        return _Session(self.prepare(keras, settings))


class _Session:
    def __init__(self, run: Callable[[], Result]):
        self._run = run

    def run(self, measure: str) -> Result:
        seconds, result = timed(self._run)
        return {"seconds": seconds, **result}


def _model(keras: Any) -> Any:
    from . import weights

    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    model.set_weights(weights.of_model(model))
    return model


def _small_fits(keras: Any, settings: Settings) -> Callable[[], Result]:
    """A loop of cross-validation."""
    from .dense import digits

    x, y = digits(1600)
    fits = settings.size(100, 10)

    def run() -> Result:
        losses = []
        for fold in range(fits):
            start = fold % 8 * 200
            model = _model(keras)
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(
                x[start : start + 200], y[start : start + 200], batch_size=20, epochs=2, shuffle=False, verbose=0
            )
            losses.append(history.history["loss"][-1])
        return {"loss": float(sum(losses) / fits)}

    return run


def _sizes(keras: Any, settings: Settings) -> Callable[[], Result]:
    import numpy as np

    model = _model(keras)
    x = np.random.default_rng(10).random((1000, 64), "float32")
    sizes = range(1, 1 + settings.size(100, 25))

    def run() -> Result:
        found = (model.predict(x[:size], batch_size=size, verbose=0) for size in sizes)
        return {"check": float(sum(np.square(y).sum() for y in found))}

    return run


WORKLOADS = {
    w.name: w
    for w in (
        Repeated("small-fits", "100 fits of an MLP, made anew for each (10 in a quick run)", "fits", _small_fits),
        Repeated("batch-sizes", "`predict` on 100 batch sizes (25 in a quick run)", "predict_sizes", _sizes),
    )
}
