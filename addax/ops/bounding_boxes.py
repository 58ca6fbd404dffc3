"""Bounding boxes: formats, clipping, affine transforms, overlaps, and offsets from anchors.

The last axis of boxes has four numbers. Formats:

| format | numbers |
|---|---|
| "xyxy" | left, top, right, bottom |
| "yxyx" | top, left, bottom, right |
| "xywh" | left, top, width, height |
| "center_xywh" | center x, center y, width, height |
| "center_yxhw" | center y, center x, height, width |

in pixels; "rel_xyxy", "rel_yxyx", "rel_xywh" and "rel_center_xywh" are relative to the size of the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.types import Array, ArrayLike, DTypeLike

Size = int | float | ArrayLike | None
# Dict of "boxes", "labels" (-1 for no box) and what else belongs to the boxes.
Boxes = dict[str, ArrayLike]
_EPSILON = 1e-7


def _swapped(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, ...]:
    return b, a, d, c


def _center_to_corners(x: Array, y: Array, w: Array, h: Array) -> tuple[Array, ...]:
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _corners_to_center(x0: Array, y0: Array, x1: Array, y1: Array) -> tuple[Array, ...]:
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


# For each format, the functions of four numbers that lead to "xyxy" and back.
_FORMATS: dict[str, tuple[Callable, Callable]] = {
    "xyxy": (lambda *box: box, lambda *box: box),
    "yxyx": (_swapped, _swapped),
    "xywh": (
        lambda x, y, w, h: (x, y, x + w, y + h),
        lambda x0, y0, x1, y1: (x0, y0, x1 - x0, y1 - y0),
    ),
    "center_xywh": (_center_to_corners, _corners_to_center),
    "center_yxhw": (
        lambda *box: _center_to_corners(*_swapped(*box)),
        lambda *box: _swapped(*_corners_to_center(*box)),
    ),
}
FORMATS = (*_FORMATS, *(f"rel_{name}" for name in ("xyxy", "yxyx", "xywh", "center_xywh")))


def check_format(*formats: str) -> None:
    """Raises ValueError unless each name is that of a format."""
    if any(str(name).lower() not in FORMATS for name in formats):
        raise ValueError(
            f"Invalid source or target format. Supported formats: {FORMATS}. Received: {', '.join(map(repr, formats))}"
        )


def _split(boxes: Array) -> tuple[Array, ...]:
    return tuple(boxes[..., i] for i in range(4))


def _per_box(size: ArrayLike, boxes: Array) -> Array:
    """Returns a size, or one per image, so that it broadcasts with `boxes[..., 0]`."""
    size = jnp.asarray(size, boxes.dtype)
    return size.reshape(size.shape + (1,) * (boxes.ndim - 1 - size.ndim)) if size.ndim else size


def convert_format(
    boxes: ArrayLike | Boxes,
    source: str,
    target: str,
    height: Size = None,
    width: Size = None,
    dtype: DTypeLike = "float32",
) -> Any:
    """Converts bounding boxes from one format to another.

    Args:
        boxes: Tensor, `(..., 4)`, or a dict with such a tensor under "boxes".
        source, target: Formats: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx",
            "rel_xywh" or "rel_center_xywh".
        height, width: Size of the image in pixels, a number or one per image; needed for relative formats.
        dtype: Float dtype of the result.

    Returns:
        Tensor of the shape of `boxes`, or a dict like the given one.

    Raises:
        ValueError: A format is unknown, the last axis isn't of size 4, or a size is needed and missing.

    >>> convert_format(np.array([[1, 2, 4, 6]]), "xyxy", "xywh")
    Array([[1., 2., 3., 4.]], dtype=float32)
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    check_format(source, target)
    source, target = source.lower(), target.lower()
    boxes = to_tensor(boxes, dtype)
    if boxes.shape[-1:] != (4,):
        raise ValueError(f"`boxes` must be a tensor with the last dimension of 4. Received: boxes.shape={boxes.shape}")
    relative = [name.startswith("rel_") for name in (source, target)]
    if source == target:
        return boxes
    if relative[0] != relative[1] and (height is None or width is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and absolute formats. "
            f"convert_format() received source=`{source}`, target=`{target}`, but height={height} and width={width}."
        )
    box = _FORMATS[source.removeprefix("rel_")][0](*_split(boxes))
    if relative[0] != relative[1]:
        w, h = _per_box(width, boxes), _per_box(height, boxes)
        box = tuple(n * m if relative[0] else n / m for n, m in zip(box, (w, h, w, h)))
    return jnp.stack(_FORMATS[target.removeprefix("rel_")][1](*box), -1)


