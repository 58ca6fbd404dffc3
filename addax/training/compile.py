"""The losses and metrics given to `compile`, as one loss and one metric, built once the outputs are known."""

from __future__ import annotations

from typing import Any

from .. import losses as losses_module
from .. import optimizers
from ..core import tree
from ..core.abstract import abstract_call
from ..core.config import thread
from ..core.masks import get_mask
from ..core.naming import to_snake_case
from ..core.ours import is_ours
from ..core.serialization import serialize_keras_object
from ..core.types import Array, Tree
from ..core.warnings import warn
from ..layers.layer import Layer
from ..losses import Loss
from ..metrics import Mean, Metric
from ..metrics.identifiers import resolve
from ..metrics.reduction import MeanMetricWrapper
from ..ops import cast, multiply
from . import outputs
from .missing import known_labels
from .padding import row_count, row_weights


def is_empty(value: Tree) -> bool:
    """Returns whether a structure of losses or metrics has none in it."""
    return value is None or all(v is None for v in tree.flatten(value))


def holds_metrics(loss_weights: Tree) -> bool:
    """Returns whether `loss_weights` holds metrics, which had that position among the arguments in Keras 2."""
    given = [one for one in tree.flatten(loss_weights) if one is not None]
    if isinstance(loss_weights, dict):  # `{"top": "a"}` is a weight that is wrong
        return bool(given) and all(isinstance(one, Metric) for one in given)
    return bool(given) and all(isinstance(one, (str, Metric)) or callable(one) for one in given)


def optimizer_for(model: Layer, identifier: Any, auto_scale_loss: bool) -> optimizers.Optimizer | None:
    """Returns the optimizer given to `compile`, with a scale of the loss where the model computes in float16."""
    optimizer = optimizers.get(identifier)
    policy = getattr(model, "dtype_policy", None)
    if optimizer is None or not auto_scale_loss or policy is None or policy.name != "mixed_float16":
        return optimizer
    if isinstance(optimizer, optimizers.LossScaleOptimizer):
        return optimizer
    return optimizers.LossScaleOptimizer(optimizer, name="loss_scale_optimizer")


def compiled(
    loss: Tree, loss_weights: Tree, metrics: Tree, weighted_metrics: Tree, missing_labels: str = "error"
) -> tuple[CompiledLoss | None, CompileMetrics | None]:
    """Returns the loss and the metrics that `compile` was given, None where there are none."""
    compiled_loss = None if is_empty(loss) else CompiledLoss(loss, loss_weights, missing_labels)
    if compiled_loss is None and loss_weights is not None:
        warn("`loss_weights` has no effect without `loss`.")
    if is_empty(metrics) and is_empty(weighted_metrics):
        return compiled_loss, None
    return compiled_loss, CompileMetrics(metrics, weighted_metrics, missing_labels)


