from .circle import Circle as Circle
from .circle import circle as circle
from .crossentropy import BinaryCrossentropy as BinaryCrossentropy
from .crossentropy import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from .crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from .crossentropy import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from .crossentropy import CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy
from .crossentropy import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from .crossentropy import binary_crossentropy as binary_crossentropy
from .crossentropy import binary_focal_crossentropy as binary_focal_crossentropy
from .crossentropy import categorical_crossentropy as categorical_crossentropy
from .crossentropy import categorical_focal_crossentropy as categorical_focal_crossentropy
from .crossentropy import categorical_generalized_cross_entropy as categorical_generalized_cross_entropy
from .crossentropy import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from .ctc import CTC as CTC
from .ctc import ctc as ctc
from .divergence import KLDivergence as KLDivergence
from .divergence import Poisson as Poisson
from .divergence import kl_divergence as kl_divergence
from .divergence import poisson as poisson
from .hinge import CategoricalHinge as CategoricalHinge
from .hinge import Hinge as Hinge
from .hinge import SquaredHinge as SquaredHinge
from .hinge import categorical_hinge as categorical_hinge
from .hinge import hinge as hinge
from .hinge import squared_hinge as squared_hinge
from .identifiers import deserialize as deserialize
from .identifiers import get as get
from .identifiers import serialize as serialize
from .loss import Loss as Loss
from .loss import LossFunctionWrapper as LossFunctionWrapper
from .regression import CosineSimilarity as CosineSimilarity
from .regression import Huber as Huber
from .regression import LogCosh as LogCosh
from .regression import MeanAbsoluteError as MeanAbsoluteError
from .regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from .regression import MeanSquaredError as MeanSquaredError
from .regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from .regression import cosine_similarity as cosine_similarity
from .regression import huber as huber
from .regression import log_cosh as log_cosh
from .regression import mean_absolute_error as mean_absolute_error
from .regression import mean_absolute_percentage_error as mean_absolute_percentage_error
from .regression import mean_squared_error as mean_squared_error
from .regression import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from .segmentation import Dice as Dice
from .segmentation import Tversky as Tversky
from .segmentation import dice as dice
from .segmentation import tversky as tversky

__all__ = [
    "CTC",
    "ctc",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]
