"""Names of optimizers of Keras 2, which say that they are no more: `keras.optimizers.legacy`."""

from __future__ import annotations

from typing import Any


class LegacyOptimizerWarning:
    """Stands for an optimizer of Keras 2, and refuses to be made.

    Raises:
        ImportError: Always.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        raise ImportError(
            "`keras.optimizers.legacy` is not supported in Keras 3. When using `tf.keras`, to continue using a "
            "`tf.keras.optimizers.legacy` optimizer, you can install the `tf_keras` package (Keras 2) and set the "
            "environment variable `TF_USE_LEGACY_KERAS=True` to configure TensorFlow to use `tf_keras` when accessing "
            "`tf.keras`."
        )


Adagrad = Adam = Ftrl = Optimizer = RMSprop = SGD = LegacyOptimizerWarning

__all__ = ["Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD"]
