"""Models as pytrees of JAX, against the same model trained by itself, and in loops written for JAX alone."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import addax as keras

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


def model() -> keras.Model:
    keras.utils.set_random_seed(0)  # how far a few steps lead depends on where they begin
    layers = keras.layers
    parts = [layers.Dense(6, "tanh"), layers.BatchNormalization(), layers.Dropout(0.3, seed=1), layers.Dense(1)]
    return keras.Sequential([keras.Input((4,)), *parts])


def test_a_tree_computes_with_its_own_values() -> None:
    whole = model()
    tree = keras.as_pytree(whole)
    np.testing.assert_array_equal(tree(X), whole(X))
    assert len(jax.tree.leaves(tree)) == len(whole.variables)
    zeros = jax.tree.map(np.zeros_like, tree)
    assert not np.any(zeros(X)) and np.any(whole(X))
    outputs, after = jax.jit(lambda t, x: t.apply(x, training=True))(tree, X)
    np.testing.assert_allclose(outputs, whole(X, training=True), rtol=1e-5, atol=1e-6)
    after.assign()
    np.testing.assert_array_equal(keras.as_pytree(whole).state[0], after.state[0])
    for mine, value in zip(whole.non_trainable_variables, after.state, strict=True):
        np.testing.assert_array_equal(mine, value)


def test_a_loop_of_optax_trains_it() -> None:
    whole = model()
    tree = keras.as_pytree(whole)
    rule = optax.adam(0.02)
    state = rule.init(tree.trainable)

    def loss(trainable, tree):
        outputs, tree = tree.replace(trainable).apply(X, training=True)
        return ((outputs - Y) ** 2).mean(), tree

    @jax.jit
    def step(tree, state):
        (value, tree), gradients = jax.value_and_grad(loss, has_aux=True)(tree.trainable, tree)
        updates, state = rule.update(gradients, state)
        return tree.replace(optax.apply_updates(tree.trainable, updates)), state, value

    losses = []
    for _ in range(40):
        tree, state, value = step(tree, state)
        losses.append(float(value))
    assert losses[-1] < losses[0] / 2
    before = np.mean((np.asarray(whole(X)) - Y) ** 2)
    tree.assign()
    assert np.mean((np.asarray(whole(X)) - Y) ** 2) < before / 2


def test_several_models_at_once() -> None:
    trees = [keras.as_pytree(model()) for _ in range(2)]
    trees[1] = jax.tree.unflatten(jax.tree.structure(trees[0]), jax.tree.leaves(trees[1]))  # of one layer
    stacked = jax.tree.map(lambda *values: np.stack(values), *trees)
    outputs = jax.vmap(lambda t: t(X))(stacked)
    for found, tree in zip(outputs, trees, strict=True):
        np.testing.assert_allclose(found, tree(X), rtol=1e-5, atol=1e-6)


def test_a_layer_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Layer .late. .Dense. is not built"):
        keras.as_pytree(keras.layers.Dense(2, name="late"))


def test_the_loop_of_the_guide_to_jax() -> None:
    whole = model()
    loss_fn = keras.losses.MeanSquaredError()
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(whole.trainable_variables)
    metric = keras.metrics.MeanAbsoluteError()

    def compute(trainable, non_trainable, metrics, x, y):
        outputs, non_trainable = whole.stateless_call(trainable, non_trainable, x, training=True)
        return loss_fn(y, outputs), (non_trainable, metric.stateless_update_state(metrics, y, outputs))

    @jax.jit
    def step(state, x, y):
        trainable, non_trainable, variables, metrics = state
        gradient = jax.value_and_grad(compute, has_aux=True)
        (loss, (non_trainable, metrics)), grads = gradient(trainable, non_trainable, metrics, x, y)
        trainable, variables = optimizer.stateless_apply(variables, grads, trainable)
        return loss, (trainable, non_trainable, variables, metrics)

    # The variables themselves, not their values, which today's JAX takes from no object that isn't a pytree.
    state = (whole.trainable_variables, whole.non_trainable_variables, optimizer.variables, metric.variables)
    first, state = step(state, X, Y)
    for _ in range(30):
        loss, state = step(state, X, Y)
    assert float(loss) < float(first) / 2
    assert 0 < float(metric.stateless_result(state[3])) < 2
