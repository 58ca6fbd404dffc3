"""Preprocessing layers of text and categories: cases that Keras, where TensorFlow is there, and addax run alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

VOCABULARY = ["a", "b", "c"]
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "The dog: quick? No -- LAZY!  The fox, (and) the dog's tail.",
    "",
    "  \t ",
    "Ünïcode ÄÖÜ straße 日本語 text's",
    "a\tb\nc\x0bd\x0ce\u00a0f\u2003g \x1c h",
    "punct!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'uation ¿que?",
]
WORDS = [
    "",
    "A",
    "bc",
    "def",
    "ghij",
    "é",
    "日本語",
    "x" * 8,
    "y" * 16,
    "z" * 17,
    "p" * 32,
    "q" * 33,
    "r" * 64,
    "s" * 65,
]
WORDS += [8 * "x", "s" * 65, "t" * 128, "u" * 200, "the quick brown fox", "-7", "42"]
SAMPLES = [["a", "b", "b"], ["c", "z", "a"], ["y", "b", ""]]
INTEGERS = [[12, 36, 42], [42, 1000, 36], [-5, 0, 7]]


@dataclass(frozen=True)
class Text:
    """A layer, the data it adapts to, and what it is called on.

    Args:
        layer: Name of the class.
        kwargs: Arguments of the constructor.
        inputs: What it is called on, nested lists; None for no call.
        adapt: Data to adapt to, nested lists; None for none.
        several: Whether `inputs` is a list of inputs.
    """

    layer: str
    kwargs: dict[str, Any]
    inputs: Any = None
    adapt: Any = None
    several: bool = False


def _text_cases() -> list[Text]:
    found = [
        Text("TextVectorization", {"standardize": how, "split": split}, TEXTS, TEXTS)
        for how in ("lower_and_strip_punctuation", "lower", "strip_punctuation", None)
        for split in ("whitespace", "character")
    ]
    for kwargs in (
        {"split": None},
        {"split": None, "output_mode": "count"},
        {"ngrams": 2},
        {"ngrams": (3,)},
        {"ngrams": (1, 3)},
        {"ngrams": 2, "split": "character"},
        {"ngrams": 2, "output_mode": "multi_hot"},
        {"output_sequence_length": 3},
        {"output_sequence_length": 40},
        {"max_tokens": 6},
        {"max_tokens": 6, "output_mode": "count"},
        {"max_tokens": 100, "output_mode": "count", "pad_to_max_tokens": True},
        {"output_mode": "multi_hot"},
        {"output_mode": "count"},
        {"output_mode": "tf_idf"},
        {"output_mode": "tf_idf", "max_tokens": 7},
        {"output_mode": "tf_idf", "max_tokens": 90, "pad_to_max_tokens": True},
    ):
        found.append(Text("TextVectorization", kwargs, TEXTS, TEXTS))
    for kwargs in ({}, {"output_mode": "count"}, {"output_sequence_length": 2}, {"ngrams": 2}):
        for inputs in (["a b z", "c"], [["a b z"], ["c"]], "a b b", [["a"]]):
            found.append(Text("TextVectorization", {"vocabulary": ["a", "b", "a b"], **kwargs}, inputs))
    for kwargs in ({"split": None}, {"split": None, "ngrams": 2}, {"split": None, "output_sequence_length": 3}):
        for inputs in ([["a", "b"], ["c", "z"]], [["a"], ["b"]]):
            found.append(Text("TextVectorization", {"vocabulary": ["a", "b", "a b"], **kwargs}, inputs))
    return found


def _lookup_cases() -> list[Text]:
    found = []
    modes = ("int", "one_hot", "multi_hot", "count")
    for mode in modes:
        for special in ({}, {"mask_token": ""}, {"num_oov_indices": 3}, {"num_oov_indices": 2, "mask_token": "b"}):
            if "b" not in special.values():
                found.append(Text("StringLookup", {"vocabulary": VOCABULARY, "output_mode": mode, **special}, SAMPLES))
            found.append(Text("StringLookup", {"output_mode": mode, **special}, SAMPLES, SAMPLES))
        for special in ({}, {"mask_token": 0}, {"num_oov_indices": 2}, {"num_oov_indices": 3, "mask_token": 42}):
            found.append(Text("IntegerLookup", {"output_mode": mode, **special}, INTEGERS, INTEGERS[:2]))
        for inputs in ("a", ["a"], ["a", "z"], [["a"], ["z"]], [[["a"], ["b"]]]):
            if mode in ("int", "one_hot") or not isinstance(inputs, list) or not isinstance(inputs[0][0], list):
                found.append(Text("StringLookup", {"vocabulary": VOCABULARY, "output_mode": mode}, inputs))
    for special in ({}, {"num_oov_indices": 2}, {"mask_token": ""}, {"max_tokens": 3}):
        found.append(Text("StringLookup", {"output_mode": "tf_idf", **special}, SAMPLES, SAMPLES))
    found += [
        Text("StringLookup", {"output_mode": "tf_idf"}, ["a", "b", "z"], ["a", "b", "a"]),
        Text("StringLookup", {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True}, SAMPLES, SAMPLES),
        Text("StringLookup", {"output_mode": "tf_idf", "vocabulary": VOCABULARY, "idf_weights": [0.5, 1, 3]}, SAMPLES),
        Text("StringLookup", {"output_mode": "tf_idf", "vocabulary": ["[UNK]", "a"], "idf_weights": [9, 1]}, SAMPLES),
        Text("StringLookup", {"max_tokens": 3}, SAMPLES, SAMPLES),
        Text("StringLookup", {"num_oov_indices": 0, "vocabulary": ["a", "b"]}, ["a", "b", "a"]),
        Text("StringLookup", {"vocabulary": ["a"], "num_oov_indices": 5}, WORDS),
        Text("StringLookup", {"vocabulary": ["a"], "num_oov_indices": 5, "salt": 7}, WORDS),
        Text("StringLookup", {"vocabulary": ["a"], "num_oov_indices": 5, "salt": [7, 8]}, WORDS),
        Text("StringLookup", {"vocabulary": ["", "[UNK]", "a"], "mask_token": ""}, ["a", "", "b"]),
        Text("StringLookup", {"vocabulary": ["a", "[UNK]", "b"]}, ["a", "[UNK]", "b", "z"]),
        Text("StringLookup", {"vocabulary": ["[UNK]", "a"], "num_oov_indices": 2}, ["a", "[UNK]", "b"]),
        Text("IntegerLookup", {"output_mode": "tf_idf"}, INTEGERS, INTEGERS),
        Text("IntegerLookup", {"max_tokens": 3}, INTEGERS, INTEGERS),
        Text("IntegerLookup", {"vocabulary": [12, 36], "invert": True}, [[0, 1, 2], [2, 3, 9]]),
        Text("IntegerLookup", {"vocabulary": [12, 36], "invert": True, "mask_token": 0}, [[0, 1, 2], [2, 3, 1]]),
        Text("IntegerLookup", {"vocabulary": [1], "num_oov_indices": 4}, [[100, -300, 701], [5, 2**40, -1]]),
    ]
    for salt in ({}, {"salt": 7}, {"salt": [3, 9]}):
        kwargs = {"vocabulary": [1], "num_oov_indices": 4, "oov_method": "farmhash", **salt}
        found.append(Text("IntegerLookup", kwargs, [[100, -300, 701], [5, 2**40, 1]]))
    return found


def _hash_cases() -> list[Text]:
    found = []
    for salt in ({}, {"salt": 133}, {"salt": [133, 137]}):
        found.append(Text("Hashing", {"num_bins": 1_000_003, **salt}, WORDS))
        found.append(Text("Hashing", {"num_bins": 1000, **salt}, [[0, 1, -1], [2**31, -(2**40), 123456789]]))
    for mode in ("int", "one_hot", "multi_hot", "count"):
        for inputs in ("A", ["A"], ["A", "B"], [["A"], ["B"]], [["A", "B"], ["B", "C"]]):
            found.append(Text("Hashing", {"num_bins": 5, "output_mode": mode}, inputs))
    found += [
        Text("Hashing", {"num_bins": 3, "mask_value": ""}, [["A"], ["B"], [""], ["C"]]),
        Text("Hashing", {"num_bins": 3, "mask_value": -1}, [1, -1, 5]),
        Text("Hashing", {"num_bins": 1}, ["A", "B"]),
        Text("Hashing", {"num_bins": 4, "dtype": "int32"}, ["A", "B"]),
        Text("Hashing", {"num_bins": 4, "dtype": "float16", "output_mode": "count"}, [["A", "B"]]),
    ]
    strings, numbers = ["A", "B", "A", "x" * 70], [101, -3, 2**40, 0]
    for inputs in ([strings, numbers], [strings, strings], [numbers, numbers], [strings, numbers, strings]):
        found.append(Text("HashedCrossing", {"num_bins": 1_000_003}, inputs, several=True))
    column = [[["A"], ["B"]], [[1], [2]]]
    for mode in ("int", "one_hot"):
        for inputs in (["A", 1], [["A"], [1]], [["A", "B"], [1, 2]], column):
            found.append(Text("HashedCrossing", {"num_bins": 5, "output_mode": mode}, inputs, several=True))
    return found


def _number_cases() -> list[Text]:
    found = []
    numbers = [[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, float("nan")]]
    for mode in ("int", "one_hot", "multi_hot", "count"):
        for inputs in (numbers, [0.5], [0.5, 1.0], [[0.5], [7.0]], 2.0):
            found.append(Text("Discretization", {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": mode}, inputs))
        if mode != "int":
            for inputs in ([[0, 1], [3, 1]], [2], [2, 1], [[2], [1]], 3, [[0, 9, -1]]):
                found.append(Text("CategoryEncoding", {"num_tokens": 4, "output_mode": mode}, inputs))
    for bins in (2, 5, 20):
        for epsilon in (0.01, 0.1):
            for count in (3, 50, 150, 1000):
                data = np.random.RandomState(count).standard_normal(count).astype("float32").tolist()
                found.append(Text("Discretization", {"num_bins": bins, "epsilon": epsilon}, None, data))
    return found


CASES = [*_text_cases(), *_lookup_cases(), *_hash_cases(), *_number_cases()]


def name_of(index: int) -> str:
    """Returns the key of a case in the file of facts."""
    case = CASES[index]
    return f"{index} {case.layer} {case.kwargs}"[:150]


def run(layers: Any, case: Text) -> dict[str, Any]:
    """Returns what a layer does in a case, as JSON."""
    layer = getattr(layers, case.layer)(**case.kwargs, name="layer")
    if case.adapt is not None:
        layer.adapt(np.array(case.adapt))
    found: dict[str, Any] = {}
    if hasattr(layer, "get_vocabulary"):
        found["vocabulary"] = [v if isinstance(v, int) else str(v) for v in map(_plain, layer.get_vocabulary())]
        found["size"] = layer.vocabulary_size()
    if case.layer == "Discretization":
        found["boundaries"] = [float(b) for b in layer.bin_boundaries]
    if case.inputs is not None:
        inputs = case.inputs if isinstance(case.inputs, str) else np.array(case.inputs)
        out = np.asarray(layer([np.array(x) for x in case.inputs] if case.several else inputs))
        found["dtype"], found["output"] = out.dtype.name, out.tolist()
    config = layer.get_config()
    if not isinstance(config.get("dtype"), str):
        config["dtype"] = layer.dtype_policy.name
    found["config"] = {k: _plain(v) for k, v in config.items()}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


# FeatureSpace

DATA = {
    "plain": [0.0, 0.1, 0.2, 0.3],
    "scaled": [1.0, 2.0, 3.0, 4.0],
    "normal": [1.0, 2.0, 3.0, 4.0],
    "bins": [1.0, 2.0, 3.0, 4.0],
    "word": ["zero", "one", "two", "one"],
    "number": [0, 1, 2, 2],
    "hashed": ["a", "b", "c", "d"],
    "hash": [1, 2, 3, 4],
}
SPACES = [{"output_mode": "concat"}, {"output_mode": "dict"}, {"output_mode": "concat", "crossing_dim": 8}]


def make_space(utils: Any, layers: Any, options: dict[str, Any]) -> Any:
    """Returns a feature space with features of all kinds, and a text."""
    space = utils.FeatureSpace
    features = {
        "plain": "float",
        "scaled": space.float_rescaled(scale=0.5, name="s"),
        "normal": "float_normalized",
        "bins": space.float_discretized(num_bins=3, name="b"),
        "word": "string_categorical",
        "number": space.integer_categorical(num_oov_indices=2, name="n"),
        "hashed": space.string_hashed(num_bins=4, name="h"),
        "hash": "integer_hashed",
        "text": space.feature("string", layers.StringLookup(max_tokens=3, name="t"), "one_hot"),
    }
    return space(features, crosses=[("word", "number"), space.cross(("hashed", "hash"), 5)], **options, name="space")


def space_data() -> dict[str, np.ndarray]:
    """Returns data for `make_space`."""
    found = {k: np.array(v)[:, None] for k, v in DATA.items()}
    return {**found, "text": np.array([["a"], ["b"], [""], ["b"]])}


def run_space(space: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Returns what a feature space does, as JSON, after it was adapted."""
    found = {"batch": space(data), "one": space({k: v[1][0] for k, v in data.items()})}
    for key, value in found.items():
        as_dict = value if isinstance(value, dict) else {"all": value}
        found[key] = {k: [np.asarray(v).dtype.name, np.asarray(v).tolist()] for k, v in as_dict.items()}
    encoded = space.get_encoded_features()
    shapes = encoded if isinstance(encoded, dict) else {"all": encoded}
    found["shapes"] = {k: [list(t.shape), t.dtype] for k, t in shapes.items()}
    found["inputs"] = {k: [list(t.shape), t.dtype] for k, t in space.get_inputs().items()}
    return found
