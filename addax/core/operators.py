"""Python's operators on KerasTensors and Variables: one table from operator to op."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .late import provided

_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "matmul": "matmul",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
}
_COMPARE = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "logical_not"}


def op(name: str) -> Callable:
    """The op called `name`. The operators stand below the ops, so they look them up when used."""
    return getattr(provided("ops"), name)


R = TypeVar("R")  # what the operators return


class TensorOperators(Generic[R]):
    """Gives a class the operators of arrays, each computed by the op of that name."""

    __array_priority__ = 1000  # ndarray + this: ours, not NumPy's

    def __getitem__(self, key: Any) -> R:
        return op("get_item")(self, key)

    def __pos__(self) -> R:
        return op("positive")(self)

    def __round__(self, ndigits: int | None = None) -> R:
        return op("round")(self, decimals=ndigits or 0)

    if TYPE_CHECKING:  # the tables below, for checkers, which don't run them

        def __add__(self, other: Any) -> R: ...
        def __radd__(self, other: Any) -> R: ...
        def __sub__(self, other: Any) -> R: ...
        def __rsub__(self, other: Any) -> R: ...
        def __mul__(self, other: Any) -> R: ...
        def __rmul__(self, other: Any) -> R: ...
        def __matmul__(self, other: Any) -> R: ...
        def __rmatmul__(self, other: Any) -> R: ...
        def __truediv__(self, other: Any) -> R: ...
        def __rtruediv__(self, other: Any) -> R: ...
        def __floordiv__(self, other: Any) -> R: ...
        def __rfloordiv__(self, other: Any) -> R: ...
        def __mod__(self, other: Any) -> R: ...
        def __rmod__(self, other: Any) -> R: ...
        def __pow__(self, other: Any) -> R: ...
        def __rpow__(self, other: Any) -> R: ...
        def __and__(self, other: Any) -> R: ...
        def __rand__(self, other: Any) -> R: ...
        def __or__(self, other: Any) -> R: ...
        def __ror__(self, other: Any) -> R: ...
        def __xor__(self, other: Any) -> R: ...
        def __rxor__(self, other: Any) -> R: ...
        def __lt__(self, other: Any) -> R: ...
        def __le__(self, other: Any) -> R: ...
        def __gt__(self, other: Any) -> R: ...
        def __ge__(self, other: Any) -> R: ...
        def __eq__(self, other: Any) -> R: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> R: ...  # type: ignore[override]
        def __neg__(self) -> R: ...
        def __abs__(self) -> R: ...
        def __invert__(self) -> R: ...


def _define(special: str, op_name: str, swapped: bool = False) -> None:
    def method(self: Any, *other: Any) -> Any:
        return op(op_name)(*other, self) if swapped else op(op_name)(self, *other)

    method.__name__ = special
    setattr(TensorOperators, special, method)


for _name, _op in _BINARY.items():
    _define(f"__{_name}__", _op)
    _define(f"__r{_name}__", _op, swapped=True)
for _name, _op in _COMPARE.items():
    _define(f"__{_name}__", _op)
for _name, _op in _UNARY.items():
    _define(f"__{_name}__", _op)
