"""Locks between threads and processes, with `flock` and without."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from addax.core import locks


@pytest.fixture(params=["flock", "files"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "files":  # as on Windows
        monkeypatch.setattr(locks, "fcntl", None)


@pytest.mark.usefixtures("_kind")
def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most, waited = [], [], []

    def work() -> None:
        for _ in range(5):
            with locks.locked(tmp_path / "file") as late:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()
                waited.append(late)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(most) == 20 and max(most) == 1 and any(waited)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_kind")
def test_an_error_releases(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locks.locked(tmp_path / "file"):
        raise KeyError
    with locks.locked(tmp_path / "file") as waited:
        assert not waited


def test_a_file_left_by_a_process_that_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    lock = tmp_path / ".file.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    with locks.locked(tmp_path / "file") as waited:
        assert waited and lock.exists()
    assert not lock.exists()


def test_where_no_file_can_be_made_nothing_is_locked() -> None:
    with locks.locked(Path("/dev/null/file")) as waited:
        assert not waited


def test_a_lock_that_is_held_is_refused_at_once(tmp_path: Path) -> None:
    first = locks.held(tmp_path / ".lock")
    assert first is not None
    with pytest.raises(BlockingIOError, match="another process has the lock"):
        locks.held(tmp_path / ".lock")
    first.close()
    second = locks.held(tmp_path / ".lock")
    assert second is not None
    second.close()


def test_nothing_is_held_where_files_cannot_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    assert locks.held(tmp_path / ".lock") is None and locks.held(tmp_path / ".lock") is None
