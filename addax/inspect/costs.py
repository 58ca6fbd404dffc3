"""Operations and memory of each layer, counted in one abstract run: no weight is made, nothing compiles."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..core import tree
from ..core.config import thread
from ..core.dtypes import numpy_dtype
from ..core.engine import is_jax_array, jax, lax
from ..core.graph import Node, Operation, node_key
from ..core.masks import get_mask, set_mask
from ..core.state import StateScope
from ..core.tracing import lock
from ..core.types import Tree
from ..layers.input_spec import InputSpec
from ..models.model import Model

UNKNOWN_SIZES = (32, 128, 256)  # tried in order for axes of unknown size, of images and sequences

_MOVES = frozenset(
    "reshape transpose broadcast_in_dim squeeze expand_dims slice dynamic_slice dynamic_update_slice gather "
    "concatenate pad rev convert_element_type bitcast_convert_type copy copy_p iota optimization_barrier stop_gradient "
    "split rng_bit_generator random_bits random_wrap random_unwrap device_put".split()
)
_REDUCE = ("reduce_", "arg", "cum", "sort")
_VIEWS = frozenset("reshape squeeze expand_dims optimization_barrier stop_gradient copy_p".split())


class Shaped(NamedTuple):
    """Shape and dtype of an array that a call takes or returns."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * getattr(self.dtype, "itemsize", 4)


class Call:
    """One call of a layer or op.

    Args:
        operation: The layer or op; None for an input of a model that has no graph.
        parent: The call that it was made in; None for the model's own.

    Attributes:
        path: The calls from the model's to this one.
        children: The calls made in it, in order.
        sources: Those of its siblings whose results it takes.
        flops: Floating point operations of one sample, those of its children not included.
        ins, outs: The arrays that it takes and returns.
        computes: Whether it does more than name its input anew.
        node: Its node in the graph of the model around it; None where that has no graph.
    """

    def __init__(self, operation: Operation | None, parent: Call | None):
        self.operation = operation
        self.path: tuple[Call, ...] = (*(parent.path if parent else ()), self)
        self.children: list[Call] = []
        self.sources: dict[int, Call] = {}
        self.flops = 0.0
        self.ins: list[Shaped] = []
        self.outs: list[Shaped] = []
        self.computes = False
        self.node: Node | None = None
        if parent is not None:
            parent.children.append(self)

    @property
    def total_flops(self) -> float:
        """Operations of the call and of all calls inside it."""
        return self.flops + sum(child.total_flops for child in self.children)

    @property
    def kept(self) -> int:
        """Bytes of the results that it computes, which the backward pass reads: those of its innermost calls."""
        if self.children:
            return sum(child.kept for child in self.children)
        return sum(array.bytes for array in self.outs) if self.computes else 0


class Trace(NamedTuple):
    """The calls of a model.

    Attributes:
        root: The call of the model itself.
        unknown: The size taken for axes of unknown size; None where only that of the batch is unknown.
    """

    root: Call
    unknown: int | None


def trace(model: Model) -> Trace:
    """Runs a model abstractly on a batch of one sample, for inference, and counts what each call does.

    Args:
        model: A built model.

    Raises:
        ValueError: The shapes of its inputs aren't known, or it takes text.
        Exception: What the model's own code raises for these inputs.

    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, use_bias=False, name="d")])
    >>> [(call.operation.name, call.flops) for call in trace(model).root.children if call.flops]
    [('d', 256.0)]
    """
    given = inputs_of(model)
    leaves = tree.flatten(given)
    if takes_text(leaves):
        raise ValueError("The model takes text.")
    sizes: tuple[int | None, ...] = UNKNOWN_SIZES if has_unknown(leaves) else (None,)
    for size in sizes:
        try:
            return Trace(_run(model, given, size), size)
        except Exception:
            if size == sizes[-1]:
                raise
    raise AssertionError("no size was tried")


def takes_text(inputs: list[Any]) -> bool:
    """Returns whether there is text among inputs, objects with `shape` and `dtype`."""
    return any(str(getattr(x, "dtype", None)) == "string" for x in inputs)


def has_unknown(inputs: list[Any]) -> bool:
    """Returns whether the size of an axis of the inputs, besides that of the batch, is unknown."""
    return any(size is None for x in inputs for size in x.shape[1:])


