"""Random graphs: configs, files and clones keep what a model computes, in both directions between Keras and addax.

A graph is drawn as plain data and built by the same code in both. What it computes is told by a third: NumPy in
float64, on the weights by name.
"""

from __future__ import annotations

import json
import re
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import addax

# Models whose inputs have names take bare arrays, too, and say so.
pytestmark = pytest.mark.filterwarnings("ignore:The structure of .inputs. doesn't match")

keras = pytest.importorskip("keras")

SIZE = 3


class Graph(NamedTuple):
    """Tensors are numbered: the inputs, then what each step makes.

    Attributes:
        inputs: How many inputs there are.
        layers: The layers that steps may call: "dense", or the Graph of a nested model, functional or sequential.
        steps: ("call", layer, tensors), or ("add" | "multiply", two tensors) for an op.
        outputs: The numbers of the tensors that are returned, and whether as "one", "list" or "dict".
    """

    inputs: int
    layers: tuple
    steps: tuple
    outputs: tuple


@st.composite
def graphs(draw: Any, depth: int = 2) -> Graph:
    inputs = draw(st.integers(1, 2))
    kinds = [st.just("dense"), st.just("sequential")] + ([graphs(depth - 1)] if depth > 1 else [])
    layers = tuple(draw(st.lists(st.one_of(*kinds), min_size=1, max_size=3)))
    steps: list[tuple] = []
    count = inputs
    calls = [0] * len(layers)
    for _ in range(draw(st.integers(2, 6))):
        tensor = st.integers(0, count - 1)
        layer = draw(st.integers(-1, len(layers) - 1))
        if layer < 0 or calls[layer] == 4:
            steps.append((draw(st.sampled_from(["add", "multiply"])), draw(tensor), draw(tensor)))
            count += 1
            continue
        calls[layer] += 1
        nested = layers[layer] if isinstance(layers[layer], Graph) else None
        given_ = [draw(tensor) for _ in range(nested.inputs if nested else 1)]
        steps.append(("call", layer, tuple(given_)))
        count += len(nested.outputs[0]) if nested else 1
    made = st.integers(inputs, count - 1)
    outputs = draw(st.lists(made, min_size=1, max_size=3, unique=True))
    form = (
        draw(st.sampled_from(["one", "list", "dict"])) if len(outputs) == 1 else draw(st.sampled_from(["list", "dict"]))
    )
    return Graph(inputs, layers, tuple(steps), (tuple(outputs), form))


SETTINGS = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
# A shared layer whose second call could be made before its first; a nested model's output that is the model's, and two
# of them: Keras counts the making of a nested model as a call.
ONE = Graph(1, ("dense",), (("call", 0, (0,)),), ((1,), "one"))
CASES = (
    Graph(
        1,
        ("dense",) * 4,
        (*(("call", i, (t,)) for i, t in ((1, 0), (0, 1), (0, 0), (2, 3), (3, 4))), ("add", 5, 2)),
        ((6,), "one"),
    ),
    Graph(1, (ONE, ONE), (("call", 0, (0,)), ("call", 1, (1,))), ((2,), "one")),
    Graph(1, (ONE,), (("call", 0, (0,)), ("call", 0, (1,))), ((1, 2), "list")),
)


def over_graphs(test: Any) -> Any:
    """Runs `test` on the cases and on graphs that are drawn."""
    for case in CASES:
        test = example(graph=case)(test)
    return SETTINGS(given(graph=graphs())(test))


