"""What callbacks do around a real training."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import addax as keras
from addax.callbacks import check_monitors


def model_and_data(**compile_arguments):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compile_arguments})
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    return model, x, x.sum(axis=1, keepdims=True)


# Which callbacks must see each batch: the others let many steps run in one dispatch.


class Watcher(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class OldWatcher(keras.callbacks.Callback):
    def on_batch_begin(self, batch, logs=None):
        pass


class EpochWatcher(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


BATCHES = [
    (lambda c: EpochWatcher(), False),
    (lambda c: Watcher(), True),
    (lambda c: OldWatcher(), True),
    (lambda c: c.EarlyStopping(), False),
    (lambda c: c.ModelCheckpoint("a.keras"), False),
    (lambda c: c.ModelCheckpoint("a.keras", save_freq=2), True),
    (lambda c: c.BackupAndRestore("d"), False),
    (lambda c: c.BackupAndRestore("d", save_freq=2), True),
    (lambda c: c.TerminateOnNaN(), True),
    (lambda c: c.LambdaCallback(on_epoch_end=print), False),
    (lambda c: c.LambdaCallback(on_train_batch_begin=print), True),
    (lambda c: c.LambdaCallback(on_test_batch_begin=print), False),
]


@pytest.mark.parametrize("make, expected", BATCHES)
def test_who_sees_batches(make, expected):
    callbacks = keras.callbacks.CallbackList([make(keras.callbacks)], add_history=True, add_progbar=True)
    assert callbacks.has_batch_hooks is expected
    assert not keras.callbacks.CallbackList(add_history=True, add_progbar=True).has_test_batch_hooks


def test_who_sees_batches_of_evaluation():
    callbacks = keras.callbacks.CallbackList(keras.callbacks.LambdaCallback(on_test_batch_end=print))
    assert (callbacks.has_batch_hooks, callbacks.has_test_batch_hooks, callbacks.has_predict_batch_hooks) == (
        False,
        True,
        False,
    )


WRONG = [
    (lambda: keras.callbacks.CallbackList([keras.callbacks.History]), TypeError, r"Use `History\(\.\.\.\)`"),
    (lambda: keras.callbacks.CallbackList([print]), TypeError, "wrap it: `LambdaCallback"),
    (lambda: keras.callbacks.CallbackList([3]), TypeError, r"Received: 3 \(of type int\)"),
    (lambda: keras.callbacks.LambdaCallback(on_epochend=print), ValueError, "Did you mean 'on_epoch_end'"),
    (lambda: keras.callbacks.LambdaCallback(on_epoch_end=1), ValueError, "must be a function. Received: 1"),
    (lambda: keras.callbacks.ReduceLROnPlateau(factr=0.1), TypeError, "factr"),
]


@pytest.mark.parametrize("make, error, match", WRONG)
def test_mistakes(make, error, match):
    with pytest.raises(error, match=match):
        make()


class AddsF1(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_f1"] = 1.0


MONITORS = [
    ("val_acc", ["loss", "accuracy", "val_loss", "val_accuracy"], [], ValueError, "EarlyStopping monitors 'val_acc'"),
    ("acuracy", ["loss", "accuracy"], [], ValueError, "Did you mean 'accuracy'"),
    ("val_loss", ["loss"], [], UserWarning, "There is no validation"),
    ("val_f1", ["loss", "val_loss"], [AddsF1()], UserWarning, "which will not be logged"),
    ("loss", ["loss"], [], None, ""),
    ("learning_rate", ["loss"], [], None, ""),
]


@pytest.mark.parametrize("monitor, names, before, kind, match", MONITORS)
def test_check_monitors(monitor, names, before, kind, match):
    callbacks = keras.callbacks.CallbackList([*before, keras.callbacks.EarlyStopping(monitor)])
    if kind is ValueError:
        with pytest.raises(ValueError, match=match):
            check_monitors(callbacks, names)
    elif kind is UserWarning:
        with pytest.warns(UserWarning, match=match):
            check_monitors(callbacks, names)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_monitors(callbacks, names)


def test_checkpoints_that_save_always_monitor_nothing():
    check_monitors([keras.callbacks.ModelCheckpoint("a.keras", monitor="nope")], ["loss"])


def test_direction_comes_from_the_metric():
    model, x, y = model_and_data(metrics=["mae", keras.metrics.R2Score(name="r2")])
    for monitor, better in (
        ("r2", keras.ops.greater),
        ("val_r2", keras.ops.greater),
        ("mae", keras.ops.less),
        ("loss", keras.ops.less),
    ):
        callback = keras.callbacks.EarlyStopping(monitor)
        model.fit(x, y, epochs=1, verbose=0, validation_split=0.5, callbacks=[callback])
        assert callback.monitor_op is better
    with pytest.raises(ValueError, match="automatically determine whether that metric should be maximized"):
        callback = keras.callbacks.EarlyStopping("unknown")
        callback.set_model(model)
        callback.on_epoch_end(0, {"unknown": 1.0})


def test_early_stopping_restores_the_best_weights():
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(10.0))  # gets worse each epoch
    callback = keras.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = model.fit(x, y, epochs=10, verbose=0, callbacks=[callback])
    assert len(history.epoch) == 3
    for now, best in zip(model.get_weights(), callback.best_weights):
        np.testing.assert_array_equal(now, best)


class LogsValues(keras.callbacks.Callback):
    """Puts a value, or None for no value, into the logs of each epoch."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        if self.values[epoch] is not None:
            logs["score"] = self.values[epoch]


