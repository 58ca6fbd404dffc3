"""Hashes of strings, the same on every platform and the same as TensorFlow's, for many strings at once.

`fingerprints` is FarmHash's Fingerprint64 (https://github.com/google/farmhash), `siphash` is SipHash-2-4 with a key
(Aumasson and Bernstein, 2012, https://www.aumasson.jp/siphash/siphash.pdf). Both are computed by NumPy for all
strings of a kind of length together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_K0, _K1, _K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_CROSS = np.uint64(0xC6A4A7935BD1E995)
_CROSS_SEED = np.uint64(0xDECAFCAFFE)


def fingerprints(strings: Sequence[bytes]) -> np.ndarray:
    """Returns the 64-bit FarmHash fingerprints of byte strings, uint64.

    >>> fingerprints([b"A", b"B", b"C"]) % np.uint64(3)
    array([1, 0, 1], dtype=uint64)
    """
    return _by_length(strings, _farm_kind, lambda kind: _FARM[kind] if kind < 4 else _farm_long)


def siphash(strings: Sequence[bytes], key: tuple[int, int]) -> np.ndarray:
    """Returns the SipHash-2-4 of byte strings under a key of two 64-bit words, uint64.

    >>> siphash([b"A"], (133, 137)) % np.uint64(3)
    array([1], dtype=uint64)
    """

    def words(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return _sip(data, lengths, key)

    return _by_length(strings, lambda lengths: lengths >> 3, lambda kind: words)


def crossed(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Combines the fingerprints (or integers) of several features, each uint64, as TensorFlow's sparse cross does."""
    result = np.broadcast_to(_CROSS_SEED, columns[0].shape)
    for column in columns:
        result = (result ^ _CROSS) ^ (_shift(column * _CROSS) * _CROSS)
        result = _shift(_shift(result * _CROSS) * _CROSS)
    return result


