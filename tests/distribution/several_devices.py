"""What runs on 8 virtual devices, in a process of its own: `python -m tests.distribution.several_devices CHECK ...`.

Each check raises AssertionError where several devices do not give what one gives. JAX has as many devices as the flags
say before it starts, so the tests call this in a process that has 8.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

import addax as keras
from addax import layers
from addax.core.engine import jax

spread = keras.distribution
rng = np.random.default_rng(0)
ROWS = rng.normal(size=(100, 8)).astype("float32")
LABELS = rng.integers(0, 3, 100)


def mlp(optimizer: str = "adam") -> Any:
    """A model with all that depends on other rows or on chance; no bias that batch normalization makes useless."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, use_bias=False),
            layers.BatchNormalization(synchronized=True),
            layers.Activation("relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


UNSET = object()


def trained(
    distribution: Any = UNSET, make: Callable[[], Any] = mlp, batch: int = 64, **options: Any
) -> tuple[Any, dict, Any]:
    """Trains a model under a distribution; returns it, its history and what it predicts."""
    if distribution is not UNSET:
        spread.set_distribution(distribution)
    keras.utils.set_random_seed(1)
    model = make()
    source = options.pop("source", None)
    data = {"x": ROWS, "y": LABELS, "batch_size": batch} if source is None else {"x": source(batch)}
    options = {"verbose": 0, "epochs": 2, **options}
    if source is None:
        options = {"validation_split": 0.2, **options}
    history = model.fit(**data, **options).history
    return model, history, model.predict(ROWS[:13], verbose=0)


def assert_same(one: tuple[Any, dict, Any], other: tuple[Any, dict, Any], rtol: float = 1e-6) -> None:
    """Asserts that two runs of `trained` are equal but for rounding."""
    assert one[1].keys() == other[1].keys()
    for name, values in one[1].items():
        np.testing.assert_allclose(other[1][name], values, rtol=rtol, err_msg=name)
    np.testing.assert_allclose(other[2], one[2], rtol=10 * rtol, atol=1e-7)
    for mine, theirs in zip(one[0].get_weights(), other[0].get_weights()):
        np.testing.assert_allclose(theirs, mine, rtol=20 * rtol, atol=1e-6)


def fast() -> None:
    """The way of a person with one box: a ragged batch, validation, prediction, evaluation, calls, going back."""
    assert len(spread.list_devices()) == 8
    os.environ["ADDAX_DEVICES"] = "all"
    many = trained()
    assert repr(spread.distribution()).startswith("<auto: data parallel")
    one = trained(None)
    assert_same(one, many)
    model = many[0]
    spread.set_distribution(spread.DataParallel())
    kernel = model.layers[0].kernel
    assert len(kernel.value.sharding.device_set) == 8
    batch = model.optimizer.variables[-1].value
    assert len(batch.sharding.device_set) == 8
    on_many = model.evaluate(ROWS, LABELS, batch_size=100, verbose=0)
    called = np.asarray(model(ROWS[:3]))
    spread.set_distribution(None)
    np.testing.assert_allclose(model.evaluate(ROWS, LABELS, batch_size=100, verbose=0), on_many, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(model(ROWS[:3])), called, rtol=1e-6)
    assert len(kernel.value.sharding.device_set) == 1


class Watching(keras.callbacks.Callback):
    """A callback with a batch hook, for which steps run one by one."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def batches(size: int) -> Any:
    """An iterable of the first rows, whose last batch is short where they don't fill it."""
    cuts = [slice(i, min(i + size, 80)) for i in range(0, 80, size)]

    class Source(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(cuts)

        def __getitem__(self, i: int) -> Any:
            return ROWS[cuts[i]], LABELS[cuts[i]]

    return Source()


def ways() -> None:
    """Every way of running steps, with batches that fill the devices, that don't, and that are fewer than they."""
    ways_ = ({}, {"callbacks": [Watching()]}, {"source": batches})
    for make in (mlp, lambda: mlp("sgd")):
        for options in ways_:
            for batch in (64, 100, 4) if make is mlp else (100,):
                one = trained(None, make, batch, **options)
                for distribution in (spread.DataParallel(), spread.FullySharded(small=0)):
                    assert_same(one, trained(distribution, make, batch, **options))


def parts() -> None:
    """Data that are too large to be kept on the devices: each has its rows of each step, and they stay there."""
    from addax.training import plans

    plans._COPIED = 0

    def small(size: int) -> Any:
        return (batch for _ in range(2) for batch in batches(size))

    for batch, options in ((10, {}), (16, {"shuffle": False}), (10, {"source": small, "steps_per_epoch": 8})):
        one = trained(None, batch=batch, **options)
        for distribution in (spread.DataParallel(), spread.FullySharded(small=0)):
            many = trained(distribution, batch=batch, **options)
            assert_same(one, many)
            found = [p.get() for p in many[0]._programs["train"].executables._programs.values()]
            loops = [p for p in found if "steps" in p.as_text().partition(",")[0]]
            assert len(loops) == 1, [p.as_text().partition(",")[0] for p in found]
            if isinstance(distribution, spread.DataParallel):
                layouts_ = [sharding.spec for sharding in jax.tree.leaves(loops[0].input_shardings)]
                # Rows and labels: an axis of steps, and one of rows that is spread; all weights are whole.
                assert [tuple(s) for s in layouts_ if any(s)] == [(None, "batch")] * 2, layouts_
                assert collectives(many[0]).keys() == {"all-reduce"}


def on_batches() -> None:
    """`train_on_batch` and its relatives, and custom training steps."""

    class Custom(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3, activation="softmax")

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, state: Any, data: Any) -> Any:
            trainable, others, optimizer, metrics = state
            x, y = data

            def loss_of(values: Any) -> Any:
                y_pred, _ = self.stateless_call(values, others, x)
                return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y, y_pred))

            loss, grads = jax.value_and_grad(loss_of)(trainable)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            return {"loss": loss}, (trainable, others, optimizer, metrics)

    def custom() -> Any:
        model = Custom()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.build((None, 8))
        return model

    found = []
    for distribution in (None, spread.DataParallel(), spread.FullySharded(small=0)):
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        model = mlp()
        logs = [model.train_on_batch(ROWS[:n], LABELS[:n], return_dict=True)["loss"] for n in (64, 13, 13)]
        logs.append(model.test_on_batch(ROWS[:5], LABELS[:5], return_dict=True)["loss"])
        found.append([*logs, *model.predict_on_batch(ROWS[:3]).ravel()])
        found[-1] += trained(distribution, custom)[1]["loss"]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-6)


