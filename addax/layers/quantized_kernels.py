"""Quantized kernels: what stands in for the float kernel of a layer after `layer.quantize`.

The mode chooses the quantized kernel, which holds settings only: its variables belong to the layer, under Keras's
names. The layer's product is described by a `Contraction`, and computed by `layer._product`, on integers or on the
dequantized kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..core.convert import to_tensor
from ..core.dtypes import numpy_dtype
from ..core.engine import jax, jnp
from ..core.late import late
from ..core.op import Tensor
from ..core.types import Array, ArrayLike
from ..core.variable import Variable
from ..ops.numpy import matmul
from ..quantizers import float8, integers
from ..quantizers.configs import Int4QuantizationConfig, QuantizationConfig
from ..quantizers.quantizers import AbsMaxQuantizer, Quantizer

if TYPE_CHECKING:
    from ..quantizers import calibration
else:  # needed by GPTQ and AWQ
    calibration = late("addax.quantizers.calibration")

KernelLayer: TypeAlias = Any  # a `KernelLayer`; its module imports this one
Quantized = dict[str, ArrayLike]  # name of a variable of the layer -> its value


class Contraction:
    """A product of inputs and a kernel, with a letter for each axis; and the kernel as a matrix.

    Args:
        inputs, kernel, output: Letters of the last axes of the inputs, of the kernel and of the output.

    >>> heads = Contraction("abc", "cde", "abde")
    >>> heads.to_matrix(np.ones((6, 2, 3))).shape, heads.align_columns(np.ones(6), (6, 2, 3)).shape
    ((6, 6), (1, 1, 2, 3))
    """

    def __init__(self, inputs: str, kernel: str, output: str):
        self.inputs, self.kernel, self.output = inputs, kernel, output
        # Axes count from the end, as inputs may have more axes before those with letters.
        self.summed = tuple(i - len(inputs) for i, c in enumerate(inputs) if c not in output)
        self.reduced = tuple(i for i, c in enumerate(kernel) if c not in output)
        self.kept = tuple(i for i, c in enumerate(kernel) if c in output)
        self.is_leading = self.reduced == tuple(range(len(self.reduced)))  # whether the summed axes come first

    def to_matrix(self, kernel: ArrayLike) -> Array:
        """Returns the kernel as a matrix `(summed elements, others)`."""
        rows = int(np.prod([kernel.shape[i] for i in self.reduced], dtype=int))
        return kernel.transpose(*self.reduced, *self.kept).reshape(rows, -1)

    def from_matrix(self, matrix: Array, shape: Sequence[int]) -> Array:
        """Returns the kernel of a shape, given its matrix."""
        order = (*self.reduced, *self.kept)
        return matrix.reshape([shape[i] for i in order]).transpose(*np.argsort(order))

    def matrix_shape(self, shape: Sequence[int]) -> tuple[int, int]:
        """Returns the shape of the matrix of a kernel, given its shape."""
        rows = int(np.prod([shape[i] for i in self.reduced], dtype=int))
        return rows, int(np.prod(shape, dtype=int)) // rows

    def align_columns(self, columns: Array, shape: Sequence[int]) -> Array:
        """Reshapes one value per column of the matrix so that it broadcasts with the output."""
        values = jnp.asarray(columns).reshape([shape[i] for i in self.kept])
        return self._along_output(values, "".join(self.kernel[i] for i in self.kept))

    def align_inputs(self, scale: Array) -> Array:
        """Reshapes a scale of the inputs, of size 1 along the summed axes, so that it broadcasts with the output."""
        values = scale.squeeze(self.summed)
        return self._along_output(values, "".join(c for c in self.inputs if c in self.output))

    def _along_output(self, values: Array, letters: str) -> Array:
        """Moves axes, given by letters, to their positions in the output, with size 1 elsewhere."""
        ahead = values.ndim - len(letters)
        present = [c for c in self.output if c in letters]
        values = values.transpose(*range(ahead), *(ahead + letters.index(c) for c in present))
        missing = tuple(i - len(self.output) for i, c in enumerate(self.output) if c not in letters)
        return jnp.expand_dims(values, missing)

    def align_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Returns the shape that `align_columns` gives to one value per column."""
        sizes = dict(zip(self.kernel, shape))
        return tuple(sizes[c] if c in self.kernel else 1 for c in self.output)


