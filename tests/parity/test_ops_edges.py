"""Ops at their edges against Keras: arguments that can't be, ranks 0 and 1, sizes that are unknown."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def symbol(library, *shape, dtype="float32"):
    return library.KerasTensor(shape, dtype)


X = ones(2, 3)
RGBA = ones(2, 2, 4)
PHOTO = ones(6, 6, 1)

# What both refuse, with the words that both say.
REFUSED = {
    "pad to a negative height": (
        lambda k: k.ops.image.pad_images(PHOTO, 1, 1, target_height=-1, target_width=3),
        "target_height must be >= 0. Received: target_height=-1",
    ),
    "pad to less than there is": (
        lambda k: k.ops.image.pad_images(PHOTO, 1, 1, target_height=1, target_width=9),
        "bottom_padding must be >= 0. Received: bottom_padding=-6",
    ),
    "pad by less than nothing": (lambda k: k.ops.image.pad_images(PHOTO, -1, 1, 1, 1), "top_padding must be >= 0"),
    "crop to a negative height": (
        lambda k: k.ops.image.crop_images(PHOTO, 0, 0, target_height=-1, target_width=3),
        "target_height must be >= 0",
    ),
    "crop more than there is": (lambda k: k.ops.image.crop_images(PHOTO, 4, 4, 4, 4), "target_height must be >= 0"),
    "crop a symbolic image": (
        lambda k: k.ops.image.crop_images(symbol(k, None, 6, 6, 1), 5, 1, 5, 1),
        "target_height must be >= 0. Received: target_height=-4",
    ),
    "resize to nothing": (lambda k: k.ops.image.resize(RGBA, (0, 3)), "`size` must have positive height and width"),
    "resize below nothing": (lambda k: k.ops.image.resize(symbol(k, 4, 4, 3), (-2, 3)), "Received: size=(-2, 3)"),
    "hue of four channels": (
        lambda k: k.ops.image.rgb_to_hsv(symbol(k, 2, 2, 4)),
        "Input images must have 3 channels, but received images with 4 channels",
    ),
    "hue back of two": (lambda k: k.ops.image.hsv_to_rgb(symbol(k, 2, 2, 2)), "but received images with 2 channels"),
    "grey of four channels": (lambda k: k.ops.image.rgb_to_grayscale(RGBA), "Invalid channel size: expected 3 (RGB)"),
    "coordinates of rank 1": (
        lambda k: k.ops.image.map_coordinates(ones(4, 4, 3), ones(3), 0),
        "Invalid coordinates rank: expected at least rank 2",
    ),
    "a transform that is a number": (
        lambda k: k.ops.image.affine_transform(ones(4, 4, 3), np.float32(1)),
        "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms)",
    ),
    "an unknown fill mode": (
        lambda k: k.ops.image.affine_transform(ones(4, 4, 3), ones(8), fill_mode="bicubic"),
        "Invalid value for argument `fill_mode`.",
    ),
    "an unknown method": (
        lambda k: k.ops.image.scale_and_translate(ones(4, 4, 3), (2, 2, 3), ones(2), ones(2), (0, 1), "foo"),
        "Invalid value for argument `method`.",
    ),
    "patches of a text": (lambda k: k.ops.image.extract_patches(ones(4, 4, 3), "5"), "Invalid `size` argument."),
    "patches of a fraction": (lambda k: k.ops.image.extract_patches(ones(4, 4, 3), 2.5), "of type float"),
    "patches of one size": (lambda k: k.ops.image.extract_patches(ones(4, 4, 3), (1,)), "tuple of length 2 or 3"),
    "patches of volumes of two": (
        lambda k: k.ops.image.extract_patches_3d(ones(4, 4, 4, 3), (2, 2)),
        "Expected an int or a tuple of length 3. Received: size=(2, 2)",
    ),
    "no definite matrix": (
        lambda k: k.ops.cholesky(-np.eye(3, dtype="float32")),
        "Cholesky decomposition failed. The input might not be a valid positive definite matrix.",
    ),
    "one of two not definite": (
        lambda k: k.ops.cholesky(np.stack([np.eye(2, dtype="float32"), -np.eye(2, dtype="float32")])),
        "Cholesky decomposition failed",
    ),
    "rank of a vector": (lambda k: k.ops.linalg.matrix_rank(ones(7)), "Expected input to have rank >= 2."),
    "inverse of a vector": (lambda k: k.ops.linalg.pinv(symbol(k, 7)), "Expected input to have rank >= 2."),
    "qr of a vector": (
        lambda k: k.ops.qr(symbol(k, 7)),
        "Input should have rank >= 2. Received: input.shape = (7,)",
    ),
    "fft of numbers": (
        lambda k: k.ops.fft((symbol(k), symbol(k))),
        "Input should have rank >= 1. Received: input.shape = ()",
    ),
    "fft2 of vectors": (lambda k: k.ops.fft2((symbol(k, 4), symbol(k, 4))), "Input should have rank >= 2."),
    "ifft2 of vectors": (lambda k: k.ops.ifft2((symbol(k, 4), symbol(k, 4))), "Input should have rank >= 2."),
    "rfft of a number": (lambda k: k.ops.rfft(symbol(k)), "Input should have rank >= 1."),
    "irfft of numbers": (lambda k: k.ops.irfft((symbol(k), symbol(k))), "Input should have rank >= 1."),
    "stft longer than its transform": (
        lambda k: k.ops.stft(ones(8), 4, 2, 3),
        "`fft_length` must equal or larger than",
    ),
    "stft without steps": (lambda k: k.ops.stft(ones(8), 4, 0, 4), "`sequence_stride` must be a positive integer."),
    "sequences of a number": (lambda k: k.ops.extract_sequences(symbol(k), 4, 2), "Input should have rank >= 1."),
    "order -1": (
        lambda k: k.ops.normalize(ones(3), order=-1),
        "Argument `order` must be an int >= 1. Received: order=-1",
    ),
    "order 2.5": (lambda k: k.ops.normalize(ones(3), order=2.5), "Argument `order` must be an int >= 1."),
    "order a": (lambda k: k.ops.normalize(ones(3), order="a"), "Argument `order` must be an int >= 1."),
    "order None": (lambda k: k.ops.normalize(ones(3), order=None), "Argument `order` must be an int >= 1."),
    "order infinite": (lambda k: k.ops.normalize(ones(3), order=np.inf), "Argument `order` must be an int >= 1."),
    "fold of an image": (lambda k: k.ops.nn.fold(ones(2, 2, 2, 2), (4, 4), 2), "Input must be a 3D tensor."),
    "fold of a symbolic matrix": (lambda k: k.ops.nn.fold(symbol(k, 2, 2), (4, 4), 2), "Input must be a 3D tensor."),
    "fold of 7 channels": (
        lambda k: k.ops.nn.fold(symbol(k, None, 7, 9), (4, 4), 2),
        "The second dimension of the input (7) must be divisible by kernel_size product (4).",
    ),
    "unfold of three axes": (lambda k: k.ops.unfold(ones(2, 2, 4), 2), "Input must be a 4D tensor."),
    "depth of three channels": (
        lambda k: k.ops.depth_to_space(symbol(k, 1, 2, 2, 3), 2),
        "The number of channels (3) must be divisible by block_size**2 (4).",
    ),
    "depth of three axes": (
        lambda k: k.ops.depth_to_space(symbol(k, 2, 2, 4), 2),
        "`depth_to_space` requires a 4D input tensor.",
    ),
    "depth in blocks of 1": (lambda k: k.ops.depth_to_space(ones(1, 2, 2, 4), 1), "`block_size` must be at least 2."),
    "depth in another format": (
        lambda k: k.ops.depth_to_space(ones(1, 2, 2, 4), 2, data_format="foo"),
        "The `data_format` argument must be one of",
    ),
    "space of height 3": (
        lambda k: k.ops.space_to_depth(symbol(k, 1, 3, 3, 4), 2),
        "Height (3) must be divisible by block_size (2).",
    ),
    "distances of other lengths": (
        lambda k: k.ops.cdist(symbol(k, 2, 3), symbol(k, 4, 6)),
        "The last dimension of inputs to `cdist` must match.",
    ),
    "distances, eager": (lambda k: k.ops.cdist(X, ones(4, 6)), "ast dimension of inputs to `cdist` must match"),
    "distances of a vector": (lambda k: k.ops.cdist(ones(3), X), "`cdist` inputs must have rank >= 2"),
    "distances of other batches": (
        lambda k: k.ops.cdist(symbol(k, 5, 2, 3), symbol(k, 6, 4, 3)),
        "Batch dimensions of inputs to `cdist` must be broadcastable.",
    ),
    "classes along axis 3": (
        lambda k: k.ops.sparse_categorical_crossentropy(ones(2), X, axis=3),
        "axis 3 is out of bounds for array of dimension 2",
    ),
    "an offset of another length": (
        lambda k: k.ops.batch_normalization(symbol(k, 2, 3), symbol(k, 3), symbol(k, 3), -1, offset=symbol(k, 2)),
        "Arguments `offset` must be a vector of length `x.shape[axis]`. Expected: `(3,)`. Received: `(2,)",
    ),
    "a mean of another length": (
        lambda k: k.ops.batch_normalization(symbol(k, 2, 3), symbol(k, 2), symbol(k, 3), -1),
        "Arguments `mean` must be a vector of length `x.shape[axis]`.",
    ),
    "segments of other lengths": (
        lambda k: k.ops.segment_sum(np.arange(3), np.array([0, 0, 1, 1]), num_segments=2),
        "Argument `segment_ids` and `data` should have same leading dimension. Got (4,) v.s. (3,).",
    ),
    "a negative number of segments": (
        lambda k: k.ops.segment_max(np.arange(3), np.array([0, 0, 1]), num_segments=-1),
        "num_segments must be non-negative.",
    ),
    "two unknown sizes": (
        lambda k: k.ops.reshape(X, (-1, -1)),
        "There must be at most one unknown dimension (-1) in `newshape`. Received: newshape=(-1, -1).",
    ),
    "a size of -2": (
        lambda k: k.ops.reshape(symbol(k, 2, 3), (-2, 3)),
        "Each dimension in `newshape` must be a non-negative integer, or `-1` for a single unknown dimension.",
    ),
    "no range": (
        lambda k: k.ops.histogram(ones(3), range=(1, 0)),
        "The second element of `range` must be greater than the first.",
    ),
    "one alternative": (
        lambda k: k.ops.where(ones(2, dtype="bool"), ones(2)),
        "`x1` and `x2` either both should be `None` or both should have non-None value.",
    ),
    "an unknown number of slices": (
        lambda k: k.ops.unstack(symbol(k, None, 3)),
        "Cannot infer argument `num` from shape (None, 3). Either provide a tensor with a concrete shape",
    ),
    "an index out of bounds": (
        lambda k: symbol(k, None, 3)[..., 5],
        "Array has shape (None, 3) but out-of-bounds index (Ellipsis, 5) was requested.",
    ),
    "a negative index out of bounds": (
        lambda k: symbol(k, 3)[-4],
        "Array has shape (3,) but out-of-bounds index -4 was requested.",
    ),
    "a window that doesn't fit": (
        lambda k: k.ops.conv(symbol(k, 1, 4, 4, 3), symbol(k, 5, 5, 3, 2)),
        "Computed output size would be zero or negative",
    ),
    "a window that doesn't fit, eager": (
        lambda k: k.ops.conv(ones(1, 4, 4, 3), ones(5, 5, 3, 2)),
        "resulted in an empty output. This can happen if the input is too small for the given",
    ),
    "a pool that doesn't fit": (
        lambda k: k.ops.max_pool(symbol(k, 1, 4, 4, 3), 5),
        "Computed output size would be zero or negative",
    ),
    "a masked array": (
        lambda k: k.ops.add(np.ma.masked_array([1.0, 2.0], [0, 1]), 1),
        "numpy masked arrays are not supported",
    ),
    "heads that don't divide": (
        lambda k: k.ops.dot_product_attention(ones(2, 3), ones(2, 3), ones(2, 3)),
        "`dot_product_attention` only supports 4D inputs.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_refuses(name):
    program, words = REFUSED[name]
    found, expected = [], []
    for library, into in ((addax, found), (keras, expected)):
        with pytest.raises(Exception) as raised:
            program(library)
        into += [raised.type, str(raised.value)]
    assert issubclass(found[0], expected[0] if expected[0] is TypeError else ValueError)
    assert words in found[1] and words in expected[1]


# What must be an error in addax although an eager call of Keras's runs, or fails from inside.
REFUSED_HERE = {
    "hue of four channels": (lambda ops: ops.image.rgb_to_hsv(RGBA), "expected 3"),
    "more images than transforms": (
        lambda ops: ops.image.affine_transform(ones(4, 4, 3), ones(2, 8)),
        "transform.shape",
    ),
    "crop to more than there is": (
        lambda ops: ops.image.crop_images(PHOTO, 2, 0, target_height=6, target_width=3),
        "bottom_cropping must be >= 0",
    ),
    "strides of 0": (lambda ops: ops.conv(ones(1, 4, 4, 3), ones(3, 3, 3, 2), strides=0), "`strides`"),
    "strides of a text": (lambda ops: ops.conv(ones(1, 4, 4, 3), ones(3, 3, 3, 2), strides="a"), "`strides`"),
    "a pool of 0": (lambda ops: ops.max_pool(ones(1, 4, 4, 3), 0), "`pool_size`"),
    "an image without a batch": (lambda ops: ops.conv(ones(4, 4, 3), ones(3, 3, 3, 2)), "same number of dimensions"),
    "windows of another image": (lambda ops: ops.nn.fold(ones(2, 8, 8), (4, 4), 2), "number of windows"),
    "axis 7": (lambda ops: ops.layer_normalization(ones(2, 3, 4), axis=7), "axis 7 is out of bounds"),
    "rms of axis 7": (lambda ops: ops.rms_normalization(ones(2, 3, 4), axis=7), "axis 7 is out of bounds"),
    "heads that don't divide": (
        lambda ops: ops.dot_product_attention(ones(2, 3, 3, 8), ones(2, 3, 2, 8), ones(2, 3, 2, 8)),
        "The number of query heads must be a multiple of key/value heads, but got 3 vs 2",
    ),
    "values of another length": (
        lambda ops: ops.dot_product_attention(ones(2, 3, 2, 8), ones(2, 4, 2, 8), ones(2, 3, 2, 8)),
        "`key` and `value` the same length",
    ),
    "predictions of another batch": (lambda ops: ops.in_top_k(np.array([1, 1]), ones(3, 4), 1), "targets.shape=(2,)"),
    "segments nobody counts": (
        lambda ops: ops.segment_sum(addax.KerasTensor((3,)), addax.KerasTensor((3,), "int32")),
        "Argument `num_segments` must be set when using the JAX backend.",
    ),
}


@pytest.mark.parametrize("name", REFUSED_HERE)
def test_what_only_addax_refuses(name):
    program, words = REFUSED_HERE[name]
    with pytest.raises(ValueError) as raised:
        program(addax.ops)
    assert words in str(raised.value)


# Symbolic calls on shapes that don't fit: a ValueError in both, whatever JAX raises.
MISFITS = {
    "add": lambda k: k.ops.add(symbol(k, 2, 3), symbol(k, 2, 4)),
    "operator": lambda k: symbol(k, 2, 3) * symbol(k, 2, 4),
    "matmul": lambda k: k.ops.matmul(symbol(k, None, 3), symbol(k, 4, 5)),
    "dot": lambda k: k.ops.dot(symbol(k, 2, 3), symbol(k, 4, 5)),
    "concatenate": lambda k: k.ops.concatenate([symbol(k, 2, 3), symbol(k, 3, 3)], 1),
    "ranks": lambda k: k.ops.concatenate([symbol(k, 2, 3), symbol(k, 2, 3, 4)], 1),
    "hstack": lambda k: k.ops.hstack([symbol(k, 2, 2), symbol(k, 3, 3)]),
    "transpose": lambda k: k.ops.transpose(symbol(k, 2, 3), (0, 0)),
    "argmax": lambda k: k.ops.argmax(symbol(k, 2, 3), axis=5),
    "mean": lambda k: k.ops.mean(symbol(k, None, 3), axis=5),
    "std": lambda k: k.ops.std(symbol(k, 2, 3), axis=5),
    "unstack": lambda k: k.ops.unstack(symbol(k, 2, 3), axis=5),
    "swapaxes": lambda k: k.ops.swapaxes(symbol(k, 2, 3), 0, 5),
    "moments": lambda k: k.ops.moments(symbol(k, 2, 3), 3),
    "too many indices": lambda k: symbol(k, 2, 3)[0, 0, 0],
    "reshape": lambda k: k.ops.reshape(symbol(k, 2, 3), (5,)),
}


@pytest.mark.parametrize("name", MISFITS)
def test_symbolic_shapes_that_do_not_fit(name):
    for library in (keras, addax):
        with pytest.raises(ValueError):
            MISFITS[name](library)


def test_arguments_that_are_missing_are_type_errors():
    for library in (keras, addax):
        with pytest.raises(TypeError):
            library.ops.add(symbol(library, 2))
        with pytest.raises(TypeError):
            library.ops.add(symbol(library, 2), 1, shape=2)


def test_an_index_out_of_range_is_not_brought_into_it():
    v = addax.Variable([[1.0, 2.0], [3.0, 4.0]])
    for key in (2, -3, (0, 2), (..., 2), (None, 2), (slice(None), -3)):
        with pytest.raises(IndexError, match="out-of-bounds index"):
            v[key]
    assert v[-2, -1] == 2.0 and v[np.array([0, 1]), 1].tolist() == [2.0, 4.0]
    assert v[v > 2].tolist() == [3.0, 4.0] and v[True].shape == (1, 2, 2)


def test_iterating_over_a_variable_ends():
    a, b = addax.Variable([[1.0, 2.0], [3.0, 4.0]])
    assert a.tolist() == [1.0, 2.0] and b.tolist() == [3.0, 4.0]
    assert [float(x) for x in addax.Variable([1.0, 2.0])] == [1.0, 2.0]
    with pytest.raises(TypeError):
        iter(addax.Variable(1.0))


# Calls with the same result. Of symbolic tensors: the same shape and dtype.
SAME = {
    "grey of grey": lambda k: k.ops.image.rgb_to_grayscale(ones(2, 2, 1, dtype="uint8")),
    "grey of unknown channels": lambda k: k.ops.image.rgb_to_grayscale(symbol(k, 2, 2, None)),
    "pad an unknown size": lambda k: k.ops.image.pad_images(
        symbol(k, None, None, None, 3), 1, 1, target_height=8, target_width=100
    ),
    "pad an unknown size in front": lambda k: k.ops.image.pad_images(
        symbol(k, None, None, 3), bottom_padding=1, right_padding=2, target_height=8, target_width=9
    ),
    "crop an unknown size": lambda k: k.ops.image.crop_images(
        symbol(k, None, None, None, 3), 1, 1, target_height=8, target_width=100
    ),
    "crop to nothing": lambda k: k.ops.image.crop_images(PHOTO, 0, 0, target_height=0, target_width=3),
    "patches of a volume": lambda k: k.ops.image.extract_patches(ones(1, 4, 4, 4, 2), (2, 2, 2)),
    "no segments": lambda k: k.ops.segment_sum(np.arange(3, dtype="int32"), np.array([0, 0, 1]), num_segments=0),
    "attention of mixed halves": lambda k: k.ops.dot_product_attention(
        k.ops.ones((2, 3, 2, 8), "bfloat16"), k.ops.ones((2, 3, 2, 8), "float16"), k.ops.ones((2, 3, 2, 8), "float16")
    ),
    "attention of symbolic halves": lambda k: k.ops.dot_product_attention(
        symbol(k, 2, 3, 2, 8, dtype="bfloat16"), symbol(k, 2, 3, 2, 8), symbol(k, 2, 3, 2, 8, dtype="float16")
    ),
    "attention of a half query": lambda k: k.ops.dot_product_attention(
        k.ops.ones((2, 3, 2, 8), "float16"), k.ops.ones((2, 3, 2, 8)), k.ops.ones((2, 3, 2, 8))
    ),
    "rms with a full scale": lambda k: k.ops.rms_normalization(
        np.arange(24, dtype="float32").reshape(2, 3, 4), np.arange(24, dtype="float32").reshape(2, 3, 4)
    ),
    "rms with a scale that is broadcast": lambda k: k.ops.rms_normalization(
        np.arange(24, dtype="float32").reshape(2, 3, 4), np.arange(1, 3, dtype="float32").reshape(2, 1, 1)
    ),
    "rms of one scale": lambda k: k.ops.rms_normalization(ones(2, 3), np.float32(2)),
    "layer norm with a full scale": lambda k: k.ops.layer_normalization(
        np.arange(24, dtype="float32").reshape(2, 3, 4), np.arange(24, dtype="float32").reshape(2, 3, 4), ones(2, 3, 4)
    ),
    "symbolic full scale": lambda k: k.ops.rms_normalization(symbol(k, 2, 3, 4), symbol(k, 2, 3, 4)),
    "jvp of symbols": lambda k: k.ops.linalg.jvp(k.ops.sin, (symbol(k, None, 3),), (symbol(k, None, 3),)),
    "jvp with another result": lambda k: k.ops.linalg.jvp(
        lambda a: (a * 2, a), (symbol(k, 2, 3),), (symbol(k, 2, 3),), has_aux=True
    ),
    "jvp of arrays": lambda k: k.ops.linalg.jvp(lambda a, b: a * b, (ones(2), ones(2)), (ones(2), 3 * ones(2))),
    "known and unknown": lambda k: k.ops.add(symbol(k, None, 3), symbol(k, 2, 3)),
    "unknown and an array": lambda k: k.ops.multiply(symbol(k, None, 3), ones(2, 3)),
    "all unknown and known": lambda k: k.ops.subtract(symbol(k, None, None), symbol(k, 4, 5)),
    "an unknown sum": lambda k: k.ops.matmul(symbol(k, 2, None), symbol(k, 3, 4)),
    "an unknown sum in einsum": lambda k: k.ops.einsum("ij,jk->ik", symbol(k, 2, None), symbol(k, 3, 4)),
    "an unknown distance": lambda k: k.ops.cdist(symbol(k, 2, None), symbol(k, 4, 3)),
    "unknown conditions": lambda k: k.ops.where(symbol(k, None, dtype="bool"), symbol(k, 2), symbol(k, None)),
    "broadcast an unknown size": lambda k: k.ops.broadcast_to(symbol(k, None, 3), (2, 3)),
    "unknown channels": lambda k: k.ops.reshape(symbol(k, None, None, 4), (None, None, 2, 2)),
}


def leaves(structure):
    if isinstance(structure, (list, tuple)):
        return [leaf for s in structure for leaf in leaves(s)]
    return [structure]


@pytest.mark.parametrize("name", SAME)
def test_same_results(name):
    found, expected = leaves(SAME[name](addax)), leaves(SAME[name](keras))
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (tuple(a.shape), str(a.dtype)) == (tuple(b.shape), str(b.dtype))
        if not isinstance(a, addax.KerasTensor):
            np.testing.assert_allclose(np.asarray(a, "float64"), np.asarray(b, "float64"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("height", [2, 5])
def test_images_of_unknown_size_are_padded_when_there_are_data(height):
    def run(library):
        x = library.Input((None, None, 1))
        ops = library.ops.image
        padded = ops.pad_images(x, 1, 2, target_height=8, target_width=9)
        model = library.Model(x, [padded, ops.crop_images(padded, 1, 1, target_height=3, target_width=4)])
        data = np.random.default_rng(0).normal(size=(1, height, 3, 1)).astype("float32")
        return [np.asarray(y) for y in model(data)]

    for found, expected in zip(run(addax), run(keras)):
        np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_found_when_there_are_data():
    x = addax.Input((None, None, 1))
    model = addax.Model(x, addax.ops.image.pad_images(x, 1, 2, target_height=8, target_width=9))
    with pytest.raises(ValueError, match=r"bottom_padding must be >= 0\. Received: bottom_padding=-5"):
        model(ones(1, 12, 3, 1))


def test_jvp_in_a_model():
    x = addax.Input((3,))
    model = addax.Model(x, addax.ops.linalg.jvp(addax.ops.sin, (x,), (x,)))
    data = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)
    for found, expected in zip(model(data), (np.sin(data), data * np.cos(data))):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_cholesky_in_compiled_code_is_nan():
    import jax

    assert np.isnan(jax.jit(addax.ops.cholesky)(-np.eye(2, dtype="float32"))).any()


def test_reshape_takes_unknown_sizes_from_the_data():
    image = addax.Input((None, None, 3))
    b, h, w, c = addax.ops.shape(image)
    tall = addax.ops.reshape(image, (b, h, w, c, 1))
    flat = addax.ops.reshape(image, (b, -1))
    assert (tall.shape, flat.shape) == ((None, None, None, 3, 1), (None, None))
    model = addax.Model(image, [tall, flat])
    model = addax.Model.from_config(model.get_config())
    for size in ((4, 6), (5, 3)):
        data = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
        found = model.predict(data, verbose=0)
        np.testing.assert_array_equal(found[0], data[..., None])
        np.testing.assert_array_equal(found[1], data.reshape(2, -1))
    assert addax.ops.reshape(addax.KerasTensor((None, 3, 4)), (None, -1)).shape == (None, 12)


def told(program, each="always"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(each)
        program()
    return [str(w.message) for w in caught if "softmax" in str(w.message) or "rms_scaling" in str(w.message)]


ONE = {
    "op": lambda k: k.ops.softmax(ones(2, 1)),
    "other axis": lambda k: k.ops.softmax(ones(1, 2), axis=0),
    "vector": lambda k: k.activations.softmax(ones(1)),
    "symbol": lambda k: k.ops.softmax(symbol(k, None, 1)),
    "several axes": lambda k: k.ops.softmax(ones(1, 1), axis=(0, 1)),
    "two entries": lambda k: k.ops.softmax(X),
    "unknown": lambda k: k.ops.softmax(symbol(k, 2, None)),
    "layer": lambda k: k.layers.Softmax()(ones(2, 1)),
    "activation": lambda k: k.layers.Activation("softmax")(ones(2, 1)),
    "dense": lambda k: k.layers.Dense(1, activation="softmax")(X),
    "attention": lambda k: k.layers.Attention()([ones(1, 1, 3), ones(1, 1, 3)]),
    "log": lambda k: k.ops.log_softmax(ones(2, 1)),
    "rms_scaling": lambda k: k.ops.layer_normalization(X, rms_scaling=True),
    "symbolic rms_scaling": lambda k: k.ops.layer_normalization(symbol(k, 5), rms_scaling=True),
}


@pytest.mark.parametrize("name", ONE)
def test_warnings(name):
    found, expected = (told(lambda library=library: ONE[name](library)) for library in (addax, keras))
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected):
        assert mine.startswith(theirs)


def test_fit_warns_once_of_a_softmax_of_one_unit():
    def fit():
        layer = addax.layers.Dense(1, activation="softmax", name="only_one_here")
        model = addax.Sequential([addax.Input((3,)), layer])
        model.compile("sgd", "binary_crossentropy")
        model.fit(X, ones(2, 1), verbose=0)

    (text,) = told(fit, "default")  # the step is traced more than once, as by Keras
    assert "layer 'only_one_here'" in text and "sigmoid" in text
