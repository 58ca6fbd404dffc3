"""Operations and the graph: one mechanism records a call of a layer and a call of an op.

`@op` makes a function of arrays into an op. Given arrays it computes. Given a KerasTensor anywhere in its arguments it
records a `Node` and returns KerasTensors, whose shapes come from abstract evaluation of the same function.
"""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar, overload

from . import tree
from .abstract import abstract_call
from .config import thread
from .convert import to_tensor, unwrap
from .keras_tensor import KerasHistory, KerasTensor, any_symbolic
from .naming import auto_name, to_snake_case

F = TypeVar("F", bound=Callable)

# How the ops' annotations name what is converted to an array (TensorLike), and what is not converted but stands with
# the tensors among the arguments of a call (Argument: an index, a function); all else is a setting of the op.
Tensor = Any
TensorLike = Annotated[Any, "Tensor"]
Argument = Any
Axis = int | Sequence[int] | None
DTypeLike = Any


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


# Signatures are slow to work out, and every config and call asks for some.
_parameters: weakref.WeakKeyDictionary[type, dict[str, inspect.Parameter]] = weakref.WeakKeyDictionary()
_signatures: weakref.WeakKeyDictionary[Any, inspect.Signature] = weakref.WeakKeyDictionary()
_EMPTY = inspect.Signature()


def signature_of(fn: Any) -> inspect.Signature:
    """The signature of a function, worked out once; a method is told apart from its function by `self`."""
    if isinstance(fn, types.FunctionType):
        if fn not in _signatures:
            _signatures[fn] = inspect.signature(fn)
        return _signatures[fn]
    return _EMPTY if fn is object.__init__ else inspect.signature(fn)


