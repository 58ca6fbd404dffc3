"""Columns of tables of other libraries, read through the Arrow PyCapsule interface, without a package of Arrow.

A library of tables hands out the addresses of its buffers in three C structures, which Arrow's specification defines
(https://arrow.apache.org/docs/format/CDataInterface.html). They are copied into NumPy arrays here, and released.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np


class _Schema(ctypes.Structure):
    pass


class _Array(ctypes.Structure):
    pass


class _Stream(ctypes.Structure):
    pass


_P = ctypes.c_void_p
_Schema._fields_ = [
    *(("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", _P), ("flags", ctypes.c_int64)),
    *(("n_children", ctypes.c_int64), ("children", ctypes.POINTER(ctypes.POINTER(_Schema)))),
    *(("dictionary", ctypes.POINTER(_Schema)), ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema)))),
    ("private_data", _P),
]
_Array._fields_ = [
    *(("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64)),
    *(("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64), ("buffers", ctypes.POINTER(_P))),
    *(("children", ctypes.POINTER(ctypes.POINTER(_Array))), ("dictionary", ctypes.POINTER(_Array))),
    *(("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(_Array))), ("private_data", _P)),
]
_Stream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Schema))),
    ("get_next", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Stream), ctypes.POINTER(_Array))),
    ("get_last_error", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.POINTER(_Stream))),
    *(("release", _P), ("private_data", _P)),
]

# Formats of fixed width, by the letters of the specification.
_NUMBERS = {
    "c": "i1",
    "C": "u1",
    "s": "i2",
    "S": "u2",
    "i": "i4",
    "I": "u4",
    "l": "i8",
    "L": "u8",
    "e": "f2",
    "f": "f4",
    "g": "f8",
    "tdm": "M8[ms]",
    "tDs": "m8[s]",
    "tDm": "m8[ms]",
    "tDu": "m8[us]",
    "tDn": "m8[ns]",
}
_TIMES = {"tss:": "M8[s]", "tsm:": "M8[ms]", "tsu:": "M8[us]", "tsn:": "M8[ns]"}  # a time zone follows
_VIEW = np.dtype([("size", "i4"), ("inline", "S4"), ("buffer", "i4"), ("offset", "i4")])
_INLINE = 12  # bytes of a string that its view holds itself


def is_arrow(x: object) -> bool:
    """Tests whether an object hands out Arrow data."""
    return any(callable(getattr(type(x), f"__arrow_c_{kind}__", None)) for kind in ("stream", "array"))


def read_arrow(x: Any) -> dict[str, np.ndarray] | np.ndarray:
    """Reads a table or a column of any library that has Arrow's PyCapsule interface.

    Missing values become NaN, in columns of whole numbers and bools too, which are float64 then; None in strings.

    Args:
        x: Object with `__arrow_c_stream__` or `__arrow_c_array__`.

    Returns:
        A dict from the names of a table's columns to arrays, or the array of a column. Lists of equal lengths are
        further axes; strings are of dtype object.

    Raises:
        ValueError: A column is of a type that has no array, or has lists of different lengths.
    """
    if not callable(getattr(type(x), "__arrow_c_stream__", None)):
        capsules = x.__arrow_c_array__()  # they release what they hold when they are deleted
        schema, array = _pointer(capsules[0], "schema", _Schema), _pointer(capsules[1], "array", _Array)
        return _joined(schema, [_chunk(schema, array)])
    capsule = x.__arrow_c_stream__()
    stream = _pointer(capsule, "array_stream", _Stream)
    schema = _Schema()
    chunks: list[list[np.ndarray]] = []
    _checked(stream, stream.get_schema(stream, schema))
    try:
        while True:
            array = _Array()
            _checked(stream, stream.get_next(stream, array))
            if not array.release:
                return _joined(schema, chunks)
            try:
                chunks.append(_chunk(schema, array))
            finally:
                array.release(array)
    finally:
        schema.release(schema)


def _pointer(capsule: Any, kind: str, structure: Any) -> Any:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = _P, [ctypes.py_object, ctypes.c_char_p]
    return structure.from_address(get(capsule, f"arrow_{kind}".encode()))


def _checked(stream: Any, code: int) -> None:
    if code:
        text = stream.get_last_error(stream)
        raise ValueError(f"The table can't be read: {(text or b'no reason given').decode(errors='replace')}")


def _chunk(schema: Any, array: Any) -> list[np.ndarray]:
    """Returns the columns of a chunk of a table, or its only column."""
    if schema.format != b"+s":
        return [_read(schema, array, 0, array.length)]
    return [
        _read(schema.children[i].contents, array.children[i].contents, array.offset, array.length)
        for i in range(schema.n_children)
    ]


def _joined(schema: Any, chunks: list[list[np.ndarray]]) -> Any:
    is_table = schema.format == b"+s"
    count = schema.n_children if is_table else 1
    columns = [_concatenated([chunk[i] for chunk in chunks]) for i in range(count)]
    if not is_table:
        return columns[0]
    names = [schema.children[i].contents.name.decode() for i in range(count)]
    return dict(zip(names, columns))


def _concatenated(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros((0,))


def _read(schema: Any, array: Any, start: int, count: int) -> np.ndarray:
    """Returns `count` values of an array, from index `start` on."""
    begin, form = array.offset + start, schema.format.decode()
    if schema.dictionary:
        values = _read(schema.dictionary.contents, array.dictionary.contents, 0, array.dictionary.contents.length)
        codes = _numbers(array, _NUMBERS[form], begin, count)
        # The index of a missing value may be any number.
        found = values[np.clip(codes, 0, max(len(values) - 1, 0))] if len(values) else np.full(count, None, object)
    else:
        found = _reader(form, schema)(schema, array, begin, count)
    missing = _missing(array, begin, count)
    return found if missing is None else _without(found, missing)


def _reader(form: str, schema: Any) -> Callable[[Any, Any, int, int], np.ndarray]:
    """Returns the function that reads values of a format."""
    dtype = _NUMBERS.get(form) or _TIMES.get(form[:4])
    if dtype is not None:
        return lambda schema, array, begin, count: _numbers(array, dtype, begin, count)
    if form in _READERS:
        return _READERS[form]
    if form.startswith("+w:"):
        return lambda schema, array, begin, count: _fixed_lists(schema, array, begin, count, int(form[3:]))
    if form.startswith("d:"):
        return lambda schema, array, begin, count: _decimals(array, form, begin, count)
    raise ValueError(
        f"Column '{_name(schema)}' has Arrow type '{form}', which is no array of numbers or text. Leave it "
        "out, or convert it to columns of numbers."
    )


def _name(schema: Any) -> str:
    return (schema.name or b"").decode()


def _memory(address: int | None, size: int) -> Any:
    """Returns `size` bytes at an address; they belong to the producer."""
    return (ctypes.c_char * size).from_address(address) if size and address else b""


def _numbers(array: Any, dtype: str, begin: int, count: int, buffer: int = 1) -> np.ndarray:
    kind = np.dtype(dtype)
    address = array.buffers[buffer]
    if not count or not address:
        return np.zeros(count, kind)
    return np.frombuffer(_memory(address + begin * kind.itemsize, count * kind.itemsize), kind).copy()


def _bits(address: int, begin: int, count: int) -> np.ndarray:
    first = begin // 8
    data = np.frombuffer(_memory(address + first, (begin + count + 7) // 8 - first), "u1")
    return np.unpackbits(data, bitorder="little")[begin - 8 * first :][:count].astype(bool)


def _bools(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
    return _bits(array.buffers[1], begin, count) if count else np.zeros(0, bool)


def _dates(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
    return _numbers(array, "i4", begin, count).astype("M8[D]")


def _missing(array: Any, begin: int, count: int) -> np.ndarray | None:
    """Returns the mask of missing values; None if there are none."""
    if not (array.null_count and count and array.n_buffers and array.buffers[0]):
        return None
    missing = ~_bits(array.buffers[0], begin, count)
    return missing if missing.any() else None


def _without(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Returns values with NaN, NaT or None in place of those that are missing."""
    if values.dtype.kind in "biu":
        values = values.astype("float64")
    values[missing] = {"M": np.datetime64("NaT"), "m": np.timedelta64("NaT"), "O": None}.get(values.dtype.kind, np.nan)
    return values


