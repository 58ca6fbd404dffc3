"""Copies and pickles of models: the same computation and state, nothing shared with the original."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import addax
from addax import layers

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X[:, :1]


class Tagged(addax.Model):
    def __init__(self, *args, tag="none", **kwargs):
        super().__init__(*args, **kwargs)
        self.tag = tag


class Own(addax.Model):
    def __init__(self, width=4, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(width, activation="tanh"), layers.Dense(1)]
        self.named = {"norm": layers.BatchNormalization()}

    def call(self, x, training=None):
        return self.blocks[1](self.named["norm"](self.blocks[0](x), training=training))


class Doubled(addax.Operation):
    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor


def own_loss(y, p):
    return addax.ops.mean((y - p) ** 4)


def shared():
    """A shared layer, ops, nested models and an operation of the user's in one graph."""
    i = addax.Input((3,), name="i")
    layer = layers.Dense(3, name="shared")
    inner = addax.Model(i, layer(addax.ops.abs(i)), name="inner")
    stack = addax.Sequential([addax.Input((3,)), layers.Dense(3)], name="stack")
    y = layer(inner(stack(layer(i)))) + i[:, :1] * Doubled(2.0)(i)
    return addax.Model(i, {"a": layers.Dense(1, name="a")(y), "b": inner(i)}, name="m")


def chain(depth):
    x = i = addax.Input((3,))
    for n in range(depth):
        x = layers.Activation("linear", name=f"step_{n}")(x)
    return addax.Model(i, layers.Dense(1)(x))


KINDS = {
    "sequential": lambda: addax.Sequential([addax.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)]),
    "unbuilt sequential": lambda: addax.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)]),
    "only an input": lambda: addax.Sequential([addax.Input((3,))]),
    "functional": lambda: chain(2),
    "own class with a graph": lambda: Tagged(*(lambda m: (m.input, m.output))(chain(1)), tag="kept"),
    "own class": Own,
    "deeper than the stack of Python": lambda: chain(400),
}
COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "oldest pickle": lambda model: pickle.loads(pickle.dumps(model, protocol=2)),
}
EACH_COPY = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


@EACH_COPY
@pytest.mark.parametrize("kind", KINDS)
def test_copies_go_on_alike(kind, make_copy):
    model = KINDS[kind]()
    again = make_copy(model)
    assert (type(again), again.name, again.built) == (type(model), model.name, model.built)
    assert getattr(again, "tag", None) == getattr(model, "tag", None)
    if kind == "only an input":
        for m in (model, again):
            m.add(layers.Dense(1, kernel_initializer="ones"))
    model.compile("adam", own_loss, metrics=["mae"])
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    again = make_copy(model)
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert not {id(w) for w in (*again.weights, *again.optimizer.variables)} & {id(w) for w in model.weights}
    before = model.get_weights()
    first = again.fit(X, Y, shuffle=False, verbose=0).history
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    second = model.fit(X, Y, shuffle=False, verbose=0).history
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations) == 3
    for name in second:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-5)
    for a, b in zip(again.get_weights(), model.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@EACH_COPY
def test_the_graph_of_a_copy_is_its_own(make_copy, tmp_path):
    model = shared()
    again = make_copy(model)
    assert again.get_config() == model.get_config()
    originals = {id(o) for o in model._flatten_layers()}
    assert not originals & {id(layer) for layer in again._flatten_layers()}
    wanted = model(X)
    from_json = addax.models.model_from_json(again.to_json(), custom_objects={"Doubled": Doubled})
    for m in (again, make_copy(again), from_json):
        m.set_weights(model.get_weights())
        for name, value in m(X).items():
            np.testing.assert_array_equal(value, wanted[name])
    # Its tensors can be built on, its layers know their calls, and it can be saved.
    features = addax.Model(again.input, again.get_layer("inner").output)
    np.testing.assert_array_equal(features(X), addax.Model(model.input, model.get_layer("inner").output)(X))
    with pytest.warns(UserWarning, match="not registered: Doubled"):
        again.save(tmp_path / "m.keras")
    loaded = addax.models.load_model(tmp_path / "m.keras", custom_objects={"Doubled": Doubled})
    np.testing.assert_array_equal(loaded(X)["a"], wanted["a"])
    assert id(again.get_layer("shared")) == id(again.get_layer("inner").get_layer("shared"))


@EACH_COPY
def test_copies_of_a_layer_leave_its_graph_behind(make_copy):
    model = shared()
    layer = make_copy(model.get_layer("shared"))
    assert not layer._inbound_nodes and len(model.get_layer("shared")._inbound_nodes) == 3
    np.testing.assert_array_equal(layer(X), model.get_layer("shared")(X))


def test_a_pickle_is_read_by_another_process(tmp_path):
    (tmp_path / "own_module.py").write_text(
        "import addax\n"
        "@addax.saving.register_keras_serializable()\n"
        "class Scaled(addax.layers.Layer):\n"
        "    def __init__(self, factor=2.0, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.factor = factor\n"
        "    def call(self, x):\n"
        "        return x * self.factor\n"
    )
    write = (
        "import pickle, numpy as np, addax, own_module\n"
        "i = addax.Input((3,))\n"
        "model = addax.Model(i, addax.layers.Dense(1)(own_module.Scaled(3.0)(i)))\n"
        "model.compile('adam', 'mse', metrics=['mae'])\n"
        "model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)\n"
        "pickle.dump((model, model.predict(np.ones((2, 3)), verbose=0)), open('model.pickle', 'wb'))\n"
    )
    read = (
        "import pickle, numpy as np\n"
        "model, wanted = pickle.load(open('model.pickle', 'rb'))\n"
        "np.testing.assert_allclose(model.predict(np.ones((2, 3)), verbose=0), wanted, rtol=1e-6)\n"
        "assert model.layers[1].factor == 3.0 and int(model.optimizer.iterations) == 1\n"
        "model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for program in (write, read):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