def init_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters, those that pass through `**kwargs` to the bases included; own ones first."""
    if cls in _parameters:
        return _parameters[cls]
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None or base is object:
            continue
        parameters = list(signature_of(init).parameters.values())[1:]
        passes_on = False
        for p in parameters:
            if p.kind is p.VAR_KEYWORD:
                passes_on = True
            elif p.kind is not p.VAR_POSITIONAL:
                found.setdefault(p.name, p)
        if not passes_on:
            break
    _parameters[cls] = found
    return found


def init_arguments(instance: Any) -> dict[str, Any]:
    """What `instance` was constructed with, by parameter name, defaults included."""
    args, kwargs = instance._init_args
    parameters = init_parameters(type(instance))
    own = list(signature_of(type(instance).__init__).parameters.values())[1:]
    positional = [p.name for p in own if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    values = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
    values.update(zip(positional, args))
    values.update(kwargs)
    return values


class OpCall(Operation):
    """A call of an op in a graph: the function, and the arguments that are not tensors.

    Args:
        definition: The op.
        static: The arguments that are settings (axis, keepdims, ...).
        name: Name; automatic from the op's when None.
    """

    def __init__(self, definition: OpDefinition, static: dict[str, Any], name: str | None = None):
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


class OpDefinition:
    """What `@op` knows about a function: which parameters are tensors, and its name in Keras's files."""

    def __init__(self, fn: Callable, keras_class: str | None, recorded: dict[str, Callable] | None):
        self.fn = fn
        self.name = fn.__name__
        self.recorded = recorded or {}
        self.keras_class = keras_class or "".join(part.capitalize() for part in fn.__name__.split("_"))

    public: Any = None  # what the user calls

    def _computes(self) -> Any:
        return self.public

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.fn)

    @property
    def keras_module(self) -> str:
        """The module Keras's files give the op: that of its group (`addax.ops.numpy.indexing` -> numpy)."""
        _, room, group = [*self.fn.__module__.split("."), "", ""][:3]
        return f"keras.src.{room}.{group}"

    @functools.cached_property
    def tensors(self) -> dict[str, Callable]:
        """Name of each parameter that stands in a call, not in the settings -> what makes its argument an array."""
        found: dict[str, Callable] = {}
        for p in self.signature.parameters.values():
            annotation = str(p.annotation)
            if annotation.startswith(("Sequence[Tensor", "list[Tensor")):
                found[p.name] = _unwrap_all
            elif "Tensor" in annotation:
                found[p.name] = unwrap
            elif "Argument" in annotation:
                found[p.name] = _keep
        if list(found.values()) == [unwrap] and not self.variadic:
            found = dict.fromkeys(found, _as_tensor)
        return found

    @functools.cached_property
    def variadic(self) -> bool:
        return any(p.kind is p.VAR_POSITIONAL for p in self.signature.parameters.values())

    @functools.cached_property
    def leading(self) -> list[str]:
        """The settings that come before `*args` (`einsum`'s), so that they can't be passed by keyword."""
        names = list(self.signature.parameters)
        return names[: names.index(next(iter(self.tensors)))] if self.variadic else []

    @functools.cached_property
    def converters(self) -> list[Callable]:
        """For each positional parameter, what makes its argument an array."""
        out: list[Callable] = []
        for p in self.signature.parameters.values():
            out += [self.tensors.get(p.name, _keep)] * (64 if p.kind is p.VAR_POSITIONAL else 1)
        return out

    def compute(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        args = tuple([c(a) for a, c in zip(args, self.converters)]) + args[len(self.converters) :]
        if kwargs:
            kwargs = {k: self.tensors[k](v) if k in self.tensors else v for k, v in kwargs.items()}
        return self.fn(*args, **kwargs)

    def record(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Records a symbolic call: tensors are the node's arguments, everything else the operation's settings."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        node_args: list = []
        node_kwargs: dict[str, Any] = {}
        static: dict[str, Any] = {}
        ahead = True  # no setting came before: the tensor can be passed by position
        for name, p in self.signature.parameters.items():
            value = bound.arguments[name]
            if name not in self.tensors:
                ahead = False
                if p.kind is p.VAR_KEYWORD:
                    continue
                # A setting that is itself symbolic is an argument of the call.
                (node_kwargs if any_symbolic(value) else static)[name] = value
            elif p.kind is p.VAR_POSITIONAL:
                node_args += value
            elif ahead:
                node_args.append(value)
            elif value is not p.default:
                node_kwargs[name] = value
        for name, standardize in self.recorded.items():
            if name in static:
                static[name] = standardize(static[name])
        return OpCall(self, static).symbolic_call(*node_args, **node_kwargs)


def _keep(x: Any) -> Any:
    return x


def _as_tensor(x: Any) -> Any:
    # The only tensor of an op: a Python number has no other dtype to give way to.
    return x if x is None else to_tensor(x)


def _unwrap_all(xs: Any) -> Any:
    return [unwrap(x) for x in xs] if isinstance(xs, (list, tuple)) else unwrap(xs)


def _note_call(error: Exception, definition: OpDefinition, args: tuple, kwargs: dict[str, Any]) -> None:
    """Adds to `error`, once, which op was called on which shapes."""
    if getattr(error, "_addax_op", None) is not None:
        return
    error._addax_op = definition  # type: ignore[attr-defined]
    given = zip(definition.signature.parameters, args)
    named = [f"{name}={_shown(value)}" for name, value in (*given, *kwargs.items())]
    error.add_note(f"In `ops.{definition.name}({', '.join(named)})`.")


def _shown(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{[*value.shape]}"
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        return f"[{', '.join(_shown(v) for v in value)}]"
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


@overload
def op(fn: F, *, keras_class: str | None = None, recorded: dict[str, Callable] | None = None) -> F: ...


@overload
def op(*, keras_class: str | None = None, recorded: dict[str, Callable] | None = None) -> Callable[[F], F]: ...


def op(fn: Any = None, *, keras_class: str | None = None, recorded: dict[str, Callable] | None = None) -> Any:
    """Makes a function of arrays into an op.

    Parameters annotated `TensorLike` take arrays, Variables, numbers, nested lists or KerasTensors (a parameter
    annotated `Sequence[TensorLike]` a list of them); the function's body sees arrays. The rest are settings.

    Args:
        fn: The function.
        keras_class: The name Keras's files give it, where it is not the function's name in CamelCase.
        recorded: For settings that files hold in another form than the one passed, the function that makes it.

    >>> @op
    ... def double(x: TensorLike) -> Tensor:
    ...     return x * 2
    >>> double([1.0, 2.0])
    Array([2., 4.], dtype=float32)
    >>> double(KerasTensor((None, 3))).shape
    (None, 3)
    """
    if fn is None:
        return functools.partial(op, keras_class=keras_class, recorded=recorded)
    definition = OpDefinition(fn, keras_class, recorded)

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            if any_symbolic(args, kwargs):
                return definition.record(args, kwargs)
            return definition.compute(args, kwargs)
        except Exception as error:
            _note_call(error, definition, args, kwargs)
            raise

    wrapper.definition = definition  # type: ignore[attr-defined]
    definition.public = wrapper
    return wrapper


__all__ = [
    "Argument",
    "Axis",
    "DTypeLike",
    "Node",
    "OpCall",
    "Operation",
    "Tensor",
    "TensorLike",
    "init_arguments",
    "op",
    "to_snake_case",
]
