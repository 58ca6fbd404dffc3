"""Single-head attention: dot-product and additive."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.seeds import SeedGenerator
from ..core.types import LayerOptions
from ..ops import (
    arange,
    cast,
    expand_dims,
    logical_and,
    logical_not,
    matmul,
    multiply,
    softmax,
    subtract,
    sum,
    swapaxes,
    tanh,
)
from ..random import dropout as drop
from .layer import Layer, Shape
from .regularization import Strength
from .sizes import flag, static_shape

# Subtracted from masked scores: large enough that their softmax is 0, and finite in 16 bits.
_FAR = {"float16": 65504.0}


class Attention(Layer):
    """Dot-product attention, Luong-style ([paper](https://arxiv.org/abs/1508.04025)): each output is a sum of values,
    weighted by the softmax of the query's scores against the keys.

    Args:
        use_scale: Whether to multiply the scores by a learned scalar.
        score_mode: "dot" (dot products of queries and keys) or "concat" (sums of `tanh(query + key)`, times a learned
            scalar).
        dropout: Fraction of the attention weights to drop in training.
        seed: Random seed of the dropout: an int, or None.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `score_mode` is unknown, or `dropout` isn't in [0, 1].

    Call arguments: `inputs`, a list `[query, value]` or `[query, value, key]`, of shapes `(batch, queries, dim)`,
    `(batch, keys, value_dim)` and `(batch, keys, dim)`, with equal additional axes between batch and length if there
    are any; `mask`, a list of their masks `(batch, length)` or Nones; `return_attention_scores`; `use_causal_mask`:
    whether positions attend only to themselves and earlier ones.

    >>> keras.layers.Attention()([np.ones((2, 4, 8)), np.ones((2, 6, 8))]).shape
    (2, 4, 8)
    """

    _about: tuple[str, ...] = ("seed",)  # the random generator has it
    rowwise = "always"
    dropout = Strength()
    seed_generator: SeedGenerator

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode} (layer '{self.name}')"
            )
        self.use_scale = flag(self, "use_scale", use_scale)
        self.score_mode = score_mode
        self.seed = seed
        self.dropout = dropout
        self.supports_masking = True

    def _mixes_rows(self, training: bool) -> bool:
        # Without a batch axis the queries are the rows. The dropout mask depends on the size of the batch.
        shapes = (self._build_shapes or {}).get("input_shape") or [()]
        return len(shapes[0]) < 3 or (training and self.dropout > 0)

    def build(self, input_shape: list[Shape]) -> None:
        self._check_inputs(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _check_inputs(self, inputs: list, mask: list | None = None) -> None:
        name = type(self).__name__
        expected = "namely [query, value] or [query, value, key]. Received"
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, {expected}: inputs={describe(inputs)} (layer "
                f"'{self.name}')."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, {expected} length: {len(inputs)}. (layer "
                f"'{self.name}')"
            )
        if mask is not None and (not isinstance(mask, list) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{name} layer mask must be a list of length 2 or 3, namely [query_mask, value_mask]. Received: "
                f"mask={describe(mask)} (layer '{self.name}')"
            )

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        self._check_inputs(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: list[Tensor],
        mask: list[Tensor | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        output = KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self.compute_dtype)
        if not return_attention_scores:
            return output
        query, value = inputs[0], inputs[1]
        return output, KerasTensor((*query.shape[:-1], value.shape[-2]), self.compute_dtype)

    def compute_mask(self, inputs: list[Tensor], mask: list[Tensor | None] | None = None) -> Any:
        self._check_inputs(inputs, mask)
        return None if mask is None else mask[0]

    def scores(self, query: Tensor, key: Tensor) -> Any:
        """Returns the score of each query against each key, `(..., queries, keys)`.

        Args:
            query: Queries, `(..., queries, features)`.
            key: Keys, `(..., keys, features)`.
        """
        if self.score_mode == "dot":
            found = matmul(query, swapaxes(key, -2, -1))
            return found if self.scale is None else multiply(found, self.scale)
        pairs = expand_dims(query, -2) + expand_dims(key, -3)
        if self.scale is not None:
            pairs = multiply(pairs, self.scale)
        return multiply(self.concat_score_weight, sum(tanh(pairs), axis=-1))

    def call(
        self,
        inputs: list[Tensor],
        mask: list[Tensor | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask is not None else (None, None)
        weights = self.scores(query, key)
        seen = self._seen(weights.shape, value_mask, static_shape(value), use_causal_mask)
        if seen is not None:
            far = _FAR.get(str(weights.dtype), 1e9)
            weights = subtract(weights, far * cast(logical_not(seen), weights.dtype))
        weights = softmax(weights, axis=-1)
        if training and self.dropout > 0:
            weights = drop(weights, self.dropout, seed=self.seed_generator)
        output = matmul(weights, value)
        if query_mask is not None:
            kept = self._by_position(query_mask, static_shape(query), "query")
            output = multiply(output, cast(expand_dims(kept, -1), output.dtype))
        return (output, weights) if return_attention_scores else output

    def _by_position(self, mask: Tensor, shape: Shape, name: str) -> Any:
        """Returns the mask of a query or value of this shape, expanded to all its axes but the features.

        Raises:
            ValueError: The mask doesn't fit the shape.
        """
        given = sizes = static_shape(mask)
        if len(sizes) == 2 and len(shape) > 3:  # (batch, length), the same for all axes between
            mask = expand_dims(mask, tuple(range(1, len(shape) - 2)))
            sizes = (*sizes[:1], *shape[1:-2], *sizes[1:])
        if len(sizes) != len(shape) - 1 or any(None not in (m, n) and m != n for m, n in zip(sizes, shape)):
            raise ValueError(
                f"The mask of `{name}` of layer '{self.path}' ({type(self).__name__}) has shape {given}, "
                f"which doesn't fit {name}.shape={shape}. Expected {shape[:-1]}."
            )
        return mask

    def _seen(self, shape: tuple, value_mask: Tensor | None, value_shape: Shape, causal: bool) -> Tensor | None:
        """Returns which keys each query attends to, bool, or None for all."""
        masks = []
        if value_mask is not None:
            masks.append(expand_dims(cast(self._by_position(value_mask, value_shape, "value"), "bool"), -2))
        if causal:
            masks.append(expand_dims(arange(shape[-2]), 1) >= expand_dims(arange(shape[-1]), 0))
        if len(masks) == 2:
            return logical_and(*masks)
        return masks[0] if masks else None


class _AdditiveOptions(LayerOptions, total=False):
    """Keyword arguments of `AdditiveAttention` besides those that it names."""

    score_mode: str  # in configs: it has but one


class AdditiveAttention(Attention):
    """Additive attention, Bahdanau-style ([paper](https://arxiv.org/abs/1409.0473)): scores are sums of
    `scale * tanh(query + key)` over the features.

    Args:
        use_scale: Whether to learn a `scale` for each feature.
        dropout: Fraction of the attention weights to drop in training.
        **kwargs: `seed`; `name`, `dtype` and other arguments of `Layer`.

    Call arguments: as for `Attention`; queries and keys have the same features.

    >>> keras.layers.AdditiveAttention()([np.ones((2, 4, 8)), np.ones((2, 6, 8))]).shape
    (2, 4, 8)
    """

    _config_skip = ("score_mode",)

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Unpack[_AdditiveOptions]):
        kwargs.pop("score_mode", None)
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: list[Shape]) -> None:
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform")

    def scores(self, query: Tensor, key: Tensor) -> Any:
        pairs = tanh(expand_dims(query, -2) + expand_dims(key, -3))
        return sum(pairs if self.scale is None else multiply(self.scale, pairs), axis=-1)