class QuantizedKernel:
    """Base of quantized kernels.

    Args:
        layer: The layer that it belongs to.
        shape: Shape of the float kernel.
        config: The quantization config, or None.
    """

    mode: str
    rowwise: str | bool = "always"  # as `Layer.rowwise`
    keeps_float = False  # whether the float kernel is kept
    kernel_first = True  # whether files hold the kernel before the bias
    parts: tuple[str, ...] = ()  # attributes of the layer that files hold after kernel and bias

    def __init__(self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None):
        self.shape = tuple(shape)
        self.contraction = layer._contraction
        self.config = config

    def add_variables(self, layer: KernelLayer) -> None:
        """Makes the variables of `layer` that hold the quantized kernel."""
        raise NotImplementedError

    def quantize(self, kernel: ArrayLike) -> Quantized:
        """Returns the values of the variables for a float kernel, which is an array on the host."""
        raise NotImplementedError

    def dequantize(self, layer: KernelLayer) -> Array:
        """Returns the dequantized kernel."""
        raise NotImplementedError

    def read(self, layer: KernelLayer) -> Any:
        """Returns the value of `layer.kernel`: the integers, in the shape of the float kernel."""
        return layer._raw_kernel

    def product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        """Returns the product of inputs and kernel, without the bias."""
        return layer._product(inputs, self.dequantize(layer))

    def add_bias(self, x: Tensor, layer: KernelLayer) -> Any:
        """Returns the product with the bias added."""
        return layer._add_bias(x)


def _weight(
    layer: KernelLayer, name: str, shape: Sequence[int], initializer: Any, dtype: str | None = None
) -> Variable:
    return layer.add_weight(name=name, shape=shape, initializer=initializer, dtype=dtype, trainable=False)


def _integers(layer: KernelLayer, shape: Sequence[int], dtype: str = "int8") -> Variable:
    return _weight(layer, layer._kernel_name, shape, "zeros", dtype)


def _quantize(quantizer: Quantizer | None, x: Array, axes: Sequence[int], default: Callable[[], Quantizer]) -> tuple:
    """Returns integers and scale of `x`, the scale of size 1 along `axes`."""
    quantizer = default() if quantizer is None else quantizer
    if isinstance(quantizer, AbsMaxQuantizer):
        on_host = isinstance(x, np.ndarray)
        return quantizer(x, axis=tuple(axes) if quantizer.axis is None else quantizer.axis, to_numpy=on_host)
    return quantizer(x)  # type: ignore[return-value]


class _Scaled(QuantizedKernel):
    """A kernel of integers with one scale per output channel; the inputs may be quantized, too."""

    value_range = integers.INT8_RANGE

    def __init__(self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None):
        super().__init__(layer, shape, config)
        self.inputs_quantizer = self._inputs_quantizer(config)
        if not isinstance(self.inputs_quantizer, (AbsMaxQuantizer, type(None))):
            self.rowwise = False  # a user's quantizer

    def _inputs_quantizer(self, config: QuantizationConfig | None) -> Quantizer | None:
        return AbsMaxQuantizer() if config is None else config.activation_quantizer

    def _of_weights(self, kernel: Array, axes: Sequence[int]) -> tuple:
        given = None if self.config is None else self.config.weight_quantizer
        return _quantize(given, kernel, axes, lambda: AbsMaxQuantizer(value_range=self.value_range))

    def values(self, layer: KernelLayer) -> Array:
        """Returns the integers in the shape of the float kernel."""
        raise NotImplementedError

    def scale(self, layer: KernelLayer) -> Array:
        """Returns the scale along the axes of the output."""
        raise NotImplementedError

    def product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        values, scale = self.values(layer), self.scale(layer)
        if self.inputs_quantizer is None:
            return layer._product(inputs, values.astype(inputs.dtype)) / scale

        def quantize(x: Array) -> tuple:
            quantized, own = _quantize(self.inputs_quantizer, x, self.contraction.summed, AbsMaxQuantizer)
            return quantized, self.contraction.align_inputs(own)

        return _integer_product(layer._product, quantize, inputs, values, scale, self.dequantize(layer))


