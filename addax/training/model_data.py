"""Data of a model: their names, and what is done to them on the host before a step."""

from __future__ import annotations

from typing import Any

from ..core.types import Tree
from ..data.frames import DataNames
from ..data.prepared import Preparation


class ModelData:
    """The part of a model that says how its data are made ready. Models with layers on the host override some of it."""

    def _prepared(self, inputs: Tree) -> Any:
        """Returns inputs after the layers that run on the host, where the model begins with some."""
        return inputs

    def _preparation(self) -> Preparation | None:
        """Returns what prepares the inputs of batches on the host; None where no layer runs there."""
        return None

    def _computes_with_text(self) -> bool:
        """Returns whether there is text in the computation besides its beginning, so that it can't be compiled."""
        return False

    def _data_names(self) -> DataNames:
        """Returns the names of the inputs and outputs, by which columns of tables are matched to several of them."""
        graph = getattr(self, "_graph", None)
        if graph is None:
            return DataNames()
        several = len(graph.inputs) > 1 or isinstance(graph.input_structure, dict)
        inputs = tuple(graph.input_names) if several else ()
        return DataNames(inputs, tuple(graph.output_names) if len(graph.outputs) > 1 else ())

    def _data_options(self) -> dict[str, Any]:
        """Returns how data are made ready for this model, as arguments of `adapt`."""
        return {"prepare": self._preparation(), "names": self._data_names()}
