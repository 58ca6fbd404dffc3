"""History."""

from __future__ import annotations

import base64
import importlib.util
import io
from typing import Any

import numpy as np

from ..core.errors import did_you_mean
from .callback import Callback, Logs
from .output import in_notebook

_MOST = 20  # rows of the table that is shown


def _text(value: Any) -> str:
    """Returns a logged value as text."""
    if np.ndim(value):
        return f"array{np.shape(value)}"
    size = abs(float(value))
    return f"{float(value):.4f}" if size > 1e-3 or not size else f"{float(value):.4e}"


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

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        """Returns the header and the rows of a table: an epoch a row, the loss first."""
        names = sorted(self.history, key=lambda n: (n.removeprefix("val_") != "loss", n.removeprefix("val_"), n))
        shown = range(len(self.epoch))
        columns = {n: self._by_epoch(n) for n in names}
        return ["epoch", *names], [[str(self.epoch[i] + 1), *(columns[n].get(i, "") for n in names)] for i in shown]

    def _by_epoch(self, name: str) -> dict[int, str]:
        """Returns the values of a log as text, by the index of their epoch."""
        values = self.history[name]
        # Validation may run every few epochs: its values are those of the last of each group of epochs.
        stride = max(len(self.epoch) // max(len(values), 1), 1)
        places = range(stride - 1, len(self.epoch), stride)
        return {i: _text(value) for i, value in zip(places, values)}

    def __repr__(self) -> str:
        if not self.epoch:
            return "<History of no epoch>"
        header, rows = self._rows()
        if len(rows) > _MOST:
            rows = [*rows[: _MOST // 2], ["...", *[""] * (len(header) - 1)], *rows[-_MOST // 2 :]]
        widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in [header, *rows]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Returns the table and the curves, as one output of a notebook."""
        import html  # with its table of entities

        header, rows = self._rows()
        cells = ["".join(f"<th>{html.escape(name)}</th>" for name in header)]
        cells += ["".join(f"<td>{value}</td>" for value in row) for row in rows[:_MOST]]
        more = f"<p>... and {len(rows) - _MOST} more epochs</p>" if len(rows) > _MOST else ""
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>{more}{self._picture()}"

    def _picture(self) -> str:
        """Returns the curves as an image in HTML; nothing where there are none, or no matplotlib."""
        if len(self.epoch) < 2 or not self.history or importlib.util.find_spec("matplotlib") is None:
            return ""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # Not one of pyplot's figures: those that are open a notebook shows at the end of the cell, once more.
        panels = len(self._logged())
        figure = Figure(figsize=(4.4 * min(panels, 3), 3.2 * -(-panels // 3)), layout="constrained")
        FigureCanvasAgg(figure)
        file = io.BytesIO()
        self.plot(figure=figure).savefig(file, format="png")
        return f'<img alt="curves" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'

    def _logged(self) -> list[str]:
        """Returns the names of the curves without those of validation, the loss first."""
        names = [n for n in self.history if not (n.startswith("val_") and n[4:] in self.history)]
        return sorted(names, key=lambda n: n != "loss")

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
        logged = self._logged()
        if not logged:
            raise ValueError("There is nothing to draw: no epoch has been logged. Call `fit` first.")
        for name in names or ():
            if name not in self.history:
                raise ValueError(f"`names` has '{name}', which was not logged. {did_you_mean(name, self.history)}")
        names = list(names or logged)
        columns = min(len(names), 3)
        rows = -(-len(names) // columns)
        own = figure is None
        if own:
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
        if own and in_notebook():  # which shows open figures at the end of the cell, beside the one that is returned
            plt.close(figure)
        return figure
