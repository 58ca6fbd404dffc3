"""The one place where mutable objects meet pure functions.

Inside a `StateScope`, reading or assigning a `Variable` goes to the scope's mapping instead of the variable, so code
that mutates becomes a function of the values given to the scope. The training program, `stateless_call`, abstract
evaluation and user-written optimizers all run this way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .config import thread
from .engine import jnp

if TYPE_CHECKING:
    from .variable import Variable


class StateScope:
    """Redirects reads and assignments of variables to a mapping while it is active.

    Args:
        state_mapping: Pairs (variable, value) that variables read as; others read their own value.
        abstract: Variables without a pair read as a traced zero of their shape, so that abstract evaluation
            never makes a weight's value.

    Attributes:
        added: Pairs (layer, loss) that `add_loss` and the regularizers of activities recorded, in order.

    >>> from addax.core.variable import Variable
    >>> v = Variable(np.ones(2), name="v")
    >>> with StateScope([(v, jnp.zeros(2))]) as scope:
    ...     v.assign(v + 5.0)
    ...     print(v.value)
    Array([5., 5.], dtype=float32)
    [5. 5.]
    >>> print(v.value, scope.get_current_value(v))
    [1. 1.] [5. 5.]
    """

    def __init__(self, state_mapping: Iterable[tuple[Variable, Any]] = (), abstract: bool = False):
        self.values: dict[int, Any] = {}
        self.written: dict[int, Variable] = {}
        self.abstract = abstract
        self.added: list[tuple[Any, Any]] = []
        self._outer: StateScope | None = None
        self._keep: list[Variable] = []  # ids stay unique only while the variables live
        for variable, value in state_mapping:
            if hasattr(value, "value_uncast"):  # a Variable stands for its value
                value = value.value_uncast()
            shape = getattr(value, "shape", ())
            if len(shape) != len(variable.shape):
                raise ValueError(
                    f"The value for variable '{variable.path}' must have its shape {variable.shape}. "
                    f"Received a value of shape {tuple(shape)}."
                )
            self.values[id(variable)] = value
            self._keep.append(variable)

    def read(self, variable: Variable) -> Any:
        """The value that `variable` has in this scope or those around it, or None when they say nothing about it."""
        value = self.values.get(id(variable))
        if value is None and self._outer is not None:
            value = self._outer.read(variable)
        if value is None and self.abstract:
            value = jnp.zeros(variable.shape, variable.dtype)
        return value

    def write(self, variable: Variable, value: Any) -> None:
        """Makes `value` what `variable` reads as from now on in this scope."""
        self.values[id(variable)] = value
        self.written[id(variable)] = variable

    def get_current_value(self, variable: Variable) -> Any:
        """The value that `variable` has in this scope, or None when the scope says nothing about it."""
        return self.values.get(id(variable))

    def __enter__(self) -> StateScope:
        self._outer = thread.state_scope
        thread.state_scope = self
        return self

    def __exit__(self, *exc: object) -> None:
        thread.state_scope = self._outer


@contextmanager
def substitute(*pairs: tuple[Variable, Any]) -> Iterator[None]:
    """Within it, variables read as other values, while what is assigned goes where it would go without it.

    A layer that stands for another (a low-rank update, a quantized kernel) calls it under the values that it makes
    of the inner layer's variables; moving averages and seeds of the inner layer are still written.

    Args:
        *pairs: Pairs (variable, value); a value has its variable's shape.

    >>> from addax.core.variable import Variable
    >>> kernel, steps = Variable(np.ones(2), name="kernel"), Variable(0, name="steps")
    >>> with substitute((kernel, jnp.zeros(2))):
    ...     print(kernel.value)
    ...     _ = steps.assign_add(1)
    [0. 0.]
    >>> print(kernel.value, int(steps))
    [1. 1.] 1
    """
    for variable, value in pairs:
        if tuple(value.shape) != variable.shape:
            raise ValueError(
                f"The value for variable '{variable.path}' must have its shape {variable.shape}. Received a value of "
                f"shape {tuple(value.shape)}."
            )
    values = {id(variable): value for variable, value in pairs}
    with thread.setting(substitutes={**thread.substitutes, **values}):
        yield


def current_scope() -> StateScope | None:
    """The innermost active scope of this thread, or None."""
    return thread.state_scope


def in_stateless_scope() -> bool:
    """Returns whether reads and assignments of variables are redirected at the moment."""
    return thread.state_scope is not None
