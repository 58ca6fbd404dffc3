"""Trainer: `compile`, `fit`, `evaluate`, `predict` and the steps that users override."""

from __future__ import annotations

import inspect
from typing import Any

from .. import optimizers
from ..core import tree
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.warnings import warn
from ..layers.layer_errors import shortens
from ..metrics import Mean
from . import guards, loop, prediction
from .arguments import FitArguments, LoopArguments, integer
from .calls import called
from .compile import CompiledLoss, CompileMetrics, is_empty
from .profile import profiling
from .steps import StepModel


class Trainer(StepModel):
    """A layer that can be trained; the base of `Model`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called(self, super().__call__, args, kwargs)

    # Compiling

    @shortens
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how the model is trained. Nothing is computed yet.

        With several outputs, `loss`, `loss_weights`, `metrics` and `weighted_metrics` may be dicts by output name or
        lists in order.

        Args:
            optimizer: Name, `Optimizer`, or any `optax.GradientTransformation`.
            loss: Name, function or `Loss`.
            loss_weights: Factors of the outputs' losses in the sum that is minimised.
            metrics: What to report, as names, functions or `Metric`s.
            weighted_metrics: Likewise, with sample and class weights applied.
            run_eagerly: Runs steps without compiling them, for debugging.
            steps_per_execution: Steps between calls of the callbacks' batch hooks.
            jit_compile: Kept for compatibility; `False` is `run_eagerly=True`.
            auto_scale_loss: Under `mixed_float16`, wraps the optimizer so that small gradients don't vanish.

        Raises:
            ValueError: A name that is not known, with a suggestion.
        """
        optimizer = optimizers.get(optimizer)
        policy = getattr(self, "dtype_policy", None)
        if auto_scale_loss and policy is not None and policy.name == "mixed_float16" and optimizer is not None:
            if not isinstance(optimizer, optimizers.LossScaleOptimizer):
                optimizer = optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        steps_per_execution = integer("steps_per_execution", steps_per_execution)
        guards.check_compiled(loss, loss_weights, metrics, weighted_metrics, run_eagerly, jit_compile)
        compiled_loss = None if is_empty(loss) else CompiledLoss(loss, loss_weights)
        if compiled_loss is None and loss_weights is not None:
            warn("`loss_weights` has no effect without `loss`.")
        compiled_metrics = None
        if not (is_empty(metrics) and is_empty(weighted_metrics)):
            compiled_metrics = CompileMetrics(metrics, weighted_metrics)
        self.optimizer = optimizer
        self._compile_loss = compiled_loss
        self._compile_metrics = compiled_metrics
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
        }
        self._reset_programs()
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        self.jit_compile = False if self.run_eagerly else True if jit_compile == "auto" else jit_compile
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self.compiled = True

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile`, for `compile_from_config`."""
        if not self.compiled or self._compile_arguments is None:
            return {} if not self.compiled else None
        config = {**self._compile_arguments, "jit_compile": self.jit_compile}
        return {k: _serialize(v) for k, v in config.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model as `get_compile_config` recorded it."""
        if type(self).compile is not Trainer.compile:
            # Which arguments it takes isn't known, nor what they would do to the model that is being loaded.
            warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "All subclassed Models that have `compile()` overridden should also override `get_compile_config()` "
                "and `compile_from_config(config)`. Alternatively, you can call `compile()` manually after loading."
            )
            return
        config = dict(deserialize_keras_object(config))
        known = ("auto_scale_loss", *inspect.signature(Trainer.compile).parameters)
        self.compile(**{k: v for k, v in config.items() if k in known})
        if self.optimizer is not None and self.built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _check_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before using the model. Received a call of `{method}()` on '{self.name}'."
            )

    # The loops

    @shortens
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        debug_nans: bool = False,
        profile: bool = False,
    ) -> Any:
        """Trains the model.

        With several inputs or outputs, `x`, `y`, `sample_weight` and `class_weight` may be dicts by name.

        Args:
            x: Arrays (NumPy, JAX, pandas, polars, or nested), a generator, a `PyDataset`, or any iterable of batches
                `(x, y)` or `(x, y, sample_weight)`.
            y: Labels, when `x` is arrays.
            batch_size: Rows a step; 32 when None.
            epochs: The number of the last epoch.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch; "auto" is 1.
            callbacks: List of `Callback`s.
            validation_split: Fraction of the arrays' end that is kept for validation.
            validation_data: Data to evaluate after each epoch: `(x, y)`, `(x, y, sample_weight)` or an iterable.
            shuffle: Whether the rows come in a new order each epoch; "batch" shuffles whole batches.
            class_weight: Dict from class to weight; with several outputs a dict of these by output name.
            sample_weight: Weights of the rows.
            initial_epoch: The epoch to begin with, when going on.
            steps_per_epoch: Steps an epoch; default: what the data have.
            validation_steps: Steps of each validation.
            validation_batch_size: Rows a validation step; `batch_size` when None.
            validation_freq: Validate every so many epochs, or in the epochs of this list.
            debug_nans: At the first loss that isn't finite, replay the batch and name the layer where it began.
            profile: Find out where the time goes, and print it at the end unless `verbose` is 0; see `utils.profile`.
                The result is the `profile` of what is returned. Each dispatch is waited for, which takes some time.

        Returns:
            A `History`, whose `history` is a dict from log name to a list with one value an epoch.

        Raises:
            ValueError: The data don't fit the model, its losses or each other; nothing has been trained then.
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
        )
        with profiling(self, profile, callbacks, verbose) as observers:
            return loop.fit(self, x, y, sample_weight, validation_data, given, observers)

    @shortens
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss and metrics of the model on data.

        Args:
            x, y, sample_weight, batch_size, verbose, callbacks: As in `fit`.
            steps: How many steps; default: what the data have.
            return_dict: Whether to return a dict by log name.

        Returns:
            The loss alone, a list of the loss and the metrics, or a dict.
        """
        self._check_compiled("evaluate")
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        given = LoopArguments.checked(batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)
        logs = loop.evaluate(self, x, y, sample_weight, given)
        return logs if return_dict else self._flatten_logs(logs)

    @shortens
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs of the model for data, as NumPy arrays.

        Args:
            x: As in `fit`.
            batch_size: Rows a step; 32 when None.
            verbose: 0 silent, 1 a progress bar, 2 a line.
            steps: How many steps; default: what the data have.
            callbacks: List of `Callback`s.

        Returns:
            Arrays in the structure of the model's outputs.
        """
        return prediction.predict(self, x, batch_size, verbose, steps, callbacks)

    @shortens
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One training step on a batch; returns its loss and metrics.

        Args:
            x, y, sample_weight, class_weight: The batch, as in `fit`.
            return_dict: Whether to return a dict by log name.
        """
        self._check_compiled("train_on_batch")
        logs = loop.on_batch(self, "train", x, y, sample_weight, class_weight)
        return logs if return_dict else self._flatten_logs(logs)

    @shortens
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluates a batch; returns its loss and metrics.

        Args:
            x, y, sample_weight: The batch, as in `fit`.
            return_dict: Whether to return a dict by log name.
        """
        self._check_compiled("test_on_batch")
        logs = loop.on_batch(self, "test", x, y, sample_weight, None)
        return logs if return_dict else self._flatten_logs(logs)

    @shortens
    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        return loop.on_batch(self, "predict", x, None, None, None)

    def _flatten_logs(self, logs: dict[str, Any]) -> Any:
        """Logs as a list, in Keras's order: the metrics by their own names, then what else was logged, sorted."""
        names = self._metric_names(compiled=lambda m: [metric.name for metric in m.metrics])
        values = [logs[n] for n in names if n in logs] + [logs[n] for n in sorted(logs) if n not in names]
        return values[0] if len(values) == 1 else values


def _serialize(value: Any) -> Any:
    if isinstance(value, dict) and not tree.is_nested(value.get("config", None)):
        return {k: _serialize(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_serialize(v) for v in value]
    return serialize_keras_object(value)


__all__ = ["Trainer"]
