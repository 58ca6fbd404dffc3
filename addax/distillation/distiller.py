"""Distiller: a model that trains a student on labels and on what a teacher makes of the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import tree
from ..core.engine import lax
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Array, Config, Tree
from ..metrics import Mean
from ..models import Model
from .losses import DistillationLoss

_FINAL = "final"


class Distiller(Model):
    """Model that trains a student on labels and on the outputs of a frozen teacher.

    The loss is `student_loss_weight` times that of `compile`, plus the rest of 1 times the sum of the distillation
    losses.

    Args:
        teacher: The model to learn from; it is frozen.
        student: The model to train.
        distillation_losses: A `DistillationLoss`, or a list of them.
        distillation_loss_weights: Weights of the distillation losses; 1 for each when None.
        student_loss_weight: Weight of the loss of `compile`, in [0, 1].
        name: Name.
        **kwargs: Other arguments of `Model`.

    Raises:
        ValueError: A model is none, a weight is out of range or missing, or a loss doesn't fit the models.

    See [Hinton et al., 2015](https://arxiv.org/abs/1503.02531).

    >>> def net(units):
    ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(3)])
    >>> distiller = keras.distillation.Distiller(net(32), net(2), keras.distillation.LogitsDistillation())
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0).history
    >>> sorted(history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    keras_module = "keras.distillation"
    _about = (*Model._about, "_features", "_extractors")
    _untracked = Model._untracked | {"_features", "_extractors"}
    _extractors: tuple[Model | None, Model | None]

    def __init__(
        self,
        teacher: Model,
        student: Model,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        for role, model in (("Teacher", teacher), ("Student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"{role} must be a keras.Model, got {type(model)}")
        if not 0.0 <= student_loss_weight <= 1.0:
            raise ValueError(f"student_loss_weight must be between 0.0 and 1.0, got {student_loss_weight}")
        losses: list[Any] = tree.flatten(distillation_losses)
        weights = [1.0] * len(losses) if distillation_loss_weights is None else list(distillation_loss_weights)
        if len(weights) != len(losses):
            raise ValueError(
                f"Number of distillation_loss_weights ({len(weights)}) must match number of distillation_losses "
                f"({len(losses)})"
            )
        for loss in losses:
            if not hasattr(loss, "compute_loss"):
                raise ValueError(f"`distillation_losses` must be instances of `DistillationLoss`. Received: {loss!r}")
            loss.validate_model_compatibility(teacher, student)
        teacher.trainable = False
        self.teacher = teacher
        self.student = student
        self.distillation_losses: list[Any] = losses
        self.distillation_loss_weights = weights
        self.student_loss_weight = student_loss_weight
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")
        names = [
            {getattr(loss, f"{role}_layer_name", None) for loss in losses} - {None} for role in ("teacher", "student")
        ]
        self.__dict__["_extractors"] = _extractor(teacher, names[0]), _extractor(student, names[1])

    def compile(  # type: ignore[override]
        self, optimizer: Any = "adam", loss: Tree = None, metrics: Tree = None, **kwargs: Any
    ) -> None:
        """Configures the training of the student; see `Model.compile`.

        Args:
            optimizer, metrics, **kwargs: As in `Model.compile`.
            loss: The student's loss on the labels.

        Raises:
            ValueError: There is no loss.
        """
        if loss is None:
            raise ValueError("'loss' cannot be `None`.")
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def call(  # type: ignore[override]
        self, inputs: Tree, training: bool | None = None, **kwargs: Any
    ) -> Any:
        """Computes the student's outputs."""
        features = _features(self._extractors[1], self.student, inputs, training)
        if "_features" in self.__dict__:  # the loss under way needs them, too
            self.__dict__["_features"] = features
        return features[_FINAL]

    def compute_loss_and_updates(self, *args: Any, **kwargs: Any) -> tuple:
        self.__dict__["_features"] = None
        try:
            return super().compute_loss_and_updates(*args, **kwargs)
        finally:
            del self.__dict__["_features"]

    def compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """Computes the weighted sum of the student's loss and the distillation losses.

        Args:
            x, y, y_pred, sample_weight, training: As in `Model.compute_loss`.
        """
        student_loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        student = self.__dict__.get("_features") or _features(self._extractors[1], self.student, x, training)
        teacher = tree.map_structure(lax.stop_gradient, _features(self._extractors[0], self.teacher, x, False))
        distillation_loss: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights):
            pair = [
                features[getattr(loss, f"{role}_layer_name", None) or _FINAL]
                for role, features in (("teacher", teacher), ("student", student))
            ]
            loss.validate_outputs(*pair)
            distillation_loss = distillation_loss + weight * loss.compute_loss(*pair)
        total = self.student_loss_weight * student_loss + (1.0 - self.student_loss_weight) * distillation_loss
        for tracker, value in (
            (self.student_loss_tracker, student_loss),
            (self.distillation_loss_tracker, distillation_loss),
            (self.total_loss_tracker, total),
        ):
            tracker.update_state(value)
        return total

    @property
    def metrics(self) -> list:
        """The metrics that `fit` and `evaluate` report: those of the losses come last."""
        own = (self.student_loss_tracker, self.distillation_loss_tracker, self.total_loss_tracker)
        return [m for m in super().metrics if not any(m is t for t in own)] + list(own)

    def get_config(self) -> Config:
        base = super().get_config()
        return {
            **{k: base[k] for k in ("name", "trainable", "dtype") if k in base},
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        for name in ("teacher", "student", "distillation_losses"):
            config[name] = deserialize_keras_object(config[name], custom_objects)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = deserialize_keras_object(config["dtype"])
        return cls(**config)


def _extractor(model: Model, names: set) -> Model | None:
    """Returns a model of the outputs of `model` and of some of its layers; None where there are none."""
    if not names:
        return None
    assert model._graph is not None
    layers = {name: model.get_layer(name).output for name in sorted(names)}
    return Model(model.input, {_FINAL: model.output, **layers})


def _features(extractor: Model | None, model: Model, inputs: Tree, training: bool | None) -> dict[str, Any]:
    if extractor is None:
        return {_FINAL: model(inputs, training=training)}
    return extractor(inputs, training=training)


__all__ = ["Distiller"]
