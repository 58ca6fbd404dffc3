"""Every metric against Keras: results over several weighted updates, states, configs, names."""

from __future__ import annotations

import functools
import inspect
import json
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import jax.numpy as jnp  # noqa: E402

import addax  # noqa: E402
from addax import metrics  # noqa: E402
from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402
from addax.metrics.identifiers import resolve  # noqa: E402

RNG = np.random.default_rng(11)


def batches(make: Any) -> list[tuple]:
    return [make() for _ in range(2)]


def scores(*shape: int) -> np.ndarray:
    x = RNG.uniform(0.05, 1.0, shape).astype("float32")
    return x / x.sum(-1, keepdims=True)


def labels(*shape: int) -> np.ndarray:
    return np.eye(shape[-1], dtype="float32")[RNG.integers(0, shape[-1], shape[:-1])]


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def bits(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2, shape).astype("float32")


def chances(*shape: int) -> np.ndarray:
    x = RNG.uniform(0, 1, shape).astype("float32")
    x.flat[:3] = [0.0, 1.0, 0.5]
    return x


VALUES = batches(lambda: (floats(6),))
ROWS = batches(lambda: (floats(6, 3),))
REAL = batches(lambda: (floats(6, 3), floats(6, 3)))
SEQUENCE = batches(lambda: (floats(6, 4, 3), floats(6, 4, 3)))
POSITIVE = batches(lambda: (np.abs(floats(6, 3)), np.abs(floats(6, 3)) + 0.1))
BITS = batches(lambda: (bits(6, 3), chances(6, 3)))
FLAT = batches(lambda: (bits(6), chances(6)))
COLUMN = batches(lambda: (bits(6), chances(6, 1)))
LOGITS = batches(lambda: (bits(6, 3), floats(6, 3) * 5))
CLASSES = batches(lambda: (labels(6, 4), scores(6, 4)))
NUMBERS = batches(lambda: (RNG.integers(0, 4, (6,)), scores(6, 4)))
NUMBERS_COLUMN = batches(lambda: (RNG.integers(0, 4, (6, 1)), scores(6, 4)))
TOKENS = batches(lambda: (RNG.integers(0, 4, (6, 5)), scores(6, 5, 4)))
TOKEN_CLASSES = batches(lambda: (labels(6, 5, 4), scores(6, 5, 4)))
IDS = batches(lambda: (RNG.integers(0, 4, (6,)), np.stack([RNG.permutation(4) for _ in range(6)])))
PAIRS = batches(lambda: (RNG.integers(0, 4, (6,)), RNG.integers(0, 4, (6,))))
PIXELS = batches(lambda: (RNG.integers(0, 4, (6, 3)), RNG.integers(0, 4, (6, 3))))
MULTI = batches(lambda: (bits(6, 2), chances(6, 2)))
SAMPLES = np.array([0.5, 2.0, 0.0, 1.0, 3.0, 1.5])
WHOLE = np.array([1, 2, 0, 1, 3, 1])


class Case(NamedTuple):
    name: str
    data: list[tuple]
    settings: dict[str, Any] = {}
    weights: Any = SAMPLES

    def __str__(self) -> str:
        return "-".join(
            [self.name, "x".join(map(str, self.data[0][-1].shape)), *(f"{k}={v}" for k, v in self.settings.items())]
        )


