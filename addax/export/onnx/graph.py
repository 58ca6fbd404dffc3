"""Builds ONNX graphs: values, nodes, sizes that are known only when the graph runs, and conversion of programs."""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...core.engine import jax

_MOST_FOLDED = 1 << 16  # largest number of elements of a constant that is computed from a smaller one


class Value(NamedTuple):
    """A value of a graph: a name, or a constant.

    Attributes:
        name: Name in the graph; None for a constant that isn't in it yet.
        constant: The array, or None.
    """

    name: str | None
    constant: np.ndarray | None = None


class Unsupported(ValueError):
    """A primitive that ONNX, or the table of it, lacks."""


Operand = Value | np.ndarray | None
Handler = Callable[["Graph", Any, list[Value]], "Value | list[Value]"]


class Graph:
    """An ONNX graph, or the body of a loop or branch inside one.

    Args:
        onnx: The package onnx.
        handlers: Function from the name of a primitive to the function that converts it.
        parent: The graph that this one is a body in; its values can be used here.
    """

    def __init__(self, onnx: Any, handlers: Callable[[str], Handler | None], parent: Graph | None = None):
        self.onnx = onnx
        self.handlers = handlers
        self.root: Graph = parent.root if parent is not None else self
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.constants: dict[int, tuple[np.ndarray, str]] = {}
        self.weight_names: dict[int, str] = {}
        self.symbols: dict[str, tuple[str, int]] = {}
        self.sizes: dict[str, Value] = {}
        self.taken: set[str] = set()
        self.layers: set[str] = set()  # their names, to find those in the path of an equation
        self.path: str = ""

    # Values and nodes

    def fresh(self, name: str) -> str:
        """Returns a name that no value of the file has."""
        taken, found, count = self.root.taken, name, 0
        while found in taken:
            count = len(taken) if count == 0 else count + 1
            found = f"{name}_{count}"
        taken.add(found)
        return found

    def name(self, x: Operand) -> str:
        """Returns the name of a value; a constant is added to the file on first use."""
        if x is None:
            return ""
        value = Value(None, x) if isinstance(x, np.ndarray) else x
        if value.name is not None:
            return value.name
        array = value.constant
        assert array is not None
        known = self.root.constants.get(id(array))
        if known is None:
            given = self.fresh(self.root.weight_names.get(id(array), "constant"))
            self.root.initializers[given] = array
            known = self.root.constants[id(array)] = (
                array,
                given,
            )  # the array is kept alive, so that its id stays unique
        return known[1]

    def nodes_of(self, kind: str, inputs: Sequence[Operand], outputs: int, **attributes: Any) -> list[Value]:
        """Adds a node with several outputs."""
        names = [self.fresh(kind.lower()) for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, [self.name(x) for x in inputs], names, **attributes))
        return [Value(n) for n in names]

    def node(self, kind: str, *inputs: Operand, **attributes: Any) -> Value:
        """Adds a node and returns its output."""
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def type_of(self, dtype: Any) -> int:
        """Returns ONNX's number of a dtype."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    # Operations that are computed at once for constants

    def cast(self, x: Value, dtype: Any) -> Value:
        """Converts a value to a dtype."""
        if x.constant is not None:
            return Value(None, x.constant.astype(dtype))
        return self.node("Cast", x, to=self.type_of(dtype))

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Permutes axes."""
        if list(order) == list(range(len(order))):
            return x
        if x.constant is not None:
            return Value(None, np.ascontiguousarray(np.transpose(x.constant, order)))
        return self.node("Transpose", x, perm=[int(i) for i in order])

    def reshape(self, x: Value, shape: Sequence[Any]) -> Value:
        """Changes the shape; sizes may be symbols."""
        if x.constant is not None and all(type(d) is int for d in shape):
            return Value(None, x.constant.reshape(shape))
        return self.node("Reshape", x, self.shape(shape, infer=True))

    # Sizes

    def shape(self, sizes: Sequence[Any], infer: bool = False) -> Value:
        """Returns a vector of sizes.

        Args:
            sizes: Ints, or symbolic sizes.
            infer: Whether one unknown size may be -1, for Reshape.
        """
        sizes = [_plain(d) for d in sizes]
        unknown = [i for i, d in enumerate(sizes) if not isinstance(d, int)]
        if infer and len(unknown) == 1 and 0 not in sizes:
            sizes[unknown[0]], unknown = -1, []
        if not unknown:
            return Value(None, np.array(sizes, "int64"))
        return self.node("Concat", *(self.size(d) for d in sizes), axis=0)

    def size(self, size: Any) -> Value:
        """Returns a size as a vector of one element."""
        size = _plain(size)
        if isinstance(size, int):
            return Value(None, np.array([size], "int64"))
        root, text = self.root, str(size)
        if text not in root.sizes:
            # In the outermost graph, where all bodies can use it.
            root.sizes[text] = root._evaluate(ast.parse(text.replace("^", "**"), mode="eval").body)
        return root.sizes[text]

    def scalar(self, size: Any) -> Value:
        """Returns a size as a scalar."""
        return self.reshape(self.size(size), ())

    def _evaluate(self, tree: ast.expr) -> Value:
        if isinstance(tree, ast.Constant):
            return Value(None, np.array([tree.value], "int64"))
        if isinstance(tree, ast.Name) and tree.id in self.symbols:
            name, axis = self.symbols[tree.id]
            return self.node("Shape", Value(name), start=axis, end=axis + 1)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return self.node("Neg", self._evaluate(tree.operand))
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
            return self.node(_OPERATORS[type(tree.op)], self._evaluate(tree.left), self._evaluate(tree.right))
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            args = [self._evaluate(x) for x in tree.args]
            if tree.func.id == "floordiv":  # ONNX's division of integers truncates
                return self.node("Div", self.node("Sub", args[0], self.node("Mod", *args)), args[1])
            if tree.func.id in _FUNCTIONS:
                return self.node(_FUNCTIONS[tree.func.id], *args)
        raise Unsupported(f"The size '{ast.unparse(tree)}' can't be computed in ONNX.")

    # Programs

    def convert(self, closed: Any, args: Sequence[Value], wanted: Sequence[bool] | None = None) -> list[Value]:
        """Adds the equations of a program and returns its outputs.

        Args:
            closed: The program: a closed jaxpr, or one without constants.
            args: Its arguments.
            wanted: Whether each output is used; None for all. Unused ones may be placeholders.
        """
        jaxpr, constants = (closed.jaxpr, closed.consts) if hasattr(closed, "consts") else (closed, [])
        known: dict[Any, Value] = {v: Value(None, np.asarray(c)) for v, c in zip(jaxpr.constvars, constants)}
        known.update(zip(jaxpr.invars, args))

        def read(atom: Any) -> Value:
            return Value(None, np.asarray(atom.val, atom.aval.dtype)) if hasattr(atom, "val") else known[atom]

        for equation, used in _live(jaxpr, wanted):
            inputs = [read(v) for v in equation.invars]
            for variable, value in zip(equation.outvars, self._equation(equation, inputs, used)):
                known[variable] = value
        wanted = wanted or [True] * len(jaxpr.outvars)
        return [read(v) if w else Value(None, np.zeros((), "float32")) for v, w in zip(jaxpr.outvars, wanted)]

    def _equation(self, equation: Any, inputs: list[Value], used: list[bool]) -> list[Value]:
        name = equation.primitive.name
        inner = next((equation.params[k] for k in _PROGRAMS if k in equation.params), None)
        outer, own = self.root.path, str(equation.source_info.name_stack)
        self.root.path = "/".join(p for p in (outer, own) if p)
        try:
            if inner is not None and name not in _WITH_BODIES:
                return self.convert(inner, inputs, used)
            if _is_foldable(equation, inputs):
                return _folded(equation, inputs)
            handler = self.handlers(name)
            if handler is None:
                self.refuse(name, "ONNX has no operation for it, or addax doesn't know it")
            found = handler(self, equation, inputs)
            return [found] if isinstance(found, Value) else found
        finally:
            self.root.path = outer

    def refuse(self, primitive: str, reason: str) -> NoReturn:
        """Raises the error for a primitive that can't be converted, naming the layer that computes it."""
        layer = next((part for part in reversed(self.root.path.split("/")) if part in self.root.layers), None)
        where = f"The layer '{layer}'" if layer else "The model"
        raise Unsupported(
            f"{where} computes with JAX's primitive '{primitive}': {reason}. Export the model in the format "
            "'stablehlo', which has all of them, or replace the layer."
        )

    # Bodies of loops and branches

    def body(self, name: str, inputs: Sequence[tuple[Any, tuple]], build: Callable[[Graph, list[Value]], list]) -> Any:
        """Returns the body of a loop or branch.

        Args:
            name: Name of the graph.
            inputs: Dtype and shape of each input.
            build: Function of the body and its inputs that returns pairs of an output and its dtype.
        """
        graph, helper = Graph(self.onnx, self.handlers, self), self.onnx.helper
        names = [self.fresh("input") for _ in inputs]
        infos = [helper.make_tensor_value_info(n, self.type_of(t), sizes) for n, (t, sizes) in zip(names, inputs)]
        outputs = []
        for value, dtype in build(graph, [Value(n) for n in names]):
            # A node of its own: an output may be an input, a constant, or the same as another output.
            made = graph.node("Identity", value)
            outputs.append(helper.make_tensor_value_info(made.name, self.type_of(dtype), None))
        return helper.make_graph(graph.nodes, self.fresh(name), infos, outputs)


