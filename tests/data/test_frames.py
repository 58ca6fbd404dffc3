"""Tables of other libraries, read through Arrow's PyCapsule interface."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import addax as keras
from addax import layers
from addax.data.adapt import adapt
from addax.data.arrow import is_arrow, read_arrow
from addax.data.frames import frame_values

NUMBERS = [pl.Int8, pl.UInt8, pl.Int16, pl.UInt16, pl.Int32, pl.UInt32, pl.Int64, pl.UInt64, pl.Float32, pl.Float64]
TEXTS = ["", "a", "twelve bytes", "one more than twelve bytes", "ä" * 9, "…"]


class Stream:
    """Hands out Arrow data and has no other method, as a library that nobody here knows."""

    def __init__(self, table: Any):
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 127)), max_size=40),
    dtype=st.sampled_from(NUMBERS),
    cut=st.tuples(st.integers(0, 12), st.integers(0, 40)),
)
@settings(max_examples=60, deadline=None)
def test_numbers_with_gaps_and_offsets(values: list, dtype: Any, cut: tuple[int, int]) -> None:
    series = pl.Series(values, dtype=dtype)[cut[0] : cut[1]]
    found = read_arrow(Stream(series))
    wanted = [np.nan if v is None else v for v in series.to_list()]
    np.testing.assert_array_equal(found, wanted)
    if len(series) and None not in series.to_list():
        assert found.dtype == series.to_numpy().dtype


@given(st.lists(st.one_of(st.none(), st.sampled_from(TEXTS)), max_size=20), st.booleans(), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_text_and_bools(texts: list, categorical: bool, skip: int) -> None:
    table = pl.DataFrame({"t": pl.Series(texts, dtype=pl.String), "b": [None if t is None else t > "b" for t in texts]})
    if categorical:
        table = table.with_columns(pl.col("t").cast(pl.Categorical))
    found = read_arrow(Stream(table[skip:]))
    assert isinstance(found, dict)
    assert found["t"].tolist() == texts[skip:]
    np.testing.assert_array_equal(found["b"], [np.nan if t is None else t > "b" for t in texts[skip:]])


def test_lists_dates_and_chunks() -> None:
    rows = np.arange(12.0).reshape(4, 3)
    table = pl.DataFrame(
        {
            "fixed": pl.Series(rows, dtype=pl.Array(pl.Float64, 3)),
            "lists": pl.Series(rows.tolist(), dtype=pl.List(pl.Float64)),
            "days": [datetime.date(1969, 12, 31), None, datetime.date(2026, 1, 2), datetime.date(2000, 2, 29)],
            "times": [datetime.datetime(2026, 1, 2, 3, 4, 5, 6)] * 4,
        }
    )
    chunked = table.vstack(table[1:3])
    assert chunked.n_chunks() == 2
    found = read_arrow(Stream(chunked))
    assert isinstance(found, dict)
    wanted = np.concatenate([rows, rows[1:3]])
    np.testing.assert_array_equal(found["fixed"], wanted)
    np.testing.assert_array_equal(found["lists"], wanted)
    days = np.array(["1969-12-31", "NaT", "2026-01-02", "2000-02-29", "NaT", "2026-01-02"], "M8[D]")
    np.testing.assert_array_equal(found["days"], days)
    assert found["times"][0] == np.datetime64("2026-01-02T03:04:05.000006")


def test_what_has_no_array_is_named() -> None:
    with pytest.raises(ValueError, match="Column 'bag' has lists of different lengths \\(1 to 2\\)"):
        read_arrow(pl.DataFrame({"bag": [[1], [2, 3]]}))
    with pytest.raises(ValueError, match=r"Column 'pair' has Arrow type '\+s'"):
        read_arrow(pl.DataFrame({"pair": [{"a": 1}]}))
    with pytest.raises(ValueError, match="has no columns"):
        frame_values(pl.DataFrame())
    with pytest.raises(ValueError, match="'a': \\(\\), 'b': \\(2, 2\\)"):
        frame_values(pl.DataFrame({"a": [1], "b": pl.Series([[[1, 2], [3, 4]]])}))


def test_tables_as_arrays() -> None:
    table = {"a": [1, 2], "b": [0.5, 1.5]}
    wanted = np.array([[1.0, 0.5], [2.0, 1.5]])
    for x in (pl.DataFrame(table), pl.LazyFrame(table), pd.DataFrame(table), Stream(pl.DataFrame(table))):
        np.testing.assert_array_equal(frame_values(x), wanted)
        assert set(frame_values(x, ["b", "a"])) == {"a", "b"}
        np.testing.assert_array_equal(frame_values(x, ["b", "c"]), wanted)
    assert frame_values(pl.DataFrame({"a": [1], "t": ["x"]})).tolist() == [[1, "x"]]
    assert frame_values(pl.DataFrame({"a": [[1, 2], [3, 4]]})).tolist() == [[1, 2], [3, 4]]
    assert not is_arrow(np.zeros(3)) and is_arrow(pl.Series([1]))


@pytest.fixture(scope="module")
def named() -> Any:
    """A model of two named inputs and two named outputs."""
    a, b = keras.Input((1,), name="age"), keras.Input((1,), name="height")
    both = layers.Concatenate()([a, b])
    ones = {"kernel_initializer": "ones"}
    model = keras.Model([a, b], [layers.Dense(1, name="sum", **ones)(both), layers.Dense(1, name="same", **ones)(a)])
    model.compile(keras.optimizers.SGD(0.0), {"sum": "mse", "same": "mae"})
    return model


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, lambda d: Stream(pl.DataFrame(d))])
def test_columns_by_the_names_of_inputs_and_outputs(named: Any, make: Any) -> None:
    rows = np.arange(6.0)
    x = make({"height": rows, "name": ["ignored"] * 6, "age": rows + 1})
    y = make({"same": rows, "sum": rows})
    total, same = named.predict(x, verbose=0)
    np.testing.assert_array_equal([total[:, 0], same[:, 0]], [2 * rows + 1, rows + 1])
    losses = [np.mean((rows + 1) ** 2) + 1, np.mean((rows + 1) ** 2), 1]
    found = named.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose([found["loss"], found["sum_loss"], found["same_loss"]], losses, rtol=1e-6)
    history = named.fit(x, y, verbose=0, validation_data=(x, y)).history
    np.testing.assert_allclose([history["loss"][0], history["val_loss"][0]], losses[0], rtol=1e-6)
    np.testing.assert_allclose(named.train_on_batch(x, y)[0], losses[0], rtol=1e-6)


def test_a_text_column_for_a_layer_on_the_host() -> None:
    word, number = keras.Input((1,), dtype="string", name="word"), keras.Input((1,), name="number")
    found = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(word)
    model = keras.Model([word, number], layers.Concatenate()([found, number]))
    predicted = model.predict(pl.DataFrame({"number": [1, 2, 3], "word": ["b", "a", "c"]}), verbose=0)
    np.testing.assert_array_equal(predicted, [[0, 0, 1, 1], [0, 1, 0, 2], [1, 0, 0, 3]])


def test_pyarrow_and_duckdb() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": pa.chunked_array([[1, None], [3]]), "c": pa.array(["u", None, "v"]).dictionary_encode()})
    found = read_arrow(table.slice(1, 2))
    assert isinstance(found, dict)
    np.testing.assert_array_equal(found["a"], [np.nan, 3])
    assert found["c"].tolist() == [None, "v"]
    np.testing.assert_array_equal(read_arrow(pa.array([1, 2, 3])[1:]), [2, 3])
    duckdb = pytest.importorskip("duckdb")
    found = frame_values(duckdb.sql("select 1.5 as a, 2 as b, 1e3::double as c, true as d"))
    np.testing.assert_array_equal(found, [[1.5, 2, 1000, 1]])


def test_hugging_face() -> None:
    datasets = pytest.importorskip("datasets")
    pa = pytest.importorskip("pyarrow")
    data = datasets.Dataset(pa.table({"f": [[1.0, 2.0], [3.0, 4.0]], "y": [0, 1]}), fingerprint="fixed")
    batch = adapt(data["f"], data["y"]).peek()
    np.testing.assert_array_equal(batch[0], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(batch[1], [0, 1])
    np.testing.assert_array_equal(frame_values(data.select_columns(["f"])), [[1, 2], [3, 4]])
