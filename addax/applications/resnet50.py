"""ResNet-50; see `resnet`."""

from .imagenet_utils import decode_predictions
from .resnet import ResNet50, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
