"""Rows of docs/COMPATIBILITY.md: training and callbacks, what differs without being better, what isn't there."""

from __future__ import annotations

import contextlib
import signal
import traceback
import zipfile
from pathlib import Path

import keras
import numpy as np

from tests.compatibility_checks import (
    BETTER,
    DIFFERENT,
    X,
    Y,
    array,
    both,
    gives,
    in_a_process,
    net,
    outcomes,
    raises,
    silent,
    two_outputs,
    warns,
)

# What compile and fit are given


@BETTER(
    "`class_weight` with several outputs",
    ("refused", raises(ValueError, "class_weight")),
    ("a dict of dicts by output name", gives(4.0)),
)
def class_weight_of_several_outputs(k):
    model = two_outputs(k, 2, loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    zeros = np.zeros(12, "int32")
    weights = {"a": {0: 2.0, 1: 1.0}, "b": {0: 6.0, 1: 1.0}}
    loss = model.fit(X, [zeros, zeros], class_weight=weights, batch_size=12, verbose=0).history["loss"][0]
    return float(loss / 2 / np.log(2))


@BETTER(
    "`loss_weights` dict with some outputs",
    ("`KeyError`", raises(KeyError, "b")),
    ("the others weigh 1", gives(True)),
)
def loss_weights_of_some_outputs(k):
    model = two_outputs(k, loss={"a": "mse", "b": "mse"}, loss_weights={"a": 2.0})
    logs = model.evaluate(X, {"a": Y, "b": Y + 1}, verbose=0, return_dict=True)
    return bool(np.isclose(logs["loss"], 2 * logs["a_loss"] + logs["b_loss"]))


@BETTER(
    "labels for one of several outputs as one array",
    ("an error that speaks of a path in `loss`", raises(KeyError, "(0,) in the `loss` argument")),
    ("an error that names the outputs", raises(ValueError, "2 outputs", "'a'", "'b'")),
)
def labels_for_one_of_several_outputs(k):
    two_outputs(k, loss="mse").fit(X, Y, verbose=0)


@BETTER(
    "no loss in `compile`",
    ("trains nothing, silently", both(gives(True), silent)),
    ("`fit` says so", raises(ValueError, "loss")),
)
def no_loss(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(1)])
    model.compile("sgd")
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    return np.array_equal(model.get_weights()[0], before)


@BETTER(
    "a freezing or unfreezing after the optimizer was built",
    ("an error from inside the optimizer", raises(ValueError, "the optimizer was built with")),
    ("says to `compile()` again", raises(ValueError, "compile()", "again")),
)
def unfreezing(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(3, trainable=False), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = True
    model.fit(X, Y, verbose=0)


@BETTER(
    "a generator that ends too early",
    ("its first batches are trained on again", gives(5)),
    ("training stops, with a warning", both(gives(3), warns("ran out of data"))),
)
def generator_that_ends(k):
    batches = ((X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8))
    model = net(k)
    model.fit(batches, steps_per_epoch=2, epochs=3, verbose=0)
    return int(model.optimizer.iterations.value)


@BETTER(
    "a validation generator without `validation_steps`",
    ("its first batches only, from the second epoch on", gives([3, 2])),
    ("refused", raises(ValueError, "validation_steps")),
)
def validation_generator(k):
    batches = ((X[i : i + 4], Y[i : i + 4]) for i in (0, 4, 8))
    counts = []
    count = k.callbacks.LambdaCallback(on_test_begin=lambda logs: counts.append(0))
    count.on_test_batch_end = lambda batch, logs: counts.append(counts.pop() + 1)
    net(k).fit(X, Y, validation_data=batches, epochs=2, verbose=0, callbacks=[count])
    return counts


@BETTER(
    "`validation_split` outside 0 to 1, `batch_size=0`, `verbose=3`, unknown metric keys",
    ("pass", gives(["passes"] * 4)),
    ("errors", gives(["ValueError"] * 4)),
)
def wrong_arguments_of_fit(k):
    return outcomes(
        lambda: net(k).fit(X, Y, validation_split=-0.5, verbose=0),
        lambda: net(k).fit(X, Y, batch_size=0, verbose=0),
        lambda: net(k).fit(X, Y, verbose=3),
        lambda: net(k, metrics={"other": "mae"}).fit(X, Y, verbose=0),
    )


@BETTER(
    "`class_weight` and `sample_weight` together",
    ("refused", raises(ValueError, "You cannot `class_weight` and `sample_weight`")),
    ("multiplied, with a warning", both(gives(6.0), warns("multiplied"))),
)
def class_and_sample_weights(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(2, kernel_initializer="zeros")])
    model.compile("sgd", k.losses.SparseCategoricalCrossentropy(from_logits=True))
    zeros, threes = np.zeros(12, "int32"), np.full(12, 3.0)
    history = model.fit(X, zeros, class_weight={0: 2.0, 1: 1.0}, sample_weight=threes, batch_size=12, verbose=0)
    return float(history.history["loss"][0] / np.log(2))


