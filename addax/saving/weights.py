"""The objects of a model that keep arrays, under the paths Keras's files give them, and their way to files and back."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..core.naming import to_snake_case
from ..core.variable import Variable
from ..core.warnings import warn
from ..layers.layer import Layer
from ..models.model import Functional, Model
from ..models.sequential import Sequential
from ..optimizers import Optimizer
from .hdf5 import Reader, Writer

_KEPT = (Layer, Optimizer)
_UNBUILT = ("iteration", "learning_rate")  # what an optimizer has before it is built
_CONTAINERS = (list, tuple, dict)


def saveables(root: Any, skip: Sequence[Any] = ()) -> Iterator[tuple[str, Any]]:
    """The layers and optimizers reachable from `root` by attributes, lists and dicts, each once, with their paths.

    The paths are Keras's: `layers/dense_1` is the second `Dense` in the attribute `layers`. An object that is reachable
    in several ways has the first path in the order of the walk, which is therefore part of the file format.

    Args:
        root: A layer or model.
        skip: Objects to leave out, with what is in them.
    """
    seen = {id(x): x for x in skip}  # with the objects, so that no id is given to another

    def walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, _KEPT):
            if id(value) in seen:
                return
            seen[id(value)] = value
            if (inner := _inner(value)) is not None:
                yield from walk(path, inner)
                path = f"{path}/{to_snake_case(type(value).__name__)}"
            yield path, value
            parts = _attributes(value)
        else:
            if id(value) in seen:  # a list may hold itself
                return
            seen[id(value)] = value
            parts = _numbered(value.values() if isinstance(value, dict) else value)
        for name, part in parts:
            yield from walk(f"{path}/{name}" if path else name, part)

    return walk("", root)


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of the attributes that may hold saveables: public ones first, each kind in alphabetical order."""
    own = _own_names(type(obj))  # type: ignore[arg-type]
    names = sorted(set(dir(obj)) - own, key=lambda name: (name.startswith("_"), name))
    if isinstance(obj, (Functional, Sequential)):
        names = ["layers", *names]
    for name in names:
        try:
            value = getattr(obj, name)
        except Exception:  # a property that has no value yet
            continue
        if isinstance(value, (*_KEPT, *_CONTAINERS)):
            yield name, value


def _numbered(values: Any) -> Iterator[tuple[str, Any]]:
    """The members of a container, named by their class and counted."""
    counts: Counter[str] = Counter()
    for value in values:
        if isinstance(value, _KEPT):
            name = to_snake_case(type(_inner(value) or value).__name__)
        elif isinstance(value, _CONTAINERS):
            name = "container"
        else:
            continue
        yield f"{name}_{counts[name]}" if counts[name] else name, value
        counts[name] += 1


def _inner(obj: Any) -> Layer | None:
    """The layer whose place in files a layer takes, as a low-rank update or a quantized layer does."""
    return obj.stands_for if isinstance(obj, Layer) else None


@functools.cache
def _own_names(cls: type) -> frozenset[str]:
    """The attributes that the machinery itself gives every object of this kind: nothing in them is the user's."""
    if issubclass(cls, Model):
        kept = {"optimizer"} if issubclass(cls, (Functional, Sequential)) else {"optimizer", "layers"}
        return frozenset({*dir(Model(name="reference")), *dir(Functional), *dir(Sequential), "_input_spec"} - kept)
    if issubclass(cls, Layer):
        return frozenset(dir(Layer(name="reference")))
    return frozenset(dir(Optimizer(0.0, name="reference")))


def own_variables(obj: Any) -> list[Variable]:
    """The variables that `obj` itself reads from and writes to its group."""
    if isinstance(obj, Layer):
        return [*obj._trainable_variables, *obj._non_trainable_variables]
    return obj.variables


