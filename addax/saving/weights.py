"""Weights files: the objects of a model that have arrays, by their paths in Keras's files, saved and loaded."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..core.naming import to_snake_case
from ..core.ours import is_ours
from ..core.variable import Variable
from ..core.warnings import warn
from ..layers.layer import Layer
from ..models.model import Functional, Model
from ..models.sequential import Sequential
from ..optimizers import Optimizer
from .hdf5 import Budget, Reader, TooLargeError, Writer

_KEPT = (Layer, Optimizer)
_UNBUILT = ("iteration", "learning_rate")  # the variables of an optimizer that is not built
_CONTAINERS = (list, tuple, dict)
_Value: TypeAlias = tuple[Variable, Any, Any]  # a variable, its value and its initializer
_Failure: TypeAlias = tuple[str, Layer | Optimizer, Exception]  # path of an object, the object, the error


def saveables(root: Layer, skip: Sequence[Layer | Optimizer] = ()) -> Iterator[tuple[str, Any]]:
    """Yields the layers and optimizers reachable from `root` by attributes, lists and dicts, each once, with its path.

    The paths are Keras's: `layers/dense_1` is the second `Dense` in the attribute `layers`. An object reachable in
    several ways has the first path in the order of traversal, which is therefore part of the file format.

    Args:
        root: A layer or model.
        skip: Objects to leave out, with those inside them.
    """
    seen: dict[int, object] = {id(x): x for x in skip}  # keeps the objects alive, so that ids stay unique

    def walk(path: str, value: Layer | Optimizer | list | tuple | dict) -> Iterator[tuple[str, Any]]:
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


def _attributes(obj: Layer | Optimizer) -> Iterator[tuple[str, Any]]:
    """Name and value of the attributes that may hold saveables: public ones first, each kind in alphabetical order."""
    own = _own_names(type(obj))  # type: ignore[arg-type]
    names = sorted(set(dir(obj)) - own, key=lambda name: (name.startswith("_"), name))
    if isinstance(obj, (Functional, Sequential)):
        names = ["layers", *names]
    for name in names:
        try:
            value = getattr(obj, name)
        except Exception:  # a property without a value
            continue
        if isinstance(value, (*_KEPT, *_CONTAINERS)):
            yield name, value


def _numbered(values: Iterable) -> Iterator[tuple[str, Any]]:
    """The members of a container with their names: the class, numbered."""
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


def _inner(obj: object) -> Layer | None:
    """The layer that `obj` replaces in files, as a low-rank update or a quantized layer does; None if there is none."""
    return obj.stands_for if isinstance(obj, Layer) else None


@functools.cache
def _own_names(cls: type) -> frozenset[str]:
    """The attributes that every object of this kind has, which hold nothing of the user's."""
    if issubclass(cls, Model):
        kept = {"optimizer"} if issubclass(cls, (Functional, Sequential)) else {"optimizer", "layers"}
        return frozenset({*dir(Model(name="reference")), *dir(Functional), *dir(Sequential), "_input_spec"} - kept)
    if issubclass(cls, Layer):
        return frozenset(dir(Layer(name="reference")))
    return frozenset(dir(Optimizer(0.0, name="reference")))


def own_variables(obj: Layer | Optimizer) -> list[Variable]:
    """Returns the variables that an object itself reads from and writes to its group."""
    if isinstance(obj, Layer):
        return [*obj._trainable_variables, *obj._non_trainable_variables]
    return obj.variables


def _named(obj: Layer | Optimizer) -> list[Variable]:
    """The variables whose names stay the same in another program: an optimizer's hold those of the model's layers."""
    return own_variables(obj) if isinstance(obj, Layer) else []


