"""The page of `addax.show`, and the operations that it counts, against closed forms and XLA's own count."""

from __future__ import annotations

import html.parser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest

import addax as keras
from addax.core.state import StateScope
from addax.inspect import page
from addax.inspect.costs import flops, trace

layers = keras.layers


def counted(model) -> dict[str, float]:
    return {c.operation.name: c.total_flops for c in trace(model).root.children}


def xla_count(model, *shapes) -> float:
    values = [w.value for w in model.weights]

    def run(values, *args):
        with StateScope(list(zip(model.weights, values))):
            return model(*args, training=False)

    specs = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    return jax.jit(run).lower(values, *specs).cost_analysis()["flops"]


def test_operations_in_closed_form():
    image = keras.Input((9, 9, 3))
    x = layers.Conv2D(8, 3, use_bias=False, name="conv")(image)
    x = layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, use_bias=False, name="transposed")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(5, name="dense")(x)
    model = keras.Model(image, x * 2.0)
    found = counted(model)
    assert found["conv"] == 2 * 7 * 7 * 8 * 3 * 3 * 3
    assert found["depthwise"] == 2 * 5 * 5 * 8 * 3 * 3
    assert found["transposed"] == 2 * 5 * 5 * 8 * 3 * 3 * 4
    assert found["dense"] == 2 * 4 * 5 + 5
    assert found[model.operations[-1].name] == 5


def test_operations_of_grouped_convolutions():
    def grouped(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", feature_group_count=4)

    (eqn,) = jax.make_jaxpr(grouped)(np.zeros((1, 8, 5, 5), "float32"), np.zeros((12, 2, 3, 3), "float32")).eqns
    assert flops(eqn) == 2 * 5 * 5 * 12 * 2 * 3 * 3


def test_total_is_near_what_xla_counts():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 4)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="gelu"),
            layers.LayerNormalization(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert trace(model).root.total_flops == pytest.approx(xla_count(model, (1, 12, 12, 4)), rel=0.03)


def test_steps_of_recurrent_layers_count():
    def steps(length):
        return counted(keras.Sequential([keras.Input((length, 4)), layers.GRU(8, name="gru")]))["gru"]

    assert steps(40) == pytest.approx(4 * steps(10), rel=0.05)
    assert steps(10) > 10 * 2 * 3 * 8 * (4 + 8)


def test_no_weight_is_made():
    made = []

    def initializer(shape, dtype=None):
        made.append(shape)
        return jax.numpy.zeros(shape, dtype)

    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer=initializer)])
    assert counted(model) and not made


class Branches(keras.Model):
    """A model without a graph: `a` feeds `b`, dropout and the block inside; dropout returns what it is given."""

    def __init__(self):
        super().__init__(name="branches")
        self.a = layers.Dense(4, name="a")
        self.b = layers.Dense(4, name="b")
        self.drop = layers.Dropout(0.5, name="drop")
        self.block = keras.Sequential([layers.Dense(3, name="first"), layers.Dense(4, name="second")], name="block")

    def call(self, x):
        a = self.a(x)
        b = self.b(a)
        return self.block(self.drop(a + b)) * self.b(b)


def edges(facts) -> set[tuple[str, str]]:
    names = [row["n"] + ("'" if "again" in row else "") for row in facts["rows"]]
    return {(names[a], names[b]) for a, b in facts["edges"]}


def test_calls_of_models_without_a_graph():
    model = Branches()
    model(np.zeros((2, 5), "float32"))
    facts = page.facts(model)
    assert [row["n"] for row in facts["rows"]] == [
        *("branches", "inputs", "a", "b", "drop", "block", "first", "second", "b")
    ]
    assert edges(facts) == {
        *(("inputs", "a"), ("a", "b"), ("a", "drop"), ("b", "drop"), ("drop", "block")),
        *(("first", "second"), ("b", "b'")),
    }
    assert [row["p"] for row in facts["rows"]] == [-1, 0, 0, 0, 0, 0, 5, 5, 0]


def test_edges_and_shapes_of_graphs():
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8, mask_zero=True, name="embedding")(tokens)
    x = layers.Add(name="sum")([x, layers.MultiHeadAttention(2, 4, name="attention")(x, x)])
    model = keras.Model(tokens, layers.Dense(1, name="out")(x))
    facts = page.facts(model)
    top = {e for e in edges(facts) if e[0] in {layer.name for layer in model.layers}}
    assert top == {  # not that the mask of the attention is made from the tokens
        *(("tokens", "embedding"), ("embedding", "sum"), ("embedding", "attention")),
        *(("attention", "sum"), ("sum", "out")),
    }
    shapes = {row["n"]: row["o"] for row in facts["rows"]}
    assert shapes["out"] == "(None, None, 1)" and shapes["query"] == "(None, 32, 2, 4)"
    assert facts["note"] == "Axes of unknown size are taken to be 32 long."


