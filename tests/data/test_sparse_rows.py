"""Large sparse matrices given to fit, evaluate and predict: as dense ones, in less memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import addax as keras
from addax.data import sparse_rows

RNG = np.random.default_rng(0)
MATRIX = scipy.sparse.random(50, 12, 0.3, random_state=0, dtype="float64")
DENSE = MATRIX.toarray()
LABELS = scipy.sparse.random(50, 3, 0.4, random_state=1, dtype="float32")


def bcoo(matrix: Any) -> Any:
    from jax.experimental.sparse import BCOO

    return BCOO.fromdense(matrix.toarray().astype("float32"), nse=matrix.nnz + 7)  # some that point outside


KINDS = {"csr": scipy.sparse.csr_matrix, "coo": scipy.sparse.coo_array, "csc": scipy.sparse.csc_matrix, "bcoo": bcoo}


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_rows, "_WHOLE", 0)


def model() -> Any:
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3)])
    made.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"shuffle": True}, {"shuffle": "batch", "validation_split": 0.2}], ids=str)
def test_results_of_dense_data(kind: str, options: dict[str, Any]) -> None:
    x, y = KINDS[kind](MATRIX), KINDS[kind](LABELS)
    found = []
    for given in ((x, y), (DENSE, LABELS.toarray())):
        made = model()
        np.random.seed(3)  # of which the order is drawn
        history = made.fit(*given, batch_size=8, epochs=2, verbose=0, **options).history
        results = made.evaluate(*given, batch_size=8, verbose=0)
        found.append([*history.values(), results, made.predict(given[0], batch_size=8, verbose=0)])
        found[-1].append(made.train_on_batch(*given))
    for ours, dense in zip(*found, strict=True):
        np.testing.assert_allclose(ours, dense, rtol=1e-5, atol=1e-6)


def test_several_inputs_and_weights() -> None:
    a, b = keras.Input((12,), name="a"), keras.Input((2,), name="b")
    made = keras.Model({"a": a, "b": b}, keras.layers.Dense(1)(keras.layers.Concatenate()([a, b])))
    made.compile("sgd", "mse")
    other, y, weights = RNG.random((50, 2)), RNG.integers(0, 2, (50, 1)), RNG.random(50)
    losses = [
        made.evaluate({"a": x, "b": other}, y, sample_weight=weights, batch_size=7, verbose=0)
        for x in (scipy.sparse.csr_array(MATRIX), DENSE)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    made.fit({"a": scipy.sparse.csr_array(MATRIX), "b": other}, y, class_weight={0: 1.0, 1: 3.0}, verbose=0)


def test_rows_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="cardinality is ambiguous"):
        model().fit(scipy.sparse.csr_matrix(MATRIX), np.zeros((49, 3)), verbose=0)


def test_resuming_is_exact(tmp_path: Path) -> None:
    def trained(folder: str, stop: bool) -> Any:
        class Stop(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                steps.append(batch)
                if stop and len(steps) == 10:
                    raise RuntimeError("stopped")

            def state(self) -> dict[str, Any]:
                return {}

        steps: list[int] = []
        made = model()
        resume = keras.checkpoints.Checkpoints(tmp_path / folder, every_steps=3)
        made.fit(
            scipy.sparse.csr_matrix(MATRIX),
            LABELS,
            batch_size=8,
            epochs=3,
            verbose=0,
            callbacks=[Stop()],
            resume=resume,
        )
        return made.get_weights(), len(steps)

    whole, steps = trained("whole", False)
    with pytest.raises(RuntimeError, match="stopped"):
        trained("part", True)
    resumed, rest = trained("part", False)
    assert steps == 21 and 0 < rest < 15
    for a, b in zip(whole, resumed):
        np.testing.assert_array_equal(a, b)


def test_other_data_are_noticed(tmp_path: Path) -> None:
    for matrix, context in ((MATRIX, None), (MATRIX * 2, pytest.raises(ValueError, match="data"))):
        fit = lambda x=matrix: model().fit(  # noqa: E731
            scipy.sparse.csr_matrix(x), LABELS, epochs=1, verbose=0, resume=str(tmp_path)
        )
        if context is None:
            fit()
        else:
            with context:
                fit()


def test_memory() -> None:
    """Dense, the matrix would take 640 MB: the process stays far below."""
    script = """
import numpy as np, scipy.sparse, addax as keras
def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) // 1024
rng = np.random.default_rng(0)
x = scipy.sparse.csr_matrix((np.ones(40_000, "float32"), (np.arange(40_000), rng.integers(0, 4_000, 40_000))))
y = np.ones((40_000, 1), "float32")
model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(x[:5_000], y[:5_000], batch_size=500, verbose=0)
model.predict(x[:5_000], batch_size=500, verbose=0)
before = peak()
model.fit(x, y, batch_size=500, verbose=0)
model.predict(x, batch_size=500, verbose=0)
print(peak() - before)
"""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("the peak is read from /proc")
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert int(ended.stdout) < 200, ended.stdout