def save(root: Layer, writer: Writer, assets: str | None = None, skip: Sequence[Layer | Optimizer] = ()) -> None:
    """Writes the arrays of a model and of the objects in it.

    Args:
        root: A layer or model.
        writer: The open file.
        assets: Folder for data other than arrays; None if the format has none.
        skip: Objects to leave out.
    """
    written: set[int] = {id(v) for x in skip if isinstance(x, Layer) for v in x.weights}
    for path, obj in saveables(root, skip):
        arrays: dict[str, Any] = {}
        obj.save_own_variables(arrays)
        writer.add(path, obj.name, arrays, _named(obj))
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
    root: Layer,
    reader: Reader,
    assets: str | None = None,
    skip_mismatch: bool = False,
    skip: Sequence[Layer | Optimizer] = (),
) -> None:
    """Reads the arrays of a model and of the objects in it. If one does not fit, nothing is changed.

    Args:
        root: A layer or model.
        reader: The open file.
        assets: The folder of `save`, or None.
        skip_mismatch: Whether to skip, with a warning, objects whose arrays do not fit.
        skip: Objects to leave out.

    Raises:
        ValueError: Arrays are missing, or their number or shapes differ.
    """
    before: list[_Value] = []
    failures: list[_Failure] = []
    try:
        for path, obj in saveables(root, skip):
            try:
                arrays = reader.get(path, _named(obj), _budget(root, obj))
            except TooLargeError as error:
                failures.append((path, obj, error))
                continue
            if _is_left_out(obj, arrays):
                continue
            if isinstance(root, Model) and obj is root.optimizer and root.built and len(arrays) > len(_UNBUILT):
                obj.build(root.trainable_variables)  # does nothing if it is built
            # A value is replaced, never written into, so keeping the old ones costs nothing.
            own = [(v, v._value, v._initializer) for v in own_variables(obj)]
            try:
                _load_one(path, obj, arrays, assets)
                before += own
            except Exception as error:
                failures.append((path, obj, error))
                _put_back(own)
        reader.check()
        if failures:
            message = _describe(failures, reader)
            if not skip_mismatch:
                raise ValueError(message) from failures[0][2]
            warn(message)
        elif not skip:
            _warn_of_unread(root, reader)
    except BaseException:
        _put_back(before)
        raise


def _budget(root: Layer, obj: Layer | Optimizer) -> Budget:
    """Returns how much the file may hold for an object; there is no limit if a user's class reads it."""
    if not is_ours(type(obj).load_own_variables):
        return Budget(None)
    variables = own_variables(obj)
    return Budget([*variables, *variables, *root.weights, *root.weights] if isinstance(obj, Optimizer) else variables)


def _is_left_out(obj: Layer | Optimizer, arrays: Mapping[str, Any]) -> bool:
    """Returns whether the file has nothing for an object, which then keeps its values."""
    if isinstance(obj, Optimizer):  # a file of the weights only, or of an optimizer that had done no step
        return len(arrays) <= len(_UNBUILT) and len(arrays) != len(obj.variables)
    return not arrays and _inner(obj) is not None  # a file of the model without the layers that stand for others


def _load_one(path: str, obj: Any, arrays: Mapping[str, Any], assets: str | None) -> None:
    obj.load_own_variables(arrays)
    folder = os.path.join(assets, *path.split("/")) if assets is not None else None
    if folder is not None and os.path.isdir(folder) and _overrides(obj, "load_assets"):
        obj.load_assets(folder)


def _warn_of_unread(root: Layer, reader: Reader) -> None:
    unread = [path for path in reader.left() if path.partition("/")[0] != "optimizer"]
    if unread:
        warn(
            f"The weights file has arrays for which '{root.name}' has no layer: {unread}. Its layers are not those "
            "of the model that was saved."
        )


def _put_back(values: list[_Value]) -> None:
    for variable, value, initializer in values:
        variable._value, variable._initializer = value, initializer


def _describe(failures: list[_Failure], reader: Reader) -> str:
    path, obj, error = failures[0]
    objects = ", ".join(str(f[1]) for f in failures)
    unread = reader.left()
    text = (
        f"A total of {len(failures)} objects could not be loaded. Example error message for object {obj} (in the file: "
        f"'{path}'):\n\n{error}\n\nList of objects that could not be loaded:\n[{objects}]"
    )
    return text + (f"\n\nIn the file, but not in the model: {unread}" if unread else "")


def _overrides(obj: Layer | Optimizer, method: str) -> bool:
    base = Layer if isinstance(obj, Layer) else Optimizer
    return getattr(type(obj), method, None) is not getattr(base, method, None)
