"""Finding what belongs to an object: variables, layers, ... assigned to its attributes, alone or in containers."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .changes import changes
from .config import thread

PLAIN = frozenset((type(None), bool, int, float, str, bytes, types.FunctionType))  # most of what is assigned


@contextmanager
def untracked() -> Iterator[None]:
    """Within it, what is assigned to the attributes of an object doesn't belong to it, and lists stay as they are.

    >>> layer = keras.layers.Layer()
    >>> with untracked():
    ...     layer.other = keras.layers.Dense(2)
    >>> layer._layers
    []
    """
    outer, thread.untracked = thread.untracked, True
    try:
        yield
    finally:
        thread.untracked = outer


class Tracker:
    """Sorts what is assigned to an object into lists, in the order of assignment.

    Args:
        list_of: Returns the name of the list where a value belongs, or None for values that belong in none.
        lists: The lists by name. Only the tracker changes them.
    """

    def __init__(self, list_of: Callable[[Any], str | None], lists: dict[str, list]):
        self.list_of = list_of
        self.lists = lists
        self.locked: str | None = None  # why nothing may be added
        self._ids: set[int] | None = set()
        self._under_way: dict[int, Any] = {}  # containers that are being noted: one may hold itself

    def track(self, value: Any) -> Any:
        """Notes `value`; returns it, containers in a form that notes what is added to them later."""
        if type(value) in PLAIN or thread.untracked:
            return value
        name = self.list_of(value)
        if name is not None:
            self.add(name, value)
            return value
        if type(value) in _TRACKED:
            return self._track_container(value)
        if isinstance(value, tuple):
            wrapped = [self.track(v) for v in value]
            if all(w is v for w, v in zip(wrapped, value)):
                return value
            return type(value)(*wrapped) if hasattr(value, "_fields") else tuple(wrapped)
        return value

    def _track_container(self, value: Any) -> Any:
        if id(value) in self._under_way:
            return self._under_way[id(value)]
        container = self._under_way[id(value)] = _TRACKED[type(value)]((), self)
        try:
            (container.extend if isinstance(container, list) else container.update)(value)
        finally:
            del self._under_way[id(value)]
        return container

    def add(self, name: str, value: Any, at: int | None = None) -> None:
        """Puts `value` into a list, unless it is in one already (what was trainable when it came may be frozen now).

        Args:
            name: The list.
            value: The value.
            at: Index in the list; the end when None.

        Raises:
            ValueError: The tracker is locked.
        """
        ids = self._known()
        if id(value) in ids:
            return
        if self.locked:
            raise ValueError(self.locked)
        changes.count += 1
        ids.add(id(value))
        values = self.lists[name]
        values.insert(len(values) if at is None else at, value)

    def untrack(self, value: Any) -> None:
        """Forgets `value` and what is in it."""
        if type(value) in PLAIN:
            return
        if self.list_of(value) is not None:
            ids = self._known()
            if id(value) in ids:
                changes.count += 1
                ids.remove(id(value))
                for values in self.lists.values():
                    values[:] = [v for v in values if v is not value]
        elif isinstance(value, (TrackedList, TrackedSet, TrackedDict, tuple)) and id(value) not in self._under_way:
            self._under_way[id(value)] = value
            for v in value.values() if isinstance(value, dict) else value:
                self.untrack(v)
            del self._under_way[id(value)]

    def _known(self) -> set[int]:
        if self._ids is None:
            self._ids = {id(v) for values in self.lists.values() for v in values}
        return self._ids

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ids": None}  # copies have other ids


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
        return list, (), None, iter(self)  # item by item, so that a list may hold itself


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
        return dict, (), None, None, iter(self.items())


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


_TRACKED: dict[type, Callable] = {list: TrackedList, dict: TrackedDict, set: TrackedSet}
