"""Lambdas in files, as Keras writes them: Python bytecode. Read only where the user trusts the file."""

from __future__ import annotations

import base64
import marshal
import sys
import types
from collections.abc import Callable
from typing import Any

from .warnings import warn


def encode(fn: Callable) -> tuple[str, tuple | None, tuple | None]:
    """The bytecode of `fn` in base64, its defaults, and the values it closes over. Warns that a file with it is unsafe.

    >>> import warnings; warnings.simplefilter("ignore")
    >>> decode(*encode(lambda x: 2 * x))(4)
    8
    """
    warn(
        "The object being serialized includes a `lambda`. This is unsafe. In order to reload the object, you will have "
        "to pass `safe_mode=False` to the loading function. Please avoid using `lambda` in the future, and use named "
        "Python functions instead, decorated with `@keras.saving.register_keras_serializable()`."
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
    cells = tuple(types.CellType(value) for value in closure) if closure else None
    defaults = tuple(_plain(d) for d in defaults) if defaults else None
    # Names such as `np` that a lambda uses are looked up where the user's program defines them.
    names = sys.modules["__main__"].__dict__
    return types.FunctionType(compiled, names, compiled.co_name, defaults, cells)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
