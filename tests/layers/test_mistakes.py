"""What layers say of wrong arguments and wrong inputs: the layer, what was received, what was expected."""

import numpy as np
import pytest

from addax import ops
from addax.layers import (
    Add,
    AlphaDropout,
    BatchNormalization,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping1D,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dot,
    Dropout,
    EinsumDense,
    Embedding,
    Flatten,
    GaussianNoise,
    GroupNormalization,
    Input,
    Layer,
    LayerNormalization,
    LeakyReLU,
    MaxPooling1D,
    MaxPooling2D,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Reshape,
    SeparableConv2D,
    SpectralNormalization,
    Subtract,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)

# What is done, and what the message must say.
CASES = [
    (lambda: Conv2D(-1, 3), "Invalid value for argument `filters`", "strictly positive", "filters=-1", "conv2d"),
    (lambda: Conv2D("3", 3), "argument `filters`", "filters=3"),
    (lambda: Conv2D(2, 0), "`kernel_size` argument must be a tuple of 2 integers", "kernel_size=0", "conv2d"),
    (lambda: Conv2D(2, (1, 2, 3)), "tuple of 2 integers. Received kernel_size=(1, 2, 3)"),
    (lambda: Conv2D(2, 3, strides=0), "`strides` argument", "strides=0"),
    (lambda: Conv2D(2, 3, strides=2, dilation_rate=2), "`strides > 1` not supported", "strides=(2, 2)"),
    (lambda: Conv2D(3, 3, groups=2), "evenly divisible by the number of groups", "groups=2, filters=3", "conv2d"),
    (lambda: Conv2D(3, 3, groups=0), "argument `groups`", "groups=0"),
    (lambda: Conv2D(3, 3, padding="causal"), "`padding` argument", "('valid', 'same')", "causal"),
    (lambda: Conv2D(3, 3, data_format="nchw"), "`data_format` argument", "channels_first", "nchw"),
    (lambda: Conv2D(4, 3, groups=2)(np.ones((1, 5, 5, 3))), "input channels", "groups=2", "3 channels", "(1, 5, 5, 3)"),
    (lambda: Conv2D(4, 3)(np.ones((1, 5, 5))), "conv2d", "expected min_ndim=4, found ndim=3", "(1, 5, 5)"),
    (lambda: Conv1D(4, 3)(np.ones((1, 5, 5, 3))), "conv1d", "expected max_ndim=3, found ndim=4"),
    (lambda: Conv2D(4, 7)(np.ones((1, 5, 5, 3))), "zero or negative", "conv2d", "(1, 5, 5, 3)", "(7, 7)", "'same'"),
    (lambda: Conv2D(4, 7)(Input((5, 5, 3))), "zero or negative", "(None, 5, 5, 3)"),
    (lambda: Conv2D(4, 3)(Input((5, 5, None))), "channel dimension", "conv2d", "(None, 5, 5, None)"),
    (
        lambda: Conv2DTranspose(2, 3, strides=2, output_padding=2),
        "`output_padding` must be strictly less",
        "dimension 0",
    ),
    (lambda: DepthwiseConv2D(3, depth_multiplier=0), "`depth_multiplier`", "depth_multiplier=0"),
    (lambda: SeparableConv2D(0, 3), "`filters`", "filters=0"),
    (lambda: MaxPooling2D(7)(Input((5, 5, 3))), "zero or negative", "max_pooling2d", "`pool_size=(7, 7)`"),
    (lambda: MaxPooling2D(-2), "`pool_size` argument", "-2"),
    (lambda: MaxPooling2D(2, padding="full"), "`padding` argument", "full"),
    (lambda: MaxPooling1D(2)(np.ones((2, 3))), "max_pooling1d", "expected ndim=3, found ndim=2"),
    (lambda: Concatenate()([Input((2, 3)), Input((3, 3))]), "`Concatenate` layer", "axis 1 has sizes (2, 3)"),
    (lambda: Concatenate()([Input((2, 3)), Input((3,))]), "equal rank", "concatenate"),
    (lambda: Concatenate(axis=4)([Input((2, 3)), Input((2, 3))]), "`axis`", "between -3 and 2", "axis=4"),
    (lambda: Concatenate()(Input((2, 3))), "list of at least 1 input", "(None, 2, 3)"),
    (
        lambda: Add()([Input((2, 3)), Input((4, 3))]),
        "Inputs have incompatible shapes. Received shapes (2, 3) and (4, 3)",
    ),
    (lambda: Add()(Input((2, 3))), "merge layer should be called on a list of inputs", "(None, 2, 3)"),
    (lambda: Subtract()([Input((2,))] * 3), "exactly 2 inputs", "subtract"),
    (lambda: Dot(1)([Input((2, 3)), Input((4, 3))]), "axis values 2 (at axis 1) != 4 (at axis 1)"),
    (lambda: Dot(0)([Input((2,)), Input((2,))]), "other than the batch axis", "axes=0"),
    (lambda: Dot((1,)), "should contain two elements", "(1,)"),
    (lambda: Reshape((4,))(Input((2, 3))), "total size of the tensor must be unchanged", "(2, 3)", "(4,)", "reshape"),
    (lambda: Reshape((4, -1))(Input((2, 3))), "cannot by divided", "(4, -1)"),
    (lambda: Reshape((-1, -1)), "at most one unknown dimension", "(-1, -1)"),
    (lambda: Permute((1, 3)), "consecutive and start from 1", "(1, 3)"),
    (lambda: Permute((1, 2))(Input((2, 3, 4))), "permute", "expected ndim=3, found ndim=4"),
    (lambda: RepeatVector(-1), "positive integer", "n=-1"),
    (lambda: RepeatVector(2)(Input((2, 3))), "repeat_vector", "expected ndim=2"),
    (lambda: Flatten("foo"), "`data_format` argument", "foo"),
    (lambda: ZeroPadding2D((1, 2, 3)), "`padding` should have two elements", "(1, 2, 3)"),
    (lambda: ZeroPadding2D(-1), "non-negative", "-1"),
    (lambda: Cropping2D(3)(Input((5, 5, 3))), "smaller than the corresponding spatial dimension", "((3, 3), (3, 3))"),
    (lambda: Cropping1D(3)(np.ones((1, 5, 2))), "smaller than", "(1, 5, 2)", "cropping1d"),
    (lambda: UpSampling2D(interpolation="cubic"), "`interpolation`", "bicubic", "cubic"),
    (lambda: Dropout(2), "argument `rate`", "between 0 and 1", "rate=2", "dropout"),
    (lambda: Dropout(0.5, noise_shape=3), "`noise_shape`", "noise_shape=3"),
    (lambda: AlphaDropout(-0.1), "argument `rate`", "rate=-0.1"),
    (lambda: GaussianNoise(-1), "argument `stddev`", "stddev=-1"),
    (lambda: Embedding(0, 3), "`input_dim` must be a positive integer", "input_dim=0"),
    (lambda: Embedding(5, -3), "`output_dim`", "output_dim=-3"),
    (lambda: Embedding(5, 3, weights=np.ones((4, 3))), "embedding", "(5, 3)", "(4, 3)"),
    (lambda: ReLU(-1), "max_value of a ReLU layer", "max_value=-1"),
    (lambda: ReLU(negative_slope=-1), "negative_slope of a ReLU layer", "-1"),
    (lambda: LeakyReLU(-1), "Leaky ReLU", "negative_slope=-1"),
    (lambda: PReLU()(Input((None, 3))), "alpha", "p_re_lu", "(None, 3)"),
    (lambda: BatchNormalization(axis=5)(Input((3, 2))), "`axis`", "batch_normalization", "axis=5"),
    (lambda: BatchNormalization()(Input((3, None))), "gamma", "batch_normalization", "(None,)"),
    (lambda: BatchNormalization(renorm=True, renorm_clipping={"a": 1}), "invalid keys", "['a']", "rmax"),
    (lambda: BatchNormalization()(np.ones((2, 3, 4)), mask=np.ones((2,)), training=True), "one dimension less", "(2,)"),
    (lambda: LayerNormalization(axis=7)(Input((2,))), "`axis`", "layer_normalization", "axis=7"),
    (lambda: GroupNormalization(8)(Input((4,))), "Number of groups (8) cannot be more", "(4)", "group_normalization"),
    (lambda: GroupNormalization(3)(Input((4,))), "Number of groups (3)", "(4)"),
    (lambda: SpectralNormalization(3), "supplied to Wrapper", "3"),
    (lambda: SpectralNormalization(Dense(2), power_iterations=0), "`power_iterations`", "greater than zero"),
    (lambda: SpectralNormalization(ReLU())(Input((4,))), "no attribute 'kernel' nor 'embeddings'", "spectral"),
    (lambda: EinsumDense("ab,bc->ad", 3)(Input((4,))), "Dimension 'd'", "'ad'", "einsum_dense"),
    (lambda: EinsumDense("abc->ad", 3)(Input((4,))), "Invalid einsum equation 'abc->ad'", "[X],[Y]->[Z]"),
    (lambda: EinsumDense("ab,bc->ac", 3, bias_axes="z")(Input((4,))), "Bias dimension 'z'", "'ac'"),
    (lambda: EinsumDense("ab,bc->ac", 3)(Input((4, 5))), "2 axes", "(None, 4, 5)"),
    (lambda: EinsumDense("ab,bc->ac", (3, 4))(Input((4,))), "`output_shape`", "1 sizes", "(3, 4)"),
]


