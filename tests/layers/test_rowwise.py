"""What layers say of themselves: a layer that claims to be `rowwise` gives rows the same results among any others."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from addax import activations, layers, ops
from addax.core import tree
from addax.core.ours import declared
from addax.layers import sizes
from tests.layers import cases
from tests.layers.contract import Case, Make

MASK = np.array([[True, True, False], [True, False, False]])
SEQUENCE = (2, 3, 4)


def one(name, masked=False, **kwargs):
    return Case(name, kwargs, SEQUENCE, call={"mask": MASK} if masked else {})


def made(make):
    return Make(make)


MORE = [
    one("SimpleRNN", units=3, masked=True),
    one("LSTM", units=3, return_sequences=True, masked=True),
    one("LSTM", units=3, dropout=0.5),
    one("GRU", units=3, go_backwards=True),
    one("RNN", cell=made(lambda room: [room.LSTMCell(3), room.GRUCell(2)])),
    one("Bidirectional", layer=made(lambda room: room.GRU(3, return_sequences=True)), masked=True),
    one("TimeDistributed", layer=made(lambda room: room.Dense(3))),
    one("TimeDistributed", layer=made(lambda room: room.Dropout(0.5, seed=1))),
    Case("SpectralNormalization", {"layer": made(lambda room: room.Dense(3))}, (2, 4)),
    Case("Wrapper", {"layer": made(lambda room: room.Dense(3))}, (2, 4)),
    Case("Attention", {"use_scale": True}, [SEQUENCE, SEQUENCE]),
    Case("Attention", {"dropout": 0.5}, [SEQUENCE, SEQUENCE]),
    Case("AdditiveAttention", {}, [SEQUENCE, SEQUENCE]),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [SEQUENCE, SEQUENCE], splat=True),
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "dropout": 0.5, "seed": 1}, [SEQUENCE, SEQUENCE],
         splat=True),
    Case("GroupQueryAttention", {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
         [SEQUENCE, SEQUENCE], splat=True),
    one("Masking"),
    one("Rescaling", scale=2.0),
    one("Normalization", mean=1.0, variance=2.0),
    one("Activation", activation=ops.exp),
    Case("CategoryEncoding", {"num_tokens": 5}, (2, 3), "int32"),
    Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, (2, 3), "int32"),
    Case("Discretization", {"bin_boundaries": [0.0, 1.0]}, (2, 3)),
    Case("Hashing", {"num_bins": 4}, (2, 3), "int32"),
    Case("IntegerLookup", {"vocabulary": [1, 2, 4], "output_mode": "count"}, (2, 3), "int32"),
    Case("Dense", {"units": 3}, (2, 4)),
    Case("ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}, (2, 3), "int32"),
    Case("ConvLSTM1D", {"filters": 2, "kernel_size": 2}, (2, 3, 5, 2)),
    Case("ConvLSTM2D", {"filters": 2, "kernel_size": 2}, (2, 2, 4, 4, 1)),
    Case("ConvLSTM3D", {"filters": 1, "kernel_size": 2}, (2, 2, 3, 3, 3, 1)),
    Case("STFTSpectrogram", {"frame_length": 16, "frame_step": 8, "fft_length": 16}, (2, 64, 1)),
    Case("MelSpectrogram", {"fft_length": 32, "sequence_stride": 16, "num_mel_bins": 8}, (2, 128)),
    Case("Pipeline", {"layers": made(lambda room: [room.Rescaling(2.0)])}, (2, 6, 6, 3)),
]  # fmt: skip

IMAGES: dict[tuple[str, ...], dict] = {  # layers of images, by what they are given
    ("CenterCrop", "RandomCrop", "Resizing"): {"height": 4, "width": 4},
    ("RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomHue"): {"factor": 0.5},
    ("RandomRotation", "RandomSaturation", "RandomSharpness"): {"factor": 0.5},
    ("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "Equalization"): {},
    ("MixUp", "RandAugment", "RandomColorJitter", "RandomElasticTransform", "RandomErasing", "RandomFlip"): {},
    ("RandomGaussianBlur", "RandomGrayscale", "RandomInvert", "RandomPerspective", "RandomShear"): {},
    ("Solarization",): {},
    ("RandomPosterization",): {"factor": 4},
    ("RandomTranslation",): {"height_factor": 0.1, "width_factor": 0.1},
    ("RandomZoom",): {"height_factor": 0.1},
}
MORE += [Case(name, options, (2, 6, 6, 3)) for names, options in IMAGES.items() for name in names]


def chosen() -> list[Case]:
    """One case or two of each layer, those first that have arguments that matter."""
    found: dict[str, list[Case]] = {}
    for case in [*MORE, *cases.CASES]:
        found.setdefault(case.layer, []).append(case)
    return [case for name, several in found.items() for case in several[: 3 if name in ("Softmax", "Dropout") else 2]]


CHOSEN = chosen()


def garbage(shape: tuple, dtype: str, high: int) -> np.ndarray:
    rng = np.random.default_rng(99)
    rows = (3, *shape[1:])
    return (rng.integers(0, high, rows) if "int" in dtype else rng.standard_normal(rows) * 100).astype(dtype)


def longer(structure, high):
    """Each array with rows that have nothing to do with it."""
    return tree.map_structure(lambda a: np.concatenate([a, garbage(a.shape, str(a.dtype), high)]), structure)


def claim(layer, training):
    found = declared(layer, "rowwise", False)
    return bool(found) and not (training and found == "inference") and not layer._mixes_rows(training)


def results(layer, case, inputs, call, training):
    before = [v.numpy() for v in layer.variables]
    flag = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
    try:
        out = layer(*case.arguments(inputs), **call, **flag)
        outputs = [np.asarray(a) for a in tree.flatten(out)]
        return outputs, [v.numpy() for v in layer.variables]
    finally:
        for variable, value in zip(layer.variables, before):
            variable.assign(value)


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_a_claim_holds(case):
    layer = case.make()
    inputs = case.inputs()
    layer(*case.arguments(inputs), **case.call)
    count = tree.flatten(inputs)[0].shape[0]
    held = []
    for training in (False, True):
        if not claim(layer, training):
            continue
        held.append(training)
        alone, state = results(layer, case, inputs, case.call, training)
        among, after = results(layer, case, longer(inputs, case.high), longer(case.call, 2), training)
        for a, b in zip(alone, among):
            np.testing.assert_allclose(b[:count], a, rtol=1e-5, atol=1e-6)
        for a, b in zip(state, after):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    if case.layer != "ActivityRegularization":
        assert held, "rows are left out of no result of it"


def test_every_layer_that_claims_something_is_tried():
    tried = {case.layer for case in CHOSEN}
    public = {name: getattr(layers, name) for name in layers.__all__}
    classes = {name for name, c in public.items() if inspect.isclass(c) and issubclass(c, layers.Layer) and c.rowwise}
    classes -= {"InputLayer", "GroupedQueryAttention", "MaxNumBoundingBoxes"}
    classes -= {"StringLookup", "TextVectorization", "HashedCrossing"}  # of strings, outside of programs
    classes = {name for name in classes if not name.endswith("Cell") and name != "StackedRNNCells"}  # within RNN
    names = {public[name].__name__ for name in classes}  # without aliases
    missing = {n for n in names if n not in tried and n != "GroupedQueryAttention"}
    assert not missing


@pytest.mark.parametrize(
    "layer, shape, training",
    [
        (layers.BatchNormalization(), (4, 3), True),
        (layers.BatchNormalization(axis=0), (4, 3), False),
        (layers.Softmax(axis=0), (4, 3), False),
        (layers.Softmax(axis=-2), (4, 3), False),
        (layers.Softmax(axis=(1, 0)), (4, 3), False),
        (layers.UnitNormalization(axis=0), (4, 3), False),
        (layers.LayerNormalization(axis=-2), (4, 3), False),
        (layers.LayerNormalization(axis=-1), (4,), False),
        (layers.Normalization(axis=0, mean=1.0, variance=1.0), (4, 3), False),
        (layers.EinsumDense("ab,bc->bc", 5), (4, 3), False),
        (layers.Dense(2, activation=lambda x: x - ops.mean(x)), (4, 3), False),
        (layers.Activation(ops.flip), (4, 3), False),
        (layers.Lambda(lambda x: x), (4, 3), False),
        (layers.LSTM(2, stateful=True), (4, 3, 2), False),
        (layers.SimpleRNN(2, activation=lambda x: x), (4, 3, 2), False),
        (layers.GRU(2, dropout=0.5), (4, 3, 2), True),
        (layers.Dropout(0.5, noise_shape=(4, 1)), (4, 3), True),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_what_claims_nothing(layer, shape, training):
    layer(np.ones(shape, "float32"))
    cells = [layer, *layer._flatten_layers(include_self=False)]
    assert not all(claim(part, training) for part in cells)


def test_attention_without_a_batch_axis_claims_nothing():
    layer = layers.Attention()
    layer([np.ones((4, 3), "float32")] * 2)
    assert not claim(layer, False)


def test_inner_axes_that_are_counted_from_the_end():
    layer = layers.LayerNormalization(axis=-2)
    layer(np.ones((2, 3, 4), "float32"))
    assert claim(layer, True)


def test_a_subclass_says_it_anew():
    class Silent(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) - ops.mean(inputs)

    class Claiming(layers.Dense):
        rowwise = True

    class Below(Claiming):
        pass

    assert not declared(Silent(2), "rowwise", False)
    assert declared(Claiming(2), "rowwise", False) is True
    assert not declared(Below(2), "passes_values", False)
    patched = layers.Dense(2)
    patched.call = lambda inputs: inputs[::-1]
    assert not declared(patched, "rowwise", False)


def test_a_replaced_method_ends_the_claim(monkeypatch):
    assert declared(layers.Permute((1,)), "passes_values", False) is True
    monkeypatch.setattr(layers.Permute, "call", lambda self, inputs: inputs[::-1])
    assert not declared(layers.Permute((1,)), "passes_values", False)
    assert not declared(layers.Permute((1,)), "rowwise", False)


def test_functions_say_it_themselves():
    def halves(x):
        return x / 2

    assert sizes.mixes_rows(halves)
    halves.rowwise = True
    assert not sizes.mixes_rows(halves, activations.softmax, None, ops.tanh)
    assert sizes.mixes_rows(ops.cumsum) and sizes.mixes_rows(np.tanh)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.Flatten(), (2, 3, 4)),
        (layers.Reshape((4, 3)), (2, 3, 4)),
        (layers.Permute((2, 1)), (2, 3, 4)),
        (layers.RepeatVector(3), (2, 4)),
        (layers.Identity(), (2, 4)),
        (layers.Dropout(0.5), (2, 4)),
        (layers.SpatialDropout1D(0.5), (2, 3, 4)),
        (layers.SpatialDropout2D(0.5), (2, 3, 2, 4)),
        (layers.SpatialDropout3D(0.5), (2, 3, 2, 2, 4)),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_layers_that_pass_values(layer, shape):
    assert layer.passes_values
    x = np.random.default_rng(0).standard_normal(shape).astype("float32")
    np.testing.assert_array_equal(np.unique(layer(x)), np.unique(x))


ELEMENTWISE = sorted(
    name
    for name in ops.__all__
    if getattr(getattr(getattr(ops, name), "definition", None), "elementwise", False)
    and len(getattr(ops, name).definition.tensors) <= 2
)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_ops_of_each_element(name):
    op = getattr(ops, name)
    integers = any(word in name for word in ("bit", "shift", "gcd", "lcm"))
    rng = np.random.default_rng(0)
    x = rng.integers(1, 9, (5, 3)) if integers else rng.uniform(0.1, 0.9, (5, 3)).astype("float32")
    arguments = [x, x[:, ::-1]][: len(op.definition.tensors)]
    if name == "ldexp":
        arguments[1] = np.ones((5, 3), "int32")
    settings = ["float16"] if name == "cast" else []
    whole = np.asarray(op(*arguments, *settings))
    assert whole.shape == (5, 3)
    np.testing.assert_array_equal(np.asarray(op(*[a[1:3, :2] for a in arguments], *settings)), whole[1:3, :2])


def test_the_operators_of_tensors_are_among_them():
    assert {"add", "subtract", "multiply", "divide", "power", "negative", "absolute", "relu"} <= set(ELEMENTWISE)