def dropout() -> None:
    """Dropped positions are the same bits under each layout."""
    found = []
    x = np.ones((16, 24), "float32")
    for distribution in (None, spread.DataParallel(), spread.FullySharded(mesh_of(2, 4), small=0)):
        spread.set_distribution(distribution)
        model = keras.Sequential([keras.Input((24,)), layers.Dropout(0.4, seed=3), layers.GaussianNoise(1.0, seed=4)])
        model.compile(loss="mse")
        model.predict_step = lambda state, data, model=model: model.stateless_call(*state, data, training=True)
        found.append(model.predict(x, batch_size=16, verbose=0))
    assert np.array_equal(found[0] != 0, found[1] != 0)
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


def mesh_of(rows: int, tensor: int) -> Any:
    """8 devices in two axes."""
    return spread.DeviceMesh((rows, tensor), ["batch", "model"])


WORDS, LENGTH, WIDTH = 64, 16, 32
IDS = rng.integers(0, WORDS, (64, LENGTH))


def gpt() -> Any:
    """A language model of two blocks."""
    inputs = keras.Input((LENGTH,), dtype="int32")
    h = layers.Embedding(WORDS, WIDTH)(inputs)
    for i in range(2):
        n = layers.LayerNormalization()(h)
        h = h + layers.MultiHeadAttention(4, 8, dropout=0.1)(n, n, use_causal_mask=True)
        n = layers.LayerNormalization()(h)
        h = h + layers.Dense(WIDTH, name=f"down_{i}")(layers.Dense(4 * WIDTH, activation="gelu", name=f"up_{i}")(n))
    model = keras.Model(inputs, layers.Dense(WORDS)(layers.LayerNormalization()(h)))
    model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def by_rules() -> Any:
    """Megatron's layout as a user writes it."""
    rules = spread.LayoutMap(mesh_of(2, 4))
    rules[r".*/(query|key|value)/kernel"] = (None, "model", None)
    rules[r".*/attention_output/kernel"] = ("model", None, None)
    rules[r"up_\d/kernel"] = (None, "model")
    rules[r"down_\d/kernel"] = spread.TensorLayout(("model", None))
    rules[r"up_\d/output"] = ("batch", None, "model")
    return spread.ModelParallel(layout_map=rules)


