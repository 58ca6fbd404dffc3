"""Models built by the same code in Keras and addax: the same graph, weights, shapes, configs and predictions."""

import json

import jax
import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")


def branching(k):
    x = k.Input((8,), name="i")
    a = k.layers.Dense(4, name="a")(x)
    b = k.layers.Dense(4, name="b")(x)
    c = k.layers.Dense(4, name="c")(b)
    d = k.ops.add(a, c)
    return k.Model(x, [k.layers.Dense(2, name="e")(d), k.layers.Dense(2, name="f")(a)])


def shared_layer(k):
    i, j = k.Input((8,), name="i"), k.Input((8,), name="j")
    s = k.layers.Dense(3, name="s")
    return k.Model([i, j], k.layers.Dense(1, name="z")(k.ops.concatenate([s(i), s(j)], axis=-1)))


def nested(k):
    i, j = k.Input((8,), name="i"), k.Input((8,), name="j")
    inner = k.Model(i, k.layers.Dense(5, name="in1")(i), name="inner")
    return k.Model(j, k.layers.Dense(2, name="out")(inner(j)), name="outer")


def nested_twice(k):
    i, j = k.Input((6,), name="i"), k.Input((6,), name="j")
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(6, name="d")], name="inner")
    return k.Model([i, j], k.ops.subtract(inner(inner(i)), inner(j)))


def dicts(k):
    i, j = k.Input((8,), name="i"), k.Input((8,), name="j")
    s = k.layers.Dense(3, name="s")
    outputs = {"p": k.layers.Dense(2, name="p1")(i), "q": k.layers.Dense(3, name="q1")(k.ops.add(s(i), s(j)))}
    return k.Model({"i": i, "j": j}, outputs)


def nested_structure(k):
    i, j, l = (k.Input((4,), name=n) for n in "ijl")
    total = k.ops.add(i, k.ops.multiply(j, l))
    return k.Model([i, {"u": j, "v": l}], {"o": [k.layers.Dense(2, name="o1")(total), total]})


def nested_sequential(k):
    inner = k.Sequential([k.layers.Dense(3, name="x1")], name="sq")
    return k.Sequential([k.Input((8,)), inner, k.layers.Dense(2, name="y1")], name="ss")


def partial(k):
    whole = branching(k)
    return k.Model(whole.get_layer("a").output, whole.outputs[1])


def same_tensor_twice(k):
    x = k.Input((3,), name="x")
    h = k.layers.Dense(4, name="h")(x)
    return k.Model(x, [h, h])


def unused_input(k):
    i, j = k.Input((2,), name="i"), k.Input((2,), name="j")
    return k.Model([i, j], k.layers.Dense(2, name="d")(i))


def operators(k):
    x = k.Input((4,), name="x")
    y = -(x * 2 - 1) / 3.0 + 2 ** x[:, 1:2] + k.ops.sum(x @ k.ops.transpose(x), axis=1, keepdims=True) * abs(x)
    return k.Model(x, k.ops.where(y > 0, y, 0.0))


def residual_chain(k):
    x = k.Input((6,), name="x")
    y = x
    for n in range(4):
        y = k.ops.add(y, k.layers.Dense(6, name=f"r{n}")(y))
    return k.Model(x, y)


def input_in_the_middle(k):
    x = k.Input((5,), name="x")
    a = k.layers.Dense(4, name="a")(x)
    b = k.Input((4,), name="b")
    return k.Model([x, b], [k.ops.add(a, b), k.layers.Dense(1, name="c")(b)])


BUILDERS = [
    branching,
    shared_layer,
    nested,
    nested_twice,
    dicts,
    nested_structure,
    nested_sequential,
    partial,
    same_tensor_twice,
    unused_input,
    operators,
    residual_chain,
    input_in_the_middle,
]


