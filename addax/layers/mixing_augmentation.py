"""Augmentation that combines images, or layers, and `RandomErasing`; `Pipeline`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Unpack

from ..core.engine import jax, jnp, lax
from ..core.op import Tensor
from ..core.seeds import SeedGenerator, draw_key
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Array, Config, ImageOptions, SeedLike
from ..random import beta, gamma, normal, randint, uniform
from .calling import call_signature
from .color_augmentation import (
    AutoContrast,
    ColorAugmentation,
    Equalization,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from .geometric_augmentation import RandomRotation, RandomShear, RandomTranslation
from .image_base import (
    BaseImagePreprocessingLayer,
    Boxes,
    Factor,
    Frame,
    Transformation,
    chance,
    check_sampling,
    check_value_range,
    factor_pair,
    per_image,
)
from .layer import Layer
from .sizes import count, number


class _Keys(SeedGenerator):
    """A generator of keys that follow from one key, for draws inside a branch of a compiled program."""

    def __init__(self, key: Array):
        self._key, self._count = key, 0

    def next(self, ordered: bool = True) -> Array:
        self._count += 1
        return jax.random.fold_in(self._key, self._count)


def _order(frame: Frame, seed: SeedLike) -> Array:
    """Draws a permutation of the images of a batch."""
    return jax.random.permutation(draw_key(seed), jnp.arange(frame.batch), independent=True)


def _mixed(values: Array, weights: Array, order: Array) -> Array:
    """Returns the weighted means of values and of those of other images."""
    if not jnp.issubdtype(values.dtype, jnp.floating):
        values = values.astype("float32")
    weights = weights.reshape(-1, *(1,) * (values.ndim - 1)).astype(values.dtype)
    return weights * values + (1 - weights) * values[order]


def _window_masks(frame: Frame, ratios: tuple[Array, Array], seed: SeedLike) -> Array:
    """Draws the position of a window for each image.

    Args:
        frame: Sizes of the images.
        ratios: Width and height of the windows relative to those of the images, `(batch,)` each.
        seed: Seed.

    Returns:
        Bools, `(batch, height, width)`.
    """
    inside = []
    for ratio, size in zip(ratios, (frame.width, frame.height)):
        extent = ratio * size
        start = (uniform((frame.batch,), seed=seed) * (size - extent))[:, None]
        at = jnp.arange(size)
        inside.append((at >= start) & (at < start + extent[:, None]))
    across, down = inside
    return down[:, :, None] & across[:, None, :]


class MixUp(BaseImagePreprocessingLayer):
    """Mixes each image, and its label, with another one of the batch ([paper](https://arxiv.org/abs/1710.09412)).

    Args:
        alpha: Parameter of the beta distribution that the weights are drawn from, in [0, 1]; greater ones mix more.
        data_format: "channels_last" or "channels_first"; None for the default.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `alpha` isn't positive.

    >>> data = {"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)}
    >>> keras.layers.MixUp()(data, training=True)["labels"].sum(1).round(3)
    Array([1., 1.], dtype=float32)
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = number(self, "alpha", alpha, least=0)
        self._seeded(seed)

    def _mixes_rows(self, training: bool) -> bool:
        return training

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        order = _order(frame, seed)
        return {"mix_weight": beta((frame.batch,), self.alpha, self.alpha, seed=seed), "permutation_order": order}

    def _weights(self, transformation: Transformation) -> tuple[Array, Array]:
        return jnp.asarray(transformation["mix_weight"]).reshape(-1), transformation["permutation_order"]

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return _mixed(images, *self._weights(transformation))

    def transform_labels(self, labels: Tensor, transformation: Transformation, training: bool = True) -> Tensor:
        """Mixes labels, one-hot or numbers, as the images are.

        Args:
            labels: Labels of a batch, `(batch, ...)`.
            transformation: Result of `get_random_transformation`; None leaves labels unchanged.
            training: Whether the layer is called in training.
        """
        if transformation is None or not training:
            return labels
        return _mixed(jnp.asarray(labels), *self._weights(transformation))

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation, training: bool = True
    ) -> Tensor:
        """Mixes masks as the images are.

        Args:
            segmentation_masks: Masks of a batch.
            transformation, training: See `transform_labels`.
        """
        return MixUp.transform_labels(self, segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """Returns the boxes of both images of each mixture.

        Args:
            bounding_boxes: Dict with "boxes" and "labels" of a batch.
            transformation, training: See `transform_labels`.
        """
        if transformation is None or not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {
            key: jnp.concatenate([jnp.asarray(value), jnp.asarray(value)[order]], 1)
            for key, value in bounding_boxes.items()
        }


class CutMix(MixUp):
    """Replaces a window of each image by that of another one of the batch, and mixes the labels
    ([paper](https://arxiv.org/abs/1905.04899)).

    Args:
        factor: Parameter of the beta distribution of the shares of the image that are kept, drawn once for a batch: a
            pair (lower, upper), or a number `f` in [0, 1] for (0, f).
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1].
        NotImplementedError: The data have bounding boxes.

    >>> data = {"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)}
    >>> keras.layers.CutMix()(data, training=True)["labels"].sum(1).round(3)
    Array([1., 1.], dtype=float32)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        BaseImagePreprocessingLayer.__init__(self, factor=factor, data_format=data_format, **kwargs)
        self._seeded(seed)

    @property
    def _config_skip(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("alpha", *super()._config_skip)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        lower, upper = self.factor
        alpha = uniform((), lower, upper, seed=seed)
        weights = beta((frame.batch,), alpha, alpha, seed=seed)
        masks = _window_masks(frame, (jnp.sqrt(1 - weights),) * 2, seed)
        axis = -1 if self.data_format == "channels_last" else 1
        shape = self._shape(frame)
        return {
            "permutation_order": _order(frame, seed),
            "batch_masks": jnp.broadcast_to(jnp.expand_dims(masks, axis), shape),
            "mix_weight": per_image(weights),
        }

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        return jnp.where(transformation["batch_masks"], images[transformation["permutation_order"]], images)

    def transform_segmentation_masks(
        self, segmentation_masks: Tensor, transformation: Transformation, training: bool = True
    ) -> Tensor:
        """Replaces the window in masks as in the images."""
        if transformation is None or not training:
            return segmentation_masks
        masks = jnp.asarray(segmentation_masks)
        axis = -1 if self.data_format == "channels_last" else 1
        inside = transformation["batch_masks"].any(axis, keepdims=masks.ndim == 4)
        return jnp.where(inside, masks[transformation["permutation_order"]], masks)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """Raises NotImplementedError in training: a box may be cut in two."""
        if transformation is None or not training:
            return bounding_boxes
        raise NotImplementedError(
            f"Layer '{self.name}' (CutMix) doesn't transform bounding boxes. Remove them from its data."
        )


class RandomErasing(ColorAugmentation):
    """Replaces a window of each image by a value or noise ([paper](https://arxiv.org/abs/1708.04896)).

    Args:
        factor: Probability: a number `p` to draw it from (0, p) for each image, or a pair (lower, upper).
        scale: Share of the image that is erased: a pair (lower, upper), or a number `s` in [0, 1] for (0, s). It is
            drawn for each direction: the sides of the window are the square roots of the shares.
        fill_value: Value, or one per channel; None for normal noise.
        value_range: Range of the values of pixels, which noise is clipped to.
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` or `scale` is a number outside [0, 1], or `value_range` isn't two numbers.

    >>> keras.layers.RandomErasing((1.0, 1.0), (1.0, 1.0), fill_value=3)(np.ones((1, 1, 2, 1))).ravel()
    Array([3., 3.], dtype=float32)
    """

    _takes_factor = True
    _bounds = (0, 1)

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.scale = factor_pair(self, scale, "scale")
        self.fill_value = fill_value
        self.value_range = check_value_range(self, value_range)
        self._seeded(seed)

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        lower, upper = self.scale
        ratios = jnp.sqrt(uniform((frame.batch, 2), lower, upper, seed=seed))
        masks = _window_masks(frame, (ratios[:, 0], ratios[:, 1]), seed)
        apply = chance(frame, self.factor, seed)
        shape = self._shape(frame)
        if self.fill_value is None:
            fill = self._clipped(normal(shape, dtype="float32", seed=seed) * self.value_range[1])
        else:
            fill = jnp.asarray(self.fill_value, "float32")
            across = (1, -1, 1, 1) if self.data_format == "channels_first" and fill.ndim else (-1,)
            fill = jnp.broadcast_to(fill.reshape(across), shape)
        axis = -1 if self.data_format == "channels_last" else 1
        masks = jnp.broadcast_to(jnp.expand_dims(masks, axis), shape)
        return {"apply_erasing": apply, "batch_masks": masks, "fill_value": fill}

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        erased = transformation["batch_masks"] & per_image(transformation["apply_erasing"])
        return jnp.where(erased, transformation["fill_value"].astype(images.dtype), images)


# Names of the layers that `Composed` makes, in the order in which Keras draws them.
_MOVING = ("random_shear", "random_translation", "random_rotation")
_COLORING = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class Composed(ColorAugmentation):
    """Base of layers that apply others, which are chosen at random."""

    _takes_factor = True
    _bounds = (0, 1)
    # The others, in the order of the draws.
    _KINDS: tuple[str, ...] = ()

    def __init__(
        self,
        value_range: Sequence[float],
        factor: Factor,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        check_value_range(self, value_range)
        self.value_range = tuple(value_range)
        check_sampling(self, interpolation)
        self.interpolation = interpolation
        self._seeded(seed)
        for name in self._KINDS:
            setattr(self, name, self._part(name))

    def _part(self, name: str) -> BaseImagePreprocessingLayer:
        """Makes one of the layers that are applied."""
        common: Config = {
            "data_format": self.data_format,
            "bounding_box_format": self.bounding_box_format,
            "dtype": self.dtype_policy,
        }
        drawn: Config = {**common, "seed": self.seed}
        ranged: Config = {"value_range": self.value_range}
        sampled: Config = {**drawn, "interpolation": self.interpolation}
        makers: dict[str, Callable[[], BaseImagePreprocessingLayer]] = {
            "random_shear": lambda: RandomShear(self.factor, self.factor, **sampled),
            "random_translation": lambda: RandomTranslation(self.factor, self.factor, **sampled),
            "random_rotation": lambda: RandomRotation(self.factor, **sampled),
            "random_brightness": lambda: RandomBrightness(self.factor, **drawn, **ranged),
            "random_color_degeneration": lambda: RandomColorDegeneration(self.factor, **drawn, **ranged),
            "random_contrast": lambda: RandomContrast(self.factor, **drawn, **ranged),
            "random_sharpness": lambda: RandomSharpness(self.factor, **drawn, **ranged),
            "random_posterization": lambda: RandomPosterization(self._bits(), **drawn, **ranged),
            "solarization": lambda: Solarization(self.factor, self.factor, **drawn, **ranged),
            "auto_contrast": lambda: AutoContrast(**common, **ranged),
            "equalization": lambda: Equalization(**common, **ranged),
        }
        return makers[name]()

    def _bits(self) -> tuple[int, int]:
        """Returns the numbers of bits that posterization keeps."""
        return 1, max(1, int(8 * self.factor[1]))


class RandAugment(Composed):
    """Applies layers of augmentation that are chosen at random for each batch
    ([paper](https://arxiv.org/abs/1909.13719)).

    Args:
        value_range: Range of the values of pixels.
        num_ops: Number of layers that are applied in a row.
        factor: Strength of the layers: a pair (lower, upper), or a number `f` in [0, 1] for (0, f).
        interpolation: "nearest" or "bilinear".
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], or `value_range` isn't two numbers.
        NotImplementedError: `interpolation` is unknown.

    >>> keras.layers.RandAugment()(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _KINDS = (*_MOVING, *_COLORING, "random_posterization", "solarization", "auto_contrast", "equalization")
    _moves_pixels = True

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = num_ops

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        chosen = randint((self.num_ops,), 0, len(self._KINDS), seed=seed)
        return {"transforms": {n: getattr(self, n)._draw(frame, seed) for n in self._KINDS}, "layer_idxes": chosen}

    def _in_turn(self, transformation: Transformation, value: Any, apply: Callable) -> Any:
        """Applies the chosen layers one after the other: `apply(name, value, transformation)` is one of them."""
        parts = transformation["transforms"]

        def step(value: Any, index: Array) -> tuple[Any, None]:
            branches = [functools.partial(apply, name, part=parts[name]) for name in self._KINDS]
            return lax.switch(index, branches, value), None

        return lax.scan(step, value, transformation["layer_idxes"])[0]

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        def apply(name: str, images: Array, *, part: Transformation) -> Array:
            layer = getattr(self, name)
            if interpolation and not layer._moves_pixels:
                return images
            return layer._augment(images, {} if part is None else part, interpolation).astype(images.dtype)

        return self._in_turn(transformation, images, apply)

    def transform_bounding_boxes(
        self, bounding_boxes: Boxes, transformation: Transformation, training: bool = True
    ) -> Boxes:
        """Applies the chosen layers to the bounding boxes of a batch."""
        if transformation is None or not training:
            return super().transform_bounding_boxes(bounding_boxes, None, training)
        boxes = {key: jnp.asarray(value) for key, value in bounding_boxes.items()}
        boxes["boxes"] = boxes["boxes"].astype("float32")

        def apply(name: str, boxes: Boxes, *, part: Transformation) -> Boxes:
            return getattr(self, name).transform_bounding_boxes(boxes, part)

        return self._in_turn(transformation, boxes, apply)


class AugMix(Composed):
    """Mixes images with the results of chains of augmentation ([paper](https://arxiv.org/abs/1912.02781)).

    The layers of a chain, and their number, are drawn for each batch.

    Args:
        value_range: Range of the values of pixels.
        num_chains: Number of chains.
        chain_depth: Greatest number of layers of a chain.
        factor: Strength of the layers: a pair (lower, upper), or a number `f` in [0, 1] for (0, f).
        alpha: Parameter of the Dirichlet and beta distributions of the weights.
        all_ops: Whether to use brightness, color, contrast and sharpness, too.
        interpolation: "nearest" or "bilinear".
        seed: Random seed: an int gives the same draws in every run; None for new ones.
        data_format: "channels_last" or "channels_first"; None for the default.
        **kwargs: `bounding_box_format`, `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: `factor` is a number outside [0, 1], `value_range` isn't two numbers, or the number or depth of the
            chains isn't positive.
        NotImplementedError: `interpolation` is unknown.

    >>> keras.layers.AugMix()(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    _KINDS = (*_MOVING, "solarization", "random_posterization", "auto_contrast", "equalization", *_COLORING)

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ):
        if not all_ops:
            self.__dict__["_KINDS"] = AugMix._KINDS[:7]
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = count(self, "num_chains", num_chains)
        self.chain_depth = count(self, "chain_depth", chain_depth)
        self.alpha = number(self, "alpha", alpha, least=0)
        self.all_ops = all_ops

    def _draw(self, frame: Frame, seed: SeedLike) -> Transformation:
        shares = gamma((self.num_chains,), self.alpha, seed=seed)
        weight = beta((), self.alpha, self.alpha, seed=seed)
        size = (self.num_chains, self.chain_depth)
        depth = randint((self.num_chains, 1), 1, self.chain_depth + 1, seed=seed)
        chosen = randint(size, 0, len(self._KINDS), seed=seed)
        # Past the end of a chain, the index of no layer.
        chosen = jnp.where(jnp.arange(self.chain_depth) < depth, chosen, len(self._KINDS))
        return {
            "chain_mixing_weights": shares / shares.sum(),
            "weight_sample": weight,
            # Only the layer that is chosen draws its transformation, from a key of its own.
            "chain_transforms": {"layer_idxes": chosen, "keys": jax.random.split(draw_key(seed), size)},
        }

    def _augment(self, images: Array, transformation: Transformation, interpolation: str | None = None) -> Array:
        chains = transformation["chain_transforms"]
        weights = jnp.asarray(transformation["chain_mixing_weights"], images.dtype)
        if isinstance(chains, dict):
            mixed = self._mixed(images, chains["layer_idxes"], chains["keys"], weights)
        else:  # as Keras has them: names of layers, and their transformations
            mixed = jnp.zeros_like(images)
            for weight, chain in zip(weights, chains):
                result = images
                for link in chain:
                    layer, part = getattr(self, link["layer_name"]), link["transformation"]
                    result = layer._augment(result, {} if part is None else part)
                mixed = mixed + weight * result
        weight = jnp.asarray(transformation["weight_sample"], images.dtype)
        return self._clipped(weight * images + (1 - weight) * mixed)

    def _mixed(self, images: Array, chosen: Array, keys: Array, weights: Array) -> Array:
        frame = self._frame(images)

        def branch(name: str) -> Callable[[Array, Array], Array]:
            layer = getattr(self, name)

            def apply(x: Array, key: Array) -> Array:
                return layer._augment(x, layer._draw(frame, _Keys(key)) or {}).astype(x.dtype)

            return apply

        branches = [*map(branch, self._KINDS), lambda x, key: x]

        def link(result: Array, drawn: tuple[Array, Array]) -> tuple[Array, None]:
            return lax.switch(drawn[0], branches, result, drawn[1]), None

        def chain(mixed: Array, drawn: tuple[Array, Array, Array]) -> tuple[Array, None]:
            result, _ = lax.scan(link, images, drawn[:2])
            return mixed + drawn[2] * result, None

        return lax.scan(chain, jnp.zeros_like(images), (chosen, keys, weights))[0]


class Pipeline(Layer):
    """Applies layers one after the other, as one layer.

    Args:
        layers: The layers.
        name: Name; automatic when None.

    Call arguments: `inputs`: what the first layer takes; `training`: whether to augment.

    >>> augmentation = keras.layers.Pipeline([keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1)])
    >>> augmentation(np.ones((2, 4, 4, 3)), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None):
        super().__init__(name=name)
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._pipeline_layers)

    @property
    def rowwise(self) -> str | bool:  # type: ignore[override]
        """Whether rows are treated separately: what all layers say."""
        found = {layer.rowwise for layer in self._pipeline_layers}
        return False if False in found else "inference" if "inference" in found else "always"

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self._pipeline_layers:
            takes = call_signature(layer).names
            inputs = layer(inputs, **({"training": training} if "training" in takes else {}))
        return inputs

    def get_config(self) -> Config:
        """Returns the configs of the layers."""
        return {"layers": [serialize_keras_object(layer) for layer in self._pipeline_layers], "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Pipeline:
        """Makes a pipeline from what `get_config` returned."""
        layers = [deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})
