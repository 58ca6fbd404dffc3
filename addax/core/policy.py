"""Dtype policies: the dtypes of a layer's computation and of its variables."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from .config import floatx
from .dtypes import ALLOWED, is_float, standardize_dtype
from .engine import enable_float64, has_float64, jnp
from .errors import did_you_mean
from .late import provided
from .naming import entry_of
from .types import DTypeLike, PolicyLike

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_global: DTypePolicy | None = None


class DTypePolicy:
    """The dtypes of a layer's computation and of its variables.

    Args:
        name: A dtype (`"float32"`), or `"mixed_float16"` / `"mixed_bfloat16"` for computation in 16 bits with variables
            in float32. None for the name of the global policy.

    Raises:
        TypeError: `name` is not a string.
        ValueError: The name is unknown.

    >>> DTypePolicy("mixed_bfloat16").compute_dtype, DTypePolicy("mixed_bfloat16").variable_dtype
    ('bfloat16', 'float32')
    """

    keras_module = "keras"
    _name: str
    _quantization_mode: str | None = None

    def __init__(self, name: str | None = None):
        name = dtype_policy()._name if name is None else name
        if not isinstance(name, str):
            raise TypeError(
                f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
            )
        if name not in _MIXED and name not in ALLOWED:
            raise ValueError(
                f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include 'mixed_float16', "
                "'mixed_bfloat16', and the name of any float dtype such as 'float32'. "
                f"{did_you_mean(name, [*_MIXED, *sorted(ALLOWED)])}"
            )
        if name == "float64":
            enable_float64()
        self._name: str = name
        self._compute_dtype = _MIXED.get(name, name)
        self._variable_dtype = "float32" if name in _MIXED else name

    @property
    def name(self) -> str:
        """Name the policy was constructed with."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Dtype that inputs and variables are cast to for computation."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the variables."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """Quantization mode of the layer: "int8", "int4", "float8", "gptq" or "awq"; None if it isn't quantized."""
        return self._quantization_mode

    def convert_input(self, x: Any, autocast: bool, dtype: DTypeLike) -> Any:
        """Returns an input of a layer as a tensor, floats in another dtype if they are cast.

        Args:
            x: A tensor, a NumPy array or a Variable; anything else is returned as it is.
            autocast: Whether float tensors are cast.
            dtype: Dtype to cast them to.

        >>> DTypePolicy("mixed_bfloat16").convert_input(np.ones(2, "float32"), True, "bfloat16").dtype
        dtype(bfloat16)
        """
        if isinstance(x, np.ndarray):
            x = jnp.asarray(x, jnp.float32 if x.dtype == np.float64 and not has_float64() else x.dtype)
        elif hasattr(x, "value_uncast"):
            x = x.value
        cast = autocast and hasattr(x, "dtype") and is_float(standardize_dtype(x.dtype)) and is_float(dtype)
        if not cast or standardize_dtype(x.dtype) == dtype:
            return x
        return provided("ops").cast(x, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Returns the policy of a config.

        Args:
            config: Result of `get_config`; `source_name`, which older files have, is ignored.
        """
        return cls(**{key: value for key, value in config.items() if key != "source_name"})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


FloatDTypePolicy = DTypePolicy
MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """Dtype policy of quantized layers: a quantization mode, and the policy of the layer before it was quantized.

    Args:
        mode: "int8", "int4" or "float8".
        source_name: Name of the policy before quantization; None for the global policy.

    Raises:
        ValueError: `mode` is unknown, or doesn't go with float16.

    >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.quantization_mode, policy.compute_dtype, policy.variable_dtype
    ('int8_from_mixed_bfloat16', 'int8', 'bfloat16', 'float32')
    """

    keras_module = "keras.dtype_policies"
    _parameters: tuple[str, ...] = ()  # names of the numbers in the mode: "gptq/4/128" has two

    def __init__(self, mode: str, source_name: str | None = None):
        numbers = self._parse(mode) if self._parameters else {}
        super().__init__(source_name)
        source = self._name
        mode_name = mode.split("/")[0] if numbers else mode
        if mode_name not in MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {MODES}. Received: mode={mode}")
        if mode_name == "int8" and self._compute_dtype == "float16":
            raise ValueError(
                f"Quantization mode='{mode_name}' doesn't work well with compute_dtype='{self._compute_dtype}'."
            )
        self._name = f"{mode}_from_{source}"
        self._source_name = source
        self._quantization_mode = mode_name
        self._mode = mode
        if numbers:
            self.mode = mode_name
            self.__dict__.update(numbers)

    def _parse(self, mode: str) -> dict[str, int]:
        """Returns the numbers in `mode` by name.

        Raises:
            ValueError: `mode` has another form.
        """
        cls, kind = type(self).__name__, type(self)._quantization_mode
        form = f"Expected format '{'/'.join([str(kind), *(f'<{name}>' for name in self._parameters)])}'"
        parts = mode.split("/")
        if len(parts) != len(self._parameters) + 1 or parts[0] != kind:
            raise ValueError(f"Invalid mode for {cls}. {form}, but got '{mode}'.")
        try:
            numbers = dict(zip(self._parameters, map(int, parts[1:])))
        except ValueError:
            names = " and ".join(f"<{name}>" for name in self._parameters)
            kinds = "integers" if len(self._parameters) > 1 else "an integer"
            raise ValueError(f"Invalid mode for {cls}. {names} must be {kinds}. {form}, but got '{mode}'.") from None
        self._check(mode, **numbers)
        return numbers

    def _check(self, mode: str, **numbers: int) -> None:
        """Raises ValueError if a number in `mode` has an unsupported value."""

    @property
    def source_name(self) -> str:
        """Name of the policy before quantization."""
        return self._source_name

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizedDTypePolicy:
        return cls(**config)


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Dtype policy of layers that train in 8-bit floats.

    Args:
        mode: "float8".
        source_name: Name of the policy before quantization; None for the global policy.
        amax_history_length: Number of steps whose largest absolute values determine the scales.

    Raises:
        TypeError: `amax_history_length` is not an int.

    >>> QuantizedFloat8DTypePolicy("float8", "float32").amax_history_length
    1024
    """

    keras_module = "keras.dtype_policies"
    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                f"`amax_history_length` must be an integer. Received: amax_history_length={amax_history_length}"
            )
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """Number of steps whose largest absolute values determine the scales."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self._amax_history_length}

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._amax_history_length == other._amax_history_length  # type: ignore[attr-defined]

    __hash__ = DTypePolicy.__hash__


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Dtype policy of layers quantized to 4-bit integers.

    Args:
        mode: `"int4/<block_size>"`: number of inputs that share a scale, or -1 for one scale per output channel.
        source_name: Name of the policy before quantization; None for the global policy.

    Raises:
        ValueError: `mode` has another form.

    >>> Int4DTypePolicy("int4/64", "float32").block_size
    64
    """

    keras_module = "keras.dtype_policies"
    _quantization_mode = "int4"
    _parameters = ("block_size",)

    def _check(self, mode: str, **numbers: int) -> None:
        _check_size(mode, "block_size", numbers["block_size"], "per-channel", "a positive integer (sub-channel)")


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Dtype policy of layers quantized by GPTQ.

    Args:
        mode: `"gptq/<weight_bits>/<group_size>"`: 2, 3, 4 or 8 bits; number of inputs that share a scale, or -1 for
            all of them.
        source_name: Name of the policy before quantization; None for the global policy.

    Raises:
        ValueError: `mode` has another form.

    >>> policy = GPTQDTypePolicy("gptq/4/128", "float32")
    >>> policy.weight_bits, policy.group_size
    (4, 128)
    """

    keras_module = "keras.dtype_policies"
    _quantization_mode = "gptq"
    _parameters = ("weight_bits", "group_size")

    def _check(self, mode: str, **numbers: int) -> None:
        bits = numbers["weight_bits"]
        if bits not in (2, 3, 4, 8):
            raise ValueError(
                f"Invalid weight_bits in mode. Supported values are 2, 3, 4, and 8, but got {bits} from '{mode}'."
            )
        _check_size(mode, "group_size", numbers["group_size"], "whole-tensor")


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Dtype policy of layers quantized by AWQ.

    Args:
        mode: `"awq/4/<group_size>"`: number of inputs that share a scale, or -1 for one scale per output channel.
        source_name: Name of the policy before quantization; None for the global policy.

    Raises:
        ValueError: `mode` has another form.

    >>> AWQDTypePolicy("awq/4/128", "float32").group_size
    128
    """

    keras_module = "keras.dtype_policies"
    _quantization_mode = "awq"
    _parameters = ("weight_bits", "group_size")

    def _check(self, mode: str, **numbers: int) -> None:
        bits = numbers["weight_bits"]
        if bits != 4:
            raise ValueError(
                f"Invalid weight_bits in mode. AWQ only supports 4-bit quantization, but got {bits} from '{mode}'."
            )
        _check_size(mode, "group_size", numbers["group_size"], "per-channel")


