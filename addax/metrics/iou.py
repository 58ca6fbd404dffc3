"""Intersection over union, for segmentation."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.convert import to_tensor
from ..core.dtypes import is_float, is_int
from ..core.engine import is_tracer, jnp
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.warnings import warn
from ..ops import divide_no_nan
from .metric import Metric
from .reduction import spread

_FRACTIONS = (
    "You are passing weight as `float`, but dtype is `int`. This may result in an incorrect weight due to type casting "
    "Consider using integer weights. (Or a float dtype: `{name}(..., dtype='float32')`; the default is int32, in which "
    "0.5 counts as 0.)"
)


class _IoUBase(Metric):
    """Base of the intersection-over-union metrics: sums a confusion matrix of the classes."""

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype or "int32", name)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Class indices, or one-hot labels if not `sparse_y_true`.
            y_pred: Class indices, or scores of the classes if not `sparse_y_pred`.
            sample_weight: Weights; their shape is a leading part of that of the class indices.
        """
        y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = jnp.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = jnp.argmax(y_pred, axis=self.axis)
        weights = jnp.ones((), self.dtype)
        if sample_weight is not None:
            given = to_tensor(sample_weight)
            # Masks come as floats in a step, where nobody can tell whether they are fractions.
            if is_float(given.dtype) and is_int(self.dtype) and not is_tracer(given):
                warn(_FRACTIONS.format(name=type(self).__name__))
            weights = spread(given.astype(self.dtype), y_true).ravel()
        y_true, y_pred = (y.ravel().astype("int32") for y in (y_true, y_pred))
        if self.ignore_class is not None:
            weights = weights * (y_true != self.ignore_class).astype(self.dtype)
        # Indices that are no class go to a cell past the end, which the scatter drops.
        n = self.num_classes
        valid = (y_true >= 0) & (y_true < n) & (y_pred >= 0) & (y_pred < n)
        cells = jnp.where(valid, y_true * n + y_pred, n * n)
        weights = jnp.broadcast_to(weights, cells.shape)
        matrix = jnp.zeros(n * n, self.dtype).at[cells].add(weights, mode="drop").reshape(n, n)
        self.total_cm.assign_add(matrix)


class IoU(_IoUBase):
    """The mean intersection over union of true and predicted areas, over some of the classes.

    Args:
        num_classes: Number of classes.
        target_class_ids: The classes to average over.
        name: See `Metric`.
        dtype: Dtype of the confusion matrix, default int32; fractional weights need a float dtype.
        ignore_class: A class index whose pixels are ignored; None ignores none.
        sparse_y_true: Whether labels are class indices rather than one-hot.
        sparse_y_pred: Whether predictions are class indices rather than scores.
        axis: The axis of the classes of one-hot labels and of scores.

    Raises:
        ValueError: A target class is out of range.

    >>> print(keras.metrics.IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1]))
    0.33333334
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        for class_id in target_class_ids:
            if class_id >= num_classes:
                raise ValueError(f"Target class id {class_id} is out of range, which is [0, {num_classes}).")
        self.target_class_ids = list(target_class_ids)

    def result(self) -> Tensor:
        """Returns the mean so far, over the target classes that occurred."""
        matrix = to_tensor(self.total_cm).astype("float32")
        classes = jnp.asarray(self.target_class_ids)
        both = jnp.diag(matrix)[classes]
        either = (matrix.sum(axis=0) + matrix.sum(axis=1))[classes] - both
        return divide_no_nan(jnp.sum(divide_no_nan(both, either)), jnp.sum(either != 0).astype(both.dtype))


class BinaryIoU(IoU):
    """The mean intersection over union of two classes, predicted by a threshold.

    Args:
        target_class_ids: The classes to average over: 0, 1 or both.
        threshold: Predictions of at least this are class 1, others class 0; None takes predictions as class indices.
        name, dtype: See `IoU`.

    >>> print(keras.metrics.BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]))
    0.33333334
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float | None = 0.5,
        name: str | None = None,
        dtype: DTypeLike = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds a batch.

        Args:
            y_true: Labels 0 and 1.
            y_pred: Scores of the same shape.
            sample_weight: Weights; their shape is a leading part of that of the labels.
        """
        y_pred = to_tensor(y_pred)
        if self.threshold is not None:
            y_pred = (y_pred >= self.threshold).astype("int32")
        super().update_state(y_true, y_pred, sample_weight)


class MeanIoU(IoU):
    """The mean intersection over union of true and predicted areas, over all classes.

    Args:
        num_classes: Number of classes.
        name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: See `IoU`.

    >>> print(keras.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1]))
    0.33333334
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """Intersection over union of one-hot labels, the mean over some of the classes.

    Args:
        num_classes: Number of classes.
        target_class_ids: The classes to average over.
        name, dtype, ignore_class, sparse_y_pred, axis: See `IoU`.

    >>> metric = keras.metrics.OneHotIoU(num_classes=2, target_class_ids=[1])
    >>> print(metric([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """Intersection over union of one-hot labels, the mean over all classes.

    Args:
        num_classes: Number of classes.
        name, dtype, ignore_class, sparse_y_pred, axis: See `IoU`.

    >>> print(keras.metrics.OneHotMeanIoU(num_classes=2)([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
    0.25
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: DTypeLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
