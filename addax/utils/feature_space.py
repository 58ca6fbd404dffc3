"""FeatureSpace: preprocessing and encoding of structured data, features of different kinds by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..core.keras_tensor import KerasTensor, any_symbolic
from ..core.late import provided
from ..core.naming import auto_name
from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import Config
from ..layers.category_encoding import CategoryEncoding
from ..layers.discretization import Discretization
from ..layers.hashing import HashedCrossing, Hashing
from ..layers.host import host_array
from ..layers.input_layer import Input
from ..layers.layer import Layer
from ..layers.lookup import IntegerLookup, StringLookup
from ..layers.normalization_preprocessing import Normalization, Rescaling

_KERAS = "keras.src.layers.preprocessing.feature_space"


class TFDIdentity(Layer):
    """Returns its inputs; the preprocessor of plain floats.

    Args:
        name: Name; automatic when None.
        **kwargs: Other arguments of `Layer`.

    >>> TFDIdentity()(np.ones((2, 1))).shape
    (2, 1)
    """

    keras_module = _KERAS
    rowwise = "always"

    def __init__(self, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def call(self, x: Any) -> Any:
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape


class TFDConcat(Layer):
    """Concatenates encoded features along an axis.

    Args:
        axis: The axis.
        **kwargs: Other arguments of `Layer`.

    >>> TFDConcat(axis=-1)([np.ones((2, 1)), np.ones((2, 3))]).shape
    (2, 4)
    """

    keras_module = _KERAS
    rowwise = "always"

    def __init__(self, axis: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs: list) -> Any:
        return ops.concatenate([ops.cast(x, self.compute_dtype) for x in xs], axis=self.axis)


class Cross:
    """A cross of features: they are hashed together.

    Args:
        feature_names: Names of the features.
        crossing_dim: Number of bins.
        output_mode: "one_hot" or "int".

    Raises:
        ValueError: `output_mode` is another.

    >>> Cross(("a", "b"), 32).name
    'a_X_b'
    """

    keras_module = _KERAS

    def __init__(self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"):
        _check_mode(output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> Config:
        """Returns the arguments of the constructor."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Config) -> Cross:
        """Makes a cross from what `get_config` returned."""
        return cls(**config)


