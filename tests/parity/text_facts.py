"""Facts about Keras's preprocessing layers of text, which need TensorFlow, for `test_text_layers.py`.

In an environment with keras==3.15.1, jax and tensorflow:

    KERAS_BACKEND=jax python -m tests.parity.text_facts

writes `text_facts.json` beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.parity.text_cases import CASES, name_of, run

FACTS = Path(__file__).with_name("text_facts.json")


def main() -> None:
    import keras

    found = {}
    for i, case in enumerate(CASES):
        try:
            found[name_of(i)] = run(keras.layers, case)
        except Exception as error:  # a case that Keras can't do tells nothing
            print("no fact:", name_of(i), type(error).__name__, str(error)[:200])
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=True)}" for k, v in found.items())
    FACTS.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
