from .distiller import Distiller as Distiller
from .losses import DistillationLoss as DistillationLoss
from .losses import FeatureDistillation as FeatureDistillation
from .losses import LogitsDistillation as LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
