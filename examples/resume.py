"""A training that is killed, and goes on: it ends with the very weights of one that was never killed.

The program starts itself three times: once to the end; once to be killed (SIGKILL) in the middle; once more to go on.
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def train(folder: str) -> None:
    """Trains with checkpoints in a folder; prints a digest of the weights."""
    from sklearn.datasets import load_digits

    import addax as keras
    from addax import layers

    keras.utils.set_random_seed(0)
    digits = load_digits()
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")

    class Slow(keras.callbacks.Callback):
        """Gives the parent time to kill the program; tells the epochs."""

        def on_epoch_end(self, epoch, logs=None):
            print(f"epoch {epoch + 1}", flush=True)
            time.sleep(0.1)

    checkpoints = keras.checkpoints.Checkpoints(folder, every_seconds=None, every_epoch=True)
    model.fit(digits.data / 16, digits.target, epochs=20, verbose=0, callbacks=[Slow()], resume=checkpoints)
    print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()[:16])


def run(folder: Path, kill_after: int | None = None) -> list[str]:
    """Starts this program anew; returns what it printed, up to the epoch after which it was killed."""
    lines: list[str] = []
    with subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            lines.append(line.strip())
            if lines[-1] == f"epoch {kill_after}":
                process.kill()
    return lines


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1])
        raise SystemExit
    with tempfile.TemporaryDirectory() as name:
        whole = run(Path(name, "whole"))
        killed = run(Path(name, "killed"), kill_after=8)
        resumed = run(Path(name, "killed"))
    print(f"killed at {killed[-1]}, went on with {resumed[0]}")
    print(f"weights: {whole[-1]} without a kill, {resumed[-1]} with one")
    print(f"the same: {whole[-1] == resumed[-1]}")
