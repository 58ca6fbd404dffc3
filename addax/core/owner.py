"""Owner: the base of layers, metrics and optimizers, to which the variables assigned to their attributes belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from .changes import changes
from .fingerprint import left_out
from .naming import name_scope_once
from .signature import Configurable
from .tracking import PLAIN, Tracker
from .variable import Variable


class Owner(Configurable):
    """Base of objects that have variables.

    Variables assigned to an attribute, alone or in lists, dicts, sets and tuples, belong to the object, as do objects
    that have variables of their own. A subclass says in `_lists` which lists it keeps, and in `_list_of` where a value
    goes.

    >>> class Counter(Owner):
    ...     def __init__(self):
    ...         self.steps = Variable(np.zeros(2), name="steps")
    ...         self.others = [Variable(np.ones(3), name="other")]
    >>> [v.name for v in Counter().variables]
    ['steps', 'other']
    """

    _about: tuple[str, ...] = ("_tracker",)
    # Lists of variables come first, then those of objects whose variables count as this one's, then others.
    _lists: ClassVar[tuple[str, ...]] = ("_variables",)
    # Attributes whose values stay somebody else's.
    _untracked: ClassVar[frozenset[str]] = frozenset(("_init_args", "_tracker"))
    # Attributes that copies and pickles begin anew, with what makes their first value.
    _transient: ClassVar[Mapping[str, Callable[[], Any]]] = {}

    name: str
    _tracker: Tracker
    _variables: list[Variable]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().__new__(cls, *args, **kwargs)
        lists: dict[str, list] = {name: [] for name in cls._lists}
        instance.__dict__.update(lists, _tracker=Tracker(cls._list_of, lists))
        return instance

    @staticmethod
    def _list_of(value: Any) -> str | None:
        """The name of the list for `value`, or None where it isn't tracked."""
        return "_variables" if isinstance(value, Variable) else None

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        tracker = own.get("_tracker")
        if tracker is None:
            raise RuntimeError(f"In '{type(self).__name__}', `__new__` was overridden without calling super's.")
        if name not in left_out(type(self)):
            changes.count += 1
        old = own.get(name)
        if not (type(value) in PLAIN and type(old) in PLAIN) and name not in self._untracked:
            if old is not None and old is not value:
                tracker.untrack(old)
            value = tracker.track(value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__ and name not in self._untracked:
            self._tracker.untrack(self.__dict__[name])
        object.__delattr__(self, name)

    # Variables

    @property
    def variables(self) -> list[Variable]:
        """All variables of the object, in the order of its files."""
        return self._own_variables()

    def _own_variables(self) -> list[Variable]:
        """The variables that the object itself reads from and writes to files."""
        return list(self._variables)

    def _make_variable(self, initializer: Callable, shape: Sequence[int], **options: Any) -> Variable:
        """Makes a variable that belongs to this object, its path under the object's name.

        Args:
            initializer: A callable `(shape, dtype) -> array`.
            shape: Its shape, all sizes known.
            **options: Further arguments of `Variable`.
        """
        with name_scope_once(self.name.replace("/", ">")):
            variable = Variable(initializer, tuple(shape), **options)
        return self._tracker.track(variable)

    def _set_values(self, variables: Sequence[Variable], values: Sequence[Any], what: str) -> None:
        """Assigns all values, or none where one has another shape than its variable.

        Args:
            variables: The variables.
            values: An array for each.
            what: Beginning of the error; `{}` stands for the variable's shape.
        """
        for variable, value in zip(variables, values):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"{what.format(variable.shape)} not compatible with provided weight shape "
                    f"{tuple(np.shape(value))}. The variable is '{variable.path}'."
                )
        for variable, value in zip(variables, values):
            variable.assign(value)

    # Files and copies

    def save_own_variables(self, store: Any) -> None:
        """Writes the object's own variables to `store`, a mapping from "0", "1", ... to arrays."""
        for i, variable in enumerate(self._own_variables()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads the object's own variables from `store`.

        Raises:
            ValueError: The store holds another number of arrays.
        """
        own = self._own_variables()
        if len(store.keys()) != len(own):
            raise ValueError(
                f"'{self.name}' has {len(own)} variables ({[v.name for v in own]}), but the file holds "
                f"{len(store.keys())}."
            )
        for i, variable in enumerate(own):
            variable.assign(store[str(i)])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in self._transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, make in self._transient.items():
            self.__dict__[name] = make()
        for name, value in state.items():
            if name not in self._lists and name not in self._untracked:
                self.__dict__[name] = self._tracker.track(value)  # containers come back as plain ones

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
