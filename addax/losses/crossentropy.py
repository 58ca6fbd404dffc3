"""Crossentropies of predicted probabilities or logits."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.config import epsilon
from ..core.dtypes import standardize_dtype
from ..core.op import DTypeLike, Tensor, TensorLike
from ..core.signature import arguments_in
from ..core.warnings import warn
from ..ops import binary_crossentropy as crossentropy_of_bits
from ..ops import cast, clip, log, mean, not_equal, one_hot, power, reshape, sigmoid, softmax, where
from ..ops import categorical_crossentropy as crossentropy_of_one_hot
from ..ops import sparse_categorical_crossentropy as crossentropy_of_classes
from ..ops import sum as sum_
from .alignment import as_classes, as_float, as_pair, as_pair_along, as_tensor
from .facts import loss_function
from .loss import LossFunctionWrapper


def _smooth(y_true: Tensor, amount: float, classes: int) -> Tensor:
    """Label smoothing: mixes labels with the uniform distribution over `classes`."""
    return y_true * (1.0 - amount) + amount / classes if amount else y_true


def _binary(y_true: TensorLike, y_pred: TensorLike, label_smoothing: float, axis: int) -> tuple[Tensor, Tensor, int]:
    """Smoothed binary labels, predictions, and the axis to average over."""
    y_true, y_pred, axis = as_pair_along(y_true, y_pred, axis, same_rank=False)
    return _smooth(y_true, label_smoothing, 2), y_pred, axis


def _one_hot(loss: str, y_true: Tensor, y_pred: Tensor, label_smoothing: float, axis: int) -> Tensor:
    """Smoothed one-hot labels; warns if there is a single class, for which crossentropy is constant."""
    if y_pred.shape[axis] == 1:
        warn(
            f"In loss {loss}, expected y_pred.shape to be (batch_size, num_classes) with num_classes > 1. Received: "
            f"y_pred.shape={tuple(y_pred.shape)}. Consider using 'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
        )
    return _smooth(y_true, label_smoothing, y_true.shape[-1])


@loss_function(labels="alike", values="bits", activation="sigmoid")
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over `axis` of the crossentropy of independent binary labels.

    Args:
        y_true: Labels in [0, 1], shape `(batch, ..., d)`.
        y_pred: Probabilities, or logits, of the same shape.
        from_logits: Whether `y_pred` holds logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: labels are moved towards 0.5 by this fraction.
        axis: The axis to average over.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]))
    [0.6931472]
    """
    y_true, y_pred, axis = _binary(y_true, y_pred, label_smoothing, axis)
    return mean(crossentropy_of_bits(y_true, y_pred, from_logits=from_logits), axis=axis)


