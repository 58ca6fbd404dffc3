"""The benchmark: its statistics by hand, its workloads in one process, its command."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.implementations import IMPLEMENTATIONS
from benchmarks.report import PEAK_MEMORY, Spread
from benchmarks.session import Session
from benchmarks.workloads import all_workloads
from benchmarks.workloads.base import SAME_MODEL, Measure, Settings, Workload

ROOT = Path(__file__).parents[2]


def _samples(**seconds: list[float]) -> report.Samples:
    return {
        name.replace("_", "-"): {"fit": [{"seconds": s, "start": 0, "loss": 1.0, "peak_memory": 100} for s in found]}
        for name, found in seconds.items()
    }


def _results(samples: report.Samples, family: str = "small") -> dict:
    workload = {"name": "w", "title": "W", "family": family, "samples": samples, "errors": {}, "disagreements": []}
    machine = {"processor": "P", "cores": 2, "memory": 2**34, "system": "Linux x86_64", "load": 0.1}
    versions = {"jax": {"jax": "0.10.2", "addax": "0.1.0"}}
    return {
        "date": "2026-01-01",
        "command": "c",
        "machine": machine,
        "versions": versions,
        "workloads": {"w": workload},
    }


@pytest.mark.parametrize(
    "values, expected",
    [
        ([3.0], (3.0, 3.0, 3.0, 1)),
        ([4.0, 2.0], (3.0, 2.5, 3.5, 2)),
        ([5.0, 1.0, 2.0, 4.0, 3.0], (3.0, 2.0, 4.0, 5)),
    ],
)
def test_spread_is_the_median_and_the_quartiles(values: list[float], expected: tuple) -> None:
    assert dataclasses.astuple(Spread.of(values)) == expected


def test_ratio_pairs_the_turns() -> None:
    # The machine was twice as slow in the last turn, for both.
    samples = _samples(addax=[1.0, 1.0, 2.0], keras_jax=[2.0, 4.0, 4.0])
    assert report.ratio(samples, "keras-jax", "fit") == Spread(0.5, 0.375, 0.5, 3)
    assert report.ratio(samples, "raw-jax", "fit") is None


def test_peak_memory_is_the_largest_of_each_process() -> None:
    samples = _samples(addax=[1.0, 1.0, 1.0])
    for sample, start, peak in zip(samples["addax"]["fit"], (0, 0, 1), (5, 7, 6)):
        sample |= {"start": start, "peak_memory": peak}
    assert report.values_of(samples, "addax", PEAK_MEMORY) == [7.0, 6.0]


def test_losses_that_differ_are_told() -> None:
    samples = _samples(addax=[1.0], keras_jax=[1.0], raw_jax=[1.0])
    assert report.disagreements(samples, (1e-3, 1e-3)) == []
    samples["raw-jax"]["fit"][0]["loss"] = 1.01
    (text,) = report.disagreements(samples, (1e-3, 1e-3))
    assert "raw-jax" in text and "1.01" in text
    samples["addax"]["fit"][0]["loss"] = float("nan")
    assert len(report.disagreements(samples, (1e-3, 1e-3))) == 2


def test_goals_compare_with_the_fastest() -> None:
    samples = _samples(addax=[1.0], keras_jax=[2.0], keras_torch=[10.0], keras_tensorflow=[4.0], raw_jax=[0.5])
    found = {v.against: (v.found, v.limit, v.met) for v in report.verdicts(_results(samples)) if v.measure == "fit"}
    assert found == {
        "Keras/JAX": (0.5, 0.55, True),
        "Keras/TensorFlow": (0.25, 0.2, False),
        "JAX by hand": (2.0, 1.1, False),
    }


def test_table_goes_between_the_markers(tmp_path: Path) -> None:
    results = _results(_samples(addax=[0.001, 0.002], keras_jax=[0.002, 0.004]))
    results["workloads"]["w"]["errors"] = {"raw-torch": "ValueError: no"}
    for sample, slowest in zip(results["workloads"]["w"]["samples"]["keras-jax"]["fit"], (0.003, 0.005), strict=True):
        sample["p99"] = slowest
    page = tmp_path / "PAGE.md"
    page.write_text(f"prose\n{report.BEGIN}\nold\n{report.END}\nmore prose\n")
    report.write_into(page, report.table(results))
    text = page.read_text()
    assert text.startswith("prose\n") and text.endswith("more prose\n") and "old" not in text
    assert "| fit | 1.5 ms | **0.50** (0.50-0.50) |" in text
    assert "PyTorch by hand: ValueError: no" in text
    assert "99 of 100 calls of fit take at most: Keras/JAX 4 ms." in text
    assert "2 cores of P, 16 GiB" in text and "jax 0.10.2" in text


@pytest.mark.parametrize("name", ["mlp", "bidirectional-gru"])
def test_a_workload_by_hand_computes_what_addax_does(name: str) -> None:
    workload = dataclasses.replace(all_workloads()[name], rows=(80, 80), batch_size=32)
    losses = {}
    for implementation in ("addax", "raw-jax"):
        session = workload.start(IMPLEMENTATIONS[implementation], Settings(quick=True))
        losses[implementation] = [session.run(m)["loss"] for m in ("first_epoch", "fit", "evaluate")]
        losses[implementation] += [session.run(m)["check"] for m in ("predict", SAME_MODEL)]
    assert losses["addax"] == pytest.approx(losses["raw-jax"], rel=1e-4)


class _Recorded(Session):
    """A session whose workers note their turns."""

    def __init__(self) -> None:
        super().__init__(Settings(), repeats=2, starts=2, seconds=60)
        self.turns: list[str] = []

    def _run_warm(self, workload: Workload, measure: Measure, name: str, begun: set) -> dict:
        self.turns.append(f"{name} {measure.name}")
        return {"seconds": 1.0, "peak_memory": 1}


def test_implementations_take_turns() -> None:
    class Two(Workload):
        def measures(self, settings: Settings) -> list[Measure]:
            return [Measure("first", 1), Measure("warm")]

    with _Recorded() as session:
        found = session.run(Two(), ["a", "b"])
    assert session.turns == ["a first", "b first", "a warm", "b warm", "a warm", "b warm"] * 2
    assert [s["start"] for s in found["samples"]["a"]["warm"]] == [0, 0, 1, 1]


def test_the_main_workloads_are_written_by_hand_too() -> None:
    workloads = all_workloads()
    assert all(set(w.implementations) <= set(IMPLEMENTATIONS) for w in workloads.values())
    by_hand = {n for n, w in workloads.items() if {"raw-jax", "raw-torch"} <= set(w.implementations)}
    assert by_hand >= {"mlp", "digits-mlp", "mnist-cnn", "cnn", "separable", "transformer", "lstm", "bidirectional-gru"}


def test_the_command_lists_workloads_without_an_engine() -> None:
    code = (
        "import sys; from benchmarks.__main__ import main; main(['--list'])\n"
        "print([m for m in ('jax', 'keras', 'torch', 'tensorflow', 'addax') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "transformer" in out and "keras-tensorflow" in out and out.strip().endswith("[]")
