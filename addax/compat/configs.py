"""Converts configs written by Keras 0.3 to 2.15 to the current form, the only one that the loader reads.

`present_model` converts the config of a whole model, `present_compile` the arguments of `compile`. Both work on plain
data and build nothing. The tables of `names` hold what was only renamed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from ..core import registry
from ..core.reading import MAX_JSON, DamagedError, check_values, read_json, short
from ..core.signature import init_parameters
from ..core.types import Config, Tree
from . import names
from .tf_ops import present_op

OLD_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "hard_sigmoid_of_keras_2",
    "registered_name": "function",
}
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional")
_INSIDE = ("class_name", "config", "module", "registered_name")
_OF_LAYERS = ("batch_input_shape", "dynamic", "input_dtype")  # arguments that `Layer` took
_ACTIVATIONS = ("activation", "recurrent_activation")
_FAMILIES = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}


def is_old(version: str | None) -> bool:
    """Returns whether a file of this Keras version is older than Keras 3; None stands for Keras 1 or older.

    >>> is_old("2.15.0"), is_old("3.0.0"), is_old(None)
    (True, False, True)
    """
    return version is None or not version.split(".")[0].isdigit() or int(version.split(".")[0]) < 3


def is_of_keras_2(config: Tree) -> bool:
    """Returns whether a config without a version is in a form that only Keras 2 and older wrote.

    Args:
        config: Config of a model, with or without its class.
    """
    inner = config.get("config", config) if isinstance(config, dict) else config
    if isinstance(inner, list):
        return True
    layers = inner.get("layers") if isinstance(inner, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        own = layer.get("config") if isinstance(layer, dict) else None
        if own is None:  # Keras 0.3
            return "class_name" not in layer
        nodes = layer.get("inbound_nodes")
        if isinstance(nodes, list) and nodes and isinstance(nodes[0], list):
            return True
        if isinstance(own, list) or "batch_input_shape" in own or is_of_keras_2(layer):
            return True
    return False


def parsed(text: str) -> Config:
    """Returns the config of a model, given as JSON or YAML, in the current form.

    Args:
        text: The text. Some files hold JSON encoded twice; Keras 2 and older also wrote YAML, which needs PyYAML.

    Raises:
        ValueError: The text is neither.
        ImportError: It is YAML, and PyYAML is not installed.
    """
    is_yaml = text.lstrip()[:1] not in ("{", "[", '"') and _YAML.search(text) is not None
    config = _of_yaml(text) if is_yaml else read_json(text, "The config")
    config = read_json(config, "The config") if isinstance(config, str) else config
    if not isinstance(config, dict):
        raise DamagedError(f"The config of a model is an object. Received: {short(config)} (of {type(config)})")
    version = config.get("keras_version")
    if isinstance(version, str):
        return present_model(config, version) if is_old(version) or "module" not in config else config
    return present_model(config) if is_of_keras_2(config) else config


def present_model(config: Config, version: str | None = None) -> Config:
    """Returns the config of a whole model, as read from a file, in the current form.

    Args:
        config: Class and config of the model.
        version: The version of Keras that wrote it; None for Keras 1 and older.

    Raises:
        ValueError: It uses something that has no counterpart today.
    """
    if "class_name" not in config and isinstance(config.get("layers"), list):
        config = _of_keras_0(config)
    old = is_old(version)
    return _Converter(old).layer(_without_slashes(config) if old else config)


def _without_slashes(config: Config) -> Config:
    """Returns the config with valid layer names: TensorFlow's Keras allowed `/` in them."""
    found: set[str] = set()

    def search(x: Tree) -> None:
        if isinstance(x, dict):
            inner = x.get("config")
            name = inner.get("name") if isinstance(inner, dict) and "class_name" in x else None
            if isinstance(name, str) and "/" in name:
                found.add(name)
        for value in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
            search(value)

    def rename(x: Tree) -> Any:
        if isinstance(x, str):
            return x.replace("/", "_") if x in found else x
        if isinstance(x, dict):
            return {k: rename(v) for k, v in x.items()}
        return [rename(v) for v in x] if isinstance(x, list) else x

    search(config)
    return rename(config) if found else config


def present_graph(config: Config) -> Config:
    """Returns the config of a functional model, without its class, with its calls in the current form.

    Args:
        config: A config of Keras 2, or a current one, which is returned unchanged.
    """
    return _Converter(True).graph(config, "Functional") if is_of_keras_2(config) else config


