"""Current names of the classes, functions and arguments in older files.

These tables are data; `configs` applies them.
"""

from __future__ import annotations

from typing import Any

# Classes -> their current names. Keras 1's convolutions are still aliases, but configs use one name.
CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Deconvolution2D": "Conv2DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "Container": "Functional",
    "Network": "Functional",
    "Graph": "Functional",
}

_CONVOLUTION = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "bias": "use_bias",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "atrous_rate": "dilation_rate",
}
_POOLING = {
    "pool_length": "pool_size",
    "stride": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
}
_RECURRENT = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
}
_FORMAT = {"dim_ordering": "data_format"}
_RATE = {"p": "rate", "dim_ordering": "data_format"}

# Class -> names of arguments in older files -> their current names.
ARGUMENTS: dict[str, dict[str, str]] = {
    "Dense": {
        "output_dim": "units",
        "init": "kernel_initializer",
        "bias": "use_bias",
        "W_regularizer": "kernel_regularizer",
        "b_regularizer": "bias_regularizer",
        "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint",
    },
    **dict.fromkeys(
        ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv1D", "SeparableConv2D"), _CONVOLUTION
    ),
    **dict.fromkeys([f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)], _POOLING),
    **dict.fromkeys([f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)], _FORMAT),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _RECURRENT),
    **dict.fromkeys(("Dropout", "GaussianDropout", "AlphaDropout"), _RATE),
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _RATE),
    **dict.fromkeys([f"{kind}{n}D" for kind in ("ZeroPadding", "Cropping") for n in (1, 2, 3)], _FORMAT),
    **dict.fromkeys(("UpSampling2D", "UpSampling3D"), _FORMAT),
    "UpSampling1D": {"length": "size"},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "BatchNormalization": {"gamma_init": "gamma_initializer", "beta_init": "beta_initializer"},
    "GaussianNoise": {"sigma": "stddev"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "PReLU": {"init": "alpha_initializer"},
    "ReLU": {"theta": "threshold"},
    "Reshape": {"dims": "target_shape"},
    "Dot": {"dot_axes": "axes"},
    "Concatenate": {"concat_axis": "axis"},
}

# Arguments that are dropped where a class no longer takes them, with the values for which this changes nothing; None
# stands for any value.
DROPPED: dict[str, tuple | None] = {
    "batch_input_shape": None,
    "input_shape": None,
    "input_dtype": None,
    "input_dim": None,
    "input_length": None,
    "cache_enabled": None,
    "consume_less": None,
    "custom_name": None,
    "dynamic": None,
    "fused": None,
    "implementation": None,
    "is_legacy_layer": None,
    "reset_after": None,
    "time_major": (False,),
    "groups": (1,),
    "ragged": (False, None),
    "sparse": (False, None),
    "return_state": (False,),
    "go_backwards": (False,),
    "stateful": (False,),
    "unroll": None,
    "renorm": (False,),
    "renorm_clipping": None,
    "renorm_momentum": None,
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "mode": (0, "valid"),
    "activity_regularizer": (None,),
    "kernel_initializer": None,
    "kernel_regularizer": (None,),
    "kernel_constraint": (None,),
    "recurrent_activation": ("hard_sigmoid", "sigmoid"),
    "activation": ("tanh",),
    "forget_bias_init": None,
    "dropout": (0, 0.0, None),
    "dropout_W": (0, 0.0, None),
    "dropout_U": (0, 0.0, None),
    "weights": (None,),
    "arguments": ({}, None),
    "causal": (False,),
    "query_shape": None,
    "key_shape": None,
    "value_shape": None,
    "autocast": None,
    "zero_output_for_mask": (False,),
    "data_format": None,
    "dim_ordering": None,
    "output_shape": (None, [None, None], []),
    "use_mask": (False,),
}

# Values of arguments -> their current names.
VALUES: dict[str, dict[Any, Any]] = {
    "data_format": {"th": "channels_first", "tf": "channels_last", "default": "channels_last"},
    "activation": {"softmax_v2": "softmax", "relu_v2": "relu", "swish": "silu"},
    "recurrent_activation": {"softmax_v2": "softmax"},
}

# Initializers by their names in Keras 1 -> current classes.
INITIALIZERS: dict[str, dict[str, Any]] = {
    "uniform": {"class_name": "RandomUniform", "config": {"minval": -0.05, "maxval": 0.05}},
    "normal": {"class_name": "RandomNormal", "config": {"stddev": 0.05}},
    "zero": {"class_name": "Zeros", "config": {}},
    "one": {"class_name": "Ones", "config": {}},
    "OrthogonalInitializer": {"class_name": "Orthogonal", "config": {}},
    "IdentityInitializer": {"class_name": "Identity", "config": {}},
}

# Modes of Keras 1's `Merge` -> layers, the arguments they take over (renamed), and further ones.
MERGES: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "sum": ("Add", {}, {}),
    "mul": ("Multiply", {}, {}),
    "ave": ("Average", {}, {}),
    "max": ("Maximum", {}, {}),
    "concat": ("Concatenate", {"concat_axis": "axis"}, {}),
    "dot": ("Dot", {"dot_axes": "axes"}, {}),
    "cos": ("Dot", {"dot_axes": "axes"}, {"normalize": True}),
}
