"""TensorBoard."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..core.engine import jax
from ..core.errors import did_you_mean
from ..core.ours import is_ours
from ..core.placement import own_path
from ..core.types import ArrayLike
from ..core.warnings import warn
from ..layers.embedding import Embedding
from ..layers.layer import Layer
from .callback import Callback, Logs

_MAX_IMAGES = 3  # of a weight, as many as TensorBoard shows


class TensorBoard(Callback):
    """Writes logs for TensorBoard: losses, metrics, weights, the model's graph, and profiles of the device.

    `pip install addax-keras[tensorboard]` installs what it needs; `tensorboard --logdir logs` shows the result. The
    curves of training are in the folder `train`, those of validation and `evaluate` in `validation`, under Keras's
    names.

    With `update_freq="epoch"` and without `profile_batch` nothing is written between batches, so that many steps run
    in one dispatch.

    Args:
        log_dir: Path of the folder, for this callback alone.
        histogram_freq: Epochs between two histograms of each weight; 0 for none.
        write_graph: Whether to write the model's graph (of `Sequential` and functional models).
        write_images: Whether to write weights as images too, when histograms are written.
        write_steps_per_second: Whether to write the number of steps per second.
        update_freq: "epoch", "batch", or the number of batches between two writes of the batch's losses and metrics.
        profile_batch: Number of the batch to profile with `jax.profiler`, counted from 1, or a pair `(first, last)`; 0
            for none.
        embeddings_freq: Epochs between two writes of the embedding tables, for the projector; 0 for none.
        embeddings_metadata: Path of a file with a label for each row of a table, or a dict of these by layer name.

    Raises:
        ImportError: The package `tensorboard` is missing.
        ValueError: `update_freq` or `profile_batch` is out of range, or a layer of `embeddings_metadata` is unknown.

    >>> import tempfile; log_dir = tempfile.mkdtemp()
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> board = keras.callbacks.TensorBoard(log_dir)
    >>> history = model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0, callbacks=[board])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | os.PathLike | dict[str, str] | None = None,
    ):
        super().__init__()
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and not (_is_int(self.update_freq) and self.update_freq > 0):  # type: ignore[operator]
            raise ValueError(
                f"`update_freq` must be 'epoch', 'batch' or a positive integer. Received: update_freq={update_freq!r}"
            )
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._profiled = _batches(profile_batch)
        self._board = _Board(Path(own_path(self.log_dir)))
        self._profiling = False
        self._mark: Any = None  # of the step, in the profile
        self._step = 0  # batches of training so far
        self._before = 0  # and before this epoch
        self._batch_began = self._epoch_began = 0.0
        self._epoch_began_at = 0

    def needs_batches(self, phase: str) -> bool:
        return phase == "train" and (self.update_freq != "epoch" or self._profiled is not None)

    def set_model(self, model: Layer) -> None:
        super().set_model(model)
        if self.write_graph and _is_graph(model):
            self._board.graph("train", self.model.to_json())
        if self.embeddings_freq:
            self._board.projector(_metadata_of(_embeddings(model), self.embeddings_metadata))
        self._board.flush()

    # Training

    def on_train_begin(self, logs: Logs = None) -> None:
        self._step = self._before = 0
        if self._profiling:  # the last training was interrupted
            self._stop_profile()

    def state(self) -> dict[str, Any]:
        return {"step": self._step, "before": self._before, "profiled": self._profiled is None}

    def restore(self, state: dict[str, Any]) -> None:
        self._step, self._before = state["step"], state["before"]
        if state["profiled"]:
            self._profiled = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._before = self._step
        self._epoch_began = time.perf_counter()
        self._epoch_began_at = self._iterations()

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._batch_began = time.perf_counter()
        if self._profiled is None:
            return
        number = self._before + batch + 1
        # An execution may have several steps.
        if not self._profiling and number + self.model.steps_per_execution > self._profiled[0]:
            self._start_profile()
        if self._profiling:
            self._mark = jax.profiler.StepTraceAnnotation("train", step_num=number)
            self._mark.__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        last, self._step = self._step, self._before + batch + 1
        if self._profiling and self._profiled is not None:
            self._mark.__exit__(None, None, None)
            if self._step >= self._profiled[1]:
                self._stop_profile()
        # With several steps per execution batches are skipped: a write is due once its batch is reached or passed.
        if self.update_freq == "epoch" or self._step // self.update_freq == last // self.update_freq:  # type: ignore[operator]
            return
        if self.write_steps_per_second:
            rate = (self._step - last) / (time.perf_counter() - self._batch_began)
            self._board.scalar("train", "batch_steps_per_second", rate, self._step)
        for name, value in (logs or {}).items():
            self._board.scalar("train", f"batch_{name}", value, self._step)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        for name, value in self._with_learning_rate(logs or {}).items():
            where = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._board.scalar(where[0], f"epoch_{where[1]}", value, epoch)
        if self.write_steps_per_second:
            rate = (self._iterations() - self._epoch_began_at) / (time.perf_counter() - self._epoch_began)
            self._board.scalar("train", "epoch_steps_per_second", rate, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            for name, table in _embeddings(self.model).items():
                self._board.table(name, table.numpy())
        self._board.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._profiling:
            self._stop_profile()
        self._board.close()

    def _with_learning_rate(self, logs: dict[str, Any]) -> dict[str, Any]:
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is None:
            return logs
        return {**logs, "learning_rate": float(np.asarray(getattr(rate, "value", rate)))}

    def _iterations(self) -> int:
        return int(self.model.optimizer.iterations) if getattr(self.model, "optimizer", None) is not None else 0

    def _write_weights(self, epoch: int) -> None:
        for layer in self.model.layers:
            for weight in layer.weights:
                value = weight.numpy().astype("float64")
                self._board.histogram(f"{weight.path}/histogram", value, epoch)
                if self.write_images and (pictures := _pictures(value)) is not None:
                    self._board.images(f"{weight.path}/image", pictures, epoch)

    # Evaluation

    def on_test_end(self, logs: Logs = None) -> None:
        if getattr(self.model, "optimizer", None) is None:
            return
        for name, value in (logs or {}).items():
            self._board.scalar("validation", f"evaluation_{name}_vs_iterations", value, self._iterations())
        self._board.flush()

    # Profiles

    def _start_profile(self) -> None:
        self._wait()
        try:
            jax.profiler.start_trace(str(self._board.folder / "train"))
            self._profiling = True
        except RuntimeError as error:  # there is one at a time in a process
            warn(f"TensorBoard's `profile_batch` recorded nothing: {error}")
            self._profiled = None

    def _stop_profile(self) -> None:
        self._wait()
        jax.profiler.stop_trace()
        self._profiling, self._profiled = False, None

    def _wait(self) -> None:
        """Waits for the device, so that the profile begins and ends between two steps."""
        jax.block_until_ready([v.stored_value() for v in self.model.variables])


class _Board:
    """Writes event files of TensorBoard's second format: each value is a tensor with the name of its plugin.

    Args:
        folder: The folder of all files.
    """

    def __init__(self, folder: Path):
        try:
            import tensorboard.summary.writer.event_file_writer  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "The `TensorBoard` callback writes files with the package `tensorboard`. Run "
                "`pip install addax-keras[tensorboard]`, or `pip install tensorboard`."
            ) from error
        self.folder = folder
        self._writers: dict[str, Any] = {}

    def scalar(self, run: str, tag: str, value: ArrayLike, step: int) -> None:
        """Writes a point of the curve `tag`; nothing for an array."""
        if np.ndim(value) == 0:
            self._write(run, tag, step, np.asarray(value, "float32"), "scalars", "DATA_CLASS_SCALAR")

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Writes the distribution of values."""
        self._write("train", tag, step, _buckets(values), "histograms", "DATA_CLASS_TENSOR")

    def images(self, tag: str, pictures: np.ndarray, step: int) -> None:
        """Writes images, uint8 of shape `(number, height, width)`."""
        _, height, width = pictures.shape
        content = [str(width).encode(), str(height).encode(), *map(_png, pictures[:_MAX_IMAGES])]
        self._write("train", tag, step, content, "images", "DATA_CLASS_BLOB_SEQUENCE")

    def graph(self, run: str, config: str) -> None:
        """Writes a model's graph as its configuration."""
        self._write(run, "keras", 0, [config.encode()], "graph_keras_model", "DATA_CLASS_BLOB_SEQUENCE", b"1")

    def table(self, name: str, rows: np.ndarray) -> None:
        """Writes the rows of an embedding table."""
        np.savetxt(self._file_of(name), rows.astype("float64"), fmt="%.7g", delimiter="\t")

    def projector(self, metadata: dict[str, str | None]) -> None:
        """Writes the projector's configuration: names of embeddings, each with the file of its rows' labels or None."""
        from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

        config = ProjectorConfig()
        for name, labels in metadata.items():
            path = self._file_of(name).relative_to(self.folder)
            config.embeddings.add(tensor_name=name, tensor_path=str(path), metadata_path=labels)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "projector_config.pbtxt").write_text(str(config))

    def _file_of(self, name: str) -> Path:
        folder = self.folder / "train"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"embedding-{name.replace(os.sep, '-')}.tsv"

    def _write(
        self, run: str, tag: str, step: int, value: ArrayLike, plugin: str, data_class: str, content: bytes = b""
    ) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
        from tensorboard.util.tensor_util import make_tensor_proto

        metadata = summary_pb2.SummaryMetadata(
            plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=plugin, content=content),
            data_class=getattr(summary_pb2, data_class),
        )
        entry = summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=make_tensor_proto(value))
        event = event_pb2.Event(wall_time=time.time(), step=step, summary=summary_pb2.Summary(value=[entry]))
        if run not in self._writers:  # runs without events would be shown as empty
            self._writers[run] = EventFileWriter(str(self.folder / run), filename_suffix=".v2")
        self._writers[run].add_event(event)

    def flush(self) -> None:
        """Flushes the files to disk."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Closes the files; later writes go to new ones."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _batches(profile_batch: int | tuple[int, int]) -> tuple[int, int] | None:
    """Returns the first and last batch to profile, or None."""
    pair = profile_batch if isinstance(profile_batch, (tuple, list)) else (profile_batch, profile_batch)
    if len(pair) != 2 or not all(map(_is_int, pair)) or pair[0] < 0 or pair[1] < pair[0]:
        raise ValueError(
            "profile_batch must be a non-negative integer or 2-tuple of positive integers. A pair of positive integers "
            f"signifies a range of batches to profile. Found: {profile_batch}"
        )
    return (int(pair[0]), int(pair[1])) if pair[0] > 0 else None


def _is_graph(model: Layer) -> bool:
    """Returns whether the model's config has the connections of its layers; that of a user's class has not."""
    return is_ours(type(model))


def _embeddings(model: Layer) -> dict[str, Any]:
    """Returns the tables of the model's embedding layers, by layer name."""
    found = [layer for layer in model._flatten_layers() if isinstance(layer, Embedding)]
    return {layer.name: layer.embeddings for layer in found}


