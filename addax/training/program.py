"""Programs: a model's step as a pure function, compiled, over one batch or over many in one dispatch."""

from __future__ import annotations

import functools
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import config as settings
from ..core import tree
from ..core.config import thread
from ..core.engine import jax, jnp, lax
from ..core.fingerprint import changes, fingerprint
from ..core.ours import is_ours
from ..core.variable import Variable
from ..data.batches import count_rows, packed
from .padding import Sizes, can_leave_out, is_rowwise, row_count, valid_rows
from .prepare import check_optimizer
from .steps import GROUPS, StepModel

State = list[list[Any]]


class Steps:
    """The compiled steps of one kind, for every model that computes the same.

    They hold no model: while JAX traces one, it is the running program's.

    Args:
        kind: "train", "test" or "predict".
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.compiles = 0  # how many programs were traced: tests hold it still
        self.ready: dict[Any, Any] = {}  # programs that are compiled, or being compiled, by another thread
        self.seconds: dict[Any, float] = {}  # about how long a step takes, by what it is given
        self.no_loop: dict[Any, str] = {}  # why steps don't run in a loop, by what they are given; "" where they do
        self._traced: dict[str, Any] = {}
        self._compiled: dict[tuple, Any] = {}

    def traced(self, name: str) -> Any:
        """The method `name` of the running program as a part of others, traced once for each kind of arguments."""
        if name not in self._traced:

            def run(*args: Any) -> Any:
                self.compiles += name != "_update"  # which is no program of its own
                return getattr(thread.program, name)(*args)

            run.__name__ = run.__qualname__ = f"{self.kind}{name}"
            self._traced[name] = jax.jit(run, static_argnums=_STATIC.get(name))
        return self._traced[name]

    def compiled(self, name: str, args: tuple) -> Any:
        """The method `name` of the running program as a program, with what suits the compiler; `args` are its own."""
        rows = _batch_rows(name, args)
        # That depends on the shapes, never on which of them came first: a resumed run rounds as the first one did.
        key = (name, _spec_of(args[1]) if rows >= _MANY_ROWS else None)
        if key not in self._compiled:
            part = self.traced(name)
            options = compiler_options(part.trace(*args).jaxpr, self.kind, rows)

            def run(*args: Any) -> Any:
                return part(*args)

            run.__name__ = run.__qualname__ = part.__name__
            donate = (0,) if self.kind == "train" else ()
            self._compiled[key] = jax.jit(
                run, donate_argnums=donate, static_argnums=_STATIC.get(name), compiler_options=options
            )
        return self._compiled[key]


def _batch_rows(name: str, args: tuple) -> int:
    """How many rows the batches have of what the method `name` of a program is given."""
    if name in ("_loop", "_sweep"):
        return args[_STATIC[name][0]]
    return row_count(args[2] if name == "_rows" else args[1])


_STATIC = {"_loop": (5,), "_sweep": (3,), "_call": (2,)}  # which arguments are not arrays

_CONVOLUTIONS = ("conv_general_dilated", "conv_transpose")

# By default XLA:CPU gives single products, sums and convolutions to a library (YNNPACK). Its sums are several times as
# fast as XLA's and its convolutions half as fast; which products are faster depends on their size.
_LIBRARY = "xla_cpu_experimental_ynn_fusion_type"
_SUMS = "LIBRARY_FUSION_TYPE_REDUCE"
_PRODUCTS_AND_SUMS = f"LIBRARY_FUSION_TYPE_DOT,{_SUMS}"
_MANY_ROWS = 128  # rows from which XLA shares products between cores that its library does not


def compiler_options(jaxpr: Any, kind: str, rows: int) -> dict[str, Any]:
    """The options with which XLA makes the best of a program on this device; measured in docs/PERFORMANCE.md.

    Args:
        jaxpr: The program.
        kind: "train", "test", "predict" or "call".
        rows: Rows of its batches.
    """
    if jax.default_backend() != "cpu" or not settings.get("compiler_options") or not options_are_known():
        return {}
    if has_primitive(jaxpr, *_CONVOLUTIONS):
        return {_LIBRARY: _PRODUCTS_AND_SUMS if kind == "train" else _SUMS}
    if kind != "train" and has_primitive(jaxpr, "depthwise_conv"):
        # Where no gradient needs what is summed, the library would take shifted products into its sums.
        return {_LIBRARY: ""}
    return {_LIBRARY: _SUMS} if rows >= _MANY_ROWS and _products_suit_xla(jaxpr) else {}


@functools.cache
def options_are_known() -> bool:
    """Whether this version of XLA knows the option of `compiler_options`: it may drop it."""
    try:
        jax.jit(lambda: 0, compiler_options={_LIBRARY: _PRODUCTS_AND_SUMS}).lower().compile()
    except Exception:
        return False
    return True


# The steps of the models met last, by what they compute.
_shared: OrderedDict[Any, Steps] = OrderedDict()
_SHARED = 32
_lock = threading.Lock()


def shared_steps(kind: str, key: Any) -> Steps:
    """The steps for what `key` says is computed; steps of their own where it is None."""
    if key is None:
        return Steps(kind)
    known = (kind, key, settings.get("compiler_options"))
    with _lock:
        steps = _shared.pop(known, None) or Steps(kind)
        _shared[known] = steps
        while len(_shared) > _SHARED:
            _shared.popitem(last=False)
    return steps


class Program:
    """The compiled steps of one kind (train, test or predict) for a model as it is compiled now.

    Args:
        model: The model.
        kind: "train", "test" or "predict".
    """

    def __init__(self, model: Any, kind: str):
        self.model = model
        self.kind = kind
        self.groups: list[list[Variable]] = [_group(model, name) for name in GROUPS[kind]]
        self.key = program_key(model, kind)
        self._step = getattr(model, f"{kind}_step")
        self._builtin = kind != "predict" and all(
            is_ours(getattr(model, name)) for name in (f"{kind}_step", "compute_metrics")
        )
        self.eager = model.run_eagerly or not model.supports_jit
        whole = self._builtin and all(
            is_ours(getattr(model, name)) for name in ("compute_loss", "compute_loss_and_updates")
        )
        # Whether a batch may have rows that are not real.
        self.may_pad = not self.eager and settings.get("pad_batches")
        if kind == "predict":
            self.may_pad &= is_ours(model.predict_step) and is_rowwise(model)
        else:
            self.may_pad &= whole and can_leave_out(model, kind)
        self.sizes = Sizes()
        self.checked: set = set()  # shapes and dtypes of data that were found to be right
        self.stamp = changes.count  # when it was last known to be the model's
        self.steps = Steps(kind) if self.eager else shared_steps(kind, self._fingerprint())
        self._kept: list[tuple[State, Any]] = []

    def _fingerprint(self) -> Any:
        model = self.model
        if self.kind == "predict":
            return fingerprint(self.groups, model)
        found = fingerprint(self.groups, model, model.optimizer if self.kind == "train" else None)
        return None if found is None else (found, *model._ordered_log_names())

    @property
    def compiles(self) -> int:
        """How many programs were traced."""
        return self.steps.compiles

    # State

    def read(self) -> State:
        """The values of the variables, for a program."""
        if self.kind == "train":  # which gives all of them new values, on the device
            return [[v.held_value() for v in group] for group in self.groups]
        return [[v.stored_value() for v in group] for group in self.groups]

    def write(self, state: State) -> None:
        """Puts values back into the variables."""
        for group, values in zip(self.groups, state):
            for v, value in zip(group, values):
                if value is not None:
                    v.adopt(value)

    def settle(self) -> None:
        """Puts the values after the last finished dispatch into the variables."""
        if self._kept:
            self.write(self._kept[-1][0])
            self._kept.clear()

    def _run(self, compiled: Callable, *args: Any) -> tuple[State, Any]:
        """Dispatches a step and keeps what it returns for `settle`.

        The step takes over the buffers of the state it is given, so its result must not get lost: `extend` and `map`
        put it into the list without returning to the interpreter, where Ctrl-C would be raised.
        """
        try:
            self._kept.extend(map(compiled, *([a] for a in args)))
        finally:
            thread.program = None
        del self._kept[:-1]
        return self._kept[0]

    # Steps

    def _batch(self, state: State, data: Any, valid: Any) -> tuple[State, Any]:
        if self._builtin and not self.eager:
            state = self.steps.traced("_update")(state, data, valid)
            return state, self.model._logs_of(state[-1])
        with valid_rows(valid):
            out, new = self._step(tuple(state), data)
        if self.kind == "predict":
            # None for what stays as it is, or one step would wait for another that does nothing to it.
            new = [(), [None if n is o else n for n, o in zip(new, state[1])]]
        return [list(group) for group in new], out

    def _rows(self, state: State, arrays: Any, rows: Any, valid: Any) -> tuple[State, Any]:
        return self._batch(state, _take(arrays, rows), valid)

    def on_batch(self, state: State, data: Any, valid: int | None = None) -> tuple[State, Any]:
        """One step on a batch.

        Args:
            state: Values of the variables.
            data: What the step takes.
            valid: How many rows of the batch, from the first, are real; None for all.
        """
        return self._one("_batch", (state, data, None if valid is None else np.int32(valid)))

    def replay(self, state: State, data: Any) -> tuple[State, Any]:
        """One step on a batch, of which the variables learn nothing. Takes over the buffers of `state`."""
        thread.program = self
        args = (state, data, None)
        return (self._batch if self.eager else self.steps.compiled("_batch", args))(*args)

    def on_rows(self, state: State, arrays: Any, rows: Any, valid: int | None = None) -> tuple[State, Any]:
        """One step on some rows of arrays that are on the device.

        Args:
            state: Values of the variables.
            arrays: The data, on the device.
            rows: Which rows, int32.
            valid: How many of them, from the first, are real; None for all.
        """
        return self._one("_rows", (state, arrays, rows, None if valid is None else np.int32(valid)))

    def _one(self, name: str, args: tuple) -> tuple[State, Any]:
        thread.program = self
        if self.eager:
            return self._run(getattr(self, name), *args)
        ready = self.steps.ready and self.steps.ready.get((name, _spec_of(args[1:])))
        return self._run(ready(), *args) if ready else self._dispatch(name, args)

    def _dispatch(self, name: str, args: tuple) -> tuple[State, Any]:
        thread.program = self  # whose method is traced, if it has not been
        return self._run(self.steps.compiled(name, args), *args)

    def compile_ahead(self, name: str, *args: Any) -> None:
        """Compiles a step in another thread, while this one runs others.

        Args:
            name: "_batch" or "_rows".
            *args: What it will be given, or arrays of the same shapes.
        """
        key = (name, _spec_of(args[1:]))
        if self.eager or key in self.steps.ready:
            return
        found: list = []
        thread.program = self
        try:
            step = self.steps.compiled(name, args)
            # Tracing runs the model's own code, which may keep tensors on its layers: never beside another trace.
            lowered = step.lower(*jax.tree.map(array_spec, args))
        finally:
            thread.program = None

        def work() -> None:
            try:
                found.append(lowered.compile())
            except Exception:
                found.append(step)  # which will say what is wrong when it is its turn

        worker = threading.Thread(target=work, daemon=True, name="addax-compile")
        worker.start()

        def ready() -> Callable:
            worker.join()
            return found[0]

        self.steps.ready[key] = ready

    def many(
        self, state: State, arrays: Any, order: Any, start: int, count: int, size: int, total: int | None = None
    ) -> tuple[State, Any]:
        """`count` steps in one dispatch.

        Args:
            state: Values of the variables.
            arrays: The data, on the device.
            order: Order of the rows, int32 of shape `(rows,)`, padded by a batch; None for as they are.
            start: The first step.
            count: How many steps; any number runs the same compiled program.
            size: Rows a batch.
            total: How many rows are real, where the last batch is not full; else None.

        Returns:
            The new state and the last step's logs.
        """
        numbers = (np.int32(start), np.int32(count), size, None if total is None else np.int32(total))
        return self._dispatch("_loop", (state, arrays, order, *numbers))

    def _loop(
        self, state: State, arrays: Any, order: Any, start: Any, count: Any, size: int, total: Any
    ) -> tuple[State, Any]:
        def batch(i: Any) -> Any:
            if order is not None:
                return _take(arrays, lax.dynamic_slice_in_dim(order, i * size, size))
            return tree.map_structure(
                lambda a: None if a is None else lax.dynamic_slice_in_dim(a, i * size, size), arrays
            )

        def valid(i: Any) -> Any:
            return None if total is None else jnp.minimum(total - i * size, size)

        if self._builtin:
            # The logs follow from the metrics' state, so they are worked out once, after the last step.
            update = self.steps.traced("_update")
            fixed = state[0] if self.kind == "test" else None  # a loop need not carry what doesn't change

            def body(i: Any, carry: Any) -> Any:
                given = [fixed, *carry] if fixed is not None else carry
                new = update(given, batch(i), valid(i))
                return new[1:] if fixed is not None else new

            carry = lax.fori_loop(start, start + count, body, state[1:] if fixed is not None else state)
            state = [fixed, *carry] if fixed is not None else carry
            return state, self.model._logs_of(state[-1])

        shapes = jax.eval_shape(lambda s: self._batch(s, batch(0), None)[1], state)
        logs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def step(i: Any, carry: Any) -> Any:
            return self._batch(carry[0], batch(i), None)

        return lax.fori_loop(start, start + count, step, (state, logs))

    def _update(self, state: State, data: Any, valid: Any) -> State:
        """The state after a built-in step; compiled by itself so that one tracing serves all that it is part of."""
        update = self.model._train_update if self.kind == "train" else self.model._test_update
        with valid_rows(valid):
            return [list(g) for g in update(tuple(state), data)[0]]

    def sweep(self, state: State, data: Any, count: int, size: int) -> tuple[State, Any]:
        """`count` steps of prediction in one dispatch.

        Args:
            state: Values of the variables.
            data: The rows of as many batches as the program is compiled for.
            count: Of how many batches the outputs are wanted.
            size: Rows a batch.

        Returns:
            The new state and the outputs, those of batches after `count` undefined.
        """
        return self._dispatch("_sweep", (state, data, np.int32(count), size))

    def _sweep(self, state: State, data: Any, count: Any, size: int) -> tuple[State, Any]:
        def part(i: Any) -> Any:
            return tree.map_structure(lambda a: lax.dynamic_slice_in_dim(a, i * size, size), data)

        def body(i: Any, carry: Any) -> Any:
            others, found = carry
            new, out = self._batch([state[0], others], packed((part(i), None, None)), None)
            place = lax.dynamic_update_slice_in_dim
            return merged(others, new[1]), jax.tree.map(lambda all_, one: place(all_, one, i * size, 0), found, out)

        rows = count_rows(data)
        shapes = jax.eval_shape(lambda s: self._batch(s, packed((part(0), None, None)), None)[1], state)
        found = jax.tree.map(lambda s: jnp.zeros((rows, *s.shape[1:]), s.dtype), shapes)
        others, found = lax.fori_loop(0, count, body, (state[1], found))
        return [[], others], found

    def can_sweep(self, state: State, x: Any, size: int) -> bool:
        """Whether many batches can be predicted in one dispatch: as for `can_fuse`, and outputs have a row for each."""
        if self.eager or not settings.get("fuse_steps"):
            return False
        key = ("sweep", _spec_of(x), size)
        if key not in self.steps.no_loop:
            thread.program = self
            traced = self.steps.traced("_batch").trace(state, packed((batch_spec(x, size), None, None)), None)
            rows = [len(s.shape) > 0 and s.shape[0] == size for s in jax.tree.leaves(traced.out_info[1])]
            self.steps.no_loop[key] = no_loop(traced.jaxpr, 1) if all(rows) else "outputs have no row for each input"
        return not self.steps.no_loop[key]

    def can_fuse(self, state: State, arrays: Any, size: int, ragged: bool) -> bool:
        """Whether a loop over steps runs well on this device; see `no_loop`."""
        if self.eager or self.kind == "predict":
            return False
        key = (_spec_of(arrays), size, ragged)
        if key not in self.steps.no_loop:
            thread.program = self
            valid = jax.ShapeDtypeStruct((), "int32") if ragged else None
            # JAX keeps what it traces, so the program itself need not trace it again.
            step = self.steps.traced("_update" if self._builtin else "_batch")
            jaxpr = step.trace(state, batch_spec(arrays, size), valid).jaxpr
            self.steps.no_loop[key] = no_loop(jaxpr, 3 if self.kind == "train" else 1)
            self.steps.seconds[key] = seconds(jaxpr)
        return not self.steps.no_loop[key]

    def loop_length(self, arrays: Any, size: int, ragged: bool) -> int:
        """The number of steps that a loop runs in about a tenth of a second, once `can_fuse` was asked of the same.

        Progress is shown between two dispatches, and Ctrl-C is heard. The number follows from the program alone.
        """
        return max(1, int(_DISPATCH / self.steps.seconds[(_spec_of(arrays), size, ragged)]))


def merged(old: list[Any], new: list[Any]) -> list[Any]:
    """The values of variables after a step that returned None for those it left alone."""
    return [o if n is None else n for o, n in zip(old, new)]


def _group(model: Any, name: str) -> list[Variable]:
    if name == "optimizer_variables":
        return list(model.optimizer.variables)
    return list(getattr(model, name))


def program_of(model: StepModel, kind: str) -> Program:
    """Returns the program of a model as it is now."""
    program = model._programs.get(kind)
    if program is None or program.key != program_key(model, kind):
        if kind == "train" and is_ours(model.train_step):
            check_optimizer(model)
        program = model._programs[kind] = Program(model, kind)
    program.stamp = changes.count
    return program


def program_key(model: Any, kind: str) -> tuple:
    """What a program depends on besides the shapes of the data: changing it means compiling anew."""
    return tuple(tuple(id(v) for v in _group(model, name)) for name in GROUPS[kind])


def _spec_of(arrays: Any) -> tuple:
    return tuple((a.shape, str(a.dtype)) for a in tree.flatten(arrays) if a is not None)


def array_spec(a: Any, rows: int | None = None) -> Any:
    """What JAX needs to know of an array, or of `rows` rows of it."""
    shape = a.shape if rows is None else (rows, *a.shape[1:])
    return jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(a.dtype))


def batch_spec(arrays: Any, size: int) -> Any:
    """What JAX needs to know of batches of `size` rows of these arrays."""
    return tree.map_structure(lambda a: None if a is None else array_spec(a, size), arrays)


def _take(arrays: Any, rows: Any) -> Any:
    return tree.map_structure(lambda a: None if a is None else jnp.take(a, rows, axis=0, mode="clip"), arrays)


_LARGE = 1e9  # operations of matrix products in a pass, beside which its dispatch costs next to nothing on a CPU


def no_loop(jaxpr: Any, passes: int) -> str:
    """Why steps of a program had better not run in a loop on this device; empty where they do.

    In a loop a CPU runs XLA's convolutions on a path of its own, many times slower. Large steps gain nothing, and the
    loop takes XLA longer to compile.

    Args:
        jaxpr: The step.
        passes: How many forward passes the step is worth: 3 for training.
    """
    if jax.default_backend() != "cpu":
        return ""
    if has_primitive(jaxpr, *_CONVOLUTIONS):
        return "convolutions don't run well in loops on CPUs"
    return "large steps gain nothing from a loop on CPUs" if _operations(jaxpr) > passes * _LARGE else ""


_DISPATCH = 0.1  # seconds of a dispatch of many steps
_SPEEDS = {"cpu": (2e10, 1e9, 1e-6)}  # operations of products and elements of results a second, seconds an equation
_OF_ACCELERATORS = (1e13, 1e11, 5e-6)


def seconds(jaxpr: Any) -> float:
    """Returns about how long a step takes on this kind of device, within a factor of a few."""
    products, elements, overhead = _SPEEDS.get(jax.default_backend(), _OF_ACCELERATORS)
    took = _operations(jaxpr) / products
    for eqn, times in _equations(jaxpr):
        took += times * (overhead + sum(math.prod(v.aval.shape) for v in eqn.outvars) / elements)
    return took


def has_primitive(jaxpr: Any, *names: str) -> bool:
    """Whether one of these primitives is anywhere in a jaxpr."""
    return any(eqn.primitive.name in names for eqn, _ in _equations(jaxpr))


def _operations(jaxpr: Any) -> float:
    """Floating point operations of the matrix products in a jaxpr."""
    return sum(2.0 * times * math.prod(sizes) for sizes, _, times in _products(jaxpr))


def _products_suit_xla(jaxpr: Any) -> bool:
    """Whether most of what is multiplied is in products that XLA:CPU shares between cores and its library does not.

    Those of 1.5 to 16 million multiplications, of at least 128 rows and not many more columns: nets of four square
    layers take 0.7 to 0.85 of the time with XLA's; smaller, larger and wider ones up to twice as long.
    """
    here = all_ = 0
    for (batch, rows, inner, columns), transposed, times in _products(jaxpr):
        if batch == 1 and not transposed:  # others are XLA's in any case
            work = rows * inner * columns
            all_ += work * times
            here += work * times * (1.5e6 <= work <= 1.6e7 and rows >= _MANY_ROWS and columns < 2 * rows)
    return here > all_ / 2


def _products(jaxpr: Any) -> Iterator[tuple[tuple[int, int, int, int], bool, int]]:
    """Of each matrix product in a jaxpr batch, rows, inner size and columns, whether rows come last, and how often."""
    for eqn, times in _equations(jaxpr):
        if eqn.primitive.name == "dot_general":
            (inner_axes, _), (batch_axes, _) = eqn.params["dimension_numbers"]
            left, right = (v.aval.shape for v in eqn.invars)
            batch, inner = (math.prod(left[i] for i in axes) for axes in (batch_axes, inner_axes))
            whole = max(batch * inner, 1)
            transposed = tuple(inner_axes) != (len(left) - 1,)
            yield (batch, math.prod(left) // whole, inner, math.prod(right) // whole), transposed, times


def _equations(jaxpr: Any, times: int = 1) -> Iterator[tuple[Any, int]]:
    """The equations of a jaxpr, those of its loops and branches included, and how often each runs (at least)."""
    for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        yield eqn, times
        inside = times * eqn.params.get("length", 1) if eqn.primitive.name == "scan" else times
        for value in eqn.params.values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if hasattr(part, "eqns") or hasattr(part, "jaxpr"):
                    yield from _equations(part, inside)
