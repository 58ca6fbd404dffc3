"""Every op against Keras: values, dtypes, gradients, symbolic shapes, and what files say of it.

A case is a call. `X(...)` stands for a tensor in it: an array for the computation, a symbolic tensor (whose first size
is unknown, where Keras can do that too) for the symbolic call.
"""

from __future__ import annotations

import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from addax import ops
from addax.core.graph import OpCall
from addax.core.keras_tensor import KerasTensor
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from tests.xla import QUICK

keras = pytest.importorskip("keras")


class X:
    """A tensor of a case: its shape, dtype and range; `value` instead where the numbers matter."""

    def __init__(self, *shape, dtype="float32", low=-2.0, high=2.0, value=None, unknown=True):
        self.given = value
        self.shape = tuple(np.shape(value)) if value is not None else shape
        self.dtype, self.low, self.high, self.unknown = dtype, low, high, unknown

    def __repr__(self):
        return f"X{self.shape}"

    def array(self, seed):
        if self.given is not None:
            return np.asarray(self.given, self.dtype)
        draw = np.random.default_rng(seed).uniform(self.low, self.high, self.shape)
        if self.dtype == "bool":
            return draw > (self.low + self.high) / 2
        if self.dtype == "complex64":
            return (draw + 1j * draw[::-1]).astype(self.dtype)
        return np.floor(draw).astype(self.dtype) if "int" in self.dtype else draw.astype(self.dtype)

    def symbol(self, make):
        shape = (None, *self.shape[1:]) if self.shape and self.unknown else self.shape
        return make(shape, self.dtype)


class Case:
    """`op(*args, **kwargs)`.

    Args:
        symbolic: "unknown": compared with Keras with an unknown batch size; "known": with known sizes (Keras can't do
            the other); None: eager only.
        grad: Whether the gradients are compared.
        jit: Whether the call can be compiled.
        rtol, atol: Tolerances of values; gradients get ten times that.
        config: Whether the recorded config is compared.
    """

    def __init__(self, op, *args, symbolic="unknown", grad=None, jit=True, rtol=1e-5, atol=1e-6, config=True, **kwargs):
        self.op, self.args, self.kwargs, self.jit = op, args, kwargs, jit
        self.symbolic, self.grad, self.rtol, self.atol, self.config = symbolic, grad, rtol, atol, config

    def __str__(self):
        def text(a):
            if isinstance(a, (list, tuple)):
                return "[" + ",".join(text(v) for v in a) + "]"
            if isinstance(a, X):
                return f"{a.dtype[:1] if a.dtype == 'float32' else a.dtype}{list(a.shape)}"
            return str(a) if not callable(a) else "fn"

        inner = [text(a) for a in self.args] + [f"{k}={text(v)}" for k, v in self.kwargs.items()]
        return f"{self.op}({','.join(inner)})".replace(" ", "")

    __repr__ = __str__


def find(root, name):
    for part in name.split("."):
        root = getattr(root, part)
    return root


def tensors(case):
    return [leaf for leaf in leaves((case.args, case.kwargs)) if isinstance(leaf, X)]


def leaves(structure):
    if isinstance(structure, dict):
        return [x for v in structure.values() for x in leaves(v)]
    if isinstance(structure, (list, tuple)):
        return [x for v in structure for x in leaves(v)]
    return [structure]


