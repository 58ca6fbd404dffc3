"""InputSpec: requirements of a layer on its inputs, checked before it computes."""

from __future__ import annotations

from collections.abc import Sequence

from ..core import tree
from ..core.dtypes import standardize_dtype, static_shape
from ..core.types import Config, DTypeLike, Shape, Tree
from .host import is_prepared


class InputSpec:
    """Requirements on an input of a layer: rank, dtype, shape, sizes of axes.

    Args:
        dtype: Dtype name, or None for any.
        shape: Shape with None for any size, or None.
        ndim: Exact rank, or None.
        max_ndim, min_ndim: Maximum and minimum rank, or None.
        axes: Dict from axis to its required size.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing or extra.
        name: Name of the input, its key in dicts of inputs.
        optional: Whether None may be passed.

    >>> InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    _about: tuple[str, ...] = ("name",)

    def __init__(
        self,
        dtype: DTypeLike = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self) -> str:
        parts = [f"{k}={v!r}" for k, v in self.__dict__.items() if v not in (None, False, {})]
        return f"InputSpec({', '.join(parts)})"

    def get_config(self) -> Config:
        """Returns the requirements as a dict, the arguments of the constructor."""
        return dict(self.__dict__)

    @classmethod
    def from_config(cls, config: Config) -> InputSpec:
        """Makes a spec from what `get_config` returned.

        Args:
            config: Result of `get_config`.
        """
        return cls(**config)

    def check(self, shape: Shape, dtype: DTypeLike, layer_name: str, position: int, path: str = "") -> None:
        """Raises ValueError unless an input of this shape and dtype is accepted.

        Args:
            shape: Shape of the input; None for unknown sizes.
            dtype: Its dtype.
            layer_name: Name of the layer, for the error.
            position: Position of the input among those of the layer, for the error.
            path: Path of the input in a nested structure, for the error.
        """
        where = f"Input {position} with name '{self.name}' of layer '{layer_name}' is incompatible with the layer: "
        self._check_rank(shape, where)
        if self.dtype is not None and standardize_dtype(dtype) != self.dtype:
            raise ValueError(f"{where}expected dtype={self.dtype}, found dtype={standardize_dtype(dtype)}")
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(
                    f"{where}expected axis {axis} of input shape to have value {size}, but received input with "
                    f"shape {shape}"
                )
        if self.shape is not None:
            self._check_shape(self.shape, shape, where, path)

    def _check_rank(self, shape: Shape, where: str) -> None:
        rank = len(shape)
        if self.ndim is not None and not self.allow_last_axis_squeeze and rank != self.ndim:
            raise ValueError(f"{where}expected ndim={self.ndim}, found ndim={rank}. Full shape received: {shape}")
        if self.max_ndim is not None and rank > self.max_ndim:
            raise ValueError(f"{where}expected max_ndim={self.max_ndim}, found ndim={rank}")
        if self.min_ndim is not None and rank < self.min_ndim:
            raise ValueError(
                f"{where}expected min_ndim={self.min_ndim}, found ndim={rank}. Full shape received: {shape}"
            )

    def _check_shape(self, expected: Shape, shape: Shape, where: str, path: str) -> None:
        found = shape
        if self.allow_last_axis_squeeze:
            # A last axis of size 1 may be missing on either side.
            if len(expected) == len(found) + 1 and expected[-1] == 1:
                expected = expected[:-1]
            elif len(found) == len(expected) + 1 and found[-1] == 1:
                found = found[:-1]
            if len(expected) != len(found):
                raise ValueError(
                    f"{where}expected shape={self.shape}, found shape={shape}. Invalid input shape for input "
                    f"Tensor(shape={shape}) with name '{self.name}' and path '{path}'. Expected shape {self.shape}, "
                    f"but input has incompatible shape {shape}"
                )
        if len(expected) != len(found) or any(None not in (e, s) and e != s for e, s in zip(expected, found)):
            raise ValueError(f"{where}expected shape={self.shape}, found shape={shape}")


def pair_inputs(names: Tree, inputs: Tree, layer_name: str) -> list:
    """Returns `inputs` in the order of the names of what is expected.

    Args:
        names: Structure of the expected inputs, with names as its leaves.
        inputs: Structure that was passed: matched by key if both are dicts, by name if only this one is, else in order.
        layer_name: Name of the layer, for errors.

    Returns:
        A value for each leaf of `names`.

    Raises:
        ValueError: Inputs are missing or surplus, or the order of a list is ambiguous.
    """
    flat = tree.flatten(names)
    if isinstance(inputs, dict):
        expected = sorted(names, key=str) if isinstance(names, dict) else flat
        missing = next((key for key in expected if key not in inputs), None)
        if missing is not None:
            raise ValueError(
                f'Missing data for input "{missing}". You passed a data dictionary with keys {list(inputs)}. Expected '
                f"the following keys: {expected} (layer '{layer_name}')"
            )
        given = {key: inputs[key] for key in names} if isinstance(names, dict) else [inputs[n] for n in flat]
        values = tree.flatten(given)
    else:
        values = tree.flatten(inputs)
    if len(values) != len(flat):
        keys = flat
        if isinstance(names, dict) and not any(tree.is_nested(name) for name in names.values()):
            keys = sorted(names, key=str)
        example = ", ".join(f"{key!r}: ..." for key in keys)
        raise ValueError(
            f'Layer "{layer_name}" expects {len(flat)} named input(s) with keys {keys}, but it received {len(values)} '
            f"input tensors. Pass inputs as a dict, e.g. `layer({{{example}}})`. Their shapes: "
            + ", ".join(str(tuple(getattr(x, "shape", ()))) for x in values)
        )
    if isinstance(names, dict) and isinstance(inputs, (list, tuple)) and list(names) != sorted(names, key=str):
        # Ambiguous: the order of the dict, or that of its sorted keys, which Keras takes where it accepts a list.
        received = [f"Tensor(shape={tuple(getattr(x, 'shape', ()))})" for x in values]
        raise ValueError(
            "The structure of `inputs` doesn't match the expected structure.\n"
            f"Expected: {names}\nReceived: inputs={received}\n"
            f"Pass layer '{layer_name}' a dict with the keys {list(names)}: a list doesn't say what is what."
        )
    return values


def assert_input_compatibility(input_spec: Tree, inputs: Tree, layer_name: str) -> None:
    """Raises ValueError unless `inputs` meet a spec or a structure of specs."""
    if not input_spec or is_prepared(inputs):
        return
    specs = tree.flatten(input_spec)
    if isinstance(input_spec, dict) or all(getattr(spec, "name", None) for spec in specs):
        leaves = pair_inputs(tree.map_structure(lambda spec: spec.name, input_spec), inputs, layer_name)
    else:
        leaves = tree.flatten(inputs)
    if len(leaves) != len(specs):
        raise ValueError(
            f"Layer '{layer_name}' expected {len(specs)} input(s). Received {len(leaves)} instead: "
            + ", ".join(str(tuple(getattr(x, "shape", ()))) for x in leaves)
        )
    paths = [path for path, _ in tree.flatten_with_path(input_spec)] if len(specs) > 1 else [()]
    for i, (path, spec, x) in enumerate(zip(paths, specs, leaves)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None:
            raise ValueError(
                f"The input {repr(spec.name) if spec.name else i} is not optional, but None was passed. Please provide "
                f"a valid tensor. (Layer '{layer_name}')"
            )
        shape = static_shape(x)
        spec.check(shape, x.dtype, layer_name, i, ".".join(map(str, path)))
