"""One of several processes that train together: PORT COUNT NUMBER CHECK KIND FOLDER are its arguments.

With a COUNT of 1 the same is run over as many devices of one process. What a check returns is printed as JSON, and the
tests compare it.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import addax as keras
from tests.distribution.several_devices import IDS, LABELS, ROWS, Watching, batches, mlp, noisy

spread = keras.distribution
NUMBER = 0
ALONE = True


def distribution(kind: str) -> Any:
    return spread.DataParallel() if kind == "data" else spread.FullySharded(small=0)


def train(kind: str, folder: str) -> Any:
    """Trains, evaluates, predicts and saves; without a seed of the script's own."""
    spread.set_distribution(distribution(kind))
    model = mlp()
    path = Path(folder)
    callbacks = [
        keras.callbacks.CSVLogger(str(path / "log.csv")),
        keras.callbacks.ModelCheckpoint(str(path / "m.keras")),
    ]
    history = model.fit(
        ROWS, LABELS, batch_size=50, epochs=2, verbose=2, validation_split=0.2, callbacks=callbacks
    ).history
    more = model.fit(batches(100), epochs=1, verbose=0).history
    parts = noisy().fit(IDS, IDS, batch_size=32, epochs=1, verbose=0, micro_batches=2).history
    once = model.train_on_batch(ROWS[:13], LABELS[:13])
    predicted = model.predict(ROWS[:13], verbose=0)
    many = model.predict(ROWS, batch_size=8, verbose=0)
    weights = model.get_weights()
    model.save_weights(str(path / "m.weights.h5"))
    copy = keras.models.clone_model(model)
    if NUMBER == 0:
        copy.load_weights(str(path / "m.weights.h5"))
        assert all(np.array_equal(a, b) for a, b in zip(copy.get_weights(), weights))
    return [
        history,
        more,
        parts,
        float(once[0]),
        predicted.tolist(),
        many.sum().item(),
        [w.sum().item() for w in weights],
    ]


def resumed(kind: str, folder: str) -> Any:
    """Stops after an epoch and goes on from the checkpoint, of which each process wrote its shards."""
    spread.set_distribution(distribution(kind))
    found = []
    for epochs in (1, 2):
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(65536), keras.layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        checkpoints = str(Path(folder) / ("alone" if ALONE else "together"))
        found.append(model.fit(ROWS, LABELS, batch_size=50, epochs=epochs, verbose=0, resume=checkpoints).history)
    return [*found, [w.sum().item() for w in model.get_weights()]]


def differing(kind: str, folder: str) -> Any:
    """What differs between the processes is told before the first step."""
    spread.set_distribution(distribution(kind))
    told = []

    def attempt(seed: int | None, rows: int = 80) -> None:
        if seed is not None:
            keras.utils.set_random_seed(seed)
        model = mlp()
        try:
            model.fit(ROWS[:rows], LABELS[:rows], batch_size=40, epochs=1, verbose=0)
            told.append("")
        except ValueError as error:
            told.append(str(error))

    attempt(None)
    attempt(NUMBER)
    attempt(3, rows=80 - NUMBER)
    attempt(3)
    return told


