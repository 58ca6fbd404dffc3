"""Meshes of devices with named axes, and layouts of tensors over them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.engine import is_tracer, jax
from ..core.placement import lay_out_tensor
from ..core.types import Array
from .devices import device_of, list_devices


class DeviceMesh:
    """Grid of devices with named axes.

    Args:
        shape: Number of devices along each axis.
        axis_names: Name of each axis.
        devices: Names such as "gpu:0", or `jax.Device`s, in any nesting; None for all.

    Raises:
        ValueError: The arguments don't fit together.

    >>> keras.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    <DeviceMesh shape=(1, 1), axis_names=['batch', 'model']>
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None):
        if not shape or not axis_names:
            raise ValueError(f"Shape and axis_names cannot be empty. Received: shape={shape}, axis_names={axis_names}")
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Shape and axis_names should have same size. Received: shape={shape}, axis_names={axis_names}"
            )
        if len(set(axis_names)) != len(axis_names):
            raise ValueError(f"The names of the axes of a mesh must differ. Received: axis_names={axis_names}")
        found = np.array(list_devices() if devices is None else devices)
        if int(np.prod(shape)) != found.size:
            raise ValueError(
                f"Shape does not match the number of devices. Received: shape={shape}; devices.shape={found.shape}"
            )
        self._shape = tuple(shape) if isinstance(shape, list) else shape
        self._axis_names = axis_names
        self._devices = found.reshape(tuple(shape))

    @property
    def shape(self) -> Sequence[int]:
        """Number of devices along each axis."""
        return self._shape

    @property
    def axis_names(self) -> Sequence[str]:
        """Name of each axis."""
        return self._axis_names

    @property
    def sizes(self) -> dict[str, int]:
        """Number of devices along each axis, by its name."""
        return dict(zip(self._axis_names, map(int, self._shape)))

    @property
    def devices(self) -> np.ndarray:
        """Devices, in the shape of the mesh."""
        return self._devices

    @functools.cached_property
    def backend_mesh(self) -> Any:
        """The mesh as JAX has it, a `jax.sharding.Mesh`."""
        found = np.vectorize(device_of, otypes=[object])(self._devices)
        auto = (jax.sharding.AxisType.Auto,) * len(self._axis_names)
        return jax.sharding.Mesh(found, tuple(self._axis_names), axis_types=auto)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self._shape}, axis_names={self._axis_names}>"


class TensorLayout:
    """Layout of a tensor: for each of its axes the axis of a mesh that it is spread over.

    Args:
        axes: Names of axes of the mesh; None for axes that aren't spread.
        device_mesh: The mesh; None where a `LayoutMap` gives it.

    Raises:
        ValueError: The mesh has no such axis, or an axis is named twice.

    >>> mesh = keras.distribution.DeviceMesh((1,), ["model"], devices=["cpu:0"])
    >>> keras.distribution.TensorLayout((None, "model"), mesh)
    <TensorLayout axes=(None, 'model'), device_mesh=<DeviceMesh shape=(1,), axis_names=['model']>>
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """For each axis of the tensor the axis of the mesh that it is spread over; None for none."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; it can be set once."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._device_mesh}")
        self._device_mesh = device_mesh
        self._check()

    @property
    def backend_layout(self) -> Any:
        """The layout as JAX has it, a `jax.sharding.NamedSharding`."""
        if self._device_mesh is None:
            raise ValueError("Cannot create sharding when device mesh is not set for TensorLayout.")
        return jax.sharding.NamedSharding(self._device_mesh.backend_mesh, jax.sharding.PartitionSpec(*self._axes))

    def _check(self) -> None:
        names = [axis for axis in self._axes if axis is not None]
        if self._device_mesh is not None:
            valid = set(self._device_mesh.axis_names)
            if unknown := set(names) - valid:
                raise ValueError(f"Invalid axis names for Layout. Valid axis names: {valid}, Got {unknown}")
        if len(set(names)) != len(names):
            raise ValueError(f"An axis of a mesh can spread one axis of a tensor. Received: axes={self._axes}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorLayout):
            return NotImplemented
        return self._axes == other._axes and self._device_mesh is other._device_mesh

    def __hash__(self) -> int:
        return hash((self._axes, id(self._device_mesh)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} axes={self._axes}, device_mesh={self._device_mesh}>"


def distribute_tensor(tensor: Any, layout: Any) -> Array:
    """Lays a tensor out over devices; in a function that JAX traces, constrains it to the layout.

    Args:
        tensor: Array of NumPy or JAX.
        layout: A `TensorLayout`, or a sharding of JAX.

    Returns:
        The tensor with this layout.

    Raises:
        ValueError: The layout has no mesh, more axes than the tensor, or axes that don't divide those of the tensor.

    >>> mesh = keras.distribution.DeviceMesh((1,), ["batch"], devices=["cpu:0"])
    >>> layout = keras.distribution.TensorLayout(("batch", None), mesh)
    >>> keras.distribution.distribute_tensor(np.zeros((4, 2)), layout).shape
    (4, 2)
    """
    sharding = getattr(layout, "backend_layout", layout)
    if isinstance(layout, TensorLayout) and not is_tracer(tensor):
        check_fits("tensor", tuple(np.shape(tensor)), layout)
    return lay_out_tensor(tensor, sharding)


def check_fits(what: str, shape: tuple[int, ...], layout: TensorLayout) -> None:
    """Raises ValueError unless arrays of a shape can have a layout.

    Args:
        what: Name of the array, for the error.
        shape: Its shape.
        layout: A layout with a mesh.
    """
    mesh = layout.device_mesh
    assert mesh is not None
    if len(layout.axes) > len(shape):
        raise ValueError(
            f"The layout of {what} has {len(layout.axes)} axes, but its shape {shape} has {len(shape)}. Received: "
            f"axes={layout.axes}"
        )
    sizes = mesh.sizes
    for number, (axis, size) in enumerate(zip(layout.axes, shape)):
        if axis is not None and size % sizes[axis]:
            count = sizes[axis]
            near = sorted({max(size // count, 1) * count, (size // count + 1) * count})
            raise ValueError(
                f"Axis {number} of {what}, of size {size}, can't be spread over the {count} devices of axis '{axis}' "
                f"of the mesh: it must be a multiple of {count}, such as {' or '.join(map(str, near))}. Received: "
                f"shape={shape}, axes={layout.axes}"
            )


__all__ = ["DeviceMesh", "TensorLayout", "check_fits", "distribute_tensor"]
