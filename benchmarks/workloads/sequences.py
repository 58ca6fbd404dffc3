"""Models of sequences: a transformer and recurrent networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import weights
from .base import SPARSE_ADAM, Fit
from .dense import logits_loss

LENGTH, WORDS, SIZE, HEADS, BLOCKS = 64, 1000, 128, 4, 2


def tokens(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences in which each token follows from the one before, mostly; and the next token at each place."""
    rng = np.random.default_rng(4)
    x = rng.integers(0, WORDS, (rows, LENGTH + 1), "int32")
    for i in range(1, LENGTH + 1):
        follows = rng.random(rows) < 0.8
        x[follows, i] = (x[follows, i - 1] * 7 + 3) % WORDS
    return x[:, :-1].copy(), x[:, 1:].copy()


def transformer(keras: Any, blocks: int = BLOCKS, size: int = SIZE) -> Any:
    layers = keras.layers
    ids = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(WORDS, size)(ids)
    for _ in range(blocks):
        attended = layers.MultiHeadAttention(HEADS, size // HEADS)(x, x, use_causal_mask=True)
        x = layers.LayerNormalization()(layers.add([x, attended]))
        hidden = layers.Dense(4 * size, activation="relu")(x)
        x = layers.LayerNormalization()(layers.add([x, layers.Dense(size)(hidden)]))
    return keras.Model(ids, layers.Dense(WORDS)(x))


def _transformer_weights() -> list[np.ndarray]:
    specs: list[weights.Spec] = [("embeddings", (WORDS, SIZE))]
    for _ in range(BLOCKS):
        specs += weights.attention(SIZE, HEADS) + weights.layer_norm(SIZE)
        specs += weights.dense(SIZE, 4 * SIZE) + weights.dense(4 * SIZE, SIZE) + weights.layer_norm(SIZE)
    return weights.draw(specs + weights.dense(SIZE, WORDS))


_PER_BLOCK = 16


def _transformer_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax
    import jax.numpy as jnp

    from .. import raw_jax as by_hand

    causal = np.tril(np.ones((LENGTH, LENGTH), bool))

    def attend(x: Any, values: Any) -> Any:
        # One matrix product for query, key and value.
        kernel = jnp.concatenate([values[i].reshape(SIZE, SIZE) for i in (0, 2, 4)], 1)
        bias = jnp.concatenate([values[i].reshape(SIZE) for i in (1, 3, 5)])
        q, k, v = jnp.moveaxis((x @ kernel + bias).reshape(*x.shape[:2], 3, HEADS, -1), 2, 0)
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(SIZE // HEADS)
        scores = jax.nn.softmax(jnp.where(causal, scores, -1e9))
        out = jnp.einsum("bhqk,bkhd->bqhd", scores, v).reshape(x.shape)
        return out @ values[6].reshape(SIZE, SIZE) + values[7]

    def apply(params: Any, statistics: Any, ids: Any, key: Any) -> Any:
        x = params[0][ids]
        for block in range(BLOCKS):
            p = params[1 + block * _PER_BLOCK : 1 + (block + 1) * _PER_BLOCK]
            x = by_hand.layer_norm(x + attend(x, p[:8]), p[8], p[9])
            x = by_hand.layer_norm(x + jax.nn.relu(x @ p[10] + p[11]) @ p[12] + p[13], p[14], p[15])
        return x @ params[-2] + params[-1], statistics

    return by_hand.Training(apply, by_hand.cross_entropy, _transformer_weights(), (), x, y, batch_size, scan=True)


def _transformer_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    import torch
    from torch import nn

    from .. import raw_torch as by_hand

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.project = nn.Linear(SIZE, 3 * SIZE), nn.Linear(SIZE, SIZE)
            self.norm_1 = nn.LayerNorm(SIZE, eps=1e-3)
            self.up, self.down = nn.Linear(SIZE, 4 * SIZE), nn.Linear(4 * SIZE, SIZE)
            self.norm_2 = nn.LayerNorm(SIZE, eps=1e-3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).view(*x.shape[:2], 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            out = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = self.norm_1(x + self.project(out.transpose(1, 2).reshape(x.shape)))
            return self.norm_2(x + self.down(nn.functional.relu(self.up(x))))

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(WORDS, SIZE)
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.head = nn.Linear(SIZE, WORDS)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.blocks(self.embedding(ids)))

    drawn = _transformer_weights()
    values = [drawn[0]]
    for block in range(BLOCKS):
        p = drawn[1 + block * _PER_BLOCK : 1 + (block + 1) * _PER_BLOCK]
        values.append(np.concatenate([p[i].reshape(SIZE, SIZE) for i in (0, 2, 4)], 1).T)
        values.append(np.concatenate([p[i].reshape(SIZE) for i in (1, 3, 5)]))
        values += [p[6].reshape(SIZE, SIZE).T, p[7], p[8], p[9], p[10].T, p[11], p[12].T, p[13], p[14], p[15]]
    module = by_hand.load(Transformer(), [*values, drawn[-2].T, drawn[-1]])

    def loss(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten())

    return by_hand.Training(module, loss, x.astype("int64"), y, batch_size)


# Recurrent networks

FEATURES, LSTM_UNITS, GRU_UNITS = 32, 128, 64


def _series(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((rows, LENGTH, FEATURES), "float32")
    return x, (x[:, :, 0].mean(1) > 0).astype("float32")[:, None]


def _binary(keras: Any) -> dict[str, Any]:
    return {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}


def _lstm(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([keras.Input((LENGTH, FEATURES)), layers.LSTM(LSTM_UNITS), layers.Dense(1)])


def _lstm_weights() -> list[np.ndarray]:
    return weights.draw(weights.recurrent(FEATURES, LSTM_UNITS, 4) + weights.dense(LSTM_UNITS, 1))


def _lstm_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    from .. import raw_jax as by_hand

    def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
        kernel, recurrent, bias, w, b = params
        projected = jnp.swapaxes(x, 0, 1) @ kernel + bias  # of all steps at once

        def step(carry: Any, now: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(now + h @ recurrent, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((len(x), LSTM_UNITS))
        (h, _), _ = lax.scan(step, (zeros, zeros), projected)
        return h @ w + b, statistics

    return by_hand.Training(apply, by_hand.binary_cross_entropy, _lstm_weights(), (), x, y, batch_size, scan=True)


def _lstm_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    import torch
    from torch import nn

    from .. import raw_torch as by_hand

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(FEATURES, LSTM_UNITS, batch_first=True)
            self.rnn.bias_hh_l0.requires_grad_(False)  # Keras has one bias
            self.head = nn.Linear(LSTM_UNITS, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    kernel, recurrent, bias, w, b = _lstm_weights()
    module = by_hand.load(Lstm(), [kernel.T, recurrent.T, bias, np.zeros_like(bias), w.T, b])
    return by_hand.Training(module, by_hand.binary_cross_entropy, x, y, batch_size)


def _gru(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((LENGTH, FEATURES)), layers.Bidirectional(layers.GRU(GRU_UNITS)), layers.Dense(1)]
    )


def _gru_weights() -> list[np.ndarray]:
    each = weights.recurrent(FEATURES, GRU_UNITS, 3, bias_rows=2)
    return weights.draw(each * 2 + weights.dense(2 * GRU_UNITS, 1))


def _gru_raw_jax(x: Any, y: Any, batch_size: int) -> Any:
    import jax
    import jax.numpy as jnp
    from jax import lax

    from .. import raw_jax as by_hand

    def direction(values: Any, x: Any, reverse: bool) -> Any:
        kernel, recurrent, bias = values
        projected = jnp.swapaxes(x, 0, 1) @ kernel + bias[0]

        def step(h: Any, now: Any) -> Any:
            xz, xr, xh = jnp.split(now, 3, axis=-1)
            hz, hr, hh = jnp.split(h @ recurrent + bias[1], 3, axis=-1)
            z = jax.nn.sigmoid(xz + hz)
            return z * h + (1 - z) * jnp.tanh(xh + jax.nn.sigmoid(xr + hr) * hh), None

        return lax.scan(step, jnp.zeros((len(x), GRU_UNITS)), projected, reverse=reverse)[0]

    def apply(params: Any, statistics: Any, x: Any, key: Any) -> Any:
        h = jnp.concatenate([direction(params[:3], x, False), direction(params[3:6], x, True)], -1)
        return h @ params[6] + params[7], statistics

    return by_hand.Training(apply, by_hand.binary_cross_entropy, _gru_weights(), (), x, y, batch_size, scan=True)


def _gru_raw_torch(x: Any, y: Any, batch_size: int) -> Any:
    import torch
    from torch import nn

    from .. import raw_torch as by_hand

    class Gru(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(FEATURES, GRU_UNITS, batch_first=True, bidirectional=True)
            self.head = nn.Linear(2 * GRU_UNITS, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.rnn(x)[1].transpose(0, 1).flatten(1))

    def gates(value: np.ndarray) -> np.ndarray:
        """Keras's order of gates is z, r, h; PyTorch's r, z, h."""
        z, r, h = np.split(value, 3, axis=-1)
        return np.concatenate([r, z, h], -1)

    *both, w, b = _gru_weights()
    values = []
    for kernel, recurrent, bias in (both[:3], both[3:]):
        values += [gates(kernel).T, gates(recurrent).T, *gates(bias)]
    module = by_hand.load(Gru(), [*values, w.T, b])
    return by_hand.Training(module, by_hand.binary_cross_entropy, x, y, batch_size)


WORKLOADS = {
    w.name: w
    for w in (
        Fit(
            name="transformer",
            title="2 blocks, d128, 4 heads, T64, V1000, 1,024 rows, batch 32",
            family="sequence",
            data=tokens,
            rows=(1024, 256),
            batch_size=32,
            build=transformer,
            compile=logits_loss,
            raw_jax=_transformer_raw_jax,
            raw_torch=_transformer_raw_torch,
            quick=True,
            rtol=(2e-4, 1e-2),
            differs=SPARSE_ADAM,
        ),
        Fit(
            name="lstm",
            title="LSTM(128), T64, 2,048 rows, batch 64",
            family="sequence",
            data=_series,
            rows=(2048, 1024),
            batch_size=64,
            build=_lstm,
            compile=_binary,
            raw_jax=_lstm_raw_jax,
            raw_torch=_lstm_raw_torch,
            quick=True,
            rtol=(1e-3, 5e-2),
        ),
        Fit(
            name="bidirectional-gru",
            title="Bidirectional(GRU(64)), T64, 2,048 rows, batch 64",
            family="sequence",
            data=_series,
            rows=(2048, 512),
            batch_size=64,
            build=_gru,
            compile=_binary,
            raw_jax=_gru_raw_jax,
            raw_torch=_gru_raw_torch,
            rtol=(1e-3, 5e-2),
        ),
    )
}
