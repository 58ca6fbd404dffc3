"""Settings of the whole process: numeric defaults, and the switches of what addax adds."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any

from .errors import did_you_mean

__all__ = [
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "get",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

# Every setting with its default. The `check_*` ones are the guards that run before the first step.
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "interactive_logging": True,
    "traceback_filtering": os.environ.get("ADDAX_TRACEBACK_FILTERING", "on") != "off",
    "flash_attention": None,
    "unsafe_deserialization": False,
    "max_epochs": None,
    "max_steps_per_epoch": None,
    "summary_style": "rich",  # or "classic", the table of Keras 2
    "check_labels": True,
    "check_shapes": True,
    "check_finite": True,
    "check_logits": True,
    "check_dtypes": True,
    "fuse_steps": True,  # many steps in one dispatch where nothing looks between them
    "compile_calls": True,  # `model(x)` is one compiled call, where it is known to do nothing else
    "pad_batches": True,  # batches of odd sizes run in programs that are compiled already, where results stay the same
    "compiler_options": True,  # XLA is told what suits a program
    "allocator": os.environ.get("ADDAX_ALLOCATOR", "on") != "off",  # see `core.tuning`
    "compile_cache": os.environ.get("ADDAX_COMPILE_CACHE", "on") != "off",  # see `core.tuning`
    # Programs that a model shares with another one are traced again and compared, to find what a description lacks.
    "verify_sharing": os.environ.get("ADDAX_VERIFY_SHARING", "off") not in ("off", "0", ""),
}
# Those that code reads while it is traced.
_COMPUTED_WITH = ("floatx", "epsilon", "image_data_format", "flash_attention", "compiler_options")


def get(name: str) -> Any:
    """Returns the value of a setting.

    Args:
        name: Name of the setting.

    Raises:
        ValueError: There is no such setting.

    >>> get("summary_style")
    'rich'
    """
    if name not in _settings:
        raise ValueError(f"There is no setting '{name}'. {did_you_mean(name, _settings)}")
    return _settings[name]


def set(name: str, value: Any) -> None:
    """Changes a setting for the whole process.

    Args:
        name: Name of the setting.
        value: Its new value.

    Raises:
        ValueError: There is no such setting.

    >>> set("check_finite", False); get("check_finite"); set("check_finite", True)
    False
    """
    get(name)
    _settings[name] = value


def computed_with() -> tuple:
    """The settings that decide what is computed, as a value that can be compared."""
    return tuple(_settings[name] for name in _COMPUTED_WITH)


def floatx() -> str:
    """The default float dtype, `'float32'` unless changed."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Changes the default float dtype.

    Args:
        value: "bfloat16", "float16", "float32" or "float64".

    Raises:
        ValueError: The dtype is none of these.
    """
    accepted = ("bfloat16", "float16", "float32", "float64")
    if value not in accepted:
        raise ValueError(f"Unknown `floatx` value: {value!r}. Expected one of {accepted}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, `1e-7` unless changed."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Changes the small number that keeps divisions and logarithms finite.

    Args:
        value: A small positive float; 1e-7 by default.
    """
    _settings["epsilon"] = value


