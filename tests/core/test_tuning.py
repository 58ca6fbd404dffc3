"""What is set once for the process: the allocator, and the cache of compiled programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from addax.core import tuning
from addax.core.tuning import ProgramCache, keep_memory

STEP = """
import jax, numpy as np
hits, asked = [], []
import addax as keras
m = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1)])
m.compile("adam", "mse")
jax.monitoring.register_event_listener(lambda name, **kw: hits.append(name) if name.endswith("cache_hits") else None)
jax.monitoring.register_event_listener(
    lambda name, **kw: asked.append(name) if name.endswith("compile_requests_use_cache") else None
)
x = np.arange(64, dtype="float32").reshape(8, 8) / 64
h = m.fit(x, x[:, :1], verbose=0, shuffle=False)
print(len(asked), len(hits))
"""


def run(code: str, **environment: str) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("ADDAX_")} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


def programs(folder: Path) -> list[Path]:
    return sorted(f for f in folder.glob("programs-*/*") if f.is_file())


def test_a_second_process_compiles_nothing_and_broken_files_are_replaced(tmp_path):
    asked, hits = map(int, run(STEP, ADDAX_CACHE_DIR=str(tmp_path)).split())
    assert asked > 0 and hits == 0
    files = {f: f.read_bytes() for f in programs(tmp_path)}
    assert len(files) == asked

    assert run(STEP, ADDAX_CACHE_DIR=str(tmp_path)).split() == [str(asked), str(asked)]

    largest = max(files, key=lambda f: len(files[f]))
    largest.write_bytes(files[largest][:100])  # as a full disk leaves it
    assert run(STEP, ADDAX_CACHE_DIR=str(tmp_path)).split() == [str(asked), str(asked - 1)]
    assert len(largest.read_bytes()) > 1000
    assert run(STEP, ADDAX_CACHE_DIR=str(tmp_path)).split() == [str(asked), str(asked)]


@pytest.mark.parametrize("folder", ["off", "file"])
def test_without_a_cache_everything_works(tmp_path, folder):
    if folder == "off":
        out = run(STEP, ADDAX_CACHE_DIR=str(tmp_path), ADDAX_COMPILE_CACHE="off")
    else:
        (tmp_path / "file").write_text("not a folder")
        out = run(STEP, ADDAX_CACHE_DIR=str(tmp_path / "file"))
    assert out.split()[1] == "0"
    assert programs(tmp_path) == []


def test_a_cache_that_this_jax_does_not_take_is_said(monkeypatch):
    def fails(*_):
        raise AttributeError("no such option")

    monkeypatch.setattr(tuning, "use_cache", fails)
    with pytest.warns(UserWarning, match="not kept on disk.*AttributeError: no such option"):
        tuning.after_jax(None)


def test_the_longest_unused_programs_go_first(tmp_path):
    cache = ProgramCache(tmp_path, limit=4000)
    for i in range(3):
        cache.put(f"p{i}", bytes([i]) * 1000)
        os.utime(tmp_path / f"p{i}", (i + 1, i + 1))
    assert cache.get("p0") == bytes(1000)  # now it is the one used last
    fresh = ProgramCache(tmp_path, limit=2500)
    fresh.put("p3", b"3" * 1000)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["p0", "p3"]
    assert fresh.get("p1") is None


def test_a_program_under_another_name_is_refused(tmp_path):
    cache = ProgramCache(tmp_path)
    cache.put("a", b"of a")
    cache.put("b", b"of b")
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path / "c").rename(tmp_path / "b")
    assert cache.get("a") is None and cache.get("b") is None
    assert not list(tmp_path.iterdir())
    cache.put("a", b"of a")
    assert cache.get("a") == b"of a"


FAULTS = """
import resource, numpy as np
from addax.core import engine
engine.jax.__name__, engine.jax.devices
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(1 << 22)
before = faults()
for _ in range(10):
    np.ones(1 << 22)
print(faults() - before)
"""


@pytest.mark.skipif(not keep_memory(False), reason="needs glibc")
def test_freed_memory_is_kept(tmp_path):
    kept, given_back = (int(run(FAULTS, ADDAX_ALLOCATOR=v, ADDAX_CACHE_DIR=str(tmp_path))) for v in ("on", "off"))
    assert kept < 100  # pages of 4 KiB: 8192 for each array
    assert given_back > 5000


def test_processes_that_fill_the_cache_together(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ADDAX_")} | {"ADDAX_CACHE_DIR": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", STEP], env=env, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    for process in both:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert "Warning" not in err, err
    asked = out.split()[0]
    assert run(STEP, ADDAX_CACHE_DIR=str(tmp_path)).split() == [asked, asked]
    assert not list(tmp_path.rglob(".new-*"))
