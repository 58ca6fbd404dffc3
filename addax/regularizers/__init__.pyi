from .regularizers import L1 as L1
from .regularizers import L1L2 as L1L2
from .regularizers import L2 as L2
from .regularizers import OrthogonalRegularizer as OrthogonalRegularizer
from .regularizers import Regularizer as Regularizer
from .regularizers import deserialize as deserialize
from .regularizers import get as get
from .regularizers import l1 as l1
from .regularizers import l1_l2 as l1_l2
from .regularizers import l2 as l2
from .regularizers import orthogonal_regularizer as orthogonal_regularizer
from .regularizers import serialize as serialize

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