def save(root: Any, writer: Writer, assets: str | None = None, skip: Sequence[Any] = ()) -> None:
    """Writes the arrays of `root` and of what is in it.

    Args:
        root: A layer or model.
        writer: Where to.
        assets: Folder for what is not arrays; None where the format has no place for it.
        skip: Objects to leave out.
    """
    written: set[int] = {id(v) for x in skip if isinstance(x, Layer) for v in x.weights}
    for path, obj in saveables(root, skip):
        arrays: dict[str, Any] = {}
        obj.save_own_variables(arrays)
        writer.add(path, obj.name, arrays)
        written.update(id(v) for v in own_variables(obj))
        if assets is not None and _overrides(obj, "save_assets"):
            folder = os.path.join(assets, *path.split("/"))
            os.makedirs(folder, exist_ok=True)
            obj.save_assets(folder)
    lost = [v.path for v in getattr(root, "weights", ()) if id(v) not in written]
    if lost:
        warn(
            f"These weights of '{root.name}' are not in the file, because no attribute, list or dict leads to their "
            f"layers (sets have no order that a file could keep): {lost}"
        )


def load(
    root: Any,
    reader: Reader,
    assets: str | None = None,
    skip_mismatch: bool = False,
    skip: Sequence[Any] = (),
) -> None:
    """Reads the arrays of `root` and of what is in it. When anything doesn't fit, nothing is changed.

    Args:
        root: A layer or model.
        reader: Where from.
        assets: The folder of `save`, or None.
        skip_mismatch: Leaves out, with a warning, each object whose arrays don't fit.
        skip: Objects to leave out.

    Raises:
        ValueError: Arrays are missing, or of another number or shape.
    """
    before: list[tuple[Variable, Any, Any]] = []
    failures: list[tuple[str, Any, Exception]] = []
    for path, obj in saveables(root, skip):
        arrays = reader.get(path)
        if isinstance(obj, Optimizer):
            if len(arrays) <= len(_UNBUILT) and len(arrays) != len(obj.variables):
                continue  # a file of the weights only, or of an optimizer that had done nothing
            if isinstance(root, Model) and obj is root.optimizer and root.built and not obj.built:
                obj.build(root.trainable_variables)
        if not arrays and _inner(obj) is not None:
            continue  # a file of the model without the layers that stand for others
        start = len(before)
        # A value is replaced, never written into, so keeping the old ones costs nothing.
        before += [(v, v._value, v._initializer) for v in own_variables(obj)]
        try:
            obj.load_own_variables(arrays)
            folder = os.path.join(assets, *path.split("/")) if assets is not None else None
            if folder is not None and os.path.isdir(folder) and _overrides(obj, "load_assets"):
                obj.load_assets(folder)
        except Exception as error:
            failures.append((path, obj, error))
            _put_back(before[start:])
    if failures:
        message = _describe(failures, reader)
        if not skip_mismatch:
            _put_back(before)
            raise ValueError(message) from failures[0][2]
        warn(message)
    elif not skip:
        unread = [path for path in reader.left() if path.partition("/")[0] != "optimizer"]
        if unread:
            warn(
                f"The weights file has arrays for which '{root.name}' has no layer: {unread}. Its layers are not those "
                "of the model that was saved."
            )


def _put_back(values: list[tuple[Variable, Any, Any]]) -> None:
    for variable, value, initializer in values:
        variable._value, variable._initializer = value, initializer


def _describe(failures: list[tuple[str, Any, Exception]], reader: Reader) -> str:
    path, obj, error = failures[0]
    objects = ", ".join(str(f[1]) for f in failures)
    unread = reader.left()
    text = (
        f"A total of {len(failures)} objects could not be loaded. Example error message for object {obj} (in the file: "
        f"'{path}'):\n\n{error}\n\nList of objects that could not be loaded:\n[{objects}]"
    )
    return text + (f"\n\nIn the file, but not in the model: {unread}" if unread else "")


def _overrides(obj: Any, method: str) -> bool:
    base = Layer if isinstance(obj, Layer) else Optimizer
    return getattr(type(obj), method, None) is not getattr(base, method, None)