def fill(structure, values):
    if isinstance(structure, X):
        return next(values)
    if isinstance(structure, dict):
        return {k: fill(v, values) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(fill(v, values) for v in structure)
    return structure


def call(root, case, values):
    args, kwargs = fill((case.args, case.kwargs), iter(values))
    out = find(root, case.op)(*args, **kwargs)
    return leaves(list(out) if isinstance(out, tuple) else out)


def check(case):
    arrays = [jnp.asarray(x.array(i)) for i, x in enumerate(tensors(case))]
    functions = [lambda values: call(keras.ops, case, values), lambda values: call(ops, case, values)]
    if case.symbolic and arrays:
        functions.append(check_symbolic(case))
    inexact = [i for i, x in enumerate(tensors(case)) if x.dtype == "float32"]

    def run(arrays):
        outs = [f(arrays) for f in functions]
        floats = any(jnp.issubdtype(o.dtype, jnp.floating) for o in outs[0])
        if not ((inexact and floats) if case.grad is None else case.grad):
            return outs, []
        return outs, [jax.grad(weighted(f, arrays, inexact))([arrays[i] for i in inexact]) for f in functions[:2]]

    # One program for all: what both do alike is compiled once, which is what makes this quick.
    (expected, *others), gradients = (jax.jit(run, compiler_options=QUICK) if case.jit else run)(arrays)
    for got in others:
        assert [(e.shape, e.dtype) for e in expected] == [(g.shape, g.dtype) for g in got]
        for e, g in zip(expected, got):
            np.testing.assert_allclose(
                np.asarray(g, "complex128"), np.asarray(e, "complex128"), rtol=case.rtol, atol=case.atol
            )
    for e, g in zip(*gradients) if gradients else ():
        np.testing.assert_allclose(g, e, rtol=case.rtol * 10, atol=case.atol * 10)


def weighted(fn, arrays, inexact):
    """A loss of the float outputs of `fn`, whose weights differ from element to element: a gradient in the wrong place
    shows."""

    def loss(xs):
        values = list(arrays)
        for i, x in zip(inexact, xs):
            values[i] = x
        outs = [o for o in fn(values) if jnp.issubdtype(o.dtype, jnp.floating)]
        return sum(jnp.sum(o * np.cos(np.arange(o.size, dtype=o.dtype)).reshape(o.shape)) for o in outs)

    return loss


def check_symbolic(case):
    """Compares the symbolic calls; returns the op that a file would bring back, as a function of the arrays."""

    def symbols(make):
        return [x.symbol(make) if case.symbolic == "unknown" else make(x.shape, x.dtype) for x in tensors(case)]

    expected = call(keras.ops, case, symbols(keras.KerasTensor))
    ours = symbols(KerasTensor)
    got = call(ops, case, ours)
    assert [(tuple(t.shape), t.dtype) for t in got] == [(tuple(t.shape), t.dtype) for t in expected]
    operation = got[0]._keras_history.operation
    assert isinstance(operation, OpCall)
    config = json.loads(json.dumps(serialize_keras_object(operation)))
    if case.config:
        reference = json.loads(json.dumps(keras.saving.serialize_keras_object(expected[0]._keras_history.operation)))
        reference["config"]["name"] = config["config"]["name"]
        assert config == reference
    node = operation._inbound_nodes[0]
    restored = deserialize_keras_object(config)

    def replace(structure, table):
        if isinstance(structure, dict):
            return {k: replace(v, table) for k, v in structure.items()}
        if isinstance(structure, (list, tuple)):
            return type(structure)(replace(v, table) for v in structure)
        return table.get(id(structure), structure)

    def run(values):
        table = {id(s): v for s, v in zip(ours, values)}
        out = restored(*replace(node.args, table), **replace(node.kwargs, table))
        return leaves(list(out) if isinstance(out, tuple) else out)

    return run


F = X(3, 4)
G = X(3, 4, low=-1.0, high=3.0)
P = X(3, 4, low=0.1, high=2.0)
U = X(3, 4, low=-0.9, high=0.9)
I = X(3, 4, dtype="int32", low=-5, high=6)
J = X(3, 4, dtype="int32", low=1, high=6)
B = X(3, 4, dtype="bool")
N = X(value=[[1.0, np.nan, 3.0, -2.0], [np.nan, 5.0, 0.5, 1.0]])
EDGE = X(value=[[0.0, -0.0, 1.0, -1.0, 6.0, 3.0, -3.0, 0.5]])

UNARY = {
    F: "absolute ceil conjugate copy cos cosh deg2rad exp exp2 expm1 fabs floor imag isfinite isinf isnan isneginf "
    "isposinf isreal logical_not negative rad2deg real reciprocal sign signbit sin sinc sinh square tan "
    "tanh trunc i0 ravel fliplr flipud angle cbrt",
    P: "log log10 log1p log2 sqrt",
    U: "arccos arcsin arctan arctanh arcsinh",
    X(3, 4, low=1.1, high=4.0): "arccosh",
    I: "absolute ceil exp floor negative sign square sqrt log bitwise_invert bitwise_not trunc reciprocal isfinite "
    "sin cbrt exp2 fabs angle real",
    B: "logical_not cos absolute exp",
    X(3, 4, dtype="float16"): "exp sqrt tanh square sign cbrt",
    X(3, 4, dtype="bfloat16"): "exp tanh",
    X(3, 4, dtype="int8"): "exp square mean sum absolute",
    X(3, 4, dtype="complex64"): "conjugate exp isreal",
}
BINARY = {
    (F, P): "add arctan2 divide equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot less "
    "less_equal logaddexp logaddexp2 maximum minimum mod multiply not_equal subtract true_divide divide_no_nan "
    "isclose allclose outer kron inner vdot",
    (P, F): "power",
    (J, J): "add divide floor_divide gcd lcm mod power multiply true_divide maximum bitwise_and bitwise_or "
    "bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift arctan2 logaddexp hypot heaviside",
    (I, F): "add multiply maximum divide subtract equal less",
    (F, X(3, 1, dtype="int32", low=-2, high=3)): "ldexp",
    (I, 2): "add multiply divide floor_divide mod maximum power",
    (I, 2.5): "add multiply divide maximum less subtract mod",
    (F, 2): "add multiply power divide floor_divide",
    (2.0, F): "subtract divide add",
    (X(3, 4, dtype="float16"), 1.5): "add multiply maximum power",
    (X(3, 4, dtype="bfloat16"), F): "add multiply",
    (X(3, 4, dtype="int8"), X(3, 4, dtype="uint8", low=0, high=5)): "add multiply",
    (X(3, 4, dtype="int8"), I): "add",
    (B, B): "logical_and logical_or logical_xor add multiply maximum equal bitwise_and",
    (B, F): "add multiply logical_and",
    (F, X(4, unknown=False)): "add multiply maximum",
    (F, X(3, 1)): "add multiply",
}
REDUCTIONS = (
    "all any amax amin argmax argmin max mean median min nanmax nanmean nanmin nanprod nanstd nansum nanvar prod ptp "
    "std sum var count_nonzero nanmedian"
)

NUMPY = [
    *(Case(name, x) for x, names in UNARY.items() for name in names.split()),
    *(Case(name, *xs) for xs, names in BINARY.items() for name in names.split()),
    # Keras's symbolic results are complex.
    *(Case(name, X(3, 4, dtype="complex64"), symbolic=None) for name in ["absolute", "real", "imag", "angle"]),
    *(Case(name, F, axis=1) for name in REDUCTIONS.split()),
    *(Case(name, I) for name in REDUCTIONS.split()),
    *(Case(name, F, axis=(0, 1)) for name in ["sum", "mean", "max", "std", "var", "any"]),
    *(
        Case(name, F, axis=-1, keepdims=True)
        for name in ["sum", "mean", "argmax", "max", "std", "var", "prod", "all", "median"]
    ),
    *(Case(name, B, axis=1) for name in ["sum", "mean", "max", "any", "argmax", "prod", "std"]),
    *(Case(name, X(3, 4, dtype="float16"), axis=1) for name in ["sum", "mean", "max", "std", "var"]),
    *(
        Case(name, N, axis=1, grad=False)
        for name in ["nanmax", "nanmin", "nanmean", "nansum", "nanargmax", "nanargmin", "nanstd"]
    ),
    Case("sum", F, axis=[0, 1]),
    Case("prod", I, dtype="float32"),
    Case("max", F, axis=1, initial=5.0),
    Case("average", F, axis=1),
    Case("average", F, axis=0, weights=X(3, low=0.1, high=1.0), symbolic="known"),
    Case("average", I),
    *(Case(name, F, axis=1) for name in ["cumsum", "cumprod", "nancumsum", "nancumprod"]),
    Case("cumsum", I),
    Case("cumsum", B, axis=1),
    Case("cumsum", I, axis=1, dtype="float32"),
    *(Case(name, F, 0.3, axis=1) for name in ["quantile", "nanquantile"]),
    *(Case(name, F, 30.0, axis=1) for name in ["percentile", "nanpercentile"]),
    Case("quantile", F, X(value=[0.2, 0.7], unknown=False), axis=1, keepdims=True, method="nearest", grad=False),
    Case("nextafter", F, G, grad=False),
    Case("trapezoid", F),
    Case("trapezoid", F, dx=0.5, axis=1),
    Case("clip", F, -1.0, 1.0),
    Case("clip", I, -1, 2),
    Case("clip", I, 0.5, 2, symbolic=None),  # symbolic Keras says int32
    Case("clip", EDGE, 0.0, 6.0),
    Case("round", F, decimals=1),
    Case("round", F),
    Case("round", I),
    Case("nan_to_num", N, grad=False),
    Case("nan_to_num", N, nan=2.0, grad=False),
    Case("isclose", F, F, rtol=1e-3),
    Case("view", F, "int32"),
    Case("divide_no_nan", F, X(value=[[0.0, 1.0, 0.0, 2.0]], unknown=False)),
    Case("maximum", EDGE, 0.0),
    Case("absolute", EDGE),
    Case("sign", EDGE),
    # shapes
    Case("append", F, F, axis=1),
    Case("append", F, F, symbolic="known"),
    Case("array_split", F, 3, axis=1),
    Case("broadcast_to", X(3, 1, unknown=False), (2, 3, 4)),
    Case("concatenate", [F, G], axis=-1),
    Case("concatenate", [F, I], axis=1),
    Case("concatenate", [F, F]),
    Case("diag", X(4, unknown=False)),
    Case("diag", X(4, 4), 1, symbolic="known"),
    Case("diagflat", X(4, unknown=False)),
    Case("diagonal", X(3, 4, 4), axis1=1, axis2=2),
    Case("dstack", [F, F]),
    Case("hstack", [F, F]),
    Case("vstack", [F, F]),
    Case("dsplit", X(2, 3, 4), 2),
    Case("hsplit", X(2, 4, 3), 2),
    Case("vsplit", X(4, 3), 2, symbolic="known"),
    Case("expand_dims", F, 1),
    Case("expand_dims", F, (0, -1)),
    Case("flip", F, 1),
    Case("flip", F),
    Case("moveaxis", X(2, 3, 4), 1, -1),
    Case("moveaxis", X(2, 3, 4), (0, 1), (1, 2)),
    Case("pad", F, ((0, 0), (1, 2))),
    Case("pad", F, [[0, 0], [1, 2]], constant_values=1.5),
    Case("pad", F, 1),
    Case("pad", F, ((0, 0), (1, 2)), mode="reflect"),
    Case("repeat", F, 2, axis=1),
    Case("repeat", F, 2, symbolic="known"),
    Case("repeat", F, np.array([1, 2, 0, 1]), axis=1, symbolic=None, jit=False),
    Case("reshape", F, (-1, 2, 2)),
    Case("reshape", F, (-1,)),
    Case("reshape", F, (3, 4), symbolic="known"),
    Case("reshape", F, -1),
    Case("roll", F, 1, axis=1),
    Case("roll", F, 2),
    Case("rot90", X(2, 3, 4), axes=(1, 2)),
    Case("split", F, 2, axis=1),
    Case("split", F, [1, 3], axis=-1),
    Case("squeeze", X(3, 1, 4), 1),
    Case("squeeze", X(3, 1, 4), symbolic="known"),
    Case("stack", [F, G], axis=1),
    Case("stack", [F, I]),
    Case("swapaxes", X(2, 3, 4), 1, 2),
    Case("tile", F, (1, 2)),
    Case("tile", F, 2),
    Case("transpose", X(2, 3, 4), (0, 2, 1)),
    Case("transpose", F),
    # indices
    Case("argpartition", F, 2, grad=False),
    Case("argsort", F),
    Case("argsort", F, axis=None, symbolic="known"),
    Case("sort", F),
    Case("sort", I, axis=0),
    Case("bincount", X(6, dtype="int32", low=0, high=4, unknown=False), symbolic=None, jit=False),
    Case("bincount", X(2, 6, dtype="int32", low=0, high=4), symbolic=None, jit=False),
    Case("bincount", X(6, dtype="int32", low=0, high=4), weights=X(6), minlength=7, symbolic=None, jit=False),
    Case("digitize", F, X(value=[-1.0, 0.0, 1.0], unknown=False)),
    Case("get_item", F, (slice(None), 1)),
    Case("get_item", F, (slice(None), slice(1, None, 2))),
    Case("get_item", F, (Ellipsis, None)),
    Case("get_item", F, 0),
    Case("histogram", X(9), bins=4, symbolic="known", grad=False),
    Case("isin", I, X(value=[1, 2], dtype="int32", unknown=False)),
    Case("nonzero", I, symbolic=None, jit=False),
    Case("searchsorted", X(value=[-1.0, 0.0, 1.0], unknown=False), X(5)),
    Case("searchsorted", X(value=[-1.0, 0.0, 1.0], unknown=False), X(5), side="right"),
    Case("select", [B, B], [F, I], 0.0),
    Case("take", F, X(value=[0, 2], dtype="int32", unknown=False), axis=1),
    Case("take", F, [0, -1], axis=1),
    Case("take", F, 1, axis=1),
    Case("take", F, X(2, 3, dtype="int32", low=0, high=11), symbolic="known"),
    Case("take", F, [[0, 9]], axis=1, symbolic=None),
    Case("take_along_axis", F, X(3, 2, dtype="int32", low=0, high=4), axis=1),
    Case("tril", F),
    Case("triu", F, 1),
    Case("unique", I, symbolic=None, jit=False),
    Case("unique", I, size=5, return_counts=True, symbolic=None, jit=False),
    Case("unravel_index", X(value=[3, 5], dtype="int32"), (2, 3), symbolic=None),
    Case("where", B, F, G),
    Case("where", B, F, 0.0),
    Case("where", B, I, 1.5),
    Case("where", B, symbolic=None, jit=False),
    # made from nothing
    Case("arange", 5),
    Case("arange", 1, 3, 0.5),
    Case("arange", 5, dtype="float32"),
    Case("array", [1, 2]),
    Case("array", F),
    *(Case(name, 6, jit=False) for name in ["bartlett", "blackman", "hamming", "hanning"]),
    Case("kaiser", 6, 2.0, jit=False),
    Case("empty", (2, 3)),
    Case("eye", 3),
    Case("eye", 3, 4, k=1, dtype="int32"),
    Case("full", (2, 3), 7),
    Case("full", (2,), 7.5, dtype="float16"),
    Case("full_like", I, 3.7),
    Case("full_like", F, 2),
    Case("geomspace", 1.0, 8.0, num=4),
    Case("identity", 3),
    Case("linspace", 0, 1, num=5),
    Case("linspace", F, G, num=3, axis=-1),
    Case("linspace", 0.0, 1.0, num=5, endpoint=False, retstep=True),
    Case("logspace", 0, 2, num=3),
    Case("logspace", F, G, num=3),
    Case("meshgrid", X(3, unknown=False), X(2, unknown=False)),
    Case("meshgrid", X(3, unknown=False), X(2, unknown=False), indexing="ij"),
    Case("ones", (2, 3), dtype="int32"),
    Case("ones_like", I),
    Case("ones_like", I, dtype="float32"),
    Case("tri", 3, 4, k=-1),
    Case("vander", X(3, unknown=False)),
    Case("zeros", 3),
    Case("zeros_like", F),
    Case("empty_like", F),
    # products
    Case("matmul", X(2, 3, 4), X(2, 4, 5)),
    Case("matmul", F, X(4, unknown=False)),
    Case("matmul", X(3, 4, dtype="int8"), X(4, 2, dtype="int8", unknown=False)),
    Case("matmul", I, X(4, 2, unknown=False)),
    Case("dot", F, X(4, 2, unknown=False)),
    Case("einsum", "ij,jk->ik", F, X(4, 5, unknown=False)),
    Case("einsum", "bij,bkj->bik", X(2, 3, 4), X(2, 5, 4)),
    Case("tensordot", F, X(4, 5, unknown=False), axes=1),
    Case("tensordot", X(2, 3, 4), X(3, 5, 2, unknown=False), axes=[[1], [0]]),
    Case("inner", X(4, unknown=False), X(4, unknown=False)),
    Case("cross", X(2, 3), X(2, 3)),
    Case("correlate", X(6, unknown=False), X(3, unknown=False), mode="same"),
    Case("correlate", X(6, dtype="int32", unknown=False), X(3, dtype="int32", unknown=False)),
    Case("corrcoef", F, symbolic=None),  # symbolic Keras gives the shape of x
    Case("diff", F),
    Case("diff", F, n=2, axis=1),
    Case("trace", X(2, 3, 3), axis1=1, axis2=2),
    Case("slogdet", X(2, 3, 3), symbolic=None),  # symbolic Keras gives the sign shape ()
]


# Functions, where a file could not hold them, are eager only.
CORE = [
    Case("cast", F, "float16"),
    Case("cast", F, "int32"),
    Case("cast", I, "bool"),
    Case("saturate_cast", X(3, 4, low=-300.0, high=300.0), "int8"),
    Case("saturate_cast", I, "uint8"),
    Case("convert_to_tensor", F),
    Case("convert_to_tensor", I, dtype="float32"),
    Case("stop_gradient", F),
    Case("unstack", F, axis=1),
    Case("unstack", X(3, 4, unknown=False), num=3),
    Case("slice", F, (0, 1), (2, 2)),
    Case("slice", F, X(value=[0, 1], dtype="int32", unknown=False), (2, 3)),
    Case("slice_update", F, (0, 1), X(2, 2, unknown=False)),
    Case("slice_update", X(3, 4, unknown=False), X(value=[1, 1], dtype="int32", unknown=False), X(2, 2, unknown=False)),
    Case("scatter", X(value=[[0], [2], [0]], dtype="int32", unknown=False), X(3, 2, unknown=False), (4, 2)),
    Case("scatter", X(value=[[0, 1], [2, 0]], dtype="int32", unknown=False), X(2, unknown=False), (3, 2)),
    Case("scatter_update", F, X(value=[[0], [2]], dtype="int32", unknown=False), X(2, 4, unknown=False)),
    *(
        Case(
            "scatter_update",
            F,
            X(value=[[0, 1]], dtype="int32", unknown=False),
            X(1, unknown=False),
            reduction=how,
            grad=how != "mul",  # JAX has no gradient of it
        )
        for how in ("add", "max", "min", "mul")
    ),
    Case("cond", X(value=True, dtype="bool"), lambda: 1.0, lambda: 2.0, symbolic=None),
    Case("switch", X(value=1, dtype="int32"), [lambda x: x, lambda x: x * 2], F, symbolic=None),
    Case("map", lambda x: x * 2, F, symbolic=None),
    Case("map", lambda x: {"a": x["b"] + 1}, {"b": F}, symbolic=None),
    Case("vectorized_map", lambda x: x.sum(), F, symbolic=None),
    Case("vectorized_map", lambda xs: xs[0] * xs[1], [F, G], symbolic=None),
    Case("scan", lambda c, x: (c + x, c * x), X(4, unknown=False), F, symbolic=None),
    Case("scan", lambda c, x: (c * 2.0, c), X(4, unknown=False), length=3, reverse=True, symbolic=None),
    Case("associative_scan", lambda a, b: a + b, F, symbolic=None),
    Case("associative_scan", lambda a, b: a * b, F, reverse=True, axis=1, symbolic=None),
    Case("while_loop", lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, F), symbolic=None, grad=False),
    Case("while_loop", lambda x: True, lambda x: x + 1, F, maximum_iterations=2, symbolic=None, grad=False),
    Case("fori_loop", 0, 3, lambda i, x: x * 2, F, symbolic=None),
    Case("stop_gradient", I),
]

