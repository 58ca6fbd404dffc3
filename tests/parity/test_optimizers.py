"""Every optimizer against the real one: variables, configs, and five steps on the same gradients."""

import inspect
import json

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402
import addax.optimizers as ours  # noqa: E402
from addax import constraints  # noqa: E402
from addax.core.serialization import deserialize_keras_object, serialize_keras_object  # noqa: E402
from addax.core.variable import Variable  # noqa: E402
from addax.optimizers import schedules  # noqa: E402

theirs = keras.optimizers

STEPS = 5
SHAPES = {"dense/kernel": (3, 4), "dense/bias": (4,), "conv/kernel": (2, 2, 3), "embed/embeddings": (5, 2)}

# Optimizer, settings; `decay(s)` stands for the schedule of either library.
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.1, "weight_decay": 0.1}),
    ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 8.0, "clipvalue": 0.02}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.9}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    ("Adam", {"learning_rate": 0.01, "clipnorm": 0.5, "weight_decay": 0.1}),
    ("Adam", {"learning_rate": 0.01, "global_clipnorm": 0.5}),
    ("Adam", {"learning_rate": "decay"}),
    ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.9}),
    ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3}),
    ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 2}),
    (
        "Adam",
        {
            "learning_rate": 0.01,
            "gradient_accumulation_steps": 2,
            "use_ema": True,
            "ema_momentum": 0.5,
            "ema_overwrite_frequency": 2,
            "weight_decay": 0.1,
            "clipnorm": 0.5,
            "amsgrad": True,
        },
    ),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 1e-3}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}),
    ("Adamax", {}),
    ("Adamax", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9}),
    ("Nadam", {}),
    ("Nadam", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9}),
    ("Nadam", {"learning_rate": 0.1, "beta_2": 0.9, "gradient_accumulation_steps": 2, "use_ema": True}),
    ("Ftrl", {}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2}),
    ("Ftrl", {"learning_rate": 0.1, "l2_shrinkage_regularization_strength": 0.1, "beta": 0.3}),
    ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.7, "initial_accumulator_value": 0.2}),
    ("Lion", {}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.7, "weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.1, "relative_step": False, "clip_threshold": 0.5, "beta_2_decay": -0.5}),
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.1, "exclude_layers": ["dense/k"], "adam_lr_ratio": 0.5, "weight_decay": 0.1}),
    ("Muon", {"learning_rate": 0.1, "rms_rate": None, "nesterov": False, "ns_steps": 3, "adam_beta_1": 0.8}),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.1, "beta_1": 0.8, "epsilon": 1e-3}),
]


def _id(setting):
    name, settings = setting
    return name + ("-" + "-".join(settings) if settings else "")


def _make(library, schedule_module, setting):
    name, settings = setting
    settings = dict(settings, name="opt")
    if settings.get("learning_rate") == "decay":
        settings["learning_rate"] = schedule_module.ExponentialDecay(0.1, 2, 0.5)
    return getattr(library, name)(**settings)


def _data():
    rng = np.random.default_rng(0)
    values = [rng.normal(size=s).astype("float32") for s in SHAPES.values()]
    grads = [[rng.normal(size=s).astype("float32") for s in SHAPES.values()] for _ in range(STEPS)]
    return values, grads


def _named(variables):
    """Both libraries' variables with the paths of a model's."""
    for path, v in zip(SHAPES, variables):
        if isinstance(v, Variable):
            v.path = path
        else:
            v._path = path
    return variables


def _pair(setting):
    values, grads = _data()
    mine = _named([Variable(v, name=p.split("/")[-1]) for p, v in zip(SHAPES, values)])
    real = _named([keras.Variable(v, name=p.split("/")[-1]) for p, v in zip(SHAPES, values)])
    a, b = _make(ours, schedules, setting), _make(theirs, theirs.schedules, setting)
    a.build(mine)
    b.build(real)
    return a, mine, b, real, grads


def _describe(optimizer):
    # An unnamed scalar (Nadam's) is numbered by how many variables the process has made.
    return [
        ("variable" if v.path.startswith("variable") else v.path, tuple(v.shape), str(v.dtype))
        for v in optimizer.variables
    ]


def _close(mine, real, what):
    for i, (x, y) in enumerate(zip(mine, real, strict=True)):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6, err_msg=f"{what} {i}")