def inputs_of(model: Model) -> list[Any]:
    """Returns for each argument of the model a structure of objects with `shape` and `dtype`."""
    if model._graph is not None:
        return [model.input]
    shapes = getattr(model, "_build_shapes", None)
    if not shapes:
        raise ValueError(f"The shapes of the inputs of '{model.name}' are not known.")

    def spec(shape: tuple) -> InputSpec:
        return InputSpec(shape=(None, *shape[1:]), dtype=model.input_dtype)

    return [tree.map_shape_structure(spec, shape) for shape in shapes.values()]


def _run(model: Model, given: list[Any], unknown: int | None) -> Call:
    def spec(x: Any) -> Any:
        first, *others = x.shape
        sizes = (1 if first is None else first, *(unknown if size is None else size for size in others))
        return jax.ShapeDtypeStruct(sizes, numpy_dtype(x.dtype))

    specs = [spec(x) for x in tree.flatten(given)]
    marker = _Marker()

    def function(*flat: Any) -> list[Any]:
        outputs = model(*tree.pack_sequence_as(given, list(flat)), training=False)
        return [x for x in tree.flatten(outputs) if is_jax_array(x)]

    with lock, StateScope(abstract=True):
        before, thread.probe = thread.probe, marker
        try:
            jaxpr = jax.make_jaxpr(function)(*specs)
        finally:
            thread.probe = before
    root = marker.calls[0]
    operations = [node_key(t).operation for t in model._graph.inputs] if model._graph else [None] * len(specs)
    inputs = [Call(operation, root) for operation in operations]
    root.children[:] = [*inputs, *root.children[: -len(inputs)]]
    for call, x in zip(inputs, specs):
        call.outs = [Shaped(x.shape, x.dtype)]
    counter = _Counter(marker.calls)
    counter.count(jaxpr.jaxpr, root, dict(zip(jaxpr.jaxpr.invars, ({call} for call in inputs))), 1)
    for call in marker.calls:
        _take_from_graph(call)
    return root


def _take_from_graph(call: Call) -> None:
    """Takes what is known of the calls in a model that has a graph from it: it says no more than what users wrote.

    The arrays also say which calls a mask is made from.
    """
    graph = getattr(call.operation, "_graph", None)
    if graph is None:
        return
    seen: Counter[int] = Counter()
    calls = {}
    for child in call.children:
        calls[id(child.operation), seen[id(child.operation)]] = child
        seen[id(child.operation)] += 1
    made: Counter[int] = Counter()
    of_nodes: dict[int, Call] = {}
    for node in graph.nodes:
        found = calls.get((id(node.operation), made[id(node.operation)]))
        made[id(node.operation)] += 1
        if found is None:
            continue
        of_nodes[id(node)], found.node = found, node
        parents = [of_nodes[id(parent)] for parent in node.parent_nodes if id(parent) in of_nodes]
        found.sources = {id(parent): parent for parent in parents}


