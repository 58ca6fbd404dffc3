"""Attention without heads: by products of queries and keys, or by a small network of their sums."""

from __future__ import annotations

from typing import Any

from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.seeds import SeedGenerator
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
    tanh,
    transpose,
)
from ..random import dropout as drop
from .layer import Layer, Shape

# What masked scores are lowered by: enough that they don't count, and finite in 16 bits.
_FAR = {"float16": 65504.0}


class Attention(Layer):
    """Weighted sums of values, with weights from how well each query fits each key
    ([paper](https://arxiv.org/abs/1508.04025)).

    Args:
        use_scale: Whether a learned number scales the scores.
        score_mode: "dot": products of queries and keys; "concat": sums of `tanh(query + key)`, with a learned factor.
        dropout: Fraction of the weights that is dropped in training.
        seed: An int that fixes the dropout.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Call arguments: `inputs`, a list `[query, value]` or `[query, value, key]`, of shapes `(batch, queries, dim)`,
    `(batch, keys, value_dim)` and `(batch, keys, dim)`; `mask`, a list of their masks `(batch, length)` or Nones;
    `return_attention_scores`; `use_causal_mask`: whether a position sees only itself and those before.

    >>> keras.layers.Attention()([np.ones((2, 4, 8)), np.ones((2, 6, 8))]).shape
    (2, 4, 8)
    """

    _about: tuple[str, ...] = ("seed",)  # which the generator was given

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode} (layer '{self.name}')"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        self._check_inputs(input_shape)
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
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
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        output = KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self.compute_dtype)
        if not return_attention_scores:
            return output
        query, value = inputs[0], inputs[1]
        return output, KerasTensor((*query.shape[:2], value.shape[1]), self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        self._check_inputs(inputs, mask)
        return None if mask is None else mask[0]

    def scores(self, query: Any, key: Any) -> Any:
        """How well each query fits each key, `(batch, queries, keys)`."""
        if self.score_mode == "dot":
            found = matmul(query, transpose(key, (0, 2, 1)))
            return found if self.scale is None else multiply(found, self.scale)
        pairs = expand_dims(query, 2) + expand_dims(key, 1)
        if self.scale is not None:
            pairs = multiply(pairs, self.scale)
        return multiply(self.concat_score_weight, sum(tanh(pairs), axis=-1))

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask is not None else (None, None)
        weights = self.scores(query, key)
        seen = self._seen(weights.shape, value_mask, use_causal_mask)
        if seen is not None:
            far = _FAR.get(str(weights.dtype), 1e9)
            weights = subtract(weights, far * cast(logical_not(seen), weights.dtype))
        weights = softmax(weights, axis=-1)
        if training and self.dropout > 0:
            weights = drop(weights, self.dropout, seed=self.seed_generator)
        output = matmul(weights, value)
        if query_mask is not None:
            output = multiply(output, cast(expand_dims(query_mask, -1), output.dtype))
        return (output, weights) if return_attention_scores else output

    def _seen(self, shape: tuple, value_mask: Any, causal: bool) -> Any:
        masks = []
        if value_mask is not None:
            masks.append(expand_dims(cast(value_mask, "bool"), 1))
        if causal:
            masks.append(expand_dims(expand_dims(arange(shape[1]), 1) >= expand_dims(arange(shape[2]), 0), 0))
        if len(masks) == 2:
            return logical_and(*masks)
        return masks[0] if masks else None


class AdditiveAttention(Attention):
    """Attention whose scores are sums of `scale * tanh(query + key)`, with a learned `scale` for each feature
    ([paper](https://arxiv.org/abs/1409.0473)).

    Args:
        use_scale: Whether there is a scale.
        dropout: Fraction of the weights that is dropped in training.
        **kwargs: `seed`; `name`, `dtype` and other arguments of `Layer`.

    Call arguments: as for `Attention`; queries and keys have the same features.

    >>> keras.layers.AdditiveAttention()([np.ones((2, 4, 8)), np.ones((2, 6, 8))]).shape
    (2, 4, 8)
    """

    _config_skip = ("score_mode",)

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        kwargs.pop("score_mode", None)
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: list[Shape]) -> None:
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform")

    def scores(self, query: Any, key: Any) -> Any:
        pairs = tanh(expand_dims(query, 2) + expand_dims(key, 1))
        return sum(pairs if self.scale is None else multiply(self.scale, pairs), axis=-1)
