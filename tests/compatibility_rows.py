"""The rows of docs/COMPATIBILITY.md, in the order of the page.

Each program takes the library, runs under Keras and under addax alike, and returns plain values; a row's words are what
its checks assert.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np

from tests.compatibility_checks import Section, both, gives, raises, shows, silent, warns

BETTER, DIFFERENT = Section("Better"), Section("Different")
NOT_YET = Section("Not there yet")
SECTIONS = [BETTER, DIFFERENT, NOT_YET]

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = X.sum(1, keepdims=True) + 1


def net(k: ModuleType, units: int = 1, **compiled: Any) -> Any:
    """A compiled model of one Dense layer that starts with ones."""
    model = k.Sequential([k.Input((4,)), k.layers.Dense(units, kernel_initializer="ones")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return model


def two_outputs(k: ModuleType, units: int = 1, **compiled: Any) -> Any:
    """A model of outputs a and b."""
    i = k.Input((4,))
    outputs = [k.layers.Dense(units, kernel_initializer="ones", name=n)(i) for n in "ab"]
    model = k.Model(i, outputs)
    if compiled:
        model.compile("sgd", **compiled)
    return model


def outcomes(*calls: Callable[[], Any]) -> list[str]:
    """What each call raises, or "passes"."""
    found = []
    for call in calls:
        try:
            call()
            found.append("passes")
        except ValueError:
            found.append("ValueError")
        except Exception as error:
            found.append(type(error).__name__)
    return found


def in_a_process(k: ModuleType, code: str, **environment: str) -> str:
    """The last word that a program prints which finds the library as `keras`, and `np`."""
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-c", f"import numpy as np, {k.__name__} as keras\n{textwrap.dedent(code)}"]
    environment = {**os.environ, "PYTHONPATH": root, **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()[-1]


def array(x: Any) -> np.ndarray:
    return np.array(x)


# Layers, models and their shapes


@BETTER(
    "`repr` of a variable",
    ("dumps its values", shows("value=[[1. 1.]")),
    (
        "`<KerasVariable shape=(4, 2), dtype=float32, path=d/kernel>`",
        gives("<KerasVariable shape=(4, 2), dtype=float32, path=d/kernel>"),
    ),
)
def repr_of_a_variable(k):
    layer = k.layers.Dense(2, kernel_initializer="ones", name="d")
    layer.build((None, 4))
    return repr(layer.kernel)


@BETTER(
    "float64 policy",
    ("computes in float32, with a warning", both(gives("float32"), warns("float64"))),
    ("computes in float64", both(gives("float64"), silent)),
)
def float64_policy(k):
    return str(k.layers.Dense(2, dtype="float64")(np.ones((1, 4))).dtype)


@BETTER(
    "`Sequential.input`, `.output` once built",
    ("`AttributeError`", raises(AttributeError, "no defined input")),
    ("the tensors", gives(((3, 4), (3, 1)))),
)
def input_of_a_sequential(k):
    model = k.Sequential([k.layers.Dense(1)])
    model.build((3, 4))
    return tuple(model.input.shape), tuple(model.output.shape)


@BETTER(
    "errors in a layer",
    (
        'wrapped in "Exception encountered when calling ..."',
        raises(ValueError, "Exception encountered when calling Odd.call()", "too odd"),
    ),
    ("the error itself, with a note: layer path, where it was made, the line", gives(("too odd", True))),
)
def errors_in_a_layer(k):
    class Odd(k.layers.Layer):
        def call(self, inputs):
            raise ValueError("too odd")

    try:
        k.Sequential([Odd(name="strange")], name="net")(np.ones((1, 4)))
    except ValueError as error:
        if not hasattr(error, "__notes__"):
            raise
        path, lines = "In layer 'net/strange' (Odd)", r"made at .*rows\.py:\d+; failed at .*rows\.py:\d+, in call"
        notes = "\n".join(error.__notes__)
        return str(error), path in notes and re.search(lines, notes) is not None


@BETTER(
    "size of `x[:, :1]` when the axis is unknown",
    ("unknown", gives((None, None))),
    ("1", gives((None, 1))),
)
def size_of_a_slice(k):
    return tuple(k.KerasTensor((None, None))[:, :1].shape)


@BETTER(
    "`x[[0, 1]]` on a symbolic tensor",
    ("read as a tuple", gives((5,))),
    ("fancy indexing, as on arrays", gives((2, 4, 5))),
)
def fancy_indexing(k):
    return tuple(k.KerasTensor((3, 4, 5))[[0, 1]].shape)


@BETTER(
    "functions of NumPy or `jax.numpy` on symbolic tensors",
    ("refused", raises(ValueError, "cannot convert it to a NumPy array")),
    ("refused: the error names the `ops` function to use", raises((TypeError, ValueError), "ops.exp")),
)
def numpy_on_symbolic_tensors(k):
    return np.exp(k.KerasTensor((None, 3)))


@BETTER(
    "dtype of symbolic ints in Add, MaxPooling, ...",
    ("float32, though ints are computed", gives([("float32", "int32")] * 2)),
    ("that of the result", gives([("int32", "int32")] * 2)),
)
def dtype_of_symbolic_ints(k):
    i, ones = k.Input((4, 2), dtype="int32"), np.ones((1, 4, 2), "int32")
    add, pool = k.layers.Add(), k.layers.MaxPooling1D()
    return [(add([i, i]).dtype, str(add([ones, ones]).dtype)), (pool(i).dtype, str(pool(ones).dtype))]


@BETTER(
    "`MultiHeadAttention(value_dim != key_dim)`",
    ("needs the scores to be asked for", gives(["TypeError", "passes"])),
    ("works", gives(["passes", "passes"])),
)
def value_dim(k):
    x, attention = np.ones((1, 3, 4), "float32"), k.layers.MultiHeadAttention(2, 3, value_dim=5)
    return outcomes(lambda: attention(x, x), lambda: attention(x, x, return_attention_scores=True))


@BETTER(
    "`Bidirectional(weights=...)`",
    ("ignored", gives(False)),
    ("applied", gives(True)),
)
def bidirectional_weights(k):
    weights = [np.full(s, 0.5, "float32") for s in [(4, 2), (2, 2), (2,)] * 2]
    layer = k.layers.Bidirectional(k.layers.SimpleRNN(2), weights=weights)
    layer.build((None, 3, 4))
    return bool(np.all([np.all(w == 0.5) for w in layer.get_weights()]))


@BETTER(
    "symbolic shape of `Bidirectional` of two different layers",
    ("a wrong shape", gives(((1, 4), (1, 5)))),
    ("the right shape", gives(((1, 5), (1, 5)))),
)
def bidirectional_of_two(k):
    def made():
        return k.layers.Bidirectional(k.layers.SimpleRNN(2), backward_layer=k.layers.SimpleRNN(3, go_backwards=True))

    return tuple(made()(k.Input((3, 4), batch_size=1)).shape), tuple(made()(np.ones((1, 3, 4))).shape)


@BETTER(
    "`input_shape=`, `input_dim=` on a first layer",
    ("works, with a warning", both(gives((None, 2)), warns("input_shape"))),
    ("works", both(gives((None, 2)), silent)),
)
def input_shape_argument(k):
    return tuple(k.Sequential([k.layers.Dense(2, input_shape=(4,))]).output_shape)


@BETTER(
    "`Softmax` layer on a masked sequence",
    ("an error: the mask has to have the scores' shape", raises(ValueError, "mask.shape=(1, 2)")),
    ("the mask says which steps are padding, and is passed on", gives((np.full(3, 1 / 3), [[True, False]]))),
)
def softmax_on_masked_steps(k):
    embedded = k.layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="ones")(np.array([[1, 0]]))
    out = k.layers.Softmax()(embedded)
    return array(out)[0, 0], array(out._keras_mask).tolist()


@BETTER(
    "`Embedding` of ids outside its table",
    ("NaN", gives(True)),
    ("refused", raises(ValueError, "5", "input_dim=3")),
)
def ids_outside_of_the_table(k):
    return bool(np.isnan(array(k.layers.Embedding(3, 2)(np.array([5])))).all())


@BETTER(
    "`Multiply`, `Maximum`, `Minimum` of inputs with masks of their own rank",
    ("an error from inside", raises(ValueError, "fewer dimensions")),
    ("leave out what is masked", gives([3.0, 1.0])),
)
def merging_with_masks_of_full_rank(k):
    class Masked(k.layers.Layer):
        supports_masking = True

        def __init__(self, mask):
            super().__init__()
            self.given = np.array([mask])[..., None]

        def call(self, inputs):
            return inputs + 0

        def compute_mask(self, inputs, mask=None):
            return k.ops.convert_to_tensor(self.given)

    parts = [Masked(m)(np.full((1, 2, 1), v, "float32")) for m, v in (((True, True), 1.0), ((True, False), 3.0))]
    return array(k.layers.Maximum()(parts))[0, :, 0].tolist()


@BETTER(
    "`ops.reshape` of symbolic tensors with two unknown sizes",
    ("an error", raises(TypeError, "(None, -1)")),
    ("a size that stands where the input has it is taken from the data", gives((2, 12))),
)
def reshape_with_two_unknown_sizes(k):
    i = k.Input((None, 4))
    model = k.Model(i, k.ops.reshape(i, (k.ops.shape(i)[0], -1)))
    return model.predict(np.ones((2, 3, 4)), verbose=0).shape


@BETTER(
    "`training=` given at a call in a graph",
    ("overridden by `fit` and `predict`", gives(False)),
    ("holds", gives(True)),
)
def training_given_in_a_graph(k):
    i = k.Input((4,))
    model = k.Model(i, k.layers.Dropout(0.5, seed=1)(i, training=True))
    return bool((model.predict(np.ones((4, 4)), verbose=0) == 0).any())


@BETTER(
    "values that aren't tensors as positional arguments of layers",
    ("refused", raises(ValueError, "Only input tensors may be passed as positional arguments")),
    ("passed on", gives(-1.0)),
)
def positional_arguments(k):
    class Flip(k.layers.Layer):
        def call(self, x, flip=False):
            return -x if flip else x

    return float(Flip()(np.ones((1, 1), "float32"), True)[0, 0])


@BETTER(
    "layers in `get_config` that aren't serialized",
    ("saved; loading is refused", raises(TypeError, "explicitly deserialized")),
    ("saved and loaded", gives(("Block", (4, 3)))),
)
def layers_in_a_config(k):
    class Block(k.layers.Layer):
        def __init__(self, inner=None, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, inputs):
            return self.inner(inputs)

        def get_config(self):
            return {**super().get_config(), "inner": self.inner}

    k.Sequential([k.Input((4,)), Block(k.layers.Dense(3))]).save("m.keras")
    block = k.models.load_model("m.keras", custom_objects={"Block": Block}).layers[0]
    return type(block).__name__, tuple(block.inner.kernel.shape)


@BETTER(
    "`clone_model` of a model with `Lambda(lambda ...)`",
    ("refused as unsafe, though nothing comes from a file", raises(ValueError, "unsafe")),
    ("works: the lambda is the program's own", gives(2.0)),
)
def clone_model_with_lambdas(k):
    model = k.Sequential([k.Input((1,)), k.layers.Lambda(lambda x: x * 2)])
    return float(k.models.clone_model(model)(np.ones((1, 1), "float32"))[0, 0])


@BETTER(
    "pickle of layers, models and metrics",
    ("configs and weights: attributes of one's own and a metric's values are lost", gives((0.0, [], []))),
    ("all of the state", gives((3.0, [1], [1]))),
)
def pickling_by_state(k):
    metric, layer, model = k.metrics.Mean(), k.layers.Dense(2), net(k)
    metric.update_state(3.0)
    layer.seen = [1]
    model.seen = [1]
    metric, layer, model = pickle.loads(pickle.dumps((metric, layer, model)))
    return float(metric.result()), list(getattr(layer, "seen", [])), list(getattr(model, "seen", []))


@BETTER(
    "variables as arguments of `jax.jit`",
    ("an error of JAX's", raises((TypeError, ValueError), "register your object as a pytree")),
    ("stand for their values", gives(3.0)),
)
def variables_given_to_jit(k):
    import jax

    return float(jax.jit(lambda v: v + 1)(k.Variable(2.0)))


# Losses, metrics, optimizers, initializers


@BETTER(
    "optax transformations as `optimizer=`",
    ("refused", raises(ValueError, "optimizer")),
    ("wrapped", gives(True)),
)
def optax_transformations(k):
    import optax

    model = net(k, optimizer=optax.sgd(0.1))
    model.fit(X, Y, verbose=0)
    return bool((model.get_weights()[0] != 1).any())


@BETTER(
    'metrics named `"crossentropy"`, `"ce"` in `compile`',
    ("refused", raises(ValueError, "Could not interpret metric identifier: ce")),
    ("the one that fits the output", gives(["ce", "loss"])),
)
def metrics_named_ce(k):
    model = net(k, loss=k.losses.BinaryCrossentropy(from_logits=True), metrics=["ce"])
    return sorted(model.evaluate(X, np.ones((12, 1)), verbose=0, return_dict=True))


@BETTER(
    "`sample_weight` of lower rank than the losses",
    ("an error, or the wrong axis", gives(["error", "along the last axis"])),
    ("aligned with the batch axis", gives(["along the batch", "along the batch"])),
)
def sample_weight_of_lower_rank(k):
    found = []
    for steps in (3, 2):
        losses = np.arange(2.0 * steps, dtype="float32").reshape(2, steps)
        loss = k.losses.MeanAbsoluteError(reduction="none")
        weights = np.array([0.0, 1.0], "float32")
        try:
            got = array(loss(np.zeros((2, steps, 1)), losses[..., None], sample_weight=weights))
        except Exception:
            found.append("error")
        else:
            found.append("along the batch" if np.allclose(got, losses * weights[:, None]) else "along the last axis")
    return found


@BETTER(
    "hinge, KL and Poisson losses of `(n,)` against `(n, 1)`",
    ("broadcast to `(n, n)`", gives([False] * 4)),
    ("never broadcast", gives([True] * 4)),
)
def losses_of_rank_one(k):
    y, p = np.array([[1.0], [0.0], [1.0]], "float32"), np.array([[0.2], [0.3], [0.7]], "float32")
    losses = k.losses.hinge, k.losses.squared_hinge, k.losses.kl_divergence, k.losses.poisson
    return [bool(np.allclose(loss(y[:, 0], p), loss(y, p))) for loss in losses]


@BETTER(
    "gradient of cosine similarity at zero",
    ("NaN", gives((True,))),
    ("finite", gives((False,))),
)
def gradient_of_cosine_similarity(k):
    import jax

    zero, one = np.zeros((1, 2), "float32"), np.ones((1, 2), "float32")
    return (bool(np.isnan(jax.grad(lambda p: k.losses.cosine_similarity(one, p).sum())(zero)).any()),)


@BETTER(
    "configs of `Huber(delta)`, `CosineSimilarity(axis)`, a loss's `dtype`",
    ("forgotten", gives([None, None, None, 9.5])),
    ("written; Keras reads them", gives([2.0, 1, "float16", 18.0])),
)
def configs_of_losses(k):
    losses = k.losses.Huber(delta=2.0), k.losses.CosineSimilarity(axis=1), k.losses.MeanSquaredError(dtype="float16")
    found = [loss.get_config().get(name) for loss, name in zip(losses, ("delta", "axis", "dtype"))]
    read = keras.losses.deserialize(k.losses.serialize(losses[0]))
    return [*found, float(read(np.zeros(1, "float32"), np.full(1, 10.0, "float32")))]


@BETTER(
    "constructor arguments of user losses, metrics, optimizers",
    ("need `get_config`", gives([False] * 3)),
    ("are the config", gives([True] * 3)),
)
def configs_of_user_classes(k):
    class Loss(k.losses.Loss):
        def __init__(self, power=1, **kwargs):
            super().__init__(**kwargs)

    class Metric(k.metrics.Metric):
        def __init__(self, power=1, **kwargs):
            super().__init__(**kwargs)

    class Optimizer(k.optimizers.SGD):
        def __init__(self, power=1, **kwargs):
            super().__init__(**kwargs)

    return [made.get_config().get("power") == 3 for made in (Loss(power=3), Metric(power=3), Optimizer(power=3))]


@BETTER(
    "`result()` of a metric that returns its variable",
    ("an error of JAX's in `fit` and `evaluate`", raises(ValueError, "__jax_array__")),
    ("its value is taken", gives(1.0)),
)
def result_that_is_a_variable(k):
    class Count(k.metrics.Metric):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.n = self.add_weight(name="n", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.n.assign_add(1.0)

        def result(self):
            return self.n

    return float(net(k, metrics=[Count(name="n")]).evaluate(X, Y, verbose=0, return_dict=True)["n"])


@BETTER(
    "`Adafactor(relative_step=False)`",
    ("the step is at most `1/sqrt(step)` nevertheless", gives(np.array([0.2, 0.0586, 0.0248]))),
    ("the learning rate as given", gives(np.array([0.2, 0.04, 0.008]))),
)
def adafactor(k):
    optimizer, v = k.optimizers.Adafactor(learning_rate=0.8, relative_step=False), k.Variable(np.ones(2))
    found = []
    for _ in range(3):
        optimizer.apply([k.ops.ones(2)], [v])
        found.append(round(float(v.value[0]), 4))
    return np.array(found)


@BETTER(
    "eager `LossScaleOptimizer.apply` on JAX",
    ("leaks a tracer", gives("UnexpectedTracerError")),
    ("works", gives("1.0")),
)
def loss_scale_optimizer(k):
    optimizer, v = k.optimizers.LossScaleOptimizer(k.optimizers.SGD(1.0)), k.Variable([2.0])
    optimizer.build([v])
    try:
        optimizer.apply([k.ops.ones(1) * optimizer.initial_scale], [v])
        return str(float(v.value[0]))
    except Exception as error:
        return type(error).__name__


@BETTER("`Identity(gain)` initializer's config", ("forgets the gain", gives(None)), ("writes it", gives(2.0)))
def config_of_identity(k):
    return k.initializers.Identity(gain=2.0).get_config().get("gain")


@BETTER('`get("constant")` initializer', ("`KeyError`", raises(KeyError, "value")), ("works", gives("Constant")))
def constant_initializer(k):
    return type(k.initializers.get("constant")).__name__


@BETTER(
    '`OrthogonalRegularizer(mode="columns")`',
    ("divides rows by columns' norms", gives(False)),
    ("normalises columns", gives(True)),
)
def orthogonal_regularizer(k):
    w = np.array([[3.0, 0.0, 1.0], [4.0, 2.0, 1.0], [0.0, 0.0, 1.0]], "float32")
    columns = w / np.linalg.norm(w, axis=0)
    products = columns.T @ columns
    right = 0.01 * np.abs(products - np.diag(np.diag(products))).sum() / 2 / 3
    return bool(np.allclose(k.regularizers.OrthogonalRegularizer(mode="columns")(w), right, rtol=1e-3))


# Operations


@BETTER("`ops.sparsemax`", ("doesn't sum to 1", gives(False)), ("does", gives(True)))
def sparsemax(k):
    return bool(np.allclose(array(k.ops.sparsemax(np.array([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]]))).sum(-1), 1))


@BETTER(
    "`ops.image.gaussian_blur` on JAX",
    ("blurs the width only", gives((False, True))),
    ("blurs both", gives((True, True))),
)
def gaussian_blur(k):
    image = np.zeros((1, 5, 5, 1), "float32")
    image[0, 2, 2, 0] = 1
    blurred = array(k.ops.image.gaussian_blur(image, (3, 3), (1.0, 1.0)))
    return bool(blurred[0, 1, 2, 0] > 0), bool(blurred[0, 2, 1, 0] > 0)


@BETTER(
    "pooling ops without `strides`",
    ("crash", raises(TypeError, "reduce_window")),
    ("work", gives([(1, 2, 3)] * 2)),
)
def pooling_without_strides(k):
    return [tuple(op(np.ones((1, 4, 3), "float32"), 2).shape) for op in (k.ops.max_pool, k.ops.average_pool)]


@BETTER("`None` in `ops.reshape`'s target", ("crashes", raises(TypeError, "(None, 2)")), ("works", gives((3, 2))))
def none_in_reshape(k):
    return tuple(k.ops.reshape(np.ones((2, 3)), (None, 2)).shape)


@BETTER(
    "symbolic shapes, dtypes: `corrcoef`, `slogdet`, `eig`, `lu_factor`, `polar`, grouped `conv`, adaptive pooling",
    ("differ from the eager result", gives([False] * 7)),
    ("equal it", gives([True] * 7)),
)
def symbolic_results(k):
    def same(op, *arrays):
        eager = [(tuple(t.shape), str(t.dtype)) for t in k.tree.flatten(op(*arrays))]
        try:
            symbolic = op(*[k.KerasTensor(a.shape, str(a.dtype)) for a in arrays])
        except Exception:
            return False
        return [(tuple(t.shape), str(t.dtype)) for t in k.tree.flatten(symbolic)] == eager

    squares = np.stack([np.eye(2, dtype="float32")] * 3)
    return [
        same(k.ops.corrcoef, X),
        same(k.ops.slogdet, squares),
        same(k.ops.eig, squares),
        same(k.ops.lu_factor, squares),
        same(k.ops.polar, X[0], X[0]),
        same(k.ops.conv, np.ones((1, 5, 4), "float32"), np.ones((2, 2, 6), "float32")),
        same(lambda x: k.ops.adaptive_average_pool(x, 2), np.ones((1, 4, 3), "float32")),
    ]


@BETTER(
    "`ops.fft` and `ops.qr` of unknown sizes",
    ("refused", gives(["ValueError"] * 2)),
    ("work", gives(["passes"] * 2)),
)
def fft_of_unknown_sizes(k):
    unknown = k.KerasTensor((None, None))
    return outcomes(lambda: k.ops.fft((unknown, unknown)), lambda: k.ops.qr(unknown))


@BETTER(
    "segment ops without `num_segments`",
    ("refused on JAX", raises(ValueError, "`num_segments` must be set")),
    ("as many as the ids say", gives([3, 3])),
)
def segment_ops(k):
    return array(k.ops.segment_sum(np.array([1, 2, 3]), np.array([0, 0, 1]))).tolist()


@BETTER(
    "symbolic calls that could never run (`ops.solve`, `psnr`, `polar`, `in_top_k`, `dot_product_attention`, ...)",
    ("pass", gives(["passes"] * 5)),
    ("an error at once", gives(["ValueError"] * 5)),
)
def symbolic_calls_that_never_run(k):
    t = k.KerasTensor
    return outcomes(
        lambda: k.ops.solve(t((5, 2, 2)), t((5, 2))),
        lambda: k.ops.psnr(t((3, 2)), t((4, 2)), 1.0),
        lambda: k.ops.polar(t((3,)), t((4,))),
        lambda: k.ops.in_top_k(t((3,), "int32"), t((4, 2)), 1),
        lambda: k.ops.dot_product_attention(t((1, 3, 2, 4)), t((1, 3, 2, 5)), t((1, 3, 2, 5))),
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


# Different


@BETTER(
    "`JaxLayer` and `FlaxLayer` that make their own parameters",
    ("need TensorFlow", raises(ImportError, "This requires the tensorflow module")),
    ("need nothing but JAX; values are computed when first needed", gives((2, 1))),
)
def jax_layer_with_init(k):
    layer = k.layers.JaxLayer(lambda params, inputs: inputs @ params, lambda rng, inputs: np.ones((4, 1), "float32"))
    return tuple(layer(X[:2]).shape)


@BETTER(
    "masks in `ConvLSTM2D`",
    ("are broadcast with the spatial axes: an error, or wrong values", raises(ValueError, "broadcast")),
    ("leave out timesteps", gives((2, 4, 3, 1))),
)
def masks_in_conv_lstm(k):
    x, mask = np.ones((2, 3, 5, 4, 2), "float32"), np.array([[True, True, False]] * 2)
    return tuple(k.layers.ConvLSTM2D(1, 2)(x, mask=mask).shape)


@BETTER(
    "misspelt names in modules: `layers.Dens`",
    ("`AttributeError`", raises(AttributeError, "has no attribute 'Dens'")),
    ("suggests the closest name", raises(AttributeError, "has no attribute 'Dens'. Did you mean 'Dense'?")),
)
def misspelt_names(k):
    return k.layers.Dens


@BETTER(
    "`draw_bounding_boxes`",
    ("needs OpenCV", raises(ImportError, "cv2")),
    ("is drawn in NumPy; names of classes need Pillow", gives((1, 5, 5, 3))),
)
def drawing_boxes(k):
    boxes = {"boxes": np.array([[[1, 1, 3, 3]]]), "labels": np.array([[0]])}
    return k.visualization.draw_bounding_boxes(np.zeros((1, 5, 5, 3)), boxes, "xyxy").shape


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
    "`sparse=True` inputs",
    ("work", gives(True)),
    ("refused", raises(ValueError, "sparse")),
)
def sparse_inputs(k):
    return k.Input((3,), sparse=True).sparse


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


# Not there yet


@NOT_YET(
    "`keras.distribution`",
    ("several devices and hosts", gives(True)),
    ("one device", raises(AttributeError, "docs/COMPATIBILITY.md")),
)
def distribution(k):
    return callable(k.distribution.list_devices)
