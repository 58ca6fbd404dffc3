"""Programs that override steps, losses and metrics, as the guides of Keras write them for JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import addax
from tests.xla import quick_compiles  # noqa: F401

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = RNG.normal(size=(20, 1)).astype("float32")
IMAGES = RNG.uniform(size=(20, 6)).astype("float32")


def graph(k: Any) -> tuple:
    x = k.Input((4,))
    return x, k.layers.Dense(1)(k.layers.Dense(3, "tanh")(x))


def own_compute_loss(k: Any) -> tuple:
    class Model(k.Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.tracker = k.metrics.Mean(name="own")

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            loss = k.ops.mean(k.ops.square(y_pred - y)) + k.ops.sum(self.losses) + 0.1 * k.ops.mean(x[:, 0])
            self.tracker.update_state(loss)
            return loss

    model = Model(*graph(k))
    model.compile("sgd")
    return model, X, Y


def own_metrics(k: Any) -> tuple:
    class Model(k.Model):
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            logs["largest"] = k.ops.max(k.ops.abs(y_pred - y))
            return logs

    model = Model(*graph(k))
    model.compile("sgd", "mse", metrics=["mae"])
    return model, X, Y


def own_train_step(k: Any) -> tuple:
    import jax

    class Model(k.Model):
        def compute_loss_and_updates(
            self, trainable: Any, non_trainable: Any, x: Any, y: Any, training: bool = False
        ) -> tuple:
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=training)
            return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

        def train_step(self, state: tuple, data: Any) -> tuple:
            trainable, non_trainable, optimizer, metrics = state
            x, y = data[:2]
            gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (y_pred, non_trainable)), grads = gradient(trainable, non_trainable, x, y, training=True)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            after: list = []
            logs = {}
            for metric in self.metrics:
                mine = metrics[len(after) : len(after) + len(metric.variables)]
                update = (loss,) if metric.name == "loss" else (y, y_pred)
                mine = metric.stateless_update_state(mine, *update)
                result = metric.stateless_result(mine)
                logs.update(result if isinstance(result, dict) else {metric.name: result})
                after += mine
            return logs, (trainable, non_trainable, optimizer, after)

        def test_step(self, state: tuple, data: Any) -> tuple:
            trainable, non_trainable, metrics = state
            x, y = data
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
            return {"worst": k.ops.max(y - y_pred)}, (trainable, non_trainable, metrics)

        def predict_step(self, state: tuple, data: Any) -> tuple:
            trainable, non_trainable = state
            x = data[0] if isinstance(data, tuple) else data
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x)
            return {"twice": 2 * y_pred}, non_trainable

    model = Model(*graph(k))
    model.compile("adam", "mse", metrics=["mae"])
    return model, X, Y


def autoencoder(k: Any) -> tuple:
    """A variational autoencoder with trackers of its own (the noise is taken out, to compare)."""
    import jax

    class VAE(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = k.Sequential([k.Input((6,)), k.layers.Dense(4, "relu"), k.layers.Dense(4)])
            self.decoder = k.Sequential([k.Input((2,)), k.layers.Dense(4, "relu"), k.layers.Dense(6, "sigmoid")])
            self.total = k.metrics.Mean(name="total_loss")
            self.divergence = k.metrics.Mean(name="kl_loss")

        @property
        def metrics(self) -> list:
            return [self.total, self.divergence]

        def call(self, x: Any, training: Any = None) -> Any:
            code = self.encoder(x, training=training)
            return self.decoder(code[:, :2], training=training), code

        def both_losses(self, trainable: Any, non_trainable: Any, x: Any) -> tuple:
            (image, code), non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
            mean, variance = code[:, :2], code[:, 2:]
            kl = -0.5 * k.ops.mean(1 + variance - k.ops.square(mean) - k.ops.exp(variance))
            total = k.ops.mean(k.losses.binary_crossentropy(x, image)) + kl
            return total, (kl, non_trainable)

        def train_step(self, state: tuple, data: Any) -> tuple:
            trainable, non_trainable, optimizer, metrics = state
            x = data[0] if isinstance(data, tuple) else data
            (total, (kl, non_trainable)), grads = jax.value_and_grad(self.both_losses, has_aux=True)(
                trainable, non_trainable, x
            )
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, grads, trainable)
            n = len(self.total.variables)
            first = self.total.stateless_update_state(metrics[:n], total)
            second = self.divergence.stateless_update_state(metrics[n:], kl)
            logs = {
                "total_loss": self.total.stateless_result(first),
                "kl_loss": self.divergence.stateless_result(second),
            }
            return logs, (trainable, non_trainable, optimizer, [*first, *second])

    model = VAE()
    model(IMAGES[:2])
    model.compile(optimizer=k.optimizers.Adam(0.01))
    return model, IMAGES, None


PROGRAMS = [own_compute_loss, own_metrics, own_train_step, autoencoder]


CASES = [*((program, False) for program in PROGRAMS), (own_metrics, True)]


@pytest.mark.parametrize(("program", "watched"), CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_programs_train_as_in_keras(program: Any, watched: bool) -> None:
    def run(k: Any) -> dict:
        k.utils.clear_session(free_memory=False)
        model, x, y = program(k)
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])
        callbacks = [k.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)] if watched else []
        fit = model.fit(x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        found = {
            "history": fit.history,
            "keys": list(fit.history),
            "weights": model.get_weights(),
            "names": [m.name for m in model.metrics],
            "on batch": model.train_on_batch(x[:5], None if y is None else y[:5], return_dict=True),
        }
        if y is not None:
            found["evaluate"] = model.evaluate(x, y, batch_size=5, verbose=0, return_dict=True)
            found["predict"] = model.predict(x, batch_size=5, verbose=0)
        return found

    ours, theirs = run(addax), run(keras)
    assert ours.pop("names") == theirs.pop("names") and ours.pop("keys") == theirs.pop("keys")
    assert ours.keys() == theirs.keys()
    for name in theirs:
        leaves = [addax.tree.flatten(side[name]) for side in (ours, theirs)]
        for a, b in zip(*leaves, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6, err_msg=name)


def test_gan_without_call() -> None:
    """Two models, two optimizers and no `call`: the state of all of it is the model's."""
    import jax

    k = addax

    class GAN(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.generator = k.Sequential([k.Input((2,)), k.layers.Dense(4)])
            self.critic = k.Sequential([k.Input((4,)), k.layers.Dense(1)])
            self.seeds = k.random.SeedGenerator(3)
            self.d_loss, self.g_loss = k.metrics.Mean(name="d_loss"), k.metrics.Mean(name="g_loss")
            self.built = True

        def compile(self, d_optimizer: Any, g_optimizer: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
            d_optimizer.build(self.critic.trainable_variables)
            g_optimizer.build(self.generator.trainable_variables)

        @property
        def metrics(self) -> list:
            return [self.d_loss, self.g_loss]

        def train_step(self, state: tuple, data: Any) -> tuple:
            trainable, non_trainable, optimizer, metrics = state
            x = data[0] if isinstance(data, tuple) else data
            n = len(self.generator.trainable_variables)
            generator, critic = trainable[:n], trainable[n:]

            def fake(generator: Any) -> Any:
                return self.generator.stateless_call(generator, [], x[:, :2])[0]

            def judge(critic: Any, x: Any) -> Any:
                return self.critic.stateless_call(critic, [], x)[0].mean()

            d, d_grads = jax.value_and_grad(lambda c: judge(c, fake(generator)) - judge(c, x))(critic)
            g, g_grads = jax.value_and_grad(lambda g: -judge(critic, fake(g)))(generator)
            critic = [v - 0.01 * grad for v, grad in zip(critic, d_grads)]
            generator = [v - 0.01 * grad for v, grad in zip(generator, g_grads)]
            first = self.d_loss.stateless_update_state(metrics[:2], d)
            second = self.g_loss.stateless_update_state(metrics[2:], g)
            logs = {"d_loss": self.d_loss.stateless_result(first), "g_loss": self.g_loss.stateless_result(second)}
            return logs, (generator + critic, non_trainable, optimizer, first + second)

    model = GAN()
    model.compile(k.optimizers.SGD(), k.optimizers.SGD())
    before = model.get_weights()
    history = model.fit(X, epochs=2, batch_size=5, verbose=0).history
    assert list(history) == ["d_loss", "g_loss"] and len(history["d_loss"]) == 2
    assert all(not np.array_equal(a, b) for a, b in zip(before[:1] + before[2:3], model.get_weights()[::2]))


def test_custom_step_runs_fused_and_one_by_one_alike() -> None:
    runs = []
    for fuse in (True, False):
        addax.config.set("fuse_steps", fuse)
        try:
            addax.utils.set_random_seed(2)
            model, x, y = own_train_step(addax)
            history = model.fit(x, y, batch_size=6, epochs=2, verbose=0).history
            runs.append([*history["loss"], *history["mae"], *model.get_weights()[0].ravel()])
        finally:
            addax.config.set("fuse_steps", True)
    assert runs[0] == runs[1]


def test_no_loss_at_all() -> None:
    model = addax.Model(*graph(addax))
    model.compile(metrics=["mae"])
    assert model.evaluate(X, Y, verbose=0)[0] == 0  # metrics may be looked at without a loss
    with pytest.raises(ValueError, match=r"No loss to compute.*Provide a `loss` argument"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"must call `compile\(\)`.*`fit\(\)`"):
        addax.Model(*graph(addax)).fit(X, Y)


def test_a_step_of_the_users_is_traced_once():
    traced = []

    class Counted(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, data):
            traced.append(data)
            return super().train_step(state, data)

    model = Counted()
    model.compile("sgd", "mse")
    model.fit(np.ones((30, 2)), np.ones((30, 1)), batch_size=1, verbose=0)
    assert len(traced) == 1


def recorded(k: Any) -> tuple[Any, list]:
    """A model whose steps do nothing, and the list of what they are given."""
    given: list = []

    def note(data: Any) -> None:
        given.append(
            sorted(data) if isinstance(data, dict) else [type(data), len(data)] if type(data) is tuple else data.shape
        )

    class Model(k.Model):
        def train_step(self, state: tuple, data: Any) -> tuple:
            note(data)
            return {"loss": 0.0}, state

        def test_step(self, state: tuple, data: Any) -> tuple:
            note(data)
            return {"loss": 0.0}, state

    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    model = Model({"a": a, "b": b}, k.layers.Dense(1)(k.layers.Add()([a, b])))
    model.compile("sgd")
    return model, given


class OneBatch:
    """A `PyDataset` of one batch."""

    @staticmethod
    def of(k: Any, batch: Any) -> Any:
        class Data(k.utils.PyDataset):
            def __len__(self) -> int:
                return 1

            def __getitem__(self, i: int) -> Any:
                return batch

        return Data()


@pytest.mark.filterwarnings("ignore:.*PyDataset:UserWarning")
@pytest.mark.parametrize("data", [({"a": X, "b": X},), ({"a": X, "b": X}, Y), ({"a": X, "b": X}, Y, Y[:, 0] ** 2)])
def test_steps_are_given_what_keras_gives_them(data: tuple) -> None:
    shown = []
    for k in (keras, addax):
        model, given = recorded(k)
        model.evaluate(data[0], *data[1:2], sample_weight=(*data, None, None)[2], batch_size=20, verbose=0)
        model.fit(OneBatch.of(k, data if len(data) > 1 else data[0]), verbose=0)
        shown.append([given[0], given[-1]])
    assert shown[0] == shown[1]
    assert shown[1][0] == (["a", "b"] if len(data) == 1 else [tuple, len(data)])


def test_inputs_without_labels_are_packed_as_in_keras() -> None:
    for x in (1, {"a": 1}, [1], (1, 2), {"a": [1]}, None):
        assert addax.utils.pack_x_y_sample_weight(x) == keras.utils.pack_x_y_sample_weight(x)


def test_steps_that_compute_nothing_run() -> None:
    model, given = recorded(addax)
    batch = ({"a": X, "b": X}, Y)
    model.fit((batch for _ in range(3)), verbose=0)
    model.fit(*batch, batch_size=5, verbose=0)
    assert given
