"""addax: the Keras API on one engine, JAX. `import addax as keras`.

Public names load when first used, so that importing addax costs almost nothing.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
