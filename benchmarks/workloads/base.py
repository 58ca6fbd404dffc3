"""What a workload is, and the common one: a model that is fitted, evaluated and asked for predictions.

A workload is looked at in two places. The command asks what it measures; a worker, a process of one implementation,
starts a session of it and runs the measurements it is told to. Nothing here imports an engine before a session starts.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..implementations import KERAS_LIKE, Implementation

SPARSE_ADAM = MappingProxyType(
    {"keras-tensorflow": "its Adam squares the gradients of an embedding's row one by one, where a batch has it twice"}
)


@dataclass(frozen=True)
class Measure:
    """One thing that is measured.

    Args:
        name: Its name in results.
        repeats: How often it is run, or None for as often as the command says. What happens once in a process, such
            as a first epoch, is run once in each process.
        fresh: Whether each run has a process of its own, the start of which is part of the time.
    """

    name: str
    repeats: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Settings:
    """How large a run is: rows of the data, and of what is done many times, how many."""

    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


SAME_MODEL = "same_model"  # no time counts: the predictions of the untrained model, the same in all implementations
Result = dict[str, Any]  # "seconds", and perhaps "loss", "check", "p50", "p99", "compiles", ...


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    value = run()
    return time.perf_counter() - began, value


def latencies(run: Callable[[], Any], calls: int) -> Result:
    """The time of one call: its median and 99th percentile over `calls` calls."""
    times = []
    for _ in range(calls):
        seconds, _ = timed(run)
        times.append(seconds)
    times.sort()
    return {"seconds": times[calls // 2], "p50": times[calls // 2], "p99": times[min(calls - 1, int(calls * 0.99))]}


class Workload:
    """A workload.

    Attributes:
        name: Its name on the command line and in results.
        title: What it is, in a few words.
        family: The row of the table of goals that it counts for.
        quick: Whether a quick run has it.
        rtol: How far losses may be from those of Keras/JAX, relatively: after the first epoch and after the last.
        differs: Implementations whose losses are others for a known reason, and the reason.
    """

    name: str
    title: str
    family: str
    quick: bool
    rtol: tuple[float, float]
    differs: Mapping[str, str] = MappingProxyType({})

    @property
    def implementations(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def module(self) -> str:
        """The module whose `WORKLOADS` has this one."""
        from . import module_of

        return module_of(self.name)

    def measures(self, settings: Settings) -> list[Measure]:
        raise NotImplementedError

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        """Begins a session: an object whose method `run(name)` runs a measurement and returns its `Result`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Fit(Workload):
    """A model that is fitted on arrays, evaluated, and asked for predictions.

    Args:
        data: `rows -> (x, y)`, arrays. `y` may be None.
        rows: Rows in a full run and in a quick one.
        batch_size: Rows a batch.
        build: `keras -> model`; the same lines for addax and every backend of Keras.
        compile: `keras -> arguments of compile()`; Adam where they name no optimizer.
        raw_jax, raw_torch: The same by hand: `(x, y, batch_size) -> session`, with methods `epoch() -> loss`,
            `evaluate() -> loss`, `predict(x) -> array`.
        train: What stands for `fit`: `(model, x, y, batch_size, epochs) -> History`.
        epochs: Epochs of each warm measurement, whose time is divided by them.
        one_row: Whether the latency of one row is measured.
        inference: Whether evaluate and predict are measured.
        without: Implementations that are not measured.
    """

    name: str
    title: str
    family: str
    data: Callable[[int], tuple[Any, Any]]
    rows: tuple[int, int]
    batch_size: int
    build: Callable[[Any], Any]
    compile: Callable[[Any], dict[str, Any]]
    raw_jax: Callable[..., Any] | None = None
    raw_torch: Callable[..., Any] | None = None
    train: Callable[..., Any] | None = None
    epochs: int = 1
    one_row: bool = False
    inference: bool = True
    quick: bool = False
    rtol: tuple[float, float] = (2e-4, 5e-3)
    without: tuple[str, ...] = ()
    differs: Mapping[str, str] = field(default_factory=dict)

    @property
    def implementations(self) -> tuple[str, ...]:
        by_hand = [name for name, made in (("raw-jax", self.raw_jax), ("raw-torch", self.raw_torch)) if made]
        return tuple(name for name in (*KERAS_LIKE, *by_hand) if name not in self.without)

    def measures(self, settings: Settings) -> list[Measure]:
        found = [Measure("first_epoch", 1), Measure("fit")]
        if self.inference and (self.one_row or not settings.quick):
            found += [
                Measure("evaluate_first", 1),
                Measure("evaluate"),
                Measure("predict_first", 1),
                Measure("predict"),
            ]
        if self.one_row:
            found += [Measure("predict_row"), Measure("call_row")]
        if self.inference:
            found.append(Measure(SAME_MODEL, 1))
        return found

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        x, y = self.data(settings.size(*self.rows))
        if not implementation.by_hand:
            return KerasSession(self, implementation, x, y)
        make = self.raw_jax if implementation.backend == "jax" else self.raw_torch
        assert make is not None
        return RawSession(self, make, x, y)


