"""Arguments of the wrong type or out of range: each is refused when the layer is made, by name."""

import numpy as np
import pytest

from addax import layers as L

# The layer made with a wrong argument, and what the message must name.
CASES = [
    *[(lambda c=c, v=v: getattr(L, c)(v), (a, str(v)))
      for c, a in (
          ("Dropout", "rate"), ("AlphaDropout", "rate"), ("SpatialDropout1D", "rate"), ("SpatialDropout2D", "rate"),
          ("SpatialDropout3D", "rate"), ("GaussianDropout", "rate"), ("GaussianNoise", "stddev"),
      )
      for v in ("a", None, [0.5], float("nan"))],
    *[(lambda c=c, v=v: getattr(L, c)(dropout=v), ("dropout",))
      for c in ("Attention", "AdditiveAttention") for v in ("a", 2, -1)],
    *[(lambda v=v: L.MultiHeadAttention(2, 2, dropout=v), ("dropout",)) for v in ("a", 2, -1)],
    (lambda: L.GroupQueryAttention(2, 2, 2, dropout="a"), ("dropout",)),
    *[(lambda v=v: L.MultiHeadAttention(2, 2, output_shape=v), ("Invalid `output_shape`", str(v)))
      for v in (8.5, "a", (8, 2.5), -8, True)],
    (lambda: L.MultiHeadAttention(2, 2, attention_axes=(1, "a")), ("attention_axes",)),
    *[(lambda c=c, n=n: getattr(L, c)(0.5, noise_shape=n), ("noise_shape", words))
      for c in ("Dropout", "AlphaDropout")
      for n, words in (
          ((3, 2.5), "Expected all elements to be integers or None. Received element at index 1: 2.5 (type: float)"),
          ((3, -1), "Expected all dimensions to be positive integers or None. Received negative or zero value at "
                    "index 1: -1"),
          ((3, 0), "positive integers or None"),
          ((True, 3), "(type: bool)"),
          ("ab", "an iterable of integers"),
      )],
    (lambda: L.Embedding(True, 8), ("`input_dim` must be a positive integer", "True (of type bool)")),
    (lambda: L.Embedding(8, True), ("`output_dim` must be a positive integer",)),
    (lambda: L.Embedding(8, 2, mask_zero="no"), ("mask_zero", "'no'", "embedding")),
    (lambda: L.Dense(True), ("units", "True")),
    (lambda: L.Dense(2, use_bias="no"), ("use_bias", "'no'", "dense")),
    (lambda: L.LSTM(2, return_sequences="no"), ("return_sequences", "'no'")),
    (lambda: L.LSTM(2, dropout="a"), ("dropout", "'a'")),
    (lambda: L.GRU(2, recurrent_dropout=None), ("recurrent_dropout",)),
    (lambda: L.GRU(2, reset_after="no"), ("reset_after",)),
    (lambda: L.Conv2D(2, True), ("kernel_size", "True")),
    (lambda: L.Conv2D(2, (2, 2.5)), ("kernel_size", "2.5")),
    (lambda: L.Conv2D(2, (1, 0)), ("including values {0} that do not satisfy `value > 0`", "kernel_size=(1, 0)")),
    (lambda: L.Conv2D(2, 3, strides=(1, 0)), ("values {0} that do not satisfy `value > 0`", "strides=(1, 0)")),
    (lambda: L.Conv2DTranspose(2, (1, 0)), ("`value > 0`",)),
    (lambda: L.Conv2DTranspose(2, 3, output_padding=-1), ("`value >= 0`",)),
    (lambda: L.DepthwiseConv2D((1, 0)), ("`value > 0`",)),
    (lambda: L.SeparableConv2D(2, 3, strides=(1, 0)), ("`value > 0`",)),
    (lambda: L.Conv1D(2, 3, groups=0), ("The number of groups must be a positive integer. Received: groups=0",)),
    (lambda: L.Conv1D(2, 3, groups="a"), ("number of groups", "groups=a")),
    (lambda: L.UpSampling2D(("2", 2)), ("`size` argument",)),
    (lambda: L.UpSampling1D(0), ("Argument `size` should be a positive integer. Received: size=0",)),
    (lambda: L.MaxPooling2D(True), ("pool_size",)),
    (lambda: L.GlobalMaxPooling2D(keepdims="no"), ("keepdims",)),
    (lambda: L.ZeroPadding2D(True), ("padding",)),
    (lambda: L.ZeroPadding2D(1.5), ("`padding` should be either an int, a tuple of 2 ints",)),
    (lambda: L.Cropping2D(-1), ("`cropping` cannot be negative",)),
    (lambda: L.Reshape((-3, 4)), ("Each dimension in `target_shape` must be a non-negative integer", "(-3, 4)")),
    (lambda: L.Reshape((2.5, 4)), ("target_shape", "2.5")),
    (lambda: L.Reshape("ab"), ("target_shape",)),
    (lambda: L.Reshape((None, -1)), ("at most one unknown dimension",)),
    (lambda: L.Permute(2), ("consecutive and start from 1", "dims=2")),
    (lambda: L.Permute((1.0, 2.0)), ("dims=(1.0, 2.0)",)),
    (lambda: L.BatchNormalization(momentum="a"), ("momentum", "'a'")),
    (lambda: L.BatchNormalization(momentum=2), ("momentum", "between 0 and 1")),
    (lambda: L.BatchNormalization(epsilon=-1), ("epsilon", "at least 0")),
    *[(lambda c=c: getattr(L, c)(epsilon="a"), ("epsilon",))
      for c in ("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization")],
    (lambda: L.LayerNormalization(center="no"), ("center",)),
    *[(lambda g=g: L.GroupNormalization(groups=g),
       ("Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
        "normalization)",)) for g in ("a", 0, -3, 2.5)],
    (lambda: L.Normalization(mean="a", variance=1.0), ("`mean`", "'a'")),
    (lambda: L.Rescaling("a"), ("`scale`", "'a'")),
    (lambda: L.Masking("a"), ("mask_value",)),
    (lambda: L.ReLU("a"), ("max_value", "'a'")),
    (lambda: L.ReLU(threshold="a"), ("threshold",)),
    (lambda: L.LeakyReLU("a"), ("negative_slope",)),
    (lambda: L.ELU("a"), ("alpha",)),
    (lambda: L.PReLU(shared_axes=0), ("shared_axes", "counted from 1")),
    (lambda: L.EinsumDense("ab,bc->ac", 2.5), ("output_shape", "2.5")),
    (lambda: L.EinsumDense("ab,bc->ac", -2), ("output_shape", "-2")),
    (lambda: L.SpectralNormalization(L.Dense(2), power_iterations="a"), ("power_iterations",)),
    (lambda: L.StackedRNNCells(3), ("cells=3",)),
    (lambda: L.RNN([]), ("cells=[]",)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "parts"), CASES, ids=[f"{i}-{c[1][0]}" for i, c in enumerate(CASES)])
