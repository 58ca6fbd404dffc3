"""What `compile` was given, made into one loss and one set of metrics once the outputs are known."""

from __future__ import annotations

from typing import Any

from .. import losses as losses_module
from ..core import tree
from ..core.abstract import abstract_call
from ..core.masks import get_mask
from ..core.naming import to_snake_case
from ..core.ours import is_ours
from ..losses import Loss
from ..metrics import Mean, Metric
from ..metrics.identifiers import resolve
from ..metrics.reduction import MeanMetricWrapper
from ..ops import cast, multiply
from . import outputs
from .padding import row_count, row_weights


def is_empty(value: Any) -> bool:
    """Whether a structure of losses or metrics has none in it."""
    return value is None or all(v is None for v in tree.flatten(value))


class CompiledLoss:
    """The sum of the outputs' losses, and a tracker for each when there are several.

    Args:
        loss: What `compile(loss=...)` was given.
        loss_weights: What `compile(loss_weights=...)` was given.
    """

    def __init__(self, loss: Any, loss_weights: Any = None):
        self.given = loss
        self.given_weights = loss_weights
        self.built = False
        self.names: list = []
        self.alternatives: list = []
        self.entries: list[tuple[int, str | None, Loss, float | None]] = []
        self.trackers: list[Metric] = []
        self.checked_logits = False  # the guards do so once

    def build(self, model: Any, y_pred: Any, y_true: Any = None) -> None:
        """Matches losses to the outputs.

        Args:
            model: The model.
            y_pred: The outputs, or what has their shapes.
            y_true: Labels likewise, by whose shapes "crossentropy" is told.
        """
        if self.built:
            return
        names = outputs.output_names(model, y_pred)
        alternatives = outputs.layer_names(model, y_pred)
        self.names, self.alternatives = names, alternatives
        given = self.given
        keys = list(given) if isinstance(given, dict) and isinstance(y_pred, dict) else []
        if isinstance(given, (list, tuple, dict)) and any(tree.is_nested(v) for v in _children(given)):
            flat = tree.flatten(given)
        else:
            flat = outputs.per_output(given, names, alternatives, "loss", _is_loss)
        weights = outputs.per_output(self.given_weights, names, alternatives, "loss_weights")
        self.entries = []
        wanted = [i for i, loss in enumerate(flat) if loss is not None]
        flat_pred = tree.flatten(y_pred)
        by_shape = any(_depends_on_shapes(loss) for loss in flat)
        flat_true = outputs.flatten_labels(y_true, y_pred, names, alternatives, only=wanted) if by_shape else []
        for i, (loss, weight) in enumerate(zip(flat, weights)):
            if loss is not None:
                found = loss
                if _depends_on_shapes(loss):
                    if flat_true[i] is None:
                        raise _without_labels(f"loss {loss!r}", outputs.called(names, i))
                    found = crossentropy_for(tuple(flat_true[i].shape), tuple(flat_pred[i].shape))
                self.entries.append((i, names[i] or _label(loss), as_loss(found), weight))
        self.entries.sort(key=lambda entry: keys.index(entry[1]) if entry[1] in keys else -1)
        if len(self.entries) > 1:
            self.trackers = [Mean(name=f"{label}_loss") for _, label, _, _ in self.entries]
        self.built = True

    def flat_given(self) -> list[Loss]:
        """The losses that `compile` was given, those left out that depend on shapes."""
        return [as_loss(one) for one in _leaves(self.given) if one is not None and not _depends_on_shapes(one)]

    def labels(self, y_true: Any, y_pred: Any) -> list:
        """`y_true` as a list in the order of the outputs; one array is for the only output that has a loss."""
        wanted = [i for i, *_ in self.entries]
        return outputs.flatten_labels(y_true, y_pred, self.names, self.alternatives, only=wanted)

    def _names(self) -> list:
        return [*self.names, *self.alternatives] if self.built else []  # by which dicts of labels are matched

    def _computes(self) -> Any:
        return self.built, [(i, loss, weight) for i, _, loss, weight in self.entries], self.trackers

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The weighted sum of the losses; the trackers take note."""
        flat_pred = tree.flatten(y_pred)
        flat_true = self.labels(y_true, y_pred)
        flat_weight = outputs.flatten_labels(sample_weight, y_pred, self.names, self.alternatives, "sample_weight")
        total = None
        for k, (i, _, loss, weight) in enumerate(self.entries):
            if flat_true[i] is None:
                raise _without_labels("loss", outputs.called(self.names, i))
            try:
                value = widened(loss(flat_true[i], flat_pred[i], sample_weight=flat_weight[i]))
            except (TypeError, ValueError) as error:
                error.add_note(f"This is about `loss` {loss.name!r} of {outputs.called(self.names, i)}.")
                raise
            if self.trackers:
                self.trackers[k].update_state(value, sample_weight=row_count(flat_pred[i]))
            if weight is not None:
                value = multiply(value, weight)
            total = value if total is None else total + value
        return total


def _leaves(given: Any) -> list:
    if isinstance(given, dict) and "class_name" in given:  # the config of one
        return [given]
    if isinstance(given, (list, tuple, dict)):
        return [leaf for child in _children(given) for leaf in _leaves(child)]
    return [given]


def _depends_on_shapes(loss: Any) -> bool:
    return isinstance(loss, str) and loss.lower() in ("crossentropy", "ce")


def crossentropy_for(y_true_shape: tuple, y_pred_shape: tuple) -> str:
    """The crossentropy that "crossentropy" means for labels and predictions of these shapes.

    >>> crossentropy_for((None,), (None, 10)), crossentropy_for((None, 1), (None, 1))
    ('sparse_categorical_crossentropy', 'binary_crossentropy')
    """
    metric = resolve("crossentropy", y_true_shape, y_pred_shape)
    return to_snake_case(type(metric).__name__)


def as_loss(identifier: Any) -> Loss:
    """A `Loss` from a name, a function or a `Loss`; called on labels and predictions it returns one number."""
    found = losses_module.get(identifier)
    if isinstance(found, Loss):
        return found
    if isinstance(found, type):
        return found()
    return losses_module.LossFunctionWrapper(found, name=getattr(found, "__name__", "loss"))


def _is_loss(value: Any) -> bool:
    return isinstance(value, (str, Loss)) or (callable(value) and not isinstance(value, (list, tuple, dict)))


def _children(value: Any) -> list:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _label(loss: Any) -> str:
    """What an output without a name is called in logs: its loss, as it was given."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "loss")
    return str(name).strip("<>")


