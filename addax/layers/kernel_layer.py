"""Layers with one kernel, for which a low-rank update or a quantized kernel can stand in.

The layers needn't know: they make the kernel with `_add_kernel`, define the product of inputs and a kernel in
`_product`, and call `_affine(inputs)` in `call`. What stands in for the kernel is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, overload

import numpy as np

from ..core import policy as policies
from ..core.config import thread
from ..core.engine import jnp
from ..core.op import Tensor
from ..core.ours import is_ours
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Array, ArrayLike, Config, InitializerLike
from ..core.variable import Variable
from ..ops.numpy import add, matmul
from ..quantizers import configs
from ..quantizers.configs import QuantizationConfig
from . import layer_config, quantized_kernels
from .layer import Layer
from .quantized_kernels import Contraction, QuantizedKernel
from .sizes import add_weight


class Kernel:
    """The attribute `kernel` (or `embeddings`) of a layer: the variable, or what stands in for it.

    Setting it sets the variable.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, layer: None, owner: type | None = None) -> Kernel: ...
    @overload
    def __get__(self, layer: Layer, owner: type | None = None) -> Variable: ...
    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else layer._effective_kernel()

    def __set__(self, layer: Any, value: Any) -> None:
        setattr(layer, f"_{self.name}", value)


class KernelLayer(Layer):
    """Base of layers that multiply their inputs with one kernel.

    A subclass has the attribute `kernel = Kernel()`, or another of the name in `_kernel_name`, and the method
    `_product`.
    """

    _config_skip: tuple[str, ...] = ("lora_rank", "lora_alpha", "quantization_config")
    _kernel_name = "kernel"
    _zero_name = "kernel_zero"  # name of the variable of zero points
    _modes: tuple[str, ...] = ("int8", "int4", "float8", "gptq", "awq")
    # Whether the low-rank update is multiplied separately, rather than added to the kernel.
    _update_beside = True

    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_enabled = False
    quantization_config: QuantizationConfig | None = None
    _stand_in: QuantizedKernel | None = None
    bias: Any = None

    # Set by the quantized kernel.
    _kernel: Variable
    _embeddings: Variable
    quantized_kernel: Variable
    kernel_scale: Variable
    kernel_zero: Variable
    embeddings_scale: Variable
    embeddings_zero: Variable
    awq_scales: Variable
    g_idx: Variable
    outputs_grad_scale: Variable
    outputs_grad_amax_history: Variable

    def _take_stand_ins(
        self, lora_rank: int | None, lora_alpha: float | None, quantization_config: QuantizationConfig | Config | None
    ) -> None:
        """Takes the arguments of the constructor for low-rank updates and quantization."""
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False
        if isinstance(quantization_config, dict):
            quantization_config = deserialize_keras_object(quantization_config)
        self.quantization_config = quantization_config  # type: ignore[assignment]

    # Defined by subclasses

    def _product(self, inputs: Tensor, kernel: Any) -> Any:
        """Returns the product of inputs with a kernel of the layer's shape."""
        raise NotImplementedError

    @property
    def _contraction(self) -> Contraction:
        """The product as letters of axes."""
        raise NotImplementedError

    def _add_bias(self, x: Tensor) -> Any:
        """Returns a product with the bias added, if there is one."""
        return x if self.bias is None else add(x, self.bias)

    # The kernel

    @property
    def _raw_kernel(self) -> Variable:
        """The variable of the kernel, without what stands in for it.

        Raises:
            AttributeError: The layer isn't built.
        """
        found = self.__dict__.get(f"_{self._kernel_name}")
        if found is None:
            raise AttributeError(f"You must build the layer before accessing `{self._kernel_name}`.")
        return found

    def _effective_kernel(self) -> Any:
        if self.lora_enabled or self._stand_in is None:
            return self._float_kernel()
        return self._stand_in.read(self)

    def _float_kernel(self) -> Any:
        """Returns the effective kernel: dequantized, with the low-rank update added."""
        kernel: Any = self._raw_kernel if self._stand_in is None else self._stand_in.dequantize(self)
        return kernel + self._update() if self.lora_enabled else kernel

    def _add_kernel(self, shape: Sequence[int | None], **options: Any) -> None:
        """Makes the kernel, or the quantized kernel that the dtype policy asks for.

        Args:
            shape: Shape of the float kernel.
            **options: Arguments of `add_weight`.
        """
        mode = self.quantization_mode
        if mode is not None:
            self.quantized_build(shape, mode, self.quantization_config)
        if self._stand_in is None or self._stand_in.keeps_float:
            name = self._kernel_name
            setattr(self, f"_{name}", add_weight(self, name, shape, **options))

    def _after_build(self) -> None:
        super()._after_build()
        if self.lora_rank and not self.lora_enabled:
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def _affine(self, inputs: Tensor) -> Any:
        """Returns the product of inputs and kernel, or what stands in for it, plus the bias."""
        if self._stand_in is not None:
            x = self._stand_in.product(self, inputs)
        elif self.lora_enabled and not self._update_beside:
            return self._add_bias(self._product(inputs, self._effective_kernel()))
        else:
            x = self._product(inputs, self._raw_kernel)
        if self.lora_enabled:
            a, b = self._low_rank()
            x = add(x, self._lora_scale(a.dtype) * matmul(self._product(inputs, a), b))
        return self._add_bias(x) if self._stand_in is None else self._stand_in.add_bias(x, self)

    # Low-rank updates

    @property
    def lora_factors(self) -> tuple[Variable, Variable]:
        """The two factors of the low-rank update.

        Raises:
            AttributeError: There is no update.
        """
        name = f"lora_{self._kernel_name}"
        return getattr(self, f"{name}_a"), getattr(self, f"{name}_b")

    def _low_rank(self) -> tuple[Array, Array]:
        a, b = self.lora_factors
        return a.value, b.value

    def _lora_scale(self, dtype: Any) -> Array:
        return jnp.asarray(self.lora_alpha / self.lora_rank, dtype)  # type: ignore[operator]

    def _update(self) -> Array:
        a, b = self._low_rank()
        return self._lora_scale(a.dtype) * jnp.matmul(a, b)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freezes the kernel and adds a trainable low-rank update: `kernel + lora_alpha / rank * a @ b`.

        Files hold the kernel with the update added. Hu et al., [LoRA: Low-Rank Adaptation of Large Language
        Models](https://arxiv.org/abs/2106.09685), 2021.

        Args:
            rank: Rank of the update, a positive int.
            lora_alpha: Factor of the update, times the rank; None for `rank`.
            a_initializer, b_initializer: Initializers of the two factors.

        Raises:
            ValueError: The layer isn't built, has a constraint on the kernel, or has an update already.

        >>> layer = keras.layers.Dense(4)
        >>> layer.build((None, 8))
        >>> layer.enable_lora(rank=2)
        >>> [v.name for v in layer.trainable_variables]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']
        """
        name = self._kernel_name
        if getattr(self, f"{name}_constraint", None) is not None:
            what = "kernel" if name == "kernel" else "embedding"
            raise ValueError(
                f"Lora is incompatible with {what} constraints. In order to enable lora on this layer, remove the "
                f"`{name}_constraint` argument."
            )
        if not self.built:
            raise ValueError(f"Cannot enable lora on a layer that isn't yet built. Layer '{self.name}' is not built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or rank <= 0:
            raise ValueError(f"`rank` must be a positive integer. Received: rank={rank!r} (layer '{self.path}')")
        shape = self._raw_kernel.shape if self._stand_in is None else self._stand_in.shape
        regularizer = getattr(self, f"{name}_regularizer", None)
        with unlocked(self):
            for part, size, initializer in (
                ("a", (*shape[:-1], rank), a_initializer),
                ("b", (rank, shape[-1]), b_initializer),
            ):
                full = f"lora_{name}_{part}"
                weight = self.add_weight(name=full, shape=size, initializer=initializer, regularizer=regularizer)
                setattr(self, full, weight)
        raw = self.__dict__.get(f"_{name}")
        if raw is not None:
            raw.trainable = False
        self.lora_rank = int(rank)
        self.lora_alpha = rank if lora_alpha is None else lora_alpha
        self.lora_enabled = True

    def merge_lora(self) -> None:
        """Adds the low-rank update to the kernel, which is trainable again, and removes it.

        Raises:
            ValueError: There is no update.

        >>> layer = keras.layers.Dense(4)
        >>> layer.build((None, 8))
        >>> layer.enable_lora(rank=2)
        >>> layer.merge_lora()
        >>> layer.lora_enabled, [v.name for v in layer.variables]
        (False, ['kernel', 'bias'])
        """
        if not self.lora_enabled:
            raise ValueError(f"Layer '{self.path}' has no low-rank update: call `enable_lora` first.")
        for target, value in self._merged().items():
            getattr(self, target).assign(value)
        for part in "ab":
            delattr(self, f"lora_{self._kernel_name}_{part}")
        if self._stand_in is None or self._stand_in.keeps_float:
            self._raw_kernel.trainable = self.trainable
        self.lora_enabled, self.lora_rank, self.lora_alpha = False, None, None

    def _merged(self) -> dict[str, Any]:
        """Returns the values of the variables that hold the kernel, with the low-rank update added."""
        raw = f"_{self._kernel_name}"
        if self._stand_in is None or self._stand_in.keeps_float:
            return {raw: self._effective_kernel()} if self.lora_enabled else {raw: getattr(self, raw).value}
        if not self.lora_enabled:
            return {}
        return self._stand_in.quantize(np.asarray(self._effective_kernel()))

    # Quantization

    @property
    def inputs_quantizer(self) -> Any:
        """Quantizer of the inputs, or None."""
        return getattr(self._stand_in, "inputs_quantizer", None)

    def quantize(
        self, mode: str | None = None, type_check: bool = True, config: QuantizationConfig | None = None
    ) -> None:
        """Quantizes the kernel.

        Args:
            mode: "int8", "int4" or "float8"; None if `config` says it.
            type_check: Whether to refuse subclasses of built-in layers, whose `call` may do anything.
            config: Options, a `QuantizationConfig`; None for the default of the mode.

        Raises:
            NotImplementedError: The layer is of a user's class, or doesn't support the mode.
            ValueError: The layer isn't built, or is quantized already, or mode and config contradict each other.

        >>> layer = keras.layers.Dense(4)
        >>> layer.build((None, 8))
        >>> layer.quantize("int8")
        >>> layer.dtype_policy, [v.name for v in layer.variables]
        (<QuantizedDTypePolicy "int8_from_float32">, ['bias', 'kernel', 'kernel_scale'])
        """
        config = self._check_quantize(mode, config)
        if not self._modes or (type_check and not is_ours(type(self))):
            self._refuse_quantize()
        kernel = np.asarray(self._raw_kernel.numpy())
        stand_in = quantized_kernels.choose(self, kernel.shape, config.mode, config)
        self._replace(stand_in, stand_in.quantize(kernel))
        self.quantization_config = config
        self._set_quantized_policy(config)

    def _replace(self, stand_in: QuantizedKernel, values: Mapping[str, ArrayLike]) -> None:
        """Replaces the float kernel by a quantized one with these values."""
        with unlocked(self):
            if not stand_in.keeps_float:
                delattr(self, f"_{self._kernel_name}")
            stand_in.add_variables(self)
        for target, value in values.items():
            getattr(self, target).assign(value)
        self._stand_in = stand_in

    def _set_quantized_policy(self, config: QuantizationConfig) -> None:
        mode = config.mode
        if isinstance(config, configs.Int4QuantizationConfig):
            mode = f"{mode}/{quantized_kernels.block_size_of(self, config)}"
        elif isinstance(config, (configs.GPTQConfig, configs.AWQConfig)):
            mode = config.dtype_policy_string()
        self._dtype_policy = policies.get(f"{mode}_from_{self.dtype_policy.name}")

    def quantized_build(
        self, kernel_shape: Sequence[int | None], mode: str, config: QuantizationConfig | None = None
    ) -> None:
        """Makes the variables of a quantized kernel.

        Args:
            kernel_shape: Shape of the float kernel.
            mode: The quantization mode.
            config: Options; None for those of the layer's dtype policy.

        Raises:
            NotImplementedError: The layer doesn't support the mode.
        """
        stand_in = quantized_kernels.choose(self, kernel_shape, mode, config)  # type: ignore[arg-type]
        stand_in.add_variables(self)
        self._stand_in = stand_in

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the outputs with the quantized kernel, as `call` does.

        Raises:
            NotImplementedError: The layer isn't quantized.
        """
        return super().quantized_call(*args, **kwargs) if self._stand_in is None else self.call(*args, **kwargs)

    def _stand_in_mixes_rows(self, training: bool) -> bool:
        rowwise = "always" if self._stand_in is None else self._stand_in.rowwise
        return not rowwise or (training and rowwise == "inference")

    # Files

    def get_config(self) -> Config:
        config = super().get_config()
        if self._modes:
            config["quantization_config"] = serialize_keras_object(self.quantization_config)
        if self.lora_rank:
            config.update(lora_rank=self.lora_rank, lora_alpha=self.lora_alpha)
        return config

    def _files_order(self) -> list[str]:
        """Returns the attributes with variables, in their order in files."""
        kernel = f"_{self._kernel_name}"
        stand_in = self._stand_in
        names = [kernel, "bias"]
        if stand_in is not None:
            names = (
                [*names, *stand_in.parts] if stand_in.kernel_first else ["bias", "quantized_kernel", *stand_in.parts]
            )
        return [name for name in names if getattr(self, name, None) is not None]

    def _has_own_weights(self) -> bool:
        """Returns whether a user's subclass has further variables, which files hold in the order of their creation."""
        known = {id(getattr(self, name)) for name in self._files_order()}
        if self.lora_enabled:
            known |= {id(v) for v in self.lora_factors}
        return {id(v) for v in self._own_variables()} != known

    def save_own_variables(self, store: Any) -> None:
        if self.built and not self._has_own_weights() and (self.lora_enabled or self._stand_in is not None):
            merged = self._merged() if self.lora_enabled else {}
            for i, name in enumerate(self._files_order()):
                store[str(i)] = np.asarray(merged[name]) if name in merged else getattr(self, name).numpy()
        else:
            super().save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, ArrayLike]) -> None:
        if not self.built or self._has_own_weights() or not (self.lora_enabled or self._stand_in is not None):
            super().load_own_variables(store)
            return
        variables = [getattr(self, name) for name in self._files_order()]
        layer_config.check_count(self.name, variables, len(store.keys()), self.built)
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])
        if self.lora_enabled:
            # The kernel in the file contains the update. Keras sets the other factor to zero, too; then neither
            # has a gradient.
            self.lora_factors[1].assign(np.zeros(self.lora_factors[1].shape))


@contextmanager
def unlocked(layer: Layer) -> Iterator[None]:
    """Lets a built layer add variables within the context; their paths begin with the layer's."""
    tracker = layer._tracker
    message, tracker.locked = tracker.locked, None
    scopes, thread.name_scopes = thread.name_scopes, layer.path.split("/")
    try:
        yield
    finally:
        tracker.locked, thread.name_scopes = message, scopes
