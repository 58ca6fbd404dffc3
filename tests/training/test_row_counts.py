"""Data of any number of rows run in programs that are compiled for some numbers of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import addax as keras
from addax import layers
from addax.training import rows as rows_module
from addax.training.programs import program_of
from addax.training.rows import capacity

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 4)).astype("float32")
Y = RNG.integers(0, 3, 500)
COUNTS = (100, 96, 66, 150, 200, 64, 260, 300, 351, 400, 450, 499, 500)


def model(mixes_rows: bool = False) -> Any:
    keras.utils.set_random_seed(0)
    between = [layers.BatchNormalization()] if mixes_rows else [layers.Dropout(0.3)]
    net = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), *between, layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def programs(net: Any) -> dict[str, int]:
    """How many programs of each kind there are."""
    return {kind: program_of(net, kind).compiles for kind in ("train", "test", "predict")}


@pytest.mark.parametrize("shuffle", [True, False])
def test_another_number_of_rows_needs_no_program(shuffle: bool) -> None:
    net = model()

    def run(rows: int) -> None:
        net.fit(X[:rows], Y[:rows], verbose=0, shuffle=shuffle, validation_data=(X[: rows - 1], Y[: rows - 1]))
        net.evaluate(X[:rows], Y[:rows], verbose=0)
        net.predict(X[:rows], verbose=0)

    for rows in (100, 128, 129, 500):  # with and without a rest, few and many batches to predict
        run(rows)
    before = programs(net)
    for rows in COUNTS:
        run(rows)
    assert programs(net) == before


@pytest.mark.parametrize(
    ("mixes_rows", "rows", "shuffle"), [(False, 150, True), (False, 128, False), (True, 150, "batch")]
)
def test_the_memory_makes_no_bit_of_difference(
    mixes_rows: bool, rows: int, shuffle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def results() -> list:
        net = model(mixes_rows)
        history = net.fit(X[:rows], Y[:rows], epochs=2, verbose=0, shuffle=shuffle, validation_data=(X, Y)).history
        evaluated = net.evaluate(X[:rows], Y[:rows], verbose=0)
        return [
            *net.get_weights(),
            *net.optimizer.variables,
            evaluated,
            net.predict(X[:rows], verbose=0),
            *history.values(),
        ]

    padded = results()
    monkeypatch.setattr(rows_module, "capacity", lambda rows, row_bytes: rows)
    for a, b in zip(padded, results(), strict=True):
        np.testing.assert_array_equal(np.array(a), np.array(b))


@given(rows=st.integers(1, 10**7), row_bytes=st.integers(1, 10**6))
def test_memory_is_enough_and_little_of_it_unused(rows: int, row_bytes: int) -> None:
    found = capacity(rows, row_bytes)
    assert found >= rows
    small, medium = found * row_bytes <= 64 << 10, found * row_bytes <= 8 << 20
    assert small or found <= (2 * rows if medium else rows * 9 / 8 + 1)
    assert capacity(found, row_bytes) == found  # so that all between have the same memory
    assert all(capacity(r, row_bytes) <= found for r in (max(rows // 2, 1), max(rows - 1, 1)))