CASES = [
    *(Case(name, data) for name in ("Mean", "Sum") for data in (VALUES, ROWS)),
    Case("Mean", ROWS, {}, RNG.uniform(0, 1, (6, 3))),
    *(
        Case(name, data)
        for name in (
            "MeanSquaredError",
            "RootMeanSquaredError",
            "MeanAbsoluteError",
            "LogCoshError",
            "CosineSimilarity",
        )
        for data in (REAL, SEQUENCE)
    ),
    Case("RootMeanSquaredError", REAL, {}, RNG.uniform(0, 1, (6, 3))),
    Case("CosineSimilarity", REAL, {"axis": 0}, None),
    Case("MeanAbsolutePercentageError", REAL),
    Case("MeanSquaredLogarithmicError", POSITIVE),
    Case("Poisson", POSITIVE),
    Case("KLDivergence", CLASSES),
    Case("Hinge", BITS),
    Case("SquaredHinge", BITS),
    Case("CategoricalHinge", CLASSES),
    Case("BinaryCrossentropy", BITS),
    Case("BinaryCrossentropy", LOGITS, {"from_logits": True, "label_smoothing": 0.1}),
    Case("CategoricalCrossentropy", CLASSES),
    Case("CategoricalCrossentropy", CLASSES, {"from_logits": True, "label_smoothing": 0.1}),
    Case("SparseCategoricalCrossentropy", NUMBERS),
    Case("SparseCategoricalCrossentropy", TOKENS, {"ignore_class": 2}, RNG.uniform(0, 1, (6, 5))),
    Case("Accuracy", PAIRS),
    Case("Accuracy", PIXELS),
    Case("BinaryAccuracy", BITS),
    Case("BinaryAccuracy", COLUMN, {"threshold": 0.3}),
    Case("CategoricalAccuracy", CLASSES),
    Case("CategoricalAccuracy", TOKEN_CLASSES),
    Case("SparseCategoricalAccuracy", NUMBERS),
    Case("SparseCategoricalAccuracy", NUMBERS_COLUMN),
    Case("SparseCategoricalAccuracy", TOKENS, {}, RNG.uniform(0, 1, (6, 5))),
    Case("TopKCategoricalAccuracy", CLASSES, {"k": 2}),
    Case("TopKCategoricalAccuracy", TOKEN_CLASSES, {"k": 3}),
    Case("SparseTopKCategoricalAccuracy", NUMBERS, {"k": 2}),
    Case("SparseTopKCategoricalAccuracy", TOKENS, {"k": 2}),
    Case("SparseTopKCategoricalAccuracy", IDS, {"k": 2, "from_sorted_ids": True}),
    *(
        Case(name, data, settings)
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
        for data, settings in ((BITS, {}), (FLAT, {"thresholds": 0.3}), (COLUMN, {"thresholds": [0.2, 0.8]}))
    ),
    *(
        Case(name, data, settings)
        for name in ("Precision", "Recall")
        for data, settings in (
            (BITS, {}),
            (FLAT, {"thresholds": [0.9, 0.1]}),
            (BITS, {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}),
            (CLASSES, {"top_k": 2}),
            (CLASSES, {"class_id": 1}),
            (CLASSES, {"top_k": 2, "class_id": 1, "thresholds": 0.2}),
        )
    ),
    *(
        Case("AUC", FLAT, {"curve": curve, "summation_method": method, "num_thresholds": 11})
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
    ),
    Case("AUC", BITS),
    Case("AUC", COLUMN, {"curve": "PR"}),
    Case("AUC", FLAT, {"thresholds": [0.8, 0.3, 0.35]}),
    Case("AUC", LOGITS, {"from_logits": True}),
    Case("AUC", MULTI, {"multi_label": True}),
    Case("AUC", MULTI, {"multi_label": True, "num_labels": 2, "label_weights": [0.2, 0.8]}),
    Case("AUC", MULTI, {"multi_label": True, "curve": "PR", "thresholds": [0.2, 0.7]}),
    Case("AUC", MULTI, {"label_weights": [0.2, 0.8]}),
    *(
        Case(name, data, {argument: value, **more})
        for name, argument in (
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
        )
        for data, value, more in ((BITS, 0.4, {}), (FLAT, 0.7, {"num_thresholds": 1}), (CLASSES, 0.6, {"class_id": 2}))
    ),
    *(
        Case(name, CLASSES, {"average": average, "threshold": threshold})
        for name in ("F1Score", "FBetaScore")
        for average in (None, "micro", "macro", "weighted")
        for threshold in (None, 0.3)
    ),
    Case("FBetaScore", BITS, {"beta": 2.0, "threshold": 0.5}),
    *(
        Case("R2Score", REAL, {"class_aggregation": how})
        for how in (None, "uniform_average", "variance_weighted_average")
    ),
    Case("R2Score", REAL, {"num_regressors": 2}),
    *(
        Case(name, data, settings)
        for name in ("PearsonCorrelation", "ConcordanceCorrelation")
        for data, settings in ((SEQUENCE, {}), (REAL, {}))
    ),
    Case("PearsonCorrelation", SEQUENCE, {"axis": 1}),
    Case("ConcordanceCorrelation", SEQUENCE, {"axis": 1}),
    Case("IoU", PAIRS, {"num_classes": 4, "target_class_ids": [0, 2]}, WHOLE),
    Case(
        "IoU",
        PIXELS,
        {"num_classes": 4, "target_class_ids": [0, 2], "ignore_class": 2, "dtype": "float32"},
        RNG.uniform(0, 1, (6, 3)),
    ),
    Case("IoU", TOKENS, {"num_classes": 4, "target_class_ids": [1], "sparse_y_pred": False}, None),
    Case("MeanIoU", PAIRS, {"num_classes": 6}, WHOLE),
    Case("BinaryIoU", BITS, {}, None),
    Case("BinaryIoU", FLAT, {"target_class_ids": [1], "threshold": 0.3, "dtype": "float32"}),
    Case("OneHotIoU", CLASSES, {"num_classes": 4, "target_class_ids": [0, 1]}, WHOLE),
    Case("OneHotMeanIoU", TOKEN_CLASSES, {"num_classes": 4}, None),
]


