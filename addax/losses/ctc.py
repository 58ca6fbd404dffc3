"""Connectionist temporal classification, for sequences without an alignment to their labels."""

from __future__ import annotations

from ..core.op import DTypeLike, Tensor, TensorLike
from ..ops import cast, full_like, not_equal, shape
from ..ops import sum as sum_
from ..ops.nn.ctc import ctc_loss
from .alignment import as_float, as_tensor
from .facts import loss_function
from .loss import LossFunctionWrapper


@loss_function()
def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """The CTC loss: the negative log-likelihood of labels, over all their alignments to the timesteps.

    Args:
        y_true: Labels, int `(batch, max_labels)`, filled up with 0, the class that stands for no label.
        y_pred: Logits, `(batch, timesteps, classes)`.

    Returns:
        Values of shape `(batch,)`.

    Raises:
        ValueError: The ranks are others.

    >>> print(keras.losses.ctc([[1]], np.zeros((1, 2, 3))))
    [1.0986...]
    """
    y_pred, y_true = as_float(y_pred), as_tensor(y_true, "int32")
    if len(y_true.shape) != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in integer format. "
            f"Received: y_true.shape={tuple(y_true.shape)}"
        )
    if len(y_pred.shape) != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    steps = shape(y_pred)[1]
    lengths = sum_(cast(not_equal(y_true, 0), "int32"), axis=1)
    return ctc_loss(y_true, y_pred, lengths, full_like(lengths, steps), mask_index=0)


class CTC(LossFunctionWrapper):
    """The CTC loss, for labels without an alignment to the timesteps.

    Args:
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.CTC()([[1]], np.zeros((1, 2, 3))))
    1.0986...
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: DTypeLike = None
    ):
        super().__init__(ctc, reduction, name, dtype)
