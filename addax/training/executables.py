"""Compiled programs, kept by what they compute and what they are given.

JAX keeps what a jitted function was compiled to by its static arguments, and a description could be one. Three things
keep that from being enough: which options XLA gets follows from each program's own operations; programs are traced on
the caller's thread, one at a time, and compiled beside it, so it must be known beforehand whether there is one already;
and JAX keeps thousands of entries for as long as the process lives, where a search over architectures would run out of
memory. So programs are compiled ahead of time, and kept here for the descriptions that were used last.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import config as settings
from ..core import tracing
from ..core.compile_time import compiling
from ..core.engine import jax
from ..core.fingerprint import Description
from ..core.jax_inside import trace_context
from .xla import compiler_options

Function = Callable[..., Any]  # of a description, a static argument, the state and further arguments


class SharingError(RuntimeError):
    """Raised where two models share a program and compute different things: a description lacks something."""


class Executable:
    """A program that is compiled by whoever first needs it, or beside other work.

    Args:
        traced: The program as JAX traced it.
        options: Options for XLA.
        description: Of whom it was traced.
    """

    def __init__(self, traced: Any, options: dict[str, Any], description: Description):
        self._lowered = traced.lower()
        self._options = options
        self._run: Any = None
        self._lock = threading.Lock()
        self.description = description
        # Only what verifying compares is kept: a jaxpr takes memory.
        self.jaxpr = traced.jaxpr if settings.get("verify_sharing") else None

    def get(self) -> Callable:
        """The compiled program; waits for it."""
        if self._run is None:
            with compiling(), self._lock:
                if self._run is None:
                    self._run = self._lowered.compile(compiler_options=self._options)
                    self._lowered = None
        return self._run

    @property
    def is_ready(self) -> bool:
        """Whether it is compiled."""
        return self._run is not None

    def compile_beside(self) -> None:
        """Compiles in another thread while this one goes on."""

        def work() -> None:
            try:
                self.get()
            except Exception:
                return  # whoever needs it compiles it again, and is told what is wrong

        threading.Thread(target=work, daemon=True, name="addax-compile").start()


class Executables:
    """The programs of one description.

    Attributes:
        traces: How many programs were traced.
        no_loop: By what steps are given, why they don't run in a loop on the device; "" where they do.
        seconds: About how long such a step takes.
    """

    def __init__(self) -> None:
        self.traces = 0
        self.no_loop: dict[Any, str] = {}
        self.seconds: dict[Any, float] = {}
        self._parts: dict[Function, Any] = {}
        self._programs: dict[Any, Executable] = {}

    def part(self, kind: str, function: Function) -> Any:
        """`function` as a part of programs, traced once for each kind of arguments."""
        if function not in self._parts:
            self._parts[function] = jax.jit(_own(function, kind), static_argnums=(0, 1))
        return self._parts[function]

    def find(
        self, description: Description, function: Function, static: Any, args: tuple, rows: int, donates: bool
    ) -> Executable:
        """The program of `function` for such arguments.

        Args:
            description: Of what is computed.
            function: What is traced, of the description, `static` and `args`.
            static: What is no array among its arguments.
            args: The state and further arguments: arrays, or specs of them.
            rows: Rows of a batch.
            donates: Whether the program takes over the buffers of the state.
        """
        key = (description, function, static, _described(args), trace_context())
        with tracing.lock:
            found = self._programs.get(key)
            if found is None:
                with compiling():
                    traced = _trace(description, function, static, args, donates)
                    self.traces += 1
                    found = Executable(traced, compiler_options(traced.jaxpr, description.kind, rows), description)
                    self._programs[key] = found
            elif settings.get("verify_sharing") and found.description is not description:
                self._verify(found, description, function, static, args, donates)
        return found

    def _verify(self, found: Executable, description: Description, *what: Any) -> None:
        """Raises SharingError unless tracing for `description` gives the program that is shared."""
        if found.jaxpr is None:  # compiled while the setting was off
            return
        parts, self._parts = self._parts, {}  # or what is traced once would be taken from there
        try:
            jaxpr = _trace(description, *what).jaxpr
        finally:
            self._parts = parts
        difference = first_difference(found.jaxpr, jaxpr)
        if difference:
            raise SharingError(
                f"The {description.kind} program of {description.label} is shared with {found.description.label}, as "
                f"they are described alike, but computes something else. {difference} The class that owns what differs "
                "must describe it: see `_about` in core/fingerprint.py."
            )


def _own(function: Function, kind: str) -> Function:
    """`function` as one of its own: what JAX keeps for it goes when it goes."""

    def run(*args: Any) -> Any:
        return function(*args)

    run.__name__ = run.__qualname__ = f"{kind}_{function.__name__.strip('_')}"
    return run


def _trace(description: Description, function: Function, static: Any, args: tuple, donates: bool) -> Any:
    own = _own(function, description.kind)
    jitted = jax.jit(own, static_argnums=(0, 1), donate_argnums=(2,) if donates else ())
    return jitted.trace(description, static, *args)


def spec_of(arrays: Any) -> tuple:
    """A hashable value, equal for structures of arrays of the same shapes and dtypes."""
    if type(arrays) is np.ndarray:
        return (arrays.shape, arrays.dtype)
    leaves, structure = jax.tree_util.tree_flatten(arrays)
    return (structure, *[(a.shape, a.dtype) for a in leaves])


def _described(arrays: Any) -> tuple:
    """As `spec_of`, with the devices of arrays that were put on some."""
    leaves, structure = jax.tree_util.tree_flatten(arrays)
    return (structure, *[(a.shape, np.dtype(a.dtype), _place(a)) for a in leaves])


def _place(array: Any) -> Any:
    return array.sharding if getattr(array, "committed", False) else None


_ADDRESS = re.compile(r"0x[0-9a-f]+")


def first_difference(one: Any, other: Any) -> str:
    """The first equation in which two jaxprs differ; empty where they are the same.

    >>> make = jax.make_jaxpr
    >>> first_difference(make(lambda x: x + 1)(1.0), make(lambda x: x + 1)(1.0))
    ''
    >>> first_difference(make(lambda x: x + 1)(1.0), make(lambda x: x + 2)(1.0))
    'First difference: `b:f32[] = add a 1.0:f32[]` there, `b:f32[] = add a 2.0:f32[]` here.'
    """
    lines, others = (_ADDRESS.sub("0x", str(jaxpr)).splitlines() for jaxpr in (one, other))
    for line, another in zip(lines, others):
        if line != another:
            return f"First difference: `{_equation(line)}` there, `{_equation(another)}` here."
    if len(lines) != len(others):
        longer = lines if len(lines) > len(others) else others
        return f"Only one of them has `{_equation(longer[min(len(lines), len(others))])}`."
    for constant, another in zip(_constants(one), _constants(other)):
        if not np.array_equal(constant, another):
            return f"First difference: a constant of shape {np.shape(constant)}."
    return ""


def _equation(line: str) -> str:
    line = line.strip()
    if line.startswith("{ lambda") and " let " in line:
        line = line.partition(" let ")[2]
    return line.partition(" in (")[0].strip()


def _constants(jaxpr: Any) -> list:
    """The arrays that a jaxpr holds, those of the jaxprs inside it included."""
    found = [np.asarray(c) for c in getattr(jaxpr, "consts", ())]
    for equation in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        for value in equation.params.values():
            for part in value if isinstance(value, (list, tuple)) else [value]:
                if hasattr(part, "eqns") or hasattr(part, "jaxpr"):
                    found += _constants(part)
    return found


class Shared:
    """The programs of the descriptions that were used last."""

    most = 32

    def __init__(self) -> None:
        self._kept: OrderedDict[Description, Executables] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, description: Description) -> Executables:
        """The programs of a description; of their own for one of which it isn't known what it computes."""
        if not description.is_known:
            return Executables()
        with self._lock:
            found = self._kept.pop(description, None) or Executables()
            self._kept[description] = found
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forgets all of them."""
        with self._lock:
            self._kept.clear()


shared = Shared()


def dict_keys(data: Any) -> frozenset[str]:
    """The keys of the dicts in a structure of arrays.

    >>> sorted(dict_keys(({"a": 1, "b": [{"c": 2}]}, 3)))
    ['a', 'b', 'c']
    """
    if isinstance(data, dict):
        return frozenset(data).union(*map(dict_keys, data.values()))
    return frozenset().union(*map(dict_keys, data)) if isinstance(data, (list, tuple)) else frozenset()
