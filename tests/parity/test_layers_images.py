"""Image preprocessing and augmentation against Keras: values, draws, configs, shapes, labels, boxes and masks."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jax
import numpy as np
import pytest

import addax
from addax import layers
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from tests.xla import QUICK

keras = pytest.importorskip("keras")

# Keras permutes images by int64s, which JAX makes int32s.
# Hundreds of programs are compiled, so they are slow.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Explicitly requested dtype")]

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 8, 6, 3)).astype("float32")
BOXES = {
    "boxes": np.array([[[1, 2, 4, 6], [0, 1, 2, 5]]] * 4, "float32"),
    "labels": np.array([[1, 2], [3, 4], [5, 6], [7, 8]]),
}
MASKS = RNG.integers(0, 4, (4, 8, 6, 1)).astype("int32")


class Case:
    """A layer and its arguments.

    Args:
        name: Name of the class.
        atol: Greatest difference of the values, which are in [0, 255] if `value_range` isn't given.
        parts: What is compared besides the images: any of "boxes" and "masks".
        batch: Number of images.
        **kwargs: Arguments of the constructor.
    """

    def __init__(
        self,
        name: str,
        atol: float = 1e-3,
        parts: tuple[str, ...] = ("boxes", "masks"),
        batch: int = 4,
        **kwargs: Any,
    ):
        self.name, self.atol, self.parts, self.batch, self.kwargs = name, atol, parts, batch, kwargs

    def __str__(self) -> str:
        return f"{self.name}({','.join(f'{k}={v}' for k, v in self.kwargs.items())})".replace(" ", "")

    @property
    def random(self) -> bool:
        return "seed" in inspect.signature(getattr(keras.layers, self.name)).parameters

    def make(self, room: Any = layers, **more: Any) -> Any:
        seed = {"seed": 7} if self.random else {}
        return getattr(room, self.name)(**{**seed, **self.kwargs, **more})

    @property
    def images(self) -> np.ndarray:
        low, high = self.kwargs.get("value_range", (0, 255))
        return (IMAGES[: self.batch] / 255 * (high - low) + low).astype("float32")


GEOMETRIC = [
    Case("RandomFlip"),
    Case("RandomFlip", mode="horizontal"),
    Case("RandomFlip", mode="vertical"),
    Case("RandomCrop", height=3, width=4, parts=("masks",)),
    Case("RandomCrop", height=8, width=4, parts=("masks",)),
    Case("RandomCrop", height=9, width=4, parts=()),
    Case("RandomCrop", height=12, width=10, parts=()),
    Case("RandomTranslation", height_factor=0.3, width_factor=0.2),
    Case("RandomTranslation", height_factor=(-0.1, 0.3), width_factor=(0.1, 0.4), fill_mode="wrap"),
    Case("RandomTranslation", height_factor=0.3, width_factor=0.2, fill_mode="constant", fill_value=9.0),
    Case("RandomTranslation", height_factor=0.5, width_factor=0.5, fill_mode="nearest", interpolation="nearest"),
    Case("RandomZoom", height_factor=0.3, width_factor=0.2),
    Case("RandomZoom", height_factor=(-0.5, -0.1), fill_mode="nearest"),
    Case("RandomZoom", height_factor=(0.1, 0.6), width_factor=0.3, fill_mode="constant", fill_value=5.0),
    Case("RandomZoom", height_factor=0.3, fill_mode="wrap", interpolation="nearest"),
    Case("RandomRotation", factor=0.3),
    Case("RandomRotation", factor=(0.1, 0.2), fill_mode="constant", fill_value=5.0),
    Case("RandomRotation", factor=1.0, fill_mode="wrap", interpolation="nearest"),
    Case("RandomShear", x_factor=0.3, y_factor=0.2, parts=("masks",)),
    Case("RandomShear", x_factor=(0.1, 0.5), fill_mode="constant", parts=("masks",)),
    Case("RandomShear", y_factor=0.5, fill_mode="wrap", interpolation="nearest", parts=("masks",)),
    Case("RandomPerspective"),
    Case("RandomPerspective", factor=(1.0, 1.0), scale=0.4, fill_value=7.0, atol=1e-2),
    Case("RandomPerspective", factor=0.8, scale=0.5, interpolation="nearest"),
    Case("RandomElasticTransform", factor=(1.0, 1.0), parts=()),
    Case("RandomElasticTransform", scale=(0.5, 0.9), fill_mode="constant", fill_value=3.0, parts=()),
]
SIZES = [
    Case("Resizing", height=3, width=4),
    Case("Resizing", height=10, width=11, interpolation="nearest"),
    Case("Resizing", height=10, width=5, interpolation="bicubic", antialias=True),
    Case("Resizing", height=4, width=6, crop_to_aspect_ratio=True),
    Case("Resizing", height=5, width=12, crop_to_aspect_ratio=True),
    Case("Resizing", height=5, width=12, pad_to_aspect_ratio=True, fill_value=2.0),
    Case("CenterCrop", height=3, width=4),
    Case("CenterCrop", height=8, width=6),
    Case("CenterCrop", height=12, width=4, parts=("boxes",)),
    Case("CenterCrop", height=4, width=20, parts=("boxes",)),
]
COLORS = [
    Case("RandomBrightness", factor=0.3),
    Case("RandomBrightness", factor=(0.1, 0.5), value_range=(-1, 1), atol=1e-5),
    Case("RandomContrast", factor=0.3),
    Case("RandomContrast", factor=(0.2, 0.9), value_range=(0, 1), atol=1e-5),
    Case("RandomColorDegeneration", factor=0.3),
    Case("RandomColorDegeneration", factor=(0.5, 0.8), value_range=(0, 1), atol=1e-5),
    Case("RandomHue", factor=0.3),
    Case("RandomHue", factor=(0.5, 1.0), value_range=(0, 1), atol=1e-5),
    Case("RandomSaturation", factor=(0.1, 0.5)),
    Case("RandomSaturation", factor=0.5, value_range=(0, 1), atol=1e-5),
    Case("RandomSharpness", factor=0.3),
    Case("RandomSharpness", factor=(0.6, 1.0), value_range=(0, 1), atol=1e-5),
    Case("RandomGrayscale", factor=0.6, parts=()),
    Case("RandomInvert"),
    Case("RandomInvert", factor=0.6, value_range=(0, 1), atol=1e-5),
    Case("RandomPosterization", factor=4),
    Case("RandomPosterization", factor=(3, 8), value_range=(0, 1), atol=1e-5),
    Case("RandomPosterization", factor=(5, 5)),
    Case("Solarization", addition_factor=0.3, threshold_factor=0.2),
    Case("Solarization", threshold_factor=0.8, value_range=(0, 1), atol=1e-5),
    Case("RandomGaussianBlur"),
    Case("RandomGaussianBlur", factor=(0.8, 1.0), kernel_size=(3, 5), sigma=(0.5, 2.0)),
    Case("AutoContrast"),
    Case("AutoContrast", value_range=(0, 1), atol=1e-5),
    Case("Equalization", batch=1),
    Case("Equalization", batch=1, value_range=(0, 1), atol=1e-5),
    Case("RandomColorJitter", brightness_factor=0.2, contrast_factor=0.3, saturation_factor=0.4, hue_factor=0.1),
    Case("RandomColorJitter", contrast_factor=0.3, hue_factor=0.1, value_range=(0, 1), atol=1e-5),
    Case("RandomColorJitter"),
    Case("ContrastLimitedAdaptiveHistogramEqualization", parts=()),
    Case("ContrastLimitedAdaptiveHistogramEqualization", clip_limit=1.5, tile_grid_size=(2, 3), parts=()),
    Case(
        "ContrastLimitedAdaptiveHistogramEqualization", value_range=(0, 1), tile_grid_size=(1, 5), parts=(), atol=1e-5
    ),
]
MIXING = [
    Case("RandomErasing"),
    Case("RandomErasing", factor=(1.0, 1.0), scale=(0.3, 0.9), fill_value=4.0),
    Case("RandomErasing", factor=0.8, scale=0.5, value_range=(-1, 1), atol=1e-5),
    Case("CutMix", parts=()),
    Case("CutMix", factor=(0.2, 0.6), parts=()),
    Case("MixUp", parts=()),
    Case("MixUp", alpha=0.9, parts=()),
    Case("RandAugment", parts=(), batch=1),
    Case("RandAugment", num_ops=4, factor=0.3, seed=3, parts=(), batch=1),
    Case("RandAugment", num_ops=3, value_range=(0, 1), seed=4, parts=(), batch=1, atol=1e-4),
    Case("AugMix", parts=(), batch=1),
    Case("AugMix", num_chains=2, chain_depth=2, all_ops=False, value_range=(0, 1), parts=(), batch=1, atol=1e-4),
]
CASES = [*GEOMETRIC, *SIZES, *COLORS, *MIXING]
every = pytest.mark.parametrize("case", CASES, ids=str)
# One case of each layer, where the arguments don't matter.
FIRST = list({case.name: case for case in reversed(CASES)}.values())
first = pytest.mark.parametrize("case", FIRST, ids=lambda case: case.name)


def plain(config: Any) -> Any:
    return json.loads(json.dumps(config))


def close(found: Any, expected: Any, atol: float) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            close(found[key], value, atol)
        return
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(found, "float32"), np.asarray(expected, "float32"), rtol=1e-5, atol=atol)


def states(layer: Any) -> list:
    return [np.asarray(v.value).tolist() for v in layer.variables]


@every
def test_the_same_seed_gives_the_same_images(case):
    if case.name == "AugMix":
        pytest.skip("Keras chooses the layers with Python's random numbers, which a compiled step can't draw")
    theirs, ours = case.make(keras.layers), case.make()
    for _ in range(2):
        close(ours(case.images), theirs(case.images), case.atol)
    assert states(ours) == states(theirs)


@every
def test_the_same_transformation(case):
    """What Keras's layer draws, applied by ours: to images, boxes and masks."""
    boxes = {"bounding_box_format": "xyxy"} if "boxes" in case.parts else {}
    theirs, ours = case.make(keras.layers, **boxes), case.make(**boxes)
    transformation = theirs.get_random_transformation(case.images, training=True)
    mine = transformation
    if case.name == "RandomElasticTransform":  # what is left of the draws: a generator, to ours the key it gives
        mine = {**transformation, "seed": np.asarray(theirs.generator.state.value)}
    close(ours.transform_images(case.images, mine), theirs.transform_images(case.images, transformation), case.atol)
    if "boxes" in case.parts:
        found = [k.transform_bounding_boxes(dict(BOXES), transformation) for k in (ours, theirs)]
        close(*found, 1e-3)
    if "masks" in case.parts:
        found = [np.asarray(k.transform_segmentation_masks(MASKS, transformation)) for k in (ours, theirs)]
        np.testing.assert_array_equal(*found)