def epochs_until_stop(values, **arguments):
    model, x, y = model_and_data()
    stop = keras.callbacks.EarlyStopping("score", mode="min", **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return len(model.fit(x, y, epochs=len(values), verbose=0, callbacks=[LogsValues(values), stop]).epoch)


def test_early_stopping_at_a_baseline_that_is_never_beaten():
    falling = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]
    assert epochs_until_stop(falling, baseline=0.1, patience=3) == 3
    assert epochs_until_stop(falling, baseline=0.75, patience=3) == 3
    assert epochs_until_stop(falling, baseline=0.75, patience=4) == 6  # beaten in time, and getting better since
    assert epochs_until_stop(falling, patience=0) == 6
    assert epochs_until_stop([1.0, 0.5, 0.6, 0.7, 0.4], patience=2, baseline=0.75) == 4


def test_user_may_choose_how_to_compare():
    model, x, y = model_and_data()
    stop = keras.callbacks.EarlyStopping("score", patience=1)
    stop.monitor_op = np.greater
    with pytest.warns(UserWarning, match="'score', which will not be logged"):  # but for the other callback
        fit = model.fit(x, y, epochs=4, verbose=0, callbacks=[LogsValues([1.0, 2.0, 1.5, 3.0]), stop])
    assert len(fit.epoch) == 3


@pytest.mark.parametrize("save_weights_only", [False, True])
def test_best_checkpoint_is_of_an_epoch_that_was_validated(tmp_path, save_weights_only):
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(2.0))  # gets worse each epoch
    path = tmp_path / ("best.weights.h5" if save_weights_only else "best.keras")
    save = keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=save_weights_only)
    with pytest.warns(UserWarning, match="Can save best model only with val_loss available"):
        logs = model.fit(x, y, epochs=5, verbose=0, validation_data=(x, y), validation_freq=2, callbacks=[save]).history
    best = model
    if save_weights_only:
        model.load_weights(path)
    else:
        best = keras.models.load_model(path)
    assert len(logs["val_loss"]) == 2
    np.testing.assert_allclose(best.evaluate(x, y, verbose=0), min(logs["val_loss"]), rtol=1e-5)


def test_attributes_of_a_lambda_callback():
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None, note="of mine", predict=print)
    assert callback.note == "of mine" and callback.predict is print
    assert not hasattr(keras.callbacks.LambdaCallback(), "note")


def test_model_checkpoint_keeps_the_best(tmp_path):
    model, x, y = model_and_data()
    path = tmp_path / "deep" / "best-{epoch}.keras"
    callback = keras.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[callback])
    loaded = keras.models.load_model(tmp_path / "deep" / "best-2.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    with pytest.raises(KeyError, match=r"nope.*The names that exist are"):
        keras.callbacks.ModelCheckpoint("{nope}.keras")._save_model(0, None, {"loss": 1.0})


def test_reduce_lr_is_logged_and_takes_effect():
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(0.5))
    callback = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100)
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(history.history["learning_rate"], [0.5, 0.5, 0.05], rtol=1e-6)
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.005)


def test_terminate_on_nan(capsys):
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(1e30))
    history = model.fit(x, y, epochs=5, batch_size=4, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert history.epoch == [0]
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        model.fit(x, y, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True)])


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


