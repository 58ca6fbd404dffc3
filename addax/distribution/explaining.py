"""Table of what a distribution does with a model: a row for each of its variables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .compiled import Compiled, compiled_for
from .distributions import Distribution, distribution
from .sharded import nbytes
from .tables import size, table


class Row(NamedTuple):
    """A variable of a model or of its optimizer.

    Attributes:
        path: Its path.
        shape: Its shape.
        axes: For each axis the axis of the mesh that it is spread over, or None.
        nbytes: Bytes of its value on one device.
        why: Why it is laid out so.
    """

    path: str
    shape: tuple[int, ...]
    axes: tuple[str | None, ...]
    nbytes: int
    why: str


@dataclass
class Explanation:
    """Layouts of the variables of a model; printing it shows a table.

    Attributes:
        title: The distribution.
        rows: The variables.
        compiled: Transfers of the compiled training step, with `compile=True`; else None.
    """

    title: str
    rows: list[Row]
    compiled: Compiled | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of all variables on one device."""
        return sum(row.nbytes for row in self.rows)

    def __str__(self) -> str:
        cells = [("variable", "shape", "layout", "a device", "why")]
        for row in self.rows:
            layout = ", ".join("-" if axis is None else axis for axis in row.axes)
            cells.append((row.path, str(row.shape), f"({layout})", size(row.nbytes), row.why))
        text = f"{self.title}\n{table(cells)}\nall together {size(self.nbytes)} a device"
        return text if self.compiled is None else f"{text}\n{self.compiled}"

    __repr__ = __str__


def explain(model: Any, *, compile: bool = False, batch_size: int | None = None) -> Explanation:
    """Returns how the variables of a model, and of its optimizer, lie on the devices, and why.

    Args:
        model: The model, built.
        compile: Whether to compile the training step, and to read off the program what devices send each other and
            which layers gather what they compute.
        batch_size: Rows of a batch for that; None for 4 a device.

    Returns:
        An object whose `rows` have `path`, `shape`, `axes`, `nbytes` (on one device) and `why`, and whose `compiled`
        has `transfers` and `in_layers`; printing it shows a table.

    Raises:
        ValueError: The model isn't built, or its step can't be compiled before its data are known.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="dense")], name="net")
    >>> with keras.distribution.DataParallel(devices=["cpu:0"]).scope():
    ...     print(keras.distribution.explain(model))
    <DataParallel device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    variable          shape   layout  a device  why
    net/dense/kernel  (2, 3)  (-, -)  24 B      data parallel
    net/dense/bias    (3,)    (-)     12 B      data parallel
    all together 36 B a device
    """
    spread = distribution()
    rows: list[Row] = []
    no_axes: tuple[str | None, ...] = (None,) * 32
    variables = variables_of(model)
    if spread is not None:
        spread._check(variables)
    for v in variables:
        if spread is None:
            axes, why, share = no_axes[: len(v.shape)], "one device", 1
        else:
            axes, why = spread.choose(v)
            share = parts(spread, axes)
        rows.append(Row(v.path, v.shape, axes, nbytes(v) // share, why))
    found = Explanation("one device" if spread is None else repr(spread), rows)
    if compile:
        count = 1 if spread is None else spread.num_model_replicas
        found.compiled = compiled_for(model, batch_size or 4 * count, spread)
    return found


def variables_of(model: Any) -> list[Any]:
    """Returns the variables of a model and of its optimizer, which is built where it isn't yet.

    Raises:
        ValueError: The model isn't built.
    """
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' isn't built, so its variables are not known: call it on data, or `build` it."
        )
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    return [*model.variables, *(optimizer.variables if optimizer is not None else ())]


def parts(spread: Distribution, axes: Sequence[str | None]) -> int:
    """Returns the number of parts that arrays of a layout are cut into."""
    return math.prod(spread.device_mesh.sizes[axis] for axis in axes if axis is not None)


__all__ = ["Explanation", "Row", "explain", "parts", "variables_of"]
