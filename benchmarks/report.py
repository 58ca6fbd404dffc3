"""From samples to medians, ratios with their spread, agreement of losses, goals, and the tables that show them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .goals import GOALS, PEAK_MEMORY, Goal
from .implementations import IMPLEMENTATIONS
from .workloads.base import SAME_MODEL

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
SUBJECT = "addax"
REFERENCE = "keras-jax"
ALMOST_ZERO = {"loss": 1e-3, "check": 1e-5}  # differences that are rounding, where the numbers themselves are small
SAME_MODEL_RTOL, WIDE_RTOL = 1e-3, 0.1

Samples = dict[str, dict[str, list[dict[str, Any]]]]  # implementation -> measure -> results


@dataclass(frozen=True)
class Spread:
    """A median, with its quartiles."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        values = sorted(values)
        if len(values) == 1:
            return cls(values[0], values[0], values[0], 1)
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(middle, low, high, len(values))


def values_of(samples: Samples, name: str, measure: str) -> list[float]:
    """Seconds of all samples of a measure; or bytes, for peak memory: the most before evaluate and predict."""
    if measure == PEAK_MEMORY:
        peaks: dict[int, int] = {}
        for s in samples.get(name, {}).get("fit", []):
            if "peak_memory" in s:
                peaks[s["start"]] = max(peaks.get(s["start"], 0), s["peak_memory"])
        return list(map(float, peaks.values()))
    return [s["seconds"] for s in samples.get(name, {}).get(measure, [])]


def ratio(samples: Samples, name: str, measure: str, subject: str = SUBJECT) -> Spread | None:
    """How `subject` compares to `name`: the ratio in each turn, in which both ran one after the other."""
    pairs = zip(values_of(samples, subject, measure), values_of(samples, name, measure))
    found = [a / b for a, b in pairs]
    return Spread.of(found) if found else None


def measures_of(samples: Samples) -> list[str]:
    """The measures whose times count, in their order."""
    return [m for m in dict.fromkeys(m for found in samples.values() for m in found) if m != SAME_MODEL]


def agree(value: float, reference: float, rtol: float, atol: float) -> bool:
    """Whether a loss agrees with that of the reference."""
    return math.isfinite(value) and abs(value - reference) <= rtol * abs(reference) + atol


def disagreements(samples: Samples, rtol: tuple[float, float], differs: Collection[str] = ()) -> list[str]:
    """What losses, and means of predictions, are not those of the reference.

    The first epoch is held to `rtol[0]`, what comes after it to `rtol[1]`, and the predictions of untrained models to
    `SAME_MODEL_RTOL`: also those of implementations in `differs`, whose losses are not compared. Nor is what is
    predicted after training with random numbers, whose `rtol` is wide.
    """
    names = list(samples)
    reference = REFERENCE if samples.get(REFERENCE) else next((n for n in names if samples[n]), None)
    found = []
    for measure in [*measures_of(samples), SAME_MODEL]:
        limit = {"first_epoch": rtol[0], SAME_MODEL: SAME_MODEL_RTOL}.get(measure, rtol[1])
        for key in ("loss", "check") if limit < WIDE_RTOL else ("loss",):
            by_name = {n: samples[n][measure][-1].get(key) for n in names if measure in samples[n]}
            expected = by_name.get(reference) if reference else None
            if expected is None:
                continue
            for name, value in by_name.items():
                if name in differs and measure != SAME_MODEL:
                    continue
                if value is not None and not agree(value, expected, limit, ALMOST_ZERO[key]):
                    found.append(
                        f"{measure}: {key} {value:.6g} of {name}, {expected:.6g} of {reference}, rtol {limit:g}"
                    )
    return found


# Goals


@dataclass(frozen=True)
class Verdict:
    """Whether a goal is met by a measure of a workload."""

    goal: Goal
    workload: str
    measure: str
    against: str
    limit: float
    found: float

    @property
    def met(self) -> bool:
        return self.found <= self.limit

    def __str__(self) -> str:
        number, limit = (duration(v) if self.against == "time" else f"{v:.2f}x" for v in (self.found, self.limit))
        return (
            f"{'met   ' if self.met else 'missed'} {self.workload} {self.measure} {self.against}: {number} (<= {limit})"
        )


def verdicts(results: dict[str, Any]) -> list[Verdict]:
    """Which goals are met."""
    found = []
    for goal in GOALS:
        for name, result in results["workloads"].items():
            if name not in goal.families and result["family"] not in goal.families:
                continue
            for measure in goal.measures:
                found += _verdicts(goal, name, measure, result["samples"])
    return found


def _verdicts(goal: Goal, workload: str, measure: str, samples: Samples) -> list[Verdict]:
    found = []
    for limit, names in (
        (goal.keras_jax, (REFERENCE,)),
        (goal.others, goal.other_names),
        (goal.by_hand, goal.by_hand_names),
    ):
        best = fastest(samples, names, measure)
        compared = ratio(samples, best, measure) if best and limit is not None else None
        if compared is not None:
            assert best is not None and limit is not None
            found.append(Verdict(goal, workload, measure, IMPLEMENTATIONS[best].title, limit, compared.median))
    own = values_of(samples, SUBJECT, measure)
    if goal.seconds is not None and own:
        found.append(Verdict(goal, workload, measure, "time", goal.seconds, statistics.median(own)))
    return found


def fastest(samples: Samples, names: Iterable[str], measure: str) -> str | None:
    """Of some implementations the one with the least median."""
    medians = {n: statistics.median(v) for n in names if (v := values_of(samples, n, measure))}
    return min(medians, key=lambda n: medians[n]) if medians else None