_YAML = re.compile(r"^(backend|class_name|config|keras_version|layers|loss|name): ?", re.MULTILINE)


def _of_yaml(text: str) -> Any:
    """Parses YAML as Keras wrote it: only tuples and strings of Python 2 are tagged."""
    try:
        import yaml
    except ImportError:
        raise ImportError("The config is YAML, for which PyYAML is needed: `pip install pyyaml`.") from None

    if len(text) > MAX_JSON:
        raise DamagedError(f"The config has {len(text)} bytes; addax reads YAML of up to {MAX_JSON}.")

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, True))
    for tag in ("unicode", "str"):
        Loader.add_constructor(f"tag:yaml.org,2002:python/{tag}", lambda loader, node: loader.construct_scalar(node))
    try:
        return check_values(yaml.load(text, Loader), "The config")
    except yaml.YAMLError as error:
        raise ValueError(f"The config is no YAML that addax reads: {error}") from None


class _Converter:
    """Converts the configs of layers and models of one file.

    Args:
        old: Whether names have the meaning they had before Keras 3.
    """

    def __init__(self, old: bool):
        self.old = old

    def layer(self, config: Config) -> Config:
        """Returns the config of a layer or model, including the keys beside it (`name`, `inbound_nodes`)."""
        if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
            return config
        name = config["class_name"]
        inner = config.get("config")
        beside = {k: v for k, v in config.items() if k not in _INSIDE}
        if self.old:
            beside.pop("compile_config", None)  # read separately, for the whole model
        own = inner if isinstance(inner, dict) else {}
        if isinstance(inner, dict) and isinstance(inner.get("layers"), list) and "input_layers" in inner:
            inner = self.graph(inner, beside.get("name"))
            name = "Functional" if name in ("Model", "Container", "Network", "Graph") else name
        elif name == "Sequential" or isinstance(inner, list):
            made = self.sequential(inner, beside.get("name"))
            return {**made, **beside}
        elif name == "Merge" and not self._is_known(name, config):
            name, inner = _merge(own)
        elif isinstance(inner, dict):
            name, inner = self.plain(name, inner, config)
            if self.old:
                beside.pop("build_config", None)  # its calls build the layer; the arguments of `build` have changed
        return {**self.place(name, config), "config": inner, **beside}

    def place(self, name: str, config: Config) -> Config:
        """Returns where the class of a config is found today: module, class name and registered name."""
        module = config.get("module")
        if name == "Functional" and registry.get_registered_object(name) is None:
            return {"module": "keras.src.models.functional", "class_name": name, "registered_name": name}
        if registry.resolve(module, name) is not None:
            return {"module": module, "class_name": name, "registered_name": config.get("registered_name")}
        bare = name.rpartition(">")[2]
        if registry.get_registered_object(name) is None and registry.get_registered_object(bare) is None:
            for place in ("keras.layers", "keras.models"):
                for known in (name, bare):
                    if registry.resolve(place, known) is not None:
                        return {"module": place, "class_name": known, "registered_name": None}
            packages = [k for k in registry.get_custom_objects() if k.rpartition(">")[2] == name]
            if len(packages) == 1:  # files name the class of the whole model without its package
                return {"module": module, "class_name": name, "registered_name": packages[0]}
        registered = config.get("registered_name") or (name if ">" in name else None)
        return {"module": module, "class_name": name, "registered_name": registered}

    def is_op(self, name: str) -> bool:
        # Looking for an op that there isn't loads all of them, and JAX.
        return name != "InputLayer" and registry.resolve("keras.src.ops.numpy", name) is not None

    @staticmethod
    def _is_known(name: str, config: Config) -> bool:
        return any(registry.get_registered_object(n) is not None for n in (name, config.get("registered_name")) if n)

    # One layer

    def plain(self, name: str, config: Config, whole: Config) -> tuple[str, Config]:
        """Returns class and config of a layer that is not a model."""
        if self._is_known(name, whole):  # user-defined
            cls = registry.get_registered_object(name)
            taken = init_parameters(cls) if isinstance(cls, type) else config
            return name, {k: v for k, v in config.items() if k in taken or k not in _OF_LAYERS}
        if name == "TimeDistributedDense":
            inner = {k: v for k, v in config.items() if k != "name"}
            layer = self.layer({"class_name": "Dense", "config": inner})
            return "TimeDistributed", {"name": config.get("name"), "layer": layer}
        if name in _BY_THEMSELVES:
            return name, _BY_THEMSELVES[name](config)
        today = names.CLASSES.get(name, name)
        config = {names.ARGUMENTS.get(today, {}).get(k, k): v for k, v in config.items()}
        if name in ("Convolution2D", "Convolution3D", "AtrousConvolution2D", "Deconvolution2D") or "nb_row" in config:
            config = _kernel_size(config)
        if name == "Softmax" or today == "BatchNormalization":
            config = {**config, "axis": _single(config.get("axis", -1))}
        return today, self.arguments(today, self.recurrent(name, today, config))

    def recurrent(self, name: str, today: str, config: Config) -> Config:
        """Completes the config of a recurrent layer with former defaults and with what CuDNN's classes implied."""
        config = dict(config)
        if name.startswith("CuDNN"):
            config |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
        if today == "GRU" and self.old:
            config.setdefault("reset_after", name.startswith("CuDNN"))
        if today in ("LSTM", "Bidirectional") and "forget_bias_init" in config:
            config["unit_forget_bias"] = config.pop("forget_bias_init") == "one"
        return config

    def arguments(self, name: str, config: Config) -> Config:
        """Returns the arguments of a layer in the current form, without those that no class takes any more."""
        cls = registry.resolve("keras.layers", name)
        taken = init_parameters(cls) if cls is not None else None
        found = {}
        for key, value in config.items():
            value = self.value(key, value)
            if taken is not None and key not in taken and key not in ("name", "trainable", "dtype"):
                if key == "activity_regularizer" and value is not None:
                    pass
                elif key not in names.DROPPED:
                    found[key] = value
                    continue
                elif names.DROPPED[key] is None or value in names.DROPPED[key]:  # type: ignore[operator]
                    continue
                else:
                    raise ValueError(
                        f"Layer '{config.get('name')}' ({name}) of the file has {key}={value!r}, which no layer of "
                        "today does. It can be loaded with a class of your own for it in `custom_objects`."
                    )
            found[key] = value
        return found

    def value(self, key: str, value: Any) -> Any:
        """Returns the value of the argument `key` in the current form."""
        if isinstance(value, dict):
            if value.get("type") == "ndarray" and "value" in value:
                return value["value"]
            if key == "dtype" and value.get("class_name") in ("Policy", "PolicyV1"):
                return value["config"].get("name")
            if key in ("layer", "cell", "forward_layer", "backward_layer"):
                return self.layer(value)
        if isinstance(value, (str, bool)) and value in names.VALUES.get(key, {}):
            value = names.VALUES[key][value]
        if key in _ACTIVATIONS:
            return self.activation(value)
        kind = next((kind for kind in _FAMILIES if key.endswith(kind)), None)
        if kind is not None:
            return present_leaf(value, kind)
        return [self.layer(v) for v in value] if key == "cells" and isinstance(value, list) else value

    def activation(self, value: Any) -> Any:
        if value == "hard_sigmoid" and self.old:
            return dict(OLD_HARD_SIGMOID)
        if isinstance(value, dict) and "class_name" in value and value["class_name"] != "function":
            return self.layer(value)
        return value

    # Sequential models

    def sequential(self, config: Tree, name: str | None) -> Config:
        """Returns the config of a sequential model, which is a list of layers up to Keras 2.2.0, then a dict."""
        inner: Config = {"layers": config} if isinstance(config, list) else dict(config)
        inner.setdefault("name", name)
        layers = inner["layers"] if isinstance(inner.get("layers"), list) else []
        if layers and layers[0].get("class_name") == "Merge" and isinstance(layers[0].get("config"), dict):
            if layers[0]["config"].get("layers"):
                return self.merged_branches(inner, layers)
        made = [self.layer(layer) for layer in layers]
        if made and made[0].get("class_name") != "InputLayer":
            shape, dtype = _first_shape(layers[0])
            if shape is not None:
                own = made[0]["config"].get("name") if isinstance(made[0].get("config"), dict) else None
                made.insert(0, _input(shape, dtype, f"{own}_input" if own else None))
        return {
            "module": "keras",
            "class_name": "Sequential",
            "registered_name": None,
            "config": {
                k: v for k, v in {**inner, "layers": made}.items() if k not in ("name", "trainable") or v is not None
            },
        }

    def merged_branches(self, config: Config, layers: list[Config]) -> Config:
        """Converts a Keras 1 `Sequential` that begins by merging others to a functional model with several inputs."""
        merge = layers[0]["config"]
        nodes: list[Config] = []
        inputs: list[list] = []
        ends: list[list] = []
        for i, branch in enumerate(merge["layers"]):
            made = self.layer(branch)
            own = made["config"].setdefault("name", None) or f"branch_{i + 1}"
            made["config"]["name"] = own
            given = _inputs_of(made)
            references = []
            for j, (shape, dtype) in enumerate(given):
                start = f"{own}_input" if len(given) == 1 else f"{own}_input_{j + 1}"
                nodes.append({**_input(shape, dtype, start), "name": start, "inbound_nodes": []})
                inputs.append([start, 0, 0])
                references.append([start, 0, 0])
            nodes.append({**made, "name": own, "inbound_nodes": [_node(references)]})
            ends.append([own, 0, 0])
        for k, layer in enumerate(layers):
            rest = {a: b for a, b in layer["config"].items() if a != "layers"} if k == 0 else layer.get("config")
            made = self.layer({**layer, "config": rest})
            own = made["config"].get("name") or f"{made['class_name'].lower()}_{k}"
            made["config"]["name"] = own
            nodes.append({**made, "name": own, "inbound_nodes": [_node(ends)]})
            ends = [[own, 0, 0]]
        return {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "registered_name": "Functional",
            "config": {"name": config.get("name"), "layers": nodes, "input_layers": inputs, "output_layers": ends[0]},
        }

    # Functional models

    def graph(self, config: Config, name: str | None) -> Config:
        """Returns the config of a functional model with the calls of its layers in the current form."""
        config = dict(config)
        if config.get("name") is None:
            config["name"] = name
        calls = _Calls(config["layers"], config["output_layers"])
        layers = []
        for layer in config["layers"]:
            nodes = layer.get("inbound_nodes") or []
            kind, own = layer.get("class_name"), layer.get("name")
            if kind in ("TFOpLambda", "SlicingOpLambda"):
                function = str(layer["config"].get("function", ""))
                if function.startswith("keras.activations."):
                    layers.append(self.activation_layer(layer, function.rpartition(".")[2], calls))
                else:
                    layers.append(present_op(layer, calls))
                continue
            if not self.old and "trainable" not in layer["config"] and self.is_op(kind):
                layers.append({**layer, "module": _op_module(kind), "registered_name": kind})
                continue
            made = self.layer({k: v for k, v in layer.items() if k != "inbound_nodes"})
            if isinstance(made.get("config"), dict) and made["config"].get("name") is None:
                made["config"]["name"] = own
            made["name"] = own
            made["inbound_nodes"] = [calls.node(node, made["class_name"]) for node in nodes]
            layers.append(made)
        ends = {key: _unwrapped(calls.ends(config[key])) for key in ("input_layers", "output_layers")}
        return {**config, "layers": layers, **ends}

    def activation_layer(self, layer: Config, function: str, calls: _Calls) -> Config:
        """Converts a function of `keras.activations`, which TensorFlow recorded as an op, to a layer."""
        name = layer.get("name")
        return {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {"name": name, "activation": self.activation(function)},
            "registered_name": None,
            "name": name,
            "inbound_nodes": [calls.node(node, "Activation") for node in layer.get("inbound_nodes", ())],
        }


