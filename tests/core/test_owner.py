"""What belongs to a layer, metric or optimizer, and copies of them."""

import copy
import pickle

import numpy as np
import pytest

import addax as keras
from addax.core.state import StateScope, substitute


class Nested(keras.layers.Layer):
    """Keeps layers in every kind of container."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.items = [keras.layers.Dense(2), {"a": keras.layers.Dense(3), "b": (keras.layers.Dense(2),)}]
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return self.items[1]["b"][0](self.items[0](x)) * self.scale


def copies(x):
    return {"pickle": pickle.loads(pickle.dumps(x)), "deepcopy": copy.deepcopy(x)}


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_copies_of_a_layer_are_alike_and_independent(how):
    layer = Nested()
    x = np.ones((2, 4), "float32")
    expected = np.asarray(layer(x))
    twin = copies(layer)[how]
    np.testing.assert_array_equal(twin(x), expected)
    assert [v.path for v in twin.variables] == [v.path for v in layer.variables]
    assert not {id(v) for v in twin.variables} & {id(v) for v in layer.variables}
    twin.set_weights([w * 0 for w in twin.get_weights()])
    np.testing.assert_array_equal(layer(x), expected)


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_containers_of_a_copy_still_note_what_is_added(how):
    layer = keras.layers.Layer()
    layer.parts = [keras.layers.Dense(2)]
    twin = copies(layer)[how]
    twin.parts.append(keras.layers.Dense(3))
    assert [type(part).__name__ for part in twin._layers] == ["Dense", "Dense"]
    assert len(layer._layers) == 1


def test_a_copy_of_a_called_layer_leaves_the_graph_behind():
    layer = keras.layers.Dense(2)
    layer(keras.layers.Dense(5)(keras.Input((3,))))
    twin = pickle.loads(pickle.dumps(layer))
    assert twin._inbound_nodes == [] and len(layer._inbound_nodes) == 1
    assert twin.get_weights()[0].shape == (5, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.metrics.MeanIoU(2),
        lambda: keras.metrics.AUC(num_thresholds=5),
        lambda: keras.losses.Huber(0.5),
        lambda: keras.optimizers.Adam(0.1, use_ema=True),
        lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), momentum=0.5),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.RMSprop()),
        lambda: keras.layers.LSTM(3, dropout=0.1),
        lambda: keras.layers.Bidirectional(keras.layers.GRU(2)),
        lambda: keras.layers.Activation("relu"),
        lambda: keras.layers.Lambda(np.negative),
    ],
)
def test_leaves_copy(make):
    x = make()
    for twin in copies(x).values():
        assert type(twin) is type(x)
        if not isinstance(x, keras.layers.Lambda):
            assert twin.get_config() == x.get_config()


def test_a_copied_optimizer_goes_on_where_it_was():
    def trained(optimizer, w, steps):
        for _ in range(steps):
            optimizer.apply([np.asarray(w) * 2], [w])
        return w.numpy()

    w = keras.Variable([1.0, -2.0])
    optimizer = keras.optimizers.Adam(0.1)
    trained(optimizer, w, 3)
    twin = pickle.loads(pickle.dumps(optimizer))
    twin_w = twin._trainable_variables[0]
    np.testing.assert_array_equal(trained(twin, twin_w, 2), trained(optimizer, w, 2))


def test_a_list_that_holds_itself_is_copied():
    layer = keras.layers.Layer()
    layer.parts = [keras.layers.Dense(2)]
    layer.parts.append(layer.parts)
    twin = pickle.loads(pickle.dumps(layer))
    assert twin.parts[1] is not layer.parts
    assert len(twin._layers) == 1


def test_layers_assigned_before_the_base_constructor():
    class Early(keras.layers.Layer):
        def __init__(self):
            self.inner = keras.layers.Dense(2)
            super().__init__()

        def call(self, x):
            return self.inner(x)

    layer = Early()
    assert layer(np.ones((1, 3))).shape == (1, 2)
    assert len(layer.weights) == 2


def test_a_layer_that_never_calls_the_base_constructor():
    class Late(keras.layers.Layer):
        def __init__(self):
            self.inner = keras.layers.Dense(2)

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Late()(np.ones((1, 3)))


def test_tracking_is_linear_in_the_number_of_variables():
    class CountingVariable(keras.Variable):
        compared = 0

        def __eq__(self, other):
            CountingVariable.compared += 1
            return self is other

        __hash__ = keras.Variable.__hash__

    layer = keras.layers.Layer()
    layer.parts = [CountingVariable(np.zeros(1)) for _ in range(300)]
    assert CountingVariable.compared == 0
    assert len(layer.variables) == 300


def test_reassigned_states_are_dropped():
    metric = keras.metrics.Mean()
    metric.total = keras.Variable(0.0, name="total")
    assert [v.name for v in metric.variables] == ["count", "total"]


def test_add_weight_takes_at_most_three_by_position():
    layer = keras.layers.Layer()
    assert layer.add_weight((2,), "ones", "float32").shape == (2,)
    with pytest.raises(ValueError, match="`name` must be passed as a keyword argument"):
        layer.add_weight("scale", shape=(2,))
    with pytest.raises(TypeError, match="takes at most 3 positional arguments but 4 were given"):
        layer.add_weight((2,), "ones", "float32", True)


def test_build_is_told_the_shape_of_masks_it_asks_for():
    seen = []

    class Masked(keras.layers.Layer):
        def build(self, x_shape, attention_mask_shape=None):
            seen.append((x_shape, attention_mask_shape))

        def call(self, x, attention_mask=None):
            return x

    Masked()(np.ones((2, 3)), attention_mask=np.ones((2, 1)))
    assert seen == [((2, 3), (2, 1))]


def test_building_without_a_shape_warns_of_unbuilt_layers_inside():
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2)

    layer = Outer()
    with pytest.warns(UserWarning, match="does not have a `build\\(\\)` method implemented"):
        layer.build(None)
    assert layer.built and not layer.inner.built
    with pytest.raises(NotImplementedError, match="does not have a `compute_output_shape` method implemented"):
        keras.layers.Layer().compute_output_shape(None)


def test_activity_penalty_of_an_empty_batch_is_zero():
    layer = keras.layers.Dense(2, activity_regularizer="l2")
    layer(np.ones((0, 3)))
    assert [float(loss) for loss in layer.losses] == [0.0]


def test_values_read_from_variables_are_the_callers_own():
    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    for _ in range(2):
        before = layer.get_weights()[0].copy()
        weights = layer.get_weights()
        weights[0][:] = 7.0
        np.testing.assert_array_equal(layer.get_weights()[0], before)
        layer(np.ones((1, 2)))  # from now on the value is on the device


class Halved(keras.layers.Layer):
    """Stands for a layer with half its kernel; what the inner layer writes is kept."""

    def __init__(self, inner, variable):
        super().__init__()
        self.inner = inner
        self.variable = variable

    def build(self, shape):
        if not self.inner.built:
            self.inner.build(shape)

    def call(self, x, training=None):
        variable = getattr(self.inner, self.variable)
        with substitute((variable, variable.value / 2)):
            return self.inner(x, training=training)


def test_substituted_values_are_read_and_writes_go_through():
    inner = keras.layers.BatchNormalization(center=False)
    inner.build((None, 2))
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    expected = np.asarray(keras.layers.BatchNormalization(center=False)(x, training=True)) / 2
    outer = Halved(inner, "gamma")
    np.testing.assert_allclose(outer(x, training=True), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(inner.moving_mean, 0.01 * x.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(inner.gamma.numpy(), [1.0, 1.0])


def test_writes_of_a_substituted_layer_reach_the_scope_around_it():
    inner = keras.layers.BatchNormalization()
    outer = Halved(inner, "gamma")
    x = np.random.default_rng(0).normal(1.0, size=(8, 2)).astype("float32")
    outer(x)
    with StateScope() as scope:
        outer(x, training=True)
    np.testing.assert_allclose(scope.get_current_value(inner.moving_mean), 0.01 * x.mean(0), rtol=1e-4)
    np.testing.assert_array_equal(inner.moving_mean.numpy(), [0.0, 0.0])


def test_a_model_of_substituted_layers_trains_and_keeps_their_states():
    inner = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((3,)), Halved(inner, "gamma"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(2.0, size=(16, 3)).astype("float32")
    model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
    assert np.all(inner.moving_mean.numpy() > 0.1)
    assert np.any(inner.gamma.numpy() != 1.0)


def test_substitutes_have_their_variables_shape():
    v = keras.Variable(np.ones(3), name="v")
    with pytest.raises(ValueError, match=r"variable 'v' must have its shape \(3,\)"), substitute((v, np.ones(2))):
        pass


def test_rematerialized_calls_compute_the_same_gradients_and_keep_states():
    import jax

    class Block(keras.layers.Layer):
        def __init__(self, remat):
            super().__init__()
            self.remat = remat
            self.norm = keras.layers.BatchNormalization()
            self.dense = keras.layers.Dense(3, activation="tanh")

        def run(self, x, training):
            return self.dense(self.norm(x, training=training))

        def call(self, x, training=None):
            run = self.rematerialized_call(self.run, x) if self.remat else self.run
            return run(x, training)

    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    plain, remat = Block(False), Block(True)
    plain(x), remat(x)
    remat.set_weights(plain.get_weights())

    def gradients(block):
        def loss(values):
            out, states = block.stateless_call(
                values, [v.value for v in block.non_trainable_variables], x, training=True
            )
            return (out**2).sum(), states

        return jax.grad(loss, has_aux=True)([v.value for v in block.trainable_variables])

    for (got, states), (expected, expected_states) in [(gradients(remat), gradients(plain))]:
        for a, b in zip([*got, *states], [*expected, *expected_states]):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_placements_are_kept_by_every_way_of_assigning():
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    place = NamedSharding(jax.make_mesh((1,), ("batch",)), PartitionSpec())
    layer = keras.layers.Dense(2, kernel_constraint="nonneg")
    layer.build((None, 3))
    layer.kernel.placement = place
    layer.set_weights([w + 1 for w in layer.get_weights()])
    assert layer.kernel.value.sharding == place
    layer.kernel.assign(jax.numpy.ones((3, 2)))
    assert layer.kernel.value.sharding == place
    layer.kernel.assign(layer.kernel.constraint(layer.kernel.value))
    assert layer.kernel.value.sharding == place