def build(k: Any, graph: Graph, name: str = "m") -> Any:
    """The model of `graph` made with `k`, Keras or addax."""
    layers = []
    for i, layer in enumerate(graph.layers):
        if layer == "dense":
            layers.append(k.layers.Dense(SIZE, name=f"{name}_d{i}"))
        elif layer == "sequential":
            stack = [k.Input((SIZE,), name=f"{name}_i{i}"), k.layers.Dense(SIZE, name=f"{name}_s{i}_d")]
            layers.append(k.Sequential(stack, name=f"{name}_s{i}"))
        else:
            layers.append(build(k, layer, f"{name}_m{i}"))
    tensors = [k.Input((SIZE,), name=f"{name}_x{i}") for i in range(graph.inputs)]
    start = list(tensors)
    for step, *rest in graph.steps:
        if step == "call":
            layer, numbers = rest
            given_ = [tensors[n] for n in numbers]
            tensors += flat(layers[layer](given_ if len(given_) > 1 else given_[0]))
        else:
            tensors.append(getattr(k.ops, step)(tensors[rest[0]], tensors[rest[1]]))
    numbers, form = graph.outputs
    made = [tensors[n] for n in numbers]
    outputs = {f"o{i}": t for i, t in enumerate(made)} if form == "dict" else made[0] if form == "one" else made
    return k.Model(start if len(start) > 1 else start[0], outputs, name=name)


def weights_of(layer: str) -> list[np.ndarray]:
    """The weights that the Dense layer of this name has in these tests."""
    rng = np.random.default_rng(zlib.crc32(layer.encode()))
    return [rng.normal(size=(SIZE, SIZE)), rng.normal(size=SIZE)]


def expected(graph: Graph, inputs: list, name: str = "m") -> list[np.ndarray]:
    """What the model of `graph` computes, in float64."""
    tensors = list(inputs)
    for step, *rest in graph.steps:
        if step == "add":
            tensors.append(tensors[rest[0]] + tensors[rest[1]])
        elif step == "multiply":
            tensors.append(tensors[rest[0]] * tensors[rest[1]])
        else:
            i, numbers = rest
            given_ = [tensors[n] for n in numbers]
            layer = graph.layers[i]
            if isinstance(layer, Graph):
                tensors += expected(layer, given_, f"{name}_m{i}")
            else:
                kernel, bias = weights_of(f"{name}_d{i}" if layer == "dense" else f"{name}_s{i}_d")
                tensors.append(given_[0] @ kernel + bias)
    return [tensors[n] for n in graph.outputs[0]]


def used_layers(model: Any) -> dict[str, Any]:
    """The Dense layers of a model and of those nested in it, by name."""
    found = {}
    for layer in model.layers:
        found.update(
            {layer.name: layer} if hasattr(layer, "units") else used_layers(layer) if hasattr(layer, "layers") else {}
        )
    return found


def flat(outputs: Any) -> list:
    if isinstance(outputs, dict):
        return [outputs[key] for key in sorted(outputs)]
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def numbers(model: Any, inputs: list) -> list[np.ndarray]:
    return [np.asarray(y) for y in flat(model.call(inputs if len(inputs) > 1 else inputs[0]))]


def case(graph: Graph) -> tuple[list, list]:
    """Inputs, and what comes out."""
    rng = np.random.default_rng(len(graph.steps))
    inputs = [rng.normal(size=(2, SIZE)) for _ in range(graph.inputs)]
    return inputs, expected(graph, inputs)


def check(model: Any, inputs: list, wanted: list, set_weights: bool = True) -> None:
    if set_weights:
        for name, layer in used_layers(model).items():
            layer.set_weights(weights_of(name))
    found = numbers(model, [x.astype("float32") for x in inputs])
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(b).max()))


@over_graphs
def test_configs_keep_the_outputs(graph):
    inputs, wanted = case(graph)
    model = build(addax, graph)
    check(model, inputs, wanted)
    config = model.get_config()
    again = addax.Model.from_config(config)
    check(again, inputs, wanted)
    assert json.dumps(again.get_config()) == json.dumps(config)
    check(addax.models.model_from_json(model.to_json()), inputs, wanted)


@over_graphs
def test_clones_keep_the_outputs(graph):
    inputs, wanted = case(graph)
    model = build(addax, graph)
    clone = addax.models.clone_model(model)
    check(clone, inputs, wanted)
    check(addax.Model.from_config(clone.get_config()), inputs, wanted)
    check(addax.models.clone_model(model, clone_function=lambda layer: layer), inputs, wanted)


