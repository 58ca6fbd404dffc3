"""Parameters of ops: the kinds that their annotations mark, and the conversion of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args, get_origin

from .convert import to_tensor, unwrap
from .types import ArrayLike


def keep(x: object) -> Any:
    """Returns an argument as it is."""
    return x


def as_tensor(x: ArrayLike) -> Any:
    """Converts the only tensor of an op: there is nothing to promote with, so a Python number is converted, too."""
    return x if x is None else to_tensor(x)


def _unwrap_all(xs: ArrayLike) -> Any:
    return [unwrap(x) for x in xs] if isinstance(xs, (list, tuple)) else unwrap(xs)


CONVERTERS: dict[str, Callable] = {"Tensor": unwrap, "Tensors": _unwrap_all, "Argument": keep}
_SEQUENCES = (list, tuple, Sequence, Iterable)


def kind_of(annotation: object, names: dict[str, Any]) -> str | None:
    """Returns the kind that an annotation marks: "Tensor", "Tensors" (a sequence of them), "Argument" or None.

    Annotations may be objects or, with `from __future__ import annotations`, text, which is evaluated in the module's
    `names`. That happens when an op is first used: importing the ops evaluates nothing.
    """
    annotation = getattr(annotation, "__forward_arg__", annotation)  # text inside `list["Image"]`
    if isinstance(annotation, str):
        try:
            return kind_of(eval(annotation, names), names)
        except Exception:  # a name known only to the type checker, or local to a function
            return next((mark for mark in ("Tensor", "Argument") if mark in annotation), None)
    annotation = getattr(annotation, "__value__", annotation)  # `type Image = TensorLike`
    mark = next((m for m in getattr(annotation, "__metadata__", ()) if m in ("Tensor", "Argument")), None)
    if mark is not None:
        return mark
    inside = [kind for part in get_args(annotation) if (kind := kind_of(part, names)) is not None]
    if not inside:
        return None
    return "Tensors" if get_origin(annotation) in _SEQUENCES and inside[0] == "Tensor" else inside[0]
