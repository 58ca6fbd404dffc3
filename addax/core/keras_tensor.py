"""KerasTensor: a value that is not there yet, only its shape, dtype and the operation that will make it."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple, NoReturn

from .dtypes import standardize_dtype, standardize_shape
from .naming import auto_name
from .operators import TensorOperators, op


class KerasHistory(NamedTuple):
    """Which output of which call of which operation a tensor is."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor(TensorOperators):
    """A symbolic tensor: what `Input` returns and what layers and ops give when called on one.

    Args:
        shape: Sizes; None where unknown.
        dtype: Dtype name.
        sparse, ragged: Kept for compatibility; only False is supported.
        record_history: Kept for compatibility.
        name: Name; automatic when None.

    >>> KerasTensor((None, 3), name="x")
    <KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=x>
    """

    __array_ufunc__ = None  # ndarray + KerasTensor goes to our __radd__

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
        del record_history, kwargs
        if sparse or ragged:
            raise ValueError("addax has dense tensors only: `sparse=True` and `ragged=True` are not supported.")
        self._shape = standardize_shape(shape)
        self._dtype = standardize_dtype(dtype)
        self.sparse = False
        self.ragged = False
        self.name = name or auto_name("keras_tensor")
        self._keras_history: KerasHistory | None = None
        self._keras_mask: Any = None

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
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any actual "
            f"numerical value. You cannot convert it to a NumPy array. Use the function of `keras.ops` of the same "
            f"name, or put the code in the `call` of a layer. Received: {self!r}"
        )

    @property
    def __jax_array__(self) -> NoReturn:
        # JAX looks this attribute up on whatever its functions are given, which is where a user who passes a
        # symbolic tensor to `jax.numpy` can be told what to do instead.
        name = _calling_jax_function()
        remedy = f"`keras.ops.{name}`" if name else "the function of that name in `keras.ops`"
        called = f"`jax.numpy.{name}`" if name else "A JAX function"
        raise TypeError(
            f"{called} was called on a symbolic KerasTensor, which has no values. Use {remedy}, or put the code in "
            f"the `call` of a layer or in a `Lambda`. Received: {self!r}"
        )

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


def _calling_jax_function() -> str | None:
    """The name of the JAX function that the user called, read off the stack."""
    frame, name = sys._getframe(2), None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("jax", "numpy")):
            return name
        code = frame.f_code.co_name
        if code == "__call__":  # a jnp.ufunc object
            code = getattr(frame.f_locals.get("self"), "__name__", code)
        if not code.startswith("_") and code not in ("cache_miss", "reraise_with_filtered_traceback"):
            name = code
        frame = frame.f_back  # type: ignore[assignment]
    return name


def any_symbolic(*values: Any) -> bool:
    """Whether a KerasTensor stands anywhere in `values` (containers are searched)."""
    for value in values:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, dict):
            if any_symbolic(*value.values()):
                return True
        elif isinstance(value, (list, tuple)) and any_symbolic(*value):
            return True
    return False
