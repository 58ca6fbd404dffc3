"""The graph: a call of a layer or of an op on symbolic tensors is a `Node` between KerasTensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

from . import tree
from .abstract import abstract_call
from .config import thread
from .errors import describe
from .keras_tensor import KerasHistory, KerasTensor, any_symbolic
from .naming import auto_name
from .remat import remat
from .signature import Arguments, init_arguments, init_parameters, signature_of


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
        self.link_outputs()

    def link_outputs(self) -> None:
        """Tells the outputs which call of which operation they are from."""
        for i, tensor in enumerate(self.outputs):
            tensor._keras_history = KerasHistory(self.operation, self.index, i)

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The KerasTensors that came out, by the name that libraries use."""
        return list(self.outputs)

    @property
    def arguments(self) -> Arguments:
        """The arguments, together with the KerasTensors among them, as libraries read them."""
        return Arguments(self.args, self.kwargs, list(self.input_tensors))

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
    """An operation of a graph: a layer, or one call of an op.

    The arguments its constructor was given are recorded here, once for every class: they are its config.
    """

    _about: tuple[str, ...] = ("name", "_init_args", "_inbound_nodes", "_outbound_nodes")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
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

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation with quantized weights, in operations that have any."""
        raise NotImplementedError(f"{type(self).__name__} does not define `quantized_call`.")

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

    def rematerialized_call(self, layer_call: Callable, *args: Any, **kwargs: Any) -> Callable:
        """Returns `layer_call` with rematerialization: the backward pass recomputes its intermediate values.

        Args:
            layer_call: A function of tensors, usually `layer.call`.
            *args, **kwargs: Arguments of a later call; ignored.
        """
        del args, kwargs
        return remat(layer_call)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Records a node and returns its outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    @property
    def input(self) -> Any:
        """The tensors that the operation was called on, the first time; raises AttributeError if it wasn't."""
        node = self._first_node("input")
        tensors = node.input_tensors or node.outputs
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """The output of the operation's first call; raises AttributeError if there was none."""
        return self._first_node("output").output_structure

    def _first_node(self, attribute: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {attribute}. Call it on "
                "`keras.Input(...)`, or put it in a model."
            )
        return self._inbound_nodes[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, from which `from_config` makes the operation anew.

        Raises:
            NotImplementedError: They can't be told from `*args`, or hold what isn't plain data.
        """
        cls = type(self)
        own = signature_of(cls.__init__).parameters.values()
        variadic = any(p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) for p in own)
        arguments = {} if variadic else init_arguments(self)
        arguments.pop("name", None)
        refused = [f"`{name}`: {describe(value)}" for name, value in arguments.items() if not _is_plain(value)]
        if variadic or refused:
            reason = (
                "positional only or variadic positional arguments" if variadic else "non-serializable argument values"
            )
            raise NotImplementedError(
                f"\nObject {cls.__name__} was created by passing\n{reason} in `__init__()`,\nand therefore the object "
                "must override `get_config()` in\norder to be serializable. Please implement `get_config()`."
                + ("" if variadic else f"\n({', '.join(refused)})")
            )
        return {"name": self.name, **arguments} if "name" in init_parameters(cls) else arguments

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The operation that `get_config` described."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        # The calls are the graph's, which a copy or a pickle of one operation doesn't take along.
        return {**self.__dict__, "_inbound_nodes": [], "_outbound_nodes": []}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _is_plain(value: Any) -> bool:
    """Returns whether `value` is data that JSON knows."""
    return all(x is None or isinstance(x, (str, bool, int, float)) for x in tree.flatten(value))


class Definition(Protocol):
    """The part of an op's definition (`core.op.OpDefinition`) that a call of it needs."""

    name: str
    public: Any
    elementwise: bool

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

    def __getstate__(self) -> dict[str, Any]:
        # A function is pickled by its name; the constructor's arguments, the definition among them, say nothing more.
        return {**super().__getstate__(), "definition": self.definition.public, "_init_args": ((), {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, definition=state["definition"].definition)
