"""addax: the Keras API on one engine, JAX. `import addax as keras`.

Public names load when first used, so that importing addax costs almost nothing.
"""

import lazy_loader as _lazy

from .core import late as _late

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

# What stands above those that need it: here everything is in sight.
_late.provide(
    saving="addax.saving.api",
    summary="addax.inspect.summary",
    ops="addax.ops",
    initializers="addax.initializers",
    tuning="addax.core.tuning",
    jax_inside="addax.core.jax_inside",
)
