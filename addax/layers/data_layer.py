"""`DataLayer`: base of the layers that prepare data."""

from __future__ import annotations

from typing import Any

from ..core.types import ArrayLike
from .layer import Layer


class DataLayer(Layer):
    """Base of layers that prepare data, by statistics or by augmentation."""

    def convert_weight(self, weight: ArrayLike) -> Any:
        """Returns a weight as it is. For compatibility with Keras, where it converts weights for data pipelines.

        Args:
            weight: The weight.
        """
        return weight
