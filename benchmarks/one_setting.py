"""What one setting of addax is worth: workloads with it and without it, by turns in one process.

python -m benchmarks.one_setting compiler_options deep-auc tabular separable
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["ADDAX_COMPILE_CACHE"] = "off"  # or the first epochs of one would be those of the other

import addax as keras

from .workloads import all_workloads
from .workloads.base import Fit

TURNS = 5
LEAST = 0.3  # seconds of a turn


def work(workload: Fit) -> dict[str, Callable[[], Any]]:
    """The things to be measured, of a model of their own."""
    x, y = workload.data(workload.rows[0])
    model = workload.build(keras)
    model.compile(**{"optimizer": "adam", **workload.compile(keras)})
    size = workload.batch_size

    def fit() -> None:
        if workload.train is not None:
            workload.train(model, x, y, size, 1)
        else:
            model.fit(x, y, batch_size=size, verbose=0)

    found: dict[str, Callable[[], Any]] = {"fit": fit}
    if workload.inference:
        found["evaluate"] = lambda: model.evaluate(x, y, batch_size=size, verbose=0)
        found["predict"] = lambda: model.predict(x, batch_size=size, verbose=0)
    return found


def seconds(run: Callable[[], Any], times: int = 1) -> float:
    began = time.perf_counter()
    for _ in range(times):
        run()
    return (time.perf_counter() - began) / times


def main(setting: str, *names: str) -> None:
    print(f"{'workload':18} {'':9} {'with':>9} {'without':>9}  milliseconds, medians of {TURNS} turns: {setting}")
    for name in names:
        ways: dict[bool, dict[str, Callable[[], Any]]] = {}
        for on in (True, False):
            keras.config.set(setting, on)
            ways[on] = work(all_workloads()[name])
            for run in ways[on].values():
                run()
        for what, run in ways[True].items():
            times = max(1, int(LEAST / seconds(run)))
            turns: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(TURNS):
                for on in (True, False):
                    keras.config.set(setting, on)
                    turns[on].append(seconds(ways[on][what], times))
            medians = [1e3 * statistics.median(turns[on]) for on in (True, False)]
            print(f"{name:18} {what:9} {medians[0]:9.2f} {medians[1]:9.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
