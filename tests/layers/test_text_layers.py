"""What layers of text and categories promise beside parity with Keras: kinds of data, errors, shapes, files."""

from __future__ import annotations

import os
import re
import string
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import addax as keras
from addax import layers
from addax.core.serialization import deserialize_keras_object, serialize_keras_object
from addax.layers import string_hashes, text

TEXTS = ["foo bar", "bar baz", "baz bada boom"]
VOCABULARY = ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return len(TEXTS)

    def __getitem__(self, index):
        return np.array(TEXTS[index : index + 1]), np.zeros(1)


KINDS = {
    "list": lambda: TEXTS,
    "tuple": lambda: tuple(TEXTS),
    "column": lambda: [[t] for t in TEXTS],
    "str array": lambda: np.array(TEXTS),
    "object array": lambda: np.array(TEXTS, object),
    "bytes array": lambda: np.array(TEXTS, "S"),
    "list of bytes": lambda: [t.encode() for t in TEXTS],
    "generator": lambda: (np.array([t]) for t in TEXTS),
    "generator of lists": lambda: ([t] for t in TEXTS),
    "generator of strings": lambda: iter(TEXTS),
    "generator of pairs": lambda: ((np.array([t]), np.zeros(1)) for t in TEXTS),
    "PyDataset": Batches,
}


@pytest.mark.parametrize("kind", KINDS)
def test_adapt_takes_any_kind_of_data(kind):
    layer = layers.TextVectorization()
    layer.adapt(["other words"])  # forgotten
    layer.adapt(KINDS[kind]())
    assert layer.get_vocabulary() == VOCABULARY


def test_steps_limit_the_batches_of_an_iterable():
    layer = layers.TextVectorization()
    layer.adapt((np.array([t]) for t in TEXTS), steps=1)
    assert layer.get_vocabulary() == ["", "[UNK]", "foo", "bar"]
    layer.adapt(np.array(TEXTS), steps=1, batch_size=1)
    assert layer.get_vocabulary() == VOCABULARY


def test_the_state_is_made_step_by_step():
    words, whole = layers.StringLookup(), layers.StringLookup()
    words.adapt(["old"])
    words.reset_state()
    assert words.get_vocabulary() == ["[UNK]", "old"]
    for batch in (["a", "b"], ["b"]):
        words.update_state(batch)
    words.finalize_state()
    whole.adapt(["a", "b", "b"])
    assert words.get_vocabulary() == whole.get_vocabulary() == ["[UNK]", "b", "a"]
    words.finalize_state()  # no data since
    assert words.get_vocabulary() == ["[UNK]", "b", "a"]
    assert words.get_vocabulary(include_special_tokens=False) == ["b", "a"]


