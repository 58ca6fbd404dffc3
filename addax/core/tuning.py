"""Settings of the process and of JAX, applied once when JAX is first used. Each has a switch.

- `allocator`: glibc returns the large blocks that XLA frees after every step to the kernel, and getting them back costs
  a page fault per page. With the blocks kept, steps with large temporaries take half the time.
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
from types import ModuleType
from typing import Any

from . import config
from .jax_inside import keep_programs_in
from .warnings import warn

# Parameter number in glibc's malloc.h, value that keeps memory, and default.
_MALLOC = {
    "M_MMAP_MAX": (-4, 0, 65536),  # no block gets a mapping of its own, which would be unmapped when freed
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1, 128 << 10),  # the top of the heap is kept, too
    "M_TOP_PAD": (-2, 64 << 20, 128 << 10),  # the heap grows in large steps
    "M_ARENA_MAX": (-8, 1, 0),  # one heap: a block freed by one thread serves the next
}
CACHE_BYTES = 2 << 30  # limit of the folder of compiled programs


def before_jax() -> None:
    """Applies the settings that must precede the start of JAX's threads."""
    if config.get("allocator"):
        keep_memory(True)


def after_jax(jax: ModuleType) -> None:
    """Applies the settings that need JAX, once it is imported."""
    if config.get("compile_cache"):
        try:
            use_cache(jax, cache_dir())
        except OSError:
            return  # no such folder can be had: computing works without a cache, too
        except Exception as error:
            warn(
                f"Compiled programs are not kept on disk, so each start compiles again: {type(error).__name__}: {error}"
            )


def keep_memory(on: bool) -> bool:
    """Makes the allocator keep freed memory, or undoes that.

    Args:
        on: Whether to keep freed memory.

    Returns:
        Whether the allocator supports it.
    """
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
    """Returns the folder of compiled programs: `ADDAX_CACHE_DIR`, or addax's own in the user's cache folder.

    It has a subfolder for each kind of processor: compiled code uses the instructions of the machine that compiled it.
    """
    root = os.environ.get("ADDAX_CACHE_DIR")
    if not root:
        base = os.environ.get("XDG_CACHE_HOME")
        root = str((Path(base) if base else Path.home() / ".cache") / "addax")
    return Path(root) / f"programs-{_machine()}"


@functools.cache
def _machine() -> str:
    """Returns a name for this kind of processor, derived from its instruction set."""
    about = [platform.system(), platform.machine(), platform.processor()]
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features", "model name")):
                about.append(line)
            if not line:
                break  # all processors are of the same kind
    return hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


class ProgramCache:
    """Compiled programs by key, one file each. JAX asks it for a program before compiling.

    Files are written under a temporary name and renamed. They begin with a digest of their key and content, and are
    removed when it doesn't match: neither a killed process, a full disk nor a renamed file makes JAX load another
    program. No method raises.

    Args:
        folder: Folder of the files.
        limit: Maximum total size of the files in bytes; the least recently used are removed first.
    """

    def __init__(self, folder: Path, limit: int = CACHE_BYTES):
        self._path = folder  # the attribute that JAX logs
        self.limit = limit
        self._written = 0
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> bytes | None:
        """Returns the program of `key`, or None."""
        file = self._path / key
        with suppress(OSError):
            digest, content = (data := file.read_bytes())[:16], data[16:]
            if digest == _digest(key, content):
                os.utime(file)
                return content
            file.unlink()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Stores a program, unless there is one of this key."""
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
                # Listing the folder is slow: it is done for the first program, then after each sixteenth of the limit.
                due = self._written == 0 or self._written > self.limit // 16
                self._written = len(value) if due else self._written + len(value)
            if due:
                self._evict()

    def _evict(self) -> None:
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


def use_cache(jax: ModuleType, folder: Path) -> None:
    """Makes JAX keep compiled programs in `folder`, unless the user has chosen a folder for JAX."""
    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return
    cache = ProgramCache(folder)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    keep_programs_in(cache)
