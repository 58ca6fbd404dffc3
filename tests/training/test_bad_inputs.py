"""Bad inputs: one error that names the argument, before anything is trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import addax as keras
from addax import layers

X = np.arange(24.0, dtype="float32").reshape(8, 3) / 10
Y = np.array([0.0, 1, 1, 0] * 2, "float32")[:, None]
NAN = float("nan")


def net(units: int = 1, act: str = "sigmoid", loss: Any = "binary_crossentropy", **compiled: Any) -> Any:
    x = keras.Input((3,), name="features")
    model = keras.Model(x, layers.Dense(units, act, kernel_initializer="ones", name="top")(x), name="net")
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": loss, **compiled})
    return model


@pytest.fixture(scope="module")
def model() -> Any:
    return net(metrics=["mae"])


def of(*batches: Any) -> Iterator:
    """A generator of these batches."""
    return (batch for batch in batches)


class Data(keras.utils.PyDataset):
    """Two batches of four rows."""

    count: Any = 2

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Any:
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]


class Unprepared(Data):
    def __init__(self) -> None:  # no super().__init__()
        pass

    def __getitem__(self, i: int) -> Any:
        return None


def data(count: Any) -> Any:
    made = Data()
    made.count = count
    return made


NUMBERS = ("epochs", "initial_epoch", "batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size")
NO_NUMBERS = {"text": "2", "a float": 2.0, "a fraction": 1.5, "NaN": NAN, "negative": -1, "a list": [1], "a dict": {}}

# title -> what `fit` is given beside or instead of `X` and `Y`, and what the error must say.
FIT: dict[str, tuple[dict, tuple[str, ...]]] = {
    **{
        f"{name}: {kind}": ({name: value}, (f"`{name}`", "integer"))
        for name in NUMBERS
        for kind, value in NO_NUMBERS.items()
    },
    **{f"{name}: zero": ({name: 0}, (f"`{name}`", "positive integer", "Received")) for name in NUMBERS[2:]},
    **{
        f"validation_freq: {kind}": ({"validation_freq": value}, ("`validation_freq`", "integer"))
        for kind, value in {**NO_NUMBERS, "zero": 0, "epoch 0": [0], "epochs of text": ["a"]}.items()
        if kind != "a list"
    },
    **{
        f"validation_split: {value!r}": ({"validation_split": value}, ("`validation_split`", "between 0 and 1"))
        for value in ("0.2", "all", -0.5, 1.0, 1.5, 2, NAN, [0.2], {}, True)
    },
    "validation_split: a generator": ({"x": of((X, Y)), "y": None, "validation_split": 0.2}, ("`validation_split`",)),
    "validation_split: one row": ({"x": X[:1], "y": Y[:1], "validation_split": 0.5}, ("validation_split=0.5",)),
    **{f"shuffle: {value!r}": ({"shuffle": value}, ("`shuffle`",)) for value in ("yes", "True", 2)},
    **{f"verbose: {value!r}": ({"verbose": value}, ("`verbose`",)) for value in (None, "1", 3, -1, [0])},
    **{
        f"validation_data: {kind}": ({"validation_data": value}, ("validation_data", *says))
        for kind, (value, says) in {
            "no labels": ((X,), ("labels", "`y`")),
            "an array": (X, ("labels", "`y`")),
            "labels are None": ((X, None), ("labels", "`y`")),
            "data are None": ((None, Y), ("None",)),
            "nothing": ([], ("`(x, y)`", "list of 0")),
            "an empty tuple": ((), ("`(x, y)`", "tuple of 0")),
            "four parts": ((X, Y, Y, Y), ("`(x, y)`", "tuple of 4")),
            "no rows": ((X[:0], Y[:0]), ("0 rows",)),
            "unequal": ((X, Y[:3]), ("'x' sizes: 8", "'y' sizes: 3")),
            "another width": ((X[:, :2], Y), ("'features'", "(None, 3)", "(8, 2)")),
            "labels of another width": ((X, np.ones((8, 2))), ("'top'", "(None, 2)")),
            "text": ("abc", ("'abc'",)),
            "a number": (3, ("3",)),
            "False": (False, ("False",)),
            "NaN": ((X * NAN, Y), ("'features'", "24 NaN")),
            "strings": ((X.astype(str), Y), ("'features'", "strings")),
            "an empty generator": (of(), ("empty",)),
            "a generator of None": (of(None), ("empty", "None")),
            "a dict of other names": (({"other": X}, Y), ("'features'", "'other'")),
            "complex": ((X.astype(complex), Y), ("'features'", "complex")),
        }.items()
    },
    "validation_data: read once": ({"validation_data": of((X, Y)), "epochs": 2}, ("`validation_steps`",)),
    **{
        f"class_weight: {value!r}": ({"class_weight": value}, ("`class_weight`", *says))
        for value, says in (
            ([1.0, 2.0], ("dict",)),
            (3, ("dict",)),
            ("balanced", ("dict", "'balanced'")),
        )
    },
    **{
        f"class_weight: {kind}": ({"class_weight": value}, ("`class_weight`", *says))
        for kind, (value, says) in {
            "negative": ({0: -1.0, 1: 1.0}, ("-1.0", "class 0")),
            "NaN": ({0: NAN}, ("nan", "class 0")),
            "infinite": ({1: float("inf")}, ("inf", "class 1")),
            "text": ({0: "a"}, ("'a'", "class 0")),
            "None": ({0: None}, ("None", "class 0")),
            "a class that isn't there": ({0: 1.0, 7: 2.0}, ("class 7", "'top'", "2 classes")),
            "a negative class": ({-1: 1.0}, ("class -1", "'top'")),
            "half a class": ({0.5: 1.0}, ("0.5",)),
            "a class by name": ({"cat": 1.0}, ("'cat'",)),
            "an output that isn't there": ({"tip": {0: 1.0}}, ("'tip'", "Did you mean 'top'")),
            "a dict of lists": ({"top": [1.0, 2.0]}, ("'top'",)),
        }.items()
    },
    **{
        f"sample_weight: {kind}": ({"sample_weight": value}, ("sample_weight", *says))
        for kind, (value, says) in {
            "text": (np.array(["a"] * 8), ("strings",)),
            "NaN": (np.full(8, NAN), ("8 NaN",)),
            "infinite": (np.full(8, np.inf), ("8 infinite",)),
            "a number": (2.0, ("single number",)),
            "too few": (np.ones(4), ("sizes: 4",)),
            "another width": (np.ones((8, 3)), ("(8, 3)",)),
            "complex": (np.ones(8, complex), ("complex",)),
            "masked": (np.ma.masked_array(np.ones(8), [True] * 8), ("8 of its 8",)),
        }.items()
    },
    **{
        f"x: {kind}": ({"x": value}, says)
        for kind, (value, says) in {
            "None": (None, ("`x`", "None")),
            "complex": (X.astype(complex), ("'features'", "complex")),
            "masked": (np.ma.masked_array(X, X > 1), ("`x`", "13 of its 24")),
            "objects": (np.array([[1, 2], [3]] * 4, dtype=object), ("`x`", "dtype object")),
            "dates": (X.astype("datetime64[s]"), ("'features'", "dates")),
            "records": (np.zeros(8, [("a", "f4")]), ("'features'", "'a'")),
            "no columns": (X[:, :0], ("'features'", "(8, 0)")),
            "bytes": (X.astype("S5"), ("'features'", "strings")),
            "text": ("abc", ("`x`", "'abc'")),
            "a number": (3, ("`x`", "3")),
            "no axes": (np.array(3.0), ("`x`", "single number")),
            "one axis": (X[:, 0], ("'features'", "(8,)")),
            "a set": ({1, 2}, ("`y`", "set")),
            "a function": (len, ("x", "function")),
            "too large": (np.full((8, 3), 1e300), ("'features'", "24 infinite")),
            "no rows": (X[:0], ("sizes: 0", "sizes: 8")),
            "rows of other lengths": ([[1.0, 2.0, 3.0], [1.0]], ("`x`", "list", "different shapes")),
            "a list of rows": (list(X), ("`x`", "np.stack(x)")),
            "NaN": (X * NAN, ("'features'", "24 NaN", "row 0")),
            "two inputs": ([X, X], ("'features'", "1 input", "list of 2")),
            "a dict of other names": ({"feature": X}, ("'features'", "'feature'")),
            "another width": (X[:, :2], ("'features'", "(None, 3)")),
        }.items()
    },
    **{
        f"y: {kind}": ({"y": value}, says)
        for kind, (value, says) in {
            "complex": (Y.astype(complex), ("`y`", "complex")),
            "masked": (np.ma.masked_array(Y, Y > 0), ("`y`", "4 of its 8")),
            "text": (Y.astype(str), ("`y`", "strings")),
            "a list of text": (["a"] * 8, ("`y`", "type str")),
            "None": (None, ("`y`", "'top'")),
            "above one": (Y + 1, ("'top'", "from 1.0 to 2.0")),
            "a function": (len, ("`y`",)),
            "a number": (1, ("`y`", "single number")),
            "NaN": (Y * NAN, ("`y`", "8 NaN")),
            "too few": (Y[:3], ("'y' sizes: 3",)),
            "another width": (np.ones((8, 2)), ("'top'", "(None, 2)")),
            "another name": ({"tip": Y}, ("`y`", "'tip'", "Did you mean 'top'")),
            "two outputs": ([Y, Y], ("`y`",)),
        }.items()
    },
    **{
        f"batches: {kind}": ({"x": value, "y": None}, says)
        for kind, (value, says) in {
            "none": (of(), ("empty",)),
            "None": (of(None), ("`x`", "None", "batch 1")),
            "an empty tuple": (of(()), ("`x`", "()")),
            "only Nones": (of((None, None)), ("`x`", "None")),
            "text": (of("abc"), ("`x`", "'abc'")),
            "a number": (of(3), ("`x`", "3")),
            "numbers": (of((1.0, 2.0)), ("`x`", "single number")),
            "a set": (of({1}), ("`x`", "set")),
            "four parts": (of((X, Y, Y, Y)), ("`x`", "tuple of 4")),
            "rows of other lengths": (of(([[1.0], [1.0, 2.0]], Y[:2])), ("`x`", "different shapes")),
            "other names": (of(({"other": X}, Y)), ("'features'", "'other'")),
            "no labels": (of((X,)), ("`y`", "'top'")),
            "no rows": (of((X[:0], Y[:0])), ("`x`", "0 rows")),
            "unequal": (of((X, Y[:3])), ("'x' sizes: 8", "'y' sizes: 3")),
            "strings": (of((X.astype(str), Y)), ("'features'", "strings")),
            "a PyDataset of -1": (data(-1), ("Data", "positive integer")),
            "a PyDataset of 0": (data(0), ("Data", "0 batches")),
            "a PyDataset of 2.0": (data(2.0), ("Data", "positive integer", "float")),
            "a PyDataset of None": (data(None), ("Data", "positive integer")),
            "a PyDataset of '2'": (data("2"), ("Data", "positive integer", "str")),
            "a PyDataset that returns None": (Unprepared(), ("`x`", "None", "batch 1")),
        }.items()
    },
    "y beside batches": ({"x": Data()}, ("`y` must not be given", "Data")),
    "sample_weight beside batches": ({"x": Data(), "y": None, "sample_weight": Y}, ("`sample_weight` must not",)),
    "batch_size beside batches": ({"x": Data(), "y": None, "batch_size": -3}, ("`batch_size`",)),
    **{
        f"callbacks: {value!r}": ({"callbacks": value}, ("`callbacks`", "keras.callbacks.Callback"))
        for value in ("early", [None], [3], 3)
    },
    "callbacks: a class": ({"callbacks": [keras.callbacks.EarlyStopping]}, ("`callbacks`", "a class was given")),
}  # fmt: skip

CALLS: dict[str, tuple[str, tuple, dict, tuple[str, ...]]] = {
    **{
        f"{method}: {name} {kind}": (method, args, {name: value, "verbose": 0}, (f"`{name}`", "integer"))
        for method, args in (("evaluate", (X, Y)), ("predict", (X,)))
        for name in ("steps", "batch_size")
        for kind, value in {**NO_NUMBERS, "zero": 0}.items()
    },
    **{
        f"{method}: None": (method, (None,), {}, ("`x`", "None"))
        for method in ("evaluate", "predict", "predict_on_batch")
    },
    **{
        f"{method}: verbose": (method, args, {"verbose": "loud"}, ("`verbose`", "'loud'"))
        for method, args in (("evaluate", (X, Y)), ("predict", (X,)))
    },
    **{
        f"{method}: {kind}": (method, (x, Y), {}, says)
        for method in ("train_on_batch", "test_on_batch", "evaluate")
        for kind, (x, says) in {
            "NaN": (X * NAN, ("'features'", "24 NaN")),
            "complex": (X.astype(complex), ("'features'", "complex")),
            "masked": (np.ma.masked_array(X, X > 1), ("`x`", "13 of its 24")),
            "strings": (X.astype(str), ("'features'", "strings")),
            "too few": (X[:3], ("'x' sizes: 3", "'y' sizes: 8")),
            "rows of other lengths": ([[1.0, 2.0, 3.0], [1.0]], ("`x`", "list", "different shapes")),
            "another width": (X[:, :2], ("'features'", "(None, 3)")),
        }.items()
    },
    **{
        f"train_on_batch: {kind}": ("train_on_batch", args, kwargs, says)
        for kind, (args, kwargs, says) in {
            "None": ((None, Y), {}, ("`x`", "None")),
            "no labels": ((X,), {}, ("`y`", "'top'")),
            "a generator": ((of((X, Y)),), {}, ("`x`", "generator")),
            "no rows": ((X[:0], Y[:0]), {}, ("0 rows",)),
            "labels above one": ((X, Y + 3), {}, ("'top'", "expects 0 and 1")),
            "NaN labels": ((X, Y * NAN), {}, ("`y`", "8 NaN")),
            "NaN weights": ((X, Y, np.full(8, NAN)), {}, ("`sample_weight`", "8 NaN")),
            "a list of class weights": ((X, Y), {"class_weight": [1.0]}, ("`class_weight`", "dict")),
            "a class that isn't there": ((X, Y), {"class_weight": {5: 1.0}}, ("`class_weight`", "class 5")),
        }.items()
    },
    "predict: masked": ("predict", (np.ma.masked_array(X, X > 1),), {}, ("`x`", "13 of its 24")),
    "predict: complex": ("predict", (X.astype(complex),), {}, ("'features'", "complex")),
    "predict: no rows": ("predict", (X[:0],), {}, ("0 rows",)),
    "predict: a generator of None": ("predict", (of(None),), {}, ("`x`", "None")),
    "predict: another width": ("predict", (X[:, :2],), {}, ("'features'", "(None, 3)")),
    "evaluate: an argument that isn't there": ("evaluate", (X, Y), {"step": 3}, ("step",)),
}  # fmt: skip

COMPILE: dict[str, tuple[dict, tuple[str, ...]]] = {
    "optimizer: a number": ({"optimizer": 3}, ("optimizer", "3")),
    "optimizer: a list": ({"optimizer": ["sgd"]}, ("optimizer", "list")),
    "optimizer: misspelt": ({"optimizer": "adm"}, ("optimizer", "Did you mean 'adam'")),
    "loss: a number": ({"loss": 3}, ("loss", "3")),
    "loss: a metric": ({"loss": keras.metrics.MeanSquaredError()}, ("`loss`", "metric", "keras.losses.MeanSqu")),
    "loss: the class of a metric": ({"loss": keras.metrics.AUC}, ("`loss`", "metric AUC")),
    "loss: a metric among them": ({"loss": {"top": keras.metrics.AUC()}}, ("`loss`", "metric AUC")),
    "loss: accuracy": ({"loss": "accuracy"}, ("loss", "'accuracy'")),
    "loss: misspelt": ({"loss": "mean_square_error"}, ("loss", "Did you mean 'mean_squared_error'")),
    "loss_weights: NaN": ({"loss_weights": NAN}, ("`loss_weights`", "nan")),
    "loss_weights: infinite": ({"loss_weights": [float("inf")]}, ("`loss_weights`", "inf")),
    "loss_weights: text": ({"loss_weights": {"top": "a"}}, ("`loss_weights`", "'a'")),
    "metrics: a number": ({"metrics": [3]}, ("`metrics`", "3")),
    "metrics: a number alone": ({"metrics": 3}, ("`metrics`", "3")),
    "metrics: misspelt": ({"metrics": ["acuracy"]}, ("metric", "Did you mean 'accuracy'")),
    "weighted_metrics: a number": ({"weighted_metrics": [3]}, ("`weighted_metrics`", "3")),
    "steps_per_execution: zero": ({"steps_per_execution": 0}, ("`steps_per_execution`", "positive integer")),
    "steps_per_execution: a float": ({"steps_per_execution": 2.0}, ("`steps_per_execution`", "positive integer")),
    "steps_per_execution: text": ({"steps_per_execution": "2"}, ("`steps_per_execution`", "'2'")),
    "run_eagerly: text": ({"run_eagerly": "no"}, ("`run_eagerly`", "'no'")),
    "jit_compile: text": ({"jit_compile": "maybe"}, ("`jit_compile`", "'maybe'")),
    "an argument that isn't there": ({"metric": "mae"}, ("metric",)),
}  # fmt: skip

# What the first batch tells: `compile` knows no outputs.
TRAINED: dict[str, tuple[dict, tuple[str, ...]]] = {
    "no optimizer": ({"optimizer": None}, ("`optimizer`", "'net'", "compile()")),
    "no loss": ({"loss": None}, ("`loss`", "'net'")),
    "no losses": ({"loss": []}, ("`loss`", "'net'")),
    "losses for outputs that aren't there": ({"loss": ["mse", "mse"]}, ("`loss`", "2 entries", "1 output")),
    "loss weights for outputs that aren't there": ({"loss_weights": [1.0, 2.0]}, ("`loss_weights`", "2 entries")),
    "a loss weight under another name": ({"loss_weights": {"tip": 1.0}}, ("`loss_weights`", "'tip'")),
    "a metric under another name": ({"metrics": {"tip": "mae"}}, ("`metrics`", "'tip'")),
    "a loss of one argument": ({"loss": lambda a: a}, ("`loss`", "'top'")),
    "a loss of None": ({"loss": lambda a, b: None}, ("`loss`", "'top'")),
    "a metric of one argument": ({"metrics": [lambda a: a]}, ("`metrics`", "'top'")),
}


def said(call: Any) -> str:
    """What the error says that a call gives, notes included."""
    with pytest.raises((ValueError, TypeError)) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def untouched(model: Any, call: Any, says: tuple[str, ...]) -> None:
    before = [*model.get_weights(), *(np.array(v) for v in model.non_trainable_variables)]
    iterations = None if model.optimizer is None else int(model.optimizer.iterations)
    text = said(call)
    for part in says:
        assert part in text, text
    for old, new in zip(before, [*model.get_weights(), *(np.array(v) for v in model.non_trainable_variables)]):
        np.testing.assert_array_equal(old, new)
    assert iterations is None or int(model.optimizer.iterations) == iterations


@pytest.mark.parametrize("title", FIT)
def test_fit_names_the_argument_and_trains_nothing(model: Any, title: str) -> None:
    given, says = FIT[title]
    given = {"x": X, "y": Y, "verbose": 0, **given}
    if "validation_steps" in given or "validation_batch_size" in given or "validation_freq" in given:
        given["validation_data"] = (X, Y)
    untouched(model, lambda: model.fit(**given), says)


@pytest.mark.parametrize("title", CALLS)
def test_other_calls_name_the_argument(model: Any, title: str) -> None:
    method, args, kwargs, says = CALLS[title]
    untouched(model, lambda: getattr(model, method)(*args, **kwargs), says)


@pytest.mark.parametrize("title", COMPILE)
def test_compile_names_the_argument(title: str) -> None:
    given, says = COMPILE[title]
    text = said(lambda: net(**given))
    for part in says:
        assert part in text, text


@pytest.mark.parametrize("title", TRAINED)
def test_what_compile_cant_know_is_named_before_the_first_step(title: str) -> None:
    given, says = TRAINED[title]
    model = net(**given)
    untouched(model, lambda: model.fit(X, Y, verbose=0), says)


# What is wrong later on: the error says in which batch


LATER: dict[str, tuple[Any, tuple[str, ...]]] = {
    "None": (None, ("`x`", "None", "batch 3")),
    "no rows": ((X[:0], Y[:0]), ("`x`", "0 rows", "batch 3")),
    "strings": ((X.astype(str), Y), ("'features'", "strings")),
    "NaN": ((X * NAN, Y), ("'features'", "batch 3")),
    "no labels": ((X,), ("`y`", "'top'")),
    "unequal": ((X, Y[:3]), ("'y' sizes: 3",)),
    "another width": ((X[:, :2], Y), ("'features'", "(None, 3)")),
    "masked": ((np.ma.masked_array(X, X > 1), Y), ("`x`", "masked", "batch 3")),
    "complex": ((X.astype(complex), Y), ("'features'", "complex")),
}


@pytest.mark.parametrize("title", LATER)
def test_a_bad_batch_later_on(model: Any, title: str) -> None:
    bad, says = LATER[title]
    for call in (
        lambda: model.fit(of((X, Y), (X, Y), bad), verbose=0),
        lambda: model.evaluate(of((X, Y), (X, Y), bad), verbose=0),
    ):
        text = said(call)
        for part in says:
            assert part in text, text
        assert all(np.isfinite(w).all() for w in model.get_weights())


# What may be right


def test_negative_weights_are_warned_of() -> None:
    model = net()
    for call in (
        lambda: model.fit(X, Y, sample_weight=-np.ones(8), verbose=0),
        lambda: model.train_on_batch(X, Y, sample_weight=-np.ones(8)),
        lambda: model.evaluate(X, Y, sample_weight=-np.ones(8), verbose=0),
    ):
        with pytest.warns(UserWarning, match="`sample_weight` has negative weights") as caught:
            call()
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="`loss_weights` has -1"):
        net(loss_weights=-1.0)


@pytest.mark.filterwarnings("ignore:Casting from complex to real")  # of labels, for the loss of a user's function
@pytest.mark.parametrize("kind", ["complex", "masked"])
def test_models_without_inputs_are_guarded_too(kind: str) -> None:
    bad = {"complex": X.astype(complex), "masked": np.ma.masked_array(X, X > 1)}[kind]
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    for call in (lambda: model.fit(bad, Y, verbose=0), lambda: model.predict(bad, verbose=0)):
        with pytest.raises(ValueError, match=kind):
            call()

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.top = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.top(keras.ops.abs(x))

    own = Own()
    own.compile("sgd", lambda y, p: keras.ops.abs(y - p))
    if kind == "complex":  # which the user's model and loss know what to do with
        own.fit(bad, Y.astype(complex), verbose=0)
        np.testing.assert_allclose(own.predict(bad, verbose=0), own.predict(np.abs(X), verbose=0), rtol=1e-5)
        own.compile("sgd", "mse")
        with pytest.raises(ValueError, match="`y` holds complex"):
            own.fit(bad, Y.astype(complex), verbose=0)


def test_class_weights_in_a_regression() -> None:
    model = net(1, "linear", "mse")
    with pytest.warns(
        UserWarning, match=r"`class_weight` needs labels that are classes.*'top'.*`sample_weight`"
    ) as caught:
        model.fit(X, Y + 0.3, class_weight={0: 2.0}, verbose=0)
    assert [w.filename for w in caught] == [__file__]
    with pytest.warns(UserWarning, match="`class_weight` needs labels that are classes"):
        net(2, "linear", "mse").fit(X, X[:, :2], class_weight={0: 2.0}, verbose=0)
    # Numbers that are classes, and soft labels of a crossentropy, have weights.
    weights = np.where(Y[:, 0] == 1, 3.0, 1.0)
    found = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    np.testing.assert_allclose(model.fit(X, Y, class_weight={1: 3.0}, verbose=0).history["loss"][0], found, rtol=1e-5)
    soft = net()
    found = soft.evaluate(X, 0.1 + 0.8 * Y, sample_weight=weights, verbose=0)
    history = soft.fit(X, 0.1 + 0.8 * Y, class_weight={1: 3.0}, verbose=0).history
    np.testing.assert_allclose(history["loss"][0], found, rtol=1e-5)


def test_what_is_fine_is_taken() -> None:
    model = net()
    for given in (
        {"epochs": np.int64(2), "batch_size": np.int32(4), "steps_per_epoch": np.array(2)},
        {"validation_data": (X, Y), "validation_freq": np.int64(1), "validation_steps": np.int64(1)},
        {"validation_data": (X, Y), "validation_freq": range(1, 3)},
        {"validation_data": (X, Y), "validation_freq": []},  # of epochs that were worked out: none is due
        {"validation_split": np.float32(0.25)},
        {"class_weight": {np.int64(0): np.float32(2.0), 1.0: 1}},
        {"class_weight": {}},
        {"x": np.ma.masked_array(X), "y": np.ma.masked_array(Y, False)},
        {"x": X.astype(np.longdouble)},
        {"shuffle": np.bool_(True), "verbose": np.int64(0)},
    ):
        model.fit(**{"x": X, "y": Y, "verbose": 0, **given})
    assert np.isfinite(model.get_weights()[0]).all()


def test_there_are_many() -> None:
    assert len(FIT) + len(CALLS) + len(COMPILE) + len(TRAINED) + len(LATER) > 250
