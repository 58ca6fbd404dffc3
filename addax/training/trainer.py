"""Trainer: `compile`, `fit`, `evaluate`, `predict` and the steps that users override."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import optimizers
from ..core import tree
from ..core.abstract import abstract_call
from ..core.engine import jax, jnp
from ..core.fingerprint import changes
from ..core.keras_tensor import KerasTensor
from ..core.masks import get_mask, set_mask
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.state import StateScope
from ..core.warnings import warn
from ..layers.calling import call_scope
from ..layers.layer import Layer
from ..layers.layer_errors import shortens
from ..metrics import Mean
from ..ops import sum
from . import guards, loop, outputs, padding, prediction
from .arguments import FitArguments, LoopArguments, integer
from .calls import compiled_call
from .compile import CompiledLoss, CompileMetrics, is_empty, widened
from .profile import profiling
from .program import GROUPS, Program, program_key


class Trainer(Layer):
    """A layer that can be trained; the base of `Model`."""

    _about: tuple[str, ...] = (
        *("_programs", "_call", "_prepared_for", "_compile_arguments", "_nan_finder", "_training", "history"),
        *("stop_training", "stop_evaluating", "stop_predicting", "steps_per_execution", "jit_compile"),
    )
    optimizer: Any
    _loss_tracker: Any
    _compile_loss: CompiledLoss | None
    _compile_metrics: CompileMetrics | None
    _compile_arguments: dict[str, Any] | None
    _programs: dict[str, Program]
    _prepared_for: str | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found = compiled_call(self, args, kwargs)
        return super().__call__(*args, **kwargs) if found is NotImplemented else found

    def _symbolic_build(self, x: Any) -> None:
        """Builds an unbuilt model for data like `x`, a structure of arrays or specs with the batch axis."""
        if self.built and all(layer.built for layer in self._flatten_layers()):
            return
        self(tree.map_structure(_spec, x))

    def _init_trainer(self) -> None:
        self.compiled = False
        self.stop_training = False
        self.__dict__.update(
            optimizer=None,
            _loss_tracker=None,
            _compile_loss=None,
            _compile_metrics=None,
            _compile_arguments=None,
            _programs={},
            _prepared_for=None,
        )
        self.run_eagerly = False
        self.jit_compile: Any = True
        self.steps_per_execution = 1
        self.history: Any = None

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
        # Set past the layer's tracking: an optimizer or a metric given to `compile` is not part of the model.
        self.__dict__.update(
            optimizer=optimizer,
            _compile_loss=compiled_loss,
            _compile_metrics=compiled_metrics,
            _loss_tracker=Mean(name="loss"),
            _compile_arguments={
                "optimizer": optimizer,
                "loss": loss,
                "loss_weights": loss_weights,
                "metrics": metrics,
                "weighted_metrics": weighted_metrics,
                "run_eagerly": run_eagerly,
                "steps_per_execution": steps_per_execution,
                "jit_compile": jit_compile,
            },
            _programs={},
            _prepared_for=None,
        )
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

    def _reset_programs(self) -> None:
        self.__dict__.update(_programs={}, _prepared_for=None)

    @property
    def loss(self) -> Any:
        """What `compile` was given as `loss`; None before."""
        return (self._compile_arguments or {}).get("loss")

    @loss.setter
    def loss(self, value: Any) -> None:  # a subclass may give the name to something of its own
        self.__dict__["_compile_arguments"] = {**(self._compile_arguments or {}), "loss": value}

    # Metrics

    @property
    def metrics(self) -> list:
        """The metrics that `fit` and `evaluate` report."""
        found: list = []
        if self.compiled and self._loss_tracker is not None:
            found.append(self._loss_tracker)
        found += self._metrics
        for layer in self._flatten_layers(include_self=False):
            if not isinstance(layer, Trainer):  # whose metrics are for its own training
                found += [m for m in layer._metrics if not any(m is f for f in found)]
        if self.compiled and self._compile_metrics is not None:
            found.append(self._compile_metrics)
        if self.compiled and self._compile_loss is not None:
            found += self._compile_loss.trackers
        return found

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Starts every metric anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The metrics' results by log name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    # Losses

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The number to minimise for a batch; may be overridden.

        Args:
            x, y: The batch.
            y_pred: What the model predicts for it.
            sample_weight: Weights of the rows, or None.
            training: Whether this is a training step.

        Returns:
            A scalar: the compiled losses, and those added by layers and regularizers.
        """
        del x
        losses = []
        if self._compile_loss is not None:
            self._compile_loss.build(self, y_pred, y)  # it may be the user's own loop that asks first
            value = self._compile_loss(y, y_pred, sample_weight)
            if value is not None:
                losses.append(value)
        for value in self.losses:
            losses.append(sum(widened(value)))
        if not losses:
            if self._compile_loss is None and training:
                raise ValueError(
                    f"No loss to compute for model '{self.name}'. Provide a `loss` argument in `compile()`, call "
                    "`add_loss` in a layer, or override `compute_loss`."
                )
            return jnp.zeros(())
        total = losses[0]
        for value in losses[1:]:
            total = total + value
        return total

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """`compute_loss`, which in classes older than the argument takes no `training`."""
        kwargs = {"training": training} if _takes_training(self.compute_loss) else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **kwargs)

    def stateless_compute_loss(
        self,
        trainable_variables: list,
        non_trainable_variables: list,
        metrics_variables: list,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple:
        """`compute_loss` as a pure function: `(loss, (trainable, non_trainable, metrics))`."""
        if self._compile_loss is not None:
            self._compile_loss.build(self, y_pred, y)
        groups = (trainable_variables, non_trainable_variables, metrics_variables)
        for name, given, own in zip(GROUPS["test"], groups, self._groups()):
            if len(given) != len(own):
                raise ValueError(
                    f"`{name}` has {len(given)} values, but model '{self.name}' has {len(own)} of these variables: "
                    f"expected the values of `model.{name}`, in order. (Each loss of several outputs has a tracker "
                    "among them, made when the first loss is computed.)"
                )
        with StateScope(self._pairs(*groups)) as scope:
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
        return loss, tuple(_after(scope, v) for v in self._groups())

    def compute_loss_and_updates(
        self,
        trainable_variables: list,
        non_trainable_variables: list,
        metrics_variables: list,
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: list | None = None,
    ) -> tuple:
        """The loss of a batch and what computing it changed, as a pure function.

        Returns:
            `(scaled_loss, (loss, y_pred, non_trainable_variables, metrics_variables))`.
        """
        pairs = self._pairs(trainable_variables, non_trainable_variables, metrics_variables)
        with StateScope(pairs) as scope, call_scope(self):
            y_pred = self(x, **self._training_argument(training))
            masks = _masks_of(y_pred)
            padding.mark_rows(y_pred)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
        scaled = loss
        if training and self.optimizer is not None:
            mapping = zip(self.optimizer.variables, optimizer_variables) if optimizer_variables is not None else ()
            with StateScope(mapping):
                scaled = self.optimizer.scale_loss(loss)
        _set_masks(y_pred, masks)  # for the metrics, which leave out what the loss leaves out
        _, non_trainable, metrics = self._groups()
        return scaled, (loss, y_pred, _after(scope, non_trainable), _after(scope, metrics))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Updates the compiled metrics with a batch and returns the logs; may be overridden."""
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        if self._compile_metrics is not None:
            self._compile_metrics.build(self, y, y_pred)
            self._compile_metrics.update_state(y, y_pred, sample_weight)

    # Steps: pure functions of (state, data), which users may override

    def train_step(self, state: tuple, data: Any) -> tuple:
        """One training step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables)`, lists of
                arrays.
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            `(logs, state)`.
        """
        state, logs = self._train_update(state, data)
        return self._logs_of(state[3]) if logs is None else logs, state

    def _train_update(self, state: tuple, data: Any) -> tuple[tuple, dict[str, Any] | None]:
        """The state after a training step, and the logs where `compute_metrics` is the user's."""
        trainable, non_trainable, optimizer, metrics = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)

        def compute(*args: Any, **kwargs: Any) -> tuple:
            scaled, found = self.compute_loss_and_updates(*args, **kwargs)
            return scaled, (found, _masks_of(found[1]))  # what is traced here has no attributes outside

        with call_scope(self):
            (_, (found, masks)), grads = jax.value_and_grad(compute, has_aux=True)(
                trainable, non_trainable, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
            )
            loss, y_pred, non_trainable, metrics = found
            _set_masks(y_pred, masks)
            if trainable:  # else there is a loss to look at, and nothing to train
                trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            metrics, logs = self._note(metrics, loss, x, y, y_pred, sample_weight)
        return (trainable, non_trainable, optimizer, metrics), logs

    def test_step(self, state: tuple, data: Any) -> tuple:
        """One evaluation step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables, metrics_variables)`.
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            `(logs, state)`.
        """
        state, logs = self._test_update(state, data)
        return self._logs_of(state[2]) if logs is None else logs, state

    def _test_update(self, state: tuple, data: Any) -> tuple[tuple, dict[str, Any] | None]:
        trainable, non_trainable, metrics = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with call_scope(self):
            _, (loss, y_pred, non_trainable, metrics) = self.compute_loss_and_updates(
                trainable, non_trainable, metrics, x, y, sample_weight, training=False
            )
            metrics, logs = self._note(metrics, loss, x, y, y_pred, sample_weight)
        return (trainable, non_trainable, metrics), logs

    def _note(self, metrics: list, loss: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> tuple[list, Any]:
        """The metrics' variables after a batch, and the logs where `compute_metrics` is the user's."""
        logs = None
        variables = self.metrics_variables
        with StateScope(zip(variables, metrics)) as scope:
            self._loss_tracker.update_state(loss, sample_weight=padding.row_count(x))
            if type(self).compute_metrics is Trainer.compute_metrics:
                self._update_metrics(y, y_pred, sample_weight)  # without working out results that nobody reads
            else:
                logs = self.compute_metrics(x, y, y_pred, sample_weight)
        return _after(scope, variables), logs

    def _logs_of(self, metrics: list) -> dict[str, Any]:
        """The logs, from the metrics' variables."""
        with StateScope(zip(self.metrics_variables, metrics)):
            return self.get_metrics_result()

    def predict_step(self, state: tuple, data: Any) -> tuple:
        """One prediction step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables)`.
            data: `x`, `(x,)` or `(x, y)`.

        Returns:
            `(outputs, non_trainable_variables)`.
        """
        trainable, non_trainable = state
        x, _, _ = unpack_x_y_sample_weight(data)
        return self.stateless_call(trainable, non_trainable, x, **self._training_argument(False))

    def _training_argument(self, training: bool) -> dict[str, bool]:
        # The call context passes the flag on even where `call` doesn't take it.
        return {"training": training}

    def _groups(self) -> tuple[list, list, list]:
        return self.trainable_variables, self.non_trainable_variables, self.metrics_variables

    def _pairs(self, *values: list) -> list:
        return [pair for group, given in zip(self._groups(), values) for pair in zip(group, given)]

    # Building for data

    def _prepare(self, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        """Builds what is not built yet, for data like this batch: the model, its loss and metrics, its optimizer."""
        del sample_weight
        specs = tree.map_structure(_spec, (x, y))
        key = str(tree.map_structure(lambda t: None if t is None else (t.shape[1:], t.dtype), specs))
        if self._prepared_for == key:
            return
        x_spec, y_spec = specs
        if not self.built or any(not layer.built for layer in self._flatten_layers(include_self=False)):
            self._symbolic_build(x_spec)
        loss, metrics = self._compile_loss, self._compile_metrics
        if (loss is not None and not loss.built) or (metrics is not None and not metrics.built):
            y_pred = self._prediction_spec(x_spec)
            if loss is not None and not loss.built:
                self._build_loss(x_spec, y_spec, y_pred)
            if metrics is not None:
                metrics.build(self, y_spec, y_pred)
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        self.__dict__["_prepared_for"] = key

    def _build_loss(self, x: Any, y: Any, y_pred: Any) -> None:
        """Builds the compiled loss for what it will get: the predictions, or what the user's method makes of them."""
        assert self._compile_loss is not None
        if type(self).compute_loss is Trainer.compute_loss:
            self._compile_loss.build(self, y_pred, y)
        elif type(self).compute_loss_and_updates is Trainer.compute_loss_and_updates:
            abstract_call(lambda x, y, y_pred: self._compute_loss(x, y, y_pred, None, True), (x, y, y_pred), {})

    def _prediction_spec(self, x: Any) -> Any:
        return abstract_call(lambda x: self(x, **self._training_argument(False)), (tree.map_structure(_spec, x),), {})

    def _program(self, kind: str) -> Program:
        program = self._programs.get(kind)
        if program is None or program.key != program_key(self, kind):
            if kind == "train" and type(self).train_step is Trainer.train_step:
                self._check_optimizer()
            program = self._programs[kind] = Program(self, kind)
        program.stamp = changes.count
        return program

    def _check_optimizer(self) -> None:
        """Raises ValueError where weights were frozen or unfrozen after the optimizer was built for them."""
        known = getattr(self.optimizer, "inner_optimizer", self.optimizer)._trainable_variables
        now = self.trainable_variables
        changed = [v for v in (*now, *known) if any(v is k for k in known) != any(v is n for n in now)]
        if changed:
            raise ValueError(
                f"The trainable weights of model '{self.name}' have changed since its optimizer was built: "
                f"'{changed[0].path}' was {'frozen' if len(now) < len(known) else 'unfrozen or added'} (the optimizer "
                f"has {len(known)} variables to train, the model {len(now)}). Call `compile()` again after setting "
                "`trainable`."
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

    def _ordered_log_names(self) -> list[str]:
        """The names in the logs of the built-in steps."""
        return self._metric_names(compiled=lambda m: [key for _, key, _, _ in m.entries])

    def _metric_names(self, compiled: Callable[[CompileMetrics], list[str]]) -> list[str]:
        lists = (compiled(m) if isinstance(m, CompileMetrics) else [m.name] for m in self.metrics)
        return [name for names in lists for name in names]


def _takes_training(method: Callable) -> bool:
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _after(scope: StateScope, variables: list) -> list:
    return [scope.values[id(v)] for v in variables]


def _masks_of(y_pred: Any) -> list:
    return [get_mask(p) for p in tree.flatten(y_pred)]


def _set_masks(y_pred: Any, masks: list) -> None:
    for p, mask in zip(tree.flatten(y_pred), masks):
        if mask is not None:
            set_mask(p, mask)


def _spec(a: Any) -> Any:
    return None if a is None else KerasTensor(a.shape, str(a.dtype)) if not isinstance(a, KerasTensor) else a


def _serialize(value: Any) -> Any:
    if isinstance(value, dict) and not tree.is_nested(value.get("config", None)):
        return {k: _serialize(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_serialize(v) for v in value]
    return serialize_keras_object(value)


def unpack_x_y_sample_weight(data: Any) -> tuple:
    """`data` as `(x, y, sample_weight)`, None for what it lacks.

    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found a tuple of "
            f"{len(data)}."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The reverse of `unpack_x_y_sample_weight`.

    >>> pack_x_y_sample_weight(1, 2)
    (1, 2)
    """
    if y is None:
        return x if not tree.is_nested(x) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)


__all__ = ["Trainer", "outputs", "pack_x_y_sample_weight", "unpack_x_y_sample_weight"]
