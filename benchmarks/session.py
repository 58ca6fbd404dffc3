"""Running a workload: a worker process for each implementation, taking turns so that only one computes at a time."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import environments
from .implementations import IMPLEMENTATIONS, Implementation
from .worker import START
from .workloads.base import Measure, Settings, Workload

TIME_LIMIT = 900  # seconds that a measurement may take


class Failed(Exception):
    """An implementation could not run a measurement."""


class Worker:
    """A process of one implementation.

    Args:
        implementation: The implementation.
        settings: The size of the run.
        cache: The folder of the compilation cache that the process is given.
    """

    def __init__(self, implementation: Implementation, settings: Settings, cache: str):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KERAS_", "JAX_", "XLA_"))}
        environment |= {"KERAS_BACKEND": implementation.backend, "ADDAX_CACHE_DIR": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
        folder = environments.ROOT / implementation.sources
        environment["PYTHONPATH"] = str(environments.ROOT)  # for this package, where the folder is another
        what = json.dumps([implementation.name, vars(settings)])
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [environments.python(implementation.environment), "-m", "benchmarks.worker", what],
            cwd=folder,  # where modules are looked for first
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def run(self, workload: Workload, measure: str) -> dict[str, Any]:
        """Runs a measurement and waits for its result."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps([workload.module, workload.name, measure]) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Failed(f"the process has ended: {self._end_of_log()}") from error
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(TIME_LIMIT):
                raise Failed(f"{measure} took longer than {TIME_LIMIT} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the process ended: {self._end_of_log()}")
        answer = json.loads(line)
        if "error" in answer:
            print(answer["traceback"], file=sys.stderr)
            raise Failed(answer["error"])
        return answer

    def _end_of_log(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:].strip()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()


class Session:
    """Measures workloads.

    Args:
        settings: The size of the run.
        repeats: The most times that a warm measurement is repeated in each process; all implementations as often.
        starts: How many times each implementation is started: each start gives one first epoch.
        seconds: No repeat of a measurement begins after its repeats have taken this long; two are always made.
        share: Whether one process runs all workloads of an implementation. That saves the time of their starts, and
            leaves nothing to say of the memory of each.
    """

    def __init__(self, settings: Settings, repeats: int, starts: int, seconds: float, share: bool = False):
        self.settings, self.repeats, self.starts, self.seconds, self.share = settings, repeats, starts, seconds, share
        self._folder = Path(tempfile.mkdtemp(prefix="addax-bench-"))
        self._workers: dict[str, Worker] = {}
        self._caches = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _stop(self) -> None:
        for worker in self._workers.values():
            worker.stop()
        self._workers.clear()

    def _empty_cache(self) -> str:
        self._caches += 1
        return str(self._folder / str(self._caches))

    def run(self, workload: Workload, names: list[str]) -> dict[str, Any]:
        """Measures a workload in some implementations.

        Returns:
            `{"samples": {implementation: {measure: [result, ...]}}, "errors": {implementation: text}}`. The samples of
            a measure were taken in turns: those at the same place in the lists belong together.
        """
        samples: dict[str, dict[str, list]] = {name: {} for name in names}
        errors: dict[str, str] = {}
        measures = workload.measures(self.settings)
        fresh = any(m.fresh for m in measures)
        caches = {name: self._empty_cache() for name in names}
        for start in range(1 if fresh or self.share else self.starts):
            begun: set[str] = set()
            for measure in measures:
                turns, began = measure.repeats or self.repeats, time.perf_counter()
                for turn in range(turns):
                    if turn >= min(2, turns) and time.perf_counter() - began > self.seconds:
                        break
                    for name in names:
                        if name in errors:
                            continue
                        try:
                            if measure.fresh:
                                answer = self._run_fresh(workload, measure, name, caches[name])
                            else:
                                answer = self._run_warm(workload, measure, name, begun)
                        except Failed as failure:
                            errors[name] = str(failure)
                            print(f"    {name} failed: {str(failure)[:300]}", flush=True)
                            if name in self._workers:
                                self._workers.pop(name).stop()
                            continue
                        if self.share:
                            del answer["peak_memory"]
                        samples[name].setdefault(measure.name, []).append({**answer, "start": start})
            if not self.share:
                self._stop()
        return {"samples": samples, "errors": errors}

    def _run_fresh(self, workload: Workload, measure: Measure, name: str, cache: str) -> dict[str, Any]:
        worker = Worker(IMPLEMENTATIONS[name], self.settings, cache)
        try:
            answer = worker.run(workload, measure.name)
            answer.setdefault("seconds", time.perf_counter() - worker.began)
            return answer
        finally:
            worker.stop()

    def _run_warm(self, workload: Workload, measure: Measure, name: str, begun: set[str]) -> dict[str, Any]:
        if name not in self._workers:
            # An empty cache: a first epoch compiles.
            self._workers[name] = Worker(IMPLEMENTATIONS[name], self.settings, self._empty_cache())
        if name not in begun:
            self._workers[name].run(workload, START)
            begun.add(name)
        return self._workers[name].run(workload, measure.name)


def machine() -> dict[str, Any]:
    """What the figures depend on: the processor and its cores, and what else runs. No names of hosts."""
    import platform

    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}"
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {"processor": model, "cores": cores, "memory": pages, "system": system, "load": load}
