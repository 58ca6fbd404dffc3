"""Fingerprints: equal for what computes the same, different for what doesn't, none for what can't be known."""

from __future__ import annotations

import copy

import jax
import numpy as np
import pytest

import addax as keras
from addax import layers
from addax.core.fingerprint import Walk, fingerprint, left_out
from addax.training.prepare import prepare
from addax.training.programs import program_of


def dense(**kwargs):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, **kwargs), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    prepare(model, np.ones((2, 4)), np.ones((2, 2)))
    return model


def graph(change=None):
    x = keras.Input((4,))
    a, b = layers.Dense(3)(x), layers.Dense(3, activation="relu")(x)
    out = layers.Add()([a, b]) if change == "layer" else (b - a if change == "order" else a - b)
    model = keras.Model(x, layers.Dense(2)(out))
    model.compile(keras.optimizers.Adam(0.01) if change == "rate" else keras.optimizers.Adam(0.1), "mse")
    prepare(model, np.ones((2, 4)), np.ones((2, 2)))
    return model


def of(model):
    return fingerprint(model.variables, model, model.optimizer)


@pytest.mark.parametrize("make", [dense, graph])
def test_built_again_it_is_the_same(make):
    assert of(make()) is not None
    assert of(make()) == of(make())


@pytest.mark.parametrize(
    "kwargs",
    [
        {"activation": "relu"},
        {"use_bias": False},
        {"kernel_regularizer": "l2"},
        {"kernel_regularizer": keras.regularizers.L2(0.5)},
        {"kernel_constraint": "non_neg"},
        {"activity_regularizer": "l1"},
        {"dtype": "mixed_bfloat16"},
        {"trainable": False},
    ],
)
def test_arguments_count(kwargs):
    assert of(dense(**kwargs)) not in (None, of(dense()))


@pytest.mark.parametrize("change", ["layer", "order"])
def test_the_graph_counts(change):
    assert of(graph(change)) not in (None, of(graph()))


def test_values_of_variables_do_not_count():
    assert of(graph("rate")) == of(graph())  # the rate is a variable


@pytest.mark.parametrize(
    "change",
    [
        lambda m: setattr(m.layers[1], "rate", 0.1),
        lambda m: setattr(m.layers[0], "activation", keras.activations.relu),
        lambda m: setattr(m.optimizer, "clipnorm", 1.0),
        lambda m: setattr(m.optimizer, "beta_1", 0.5),
        lambda m: m.compile("sgd", "mse"),
        lambda m: m.compile("adam", "mae"),
        lambda m: m.compile("adam", "mse", metrics=["mse"]),
        lambda m: setattr(m.layers[0], "trainable", False),
    ],
)
def test_what_is_changed_later_counts(change):
    model = dense()
    change(model)
    prepare(model, np.ones((2, 4)), np.ones((2, 2)))
    assert of(model) not in (None, of(dense()))


def test_settings_count():
    before = of(dense())
    keras.config.set_epsilon(1e-3)
    try:
        assert of(dense()) != before
    finally:
        keras.config.set_epsilon(1e-7)


class Mine(layers.Dense):
    pass


@pytest.mark.parametrize(
    "part",
    [
        lambda: Mine(3),
        lambda: layers.Lambda(lambda x: x),
        lambda: layers.Dense(3, activation=lambda x: x),
        lambda: layers.Dense(3, kernel_regularizer=lambda w: 0.0),
    ],
)
def test_code_of_the_users_is_unknown(part):
    model = keras.Sequential([keras.Input((4,)), part()])
    assert fingerprint(model) is None


def test_a_layer_whose_call_was_replaced_is_unknown(monkeypatch):
    layer = layers.Dense(3)
    assert fingerprint(layer) is not None
    monkeypatch.setattr(layers.Dense, "call", lambda self, inputs: inputs)
    assert fingerprint(layer) is None
    monkeypatch.undo()
    layer.call = lambda inputs: inputs
    assert fingerprint(layer) is None


# What is left out must change nothing


def recurrent():
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            layers.Embedding(5, 4, mask_zero=True),
            layers.Bidirectional(layers.GRU(3, dropout=0.5, seed=2, return_sequences=True)),
            layers.LSTM(2, recurrent_dropout=0.5),
            layers.Dense(2),
        ]
    )
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.Muon(schedule), "mse", metrics=["mae"])
    return model, np.ones((2, 4), "int32")


