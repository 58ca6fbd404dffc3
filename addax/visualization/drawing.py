"""Bounding boxes and segmentation masks, drawn on images in NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

import numpy as np

from ..core.config import standardize_data_format
from ..core.types import ArrayLike
from ..ops.bounding_boxes import convert_format

Color = Sequence[int]


def draw_bounding_boxes(
    images: ArrayLike,
    bounding_boxes: Mapping[str, ArrayLike],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draws bounding boxes on images.

    Args:
        images: Images, `(batch, height, width, 3)`, values from 0 to 255.
        bounding_boxes: Dict of `boxes`, `(batch, boxes, 4)`, `labels`, `(batch, boxes)` (-1 for no box), and optionally
            `confidences`, of the labels' shape.
        bounding_box_format: Format of the boxes, as for `keras.utils.bounding_boxes.convert_format`.
        class_mapping: Names of the classes by label, to write beside the boxes, which needs Pillow.
        color: Color of the boxes, RGB from 0 to 255.
        line_thickness: Thickness of the lines in pixels.
        text_thickness: Thickness of the text's strokes in pixels.
        font_scale: Size of the text, 1 for about 12 pixels.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        The images, uint8, channels last.

    Raises:
        TypeError: `bounding_boxes` isn't a dict.
        ValueError: `images` aren't a batch, or `boxes` or `labels` are missing.

    >>> boxes = {"boxes": np.array([[[1, 1, 3, 3]]]), "labels": np.array([[0]])}
    >>> image = draw_bounding_boxes(np.zeros((1, 5, 5, 3)), boxes, "xyxy", color=(9, 9, 9), line_thickness=1)
    >>> image[0, :, :, 0]
    array([[0, 0, 0, 0, 0],
           [0, 9, 9, 9, 0],
           [0, 9, 0, 9, 0],
           [0, 9, 9, 9, 0],
           [0, 0, 0, 0, 0]], dtype=uint8)
    """
    drawn = _images(images, data_format)
    if not isinstance(bounding_boxes, Mapping):
        raise TypeError(f"`bounding_boxes` should be a dict. Received: bounding_boxes of type {type(bounding_boxes)}")
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            f"`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. Received: "
            f"bounding_boxes.keys()={list(bounding_boxes)}"
        )
    height, width = drawn.shape[1:3]
    found = np.asarray(bounding_boxes["boxes"], "float32")
    corners = np.asarray(convert_format(found, bounding_box_format, "xyxy", height=height, width=width))
    labels = np.asarray(bounding_boxes["labels"]).reshape(corners.shape[:2]).astype(int)
    confidences = bounding_boxes.get("confidences")
    for i in range(len(drawn)):
        for j, (x1, y1, x2, y2) in enumerate(corners[i].astype(int)):
            if labels[i, j] == -1:
                continue
            for k in range(max(1, line_thickness)):  # outwards, ring by ring
                _outline(drawn[i], x1 - k, y1 - k, x2 + k, y2 + k, color)
            if class_mapping and labels[i, j] in class_mapping:
                text = str(class_mapping[labels[i, j]])
                if confidences is not None:
                    text += f": {float(np.asarray(confidences)[i, j]):.2f}"
                drawn[i] = _write(drawn[i], text, (x1, y1), color, font_scale, text_thickness)
    return drawn


def _images(images: ArrayLike, data_format: str | None) -> np.ndarray:
    """Returns a copy of a batch of images, uint8, channels last."""
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"`images` must be batched 4D tensor. Received: images.shape={images.shape}")
    if standardize_data_format(data_format) == "channels_first":
        images = images.transpose(0, 2, 3, 1)
    return np.array(images).astype("uint8")


def _outline(image: np.ndarray, x1: int, y1: int, x2: int, y2: int, color: Color) -> None:
    height, width = image.shape[:2]
    left, right, top, bottom = max(x1, 0), min(x2 + 1, width), max(y1, 0), min(y2 + 1, height)
    for y in (y1, y2):
        if 0 <= y < height:
            image[y, left:right] = color
    for x in (x1, x2):
        if 0 <= x < width:
            image[top:bottom, x] = color


def _write(
    image: np.ndarray, text: str, corner: tuple[int, int], color: Color, scale: float, thickness: int
) -> np.ndarray:
    try:
        pillow = {name: importlib.import_module(f"PIL.{name}") for name in ("Image", "ImageDraw", "ImageFont")}
    except ImportError as error:
        raise ImportError("Names of classes are written with Pillow: `pip install addax-keras[images]`.") from error
    picture = pillow["Image"].fromarray(image)
    size = max(int(12 * scale), 6)
    font = pillow["ImageFont"].load_default(size)
    place = (max(corner[0], 0), max(corner[1] - size - 2, 0))
    pillow["ImageDraw"].Draw(picture).text(
        place, text, fill=tuple(color), font=font, stroke_width=max(thickness - 1, 0)
    )
    return np.array(picture)


def draw_segmentation_masks(
    images: ArrayLike,
    segmentation_masks: ArrayLike,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Draws segmentation masks on images, each class in a color of its own.

    Args:
        images: Images, `(batch, height, width, 3)`, values from 0 to 255.
        segmentation_masks: Classes of the pixels, int `(batch, height, width)` or `(batch, height, width, 1)`.
        num_classes: Number of classes; None for one more than the largest in the masks.
        color_mapping: Colors by class, RGB from 0 to 255; None for a palette.
        alpha: Opacity of the masks, in [0, 1].
        blend: Whether the masks are mixed with the images, rather than drawn over them.
        ignore_index: Class that isn't drawn.
        data_format: "channels_last" or "channels_first"; None for the default.

    Returns:
        The images, uint8, channels last.

    Raises:
        TypeError: The masks aren't ints.
        ValueError: `images` aren't a batch.

    >>> masks = np.array([[[[0], [1]]]])
    >>> draw_segmentation_masks(np.zeros((1, 1, 2, 3)), masks, color_mapping={1: (100, 0, 0)}, alpha=0.5)[0, 0]
    array([[ 0,  0,  0],
           [50,  0,  0]], dtype=uint8)
    """
    plain = _images(images, data_format)
    masks = np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(
            f"`segmentation_masks` must be in integer dtype. Received: segmentation_masks.dtype={masks.dtype}"
        )
    if masks.ndim == 4:
        masks = masks.squeeze(1 if standardize_data_format(data_format) == "channels_first" else -1)
    classes = int(masks.max(initial=0)) + 1 if num_classes is None else num_classes
    colors = palette(classes) if color_mapping is None else color_mapping
    drawn = plain.copy()
    for label in range(classes):
        if label != ignore_index and label in colors:
            drawn[masks == label] = colors[label]
    if not blend:
        return drawn
    return (plain.astype("float32") * (1 - alpha) + drawn.astype("float32") * alpha).astype("uint8")


def palette(count: int) -> dict[int, Color]:
    """Returns distinct colors for classes: the background, class 0, is black.

    Args:
        count: Number of classes.
    """
    return {label: (label % 255, label * 127 % 255, label * 31 % 255) for label in range(count)}


__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "palette"]
