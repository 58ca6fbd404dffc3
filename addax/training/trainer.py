"""Trainer: `compile`, `fit`, `evaluate`, `predict` and their relatives on single batches."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..callbacks import Callback, History
from ..checkpoints import Checkpoints
from ..core.late import late
from ..core.types import Data, Logs, Tree
from ..layers.layer_errors import shortens
from ..metrics import Mean
from .arguments import FitArguments, LoopArguments, integer
from .blocks import check_remat
from .compile import compiled, holds_metrics, optimizer_for
from .compile_config import CompileConfig, unless_default
from .limits import Limits
from .logs import flat_logs
from .missing import check_missing

if TYPE_CHECKING:
    from . import calls, evaluation, guards, loop, on_batch, prediction
    from . import profile as profiling
else:  # what building a model doesn't need
    _LATE = ("calls", "evaluation", "guards", "loop", "on_batch", "prediction", "profile")
    calls, evaluation, guards, loop, on_batch, prediction, profiling = (late(f"addax.training.{n}") for n in _LATE)


class Trainer(CompileConfig):
    """A layer that can be trained; the base of `Model`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if args:
            args = (self._prepared(args[0]), *args[1:])
        return calls.called(self, super().__call__, args, kwargs)

    # Compiling

    @shortens
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Tree = None,
        loss_weights: Tree = None,
        metrics: Tree = None,
        weighted_metrics: Tree = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str | None = "auto",
        auto_scale_loss: bool = True,
        *,
        missing_labels: str = "error",
        learning_rate_multipliers: dict[str, float] | None = None,
        remat: str | None = None,
    ) -> None:
        """Configures the model for training. Nothing is computed yet.

        With several outputs, `loss`, `loss_weights`, `metrics` and `weighted_metrics` may be dicts by output name or
        lists in order.

        Args:
            optimizer: Name, `Optimizer`, or any `optax.GradientTransformation`.
            loss: Name, function or `Loss`.
            loss_weights: Factors of the outputs' losses in the sum that is minimised.
            metrics: Metrics to report, as names, functions `(y_true, y_pred)` or `Metric`s.
            weighted_metrics: Likewise, with sample and class weights applied.
            run_eagerly: Whether to run steps without compiling them, for debugging.
            steps_per_execution: Steps between calls of the callbacks' batch hooks.
            jit_compile: Kept for compatibility; `False` is `run_eagerly=True`.
            auto_scale_loss: Whether to wrap the optimizer in a `LossScaleOptimizer` under the policy `mixed_float16`,
                so that small gradients don't underflow.
            missing_labels: "mask" leaves labels that are NaN out of losses and metrics; "error" refuses them.
            learning_rate_multipliers: Dict from patterns of variables' paths, `{"encoder/*": 0.1}`, to factors of
                their learning rate; of several patterns the first counts.
            remat: "block" computes what is inside each repeated composite layer (a block of a transformer) again in
                the backward pass instead of keeping it, which takes less memory and more time; None keeps all.

        Raises:
            ValueError: A name is unknown (the error suggests another), or an argument is of the wrong kind.

        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse", metrics=["mae"])
        >>> type(model.optimizer).__name__
        'Adam'
        """
        if holds_metrics(loss_weights):  # `compile("adam", "mse", ["mae"])`, the order of Keras 2
            loss_weights, metrics = metrics, loss_weights
        optimizer = optimizer_for(self, optimizer, auto_scale_loss)
        steps_per_execution = integer("steps_per_execution", steps_per_execution)
        guards.check_compiled(loss, loss_weights, metrics, weighted_metrics, run_eagerly, jit_compile)
        parts = compiled(loss, loss_weights, metrics, weighted_metrics, check_missing(missing_labels))
        savings = self._savings._replace(remat=check_remat(remat))
        if optimizer is not None and learning_rate_multipliers is not None:
            optimizer.multiply_learning_rates(learning_rate_multipliers)
        # Nothing of the model has changed so far, should an argument be wrong.
        self.optimizer = optimizer
        (self._compile_loss, self._compile_metrics), self._savings = parts, savings
        self._loss_tracker = Mean(name="loss")
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            **unless_default(missing_labels, learning_rate_multipliers, remat),
        }
        self._reset_programs()
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        self.jit_compile = False if self.run_eagerly else True if jit_compile == "auto" else jit_compile
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self.compiled = True

    def _check_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before using the model. Received a call of `{method}()` on '{self.name}'."
            )

    # The loops

    @shortens
    def fit(
        self,
        x: Data = None,
        y: Tree = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callback | list[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Data = None,
        shuffle: bool | str = True,
        class_weight: dict | None = None,
        sample_weight: Tree = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Collection[int] | dict[str, int] = 1,
        debug_nans: bool = False,
        profile: bool = False,
        resume: str | os.PathLike | Checkpoints | None = None,
        *,
        limit_batches: int | float | None = None,
        overfit_batches: int | None = None,
        max_time: float | timedelta | None = None,
        dev_run: bool = False,
        log_every: int | None = None,
        micro_batches: int | None = None,
    ) -> History:
        """Trains the model.

        With several inputs or outputs, `x`, `y`, `sample_weight` and `class_weight` may be dicts by name.

        Args:
            x: Arrays or tables (NumPy, JAX, lists of numbers, pandas, polars, anything that speaks Arrow, datasets of
                Hugging Face, or nested), a generator, a `PyDataset`, or any iterable of batches `(x, y)` or
                `(x, y, sample_weight)`. A table is an array of its columns, unless the model has several inputs and the
                table a column for each.
            y: Labels, when `x` is arrays.
            batch_size: Rows per step; 32 when None.
            epochs: Number of the last epoch.
            verbose: 0 silent, 1 a progress bar, 2 a line per epoch; "auto" is 1.
            callbacks: List of `Callback`s.
            validation_split: Fraction of the rows, from the end of the arrays, that is kept for validation.
            validation_data: Data to evaluate after each epoch: `(x, y)`, `(x, y, sample_weight)` or an iterable.
            shuffle: Whether to shuffle the rows before each epoch; "batch" shuffles whole batches.
            class_weight: Dict from class to weight; with several outputs a dict of these by output name.
            sample_weight: Weights of the rows.
            initial_epoch: Number of the first epoch, to resume a training.
            steps_per_epoch: Steps per epoch; all batches of the data when None.
            validation_steps: Steps of each validation; all batches when None.
            validation_batch_size: Rows per validation step; `batch_size` when None.
            validation_freq: Number of epochs between validations, a list of the epochs to validate after, or
                `{"steps": 500}` for a validation after every 500 steps.
            debug_nans: Whether to replay the first step whose loss isn't finite, and to name the layer where it began.
            profile: Whether to measure where the time goes, and print it unless `verbose` is 0; see `utils.profile`.
                The result is the `profile` of the returned `History`. Waiting for each dispatch takes some time.
            resume: Path of a folder for checkpoints of this training, or `Checkpoints`. Where the folder has some, the
                training goes on from the last one as if it had never been interrupted.
            limit_batches: Number of batches of each pass over the data (also of validation), or the fraction of them.
            overfit_batches: Number of batches to train on again and again, and to validate with.
            max_time: Seconds, or a `timedelta`, after which the training ends. With `resume` the next call goes on.
            dev_run: Whether to try one step of everything, callbacks included; the model is left as it was.
            log_every: Number of steps between two entries of `History.steps`.
            micro_batches: Number of equal parts of a batch that a step computes one after another, to take less memory;
                the gradients are those of the whole batch.

        Returns:
            A `History`, whose `history` is a dict from log name to a list with one value per epoch.

        Raises:
            ValueError: The data don't fit the model, its losses or each other; nothing has been trained then.

        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((64, 4)), np.ones((64, 1)), epochs=2, verbose=0)
        >>> {name: len(values) for name, values in history.history.items()}
        {'loss': 2}
        """
        self._check_compiled("fit")
        given = FitArguments.checked(
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            debug_nans=debug_nans,
            resume=resume,
            limits=Limits.checked(limit_batches, overfit_batches, max_time, dev_run, log_every),
            micro_batches=micro_batches,
        )
        with profiling.profiling(self, profile, callbacks, verbose) as observers:
            return loop.fit(self, x, y, sample_weight, validation_data, given, observers)

    @shortens
    def evaluate(
        self,
        x: Data = None,
        y: Tree = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Tree = None,
        steps: int | None = None,
        callbacks: Callback | list[Callback] | None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Logs:
        """Computes the loss and metrics of the model on data.

        Args:
            x, y, sample_weight, batch_size, verbose, callbacks: As in `fit`.
            steps: Number of steps; all batches of the data when None.
            return_dict: Whether to return a dict by log name.

        Returns:
            The loss alone, a list of the loss and the metrics, or a dict.

        Raises:
            ValueError: The data don't fit the model, its losses or each other.
        """
        self._check_compiled("evaluate")
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        given = LoopArguments.checked(batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        logs = evaluation.evaluate(self, x, y, sample_weight, given)
        return logs if return_dict else flat_logs(self, logs)

    @shortens
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callback | list[Callback] | None = None,
    ) -> Tree:
        """Computes the outputs of the model for data, batch by batch.

        Args:
            x: As in `fit`.
            batch_size: Rows per step; 32 when None.
            verbose: 0 silent, 1 a progress bar, 2 a line.
            steps: Number of steps; all batches of the data when None.
            callbacks: List of `Callback`s.

        Returns:
            NumPy arrays in the structure of the model's outputs.

        Raises:
            ValueError: The data don't fit the model's inputs.
        """
        return prediction.predict(self, x, batch_size, verbose, steps, callbacks)

    @shortens
    def train_on_batch(
        self,
        x: Tree,
        y: Tree = None,
        sample_weight: Tree = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> Logs:
        """Runs one training step on a batch; returns its loss and metrics as `evaluate` does.

        Args:
            x, y, sample_weight, class_weight: The batch, as in `fit`.
            return_dict: Whether to return a dict by log name.
        """
        self._check_compiled("train_on_batch")
        logs = on_batch.on_batch(self, "train", x, y, sample_weight, class_weight)
        return logs if return_dict else flat_logs(self, logs)

    @shortens
    def test_on_batch(self, x: Tree, y: Tree = None, sample_weight: Tree = None, return_dict: bool = False) -> Logs:
        """Evaluates a batch; returns its loss and metrics as `evaluate` does.

        Args:
            x, y, sample_weight: The batch, as in `fit`.
            return_dict: Whether to return a dict by log name.
        """
        self._check_compiled("test_on_batch")
        logs = on_batch.on_batch(self, "test", x, y, sample_weight, None)
        return logs if return_dict else flat_logs(self, logs)

    @shortens
    def predict_on_batch(self, x: Tree) -> Tree:
        """Returns the outputs for one batch, as NumPy arrays.

        Args:
            x: The batch.
        """
        return on_batch.on_batch(self, "predict", x, None, None, None)


__all__ = ["Trainer"]
