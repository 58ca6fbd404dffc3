"""Merging layers: sums, products, extremes, concatenation, dot products."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from ..core.errors import describe
from ..core.masks import get_mask
from ..core.op import Tensor
from ..core.types import LayerOptions, ShapeTree
from ..ops import numpy as knp
from ..ops.core import cast
from ..ops.nn import normalize
from .layer import Layer, Shape
from .sizes import flag, is_along_rows, is_int


class Merge(Layer):
    """Base of layers that combine a list of inputs, two at a time. Inputs of lower rank get axes behind the batch."""

    rowwise = "always"
    combine: Callable[..., Any]
    least = 1
    exactly: int | None = None
    _keeps_dtype = True
    _leaves_out_padding = False  # whether padded positions of an input are left out, so that the other inputs decide

    def __init__(self, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        self._check(input_shape)
        self.compute_output_shape(input_shape)

    def _check(self, input_shape: ShapeTree) -> None:
        name = type(self).__name__
        if not isinstance(input_shape, (list, tuple)) or not all(isinstance(s, (list, tuple)) for s in input_shape):
            raise ValueError(
                f"A merge layer should be called on a list of inputs. Received: input_shape={input_shape} (not a list "
                f"of shapes). Call layer '{self.path}' ({name}) as `layer([a, b])`."
            )
        if self.exactly is not None and len(input_shape) != self.exactly:
            raise ValueError(
                f"A `{name}` layer should be called on exactly {self.exactly} inputs. Received: "
                f"input_shape={input_shape} in layer '{self.path}'"
            )
        if len(input_shape) < self.least:
            raise ValueError(
                f"A `{name}` layer should be called on a list of at least {self.least} input. Received: "
                f"input_shape={input_shape} in layer '{self.path}'"
            )

    def call(self, inputs: Sequence[Any]) -> Any:
        rank = max(x.ndim for x in inputs)
        masks = [get_mask(x) for x in inputs] if self._leaves_out_padding else [None] * len(inputs)
        aligned = [_with_axes(x, rank) for x in inputs]
        if all(m is None for m in masks):
            return functools.reduce(type(self).combine, aligned)
        shown = [None if m is None else _with_axes(_behind(m, x.ndim), rank) for m, x in zip(masks, inputs)]
        return self._combine_masked(aligned, shown)

    def _combine_masked(self, inputs: Sequence[Any], masks: Sequence[Any]) -> Any:
        """Combines the positions that aren't padded; takes the first input where all are."""
        # Fold: `known` marks the positions of `out` that aren't padded in some input so far; None for all.
        out, known = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:]):
            both = type(self).combine(out, x)
            if known is not None:
                both = knp.where(known, both, x if mask is None else knp.where(mask, x, out))
            out = both if mask is None else knp.where(mask, both, out)
            known = None if known is None or mask is None else knp.logical_or(known, mask)
        return out

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        self._check(input_shape)
        rank = max(len(s) for s in input_shape)
        return functools.reduce(self._broadcast, [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in input_shape])

    def _broadcast(self, a: Shape, b: Shape) -> Shape:
        sizes = []
        for axis, (x, y) in enumerate(zip(a, b)):
            if x == 1 or y == 1 or x == y:
                sizes.append(y if x == 1 else x)
            elif x is None or y is None:
                sizes.append(None if axis == 0 else y if x is None else x)
            else:
                raise ValueError(
                    f"Inputs have incompatible shapes. Received shapes {a[1:]} and {b[1:]} in layer '{self.path}' "
                    f"({type(self).__name__}): axis {axis} has sizes {x} and {y}; expected equal sizes, or 1."
                )
        return tuple(sizes)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Any:
        """Returns the union of the masks, or None if an input has none."""
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        known = [m for m in mask if m is not None]
        if len(known) < len(mask):
            return None
        rank = max(len(m.shape) for m in known)
        return functools.reduce(knp.logical_or, [_behind(m, rank) for m in known])

    def _check_masks(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None]) -> None:
        where = f"(layer '{self.path}' of type {type(self).__name__}: one mask or None for each input)"
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(f"`{name}` should be a list. Received: {name}={describe(value)} {where}")
        if len(mask) != len(inputs):
            raise ValueError(
                f"The lists `inputs` and `mask` should have the same length. Received: inputs of length {len(inputs)}, "
                f"and mask of length {len(mask)} {where}"
            )


def _with_axes(x: Tensor, rank: int) -> Any:
    """Returns `x` with axes of size 1 inserted after the batch axis, up to `rank`."""
    return knp.expand_dims(x, tuple(range(1, 1 + rank - x.ndim))) if x.ndim < rank else x


