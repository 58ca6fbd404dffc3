"""Configs of `model.quantize`: the quantizers, and the calibration data of GPTQ and AWQ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.policy import MODES
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config, Data
from .quantizers import AbsMaxQuantizer, Quantizer


class QuantizationConfig:
    """Base of quantization configs.

    Args:
        weight_quantizer: Quantizer of the weights; None for the default of the mode.
        activation_quantizer: Quantizer of the inputs; None not to quantize them.

    >>> keras.quantizers.Int8QuantizationConfig().mode
    'int8'
    """

    def __init__(self, weight_quantizer: Quantizer | None = None, activation_quantizer: Quantizer | None = None):
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self) -> str:
        """The quantization mode.

        Raises:
            NotImplementedError: The subclass doesn't override it.
        """
        raise NotImplementedError(
            "Subclasses must implement this property. Do not instantiate QuantizationConfig directly."
        )

    def get_config(self) -> Config:
        """Returns the arguments of the constructor as a config."""
        return {
            "weight_quantizer": serialize_keras_object(self.weight_quantizer),
            "activation_quantizer": serialize_keras_object(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: Config) -> QuantizationConfig:
        """Returns the quantization config that `get_config` described.

        Args:
            config: Result of `get_config`.
        """
        return cls(
            **{
                key: deserialize_keras_object(value) if isinstance(value, dict) and "class_name" in value else value
                for key, value in config.items()
            }
        )

    @staticmethod
    def weight_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """Returns the weight quantizer of `config`, or `default` if there is none.

        Args:
            config: A quantization config, or None.
            default: A quantizer.
        """
        return default if config is None or config.weight_quantizer is None else config.weight_quantizer

    @staticmethod
    def activation_quantizer_or_default(config: QuantizationConfig | None, default: Any) -> Any:
        """Returns the activation quantizer of `config` (None not to quantize), or `default` without a config.

        Args:
            config: A quantization config, or None.
            default: A quantizer.
        """
        return default if config is None else config.activation_quantizer


class Int8QuantizationConfig(QuantizationConfig):
    """Config of int8 quantization.

    Args:
        weight_quantizer: Quantizer of the weights; None for one scale per output channel.
        activation_quantizer: Quantizer of the inputs; None not to quantize them, "default" for one scale per row.

    Raises:
        ValueError: The weight quantizer's `output_dtype` isn't int8.

    >>> config = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.quantize(config=config)
    """

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | str | None = "default",
    ):
        super().__init__(weight_quantizer, _or_abs_max(activation_quantizer))
        _check_output(self, weight_quantizer, ("int8",))

    @property
    def mode(self) -> str:
        """The quantization mode, "int8"."""
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Config of int4 quantization.

    Args:
        weight_quantizer: Quantizer of the weights; None for one scale per output channel. Must be None with blocks.
        activation_quantizer: Quantizer of the inputs; None or "default" not to quantize them.
        block_size: Number of inputs that share a scale and a zero point; None or -1 for one scale per output channel.

    Raises:
        ValueError: `block_size` isn't positive, -1 or None, or quantizers are given with blocks.

    >>> keras.quantizers.Int4QuantizationConfig(block_size=64).get_config()["block_size"]
    64
    """

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | str | None = "default",
        block_size: int | None = 128,
    ):
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}")
        self.block_size = block_size
        blocks = block_size is not None and block_size > 0
        if blocks and (weight_quantizer is not None or activation_quantizer not in ("default", None)):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom quantizers. Either set "
                "block_size to None or -1 for per-channel quantization, or remove the custom quantizer arguments. "
                f"Received: block_size={block_size}"
            )
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)  # type: ignore[arg-type]
        _check_output(self, weight_quantizer, ("int8",))
        value_range = getattr(weight_quantizer, "value_range", (-8, 7))
        if tuple(value_range) != (-8, 7):
            raise ValueError(
                "Int4QuantizationConfig requires a weight_quantizer with value_range=(-8, 7). Received: "
                f"value_range={value_range}"
            )

    @property
    def mode(self) -> str:
        """The quantization mode, "int4"."""
        return "int4"

    def get_config(self) -> Config:
        return {**super().get_config(), "block_size": self.block_size}


