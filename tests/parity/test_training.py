"""The same models, weights and data in Keras and addax: the same logs, evaluations, predictions and trained weights."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import addax
from tests.xla import quick_compiles  # noqa: F401

keras = pytest.importorskip("keras")

ROWS, BATCH = 20, 4


def _data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "x": rng.normal(size=(ROWS, 4)).astype("float32"),
        "x2": rng.normal(size=(ROWS, 3)).astype("float32"),
        "y": rng.normal(size=(ROWS, 2)).astype("float32"),
        "c": rng.integers(0, 3, (ROWS,)).astype("int32"),
        "b": rng.integers(0, 2, (ROWS, 1)).astype("int32"),
        "w": rng.uniform(0.2, 2, ROWS).astype("float32"),
        "v": rng.uniform(0.2, 2, ROWS).astype("float32"),
    }


D = _data()
ONEHOT = np.eye(3, dtype="float32")[D["c"]]

# Models. `k` is keras or addax.


def single(k: Any, units: int = 2, activation: str | None = None) -> Any:
    layers = [k.Input((4,)), k.layers.Dense(5, "tanh"), k.layers.Dense(units, activation, name="out")]
    return k.Sequential(layers)


def classes(k: Any) -> Any:
    return single(k, 3, "softmax")


def binary(k: Any) -> Any:
    return single(k, 1, "sigmoid")


def regularized(k: Any) -> Any:
    x = k.Input((4,))
    h = k.layers.Dense(5, "tanh", kernel_regularizer="l2", bias_regularizer=k.regularizers.L1(0.1))(x)
    h = k.layers.Dense(3, activity_regularizer=k.regularizers.L2(0.02))(h)
    return k.Model(x, k.layers.Dense(2, kernel_regularizer=k.regularizers.L1L2(0.01, 0.02))(h))


def normalized(k: Any) -> Any:
    x = k.Input((4,))
    h = k.layers.BatchNormalization(momentum=0.8)(k.layers.Dense(5)(x))
    return k.Model(x, k.layers.Dense(2)(k.layers.Dropout(0.0)(k.layers.Activation("relu")(h))))


def branches(k: Any, form: Callable = lambda a, b: [a, b]) -> Any:
    x = k.Input((4,), name="inp")
    h = k.layers.Dense(5, "tanh", name="hid")(x)
    return k.Model(x, form(k.layers.Dense(2, name="a")(h), k.layers.Dense(1, "sigmoid", name="b")(h)))


def keyed(k: Any) -> Any:
    return branches(k, lambda a, b: {"p": a, "q": b})


def same_twice(k: Any) -> Any:
    x = k.Input((4,))
    h2 = k.layers.Dense(2, name="h2")(k.layers.Dense(3, "tanh")(x))
    return k.Model(x, [h2, h2])


def two_inputs(k: Any) -> Any:
    x1, x2 = k.Input((4,), name="first"), k.Input((3,), name="second")
    h = k.layers.Concatenate()([k.layers.Dense(3, "tanh")(x1), k.layers.Dense(3, "tanh")(x2)])
    return k.Model({"first": x1, "second": x2}, k.layers.Dense(2)(h))


def subclassed(k: Any, returns: Callable = lambda a, b: (a, b)) -> Any:
    class Two(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.hid, self.d = k.layers.Dense(5, "tanh"), k.layers.Dense(2)
            self.e = k.layers.Dense(1, "sigmoid")

        def call(self, x: Any) -> Any:
            h = self.hid(x)
            return returns(self.d(h), self.e(h))

    model = Two()
    model(D["x"][:1])
    return model


def own_loss(k: Any) -> Any:
    class Penalty(k.layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(0.3 * k.ops.mean(k.ops.square(x)))
            return x

    x = k.Input((4,))
    return k.Model(x, Penalty()(k.layers.Dense(2)(x)))


def absolute(k: Any) -> Callable:
    def my_error(y_true: Any, y_pred: Any) -> Any:
        return k.ops.mean(k.ops.abs(y_true - y_pred), axis=-1)

    return my_error


@dataclass
class Case:
    """A model, how it is compiled, and what it is fitted on; callables are given keras or addax."""

    name: str
    model: Callable
    compile: Callable  # k -> the arguments of compile, the optimizer aside
    x: Any = field(default_factory=lambda: D["x"])
    y: Any = field(default_factory=lambda: D["y"])
    fit: dict = field(default_factory=dict)
    evaluate: dict = field(default_factory=dict)
    optimizer: Callable = lambda k: k.optimizers.SGD(0.05, momentum=0.9)
    epochs: int = 2
    batch_size: int = BATCH  # most cases have no ragged last batch: each shape costs a compile
    policy: str = "float32"
    rtol: float = 1e-5
    atol: float = 2e-6

    def __str__(self) -> str:
        return self.name


PAIR = [D["y"], D["b"]]

CASES = [
    Case("strings", single, lambda k: {"loss": "mse", "metrics": ["mae", "mse"]}, batch_size=3),
    Case(
        "objects",
        classes,
        lambda k: {
            "loss": k.losses.SparseCategoricalCrossentropy(),
            "metrics": [k.metrics.SparseCategoricalAccuracy(name="hits"), "accuracy"],
            "weighted_metrics": ["accuracy"],
        },
        y=D["c"],
        fit={"sample_weight": D["w"], "validation_split": 0.25},
        evaluate={"sample_weight": D["v"]},
        optimizer=lambda k: k.optimizers.Adam(0.01),
    ),
    Case(
        "functions",
        single,
        lambda k: {"loss": absolute(k), "metrics": [absolute(k), k.losses.mean_squared_error, "mse", "mse"]},
        fit={"validation_data": (D["x"][:9], D["y"][:9], D["w"][:9]), "validation_batch_size": 5, "validation_freq": 2},
    ),
    Case(
        "class weight",
        classes,
        lambda k: {"loss": "categorical_crossentropy", "metrics": ["acc"], "weighted_metrics": ["acc", "mse"]},
        y=ONEHOT,
        fit={"class_weight": {0: 0.5, 2: 3.0}},
    ),
    Case(
        "class weight, one column",
        binary,
        lambda k: {"loss": "binary_crossentropy", "metrics": ["accuracy"], "weighted_metrics": ["bce"]},
        y=D["b"],
        fit={"class_weight": {0: 0.5, 1: 3.0}},
        optimizer=lambda k: k.optimizers.RMSprop(0.01),
    ),
    Case(
        "two outputs, lists",
        branches,
        lambda k: {
            "loss": ["mse", "binary_crossentropy"],
            "loss_weights": [0.3, 2.0],
            "metrics": [["mae", "mse"], ["accuracy"]],
            "weighted_metrics": [["mae"], ["accuracy"]],
        },
        y=PAIR,
        fit={"sample_weight": [D["w"], D["v"]], "validation_split": 0.2},
        evaluate={"sample_weight": [D["v"], D["w"]]},
        batch_size=3,
    ),
    Case(
        "two outputs, dicts",
        branches,
        lambda k: {
            "loss": {"b": k.losses.BinaryCrossentropy(), "a": "mae"},
            "loss_weights": {"a": 0.5, "b": 1.5},
            "metrics": {"b": "accuracy", "a": ["mse", k.metrics.MeanAbsoluteError(name="abs")]},
        },
        y={"a": D["y"], "b": D["b"]},
    ),
    Case(
        "two outputs, one loss, weights for one",
        branches,
        lambda k: {"loss": "mse", "weighted_metrics": [None, ["mae"]]},
        y=PAIR,
        fit={"sample_weight": [D["w"], None]},
    ),
    Case("two outputs, a loss for one", branches, lambda k: {"loss": ["mse", None], "metrics": [None, "mae"]}, y=PAIR),
    Case(
        "dict outputs",
        keyed,
        lambda k: {
            "loss": {"q": "binary_crossentropy", "p": "mse"},
            "metrics": {"p": ["mae"], "q": ["accuracy", k.metrics.AUC(name="auc")]},
        },
        y={"p": D["y"], "q": D["b"]},
        fit={"validation_split": 0.2},
        optimizer=lambda k: k.optimizers.Adam(0.01),
    ),
    Case(
        "same tensor twice",
        same_twice,
        lambda k: {"loss": ["mse", "mae"], "metrics": [["mse"], ["mse"]]},
        y=[D["y"], D["y"][::-1].copy()],
    ),
    Case("dict inputs", two_inputs, lambda k: {"loss": "huber"}, x={"first": D["x"], "second": D["x2"]}),
    Case(
        "tuple of outputs",
        subclassed,
        lambda k: {"loss": ["MSE", absolute(k)], "metrics": [["mse"], ["mse", "acc"]]},
        y=(D["y"], D["b"]),
    ),
    Case(
        "unnamed outputs, equal losses",
        lambda k: subclassed(k, lambda a, b: [a, b]),
        lambda k: {"loss": "mse"},
        y=PAIR,
    ),
    Case(
        "dict of a subclassed model",
        lambda k: subclassed(k, lambda a, b: {"z": a, "b": b}),
        lambda k: {"loss": {"z": "mse", "b": "mae"}, "metrics": {"z": "mae"}},
        y={"z": D["y"], "b": D["b"]},
    ),
    Case("add_loss alone", own_loss, lambda k: {}, y=None),
    Case("add_loss and a loss", own_loss, lambda k: {"loss": "mse"}),
    Case("regularizers", regularized, lambda k: {"loss": "mse", "metrics": ["mse"]}, fit={"validation_split": 0.4}),
    Case(
        "batch normalization",
        normalized,
        lambda k: {"loss": "mse", "metrics": ["mae"]},
        fit={"validation_split": 0.4},
        rtol=1e-4,  # gradients through batches of four are ill conditioned
        atol=1e-5,
    ),
    Case(
        "R2 and others with state",
        single,
        lambda k: {"loss": "mse", "metrics": [k.metrics.R2Score(), "cosine_similarity"]},
    ),
    Case("steps per execution", single, lambda k: {"loss": "mse", "metrics": ["mae"], "steps_per_execution": 2}),
    Case("eager", single, lambda k: {"loss": "mse", "metrics": ["mae"], "run_eagerly": True}, epochs=1),
    Case(
        "accumulation",
        single,
        lambda k: {"loss": "mse"},
        optimizer=lambda k: k.optimizers.Adam(0.02, gradient_accumulation_steps=3),
        epochs=3,
    ),
    Case(
        "ema, clipnorm",
        single,
        lambda k: {"loss": "mse"},
        optimizer=lambda k: k.optimizers.SGD(
            0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4, clipnorm=0.3
        ),
    ),
    Case(
        "ema, overwritten at the end; global clipnorm",
        single,
        lambda k: {"loss": "mse"},
        optimizer=lambda k: k.optimizers.AdamW(0.02, use_ema=True, ema_momentum=0.7, global_clipnorm=0.5),
        epochs=1,
    ),
    Case(
        "schedule, steps an epoch",
        single,
        lambda k: {"loss": "mse"},
        optimizer=lambda k: k.optimizers.SGD(k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True)),
        fit={"initial_epoch": 1, "steps_per_epoch": 4},
        epochs=4,
    ),
    Case(
        "validation steps",
        single,
        lambda k: {"loss": "mse"},
        fit={"validation_data": (D["x"], D["y"]), "validation_steps": 2, "validation_batch_size": 3},
        evaluate={"steps": 3},
    ),
]


def build(k: Any, case: Case) -> Any:
    """The model of the case with the same weights in both packages."""
    k.utils.clear_session(free_memory=False)
    k.config.set_dtype_policy(case.policy)
    try:
        model = case.model(k)
    finally:
        k.config.set_dtype_policy("float32")
    rng = np.random.default_rng(3)
    model.set_weights(
        [
            w if w.shape and (w == 1).all() else rng.normal(size=w.shape).astype(w.dtype) * 0.4
            for w in map(np.abs, model.get_weights())
        ]
    )
    return model


def run(k: Any, case: Case) -> dict[str, Any]:
    """What the case gives in package `k`."""
    model = build(k, case)
    model.compile(case.optimizer(k), **case.compile(k))
    fit = {"batch_size": case.batch_size, "epochs": case.epochs, "shuffle": False, "verbose": 0}
    history = model.fit(case.x, case.y, **fit, **case.fit)
    ev = dict(batch_size=case.batch_size, verbose=0, **case.evaluate)
    return {
        "history": history.history,
        "keys": list(history.history),
        "epochs": history.epoch,
        "params": history.params,
        "metrics names": model.metrics_names,
        "evaluate": model.evaluate(case.x, case.y, **ev),
        "evaluate dict": model.evaluate(case.x, case.y, return_dict=True, **ev),
        "predict": model.predict(case.x, batch_size=case.batch_size, verbose=0),
        "weights": model.get_weights(),
        "optimizer": [int(model.optimizer.iterations), float(model.optimizer.learning_rate)],
    }


def check_same(ours: Any, theirs: Any, where: str = "", rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Structures of numbers, equal in form and, to the tolerance, in value."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            check_same(ours[key], theirs[key], f"{where}/{key}", rtol, atol)
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs), f"{where}: {ours} against {theirs}"
        for i, (a, b) in enumerate(zip(ours, theirs)):
            check_same(a, b, f"{where}/{i}", rtol, atol)
    elif isinstance(theirs, (str, type(None))):
        assert ours == theirs, where
    else:
        assert np.shape(ours) == np.shape(theirs), where
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=where)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_training_equals_keras(case: Case) -> None:
    check_same(run(addax, case), run(keras, case), rtol=case.rtol, atol=case.atol)


@pytest.mark.parametrize(("policy", "rtol"), [("mixed_bfloat16", 3e-2), ("mixed_float16", 4e-3)])
def test_mixed_precision(policy: str, rtol: float) -> None:
    # 16-bit rounding depends on what the compiler fuses, so the two agree to some units in the last place only.
    case = Case(policy, binary, lambda k: {"loss": "bce", "metrics": ["mae"]}, y=D["b"], epochs=3, policy=policy)
    ours, theirs = run(addax, case), run(keras, case)
    check_same(ours, theirs, rtol=rtol, atol=rtol)
    assert str(ours["predict"].dtype) == str(theirs["predict"].dtype) == policy.removeprefix("mixed_")


def test_dynamic_loss_scale_skips_the_same_steps() -> None:
    def losses(k: Any) -> list:
        model = build(k, replace(CASES[0], policy="mixed_float16"))
        inner = k.optimizers.SGD(0.05)
        model.compile(k.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**24, dynamic_growth_steps=4), "mse")
        history = model.fit(D["x"], D["y"], epochs=3, batch_size=4, shuffle=False, verbose=0)
        scale = model.optimizer.dynamic_scale
        return [history.history["loss"], float(np.asarray(scale)), int(inner.iterations)]

    ours, theirs = losses(addax), losses(keras)
    check_same(ours, theirs, rtol=4e-3)
    assert ours[2] < 15  # some were skipped


BATCHES = [
    {"x": D["x"][:4], "y": [D["y"][:4], D["b"][:4]]},
    {"x": D["x"][4:8], "y": [D["y"][4:8], D["b"][4:8]], "sample_weight": [D["w"][:4], D["v"][:4]]},
    {"x": D["x"][8:12], "y": [D["y"][8:12], D["b"][8:12]]},
]


def test_on_batch_methods() -> None:
    def sequence(k: Any) -> list:
        case = next(c for c in CASES if c.name == "two outputs, lists")
        model = build(k, case)
        model.compile(case.optimizer(k), **case.compile(k))
        found: list = [model.train_on_batch(**b) for b in BATCHES]
        model.reset_metrics()
        found += [model.train_on_batch(**BATCHES[0], return_dict=True)]
        model.reset_metrics()
        found += [model.test_on_batch(**b) for b in BATCHES]
        found += [model.test_on_batch(**BATCHES[1], return_dict=True), model.predict_on_batch(D["x"][:4])]
        found += [model.get_metrics_result(), model.get_weights(), int(model.optimizer.iterations)]
        return found

    check_same(_numbers(sequence(addax)), _numbers(sequence(keras)), rtol=1e-5, atol=2e-6)


def test_class_weight_on_batch() -> None:
    def sequence(k: Any) -> list:
        model = build(k, CASES[1])
        model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        return [model.train_on_batch(D["x"][:8], D["c"][:8], class_weight={1: 4.0}), model.get_weights()]

    check_same(_numbers(sequence(addax)), _numbers(sequence(keras)), rtol=1e-5, atol=2e-6)


def _numbers(value: Any) -> Any:
    """Logs may hold scalars of the engine."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_numbers(v) for v in value]
    return np.asarray(value)