def attention():
    x = keras.Input((4, 3), name="x")
    y = layers.MultiHeadAttention(2, 3, dropout=0.5)(x, x)
    y = layers.LayerNormalization()(layers.Attention(dropout=0.5)([y, x])) + keras.ops.exp(y)
    y = layers.GaussianNoise(0.1)(layers.BatchNormalization()(layers.Conv1D(2, 2)(y)))
    model = keras.Model(x, layers.Dense(2, kernel_regularizer="l2")(layers.Flatten()(y)))
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer, keras.losses.Huber(), weighted_metrics=[keras.metrics.MeanAbsoluteError()])
    return model, np.ones((2, 4, 3), "float32")


def mixed():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype="mixed_float16"), layers.Dense(2)])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    return model, np.ones((2, 4), "float32")


def another(value):
    """A value of the same kind that says something else."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "_2"
    if isinstance(value, int):
        return value + 1
    if value is None:
        return 3
    return type(value)() if isinstance(value, (list, dict, tuple)) else copy.copy(value)


@pytest.mark.parametrize("make", [recurrent, attention, mixed])
def test_what_is_left_out_changes_nothing(make):
    model, x = make()
    y = np.ones((2, 2), "float32")
    prepare(model, x, y)
    program = program_of(model, "train")

    def described():
        return fingerprint(program.groups, model, model.optimizer)

    def traced():
        return str(jax.make_jaxpr(lambda state: model._train_update(state, (x, y)))(program.read()))

    walk = Walk()
    walk.of((program.groups, model, model.optimizer))
    before, step = described(), traced()
    changed = set()
    for o in walk.objects:
        for name in left_out(type(o)) if hasattr(o, "_about") else ():
            if name in o.__dict__:
                old = o.__dict__[name]
                o.__dict__[name] = ([], ["."]) if name == "_undecayed" else another(old)
                if described() == before:
                    changed.add((type(o).__name__, name))
                else:  # something that follows from it is described
                    o.__dict__[name] = old
    assert traced() == step, f"one of these should be described: {sorted(changed)}"
    names = {name for _, name in changed}
    assert {"name", "_path", "_tracker", "_inbound_nodes", "history"} <= names
    assert not {"_index", "_undecayed"} & names


@pytest.mark.parametrize("exclude", [{"var_names": ["bias"]}, {"var_list": 1}])
def test_weights_without_decay_count(exclude):
    def trained(exclude):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), layers.Dense(1, bias_initializer="ones")])
        optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(
            **{k: v if k == "var_names" else [model.layers[0].bias] for k, v in exclude.items()}
        )
        model.compile(optimizer, "mse")
        # Without weight there is no gradient: decay is all that moves the bias.
        model.fit(np.zeros((8, 2)), np.ones((8, 1)), sample_weight=np.zeros(8), epochs=5, verbose=0)
        return model.layers[0].bias.numpy()

    decayed = [(1 - 0.01 * 0.5) ** 5]
    np.testing.assert_allclose(trained({}), decayed, rtol=1e-6)
    np.testing.assert_array_equal(trained(exclude), [1.0])
    np.testing.assert_allclose(trained({}), decayed, rtol=1e-6)


def test_weights_that_muon_moves_count():
    def of_optimizer(name):
        variables = [keras.Variable(np.ones((3, 2)), name=name)]
        optimizer = keras.optimizers.Muon(0.1, exclude_layers=["head"])
        optimizer.build(variables)
        return fingerprint(variables, optimizer)

    assert of_optimizer("kernel") == of_optimizer("weight") != of_optimizer("head")


def test_policies_by_path_count():
    def named(name):
        policy = keras.dtype_policies.DTypePolicyMap("float32", {"half": "bfloat16"})
        layer = layers.Dense(3, dtype=policy, name=name)
        return fingerprint(layer)

    assert named("a") == named("b") != named("half")


def test_variables_that_take_their_gradient_count():
    def of_variable(takes):
        variable = keras.Variable(np.ones(2))
        variable.overwrite_with_gradient = takes
        return fingerprint(variable)

    assert of_variable(True) != of_variable(False)


@pytest.mark.parametrize("value", [(0.0, -0.0), (1, True), (1, 1.0), (np.float32(1), 1.0), ((1,), [1])])
def test_values_that_only_seem_equal(value):
    assert fingerprint(value[0]) != fingerprint(value[1])
    assert fingerprint(float("nan")) == fingerprint(float("nan"))


def test_a_subclass_says_what_else_is_left_out():
    class Named(layers.Layer):
        _about = ("label",)

    assert left_out(Named) == left_out(layers.Layer) | {"label"}
    assert "seed" not in left_out(layers.Layer)