class CompiledLoss:
    """The weighted sum of the outputs' losses, and a tracker for each when there are several.

    Args:
        loss: Argument of `compile`.
        loss_weights: Argument of `compile`.
        missing_labels: Argument of `compile`.

    Attributes:
        names, alternatives: Names of the outputs; see `outputs.per_output`.
        entries: For each output with a loss: its number, its name in logs, the loss and its weight.
        trackers: Means of the losses, where there are several.
        checked_logits: Whether the guards have compared the losses with the outputs' activations.
    """

    def __init__(self, loss: Tree, loss_weights: Tree = None, missing_labels: str = "error"):
        self.given = loss
        self.missing_labels = missing_labels
        self.given_weights = loss_weights
        self.built = False
        self.names: list = []
        self.alternatives: list = []
        self.entries: list[tuple[int, str | None, Loss, float | None]] = []
        self.trackers: list[Metric] = []
        self.checked_logits = False

    def build(self, model: Layer, y_pred: Tree, y_true: Tree = None) -> None:
        """Matches losses to the outputs.

        Args:
            model: The model.
            y_pred: The outputs, or specs of them.
            y_true: The labels, or specs of them, by whose shapes "crossentropy" is resolved.

        Raises:
            ValueError: A name that no output has, a list of another length, or no labels for "crossentropy".
        """
        if self.built:
            return
        names = self.names = outputs.output_names(model, y_pred)
        alternatives = self.alternatives = outputs.layer_names(model, y_pred)
        losses = self._per_output()
        weights = outputs.per_output(self.given_weights, names, alternatives, "loss_weights")
        wanted = [i for i, loss in enumerate(losses) if loss is not None]
        flat_pred, flat_true = tree.flatten(y_pred), []
        if any(_depends_on_shapes(loss) for loss in losses):
            flat_true = outputs.flatten_labels(y_true, y_pred, names, alternatives, only=wanted)
        self.entries = []
        for i in wanted:
            found = losses[i]
            if _depends_on_shapes(found):
                if flat_true[i] is None:
                    raise _without_labels(f"loss {found!r}", outputs.called(names, i))
                found = crossentropy_for(tuple(flat_true[i].shape), tuple(flat_pred[i].shape))
            self.entries.append((i, names[i] or _label(losses[i]), as_loss(found), weights[i]))
        # Keras logs and sums the losses of a dict in the dict's order.
        keys = list(self.given) if isinstance(self.given, dict) and isinstance(y_pred, dict) else []
        self.entries.sort(key=lambda entry: keys.index(entry[1]) if entry[1] in keys else -1)
        if len(self.entries) > 1:
            self.trackers = [Mean(name=f"{label}_loss") for _, label, _, _ in self.entries]
        self.built = True

    def _per_output(self) -> list:
        """Returns the given losses as a list with one entry per output, None where there is none."""
        given = self.given
        if isinstance(given, (list, tuple, dict)) and any(tree.is_nested(v) for v in _children(given)):
            return tree.flatten(given)
        return outputs.per_output(given, self.names, self.alternatives, "loss", _is_loss)

    def flat_given(self) -> list[Loss]:
        """Returns the given losses, without those that depend on shapes."""
        return [as_loss(one) for one in _leaves(self.given) if one is not None and not _depends_on_shapes(one)]

    def labels(self, y_true: Tree, y_pred: Tree) -> list:
        """Returns `y_true` as a list in the order of the outputs; one array is for the only output with a loss."""
        wanted = [i for i, *_ in self.entries]
        return outputs.flatten_labels(y_true, y_pred, self.names, self.alternatives, only=wanted)

    def _names(self) -> list:
        return [*self.names, *self.alternatives] if self.built else []  # by which dicts of labels are matched

    def _computes(self) -> Any:
        return self.built, self.missing_labels, [(i, l, w) for i, _, l, w in self.entries], self.trackers

    def __call__(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None) -> Array | None:
        """Returns the weighted sum of the losses, None without any, and updates the trackers.

        Args:
            y_true: The labels.
            y_pred: The outputs.
            sample_weight: Weights of the rows, one array for all outputs or one for each; None for none.
        """
        flat_pred = tree.flatten(y_pred)
        flat_true = self.labels(y_true, y_pred)
        flat_weight = outputs.flatten_labels(sample_weight, y_pred, self.names, self.alternatives, "sample_weight")
        total = None
        for k, (i, _, loss, weight) in enumerate(self.entries):
            if flat_true[i] is None:
                raise _without_labels("loss", outputs.called(self.names, i))
            try:
                labels, predicted = flat_true[i], flat_pred[i]
                if self.missing_labels == "mask":
                    labels, predicted = known_labels(loss, labels, predicted)
                value = widened(loss(labels, predicted, sample_weight=flat_weight[i]))
                if thread.part is not None:
                    value = thread.part.scaled(k, loss.reduction, value)
            except (TypeError, ValueError) as error:
                error.add_note(f"This is about `loss` {loss.name!r} of {outputs.called(self.names, i)}.")
                raise
            if self.trackers:
                self.trackers[k].update_state(value, sample_weight=row_count(flat_pred[i]))
            if weight is not None:
                value = multiply(value, weight)
            total = value if total is None else total + value
        return total


def _leaves(given: Tree) -> list:
    if isinstance(given, dict) and "class_name" in given:  # the config of one
        return [given]
    if isinstance(given, (list, tuple, dict)):
        return [leaf for child in _children(given) for leaf in _leaves(child)]
    return [given]


def _depends_on_shapes(loss: Any) -> bool:
    return isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")


def crossentropy_for(y_true_shape: tuple, y_pred_shape: tuple) -> str:
    """Returns the name of the crossentropy that "crossentropy" means for labels and predictions of these shapes.

    >>> crossentropy_for((None,), (None, 10)), crossentropy_for((None, 1), (None, 1))
    ('sparse_categorical_crossentropy', 'binary_crossentropy')
    """
    metric = resolve("crossentropy", y_true_shape, y_pred_shape)
    return to_snake_case(type(metric).__name__)


