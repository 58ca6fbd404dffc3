"""SwapEMAWeights."""

from __future__ import annotations

from typing import Any

from ..core.engine import put
from ..optimizers.base import updating
from .callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Swaps the weights for the optimizer's moving averages (`use_ema=True`) during evaluation.

    Args:
        swap_on_epoch: Whether to swap also between the end of an epoch and the start of the next, so that later
            callbacks (`ModelCheckpoint`) use the averages.

    Raises:
        ValueError: In training, where the optimizer keeps no averages.

    >>> keras.callbacks.SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
    True
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._weights: list[Any] | None = None  # the weights while the averages are swapped in

    def _optimizer(self) -> Any:
        optimizer = getattr(self.model, "optimizer", None)
        return updating(optimizer)

    def _put_averages(self) -> None:
        optimizer = self._optimizer()
        if self._weights is not None or optimizer is None or not optimizer.use_ema or not optimizer.built:
            return
        variables = optimizer._trainable_variables
        self._weights = [v.stored_value() for v in variables]
        for variable, average in zip(variables, optimizer._averages):
            if average is not None:
                variable.assign(average)  # a copy: the averages stay what they are

    def _put_weights(self) -> None:
        if self._weights is not None:
            for variable, value in zip(self._optimizer()._trainable_variables, self._weights):
                variable.replace_value(value)
            self._weights = None

    def state(self) -> dict[str, Any]:
        return {"weights": self._weights}

    def restore(self, state: dict[str, Any]) -> None:
        weights, variables = state["weights"], self._optimizer()._trainable_variables
        self._weights = None if weights is None else [put(w, v.placement) for w, v in zip(weights, variables)]

    def on_train_begin(self, logs: Logs = None) -> None:
        optimizer = self._optimizer()
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used with an optimizer that keeps averages: set `use_ema=True` in "
                f"`{type(optimizer).__name__}`."
            )

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._put_weights()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs: Logs = None) -> None:
        self._weights = None  # the model keeps the averages, as at the end of any `fit` with `use_ema`

    def on_test_begin(self, logs: Logs = None) -> None:
        self._put_averages()

    def on_test_end(self, logs: Logs = None) -> None:
        self._put_weights()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._put_averages()

    def on_predict_end(self, logs: Logs = None) -> None:
        self._put_weights()
