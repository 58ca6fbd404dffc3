"""`utils.bounding_boxes` against Keras."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest

import addax

keras = pytest.importorskip("keras")

OURS, THEIRS = addax.utils.bounding_boxes, keras.utils.bounding_boxes
FORMATS = "xyxy yxyx xywh center_xywh center_yxhw rel_xyxy rel_yxyx rel_xywh rel_center_xywh".split()
NAMES = [name for name in dir(THEIRS) if not name.startswith("_")]
RNG = np.random.default_rng(0)


def random_boxes(*shape: int) -> np.ndarray:
    corner, size = RNG.uniform(0, 9, (*shape, 2)), RNG.uniform(1, 9, (*shape, 2))
    return np.concatenate([corner, corner + size], -1).astype("float32")


BOXES = random_boxes(2, 5)
OUTSIDE = np.array([[0, 0, 2, 2], [1, 1, 30, 30], [-3, 2, 4, 5], [-5, -5, -2, -2], [-1, -1, -1, -1]], "float32")


def same(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same(found[key], value)
        return
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_names_and_signatures():
    assert sorted(OURS.__all__) == NAMES
    for name in NAMES:
        ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (OURS, THEIRS))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ], name


@pytest.mark.parametrize("source", FORMATS)
def test_formats(source):
    for target in FORMATS:
        arguments = (BOXES, source, target, 10, 20)
        same(OURS.convert_format(*arguments), THEIRS.convert_format(*arguments))
    back = OURS.convert_format(OURS.convert_format(BOXES, source, "yxyx", 10, 20), "yxyx", source, 10, 20)
    np.testing.assert_allclose(back, BOXES, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BOXES, "xyxy", "rel_xyxy"), "must receive `height` and `width`"),
        ((BOXES, "xyxy", "corners"), "Invalid source or target format"),
        ((BOXES[..., :3], "xyxy", "yxyx"), "last dimension of 4"),
    ],
)
def test_errors_of_formats(arguments, message):
    for module in (OURS, THEIRS):
        with pytest.raises(ValueError, match=message):
            module.convert_format(*arguments)


CALLS = {
    "clip": ("clip_to_image_size", ({"boxes": OUTSIDE, "labels": np.arange(5)}, 6, 8)),
    "clip relative": ("clip_to_image_size", ({"boxes": OUTSIDE / 6, "labels": np.arange(5)}, None, None, "rel_xyxy")),
    "clip batch": ("clip_to_image_size", ({"boxes": OUTSIDE[None], "labels": np.arange(5.0)[None]}, 6, 8)),
    "crop": ("crop", (OUTSIDE, 1, 2, 4, 5)),
    "crop batch": ("crop", (BOXES, 1, 2, 4, 5)),
    "pad": ("pad", (BOXES, 1, 2)),
    "pad to": ("pad", (OUTSIDE, 1, 2, 30, 40, "xyxy")),
    "iou": ("compute_iou", (BOXES[0], BOXES[1, :3], "xyxy")),
    "iou batch": ("compute_iou", (BOXES, BOXES[:, 1:4], "xywh")),
    "iou of one batch": ("compute_iou", (BOXES[0], BOXES, "xyxy")),
    "iou masks": ("compute_iou", (OUTSIDE, OUTSIDE[1:], "xyxy", True, 7)),
    "iou relative": ("compute_iou", (BOXES[0] / 10, BOXES[1] / 10, "rel_xyxy", False, -1, (6, 8, 3))),
    "ciou": ("compute_ciou", (BOXES[0], BOXES[1], "xyxy")),
    "ciou batch": ("compute_ciou", (BOXES, BOXES[::-1], "xywh")),
}  # fmt: skip
for encoding, variance in itertools.product(("center_yxhw", "center_xywh"), (None, [0.1, 0.2, 0.3, 0.4])):
    named = (encoding, variance)
    CALLS[f"encode {named}"] = ("encode_box_to_deltas", (BOXES[0], BOXES[1], "xyxy", "xyxy", *named))
    CALLS[f"decode {named}"] = ("decode_deltas_to_boxes", (BOXES[0], BOXES[1] / 10, "xyxy", "xywh", *named))
CALLS["encode batch"] = ("encode_box_to_deltas", (BOXES[0], BOXES, "xyxy", "xywh"))
CALLS["encode relative"] = (
    "encode_box_to_deltas",
    (BOXES[0] / 10, BOXES, "rel_xyxy", "xyxy", "center_yxhw", None, (10, 20, 3)),
)
CALLS["decode batch"] = ("decode_deltas_to_boxes", (BOXES[0], BOXES / 10, "xyxy", "xyxy"))
CALLS["decode levels"] = (
    "decode_deltas_to_boxes",
    ({"a": BOXES[0], "b": BOXES[1]}, {"a": BOXES[0] / 9, "b": BOXES[1] / 9}, "xyxy", "xyxy"),
)


@pytest.mark.parametrize("call", CALLS)
def test_values(call):
    name, arguments = CALLS[call]
    same(getattr(OURS, name)(*arguments), getattr(THEIRS, name)(*arguments))


def test_affine_transforms():
    def numbers(low, high):
        return RNG.uniform(low, high, 2).astype("float32")

    for centers in ({}, {"center_x": numbers(0, 1), "center_y": numbers(0, 1)}):
        arguments = [BOXES, numbers(-90, 90), numbers(-1, 1), numbers(-1, 1), numbers(0.5, 2), numbers(-9, 9)]
        arguments += [numbers(-9, 9), 20, 30]
        same(OURS.affine_transform(*arguments, **centers), THEIRS.affine_transform(*arguments, **centers))


def test_deltas_come_back():
    deltas = OURS.encode_box_to_deltas(BOXES[0], BOXES, "xyxy", "xywh", variance=[0.1, 0.1, 0.2, 0.2])
    back = OURS.decode_deltas_to_boxes(BOXES[0], deltas, "xyxy", "xywh", variance=[0.1, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(back, BOXES, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("module", [OURS, THEIRS], ids=["addax", "keras"])
def test_errors(module):
    with pytest.raises(ValueError, match="`image_shape` argument must be provided"):
        module.compute_iou(BOXES[0], BOXES[1], "rel_xyxy")
    with pytest.raises(ValueError, match=r"`variance` must be length 4"):
        module.encode_box_to_deltas(BOXES[0], BOXES[1], "xyxy", "xyxy", variance=[1.0, 2.0])
    with pytest.raises(ValueError, match="`encoding_format` should be one of"):
        module.encode_box_to_deltas(BOXES[0], BOXES[1], "xyxy", "xyxy", "xyxy")
    with pytest.raises(ValueError, match="`encoded_format` should be"):
        module.decode_deltas_to_boxes(BOXES[0], BOXES[1], "xyxy", "xyxy", "xyxy")
    with pytest.raises(ValueError, match="`height` and `width` must be set"):
        module.clip_to_image_size({"boxes": BOXES[0], "labels": np.arange(5)})
    with pytest.raises(NotImplementedError):
        module.crop(BOXES, 1, 1, 2, 2, "xywh")


def test_ciou_of_relative_boxes():
    """Keras refuses relative boxes also where the shape of the images is given."""
    found = OURS.compute_ciou(BOXES[0] / 10, BOXES[1] / 10, "rel_xyxy", (20, 30, 3))
    size = np.array([3, 2, 3, 2], "float32")
    np.testing.assert_allclose(found, OURS.compute_ciou(BOXES[0] * size, BOXES[1] * size, "xyxy"), rtol=1e-4)