@every
def test_configs(case):
    theirs, ours = case.make(keras.layers, name="layer"), case.make(name="layer")
    if case.name == "RandomShear":  # Keras's can't be made from their own config
        assert plain(keras.layers.RandomShear.from_config(ours.get_config()).get_config()) == plain(theirs.get_config())
        assert layers.RandomShear.from_config(theirs.get_config()).get_config() == ours.get_config()
        return
    assert plain(ours.get_config()) == plain(theirs.get_config())
    assert plain(serialize_keras_object(ours)) == plain(keras.saving.serialize_keras_object(theirs))
    again = deserialize_keras_object(plain(keras.saving.serialize_keras_object(theirs)))
    assert type(again) is type(ours)
    back = keras.saving.deserialize_keras_object(plain(serialize_keras_object(again)))
    assert plain(back.get_config()) == plain(theirs.get_config())


@first
def test_signatures(case):
    ours, theirs = (inspect.signature(getattr(k, case.name)).parameters.values() for k in (layers, keras.layers))
    assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


@every
def test_layouts_dtypes_and_shapes(case):
    images = case.images
    layer = case.make()
    expected = np.asarray(layer(images), "float32")
    noise = case.name == "RandomErasing" and "fill_value" not in case.kwargs  # drawn in the layout of the images
    if "data_format" in inspect.signature(type(layer)).parameters and not noise:
        moved = case.make(data_format="channels_first")(images.transpose(0, 3, 1, 2))
        np.testing.assert_allclose(np.asarray(moved).transpose(0, 2, 3, 1), expected, atol=1e-3)
    symbolic = layer(addax.KerasTensor((None, *images.shape[1:])))
    assert symbolic.shape == (None, *expected.shape[1:])
    assert symbolic.dtype == "float32"
    shapes = [k.compute_output_shape((None, None, None, 3)) for k in (layer, case.make(keras.layers))]
    assert tuple(shapes[0]) == tuple(shapes[1])
    single = case.make()(images[0])
    np.testing.assert_allclose(single, case.make()(images[:1])[0], atol=1e-4)