class _Marker:
    """Marks the equations of each call by a name scope with its number, and its results by an equation of their own.

    The equation is there even for calls that return their input, such as dropout's: without it they would be in no
    jaxpr.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._open: list[tuple[Call, Any]] = []

    def enter(self, operation: Operation, structure: Tree) -> Tree:
        call = Call(operation, self._open[-1][0] if self._open else None)
        scope = jax.named_scope(f"call{len(self.calls)}.")
        self.calls.append(call)
        self._open.append((call, scope))
        call.ins = _arrays(structure)
        scope.__enter__()
        return structure

    def leave(self, structure: Tree) -> Tree:
        call, scope = self._open.pop()
        leaves = tree.flatten(structure)
        arrays = [x for x in leaves if is_jax_array(x)]
        call.outs = _arrays(structure)
        marked = iter(lax.optimization_barrier(arrays) if arrays else ())
        scope.__exit__(None, None, None)

        def one(x: Any) -> Any:
            if not is_jax_array(x):
                return x
            new, mask = next(marked), get_mask(x)
            if mask is not None:
                set_mask(new, mask)
            return new

        return tree.map_structure(one, structure)


def _arrays(structure: Tree) -> list[Shaped]:
    return [Shaped(tuple(x.shape), x.dtype) for x in tree.flatten(structure) if is_jax_array(x)]


class _Counter:
    """Walks a jaxpr: adds each equation to the call that it belongs to, and follows the arrays between calls.

    Of each variable it knows the calls whose results it holds.
    """

    def __init__(self, calls: list[Call]):
        self.calls = calls

    def count(self, jaxpr: Any, outer: Call, held: dict[Any, set[Call]], times: int) -> None:
        """Counts the equations of a jaxpr that stands in a call.

        Args:
            jaxpr: The jaxpr.
            outer: The call.
            held: For each of its variables the calls whose results it holds; those of its equations are added.
            times: How often it runs.
        """
        for eqn in jaxpr.eqns:
            numbers = re.findall(r"call(\d+)\.", str(eqn.source_info.name_stack))
            call = self.calls[int(numbers[-1])] if numbers else outer
            given = [held.get(v, set()) if not hasattr(v, "val") else set() for v in eqn.invars]
            bodies = list(_bodies(eqn))
            for body, repeats in bodies:
                skipped = len(given) - len(
                    body.invars
                )  # the index of `cond`, the constants of the other part of `while`
                inner = dict(zip(body.invars, given[skipped:])) if skipped >= 0 else {}
                self.count(body, call, inner, times * repeats)
            last = bodies[-1][0].outvars if bodies else ()
            if len(last) == len(eqn.outvars):
                results = [inner.get(v, set()) if not hasattr(v, "val") else set() for v in last]
            else:
                call.flops += 0 if bodies else times * flops(eqn)
                call.computes |= eqn.primitive.name not in _VIEWS
                results = [self._combined(call, set().union(*given))] * len(eqn.outvars)
            held.update(zip(eqn.outvars, results))

    def _combined(self, call: Call, given: set[Call]) -> set[Call]:
        """Links a call to those whose results it takes; returns the calls whose results its own results hold."""
        inside = set()
        for source in given:
            shared = 0
            for a, b in zip(source.path, call.path):
                if a is not b:
                    break
                shared += 1
            if shared < min(len(source.path), len(call.path)):
                user = call.path[shared]
                user.sources[id(source.path[shared])] = source.path[shared]
            elif shared < len(source.path):  # made by a call inside this one
                inside.add(source.path[shared])
        return inside or {call}


def _bodies(eqn: Any) -> Iterator[tuple[Any, int]]:
    """Yields the jaxprs inside an equation, and how often each runs (at least); of branches the longest."""
    name = eqn.primitive.name
    found: list[Any] = []
    for value in eqn.params.values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            part = getattr(part, "jaxpr", part)
            if hasattr(part, "eqns"):
                found.append(part)
    if name == "while":
        found = [eqn.params[part].jaxpr for part in ("cond_jaxpr", "body_jaxpr")]
    if name == "cond":
        found = [max(found, key=lambda jaxpr: len(jaxpr.eqns))]
    repeats = eqn.params.get("length", 1) if name == "scan" else 1
    return ((body, repeats) for body in found)


def flops(eqn: Any) -> float:
    """Returns the floating point operations of an equation of a jaxpr: a multiplication and an addition are two.

    Args:
        eqn: An equation without jaxprs inside.
    """
    name = eqn.primitive.name
    out = sum(math.prod(v.aval.shape) for v in eqn.outvars)
    if name in _MOVES:
        return 0.0
    if name == "dot_general":
        (inner, _), _ = eqn.params["dimension_numbers"]
        left = eqn.invars[0].aval.shape
        return 2.0 * out * math.prod(left[axis] for axis in inner)
    if name == "conv_general_dilated":
        kernel = eqn.invars[1].aval.shape
        return 2.0 * out * math.prod(kernel) / kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
    if name == "depthwise_conv":  # addax's own, as the next; kernels end in channels and multiplier
        return 2.0 * out * math.prod(eqn.invars[1].aval.shape[:-2])
    if name == "conv_transpose":
        x, kernel = (v.aval.shape for v in eqn.invars)
        return 2.0 * math.prod(x) * math.prod(kernel) / kernel[-1]
    if name.startswith("reduce_window") or name == "reduce_and":
        return float(out * math.prod(eqn.params.get("window_dimensions", (1,))))
    if name.startswith(_REDUCE):
        return float(sum(math.prod(v.aval.shape) for v in eqn.invars[:1]))
    return float(out)


__all__ = ["Call", "Trace", "flops", "trace"]