def test_refused(make, parts):
    with pytest.raises(ValueError) as error:
        make()
    assert all(part in str(error.value) for part in parts), str(error.value)


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: L.UpSampling1D("2"), ("Expected an integer value for `size`, got <class 'str'>.",)),
        (lambda: L.UpSampling1D(2.5), ("Expected an integer value for `size`, got <class 'float'>.",)),
        (lambda: L.UpSampling1D(True), ("got <class 'bool'>",)),
        (lambda: L.RepeatVector(True), ("Expected an integer value for `n`, got <class 'bool'>.",)),
        (lambda: L.AdaptiveMaxPooling2D("a"), ("`output_size` must be an integer or tuple", "<class 'str'>")),
        (lambda: L.Softmax("a"), ("`axis`", "axis=a")),
        (lambda: L.PReLU(shared_axes="a"), ("`shared_axes`",)),
        (lambda: L.Normalization(axis=1.5), ("`axis`", "1.5")),
        (lambda: L.BatchNormalization(axis=1.5), ("`axis`", "1.5")),
        (lambda: L.GroupNormalization(axis="a"), ("`axis`", "'a'")),
        (lambda: L.Concatenate("a"), ("`axis`", "'a'")),
        (lambda: L.EinsumDense(3, 4), ("`equation`", "3")),
        (lambda: L.EinsumDense("ab,bc->ac", 4, bias_axes=3), ("`bias_axes`", "3")),
    ],
)
def test_refused_types(make, parts):
    with pytest.raises(TypeError) as error:
        make()
    assert all(part in str(error.value) for part in parts), str(error.value)


def test_what_numpy_and_divisions_make_is_taken():
    assert L.Conv2D(np.int64(2), (np.int32(3), 6 / 2)).kernel_size == (3, 3)
    assert L.Dropout(np.float32(0.25)).rate == np.float32(0.25)
    assert L.Reshape((4 / 2, None))(np.ones((3, 8))).shape == (3, 2, 4)
    assert L.LayerNormalization(epsilon=np.float64(1e-5)).epsilon == 1e-5
    assert L.MultiHeadAttention(2, 2, output_shape=np.int64(3)).output_shape == (3,)