class _Calls:
    """The calls in a functional config. Lists written by Keras 2 are converted; current dicts stay as they are.

    Args:
        layers: The layers of the config.
        outputs: Its outputs.
    """

    def __init__(self, layers: list[Config], outputs: Tree):
        self.names = {layer.get("name") for layer in layers}
        self.counts = {layer.get("name"): len(layer.get("inbound_nodes") or ()) for layer in layers}
        self.lists = any(isinstance(n, list) for layer in layers for n in layer.get("inbound_nodes") or ())
        self.graphs = {
            layer.get("name")
            for layer in layers
            if isinstance(layer.get("config"), dict) and "input_layers" in layer["config"]
        }
        models = self.graphs | {layer.get("name") for layer in layers if layer.get("class_name") == "Sequential"}
        self.first, self.first_of_outputs = self._first_calls(models, layers, outputs)

    def _first_calls(self, models: set, layers: list[Config], outputs: Tree) -> tuple[dict, dict]:
        """Returns the numbers of the first calls of nested models, in references of layers and of outputs.

        In Keras 2 a model's construction counted as its first call, so that its calls begin at 1; some files count
        like that only in the outputs. Every call in a config leads to an output, so the numbers tell which is meant.
        """
        in_layers: dict[Any, int] = {}
        in_outputs: dict[Any, int] = {}
        inside, outside = self._referred(layers), self._referred(outputs)
        for name in models:
            in_layers[name] = first = min(inside.get(name) or outside.get(name) or {0}) and 1
            made = {call - first for call in inside.get(name, ())}
            fitting = [
                n
                for n in (first, 1 - first)
                if made | {call - n for call in outside.get(name, ())} == set(range(self.counts[name]))
            ]
            in_outputs[name] = fitting[0] if fitting else first
        return in_layers, in_outputs

    def _referred(self, x: Tree) -> dict[Any, set[int]]:
        """Returns the calls of each layer that a part of the config refers to."""
        found: dict[Any, set[int]] = {}
        for name, call, _ in self._references(x):
            found.setdefault(name, set()).add(call)
        return found

    def _references(self, x: Tree) -> Iterator[list]:
        if self.is_reference(x):
            yield x[:3]  # type: ignore[index]
            x = x[3:]  # type: ignore[index]
        if isinstance(x, dict):
            for key, value in x.items():
                if key != "config":  # nested models number their own calls
                    yield from self._references(value)
        elif isinstance(x, list):
            for value in x:
                yield from self._references(value)

    def is_reference(self, x: Tree, known: bool = True) -> bool:
        """Returns whether `x` is `[layer, call, tensor]`, with or without keywords after it.

        Args:
            x: Part of a call.
            known: Whether the layer must be one of the model's; a keyword may be a list of this form, too.
        """
        return (
            isinstance(x, (list, tuple))
            and len(x) in (3, 4)
            and isinstance(x[0], str)
            and (x[0] in self.names or not known)
            and all(isinstance(i, int) and not isinstance(i, bool) for i in x[1:3])
        )

    def tensor(self, reference: list) -> Config:
        name, call, index = reference[:3]
        history = [name, call - self.first.get(name, 0), index]
        return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}

    def fill(self, x: Tree) -> Any:
        """Returns `x` with tensors in place of references."""
        if self.is_reference(x):
            return self.tensor(x)  # type: ignore[arg-type]
        if isinstance(x, dict):
            return {k: self.fill(v) for k, v in x.items()}
        return [self.fill(v) for v in x] if isinstance(x, (list, tuple)) else x

    def argument(self, x: Tree) -> tuple[Any, Config]:
        """Returns the first argument of a call, and the call's keywords, which follow its first tensor."""
        if isinstance(x, list) and x and x[0] == "_CONSTANT_VALUE":
            return x[2], self.keywords(x)
        if self.is_reference(x, known=False):
            return self.tensor(x), self.keywords(x)  # type: ignore[arg-type]
        if isinstance(x, dict):
            parts = {k: self.argument(v) for k, v in x.items()}
            return {k: v[0] for k, v in parts.items()}, next((v[1] for v in parts.values()), {})
        if isinstance(x, list):
            items = [self.argument(v) for v in x]
            return [v[0] for v in items], items[0][1] if items else {}
        return x, {}

    def keywords(self, entry: Any) -> Config:
        given = entry[3] if len(entry) > 3 and isinstance(entry[3], dict) else {}
        return {k: self.fill(v) for k, v in given.items()}

    def node(self, node: Tree, class_name: str) -> Config:
        """Returns one call in the current form."""
        if isinstance(node, dict) and "args" in node:
            return node
        if isinstance(node, list) and len(node) == 1:
            node = node[0]
        first, keywords = self.argument(node)
        args = [first]
        if class_name in _RECURRENT and isinstance(first, list) and len(first) > 1 and "initial_state" not in keywords:
            args, keywords = [first[0]], {**keywords, "initial_state": first[1:]}
        return {"args": args, "kwargs": keywords}

    def ends(self, x: Tree) -> Any:
        """Returns the inputs or outputs of the model; constructing a nested functional model counts as a call today."""
        if not self.lists:
            return x
        if self.is_reference(x, known=False):
            name, call, index = x[:3]  # type: ignore[index]
            return [name, call - self.first_of_outputs.get(name, 0) + (name in self.graphs), index]
        if isinstance(x, dict):
            return {k: self.ends(v) for k, v in x.items()}
        return [self.ends(v) for v in x] if isinstance(x, (list, tuple)) else x


