"""VGG-19; see `vgg16`."""

from .imagenet_utils import decode_predictions
from .vgg16 import VGG19, preprocess_input

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
