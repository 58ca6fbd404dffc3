from .base import Initializer as Initializer
from .constant import STFT as STFT
from .constant import Constant as Constant
from .constant import Identity as Identity
from .constant import IdentityInitializer as IdentityInitializer
from .constant import Ones as Ones
from .constant import STFTInitializer as STFTInitializer
from .constant import Zeros as Zeros
from .constant import constant as constant
from .constant import identity as identity
from .constant import ones as ones
from .constant import stft as stft
from .constant import zeros as zeros
from .identifiers import deserialize as deserialize
from .identifiers import get as get
from .identifiers import serialize as serialize
from .random import GlorotNormal as GlorotNormal
from .random import GlorotUniform as GlorotUniform
from .random import HeNormal as HeNormal
from .random import HeUniform as HeUniform
from .random import LecunNormal as LecunNormal
from .random import LecunUniform as LecunUniform
from .random import Orthogonal as Orthogonal
from .random import OrthogonalInitializer as OrthogonalInitializer
from .random import RandomNormal as RandomNormal
from .random import RandomUniform as RandomUniform
from .random import TruncatedNormal as TruncatedNormal
from .random import VarianceScaling as VarianceScaling
from .random import glorot_normal as glorot_normal
from .random import glorot_uniform as glorot_uniform
from .random import he_normal as he_normal
from .random import he_uniform as he_uniform
from .random import lecun_normal as lecun_normal
from .random import lecun_uniform as lecun_uniform
from .random import orthogonal as orthogonal
from .random import random_normal as random_normal
from .random import random_uniform as random_uniform
from .random import truncated_normal as truncated_normal
from .random import variance_scaling as variance_scaling

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
