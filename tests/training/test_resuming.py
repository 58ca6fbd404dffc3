"""A training that goes on from a state ends as the one that was never interrupted, bit for bit."""

import numpy as np
import pytest

import addax as keras
from addax.data.dataset import Dataset
from addax.training.arguments import FitArguments
from addax.training.feeding import training_data
from addax.training.loop import Training

pytestmark = [
    pytest.mark.filterwarnings("ignore:Your input ran out of data"),  # epochs end early on purpose
    pytest.mark.filterwarnings("ignore:To resume, . batches of the Data are read again"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.normal(size=(23, 1)).astype("float32")


def build(dropout=0.3):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dropout(dropout), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def batches(size=5):
    """Batches of a fixed order, any number of times."""

    class Data:
        def __iter__(self):
            return ((X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size))

    return Data()


class Stop(keras.callbacks.Callback):
    """Takes the state of a training after a batch, and of its variables; then interrupts it."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            model = self.model
            self.place = model._training.state()
            self.values = [v.numpy() for v in variables(model)]
            raise KeyboardInterrupt


def variables(model):
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def fit_arguments(**given):
    names = ["batch_size", "callbacks", "validation_split", "class_weight", "steps_per_epoch", "validation_steps"]
    defaults = dict.fromkeys([*names, "validation_batch_size"])
    defaults |= {
        "epochs": 3,
        "verbose": 0,
        "shuffle": True,
        "initial_epoch": 0,
        "validation_freq": 1,
        "debug_nans": False,
    }
    return FitArguments.checked(**{**defaults, **given})


CASES = {
    "arrays": ((X, Y), {"batch_size": 5}),
    "arrays in batches": ((X, Y), {"batch_size": 5, "shuffle": "batch"}),
    "arrays, fewer steps": ((X, Y), {"batch_size": 5, "steps_per_epoch": 3}),
    "iterable": ((batches(), None), {}),
    "iterable, fewer steps": ((batches(), None), {"steps_per_epoch": 2}),
    "dataset": ((lambda: Dataset.from_tensor_slices((X, Y)).shuffle(23, seed=1).batch(5).prefetch(), None), {}),
}


@pytest.mark.parametrize("epoch, batch", [(0, 0), (1, 1), (2, 0)])
@pytest.mark.parametrize("case", CASES)
def test_goes_on_from_a_state(case, epoch, batch):
    (data, y), options = CASES[case]
    fresh = data if callable(data) else lambda: data
    whole = build()
    whole.fit(fresh(), y, epochs=3, verbose=0, **options)

    stop = Stop(epoch, batch)
    with pytest.raises(KeyboardInterrupt):
        build().fit(fresh(), y, epochs=3, verbose=0, callbacks=[stop], **options)

    resumed = build()
    given = fit_arguments(**options)
    source, _ = training_data(resumed, fresh(), y, None, given)
    training = Training(resumed, given, source, None)
    np.random.seed(12345)  # no order may come from what the process draws
    for variable, value in zip(variables(resumed), stop.values, strict=True):
        variable.assign(value)
    training.restore(stop.place)
    training.run()
    for got, expected in zip(variables(resumed), variables(whole), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.numpy(), err_msg=expected.path)


def test_orders_follow_from_the_seed_and_the_number_of_the_pass():
    from addax.data.batches import ArrayBatches

    orders = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        source = ArrayBatches(X, batch_size=4, shuffle=True)
        orders.append([source.next_order() for _ in range(3)])
    np.testing.assert_array_equal(orders[0], orders[1])
    assert all(sorted(order) == list(range(23)) for order in orders[0])
    assert len({tuple(order) for order in orders[0]}) == 3
    np.testing.assert_array_equal(source.order(1), orders[0][1])
