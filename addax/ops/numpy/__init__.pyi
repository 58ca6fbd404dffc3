from .creation import arange as arange
from .creation import array as array
from .creation import bartlett as bartlett
from .creation import blackman as blackman
from .creation import empty as empty
from .creation import empty_like as empty_like
from .creation import eye as eye
from .creation import full as full
from .creation import full_like as full_like
from .creation import geomspace as geomspace
from .creation import hamming as hamming
from .creation import hanning as hanning
from .creation import identity as identity
from .creation import kaiser as kaiser
from .creation import linspace as linspace
from .creation import logspace as logspace
from .creation import meshgrid as meshgrid
from .creation import ones as ones
from .creation import ones_like as ones_like
from .creation import tri as tri
from .creation import vander as vander
from .creation import zeros as zeros
from .creation import zeros_like as zeros_like
from .elementwise import abs as abs
from .elementwise import absolute as absolute
from .elementwise import add as add
from .elementwise import allclose as allclose
from .elementwise import angle as angle
from .elementwise import arccos as arccos
from .elementwise import arccosh as arccosh
from .elementwise import arcsin as arcsin
from .elementwise import arcsinh as arcsinh
from .elementwise import arctan as arctan
from .elementwise import arctan2 as arctan2
from .elementwise import arctanh as arctanh
from .elementwise import bitwise_and as bitwise_and
from .elementwise import bitwise_invert as bitwise_invert
from .elementwise import bitwise_left_shift as bitwise_left_shift
from .elementwise import bitwise_not as bitwise_not
from .elementwise import bitwise_or as bitwise_or
from .elementwise import bitwise_right_shift as bitwise_right_shift
from .elementwise import bitwise_xor as bitwise_xor
from .elementwise import cbrt as cbrt
from .elementwise import ceil as ceil
from .elementwise import clip as clip
from .elementwise import conj as conj
from .elementwise import conjugate as conjugate
from .elementwise import copy as copy
from .elementwise import cos as cos
from .elementwise import cosh as cosh
from .elementwise import deg2rad as deg2rad
from .elementwise import divide as divide
from .elementwise import divide_no_nan as divide_no_nan
from .elementwise import equal as equal
from .elementwise import exp as exp
from .elementwise import exp2 as exp2
from .elementwise import expm1 as expm1
from .elementwise import fabs as fabs
from .elementwise import floor as floor
from .elementwise import floor_divide as floor_divide
from .elementwise import fmax as fmax
from .elementwise import fmin as fmin
from .elementwise import fmod as fmod
from .elementwise import gcd as gcd
from .elementwise import greater as greater
from .elementwise import greater_equal as greater_equal
from .elementwise import heaviside as heaviside
from .elementwise import hypot as hypot
from .elementwise import i0 as i0
from .elementwise import imag as imag
from .elementwise import isclose as isclose
from .elementwise import isfinite as isfinite
from .elementwise import isinf as isinf
from .elementwise import isnan as isnan
from .elementwise import isneginf as isneginf
from .elementwise import isposinf as isposinf
from .elementwise import isreal as isreal
from .elementwise import lcm as lcm
from .elementwise import ldexp as ldexp
from .elementwise import left_shift as left_shift
from .elementwise import less as less
from .elementwise import less_equal as less_equal
from .elementwise import log as log
from .elementwise import log1p as log1p
from .elementwise import log2 as log2
from .elementwise import log10 as log10
from .elementwise import logaddexp as logaddexp
from .elementwise import logaddexp2 as logaddexp2
from .elementwise import logical_and as logical_and
from .elementwise import logical_not as logical_not
from .elementwise import logical_or as logical_or
from .elementwise import logical_xor as logical_xor
from .elementwise import maximum as maximum
from .elementwise import minimum as minimum
from .elementwise import mod as mod
from .elementwise import multiply as multiply
from .elementwise import nan_to_num as nan_to_num
from .elementwise import negative as negative
from .elementwise import nextafter as nextafter
from .elementwise import not_equal as not_equal
from .elementwise import positive as positive
from .elementwise import power as power
from .elementwise import rad2deg as rad2deg
from .elementwise import real as real
from .elementwise import reciprocal as reciprocal
from .elementwise import right_shift as right_shift
from .elementwise import round as round
from .elementwise import sign as sign
from .elementwise import signbit as signbit
from .elementwise import sin as sin
from .elementwise import sinc as sinc
from .elementwise import sinh as sinh
from .elementwise import sqrt as sqrt
from .elementwise import square as square
from .elementwise import subtract as subtract
from .elementwise import tan as tan
from .elementwise import tanh as tanh
from .elementwise import true_divide as true_divide
from .elementwise import trunc as trunc
from .elementwise import view as view
from .indexing import argpartition as argpartition
from .indexing import argsort as argsort
from .indexing import bincount as bincount
from .indexing import digitize as digitize
from .indexing import get_item as get_item
from .indexing import histogram as histogram
from .indexing import isin as isin
from .indexing import nonzero as nonzero
from .indexing import searchsorted as searchsorted
from .indexing import select as select
from .indexing import sort as sort
from .indexing import take as take
from .indexing import take_along_axis as take_along_axis
from .indexing import tril as tril
from .indexing import triu as triu
from .indexing import unique as unique
from .indexing import unravel_index as unravel_index
from .indexing import where as where
from .products import corrcoef as corrcoef
from .products import correlate as correlate
from .products import cross as cross
from .products import diff as diff
from .products import dot as dot
from .products import einsum as einsum
from .products import inner as inner
from .products import kron as kron
from .products import matmul as matmul
from .products import ndim as ndim
from .products import outer as outer
from .products import size as size
from .products import slogdet as slogdet
from .products import tensordot as tensordot
from .products import trace as trace
from .products import vdot as vdot
from .products import vectorize as vectorize
from .reductions import all as all
from .reductions import amax as amax
from .reductions import amin as amin
from .reductions import any as any
from .reductions import argmax as argmax
from .reductions import argmin as argmin
from .reductions import average as average
from .reductions import count_nonzero as count_nonzero
from .reductions import cumprod as cumprod
from .reductions import cumsum as cumsum
from .reductions import max as max
from .reductions import mean as mean
from .reductions import median as median
from .reductions import min as min
from .reductions import nanargmax as nanargmax
from .reductions import nanargmin as nanargmin
from .reductions import nancumprod as nancumprod
from .reductions import nancumsum as nancumsum
from .reductions import nanmax as nanmax
from .reductions import nanmean as nanmean
from .reductions import nanmedian as nanmedian
from .reductions import nanmin as nanmin
from .reductions import nanpercentile as nanpercentile
from .reductions import nanprod as nanprod
from .reductions import nanquantile as nanquantile
from .reductions import nanstd as nanstd
from .reductions import nansum as nansum
from .reductions import nanvar as nanvar
from .reductions import percentile as percentile
from .reductions import prod as prod
from .reductions import ptp as ptp
from .reductions import quantile as quantile
from .reductions import std as std
from .reductions import sum as sum
from .reductions import trapezoid as trapezoid
from .reductions import var as var
from .shaping import append as append
from .shaping import array_split as array_split
from .shaping import broadcast_to as broadcast_to
from .shaping import concatenate as concatenate
from .shaping import diag as diag
from .shaping import diagflat as diagflat
from .shaping import diagonal as diagonal
from .shaping import dsplit as dsplit
from .shaping import dstack as dstack
from .shaping import expand_dims as expand_dims
from .shaping import flip as flip
from .shaping import fliplr as fliplr
from .shaping import flipud as flipud
from .shaping import hsplit as hsplit
from .shaping import hstack as hstack
from .shaping import moveaxis as moveaxis
from .shaping import pad as pad
from .shaping import ravel as ravel
from .shaping import repeat as repeat
from .shaping import reshape as reshape
from .shaping import roll as roll
from .shaping import rot90 as rot90
from .shaping import split as split
from .shaping import squeeze as squeeze
from .shaping import stack as stack
from .shaping import swapaxes as swapaxes
from .shaping import tile as tile
from .shaping import transpose as transpose
from .shaping import vsplit as vsplit
from .shaping import vstack as vstack

