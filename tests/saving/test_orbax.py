"""Checkpoints of `OrbaxCheckpoint`, of both libraries, are loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import addax

pytest.importorskip("orbax.checkpoint")
keras = pytest.importorskip("keras")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # Orbax takes its time, and warns

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1]


def functional(k: Any) -> Any:
    inputs = k.Input((4,), name="i")
    x = k.layers.Dropout(0.2)(k.layers.Dense(3, "relu", name="a")(inputs))
    x = k.layers.BatchNormalization(name="n")(k.layers.Dropout(0.1)(x))
    return k.Model(inputs, k.layers.Dense(1, name="b")(x), name="m")


def sequential(k: Any) -> Any:
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, "relu", name="a"), k.layers.Dense(1, name="b")])


def trained(k: Any, make: Any, folder: Path, **options: Any) -> Any:
    model = make(k)
    model.compile(k.optimizers.Adam(0.01), "mse", metrics=["mae"])
    callback = k.callbacks.OrbaxCheckpoint(str(folder), max_to_keep=None, **options)
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0, callbacks=[callback], shuffle=False)
    return model


def same(loaded: Any, model: Any) -> None:
    """Predictions, and what another epoch makes of both, in which the state of the optimizer and of the seeds is."""
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    for one in (loaded, model):
        one.fit(X, Y, batch_size=8, verbose=0, shuffle=False)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [functional, sequential])
@pytest.mark.parametrize("k", [addax, keras], ids=["addax", "keras"])
def test_models_go_on_from_checkpoints(k: Any, make: Any, tmp_path: Path) -> None:
    model = trained(k, make, tmp_path / "run")
    loaded = addax.saving.load_model(tmp_path / "run")
    assert int(loaded.optimizer.iterations.numpy()) == 4
    first = addax.saving.load_model(tmp_path / "run" / "0", compile=False)
    assert not first.compiled
    assert np.abs(first.predict(X, verbose=0) - loaded.predict(X, verbose=0)).max() > 1e-4
    other = make(addax)
    other.load_weights(tmp_path / "run")
    again = make(addax)
    again.compile(addax.optimizers.Adam(0.01), "mse", metrics=["mae"])
    again.load_weights(tmp_path / "run")
    assert int(again.optimizer.iterations.numpy()) == 4
    for one in (other, again):
        np.testing.assert_array_equal(one.predict(X, verbose=0), loaded.predict(X, verbose=0))
    if k is keras and make is functional:  # the bits of a dropout are others in addax
        np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    else:
        same(loaded, model)


def test_weights_alone(tmp_path: Path) -> None:
    model = trained(keras, functional, tmp_path / "run", save_weights_only=True)
    with pytest.raises(ValueError, match=r"Checkpoint does not contain model configuration.*load_weights"):
        addax.saving.load_model(tmp_path / "run")
    loaded = functional(addax)
    loaded.load_weights(tmp_path / "run")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    trained(addax, functional, tmp_path / "run")
    inputs = addax.Input((4,), name="i")
    x = addax.layers.Dense(3, name="a")(inputs)
    model = addax.Model(inputs, addax.layers.Dense(2, name="b")(addax.layers.Dense(2, name="c")(x)), name="other")
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"run/1 does not fit model 'other'.*'c/kernel' is missing.*'b/bias' must have"
    ):
        model.load_weights(tmp_path / "run")
    for got, want in zip(model.get_weights(), before):
        np.testing.assert_array_equal(got, want)
    with pytest.warns(UserWarning, match="These are skipped"):
        model.load_weights(tmp_path / "run", skip_mismatch=True)
    assert not np.array_equal(model.get_weights()[0], before[0])
    with pytest.raises(ValueError, match="`objects_to_skip` is not supported"):
        model.load_weights(tmp_path / "run", objects_to_skip=[model.layers[1]])
    with pytest.raises(ValueError, match="read into models"):
        addax.saving.load_weights(model.layers[1], tmp_path / "run")


def test_damaged_checkpoints(tmp_path: Path) -> None:
    trained(addax, functional, tmp_path / "run")
    for name in ("pytree/_METADATA", "pytree/manifest.ocdbt", "model_config/_strings.json", "pytree/d"):
        shutil.copytree(tmp_path / "run", tmp_path / "bad", dirs_exist_ok=True)
        bad = tmp_path / "bad" / "1" / name
        for file in [bad] if bad.is_file() else list(bad.iterdir()):
            content = file.read_bytes()
            file.write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match="bad") as error:
            addax.saving.load_model(tmp_path / "bad")
        assert isinstance(error.value, (ValueError, TypeError))
