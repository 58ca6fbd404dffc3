"""Stacks: the variables of members of one architecture as arrays with an axis of members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtypes, lending
from ..core.engine import fetch, put
from ..core.lending import Loan, State
from ..core.variable import Variable
from ..training.specs import merged

_TESTED = (0, 1, 3)  # the groups of variables that evaluation has, of those that training has


class Stack(Loan):
    """The values of several models' variables while they are trained together.

    The variables are on loan as in any training: reading one gives the latest value of that member, and a value that is
    assigned, such as a new learning rate, goes into the next epoch.

    Args:
        members: For each member its groups of variables, those of a training program, in the same order.

    Attributes:
        size: Number of members, with those that have left it.
    """

    def __init__(self, members: Sequence[Sequence[Sequence[Variable]]]):
        super().__init__([[v for group in member for v in group] for member in members])
        self.size = len(members)
        self._left: set[int] = set()
        # By group and position, the members' variables.
        self._columns = [[list(column) for column in zip(*groups)] for groups in zip(*members)]
        self._places = {
            id(v): (g, i, k)  # type: ignore[misc]
            for g, columns in enumerate(self._columns)
            for i, column in enumerate(columns)
            for k, v in enumerate(column)
        }

    def take(self) -> State:
        with lending.lock:
            before = self._kept[-1][0] if self._kept else None
            state = [
                [self._stacked(column, None if before is None else before[g][i]) for i, column in enumerate(columns)]
                for g, columns in enumerate(self._columns)
            ]
            self._kept[:] = [(state, None)]
            self._begin()
            return state

    def _stacked(self, column: list[Variable], before: Any) -> Any:
        """The values of a column: those of before, with what was assigned since."""
        assigned = [k for k, v in enumerate(column) if v._value is not self and k not in self._left]
        if not assigned and before is not None:
            return before
        first = column[0]
        partly = before is not None and len(assigned) < self.size - len(self._left)
        shape = (self.size, *first.shape)
        host = np.array(before) if partly else np.zeros(shape, dtypes.numpy_dtype(first._dtype))
        for k in assigned:
            host[k] = np.asarray(column[k].held_value())
        return host

    def test(self, step: Callable, args: tuple) -> tuple[State, Any]:
        """Runs a step of evaluation on `args[0]`, the groups of `tested`; returns them and the logs."""
        new, logs = step(*args)
        found = [merged(old, values) for old, values in zip(args[0], new)]
        state = list(self._kept[-1][0])
        for g, values in zip(_TESTED, found):
            state[g] = values
        self._kept[:] = [(state, None)]
        return found, logs

    @staticmethod
    def tested(state: State) -> State:
        """Returns the groups that evaluation is given."""
        return [state[g] for g in _TESTED]

    def value_of(self, variable: Any) -> Any:
        with lending.lock:
            if variable._value is not self:
                return variable.stored_value()
            return put(self._host(variable))

    def held(self, variable: Any) -> Any:
        return put(self._host(variable))

    def _host(self, variable: Any) -> np.ndarray:
        g, i, k = self._places[id(variable)]  # type: ignore[misc]
        return np.array(np.asarray(self._kept[-1][0][g][i])[k, ...])

    def leave(self, members: Sequence[int]) -> None:
        """Gives members their variables back. What is computed for them from now on is dropped."""
        with lending.lock:
            for g, columns in enumerate(self._columns):
                values = fetch(self._kept[-1][0][g])
                for column, stacked in zip(columns, values):
                    for k in members:
                        if column[k]._value is self:
                            column[k].replace_value(np.array(stacked[k, ...]))
            self._left.update(members)
            self.groups = [[column[k] for columns in self._columns for column in columns] for k in self.staying]

    @property
    def staying(self) -> list[int]:
        """The members that have not left."""
        return [k for k in range(self.size) if k not in self._left]

    def give_back(self) -> None:
        """Gives all members their variables back."""
        if self._kept:
            self.leave(self.staying)
            with lending.lock:
                self._end()


__all__ = ["Stack"]