def _integer_product(
    product: Callable, quantize: Callable, inputs: Tensor, values: Array, scale: Array, kernel: Array
) -> Any:
    """Multiplies inputs, which are quantized, with a kernel of integers.

    Args:
        product: Multiplies inputs with a kernel.
        quantize: Returns inputs as integers and their scales, which broadcast with the product.
        inputs: Float tensor.
        values: The integers of the kernel.
        scale: Their scales, which broadcast with the product.
        kernel: The float kernel that the integers stand for.
    """

    def forward(x: Array, values: Array, scale: Array, kernel: Array) -> tuple:
        quantized, own = quantize(x)
        return product(quantized, values).astype(x.dtype) / (own * scale), (x, kernel)

    def backward(kept: tuple, gradient: Array) -> tuple:
        # Rounding the inputs has no gradient: they get that of the product with the dequantized kernel.
        x, kernel = kept
        (result,) = jax.vjp(lambda x: product(x, kernel), x)[1](gradient)
        return result, None, None, None

    computed = jax.custom_vjp(lambda *arguments: forward(*arguments)[0])
    computed.defvjp(forward, backward)
    return computed(jnp.asarray(inputs), values, scale, kernel)


class Int8Kernel(_Scaled):
    """A kernel of 8-bit integers."""

    mode = "int8"

    parts = ("kernel_scale",)

    def add_variables(self, layer: KernelLayer) -> None:
        layer._kernel = _integers(layer, self.shape)
        layer.kernel_scale = _weight(layer, "kernel_scale", self.contraction.align_shape(self.shape), "ones")

    def quantize(self, kernel: ArrayLike) -> Quantized:
        values, scale = self._of_weights(kernel, self.contraction.reduced)
        columns = jnp.broadcast_to(
            scale.squeeze(self.contraction.reduced), [self.shape[i] for i in self.contraction.kept]
        )
        return {"_kernel": values, "kernel_scale": self.contraction.align_columns(columns, self.shape)}

    def values(self, layer: KernelLayer) -> Array:
        return layer._kernel.value

    def scale(self, layer: KernelLayer) -> Array:
        return layer.kernel_scale.value

    def dequantize(self, layer: KernelLayer) -> Array:
        output = [c for c in self.contraction.output if c in self.contraction.kernel]
        kept = [self.contraction.kernel[i] for i in self.contraction.kept]
        sizes = dict(zip(self.contraction.kernel, self.shape))
        scale = layer.kernel_scale.value.reshape([sizes[c] for c in output])
        scale = jnp.expand_dims(scale.transpose(*(output.index(c) for c in kept)), self.contraction.reduced)
        return layer._kernel.value.astype(scale.dtype) / scale


