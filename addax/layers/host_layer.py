"""HostLayer: the base of addax's layers that run on the host."""

from __future__ import annotations

import copy
from typing import Any

from .encoding import mixes_rows
from .layer import Layer


class HostLayer(Layer):
    """Base of preprocessing layers that compute with NumPy on the host; see `layers/host.py`."""

    on_host = True
    rowwise = "always"

    def _computes(self) -> Any:
        """Returns what the layer computes, for descriptions of programs that call it."""
        config = {k: v for k, v in self.get_config().items() if k not in ("name", "trainable", "vocabulary")}
        return (type(self).__name__, config)

    def _frozen(self) -> Any:
        """Returns a copy that keeps computing the same when the layer is changed, for programs that call it."""
        return copy.copy(self)

    output_mode = "int"

    def _mixes_rows(self, training: bool) -> bool:
        return mixes_rows(self, self.output_mode)

    def build(self, input_shape: Any = None) -> None:
        self._build_shapes = {"input_shape": input_shape}
        self.built = True