def _unwrapped(x: Any) -> Any:
    """Removes the list around a single input or output: Keras 2 wrote it, but returned the tensor itself."""
    single = isinstance(x, list) and len(x) == 1 and isinstance(x[0], (list, tuple))
    return x[0] if single else x


def _node(references: list[list]) -> Config:
    tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": r}} for r in references]
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": {}}


# Inputs


def _input(shape: Any, dtype: str | None, name: str | None) -> Config:
    config = {"batch_shape": list(shape), "dtype": dtype or "float32", "sparse": False, "ragged": False, "name": name}
    return {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "config": config}


def _input_layer(config: Config) -> Config:
    config = dict(config)
    for old, new in (("batch_input_shape", "batch_shape"), ("input_dtype", "dtype")):
        if old in config:
            config[new] = config.pop(old)
    config.setdefault("dtype", "float32")
    for key in ("sparse", "ragged"):
        if config.get(key) is None:
            config.pop(key, None)
    return {k: v for k, v in config.items() if k not in ("trainable", "type_spec")}


def _first_shape(layer: Config) -> tuple[Any, str | None]:
    """Returns batch shape and dtype of a first layer's input, from its config or one nested in it."""
    config = layer.get("config")
    if isinstance(config, list):
        return _first_shape(config[0]) if config else (None, None)
    if not isinstance(config, dict):
        return None, None
    dtype = config.get("input_dtype") or config.get("dtype")
    dtype = dtype if isinstance(dtype, str) and not dtype.startswith("mixed") else None
    for key in ("batch_input_shape", "batch_shape"):
        if config.get(key):
            return config[key], dtype
    if config.get("input_shape"):
        return [None, *config["input_shape"]], dtype
    if config.get("layers"):
        return _first_shape(config["layers"][0])
    if isinstance(config.get("layer"), dict) and layer.get("class_name") != "TimeDistributed":
        return _first_shape(config["layer"])
    return _shape_of_sizes(layer.get("class_name"), config, dtype)


