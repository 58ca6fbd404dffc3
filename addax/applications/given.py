"""The arguments of the functions that make networks."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..core import config
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape


@dataclass(frozen=True)
class Given:
    """The arguments of a call. A function that lacks one of them leaves it at its default.

    Attributes:
        include_top: Whether the classifier is included.
        weights: None, "imagenet" or a path.
        input_tensor: Input of the network, or None for a new one.
        input_shape: Shape of an image, or None.
        pooling: "avg" or "max", of the features without the classifier.
        classes: Number of classes.
        classifier_activation: Activation of the classifier.
        name: Name of the model.
        include_preprocessing: Whether the model takes raw pixels.
        alpha: Factor of the numbers of filters.
        depth_multiplier: Number of outputs of each depthwise convolution per channel.
        dropout: Rate of the dropout before the classifier.
        minimalistic: Whether to leave out squeeze-and-excitation, hard swish and 5x5 kernels.
    """

    include_top: bool
    weights: str | os.PathLike | None
    input_tensor: KerasTensor | None
    input_shape: Shape | None
    pooling: str | None
    classes: int
    classifier_activation: ActivationLike
    name: str | None
    include_preprocessing: bool = True
    alpha: float = 1.0
    depth_multiplier: int = 1
    dropout: float = 0.0
    minimalistic: bool = False

    @property
    def pretrained(self) -> bool:
        """Whether the weights are those of ImageNet."""
        return self.weights == "imagenet"

    @property
    def size(self) -> Shape | None:
        """Height and width of the images in `input_shape`."""
        shape = self.input_shape
        if shape is None:
            return None
        return shape[1:3] if config.image_data_format() == "channels_first" else shape[:2]

    @property
    def rows(self) -> int | None:
        """Height of the images in `input_shape`."""
        return self.size[0] if self.size else None
