"""KerasTensor: a value that is not there yet, only its shape, dtype and the operation that will make it."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from .dtypes import standardize_dtype, standardize_shape
from .engine import is_loaded
from .jax_inside import calling_function, teach_dtype_of
from .late import provided
from .naming import auto_name
from .operators import TensorOperators, op


class KerasHistory(NamedTuple):
    """Origin of a tensor: the operation, the index of its call, and the index of the output."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor(TensorOperators["KerasTensor"]):
    """A symbolic tensor: what `Input` returns and what layers and ops give when called on one.

    Args:
        shape: Sizes; None where unknown.
        dtype: Dtype name.
        sparse: Whether the values are sparse, arrays of `jax.experimental.sparse.BCOO`.
        ragged: Kept for compatibility; only False is supported.
        record_history: Kept for compatibility.
        name: Name; automatic when None.

    >>> KerasTensor((None, 3), name="x")
    <KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=x>
    """

    _about: tuple[str, ...] = ("name",)
    ragged_rank: int | None = None  # only ragged tensors have them
    row_splits_dtype: str | None = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        del kwargs
        self.record_history = record_history
        if ragged:
            both = " KerasTensor cannot have `sparse=True` and `ragged=True` at the same time." if sparse else ""
            raise ValueError(f"addax has no ragged tensors: `ragged=True` is not supported.{both}")
        self._shape = standardize_shape(shape)
        self._dtype = standardize_dtype(dtype)
        self.sparse = bool(sparse)
        self.ragged = False
        self.name = name or auto_name("keras_tensor")
        self._keras_history: KerasHistory | None = None
        self._keras_mask: Any = None
        if not _jax_is_taught and is_loaded():
            _teach_jax()

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes; None where unknown."""
        return self._shape

    @property
    def dtype(self) -> str:
        """Dtype name."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    def reshape(self, newshape: Any) -> Any:
        """`ops.reshape` of this tensor."""
        return op("reshape")(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """`ops.squeeze` of this tensor."""
        return op("squeeze")(self, axis)

    # `==` compares identity, so that tensors can be found in lists and be keys of dicts.
    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise ValueError(_refusal(self, None, "convert it to a NumPy array"))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = ufunc.__name__
        if method == "__call__" and name in _OPERATORS and not kwargs:  # ndarray + KerasTensor comes here
            return op(_OPERATORS[name])(*inputs)
        if name == "equal":  # which compares identity, see `__eq__`
            return inputs[0] is inputs[1]
        if name == "not_equal":
            return op(name)(*inputs)
        name = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}.get(name, name)  # `np.sum`
        raise ValueError(_refusal(self, f"numpy.{name}", f"use it in `numpy.{name}`"))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> NoReturn:
        raise ValueError(_refusal(self, f"numpy.{func.__name__}", f"use it in `numpy.{func.__name__}`"))

    @property
    def __jax_array__(self) -> NoReturn:
        # JAX looks this attribute up on whatever its functions are given, which is where a user who passes a
        # symbolic tensor to `jax.numpy` can be told what to do instead. (It would wrap a TypeError in one of its own.)
        _refuse_jax(self)

    def __float__(self) -> NoReturn:
        self._no_value("a float")

    def __int__(self) -> NoReturn:
        self._no_value("an int")

    def __index__(self) -> NoReturn:
        self._no_value("an int")

    def _no_value(self, what: str) -> NoReturn:
        raise TypeError(f"A KerasTensor is symbolic: it has no value to be converted to {what}. Received: {self!r}")

    def __bool__(self) -> NoReturn:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __iter__(self) -> NoReturn:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __deepcopy__(self, memo: dict) -> KerasTensor:
        return self

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self._shape}, dtype={self._dtype}, sparse={self.sparse}, "
            f"ragged={self.ragged}, name={self.name}>"
        )


# The ufuncs that NumPy's operators call, and the op that does the same.
_OPERATORS = {
    **{name: name for name in ("add", "subtract", "multiply", "matmul", "floor_divide", "power")},
    **{name: name for name in ("less", "less_equal", "greater", "greater_equal")},
    "divide": "true_divide",
    "remainder": "mod",
    **{f"bitwise_{name}": f"logical_{name}" for name in ("and", "or", "xor")},
}


def _refusal(tensor: KerasTensor, function: str | None, what: str) -> str:
    """Returns the error message for a symbolic tensor given to a function that needs values."""
    name = (function or "").rpartition(".")[2]
    known = name in provided("ops").__all__
    remedy = f"`keras.ops.{name}`" if known else "the function of that name in `keras.ops`"
    return (
        "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any actual numerical "
        f"value. You cannot {what}. Use {remedy}, or put the code in the `call` of a layer. Received: {tensor!r}"
    )


def _refuse_jax(tensor: KerasTensor) -> NoReturn:
    name = calling_function(skip=__name__)
    raise ValueError(_refusal(tensor, name, f"use it in `{name}`" if name else "use it in a function of JAX"))


_jax_is_taught = False


def _teach_jax() -> None:
    """Lets the functions of `jax.lax` and `jax.nn`, which don't look at `__jax_array__`, say the same."""
    global _jax_is_taught
    _jax_is_taught = True
    teach_dtype_of(KerasTensor, _refuse_jax)


def any_symbolic(*values: Any) -> bool:
    """Returns whether a KerasTensor stands anywhere in `values` (containers are searched)."""
    for value in values:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, dict):
            if any_symbolic(*value.values()):
                return True
        elif isinstance(value, (list, tuple)) and any_symbolic(*value):
            return True
    return False