def _by_length(strings: Sequence[bytes], kind_of: Callable, function_of: Callable) -> np.ndarray:
    """Applies a function of bytes `(strings, padded)` and lengths to all strings of one kind at once."""
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    result = np.zeros(len(strings), np.uint64)
    if not len(strings):
        return result
    text = np.frombuffer(b"".join(strings), np.uint8)
    starts = np.cumsum(lengths) - lengths
    kinds = kind_of(lengths)
    for kind in np.unique(kinds):
        chosen = np.flatnonzero(kinds == kind)
        own = lengths[chosen]
        width = -(-int(own.max() + 1) // 64) * 64  # what is read past the end is zeros
        columns = np.arange(width)
        places = starts[chosen][:, None] + columns
        inside = columns < own[:, None]
        data = np.where(inside, text[np.where(inside, places, 0)] if len(text) else np.uint8(0), np.uint8(0))
        with np.errstate(over="ignore"):
            result[chosen] = function_of(kind)(data, own)
    return result


def _read(data: np.ndarray, at: np.ndarray | int, size: int = 8) -> np.ndarray:
    """Returns the little-endian integers of `size` bytes that begin at byte `at` of each row."""
    at = np.broadcast_to(at, len(data))[:, None] + np.arange(size)
    found = np.take_along_axis(data, at, 1)
    if size < 8:
        found = np.pad(found, ((0, 0), (0, 8 - size)))
    return np.ascontiguousarray(found).view("<u8")[:, 0].astype(np.uint64)


def _rotate(x: np.ndarray, by: int) -> np.ndarray:
    """Returns `x` rotated to the right."""
    return (x >> np.uint64(by)) | (x << np.uint64(64 - by))


def _shift(x: np.ndarray) -> np.ndarray:
    return x ^ (x >> np.uint64(47))


def _mix(u: np.ndarray, v: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Hashes two words to one."""
    return _shift((v ^ _shift((u ^ v) * factor)) * factor) * factor


# FarmHash


def _farm_kind(lengths: np.ndarray) -> np.ndarray:
    """Returns which function hashes strings of each length; for long ones, 4 and the number of 64-byte blocks."""
    return np.where(lengths > 64, 4 + (lengths - 1) // 64, np.searchsorted([4, 8, 17, 33], lengths, side="right") - 1)


def _farm_tiny(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Up to 3 bytes."""
    n = lengths.astype(np.uint64)
    first, middle, last = (_read(data, at, 1) for at in (0, lengths >> 1, np.maximum(lengths - 1, 0)))
    y = first + (middle << np.uint64(8))
    z = n + (last << np.uint64(2))
    return np.where(lengths == 0, _K2, _shift(y * _K2 ^ z * _K0) * _K2)


def _farm_4_to_7(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    n = lengths.astype(np.uint64)
    factor = _K2 + n * np.uint64(2)
    return _mix(n + (_read(data, 0, 4) << np.uint64(3)), _read(data, lengths - 4, 4), factor)


def _farm_8_to_16(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    factor = _K2 + lengths.astype(np.uint64) * np.uint64(2)
    a, b = _read(data, 0) + _K2, _read(data, lengths - 8)
    return _mix(_rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor, factor)


def _farm_ends(data: np.ndarray, lengths: np.ndarray, first: np.uint64) -> tuple[np.ndarray, ...]:
    """Hashes the first and the last 16 bytes; returns both words, not mixed yet, and the factor."""
    factor = _K2 + lengths.astype(np.uint64) * np.uint64(2)
    a, b = _read(data, 0) * first, _read(data, 8)
    c, d = _read(data, lengths - 8) * factor, _read(data, lengths - 16) * _K2
    return _rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, a, factor


def _farm_17_to_32(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    u, v, _, factor = _farm_ends(data, lengths, _K1)
    return _mix(u, v, factor)


def _farm_33_to_64(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    y, v, a, factor = _farm_ends(data, lengths, _K2)
    z = _mix(y, v, factor)
    e, f = _read(data, 16) * factor, _read(data, 24)
    g = (y + _read(data, lengths - 32)) * factor
    h = (z + _read(data, lengths - 24)) * factor
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor)


_FARM = {-1: _farm_tiny, 0: _farm_4_to_7, 1: _farm_8_to_16, 2: _farm_17_to_32, 3: _farm_33_to_64}


def _farm_long(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """More than 64 bytes, the same number of 64-byte blocks in all rows."""
    y = np.full(len(data), np.uint64(81) * _K1 + np.uint64(113))
    z = _shift(y * _K2 + np.uint64(113)) * _K2
    v = w = (np.zeros_like(y), np.zeros_like(y))
    x = np.uint64(81) * _K2 + _read(data, 0)
    for start in range(0, int(lengths[0] - 1) // 64 * 64, 64):
        x, y, z, v, w = _farm_block(data, start, x, y, z, v, w, _K1, np.uint64(1))
    factor = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    w = (w[0] + ((lengths.astype(np.uint64) - np.uint64(1)) & np.uint64(63)), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _farm_block(data, lengths - 64, x, y, z, v, w, factor, np.uint64(9))
    return _mix(_mix(v[0], w[0], factor) + _shift(y) * _K0 + z, _mix(v[1], w[1], factor) + x, factor)


def _farm_block(
    data: np.ndarray,
    start: np.ndarray | int,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    v: tuple[np.ndarray, np.ndarray],
    w: tuple[np.ndarray, np.ndarray],
    factor: np.ndarray | np.uint64,
    weight: np.uint64,
) -> tuple:
    """Mixes 64 bytes into the state."""
    x = _rotate(x + y + v[0] + _read(data, start + 8), 37) * factor
    y = _rotate(y + v[1] + _read(data, start + 48), 42) * factor
    x = x ^ (w[1] * weight)
    y = y + v[0] * weight + _read(data, start + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _farm_32(data, start, v[1] * factor, x + w[0])
    w = _farm_32(data, start + 32, z + w[1], y + _read(data, start + 16))
    return z, y, x, v, w


def _farm_32(data: np.ndarray, start: np.ndarray | int, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hashes 32 bytes to two words, weakly."""
    first, second, third, last = (_read(data, start + 8 * i) for i in range(4))
    a = a + first
    b = _rotate(b + a + last, 21)
    total = a + second + third
    return total + last, b + _rotate(total, 44) + a


# SipHash


def _sip(data: np.ndarray, lengths: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Returns SipHash-2-4 of rows with the same number of whole 8-byte words."""
    k = [np.uint64(int(word) & (1 << 64) - 1) for word in key]
    state = [
        np.full(len(data), k[i & 1] ^ np.uint64(constant))
        for i, constant in enumerate((0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573))
    ]
    whole = int(lengths[0]) >> 3
    for i in range(whole + 1):
        word = _read(data, 8 * i)
        if i == whole:  # the last bytes, and the length
            word = word | (lengths.astype(np.uint64) << np.uint64(56))
        state[3] ^= word
        state = _sip_round(_sip_round(state))
        state[0] ^= word
    state[2] ^= np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(state: list[np.ndarray]) -> list[np.ndarray]:
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
    a = _rotate(a, 32)
    c, a = c + b, a + d
    b, d = _rotate(b, 47) ^ c, _rotate(d, 43) ^ a
    return [a, b, _rotate(c, 32), d]
