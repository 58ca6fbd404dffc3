"""Base of the layers that preprocess and augment images, with their labels, bounding boxes and segmentation masks.

Each layer draws a transformation (a dict of arrays) and applies it to whatever belongs to the images. A leaf draws it
in `_draw` and applies it in `_augment`; the base adds the batch axis of single images, casts, converts the formats of
boxes, and leaves data unchanged where there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Unpack

from ..core.config import standardize_data_format
from ..core.dtypes import is_float, numpy_dtype
from ..core.engine import jnp
from ..core.keras_tensor import KerasTensor
from ..core.op import Tensor
from ..core.seeds import SeedGenerator
from ..core.types import Array, ArrayLike, LayerOptions, SeedLike, Tree
from ..kernels import resampling
from ..ops import bounding_boxes as box_ops
from ..random import uniform
from .data_layer import DataLayer
from .layer import Layer
from .sizes import wide_dtype

# None, a dict of arrays, or what a subclass draws instead.
Transformation = Any
Factor = float | Sequence[float] | None
Boxes = dict[str, ArrayLike]

INTERPOLATIONS = ("nearest", "bilinear")
_FILL_MODES = ("reflect", "wrap", "constant", "nearest")


class Frame(NamedTuple):
    """Sizes of a batch of images. Unknown ones are symbols or None."""

    batch: int
    height: int
    width: int
    channels: int


class BaseImagePreprocessingLayer(DataLayer):
    """Base of layers that preprocess images, or dicts of images and what belongs to them.

    Args:
        factor: Strength of the augmentation, where the layer has one: a number or a pair (lower, upper).
        bounding_box_format: Format of bounding boxes in the data: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw",
            or one of the first four after "rel_".
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Call arguments: `data`: images, `(height, width, channels)` or `(batch, height, width, channels)`, or a dict with
    such "images" and with "labels", "bounding_boxes" (a dict of "boxes" and "labels"), "segmentation_masks" and others,
    which are returned unchanged. `training`: whether to augment.

    Raises:
        ValueError: `factor` is given to a layer without one, or isn't within its bounds.
    """

    rowwise: str | bool = "inference"  # the numbers drawn depend on the size of the batch

    _takes_factor = False
    _bounds: tuple[float, float] = (-1, 1)  # what a single number may be; from the lower one, or minus it, to it
    _at_inference = False  # whether the layer works at inference as in training
    generator: SeedGenerator | None = None

    def __init__(
        self,
        factor: Factor = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = standardize_data_format(data_format)
        if self._takes_factor:
            self.factor: Any = factor_pair(self, factor)
        elif factor is None:
            self.factor = (0.0, 0.0)
        else:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. Received: factor={factor} (layer "
                f"'{self.name}')"
            )

    def _seeded(self, seed: int | None) -> None:
        """Makes the random generator of the layer."""
        self.seed = seed
        self.generator = SeedGenerator(seed)

    # What leaves define

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        """Draws a transformation for a batch of images."""
        return None

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        """Applies a transformation to a batch of float images.

        Args:
            images: `(batch, height, width, channels)`, or with channels first.
            transformation: What `_draw` returned.
            interpolation: "nearest" for segmentation masks; None for that of the layer.
        """
        return images

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> tuple[Array, int, int]:
        """Returns boxes, `(batch, boxes, 4)`, "xyxy", in the new image, and its height and width."""
        raise NotImplementedError

    _moves_pixels = False  # whether masks are to be transformed, too

    # What users call and override

    def call(self, data: Tree, training: bool = True) -> Any:
        if isinstance(data, dict) and "images" not in data:
            raise ValueError(
                f"A dict passed to layer '{self.name}' ({type(self).__name__}) must have the key 'images'. "
                f"Received: data with the keys {list(data)}"
            )
        transformation = self.get_random_transformation(data, training=training)
        if not isinstance(data, dict):
            return self._apply("image", data, transformation, training, self._is_batched(data))
        batched = self._is_batched(data["images"])
        return {
            key: self._apply(_KEYS[key], value, transformation, training, batched) if key in _KEYS else value
            for key, value in data.items()
        }

    def _apply(self, part: str, value: Tree, transformation: Transformation, training: bool, batched: bool) -> Any:
        """Transforms a part of the data: "image", "label", "bounding_box" or "segmentation_mask"."""
        if part == "bounding_box" and not self.bounding_box_format:
            raise ValueError(
                "You passed an input with a 'bounding_boxes' key, but you didn't specify a bounding box format. Pass a "
                f"`bounding_box_format` argument to your {type(self).__name__} layer, e.g. "
                "`bounding_box_format='xyxy'`."
            )
        name = f"transform_{_plural(part)}" if batched else f"transform_single_{part}"
        return getattr(self, name)(value, transformation, training=training)

    def get_random_transformation(self, data: Tree, training: bool = True, seed: SeedLike = None) -> Transformation:
        """Draws a transformation.

        Args:
            data: Images, or a dict with "images".
            training: Whether to augment.
            seed: Seed of the draws; None for the layer's generator.

        Returns:
            Dict of arrays, or None for none.
        """
        if not (training or self._at_inference):
            return None
        return self._draw(self._frame(data), self.generator if seed is None else seed)

    def transform_images(self, images: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """Applies a transformation to a batch of images; the result has the layer's compute dtype."""
        images = jnp.asarray(images)
        if transformation is None or not (training or self._at_inference):
            return self._cast(images)
        if images.ndim == 3:
            return self._cast(self._augment(self._as_float(images[None]), transformation)[0])
        return self._cast(self._augment(self._as_float(images), transformation))

    def transform_labels(self, labels: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """Applies a transformation to the labels of a batch."""
        return labels

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation, training: bool = True
    ) -> Tensor:
        """Applies a transformation to the masks of a batch, `(batch, height, width)` with or without channels."""
        if not self._moves_pixels or transformation is None or not (training or self._at_inference):
            return segmentation_masks
        masks = jnp.asarray(segmentation_masks)
        axis = -1 if self.data_format == "channels_last" else 1
        bare = masks.ndim == 3
        floats = (jnp.expand_dims(masks, axis) if bare else masks).astype(_wide(masks))
        moved = self._augment(floats, transformation, "nearest").astype(masks.dtype)
        return jnp.squeeze(moved, axis) if bare else moved

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """Applies a transformation to the bounding boxes of a batch, and clips them to the new images.

        Args:
            bounding_boxes: Dict of "boxes", `(batch, boxes, 4)`, and "labels", `(batch, boxes)`. Boxes of which nothing
                remains get the label -1.
            transformation: What `get_random_transformation` returned.
            training: Whether to augment.

        Raises:
            ValueError: `bounding_boxes` is no dict with "boxes" and "labels".
        """
        if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= set(bounding_boxes):
            raise ValueError(
                "Expected `bounding_boxes` agurment to be a dict with keys 'boxes' and 'labels'. Received: "
                f"bounding_boxes={bounding_boxes}"
            )
        moves = type(self)._move_boxes is not BaseImagePreprocessingLayer._move_boxes
        if not moves or transformation is None or not (training or self._at_inference):
            return bounding_boxes
        height, width = self._size_before(transformation)
        name = self.bounding_box_format or "xyxy"
        boxes = box_ops.convert_format(bounding_boxes["boxes"], name, "xyxy", height, width)
        boxes, height, width = self._move_boxes(boxes, transformation)
        clipped = box_ops.clip_to_image_size({**bounding_boxes, "boxes": boxes}, height, width)
        return {**clipped, "boxes": box_ops.convert_format(clipped["boxes"], "xyxy", name, height, width)}

    def transform_single_image(self, image: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """Applies a transformation to an image."""
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """Applies a transformation to the label of an image."""
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(
        self, bounding_box: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """Applies a transformation to the bounding boxes of an image: "boxes", `(boxes, 4)`, and "labels"."""
        return self._single(self.transform_bounding_boxes, bounding_box, transformation, training)

    def transform_single_segmentation_mask(
        self, segmentation_mask: Tensor, transformation: Transformation, training: bool = True
    ) -> Tensor:
        """Applies a transformation to the mask of an image."""
        return self._single(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    @staticmethod
    def _single(method: Callable, value: Tree, transformation: Transformation, training: bool) -> Any:
        if isinstance(value, dict):
            found = method({k: jnp.asarray(v)[None] for k, v in value.items()}, transformation, training=training)
            return {k: v[0] for k, v in found.items()}
        return method(jnp.asarray(value)[None], transformation, training=training)[0]

    def compute_output_shape(self, input_shape: Tree) -> Tree:
        return input_shape

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        data = args[0] if args else kwargs["data"]
        if not isinstance(data, KerasTensor):
            return super()._evaluate({"data": data, **kwargs})
        return KerasTensor(self.compute_output_shape(data.shape), self.compute_dtype)

    @property
    def _config_skip(self) -> tuple[str, ...]:  # type: ignore[override]
        own = () if self._takes_factor else ("factor",)
        return own if self.bounding_box_format else (*own, "bounding_box_format")

    # Sizes and dtypes

    def _is_batched(self, images: Tensor) -> bool:
        shape = getattr(images, "shape", None)
        if shape is None or len(shape) not in (3, 4):
            received = f"data.shape={tuple(shape)}" if shape is not None else f"data of type {type(images).__name__}"
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). Received: "
                f"{received} (layer '{self.name}' of type {type(self).__name__})"
            )
        return len(shape) == 4

    def _frame(self, data: Tree) -> Frame:
        images = data["images"] if isinstance(data, dict) else data
        batched = self._is_batched(images)
        shape = tuple(images.shape) if batched else (1, *images.shape)
        if self.data_format == "channels_first":
            shape = (shape[0], *shape[2:], shape[1])
        return Frame(*shape)

    def _shape(self, frame: Frame) -> tuple[int, ...]:
        """Returns the shape of a batch of images in the layer's data format."""
        batch, height, width, channels = frame
        last = self.data_format == "channels_last"
        return (batch, height, width, channels) if last else (batch, channels, height, width)

    def _size_before(self, transformation: Transformation) -> tuple[Any, Any]:
        """Returns height and width of the images that a transformation was drawn for."""
        shape = transformation.get("input_shape") if isinstance(transformation, dict) else None
        if shape is None:
            return None, None
        return tuple(shape[-3:-1] if self.data_format == "channels_last" else shape[-2:])  # type: ignore[return-value]

    def _as_float(self, images: Array) -> Array:
        dtype = self.compute_dtype
        return images.astype(numpy_dtype(dtype if is_float(dtype) else wide_dtype(dtype)))

    def _cast(self, images: Array) -> Array:
        return images.astype(numpy_dtype(self.compute_dtype))

    def _channels_last(self, images: Array) -> Array:
        return images if self.data_format == "channels_last" else jnp.moveaxis(images, 1, -1)

    def _restored(self, images: Array) -> Array:
        """Undoes `_channels_last`."""
        return images if self.data_format == "channels_last" else jnp.moveaxis(images, -1, 1)


_KEYS = {
    "images": "image",
    "labels": "label",
    "bounding_boxes": "bounding_box",
    "segmentation_masks": "segmentation_mask",
}


def _plural(part: str) -> str:
    return f"{part}es" if part.endswith("x") else f"{part}s"


def _wide(masks: Array) -> Any:
    """Returns the dtype that holds the values of masks while they are moved."""
    return masks.dtype if jnp.issubdtype(masks.dtype, jnp.floating) else numpy_dtype("float32")


def per_image(values: Array) -> Array:
    """Returns one number per image so that it broadcasts with images."""
    return values.reshape(-1, 1, 1, 1)


def chance(frame: Frame, factor: Sequence[float], seed: SeedLike) -> Array:
    """Draws for each image whether it is transformed: with a probability that is itself drawn from `factor`."""
    lower, upper = factor
    probability = uniform((frame.batch,), lower, upper, seed=seed)
    return uniform((frame.batch,), seed=seed) < probability


def factor_pair(layer: BaseImagePreprocessingLayer, factor: Factor, name: str = "factor") -> tuple[float, float]:
    """Returns a strength as a pair (lower, upper).

    Raises:
        ValueError: It is neither a number within the layer's bounds nor a pair of numbers.
    """
    lowest, highest = layer._bounds
    pair = _numbers(factor)
    if isinstance(factor, (list, tuple)) and len(pair) == 2:
        return tuple(sorted(pair))  # type: ignore[return-value]
    if isinstance(factor, (list, tuple)) or len(pair) != 1 or not lowest <= pair[0] <= highest:
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"[{lowest}, {highest}]. Received: {'factor' if name == 'factor' else name}={factor} (layer "
            f"'{layer.name}' of type {type(layer).__name__})"
        )
    number = abs(pair[0])
    return max(-number, lowest), number


