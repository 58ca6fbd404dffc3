"""Graph of the layer and op calls between symbolic inputs and outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..core import tree
from ..core.errors import describe
from ..core.graph import Node, Operation, node_key
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.types import Tree
from ..layers.calling import call_signature
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer


class Graph:
    """The calls between symbolic inputs and outputs, in topological order.

    Args:
        inputs: KerasTensor, or nested lists and dicts of them.
        outputs: KerasTensor, or nested lists and dicts of them.
        name: Name of the model, for errors.

    Attributes:
        input_structure, output_structure: The tensors, in their structure.
        inputs, outputs: The tensors, flat.
        nodes: The nodes, those of the inputs first.
        operations: The layers and ops, each once, in the order of Keras's summaries and weights: by depth from the
            outputs, then by the order of traversal.
    """

    _about: tuple[str, ...] = ("host_part", "_depths")

    def __init__(self, inputs: Tree, outputs: Tree, name: str):
        self.input_structure = inputs
        self.output_structure = outputs
        self.host_part: Any = None  # a `HostPart`, once it is asked for
        self.inputs: list[KerasTensor] = tree.flatten(inputs)
        self.outputs: list[KerasTensor] = tree.flatten(outputs)
        finished, visited = self._search(name)
        # The depth of a node is its longest distance from an output, at least that of all calls of its operation: so a
        # shared layer comes, in summaries and files, where its first call is.
        depths: dict[int, int] = {}
        operation_depths: dict[int, int] = {}
        for node in reversed(finished):
            depth = max(depths.get(id(node), 0), operation_depths.get(id(node.operation), 0))
            depths[id(node)] = operation_depths[id(node.operation)] = depth
            for parent in node.parent_nodes:
                depths[id(parent)] = max(depth + 1, depths.get(id(parent), 0))
        for tensor in self.inputs:  # inputs that no output needs
            node = _node_of(tensor)
            if node.is_input and id(node) not in depths:
                operation_depths[id(node.operation)] = depths[id(node)] = 0
                visited[id(node.operation)] = -1
                finished.append(node)
        self._depths = depths
        self.nodes = sorted(finished, key=lambda n: -depths[id(n)])
        by_id = {id(n.operation): n.operation for n in finished}
        self.operations: list[Operation] = sorted(
            by_id.values(), key=lambda o: (-operation_depths[id(o)], visited[id(o)])
        )
        counts = Counter(o.name for o in self.operations)
        repeated = next((n for n, c in counts.items() if c > 1), None)
        if repeated is not None:
            raise ValueError(
                f'The name "{repeated}" is used {counts[repeated]} times in the model. All operation names should be '
                "unique."
            )

    def _search(self, name: str) -> tuple[list[Node], dict[int, int]]:
        """The nodes that lead to the outputs, parents first, and by operation the order of traversal."""
        starts = {id(t) for t in self.inputs}
        visited: dict[int, int] = {}
        finished: list[Node] = []
        done: set[int] = set()
        under_way: set[int] = set()
        for path, output in tree.flatten_with_path(self.output_structure):
            # Depth first, without recursion: models can be deeper than Python's stack.
            stack: list[tuple[KerasTensor, Iterator | None]] = [(output, None)]
            while stack:
                tensor, parents = stack.pop()
                node = _node_of(tensor)
                if parents is None:
                    if id(node) in done or (id(tensor) in starts and not node.is_input):
                        continue
                    if id(node) in under_way:
                        raise ValueError(f"Tensor {tensor} from operation '{node.operation.name}' is part of a cycle.")
                    under_way.add(id(node))
                    visited.setdefault(id(node.operation), len(visited))
                    if id(tensor) not in starts and node.is_input:
                        raise ValueError(
                            f"Output with path `{'.'.join(map(str, path))}` is not connected to `inputs`: model "
                            f"'{name}' needs the input '{node.operation.name}' of shape {tensor.shape}, which is not "
                            f"among its inputs {[t.name for t in self.inputs]}."
                        )
                    parents = iter(node.input_tensors)
                parent = next(parents, None)
                if parent is not None:
                    stack += [(tensor, parents), (parent, None)]
                    continue
                under_way.discard(id(node))
                done.add(id(node))
                finished.append(node)
        return finished, visited

    def nodes_by_depth(self) -> dict[int, list[Node]]:
        """Returns the nodes of each depth, their longest distance from an output, outputs first."""
        found: dict[int, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(self._depths[id(node)], []).append(node)
        return dict(sorted(found.items()))

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, flat."""
        return [node_key(t).operation.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that compute the outputs, flat."""
        return [node_key(t).operation.name for t in self.outputs]

    def _names(self) -> list[str]:
        return self.input_names  # by which data in a dict are matched

    @property
    def layers(self) -> list[Layer]:
        """The operations that are layers."""
        return [o for o in self.operations if isinstance(o, Layer)]

    def run(self, values: list[Any], call: Callable[[Node, tuple, dict[str, Any]], Any]) -> Any:
        """Computes the outputs.

        Args:
            values: One value per input.
            call: Function of a node and the values of its arguments that makes this call.

        Returns:
            Values in the structure of the outputs.
        """
        return self.run_nodes({id(t): v for t, v in zip(self.inputs, values)}, call)

    def run_nodes(
        self,
        found: dict[int, Any],
        call: Callable[[Node, tuple, dict[str, Any]], Any],
        skipped: Collection[int] = (),
        replaced: Mapping[int, Any] = MappingProxyType({}),
    ) -> Any:
        """Computes the outputs from values in the middle of the graph.

        Args:
            found: Values by the ids of their tensors; those of other tensors are added.
            call: Function of a node and the values of its arguments that makes this call.
            skipped: Ids of nodes that aren't called: their values are not needed, or are in `found`.
            replaced: Values by the ids of nodes, each the only argument of its node in place of those in the graph.

        Returns:
            Values in the structure of the outputs.
        """

        def fill(x: object) -> Any:
            return found[id(x)] if isinstance(x, KerasTensor) else x

        for node in self.nodes:
            if node.is_input or id(node) in skipped:
                continue
            if id(node) in replaced:
                rest = {k: v for k, v in node.kwargs.items() if not any_symbolic(v)}
                results = call(node, (replaced[id(node)],), rest)
            else:
                args = tree.map_structure(fill, node.args)
                results = call(node, args, {k: tree.map_structure(fill, v) for k, v in node.kwargs.items()})
            flat = [r for r in tree.flatten(results) if r is not None]
            for tensor, value in zip(node.outputs, flat):
                found[id(tensor)] = value
        return tree.map_structure(fill, self.output_structure)

    def __reduce__(self) -> tuple:
        # Pickled as a list of calls, because nodes and tensors that refer to each other nest as deep as the model,
        # deeper than Python's stack.
        places = {id(node): i for i, node in enumerate(self.nodes)}
        tensors = {id(t): _Place(places[id(n)], i) for n in self.nodes for i, t in enumerate(n.outputs)}

        def refer(x: object) -> object:
            return tensors[id(x)] if isinstance(x, KerasTensor) else x

        calls = [
            _Call(
                node.operation,
                node.index,
                tree.map_structure(refer, node.args),
                {k: tree.map_structure(refer, v) for k, v in node.kwargs.items()},
                tree.map_structure(_describe, node.output_structure),
            )
            for node in self.nodes
        ]
        ends = (tree.map_structure(refer, s) for s in (self.input_structure, self.output_structure))
        return _rebuild, (calls, *ends)


@dataclass(frozen=True)
class _Place:
    """A tensor: the index of the call that returns it, and its index among the outputs of that call."""

    call: int
    output: int


@dataclass(frozen=True)
class _Call:
    """A node whose tensors are described instead of linked."""

    operation: Operation
    index: int
    args: tuple
    kwargs: dict[str, Any]
    outputs: Any


@dataclass(frozen=True)
class _Description:
    """A symbolic tensor without its links."""

    shape: tuple
    dtype: str
    name: str


def _describe(x: object) -> object:
    return _Description(x.shape, x.dtype, x.name) if isinstance(x, KerasTensor) else x


def _rebuild(calls: list[_Call], inputs: Tree, outputs: Tree) -> Graph:
    """Returns the graph of pickled calls."""
    made: list[Node] = []

    def find(x: object) -> object:
        return made[x.call].outputs[x.output] if isinstance(x, _Place) else x

    def fresh(x: object) -> object:
        return KerasTensor(x.shape, x.dtype, name=x.name) if isinstance(x, _Description) else x

    for call in calls:
        if isinstance(call.operation, InputLayer):
            made.append(call.operation._inbound_nodes[0])  # an InputLayer makes its node itself
            continue
        args = tree.map_structure(find, call.args)
        kwargs = {k: tree.map_structure(find, v) for k, v in call.kwargs.items()}
        made.append(Node(call.operation, args, kwargs, tree.map_structure(fresh, call.outputs)))
    # The nodes are ordered by depth, those of an operation by the order of its calls.
    order = {id(node): call.index for node, call in zip(made, calls)}
    for operation in {id(n.operation): n.operation for n in made}.values():
        operation._inbound_nodes.sort(key=lambda n: order.get(id(n), -1))
        for index, node in enumerate(operation._inbound_nodes):
            node.index = index
            node.link_outputs()
    return Graph(tree.map_structure(find, inputs), tree.map_structure(find, outputs), "")


def _node_of(tensor: KerasTensor) -> Node:
    operation, index, _ = node_key(tensor)
    return operation._inbound_nodes[index]


def check_tensors(role: str, structure: Tree, name: str) -> None:
    """Checks what a model is made from.

    Args:
        role: "inputs" or "outputs".
        structure: KerasTensors, or what was given for them.
        name: Name of the model.

    Raises:
        ValueError: There are none, one is no KerasTensor, or an input is given twice.
    """
    flat = tree.flatten(structure)
    if not flat:
        raise ValueError(
            f"`{role}` argument cannot be empty. Model '{name}' needs at least one input and one output. Received: "
            f"{role}={structure}"
        )
    for leaf in flat:
        if not isinstance(leaf, KerasTensor):
            raise ValueError(
                f"All `{role}` values must be KerasTensors. Received: {role}={describe(leaf)} in model '{name}'. "
                "KerasTensors are what `Input`, layers and ops return when called on one."
            )
    if role == "inputs" and len({id(t) for t in flat}) < len(flat):
        raise ValueError(f"Model '{name}': a tensor is given more than once in `inputs`: {flat}")


def with_new_inputs(inputs: Tree, outputs: Tree, name: str) -> tuple[Tree, Tree]:
    """Rebuilds the graph from `inputs`, tensors in the middle of another graph, to `outputs`, on new inputs."""
    graph = Graph(inputs, outputs, name)

    def fresh(t: KerasTensor) -> KerasTensor:
        if isinstance(node_key(t).operation, InputLayer):
            return t
        return InputLayer(batch_shape=t.shape, dtype=t.dtype, name=f"{t.name}CLONE").output

    new = [fresh(t) for t in graph.inputs]
    new_outputs = graph.run(new, lambda node, args, kwargs: node.operation(*args, **kwargs))
    return tree.pack_sequence_as(inputs, new), new_outputs


def says_training(node: Node) -> bool:
    """Returns whether the user passed `training` to this call of a layer, where it overrides that of the model.

    As in Keras's files, a call on a tensor alone is recorded with a flag and a mask also if none were passed. The flag
    is the default then.
    """
    spec = call_signature(node.operation)  # type: ignore[arg-type]
    if "training" in spec.names[: len(node.args)]:
        return True
    value = node.kwargs.get("training")
    of_itself = {"training", "mask"} & set(spec.names)
    return value is not None and (value != spec.training_default or set(node.kwargs) != of_itself)
