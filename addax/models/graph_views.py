"""The graph of a model by the names under which libraries built on Keras read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.graph import Node, Operation

if TYPE_CHECKING:
    from .graph import Graph


class GraphViews:
    """Attributes of models whose graph is known: calls and operations, in order and by depth.

    The depth of a call is its longest distance from an output.

    >>> x = keras.Input((3,))
    >>> model = keras.Model(x, keras.layers.Dense(1, name="last")(keras.layers.Dense(2, name="first")(x)))
    >>> [o.name for o in model.operations[1:]], [n.operation.name for n in model._nodes_by_depth[0]]
    (['first', 'last'], ['last'])
    """

    if TYPE_CHECKING:  # what a model has

        def _known_graph(self, attribute: str) -> Graph: ...

    @property
    def operations(self) -> list[Operation]:
        """The layers and ops, each once, in the order in which they are called."""
        return list(self._known_graph("operations").operations)

    @property
    def _operations(self) -> list[Operation]:
        return self.operations

    @property
    def _nodes_by_depth(self) -> dict[int, list[Node]]:
        return self._known_graph("_nodes_by_depth").nodes_by_depth()

    @property
    def _operations_by_depth(self) -> dict[int, list[Operation]]:
        graph = self._known_graph("_operations_by_depth")
        found: dict[int, list[Operation]] = {}
        for depth, nodes in graph.nodes_by_depth().items():
            here = {id(n.operation) for n in nodes}
            found[depth] = [o for o in graph.operations if id(o) in here]
        return found


__all__ = ["GraphViews"]
