"""Legacy `.h5` files: whole models and weights alone, as Keras 0.3 to 3 wrote them; written as Keras 3 writes them.

A file has a group a layer, with a list of arrays. What is old in configs and arrays is turned into today's in `compat`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compat.configs import present_model
from ..compat.slots import Group, restored
from ..compat.training import present_compile
from ..compat.weights import Misfit, Origin, fit, legacy_variables, values
from ..core import registry
from ..core.reading import DamagedError, read_json, short
from ..core.serialization import deserialize_keras_object, safe_mode_scope, serialize_keras_object
from ..core.types import Config
from ..core.variable import Variable
from ..core.warnings import warn
from ..layers.layer import Layer
from ..models.model import Model
from ..models.sequential import Sequential
from ..version import KERAS_API_VERSION
from .atomic import replacing
from .hdf5 import Budget, attribute, follow, read_array, writing

TOP_LEVEL = "top_level_model_weights"
_MAX_ATTRIBUTE = 64000  # bytes: HDF5 keeps attributes of up to 64 KB
_GENERATOR = re.compile(r"(^|/)StateVar(_\d+)?(:0)?$")  # the state of TensorFlow's random layers
_NO_CONFIG = (
    "No model config found in the file at {}. It holds weights alone: make the model in Python, or from its JSON with "
    "`keras.models.model_from_json`, and call `model.load_weights(...)`."
)


class Saved(NamedTuple):
    """A layer in the file: its name, and its arrays with their names."""

    name: str
    names: list[str]
    arrays: list[Any]


def is_legacy(file: Any) -> bool:
    """Returns whether an open HDF5 file is a legacy one: a whole model or a list of layers."""
    known = ("model_config", "layer_names", "layer_names0", "nb_layers")
    return any(key in file.attrs for key in known) or "model_weights" in file


# Reading


def read_model(
    file: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Reads a whole model.

    Args:
        file: Open HDF5 file.
        custom_objects: Dict from names in the config to classes and functions.
        compile: Whether to compile the model if the saved one was compiled.
        safe_mode: Whether to refuse code in the config.

    Raises:
        ValueError: The file has no model, or its arrays don't fit the model.
        TypeError: It names an unknown class or function.
    """
    with registry.custom_object_scope(custom_objects or {}):
        model = deserialize_keras_object(present_config(file), safe_mode=safe_mode)
        if not isinstance(model, Model):
            raise DamagedError(
                f"The attribute `model_config` describes no model, but {short(model)} (of {type(model)})."
            )
        groups, origin = read_groups(_root(file), Budget(model.weights if model.built else None))
        if not model.built and isinstance(model, Sequential):
            _build(model, groups)
        if not model.built and groups:
            raise ValueError(
                f"The file {file.filename} has weights of the layers {[g.name for g in groups]}, but doesn't tell the "
                f"shape of the input that '{model.name}' ({type(model).__name__}) was built for. Make the model in "
                "Python, build it, and call `model.load_weights(...)` with this file."
            )
        pairs, found = _match(model, groups, origin, whole=True)
        pairs += _top_level(model, file)
        _assign(pairs)
        training = attribute(file, "training_config")
        if compile and training is not None:
            _compile(model, present_compile(_json(training)), safe_mode)
            if model.compiled and "optimizer_weights" in file:
                _restore_optimizer(model, file["optimizer_weights"], found, origin)
    return model


def present_config(file: Any) -> Config:
    """Returns the config of the model in an open legacy file, in the form of today.

    Raises:
        ValueError: The file has weights alone.
    """
    text = attribute(file, "model_config")
    if text is None:
        raise ValueError(_NO_CONFIG.format(file.filename))
    config = _json(text)
    if not isinstance(config, dict):
        raise DamagedError(f"The attribute `model_config` must be the config of a model. Received: {short(config)}")
    return present_model(config, _version(file))