@over_graphs
def test_configs_are_those_of_keras(graph):
    ours, theirs = (_with_numbered_ops(build(k, graph).get_config()) for k in (addax, keras))
    assert ours == theirs


def _with_numbered_ops(config: dict) -> dict:
    """`config` without the chance in it: ops numbered from 0 on (not by the process), and no masks that are None."""
    found: dict[str, str] = {}
    name = r'"((?:add|multiply)(?:_\d+)?)"'
    text = re.sub(name, lambda m: found.setdefault(m[0], f'"op_{len(found)}"'), json.dumps(config))
    return json.loads(re.sub(r'"kwargs": {"mask": \[null(, null)*\]}', '"kwargs": {}', text))


@over_graphs
def test_files_go_both_ways(tmp_path_factory, graph):
    inputs, wanted = case(graph)
    folder = tmp_path_factory.mktemp("graphs")
    for writer, readers in ((addax, (addax, keras)), (keras, (addax,))):
        model = build(writer, graph)
        check(model, inputs, wanted)
        path = folder / f"{writer.__name__}.keras"
        model.save(path)
        for reader in readers:
            check(reader.models.load_model(path), inputs, wanted, set_weights=False)


@over_graphs
def test_legacy_files_go_both_ways(tmp_path_factory, graph):
    inputs, wanted = case(graph)
    folder = tmp_path_factory.mktemp("graphs")
    for writer, readers in ((addax, (addax, keras)), (keras, (addax,))):
        model = build(writer, graph)
        check(model, inputs, wanted)
        path = folder / f"{writer.__name__}.h5"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's own, of NumPy
            model.save(path)
        for reader in readers:
            check(reader.models.load_model(path), inputs, wanted, set_weights=False)


# Keras 2


def keras_2_form(config: dict, first: int, first_of_outputs: int) -> dict:
    """A functional config as TensorFlow's Keras wrote it, with the calls of nested models counted from `first` on."""
    kinds = {layer["name"]: layer["class_name"] for layer in config["layers"]}

    def reference(name: str, call: int, tensor: int, first: int = first) -> list:
        return [name, call + (first if kinds[name] in ("Functional", "Sequential") else 0), tensor]

    def call(node: dict) -> list:
        (given, *others), keywords = node["args"], {}
        if others:  # an op of two tensors
            keywords = {"y": reference(*others[0]["config"]["keras_history"]), "name": None}
            return [*reference(*given["config"]["keras_history"]), keywords]
        given = given if isinstance(given, list) else [given]
        return [[*reference(*t["config"]["keras_history"]), {}] for t in given]

    def layer(x: dict) -> dict:
        name, own, kind = x["name"], dict(x["config"]), x["class_name"]
        nodes = [call(node) for node in x["inbound_nodes"]]
        if kind in ("Add", "Multiply"):
            kind, own = "TFOpLambda", {"name": name, "function": f"math.{kind.lower()}", "dtype": "float32"}
        elif kind == "Functional":
            own = keras_2_form(own, first, first_of_outputs)
        elif kind == "Sequential":
            shape = own["layers"][0]["config"]["batch_shape"]
            inner = {**own["layers"][1]["config"], "batch_input_shape": shape, "dtype": "float32"}
            own = {"name": name, "layers": [{"class_name": "Dense", "config": inner}]}
        elif kind == "InputLayer":
            own = {"name": name, "batch_input_shape": own["batch_shape"], "dtype": "float32", "ragged": False}
        return {"class_name": kind, "name": name, "config": own, "inbound_nodes": nodes}

    def end(x: Any) -> Any:
        if isinstance(x, list) and len(x) == 3 and isinstance(x[0], str):
            name, call, tensor = x
            return reference(name, call - (kinds[name] == "Functional"), tensor, first_of_outputs)
        return {k: end(v) for k, v in x.items()} if isinstance(x, dict) else [end(v) for v in x]

    def listed(x: Any) -> Any:
        return [x] if isinstance(x, list) and isinstance(x[0], str) else x

    ends = {k: listed(end(config[k])) for k in ("input_layers", "output_layers")}
    return {"name": config["name"], "trainable": True, "layers": [layer(x) for x in config["layers"]], **ends}


