"""The classes of models: what is made from a graph is a Functional, and a class of the user's stays what it is."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import addax
from addax.models import Functional, Model, Sequential, clone_model


class Mine(Model):
    """Takes what Model takes, and a tag."""

    def __init__(self, *args, tag="none", **kwargs):
        super().__init__(*args, **kwargs)
        self.tag = tag


class Named(Model):
    """Takes the graph by name, and a tag of which its config tells."""

    def __init__(self, inputs, outputs, tag="none"):
        super().__init__(inputs, outputs)
        self.tag = tag

    def get_config(self):
        return {**super().get_config(), "tag": self.tag}


class Own(Model):
    """Makes its graph itself."""

    def __init__(self, width=3, **kwargs):
        inputs = addax.Input((2,))
        super().__init__(inputs, addax.layers.Dense(width)(inputs), **kwargs)
        self.width = width


class Twice(Model):
    """Calls its graph in a `call` of its own."""

    def call(self, inputs, training=None):
        return {"twice": super().call(inputs, training=training) * 2}


def graph():
    i = addax.Input((2,))
    return i, addax.layers.Dense(3, kernel_initializer="ones")(i)


def test_a_model_from_a_graph_is_functional():
    model = Model(*graph())
    assert type(model) is Functional and isinstance(model, Model)
    assert not isinstance(Sequential([addax.Input((2,)), addax.layers.Dense(1)]), Functional)
    assert not isinstance(Model(), Functional) and not isinstance(addax.layers.Dense(1), Functional)


@pytest.mark.parametrize(
    "make", [lambda: Mine(*graph(), tag="a"), lambda: Named(*graph(), "a"), Own, lambda: Twice(*graph())]
)
def test_a_class_of_the_users_stays_what_it_is(make):
    model = make()
    assert type(model) in (Mine, Named, Own, Twice)
    assert isinstance(model, Functional) and isinstance(model, Model)
    assert model.input_shape == (None, 2) and [layer.name for layer in model.layers] == [
        o.name for o in model.operations
    ]
    assert len({c.__name__ for c in type(model).__mro__}) == len(type(model).__mro__)


def test_its_own_call_is_what_is_computed_and_recorded():
    model = Twice(*graph())
    np.testing.assert_array_equal(model(np.ones((1, 2)))["twice"], [[4.0] * 3])
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0)["twice"], [[4.0] * 3])
    i = addax.Input((2,))
    assert set(model(i)) == {"twice"}
    np.testing.assert_array_equal(Model(i, model(i)["twice"])(np.ones((1, 2))), [[4.0] * 3])


@pytest.mark.parametrize("make", [lambda: Mine(*graph(), tag="v1"), lambda: Named(*graph(), tag="v1")])
def test_arguments_beside_the_graph_are_kept(make, tmp_path):
    model = make()
    cls = type(model)
    with pytest.warns(UserWarning, match=f"not registered: {cls.__name__}"):
        model.save(tmp_path / "m.keras")
    copies = [
        cls.from_config(model.get_config()),
        addax.models.load_model(tmp_path / "m.keras", custom_objects={cls.__name__: cls}),
        addax.models.model_from_json(model.to_json(), custom_objects={cls.__name__: cls}),
        clone_model(model),
    ]
    for copy in copies:
        assert (type(copy), copy.tag, copy.name) == (cls, "v1", model.name)
        assert copy.output_shape == (None, 3)


def test_a_class_that_makes_its_graph_itself_is_made_anew_from_its_arguments(tmp_path):
    model = Own(5, name="five")
    with pytest.warns(UserWarning, match="not registered: Own"):
        model.save(tmp_path / "m.keras")
    for copy in (Own.from_config(model.get_config()), addax.models.load_model(tmp_path / "m.keras", {"Own": Own})):
        assert (type(copy), copy.width, copy.output_shape, copy.name) == (Own, 5, (None, 5), "five")
    np.testing.assert_array_equal(
        addax.models.load_model(tmp_path / "m.keras", {"Own": Own})(np.ones((1, 2))), model(np.ones((1, 2)))
    )
    assert clone_model(model).output_shape == (None, 5)


def test_the_methods_from_above_are_there_wherever_a_model_comes_from(tmp_path):
    path = tmp_path / "m.keras"
    Model(*graph()).save(path)
    program = (
        "import sys; from addax.saving import load_model\n"
        f"model = load_model({str(path)!r}); model.summary(); model.save({str(path)!r})\n"
        "import json, inspect\n"
        "print(json.dumps([str(inspect.signature(type(model).save)), model.save.__doc__.splitlines()[0]]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Total params: 9" in done.stdout
    signature, doc = json.loads(done.stdout.splitlines()[-1])
    assert signature.startswith("(self, filepath") and doc.startswith("Saves config, weights")


# What is said at a call holds


def dropped(model, x, **kwargs):
    return bool((np.asarray(model(x, **kwargs)) == 0).any())


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("through_a_config", [False, True])
def test_training_that_is_given_at_a_call_holds(nested, through_a_config):
    i, x = addax.Input((50,)), np.ones((2, 50), "float32")
    layer = addax.layers.Dropout(0.5)
    if nested:
        layer = Model(i, layer(i))
    always, unsaid = Model(i, layer(i, training=True)), Model(i, layer(i))
    if through_a_config:
        always, unsaid = (Model.from_config(m.get_config()) for m in (always, unsaid))
    assert dropped(always, x) and dropped(always, x, training=False) and (always.predict(x, verbose=0) == 0).any()
    assert not dropped(unsaid, x) and not dropped(unsaid, x, training=False) and dropped(unsaid, x, training=True)


def test_a_base_that_is_called_without_training_does_not_learn_statistics():
    i = addax.Input((3,))
    base = Model(i, addax.layers.BatchNormalization(name="bn")(i), name="base")
    inputs = addax.Input((3,))
    model = Model(inputs, addax.layers.Dense(1)(base(inputs, training=False)))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)) + 5
    model.fit(x, np.ones((8, 1)), verbose=0)
    np.testing.assert_array_equal(base.get_layer("bn").moving_mean, np.zeros(3))
    model = Model(inputs, addax.layers.Dense(1)(base(inputs)))
    model.compile("sgd", "mse")
    model.fit(x, np.ones((8, 1)), verbose=0)
    assert (np.asarray(base.get_layer("bn").moving_mean) > 0).all()


def test_training_may_be_given_by_position():
    i, x = addax.Input((50,)), np.ones((2, 50), "float32")
    assert dropped(Model(i, addax.layers.Dropout(0.5)(i, True)), x, training=False)
