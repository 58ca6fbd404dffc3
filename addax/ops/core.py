"""Conversion, control flow, scatter and slice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import dtypes, tree
from ..core.convert import to_tensor, unwrap
from ..core.engine import is_jax_array, jax, jnp, lax
from ..core.op import Argument, DTypeLike, Tensor, TensorLike, op
from ..core.sparse import dense, is_sparse
from ..core.types import ArrayLike, Tree
from ..core.variable import Variable
from .checks import axis_in, differ


def _arrays(structure: Tree) -> Tree:
    """Converts the Variables and numbers in a structure to arrays."""
    return tree.map_structure(lambda leaf: None if leaf is None else to_tensor(leaf), structure)


@op(recorded={"dtype": dtypes.standardize_dtype}, elementwise=True)
def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Casts a tensor to another dtype.

    Args:
        x: Tensor.
        dtype: Name of the dtype, a NumPy dtype, or None for the default float.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `dtype` is not a dtype.

    >>> cast([1.9, -1.9], "int32")
    Array([ 1, -1], dtype=int32)
    """
    return x.astype(dtypes.numpy_dtype(dtype))


@op(recorded={"dtype": dtypes.standardize_dtype})
def saturate_cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Casts a tensor to another dtype, clipping values that the dtype can't represent to its limits.

    Args:
        x: Tensor.
        dtype: Name of the dtype, a NumPy dtype, or None for the default float.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: `dtype` is not a dtype.

    >>> saturate_cast([-3.0, 300.0], "uint8")
    Array([  0, 255], dtype=uint8)
    """

    def limits(kind: DTypeLike) -> tuple[Any, Any]:
        if kind == jnp.bool_:
            return 0, 1
        info = jnp.finfo(kind) if jnp.issubdtype(kind, jnp.inexact) else jnp.iinfo(kind)
        return info.min, info.max

    target = dtypes.numpy_dtype(dtype)
    (have_min, have_max), (min_, max_) = limits(x.dtype), limits(target)
    # Clipping happens in the source's dtype, where a limit may be rounded up past what the target can represent.
    low = np.maximum(np.asarray(min_, "float64"), np.asarray(have_min, "float64")).astype(x.dtype)
    high = np.minimum(np.asarray(max_, "float64"), np.asarray(have_max, "float64")).astype(x.dtype)
    if float(low) < float(min_):
        low = np.nextafter(low, np.zeros((), x.dtype))
    if float(high) > float(max_):
        high = np.nextafter(high, np.zeros((), x.dtype))
    return jnp.clip(x, low, high).astype(target)


@op
def convert_to_tensor(
    x: TensorLike, dtype: DTypeLike = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """Converts a value to a tensor.

    Args:
        x: Array, Variable, number or nested list.
        dtype: Dtype; None keeps that of `x`, with 64-bit values of Python and NumPy in the default precision.
        sparse: Whether sparse tensors stay so; None stands for True.
        ragged: Kept for compatibility; only False is supported.

    Returns:
        Tensor.

    Raises:
        ValueError: `ragged` is true, or `dtype` is not a dtype.

    >>> convert_to_tensor([1, 2])
    Array([1, 2], dtype=int32)
    """
    if ragged:
        raise ValueError("addax has no ragged tensors: `ragged=True` is not supported.")
    return to_tensor(x, dtype)  # the op keeps sparse tensors, unless `sparse` is False


def convert_to_numpy(x: TensorLike) -> np.ndarray:
    """Converts a tensor to a NumPy array.

    Args:
        x: Array, Variable, number or nested list.

    Returns:
        NumPy array of the same shape and dtype; a copy.

    >>> convert_to_numpy(jnp.ones(2))
    array([1., 1.], dtype=float32)
    """
    return x.numpy() if isinstance(x, Variable) else np.array(dense(x))


def is_tensor(x: object) -> bool:
    """Tests whether a value is a JAX array.

    Args:
        x: Any value.

    Returns:
        Bool. Variables, NumPy arrays and KerasTensors are not tensors in this sense.

    >>> is_tensor(jnp.ones(2)), is_tensor([1.0, 1.0])
    (True, False)
    """
    return is_jax_array(x) or is_sparse(x)


def shape(x: ArrayLike) -> tuple:
    """Returns the shape of a tensor as a tuple.

    Args:
        x: Array, Variable, KerasTensor, number or nested list.

    Returns:
        Tuple of ints, with None for the unknown sizes of a symbolic tensor.

    >>> shape(jnp.ones((2, 3)))
    (2, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def dtype(x: ArrayLike) -> str:
    """Returns the name of the dtype of a value.

    Args:
        x: Array, Variable, KerasTensor or number.

    Returns:
        Name of the dtype, such as "float32".

    >>> dtype(jnp.ones(2))
    'float32'
    """
    return dtypes.standardize_dtype(x.dtype if hasattr(x, "dtype") else type(x))


@op
def stop_gradient(variable: TensorLike) -> Tensor:
    """Returns its argument unchanged, treated as a constant in differentiation.

    Args:
        variable: Tensor.

    Returns:
        Tensor of the same shape and dtype, with a gradient of zero.

    >>> jax.grad(lambda x: x * stop_gradient(x))(3.0)
    Array(3., dtype=float32, weak_type=True)
    """
    return lax.stop_gradient(variable)


def custom_gradient(f: Callable) -> Callable:
    """Defines the gradient of a function by hand.

    Args:
        f: Function of tensors that returns its result and a function `grad(*args, upstream=None)`, which receives the
            upstream gradient as its only positional argument.

    Returns:
        Function that computes the result of `f` and is differentiated by `grad`.

    >>> @custom_gradient
    ... def twice(x): return 2 * x, lambda upstream: upstream * 100.0
    >>> jax.grad(twice)(1.0)
    Array(100., dtype=float32, weak_type=True)
    """

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return jax.custom_gradient(f)(*(unwrap(a) for a in args), **kwargs)

    return wrapper


@op
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """Splits a tensor into its slices along an axis.

    Args:
        x: Tensor.
        num: Number of slices; None reads it from the shape.
        axis: Axis to split.

    Returns:
        List of tensors without `axis`.

    Raises:
        ValueError: `num` is not the size of the axis, or is None while the size is unknown; or `axis` is out of range.

    >>> unstack([[1, 2], [3, 4]], axis=1)
    [Array([1, 3], dtype=int32), Array([2, 4], dtype=int32)]
    """
    size = x.shape[axis_in(x, axis)]
    if num is None and not isinstance(size, int):
        raise ValueError(
            f"Cannot infer argument `num` from shape {dtypes.static_shape(x)}. Either provide a tensor with a concrete "
            "shape in the `axis` dimension or explicitly pass the `num` argument."
        )
    if num is not None and differ(size, num):
        raise ValueError(f"Argument `num` must be the size of axis {axis}. Received: num={num}, x.shape={x.shape}")
    return [jnp.take(x, i, axis) for i in range(size if num is None else num)]


@op
def slice(inputs: TensorLike, start_indices: TensorLike, shape: Sequence[int]) -> Tensor:
    """Extracts the block of size `shape` that begins at `start_indices`.

    Args:
        inputs: Tensor.
        start_indices: Ints or an integer tensor, one per axis. They are clipped so that the block lies inside.
        shape: Size of the block, one int per axis; -1 for the rest of the axis.

    Returns:
        Tensor of shape `shape`.

    >>> slice([[1, 2], [3, 4]], (1, 0), (1, 2))
    Array([[3, 4]], dtype=int32)
    """
    # Only these sizes need the values of `start_indices`, which may be traced.
    if any(n == -1 for n in shape):
        shape = [have - int(s) if n == -1 else n for n, have, s in zip(shape, inputs.shape, start_indices)]
    return lax.dynamic_slice(inputs, list(start_indices), tuple(shape))


@op
def slice_update(inputs: TensorLike, start_indices: TensorLike, updates: TensorLike) -> Tensor:
    """Replaces the block that begins at `start_indices` by `updates`.

    Args:
        inputs: Tensor.
        start_indices: Ints or an integer tensor, one per axis. They are clipped so that the block lies inside.
        updates: Tensor of the rank and dtype of `inputs`.

    Returns:
        Tensor of the shape of `inputs`.

    >>> slice_update([1, 2, 3], [1], [7])
    Array([1, 7, 3], dtype=int32)
    """
    return lax.dynamic_update_slice(inputs, updates, list(start_indices))


@op
def scatter(indices: TensorLike, values: TensorLike, shape: Sequence[int]) -> Tensor:
    """Adds `values` at `indices` to a tensor of zeros.

    Args:
        indices: Integer tensor, `(..., k)`: positions along the first `k` axes.
        values: Tensor, `(..., *shape[k:])`.
        shape: Shape of the result.

    Returns:
        Tensor of shape `shape` and the dtype of `values`; values at equal indices are summed.

    >>> scatter([[1], [1]], [2.0, 3.0], (3,))
    Array([0., 5., 0.], dtype=float32)
    """
    return jnp.zeros(tuple(shape), values.dtype).at[_positions(indices)].add(values)


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "mul"}


