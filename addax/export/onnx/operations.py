"""Conversion of JAX's primitives to ONNX's operations: tables of those that map one to one, and functions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.engine import jax
from ...kernels import conv_transpose, depthwise
from .graph import Graph, Handler, Value

_SAME = ("copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier", "sharding_constraint", "pvary")
_UNARY = {
    "neg": "Neg", "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "exp": "Exp", "log": "Log", "tanh": "Tanh",
    "logistic": "Sigmoid", "erf": "Erf", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin",
    "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh",
    "atanh": "Atanh", "abs": "Abs",
}  # fmt: skip
_BINARY = {
    "add": "Add", "add_any": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "eq": "Equal",
    "lt": "Less", "le": "LessOrEqual", "lt_to": "Less", "le_to": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
}  # fmt: skip
_LOGICAL = {"and": "And", "or": "Or", "xor": "Xor", "max": "Or", "min": "And"}  # of bools
_BITWISE = {"and": "BitwiseAnd", "or": "BitwiseOr", "xor": "BitwiseXor", "max": "Max", "min": "Min"}
_REDUCTIONS = {
    "reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin", "reduce_prod": "ReduceProd"
}  # fmt: skip
# Primitives of addax's kernels, by the same function in JAX's.
_KERNELS: dict[str, Callable] = {"depthwise_conv": depthwise.reference, "conv_transpose": conv_transpose.reference}
_handlers: dict[str, Handler] = {}


def handler_of(name: str) -> Handler | None:
    """Returns the function that converts a primitive; None if there is none.

    Args:
        name: Name of the primitive.
    """
    if name.startswith(("random_", "threefry")):
        return _random
    if name in _handlers:
        return _handlers[name]
    if name in _SAME:
        return lambda g, eqn, xs: xs
    for table in (_UNARY, _BINARY):
        if name in table:
            return lambda g, eqn, xs: g.node(table[name], *xs)
    if name in _KERNELS:
        return functools.partial(_kernel, _KERNELS[name])
    return None


def _on(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _handlers.update(dict.fromkeys(names, handler))
        return handler

    return register


def _dtype(eqn: Any, i: int = 0) -> np.dtype:
    return np.dtype(eqn.invars[i].aval.dtype)


def _shape(eqn: Any, i: int = 0) -> tuple:
    return tuple(eqn.invars[i].aval.shape)


def _result(eqn: Any, i: int = 0) -> Any:
    return eqn.outvars[i].aval


def _like(eqn: Any, value: float) -> np.ndarray:
    return np.array(value, _dtype(eqn))


def _ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, "int64")


def _random(g: Graph, eqn: Any, xs: list[Value]) -> Any:
    return g.refuse(eqn.primitive.name, "ONNX has no random numbers that are the same as JAX's")


def _kernel(function: Callable, g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    specs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in eqn.invars]
    return g.convert(jax.make_jaxpr(functools.partial(function, **eqn.params))(*specs), xs)


# Elementwise


@_on("and", "or", "xor", "max", "min")
def _logic(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    table = _LOGICAL if _dtype(eqn).kind == "b" else _BITWISE
    return g.node(table[eqn.primitive.name], *xs)


@_on("not")
def _not(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Not" if _dtype(eqn).kind == "b" else "BitwiseNot", *xs)


@_on("ne")
def _not_equal(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Not", g.node("Equal", *xs))


@_on("rem")
def _remainder(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Mod", *xs, fmod=1)


@_on("rsqrt")
def _rsqrt(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Reciprocal", g.node("Sqrt", xs[0]))


@_on("square")
def _square(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Mul", xs[0], xs[0])


@_on("integer_pow")
def _integer_pow(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    if eqn.params["y"] == 2:
        return g.node("Mul", xs[0], xs[0])
    return g.node("Pow", xs[0], _like(eqn, eqn.params["y"]))


@_on("exp2")
def _exp2(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Pow", _like(eqn, 2), xs[0])


@_on("cbrt")
def _cbrt(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Mul", g.node("Sign", xs[0]), g.node("Pow", g.node("Abs", xs[0]), _like(eqn, 1 / 3)))


@_on("atan2")
def _atan2(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    y, x = xs
    negative = g.node("Less", y, _like(eqn, 0))
    half = g.node("Where", negative, _like(eqn, -np.pi), _like(eqn, np.pi))
    right = g.node("Atan", g.node("Div", y, x))
    left = g.node("Where", g.node("Less", x, _like(eqn, 0)), g.node("Add", right, half), right)
    upright = g.node("Mul", g.node("Sign", y), _like(eqn, np.pi / 2))
    return g.node("Where", g.node("Equal", x, _like(eqn, 0)), upright, left)


@_on("erfc")
def _erfc(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Sub", _like(eqn, 1), g.node("Erf", xs[0]))


def _near_zero(g: Graph, eqn: Any, x: Value, series: Value, otherwise: Value) -> Value:
    """Chooses the series for small arguments, where the plain formula cancels."""
    return g.node("Where", g.node("Less", g.node("Abs", x), _like(eqn, 1e-3)), series, otherwise)


@_on("log1p")
def _log1p(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    (x,) = xs
    third = g.node("Sub", _like(eqn, 0.5), g.node("Mul", x, _like(eqn, 1 / 3)))
    series = g.node("Mul", x, g.node("Sub", _like(eqn, 1), g.node("Mul", x, third)))
    return _near_zero(g, eqn, x, series, g.node("Log", g.node("Add", x, _like(eqn, 1))))


@_on("expm1")
def _expm1(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    (x,) = xs
    third = g.node("Add", _like(eqn, 0.5), g.node("Mul", x, _like(eqn, 1 / 6)))
    series = g.node("Mul", x, g.node("Add", _like(eqn, 1), g.node("Mul", x, third)))
    return _near_zero(g, eqn, x, series, g.node("Sub", g.node("Exp", x), _like(eqn, 1)))


@_on("round")
def _round(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    if int(eqn.params["rounding_method"]) == 1:
        return g.node("Round", xs[0])
    return g.node("Mul", g.node("Sign", xs[0]), g.node("Floor", g.node("Add", g.node("Abs", xs[0]), _like(eqn, 0.5))))


@_on("is_finite")
def _is_finite(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Not", g.node("Or", g.node("IsInf", xs[0]), g.node("IsNaN", xs[0])))


@_on("clamp")
def _clamp(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    low, x, high = xs
    return g.node("Min", g.node("Max", x, low), high)


@_on("select_n")
def _select(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    which, *cases = xs
    if _dtype(eqn).kind == "b":
        return g.node("Where", which, cases[1], cases[0])
    chosen = cases[-1]
    for i, case in reversed(list(enumerate(cases[:-1]))):
        chosen = g.node("Where", g.node("Equal", which, _like(eqn, i)), case, chosen)
    return chosen


@_on("convert_element_type")
def _convert(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    dtype = eqn.params["new_dtype"]
    return xs[0] if _dtype(eqn) == np.dtype(dtype) else g.cast(xs[0], dtype)


# Shapes


@_on("dim_as_value")
def _dim_as_value(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.cast(g.scalar(eqn.params["dim"]), _result(eqn).dtype)


@_on("broadcast_in_dim")
def _broadcast(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    target = tuple(eqn.params["shape"])
    between: list[Any] = [1] * len(target)
    for size, axis in zip(_shape(eqn), eqn.params["broadcast_dimensions"]):
        between[axis] = size
    x = xs[0] if tuple(between) == _shape(eqn) else g.reshape(xs[0], between)
    return x if tuple(between) == target else g.node("Expand", x, g.shape(target))


@_on("reshape")
def _reshape(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.reshape(xs[0], eqn.params["new_sizes"])


@_on("squeeze", "expand_dims")
def _squeeze(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.reshape(xs[0], _result(eqn).shape)


@_on("transpose")
def _transpose(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.transpose(xs[0], eqn.params["permutation"])


@_on("concatenate")
def _concatenate(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("Concat", *xs, axis=int(eqn.params["dimension"]))


@_on("split")
def _split(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    sizes = eqn.params["sizes"]
    return g.nodes_of("Split", [xs[0], g.shape(sizes)], len(sizes), axis=int(eqn.params["axis"]))


def _slices(g: Graph, x: Value, starts: Sequence[Any], ends: Sequence[Any], strides: Sequence[int]) -> Value:
    axes = _ints(range(len(strides)))
    return g.node("Slice", x, g.shape(starts), g.shape(ends), axes, _ints([int(s) for s in strides]))


@_on("slice")
def _slice(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    p = eqn.params
    starts, ends = p["start_indices"], p["limit_indices"]
    return _slices(g, xs[0], starts, ends, p["strides"] or (1,) * len(starts))


@_on("rev")
def _reverse(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return _reversed(g, xs[0], eqn.params["dimensions"])


def _reversed(g: Graph, x: Value, axes: Sequence[int]) -> Value:
    n = len(axes)
    return g.node("Slice", x, _ints([-1] * n), _ints([np.iinfo("int64").min] * n), _ints(axes), _ints([-1] * n))


def _start(g: Graph, index: Value, size: Any, extent: Any) -> Value:
    """Returns the start of a slice of `extent` elements, clamped to an axis of `size`, as a vector of one element."""
    start = g.cast(g.reshape(index, (1,)), "int64")
    return g.node("Min", g.node("Max", start, _ints([0])), g.size(size - extent))


@_on("dynamic_slice")
def _dynamic_slice(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    x = xs[0]
    for axis, (size, extent, index) in enumerate(zip(_shape(eqn), eqn.params["slice_sizes"], xs[1:])):
        if size != extent:
            start = _start(g, index, size, extent)
            x = g.node("Slice", x, start, g.node("Add", start, g.size(extent)), _ints([axis]))
    return x


@_on("dynamic_update_slice")
def _dynamic_update_slice(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    shape, part = _shape(eqn), _shape(eqn, 1)

    def updated(x: Value, axis: int) -> Value:
        while axis < len(shape) and shape[axis] == part[axis]:
            axis += 1
        if axis == len(shape):
            return xs[1]
        start = _start(g, xs[2 + axis], shape[axis], part[axis])
        end, along = g.node("Add", start, g.size(part[axis])), _ints([axis])
        inner = updated(g.node("Slice", x, start, end, along), axis + 1)
        before = g.node("Slice", x, _ints([0]), start, along)
        after = g.node("Slice", x, end, g.size(shape[axis]), along)
        return g.node("Concat", before, inner, after, axis=axis)

    return updated(xs[0], 0)


@_on("iota")
def _iota(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    line = g.node("Range", np.array(0, "int64"), g.scalar(shape[axis]), np.array(1, "int64"))
    line = g.cast(line, eqn.params["dtype"])
    if len(shape) == 1:
        return line
    return g.node("Expand", g.reshape(line, [d if i == axis else 1 for i, d in enumerate(shape)]), g.shape(shape))


def _dilated(g: Graph, x: Value, shape: Sequence[Any], factors: Sequence[int], fill: Value) -> tuple[Value, list[Any]]:
    """Inserts `factor - 1` elements between the elements of each axis; returns the new shape, too."""
    shape = list(shape)
    for axis, factor in enumerate(factors):
        if factor > 1:
            front, back = shape[: axis + 1], shape[axis + 1 :]
            apart = g.reshape(x, [*front, 1, *back])
            pads = [0] * 2 * (len(shape) + 1)
            pads[len(shape) + 1 + axis + 1] = factor - 1
            full = g.node("Pad", apart, _ints(pads), fill)
            size, shape[axis] = shape[axis] * factor, (shape[axis] - 1) * factor + 1
            x = g.reshape(full, [*front[:-1], size, *back])
            x = g.node("Slice", x, _ints([0]), g.size(shape[axis]), _ints([axis]))
    return x, shape


def _padded(g: Graph, x: Value, pads: Sequence[tuple[Any, Any]], fill: Value) -> Value:
    """Pads axes; negative amounts crop."""
    if all(type(p) is int and p == 0 for pair in pads for p in pair):
        return x
    return g.node("Pad", x, g.shape([low for low, _ in pads] + [high for _, high in pads]), fill)


@_on("pad")
def _pad(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    config = eqn.params["padding_config"]
    x, _ = _dilated(g, xs[0], _shape(eqn), [i + 1 for _, _, i in config], xs[1])
    return _padded(g, x, [(low, high) for low, high, _ in config], xs[1])


# Reductions


@_on(*_REDUCTIONS)
def _reduce(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return _reduced(g, _REDUCTIONS[eqn.primitive.name], xs[0], eqn.params["axes"])


def _reduced(g: Graph, kind: str, x: Value, axes: Sequence[int]) -> Value:
    return g.node(kind, x, _ints(axes), keepdims=0) if len(axes) else x


@_on("reduce_and", "reduce_or")
def _reduce_bools(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    kind = "ReduceMin" if eqn.primitive.name == "reduce_and" else "ReduceMax"
    return g.cast(_reduced(g, kind, g.cast(xs[0], "int32"), eqn.params["axes"]), bool)


@_on("argmax", "argmin")
def _argmax(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    kind = {"argmax": "ArgMax", "argmin": "ArgMin"}[eqn.primitive.name]
    found = g.node(kind, xs[0], axis=int(eqn.params["axes"][0]), keepdims=0)
    return g.cast(found, eqn.params["index_dtype"])


@_on("cumsum")
def _cumsum(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    return g.node("CumSum", xs[0], np.array(eqn.params["axis"], "int64"), reverse=int(eqn.params["reverse"]))


@_on("cumprod", "cummax", "cummin")
def _cumulative(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    kind, p, shape = eqn.primitive.name[3:], eqn.params, _shape(eqn)
    axis, size = p["axis"], shape[p["axis"]]
    if not np.issubdtype(_dtype(eqn), np.floating):
        g.refuse(eqn.primitive.name, f"it is converted for floats, not {_dtype(eqn)}")
    # Reduces the elements up to each position; the others are replaced by the neutral element.
    line = g.node("Range", np.array(0, "int64"), g.scalar(size), np.array(1, "int64"))
    rows, columns = g.reshape(line, (size, 1)), g.reshape(line, (1, size))
    seen = g.node("LessOrEqual", *((rows, columns) if p["reverse"] else (columns, rows)))
    last = [*(i for i in range(len(shape)) if i != axis), axis]
    x = g.transpose(xs[0], last)
    x = g.reshape(x, [*(shape[i] for i in last[:-1]), 1, size])
    x = g.node("Where", seen, x, _like(eqn, {"prod": 1, "max": -np.inf, "min": np.inf}[kind]))
    found = _reduced(g, f"Reduce{kind.title()}", x, [len(shape)])
    return g.transpose(found, np.argsort(last).tolist())


@_on("sort")
def _sort(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    axis = int(eqn.params["dimension"])
    if eqn.params["num_keys"] != 1:
        g.refuse("sort", "ONNX sorts by one key")
    values, order = g.nodes_of("TopK", [xs[0], g.size(_shape(eqn)[axis])], 2, axis=axis, largest=0, sorted=1)
    return [values, *(g.node("GatherElements", x, order, axis=axis) for x in xs[1:])]


@_on("top_k")
def _top_k(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    axis = int(eqn.params.get("axis", -1))
    values, order = g.nodes_of("TopK", [xs[0], g.size(eqn.params["k"])], 2, axis=axis, largest=1, sorted=1)
    return [values, g.cast(order, _result(eqn, 1).dtype)]


@_on("reduce_window_max", "reduce_window_min", "reduce_window_sum")
def _pool(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    p, kind = eqn.params, eqn.primitive.name.rpartition("_")[2]
    fill = {"max": -np.inf, "min": np.inf, "sum": 0.0}[kind]
    if not np.issubdtype(_dtype(eqn), np.floating):
        g.refuse(eqn.primitive.name, f"ONNX pools floats, not {_dtype(eqn)}")
    filled = Value(None, _like(eqn, fill))
    x, shape = _dilated(g, xs[0], _shape(eqn), p["base_dilation"], filled)
    x = _padded(g, x, p["padding"], filled)
    window, strides = p["window_dimensions"], p["window_strides"]
    over = [i for i, (k, s) in enumerate(zip(window, strides)) if k > 1 or s > 1]
    if not over:
        return x
    # Pooled axes are last and come after two others: batch and channels, or all others and one of size 1.
    others = [i for i in range(len(shape)) if i not in over]
    order = [*others, *over]
    sizes = [n + sum(pads) for n, pads in zip(shape, p["padding"])]
    x = g.transpose(x, order)
    if len(others) != 2:
        x = g.reshape(x, [math.prod(sizes[i] for i in others), 1, *(sizes[i] for i in over)])
    options = {
        "kernel_shape": [int(window[i]) for i in over],
        "strides": [int(strides[i]) for i in over],
        "dilations": [int(p["window_dilation"][i]) for i in over],
    }
    if kind == "sum":
        mean = g.node("AveragePool", x, count_include_pad=1, **options)
        x = g.node("Mul", mean, _like(eqn, math.prod(options["kernel_shape"])))
    elif kind == "max":
        x = g.node("MaxPool", x, **options)
    else:
        x = g.node("Neg", g.node("MaxPool", g.node("Neg", x), **options))
    if len(others) != 2:
        x = g.reshape(x, [_result(eqn).shape[i] for i in order])
    return g.transpose(x, np.argsort(order).tolist())


# Products


def _operands(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    """Returns the operands in the dtype of the result, which ONNX's products require."""
    dtype = _result(eqn).dtype
    return [v if _dtype(eqn, i) == dtype else g.cast(v, dtype) for i, v in enumerate(xs)]


