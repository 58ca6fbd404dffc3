"""`python -m benchmarks`: makes the environments, runs the workloads, writes and shows what was found."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import time
from pathlib import Path
from typing import Any

from . import environments, report, session
from .implementations import BEFORE, IMPLEMENTATIONS
from .workloads import all_workloads
from .workloads.base import Settings

FOLDER = Path(__file__).parent / "results"
BUSY = 0.7  # load of the machine before a run above which times say little
PAGE = environments.ROOT / "docs" / "PERFORMANCE.md"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    made.add_argument("--quick", action="store_true", help="a part of the workloads, with less data: a few minutes")
    made.add_argument("--only", metavar="GLOB", default=[], action="append", help="workloads (may be given again)")
    made.add_argument(
        "--impl", metavar="GLOB", default=[], action="append", help="implementations (may be given again)"
    )
    made.add_argument("--repeats", type=int, metavar="N", help="turns of each warm measurement in each process")
    made.add_argument("--starts", type=int, metavar="N", help="processes of each implementation, one after the other")
    made.add_argument("--seconds", type=float, metavar="S", help="begin no turn of a measurement after so long")
    made.add_argument("--before", metavar="COMMIT", help="measure addax as it was at a commit, too, by turns")
    made.add_argument("--name", help="results/NAME.json; what it has of other workloads stays (default: quick or cpu)")
    made.add_argument(
        "--docs", action="store_true", help="write the table of NAME.json to docs/PERFORMANCE.md, run nothing"
    )
    made.add_argument("--list", action="store_true", help="list workloads and implementations, run nothing")
    return made


def chosen(names: list[str], globs: list[str]) -> list[str]:
    """The names that match one of the globs, or all."""
    return [n for n in names if not globs or any(fnmatch.fnmatch(n, g) for g in globs)]


def show(workload: dict[str, Any]) -> None:
    """Prints what was found of a workload."""
    samples = workload["samples"]
    for measure in report.measures_of(samples):
        cells = []
        for name in samples:
            values = report.values_of(samples, name, measure)
            if not values:
                continue
            found = report.Spread.of(values)
            compared = report.ratio(samples, name, measure) if name != report.SUBJECT else None
            cells.append(f"{name} {report.duration(found.median)}" + (f" ({compared.median:.2f}x)" if compared else ""))
        print(f"    {measure:16} {', '.join(cells)}", flush=True)
    peaks = {n: report.values_of(samples, n, report.PEAK_MEMORY) for n in samples}
    line = ", ".join(f"{n} {max(v) / 2**20:.0f} MiB" for n, v in peaks.items() if v)
    if line:
        print(f"    {report.PEAK_MEMORY:16} {line}")
    for text in workload["disagreements"]:
        print(f"    LOSSES DISAGREE: {text}")


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    workloads = all_workloads()
    if options.list:
        for workload in workloads.values():
            print(f"{workload.name:18} {'quick' if workload.quick else '     '}  {workload.title}")
        print("\n" + "\n".join(f"{i.name:18} {i.title}" for i in IMPLEMENTATIONS.values()))
        return 0
    path = FOLDER / f"{options.name or ('quick' if options.quick else 'cpu')}.json"
    if options.docs:
        report.write_into(PAGE, report.table(json.loads(path.read_text())))
        return 0

    names = chosen([n for n, w in workloads.items() if w.quick or not options.quick or options.only], options.only)
    left_out = {"keras-jax-32" if options.quick and not options.impl else "", "" if options.before else BEFORE}
    known = [n for n in IMPLEMENTATIONS if n not in left_out]
    implementations = chosen(known, options.impl)
    if not names or not implementations:
        print("No workload or no implementation has such a name: see --list.", file=sys.stderr)
        return 2
    used = {i for n in names for i in workloads[n].implementations if i in implementations}
    for environment in dict.fromkeys(IMPLEMENTATIONS[i].environment for i in IMPLEMENTATIONS if i in used):
        environments.ensure(environment)
    if options.before:
        environments.check_out(options.before)

    machine = session.machine()
    if machine["load"] > BUSY:
        print(f"Something else runs here (load {machine['load']:.1f}): times, above all of PyTorch, will be too long.")
    settings = Settings(options.quick)
    repeats = options.repeats or (3 if options.quick else 5)
    starts = options.starts or (1 if options.quick else 2)
    seconds = options.seconds if options.seconds is not None else (3 if options.quick else 10)
    whole = not (options.only or options.impl)
    results: dict[str, Any] = {"workloads": {}}
    if path.exists() and not whole:
        results = json.loads(path.read_text())
    results |= {
        "command": "make bench QUICK=1" if options.quick else "make bench",
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine,
        "versions": results.get("versions", {})
        | {e: environments.versions(e) for e in {IMPLEMENTATIONS[i].environment for i in used}},
    }
    failed = False
    began = time.perf_counter()
    with session.Session(settings, repeats, starts, seconds, share=options.quick) as measuring:
        for name in names:
            workload = workloads[name]
            print(f"{name}: {workload.title}", flush=True)
            ways = [i for i in workload.implementations if i in implementations]
            if BEFORE in implementations:
                ways.append(BEFORE)
            if not ways:
                continue
            found = measuring.run(workload, ways)
            found |= {"name": name, "title": workload.title, "family": workload.family, "date": results["date"]}
            found["disagreements"] = report.disagreements(found["samples"], workload.rtol, workload.differs)
            found["differs"] = {i: why for i, why in workload.differs.items() if i in ways}
            show(found)
            failed |= bool(found["errors"] or found["disagreements"])
            results["workloads"][name] = found
            order = {n: results["workloads"][n] for n in workloads if n in results["workloads"]}
            results["workloads"] = order
            FOLDER.mkdir(exist_ok=True)
            path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nGoals ({time.perf_counter() - began:.0f} s)\n")
    run = {**results, "workloads": {n: results["workloads"][n] for n in names if n in results["workloads"]}}
    goal = None
    for verdict in report.verdicts(run):
        if verdict.goal is not goal:
            goal = verdict.goal
            print(goal.work)
        print(f"    {verdict}")
    if whole and not options.quick:
        report.write_into(PAGE, report.table(results))
        print(f"\nTable: {PAGE.relative_to(environments.ROOT)}")
    print(f"Results: {path.relative_to(environments.ROOT)}", flush=True)
    if failed:
        print("Some implementations failed, or their losses disagree: see above.", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