@op
def scatter_update(
    inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None
) -> Tensor:
    """Replaces the elements (or slices) at `indices`, or combines them with `updates`.

    Args:
        inputs: Tensor.
        indices: Integer tensor, `(n, k)`: positions along the first `k` axes.
        updates: Tensor, `(n, *inputs.shape[k:])`.
        reduction: None to replace, or "add", "max", "min", "mul".

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: `reduction` is none of these.

    >>> scatter_update([1, 2, 3], [[0], [2]], [7, 8])
    Array([7, 2, 8], dtype=int32)
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"Unsupported reduction: {reduction!r}. Expected one of {list(_REDUCTIONS)}.")
    inputs = jnp.asarray(inputs)
    updates = jnp.asarray(updates).astype(inputs.dtype)
    return getattr(inputs.at[_positions(indices)], _REDUCTIONS[reduction])(updates)


def _positions(indices: ArrayLike) -> tuple:
    indices = jnp.asarray(indices)
    return tuple(jnp.moveaxis(indices, -1, 0)) if isinstance(indices.shape[-1], int) else (indices[..., 0],)


@op
def cond(pred: TensorLike, true_fn: Argument, false_fn: Argument) -> Any:
    """Returns `true_fn()` if `pred` is true, else `false_fn()`. Only that function runs.

    Args:
        pred: Bool tensor, `()`.
        true_fn, false_fn: Functions without arguments that return the same structure, shapes and dtypes.

    Returns:
        Result of the function that ran.

    Raises:
        TypeError: The results of the two functions differ in structure, shape or dtype.

    >>> cond(jnp.array(True), lambda: 1.0, lambda: 2.0)
    Array(1., dtype=float32, weak_type=True)
    """
    return lax.cond(pred, lambda: _values(true_fn()), lambda: _values(false_fn()))


def _values(structure: Tree) -> Tree:
    # Functions of the user may return Variables, which JAX doesn't know.
    return tree.map_structure(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, structure)


@op
def switch(index: TensorLike, branches: Argument, *operands: TensorLike) -> Any:
    """Returns `branches[index](*operands)`. Only that branch runs.

    Args:
        index: Integer tensor, `()`, clipped to the range of `branches`.
        branches: Functions that return the same structure, shapes and dtypes.
        operands: Tensors, the arguments of every branch.

    Returns:
        Result of the branch that ran.

    Raises:
        ValueError: `branches` is empty.
        TypeError: The results of the branches differ in structure, shape or dtype.

    >>> switch(1, [lambda x: x, lambda x: -x], jnp.array(3))
    Array(-3, dtype=int32, weak_type=True)
    """
    return lax.switch(index, [lambda *xs, f=f: _values(f(*xs)) for f in branches], *operands)


@op
def map(f: Argument, xs: Argument) -> Any:
    """Applies `f` to each slice along axis 0, one after another, and stacks the results.

    Args:
        f: Function of a slice, or of a structure of slices.
        xs: Tensor, or nested structure of tensors with equal sizes of axis 0.

    Returns:
        Structure that `f` returns, with the slices along a new axis 0.

    >>> map(lambda x: x + 1, [1, 2])
    Array([2, 3], dtype=int32)
    """
    return lax.map(lambda x: _values(f(x)), to_tensor(xs) if _is_numbers(xs) else _arrays(xs))


def _is_numbers(xs: object) -> bool:
    # [1, 2] is a tensor, [array, array] a structure of two tensors.
    return isinstance(xs, list) and all(isinstance(x, (int, float)) for x in tree.flatten(xs))


@op
def vectorized_map(function: Argument, elements: Argument) -> Any:
    """Applies `function` to all slices along axis 0 at once and stacks the results.

    Args:
        function: Function of a slice, or of a structure of slices.
        elements: Tensor, or nested structure of tensors with equal sizes of axis 0.

    Returns:
        Structure that `function` returns, with the slices along a new axis 0.

    >>> vectorized_map(lambda x: x.sum(), jnp.ones((2, 3)))
    Array([3., 3.], dtype=float32)
    """
    return jax.vmap(lambda x: _values(function(x)))(to_tensor(elements) if _is_numbers(elements) else _arrays(elements))


@op
def scan(
    f: Argument,
    init: Argument,
    xs: Argument = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Runs `f` over the slices of `xs` along axis 0, carrying a state.

    Args:
        f: `(carry, x) -> (carry, y)`.
        init: Initial carry, a structure of tensors.
        xs: Structure of tensors, or None.
        length: Number of steps; required if `xs` is None.
        reverse: Whether to start at the end.
        unroll: Number of steps compiled into one iteration; True unrolls them all.

    Returns:
        Final carry, and the `y` of all steps stacked along axis 0.

    Raises:
        ValueError: Neither `xs` nor `length` gives the number of steps, or they disagree.
        TypeError: The carry that `f` returns differs from `init` in structure, shape or dtype.

    >>> scan(lambda total, x: (total + x, total + x), 0, jnp.array([1, 2, 3]))[1]
    Array([1, 3, 6], dtype=int32)
    """
    return lax.scan(
        lambda carry, x: _values(f(carry, x)), _arrays(init), _arrays(xs), length, reverse=reverse, unroll=unroll
    )


