"""Function: an operation given by a graph of calls, without what a model has for training."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.graph import Node, Operation
from ..core.keras_tensor import KerasTensor
from ..core.types import ShapeTree, Tree
from .graph import Graph


class Function(Operation):
    """The computation from symbolic inputs to symbolic outputs, as an operation.

    Unlike a `Model` it has no variables of its own, no training and no files.

    Args:
        inputs: KerasTensor, or nested lists and dicts of them.
        outputs: KerasTensor, or nested lists and dicts of them.
        name: Name; automatic when None.

    Raises:
        ValueError: There are no inputs or no outputs, or the outputs need other inputs.

    >>> x = keras.KerasTensor((None, 3))
    >>> double = keras.Function(x, x * 2)
    >>> double(np.ones((1, 3), "float32"))
    Array([[2., 2., 2.]], dtype=float32)
    """

    keras_module = "keras"

    def __init__(self, inputs: Tree, outputs: Tree, name: str | None = None):
        super().__init__(name=name)
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            if not tree.flatten(structure):
                raise ValueError(f"`{role}` argument cannot be empty. Received:\n{inputs=}\n{outputs=}")
        for tensor in tree.flatten(inputs):
            if isinstance(tensor, KerasTensor) and tensor._keras_history is None:
                Node(Operation(), (), {}, tensor)
        self._graph = Graph(inputs, outputs, self.name)

    @property
    def operations(self) -> list[Operation]:
        """The layers and ops of the graph, in the order of the calls."""
        begin = {id(n.operation) for n in self._graph.nodes if n.is_input and type(n.operation) is Operation}
        return [o for o in self._graph.operations if id(o) not in begin]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, flat."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, flat."""
        return list(self._graph.outputs)

    def call(self, inputs: Tree) -> Any:
        """Computes the outputs.

        Args:
            inputs: Arrays or KerasTensors in the structure of the inputs.

        Raises:
            ValueError: They have another structure, or other shapes.
        """
        return self._graph.run(self._checked(inputs), lambda node, args, kwargs: node.operation(*args, **kwargs))

    def compute_output_spec(self, inputs: Tree) -> Any:
        """Returns the KerasTensors that a call with these inputs would return.

        Args:
            inputs: KerasTensors, in the structure of the inputs.
        """
        return self._graph.run(
            self._checked(inputs), lambda node, args, kwargs: node.operation.compute_output_spec(*args, **kwargs)
        )

    def compute_output_shape(self, input_shape: ShapeTree) -> Any:
        """Computes the shapes of the outputs.

        Args:
            input_shape: Shapes in the structure of the inputs.
        """
        shapes: list = []
        tree.map_shape_structure(shapes.append, input_shape)
        specs = [KerasTensor(s, t.dtype) for s, t in zip(shapes, self._graph.inputs)]
        found = self.compute_output_spec(tree.pack_sequence_as(self._graph.input_structure, specs))
        return tree.map_structure(lambda t: t.shape, found)

    def _checked(self, inputs: Tree) -> list:
        """Returns the inputs, flat, after checks of their structure and shapes."""
        try:
            tree.assert_same_structure(inputs, self._graph.input_structure)
        except ValueError:
            raise ValueError(
                "Function was called with an invalid input structure. Expected input structure: "
                f"{self._graph.input_structure}\nReceived input structure: {inputs}"
            ) from None
        flat = tree.flatten(inputs)
        for x, expected in zip(flat, self._graph.inputs):
            shape = tuple(getattr(x, "shape", ()))
            fits = len(shape) == len(expected.shape) and all(
                None in (a, b) or a == b for a, b in zip(shape, expected.shape)
            )
            if not fits:
                raise ValueError(
                    f"Function was passed incompatible inputs. For input '{expected.name}', expected shape "
                    f"{expected.shape}, but received instead a tensor with shape {shape}."
                )
        return flat
