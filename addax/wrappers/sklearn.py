"""Models as classifiers, regressors and transformers of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.types import ArrayLike
from ..core.warnings import warn
from ..models import Model, clone_model

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.exceptions import DataConversionWarning
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("`keras.wrappers` needs scikit-learn: `pip install addax-keras[sklearn]`.") from error


class _Tags:
    """Tags of all wrappers for scikit-learn; it precedes scikit-learn's mixins, which set tags of their own."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.non_deterministic = True
        # How good the predictions are, and their dtype, is up to the model.
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None:
                kind.poor_score = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = []
        return tags


class _Estimator(BaseEstimator):
    """Base of the wrappers: making the model, fitting it, and predicting with it."""

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self) -> Any:
        model = _copy(self.model) if isinstance(self.model, Model) else self.model
        options = (dict(x) if x is not None else None for x in (self.model_kwargs, self.fit_kwargs))
        return type(self)(model, self.warm_start, *options)

    def set_fit_request(self, **kwargs: bool | str | None) -> Any:
        """Says which metadata `fit` asks for; any argument of `Model.fit` may be named.

        Args:
            **kwargs: For each name whether it is passed on, or the name under which it is.
        """
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for param, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=param, alias=alias)
        return self

    def fit(self, X: ArrayLike, y: ArrayLike, **kwargs: Any) -> Any:
        """Trains the model.

        Args:
            X: Features, `(samples, features)`.
            y: Targets, `(samples,)` or `(samples, outputs)`.
            **kwargs: Arguments of `Model.fit`; they come before `fit_kwargs`.

        Returns:
            The estimator itself.
        """
        X, y = validate_data(self, X, y, multi_output=True)
        y = self._encode(_without_a_column(y))
        model = self._make(X, y)
        if not model.compiled:
            raise RuntimeError("Model needs to be compiled first. Call `model.compile()` before `fit()`.")
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _make(self, X: np.ndarray, y: np.ndarray) -> Model:
        if isinstance(self.model, Model):
            return self.model if self.warm_start else _copy(self.model)
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        return self.model(X=X, y=y, **(self.model_kwargs or {}))

    def _raw(self, X: ArrayLike) -> np.ndarray:
        """Returns the outputs of the model."""
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, reset=False))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Returns the predicted targets.

        Args:
            X: Features, `(samples, features)`.
        """
        return self._decode(self._raw(X))

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Returns targets as the model is trained on them: with an axis for the outputs."""
        self._flat = y.ndim == 1
        return y.reshape(-1, 1) if self._flat else y

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.reshape(-1) if self._flat and outputs.shape[1:] == (1,) else outputs


def _copy(model: Model) -> Model:
    copy = clone_model(model)
    if model.built and copy.built:
        copy.set_weights(model.get_weights())
    if model.compiled:
        copy.compile_from_config(model.get_compile_config())
    return copy


def _without_a_column(y: np.ndarray) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples, ), "
            "for example using ravel().",
            DataConversionWarning,
        )
        return y.ravel()
    return y


class SKLearnClassifier(_Tags, ClassifierMixin, _Estimator):
    """Classifier of scikit-learn that trains a model, whose labels are one-hot vectors of the classes.

    Args:
        model: A compiled model, which is copied before it is fitted unless `warm_start`; or a function that takes `X`,
            `y` and `model_kwargs` and returns a compiled model.
        warm_start: Whether `fit` goes on with the weights of the last one.
        model_kwargs: Arguments of the function `model`.
        fit_kwargs: Arguments of `Model.fit`.

    Attributes:
        model_: The fitted model.
        history_: What `Model.fit` returned.
        classes_: The classes.

    Raises:
        ImportError: scikit-learn isn't installed.

    >>> def make(X, y):
    ...     model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(y.shape[1], "softmax")])
    ...     model.compile("sgd", "categorical_crossentropy")
    ...     return model
    >>> estimator = keras.wrappers.SKLearnClassifier(make, fit_kwargs={"verbose": 0})
    >>> estimator.fit(np.eye(4), ["a", "b", "a", "b"]).classes_
    array(['a', 'b'], dtype='<U1')
    """

    def _encode(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass target types are supported. Target type: {kind}")
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: {self.classes_}.")
        return np.eye(len(self.classes_), dtype="float32")[indices]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        return self.classes_[np.argmax(outputs, axis=1)]

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Returns the outputs of the model, `(samples, classes)`.

        Args:
            X: Features, `(samples, features)`.
        """
        return self._raw(X)


class SKLearnRegressor(_Tags, RegressorMixin, _Estimator):
    """Regressor of scikit-learn that trains a model.

    Args:
        model: A compiled model, which is copied before it is fitted unless `warm_start`; or a function that takes `X`,
            `y` and `model_kwargs` and returns a compiled model.
        warm_start: Whether `fit` goes on with the weights of the last one.
        model_kwargs: Arguments of the function `model`.
        fit_kwargs: Arguments of `Model.fit`.

    Attributes:
        model_: The fitted model.
        history_: What `Model.fit` returned.

    Raises:
        ImportError: scikit-learn isn't installed.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> estimator = keras.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0})
    >>> estimator.fit(np.eye(2), [1.0, 2.0]).history_.epoch
    [0]
    """


class SKLearnTransformer(_Tags, TransformerMixin, _Estimator):
    """Transformer of scikit-learn whose results are the outputs of a model.

    Args:
        model: A compiled model, which is copied before it is fitted unless `warm_start`; or a function that takes `X`,
            `y` and `model_kwargs` and returns a compiled model.
        warm_start: Whether `fit` goes on with the weights of the last one.
        model_kwargs: Arguments of the function `model`.
        fit_kwargs: Arguments of `Model.fit`.

    Attributes:
        model_: The fitted model.
        history_: What `Model.fit` returned.

    Raises:
        ImportError: scikit-learn isn't installed.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> transformer = keras.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
    >>> transformer.fit(np.eye(2), [1.0, 2.0]).history_.epoch
    [0]
    """

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Returns the outputs of the model.

        Args:
            X: Features, `(samples, features)`.
        """
        return self._raw(X)
