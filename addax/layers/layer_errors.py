"""Errors of layers: checks with long messages, and notes of the layer's path and the user's source lines."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from ..core import tree
from ..core.config import is_traceback_filtering_enabled
from ..core.errors import describe, did_you_mean
from ..core.graph import Operation
from ..core.keras_tensor import KerasTensor
from ..core.policy import DTypePolicy
from ..core.signature import init_parameters
from ..quantizers import configs
from ..quantizers.configs import QuantizationConfig

F = TypeVar("F", bound=Callable)

# Classes of errors that addax raises for the user's mistakes. Any other that starts inside addax is a bug of addax, and
# keeps its traceback.
_MEANT = (ValueError, TypeError, FloatingPointError, NotImplementedError, OSError, RuntimeError)
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@functools.lru_cache(1024)
def _is_user_file(filename: str) -> bool:
    return not filename.startswith((_HERE, "<frozen", sys.prefix + os.sep, sys.base_prefix + os.sep)) and (
        "site-packages" not in filename
    )


def _is_machinery(filename: str) -> bool:
    """Returns whether frames of this file are hidden: those of addax and of JAX."""
    return filename.startswith((_HERE, "<frozen")) or f"site-packages{os.sep}jax" in filename


def shorten(error: Exception) -> None:
    """Removes the frames of addax and JAX from the traceback of `error`; the user's frames stay."""
    tb = error.__traceback__
    if tb is None or not is_traceback_filtering_enabled():
        return
    entries = [tb]
    while entries[-1].tb_next is not None:
        entries.append(entries[-1].tb_next)
    files = [entry.tb_frame.f_code.co_filename for entry in entries]
    if files[-1].startswith(_HERE) and not isinstance(error, _MEANT):
        return
    kept: TracebackType | None = None
    for entry, file in zip(reversed(entries[1:]), reversed(files[1:])):
        if not _is_machinery(file):
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    error.__traceback__ = TracebackType(kept, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)
    notes = getattr(error, "__notes__", None)
    if notes:
        error.__notes__ = [n for n in notes if "JAX has removed its internal frames" not in n and n.strip("-")]


def shortens(method: F) -> F:
    """Decorates a public method: errors leave it with a shortened traceback (see `shorten`)."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            shorten(error)
            raise

    return wrapper  # type: ignore[return-value]


def refuse_unknown(cls: type, kwargs: dict[str, Any]) -> None:
    """Raises ValueError if keyword arguments of a constructor are left that no base takes."""
    if kwargs:
        known = [name for name in init_parameters(cls) if name != "self"]
        raise ValueError(
            f"Unrecognized keyword arguments passed to {cls.__name__}: {kwargs}. "
            f"{did_you_mean(next(iter(kwargs)), known)}"
        )


def check_constructed(layer: Operation) -> None:
    """Raises RuntimeError if the constructor of a user's class didn't call that of `Layer`."""
    if "_losses" not in layer.__dict__:
        raise RuntimeError(
            f"In layer '{type(layer).__name__}', you forgot to call `super().__init__()` as the first statement in "
            "the `__init__()` method. Go add it!"
        )


def refuse_text(layer: Operation, arguments: dict[str, Any]) -> None:
    """Raises ValueError where a symbolic argument of a layer that computes with numbers has dtype string."""
    text = next((x for x in tree.flatten(arguments) if isinstance(x, KerasTensor) and x.dtype == "string"), None)
    if text is not None:
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}) computes with numbers, and its input has dtype string: "
            f"{text}. Put a layer before it that turns strings into numbers, such as `StringLookup`, "
            "`TextVectorization` or `Hashing`. (A layer of your own that computes with arrays of NumPy says "
            "`on_host = True`.)"
        )


def check_list(name: str, weights: object, count: int) -> None:
    """Raises ValueError unless what `set_weights` of layer `name` is given is a list of `count` arrays."""
    if not isinstance(weights, (list, tuple)):
        raise ValueError(f"`set_weights` of layer '{name}' takes a list of arrays. Got {describe(weights)}.")
    if len(weights) != count:
        raise ValueError(
            f"You called `set_weights(weights)` on layer '{name}' with a weight list of length "
            f"{len(weights)}, but the layer was expecting {count} weights."
        )


def refuse_unbuilt(name: str) -> NoReturn:
    """Raises ValueError: the parameters of a layer that isn't built can't be counted."""
    raise ValueError(
        f"You tried to call `count_params` on layer '{name}', but the layer isn't built. You can build "
        "it manually via: `layer.build(input_shape)`."
    )


def refuse_no_shape(class_name: str, args: tuple) -> NoReturn:
    """Raises NotImplementedError: `compute_output_shape` of a class that has none of its own needs a shape."""
    raise NotImplementedError(
        f"Layer {class_name} does not have a `compute_output_shape` method implemented. Should "
        "implement `def compute_output_shape(self, input_shape)`; without it the shape is found by running the "
        f"layer's `call` abstractly, which needs a shape. Received: {args}"
    )


def remember_origin(layer: Operation) -> None:
    """Records the line of the user's code that constructed `layer`."""
    frame: Any = sys._getframe(1)
    while frame is not None and not _is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None:
        layer.__dict__["_origin"] = (frame.f_code.co_filename, frame.f_lineno)


def made_at(layer: Operation) -> str:
    """Returns the file and line that constructed `layer`, to follow its name; empty if unknown."""
    origin = getattr(layer, "_origin", None)
    return f", made at {origin[0]}:{origin[1]}" if origin is not None else ""


def annotate(error: Exception, stack: list) -> None:
    """Adds a note to `error`, once: the layer it started in, where that was made, and the user's line that failed."""
    if getattr(error, "_addax_noted", False):
        return
    try:
        error._addax_noted = True  # type: ignore[attr-defined]
    except AttributeError:
        return
    layer = stack[-1]
    path = "/".join(inner.name for inner in stack)
    note = f"In layer '{path}' ({type(layer).__name__}){made_at(layer)}"
    line = None
    tb = error.__traceback__
    while tb is not None:
        if _is_user_file(tb.tb_frame.f_code.co_filename):
            line = (tb.tb_frame.f_code.co_filename, tb.tb_lineno, tb.tb_frame.f_code.co_name)
        tb = tb.tb_next
    if line is not None:
        note += f"; failed at {line[0]}:{line[1]}, in {line[2]}"
    error.add_note(note + ".")


def check_quantize(
    layer: Operation, built: bool, policy: DTypePolicy, mode: str | None, config: QuantizationConfig | None
) -> QuantizationConfig:
    """Returns the config of a quantization of a layer.

    Args:
        layer: The layer.
        built: Whether it is built.
        policy: Its dtype policy.
        mode, config: The arguments of `quantize`.

    Raises:
        ValueError: The layer isn't built or is quantized already, or the mode doesn't fit it.
    """
    if not built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{layer.name}' (of type '{type(layer).__name__}') "
            "is not built yet."
        )
    config = configs.resolve(mode, config)
    if policy.quantization_mode is not None:
        raise ValueError(
            f"Layer '{layer.name}' is already quantized with dtype_policy='{policy.name}'. Received: mode={config.mode}"
        )
    if config.mode == "int8" and policy.compute_dtype == "float16":
        raise ValueError(
            f"Quantization mode='{config.mode}' doesn't work well with compute_dtype='{policy.compute_dtype}'. "
            "Consider loading model/layer with another dtype policy such as 'mixed_bfloat16' or 'mixed_float16' "
            "before calling `quantize()`."
        )
    return config
