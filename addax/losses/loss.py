"""Base of loss objects: dtype, sample weights, masks and reduction of the values of a loss function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..core import tree
from ..core.config import floatx, thread
from ..core.masks import get_mask
from ..core.naming import auto_name
from ..core.op import Tensor, TensorLike
from ..core.policy import DTypePolicy
from ..core.policy import get as get_policy
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import Configurable, config_class, init_arguments, init_parameters
from ..core.types import PolicyLike, Tree
from ..ops import divide_no_nan, mean
from ..ops import sum as sum_
from .alignment import align_weights, as_tensor, as_tensors, product_of_weights, to_same_rank

F = TypeVar("F", bound=Callable)

REDUCTIONS = ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", "none", None)


class Loss(Configurable):
    """Base of all losses. A subclass defines `call(y_true, y_pred)`, which returns one value per sample.

    Args:
        name: Name; automatic from the class when None.
        reduction: Reduction of the values to a scalar: "sum"; "sum_over_batch_size" or "mean" (the sum divided by
            their number); "mean_with_sample_weight" (divided by the sum of the weights); "none" or None for none.
        dtype: Dtype, or dtype policy, to cast labels and predictions to; default: floatx.

    Raises:
        ValueError: An unknown `reduction`.

    >>> class Largest(keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)
    >>> print(Largest()([[0.0, 1.0]], [[0.5, 3.0]]))
    2.0
    """

    # Arguments that the config has only when they differ from the default. Keras's configs never have them, so a
    # model loaded from a file has lost them there.
    unless_default: tuple[str, ...] = ("dtype",)
    _about: tuple[str, ...] = ("name",)

    # Declared properties, for the checks before training and for batches of odd sizes: see `losses.facts`. None means
    # unknown. They are not inherited by a user's subclass, which may compute something else.
    labels: str | None = None
    rowwise: bool | None = None

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: PolicyLike = None
    ):
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. Received: reduction={reduction}"
            )
        self.name = name or auto_name(type(self).__name__)
        self.reduction = reduction
        self.dtype_policy: DTypePolicy = get_policy(dtype or floatx())

    @property
    def dtype(self) -> str:
        """The dtype that labels and predictions are cast to."""
        return self.dtype_policy.compute_dtype

    def __call__(self, y_true: Tree, y_pred: Tree, sample_weight: TensorLike | None = None) -> Tensor:
        """Computes the reduced loss.

        Args:
            y_true: Labels, a tensor or a nested structure of tensors.
            y_pred: Predictions, likewise. If they carry a mask, masked values are left out.
            sample_weight: Weights; their shape is a leading part of that of the values.

        Returns:
            A scalar, or the weighted values if the reduction is "none".

        Raises:
            ValueError: The shape of the weights does not fit the values.
        """
        masks = [mask for mask in (get_mask(p) for p in tree.flatten(y_pred)) if mask is not None]
        y_true, y_pred = as_tensors(y_true, self.dtype), as_tensors(y_pred, self.dtype)
        values = self.call(y_true, y_pred)
        masks += [mask for mask in (self.compute_mask(y_true, y_pred), get_mask(values)) if mask is not None]
        mask = None
        for other in masks:
            mask = other if mask is None else mask & other
        return reduce_values(values, sample_weight, mask, self.reduction, self.dtype)

    def call(self, y_true: Tree, y_pred: Tree) -> Tensor:
        """Computes one value per sample; defined by subclasses.

        Args:
            y_true: Labels, tensors of the loss's dtype.
            y_pred: Predictions, likewise.

        Returns:
            A tensor of shape `(batch, ...)`.
        """
        raise NotImplementedError(f"Loss {type(self).__name__} does not define `call(y_true, y_pred)`.")

    def compute_mask(self, y_true: Tree, y_pred: Tree) -> Tensor | None:
        """Computes the mask of the valid values.

        Args:
            y_true: Labels, tensors of the loss's dtype.
            y_pred: Predictions, likewise.

        Returns:
            Bools of the shape of the values; None if all are valid.
        """
        return None

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments of an equal loss."""
        parameters = init_parameters(config_class(self))
        passed = init_arguments(self)
        config: dict[str, Any] = {key: getattr(self, key) for key in ("name", "reduction") if key in parameters}
        for key, parameter in parameters.items():
            value = self.dtype if key == "dtype" and passed.get(key) is not None else passed.get(key)
            if key in self.unless_default and value in (parameter.default, floatx()):
                continue
            if key not in config:
                config[key] = value
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class LossFunctionWrapper(Loss):
    """Loss object of a function.

    Args:
        fn: Function `(y_true, y_pred, **kwargs)` that returns one value per sample.
        reduction, name, dtype: See `Loss`; the name is the function's when None.
        **kwargs: Settings passed to `fn`.

    >>> loss = LossFunctionWrapper(lambda y_true, y_pred, power: abs(y_true - y_pred) ** power, power=3)
    >>> print(loss([1.0, 2.0], [3.0, 2.0]))
    4.0
    """

    def __init__(
        self,
        fn: Callable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: Any,
    ):
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        show_settings(self, kwargs)

    def call(self, y_true: Tree, y_pred: Tree) -> Tensor:
        # Labels `(batch,)` of predictions `(batch, 1)` would be broadcast to `(batch, batch)`.
        pairs = tree.map_structure(to_same_rank, y_true, y_pred)
        if not tree.is_nested(y_pred):
            y_true, y_pred = pairs
        else:
            y_true, y_pred = (tree.map_structure_up_to(y_pred, lambda pair, i=i: pair[i], pairs) for i in (0, 1))
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def compute_mask(self, y_true: Tree, y_pred: Tree) -> Tensor | None:
        mask_of = getattr(self.fn, "mask_of", None)
        return None if mask_of is None else mask_of(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        if type(self) is not LossFunctionWrapper:
            return super().get_config()
        config: dict[str, Any] = {"name": self.name, "reduction": self.reduction}
        return {**config, "fn": serialize_keras_object(self.fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**read_settings(config))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.fn}, kwargs={self._fn_kwargs})>"


