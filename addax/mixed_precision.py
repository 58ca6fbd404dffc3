"""Mixed precision: `keras.mixed_precision`."""

from .core.policy import DTypePolicy, dtype_policy, set_dtype_policy
from .core.policy import DTypePolicy as Policy
from .core.policy import dtype_policy as global_policy
from .core.policy import set_dtype_policy as set_global_policy
from .optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