@pytest.mark.parametrize("setting", SETTINGS, ids=_id)
def test_five_steps(setting):
    a, mine, b, real, grads = _pair(setting)
    assert _describe(a) == _describe(b)
    for step in range(STEPS):
        a.apply(grads[step])
        b.apply(grads[step])
        _close([v.value for v in mine], [v.value for v in real], f"parameter, step {step},")
        _close([v.value for v in a.variables], [v.value for v in b.variables], f"state, step {step},")
    a.finalize_variable_values(mine)
    b.finalize_variable_values(real)
    _close([v.value for v in mine], [v.value for v in real], "final parameter")


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_schedule_counts_updates(name):
    """Keras asks schedules with the number of batches; here they follow `optimizer.iterations`, so accumulating
    gradients is the same as one step on each mean."""
    settings = {"learning_rate": "decay"}
    a, mine, _, _, grads = _pair((name, {**settings, "gradient_accumulation_steps": 2}))
    _, _, b, real, _ = _pair((name, settings))
    for step in range(4):
        assert float(a.learning_rate) == pytest.approx(0.1 * 0.5 ** (step // 2 / 2))
        a.apply(grads[step])
        if step % 2:
            b.apply([(u + v) / 2 for u, v in zip(grads[step - 1], grads[step])])
        _close([v.value for v in mine], [v.value for v in real], f"parameter, step {step},")
    by_function = ours.SGD(lambda step: 0.5 / (step + 1), gradient_accumulation_steps=2)
    w = Variable([2.0], name="w")
    for _ in range(4):
        by_function.apply([[1.0]], [w])
    np.testing.assert_allclose(w.numpy(), [2 - 0.5 - 0.25])


@pytest.mark.parametrize("setting", SETTINGS, ids=_id)
def test_config(setting):
    a, b = _make(ours, schedules, setting), _make(theirs, theirs.schedules, setting)
    config = serialize_keras_object(a)
    assert config == keras.saving.serialize_keras_object(b)
    assert serialize_keras_object(deserialize_keras_object(json.loads(json.dumps(config)))) == config


def test_constraint_is_applied_after_the_average():
    for settings in (
        {"use_ema": True},
        {"gradient_accumulation_steps": 2},
        {"use_ema": True, "ema_overwrite_frequency": 2},
    ):
        a, mine, b, real, grads = _pair(("SGD", {"learning_rate": 0.1, **settings}))
        for u, v in zip(mine, real):
            u.constraint, v.constraint = constraints.NonNeg(), keras.constraints.NonNeg()
        for step in range(3):
            a.apply(grads[step])
            b.apply(grads[step])
            _close([v.value for v in mine], [v.value for v in real], f"parameter, step {step},")
            _close([v.value for v in a.variables], [v.value for v in b.variables], f"state, step {step},")


def test_variable_that_takes_its_gradient():
    for settings in ({}, {"gradient_accumulation_steps": 2}, {"loss_scale_factor": 4.0}, {"weight_decay": 0.1}):
        a, mine, b, real, grads = _pair(("Adam", settings))
        a, b = (_make(m, s, ("Adam", settings)) for m, s in ((ours, schedules), (theirs, theirs.schedules)))
        mine[1].overwrite_with_gradient = real[1].overwrite_with_gradient = True
        a.build(mine)
        b.build(real)
        assert _describe(a) == _describe(b)
        for step in range(4):
            a.apply(grads[step])
            b.apply(grads[step])
            _close([v.value for v in mine], [v.value for v in real], f"{settings}, step {step},")


def test_missing_gradients():
    a, mine, b, real, grads = _pair(("Adam", {"learning_rate": 0.1, "use_ema": True}))
    for step in range(3):
        partial = [grads[step][0], None, *grads[step][2:]]
        with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['dense/bias'\]"):
            a.apply(partial)
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            b.apply(partial)
        _close([v.value for v in mine], [v.value for v in real], f"parameter, step {step},")
        _close([v.value for v in a.variables], [v.value for v in b.variables], f"state, step {step},")


def test_weight_decay_exclusion():
    for exclusion in ({"var_names": ["bia"]}, {"var_names": ["dense"]}, {"var_list": 0}):
        a, mine, b, real, grads = _pair(("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5}))
        for optimizer, variables in ((a, mine), (b, real)):
            optimizer.built = False  # Keras lets exclusions be set only before
            chosen = {k: [variables[0]] if k == "var_list" else v for k, v in exclusion.items()}
            optimizer.exclude_from_weight_decay(**chosen)
            optimizer.built = True
            optimizer.apply(grads[0])
        _close([v.value for v in mine], [v.value for v in real], f"{exclusion}")


@pytest.mark.parametrize("inner", [{}, {"gradient_accumulation_steps": 2}, {"clipnorm": 0.5, "weight_decay": 0.1}])
def test_loss_scale(inner):
    values, grads = _data()
    grads = [[8 * g for g in step] for step in grads]
    grads[2][1][0] = np.nan
    grads[4][0][0, 0] = np.inf
    mine = _named([Variable(v, name="v") for v in values])
    real = _named([keras.Variable(v, name="v") for v in values])
    a, b = (
        m.LossScaleOptimizer(m.Adam(0.1, name="inner", **inner), initial_scale=8.0, dynamic_growth_steps=2, name="opt")
        for m in (ours, theirs)
    )
    assert serialize_keras_object(a) == keras.saving.serialize_keras_object(b)
    assert serialize_keras_object(ours.get(serialize_keras_object(a))) == serialize_keras_object(a)
    assert [v.path for v in a.variables] == [v.path for v in b.variables]
    assert float(a.scale_loss(2.0)) == float(b.scale_loss(2.0)) == 16.0
    a.build(mine)
    b.build(real)
    assert _describe(a) == _describe(b)
    # Keras's own `apply` leaks a tracer on JAX, so only its stateless form is an oracle.
    trainable, state = [v.value for v in real], [v.value for v in b.variables]
    for step in range(STEPS):
        a.apply(grads[step])
        trainable, state = b.stateless_apply(state, grads[step], trainable)
        _close([v.value for v in mine], trainable, f"parameter, step {step},")
        _close([v.value for v in a.variables], state, f"state, step {step},")


def test_state_goes_between_the_libraries():
    a, mine, b, real, grads = _pair(("Adam", {"learning_rate": 0.1, "use_ema": True, "amsgrad": True}))
    b.apply(grads[0])
    store = {}
    b.save_own_variables(store)
    a.load_own_variables(store)
    for u, v in zip(mine, real):
        u.assign(np.asarray(v.value))
    a.apply(grads[1])
    b.apply(grads[1])
    _close([v.value for v in mine], [v.value for v in real], "parameter")
    back = {}
    a.save_own_variables(back)
    assert list(back) == list(store) and {k: v.shape for k, v in back.items()} == {k: v.shape for k, v in store.items()}


def test_names():
    for name in (
        "sgd",
        "rmsprop",
        "RMSprop",
        "adam",
        "ADAM",
        "adamw",
        "adagrad",
        "adadelta",
        "adamax",
        "nadam",
        "ftrl",
        "lion",
    ):
        assert type(ours.get(name)).__name__ == type(theirs.get(name)).__name__
    assert type(ours.get({"class_name": "Adam", "config": {"learning_rate": 0.5}})).__name__ == "Adam"
    assert float(ours.get({"class_name": "adam", "config": {"learning_rate": 0.5}}).learning_rate) == 0.5


@pytest.mark.parametrize("name", sorted(n for n in dir(keras.optimizers) if n[0].isupper() and hasattr(ours, n)))
def test_signatures_are_the_same(name):
    def parameters(optimizers):
        found = inspect.signature(getattr(optimizers, name)).parameters.values()
        return [(p.name, p.default) for p in found]

    assert parameters(ours) == parameters(keras.optimizers)


@pytest.mark.parametrize("wrong", [{"foo": 1}, {"foo": 1, "bar": 2}, {"clipnorm": 1.0}, {"clipnorm": 1.0, "foo": 2}])
def test_loss_scale_optimizer_names_what_it_does_not_take(wrong):
    texts = []
    for library in (ours, theirs):
        with pytest.raises(ValueError) as caught:
            library.LossScaleOptimizer(library.SGD(), **wrong)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("how", ["apply", "stateless_apply"])
def test_inner_loss_scale_factor_is_left_out(how):
    """The dynamic scale is the only one. (Keras's eager `apply` leaks a tracer on JAX, so both are held to its pure
    form.)"""
    found = []
    for library, variable in ((ours, Variable), (theirs, keras.Variable)):
        optimizer = library.LossScaleOptimizer(library.SGD(1.0, loss_scale_factor=10.0), initial_scale=4.0)
        assert optimizer.inner_optimizer.loss_scale_factor is None
        assert float(optimizer.scale_loss(1.0)) == 4.0
        w = variable(np.array([1.0], "float32"))
        optimizer.build([w])
        assert float(optimizer.scale_loss(1.0)) == 4.0
        if how == "apply" and library is ours:
            optimizer.apply([np.array([12.0], "float32")])
            found.append(w.numpy())
        else:
            state = [v.value for v in optimizer.variables]
            found.append(np.asarray(optimizer.stateless_apply(state, [np.array([12.0], "float32")], [w.value])[0][0]))
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[0], [-2.0])


@pytest.mark.parametrize(("name", "given"), [("SGD", {"momentum": 0.9}), ("SGD", {}), ("Muon", {})])
def test_slots_that_can_be_read(name, given):
    paths = []
    for lib in (keras, addax):
        optimizer = getattr(lib.optimizers, name)(name="o", **given)
        optimizer.build([lib.Variable(np.ones((2, 2), "float32"), name="a"), lib.Variable(np.ones(2), name="b")])
        slots = [getattr(optimizer, kind, None) for kind in ("momentums", "adam_velocities")]
        paths.append([[None if v is None else v.path for v in found or ()] for found in slots])
    assert paths[0] == paths[1]
