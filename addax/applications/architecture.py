"""Makes the functions `ResNet50(...)`, `VGG16(...)`, ... from the description of a family and a table of its members.

A family is a function that adds its layers to a tensor, the numbers in which its members differ, and the names of the
weights on the server. Everything that families share is here: arguments, their checks, inputs, weights, docstrings.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from .. import activations, utils
from ..core import config
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.types import ActivationLike, Shape
from ..core.warnings import warn
from ..layers import Input
from ..models.model import Functional
from .blocks import dense_head, named_pool
from .files import fetch
from .given import Given
from .imagenet_utils import CLASSES, PIXELS
from .published import Published

Template = TypeVar("Template", bound=Callable[..., Functional])


@dataclass(frozen=True)
class Family:
    """Architectures that differ in numbers.

    Attributes:
        name: Name of the family.
        body: Function of the inputs, the arguments and the numbers of a member; returns the features.
        published: Its paper, mode of `preprocess_input` and weights.
        head: Function of the features and the arguments that adds the classifier.
        pool: Function of the features and the arguments that adds pooling, without the classifier.
        size: Default height and width of the images; a member's number `size` comes first.
        least: Smallest height and width.
        path: Function of the arguments that returns the path of the file of weights; None for that in `published`.
        arguments: Function that checks and completes the arguments.
        pretrained_size: Function of the arguments that checks those for the weights of ImageNet, and returns the size
            of the images they were trained on; None where there is only `size`.
        channels_first: Whether images may have their channels first.
        single_input: Whether a source of `input_tensor` becomes the input itself, instead of a list with it.
        any_size: Whether the size of the images is free with the classifier, too.
    """

    name: str
    body: Callable[..., KerasTensor]
    published: Published
    head: Callable[[KerasTensor, Given], KerasTensor] = dense_head
    pool: Callable[[KerasTensor, Given], KerasTensor] = named_pool
    size: int = 224
    least: int = 32
    path: Callable[[Given], str] | None = None
    arguments: Callable[[Given], Given] | None = None
    pretrained_size: Callable[[Given], int] | None = None
    channels_first: bool = True
    single_input: bool = False
    any_size: bool = False


def standard(
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Functional:
    """The signature that most families have. Never called."""
    raise NotImplementedError


def architectures(
    module: str, template: Template, family: Family, members: Mapping[str, Mapping[str, Any]]
) -> tuple[Template, ...]:
    """Makes the functions of a family.

    Args:
        module: Name of the module that holds them.
        template: Function with their signature. It is never called.
        family: What they have in common.
        members: By name of the function, its numbers for `family.body`. Of these, `name` is the default name of the
            model (a string, or a function of the arguments), `size` and `path` replace those of the family, `dropout`
            is the rate before the classifier where that is no argument, and `always_sized` gives inputs the default
            size without the classifier, too.

    Returns:
        The functions, in the order of `members`.
    """
    return tuple(cast(Template, _function(module, template, family, *member)) for member in members.items())


def _function(
    module: str, template: Callable, family: Family, function_name: str, numbers: Mapping[str, Any]
) -> Callable[..., Functional]:
    member = Member(family, function_name, dict(numbers))
    signature = inspect.signature(template)
    default = {"name": member.name if isinstance(member.name, str) else None}
    parameters = [p.replace(default=default.get(k, p.default)) for k, p in signature.parameters.items()]
    signature = signature.replace(parameters=parameters)

    def function(*args: Any, **kwargs: Any) -> Functional:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{function_name}() {error}") from None
        bound.apply_defaults()
        return member.build(bound.arguments)

    function.__name__ = function.__qualname__ = function_name
    function.__module__ = module
    function.__doc__ = _docstring(member, signature)
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


# Docstrings

_ARGUMENTS = {
    "include_top": "Whether to include the classifier.",
    "weights": 'Initial weights: None for random ones, "imagenet" for those trained on ImageNet (a download), or the '
    "path of a file of weights.",
    "input_tensor": "KerasTensor to use as the input; None for a new `Input`.",
    "input_shape": "Shape of one image, such as `({size}, {size}, 3)`; height and width at least {least}. None for "
    "that with the classifier, for any size without.",
    "pooling": 'Pooling of the features without the classifier: "avg", "max", or None for none.',
    "classes": "Number of classes; 1000 with the weights of ImageNet.",
    "classifier_activation": "Activation of the classifier; None for logits.",
    "name": "Name of the model.",
    "include_preprocessing": "Whether the model scales pixels from [0, 255] itself.",
    "alpha": "Factor of the number of filters in each layer.",
    "depth_multiplier": "Number of outputs of the depthwise convolutions per input channel.",
    "dropout": "Dropout rate before the classifier.",
    "dropout_rate": "Dropout rate before the classifier.",
    "minimalistic": "Whether to leave out squeeze-and-excitation, hard swish and 5x5 kernels.",
}


def _docstring(member: Member, signature: inspect.Signature) -> str:
    family, name, size = member.family, member.function_name, member.size
    lines = [f"Builds the {name} network.", "", family.published.paper, PIXELS[family.published.mode], "", "Args:"]
    for parameter in signature.parameters:
        lines.append(f"    {parameter}: {_ARGUMENTS[parameter].format(size=size, least=family.least)}")
    lines += [
        *("", "Returns:", "    A functional model."),
        *("", "Raises:", "    ValueError: Arguments contradict each other, or the shape of the images doesn't fit."),
        *("", f">>> keras.applications.{name}(weights=None, classes=10, input_shape=({size}, {size}, 3)).output_shape"),
        "(None, 10)",
    ]
    return "\n".join(lines) + "\n"


# Calls


class Member:
    """One architecture.

    Args:
        family: Its family.
        function_name: Name of the function that builds it.
        numbers: Its numbers; see `architectures`.
    """

    def __init__(self, family: Family, function_name: str, numbers: dict[str, Any]):
        self.family = family
        self.function_name = function_name
        self.name: str | Callable[[Given], str] = numbers.pop("name")
        self.size: int = numbers.pop("size", family.size)
        self.dropout: float = numbers.pop("dropout", 0.0)
        self.path: str | Callable[[Given], str] = numbers.pop("path", family.path or family.published.path)
        self.always_sized: bool = numbers.pop("always_sized", False)
        self.numbers = numbers

    def build(self, arguments: Mapping[str, Any]) -> Functional:
        """Makes the model for the arguments of a call."""
        family = self.family
        arguments = {"dropout": self.dropout, **arguments}
        if "dropout_rate" in arguments:
            arguments["dropout"] = arguments.pop("dropout_rate")
        given = Given(**arguments)
        _check_weights(given)
        if not family.channels_first and config.image_data_format() == "channels_first":
            raise ValueError(
                f"{family.name} does not support the `channels_first` image data format. Switch to `channels_last` by "
                "`keras.config.set_image_data_format('channels_last')`."
            )
        if family.arguments is not None:
            given = family.arguments(given)
        trained = family.pretrained_size if given.pretrained else None
        size = self.size if trained is None else trained(given)
        given = replace(given, input_shape=self._input_shape(given, size))
        if given.name is None and not isinstance(self.name, str):
            given = replace(given, name=self.name(given))
        if given.include_top:
            _check_activation(given)
        inputs, x = _inputs(given, family)
        # Before the network is built, which takes longer than to learn that there is no connection.
        weights = None if given.weights is None else self._weights_file(given)
        x = family.body(x, given, **self.numbers)
        x = family.head(x, given) if given.include_top else family.pool(x, given)
        model = Functional(inputs, x, name=given.name)
        if weights is not None:
            model.load_weights(weights)
        return model

    def _input_shape(self, given: Given, size: int) -> Shape:
        """Returns the shape of one image: the given one, checked, or the default."""
        shape = given.input_shape
        first = config.image_data_format() == "channels_first"

        def image(height: int | None, width: int | None, channels: int | None) -> Shape:
            return (channels, height, width) if first else (height, width, channels)

        if shape is None:
            sized = given.include_top and not self.family.any_size
            side = size if sized or self.always_sized else None
            return image(side, side, 3)
        shape = tuple(shape)
        if len(shape) != 3:
            raise ValueError(f"`input_shape` must be a tuple of three integers. Received: input_shape={shape}")
        self._check_shape(given, shape, image(size, size, 3))
        return shape

    def _check_shape(self, given: Given, shape: Shape, usual: Shape) -> None:
        family, first = self.family, config.image_data_format() == "channels_first"
        channels, sides = shape[0 if first else -1], shape[1:] if first else shape[:2]
        if given.pretrained and given.include_top and not family.any_size and shape != usual:
            raise ValueError(
                "When setting `include_top=True` and loading `imagenet` weights, `input_shape` should be "
                f"{usual}.  Received: input_shape={shape}"
            )
        if given.pretrained and channels != 3:
            raise ValueError(f"The input must have 3 channels; Received `input_shape={shape}`")
        if channels not in (1, 3):
            warn(
                "This model usually expects 1 or 3 input channels. However, it was passed an input_shape with "
                f"{channels} input channels.",
            )
        if any(n is not None and n < family.least for n in sides):
            raise ValueError(
                f"Input size must be at least {family.least}x{family.least}; Received: input_shape={shape}"
            )
        if given.include_top and not family.any_size and None in shape:
            raise ValueError(
                f"If `include_top` is True, you should specify a static `input_shape`. Received: input_shape={shape}"
            )

    def _weights_file(self, given: Given) -> str:
        """Returns the path of the file of weights, after downloading it for "imagenet"."""
        if not given.pretrained:
            return os.fspath(cast(str, given.weights))
        published = self.family.published
        path = self.path if isinstance(self.path, str) else self.path(given)
        notop, no_top = ("", "") if given.include_top else ("_notop", "_no_top")
        path = path.format(name=self.name, notop=notop, no_top=no_top)
        folder, _, file = f"{published.folder}/{path}".rpartition("/")
        return fetch(f"{folder}/{published.remote(file)}", file)


def _check_weights(given: Given) -> None:
    weights = given.weights
    if not (
        weights is None or given.pretrained or (isinstance(weights, (str, os.PathLike)) and os.path.exists(weights))
    ):
        raise ValueError(
            "The `weights` argument should be either `None` (random initialization), 'imagenet' (pre-training on "
            f"ImageNet), or the path to the weights file to be loaded.  Received: weights={describe(weights)}"
        )
    if given.pretrained and given.include_top and given.classes != CLASSES:
        raise ValueError(
            f"If using `weights='imagenet'` with `include_top=True`, `classes` should be {CLASSES}.  Received classes="
            f"{given.classes}"
        )


def _check_activation(given: Given) -> None:
    allowed = (None, activations.get("linear"), activations.get("softmax"))
    if given.weights is not None and activations.get(given.classifier_activation) not in allowed:
        raise ValueError(
            "Only `None` and `softmax` activations are allowed for the `classifier_activation` argument when using "
            f"pretrained weights, with `include_top=True`; Received: classifier_activation="
            f"{given.classifier_activation}"
        )


def _inputs(given: Given, family: Family) -> tuple[Any, KerasTensor]:
    """Returns the inputs of the model, and the tensor that the network begins with."""
    tensor = given.input_tensor
    if tensor is None:
        x = Input(given.input_shape)
        return x, x
    if not isinstance(tensor, KerasTensor):
        raise ValueError(
            f"Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor={describe(tensor)} "
            f"(of type {type(tensor)})"
        )
    sources = utils.get_source_inputs(tensor)
    return (sources[0] if family.single_input else sources), tensor