def _behind(mask: Tensor, rank: int) -> Any:
    """Returns a mask with axes of size 1 appended, up to `rank`."""
    return knp.expand_dims(mask, tuple(range(len(mask.shape), rank))) if len(mask.shape) < rank else mask


class Add(Merge):
    """Adds the inputs elementwise.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Add()([np.ones((1, 3)), np.full((1, 3), 2.0)])
    Array([[3., 3., 3.]], dtype=float32)
    """

    _keeps_sparse = "all"
    combine = knp.add


class Subtract(Merge):
    """Subtracts the second input from the first.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Subtract()([np.ones((1, 3)), np.full((1, 3), 2.0)])
    Array([[-1., -1., -1.]], dtype=float32)
    """

    _keeps_sparse = "all"
    exactly = 2
    combine = knp.subtract


class Multiply(Merge):
    """Multiplies the inputs elementwise; ignores masked positions of an input, and gives 0 where all are masked.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Multiply()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[6., 6.]], dtype=float32)
    """

    _keeps_sparse = "any"
    combine = knp.multiply
    _leaves_out_padding = True

    def _combine_masked(self, inputs: Sequence[Any], masks: Sequence[Any]) -> Any:
        out = super()._combine_masked(inputs, masks)
        if any(m is None for m in masks):
            return out
        return knp.multiply(out, cast(functools.reduce(knp.logical_or, masks), out.dtype))


class Average(Merge):
    """Averages the inputs elementwise.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Average()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[2.5, 2.5]], dtype=float32)
    """

    _keeps_sparse = "all"
    combine = knp.add
    _keeps_dtype = False

    def call(self, inputs: Sequence[Any]) -> Any:
        return super().call(inputs) / len(inputs)


class Maximum(Merge):
    """Computes the elementwise maximum of the inputs; ignores masked positions of an input.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Maximum()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[3., 3.]], dtype=float32)
    """

    _keeps_sparse = "all"
    combine = knp.maximum
    _leaves_out_padding = True


class Minimum(Merge):
    """Computes the elementwise minimum of the inputs; ignores masked positions of an input.

    Args:
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    >>> keras.layers.Minimum()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[2., 2.]], dtype=float32)
    """

    _keeps_sparse = "all"
    combine = knp.minimum
    _leaves_out_padding = True


