"""Everything that data may be, and what is said when they can't be used."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import addax as keras
from addax import layers
from addax.core.engine import jnp
from addax.data.adapt import adapt

RNG = np.random.default_rng(0)
X = RNG.integers(0, 5, (20, 3)).astype("float32")
Y = RNG.integers(0, 2, (20, 1)).astype("float32")


@pytest.fixture(scope="module")
def model() -> Any:
    """A model of three features, compiled once."""
    model = keras.Sequential([keras.Input((3,), name="features"), layers.Dense(1, "sigmoid", name="out")])
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", metrics=["mae"])
    return model


@pytest.fixture(scope="module")
def two_inputs() -> Any:
    """A model of two named inputs that gives the sums of both."""
    age, rest = keras.Input((1,), name="age"), keras.Input((2,), name="rest")
    out = layers.Dense(1, kernel_initializer="ones")(layers.Concatenate()([age, rest]))
    return keras.Model({"age": age, "rest": rest}, out)


class Foreign:
    """A tensor of another library, as `tf.data` gives them."""

    def __init__(self, array: np.ndarray):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def numpy(self) -> np.ndarray:
        return self._array


class Converts:
    """An object that NumPy can convert, and nothing else."""

    def __init__(self, array: np.ndarray):
        self._array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._array, dtype)


class Loader:
    """Can be iterated over any number of times."""

    def __init__(self, convert: Callable = lambda a: a, form: Callable = lambda x, y: (x, y)):
        self.convert, self.form = convert, form

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator:
        return (self.form(self.convert(X[i : i + 4]), self.convert(Y[i : i + 4])) for i in range(0, 20, 4))


class Squares(keras.utils.PyDataset):
    """The rows as batches of four."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int) -> Any:
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]


KINDS: dict[str, Callable[[], dict]] = {
    **{
        dtype: lambda dtype=dtype: {"x": X.astype(dtype), "y": Y.astype(dtype)}
        for dtype in ("float16", "float64", "int8", "uint8", "int16", "int32", "int64", "uint32", "uint64")
    },
    "bfloat16": lambda: {"x": X.astype(jnp.bfloat16), "y": Y},
    "not contiguous": lambda: {"x": np.asfortranarray(X)[::-1][::-1], "y": np.repeat(Y, 2, axis=1)[:, ::2]},
    "jax": lambda: {"x": jnp.asarray(X), "y": jnp.asarray(Y)},
    "pandas": lambda: {"x": pd.DataFrame(X, index=range(7, 27)), "y": pd.Series(Y[:, 0], index=range(20))},
    "polars": lambda: {"x": pl.DataFrame(X), "y": pl.Series(Y[:, 0])},
    "polars, lazy": lambda: {"x": pl.LazyFrame(X), "y": pl.DataFrame(Y).lazy()},
    "lists": lambda: {"x": X.tolist(), "y": Y.tolist()},
    "flat list of labels": lambda: {"x": X.tolist(), "y": [int(y) for y in Y[:, 0]]},
    "lists as arrays of batches": lambda: {"x": Loader(convert=lambda a: a.tolist())},
    "objects with __array__": lambda: {"x": Converts(X), "y": Converts(Y)},
    "list of one array": lambda: {"x": [X], "y": [Y]},
    "dict": lambda: {"x": {"features": X}, "y": {"out": Y}},
    "generator": lambda: {"x": iter(Loader())},
    "lists as batches": lambda: {"x": iter(Loader(form=lambda x, y: [x, y]))},
    "loader": lambda: {"x": Loader()},
    "frames as batches": lambda: {"x": Loader(convert=pd.DataFrame)},
    "foreign tensors": lambda: {"x": Loader(convert=Foreign)},
    "dicts as batches": lambda: {"x": Loader(form=lambda x, y: ({"features": x}, y))},
    "with weights": lambda: {"x": Loader(form=lambda x, y: (x, y, np.ones(len(x))))},
    "PyDataset": lambda: {"x": Squares()},
    "PyDataset in threads": lambda: {"x": Squares(workers=3, max_queue_size=2)},
}


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data_give_the_same_numbers(model: Any, kind: str) -> None:
    expected = model.evaluate(X, Y, batch_size=4, verbose=0)
    tolerance = {"rtol": 1e-6}
    given = KINDS[kind]()
    arrays = {"batch_size": 4} if "y" in given else {}
    np.testing.assert_allclose(model.evaluate(**given, **arrays, verbose=0), expected, **tolerance)
    history = model.fit(**KINDS[kind](), **arrays, verbose=0, shuffle=False).history
    np.testing.assert_allclose([history["loss"][0], history["mae"][0]], expected, **tolerance)
    predicted = model.predict(KINDS[kind]()["x"], **arrays, verbose=0)
    np.testing.assert_allclose(predicted, model.predict(X, verbose=0), rtol=1e-5)


