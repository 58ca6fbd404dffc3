"""JAX, imported when first used: building and summarising a model must not pay for it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .late import provided

NO_JAX = (
    "addax computes with JAX, which is not installed here. Install it for your device: `pip install jax` for CPUs, "
    "`pip install 'jax[cuda12]'` for NVIDIA GPUs, `pip install 'jax[tpu]'` for TPUs; or `pip install addax-keras`, "
    "`'addax-keras[cuda]'` or `'addax-keras[tpu]'` for both."
)
_lazy_modules: list[LazyModule] = []


class LazyModule(ModuleType):
    """A stand-in for a module that imports it at the first attribute access."""

    def __init__(self, name: str):
        super().__init__(name)
        _lazy_modules.append(self)

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_jax(self.__name__), name)
        setattr(self, name, value)  # the next access is an ordinary attribute
        return value

    def __dir__(self) -> list[str]:
        return dir(import_jax(self.__name__))


def import_jax(name: str) -> ModuleType:
    """Imports module `name` of JAX: every import of JAX goes through here.

    JAX is told what it is told once, and the global random streams get back what they had: importing JAX draws from
    NumPy's, so that the first seeded run of a process would differ from those after it.
    """
    if name in _imported:
        return importlib.import_module(name)
    tuning = provided("tuning")
    streams = random.getstate(), np.random.get_state()
    try:
        first = not _imported
        if first:
            tuning.before_jax()
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if importlib.util.find_spec("jax") and importlib.util.find_spec("jaxlib"):
                raise  # a part of it, or of what it needs, is missing
            raise ModuleNotFoundError(NO_JAX, name=error.name) from None
        _imported.add(name)
        if first:
            tuning.after_jax(importlib.import_module("jax"))
        return module
    finally:
        random.setstate(streams[0])
        np.random.set_state(streams[1])


_imported: set[str] = set()  # what this module imported: the user may have imported JAX before


def lazy(name: str) -> Any:
    """Returns module `name` without importing it yet."""
    return LazyModule(name)


if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import lax
else:
    jax = lazy("jax")
    jnp = lazy("jax.numpy")
    lax = lazy("jax.lax")


def put(x: Any, placement: Any = None) -> Any:
    """Puts an array on a device. Where memory allows a NumPy array is used as it is, so it must not be changed after.

    Unlike `jnp.asarray`, this compiles nothing.

    Args:
        x: A NumPy array, an array of JAX, or a structure of them.
        placement: A device or a sharding; None for JAX's default device.
    """
    return jax.device_put(x, placement)


def fetch(x: Any) -> Any:
    """A structure of JAX's arrays as NumPy arrays, which are not to be written to.

    As `jax.device_get`, which takes longer than small arrays do.
    """
    if is_jax_array(x):
        return np.asarray(x)
    leaves, structure = jax.tree.flatten(x)
    if len(leaves) > 1 and jax.default_backend() != "cpu":  # all are under way before the first is waited for
        for leaf in leaves:
            if is_jax_array(leaf):
                leaf.copy_to_host_async()
    return jax.tree.unflatten(structure, [np.asarray(leaf) for leaf in leaves])


def is_loaded() -> bool:
    """Returns whether JAX has been imported by anyone in this process."""
    return "jax" in sys.modules


def is_jax_array(x: Any) -> bool:
    """Returns whether `x` is an array of JAX, concrete or traced. Never imports JAX."""
    return is_loaded() and isinstance(x, jax.Array)


def is_tracer(x: Any) -> bool:
    """Returns whether `x` stands for a value that JAX is tracing. Never imports JAX."""
    return is_loaded() and isinstance(x, jax.core.Tracer)


def promoted(*given: Any) -> Any:
    """The dtype that holds what is `given`, arrays or dtypes: to cast to by name, where nothing is promoted silently.

    >>> promoted("bfloat16", "float32")
    dtype('float32')
    """
    with jax.numpy_dtype_promotion("standard"):  # strict promotion would not even tell
        return jnp.result_type(*given)


def has_float64() -> bool:
    """Returns whether JAX holds 64-bit numbers."""
    return bool(jax.config.read("jax_enable_x64"))


def enable_float64() -> None:
    """Lets JAX hold 64-bit floats; called when the user first asks for a float64 policy or floatx."""
    if not has_float64():
        jax.config.update("jax_enable_x64", True)


# Processes that were forked


class ForkedModule(LazyModule):
    """A module of JAX in a process that was forked when JAX had its threads: what computes is refused."""

    # What asks about arrays without computing: code that loads data in such processes may come by it.
    _HARMLESS = frozenset("Array core dtypes errors tree tree_util ShapeDtypeStruct sharding Device".split())

    def __getattr__(self, name: str) -> Any:
        if name not in self._HARMLESS and not name.startswith("__"):
            refuse_if_forked()
        return super().__getattr__(name)


_forked = False
_has_started = False


def is_forked() -> bool:
    """Returns whether this process was forked when JAX had its threads, so that it can't compute with JAX."""
    return _forked


def refuse_if_forked() -> None:
    """Raises RuntimeError in a process that was forked when JAX had its threads."""
    if _forked:
        raise RuntimeError(
            "This process was forked from one in which JAX had computed already. JAX's threads stay behind in the "
            "parent, so computing here would wait for them forever. Start processes that compute with 'spawn': "
            "`multiprocessing.get_context('spawn').Pool(...)`, or `multiprocessing.set_start_method('spawn')` at the "
            "beginning of the program; or fork before anything is computed."
        )


def _before_fork() -> None:
    global _has_started
    # In the parent, as the answer takes a lock that the child may never get.
    _has_started = provided("jax_inside").has_started()


def _after_fork() -> None:
    global _forked
    if not _has_started:
        return
    _forked = True
    for module in _lazy_modules:
        for name in [name for name in vars(module) if not name.startswith("__")]:
            delattr(module, name)
        module.__class__ = ForkedModule


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