class Concatenate(Merge):
    """Concatenates the inputs along an axis.

    Args:
        axis: Axis to concatenate along; the inputs must have equal sizes along the other axes.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `axis` isn't an int.

    >>> keras.layers.Concatenate()([np.ones((1, 3)), np.ones((1, 2))]).shape
    (1, 5)
    """

    _keeps_sparse = "all"

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        if not is_int(axis):
            raise TypeError(f"`axis` of layer '{self.name}' (Concatenate) must be an int. Received: axis={axis!r}")
        self.axis = axis

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axis)

    def _check(self, input_shape: ShapeTree) -> None:
        if not input_shape or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. Received: "
                f"input_shape={input_shape}. Call layer '{self.path}' as `layer([a, b])`."
            )
        super()._check(input_shape)

    def call(self, inputs: Sequence[Any]) -> Any:
        return knp.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        self._check(input_shape)
        ranks = {len(s) for s in input_shape}
        if len(ranks) > 1:
            raise ValueError(
                f"A `Concatenate` layer requires inputs of equal rank. Received: input_shape={list(input_shape)} in "
                f"layer '{self.path}'"
            )
        rank = ranks.pop()
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` of layer '{self.path}' (Concatenate) must be between {-rank} and {rank - 1} for inputs of "
                f"rank {rank}. Received: axis={self.axis}, input_shape={list(input_shape)}"
            )
        axis = self.axis % rank
        sizes: list[int | None] = []
        for i, along in enumerate(zip(*input_shape)):
            known = {n for n in along if n is not None}
            if i == axis:
                sizes.append(None if None in along else sum(along))
            elif len(known) > 1:
                raise ValueError(
                    "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
                    f"Received: input_shape={list(input_shape)} in layer '{self.path}' with axis={self.axis}: axis "
                    f"{i} has sizes {along}."
                )
            else:
                sizes.append(None if i == 0 and None in along else next(iter(known), None))
        return tuple(sizes)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Any:
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        rank = len(inputs[0].shape)
        full = []
        for x, m in zip(inputs, mask):
            if m is None:
                full.append(knp.ones_like(x, dtype="bool"))
            elif len(m.shape) == rank:
                full.append(cast(m, "bool"))
            else:
                full.append(knp.logical_and(knp.ones_like(x, dtype="bool"), _behind(m, rank)))
        return knp.any(knp.concatenate(full, self.axis), axis=-1)


class Dot(Merge):
    """Computes dot products of two inputs along an axis of each, sample by sample.

    Args:
        axes: Axis to sum over (not the batch axis): an int, or a pair with one for each input.
        normalize: Whether to normalize to unit length first, which gives the cosine similarity.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        TypeError: `axes` is neither an int nor a list or tuple.
        ValueError: `axes` doesn't hold two ints.

    >>> keras.layers.Dot(axes=1)([np.ones((2, 3)), np.ones((2, 3))])
    Array([[3.], [3.]], dtype=float32)
    """

    exactly = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    f"Invalid format for argument `axes`: it should contain two elements. Received: axes={axes}"
                )
            if not all(isinstance(a, int) for a in axes):
                raise ValueError(
                    f"Invalid format for argument `axes`: list elements should be integers. Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = flag(self, "normalize", normalize)

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axes)

    def _axes(self, first: int, second: int) -> tuple[int, int]:
        a, b = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        for axis, rank in ((a, first), (b, second)):
            if not -rank <= axis < rank or axis % rank == 0:
                raise ValueError(
                    f"`axes` of layer '{self.path}' (Dot) must name an axis other than the batch axis of each input. "
                    f"Received: axes={self.axes} for inputs of rank {first} and {second}"
                )
        return a % first, b % second

    def call(self, inputs: Sequence[Any]) -> Any:
        x, y = inputs
        a, b = self._axes(x.ndim, y.ndim)
        if self.normalize:
            x, y = normalize(x, axis=a), normalize(y, axis=b)
        x_letters = list("zabcdefgh"[: x.ndim])
        y_letters = list("zijklmnop"[: y.ndim])
        y_letters[b] = x_letters[a]
        kept = [c for c in x_letters if c != x_letters[a]] + [c for c in y_letters[1:] if c != x_letters[a]]
        out = knp.einsum(f"{''.join(x_letters)},{''.join(y_letters)}->{''.join(kept)}", x, y)
        return knp.expand_dims(out, -1) if out.ndim == 1 else out

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        self._check(input_shape)
        first, second = (tuple(s) for s in input_shape)
        a, b = self._axes(len(first), len(second))
        if first[a] is not None and second[b] is not None and first[a] != second[b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} (at axis {b}). "
                f"Full input shapes: {first}, {second} (layer '{self.path}')"
            )
        shape = first[:a] + first[a + 1 :] + second[1:b] + second[b + 1 :]
        return (*shape, 1) if len(shape) == 1 else shape

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> None:
        return None


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Adds tensors elementwise with a new layer `Add`.

    Args:
        inputs: List of tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.add([np.ones((1, 2)), np.ones((1, 2))])
    Array([[2., 2.]], dtype=float32)
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Subtracts the second of two tensors from the first with a new layer `Subtract`.

    Args:
        inputs: List of two tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.subtract([np.ones((1, 2)), np.ones((1, 2))])
    Array([[0., 0.]], dtype=float32)
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Multiplies tensors elementwise with a new layer `Multiply`.

    Args:
        inputs: List of tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.multiply([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[6., 6.]], dtype=float32)
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Averages tensors elementwise with a new layer `Average`.

    Args:
        inputs: List of tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.average([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[2.5, 2.5]], dtype=float32)
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Computes the elementwise maximum of tensors with a new layer `Maximum`.

    Args:
        inputs: List of tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.maximum([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[3., 3.]], dtype=float32)
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Computes the elementwise minimum of tensors with a new layer `Minimum`.

    Args:
        inputs: List of tensors.
        **kwargs: Arguments of the layer.

    >>> keras.layers.minimum([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    Array([[2., 2.]], dtype=float32)
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Concatenates tensors with a new layer `Concatenate`.

    Args:
        inputs: List of tensors.
        axis: Axis to concatenate along.
        **kwargs: Arguments of the layer.

    >>> keras.layers.concatenate([np.ones((1, 3)), np.ones((1, 2))]).shape
    (1, 5)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Computes dot products of two tensors with a new layer `Dot`.

    Args:
        inputs: List of two tensors.
        axes: Axis to sum over: an int, or a pair with one for each tensor.
        **kwargs: Arguments of the layer.

    >>> keras.layers.dot([np.ones((2, 3)), np.ones((2, 3))], axes=1).shape
    (2, 1)
    """
    return Dot(axes=axes, **kwargs)(inputs)
