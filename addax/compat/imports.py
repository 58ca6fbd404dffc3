"""The import hook behind `addax run`: `keras` and `tensorflow.keras` are addax.

`import keras`, `from keras.layers import Dense`, `from tensorflow import keras` and `import tensorflow.keras as K` give
addax's own modules, in the user's program and in the libraries that it uses. `import tensorflow` gives the program a
stand-in that holds `keras`. A library is given the TensorFlow of this machine, or none: libraries look for it to choose
what else they do. Only where there is none, and that would end the program, a library gets the stand-in, too.
`keras.src` exists for libraries alone (`inside.py`).
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from ..core import config
from ..core.errors import did_you_mean
from ..version import KERAS_API_VERSION
from . import children, inside, tensorflow
from .callers import importing_globals, is_program, would_end_the_program

_FOLDED = {"utils.np_utils": "utils", "utils.vis_utils": "utils", "utils.generic_utils": "utils"}  # of Keras 2
_HERE = __name__.rpartition(".")[0]


class KerasFinder:
    """Finder for `sys.meta_path` that resolves the modules of code written for Keras."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Returns the spec of `name` if it belongs to Keras or the program's TensorFlow; None defers to other finders.

        Raises:
            ImportError: It is a part of TensorFlow or of Keras's internals, or addax has no such module.
        """
        first = name.partition(".")[0]
        if first == "keras":
            return ModuleSpec(name, _loader(name), is_package=True)
        if name == children.STARTER:
            return children.spec()
        is_keras = tensorflow.keras_name(name) is not None  # the part of TensorFlow that is addax for everyone
        if first != "tensorflow" or not (is_keras or is_program(importing_globals(_HERE))):
            return None
        if name == first:
            return ModuleSpec(name, _Loader(tensorflow.STAND_IN), is_package=True)
        return ModuleSpec(name, _Loader(importlib.import_module(_without_tensorflow(name))), is_package=True)


class _Loader(Loader):
    """Loads a module that is there already, under another name."""

    def __init__(self, found: ModuleType):
        self.found = found

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns the module that it finds in `sys.modules` afterwards.
        sys.modules[module.__name__] = self.found


def _front() -> ModuleType:
    """Returns `addax`, which imports this module, so that it can't be imported above."""
    return importlib.import_module("addax")


class _Keras(ModuleType):
    """The module `keras`: addax, but for its version, which programs and libraries compare with Keras's."""

    def __init__(self) -> None:
        super().__init__("addax")
        self.__path__: list[str] = []
        self.__version__ = KERAS_API_VERSION
        self.__all__ = _front().__all__

    @staticmethod
    def version() -> str:
        """Returns the version of Keras that addax is compatible with."""
        return KERAS_API_VERSION

    def __getattr__(self, name: str) -> Any:
        if name == "src":
            return importlib.import_module("keras.src")
        return getattr(_front(), name)

    def __dir__(self) -> list[str]:
        return dir(_front())


def _loader(name: str) -> Loader:
    inner = name.removeprefix("keras").removeprefix(".")
    if inner == "_tf_keras" or inner.startswith("_tf_keras.keras"):  # where TensorFlow finds Keras
        inner = inner.removeprefix("_tf_keras").removeprefix(".keras").removeprefix(".")
        return _Loader(importlib.import_module(f"keras.{inner}" if inner else "keras"))
    if inner.partition(".")[0] == "src":
        if is_program(importing_globals(_HERE)):
            raise ImportError(
                f"`{name}` is the inside of Keras, which addax doesn't have. Import the public name instead: "
                "`from keras.layers import Dense`, not `from keras.src.layers import Dense`.",
                name=name,
            )
        inside.refuse_unknown(name)
        return _Loader(inside.Inside(name))
    return _Loader(_addax_module(name, inner) if inner else _Keras())


def _addax_module(name: str, inner: str) -> ModuleType:
    """Returns the module of addax that scripts call `name`, whose part after `keras.` is `inner`.

    Raises:
        ModuleNotFoundError: addax has no such module.
    """
    module = _front()
    for part in _FOLDED.get(inner, inner).split("."):
        public = getattr(module, "__all__", ())
        found = f"{module.__name__}.{part}"
        if part not in public or importlib.util.find_spec(found) is None:
            known = [n for n in public if importlib.util.find_spec(f"{module.__name__}.{n}") is not None]
            raise ModuleNotFoundError(f"addax has no module `{name}`. {did_you_mean(part, known)}", name=name)
        module = importlib.import_module(found)
    return module