class Feature:
    """A feature: its dtype, the layer that preprocesses it, and its encoding.

    Args:
        dtype: Dtype of its values: "string", or one of integers or floats.
        preprocessor: A layer.
        output_mode: "one_hot", "int" or "float".

    Raises:
        ValueError: `output_mode` is another.

    >>> Feature("float32", Rescaling(0.5), "float").dtype
    'float32'
    """

    keras_module = _KERAS

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str):
        _check_mode(output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        self.preprocessor = deserialize_keras_object(preprocessor) if isinstance(preprocessor, dict) else preprocessor
        self.output_mode = output_mode

    def get_config(self) -> Config:
        """Returns the arguments of the constructor."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: Config) -> Feature:
        """Makes a feature from what `get_config` returned."""
        return cls(**config)


def _check_mode(mode: object, modes: tuple[str, ...]) -> None:
    if mode not in modes:
        raise ValueError(
            f"Invalid value for argument `output_mode`. Expected one of {set(modes)}. Received: output_mode={mode}"
        )


class FeatureSpace(Layer):
    """Preprocesses and encodes structured data: a dict of features, each of a kind of its own.

    Args:
        features: Dict from the name of a feature to its kind: a string ("float", "float_normalized", "float_rescaled",
            "float_discretized", "integer_categorical", "string_categorical", "integer_hashed", "string_hashed"), or
            what the method of this name returns.
        output_mode: "concat" for one vector of all encoded features, in the order of their names, or "dict".
        crosses: Crosses of features, each a tuple of names, or what `cross` returns.
        crossing_dim: Number of bins of the crosses given as tuples.
        hashing_dim: Number of bins of the hashed features given as strings.
        num_discretization_bins: Number of bins of "float_discretized".
        name: Name; automatic when None.

    Raises:
        ValueError: There are no features, or a feature, a cross or a mode is unknown.

    >>> data = {"size": [0.0, 2.0], "color": ["red", "blue"]}
    >>> space = keras.utils.FeatureSpace({"size": "float_normalized", "color": "string_categorical"})
    >>> space.adapt(data)
    >>> space(data)  # the color one-hot (unknown, red, blue), and the size
    Array([[ 0.,  1.,  0., -1.],
           [ 0.,  0.,  1.,  1.]], dtype=float32)
    """

    _untracked = Layer._untracked | {"features", "crosses", "crosses_by_name", "inputs", "encoded_features"}

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("The `features` argument cannot be None or empty.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of {{'dict', 'concat'}}. Received: "
                f"output_mode={output_mode}"
            )
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features: dict[str, Feature] = {k: self._feature(k, v) for k, v in features.items()}
        self.crosses: list[Cross] = [self._cross(cross, set(features)) for cross in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {k: Input((1,), dtype=f.dtype, name=k) for k, f in self.features.items()}
        self.preprocessors = {k: f.preprocessor for k, f in self.features.items()}
        self.crossers = {c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.concat = TFDConcat(axis=-1) if output_mode == "concat" else None
        self.encoded_features: Any = None
        self._is_adapted = not self._adaptable()

    # Features

    def _feature(self, name: str, kind: Any) -> Feature:
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict):
            return deserialize_keras_object(kind)
        makers: dict[str, Callable[[], Feature]] = {
            "float": lambda: self.float(name=name),
            "float_normalized": lambda: self.float_normalized(name=name),
            "float_rescaled": lambda: self.float_rescaled(name=name),
            "float_discretized": lambda: self.float_discretized(self.num_discretization_bins, name=name),
            "integer_categorical": lambda: self.integer_categorical(name=name),
            "string_categorical": lambda: self.string_categorical(name=name),
            "integer_hashed": lambda: self.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda: self.string_hashed(self.hashing_dim, name=name),
        }
        if not isinstance(kind, str) or kind not in makers:
            raise ValueError(f"Invalid feature type: {kind}. Expected one of {sorted(makers)} (feature '{name}').")
        return makers[kind]()

    def _cross(self, cross: Any, known: set[str]) -> Cross:
        if isinstance(cross, dict):
            cross = deserialize_keras_object(cross)
        if not isinstance(cross, Cross):
            cross = Cross(cross, self.crossing_dim)
        if not set(cross.feature_names) <= known:
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the `features` dict. Received "
                f"unknown features: {cross.feature_names}"
            )
        return cross

    @classmethod
    def cross(cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Returns a cross of features.

        Args:
            feature_names: Their names.
            crossing_dim: Number of bins.
            output_mode: "one_hot" or "int".
        """
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """Returns a feature with a preprocessing layer of your own.

        Args:
            dtype: Dtype of its values.
            preprocessor: The layer.
            output_mode: "one_hot", "int" or "float".
        """
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Returns a feature of plain floats.

        Args:
            name: Name of its preprocessor.
        """
        return Feature("float32", TFDIdentity(name=_named("float", name)), "float")

    @classmethod
    def float_rescaled(cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Returns a feature of floats that are rescaled.

        Args:
            scale, offset: Factor, and number to add after it.
            name: Name of its preprocessor.
        """
        return Feature("float32", Rescaling(scale, offset, name=_named("float_rescaled", name)), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Returns a feature of floats that are normalized to mean 0 and variance 1.

        Args:
            name: Name of its preprocessor.
        """
        return Feature("float32", Normalization(axis=-1, name=_named("float_normalized", name)), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int,
        bin_boundaries: Sequence[Any] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Returns a feature of floats that are put into bins.

        Args:
            num_bins: Number of bins.
            bin_boundaries: Boundaries between them; None to compute them in `adapt`.
            output_mode: "one_hot" or "int".
            name: Name of its preprocessor.
        """
        given: Any = {"num_bins": num_bins} if bin_boundaries is None else {"bin_boundaries": bin_boundaries}
        return Feature("float32", Discretization(**given, name=_named("float_discretized", name)), output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Returns a feature of integers that are looked up in a vocabulary.

        Args:
            max_tokens: Largest size of the vocabulary.
            num_oov_indices: Number of indices for unknown integers.
            output_mode: "one_hot" or "int".
            name: Name of its preprocessor.
        """
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named("integer_categorical", name))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Returns a feature of strings that are looked up in a vocabulary.

        Args:
            max_tokens: Largest size of the vocabulary.
            num_oov_indices: Number of indices for unknown strings.
            output_mode: "one_hot" or "int".
            name: Name of its preprocessor.
        """
        layer = StringLookup(max_tokens, num_oov_indices, name=_named("string_categorical", name))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Returns a feature of strings that are hashed.

        Args:
            num_bins: Number of bins.
            output_mode: "one_hot" or "int".
            name: Name of its preprocessor.
        """
        return Feature("string", Hashing(num_bins, name=_named("string_hashed", name)), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Returns a feature of integers that are hashed.

        Args:
            num_bins: Number of bins.
            output_mode: "one_hot" or "int".
            name: Name of its preprocessor.
        """
        return Feature("int32", Hashing(num_bins, name=_named("integer_hashed", name)), output_mode)

    # Adapting

    def _adaptable(self) -> list[str]:
        """Returns the names of the features whose preprocessors must be adapted to data."""
        found = []
        for name, layer in self.preprocessors.items():
            is_ready = (
                (isinstance(layer, Normalization) and layer.input_mean is not None)
                or (isinstance(layer, Discretization) and layer.input_bin_boundaries is not None)
                or getattr(getattr(layer, "_lookup_layer", layer), "_is_static", False)
            )
            if hasattr(layer, "adapt") and not is_ready:
                found.append(name)
        return found

    def adapt(self, dataset: Any) -> None:
        """Adapts the preprocessors of the features to data.

        Args:
            dataset: Dict of arrays or lists, or an iterable of such dicts, of single values or of batches.

        Raises:
            ValueError: It is something else.
        """
        adaptable = self._adaptable()
        columns = _columns(dataset, adaptable)
        for name in adaptable:
            self.preprocessors[name].adapt(columns[name])
        self._is_adapted = True
        self.get_encoded_features()
        self.built = True

    def _check_adapted(self) -> None:
        if not self._is_adapted:
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using it. "
                f"(FeatureSpace '{self.name}')"
            )

    # Calling

    def get_inputs(self) -> dict[str, KerasTensor]:
        """Returns a symbolic input for each feature, by name.

        Raises:
            ValueError: It must be adapted first.
        """
        self._check_adapted()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Returns the symbolic encoded features of the inputs that `get_inputs` returns.

        Raises:
            ValueError: It must be adapted first.
        """
        self._check_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encoded(dict(self.inputs))
            self.built = True
        return self.encoded_features

    def __call__(self, data: Mapping[str, Any]) -> Any:
        """Preprocesses and encodes data.

        Args:
            data: Dict from the name of each feature to a single value, or a list or array of them.

        Returns:
            A tensor, or a dict of tensors in mode "dict". Those of single values have no batch axis.

        Raises:
            ValueError: The data are no dict, or it must be adapted first.
        """
        self._check_adapted()
        if not isinstance(data, Mapping):
            raise ValueError(
                f"A FeatureSpace can only be called with a dict. Received: data={data} (of type {type(data)})"
            )
        missing = [name for name in self.features if name not in data]
        if missing:
            raise KeyError(
                f"FeatureSpace '{self.name}' needs the features {missing}. Received a dict with the keys {list(data)}."
            )
        if any_symbolic(dict(data)):
            return self._encoded({name: data[name] for name in self.features})
        arrays = {name: host_array(data[name]) for name in self.features}
        single = all(x.ndim == 0 for x in arrays.values())
        columns = {k: x.reshape(1, 1) if x.ndim == 0 else x[:, None] if x.ndim == 1 else x for k, x in arrays.items()}
        found = self._encoded(columns)
        self.built = True
        if not single:
            return found
        return {k: v[0] for k, v in found.items()} if isinstance(found, dict) else found[0]

    def _encoded(self, columns: dict[str, Any]) -> Any:
        found = {name: self.preprocessors[name](columns[name]) for name in sorted(self.features)}
        modes = {name: self.features[name].output_mode for name in found}
        for cross in sorted(self.crosses, key=lambda c: c.name):
            found[cross.name] = self.crossers[cross.name]([found[name] for name in cross.feature_names])
            modes[cross.name] = cross.output_mode
        encoded = {name: self._one_hot(name, x) if modes[name] == "one_hot" else x for name, x in found.items()}
        if self.concat is None:
            return encoded
        for name, x in encoded.items():
            dtype = str(x.dtype)
            if dtype.startswith("int") or dtype == "string":
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded (it has dtype "
                    f"{dtype}). Consider using `output_mode='dict'`."
                )
        return self.concat(list(encoded.values()))

    def _one_hot(self, name: str, x: Any) -> Any:
        dtype = str(x.dtype)
        if not dtype.startswith(("int", "uint")):
            raise ValueError(
                f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor should return an integer dtype. "
                f"Instead it returns a {dtype} dtype."
            )
        if name not in self.one_hot_encoders:
            layer = self.crossers.get(name) or self.preprocessors[name]
            self.one_hot_encoders[name] = CategoryEncoding(_cardinality(layer, name), output_mode="multi_hot")
        return self.one_hot_encoders[name](x)

    def compute_output_shape(self, input_shape: Any) -> Any:
        encoded = self.get_encoded_features()
        return {k: v.shape for k, v in encoded.items()} if isinstance(encoded, dict) else encoded.shape

    # Files

    def get_config(self) -> Config:
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: Config) -> FeatureSpace:
        return cls(**config)

    def get_build_config(self) -> Config:
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: Config) -> None:
        for name, layer in self.preprocessors.items():
            if not layer.built and config.get(name) is not None:
                layer.build_from_config(config[name])
        self._is_adapted = True

    def save(self, filepath: str | os.PathLike) -> None:
        """Saves it as a `.keras` file, for `keras.models.load_model`.

        Args:
            filepath: Path that ends in `.keras`.
        """
        provided("saving").save_model(self, filepath)

    def save_own_variables(self, store: Any) -> None:
        """Does nothing: the preprocessors hold all state."""

    def load_own_variables(self, store: Any) -> None:
        """Does nothing: the preprocessors hold all state."""


def _named(kind: str, name: str | None) -> str:
    return f"{name or auto_name(kind)}_preprocessor"


def _cardinality(layer: Any, name: str) -> int:
    """Returns the number of categories that a preprocessor tells apart."""
    if isinstance(layer, (Hashing, HashedCrossing)):
        return layer.num_bins
    if isinstance(layer, Discretization):
        return len(layer.bin_boundaries) + 1
    if hasattr(layer, "vocabulary_size"):
        return layer.vocabulary_size()
    raise ValueError(
        f"Feature '{name}' has `output_mode='one_hot'`. However its preprocessor, {type(layer).__name__}, isn't one "
        "whose number of categories is known: use `output_mode='int'`."
    )


def _columns(dataset: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns all values of some features, `(rows, 1)` each.

    Raises:
        ValueError: The data are no dict and no iterable of dicts.
    """
    if isinstance(dataset, Mapping):
        batches: Any = [dataset]
    elif hasattr(dataset, "__iter__") and not isinstance(dataset, np.ndarray):
        batches = dataset
    else:
        raise ValueError(
            f"`adapt()` can only be called on a tf.data.Dataset or a dict of arrays/lists. Received instead: {dataset} "
            f"(of type {type(dataset)})"
        )
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for batch in batches:
        batch = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        if not isinstance(batch, Mapping):
            raise ValueError(
                "`adapt()` can only be called on a tf.data.Dataset or a dict of arrays/lists. Received instead an "
                f"iterable of {type(batch)}."
            )
        for name in names:
            found[name].append(host_array(batch[name]).reshape(-1, 1))
    return {name: np.concatenate(parts) if parts else np.zeros((0, 1)) for name, parts in found.items()}


__all__ = ["Cross", "Feature", "FeatureSpace", "TFDConcat", "TFDIdentity"]
