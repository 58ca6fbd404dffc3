"""Five training steps through every layer: the same losses in Keras and addax, from the same weights.

The layers of a group are branches of one model, so that a group is one compile in each library.
"""

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")


def vectors(k, x):
    l = k.layers
    yield l.Dense(3, activation="tanh", kernel_regularizer="l2", bias_constraint="non_neg")(x)
    yield l.EinsumDense("ab,bc->ac", output_shape=4, bias_axes="c")(x)
    yield l.Activation("swish")(x)
    for activation in (l.ReLU(max_value=1.0), l.LeakyReLU(), l.PReLU(), l.ELU(), l.Softmax()):
        yield activation(l.Dense(4)(x))
    for norm in (l.BatchNormalization(), l.LayerNormalization(), l.GroupNormalization(2), l.RMSNormalization()):
        yield norm(l.Dense(4)(x))
    yield l.UnitNormalization()(x)
    a, b = l.Dense(4)(x), l.Dense(4)(x)
    for merge in (
        l.Add(),
        l.Subtract(),
        l.Multiply(),
        l.Average(),
        l.Maximum(),
        l.Minimum(),
        l.Concatenate(),
        l.Dot(1),
    ):
        yield merge([a, b])
    yield l.Reshape((2, 2))(a)
    yield l.RepeatVector(2)(a)
    yield l.Rescaling(0.5, offset=1.0)(a)
    yield l.ActivityRegularization(l2=0.1)(a)
    yield l.Identity()(a)


def series(k, x):
    l = k.layers
    yield l.Conv1D(3, 2, padding="causal", dilation_rate=2)(x)
    yield l.Conv1DTranspose(2, 3, strides=2)(x)
    yield l.SeparableConv1D(3, 2)(x)
    yield l.DepthwiseConv1D(2, depth_multiplier=2)(x)
    for pool in (l.MaxPooling1D(2), l.AveragePooling1D(3, strides=1, padding="same"), l.GlobalMaxPooling1D()):
        yield pool(l.Dense(3)(x))
    yield l.GlobalAveragePooling1D()(l.Dense(2)(x))
    yield l.SimpleRNN(3)(x)
    yield l.LSTM(3, return_sequences=True, go_backwards=True)(x)
    yield l.GRU(3)(l.Masking(mask_value=5.0)(x))
    yield l.GRU(2, reset_after=False)(x)
    yield l.RNN([l.LSTMCell(2), l.GRUCell(3)])(x)
    yield l.RNN(l.StackedRNNCells([l.LSTMCell(2), l.LSTMCell(3)]))(x)
    yield l.Bidirectional(l.LSTM(2), merge_mode="sum")(x)
    yield l.TimeDistributed(l.Dense(2))(x)
    yield l.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    yield l.GroupQueryAttention(2, 4, 2)(x, x)
    yield l.Attention(use_scale=True)([l.Dense(3)(x), l.Dense(3)(x)])
    yield l.AdditiveAttention()([l.Dense(3)(x), l.Dense(3)(x)])
    yield l.Permute((2, 1))(l.ZeroPadding1D(1)(l.Cropping1D(1)(l.UpSampling1D(2)(l.Dense(2)(x)))))


def images(k, x):
    l = k.layers
    yield l.Conv2D(3, 3, strides=2, padding="same", activation="relu")(x)
    yield l.Conv2D(4, 2, groups=2, dilation_rate=2)(x)
    yield l.Conv2DTranspose(2, 3, strides=2, output_padding=1)(x)
    yield l.DepthwiseConv2D(3, depth_multiplier=2)(x)
    yield l.SeparableConv2D(3, 3, padding="same")(x)
    yield l.BatchNormalization(axis=-1, momentum=0.8)(x)
    yield l.SpectralNormalization(l.Conv2D(2, 2))(x)
    for pool in (l.MaxPooling2D(2), l.AveragePooling2D(3, padding="same"), l.GlobalMaxPooling2D()):
        yield pool(l.Conv2D(2, 1)(x))
    yield l.GlobalAveragePooling2D()(l.Conv2D(2, 1)(x))
    yield l.UpSampling2D(2, interpolation="bilinear")(l.Conv2D(1, 1)(x))
    yield l.Cropping2D(1)(l.ZeroPadding2D((1, 2))(l.Conv2D(1, 1)(x)))


def volumes(k, x):
    l = k.layers
    yield l.Conv3D(2, 2, strides=2)(x)
    yield l.Conv3DTranspose(2, 2)(x)
    yield l.MaxPooling3D(2)(l.Conv3D(2, 1)(x))
    yield l.AveragePooling3D(2)(l.Conv3D(2, 1)(x))
    yield l.GlobalMaxPooling3D()(l.Conv3D(2, 1)(x))
    yield l.GlobalAveragePooling3D()(l.Conv3D(2, 1)(x))
    yield l.UpSampling3D(2)(l.Cropping3D(1)(l.ZeroPadding3D(1)(l.Conv3D(1, 1)(x))))


def tokens(k, x):
    l = k.layers
    yield l.Embedding(9, 4)(x)
    yield l.LSTM(3)(l.Embedding(9, 3, mask_zero=True)(x))
    yield l.Lambda(lambda t: k.ops.one_hot(t, 9))(x)


GROUPS = {
    vectors: ((4,), "float32"),
    series: ((6, 4), "float32"),
    images: ((6, 6, 4), "float32"),
    volumes: ((4, 4, 4, 2), "float32"),
    tokens: ((5,), "int32"),
}


def build(k, group):
    shape, dtype = GROUPS[group]
    x = k.Input(shape, dtype=dtype)
    flat = [k.layers.Flatten()(branch) for branch in group(k, x)]
    model = k.Model(x, k.layers.Dense(2, name="head")(k.layers.Concatenate(name="all")(flat)))
    model.compile(k.optimizers.SGD(0.01, momentum=0.5), "mse")
    return model


@pytest.mark.filterwarnings("ignore")  # Keras takes a warning that is raised while it infers a shape for a failure
@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.__name__)
def test_five_steps(group):
    theirs, ours = build(keras, group), build(addax, group)
    ours.set_weights(theirs.get_weights())
    for a, b in zip(theirs.non_trainable_variables, ours.non_trainable_variables, strict=True):
        b.assign(np.asarray(a))  # states of random generators, too
    rng = np.random.default_rng(0)
    shape, dtype = GROUPS[group]
    x = rng.integers(0, 9, (15, *shape)) if dtype == "int32" else rng.normal(size=(15, *shape)).astype("float32")
    y = rng.normal(size=(15, 2)).astype("float32")
    steps = [slice(i, i + 3) for i in range(0, 15, 3)]
    expected = [theirs.train_on_batch(x[s], y[s]) for s in steps]
    found = [ours.train_on_batch(x[s], y[s]) for s in steps]
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    for a, b in zip(theirs.weights, ours.weights, strict=True):
        # The steps add up what rounding does to each gradient.
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=2e-5, err_msg=a.path)