def _metadata_of(
    embeddings: dict[str, Any], metadata: str | os.PathLike | dict[str, str] | None
) -> dict[str, str | None]:
    """Returns for each embedding the file of its rows' labels, or None."""
    if not isinstance(metadata, dict):
        return dict.fromkeys(embeddings, None if metadata is None else str(metadata))
    unknown = [name for name in metadata if name not in embeddings]
    if unknown:
        raise ValueError(
            "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` `embeddings_metadata` "
            f"argument: {unknown}. {did_you_mean(unknown[0], embeddings)}"
        )
    return {name: str(metadata[name]) if name in metadata else None for name in embeddings}


def _buckets(values: np.ndarray, number: int = 30) -> np.ndarray:
    """Returns a histogram in TensorBoard's form: rows of left edge, right edge and count."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.zeros((number, 3))
    low, high = values.min(), values.max()
    if low == high:  # all values are in the last bucket
        edges, counts = np.full(number + 1, low), np.zeros(number)
        counts[-1] = values.size
    else:
        counts, edges = np.histogram(values, bins=number, range=(low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1).astype("float64")


def _pictures(weight: np.ndarray) -> np.ndarray | None:
    """Returns a weight as grayscale images, uint8 `(number, height, width)`: 0 and less is black, 1 and more is white.

    Returns None where it has more than three axes longer than 1, or none.
    """
    weight = weight.squeeze()
    if weight.ndim == 1:
        weight = weight[None, :, None]
    elif weight.ndim == 2:  # wider than high
        weight = (weight.T if weight.shape[0] > weight.shape[1] else weight)[None]
    elif weight.ndim == 3:  # an image for each index of the last axis
        weight = np.moveaxis(weight, -1, 0)
    else:
        return None
    return np.minimum(np.nan_to_num(weight.clip(0, 1)) * 255.5, 255).astype("uint8")


def _png(picture: np.ndarray) -> bytes:
    """Returns a grayscale image, uint8 of shape `(height, width)`, as a PNG file (RFC 2083)."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = picture.shape
    lines = b"".join(b"\0" + line.tobytes() for line in picture)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
