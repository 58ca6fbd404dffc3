"""Losses between the outputs, or features, of a teacher and of a student."""

from __future__ import annotations

from typing import Any

from .. import losses as losses_module
from ..core import tree
from ..core.op import Tensor
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.signature import Configurable
from ..core.types import Config, Tree
from ..models import Model
from ..ops import divide, mean


class DistillationLoss(Configurable):
    """Base of losses between a teacher and a student; subclasses define `compute_loss`.

    >>> class Distance(keras.distillation.DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return keras.ops.mean(keras.ops.abs(teacher_outputs - student_outputs))
    >>> float(Distance().compute_loss(np.ones(2), np.zeros(2)))
    1.0
    """

    def __init__(self) -> None:
        """Takes no arguments; subclasses take their own."""

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: Any) -> Tensor:
        """Computes the loss, a scalar.

        Args:
            teacher_outputs, student_outputs: Outputs of the two models, or features of both.
            **kwargs: Reserved.
        """
        raise NotImplementedError("Subclasses must implement compute_loss")

    def validate_outputs(self, teacher_outputs: Tree, student_outputs: Tree) -> None:
        """Raises ValueError unless the outputs have the same structure.

        Args:
            teacher_outputs, student_outputs: Outputs of the two models, or specs of them.
        """
        counts = [len(tree.flatten(outputs)) for outputs in (teacher_outputs, student_outputs)]
        if counts[0] != counts[1]:
            raise ValueError(
                f"Teacher and student must have the same number of outputs. Teacher: {counts[0]}, Student: {counts[1]}."
            )

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Raises ValueError unless the loss can be computed for the two models.

        Args:
            teacher, student: The models.
        """


class _LossPerOutput(DistillationLoss):
    """Base of distillation losses made of a loss per output, None for none."""

    loss: Any

    def _set(self, loss: Tree, error: str) -> None:
        leaves = tree.flatten(loss)
        if all(leaf is None for leaf in leaves):
            raise ValueError(error)
        self.loss = tree.map_structure(lambda one: None if one is None else losses_module.get(one), loss)

    def _total(self, teacher_outputs: Tree, student_outputs: Tree) -> Any:
        """Returns the sum over the outputs of their losses, each the mean over the batch."""
        given, outputs = tree.flatten(self.loss), tree.flatten(student_outputs)
        if len(given) != len(outputs):
            given = given * len(outputs) if len(given) == 1 else given
        total: Any = 0.0
        for loss, teacher, student in zip(given, tree.flatten(teacher_outputs), outputs):
            if loss is not None:
                total = total + mean(loss(teacher, student))
        return total

    def get_config(self) -> Config:
        return {**super().get_config(), "loss": tree.map_structure(serialize_keras_object, self.loss)}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


class LogitsDistillation(_LossPerOutput):
    """Distillation loss between the outputs of both models, divided by a temperature.

    As in Keras, no softmax is applied: the loss gets the scaled outputs as they are.

    Args:
        temperature: Number that the outputs are divided by.
        loss: Loss between them: a name, a function or a `Loss`, or one per output, None for none.

    Raises:
        ValueError: The temperature is no positive number, or there is no loss.

    See [Hinton et al., 2015](https://arxiv.org/abs/1503.02531).

    >>> loss = keras.distillation.LogitsDistillation(temperature=2.0, loss="mse")
    >>> float(loss.compute_loss(np.ones((1, 2)), np.zeros((1, 2))))
    0.25
    """

    def __init__(self, temperature: float = 3.0, loss: Tree = "kl_divergence"):
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise ValueError(f"temperature must be a number, got {type(temperature)}")
        if temperature <= 0.0:
            raise ValueError("temperature must be positive.")
        self.temperature = temperature
        self._set(loss, "At least one loss must be non-`None`.")

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: Any) -> Tensor:
        scaled = (
            tree.map_structure(lambda x: divide(x, self.temperature), outputs)
            for outputs in (teacher_outputs, student_outputs)
        )
        return self._total(*scaled)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        if teacher._graph is not None and student._graph is not None:
            self.validate_outputs(teacher.output, student.output)

    def validate_outputs(self, teacher_outputs: Tree, student_outputs: Tree) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        for teacher, student in zip(tree.flatten(teacher_outputs), tree.flatten(student_outputs)):
            shapes = tuple(teacher.shape), tuple(student.shape)
            if len(shapes[0]) != len(shapes[1]) or any(None not in (a, b) and a != b for a, b in zip(*shapes)):
                raise ValueError(
                    f"Teacher and student output shapes are incompatible. Teacher: {shapes[0]}, Student: {shapes[1]}. "
                    "All dimensions must match."
                )


class FeatureDistillation(_LossPerOutput):
    """Distillation loss between features: the outputs of a layer of each model.

    Args:
        loss: Loss between the features: a name, a function or a `Loss`, or one per output, None for none.
        teacher_layer_name: Name of the teacher's layer; None for its final outputs.
        student_layer_name: Name of the student's layer; None for its final outputs.

    Raises:
        ValueError: There is no loss.

    >>> loss = keras.distillation.FeatureDistillation("mse")
    >>> float(loss.compute_loss(np.ones((1, 2)), np.zeros((1, 2))))
    1.0
    """

    def __init__(
        self, loss: Tree = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ):
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self._set(loss, "The `loss` argument in `FeatureDistillation` must contain at least one non-`None` value.")

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: Any) -> Tensor:
        return self._total(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        for role, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            if model._graph is None:
                raise ValueError(
                    "FeatureDistillation with specific layer names requires Functional or Sequential models. The "
                    f"{role} model(s) appear to be subclassed (no symbolic inputs/outputs). Either use "
                    "Functional/Sequential models, or use FeatureDistillation without layer names (to distill final "
                    "outputs only), or use LogitsDistillation instead."
                )
            try:
                model.get_layer(name)
            except ValueError as error:
                raise ValueError(f"In {role} model: {error}") from None
