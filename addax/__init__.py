"""addax: the Keras API on one engine, JAX. `import addax as keras`.

Public names load when first used, so that importing addax costs almost nothing.
"""

from .core import late as _late
from .core.public import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__, __file__)

# What stands above those that need it: here everything is in sight.
_late.provide(
    saving="addax.saving.api",
    summary="addax.inspect.summary",
    export="addax.export.archive",
    ops="addax.ops",
    initializers="addax.initializers",
    distribution="addax.distribution.sharded",
    planning="addax.training.planning",
    tuning="addax.core.tuning",
    jax_inside="addax.core.jax_inside",
)
