"""Public names that Keras has and addax hasn't, and signatures that differ, found by importing both.

    python tools/names.py            prints the report
    python tools/names.py --write    writes the names that are missing to addax/core/missing_names.txt

Only what `dir()`, `__all__` and `inspect.signature` of imported modules and classes tell counts; no source is read.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INTERNAL = {"src"}  # of Keras: nothing is promised below it
DEEPEST = 4  # modules within modules
MISSING = ROOT / "addax" / "core" / "missing_names.txt"

_MORE = "takes more"
_HOOK = "a hook that is called by position"
# Names whose signature differs, and why.
EXPLAINED = {
    "Sequential": f"{_MORE}: the other arguments of `Layer`",
    "ops.layer_normalization": f"{_MORE} by name: `rms_scaling`, which Keras takes in `**kwargs`",
}
# Methods likewise, as "Class.method"; "*" stands for every class.
EXPLAINED_METHODS = {
    "Attention.compute_output_spec": "in the order of `call`",
    "Dense.call": "`training` makes no difference to it",
    "EinsumDense.call": "`training` makes no difference to it",
    "DataLayer.__call__": "as every layer's",
    "Layer.build": "takes the shapes of all arguments",
    "Model.call": "that of a functional model",
    "Sequential.call": _HOOK,
    "Trainer.fit": f"{_MORE}: `debug_nans`, `profile`",
    "JAXTrainer.fit": f"{_MORE} by name: `resume`, `debug_nans`, `profile`, `micro_batches` and limits of the run",
    "Trainer.compile": f"{_MORE} by name: `missing_labels`, `learning_rate_multipliers`, `remat`",
    "Model.save_weights": f"{_MORE}: `objects_to_skip`",
    "Model.summary": f"{_MORE}: `style`, `flops`, `memory`",
    "Rescaling.from_config": "as every layer's",
    "SimpleRNNCell.call": "its first argument is `inputs`, as in the other cells",
    "*.compute_output_spec": _HOOK,
    "*.build": _HOOK,
    "*.quantized_build": _HOOK,
    "*.get_random_transformation": _HOOK,
    "MelSpectrogram.linear_to_mel_weight_matrix": _HOOK,
    "*.compute_output_shape": "takes the arguments of a call, as every layer's",
    "*.transform_*": _HOOK,
    "*.from_config": f"{_MORE}: `custom_objects`",
    "*.rematerialized_call": _HOOK,
    "TorchModuleWrapper.call": "on JAX: any number of inputs, and `training`",
    "TorchModuleWrapper.compute_output_shape": "as every layer's",
    "*.update_step": _HOOK,
}
# Attributes of objects that Keras has and addax hasn't, by the reason.
_HOW = "how Keras computes or stores it"
EXPLAINED_ATTRIBUTES = {
    "backend": "the library that a data pipeline computes with: here there is one",
    "call_signature_parameters": "`inspect.signature(layer.call)` says it",
    "channel_axis": "`data_format` says it",
    "height_axis": "`data_format` says it",
    "implementation": _HOW,
    "kernel_shape": _HOW,
    "partial_output_shape": _HOW,
    "summary": "of `Discretization`: `_summary`, NumPy's",
    "variable_serialization_spec": _HOW,
    "width_axis": "`data_format` says it",
}


def public(thing: Any) -> list[str]:
    """The public names of a module or class: its `__all__`, or else what `dir()` tells without an underscore."""
    names = getattr(thing, "__all__", None) or dir(thing)
    return sorted(n for n in names if not n.startswith("_") and n not in INTERNAL)


def names_of(root: ModuleType) -> dict[str, Any]:
    """What a package and its public modules hold, by dotted path; the modules themselves aren't in it."""

    def walk(module: ModuleType, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for name in public(module):
            value = getattr(module, name)
            if not isinstance(value, ModuleType):
                yield ".".join((*path, name)), value
            elif value.__name__.startswith(root.__name__ + ".") and len(path) < DEEPEST:
                yield from walk(value, (*path, name))

    return dict(walk(root, ()))


def grouped(theirs: dict[str, Any], ours: dict[str, Any]) -> tuple[dict[str, int], dict[str, list[str]]]:
    """Names that are in `theirs` and not in `ours`.

    Returns:
        Namespaces of which nothing is there, with how many names they hold; of the others, by namespace, the names.
    """
    here = {name[:i] for name in ours for i, letter in enumerate(name) if letter == "."} | {""}
    whole: dict[str, int] = {}
    single: dict[str, list[str]] = {}
    for name in sorted(theirs.keys() - ours.keys()):
        parts = name.split(".")[:-1]
        above = [".".join(parts[: i + 1]) for i in range(len(parts))]
        absent = next((space for space in above if space not in here), None)
        if absent is None:
            single.setdefault(".".join(parts), []).append(name.rpartition(".")[2])
        else:
            whole[absent] = whole.get(absent, 0) + 1
    return whole, single


def methods(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Methods of classes in `theirs` that the class of that name in `ours` lacks; inherited ones at the base only."""
    lacking: dict[type, set[str]] = {}
    for name, value in theirs.items():
        mine = ours.get(name)
        if inspect.isclass(value) and inspect.isclass(mine):
            routines = {a for a in public(value) if inspect.isroutine(getattr(value, a))}
            lacking[value] = {a for a in routines if not hasattr(mine, a)}
    return sorted(
        f"{cls.__name__}.{name}"
        for cls, found in lacking.items()
        for name in found
        if not any(name in lacking.get(base, ()) for base in cls.__mro__[1:])
    )


def attributes(theirs: Any, ours: Any) -> list[str]:
    """The public attributes of an object that its counterpart lacks, without those explained."""

    def readable(thing: Any, name: str) -> bool:
        try:
            getattr(thing, name)
        except Exception:  # of no use before the object is built, or without a package
            return False
        return True

    lacking = {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours)) - set(EXPLAINED_ATTRIBUTES)
    return sorted(name for name in lacking if readable(theirs, name))


def parameters(function: Any) -> list[tuple[str, str, str]] | None:
    """Name, kind and default of each parameter of a function or class; None where Python can't tell."""
    try:
        signature = inspect.signature(function)
        if inspect.isclass(function) and {p.kind for p in signature.parameters.values()} == {2, 4}:  # *args, **kwargs
            signature = inspect.signature(function.__init__)
            signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    except (TypeError, ValueError):
        return None
    return [
        (p.name, p.kind.name, re.sub(" at 0x[0-9a-f]+", "", repr(p.default))) for p in signature.parameters.values()
    ]


def signatures(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Names in both whose parameters differ, with the two objects; each object once, under its first name."""
    found: dict[str, tuple[Any, Any]] = {}
    seen: set[int] = set()
    for name in sorted(theirs.keys() & ours.keys()):
        value, mine = theirs[name], ours[name]
        if callable(value) and id(value) not in seen:
            seen.add(id(value))
            if parameters(value) != parameters(mine):
                found[name] = value, mine
    return found


def method_signatures(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Methods of classes in both whose parameters differ, as "Class.method", where the class or a base defines them."""
    found: dict[str, tuple[Any, Any]] = {}
    seen: set[tuple[type, str]] = set()
    for name in sorted(theirs.keys() & ours.keys()):
        cls, mine = theirs[name], ours[name]
        if not (inspect.isclass(cls) and inspect.isclass(mine)):
            continue
        for attribute in [*public(cls), "__call__"]:
            owner = next((c for c in cls.__mro__ if attribute in vars(c)), None)
            value, other = getattr(cls, attribute, None), getattr(mine, attribute, None)
            if owner is None or (owner, attribute) in seen:
                continue
            if inspect.isroutine(value) and other is not None:
                seen.add((owner, attribute))
                if parameters(value) != parameters(other):
                    found[f"{owner.__name__}.{attribute}"] = value, other
    return found


def why(name: str) -> str | None:
    """The reason for which the signature of a name, or of a method, differs; None where there is none."""
    known = EXPLAINED | EXPLAINED_METHODS
    return known.get(name) or next((reason for pattern, reason in known.items() if fnmatch(name, pattern)), None)


def both() -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of Keras, and those of addax."""
    theirs, ours = (names_of(importlib.import_module(library)) for library in ("keras", "addax"))
    return theirs, ours


def missing() -> list[str]:
    """The names that are known to be missing."""
    return MISSING.read_text().split() if MISSING.exists() else []


def report() -> str:
    """What is missing and what differs, in Markdown."""
    theirs, ours = both()
    whole, single = grouped(theirs, ours)
    count = sum(whole.values()) + sum(map(len, single.values()))
    differ = signatures(theirs, ours)
    lines = [
        f"Of the {len(theirs)} public names of Keras {importlib.import_module('keras').__version__} "
        f"{len(theirs) - count} are there, {len(differ)} of them with another signature. {count} are missing"
        f"{':' if count else '.'}",
        "",
    ]
    if whole:
        lines.append(f"- all of {', '.join(f'`{space}` ({n})' for space, n in whole.items())}")
    for space, found in single.items():
        lines.append(f"- `keras{'.' * bool(space)}{space}`: {', '.join(f'`{name}`' for name in found)}")
    lacking = methods(theirs, ours)
    if lacking:
        lines += ["", f"Methods of classes that are there: {', '.join(f'`{name}`' for name in lacking)}."]
    lines += ["", "Signatures that differ:", ""]
    for name in [*differ, *method_signatures(theirs, ours)]:
        lines.append(f"- `{name}`: {why(name) or 'NOT EXPLAINED'}")
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    sys.path.insert(0, str(ROOT))
    if "--write" in sys.argv:
        theirs, ours = both()
        MISSING.write_text("".join(f"{name}\n" for name in sorted(theirs.keys() - ours.keys())))
    else:
        print(report())