def states(metric: Any) -> list[tuple]:
    return [(v.path, tuple(v.shape), v.dtype, v.trainable) for v in metric.variables]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_results(case: Case) -> None:
    ours, theirs = (getattr(f, case.name)(**case.settings, name="mine") for f in (metrics, keras.metrics))
    if ours.variables:
        assert states(ours) == states(theirs)
    for weightings in (None, case.weights), (case.weights, None):
        for data, weights in zip(case.data, weightings):
            for metric in (ours, theirs):
                metric.update_state(*data, sample_weight=weights)
        found, expected = ours.result(), np.asarray(theirs.result())
        assert np.shape(found) == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
        assert states(ours) == states(theirs)
        for mine, other in zip(ours.variables, theirs.variables):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=2e-5, atol=1e-5, err_msg=mine.path)
        for metric in (ours, theirs):
            metric.reset_state()
        assert all((v.numpy() == 0).all() for v in ours.variables)
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None)


ATTRIBUTES = {"curve": "upper", "summation_method": "lower"}  # enumerations in Keras, their names here


@pytest.mark.parametrize("case", CASES, ids=str)
def test_attributes(case: Case) -> None:
    """Constructor's arguments and states can be read back as attributes: those that Keras's objects have."""
    ours, theirs = (getattr(f, case.name)(**case.settings, name="mine") for f in (metrics, keras.metrics))
    for metric in (ours, theirs):
        metric.update_state(*case.data[0])
    paths = {v.path for v in ours.variables}
    public = [a for a in vars(theirs) if a[0] != "_" and a not in ("thresholds", "label_weights", *ATTRIBUTES)]
    assert public
    for attribute in public:
        mine, other = getattr(ours, attribute), getattr(theirs, attribute)
        if isinstance(other, keras.Variable):
            assert mine.path == other.path and mine.path in paths
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=2e-5, atol=1e-5)
        else:
            assert mine == other, attribute
    assert len([a for a in public if isinstance(getattr(theirs, a), keras.Variable)]) == len(ours.variables)


def test_interpolated_area() -> None:
    ours, theirs = (f.AUC(num_thresholds=11, curve="PR") for f in (metrics, keras.metrics))
    for metric in (ours, theirs):
        metric.update_state(*FLAT[0])
    np.testing.assert_allclose(ours.interpolate_pr_auc(), theirs.interpolate_pr_auc(), rtol=1e-5)


TIED = [[0.6, 0.2, 0.2, 0.2], [0.5, 0.5, 0.5, 0.5], [0.1, 0.9, 0.9, 0.2]]


@pytest.mark.parametrize("name", ["Precision", "Recall"])
@pytest.mark.parametrize(
    "settings", [{"top_k": k, **more} for k in (1, 2, 3) for more in ({}, {"class_id": 1})], ids=str
)
def test_top_k_of_tied_scores(name: str, settings: dict) -> None:
    y_true = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 0]])
    ours, theirs = (getattr(f, name)(**settings) for f in (metrics, keras.metrics))
    for dtype in ("float32", "float16"):
        scores_of = np.array(TIED, dtype)
        np.testing.assert_allclose(ours(y_true, scores_of), theirs(y_true, scores_of), rtol=1e-6)


# Shapes of weights that Keras takes for predictions of a shape.
WEIGHTS = [
    ((3, 4, 1), (3, 4)),
    ((3, 4, 1), (3, 1)),
    ((3, 4, 1), (1, 4)),
    ((3, 4, 1), (4,)),
    ((3, 4, 1), (3, 4, 1)),
    ((3, 4, 2), (3, 4)),
    ((3, 4), (3, 1)),
    ((3, 4), (3,)),
    ((3, 1), (3,)),
    ((3, 1), (3, 1)),
]