LABELS = X(3, dtype="int32", low=0, high=4)
PROBABILITIES = X(3, 4, low=0.05, high=1.0)
SIGNAL = X(2, 6, 4)
IMAGE = X(2, 6, 5, 4)
VOLUME = X(2, 4, 5, 4, 2)
FIRST = X(2, 4, 6, 5)


def K(*shape):  # a kernel or another weight
    return X(*shape, unknown=False)


ACTIVATIONS = (
    "celu elu gelu glu hard_shrink hard_sigmoid hard_tanh leaky_relu log_sigmoid log_softmax relu relu6 selu sigmoid "
    "silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid squareplus tanh_shrink"
)
NN = [
    *(Case(name, F) for name in ACTIVATIONS.split()),
    *(Case(name, EDGE) for name in ACTIVATIONS.split()),
    *(Case(name, F, symbolic=None) for name in ("hard_silu", "hard_swish", "swish")),
    *(Case(name, X(3, 4, dtype="bfloat16"), rtol=1e-2) for name in ["gelu", "silu", "softmax", "sigmoid"]),
    Case("relu", I),
    Case("relu6", I, symbolic=None),  # symbolic Keras says int32
    Case("gelu", F, approximate=False),
    Case("elu", F, alpha=0.5),
    Case("leaky_relu", F, negative_slope=0.1),
    Case("softmax", X(2, 3, 4), axis=1),
    Case("softmax", X(2, 3, 4), axis=(1, 2)),
    Case("log_softmax", X(2, 3, 4), axis=(1, 2)),
    Case("softmax", F, axis=None),
    Case("glu", X(3, 4, 2), axis=1),
    Case("threshold", F, 0.5, 2.0),
    # classes
    Case("one_hot", LABELS, 4),
    Case("one_hot", I, 4, axis=1, dtype="int32"),
    # Symbolic Keras says int32, the dtype of the input.
    Case("multi_hot", X(3, 2, dtype="int32", low=0, high=4), num_classes=4, symbolic=None),
    Case("multi_hot", X(3, dtype="int32", low=0, high=4), num_classes=4, symbolic=None),
    Case("categorical_crossentropy", PROBABILITIES, PROBABILITIES),
    Case("categorical_crossentropy", PROBABILITIES, F, from_logits=True),
    Case("categorical_crossentropy", X(3, 4, 2, low=0.05), X(3, 4, 2, low=0.05, high=1.0), axis=1, symbolic=None),
    Case("sparse_categorical_crossentropy", LABELS, PROBABILITIES),
    Case("sparse_categorical_crossentropy", X(3, 1, dtype="int32", low=0, high=4), F, from_logits=True),
    Case("sparse_categorical_crossentropy", X(3, 2, dtype="int32", low=0, high=4), X(3, 2, 4), from_logits=True),
    Case("binary_crossentropy", X(3, 4, low=0.0, high=1.0), X(3, 4, low=0.0, high=1.0)),
    Case("binary_crossentropy", X(3, 4, low=0.0, high=1.0), F, from_logits=True),
    Case("binary_crossentropy", X(value=[[0.0, 1.0, 0.0, 1.0]]), X(value=[[0.0, 0.0, 1.0, 1.0]])),
    Case("psnr", X(3, 4), X(3, 4), 1.0),
    # normalization
    Case("moments", F, axes=[0]),
    Case("moments", X(2, 3, 4), axes=[0, 1], keepdims=True),
    Case("moments", X(3, 4, dtype="float16"), axes=[1], rtol=1e-2),
    Case("normalize", F),
    Case("normalize", F, axis=0, order=1),
    Case("normalize", F, axis=-1, order=3),
    Case("batch_normalization", IMAGE, K(4), X(4, low=0.1, unknown=False), -1, K(4), K(4)),
    Case("batch_normalization", IMAGE, K(4), X(4, low=0.1, unknown=False), axis=3, epsilon=0.1),
    Case("layer_normalization", F, K(4), K(4)),
    Case("layer_normalization", SIGNAL, axis=(1, 2), epsilon=0.1),
    Case("layer_normalization", F, K(4), rms_scaling=True),
    Case("rms_normalization", F, K(4)),
    Case("rms_normalization", F, axis=-1, epsilon=0.1),
    # convolution
    Case("conv", SIGNAL, K(3, 4, 2)),
    Case("conv", SIGNAL, K(3, 4, 2), strides=2, padding="same"),
    Case("conv", IMAGE, K(3, 2, 4, 3), padding="same"),
    Case("conv", IMAGE, K(3, 2, 4, 3), strides=(2, 1)),
    Case("conv", IMAGE, K(3, 2, 4, 3), dilation_rate=2, padding="same"),
    Case("conv", IMAGE, K(2, 2, 2, 6), symbolic=None),  # groups, which symbolic Keras refuses
    Case("conv", FIRST, K(3, 2, 4, 3), data_format="channels_first", padding="same", strides=2),
    Case("conv", VOLUME, K(2, 2, 2, 2, 3)),
    Case("depthwise_conv", SIGNAL, K(3, 4, 2)),
    Case("depthwise_conv", IMAGE, K(3, 3, 4, 2), strides=2, padding="same"),
    Case("depthwise_conv", FIRST, K(3, 3, 4, 1), data_format="channels_first", dilation_rate=2),
    Case("separable_conv", SIGNAL, K(3, 4, 2), K(1, 8, 3)),
    Case("separable_conv", IMAGE, K(3, 3, 4, 2), K(1, 1, 8, 3), padding="same", strides=2),
    *(
        Case("conv_transpose", SIGNAL, K(size, 3, 4), strides=stride, padding=padding)
        for size, stride in ((3, 1), (3, 2), (2, 3), (4, 2))
        for padding in ("valid", "same")
    ),
    Case("conv_transpose", SIGNAL, K(3, 2, 4), dilation_rate=2),
    Case("conv_transpose", SIGNAL, K(3, 2, 4), dilation_rate=2, padding="same"),
    *(
        Case("conv_transpose", SIGNAL, K(size, 3, 4), strides=2, padding=padding, output_padding=1)
        for size in (3, 4)
        for padding in ("valid", "same")
    ),
    Case("conv_transpose", SIGNAL, K(3, 3, 4), strides=2, padding="same", output_padding=0),
    Case("conv_transpose", IMAGE, K(3, 3, 2, 4), strides=(2, 3), padding="same"),
    Case("conv_transpose", FIRST, K(3, 3, 2, 4), strides=2, data_format="channels_first"),
    # pooling (Keras's own op needs `strides`)
    Case("max_pool", SIGNAL, 2, 2),
    Case("max_pool", IMAGE, (2, 2), strides=1, padding="same"),
    Case("max_pool", FIRST, 2, 2, data_format="channels_first"),
    Case("max_pool", VOLUME, 2, 1),
    Case("average_pool", SIGNAL, 2, 2),
    Case("average_pool", IMAGE, (3, 2), strides=2, padding="same"),
    Case("average_pool", FIRST, 2, 2, padding="same", data_format="channels_first"),
    # Symbolic Keras gives wrong shapes, or fails.
    Case("adaptive_average_pool", IMAGE, (4, 3), symbolic=None),
    Case("adaptive_average_pool", SIGNAL, 4, symbolic=None),
    Case("adaptive_max_pool", IMAGE, (4, 3), symbolic=None, grad=False),
    Case("adaptive_max_pool", FIRST, 2, data_format="channels_first", symbolic=None, grad=False),
    # attention
    Case("dot_product_attention", X(2, 3, 2, 4), X(2, 5, 2, 4), X(2, 5, 2, 4)),
    Case("dot_product_attention", X(2, 3, 2, 4), X(2, 3, 2, 4), X(2, 3, 2, 4), is_causal=True, scale=0.3),
    Case("dot_product_attention", X(2, 3, 2, 4), X(2, 5, 2, 4), X(2, 5, 2, 4), mask=X(2, 1, 3, 5, dtype="bool")),
    Case("dot_product_attention", X(2, 3, 2, 4), X(2, 5, 1, 4), X(2, 5, 1, 4), bias=X(2, 2, 3, 5)),
    # patches
    Case("depth_to_space", X(2, 3, 2, 8), 2),
    Case("depth_to_space", X(2, 8, 3, 2), 2, data_format="channels_first"),
    Case("space_to_depth", X(2, 4, 6, 2), 2),
    Case("space_to_depth", X(2, 2, 4, 6), 2, data_format="channels_first"),
    Case("unfold", X(2, 3, 5, 4), 2),
    Case("unfold", X(2, 3, 5, 4), (2, 3), dilation=(2, 1), padding=1, stride=2),
    Case("fold", X(2, 12, 12), (5, 4), 2),
    Case("fold", X(2, 12, 9), (5, 5), 2, padding=1, stride=2, dilation=2),
    Case("polar", P, F, symbolic=None),  # symbolic Keras says float32
]

