"""Graph: the layer and op calls between some symbolic tensors and others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ..core import tree
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor


class Graph:
    """The calls between some tensors and others, in an order in which they can be run.

    Attributes:
        nodes: The nodes, inputs' first.
        operations: The layers and ops, each once, in the order of Keras's summaries and weights: by depth from the
            outputs, then by when they were met.
    """

    def __init__(self, inputs: list[KerasTensor], outputs: list[KerasTensor], name: str):
        starts = {id(t) for t in inputs}
        met: dict[int, int] = {}  # id of operation -> when it was met
        finished: list[Node] = []
        done: set[int] = set()
        under_way: set[int] = set()
        for output in outputs:
            # Depth first, without recursion: models can be deeper than Python's stack.
            stack: list[tuple[KerasTensor, Any]] = [(output, None)]
            while stack:
                tensor, parents = stack.pop()
                operation, index, _ = node_key(tensor)
                node = operation._inbound_nodes[index]
                if parents is None:
                    if id(node) in done or (id(tensor) in starts and not node.is_input):
                        continue
                    if id(node) in under_way:
                        raise ValueError(f"Tensor {tensor} from operation '{operation.name}' is part of a cycle.")
                    under_way.add(id(node))
                    met.setdefault(id(operation), len(met))
                    if id(tensor) not in starts and node.is_input:
                        raise ValueError(
                            f"Output with path `` is not connected to `inputs`: model '{name}' needs the input "
                            f"'{operation.name}' of shape {tensor.shape}, which is not among its inputs "
                            f"{[t.name for t in inputs]}."
                        )
                    parents = iter(node.input_tensors)
                parent = next(parents, None)
                if parent is not None:
                    stack += [(tensor, parents), (parent, None)]
                    continue
                under_way.discard(id(node))
                done.add(id(node))
                finished.append(node)
        depths: dict[int, int] = {}
        operation_depths: dict[int, int] = {}
        for node in reversed(finished):
            depth = max(depths.get(id(node), 0), operation_depths.get(id(node.operation), 0))
            depths[id(node)] = operation_depths[id(node.operation)] = depth
            for parent in node.parent_nodes:
                depths[id(parent)] = max(depth + 1, depths.get(id(parent), 0))
        for tensor in inputs:  # inputs that no output needs
            operation, index, _ = node_key(tensor)
            node = operation._inbound_nodes[index]
            if node.is_input and id(node) not in done:
                operation_depths[id(operation)] = depths[id(node)] = 0
                met[id(operation)] = -1
                finished.append(node)
        self.nodes = sorted(finished, key=lambda n: -depths[id(n)])
        by_id = {id(n.operation): n.operation for n in finished}
        self.operations: list[Operation] = sorted(by_id.values(), key=lambda o: (-operation_depths[id(o)], met[id(o)]))
        counts = Counter(o.name for o in self.operations)
        repeated = next((n for n, c in counts.items() if c > 1), None)
        if repeated is not None:
            raise ValueError(
                f'The name "{repeated}" is used {counts[repeated]} times in the model. All operation names should be '
                "unique."
            )

    def run(self, inputs: list[KerasTensor], outputs: Any, values: list[Any], call: Callable) -> Any:
        """What `outputs` are when `inputs` are `values`; `call(operation, args, kwargs)` makes each step."""
        found = {id(t): v for t, v in zip(inputs, values)}

        def fill(x: Any) -> Any:
            return found[id(x)] if isinstance(x, KerasTensor) else x

        for node in self.nodes:
            if node.is_input:
                continue
            args = tree.map_structure(fill, node.args)
            kwargs = {k: tree.map_structure(fill, v) for k, v in node.kwargs.items()}
            results = call(node.operation, args, kwargs)
            flat = [r for r in tree.flatten(results) if r is not None]
            for tensor, value in zip(node.outputs, flat):
                found[id(tensor)] = value
        return tree.map_structure(fill, outputs)
