"""CTC: loss and decoding, against Keras, and against a sum over every alignment in float64."""

import itertools

import jax
import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402
from addax import ops  # noqa: E402

RNG = np.random.default_rng(0)


def collapsed(alignment, blank):
    return tuple(c for c, _ in itertools.groupby(alignment) if c != blank)


def probabilities(logits, blank=0):
    """Probability of each labelling, summed over all alignments."""
    logits = logits.astype("float64")
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = {}
    for alignment in itertools.product(range(p.shape[1]), repeat=len(p)):
        key = collapsed(alignment, blank)
        found[key] = found.get(key, 0.0) + np.prod(p[np.arange(len(p)), alignment])
    return found


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("length", [1, 3, 5])
def test_loss_is_the_sum_over_all_alignments(length, blank):
    logits = RNG.normal(size=(1, 5, 4)).astype("float32")
    labels = [c for c in (1, 3, 3) if c != blank]
    for n in range(len(labels) + 1):
        expected = probabilities(logits[0, :length], blank).get(tuple(labels[:n]))
        if expected is None:
            continue
        target = np.array([labels[:n] + [blank] * (3 - n)])
        loss = ops.ctc_loss(target, logits, np.array([n]), np.array([length]), mask_index=blank)
        np.testing.assert_allclose(loss, [-np.log(expected)], rtol=1e-5)


def case(batch=3, steps=7, classes=5, labels=4, dtype="float32"):
    target = RNG.integers(1, classes, size=(batch, labels)).astype("int32")
    logits = RNG.normal(size=(batch, steps, classes)).astype(dtype)
    return target, logits, np.array([4, 2, 3]), np.array([7, 6, 7])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("blank", [0, 3])
def test_loss_and_gradient_as_keras(blank, dtype):
    target, logits, *lengths = case(dtype=dtype)
    target[0, 1] = target[0, 0]
    if blank:
        target[target == blank] = 0
    found = [k.ops.ctc_loss(target, logits, *lengths, mask_index=blank) for k in (addax, keras)]
    assert found[0].dtype == found[1].dtype == "float32"
    np.testing.assert_allclose(*found, rtol=1e-4)
    if dtype == "float32":
        grads = [
            jax.grad(lambda x, k=k: k.ops.ctc_loss(target, x, *lengths, mask_index=blank).sum())(logits)
            for k in (addax, keras)
        ]
        np.testing.assert_allclose(*grads, rtol=1e-3, atol=1e-5)


def test_loss_of_sequences_that_are_too_short_is_large_and_has_a_gradient():
    target, logits, lengths, _ = case()
    short = np.array([1, 1, 1])
    found = [np.asarray(k.ops.ctc_loss(target, logits, lengths, short)) for k in (addax, keras)]
    np.testing.assert_allclose(*found, rtol=1e-3)
    assert np.isfinite(jax.grad(lambda x: ops.ctc_loss(target, x, lengths, short).sum())(logits)).all()


def test_losses_ctc():
    target, logits, *_ = case()
    target[1, 2:] = 0
    mine, real = (k.losses.ctc(target, logits) for k in (addax, keras))
    np.testing.assert_allclose(mine, real, rtol=1e-4)
    losses = [k.losses.CTC() for k in (addax, keras)]
    np.testing.assert_allclose(*(loss(target, logits) for loss in losses), rtol=1e-4)
    assert losses[0].get_config() == losses[1].get_config()
    assert addax.losses.serialize(losses[0]) == keras.losses.serialize(losses[1])
    assert addax.losses.get("ctc") is addax.losses.ctc
    for wrong in ((target, logits[..., None]), (target[0], logits)):
        texts = []
        for k in (addax, keras):
            with pytest.raises(ValueError, match="are expected to be a tensor of shape") as caught:
                k.losses.ctc(*wrong)
            texts.append(str(caught.value))
        assert texts[0] == texts[1]


def test_ctc_trains_in_a_model():
    target, logits, *_ = case(labels=3)
    histories = []
    for k in (addax, keras):
        i = k.Input((7, 5))
        model = k.Model(i, k.layers.Dense(5, kernel_initializer="ones")(i))
        model.compile(k.optimizers.SGD(0.1), k.losses.CTC())
        histories.append(model.fit(logits, target, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)
    assert histories[0][-1] < histories[0][0]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"merge_repeated": False},
        {"mask_index": 3},
        {"strategy": "beam_search", "beam_width": 3, "top_paths": 5},
        *(
            pytest.param({"strategy": "beam_search", **more}, marks=pytest.mark.slow)
            for more in ({}, {"top_paths": 3}, {"beam_width": 2, "top_paths": 2}, {"mask_index": 3, "top_paths": 2})
        ),
    ],
    ids=str,
)
def test_decode_as_keras(settings):
    logits = RNG.normal(size=(4, 6, 4)).astype("float32") * 2
    logits[0, 1:3] = logits[0, 0]  # repeated classes
    lengths = np.array([6, 4, 1, 5], "int32")
    mine, real = (k.ops.ctc_decode(logits, lengths, **settings) for k in (addax, keras))
    np.testing.assert_array_equal(mine[0], real[0])
    np.testing.assert_allclose(mine[1], real[1], rtol=1e-4, atol=1e-4)
    assert [str(x.dtype) for x in mine] == [str(x.dtype) for x in real]
    specs = [
        [
            (t.shape, t.dtype)
            for t in k.ops.nn.ctc_decode(k.KerasTensor((None, 6, 4)), k.KerasTensor((None,), "int32"), **settings)
        ]
        for k in (addax, keras)
    ]
    assert specs[0] == specs[1]


def test_wide_beam_search_finds_the_likeliest_labellings():
    logits = RNG.normal(size=(1, 5, 3)).astype("float32")
    ranked = sorted(probabilities(logits[0]).items(), key=lambda item: -item[1])[:4]
    labels, scores = ops.ctc_decode(logits, np.array([5]), strategy="beam_search", top_paths=4)
    assert [tuple(c for c in path if c >= 0) for path in np.asarray(labels)[:, 0]] == [key for key, _ in ranked]
    np.testing.assert_allclose(scores[0], np.log([p for _, p in ranked]), rtol=1e-4)


def test_decode_refuses_unknown_strategies():
    for k in (addax, keras):
        with pytest.raises(ValueError, match=r"Invalid strategy x\. Supported values are 'greedy' and 'beam_search'"):
            k.ops.ctc_decode(np.zeros((1, 2, 3), "float32"), np.array([2]), strategy="x")
