"""Lambdas in files, as Keras writes them: Python bytecode. Read only where the user trusts the file."""

from __future__ import annotations

import base64
import marshal
import sys
import types
from collections.abc import Callable
from typing import Any

from .warnings import warn


class Code(dict):
    """The part of a config that holds a lambda's bytecode.

    While it stays in the process it knows the function itself, so that a config that was never in a file gives it back
    without running stored code. As JSON it is a dict like any other.
    """

    def __init__(self, content: dict[str, Any], function: Callable):
        super().__init__(content)
        self.function = function


class Carried:
    """A function that pickles and copies take along: as itself in a copy, by its bytecode in a pickle."""

    def __init__(self, function: Callable):
        self.function = function

    def __deepcopy__(self, memo: dict) -> Callable:
        return self.function

    def __reduce__(self) -> tuple:
        fn: Any = self.function
        closure = tuple(cell.cell_contents for cell in fn.__closure__) if fn.__closure__ else None
        return _unpickled, (marshal.dumps(fn.__code__), fn.__defaults__, closure, fn.__module__, fn.__kwdefaults__)


def _unpickled(code: bytes, defaults: Any, closure: Any, module: str, keywords: dict | None) -> Callable:
    names = sys.modules.get(module, sys.modules["__main__"]).__dict__
    fn = _function(marshal.loads(code), names, defaults, closure)
    fn.__kwdefaults__ = keywords
    fn.__module__ = module
    return fn


def carried(value: Any) -> Any:
    """Returns `value`, wrapped if it is a function that pickles can't find by its name.

    >>> import copy, pickle
    >>> pickle.loads(pickle.dumps(carried(lambda x: 2 * x)))(4)
    8
    """
    known = not isinstance(value, types.FunctionType) or "<" not in value.__qualname__
    return value if known else Carried(value)


def encode(fn: Callable, warns: bool = True) -> tuple[str, tuple | None, tuple | None]:
    """The bytecode of `fn` in base64, its defaults, and the values it closes over.

    Args:
        fn: A lambda.
        warns: Whether to warn that a file with it is unsafe.

    >>> decode(*encode(lambda x: 2 * x, warns=False))(4)
    8
    """
    if warns:
        warn(
            "The object being serialized includes a `lambda`. This is unsafe. In order to reload the object, you will "
            "have to pass `safe_mode=False` to the loading function. Please avoid using `lambda` in the future, and "
            "use named Python functions instead, decorated with `@keras.saving.register_keras_serializable()`."
        )
    code = base64.encodebytes(marshal.dumps(fn.__code__)).decode("ascii")
    closure = tuple(cell.cell_contents for cell in fn.__closure__) if fn.__closure__ else None
    return code, fn.__defaults__, closure


def decode(code: str, defaults: Any = None, closure: Any = None) -> Callable:
    """The function that `encode` wrote. The caller has made sure that code from the file may be run.

    Raises:
        ValueError: The bytecode is another Python's.
    """
    try:
        compiled = marshal.loads(base64.decodebytes(code.encode("ascii")))
    except (ValueError, EOFError, TypeError) as error:
        raise ValueError(
            "A lambda in the file can't be read: its bytecode is of another version of Python than this one "
            f"({sys.version.split()[0]}). Load the file with that version, or register a named function instead."
        ) from error
    defaults = tuple(_plain(d) for d in defaults) if defaults else None
    # Names such as `np` that a lambda uses are looked up where the user's program defines them.
    return _function(compiled, sys.modules["__main__"].__dict__, defaults, closure)


def _function(code: types.CodeType, names: dict[str, Any], defaults: Any, closure: Any) -> types.FunctionType:
    cells = tuple(types.CellType(value) for value in closure) if closure else None
    return types.FunctionType(code, names, code.co_name, defaults, cells)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
