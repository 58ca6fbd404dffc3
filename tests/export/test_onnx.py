"""ONNX files of each family of layers, run by onnxruntime, against `predict`, for two sizes of the batch."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import addax
from addax import layers as L
from addax import ops

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def sizes(shape):
    return tuple(5 if n is None else n for n in shape)


def check(model, tmp_path, *data, **options):
    """Compares onnxruntime's outputs with `predict`'s."""
    rng = np.random.default_rng(1)
    for v in model.variables:
        if "float" in str(v.dtype):
            v.assign(rng.uniform(0.1, 0.8, v.shape) if "variance" in v.path else rng.normal(size=v.shape) * 0.4)
    path = tmp_path / "model.onnx"
    model.export(path, format="onnx", verbose=False, **options)
    onnx.checker.check_model(str(path), full_check=True)
    threads = runtime.SessionOptions()
    threads.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), threads)
    for rows in (len(data[0]), 1):
        part = [x[:rows] for x in data]
        found = session.run(None, dict(zip([i.name for i in session.get_inputs()], part)))
        expected = addax.tree.flatten(model.predict(part if len(part) > 1 else part[0], verbose=0))
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected):
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    return session


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


FLOATS = {
    "dense": ((4,), lambda: [L.Dense(3, "relu"), L.BatchNormalization(), L.Dropout(0.5), L.Dense(2, "softmax")]),
    "convolutions": (
        (8, 8, 3),
        lambda: [
            L.Conv2D(4, 3, padding="same", activation="gelu"),
            L.MaxPooling2D(),
            L.DepthwiseConv2D(3),
            L.Conv2D(4, 2, groups=2),
            L.Flatten(),
        ],
    ),
    "transposed": ((4, 4, 2), lambda: [L.Conv2DTranspose(3, 3, strides=2, padding="same"), L.UpSampling2D(2)]),
    "causal": (
        (9, 2),
        lambda: [L.Conv1D(4, 3, padding="causal", dilation_rate=2), L.AveragePooling1D(2, padding="same")],
    ),
    "open length": ((None, 2), lambda: [L.Conv1D(4, 3, padding="same"), L.GlobalMaxPooling1D()]),
    "volumes": ((4, 4, 4, 2), lambda: [L.Conv3D(3, 2, strides=2), L.GlobalAveragePooling3D()]),
    "separable": ((6, 6, 2), lambda: [L.SeparableConv2D(3, 3, depth_multiplier=2, strides=2)]),
    "channels first": (
        (2, 6, 6),
        lambda: [L.Conv2D(3, 3, data_format="channels_first"), L.AveragePooling2D(2, data_format="channels_first")],
    ),
    "wide pools": (
        (16, 16, 3),
        lambda: [L.MaxPooling2D(5, 2, padding="same"), L.AveragePooling2D(4, 3, padding="same")],
    ),
    "recurrent": (
        (None, 3),
        lambda: [L.LSTM(4, return_sequences=True), L.GRU(3, return_sequences=True), L.SimpleRNN(2)],
    ),
    "bidirectional": (
        (6, 3),
        lambda: [L.Bidirectional(L.LSTM(4, return_sequences=True)), L.TimeDistributed(L.Dense(2))],
    ),
    "masked": ((3, 4), lambda: [L.Masking(), L.LSTM(2)]),
    "convolutional recurrent": ((3, 5, 5, 2), lambda: [L.ConvLSTM2D(2, 3)]),
    "normalizations": (
        (5, 4),
        lambda: [L.LayerNormalization(), L.GroupNormalization(2), L.UnitNormalization(), L.RMSNormalization()],
    ),
    "spectral": ((4,), lambda: [L.SpectralNormalization(L.Dense(3))]),
    "shapes": (
        (4, 6),
        lambda: [
            L.Reshape((6, 4)),
            L.Permute((2, 1)),
            L.Cropping1D(1),
            L.ZeroPadding1D(2),
            L.UpSampling1D(2),
            L.Flatten(),
            L.RepeatVector(3),
        ],
    ),
    "images": (
        (4, 6, 2),
        lambda: [
            L.UpSampling2D(2, interpolation="bilinear"),
            L.Cropping2D(1),
            L.ZeroPadding2D(2),
            L.Resizing(7, 5),
            L.Rescaling(0.5),
            L.CenterCrop(3, 3),
        ],
    ),
    "einsum": ((3, 4), lambda: [L.EinsumDense("abc,cd->abd", output_shape=(None, 5))]),
    "activations": ((4,), lambda: [L.PReLU(), L.LeakyReLU(), L.ELU(), L.ReLU(max_value=1), L.Softmax()]),
    "training only": ((3, 4), lambda: [L.GaussianNoise(0.1), L.SpatialDropout1D(0.1), L.ActivityRegularization()]),
    "preprocessing": (
        (4,),
        lambda: [L.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 2, 3, 4]), L.Discretization([-1.0, 0.0, 1.0])],
    ),
}


@pytest.mark.parametrize("name", FLOATS)
def test_layers_of_floats(name, tmp_path):
    shape, made = FLOATS[name]
    check(addax.Sequential([addax.Input(shape), *made()]), tmp_path, normal(3, *sizes(shape)))


def test_images_of_open_sizes(tmp_path):
    body = [L.Conv2D(4, 3), L.AveragePooling2D(2), L.Conv2DTranspose(2, 3, strides=2, padding="same")]
    more = [L.DepthwiseConv2D(3, strides=2, padding="same"), L.MaxPooling2D(2, padding="same")]
    net = addax.Sequential([addax.Input((None, None, 3)), *body, *more, L.GlobalAveragePooling2D()])
    session = check(net, tmp_path, normal(3, 9, 8, 3))
    found = session.run(None, {session.get_inputs()[0].name: normal(1, 12, 11, 3)})[0]
    np.testing.assert_allclose(found, net.predict(normal(1, 12, 11, 3), verbose=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mask", [False, True])
def test_embeddings(mask, tmp_path):
    after = [L.LSTM(3)] if mask else [L.GlobalAveragePooling1D()]
    net = addax.Sequential([addax.Input((None,), dtype="int32"), L.Embedding(7, 4, mask_zero=mask), *after])
    check(net, tmp_path, np.array([[1, 6, 2, 0], [3, 0, 0, 0], [1, 1, 1, 1]], "int32"))


def test_categories(tmp_path):
    net = addax.Sequential([addax.Input((1,), dtype="int32"), L.CategoryEncoding(7, output_mode="one_hot")])
    check(net, tmp_path, np.array([[1], [6]], "int32"))


def test_attention(tmp_path):
    x = addax.Input((None, 4))
    y = L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    check(addax.Model(x, L.GroupQueryAttention(2, 4, 2)(y, x)), tmp_path, normal(3, 5, 4))
    a, b = addax.Input((4, 3)), addax.Input((5, 3))
    net = addax.Model([a, b], [L.Attention()([a, b]), L.AdditiveAttention()([a, b]), L.Dot(2)([a, b])])
    check(net, tmp_path, normal(3, 4, 3), normal(3, 5, 3))


def test_merging(tmp_path):
    a, b = addax.Input((4,)), addax.Input((4,))
    kinds = (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)
    check(addax.Model([a, b], [kind()([a, b]) for kind in kinds]), tmp_path, normal(3, 4), normal(3, 4)[::-1])


def test_activations(tmp_path):
    x = addax.Input((4,))
    names = (
        "relu relu6 elu selu celu gelu silu softplus softsign tanh sigmoid hard_sigmoid hard_silu mish exponential "
        "leaky_relu log_softmax glu log_sigmoid hard_tanh tanh_shrink soft_shrink hard_shrink squareplus sparse_plus "
        "sparsemax"
    ).split()
    check(addax.Model(x, [L.Activation(n)(x) for n in names]), tmp_path, normal(3, 4) * 3)


def test_operations(tmp_path):
    x = addax.Input((4,))
    order = ops.argsort(x, axis=-1)
    outputs = [
        *(ops.sort(x), order, ops.take_along_axis(x, order, axis=1), *ops.top_k(x, 2), ops.argmax(x, -1)),
        *(ops.cumsum(x, 1), ops.take(x, [2, 0], axis=1), ops.where(x > 0, x, 0.0), ops.flip(x, 1), x[:, 1:3]),
        *(ops.round(x), ops.floor(x), ops.mod(x, 2.0), x**3, ops.log1p(ops.abs(x)), ops.expm1(x), ops.var(x, 1)),
        *(ops.one_hot(ops.argmax(x, -1), 4), ops.logsumexp(x, 1, keepdims=True), ops.any(x > 1, 1), ops.isfinite(x)),
    ]
    check(addax.Model(x, outputs), tmp_path, normal(3, 4))


class Scattered(L.Layer):
    """Updates at places, of which some are outside and dropped."""

    def call(self, x):
        places = jnp.argmax(x, 1) * 2  # as large as 6, of 4
        rows = jnp.arange(x.shape[0])
        zeros = jnp.zeros((4,), x.dtype)
        return (
            zeros.at[places].add(x[:, 0], mode="drop"),
            x.at[rows, places].set(7.0, mode="drop"),
            zeros.at[jnp.asarray([1, 1])].max(x[0, :2]),
            x.at[:, 1].multiply(2.0),
        )

    def compute_output_spec(self, x):
        return tuple(addax.KerasTensor(shape, x.dtype) for shape in ((4,), x.shape, (4,), x.shape))


def exported(layer, data, tmp_path):
    """Returns what onnxruntime computes for a layer, and the layer itself."""
    x = addax.Input(data.shape[1:])
    addax.Model(x, layer(x)).export(tmp_path / "m.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    return session.run(None, {session.get_inputs()[0].name: data}), layer(data)


def test_scattered_updates(tmp_path):
    data = np.array([[1, 3, 2, 0], [9, 1, 1, 1], [0, 1, 2, 8]], "float32")
    for mine, theirs in zip(*exported(Scattered(), data, tmp_path), strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_angles_and_cumulative_products(tmp_path):
    class Net(L.Layer):
        def call(self, x):
            turned = jnp.arctan2(x, x[:, ::-1])
            return turned, jnp.cumprod(x, 1), jax.lax.cummax(x, 1, reverse=True), jax.lax.cummin(x, 0)

        def compute_output_spec(self, x):
            return tuple(addax.KerasTensor(x.shape, x.dtype) for _ in range(4))

    data = np.array([[1.0, -3, 0, 2], [0, 0, -1, 0.5]], "float32")
    for mine, theirs in zip(*exported(Net(), data, tmp_path), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


class Loops(L.Layer):
    """A loop whose length depends on the data, a branch, and updates of a slice."""

    def call(self, x):
        total = ops.while_loop(lambda s, i: ops.sum(s) < 50.0, lambda s, i: (s * 2.0 + 1.0, i + 1), (ops.abs(x), 0))
        chosen = ops.cond(ops.sum(x) > 0, lambda: x + 1.0, lambda: x * 2.0)
        changed = ops.slice_update(x, [0, 1], ops.zeros_like(x[:, :2]))
        return total[0], chosen, changed

    def compute_output_spec(self, x):
        return tuple(addax.KerasTensor(x.shape, x.dtype) for _ in range(3))


def test_loops_and_branches(tmp_path):
    x = addax.Input((4,))
    check(addax.Model(x, Loops()(x)), tmp_path, normal(3, 4))


def test_names_and_open_sizes(tmp_path):
    a, b = addax.Input((None, 2), name="a"), addax.Input((3,), name="b")
    net = addax.Model({"a": a, "b": b}, [L.Dense(1, name="left")(a), L.Dense(1, name="right")(b)])
    net.export(tmp_path / "m.onnx", format="onnx", verbose=False, opset_version=19)
    graph = onnx.load(tmp_path / "m.onnx")
    shapes = {i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in graph.graph.input}
    assert shapes == {"a": ["batch", "n1", 2], "b": ["batch", 3]}
    assert [o.name for o in graph.graph.output] == ["left", "right"]
    assert {"left/kernel", "right/kernel"} <= {i.name for i in graph.graph.initializer}
    assert graph.opset_import[0].version == 19


@pytest.mark.parametrize("opset", [19, 23])
def test_sets_of_operations(opset, tmp_path):
    net = addax.Sequential([addax.Input((6, 6, 2)), L.Conv2D(2, 3), L.AveragePooling2D(3), L.Flatten(), L.Softmax()])
    check(net, tmp_path, normal(3, 6, 6, 2), opset_version=opset)


def test_a_subclassed_model(tmp_path):
    class Net(addax.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.norm = L.Dense(4, "relu"), L.BatchNormalization()

        def call(self, x, training=False):
            return self.norm(self.hidden(x), training=training)

    net = Net()
    net(normal(2, 3))
    check(net, tmp_path, normal(5, 3))


class Fourier(L.Layer):
    def call(self, x):
        return jnp.real(jnp.fft.fft(x))

    def compute_output_shape(self, shape):
        return shape


def test_what_cannot_be_exported(tmp_path, monkeypatch):
    x = addax.Input((4,))
    net = addax.Model(x, Fourier(name="waves")(x))
    with pytest.raises(ValueError, match=r"The layer 'waves' computes with JAX's primitive 'fft'.*'stablehlo'"):
        net.export(tmp_path / "m.onnx", format="onnx")
    assert not (tmp_path / "m.onnx").exists() and "call" not in vars(net.layers[1])
    with pytest.raises(ValueError, match="`opset_version` must be from 19"):
        net.export(tmp_path / "m.onnx", format="onnx", opset_version=7)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install addax-keras\[onnx\]"):
        net.export(tmp_path / "m.onnx", format="onnx")


def test_random_numbers_are_not_frozen(tmp_path):
    x = addax.Input((4,))
    noise = addax.random.SeedGenerator(0)
    net = addax.Model(x, L.Lambda(lambda x: x + addax.random.normal((4,), seed=noise), output_shape=(4,))(x))
    with pytest.raises(ValueError, match="ONNX has no random numbers"):
        net.export(tmp_path / "m.onnx", format="onnx")
