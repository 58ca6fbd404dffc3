"""Profiles of training: the time of input, compiling, dispatch, device and callbacks.

A profiled `fit` runs the same programs on the same batches. It waits for each dispatch before it goes on, so that the
time of the device can be told from that of the host; unprofiled, the two overlap.
"""

from __future__ import annotations

import html
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..callbacks import Callback
from ..core import seeds, tree
from ..core.engine import jax
from ..core.types import Data, Tree
from ..data.adapt import adapt
from ..data.batches import ArrayBatches, packed
from .dispatches import Dispatch
from .gathered import Gathered
from .plans import ArrayPlan
from .program import Program, State
from .runner import Observer, Runner
from .specs import array_spec, batch_spec
from .steps import StepModel
from .xla import has_primitive, options_are_known

# The phases in the order of the table: a description, and advice where steps spend most of their time in it.
PHASES = {
    "setup": ("looking at the data, building, putting arrays on the device", ""),
    "trace": ("making programs of the Python code of steps", ""),
    "compile": ("compiling programs, or reading them from disk", ""),
    "input": ("making batches and moving them to the device", "make batches faster or ahead, or pass arrays"),
    "dispatch": ("starting steps; on a CPU small ones are computed here", "larger batches make fewer, larger steps"),
    "device": ("computing", "the host keeps the device busy"),
    "callbacks": ("callbacks and progress, reading logs", "what looks at every batch costs most"),
    "validation": ("validation, without its compiling", "`validation_freq` makes it less often"),
}
_ONCE = ("setup", "trace", "compile")

# JAX's events that say how long something took, once it is done.
_EVENTS = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "trace",
    "/jax/core/compile/backend_compile_duration": "compile",
}
_COMPILED = "/jax/core/compile/backend_compile_duration"
_CACHE_HIT = "/jax/compilation_cache/cache_hits"


