"""Lookups of terms in vocabularies: `StringLookup` and `IntegerLookup`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Unpack

import numpy as np

from ..core.signature import arguments_in
from ..core.types import ArrayLike, Config, Data, DTypeLike, LayerOptionsButName, ShapeTree
from . import adapting, text
from .building import Shape
from .encoding import check_mode, count_on_host, encode_on_host, encoded_shape
from .host_layer import HostLayer
from .vocabulary import TermCounts, Vocabulary, as_salt, bucket, read_terms, write_lines

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_FILE = "vocabulary.txt"


class IndexLookup(HostLayer):
    """Base of lookups: special terms, vocabulary, inverse document frequencies, encodings of indices, files.

    The indices of the mask token (in "int" mode, if there is one) and of unknown terms come first.
    """

    _of: type = str  # of terms
    _config_skip = (  # what `get_config` writes itself
        *("invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode", "sparse", "encoding"),
        *("pad_to_max_tokens", "idf_weights", "vocabulary", "vocabulary_dtype", "oov_method", "salt"),
    )

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any = None,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        encoding: str = "utf-8",
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        kwargs.pop("vocabulary_size", None)  # in configs; it follows from the vocabulary
        _check_sizes(type(self).__name__, max_tokens, num_oov_indices)
        super().__init__(name=name, **kwargs)
        check_mode(self, output_mode, MODES)
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        refuse_sparse(sparse)
        for what, token in (("mask_token", mask_token), ("oov_token", oov_token)):
            if token is not None and not (isinstance(token, str if self._of is str else (int, np.integer))):
                kind = "an integer" if self._of is int else "a string"
                raise TypeError(
                    f"`{what}` of {type(self).__name__} must be {kind}. Received: {what}={token!r} (of type "
                    f"{type(token).__name__})"
                )
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: "
                f"idf_weights={idf_weights} and output_mode={output_mode}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
        self.invert = bool(invert)
        self.max_tokens = max_tokens
        self.num_oov_indices = int(num_oov_indices)
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.output_mode = output_mode
        self.sparse = False
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.encoding = encoding
        self.oov_method = oov_method
        self.salt = _tuple(as_salt(salt, "IndexLookup"))
        self._vocabulary = Vocabulary([], self._first)
        self._idf: np.ndarray | None = None
        self._counts: TermCounts | None = None
        self._has_vocabulary = False
        # The constructor's, which stand in the config; a vocabulary that was adapted or set is in the files.
        self.input_vocabulary = self._config_of(vocabulary)
        self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights, "float32").tolist()
        self._is_static = vocabulary is not None
        if vocabulary is not None:
            if output_mode == "tf_idf" and idf_weights is None:
                raise ValueError(
                    "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must "
                    "also be provided."
                )
            self.set_vocabulary(vocabulary, idf_weights)

    def _config_of(self, vocabulary: Any) -> Any:
        if vocabulary is None or isinstance(vocabulary, (str, os.PathLike)):
            return None
        return _tuple(read_terms(vocabulary, self._of, self.encoding))

    # The vocabulary

    @property
    def _special(self) -> list:
        """The special terms, in the order of their indices."""
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return [*mask, *[self.oov_token] * self.num_oov_indices]

    @property
    def _first(self) -> int:
        """The index of the first term that isn't special."""
        return len(self._special)

    @property
    def _oov_start(self) -> int:
        return self._first - self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """Returns the terms of the vocabulary, in the order of their indices.

        Args:
            include_special_tokens: Whether the mask token and the tokens of unknown terms are in it.
        """
        return [*(self._special if include_special_tokens else ()), *self._vocabulary.terms]

    def vocabulary_size(self) -> int:
        """Returns the number of terms in the vocabulary, special ones included."""
        return self._first + len(self._vocabulary)

    def set_vocabulary(self, vocabulary: Any, idf_weights: ArrayLike | None = None) -> None:
        """Sets the vocabulary, and in "tf_idf" mode the weights of its terms.

        Args:
            vocabulary: The terms, or the path of a text file with one a line. They may begin with the special ones.
            idf_weights: Inverse document frequency of each term. Unknown terms get the mean, unless the vocabulary
                begins with the special ones.

        Raises:
            ValueError: The vocabulary is empty, larger than `max_tokens`, or has a term twice; or weights don't fit.
        """
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if output_mode is `'tf_idf'`. Received: "
                f"output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        terms = read_terms(vocabulary, self._of, self.encoding)
        if not terms:
            raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        special = self._special
        has_special = bool(special) and terms[: len(special)] == special
        rest = terms[len(special) :] if has_special else terms
        self._check_terms(rest)
        if self.output_mode == "tf_idf":
            weights = np.asarray(idf_weights, "float32")
            if len(weights) != len(terms):
                raise ValueError(
                    "`idf_weights` must be the same length as vocabulary. len(idf_weights) is "
                    f"{len(weights)}; len(vocabulary) is {len(terms)}"
                )
            if weights.ndim != 1:
                raise ValueError(
                    f"TF-IDF data must be a 1-index array. Received: type(idf_weights)={type(idf_weights)}"
                )
            self._idf = weights if has_special else self._with_mean(weights)
        self._set_terms(rest)

    def _set_terms(self, terms: Sequence) -> None:
        self._vocabulary = Vocabulary(terms, self._first)
        self._has_vocabulary = True

    def _with_mean(self, weights: np.ndarray) -> np.ndarray:
        """Returns weights of the terms with their mean for unknown ones."""
        mean = weights.mean() if len(weights) else np.float32(0)
        return np.concatenate([np.full(self.num_oov_indices, mean, "float32"), weights])

    def _check_terms(self, terms: Sequence) -> None:
        """Raises ValueError unless the terms, without the special ones at the beginning, make a vocabulary."""
        kept = set(terms)
        if len(kept) < len(terms):
            seen: set = set()
            repeated = [t for t in terms if t in seen or seen.add(t)]  # type: ignore[func-returns-value]
            raise ValueError(
                "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated "
                f"terms are: {repeated[:20]} (layer '{self.name}')"
            )
        for what, token, is_reserved in (
            ("mask", self.mask_token, True),
            ("OOV", self.oov_token, self.invert),
        ):
            if token is not None and is_reserved and token in kept:
                raise ValueError(
                    f"Found reserved {what} token at unexpected location in `vocabulary`. Note that passed "
                    "`vocabulary` does not need to include the OOV and mask tokens. Either remove all mask and OOV "
                    f"tokens, or include them only at the start of the vocabulary in precisely this order: "
                    f"{self._special}. Received: {what.lower()}_token={token} at vocabulary index "
                    f"{[i for i, t in enumerate(terms) if t == token]}"
                )
        size = len(terms) + self._first
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
                f"{size}; `max_tokens` is {self.max_tokens}."
            )

    # Adapting

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Makes the vocabulary of the most frequent terms of data, in place of an earlier one.

        Args:
            data: An array or nested lists of terms, or an iterable of batches of them.
            steps: Number of batches to read of an iterable; None for all.

        Raises:
            ValueError: The layer was constructed with a vocabulary, or the data hold no terms.
        """
        self._check_may_adapt()
        adapting.adapt(self, data, steps)

    def _check_may_adapt(self) -> None:
        if self._is_static:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )

    def reset_state(self) -> None:
        """Forgets the data that `update_state` has seen; the vocabulary stays until `finalize_state`."""
        self._counts = None

    def update_state(self, data: ArrayLike) -> None:
        """Counts the terms of a batch.

        Args:
            data: Array of terms. In "tf_idf" mode the terms along the last axis make a document, a single term where
                there is one axis.
        """
        self._check_may_adapt()
        array = text.host_array(data)
        terms = self._terms(array)
        count = array.shape[-1] if array.ndim > 1 else 1
        self.update_counts(terms, lambda: [terms[i : i + count] for i in range(0, len(terms), max(count, 1))])

    def update_counts(self, terms: Sequence, documents: Callable[[], Iterable[Sequence]]) -> None:
        """Counts terms, and the documents they occur in.

        Args:
            terms: All terms.
            documents: Returns the terms of each document.
        """
        if self._counts is None:
            self._counts = TermCounts(self.output_mode == "tf_idf")
        self._counts.add(terms, documents)

    def finalize_state(self) -> None:
        """Makes the vocabulary of the terms that `update_state` has counted; without any it stays as it is."""
        if self._counts is None:
            return
        most = None if self.max_tokens is None else self.max_tokens - self._first
        without = {token for token in (self.mask_token, self.oov_token) if token is not None}
        without |= {token.encode() for token in without if isinstance(token, str)}
        terms = self._counts.most_frequent(without, most)
        if self.output_mode == "tf_idf":
            self._idf = self._with_mean(self._counts.inverse_frequencies(terms))
        self._set_terms(text.decoded(terms, "utf-8") if self._of is str else terms)
        self._counts = None

    def _terms(self, array: np.ndarray) -> list:
        """Returns the terms in an array, flat."""
        raise NotImplementedError

    # Calling

    def call(self, inputs: np.ndarray) -> np.ndarray:
        if not self._has_vocabulary:
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) has no vocabulary. Call `adapt` on data or "
                "`set_vocabulary`, or construct the layer with a `vocabulary`, before it is called."
            )
        if self.invert:
            return self._invert(inputs)
        indices = self._indices(inputs).reshape(inputs.shape)
        if self.output_mode != "tf_idf":
            return encode_on_host(indices, self._output_size, self.output_mode)
        return self.idf_weighted(encode_on_host(indices, self._output_size, "count"))

    def encoded(self, rows: np.ndarray, indices: np.ndarray, count: int) -> np.ndarray:
        """Encodes indices in rows: as "multi_hot", "count" or "tf_idf".

        Args:
            rows: Row of each index.
            indices: Indices, flat.
            count: Number of rows.
        """
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        found = count_on_host(rows, indices, (count, self._output_size), mode)
        return self.idf_weighted(found) if self.output_mode == "tf_idf" else found

    def idf_weighted(self, counts: np.ndarray) -> np.ndarray:
        """Multiplies counts of terms by their inverse document frequencies.

        Args:
            counts: Counts, `(..., terms)`.

        Raises:
            ValueError: There are no inverse document frequencies yet.
        """
        if self._idf is None:
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) has no weights of terms, which mode 'tf_idf' needs. Call "
                "`adapt` on data, or `set_vocabulary` with `idf_weights`."
            )
        weights = np.zeros(self._output_size, "float32")
        weights[: len(self._idf)] = self._idf
        return counts * weights

    @property
    def _output_size(self) -> int:
        """The number of categories in encodings."""
        if self.pad_to_max_tokens and self.output_mode != "int":
            assert self.max_tokens is not None
            return self.max_tokens
        return self.vocabulary_size()

    def _indices(self, array: np.ndarray) -> np.ndarray:
        """Returns the indices of the terms in an array, flat; -1 for a mask that has none."""
        raise NotImplementedError

    def with_oov(self, indices: np.ndarray, masked: np.ndarray | None, buckets: Any, terms: Any) -> np.ndarray:
        """Replaces the index -1 of terms that aren't in the vocabulary.

        Args:
            indices: Indices of terms.
            masked: Where terms are the mask token; None for nowhere.
            buckets: Function of the positions of unknown terms that chooses among the indices of unknown terms.
            terms: The terms, for the error.

        Raises:
            ValueError: A term is unknown, and there are no indices for such terms.
        """
        unknown = indices < 0
        if masked is not None:
            unknown &= ~masked
            if self.output_mode == "int":
                indices[masked] = 0
        if not unknown.any():
            return indices
        if not self.num_oov_indices:
            found = terms[int(np.flatnonzero(unknown)[0])]
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}): the term {found!r} isn't in the vocabulary, and "
                "`num_oov_indices=0` allows no others. Pass `num_oov_indices=1` to map them to one index."
            )
        places = np.flatnonzero(unknown)
        indices[places] = self._oov_start + (buckets(places) if self.num_oov_indices > 1 else 0)
        return indices

    def _invert(self, inputs: np.ndarray) -> np.ndarray:
        if inputs.dtype.kind not in "iub":
            raise ValueError(
                f"Layer '{self.path}' ({type(self).__name__}) with `invert=True` takes indices, integers. Received an "
                f"array of dtype {inputs.dtype}."
            )
        # Indices that stand for no term give the token of unknown terms.
        known = [*self.get_vocabulary(), self.oov_token]
        table = np.array(known, object if self._of is str else np.int64)
        indices = inputs.astype(np.int64)
        outside = (indices < 0) | (indices >= len(known))
        return table[np.where(outside, len(known) - 1, indices)]

    def compute_output_shape(self, input_shape: Shape) -> ShapeTree:
        return encoded_shape(tuple(input_shape), self._output_size, self.output_mode)

    def _output_dtype(self, inputs: Any) -> str:
        if self.output_mode == "int":
            return "string" if self.invert and self._of is str else "int64"
        return self._dtype_policy.compute_dtype or "float32"

    # Files

    def _computes(self) -> Any:
        config = {k: v for k, v in self.get_config().items() if k not in ("name", "trainable", "vocabulary")}
        return (type(self).__name__, config, self._vocabulary.digest)

    def get_config(self) -> Config:
        config = {
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.input_idf_weights,
            "vocabulary": None if self.input_vocabulary is None else list(self.input_vocabulary),
            "vocabulary_size": self.vocabulary_size(),
            "oov_method": self.oov_method,
            "salt": None if self.salt is None else list(self.salt),
        }
        return {**super().get_config(), **config}

    def get_build_config(self) -> Config:
        return {}

    def build_from_config(self, config: Config) -> None:
        self.built = True

    def save_own_variables(self, store: Any) -> None:
        if self.output_mode == "tf_idf" and self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store: Mapping[str, ArrayLike]) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._idf = np.asarray(store["idf_weights"], "float32")

    def save_assets(self, dir_path: str) -> None:
        if self.input_vocabulary is None:
            write_lines(os.path.join(dir_path, _FILE), self.get_vocabulary(), self.encoding, f"Layer '{self.name}'")

    def load_assets(self, dir_path: str) -> None:
        path = os.path.join(dir_path, _FILE)
        if self.input_vocabulary is None and os.path.exists(path):
            terms = read_terms(path, self._of, self.encoding)
            if len(terms) > self._first:
                self._set_terms(terms[self._first :])


def _check_sizes(owner: str, max_tokens: int | None, num_oov_indices: int) -> None:
    if max_tokens is not None and max_tokens <= 1:
        what = (
            "If set, `max_tokens` must be"
            if owner != "IntegerLookup"
            else "If `max_tokens` is set for `IntegerLookup`, it must be"
        )
        raise ValueError(f"{what} greater than 1. Received: max_tokens={max_tokens}")
    if num_oov_indices < 0:
        raise ValueError(
            f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
        )


def refuse_sparse(sparse: bool) -> None:
    """Raises ValueError for `sparse=True` in layers whose sparse results are TensorFlow's."""
    if sparse:
        raise ValueError("`sparse=True` can only be used with the TensorFlow backend.")


