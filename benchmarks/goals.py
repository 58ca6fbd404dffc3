"""What addax should reach: ratios of its time to that of others, within one run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A row of the table of goals.

    Args:
        work: What it is about.
        families: Families of workloads, or names of workloads.
        measures: What of them.
        keras_jax: The largest ratio to Keras/JAX.
        others: The largest ratio to the fastest of `other_names`.
        by_hand: The largest ratio to the fastest of `by_hand_names`.
        seconds: The most seconds.
    """

    work: str
    families: tuple[str, ...]
    measures: tuple[str, ...]
    keras_jax: float | None = None
    others: float | None = None
    by_hand: float | None = None
    by_hand_names: tuple[str, ...] = ("raw-jax", "raw-torch")
    other_names: tuple[str, ...] = ("keras-tensorflow", "keras-torch")
    seconds: float | None = None


FITS = ("small", "conv", "separable", "sequence")
PEAK_MEMORY = "peak memory"

GOALS = (
    Goal("import, first Sequential and summary", ("startup",), ("import",), 0.12, 0.1),
    Goal("small models, warm fit", ("small",), ("fit",), 0.55, 0.2, 1.1, ("raw-jax",)),
    Goal("convolutional networks, warm fit", ("conv",), ("fit",), 0.45, 0.8, 1.25, ("raw-torch",)),
    Goal("separable convolutions, warm fit", ("separable",), ("fit",), 0.15, 0.9, 1.25, ("raw-torch",)),
    Goal("transformer, recurrent networks, warm fit", ("sequence",), ("fit",), 0.65, 0.9, 1.1),
    Goal("first epoch, compile included", FITS, ("first_epoch",), 0.8),
    Goal("`predict` of one row", FITS, ("predict_row",), 0.1, 0.15, seconds=0.3e-3),
    Goal("`model(x)` of one row", FITS, ("call_row",), 0.05, None, 1.0, ("raw-torch",)),
    Goal("building, clone, summary", ("building",), ("construct", "summary", "clone"), 0.2),
    Goal("100 small fits of one architecture", ("small-fits",), ("fits",), 0.1),
    Goal("`predict` on 100 batch sizes", ("batch-sizes",), ("predict_sizes",), 0.06),
    Goal("second start, to the end of the first step", ("second-start",), ("second_start",), 0.4),
    Goal("fit with a per-batch callback or from a generator", ("fed",), ("fit",), 0.8),
    Goal("peak memory", (*FITS, "fed", "custom"), (PEAK_MEMORY,), 1.1),
)
