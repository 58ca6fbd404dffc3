from .ensemble import Ensemble as Ensemble
from .ensemble import Prediction as Prediction
from .ensemble import ensemble as ensemble
from .ensemble import sweep as sweep
from .history import EnsembleHistory as EnsembleHistory

__all__ = ["Ensemble", "EnsembleHistory", "Prediction", "ensemble", "sweep"]