def _check_size(mode: str, name: str, size: int, all_inputs: str, positive: str = "a positive integer") -> None:
    """Raises ValueError unless `size` is -1 or positive."""
    if size != -1 and size <= 0:
        raise ValueError(
            f"Invalid {name} in mode. Supported values are -1 ({all_inputs}) or {positive}, but got {size} from "
            f"'{mode}'."
        )


def _quantized(name: str) -> DTypePolicy:
    """Returns the policy of a name like "int8_from_float32"."""
    parts = name.split("_from_")
    if len(parts) != 2:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. Received: policy={name}"
        )
    mode, source = parts
    kind = mode.partition("/")
    cls: type[QuantizedDTypePolicy] = QuantizedDTypePolicy
    if kind[0] == "float8":
        cls = QuantizedFloat8DTypePolicy
    elif kind[0] in ("gptq", "awq"):
        cls = GPTQDTypePolicy if kind[0] == "gptq" else AWQDTypePolicy
    elif kind[0] == "int4" and kind[1]:
        cls = Int4DTypePolicy
    return cls(mode, source)


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by layer path, with a default policy for all other paths.

    Args:
        default_policy: Policy or name for paths without an entry; None for the global policy.
        policy_map: Dict from layer path to policy or name. A path is looked up as it is, then as a regular expression
            that must match the whole path of the layer.

    Raises:
        TypeError: `policy_map` is not a dict.
        ValueError: A policy is unknown. Looking up a path raises it if several keys match.

    >>> policies = DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
    >>> policies["encoder/dense"], policies["decoder/dense"]
    (<DTypePolicy "mixed_bfloat16">, <DTypePolicy "float32">)
    """

    keras_module = "keras.dtype_policies"

    def __init__(self, default_policy: PolicyLike = None, policy_map: dict[str, Any] | None = None):
        if not isinstance(policy_map, (dict, type(None))):
            raise TypeError(
                "If specified, `policy_map` must be a dict. "
                f"Received: policy_map={policy_map} of type {type(policy_map)}"
            )
        self._given_default = default_policy
        self.default_policy = default = get(default_policy)
        self._name = default._name
        self._compute_dtype, self._variable_dtype = default._compute_dtype, default._variable_dtype
        self._quantization_mode = default._quantization_mode
        self.policy_map = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def name(self) -> str:
        """Name of the default policy, with the prefix `map_`."""
        return f"map_{self._name}"

    def __getitem__(self, path: str) -> DTypePolicy:
        found = entry_of(self.policy_map, path, "dtype policy", "DTypePolicyMap")
        return self.default_policy if found is None else found

    def __setitem__(self, path: str, policy: PolicyLike) -> None:
        if path in self.policy_map:
            raise ValueError(
                f"{path} already exist in the DTypePolicyMap with value {self.policy_map[path]}. Please make sure to "
                "not use duplicated keys."
            )
        try:
            self.policy_map[path] = get(policy)
        except ValueError as error:
            raise ValueError(
                "Cannot interpret the assigned value by `keras.dtype_policies.get`. "
                f"Received: {policy} of type {type(policy)}"
            ) from error

    def __delitem__(self, path: str) -> None:
        del self.policy_map[path]

    def __contains__(self, path: object) -> bool:
        return path in self.policy_map

    def __len__(self) -> int:
        return len(self.policy_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self.policy_map)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and self._name == other._name and self.policy_map == other.policy_map

    __hash__ = DTypePolicy.__hash__

    def get_config(self) -> dict[str, Any]:
        default = self._given_default
        return {
            "default_policy": default if isinstance(default, (str, type(None))) else _serialized(self.default_policy),
            "policy_map": {path: _serialized(policy) for path, policy in self.policy_map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicyMap:
        del custom_objects  # policies are addax's own
        return cls(config["default_policy"], config["policy_map"])

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self.policy_map.items()]
        return f"<DTypePolicyMap at {hex(id(self))} default_policy={self.default_policy.name}, mapping={mapping}>"


_QUANTIZED: dict[str, type[QuantizedDTypePolicy]] = {
    cls.__name__: cls
    for cls in (
        QuantizedDTypePolicy,
        QuantizedFloat8DTypePolicy,
        Int4DTypePolicy,
        GPTQDTypePolicy,
        AWQDTypePolicy,
    )
}


def _serialized(policy: DTypePolicy) -> dict[str, Any]:
    """Returns the form in which files store a policy inside another config."""
    return {
        "module": policy.keras_module,
        "class_name": type(policy).__name__,
        "config": policy.get_config(),
        "registered_name": None,
    }


def dtype_policy() -> DTypePolicy:
    """Returns the global policy: that of layers without a policy of their own."""
    return DTypePolicy(floatx()) if _global is None else _global


def reset() -> None:
    """Resets the global policy to that of `floatx`."""
    global _global
    _global = None


def set_dtype_policy(policy: PolicyLike) -> None:
    """Sets the global policy: that of layers without a policy of their own.

    Args:
        policy: Name or policy.

    Raises:
        ValueError: `policy` is neither, or the name is unknown.

    >>> set_dtype_policy("mixed_bfloat16"); dtype_policy(); set_dtype_policy("float32")
    <DTypePolicy "mixed_bfloat16">
    """
    global _global
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or a "
            f"`DTypePolicy` instance. Received: policy={policy} (of type {type(policy)})"
        )
    _global = get(policy)


def get(identifier: PolicyLike) -> DTypePolicy:
    """Returns the policy of an identifier.

    Args:
        identifier: A policy, a name, a dtype, a config, or None for the global policy.

    Returns:
        Policy.

    Raises:
        ValueError: `identifier` is none of these.

    >>> get("mixed_float16")
    <DTypePolicy "mixed_float16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        config = identifier.get("config", identifier)
        cls = _QUANTIZED.get(identifier.get("class_name", ""))
        if cls is not None:
            return cls.from_config(config)
        if "policy_map" in config:
            return DTypePolicyMap.from_config(config)
        if "name" in config:
            return DTypePolicy.from_config(config)
        raise ValueError(f"Unknown `config` as a `dict`, config={identifier}")
    if isinstance(identifier, str):
        return _quantized(identifier) if identifier.startswith(MODES) else DTypePolicy(identifier)
    try:
        return DTypePolicy(standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None