def _only(formats: Sequence[str], given: str, function: str) -> None:
    if given not in formats:
        raise NotImplementedError(
            f"`{function}` supports `bounding_box_format` {' and '.join(map(repr, formats))}. Received: {given!r}. "
            "Convert the boxes with `convert_format`."
        )


def clip_to_image_size(
    bounding_boxes: Boxes, height: Size = None, width: Size = None, bounding_box_format: str = "xyxy"
) -> Boxes:
    """Clips bounding boxes to the image. Boxes of which nothing remains get the label -1.

    Args:
        bounding_boxes: Dict with "boxes", `(..., boxes, 4)`, and "labels", `(..., boxes)`.
        height, width: Size of the image in pixels; not needed for "rel_xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".

    Returns:
        Dict like `bounding_boxes`.

    Raises:
        NotImplementedError: The format is another one.
        ValueError: The size is missing.

    >>> clip_to_image_size({"boxes": np.array([[-1, 1, 9, 3]]), "labels": np.array([7])}, 4, 5)["boxes"]
    Array([[0., 1., 5., 3.]], dtype=float32)
    """
    _only(("xyxy", "rel_xyxy"), bounding_box_format, "clip_to_image_size")
    if bounding_box_format == "rel_xyxy":
        height = width = 1
    elif height is None or width is None:
        raise ValueError("`height` and `width` must be set if `format='xyxy'`.")
    boxes = to_tensor(bounding_boxes["boxes"], "float32")
    labels = to_tensor(bounding_boxes["labels"])
    limits = [_per_box(size, boxes) for size in (width, height, width, height)]
    x0, y0, x1, y1 = (jnp.clip(n, 0, limit) for n, limit in zip(_split(boxes), limits))
    labels = jnp.where((x1 - x0) * (y1 - y0) > 0, labels, jnp.asarray(-1, labels.dtype))
    return {**bounding_boxes, "boxes": jnp.stack([x0, y0, x1, y1], -1), "labels": labels}


