"""Questions about symbolic tensors."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.graph import node_key
from ..core.keras_tensor import KerasTensor


def is_keras_tensor(x: object) -> bool:
    """Tests whether `x` is a symbolic tensor.

    Args:
        x: Anything.

    >>> keras.utils.is_keras_tensor(keras.Input((2,))), keras.utils.is_keras_tensor(np.zeros(2))
    (True, False)
    """
    return isinstance(x, KerasTensor)


def get_source_inputs(tensor: KerasTensor) -> Any:
    """Returns the inputs that a symbolic tensor is computed from.

    Args:
        tensor: Symbolic tensor.

    Returns:
        List of the symbolic tensors at which the graph begins; `tensor` itself if it isn't part of a graph.

    >>> x = keras.Input((2,))
    >>> keras.utils.get_source_inputs(keras.layers.Dense(1)(x)) == [x]
    True
    """
    if not isinstance(tensor, KerasTensor) or tensor._keras_history is None:
        return tensor
    found: list[KerasTensor] = []
    seen: set[tuple[int, int]] = set()
    waiting = [tensor]  # a stack: depth first, as in Keras
    while waiting:
        operation, index, _ = node_key(waiting.pop())
        if (id(operation), index) in seen:
            continue
        seen.add((id(operation), index))
        node = operation._inbound_nodes[index]
        if node.is_input:
            found += tree.flatten(node.output_structure)
        else:
            waiting += reversed(node.input_tensors)
    return found
