"""Checkpoints that the callback `OrbaxCheckpoint`, of addax or of Keras, wrote with Orbax."""

from __future__ import annotations

import importlib
import itertools
import os
import re
from typing import Any, NamedTuple

import numpy as np

from ..core.reading import DamagedError, read_json
from ..core.registry import custom_object_scope
from ..core.types import Config
from ..core.variable import Variable
from ..core.warnings import silenced, warn
from ..layers.layer import Layer
from ..models.model import Model
from ..models.state_tree import GROUPS, group_variables, leaves
from .archive import model_of
from .formats import orbax_numbers

_CONFIG, _VALUES = "model_config", "pytree"
_WEIGHTS = GROUPS[:2]
_SEED = "seed_generator_state"


def _numbers(path: str) -> list[int]:
    return [int(n) for n in re.findall(r"_(\d+)", path)]


def _first(paths: list[str]) -> str:
    """The first part of paths, if all have the same."""
    parts = {path.partition("/")[0] for path in paths}
    return parts.pop() if len(parts) == 1 else ""


def _below(path: str, root: str) -> str:
    return path.removeprefix(f"{root}/") if root else path


class _Pair(NamedTuple):
    """A variable, and where its value is in the checkpoint."""

    variable: Variable
    group: str
    path: str


def read(
    folder: str, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Layer:
    """Reads the model in a checkpoint.

    Args:
        folder: The folder of the checkpoint, or of several, of which the latest is read.
        custom_objects: Dict from names in the config to classes and functions.
        compile: Whether to compile the model if the saved one was compiled.
        safe_mode: Whether to refuse code in the config.

    Raises:
        ValueError: It has no config, or its arrays don't fit the model.
    """
    checkpoint = Checkpoint(folder)
    with custom_object_scope(custom_objects or {}):
        model = model_of(checkpoint.config(), compile, safe_mode)
        if not model.built:
            raise ValueError(
                f"The config in the checkpoint {checkpoint.path} doesn't tell what '{model.name}' was built for. Make "
                "the model in Python, build it, and call `model.load_weights(...)` with this folder."
            )
        checkpoint.load(model)
    return model


class Checkpoint:
    """One checkpoint: the folder itself, or the one with the largest number in it.

    Args:
        folder: The folder.

    Raises:
        ImportError: Orbax isn't installed.
        ValueError: The checkpoint is damaged.
    """

    def __init__(self, folder: str):
        try:
            self.orbax = importlib.import_module("orbax.checkpoint").v1
        except (ImportError, AttributeError) as error:
            raise ImportError(f"The folder {folder} is read by Orbax: `pip install addax-keras[orbax]`.") from error
        numbers = orbax_numbers(folder)
        self.path = os.path.abspath(os.path.join(folder, str(numbers[-1])) if numbers else folder)
        self.parts: dict[str, Any] = self.orbax.checkpointables_metadata(self.path).metadata
        tree = self.parts.get(_VALUES)
        if not isinstance(tree, dict) or not set(tree) <= set(GROUPS):
            raise DamagedError(
                f"The checkpoint {self.path} has no tree of {list(GROUPS)}. It has: {sorted(self.parts)}"
            )
        self.saved = {group: dict(leaves(tree[group])) for group in tree}

    def config(self) -> Config:
        """Returns the config of the model.

        Raises:
            ValueError: The checkpoint has none.
        """
        if _CONFIG not in self.parts:
            raise ValueError(
                "Checkpoint does not contain model configuration. This checkpoint may have been saved with "
                f"save_weights_only=True. Make the model in Python and call `model.load_weights('{self.path}')`."
            )
        text = self.orbax.load_checkpointables(self.path, {_CONFIG: None})[_CONFIG]["config"]
        config = read_json(str(text), f"The config in the checkpoint {self.path}")
        if not isinstance(config, dict):
            raise DamagedError(f"The config in the checkpoint {self.path} is not that of a model.")
        return config

    def load(self, model: Layer, skip_mismatch: bool = False) -> None:
        """Reads the variables of a model and, if it is compiled, of its optimizer. If one does not fit, none changes.

        Args:
            model: A built model.
            skip_mismatch: Whether to skip, with a warning, variables that don't fit.

        Raises:
            ValueError: Variables are missing, or have other shapes: the error lists them; or it is no model.
        """
        if not isinstance(model, Model):
            raise ValueError(f"Orbax's checkpoints are read into models. '{model.name}' is a {type(model).__name__}.")
        optimizer, groups = model.optimizer, list(_WEIGHTS)
        if optimizer is not None and self.saved.get(GROUPS[2]):
            groups.append(GROUPS[2])
            if not optimizer.built:
                optimizer.build(model.trainable_variables)
        roots = self._roots(model)
        pairs: list[_Pair] = []
        problems: list[str] = []
        for group in groups:
            self._match(model, group, roots, pairs, problems)
        if problems:
            message = f"The checkpoint {self.path} does not fit model '{model.name}': {'; '.join(problems)}."
            if not skip_mismatch:
                raise ValueError(message)
            warn(f"{message} These are skipped.")
        values = self._values(pairs)
        for pair in pairs:
            pair.variable.assign(values[pair.group][pair.path])

    def _roots(self, model: Model) -> tuple[str, str]:
        """The parts of the paths that go before those of the layers, in the checkpoint and in the model.

        A Sequential has one if it was made in Python, and none if it was made from its config.
        """
        saved = [p for group in _WEIGHTS for p in self.saved.get(group, ()) if not p.endswith(_SEED)]
        own = [v.path for group in _WEIGHTS for v in group_variables(model, group) if not v.path.endswith(_SEED)]
        for roots in itertools.product(("", _first(saved)), ("", _first(own))):
            if {_below(p, roots[0]) for p in saved} == {_below(p, roots[1]) for p in own}:
                return roots
        return "", ""

    def _match(self, model: Model, group: str, roots: tuple[str, str], pairs: list[_Pair], problems: list[str]) -> None:
        """Finds the variables of a group by their paths, and the states of unnamed seed generators by their order."""

        def name(path: str, root: str) -> str:
            # The optimizer's name, which may be numbered, and the path of a variable with underscores
            return path.partition("/")[2].removeprefix(f"{root}_") if group == GROUPS[2] else _below(path, root)

        places = {name(path, roots[0]): path for path in self.saved.get(group, {})}
        saved = {name(path, roots[0]): spec for path, spec in self.saved.get(group, {}).items()}
        seeds = sorted((p for p in saved if p.endswith(_SEED)), key=_numbers)
        own = group_variables(model, group)
        own_seeds = sorted((v for v in own if v.path.endswith(_SEED)), key=lambda v: _numbers(v.path))
        by_order = {id(v): path for v, path in zip(own_seeds, seeds)} if len(seeds) == len(own_seeds) else {}
        for variable in own:
            path = by_order.get(id(variable), name(variable.path, roots[1]))
            found = saved.pop(path, None)
            if found is None:
                problems.append(f"'{path}' is missing from its `{group}`")
            elif tuple(found.shape) != tuple(variable.shape):
                problems.append(f"'{path}' must have the shape {tuple(variable.shape)}, not {tuple(found.shape)}")
            else:
                pairs.append(_Pair(variable, group, places[path]))
        problems += [f"its '{path}' in `{group}` is no variable of the model" for path in saved]

    def _values(self, pairs: list[_Pair]) -> dict[str, dict[str, np.ndarray]]:
        """The arrays of variables, on the host, whatever devices they were on; others are not read."""
        wanted = {(pair.group, pair.path) for pair in pairs}

        def spec(tree: dict[str, Any], group: str, path: str) -> dict[str, Any]:
            made: dict[str, Any] = {}
            for key, item in tree.items():
                place = f"{path}/{key}" if path else key
                if isinstance(item, dict):
                    made[key] = spec(item, group, place)
                elif (group, place) in wanted:
                    made[key] = np.empty(item.shape, item.dtype)
                else:
                    made[key] = self.orbax.PLACEHOLDER
            return made

        tree = self.parts[_VALUES]
        with silenced():  # about what a restart on other devices costs
            target = {_VALUES: {group: spec(tree[group], group, "") for group in tree}}
            read = self.orbax.load_checkpointables(self.path, target)[_VALUES]
        return {group: dict(leaves(read[group])) for group in read}
