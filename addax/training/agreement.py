"""Agreement of processes that train together: what differs between them is found before the first step."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from ..core.placement import is_shared, texts
from ..core.streams import streams
from ..core.variable import Variable
from .resuming import variables_of
from .sameness import UnderWay, facts_of, told

_SHARDS = "spread"  # of values that no process has whole


def check(training: UnderWay) -> None:
    """Raises ValueError if the processes are about to train different models, or on different data.

    Args:
        training: The training, before its first step.

    Raises:
        ValueError: What differs, and between which processes.
    """
    if not is_shared():
        return
    found = [json.loads(text) for text in texts(json.dumps(_facts(training)))]
    for number, other in enumerate(found[1:], 1):
        differing = told(found[0], other, f"{{}} is {{}} in process 0 and {{}} in process {number}")
        if differing:
            raise ValueError(
                "The processes don't train the same model on the same data, so none of them would be right. "
                f"{'; '.join(differing)}. Give all of them the same program, arguments, data and seed: "
                "`keras.distribution.initialize()` seeds them alike, and `keras.utils.set_random_seed` does."
            )


def _facts(training: UnderWay) -> dict[str, Any]:
    given = training.given
    numbers = json.dumps(streams(), default=lambda a: np.asarray(a).tolist())
    return {
        **facts_of(training),
        "epochs": [training.epoch, given.epochs],
        "weight": {v.path: _value_facts(v) for v in variables_of(training.model)},
        "random numbers": f"{zlib.crc32(numbers.encode()):08x}",
    }


def _value_facts(variable: Variable) -> str:
    """Returns a digest of a variable's value, or what it will be made of."""
    value, initializer = variable._value, variable._initializer
    if value is None:
        seed = getattr(initializer, "seed", None)
        return f"{type(initializer).__name__}, seed {seed if isinstance(seed, int) else ''}"
    if not getattr(value, "is_fully_replicated", True):
        return _SHARDS
    return f"digest {zlib.crc32(np.ascontiguousarray(value).tobytes()):08x}"


__all__ = ["check"]