def import_keras(implementation: Implementation) -> Any:
    assert implementation.module is not None
    return importlib.import_module(implementation.module)


def made_and_compiled(workload: Fit, keras: Any, implementation: Implementation) -> Any:
    """The workload's model with its weights set and compiled."""
    from . import weights

    model = workload.build(keras)
    model.set_weights(weights.of_model(model))
    model.compile(**{"optimizer": "adam", **workload.compile(keras), **implementation.compile_arguments})
    return model


class KerasSession:
    """A session of a `Fit` in Keras or addax: a plain script, as a user writes it."""

    def __init__(self, workload: Fit, implementation: Implementation, x: Any, y: Any):
        self.workload = workload
        self.x, self.y = x, y
        self.keras = import_keras(implementation)
        # The engine starts, which addax leaves until it is needed: a first epoch is to say what compiling costs.
        # What importing and starting cost is measured by whole scripts, in `startup`.
        self.keras.ops.convert_to_tensor(0.0)
        self.model = made_and_compiled(workload, self.keras, implementation)

    def _fit(self, epochs: int) -> Result:
        workload = self.workload
        if workload.train is not None:
            seconds, history = timed(
                lambda: workload.train(self.model, self.x, self.y, workload.batch_size, epochs)  # type: ignore[misc]
            )
        else:
            seconds, history = timed(
                lambda: self.model.fit(
                    self.x, self.y, batch_size=workload.batch_size, epochs=epochs, shuffle=False, verbose=0
                )
            )
        return {"seconds": seconds / epochs, "loss": float(history.history["loss"][-1])}

    def first_epoch(self) -> Result:
        return self._fit(1)

    def fit(self) -> Result:
        return self._fit(self.workload.epochs)

    def evaluate(self) -> Result:
        seconds, loss = timed(
            lambda: self.model.evaluate(self.x, self.y, batch_size=self.workload.batch_size, verbose=0)
        )
        return {"seconds": seconds, "loss": float(loss[0] if isinstance(loss, (list, tuple)) else loss)}

    def predict(self) -> Result:
        seconds, out = timed(lambda: self.model.predict(self.x, batch_size=self.workload.batch_size, verbose=0))
        return {"seconds": seconds, "check": _check(out)}

    evaluate_first, predict_first = evaluate, predict

    def same_model(self) -> Result:
        from . import weights

        self.model.set_weights(weights.of_model(self.model))
        seconds, out = timed(lambda: self.model.predict(_rows(self.x, self.workload.batch_size), verbose=0))
        return {"seconds": seconds, "check": _check(out)}

    def predict_row(self) -> Result:
        row = _rows(self.x, 1)
        for _ in range(3):
            self.model.predict(row, verbose=0)
        return latencies(lambda: self.model.predict(row, verbose=0), 50)

    def call_row(self) -> Result:
        row, to_numpy = _rows(self.x, 1), self.keras.ops.convert_to_numpy
        for _ in range(3):
            to_numpy(self.model(row))
        return latencies(lambda: to_numpy(self.model(row)), 100)

    def run(self, measure: str) -> Result:
        return getattr(self, measure)()


class RawSession:
    """A session of a `Fit` by hand."""

    def __init__(self, workload: Fit, make: Callable[..., Any], x: Any, y: Any):
        self.workload = workload
        self.x, self.y = x, y
        self.make = make
        self.training = make(x, y, workload.batch_size)

    def _fit(self, epochs: int) -> Result:
        seconds, losses = timed(lambda: [self.training.epoch() for _ in range(epochs)])
        return {"seconds": seconds / epochs, "loss": float(losses[-1])}

    def first_epoch(self) -> Result:
        return self._fit(1)

    def fit(self) -> Result:
        return self._fit(self.workload.epochs)

    def evaluate(self) -> Result:
        seconds, loss = timed(self.training.evaluate)
        return {"seconds": seconds, "loss": float(loss)}

    def predict(self) -> Result:
        seconds, out = timed(lambda: self.training.predict(self.x))
        return {"seconds": seconds, "check": _check(out)}

    evaluate_first, predict_first = evaluate, predict

    def same_model(self) -> Result:
        untrained = self.make(self.x, self.y, self.workload.batch_size)
        seconds, out = timed(lambda: untrained.predict(_rows(self.x, self.workload.batch_size)))
        return {"seconds": seconds, "check": _check(out)}

    def call_row(self) -> Result:
        row = _rows(self.x, 1)
        for _ in range(3):
            self.training.predict(row)
        return latencies(lambda: self.training.predict(row), 100)

    predict_row = call_row

    def run(self, measure: str) -> Result:
        return getattr(self, measure)()


def _rows(x: Any, count: int) -> Any:
    return {k: v[:count] for k, v in x.items()} if isinstance(x, dict) else x[:count]


def _check(out: Any) -> float:
    """One number of predictions that differs when they do."""
    import numpy as np

    parts = out.values() if isinstance(out, dict) else out if isinstance(out, (list, tuple)) else [out]
    return float(sum(np.abs(np.asarray(p, "float64")).mean() for p in parts))