SPD = X(value=[[[2.0, 0.5], [0.5, 1.0]], [[3.0, -1.0], [-1.0, 2.0]]])
SQUARE = X(2, 3, 3)
LINALG = [
    Case("cholesky", SPD),
    Case("cholesky", SPD, upper=True),
    Case("cholesky_inverse", K(2, 2), rtol=1e-4),
    Case("cholesky_inverse", K(2, 2), upper=True, rtol=1e-4),
    Case("det", SQUARE),
    Case("eig", SQUARE, grad=False, symbolic=None),  # symbolic Keras says float32
    Case("eigh", SPD),
    Case("inv", SQUARE, rtol=1e-4),
    Case("lu_factor", SQUARE, grad=False, symbolic=None),  # symbolic Keras says float32
    Case("lstsq", K(4, 2), K(4), rtol=1e-4),
    Case("matrix_rank", SQUARE),
    *(Case("norm", F, ord=ord, axis=1) for ord in (None, 1, 2, 3, np.inf)),
    *(Case("norm", F, ord=ord, symbolic="known") for ord in ("fro", "nuc", 2)),
    Case("norm", F),
    Case("norm", I, axis=1),
    Case("norm", SQUARE, axis=(1, 2), keepdims=True),
    Case("pinv", SQUARE, rtol=1e-3),
    Case("qr", SQUARE, rtol=1e-4),
    Case("qr", X(4, 2, unknown=False), mode="complete", grad=False),
    Case("solve", SPD, X(2, 2, 3)),
    Case("solve", K(3, 3), K(3)),
    Case("solve_triangular", SPD, X(2, 2)),
    Case("solve_triangular", SPD, X(2, 2, 3), lower=True),
    Case("svd", SQUARE, grad=False),
    Case("svd", X(2, 4, 3), full_matrices=False, grad=False),
    Case("svd", SQUARE, compute_uv=False, grad=False),
    Case("jvp", lambda x: x * x, (F,), (G,), symbolic=None),
]

