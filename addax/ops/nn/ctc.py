"""Connectionist temporal classification: labels of sequences without an alignment to the timesteps."""

from __future__ import annotations

from ...core.dtypes import numpy_dtype
from ...core.engine import jax, jnp, lax
from ...core.op import Tensor, TensorLike, op
from ...core.types import Array

_NEVER = -1e5  # log-probability of the impossible: finite, so that gradients are


@op(keras_class="CTCLoss")
def ctc_loss(
    target: TensorLike, output: TensorLike, target_length: TensorLike, output_length: TensorLike, mask_index: int = 0
) -> Tensor:
    """Computes the CTC loss: the negative log-likelihood of labels, over all their alignments to the timesteps.

    Args:
        target: Labels, int `(batch, max_labels)`.
        output: Logits, `(batch, timesteps, classes)`.
        target_length: Numbers of labels, int `(batch,)`.
        output_length: Numbers of timesteps, int `(batch,)`.
        mask_index: Class that stands for no label (the blank).

    Returns:
        Losses, float32 `(batch,)`; about 1e5 where a sequence is too short for its labels.

    Raises:
        ValueError: The ranks or sizes don't fit together.

    See [Graves et al., 2006](https://www.cs.toronto.edu/~graves/icml_2006.pdf).

    >>> logits = np.zeros((1, 2, 3), "float32")
    >>> print(ctc_loss([[1]], logits, [1], [2]))  # -log(3 / 9): alignments "1 1", "1 _", "_ 1"
    [1.0986...]
    """
    _check_ranks(target, output)
    target = target.astype("int32")
    log_probs = jax.nn.log_softmax(output.astype("float32"))
    batch, steps, _ = output.shape
    labels = target.shape[1]
    # The states of an alignment: a blank, then each label followed by a blank.
    states = jnp.full((batch, 2 * labels + 1), mask_index, "int32").at[:, 1::2].set(target)
    emitted = jnp.take_along_axis(log_probs, states[:, None, :], axis=2)  # (batch, steps, states)
    # A state follows itself, the one before it, or the label before that if it is another one.
    may_skip = jnp.pad((states[:, 2:] != mask_index) & (states[:, 2:] != states[:, :-2]), ((0, 0), (2, 0)))[
        :, : states.shape[1]
    ]
    begin = jnp.full(states.shape, _NEVER).at[:, 0].set(0.0)
    first = jnp.logaddexp(begin, _shifted(begin, 1)) + emitted[:, 0] if steps else begin

    def step(alpha: Array, given: tuple[Array, Array]) -> tuple[Array, None]:
        probs, real = given
        skipped = jnp.where(may_skip, _shifted(alpha, 2), _NEVER)
        new = jnp.logaddexp(jnp.logaddexp(alpha, _shifted(alpha, 1)), skipped) + probs
        return jnp.where(real[:, None], new, alpha), None

    real = jnp.arange(steps)[:, None] < output_length.astype("int32")
    alpha, _ = lax.scan(step, first, (jnp.moveaxis(emitted, 1, 0)[1:], real[1:]))
    last = 2 * target_length.astype("int32")[:, None]
    ends = [
        jnp.take_along_axis(alpha, jnp.maximum(last - back, 0), axis=1)[:, 0]
        for back in (0, 1)  # the last blank, the last label
    ]
    without_labels = target_length == 0
    return -jnp.where(without_labels, ends[0], jnp.logaddexp(ends[0], ends[1]))


def _shifted(alpha: Array, by: int) -> Array:
    return jnp.pad(alpha, ((0, 0), (by, 0)), constant_values=_NEVER)[:, : alpha.shape[1]]


def _check_ranks(target: Array, output: Array) -> None:
    if target.ndim != 2:
        raise ValueError(
            "Targets `target` are expected to be a tensor of shape `(batch_size, max_length)` in integer format. "
            f"Received: target.shape={target.shape}"
        )
    if output.ndim != 3:
        raise ValueError(
            "Logits `output` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`. "
            f"Received: output.shape={output.shape}"
        )


