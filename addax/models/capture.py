"""Inner outputs of a model: what its layers return while it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.config import thread
from ..core.errors import did_you_mean
from ..core.graph import Operation
from ..core.naming import path_matches
from ..core.types import Tree
from ..layers.layer import Layer


class Capture:
    """A function of inputs that calls a model and returns what some of its layers return meanwhile.

    Made by `Model.capture`. It works with every model, as layers are seen when they are called: those inside inner
    models and layers, and those of subclassed models. The model runs layer by layer, uncompiled.

    Args:
        model: The model.
        patterns: Patterns of the paths of layers.
    """

    def __init__(self, model: Layer, patterns: str | Sequence[str]):
        self.model = model
        self.patterns = tuple(patterns) if isinstance(patterns, (list, tuple)) else (patterns,)
        if not self.patterns or not all(isinstance(p, str) for p in self.patterns):
            raise ValueError(
                "`patterns` must be a pattern of the paths of layers, such as 'block/*', or several of them. Received: "
                f"{patterns!r}"
            )

    def __call__(self, x: Tree, training: bool = False) -> dict[str, Any]:
        """Calls the model.

        Args:
            x: Inputs of the model.
            training: Whether layers behave as in training.

        Returns:
            A dict from the path of each layer that matches to its outputs, in the order in which the layers return;
            to a list of outputs, one for each call, where a layer is called several times.

        Raises:
            ValueError: No layer that is called matches one of the patterns.
        """
        watched = _Recorder(self.patterns)
        outer, thread.probe = thread.probe, watched
        try:
            self.model(x, training=training)
        finally:
            thread.probe = outer
        for pattern in self.patterns:
            if not any(path_matches(path, pattern) for path in watched.found):
                raise ValueError(
                    f"`patterns` has '{pattern}', which matches no layer that model '{self.model.name}' calls. "
                    f"{did_you_mean(pattern, watched.paths)} Its layers are: {', '.join(watched.paths[:20])}"
                    f"{', ...' if len(watched.paths) > 20 else ''}."
                )
        return {path: found[0] if len(found) == 1 else found for path, found in watched.found.items()}

    def __repr__(self) -> str:
        return f"<Capture of {', '.join(self.patterns)} in model '{self.model.name}'>"


class _Recorder:
    """Sees each call of a layer.

    Args:
        patterns: Patterns of the paths of layers whose outputs are kept.

    Attributes:
        paths: Paths of all layers, in the order of their calls.
        found: Outputs of the layers that match, by path.
    """

    def __init__(self, patterns: tuple[str, ...]):
        self.patterns = patterns
        self.paths: list[str] = []
        self.found: dict[str, list[Any]] = {}
        self._open: list[str] = []

    def enter(self, operation: Operation, arguments: Tree) -> Tree:
        """A call begins; returns its arguments."""
        # The model itself is called first, and no part of the paths.
        path = f"{self._open[-1]}/{operation.name}".removeprefix("/") if self._open else ""
        self._open.append(path)
        if path and isinstance(operation, Layer) and path not in self.paths:
            self.paths.append(path)
        return arguments

    def leave(self, outputs: Tree) -> Tree:
        """The innermost call ends; returns its outputs."""
        path = self._open.pop()
        if path in self.paths and any(path_matches(path, pattern) for pattern in self.patterns):
            self.found.setdefault(path, []).append(outputs)
        return outputs