_OPERATORS: dict[type, str] = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Pow: "Pow"}
_FUNCTIONS = {"mod": "Mod", "max": "Max", "min": "Min"}
_PROGRAMS = ("call_jaxpr", "jaxpr", "fun_jaxpr")
_WITH_BODIES = ("scan", "while", "cond", "reduce_window", "reduce", "custom_linear_solve")


def _plain(size: Any) -> Any:
    return size if isinstance(size, int) or not hasattr(size, "__index__") or _is_symbol(size) else operator.index(size)


def _is_symbol(size: Any) -> bool:
    return jax.export.is_symbolic_dim(size)


def _live(jaxpr: Any, wanted: Sequence[bool] | None) -> list[tuple[Any, list[bool]]]:
    """Returns the equations that the wanted outputs depend on, each with flags of its used outputs."""
    wanted = wanted or [True] * len(jaxpr.outvars)
    needed = {v for v, w in zip(jaxpr.outvars, wanted) if w and not hasattr(v, "val")}
    found = []
    for equation in reversed(jaxpr.eqns):
        used = [v in needed for v in equation.outvars]
        if any(used):
            found.append((equation, used))
            needed |= {v for v in equation.invars if not hasattr(v, "val")}
    return found[::-1]


def _is_foldable(equation: Any, inputs: list[Value]) -> bool:
    """Tests whether an equation is computed now: it has constant inputs, and isn't random (drawn anew in each run)."""
    name = equation.primitive.name
    if name in (*_WITH_BODIES, "dim_as_value") or name.startswith(("random_", "threefry")):
        return False
    shapes = [v.aval.shape for v in equation.outvars]
    if any(x.constant is None for x in inputs) or not all(type(d) is int for s in shapes for d in s):
        return False
    count = sum(math.prod(s) for s in shapes)
    return count <= max(_MOST_FOLDED, sum(x.constant.size for x in inputs if x.constant is not None))


def _folded(equation: Any, inputs: list[Value]) -> list[Value]:
    bind = functools.partial(equation.primitive.bind, *[x.constant for x in inputs], **equation.params)
    found = bind()
    return [Value(None, np.asarray(x)) for x in (found if equation.primitive.multiple_results else [found])]
