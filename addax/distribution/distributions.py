"""Distributions: which devices compute, and how variables and batches lie on them."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import placement
from ..core.changes import changes
from ..core.engine import jax
from ..core.placement import Placement
from ..core.variable import Variable
from ..core.warnings import warn
from .devices import list_devices
from .layout_map import LayoutMap
from .mesh import DeviceMesh, TensorLayout, check_fits
from .shapes import TENSOR, Choice, chosen


class Distribution:
    """Base of distributions. Subclasses say how variables are laid out, in `get_variable_layout`.

    Args:
        device_mesh: The devices.
        batch_dim_name: Axis of the mesh over which the rows of batches are spread; None for its first.
        auto_shard_dataset: Whether iterables yield the same batches in every process, each of which uses its rows;
            otherwise each process has rows of its own.
    """

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        self._device_mesh = device_mesh
        self._batch_dim_name = device_mesh.axis_names[0] if batch_dim_name is None else batch_dim_name
        self._auto_shard_dataset = auto_shard_dataset
        if self._batch_dim_name not in device_mesh.axis_names:
            raise ValueError(
                f"`batch_dim_name` must be an axis of the mesh, {list(device_mesh.axis_names)}. Received: "
                f"batch_dim_name={batch_dim_name!r}"
            )

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str:
        """Axis of the mesh over which the rows of batches are spread."""
        return self._batch_dim_name  # type: ignore[return-value]

    @property
    def auto_shard_dataset(self) -> bool:
        """Whether iterables yield the same batches in every process, each of which uses its rows."""
        return self._auto_shard_dataset

    @auto_shard_dataset.setter
    def auto_shard_dataset(self, auto_shard_dataset: bool) -> None:
        self._auto_shard_dataset = auto_shard_dataset
        self.placement.joins_rows = not auto_shard_dataset

    @property
    def num_processes(self) -> int:
        """Number of processes that compute together."""
        return jax.process_count()

    @property
    def num_model_replicas(self) -> int:
        """Number of devices, or groups of devices, that compute with rows of their own."""
        return math.prod(self._device_mesh.sizes[axis] for axis in self._row_axes)

    @property
    def data_shard_id(self) -> int:
        """Number of the part of each batch that this process computes, from 0."""
        return jax.process_index()

    def get_data_layout(self, data_shape: Sequence[int]) -> TensorLayout:
        """Returns the layout of a batch: its rows are spread.

        Args:
            data_shape: Shape of the batch.
        """
        axes = [self._batch_dim_name, *[None] * (len(data_shape) - 1)]
        return TensorLayout(axes[: len(data_shape)], self._device_mesh)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """Returns the layout of a variable: whole on each device.

        Args:
            variable: The variable.
        """
        return TensorLayout([None] * len(variable.shape), self._device_mesh)

    def choose(self, variable: Variable) -> Choice:
        """Returns the layout of a variable and the reason for it.

        Args:
            variable: The variable.
        """
        return Choice(self.get_variable_layout(variable).axes, "the distribution's")

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Returns the layout of the output of a layer; None where the compiler chooses it.

        Args:
            path: Path of the layer, followed by "/output".
        """
        del path
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """Returns a dataset as it is: `fit` and its relatives spread the rows of each batch.

        Args:
            dataset: Any iterable of batches.
        """
        return dataset

    distribute_tf_dataset = distribute_dataset

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Context manager within which this distribution is set."""
        outer = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(outer)

    @functools.cached_property
    def placement(self) -> Placement:
        """Layouts of values, for programs."""
        mesh = self._device_mesh.backend_mesh
        found = Placement(mesh, self._row_axes, self._sharding_of, object(), self._check, self._sharding_of_output)
        found.joins_rows = not self._auto_shard_dataset
        return found

    def _sharding_of(self, variable: Any) -> Any:
        given = variable._layout
        if given is not None:
            return getattr(given, "backend_layout", given)
        layout = self.get_variable_layout(variable)
        check_fits(f"variable '{variable.path}'", variable.shape, layout)
        return layout.backend_layout

    def _sharding_of_output(self, path: str) -> Any:
        layout = self.get_tensor_layout(path)
        return None if layout is None else layout.backend_layout

    @property
    def _row_axes(self) -> tuple[str, ...]:
        return (self.batch_dim_name,)

    def _check(self, variables: Sequence[Any]) -> None:
        """Raises ValueError if rules of this distribution don't fit the variables of a model."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self._device_mesh}>"


