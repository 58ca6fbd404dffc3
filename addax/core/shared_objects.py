"""Layers that occur several times in a config: they are written with an id, and read as one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .types import Config, Tree

KEY = "shared_object_id"


def number(ids: dict[int, tuple[int, object]], obj: object) -> int:
    """Returns the number of an object in a serialization under way.

    Args:
        ids: The numbers so far by `id`, with the objects: while they are kept alive, no other object has their id.
        obj: The object.
    """
    return ids.setdefault(id(obj), (len(ids) + 1, obj))[0]


def mark(config: Tree) -> Tree:
    """Keeps the ids of objects that occur more than once, renumbered in order, and removes all others.

    Args:
        config: A config in which every layer has its number as id; it is changed in place.
    """
    occurrences = Counter(d[KEY] for d in _dicts(config) if KEY in d)
    numbers: dict[int, int] = {}
    for d in _dicts(config):
        if KEY in d:
            old = d.pop(KEY)
            if occurrences[old] > 1:
                d[KEY] = numbers.setdefault(old, len(numbers) + 1)
    return config


def _dicts(config: Tree) -> Iterator[dict]:
    """Every dict in `config`, outer ones first; a dict that occurs in two places comes once."""
    stack, seen = [config], set()
    while stack:
        x = stack.pop()
        if isinstance(x, dict) and id(x) not in seen:
            seen.add(id(x))
            yield x
            stack += reversed(list(x.values()))
        elif isinstance(x, (list, tuple)):
            stack += reversed(x)


class Made:
    """The layers made so far in a deserialization, for those that occur in it again."""

    def __init__(self) -> None:
        self.by_id: dict[Any, tuple[dict, Any]] = {}
        self.by_name: dict[tuple, tuple[dict, Any]] = {}

    def find(self, config: Config) -> Any:
        """Returns the layer made before that `config` describes, or None."""
        if KEY not in config:
            return None
        found = self.by_id.get(config[KEY])
        if found is None:
            # Keras gives the first occurrence no id. It is recognized by its class, name and config.
            found = self.by_name.get(_name_key(config))
        if found is None or _without_ids(found[0]) != _without_ids(config["config"]):
            return None
        self.by_id[config[KEY]] = found
        return found[1]

    def note(self, config: Config, instance: object) -> None:
        """Remembers a layer.

        Args:
            config: Its config.
            instance: The layer.
        """
        entry = config["config"], instance
        if KEY in config:
            self.by_id[config[KEY]] = entry
        else:
            self.by_name.setdefault(_name_key(config), entry)


def _name_key(config: Config) -> tuple:
    return config.get("module"), config["class_name"], config["config"].get("name")


def _without_ids(config: Tree) -> Tree:
    if isinstance(config, dict):
        return {k: _without_ids(v) for k, v in config.items() if k != KEY}
    return [_without_ids(v) for v in config] if isinstance(config, (list, tuple)) else config
