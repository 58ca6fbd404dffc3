"""Dense layers defined by an einsum equation."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any, Unpack

from .. import activations
from ..core.op import Tensor
from ..core.types import ActivationLike, Config, ConstraintLike, InitializerLike, LayerOptions, RegularizerLike
from ..initializers import VarianceScaling
from ..ops.numpy import einsum
from ..quantizers.configs import QuantizationConfig
from .input_spec import InputSpec
from .kernel_layer import Kernel, KernelLayer
from .layer import Shape
from .quantized_kernels import Contraction
from .sizes import add_weight, is_int, mixes_rows, take_weight_options

_FORMS = re.compile(
    r"(?P<left>\.\.\.)?(?P<input>[a-zA-Z]+)(?P<right>\.\.\.)?,(?P<kernel>[a-zA-Z]+)->(\.\.\.)?(?P<output>[a-zA-Z]+)(\.\.\.)?"
)


class EinsumDense(KernelLayer):
    """Dense layer defined by an einsum equation: `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: Einsum equation: `ab,bc->ac`, or with an ellipsis before or after, `...x,xy->...y`.
        output_shape: Sizes of the output without the batch axis and the axes of the ellipsis; None for a size that the
            input determines.
        activation: Activation of the result, a name or function; None for none.
        bias_axes: Letters of the output axes that the bias has; None for no bias.
        kernel_initializer, bias_initializer: Initializers of the kernel and the bias.
        kernel_regularizer, bias_regularizer: Regularizers of the kernel and the bias.
        kernel_constraint, bias_constraint: Constraints on the kernel and the bias, applied after each update.
        lora_rank: Rank of a low-rank update of the kernel, which is frozen then; None for none. See `enable_lora`.
        lora_alpha: Factor of the update, times the rank; None for `lora_rank`.
        gptq_unpacked_column_size: Number of output channels of a kernel quantized by GPTQ; it follows from the shapes.
        quantization_config: Options for a quantized dtype policy, a `QuantizationConfig`.
        **kwargs: `name`, `dtype`, `trainable` and other arguments of `Layer`.

    Raises:
        TypeError: `equation` or `bias_axes` isn't a str.
        ValueError: `output_shape` has sizes that aren't positive.

    >>> keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")(np.ones((2, 32, 128))).shape
    (2, 32, 64)
    """

    _config_null_activity = True
    _config_skip = (*KernelLayer._config_skip, "gptq_unpacked_column_size")
    _zero_name = "zero_point"
    kernel_initializer: Any
    kernel = Kernel()

    rowwise = "always"

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: QuantizationConfig | Config | None = None,
        **kwargs: Unpack[LayerOptions],
    ):
        super().__init__(**kwargs)
        for name, value in (("equation", equation), ("bias_axes", bias_axes)):
            if not isinstance(value, str) and (name == "equation" or value is not None):
                raise TypeError(
                    f"`{name}` of layer '{self.name}' (EinsumDense) must be a str. Received: {name}={value!r}"
                )
        self.equation = equation
        sizes = (output_shape,) if is_int(output_shape) else output_shape
        if not isinstance(sizes, (list, tuple)) or not all(n is None or (is_int(n) and n > 0) for n in sizes):
            raise ValueError(
                f"Invalid `output_shape` of layer '{self.name}' (EinsumDense): expected a positive int, or a tuple of "
                f"positive ints and Nones. Received: output_shape={output_shape!r}"
            )
        self.output_shape = tuple(sizes)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        take_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self._take_stand_ins(lora_rank, lora_alpha, quantization_config)

    def _parts(self) -> dict[str, str]:
        """Returns the letters of "input", "kernel" and "output", and the ellipsis of the input, "left" or "right".

        Raises:
            ValueError: The equation has another form.
        """
        match = _FORMS.fullmatch(self.equation.replace(" ", ""))
        parts = match.groupdict(default="") if match else {}
        dots = self.equation.count("...")
        if not match or dots not in (0, 2) or (dots and bool(parts["left"]) == bool(parts["right"])):
            raise ValueError(
                f"Invalid einsum equation '{self.equation}' of layer '{self.name}'. Equations must be in the form "
                "[X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
            )
        return parts

    def _sizes(self, input_shape: Shape) -> tuple[dict[str, int | None], dict[str, str], Shape, Shape]:
        """Returns the size of each letter, the parts of the equation, and the sizes of the ellipsis (left, right).

        Raises:
            ValueError: The equation fits neither the input nor `output_shape`.
        """
        parts = self._parts()
        letters = parts["input"]
        ellipsis = parts["left"] or parts["right"]
        elided = len(input_shape) - len(letters)
        if elided < 0 or (elided and not ellipsis):
            raise ValueError(
                f"The equation '{self.equation}' of layer '{self.name}' takes inputs of "
                f"{'at least ' if ellipsis else ''}{len(letters)} axes. Received: input_shape={input_shape}"
            )
        before = input_shape[:elided] if parts["left"] else ()
        behind = input_shape[len(letters) :] if parts["right"] else ()
        sizes = dict(zip(letters, input_shape[len(before) :]))
        self._add_output_sizes(sizes, parts)
        missing = next((letter for letter in parts["kernel"] if letter not in sizes), None)
        if missing is not None:
            raise ValueError(
                f"Weight dimension '{missing}' did not have a match in either the input spec '{letters}' or the "
                f"output spec '{parts['output']}'. For this layer ('{self.name}'), the weight must be fully specified."
            )
        return sizes, parts, before, behind

    def _add_output_sizes(self, sizes: dict[str, int | None], parts: dict[str, str]) -> None:
        """Adds the sizes in `output_shape` to those of the input's letters.

        Raises:
            ValueError: They contradict the equation or the input.
        """
        letters, outputs = parts["input"], parts["output"]
        # The batch axis, which `output_shape` leaves out, is in the left ellipsis, else the first letter of the output.
        named = self.output_shape if parts["left"] else (sizes.get(outputs[0]), *self.output_shape)
        if len(named) != len(outputs):
            raise ValueError(
                f"`output_shape` of layer '{self.name}' must have {len(outputs) - (not parts['left'])} sizes for the "
                f"equation '{self.equation}'. Received: output_shape={self.output_shape}"
            )
        for i, (letter, size) in enumerate(zip(outputs, named)):
            if letter not in letters and letter not in parts["kernel"]:
                raise ValueError(
                    f"Dimension '{letter}' was specified in the output '{outputs}' but has no corresponding dim in "
                    f"the input spec '{letters}' or weight spec '{parts['kernel']}' (layer '{self.name}')"
                )
            have = sizes.get(letter)
            if have is not None and size is not None and have != size:
                raise ValueError(
                    f"Input shape and output shape do not match at shared dimension '{letter}'. Input shape is "
                    f"{have}, and output shape is {size} (position {i} of the output of layer '{self.name}')."
                )
            sizes[letter] = size if have is None else have

    def build(self, input_shape: Shape) -> None:
        sizes, parts, before, behind = self._sizes(input_shape)
        initializer = self.kernel_initializer
        if isinstance(initializer, VarianceScaling):
            # Fan-in and fan-out follow from the equation (axes that are summed, axes that are kept), not from the
            # order of the kernel's axes.
            kept = [c in parts["output"] for c in parts["kernel"]]
            axes = [[i for i, out in enumerate(kept) if out is outward] for outward in (False, True)]
            initializer = initializer.with_axes(*axes)
        self._letters = _resolved(parts, len(before), len(behind))
        self._add_kernel([sizes[c] for c in parts["kernel"]], initializer=initializer)
        self.bias = None
        if self.bias_axes is not None:
            outputs = parts["output"]
            for letter in self.bias_axes:
                if letter not in outputs:
                    raise ValueError(
                        f"Bias dimension '{letter}' was requested, but is not part of the output spec '{outputs}' "
                        f"(layer '{self.name}')"
                    )
            first = min(outputs.index(letter) for letter in self.bias_axes)
            shape = [sizes[c] if c in self.bias_axes else 1 for c in outputs[first:]]
            self.bias = add_weight(self, "bias", [*shape, *(1,) * len(behind)])
        summed = {
            len(before) + i: sizes[c] for i, c in enumerate(parts["input"]) if c in parts["kernel"] and i + len(before)
        }
        self.input_spec = InputSpec(ndim=len(input_shape), axes=summed)  # type: ignore[arg-type]

    def _mixes_rows(self, training: bool) -> bool:
        first_of_output = self.equation.partition("->")[2][:1]
        mixed = self.equation[0] != first_of_output or mixes_rows(self.activation)
        return mixed or self._stand_in_mixes_rows(training)

    def _output_activation(self) -> Any:
        return self.activation

    def _product(self, inputs: Tensor, kernel: Any) -> Any:
        return einsum(self.equation, inputs, kernel)

    @property
    def _contraction(self) -> Contraction:
        return Contraction(*self._letters)

    def get_config(self) -> Config:
        config = super().get_config()
        if self.quantization_mode == "gptq":
            config["gptq_unpacked_column_size"] = self.gptq_unpacked_column_size
        return config

    def call(self, inputs: Tensor) -> Any:
        return self.activation(self._affine(inputs))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        sizes, parts, before, behind = self._sizes(input_shape)
        return (*before, *(sizes[c] for c in parts["output"]), *behind)


def _resolved(parts: dict[str, str], before: int, behind: int) -> tuple[str, str, str]:
    """Returns the letters of inputs, kernel and output, with letters of their own for the axes of the ellipsis."""
    used = set(parts["input"] + parts["kernel"] + parts["output"])
    free = "".join(c for c in string.ascii_letters if c not in used)[: before + behind]
    ahead, after = free[:before], free[before:]
    return ahead + parts["input"] + after, parts["kernel"], ahead + parts["output"] + after