def test_scipy_matrices(model: Any) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    np.testing.assert_allclose(model.predict(sparse.csr_matrix(X), verbose=0), model.predict(X, verbose=0), rtol=1e-6)


COLUMNS = {"age": np.arange(20.0), "w": np.ones(20), "h": np.full(20, 2.0)}


@pytest.mark.parametrize(
    "x",
    [
        {"age": pd.Series(COLUMNS["age"]), "rest": pd.DataFrame(COLUMNS)[["w", "h"]]},
        {"rest": pl.DataFrame(COLUMNS)[["w", "h"]], "age": pl.Series(COLUMNS["age"])},
        [COLUMNS["age"][:, None], np.stack([COLUMNS["w"], COLUMNS["h"]], 1)],
        (COLUMNS["age"], np.stack([COLUMNS["w"], COLUMNS["h"]], 1)),
        Loader(form=lambda x, y: ({"age": x[:, :1], "rest": x[:, 1:]}, y)),
        [COLUMNS["age"].tolist(), [[1.0, 2.0]] * 20],
        pl.DataFrame({"age": COLUMNS["age"], "rest": [[1.0, 2.0]] * 20}),
    ],
    ids=["pandas", "polars", "list", "tuple", "loader", "lists", "one table"],
)
@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
def test_several_inputs(two_inputs: Any, x: Any) -> None:
    predicted = two_inputs.predict(x, verbose=0)[:, 0]
    np.testing.assert_allclose(predicted, X.sum(1) if isinstance(x, Loader) else np.arange(20) + 3)


class Shared(Squares):
    """A dataset that can be sent to another process."""


def test_dataset_in_processes() -> None:
    source = adapt(Shared(workers=2, use_multiprocessing=True))
    source.peek()
    for _ in range(2):
        source.on_epoch_begin()
        read = [batch[0] for batch in source.epoch()]
        source.on_epoch_end()
        np.testing.assert_array_equal(np.concatenate(read), X)


def test_dataset_hooks_and_calls(model: Any) -> None:
    calls: list = []

    class Watched(Squares):
        def __getitem__(self, i: int) -> Any:
            calls.append(i)
            return super().__getitem__(i)

        def on_epoch_end(self) -> None:
            calls.append("end")

    model.fit(Watched(), epochs=2, shuffle=False, verbose=0)
    assert calls == [0, 1, 2, 3, 4, "end"] * 2  # looking at the first batch costs no second call
    calls.clear()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(Watched(), epochs=3, steps_per_epoch=2, shuffle=False, verbose=0)
    assert calls == [0, 1, "end", 2, 3, "end", 4, "end"]


