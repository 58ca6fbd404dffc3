"""Lambdas in files, as Keras writes them: Python bytecode. It is written for Keras, and never run from a file."""

from __future__ import annotations

import base64
import marshal
import re
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
    """Returns the bytecode of `fn` in base64, its defaults, and the values it closes over.

    Args:
        fn: A lambda.
        warns: Whether to warn that a file with it is unsafe.

    >>> code, defaults, closure = encode(lambda x, by=2: by * x, warns=False)
    >>> defaults
    (2,)
    """
    if warns:
        warn(
            "The object being serialized includes a `lambda`. This is unsafe. In order to reload the object, you will "
            "have to pass the function for the layer's name in `custom_objects` (in Keras `safe_mode=False`): addax "
            "runs no code from files. Please avoid using `lambda` in the future, and use named Python functions "
            "instead, decorated with `@keras.saving.register_keras_serializable()`."
        )
    code = base64.encodebytes(marshal.dumps(fn.__code__)).decode("ascii")
    closure = tuple(cell.cell_contents for cell in fn.__closure__) if fn.__closure__ else None
    return code, fn.__defaults__, closure


# Marshalled short ASCII strings, interned or not: their mark, one byte of length, the text.
_SHORT_TEXT = re.compile(rb"[\xda\xfaZz]([\x01-\x28])([A-Za-z_]\w*)")
_MOST_NAMES = 12


def names_in(code: object) -> list[str]:
    """Returns names that stored bytecode mentions (variables, functions, attributes), for messages.

    The bytes are searched for text. They are not unmarshalled: bytes made to do so can crash the interpreter.

    Args:
        code: Bytecode in base64, as it stands in a file.

    >>> names_in(encode(lambda x: np.tanh(x), warns=False)[0])
    ['np', 'tanh', 'x']
    """
    try:
        content = base64.decodebytes(str(code).encode("ascii"))
    except (ValueError, UnicodeError):
        return []
    found: dict[str, None] = {}
    for match in _SHORT_TEXT.finditer(content):
        length, text = match[1][0], match[2]
        if len(text) >= length:
            found[text[:length].decode("ascii")] = None
    return list(found)[:_MOST_NAMES]


def _function(code: types.CodeType, names: dict[str, Any], defaults: Any, closure: Any) -> types.FunctionType:
    cells = tuple(types.CellType(value) for value in closure) if closure else None
    return types.FunctionType(code, names, code.co_name, defaults, cells)
