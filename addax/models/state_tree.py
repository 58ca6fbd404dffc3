"""Values of a model's variables as nested dicts by path."""

from __future__ import annotations

from typing import Any

from ..core.variable import Variable
from ..training.trainer import Trainer

GROUPS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")
_FORMATS = ("backend_tensor", "numpy_array")


def get_state_tree(model: Trainer, value_format: str) -> dict[str, dict[str, Any]]:
    """Returns the values by kind, then by the parts of their variables' paths.

    Args:
        model: The model.
        value_format: "backend_tensor" for JAX's arrays, "numpy_array" for NumPy's.

    Raises:
        ValueError: Two variables have the same path.
    """
    if value_format not in _FORMATS:
        raise ValueError(
            f"Invalid `value_format` argument. Expected one of {_FORMATS}. Received: value_format={value_format}"
        )
    found: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        tree: dict[str, Any] = {}
        for variable in group_variables(model, group):
            *outer, last = variable.path.split("/")
            branch = tree
            for part in outer:
                branch = branch.setdefault(part, {})
            if not isinstance(branch, dict) or last in branch:
                raise ValueError(
                    f"The following variable path is found twice in the model: '{variable.path}'. `get_state_tree()` "
                    "can only be called when all variable paths are unique. Make sure to give unique names to your "
                    "layers (and other objects)."
                )
            branch[last] = variable.numpy() if value_format == "numpy_array" else variable.value
        found[group] = tree
    return found


def set_state_tree(model: Trainer, state_tree: dict[str, dict[str, Any]]) -> None:
    """Assigns the values in a tree. If one does not fit, no variable is changed.

    Args:
        model: The model.
        state_tree: Values as `get_state_tree` returns them, or a part of them.

    Raises:
        ValueError: No variable has the path, or a value has another shape.
    """
    pairs: list[tuple[Variable, Any]] = []
    for group, tree in state_tree.items():
        if group not in GROUPS:
            raise ValueError(f"Unknown variable name: {group}. Known are {list(GROUPS)}.")
        by_path = {v.path: v for v in group_variables(model, group)}
        for path, value in leaves(tree):
            if path not in by_path:
                raise ValueError(f"Model '{model.name}' has no variable '{path}' in `{group}`: {list(by_path)}.")
            if tuple(value.shape) != tuple(by_path[path].shape):
                raise ValueError(
                    f"The value for '{path}' must have the shape {by_path[path].shape}. Received a value of shape "
                    f"{tuple(value.shape)}."
                )
            pairs.append((by_path[path], value))
    for variable, value in pairs:
        variable.assign(value)


def group_variables(model: Trainer, group: str) -> list[Variable]:
    """Returns the variables of a group.

    Args:
        model: The model.
        group: "trainable_variables", "non_trainable_variables", "optimizer_variables" or "metrics_variables".
    """
    if group == "optimizer_variables":
        return [] if model.optimizer is None else list(model.optimizer.variables)
    return list(getattr(model, group))


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    """Returns the paths and values in nested dicts.

    Args:
        tree: The dicts.
        path: The keys that lead to them.
    """
    found = []
    for key, value in tree.items():
        found += leaves(value, (*path, key)) if isinstance(value, dict) else [("/".join((*path, key)), value)]
    return found


class ModelState(Trainer):
    """A model whose variables are found by their paths."""

    def variables_by_path(self) -> dict[str, Variable]:
        """Returns the variables by path; equal paths are numbered."""
        found: dict[str, Variable] = {}
        for v in self.variables:
            path, n = v.path, 1
            while path in found:
                path, n = f"{v.path}_{n}", n + 1
            found[path] = v
        return found

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, dict[str, Any]]:
        """Returns the values of all variables as nested dicts by path.

        Args:
            value_format: "backend_tensor" for JAX's arrays, "numpy_array" for NumPy's.

        Returns:
            Dict with `trainable_variables`, `non_trainable_variables`, `optimizer_variables` and `metrics_variables`.

        Raises:
            ValueError: Two variables have the same path.
        """
        return get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, dict[str, Any]]) -> None:
        """Assigns values to variables by path.

        Args:
            state_tree: Values as `get_state_tree` returns them, or a part of them.

        Raises:
            ValueError: No variable has the path, or a value has another shape; no variable is changed then.
        """
        set_state_tree(self, state_tree)