@first
def test_inside_a_compiled_step(case):
    layer = case.make()
    eager = np.asarray(case.make()(case.images))
    layer(addax.KerasTensor((None, *case.images.shape[1:])))

    def step(state, images):
        return layer.stateless_call([], state, images, training=True)

    start = [v.value for v in layer.non_trainable_variables]
    outputs, after = jax.jit(step, compiler_options=QUICK)(start, case.images)
    np.testing.assert_allclose(outputs, eager, atol=1e-2)
    if case.random:
        assert [np.asarray(v).tolist() for v in after] != [np.asarray(v).tolist() for v in start]


@first
def test_at_inference(case):
    theirs, ours = case.make(keras.layers), case.make()
    found = ours(case.images, training=False)
    if case.name == "RandomCrop":  # Keras's returns images of another size than it says
        assert found.shape == ours.compute_output_shape(case.images.shape)
    else:
        close(found, theirs(case.images, training=False), case.atol)
    assert states(ours) == states(case.make())


def test_methods_that_move_boxes_and_points() -> None:
    boxes = np.asarray([[[1, 2, 30, 40], [-5, 8, 50, 9]], [[0, 1, 2, 3], [4, 5, 66, 7]]], "float32")
    given = {"boxes": boxes, "labels": boxes[..., 0]}  # of which Keras changes the one that it is given
    column, transforms = np.ones((2, 1), "float32"), np.arange(16, dtype="float32").reshape(2, 8) / 10

    def found(lib: Any) -> list[Any]:
        zoom = lib.layers.RandomZoom(0.2)
        results: list[Any] = [zoom.get_clipped_bbox(dict(given), 20.0, 3.0, 25.0, 4.0)]
        for layer in (lib.layers.RandomShear(0.2, 0.2), lib.layers.RandomTranslation(0.2, 0.2)):
            results += [
                layer.get_shifted_bbox(dict(given), 2.0, 3.0),
                layer.get_shifted_bbox(dict(given), column, column * 3),
            ]
            results.append(layer.get_transformed_x_y(boxes[..., 0], boxes[..., 1], transforms))
        results.append(zoom.get_transformed_x_y(boxes[0, 0], boxes[0, 1], transforms[1]))
        results.append(zoom.convert_weight(boxes))
        return jax.tree.leaves(results)

    for ours, theirs in zip(found(addax), found(keras), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