def test_a_vocabulary_in_a_file(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_text("a\nb\n\u00e9", encoding="utf-8")
    for given_path in (str(path), path):
        layer = layers.StringLookup(vocabulary=given_path)
        assert layer.get_vocabulary() == ["[UNK]", "a", "b", "\u00e9"]
    path.write_text("7\n-3\n")
    assert layers.IntegerLookup(vocabulary=path).get_vocabulary() == [-1, 7, -3]
    layer = layers.TextVectorization()
    layer.set_vocabulary(["x"])
    assert layer.get_vocabulary() == ["", "[UNK]", "x"] and layer.vocabulary_size() == 3


def test_functions_of_the_users():
    seen = []

    def standardize(texts):
        seen.append(texts)
        return np.char.replace(np.char.upper(texts), "!", "")

    def split(texts):
        seen.append(texts)
        return [str(t).split("|") for t in texts]

    layer = layers.TextVectorization(standardize=standardize, split=split, vocabulary=["A", "B"])
    np.testing.assert_array_equal(layer([["a|b!"], ["c"]]), [[2, 3], [1, 0]])
    assert [(x.dtype.kind, x.shape) for x in seen] == [("U", (2, 1)), ("U", (2,))]
    as_array = layers.TextVectorization(split=lambda x: np.array([t.split() for t in x]), vocabulary=["a", "b"])
    np.testing.assert_array_equal(as_array(["a b", "b c"]), [[2, 3], [3, 1]])


@keras.saving.register_keras_serializable("text")
def shout(texts):
    return np.char.upper(texts)


def test_registered_functions_and_ngrams_go_through_configs():
    layer = layers.TextVectorization(standardize=shout, ngrams=(1, 2), vocabulary=["A", "A B"])
    again = deserialize_keras_object(serialize_keras_object(layer))
    assert again.standardize is shout and again.ngrams == (1, 2)
    np.testing.assert_array_equal(again(["a b"]), layer(["a b"]))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_bytes_in_another_encoding(encoding):
    layer = layers.TextVectorization(encoding=encoding, output_mode="count")
    layer.adapt([t.encode(encoding) for t in ("caf\u00e9 caf\u00e9", "na\u00efve")])
    assert layer.get_vocabulary() == ["[UNK]", "caf\u00e9", "na\u00efve"]
    np.testing.assert_array_equal(layer(["caf\u00e9", "na\u00efve caf\u00e9"]), [[0, 1, 0], [0, 1, 1]])
    words = layers.StringLookup(encoding=encoding, vocabulary=["caf\u00e9"])
    np.testing.assert_array_equal(words(np.array(["caf\u00e9".encode(encoding), b"xx"], object)), [1, 0])


def test_bytes_that_are_no_text():
    layer = layers.TextVectorization(vocabulary=["a", "b"])
    np.testing.assert_array_equal(
        layer(np.array([b"A \xff b", b"b", b"\xff\xfe"], object)), [[2, 1, 3], [3, 0, 0], [1, 0, 0]]
    )


SAMPLES = st.text(alphabet=st.sampled_from([*"aB.z \t\n\x0b\x00\x1c\u00a0\u00e9", "\U0001f600", "\udc80"]), max_size=12)


def plain_words(sample):
    """The words of a text, by the `re` module."""
    lowered = "".join(c.lower() if c in string.ascii_uppercase else c for c in sample if c not in string.punctuation)
    return re.findall("[^ \t\n\r\x0b\x0c]+", lowered)


@given(st.lists(SAMPLES, max_size=5))
@settings(max_examples=150, deadline=None)
def test_words_are_those_of_a_regular_expression(samples):
    tokens = text.split_words(samples, "lower_and_strip_punctuation")
    expected = [[w.encode("utf-8", "surrogateescape") for w in plain_words(s)] for s in samples]
    assert tokens.rows() == expected


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=4), min_size=1, max_size=4), st.sampled_from([None, 0, 1, 2, 5])
)
@settings(max_examples=80, deadline=None)
def test_padding_and_cutting(rows, width):
    tokens = text.Tokens.of_rows(rows)
    ids = np.array([ord(t) for t in tokens.flat], int)
    longest = max(map(len, rows)) if width is None else width
    expected = [[*map(ord, row[:longest]), *[0] * (longest - len(row))] for row in rows]
    assert text.padded(tokens.lengths, ids, width).tolist() == expected


LAYERS = [
    layers.TextVectorization(vocabulary=["a", "b"], output_mode=mode, **more)
    for mode in ("int", "multi_hot")
    for more in ({}, {"split": None}, {"max_tokens": 9, "pad_to_max_tokens": True})
] + [
    make(mode)
    for mode in ("int", "one_hot", "multi_hot", "count")
    for make in (
        lambda mode: layers.StringLookup(vocabulary=["a", "b"], output_mode=mode),
        lambda mode: layers.Hashing(4, output_mode=mode),
    )
]


def splits(layer):
    return isinstance(layer, layers.TextVectorization) and layer.split is not None


