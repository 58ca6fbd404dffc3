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
from typing import Any

from . import environments
from .implementations import IMPLEMENTATIONS, Implementation
from .workloads.base import Measure, Settings, Workload

TIME_LIMIT = 900  # seconds that a measurement may take


class Failed(Exception):
    """An implementation could not run a measurement."""


class Worker:
    """A process of one implementation of one workload.

    Args:
        workload: The workload.
        implementation: The implementation.
        settings: The size of the run.
        cache: The folder of the compilation cache that the process is given.
    """

    def __init__(self, workload: Workload, implementation: Implementation, settings: Settings, cache: str):
        self.implementation = implementation
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KERAS_", "JAX_", "XLA_"))}
        environment |= {"KERAS_BACKEND": implementation.backend, "ADDAX_CACHE_DIR": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
        what = [workload.module, workload.name, implementation.name, vars(settings)]
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [environments.python(implementation.environment), "-m", "benchmarks.worker", json.dumps(what)],
            cwd=environments.ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def run(self, measure: str) -> dict[str, Any]:
        """Runs a measurement and waits for its result."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(measure) + "\n")
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
            raise Failed(answer["error"].strip())
        return answer

    def _end_of_log(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:].strip()

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()


def run(
    workload: Workload,
    names: list[str],
    settings: Settings,
    repeats: int,
    starts: int,
    seconds: float,
) -> dict[str, Any]:
    """Measures a workload.

    Args:
        workload: The workload.
        names: The implementations.
        settings: The size of the run.
        repeats: The most times that a warm measurement is repeated in each process; all implementations as often.
        starts: How many times each implementation is started: each start gives one first epoch.
        seconds: No repeat of a measurement begins after its repeats have taken this long; two are always made.

    Returns:
        `{"samples": {implementation: {measure: [result, ...]}}, "errors": {implementation: text}}`; the samples of one
        measure were taken in turns: those at the same place in the lists belong together.
    """
    samples: dict[str, dict[str, list]] = {name: {} for name in names}
    errors: dict[str, str] = {}
    caches = {name: tempfile.mkdtemp(prefix="addax-bench-") for name in names}

    def sample(name: str, measure: Measure, worker: Worker, start: int) -> None:
        try:
            answer = worker.run(measure.name)
        except Failed as failure:
            errors[name] = str(failure)
            print(f"    {name} failed: {str(failure).splitlines()[-1]}", flush=True)
            return
        if measure.fresh:
            answer.setdefault("seconds", time.perf_counter() - worker.began)
        samples[name].setdefault(measure.name, []).append({**answer, "start": start})

    try:
        for start in range(1 if all(m.fresh for m in workload.measures()) else starts):
            workers: dict[str, Worker] = {}
            try:
                for measure in workload.measures():
                    wanted, began = measure.repeats or repeats, time.perf_counter()
                    for turn in range(wanted):
                        if turn >= min(2, wanted) and time.perf_counter() - began > seconds:
                            break
                        for name in names:
                            if name in errors:
                                continue
                            if measure.fresh:
                                fresh = Worker(workload, IMPLEMENTATIONS[name], settings, caches[name])
                                try:
                                    sample(name, measure, fresh, start)
                                finally:
                                    fresh.stop()
                                continue
                            if name not in workers:
                                cache = f"{caches[name]}/{start}"  # empty: a first epoch compiles
                                workers[name] = Worker(workload, IMPLEMENTATIONS[name], settings, cache)
                                try:
                                    workers[name].run("start")
                                except Failed as failure:
                                    errors[name] = str(failure)
                                    print(f"    {name} failed: {str(failure).splitlines()[-1]}", flush=True)
                                    continue
                            sample(name, measure, workers[name], start)
            finally:
                for worker in workers.values():
                    worker.stop()
    finally:
        for cache in caches.values():
            shutil.rmtree(cache, ignore_errors=True)
    return {"samples": samples, "errors": errors}


def machine() -> dict[str, Any]:
    """What the figures depend on: the processor and its cores. No names of hosts."""
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
    return {"processor": model, "cores": cores, "memory": pages, "system": system, "python": sys.version.split()[0]}