# Showing


def duration(seconds: float) -> str:
    """Seconds with three digits, in the unit that suits them."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def times(ratio: float) -> str:
    """A ratio, with two digits that say something."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def amount(measure: str, value: float) -> str:
    return f"{value / 2**20:.0f} MiB" if measure == PEAK_MEMORY else duration(value)


def _cell(samples: Samples, name: str, measure: str) -> str:
    compared = ratio(samples, name, measure)
    if compared is None:
        return ""
    spread = f" ({times(compared.low)}-{times(compared.high)})" if compared.count > 1 else ""
    return f"**{times(compared.median)}**{spread}"


def table(results: dict[str, Any]) -> str:
    """The table of all results, in Markdown."""
    names = [n for n in IMPLEMENTATIONS if any(n in r["samples"] for r in results["workloads"].values())]
    others = [n for n in names if n != SUBJECT]
    lines = [caption(results), ""]
    for workload in results["workloads"].values():
        samples: Samples = workload["samples"]
        lines += [f"**{workload['name']}**: {workload['title']}", ""]
        shown = [n for n in others if samples.get(n)]
        lines += ["| | addax | " + " | ".join(IMPLEMENTATIONS[n].title for n in shown) + " |"]
        lines += ["|---|---|" + "---|" * len(shown)]
        for measure in [*measures_of(samples), *([PEAK_MEMORY] if values_of(samples, SUBJECT, PEAK_MEMORY) else [])]:
            own = values_of(samples, SUBJECT, measure)
            row = [measure.replace("_", " "), amount(measure, statistics.median(own)) if own else ""]
            lines.append(f"| {' | '.join([*row, *(_cell(samples, n, measure) for n in shown)])} |")
        for slow in filter(None, (slow_calls(samples, m) for m in measures_of(samples))):
            lines += ["", slow]
        counts = [f"{IMPLEMENTATIONS[n].title} {compiles(samples, n)}" for n in names if compiles(samples, n)]
        if counts:
            lines += ["", f"Programs compiled: {', '.join(counts)}."]
        losses = loss_line(samples)
        if losses:
            lines += ["", losses]
        for name, reason in workload.get("differs", {}).items():
            lines += ["", f"The losses of {IMPLEMENTATIONS[name].title} are others: {reason}."]
        for name, text in workload["errors"].items():
            lines += ["", f"**Failed**: {IMPLEMENTATIONS[name].title}: {' '.join(text.split())[:200]}"]
        for text in workload["disagreements"]:
            lines += ["", f"**Losses disagree**: {text}"]
        lines.append("")
    lines += ["**Goals**", "", "| work | workload | against | goal | found | |", "|---|---|---|---|---|---|"]
    for v in verdicts(results):
        limit, value = (duration(n) if v.against == "time" else f"{n:.2f}" for n in (v.limit, v.found))
        work = f"{v.workload}, {v.measure.replace('_', ' ')}"
        lines.append(
            f"| {v.goal.work} | {work} | {v.against} | <= {limit} | {value} | {'met' if v.met else 'missed'} |"
        )
    return "\n".join(lines)


def slow_calls(samples: Samples, measure: str) -> str:
    """How long the slowest of 100 calls take, where calls were timed one by one; else empty."""
    found = {n: [s["p99"] for s in r.get(measure, ()) if "p99" in s] for n, r in samples.items()}
    cells = [f"{IMPLEMENTATIONS[n].title} {duration(statistics.median(v))}" for n, v in found.items() if v]
    return f"99 of 100 calls of {measure.replace('_', ' ')} take at most: {', '.join(cells)}." if cells else ""


def compiles(samples: Samples, name: str) -> int:
    """How many programs were compiled from the first start to its end."""
    found = samples.get(name, {})
    return sum(s.get("compiles", 0) for results in found.values() for s in results if s["start"] == 0)


def loss_line(samples: Samples) -> str:
    found = {n: m["fit"][-1].get("loss") for n, m in samples.items() if "fit" in m}
    shown = [f"{IMPLEMENTATIONS[n].title} {loss:.5g}" for n, loss in found.items() if loss is not None]
    return f"Loss after the run: {', '.join(shown)}." if shown else ""


def caption(results: dict[str, Any]) -> str:
    """What the figures are of."""
    machine, versions = results["machine"], results["versions"]
    packages: dict[str, str] = {}
    for found in versions.values():
        packages |= {k: v for k, v in found.items() if k not in ("addax", "jaxlib")}
    listed = ", ".join(f"{k} {v}" for k, v in sorted(packages.items()))
    load = f" The load before the run was {machine['load']:.1f}." if machine.get("load", 0) > 0.3 else ""
    memory = f", {machine['memory'] / 2**30:.0f} GiB" if machine.get("memory") else ""
    cores = f"{machine['cores']} cores of {machine['processor']}{memory}, {machine['system']}"
    return (
        f"{results['date']}, {cores}; {listed}. Made by `{results['command']}`. In the column of addax the median "
        "time; in the others addax's time divided by theirs, below 1 where addax is faster: the median over the turns "
        f"in which both ran one after the other, and its quartiles.{load}"
    )


def write_into(path: Path, text: str) -> None:
    """Puts `text` between the markers in a Markdown file; at its end where it has none, as a new file has."""
    page = path.read_text() if path.exists() else "# Performance\n"
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{path} has {BEGIN} without {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