SHAPES = [(3,), (3, 1), (3, 2), (0, 1), (2, 3, 1)]
PAIRS = [(layer, s) for layer in LAYERS for s in SHAPES if not splits(layer) or len(s) == 1 or s[-1] == 1]


@pytest.mark.parametrize("layer, shape", PAIRS, ids=str)
def test_symbolic_results_are_like_computed_ones(layer, shape):
    data = np.random.default_rng(0).choice(["a", "b", "a b", "z"], shape).astype(object)
    symbolic = layer.compute_output_spec(keras.KerasTensor((None, *shape[1:]), "string"))
    if len(shape) == 1 and layer.output_mode in ("multi_hot", "count") and not splits(layer):
        assert symbolic.shape == layer(data).shape  # the batch is one sample
        return
    found = layer(data)
    assert len(symbolic.shape) == found.ndim and symbolic.shape[0] is None
    assert all(s in (None, f) for s, f in zip(symbolic.shape, found.shape))
    assert found.shape == tuple(layer.compute_output_shape(shape)) or None in layer.compute_output_shape(shape)


def test_siphash_is_that_of_its_paper():
    # The example of the paper: the key is 00 01 ... 0f, the string 00 01 ... 0e.
    key = tuple(int.from_bytes(bytes(range(start, start + 8)), "little") for start in (0, 8))
    assert string_hashes.siphash([bytes(range(15))], key)[0] == 0xA129CA6149BE45E5


def test_hashes_do_not_depend_on_the_company():
    rng = np.random.default_rng(0)
    strings = [rng.bytes(n) for n in (*range(140), 1000, 64, 65, 0)]
    for function in (string_hashes.fingerprints, lambda s: string_hashes.siphash(s, (1, 2))):
        alone = np.concatenate([function([s]) for s in strings])
        np.testing.assert_array_equal(function(strings), alone)
        assert len(set(alone.tolist())) == len(set(strings))
    assert string_hashes.fingerprints([]).shape == (0,)


