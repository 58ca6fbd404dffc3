"""Batch normalization."""

from __future__ import annotations

import math
from typing import Any, Unpack

from ..core.dtypes import standardize_dtype
from ..core.op import Tensor
from ..core.types import ConstraintLike, DTypeLike, InitializerLike, LayerOptions, RegularizerLike
from ..core.variable import Variable
from ..ops.core import cast, stop_gradient
from ..ops.nn import batch_normalization, moments
from ..ops.numpy import broadcast_to, clip, maximum, multiply, reshape, sqrt, square
from ..ops.numpy import sum as sum_
from .input_spec import InputSpec
from .layer import Layer, Shape
from .sizes import add_weight, flag, fraction, is_along_rows, is_int, number, static_shape, take_weight_options


def _move(average: Variable, value: Tensor, momentum: float) -> Any:
    """Updates a moving average with `value`; returns it."""
    return average.assign(average.value * momentum + value * (1.0 - momentum))


class BatchNormalization(Layer):
    """Normalizes each feature to mean 0 and variance 1 ([paper](https://arxiv.org/abs/1502.03167)): with the statistics
    of the batch in training, with their moving averages in inference.

    Args:
        axis: Axis of the features, each of which is normalized separately.
        momentum: Momentum of the moving averages.
        epsilon: Small number added to the variance, against division by zero.
        center: Whether to add a learned offset, `beta`.
        scale: Whether to multiply by a learned factor, `gamma`.
        beta_initializer, gamma_initializer: Initializers of `beta` and `gamma`.
        moving_mean_initializer, moving_variance_initializer: Initializers of the moving mean and variance.
        beta_regularizer, gamma_regularizer: Regularizers of `beta` and `gamma`.
        beta_constraint, gamma_constraint: Constraints on `beta` and `gamma`, applied after each update.
        renorm: Whether to use batch renormalization: corrects the statistics of the batch towards the moving averages.
        renorm_clipping: Dict of limits of the correction: "rmax" and "rmin" of the ratio of standard deviations, "dmax"
            of the difference of means.
        renorm_momentum: Momentum of the moving averages that `renorm` uses.
        synchronized: Whether statistics are of the rows on all devices. They always are, as under a distribution a
            batch is one array that is spread; Keras on JAX refuses the argument.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        TypeError: `axis` isn't an int.
        ValueError: A number is out of its range, or `renorm_clipping` has unknown keys or contradictory limits.

    Call arguments: `inputs`; `training`: whether to use the statistics of the batch and update the moving averages;
    `mask`, bool, of the shape of the inputs without the last axis: elements to include in the statistics. With
    `trainable = False` the layer runs in inference mode also in training.

    >>> layer = keras.layers.BatchNormalization()
    >>> layer(np.array([[1.0], [3.0]]), training=True).round(2)
    Array([[-1.],
           [ 1.]], dtype=float32)
    >>> layer.moving_mean.numpy()
    array([0.02], dtype=float32)
    """

    rowwise = "inference"

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        if not is_int(axis):
            raise TypeError(
                f"`axis` of layer '{self.name}' must be an int: one axis of features. Received: axis={axis}"
            )
        self.axis = int(axis)
        self.momentum = float(fraction(self, "momentum", momentum))
        self.epsilon = float(number(self, "epsilon", epsilon, least=0))
        self.center = flag(self, "center", center)
        self.scale = flag(self, "scale", scale)
        take_weight_options(
            self,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
            moving_mean=(moving_mean_initializer,),
            moving_variance=(moving_variance_initializer,),
        )
        self.renorm = flag(self, "renorm", renorm)
        self.renorm_clipping = self._checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = fraction(self, "renorm_momentum", renorm_momentum)
        self.synchronized = flag(self, "synchronized", synchronized)
        self.supports_masking = True

    def _checked_clipping(self, clipping: dict[str, float] | None) -> dict[str, float]:
        clipping = dict(clipping or {})
        unknown = [k for k in clipping if k not in ("rmax", "rmin", "dmax")]
        where = f"(layer '{self.name}')"
        if unknown:
            raise ValueError(
                f"Received invalid keys for `renorm_clipping` argument: {unknown}. Supported values: ['rmax', 'rmin', "
                f"'dmax']. {where}"
            )
        if {"rmax", "rmin"} <= set(clipping) and clipping["rmax"] <= clipping["rmin"]:
            raise ValueError(
                "rmax should be greater than rmin in the `renorm_clipping` argument. Received: "
                f"rmax={clipping['rmax']}, rmin={clipping['rmin']} {where}."
            )
        if clipping.get("dmax", 0) < 0:
            raise ValueError(
                "dmax should be non-negative in the `renorm_clipping` argument. Received: "
                f"dmax={clipping['dmax']} {where}."
            )
        return clipping

    def _mixes_rows(self, training: bool) -> bool:
        return is_along_rows(self, self.axis)

    def build(self, input_shape: Shape) -> None:
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` of layer '{self.path}' (BatchNormalization) must be between {-rank} and {rank - 1} for an "
                f"input of shape {input_shape}. Received: axis={self.axis}"
            )
        features = (input_shape[self.axis],)
        self.gamma = add_weight(self, "gamma", features) if self.scale else None
        self.beta = add_weight(self, "beta", features) if self.center else None
        # Not cast to the compute dtype: small updates would be lost in 16 bits.
        self.moving_mean = add_weight(self, "moving_mean", features, trainable=False, autocast=False)
        self.moving_variance = add_weight(self, "moving_variance", features, trainable=False, autocast=False)
        if self.renorm:
            self._build_renorm(features)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: features[0]})  # type: ignore[dict-item]

    def _build_renorm(self, features: tuple) -> None:
        def stddev(shape: tuple, dtype: DTypeLike = None) -> Any:
            return self.moving_variance_initializer(shape, dtype=dtype) ** 0.5  # type: ignore[attr-defined]

        options: dict[str, Any] = {"trainable": False, "autocast": False}
        self.moving_stddev = self.add_weight(features, stddev, name="moving_stddev", **options)
        self.renorm_mean = add_weight(self, "renorm_mean", features, options="moving_mean", **options)
        self.renorm_stddev = self.add_weight(features, stddev, name="renorm_stddev", **options)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        dtype = standardize_dtype(inputs.dtype)
        if mask is not None and (
            len(mask.shape) != len(inputs.shape) - 1
            or any(None not in (m, n) and m != n for m, n in zip(static_shape(mask), static_shape(inputs)))
        ):
            raise ValueError(
                "The mask should have one dimension less than the inputs. Layer "
                f"'{self.path}' received inputs of shape {tuple(inputs.shape)} and a mask of shape "
                f"{tuple(mask.shape)}; expected {tuple(inputs.shape[:-1])}."
            )
        if dtype not in ("float32", "float64"):
            inputs = cast(inputs, "float32")
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training and self.trainable:
            mean, variance = self._moments(inputs, mask)
            if self.renorm:
                mean, variance = self._renormalized(mean, variance)
            else:
                _move(self.moving_mean, mean, self.momentum)
                _move(self.moving_variance, variance, self.momentum)
        out = batch_normalization(inputs, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)
        return cast(out, self.compute_dtype)

    def _renormalized(self, mean: Tensor, variance: Tensor) -> tuple[Any, Any]:
        """Returns the moments of batch renormalization ([paper](https://arxiv.org/abs/1702.03275)), and updates the
        moving averages."""
        limits = self.renorm_clipping or {}
        stddev = sqrt(variance + self.epsilon)
        r = stop_gradient(stddev / self.renorm_stddev.value)
        d = stop_gradient((mean - self.renorm_mean.value) / self.renorm_stddev.value)
        r = clip(r, limits.get("rmin", -math.inf), limits.get("rmax", math.inf))
        d = clip(d, -limits.get("dmax", math.inf), limits.get("dmax", math.inf))
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_mean, mean, self.momentum)
        moving = _move(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(maximum(square(moving) - self.epsilon, 0.0))
        # (x - mean) / stddev * r + d, written as a normalization with other moments.
        return mean - d * stddev / r, square(stddev / r) - self.epsilon

    def _moments(self, inputs: Tensor, mask: Tensor | None) -> tuple[Any, Any]:
        axes = tuple(i for i in range(inputs.ndim) if i != self.axis % inputs.ndim)
        if mask is None:
            return moments(inputs, axes)
        weights = cast(broadcast_to(reshape(mask, (*mask.shape, 1)), inputs.shape), inputs.dtype)
        # A batch of padding only has mean and variance 0, as in Keras: a NaN would stay in the moving averages.
        count = maximum(sum_(weights, axes, keepdims=True), 1e-7)
        mean = sum_(multiply(inputs, weights), axes, keepdims=True) / count
        variance = sum_(multiply(square(inputs - mean), weights), axes, keepdims=True) / count
        return mean.reshape(-1), variance.reshape(-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if isinstance(self.axis, int) and not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(f"Axis {self.axis} of layer '{self.path}' is out of bounds for input_shape={input_shape}.")
        return input_shape