def state_bytes(model: Any) -> int:
    """Bytes of a model's state on the first device."""
    variables = [*model.variables, *model.optimizer.variables]
    return sum(v.value.addressable_shards[0].data.nbytes for v in variables)


def collectives(model: Any, kind: str = "train") -> Counter:
    """How many transfers of each kind the compiled step has."""
    programs = model._programs[kind].executables._programs.values()
    text = "".join(program.get().as_text() for program in programs)
    found = re.findall(r"= .*? (all-reduce|all-gather|reduce-scatter|all-to-all)(?:-start)?\(", text)
    return Counter(found)


def layouts() -> None:
    """A language model under every layout: the same losses; bytes and transfers as designed."""

    def run(distribution: Any) -> tuple[Any, float]:
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        model = gpt()
        loss = model.fit(IDS, IDS, batch_size=16, epochs=1, verbose=0, shuffle=False).history["loss"][0]
        said = spread.explain(model)
        variables = [*model.variables, *model.optimizer.variables]
        held = [(v.path, v.value.addressable_shards[0].data.nbytes) for v in variables]
        wrong = [(row, *there) for row, there in zip(said.rows, held, strict=True) if (row.path, row.nbytes) != there]
        assert not wrong, wrong
        if distribution is not None:
            planned = spread.plan(model, 16)
            assert sum(line.device for line in planned.lines[:2]) == sum(size for _, size in held), planned
        return model, loss

    model, expected = run(None)
    whole = state_bytes(model)
    weights = len(model.trainable_variables)
    found: dict[str, Any] = {
        "data": spread.DataParallel(),
        "optimizer": spread.FullySharded(spread_weights=False, small=0),
        "full": spread.FullySharded(small=0),
        "copies": spread.FullySharded(spread.DeviceMesh((2, 4), ["replica", "batch"]), small=0),
        "both": spread.FullySharded(mesh_of(2, 4), small=0),
        "rules": by_rules(),
        "auto": spread.auto(),
        "auto, little memory": spread.auto(memory=1000),
    }
    models = {}
    for name, distribution in found.items():
        models[name], loss = run(distribution)
        np.testing.assert_allclose(loss, expected, rtol=1e-6, err_msg=name)
    held = {name: state_bytes(model) for name, model in models.items()}
    moved = {name: collectives(model) for name, model in models.items()}
    assert held["data"] == whole and held["auto"] == whole
    assert whole / 8 < held["full"] < whole / 8 * 1.05
    assert held["optimizer"] < whole * (1 / 3 + 2 / 3 / 8) * 1.05
    assert whole / 4 < held["copies"] < whole / 4 * 1.05
    assert held["both"] < whole / 8 * 1.4
    assert 1 <= moved["data"]["all-reduce"] <= 5 and moved["data"].keys() == {"all-reduce"}
    assert moved["full"]["all-gather"] <= 2 * weights and not moved["full"]["all-to-all"]
    assert moved["rules"]["all-reduce"] < 40 and not moved["rules"]["all-to-all"]
    assert not moved["both"]["all-to-all"]


def result_bytes(model: Any, transfer: str) -> int:
    """Bytes of the results of all transfers of a kind in the compiled step."""
    text = "".join(program.get().as_text() for program in model._programs["train"].executables._programs.values())
    results = re.findall(rf"= (.*?) {transfer}(?:-start)?\(", text)
    shapes = [shape for result in results for shape in re.findall(r"(f32|s32|u32|pred)\[([\d,]*)\]", result)]
    return sum(4 * int(np.prod([int(n) for n in sizes.split(",") if n])) for _, sizes in shapes)


def born() -> None:
    """Weights that are made in shards have the values that one device makes."""

    def weights(distribution: Any) -> Any:
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        layer = layers.Dense(1024, kernel_initializer="he_normal")
        layer.build((None, 3000))
        if distribution is not None:
            shards = layer.kernel.value.addressable_shards
            assert max(s.data.nbytes for s in shards) == 3000 * 1024 * 4 // 8
        return layer.kernel.numpy()

    expected = weights(None)
    by_columns = spread.LayoutMap(mesh_of(1, 8))
    by_columns[".*kernel"] = (None, "model")
    for distribution in (spread.FullySharded(), spread.ModelParallel(layout_map=by_columns)):
        assert np.array_equal(weights(distribution), expected)


