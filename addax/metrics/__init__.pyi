from .accuracy import Accuracy as Accuracy
from .accuracy import BinaryAccuracy as BinaryAccuracy
from .accuracy import CategoricalAccuracy as CategoricalAccuracy
from .accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from .accuracy import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from .accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from .accuracy import binary_accuracy as binary_accuracy
from .accuracy import categorical_accuracy as categorical_accuracy
from .accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from .accuracy import sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy
from .accuracy import top_k_categorical_accuracy as top_k_categorical_accuracy
from .confusion import FalseNegatives as FalseNegatives
from .confusion import FalsePositives as FalsePositives
from .confusion import Precision as Precision
from .confusion import Recall as Recall
from .confusion import TrueNegatives as TrueNegatives
from .confusion import TruePositives as TruePositives
from .correlation import ConcordanceCorrelation as ConcordanceCorrelation
from .correlation import PearsonCorrelation as PearsonCorrelation
from .correlation import concordance_correlation as concordance_correlation
from .correlation import pearson_correlation as pearson_correlation
from .curves import AUC as AUC
from .fscore import F1Score as F1Score
from .fscore import FBetaScore as FBetaScore
from .identifiers import deserialize as deserialize
from .identifiers import get as get
from .identifiers import serialize as serialize
from .iou import BinaryIoU as BinaryIoU
from .iou import IoU as IoU
from .iou import MeanIoU as MeanIoU
from .iou import OneHotIoU as OneHotIoU
from .iou import OneHotMeanIoU as OneHotMeanIoU
from .metric import Metric as Metric
from .of_losses import BinaryCrossentropy as BinaryCrossentropy
from .of_losses import CategoricalCrossentropy as CategoricalCrossentropy
from .of_losses import CategoricalHinge as CategoricalHinge
from .of_losses import CosineSimilarity as CosineSimilarity
from .of_losses import Hinge as Hinge
from .of_losses import KLDivergence as KLDivergence
from .of_losses import LogCoshError as LogCoshError
from .of_losses import MeanAbsoluteError as MeanAbsoluteError
from .of_losses import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from .of_losses import MeanSquaredError as MeanSquaredError
from .of_losses import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from .of_losses import Poisson as Poisson
from .of_losses import RootMeanSquaredError as RootMeanSquaredError
from .of_losses import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from .of_losses import SquaredHinge as SquaredHinge
from .of_losses import binary_crossentropy as binary_crossentropy
from .of_losses import binary_focal_crossentropy as binary_focal_crossentropy
from .of_losses import categorical_crossentropy as categorical_crossentropy
from .of_losses import categorical_focal_crossentropy as categorical_focal_crossentropy
from .of_losses import categorical_hinge as categorical_hinge
from .of_losses import hinge as hinge
from .of_losses import huber as huber
from .of_losses import kl_divergence as kl_divergence
from .of_losses import log_cosh as log_cosh
from .of_losses import mean_absolute_error as mean_absolute_error
from .of_losses import mean_absolute_percentage_error as mean_absolute_percentage_error
from .of_losses import mean_squared_error as mean_squared_error
from .of_losses import mean_squared_logarithmic_error as mean_squared_logarithmic_error
from .of_losses import poisson as poisson
from .of_losses import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from .of_losses import squared_hinge as squared_hinge
from .operating_points import PrecisionAtRecall as PrecisionAtRecall
from .operating_points import RecallAtPrecision as RecallAtPrecision
from .operating_points import SensitivityAtSpecificity as SensitivityAtSpecificity
from .operating_points import SpecificityAtSensitivity as SpecificityAtSensitivity
from .r2 import R2Score as R2Score
from .reduction import Mean as Mean
from .reduction import MeanMetricWrapper as MeanMetricWrapper
from .reduction import Sum as Sum

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