def affine_matrix(
    angle: ArrayLike, scale: ArrayLike, shear_x: ArrayLike, shear_y: ArrayLike
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Returns the rows of the matrix of a rotation and shear (degrees, counterclockwise on screen) and a scale."""
    radians = math.pi / 180
    angle = jnp.asarray(angle, "float32") * radians
    tan_x, tan_y = (jnp.tan(jnp.asarray(shear, "float32") * radians) for shear in (shear_x, shear_y))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    down, across = sin - cos * tan_y, cos + sin * tan_y
    return (scale * (cos + down * tan_x), scale * (sin + across * tan_x)), (-scale * down, scale * across)


def map_corners(boxes: Array, move: Callable[[Array, Array], tuple[Array, Array]]) -> Array:
    """Returns the boxes around the moved corners of boxes.

    Args:
        boxes: `(..., 4)`, "xyxy".
        move: Function of the x and y of points, arrays of shape `(..., 4)`, that returns new ones.
    """
    x0, y0, x1, y1 = _split(boxes)
    x, y = move(jnp.stack([x0, x1, x0, x1], -1), jnp.stack([y0, y0, y1, y1], -1))
    return jnp.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], -1)


def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: int,
    width: int,
    center_x: ArrayLike | None = None,
    center_y: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Returns the upright boxes around bounding boxes that were rotated, translated, scaled and sheared.

    Args:
        boxes: Tensor, `(batch, boxes, 4)` or `(boxes, 4)`.
        angle: Angles, counterclockwise, in degrees: a number, or one per image, like all that follow.
        translate_x, translate_y: Translations as fractions of `width - 1` and `height - 1`.
        scale: Factors of the size.
        shear_x, shear_y: Angles of shear, in degrees.
        height, width: Size of the image in pixels.
        center_x, center_y: Fixed point, as fractions of `width - 1` and `height - 1`; None for the center.
        bounding_box_format: "xyxy".

    Returns:
        Tensor of the shape of `boxes`, not clipped to the image.

    Raises:
        NotImplementedError: The format is another one.

    >>> affine_transform(np.array([[0.0, 0.0, 2.0, 1.0]]), 90, 0, 0, 1, 0, 0, 3, 3).round()
    Array([[0., 0., 1., 2.]], dtype=float32)
    """
    _only(("xyxy",), bounding_box_format, "affine_transform")
    boxes = to_tensor(boxes, "float32")

    def number(value: ArrayLike) -> Array:
        value = jnp.asarray(value, "float32")
        return value.reshape(-1, *(1,) * (boxes.ndim - 1)) if value.ndim else value

    (a, b), (c, d) = affine_matrix(*map(number, (angle, scale, shear_x, shear_y)))
    center = [number(0.5 if c is None else c) * (n - 1) for c, n in ((center_x, width), (center_y, height))]
    shift = [number(t) * (n - 1) for t, n in ((translate_x, width), (translate_y, height))]

    def move(x: Array, y: Array) -> tuple[Array, Array]:
        x, y = x + shift[0] - center[0], y + shift[1] - center[1]
        return a * x + b * y + center[0], c * x + d * y + center[1]

    return map_corners(boxes, move)


def crop(
    boxes: ArrayLike, top: Size, left: Size, height: Size, width: Size, bounding_box_format: str = "xyxy"
) -> Array:
    """Returns bounding boxes in a cropped image, clipped to it.

    Args:
        boxes: Tensor, `(..., 4)`.
        top, left: First row and column that are kept.
        height, width: Size of the cropped image.
        bounding_box_format: "xyxy".

    Returns:
        Tensor of the shape of `boxes`.

    Raises:
        NotImplementedError: The format is another one.

    >>> crop(np.array([[1.0, 2.0, 5.0, 8.0]]), 1, 2, 4, 5)
    Array([[0., 1., 3., 4.]], dtype=float32)
    """
    _only(("xyxy",), bounding_box_format, "crop")
    boxes = pad(boxes, -jnp.asarray(top), -jnp.asarray(left))
    limits = (_per_box(width, boxes), _per_box(height, boxes)) * 2
    return jnp.stack([jnp.clip(n, 0, limit) for n, limit in zip(_split(boxes), limits)], -1)


def pad(
    boxes: ArrayLike,
    top: Size,
    left: Size,
    height: Size = None,
    width: Size = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Returns bounding boxes in a padded image.

    Args:
        boxes: Tensor, `(..., 4)`.
        top, left: Numbers of rows and columns that were added before the image.
        height, width: Not used.
        bounding_box_format: "xyxy".

    Returns:
        Tensor of the shape of `boxes`.

    Raises:
        NotImplementedError: The format is another one.

    >>> pad(np.array([[1.0, 2.0, 5.0, 8.0]]), top=1, left=2)
    Array([[3., 3., 7., 9.]], dtype=float32)
    """
    del height, width
    _only(("xyxy",), bounding_box_format, "pad")
    boxes = to_tensor(boxes, "float32")
    return boxes + jnp.stack([_per_box(n, boxes) for n in (left, top, left, top)], -1)


def _corners(boxes: ArrayLike, bounding_box_format: str, image_shape: Sequence[int] | None) -> Array:
    """Returns boxes as "xyxy", in pixels."""
    if str(bounding_box_format).startswith("rel_") and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument must be provided."
            f"Received `image_shape`: {image_shape}"
        )
    return convert_format(boxes, bounding_box_format, "xyxy", *_image_size(image_shape))


def _image_size(image_shape: Sequence[int] | None) -> tuple[Size, Size]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _intersection(a: Sequence[Array], b: Sequence[Array]) -> Array:
    across, down = (jnp.minimum(a[i + 2], b[i + 2]) - jnp.maximum(a[i], b[i]) for i in range(2))
    return jnp.maximum(across, 0) * jnp.maximum(down, 0)


def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: int = -1,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Computes the intersection over union of each pair of bounding boxes.

    Args:
        boxes1, boxes2: Tensors, `(n, 4)` and `(m, 4)`, each with or without a batch axis in front.
        bounding_box_format: Format of both.
        use_masking: Whether boxes of negative numbers are no boxes.
        mask_val: Result for pairs with such a box.
        image_shape: Shape of the images, `(height, width, channels)`; needed for relative formats.

    Returns:
        Tensor, `(n, m)` or `(batch, n, m)`, of numbers in [0, 1].

    Raises:
        ValueError: The ranks don't fit, the format is unknown, or `image_shape` is missing.

    >>> compute_iou(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0.0, 0.0, 1.0, 2.0]]), "xyxy")
    Array([[0.5]], dtype=float32)
    """
    ranks = [len(jnp.shape(boxes)) for boxes in (boxes1, boxes2)]
    if not set(ranks) <= {2, 3}:
        raise ValueError(
            "compute_iou() expects boxes1 to be batched, or to be unbatched. Received "
            f"len(boxes1.shape)={ranks[0]}, len(boxes2.shape)={ranks[1]}. Expected either len(boxes1.shape)=2 AND or "
            "len(boxes1.shape)=3."
        )
    first, second = (_corners(boxes, bounding_box_format, image_shape) for boxes in (boxes1, boxes2))
    first, second = first[..., :, None, :], second[..., None, :, :]
    both = _intersection(_split(first), _split(second))
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in map(_split, (first, second))]
    overlap = both / (areas[0] + areas[1] - both + _EPSILON)
    if use_masking:
        absent = [(jnp.asarray(to_tensor(boxes)) < 0).all(-1) for boxes in (boxes1, boxes2)]
        overlap = jnp.where(absent[0][..., :, None] | absent[1][..., None, :], mask_val, overlap)
    return overlap


def compute_ciou(
    boxes1: ArrayLike, boxes2: ArrayLike, bounding_box_format: str, image_shape: Sequence[int] | None = None
) -> Array:
    """Computes the complete intersection over union of bounding boxes ([paper](https://arxiv.org/abs/2005.03572)).

    It takes the distance of the centers and the difference of the aspect ratios into account, too.

    Args:
        boxes1, boxes2: Tensors, `(..., n, 4)`; the boxes at the same position are compared.
        bounding_box_format: Format of both.
        image_shape: Shape of the images, `(height, width, channels)`; needed for relative formats.

    Returns:
        Tensor, `(..., n)`.

    Raises:
        ValueError: The format is unknown, or `image_shape` is missing.

    >>> box = np.array([[0.0, 0.0, 2.0, 2.0]])
    >>> compute_ciou(box, box, "xyxy").round(5)
    Array([1.], dtype=float32)
    """
    a, b = (_split(_corners(boxes, bounding_box_format, image_shape)) for boxes in (boxes1, boxes2))
    sizes = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in (a, b)]
    both = _intersection(a, b)
    overlap = both / (sizes[0][0] * sizes[0][1] + sizes[1][0] * sizes[1][1] - both + _EPSILON)
    hull = [jnp.maximum(a[i + 2], b[i + 2]) - jnp.minimum(a[i], b[i]) for i in range(2)]
    distance = sum((a[i] + a[i + 2] - b[i] - b[i + 2]) ** 2 for i in range(2)) / 4
    ratios = [jnp.arctan(w / h) for w, h in sizes]
    difference = 4 / math.pi**2 * (ratios[1] - ratios[0]) ** 2
    weight = difference / (difference - overlap + 1 + _EPSILON)
    return overlap - (distance / (hull[0] ** 2 + hull[1] ** 2 + _EPSILON) + weight * difference)