IDS = X(value=[0, 0, 2], dtype="int32", unknown=False)
MATH = [
    Case("cdist", X(2, 3, 4), X(2, 5, 4)),
    *(Case(name, U) for name in ("erf", "erfc", "erfinv")),
    Case("rsqrt", P),
    Case("logsumexp", F),
    Case("logsumexp", F, axis=1, keepdims=True),
    Case("logdet", SPD),
    *(
        Case(f"segment_{how}", X(3, 2, unknown=False), IDS, num_segments=4, grad=how != "prod")
        for how in ("sum", "max", "min", "prod")
    ),
    Case("top_k", F, 2),
    Case("in_top_k", LABELS, F, 2),
    Case("view_as_complex", X(3, 2)),
    Case("view_as_real", X(3, 4, dtype="complex64")),
    Case("fft", (F, G)),
    Case("fft2", (F, G), symbolic="known"),
    Case("ifft2", (F, G), symbolic="known"),
    Case("rfft", F),
    Case("rfft", F, fft_length=6),
    Case("irfft", (F, G)),
    Case("irfft", (F, G), fft_length=5),
    Case("extract_sequences", X(2, 9), 3, 2),
    Case("stft", X(2, 20), 6, 3, 8),
    Case("stft", X(2, 20), 6, 3, 8, window="hamming", center=False),
    Case("stft", X(2, 20), 8, 4, 8, window=None),
    Case("istft", (X(2, 6, 5), X(2, 6, 5)), 8, 4, 8),
    Case("istft", (X(2, 6, 5), X(2, 6, 5)), 6, 3, 8, length=12, center=False, rtol=1e-4),
]


