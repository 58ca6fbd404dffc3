"""Operations and memory in summaries, as XLA counts them."""

from __future__ import annotations

from typing import Any

import pytest

import addax as keras
from addax import layers


def shown(model: Any, **given: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append, **given)
    return "\n".join(lines)


def line(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(f"{label}:")).strip()


@pytest.mark.parametrize("style", ["rich", "classic"])
def test_products_of_matrices_are_counted(style: str) -> None:
    model = keras.Sequential([keras.Input((64,)), layers.Dense(128, use_bias=False), layers.Dense(32, use_bias=False)])
    plain, text = shown(model, style=style), shown(model, style=style, flops=True, memory=True)
    assert "FLOPs" not in plain
    wanted = 2 * (64 * 128 + 128 * 32)
    assert line(text, "FLOPs") == f"FLOPs: {wanted:,} (one sample, forward)"
    assert line(text, "Outputs") == "Outputs: 128.00 B (one sample, forward)"
    assert "Outputs" not in shown(model, style=style, flops=True)
    assert all(part in text for part in plain.splitlines())  # what there is without stays


def test_memory_is_what_is_between() -> None:
    inputs = keras.Input((1000,))
    both = layers.Dense(500)(inputs)
    text = shown(keras.Model(inputs, layers.Dense(2)(layers.Dense(5000, "relu")(both))), memory=True)
    amount, unit = line(text, "Working memory").split()[2:4]
    assert unit == "KB" and 19 < float(amount) < 100  # at least the 5,000 floats


def test_axes_of_unknown_size_and_models_without_a_graph() -> None:
    model = keras.Sequential([keras.Input((None, 4)), layers.Dense(3, use_bias=False)])
    assert line(shown(model, flops=True), "FLOPs") == (
        f"FLOPs: {2 * 32 * 4 * 3:,} (one sample, forward, axes of unknown size taken as 32)"
    )
    model = keras.Sequential([layers.Dense(3)])
    with pytest.raises(ValueError, match="is not built"):
        model.summary(flops=True, print_fn=lambda text: None)
    text = keras.Sequential([keras.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a"])])
    with pytest.raises(ValueError, match="it takes text"):
        text.summary(flops=True, print_fn=lambda text: None)
