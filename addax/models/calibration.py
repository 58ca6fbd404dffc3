"""GPTQ and AWQ: quantization of a model's layers by the inputs that they get from calibration data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ..core.engine import is_tracer
from ..core.types import Array, Data
from ..layers.calling import call_scope
from ..layers.kernel_layer import KernelLayer
from ..layers.layer import Layer
from ..layers.quantized_kernels import CalibratedKernel, Contraction
from ..quantizers.calibration import Statistics, awq, gptq
from ..quantizers.configs import AWQConfig, GPTQConfig


def calibrate(model: Any, config: GPTQConfig | AWQConfig, chosen: Callable[[Layer], bool]) -> None:
    """Quantizes the layers in the blocks of a model, block by block.

    Args:
        model: The model.
        config: The options, with the calibration data.
        chosen: Whether a layer is to be quantized.

    Raises:
        TypeError: The dataset is a str.
        ValueError: The data or the structure of the model are missing.
    """
    structure = config.quantization_layer_structure or model.get_quantization_layer_structure(config.mode)
    if structure is None:
        raise ValueError(
            f"For mode='{config.mode}', a valid quantization structure must be provided either via "
            "`config.quantization_layer_structure` or by overriding `model.get_quantization_layer_structure(mode)`. "
            "The structure should be a dictionary with keys 'pre_block_layers' and 'sequential_blocks'."
        )
    inputs: list[Any] = [sample[None] for sample in samples(config)]
    blocks = structure.get("sequential_blocks") or []
    if not blocks:
        raise ValueError("No sequential blocks found in the provided structure to quantize.")
    for layer in structure.get("pre_block_layers") or []:
        inputs = _outputs(layer, inputs)
    for block in blocks:
        layers = [x for x in block._flatten_layers() if _can_be_quantized(x, config.mode) and chosen(x)]
        for layer in layers:
            layer._check_quantize(None, config)
        found = _statistics(block, layers, inputs)
        for layer in layers:
            if found[id(layer)].count:
                _quantize(layer, found[id(layer)], config)
        inputs = _outputs(block, inputs)


def samples(config: GPTQConfig | AWQConfig) -> list[np.ndarray]:
    """Returns the calibration data: parts of the text, each of as many tokens as the config says.

    Raises:
        TypeError: The dataset is a str.
        ValueError: It is missing or empty, or has strings without a tokenizer.
    """
    if config.dataset is None:
        raise ValueError(_MISSING[config.mode])
    if isinstance(config.dataset, str) or not isinstance(config.dataset, Iterable):
        raise TypeError(
            "The `dataset` argument must be an iterable (e.g., a list of strings, a generator, or a NumPy array). Got "
            f"type: {type(config.dataset).__name__}. Please pass the loaded dataset directly."
        )
    parts = [_tokens(text, config) for text in config.dataset]
    tokens = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    if not tokens.size:
        raise ValueError("Provided dataset is empty.")
    length = config.sequence_length
    if tokens.size < length:
        tokens = np.tile(tokens, -(-length // tokens.size))
    starts = np.linspace(0, tokens.size - length, config.num_samples).astype(int)
    return [tokens[start : start + length] for start in starts]


_MISSING = {
    "gptq": "GPTQ quantization requires a dataset and a tokenizer. Please provide them in the `GPTQConfig`.",
    "awq": "AWQ quantization requires a dataset and tokenizer. Please provide them in the AWQConfig.",
}


def _tokens(text: Data, config: GPTQConfig | AWQConfig) -> np.ndarray:
    if isinstance(text, str):
        if config.tokenizer is None:
            raise ValueError(_MISSING[config.mode])
        tokenize = getattr(config.tokenizer, "tokenize", config.tokenizer)
        text = tokenize(text)
    return np.asarray(text).reshape(-1).astype(np.int32)


def _outputs(layer: Layer, inputs: Sequence[Array]) -> list[Array]:
    """Returns what a layer makes of each input, computed eagerly, so that calls of the layers inside are met."""
    with call_scope(layer):
        return [layer(x) for x in inputs]


def _can_be_quantized(layer: Layer, mode: str) -> bool:
    """Returns whether the kernel of a layer is one matrix: it has no axis that batches products."""
    if not isinstance(layer, KernelLayer) or mode not in layer._modes or not layer.built:
        return False
    contraction = layer._contraction
    return not any(contraction.kernel[i] in contraction.inputs for i in contraction.kept)


def _statistics(block: Layer, layers: Sequence[KernelLayer], inputs: Sequence[Array]) -> dict[int, Statistics]:
    """Returns the statistics of the inputs that the layers of a block get, by the layer's id."""
    found = {id(layer): Statistics(layer._contraction.matrix_shape(layer._raw_kernel.shape)[0]) for layer in layers}
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_recorded(layer, found[id(layer)]))
        _outputs(block, inputs)
    return found


@contextmanager
def _recorded(layer: KernelLayer, statistics: Statistics) -> Iterator[None]:
    """Within it, the inputs of a layer's products are added to its statistics."""
    product = layer._product

    def recorded(inputs: Array, kernel: Any) -> Any:
        if kernel is layer._raw_kernel and not is_tracer(inputs):  # not in a loop of XLA's
            statistics.add(_vectors(np.asarray(inputs, np.float32), layer._contraction))
        return product(inputs, kernel)

    layer.__dict__["_product"] = recorded
    try:
        yield
    finally:
        del layer.__dict__["_product"]


def _vectors(inputs: np.ndarray, contraction: Contraction) -> np.ndarray:
    """Returns inputs as vectors in the order of the rows of the kernel's matrix."""
    summed = [contraction.inputs.index(contraction.kernel[i]) - len(contraction.inputs) for i in contraction.reduced]
    moved = np.moveaxis(inputs, summed, range(-len(summed), 0))
    return moved.reshape(-1, int(np.prod(moved.shape[-len(summed) :])))


def _quantize(layer: KernelLayer, statistics: Statistics, config: GPTQConfig | AWQConfig) -> None:
    """Replaces the kernel of a layer by one that is quantized for its inputs."""
    kernel = layer._raw_kernel.numpy()
    matrix = np.asarray(layer._contraction.to_matrix(np.asarray(kernel, np.float64)).T)
    factors: np.ndarray | None = None
    if isinstance(config, GPTQConfig):
        rounded = gptq(matrix, statistics, config)
    else:
        rounded, factors = awq(matrix, statistics, config)
    kept: Any = type(config).from_config(config.get_config())  # without the data
    stand_in = CalibratedKernel(layer, kernel.shape, kept, config.mode)
    layer._replace(stand_in, stand_in.take(rounded.values, rounded.scale, rounded.zero, rounded.groups, factors))
    layer.quantization_config = kept
    layer._set_quantized_policy(kept)