PHOTO = X(2, 6, 5, 3, low=0.0, high=1.0)
PHOTO_FIRST = X(2, 3, 6, 5, low=0.0, high=1.0)
AFFINE = X(value=[[0.9, 0.1, 0.3, -0.1, 1.1, 0.2, 0.0, 0.0], [0.5, -0.3, 2.0, 0.2, 0.7, 0.4, 0.0, 0.0]])
IMAGES = [
    Case("image.rgb_to_grayscale", PHOTO),
    Case("image.rgb_to_grayscale", X(2, 3, 3, 3, dtype="uint8", low=0, high=255)),
    Case("image.rgb_to_hsv", PHOTO),
    Case("image.hsv_to_rgb", PHOTO),
    Case("image.hsv_to_rgb", PHOTO_FIRST, data_format="channels_first"),
    *(Case("image.resize", PHOTO, (4, 7), interpolation=how) for how in ("nearest", "bilinear", "bicubic", "lanczos3")),
    Case("image.resize", PHOTO, (3, 2), antialias=True),
    Case("image.resize", PHOTO, (4, 8), crop_to_aspect_ratio=True),
    Case("image.resize", PHOTO, (4, 8), pad_to_aspect_ratio=True, fill_value=0.5),
    Case("image.resize", X(2, 4, 4, 3, dtype="uint8", low=0, high=255), (7, 3)),
    Case("image.pad_images", PHOTO, 1, 2, target_height=9, target_width=8),
    Case("image.pad_images", PHOTO, 1, 2, 0, 3),
    Case("image.crop_images", PHOTO, 1, 2, target_height=4, target_width=2),
    Case("image.crop_images", PHOTO_FIRST, 1, 2, 0, 1, data_format="channels_first"),
    Case("image.extract_patches", PHOTO, 2),
    Case("image.extract_patches", PHOTO, (3, 2), strides=(1, 2), padding="same"),
    Case("image.extract_patches_3d", VOLUME, 2, strides=1),
    *(Case("image.map_coordinates", K(4, 5), X(2, 6, low=-1.0, high=5.0, unknown=False), o) for o in (0, 1)),
    Case("image.affine_transform", PHOTO, AFFINE, grad=False),
    Case("image.affine_transform", PHOTO, AFFINE, interpolation="nearest", fill_mode="reflect", grad=False),
    Case(
        "image.scale_and_translate",
        X(6, 5, 3, unknown=False),
        (4, 4, 3),
        X(value=[0.5, 0.7], unknown=False),
        X(value=[0.1, -0.3], unknown=False),
        (0, 1),
        "linear",
        grad=False,
    ),
    Case("image.sobel_edges", PHOTO),
    Case("rearrange", X(2, 3, 4), "a b c -> c (a b)", symbolic=None),
    Case("rearrange", X(2, 4, 6), "b (h p) c -> b h (p c)", p=2, symbolic=None, jit=False),
]


def ids(case):
    return str(case)


@pytest.mark.parametrize("case", NUMPY, ids=ids)
def test_numpy(case):
    check(case)


@pytest.mark.parametrize("case", CORE, ids=ids)
def test_core(case):
    check(case)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")  # held in test_ops_edges.py
@pytest.mark.parametrize("case", NN, ids=ids)
def test_nn(case):
    check(case)


@pytest.mark.filterwarnings("ignore:jax.scipy.linalg.solve_triangular")  # Keras asks JAX so
@pytest.mark.parametrize("case", LINALG + MATH, ids=ids)
def test_linalg_and_math(case):
    check(case)


@pytest.mark.parametrize("case", IMAGES, ids=ids)
def test_image(case):
    check(case)
