"""The same seed gives the same bits, whatever ran before: in one process and in another, under users' XLA flags."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUNS = """
import hashlib, sys
import numpy as np
import addax as keras
from addax import layers

def transformer():
    x = keras.Input((8,), dtype="int32")
    h = layers.Embedding(20, 8)(x)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(2, 4, dropout=0.1)(h, h))
    h = layers.GlobalAveragePooling1D()(h)
    return keras.Model(x, layers.Dense(1, activation="sigmoid")(h)), ids

def convolutions():
    return keras.Sequential([
        keras.Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
        layers.Flatten(), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid"),
    ]), images

def recurrent():
    return keras.Sequential([
        keras.Input((8,), dtype="int32"), layers.Embedding(20, 8, mask_zero=True), layers.LSTM(4, dropout=0.2),
        layers.Dense(1, activation="sigmoid"),
    ]), ids

rng = np.random.default_rng(0)
ids, images = rng.integers(0, 20, (150, 8)), rng.normal(size=(150, 6, 6, 1)).astype("float32")
y = rng.integers(0, 2, (150, 1)).astype("float32")

class Watching(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

def batches(x, y):
    while True:
        for i in range(0, 144, 16):
            yield x[i:i + 16], y[i:i + 16]

def run(make, verbose=2, **kwargs):
    keras.utils.set_random_seed(1)
    model, x = make()
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    kwargs = kwargs or {"y": y, "batch_size": 16}
    data = kwargs.pop("source", None)
    history = model.fit(x if data is None else data(x, y), epochs=2, verbose=verbose, **kwargs).history
    found = [*model.get_weights(), model.predict(x, batch_size=16, verbose=0)]
    found += [np.asarray(v) for v in history.values()]
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in found)).hexdigest()

make = globals()[sys.argv[1]]
first = run(make)
others = {"again": run(make), "with a progress bar": run(make, verbose=1)}
if make is convolutions:
    others["after another model"] = (run(recurrent), run(make))[1]
for how, other in others.items():
    assert other == first, how
watched = {run(make, y=y, batch_size=16, callbacks=[Watching()]) for _ in range(2)}
assert len(watched) == 1, "watched"
generated = {run(make, source=batches, steps_per_epoch=9) for _ in range(2)}
assert len(generated) == 1, "generated"
print("result", first)
"""


@pytest.mark.parametrize("kind", [pytest.param("transformer", marks=pytest.mark.slow), "convolutions", "recurrent"])
def test_the_same_seed_gives_the_same_bits(kind, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {"ADDAX_CACHE_DIR": str(tmp_path)}
    results = []
    for _ in range(2 if kind == "transformer" else 1):  # the second process finds its programs on disk
        done = subprocess.run([sys.executable, "-c", RUNS, kind], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        results += [line for line in done.stdout.splitlines() if line.startswith("result ")]
    assert results and len(set(results)) == 1
