"""The variables of an optimizer: made like the model's, assigned, and read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.op import TensorLike
from ..core.owner import Owner
from ..core.types import DTypeLike, InitializerLike
from ..core.variable import Variable
from ..core.warnings import warn
from ..initializers.identifiers import get as get_initializer


class OptimizerVariables(Owner):
    """Base of `Optimizer`: its own variables, and the model's that it was built with."""

    built: bool
    _trainable_variables: list[Variable]  # the model's
    _index: dict[int, int]  # the id of each -> its place in that list

    def _hold(self, variables: Sequence[Variable]) -> None:
        self._trainable_variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(variables)}

    def add_slot(self, name: str, variable: Variable) -> Variable | None:
        """Makes a slot of a parameter: zeros of its shape and dtype.

        Subclasses override it for other initial values or shapes.

        Args:
            name: Name of the slot.
            variable: The parameter.

        Returns:
            The slot's variable; None for no slot.
        """
        return self.add_variable_from_reference(variable, name)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike = None,
        aggregation: str = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of the optimizer.

        Args:
            shape: Shape.
            initializer: Initializer: a name, config or callable.
            dtype: Dtype; default: floatx.
            aggregation: Aggregation over several devices: "sum", "mean", "none" or "only_first_replica".
            layout: Layout over devices, kept with the variable.
            name: Name, the last part of the variable's path.
        """
        variable = self._make_variable(
            get_initializer(initializer), shape, dtype=dtype, trainable=False, aggregation=aggregation, name=name
        )
        variable._layout = layout
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: InitializerLike = "zeros"
    ) -> Variable:
        """Makes a variable of the shape and dtype of another, with the name `<path of the other>_<name>`.

        Args:
            reference_variable: The other variable.
            name: Last part of the name.
            initializer: Initializer: a name, config or callable.
        """
        path = getattr(reference_variable, "path", reference_variable.name).replace("/", "_")
        variable = self.add_variable(
            reference_variable.shape,
            initializer,
            # The stored dtype, which differs from `dtype` inside a layer that computes in another one.
            dtype=getattr(reference_variable, "_dtype", reference_variable.dtype),
            layout=getattr(reference_variable, "_layout", None),
            name=f"{path}_{name}" if name else path,
        )
        variable.layout_path = getattr(reference_variable, "path", None)
        variable.heads_axis = getattr(reference_variable, "heads_axis", None)
        return variable

    def add_optimizer_variables(
        self,
        trainable_variables: Sequence[Variable | None],
        name: str | Sequence[str],
        initializer: InitializerLike | Sequence[InitializerLike] = "zeros",
    ) -> Any:
        """Makes variables of the shapes and dtypes of others.

        Args:
            trainable_variables: The other variables; None gives None.
            name: Last part of the names, or several of them.
            initializer: Initializer, or one per name.

        Returns:
            A list of variables; for several names a tuple of such lists, made variable by variable.
        """
        names = [name] if isinstance(name, str) else list(name)
        initializers = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        lists: tuple[list, ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for out, each, init in zip(lists, names, initializers):
                out.append(None if variable is None else self.add_variable_from_reference(variable, each, init))
        return lists[0] if isinstance(name, str) else lists

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """Assigns `value` to `variable`, like the variable's own method; for `update_step` of subclasses."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """Adds `value` to `variable`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """Subtracts `value` from `variable`."""
        variable.assign_sub(value)

    def load_own_variables(self, store: Mapping[str, TensorLike]) -> None:
        """Assigns values from a file; warns and changes nothing if their number differs.

        Args:
            store: The values by the index of their variable, "0", "1" and so on.
        """
        variables = self.variables
        if len(store.keys()) != len(variables):
            built = "" if self.built else " (it is not built yet: call `optimizer.build(model.trainable_variables)`)"
            warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {len(store.keys())} variables.{built}"
            )
            return
        super().load_own_variables(store)

    def set_weights(self, weights: Sequence[TensorLike]) -> None:
        """Assigns the values of the optimizer's variables.

        Args:
            weights: The values, in the order of `variables`.

        Raises:
            ValueError: The optimizer is not built, or a number or shape differs.
        """
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
            )
        variables = self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}' has {len(variables)} variables. Received {len(weights)} weights."
            )
        self._set_values(variables, weights, "Optimizer variable has shape {}")