# Who imports TensorFlow decides what it is, so that `sys.modules` can't hold it. Import statements ask `__import__`.


def _import(
    name: str,
    globals: Mapping[str, Any] | None = None,
    locals: Mapping[str, Any] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Stands for Python's `__import__`, with the same arguments."""
    if level == 0 and name.partition(".")[0] == "tensorflow":
        found = _import_tensorflow(name, globals, fromlist or ())
        if found is not None:
            return found
    return _python_import(name, globals, locals, fromlist or (), level)


def _library_gets_stand_in(name: str, fromlist: Sequence[str]) -> bool:
    """Returns whether an import statement of a library, about TensorFlow, gets the stand-in or addax's modules.

    One that asks for nothing but Keras does, whether TensorFlow is there or not. So does one that would end the program
    if TensorFlow is missing: the stand-in names what it lacks.
    """
    asks_for_keras = tensorflow.keras_name(name) is not None or (name == "tensorflow" and tuple(fromlist) == ("keras",))
    if PathFinder.find_spec("tensorflow") is not None:
        return asks_for_keras and bool(fromlist)
    return asks_for_keras or would_end_the_program(_HERE)


def _import_tensorflow(name: str, importer: Mapping[str, Any] | None, fromlist: Sequence[str]) -> ModuleType | None:
    """Returns what an import statement about TensorFlow gives; None where TensorFlow itself is meant."""
    if is_program(importer):
        config.set("summary_style", "classic")
    else:
        if isinstance(sys.modules.get("tensorflow"), tensorflow.StandIn):
            _pop_modules("tensorflow")
        if not _library_gets_stand_in(name, fromlist):
            return None
    if name == "tensorflow":
        for part in fromlist:
            if part != "*" and not hasattr(tensorflow.STAND_IN, part):
                tensorflow.refuse(f"{name}.{part}")
        return tensorflow.STAND_IN
    module = _python_import(_without_tensorflow(name), importer, None, fromlist or ("__name__",), 0)
    return module if fromlist else tensorflow.STAND_IN


def _without_tensorflow(name: str) -> str:
    return tensorflow.keras_name(name) or tensorflow.refuse(name)


_python_import: Any = None  # what `builtins.__import__` was before
_displaced: dict[str, ModuleType] = {}


def install() -> None:
    """Makes `keras` and `tensorflow.keras` addax in this process and in those that it spawns.

    This is the first cell of a notebook, or the first line of a program, that uses Keras or libraries built on it:
    modules that imported Keras before keep what they have. `addax run` does it before it runs a program.

    >>> import addax
    >>> addax.compat.install()
    >>> import keras
    >>> keras.layers.Dense is addax.layers.Dense, keras.__version__
    (True, '3.15.1')
    >>> addax.compat.uninstall()
    """
    global _python_import
    if KerasFinder in sys.meta_path:
        return
    _displaced.update(_pop_modules("keras"))
    sys.meta_path.insert(0, KerasFinder)  # type: ignore[arg-type]
    _python_import, builtins.__import__ = builtins.__import__, _import  # type: ignore[assignment]
    children.install()


def uninstall() -> None:
    """Undoes `install`, and restores the modules that were imported before."""
    if KerasFinder in sys.meta_path:
        sys.meta_path.remove(KerasFinder)  # type: ignore[arg-type]
        if builtins.__import__ is _import:
            builtins.__import__ = _python_import
        children.uninstall()
        if isinstance(sys.modules.get("tensorflow"), tensorflow.StandIn):
            _pop_modules("tensorflow")
        _pop_modules("keras")
        sys.modules.update(_displaced)
        _displaced.clear()


def _pop_modules(first: str) -> dict[str, ModuleType]:
    names = [n for n in sys.modules if n.partition(".")[0] == first]
    return {n: sys.modules.pop(n) for n in names}
