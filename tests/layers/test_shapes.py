"""Shapes and dtypes that symbolic calls say are those that are computed, for random sizes, axes and data formats.

What is computed is traced, not run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import addax
from addax import layers, ops

EXAMPLES = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(EXAMPLES, max_examples=400)

sizes = st.integers(1, 5)
formats = st.sampled_from(["channels_last", "channels_first"])


def traced(call: Callable, shapes: list[tuple[int, ...]], dtype: str) -> Any:
    """Shapes and dtypes that a call returns for arrays; the error where it raises one."""
    try:
        found = jax.eval_shape(call, *(jax.ShapeDtypeStruct(shape, dtype) for shape in shapes))
    except (TypeError, ValueError, IndexError, NotImplementedError) as error:
        return error
    return [(tuple(x.shape), str(x.dtype)) for x in jax.tree.leaves(found)]


def check(call: Callable, shapes: list[tuple[int, ...]], dtype: str, unknown: list[tuple[int, ...]]) -> None:
    """Compares a symbolic call with the traced one: sizes that are known are right, and dtypes.

    Args:
        call: Function of tensors.
        shapes: Shapes of the tensors.
        dtype: Their dtype.
        unknown: Axes of each tensor whose sizes the symbolic call doesn't get.
    """
    expected = traced(call, shapes, dtype)
    hidden = [tuple(None if i in axes else n for i, n in enumerate(shape)) for shape, axes in zip(shapes, unknown)]
    for given_shapes in (shapes, hidden):
        try:
            found = call(*(addax.KerasTensor(shape, dtype) for shape in given_shapes))
        except (TypeError, ValueError, IndexError, NotImplementedError):
            # What is refused with unknown sizes may be computed with others.
            assert isinstance(expected, Exception) or given_shapes is hidden, (shapes, expected)
            continue
        if isinstance(expected, Exception):
            assert given_shapes is hidden, (shapes, expected)
            continue
        flat = jax.tree.leaves(found, is_leaf=lambda x: isinstance(x, addax.KerasTensor))
        assert [x.dtype for x in flat] == [dtype for _, dtype in expected]
        for tensor, (shape, _) in zip(flat, expected, strict=True):
            assert len(tensor.shape) == len(shape)
            assert all(n is None or n == m for n, m in zip(tensor.shape, shape)), (tensor.shape, shape)
            assert given_shapes is hidden or None not in tensor.shape


# Layers over windows


@st.composite
def windows(draw: Any, kind: str) -> tuple[Any, tuple[int, ...]]:
    rank = draw(st.integers(1, 3))
    per_axis = st.one_of(sizes, st.tuples(*[st.integers(1, 4)] * rank))
    data_format = draw(formats)
    options: dict[str, Any] = {"data_format": data_format}
    if kind == "UpSampling":
        options["size"] = draw(sizes if rank == 1 else per_axis)
    elif kind in ("ZeroPadding", "Cropping"):
        options["cropping" if kind == "Cropping" else "padding"] = draw(st.integers(0, 2))
    else:
        options["padding"] = draw(st.sampled_from(["valid", "same"]))
        options["strides"] = draw(per_axis)
        options["pool_size" if "Pooling" in kind else "kernel_size"] = draw(per_axis)
    if kind in ("Conv", "SeparableConv", "ConvTranspose"):
        options["filters"] = draw(sizes)
    if kind in ("SeparableConv", "DepthwiseConv", "UpSampling"):
        rank = min(rank, 2)
    if kind in ("UpSampling", "Cropping") and rank == 1:
        del options["data_format"]
    if rank < 3:
        options = {k: v[:rank] if isinstance(v, tuple) else v for k, v in options.items()}
    name = f"Conv{rank}DTranspose" if kind == "ConvTranspose" else f"{kind}{rank}D"
    space = tuple(draw(st.integers(1, 9)) for _ in range(rank))
    first = options.get("data_format") == "channels_first"
    channels = draw(sizes)
    shape = (draw(sizes), channels, *space) if first else (draw(sizes), *space, channels)
    if draw(st.booleans()) and kind in ("Conv", "ConvTranspose"):
        options["dilation_rate"] = draw(st.integers(1, 3))
    return (name, options), shape


KINDS = (
    "Conv ConvTranspose SeparableConv DepthwiseConv MaxPooling AveragePooling UpSampling ZeroPadding Cropping".split()
)


def try_window(case: tuple[Any, tuple[int, ...]], dtype: str) -> None:
    (name, options), shape = case
    try:
        layer = getattr(layers, name)(**options, dtype="mixed_bfloat16" if dtype == "bfloat16" else None)
        layer.build(shape)
    except ValueError:  # strides and dilation together, or windows that the image has no place for
        assert "dilation_rate" in options or options.get("padding") == "valid"
        return
    check(layer, [shape], "float32", [tuple(i for i in range(len(shape)) if shape[i] > 1 and i != len(shape) - 1)])
    expected = traced(layer, [shape], "float32")
    if not isinstance(expected, Exception):
        assert tuple(layer.compute_output_shape(shape)) == expected[0][0]


@pytest.mark.parametrize("kind", KINDS)
def test_layers_over_windows(kind: str) -> None:
    EXAMPLES(given(windows(kind), st.just("float32"))(try_window))()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_layers_over_windows_many(kind: str) -> None:
    MANY(given(windows(kind), st.sampled_from(["float32", "bfloat16"]))(try_window))()


# Ops of one tensor, along axes


REDUCTIONS = "sum mean max min prod std var any all logsumexp median".split()
AXES = [*REDUCTIONS, *"argmax argmin cumsum cumprod count_nonzero flip sort argsort softmax log_softmax".split()]


@st.composite
def along(draw: Any) -> tuple[Callable, tuple[int, ...], str, tuple[int, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axis = draw(st.integers(-len(shape) - 1, len(shape)))
    keepdims = draw(st.booleans())
    name = draw(st.sampled_from(AXES))
    options: dict[str, Any] = {"axis": axis}
    if name in REDUCTIONS:
        options["keepdims"] = keepdims
    dtype = draw(st.sampled_from(["float32", "int32", "bfloat16", "bool"]))
    unknown = tuple(draw(st.sets(st.integers(0, len(shape) - 1))))
    return (lambda x: getattr(ops, name)(x, **options)), shape, dtype, unknown


def try_along(case: tuple[Callable, tuple[int, ...], str, tuple[int, ...]]) -> None:
    call, shape, dtype, unknown = case
    check(call, [shape], dtype, [unknown])


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_ops_along_axes() -> None:
    settings(EXAMPLES, max_examples=100)(given(along())(try_along))()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_ops_along_axes_many() -> None:
    settings(EXAMPLES, max_examples=1500)(given(along())(try_along))()


# Ops that rearrange, and of several tensors


@st.composite
def rearranged(draw: Any) -> tuple[Callable, list[tuple[int, ...]], str, list[tuple[int, ...]]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    rank = len(shape)
    axis, other = (draw(st.integers(-rank, rank - 1)) for _ in range(2))
    n = draw(st.integers(1, 3))
    order = tuple(draw(st.permutations(range(rank))))
    ones = tuple(1 if draw(st.booleans()) else n for n in shape)
    wider = (*shape[: axis % rank], shape[axis] + n, *shape[axis % rank + 1 :])
    calls: list[tuple[Callable, list[tuple[int, ...]]]] = [
        (lambda x: ops.transpose(x, order), [shape]),
        (lambda x: ops.expand_dims(x, axis), [shape]),
        (lambda x: ops.squeeze(x, axis), [shape]),
        (lambda x: ops.moveaxis(x, axis, other), [shape]),
        (lambda x: ops.swapaxes(x, axis, other), [shape]),
        (lambda x: ops.repeat(x, n, axis=axis), [shape]),
        (lambda x: ops.roll(x, n, axis=axis), [shape]),
        (lambda x: ops.tile(x, (n,) * rank), [shape]),
        (lambda x: ops.split(x, n, axis=axis), [shape]),
        (lambda x: ops.unstack(x, axis=axis), [shape]),
        (lambda x: ops.reshape(x, (-1, *shape[1:])), [shape]),
        (lambda x: ops.pad(x, [(n, i) for i in range(rank)]), [shape]),
        (lambda x: ops.diff(x, n=n, axis=axis), [shape]),
        (lambda x: ops.take(x, [0], axis=axis), [shape]),
        (lambda x: x[:n], [shape]),
        (lambda x: x[..., -n:], [shape]),
        (lambda x, y: ops.concatenate([x, y], axis=axis), [shape, wider]),
        (lambda x, y: ops.stack([x, y], axis=axis), [shape, shape]),
        (lambda x, y: ops.add(x, y), [shape, ones]),
        (lambda x, y: ops.maximum(x, y), [ones, shape]),
        (lambda x, y: ops.less(x, y), [shape, ones[1:]]),
        (lambda x, y: ops.where(ops.greater(x, 0), x, y), [shape, ones]),
        (lambda x, y: ops.matmul(x, y), [shape, (*shape[:-2], shape[-1], n)]),
        (lambda x, y: ops.outer(x, y), [shape, ones]),
        (lambda x, y: ops.tensordot(x, y, axes=1), [shape, (shape[-1], n)]),
    ]
    call, shapes = draw(st.sampled_from(calls))
    # The same axes: each unknown size stands for the same number.
    unknown = tuple(draw(st.sets(st.integers(0, rank - 1)))) if len(shapes) == 1 else (0,)
    dtype = draw(st.sampled_from(["float32", "int32", "float16"]))
    return call, shapes, dtype, [tuple(i for i in unknown if i < len(s) and s[i] == shapes[0][i]) for s in shapes]


def try_rearranged(case: tuple[Callable, list[tuple[int, ...]], str, list[tuple[int, ...]]]) -> None:
    check(*case)


def test_ops_that_rearrange_and_combine() -> None:
    settings(EXAMPLES, max_examples=100)(given(rearranged())(try_rearranged))()


@pytest.mark.slow
def test_ops_that_rearrange_and_combine_many() -> None:
    settings(EXAMPLES, max_examples=1500)(given(rearranged())(try_rearranged))()