@pytest.mark.parametrize("shapes", WEIGHTS, ids=str)
@pytest.mark.parametrize(
    "name", ["Precision", "Recall", "TruePositives", "FalseNegatives", "AUC", "SensitivityAtSpecificity", "BinaryIoU"]
)
def test_weights_of_counts(name: str, shapes: tuple) -> None:
    settings: dict[str, Any] = {"specificity": 0.5} if name == "SensitivityAtSpecificity" else {}
    if name == "BinaryIoU":
        settings = {"dtype": "float32"}
    y_true, y_pred, weights = bits(*shapes[0]), RNG.uniform(0, 1, shapes[0]), RNG.uniform(0, 1, shapes[1])
    ours, theirs = (getattr(f, name)(**settings) for f in (metrics, keras.metrics))
    if name == "BinaryIoU":  # Keras takes only weights of the labels' size there
        expected = theirs(y_true, y_pred, np.broadcast_to(aligned(weights, shapes[0]), shapes[0]))
    else:
        expected = theirs(y_true, y_pred, weights)
    np.testing.assert_allclose(ours(y_true, y_pred, weights), expected, rtol=1e-5)


def aligned(weights: np.ndarray, shape: tuple) -> np.ndarray:
    """Weights with the rank of `shape`: a last axis of 1 has none, and weights of samples stand for all of theirs."""
    if shape[-1] == 1 and weights.ndim < len(shape):
        weights = weights[..., None]
    return weights[..., None] if weights.ndim < len(shape) and weights.shape[0] == shape[0] else weights


def test_fractions_in_a_matrix_of_integers_are_warned_of() -> None:
    text = "You are passing weight as `float`, but dtype is `int`."
    y_true, y_pred = np.array([0, 1, 1]), np.array([0, 1, 0])
    for name, settings in (
        ("MeanIoU", {"num_classes": 2}),
        ("BinaryIoU", {}),
        ("IoU", {"num_classes": 2, "target_class_ids": [0]}),
    ):
        for weights in (np.array([0.5, 0.5, 0.5]), np.array([1.0, 2.0, 1.0]), np.array([1, 2, 1]), None):
            told = []
            for family in (metrics, keras.metrics):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    getattr(family, name)(**settings)(y_true, y_pred, weights)
                told.append([str(w.message).startswith(text) for w in caught if text in str(w.message)])
            assert told[0] == told[1]
    with pytest.warns(UserWarning, match=text):  # which Keras tells of arrays only
        metrics.MeanIoU(2)(y_true, y_pred, [0.5, 0.5, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics.MeanIoU(2, dtype="float32")(y_true, y_pred, [0.5, 0.5, 0.5])


def l2Norm(y_true: Any, y_pred: Any) -> Any:
    return jnp.mean(y_true - y_pred)


class Named:
    name = "Named So"

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        return jnp.mean(y_true - y_pred)


@pytest.mark.parametrize(
    "given",
    [
        [lambda a, b: jnp.mean(a - b)],
        [lambda a, b: jnp.mean(a - b), lambda a, b: jnp.mean(b - a)],
        [l2Norm],
        [Named()],
        [functools.partial(l2Norm)],
    ],
    ids=["lambda", "two lambdas", "function", "object", "partial"],
)
def test_names_of_functions_in_logs(given: list) -> None:
    found = []
    for library in (addax, keras):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(3)])
        model.compile("sgd", "mse", metrics=list(given))
        found.append(list(model.evaluate(*REAL[0], verbose=0, return_dict=True)))
    assert found[0] == found[1]


# What Keras drops from the config (and so loses when a model is saved) is kept here when it isn't the default.
KEPT = {"CosineSimilarity": "axis"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configs(case: Case) -> None:
    ours, theirs = (getattr(f, case.name)(**case.settings, name="mine") for f in (metrics, keras.metrics))
    config, expected = serialize_keras_object(ours), keras.saving.serialize_keras_object(theirs)
    if isinstance(expected["config"].get("label_weights"), dict):  # Keras keeps a list as the tensor it makes of it
        expected["config"]["label_weights"] = case.settings["label_weights"]
    if KEPT.get(case.name) in case.settings:
        del config["config"][KEPT[case.name]]
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(expected))
    config = json.loads(json.dumps(serialize_keras_object(ours)))
    assert type(keras.saving.deserialize_keras_object(config)).__name__ == case.name
    again = deserialize_keras_object(config)
    assert json.loads(json.dumps(serialize_keras_object(again))) == config


PUBLIC = [n for n in dir(keras.metrics) if n[0] != "_"]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_keras_signature(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(f, name)).parameters for f in (metrics, keras.metrics))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


