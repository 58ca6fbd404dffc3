"""TerminateOnNaN."""

from __future__ import annotations

import numpy as np

from .callback import Callback, Logs
from .output import print_msg


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite, and names the layer in which it began.

    Args:
        raise_error: Whether to raise a RuntimeError instead of stopping.

    Raises:
        RuntimeError: In training, with `raise_error`.

    >>> keras.callbacks.TerminateOnNaN(raise_error=True).on_train_batch_end(7, {"loss": float("nan")})
    Traceback (most recent call last):
    RuntimeError: NaN or Inf loss encountered at batch 7. Loss value: nan. Terminating training immediately.
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            error = RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
            if self.model is not None:
                error.add_note(self._explanation())
            raise error
        print_msg(f"Batch {batch}: Invalid loss, terminating training")
        print_msg(self._explanation())
        self.model.stop_training = True

    def _explanation(self) -> str:
        """Returns where it began; `fit` has recorded the steps, to run them again."""
        finder = self.model.__dict__.get("_nan_finder")
        return finder.explain() if finder is not None else ""