def _numbers(value: object) -> tuple[float, ...]:
    """Returns a number or the numbers of a sequence as a tuple; an empty one if there is anything else."""
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return values if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values) else ()


def check_value_range(layer: Layer, value_range: Sequence[float]) -> list[float]:
    """Returns the range of the values of pixels, sorted.

    Raises:
        ValueError: It isn't two numbers.
    """
    numbers = _numbers(value_range)
    if not isinstance(value_range, (list, tuple)) or len(numbers) != 2:
        raise ValueError(
            f"The `value_range` argument should be a list of two numbers. Received: value_range={value_range} (layer "
            f"'{layer.name}' of type {type(layer).__name__})"
        )
    return sorted(numbers)


def check_sampling(
    layer: Layer, interpolation: str, fill_mode: str = "constant", fill_modes: Sequence[str] = _FILL_MODES
) -> None:
    """Raises NotImplementedError for an unknown fill mode or interpolation."""
    named = f"(layer '{layer.name}' of type {type(layer).__name__})"
    if fill_mode not in fill_modes:
        raise NotImplementedError(f"Unknown `fill_mode` {fill_mode}. Expected of one {tuple(fill_modes)}. {named}")
    if interpolation not in INTERPOLATIONS:
        raise NotImplementedError(f"Unknown `interpolation` {interpolation}. Expected of one {INTERPOLATIONS}. {named}")


def order_of(interpolation: str) -> int:
    """Returns the order of an interpolation: 0 for "nearest", 1 for "bilinear"."""
    return INTERPOLATIONS.index(interpolation)


ALL_FILL_MODES = tuple(resampling.FILL_MODES)
