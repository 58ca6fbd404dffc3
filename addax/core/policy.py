"""Dtype policies: the dtypes of a layer's computation and of its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from .config import floatx
from .dtypes import ALLOWED, is_float, standardize_dtype
from .engine import enable_float64, has_float64, jnp
from .errors import did_you_mean
from .late import provided
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
    def quantization_mode(self) -> None:
        """Always None: a quantized layer is a layer of its own in addax."""
        return None

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
        """Returns the policy of a config; `source_name`, which older files of Keras hold, is ignored."""
        return cls(**{key: value for key, value in config.items() if key != "source_name"})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy


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
        self.default_policy = get(default_policy)
        super().__init__(self.default_policy._name)
        self.policy_map = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def name(self) -> str:
        """Name of the default policy, with the prefix `map_`."""
        return f"map_{self._name}"

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self.policy_map:
            return self.policy_map[path]
        found = [key for key in self.policy_map if re.fullmatch(key, path)]
        if len(found) > 1:
            raise ValueError(
                f"Path '{path}' matches multiple dtype policy specification keys: {found}. Please make sure each path "
                "only matches at most one dtype policy specification key in the DTypePolicyMap."
            )
        return self.policy_map[found[0]] if found else self.default_policy

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
        if "policy_map" in config:
            return DTypePolicyMap.from_config(config)
        if "name" in config:
            return DTypePolicy.from_config(config)
        raise ValueError(f"Unknown `config` as a `dict`, config={identifier}")
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None