class Prepared(Squares):
    """Makes its rows when an epoch begins."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.calls: list = []

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")
        self.order = np.arange(20)[::-1]

    def on_epoch_end(self) -> None:
        self.calls.append("end")
        del self.order

    def __getitem__(self, i: int) -> Any:
        self.calls.append(i)
        rows = self.order[4 * i : 4 * i + 4]
        return X[rows], Y[rows]


@pytest.mark.parametrize("workers", [1, 2])
def test_dataset_is_told_of_an_epoch_before_its_first_batch(model: Any, workers: int) -> None:
    epoch = ["begin", *range(5), "end"]

    def called(call: Callable) -> list:
        data = Prepared(workers=workers)
        call(data)
        return data.calls if workers == 1 else [c for c in data.calls if isinstance(c, str)]

    if workers > 1:
        epoch = ["begin", "end"]
    assert called(lambda data: model.fit(data, epochs=2, shuffle=False, verbose=0)) == 2 * epoch
    assert called(lambda data: model.fit(data, epochs=2, class_weight={0: 2.0}, shuffle=False, verbose=0)) == 2 * epoch
    assert called(lambda data: model.fit(X, Y, epochs=2, validation_data=data, verbose=0)) == 2 * epoch
    assert called(lambda data: model.evaluate(data, verbose=0)) == epoch
    found: list = []
    assert called(lambda data: found.append(model.predict(data, verbose=0))) == epoch
    np.testing.assert_allclose(found[0], model.predict(X[::-1], verbose=0), rtol=1e-5)


def test_a_loop_over_a_dataset_ends() -> None:
    assert [x.shape for x, _ in Squares()] == [(4, 3)] * 5
    assert len(list(Squares())) == 5  # begins anew

    class Endless(Squares):
        num_batches = None

    batches = iter(Endless())
    assert [len(next(batches)[0]) for _ in range(7)] == [4] * 5 + [0] * 2


def test_dataset_without_end(model: Any) -> None:
    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, i: int) -> Any:
            return np.full((2, 3), i % 7), np.zeros((2, 1))

    assert len(model.predict(Endless(), steps=3, verbose=0)) == 6
    assert len(model.fit(Endless(workers=2), steps_per_epoch=2, epochs=2, verbose=0).epoch) == 2


def test_an_error_in_a_worker_comes_through(model: Any) -> None:
    class Broken(Squares):
        def __getitem__(self, i: int) -> Any:
            if i == 3:
                raise OSError("no such file")
            return super().__getitem__(i)

    with pytest.raises(OSError, match="no such file"):
        model.fit(Broken(workers=2), shuffle=False, verbose=0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_dataset_that_is_shorter_than_it_says(model: Any, workers: int) -> None:
    class Long(Squares):
        def __len__(self) -> int:
            return 20  # rows, not batches

        def __getitem__(self, i: int) -> Any:
            return [super(Long, self).__getitem__(i) for i in range(5)][i]

    text = r"Long has 20 batches by its `__len__` .*`__getitem__\(5\)` raised IndexError: list index out of range"
    with pytest.raises(ValueError, match=text):
        model.fit(Long(workers=workers), shuffle=False, verbose=0)


def test_batches_that_may_have_no_end_say_which_argument_is_missing(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("addax.data.batches.MANY_BATCHES", 6)

    def batches(count: int = 20) -> Iterator:
        return ((X[:4], Y[:4]) for _ in range(count))

    for argument, call in {
        "steps_per_epoch": lambda: model.fit(batches(), verbose=0),
        "steps": lambda: model.evaluate(batches(), verbose=0),
        "`steps`": lambda: model.predict(batches(), verbose=0),
        "validation_steps": lambda: model.fit(X, Y, validation_data=batches(), verbose=0),
    }.items():
        with pytest.warns(UserWarning, match=f"pass `?{argument}") as caught:
            call()
        assert [w.filename for w in caught] == [__file__]  # once, at the user's line
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(batches(), steps_per_epoch=10, epochs=2, verbose=0)
        model.fit(batches(5), verbose=0)
        model.fit(Loader(), epochs=5, verbose=0)  # whose length is known


def test_generators_are_not_read_ahead(model: Any) -> None:
    batches = ((X[:4], Y[:4]) for _ in range(100))
    model.fit(batches, steps_per_epoch=3, epochs=2, verbose=0)
    model.evaluate(batches, steps=4, verbose=0)
    model.predict(batches, steps=5, verbose=0)
    assert len(list(batches)) == 100 - 6 - 4 - 5


def test_a_generator_that_ends_early_stops_training(model: Any) -> None:
    batches = ((X[:4], Y[:4]) for _ in range(7))
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        history = model.fit(batches, steps_per_epoch=5, epochs=4, verbose=0)
    assert history.epoch == [0, 1]
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        history = model.fit(iter(Loader()), epochs=3, verbose=0)
    assert history.epoch == [0]


# Class weights by output


def test_class_weight_per_output_is_sample_weight() -> None:
    x = keras.Input((3,))
    heads = layers.Dense(3, "softmax", name="digit")(x), layers.Dense(1, "sigmoid", name="even")(x)
    model = keras.Model(x, heads)
    digit, even = RNG.integers(0, 3, 20), RNG.integers(0, 2, (20, 1))
    losses = {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"}
    start = model.get_weights()

    model.compile("sgd", losses)

    def weights_after(y: Any, **fit: Any) -> list:
        model.set_weights(start)
        model.fit(X, y, verbose=0, shuffle=False, **fit)
        return model.get_weights()

    by_class = {"digit": {0: 2.0, 2: 0.5}}
    rows = np.array([2.0, 1.0, 0.5])[digit]
    expected = weights_after([digit, even], sample_weight=[rows, None])
    for y in ([digit, even], {"even": even, "digit": digit}):
        for found, wanted in zip(weights_after(y, class_weight=by_class), expected):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
    half = weights_after([digit, even], class_weight=by_class, sample_weight={"even": np.full(20, 0.5)})
    wanted = weights_after([digit, even], sample_weight=[rows, np.full(20, 0.5)])
    np.testing.assert_allclose(half[0], wanted[0], rtol=1e-6)
    mine = np.linspace(0.1, 2.0, 20)
    with pytest.warns(UserWarning, match="output 'digit': they are multiplied") as caught:
        both = weights_after([digit, even], class_weight=by_class, sample_weight={"digit": mine})
    assert [w.filename for w in caught] == [__file__]  # once, at the user's line
    wanted = weights_after([digit, even], sample_weight=[rows * mine, None])
    np.testing.assert_allclose(both[0], wanted[0], rtol=1e-6)
    for given, text in [
        ({"class_weight": {0: 2.0}}, "one dict, but the model has 2 outputs"),
        ({"class_weight": {"digits": {0: 2.0}}}, "Did you mean 'digit'"),
        ({"class_weight": [1.0, 2.0]}, "must be a dict"),
    ]:
        with pytest.raises(ValueError, match=text):
            weights_after([digit, even], **given)


# Mistakes, each before any step

MISTAKES: dict[str, tuple] = {
    "no data": ({}, "`x` is None"),
    "empty": ({"x": X[:0], "y": Y[:0]}, "0 rows"),
    "empty generator": ({"x": iter([])}, "The data are empty"),
    "unequal": ({"x": X, "y": Y[:7]}, r"Data cardinality is ambiguous.*'x' sizes: 20\n'y' sizes: 7"),
    "unequal weights": ({"x": X, "y": Y, "sample_weight": np.ones(3)}, "'sample_weight' sizes: 3"),
    "no labels": ({"x": X}, r"The (loss|metric 'mae') of output 'out' needs labels.*Pass `y`"),
    "list of unequal rows": ({"x": [[1.0, 2.0], [3.0]], "y": Y[:2]}, "`x` is a Python list whose rows have different"),
    "ragged": ({"x": np.array([[1, 2], [3]], dtype=object), "y": Y[:2]}, "rows have different shapes"),
    "one number": ({"x": np.array(3.0), "y": Y}, "single number"),
    "y beside a generator": ({"x": iter(Loader()), "y": Y}, "`y` must not be given"),
    "four in a batch": ({"x": iter([(X, Y, Y, Y)])}, r"must be `x`, `\(x, y\)` or `\(x, y, sample_weight\)`"),
    "split of a generator": ({"x": iter(Loader()), "validation_split": 0.2}, "only supported for arrays"),
    "split too small": ({"x": X, "y": Y, "validation_split": 0.99}, "not sufficient to split it"),
    "split above one": ({"x": X, "y": Y, "validation_split": 1.5}, "between 0 and 1"),
    "validation of four": ({"x": X, "y": Y, "validation_data": (X, Y, Y, Y)}, r"`validation_data` must be `\(x, y\)`"),
    "validation read once": ({"x": X, "y": Y, "validation_data": iter(Loader()), "epochs": 2}, "`validation_steps`"),
    "batch size": ({"x": X, "y": Y, "batch_size": 0}, "`batch_size` must be a positive integer"),
    "epochs": ({"x": X, "y": Y, "epochs": 1.5}, "`epochs` must be a non-negative integer"),
    "steps": ({"x": X, "y": Y, "steps_per_epoch": 0}, "`steps_per_epoch` must be a positive integer"),
    "shuffle": ({"x": X, "y": Y, "shuffle": "yes"}, "`shuffle` must be True, False or 'batch'"),
    "verbose": ({"x": X, "y": Y, "verbose": 3}, "`verbose` must be"),
    "frequency": ({"x": X, "y": Y, "validation_data": (X, Y), "validation_freq": "all"}, "`validation_freq` must be"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named_before_any_step(model: Any, name: str) -> None:
    given, text = MISTAKES[name]
    before = int(model.optimizer.iterations)
    with pytest.raises((ValueError, TypeError), match=text):
        model.fit(**{"verbose": 0, **given})
    assert int(model.optimizer.iterations) == before


@pytest.mark.torch
def test_torch_loaders(model: Any, two_inputs: Any) -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.data import DataLoader, Dataset, TensorDataset

    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=4)
    expected = model.evaluate(X, Y, batch_size=4, verbose=0)
    np.testing.assert_allclose(model.evaluate(loader, verbose=0), expected, rtol=1e-6)
    history = model.fit(loader, epochs=2, verbose=0, validation_data=loader).history
    np.testing.assert_allclose(history["val_loss"], [expected[0]] * 2, rtol=1e-6)
    np.testing.assert_allclose(model.predict(loader, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(torch.tensor(X), torch.tensor(Y), verbose=0), expected, rtol=1e-6)

    class Rows(Dataset):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, i: int) -> Any:
            return {"age": X[i, :1], "rest": torch.tensor(X[i, 1:], requires_grad=True)}, float(Y[i, 0])

    found = two_inputs.predict(DataLoader(Rows(), batch_size=6), verbose=0)
    np.testing.assert_allclose(found[:, 0], X.sum(1))
