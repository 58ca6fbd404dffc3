"""What every optimizer promises beyond agreeing with Keras."""

import copy
import json
import pickle
import warnings

import jax
import numpy as np
import optax
import pytest

import addax.optimizers as optimizers
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from addax.core.state import StateScope, in_stateless_scope
from addax.core.variable import Variable
from addax.optimizers import schedules

SETTINGS = [
    ("SGD", {"momentum": 0.9, "nesterov": True, "gradient_accumulation_steps": 2}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adam", {"amsgrad": True, "use_ema": True, "ema_overwrite_frequency": 2}),
    ("AdamW", {"global_clipnorm": 0.5, "gradient_accumulation_steps": 2, "use_ema": True}),
    ("Adagrad", {}),
    ("Adadelta", {"loss_scale_factor": 8.0}),
    ("Adamax", {"clipvalue": 0.1}),
    ("Nadam", {"gradient_accumulation_steps": 3}),
    ("Ftrl", {"l1_regularization_strength": 0.01}),
    ("Lion", {"weight_decay": 0.1}),
    ("Lamb", {}),
    ("Adafactor", {}),
    ("Muon", {}),
    ("LossScaleOptimizer", {}),
    ("Optax", {}),
]
SHAPES = [(3, 4), (4,)]
STEPS = 4


def make(name, settings, rate=0.1):
    if name == "LossScaleOptimizer":
        return optimizers.LossScaleOptimizer(optimizers.Adam(rate), initial_scale=2.0, dynamic_growth_steps=2)
    if name == "Optax":
        return optimizers.get(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1)))
    return getattr(optimizers, name)(learning_rate=rate, **settings)


def data(steps=STEPS):
    rng = np.random.default_rng(1)
    values = [rng.normal(size=s).astype("float32") for s in SHAPES]
    grads = [[rng.normal(size=s).astype("float32") for s in SHAPES] for _ in range(steps)]
    return values, grads


def built(name, settings, values):
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer = make(name, settings)
    optimizer.build(variables)
    return optimizer, variables


def state_of(optimizer, variables):
    return [v.value for v in variables], [v.value for v in optimizer.variables]


@pytest.mark.promotes("optax")
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=lambda x: x if isinstance(x, str) else "")
def test_apply_and_stateless_apply_agree(name, settings):
    """`apply`, `stateless_apply` under jit and in a scan. One compile for all steps, no tracer left behind, and the
    objects are untouched by the pure form."""
    values, grads = data()
    a, mine = built(name, settings, values)
    b, theirs = built(name, settings, values)
    for g in grads:
        a.apply(g)
    expected = [v.value for v in [*mine, *a.variables]]
    traces = []

    @jax.jit
    def step(trainable, state, grads):
        traces.append(1)
        return b.stateless_apply(state, grads, trainable)

    start = trainable, state = state_of(b, theirs)
    with jax.checking_leaks():
        for g in grads:
            trainable, state = step(trainable, state, g)
    assert len(traces) == 1

    def body(carry, g):
        return b.stateless_apply(carry[1], g, carry[0]), None

    end, _ = jax.lax.scan(body, start, [np.stack(g) for g in zip(*grads)])
    for found in ([*trainable, *state], [*end[0], *end[1]]):
        for x, y in zip(found, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)
    for x, y in zip(jax.tree.leaves(start), jax.tree.leaves(state_of(b, theirs))):
        np.testing.assert_array_equal(x, y)


def test_adam_is_the_papers():
    """The recurrence of the paper in float64, with its own form of the bias correction."""
    values, grads = data(20)
    w = Variable(values[0], name="w")
    optimizer = optimizers.Adam(0.01, epsilon=1e-12)
    x, m, v = values[0].astype("float64"), 0.0, 0.0
    for t, (g, _) in enumerate(grads, 1):
        optimizer.apply([g], [w])
        g = g.astype("float64")
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        x = x - 0.01 * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t))
    np.testing.assert_allclose(w.numpy(), x, rtol=1e-4, atol=1e-5)


