"""Bad arguments: whatever Keras's layers refuse when they are made, addax's refuse then, too."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest

import addax

keras = pytest.importorskip("keras")

# Layers, and the arguments that they need.
LAYERS: dict[str, dict[str, Any]] = {
    "Dense": {"units": 2},
    "Conv1D": {"filters": 2, "kernel_size": 2},
    "Conv2D": {"filters": 2, "kernel_size": 2},
    "Conv3D": {"filters": 2, "kernel_size": 2},
    "Conv1DTranspose": {"filters": 2, "kernel_size": 2},
    "Conv2DTranspose": {"filters": 2, "kernel_size": 2},
    "Conv3DTranspose": {"filters": 2, "kernel_size": 2},
    "DepthwiseConv1D": {"kernel_size": 2},
    "DepthwiseConv2D": {"kernel_size": 2},
    "SeparableConv1D": {"filters": 2, "kernel_size": 2},
    "SeparableConv2D": {"filters": 2, "kernel_size": 2},
    "Embedding": {"input_dim": 3, "output_dim": 2},
    "ReversibleEmbedding": {"input_dim": 3, "output_dim": 2},
    "LSTM": {"units": 2},
    "GRU": {"units": 2},
    "SimpleRNN": {"units": 2},
    "LSTMCell": {"units": 2},
    "GRUCell": {"units": 2},
    "SimpleRNNCell": {"units": 2},
    "ConvLSTM1D": {"filters": 2, "kernel_size": 2},
    "ConvLSTM2D": {"filters": 2, "kernel_size": 2},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
    "Dropout": {"rate": 0.5},
    "SpatialDropout1D": {"rate": 0.5},
    "SpatialDropout2D": {"rate": 0.5},
    "GaussianDropout": {"rate": 0.5},
    "AlphaDropout": {"rate": 0.5},
    "GaussianNoise": {"stddev": 0.5},
    "MaxPooling1D": {},
    "MaxPooling2D": {},
    "MaxPooling3D": {},
    "AveragePooling1D": {"pool_size": 2},
    "AveragePooling2D": {"pool_size": 2},
    "GlobalMaxPooling2D": {},
    "AdaptiveMaxPooling2D": {"output_size": 2},
    "UpSampling1D": {},
    "UpSampling2D": {},
    "UpSampling3D": {},
    "ZeroPadding1D": {},
    "ZeroPadding2D": {},
    "ZeroPadding3D": {},
    "Cropping1D": {},
    "Cropping2D": {},
    "Cropping3D": {},
    "BatchNormalization": {},
    "LayerNormalization": {},
    "GroupNormalization": {},
    "UnitNormalization": {},
    "RMSNormalization": {},
    "Flatten": {},
    "Reshape": {"target_shape": (2,)},
    "Permute": {"dims": (1,)},
    "RepeatVector": {"n": 2},
    "Activation": {"activation": "relu"},
    "LeakyReLU": {},
    "ELU": {},
    "ReLU": {},
    "PReLU": {},
    "Softmax": {},
    "Masking": {},
    "Concatenate": {},
    "Dot": {"axes": 1},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 2},
    "Attention": {},
    "Lambda": {"function": abs},
    "Resizing": {"height": 2, "width": 2},
    "CenterCrop": {"height": 2, "width": 2},
    "RandomCrop": {"height": 2, "width": 2},
    "Rescaling": {"scale": 2.0},
    "CategoryEncoding": {"num_tokens": 3},
    "Discretization": {"num_bins": 3},
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.1},
    "RandomZoom": {"height_factor": 0.1},
    "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
    "RandomContrast": {"factor": 0.1},
    "RandomBrightness": {"factor": 0.1},
    "TimeDistributed": {},
    "Normalization": {},
    "MelSpectrogram": {},
    "STFTSpectrogram": {},
    "RandomErasing": {},
    "MixUp": {},
    "CutMix": {},
    "RandomHue": {"factor": 0.1},
    "RandomShear": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "SpectralNormalization": {},
    "ActivityRegularization": {},
    "Input": {"shape": (2,)},
    "RandomGaussianBlur": {},
    "RandomInvert": {},
    "AugMix": {},
    "RandAugment": {},
    "Solarization": {},
}
BAD = [0, -1, 1.5, "no", None, (0, 1), (1, 2, 3, 4), [], {}, object(), True, float("nan")]
ACCEPTED = {
    ("BatchNormalization", "synchronized"): "statistics are those of the whole batch wherever its rows are",
    ("Input", "shape"): "a number is the size of one axis",
    ("Reshape", "target_shape"): "a number is the size of one axis",
}
FAST = ("Conv2D", "LSTM", "RandomHue")


def error_of(lib: Any, name: str, arguments: dict[str, Any]) -> Exception | None:
    try:
        getattr(lib.layers, name)(**arguments)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in LAYERS])
def test_what_keras_refuses_is_refused(name: str) -> None:
    passed, unclear = [], []
    for parameter in inspect.signature(getattr(keras.layers, name)).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or (name, parameter.name) in ACCEPTED:
            continue
        for value in BAD:
            arguments = {**LAYERS[name], parameter.name: value}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected, found = (error_of(lib, name, arguments) for lib in (keras, addax))
            if expected is not None and found is None:
                passed.append((parameter.name, value, str(expected)))
            elif found is not None and not isinstance(found, (TypeError, ValueError, NotImplementedError)):
                unclear.append((parameter.name, value, repr(found)))
    assert passed == []
    assert unclear == []
