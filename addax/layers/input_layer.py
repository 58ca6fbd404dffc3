"""Where a graph begins: `Input` and the layer behind it."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import standardize_dtype, standardize_shape
from ..core.errors import describe
from ..core.graph import Node
from ..core.keras_tensor import KerasTensor
from .layer import Layer


class InputLayer(Layer):
    """The layer whose output is a symbolic input.

    Args:
        shape: Shape without the batch axis; None where unknown.
        batch_size: Size of the batch axis, or None.
        dtype: Dtype name; floatx when None.
        sparse, ragged: Kept for compatibility; only False is supported.
        batch_shape: Shape with the batch axis, instead of `shape`.
        input_tensor: A KerasTensor to stand for, instead of a new one.
        optional: Whether None may be passed.
        name: Name; automatic when None.

    >>> InputLayer(shape=(4,), name="a").output.shape
    (None, 4)
    """

    rowwise = "always"
    passes_values = True

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name)
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Argument `input_tensor` must be a KerasTensor. Received invalid type: input_tensor="
                    f"{describe(input_tensor)} (input '{self.name}')"
                )
            _check_like(input_tensor, shape, batch_shape, batch_size, dtype, sparse)
            shape, batch_shape, dtype = None, input_tensor.shape, input_tensor.dtype
        elif shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        elif batch_size is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
        elif shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        if sparse or ragged:
            raise ValueError(f"Input '{self.name}': addax has dense tensors only, without `sparse` and `ragged`.")
        if shape is not None:
            batch_shape = (batch_size, *standardize_shape((shape,) if isinstance(shape, int) else shape))
        self._batch_shape = standardize_shape(batch_shape)
        self._dtype = standardize_dtype(dtype)
        self.sparse = False
        self.ragged = False
        self.optional = optional
        self.built = True
        tensor = input_tensor
        if tensor is None or tensor._keras_history is not None:
            tensor = KerasTensor(self._batch_shape, self._dtype, name=self.name)
        Node(self, (), {}, tensor)

    def call(self) -> None:
        return None

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        Node(self, (), {}, KerasTensor(self._batch_shape, self._dtype, name=self.name))

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._dtype

    @property
    def batch_shape(self) -> tuple:
        """The shape of the input, batch axis included."""
        return self._batch_shape

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    def get_build_config(self) -> None:
        return None

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        return cls(**config)


def _check_like(
    tensor: KerasTensor, shape: Any, batch_shape: Any, batch_size: int | None, dtype: Any, sparse: bool | None
) -> None:
    """Raises ValueError where an argument says otherwise than the tensor that is given."""
    contradictions = {
        "shape": shape is not None and standardize_shape(shape) != tensor.shape[1:],
        "batch_shape": batch_shape is not None and standardize_shape(batch_shape) != tensor.shape,
        "batch_size": batch_size is not None and batch_size != tensor.shape[0],
        "dtype": dtype is not None and standardize_dtype(dtype) != tensor.dtype,
        "sparse": bool(sparse),
    }
    for name, contradicts in contradictions.items():
        if contradicts:
            raise ValueError(
                "When providing the `input_tensor` argument, you cannot provide an incompatible "
                f"`{name}` argument. The tensor: {tensor}"
            )


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to build a model on.

    Args:
        shape: Shape without the batch axis, a tuple of ints and Nones.
        batch_size: Size of the batch axis; unknown when None.
        dtype: Dtype name; the default float when None.
        sparse, ragged: Kept for compatibility; only False is supported.
        batch_shape: Shape with the batch axis, instead of `shape`.
        name: Name of the input, by which data may be given in dicts.
        tensor: A KerasTensor whose shape and dtype to take.
        optional: Whether None may be passed for it.

    Returns:
        A `KerasTensor`.

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
