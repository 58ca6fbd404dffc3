from .activations import celu as celu
from .activations import elu as elu
from .activations import gelu as gelu
from .activations import glu as glu
from .activations import hard_shrink as hard_shrink
from .activations import hard_sigmoid as hard_sigmoid
from .activations import hard_silu as hard_silu
from .activations import hard_swish as hard_swish
from .activations import hard_tanh as hard_tanh
from .activations import leaky_relu as leaky_relu
from .activations import log_sigmoid as log_sigmoid
from .activations import log_softmax as log_softmax
from .activations import relu as relu
from .activations import relu6 as relu6
from .activations import selu as selu
from .activations import sigmoid as sigmoid
from .activations import silu as silu
from .activations import soft_shrink as soft_shrink
from .activations import softmax as softmax
from .activations import softplus as softplus
from .activations import softsign as softsign
from .activations import sparse_plus as sparse_plus
from .activations import sparse_sigmoid as sparse_sigmoid
from .activations import sparsemax as sparsemax
from .activations import squareplus as squareplus
from .activations import swish as swish
from .activations import tanh_shrink as tanh_shrink
from .activations import threshold as threshold
from .convolution import adaptive_average_pool as adaptive_average_pool
from .convolution import adaptive_max_pool as adaptive_max_pool
from .convolution import average_pool as average_pool
from .convolution import conv as conv
from .convolution import conv_transpose as conv_transpose
from .convolution import depthwise_conv as depthwise_conv
from .convolution import max_pool as max_pool
from .convolution import separable_conv as separable_conv
from .ctc import ctc_decode as ctc_decode
from .ctc import ctc_loss as ctc_loss
from .encodings import binary_crossentropy as binary_crossentropy
from .encodings import categorical_crossentropy as categorical_crossentropy
from .encodings import multi_hot as multi_hot
from .encodings import one_hot as one_hot
from .encodings import psnr as psnr
from .encodings import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from .normalization import batch_normalization as batch_normalization
from .normalization import dot_product_attention as dot_product_attention
from .normalization import layer_normalization as layer_normalization
from .normalization import moments as moments
from .normalization import normalize as normalize
from .normalization import rms_normalization as rms_normalization
from .patches import depth_to_space as depth_to_space
from .patches import fold as fold
from .patches import polar as polar
from .patches import space_to_depth as space_to_depth
from .patches import unfold as unfold

__all__ = [
    "ctc_decode",
    "ctc_loss",
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "conv",
    "conv_transpose",
    "depth_to_space",
    "depthwise_conv",
    "dot_product_attention",
    "elu",
    "fold",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "polar",
    "psnr",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "separable_conv",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
    "unfold",
]
