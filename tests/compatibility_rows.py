"""Rows of docs/COMPATIBILITY.md: layers, models, losses, metrics, optimizers, operations, names.

Each program takes the library, runs under Keras and under addax alike, and returns plain values; a row's words are what
its checks assert.
"""

from __future__ import annotations

import pickle
import re

import keras
import numpy as np

from tests.compatibility_checks import (
    BETTER,
    X,
    Y,
    array,
    both,
    gives,
    net,
    outcomes,
    raises,
    shows,
    silent,
    warns,
)

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
    "layers without `compute_output_shape` in the summary of a subclass",
    ("`?`", gives("?")),
    ("the shape", gives("(3)")),
)
def shapes_in_summaries(k):
    class Sums(k.layers.Layer):
        def call(self, x):
            return k.ops.sum(x, axis=-1)

    class Model(k.Model):
        def __init__(self):
            super().__init__()
            self.sums = Sums(name="sums")

        def call(self, x):
            return self.sums(x)

    model, lines = Model(), []
    model(np.ones((3, 4), "float32"))
    model.summary(print_fn=lambda text, line_break=False: lines.append(text))
    (row,) = (line for line in "\n".join(lines).splitlines() if "sums" in line)
    return row.split("│")[2].strip()


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


# Layers of other libraries, names


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
