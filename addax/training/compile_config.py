"""The arguments of `compile` as a config, in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.argument_types import check_arguments
from ..core.ours import is_ours
from ..core.reading import DamagedError
from ..core.serialization import deserialize_keras_object
from ..core.warnings import warn
from .compile import serialized
from .functions import StepFunctions


def unless_default(missing_labels: str, multipliers: dict[str, float] | None, remat: str | None) -> dict[str, Any]:
    """Returns the arguments of `compile` that Keras's doesn't know; without the defaults."""
    given = {"missing_labels": missing_labels, "learning_rate_multipliers": dict(multipliers or {}), "remat": remat}
    return {name: value for name, value in given.items() if value not in ("error", {}, None)}


class CompileConfig(StepFunctions):
    """A model that can be compiled again from a config."""

    compile: Callable[..., None]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns the serialized arguments of `compile`, for `compile_from_config`."""
        if not self.compiled or self._compile_arguments is None:
            return {} if not self.compiled else None
        config = {**self._compile_arguments, "jit_compile": self.jit_compile}
        return {k: serialized(v) for k, v in config.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with the arguments that `get_compile_config` returned.

        Args:
            config: Their config.
        """
        if not is_ours(type(self).compile):
            # Neither its arguments are known, nor its effects on a model that is being loaded.
            warn(
                "`compile()` was not called as part of model loading because the model's `compile()` method is custom. "
                "All subclassed Models that have `compile()` overridden should also override `get_compile_config()` "
                "and `compile_from_config(config)`. Alternatively, you can call `compile()` manually after loading."
            )
            return
        what = "the arguments of `compile` in the config"
        compile = next(vars(c)["compile"] for c in reversed(type(self).__mro__) if "compile" in vars(c))
        known = inspect.signature(compile).parameters
        unknown = [name for name in config if name not in known or name == "self"]
        if unknown:
            raise DamagedError(f"{unknown} among {what} are unknown. Known names: {list(known)[1:]}.")
        check_arguments(compile, config, what)
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