def image_data_format() -> str:
    """The default axis order of images, `'channels_last'` unless changed."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Changes the default axis order of images.

    Args:
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: The order is neither.
    """
    _settings["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Returns a data format, or the default for None.

    Args:
        data_format: "channels_last", "channels_first", or None.

    Raises:
        ValueError: The format is unknown.
    """
    if data_format is None:
        return image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_last', 'channels_first'}. "
            f"Received: data_format={data_format!r}"
        )
    return data_format


def enable_interactive_logging() -> None:
    """Prints progress bars (the default)."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Makes `verbose="auto"` one line an epoch instead of a progress bar."""
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Returns whether progress bars are on."""
    return _settings["interactive_logging"]


def enable_traceback_filtering() -> None:
    """Hides addax's own frames from the tracebacks of users' mistakes (the default)."""
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Shows whole tracebacks; so does the environment variable `ADDAX_TRACEBACK_FILTERING=off`."""
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Returns whether addax's own frames are hidden from tracebacks."""
    return _settings["traceback_filtering"]


def enable_flash_attention() -> None:
    """Lets attention layers use fused kernels where the device has them."""
    _settings["flash_attention"] = True


def disable_flash_attention() -> None:
    """Keeps attention layers from using fused kernels."""
    _settings["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """True, False, or None when addax may choose."""
    return _settings["flash_attention"]


def enable_unsafe_deserialization() -> None:
    """Turns `safe_mode` off for every later load, for custom classes that ask for it. Code in files is never run."""
    _settings["unsafe_deserialization"] = True


def _limit(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"`{name}` must be a positive integer or None. Received: {value}")
    _settings[name] = value


def set_max_epochs(max_epochs: int | None) -> None:
    """Limits the epochs of every `fit`, for quick trials of long scripts (env KERAS_MAX_EPOCHS).

    Args:
        max_epochs: Largest number of epochs; None for no limit.
    """
    _limit("max_epochs", max_epochs)


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limits the steps of every epoch, for quick trials of long scripts (env KERAS_MAX_STEPS_PER_EPOCH).

    Args:
        max_steps_per_epoch: Largest number of steps; None for no limit.
    """
    _limit("max_steps_per_epoch", max_steps_per_epoch)


def max_epochs() -> int | None:
    """The limit set by `set_max_epochs`."""
    return _settings["max_epochs"]


def max_steps_per_epoch() -> int | None:
    """The limit set by `set_max_steps_per_epoch`."""
    return _settings["max_steps_per_epoch"]


for _name in ("max_epochs", "max_steps_per_epoch"):
    if _value := os.environ.get(f"KERAS_{_name.upper()}"):
        _limit(_name, int(_value))


class ThreadState(threading.local):
    """State of the current thread during a call; each mechanism owns one field."""

    def __init__(self) -> None:
        self.state_scope: Any = None  # core.state
        self.substitutes: dict[int, Any] = {}  # core.state: values that variables read as, by the variable's id
        self.autocast: str | None = None  # core.variable: dtype that float variables read as
        self.call_context: Any = None  # layers.layer: the outermost layer call
        self.probe: Any = None  # training.nans: sees what goes in and out of each layer and op
        self.valid_rows: Any = None  # training.padding: how many rows of the batch are real
        self.part: Any = None  # training.micro_batches: the part of a batch whose loss is computed
        self.shard: Any = None  # training.micro_batches: number of the device, where each computes its rows by itself
        self.name_scopes: list[str] = []  # core.naming
        self.custom_objects: dict[str, Any] = {}  # core.registry: custom_object_scope
        self.safe_mode: bool | None = None  # core.serialization
        self.remat: Any = None  # core.remat: the mode of layers that are being made
        self.recomputed: frozenset[int] = frozenset()  # training.blocks: ids of the layers that are rematerialized
        self.device: Any = None  # core.device: where new variables are placed
        self.untracked = False  # core.tracking: whether what is assigned to attributes stays somebody else's
        self.symbolic = False  # core.scopes: SymbolicScope
        self.written: Any = None  # core.serialization: the layers met so far in one serialisation
        self.read: Any = None  # core.serialization: those made so far in one deserialisation

    def setting(self, **fields: Any) -> AbstractContextManager[None]:
        """Sets fields inside the context, and back after it.

        >>> with thread.setting(autocast="float16"):
        ...     print(thread.autocast)
        float16
        >>> print(thread.autocast)
        None
        """
        return _Setting(self.__dict__, fields)


class _Setting(AbstractContextManager):
    """Changes entries of a dict while it is open. Each call of a layer opens some, so no generator is made for it."""

    __slots__ = ("fields", "outer", "state")

    def __init__(self, state: dict[str, Any], fields: dict[str, Any]):
        self.state = state
        self.fields = fields

    def __enter__(self) -> None:
        state, fields = self.state, self.fields
        self.outer = {name: state[name] for name in fields}
        state.update(fields)

    def __exit__(self, *exc: object) -> None:
        self.state.update(self.outer)


thread = ThreadState()
