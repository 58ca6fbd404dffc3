"""Stacks: the variables of members of one architecture while they are trained together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import dtypes, lending
from ..core.engine import fetch, put
from ..core.lending import Loan
from ..core.variable import Variable
from ..training.specs import merged
from .lanes import Lane

_TESTED = (0, 1, 3)  # the groups of variables that evaluation has, of those that training has

Lanes = list[list[list[Any]]]  # for each lane the values of its members, in groups


class _Place(NamedTuple):
    """Position of a variable's value: lane, group, number in the group, and number of the member in the lane."""

    lane: int
    group: int
    position: int
    number: int


class Stack(Loan):
    """The values of several models' variables while they are trained together.

    The variables are on loan as in any training: reading one gives the latest value of that member, and a value that is
    assigned, such as a new learning rate, goes into the next epoch.

    Args:
        members: For each member its groups of variables, those of a training program, in the same order.
        lanes: The lanes of the members. The values of a stacked one have an axis of members.

    Attributes:
        size: Number of members, with those that have left it.
        lanes: The lanes.
    """

    def __init__(self, members: Sequence[Sequence[Sequence[Variable]]], lanes: Sequence[Lane]):
        super().__init__([[v for group in member for v in group] for member in members])
        self.size = len(members)
        self.lanes = list(lanes)
        self._left: set[int] = set()
        # By group and position, the members' variables.
        self._columns = [[list(column) for column in zip(*groups)] for groups in zip(*members)]
        self._found = {
            id(column[k]): _Place(number, g, i, k - lane.first)
            for number, lane in enumerate(lanes)
            for g, columns in enumerate(self._columns)
            for i, column in enumerate(columns)
            for k in lane.members
        }

    def take(self) -> Lanes:  # type: ignore[override]
        with lending.lock:
            before = self._kept[-1][0] if self._kept else None
            state = [
                [
                    [
                        self._taken(lane, column, None if before is None else before[number][g][i])
                        for i, column in enumerate(columns)
                    ]
                    for g, columns in enumerate(self._columns)
                ]
                for number, lane in enumerate(self.lanes)
            ]
            self._kept[:] = [(state, None)]  # type: ignore[list-item]
            self._begin()
            return state

    def _taken(self, lane: Lane, column: list[Variable], before: Any) -> Any:
        """The values of a lane in a column: those of before, with what was assigned since."""
        assigned = [k for k in lane.members if column[k]._value is not self and k not in self._left]
        if not assigned and before is not None:
            return before
        if not lane.stacked:  # a copy, as the step takes over its buffer, which others may read
            return np.array(column[lane.first].held_value())
        first = column[lane.first]
        partly = before is not None and len(assigned) < len(lane.members)
        shape = (lane.slots, *first.shape)
        host = np.array(before) if partly else np.zeros(shape, dtypes.numpy_dtype(first._dtype))
        for k in assigned:
            host[k - lane.first] = np.asarray(column[k].held_value())
        if not partly:  # what fills the last device computes as the last member does, and is dropped
            host[len(lane.members) :] = host[len(lane.members) - 1]
        return host if lane.mesh is None else put(host, lane.sharding(spread=True))

    def test(self, step: Callable, args: tuple) -> tuple[Lanes, Any]:
        """Runs a step of evaluation on `args[0]`, the groups of `tested`; returns them and the logs."""
        new, logs = step(*args)
        found = [[merged(*pair) for pair in zip(old, values)] for old, values in zip(args[0], new)]
        state = [list(lane) for lane in self._kept[-1][0]]
        for lane, tested in zip(state, found):
            for g, values in zip(_TESTED, tested):
                lane[g] = values
        self._kept[:] = [(state, None)]  # type: ignore[list-item]
        return found, logs

    @staticmethod
    def tested(state: Lanes) -> Lanes:
        """Returns the groups that evaluation is given."""
        return [[lane[g] for g in _TESTED] for lane in state]

    def value_of(self, variable: Any) -> Any:
        with lending.lock:
            if variable._value is not self:
                return variable.stored_value()
            return put(self._host(variable))

    def held(self, variable: Any) -> Any:
        return put(self._host(variable))

    def _host(self, variable: Any) -> np.ndarray:
        place = self._found[id(variable)]
        value = np.asarray(self._kept[-1][0][place.lane][place.group][place.position])
        return np.array(value[place.number, ...] if self.lanes[place.lane].stacked else value)

    def leave(self, members: Sequence[int]) -> None:
        """Gives members their variables back. What is computed for them from now on is dropped."""
        with lending.lock:
            for lane, state in zip(self.lanes, self._kept[-1][0]):
                if own := [k for k in members if k in lane.members]:
                    self._return(lane, own, fetch(state))
            self._left.update(members)
            self.groups = [[column[k] for columns in self._columns for column in columns] for k in self.staying]

    def _return(self, lane: Lane, members: Sequence[int], state: list[list[np.ndarray]]) -> None:
        for columns, values in zip(self._columns, state):
            for column, value in zip(columns, values):
                for k in members:
                    if column[k]._value is self:
                        column[k].replace_value(np.array(value[k - lane.first, ...] if lane.stacked else value))

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


__all__ = ["Lanes", "Stack"]
