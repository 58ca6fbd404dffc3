"""The part of a graph that runs on the host, before the compiled program.

Its nodes are the layers with `on_host` that depend only on the inputs, or on other such layers. In place of the inputs,
a program is given their results and the inputs that other layers take: a dict with keys that begin with "host:". A
nested model with such a part is cut in the same way: the value for its call is the dict that its own part computes.
"""

from __future__ import annotations

import math
from typing import Any

from ..core import tree
from ..core.dtypes import numpy_dtype
from ..core.engine import is_tracer
from ..core.graph import Node, Operation
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.ours import is_ours
from ..core.types import Tree
from ..layers import host
from ..layers.calling import Call, call_signature
from ..layers.layer import Layer
from ..training.trainer import Trainer
from .feeding import feed
from .graph import Graph


class HostPart:
    """The part of a graph that runs on the host.

    Args:
        graph: The graph.
        name: Name of the model, for errors.

    Attributes:
        nodes: The calls of layers on the host, in order.
        entries: Key -> the tensor that is computed on the host and used by the program, or the call of a nested
            model that is cut.
    """

    def __init__(self, graph: Graph, name: str):
        self.graph = graph
        self.name = name
        self.nodes: list[Node] = []
        known = {id(t) for t in graph.inputs}
        cut: list[Node] = []
        used: dict[int, KerasTensor] = {}
        for node in graph.nodes:
            if node.is_input:
                continue
            is_known = all(id(t) in known for t in node.input_tensors)
            if is_known and runs_on_host(node.operation):
                self.nodes.append(node)
                known |= {id(t) for t in node.outputs}
            elif is_known and part_of(node.operation) is not None:
                cut.append(node)
            else:
                _refuse_cut(node, name)
                used.update({id(t): t for t in node.input_tensors if id(t) in known})
        used.update({id(t): t for t in graph.outputs if id(t) in known})
        self.is_empty = not self.nodes and not cut
        self._skipped = {id(node) for node in self.nodes}
        entries: list[KerasTensor | Node] = [*used.values(), *cut]
        self.entries = {f"{host.PREFIX}{i}": entry for i, entry in enumerate(entries)}

    @property
    def is_whole(self) -> bool:
        """Whether all of the graph runs on the host."""
        return all(node.is_input or id(node) in self._skipped for node in self.graph.nodes)

    @property
    def has_text_after(self) -> bool:
        """Whether layers after this part, or the outputs, have text."""
        after = [t for n in self.graph.nodes if not n.is_input and id(n) not in self._skipped for t in n.outputs]
        return any(t.dtype == "string" for t in [*after, *self.graph.outputs])

    @property
    def row_bytes(self) -> int | None:
        """Bytes per row of the values that it computes; None if their shapes are unknown."""
        total = 0
        for entry in self.entries.values():
            if isinstance(entry, Node):
                inner = part_of(entry.operation)
                more = inner.row_bytes if inner is not None else None
            elif None in entry.shape[1:] or entry.dtype == "string":
                more = None
            else:
                more = math.prod(d or 0 for d in entry.shape[1:]) * numpy_dtype(entry.dtype).itemsize
            if more is None:
                return None
            total += more
        return total

    def prepare(self, inputs: Tree) -> dict[str, Any]:
        """Computes the values for the program.

        Args:
            inputs: The inputs, in their structure: arrays, strings, or lists of them.

        Returns:
            Dict with NumPy arrays.

        Raises:
            ValueError: The inputs don't fit the graph.
        """
        values = feed(self.graph, _listed(self.graph, inputs), self.name, on_host=True)
        found = {id(t): v for t, v in zip(self.graph.inputs, values)}
        for node in self.nodes:
            args, kwargs = _filled(node, found)
            outputs = call_on_host(node.operation, args, kwargs)
            found.update({id(t): v for t, v in zip(node.outputs, tree.flatten(outputs))})
        return {key: self._value(entry, found) for key, entry in self.entries.items()}

    def _value(self, entry: KerasTensor | Node, found: dict[int, Any]) -> Any:
        if isinstance(entry, KerasTensor):
            value = found[id(entry)]
            if value is None or entry.dtype == "string":
                return value
            dtype = numpy_dtype(entry.dtype)
            return value if value.dtype == dtype else value.astype(dtype)
        inner = part_of(entry.operation)
        assert inner is not None
        return inner.prepare(_filled(entry, found)[0][0])

    def run(self, prepared: dict[str, Any], call: Any) -> Any:
        """Computes the outputs of the graph from what `prepare` returned; see `Graph.run`."""
        found: dict[int, Any] = {}
        replaced: dict[int, Any] = {}
        for key, entry in self.entries.items():
            (found if isinstance(entry, KerasTensor) else replaced)[id(entry)] = prepared[key]
        return self.graph.run_nodes(found, call, self._skipped, replaced)


