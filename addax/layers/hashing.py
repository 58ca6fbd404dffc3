"""Hashes of categories to a fixed number of bins: `Hashing` and `HashedCrossing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from ..core.config import floatx
from ..core.dtypes import is_int
from ..core.policy import get as get_policy
from ..core.types import Config, LayerOptions, LayerOptionsButDtype, PolicyLike, ShapeTree
from . import text
from .building import Shape
from .encoding import MODES, check_mode, encode_on_host, encoded_shape
from .host import is_text
from .host_layer import HostLayer
from .lookup import refuse_sparse
from .string_hashes import crossed, fingerprints
from .vocabulary import as_salt, bucket


class Hashing(HostLayer):
    """Hashes strings and integers to a fixed number of bins, on the host.

    The hash is FarmHash's, or SipHash with a key, of the string or of the integer's decimal digits.

    Args:
        num_bins: Number of bins, with that of the mask.
        mask_value: Value that goes to bin 0, the others to the bins after it; None for none.
        salt: An int or two, the key of SipHash; None for FarmHash.
        output_mode: "int"; "one_hot", a vector for each element; or a vector for those along the last axis, with 1 for
            the bins that occur ("multi_hot") or their counts ("count").
        sparse: Accepted for compatibility; the result is dense.
        **kwargs: `name`, `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong.

    >>> keras.layers.Hashing(num_bins=3)([["A"], ["B"], ["C"]])
    Array([[1],
           [0],
           [1]], dtype=int32)
    """

    _config_skip = ("num_bins", "mask_value", "salt", "output_mode", "sparse")  # what `get_config` writes itself

    def __init__(
        self,
        num_bins: int,
        mask_value: str | int | None = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ):
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"The `num_bins` for `Hashing` cannot be `None` or non-positive values. Received: num_bins={num_bins}."
            )
        if not isinstance(output_mode, str) or output_mode not in MODES:
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of {MODES}. Received: "
                f"output_mode={output_mode}"
            )
        super().__init__(**_with_dtype({**kwargs}, output_mode))
        if output_mode == "int" and not is_int(self.compute_dtype):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'in64'. Received: "
                f"dtype={kwargs['dtype']}"
            )
        self.num_bins = int(num_bins)
        self.mask_value = mask_value
        self.salt = as_salt(salt, "Hashing", "size ")
        self.output_mode = output_mode
        self.sparse = sparse

    def call(self, inputs: np.ndarray) -> np.ndarray:
        indices = self._bins(np.asarray(inputs)).reshape(np.shape(inputs))
        return encode_on_host(indices, self.num_bins, self.output_mode).astype(self.compute_dtype)

    def _bins(self, array: np.ndarray) -> np.ndarray:
        who = f"Layer '{self.path}' (Hashing)"
        given: Any = text.strings_of(array, who) if is_text(array) else _integers(array, who).tolist()
        strings = text.encoded(given, "utf-8") if is_text(array) else [b"%d" % n for n in given]
        if self.mask_value is None:
            return bucket(strings, self.num_bins, self.salt)
        if is_text(array) != isinstance(self.mask_value, str):
            raise TypeError(
                f"{who} has mask_value={self.mask_value!r}, of another kind than its inputs, an array of dtype "
                f"{array.dtype}."
            )
        bins = bucket(strings, self.num_bins - 1, self.salt) + 1 if self.num_bins > 1 else np.zeros(len(strings), int)
        mask = str(self.mask_value).encode()
        return np.where(np.fromiter((s == mask for s in strings), bool, len(strings)), 0, bins)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.num_bins, self.output_mode)

    def get_config(self) -> Config:
        config = {
            "num_bins": self.num_bins,
            "salt": None if self.salt is None else list(self.salt),
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }
        return {**super().get_config(), **config}


class HashedCrossing(HostLayer):
    """Hashes combinations of the values of several categorical features to a fixed number of bins, on the host.

    Args:
        num_bins: Number of bins.
        output_mode: "int" or "one_hot".
        sparse: Accepted for compatibility; must be False.
        name: Name; automatic when None.
        dtype: Dtype of the result; int64 for "int", the default float for "one_hot" when None.
        **kwargs: Other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong.

    Inputs: at least two arrays of strings or integers, of one shape: `()`, `(batch,)` or `(batch, 1)`.

    >>> layer = keras.layers.HashedCrossing(num_bins=5)
    >>> layer((np.array(["A", "B", "A"]), np.array([101, 101, 102])))
    Array([1, 4, 3], dtype=int32)
    """

    _several_inputs = True

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: Unpack[LayerOptionsButDtype],
    ):
        refuse_sparse(sparse)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                f"`num_bins` of `HashedCrossing` must be a positive integer. Received: num_bins={num_bins}"
            )
        super().__init__(name=name, **_with_dtype({**kwargs, "dtype": dtype}, output_mode))
        check_mode(self, output_mode, ("int", "one_hot"))
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.sparse = False

    def build(self, inputs_shape: Any = None) -> None:
        self._build_shapes = {"input_shape": inputs_shape}
        self.built = True

    def call(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        self._check(inputs)
        columns = []
        who = f"Layer '{self.path}' (HashedCrossing)"
        for array in inputs:
            if is_text(array):
                columns.append(fingerprints(text.encoded(text.strings_of(array, who), "utf-8")))
            else:
                columns.append(_integers(array, who).astype(np.uint64))
        with np.errstate(over="ignore"):
            bins = (crossed(columns) % np.uint64(self.num_bins)).astype(np.int64).reshape(inputs[0].shape)
        return encode_on_host(bins, self.num_bins, self.output_mode).astype(self.compute_dtype)

    def _check(self, inputs: Any) -> None:
        """Raises ValueError unless the inputs are arrays that can be crossed."""
        what = f"Received: inputs={inputs} (layer '{self.path}')"
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"`HashedCrossing` should be called on a list or tuple of inputs. {what}")
        if len(inputs) < 2:
            raise ValueError(f"`HashedCrossing` should be called on at least two inputs. {what}")
        shapes = {np.shape(x) for x in inputs}
        if len(shapes) > 1:
            raise ValueError(f"All `HashedCrossing` inputs should have equal shape. {what}")
        shape = shapes.pop()
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                f"All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`. {what}"
            )
        if any(not is_text(x) and x.dtype.kind not in "iub" for x in inputs):
            raise ValueError(f"All `HashedCrossing` inputs should have an integer or string dtype. {what}")

    def compute_output_shape(self, inputs_shape: ShapeTree) -> Shape:
        if not isinstance(inputs_shape, (list, tuple)) or len(inputs_shape) < 2:
            raise ValueError(f"Expected as input a list/tuple of 2 tensors. Received input_shape={inputs_shape}")
        return encoded_shape(tuple(inputs_shape[0]), self.num_bins, self.output_mode)

    def get_config(self) -> Config:
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.compute_dtype,
        }


def _integers(array: np.ndarray, who: str) -> np.ndarray:
    if array.dtype.kind not in "iubf":
        raise ValueError(f"{who} takes strings or integers. Received an array of dtype {array.dtype}.")
    return array.ravel().astype(np.int64)


def _with_dtype(kwargs: dict[str, Any], mode: str) -> dict[str, Any]:
    """Returns arguments of `Layer` with the dtype of what a mode returns, unless one that fits is given."""
    given = kwargs.get("dtype")
    if given is None or (mode == "int" and given is None):
        given = "int64" if mode == "int" else floatx()
    return {**kwargs, "dtype": get_policy(given)}