def own_rows(kind: str, folder: str) -> Any:
    """Each process makes the rows of its own devices: half of them."""
    spread.set_distribution(distribution(kind))
    spread.distribution().auto_shard_dataset = ALONE
    half = slice(None) if ALONE else slice(20 * NUMBER, 20 * NUMBER + 20)
    x, y = (np.concatenate([a[:40][half], a[40:80][half]]) for a in (ROWS, LABELS))
    size = 40 if ALONE else 20

    class Source(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> Any:
            return x[i * size : (i + 1) * size], y[i * size : (i + 1) * size]

    keras.utils.set_random_seed(7)
    model = mlp()
    return model.fit(Source(), epochs=2, verbose=0, shuffle=False).history


def parts(kind: str, folder: str) -> Any:
    """Data of which a part is put on the devices at a time, by each process what its own devices compute with."""
    from addax.training import plans

    plans._COPIED = 0
    spread.set_distribution(distribution(kind))
    keras.utils.set_random_seed(7)
    model = mlp()
    history = model.fit(ROWS, LABELS, batch_size=12, epochs=2, verbose=0, validation_split=0.2).history
    return [history, model.predict(ROWS, batch_size=12, verbose=0).tolist()]


def endings(kind: str, folder: str) -> Any:
    """Data whose number of batches differs, or that raise an error in one process; one process alone has the fewer.

    Returns for each case what was warned of, the error, what it returned, and the number of steps that were run.
    """
    found = {}

    def attempt(name: str, run: Any) -> None:
        spread.set_distribution(distribution(kind))
        keras.utils.set_random_seed(3)
        model = mlp()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                outcome = run(model)
                error = ""
            except (ValueError, RuntimeError) as raised:
                outcome, error = None, str(raised)
        texts = [str(w.message) for w in told]
        found[name] = [texts, error, outcome, int(model.optimizer.iterations)]

    def generated(counts: tuple[int, int], fails: bool = False, size: int = 8) -> Any:
        for i in range(min(counts) if ALONE else counts[NUMBER]):
            rows = slice(i * size, (i + 1) * size)
            yield ROWS[rows], LABELS[rows]
        if fails and NUMBER == 1:
            raise ValueError("a broken file")

    def ragged() -> Any:
        yield ROWS[:8], LABELS[:8]
        yield ROWS[: 7 - NUMBER], LABELS[: 7 - NUMBER]

    class Again:
        """An iterable without a length, read anew each epoch."""

        def __init__(self, counts: tuple[int, int], size: int = 8):
            self.given = counts, False, size

        def __iter__(self) -> Any:
            return generated(*self.given)

    def losses(x: Any, **options: Any) -> Any:
        return lambda model: model.fit(x, verbose=0, **options).history["loss"]

    attempt("equal", losses(Again((3, 3)), epochs=2))
    attempt("one pass", losses(generated((5, 2)), epochs=2))
    attempt("again", losses(Again((2, 5)), epochs=2))
    attempt("large batches", losses(Again((3, 2), 40), epochs=1))
    attempt("steps given", losses(Again((5, 3)), epochs=3, steps_per_epoch=2))
    attempt("hooks", losses(Again((4, 3)), epochs=2, callbacks=[Watching()]))
    attempt("fails", losses(generated((5, 3), fails=True), epochs=1))
    empty = (3, 3 if ALONE else 0)
    attempt("empty", losses(generated(empty), epochs=1))
    attempt("empty, validation", losses(Again((3, 3)), epochs=1, validation_data=Again(empty)))
    attempt("empty, evaluate", lambda model: model.evaluate(Again(empty), verbose=0))
    attempt("empty, predict", lambda model: model.predict(Again(empty), verbose=0).shape)
    attempt("shapes", losses(ragged(), epochs=1, callbacks=[Watching()]))
    validated = {"validation_data": Again((1, 3)), "epochs": 2}
    attempt("validation", lambda m: m.fit(ROWS, LABELS, verbose=0, batch_size=50, **validated).history["val_loss"])
    attempt("evaluate", lambda model: model.evaluate(Again((4, 2)), verbose=0)[0])
    attempt("predict", lambda model: model.predict(Again((4, 3)), verbose=0).shape)
    attempt("known", losses(batches(40 - 20 * NUMBER), epochs=1))
    attempt("known, evaluated", lambda model: model.evaluate(batches(40 - 20 * NUMBER), verbose=0))
    attempt("known, predicted", lambda model: model.predict(ROWS[: 80 - 40 * NUMBER], verbose=0).shape)
    return found


def own_endings(kind: str, folder: str) -> Any:
    """Rows of each process's own, which end in one of them before the other."""
    spread.set_distribution(distribution(kind))
    spread.distribution().auto_shard_dataset = False

    def rows() -> Any:
        for i in range(3 if ALONE else 4 - NUMBER):
            own = slice(i * 16, i * 16 + 16) if ALONE else slice(i * 16 + 8 * NUMBER, i * 16 + 8 * NUMBER + 8)
            yield ROWS[own], LABELS[own]

    keras.utils.set_random_seed(7)
    model = mlp()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = model.fit(rows(), epochs=1, verbose=0).history["loss"]
    return [[str(w.message) for w in told], history, int(model.optimizer.iterations)]


def main() -> None:
    global NUMBER, ALONE
    port, count, number, check, kind, folder = sys.argv[1:7]
    NUMBER, ALONE = int(number), count == "1"
    if int(count) > 1:
        os.environ["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = f"127.0.0.1:{port}"
        os.environ["KERAS_DISTRIBUTION_NUM_PROCESSES"] = count
        os.environ["KERAS_DISTRIBUTION_PROCESS_ID"] = number
        spread.initialize()
    if check == "train":
        keras.utils.set_random_seed(7)
    found = globals()[check](kind, folder)
    print("found:", json.dumps(found))


if __name__ == "__main__":
    main()
