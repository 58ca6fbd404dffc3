"""Facts about Keras's preprocessing layers of text, which need TensorFlow, for `test_text_layers.py`.

In an environment with keras==3.15.1, jax and tensorflow:

    KERAS_BACKEND=jax python -m tests.parity.text_facts

writes `text_facts.json` beside this file, and `text_model.keras` and `text_space.keras`, files that Keras wrote.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.text_cases import (
    CASES,
    SAMPLES,
    SPACES,
    TEXTS,
    make_space,
    name_of,
    run,
    run_space,
    space_data,
)

FACTS = Path(__file__).with_name("text_facts.json")
MODEL, SPACE = FACTS.with_name("text_model.keras"), FACTS.with_name("text_space.keras")


def make_model(package: Any) -> Any:
    """Returns a model of layers of text and categories that were adapted, and one with a vocabulary in its config."""
    layers = package.layers
    text, number, value = package.Input((), dtype="string"), package.Input((2,), dtype="int64"), package.Input((1,))
    made = [
        layers.TextVectorization(ngrams=2, output_sequence_length=6, name="layer_0"),
        layers.TextVectorization(output_mode="tf_idf", name="layer_1"),
        layers.StringLookup(num_oov_indices=2, name="layer_2"),
        layers.IntegerLookup(mask_token=0, name="layer_3"),
        layers.Discretization(num_bins=3, name="layer_4"),
    ]
    for layer, data in zip(made, (TEXTS, TEXTS, SAMPLES, [[3, 5, 5]], [[1.0, 2.0, 3.0, 4.0]])):
        layer.adapt(np.array(data))
    made += [layers.Hashing(7, salt=3, name="layer_5")]
    made += [layers.StringLookup(vocabulary=["a"], output_mode="one_hot", name="layer_6")]
    inputs = by_layer([text, number, value])
    return package.Model([text, number, value], [layer(x) for layer, x in zip(made, inputs)])


def model_inputs() -> list:
    """Returns inputs for `make_model`."""
    return [np.array(["a", "the dog", "b b"]), np.array([[0, 5], [3, 9], [7, 7]]), np.array([[0.5], [2.0], [9.0]])]


def main() -> None:
    import keras
    import tensorflow as tf

    found = {}
    for i, case in enumerate(CASES):
        try:
            found[name_of(i)] = run(keras.layers, case)
        except Exception as error:  # a case that Keras can't do tells nothing
            print("no fact:", name_of(i), type(error).__name__, str(error)[:200])
    for i, options in enumerate(SPACES):
        space = make_space(keras.utils, keras.layers, options)
        space.adapt(tf.data.Dataset.from_tensor_slices(space_data()))
        found[f"space {i}"] = {**run_space(space, space_data()), "config": _config(space)}
    space.save(SPACE)
    model = make_model(keras)
    model.save(MODEL)
    found["model"] = [
        np.asarray(model.get_layer(f"layer_{i}")(x)).tolist() for i, x in enumerate(by_layer(model_inputs()))
    ]
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=True)}" for k, v in found.items())
    FACTS.write_text("{\n" + lines + "\n}\n")


def by_layer(inputs: list) -> list:
    """Returns the input of each layer of `make_model`."""
    text, number, value = inputs
    return [text, text, text, number, value, text, text]


def _config(space: Any) -> Any:
    return json.loads(json.dumps(space.get_config()))


if __name__ == "__main__":
    main()