Words, Integers, Texts = layers.StringLookup, layers.IntegerLookup, layers.TextVectorization
Hashes, Crosses, Bins, Codes = layers.Hashing, layers.HashedCrossing, layers.Discretization, layers.CategoryEncoding


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: Words(max_tokens=1), ValueError, "`max_tokens` must be greater than 1. Received: max"),
        (lambda: Integers(max_tokens=0), ValueError, "for `IntegerLookup`, it must be greater than 1"),
        (lambda: Words(num_oov_indices=-1), ValueError, "must be greater than or equal to 0. Rec"),
        (lambda: Words(output_mode="x"), ValueError, "argument of StringLookup. Allowed values are: ('int'"),
        (lambda: Words(invert=True, output_mode="count"), ValueError, "must be `'int'` when `invert` is"),
        (lambda: Words(sparse=True), ValueError, "`sparse=True` can only be used with the TensorFlow"),
        (lambda: Words(idf_weights=[1.0]), ValueError, "should only be set if `output_mode` is `'tf_idf'`"),
        (lambda: Words(pad_to_max_tokens=True), ValueError, "must set `max_tokens`. Received: max_tokens=No"),
        (lambda: Words(vocabulary=["a", "a"]), ValueError, "at least one repeated term. Please uniquify"),
        (lambda: Words(vocabulary=[]), ValueError, "Cannot set an empty vocabulary. Received: vocabu"),
        (lambda: Words(vocabulary={"a"}), ValueError, "pass a list"),
        (lambda: Words(vocabulary=[1, 2]), ValueError, "terms of the vocabulary must be strings. Received 1"),
        (lambda: Integers(vocabulary=["x"]), ValueError, "terms of the vocabulary must be integers"),
        (lambda: Words(vocabulary="no/file"), ValueError, "Vocabulary file no/file does not exist."),
        (
            lambda: Words(vocabulary=["a", "b"], max_tokens=2),
            ValueError,
            "larger than the maximum vocab size. Received vocabulary size is 3; `max_tokens` is 2.",
        ),
        (
            lambda: Words(vocabulary=["a", ""], mask_token=""),
            ValueError,
            "Found reserved mask token at unexpected location in `vocabulary`.",
        ),
        (
            lambda: Words(vocabulary=["a", "[UNK]"], invert=True),
            ValueError,
            "Found reserved OOV token at unexpected location in `vocabulary`.",
        ),
        (
            lambda: Words(vocabulary=["a"], output_mode="tf_idf"),
            ValueError,
            "in TF-IDF output mode, the `idf_weights` argument must also be provided.",
        ),
        (
            lambda: Words(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1.0, 2.0, 3.0]),
            ValueError,
            "must be the same length as vocabulary. len(idf_weights) is 3; len(vocabulary) is 1",
        ),
        (lambda: Words(salt="x"), ValueError, "`IndexLookup` can only be a tuple of 2 integers, or a single"),
        (lambda: Words(mask_token=3), TypeError, "`mask_token` of StringLookup must be a string"),
        (lambda: Integers(oov_method="x"), ValueError, "Allowed values are: ('floormod', 'farmhash')"),
        (lambda: Integers(salt=1), ValueError, "`salt` can only be used when `oov_method='farmhash'`"),
        (lambda: Integers(vocabulary_dtype="int32"), ValueError, "Only `vocabulary_dtype='int64'` is supp"),
        (lambda: Words(vocabulary=["a"]).adapt(["b"]), ValueError, "after setting a static vocabulary via"),
        (lambda: Words()(["a"]), ValueError, "has no vocabulary. Call `adapt`"),
        (lambda: Texts()(["a"]), ValueError, "has no vocabulary. Call `adapt`"),
        (lambda: Words(vocabulary=["a"])([1, 2]), ValueError, "takes strings. Received an array of dtype int64"),
        (lambda: Words(vocabulary=["a"])(["a", None]), ValueError, "Received None (of type NoneType) at inde"),
        (lambda: Words(vocabulary=["a"])([["a"], ["a", "b"]]), ValueError, "non-rectangular Python sequence"),
        (lambda: Words(vocabulary=["a"], invert=True)(["a"]), ValueError, "takes indices, integers. Rece"),
        (lambda: Integers(vocabulary=[1])(["a"]), ValueError, "takes integers. Received an array of dtype obj"),
        (lambda: Words(vocabulary=["a"], num_oov_indices=0)(["b"]), ValueError, "the term 'b' isn't in the"),
        (lambda: Integers(vocabulary=[1], num_oov_indices=0)([2]), ValueError, "isn't in the vocabulary, and"),
        (lambda: Texts(standardize="x"), ValueError, "Unknown value for `standardize` argument of Te"),
        (lambda: Texts(split="x"), ValueError, "Unknown value for `split` argument of TextVectoriz"),
        (lambda: Texts(ngrams="a"), ValueError, "`ngrams` must be None, an integer, or a tuple of"),
        (lambda: Texts(ngrams=0), ValueError, "`ngrams` must be None, an integer, or a tuple of"),
        (lambda: Texts(ragged=True), ValueError, "`ragged=True` can only be used with the TensorFlow"),
        (
            lambda: Texts(output_mode="count", output_sequence_length=3),
            ValueError,
            "`output_sequence_length` must not be set if `output_mode` is not 'int'. Received output_seq",
        ),
        (lambda: Texts(output_sequence_length="a"), ValueError, "must be either None or an integer"),
        (
            lambda: Texts(vocabulary=["a"])([["a", "b"]]),
            ValueError,
            "input rank must be 1 or the last shape dimension must be 1. Received: inputs.shape=(1, 2) with rank=2",
        ),
        (lambda: Texts().adapt(None), ValueError, "`adapt` takes an array, nested lists, or an iter"),
        (lambda: Texts(foo=1), ValueError, "Unrecognized keyword arguments passed to TextVectorizat"),
        (lambda: Hashes(0), ValueError, "for `Hashing` cannot be `None` or non-positive values. Received: num_b"),
        (lambda: Hashes(3, output_mode="x"), ValueError, "Invalid value for argument `output_mode`. Expected one"),
        (lambda: Hashes(3, salt=[1, 2, 3]), ValueError, "can only be a tuple of size 2 integers, or a single int"),
        (lambda: Hashes(3, dtype="float32"), ValueError, "`dtype` should be an integer type, 'int32' or 'in64'."),
        (lambda: Hashes(3, mask_value=0)(["0"]), TypeError, "has mask_value=0, of another kind than its inputs"),
        (lambda: Hashes(3)(np.array(["2020-01-01"], "M8[D]")), ValueError, "takes strings or integers. Received"),
        (lambda: Crosses(0), ValueError, "`num_bins` of `HashedCrossing` must be a positive integer"),
        (lambda: Crosses(3, output_mode="count"), ValueError, "Allowed values are: ('int', 'one_hot')"),
        (lambda: Crosses(3)(np.array(["a"])), ValueError, "should be called on a list or tuple of inputs."),
        (lambda: Crosses(3)((["a"],)), ValueError, "should be called on at least two inputs. Received"),
        (lambda: Crosses(3)((["a"], ["a", "b"])), ValueError, "inputs should have equal shape. Received"),
        (lambda: Crosses(3)((["a"], [1.5])), ValueError, "inputs should have an integer or string dtype"),
        (
            lambda: Crosses(3)(([["a", "b"]], [["a", "b"]])),
            ValueError,
            "inputs should have shape `()`, `(batch_size)` or `(batch_size, 1)`.",
        ),
        (lambda: Bins(num_bins=2)([1.0]), ValueError, "either pass the `bin_boundaries` argument at"),
        (lambda: Bins([1.0]).adapt([1.0]), ValueError, "has been initialized with `bin_boundaries`, us"),
        (lambda: Bins("ab"), ValueError, "`bin_boundaries` must be a list of numbers"),
        (lambda: Codes("4"), TypeError, "`num_tokens` must be an integer"),
        (lambda: Codes(3)([[1]], count_weights=[[1.0]]), ValueError, "is not used when `output_mode` is"),
    ],
)  # fmt: skip
def test_mistakes_are_told(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


def test_a_term_with_a_line_break_is_not_written(tmp_path):
    layer = layers.StringLookup()
    layer.adapt(["a\nb"])
    x = keras.Input((), dtype="string")
    with pytest.raises(ValueError, match=r"one term a line in files, and the term 'a\\nb' contains a line break"):
        keras.Model(x, layer(x)).save(tmp_path / "model.keras")


def test_boundaries_are_quantiles():
    data = np.random.default_rng(0).permutation(np.arange(10_000)).astype("float32")
    layer = layers.Discretization(num_bins=4)
    layer.adapt(data.reshape(100, 100))
    np.testing.assert_allclose(layer.bin_boundaries, np.quantile(data, [0.25, 0.5, 0.75]), atol=0.01 * len(data))
    counts = np.bincount(np.asarray(layer(data)))
    assert counts.min() > 2300 and counts.sum() == len(data)
    again = layers.Discretization.from_config(layer.get_config())
    np.testing.assert_array_equal(again(data), layer(data))
    again.adapt(data[:10])  # it is still one that adapts
    assert again.bin_boundaries != layer.bin_boundaries


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked on Unix alone")
def test_a_process_that_loads_data_can_use_them():
    code = (
        "import os, warnings, numpy as np, addax as keras\n"
        "warnings.simplefilter('ignore')\n"
        "layer = keras.layers.TextVectorization(vocabulary=['a', 'b'])\n"
        "expected = np.asarray(layer(['a b']))  # JAX has computed\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    found = layer(['a b'])\n"
        "    os._exit(0 if isinstance(found, np.ndarray) and (found == expected).all() else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