def test_automatic_names() -> None:
    def make(family: Any) -> list[str]:
        made = [family.AUC(), family.Precision(), family.BinaryIoU(), family.MeanIoU(3), family.TruePositives()]
        return [m.name.rstrip("_0123456789") for m in made] + [family.F1Score().name, family.LogCoshError().name]

    assert make(metrics) == make(keras.metrics)


@pytest.mark.parametrize("masked,weights", [((6, 5), None), ((6, 5), (6, 5)), ((6,), None), ((6,), (6,))])
def test_masks(masked: tuple, weights: tuple | None) -> None:
    y_true, y_pred = TOKENS[0]
    mask, sample_weight = (
        RNG.integers(0, 2, masked).astype(bool),
        None if weights is None else RNG.uniform(0, 1, weights),
    )
    results = []
    for family in (metrics, keras.metrics):
        predictions = jnp.asarray(y_pred)
        predictions._keras_mask = jnp.asarray(mask)
        metric = family.SparseCategoricalCrossentropy()
        results.append(metric(y_true, predictions, sample_weight=sample_weight))
    np.testing.assert_allclose(*results, rtol=1e-5)


WEIGHT_SHAPES = [
    *(((4,), w) for w in [(4,), (4, 1), ()]),
    *(((4, 3), w) for w in [(4,), (4, 1), (4, 3), ()]),
    *(((2, 4, 3), w) for w in [(2,), (2, 4), (2, 4, 3), (2, 4, 1)]),
    ((4, 1), (4,)),
    ((2, 4), (2, 4, 1)),
    ((), ()),
]


@pytest.mark.parametrize("shapes", WEIGHT_SHAPES, ids=str)
def test_weights_of_any_rank(shapes: tuple) -> None:
    values, weights = RNG.normal(size=shapes[0]), RNG.uniform(0, 2, shapes[1])
    for name in ("Mean", "Sum"):
        ours, theirs = (getattr(f, name)() for f in (metrics, keras.metrics))
        for metric in (ours, theirs):
            metric.update_state(values, weights)
            metric.update_state(values)
        for mine, other in zip(ours.variables, theirs.variables):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5, err_msg=name)


STRINGS = ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "accuracy"]
ARGUMENTS = ("IoU", "MeanIoU", "OneHot", "At", "Metric", "get", "serialize", "deserialize", "focal", "huber", "Wrapper")


@pytest.mark.parametrize("name", [*STRINGS, *(n for n in PUBLIC if not any(a in n for a in ARGUMENTS))])
def test_get(name: str) -> None:
    try:
        theirs = keras.metrics.get(name)
    except ValueError:  # where Keras has a function but no string for it
        assert callable(metrics.get(name))
        return
    ours = metrics.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.name.rstrip("_0123456789") == theirs.name.rstrip("_0123456789") if hasattr(theirs, "name") else ours


OUTPUTS = [
    ((6, 1), (6, 1)),
    ((6,), (6, 1)),
    ((6,), (6, 4)),
    ((6, 1), (6, 4)),
    ((6, 4), (6, 4)),
    ((6, 5), (6, 5, 4)),
    ((6, 5, 4), (6, 5, 4)),
    ((6, 5, 1), (6, 5, 1)),
]


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy", "mse", "MeanAbsoluteError"])
def test_names_in_compile(name: str) -> None:
    for true, predicted in OUTPUTS:
        model = keras.Sequential([keras.layers.Activation("sigmoid")])
        model.compile(loss=None, metrics=[name])
        y_true, y_pred = RNG.integers(0, 2, true).astype("float32"), scores(*predicted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model._compile_metrics.build(y_true, y_pred)
            (theirs,) = model._compile_metrics.metrics
            ours = resolve(name, true, predicted)
            assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name), (true, predicted)
            if true == predicted or name.lower().startswith("acc"):
                np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-5)


def test_wrapped_function() -> None:
    def largest(y_true: Any, y_pred: Any, power: float = 1) -> Any:
        return jnp.max(abs(y_true - y_pred), axis=-1) ** power

    ours, theirs = (f.MeanMetricWrapper(largest, name="m", power=2) for f in (metrics, keras.metrics))
    np.testing.assert_allclose(ours(*REAL[0], SAMPLES), theirs(*REAL[0], SAMPLES), rtol=1e-6)
    assert serialize_keras_object(ours) == keras.saving.serialize_keras_object(theirs)
