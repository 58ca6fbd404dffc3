"""Valid files of each format, changed at random: what addax makes of them. `make fuzz` runs it for long.

Run as a program it prints a line for each bad answer, so that whoever started it also notices that the process died.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import random
import re
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import addax as keras

ODD: list[Any] = [
    None, True, False, 0, -1, 3, 1.5, 10**12, 10**30, float("inf"), float("nan"), "", "no", "d1", "\u0000",
    [], {}, [[]], [None], ["d1", 0, 0], ["d1", 9, 0],
    {"a": 1}, {"class_name": "Adam", "config": {}}, {"class_name": "Dense", "config": None, "module": "keras.layers"},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
    {"class_name": "__tensor__", "config": {}},
    {"class_name": "__lambda__", "config": {"value": ["AAAA", None, None]}},
    {"class_name": "__ellipsis__", "config": {}},
    {"class_name": "function", "config": "eval", "module": "builtins"},
    {"class_name": "__keras_tensor__", "config": {"keras_history": [1]}},
]  # fmt: skip


def model() -> Any:
    """A small model with what configs hold: nested and shared layers, an op, a policy, an initializer, an optimizer."""
    inputs = keras.Input((3,), name="inp")
    shared = keras.layers.Dense(4, "relu", name="d1", kernel_regularizer="l2")
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="in")], name="inner")
    x = inner(shared(inputs)) + shared(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x[:, :3])
    made = keras.Model(inputs, keras.layers.Dense(2, name="d2")(shared(x)), name="m")
    made.compile("adam", "mse", metrics=["mae"])
    return made


def write_valid(folder: Path) -> list[Path]:
    """Writes a file of each format."""
    made = model()
    made.save(folder / "m.keras")
    made.save(folder / "m.h5")
    made.save_weights(folder / "m.weights.h5")
    made.save_weights(folder / "m.safetensors")
    made.save_weights(folder / "s.weights.json", max_shard_size=3e-7)
    (folder / "m.json").write_text(made.to_json())
    return [folder / n for n in ("m.keras", "m.h5", "m.weights.h5", "m.safetensors", "s.weights.json", "m.json")]


def peak() -> int:
    """The most memory that the process has had, in MiB; `ru_maxrss` begins with that of the process that forked it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024


# Changes


