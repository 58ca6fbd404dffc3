"""Datasets of files, windows and splits, beside what Keras makes of them with TensorFlow (`dataset_facts.json`)."""

from __future__ import annotations

import importlib.util
import inspect
import json
from typing import Any

import keras
import numpy as np
import pytest

import addax
from tests.parity import dataset_facts

THEIRS: dict[str, dict[str, Any]] = json.loads(dataset_facts.FILE.read_text())
# TensorFlow looks the weights of "bicubic" up in a table of 1,024 steps, and makes gray of colors by other integers
# than Pillow does (which Keras uses with grain).
TOLERANCES = {"bicubic": 0.4, "grayscale": 1.1}
FUNCTIONS = [f"{kind}_dataset_from_directory" for kind in ("image", "text", "audio")]
FUNCTIONS += ["timeseries_dataset_from_array", "split_dataset"]


@pytest.fixture(scope="module")
def ours() -> dict[str, dict[str, Any]]:
    return dataset_facts.facts(addax.utils)


def check_elements(name: str, ours: list, theirs: list) -> None:
    tolerance = next((t for word, t in TOLERANCES.items() if f"'{word}'" in name), 2e-3)
    assert len(ours) == len(theirs)
    for element, expected in zip(ours, theirs):
        assert [dtype for dtype, _ in element] == [dtype for dtype, _ in expected]
        for (dtype, values), (_, wanted) in zip(element, expected):
            if dtype == "string":
                assert values == wanted
            elif "'ragged': True" in name and isinstance(values, list):
                for row, wanted_row in zip(values, wanted, strict=True):
                    np.testing.assert_allclose(row, wanted_row, rtol=0, atol=tolerance)
            else:
                np.testing.assert_allclose(values, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", THEIRS)
def test_as_keras(name: str, ours: dict[str, dict[str, Any]]) -> None:
    fact, expected = ours[name], THEIRS[name]
    if "error" in expected:
        assert fact.get("error") == expected["error"]
        assert fact["text"].replace(" ", "").startswith(expected["text"].replace(" ", "")[:90])
        return
    assert fact["printed"] == expected["printed"]
    for dataset, wanted in zip(fact["datasets"], expected["datasets"], strict=True):
        if "elements" in wanted:
            check_elements(name, dataset["elements"], wanted["elements"])
        if "spec" in wanted:
            assert [dtype for _, dtype in dataset["spec"]] == [dtype for _, dtype in wanted["spec"]]
            for (shape, _), (known, _) in zip(dataset["spec"], wanted["spec"]):
                assert len(shape) == len(known)
                assert all(n == k or k is None for n, k in zip(shape, known))  # ours may know more
        assert dataset["cardinality"] == wanted["cardinality"] or wanted["cardinality"] < 0
        for key in ("class_names", "files"):
            assert dataset.get(key) == wanted.get(key) or wanted.get(key) is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures(name: str) -> None:
    theirs, ours = (inspect.signature(getattr(module.utils, name)).parameters.values() for module in (keras, addax))
    assert [(p.name, p.default, p.kind) for p in ours] == [(p.name, p.default, p.kind) for p in theirs]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="Keras makes these with TensorFlow")
def test_facts_are_those_of_keras() -> None:
    assert json.loads(json.dumps(dataset_facts.facts(keras.utils))) == THEIRS