class DataParallel(Distribution):
    """Computes a part of each batch on each device; every device has all weights.

    Batches may have any size: rows that are added so that each device has as many are cut off inside the program, and
    the results are those of one device.

    Args:
        device_mesh: The devices, a mesh of one axis; None for all.
        devices: Devices in place of a mesh, as for `DeviceMesh`.
        auto_shard_dataset: Whether iterables yield the same batches in every process, each of which uses its rows;
            otherwise each process has rows of its own.

    >>> keras.distribution.DataParallel(devices=["cpu:0"])
    <DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    """

    def __init__(self, device_mesh: DeviceMesh | None = None, devices: Any = None, auto_shard_dataset: bool = True):
        if device_mesh is None:
            found = np.array(list_devices() if devices is None else devices)
            device_mesh = DeviceMesh(found.shape, ["batch"], found)
        elif not isinstance(device_mesh, DeviceMesh):
            raise ValueError(
                f"Expect `mesh` to be an instance of `DeviceMesh`. Received: mesh={device_mesh} (of type "
                f"{type(device_mesh)})"
            )
        elif len(device_mesh.shape) > 1:
            warn(
                f"`DataParallel` spreads batches over the first axis of the mesh, '{device_mesh.axis_names[0]}'. The "
                f"devices of its other axes compute the same. Received: device_mesh={device_mesh}"
            )
        super().__init__(device_mesh, None, auto_shard_dataset)

    def choose(self, variable: Variable) -> Choice:
        """Returns the layout of a variable and the reason for it.

        Args:
            variable: The variable.
        """
        return Choice(self.get_variable_layout(variable).axes, "data parallel")


class ModelParallel(Distribution):
    """Spreads weights over devices, by rules for their paths, and the rows of batches over one axis of the mesh.

    Without rules layouts follow from shapes, over all devices: the weights of attention are spread by its heads, other
    matrices by the larger of their axes, which gives the two products of a transformer's feed-forward block columns
    and rows. Weights below 64 kB are whole. The devices of a host share each product; several hosts share the rows.

    Args:
        layout_map: The rules; None for layouts by shape.
        batch_dim_name: Axis of the mesh over which the rows of batches are spread; None for its first.
        auto_shard_dataset: Whether iterables yield the same batches in every process, each of which uses its rows;
            otherwise each process has rows of its own.
        **kwargs: None are known; as in Keras.

    Raises:
        ValueError: `layout_map` is no `LayoutMap` with a mesh, or the mesh has no such axis.

    >>> mesh = keras.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    >>> rules = keras.distribution.LayoutMap(mesh)
    >>> rules[".*dense.*kernel"] = (None, "model")
    >>> keras.distribution.ModelParallel(layout_map=rules)
    <ModelParallel device_mesh=<DeviceMesh shape=(1, 1), axis_names=['batch', 'model']>>
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ):
        if kwargs:
            raise ValueError(f"`ModelParallel` has no argument {', '.join(map(repr, kwargs))}.")
        self._by_shape = layout_map is None
        if layout_map is None:
            layout_map = LayoutMap(_by_hosts())
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"Argument `layout_map` must be a `LayoutMap` instance. Received: layout_map={layout_map}")
        if layout_map.device_mesh is None:
            raise ValueError("The `LayoutMap` of a `ModelParallel` needs a mesh: `LayoutMap(device_mesh)`.")
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self._layout_map = layout_map

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """Returns the layout of the rule for the variable's path; where none matches it is whole on each device.

        Args:
            variable: The variable; one of an optimizer has the layout of its weight.
        """
        if self._by_shape:
            return TensorLayout(self.choose(variable).axes, self.device_mesh)
        found = self._layout_map[variable.layout_path or variable.path]
        return super().get_variable_layout(variable) if found is None else found

    def choose(self, variable: Variable) -> Choice:
        """Returns the layout of a variable and the rule that it comes from.

        Args:
            variable: The variable.
        """
        if self._by_shape:
            return chosen(variable.shape, None, (TENSOR, self.device_mesh.sizes[TENSOR]), variable.heads_axis)
        rules = self._layout_map.matching(variable.layout_path or variable.path)
        return Choice(self.get_variable_layout(variable).axes, f"rule '{rules[0]}'" if rules else "no rule matches")

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Returns the layout of the rule for the output of a layer; None where there is none.

        Args:
            path: Path of the layer, followed by "/output".
        """
        return self._layout_map[path]

    def _check(self, variables: Sequence[Any]) -> None:
        self._layout_map.check_used([v.path for v in variables])


def _by_hosts() -> DeviceMesh:
    """Returns all devices, those of a host along the axis that products are spread over."""
    devices, hosts = list_devices(), jax.process_count()
    return DeviceMesh((hosts, len(devices) // hosts), ["batch", TENSOR], devices)


_current: Distribution | None = None


def distribution() -> Distribution | None:
    """Returns the distribution that is set; None for one device.

    >>> keras.distribution.distribution() is None
    True
    """
    return _current


def set_distribution(value: Distribution | None) -> None:
    """Makes `fit`, `evaluate`, `predict` and new variables use a distribution.

    Models that were made before use it from their next `fit`, `evaluate` or `predict` on.

    Args:
        value: The distribution; None for one device.

    Raises:
        ValueError: It is something else.

    >>> keras.distribution.set_distribution(keras.distribution.DataParallel(devices=["cpu:0"]))
    >>> keras.distribution.distribution()
    <DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    >>> keras.distribution.set_distribution(None)
    """
    global _current
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(
            f"`set_distribution` takes a distribution such as `keras.distribution.DataParallel()`, or None. Received: "
            f"{value!r} (of type {type(value)})"
        )
    placement.use(None if value is None else value.placement)
    _current = value
    changes.count += 1  # what was found out about models holds for other devices


__all__ = ["DataParallel", "Distribution", "ModelParallel", "distribution", "set_distribution"]
