"""Programs: a model's step as a pure function, compiled, over one batch or over many in one dispatch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.engine import jax, jnp, lax
from ..core.variable import Variable

State = list[list[Any]]

# The groups of variables that each kind of step is given, in the order of Keras's custom steps; and how many of them
# stay as they are in built-in evaluation, so that a loop need not carry them.
GROUPS = {
    "train": ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"),
    "test": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    "predict": ("trainable_variables", "non_trainable_variables"),
}


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
        self.compiles = 0  # how often a step was traced: tests hold it still
        self._step = getattr(model, f"{kind}_step")
        self._builtin = kind != "predict" and all(
            _is_builtin(getattr(model, name)) for name in (f"{kind}_step", "compute_metrics")
        )
        eager = model.run_eagerly or not model.supports_jit
        self.eager = eager
        donate = (0,) if kind == "train" else ()
        self._on_batch = self._on_data if eager else jax.jit(self._on_data, donate_argnums=donate)
        self._on_rows = jax.jit(self._rows, donate_argnums=donate)
        self._many = jax.jit(self._loop, donate_argnums=donate)
        self._fusable: dict[Any, bool] = {}
        self._kept: list[tuple[State, Any]] = []

    # State

    def read(self) -> State:
        """The values of the variables."""
        return [[v.stored_value() for v in group] for group in self.groups]

    def write(self, state: State) -> None:
        """Puts values back into the variables."""
        for group, values in zip(self.groups, state):
            for v, value in zip(group, values):
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
        self._kept.extend(map(compiled, *([a] for a in args)))
        del self._kept[:-1]
        return self._kept[0]

    # Steps

    def _on_data(self, state: State, data: Any) -> tuple[State, Any]:
        self.compiles += 1
        out, new = self._step(tuple(state), data)
        if self.kind == "predict":
            new = [state[0], list(new)]
        return [list(group) for group in new], out

    def _rows(self, state: State, arrays: Any, rows: Any) -> tuple[State, Any]:
        return self._on_data(state, _take(arrays, rows))

    def on_batch(self, state: State, data: Any) -> tuple[State, Any]:
        """One step on a batch."""
        return self._run(self._on_batch, state, data)

    def replay(self, state: State, data: Any) -> tuple[State, Any]:
        """One step on a batch, of which the variables learn nothing. Takes over the buffers of `state`."""
        return self._on_batch(state, data)

    def on_rows(self, state: State, arrays: Any, rows: Any) -> tuple[State, Any]:
        """One step on some rows of arrays that are on the device."""
        return self._run(self._rows if self.eager else self._on_rows, state, arrays, rows)

    def many(self, state: State, arrays: Any, order: Any, start: int, count: int, size: int) -> tuple[State, Any]:
        """`count` steps in one dispatch.

        Args:
            state: Values of the variables.
            arrays: The data, on the device.
            order: Order of the rows, int32 of shape `(rows,)`, padded by a batch.
            start: The first step.
            count: How many steps; any number runs the same compiled program.
            size: Rows a batch.

        Returns:
            The new state and the last step's logs.
        """
        return self._run(self._many, state, arrays, order, jnp.int32(start), jnp.int32(count), jnp.arange(size))

    def _loop(self, state: State, arrays: Any, order: Any, start: Any, count: Any, lane: Any) -> tuple[State, Any]:
        size = lane.shape[0]

        def rows(i: Any) -> Any:
            return lax.dynamic_slice_in_dim(order, i * size, size)

        if self._builtin:
            # The logs follow from the metrics' state, so they are worked out once, after the last step.
            update = self.model._train_update if self.kind == "train" else self.model._test_update
            fixed = state[0] if self.kind == "test" else None

            def body(i: Any, carry: Any) -> Any:
                self.compiles += 1
                given = [fixed, *carry] if fixed is not None else carry
                new = [list(g) for g in update(tuple(given), _take(arrays, rows(i)))[0]]
                return new[1:] if fixed is not None else new

            carry = lax.fori_loop(start, start + count, body, state[1:] if fixed is not None else state)
            state = [fixed, *carry] if fixed is not None else carry
            return state, self.model._logs_of(state[-1])

        shapes = jax.eval_shape(lambda s: self._on_data(s, _take(arrays, rows(0)))[1], state)
        logs = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def step(i: Any, carry: Any) -> Any:
            return self._on_data(carry[0], _take(arrays, rows(i)))

        return lax.fori_loop(start, start + count, step, (state, logs))

    def can_fuse(self, state: State, arrays: Any, size: int) -> bool:
        """Whether a loop over steps runs well on this device: on a CPU not with convolutions inside."""
        if self.eager or self.kind == "predict":
            return False
        if jax.default_backend() != "cpu":
            return True
        key = tuple((a.shape, str(a.dtype)) for a in tree.flatten(arrays) if a is not None)
        if key not in self._fusable:
            rows = jax.ShapeDtypeStruct((size,), "int32")
            before = self.compiles
            jaxpr = self._on_rows.trace(state, arrays, rows).jaxpr  # kept by JAX for the step itself
            self.compiles = before
            self._fusable[key] = not _has_primitive(jaxpr, "conv_general_dilated")
        return self._fusable[key]


def _group(model: Any, name: str) -> list[Variable]:
    if name == "optimizer_variables":
        return list(model.optimizer.variables)
    return list(getattr(model, name))


def program_key(model: Any, kind: str) -> tuple:
    """What a program depends on besides the shapes of the data: changing it means compiling anew."""
    return tuple(tuple(id(v) for v in _group(model, name)) for name in GROUPS[kind])


def _is_builtin(method: Callable) -> bool:
    return (getattr(method, "__module__", None) or "").partition(".")[0] == "addax"


def _take(arrays: Any, rows: Any) -> Any:
    return tree.map_structure(lambda a: None if a is None else jnp.take(a, rows, axis=0, mode="clip"), arrays)


def _has_primitive(jaxpr: Any, name: str) -> bool:
    """Whether a primitive is anywhere in a jaxpr, the bodies of its loops and branches included."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    for eqn in inner.eqns:
        if eqn.primitive.name == name:
            return True
        for value in eqn.params.values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if hasattr(part, "eqns") or hasattr(part, "jaxpr"):
                    if _has_primitive(part, name):
                        return True
    return False