@BETTER(
    "labels out of range, NaN in the data, labels of another shape",
    ("pass", gives(["passes"] * 3)),
    ("caught before the first step, as much else: see [MISTAKES.md](MISTAKES.md)", gives(["ValueError"] * 3)),
)
def mistakes(k):
    model = net(k, 2, loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return outcomes(
        lambda: model.fit(X, np.full(12, 7), verbose=0),
        lambda: net(k).fit(X * np.nan, Y, verbose=0),
        lambda: net(k, 3).fit(X, Y, verbose=0),
    )


# What happens in fit


@BETTER(
    "masked steps in metrics",
    ("left out by `evaluate`, counted by `fit`", gives((False,))),
    ("left out by both, as by the loss", gives((True,))),
)
def masked_metrics(k):
    model = k.Sequential([k.Input((4,)), k.layers.Embedding(5, 3, mask_zero=True), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.0), "mse", metrics=["mae"])
    x = np.array([[1, 2, 0, 0]] * 3)
    y = np.arange(12.0).reshape(3, 4, 1)
    fitted = model.fit(x, y, verbose=0).history["mae"][0]
    return (bool(np.isclose(fitted, model.evaluate(x, y, verbose=0)[1])),)


@BETTER(
    "schedules with `gradient_accumulation_steps=3`",
    ("are asked with the number of batches: over three times too early", gives([2.0, 5.0, 8.0])),
    ("are asked with the number of updates", gives([0.0, 1.0, 2.0])),
)
def schedules_under_accumulation(k):
    class Schedule(k.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return k.ops.cast(step, "float32")

    optimizer = k.optimizers.SGD(Schedule(), gradient_accumulation_steps=3)
    v, found = k.Variable([0.0]), []
    for _ in range(3):
        before = float(v.value[0])
        for _ in range(3):
            optimizer.apply([k.ops.ones(1)], [v])
        found.append(before - float(v.value[0]))
    return found


@BETTER(
    "`evaluate` inside a batch hook",
    ("resets the metrics that the epoch is being summed in", gives(False)),
    ("leaves them alone", gives(True)),
)
def evaluate_inside_a_batch_hook(k):
    class Looks(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.evaluate(X[:1], Y[:1], verbose=0)

    def loss(*callbacks):
        return net(k).fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[*callbacks]).history["loss"][0]

    return bool(np.isclose(loss(), loss(Looks())))


@BETTER(
    'monitors named `*_loss` with `mode="auto"`',
    ("an error", raises(ValueError, "a_loss")),
    ("smaller is better", gives(2)),
)
def monitor_of_an_outputs_loss(k):
    stop = k.callbacks.EarlyStopping("a_loss")
    return len(two_outputs(k, loss=["mse", "mse"]).fit(X, [Y, Y], epochs=2, verbose=0, callbacks=[stop]).epoch)


@BETTER(
    "`EarlyStopping(baseline=)`",
    ("doesn't stop while the value improves below the baseline", gives(4)),
    ("stops if nothing gets better than the baseline", gives(2)),
)
def baseline(k):
    stop = k.callbacks.EarlyStopping("loss", baseline=1e-9, patience=2)
    return len(net(k).fit(X, Y + 9, epochs=4, verbose=0, callbacks=[stop]).epoch)


@BETTER(
    "`ModelCheckpoint(save_best_only=True)` with `validation_freq`",
    ("epochs without the monitored value are saved", gives([1, 2, 3, 4])),
    ("are skipped", gives([2, 4])),
)
def save_best_only(k):
    best = k.callbacks.ModelCheckpoint("{epoch}.keras", save_best_only=True)
    net(k).fit(X, Y, validation_data=(X, Y), validation_freq=2, epochs=4, verbose=0, callbacks=[best])
    return sorted(int(p.stem) for p in Path().glob("*.keras"))


@BETTER(
    "unknown hooks of `LambdaCallback`",
    ("become attributes that nothing calls", silent),
    ("refused", raises(ValueError, "there is no hook 'on_epoch_ends'")),
)
def unknown_hooks(k):
    k.callbacks.LambdaCallback(on_epoch_ends=lambda epoch, logs: None)


@BETTER(
    "Ctrl-C in `fit`",
    ('the weights may be gone: "Array has been deleted"', gives("deleted")),
    ("the weights of the last step can be read", gives("read")),
    slow=True,
)
def interrupted_fit(k):
    return in_a_process(
        k,
        """
        import os, signal, threading
        x = np.ones((512, 32), "float32")
        model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(64), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, x[:, :1], batch_size=8, verbose=0)
        found = "read"
        for i in range(20):
            try:
                threading.Timer(0.1 + 0.01 * i, os.kill, (os.getpid(), signal.SIGINT)).start()
                model.fit(x, x[:, :1], batch_size=8, verbose=0, epochs=100_000)
            except KeyboardInterrupt:
                try:
                    model.get_weights()
                except RuntimeError as error:
                    found = "deleted" if "deleted" in str(error) else str(error)
                    break
        print(found)
        """,
    )


@BETTER(
    "what a failed `save` leaves",
    ("a file without weights, in place of the older one", gives(["config.json", "metadata.json"])),
    ("the older file", gives(["config.json", "metadata.json", "model.weights.h5"])),
)
def failed_save(k):
    class Fails(k.layers.Layer):
        fail = False

        def call(self, inputs):
            return inputs

        def save_own_variables(self, store):
            if self.fail:
                raise OSError("no space left")

    model = k.Sequential([k.Input((4,)), k.layers.Dense(1), Fails()])
    model.save("m.keras")
    Fails.fail = True
    with contextlib.suppress(OSError):
        model.save("m.keras")
    with zipfile.ZipFile("m.keras") as file:
        return sorted(file.namelist())


@BETTER(
    "`BackupAndRestore(save_freq=N)`, interrupted and started again",
    ("repeats the batches of the epoch up to the save: 8 steps for 6", gives(8)),
    ("goes on with the next batch, bit for bit as if never interrupted", gives(6)),
)
def backup_inside_an_epoch(k):
    class Interrupts(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    for more in ([Interrupts()], []):
        model = net(k)
        backup = k.callbacks.BackupAndRestore("backup", save_freq=1)
        with contextlib.suppress(KeyboardInterrupt):
            model.fit(X, Y, batch_size=len(X) // 3, epochs=2, verbose=0, callbacks=[backup, *more])
    return int(model.optimizer.iterations.value)


@BETTER(
    "recurrent layers with `stateful=True` in `fit`, `predict` and `evaluate`",
    ("begin each batch with states of zeros", gives((True, True))),
    ("begin each batch with the states after the one before, as documented", gives((False, False))),
)
def states_in_predict(k):
    model = k.Sequential([k.Input(batch_shape=(3, 2, 2)), k.layers.GRU(2, stateful=True, bias_initializer="ones")])
    model.compile("sgd", "mse")
    model.fit(np.ones((3, 2, 2), "float32"), np.ones((3, 2), "float32"), verbose=0)
    states_after_fit = array(model.layers[0].states[0])
    out = array(model.predict(np.ones((6, 2, 2), "float32"), batch_size=3, verbose=0))
    return not states_after_fit.any(), bool(np.allclose(out[:3], out[3:]))


@BETTER(
    "`compile` without metrics after a `compile` with some",
    ("the earlier metrics stay", gives(["loss", "mae"])),
    ("there are none", gives(["loss"])),
)
def compiled_again(k):
    model = net(k, metrics=["mae"])
    model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    return sorted(model.fit(X, Y, verbose=0).history)


@BETTER(
    "augmenting layers in `predict` and `evaluate` of a model whose `call` doesn't take `training`",
    ("augment", gives(False)),
    ("leave the images as they are", gives(True)),
)
def augmentation_in_predict(k):
    class Augmented(k.Model):
        def __init__(self):
            super().__init__()
            self.layer = k.layers.RandomBrightness(0.9, seed=3)

        def call(self, inputs):
            return self.layer(inputs)

    images = np.arange(24, dtype="float32").reshape(2, 2, 2, 3)
    return bool(np.array_equal(array(Augmented().predict(images, verbose=0)), images))


@BETTER(
    "`SwapEMAWeights`",
    ("trades arrays with the optimizer, whose averages are the raw weights meanwhile", gives(False)),
    ("the optimizer keeps its averages, so that an early stop can't mix them up", gives(True)),
)
def swap_ema_weights(k):
    found = []

    class Looks(k.callbacks.Callback):
        def on_test_begin(self, logs=None):
            (average,) = (v for v in self.model.optimizer.variables if "kernel" in v.path)
            found.append(np.array_equal(self.model.get_weights()[0], array(average)))

    model = net(k, optimizer=k.optimizers.SGD(0.1, use_ema=True))
    callbacks = [k.callbacks.SwapEMAWeights(), Looks()]
    model.fit(X, Y, validation_data=(X, Y), batch_size=4, verbose=0, callbacks=callbacks)
    return found[0]


@BETTER(
    "tracebacks of errors in a layer during `fit`",
    ("without the line that failed", gives((False, True))),
    ("the user's lines; `config.disable_traceback_filtering()` shows all", gives((True, True))),
)
def tracebacks(k):
    class Odd(k.layers.Layer):
        def call(self, inputs):
            return inputs @ np.ones((7, 2), "float32")

    def frames():
        try:
            model.fit(X, Y, verbose=0)
        except Exception as error:
            return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    model = k.Sequential([k.layers.Dense(2), Odd()])
    model.compile("sgd", "mse")
    before = k.config.is_traceback_filtering_enabled()
    try:
        k.config.enable_traceback_filtering()
        filtered = frames()
        k.config.disable_traceback_filtering()
        return "call" in filtered, len(filtered) < len(frames())
    finally:
        k.config.enable_traceback_filtering() if before else k.config.disable_traceback_filtering()


@BETTER(
    "`fit(..., resume=folder)`",
    ("unknown", raises(TypeError, "resume")),
    ("a training that was stopped goes on, and ends as one that wasn't", gives((True, False))),
)
def resumed_training(k):
    def kernel(epochs: int, folder: str) -> np.ndarray:
        k.utils.set_random_seed(0)
        model = net(k)
        model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0, resume=folder)
        return model.get_weights()[0]

    stopped = kernel(1, "run")
    resumed, whole = kernel(2, "run"), kernel(2, "whole")
    return np.array_equal(resumed, whole), np.array_equal(resumed, stopped)


# Different


@DIFFERENT(
    "random numbers for weights",
    ("`keras.random`'s: JAX's threefry", gives((True, True))),
    (
        "NumPy's, on the host, so that seeds give other values; `set_random_seed` repeats runs either way",
        gives((False, True)),
    ),
)
def random_weights(k):
    drawn = array(k.initializers.RandomUniform(0.0, 1.0, seed=1)((3,)))
    kernels = []
    for _ in range(2):
        k.utils.set_random_seed(3)
        layer = k.layers.Dense(2)
        layer.build((None, 4))
        kernels.append(array(layer.kernel))
    return np.allclose(drawn, array(k.random.uniform((3,), seed=1))), np.array_equal(*kernels)


@DIFFERENT(
    "what dropout and noise layers draw",
    ("`keras.random`'s: JAX's threefry", gives(True)),
    ("a hash of key and position: other values for a seed (`keras.random` draws Keras's)", gives(False)),
)
def random_dropout(k):
    ones = np.ones((8, 8), "float32")
    dropped = array(k.layers.Dropout(0.5, seed=1)(ones, training=True))
    return np.array_equal(dropped, array(k.random.dropout(ones, 0.5, seed=k.random.SeedGenerator(1))))


@DIFFERENT(
    "the order of rows that `fit` shuffles",
    ("another for each epoch, from the seed", gives((True, True))),
    ("another for each epoch, from the seed; not Keras's", gives((True, False))),
)
def order_of_rows(k):
    def order(library):
        seen = []

        class Sees(library.layers.Layer):
            def call(self, inputs):
                with contextlib.suppress(Exception):  # shapes are found without values
                    seen.append(float(inputs[0, 0]))
                return inputs

        library.utils.set_random_seed(0)
        model = library.Sequential([library.Input((1,)), Sees(), library.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        model.fit(np.arange(8.0)[:, None], np.zeros((8, 1)), batch_size=1, epochs=2, verbose=0)
        return seen[-16:-8], seen[-8:]

    first, second = order(k)
    return sorted(first) == sorted(second) and first != second, first == order(keras)[0]


@DIFFERENT(
    "`TensorBoard` callback",
    ("needs TensorFlow", raises(ModuleNotFoundError, "tensorflow")),
    (
        "needs `tensorboard`; `update_freq` is checked",
        gives((True, ["ValueError"])),
    ),
)
def tensorboard(k):
    net(k).fit(X, Y, verbose=0, callbacks=[k.callbacks.TensorBoard("logs")])
    written = any("tfevents" in p.name for p in Path("logs").rglob("*"))
    return written, outcomes(lambda: k.callbacks.TensorBoard("logs", update_freq="sometimes"))


@DIFFERENT(
    "`TensorBoard(profile_batch=...)`",
    ("needs TensorFlow", raises(ModuleNotFoundError, "tensorflow")),
    ("writes JAX's profiles", gives(True)),
    slow=True,
)
def tensorboard_profiles(k):
    net(k).fit(X, Y, batch_size=4, verbose=0, callbacks=[k.callbacks.TensorBoard("logs", profile_batch=2)])
    return any(p.name.endswith(".xplane.pb") for p in Path("logs").rglob("*"))


@DIFFERENT(
    "what an initializer returns when called",
    ("a JAX array", gives(False)),
    ("a NumPy array", gives(True)),
)
def initializers_return(k):
    return isinstance(k.initializers.GlorotUniform(seed=1)((2, 2)), np.ndarray)


@DIFFERENT(
    "backends",
    ("TensorFlow, JAX, torch, NumPy: `KERAS_BACKEND`, read at import", gives("numpy")),
    ("JAX, whatever `KERAS_BACKEND` says", gives("jax")),
    slow=True,
)
def backends(k):
    return in_a_process(k, "print(keras.backend.backend())", KERAS_BACKEND="numpy")


@DIFFERENT(
    "logs that batch hooks get",
    ("a dict of floats", gives((True, True))),
    ("a dict that fetches its floats from the device when they are looked at", gives((False, True))),
)
def logs_of_batch_hooks(k):
    found = []
    looks = k.callbacks.LambdaCallback(
        on_train_batch_end=lambda b, logs: found.append((type(logs) is dict, float(logs["loss"]) > 0))
    )
    net(k).fit(X, Y, verbose=0, callbacks=[looks])
    return found[0]


@DIFFERENT(
    "programs for odd batch sizes",
    ("one for each", gives(True)),
    ("rows are added and left out of the results where they can't matter; else as Keras", gives(False)),
)
def odd_batch_sizes(k):
    traced = set()

    class Halved(k.layers.Layer):
        rowwise = True  # what addax's own layers say of themselves

        def call(self, x):
            traced.add(x.shape[0])
            return x / 2

    model = k.Sequential([k.Input((4,)), Halved()])
    model.predict(X[:5], batch_size=2, verbose=0)
    return 1 in traced


@DIFFERENT(
    "reading ahead of generators",
    ("a batch or more", gives((2, 2))),
    (
        "never beyond the epoch's steps; none where a hook looks at batches, else as many as a dispatch takes (64, "
        "32 MiB at most)",
        gives((1, 2)),
    ),
)
def reading_ahead(k):
    drawn, seen = [], []

    def batches():
        for i in range(6):
            drawn.append(i)
            yield X[:4], Y[:4]

    looks = k.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(len(drawn)))
    net(k).fit(batches(), steps_per_epoch=2, verbose=0, callbacks=[looks])
    return seen[0], len(drawn)


@DIFFERENT(
    "a generator that fills the same arrays for each batch",
    ("the first step sees the second batch", gives(1.0)),
    ("each sees its own: batches are copied", gives(0.0)),
)
def arrays_filled_anew(k):
    x = np.zeros((64, 4), "float32")

    def batches():
        for i in range(4):
            x[:] = i
            yield (x,)

    model = k.Sequential([k.Input((4,)), k.layers.Identity()])
    return float(model.predict(batches(), verbose=0)[0, 0])


@DIFFERENT(
    "arrays that change while `fit` runs",
    ("are seen", gives(True)),
    ("the data are those at the beginning of `fit` where many steps run in one dispatch", gives(False)),
)
def arrays_that_change(k):
    x, y = X.copy(), Y.copy()

    def change(epoch, logs):
        y[:] = 99

    change_y = k.callbacks.LambdaCallback(on_epoch_end=change)
    losses = net(k).fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[change_y]).history["loss"]
    return losses[1] > 99


@DIFFERENT(
    "unknown names",
    ('"Could not interpret ... identifier"', raises(ValueError, "Could not interpret loss identifier: msee")),
    (
        "\"Unknown loss: 'msee'. Did you mean 'mse'? Known names: ...\"",
        raises(ValueError, "Unknown loss: 'msee'. Did you mean 'mse'? Known names: "),
    ),
)
def unknown_names(k):
    k.losses.get("msee")


@DIFFERENT(
    "batch numbers of hooks with `steps_per_execution=3`",
    ("the end is always begin + 2, beyond the data, too", gives([(0, 2), (3, 5), (6, 8)])),
    ("the number of the last batch", gives([(0, 2), (3, 5), (6, 6)])),
)
def batch_numbers(k):
    begun, ended = [], []
    hooks = k.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: begun.append(batch),
        on_train_batch_end=lambda batch, logs: ended.append(batch),
    )
    net(k, steps_per_execution=3).fit(X[:7], Y[:7], batch_size=1, verbose=0, callbacks=[hooks])
    return list(zip(begun, ended))


@DIFFERENT(
    "`steps_per_execution` that doesn't divide `steps_per_epoch`",
    ("whole executions, so that the data end too early", gives([8, 12])),
    ("a shorter execution at the end of an epoch", gives([6, 12])),
)
def steps_that_do_not_divide(k):
    model, counts = net(k, steps_per_execution=4), []
    count = k.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: counts.append(int(model.optimizer.iterations.value))
    )
    model.fit(X, Y, batch_size=1, steps_per_epoch=6, epochs=2, verbose=0, callbacks=[count])
    return counts


@DIFFERENT(
    "an error or Ctrl-C in a generator during `fit`",
    ("the batches before it are trained on", gives(6)),
    ("those gathered for a dispatch that didn't run aren't", gives(0)),
)
def interrupted_generator(k):
    def batches():
        for i in range(9):
            if i == 6:
                signal.raise_signal(signal.SIGINT)
            yield X[:4], Y[:4]

    model = net(k)
    try:
        model.fit(batches(), verbose=0)
    except KeyboardInterrupt:
        assert np.isfinite(model.get_weights()[0]).all()
        return int(model.optimizer.iterations.value)


@DIFFERENT(
    "bytecode of `Lambda` layers in files, with `safe_mode=False`",
    ("is run", gives(True)),
    ("never is; the error says to pass the function in `custom_objects`", raises(ValueError, "custom_objects")),
)
def stored_bytecode(k):
    k.Sequential([k.Input((4,)), k.layers.Lambda(lambda x: x * 2, name="twice")]).save("m.keras")
    return bool(k.saving.load_model("m.keras", safe_mode=False))


# Devices


@DIFFERENT(
    "a rule of a `LayoutMap` that matches no variable",
    ("the weights stay whole, without a word", gives("trained")),
    ("an error that names the nearest paths", raises(ValueError, "d1/kernel")),
)
def rule_without_a_match(k):
    device = k.distribution.list_devices()[:1]
    rules = k.distribution.LayoutMap(k.distribution.DeviceMesh((1, 1), ["batch", "model"], device))
    rules["d2/kernel"] = (None, "model")
    k.distribution.set_distribution(k.distribution.ModelParallel(layout_map=rules, batch_dim_name="batch"))
    try:
        model = k.Sequential([k.Input((4,)), k.layers.Dense(2, name="d1")], name="m")
        model.compile("sgd", "mse")
        model.fit(X, np.zeros((len(X), 2), "float32"), verbose=0)
    finally:
        k.distribution.set_distribution(None)
    return "trained"


@BETTER(
    'metrics as the third argument, `compile("adam", "mse", ["mae"])`, as in Keras 2',
    ("`TypeError` when it trains", raises(TypeError)),
    ("are metrics", gives(["loss", "mae"])),
)
def metrics_third(k):
    model = k.Sequential([k.Input((4,)), k.layers.Dense(1)])
    model.compile("sgd", "mse", ["mae"])
    return sorted(model.fit(X, Y, verbose=0).history)


@BETTER(
    "`fit` on lists of lists of numbers",
    ("`ValueError`", raises(ValueError)),
    ("are arrays", gives("trained")),
)
def lists_of_numbers(k):
    net(k).fit(X.tolist(), Y.tolist(), verbose=0)
    return "trained"


@BETTER(
    "sizes of layers that are NumPy integers",
    ("refused by some layers", raises(ValueError)),
    ("taken", gives(3)),
)
def numpy_sizes(k):
    return k.layers.Dense(np.int64(3)).units


@DIFFERENT(
    "functions of 64-bit integers in JAX's 64-bit mode, such as `ops.cos`",
    ("float32", gives("float32")),
    ("float64, as JAX computes them", gives("float64")),
)
def floats_of_64_bit_integers(k):
    import jax

    with jax.enable_x64(True):
        return k.backend.standardize_dtype(k.ops.cos(np.arange(3, dtype="int64")).dtype)