@pytest.fixture(params=BUILDERS, ids=lambda b: b.__name__)
def pair(request):
    keras.utils.clear_session(free_memory=False)
    addax.utils.clear_session(free_memory=False)
    theirs, ours = request.param(keras), request.param(addax)
    ours.set_weights(theirs.get_weights())
    return theirs, ours


def data_for(model, rows=3):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(rows, *t.shape[1:])).astype("float32") for t in model.inputs]


def predict(model, arrays, like):
    """The flat predictions; the data are given in the structure of the inputs of `like`, the addax model."""
    return jax.tree.leaves(model.predict(addax.tree.pack_sequence_as(like.input, arrays), verbose=0))


def test_the_graph_is_the_same(pair):
    theirs, ours = pair
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    if hasattr(theirs, "operations"):
        assert [o.name for o in ours.operations] == [o.name for o in theirs.operations]
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert ours.output_shape == theirs.output_shape
    assert ours.input_shape == theirs.input_shape
    assert ours.count_params() == theirs.count_params()


def test_predictions_are_the_same(pair):
    theirs, ours = pair
    arrays = data_for(ours)
    for a, b in zip(predict(ours, arrays, ours), predict(theirs, arrays, ours), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_configs_are_the_same(pair):
    theirs, ours = pair
    assert json.loads(ours.to_json()) == json.loads(theirs.to_json())


def test_each_reads_the_others_config(pair):
    theirs, ours = pair
    arrays = data_for(ours)
    from_theirs = addax.models.model_from_json(theirs.to_json())
    from_ours = keras.models.model_from_json(ours.to_json())
    for model in (from_theirs, from_ours):
        model.set_weights(theirs.get_weights())
    expected = predict(ours, arrays, ours)
    for a, b in zip(predict(from_theirs, arrays, ours), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for a, b in zip(predict(from_ours, arrays, ours), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def subclass_with_containers(k):
    class Block(k.layers.Layer):
        def __init__(self):
            super().__init__(name="block")
            self.dense = []
            self.norms = []
            for n in range(2):
                self.dense.append(k.layers.Dense(3, name=f"d{n}"))
                self.norms.append(k.layers.Dense(3, name=f"n{n}"))
            self.named = {"b": k.layers.Dense(3, name="nb"), "a": k.layers.Dense(3, name="na")}
            self.pair = (k.layers.Dense(3, name="p0"), k.layers.Dense(3, name="p1"))

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

        def call(self, x):
            for d, n in zip(self.dense, self.norms):
                x = n(d(x))
            return self.pair[1](self.pair[0](self.named["a"](x) + self.named["b"](x))) * self.scale

    class Net(k.Model):
        def __init__(self):
            super().__init__(name="net")
            self.block = Block()
            self.head = k.layers.Dense(2, name="head")

        def call(self, x, training=False):
            return self.head(self.block(x))

    return Net()


def test_subclassed_models_list_their_weights_alike():
    theirs, ours = subclass_with_containers(keras), subclass_with_containers(addax)
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    theirs(x)
    ours(x)
    for group in ("weights", "trainable_weights", "non_trainable_weights", "variables"):
        assert [v.path for v in getattr(ours, group)] == [v.path for v in getattr(theirs, group)], group
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    for model in (theirs, ours):
        model.block.dense[0].trainable = False
    assert [v.path for v in ours.trainable_weights] == [v.path for v in theirs.trainable_weights]
    assert ours.block.path == theirs.block.path == "net/block"
    for model in (theirs, ours):
        model.trainable = False
    assert ours.trainable_weights == [] and len(ours.non_trainable_weights) == len(theirs.non_trainable_weights)


def test_a_functional_subclass_keeps_its_methods():
    class Custom(addax.Model):
        def shout(self):
            return self.name.upper()

    x = addax.Input((3,))
    model = Custom(x, addax.layers.Dense(2)(x), name="quiet")
    assert model.shout() == "QUIET"
    assert isinstance(model, addax.models.Functional) and isinstance(model, Custom)
    assert model(np.ones((4, 3))).shape == (4, 2)
