"""History."""

from __future__ import annotations

from typing import Any

from ..core.errors import did_you_mean
from .callback import Callback, Logs


class History(Callback):
    """Records the logs of each epoch. `fit` adds a `History` and returns it.

    Attributes:
        epoch: The numbers of the epochs, counted from 0.
        history: Dict from the name of a loss or metric to its values, one per epoch.
        steps: Entries made between steps, after `fit(log_every=...)` or `fit(validation_freq={"steps": ...})`: dicts of
            the number of steps done, the epoch (from 0), the means of the epoch so far, and results of validation.
        profile: The `Profile`, after `fit(..., profile=True)`.

    >>> history = keras.callbacks.History()
    >>> history.on_train_begin(); history.on_epoch_end(0, {"loss": 0.5}); history.on_epoch_end(1, {"loss": 0.25})
    >>> history.history
    {'loss': [0.5, 0.25]}
    """

    profile: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}
        self.steps: list[dict[str, Any]] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history, "steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.steps = [dict(entry) for entry in state.get("steps", ())]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def plot(self, names: list[str] | None = None, figure: Any = None) -> Any:
        """Draws the curves: one panel for each logged quantity, together with that of validation (`val_...`).

        Args:
            names: The quantities to draw, without `val_`; all when None.
            figure: A matplotlib figure, or part of one, to draw in; a new one when None.

        Returns:
            The matplotlib figure; `figure.savefig("curves.png")` writes it.

        Raises:
            ImportError: matplotlib is missing.
            ValueError: A name that was not logged, or nothing was logged at all.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError("`History.plot` draws with matplotlib. Run `pip install matplotlib`.") from error
        logged = [n for n in self.history if not (n.startswith("val_") and n[4:] in self.history)]
        if not logged:
            raise ValueError("There is nothing to draw: no epoch has been logged. Call `fit` first.")
        for name in names or ():
            if name not in self.history:
                raise ValueError(f"`names` has '{name}', which was not logged. {did_you_mean(name, self.history)}")
        names = list(names or logged)
        columns = min(len(names), 3)
        rows = -(-len(names) // columns)
        if figure is None:
            figure = plt.figure(figsize=(4.4 * columns, 3.2 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(axes.flat, names):
            for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
                values = self.history.get(key)
                if values:
                    # Validation may run every few epochs: its points are the last of each group of epochs.
                    stride = max(len(self.epoch) // len(values), 1)
                    epochs = [e + 1 for e in self.epoch[stride - 1 :: stride]][: len(values)]
                    axis.plot(epochs, values[: len(epochs)], style, marker="o", markersize=3, label=label)
            axis.set_title(name)
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
            axis.grid(alpha=0.3)
            if f"val_{name}" in self.history:
                axis.legend()
        return figure