def test_momentum_on_a_quadratic_is_the_closed_form():
    """On x**2 / 2, momentum is linear: its state after n steps is a matrix power."""
    w = Variable([1.0], name="w")
    optimizer = optimizers.SGD(0.1, momentum=0.5)
    for _ in range(10):
        optimizer.apply([w.value], [w])
    matrix = np.array([[0.9, 0.5], [-0.1, 0.5]])  # (x, velocity) -> the next
    np.testing.assert_allclose(w.numpy()[0], np.linalg.matrix_power(matrix, 10)[0, 0], rtol=1e-5)


@pytest.mark.promotes("optax")
@pytest.mark.parametrize(
    ("name", "transformation"),
    [
        ("SGD", lambda: optax.sgd(0.1)),
        ("Adam", lambda: optax.adam(0.1, eps=1e-7)),
        ("Lion", lambda: optax.lion(0.1, b1=0.9, b2=0.99, weight_decay=0.0)),
        ("Adagrad", lambda: optax.adagrad(0.1, initial_accumulator_value=0.1)),
    ],
)
def test_optax_agrees(name, transformation):
    values, grads = data()
    ours = [Variable(v, name="v") for v in values]
    theirs = [Variable(v, name="v") for v in values]
    a, b = getattr(optimizers, name)(0.1), optimizers.get(transformation())
    for g in grads:
        a.apply(g, ours)
        b.apply(g, theirs)
    for x, y in zip(ours, theirs):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.promotes("optax")
def test_optax_state_is_variables():
    values, grads = data()
    optimizer, variables = built("Optax", {}, values)
    assert [str(v.dtype) for v in optimizer.variables] == ["int32", "float32", "int32", *["float32"] * 4]
    optimizer.apply(grads[0])
    store = {}
    optimizer.save_own_variables(store)
    other, _ = built("Optax", {}, values)
    other.load_own_variables(store)
    for x, y in zip(optimizer.variables, other.variables):
        np.testing.assert_array_equal(x.numpy(), y.numpy())
    # A missing gradient leaves its variable where it is.
    before = variables[1].numpy()
    with pytest.warns(UserWarning, match="v1"):
        optimizer.apply([grads[1][0], None])
    np.testing.assert_array_equal(variables[1].numpy(), before)
    with pytest.raises(ValueError, match="include_optimizer=False"):
        serialize_keras_object(optimizer)


