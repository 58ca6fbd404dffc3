from . import image as image
from . import linalg as linalg
from . import nn as nn
from . import numpy as numpy
from .core import associative_scan as associative_scan
from .core import cast as cast
from .core import cond as cond
from .core import convert_to_numpy as convert_to_numpy
from .core import convert_to_tensor as convert_to_tensor
from .core import custom_gradient as custom_gradient
from .core import dtype as dtype
from .core import fori_loop as fori_loop
from .core import is_tensor as is_tensor
from .core import map as map
from .core import saturate_cast as saturate_cast
from .core import scan as scan
from .core import scatter as scatter
from .core import scatter_update as scatter_update
from .core import shape as shape
from .core import slice as slice
from .core import slice_update as slice_update
from .core import stop_gradient as stop_gradient
from .core import switch as switch
from .core import unstack as unstack
from .core import vectorized_map as vectorized_map
from .core import while_loop as while_loop
from .einops import rearrange as rearrange
from .linalg import cholesky as cholesky
from .linalg import cholesky_inverse as cholesky_inverse
from .linalg import det as det
from .linalg import eig as eig
from .linalg import eigh as eigh
from .linalg import inv as inv
from .linalg import jvp as jvp
from .linalg import lstsq as lstsq
from .linalg import lu_factor as lu_factor
from .linalg import matrix_rank as matrix_rank
from .linalg import norm as norm
from .linalg import pinv as pinv
from .linalg import qr as qr
from .linalg import solve as solve
from .linalg import solve_triangular as solve_triangular
from .linalg import svd as svd
from .math import cdist as cdist
from .math import erf as erf
from .math import erfc as erfc
from .math import erfinv as erfinv
from .math import extract_sequences as extract_sequences
from .math import fft as fft
from .math import fft2 as fft2
from .math import ifft2 as ifft2
from .math import in_top_k as in_top_k
from .math import irfft as irfft
from .math import istft as istft
from .math import logdet as logdet
from .math import logsumexp as logsumexp
from .math import rfft as rfft
from .math import rsqrt as rsqrt
from .math import segment_max as segment_max
from .math import segment_min as segment_min
from .math import segment_prod as segment_prod
from .math import segment_sum as segment_sum
from .math import stft as stft
from .math import top_k as top_k
from .math import view_as_complex as view_as_complex
from .math import view_as_real as view_as_real
from .nn.activations import celu as celu
from .nn.activations import elu as elu
from .nn.activations import gelu as gelu
from .nn.activations import glu as glu
from .nn.activations import hard_shrink as hard_shrink
from .nn.activations import hard_sigmoid as hard_sigmoid
from .nn.activations import hard_silu as hard_silu
from .nn.activations import hard_swish as hard_swish
from .nn.activations import hard_tanh as hard_tanh
from .nn.activations import leaky_relu as leaky_relu
from .nn.activations import log_sigmoid as log_sigmoid
from .nn.activations import log_softmax as log_softmax
from .nn.activations import relu as relu
from .nn.activations import relu6 as relu6
from .nn.activations import selu as selu
from .nn.activations import sigmoid as sigmoid
from .nn.activations import silu as silu
from .nn.activations import soft_shrink as soft_shrink
from .nn.activations import softmax as softmax
from .nn.activations import softplus as softplus
from .nn.activations import softsign as softsign
from .nn.activations import sparse_plus as sparse_plus
from .nn.activations import sparse_sigmoid as sparse_sigmoid
from .nn.activations import sparsemax as sparsemax
from .nn.activations import squareplus as squareplus
from .nn.activations import swish as swish
from .nn.activations import tanh_shrink as tanh_shrink
from .nn.activations import threshold as threshold
from .nn.convolution import adaptive_average_pool as adaptive_average_pool
from .nn.convolution import adaptive_max_pool as adaptive_max_pool
from .nn.convolution import average_pool as average_pool
from .nn.convolution import conv as conv
from .nn.convolution import conv_transpose as conv_transpose
from .nn.convolution import depthwise_conv as depthwise_conv
from .nn.convolution import max_pool as max_pool
from .nn.convolution import separable_conv as separable_conv
from .nn.ctc import ctc_decode as ctc_decode
from .nn.ctc import ctc_loss as ctc_loss
from .nn.encodings import binary_crossentropy as binary_crossentropy
from .nn.encodings import categorical_crossentropy as categorical_crossentropy
from .nn.encodings import multi_hot as multi_hot
from .nn.encodings import one_hot as one_hot
from .nn.encodings import psnr as psnr
from .nn.encodings import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from .nn.normalization import batch_normalization as batch_normalization
from .nn.normalization import dot_product_attention as dot_product_attention
from .nn.normalization import layer_normalization as layer_normalization
from .nn.normalization import moments as moments
from .nn.normalization import normalize as normalize
from .nn.normalization import rms_normalization as rms_normalization
from .nn.patches import depth_to_space as depth_to_space
from .nn.patches import fold as fold
from .nn.patches import polar as polar
from .nn.patches import space_to_depth as space_to_depth
from .nn.patches import unfold as unfold
from .numpy.creation import arange as arange
from .numpy.creation import array as array
from .numpy.creation import bartlett as bartlett
from .numpy.creation import blackman as blackman
from .numpy.creation import empty as empty
from .numpy.creation import empty_like as empty_like
from .numpy.creation import eye as eye
from .numpy.creation import full as full
from .numpy.creation import full_like as full_like
from .numpy.creation import geomspace as geomspace
from .numpy.creation import hamming as hamming
from .numpy.creation import hanning as hanning
from .numpy.creation import identity as identity
from .numpy.creation import kaiser as kaiser
from .numpy.creation import linspace as linspace
from .numpy.creation import logspace as logspace
from .numpy.creation import meshgrid as meshgrid
from .numpy.creation import ones as ones
from .numpy.creation import ones_like as ones_like
from .numpy.creation import tri as tri
from .numpy.creation import vander as vander
from .numpy.creation import zeros as zeros
from .numpy.creation import zeros_like as zeros_like
from .numpy.elementwise import abs as abs
from .numpy.elementwise import absolute as absolute
from .numpy.elementwise import add as add
from .numpy.elementwise import allclose as allclose
from .numpy.elementwise import angle as angle
from .numpy.elementwise import arccos as arccos
from .numpy.elementwise import arccosh as arccosh
from .numpy.elementwise import arcsin as arcsin
from .numpy.elementwise import arcsinh as arcsinh
from .numpy.elementwise import arctan as arctan
from .numpy.elementwise import arctan2 as arctan2
from .numpy.elementwise import arctanh as arctanh
from .numpy.elementwise import bitwise_and as bitwise_and
from .numpy.elementwise import bitwise_invert as bitwise_invert
from .numpy.elementwise import bitwise_left_shift as bitwise_left_shift
from .numpy.elementwise import bitwise_not as bitwise_not
from .numpy.elementwise import bitwise_or as bitwise_or
from .numpy.elementwise import bitwise_right_shift as bitwise_right_shift
from .numpy.elementwise import bitwise_xor as bitwise_xor
from .numpy.elementwise import cbrt as cbrt
from .numpy.elementwise import ceil as ceil
from .numpy.elementwise import clip as clip
from .numpy.elementwise import conj as conj
from .numpy.elementwise import conjugate as conjugate
from .numpy.elementwise import copy as copy
from .numpy.elementwise import cos as cos
from .numpy.elementwise import cosh as cosh
from .numpy.elementwise import deg2rad as deg2rad
from .numpy.elementwise import divide as divide
from .numpy.elementwise import divide_no_nan as divide_no_nan
from .numpy.elementwise import equal as equal
from .numpy.elementwise import exp as exp
from .numpy.elementwise import exp2 as exp2
from .numpy.elementwise import expm1 as expm1
from .numpy.elementwise import fabs as fabs
from .numpy.elementwise import floor as floor
from .numpy.elementwise import floor_divide as floor_divide
from .numpy.elementwise import fmax as fmax
from .numpy.elementwise import fmin as fmin
from .numpy.elementwise import fmod as fmod
from .numpy.elementwise import gcd as gcd
from .numpy.elementwise import greater as greater
from .numpy.elementwise import greater_equal as greater_equal
from .numpy.elementwise import heaviside as heaviside
from .numpy.elementwise import hypot as hypot
from .numpy.elementwise import i0 as i0
from .numpy.elementwise import imag as imag
from .numpy.elementwise import isclose as isclose
from .numpy.elementwise import isfinite as isfinite
from .numpy.elementwise import isinf as isinf
from .numpy.elementwise import isnan as isnan
from .numpy.elementwise import isneginf as isneginf
from .numpy.elementwise import isposinf as isposinf
from .numpy.elementwise import isreal as isreal
from .numpy.elementwise import lcm as lcm
from .numpy.elementwise import ldexp as ldexp
from .numpy.elementwise import left_shift as left_shift
from .numpy.elementwise import less as less
from .numpy.elementwise import less_equal as less_equal
from .numpy.elementwise import log as log
from .numpy.elementwise import log1p as log1p
from .numpy.elementwise import log2 as log2
from .numpy.elementwise import log10 as log10
from .numpy.elementwise import logaddexp as logaddexp
from .numpy.elementwise import logaddexp2 as logaddexp2
from .numpy.elementwise import logical_and as logical_and
from .numpy.elementwise import logical_not as logical_not
from .numpy.elementwise import logical_or as logical_or
from .numpy.elementwise import logical_xor as logical_xor
from .numpy.elementwise import maximum as maximum
from .numpy.elementwise import minimum as minimum
from .numpy.elementwise import mod as mod
from .numpy.elementwise import multiply as multiply
from .numpy.elementwise import nan_to_num as nan_to_num
from .numpy.elementwise import negative as negative
from .numpy.elementwise import nextafter as nextafter
from .numpy.elementwise import not_equal as not_equal
from .numpy.elementwise import positive as positive
from .numpy.elementwise import power as power
from .numpy.elementwise import rad2deg as rad2deg
from .numpy.elementwise import real as real
from .numpy.elementwise import reciprocal as reciprocal
from .numpy.elementwise import right_shift as right_shift
from .numpy.elementwise import round as round
from .numpy.elementwise import sign as sign
from .numpy.elementwise import signbit as signbit
from .numpy.elementwise import sin as sin
from .numpy.elementwise import sinc as sinc
from .numpy.elementwise import sinh as sinh
from .numpy.elementwise import sqrt as sqrt
from .numpy.elementwise import square as square
from .numpy.elementwise import subtract as subtract
from .numpy.elementwise import tan as tan
from .numpy.elementwise import tanh as tanh
from .numpy.elementwise import true_divide as true_divide
from .numpy.elementwise import trunc as trunc
from .numpy.elementwise import view as view
from .numpy.indexing import argpartition as argpartition
from .numpy.indexing import argsort as argsort
from .numpy.indexing import bincount as bincount
from .numpy.indexing import digitize as digitize
from .numpy.indexing import get_item as get_item
from .numpy.indexing import histogram as histogram
from .numpy.indexing import isin as isin
from .numpy.indexing import nonzero as nonzero
from .numpy.indexing import searchsorted as searchsorted
from .numpy.indexing import select as select
from .numpy.indexing import sort as sort
from .numpy.indexing import take as take
from .numpy.indexing import take_along_axis as take_along_axis
from .numpy.indexing import tril as tril
from .numpy.indexing import triu as triu
from .numpy.indexing import unique as unique
from .numpy.indexing import unravel_index as unravel_index
from .numpy.indexing import where as where
from .numpy.products import corrcoef as corrcoef
from .numpy.products import correlate as correlate
from .numpy.products import cross as cross
from .numpy.products import diff as diff
from .numpy.products import dot as dot
from .numpy.products import einsum as einsum
from .numpy.products import inner as inner
from .numpy.products import kron as kron
from .numpy.products import matmul as matmul
from .numpy.products import ndim as ndim
from .numpy.products import outer as outer
from .numpy.products import size as size
from .numpy.products import slogdet as slogdet
from .numpy.products import tensordot as tensordot
from .numpy.products import trace as trace
from .numpy.products import vdot as vdot
from .numpy.products import vectorize as vectorize
from .numpy.reductions import all as all
from .numpy.reductions import amax as amax
from .numpy.reductions import amin as amin
from .numpy.reductions import any as any
from .numpy.reductions import argmax as argmax
from .numpy.reductions import argmin as argmin
from .numpy.reductions import average as average
from .numpy.reductions import count_nonzero as count_nonzero
from .numpy.reductions import cumprod as cumprod
from .numpy.reductions import cumsum as cumsum
from .numpy.reductions import max as max
from .numpy.reductions import mean as mean
from .numpy.reductions import median as median
from .numpy.reductions import min as min
from .numpy.reductions import nanargmax as nanargmax
from .numpy.reductions import nanargmin as nanargmin
from .numpy.reductions import nancumprod as nancumprod
from .numpy.reductions import nancumsum as nancumsum
from .numpy.reductions import nanmax as nanmax
from .numpy.reductions import nanmean as nanmean
from .numpy.reductions import nanmedian as nanmedian
from .numpy.reductions import nanmin as nanmin
from .numpy.reductions import nanpercentile as nanpercentile
from .numpy.reductions import nanprod as nanprod
from .numpy.reductions import nanquantile as nanquantile
from .numpy.reductions import nanstd as nanstd
from .numpy.reductions import nansum as nansum
from .numpy.reductions import nanvar as nanvar
from .numpy.reductions import percentile as percentile
from .numpy.reductions import prod as prod
from .numpy.reductions import ptp as ptp
from .numpy.reductions import quantile as quantile
from .numpy.reductions import std as std
from .numpy.reductions import sum as sum
from .numpy.reductions import trapezoid as trapezoid
from .numpy.reductions import var as var
from .numpy.shaping import append as append
from .numpy.shaping import array_split as array_split
from .numpy.shaping import broadcast_to as broadcast_to
from .numpy.shaping import concatenate as concatenate
from .numpy.shaping import diag as diag
from .numpy.shaping import diagflat as diagflat
from .numpy.shaping import diagonal as diagonal
from .numpy.shaping import dsplit as dsplit
from .numpy.shaping import dstack as dstack
from .numpy.shaping import expand_dims as expand_dims
from .numpy.shaping import flip as flip
from .numpy.shaping import fliplr as fliplr
from .numpy.shaping import flipud as flipud
from .numpy.shaping import hsplit as hsplit
from .numpy.shaping import hstack as hstack
from .numpy.shaping import moveaxis as moveaxis
from .numpy.shaping import pad as pad
from .numpy.shaping import ravel as ravel
from .numpy.shaping import repeat as repeat
from .numpy.shaping import reshape as reshape
from .numpy.shaping import roll as roll
from .numpy.shaping import rot90 as rot90
from .numpy.shaping import split as split
from .numpy.shaping import squeeze as squeeze
from .numpy.shaping import stack as stack
from .numpy.shaping import swapaxes as swapaxes
from .numpy.shaping import tile as tile
from .numpy.shaping import transpose as transpose
from .numpy.shaping import vsplit as vsplit
from .numpy.shaping import vstack as vstack

