"""A process of one implementation, that runs the measurements it is told to.

It reads a line of JSON for each from standard input and answers with a line of JSON. Only the standard library is
imported before the first measurement, so that workloads about start-up measure what they say.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

from .implementations import IMPLEMENTATIONS

START = "start"  # begins a session of a workload, which the first measurement does otherwise


def peak_memory() -> int:
    """The most bytes this process has had in memory."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Compiles:
    """Counts the programs that XLA compiled, once JAX is imported, and those that a cache on the disk answered for."""

    def __init__(self) -> None:
        self.count = self.cached = 0
        self.listening = False

    def listen(self) -> None:
        if self.listening or "jax" not in sys.modules:
            return
        monitoring: Any = sys.modules["jax"].monitoring
        monitoring.register_event_duration_secs_listener(self._duration)
        monitoring.register_event_listener(self._event)
        self.listening = True

    def _duration(self, event: str, duration: float, **kwargs: Any) -> None:
        self.count += event == "/jax/core/compile/backend_compile_duration"

    def _event(self, event: str, **kwargs: Any) -> None:
        self.cached += event == "/jax/compilation_cache/cache_hits"


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the log
    name, settings = json.loads(sys.argv[1])
    from .workloads.base import Settings

    compiles = Compiles()
    session: Any = None
    for line in sys.stdin:
        module, workload, measure = json.loads(line)
        try:
            if session is None or measure == START:
                session = None  # what the last one held is free before the next begins
                gc.collect()
                started = importlib.import_module(module).WORKLOADS[workload]
                session = started.start(IMPLEMENTATIONS[name], Settings(**settings))
            compiles.listen()
            before, cpu = (compiles.count, compiles.cached), time.process_time()
            answer = {} if measure == START else session.run(measure)
            compiles.listen()
            answer["cpu_seconds"] = time.process_time() - cpu
            if compiles.listening:
                answer.setdefault("compiles", compiles.count - before[0] - (compiles.cached - before[1]))
            answer["peak_memory"] = peak_memory()
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