def generator(count: int) -> Any:
    for i in itertools.islice(itertools.cycle(range(0, ROWS, BATCH)), count):
        yield D["x"][i : i + BATCH], D["y"][i : i + BATCH], D["w"][i : i + BATCH]


def dataset(k: Any, **kwargs: Any) -> Any:
    class Slices(k.utils.PyDataset):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i: int) -> Any:
            rows = slice(i * BATCH, (i + 1) * BATCH)
            return D["x"][rows], D["y"][rows]

    return Slices(**kwargs)


@functools.cache
def feed_model(k: Any) -> tuple:
    """A model that is compiled once for the feeds, and the weights to begin with."""
    model = build(k, CASES[0])
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    return model, model.get_weights()


FEEDS: dict[str, tuple] = {
    "a generator": (lambda k: {"x": generator(10), "steps_per_epoch": 5}, {}),
    "a generator, odd steps": (lambda k: {"x": generator(30), "steps_per_epoch": 3}, {}),
    "a generator that ends": (lambda k: {"x": generator(5)}, {"epochs": 1}),
    "PyDataset with class_weight": (lambda k: {"x": dataset(k), "class_weight": {1: 3.0}}, {}),
    "PyDataset": (lambda k: {"x": dataset(k), "validation_data": dataset(k)}, {}),
    "PyDataset, steps": (lambda k: {"x": dataset(k), "steps_per_epoch": 3}, {"epochs": 4}),
    "arrays, too many steps": (lambda k: {"x": D["x"], "y": D["y"], "batch_size": BATCH, "steps_per_epoch": 7}, {}),
    "validation from a generator": (
        lambda k: {"x": D["x"], "y": D["y"], "validation_data": generator(2), "validation_steps": 2},
        {"epochs": 1},
    ),
}


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.filterwarnings("ignore")
def test_feeds_equal_keras(name: str) -> None:
    make, options = FEEDS[name]

    def fitted(k: Any) -> list:
        model, start = feed_model(k)
        model.set_weights(start)
        given = make(k)
        history = model.fit(**given, shuffle=False, verbose=0, **({"epochs": 2} | options))
        return [history.history, history.epoch, history.params, model.get_weights()]

    check_same(fitted(addax), fitted(keras), rtol=1e-5, atol=2e-6)


def test_interruptions_leave_what_keras_leaves() -> None:
    def interrupted(k: Any) -> list:
        class Stop(k.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                if batch == 2 and self.model.optimizer.iterations > 5:
                    raise KeyboardInterrupt

        model = build(k, CASES[0])
        model.compile("sgd", "mse")
        with pytest.raises(KeyboardInterrupt):
            model.fit(D["x"], D["y"], batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[Stop()])
        return [model.history.history, model.history.epoch, model.get_weights(), int(model.optimizer.iterations)]

    check_same(interrupted(addax), interrupted(keras), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "method", ["compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "summary"]
)
def test_signatures_begin_with_those_of_keras(method):
    theirs, ours = (list(inspect.signature(getattr(lib.Model, method)).parameters.values()) for lib in (keras, addax))
    for a, b in zip(theirs, ours):
        assert (a.name, a.kind, a.default) == (b.name, b.kind, b.default)
    before = {"debug_nans", "profile", "resume", "style"}  # of addax alone, from a time when they had a place, too
    assert all(p.kind is p.KEYWORD_ONLY or p.name in before for p in ours[len(theirs) :])
