"""`@op` makes a function of arrays into an op.

Given arrays it computes. Given a KerasTensor anywhere in its arguments it records a `Node` and returns KerasTensors,
whose shapes come from abstract evaluation of the same function.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, overload

from . import registry, sparse_ops
from .convert import unwrap
from .graph import OpCall
from .keras_tensor import any_symbolic
from .op_parameters import CONVERTERS, as_tensor, keep, kind_of
from .ours import is_ours
from .types import DTypeLike as DTypeLike

F = TypeVar("F", bound=Callable)

# Annotations of the ops' parameters. TensorLike (also in a sequence or under an alias) marks values that are converted
# to arrays; Argument marks values that are not, but are recorded among the arguments of a call (an index, a function).
# All other parameters are settings of the op.
if TYPE_CHECKING:
    import jax

    # What ops return for arrays; for KerasTensors it is a KerasTensor, which checkers take wherever an array belongs.
    Tensor: TypeAlias = jax.Array
    TensorLike: TypeAlias = Any
else:
    Tensor = TensorLike = Annotated[Any, "Tensor"]
Argument = Annotated[Any, "Argument"]
Axis = int | Sequence[int] | None


class OpDefinition:
    """Definition of an op: which parameters are tensors, and its name in Keras's files."""

    def __init__(
        self, fn: Callable, keras_class: str | None, recorded: dict[str, Callable] | None, elementwise: bool = False
    ):
        self.fn = fn
        self.elementwise = elementwise
        self.name = fn.__name__
        self.recorded = recorded or {}
        self.keras_class = keras_class or "".join(part.capitalize() for part in fn.__name__.split("_"))

    public: Any = None  # the function that users call

    def _computes(self) -> Any:
        return self.public

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.fn)

    @property
    def is_builtin(self) -> bool:
        """Whether the op is part of addax."""
        return is_ours(self.fn)

    @property
    def keras_module(self) -> str | None:
        """Module of the op in files: Keras's for its group (`addax.ops.numpy.indexing` -> numpy), or the user's own."""
        if not self.is_builtin:
            return None if self.fn.__module__ == "__main__" else self.fn.__module__
        _, family, group = [*self.fn.__module__.split("."), "", ""][:3]
        return f"keras.src.{family}.{group}"

    @property
    def registered_name(self) -> str:
        """Second name of the op in files: for an op of the user, the name it was registered under."""
        return self.keras_class if self.is_builtin else registry.get_registered_name(self.public)

    @functools.cached_property
    def tensors(self) -> dict[str, Callable]:
        """Converters by parameter, for parameters that are arguments of the recorded call rather than settings."""
        names = getattr(self.fn, "__globals__", {})
        kinds = {p.name: kind_of(p.annotation, names) for p in self.signature.parameters.values()}
        found = {name: CONVERTERS[kind] for name, kind in kinds.items() if kind is not None}
        # `unwrap` keeps Python numbers for promotion with other tensors: with one tensor there are none.
        if list(found.values()) == [unwrap] and not self.variadic:
            found = dict.fromkeys(found, as_tensor)
        return found

    @functools.cached_property
    def variadic(self) -> str | None:
        """Name of the parameter that takes any number of arguments, or None."""
        parameters = self.signature.parameters.values()
        return next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)

    @functools.cached_property
    def leading(self) -> list[str]:
        """Settings that come before `*args` (as in `einsum`), which can't be passed by keyword."""
        names = list(self.signature.parameters)
        return names[: names.index(next(iter(self.tensors)))] if self.variadic and self.tensors else []

    @functools.cached_property
    def converters(self) -> tuple[list[Callable], Callable]:
        """Converters of the positional parameters, in order, and the converter of the elements of `*args`."""
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        named = [p.name for p in self.signature.parameters.values() if p.kind in positional]
        return [self.tensors.get(name, keep) for name in named], self.tensors.get(self.variadic or "", keep)

    def compute(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        if sparse_ops.any_sparse((args, kwargs)):
            return sparse_ops.call(self, args, kwargs)
        named, rest = self.converters
        converted = [c(a) for a, c in zip(args, named)]
        if len(args) > len(named):
            converted += [rest(a) for a in args[len(named) :]]
        if kwargs:
            kwargs = {k: self.tensors[k](v) if k in self.tensors else v for k, v in kwargs.items()}
        return self.fn(*converted, **kwargs)

    def record(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Records a symbolic call: tensors become the node's arguments, all else the operation's settings.

        Raises:
            ValueError: The shapes don't fit together.
        """
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        # Positional tensors come first, so that the recorded call can be repeated as `fn(*args, **kwargs)`.
        node_args: list = []
        node_kwargs: dict[str, Any] = {}
        static: dict[str, Any] = {}
        ahead = True  # no setting came before, so the tensor can be passed by position
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
        try:
            outputs = OpCall(self, static).symbolic_call(*node_args, **node_kwargs)
            return sparse_ops.marked(self.name, (node_args, node_kwargs), outputs)
        except (TypeError, IndexError) as error:
            # As in Keras, a symbolic call with shapes that don't fit is a ValueError.
            if not _ABOUT_SHAPES.search(str(error)):
                raise
            text = str(error)
            if isinstance(error, IndexError) and "axis" in static:
                text = f"axis {static['axis']} is out of bounds ({text})"
            raise ValueError(text) from None


_ABOUT_SHAPES = re.compile(r"shape|dimension|axis|axes|ndim|out.of.(range|bounds)|permutation|[Tt]oo many indices")


def _note_call(error: Exception, definition: OpDefinition, args: tuple, kwargs: dict[str, Any]) -> None:
    """Adds a note to `error`, once, which tells the op that was called and the shapes of its arguments."""
    if getattr(error, "_addax_op", None) is not None:
        return
    error._addax_op = definition  # type: ignore[attr-defined]
    given = zip(definition.signature.parameters, args)
    named = [f"{name}={_shown(value)}" for name, value in (*given, *kwargs.items())]
    error.add_note(f"In `ops.{definition.name}({', '.join(named)})`.")


def _shown(value: object) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{[*value.shape]}"
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        return f"[{', '.join(_shown(v) for v in value)}]"
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


@overload
def op(
    fn: F, *, keras_class: str | None = None, recorded: dict[str, Callable] | None = None, elementwise: bool = False
) -> F: ...


@overload
def op(
    *, keras_class: str | None = None, recorded: dict[str, Callable] | None = None, elementwise: bool = False
) -> Callable[[F], F]: ...


def op(
    fn: Any = None,
    *,
    keras_class: str | None = None,
    recorded: dict[str, Callable] | None = None,
    elementwise: bool = False,
) -> Any:
    """Turns a function of arrays into an op.

    Parameters annotated `TensorLike` take arrays, Variables, numbers, nested lists or KerasTensors (a parameter
    annotated `Sequence[TensorLike]` a list of them); the function's body sees arrays. The rest are settings.

    Args:
        fn: The function.
        keras_class: Class name in Keras's files; None for the function's name in CamelCase.
        recorded: Functions by setting, which convert its value to the form that files hold.
        elementwise: Whether each element of the result depends only on the elements at the same position, after
            broadcasting.

    Returns:
        Function that computes on arrays, and records a node if an argument is symbolic.

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
        return functools.partial(op, keras_class=keras_class, recorded=recorded, elementwise=elementwise)
    definition = OpDefinition(fn, keras_class, recorded, elementwise)

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
