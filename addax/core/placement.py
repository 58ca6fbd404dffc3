"""Placement: where values lie while a distribution is set. The one crossing between addax and JAX's shardings.

Nothing here imports JAX until a distribution is set. Without one everything lies on JAX's default device, and callers
ask for no more than whether `current()` is None.

Layouts are constraints inside of programs; the compiler partitions the program and adds the transfers. Three rules are
added to what it does by itself: batches of any size are padded to a multiple of the devices, put, and cut inside the
program (`put_rows`, `cut`); what a program returns has the layout it came with, so that buffers can be reused
(`constrain`); a weight that is spread over the devices of the rows is made whole where it is read, and its gradient is
reduced to the layout of the weight (`read`).
"""

from __future__ import annotations

import atexit
import functools
import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from . import tree
from .buffers import empty, longer
from .engine import import_jax, is_tracer, jax, put
from .late import provided
from .types import Array, Tree

Axes = tuple[Any, ...]  # for each axis of an array the mesh axis that it is spread over, or None


class Placed(Protocol):
    """A variable, as far as its placement has to do with it."""

    path: str
    placement: Any
    is_spread: bool
    _layout: Any
    _placement: Any

    @property
    def shape(self) -> tuple[int, ...]: ...

    def numpy(self) -> np.ndarray: ...

    def replace_value(self, value: Any) -> None: ...


