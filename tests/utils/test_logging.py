"""`disable_interactive_logging`: what is printed, and where."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import numpy as np
import pytest

import addax


@pytest.fixture
def quiet() -> Iterator[None]:
    addax.utils.disable_interactive_logging()
    yield
    addax.utils.enable_interactive_logging()


def small_model() -> addax.Model:
    model = addax.Sequential([addax.Input((2,)), addax.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_the_log_gets_a_line_an_epoch(
    verbose: int | str, quiet: None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="addax")
    model = small_model()
    model.fit(np.zeros((8, 2)), np.zeros((8, 1)), batch_size=2, epochs=2, verbose=verbose)
    model.evaluate(np.zeros((8, 2)), np.zeros((8, 1)), verbose=verbose)
    model.predict(np.zeros((8, 2)), verbose=verbose)
    assert capsys.readouterr() == ("", "")
    lines = [re.sub(r"\d+[mu]?s", "_", record.getMessage()) for record in caplog.records]
    assert lines == [
        "Epoch 1/2",
        "4/4 - _ - _/step - loss: 0.0000e+00",
        "Epoch 2/2",
        "4/4 - _ - _/step - loss: 0.0000e+00",
        "1/1 - _ - _/step - loss: 0.0000e+00",
        "1/1 - _ - _/step",
    ]


def test_auto_is_a_bar_on_the_terminal(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="addax")
    assert addax.utils.is_interactive_logging_enabled()
    small_model().fit(np.zeros((8, 2)), np.zeros((8, 1)))
    assert "━" in capsys.readouterr().out and not caplog.records


def test_silence_is_kept(quiet: None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="addax")
    small_model().fit(np.zeros((8, 2)), np.zeros((8, 1)), verbose=0)
    assert not caplog.records