def _others(rank: int, *axes: Sequence[int]) -> list[int]:
    """Returns the axes of an array of `rank` axes that are not among `axes`."""
    return [i for i in range(rank) if not any(i in some for some in axes)]


def _merged(g: Graph, x: Value, groups: list[list]) -> Value:
    """Merges axes: `x` has the axes of all groups one after another; the result has one axis per group of sizes."""
    return x if all(len(sizes) == 1 for sizes in groups) else g.reshape(x, [math.prod(sizes) for sizes in groups])


@_on("dot_general")
def _dot(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    of_x, of_y = _shape(eqn), _shape(eqn, 1)
    rows, columns = _others(len(of_x), left, left_batch), _others(len(of_y), right, right_batch)
    x, y = _operands(g, eqn, xs)
    x, y = g.transpose(x, [*left_batch, *rows, *left]), g.transpose(y, [*right_batch, *right, *columns])
    batch, inner = [[of_x[i]] for i in left_batch], [of_x[i] for i in left]
    tall, wide = [of_x[i] for i in rows], [of_y[i] for i in columns]
    # MatMul takes one axis of each kind; without batch axes, there may be several of rows.
    lines = [[n] for n in tall] if tall and not batch else [tall]
    product = g.node("MatMul", _merged(g, x, [*batch, *lines, inner]), _merged(g, y, [*batch, inner, wide]))
    merged = any(len(sizes) != 1 for sizes in (*lines, wide))
    return g.reshape(product, [*(n for (n,) in batch), *tall, *wide]) if merged else product


@_on("conv_general_dilated")
def _conv(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    p = eqn.params
    if p["batch_group_count"] != 1:
        g.refuse("conv_general_dilated", "ONNX has no groups of batches")
    axes = p["dimension_numbers"]
    zero = Value(None, np.zeros((), _result(eqn).dtype))
    x, k = _operands(g, eqn, xs)
    x, k = g.transpose(x, axes.lhs_spec), g.transpose(k, axes.rhs_spec)
    shape = [_shape(eqn)[i] for i in axes.lhs_spec]
    x, shape = _dilated(g, x, shape, [1, 1, *p["lhs_dilation"]], zero)
    pads = p["padding"]
    plain = all(type(n) is int and n >= 0 for pair in pads for n in pair)
    if not plain:
        x = _padded(g, x, [(0, 0), (0, 0), *pads], zero)
    out = g.node(
        "Conv",
        x,
        k,
        strides=[int(s) for s in p["window_strides"]],
        dilations=[int(d) for d in p["rhs_dilation"]],
        pads=[n for side in (0, 1) for n in (pair[side] if plain else 0 for pair in pads)],
        group=int(p["feature_group_count"]),
    )
    return g.transpose(out, np.argsort(axes.out_spec).tolist())


# Indexing


@_on("gather")
def _gather(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    d, sizes, shape = eqn.params["dimension_numbers"], eqn.params["slice_sizes"], _shape(eqn)
    fills = "FILL" in str(eqn.params["mode"]).upper()
    if len(_shape(eqn, 1)) == 1 and not fills:
        return _one_slice(g, eqn, xs)
    batch, taken = list(d.operand_batching_dims), list(d.start_index_map)
    kept = _others(len(shape), taken, batch)
    if any(sizes[i] != 1 for i in taken) or any(sizes[i] != shape[i] for i in kept):
        g.refuse("gather", "ONNX gathers single elements or whole axes, not slices")
    x = g.transpose(xs[0], [*batch, *taken, *kept])
    # Batching axes of the indices come first; the last axis holds the index.
    end = len(_shape(eqn, 1)) - 1
    order = [*d.start_indices_batching_dims, *_others(end, d.start_indices_batching_dims)]
    index = g.transpose(g.cast(xs[1], "int64"), [*order, end])
    last = g.node("Sub", g.shape([shape[i] for i in taken]), _ints([1] * len(taken)))
    inside = g.node("Min", g.node("Max", index, _ints([0])), last)
    found = g.node("GatherND", x, inside, batch_dims=len(batch))
    if fills:
        good = g.cast(g.node("Equal", index, inside), "int32")
        good = g.cast(g.node("ReduceMin", good, _ints([end]), keepdims=0), bool)
        good = g.reshape(good, [*(_shape(eqn, 1)[i] for i in order), *[1] * len(kept)])
        found = g.node("Where", good, found, _like(eqn, _fill_value(eqn)))
    return _gathered(g, eqn, found, order, kept)


def _gathered(g: Graph, eqn: Any, found: Value, order: list[int], kept: list[int]) -> Value:
    """Moves the axes of gathered elements to where the primitive has them: those of the slices to `offset_dims`.

    Args:
        g: The graph.
        eqn: The call of the primitive.
        found: Its axes are those of the indices in `order`, then those of the array that are `kept`.
        order: Axes of the indices.
        kept: Axes of the array.
    """
    d, shape = eqn.params["dimension_numbers"], _result(eqn).shape
    places = _others(len(shape), d.offset_dims)
    sliced = _others(len(_shape(eqn)), d.collapsed_slice_dims, d.operand_batching_dims)
    target = [*(places[i] for i in order), *(d.offset_dims[sliced.index(i)] for i in kept)]
    found = g.transpose(found, np.argsort(target).tolist())
    return g.reshape(found, shape) if len(target) != len(shape) else found


def _fill_value(eqn: Any) -> Any:
    """Returns the value of elements whose index lies outside of the array."""
    fill, dtype = eqn.params["fill_value"], _dtype(eqn)
    if fill is not None:
        return fill
    return np.nan if np.issubdtype(dtype, np.inexact) or dtype.name == "bfloat16" else _least(dtype)


def _one_slice(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    """Converts a gather of one slice, which slicing an axis of unknown size makes."""
    d, sizes, x = eqn.params["dimension_numbers"], eqn.params["slice_sizes"], xs[0]
    for at, axis in enumerate(d.start_index_map):
        index = xs[1].constant
        one = Value(None, index[at : at + 1]) if index is not None else g.node("Gather", xs[1], _ints([at]), axis=0)
        start = _start(g, one, _shape(eqn)[axis], sizes[axis])
        x = g.node("Slice", x, start, g.node("Add", start, g.size(sizes[axis])), _ints([axis]))
    return g.reshape(x, _result(eqn).shape)


def _least(dtype: np.dtype) -> Any:
    """Returns the value that JAX fills integers with."""
    if dtype.kind == "b":
        return True
    return np.iinfo(dtype).min if np.issubdtype(dtype, np.signedinteger) else np.iinfo(dtype).max


_SCATTERS = {"scatter": "none", "scatter-add": "add", "scatter-mul": "mul", "scatter-min": "min", "scatter-max": "max"}


@_on(*_SCATTERS)
def _scatter(g: Graph, eqn: Any, xs: list[Value]) -> Value:
    d, shape, parts = eqn.params["dimension_numbers"], _shape(eqn), _shape(eqn, 2)
    taken = list(d.scatter_dims_to_operand_dims)
    kept = _others(len(shape), taken)
    windows = [parts[i] for i in d.update_window_dims]
    if d.operand_batching_dims or set(taken) != set(d.inserted_window_dims) or windows != [shape[i] for i in kept]:
        g.refuse(eqn.primitive.name, "ONNX scatters single elements or whole axes, not slices")
    x = g.transpose(xs[0], [*taken, *kept])
    updates = g.transpose(xs[2], [*_others(len(parts), d.update_window_dims), *d.update_window_dims])
    # Updates outside of the array are dropped: they go to an element behind its end, which is cut off.
    zero = Value(None, np.zeros((), _dtype(eqn)))
    spare = _padded(g, x, [(0, int(i == 0)) for i in range(len(shape))], zero)
    index, sizes = g.cast(xs[1], "int64"), g.shape([shape[i] for i in taken])
    inside = g.node("And", g.node("GreaterOrEqual", index, _ints([0])), g.node("Less", index, sizes))
    last = _ints([len(_shape(eqn, 1)) - 1])
    inside = g.cast(g.node("ReduceMin", g.cast(inside, "int32"), last), bool)
    end = g.shape([shape[taken[0]], *[0] * (len(taken) - 1)])
    place = g.node("Where", inside, index, end)
    found = g.node("ScatterND", spare, place, updates, reduction=_SCATTERS[eqn.primitive.name])
    found = g.node("Slice", found, _ints([0]), g.size(shape[taken[0]]), _ints([0]))
    return g.transpose(found, np.argsort([*taken, *kept]).tolist())


# Loops and branches


@_on("scan")
def _scan(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    p = eqn.params
    fixed, count = p["num_consts"], p["num_carry"]
    constants, start, sequences = xs[:fixed], xs[fixed : fixed + count], xs[fixed + count :]
    avals = [v.aval for v in p["jaxpr"].jaxpr.outvars]

    def build(b: Graph, inputs: list[Value]) -> list:
        step, go_on, *state = inputs
        at = b.node("Sub", b.scalar(p["length"] - 1), step) if p["reverse"] else step
        elements = [b.node("Gather", s, at, axis=0) for s in sequences]
        outputs = b.convert(p["jaxpr"], [*constants, *state, *elements])
        return [(go_on, bool), *((o, a.dtype) for o, a in zip(outputs, avals))]

    types = [("int64", ()), (bool, ()), *((a.dtype, (None,) * len(a.shape)) for a in avals[:count])]
    body = g.body("scan", types, build)
    found = g.nodes_of("Loop", [g.scalar(p["length"]), None, *start], len(avals), body=body)
    return [*found[:count], *(_reversed(g, y, [0]) if p["reverse"] else y for y in found[count:])]


@_on("while")
def _while(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    p = eqn.params
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]
    asked, fixed, start = xs[:first], xs[first:second], xs[second:]
    avals = [v.aval for v in eqn.outvars]

    def build(b: Graph, inputs: list[Value]) -> list:
        state = b.convert(p["body_jaxpr"], [*fixed, *inputs[2:]])
        (go_on,) = b.convert(p["cond_jaxpr"], [*asked, *state])
        return [(go_on, bool), *((s, a.dtype) for s, a in zip(state, avals))]

    types = [("int64", ()), (bool, ()), *((a.dtype, (None,) * len(a.shape)) for a in avals)]
    body = g.body("while", types, build)
    (begin,) = g.convert(p["cond_jaxpr"], [*asked, *start])
    return g.nodes_of("Loop", [None, begin, *start], len(avals), body=body)


@_on("cond")
def _cond(g: Graph, eqn: Any, xs: list[Value]) -> list[Value]:
    which, *operands = xs
    avals, branches = [v.aval for v in eqn.outvars], eqn.params["branches"]

    def build(i: int) -> Callable[[Graph, list[Value]], list]:
        def branch(b: Graph, _: list[Value]) -> list:
            found = b.convert(branches[i], operands) if i == len(branches) - 1 else choose(b, i)
            return [(x, a.dtype) for x, a in zip(found, avals)]

        return branch

    def choose(b: Graph, i: int) -> list[Value]:
        def taken(inner: Graph, _: list[Value]) -> list:
            return [(x, a.dtype) for x, a in zip(inner.convert(branches[i], operands), avals)]

        is_it = b.node("Equal", b.cast(which, "int32"), np.array(i, "int32"))
        then, other = b.body("then", [], taken), b.body("else", [], build(i + 1))
        return b.nodes_of("If", [is_it], len(avals), then_branch=then, else_branch=other)

    return choose(g, 0) if len(branches) > 1 else g.convert(branches[0], operands)