def _variance(variance: Sequence[float] | None) -> Array:
    if variance is None:
        return jnp.ones(4)
    numbers = to_tensor(variance, "float32")
    if numbers.shape[-1:] != (4,):
        raise ValueError(f"`variance` must be length 4, got {variance}")
    return numbers


_CENTERED = ("center_xywh", "center_yxhw")


def encode_box_to_deltas(
    anchors: ArrayLike | dict[str, ArrayLike],
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Encodes bounding boxes as offsets from anchors, the targets of detectors.

    Args:
        anchors: Tensor, `(anchors, 4)`, or a dict of such tensors, one per level.
        boxes: Tensor, `(batch, anchors, 4)` or `(anchors, 4)`: a box for each anchor.
        anchor_format, box_format: Formats.
        encoding_format: "center_xywh" or "center_yxhw": order of the offsets.
        variance: Four factors that the offsets are divided by.
        image_shape: Shape of the images, `(height, width, channels)`; needed for relative formats.

    Returns:
        Tensor of the shape of `boxes`: offsets of the center in sizes of the anchor, and logarithms of the ratios of
        the sizes.

    Raises:
        ValueError: A format is unknown, or `variance` doesn't have four numbers.

    >>> encode_box_to_deltas(np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([[1.0, 0.0, 5.0, 4.0]]), "xyxy", "xyxy")
    Array([[0.  , 0.25, 0.  , 0.  ]], dtype=float32)
    """
    if encoding_format not in _CENTERED:
        raise ValueError(f"`encoding_format` should be one of 'center_xywh' or 'center_yxhw', got {encoding_format}")
    factors = _variance(variance)
    if isinstance(anchors, dict):
        anchors = jnp.concatenate([to_tensor(a, "float32") for a in anchors.values()])
    size = _image_size(image_shape)
    anchor = convert_format(anchors, anchor_format, encoding_format, *size)
    box = convert_format(boxes, box_format, encoding_format, *size)
    extent = jnp.maximum(anchor[..., 2:], _EPSILON)
    centers = (box[..., :2] - anchor[..., :2]) / extent
    ratios = jnp.log(jnp.maximum(box[..., 2:], _EPSILON) / extent)
    return jnp.concatenate(jnp.broadcast_arrays(centers, ratios), -1) / factors


def decode_deltas_to_boxes(
    anchors: ArrayLike | dict[str, ArrayLike],
    boxes_delta: ArrayLike | dict[str, ArrayLike],
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Sequence[float] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Array | dict[str, Array]:
    """Decodes offsets from anchors to bounding boxes: the inverse of `encode_box_to_deltas`.

    Args:
        anchors: Tensor, `(anchors, 4)`, or a dict of such tensors, one per level.
        boxes_delta: Offsets: tensor, `(batch, anchors, 4)` or `(anchors, 4)`, or a dict with the keys of `anchors`.
        anchor_format, box_format: Formats of the anchors and of the result.
        encoded_format: "center_xywh" or "center_yxhw": order of the offsets.
        variance: Four factors that the offsets are multiplied by.
        image_shape: Shape of the images, `(height, width, channels)`; needed for relative formats.

    Returns:
        Tensor of the shape of `boxes_delta`, or a dict of tensors.

    Raises:
        ValueError: A format is unknown, `variance` doesn't have four numbers, or only one argument is a dict.

    >>> decode_deltas_to_boxes(np.array([[0.0, 0.0, 4.0, 4.0]]), np.array([[0.0, 0.25, 0.0, 0.0]]), "xyxy", "xyxy")
    Array([[1., 0., 5., 4.]], dtype=float32)
    """
    if encoded_format not in _CENTERED:
        raise ValueError(f"`encoded_format` should be 'center_xywh' or 'center_yxhw', but got '{encoded_format}'.")
    factors = _variance(variance)
    if isinstance(anchors, dict) != isinstance(boxes_delta, dict):
        raise ValueError(
            "`anchors` and `boxes_delta` must both be dicts with the same keys, or both be tensors. Received: "
            f"anchors of type {type(anchors).__name__}, boxes_delta of type {type(boxes_delta).__name__}"
        )
    size = _image_size(image_shape)

    def decoded(anchors: ArrayLike, delta: ArrayLike) -> Array:
        anchor = convert_format(anchors, anchor_format, encoded_format, *size)
        delta = to_tensor(delta, "float32") * factors
        center = delta[..., :2] * anchor[..., 2:] + anchor[..., :2]
        extent = jnp.exp(delta[..., 2:]) * anchor[..., 2:]
        return convert_format(jnp.concatenate([center, extent], -1), encoded_format, box_format, *size)

    if isinstance(anchors, dict):
        return {key: decoded(anchors[key], delta) for key, delta in boxes_delta.items()}  # type: ignore[union-attr]
    return decoded(anchors, boxes_delta)  # type: ignore[arg-type]
