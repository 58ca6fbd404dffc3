"""Programs as users write them, run with Keras and with addax: what they print and return is the same."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

X = np.linspace(-1, 1, 8, dtype="float32").reshape(4, 2)
Y = np.ones((4, 1), "float32")


def model_class(k: ModuleType) -> type:
    """A model whose steps return logs that hold dicts, as those that ask each of `self.metrics` for its result do."""

    class Nested(k.Model):
        def train_step(self, state, data):
            trainable, non_trainable, optimizer, _ = state
            metrics, logs = [], {}
            for metric in self.metrics:
                values = metric.stateless_reset_state()
                given = (data[1],) if metric.name == "loss" else (data[1], data[0][:, :1])
                values = metric.stateless_update_state(values, *given)
                logs[metric.name] = metric.stateless_result(values)
                metrics += values
            logs["more"] = {"deep": {"sum": k.ops.sum(data[0])}, "loss": 7.0, "count": 2.0}
            return logs, (trainable, non_trainable, optimizer, metrics)

        def test_step(self, state, data):
            return {"loss": k.ops.sum(data[1]), "more": {"count": 3.0}}, state

    return Nested


def run_nested(k: ModuleType, **options) -> list:
    seen = []

    class Seen(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append({name: float(logs[name]) for name in sorted(logs)})

        def on_epoch_end(self, epoch, logs=None):
            seen.append({name: logs[name] for name in sorted(logs)})

    inputs = k.Input((2,))
    model = model_class(k)(inputs, k.layers.Dense(1)(inputs))
    model.compile("sgd", "mse", metrics=["mae", k.metrics.MeanSquaredError(name="square")], **options)
    history = model.fit(X, Y, batch_size=2, shuffle=False, verbose=0, validation_data=(X, Y), callbacks=[Seen()])
    seen.append(dict(sorted(history.history.items())))
    seen.append(model.evaluate(X, Y, verbose=0, return_dict=True))
    return seen


@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 2}])
def test_dicts_in_the_logs_of_custom_steps_are_flattened(options):
    expected, found = run_nested(keras, **options), run_nested(addax, **options)
    assert [sorted(logs) for logs in found] == [sorted(logs) for logs in expected]
    for ours, theirs in zip(found, expected):
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, err_msg=name)


def flags(k: ModuleType, default: bool) -> list:
    """The training flags that layers get within models that hand on what they were given."""
    seen: list = []

    class Inner(k.layers.Layer):
        def call(self, x, training=default):
            seen.append(training)
            return x

    class HandsOn(k.Model):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x, training=None):
            return self.inner(x, training=training)

    class SaysNothing(HandsOn):
        def call(self, x, training=None):
            return self.inner(x)

    found = []
    given = [{}, {"training": None}, {"training": True}, {"training": False}]
    for make in (Inner, HandsOn, SaysNothing):
        model = make()
        model(X)
        for kwargs in given:
            model(X, **kwargs)
            found.append(seen[-1])  # the calls before it, if any, are for shapes
    inputs = k.Input((2,))
    for recorded in given:
        model = k.Model(inputs, Inner()(inputs, **recorded))
        for kwargs in given[:2]:
            model(X, **kwargs)
            found.append(seen[-1])
    return found


@pytest.mark.parametrize("default", [True, False])
def test_a_training_flag_of_none_is_not_the_default(default):
    assert flags(addax, default) == flags(keras, default)


def test_augmentation_is_off_where_training_is_none():
    images = np.arange(12, dtype="float32").reshape(1, 2, 2, 3)
    for k in (keras, addax):
        layer = k.layers.RandomBrightness(0.9, seed=3)
        np.testing.assert_array_equal(layer(images, training=None), images)


def final_states(k: ModuleType) -> list:
    class Cell(k.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = self.state_size = units

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="ones")

        def call(self, inputs, states):
            output = k.ops.matmul(inputs, self.kernel) + states[0]
            return output, [output]

    x = np.arange(12, dtype="float32").reshape(1, 4, 3)
    found = []
    for cells in ([Cell(2), Cell(3)], [Cell(2), k.layers.LSTMCell(2, kernel_initializer="ones"), k.layers.GRUCell(1)]):
        rnn = k.layers.RNN(cells, return_state=True)
        _, *states = rnn(x)
        structure = k.tree.map_structure(lambda a: tuple(a.shape), states)
        stepped = rnn.cell(x[:, 0], rnn.cell.get_initial_state(batch_size=1))[1]
        found += [repr(structure), repr(k.tree.map_structure(lambda a: tuple(a.shape), stepped)), states[0]]
    return found


def test_states_of_stacked_cells_have_the_structure_that_the_cells_give_them():
    for ours, theirs in zip(final_states(addax), final_states(keras), strict=True):
        if isinstance(ours, str):
            assert ours == theirs
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_paths_of_the_states_of_stateful_layers():
    def paths(k):
        model = k.Sequential([k.Input(batch_shape=(2, 3, 2)), k.layers.LSTM(2, stateful=True, name="r")], name="m")
        return [v.path for v in model.layers[0].states]

    assert paths(addax) == paths(keras)


def summary_of_odd_shapes(k: ModuleType) -> str:
    class Returns(k.layers.Layer):
        def __init__(self, shapes, name):
            super().__init__(name=name)
            self.shapes = shapes

        def call(self, x):
            return k.tree.map_structure(lambda n: x if n == 2 else k.ops.sum(x, axis=-1), self.shapes)

        def compute_output_shape(self, input_shape):
            return k.tree.map_structure(lambda n: input_shape[:n], self.shapes)

    class Model(k.Model):
        def __init__(self):
            super().__init__(name="model")
            structures = (1, [2, 1], (2, 1), [2], {"a": 2, "b": 1}, {"a": [2, 2]})
            self.parts = [Returns(s, f"part_{i}") for i, s in enumerate(structures)]
            inputs = k.Input((2,))
            self.parts.append(k.Model(inputs, [inputs, k.ops.sum(inputs, -1)], name="graph"))
            self.rnn = k.layers.LSTM(2, return_state=True, name="rnn")

        def call(self, x):
            for part in self.parts:
                part(x)
            self.rnn(x[:, None])
            return x

    lines: list[str] = []
    model = Model()
    model(X)
    model.summary(print_fn=lambda text, line_break=False: lines.append(text))
    inputs = k.Input((2,), name="in")
    graph = k.Model(inputs, [Returns([2, 1], "a")(inputs), Returns(1, "b")(inputs)], name="graph_of_two")
    graph.summary(print_fn=lambda text, line_break=False: lines.append(text))
    return "\n".join(lines)


def test_output_shapes_in_summaries_keep_their_structure():
    assert summary_of_odd_shapes(addax) == summary_of_odd_shapes(keras)