class Float8QuantizationConfig(QuantizationConfig):
    """Config of training in 8-bit floats, which has no options.

    >>> keras.quantizers.Float8QuantizationConfig().mode
    'float8'
    """

    def __init__(self) -> None:
        super().__init__(None, None)

    @property
    def mode(self) -> str:
        """The quantization mode, "float8"."""
        return "float8"

    def get_config(self) -> Config:
        return {}


class _Calibrated(QuantizationConfig):
    """Base of the configs of methods that are calibrated by data."""

    _about = ("dataset", "tokenizer", "quantization_layer_structure")  # used while quantizing, not afterwards
    _fields: tuple[str, ...] = ()
    dataset: Data
    tokenizer: Callable | None
    num_samples: int
    sequence_length: int
    weight_bits: int
    group_size: int
    quantization_layer_structure: dict | None

    def _configure(self, given: dict[str, Any]) -> None:
        """Sets the options to the arguments of the constructor, its `locals()`."""
        QuantizationConfig.__init__(self)
        for name in ("dataset", "tokenizer", *self._fields, "quantization_layer_structure"):
            setattr(self, name, given[name])

    def dtype_policy_string(self) -> str:
        """Returns the mode in the form of dtype policies: "gptq/4/128"."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> Config:
        return {
            "dataset": None,
            "tokenizer": None,
            **{name: getattr(self, name) for name in self._fields},
            "quantization_layer_structure": None,
        }

    def _check_positive(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be a positive integer.")

    def _check_group_size(self, all_inputs: str) -> None:
        if self.group_size != -1 and self.group_size <= 0:
            raise ValueError(
                f"Invalid group_size. Supported values are -1 ({all_inputs}) or a positive integer, but got "
                f"{self.group_size}."
            )


class GPTQConfig(_Calibrated):
    """Config of GPTQ: weights are rounded one input at a time, and later ones are corrected for the error.

    Frantar et al., [GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers](https://arxiv.org/abs/2210.17323), 2022.

    Args:
        dataset: Calibration data: an iterable of strings or of sequences of token ids.
        tokenizer: Callable that returns the token ids of a string; its `tokenize` method is used if it has one.
        weight_bits: Bits of a weight: 2, 3, 4 or 8.
        num_samples: Number of samples.
        per_channel: Whether each output channel has scales of its own.
        sequence_length: Length of a sample, in tokens.
        hessian_damping: Fraction of the mean of the Hessian's diagonal that is added to the diagonal.
        group_size: Number of inputs that share a scale; -1 for all of them.
        symmetric: Whether the zero point is in the middle of the range.
        activation_order: Whether inputs are quantized in the order of their activations, the largest first.
        quantization_layer_structure: Dict with "pre_block_layers", the layers that make the first block's inputs, and
            "sequential_blocks", the layers whose kernels are quantized, one after the other. None to ask the model's
            `get_quantization_layer_structure`.

    Raises:
        ValueError: A number has an unsupported value.

    >>> keras.quantizers.GPTQConfig(dataset=["a text"], tokenizer=None).dtype_policy_string()
    'gptq/4/128'
    """

    _fields = (
        *("weight_bits", "num_samples", "per_channel", "sequence_length"),
        *("hessian_damping", "group_size", "symmetric", "activation_order"),
    )
    per_channel: bool
    hessian_damping: float
    symmetric: bool
    activation_order: bool

    def __init__(
        self,
        dataset: Data,
        tokenizer: Callable | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict | None = None,
    ):
        self._configure(locals())
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8.")
        self._check_positive("num_samples", "sequence_length")
        if not 0 <= hessian_damping <= 1:
            raise ValueError("hessian_damping must be between 0 and 1.")
        self._check_group_size("whole-tensor")

    @property
    def mode(self) -> str:
        """The quantization mode, "gptq"."""
        return "gptq"


class AWQConfig(_Calibrated):
    """Config of AWQ: weights are rounded after inputs with large activations were scaled up.

    Lin et al., [AWQ: Activation-aware Weight Quantization for LLM Compression and
    Acceleration](https://arxiv.org/abs/2306.00978), 2023.

    Args:
        dataset: Calibration data: an iterable of strings or of sequences of token ids.
        tokenizer: Callable that returns the token ids of a string; its `tokenize` method is used if it has one.
        weight_bits: Bits of a weight, 4.
        num_samples: Number of samples.
        sequence_length: Length of a sample, in tokens.
        group_size: Number of inputs that share a scale; -1 for all of them.
        num_grid_points: Number of exponents that are tried for the scales of the inputs.
        quantization_layer_structure: As for `GPTQConfig`.

    Raises:
        ValueError: A number has an unsupported value.

    >>> keras.quantizers.AWQConfig(dataset=["a text"], tokenizer=None).dtype_policy_string()
    'awq/4/128'
    """

    _fields = ("weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points")
    num_grid_points: int

    def __init__(
        self,
        dataset: Data,
        tokenizer: Callable | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict | None = None,
    ):
        self._configure(locals())
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received weight_bits={weight_bits}.")
        self._check_positive("num_samples", "sequence_length")
        self._check_group_size("per-channel")
        self._check_positive("num_grid_points")

    @property
    def mode(self) -> str:
        """The quantization mode, "awq"."""
        return "awq"


def _or_abs_max(quantizer: Quantizer | str | None) -> Any:
    return AbsMaxQuantizer() if isinstance(quantizer, str) and quantizer == "default" else quantizer


def _check_output(config: QuantizationConfig, quantizer: Quantizer | None, dtypes: tuple[str, ...]) -> None:
    """Raises ValueError unless the integers of the weight quantizer are of one of `dtypes`."""
    if quantizer is not None and quantizer.output_dtype not in dtypes:
        raise ValueError(
            f"{type(config).__name__} requires a weight_quantizer with output_dtype='{dtypes[0]}'. Received: "
            f"output_dtype={quantizer.output_dtype}"
        )


def resolve(mode: Any, config: Any) -> QuantizationConfig:
    """Returns the config of a quantization from the arguments `mode` and `config` of `quantize`.

    Args:
        mode: Name of the mode, or None if `config` has it. A config is accepted, too.
        config: A `QuantizationConfig`, or None for the default of the mode.

    Raises:
        ValueError: Neither is given, they contradict each other, or the mode is unknown.
    """
    if config is not None and not isinstance(config, (QuantizationConfig, str)):
        raise ValueError(
            "Argument `config` must be an instance of `QuantizationConfig`. "
            f"Received: config={config} (of type {type(config)})"
        )
    if isinstance(mode, QuantizationConfig) and config is None:
        mode, config = None, mode
    if mode is None and config is None:
        raise ValueError("You must provide either `mode` or `config` to `quantize`.")
    if isinstance(config, str):
        mode, config = config, None
    if config is None:
        if mode not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
        if mode in ("gptq", "awq"):
            article, name = ("a", "GPTQConfig") if mode == "gptq" else ("an", "AWQConfig")
            raise ValueError(f"For {mode.upper()}, you must pass {article} `{name}` object in the `config` argument.")
        return {
            "int8": Int8QuantizationConfig,
            "int4": Int4QuantizationConfig,
            "float8": Float8QuantizationConfig,
        }[mode]()
    if mode is not None and mode != config.mode:
        raise ValueError(f"Contradictory arguments: mode='{mode}' but config.mode='{config.mode}'")
    if config.mode not in MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={config.mode}")
    return config
