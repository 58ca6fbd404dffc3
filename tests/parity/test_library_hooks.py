"""Methods and attributes with a leading underscore that libraries built on Keras override and read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 6)).astype("float32")
MASK = np.tril(np.ones((2, 5, 5), bool))


def attention(k: Any, **options: Any) -> tuple[Any, list]:
    """A layer whose attention is twice that of its base, and the list of what its override was given."""
    given: list = []

    class Doubled(k.layers.MultiHeadAttention):
        def _compute_attention(self, query: Any, key: Any, value: Any, attention_mask: Any = None, *rest: Any) -> tuple:
            mask = None if attention_mask is None else tuple(attention_mask.shape)[1:]  # one for all rows, or for each
            given.append([query.shape, key.shape, value.shape, mask, *rest])
            output, scores = super()._compute_attention(query, key, value, attention_mask, *rest)
            return 2 * output, scores

    layer = Doubled(2, 3, use_bias=False, **options)
    layer.build(X.shape, X.shape)
    layer.set_weights([values_of(w.shape) for w in layer.get_weights()])
    given.clear()
    return layer, given


def values_of(shape: tuple) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"attention_mask": MASK},
        pytest.param({"attention_mask": np.stack([MASK, MASK], 1)}, marks=pytest.mark.slow),
        pytest.param({"return_attention_scores": True}, marks=pytest.mark.slow),
        {"use_causal_mask": True, "training": True},
    ],
)
def test_an_override_of_attention_is_called(call: dict) -> None:
    found = []
    for k in (keras, addax):
        layer, given = attention(k)
        outputs = layer(X, X, **call)
        found.append((given, outputs if isinstance(outputs, tuple) else (outputs,)))
        plain = k.layers.MultiHeadAttention(2, 3, use_bias=False)
        plain.build(X.shape, X.shape)
        plain.set_weights(layer.get_weights())
        base = plain(X, X, **call)
        base = base[0] if isinstance(base, tuple) else base
        np.testing.assert_allclose(found[-1][1][0], 2 * base, rtol=1e-5, atol=1e-6)
    (expected, outputs), (received, ours) = found
    assert [tuple(map(tuple, g[:3])) for g in received] == [tuple(map(tuple, g[:3])) for g in expected]
    assert [g[3:] for g in received] == [g[3:] for g in expected]
    for a, b in zip(outputs, ours, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_override_in_a_model_and_with_grouped_heads() -> None:
    class Zero(addax.layers.GroupQueryAttention):
        def _compute_attention(
            self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: Any = None
        ):
            assert key.shape == query.shape == value.shape
            return addax.ops.zeros_like(query), None

    inputs = addax.Input((5, 6))
    outputs = Zero(3, 4, 2, use_bias=False)(inputs, inputs, use_causal_mask=True)
    model = addax.Model(inputs, outputs)
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    assert not model.predict(X, verbose=0).any()
    causal = addax.layers.MultiHeadAttention(2, 3)
    causal.build(X.shape, X.shape)
    q = values_of((2, 5, 2, 3))
    whole, _ = causal._compute_attention(q, q, q, use_causal_mask=True)
    masked, _ = causal._compute_attention(q, q, q, MASK[:1])
    np.testing.assert_allclose(whole, masked, rtol=1e-6)
    assert not np.allclose(whole, causal._compute_attention(q, q, q)[0])


def test_projections_by_their_names_in_keras() -> None:
    for k in (keras, addax):

        class Own(k.layers.MultiHeadAttention):
            def call(self, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
                parts = self._query_dense(query), self._key_dense(value), self._value_dense(value)
                return self._output_dense(self._compute_attention(*parts)[0])

        own, plain = Own(2, 3), k.layers.MultiHeadAttention(2, 3)
        assert not hasattr(own, "_query_dense")
        own(X, X), plain(X, X)
        own.set_weights(plain.get_weights())
        np.testing.assert_allclose(own(X, X), plain(X, X), rtol=1e-5, atol=1e-6)
        assert [w.path.partition("/")[2] for w in own.weights] == [w.path.partition("/")[2] for w in plain.weights]
        other = k.layers.MultiHeadAttention(2, 3)
        other._output_dense = dense = k.layers.Dense(3)
        assert other.output_dense is other._output_dense is dense


@pytest.mark.parametrize("save_freq", ["epoch", pytest.param(2, marks=pytest.mark.slow)])
def test_overrides_of_checkpoints_are_called(save_freq: Any, tmp_path: Any) -> None:
    shown = []
    for k in (keras, addax):
        calls: list = []

        class Own(k.callbacks.ModelCheckpoint):
            def _should_save_on_batch(self, batch: int) -> bool:
                return batch == 1 or super()._should_save_on_batch(batch)

            def _save_model(self, epoch: int, batch: int | None, logs: Any, calls: list = calls) -> None:
                calls.append((epoch, batch))
                super()._save_model(epoch, batch, logs)

            def _get_file_path(self, epoch: int, batch: int | None, logs: Any, calls: list = calls) -> str:
                path = super()._get_file_path(epoch, batch, logs)
                calls.append((epoch, batch, path.rpartition("/")[2]))
                return path

        model = k.Sequential([k.Input((6,)), k.layers.Dense(1)])
        model.compile("sgd", "mse")
        callback = Own(str(tmp_path / "m{epoch}.weights.h5"), save_weights_only=True, save_freq=save_freq)
        model.fit(np.ones((10, 6)), np.ones((10, 1)), batch_size=2, epochs=2, verbose=0, callbacks=[callback])
        shown.append(calls)
    assert shown[0] == shown[1]


def branching(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(4, name="shared")
    x = k.layers.Add(name="add")([shared(a), k.layers.ReLU(name="relu")(shared(b))])
    return k.Model([a, b], [k.layers.Dense(2, name="one")(x), k.layers.Dense(3, name="two")(shared(x))])


def arguments(model: Any) -> list:
    """The shapes that each call of a model takes and gives, by the names under which Keras has them."""
    calls = sorted((n for nodes in model._nodes_by_depth.values() for n in nodes), key=lambda n: n.operation.name)
    return [
        [
            n.operation.name,
            n.is_input,
            [t.shape for t in n.arguments.keras_tensors],
            [t.shape for t in n.output_tensors],
        ]
        for n in calls
    ]


def test_graphs_by_depth_are_those_of_keras() -> None:
    found = []
    for k in (keras, addax):
        model = branching(k)
        nodes = {d: sorted(n.operation.name for n in ns) for d, ns in model._nodes_by_depth.items()}
        operations = {d: sorted(o.name for o in os) for d, os in model._operations_by_depth.items()}
        found.append((nodes, operations, [o.name for o in model.operations], arguments(model)))
    assert found[0][0] == found[1][0]
    assert found[0][2:] == found[1][2:]
    assert {o for os in found[0][1].values() for o in os} == {o for os in found[1][1].values() for o in os}
    sequential = addax.Sequential([addax.layers.Dense(2, name="only")])
    assert sequential._functional is None
    sequential.build((None, 3))
    graph = sequential._functional
    assert isinstance(graph, addax.models.Functional) and [layer.name for layer in graph.layers][1:] == ["only"]
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(graph(x), sequential(x))
    own = type("Own", (addax.Model,), {})()
    assert not hasattr(own, "_nodes_by_depth")


def test_a_build_that_calls_the_one_of_the_base_leaves_inner_layers_to_the_call() -> None:
    for k in (keras, addax):

        class Rows(k.layers.Layer):
            def __init__(self, k: Any = k) -> None:
                super().__init__()
                self.inner = k.layers.Embedding(3, 2)

            def build(self, input_shape: Any) -> None:
                super().build(input_shape)

            def call(self, inputs: Any) -> Any:
                return inputs[0] + self.inner(inputs[1])

        layer = Rows()
        layer.build([(2, 2), (2,)])
        assert layer.built and not layer.inner.built
        assert layer([np.ones((2, 2), "float32"), np.array([0, 2])]).shape == (2, 2)


def test_layers_may_be_assigned_before_the_constructor_of_the_base() -> None:
    shown = []
    for k in (keras, addax):

        class Backbone(k.Model):
            def __init__(self, k: Any = k) -> None:
                self.dense = k.layers.Dense(2, name="dense")
                self.blocks = [k.layers.Dense(2, name="first"), k.layers.Dense(2, name="second")]
                x = inputs = k.Input((3,), name="inputs")
                for layer in (self.dense, *self.blocks):
                    x = layer(x)
                super().__init__(inputs, x, name="backbone")

        class Own(k.layers.Layer):
            def __init__(self, k: Any = k) -> None:
                self.dense = k.layers.Dense(2, name="dense")
                self.parts = {"a": k.layers.Dense(2, name="part")}
                super().__init__(name="own")

            def call(self, x: Any) -> Any:
                return self.parts["a"](self.dense(x))

        model, own = Backbone(), Own()
        own(np.ones((1, 3)))
        shown.append(([w.path for w in model.weights], [w.path for w in own.weights], [m.name for m in model.layers]))
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    assert shown[0] == shown[1]


def test_names_of_a_family_are_looked_up_in_its_objects() -> None:
    for i, k in enumerate((keras, addax)):

        class Sampler:
            def __init__(self, size: int = 1) -> None:
                self.size = size

            def get_config(self) -> dict:
                return {"size": self.size}

            @classmethod
            def from_config(cls, config: dict) -> Any:
                return cls(**config)

        k.saving.register_keras_serializable(f"hooks{i}", "Sampler")(Sampler)
        get = k.saving.deserialize_keras_object
        family = {"greedy": Sampler}
        for name in ("greedy", {"class_name": "greedy", "config": {}}):
            found = get(name, module_objects=family, printable_module_name="samplers")
            assert isinstance(found, Sampler) and found.size == 1
        assert get({"class_name": "greedy", "config": {"size": 3}}, module_objects=family).size == 3
        assert get("nothing", module_objects=family) == "nothing"
        assert get({"a": ["greedy"]}) == {"a": ["greedy"]}