def _shape_of_sizes(name: str | None, config: Config, dtype: str | None) -> tuple[Any, str | None]:
    """Returns the batch shape that `input_dim` and `input_length` specify."""
    size, length = config.get("input_dim"), config.get("input_length")
    if name == "Embedding" and length:
        return [None, *(length if isinstance(length, list) else [length])], "int32"
    if size and name in ("LSTM", "GRU", "SimpleRNN", "Convolution1D", "TimeDistributedDense"):
        return [None, length, size], dtype
    return ([None, size], dtype) if size and name == "Dense" else (None, None)


def _inputs_of(model: Config) -> list[tuple[Any, str]]:
    """Returns batch shapes and dtypes of the inputs of a converted model."""
    config = model["config"]
    inputs = [x["config"] for x in config.get("layers", ()) if x["class_name"] == "InputLayer"]
    if not inputs:
        raise ValueError(f"The part '{config.get('name')}' of the file has no input shape, so it can't be merged.")
    return [(x["batch_shape"], x.get("dtype", "float32")) for x in inputs]


# Arguments


def _single(axis: Any) -> Any:
    """Returns an axis that may have been written as a list with one element."""
    return axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis


def _kernel_size(config: Config) -> Config:
    sizes = [config[k] for k in ("kernel_dim1", "kernel_dim2", "kernel_dim3", "nb_row", "nb_col") if k in config]
    rest = {
        k: v for k, v in config.items() if k not in ("kernel_dim1", "kernel_dim2", "kernel_dim3", "nb_row", "nb_col")
    }
    return {**rest, "kernel_size": sizes} if sizes else config


