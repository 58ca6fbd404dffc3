"""Boxes and masks on images, against Keras where it draws without OpenCV, and galleries in files."""

import sys

import matplotlib
import numpy as np
import pytest

keras = pytest.importorskip("keras")
matplotlib.use("Agg")

import addax  # noqa: E402

V = addax.visualization
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 6, 8, 3)).astype("uint8")
MASKS = RNG.integers(0, 4, (2, 6, 8, 1))
COLORS = {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 255, 0), 3: (9, 8, 7)}


@pytest.mark.parametrize(
    "settings",
    [
        {"num_classes": 4},
        {"num_classes": 4, "color_mapping": COLORS, "alpha": 0.5},
        {"num_classes": 4, "color_mapping": COLORS, "ignore_index": 0},
        {"num_classes": 4, "color_mapping": COLORS, "blend": False},
        {"num_classes": 3, "color_mapping": COLORS},
    ],
    ids=str,
)
def test_masks_as_keras_draws_them(settings):
    mine, real = (k.visualization.draw_segmentation_masks(IMAGES, MASKS, **settings) for k in (addax, keras))
    assert mine.dtype == "uint8"
    np.testing.assert_allclose(mine.astype(int), np.asarray(real).astype(int), atol=1)  # one rounds, one truncates


def test_masks_without_the_last_axis_and_channels_first():
    expected = V.draw_segmentation_masks(IMAGES, MASKS)
    np.testing.assert_array_equal(V.draw_segmentation_masks(IMAGES, MASKS[..., 0]), expected)
    first = V.draw_segmentation_masks(IMAGES.transpose(0, 3, 1, 2), MASKS[..., 0], data_format="channels_first")
    np.testing.assert_array_equal(first, expected)


def test_boxes():
    boxes = {"boxes": np.array([[[1, 1, 3, 2], [0, 0, 7, 5]]] * 2), "labels": np.array([[0, -1], [-1, 2]])}
    plain = np.zeros((2, 6, 8, 3))
    drawn = V.draw_bounding_boxes(plain, boxes, "xywh", color=(5, 6, 7), line_thickness=1)
    expected = np.zeros((6, 8), int)
    expected[1:4, 1:5] = 5
    expected[2, 2:4] = 0
    np.testing.assert_array_equal(drawn[0, :, :, 0], expected)
    assert (drawn[1, 0, :, 2] == 7).all() and drawn.dtype == "uint8" and plain.max() == 0
    thick = V.draw_bounding_boxes(plain, boxes, "xywh", color=(5, 6, 7), line_thickness=2)
    assert (thick[0, 0, 0:6, 0] == 5).all() and thick[0, 1, 1, 0] == 5
    pytest.importorskip("PIL")
    named = V.draw_bounding_boxes(
        np.zeros((1, 40, 80, 3)),
        {"boxes": np.array([[[10, 20, 30, 35]]]), "labels": np.array([[1]]), "confidences": np.array([[0.5]])},
        "xyxy",
        {1: "cat"},
        color=(200, 200, 200),
    )
    assert named[0, 5:18].max() == 200  # the name, above the box


@pytest.mark.parametrize(
    ("call", "error", "part"),
    [
        (lambda k: k.draw_segmentation_masks(IMAGES[0], MASKS), ValueError, "`images` must be batched 4D tensor"),
        (lambda k: k.draw_segmentation_masks(IMAGES, MASKS * 1.0), TypeError, "must be in integer dtype"),
        (
            lambda k: k.plot_image_gallery(IMAGES, path="x.png", show=True),
            ValueError,
            "expects either `path` to be set",
        ),
        (lambda k: k.plot_image_gallery(IMAGES[0], show=False), ValueError, "requires you to batch your"),
        (lambda k: k.plot_image_gallery(IMAGES, y_true=[0, 1], show=False), ValueError, "a `label_map` must also be"),
    ],
)
def test_bad_arguments_as_in_keras(call, error, part):
    for k in (addax, keras):
        with pytest.raises(error) as caught:
            call(k.visualization)
        assert part in str(caught.value)


def test_bad_boxes():
    with pytest.raises(TypeError, match="`bounding_boxes` should be a dict"):
        V.draw_bounding_boxes(IMAGES, 3, "xyxy")
    with pytest.raises(ValueError, match="containing 'boxes' and 'labels' keys"):
        V.draw_bounding_boxes(IMAGES, {"boxes": []}, "xyxy")


def test_galleries_are_saved(tmp_path):
    boxes = {"boxes": np.array([[[1, 1, 3, 2]]] * 2), "labels": np.zeros((2, 1))}
    for i, plot in enumerate(
        (
            lambda path: V.plot_image_gallery(IMAGES, [0, 1], [1, 1], {0: "a", 1: "b"}, rows=1, path=path),
            lambda path: V.plot_bounding_box_gallery(IMAGES, "xywh", boxes, boxes, legend=True, path=path),
            lambda path: V.plot_segmentation_mask_gallery(IMAGES / 255, 4, (0, 1), MASKS, MASKS, path=path),
        )
    ):
        path = tmp_path / f"{i}.png"
        plot(str(path))
        assert matplotlib.image.imread(path).std() > 0.05


def test_matplotlib_must_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: `pip install addax-keras\[viz\]`"):
        V.plot_image_gallery(IMAGES)


def test_names_of_keras_2():
    assert addax.legacy.saving.serialize_keras_object is addax.utils.legacy.serialize_keras_object
    config = addax.legacy.saving.serialize_keras_object(addax.layers.Dense(2, name="d"))
    again = addax.legacy.saving.deserialize_keras_object(config, module_objects=vars(keras.layers))
    assert again.name == "d"
