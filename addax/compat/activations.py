"""Activation functions whose meaning has changed since Keras 2."""

from __future__ import annotations

from ..core.engine import jnp
from ..core.op import Tensor, TensorLike, op


@op(elementwise=True)
def hard_sigmoid_of_keras_2(x: TensorLike) -> Tensor:
    """Computes `clip(0.2 * x + 0.5, 0, 1)`, which "hard_sigmoid" meant before Keras 3.

    Today's `hard_sigmoid` is `clip(x / 6 + 0.5, 0, 1)`. Layers from older files have this one.

    Args:
        x: Tensor of any shape.

    Returns:
        Tensor of the same shape and dtype.

    >>> hard_sigmoid_of_keras_2(np.array([-3.0, 0.0, 1.0])).tolist()
    [0.0, 0.5, 0.699999988079071]
    """
    return jnp.clip(0.2 * x + 0.5, 0, 1)
