"""Callback that saves checkpoints with Orbax."""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

from ..core.serialization import serialize_keras_object
from .callback import Logs
from .model_checkpoint import ModelCheckpoint
from .monitor import MonitorCallback


class OrbaxCheckpoint(ModelCheckpoint):
    """Saves checkpoints of a training with [Orbax](https://orbax.readthedocs.io), in the background.

    A checkpoint holds the values of all variables, by path, and the model's config. `load_model` and `load_weights`
    read the folder. So does Keras's `load_model` if the model is functional: of a Sequential, it leaves the weights at
    their initial values.

    Args:
        directory: Folder of the checkpoints, each in a folder named by its number.
        monitor: Name of the logged quantity by which the best model is chosen.
        verbose: 1 to print a message.
        save_best_only: Whether to save only when the quantity improves.
        mode: "min", "max", or "auto": the direction that the metric of that name declares.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: Value that the first save must beat, with `save_best_only`.
        max_to_keep: Number of checkpoints to keep, the latest; None for all.
        save_on_background: Whether to write while the training goes on.
        save_weights_only: Whether to leave out the optimizer and the config.

    Raises:
        ImportError: Orbax isn't installed.
        ValueError: `save_freq` is of another kind.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ):
        MonitorCallback.__init__(self, monitor, mode, best=initial_value_threshold)
        self._configure(verbose, save_best_only, save_weights_only, save_freq)
        self._orbax = _orbax()
        self.directory = os.path.abspath(os.fspath(directory))
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self._batches = 0
        policies = self._orbax.training.preservation_policies
        keep = policies.PreserveAll() if max_to_keep is None else policies.LatestN(max_to_keep)
        self.checkpointer = self._orbax.training.Checkpointer(self.directory, preservation_policy=keep)

    def is_multihost_enabled(self) -> bool:
        """Returns whether several hosts take part."""
        return importlib.import_module("jax").process_count() > 1

    def is_primary_host(self) -> bool:
        """Returns whether this is the first host."""
        return importlib.import_module("jax").process_index() == 0

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        super().on_train_batch_end(batch, logs)

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        number = epoch if batch is None else self._batches
        if not self._is_wanted(epoch, f"{self.directory}/{number}", logs):
            return
        self.wait_until_finished()  # Orbax would leave out what comes while it writes
        state = self.model.get_state_tree("numpy_array")
        if self.save_weights_only:
            state = {k: state[k] for k in ("trainable_variables", "non_trainable_variables")}
        content: dict[str, Any] = {"pytree": state}
        if not self.save_weights_only:
            content["model_config"] = {"config": json.dumps(serialize_keras_object(self.model))}
        if self.save_on_background:
            self.checkpointer.save_checkpointables_async(number, content, overwrite=True)
        else:
            self.checkpointer.save_checkpointables(number, content, overwrite=True)

    def on_train_end(self, logs: Logs = None) -> None:
        self.wait_until_finished()

    def wait_until_finished(self) -> None:
        """Waits until what is written in the background is written."""
        while self.checkpointer.is_saving_in_progress():
            self.checkpointer.wait()


def _orbax() -> Any:
    try:
        return importlib.import_module("orbax.checkpoint").v1
    except (ImportError, AttributeError) as error:
        raise ImportError("OrbaxCheckpoint needs Orbax: `pip install addax-keras[orbax]`.") from error
