"""Variable: a named, mutable value; the weights, counters and states of everything."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from . import dtypes, lending
from .buffers import as_numbers, unchanging
from .changes import changes
from .config import thread
from .engine import enable_float64, is_jax_array, is_loaded, is_tracer, jax, jnp
from .late import provided
from .lending import Loan
from .naming import auto_name, scoped
from .operators import TensorOperators
from .ours import is_ours
from .placement import current, fetch, put_as, put_blocks
from .types import Array

_SMALL = 1 << 16  # bytes


class Variable(TensorOperators[Array]):
    """A value that can be assigned, with a shape, a dtype and a path.

    The value is made when first needed: building and summarising a model does no numerics.

    Args:
        initializer: The value (array or nested numbers), a callable `(shape, dtype) -> array`, or the name or config
            of an initializer.
        shape: Shape; needed where `initializer` isn't the value.
        dtype: Dtype name; default: the array's own dtype (64-bit floats become the default float), or floatx.
        trainable: Whether an optimizer may change it.
        autocast: Whether a layer that computes in another float dtype reads it cast.
        aggregation: How replicas are combined: "none" (or None), "mean", "sum" or "only_first_replica".
        synchronization: Kept for compatibility.
        name: Name, the last part of the path; must not contain "/".
        layout: Device, sharding or `TensorLayout` of the value, its `placement`; None for that of the distribution
            that is set, or else JAX's default.
        **kwargs: Ignored, as in Keras, where they are other backends'.

    >>> v = Variable(np.zeros((2, 3)), name="kernel")
    >>> v
    <KerasVariable shape=(2, 3), dtype=float32, path=kernel>
    >>> v.assign_add(np.ones((2, 3))).sum()
    Array(6., dtype=float32)
    """

    is_spread = False  # whether a distribution laid it out
    layout_path: str | None = None  # path of the weight that it is laid out as: an optimizer's variables have one
    heads_axis: int | None = None  # axis of the heads of attention

    def __init__(
        self,
        initializer: Any,
        shape: tuple[int, ...] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ):
        del kwargs
        _let_jax_know(type(self))
        name = name or auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        self.name = name
        self.path = scoped(name)
        self._trainable = bool(trainable)
        self.autocast = bool(autocast)
        self.aggregation = _one_of("aggregation", aggregation, ("none", "mean", "sum", "only_first_replica"))
        self.synchronization = _one_of("synchronization", synchronization, ("none", "on_read", "on_write", "auto"))
        self.regularizer: Callable | None = None
        self.constraint: Callable | None = None
        self.overwrite_with_gradient = False
        self._layout: Any = layout
        self._placement: Any = thread.device if layout is None else getattr(layout, "backend_layout", layout)
        self._initializer: Callable | None = None
        self._value: Any = None
        if isinstance(initializer, (str, dict, type)):  # the initializers stand above: looked up when used
            initializer = provided("initializers").get(initializer)
        if callable(initializer) and not is_jax_array(initializer):
            if shape is None:
                raise ValueError(
                    "When creating a Variable from an initializer, the `shape` argument should be specified. "
                    f"Received: initializer={initializer} and shape={shape}"
                )
            self._shape = dtypes.standardize_shape(shape)
            if None in self._shape:
                raise ValueError(
                    f"Shapes used to initialize variables must be fully-defined (no `None` dimensions). "
                    f"Received: shape={shape} for variable path='{self.path}'"
                )
            self._dtype = dtypes.standardize_dtype(dtype)
            self._initializer = initializer
        else:
            self._value = _to_array(initializer, dtype)
            self._shape = tuple(self._value.shape)
            self._dtype = dtypes.standardize_dtype(self._value.dtype)
            if shape is not None and tuple(shape) != self._shape:
                raise ValueError(f"Variable '{self.path}' was given shape={shape} and a value of shape {self._shape}.")
        if self._dtype == "float64":
            enable_float64()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, a tuple of ints."""
        return self._shape  # type: ignore[return-value]

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if value is not self._trainable:
            changes.count += 1
        self._trainable = value

    @property
    def dtype(self) -> str:
        """Dtype name that the variable reads as: its own, or the one a layer is computing in."""
        cast = thread.autocast
        if cast is not None and self.autocast and "float" in self._dtype:
            return cast
        return self._dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def placement(self) -> Any:
        """The device or sharding (`jax.Device`, `jax.sharding.Sharding`) of the value; None for JAX's default.

        Setting it moves the value, and whatever is assigned from then on.
        """
        return self._placement

    @placement.setter
    def placement(self, placement: Any) -> None:
        self._placement = placement
        if is_jax_array(self._value) or isinstance(self._value, Loan):
            self._value = put_as(self.stored_value(), placement)

    @property
    def value(self) -> Any:
        """The value, an array of JAX."""
        value = self.value_uncast()
        cast = thread.autocast
        if cast is not None and self.autocast and cast != self._dtype and "float" in self._dtype:
            return value.astype(cast)
        return value

    def stored_value(self) -> Any:
        """The variable's own value on the device, made now if it was not needed before; ignores any scope."""
        value = self._value
        return value if is_jax_array(value) else self._other_value(on_device=True)

    def held_value(self) -> Any:
        """As `stored_value`, but a small NumPy array that has not been needed on the device stays what it is.

        A program that is given it moves it there sooner.
        """
        value = self._value if self._value is not None else self._host_value()
        small = isinstance(value, np.ndarray) and value.nbytes <= _SMALL and self._placement is None
        return value if small else self.stored_value()

    def _host_value(self) -> Any:
        value = self._value
        return self._other_value() if value is None or isinstance(value, Loan) else value

    def _other_value(self, on_device: bool = False) -> Any:
        """The value where it isn't made yet, not on the device or on loan; one thread at a time."""
        with lending.lock:
            value = self._value
            if isinstance(value, Loan):
                return value.value_of(self)
            if value is None:
                value = self._born_in_parts() if on_device else None
                value = self._value = self._initial_value() if value is None else value
                self._initializer = None
            if on_device and not is_jax_array(value):
                with jax.ensure_compile_time_eval():  # the first use may be inside a trace
                    value = self._value = self._put(value)
                _let_jax_know(type(self))
            return value

    def _born_in_parts(self) -> Any:
        """The initial value, each device with its part, where it is spread and can be made so; else None."""
        spread = current()
        blocks = getattr(self._initializer, "blocks", None)
        if spread is None or self._layout is not None or blocks is None or not is_ours(type(self._initializer)):
            return None
        layout = spread.layout(self)
        if layout.is_fully_replicated:
            return None
        self._placement, self.is_spread = layout, True
        with jax.ensure_compile_time_eval():
            return put_blocks(blocks(self._shape, self._dtype), self.shape, dtypes.numpy_dtype(self._dtype), layout)

    def _put(self, value: Any) -> Any:
        spread = current()
        if spread is not None and self._layout is None:
            self._placement, self.is_spread = spread.layout(self), True
        return put_as(value, self._placement)

    def _initial_value(self) -> Any:
        assert self._initializer is not None
        value = self._initializer(self._shape, dtype=self._dtype)
        if tuple(np.shape(value)) != self._shape:
            raise ValueError(
                f"The initializer of variable '{self.path}' returned shape {tuple(np.shape(value))}; "
                f"expected {self._shape}. Initializer: {self._initializer}"
            )
        if not is_jax_array(value):
            return np.asarray(value, dtypes.numpy_dtype(self._dtype))
        return value if dtypes.standardize_dtype(value.dtype) == self._dtype else value.astype(self._dtype)

    def assign(self, value: Any) -> Any:
        """Replaces the value; returns the new one.

        Raises:
            ValueError: The shape differs from the variable's.
        """
        value = getattr(value, "value", value) if isinstance(value, Variable) else value
        if not is_jax_array(value):
            value = as_numbers(value)
        if tuple(value.shape) != self._shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the target value in `variable.assign(value)` must "
                f"match. variable.shape={self._shape}, Received: value.shape={tuple(value.shape)}. "
                f"Target variable: {self!r}"
            )
        scope = thread.state_scope
        if scope is not None:
            value = jnp.asarray(value, self._dtype)
            scope.write(self, value)
            return value
        if is_tracer(value):
            raise ValueError(
                f"Variable '{self.path}' was assigned inside a function that JAX is tracing, where the new value "
                "would be lost. Use `stateless_call`, or make the assignment part of a layer, metric or optimizer."
            )
        if is_jax_array(value):
            # A copy where the array is the caller's own: programs that are given variables donate their buffers.
            value = jnp.array(value, self._dtype, copy=True)
            self._value = value if self._placement is None else put_as(value, self._placement)
        else:
            self._value = unchanging(value, dtypes.numpy_dtype(self._dtype))
        self._initializer = None
        return self._value

    def replace_value(self, value: Any) -> None:
        """Takes over an array of the right shape, dtype and placement: the result of a program."""
        self._value, self._initializer = value, None

    def assign_add(self, value: Any) -> Any:
        """Adds `value`; returns the new value.

        Args:
            value: Array of the shape of the variable, or one that broadcasts with it.
        """
        return self.assign(self.value_uncast() + _unwrap(value))

    def assign_sub(self, value: Any) -> Any:
        """Subtracts `value`; returns the new value.

        Args:
            value: Array of the shape of the variable, or one that broadcasts with it.
        """
        return self.assign(self.value_uncast() - _unwrap(value))

    def value_uncast(self) -> Any:
        """The value in the variable's own dtype, also inside a layer that computes in another."""
        value = thread.substitutes.get(id(self)) if thread.substitutes else None
        if value is None and thread.state_scope is not None:
            value = thread.state_scope.read(self)
        return self.stored_value() if value is None else value

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array of the caller's own. Does not import JAX when nothing has."""
        if thread.state_scope is None and thread.autocast is None and not thread.substitutes:
            try:
                return np.array(fetch(self._host_value()))
            except RuntimeError:  # another thread has begun to train it since
                with lending.lock:
                    return np.array(fetch(self._host_value()))
        return np.array(fetch(self.value))

    @property
    def initialized(self) -> bool:
        """Whether the value has been made."""
        return self._value is not None

    @property
    def handle(self) -> Any:
        """The value: there is no other object behind it."""
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype)  # a copy already

    def __jax_array__(self) -> Any:
        return self.value

    def __bool__(self) -> bool:
        raise TypeError("A Keras Variable cannot be used as a boolean.")

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError(f"len() of a variable without dimensions: {self!r}")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        # Python's own way through `__getitem__` would go on for ever: JAX brings an index out of range into it.
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        return int(self.numpy())

    def __hash__(self) -> int:
        return id(self)

    def __deepcopy__(self, memo: dict) -> Variable:
        memo[id(self)] = copy = object.__new__(type(self))
        for name, value in self.__dict__.items():
            if name == "_value" and isinstance(value, Loan):
                copy.__dict__[name] = value.value_of(self)
            elif name == "_value":  # assigning replaces the value, nothing writes into it
                value = np.array(value) if isinstance(value, np.ndarray) else value
                copy.__dict__[name] = jnp.array(value, copy=True) if is_jax_array(value) else value
            elif name in ("_placement", "_layout"):
                copy.__dict__[name] = value
            else:
                copy.__dict__[name] = deepcopy(value, memo)
        return copy

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["_placement"] = None  # devices belong to this process
        if is_jax_array(state["_value"]) or isinstance(state["_value"], Loan):
            state["_value"] = fetch(self._host_value())
        return state

    def __getattr__(self, name: str) -> Any:
        # Methods of arrays (`sum`, `astype`, `T`, ...), which users call on what `assign` or a weight returns.
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(self.value, name)

    def __repr__(self) -> str:
        return f"<KerasVariable shape={self._shape}, dtype={self._dtype}, path={self.path}>"


