"""Programs shared by models that are described alike: what tells models apart, and what finds a description lacking."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core import config
from addax.core.fingerprint import Description
from addax.training.executables import SharingError, first_difference, shared
from addax.training.programs import program_of

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def test_inputs_given_by_name_go_where_their_name_is():
    def difference(first, second):
        a, b = keras.Input((1,), name=first), keras.Input((1,), name=second)
        return keras.Model([a, b], a - b)

    data = {"a": np.array([[5.0]]), "b": np.array([[3.0]])}
    for use in (
        lambda m: m.predict(data, verbose=0),
        lambda m: np.asarray(m(data)),
        lambda m: m.predict_on_batch(data),
    ):
        for names, expected in ((("a", "b"), 2.0), (("b", "a"), -2.0), (("a", "b"), 2.0)):
            assert use(difference(*names))[0, 0] == expected


@pytest.mark.parametrize("metrics", [False, True])
def test_labels_given_by_name_go_where_their_name_is(metrics):
    def evaluated(first, second):
        """The loss of the first output, which is 1 everywhere."""
        x = keras.Input((4,))
        parts = [
            layers.Dense(1, "linear", kernel_initializer="zeros", bias_initializer=b)(x) for b in ("ones", "zeros")
        ]
        model = keras.Model(x, [layers.Identity(name=n)(p) for n, p in zip((first, second), parts)])
        model.compile("sgd", loss={first: "mse"}, metrics={first: ["mae"]} if metrics else None)
        labels = {"a": np.ones((12, 1)), "b": np.full((12, 1), 4.0)}
        return model.evaluate(X, labels, verbose=0, return_dict=True)["loss"]

    assert [evaluated(*names) for names in (("a", "b"), ("b", "a"), ("a", "b"))] == [0.0, 9.0, 0.0]


def test_models_that_differ_in_the_loss_share_predictions():
    found = []
    for loss in ("mse", "mae"):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
        model.predict(X, verbose=0)
        model.compile("sgd", loss)
        model.predict(X, verbose=0)
        found.append(model._programs["predict"].executables)
    assert found[0] is found[1] and found[0].traces == 1


def test_settings_that_computations_read_count_and_others_do_not():
    def traces():
        model = keras.Sequential([keras.Input((4,)), layers.LayerNormalization(), layers.Dense(1)])
        model.predict(X, verbose=0)
        return model._programs["predict"].executables.traces

    shared.clear()
    assert [traces(), traces()] == [1, 1]
    config.set("summary_style", "classic")
    try:
        assert traces() == 1
        model = keras.Sequential([keras.Input((4,)), layers.LayerNormalization(), layers.Dense(1)])
        before = Description("predict", model, model)
        config.set_epsilon(1e-3)
        assert Description("predict", model, model) != before
    finally:
        config.set("summary_style", "rich")
        config.set_epsilon(1e-7)


def test_jaxs_own_settings_count():
    import jax

    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.predict(X, verbose=0)
    traces = program_of(model, "predict").compiles
    with jax.default_matmul_precision("highest"):
        model.predict(X, verbose=0)
        assert program_of(model, "predict").compiles == traces + 1
    model.predict(X, verbose=0)
    assert program_of(model, "predict").compiles == traces + 1


CARELESS = """
from addax import layers

class Careless(layers.Layer):
    _about = ("factor",)

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor
"""


@pytest.fixture
def careless():
    """A layer of addax's that describes itself carelessly: it computes with what it leaves out."""
    module = {"__name__": "addax.layers.careless"}
    exec(CARELESS, module)
    shared.clear()
    yield module["Careless"]
    shared.clear()


