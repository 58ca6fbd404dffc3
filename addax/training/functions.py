"""Functions that run a model's steps on the batches of an iterator, which users call, override and replace."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from ..core import tree
from ..core.engine import jax, jnp
from ..core.ours import is_ours
from .stateful import pure_step
from .steps import StepModel


def step_function(model: StepModel, kind: str) -> Callable[[tuple, Iterator], tuple]:
    """Returns a function that runs steps of `kind` on the next batches of an iterator.

    It takes `(state, iterator)`, and at most `steps_per_execution` batches from the iterator. The state is that of
    `train_step`, `test_step` or `predict_step`. It returns what they return: the logs of the last step and the state,
    or the outputs of the steps and the non-trainable variables.

    Args:
        model: The model.
        kind: "train", "test" or "predict".
    """
    step = pure_step(model, kind)
    if not model.run_eagerly and model.supports_jit:
        step = jax.jit(step)

    def function(state: tuple, iterator: Iterator) -> tuple:
        found = []
        batches = itertools.islice(iterator, model.steps_per_execution)
        for data in itertools.chain([next(batches)], batches):  # raises StopIteration if there is no batch
            out, new = step(state, data)
            state = (state[0], new) if kind == "predict" else new
            found.append(out)
        if kind != "predict":
            return found[-1], state
        return tree.map_structure(lambda *parts: jnp.concatenate(parts), *found), state[1]

    return function


def make(model: StepModel, kind: str, force: bool) -> Callable[[tuple, Iterator], tuple]:
    """Returns the model's function that runs steps of `kind`; it is made if there is none, or if `force` is true."""
    name = f"{kind}_function"
    if force or getattr(model, name) is None:
        setattr(model, name, step_function(model, kind))
    return getattr(model, name)


def custom_function(model: Any, kind: str) -> Callable[[tuple, Iterator], tuple] | None:
    """Returns the user's own function for steps of `kind`; None if there is none.

    The user's `make_train_function` (or its siblings) sets `model.train_function` to it, or returns it, or the user
    has assigned it.

    Args:
        model: The model.
        kind: "train", "test" or "predict".
    """
    maker = getattr(model, f"make_{kind}_function", None)
    if maker is None:
        return None
    name = f"{kind}_function"
    if not is_ours(maker) and getattr(model, name) is None:
        made = maker()
        if getattr(model, name) is None:
            setattr(model, name, made)
    function = getattr(model, name)
    return None if function is None or is_ours(function) else function


def step_of(model: Any, kind: str) -> tuple[Callable[[tuple, Any], tuple], bool]:
    """Returns the function `(state, data)` that runs one step of `kind`, and whether it is a custom function.

    Args:
        model: The model.
        kind: "train", "test" or "predict".
    """
    custom = custom_function(model, kind)
    if custom is None:
        return pure_step(model, kind), False
    return lambda state, data: custom(state, iter([data])), True


class StepFunctions(StepModel):
    """A model whose steps are functions that users call, override and replace, as in Keras."""

    def make_train_function(self, force: bool = False) -> Callable[[tuple, Iterator], tuple]:
        """Returns `train_function`, which runs training steps on the batches of an iterator.

        An override may leave another function in `self.train_function`, which `fit` then calls for each batch.

        Args:
            force: Whether to make it again.

        Returns:
            Function of a state (see `train_step`) and an iterator of batches, which takes `steps_per_execution` of them
            and returns the logs and the new state.

        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.optimizer.build(model.trainable_variables)
        >>> groups = ("trainable", "non_trainable", "optimizer", "metrics")
        >>> variables = {g: getattr(model, f"{g}_variables", None) for g in groups}
        >>> variables["optimizer"] = model.optimizer.variables
        >>> state = tuple([v.value for v in variables[g]] for g in groups)
        >>> logs, state = model.make_train_function()(state, iter([(np.ones((4, 2)), np.ones((4, 1)))]))
        >>> sorted(logs), len(state)
        (['loss'], 4)
        """
        return make(self, "train", force)

    def make_test_function(self, force: bool = False) -> Callable[[tuple, Iterator], tuple]:
        """Returns `test_function`, which runs evaluation steps; see `make_train_function`.

        Args:
            force: Whether to make it again.
        """
        return make(self, "test", force)

    def make_predict_function(self, force: bool = False) -> Callable[[tuple, Iterator], tuple]:
        """Returns `predict_function`, which runs prediction steps; see `make_train_function`.

        Args:
            force: Whether to make it again.

        Returns:
            Function of a state (see `predict_step`) and an iterator of batches, which returns the outputs and the
            non-trainable variables.
        """
        return make(self, "predict", force)

    def jax_state_sync(self) -> None:
        """Does nothing: variables always have the values of the last step. For compatibility with Keras."""