def change_bytes(rng: random.Random, content: bytes) -> bytes:
    """Flips, removes, repeats or overwrites some bytes."""
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place = rng.randrange(len(made))
        size = min(rng.choice([1, 2, 8, 64]), len(made) - place)
        kind = rng.randrange(5)
        if kind == 0:
            made[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[place : place + size] = bytes(rng.choice([0, 255]) for _ in range(1)) * size
        elif kind == 2:
            made[place : place + size] = rng.randbytes(size)
        elif kind == 3 and len(made) > 200:
            del made[place : place + size]
        else:
            made[place:place] = made[place : place + size]
    return bytes(made[: rng.randrange(1, len(made))] if rng.random() < 0.1 else made)


# The signatures of most, and the beginning of an object's header
_STRUCTURES = re.compile(rb"TREE|SNOD|HEAP|GCOL|\x01\x00[\x01-\x20]\x00\x01\x00\x00\x00")


def change_addresses(rng: random.Random, content: bytes) -> bytes:
    """Replaces some addresses or sizes in the structures of an HDF5 file, by others of the file or odd ones."""
    made = bytearray(content)
    structures = [
        m.start() for m in re.finditer(rb"TREE|SNOD|HEAP|GCOL|\x01\x00[\x01-\x20]\x00\x01\x00\x00\x00", content)
    ]
    for _ in range(rng.choice([1, 1, 2, 4])):
        size = rng.choice([1, 2, 4, 8, 8, 8])
        place = rng.choice([0, *structures]) + size * rng.randrange(64 // size + 1)
        value = rng.choice(
            [0, 1, 2, 8, 255, 2**16 - 1, 2**32 - 8, 2**63, 2**64 - 16, 2**64 - 1, rng.choice(structures)]
        )
        if rng.random() < 0.4:
            value += rng.choice([-16, -8, -1, 1, 4, 8, 16])
        elif rng.random() < 0.4:
            value = int.from_bytes(content[place : place + 8], "little") + rng.choice([-8, -1, 1, 8, 24])
        elif rng.random() < 0.4:
            other = rng.choice(structures) + 8 * rng.randrange(8)
            value = int.from_bytes(content[other : other + 8], "little")
        made[place : place + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(made)


def change_data(rng: random.Random, text: bytes) -> bytes:
    """Replaces, removes or repeats some value of JSON data."""
    data = json.loads(text)
    for _ in range(rng.choice([1, 1, 1, 3])):
        places = list(_places(data))
        if not places:
            break
        parent, key = rng.choice(places)
        kind = rng.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, list):
            parent.insert(key, parent[key])
        elif kind == 2:
            other, other_key = rng.choice(places)
            parent[key] = json.loads(json.dumps(other[other_key]))
        elif kind == 3 and isinstance(parent, dict):
            parent[str(key) + "x"] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(rng.choice(ODD))  # the next change may be inside it
    made = json.dumps(data)
    if rng.random() < 0.02:
        made = made.replace("{", '{"a": ' + "[" * 500 + "]" * 500 + ", ", 1)
    return made.encode()


def _places(data: Any) -> Any:
    """Every value inside, as its container and key."""
    stack = [data]
    while stack:
        x = stack.pop()
        for key, value in list(x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ()):
            yield x, key
            stack.append(value)


def change_archive(rng: random.Random, content: bytes) -> bytes:
    """Changes a member, or the list of members."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    kind = rng.randrange(8)
    index = rng.randrange(len(members))
    name, value = members[index]
    if kind < 4:
        members = [(n, change_data(rng, v) if n == "config.json" else v) for n, v in members]
    elif kind == 4:
        members[index] = (name, change_bytes(rng, value))
    elif kind == 5:
        del members[index]
    elif kind == 6:
        members[index] = (rng.choice(["../" + name, "/" + name, name + "/x", name.upper(), "assets/../../x"]), value)
    else:
        members.append((name, change_bytes(rng, value)))
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(made, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for n, v in members:
                archive.writestr(n, v)
    return made.getvalue()


def change_header(rng: random.Random, content: bytes) -> bytes:
    """Changes the header of a safetensors file; its length stays true."""
    size = int.from_bytes(content[:8], "little")
    header = change_data(rng, content[8 : 8 + size])
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


CHANGES: dict[str, list[Callable[[random.Random, bytes], bytes]]] = {
    "m.keras": [change_archive, change_archive, change_archive, change_bytes],
    "m.h5": [change_bytes, change_addresses],
    "m.weights.h5": [change_bytes, change_addresses],
    "m.safetensors": [change_bytes, change_header],
    "s.weights.json": [change_bytes, change_data],
    "m.json": [change_bytes, change_data, change_data],
}


def answer(path: Path, reader: Any) -> str | None:
    """Reads a file; returns what is wrong with the answer, or None."""
    try:
        if path.name.endswith("m.json"):
            keras.models.model_from_json(path.read_bytes().decode("utf-8", "surrogateescape"))
        elif path.name.endswith(("m.keras", "m.h5")) and ".weights" not in path.name:
            keras.models.load_model(path)
        else:
            reader.load_weights(path)
    except (ValueError, TypeError, FileNotFoundError) as error:
        named = path.name in str(error) or path.name.endswith("m.json") or "_0000" in str(error)
        raw = type(error) not in (ValueError, TypeError, FileNotFoundError, keras.core.reading.DamagedError)
        return f"{type(error).__name__}: {error}" if raw or not named or len(str(error)) < 30 else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def run(folder: Path, first: int, count: int, seconds: float = float("inf"), name: str | None = None) -> int:
    """Changes files and reads them; returns how many were read. Prints those that are answered badly."""
    valid = [path for path in write_valid(folder) if name in (None, path.name)]
    reader, end, bad, most = model(), time.monotonic() + seconds, 0, 0
    for seed in range(first, first + count):
        if time.monotonic() > end:
            count = seed - first
            break
        rng = random.Random(seed)
        path = rng.choice(valid)
        content = path.read_bytes()
        target = folder / f"changed-{path.name}"
        target.write_bytes(rng.choice(CHANGES[path.name])(rng, content))
        print(f"seed {seed} {path.name}", file=sys.stderr, flush=True)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        started = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrong = answer(target, reader)
        if time.monotonic() - started > 20:
            wrong = wrong or f"took {time.monotonic() - started:.0f} s"
        most = max(most, peak())
        if peak() > 564:
            wrong = wrong or f"took {peak()} MiB"
        if wrong is not None:
            bad += 1
            print(f"BAD seed {seed} {path.name}: {wrong[:300]!r}", flush=True)
    print(f"read {count} bad {bad} peak {most} MiB", flush=True)
    return count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=int(time.time()), help="first seed")
    parser.add_argument("--count", type=int, default=10**9, help="number of files")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--file", default=None, help="the only file to change, e.g. m.keras")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with tempfile.TemporaryDirectory() as made_in:
        run(Path(made_in), options.first, options.count, options.seconds, options.file)
