"""ConvLSTM and ReversibleEmbedding against Keras: outputs, states, gradients, configs, masks, files."""

from __future__ import annotations

import numpy as np
import pytest

import addax
from tests.layers.contract import Case, check_layer
from tests.parity.layer_check import check_parity

keras = pytest.importorskip("keras")

IMAGES = (2, 3, 5, 4, 2)


def conv(rank: int, shape: tuple, call: dict | None = None, **kwargs) -> Case:
    settings = {"filters": 3, "kernel_size": 2, "seed": 1, **kwargs}
    return Case(f"ConvLSTM{rank}D", settings, shape, call=call or {}, rtol=1e-4, atol=1e-5)


def slow(*args, **kwargs):
    return pytest.param(conv(*args, **kwargs), marks=pytest.mark.slow)


# Without masks: Keras 3.15.1 broadcasts them with the spatial axes, or fails to.
CASES = [
    conv(1, (2, 3, 5, 2), return_sequences=True, return_state=True),
    slow(1, (2, 3, 2, 5), data_format="channels_first", padding="same", go_backwards=True),
    conv(2, IMAGES, return_sequences=True, strides=(2, 1), padding="same", unit_forget_bias=False),
    slow(2, IMAGES, use_bias=False, dilation_rate=2, recurrent_activation="hard_sigmoid", activation="relu"),
    slow(2, IMAGES, kernel_regularizer="l2", return_state=True),
    slow(3, (1, 2, 3, 3, 2, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv_lstm(case: Case) -> None:
    check_parity(case)


@pytest.mark.slow
def test_contract_of_conv_lstm() -> None:
    check_layer(conv(1, (2, 3, 5, 2), return_sequences=True))


def test_masked_timesteps_are_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 2)).astype("float32")
    layer = addax.layers.ConvLSTM1D(3, 2)
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
    out = layer(x, mask=mask)
    np.testing.assert_allclose(out[0], layer(x[:1, :2])[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[1], layer(x[1:, 1:3])[0], rtol=1e-5, atol=1e-6)


def both(make):
    """A layer of each library, with the same weights, built for the images."""
    mine, real = (make(k.layers) for k in (addax, keras))
    for layer in (mine, real):
        layer.build(IMAGES)
    mine.set_weights(real.get_weights())
    return mine, real


@pytest.mark.slow
def test_stateful_conv_lstm() -> None:
    x = np.random.default_rng(0).normal(size=IMAGES).astype("float32")
    mine, real = both(lambda layers: layers.ConvLSTM2D(2, 3, padding="same", stateful=True))
    for _ in range(2):
        np.testing.assert_allclose(mine(x), real(x), rtol=1e-4, atol=1e-5)
    mine.reset_state()
    real.reset_state()
    np.testing.assert_allclose(mine(x), real(x), rtol=1e-4, atol=1e-5)


def test_conv_lstm_takes_initial_states_and_images_of_another_size() -> None:
    rng = np.random.default_rng(0)
    mine, real = both(lambda layers: layers.ConvLSTM2D(2, 2, padding="same"))
    states = [rng.normal(size=(2, 5, 4, 2)).astype("float32") for _ in range(2)]
    x = rng.normal(size=IMAGES).astype("float32")
    np.testing.assert_allclose(mine(x, initial_state=states), real(x, initial_state=states), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="initial state"):
        mine(x, initial_state=[s[:, :3] for s in states])


@pytest.mark.slow
def test_dropout_of_conv_lstm_keeps_the_mean_and_one_mask_for_all_timesteps() -> None:
    layer = addax.layers.ConvLSTM1D(2, 1, dropout=0.5, recurrent_dropout=0.3, return_sequences=True, seed=0)
    x = np.ones((64, 2, 4, 8), "float32")
    a, b = (np.asarray(layer(x, training=True)) for _ in range(2))
    assert not np.allclose(a, b)
    plain = np.asarray(layer(x))
    only_inputs = addax.layers.ConvLSTM1D(
        1,
        1,
        dropout=0.5,
        activation="linear",
        recurrent_activation=lambda v: v * 0 + 1,
        use_bias=False,
        recurrent_initializer="zeros",
        kernel_initializer="ones",
        return_sequences=True,
        seed=0,
    )
    out = np.asarray(only_inputs(np.ones((500, 2, 3, 4), "float32"), training=True))
    np.testing.assert_allclose(out[:, 0].mean(), 4.0, rtol=0.05)  # the sum of four inputs, half of them doubled
    np.testing.assert_allclose(out[:, 1], 2 * out[:, 0], rtol=1e-5)  # the same mask at the second timestep
    assert plain.shape == a.shape


@pytest.mark.parametrize(
    ("kwargs", "part"),
    [
        (
            {"kernel_size": (3, 3, 3)},
            "The `kernel_size` argument must be a tuple of 2 integers. Received",
        ),
        ({"padding": "causal"}, "The `padding` argument must be"),
        ({"strides": 2, "dilation_rate": 2}, "Specifying `strides > 1` is not compatible with `dilation_rate > 1`"),
        ({"data_format": "x"}, "The `data_format` argument must be one of"),
        ({"filters": 0}, "filters"),
    ],
    ids=str,
)
def test_bad_arguments_of_conv_lstm(kwargs: dict, part: str) -> None:
    for k in (addax, keras) if kwargs != {"filters": 0} else (addax,):  # Keras builds a layer without filters
        with pytest.raises(ValueError) as caught:
            k.layers.ConvLSTM2D(**{"filters": 2, "kernel_size": 3, **kwargs})
        assert part in str(caught.value)


@pytest.mark.parametrize("k", [keras, addax], ids=["keras", "addax"])
def test_unknown_spatial_sizes_are_refused_and_unknown_times_are_not(k) -> None:
    assert k.layers.ConvLSTM2D(2, 3)(k.Input((None, 8, 8, 3))).shape == (None, 6, 6, 2)
    with pytest.raises(ValueError, match="only support static input shapes for the spatial dimension"):
        k.layers.ConvLSTM2D(2, 3)(k.Input((None, None, None, 3)))


@pytest.mark.slow
def test_conv_lstm_trains_and_its_files_go_both_ways(tmp_path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 2, 4, 4, 1)).astype("float32")
    y = np.ones((4, 1), "float32")
    models = {}
    for k in (keras, addax):
        models[k] = k.Sequential(
            [k.Input((2, 4, 4, 1)), k.layers.ConvLSTM2D(2, 2), k.layers.GlobalAveragePooling2D(), k.layers.Dense(1)]
        )
        models[k].compile("sgd", "mse")
    models[addax].set_weights(models[keras].get_weights())
    losses = [m.fit(x, y, epochs=2, shuffle=False, verbose=0).history["loss"] for m in models.values()]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for k, other in ((keras, addax), (addax, keras)):
        path = str(tmp_path / f"{k.__name__}.keras")
        models[k].save(path)
        np.testing.assert_allclose(
            other.models.load_model(path).predict(x, verbose=0), models[k].predict(x, verbose=0), rtol=1e-4, atol=1e-5
        )


EMBEDDINGS = [
    Case("ReversibleEmbedding", {"input_dim": 5, "output_dim": 3, **more}, (2, 4), "int32", weights=names, dead=dead)
    for more, names, dead in [
        ({}, ["embeddings"], ()),
        ({"mask_zero": True, "embeddings_regularizer": "l2"}, ["embeddings"], ()),
        ({"tie_weights": False}, ["embeddings", "reverse_embeddings"], ("reverse_embeddings",)),
    ]
]


@pytest.mark.parametrize("case", EMBEDDINGS, ids=str)
def test_reversible_embedding(case: Case) -> None:
    check_parity(case)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    "kwargs", [{}, {"tie_weights": False}, {"logit_soft_cap": 2.0}, {"reverse_dtype": "float32"}], ids=str
)
def test_reverse_projection(kwargs: dict, dtype: str) -> None:
    mine, real = (k.layers.ReversibleEmbedding(6, 3, dtype=dtype, **kwargs) for k in (addax, keras))
    for layer in (mine, real):
        layer.build((None, 4))
    mine.set_weights(real.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32") * 3
    a, b = mine(x, reverse=True), real(x, reverse=True)
    assert a.dtype == b.dtype
    rtol, atol = (1e-5, 1e-5) if dtype == "float32" else (1e-2, 1e-3)
    np.testing.assert_allclose(np.asarray(a, "float32"), np.asarray(b, "float32"), rtol=rtol, atol=atol)
    shapes = [tuple(layer.compute_output_shape((2, 4, 3), reverse=True)) for layer in (mine, real)]
    assert shapes[0] == shapes[1]
    symbol = mine(addax.Input((4, 3)), reverse=True)
    assert (symbol.shape, symbol.dtype) == ((None, 4, 6), str(a.dtype))
    assert mine.get_config() == {**real.get_config(), "name": mine.name}


def test_tied_language_model_trains_as_in_keras() -> None:
    ids = np.random.default_rng(0).integers(0, 6, (4, 3))
    losses = []
    for k in (keras, addax):
        i = k.Input((3,), dtype="int32")
        embedding = k.layers.ReversibleEmbedding(6, 2, embeddings_initializer=k.initializers.Constant(0.3))
        hidden = k.layers.Dense(2, kernel_initializer="ones", activation="tanh")(embedding(i))
        model = k.Model(i, embedding(hidden, reverse=True))
        model.compile(k.optimizers.SGD(0.5), k.losses.SparseCategoricalCrossentropy(from_logits=True))
        losses.append(model.fit(ids, ids, epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