class Heavy(optimizers.Optimizer):
    """Written as for Keras: `build`, `update_step`, `get_config`."""

    def __init__(self, learning_rate=0.1, friction=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.friction = friction

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.velocities = [self.add_variable_from_reference(v, name="velocity") for v in variables]
        self.count = self.add_variable((), name="count")
        self.own = Variable(np.zeros(2), name="own")

    def update_step(self, gradient, variable, learning_rate):
        velocity = self.velocities[self._get_variable_index(variable)]
        self.assign(velocity, velocity.value * self.friction - learning_rate * gradient)
        self.assign_add(variable, velocity.value)
        self.assign_add(self.count, 1.0)

    def get_config(self):
        return {**super().get_config(), "friction": self.friction}


@pytest.mark.parametrize("settings", [{}, {"gradient_accumulation_steps": 2, "use_ema": True, "clipnorm": 1.0}])
def test_user_optimizer_in_keras_style(settings):
    values, grads = data()
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    reference = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer, same = Heavy(0.1, **settings), optimizers.SGD(0.1, momentum=0.5, **settings)
    optimizer.build(variables)
    names = [v.name for v in optimizer.variables]
    assert names[-4:] == ["v0_velocity", "v1_velocity", "count", "own"]
    trainable, state = state_of(optimizer, variables)
    step = jax.jit(lambda t, s, g: optimizer.stateless_apply(s, g, t))
    for g in grads:
        optimizer.apply(g)
        same.apply(g, reference)
        trainable, state = step(trainable, state, g)
    for v, r, t in zip(variables, reference, trainable):
        np.testing.assert_allclose(v.numpy(), r.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(v.numpy(), t, rtol=1e-5, atol=1e-6)
    config = serialize_keras_object(optimizer)
    again = deserialize_keras_object(json.loads(json.dumps(config)), custom_objects={"Heavy": Heavy})
    assert serialize_keras_object(again) == config and again.friction == 0.5


def test_user_rule_needs_no_get_config():
    class Scaled(optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, factor=2.0, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.factor = factor

        def rule(self, grad, param, slots, lr, step):
            return param - self.factor * lr * grad, {}

    w = Variable([1.0], name="w")
    Scaled(0.25, factor=2.0).apply([[1.0]], [w])
    assert w.numpy()[0] == 0.5
    assert Scaled.from_config(Scaled(0.25, factor=3.0).get_config()).factor == 3.0


@pytest.mark.promotes("a user's function of the step")
def test_learning_rate():
    optimizer = optimizers.Adam(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25 and optimizer.get_config()["learning_rate"] == 0.25
    decaying = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    w = Variable([8.0], name="w")
    seen = []
    for _ in range(3):
        seen.append(float(decaying.learning_rate))
        decaying.apply([[1.0]], [w])
    assert seen == [1.0, 0.5, 0.25] and w.numpy()[0] == 8 - 1.75
    with pytest.raises(TypeError, match="not settable"):
        decaying.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 1.0
    assert [v.name for v in optimizer.variables] == ["iteration"]
    shared = Variable(0.5, name="rate")
    by_variable, by_function = optimizers.SGD(shared), optimizers.SGD(lambda: 0.5)
    by_step = optimizers.SGD(lambda step: 0.5 / (step + 1))
    for o, expected in ((by_variable, 1.0), (by_function, 1.0), (by_step, 0.75)):
        w = Variable([2.0], name="w")
        o.apply([[1.0]], [w])
        o.apply([[1.0]], [w])
        assert w.numpy()[0] == 2 - expected


@pytest.fixture
def restored_x64():
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.mark.promotes("scalars of 16-bit parameters stay in 32 bits")
def test_parameters_keep_their_dtype(restored_x64):
    for dtype in ("bfloat16", "float16", "float64"):
        w = Variable(np.ones((2, 2)), dtype=dtype, name="w")
        optimizer = optimizers.Adam(0.25, use_ema=True, clipnorm=1.0, weight_decay=0.1)
        for _ in range(2):
            optimizer.apply([np.ones((2, 2), "float32")], [w])
        assert str(w.value.dtype) == dtype
        assert {str(v.value.dtype) for v in optimizer.variables[2:]} == {dtype}
        np.testing.assert_allclose(w.numpy().astype("float64"), 0.963 - 0.25 * 1.975, atol=0.02)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_copies_go_on_by_themselves(copied):
    values, grads = data()
    optimizer, variables = built("AdamW", {"use_ema": True, "global_clipnorm": 1.0}, values)
    optimizer.apply(grads[0])
    other = copied(optimizer)
    after_first = [v.numpy() for v in variables]
    other.apply(grads[1])
    for v, first in zip(variables, after_first):
        np.testing.assert_array_equal(v.numpy(), first)
    optimizer.apply(grads[1])
    for x, y in zip([*optimizer.variables, *variables], [*other.variables, *other._trainable_variables]):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_average_is_of_the_weights_and_can_be_taken():
    w = Variable([0.0], name="w")
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for g in (-1.0, -2.0, -4.0):
        optimizer.apply([[g]], [w])
    optimizer.finalize_variable_values([w])
    assert w.numpy()[0] == 0.5 * (0.5 * 1 + 0.5 * 3) + 0.5 * 7


def test_reading_the_scope_of_a_program():
    """A learning rate that a training program has changed counts, not the variable's own."""
    w = Variable([1.0], name="w")
    optimizer = optimizers.SGD(0.5)
    optimizer.build([w])
    with StateScope([(optimizer._learning_rate, np.float32(0.25))]) as scope:
        optimizer.apply([[1.0]])
    assert float(scope.get_current_value(w)[0]) == 0.75 and w.numpy()[0] == 1.0


def test_apply_inside_jit_says_what_to_do():
    w = Variable([1.0], name="w")
    optimizer = optimizers.SGD(0.5)
    optimizer.build([w])
    with pytest.raises(ValueError, match="stateless"):
        jax.jit(lambda g: optimizer.apply([g]))(np.ones(1, "float32"))


W = Variable(np.ones((2, 3)), name="w")
MISTAKES = [
    (lambda: optimizers.SGD(lr=0.1), r"not recognized: \{'lr': 0.1\}.*`lr` is called `learning_rate`"),
    (lambda: optimizers.Adam(beta1=0.1), r"Did you mean 'beta_1'"),
    (lambda: optimizers.SGD("fast"), "learning_rate` should be float.*fast"),
    (lambda: optimizers.SGD(None), "learning_rate` should be float"),
    (lambda: optimizers.SGD(momentum=2.0), r"`momentum` must be a float between \[0, 1\].*2.0"),
    (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"),
    (lambda: optimizers.SGD(use_ema=True, ema_momentum=2.0), r"ema_momentum` must be in the range \[0, 1\]"),
    (lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0), "ema_overwrite_frequency"),
    (lambda: optimizers.SGD(gradient_accumulation_steps=1), "must be an integer >= 2"),
    (lambda: optimizers.AdamW(weight_decay=None), "weight_decay` must be a float"),
    (lambda: optimizers.Ftrl(learning_rate_power=1.0), "learning_rate_power"),
    (lambda: optimizers.Ftrl(beta=0.0, l1_regularization_strength=-1.0), "l1_regularization_strength"),
    (lambda: optimizers.Lion(beta_1=0.0), "beta_1"),
    *(
        (lambda a=argument, v=value: optimizers.Adam(**{a: v}), f"Argument `{argument}` must be .*: {argument}=")
        for argument, values in (
            ("learning_rate", (float("nan"), float("inf"), -0.1)),
            ("weight_decay", (-0.1, "little")),
            ("clipnorm", (float("nan"), -1.0)),
            ("clipvalue", (-1, float("inf"))),
            ("global_clipnorm", (np.float32("nan"),)),
            ("loss_scale_factor", (0.0, -2.0)),
            ("beta_1", (-0.1, 1.1, float("nan"), "a")),
            ("beta_2", (2.0,)),
            ("epsilon", (-1e-7, float("nan"))),
            ("name", (5, "a/b")),
        )
        for value in values
    ),
    (lambda: optimizers.RMSprop(momentum=-0.5), "`momentum` must be a number in the range"),
    (lambda: optimizers.Muon(adam_beta_1=1.5), "`adam_beta_1` must be a number in the range"),
    (lambda: optimizers.Ftrl(l2_regularization_strength=float("nan")), "needs to be positive or zero"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), initial_scale=0.0), "`initial_scale` must be .* > 0"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic_growth_steps=0), "must be .* >= 1"),
    (lambda: setattr(optimizers.SGD(), "learning_rate", float("nan")), "`learning_rate` must be a finite number >= 0"),
    (lambda: setattr(optimizers.SGD(), "learning_rate", None), "`learning_rate` must be a finite number >= 0"),
    (lambda: setattr(optimizers.SGD(), "learning_rate", -1), "Received: learning_rate=-1"),
    (lambda: schedules.ExponentialDecay(float("nan"), 1, 0.5), "`initial_learning_rate` must be a finite number"),
    (lambda: schedules.CosineDecay(-1.0, 1), "`initial_learning_rate` must be a finite number"),
    (lambda: schedules.PiecewiseConstantDecay([1], [0.1, float("inf")]), "`values` must be a finite number"),
    (lambda: schedules.PolynomialDecay(0.1, float("nan")), "`decay_steps` must be > 0"),
    (lambda: optimizers.LossScaleOptimizer("adam"), "inner_optimizer` must be an optimizer"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0), "set `clipnorm` on the `inner_optimizer`"),
    (lambda: optimizers.OptaxOptimizer("adam"), "optax.GradientTransformation"),
    (lambda: optimizers.get("adm"), "Unknown optimizer: 'adm'. Did you mean 'adam'"),
    (lambda: optimizers.get(3), "Could not interpret optimizer identifier: 3"),
    (lambda: optimizers.SGD().apply([np.ones((2, 3))]), "must already be built"),
    (lambda: optimizers.SGD().apply([np.ones((3, 2))], [W]), r"variable 'w' must have its shape \(2, 3\).*\(3, 2\)"),
    (lambda: optimizers.SGD().apply([None], [W]), "No gradients provided for any variable"),
    (lambda: optimizers.SGD().apply([np.ones((2, 3))] * 2, [W]), "2 gradients and 1 variables"),
    (lambda: optimizers.SGD().stateless_apply([], [], []), "must be built"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()


def test_mistakes_once_built():
    optimizer = optimizers.Adam()
    optimizer.build([W])
    values = [v.value for v in optimizer.variables]
    for call, message in (
        (lambda: optimizer.apply([]), None),
        (lambda: optimizer.apply([np.ones(2)] * 2), "tracking 1 trainable variables"),
        (lambda: optimizer.apply([np.ones(2)], [Variable(np.ones(2), name="other")]), "Unknown variable"),
        (lambda: optimizer.stateless_apply([], [np.ones((2, 3))], [W.value]), "length 0, but expected 4"),
        (lambda: optimizer.stateless_apply(values, [np.ones((2, 3))], []), "length 0, but expected 1"),
        (lambda: optimizer.set_weights([np.ones(5)] * 4), r"has shape \(\) not compatible.*\(5,\)"),
        (lambda: optimizer.set_weights([]), "has 4 variables. Received 0"),
    ):
        if message is None:
            call()
        else:
            with pytest.raises(ValueError, match=message):
                call()
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        optimizer.load_own_variables({"0": np.zeros(())})
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizers.SGD(decay=0.1)


# The step as a pure function, and what of users' classes is part of it.


def by_both(make, grads=None):
    """The variables after steps by `apply`, and by `stateless_apply` under jit; both also of the optimizer."""
    values, given = data()
    grads = given if grads is None else grads
    eager, pure = make(), make()
    variables = [[Variable(v, name=f"v{i}") for i, v in enumerate(values)] for _ in range(2)]
    eager.build(variables[0])
    pure.build(variables[1])
    trainable, state = state_of(pure, variables[1])
    step = jax.jit(lambda t, s, g: pure.stateless_apply(s, g, t))
    for g in grads:
        eager.apply(g)
        trainable, state = step(trainable, state, g)
    for x, y in zip([*variables[0], *eager.variables], [*trainable, *state], strict=True):
        np.testing.assert_allclose(x.numpy(), y, rtol=1e-5, atol=1e-6)
    return [v.numpy() for v in variables[0]], eager


def moved_by_sgd(grads, **settings):
    values, _ = data()
    reference = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    same = optimizers.SGD(**settings)
    for g in grads:
        same.apply(g, reference)
    return [v.numpy() for v in reference]


def assert_close(found, expected):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


class Centred(optimizers.SGD):
    """Overrides `apply`, as wrappers of optimizers do."""

    def apply(self, grads, trainable_variables=None):
        super().apply([g - g.mean() for g in grads], trainable_variables)


def test_apply_of_a_user_is_part_of_the_step():
    grads = data()[1]
    expected = moved_by_sgd([[g - g.mean() for g in step] for step in grads], learning_rate=0.1, momentum=0.9)
    assert_close(by_both(lambda: Centred(0.1, momentum=0.9))[0], expected)

    def patched():
        optimizer = optimizers.SGD(0.1, momentum=0.9)
        apply = optimizer.apply
        optimizer.apply = lambda grads, variables=None: apply([g - g.mean() for g in grads], variables)
        return optimizer

    assert_close(by_both(patched)[0], expected)
    inside = by_both(lambda: optimizers.LossScaleOptimizer(Centred(0.1, momentum=0.9), initial_scale=4.0), scaled(4.0))
    assert_close(inside[0], expected)


def scaled(factor):
    return [[g * np.float32(factor) for g in step] for step in data()[1]]


def test_loss_scale_of_a_users_optimizer():
    expected = moved_by_sgd(data()[1], learning_rate=0.1, momentum=0.5)
    found, optimizer = by_both(lambda: optimizers.LossScaleOptimizer(Heavy(0.1), initial_scale=4.0), scaled(4.0))
    assert_close(found, expected)
    assert float(optimizer.inner_optimizer.count) == 2 * STEPS


@pytest.mark.promotes("a user's function of the step")
def test_rate_of_a_users_property():
    class Warming(optimizers.SGD):
        @property
        def learning_rate(self):
            return self._learning_rate.value / (self.iterations.value + 1.0)

        @learning_rate.setter
        def learning_rate(self, value):
            self._learning_rate.assign(value)

    expected = [v.copy() for v in data()[0]]
    for i, step in enumerate(data()[1]):
        expected = [v - np.float32(0.5 / (i + 1)) * g for v, g in zip(expected, step)]
    assert_close(by_both(lambda: Warming(0.5))[0], expected)


@pytest.mark.promotes("a user's function of the step")
def test_functions_of_users_read_what_the_step_began_with():
    def make():
        optimizer = optimizers.SGD(lambda: 0.5 / (optimizer.iterations.value + 1.0))
        return optimizer

    grads = data()[1]
    expected = [v.copy() for v in data()[0]]
    for i, step in enumerate(grads):
        expected = [v - np.float32(0.5 / (i + 1)) * g for v, g in zip(expected, step)]
    assert_close(by_both(make)[0], expected)


class Counting(optimizers.Optimizer):
    """Keeps a variable of its own beside its rule."""

    def build(self, variables):
        super().build(variables)
        self.seen = self.add_variable((), name="seen")

    def rule(self, grad, param, slots, lr, step):
        self.seen.assign_add(1.0)
        return param - lr * grad * self.seen.value, {}


def test_rule_may_read_variables_of_its_own():
    expected, count = [v.copy() for v in data()[0]], 0
    for step in data()[1]:
        for i, g in enumerate(step):
            count += 1
            expected[i] = expected[i] - np.float32(0.1 * count) * g
    found, optimizer = by_both(lambda: Counting(0.1))
    assert_close(found, expected)
    assert float(optimizer.seen) == 2 * STEPS


@pytest.mark.parametrize("settings", [{}, {"gradient_accumulation_steps": 2}, {"use_ema": True}])
def test_rules_are_pure_inside(settings):
    scopes = []

    class Plain(optimizers.Optimizer):
        slots = ("last",)

        def rule(self, grad, param, slots, lr, step):
            scopes.append(in_stateless_scope())
            return param - lr * grad, {"last": grad}

    by_both(lambda: Plain(schedules.ExponentialDecay(0.1, 2, 0.5), **settings))
    assert scopes and not any(scopes)


@pytest.mark.parametrize("wrap", [False, True])
def test_conditions_carry_only_what_they_change(wrap):
    values, grads = data(1)
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer = optimizers.Adam(0.1, gradient_accumulation_steps=None if wrap else 2)
    optimizer = optimizers.LossScaleOptimizer(optimizer) if wrap else optimizer
    optimizer.build(variables)
    trainable, state = state_of(optimizer, variables)
    for given, moved in ((grads[0], 2), ([grads[0][0], None], 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = jax.make_jaxpr(lambda t, s, g: optimizer.stateless_apply(s, g, t))(trainable, state, given)
        (condition,) = [e for e in program.eqns if e.primitive.name == "cond"]
        # Parameter and two moments of each; and its sum of gradients, or the iteration, the scale and its counter.
        assert len(condition.outvars) == (3 * moved + 3 if wrap else 4 * moved)


class WithoutBase(optimizers.Optimizer):
    """Its `build` doesn't call the base's."""

    def build(self, variables):
        self.sums = [Variable(np.zeros(v.shape, "float32"), name="sum") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        total = self.sums[self._get_variable_index(variable)]
        total.assign_add(gradient)
        variable.assign_sub(learning_rate * total.value)


def test_build_of_a_user_that_forgets_the_base():
    values, grads = data()
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer = WithoutBase(0.1)
    for g in grads:
        optimizer.apply(g, variables)
    expected, sums = [v.copy() for v in values], [np.zeros_like(v) for v in values]
    for step in grads:
        sums = [s + g for s, g in zip(sums, step)]
        expected = [v - np.float32(0.1) * s for v, s in zip(expected, sums)]
    assert_close([v.numpy() for v in variables], expected)


def test_update_step_may_assign_what_is_not_the_optimizers():
    seen = Variable(0.0, name="seen")

    class Telling(optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            seen.assign_add(1.0)
            super().update_step(gradient * 2.0, variable, learning_rate)

    values, grads = data()
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer = Telling(0.1, momentum=0.9)
    for g in grads:
        optimizer.apply(g, variables)
    assert float(seen) == 2 * STEPS
    doubled = [[2 * g for g in step] for step in grads]
    assert_close([v.numpy() for v in variables], moved_by_sgd(doubled, learning_rate=0.1, momentum=0.9))
    assert_close(by_both(lambda: Telling(0.1, momentum=0.9))[0], [v.numpy() for v in variables])


def test_apply_to_some_of_the_variables():
    values, grads = data()
    variables = [Variable(v, name=f"v{i}") for i, v in enumerate(values)]
    optimizer = optimizers.Adam(0.1, weight_decay=0.1)
    optimizer.build(variables)
    variables[0].constraint = variables[1].constraint = lambda v: v * 0.0 + 7.0
    state = [v.numpy() for v in optimizer.variables]
    optimizer.apply([grads[0][1]], [variables[1]])
    np.testing.assert_array_equal(variables[0].numpy(), values[0])
    np.testing.assert_array_equal(variables[1].numpy(), np.full(4, 7.0))
    changed = [v.name for v, old in zip(optimizer.variables, state) if not np.array_equal(v.numpy(), old)]
    assert changed == ["iteration", "v1_momentum", "v1_velocity"]
    with pytest.warns(UserWarning, match="v1"):
        optimizer.apply([grads[0][0], None], variables)
    np.testing.assert_array_equal(variables[0].numpy(), np.full((3, 4), 7.0))


def test_weight_decay_of_each_variable():
    kernel, bias, table = (Variable(np.ones((3, 3)), name=n) for n in ("kernel", "bias", "embeddings"))
    table.path = "embedding/embeddings"
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    assert optimizer._weight_decays == ()
    optimizer.build([kernel, bias, table])
    assert optimizer._weight_decays == (0.5, 0.5, 0.5)
    optimizer.exclude_from_weight_decay(var_list=[table], var_names=["^bi"])
    assert optimizer._weight_decays == (0.5, None, None)
    optimizer.apply([np.zeros((3, 3), "float32")] * 3)
    np.testing.assert_allclose([v.numpy()[0, 0] for v in (kernel, bias, table)], [0.95, 1.0, 1.0], rtol=1e-6)
    muon = optimizers.Muon(0.1, weight_decay=0.25, adam_weight_decay=0.125)
    muon.build([kernel, bias, table])
    assert muon._weight_decays == (0.25, 0.25, 0.125)
    assert optimizers.SGD()._weight_decays == ()


def test_rule_must_keep_shapes():
    class Wrong(optimizers.Optimizer):
        slots = ("last",)

        def __init__(self, learning_rate=0.1, slot=False, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.slot = slot

        def rule(self, grad, param, slots, lr, step):
            return (param, {"last": grad[0]}) if self.slot else (param.sum(), {"last": grad})

    for slot, message in ((False, r"the parameter in its shape \(2, 3\).*shape \(\)"), (True, r"slot 'last'.*\(3,\)")):
        with pytest.raises(ValueError, match=message):
            Wrong(slot=slot).apply([np.ones((2, 3), "float32")], [W])
