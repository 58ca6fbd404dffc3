"""Steps of a model: pure functions of (state, data) that users may override, with its losses and metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core import placement
from ..core.engine import jnp
from ..core.masks import get_masks, set_masks
from ..core.state import StateScope
from ..core.types import Array, Tree
from ..data.batches import unpack_x_y_sample_weight
from ..layers.calling import call_scope
from ..layers.layer import Layer
from ..metrics import Mean, Metric
from ..ops import sum
from . import padding
from .blocks import Savings
from .compile import CompiledLoss, CompileMetrics, widened
from .micro_batches import gradients
from .model_data import ModelData

# The groups of variables that each kind of step is given, in the order of Keras's custom steps.
GROUPS = {
    "train": ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"),
    "test": ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    "predict": ("trainable_variables", "non_trainable_variables"),
}


class StepModel(ModelData, Layer):
    """A layer with losses, metrics and steps; the base of `Trainer`."""

    _about: tuple[str, ...] = (
        *("_programs", "_call", "_prepared_for", "_compile_arguments", "_nan_finder", "_training", "history"),
        *("stop_training", "stop_evaluating", "stop_predicting", "steps_per_execution", "jit_compile"),
        *("train_function", "test_function", "predict_function"),
    )
    _about_training = ("compiled", "optimizer", "_loss_tracker", "_compile_loss", "_compile_metrics", "_savings")
    _compiled = ("optimizer", "_loss_tracker", "_compile_loss", "_compile_metrics", "_compile_arguments")
    # An optimizer or a metric given to `compile` is no part of the model: its variables are not the model's.
    _untracked = Layer._untracked | {*_compiled, "history", "_programs", "_prepared_for", "_call"}
    _transient = {
        **Layer._transient,
        "_programs": dict,
        **dict.fromkeys(("_prepared_for", "_call", "train_function", "test_function", "predict_function"), type(None)),
    }
    # Functions (state, iterator) -> (logs or outputs, state), made when they are asked for: see `functions`.
    train_function: Callable | None = None
    test_function: Callable | None = None
    predict_function: Callable | None = None
    optimizer: Any
    history: Any
    stop_evaluating: bool
    stop_predicting: bool
    _loss_tracker: Mean
    _compile_loss: CompiledLoss | None
    _compile_metrics: CompileMetrics | None
    _compile_arguments: dict[str, Any] | None
    _programs: dict[str, Any]  # by kind; see `programs`
    _prepared_for: str | None
    _savings = Savings()

    def _init_trainer(self) -> None:
        self.compiled = False
        self.stop_training = False
        for name in self._compiled:
            setattr(self, name, None)
        self._reset_programs()
        self.run_eagerly = False
        self.jit_compile: bool | str | None = True
        self.steps_per_execution = 1
        self.history = None

    def _reset_programs(self) -> None:
        self._programs = {}
        self._prepared_for = None
        self.__dict__.update(train_function=None, test_function=None, predict_function=None)

    @property
    def loss(self) -> Any:
        """The `loss` that `compile` was given; None before."""
        return (self._compile_arguments or {}).get("loss")

    @loss.setter
    def loss(self, value: Tree) -> None:  # a subclass may use the name for something of its own
        self._compile_arguments = {**(self._compile_arguments or {}), "loss": value}

    # Metrics

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that `fit` and `evaluate` report."""
        found: list[Metric | None] = [self._loss_tracker, *self._metrics]
        for layer in self._flatten_layers(include_self=False):
            if not isinstance(layer, StepModel):  # an inner model's metrics are of its own training
                found += layer._metrics
        found.append(self._compile_metrics)
        if self._compile_loss is not None:
            found += self._compile_loss.trackers
        return list({id(m): m for m in found if m is not None}.values())

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Resets every metric."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """Returns the metrics' results by log name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    # Losses

    def compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """Computes the number to minimise for a batch; may be overridden.

        Args:
            x, y: The batch.
            y_pred: The model's predictions for it.
            sample_weight: Weights of the rows, or None.
            training: Whether this is a training step.

        Returns:
            A scalar: the sum of the compiled losses and of those added by layers and regularizers.

        Raises:
            ValueError: There is no loss at all.
        """
        del x
        losses = []
        if self._compile_loss is not None:
            self._compile_loss.build(self, y_pred, y)  # in a user's own loop nothing was built before
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

    def _compute_loss(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree, training: bool) -> Array:
        """Calls `compute_loss`; overrides that are older than the argument take no `training`."""
        kwargs = {"training": training} if _takes_training(self.compute_loss) else {}
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **kwargs)

    def stateless_compute_loss(
        self,
        trainable_variables: list,
        non_trainable_variables: list,
        metrics_variables: list,
        x: Tree = None,
        y: Tree = None,
        y_pred: Tree = None,
        sample_weight: Tree = None,
        training: bool = True,
    ) -> tuple:
        """Computes the loss as a pure function.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: Values of `model.trainable_variables` and
                so on, lists of arrays.
            x, y, y_pred, sample_weight, training: As in `compute_loss`.

        Returns:
            `(loss, (trainable_variables, non_trainable_variables, metrics_variables))`.

        Raises:
            ValueError: A list has another length than the model's.
        """
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
        x: Tree,
        y: Tree,
        sample_weight: Tree,
        training: bool = False,
        optimizer_variables: list | None = None,
    ) -> tuple:
        """Computes the loss of a batch, and the new values of variables that this changes, as a pure function.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: Values of the model's variables.
            x, y, sample_weight: The batch.
            training: Whether this is a training step.
            optimizer_variables: Values of the optimizer's variables, for the scale of the loss; None for their own.

        Returns:
            `(scaled_loss, (loss, y_pred, non_trainable_variables, metrics_variables))`.
        """
        if (spread := placement.current()) is not None:
            trainable_variables = spread.read(self.trainable_variables, trainable_variables)
        pairs = self._pairs(trainable_variables, non_trainable_variables, metrics_variables)
        with StateScope(pairs) as scope, call_scope(self):
            y_pred = self(x, training=training)
            masks = get_masks(y_pred)
            padding.mark_rows(y_pred)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
        scaled = loss
        if training and self.optimizer is not None:
            mapping = zip(self.optimizer.variables, optimizer_variables) if optimizer_variables is not None else ()
            with StateScope(mapping):
                scaled = self.optimizer.scale_loss(loss)
        set_masks(y_pred, masks)  # for the metrics, which leave out what the loss leaves out
        _, non_trainable, metrics = self._groups()
        return scaled, (loss, y_pred, _after(scope, non_trainable), _after(scope, metrics))

    def compute_metrics(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree = None) -> dict[str, Any]:
        """Updates the compiled metrics with a batch and returns the logs; may be overridden.

        Args:
            x, y, sample_weight: The batch.
            y_pred: The model's predictions for it.
        """
        self._update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _update_metrics(self, y: Tree, y_pred: Tree, sample_weight: Tree) -> None:
        if self._compile_metrics is not None:
            self._compile_metrics.build(self, y, y_pred)
            self._compile_metrics.update_state(y, y_pred, sample_weight)

    # Steps: pure functions of (state, data), which users may override

    def train_step(self, state: tuple, data: Tree) -> tuple:
        """Runs one training step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables)`, lists of
                arrays.
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            `(logs, state)`.
        """
        state, logs = self._train_update(state, data)
        return self._logs_of(state[3]) if logs is None else logs, state

    def _train_update(self, state: tuple, data: Tree) -> tuple[tuple, dict[str, Any] | None]:
        """Returns the state after a training step, and the logs where `compute_metrics` is overridden."""
        trainable, _, optimizer, _ = state
        with call_scope(self):
            grads, non_trainable, metrics, logs = gradients(self, state, data)
            if trainable:  # a model without any still has a loss to report
                trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
        return (trainable, non_trainable, optimizer, metrics), logs

    def test_step(self, state: tuple, data: Tree) -> tuple:
        """Runs one evaluation step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables, metrics_variables)`.
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            `(logs, state)`.
        """
        state, logs = self._test_update(state, data)
        return self._logs_of(state[2]) if logs is None else logs, state

    def _test_update(self, state: tuple, data: Tree) -> tuple[tuple, dict[str, Any] | None]:
        trainable, non_trainable, metrics = state
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with call_scope(self):
            _, (loss, y_pred, non_trainable, metrics) = self.compute_loss_and_updates(
                trainable, non_trainable, metrics, x, y, sample_weight, training=False
            )
            metrics, logs = self._updated_metrics(metrics, loss, x, y, y_pred, sample_weight)
        return (trainable, non_trainable, metrics), logs

    def _updated_metrics(
        self, metrics: list, loss: Array, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree
    ) -> tuple[list, dict[str, Any] | None]:
        """Returns the metrics' variables after a batch, and the logs where `compute_metrics` is overridden."""
        logs = None
        variables = self.metrics_variables
        with StateScope(zip(variables, metrics)) as scope:
            self._loss_tracker.update_state(loss, sample_weight=padding.row_count(x))
            if type(self).compute_metrics is StepModel.compute_metrics:
                self._update_metrics(y, y_pred, sample_weight)  # without the results, which the last step alone needs
            else:
                logs = self.compute_metrics(x, y, y_pred, sample_weight)
        return _after(scope, variables), logs

    def _logs_of(self, metrics: list) -> dict[str, Any]:
        """Returns the logs for these values of the metrics' variables."""
        with StateScope(zip(self.metrics_variables, metrics)):
            return self.get_metrics_result()

    def predict_step(self, state: tuple, data: Tree) -> tuple:
        """Runs one prediction step, a pure function; may be overridden.

        Args:
            state: `(trainable_variables, non_trainable_variables)`.
            data: `x`, `(x,)` or `(x, y)`.

        Returns:
            `(outputs, non_trainable_variables)`.
        """
        trainable, non_trainable = state
        x, _, _ = unpack_x_y_sample_weight(data)
        return self.stateless_call(trainable, non_trainable, x, training=False)

    def _groups(self) -> tuple[list, list, list]:
        return self.trainable_variables, self.non_trainable_variables, self.metrics_variables

    def _pairs(self, *values: list) -> list:
        return [pair for group, given in zip(self._groups(), values) for pair in zip(group, given)]

    def _ordered_log_names(self) -> list[str]:
        """Returns the names in the logs of the built-in steps."""
        return [name for m in self.metrics for name in (m.keys if isinstance(m, CompileMetrics) else [m.name])]


def _takes_training(method: Callable) -> bool:
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters)


def _after(scope: StateScope, variables: list) -> list:
    return [scope.values[id(v)] for v in variables]
