"""Layers that change the size of images: `Resizing`, `CenterCrop` and `RandomCrop`; `MaxNumBoundingBoxes`."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

from ..core.engine import jnp, lax
from ..core.op import Tensor
from ..core.types import Array, ImageOptions, LayerOptionsButName, PlainImageOptions, SeedLike, Tree
from ..ops import image as image_ops
from ..random import uniform
from .image_base import BaseImagePreprocessingLayer, Boxes, Frame, Transformation
from .layer import Shape
from .sizes import choice, count, flag

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class Window(NamedTuple):
    """A part of images, and the size of the images."""

    top: int | Array
    left: int | Array
    height: int
    width: int
    image_height: int
    image_width: int


class Sized(BaseImagePreprocessingLayer):
    """Base of layers whose results have a given height and width, in training and at inference."""

    rowwise: str | bool = "always"
    _at_inference = True
    _moves_pixels = True

    def _set_size(self, height: int, width: int) -> None:
        self.height = count(self, "height", height)
        self.width = count(self, "width", width)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = (self.height, self.width)
        if self.data_format == "channels_last":
            return (*input_shape[:-3], *size, input_shape[-1])
        return (*input_shape[:-2], *size)

    def _sizes(self, images: Array) -> tuple[int, int]:
        _, height, width, _ = self._frame(images)
        return height, width

    def _cut(self, images: Array, window: Window) -> Array:
        """Returns a part of images, resized to the size of the layer."""
        first = 1 if self.data_format == "channels_last" else 2
        starts: list[int | Array] = [0] * 4
        sizes = list(images.shape)
        starts[first : first + 2] = window[:2]
        sizes[first : first + 2] = window[2:4]
        if all(isinstance(n, int) for n in window[:2]):
            return images[tuple(slice(start, start + n) for start, n in zip(starts, sizes))]
        return lax.dynamic_slice(images, starts, sizes)

    def _fitted(self, images: Array, window: Window, interpolation: str | None) -> Array:
        """Returns a window of images, resized to the size of the layer."""
        images = self._cut(images, window)
        same = window[2:4] == (self.height, self.width)
        return images if same else self._resized(images, interpolation or "bilinear")

    def _resized(self, images: Array, interpolation: str, **kwargs: Any) -> Array:
        return image_ops.resize(
            images, (self.height, self.width), interpolation, data_format=self.data_format, **kwargs
        )


class Resizing(Sized):
    """Resizes images.

    Args:
        height, width: New size, in pixels.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: Whether to center-crop to the new aspect ratio first, rather than distort.
        pad_to_aspect_ratio: Whether to pad to the new aspect ratio first, rather than distort.
        fill_mode: Mode of padding; only "constant" is supported.
        fill_value: Value of padded pixels.
        antialias: Whether to apply an antialiasing filter when downsampling.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive, `interpolation` or `fill_mode` is unknown, or both aspect-ratio arguments are
            true.

    >>> keras.layers.Resizing(2, 3)(np.ones((1, 4, 4, 3))).shape
    (1, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        self.interpolation = choice(self, "interpolation", interpolation, _INTERPOLATIONS)
        self.fill_mode = choice(self, "fill_mode", fill_mode, ("constant",))
        self.crop_to_aspect_ratio = flag(self, "crop_to_aspect_ratio", crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = flag(self, "pad_to_aspect_ratio", pad_to_aspect_ratio)
        self.antialias = flag(self, "antialias", antialias)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`. (layer "
                f"'{self.name}' of type Resizing)"
            )
        self.fill_value = fill_value

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return frame.height, frame.width

    def _size_before(self, transformation: Transformation) -> tuple[int, int]:
        return transformation

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return self._resized(
            images,
            interpolation or self.interpolation,
            antialias=self.antialias and interpolation is None,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_value=self.fill_value,
        )

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> tuple[Array, int, int]:
        sizes = (transformation[1], transformation[0])  # of x and y
        targets = (self.width, self.height)
        ratios = [target / n for target, n in zip(targets, sizes)]
        offsets = [0, 0]
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            ratio = max(ratios) if self.crop_to_aspect_ratio else min(ratios)
            offsets = [int((target - n * ratio) / 2) for target, n in zip(targets, sizes)]
            ratios = [ratio, ratio]
        return boxes * jnp.asarray(ratios * 2, boxes.dtype) + jnp.asarray(offsets * 2, boxes.dtype), *targets[::-1]


class Cropping(Sized):
    """Base of layers that cut a window out of images, which is enlarged where images are smaller."""

    def _aspect_window(self, height: int, width: int) -> Window:
        """Returns the largest centered window of the new aspect ratio."""
        tall = min(height, int(float(width * self.height) / self.width))
        wide = min(width, int(float(height * self.width) / self.height))
        return Window(int(float(height - tall) / 2), int(float(width - wide) / 2), tall, wide, height, width)

    def _window(self, transformation: Transformation, height: int, width: int) -> Window:
        """Returns the window of a transformation in images of this size."""
        raise NotImplementedError

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return self._fitted(images, self._window(transformation, *self._sizes(images)), interpolation)

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> tuple[Array, int, int]:
        top, left, height, width, *_ = self._window(transformation, *self._size_before(transformation))
        offset = jnp.stack([jnp.asarray(n, boxes.dtype) for n in (left, top, left, top)])
        ratios = jnp.asarray([self.width / width, self.height / height] * 2, boxes.dtype)
        return (boxes - offset) * ratios, self.height, self.width


class CenterCrop(Cropping):
    """Crops the center of images. Smaller images are cropped to the aspect ratio and enlarged.

    Args:
        height, width: Size of the window, in pixels.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive.

    >>> keras.layers.CenterCrop(1, 2)(np.arange(12.0).reshape(3, 4, 1))[..., 0]
    Array([[5., 6.]], dtype=float32)
    """

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Unpack[ImageOptions]):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        return {"input_shape": self._shape(frame)}

    def _window(self, transformation: Transformation, height: int, width: int) -> Window:
        if height < self.height or width < self.width:
            return self._aspect_window(height, width)
        top, left = int((height - self.height) / 2), int((width - self.width) / 2)
        return Window(top, left, self.height, self.width, height, width)


class RandomCrop(Cropping):
    """Crops images at a random position, the same for all images of a batch; at inference, the center.

    Where an image isn't larger than the window in both directions, and at inference, the window is the largest centered
    one of the same aspect ratio, resized.

    Args:
        height, width: Size of the window, in pixels.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        name: Name; automatic when None.
        **kwargs: `bounding_box_format`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: A size isn't positive.

    >>> keras.layers.RandomCrop(2, 3)(np.ones((1, 4, 4, 3)), training=True).shape
    (1, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[LayerOptionsButName],
    ):
        super().__init__(data_format=data_format, name=name, **kwargs)
        self._set_size(height, width)
        self._seeded(seed)

    def get_random_transformation(self, data: Tree, training: bool = True, seed: SeedLike = None) -> Window:
        """Draws a window.

        Args:
            data: Images, or a dict with "images".
            training: Whether to draw the position; the largest window of the aspect ratio otherwise.
            seed: Seed of the draws; None for the layer's generator.

        Returns:
            Top, left, height and width of the window, and the size of the images.
        """
        _, height, width, _ = self._frame(data)
        window = self._aspect_window(height, width)
        if not training:
            return window
        seed = self.generator if seed is None else seed
        spare = (height - self.height, width - self.width)
        if min(spare) > 0:
            top, left = ((uniform((), seed=seed) * (n + 1)).astype("int32") for n in spare)
            window = window._replace(top=top, left=left)
        return window._replace(height=min(height, self.height), width=min(width, self.width))

    def _window(self, transformation: Transformation, height: int, width: int) -> Window:
        if len(transformation) > 2:
            return transformation
        top, left = transformation
        return Window(top, left, min(height, self.height), min(width, self.width), height, width)

    def _size_before(self, transformation: Transformation) -> tuple[int, int]:
        return transformation[4:]


class MaxNumBoundingBoxes(BaseImagePreprocessingLayer):
    """Gives all images the same number of bounding boxes: further ones are left out, missing ones filled up.

    Args:
        max_number: Number of boxes.
        fill_value: Value of the boxes and labels that are filled up.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    >>> layer = keras.layers.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
    >>> boxes = {"boxes": np.ones((1, 1, 4)), "labels": np.array([[3]])}
    >>> layer({"images": np.ones((1, 4, 4, 3)), "bounding_boxes": boxes})["bounding_boxes"]["labels"]
    Array([[ 3, -1]], dtype=int32)
    """

    rowwise = "always"

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Unpack[PlainImageOptions]):
        super().__init__(**kwargs)
        self.max_number = count(self, "max_number", max_number)
        self.fill_value = fill_value

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        def filled(values: Tensor) -> Tensor:
            values = jnp.asarray(values)[:, : self.max_number]
            pads = [(0, 0)] * values.ndim
            pads[1] = (0, self.max_number - values.shape[1])
            return jnp.pad(values, pads, constant_values=jnp.asarray(self.fill_value, values.dtype))

        return {key: filled(value) for key, value in bounding_boxes.items()}

    _config_skip = ("fill_value", "factor", "bounding_box_format")
