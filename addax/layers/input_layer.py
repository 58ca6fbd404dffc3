"""Inputs of graphs: `Input` and the layer that it makes."""

from __future__ import annotations

from typing import Any, Unpack

from ..core.dtypes import standardize_dtype, standardize_shape
from ..core.errors import describe
from ..core.graph import Node
from ..core.keras_tensor import KerasTensor
from ..core.types import Config, DTypeLike, OlderOptions, ShapeLike
from .layer import Layer, Shape


class InputLayer(Layer):
    """Layer whose output is a symbolic input of a model.

    Args:
        shape: Shape without the batch axis; None where unknown.
        batch_size: Size of the batch axis, or None.
        dtype: Dtype name; floatx when None.
        sparse: Whether sparse data are expected: arrays of `jax.experimental.sparse.BCOO`, or of SciPy.
        ragged: Accepted for compatibility; must be False.
        batch_shape: Shape with the batch axis, instead of `shape`.
        input_tensor: KerasTensor to take as the input, instead of a new one.
        optional: Whether None may be passed.
        name: Name; automatic when None.

    >>> InputLayer(shape=(4,), name="a").output.shape
    (None, 4)
    """

    rowwise = "always"
    passes_values = True

    def __init__(
        self,
        shape: ShapeLike = None,
        batch_size: int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Shape | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Unpack[OlderOptions],
    ):
        super().__init__(name=name)
        given: dict[str, Any] = {**kwargs}
        if "input_shape" in given:
            shape = given.pop("input_shape")
        if "batch_input_shape" in given:
            batch_shape = given.pop("batch_input_shape")
        if given:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {given}")
        if input_tensor is not None:
            self._check_tensor(input_tensor)
            _check_like(input_tensor, shape, batch_shape, batch_size, dtype, sparse)
            batch_shape, dtype, sparse = input_tensor.shape, input_tensor.dtype, input_tensor.sparse
        else:
            batch_shape = _batch_shape(shape, batch_size, batch_shape)
        if ragged:
            raise ValueError(f"Input '{self.name}': addax has no ragged tensors. Received: ragged={ragged!r}")
        self._batch_shape = standardize_shape(batch_shape)
        self._dtype = standardize_dtype(dtype)
        self.sparse = bool(sparse)
        self.ragged = False
        self.optional = optional
        self.built = True
        tensor = input_tensor
        if tensor is None or tensor._keras_history is not None:
            tensor = self._tensor()
        Node(self, (), {}, tensor)

    def _tensor(self) -> KerasTensor:
        return KerasTensor(self._batch_shape, self._dtype, self.sparse, name=self.name)

    def _check_tensor(self, tensor: object) -> None:
        if not isinstance(tensor, KerasTensor):
            raise ValueError(
                f"Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor="
                f"{describe(tensor)} (input '{self.name}')"
            )

    def call(self) -> None:
        return None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        Node(self, (), {}, self._tensor())

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._dtype

    @property
    def batch_shape(self) -> tuple:
        """The shape of the input, batch axis included."""
        return self._batch_shape

    def get_config(self) -> Config:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._dtype,
            "sparse": self.sparse,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    def get_build_config(self) -> None:
        return None

    @classmethod
    def from_config(cls, config: Config) -> InputLayer:
        return cls(**config)


def _batch_shape(shape: ShapeLike, batch_size: int | None, batch_shape: Shape | None) -> Shape:
    """Returns the shape of an input with its batch axis.

    Raises:
        ValueError: There is no shape, or two.
    """
    if batch_shape is not None:
        for name, value in (("shape", shape), ("batch_size", batch_size)):
            if value is not None:
                raise ValueError(f"You cannot pass both `{name}` and `batch_shape` at the same time.")
        return batch_shape
    if shape is None:
        raise ValueError("You must pass a `shape` argument.")
    return (batch_size, *standardize_shape((shape,) if isinstance(shape, int) else shape))


def _check_like(
    tensor: KerasTensor,
    shape: ShapeLike,
    batch_shape: Shape | None,
    batch_size: int | None,
    dtype: DTypeLike,
    sparse: bool | None,
) -> None:
    """Raises ValueError if an argument contradicts the given tensor."""
    contradictions = {
        "shape": shape is not None and standardize_shape(shape) != tensor.shape[1:],
        "batch_shape": batch_shape is not None and standardize_shape(batch_shape) != tensor.shape,
        "batch_size": batch_size is not None and batch_size != tensor.shape[0],
        "dtype": dtype is not None and standardize_dtype(dtype) != tensor.dtype,
        "sparse": sparse is not None and bool(sparse) != tensor.sparse,
    }
    for name, contradicts in contradictions.items():
        if contradicts:
            raise ValueError(
                "When providing the `input_tensor` argument, you cannot provide an incompatible "
                f"`{name}` argument. The tensor: {tensor}"
            )


def Input(
    shape: ShapeLike = None,
    batch_size: int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Shape | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Makes a symbolic tensor, an input of a functional model.

    Args:
        shape: Shape without the batch axis, a tuple of ints and Nones.
        batch_size: Size of the batch axis; unknown when None.
        dtype: Dtype name; the default float when None.
        sparse, ragged: Accepted for compatibility; must be False.
        batch_shape: Shape with the batch axis, instead of `shape`.
        name: Name of the input, its key in dicts of data.
        tensor: KerasTensor whose shape and dtype to take.
        optional: Whether None may be passed for it.

    Returns:
        A `KerasTensor`.

    Raises:
        ValueError: There is no shape, or arguments contradict each other.

    >>> Input((None, 3), name="sequence").shape
    (None, None, 3)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer.output
