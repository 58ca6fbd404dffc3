"""The graph: a call of a layer or of an op on symbolic tensors is a `Node` between KerasTensors."""

from __future__ import annotations

from typing import Any, Protocol

from . import tree
from .abstract import abstract_call
from .config import thread
from .keras_tensor import KerasHistory, KerasTensor, any_symbolic
from .naming import auto_name


class Node:
    """One call of an operation on symbolic tensors.

    Attributes:
        operation: What was called.
        args, kwargs: The arguments, KerasTensors among them.
        outputs: The KerasTensors that came out, flat.
    """

    def __init__(self, operation: Operation, args: tuple, kwargs: dict[str, Any], outputs: Any):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.output_structure = outputs
        self.input_tensors = [t for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor)]
        self.outputs = [t for t in tree.flatten(outputs) if isinstance(t, KerasTensor)]
        self.index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for tensor in self.input_tensors:
            if tensor._keras_history is not None:
                tensor._keras_history.operation._outbound_nodes.append(self)
        for i, tensor in enumerate(self.outputs):
            tensor._keras_history = KerasHistory(operation, self.index, i)

    @property
    def is_input(self) -> bool:
        """Whether this is where a graph begins."""
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that make this one's inputs."""
        nodes = []
        for tensor in self.input_tensors:
            operation, index, _ = node_key(tensor)
            nodes.append(operation._inbound_nodes[index])
        return nodes

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name}, index={self.index}>"


def node_key(tensor: KerasTensor) -> KerasHistory:
    """The history of `tensor`; raises ValueError for a tensor that no call made."""
    if tensor._keras_history is None:
        raise ValueError(f"The tensor {tensor} was not made by `Input`, a layer or an op, so it can't be in a model.")
    return tensor._keras_history


class Operation:
    """What can stand in a graph: a layer, or one call of an op.

    The arguments its constructor was given are recorded here, once for every class: they are its config.
    """

    # The number of the first call where files name a model's outputs (not where they name arguments of calls): in
    # Keras, making a functional model counts as a call of it.
    first_call = 0

    _about: tuple[str, ...] = ("name", "_init_args", "_inbound_nodes", "_outbound_nodes")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        instance.__dict__["_init_args"] = (args, kwargs)
        return instance

    def __init__(self, name: str | None = None):
        if name is None:
            name = auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name} "
                f"(of type {type(name)})"
            )
        self.name = name
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the shapes and dtypes that `call` would return."""
        return abstract_call(self.call, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        if thread.probe is None:
            return self.call(*args, **kwargs)
        args, kwargs = thread.probe.enter(self, (args, kwargs))
        return thread.probe.leave(self.call(*args, **kwargs))

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Records a node and returns its outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    @property
    def input(self) -> Any:
        """What the operation was called on; raises ValueError unless it was called exactly once."""
        node = self._only_node("input")
        tensors = node.input_tensors or node.outputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """What the operation returned; raises ValueError unless it was called exactly once."""
        return self._only_node("output").output_structure

    def _only_node(self, attribute: str) -> Node:
        nodes = self._inbound_nodes
        if not nodes:
            raise ValueError(
                f"The layer {self.name} has never been called and thus has no defined {attribute}. Call it on "
                "`keras.Input(...)`, or put it in a model."
            )
        if len({id(tree.flatten(n.output_structure)[0]) for n in nodes}) > 1:
            raise ValueError(
                f"The layer {self.name} has multiple inbound nodes, with different {attribute}s. It was called "
                f"{len(nodes)} times, so `{attribute}` is not one thing. Keep the tensors of the call you mean."
            )
        return nodes[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Definition(Protocol):
    """What a call of an op needs of the op's definition (`core.op.OpDefinition`)."""

    name: str

    @property
    def keras_class(self) -> str: ...
    @property
    def keras_module(self) -> str | None: ...
    @property
    def registered_name(self) -> str: ...
    @property
    def leading(self) -> list[str]: ...
    def compute(self, args: tuple, kwargs: dict[str, Any]) -> Any: ...


class OpCall(Operation):
    """A call of an op in a graph: the function, and the arguments that are not tensors.

    Args:
        definition: The op.
        static: The arguments that are settings (axis, keepdims, ...).
        name: Name; automatic from the op's when None.
    """

    def __init__(self, definition: Definition, static: dict[str, Any], name: str | None = None):
        super().__init__(name or auto_name(definition.keras_class))
        self.definition = definition
        self.static = static

    def call(self, *args: Any, **kwargs: Any) -> Any:
        first = self.definition.leading
        if not first:
            return self.definition.compute(args, {**kwargs, **self.static})
        rest = {k: v for k, v in self.static.items() if k not in first}
        return self.definition.compute((*(self.static[k] for k in first), *args), {**kwargs, **rest})

    def get_config(self) -> dict[str, Any]:
        """The settings, under Keras's names."""
        return {"name": self.name, **self.static}
