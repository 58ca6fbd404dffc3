"""Augmentation that moves pixels: flips, translations, zooms, rotations, shears, perspective and elastic transforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from ..core.engine import jnp
from ..core.op import Tensor
from ..core.seeds import draw_key
from ..core.types import Array, ArrayLike, Config, ImageOptions, SeedLike
from ..kernels import resampling
from ..ops import bounding_boxes as box_ops
from ..random import uniform
from .image_base import (
    ALL_FILL_MODES,
    BaseImagePreprocessingLayer,
    Boxes,
    Factor,
    Frame,
    Transformation,
    chance,
    check_sampling,
    factor_pair,
    order_of,
    per_image,
)
from .image_base import _numbers as numbers
from .sizes import choice


class GeometricAugmentation(BaseImagePreprocessingLayer):
    """Base of augmentation that moves pixels, of images and masks alike."""

    _moves_pixels = True
    interpolation = "bilinear"
    fill_mode = "constant"
    fill_value: float = 0.0

    def _set_sampling(
        self,
        interpolation: str,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        fill_modes: Sequence[str] | None = None,
    ) -> None:
        check_sampling(self, interpolation, fill_mode, *([fill_modes] if fill_modes else []))
        self.interpolation = interpolation
        self.fill_mode = fill_mode
        self.fill_value = fill_value

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        order = order_of(interpolation or self.interpolation)
        return self._restored(self._sampled(self._channels_last(images), transformation, order))

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        """Applies a transformation to images with channels last.

        Args:
            images: Float array, `(batch, height, width, channels)`.
            transformation: What `_draw` returned.
            order: 0 for the nearest pixel, 1 for bilinear interpolation.
        """
        raise NotImplementedError

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> tuple[Array, int, int]:
        height, width = self._size_before(transformation)
        return self._moved(boxes, transformation, height, width), height, width

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        """Returns where boxes, "xyxy", are in the new images of the same size."""
        raise NotImplementedError(
            f"Layer '{self.name}' ({type(self).__name__}) doesn't transform bounding boxes. Remove them from its data."
        )


_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(GeometricAugmentation):
    """Flips each image with a probability of one half.

    Args:
        mode: "horizontal", "vertical", or "horizontal_and_vertical" (a flip in both directions).
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `mode` is unknown.

    >>> keras.layers.RandomFlip("horizontal", seed=1)(np.ones((2, 4, 4, 3))).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.mode = choice(self, "mode", mode, _MODES)
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return {"flips": per_image(uniform((frame.batch,), seed=seed) <= 0.5), "input_shape": self._shape(frame)}

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        axes = [axis for axis, name in ((1, "vertical"), (2, "horizontal")) if name in self.mode]
        return jnp.where(per_image(transformation["flips"]), jnp.flip(images, axes), images)

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        x0, y0, x1, y1 = (boxes[..., i] for i in range(4))
        if "horizontal" in self.mode:
            x0, x1 = width - x1, width - x0
        if "vertical" in self.mode:
            y0, y1 = height - y1, height - y0
        return jnp.where(transformation["flips"].reshape(-1, 1, 1), jnp.stack([x0, y0, x1, y1], -1), boxes)


class Moving(GeometricAugmentation):
    """Base of augmentation by projections of the plane."""

    def get_transformed_x_y(self, x: ArrayLike, y: ArrayLike, transform: ArrayLike) -> tuple[Tensor, Tensor]:
        """Returns where points go in a projective transform.

        Args:
            x, y: Coordinates, `(points,)` or `(batch, points)`.
            transform: The eight numbers of each transform, `(8,)` or `(batch, 8)`, as in `ops.image.affine_transform`.
        """
        x, y = jnp.asarray(x), jnp.asarray(y)
        a = jnp.moveaxis(jnp.asarray(transform), -1, 0)[..., None]
        depth = a[6] * x + a[7] * y + 1
        return (a[0] * x + a[1] * y + a[2]) / depth, (a[3] * x + a[4] * y + a[5]) / depth


class Shifting(Moving):
    """Base of augmentation whose boxes can be shifted."""

    def get_shifted_bbox(self, bounding_boxes: Boxes, w_shift_factor: ArrayLike, h_shift_factor: ArrayLike) -> Boxes:
        """Returns bounding boxes moved to the left and up.

        Args:
            bounding_boxes: Dict with "boxes", `(..., 4)`, "xyxy".
            w_shift_factor, h_shift_factor: Distances to the left and up, in the unit of the boxes.
        """
        shift = _edges(w_shift_factor, h_shift_factor)
        return {**bounding_boxes, "boxes": jnp.asarray(bounding_boxes["boxes"]) - shift}


def _edges(x: ArrayLike, y: ArrayLike) -> Array:
    """Returns `(..., 4)`: x and y for both corners of boxes."""
    return jnp.stack(jnp.broadcast_arrays(x, y, x, y), -1)


