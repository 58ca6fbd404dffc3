"""Image augmentation: a stack of random layers, called on a batch as in a data pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..implementations import Implementation
from .base import Measure, Result, Settings, Workload, import_keras, timed

SIZE = 128
CALLS = 5


def stack(keras: Any) -> list[Any]:
    """What many image classifiers train with."""
    layers = keras.layers
    return [
        layers.RandomFlip("horizontal", seed=1),
        layers.RandomRotation(0.1, seed=2),
        layers.RandomZoom(0.2, seed=3),
        layers.RandomTranslation(0.1, 0.1, seed=4),
        layers.RandomContrast(0.2, seed=5),
        layers.RandomBrightness(0.2, seed=6),
    ]


@dataclass(frozen=True)
class Augmentation(Workload):
    """Batches of images through random layers."""

    name: str
    title: str
    family: str = "images"
    quick: bool = True
    implementations: tuple[str, ...] = ("addax", "keras-jax")
    rtol: tuple[float, float] = (0.0, 0.0)

    def measures(self, settings: Settings) -> list[Measure]:
        return [Measure("first_batch", 1), Measure("batches")]

    def start(self, implementation: Implementation, settings: Settings) -> Any:
        return _Session(implementation, settings.size(64, 16))


class _Session:
    def __init__(self, implementation: Implementation, rows: int):
        import jax
        import numpy as np

        self.jax = jax
        self.images = np.random.default_rng(8).uniform(0, 255, (rows, SIZE, SIZE, 3)).astype("float32")
        self.layers = stack(import_keras(implementation))

    def _layered(self, images: Any) -> Any:
        for layer in self.layers:
            images = layer(images, training=True)
        return images

    def _augmented(self, function: Any, calls: int) -> Result:
        def run() -> Any:
            for _ in range(calls):
                augmented = self.jax.block_until_ready(function(self.images))
            return augmented

        seconds, augmented = timed(run)
        if augmented.shape != self.images.shape:
            raise AssertionError(f"Images of shape {self.images.shape} became {augmented.shape}")
        return {"seconds": seconds / calls, "check": augmented.size}

    def first_batch(self) -> Result:
        """The first call, which compiles."""
        return self._augmented(self._layered, 1)

    def batches(self) -> Result:
        """A batch, layer after layer."""
        return self._augmented(self._layered, CALLS)

    def run(self, measure: str) -> Result:
        return getattr(self, measure)()


WORKLOADS = {
    w.name: w
    for w in (Augmentation(name="augment", title=f"six random layers on 64 images, {SIZE}x{SIZE}x3, a batch"),)
}