class Int4Kernel(_Scaled):
    """A kernel of 4-bit integers, two a byte, with one scale per output channel.

    As in Keras's files, the matrix is the reshaped kernel; its columns are the output channels only if the summed axes
    come first.
    """

    mode = "int4"
    value_range = integers.INT4_RANGE
    parts = ("kernel_scale",)

    def _inputs_quantizer(self, config: QuantizationConfig | None) -> Quantizer | None:
        return None if config is None else config.activation_quantizer

    def add_variables(self, layer: KernelLayer) -> None:
        rows, columns = self.contraction.matrix_shape(self.shape)
        layer._kernel = _integers(layer, (rows, -(-columns // 2)))
        layer.kernel_scale = _weight(layer, "kernel_scale", (columns,), "ones")

    def quantize(self, kernel: ArrayLike) -> Quantized:
        matrix = kernel.reshape(self.contraction.matrix_shape(self.shape))
        values, scale = self._of_weights(matrix, (0,))
        packed, _, columns = integers.pack_int4(values, axis=-1)
        return {"_kernel": packed, "kernel_scale": jnp.broadcast_to(scale.reshape(-1), (columns,))}

    def values(self, layer: KernelLayer) -> Array:
        columns = self.contraction.matrix_shape(self.shape)[1]
        return integers.unpack_int4(layer._kernel.value, columns, axis=-1).reshape(self.shape)

    read = values

    def scale(self, layer: KernelLayer) -> Array:
        return self.contraction.align_columns(layer.kernel_scale.value, self.shape)

    def dequantize(self, layer: KernelLayer) -> Array:
        scale = layer.kernel_scale.value
        matrix = self.values(layer).reshape(self.contraction.matrix_shape(self.shape))
        return (matrix.astype(scale.dtype) / scale).reshape(self.shape)

    def product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        if self.contraction.is_leading:
            return super().product(layer, inputs)
        x = jnp.asarray(inputs)
        if self.inputs_quantizer is not None:
            values, own = _quantize(self.inputs_quantizer, x, self.contraction.summed, AbsMaxQuantizer)
            x = x + jax.lax.stop_gradient(values.astype(x.dtype) / own - x)
        return layer._product(x, self.dequantize(layer))


def _groups(size: int, group: int) -> int:
    return 1 if group == -1 else -(-size // group)


def _group_index(size: int, group: int) -> ArrayLike:
    return (np.arange(size) // (size if group == -1 else group)).astype(np.float32)


def _ungroup(values: Array, scale: Array, zero: Array, index: Array, axis: int) -> Array:
    """Returns `(values - zero) * scale`, with the scale and zero point of the group that `index` names."""
    groups = jnp.asarray(index).astype(jnp.int32)
    scale = jnp.asarray(scale)
    shift = jnp.take(jnp.asarray(zero).astype(scale.dtype), groups, axis=axis)
    return (values.astype(scale.dtype) - shift) * jnp.take(scale, groups, axis=axis)


class Int4BlockKernel(QuantizedKernel):
    """A kernel of 4-bit integers, two a byte, with a scale and a zero point for each block of inputs."""

    mode = "int4"
    parts = ("kernel_scale", "kernel_zero", "g_idx")

    def __init__(self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None, block_size: int):
        super().__init__(layer, shape, config)
        self.block_size = block_size

    def add_variables(self, layer: KernelLayer) -> None:
        rows, columns = self.contraction.matrix_shape(self.shape)
        groups = _groups(rows, self.block_size)
        layer._kernel = _integers(layer, (rows, -(-columns // 2)))
        layer.kernel_scale = _weight(layer, "kernel_scale", (groups, columns), "ones")
        layer.kernel_zero = _weight(layer, "kernel_zero", (groups, columns), "zeros", "int8")
        layer.g_idx = _weight(
            layer, "g_idx", (rows,), lambda shape, dtype: _group_index(rows, self.block_size), "float32"
        )

    def quantize(self, kernel: ArrayLike) -> Quantized:
        values, scale, zero = integers.abs_max_quantize_grouped_with_zero_point(
            kernel.reshape(self.contraction.matrix_shape(self.shape)), self.block_size, to_numpy=True
        )
        return {
            "_kernel": integers.pack_int4(values, axis=-1)[0],
            "kernel_scale": scale,
            "kernel_zero": zero,
            "g_idx": _group_index(values.shape[0], self.block_size),
        }

    def _matrix(self, layer: KernelLayer) -> Array:
        return integers.unpack_int4(layer._kernel.value, self.contraction.matrix_shape(self.shape)[1], axis=-1)

    def read(self, layer: KernelLayer) -> Any:
        return self._matrix(layer).reshape(self.shape)

    def dequantize(self, layer: KernelLayer) -> Array:
        matrix = _ungroup(
            self._matrix(layer), layer.kernel_scale.value, layer.kernel_zero.value, layer.g_idx.value, axis=0
        )
        return matrix.reshape(self.shape)


class CalibratedKernel(QuantizedKernel):
    """A kernel of GPTQ or AWQ: unsigned integers, with a scale and a zero point for each group of inputs."""

    kernel_first = False

    def __init__(self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None, mode: str):
        super().__init__(layer, shape, config)
        source: Any = layer.dtype_policy if config is None else config
        self.mode, self.bits, self.group_size = mode, source.weight_bits, source.group_size
        self.parts = ("kernel_scale", "kernel_zero", *(("awq_scales",) if mode == "awq" else ()), "g_idx")

    def add_variables(self, layer: KernelLayer) -> None:
        rows, columns = self.contraction.matrix_shape(self.shape)
        groups = _groups(rows, self.group_size)
        layer.quantized_kernel = _integers(layer, (self._stored(columns), rows), "uint8")
        if self.mode == "gptq" and hasattr(layer, "gptq_unpacked_column_size"):
            layer.gptq_unpacked_column_size = columns
        layer.kernel_scale = _weight(layer, "kernel_scale", (columns, groups), "ones")
        layer.kernel_zero = _weight(layer, layer._zero_name, (columns, groups), "zeros", "uint8")
        if self.mode == "awq":
            layer.awq_scales = _weight(layer, "awq_scales", (rows,), "ones")
        layer.g_idx = _weight(layer, "g_idx", (rows,), "zeros", "float32")

    def _stored(self, columns: int) -> int:
        return -(-columns // 2) if self.bits == 4 else columns

    def quantize(self, kernel: ArrayLike) -> Quantized:
        matrix = np.asarray(self.contraction.to_matrix(kernel).T)
        rounded = calibration.round_to_nearest(
            matrix, self.bits, self.group_size
        )  # without calibration data: rounded to nearest
        factors = np.ones(matrix.shape[1]) if self.mode == "awq" else None
        return self.take(rounded.values, rounded.scale, rounded.zero, rounded.groups, factors)

    def take(
        self,
        values: ArrayLike,
        scale: ArrayLike,
        zero: ArrayLike,
        index: ArrayLike,
        scales: ArrayLike | None = None,
    ) -> Quantized:
        """Returns the values of the variables for the result of a calibration.

        Args:
            values: Integers `(columns, rows)` of the kernel's matrix.
            scale, zero: Scales and zero points, `(columns, groups)`.
            index: Group of each row.
            scales: The factors of the inputs, for AWQ.
        """
        values = jnp.asarray(values).astype(jnp.uint8)
        if self.bits == 4:
            values = integers.pack_int4(values, axis=0, dtype="uint8")[0]
        found = {"quantized_kernel": values, "kernel_scale": scale, "kernel_zero": zero, "g_idx": index}
        return found if scales is None else {**found, "awq_scales": scales}

    def _values(self, layer: KernelLayer) -> Array:
        values = layer.quantized_kernel.value
        columns = self.contraction.matrix_shape(self.shape)[1]
        return integers.unpack_int4(values, columns, axis=0, dtype="uint8") if self.bits == 4 else values

    def read(self, layer: KernelLayer) -> Any:
        return self.contraction.from_matrix(self._values(layer).T, self.shape)

    def dequantize(self, layer: KernelLayer) -> Array:
        index = layer.g_idx.value
        matrix = _ungroup(self._values(layer), layer.kernel_scale.value, layer.kernel_zero.value, index, axis=1).T
        if self.mode == "awq":
            matrix = matrix / layer.awq_scales.value[:, None]
        return self.contraction.from_matrix(matrix, self.shape)


class Float8Kernel(QuantizedKernel):
    """A float kernel rounded to 8-bit floats for each product, as are inputs and gradients of the outputs."""

    mode = "float8"
    rowwise = "inference"  # in training, scales follow from whole batches
    keeps_float = True
    parts = tuple(
        f"{what}_{part}" for what in ("inputs", "kernel", "outputs_grad") for part in ("scale", "amax_history")
    )

    def __init__(self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None):
        super().__init__(layer, shape, config)
        length = getattr(layer.dtype_policy, "amax_history_length", 1024)
        self.amax_history_length = length

    def add_variables(self, layer: KernelLayer) -> None:
        for name in self.parts:
            is_scale = name.endswith("scale")
            weight = layer.add_weight(
                name=name,
                shape=() if is_scale else (self.amax_history_length,),
                initializer="ones" if is_scale else "zeros",
                dtype="float32",
                trainable=True,
                autocast=False,
                overwrite_with_gradient=True,  # the backward pass returns their next values
            )
            setattr(layer, name, weight)

    def quantize(self, kernel: ArrayLike) -> Quantized:
        return {}

    def dequantize(self, layer: KernelLayer) -> Array:
        return layer._raw_kernel.value

    def product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        def rounded(what: str, x: Array) -> Array:
            scale, history = (getattr(layer, f"{what}_{part}").value for part in ("scale", "amax_history"))
            return _round_float8(x, scale, history)

        kernel = rounded("kernel", layer._raw_kernel.value)
        x = layer._product(rounded("inputs", jnp.asarray(inputs)), kernel)
        return _round_gradient(x, layer.outputs_grad_scale.value, layer.outputs_grad_amax_history.value)

    def add_bias(self, x: Tensor, layer: KernelLayer) -> Any:
        return x if layer.bias is None else x + layer.bias.value.astype("bfloat16").astype(x.dtype)


def _next_scale(x: Array, scale: Array, history: Array, dtype: str) -> tuple[Array, Array]:
    """Returns scale and history for the step after one that used `x`."""
    most = float(jnp.finfo(numpy_dtype(dtype)).max)
    largest = jnp.max(history, axis=0)
    return float8.compute_float8_scale(largest, scale, most), float8.compute_float8_amax_history(x, history)


def _round_float8(x: Array, scale: Array, history: Array) -> Array:
    """Rounds `x` to "float8_e4m3fn"; the gradients of `scale` and `history` are their next values."""

    def forward(x: Array, scale: Array, history: Array) -> tuple:
        rounded = float8.quantize_and_dequantize(x, scale, "float8_e4m3fn", x.dtype)
        return rounded, _next_scale(x, scale, history, "float8_e4m3fn")

    function = jax.custom_vjp(lambda *arguments: forward(*arguments)[0])
    function.defvjp(forward, lambda kept, gradient: (gradient, *kept))
    return function(x, scale, history)


def _round_gradient(x: Array, scale: Array, history: Array) -> Array:
    """Returns `x`, whose gradient is rounded to "float8_e5m2"."""

    def backward(kept: tuple, gradient: Array) -> tuple:
        rounded = float8.quantize_and_dequantize(gradient, kept[0], "float8_e5m2", gradient.dtype)
        return rounded, *_next_scale(gradient, kept[0], kept[1], "float8_e5m2")

    function = jax.custom_vjp(lambda x, scale, history: x)
    function.defvjp(lambda x, scale, history: (x, (scale, history)), backward)
    return function(x, scale, history)


class Int8Table(QuantizedKernel):
    """An embedding matrix of 8-bit integers, with one scale per embedding.

    Args:
        layer: The layer that it belongs to.
        shape: Shape of the float matrix, `(vocabulary, size)`.
        config: The quantization config, or None.
        is_reverse: Whether it is the matrix of the reverse projection, whose variables are transposed.
    """

    mode = "int8"
    stored: tuple[str, ...] = ("", "_scale")  # what the names of its variables end in
    parts: tuple[str, ...] = ("embeddings_scale",)
    value_range = integers.INT8_RANGE

    def __init__(
        self, layer: KernelLayer, shape: Sequence[int], config: QuantizationConfig | None, is_reverse: bool = False
    ):
        super().__init__(layer, shape, config)
        self.is_reverse = is_reverse

    def for_reverse(self, layer: KernelLayer) -> Int8Table:
        """Returns a table like this one for the matrix of the reverse projection."""
        return type(self)(layer, self.shape, self.config, is_reverse=True)

    def attribute(self, part: str) -> str:
        """Returns the attribute of the layer that holds a variable.

        Args:
            part: What its name ends in.
        """
        if self.is_reverse:
            return f"reverse_embeddings{part}"
        return f"embeddings{part}" if part else "_embeddings"

    def _add(self, layer: KernelLayer, part: str, shape: Sequence[int], initializer: Any, dtype: str | None) -> None:
        name = f"reverse_embeddings{part}" if self.is_reverse else f"embeddings{part}"
        shape = tuple(shape)[::-1] if self.is_reverse else shape
        setattr(layer, self.attribute(part), _weight(layer, name, shape, initializer, dtype))

    def _value(self, layer: KernelLayer, part: str) -> Array:
        value = getattr(layer, self.attribute(part)).value
        return value.T if self.is_reverse else value

    def _assigned(self, *values: Array) -> Quantized:
        """The values of the variables in `stored`, by attribute."""
        return {self.attribute(part): v.T if self.is_reverse else v for part, v in zip(self.stored, values)}

    def add_variables(self, layer: KernelLayer) -> None:
        self._add(layer, "", self.shape, "zeros", "int8")
        self._add(layer, "_scale", self.shape[:1], "ones", None)

    def _of_weights(self, kernel: Array) -> tuple:
        given = None if self.config is None else self.config.weight_quantizer
        values, scale = _quantize(given, kernel, (-1,), lambda: AbsMaxQuantizer(value_range=self.value_range))
        return values, jnp.broadcast_to(scale.reshape(-1), self.shape[:1])

    def quantize(self, kernel: ArrayLike) -> Quantized:
        return self._assigned(*self._of_weights(kernel))

    def _integers(self, stored: Array) -> Array:
        """The integers in rows as they are stored."""
        return stored

    def read(self, layer: KernelLayer) -> Any:
        return self._integers(self._value(layer, ""))

    def rows(self, layer: KernelLayer, take: Callable) -> Array:
        """Returns float embeddings.

        Args:
            layer: The layer.
            take: Function from a tensor of all rows to the requested rows.
        """
        scale = take(self._value(layer, "_scale"))[..., None]
        return self._integers(take(self._value(layer, ""))).astype(scale.dtype) / scale

    def dequantize(self, layer: KernelLayer) -> Array:
        return self.rows(layer, lambda x: x)

    def product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        return self.rows(layer, lambda x: layer._product(inputs, x))

    def reverse_product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        """Returns the products of vectors with all embeddings, `(..., vocabulary)`, of integers as both are."""
        quantizer = AbsMaxQuantizer() if self.config is None else self.config.activation_quantizer
        if quantizer is None:
            return matmul(inputs, self.dequantize(layer).T)
        return _integer_product(
            lambda x, table: matmul(x, table.T),
            lambda x: _quantize(quantizer, x, (-1,), AbsMaxQuantizer),
            inputs,
            to_tensor(self.read(layer)),
            self._value(layer, "_scale"),
            self.dequantize(layer),
        )


class Int4Table(Int8Table):
    """An embedding matrix of 4-bit integers, two a byte, with one scale per embedding."""

    mode = "int4"
    value_range = integers.INT4_RANGE

    def add_variables(self, layer: KernelLayer) -> None:
        self._add(layer, "", (self.shape[0], -(-self.shape[1] // 2)), "zeros", "int8")
        self._add(layer, "_scale", self.shape[:1], "ones", None)

    def quantize(self, kernel: ArrayLike) -> Quantized:
        values, scale = self._of_weights(kernel)
        return self._assigned(integers.pack_int4(values, axis=-1)[0], scale)

    def _integers(self, stored: Array) -> Array:
        return integers.unpack_int4(stored, self.shape[1], axis=-1)


class Int4BlockTable(Int4Table):
    """An embedding matrix of 4-bit integers, with a scale and a zero point for each block of an embedding."""

    stored = ("", "_scale", "_zero")
    parts = ("embeddings_scale", "embeddings_zero", "g_idx")

    def __init__(
        self,
        layer: KernelLayer,
        shape: Sequence[int],
        config: QuantizationConfig | None,
        block_size: int,
        is_reverse: bool = False,
    ):
        super().__init__(layer, shape, config, is_reverse)
        self.block_size = block_size

    def for_reverse(self, layer: KernelLayer) -> Int8Table:
        return type(self)(layer, self.shape, self.config, self.block_size, is_reverse=True)

    def add_variables(self, layer: KernelLayer) -> None:
        rows, size = self.shape
        groups = _groups(size, self.block_size)
        self._add(layer, "", (rows, -(-size // 2)), "zeros", "int8")
        self._add(layer, "_scale", (rows, groups), "ones", None)
        # The reverse projection's are float numbers in Keras's files, and its blocks those of the embeddings.
        self._add(layer, "_zero", (rows, groups), "zeros", None if self.is_reverse else "int8")
        if not self.is_reverse:
            layer.g_idx = _weight(
                layer, "g_idx", (size,), lambda shape, dtype: _group_index(size, self.block_size), "float32"
            )

    def quantize(self, kernel: ArrayLike) -> Quantized:
        values, scale, zero = integers.abs_max_quantize_grouped_with_zero_point(
            kernel.T, self.block_size, to_numpy=True
        )
        found = self._assigned(integers.pack_int4(values.T, axis=-1)[0], scale.T, zero.T)
        return found if self.is_reverse else {**found, "g_idx": _group_index(self.shape[1], self.block_size)}

    def reverse_product(self, layer: KernelLayer, inputs: Tensor) -> Any:
        return matmul(inputs, self.dequantize(layer).T)  # blocks have scales of their own

    def rows(self, layer: KernelLayer, take: Callable) -> Array:
        return _ungroup(
            self._integers(take(self._value(layer, ""))),
            take(self._value(layer, "_scale")),
            take(self._value(layer, "_zero")),
            layer.g_idx.value,
            axis=-1,
        )


def block_size_of(layer: KernelLayer, config: QuantizationConfig | None) -> int:
    """Returns the number of inputs of a block of int4 quantization, or -1 for one block."""
    if isinstance(config, Int4QuantizationConfig):
        return -1 if config.block_size is None else config.block_size
    return getattr(layer.dtype_policy, "block_size", -1)


def choose(layer: KernelLayer, shape: Sequence[int], mode: str, config: QuantizationConfig | None) -> QuantizedKernel:
    """Returns the quantized kernel of a mode.

    Args:
        layer: The layer that it belongs to.
        shape: Shape of the float kernel.
        mode: The quantization mode.
        config: The quantization config; None for that of the layer's dtype policy.

    Raises:
        NotImplementedError: Layers of this kind don't support the mode.
    """
    if mode not in layer._modes:
        raise NotImplementedError(
            f"Invalid quantization mode. Expected one of {layer._modes}. Received: quantization_mode={mode}"
        )
    table = layer._kernel_name == "embeddings"
    if mode == "int8":
        return (Int8Table if table else Int8Kernel)(layer, shape, config)
    if mode == "float8":
        return Float8Kernel(layer, shape, config)
    if mode == "int4":
        size = block_size_of(layer, config)
        if size > 0:
            return (Int4BlockTable if table else Int4BlockKernel)(layer, shape, config, size)
        return (Int4Table if table else Int4Kernel)(layer, shape, config)
    return CalibratedKernel(layer, shape, config, mode)