@over_graphs
def test_random_configs_of_keras_2_compute_the_same(graph):
    inputs, wanted = case(graph)
    config = json.loads(json.dumps(build(addax, graph).get_config()))
    for first, first_of_outputs in ((0, 0), (1, 1), (0, 1)):
        older = {"class_name": "Functional", "keras_version": "2.9.0"}
        older["config"] = keras_2_form(config, first, first_of_outputs)
        check(addax.models.model_from_json(json.dumps(older)), inputs, wanted)


@pytest.mark.parametrize("graph", CASES[1:])
def test_nested_models_of_keras_2_are_read_as_by_keras(graph):
    inputs, wanted = case(graph)
    config = json.dumps(keras_2_form(json.loads(json.dumps(build(addax, graph).get_config())), 0, 1))
    for k in (keras, addax):
        check(k.Model.from_config(json.loads(config)), inputs, wanted)


def keras_2_config() -> dict:
    """A functional config in the form of Keras 2: no modules, calls as lists, a Sequential model inside."""
    inner = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "inner_input"}},
        {"class_name": "Dense", "config": {"units": 2, "name": "inner_dense", "activation": "tanh"}},
    ]
    layers = [
        ("InputLayer", "i", {"batch_input_shape": [None, 3], "name": "i"}, []),
        ("Dense", "d", {"units": 3, "name": "d"}, [[["i", 0, 0, {}]], [["d", 0, 0, {}]]]),
        ("Sequential", "s", {"name": "s", "layers": inner}, [[["d", 1, 0, {}]]]),
        ("Add", "a", {"name": "a"}, [[["s", 0, 0, {}], ["s", 0, 0, {}]]]),
        ("Dropout", "o", {"name": "o", "rate": 0.5}, [[["a", 0, 0, {"training": False}]]]),
    ]
    names = ("class_name", "name", "config", "inbound_nodes")
    return {
        "name": "m",
        "layers": [dict(zip(names, layer)) for layer in layers],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["o", 0, 0], ["d", 0, 0]],
    }


def test_configs_of_keras_2_are_read():
    ours, theirs = (k.Model.from_config(keras_2_config()) for k in (addax, keras))
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    for model in (ours, theirs):
        model.set_weights([np.full(w.shape, 0.1 * (i + 1)) for i, w in enumerate(ours.get_weights())])
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    for a, b in zip(numbers(ours, [x]), numbers(theirs, [x])):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    "place, value",
    [
        ((1, "inbound_nodes"), [[["q", 0, 0, {}]]]),
        ((1, "inbound_nodes"), [[["a", 0, 0, {}]], [["d", 0, 0, {}]]]),
        ((1, "inbound_nodes"), [[["i", 1, 0, {}]]]),
        ((1, "class_name"), "Dance"),
    ],
    ids=["no such layer", "a circle", "no such call", "no such class"],
)
def test_broken_configs_are_refused_in_the_words_of_keras(place, value):
    messages = []
    for k in (keras, addax):
        config = keras_2_config()
        config["layers"][place[0]][place[1]] = value
        with pytest.raises(ValueError) as error:
            k.Model.from_config(config)
        messages.append(str(error.value).split(": {")[0].split(". See ")[0])
    assert messages[0] in messages[1]


def test_an_output_that_is_not_there_is_named():
    config = keras_2_config()
    config["output_layers"] = [["d", 2, 0]]
    with pytest.raises(ValueError, match="Layer 'd' of model 'm' has no output 0 of call 2; it is called 2 times"):
        addax.Model.from_config(config)