class Preparing:
    """Preparation of the inputs of a model on the host; see `data/prepared.py`.

    Args:
        model: The model, which is built if necessary.
    """

    def __init__(self, model: Any):
        self.model = model

    def __call__(self, x: Tree) -> Any:
        return self.model._prepared(x)

    @property
    def row_bytes(self) -> int | None:
        """Bytes per row of the prepared inputs; None if unknown."""
        part = self.model.host_part
        return None if part is None else part.row_bytes


def part_of(operation: Operation) -> HostPart | None:
    """Returns the part of a model's graph that runs on the host; None if there is none."""
    return getattr(operation, "host_part", None)


def runs_on_host(operation: Operation) -> bool:
    """Returns whether a layer runs on the host: by its `on_host`, or as a model of such layers only."""
    if isinstance(operation, Layer) and operation.on_host:
        return True
    part = part_of(operation)
    return part is not None and part.is_whole


def call_on_host(operation: Any, args: tuple, kwargs: dict[str, Any]) -> Tree:
    """Calls a layer, or a model of such layers, on NumPy arrays."""
    part = part_of(operation)
    if part is not None and not operation.on_host:
        return part.run(part.prepare(args[0]), None)
    kwargs = {k: v for k, v in kwargs.items() if k in call_signature(operation).names}
    return host.compute(operation, args, kwargs)


def _filled(node: Node, found: dict[int, Any]) -> tuple[tuple, dict[str, Any]]:
    def fill(x: object) -> Any:
        return found[id(x)] if isinstance(x, KerasTensor) else x

    return tree.map_structure(fill, node.args), {k: tree.map_structure(fill, v) for k, v in node.kwargs.items()}


def _listed(graph: Graph, inputs: Tree) -> Any:
    """Returns inputs as arrays; a list of arrays stays a list if the graph has several inputs."""
    return inputs if host.is_prepared(inputs) else host.host_inputs(inputs, several=len(graph.inputs) > 1)


def _refuse_cut(node: Node, name: str) -> None:
    """Raises ValueError for a call that takes strings and can't run on the host."""
    part = part_of(node.operation)
    taken = next((t for t in node.input_tensors if t.dtype == "string"), None)
    if taken is None:
        return
    if part is not None or runs_on_host(node.operation):
        raise ValueError(
            f"'{node.operation.name}' in model '{name}' takes strings together with what another layer computes. Its "
            "inputs must be inputs of the model, or computed from them by layers that run on the host."
        )
    raise ValueError(
        f"'{node.operation.name}' ({type(node.operation).__name__}) in model '{name}' computes with numbers, and "
        f"received the strings '{taken.name}'."
    )


class OnHost(Trainer):
    """A model whose graph may begin with layers that run on the host."""

    _graph: Graph | None

    @property
    def host_part(self) -> HostPart | None:
        """The part of the graph that runs on the host, before the compiled program; None if there is none."""
        part = self._cut()
        return None if part is None or part.is_empty else part

    def _cut(self) -> HostPart | None:
        """Returns the part of the graph that runs on the host, which may be empty; None without a graph."""
        graph = self._graph
        if graph is None:
            return None
        if graph.host_part is None and is_ours(type(self).call):
            graph.host_part = HostPart(graph, self.name)
        return graph.host_part

    def _refuse_text(self, call: Call) -> None:
        pass  # the nested layers check their own inputs

    def _computes_with_text(self) -> bool:
        part = self._cut()
        if part is not None:
            return part.has_text_after
        return any(layer.on_host and layer.input_dtype == "string" for layer in self._flatten_layers())

    def _preparation(self) -> Preparing | None:
        if not any(layer.on_host for layer in self._flatten_layers()):
            return None
        is_ready = self._cut() is not None or self.built  # a Sequential is cut when the first data build it
        needs_it = self.host_part is not None or self._computes_with_text()
        return Preparing(self) if needs_it or not is_ready else None

    def _prepared(self, inputs: Tree) -> Any:
        part = self.host_part
        if (
            part is None
            or host.is_prepared(inputs)
            or any_symbolic(inputs)
            or any(map(is_tracer, tree.flatten(inputs)))
        ):
            return inputs
        return part.prepare(inputs)