def _merge(config: Config) -> tuple[str, Config]:
    mode = config.get("mode", "sum")
    if mode not in names.MERGES or config.get("mode_type") == "lambda":
        raise ValueError(
            f"Layer '{config.get('name')}' of the file merges by mode={mode!r}, a function of Keras 1, which can't be "
            f"loaded. The modes are {list(names.MERGES)}."
        )
    name, renamed, more = names.MERGES[mode]
    return name, {
        "name": config.get("name"),
        **{new: config[old] for old, new in renamed.items() if old in config},
        **more,
    }


def _lambda(config: Config) -> Config:
    """Returns the config of a `Lambda`. Its bytecode stays text, which is never run."""
    kinds = {key: config.get(f"{key}_type") for key in ("function", "output_shape", "mask")}
    config = {k: v for k, v in config.items() if k not in _LAMBDA_DROPPED}
    for key, kind in kinds.items():
        value = config.get(key)
        if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
            config[key] = {"class_name": "__lambda__", "config": _bytecode(value)}
        elif kind == "function" and isinstance(value, str):
            config[key] = {
                "module": "builtins",
                "class_name": "function",
                "config": value,
                "registered_name": "function",
            }
    return {k: v for k, v in config.items() if v is not None or k not in ("output_shape", "mask")}