def _nulls(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
    return np.full(count, np.nan)


def _strings(offsets: str) -> Callable[[Any, Any, int, int], np.ndarray]:
    def read(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
        ends = _numbers(array, offsets, begin, count + 1)
        first, last = (int(ends[0]), int(ends[-1])) if count else (0, 0)
        data = bytes(_memory((array.buffers[2] or 0) + first, last - first)) if last > first else b""
        return _texts([data[a - first : b - first] for a, b in zip(ends[:-1].tolist(), ends[1:].tolist())], schema)

    return read


def _string_views(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
    """Reads strings whose bytes are in their views, or in one of the further buffers."""
    views, texts = _numbers(array, _VIEW.descr, begin, count), []  # type: ignore[arg-type]
    raw = views.tobytes()
    for i, (size, _, buffer, offset) in enumerate(views.tolist()):
        place = 16 * i + 4
        inside = size <= _INLINE
        texts.append(raw[place : place + size] if inside else bytes(_memory(array.buffers[2 + buffer] + offset, size)))
    return _texts(texts, schema)


def _texts(values: list[bytes], schema: Any) -> np.ndarray:
    text = schema.format in (b"u", b"U", b"vu")
    found = np.empty(len(values), object)
    found[:] = [value.decode(errors="replace") for value in values] if text else values
    return found


def _decimals(array: Any, form: str, begin: int, count: int) -> np.ndarray:
    """Reads decimal numbers, integers of 32 to 128 bits times a power of ten, as float64."""
    _, scale, *width = map(int, form[2:].split(","))
    bits = width[0] if width else 128
    if bits < 128:
        return _numbers(array, f"i{bits // 8}", begin, count) / 10.0**scale
    words = _numbers(array, [("low", "u8"), ("high", "i8")], begin, count)  # type: ignore[arg-type]
    return (words["high"] * 2.0**64 + words["low"]) / 10.0**scale


def _fixed_lists(schema: Any, array: Any, begin: int, count: int, size: int) -> np.ndarray:
    child = _read(schema.children[0].contents, array.children[0].contents, begin * size, count * size)
    return child.reshape(count, size, *child.shape[1:])


def _lists(offsets: str) -> Callable[[Any, Any, int, int], np.ndarray]:
    def read(schema: Any, array: Any, begin: int, count: int) -> np.ndarray:
        ends = _numbers(array, offsets, begin, count + 1)
        sizes = {int(size) for size in np.diff(ends)} if count else {0}
        if len(sizes) > 1:
            raise ValueError(
                f"Column '{_name(schema)}' has lists of different lengths ({min(sizes)} to {max(sizes)}): "
                "pad them to one length, as every row must be numbers of the same shape."
            )
        size, first = sizes.pop(), int(ends[0]) if count else 0
        child = _read(schema.children[0].contents, array.children[0].contents, first, count * size)
        return child.reshape(count, size, *child.shape[1:])

    return read


_READERS: dict[str, Callable[[Any, Any, int, int], np.ndarray]] = {
    "b": _bools,
    "n": _nulls,
    "tdD": _dates,
    "vu": _string_views,
    "vz": _string_views,
    "u": _strings("i4"),
    "U": _strings("i8"),
    "z": _strings("i4"),
    "Z": _strings("i8"),
    "+l": _lists("i4"),
    "+L": _lists("i8"),
}
