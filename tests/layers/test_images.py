"""Image layers where addax goes its own way, in models, and their mistakes."""

from __future__ import annotations

import numpy as np
import pytest

import addax
from addax import layers

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 255, (4, 8, 6, 3)).astype("float32")
BOXES = np.array([[[1, 2, 4, 6], [0, 1, 2, 5]]] * 4, "float32")
DATA = {
    "images": IMAGES,
    "labels": np.eye(4, dtype="float32"),
    "bounding_boxes": {"boxes": BOXES, "labels": np.array([[1, 2]] * 4)},
    "segmentation_masks": RNG.integers(0, 4, (4, 8, 6, 1)).astype("int32"),
    "weights": np.ones(4),
}


def boxed(image_of: np.ndarray) -> list[int]:
    """The box around the pixels that aren't 0."""
    rows, columns = (np.nonzero(image_of.any(axis))[0] for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomFlip(seed=1, bounding_box_format="xyxy"),
        layers.RandomCrop(10, 9, seed=1, bounding_box_format="xyxy"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="constant", seed=1, bounding_box_format="xyxy"),
        layers.RandomZoom(0.3, 0.3, fill_mode="constant", seed=2, bounding_box_format="xyxy"),
        layers.RandomShear(0.2, 0.1, fill_mode="constant", seed=3, bounding_box_format="xyxy"),
        layers.RandomRotation((0.25, 0.25), fill_mode="constant", seed=3, bounding_box_format="xyxy"),
        layers.RandomPerspective((1.0, 1.0), 0.3, seed=3, bounding_box_format="xyxy"),
        layers.Resizing(30, 24, bounding_box_format="xyxy"),
        layers.CenterCrop(10, 9, bounding_box_format="xyxy"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_boxes_go_where_their_pixels_go(layer):
    """Boxes in pixels are around filled rectangles before, and must be after, but for the width of an edge."""
    boxes = np.array([[[5, 4, 9, 11]]] * 3, "float32")
    images = np.zeros((3, 16, 14, 1), "float32")
    images[:, 4:11, 5:9] = 1
    data = {"images": images, "bounding_boxes": {"boxes": boxes, "labels": np.ones((3, 1))}}
    found = layer(data, training=True)
    for image, box in zip(np.asarray(found["images"]), np.asarray(found["bounding_boxes"]["boxes"])):
        np.testing.assert_allclose(box[0], boxed(image[..., 0] > 0.3), atol=1.7)


@pytest.mark.parametrize("name", ["yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh"])
def test_formats_of_boxes(name):
    convert = addax.utils.bounding_boxes.convert_format
    layer = layers.RandomZoom(0.3, 0.2, seed=1, bounding_box_format=name)
    given = {"boxes": convert(BOXES, "xyxy", name, 8, 6), "labels": DATA["bounding_boxes"]["labels"]}
    found = layer({"images": IMAGES, "bounding_boxes": given})["bounding_boxes"]["boxes"]
    plain = layers.RandomZoom(0.3, 0.2, seed=1, bounding_box_format="xyxy")
    expected = plain({"images": IMAGES, "bounding_boxes": DATA["bounding_boxes"]})["bounding_boxes"]["boxes"]
    np.testing.assert_allclose(convert(found, name, "xyxy", 8, 6), expected, atol=1e-4)


def test_a_dict_keeps_what_the_layer_does_not_know():
    found = layers.RandomRotation(0.2, seed=1, bounding_box_format="xyxy")(DATA)
    assert found.keys() == DATA.keys()
    np.testing.assert_array_equal(found["weights"], DATA["weights"])
    np.testing.assert_array_equal(found["labels"], DATA["labels"])
    assert set(np.unique(found["segmentation_masks"])) <= {0, 1, 2, 3}
    one = {key: DATA[key][0] for key in ("images", "labels", "segmentation_masks")}
    single = layers.RandomRotation(0.2, seed=1)(one)
    np.testing.assert_allclose(single["images"], layers.RandomRotation(0.2, seed=1)(IMAGES[:1])[0], atol=1e-3)
    assert single["segmentation_masks"].shape == (8, 6, 1)


def test_mixtures():
    data = {**DATA, "segmentation_masks": DATA["segmentation_masks"][..., 0]}
    layer = layers.MixUp(seed=3, bounding_box_format="xyxy")
    drawn = layers.MixUp(seed=3).get_random_transformation(IMAGES)
    weights, order = np.asarray(drawn["mix_weight"]), np.asarray(drawn["permutation_order"])
    found = layer(data)
    first = weights[:, None] * np.eye(4)
    np.testing.assert_allclose(found["labels"], first + (1 - weights[:, None]) * np.eye(4)[order], atol=1e-6)
    assert found["bounding_boxes"]["boxes"].shape == (4, 4, 4)
    assert found["bounding_boxes"]["labels"].shape == (4, 4)
    one = layer.transform_labels(np.arange(4), drawn)
    np.testing.assert_allclose(one, weights * np.arange(4) + (1 - weights) * order, atol=1e-5)
    cut = layers.CutMix(seed=3)
    drawn = cut.get_random_transformation(IMAGES)
    inside, order = np.asarray(drawn["batch_masks"])[..., :1], np.asarray(drawn["permutation_order"])
    masks = DATA["segmentation_masks"]
    found = cut.transform_segmentation_masks(masks, drawn)
    np.testing.assert_array_equal(found, np.where(inside, masks[order], masks))
    with pytest.raises(NotImplementedError, match="doesn't transform bounding boxes"):
        layers.CutMix(bounding_box_format="xyxy")(DATA)


def test_each_image_is_equalized_by_itself():
    layer = layers.Equalization()
    np.testing.assert_allclose(layer(IMAGES)[2:3], layer(IMAGES[2:3]), atol=1e-4)


def test_results_stay_in_their_range():
    for layer in (layers.RandomSaturation((0.9, 0.95), seed=1), layers.RandomInvert((1.0, 1.0), value_range=(0, 255))):
        found = np.asarray(layer(IMAGES))
        assert found.min() >= -1e-3
        assert found.max() <= 255.001
    low = np.full((1, 2, 2, 3), -1.0, "float32")
    np.testing.assert_allclose(layers.RandomInvert((1.0, 1.0), value_range=(-1, 1))(low), 1)


def test_random_crop_at_inference_takes_the_largest_window():
    ramp = np.tile(np.arange(8.0, dtype="float32")[None, :, None, None], (1, 1, 6, 1))
    found = layers.RandomCrop(4, 6)(ramp, training=False)
    np.testing.assert_array_equal(found[0, :, 0, 0], [2, 3, 4, 5])


def test_augmix_draws_chains_of_every_length():
    drawn = layers.AugMix(num_chains=200, seed=1).get_random_transformation(IMAGES)
    lengths = (np.asarray(drawn["chain_transforms"]["layer_idxes"]) < 11).sum(1)
    assert set(lengths) == {1, 2, 3}
    np.testing.assert_allclose(drawn["chain_mixing_weights"].sum(), 1, rtol=1e-5)


def test_erased_windows_have_a_value_for_each_channel():
    found = layers.RandomErasing((1.0, 1.0), (1.0, 1.0), fill_value=(1.0, 2.0, 3.0))(IMAGES)
    np.testing.assert_array_equal(found[0, 0, 0], [1, 2, 3])


def test_the_number_of_boxes():
    layer = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    found = layer(DATA)["bounding_boxes"]
    np.testing.assert_array_equal(found["labels"][0], [1, 2, -1])
    np.testing.assert_array_equal(found["boxes"][0, 2], [-1] * 4)
    assert layers.MaxNumBoundingBoxes(1, bounding_box_format="xyxy")(DATA)["bounding_boxes"]["boxes"].shape == (4, 1, 4)


def test_in_models_and_files(tmp_path):
    keras = pytest.importorskip("keras")
    augmentation = layers.Pipeline([layers.RandomFlip(seed=1), layers.RandomContrast(0.2, seed=2)], name="augmentation")
    head = [layers.Resizing(4, 3), layers.Flatten(), layers.Dense(2)]
    model = addax.Sequential([layers.Input((8, 6, 3)), augmentation, *head])
    model.compile("sgd", "mse")
    before = np.asarray(model.layers[0].variables[0].value).copy()
    model.fit(IMAGES / 255, np.zeros((4, 2)), batch_size=2, epochs=2, verbose=0)
    assert (np.asarray(model.layers[0].variables[0].value) != before).any()
    expected = model.predict(IMAGES / 255, verbose=0)
    path = tmp_path / "model.keras"
    model.save(path)
    np.testing.assert_allclose(addax.saving.load_model(path).predict(IMAGES / 255, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(keras.saving.load_model(path).predict(IMAGES / 255, verbose=0), expected, atol=1e-4)
    inputs = layers.Input((8, 6, 3))
    functional = addax.Model(inputs, layers.RandomZoom(0.2, seed=1)(layers.RandomRotation(0.1, seed=1)(inputs)))
    assert functional(IMAGES, training=True).shape == IMAGES.shape
    np.testing.assert_allclose(functional(IMAGES, training=False), IMAGES)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.RandomFlip("diagonal"), "mode"),
        (lambda: layers.RandomFlip(factor=1), "does not take a `factor` argument"),
        (lambda: layers.RandomFlip()(np.ones((4, 3))), "Expected image tensor to have rank 3"),
        (lambda: layers.RandomFlip()(DATA), "you didn't specify a bounding box format"),
        (lambda: layers.RandomBrightness(5), "The `factor` argument should be a number"),
        (lambda: layers.RandomBrightness(0.1, value_range=5), "The `value_range` argument should be a list of two"),
        (lambda: layers.RandomTranslation(2, 0.1), "`height_factor` and `width_factor` arguments"),
        (lambda: layers.RandomShear(-0.5), r"in the range \[0, 1.0\]"),
        (lambda: layers.RandomPosterization(9), r"in the range \[1, 8\]"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "kernel_size must be an odd number"),
        (lambda: layers.RandomPerspective(scale=2), "The `scale` argument should be a number"),
        (lambda: layers.RandomGrayscale(5), "`factor` should be between 0 and 1"),
        (lambda: layers.Solarization(5), "`addition_factor` and `threshold_factor`"),
        (lambda: layers.Resizing(0, 3), "height"),
        (lambda: layers.RandomFlip()({"labels": np.ones(2)}), "must have the key 'images'"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_unknown_modes():
    with pytest.raises(NotImplementedError, match="Unknown `fill_mode` mirror"):
        layers.RandomRotation(0.1, fill_mode="mirror")
    with pytest.raises(NotImplementedError, match="Unknown `interpolation` cubic"):
        layers.RandomZoom(0.1, interpolation="cubic")
