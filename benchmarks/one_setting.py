"""What one setting of addax is worth: workloads with it and without it, by turns in one process.

python -m benchmarks.one_setting compiler_options deep-auc tabular separable
"""

from __future__ import annotations

import statistics
import sys

import addax as keras

from .implementations import IMPLEMENTATIONS
from .workloads import all_workloads
from .workloads.base import Settings

TURNS = 9


def main(setting: str, *names: str) -> None:
    print(f"{'workload':18} {'':9} {'with':>9} {'without':>9}  milliseconds, medians of {TURNS} turns: {setting}")
    for name in names:
        workload = all_workloads()[name]
        sessions = {}
        for on in (True, False):
            keras.config.set(setting, on)
            sessions[on] = workload.start(IMPLEMENTATIONS["addax"], Settings())
        for what in ("fit", "evaluate", "predict") if workload.inference else ("fit",):
            took: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(TURNS + 1):
                for on, session in sessions.items():
                    keras.config.set(setting, on)
                    seconds = session.run(what)["seconds"]
                    if turn:  # the first one compiles
                        took[on].append(seconds)
            found = [1e3 * statistics.median(took[on]) for on in (True, False)]
            print(f"{name:18} {what:9} {found[0]:9.2f} {found[1]:9.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