def load_weights(model: Layer, file: Any, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Reads the arrays of a legacy file into a model. If they don't fit, the model is unchanged.

    Args:
        model: A built model.
        file: Open HDF5 file.
        skip_mismatch: Whether to skip, with a warning, weights that don't fit.
        by_name: Whether layers are told by their names rather than by their order; those that the file or the model
            doesn't have are left out.

    Raises:
        ValueError: The arrays don't fit; the error lists what doesn't.
    """
    groups, origin = read_groups(_root(file), Budget(None if by_name or skip_mismatch else model.weights))
    if by_name:
        known: dict[str, list[Layer]] = {}
        for layer in _layers(model):
            known.setdefault(layer.name, []).append(layer)
        chosen = [(layer, group) for group in groups for layer in known.get(group.name, ())]
        pairs, _ = _fit_all(chosen, origin, skip_mismatch)
    else:
        pairs, _ = _match(model, groups, origin, whole=False, skip_mismatch=skip_mismatch)
    _assign(pairs + _top_level(model, file))


def read_groups(root: Any, budget: Budget) -> tuple[list[Saved], Origin]:
    """Returns the layers of an open legacy file that have arrays, in order, and what is known of the file.

    Args:
        root: The file, or the group of its weights.
        budget: How much may be read.

    Raises:
        ValueError: The file is damaged, or holds more than the model has.
    """
    if "nb_layers" in root.attrs:
        counted = range(min(int(attribute(root, "nb_layers")), len(root) + 1))
        found = [_read_numbered(follow(root, f"layer_{i}"), f"layer_{i}", budget) for i in counted]
        return [g for g in found if g.arrays], Origin(keras=0, theano=True)
    version = _version(root) or _version(root.file)
    groups = [_read_group(root, name, budget) for name in _names(root, "layer_names")]
    groups = [g for g in groups if g.arrays]
    major = int(version.split(".")[0]) if version and version[0].isdigit() else 1
    if major == 1:
        theano = not any(name.endswith(":0") for g in groups for name in g.names)
    else:
        theano = _text(attribute(root, "backend", attribute(root.file, "backend", ""))) == "theano"
    return groups, Origin(major, theano)


def _read_group(root: Any, name: str, budget: Budget) -> Saved:
    group = follow(root, name)
    if group is None:
        raise ValueError(f"The file {root.file.filename} names the layer '{name}', but has no group for it.")
    names = [n for n in _names(group, "weight_names") if not _GENERATOR.search(n)]
    return Saved(name, names, [_array(group, n, budget) for n in names])


def _read_numbered(group: Any, name: str, budget: Budget) -> Saved:
    """A layer in a file of Keras 0.3."""
    if group is None:
        raise ValueError(f"The file has no group '{name}', although it counts it among its layers.")
    names = [f"param_{i}" for i in range(min(int(attribute(group, "nb_params", len(group))), len(group) + 1))]
    return Saved(name, names, [_array(group, n, budget) for n in names])


def _array(group: Any, name: str, budget: Budget) -> np.ndarray:
    found = follow(group, name)
    if found is None:
        raise ValueError(f"The file names the array '{name}' of '{group.name}', but doesn't have it.")
    return read_array(found, budget, unnamed="bfloat16")  # Keras 3 writes it as bytes


def _root(file: Any) -> Any:
    found = follow(file, "model_weights")
    return file if found is None else found


def _names(group: Any, name: str) -> list[str]:
    """An attribute that is a list of names; long ones are split over attributes with a number behind the name."""
    if name in group.attrs:
        return [_text(n) for n in attribute(group, name)]
    found: list[str] = []
    for i in range(len(group.attrs)):
        if f"{name}{i}" not in group.attrs:
            break
        found += [_text(n) for n in attribute(group, f"{name}{i}")]
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _json(text: Any) -> Any:
    """The data in an attribute: JSON, in some files within JSON."""
    what = "The config in an attribute of the HDF5 file"
    value = read_json(_text(text), what)
    return read_json(value, what) if isinstance(value, str) else value


def _version(group: Any) -> str | None:
    found = attribute(group, "keras_version")
    return None if found is None else _text(found)


# Which layer has which arrays


def _layers(model: Any) -> list[Any]:
    return [layer for layer in model.layers if legacy_variables(layer)]


def _inner_layers(model: Any) -> Iterator[Any]:
    """The layers of a model and of the models in it, each once."""
    seen: set[int] = set()

    def visit(layers: Sequence[Any]) -> Iterator[Any]:
        for layer in layers:
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            if isinstance(layer, Model):
                yield from visit(layer.layers)
            elif legacy_variables(layer):
                yield layer

    return visit(model.layers)


def _match(
    model: Any, groups: list[Saved], origin: Origin, whole: bool, skip_mismatch: bool = False
) -> tuple[list[tuple[Variable, Any]], list[Group]]:
    """The variables of a model with their arrays.

    By order, as Keras does; in a file of the whole model by name, as the names are the model's own. What doesn't fit
    so is tried the other way, and with the layers of nested models, which Keras 1 wrote side by side.
    """
    layers, inner = _layers(model), list(_inner_layers(model))
    ways = [_in_order(layers, groups), _by_name(layers, groups)]
    ways = ways[::-1] if whole else ways
    ways += [_by_name(inner, groups), _in_order(inner, groups)]
    for way in ways:
        if way is not None:
            try:
                return _fit_all(way, origin)
            except ValueError:
                pass
    if len(layers) != len(groups):
        raise ValueError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} layers, found "
            f"{len(groups)} saved layers. {_unmatched(layers, groups)}"
        )
    return _fit_all(_in_order(layers, groups) or [], origin, skip_mismatch)


def _unmatched(layers: list[Any], groups: list[Saved]) -> str:
    own, saved = [x.name for x in layers], [g.name for g in groups]
    return (
        f"Layers without weights of their name in the file: {[n for n in own if n not in saved]}. Layers in the file "
        f"that the model '{'' if not layers else layers[0].path.partition('/')[0]}' doesn't have: "
        f"{[n for n in saved if n not in own]}."
    )


def _in_order(layers: list[Any], groups: list[Saved]) -> list[tuple[Any, Saved]] | None:
    return list(zip(layers, groups)) if len(layers) == len(groups) else None


def _by_name(layers: list[Any], groups: list[Saved]) -> list[tuple[Any, Saved]] | None:
    known = {layer.name: layer for layer in layers}
    if len(layers) != len(groups) or set(known) != {g.name for g in groups}:
        return None
    return [(known[g.name], g) for g in groups]


def _fit_all(
    chosen: Sequence[tuple[Any, Saved]], origin: Origin, skip_mismatch: bool = False
) -> tuple[list[tuple[Variable, Any]], list[Group]]:
    """The variables of layers with the arrays chosen for them; one error lists all that doesn't fit."""
    pairs: list[tuple[Variable, Any]] = []
    found: list[Group] = []
    problems: list[str] = []
    for i, (layer, saved) in enumerate(chosen):
        try:
            parts = fit(layer, saved.names, saved.arrays, origin)
        except Misfit as error:
            variables = legacy_variables(layer)
            if skip_mismatch and len(variables) == len(saved.arrays):
                same = [(v, a) for v, a in zip(variables, saved.arrays) if tuple(a.shape) == v.shape]
                pairs += same
                warn(f"Skipping loading weights for layer #{i} (named {layer.name}) due to mismatch in shape {error}")
                continue
            problems.append(_problem(i, layer, saved, str(error)))
            continue
        pairs += values(parts, saved.arrays, origin)
        found.append(Group(parts, saved.arrays))
    if problems:
        rest = "".join(f"\n{p}" for p in problems[1:])
        raise ValueError(problems[0] + (f"\n\nNor do these fit:{rest}" if rest else ""))
    return pairs, found


def _problem(index: int, layer: Any, saved: Saved, text: str) -> str:
    if text.startswith("for weight"):
        return f"Shape mismatch in layer #{index} (named {layer.name}) {text}"
    return (
        f"Weight count mismatch for layer #{index} (named {layer.name} in the current model, {saved.name} in the save "
        f"file). {text}"
    )


def _top_level(model: Any, file: Any) -> list[tuple[Variable, Any]]:
    """The weights that the model itself has, besides its layers'."""
    group = follow(_root(file), TOP_LEVEL)
    own = [*model._trainable_variables, *model._non_trainable_variables]
    names = [] if group is None else _names(group, "weight_names")
    if not names or not own:
        return []
    arrays = [_array(group, n, Budget(own)) for n in names]
    if [tuple(a.shape) for a in arrays] != [v.shape for v in own]:
        raise ValueError(
            f"The file has the weights {names} of model '{model.name}' itself, which don't fit its own: "
            f"{[v.name for v in own]}."
        )
    return list(zip(own, arrays))


def _assign(pairs: Sequence[tuple[Variable, Any]]) -> None:
    for variable, array in pairs:
        variable.assign(np.asarray(array))


def _build(model: Sequential, groups: list[Saved]) -> None:
    """Builds a model whose file doesn't tell its input's shape, from the shape of its first kernel."""
    if not groups or not groups[0].arrays or not model.layers:
        return
    kernel, layer = groups[0].arrays[0].shape, model.layers[0]
    kind = type(layer).__name__
    sizes = {
        "Dense": lambda: (None, kernel[0]),
        "Embedding": lambda: (None, None),
        "LSTM": lambda: (None, None, kernel[0]),
        "GRU": lambda: (None, None, kernel[0]),
        "SimpleRNN": lambda: (None, None, kernel[0]),
    }
    if kind in sizes:
        model.build(sizes[kind]())
    elif kind.startswith("Conv") and getattr(layer, "data_format", "") == "channels_last":
        model.build((None,) * (len(kernel) - 1) + (kernel[-2],))


# Training


def _compile(model: Any, config: Config, safe_mode: bool) -> None:
    try:
        with safe_mode_scope(safe_mode):
            model.compile_from_config(config)
    except (ValueError, TypeError) as error:
        error.add_note(
            "It is part of what the model was compiled with: `load_model(..., compile=False)` leaves it out."
        )
        raise


def _restore_optimizer(model: Any, group: Any, found: list[Group], origin: Origin) -> None:
    optimizer = model.optimizer
    names = _names(group, "weight_names")
    if not names:
        return
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    budget = Budget([*optimizer.variables, *model.weights])
    arrays = [_array(group, n, budget) for n in names]
    try:
        pairs = restored(optimizer, found, names, arrays, origin)
        for variable, array in pairs:
            if tuple(array.shape) != variable.shape:
                raise Misfit(f"'{variable.path}' has shape {variable.shape}, the file's array {tuple(array.shape)}.")
    except Misfit as error:
        warn(
            f"The state of optimizer '{optimizer.name}' could not be restored from the file, so it starts from "
            f"its initial state. {error}"
        )
        return
    _assign(pairs)


# Writing


def write_model(model: Any, filepath: str, include_optimizer: bool = True) -> None:
    """Writes a whole model as a legacy file.

    Args:
        model: The model.
        filepath: Path.
        include_optimizer: Whether to include the arguments of `compile` and the optimizer's state.
    """
    whole = serialize_keras_object(model)
    config = _legacy_config(whole)
    if "layers" not in whole["config"] and whole.get("build_config"):  # Keras can't build such a model, nor minds
        config["build_config"] = whole["build_config"]
    compiled = include_optimizer and getattr(model, "compiled", False) and getattr(model, "optimizer", None) is not None
    training = json.dumps(_legacy_training(model.get_compile_config() or {})) if compiled else None
    with replacing(filepath) as temporary, writing(temporary) as (file, _):
        file.attrs["keras_version"] = KERAS_API_VERSION
        file.attrs["backend"] = "jax"
        file.attrs["model_config"] = json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = training
        _write_weights(model, file.create_group("model_weights"))
        if training is not None and model.optimizer.built:
            _write_group(file.create_group("optimizer_weights"), model.optimizer.variables)


def _write_weights(model: Any, group: Any) -> None:
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = "jax"
    group.attrs["keras_version"] = KERAS_API_VERSION
    for layer in model.layers:
        _write_group(group.create_group(layer.name), legacy_variables(layer))
    _write_group(group.create_group(TOP_LEVEL), [*model._trainable_variables, *model._non_trainable_variables])


def _write_group(group: Any, variables: Sequence[Variable]) -> None:
    names: list[str] = []
    for variable in variables:
        name, n = variable.path, 1
        while name in names:
            name, n = f"{variable.path}_{n}", n + 1
        names.append(name)
    _write_names(group, "weight_names", names)
    for name, variable in zip(names, variables):
        value = np.asarray(variable.numpy())
        group[name] = value.astype("float32") if value.dtype.kind == "V" else value


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    size = sum(len(n.encode()) + 16 for n in names)
    if size < _MAX_ATTRIBUTE:
        group.attrs[attribute] = names
        return
    parts = np.array_split(np.asarray(names, object), size // _MAX_ATTRIBUTE + 1)
    for i, part in enumerate(parts):
        group.attrs[f"{attribute}{i}"] = list(part)


_BESIDE = ("name", "inbound_nodes")


def _legacy_config(config: Config) -> Config:
    """The config of a layer or model as it stands in a legacy file: the class alone, without its module."""
    module, registered = config.get("module") or "", config.get("registered_name") or ""
    inner = config["config"]
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        inner = {**inner, "layers": [_legacy_config(layer) for layer in inner["layers"]]}
    found = {"class_name": registered if ">" in registered else config["class_name"], "config": inner}
    if module.startswith("keras.src.ops"):  # without it Keras takes an op for an unknown layer
        found = {"module": module, **found, "registered_name": registered}
    return {**found, **{k: config[k] for k in _BESIDE if k in config}}


def _legacy_training(config: Config) -> Config:
    optimizer = config.pop("optimizer", None)
    found = {k: _legacy_object(v) for k, v in config.items()}
    return {**found, "optimizer_config": _legacy_object(optimizer)}


def _legacy_object(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_legacy_object(v) for v in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value or "config" not in value:
        return {k: _legacy_object(v) for k, v in value.items()}
    if isinstance(value["config"], str):  # a function
        return value["config"]
    registered = value.get("registered_name") or ""
    return {"class_name": registered if ">" in registered else value["class_name"], "config": value["config"]}


__all__ = ["is_legacy", "load_weights", "present_config", "read_groups", "read_model", "write_model"]