def masked_by(mask_of: Callable) -> Callable[[F], F]:
    """Decorates a loss function that has no value for some samples.

    Args:
        mask_of: Function of the same arguments that returns the mask of the valid values, bools of their shape.

    Returns:
        A decorator.
    """

    def decorate(fn: F) -> F:
        fn.mask_of = mask_of  # type: ignore[attr-defined]
        return fn

    return decorate


def read_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Deserializes the function, and arrays among the settings, in the config of a function's loss or metric."""
    return {k: deserialize_keras_object(v) if k == "fn" or isinstance(v, dict) else v for k, v in config.items()}


def show_settings(owner: object, settings: dict[str, Any]) -> None:
    """Makes the settings of a loss's or metric's function readable as attributes (`loss.label_smoothing`).

    Args:
        owner: The loss or metric. Attributes that it or its class already has are kept.
        settings: Keyword arguments of the function.
    """
    free = {name: value for name, value in settings.items() if not hasattr(owner, name)}
    vars(owner).update(free)  # past `__setattr__`, which would replace containers by tracked ones


def reduce_values(
    values: TensorLike,
    sample_weight: TensorLike | None,
    mask: TensorLike | None,
    reduction: str | None,
    dtype: str,
) -> Tensor:
    """Reduces weighted values.

    Args:
        values: One value per sample (and timestep, ...), float.
        sample_weight: Weights, or None.
        mask: Bools, true for valid values, or None.
        reduction: One of `REDUCTIONS`.
        dtype: Dtype of the result.

    Raises:
        ValueError: The shape of the weights or of the mask does not fit the values.
    """
    values = as_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = as_tensor(sample_weight, dtype)
    if mask is not None:
        mask = as_tensor(mask, dtype)
        sample_weight = mask if sample_weight is None else product_of_weights(sample_weight, mask)
    if sample_weight is not None:
        values, sample_weight = align_weights(values, sample_weight)
        values = values * sample_weight
    if reduction in (None, "none") or (len(values.shape) == 0 and sample_weight is None):
        return values
    if reduction == "sum":
        return sum_(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return _quotient(sum_(values), sum_(sample_weight))
    if mask is not None:  # the mean over valid values; an element of a smaller mask stands for all it is broadcast to
        share = int(np.prod(values.shape)) / max(int(np.prod(mask.shape)), 1)
        return _quotient(sum_(values), sum_(mask) * share)
    if thread.part is not None:
        thread.part.count = None
    return mean(values)


def _quotient(total: Tensor, count: Tensor) -> Tensor:
    """Returns a mean; a part of a batch is told the count, as the mean of the whole has those of all parts."""
    if thread.part is not None:
        thread.part.count = count
    return divide_no_nan(total, count)
