"""Summaries and graphs of models against Keras: the same text, byte for byte."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")


@functools.cache
def made(make, lib):
    """The model that `make` makes, the same for all cases: Keras needs seconds to make some."""
    lib.utils.clear_session(free_memory=False)
    return make(lib)


def dense(lib, *args, **kwargs):
    return lib.layers.Dense(*args, **kwargs)


def sequential(lib):
    return lib.Sequential([lib.Input((16,)), dense(lib, 8, name="a"), dense(lib, 4, name="b")], name="s")


def unbuilt(lib):
    return lib.Sequential([dense(lib, 8, name="a"), dense(lib, 4, name="b")], name="u[bold]x")


def frozen_and_compiled(lib):
    model = sequential(lib)
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def several(lib):
    a, b = lib.Input((4,), name="a_in"), lib.Input((4,), name="b_in")
    shared = dense(lib, 3, name="shared")
    x, y = shared(a), shared(b)
    long = dense(lib, 2, name="a_rather_long_layer_name_that_wraps_around_the_column")
    return lib.Model([a, b], [lib.layers.Add(name="sum")([x, y]), long(x)], name="several")


def inner(lib):
    return lib.Sequential([lib.Input((4,)), dense(lib, 4, name="i1"), dense(lib, 5, name="i2")], name="inner")


def nested(lib):
    a = lib.Input((4,), name="a_in")
    core = lib.Model(a, dense(lib, 7, name="d")(inner(lib)(a)), name="core")
    b = lib.Input((4,), name="b_in")
    return lib.Model(b, lib.layers.Add(name="sum")([core(b), dense(lib, 7, name="q")(b)]), name="nested")


def stacked(lib):
    return lib.Sequential([lib.Input((4,)), inner(lib), dense(lib, 4, name="mid")], name="stacked")


def chain(lib):
    a = lib.Input((4,), name="a")
    return lib.Model(a, dense(lib, 2, name="q")(dense(lib, 3, name="p")(a)), name="chain")


def ops(lib):
    a = lib.Input((None, 4), name="a")
    b = dense(lib, 4, name="b")(a)
    return lib.Model(a, lib.ops.mean(lib.ops.stack([a, b, a], axis=1) * 2.0, axis=-1), name="ops")


def subclassed(lib, build=False):
    class Own(lib.Model):
        def __init__(self):
            super().__init__(name="own")
            self.first = dense(lib, 3, name="first")
            self.rest = [dense(lib, 2, name="second"), inner(lib)]

        def call(self, x):
            return self.rest[0](self.first(x))

    model = Own()
    if build:
        model(lib.ops.ones((2, 4)))
    return model


def several_outputs(lib):
    class Two(lib.layers.Layer):
        def call(self, x):
            return {"p": x, "q": x}

    a = lib.Input((4,), name="a")
    return lib.Model(a, Two(name="two")(a), name="outputs")


def built_subclass(lib):
    return subclassed(lib, build=True)


def large(lib):
    return lib.Sequential([lib.Input((1000,)), dense(lib, 2000, name="l", dtype="float16")], name="large")


CASES = [
    (sequential, {}),
    (sequential, {"line_length": 60}),
    (sequential, {"line_length": 120}),
    (sequential, {"line_length": 33}),
    (sequential, {"positions": [0.2, 0.3, 0.5]}),
    (sequential, {"positions": [0.3, 0.6, 0.8], "show_trainable": True}),
    (sequential, {"show_trainable": True}),
    (sequential, {"layer_range": ["b", "b"]}),
    (unbuilt, {}),
    (lambda lib: lib.Sequential(name="empty"), {}),
    (frozen_and_compiled, {"show_trainable": True}),
    (several, {}),
    (several, {"show_trainable": True}),
    (several, {"line_length": 70}),
    (several, {"layer_range": ["a_in", "shared"]}),
    (nested, {}),
    (nested, {"expand_nested": True, "show_trainable": True}),
    (stacked, {"expand_nested": True}),
    (chain, {}),
    (ops, {}),
    (subclassed, {}),
    (built_subclass, {"expand_nested": True}),
    (several_outputs, {}),
    (large, {}),
]


@pytest.mark.parametrize("make, arguments", CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_summary(make, arguments, monkeypatch):
    texts = []
    for lib in (keras, addax):
        model, text = made(make, lib), []
        for columns in (60, 100, 140):
            monkeypatch.setenv("COLUMNS", str(columns))
            model.summary(print_fn=text.append, **arguments)
        texts.append(text)
    assert texts[1] == texts[0]


@pytest.mark.parametrize(
    "arguments", [{"layer_range": ["a"]}, {"layer_range": ["nope", "b"]}, {"line_length": 12}], ids=str
)
def test_summary_errors(arguments):
    texts = []
    for lib in (keras, addax):
        with pytest.raises(ValueError) as caught:
            made(sequential, lib).summary(**arguments)
        texts.append(str(caught.value))
    assert texts[1].startswith(texts[0].rstrip("."))


DOTS = [
    (sequential, {}),
    (sequential, {"show_layer_names": False, "rankdir": "LR", "dpi": 96, "splines": "curved"}),
    (sequential, {"show_shapes": True, "show_dtype": True, "show_trainable": True, "show_layer_activations": True}),
    (frozen_and_compiled, {"show_trainable": True}),
    (several, {"show_shapes": True, "show_dtype": True}),
    (nested, {"show_shapes": True}),
    (nested, {"expand_nested": True}),
    (stacked, {"expand_nested": True, "show_shapes": True}),
    (stacked, {"subgraph": True}),
    (several_outputs, {"show_shapes": True, "show_dtype": True}),
    (built_subclass, {"show_layer_names": True}),
]


def numbered(dot: str) -> str:
    """The text with the nodes' addresses numbered."""
    names: dict[str, str] = {}
    return re.sub(r"\b\d{9,}\b", lambda m: names.setdefault(m[0], f"n{len(names)}"), dot)


@pytest.mark.parametrize("make, arguments", DOTS, ids=lambda v: getattr(v, "__name__", str(v)))
def test_model_to_dot(make, arguments):
    pytest.importorskip("pydot")
    texts = []
    for lib in (keras, addax):
        texts.append(numbered(lib.utils.model_to_dot(made(make, lib), **arguments).to_string()))
    assert texts[1] == texts[0]


@pytest.mark.parametrize("form", ["dict", "list"])
def test_shapes_of_layers_that_return_structures(form):
    rows = []
    for k in (keras, addax):

        class Head(k.layers.Layer):
            def __init__(self, k=k, **kwargs):
                super().__init__(**kwargs)
                self.dense = k.layers.Dense(6)

            def call(self, x):
                y = self.dense(x)
                return {"h": y} if form == "dict" else [y, x]

            def compute_output_shape(self, input_shape):
                shape = self.dense.compute_output_shape(input_shape)
                return {"h": shape} if form == "dict" else [shape, input_shape]

        class Own(k.Model):
            def __init__(self, head=Head):
                super().__init__()
                self.head = head(name="head")

            def call(self, x):
                return self.head(x)

        model, lines = Own(), []
        model(np.ones((1, 3)))
        model.summary(print_fn=lambda text, lines=lines, **_: lines.append(text))
        rows.append([line for line in "\n".join(lines).splitlines() if "head" in line])
    assert rows[0] == rows[1] and len(rows[0]) == 1
