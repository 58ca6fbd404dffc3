"""Finding what belongs to an object: variables, layers, ... assigned to its attributes, alone or in containers."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any

PLAIN = frozenset((type(None), bool, int, float, str, bytes, types.FunctionType))  # most of what is assigned


class Tracker:
    """Sorts what is assigned to an object into lists, in the order of assignment.

    Args:
        kinds: For each list, the test of what goes there; the first that holds wins.
        lists: The lists themselves, by the same names.
    """

    def __init__(self, kinds: dict[str, Callable[[Any], bool]], lists: dict[str, list]):
        self.kinds = kinds
        self.lists = lists
        self.locked: str | None = None  # why nothing may be added

    def track(self, value: Any) -> Any:
        """Notes `value`; returns it, containers in a form that notes what is added to them later."""
        if type(value) in PLAIN:
            return value
        kind = self._kind(value)
        if kind is not None:
            # In whichever list: what was trainable when it came may be frozen now.
            if not any(id(value) in map(id, known) for known in self.lists.values()):
                if self.locked:
                    raise ValueError(self.locked)
                self.lists[kind].append(value)
            return value
        if type(value) is list:
            return TrackedList(value, self)
        if type(value) is dict:
            return TrackedDict(value, self)
        if type(value) is set:
            return TrackedSet(value, self)
        if isinstance(value, tuple):
            wrapped = [self.track(v) for v in value]
            if all(w is v for w, v in zip(wrapped, value)):
                return value
            return type(value)(*wrapped) if hasattr(value, "_fields") else tuple(wrapped)
        return value

    def untrack(self, value: Any) -> None:
        """Forgets `value` and what is in it."""
        if type(value) in PLAIN:
            return
        if self._kind(value) is not None:
            for known in self.lists.values():
                known[:] = [v for v in known if v is not value]
        elif isinstance(value, (TrackedList, TrackedSet, tuple)):
            for v in value:
                self.untrack(v)
        elif isinstance(value, TrackedDict):
            for v in value.values():
                self.untrack(v)

    def _kind(self, value: Any) -> str | None:
        for name, test in self.kinds.items():
            if test(value):
                return name
        return None


class TrackedList(list):
    """A list whose tracker hears of what comes and goes."""

    def __init__(self, values: Iterable = (), tracker: Tracker | None = None):
        self.tracker = tracker
        super().__init__([tracker.track(v) for v in values] if tracker else values)

    def append(self, value: Any) -> None:
        super().append(self.tracker.track(value) if self.tracker else value)

    def insert(self, index: Any, value: Any) -> None:
        super().insert(index, self.tracker.track(value) if self.tracker else value)

    def extend(self, values: Iterable) -> None:
        for v in values:
            self.append(v)

    def __iadd__(self, values: Iterable) -> TrackedList:  # type: ignore[override, misc]
        self.extend(values)
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.tracker:
            old = self[key]
            for v in old if isinstance(key, slice) else [old]:
                self.tracker.untrack(v)
            value = [self.tracker.track(v) for v in value] if isinstance(key, slice) else self.tracker.track(value)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        old = self[key]
        super().__delitem__(key)
        if self.tracker:
            for v in old if isinstance(key, slice) else [old]:
                self.tracker.untrack(v)

    def pop(self, index: Any = -1) -> Any:
        value = super().pop(index)
        if self.tracker:
            self.tracker.untrack(value)
        return value

    def remove(self, value: Any) -> None:
        index = next((i for i, v in enumerate(self) if v is value), None)
        if index is None:
            index = self.index(value)
        del self[index]

    def clear(self) -> None:
        del self[:]

    def __reduce__(self) -> Any:
        return (list, (list(self),))


class TrackedDict(dict):
    """A dict whose tracker hears of what comes and goes."""

    def __init__(self, values: Any = (), tracker: Tracker | None = None):
        self.tracker = tracker
        super().__init__()
        self.update(values)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.tracker:
            if key in self:
                self.tracker.untrack(self[key])
            value = self.tracker.track(value)
        super().__setitem__(key, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def pop(self, key: Any, *default: Any) -> Any:
        value = super().pop(key, *default)
        if self.tracker:
            self.tracker.untrack(value)
        return value

    def popitem(self) -> Any:
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def __reduce__(self) -> Any:
        return (dict, (dict(self),))


class TrackedSet(set):
    """A set whose tracker hears of what comes and goes."""

    def __init__(self, values: Iterable = (), tracker: Tracker | None = None):
        self.tracker = tracker
        super().__init__([tracker.track(v) for v in values] if tracker else values)

    def add(self, value: Any) -> None:
        super().add(self.tracker.track(value) if self.tracker else value)

    def update(self, *others: Iterable) -> None:
        for other in others:
            for v in other:
                self.add(v)

    def discard(self, value: Any) -> None:
        super().discard(value)
        if self.tracker:
            self.tracker.untrack(value)

    def remove(self, value: Any) -> None:
        super().remove(value)
        if self.tracker:
            self.tracker.untrack(value)

    def __reduce__(self) -> Any:
        return (set, (set(self),))