def resumed() -> None:
    """A training that stopped on 8 devices goes on with 8, 4, 2 or 1 as if it had never stopped."""

    def wide() -> Any:
        model = keras.Sequential([keras.Input((8,)), layers.Dense(65536, use_bias=False), layers.Dropout(0.2)])
        model.add(layers.Dense(3, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    devices = spread.list_devices()
    full = lambda n: spread.FullySharded(devices=devices[:n], small=0)  # noqa: E731
    for make in (mlp, wide):
        model, history, _ = trained(full(8), make, epochs=3)
        with tempfile.TemporaryDirectory() as folder:
            trained(full(8), make, epochs=2, resume=folder)
            for count in (8, 4, 2, 1) if make is mlp else (4,):
                with tempfile.TemporaryDirectory() as other:
                    shutil.copytree(folder, other, dirs_exist_ok=True)
                    more, went_on, _ = trained(full(count) if count > 1 else None, make, epochs=3, resume=other)
                np.testing.assert_allclose(went_on["loss"], history["loss"], rtol=1e-6)
                for a, b in zip(model.get_weights(), more.get_weights()):
                    np.testing.assert_allclose(b, a, atol=1e-6)
                kernel = more.layers[0].kernel.value
                assert len(kernel.sharding.device_set) == count
                assert kernel.addressable_shards[0].data.nbytes * count == kernel.nbytes


def plans() -> None:
    """The bytes that `plan` says a step moves are those of the compiled program."""
    found = {}
    for name, distribution in {"data": spread.DataParallel(), "full": spread.FullySharded(small=0)}.items():
        spread.set_distribution(distribution)
        model = gpt()
        model.fit(IDS, IDS, batch_size=16, epochs=1, verbose=0)
        found[name] = spread.plan(model, 16), model
    gradients = found["data"][0].lines[2].whole
    # A ring sums in two rounds, each of which moves 7 parts of 8.
    assert found["data"][0].traffic.inside == 2 * gradients * 7 / 8
    assert gradients <= result_bytes(found["data"][1], "all-reduce") < 1.01 * gradients
    # Gathered once or twice; gradients are scattered, or where the compiler has no such transfer summed whole.
    gathered = (found["full"][0].traffic.inside * 8 / 7 - gradients) / 2
    assert 0.95 * gathered < result_bytes(found["full"][1], "all-gather") < 2.05 * gathered
    spread.set_distribution(None)
    for text in ("8xH100", "64xH100", "4096 x H100"):
        assert spread.plan(model, 4096, devices=text).fits
    assert not spread.plan(model, 4096, devices="8xH100", memory=1e6).fits


def noisy() -> Any:
    """A model whose layers compute each row alone, with noise of each row's own and losses with counts."""
    ids = keras.Input((LENGTH,), dtype="int32")
    h = layers.Embedding(WORDS, 16, mask_zero=True)(ids)
    h = layers.Dropout(0.2, seed=3)(h + layers.MultiHeadAttention(2, 8, dropout=0.1, seed=4)(h, h))
    h = layers.GaussianNoise(0.1, seed=5)(layers.LayerNormalization()(h))
    model = keras.Model(ids, layers.Dense(WORDS, "softmax")(layers.SpatialDropout1D(0.1, seed=6)(h)))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Blocks(keras.Model):
    """A model of the user's own, of which it isn't known whether it mixes rows: it does."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [keras.Sequential([layers.Dense(8), layers.Dropout(0.1, seed=i)]) for i in range(2)]
        self.out = layers.Dense(3, activation="softmax")

    def call(self, x: Any) -> Any:
        for block in self.blocks:
            x = x + block(x - keras.ops.mean(x, axis=0))
        return self.out(x)


def micro_batches() -> None:
    """Steps in parts are those of one device, and sum gradients once, after the last part."""

    def run(distribution: Any, make: Any, x: Any, y: Any, batch: int, **options: Any) -> tuple[Any, dict, Any]:
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        model = make()
        options = {"batch_size": batch, "epochs": 2, "shuffle": False, "verbose": 0, **options}
        history = model.fit(x, y, **options).history
        return model, history, model.predict(x[:13], verbose=0)

    def own(remat: str | None = None) -> Any:
        model = Blocks()
        model.compile("adam", "sparse_categorical_crossentropy", remat=remat)
        return model

    many = spread.DataParallel()
    for watched in ({}, {"callbacks": [Watching()]}):
        parts = run(many, noisy, IDS, IDS, 32, micro_batches=2, **watched)
        assert_same(run(None, noisy, IDS, IDS, 32, micro_batches=2, **watched), parts)
    plain = run(many, noisy, IDS, IDS, 32, callbacks=[Watching()])
    summed, inside = in_loops(parts[0])
    assert inside == 0 and 1 <= summed <= in_loops(plain[0])[0] + 1, (summed, inside)  # and the counts of the masks
    # Layers that mix rows, batches that don't fill the devices, and spread weights: as whole batches are partitioned.
    for make, x, y, batch in ((mlp, ROWS, LABELS, 64), (noisy, IDS, IDS, 24), (own, ROWS, LABELS, 32)):
        one = run(None, make, x, y, batch, micro_batches=4)
        for distribution in (many, spread.FullySharded(small=0)):
            assert_same(one, run(distribution, make, x, y, batch, micro_batches=4))
    assert_same(one, run(spread.FullySharded(small=0), lambda: own("block"), ROWS, LABELS, 32, micro_batches=4))


class Sorted(layers.Layer):
    """A layer that mixes rows in a way that gathers them."""

    def call(self, x: Any) -> Any:
        return keras.ops.sort(x, axis=0)


def compiled() -> None:
    """What is read off steps that are only compiled is what steps that run have, and weights aren't made for it."""
    made = gpt()
    for name, distribution in {"data": spread.DataParallel(), "full": spread.FullySharded(small=0)}.items():
        spread.set_distribution(distribution)
        model = gpt()
        model.fit(IDS, IDS, batch_size=16, epochs=1, verbose=0, callbacks=[Watching()])
        found = spread.explain(made, compile=True, batch_size=16).compiled
        assert {t.kind: t.times for t in found.transfers} == collectives(model), (name, found)
        for t in found.transfers:
            assert t.nbytes == result_bytes(model, t.kind), (name, t)
        assert not found.in_layers and found.memory is None
    spread.set_distribution(None)
    # Devices that aren't there: a plan for little memory spreads, one for much does not.
    for memory, kinds in ((None, {"all-reduce"}), (4e5, {"all-reduce", "all-gather"})):
        planned = spread.plan(wide_layers(), 16, devices="8xH100", memory=memory, compile=True)
        assert {t.kind for t in planned.compiled.transfers} == kinds, planned
    assert all(v._value is None for v in made.trainable_variables)
    mixing = keras.Sequential([keras.Input((8,)), layers.Dense(16), Sorted(name="mix"), layers.BatchNormalization()])
    mixing.compile("sgd", "mse")
    spread.set_distribution(spread.DataParallel())
    found = spread.explain(mixing, compile=True).compiled
    assert {t.layer for t in found.in_layers} == {f"{mixing.name}/mix"}, found
    times = {
        parts: {t.kind: t.times for t in spread.plan(mixing, 64, micro_batches=parts, compile=True).compiled.transfers}
        for parts in (None, 4)
    }
    assert times[4]["all-reduce"] >= 4 * (times[None]["all-reduce"] - 1), times


def wide_layers() -> Any:
    """A model whose weights are large enough to be spread."""
    model = keras.Sequential([keras.Input((64,)), layers.Dense(512), layers.Dense(64)])
    model.compile("adam", "mse")
    return model


def in_loops(model: Any) -> tuple[int, int]:
    """Number of all-reduces of the step for one batch outside of its loops, and inside of them."""
    programs = model._programs["train"].executables._programs
    (text,) = [found.get().as_text() for key, found in programs.items() if key[1].__name__ in ("batch_", "rows_")]
    bodies = set(re.findall(r"body=%?([\w.-]+)", text))
    counts = [0, 0]
    for computation in text.split("\n\n"):
        name = re.search(r"^(?:ENTRY )?%?([\w.-]+) \(", computation.strip())
        found = len(re.findall(r" all-reduce(?:-start)?\(", computation))
        counts[name is not None and name[1] in bodies] += found
    return counts[0], counts[1]


IMAGES = rng.normal(size=(64, 16, 16, 16)).astype("float32")


def of_kernels() -> None:
    """No kernel gathers a batch that is spread, whatever computes it on the platform."""
    tails = {
        "convolution": [layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D()],
        "pointwise": [layers.Conv2D(8, 1), layers.AveragePooling2D(2)],
        "depthwise": [layers.DepthwiseConv2D(3, padding="same")],
        "grouped": [layers.Conv2D(8, 3, groups=4)],
        "transposed": [layers.Conv2DTranspose(4, 3, strides=2)],
        "normalization": [layers.GroupNormalization(4), layers.SpatialDropout2D(0.2), layers.BatchNormalization()],
        "recurrent": [layers.Reshape((16, 256)), layers.LSTM(4, dropout=0.1, recurrent_dropout=0.1)],
    }
    spread.set_distribution(spread.DataParallel())
    for name, tail in tails.items():
        model = keras.Sequential([keras.Input((16, 16, 16)), *tail, layers.Flatten(), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.train_on_batch(IMAGES, np.ones((64, 1), "float32"))
        moved = collectives(model)
        assert moved.keys() == {"all-reduce"}, (name, moved)
        assert moved["all-reduce"] <= 6, (name, moved)


def ensembles() -> None:
    """Members over devices: as alone, with no transfer in the steps, whatever their number; callbacks by member."""

    def convolution() -> Any:
        model = keras.Sequential([keras.Input((8,)), layers.Reshape((8, 1)), layers.Conv1D(2, 3), layers.Flatten()])
        model.add(layers.Dense(3, activation="softmax"))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    class Own(keras.callbacks.Callback):
        """Stops one member, and changes the rate of another."""

        def __init__(self, number: int):
            super().__init__()
            self.number = number

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = self.number == 2 and epoch == 0
            if self.number == 0:
                self.model.optimizer.learning_rate = 0.5

    options = {"batch_size": 30, "epochs": 2, "verbose": 0, "validation_split": 0.2}
    # 10 and 9 members are two a device on 5 of them, the last device of 9 with one that is dropped.
    cases = ((mlp, 10, "auto", 5), (mlp, 9, "devices", 5), (mlp, 3, "auto", 3), (convolution, 9, "devices", 5))
    for make, count, way, devices in cases:
        members = keras.ensemble(make, count, way=way)
        history = members.fit(ROWS, LABELS, callbacks=lambda number: [Own(number)], **options)
        assert members.way == "devices", members.why
        if way == "auto":
            assert members.why == f"{devices} devices compute at the same time, and send each other nothing"
        assert [len(h.epoch) for h in history] == [1 if k == 2 else 2 for k in range(count)]
        executables = members[0]._programs["train"].executables
        programs = [program.get() for program in executables._programs.values()]
        for program in programs:
            text = program.as_text()
            assert not re.search(r"(all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)", text)
        layouts_ = [sharding for program in programs for sharding in _leaves(program.input_shardings)]
        assert devices in {len(sharding.device_set) for sharding in layouts_}
        for k in (0, 2, count - 1):
            keras.utils.clear_session()
            keras.utils.set_random_seed(k)
            alone = make()
            alone.fit(ROWS, LABELS, callbacks=[Own(k)], **options)
            np.testing.assert_allclose(history[k].history["val_loss"], alone.history.history["val_loss"], rtol=1e-5)
            for one, two in zip(members[k].get_weights(), alone.get_weights()):
                np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)

    def generated() -> Any:
        for i in range(4):
            yield ROWS[20 * i : 20 * i + 20], LABELS[20 * i : 20 * i + 20]

    options = {"epochs": 2, "steps_per_epoch": 2, "verbose": 0}
    shared = keras.ensemble(mlp, 3, way="devices")
    shared.fit(generated(), **options)
    for k in range(3):
        keras.utils.clear_session()
        keras.utils.set_random_seed(k)
        alone = mlp()
        alone.fit(generated(), **options)
        for one, two in zip(shared[k].get_weights(), alone.get_weights()):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def _leaves(tree: Any) -> list:
    return jax.tree.leaves(tree, is_leaf=lambda a: isinstance(a, jax.sharding.Sharding))


def by_shapes() -> None:
    """`ModelParallel()` without rules: heads and larger axes are spread, and a block sums twice each way."""
    width, rows = 128, IDS[:32]

    def block(blocks: int = 1) -> Any:
        inputs = keras.Input((LENGTH,), dtype="int32")
        h = layers.Embedding(WORDS, width)(inputs)
        for i in range(blocks):
            h = h + layers.MultiHeadAttention(8, 16, name=f"attention_{i}")(h, h)
            h = h + layers.Dense(width, name=f"down_{i}")(layers.Dense(4 * width, activation="relu", name=f"up_{i}")(h))
        model = keras.Model(inputs, layers.Dense(5)(h))
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    def run(distribution: Any, blocks: int = 1) -> tuple[Any, list]:
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        model = block(blocks)
        options = {"batch_size": 16, "epochs": 2, "verbose": 0, "shuffle": False}
        return model, model.fit(rows, rows % 5, **options).history["loss"]

    alone, expected = run(None)
    model, losses = run(spread.ModelParallel())
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    said = {row.path: row for row in spread.explain(model).rows}
    axes = {
        "attention_0/query/kernel": (None, "model", None),
        "attention_0/value/bias": ("model", None),
        "attention_0/attention_output/kernel": ("model", None, None),
        "attention_0/attention_output/bias": (None,),
        "up_0/kernel": (None, "model"),
        "down_0/kernel": ("model", None),
    }
    for path, expected_axes in axes.items():
        assert tuple(said[path].axes) == expected_axes, said[path]
        variable = next(v for v in model.variables if v.path == path)
        shared = 8 if "model" in expected_axes else 1
        assert variable.value.addressable_shards[0].data.nbytes * shared == variable.value.nbytes
    assert said["attention_0/query/kernel"].why == "heads of attention"
    assert said["up_0/kernel"].why == "larger axis over 8 devices"
    # What one block more adds: a sum for each of its two parts, in the forward and in the backward pass.
    larger, _ = run(spread.ModelParallel(), 2)
    more, moved = collectives(larger), collectives(model)
    assert more.keys() == moved.keys() == {"all-reduce", "all-gather"}, (moved, more)
    assert more["all-reduce"] - moved["all-reduce"] == 4, (moved, more)
    # Gathered are the bias of columns that are spread, which is too small to be spread, and its slots.
    added = result_bytes(larger, "all-gather") - result_bytes(model, "all-gather")
    assert 0 < added <= 6 * 4 * 4 * width
    assert state_bytes(model) < state_bytes(alone) / 4
    assert spread.ModelParallel().device_mesh.sizes == {"batch": 1, "model": 8}


CHECKS = [fast, ways, parts, on_batches, dropout, layouts, born, resumed, plans, micro_batches, compiled, of_kernels]


def low_rank_updates() -> None:
    """Updates of frozen weights, float or int8, that are spread: as on one device, also merged and in files."""
    width = 256
    x, y = rng.normal(size=(100, width)).astype("float32"), rng.integers(0, 3, 100)

    def run(distribution: Any, quantized: bool) -> tuple[Any, list, np.ndarray]:
        spread.set_distribution(distribution)
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((width,)), layers.Dense(width, "relu"), layers.Dense(3, "softmax")])
        if quantized:
            model.quantize("int8")
        model.enable_lora(4)
        model.compile("adam", "sparse_categorical_crossentropy")
        losses = model.fit(x, y, batch_size=48, epochs=2, verbose=0).history["loss"]
        return model, losses, model.predict(x[:13], verbose=0)

    for quantized in (False, True):
        _, alone, wanted = run(None, quantized)
        model, losses, predicted = run(spread.FullySharded(), quantized)
        np.testing.assert_allclose(losses, alone, rtol=1e-6)
        np.testing.assert_allclose(predicted, wanted, atol=1e-6)
        kernel = next(v for v in model.layers[0].variables if v.name == "kernel")
        assert kernel.dtype == ("int8" if quantized else "float32")
        assert len(kernel.value.sharding.device_set) == 8
        assert kernel.value.addressable_shards[0].data.nbytes * 8 == kernel.value.nbytes
        model.merge_lora()
        merged = model.predict(x[:13], verbose=0)
        np.testing.assert_allclose(merged, predicted, atol=0.02 if quantized else 1e-6)
        model.compile("adam", "sparse_categorical_crossentropy")
        with tempfile.TemporaryDirectory() as folder:
            model.save(f"{folder}/model.keras")
            spread.set_distribution(None)
            loaded = keras.models.load_model(f"{folder}/model.keras")
        np.testing.assert_allclose(loaded.predict(x[:13], verbose=0), merged, atol=1e-6)


CHECKS += [ensembles, by_shapes, low_rank_updates]


def main() -> None:
    """Runs the checks that are named, and says when each is done."""
    for check in CHECKS:
        if check.__name__ in sys.argv[1:]:
            check()
            print("done:", check.__name__)


if __name__ == "__main__":
    main()