@pytest.mark.parametrize(("make", "parts"), [(c[0], c[1:]) for c in CASES], ids=[c[1] for c in CASES])
def test_mistake(make, parts):
    with pytest.raises(ValueError) as error:
        make()
    text = str(error.value)
    for part in parts:
        assert part in text, f"{part!r} is not in: {text}"


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: RepeatVector("a"), ("integer value for `n`", "str")),
        (lambda: Dot("a"), ("argument `axes`", "axes=a")),
        (lambda: LayerNormalization(axis=1.5), ("argument 'axis'", "1.5", "layer_normalization")),
        (lambda: UnitNormalization("a"), ("`axis` argument", "axis=a")),
        (lambda: BatchNormalization(axis=[1, 2]), ("`axis`", "[1, 2]")),
    ],
)
def test_wrong_type(make, parts):
    with pytest.raises(TypeError) as error:
        make()
    assert all(part in str(error.value) for part in parts), str(error.value)


def test_built_on_unknown_sizes_and_called_on_too_small_an_image():
    layer = Conv2D(2, 3)
    layer(Input((None, None, 1)))
    with pytest.raises(ValueError, match=r"zero or negative.*\(1, 2, 2, 1\)"):
        layer(np.ones((1, 2, 2, 1)))
    assert layer(np.ones((1, 4, 5, 1))).shape == (1, 2, 3, 2)


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: ops.ones((ops.cast(ops.shape(x)[0], "int32"),)),
        lambda x: ops.tile(ops.ones((1, 4, 4)), ops.concatenate([ops.expand_dims(ops.shape(x)[0], -1), [1, 1]])),
    ],
)
@pytest.mark.parametrize("rows", [None, 2])
def test_shapes_computed_with_ops_in_a_graph(compute, rows):
    class Computes(Layer):
        def call(self, x):
            return compute(x)

    with pytest.raises(TypeError) as error:
        Computes()(Input(batch_shape=(rows, 4)))
    note = next(n for n in error.value.__notes__ if "shape" in n)
    assert "`(ops.shape(x)[0], 1, 1)`" in note and "object" not in str(error.value)


@pytest.mark.parametrize("layer", [AlphaDropout, Dropout, GaussianNoise])
@pytest.mark.parametrize("seed", ["a", 1.5])
def test_wrong_seed(layer, seed):
    with pytest.raises(ValueError, match=r"Argument `seed` must be an integer\. Received: seed=" + repr(seed)):
        layer(0.5, seed=seed)
