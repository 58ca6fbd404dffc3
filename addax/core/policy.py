"""Dtype policies: which dtype a layer computes in and which its variables have."""

from __future__ import annotations

from typing import Any

from .config import floatx
from .dtypes import ALLOWED, standardize_dtype
from .engine import enable_float64
from .errors import did_you_mean

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_global: DTypePolicy | None = None


class DTypePolicy:
    """The dtypes of a layer's computation and of its variables.

    Args:
        name: A dtype (`"float32"`), or `"mixed_float16"` / `"mixed_bfloat16"`: computation in 16 bits,
            variables in float32. None is the global policy's name.

    >>> DTypePolicy("mixed_bfloat16").compute_dtype, DTypePolicy("mixed_bfloat16").variable_dtype
    ('bfloat16', 'float32')
    """

    keras_module = "keras"

    def __init__(self, name: str | None = None, source_name: str | None = None):
        del source_name
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            name = standardize_dtype(name)
        if name not in _MIXED and name not in ALLOWED:
            raise ValueError(f"Unknown dtype policy '{name}'. {did_you_mean(name, [*_MIXED, *sorted(ALLOWED)])}")
        if name == "float64":
            enable_float64()
        self._name = name
        self._compute_dtype = _MIXED.get(name, name)
        self._variable_dtype = "float32" if name in _MIXED else name

    @property
    def name(self) -> str:
        """The name the policy was made from."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype that inputs and variables are cast to for computing."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype that variables are kept in."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> None:
        """Always None: a quantized layer is a layer of its own in addax."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(config["name"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy


class DTypePolicyMap(DTypePolicy):
    """Policies by layer path, with a default for the paths it does not name.

    Args:
        default_policy: Policy or name for paths without an entry; None is the global policy.
        policy_map: Dict from layer path to policy or name.
    """

    keras_module = "keras.dtype_policies"

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None):
        self.default_policy = get(default_policy)
        super().__init__(self.default_policy.name)
        self.policy_map = {path: get(policy) for path, policy in (policy_map or {}).items()}

    def __getitem__(self, path: str) -> DTypePolicy:
        return self.policy_map.get(path, self.default_policy)

    def __setitem__(self, path: str, policy: Any) -> None:
        self.policy_map[path] = get(policy)

    def __len__(self) -> int:
        return len(self.policy_map)

    def __iter__(self) -> Any:
        return iter(self.policy_map)

    def get_config(self) -> dict[str, Any]:
        return {
            "default_policy": {"name": self.default_policy.name},
            "policy_map": {path: {"name": policy.name} for path, policy in self.policy_map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicyMap:
        return cls(config["default_policy"], config["policy_map"])


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are not given one."""
    return DTypePolicy(floatx()) if _global is None else _global


def reset() -> None:
    """Goes back to the policy of `floatx`."""
    global _global
    _global = None


def set_dtype_policy(policy: Any) -> None:
    """Changes the policy of layers that are not given one.

    >>> set_dtype_policy("mixed_bfloat16"); dtype_policy(); set_dtype_policy("float32")
    <DTypePolicy "mixed_bfloat16">
    """
    global _global
    _global = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """The policy that `identifier` (a policy, a name, a dtype, a config or None for the global one) stands for."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        config = identifier.get("config", identifier)
        return DTypePolicyMap.from_config(config) if "policy_map" in config else DTypePolicy.from_config(config)
    return DTypePolicy(identifier if isinstance(identifier, str) else standardize_dtype(identifier))