def widened(value: Any) -> Any:
    """A loss in float32, or as it is in float64: sums of 16-bit losses would lose too much."""
    return value if str(value.dtype) == "float64" else cast(value, "float32")


class CompileMetrics(Metric):
    """The metrics given to `compile`, as one metric whose result is a dict.

    Args:
        metrics: What `compile(metrics=...)` was given.
        weighted_metrics: What `compile(weighted_metrics=...)` was given.
    """

    def __init__(self, metrics: Any, weighted_metrics: Any, name: str = "compile_metrics"):
        super().__init__(name=name)
        self.given = metrics
        self.given_weighted = weighted_metrics
        self.built = False
        self.only: list = []  # the numbers of the outputs that have metrics
        self.entries: list[tuple[int, str, Metric, bool]] = []

    def _names(self) -> list:
        return [*self.names, *self.alternatives] if self.built else []  # by which dicts of labels are matched

    def _computes(self) -> Any:
        several = len(self.names) > 1 if self.built else True
        return self.built, [(i, key if several else metric.name, metric, w) for i, key, metric, w in self.entries]

    def build(self, model: Any, y_true: Any, y_pred: Any) -> None:
        """Matches metrics to the outputs and picks those that depend on shapes ("accuracy")."""
        if self.built:
            return
        names = outputs.output_names(model, y_pred)
        alternatives = outputs.layer_names(model, y_pred)
        self.names, self.alternatives = names, alternatives
        flat_pred = tree.flatten(y_pred)
        wanted = {a: self._assign(given, a) for a, given in self._given()}
        only = [i for i in range(len(names)) if any(not is_empty(w[i]) for w in wanted.values())]
        if model._compile_loss is not None and model._compile_loss.built and not only:
            only = [i for i, *_ in model._compile_loss.entries]
        self.only = only
        flat_true = outputs.flatten_labels(y_true, y_pred, names, alternatives, only=only)
        entries: list[tuple[int, str, Metric, bool]] = []
        taken: set[str] = set()
        for argument, by_output in wanted.items():
            weighted = argument == "weighted_metrics"
            for i, some in enumerate(by_output):
                for one in _as_list(some):
                    if one is None:
                        continue
                    metric = _as_metric(one, flat_true[i], flat_pred[i], outputs.called(names, i))
                    prefix = f"{names[i]}_" if len(flat_pred) > 1 and names[i] is not None else ""
                    key = prefix + metric.name
                    if key in taken and weighted:
                        key = f"{prefix}weighted_{metric.name}"
                    base, n = key, 1
                    while key in taken:
                        key, n = f"{base}_{n}", n + 1
                    taken.add(key)
                    entries.append((i, key, metric, weighted))
        for i, _, metric, _ in entries:
            if hasattr(metric, "_build") or not is_ours(type(metric)):
                # Its states may be made, or get their shapes, by the first update.
                abstract_call(metric.update_state, (flat_true[i], flat_pred[i]), {})
        self.entries = entries
        self.built = True

    def _given(self) -> list[tuple[str, Any]]:
        return [("metrics", self.given), ("weighted_metrics", self.given_weighted)]

    def _assign(self, given: Any, argument: str) -> list:
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
    def variables(self) -> list:
        """The variables of all of them."""
        return [v for metric in self.metrics for v in metric.variables]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Updates every metric with its output."""
        flat_pred = tree.flatten(y_pred)
        flat_true = outputs.flatten_labels(y_true, y_pred, self.names, self.alternatives, only=self.only)
        flat_weight = outputs.flatten_labels(sample_weight, y_pred, self.names, self.alternatives, "sample_weight")
        for i, _, metric, weighted in self.entries:
            if flat_true[i] is None:
                raise _without_labels(f"metric {metric.name!r}", outputs.called(self.names, i))
            weight = _masked(metric, flat_weight[i] if weighted else None, flat_pred[i])
            try:
                metric.update_state(flat_true[i], flat_pred[i], sample_weight=row_weights(weight, flat_pred[i]))
            except (TypeError, ValueError) as error:
                error.add_note(f"This is about `metrics` {metric.name!r} of {outputs.called(self.names, i)}.")
                raise

    def result(self) -> dict[str, Any]:
        """The results by log name; those of a metric that returns a dict are merged in."""
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


def _masked(metric: Metric, weight: Any, y_pred: Any) -> Any:
    """Weights for a metric that doesn't read the mask of predictions itself: 0 where it leaves them out, as losses do.

    Metrics of the user's own get the weights that were given.
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


def _as_metric(given: Any, y_true: Any, y_pred: Any, output: str) -> Metric:
    """The metric that `given` stands for, named as it is in logs."""
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