@dataclass(repr=False)
class Profile:
    """The time of a training by phase; printing it shows a table.

    Attributes:
        seconds: Seconds by phase; they add up to the whole time.
        steps: Number of training steps.
        dispatches: Number of dispatches that they ran in.
        path: A text that says how the steps were run, and why.
        programs: The names of the compiled programs, one for each compilation.
        cached: Number of them that were found on disk.
        background: Seconds of compiling in other threads, while steps ran.
        flops: Floating point operations of a step, where known.
        device: Kind of the device.
    """

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    steps: int = 0
    dispatches: int = 0
    path: str = ""
    programs: list[str] = field(default_factory=list)
    cached: int = 0
    background: float = 0.0
    flops: float | None = None
    device: str = ""

    @property
    def total(self) -> float:
        """Seconds of all phases."""
        return sum(self.seconds.values())

    @property
    def step_seconds(self) -> float:
        """Seconds per step, without the phases that come once and without validation."""
        once = sum(self.seconds[p] for p in (*_ONCE, "validation"))
        return (self.total - once) / max(self.steps, 1)

    @property
    def flops_per_second(self) -> float | None:
        """Floating point operations per second while steps ran, where known."""
        running = self.seconds["dispatch"] + self.seconds["device"]
        return self.flops * self.steps / running if self.flops and running else None

    def __str__(self) -> str:
        # Only these modules: `import rich` whole costs more.
        from rich.console import Console
        from rich.table import Column, Table

        columns = [Column(name, justify="right") for name in ("seconds", "ms a step", "%")]
        table = Table("phase", *columns, "what it is", box=None, pad_edge=False)
        total = self.total or 1.0
        for phase, (what, _) in PHASES.items():
            seconds = self.seconds[phase]
            if phase == "validation" and not seconds:
                continue
            each = "" if phase in _ONCE or not self.steps else _short(1000 * seconds / self.steps)
            table.add_row(phase, f"{seconds:.3f}", each, f"{100 * seconds / total:.0f}", what)
        table.add_row("total", f"{self.total:.3f}", "", "100", "")
        console = Console(width=100, color_system=None, highlight=False, force_jupyter=False)
        with console.capture() as capture:
            console.print(table)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        return "\n".join([*lines, "", *self._notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _notes(self) -> Iterator[str]:
        yield f"{_count(self.steps, 'step')} in {_count(self.dispatches, 'dispatch')}: {self.path}."
        if self.steps:
            rate = f"{_short(1 / self.step_seconds)} steps/s" if self.step_seconds else ""
            line = f"{rate} on {self.device}, each dispatch waited for"
            if self.flops and (speed := self.flops_per_second):
                line += f"; {_short(speed / 1e9)} GFLOP/s while computing ({_short(self.flops / 1e6)} MFLOP a step)"
            yield f"{line}."
        yield f"{_count(len(self.programs), 'program')} compiled{', '.join(self._about_programs())}."
        shares = {p: self.seconds[p] for p in PHASES if p not in _ONCE}
        if self.device == "cpu":  # where starting a small step is running it
            shares["device"] += shares.pop("dispatch")
        phase = max(shares, key=lambda p: shares[p])
        yield f"Once compiled, most of the time is {phase}: {PHASES[phase][1]}."

    def _about_programs(self) -> Iterator[str]:
        if self.programs:
            yield f": {', '.join(dict.fromkeys(self.programs))}"
        if self.cached:
            yield f"{self.cached} of them found on disk"
        if self.background:
            yield f"{self.background:.3f} s of it in the background"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's' if what[-1] != 'h' else 'es'}"


def _short(value: float) -> str:
    """Returns a number with three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Profiler(Observer):
    """Adds up the time of each phase of a training.

    Args:
        callbacks: The user's callbacks, to name those that look at every batch.
    """

    def __init__(self, callbacks: Callback | list[Callback] | None):
        self.result = Profile()
        self.callbacks = callbacks
        self._last: Dispatch | None = None
        self._looks: list[str] | None = None  # which callbacks look at every batch, before they have seen enough
        self.step: tuple[Program, tuple] | None = None  # a program, and the specs of what its step is given
        self._phase = "setup"
        self._since = time.perf_counter()
        self._thread = threading.get_ident()
        self._nested: dict[int, list[tuple[float, float]]] = {}  # by thread: begin and length of JAX's reports

    def switch(self, phase: str) -> None:
        """Counts the time from now on as that of `phase`."""
        now = time.perf_counter()
        self.result.seconds[self._phase] += now - self._since
        self._phase, self._since = phase, now
        self._nested.pop(self._thread, None)  # earlier reports are not part of later ones

    def heard(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        """Moves the time that JAX reports for tracing or compiling from the current phase to that of the event."""
        if event not in _EVENTS:
            return
        if event == _COMPILED:
            self.result.programs.append(str(kwargs.get("fun_name", "?")).removeprefix("jit(").removesuffix(")"))
        now, me = time.perf_counter(), threading.get_ident()
        inside = self._nested.setdefault(me, [])
        began, alone = now - duration_secs, duration_secs
        # Tracing a function traces those it calls, which JAX has reported already.
        while inside and inside[-1][0] >= began:
            alone -= inside.pop()[1]
        inside.append((began, duration_secs))
        if me == self._thread:
            self.result.seconds[_EVENTS[event]] += alone
            self.result.seconds[self._phase] -= alone
        else:
            self.result.background += alone

    def counted(self, event: str, **kwargs: Any) -> None:
        """Counts programs found on disk."""
        self.result.cached += event == _CACHE_HIT

    def finish(self) -> Profile:
        """Returns the result, once training has ended."""
        self.switch("callbacks")
        self.result.device = jax.devices()[0].device_kind
        if self.step is not None:
            self.result.flops = _flops(*self.step)
        return self.result

    # The runners of the training and of its validation are observed.

    def reading(self, runner: Runner) -> None:
        if self._looks is None:
            self._looks = [type(c).__name__ for c in tree.flatten(self.callbacks or []) if _looks(c)]
        self.switch("input" if runner.kind == "train" else "validation")

    def read(self, runner: Runner) -> None:
        if isinstance(runner.plan, ArrayPlan) and runner.plan.on_device:
            jax.block_until_ready(runner.plan.arrays.whole())
        self.switch("callbacks" if runner.kind == "train" else "validation")

    def before(self, runner: Runner, dispatch: Dispatch, state: State) -> None:
        if runner.kind != "train":
            return
        if isinstance(runner.plan, Gathered) and not dispatch.looped and not runner.program.eager:
            self.switch("input")
            # In place, as the dispatch has this very list.
            assert isinstance(dispatch.data, list)
            dispatch.data[:] = jax.block_until_ready(jax.device_put(dispatch.data))
        elif dispatch.last + 1 == runner.steps and runner.program.is_compiling:
            self.switch("compile")  # waits for programs that other threads are compiling
            runner.program.wait_until_compiled()
        self._last = dispatch
        self.switch("dispatch")

    def after(self, runner: Runner, dispatch: Dispatch, state: State, logs: dict[str, Any]) -> None:
        if runner.kind != "train":
            jax.block_until_ready((state, logs))
            return
        self.switch("device")
        jax.block_until_ready((state, logs))
        self.switch("callbacks")
        steps = dispatch.last - dispatch.first + 1
        self.result.steps += steps
        self.result.dispatches += 1 if dispatch.looped else steps

    def ended(self, runner: Runner) -> None:
        if runner.kind == "train":  # now, as the runner releases its data afterwards
            self.result.path = _path(runner, self._looks or [], self.result.dispatches < self.result.steps)
            self.step = _step(runner, self._last)
        self.switch("callbacks")


def _path(runner: Runner, looks: list[str], many: bool) -> str:
    """Describes how the steps were run (`many` a dispatch or not), and why."""
    assert runner.plan is not None
    per, why = runner.model.steps_per_execution, runner.plan.why
    watching = f"{', '.join(looks) or 'a callback'} looks at every batch" if runner.batch_hooks else ""
    if many and not watching:
        return "many steps a dispatch, as nothing looks between them"
    if many and per > 1:
        return f"{per} steps a dispatch, as {watching}"
    return f"one step a dispatch, as {'; '.join(filter(None, (why, watching))) or 'no more were run'}"


def _looks(callback: Any) -> bool:
    """Returns whether a callback, maybe of another library, has batch hooks."""
    needs = getattr(callback, "needs_batches", None)
    return needs is None or needs("train")


def _step(runner: Runner, last: Dispatch | None) -> tuple[Program, tuple] | None:
    """Returns the runner's program, and the specs of a full step's arguments."""
    program, source = runner.program, runner.source
    if program.eager or last is None:
        return None
    state = program.state_spec()
    if runner.arrays is not None:
        size = min(source.batch_size or 1, source.rows)  # type: ignore[attr-defined]
        return program, (state, batch_spec(packed(runner.arrays.arrays), size))
    batch = packed(last.data[0])
    if source.batch_size is None or any(a.ndim == 0 for a in tree.flatten(batch) if a is not None):
        return program, (state, jax.tree.map(array_spec, batch))
    return program, (state, batch_spec(batch, source.batch_size))  # the last batch may have fewer rows


def _flops(program: Program, args: tuple) -> float | None:
    """Returns the floating point operations of a step as XLA counts them; None where it can't."""
    traced = program.trace_step(*args)
    # XLA counts one iteration of a loop inside the step.
    if has_primitive(traced.jaxpr, "scan", "while"):
        return None
    try:
        return float(traced.lower().cost_analysis()["flops"])
    except (KeyError, TypeError, NotImplementedError, jax.errors.JaxRuntimeError):  # not every device can be asked
        return None


@contextmanager
def profiling(
    model: StepModel, wanted: bool, callbacks: Callback | list[Callback] | None, verbose: int | str
) -> Iterator[list[Observer]]:
    """Yields the observers of a `fit`; where profiling is wanted, `model.history` has the result after it."""
    if not wanted:
        yield []
        return
    options_are_known()  # compiles a program, which should not be counted among the model's
    profiler = Profiler(callbacks)
    monitoring = jax.monitoring
    monitoring.register_event_duration_secs_listener(profiler.heard)
    monitoring.register_event_listener(profiler.counted)
    try:
        yield [profiler]
    finally:
        monitoring.unregister_event_duration_listener(profiler.heard)
        monitoring.unregister_event_listener(profiler.counted)
    result = profiler.finish()
    if model.history is not None:
        model.history.profile = result
    if verbose:
        print(result)


def profile(
    model: Any, x: Data, y: Tree = None, batch_size: int | None = None, steps: int | None = None, **kwargs: Any
) -> Profile:
    """Measures where the time of training goes, and leaves the model as it was.

    The model trains on the data as in `fit`. Then the values of its weights, optimizer, metrics and random streams are
    restored. A generator is consumed.

    Args:
        model: The model, compiled.
        x, y, batch_size: The data, as in `fit`.
        steps: Number of steps; those of an epoch when None.
        **kwargs: Other arguments of `fit`, such as the callbacks and validation of the training in question.

    Returns:
        A `Profile`. Printing it shows a table.

    Raises:
        ValueError: `steps` is less than 1.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> found = keras.utils.profile(model, np.ones((64, 4)), np.ones((64, 1)))
    >>> found.steps, found.path
    (2, 'many steps a dispatch, as nothing looks between them')
    """
    model._check_compiled("profile")
    if steps is not None:
        if steps < 1:
            raise ValueError(f"`steps` must be a positive integer. Received: steps={steps!r}")
        x, y, kwargs = _first_steps(model, x, y, batch_size, steps, kwargs)
    state = _AsItWas(model)
    callbacks = [state, *tree.flatten(kwargs.pop("callbacks", None) or [])]
    arguments = {"verbose": 0, **kwargs, "profile": True}
    try:
        return model.fit(x, y, batch_size=batch_size, callbacks=callbacks, **arguments).profile
    finally:
        state.put_back()


class _AsItWas(Callback):
    """Remembers the values of a model and of the random streams when training begins, to restore them.

    Args:
        model: The model.
    """

    def __init__(self, model: StepModel):
        super().__init__()
        self._of_model = {n: model.__dict__.get(n) for n in ("history", "stop_training")}
        self._values: list[tuple[Any, np.ndarray]] = []
        self._streams: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # By now all is built, which is not undone.
        model, default = self.model, seeds._default
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        variables += [default.state] if default is not None else []
        # Copies, as the first step takes over the buffers of the values.
        self._values = [(v, np.array(v.stored_value())) for v in variables]
        self._streams = random.getstate(), np.random.get_state(), default

    def put_back(self) -> None:
        """Restores the values."""
        for variable, value in self._values:
            variable.assign(value)
        if self._streams is not None:
            python, numpy, seeds._default = self._streams
            random.setstate(python)
            np.random.set_state(numpy)
        for name, attribute in self._of_model.items():
            setattr(self.model, name, attribute)


def _first_steps(
    model: Any, x: Data, y: Tree, batch_size: int | None, steps: int, kwargs: dict
) -> tuple[Data, Tree, dict]:
    """Returns the data of the first steps: fewer rows, as `steps_per_epoch` would change how the steps are run."""
    source = adapt(x, y, kwargs.get("sample_weight"), batch_size=batch_size, **model._data_options())
    if not isinstance(source, ArrayBatches):
        return x, y, {**kwargs, "steps_per_epoch": steps}
    kept = 1 - (kwargs.get("validation_split") or 0)  # for training
    rows = math.ceil(steps * source.batch_size / kept)
    x, y, weight = tree.map_structure(lambda a: None if a is None else a[:rows], source.arrays)
    return x, y, {**kwargs, "sample_weight": weight}
