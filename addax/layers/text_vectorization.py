"""`TextVectorization`: texts as indices of their words, or counts of these."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from ..core.serialization import deserialize_keras_object, serialize_keras_object
from ..core.types import ArrayLike, Config, Data, LayerOptionsButName
from . import adapting, text
from .building import Shape
from .encoding import check_mode
from .host_layer import HostLayer
from .lookup import MODES, StringLookup, refuse_sparse


class _Options(LayerOptionsButName, total=False):
    """Keyword arguments of `TextVectorization` besides those that it names."""

    vocabulary_size: int  # in configs


class TextVectorization(HostLayer):
    """Turns texts into indices of their words, or into counts of them, on the host.

    A text is standardized, split into tokens, which may be joined to n-grams, and looked up in a vocabulary.

    Args:
        max_tokens: Largest size of the vocabulary, special tokens included; None for no limit.
        standardize: "lower_and_strip_punctuation", "lower" or "strip_punctuation" (of ASCII), None, or a function
            from an array of `str` to one of the same shape.
        split: "whitespace", "character", None, or a function from an array of `str`, `(batch,)`, to the tokens of each.
        ngrams: Greatest width of n-grams, of which all smaller ones are made too; or a tuple of widths; None for none.
        output_mode: "int" for indices, with 0 for padding and 1 for unknown tokens; or a vector for each text, with 1
            for the tokens in it ("multi_hot"), their counts ("count"), or counts times `idf_weights` ("tf_idf").
        output_sequence_length: Length of the rows of indices; that of the longest in the batch when None.
        pad_to_max_tokens: Whether these vectors have `max_tokens` elements even if the vocabulary is smaller.
        vocabulary: The tokens, or the path of a text file with one a line; None for `adapt` or `set_vocabulary`.
        idf_weights: Inverse document frequency of each token of the vocabulary, for mode "tf_idf".
        sparse, ragged: Accepted for compatibility; must be False.
        encoding: Encoding of inputs that are bytes.
        name: Name; automatic when None.
        **kwargs: `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong, or contradicts another.

    Input shape `(batch,)` or `(batch, 1)`, output shape `(batch, length)` or `(batch, vocabulary size)`.

    >>> layer = keras.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
    >>> layer(["Foo, qux bar!", "qux baz"])
    Array([[4, 1, 3, 0],
           [1, 2, 0, 0]], dtype=int32)
    """

    _config_skip = (  # what `get_config` writes itself
        *("max_tokens", "standardize", "split", "ngrams", "output_mode", "output_sequence_length", "encoding"),
        *("pad_to_max_tokens", "vocabulary", "idf_weights", "sparse", "ragged"),
    )

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable | None = "lower_and_strip_punctuation",
        split: str | Callable | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: ArrayLike | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Unpack[_Options],
    ):
        options: dict[str, Any] = {**kwargs}
        options.pop("vocabulary_size", None)  # it follows from the vocabulary
        super().__init__(name=name, **options)
        _check_choice("standardize", standardize, tuple(text.STANDARDIZATIONS))
        _check_choice("split", split, text.SPLITS)
        check_mode(self, output_mode, MODES)
        self.ngrams = ngrams if ngrams is None or isinstance(ngrams, int) else tuple(ngrams)
        self._widths = _widths(ngrams)
        if output_sequence_length is not None and (
            isinstance(output_sequence_length, bool) or not isinstance(output_sequence_length, (int, np.integer))
        ):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. Received: "
                f"output_sequence_length={output_sequence_length}"
            )
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. Received "
                f"output_sequence_length={output_sequence_length}."
            )
        if ragged:
            raise ValueError("`ragged=True` can only be used with the TensorFlow backend.")
        refuse_sparse(sparse)
        self.max_tokens = max_tokens
        self.standardize = standardize
        self.split = split
        self.output_mode = output_mode
        self.output_sequence_length = output_sequence_length
        self.pad_to_max_tokens = pad_to_max_tokens
        self.sparse = self.ragged = False
        self.encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
        )
        self._lookup_layer.build()

    @property
    def dtype(self) -> str:
        """The dtype of the inputs, "string"."""
        return "string"

    @property
    def input_dtype(self) -> str:
        """The dtype of the inputs."""
        return "string"

    # The vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Returns the tokens of the vocabulary, in the order of their indices.

        Args:
            include_special_tokens: Whether the tokens for padding and for unknown tokens are in it.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Returns the number of tokens in the vocabulary, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: ArrayLike | None = None) -> None:
        """Sets the vocabulary, and in "tf_idf" mode the weights of its tokens; see `StringLookup.set_vocabulary`.

        Args:
            vocabulary: The tokens, or the path of a text file with one a line.
            idf_weights: Inverse document frequency of each token.
        """
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Data, batch_size: int | None = None, steps: int | None = None) -> None:
        """Makes the vocabulary of the most frequent tokens of texts, in place of an earlier one.

        Args:
            data: An array or list of texts, or an iterable of batches of them.
            batch_size: Accepted for compatibility: all texts of an array are read together.
            steps: Number of batches to read of an iterable; None for all.

        Raises:
            ValueError: The layer was constructed with a vocabulary, or the data are no texts.
        """
        del batch_size
        self._lookup_layer._check_may_adapt()
        adapting.adapt(self, data, steps)

    def reset_state(self) -> None:
        """Forgets the texts that `update_state` has seen; the vocabulary stays until `finalize_state`."""
        self._lookup_layer.reset_state()

    def update_state(self, data: ArrayLike) -> None:
        """Counts the tokens of a batch of texts.

        Args:
            data: Array of texts.
        """
        tokens, _ = self._tokens(text.host_array(data))
        self._lookup_layer.update_counts(tokens.flat, tokens.rows)

    def finalize_state(self) -> None:
        """Makes the vocabulary of the tokens that `update_state` has counted; without any it stays as it is."""
        self._lookup_layer.finalize_state()

    # Calling

    def call(self, inputs: np.ndarray) -> np.ndarray:
        lookup = self._lookup_layer
        if not lookup._has_vocabulary:
            raise ValueError(
                f"Layer '{self.path}' (TextVectorization) has no vocabulary. Call `adapt` on texts or "
                "`set_vocabulary`, or construct the layer with a `vocabulary`, before it is called."
            )
        tokens, shape = self._tokens(inputs)
        indices = lookup.indices(tokens.flat, "utf-8")
        width = self.output_sequence_length
        if self.output_mode == "int":
            is_whole = self.split is None and self._widths is None and inputs.ndim > 1
            found = text.padded(tokens.lengths, indices, inputs.shape[-1] if is_whole and width is None else width)
        else:
            found = lookup.encoded(tokens.row_numbers, indices, len(tokens.lengths))
        if shape is not None:
            return found.reshape((*shape, found.shape[-1]))
        # Texts that aren't split are the tokens of one row.
        if self.output_mode != "int" or width is not None:
            return found[0]
        return found[0].reshape(inputs.shape)

    def _tokens(self, array: np.ndarray) -> tuple[text.Tokens, tuple | None]:
        """Returns the tokens of texts, and the shape of an array with one element for each row of tokens.

        The shape is None where the texts aren't split and have no axis for the rows: they are one row.
        """
        texts: list = text.strings_of(array, f"Layer '{self.path}' (TextVectorization)")
        if not text.is_utf8(self.encoding):
            texts = text.encoded(texts, self.encoding)
        shape, how = array.shape, self.standardize
        if callable(how):
            texts, how = text.standardized_by(how, texts, shape), None
        if self.split is None:
            tokens, outer = _unsplit(text.standardized(texts, how), shape)
        else:
            tokens, outer = self._split(texts, how, shape), shape[:-1] if len(shape) > 1 else shape
        return (tokens if self._widths is None else text.with_ngrams(tokens, self._widths)), outer

    def _split(self, texts: list, how: str | None, shape: tuple) -> text.Tokens:
        if len(shape) > 1 and shape[-1] != 1:
            raise ValueError(
                "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape "
                f"dimension must be 1. Received: inputs.shape={shape} with rank={len(shape)} (layer '{self.path}')"
            )
        if self.split == "whitespace":
            return text.split_words(texts, how)
        texts = text.standardized(texts, how)
        if callable(self.split):
            return text.split_by(self.split, texts)
        return text.split_characters(texts)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        if self.output_mode != "int":
            outer = shape[:-1] if self.split is None or len(shape) > 1 else shape
            return (*outer, self._lookup_layer._output_size)
        width = self.output_sequence_length
        if self.split is None and len(shape) < 2 and width is None:
            return shape
        outer = shape[:-1] if self.split is None or len(shape) > 1 else shape
        if self.split is None and width is None and self._widths is None:
            width = shape[-1]
        return (*outer, width)

    def _output_dtype(self, inputs: Any) -> str:
        return self._lookup_layer._output_dtype(inputs)

    # Files

    def _computes(self) -> Any:
        return type(self).__name__  # it takes strings, so no program calls it

    def get_config(self) -> Config:
        lookup = self._lookup_layer
        config = {
            "max_tokens": self.max_tokens,
            "standardize": _serialized(self.standardize),
            "split": _serialized(self.split),
            "ngrams": list(self.ngrams) if isinstance(self.ngrams, tuple) else self.ngrams,
            "output_mode": self.output_mode,
            "output_sequence_length": self.output_sequence_length,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "vocabulary": None if lookup.input_vocabulary is None else list(lookup.input_vocabulary),
            "idf_weights": lookup.input_idf_weights,
            "encoding": self.encoding,
            "vocabulary_size": self.vocabulary_size(),
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: Config) -> TextVectorization:
        found = {k: _deserialized(v) if k in ("standardize", "split") else v for k, v in config.items()}
        return super().from_config(found)

    def save_own_variables(self, store: Any) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, ArrayLike]) -> None:
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        self._lookup_layer.load_assets(dir_path)


def _unsplit(texts: list, shape: tuple) -> tuple[text.Tokens, tuple | None]:
    """Returns texts as the tokens of the rows along their last axis; see `TextVectorization._tokens`."""
    if len(shape) < 2:
        return text.Tokens(texts, np.array([len(texts)])), None
    return text.Tokens(texts, np.full(math.prod(shape[:-1]), shape[-1])), shape[:-1]


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value is not None and not callable(value) and value not in choices:
        raise ValueError(
            f"Unknown value for `{name}` argument of TextVectorization. Allowed values are: {choices}. Received: "
            f"{name}={value}"
        )


def _widths(ngrams: Any) -> tuple[int, ...] | None:
    """Returns the widths of n-grams that the argument `ngrams` stands for."""
    if ngrams is None:
        return None
    if isinstance(ngrams, (int, np.integer)) and not isinstance(ngrams, bool):
        widths = tuple(range(1, int(ngrams) + 1))
    elif isinstance(ngrams, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in ngrams):
        widths = tuple(int(n) for n in ngrams)
    else:
        widths = ()
    if not widths or min(widths) < 1:
        raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
    return widths


def _serialized(value: Any) -> Any:
    return serialize_keras_object(value) if callable(value) else value


def _deserialized(value: Any) -> Any:
    return deserialize_keras_object(value) if isinstance(value, dict) else value
