"""Variables whose values a running program has taken over, and threads that read them meanwhile.

A training step reuses the buffers of the variables it is given, and what it returns goes into the next step. So that
nobody meets a buffer that is gone, the variables are lent to the program: while they are, reading one gives a copy of
its latest value. What other threads compute with already when the training begins is left to them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any, Protocol

import numpy as np

from .engine import jax, jnp, put
from .interrupts import Held


class Lendable(Protocol):
    """A variable, as far as lending has to do with it."""

    path: str
    _value: Any

    def held_value(self) -> Any: ...

    def stored_value(self) -> Any: ...

    def replace_value(self, value: Any) -> None: ...


State = list[list[Any]]

lock = threading.RLock()  # held while a program that has variables on loan runs a step or changes hands
_PATIENCE = 60  # seconds that a reader waits for a step
_loans: set[int] = set()  # ids of the loans under way
_taken = 0  # how many there have been
_array: type | None = None  # JAX's class of arrays that hold values: quicker to ask for than whether one is an array
_readers: dict[tuple[int, int], None] = {}  # threads, and ids of the programs with which they read


class Loan:
    """The values of variables while a program trains them.

    Args:
        groups: The variables, in groups.
    """

    def __init__(self, groups: Sequence[Sequence[Lendable]]):
        self.groups = groups
        self._places = {id(v): (g, i) for g, group in enumerate(groups) for i, v in enumerate(group)}
        # What the last step returned: a pair of the state and the rest. Replaced as a whole.
        self._kept: list[tuple[State, Any]] = []

    def take(self) -> State:
        """Takes over the values; those that were assigned since the last step count."""
        with lock:
            before = self._kept[-1][0] if self._kept else []
            state = [
                [before[g][i] if v._value is self else v.held_value() for i, v in enumerate(group)]
                for g, group in enumerate(self.groups)
            ]
            self._kept[:] = [(state, None)]
            self._begin()
            if _readers:  # whose arrays these may be
                state = [[_copy(v) for v in group] for group in state]
                self._kept[:] = [(state, None)]
            return state

    def _begin(self) -> None:
        """Marks the variables as lent; the lock is held."""
        global _taken
        _loans.add(id(self))
        _taken += 1
        for group in self.groups:
            for v in group:
                v._value = self

    def run(self, step: Callable, args: Sequence[Any]) -> tuple[State, Any]:
        """Runs a step that takes over the buffers of `args[0]`, the state, and returns a new state and the rest."""
        with lock, Held():  # the result must not get lost
            self._kept[:] = [step(*args)]
            return self._kept[0]

    def give_back(self) -> None:
        """Puts the latest values into the variables."""
        if not self._kept:
            return
        with lock:
            for group, values in zip(self.groups, self._kept[-1][0]):
                for v, value in zip(group, values):
                    v.replace_value(value)
            self._end()

    def _end(self) -> None:
        """Marks the loan as ended; the lock is held."""
        _loans.discard(id(self))
        self._kept.clear()  # last: until then a variable that was not reached finds its value here

    def value_of(self, variable: Lendable) -> Any:
        """A copy of the latest value of a variable that is on loan.

        Raises:
            RuntimeError: The step under way doesn't end; as where it is the step itself that asks, from a callback.
        """
        if not lock.acquire(timeout=_PATIENCE):
            raise RuntimeError(
                f"Variable '{variable.path}' can't be read: a training step has held it for {_PATIENCE} seconds. Code "
                "that a step calls back on the host must not read variables: pass it their values."
            )
        try:
            if variable._value is not self:
                return variable.stored_value()
            group, i = self._places[id(variable)]
            return _copy(self._kept[-1][0][group][i])
        finally:
            lock.release()

    def held(self, variable: Lendable) -> Any:
        """The latest value of a variable that is on loan, whose buffer the next step takes over."""
        group, i = self._places[id(variable)]
        return self._kept[-1][0][group][i]

    def __deepcopy__(self, memo: dict) -> None:
        return None

    def __reduce__(self) -> Any:
        return type(None), ()


def _renew() -> None:
    global lock
    lock = threading.RLock()  # whoever held it stayed in the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def _copy(value: Any) -> Any:
    with jax.ensure_compile_time_eval():  # whoever looks may be tracing
        return put(np.array(value)) if isinstance(value, np.ndarray) else jnp.array(value, copy=True)


def enter(reader: Any) -> None:
    """Says that this thread reads variables, which are untouched until `done(reader)`."""
    _readers[get_ident(), id(reader)] = None


def read(reader: Any, variables: Sequence[Lendable]) -> list:
    """The values of variables, all of them after the same step, and untouched until `done(reader)`."""
    _readers[get_ident(), id(reader)] = None
    if not _loans:
        count = _taken
        found = _values(variables)
        if count == _taken and not _loans:
            return found
    with lock:
        return _values(variables)


def _values(variables: Sequence[Lendable]) -> list:
    global _array
    if _array is None and variables:
        _array = type(variables[0].stored_value())
    kind = _array
    return [v._value if type(v._value) is kind else v.stored_value() for v in variables]


def latest(variables: Sequence[Lendable]) -> list:
    """The latest values of variables, on loan or not, themselves: the next step may take over their buffers."""
    with lock:
        return [v._value.held(v) if isinstance(v._value, Loan) else v.stored_value() for v in variables]


def write(groups: Sequence[Sequence[Lendable]], values: Sequence[Sequence[Any]]) -> None:
    """Puts values into variables, except for None and where another program has them on loan."""
    with lock:
        for group, new in zip(groups, values):
            for v, value in zip(group, new):
                if value is not None and not isinstance(v._value, Loan):
                    v.replace_value(value)


def done(reader: Any) -> None:
    """Says that this thread has given what it read to its last step."""
    _readers.pop((get_ident(), id(reader)), None)


__all__ = ["Loan", "State", "done", "enter", "latest", "lock", "read", "write"]
