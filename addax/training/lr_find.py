"""The learning rate range test: a step at each of many learning rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.types import Data, Tree
from ..data.adapt import adapt
from ..data.batches import Batch, Batches, packed
from ..optimizers import MultiOptimizer, Optimizer
from ..optimizers.base import updating
from ..optimizers.rates import as_learning_rate
from . import feeding
from .epoch_metrics import set_aside
from .exclusive import exclusively
from .limits import put_back
from .on_batch import one_step
from .steps import StepModel

_DIVERGED = 4.0  # times the smallest loss
_SMOOTHING = 0.9


@dataclass(frozen=True)
class LearningRates:
    """Losses at learning rates; made by `Model.lr_find`.

    Attributes:
        learning_rates: The rates, float64.
        losses: The loss of the batch at each of them.
    """

    learning_rates: np.ndarray
    losses: np.ndarray

    @property
    def smoothed(self) -> np.ndarray:
        """The losses as an exponential moving average, corrected for its start."""
        found, average = [], 0.0
        for i, loss in enumerate(self.losses, 1):
            average = _SMOOTHING * average + (1 - _SMOOTHING) * float(loss)
            found.append(average / (1 - _SMOOTHING**i))
        return np.array(found)

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest (over the logarithm of the rate), before its minimum."""
        finite = self.smoothed[np.isfinite(self.smoothed)]
        end = int(np.argmin(finite)) + 1
        if end < 3:
            return float(self.learning_rates[0])
        slopes = np.gradient(finite[:end], np.log(self.learning_rates[:end]))
        return float(self.learning_rates[int(np.argmin(slopes))])

    def plot(self, axis: Any = None) -> Any:
        """Draws the losses over the rates, with the suggestion.

        Args:
            axis: Axes of matplotlib to draw in; new ones when None.

        Returns:
            The figure.

        Raises:
            ImportError: matplotlib is missing.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("`plot` draws with matplotlib. Run `pip install matplotlib`.") from error
        if axis is None:
            _, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        axis.plot(self.learning_rates, self.losses, alpha=0.3)
        axis.plot(self.learning_rates, self.smoothed, color="C0")
        axis.axvline(self.suggestion, color="C1", linestyle="--", label=f"suggestion {self.suggestion:.2g}")
        axis.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axis.grid(alpha=0.3)
        axis.legend()
        return axis.figure

    def __repr__(self) -> str:
        first, last = self.learning_rates[[0, -1]]
        found = f"{len(self.losses)} steps, suggestion={self.suggestion:.2g}"
        return f"<LearningRates from {first:.2g} to {last:.2g} in {found}>"


def lr_find(
    model: StepModel,
    x: Data,
    y: Tree,
    batch_size: int | None,
    sample_weight: Tree,
    start: float,
    end: float,
    steps: int,
) -> LearningRates:
    """See `Model.lr_find`."""
    model._check_compiled("lr_find")  # type: ignore[attr-defined]
    feeding.check_has_optimizer(model)
    if not 0 < start < end:
        raise ValueError(f"`start` and `end` must be rates with 0 < start < end. Received: {start=}, {end=}")
    if steps < 3:
        raise ValueError(f"`steps` must be at least 3. Received: steps={steps}")
    source = adapt(x, y, sample_weight, batch_size=batch_size, shuffle=True, **model._data_options())
    feeding.checked(model, source)
    rates, losses = np.geomspace(start, end, steps), []  # type: ignore[var-annotated]
    with exclusively(model), put_back(model), _assignable(model.optimizer) as optimizer, set_aside(model):
        for rate, batch in zip(rates, _endless(source)):
            optimizer.learning_rate = float(rate)
            model.reset_metrics()  # the loss is of this batch alone
            losses.append(float(one_step(model, "train", packed(batch))["loss"]))
            if not np.isfinite(losses[-1]) or (len(losses) > 3 and losses[-1] > _DIVERGED * min(losses)):
                break
    return LearningRates(rates[: len(losses)], np.array(losses))


def _endless(source: Batches) -> Iterator[Batch]:
    for _ in itertools.count():
        yield from source.epoch()
        if source.one_pass:
            return


@contextmanager
def _assignable(optimizer: Any) -> Iterator[Optimizer]:
    """Replaces a schedule, within it, by a rate that may be assigned; yields the optimizer that has the rate."""
    own: Optimizer = updating(optimizer)
    if isinstance(own, MultiOptimizer):
        raise ValueError(
            "`lr_find` is for one learning rate; the optimizers of a MultiOptimizer have rates of their own. Compile "
            "the model with one of them first."
        )
    kept = own._learning_rate
    if not hasattr(kept, "assign"):
        own._learning_rate = as_learning_rate(0.0, own.name)
    try:
        yield own
    finally:
        own._learning_rate = kept
