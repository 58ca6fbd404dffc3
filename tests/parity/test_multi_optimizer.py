"""MultiOptimizer, OptimizerMap, ScheduleFreeAdamW and the names of Keras 2, against the real ones."""

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402

BOTH = pytest.mark.parametrize("k", [keras, addax], ids=["keras", "addax"])


def variables(k):
    return [k.Variable(np.array([1.0, 2.0], "float32"), name=name) for name in ("enc", "head")]


def multi(k, **settings):
    o = k.optimizers
    optimizers = o.OptimizerMap(o.SGD(0.1, momentum=0.5, name="rest"), {"en.*": o.Adam(0.1, name="own")})
    return o.MultiOptimizer(optimizers, name="multi", **settings)


@pytest.mark.parametrize("settings", [{}, {"loss_scale_factor": 4.0}], ids=str)
def test_multi_optimizer_steps(settings):
    found = {}
    for k in (keras, addax):
        optimizer, vs = multi(k, **settings), variables(k)
        for step in range(3):
            optimizer.apply([np.full(2, step + 1.0, "float32"), np.array([0.5, -1.0], "float32")], vs)
        found[k] = optimizer, [np.array(v.value) for v in vs]
    mine, real = found[addax], found[keras]
    np.testing.assert_allclose(mine[1], real[1], rtol=1e-5)
    assert [v.path for v in mine[0].variables] == [v.path for v in real[0].variables]
    for a, b in zip(mine[0].variables, real[0].variables):
        np.testing.assert_allclose(a.value, b.value, rtol=1e-5)
    assert [type(o).__name__ for o in mine[0].optimizers] == [type(o).__name__ for o in real[0].optimizers]
    assert float(mine[0].scale_loss(2.0)) == float(real[0].scale_loss(2.0))
    assert mine[0].get_config() == real[0].get_config()
    again = addax.optimizers.deserialize(json.loads(json.dumps(addax.optimizers.serialize(mine[0]))))
    assert again.get_config() == mine[0].get_config()


@BOTH
def test_multi_optimizer_of_a_function(k):
    o = k.optimizers
    own = {"enc": o.SGD(1.0), "head": o.SGD(2.0)}
    optimizer, vs = o.MultiOptimizer(lambda v: own[v.name]), variables(k)
    optimizer.apply([np.ones(2, "float32")] * 2, vs)
    np.testing.assert_allclose([np.array(v.value) for v in vs], [[0.0, 1.0], [-1.0, 0.0]])
    assert optimizer.optimizers == list(own.values())
    with pytest.raises(ValueError, match=r"is not an Optimizer instance"):
        o.MultiOptimizer(lambda v: 3).build(vs)
    for access in (lambda: optimizer.learning_rate, lambda: setattr(optimizer, "learning_rate", 0.1)):
        with pytest.raises(AttributeError, match="on a MultiOptimizer"):
            access()


def test_stateless_multi_optimizer():
    optimizers = [multi(addax), multi(addax)]
    vs = [variables(addax), variables(addax)]
    grads = [np.ones(2, "float32"), np.full(2, 2.0, "float32")]
    for optimizer, v in zip(optimizers, vs):
        optimizer.build(v)
    params, state = optimizers[0].stateless_apply(
        [v.value for v in optimizers[0].variables], grads, [v.value for v in vs[0]]
    )
    optimizers[1].apply(grads)
    np.testing.assert_allclose(params, [v.numpy() for v in vs[1]], rtol=1e-6)
    for a, b in zip(state, optimizers[1].variables):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-6)


def model(k):
    i = k.Input((2,))
    x = k.layers.Dense(2, name="enc", kernel_initializer="ones")(i)
    m = k.Model(i, k.layers.Dense(1, name="head", kernel_initializer="ones")(x), name="m")
    o = k.optimizers
    m.compile(o.MultiOptimizer(o.OptimizerMap(o.SGD(0.01, momentum=0.5), {"enc/.*": o.Adam(0.01)})), "mse")
    return m


def test_multi_optimizer_trains_is_saved_and_goes_on(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    y = x.sum(1, keepdims=True) ** 2
    models = {k: model(k) for k in (keras, addax)}
    losses = [models[k].fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"] for k in models]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    paths = {k: str(tmp_path / f"{k.__name__}.keras") for k in models}
    for k, path in paths.items():
        models[k].save(path)
    expected = models[keras].fit(x, y, shuffle=False, verbose=0).history["loss"]
    for path in paths.values():  # each reads both
        for k in models:
            loaded = k.models.load_model(path)
            np.testing.assert_allclose(loaded.fit(x, y, shuffle=False, verbose=0).history["loss"], expected, rtol=1e-4)


@BOTH
def test_optimizer_map(k):
    o = k.optimizers
    rest, exact, like = o.SGD(), o.Adam(), o.RMSprop()
    optimizers = o.OptimizerMap(rest, {"a": exact, "a.+": like})
    assert [optimizers[key] for key in ("a", "ab", "ba", "x/a")] == [exact, like, rest, rest]
    assert (len(optimizers), list(optimizers), optimizers.default_optimizer) == (2, ["a", "a.+"], rest)
    again = o.OptimizerMap.from_config(optimizers.get_config())
    assert again.get_config() == optimizers.get_config()
    for key, value in (("a", rest), ("c", 3), (3, rest)):
        with pytest.raises(ValueError, match=r"already exists|must be a Keras Optimizer|must be a string"):
            optimizers[key] = value
    with pytest.raises(TypeError, match="default_optimizer must be a Keras Optimizer instance"):
        o.OptimizerMap("sgd")
    del optimizers["a"]
    assert list(optimizers) == ["a.+"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"warmup_steps": 3},
        {"weight_decay": 0.1},
        {"learning_rate": 0.1, "beta_1": 0.8, "clipnorm": 0.5},
        {"gradient_accumulation_steps": 2, "use_ema": True},
    ],
    ids=str,
)
def test_schedule_free_adamw(settings):
    found = {}
    for k in (keras, addax):
        optimizer, (v, _) = k.optimizers.ScheduleFreeAdamW(name="o", **settings), variables(k)
        for step in range(5):
            optimizer.apply([np.array([0.5, -1.0], "float32") * (step + 1)], [v])
        found[k] = optimizer, np.array(v.value)
    np.testing.assert_allclose(found[addax][1], found[keras][1], rtol=1e-5)
    mine, real = (found[k][0] for k in (addax, keras))
    assert [v.path for v in mine.variables] == [v.path for v in real.variables]
    for a, b in zip(mine.variables, real.variables):
        # Keras subtracts the rounded 0.999 from 1.
        np.testing.assert_allclose(a.value, b.value, rtol=2e-5)
    assert mine.get_config() == real.get_config()


@BOTH
@pytest.mark.parametrize("name", ["Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD"])
def test_optimizers_of_keras_2_say_that_they_are_no_more(k, name):
    with pytest.raises(ImportError, match=r"`keras\.optimizers.legacy` is not supported in Keras 3"):
        getattr(k.optimizers.legacy, name)(0.1)