__all__ = [
    "ctc_decode",
    "ctc_loss",
    "abs",
    "absolute",
    "adaptive_average_pool",
    "adaptive_max_pool",
    "add",
    "all",
    "allclose",
    "amax",
    "amin",
    "angle",
    "any",
    "append",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argpartition",
    "argsort",
    "array",
    "array_split",
    "associative_scan",
    "average",
    "average_pool",
    "bartlett",
    "batch_normalization",
    "binary_crossentropy",
    "bincount",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "blackman",
    "broadcast_to",
    "cast",
    "categorical_crossentropy",
    "cbrt",
    "cdist",
    "ceil",
    "celu",
    "cholesky",
    "cholesky_inverse",
    "clip",
    "concatenate",
    "cond",
    "conj",
    "conjugate",
    "conv",
    "conv_transpose",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "corrcoef",
    "correlate",
    "cos",
    "cosh",
    "count_nonzero",
    "cross",
    "cumprod",
    "cumsum",
    "custom_gradient",
    "deg2rad",
    "depth_to_space",
    "depthwise_conv",
    "det",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "digitize",
    "divide",
    "divide_no_nan",
    "dot",
    "dot_product_attention",
    "dsplit",
    "dstack",
    "dtype",
    "eig",
    "eigh",
    "einsum",
    "elu",
    "empty",
    "empty_like",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "extract_sequences",
    "eye",
    "fabs",
    "fft",
    "fft2",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "fold",
    "fori_loop",
    "full",
    "full_like",
    "gcd",
    "gelu",
    "geomspace",
    "get_item",
    "glu",
    "greater",
    "greater_equal",
    "hamming",
    "hanning",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "heaviside",
    "histogram",
    "hsplit",
    "hstack",
    "hypot",
    "i0",
    "identity",
    "ifft2",
    "imag",
    "image",
    "in_top_k",
    "inner",
    "inv",
    "irfft",
    "is_tensor",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "istft",
    "jvp",
    "kaiser",
    "kron",
    "layer_normalization",
    "lcm",
    "ldexp",
    "leaky_relu",
    "left_shift",
    "less",
    "less_equal",
    "linalg",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logspace",
    "logsumexp",
    "lstsq",
    "lu_factor",
    "map",
    "matmul",
    "matrix_rank",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mod",
    "moments",
    "moveaxis",
    "multi_hot",
    "multiply",
    "nan_to_num",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "ndim",
    "negative",
    "nextafter",
    "nn",
    "nonzero",
    "norm",
    "normalize",
    "not_equal",
    "numpy",
    "one_hot",
    "ones",
    "ones_like",
    "outer",
    "pad",
    "percentile",
    "pinv",
    "polar",
    "positive",
    "power",
    "prod",
    "psnr",
    "ptp",
    "qr",
    "quantile",
    "rad2deg",
    "ravel",
    "real",
    "rearrange",
    "reciprocal",
    "relu",
    "relu6",
    "repeat",
    "reshape",
    "rfft",
    "right_shift",
    "rms_normalization",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "searchsorted",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "select",
    "selu",
    "separable_conv",
    "shape",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "size",
    "slice",
    "slice_update",
    "slogdet",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "solve",
    "solve_triangular",
    "sort",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "split",
    "sqrt",
    "square",
    "squareplus",
    "squeeze",
    "stack",
    "std",
    "stft",
    "stop_gradient",
    "subtract",
    "sum",
    "svd",
    "swapaxes",
    "swish",
    "switch",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tanh_shrink",
    "tensordot",
    "threshold",
    "tile",
    "top_k",
    "trace",
    "transpose",
    "trapezoid",
    "tri",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "unfold",
    "unique",
    "unravel_index",
    "unstack",
    "vander",
    "var",
    "vdot",
    "vectorize",
    "vectorized_map",
    "view",
    "view_as_complex",
    "view_as_real",
    "vsplit",
    "vstack",
    "where",
    "while_loop",
    "zeros",
    "zeros_like",
]
