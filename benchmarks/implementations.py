"""What is compared: each implementation, and the environment it runs in."""

from __future__ import annotations

from dataclasses import dataclass, field

KERAS = "keras==3.15.1"
JAX = "jax==0.10.2"
TORCH = "torch==2.13.0"

# Environment -> what pip installs there. scikit-learn has the digits; torch is beside JAX for its DataLoader.
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "addax": ("--editable", ".[demo]", JAX, TORCH),
    "jax": (KERAS, JAX, TORCH, "scikit-learn"),
    "tensorflow": (KERAS, "tensorflow-cpu", "scikit-learn"),
    "torch": (KERAS, TORCH, "scikit-learn"),
}


@dataclass(frozen=True)
class Implementation:
    """One way to run a workload.

    Args:
        name: Its name on the command line and in results.
        title: Its name in tables.
        environment: A key of `ENVIRONMENTS`.
        module: What is imported as `keras`; None for code written by hand.
        backend: `KERAS_BACKEND`, or the library that the code by hand is written in.
        compile_arguments: Added to every `compile()`.
        sources: Folder, below the repository, of the package that is measured; "" for what is installed.
    """

    name: str
    title: str
    environment: str
    module: str | None
    backend: str
    compile_arguments: dict[str, int] = field(default_factory=dict)
    sources: str = ""

    @property
    def by_hand(self) -> bool:
        return self.module is None


IMPLEMENTATIONS: dict[str, Implementation] = {
    i.name: i
    for i in (
        Implementation("addax", "addax", "addax", "addax", "jax"),
        Implementation("addax-before", "addax at another commit", "addax", "addax", "jax", sources=".bench/before"),
        Implementation("keras-jax", "Keras/JAX", "jax", "keras", "jax"),
        Implementation("keras-jax-32", "Keras/JAX, 32 steps", "jax", "keras", "jax", {"steps_per_execution": 32}),
        Implementation("keras-tensorflow", "Keras/TensorFlow", "tensorflow", "keras", "tensorflow"),
        Implementation("keras-torch", "Keras/torch", "torch", "keras", "torch"),
        Implementation("raw-jax", "JAX by hand", "jax", None, "jax"),
        Implementation("raw-torch", "PyTorch by hand", "torch", None, "torch"),
    )
}
BEFORE = "addax-before"  # beside "addax" in every workload, where a commit is named to compare with
KERAS_LIKE = tuple(i.name for i in IMPLEMENTATIONS.values() if not i.by_hand and i.name != BEFORE)
BACKENDS = tuple(name for name in KERAS_LIKE if name != "keras-jax-32")
