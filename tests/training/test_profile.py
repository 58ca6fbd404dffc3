"""Profiling changes nothing that training computes, and its times add up."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

import addax as keras
from addax.core import config, seeds

X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
Y = X.sum(1, keepdims=True)


def dense_layers():
    return [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]


def make(layers=dense_layers, **compile_arguments):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,)), *layers()])
    model.compile(**{"optimizer": "adam", "loss": "mse", "metrics": ["mae"], **compile_arguments})
    return model


class Looks(keras.callbacks.Callback):
    """Looks at every batch, slowly."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.01)


def conv_layers():
    layers = keras.layers
    return [layers.Reshape((3, 2)), layers.Conv1D(4, 2), layers.Flatten(), layers.Dense(1)]


def coupled_layers():
    return [keras.layers.Dense(5), keras.layers.BatchNormalization(), keras.layers.Dense(1)]


def batches():
    for i in range(0, 40, 8):
        yield X[i : i + 8], Y[i : i + 8]


# What is trained, how, and what the profile says of the way it went: (steps, dispatches, words of `path`).
WAYS = {
    "arrays": ({}, {"x": X, "y": Y}, (5, 1, "many steps a dispatch, as nothing looks between them")),
    "ragged": ({}, {"x": X[:37], "y": Y[:37]}, (5, None, "many steps a dispatch")),
    "a tail of its own": (
        {"layers": coupled_layers},
        {"x": X[:37], "y": Y[:37]},
        (5, 2, "many steps a dispatch, as nothing looks between them"),
    ),
    "watched": (
        {},
        {"x": X, "y": Y, "callbacks": [Looks()]},
        (5, 5, "one step a dispatch, as Looks looks at every batch"),
    ),
    "watched by threes": (
        {"steps_per_execution": 3},
        {"x": X, "y": Y, "callbacks": [Looks()]},
        (5, 2, "3 steps a dispatch, as Looks looks at every batch"),
    ),
    "generator": ({}, {"x": batches}, (5, 1, "many steps a dispatch, as nothing looks between them")),
    "eager": ({"run_eagerly": True}, {"x": X, "y": Y}, (5, 5, "one step a dispatch, as `run_eagerly` is on")),
    "convolution": ({"layers": conv_layers}, {"x": X, "y": Y}, (5, 5, "convolutions don't run well in loops on CPUs")),
    "no loops": ({}, {"x": X, "y": Y, "fuse": False}, (5, 5, "as the setting `fuse_steps` is off")),
    "part of the arrays": (
        {},
        {"x": X, "y": Y, "steps_per_epoch": 3},
        (3, 1, "many steps a dispatch, as nothing looks between them"),
    ),
    "one batch": ({}, {"x": X[:8], "y": Y[:8]}, (1, 1, "as an epoch has one full batch")),
}


def fit(make_arguments, fit_arguments, **kwargs):
    arguments = {"batch_size": 8, "verbose": 0, **fit_arguments, **kwargs}
    if callable(arguments["x"]):
        arguments.update(x=arguments["x"](), batch_size=None)
    model = make(**make_arguments)
    config.set("fuse_steps", arguments.pop("fuse", True))
    try:
        return model, model.fit(**arguments)
    finally:
        config.set("fuse_steps", True)