@op(keras_class="CTCDecode")
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Decodes the output of a model trained with the CTC loss.

    Args:
        inputs: Logits, `(batch, timesteps, classes)`.
        sequence_lengths: Numbers of timesteps, int `(batch,)`.
        strategy: "greedy" for the likeliest class of each timestep, or "beam_search".
        beam_width: Number of label sequences that a beam search keeps after each timestep.
        top_paths: Number of label sequences that a beam search returns.
        merge_repeated: Whether equal classes of consecutive timesteps are one label, in greedy decoding.
        mask_index: Class that stands for no label (the blank).

    Returns:
        Labels, int `(top_paths, batch, timesteps)`, filled up with -1; and scores, `(batch, top_paths)`: of a beam
        search log-probabilities, of greedy decoding negated sums of the largest logits.

    Raises:
        ValueError: The strategy is unknown.

    >>> logits = np.eye(3, dtype="float32")[[[1, 1, 0, 2]]] * 9
    >>> ctc_decode(logits, [4])[0]
    Array([[[ 1,  2, -1, -1]]], dtype=int32)
    """
    lengths = sequence_lengths.astype("int32")
    if strategy == "greedy":
        labels, scores = _greedy(inputs, lengths, merge_repeated, mask_index)
        return labels[None], scores[:, None]
    if strategy == "beam_search":
        log_probs = jax.nn.log_softmax(inputs.astype(numpy_dtype(None)))
        search = jax.vmap(lambda p, n: _beam_search(p, n, beam_width, top_paths, mask_index))
        labels, scores = search(log_probs, lengths)
        return jnp.swapaxes(labels, 0, 1), scores
    raise ValueError(f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'.")


def _greedy(inputs: Array, lengths: Array, merge_repeated: bool, mask_index: int) -> tuple[Array, Array]:
    """Returns labels `(batch, timesteps)` and scores `(batch,)`."""
    steps = inputs.shape[1]
    classes = jnp.argmax(inputs, axis=2).astype("int32")
    real = jnp.arange(steps) < lengths[:, None]
    kept = real & (classes != mask_index)
    if merge_repeated:
        kept &= jnp.pad(classes[:, 1:] != classes[:, :-1], ((0, 0), (1, 0)), constant_values=True)[:, :steps]
    order = jnp.argsort(~kept, axis=1, stable=True)  # what is kept comes first, in order
    labels = jnp.take_along_axis(jnp.where(kept, classes, -1), order, axis=1)
    return labels, -jnp.sum(jnp.where(real, jnp.max(inputs, axis=2), jnp.zeros((), inputs.dtype)), axis=1)


def _beam_search(
    log_probs: Array, length: Array, beam_width: int, top_paths: int, mask_index: int
) -> tuple[Array, Array]:
    """Prefix beam search for one sequence: returns labels `(top_paths, timesteps)` and log-probabilities.

    Each prefix in the beam has two probabilities: of its alignments that end with a blank, and of those that end with
    its last label, after which the same label would only prolong it.
    """
    steps, classes = log_probs.shape
    dtype, never = log_probs.dtype, -jnp.inf
    others = jnp.asarray([c for c in range(classes) if c != mask_index], "int32")
    rows = jnp.arange(beam_width)
    beam = (
        jnp.full((beam_width, steps), -1, "int32"),
        jnp.zeros((beam_width,), "int32"),
        jnp.full((beam_width,), never, dtype).at[0].set(0.0),
        jnp.full((beam_width,), never, dtype),
    )

    def step(beam: tuple, given: tuple[Array, Array]) -> tuple[tuple, None]:
        labels, count, blank, label = beam
        probs, real = given
        last = jnp.where(count > 0, labels[rows, jnp.maximum(count - 1, 0)], -1)
        total = jnp.logaddexp(blank, label)
        # Prefixes stay as they are with a blank, or with their last label once more.
        stay_blank = total + probs[mask_index]
        stay_label = jnp.where(count > 0, label + probs[last], never)
        # Or they grow by a label; the same one only after a blank.
        grown = jnp.where(others == last[:, None], blank[:, None], total[:, None]) + probs[others]
        # A prefix that grows into another one in the beam adds to that one's probability.
        shorter = jnp.where(jnp.arange(steps) == (count - 1)[:, None], -1, labels)
        grows_into = (labels[:, None] == shorter[None]).all(-1) & (count[:, None] + 1 == count[None])
        grows_into &= (total > never)[None]  # empty places of the beam are no prefixes
        by_label = grows_into[:, None, :] & (others[:, None] == last[None])[None]  # (from, label, into)
        joined = jax.scipy.special.logsumexp(jnp.where(by_label, grown[..., None], never), axis=(0, 1))
        stay_label = jnp.logaddexp(stay_label, joined)
        grown = jnp.where(by_label.any(-1), never, grown)
        found_blank = jnp.concatenate([stay_blank, jnp.full(grown.size, never, dtype)])
        found_label = jnp.concatenate([stay_label, grown.ravel()])
        _, chosen = lax.top_k(jnp.logaddexp(found_blank, found_label), beam_width)
        new = chosen >= beam_width
        source = jnp.where(new, (chosen - beam_width) // len(others), chosen)
        added = others[(chosen - beam_width) % len(others)]
        longer = jnp.where(new[:, None] & (jnp.arange(steps) == count[source][:, None]), added[:, None], labels[source])
        after = (longer, count[source] + new, found_blank[chosen], found_label[chosen])
        return jax.tree.map(lambda a, b: jnp.where(real, a, b), after, beam), None

    beam, _ = lax.scan(step, beam, (log_probs, jnp.arange(steps) < length))
    labels, _, blank, label = beam
    total = jnp.logaddexp(blank, label)
    missing = max(top_paths - beam_width, 0)
    total = jnp.pad(total, (0, missing), constant_values=never)
    labels = jnp.pad(labels, ((0, missing), (0, 0)), constant_values=-1)
    scores, chosen = lax.top_k(total, top_paths)
    return jnp.where((scores > never)[:, None], labels[chosen], -1), scores