def _tuple(values: Sequence | None) -> tuple | None:
    return None if values is None else tuple(values)


class _StringLookupOptions(LayerOptionsButName, total=False):
    """Keyword arguments of `StringLookup` besides those that it names."""

    oov_method: str  # in configs


class StringLookup(IndexLookup):
    """Maps strings to integers by a vocabulary, or back, on the host.

    Args:
        max_tokens: Largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: Number of indices for unknown strings, which are hashed to one of them. With 0 they are errors.
        mask_token: String that stands for masked inputs: index 0 in "int" mode, left out in others. None for none.
        oov_token: String that stands for unknown ones where `invert` is true.
        vocabulary: The strings, or the path of a text file with one a line; None for `adapt` or `set_vocabulary`.
        idf_weights: Inverse document frequency of each string of the vocabulary, for mode "tf_idf".
        invert: Whether to map indices to strings.
        output_mode: "int"; "one_hot", a vector for each string; or a vector for the strings along the last axis, with
            1 for those that occur ("multi_hot"), their counts ("count"), or counts times `idf_weights` ("tf_idf").
        pad_to_max_tokens: Whether these vectors have `max_tokens` elements even if the vocabulary is smaller.
        sparse: Accepted for compatibility; must be False.
        encoding: Encoding of inputs that are bytes.
        name: Name; automatic when None.
        salt: An int or two, the key of SipHash, which then hashes unknown strings; None for FarmHash.
        **kwargs: `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong, or contradicts another.

    >>> layer = keras.layers.StringLookup()
    >>> layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    >>> layer.get_vocabulary()
    ['[UNK]', 'd', 'z', 'c', 'b', 'a']
    >>> layer(np.array([["a", "d"], ["z", "?"]]))
    Array([[5, 1],
           [2, 0]], dtype=int32)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Unpack[_StringLookupOptions],
    ):
        kwargs.pop("oov_method", None)  # in configs: unknown strings are always hashed
        super().__init__(**arguments_in(locals()))

    @property
    def dtype(self) -> str:
        """The dtype of the terms, "string"."""
        return "string"

    @property
    def input_dtype(self) -> str:
        """The dtype of the inputs."""
        return "int64" if self.invert else "string"

    def _terms(self, array: np.ndarray) -> list:
        return text.decoded(text.strings_of(array, f"Layer '{self.path}' (StringLookup)"), self.encoding)

    def _indices(self, array: np.ndarray) -> np.ndarray:
        return self.indices(text.strings_of(array, f"Layer '{self.path}' (StringLookup)"), self.encoding)

    def indices(self, strings: list, encoding: str) -> np.ndarray:
        """Returns the indices of strings; -1 for the mask token where it has no index.

        Args:
            strings: The strings.
            encoding: Encoding of those that are bytes.
        """
        indices = self._vocabulary.indices_of_text(strings, encoding)
        masked = None
        if self.mask_token is not None and len(indices) and (indices < 0).any():
            mask = self.mask_token, self.mask_token.encode()
            masked = np.fromiter((s in mask for s in strings), bool, len(strings))

        def buckets(places: np.ndarray) -> np.ndarray:
            unknown = text.encoded((strings[i] for i in places), encoding)
            return bucket(unknown, self.num_oov_indices, self.salt)

        return self.with_oov(indices, masked, buckets, strings)

    def get_config(self) -> Config:
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """Maps integers to indices by a vocabulary, or back, on the host.

    Args:
        max_tokens: Largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: Number of indices for unknown integers; see `oov_method`. With 0 they are errors.
        mask_token: Integer that stands for masked inputs: index 0 in "int" mode, left out in others. None for none.
        oov_token: Integer that stands for unknown ones where `invert` is true.
        vocabulary: The integers, or the path of a text file with one a line; None for `adapt` or `set_vocabulary`.
        vocabulary_dtype: Dtype of the vocabulary; must be "int64".
        idf_weights: Inverse document frequency of each integer of the vocabulary, for mode "tf_idf".
        invert: Whether to map indices to integers.
        output_mode: As of `StringLookup`.
        sparse: Accepted for compatibility; must be False.
        pad_to_max_tokens: Whether encodings have `max_tokens` elements even if the vocabulary is smaller.
        oov_method: How unknown integers are spread over several indices: their remainder ("floormod") or their hash
            ("farmhash").
        salt: An int or two, the key of SipHash, in place of FarmHash.
        name: Name; automatic when None.
        **kwargs: `dtype` and other arguments of `Layer`.

    Raises:
        ValueError: An argument is wrong, or contradicts another.

    >>> layer = keras.layers.IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer(np.array([[12, 1138, 42], [42, 1000, 36]]))
    Array([[1, 3, 4],
           [4, 0, 2]], dtype=int32)
    """

    _of = int

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: DTypeLike = "int64",
        idf_weights: ArrayLike | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Unpack[LayerOptionsButName],
    ):
        given = arguments_in(locals())
        if given.pop("vocabulary_dtype") != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. Received: "
                f"vocabulary_dtype={vocabulary_dtype}"
            )
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                "Unknown value for `oov_method` argument of IntegerLookup. Allowed values are: ('floormod', "
                f"'farmhash'). Received: oov_method={oov_method}"
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
        self.vocabulary_dtype = "int64"
        super().__init__(**given)

    @property
    def dtype(self) -> str:
        """The dtype of the terms, "int64"."""
        return "int64"

    @property
    def input_dtype(self) -> str:
        """The dtype of the inputs."""
        return "int64"

    def _terms(self, array: np.ndarray) -> list:
        return self._integers(array).tolist()

    def _integers(self, array: np.ndarray) -> np.ndarray:
        if array.dtype.kind not in "iubf" and array.size:
            raise ValueError(
                f"Layer '{self.path}' (IntegerLookup) takes integers. Received an array of dtype {array.dtype}; for "
                "strings there is `StringLookup`."
            )
        return array.ravel().astype(np.int64)

    def _indices(self, array: np.ndarray) -> np.ndarray:
        integers = self._integers(array)
        masked = None if self.mask_token is None else integers == self.mask_token

        def buckets(places: np.ndarray) -> np.ndarray:
            unknown = integers[places]
            if self.oov_method == "floormod":
                return unknown % self.num_oov_indices
            return bucket([b"%d" % n for n in unknown.tolist()], self.num_oov_indices, self.salt)

        return self.with_oov(self._vocabulary.indices_of_integers(integers), masked, buckets, integers)

    def get_config(self) -> Config:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