def _one_of(argument: str, value: str | None, accepted: tuple[str, ...]) -> str:
    if value is not None and value not in accepted:
        names = ", ".join(f"`{name!r}`" for name in accepted)
        raise ValueError(
            f"Invalid value for argument `{argument}`. Expected one of `None`, {names}. Received: {argument}={value}"
        )
    return "none" if value is None else value


_known_to_jax: set[type] = set()


def _let_jax_know(cls: type[Variable]) -> None:
    """Lets variables be arguments of JAX's transformations, where they stand for their values."""
    if cls not in _known_to_jax and is_loaded():
        _known_to_jax.add(cls)
        jax.tree_util.register_pytree_node(cls, lambda v: ((v.value_uncast(),), None), lambda _, values: values[0])


def _unwrap(value: Any) -> Any:
    return value.value_uncast() if isinstance(value, Variable) else jnp.asarray(value)


def _to_array(value: Any, dtype: Any) -> Any:
    if isinstance(value, Variable):
        value = value.value
    if not is_jax_array(value):
        value = np.array(as_numbers(value))  # the variable's own copy
        if dtype is None:
            dtype = dtypes.floatx() if value.dtype == np.float64 else value.dtype
            if value.dtype == np.int64:
                dtype = "int32"
            if value.dtype == np.complex128:
                dtype = "complex64"
    if dtype is not None:
        value = value.astype(dtypes.numpy_dtype(dtype))
    return value
