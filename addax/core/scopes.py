"""The public scopes of Keras: `StatelessScope`, based on `StateScope`, and `SymbolicScope`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .config import thread
from .engine import jnp
from .state import StateScope

if TYPE_CHECKING:
    from .variable import Variable


class StatelessScope(StateScope):
    """Context manager in which reading and assigning variables goes to a mapping instead of the variables.

    Args:
        state_mapping: Pairs (variable, value) that variables read as; others read their own value.
        collect_losses: Whether `losses` holds the losses that layers add.
        initialize_variables: Kept for compatibility: variables are initialized when their value is first needed.

    Raises:
        ValueError: A key is not a variable, or a value has another shape than its variable.

    >>> v = keras.Variable([1.0, 2.0])
    >>> with keras.StatelessScope([(v, np.zeros(2))]) as scope:
    ...     _ = v.assign_add([5.0, 5.0])
    >>> print(v.numpy(), scope.get_current_value(v))
    [1. 2.] [5. 5.]
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        pairs = []
        for variable, value in state_mapping or ():
            if not hasattr(variable, "value_uncast"):
                raise ValueError(
                    "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be Variable "
                    f"instances. Received instead: {variable}"
                )
            pairs.append((variable, _of_shape(variable, value, "mapping")))
        super().__init__(pairs)
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables

    @property
    def state_mapping(self) -> dict[int, Any]:
        """The values, by the id of their variable."""
        return self.values

    @property
    def losses(self) -> list[Any]:
        """The losses given to `add_loss`, and those that layers added within the scope if they are collected."""
        return [loss for layer, loss in self.added if layer is None or self.collect_losses]

    def add_loss(self, loss: Any) -> None:
        """Adds a loss to `losses`.

        Args:
            loss: A scalar.
        """
        self.added.append((None, loss))

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Makes a variable read as another value from now on in this scope.

        Args:
            update: The pair (variable, value).
        """
        variable, value = update
        self.write(variable, value)


def _of_shape(variable: Variable, value: Any, argument: str) -> Any:
    if hasattr(value, "value_uncast"):  # a Variable is given by its value
        value = value.value_uncast()
    value = jnp.asarray(value, variable.dtype)
    if tuple(value.shape) != tuple(variable.shape):
        raise ValueError(
            f"Invalid variable value in StatelessScope: all values in argument `{argument}` must be tensors with a "
            f"shape that matches the corresponding variable shape. For variable {variable!r}, received invalid value "
            f"{value} with shape {tuple(value.shape)}."
        )
    return value


class SymbolicScope:
    """Context manager that marks code as symbolic; `in_symbolic_scope` returns whether one is open.

    >>> with keras.SymbolicScope():
    ...     in_symbolic_scope()
    True
    """

    def __enter__(self) -> SymbolicScope:
        self._outer = thread.symbolic
        thread.symbolic = True
        return self

    def __exit__(self, *exc: object) -> None:
        thread.symbolic = self._outer


def in_symbolic_scope() -> bool:
    """Returns whether a `SymbolicScope` is open in this thread."""
    return thread.symbolic


__all__ = ["StatelessScope", "SymbolicScope", "in_symbolic_scope"]
