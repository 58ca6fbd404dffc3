"""What every metric keeps to, and what is special about some."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import addax
from addax import metrics
from addax.core import registry
from addax.core.engine import jax, jnp
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from addax.losses import mean_squared_error
from addax.metrics.identifiers import resolve

RNG = np.random.default_rng(5)
SETTINGS: dict[str, dict[str, Any]] = {
    "MeanMetricWrapper": {"fn": mean_squared_error},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
CLASSES = sorted(n for n in metrics.__all__ if n[0].isupper() and n != "Metric")


def batch(name: str) -> tuple:
    if name in ("Mean", "Sum"):
        return (RNG.normal(size=4),)
    if name in ("Accuracy", "IoU", "MeanIoU"):
        return RNG.integers(0, 3, 4), RNG.integers(0, 3, 4)
    y_pred = RNG.dirichlet(np.ones(3), 4).astype("float32")
    if name.startswith("Sparse"):
        return RNG.integers(0, 3, 4), y_pred
    return np.eye(3, dtype="float32")[RNG.integers(0, 3, 4)], y_pred


def check_metric(name: str) -> None:
    """Config and files, and that the pure functions do under jit what the methods do: the same for every metric."""
    settings = SETTINGS.get(name, {})
    metric, twin = (getattr(metrics, name)(**settings) for _ in range(2))
    batches = [batch(name) for _ in range(3)]
    weights = np.array([1, 2, 0, 1])
    metric.update_state(*batches[0])
    for data in batches[1:]:
        metric.update_state(*data, sample_weight=weights)

    twin.update_state(*batches[0])  # some make their states here
    state = twin.stateless_update_state(twin.stateless_reset_state(), *batches[0])
    update = jax.jit(lambda state, data, weights: twin.stateless_update_state(state, *data, sample_weight=weights))
    for data in batches[1:]:
        state = update(state, data, weights)
    assert [s.dtype for s in state] == [v.value.dtype for v in twin.variables]
    for found, variable in zip(state, metric.variables, strict=True):
        np.testing.assert_allclose(found, variable.numpy(), rtol=1e-5, atol=1e-6)
    result = np.asarray(metric.result())
    np.testing.assert_allclose(jax.jit(twin.stateless_result)(state), result, rtol=1e-5, atol=1e-6)
    assert np.isfinite(result).all()

    again = deserialize_keras_object(serialize_keras_object(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert all(v.path.startswith(metric.name + "/") and not v.trainable for v in metric.variables)
    metric.reset_state()
    assert all((v.numpy() == 0).all() for v in metric.variables)
    if name not in SETTINGS:
        assert type(metrics.get(name)) is type(metric)


@pytest.mark.parametrize("name", CLASSES)
def test_contract(name: str) -> None:
    check_metric(name)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda metric: pickle.loads(pickle.dumps(metric))])
@pytest.mark.parametrize("name", CLASSES)
def test_copies_go_on_by_themselves(name: str, copied: Any) -> None:
    metric = getattr(metrics, name)(**SETTINGS.get(name, {}))
    before, then, instead = batch(name), batch(name), batch(name)
    metric.update_state(*before)
    state = [v.numpy() for v in metric.variables]
    again = copied(metric)
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert [v.path for v in again.variables] == [v.path for v in metric.variables]
    np.testing.assert_array_equal(again.result(), metric.result())
    again.update_state(*instead)
    for variable, value in zip(metric.variables, state):
        np.testing.assert_array_equal(variable.numpy(), value)
    again.reset_state()
    again.update_state(*before)
    for each in (metric, again):
        each.update_state(*then)
    np.testing.assert_allclose(again.result(), metric.result(), rtol=1e-6)


def test_copies_of_users_metrics() -> None:
    metric = Counts(True, name="mine")
    metric.inner = [metrics.Mean(name="inner")]
    metric.inner[0].update_state([1.0, 3.0])
    metric.update_state(np.ones(3), np.ones(3))
    for again in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert again.get_config() == metric.get_config()
        assert [v.path for v in again.variables] == [v.path for v in metric.variables]
        again.inner[0].update_state([5.0])
        assert again.inner[0].result() == 3.0 and metric.inner[0].result() == 2.0
        again.steps.assign(7.0)
        assert again.result()["steps"] is again.steps and float(metric.steps) == 1.0


def test_states_run_through_scan() -> None:
    metric = metrics.AUC(num_thresholds=11)
    y_true, y_pred = RNG.integers(0, 2, (5, 8)).astype("float32"), RNG.uniform(size=(5, 8)).astype("float32")

    def step(state: list, data: tuple) -> tuple:
        return metric.stateless_update_state(state, *data), None

    state, _ = jax.lax.scan(step, metric.stateless_reset_state(), (jnp.asarray(y_true), jnp.asarray(y_pred)))
    metric.update_state(y_true, y_pred)
    np.testing.assert_allclose(metric.stateless_result(state), metric.result(), rtol=1e-6)


@pytest.mark.parametrize("count", [3, 50])
def test_buckets_are_comparisons(count: int) -> None:
    """Evenly spaced thresholds take another way to the same counts."""
    from addax.metrics.confusion import are_even, confusion_counts

    even = np.linspace(0, 1, count)
    y_pred = np.concatenate([RNG.uniform(size=200), [0.0, 1.0, 0.5]]).astype("float32")
    y_true, weights = RNG.integers(0, 2, 203), RNG.uniform(size=203).astype("float32")
    assert are_even(even)
    found = confusion_counts(y_true, y_pred, tuple(even), "float32", weights)
    above = y_pred[None] > even[:, None].astype("float32")
    np.testing.assert_allclose(found["true_positives"], (above * y_true * weights).sum(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["true_negatives"], (~above * (1 - y_true) * weights).sum(1), rtol=1e-5, atol=1e-5)


def test_auc_by_ranks() -> None:
    """With many thresholds the area under the ROC curve is the chance that a positive outranks a negative."""
    y_true, y_pred = RNG.integers(0, 2, 400), RNG.uniform(size=400)
    positive, negative = y_pred[y_true == 1], y_pred[y_true == 0]
    chance = (positive[:, None] > negative[None]).mean()
    np.testing.assert_allclose(metrics.AUC(num_thresholds=20000)(y_true, y_pred), chance, atol=2e-3)


def test_values_by_definition() -> None:
    y, p = RNG.normal(size=(2, 20, 1))
    r2 = 1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    np.testing.assert_allclose(metrics.R2Score()(y, p), r2, rtol=1e-4)
    np.testing.assert_allclose(metrics.RootMeanSquaredError()(y, p), np.sqrt(((y - p) ** 2).mean()), rtol=1e-5)
    pearson = np.corrcoef(y[:, 0], p[:, 0])[0, 1]
    np.testing.assert_allclose(metrics.PearsonCorrelation(axis=0)(y, p), pearson, rtol=1e-4)


def test_top_k_counts_ties_and_refuses_unknown_classes() -> None:
    scores = np.array([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2]])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy([1, 2, 7], scores, k=1), [1, 0, 0])


def test_user_metric_with_others_inside() -> None:
    class Two(metrics.Metric):
        def __init__(self, **kwargs: Any):
            super().__init__(**kwargs)
            self.calls = self.add_weight(name="calls", initializer="zeros")
            self.parts = [metrics.Mean(name="first"), metrics.Sum(name="second")]

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.calls.assign_add(1)
            for part in self.parts:
                part.update_state(y_pred, sample_weight)

        def result(self) -> dict:
            return {"calls": self.calls, "mean": self.parts[0].result(), "sum": self.parts[1].result()}

    metric = Two(name="two")
    assert [v.path for v in metric.variables] == ["two/calls", "first/total", "first/count", "second/total"]
    state = jax.jit(metric.stateless_update_state)(metric.stateless_reset_state(), [0.0], jnp.array([1.0, 3.0]))
    assert {k: float(v) for k, v in metric.stateless_result(state).items()} == {"calls": 1, "mean": 2, "sum": 4}
    assert float(metric.calls.numpy()) == 0


def test_user_metric_comes_back_from_its_config() -> None:
    @registry.register_keras_serializable("tests")
    class Above(metrics.Metric):
        def __init__(self, limit: float, name: str = "above", **kwargs: Any):
            super().__init__(name=name, **kwargs)
            self.limit = limit

    again = deserialize_keras_object(serialize_keras_object(Above(0.25)))
    assert (again.limit, again.name) == (0.25, "above")


def test_names_that_depend_on_the_output() -> None:
    assert type(resolve("crossentropy", (4,), (4, 10))) is metrics.SparseCategoricalCrossentropy
    assert type(resolve("ce", (4, 10), (4, 10))) is metrics.CategoricalCrossentropy
    assert repr(resolve("acc", (4, 1), (4, 1))) == "<BinaryAccuracy name=acc>"
    assert repr(resolve("mse", (4, 1), (4, 1))) == "<MeanSquaredError name=mse>"

    def mine(y_true: Any, y_pred: Any) -> Any:
        return y_pred

    assert repr(resolve(mine, (4, 1), (4, 1))) == "<MeanMetricWrapper name=mine>"


class Counts(metrics.Metric):
    """Returns its states themselves, as Keras's guides do."""

    def __init__(self, several: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.several = several
        self.steps = self.add_weight(name="steps", initializer="zeros")
        self.rows = self.add_weight(name="rows", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.steps.assign_add(1.0)
        self.rows.assign_add(len(y_true))

    def result(self) -> Any:
        return {"steps": self.steps, "doubled": [self.rows * 2, self.rows][0]} if self.several else self.rows


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_result_may_be_a_state(several: bool, run_eagerly: bool) -> None:
    x = np.ones((6, 2), "float32")
    model = addax.Sequential([addax.Input((2,)), addax.layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[Counts(several, name="rows")], run_eagerly=run_eagerly)
    expected = {"steps": 2.0, "doubled": 12.0} if several else {"rows": 6.0}
    once = {"steps": 1.0, "doubled": 12.0} if several else {"rows": 6.0}

    def of_metric(logs: dict) -> dict:
        return {k: float(np.asarray(v).item()) for k, v in logs.items() if k.removeprefix("val_") in expected}

    history = model.fit(x, x, batch_size=3, verbose=0, validation_data=(x, x)).history
    assert of_metric(history) == {**expected, **{f"val_{k}": v for k, v in expected.items()}}
    assert of_metric(model.evaluate(x, x, batch_size=3, verbose=0, return_dict=True)) == expected
    model.reset_metrics()
    assert of_metric(model.test_on_batch(x, x, return_dict=True)) == once
    model.reset_metrics()
    assert of_metric(model.train_on_batch(x, x, return_dict=True)) == once


def test_result_that_is_a_state_alone() -> None:
    metric = Counts(False)
    metric.update_state(np.ones(3), np.ones(3))
    assert metric.result() is metric.rows
    states = metric.stateless_update_state([v.value for v in metric.variables], np.ones(4), np.ones(4))
    assert isinstance(metric.stateless_result(states), jax.Array) and metric.stateless_result(states) == 7.0
    compute = jax.jit(lambda s: jnp.sqrt(metric.stateless_result(s)))
    np.testing.assert_allclose(compute(states), np.sqrt(7.0), rtol=1e-6)


class InOwnStep(addax.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = addax.layers.Dense(2)
        self.counts = Counts(False, name="counts")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        self.counts.update_state(y, y_pred)
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "root": jnp.sqrt(self.counts.result())}


def test_result_may_be_a_state_in_a_step_of_the_users() -> None:
    x = np.ones((4, 2), "float32")
    model = InOwnStep()
    model.compile("sgd", "mse")
    assert model.fit(x, x, batch_size=2, verbose=0).history["root"] == [2.0]
    assert model.evaluate(x, x, batch_size=2, verbose=0, return_dict=True)["root"] == 2.0


def forgetful() -> Any:
    class Forgetful(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_weight(initializer="zeros")

    return Forgetful()


WRONG = [
    (lambda: metrics.get("acuracy"), ValueError, "Did you mean 'accuracy'"),
    (lambda: metrics.get(3), ValueError, "Could not interpret metric identifier"),
    (lambda: metrics.Mean().stateless_update_state([], 1.0), ValueError, "1:1 to Mean.*length 0, but expected 2"),
    (lambda: metrics.Mean()([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, r"`sample_weight`, \(3,\).*\(2,\)"),
    (lambda: metrics.AUC(curve="x"), ValueError, 'Invalid AUC curve value: "x"'),
    (lambda: metrics.AUC(num_thresholds=1), ValueError, "must be an integer > 1"),
    (lambda: metrics.AUC(summation_method="x"), ValueError, "Invalid AUC summation method"),
    (lambda: metrics.AUC(multi_label=True)(np.ones(3), np.ones(3)), ValueError, "rank 2 when `multi_label=True`"),
    (lambda: metrics.Precision(thresholds=2.0), ValueError, r"must be in \[0, 1\]. Received: \[2.0\]"),
    (lambda: metrics.Recall()(np.ones((2, 3)), np.ones((2, 2))), ValueError, r"\(2, 2\) and \(2, 3\)"),
    (lambda: metrics.PrecisionAtRecall(2.0), ValueError, "recall=2.0"),
    (lambda: metrics.F1Score()(np.ones(3), np.ones(3)), ValueError, "expects 2D inputs"),
    (lambda: metrics.F1Score().result(), ValueError, "no result before"),
    (lambda: metrics.FBetaScore(average="x"), ValueError, "average=x"),
    (lambda: metrics.FBetaScore(beta=-1.0), ValueError, "should be > 0"),
    (lambda: metrics.R2Score(num_regressors=-1), ValueError, "num_regressors=-1"),
    (lambda: metrics.IoU(2, [5]), ValueError, r"Target class id 5 is out of range, which is \[0, 2\)"),
    (lambda: metrics.BinaryAccuracy(threshold=2), ValueError, "threshold=2"),
    (forgetful, RuntimeError, r"forgot to call `super\(\).__init__\(\)`"),
]


@pytest.mark.parametrize("call,kind,message", WRONG)
def test_mistakes_are_named(call: Any, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