def test_weights_count_once():
    image, shared = keras.Input((4,)), layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.BatchNormalization()], name="inner")
    model = keras.Model(image, [inner(shared(shared(image))), shared(image)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    facts = page.facts(model)
    sizes = [w[3] for row in facts["rows"] for w in row.get("w", ())]
    assert sum(sizes) == model.count_params() == sum(facts["parameters"])
    memory = facts["memory"]
    assert memory["trainable"] + memory["frozen"] == 4 * model.count_params()
    assert memory["optimizer"] == 4 * (2 * memory["trainable"] // 4 + 1) + 4  # two moments; the step and the rate
    calls = [row for row in facts["rows"] if row["n"] == "shared"]
    assert [row.get("again") for row in calls] == [None, 2, 3] and "w" not in calls[1]


def test_results_that_training_keeps():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, name="d"), layers.Reshape((2, 4)), layers.Flatten(), layers.Dropout(0.5)]
    )
    assert trace(model).root.kept == 8 * 4  # what only names it anew takes none


def test_models_that_cannot_be_traced():
    text = keras.Sequential([keras.Input((1,), dtype="string"), layers.TextVectorization(vocabulary=["a", "b"])])
    facts = page.facts(text)
    assert facts["note"] == "Operations and activations are unknown: ValueError: The model takes text."
    assert [row["n"] for row in facts["rows"]][1:] == [o.name for o in text._graph.operations]
    assert len(facts["edges"]) == 1 and "f" not in facts["rows"][0]


def test_unbuilt_models_are_refused():
    with pytest.raises(ValueError, match="has not yet been built"):
        keras.show(keras.Sequential([layers.Dense(1)]))


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        if self.tags[-1:] == ["script"]:
            self.scripts.append(data)


EVIL = '"<img src=x onerror=alert(1)>&lt;\u2028{{data}}'


@keras.saving.register_keras_serializable()
class Told(layers.Layer):
    def __init__(self, says="", **kwargs):
        super().__init__(**kwargs)
        self.says = says

    def call(self, x):
        return x


def evil_model():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2, name=EVIL), Told(says="</script><script>alert(2)")])
    model.name = "<!--<script>{{data}}"
    return model


def test_names_and_settings_stay_text(tmp_path):
    path = keras.show(evil_model(), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert path == str(tmp_path / "page.html")
    found, plain = Tags(), Tags()
    found.feed(text)
    plain.feed(page.page(keras.Sequential([keras.Input((4,)), layers.Dense(2)])))
    assert found.tags == plain.tags and found.attributes == plain.attributes
    data = json.loads(found.scripts[0])
    assert data["name"] == "<!--<script>{{data}}" and [row["n"] for row in data["rows"]][2] == EVIL
    assert data["rows"][3]["s"] == {"says": "</script><script>alert(2)"}
    assert "http:" not in text and "https:" not in text  # nothing is loaded from elsewhere


def test_opens_in_the_browser(tmp_path):
    """In a process whose browser is a program that writes down what it is to open."""
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{tmp_path}/opened'\n")
    browser.chmod(0o755)
    code = """
        import addax
        path = addax.show(addax.Sequential([addax.Input((4,)), addax.layers.Dense(2)]))
        print(path)
    """
    env = {**os.environ, "BROWSER": str(browser), "TMPDIR": str(tmp_path)}
    run = [sys.executable, "-c", textwrap.dedent(code)]
    path = subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert (tmp_path / "opened").read_text().strip() == f"file://{path}"
    assert path.startswith(str(tmp_path)) and pathlib.Path(path).read_text()[:15] == "<!doctype html>"
    # Without a screen nothing may take over the terminal: the path is told.
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)
    said = subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    if sys.platform == "linux":
        assert said[0] == f"The model's page is {said[1]}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_in_a_real_browser(tmp_path):
    """The page's own program runs: it fills the list, also of thousands of layers, and shows names as text."""
    x = start = keras.Input((4,))
    for _ in range(1000):
        x = layers.Add()([layers.Dense(4)(x), layers.Dropout(0.1)(x)])
    for model in (evil_model(), keras.Model(start, x, name="deep")):
        path = keras.show(model, tmp_path / "page.html")
        run = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--dump-dom"]
        done = subprocess.run([*run, f"file://{path}"], capture_output=True, text=True, timeout=120, check=True)
        shown = done.stdout.split('<script type="application/json"')[0]
        assert f'<span id="name">{page.html.escape(model.name, quote=False)}</span>' in shown
        assert "<img" not in shown
        assert shown.count('class="row') >= 3
        assert f"height: {23 * len(model._graph.operations)}px" in shown
