"""A layer or model as a pytree of JAX: its values are the leaves, and it computes with whatever values it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.engine import jax
from ..core.types import Array, Tree
from ..layers.layer import Layer

_registered = False


class LayerTree:
    """The values of a layer's variables, as a pytree that computes as the layer does; made by `as_pytree`.

    Attributes:
        layer: The layer, whose own variables stay as they are.
        trainable: Values of its trainable variables, in their order.
        state: Values of the others, among them integers of random generators.
    """

    def __init__(self, layer: Layer, trainable: Sequence[Array], state: Sequence[Array]):
        self.layer = layer
        self.trainable = list(trainable)
        self.state = list(state)

    def __call__(self, *args: Any, **kwargs: Any) -> Tree:
        """Computes the outputs of the layer for these arguments with the values of this tree."""
        return self.apply(*args, **kwargs)[0]

    def apply(self, *args: Any, **kwargs: Any) -> tuple[Tree, LayerTree]:
        """Computes the outputs of the layer with the values of this tree.

        Returns:
            The outputs, and a tree with the state after the call.
        """
        outputs, state = self.layer.stateless_call(self.trainable, self.state, *args, **kwargs)
        return outputs, LayerTree(self.layer, self.trainable, state)

    def replace(self, trainable: Sequence[Array] | None = None, state: Sequence[Array] | None = None) -> LayerTree:
        """Returns a tree with other values.

        Args:
            trainable: Values for the trainable variables; None for those of this tree.
            state: Values for the others; None for those of this tree.
        """
        return LayerTree(
            self.layer, self.trainable if trainable is None else trainable, self.state if state is None else state
        )

    def assign(self) -> None:
        """Assigns the values to the layer's variables."""
        variables = (*self.layer.trainable_variables, *self.layer.non_trainable_variables)
        for variable, value in zip(variables, (*self.trainable, *self.state), strict=True):
            variable.assign(value)

    def __repr__(self) -> str:
        return f"<LayerTree of {self.layer!r}>"


def as_pytree(layer: Layer) -> LayerTree:
    """Returns the values of a layer's or model's variables as a pytree of JAX that computes as the layer does.

    It can be an argument and a result of `jax.jit`, `jax.vmap` and other transformations, be changed by
    `jax.tree.map`, and be kept by libraries for JAX. Gradients are those of `trainable`, since there are integers
    among the rest.

    Args:
        layer: A built layer or model.

    Raises:
        ValueError: The layer isn't built.

    >>> import jax
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> tree = as_pytree(model)
    >>> jax.jit(lambda tree, x: tree(x))(tree, np.ones((1, 2)))
    Array([[2.]], dtype=float32)
    >>> def loss(trainable, tree, x):
    ...     return tree.replace(trainable)(x).sum()
    >>> [g.tolist() for g in jax.grad(loss)(tree.trainable, tree, np.ones((1, 2)))]
    [[[1.0], [1.0]], [1.0]]
    >>> jax.tree.map(lambda v: 2 * v, tree)(np.ones((1, 2)))
    Array([[4.]], dtype=float32)
    """
    global _registered
    if not layer.built:
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}) is not built, so that it has no values yet. Call it on "
            "data, or `build` it, before `as_pytree`."
        )
    if not _registered:
        _registered = True
        jax.tree_util.register_pytree_node(LayerTree, lambda t: ((t.trainable, t.state), t.layer), _tree_of)
    groups = layer.trainable_variables, layer.non_trainable_variables
    return LayerTree(layer, *([v.value for v in group] for group in groups))


def _tree_of(layer: Layer, values: tuple[Any, Any]) -> LayerTree:
    tree = object.__new__(LayerTree)
    tree.layer = layer
    tree.trainable, tree.state = values  # JAX puts other things than lists here, too
    return tree


__all__ = ["LayerTree", "as_pytree"]
