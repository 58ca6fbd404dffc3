"""Settings of the process and of JAX that are made once, as JAX is first used. Each has a switch.

- `allocator`: glibc gives the large blocks that XLA frees after every step back to the kernel, which hands them out
  again a page fault at a time. Told to keep them, steps with large temporaries take half the time.
- `compile_cache`: compiled programs are kept in a folder, so that a script that is started again need not compile.

Switch them off with `config.set("allocator", False)` before JAX is first used, or for good with `ADDAX_ALLOCATOR=off`
and `ADDAX_COMPILE_CACHE=off` in the environment.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import config

# Numbers and defaults of glibc's malloc.h: what `mallopt` is told, and what undoes it.
_MALLOC = {
    "M_MMAP_MAX": (-4, 0, 65536),  # no block gets a mapping of its own, which would be unmapped when freed
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1, 128 << 10),  # the top of the heap is kept, too
    "M_TOP_PAD": (-2, 64 << 20, 128 << 10),  # and grows in large steps
    "M_ARENA_MAX": (-8, 1, 0),  # one heap: a block freed by one thread serves the next
}
CACHE_BYTES = 2 << 30  # what the folder of compiled programs may take


def before_jax() -> None:
    """Called just before JAX is imported: its threads must find the allocator as it shall be."""
    if config.get("allocator"):
        keep_memory(True)


def after_jax(jax: Any) -> None:
    """Called when JAX has been imported."""
    if config.get("compile_cache"):
        with suppress(Exception):  # a cache that can't be had is no reason not to compute
            use_cache(jax, cache_dir())


def keep_memory(on: bool) -> bool:
    """Makes the allocator keep what is freed, or not any more; returns whether this allocator can be told."""
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None:
        return False
    done = [mallopt(number, kept if on else default) for number, kept, default in _MALLOC.values()]
    return all(done)


@functools.cache
def _libc() -> Any:
    if platform.libc_ver()[0] != "glibc":
        return None
    with suppress(OSError):
        return ctypes.CDLL(None)
    return None


# Compiled programs


def cache_dir() -> Path:
    """The folder of compiled programs: `ADDAX_CACHE_DIR`, or addax's own in the user's cache folder.

    Below it is a folder for each kind of processor: compiled code uses the instructions of the machine that made it.
    """
    root = os.environ.get("ADDAX_CACHE_DIR")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME")
        root = str((Path(base) if base else Path.home() / ".cache") / "addax")
    return Path(root) / f"programs-{_machine()}"


@functools.cache
def _machine() -> str:
    """A name for this kind of processor, from the instructions it knows."""
    about = [platform.system(), platform.machine(), platform.processor()]
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features", "model name")):
                about.append(line)
            if not line:
                break  # the first processor speaks for all
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


class ProgramCache:
    """Compiled programs by key, a file each; what JAX asks for a program before it compiles one.

    Files are written beside their place and renamed, begin with a digest of their key and of what follows, and are
    removed when it doesn't fit: neither a killed process, a full disk nor a file that was renamed leaves anything that
    is read as another program. Nothing raises.

    Args:
        folder: Where the files are.
        limit: Bytes the files may take; the longest unused go first.
    """

    def __init__(self, folder: Path, limit: int = CACHE_BYTES):
        self._path = folder  # JAX shows it in its log
        self.limit = limit
        self._written = 0
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> bytes | None:
        """The program of `key`, or None."""
        file = self._path / key
        with suppress(OSError):
            digest, content = (data := file.read_bytes())[:16], data[16:]
            if digest == _digest(key, content):
                os.utime(file)
                return content
            file.unlink()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keeps a program, unless it has been kept already."""
        file = self._path / key
        with suppress(OSError):
            if file.exists():
                return
            handle, made = tempfile.mkstemp(dir=self._path, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(_digest(key, value))
                    out.write(value)
                os.replace(made, file)
            except OSError:
                Path(made).unlink(missing_ok=True)
                raise
            with self._lock:
                # The whole folder is looked at by the first to write, and then once in a while.
                due = self._written == 0 or self._written > self.limit // 16
                self._written = len(value) if due else self._written + len(value)
            if due:
                self._trim()

    def _trim(self) -> None:
        found = []
        for file in self._path.iterdir():
            with suppress(OSError):
                about = file.stat()
                found.append((about.st_mtime, about.st_size, file))
        total = sum(size for _, size, _ in found)
        for _, size, file in sorted(found):
            if total <= self.limit:
                break
            file.unlink(missing_ok=True)
            total -= size


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16, key=hashlib.blake2b(key.encode(), digest_size=16).digest()).digest()


def use_cache(jax: Any, folder: Path) -> None:
    """Makes JAX look for compiled programs in `folder`, unless the user has chosen one for JAX."""
    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return
    from .jax_inside import keep_programs_in  # which needs the engine

    cache = ProgramCache(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    keep_programs_in(cache)