@op
def associative_scan(f: Argument, elems: Argument, reverse: bool = False, axis: int = 0) -> Any:
    """Computes all prefix results of an associative function along `axis`, in parallel.

    Args:
        f: `(a, b) -> c`, associative, on structures of slices.
        elems: Structure of tensors with equal sizes of `axis`.
        reverse: Whether to start at the end.
        axis: Axis to scan along.

    Returns:
        Structure of the shapes of `elems`.

    >>> associative_scan(lambda a, b: a + b, jnp.array([1, 2, 3]))
    Array([1, 3, 6], dtype=int32)
    """
    return lax.associative_scan(lambda a, b: _values(f(a, b)), _arrays(elems), reverse, axis)


@op
def while_loop(cond: Argument, body: Argument, loop_vars: Argument, maximum_iterations: int | None = None) -> Any:
    """Repeats `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` is true.

    Args:
        cond: Function of the loop variables that returns a bool tensor, `()`.
        body: Function of the loop variables that returns new ones of the same shapes.
        loop_vars: Tuple or list of tensors, or one tensor.
        maximum_iterations: Maximum number of iterations; None for no limit.

    Returns:
        Final loop variables, in the structure of `loop_vars`.

    >>> while_loop(lambda i: i < 5, lambda i: (i + 1,), (0,))
    (Array(5, dtype=int32),)
    """
    several = isinstance(loop_vars, (tuple, list))
    start = tuple(_arrays(v) for v in loop_vars) if several else (_arrays(loop_vars),)

    def step(state: tuple) -> tuple:
        count, values = state
        out = body(*values)
        out = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        # Python numbers that the body returns keep the dtype of the loop variable.
        return count + 1, jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), _values(out), values)

    def go_on(state: tuple) -> Any:
        count, values = state
        more = cond(*values)
        return more if maximum_iterations is None else jnp.logical_and(more, count < maximum_iterations)

    _, values = lax.while_loop(go_on, step, (jnp.zeros((), "int32"), start))
    if not several:
        return values[0]
    return type(loop_vars)(values) if not hasattr(loop_vars, "_fields") else type(loop_vars)(*values)


@op
def fori_loop(lower: Argument, upper: Argument, body_fun: Argument, init_val: Argument) -> Any:
    """Repeats `value = body_fun(i, value)` for `i` from `lower` to `upper - 1`.

    Args:
        lower: First index, an int or an integer tensor, `()`.
        upper: End of the indices, exclusive.
        body_fun: `(i, value) -> value`, which keeps structure, shapes and dtypes.
        init_val: Initial value, a structure of tensors.

    Returns:
        Final value.

    Raises:
        TypeError: `body_fun` returns another structure, shape or dtype.

    >>> fori_loop(0, 4, lambda i, total: total + i, 0)
    Array(6, dtype=int32, weak_type=True)
    """
    return lax.fori_loop(lower, upper, lambda i, value: _values(body_fun(i, value)), _values(init_val))
