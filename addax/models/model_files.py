"""Methods of models for summaries, files and exports, which packages above this one implement."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TypeAlias

from ..core.late import provided
from ..core.serialization import serialize_keras_object
from .model_tools import ModelTools

PathLike: TypeAlias = str | os.PathLike


class ModelFiles(ModelTools):
    """A model that can be printed, saved and exported."""

    def to_json(self, **kwargs: Any) -> str:
        """Returns the config as JSON, without weights, for `model_from_json`.

        Args:
            **kwargs: Arguments of `json.dumps`.
        """
        return json.dumps(serialize_keras_object(self), **kwargs)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        style: str | None = None,
        *,
        flops: bool = False,
        memory: bool = False,
    ) -> None:
        """Prints the model as a table: its layers, their output shapes and numbers of parameters.

        Args:
            line_length: Width of the table in characters; default: the width of the terminal.
            positions: End of each column, as a fraction of the width (in the classic style also in characters).
            print_fn: Function to call with the text instead of printing it.
            expand_nested: Whether to show the layers of nested models.
            show_trainable: Whether to show which layers are trainable.
            layer_range: Names (or patterns) of the first and last layer to show.
            style: "rich", or "classic" for the table of Keras 2; default: the setting `summary_style`.
            flops: Whether to show the floating point operations of a sample, as XLA counts them in the compiled model.
            memory: Whether to show the memory of a sample's intermediate results and outputs, as XLA says.
        """
        arguments = (line_length, positions, print_fn, expand_nested, show_trainable, layer_range, style)
        provided("summary").summary(self, *arguments, flops=flops, memory=memory)

    def save(
        self, filepath: PathLike | BinaryIO, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Saves config, weights, and the arguments of `compile`, as a `.keras` file.

        Args:
            filepath: Path that ends in `.keras`, or a binary file open for writing.
            overwrite: Whether to replace an existing file without asking on the terminal.
            zipped: Whether to save a zip archive (default) or a folder, whose path must not end in `.keras`.
            **kwargs: `include_optimizer=False` leaves out the optimizer and the other arguments of `compile`.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(
        self, filepath: PathLike, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Saves the values of the variables, including the optimizer's, without the config.

        Args:
            filepath: Path that ends in `.weights.h5`; in `.weights.json` when `max_shard_size` is given.
            overwrite: Whether to replace an existing file without asking on the terminal.
            max_shard_size: Largest size of one file in GB, to split the weights into several files with a JSON index.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave out.

        Raises:
            ValueError: Wrong extension or argument.
        """
        provided("saving").save_weights(self, filepath, overwrite, max_shard_size, **kwargs)

    def load_weights(self, filepath: PathLike, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Loads the weights from a file. If they do not fit, the model is unchanged.

        Args:
            filepath: Path that ends in `.weights.h5`, `.weights.json` (shards) or `.keras`.
            skip_mismatch: Whether to skip, with a warning, layers whose weights do not fit.
            **kwargs: `objects_to_skip`, a list of layers (or the optimizer) to leave unchanged.

        Raises:
            ValueError: The weights do not fit, or the file has another format.
        """
        provided("saving").load_weights(self, filepath, skip_mismatch, **kwargs)

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Exports the model for inference, without its code.

        Args:
            filepath: File to write to; for "stablehlo" a folder if it has no extension, for "jax" and
                "tf_saved_model" always.
            format: "stablehlo" for a program that `keras.load_exported` runs with nothing but JAX; "onnx" for
                onnxruntime and others, which needs the package onnx; "jax" for a folder that `keras.export.load` reads;
                "tf_saved_model" for a SavedModel, which needs TensorFlow.
            verbose: Whether to print what was written.
            input_signature: Shapes and dtypes of the inputs, a list with an `InputSpec`, or a structure of them, for
                each argument; None for the inputs of the graph. Sizes that are None may vary in what is exported.
            **kwargs: Options of the format: `platforms` of "stablehlo" and "jax", those to compile for, of "cpu",
                "cuda", "rocm" and "tpu"; None for all. `opset_version` of "onnx", 19 to 23.

        Raises:
            ImportError: The format needs a package that isn't installed.
            ValueError: The format is unknown, a model without a graph has no `input_signature`, or the model computes
                with text or by an operation that the format lacks.
        """
        provided("export").export_model(self, filepath, format, verbose, input_signature, **kwargs)