@pytest.mark.parametrize("how", ["predict", "call", "fit", "loop", "evaluate"])
def test_a_description_that_lacks_something_is_found(careless, how):
    assert config.get("verify_sharing"), "these tests run with it"

    def run(factor, name):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), careless(factor), layers.Dense(1)], name=name)
        model.compile("sgd", "mse")
        return {
            "predict": lambda: model.predict(X, verbose=0),
            "call": lambda: np.asarray(model(X)),
            "fit": lambda: model.fit(X, Y, batch_size=12, verbose=0).history["loss"],
            "loop": lambda: model.fit(X, Y, batch_size=3, verbose=0).history["loss"],
            "evaluate": lambda: model.evaluate(X, Y, verbose=0),
        }[how]()

    first = run(2.0, "first")
    np.testing.assert_array_equal(run(2.0, "same"), first)
    with pytest.raises(SharingError, match=r"model 'other' is shared with model 'first'.*mul \w+ 2.0:.*mul \w+ 3.0:"):
        run(3.0, "other")
    config.set("verify_sharing", False)
    try:
        np.testing.assert_array_equal(run(3.0, "other"), first)  # silently wrong, which is why tests verify
    finally:
        config.set("verify_sharing", True)


def test_constants_are_compared():
    import jax

    one, other = np.arange(3.0), np.array([0.0, 1.0, 5.0])
    make = jax.make_jaxpr
    assert first_difference(make(lambda x: x + one)(one), make(lambda x: x + one.copy())(one)) == ""
    assert "constant" in first_difference(make(lambda x: x + one)(one), make(lambda x: x + other)(one))
    longer = first_difference(make(lambda x: x + 1)(1.0), make(lambda x: x)(1.0))
    assert "add" in longer or "difference" in longer


def test_the_programs_of_the_models_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(shared, "most", 3)
    shared.clear()

    def predicted(units):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(units)])
        model.predict(X, verbose=0)
        return weakref.ref(model._programs["predict"].executables), model._programs["predict"].compiles

    first, _ = predicted(1)
    for units in (2, 3, 4):
        predicted(units)
    gc.collect()
    assert first() is None
    assert predicted(3)[1] == 1  # traced once, for the model before


def test_programs_of_users_code_go_with_their_model():
    class Mine(layers.Layer):
        def call(self, x):
            return x * 2

    model = keras.Sequential([keras.Input((4,)), Mine(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=3, verbose=0)
    model.predict(X, verbose=0)
    kept = [weakref.ref(x) for x in (model, model._programs["train"].executables, Mine)]
    del model, Mine
    gc.collect()
    assert [ref() for ref in kept[:2]] == [None, None]


def test_descriptions_are_values():
    class Owner:
        pass

    one, other = Owner(), Owner()
    known = [Description("predict", owner, layers.Dense(3)) for owner in (one, other)]
    assert known[0] == known[1] and hash(known[0]) == hash(known[1]) and known[0].program() is one
    assert known[0] != Description("test", one, layers.Dense(3))
    assert known[0] != Description("predict", one, layers.Dense(3), mesh="mesh")
    assert known[0] != Description("predict", one, layers.Dense(3), shardings=("a",))
    unknown = [Description("predict", one, layers.Dense(3, activation=lambda x: x)) for _ in range(2)]
    assert unknown[0] != unknown[1] and unknown[0] == unknown[0] and not unknown[0].is_known
    del one
    gc.collect()
    with pytest.raises(AssertionError):
        known[0].program()


DEVICES = """
import jax, numpy as np
import addax as keras

devices = jax.devices()
assert len(devices) == 2
x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")

def trained(placement, normalization):
    keras.utils.set_random_seed(0)
    parts = [keras.layers.BatchNormalization()] if normalization else []  # a last batch with a program of its own
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), *parts, keras.layers.Dense(1)])
    model.compile("adam", "mse")
    if placement is not None:
        model.optimizer.build(model.trainable_variables)
        for v in [*model.variables, *model.optimizer.variables]:
            v.placement = placement
    for _ in range(2):
        model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0)
    found = [*model.get_weights(), model.predict(x, verbose=0), np.asarray(model(x))]
    where = {d for v in model.variables for d in v.value.devices()}
    return found, where

mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
replicated = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
for normalization in (False, True):
    expected, where = trained(None, normalization)
    assert where == {devices[0]}
    for placement, on in ((devices[1], {devices[1]}), (replicated, set(devices)), (None, {devices[0]})):
        found, where = trained(placement, normalization)
        assert where == on, (placement, where)
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
print("done")
"""


def test_programs_for_other_devices_are_others():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", DEVICES], env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr
