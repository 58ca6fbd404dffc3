"""`@op` makes a function of arrays into an op.

Given arrays it computes. Given a KerasTensor anywhere in its arguments it records a `Node` and returns KerasTensors,
whose shapes come from abstract evaluation of the same function.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar, overload

from .convert import to_tensor, unwrap
from .graph import OpCall
from .keras_tensor import any_symbolic

F = TypeVar("F", bound=Callable)

# How the ops' annotations name what is converted to an array (TensorLike), and what is not converted but stands with
# the tensors among the arguments of a call (Argument: an index, a function); all else is a setting of the op.
Tensor = Any
TensorLike = Annotated[Any, "Tensor"]
Argument = Any
Axis = int | Sequence[int] | None
DTypeLike = Any


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
    >>> from addax import KerasTensor
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
