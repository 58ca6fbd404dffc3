"""Uses of JAX that are not part of its public interface: all of them are here, and each has a substitute.

`missing()` says by name what the installed JAX no longer has; a test holds that it is nothing.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from .engine import import_jax, is_loaded, jax

# Module, what is used of it, and what it is used for.
_USED: tuple[tuple[str, str, str], ...] = (
    ("jax._src.compilation_cache", "_cache", "the store of compiled programs"),
    ("jax._src.compilation_cache", "_cache_initialized", "the store of compiled programs"),
    ("jax._src.config", "trace_context", "which settings of JAX a program was traced under"),
    ("jax._src.xla_bridge", "backends_are_initialized", "whether a process that forks has JAX's threads"),
    ("jax.interpreters.xla", "canonicalize_dtype_handlers", "errors about symbolic tensors given to functions of JAX"),
    ("jax.core", "ShapedArray", "primitives of convolutions"),
    ("jax.core", "Tracer", "telling arrays from what JAX traces"),
    ("jax.extend.core", "Primitive", "primitives of convolutions"),
    ("jax.interpreters.ad", "defbilinear", "primitives of convolutions"),
    ("jax.interpreters.batching", "primitive_batchers", "primitives of convolutions"),
    ("jax.interpreters.mlir", "lower_fun", "primitives of convolutions"),
    ("jax.interpreters.mlir", "register_lowering", "primitives of convolutions"),
)


def missing() -> list[str]:
    """Returns the names used here that the installed JAX lacks, each with its use.

    >>> missing()
    []
    """
    return [f"{module}.{name} ({use})" for module, name, use in _USED if _find(module, name, missing) is missing]


def _find(module: str, name: str, default: Any) -> Any:
    try:
        return getattr(import_jax(module), name, default)
    except ImportError:
        return default


def keep_programs_in(store: Any) -> bool:
    """Makes `store` the place where JAX looks for compiled programs; returns whether this JAX can be told.

    JAX has no public way to say how programs are kept on disk. Where this one is gone, its own way is used.
    """
    module = import_jax("jax._src.compilation_cache")
    if not (hasattr(module, "_cache") and hasattr(module, "_cache_initialized")):
        return False
    vars(module).update(_cache=store, _cache_initialized=True)
    return True


def teach_dtype_of(cls: type, handler: Any) -> None:
    """Has JAX call `handler` with instances of `cls` that are given to its functions where arrays belong."""
    handlers = _find("jax.interpreters.xla", "canonicalize_dtype_handlers", None)
    if hasattr(handlers, "__setitem__"):
        handlers[cls] = handler


def calling_function(skip: str) -> str | None:
    """The function of JAX that the user called ("jax.numpy.exp"), read off the stack.

    Args:
        skip: Module whose frames, like JAX's and NumPy's, stand between the user's and this one.
    """
    frame: Any = sys._getframe(1)
    found = None
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("jax", "numpy", skip, __name__)):
            return found
        # A function that JAX wraps is a local of the wrapper: `fun` of a jitted one, `self` of a `jnp.ufunc`.
        for value in (frame.f_locals.get("self"), frame.f_locals.get("fun")):
            found = _public_name(getattr(value, "__module__", None), getattr(value, "__name__", None)) or found
        found = _public_name(module, frame.f_code.co_name) or found
        frame = frame.f_back
    return found


def _public_name(module: Any, name: Any) -> str | None:
    """`jax.numpy.exp` for `exp` of the modules behind it; None for what isn't public."""
    if not isinstance(module, str) or not isinstance(name, str) or not module.startswith("jax"):
        return None
    for public in ("jax.numpy", "jax.nn", "jax.scipy", "jax.lax"):
        owner = sys.modules.get(public)
        if module.startswith((public, f"jax._src.{public[4:]}")) and hasattr(owner, name) and name[0] != "_":
            return f"{public}.{name}"
    return None


_trace_context: Any = None


def trace_context() -> Any:
    """A hashable value, equal where JAX would trace and compile alike: its precision, devices and other settings."""
    global _trace_context
    if _trace_context is None:
        _trace_context = _find("jax._src.config", "trace_context", _public_context)
    return _trace_context()


def _public_context() -> tuple:
    names = "jax_enable_x64 jax_default_matmul_precision jax_default_device jax_debug_nans jax_numpy_dtype_promotion"
    return tuple(getattr(jax.config, name, None) for name in names.split())


def has_started() -> bool:
    """Returns whether JAX has started its threads in this process: it does so at the first computation."""
    return is_loaded() and bool(_find("jax._src.xla_bridge", "backends_are_initialized", lambda: True)())


class Primitives(NamedTuple):
    """The classes and functions that define primitives."""

    Primitive: Any
    ShapedArray: Any
    ad: Any
    batching: Any
    mlir: Any


def primitives() -> Primitives:
    """The parts of JAX that an operation with derivatives and lowerings of its own is made with."""
    ad, batching, mlir = (import_jax(f"jax.interpreters.{name}") for name in ("ad", "batching", "mlir"))
    return Primitives(import_jax("jax.extend.core").Primitive, jax.core.ShapedArray, ad, batching, mlir)


__all__ = [
    "calling_function",
    "has_started",
    "keep_programs_in",
    "missing",
    "primitives",
    "teach_dtype_of",
    "trace_context",
]
