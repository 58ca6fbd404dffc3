"""Building large models: the time of construction, `summary`, `clone_model`, and to the end of the first step."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..implementations import BACKENDS, Implementation
from .base import Measure, Result, Settings, Workload, import_keras, timed
from .sequences import LENGTH, WORDS, transformer


def resnet50(keras: Any) -> Any:
    """ResNet-50, of 224x224 pixels."""
    layers = keras.layers

    def normed(x: Any, filters: int, size: int = 1, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    image = keras.Input((224, 224, 3))
    x = layers.ReLU()(normed(image, 64, 7, 2))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for filters, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            stride = 2 if block == 0 and filters > 64 else 1
            shortcut = normed(x, 4 * filters, 1, stride) if block == 0 else x
            out = layers.ReLU()(normed(x, filters, 1, stride))
            out = layers.ReLU()(normed(out, filters, 3))
            x = layers.ReLU()(layers.add([normed(out, 4 * filters), shortcut]))
    return keras.Model(image, layers.Dense(1000)(layers.GlobalAveragePooling2D()(x)))


@dataclass(frozen=True)
class Building(Workload):
    """A large model, made again each time."""

    name: str
    title: str
    build: Callable[[Any], Any]
    batch: Callable[[], tuple[Any, Any]]
    parameters: int
    family: str = "building"
    quick: bool = True
    implementations: tuple[str, ...] = BACKENDS
    rtol: tuple[float, float] = (0.0, 0.0)

    def measures(self, settings: Settings) -> list[Measure]:
        names = ("construct", "summary", "clone")
        first = [Measure(name, 1) for name in names]  # in the process: what a script waits for
        again = [Measure(f"{name}_again") for name in names]
        return [*first, *again, *([] if settings.quick else [Measure("first_step", 1)])]

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        return _Session(self, implementation)


class _Session:
    def __init__(self, workload: Building, implementation: Implementation):
        self.workload = workload
        self.keras = import_keras(implementation)
        self.model: Any = None

    def construct(self) -> Result:
        seconds, self.model = timed(lambda: self.workload.build(self.keras))
        return {"seconds": seconds, "check": self.model.count_params()}

    def summary(self) -> Result:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            seconds, _ = timed(self.model.summary)
        if f"{self.workload.parameters:,}" not in printed.getvalue():
            raise AssertionError(
                f"summary() does not say {self.workload.parameters:,} parameters:\n{printed.getvalue()}"
            )
        return {"seconds": seconds}

    def clone(self) -> Result:
        seconds, clone = timed(lambda: self.keras.models.clone_model(self.model))
        return {"seconds": seconds, "check": clone.count_params()}

    construct_again, summary_again, clone_again = construct, summary, clone

    def first_step(self) -> Result:
        """From a new model to the end of its first step of training."""
        x, y = self.workload.batch()

        def run() -> float:
            model = self.workload.build(self.keras)
            model.compile("adam", self.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
            return model.fit(x, y, batch_size=len(x), verbose=0).history["loss"][0]

        seconds, _ = timed(run)
        return {"seconds": seconds}

    def run(self, measure: str) -> Result:
        return getattr(self, measure)()


def _image_batch() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(8)
    return rng.standard_normal((4, 224, 224, 3), "float32"), rng.integers(0, 1000, 4)


def _token_batch() -> tuple[Any, Any]:
    import numpy as np

    rng = np.random.default_rng(8)
    return rng.integers(0, WORDS, (8, LENGTH)), rng.integers(0, WORDS, (8, LENGTH))


WORKLOADS = {
    w.name: w
    for w in (
        Building(
            name="build-resnet50",
            title="making ResNet-50",
            build=resnet50,
            batch=_image_batch,
            parameters=25_610_152,
        ),
        Building(
            name="build-transformer24",
            title="making a transformer of 24 blocks, d128",
            build=lambda keras: transformer(keras, blocks=24),
            quick=False,
            batch=_token_batch,
            parameters=5_015_528,
        ),
    )
}
