"""Encodings of classes as vectors, and the losses between them."""

from __future__ import annotations

from typing import Any

from ...core.config import epsilon
from ...core.dtypes import numpy_dtype, standardize_dtype
from ...core.engine import jax, jnp, promoted
from ...core.op import DTypeLike, Tensor, TensorLike, op
from ...core.sparse import as_sparse
from ...core.types import Array
from ..checks import axis_in, differ


@op(recorded={"dtype": standardize_dtype})
def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False) -> Tensor:
    """Encodes integers as one-hot vectors; integers out of range become zeros.

    Args:
        x: Integer tensor.
        num_classes: Length of the vectors.
        axis: Position of their axis in the result.
        dtype: Dtype; None for the default float.
        sparse: Whether the result is sparse, an array of `jax.experimental.sparse.BCOO`; dense where it is traced.

    Returns:
        Tensor of the shape of `x` with a new axis of size `num_classes`.

    Raises:
        ValueError: `sparse` is true, or `axis` is out of bounds.

    >>> one_hot([1], 3)
    Array([[0., 1., 0.]], dtype=float32)
    """
    encoded = jax.nn.one_hot(x, num_classes, axis=axis, dtype=numpy_dtype(dtype))
    return as_sparse(encoded) if sparse else encoded


@op(recorded={"dtype": standardize_dtype})
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Encodes sets of integers as vectors that are 1 at each member and 0 elsewhere.

    Args:
        inputs: Integer tensor, `(n,)` or `(batch, n)`.
        num_classes: Length of the vectors.
        axis: Position of their axis in the result.
        dtype: Dtype; None for the default float.
        sparse: Whether the result is sparse, an array of `jax.experimental.sparse.BCOO`; dense where it is traced.
        **kwargs: `num_tokens`, an older name of `num_classes`.

    Returns:
        Tensor, `(num_classes,)` or `(batch, num_classes)`.

    Raises:
        ValueError: `num_classes` is None, or `sparse` is true.

    >>> multi_hot([[0, 2]], 3)
    Array([[1., 0., 1.]], dtype=float32)
    """
    num_classes = kwargs.get("num_tokens") if num_classes is None else num_classes
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Received: num_classes=None")
    reduced = 1 if inputs.ndim > 1 else 0
    inputs = inputs.astype("int32") if inputs.dtype == "bool" else inputs
    encoded = jnp.max(jax.nn.one_hot(inputs, num_classes, axis=axis, dtype=numpy_dtype(dtype)), axis=reduced)
    return as_sparse(encoded) if sparse else encoded


def _same_shape(target: Array, output: Array) -> None:
    if target.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )
    if target.ndim != output.ndim or any(a != b for a, b in zip(target.shape, output.shape)):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )


@op
def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Computes the cross-entropy of one-hot targets, `-sum(target * log(output))` along `axis`.

    Args:
        target: Probabilities of the classes, a float tensor.
        output: Predicted probabilities, which are normalized first, or logits; of the shape of `target`.
        from_logits: Whether `output` holds logits.
        axis: Axis of the classes.

    Returns:
        Tensor without `axis`.

    Raises:
        ValueError: The shapes differ, or have no axis.

    >>> categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
    Array([0.693...], dtype=float32)
    """
    _same_shape(target, output)
    if from_logits:
        log_prob = jax.nn.log_softmax(output, axis)
    else:
        output = output / jnp.sum(output, axis, keepdims=True)
        log_prob = jnp.log(jnp.clip(output, epsilon(), 1.0 - epsilon()))
    return -jnp.sum(target * log_prob, axis)


@op
def sparse_categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Computes the cross-entropy of integer targets: the negative log probability predicted for the class `target`.

    Args:
        target: Class indices, of the shape of `output` without `axis` (or with size 1 there).
        output: Predicted probabilities, which are normalized first, or logits.
        from_logits: Whether `output` holds logits.
        axis: Axis of the classes.

    Returns:
        Tensor of the shape of `output` without `axis`; 0 for targets out of range.

    Raises:
        ValueError: The shapes don't fit, or `axis` is out of bounds.

    >>> sparse_categorical_crossentropy([1], [[0.5, 0.5]])
    Array([0.693...], dtype=float32)
    """
    target = target.astype("int32")
    output = output.astype(promoted(output, "float32"))
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    if output.ndim < 1:
        raise ValueError(f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}")
    axis = axis_in(output, axis)
    rest = [*output.shape[:axis], *output.shape[axis + 1 :]]
    if target.ndim != len(rest) or any(differ(a, b) for a, b in zip(target.shape, rest)):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    # Selecting the target's entry first takes one logarithm per sample rather than one per class.
    is_target = jax.lax.broadcasted_iota("int32", output.shape, axis) == jnp.expand_dims(target, axis)

    def pick(x: Array) -> Array:
        return jnp.sum(jnp.where(is_target, x, 0), axis)

    if from_logits:
        output = output - jax.lax.stop_gradient(jnp.max(output, axis, keepdims=True))
        values = jnp.log(jnp.sum(jnp.exp(output), axis)) - pick(output)
    else:
        probability = pick(output) / jnp.sum(output, axis)
        values = -jnp.log(jnp.clip(probability, epsilon(), 1.0 - epsilon()))
    return jnp.where((target >= 0) & (target < output.shape[axis]), values, 0)


@op
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """Computes the binary cross-entropy elementwise, `-(target * log(output) + (1 - target) * log(1 - output))`.

    Args:
        target: Probabilities, a float tensor.
        output: Predicted probabilities or logits, of the shape of `target`.
        from_logits: Whether `output` holds logits.

    Returns:
        Tensor of the shape of `target`.

    Raises:
        ValueError: The shapes differ.

    >>> binary_crossentropy([1.0], [0.5])
    Array([0.693...], dtype=float32)
    """
    if target.ndim != output.ndim or any(a != b for a, b in zip(target.shape, output.shape)):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )
    if from_logits:
        return -target * jax.nn.log_sigmoid(output) - (1.0 - target) * jax.nn.log_sigmoid(-output)
    output = jnp.clip(output, epsilon(), 1.0 - epsilon())
    return -(target * jnp.log(output) + (1.0 - target) * jnp.log(1.0 - output))


@op(keras_class="PSNR")
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """Computes the peak signal-to-noise ratio in decibels, `20 log10(max_val) - 10 log10(mse)`.

    Args:
        x1, x2: Tensors of the same shape.
        max_val: Largest possible value of a signal.

    Returns:
        Tensor, `()`.

    Raises:
        ValueError: The shapes differ.

    >>> psnr([0.0], [0.1], 1.0)
    Array(20., dtype=float32)
    """
    if x1.ndim != x2.ndim or any(differ(a, b) for a, b in zip(x1.shape, x2.shape)):
        raise ValueError(f"Input shapes {x1.shape} and {x2.shape} must match for PSNR calculation. ")
    return 20 * jnp.log10(jnp.asarray(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))