@loss_function(labels="alike", values="bits", activation="sigmoid")
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary crossentropy that down-weights well-classified samples (focal loss).

    Lin et al., "Focal loss for dense object detection", 2017, https://arxiv.org/abs/1708.02002.

    Args:
        y_true: Labels in [0, 1], shape `(batch, ..., d)`.
        y_pred: Probabilities, or logits, of the same shape.
        apply_class_balancing: Whether positives are weighted by `alpha` and negatives by `1 - alpha`.
        alpha: The weight of positives.
        gamma: Focusing parameter, the exponent of `1 - p`; 0 is plain crossentropy.
        from_logits: Whether `y_pred` holds logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: labels are moved towards 0.5 by this fraction.
        axis: The axis to average over.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]))
    [0.1732868]
    """
    y_true, y_pred, axis = _binary(y_true, y_pred, label_smoothing, axis)
    if from_logits:
        y_pred = sigmoid(y_pred)
    right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = power(1.0 - right, gamma) * crossentropy_of_bits(y_true, y_pred)
    if apply_class_balancing:
        weight = as_tensor(alpha, standardize_dtype(y_true.dtype))
        values = values * (y_true * weight + (1.0 - y_true) * (1.0 - weight))
    return mean(values, axis=axis)


def _along(weights: TensorLike, values: Tensor, axis: int) -> Tensor:
    """Converts one weight, or one per index of `axis`, to a tensor that broadcasts against `values`."""
    weights = as_tensor(weights, standardize_dtype(values.dtype))
    after = len(values.shape) - 1 - axis % len(values.shape)
    return reshape(weights, (-1, *(1,) * after)) if len(weights.shape) == 1 else weights


@loss_function(labels="one-hot", activation="softmax")
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The crossentropy of one-hot labels.

    Args:
        y_true: One-hot labels (or probabilities), shape `(batch, ..., classes)`.
        y_pred: Probabilities, or logits, of the same shape.
        from_logits: Whether `y_pred` holds logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]))
    [0.6931472]
    """
    y_true, y_pred = as_pair(y_true, y_pred, same_rank=False)
    y_true = _one_hot("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    return crossentropy_of_one_hot(y_true, y_pred, from_logits=from_logits, axis=axis)


@loss_function(labels="one-hot", activation="softmax")
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Crossentropy of one-hot labels that down-weights well-classified samples (focal loss).

    Lin et al., "Focal loss for dense object detection", 2017, https://arxiv.org/abs/1708.02002.

    Args:
        y_true: One-hot labels (or probabilities), shape `(batch, ..., classes)`.
        y_pred: Probabilities, or logits, of the same shape.
        alpha: A weight for all classes, or one for each.
        gamma: Focusing parameter, the exponent of `1 - p`; 0 is plain crossentropy.
        from_logits: Whether `y_pred` holds logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.

    Returns:
        Values of the shape without `axis`.

    >>> print(keras.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]))
    [0.0433217]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true = _one_hot("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    if from_logits:
        y_pred = softmax(y_pred, axis=axis)
    y_pred = clip(y_pred / sum_(y_pred, axis=axis, keepdims=True), epsilon(), 1.0 - epsilon())
    weights = _along(alpha, y_pred, axis)
    return sum_(power(1.0 - y_pred, gamma) * weights * -y_true * log(y_pred), axis=axis)


@loss_function(labels="class", activation="softmax")
def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """The crossentropy of integer labels.

    Args:
        y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities, or logits, of shape `(batch, ..., classes)`.
        from_logits: Whether `y_pred` holds logits (any real number) rather than probabilities.
        ignore_class: A class index whose samples have value 0; None ignores none.
        axis: The axis of the classes.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.sparse_categorical_crossentropy([1, 0], [[0.5, 0.5], [0.25, 0.75]]))
    [0.6931472 1.3862944]
    """
    y_pred = as_float(y_pred)
    y_true = as_classes(y_true, y_pred)
    if ignore_class is None:
        return crossentropy_of_classes(y_true, y_pred, from_logits=from_logits, axis=axis)
    valid = _is_valid(y_true, ignore_class)
    values = crossentropy_of_classes(where(valid, y_true, 0), y_pred, from_logits=from_logits, axis=axis)
    return where(valid, values, 0.0)


def _is_valid(y_true: Tensor, ignore_class: int) -> Tensor:
    return not_equal(y_true, as_tensor(ignore_class, standardize_dtype(y_true.dtype)))


@loss_function(labels="class")
def categorical_generalized_cross_entropy(y_true: TensorLike, y_pred: TensorLike, q: float) -> Tensor:
    """Generalized crossentropy `(1 - p ** q) / q` of the probability `p` of the true class, robust to label noise.

    Zhang and Sabuncu, "Generalized cross entropy loss for training deep neural networks with noisy labels", 2018,
    https://arxiv.org/abs/1805.07836.

    Args:
        y_true: Class indices, shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities, shape `(batch, ..., classes)`.
        q: Exponent, in (0, 1): crossentropy in the limit 0, mean absolute error in the limit 1.

    Returns:
        Values of shape `(batch, ...)`.

    >>> print(keras.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5))
    [1.]
    """
    y_pred = as_float(y_pred)
    y_true = as_classes(y_true, y_pred)
    labels: Tensor = one_hot(cast(y_true, "int32"), y_pred.shape[-1], dtype=standardize_dtype(y_pred.dtype))
    right = sum_(labels * y_pred, axis=-1)
    return (1.0 - power(right, q)) / q


class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of independent binary labels.

    Args:
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.BinaryCrossentropy()([[0.0, 1.0]], [[0.25, 0.5]]))
    0.4904...
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike = None,
    ):
        super().__init__(binary_crossentropy, **arguments_in(locals()))


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary crossentropy that down-weights well-classified samples (focal loss).

    Args:
        apply_class_balancing: Whether positives are weighted by `alpha` and negatives by `1 - alpha`.
        alpha: The weight of positives; that of negatives is `1 - alpha`.
        gamma: Focusing parameter, the exponent of `1 - p`; 0 is plain crossentropy.
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.BinaryFocalCrossentropy()([[0.0, 1.0]], [[0.25, 0.5]]))
    0.0956...
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: DTypeLike = None,
    ):
        super().__init__(binary_focal_crossentropy, **arguments_in(locals()))


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of one-hot labels.

    Args:
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931...
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike = None,
    ):
        super().__init__(categorical_crossentropy, **arguments_in(locals()))


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Crossentropy of one-hot labels that down-weights well-classified samples (focal loss).

    Args:
        alpha: A weight for all classes, or one for each.
        gamma: Focusing parameter, the exponent of `1 - p`; 0 is plain crossentropy.
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        label_smoothing: Label smoothing factor, in [0, 1]: weight of the uniform distribution.
        axis: The axis of the classes.
        reduction, name, dtype: See `Loss`.

    >>> print(keras.losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.0433...
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: DTypeLike = None,
    ):
        super().__init__(categorical_focal_crossentropy, **arguments_in(locals()))


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of integer labels.

    Args:
        from_logits: Whether predictions are logits (any real number) rather than probabilities.
        ignore_class: A class index whose samples are left out of the sum and the mean; None ignores none.
        reduction, name, dtype: See `Loss`.
        axis: The axis of the classes.

    >>> print(keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)([1, -1], [[0.5, 0.5], [0.25, 0.75]]))
    0.6931472
    """

    unless_default = ("dtype", "axis")
    ignore_class: int | None

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike = None,
    ):
        super().__init__(sparse_categorical_crossentropy, **arguments_in(locals()))

    def compute_mask(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        return None if self.ignore_class is None else _is_valid(as_classes(y_true, y_pred), self.ignore_class)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Generalized crossentropy `(1 - p ** q) / q` of the probability `p` of the true class, robust to label noise.

    Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836.

    Args:
        q: Exponent, in (0, 1): crossentropy in the limit 0, mean absolute error in the limit 1.
        reduction, name, dtype: See `Loss`.

    Raises:
        ValueError: `q` is not in (0, 1).

    >>> print(keras.losses.CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
    1.0
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: DTypeLike = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