def as_loss(identifier: Any) -> Loss:
    """Returns the `Loss` for a name, a config, a function, a class or a `Loss`."""
    found = losses_module.get(identifier)
    if isinstance(found, Loss):
        return found
    if isinstance(found, type):
        return found()
    return losses_module.LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))


def _is_loss(value: Any) -> bool:
    return isinstance(value, (str, Loss)) or (callable(value) and not isinstance(value, (list, tuple, dict)))


def _children(value: Tree) -> list:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _label(loss: Any) -> str:
    """Returns the name in logs of an output that has none: that of its loss, as it was given."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "loss")
    return str(name).strip("<>")


def widened(value: Array) -> Array:
    """Returns a loss in float32, or as it is in float64: sums of 16-bit losses would lose too much."""
    return value if str(value.dtype) == "float64" else cast(value, "float32")


class CompileMetrics(Metric):
    """The metrics given to `compile`, as one metric whose result is a dict.

    Args:
        metrics: Argument of `compile`.
        weighted_metrics: Argument of `compile`.
        missing_labels: Argument of `compile`.
        name: Name of the whole.

    Attributes:
        only: Numbers of the outputs that have metrics, or labels.
        entries: For each metric: the number of its output, its name in logs, the metric, and whether it is weighted.
    """

    def __init__(
        self, metrics: Tree, weighted_metrics: Tree, missing_labels: str = "error", name: str = "compile_metrics"
    ):
        super().__init__(name=name)
        self.missing_labels = missing_labels
        self.given = metrics
        self.given_weighted = weighted_metrics
        self.built = False
        self.only: list[int] = []
        self.entries: list[tuple[int, str, Metric, bool]] = []

    def _names(self) -> list:
        return [*self.names, *self.alternatives] if self.built else []  # by which dicts of labels are matched

    def _computes(self) -> Any:
        several = len(self.names) > 1 if self.built else True
        entries = [(i, key if several else metric.name, metric, w) for i, key, metric, w in self.entries]
        return self.built, self.missing_labels, entries

    def build(self, model: Layer, y_true: Tree, y_pred: Tree) -> None:
        """Matches metrics to the outputs and resolves those that depend on shapes ("accuracy").

        Args:
            model: The model.
            y_true: The labels, or specs of them.
            y_pred: The outputs, or specs of them.

        Raises:
            ValueError: A name that no output has, a list of another length, or no labels for a metric.
        """
        if self.built:
            return
        names = self.names = outputs.output_names(model, y_pred)
        alternatives = self.alternatives = outputs.layer_names(model, y_pred)
        plain = self._assign(self.given, "metrics")
        weighted = self._assign(self.given_weighted, "weighted_metrics")
        self.only = [i for i in range(len(names)) if not (is_empty(plain[i]) and is_empty(weighted[i]))]
        loss = getattr(model, "_compile_loss", None)
        if not self.only and loss is not None and loss.built:
            self.only = [i for i, *_ in loss.entries]
        flat_pred = tree.flatten(y_pred)
        flat_true = outputs.flatten_labels(y_true, y_pred, names, alternatives, only=self.only)
        entries: list[tuple[int, str, Metric, bool]] = []
        for by_output, is_weighted in ((plain, False), (weighted, True)):
            for i, given in enumerate(by_output):
                for one in _as_list(given):
                    if one is not None:
                        metric = _as_metric(one, flat_true[i], flat_pred[i], outputs.called(names, i))
                        key = self._key(metric, i, is_weighted, {key for _, key, _, _ in entries})
                        entries.append((i, key, metric, is_weighted))
        for i, _, metric, _ in entries:
            if hasattr(metric, "_build") or not is_ours(type(metric)):
                # Its states may be made, or get their shapes, by the first update.
                abstract_call(metric.update_state, (flat_true[i], flat_pred[i]), {})
        self.entries = entries
        self.built = True

    def _key(self, metric: Metric, output: int, weighted: bool, taken: set[str]) -> str:
        """Returns the name in logs of a metric of output number `output`, none of `taken`."""
        name = self.names[output]
        prefix = f"{name}_" if len(self.names) > 1 and name is not None else ""
        key = base = prefix + metric.name
        if weighted and key in taken:
            key = base = f"{prefix}weighted_{metric.name}"
        number = 1
        while key in taken:
            key, number = f"{base}_{number}", number + 1
        return key

    def _assign(self, given: Tree, argument: str) -> list:
        """Returns metrics as a list with an entry for each output: a metric, a list of them, or None."""
        count = len(self.names)
        if is_empty(given):
            return [None] * count
        if isinstance(given, dict):
            return outputs.per_output(given, self.names, self.alternatives, argument)
        if not isinstance(given, (list, tuple)):
            return [given] * count
        if count == 1:
            return [tree.flatten(list(given))]
        if len(given) != count:
            flat = ", ".join(map(repr, given))
            raise ValueError(
                f"`{argument}=[{flat}]` has {len(given)} entries but the model has {count} outputs "
                f"{[n for n in self.names if n is not None]}. Give a dict by output name, or a list with one entry "
                f"(a metric, a list of them, or None) for each output."
            )
        return list(given)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics themselves."""
        return [metric for _, _, metric, _ in self.entries]

    @property
    def keys(self) -> list[str]:
        """Their names in logs."""
        return [key for _, key, _, _ in self.entries]

    @property
    def variables(self) -> list:
        """The variables of all of them."""
        return [v for metric in self.metrics for v in metric.variables]

    def update_state(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None) -> None:
        """Updates every metric with its output.

        Args:
            y_true: The labels.
            y_pred: The outputs.
            sample_weight: Weights of the rows, one array for all outputs or one for each; None for none.
        """
        flat_pred = tree.flatten(y_pred)
        flat_true = outputs.flatten_labels(y_true, y_pred, self.names, self.alternatives, only=self.only)
        flat_weight = outputs.flatten_labels(sample_weight, y_pred, self.names, self.alternatives, "sample_weight")
        for i, _, metric, weighted in self.entries:
            if flat_true[i] is None:
                raise _without_labels(f"metric {metric.name!r}", outputs.called(self.names, i))
            labels, predicted = flat_true[i], flat_pred[i]
            try:
                if self.missing_labels == "mask":
                    labels, predicted = known_labels(metric, labels, predicted)
                weight = _masked(metric, flat_weight[i] if weighted else None, predicted)
                metric.update_state(labels, predicted, sample_weight=row_weights(weight, predicted))
            except (TypeError, ValueError) as error:
                error.add_note(f"This is about `metrics` {metric.name!r} of {outputs.called(self.names, i)}.")
                raise

    def result(self) -> dict[str, Any]:
        """Returns the results by log name; those of a metric that returns a dict are merged in."""
        results: dict[str, Any] = {}
        for _, key, metric, _ in self.entries:
            value = metric.result()
            if isinstance(value, dict):
                prefix = key.removesuffix(metric.name)
                results.update({f"{prefix}{k}": v for k, v in value.items()})
            else:
                results[key] = value
        return results

    def reset_state(self) -> None:
        """Resets every metric."""
        for metric in self.metrics:
            metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("The compiled metrics are described by `Model.get_compile_config()`.")


