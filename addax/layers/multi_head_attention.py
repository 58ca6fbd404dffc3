"""Multi-head and grouped-query attention."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from ..core.config import is_flash_attention_enabled
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask
from ..core.op import Tensor
from ..core.policy import DTypePolicy, DTypePolicyMap
from ..core.types import ConstraintLike, InitializerLike, LayerOptionsButActivity, RegularizerLike
from ..ops import any as any_along
from ..ops import (
    arange,
    broadcast_to,
    cast,
    einsum,
    expand_dims,
    logical_and,
    multiply,
    ones,
    repeat,
    reshape,
    squeeze,
    transpose,
    tril,
    where,
    zeros_like,
)
from ..ops.nn import dot_product_attention
from .activation import Softmax
from .einsum_dense import EinsumDense
from .layer import Layer, Shape
from .regularization import Dropout
from .sizes import flag, fraction, is_int, static_shape, take_weight_options, weight_options

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def check_positive(layer: Layer, **sizes: Any) -> None:
    """Raises ValueError unless each of the sizes is a positive int."""
    for name, size in sizes.items():
        if not is_int(size) or size <= 0:
            raise ValueError(
                f"Received an invalid value for argument `{name}`, expected a positive integer. Received: "
                f"{name}={size} (layer '{layer.name}')"
            )


class HeadsOfAttention(Layer):
    """Base of attention with several heads: projections, masks, and the attention itself.

    A subclass sets `_query_heads`, `_key_heads`, `_query_size`, `_value_size` and `_axes_of_attention`, and names its
    projections.
    """

    rowwise = "always"
    _config_skip: tuple[str, ...] = ("flash_attention",)
    _config_null_activity = True

    _about: tuple[str, ...] = ("seed",)  # the random generator has it
    _query_heads: int
    _key_heads: int
    _query_size: int
    _value_size: int
    use_bias: bool
    use_gate: bool
    sliding_window: int | None
    flash_attention: bool | None
    seed: int | None
    kernel_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    bias_constraint: Any
    output_shape: tuple[int, ...] | None = None
    attention_axes: Any = None
    _scores_by_choice = True  # whether `_compute_attention` is told that the scores are needed
    # Attributes that hold the projections: their names in files.
    _projections = ("_query_dense", "_key_dense", "_gate_dense", "_value_dense", "_output_dense")

    def _configure(self, given: dict[str, Any]) -> None:
        """Sets the options that both kinds of attention have.

        Args:
            given: The arguments of the constructor, its `locals()`.
        """
        dropout, sliding_window, flash_attention = (given[n] for n in ("dropout", "sliding_window", "flash_attention"))
        if sliding_window is not None and (not is_int(sliding_window) or sliding_window <= 0):
            raise ValueError(
                f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
            )
        for name in ("use_bias", "use_gate", "flash_attention"):
            setattr(self, name, flag(self, name, given[name]))
        for name in ("dropout", "sliding_window", "seed"):
            setattr(self, name, given[name])
        if flash_attention and dropout:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to 0.0 to use flash "
                f"attention. Received: dropout={dropout}, flash_attention=True (layer '{self.name}')"
            )
        take_weight_options(self, **weight_options(given, "kernel", "bias"))
        self.supports_masking = True

    @property
    def dropout(self) -> float:
        """Fraction of the scores that is dropped in training."""
        return self._dropout

    @dropout.setter
    def dropout(self, value: float) -> None:
        self._dropout = fraction(self, "dropout", value)
        if "_dropout_layer" in self.__dict__:
            self._dropout_layer.rate = value

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        if self.attention_axes is None:
            self.attention_axes = self._axes(len(query_shape))[0]
        query, key, gate, value, output = self._projections
        query_shape_out = (self._query_heads, self._query_size)
        self._make(query, "query", query_shape, query_shape_out)
        self._make(key, "key", key_shape, (self._key_heads, self._query_size))
        if self.use_gate:
            gated = (self._query_heads, self._value_size)
            self._make(gate, "gate", query_shape, gated, activation="sigmoid")
        self._make(value, "value", value_shape, (self._key_heads, self._value_size))
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        heads_shape = (*query_shape[:-1], self._query_heads, self._value_size)
        self._make(output, "attention_output", heads_shape, self.output_shape or query_shape[-1:], contracted=2)

    def _make(
        self, attribute: str, name: str, input_shape: Shape, output: Sequence, contracted: int = 1, **kwargs: Any
    ) -> None:
        """Makes and builds the projection of the last `contracted` axes to `output`."""
        free = len(input_shape) - contracted
        letters = iter(_LETTERS)
        kept, taken, given = ("".join(next(letters) for _ in range(n)) for n in (free, contracted, len(output)))
        dense = EinsumDense(
            f"{kept}{taken},{taken}{given}->{kept}{given}",
            output_shape=(*[None] * (free - 1), *output),
            bias_axes=given if self.use_bias else None,
            kernel_initializer=_copy_of(self.kernel_initializer),
            bias_initializer=_copy_of(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self._dtype_policy,  # where it is a map, the projection's own path is looked up
            name=name,
            **kwargs,
        )
        dense.supports_masking = True  # silences the warning: `compute_mask` handles the masks
        setattr(self, attribute, dense)
        dense.build(input_shape)
        for weight in dense.weights:  # devices that share a layer's work compute some heads each
            weight.heads_axis = {"kernel": 2 - contracted, "bias": 0 if contracted == 1 else None}.get(weight.name)

    def _policy_for_files(self) -> DTypePolicy:
        """Returns the policy with those of the projections, whose configs files don't hold, if they are quantized."""
        policies = {
            rf"(.*/)?{re.escape(self.name)}/{layer.name}": layer.dtype_policy
            for layer in self._layers
            if layer.quantization_mode is not None
        }
        if not policies or self.quantization_mode is not None:
            return self._dtype_policy
        return DTypePolicyMap(self.dtype_policy.name, policies)

    def _check_shapes(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        where = (
            f"Received: query_shape={query_shape}, value_shape={value_shape}, key_shape={key_shape} "
            f"(layer '{self.path}')"
        )
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. "
                f"Received: value_shape={value_shape} and key_shape={key_shape} (layer '{self.path}')"
            )
        if len(query_shape) != len(value_shape) or len(query_shape) < 3:
            raise ValueError(
                "`query`, `value` and `key` must have the same number of dimensions, at least (batch, length, "
                f"features). {where}"
            )

    # Shapes

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> Shape:
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self.output_shape or query_shape[-1:]))

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        *,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        output = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return output
        axes, others = self._axes(len(query.shape))
        scores = (
            query.shape[0],
            *(query.shape[a] for a in others),
            self._query_heads,
            *(query.shape[a] for a in axes),
            *(value.shape[a] for a in axes),
        )
        return output, KerasTensor(scores, self.compute_dtype)

    def _axes(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Returns the attention axes, and the other axes besides batch and features."""
        axes = self.attention_axes
        if axes is None:
            axes = tuple(range(1, rank - 1))
        elif isinstance(axes, int):
            axes = (axes,)
        axes = tuple(a % rank for a in axes)
        return axes, tuple(a for a in range(1, rank - 1) if a not in axes)

    def compute_mask(
        self,
        query: Tensor,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
    ) -> Any:
        return query_mask

    # The computation

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        axes, others = self._axes(query.ndim)
        q_shape, v_shape = query.shape, value.shape
        by_position = {"query": self._mask_of_queries(query, query_mask), "value": value_mask, "key": key_mask}
        mask = self._mask(q_shape, v_shape, axes, others, by_position, attention_mask, use_causal_mask)
        projections: list[Any] = [getattr(self, name, None) for name in self._projections]
        q, k, gate, v, out = projections
        heads = q(query), k(key), v(value)
        if getattr(self._compute_attention, "__func__", None) is HeadsOfAttention._compute_attention:
            output, scores = self._compute_attention(*heads, mask, training, return_attention_scores)
        else:
            output, scores = self._by_override(*heads, mask, training, return_attention_scores)
        if gate is not None:
            output = multiply(output, gate(query))
        output = out(output)
        if not return_attention_scores:
            return output
        if scores is None:  # an override computes none
            return output, None
        lengths = (*(q_shape[a] for a in axes), *(v_shape[a] for a in axes))
        return output, reshape(scores, (q_shape[0], *(q_shape[a] for a in others), self._query_heads, *lengths))

    def _mask_of_queries(self, query: Tensor, query_mask: Tensor | None) -> Any:
        """Returns the mask of queries that attend to anything."""
        return query_mask

    def _compute_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple:
        """Attends from projected queries to projected keys and values; subclasses may override it, as in Keras.

        Args:
            query, key, value: Projections, `(batch, ..., heads, size)`.
            attention_mask: Bool, `(batch or 1, queries, keys)`, or with an axis of heads behind the batch.
            training: Whether there is dropout.
            return_attention_scores: Whether the scores are needed.
            use_causal_mask: Whether a query attends to no later key.

        Returns:
            The output, `(batch, ..., heads, size)`, and the scores, `(batch, heads, queries, keys)`, or None.
        """
        axes, others = self._axes(query.ndim - 1)
        q, k, v = (_as_sequences(x, axes, others) for x in (query, key, value))
        if attention_mask is not None and attention_mask.ndim == 3:
            attention_mask = expand_dims(attention_mask, 1)
        if use_causal_mask:
            causal = tril(ones((1, 1, q.shape[1], k.shape[1]), "bool"))
            attention_mask = causal if attention_mask is None else logical_and(attention_mask, causal)
        output, scores = self._attend(q, k, v, attention_mask, training, return_attention_scores)
        return _as_before(output, query.shape, axes, others), scores

    def _by_override(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, training: bool | None, with_scores: bool
    ) -> tuple:
        """Calls an override as Keras does: with as many heads of keys as of queries, and masks of 3 axes."""
        groups = self._query_heads // self._key_heads
        if groups > 1:
            key, value = repeat(key, groups, axis=-2), repeat(value, groups, axis=-2)
        if mask is not None and mask.shape[1] == 1:
            mask = squeeze(mask, 1)
        if self._scores_by_choice:
            return self._compute_attention(query, key, value, mask, training, with_scores)
        return self._compute_attention(query, key, value, attention_mask=mask, training=training)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, training: bool | None, with_scores: bool
    ) -> tuple:
        """Attends from `(batch, queries, heads, size)` to `(batch, keys, heads, size)`.

        Returns:
            The output, and the scores or None.
        """
        if with_scores and self.flash_attention:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. Please disable flash "
                f"attention to access attention scores (layer '{self.path}')."
            )
        scale = self._query_size**-0.5
        one_size = self._query_size == self._value_size  # which the fused kernels require
        if one_size and not with_scores and not (training and self.dropout):
            flash = self.flash_attention
            if flash is None and is_flash_attention_enabled() is False:
                flash = False  # None would try the fused kernel
            output = dot_product_attention(query, key, value, mask=mask, scale=scale, flash_attention=flash)
            if self.dropout and mask is not None:
                # In training with dropout (below), a query that attends to nothing gets 0, not the mean of all values.
                sees = transpose(any_along(mask, axis=-1), (0, 2, 1))
                output = where(expand_dims(sees, -1), output, zeros_like(output))
            return output, None
        groups = query.shape[2] // key.shape[2]
        if groups > 1:
            key, value = repeat(key, groups, axis=2), repeat(value, groups, axis=2)
        scores = self._softmax(einsum("bqhd,bkhd->bhqk", query * scale, key), mask=mask)
        dropped = self._dropout_layer(scores, training=training) if self.dropout else scores
        return einsum("bhqk,bkhd->bqhd", dropped, value), scores

    def _mask(
        self,
        query_shape: tuple,
        value_shape: tuple,
        axes: tuple,
        others: tuple,
        by_position: dict[str, Any],
        attention_mask: Tensor | None,
        causal: bool,
    ) -> Any:
        """Returns the attention mask, bool, `(batch * others, heads or 1, queries, keys)`, or None.

        As in Keras, a padded query attends to nothing.
        """
        batch = query_shape[0]
        outer = tuple(query_shape[a] for a in others)
        queries = tuple(query_shape[a] for a in axes)
        keys = tuple(value_shape[a] for a in axes)
        masks: list[Any] = []
        if attention_mask is not None:
            rank = 2 + len(outer) + len(queries) + len(keys)
            attention_mask = cast(attention_mask, "bool")
            # Missing axes (heads, axes not attended along) are inserted before those of queries and keys.
            while attention_mask.ndim < rank:
                attention_mask = expand_dims(attention_mask, max(0, attention_mask.ndim - len(queries) - len(keys)))
            masks.append(attention_mask)
        blank = (1,) * (1 + len(outer) + 1)
        for name, mask in by_position.items():
            if mask is None:
                continue
            mask = self._along_axes(name, mask, query_shape if name == "query" else value_shape, axes, others)
            place = mask.shape[1 + len(outer) :]
            place = (*place, *(1,) * len(keys)) if name == "query" else (*(1,) * len(queries), *place)
            masks.append(reshape(mask, (*mask.shape[: 1 + len(outer)], 1, *place)))
        if causal or self.sliding_window is not None:
            if len(axes) > 1:
                raise ValueError(
                    f"Layer '{self.path}': `use_causal_mask` and `sliding_window` need one axis of attention, along "
                    f"which there is a before and after. Received: attention_axes={axes}"
                )
            distance = expand_dims(arange(queries[0]), 1) - expand_dims(arange(keys[0]), 0)
            near: list = [distance >= 0] if causal else []
            if self.sliding_window is not None:
                near += [distance < self.sliding_window, distance > -self.sliding_window]
            masks += [reshape(m, (*blank, *queries, *keys)) for m in near]
        if not masks:
            return None
        mask = masks[0]
        for other in masks[1:]:
            mask = logical_and(mask, other)
        heads = mask.shape[1 + len(outer)]
        full = broadcast_to(mask, (batch, *outer, heads, *queries, *keys))
        return reshape(full, (_product((batch, *outer)), heads, _product(queries), _product(keys)))

    def _along_axes(self, name: str, mask: Tensor | None, shape: tuple, axes: tuple, others: tuple) -> Any:
        """Returns a mask of the positions of a tensor of this shape as `(batch, *others, *axes)`; sizes may be 1."""
        mask, found = cast(mask, "bool"), static_shape(mask)
        sizes = tuple(n if isinstance(n, int) else None for n in shape[:-1])
        if len(found) == 2 and len(axes) == 1 and _agree(found, (sizes[0], sizes[axes[0]])):
            return reshape(mask, (mask.shape[0], *(1,) * len(others), mask.shape[1]))
        if not _agree(found, sizes[: len(found)]):
            raise ValueError(
                f"Layer '{self.path}': a mask of shape {found} says nothing about which of the positions of `{name}`, "
                f"of shape {(*sizes, shape[-1])}, may be attended to. Expected {sizes}."
            )
        return transpose(expand_dims(mask, tuple(range(len(found), len(sizes)))), (0, *others, *axes))


def _agree(found: Shape, expected: Shape) -> bool:
    """Returns whether two shapes are equal as far as they are known."""
    return len(found) == len(expected) and all(None in (m, n) or m == n for m, n in zip(found, expected))


def _alias(name: str) -> property:
    """Returns a property that stands for the attribute `name`."""
    return property(lambda self: getattr(self, name), lambda self, value: setattr(self, name, value))


def _product(sizes: Sequence) -> Any:
    total: Any = 1
    for size in sizes:
        total = total * size
    return total


def _copy_of(initializer: Callable) -> Callable:
    """Returns an initializer like `initializer` that draws random numbers of its own."""
    cls: Any = type(initializer)
    return cls.from_config(initializer.get_config()) if hasattr(initializer, "get_config") else initializer


def _as_sequences(x: Tensor, axes: tuple, others: tuple) -> Any:
    """Reshapes `(batch, ..., heads, size)` to `(batch * others, positions, heads, size)`."""
    if not others and len(axes) == 1:
        return x
    shape = x.shape
    x = transpose(x, (0, *others, *axes, x.ndim - 2, x.ndim - 1))
    batch, positions = _product((shape[0], *(shape[a] for a in others))), _product([shape[a] for a in axes])
    return reshape(x, (batch, positions, *shape[-2:]))


def _as_before(x: Tensor, shape: tuple, axes: tuple, others: tuple) -> Any:
    """Inverts `_as_sequences`; `shape` is that of the layer's input."""
    if not others and len(axes) == 1:
        return x
    order = (0, *others, *axes)
    x = reshape(x, (*(shape[a] for a in order), *x.shape[-2:]))
    back = sorted(range(len(order)), key=lambda i: order[i])
    return transpose(x, (*back, x.ndim - 2, x.ndim - 1))


class MultiHeadAttention(HeadsOfAttention):
    """Multi-head attention ([paper](https://arxiv.org/abs/1706.03762)): each head projects queries, keys and values
    and applies scaled dot-product attention.

    Args:
        num_heads: Number of heads.
        key_dim: Size of each head's queries and keys.
        value_dim: Size of each head's values; None for `key_dim`.
        dropout: Fraction of the attention scores to drop in training.
        use_bias: Whether the projections add learned biases.
        output_shape: Size or sizes of the output's feature axes; None for those of the query.
        attention_axes: Axis or axes to attend along; None for all but batch and features.
        sliding_window: Positions attend only to positions closer than this; None for no limit.
        flash_attention: Whether to use the device's fused (flash) attention kernel; None for where it is available.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        use_gate: Whether to multiply the heads' outputs by a sigmoid gate computed from the query.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't a positive int, or `flash_attention` is combined with dropout.

    Call arguments: `query`, `(batch, ..., features)`; `value`; `key`, equal to `value` when None; their masks,
    `(batch, length)`; `attention_mask`, bool, `(batch, queries, keys)`, True where a query may attend to a key;
    `return_attention_scores`; `use_causal_mask`: whether positions attend only to themselves and earlier ones. Queries
    masked as padding attend to nothing: they get the mean of all values, or 0 with dropout or returned scores.

    >>> layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    >>> output, scores = layer(np.ones((1, 4, 6)), np.ones((1, 5, 6)), return_attention_scores=True)
    >>> output.shape, scores.shape
    ((1, 4, 6), (1, 2, 4, 5))
    """

    _projections = ("query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense")
    # What subclasses written for Keras call them.
    _query_dense, _key_dense, _value_dense, _output_dense = map(
        _alias, ("query_dense", "key_dense", "value_dense", "output_dense")
    )

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(locals())
        value_dim = key_dim if value_dim is None else value_dim
        check_positive(self, num_heads=num_heads, key_dim=key_dim, value_dim=value_dim)
        listed = attention_axes if isinstance(attention_axes, (list, tuple)) else [attention_axes]
        if attention_axes is not None and not all(map(is_int, listed)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        self.num_heads = self._query_heads = self._key_heads = num_heads
        self.key_dim = self._query_size = key_dim
        self.value_dim = self._value_size = value_dim
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        if output_shape is not None:
            sizes = (output_shape,) if is_int(output_shape) else output_shape
            if not isinstance(sizes, (list, tuple)) or not all(is_int(n) and n > 0 for n in sizes):
                raise ValueError(
                    f"Invalid `output_shape`: {output_shape}. When specified, the `output_shape` should be of type "
                    f"tuple, list, or int, of positive sizes. (layer '{self.name}')"
                )
            self.output_shape = tuple(sizes)

    def _mask_of_queries(self, query: Tensor, query_mask: Tensor | None) -> Any:
        # As in Keras, only a mask that came with the queries counts; a `query_mask` argument is just passed on.
        return get_mask(query)


class GroupedQueryAttention(HeadsOfAttention):
    """Grouped-query attention: several query heads share one head of keys and values
    ([paper](https://arxiv.org/abs/2305.13245)). Public as `GroupQueryAttention`.

    Args:
        head_dim: Size of each head's queries, keys and values.
        num_query_heads: Number of query heads.
        num_key_value_heads: Number of key and value heads, a divisor of `num_query_heads`.
        dropout, use_bias, sliding_window, flash_attention: As for `MultiHeadAttention`.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        use_gate: Whether to multiply the heads' outputs by a sigmoid gate computed from the query.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't a positive int, or `num_key_value_heads` doesn't divide
            `num_query_heads`.

    Call arguments: as for `MultiHeadAttention`, with inputs `(batch, length, features)`.

    >>> layer = keras.layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
    >>> layer(np.ones((1, 4, 6)), np.ones((1, 5, 6))).shape
    (1, 4, 6)
    """

    keras_class = "GroupQueryAttention"

    _scores_by_choice = False

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptionsButActivity],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._configure(locals())
        check_positive(
            self, head_dim=head_dim, num_query_heads=num_query_heads, num_key_value_heads=num_key_value_heads
        )
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads} (layer '{self.name}')"
            )
        self.head_dim = self._query_size = self._value_size = head_dim
        self.num_query_heads = self._query_heads = num_query_heads
        self.num_key_value_heads = self._key_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> Shape:
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. Received: query_shape={query_shape}, "
                f"value_shape={value_shape} (layer '{self.path}')"
            )
        return super().compute_output_shape(query_shape, value_shape, key_shape)


GroupQueryAttention = GroupedQueryAttention