def _span(layer: BaseImagePreprocessingLayer, name: str, factor: Factor) -> None:
    """Sets the attributes of a relative distance: `<name>_factor`, `<name>_lower` and `<name>_upper`.

    Raises:
        ValueError: It isn't a number or a pair of numbers in (-1, 1].
    """
    error = (
        "The `height_factor` and `width_factor` arguments should be a number (or a list of two numbers) in the range "
        "(-1.0, 1.0]. Received: {}={} " + f"(layer '{layer.name}' of type {type(layer).__name__})"
    )
    pair = numbers(factor)
    if len(pair) != (2 if isinstance(factor, (list, tuple)) else 1):
        raise ValueError(error.format(f"{name}_factor", factor))
    for number in pair:
        if not -1 < number <= 1:
            raise ValueError(error.format("input_number", number))
    lower, upper = (min(pair), max(pair)) if len(pair) == 2 else (-abs(pair[0]), abs(pair[0]))
    setattr(layer, f"{name}_factor", factor)
    setattr(layer, f"{name}_lower", lower)
    setattr(layer, f"{name}_upper", upper)


class RandomTranslation(Shifting):
    """Translates each image by a random distance.

    Args:
        height_factor, width_factor: Distance down and to the right, as a fraction of the size: a pair (lower, upper),
            or a number `f` for `(-f, f)`.
        fill_mode: Extrapolation outside the image: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        fill_value: Value outside the image in mode "constant".
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A factor isn't in (-1, 1].
        NotImplementedError: `fill_mode` or `interpolation` is unknown.

    >>> keras.layers.RandomTranslation(0.2, 0.1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        _span(self, "height", height_factor)
        _span(self, "width", width_factor)
        self._set_sampling(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    height_lower: float
    height_upper: float
    width_lower: float
    width_upper: float

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        down = uniform((frame.batch, 1), self.height_lower, self.height_upper, seed=seed) * frame.height
        right = uniform((frame.batch, 1), self.width_lower, self.width_upper, seed=seed) * frame.width
        return {"translations": jnp.concatenate([right, down], 1), "input_shape": self._shape(frame)}

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        for axis, column in ((1, 1), (2, 0)):
            at = jnp.arange(images.shape[axis], dtype="float32") - transformation["translations"][:, column, None]
            images = resampling.sample_axis(images, at, axis, order, self.fill_mode, self.fill_value)
        return images

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        return boxes + jnp.tile(transformation["translations"], (1, 2))[:, None]


class RandomZoom(Moving):
    """Zooms each image by a random factor, around its center.

    Args:
        height_factor: Relative growth of what an image shows: a pair (lower, upper), or a number `f` for `(-f, f)`.
            Positive numbers zoom out, negative ones zoom in.
        width_factor: As `height_factor`, for the width; None to keep the aspect ratio.
        fill_mode: Extrapolation outside the image: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        fill_value: Value outside the image in mode "constant".
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A factor isn't in (-1, 1].
        NotImplementedError: `fill_mode` or `interpolation` is unknown.

    >>> keras.layers.RandomZoom(0.2)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        _span(self, "height", height_factor)
        self.width_factor = None
        if width_factor is not None:
            _span(self, "width", width_factor)
        self._set_sampling(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    height_lower: float
    height_upper: float
    width_lower: float
    width_upper: float

    def get_clipped_bbox(
        self, bounding_boxes: Boxes, h_end: ArrayLike, h_start: ArrayLike, w_end: ArrayLike, w_start: ArrayLike
    ) -> Boxes:
        """Returns what remains of bounding boxes in a window of the image, relative to the window.

        Args:
            bounding_boxes: Dict with "boxes", `(..., 4)`, "xyxy" in pixels.
            h_end, h_start, w_end, w_start: Edges of the window, in pixels.
        """
        start, end = _edges(w_start, h_start), _edges(w_end, h_end)
        return {**bounding_boxes, "boxes": jnp.clip(jnp.asarray(bounding_boxes["boxes"]), start, end) - start}

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        shape = (frame.batch, 1)
        tall = wide = 1 + uniform(shape, self.height_lower, self.height_upper, seed=seed)
        if self.width_factor is not None:
            wide = 1 + uniform(shape, self.width_lower, self.width_upper, seed=seed)
        return {"height_zoom": tall, "width_zoom": wide, "input_shape": self._shape(frame)}

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        for axis, name in ((1, "height_zoom"), (2, "width_zoom")):
            size = images.shape[axis]
            offsets = jnp.arange(size, dtype="float32") - (size - 1) / 2
            at = offsets * transformation[name].reshape(-1, 1) + (size - 1) / 2
            images = resampling.sample_axis(images, at, axis, order, self.fill_mode, self.fill_value)
        return images

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        zooms = [transformation[name].reshape(-1) for name in ("width_zoom", "height_zoom")]
        center = jnp.asarray([(width - 1) / 2, (height - 1) / 2] * 2)
        return (boxes - center) / jnp.stack(zooms * 2, -1)[:, None] + center


class RandomRotation(GeometricAugmentation):
    """Rotates each image by a random angle, around its center.

    Args:
        factor: Angle in turns, counterclockwise: a pair (lower, upper), or a number `f` for `(-f, f)`.
        fill_mode: Extrapolation outside the image: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        fill_value: Value outside the image in mode "constant".
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [-1, 1], or isn't a number or a pair.
        NotImplementedError: `fill_mode` or `interpolation` is unknown.

    >>> keras.layers.RandomRotation(0.1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _takes_factor = True

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._set_sampling(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        lower, upper = self.factor
        angle = uniform((frame.batch,), lower * 360, upper * 360, seed=seed)
        radians = angle * (math.pi / 180)
        cos, sin = jnp.cos(radians), jnp.sin(radians)
        x, y = (frame.width - 1) / 2, (frame.height - 1) / 2
        zero = jnp.zeros_like(cos)
        rows = (cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, zero, zero)
        return {
            "angle": angle,
            "rotation_matrix": jnp.stack(rows, 1),
            "image_height": frame.height,
            "image_width": frame.width,
            "batch_size": frame.batch,
        }

    def _size_before(self, transformation: Transformation) -> tuple[int, int]:
        return transformation["image_height"], transformation["image_width"]

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        matrices = transformation["rotation_matrix"]
        return resampling.project(images, matrices, order, self.fill_mode, self.fill_value, affine=True)

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        return box_ops.affine_transform(boxes, transformation["angle"], 0, 0, 1, 0, 0, height, width)


class RandomShear(Shifting):
    """Shears each image by a random factor.

    Args:
        x_factor, y_factor: Pixels to shear by along x per pixel along y, and along y per pixel along x, in [0, 1]: a
            pair (lower, upper) of magnitudes, or a number `f` for `(-f, f)`. Their common sign is drawn, too.
        interpolation: "nearest" or "bilinear".
        fill_mode: Extrapolation outside the image: "reflect", "wrap", "constant" or "nearest".
        fill_value: Value outside the image in mode "constant".
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A factor isn't in [0, 1].
        NotImplementedError: `fill_mode` or `interpolation` is unknown.

    >>> keras.layers.RandomShear(0.2, 0.1)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.x_factor = self._magnitudes("x_factor", x_factor)
        self.y_factor = self._magnitudes("y_factor", y_factor)
        self._set_sampling(interpolation, fill_mode, fill_value)
        self._seeded(seed)

    def _magnitudes(self, name: str, factor: Factor) -> tuple[float, float]:
        error = (
            "The `factor` argument should be a number (or a list of two numbers) in the range [0, 1.0]. Received: "
            f"{{}}={{}} (`{name}` of layer '{self.name}' of type RandomShear)"
        )
        pair = numbers(factor)
        several = isinstance(factor, (list, tuple))
        if len(pair) != (2 if several else 1):
            raise ValueError(error.format(name, factor))
        for number in pair:
            # Configs hold a single number as a pair around 0.
            if not 0 <= number <= 1 and not (several and pair[0] == -pair[1] and abs(number) <= 1):
                raise ValueError(error.format("input_number", number))
        return (min(pair), max(pair)) if several else (-pair[0], pair[0])

    def get_config(self) -> Config:
        """Returns the config, with a number for a pair around 0: the constructor of Keras's layer takes no other."""
        config = super().get_config()
        for name in ("x_factor", "y_factor"):
            lower, upper = config[name]
            config[name] = upper if lower == -upper else (lower, upper)
        return config

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        shape = (frame.batch, 1)
        sign = jnp.where(uniform(shape, seed=seed) > 0.5, -1.0, 1.0)
        down = sign * uniform(shape, *self.y_factor, seed=seed)
        right = sign * uniform(shape, *self.x_factor, seed=seed)
        return {"shear_factor": jnp.concatenate([right, down], 1), "input_shape": self._shape(frame)}

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        right, down = transformation["shear_factor"][:, 0], transformation["shear_factor"][:, 1]
        one, zero = jnp.ones_like(right), jnp.zeros_like(right)
        matrices = jnp.stack([one, right, zero, down, one, zero, zero, zero], 1)
        return resampling.project(images, matrices, order, self.fill_mode, self.fill_value, affine=True)

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        right, down = (transformation["shear_factor"][:, i, None, None] for i in range(2))

        def move(x: Array, y: Array) -> tuple[Array, Array]:
            area = 1 - right * down
            return (x - right * y) / area, (y - down * x) / area

        return box_ops.map_corners(boxes, move)


class RandomPerspective(GeometricAugmentation):
    """Changes the perspective of images: moves their corners, all but the top left one, by random distances.

    Args:
        factor: Probability of a change: a number `p` to draw it from (0, p) for each image, or a pair (lower, upper).
        scale: Greatest distance, relative to half the size, in [0, 1].
        interpolation: "nearest" or "bilinear".
        fill_value: Value outside the image.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` or `scale` isn't in [0, 1].
        NotImplementedError: `interpolation` is unknown.

    >>> keras.layers.RandomPerspective(scale=0.3)(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        if len(numbers(scale)) != 1 or isinstance(scale, (list, tuple)) or not 0 <= scale <= 1:
            raise ValueError(
                f"The `scale` argument should be a number in the range [0,1]. Received: scale={scale} (layer "
                f"'{self.name}' of type RandomPerspective)"
            )
        self.scale = scale
        self._set_sampling(interpolation, "constant", fill_value)
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        batch, height, width, _ = frame
        apply = chance(frame, self.factor, seed)
        corners = [[0.0, 0.0], [width - 1, 0.0], [0.0, height - 1], [width - 1, height - 1]]
        start = jnp.broadcast_to(jnp.asarray(corners, "float32"), (batch, 4, 2))
        half = self.scale / 2
        end = start * (1 + uniform((batch, 4, 2), -half, half, seed=seed))
        return {
            "apply_perspective": apply,
            "start_points": start,
            "end_points": end,
            "input_shape": self._shape(frame),
        }

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        matrices = resampling.quad_to_quad(transformation["start_points"], transformation["end_points"])
        changed = resampling.project(images, matrices, order, "constant", self.fill_value)
        return jnp.where(per_image(transformation["apply_perspective"]), changed, images)

    def _moved(self, boxes: Array, transformation: Transformation, height: int, width: int) -> Array:
        # From the start points to the end points: the inverse of the transform of positions in the result.
        matrices = resampling.quad_to_quad(transformation["end_points"], transformation["start_points"])
        a = matrices.T[:, :, None, None]

        def move(x: Array, y: Array) -> tuple[Array, Array]:
            depth = a[6] * x + a[7] * y + 1
            return (a[0] * x + a[1] * y + a[2]) / depth, (a[3] * x + a[4] * y + a[5]) / depth

        moved = box_ops.map_corners(boxes, move)
        return jnp.where(transformation["apply_perspective"].reshape(-1, 1, 1), moved, boxes)


class RandomElasticTransform(GeometricAugmentation):
    """Distorts images by random displacements that vary smoothly from pixel to pixel.

    Args:
        factor: Probability of a distortion: a number `p` to draw it from (0, p) for each image, or a pair
            (lower, upper).
        scale: Strength, in [0, 1], drawn once for a batch: a pair (lower, upper), or a number `s` for (0, s).
        interpolation: "nearest" or "bilinear".
        fill_mode: Extrapolation outside the image: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: Value outside the image in mode "constant".
        value_range: Range that the values of pixels are clipped to.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` or `scale` isn't in [0, 1].
        NotImplementedError: `fill_mode` or `interpolation` is unknown, or the data have bounding boxes.

    >>> keras.layers.RandomElasticTransform(scale=0.3)(np.ones((2, 8, 8, 3)), training=True).shape
    (2, 8, 8, 3)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.scale = factor_pair(self, scale, "scale")
        self._set_sampling(interpolation, fill_mode, fill_value, ALL_FILL_MODES)
        self.value_range = value_range
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        apply = chance(frame, self.factor, seed)
        # Images and masks are displaced by the same noise: its key is drawn here.
        return {
            "apply_transform": apply,
            "distortion_factor": uniform((), *self.scale, seed=seed),
            "seed": draw_key(seed),
            "input_shape": self._shape(frame),
        }

    def get_elastic_transform_params(self, height: int, width: int, factor: ArrayLike) -> tuple[Any, Any]:
        """Returns the factor of the displacements and the width of their filter, in pixels, for a strength."""
        return max(height, width) * 0.1 * factor, min(height, width) * 0.05 * factor

    def _sampled(self, images: Array, transformation: Transformation, order: int) -> Array:
        height, width = images.shape[1:3]
        alpha, sigma = self.get_elastic_transform_params(height, width, transformation["distortion_factor"])
        most = self.get_elastic_transform_params(height, width, self.scale[1])[1]
        key = draw_key(transformation["seed"])
        moved = resampling.displace(images, key, alpha, sigma, most, order, self.fill_mode, self.fill_value)
        return jnp.where(per_image(transformation["apply_transform"]), moved, images)

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        moved = super()._augment(images, transformation, interpolation)
        return moved if interpolation else jnp.clip(moved, *self.value_range)