def _masked(metric: Metric, weight: Array | None, y_pred: Array) -> Array | None:
    """Returns the weights of a metric, 0 for masked predictions, as in losses.

    Metrics that read the mask themselves, and the user's own, get `weight` as it was given.
    """
    mask = get_mask(y_pred)
    if mask is None or isinstance(metric, MeanMetricWrapper) or not is_ours(type(metric)):
        return weight
    mask = mask.reshape(mask.shape + (1,) * (y_pred.ndim - mask.ndim)).astype("float32")
    if weight is None:
        return mask
    return mask * weight.reshape(weight.shape + (1,) * (mask.ndim - weight.ndim))


def _as_list(value: Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_metric(given: Any, y_true: Array | None, y_pred: Array, output: str) -> Metric:
    """Returns the metric for a name, a function or a `Metric`, named as it is in logs."""
    if y_true is None:
        raise _without_labels(f"metric {given!r}", output)
    metric = resolve(given, tuple(y_true.shape), tuple(y_pred.shape))
    assert metric is not None
    return metric


def _without_labels(what: str, output: str) -> ValueError:
    return ValueError(
        f"The {what} of {output} needs labels, but the data have none for it. Pass `y`, or give that output no "
        f"{what.split()[0]} in `compile()`."
    )


def serialized(value: Any) -> Any:
    """Returns an argument of `compile` as it is written to files: each object in its structure as a config."""
    if isinstance(value, dict) and not tree.is_nested(value.get("config", None)):
        return {k: serialized(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [serialized(v) for v in value]
    return serialize_keras_object(value)