_LAMBDA_DROPPED = (
    *("function_type", "output_shape_type", "mask_type"),
    *("module", "output_shape_module", "mask_module"),
    *("batch_input_shape", "input_dtype"),
)


# Layers whose whole config differs.
_BY_THEMSELVES = {"InputLayer": _input_layer, "Lambda": _lambda}


def _bytecode(value: list) -> Config:
    code, defaults, closure = value
    if not code.isascii() or "\x00" in code:  # marshal as Latin-1
        code = base64.encodebytes(code.encode("latin-1", "replace")).decode("ascii")
    return {"code": code, "defaults": defaults, "closure": closure}


def present_leaf(value: Any, kind: str) -> Any:
    """Returns the config of an initializer, regularizer or constraint in the current form.

    Args:
        value: A name, a config or None.
        kind: "initializer", "regularizer" or "constraint".
    """
    if kind == "initializer" and isinstance(value, str) and value in names.INITIALIZERS:
        value = names.INITIALIZERS[value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value and "name" in value:  # Keras 1
        renamed = {"WeightRegularizer": "L1L2", "ActivityRegularizer": "L1L2"}.get(value["name"], value["name"])
        arguments = {{"m": "max_value"}.get(k, k): v for k, v in value.items() if k != "name"}
        value = {"class_name": renamed, "config": arguments}
    known = names.INITIALIZERS.get(str(value.get("class_name"))) if kind == "initializer" else None
    if known is not None:
        value = {**value, "class_name": known["class_name"]}
    module = _FAMILIES[kind]
    cls = registry.resolve(module, str(value.get("class_name")))
    config = value.get("config")
    if cls is None or not isinstance(config, dict):
        return value
    taken = init_parameters(cls)
    dropped = ("dtype", "partition_info")
    config = {k: v for k, v in config.items() if k in taken or k not in dropped}
    return {"module": module, "class_name": value["class_name"], "config": config, "registered_name": None}


# Keras 0.3


def _of_keras_0(config: Config) -> Config:
    """Converts a config of Keras 0.3, whose dicts mix class and arguments, to the form of Keras 1."""

    def layer(x: Config) -> Config:
        own = {k: v for k, v in x.items() if k not in ("name", "custom_name", "cache_enabled")}
        if isinstance(x.get("layers"), list):
            own["layers"] = [layer(part) for part in x["layers"]]
            if x["name"] == "Sequential":
                return {"class_name": "Sequential", "config": own["layers"]}
        if x.get("custom_name"):
            own["name"] = x["custom_name"]
        if isinstance(own.get("input_shape"), list):
            own["batch_input_shape"] = [None, *own.pop("input_shape")]
        return {"class_name": x["name"], "config": own}

    if config.get("name") != "Sequential":
        raise ValueError(
            f"The file has a model of kind '{config.get('name')}' of Keras 0.3. addax reads its `Sequential` models."
        )
    layers = [layer(x) for x in config["layers"]]
    seen: set[str] = set()
    for i, x in enumerate(layers):  # names were not unique
        if isinstance(x["config"], dict) and x["config"].get("name") in (seen | {None}):
            x["config"]["name"] = f"{x['class_name'].lower()}_{i + 1}"
        if isinstance(x["config"], dict):
            seen.add(x["config"]["name"])
    return {"class_name": "Sequential", "config": layers}


def _op_module(name: str) -> str:
    return registry.resolve("keras.src.ops.numpy", name).keras_module
