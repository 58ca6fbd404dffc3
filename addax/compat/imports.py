"""The import hook behind `addax run`: in scripts, `keras` and `tensorflow.keras` are addax.

`import keras`, `from keras.layers import Dense`, `from tensorflow import keras` and `import tensorflow.keras as K` give
addax's own modules. Nothing else of tensorflow exists, and saying so clearly is part of the hook.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from ..core import config
from ..core.errors import did_you_mean

# Prefixes of scripts' module names that stand for addax. The longest comes first.
_ROOTS = ("tensorflow.keras", "keras")
_HELD = ("keras", "tensorflow")  # the hook resolves everything under these names
_FOLDED = {"utils.np_utils": "utils", "utils.vis_utils": "utils", "utils.generic_utils": "utils"}  # of Keras 2

_PROVIDED = (
    "addax provides Keras: `import keras`, `from tensorflow import keras`, `import tensorflow.keras` and what is in "
    "them (layers, models, ops, optimizers, losses, metrics, callbacks, utils, ...). The rest of TensorFlow is not "
    "provided: use NumPy, `jax.numpy` or `keras.ops` for arrays, and NumPy arrays, generators or "
    "`keras.utils.PyDataset` for data."
)


class KerasFinder:
    """Finder for `sys.meta_path` that resolves the modules of scripts written for Keras."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Returns the spec of `name` if it belongs to Keras or TensorFlow; None defers to other finders.

        Raises:
            ImportError: It is a part of TensorFlow or of Keras's internals, or addax has no such module.
        """
        if name.partition(".")[0] not in _HELD:
            return None
        if name == "tensorflow":
            return ModuleSpec(name, _TensorFlowLoader(), is_package=True)
        root = next((r for r in _ROOTS if name == r or name.startswith(r + ".")), None)
        if root is None:
            _refuse_tensorflow(name)
        inner = name.removeprefix(root).removeprefix(".")
        return ModuleSpec(name, _AliasLoader(_addax_module(name, inner)), is_package=True)


class _AliasLoader(Loader):
    """Loads a module of addax under another name."""

    def __init__(self, target: str):
        self.target = target

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns the module that it finds in `sys.modules` afterwards.
        sys.modules[module.__name__] = importlib.import_module(self.target)


class _TensorFlowLoader(Loader):
    """Loads the stand-in for `tensorflow`, which holds `keras` and nothing else."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _TensorFlow(spec.name, "A stand-in: `tensorflow.keras` is addax, and nothing else is here.")

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []
        config.set("summary_style", "classic")


class _TensorFlow(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("tensorflow.keras")
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"There is no `tensorflow.{name}` here. {_PROVIDED}")


def _refuse_tensorflow(name: str) -> NoReturn:
    # Not ModuleNotFoundError: `from tensorflow import data` would replace it by a shorter message.
    raise ImportError(f"There is no `{name}` here. {_PROVIDED}", name=name)


def _addax_module(name: str, inner: str) -> str:
    """Returns the module of addax that scripts call `name`, whose part after `keras.` is `inner`.

    Raises:
        ImportError: It is internal to Keras, or addax has no such module.
    """
    addax = importlib.import_module("addax")

    inner = _FOLDED.get(inner, inner)
    if inner.partition(".")[0] in ("src", "_tf_keras"):
        raise ImportError(
            f"`{name}` is the inside of Keras, which addax doesn't have. Import the public name instead: "
            "`from keras.layers import Dense`, not `from keras.src.layers import Dense`.",
            name=name,
        )
    module = addax
    for part in inner.split(".") if inner else ():
        public = getattr(module, "__all__", ())
        found = f"{module.__name__}.{part}"
        if part not in public or importlib.util.find_spec(found) is None:
            known = [n for n in public if importlib.util.find_spec(f"{module.__name__}.{n}") is not None]
            raise ModuleNotFoundError(f"addax has no module `{name}`. {did_you_mean(part, known)}", name=name)
        module = importlib.import_module(found)
    return module.__name__


_displaced: dict[str, ModuleType] = {}


def install() -> None:
    """Makes `keras` and `tensorflow.keras` resolve to addax in this process from now on."""
    if KerasFinder in sys.meta_path:
        return
    _displaced.update(_pop_modules())
    sys.meta_path.insert(0, KerasFinder)  # type: ignore[arg-type]


def uninstall() -> None:
    """Undoes `install`, and restores the modules that were imported before."""
    if KerasFinder in sys.meta_path:
        sys.meta_path.remove(KerasFinder)  # type: ignore[arg-type]
        _pop_modules()
        sys.modules.update(_displaced)
        _displaced.clear()


def _pop_modules() -> dict[str, ModuleType]:
    names = [n for n in sys.modules if n.partition(".")[0] in _HELD]
    return {n: sys.modules.pop(n) for n in names}
