"""The TensorBoard callback writes what Keras 3.15.1 on TensorFlow does: tags, steps and kinds are from its files."""

from __future__ import annotations

import contextlib
import inspect
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import jax
import numpy as np
import pytest

import addax as keras

loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
from tensorboard.util import tensor_util  # noqa: E402

X = np.random.default_rng(0).random((12, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def events(folder):
    """By run: (step, tag, kind, value) of all that its files hold, in order."""
    found = defaultdict(list)
    for file in sorted(Path(folder).glob("*/events.out.tfevents.*")):
        for event in loader.EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                kind = value.metadata.plugin_data.plugin_name
                content = tensor_util.make_ndarray(value.tensor)
                found[file.parent.name].append((event.step, value.tag, kind, content))
    return dict(found)


def names(rows):
    return [(step, tag) for step, tag, *_ in rows]


def train(folder, epochs=2, optimizer="sgd", validation=True, model=None, compile_arguments=None, **arguments):
    if model is None:
        layers = [keras.layers.Dense(3, name="d"), keras.layers.Dense(1, name="o")]
        model = keras.Sequential([keras.Input((4,)), *layers], name="net")
        model.compile(optimizer, "mse", metrics=["mae"], **(compile_arguments or {}))
    board = keras.callbacks.TensorBoard(folder, **arguments)
    data = {"validation_data": (X, Y)} if validation else {}
    history = model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, callbacks=[board], profile=True, **data)
    return model, board, history


def epoch(step, *more):
    return [(step, f"epoch_{n}") for n in ("loss", "mae", "learning_rate", *more)]


def batch(step, *more):
    return [(step, f"batch_{n}") for n in (*more, "loss", "mae")]


WEIGHTS = [f"net/{layer}/{weight}" for layer in "do" for weight in ("kernel", "bias")]
RATE = "steps_per_second"

# Arguments, number of epochs, and what Keras writes to `train`.
WRITTEN = {
    "default": ({}, 2, [(0, "keras"), *epoch(0), *epoch(1)]),
    "every batch": (
        {"update_freq": "batch", "write_graph": False},
        2,
        [*batch(1), *batch(2), *batch(3), *epoch(0), *batch(4), *batch(5), *batch(6), *epoch(1)],
    ),
    "every second batch": (
        {"update_freq": 2, "write_graph": False},
        2,
        [*batch(2), *epoch(0), *batch(4), *batch(6), *epoch(1)],
    ),
    "speed": ({"write_steps_per_second": True, "write_graph": False}, 2, [*epoch(0, RATE), *epoch(1, RATE)]),
    "speed of batches": (
        {"write_steps_per_second": True, "update_freq": 1, "write_graph": False},
        1,
        [*batch(1, RATE), *batch(2, RATE), *batch(3, RATE), *epoch(0, RATE)],
    ),
    "histograms": (
        {"histogram_freq": 2, "write_graph": False},
        3,
        [
            *[*epoch(0), *((0, f"{w}/histogram") for w in WEIGHTS)],
            *epoch(1),
            *[*epoch(2), *((2, f"{w}/histogram") for w in WEIGHTS)],
        ],
    ),
    "images": (
        {"histogram_freq": 1, "write_images": True, "write_graph": False},
        1,
        # A single number is no image.
        [
            *epoch(0),
            *((0, f"{w}/{k}") for w in WEIGHTS for k in ("histogram", "image") if (w, k) != (WEIGHTS[3], "image")),
        ],
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_writes_what_keras_writes(name, tmp_path):
    arguments, epochs, wanted = WRITTEN[name]
    model, _, history = train(tmp_path, epochs, **arguments)
    found = events(tmp_path)
    assert names(found["train"]) == wanted
    steps = [(3 * (e + 1), e) for e in range(epochs)]
    assert names(found["validation"]) == [
        row
        for iterations, e in steps
        for row in (
            *((iterations, f"evaluation_{n}_vs_iterations") for n in ("loss", "mae")),
            *((e, f"epoch_{n}") for n in ("loss", "mae")),
        )
    ]
    kinds = {"keras": "graph_keras_model", "histogram": "histograms", "image": "images"}
    for _, tag, kind, _ in (*found["train"], *found["validation"]):
        assert kind == kinds.get(tag.rpartition("/")[2], "scalars")
    for run, prefix in (("train", ""), ("validation", "val_")):
        for metric in ("loss", "mae"):
            values = [float(v) for _, tag, _, v in found[run] if tag == f"epoch_{metric}"]
            np.testing.assert_allclose(values, history.history[prefix + metric], rtol=1e-6)
    for _, tag, _, value in found["train"]:
        if tag == "epoch_learning_rate":
            assert value == pytest.approx(0.01)
        if tag.endswith(RATE):
            assert value > 0
        if tag == "keras":
            assert json.loads(value[0]) == json.loads(model.to_json())
    # Nothing that is written between batches: many steps run in one dispatch.
    assert (history.profile.dispatches < history.profile.steps) == ("update_freq" not in arguments)


def test_learning_rate_of_a_schedule_is_that_of_the_moment(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    train(tmp_path, optimizer=keras.optimizers.SGD(schedule))
    rates = [float(v) for _, tag, _, v in events(tmp_path)["train"] if tag == "epoch_learning_rate"]
    np.testing.assert_allclose(rates, [0.1 * 0.5 ** (3 / 5), 0.1 * 0.5 ** (6 / 5)], rtol=1e-5)


def test_evaluate_writes_to_validation(tmp_path):
    model, board, _ = train(tmp_path, validation=False)
    assert set(events(tmp_path)) == {"train"}
    loss, mae = model.evaluate(X, Y, verbose=0, callbacks=[board])
    rows = events(tmp_path)["validation"]
    assert names(rows) == [(6, "evaluation_loss_vs_iterations"), (6, "evaluation_mae_vs_iterations")]
    np.testing.assert_allclose([float(r[3]) for r in rows], [loss, mae], rtol=1e-6)


def test_second_fit_adds_files_and_counts_batches_anew(tmp_path):
    model, board, _ = train(tmp_path, epochs=1, update_freq=1, write_graph=False, validation=False)
    model.fit(X, Y, batch_size=4, epochs=2, initial_epoch=1, verbose=0, callbacks=[board])
    wanted = [*batch(1), *batch(2), *batch(3), *epoch(0), *batch(1), *batch(2), *batch(3), *epoch(1)]
    assert names(events(tmp_path)["train"]) == wanted
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_several_steps_an_execution(tmp_path):
    train(tmp_path, 2, update_freq=2, write_graph=False, compile_arguments={"steps_per_execution": 2})
    # Executions end after the batches 2, 3, 5 and 6; the 4th has gone by at the 5th.
    assert names(events(tmp_path)["train"]) == [*batch(2), *epoch(0), *batch(5), *batch(6), *epoch(1)]


def test_histograms_hold_every_value(tmp_path):
    from tensorboard.plugins.histogram.summary_v2 import histogram_pb

    model, *_ = train(tmp_path, 1, histogram_freq=1, write_graph=False)
    rows = {tag: value for _, tag, kind, value in events(tmp_path)["train"] if kind == "histograms"}
    for weight in model.weights:
        buckets = rows[f"{weight.path}/histogram"]
        values = weight.numpy().ravel()
        assert buckets.shape == (30, 3)
        (wanted,) = histogram_pb("x", values, buckets=30).value
        np.testing.assert_allclose(buckets, tensor_util.make_ndarray(wanted.tensor), rtol=1e-6, atol=1e-7)
        assert buckets[:, 2].sum() == values.size
        assert buckets[0, 0] == values.min() and buckets[-1, 1] == values.max()
    # Of equal values TensorFlow puts all in the last bucket.
    constant = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(2.0))]
    )
    constant.compile(keras.optimizers.SGD(0.0), "mse")
    train(tmp_path / "constant", 1, model=constant, histogram_freq=1, write_graph=False)
    buckets = next(v for _, tag, _, v in events(tmp_path / "constant")["train"] if tag.endswith("kernel/histogram"))
    np.testing.assert_array_equal(buckets[-1], [2, 2, 4])
    assert buckets[:-1, 2].sum() == 0


# A weight, and the size (width, height) and first pixels of the images that TensorFlow's files hold.
KERNEL = np.array([-0.57807696, 0.6275857, 0.6651588, -0.8403275, 0.6974935, 0.08973533], "float32")
IMAGES = [
    (KERNEL.reshape(2, 3), (3, 2), [[0, 160, 169, 0, 178, 22]]),
    (KERNEL.reshape(3, 2), (3, 2), [[0, 169, 178, 160, 0, 22]]),
    (KERNEL.reshape(6, 1), (1, 6), [[0, 160, 169, 0, 178, 22]]),
    (KERNEL.reshape(1, 1, 3, 2), (3, 2), [[0, 169, 178, 160, 0, 22]]),
    (
        np.stack([KERNEL.reshape(2, 3), 2 * KERNEL.reshape(2, 3)], -1),
        (3, 2),
        [[0, 160, 169, 0, 178, 22], [0, 255, 255, 0, 255, 45]],
    ),
]


@pytest.mark.parametrize("number", range(len(IMAGES)))
def test_images_are_those_of_keras(number, tmp_path):
    import io

    from PIL import Image

    weight, (width, height), pixels = IMAGES[number]

    class Holds(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=weight.shape, initializer=lambda shape, dtype=None: weight, name="w")

        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((4,)), Holds(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    train(tmp_path, 1, model=model, histogram_freq=1, write_images=True, write_graph=False)
    value = next(v for _, tag, _, v in events(tmp_path)["train"] if tag.endswith("w/image"))
    assert [int(v) for v in value[:2]] == [width, height]
    found = [np.asarray(Image.open(io.BytesIO(png))) for png in value[2:]]
    assert [f.shape for f in found] == [(height, width)] * len(pixels)
    assert [f.ravel().tolist() for f in found] == pixels


def test_own_classes_have_no_graph(tmp_path):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.d = keras.layers.Dense(1)

        def call(self, x):
            return self.d(x)

    model = Mine()
    model.compile("sgd", "mse")
    train(tmp_path, 1, model=model)
    assert names(events(tmp_path)["train"]) == [(0, "epoch_loss"), (0, "epoch_learning_rate")]


@pytest.mark.parametrize("profile_batch,wanted", [(2, [2]), ((2, 4), [2, 3, 4])])
def test_profile_holds_these_batches(profile_batch, wanted, tmp_path):
    _, board, history = train(tmp_path, 2, profile_batch=profile_batch, write_graph=False)
    (trace,) = (tmp_path / "train" / "plugins" / "profile").glob("*/*.xplane.pb")
    steps = [
        dict(event.stats)["step_num"]
        for plane in jax.profiler.ProfileData.from_file(str(trace)).planes
        for line in plane.lines
        for event in line.events
        if event.name == "train"
    ]
    assert sorted(steps) == wanted
    assert names(events(tmp_path)["train"]) == [*epoch(0), *epoch(1)]
    assert "TensorBoard looks at every batch" in history.profile.path
    # It is done: nothing keeps later steps apart, and another profile can begin.
    assert not board.needs_batches("train")
    jax.profiler.start_trace(str(tmp_path / "other"))
    jax.profiler.stop_trace()


def test_profile_that_training_does_not_reach_the_end_of(tmp_path):
    train(tmp_path, 1, profile_batch=(2, 100), write_graph=False)
    assert len(list((tmp_path / "train").glob("plugins/profile/*/*.xplane.pb"))) == 1
    train(tmp_path / "executions", 1, profile_batch=2, compile_arguments={"steps_per_execution": 3})
    assert len(list((tmp_path / "executions" / "train").glob("plugins/profile/*/*.xplane.pb"))) == 1


def test_a_second_profile_at_once_is_a_warning(tmp_path):
    jax.profiler.start_trace(str(tmp_path / "other"))
    try:
        with pytest.warns(UserWarning, match="recorded nothing"):
            train(tmp_path, 1, profile_batch=2)
    finally:
        jax.profiler.stop_trace()


def test_embeddings_for_the_projector(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    def make():
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Embedding(5, 2, name="words"),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        model.compile("sgd", "mse")
        return model

    for metadata, labels in ((None, ""), ("labels.tsv", "labels.tsv"), ({"words": "w.tsv"}, "w.tsv")):
        folder = tmp_path / (labels or "none")
        model, *_ = train(folder, model=make(), embeddings_freq=1, embeddings_metadata=metadata)
        config = text_format.Parse((folder / "projector_config.pbtxt").read_text(), ProjectorConfig())
        (entry,) = config.embeddings
        assert (entry.tensor_name, entry.metadata_path) == ("words", labels)
        rows = np.loadtxt(folder / entry.tensor_path, delimiter="\t")
        np.testing.assert_allclose(rows, model.get_layer("words").embeddings.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"Unrecognized `Embedding` layer names.*'word'.*words"):
        train(tmp_path, model=make(), embeddings_freq=1, embeddings_metadata={"word": "w.tsv"})


@pytest.mark.slow
def test_tensorboard_shows_it(tmp_path):
    """TensorBoard itself, asked as its page asks it."""
    layers = [keras.layers.Embedding(7, 3, name="words"), keras.layers.Flatten(), keras.layers.Dense(1, name="d")]
    model = keras.Sequential([keras.Input((4,)), *layers], name="net")
    model.compile("sgd", "mse")
    train(tmp_path, 2, model=model, histogram_freq=1, write_images=True, embeddings_freq=1)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path), "--port", str(port)]
    server = subprocess.Popen([*command, "--load_fast=false"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(query):
        return urllib.request.urlopen(f"http://localhost:{port}/data/plugin/{query}").read()

    try:
        for _ in range(120):
            with contextlib.suppress(OSError):
                if "validation" in json.loads(get("scalars/tags")):
                    break
            time.sleep(0.5)
        assert len(json.loads(get("scalars/scalars?run=validation&tag=epoch_loss"))) == 2
        assert "net/d/kernel/histogram" in json.loads(get("histograms/tags"))["train"]
        assert "net/d/kernel/image" in json.loads(get("images/tags"))["train"]
        graph = get("graphs/graph?run=train&tag=keras&conceptual=true").decode()
        assert 'name: "net/words"' in graph and 'input: "net/words"' in graph
        table = np.frombuffer(get("projector/tensor?run=.&name=words"), "float32").reshape(7, 3)
        np.testing.assert_allclose(table, model.get_layer("words").embeddings.numpy(), rtol=1e-5)
    finally:
        server.terminate()
        server.wait()


def test_has_the_arguments_of_keras():
    theirs = pytest.importorskip("keras").callbacks.TensorBoard
    ours = inspect.signature(keras.callbacks.TensorBoard).parameters.values()
    wanted = inspect.signature(theirs).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in wanted]


def test_says_what_is_wrong(tmp_path):
    for wrong in (-1, (3, 1), (1,), 1.5, "a"):
        with pytest.raises(ValueError, match="profile_batch must be a non-negative integer or 2-tuple"):
            keras.callbacks.TensorBoard(tmp_path, profile_batch=wrong)
    for wrong in (0, -3, "epochs", None, 2.5):
        with pytest.raises(ValueError, match="`update_freq` must be 'epoch', 'batch' or a positive integer"):
            keras.callbacks.TensorBoard(tmp_path, update_freq=wrong)


def test_says_which_package_is_missing():
    script = (
        "import sys; sys.modules['tensorboard'] = None; import addax; assert 'jax' not in sys.modules\n"
        "try: addax.callbacks.TensorBoard()\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install addax-keras[tensorboard]" in done.stdout
