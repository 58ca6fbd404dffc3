"""InputSpec: what a layer demands of its inputs, checked before anything is computed."""

from __future__ import annotations

from typing import Any

from ..core import tree
from ..core.dtypes import standardize_dtype


class InputSpec:
    """The rank, dtype, shape and axes that an input of a layer must have.

    Args:
        dtype: Dtype name, or None for any.
        shape: Shape with None for any size, or None.
        ndim: Exact rank, or None.
        max_ndim, min_ndim: Bounds of the rank, or None.
        axes: Dict from axis to the size it must have.
        allow_last_axis_squeeze: Whether a last axis of size 1 may be missing or extra.
        name: Name of the input, for structures given as dicts.
        optional: Whether None may be passed.

    >>> InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    _about: tuple[str, ...] = ("name",)

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
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

    def get_config(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def check(self, shape: tuple, dtype: Any, layer_name: str, position: int) -> None:
        """Raises ValueError unless an input of this shape and dtype is acceptable."""
        where = f"Input {position} with name '{self.name}' of layer '{layer_name}' is incompatible with the layer: "
        if self.ndim is not None and not self.allow_last_axis_squeeze and len(shape) != self.ndim:
            raise ValueError(f"{where}expected ndim={self.ndim}, found ndim={len(shape)}. Full shape received: {shape}")
        if self.max_ndim is not None and len(shape) > self.max_ndim:
            raise ValueError(f"{where}expected max_ndim={self.max_ndim}, found ndim={len(shape)}")
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            raise ValueError(
                f"{where}expected min_ndim={self.min_ndim}, found ndim={len(shape)}. Full shape received: {shape}"
            )
        if self.dtype is not None and standardize_dtype(dtype) != self.dtype:
            raise ValueError(f"{where}expected dtype={self.dtype}, found dtype={standardize_dtype(dtype)}")
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(
                    f"{where}expected axis {axis} of input shape to have value {size}, but received input with "
                    f"shape {shape}"
                )
        if self.shape is not None:
            expected = self.shape
            if self.allow_last_axis_squeeze:
                expected, shape = (s[:-1] if s and s[-1] == 1 else s for s in (expected, shape))
            mismatch = len(expected) != len(shape) or any(
                e is not None and s is not None and e != s for e, s in zip(expected, shape)
            )
            if mismatch:
                raise ValueError(f"{where}expected shape={self.shape}, found shape={shape}")


def assert_input_compatibility(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Checks `inputs` against a spec or a structure of specs; raises ValueError that names the layer."""
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(getattr(s, "name", None) for s in specs):
        missing = [s.name for s in specs if s.name not in inputs]
        if missing:
            raise ValueError(
                f"Missing data for input \"{missing[0]}\" of layer '{layer_name}'. You passed a data dictionary with "
                f"keys {list(inputs)}. Expected the following keys: {[s.name for s in specs]}"
            )
        leaves = [inputs[s.name] for s in specs]
    else:
        leaves = tree.flatten(inputs)
    if len(leaves) != len(specs):
        raise ValueError(
            f"Layer '{layer_name}' expected {len(specs)} input(s). Received {len(leaves)} instead: "
            + ", ".join(str(tuple(getattr(x, "shape", ()))) for x in leaves)
        )
    for i, (spec, x) in enumerate(zip(specs, leaves)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None:
            raise ValueError(f"Input {i} of layer '{layer_name}' is None; only optional inputs may be.")
        shape = tuple(d if isinstance(d, int) else None for d in x.shape)
        spec.check(shape, x.dtype, layer_name, i)