@pytest.mark.parametrize("name", WAYS)
def test_says_how_steps_ran_and_changes_no_result(name):
    make_arguments, fit_arguments, (steps, dispatches, words) = WAYS[name]
    model, history = fit(make_arguments, fit_arguments, profile=True)
    plain_model, plain = fit(make_arguments, fit_arguments)
    for a, b in zip(values(model), values(plain_model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.history == plain.history
    assert plain.profile is None
    found = history.profile
    assert found.steps == steps
    assert dispatches is None or found.dispatches == dispatches
    assert words in found.path
    assert all(seconds >= 0 for seconds in found.seconds.values())
    if name != "eager":
        assert found.seconds["dispatch"] + found.seconds["device"] > 0


def values(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [np.array(v.numpy()) for v in variables]


def test_phases_are_the_whole_time_and_each_gets_its_own():
    def slow():
        for batch in batches():
            time.sleep(0.02)
            yield batch

    keras.utils.clear_session(free_memory=False)
    model = make(lambda: [keras.layers.Dense(11, "tanh"), keras.layers.Dense(1)])
    began = time.perf_counter()
    found = model.fit(slow(), verbose=0, callbacks=[Looks()], validation_data=(X, Y), profile=True).profile
    took = time.perf_counter() - began
    assert found.total == pytest.approx(sum(found.seconds.values()))
    assert found.total <= took
    # Sleeping takes at least as long as was asked for: the first batch is made when the data are looked at.
    assert found.seconds["input"] >= 4 * 0.02
    assert found.seconds["setup"] >= 0.02
    assert found.seconds["callbacks"] >= 5 * 0.01
    assert found.seconds["validation"] > 0
    assert found.programs.count("train_batch") == 1
    assert any(p.startswith("test_") for p in found.programs)
    assert found.seconds["trace"] > 0 and found.seconds["compile"] > 0
    again = model.fit(X[:8], Y[:8], batch_size=4, verbose=0, callbacks=[Looks()], profile=True).profile
    once_more = model.fit(X[:8], Y[:8], batch_size=4, verbose=0, callbacks=[Looks()], profile=True).profile
    assert again.programs and not once_more.programs
    assert once_more.seconds["compile"] == 0


def test_programs_found_on_disk_are_counted(tmp_path):
    script = (
        "import numpy as np, addax as keras\n"
        "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])\n"
        "model.compile('sgd', 'mse')\n"
        "found = model.fit(np.ones((64, 3)), np.ones((64, 2)), verbose=0, profile=True).profile\n"
        "print(found.programs, found.cached, 'found on disk' in str(found))"
    )
    environment = {**os.environ, "ADDAX_CACHE_DIR": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    runs = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.strip() for run in runs] == ["['train_loop'] 0 False", "['train_loop'] 1 True"]


def test_nested_tracing_is_counted_once():
    """JAX tells of inner functions before the outer one, whose time includes theirs."""
    from addax.training.profile import Profiler

    trace = "/jax/core/compile/jaxpr_trace_duration"
    profiler = Profiler(None)
    time.sleep(0.05)
    profiler.heard(trace, 0.01, fun_name="inner")
    time.sleep(0.02)
    profiler.heard(trace, 0.01, fun_name="inner")
    profiler.heard(trace, 0.045, fun_name="outer")
    found = profiler.finish()
    assert found.seconds["trace"] == pytest.approx(0.045)
    assert found.total >= 0.07


def test_flops_are_those_of_the_step():
    """Two products forward, three backward (the data need no gradient): 2 operations for each multiply-add."""
    model = make(
        lambda: [keras.layers.Dense(64, use_bias=False), keras.layers.Dense(32, use_bias=False)], optimizer="sgd"
    )
    y = np.zeros((40, 32), "float32")
    fused = model.fit(X, y, batch_size=8, verbose=0, profile=True).profile
    products = 2 * 8 * (2 * 6 * 64 + 3 * 64 * 32)
    assert products < fused.flops < 1.2 * products
    single = model.fit(X, y, batch_size=8, verbose=0, callbacks=[Looks()], profile=True).profile
    batch = model.fit(((X[i : i + 8], y[i : i + 8]) for i in range(0, 40, 8)), verbose=0, profile=True).profile
    assert single.flops == pytest.approx(fused.flops, rel=0.02)  # the logs are worked out in it
    assert batch.flops == pytest.approx(fused.flops, rel=0.02)
    assert fused.flops_per_second > 0
    recurrent = make(lambda: [keras.layers.Reshape((3, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
    assert recurrent.fit(X, Y, verbose=0, profile=True).profile.flops is None  # a loop's turns are not counted


@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize("built", [True, False])
def test_utils_profile_leaves_everything_as_it_was(steps, built):
    def train(profiled):
        keras.utils.set_random_seed(5)
        layers = [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)]
        model = keras.Sequential([*([keras.Input((6,))] if built else []), *layers, keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=2), "mse", metrics=["mae"])
        if built:
            model.fit(X, Y, epochs=1, verbose=0)
        before = (model.history, model.get_metrics_result() if built else None)
        if profiled:
            state = values(model) if built else None
            found = keras.utils.profile(model, X, Y, batch_size=8, steps=steps, callbacks=[Looks()])
            assert found.steps == (steps or 5)
            if built:
                for a, b in zip(state, values(model), strict=True):
                    np.testing.assert_array_equal(a, b)
            assert model.history is before[0]
            if built:
                assert model.get_metrics_result() == before[1]
        streams = (random.random(), np.random.rand(), np.asarray(seeds.global_seed_generator().next()).tolist())
        history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
        return history.history, values(model), streams

    history, end, streams = train(profiled=True)
    plain_history, plain_end, plain_streams = train(profiled=False)
    assert history == plain_history
    assert streams == plain_streams
    for a, b in zip(end, plain_end, strict=True):
        np.testing.assert_array_equal(a, b)


def test_utils_profile_restores_after_an_error():
    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise RuntimeError("stop")

    model = make()
    model.fit(X, Y, verbose=0)
    before = values(model)
    with pytest.raises(RuntimeError, match="stop"):
        keras.utils.profile(model, X, Y, batch_size=8, callbacks=[Stops()])
    for a, b in zip(before, values(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert keras.utils.profile(model, X, Y, batch_size=8, steps=3).steps == 3


def test_utils_profile_runs_as_many_steps_as_asked():
    weights = {"sample_weight": np.ones(40), "class_weight": None}
    for arguments in ({}, weights, {"validation_split": 0.5}, {"epochs": 2}):
        found = keras.utils.profile(make(), X, Y, batch_size=8, steps=2, **arguments)
        assert found.steps == 2 * arguments.get("epochs", 1)
        assert found.path == "many steps a dispatch, as nothing looks between them"
    assert keras.utils.profile(make(), batches(), steps=2).steps == 2


def test_utils_profile_says_what_is_wrong():
    with pytest.raises(ValueError, match="You must call `compile"):
        keras.utils.profile(keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)]), X, Y)
    with pytest.raises(ValueError, match="`steps` must be a positive integer"):
        keras.utils.profile(make(), X, Y, steps=0)


def test_prints_a_short_table(capsys):
    found = make().fit(X, Y, batch_size=8, verbose=2, profile=True).profile
    printed = capsys.readouterr().out
    assert str(found) in printed
    lines = str(found).splitlines()
    assert len(lines) < 20 and max(map(len, lines)) <= 120
    assert [line.split()[0] for line in lines[1:8]] == [p for p in found.seconds if p != "validation"]
    assert "5 steps in " in str(found) and "steps/s" in str(found)
    make().fit(X, Y, batch_size=8, verbose=0, profile=True)
    assert capsys.readouterr().out == ""
