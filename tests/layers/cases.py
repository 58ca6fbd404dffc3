"""The layers' table: each row goes through the contract check and the comparison with Keras."""

from __future__ import annotations

import numpy as np

from tests.layers.contract import Case, Make

MASK = np.array([[True, True, False, True], [True, False, False, False]])

CONVOLUTION = [
    Case("Conv1D", {"filters": 3, "kernel_size": 3}, (2, 7, 4), free=(1,), weights=["kernel", "bias"]),
    Case("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 7, 2)),
    Case("Conv1D", {"filters": 2, "kernel_size": 2, "padding": "causal", "strides": 2}, (2, 7, 2)),
    Case(
        "Conv1D",
        {"filters": 2, "kernel_size": 3, "padding": "causal", "data_format": "channels_first"},
        (2, 2, 7),
        free=(2,),
    ),
    Case("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 5, 6, 2), free=(1, 2)),
    Case("Conv2D", {"filters": 3, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same"}, (2, 5, 6, 2)),
    Case("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "activation": "relu"}, (2, 5, 6, 4)),
    Case("Conv2D", {"filters": 3, "kernel_size": 2, "dilation_rate": (2, 1), "use_bias": False}, (2, 5, 6, 2)),
    Case("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "channels_first"}, (2, 2, 5, 6), free=(2, 3)),
    Case(
        "Conv2D",
        {
            "filters": 3,
            "kernel_size": 2,
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "kernel_initializer": "he_normal",
            "activation": "tanh",
            "padding": "SAME",
        },
        (2, 4, 4, 2),
    ),
    Case("Conv3D", {"filters": 2, "kernel_size": 2}, (1, 3, 4, 3, 2), free=(1, 2, 3)),
    Case(
        "Conv3D",
        {"filters": 2, "kernel_size": 2, "strides": 2, "padding": "same", "data_format": "channels_first"},
        (1, 2, 3, 4, 3),
    ),
    Case("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2}, (2, 4, 2), free=(1,)),
    Case("Conv1DTranspose", {"filters": 3, "kernel_size": 2, "dilation_rate": 2, "padding": "same"}, (2, 4, 2)),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, (2, 4, 3, 2), free=(1, 2), weights=["kernel", "bias"]),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 4, 3, 2)),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3, "use_bias": False}, (2, 4, 3, 2)),
    Case(
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": (3, 4), "strides": 2, "padding": "same", "output_padding": 1},
        (2, 4, 3, 2),
    ),
    Case("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": (0, 1)}, (2, 4, 3, 2)),
    Case(
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": 3, "strides": (2, 1), "data_format": "channels_first", "activation": "relu"},
        (2, 2, 4, 3),
        free=(2, 3),
    ),
    Case("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, (1, 2, 3, 2, 2), free=(1, 2, 3)),
    Case("DepthwiseConv1D", {"kernel_size": 3}, (2, 6, 3), free=(1,), weights=["kernel", "bias"]),
    Case("DepthwiseConv1D", {"kernel_size": 3, "padding": "same", "depth_multiplier": 2}, (2, 6, 3)),
    Case("DepthwiseConv2D", {"kernel_size": 3}, (2, 5, 6, 3), free=(1, 2)),
    Case("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2}, (2, 5, 6, 3)),
    Case(
        "DepthwiseConv2D",
        {"kernel_size": 2, "dilation_rate": 2, "use_bias": False, "activation": "relu"},
        (2, 5, 6, 3),
    ),
    Case("DepthwiseConv2D", {"kernel_size": 3, "data_format": "channels_first"}, (2, 3, 5, 6), free=(2, 3)),
    Case(
        "DepthwiseConv2D",
        {
            "kernel_size": 2,
            "depthwise_regularizer": "l2",
            "depthwise_constraint": "non_neg",
            "bias_initializer": "ones",
        },
        (2, 4, 4, 2),
    ),
    Case(
        "SeparableConv1D",
        {"filters": 4, "kernel_size": 3, "strides": 2, "depth_multiplier": 2},
        (2, 6, 3),
        free=(1,),
        weights=["depthwise_kernel", "pointwise_kernel", "bias"],
    ),
    Case("SeparableConv2D", {"filters": 4, "kernel_size": 3}, (2, 5, 6, 3), free=(1, 2)),
    Case(
        "SeparableConv2D",
        {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2, "activation": "relu", "use_bias": False},
        (2, 5, 6, 3),
    ),
    Case(
        "SeparableConv2D",
        {"filters": 2, "kernel_size": 3, "data_format": "channels_first", "pointwise_regularizer": "l2"},
        (2, 3, 5, 6),
        free=(2, 3),
    ),
]

POOLING = [
    *(
        Case(f"{kind}Pooling{rank}D", kwargs, shape)
        for kind in ("Max", "Average")
        for rank, kwargs, shape in [
            (1, {"pool_size": 2}, (2, 5, 3)),
            (1, {"pool_size": 3, "strides": 1, "padding": "same"}, (2, 5, 3)),
            (1, {"pool_size": 2, "data_format": "channels_first"}, (2, 3, 5)),
            (2, {"pool_size": 2}, (2, 5, 4, 3)),
            (2, {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}, (2, 5, 4, 3)),
            (2, {"pool_size": 2, "data_format": "channels_first"}, (2, 3, 5, 4)),
            (3, {"pool_size": 2}, (1, 4, 3, 4, 2)),
        ]
    ),
    Case("MaxPooling2D", {}, (2, 4, 4, 3), free=(1, 2)),
    *(
        Case(f"Global{kind}Pooling{rank}D", kwargs, (2, *range(3, 3 + rank), 3), free=(1,))
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
        for kwargs in ({}, {"keepdims": True, "data_format": "channels_first"})
    ),
    Case("GlobalAveragePooling1D", {}, (2, 4, 3), call={"mask": MASK}),
    Case("GlobalAveragePooling1D", {"keepdims": True}, (2, 4, 3), call={"mask": MASK}),
    Case("GlobalAveragePooling1D", {"data_format": "channels_first"}, (2, 3, 4), call={"mask": MASK}),
    *(
        Case(f"Adaptive{kind}Pooling{rank}D", kwargs, shape)
        for kind in ("Max", "Average")
        for rank, kwargs, shape in [
            (1, {"output_size": 3}, (2, 5, 3)),
            (2, {"output_size": (1, 2), "data_format": "channels_first"}, (2, 3, 3, 3)),
            (3, {"output_size": (1, 1, 2)}, (1, 2, 1, 3, 1)),
        ]
    ),
]

MERGING = [
    *(
        Case(name, {}, [(2, 3, 4), (2, 3, 4)], free=(1,))
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    ),
    *(Case(name, {}, [(2, 3, 1), (2, 4), (2, 3, 4)]) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    Case("Add", {}, [(2, 3)]),
    Case("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 1, 4), (2, 2, 4)]),
    Case("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    Case("Dot", {"axes": -1}, [(2, 4, 3), (2, 5, 3)]),
    Case("Dot", {"axes": (1, 2)}, [(2, 3, 4), (2, 5, 3)]),
    Case("Dot", {"axes": [2, 1], "normalize": True}, [(2, 3, 4), (2, 4)]),
    Case("Dot", {"axes": 1, "normalize": True}, [(2, 3), (2, 3)]),
    Case("Dot", {"axes": (3, 1)}, [(2, 3, 4, 5), (2, 5, 2)]),
]

RESHAPING = [
    Case("Flatten", {}, (2, 3, 4)),
    Case("Flatten", {}, (2,)),
    Case("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 2)),
    Case("Reshape", {"target_shape": (3, 4)}, (2, 12)),
    Case("Reshape", {"target_shape": (2, -1)}, (2, 3, 4)),
    Case("Reshape", {"target_shape": [-1]}, (2, 3, 4)),
    Case("Reshape", {"target_shape": (1,)}, (2,)),
    Case("Permute", {"dims": (2, 1)}, (2, 3, 4), free=(1,)),
    Case("Permute", {"dims": [3, 1, 2]}, (2, 3, 4, 5)),
    Case("RepeatVector", {"n": 3}, (2, 4)),
    *(
        Case(f"{name}{rank}D", kwargs, shape, free=(1,))
        for name, argument in (("ZeroPadding", "padding"), ("Cropping", "cropping"))
        for rank, kwargs, shape in [
            (1, {}, (2, 4, 3)),
            (1, {argument: (2, 1)}, (2, 4, 3)),
            (2, {}, (2, 4, 5, 3)),
            (2, {argument: 1}, (2, 4, 5, 3)),
            (2, {argument: (1, 0)}, (2, 4, 5, 3)),
            (2, {argument: ((1, 2), (0, 1)), "data_format": "channels_first"}, (2, 3, 4, 5)),
            (3, {}, (1, 4, 3, 4, 2)),
            (3, {argument: (1, 0, 1)}, (1, 4, 3, 4, 2)),
            (3, {argument: ((1, 1), (0, 1), (2, 0)), "data_format": "channels_first"}, (1, 2, 4, 3, 4)),
        ]
    ),
    Case("UpSampling1D", {}, (2, 3, 2), free=(1,)),
    Case("UpSampling2D", {}, (2, 3, 2, 2), free=(1, 2)),
    Case("UpSampling2D", {"size": (2, 3), "data_format": "channels_first"}, (2, 2, 3, 2)),
    *(
        Case("UpSampling2D", {"size": (2, 3), "interpolation": how}, (2, 3, 4, 1), rtol=1e-4, parity=("config",))
        for how in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    ),
    Case(
        "UpSampling2D",
        {"size": 2, "interpolation": "bilinear", "data_format": "channels_first"},
        (2, 2, 3, 4),
        rtol=1e-4,
    ),
    Case("UpSampling3D", {"size": (1, 2, 3)}, (1, 2, 3, 2, 2), free=(1, 2, 3)),
    Case("UpSampling3D", {"data_format": "channels_first"}, (1, 2, 2, 3, 2)),
]

ACTIVATION = [
    Case("Activation", {"activation": "relu"}, (2, 3)),
    Case("Activation", {"activation": "softmax"}, (2, 3)),
    Case("Identity", {}, (2, 3)),
    Case("ReLU", {}, (2, 3)),
    Case("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, (2, 8)),
    Case("ReLU", {"max_value": 6}, (2, 8)),
    Case("LeakyReLU", {"negative_slope": 0.2}, (2, 3)),
    Case("LeakyReLU", {}, (2, 3)),
    Case("PReLU", {"alpha_initializer": "ones"}, (2, 3, 4), weights=["alpha"]),
    Case("PReLU", {"shared_axes": [1], "alpha_regularizer": "l2"}, (2, 3, 4), free=(1,)),
    Case("ELU", {"alpha": 0.5}, (2, 3)),
    Case("Softmax", {}, (2, 3)),
    Case("Softmax", {"axis": 1}, (2, 3, 4)),
    Case("Softmax", {"axis": (1, 2)}, (2, 3, 4)),
    Case("Softmax", {}, (2, 4), call={"mask": MASK}),
]

CORE = [
    Case("Embedding", {"input_dim": 5, "output_dim": 3}, (2, 4), "int32", weights=["embeddings"], free=(1,)),
    Case("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True}, (2, 4), "int32"),
    Case("Embedding", {"input_dim": 5, "output_dim": 3}, (2, 4), positive=True, parity=("config", "shape")),
    Case(
        "Embedding",
        {
            "input_dim": 5,
            "output_dim": 3,
            "embeddings_initializer": "glorot_uniform",
            "embeddings_regularizer": "l2",
            "embeddings_constraint": "unit_norm",
            "activity_regularizer": "l1",
        },
        (2, 4),
        "int32",
    ),
    Case(
        "EinsumDense",
        {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "c"},
        (2, 3),
        weights=["kernel", "bias"],
    ),
    # Keras says None for a size of the output that comes from the input, also where that is known.
    Case(
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": (None, 4)},
        (2, 5, 3),
        free=(1,),
        parity=("config", "grad"),
    ),
    Case(
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 4), "bias_axes": "de", "activation": "relu"},
        (2, 5, 3),
        free=(1,),
        parity=("config", "grad"),
    ),
    Case("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, (2, 5, 3), free=(1,)),
    Case("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"}, (2, 3, 5, 6)),
    Case(
        "EinsumDense",
        {"equation": "abcd,cde->abe", "output_shape": (3, 3), "kernel_regularizer": "l2", "bias_axes": "be"},
        (2, 3, 2, 4),
    ),
]

NORMALIZATION = [
    Case(
        "BatchNormalization",
        {},
        (8, 3),
        training=(True, False),
        weights=["gamma", "beta", "moving_mean", "moving_variance"],
        rtol=1e-4,
    ),
    Case("BatchNormalization", {"axis": 1, "momentum": 0.5, "epsilon": 0.1}, (3, 4, 5, 2), training=(True, False)),
    Case(
        "BatchNormalization",
        {"center": False, "scale": False},
        (8, 3),
        training=(True, False),
        weights=["moving_mean", "moving_variance"],
        rtol=1e-4,
    ),
    Case("BatchNormalization", {"trainable": False}, (8, 3), training=(True, False)),
    Case(
        "BatchNormalization",
        {"gamma_regularizer": "l2", "beta_constraint": "non_neg", "moving_mean_initializer": "ones", "momentum": 0.8},
        (2, 4, 3),
        training=(True,),
        call={"mask": MASK},
        rtol=1e-4,
    ),
    *(
        Case(
            "BatchNormalization", {"renorm": True, "epsilon": 0.1, **options}, (8, 3), training=(True, False), rtol=1e-4
        )
        for options in (
            {"renorm_momentum": 0.8, "moving_variance_initializer": "ones"},
            {"renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.2}},
            {"renorm_clipping": {"rmax": 2.0}},
        )
    ),
    Case("LayerNormalization", {}, (2, 3, 4), weights=["gamma", "beta"], free=(1,)),
    Case("LayerNormalization", {"axis": (1, 2), "epsilon": 0.1}, (2, 3, 4)),
    Case("LayerNormalization", {"axis": 1, "center": False}, (2, 3, 4)),
    Case("LayerNormalization", {"scale": False, "beta_regularizer": "l2"}, (2, 3, 4)),
    Case("GroupNormalization", {"groups": 2}, (2, 3, 4), weights=["gamma", "beta"], free=(1,)),
    Case("GroupNormalization", {"groups": -1}, (2, 3, 3, 4)),
    Case("GroupNormalization", {"groups": 1, "axis": 1, "epsilon": 0.1}, (2, 4, 3, 2)),
    Case("GroupNormalization", {"groups": 4, "center": False, "scale": False}, (2, 3, 8)),
    Case("RMSNormalization", {}, (2, 3, 4), weights=["scale"], free=(1,)),
    Case("RMSNormalization", {"axis": (1, 2), "epsilon": 0.1}, (2, 3, 4)),
    Case("UnitNormalization", {}, (2, 3, 4)),
    Case("UnitNormalization", {"axis": [1, 2]}, (2, 3, 4)),
    Case(
        "SpectralNormalization",
        {"layer": Make(lambda layers: layers.Dense(3, name="inner"))},
        (4, 5),
        training=(False, True),
        rtol=1e-4,
        mixed=False,  # the layer inside has a policy of its own
    ),
    Case(
        "SpectralNormalization",
        {"layer": Make(lambda layers: layers.Conv2D(3, 2, name="inner")), "power_iterations": 3},
        (2, 4, 4, 2),
        training=(False, True),
        rtol=1e-4,
        mixed=False,
    ),
]

# Random in training: compared with Keras outside of training, and by their statistics in test_regularization.py.
NOISE = [
    *(
        Case(name, kwargs, (2, 5, 4), training=(True,), random=True)
        for name, kwargs in [
            ("Dropout", {"rate": 0.5}),
            ("Dropout", {"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 3}),
            ("AlphaDropout", {"rate": 0.3, "seed": 3}),
            ("SpatialDropout1D", {"rate": 0.3, "seed": 3}),
            ("GaussianNoise", {"stddev": 0.3, "seed": 3}),
            ("GaussianDropout", {"rate": 0.3, "seed": 3}),
        ]
    ),
    Case("Dropout", {"rate": 0.0}, (2, 3), training=(True,)),
    Case("SpatialDropout2D", {"rate": 0.3, "seed": 3}, (2, 3, 4, 5), training=(True,), random=True),
    Case(
        "SpatialDropout3D",
        {"rate": 0.3, "data_format": "channels_first"},
        (1, 3, 4, 2, 2),
        training=(True,),
        random=True,
    ),
    Case("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (2, 3)),
]

# Ints that are only moved, chosen from or added stay ints, and are said to.
INTEGERS = [
    Case(name, kwargs, shape, "int32")
    for name, kwargs, shape in [
        ("Flatten", {}, (2, 3, 2)),
        ("Reshape", {"target_shape": (6,)}, (2, 3, 2)),
        ("Permute", {"dims": (2, 1)}, (2, 3, 2)),
        ("RepeatVector", {"n": 2}, (2, 3)),
        ("MaxPooling1D", {}, (2, 4, 2)),
        ("AveragePooling1D", {"pool_size": 2}, (2, 4, 2)),
        ("GlobalMaxPooling1D", {}, (2, 4, 2)),
        ("GlobalAveragePooling1D", {}, (2, 4, 2)),
        ("ZeroPadding1D", {}, (2, 4, 2)),
        ("Cropping1D", {}, (2, 4, 2)),
        ("UpSampling1D", {}, (2, 4, 2)),
        ("UpSampling2D", {"interpolation": "bilinear"}, (1, 2, 2, 1)),
        ("Add", {}, [(2, 3), (2, 3)]),
        ("Average", {}, [(2, 3), (2, 3)]),
        ("Concatenate", {}, [(2, 3), (2, 3)]),
        ("Identity", {}, (2, 3)),
        ("Softmax", {}, (2, 3)),
        ("ELU", {}, (2, 3)),
        ("LayerNormalization", {}, (2, 3)),
        ("RMSNormalization", {}, (2, 3)),
        ("UnitNormalization", {}, (2, 3)),
        ("GroupNormalization", {"groups": 1}, (2, 3)),
        ("BatchNormalization", {}, (2, 3)),
        ("Conv1D", {"filters": 2, "kernel_size": 2}, (2, 4, 2)),
    ]
]

CASES = [*CONVOLUTION, *POOLING, *MERGING, *RESHAPING, *ACTIVATION, *CORE, *NORMALIZATION, *NOISE]
