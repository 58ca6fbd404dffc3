"""`ops.image` against Keras: sampling, perspective and elastic transforms, structural similarity."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import ndimage

import addax
from addax import ops

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 7, 5, 3)).astype("float32")
BYTES = RNG.integers(0, 255, X.shape).astype("uint8")
# Quarters: sums are exact, so that both packages round the same numbers.
MATRICES = np.array([[1.25, 0.25, -0.5, -0.25, 0.75, 1.25, 0, 0], [0.75, 0.25, -2, 0.5, 1.25, -4, 0, 0]], "float32")
START = np.array([[[0, 0], [3, 0], [0, 4], [3, 4]]] * 2, "float32")
END = START + RNG.uniform(-1, 1, START.shape).astype("float32")
MODES = ["constant", "nearest", "wrap", "mirror", "reflect"]
SMOOTH = np.linspace(0, 1, 2 * 14 * 12 * 3).reshape(2, 14, 12, 3).astype("float32")
NOISY = np.clip(SMOOTH + RNG.normal(size=SMOOTH.shape) / 10, 0, 1).astype("float32")


def same(name, *args, atol=1e-5, **kwargs):
    ours, theirs = (np.asarray(getattr(k.ops.image, name)(*args, **kwargs)) for k in (addax, keras))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("name", ["perspective_transform", "elastic_transform", "ssim"])
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(k.ops.image, name)).parameters.values() for k in (addax, keras))
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_affine_transform(mode, interpolation):
    for images in (X, BYTES, X[0]):
        matrices = MATRICES if images.ndim == 4 else MATRICES[0]
        # A half may be rounded either way.
        atol = 1 if images.dtype == "uint8" else 1e-5
        same("affine_transform", images, matrices, interpolation, mode, 3.0, atol=atol)


def test_a_projective_matrix_divides_by_its_last_row():
    """Keras documents the division and leaves it out on JAX."""
    matrix = np.array([1.1, 0.1, 0.2, -0.1, 0.9, 0.3, 0.05, -0.04])
    y, x = np.mgrid[:7, :5].astype("float64")
    k = matrix[6] * x + matrix[7] * y + 1
    at = [(matrix[3] * x + matrix[4] * y + matrix[5]) / k, (matrix[0] * x + matrix[1] * y + matrix[2]) / k]
    expected = np.stack(
        [ndimage.map_coordinates(X[0, ..., c], at, order=1, mode="grid-constant") for c in range(3)], -1
    )
    np.testing.assert_allclose(ops.image.affine_transform(X[0], matrix.astype("float32")), expected, atol=1e-4)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_perspective_transform(interpolation):
    same("perspective_transform", X, START, END, interpolation, 2.0, atol=1e-4)
    same("perspective_transform", X[0], START[0], END[0], interpolation)
    same("perspective_transform", X[0], START[:1], END[:1], interpolation)
    same("perspective_transform", X.transpose(0, 3, 1, 2), START, END, interpolation, data_format="channels_first")
    same("perspective_transform", BYTES, START, END, interpolation, atol=1)


def test_perspective_transform_moves_the_points():
    start, end = (
        np.array([[1, 1], [4, 1], [1, 5], [4, 5]], "float32"),
        np.array([[0, 1], [4, 0], [1, 6], [3, 5]], "float32"),
    )
    image = np.zeros((7, 5, 4), "float32")
    for i, (x, y) in enumerate(start.astype(int)):
        image[y, x, i] = 1
    moved = ops.image.perspective_transform(image, start, end)
    for i, (x, y) in enumerate(end.astype(int)):
        np.testing.assert_allclose(moved[y, x, i], 1, atol=1e-4)


# Where a mode looks outside is what `affine_transform` shares.
@pytest.mark.parametrize("mode", [m if m == "reflect" else pytest.param(m, marks=pytest.mark.slow) for m in MODES])
def test_elastic_transform(mode):
    same("elastic_transform", X, 3.0, 1.3, "bilinear", mode, 2.0, seed=4)
    same("elastic_transform", X, 20.0, 5.0, "bilinear", mode, 2.0, seed=4, atol=1e-4)
    same("elastic_transform", X[0], 3.0, 0.4, "nearest", mode, seed=5)


def test_elastic_transform_of_integers_and_generators():
    same("elastic_transform", X.transpose(0, 3, 1, 2), seed=4, data_format="channels_first", atol=1e-4)
    # Keras refuses integers.
    found = ops.image.elastic_transform(BYTES, 3.0, 1.3, seed=4)
    expected = ops.image.elastic_transform(BYTES.astype("float32"), 3.0, 1.3, seed=4)
    assert found.dtype == "uint8"
    np.testing.assert_allclose(found.astype("float32"), expected, atol=0.51)
    generator = addax.random.SeedGenerator(4)
    first, second = (ops.image.elastic_transform(X, 3.0, 1.3, seed=generator) for _ in range(2))
    np.testing.assert_array_equal(first, ops.image.elastic_transform(X, 3.0, 1.3, seed=4))
    assert abs(first - second).max() > 0.1


def test_ssim():
    same("ssim", SMOOTH, NOISY)
    same("ssim", SMOOTH[0], NOISY[0], filter_size=5, filter_sigma=0.7, k1=0.1, k2=0.2)
    same("ssim", SMOOTH * 255, NOISY * 255, max_val=255)
    same("ssim", SMOOTH.transpose(0, 3, 1, 2), NOISY.transpose(0, 3, 1, 2), data_format="channels_first", filter_size=4)
    # Keras casts the result to the integers of the images: 0.
    images = ((255 * a).astype("uint8") for a in (SMOOTH, NOISY))
    np.testing.assert_allclose(ops.image.ssim(*images, max_val=255), ops.image.ssim(SMOOTH, NOISY), atol=0.02)
    with pytest.raises(ValueError, match="rank"):
        ops.image.ssim(SMOOTH[0, 0], NOISY[0, 0])
    with pytest.raises(ValueError, match="same shape"):
        ops.image.ssim(SMOOTH, NOISY[:1])
    with pytest.raises(ValueError, match="empty output"):
        ops.image.ssim(SMOOTH[:, :6], NOISY[:, :6])


def test_symbolic_shapes():
    def both(name, *shapes):
        found = [getattr(k.ops.image, name)(*(k.KerasTensor(s) for s in shapes)).shape for k in (addax, keras)]
        assert found[0] == found[1]

    both("elastic_transform", (None, None, None, 3))
    both("perspective_transform", (None, None, None, 3), (None, 4, 2), (None, 4, 2))
    both("perspective_transform", (5, 4, 3), (4, 2), (4, 2))
    both("ssim", (None, 12, 14, 3), (None, 12, 14, 3))
    both("ssim", (12, 14, 3), (12, 14, 3))
    both("affine_transform", (None, None, None, 3), (None, 8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.ops.image.perspective_transform(X, START[:, :3], END), "Invalid start_points shape"),
        (lambda k: k.ops.image.perspective_transform(X, START, END[:1]), "must have the same shape"),
        (lambda k: k.ops.image.perspective_transform(X, START, END, "cubic"), "Invalid value for argument `interp"),
        (lambda k: k.ops.image.perspective_transform(X[0, 0], START, END), "Invalid images rank"),
        (
            lambda k: k.ops.image.elastic_transform(X, fill_mode="zero", seed=1),
            "Invalid value for argument `fill_mode`",
        ),
        (lambda k: k.ops.image.elastic_transform(X[0, 0], seed=1), "Invalid images rank"),
    ],
)
def test_errors(call, message):
    for k in (addax, keras):
        with pytest.raises(ValueError, match=message):
            call(k)


def test_errors_that_keras_leaves_to_jax():
    with pytest.raises(ValueError, match="`sigma` must be positive"):
        ops.image.elastic_transform(X, sigma=0.0, seed=1)
    resample = ops.image.scale_and_translate
    with pytest.raises(ValueError, match="`scale` must have one number for each of `spatial_dims`"):
        resample(X, X.shape, [1.0] * 3, [0.0] * 2, (1, 2), "linear")
    with pytest.raises(ValueError, match="`translation` must have one number"):
        resample(X, X.shape, [1.0] * 2, [0.0] * 3, (1, 2), "linear")
    with pytest.raises(ValueError, match="`output_shape` must have one size for each axis"):
        resample(X, X.shape[1:], [1.0] * 2, [0.0] * 2, (1, 2), "linear")
    with pytest.raises(ValueError, match="`spatial_dims` must be axes of `images`"):
        resample(X, X.shape, [1.0] * 2, [0.0] * 2, (1, 4), "linear")
    for call in (ops.tile, ops.repeat):
        for tensor in (X, addax.KerasTensor((2, 3))):
            with pytest.raises(ValueError, match=r"`repeats` must not be negative\. Received: repeats=-1"):
                call(tensor, -1)
    with pytest.raises(ValueError, match="`repeats` must not be negative"):
        ops.tile(X[0, 0], (1, -2))
