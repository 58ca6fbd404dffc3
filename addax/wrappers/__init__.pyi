from .sklearn import SKLearnClassifier as SKLearnClassifier
from .sklearn import SKLearnRegressor as SKLearnRegressor
from .sklearn import SKLearnTransformer as SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
