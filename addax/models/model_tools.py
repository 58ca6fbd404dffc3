"""Methods of models that help to look into them and to train them well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..callbacks import History
from ..core.late import late
from ..core.types import Data, Tree
from ..training.trainer import Trainer
from .capture import Capture

if TYPE_CHECKING:
    from ..training import fine_tuning, lr_find
else:  # what building a model doesn't need
    fine_tuning, lr_find = (late(f"addax.training.{name}") for name in ("fine_tuning", "lr_find"))


class ModelTools(Trainer):
    """A model with helpers around its training."""

    def capture(self, patterns: str | Sequence[str]) -> Capture:
        """Returns a function that calls the model and returns the outputs of some of its layers.

        Args:
            patterns: Pattern of the paths of layers, or several: "block/*" is every layer within the layers named
                "block", "conv_1" a layer of that name anywhere, "*" all layers.

        Returns:
            A function of inputs; it returns a dict from paths to outputs.

        >>> inner = keras.Sequential([keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")], name="block")
        >>> model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(1)])
        >>> {path: y.shape for path, y in model.capture("block/*")(np.ones((5, 4))).items()}
        {'block/a': (5, 3), 'block/b': (5, 2)}
        """
        return Capture(self, patterns)

    def lr_find(
        self,
        x: Data,
        y: Tree = None,
        batch_size: int | None = None,
        sample_weight: Tree = None,
        *,
        start: float = 1e-6,
        end: float = 10.0,
        steps: int = 100,
    ) -> lr_find.LearningRates:
        """Tries learning rates from `start` to `end`, one a step, and suggests one.

        It ends early once the loss is four times as large as its smallest value. The model is left as it was.

        Args:
            x, y, batch_size, sample_weight: The data, as in `fit`.
            start, end: The first and the last learning rate; those between grow by the same factor at each step.
            steps: Number of steps.

        Returns:
            The rates and losses, with `suggestion` and `plot()`.

        Raises:
            ValueError: The arguments are out of range, or the optimizer has no learning rate of its own.

        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> found = model.lr_find(np.ones((64, 4)), np.ones((64, 1)), steps=20)
        >>> bool(1e-6 <= found.suggestion <= 10.0)
        True
        """
        return lr_find.lr_find(self, x, y, batch_size, sample_weight, start, end, steps)

    def fine_tune(
        self,
        x: Data,
        y: Tree = None,
        epochs: int = 1,
        *,
        freeze_epochs: int = 1,
        learning_rate: float = 2e-3,
        head: str | Sequence[str] | None = None,
        body_multiplier: float = 0.01,
        **kwargs: Any,
    ) -> History:
        """Trains a model whose first layers were trained before: the head alone first, then all layers.

        Both trainings follow one cycle (`optimizers.schedules.OneCycle`). The second one has half the learning rate, of
        which the layers before the head have `body_multiplier`. Layers that are frozen stay frozen. The model
        is compiled anew with its own loss, metrics and kind of optimizer.

        Args:
            x, y: The data, as in `fit`.
            epochs: Epochs in which all layers are trained.
            freeze_epochs: Epochs before, in which the head alone is trained.
            learning_rate: Largest learning rate of the head.
            head: Names (or patterns) of the layers of the head; None for the last layer with weights.
            body_multiplier: Factor of the learning rate of the layers before the head.
            **kwargs: Other arguments of `fit`.

        Returns:
            The `History` of both trainings together.

        Raises:
            ValueError: `head` names no layer, or how many steps an epoch has isn't known.
        """
        return fine_tuning.fine_tune(self, x, y, epochs, freeze_epochs, learning_rate, head, body_multiplier, kwargs)