class Epochs(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.found = []

    def on_epoch_begin(self, epoch, logs=None):
        self.found.append(epoch)

    def state(self):
        return {"none of": "them"}

    def restore(self, state):
        pass


@pytest.mark.parametrize("damage", [False, True])
def test_backup_and_restore_goes_on_as_if_nothing_had_happened(tmp_path, damage):
    arguments = {"epochs": 4, "batch_size": 4, "verbose": 0, "shuffle": False}
    whole, x, y = model_and_data(optimizer="adam")
    whole.fit(x, y, **arguments)
    folder = tmp_path / "backup"

    def backup(**more):
        return keras.callbacks.BackupAndRestore(folder, double_checkpoint=damage, **more)

    model, x, y = model_and_data(optimizer="adam")
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, callbacks=[backup(), Epochs(), Interrupt()], **arguments)
    last = max(folder.glob("checkpoint-*"))
    assert json.loads((last / "index.json").read_text())["content"]["epoch"] == 2
    trained = Epochs()
    model, x, y = model_and_data(optimizer="adam")
    if damage:
        (last / "small.bin").write_bytes(b"not what was written")
        with pytest.warns(UserWarning, match="is damaged, so training goes back to the one before"):
            history = model.fit(x, y, callbacks=[backup(), trained], **arguments)
    else:
        history = model.fit(x, y, callbacks=[backup(), trained], **arguments)
    assert trained.found == ([1, 2, 3] if damage else [2, 3])
    assert history.epoch == [0, 1, 2, 3]
    for a, b in zip(model.get_weights(), whole.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert not folder.exists()


def test_backup_needs_a_built_model(tmp_path):
    callback = keras.callbacks.BackupAndRestore(tmp_path)
    callback.set_model(keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(ValueError, match="must be built before you call `fit"):
        callback.on_train_begin()


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_ema_weights(swap_on_epoch):
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch)
    seen = {}

    def look(when):
        def hook(*args):
            average = model.optimizer._averages[0].numpy()
            seen.setdefault(when, []).append(np.array_equal(model.get_weights()[0], average))

        return hook

    spy = keras.callbacks.LambdaCallback(
        on_epoch_end=look("epoch end"), on_epoch_begin=look("epoch begin"), on_test_begin=look("test begin")
    )
    model.fit(x, y, epochs=3, batch_size=2, verbose=0, validation_split=0.5, callbacks=[swap, spy])
    assert seen["test begin"] == [True] * 3
    assert seen["epoch end"] == [swap_on_epoch] * 3
    assert seen["epoch begin"][1:] == [False] * 2  # training goes on from the weights, not their average
    np.testing.assert_array_equal(model.get_weights()[0], model.optimizer._averages[0].numpy())


def test_swap_ema_weights_needs_averages():
    model, x, y = model_and_data()
    with pytest.raises(ValueError, match="use_ema=True"):
        model.fit(x, y, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()])


def test_predictions_use_the_averages():
    model, x, y = model_and_data(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    steps: list = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(model.get_weights()))
    model.fit(x, y, batch_size=6, verbose=0, callbacks=[note])
    # The average begins with the weights after the first step.
    kernel, bias = ((first + second) / 2 for first, second in zip(*steps))
    model.set_weights([np.full_like(kernel, 7.0), np.full_like(bias, 7.0)])
    swap = keras.callbacks.SwapEMAWeights()
    for batch_size in (1, 12):  # in a loop on the device, and one step
        found = model.predict(x, batch_size=batch_size, verbose=0, callbacks=[swap])
        np.testing.assert_allclose(found, x @ kernel + bias, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), 7 * x.sum(axis=1, keepdims=True) + 7, rtol=1e-4, atol=1e-5)


def test_history_plot(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    history = keras.callbacks.History()
    with pytest.raises(ValueError, match="Call `fit` first"):
        history.plot()
    history.on_train_begin()
    for epoch in range(4):
        logs = {"loss": 1 / (epoch + 1), "accuracy": epoch / 4}
        history.on_epoch_end(epoch, {**logs, **({"val_loss": 2.0 / (epoch + 1)} if epoch % 2 else {})})
    figure = history.plot()
    loss, accuracy = figure.axes
    assert [a.get_title() for a in figure.axes] == ["loss", "accuracy"]
    training, validation = loss.lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 1], [2, 1 / 2], [3, 1 / 3], [4, 1 / 4]])
    np.testing.assert_array_equal(validation.get_xydata(), [[2, 1], [4, 1 / 2]])  # validated every second epoch
    assert len(accuracy.lines) == 1
    assert [a.get_title() for a in history.plot(["accuracy"]).axes] == ["accuracy"]
    with pytest.raises(ValueError, match="Did you mean 'loss'"):
        history.plot(["los"])
    figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_logging_off(capsys):
    keras.config.disable_interactive_logging()
    try:
        keras.utils.Progbar(2, verbose=2).update(2)
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
