"""Quantizers: objects that convert tensors to integers and scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.family import Family
from ..core.op import Axis, TensorLike
from ..core.signature import Configurable
from ..core.types import Config, DTypeLike
from .integers import abs_max_quantize


class Quantizer(Configurable):
    """Base of quantizers: callables `quantizer(x, axis=...) -> (integers, scale)`.

    Args:
        output_dtype: Dtype of the integers.

    >>> keras.quantizers.Quantizer("int8").output_dtype
    'int8'
    """

    def __init__(self, output_dtype: DTypeLike = "int8"):
        self.output_dtype = output_dtype

    def __call__(self, x: TensorLike) -> Any:
        """Returns `x`, for subclasses to override."""
        return x

    def get_config(self) -> Config:
        """Returns the arguments of the constructor.

        Raises:
            NotImplementedError: The subclass doesn't override it.
        """
        raise NotImplementedError(f"{self} does not implement get_config()")


class AbsMaxQuantizer(Quantizer):
    """Symmetric quantizer: the largest absolute value becomes the largest integer.

    Args:
        axis: Axis or axes that share a scale; None to give it in each call, where the last axis is the default.
        value_range: The smallest and the largest integer.
        epsilon: Small number that is added to the largest absolute value, against division by zero.
        output_dtype: Dtype of the integers.

    >>> values, scale = keras.quantizers.AbsMaxQuantizer(axis=-1)(np.array([[1.0, -2.0]]))
    >>> values.tolist()
    [[64, -127]]
    """

    def __init__(
        self,
        axis: Axis = None,
        value_range: Sequence[int] = (-127, 127),
        epsilon: float = 1e-07,
        output_dtype: DTypeLike = "int8",
    ):
        super().__init__(output_dtype=output_dtype)
        if axis is not None:
            axis = (axis,) if isinstance(axis, int) else tuple(axis)
        self.axis = axis
        self.value_range = value_range
        self.epsilon = epsilon

    def __call__(self, x: TensorLike, axis: Axis = None, to_numpy: bool = False) -> Any:
        """Returns the integers and the scale of a tensor.

        Args:
            x: A tensor.
            axis: Axis or axes that share a scale; None for the quantizer's own.
            to_numpy: Whether to compute on the host, which saves memory of the device.
        """
        axes = self.axis if axis is None else axis
        return abs_max_quantize(
            x, (-1,) if axes is None else axes, tuple(self.value_range), self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self) -> Config:
        config: Config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": self.axis}


QUANTIZERS = Family("quantizer", "addax.quantizers", Quantizer, classes_first=True)


def get(identifier: Any, **kwargs: Any) -> Any:
    """Returns the quantizer that `identifier` stands for.

    Args:
        identifier: None, a name, a config, a class, a `Quantizer` or a callable.
        **kwargs: Arguments of the constructor, for a name or a class.

    Raises:
        ValueError: The identifier is none of these.

    >>> keras.quantizers.get("abs_max_quantizer", axis=-1).axis
    (-1,)
    """
    if isinstance(identifier, (str, type)):
        try:
            found = QUANTIZERS.find(identifier) if isinstance(identifier, str) else identifier
        except ValueError as error:
            raise ValueError(f"Could not interpret quantizer identifier: {identifier}. {error}") from None
        return found(**kwargs) if isinstance(found, type) else found
    return QUANTIZERS.get(identifier)


def serialize(initializer: Quantizer) -> Config:
    """Returns the config of a quantizer.

    Args:
        initializer: The quantizer.

    >>> keras.quantizers.serialize(keras.quantizers.AbsMaxQuantizer())["class_name"]
    'AbsMaxQuantizer'
    """
    return QUANTIZERS.serialize(initializer)


def deserialize(config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the quantizer of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from names to the user's classes.

    >>> config = keras.quantizers.serialize(keras.quantizers.AbsMaxQuantizer(axis=0))
    >>> keras.quantizers.deserialize(config).axis
    (0,)
    """
    return QUANTIZERS.deserialize(config, custom_objects)