__all__ = [
    "abs",
    "absolute",
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
    "average",
    "bartlett",
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
    "cbrt",
    "ceil",
    "clip",
    "concatenate",
    "conj",
    "conjugate",
    "copy",
    "corrcoef",
    "correlate",
    "cos",
    "cosh",
    "count_nonzero",
    "cross",
    "cumprod",
    "cumsum",
    "deg2rad",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "digitize",
    "divide",
    "divide_no_nan",
    "dot",
    "dsplit",
    "dstack",
    "einsum",
    "empty",
    "empty_like",
    "equal",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "fabs",
    "flip",
    "fliplr",
    "flipud",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "full",
    "full_like",
    "gcd",
    "geomspace",
    "get_item",
    "greater",
    "greater_equal",
    "hamming",
    "hanning",
    "heaviside",
    "histogram",
    "hsplit",
    "hstack",
    "hypot",
    "i0",
    "identity",
    "imag",
    "inner",
    "isclose",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "kaiser",
    "kron",
    "lcm",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "linspace",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logspace",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mod",
    "moveaxis",
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
    "nonzero",
    "not_equal",
    "ones",
    "ones_like",
    "outer",
    "pad",
    "percentile",
    "positive",
    "power",
    "prod",
    "ptp",
    "quantile",
    "rad2deg",
    "ravel",
    "real",
    "reciprocal",
    "repeat",
    "reshape",
    "right_shift",
    "roll",
    "rot90",
    "round",
    "searchsorted",
    "select",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "size",
    "slogdet",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "trace",
    "transpose",
    "trapezoid",
    "tri",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "unique",
    "unravel_index",
    "vander",
    "var",
    "vdot",
    "vectorize",
    "view",
    "vsplit",
    "vstack",
    "where",
    "zeros",
    "zeros_like",
]