class Placement:
    """Devices, and how values are laid out over them.

    Args:
        mesh: The devices, a `jax.sharding.Mesh`.
        row_axes: The axes of the mesh over which the rows of batches are spread.
        layout: The sharding of a variable.
        key: A hashable value, equal for placements that lay out alike.
        output: The sharding of a layer's output, by the layer's path and "/output"; None for the compiler's choice.
        check: Called with all variables of a model before they are laid out; raises an error if rules fit none.

    Attributes:
        devices: Number of devices over which rows are spread.
        platform: Their platform ("cpu", "gpu", "tpu").
        is_one_process: Whether all devices belong to one process.
        joins_rows: Whether each process makes batches with rows of its own.
        is_main: Whether this is the process that writes files and shows progress.
    """

    def __init__(
        self,
        mesh: Any,
        row_axes: tuple[str, ...],
        layout: Callable[[Placed], Any],
        key: Hashable,
        check: Callable[[Sequence[Placed]], None],
        output: Callable[[str], Any],
    ):
        self.mesh = mesh
        self.row_axes = row_axes
        self.layout = layout
        self.key = key
        self.output = output
        self._outputs: dict[str, Any] = {}
        self.check = check
        self.devices: int = math.prod(mesh.shape[axis] for axis in row_axes)
        first = mesh.devices.flat[0]
        self.platform: str = first.platform
        self.is_one_process = all(d.process_index == first.process_index for d in mesh.devices.flat)
        self.joins_rows = False
        self.is_main: bool = self.is_one_process or jax.process_index() == 0

    def sharding(self, *axes: Any) -> Any:
        """Returns the sharding of arrays whose axes are spread over these axes of the mesh."""
        return jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec(*axes))

    # Variables

    def sharding_of(self, variable: Placed) -> Any:
        """Returns where the value of a variable is, for programs."""
        return variable.placement

    def lay_out(self, variables: Sequence[Placed]) -> bool:
        """Lays variables out, those excepted to which the user gave a layout; returns whether any was moved."""
        moved = False
        for v in variables:
            wanted = self.layout(v)
            if v.placement != wanted:
                v.placement = wanted
                v.is_spread = moved = True
        return moved

    def constrain(self, variables: Sequence[Placed], values: Sequence[Any]) -> list[Any]:
        """Returns values in the layouts of their variables, in a program; None stays None."""
        fix = jax.lax.with_sharding_constraint
        layouts = map(self.sharding_of, variables)
        return [
            fix(a, layout) if a is not None and isinstance(layout, jax.sharding.Sharding) else a
            for layout, a in zip(layouts, values)
        ]

    def read(self, variables: Sequence[Placed], values: Sequence[Any]) -> list[Any]:
        """Returns values as a step computes with them, in a program: not spread over the devices of the rows.

        The gradients with respect to them are laid out as the variables are, so that they are reduced and scattered
        in one: by the compiler's own choice they are reduced whole.
        """
        specs = (getattr(self.sharding_of(v), "spec", ()) for v in variables)
        return [self._whole_over_rows(a, spec) for spec, a in zip(specs, values)]

    def _whole_over_rows(self, value: Array, spec: Any) -> Array:
        whole = [None if axis in self.row_axes else axis for axis in spec]
        return value if whole == [*spec] else _gathered(self.sharding(*spec), self.sharding(*whole))(value)

    def lay_out_output(self, path: str, outputs: Tree) -> Tree:
        """Returns what a layer computes, in the layout that the distribution has for it, if it has one.

        Args:
            path: Path of the layer.
            outputs: Arrays, or what JAX traces.
        """
        if path not in self._outputs:
            self._outputs[path] = self.output(f"{path}/output")
        layout = self._outputs[path]
        if layout is None:
            return outputs
        return tree.map_structure(lambda a: lay_out_tensor(a, layout), outputs)

    # Data

    def put_whole(self, data: Tree) -> Tree:
        """Puts arrays on each of the devices."""
        whole = self.sharding()
        return tree.map_structure(lambda a: None if a is None else put_as(a, whole), data)

    def put_rows(self, data: Tree) -> tuple[Tree, int | None]:
        """Spreads the rows of a batch over the devices.

        Args:
            data: Arrays, those of one length with a row for each sample, and Nones.

        Returns:
            The arrays, padded so that each device has as many rows, and the number of rows for `cut`; None where no
            array has rows.
        """
        rows = next((a.shape[0] for a in tree.flatten(data) if a is not None and np.ndim(a)), None)
        if rows is None:
            return self.put_whole(data), None
        size = self._padded(rows)

        def place(a: Any) -> Any:
            if a is None or not np.ndim(a) or a.shape[0] != rows:
                return None if a is None else put_as(a, self.sharding())
            return put_as(longer(a, size), self.sharding(self.row_axes))

        return tree.map_structure(place, data), rows

    def put_steps(self, data: Tree, size: int) -> Tree:
        """Spreads the rows of several batches over the devices: each device gets its rows of every batch, and no other.

        Args:
            data: Arrays with a row for each sample, those of one batch after those of another, and Nones.
            size: Rows a batch.

        Returns:
            Arrays with an axis of batches before that of rows, which are padded so that each device has as many.
        """
        padded, spread = self._padded(size), self.sharding(None, self.row_axes)

        def place(a: Any) -> Any:
            if a is None:
                return None
            steps = np.reshape(np.asarray(a), (-1, size, *a.shape[1:]))
            if padded > size:
                steps = np.pad(steps, [(0, 0), (0, padded - size), *[(0, 0)] * (a.ndim - 1)])
            return put_as(steps, spread)

        return tree.map_structure(place, data)

    def cut(self, data: Tree, rows: int) -> Tree:
        """Returns the first `rows` rows of what `put_rows` returned, in a program. Each device cuts its own."""
        size = self._padded(rows)

        def one(a: Any) -> Any:
            return a if a is None or not a.ndim or a.shape[0] != size else self.rows(a[:rows])

        return tree.map_structure(one, data)

    def rows(self, data: Tree) -> Tree:
        """Returns arrays whose rows are spread over the devices, in a program."""
        rows = self.sharding(self.row_axes)

        def one(a: Any) -> Any:
            return a if a is None or not a.ndim else jax.lax.with_sharding_constraint(a, rows)

        return tree.map_structure(one, data)

    def whole(self, data: Tree) -> Tree:
        """Returns arrays that each device has whole, in a program."""
        whole = self.sharding()
        return jax.tree.map(lambda a: jax.lax.with_sharding_constraint(a, whole), data)

    def _padded(self, rows: int) -> int:
        return -(-rows // self.devices) * self.devices


@functools.cache
def _gathered(stored: Any, whole: Any) -> Callable[[Array], Array]:
    fix = jax.lax.with_sharding_constraint

    @jax.custom_vjp
    def read(value: Array) -> Array:
        return fix(value, whole)

    read.defvjp(lambda value: (fix(value, whole), None), lambda _, gradient: (fix(gradient, stored),))
    return read


_current: Placement | None = None
_is_chosen = False  # whether the user has set one, or was told of the devices that are there


def current() -> Placement | None:
    """The placement of the distribution that is set; None for JAX's default device."""
    return _current


def use(placement: Placement | None) -> None:
    """Makes `placement` the current one."""
    global _current, _is_chosen
    _current, _is_chosen = placement, True


@contextmanager
def planned(placement: Placement) -> Iterator[None]:
    """Makes a placement the current one while a program for it is traced."""
    global _current
    outer, _current = _current, placement
    try:
        yield
    finally:
        _current = outer


def for_a_program() -> Placement | None:
    """The placement of a new program. Before the first one, several devices that nobody chose to use are spoken of."""
    global _is_chosen
    if not _is_chosen:
        _is_chosen = True
        if jax.device_count() > 1:
            provided("distribution").several_devices()
    return _current


def lay_out(variables: Sequence[Placed], all_: bool = False) -> bool:
    """Lays variables out as the current placement says; returns whether any was moved.

    Without one, those that a distribution had spread come back to the default device.

    Args:
        variables: The variables.
        all_: Whether they are all of a model, so that a rule that fits none of them is an error.

    Raises:
        ValueError: A rule fits no variable, or a variable can't have the layout of its rule.
    """
    if _current is not None:
        if all_:
            _current.check(variables)
        return _current.lay_out(variables)
    spread = [v for v in variables if v.is_spread]
    for v in spread:
        value = v.numpy()
        v._placement, v.is_spread = None, False
        v.replace_value(value)
    return bool(spread)


def put_data(data: Tree) -> Tree:
    """Puts arrays where programs take rows from them: on the default device, or on each of the current placement.

    Programs on a CPU take NumPy arrays as they are, sooner than JAX makes arrays of them.
    """
    if _current is not None:
        return _current.put_whole(data)
    if jax.default_backend() == "cpu":
        return tree.map_structure(lambda a: a if type(a) is np.ndarray and a.dtype.itemsize < 8 else put(a), data)
    return put(data)


def platform() -> str:
    """The platform that programs are compiled for ("cpu", "gpu", "tpu"); kernels choose their forms by it."""
    return jax.default_backend() if _current is None else _current.platform


def spreads_rows() -> bool:
    """Returns whether batches are spread over devices; kernels that mix rows, or loop over them, would gather them."""
    return _current is not None and _current.devices > 1


def spreads_heads() -> bool:
    """Returns whether heads of attention may be spread over devices."""
    return _current is not None and math.prod(_current.mesh.shape.values()) > _current.devices


def count() -> int:
    """Number of devices over which rows are spread."""
    return 1 if _current is None else _current.devices


def is_main() -> bool:
    """Returns whether this is the process that writes files and shows progress, of those that train together."""
    return _current is None or _current.is_main


def is_shared() -> bool:
    """Returns whether several processes train together: what each of them decides by itself must come out the same."""
    return _current is not None and not _current.is_one_process


def own_path(path: str) -> str:
    """The path that this process writes to: in all but the main one it is below a temporary folder, of no use."""
    if is_main():
        return path
    return os.path.join(_nowhere(), os.path.basename(os.path.normpath(path)))


@functools.cache
def _nowhere() -> str:
    import shutil  # only other processes than the main one need these
    import tempfile

    folder = tempfile.mkdtemp(prefix="addax-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _of_all(own: np.ndarray, joined: bool = False) -> Any:
    """Returns the arrays of all processes, stacked or joined by rows; each of them must call this."""
    return import_jax("jax.experimental.multihost_utils").process_allgather(own, tiled=joined)


def texts(text: str) -> list[str]:
    """Returns the texts of all processes, in their order; each of them must call this."""
    data = np.frombuffer(text.encode(), "uint8")
    sizes = integers([data.size])[:, 0]
    padded = np.zeros(int(sizes.max()), "uint8")
    padded[: data.size] = data
    rows = np.reshape(_of_all(padded), (sizes.size, -1))
    return [row[:size].tobytes().decode() for row, size in zip(rows, sizes)]


def integers(own: Sequence[int]) -> np.ndarray:
    """Returns integers of all processes, a row for each; each of them must call this, with as many.

    Args:
        own: Those of this process, of 32 bits.
    """
    return np.reshape(_of_all(np.array(own, "int32")), (-1, len(own)))


def any_of(flag: bool) -> bool:
    """Returns whether `flag` is true in any of the processes that train together; each of them must call this."""
    if not is_shared():
        return flag
    return bool(np.any(_of_all(np.array(flag))))


def by_main(action: Callable[[], None]) -> None:
    """Runs something in the main process, for which the others wait.

    Args:
        action: What is run.

    Raises:
        OSError: It failed, in the other processes; in the main one its own error.
    """
    error: Exception | None = None
    if is_main():
        try:
            action()
        except Exception as e:
            error = e
    if any_of(error is not None):
        raise error or OSError("The main process failed, for which this one waited: its error says why.")


def joins_rows() -> bool:
    """Returns whether each process makes batches with rows of its own, which are joined."""
    return _current is not None and _current.joins_rows


def joined(batch: Tree) -> Tree:
    """Returns a batch of the rows of all processes, each of which makes batches of its own."""
    return tree.map_structure(lambda a: _of_all(np.asarray(a), joined=True) if np.ndim(a) else a, batch)


def wait_for_all(what: str) -> None:
    """Waits until all processes that train together are here.

    Args:
        what: A name of the place.
    """
    if is_shared():
        import_jax("jax.experimental.multihost_utils").sync_global_devices(what)


def lay_out_tensor(x: Any, sharding: Any) -> Any:
    """Lays an array out; in a function that JAX traces, constrains it to the layout."""
    return jax.lax.with_sharding_constraint(x, sharding) if is_tracer(x) else put_as(x, sharding)


def put_as(x: Any, placement: Any) -> Any:
    """Puts an array that each process has whole on a device, or spreads it.

    Args:
        x: The array, of NumPy or JAX.
        placement: A device or a sharding; None for JAX's default device.
    """
    if getattr(placement, "is_fully_addressable", True) or not getattr(x, "is_fully_addressable", True):
        return put(x, placement)
    host = np.asarray(x)
    return jax.make_array_from_callback(host.shape, placement, lambda index: host[index])


def put_parts(x: np.ndarray, placement: Any) -> Array:
    """Puts an array of which this process reads only the parts that its devices have, such as one in a file.

    Args:
        x: The array.
        placement: A sharding, or a device.
    """
    if not isinstance(placement, jax.sharding.Sharding):
        return put(np.array(x), placement)
    return jax.make_array_from_callback(x.shape, placement, lambda index: np.array(x[index]))


def put_blocks(blocks: Any, shape: tuple[int, ...], dtype: np.dtype, sharding: Any) -> Array:
    """Returns an array that is made in parts of some rows, of which this process keeps what its devices have.

    Args:
        blocks: The parts: `initializers.base.Blocks`.
        shape, dtype: Those of the array.
        sharding: Its layout.
    """
    places = {d: _bounds(i, shape) for d, i in sharding.addressable_devices_indices_map(shape).items()}
    shards: dict[Any, np.ndarray] = {}
    found: dict[Any, Array] = {}
    for number in range(blocks.parts):
        first = number * blocks.rows
        last = min(first + blocks.rows, shape[0])
        wanted = [p for p in dict.fromkeys(places.values()) if p[0][0] < last and first < p[0][1]]
        block = blocks.make(number) if wanted else None
        for place in wanted:
            if place not in shards:
                shards[place] = empty(tuple(b - a for a, b in place), dtype)
            low, high = max(first, place[0][0]), min(last, place[0][1])
            columns = tuple(slice(a, b) for a, b in place[1:])
            shards[place][low - place[0][0] : high - place[0][0]] = block[(slice(low - first, high - first), *columns)]  # type: ignore[index]
            if high == place[0][1]:  # whole: to its devices, before the next one is begun
                shard = shards.pop(place)
                found.update({d: jax.device_put(shard, d) for d, p in places.items() if p == place})
    return jax.make_array_from_single_device_arrays(shape, sharding, [found[d] for d in places])


def _bounds(index: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(s.indices(n)[:2] for s, n in zip(index, shape))


def fetch(x: Any) -> np.ndarray:
    """Returns an array as a NumPy array, whole in every process; all of them must ask for it."""
    if getattr(x, "is_fully_addressable", True) or x.is_fully_replicated:
        return np.asarray(x)
    whole = jax.sharding.NamedSharding(x.sharding.mesh, jax.sharding.PartitionSpec())
    return np.asarray(jax.jit(lambda a: a, out_shardings=whole)(x))


__all__ = [
    "Placement",
    "any_of",
    "by_main",
    "count",
    "current",
    "fetch",
    "for_a_program",
    "integers",
    "is_main",
    "is_shared",
    "joined",
    "joins_rows",
    "lay_out",
    "lay_out_tensor",
    "own_path",
    "planned",
    "platform",
    "put_as",
    "put_blocks",
    "put_data",
    "put_parts",
    "spreads_heads",
    "spreads_rows",
    "texts",
    "use",
    "wait_for_all",
]