@pytest.mark.parametrize("kind", ["Dropout", "AlphaDropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise"])
def test_a_strength_of_zero_may_be_raised_and_lowered_later(kind):
    layer = getattr(L, kind)(0.0, seed=1)
    name = layer.strength
    assert layer.variables == []
    x = np.ones((2, 3, 50), "float32")
    np.testing.assert_array_equal(layer(x, training=True), x)
    setattr(layer, name, 0.5)
    out = np.asarray(layer(x, training=True))
    assert len(layer.variables) == 1 and (out != 1).mean() > 0.1
    np.testing.assert_array_equal(layer(x), x)
    again = getattr(L, kind)(0.5, seed=1)
    np.testing.assert_array_equal(again(x, training=True), out)
    assert layer.get_config()[name] == 0.5
    setattr(layer, name, 0.0)
    np.testing.assert_array_equal(layer(x, training=True), x)
    with pytest.raises(ValueError, match=f"`{name}`"):
        setattr(layer, name, 5)
    assert getattr(layer, name) == 0.0


def test_a_raised_rate_counts_in_a_compiled_model():
    import addax

    x, y = np.ones((64, 40), "float32"), np.zeros((64, 40), "float32")
    dropout = L.Dropout(0.0, seed=1)
    model = addax.Sequential([addax.Input((40,)), dropout])
    model.compile("sgd", "mae")
    assert model.train_on_batch(x, y) == 1.0
    dropout.rate = 0.5
    model.compile("sgd", "mae")
    values = [float(model.train_on_batch(x, y)) for _ in range(3)]
    assert len(set(values)) == 3 and all(abs(v - 1) < 0.2 for v in values)


@pytest.mark.parametrize(
    "make, x",
    [
        (lambda r: L.MultiHeadAttention(2, 3, dropout=r, seed=1), np.ones((2, 5, 4), "float32")),
        (lambda r: L.LSTMCell(3, dropout=r, seed=1), None),
    ],
)
def test_the_rate_of_layers_with_weights_may_be_raised(make, x):
    layer, fixed = make(0.0), make(0.5)
    if x is None:
        x = np.ones((2, 4), "float32")
        args: tuple = (x, [np.zeros((2, 3), "float32")] * 2)
    else:
        args = (x, x)
    layer(*args), fixed(*args)
    fixed.set_weights(layer.get_weights())
    plain = np.asarray(layer(*args, training=True)[0])
    layer.dropout = 0.5
    raised = np.asarray(layer(*args, training=True)[0])
    assert np.abs(raised - plain).max() > 1e-4
    np.testing.assert_allclose(raised, fixed(*args, training=True)[0], rtol=1e-5)


def test_a_built_layer_without_generator_says_so():
    x = np.ones((1, 2, 3), "float32")
    layer = L.Attention()
    layer([x, x])
    with pytest.raises(ValueError, match=r"`dropout` of layer 'attention.*no random generator"):
        layer.dropout = 0.5


@pytest.mark.parametrize(
    "base, arguments, shape",
    [
        (L.Activation, ("relu",), (2, 3)),
        (L.Dropout, (0.5,), (2, 3)),
        (L.Masking, (), (2, 3, 1)),
        (L.MaxPooling1D, (2,), (1, 4, 2)),
        (L.GlobalAveragePooling1D, (), (1, 4, 2)),
        (L.Reshape, ((3, 1),), (2, 3)),
        (L.UnitNormalization, (), (2, 3)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_a_subclass_of_a_layer_without_weights_may_have_its_own_build(base, arguments, shape):
    class Mine(base):
        def build(self, input_shape):
            self.shape_seen = tuple(input_shape)
            self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

        def call(self, inputs, **kwargs):
            return super().call(inputs, **kwargs) * self.factor

    assert base(*arguments).built
    layer = Mine(*arguments)
    assert not layer.built
    x = np.ones(shape, "float32")
    np.testing.assert_array_equal(layer(x), base(*arguments)(x))
    assert layer.built and layer.shape_seen == shape and len(layer.weights) == 1
    other = Mine(*arguments)
    import addax

    other(addax.Input(shape[1:]))
    assert other.shape_seen == (None, *shape[1:])


@pytest.mark.parametrize(
    "make",
    [
        lambda n: L.Dense(n),
        lambda n: L.Embedding(n, n),
        lambda n: L.LSTM(n),
        lambda n: L.GRUCell(n),
        lambda n: L.SimpleRNN(n),
        lambda n: L.Conv1D(n, n, groups=n),
        lambda n: L.MultiHeadAttention(n, n),
    ],
)
def test_sizes_may_be_integers_of_numpy(make):
    layer = make(np.int64(2))
    assert repr(layer.get_config()) == repr({**make(2).get_config(), "name": layer.name})
