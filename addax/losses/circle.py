"""The circle loss, for learning embeddings."""

from __future__ import annotations

import numpy as np

from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import any as any_
from ..ops import (
    equal,
    logical_and,
    logical_not,
    logsumexp,
    matmul,
    relu,
    softplus,
    squeeze,
    transpose,
    where,
)
from .alignment import as_float, as_tensor
from .facts import loss_function
from .loss import LossFunctionWrapper, masked_by


def _pairs(y_true: TensorLike, ref_labels: TensorLike, remove_diagonal: bool) -> tuple[Tensor, Tensor]:
    """Masks of the pairs of equal classes and of different classes, both of shape `(batch, references)`."""
    labels = [as_tensor(y, "int32") for y in (y_true, ref_labels)]
    rows, columns = (squeeze(y, -1) if len(y.shape) == 2 else y for y in labels)
    same = equal(rows[:, None], columns[None, :])
    other = logical_not(same)
    if remove_diagonal:
        same = logical_and(same, as_tensor(np.eye(same.shape[0], same.shape[1]) == 0))
    return same, other


def _has_positive(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    **_: float,
) -> Tensor:
    """Masks the samples that have a reference of their own class; the others have no value."""
    same, _other = _pairs(y_true, y_true if ref_labels is None else ref_labels, remove_diagonal)
    return any_(same, axis=1)


@loss_function(rowwise=False)
@masked_by(_has_positive)
def circle(
    y_true: TensorLike,
    y_pred: TensorLike,
    ref_labels: TensorLike | None = None,
    ref_embeddings: TensorLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Computes the circle loss: embeddings of a class are pulled together, those of different classes pushed apart.

    A pair has the more weight the further its similarity is from the optimum.

    Sun et al., "Circle loss: a unified perspective of pair similarity optimization", 2020,
    https://arxiv.org/abs/2002.10857.

    Args:
        y_true: Class indices, shape `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings of unit norm, shape `(batch, d)`.
        ref_labels: Class indices of the references, shape `(references,)`; default: `y_true`.
        ref_embeddings: Embeddings of the references, of unit norm, shape `(references, d)`; default: `y_pred`.
        remove_diagonal: Whether to exclude the pair of a sample with itself.
        gamma: Scale factor of the similarities.
        margin: Relaxation factor: the distance from perfect similarity that a pair may keep.

    Returns:
        Values of shape `(batch,)`.

    >>> print(keras.losses.circle([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    [134.4000...  54.4       0.     ]
    """
    y_pred = as_float(y_pred)
    ref_embeddings = y_pred if ref_embeddings is None else as_float(ref_embeddings)
    same, other = _pairs(y_true, y_true if ref_labels is None else ref_labels, remove_diagonal)

    similarity = 1.0 - relu(1.0 - matmul(y_pred, transpose(ref_embeddings)))  # at most 1, also for norms above 1
    # Pairs far from their optimum have more weight. (As in Keras, the gradient flows through these weights too.)
    pull, push = relu(1.0 + margin - similarity), relu(similarity + margin)
    of_same = -pull * (similarity - (1.0 - margin)) * gamma
    of_other = push * (similarity - margin) * gamma
    return softplus(logsumexp(where(same, of_same, -1e9), axis=1) + logsumexp(where(other, of_other, -1e9), axis=1))


class Circle(LossFunctionWrapper):
    """Circle loss: embeddings of a class are pulled together, those of different classes pushed apart.

    Samples without another one of their class have no value and are left out of the mean.

    Sun et al., 2020, https://arxiv.org/abs/2002.10857.

    Args:
        gamma: Scale factor of the similarities.
        margin: Relaxation factor: the distance from perfect similarity that a pair may keep.
        remove_diagonal: Whether to exclude the pair of a sample with itself.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.Circle()([0, 0, 1], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    94.4...
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: DTypeLike = None,
    ):
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)
