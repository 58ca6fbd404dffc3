from .constraints import Constraint as Constraint
from .constraints import MaxNorm as MaxNorm
from .constraints import MinMaxNorm as MinMaxNorm
from .constraints import NonNeg as NonNeg
from .constraints import UnitNorm as UnitNorm
from .constraints import deserialize as deserialize
from .constraints import get as get
from .constraints import max_norm as max_norm
from .constraints import min_max_norm as min_max_norm
from .constraints import non_neg as non_neg
from .constraints import serialize as serialize
from .constraints import unit_norm as unit_norm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
