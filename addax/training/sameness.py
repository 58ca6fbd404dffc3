"""Facts of a training by which a run that is resumed is found to be the same as the one that was interrupted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from ..callbacks import CallbackList
from ..core import tree
from ..core.ours import is_ours
from ..core.types import Array
from ..data.batches import ArrayBatches, Batches
from ..data.sparse_rows import SparseBatches
from .arguments import FitArguments
from .runner import Runner
from .steps import StepModel

_DIGESTED = 16 << 20  # bytes of an array that its digest is made of; of a larger one, of rows from all parts
_MOST = 6  # differences that are told
_WITHOUT_EFFECT = ("ProgbarLogger", "BackupAndRestore", "LambdaCallback", "TensorBoard")  # callbacks that may differ
_FREE = ("epochs", "verbose", "callbacks", "debug_nans", "resume")  # arguments that may differ


class UnderWay(Protocol):
    """A training, `loop.Training`, as far as checkpoints have to do with it."""

    model: StepModel
    given: FitArguments
    callbacks: CallbackList
    runner: Runner
    validation: Runner | None
    epoch: int
    began: dict[str, Any] | None

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: dict[str, Any]) -> None: ...


def facts_of(training: UnderWay) -> dict[str, Any]:
    """Returns what must be the same when a training is resumed, made of what JSON has.

    Args:
        training: The training, before its first step.
    """
    model, given = training.model, training.given
    validation = training.validation
    return {
        "arguments": {k: _plain(v) for k, v in vars(given).items() if k not in _FREE},
        "data": _data_facts(training.runner.source),
        "validation_data": None if validation is None else _data_facts(validation.source),
        "model": _model_facts(model),
        "compile": _compile_facts(model),
        "callbacks": _callback_facts(training.callbacks),
    }


def _data_facts(source: Batches) -> dict[str, Any]:
    if isinstance(source, SparseBatches):
        source = source.source
    if isinstance(source, ArrayBatches):
        arrays = [None if a is None else _array_facts(a) for a in tree.flatten(source.arrays)]
        return {"kind": "arrays", "rows": source.rows, "batch_size": source.batch_size, "arrays": arrays}
    kinds = [None if a is None else f"{a.dtype}, {a.ndim} axes" for a in tree.flatten(source.like)]
    data = getattr(source, "dataset", getattr(source, "data", None))
    return {"kind": type(data).__name__, "batches": source.steps, "batch_size": source.batch_size, "arrays": kinds}


def _array_facts(a: Array | np.ndarray) -> str:
    rows, shape = len(a), tuple(a.shape[1:])
    if a.nbytes > _DIGESTED:
        a = a[np.linspace(0, rows - 1, max(1, _DIGESTED * rows // a.nbytes)).astype("int64")]
    values = np.ascontiguousarray(a)
    return f"{values.dtype}, shape {shape} of a row, digest {zlib.crc32(values.tobytes()):08x}"


def _model_facts(model: StepModel) -> dict[str, Any]:
    """Returns class and config of each layer; names are left out, as they may be counted on in one process."""
    layers = list(model._flatten_layers())
    numbers = {layer.name: f"layer {i}" for i, layer in enumerate(layers)}
    found = {}
    for i, layer in enumerate(layers):
        config = _config(layer) if not hasattr(layer, "layers") or getattr(layer, "_graph", None) is not None else {}
        config.pop("layers", None)  # each is there itself
        found[f"layer {i} ({type(layer).__name__})"] = _renamed(_plain(config), numbers)
    return found


def _config(thing: Any) -> dict[str, Any]:
    try:
        return dict(thing.get_config())
    except Exception:  # a class of the user's that has none
        return {}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


def _compile_facts(model: StepModel) -> dict[str, Any]:
    given = model._compile_arguments or {}
    return {name: _of_objects(value) for name, value in given.items() if name not in ("jit_compile", "remat")}


def _of_objects(value: Any) -> Any:
    """Returns losses, metrics and optimizers as their classes and configs."""
    if hasattr(value, "get_config"):
        config = {k: _of_objects(v) for k, v in _config(value).items() if k != "name"}
        return {type(value).__name__: config}
    if isinstance(value, dict):
        return {str(k): _of_objects(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_of_objects(v) for v in value]
    return _plain(value)


def _callback_facts(callbacks: CallbackList) -> dict[str, Any]:
    """Returns the classes of callbacks that matter to a state, and of addax's own the numbers they were given."""
    found: dict[str, Any] = {}
    for callback in callbacks.callbacks:
        kind = type(callback).__name__
        ours = is_ours(type(callback))
        if kind in _WITHOUT_EFFECT if ours else not _has_state(callback):
            continue
        own = vars(callback).items() if ours else ()
        numbers = {k: v for k, v in own if not k.startswith("_") and k != "verbose"}
        kept = {k: v for k, v in numbers.items() if isinstance(v, (bool, int, float)) or k in ("monitor", "mode")}
        others = sum(name.partition(" ")[0] == kind for name in found)
        found[f"{kind} {others + 1}" if others else kind] = _plain(kept)
    return found


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; arrays by their digest, functions and objects by their names."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        of_layer = "trainable" in value  # whose name may be counted on in one process
        return {str(k): _plain(v) for k, v in value.items() if not (of_layer and k == "name")}
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple, range)):
        return [_plain(v) for v in value]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        values = np.ascontiguousarray(value)
        return f"array {values.dtype} {values.shape} {zlib.crc32(values.tobytes()):08x}"
    return getattr(value, "__qualname__", type(value).__qualname__)


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Returns what differs between two results of `facts_of`, one text for each.

    >>> differences({"arguments": {"batch_size": 32}}, {"arguments": {"batch_size": 16}})
    ['batch_size was 32 and is now 16']
    """
    return told(then, now, "{} was {} and is now {}")


def told(one: dict[str, Any], other: dict[str, Any], text: str) -> list[str]:
    """Returns what differs between two results of `facts_of`, the first few by name.

    Args:
        one, other: The facts.
        text: A text about one difference, to be filled with its name and both values.
    """
    found = [text.format(_name(path), _short(a), _short(b)) for path, a, b in _differing(one, other, ())]
    rest = len(found) - _MOST
    return [*found[:_MOST], f"{rest} more"] if rest > 0 else found


def _differing(a: Any, b: Any, path: tuple) -> Iterator[tuple[tuple, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(k for k in b if k not in a)]:
            yield from _differing(a.get(key), b.get(key), (*path, key))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from _differing(x, y, (*path, i))
    elif a != b and not (a != a and b != b):  # nan is the same as nan
        yield path, a, b


def _name(path: tuple) -> str:
    first, *rest = path
    if first == "arguments":
        first, *rest = rest
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f" / {part}" for part in rest)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else text[:97] + "..."


def forgotten(callbacks: CallbackList) -> Callable[[], dict[str, list[str]]]:
    """Returns a function that names attributes of users' callbacks that have changed since and are in no state.

    Args:
        callbacks: The callbacks, as training begins.
    """
    of_users = [c for c in callbacks.callbacks if not is_ours(type(c)) and not _has_state(c)]
    before = [_briefly(c) for c in of_users]

    def changed() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for callback, old in zip(of_users, before):
            new = _briefly(callback)
            names = [k for k in new if k not in old or old[k] != new[k]]
            if names:
                found.setdefault(type(callback).__name__, []).extend(names)
        return found

    return changed


def _has_state(callback: Any) -> bool:
    method = getattr(callback, "state", None)
    return callable(method) and not is_ours(method)


def _briefly(callback: Any) -> dict[str, Any]:
    """Returns the attributes of an object, those that hold others by their length or identity."""
    own = {k: v for k, v in getattr(callback, "__dict__", {}).items() if k not in ("params", "_model", "model")}
    simple = (bool, int, float, str, type(None))
    return {
        k: v if isinstance(v, simple) else (id(v), len(v) if hasattr(v, "__len__") else None) for k, v in own.items()
    }


__all__ = ["UnderWay", "differences", "facts_of", "forgotten", "told"]
