"""Quantization and low-rank updates of the layers of a model."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..core.changes import changes
from ..core.errors import did_you_mean
from ..core.late import late
from ..core.types import InitializerLike
from ..core.variable import Variable
from ..core.warnings import warn
from ..layers.kernel_layer import KernelLayer
from ..layers.layer import Layer
from ..quantizers import configs
from ..quantizers.configs import AWQConfig, GPTQConfig, QuantizationConfig
from ..training.trainer import Trainer

if TYPE_CHECKING:
    from . import calibration
else:  # not needed to build models
    calibration = late("addax.models.calibration")

Filters: TypeAlias = str | Sequence[str] | Callable[[Layer], bool] | None
Targets: TypeAlias = str | Sequence[str] | Callable[[Layer], bool] | None


def quantize(
    model: Layer, mode: str | None, config: QuantizationConfig | None, filters: Filters, type_check: bool
) -> None:
    """Quantizes the layers of a model; see `Model.quantize`."""
    chosen = _by_filters(filters)
    config = configs.resolve(mode, config)
    if not model.built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{model.name}' (of type '{type(model).__name__}') is "
            "not built yet."
        )
    layers = [layer for layer in model._flatten_layers(include_self=False) if chosen(layer)]
    if isinstance(config, (GPTQConfig, AWQConfig)):
        calibration.calibrate(model, config, chosen)
        return
    for layer in layers:
        try:
            layer.quantize(config.mode, type_check=type_check, config=config)
        except NotImplementedError as error:
            # Layers without weights have nothing to quantize, and nested layers are visited separately.
            if layer.weights and not layer._layers:
                warn(str(error))


def _by_filters(filters: Filters) -> Callable[[Layer], bool]:
    """Returns a function that tells whether a layer is to be quantized.

    Raises:
        ValueError: `filters` is neither a regular expression, nor a list of them, nor a callable.
    """
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return filters
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ValueError(
            "The `filters` argument must be a regex string, a list of regex strings, or a callable. Received: "
            f"{type(filters)}"
        )
    return lambda layer: any(re.search(pattern, layer.name) for pattern in patterns)


def enable_lora(
    model: Any,
    rank: int,
    targets: Targets,
    lora_alpha: float | None,
    a_initializer: InitializerLike,
    b_initializer: InitializerLike,
) -> list[Layer]:
    """Adds low-rank updates to layers of a model; see `Model.enable_lora`."""
    if not model.built:
        raise ValueError(f"Cannot enable lora on a model that isn't yet built. Model '{model.name}' is not built.")
    layers = [layer for layer in _adaptable(model) if not layer.lora_enabled]
    found = [layer for layer in layers if _is_target(layer, targets, model.name)]
    if not found:
        paths = [layer.path for layer in layers]
        hint = did_you_mean(targets, paths) if isinstance(targets, str) else f"There are: {paths}."
        raise ValueError(
            f"No layer of model '{model.name}' that can have a low-rank update matches targets={targets!r}. "
            f"{hint} Patterns are compared with the path of each layer, such as 'encoder/*'."
        )
    factors = {id(v) for layer in _adaptable(model) if layer.lora_enabled for v in layer.lora_factors}
    frozen = [v for v in model.variables if v.trainable and id(v) not in factors]
    for layer in found:
        layer.enable_lora(rank, lora_alpha=lora_alpha, a_initializer=a_initializer, b_initializer=b_initializer)
    for variable in frozen:
        variable.trainable = False
    model._frozen_for_lora = (*model._frozen_for_lora, *frozen)
    changes.count += 1
    return list(found)


def merge_lora(model: Any) -> None:
    """Adds the low-rank updates of a model to its kernels; see `Model.merge_lora`."""
    layers = [layer for layer in _adaptable(model) if layer.lora_enabled]
    if not layers:
        raise ValueError(f"No layer of model '{model.name}' has a low-rank update: call `enable_lora` first.")
    for layer in layers:
        layer.merge_lora()
    for variable in model._frozen_for_lora:
        variable.trainable = True
    model._frozen_for_lora = ()
    changes.count += 1


def _adaptable(model: Layer) -> list[KernelLayer]:
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, KernelLayer)]


def _is_target(layer: Layer, targets: Targets, root: str) -> bool:
    """Returns whether a layer is one of `targets`: patterns of its path, with or without the model's name."""
    if targets is None:
        return True
    if callable(targets):
        return targets(layer)
    paths = {layer.path, layer.path.removeprefix(f"{root}/"), layer.name}
    patterns = [targets] if isinstance(targets, str) else targets
    return any(fnmatch.fnmatchcase(path, pattern) for path in paths for pattern in patterns)


class ModelStandIns(Trainer):
    """A model whose kernels can be quantized, and get low-rank updates."""

    _about: tuple[str, ...] = ("_frozen_for_lora",)
    _untracked = Trainer._untracked | {"_frozen_for_lora"}

    _frozen_for_lora: tuple[Variable, ...] = ()  # variables that `enable_lora` froze

    def quantize(  # type: ignore[override]
        self,
        mode: str | None = None,
        config: QuantizationConfig | None = None,
        filters: Filters = None,
        **kwargs: Any,
    ) -> None:
        """Quantizes the weights of the layers in the model that can be quantized.

        Args:
            mode: "int8", "int4", "float8" (for training), "gptq" or "awq"; None if `config` says it.
            config: Options, a `QuantizationConfig`; None for the default of the mode. "gptq" and "awq" need one.
            filters: Regular expression that is searched in the names of layers, or a list of them, or a predicate
                of layers. None quantizes all layers.
            **kwargs: `type_check`: whether to leave out subclasses of built-in layers, True by default.

        Raises:
            ValueError: The model isn't built, a layer is quantized already, or the arguments contradict each other.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> model.quantize("int8")
        >>> model.layers[0].kernel.dtype
        'int8'
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        quantize(self, mode, config, filters, type_check)

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, list[Layer]] | None:
        """Returns the layers that "gptq" and "awq" quantize; models may override it.

        Args:
            mode: The quantization mode.

        Returns:
            Dict with "pre_block_layers", the layers that make the first block's inputs, and "sequential_blocks", the
            layers whose kernels are quantized, one after the other; None if unknown.
        """
        del mode
        return None

    def enable_lora(
        self,
        rank: int,
        targets: Targets = None,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> list[Layer]:
        """Freezes the model and adds trainable low-rank updates to the kernels of its layers.

        A compiled model must be compiled again.

        Args:
            rank: Rank of the updates.
            targets: Pattern of the paths of layers, such as "encoder/*", with or without the model's name, or a list of
                patterns, or a function of a layer. None for all layers that an update can be added to.
            lora_alpha: Factor of the updates, times the rank; None for `rank`.
            a_initializer, b_initializer: Initializers of the two factors of an update.

        Returns:
            The layers that got an update.

        Raises:
            ValueError: The model isn't built, or no layer is a target.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(2)])
        >>> [layer.name for layer in model.enable_lora(2, targets="a")], len(model.trainable_variables)
        (['a'], 2)
        """
        return enable_lora(self, rank, targets, lora_alpha, a_initializer, b_initializer)

    def merge_lora(self) -> None:
        """Adds the low-rank updates to the kernels and removes them; what `enable_lora` froze is trainable again.

        A compiled model must be compiled again.

        Raises:
            ValueError: No layer has an update.

        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        >>> _ = model.enable_lora(2)
        >>> model.merge_lora()
        >>> [v.name for v in model.trainable_variables]
        ['kernel', 'bias']
        """
        merge_lora(self)
