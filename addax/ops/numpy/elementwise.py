"""Functions of each element: arithmetic, exponentials, trigonometry, rounding, bits.

Most are JAX's function of that name, so they are a table: name and what it computes. Integers and bools become the
default float where the function has fractions.

>>> exp([0, 1])
Array([1.       , 2.718...], dtype=float32)
>>> add([1, 2], 0.5)
Array([1.5, 2.5], dtype=float32, weak_type=True)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.convert import unwrap
from ...core.dtypes import floatx, numpy_dtype
from ...core.engine import jnp
from ...core.op import Argument, DTypeLike, Tensor, TensorLike, op


def _unary(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return getattr(jnp, name)(x)

    return _define(
        function, name, what, "x: Tensor, number or nested list of numbers.", "the shape of `x`", keras_class
    )


def _binary(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x1: TensorLike, x2: TensorLike) -> Tensor:
        return getattr(jnp, name)(x1, x2)

    args = "x1, x2: Tensors, numbers or nested lists; their shapes are broadcast, their dtypes promoted."
    return _define(function, name, what, args, "the broadcast shape", keras_class)


def _bits(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x: TensorLike, y: TensorLike) -> Tensor:
        return getattr(jnp, name)(x, y)

    args = "x, y: Tensors of integers or bools, numbers or nested lists; their shapes are broadcast."
    return _define(function, name, what, args, "the broadcast shape", keras_class)


def _define(function: Callable, name: str, what: str, args: str, shape: str, keras_class: str | None) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{what}\n\nArgs:\n    {args}\n\nReturns:\n    Tensor of {shape}.\n"
    return op(function, keras_class=keras_class, elementwise=True)


absolute = _unary("absolute", "Absolute value; the modulus of a complex number.")
abs = absolute
angle = _unary("angle", "Argument of a complex number, in radians.")
arccos = _unary("arccos", "Inverse cosine, in radians.")
arccosh = _unary("arccosh", "Inverse hyperbolic cosine.")
arcsin = _unary("arcsin", "Inverse sine, in radians.")
arcsinh = _unary("arcsinh", "Inverse hyperbolic sine.")
arctan = _unary("arctan", "Inverse tangent, in radians.")
arctanh = _unary("arctanh", "Inverse hyperbolic tangent.")
bitwise_invert = _unary("bitwise_invert", "Flips every bit of each integer.")
bitwise_not = _unary("bitwise_not", "Flips every bit of each integer.")
cbrt = _unary("cbrt", "Cube root.")
conjugate = _unary("conjugate", "Complex conjugate.")
conj = conjugate
copy = _unary("copy", "A copy.")
cos = _unary("cos", "Cosine of an angle in radians.")
cosh = _unary("cosh", "Hyperbolic cosine.")
deg2rad = _unary("deg2rad", "Degrees to radians.")
exp = _unary("exp", "`e` to the power of each element.")
exp2 = _unary("exp2", "2 to the power of each element.")
expm1 = _unary("expm1", "`exp(x) - 1`, exact also for small `x`.")
fabs = _unary("fabs", "Absolute value as a float.")
i0 = _unary("i0", "Modified Bessel function of the first kind, order 0.")
imag = _unary("imag", "Imaginary part.")
isfinite = _unary("isfinite", "Whether each element is neither infinite nor NaN.", "Isfinite")
isinf = _unary("isinf", "Whether each element is infinite.", "Isinf")
isnan = _unary("isnan", "Whether each element is NaN.", "Isnan")
isneginf = _unary("isneginf", "Whether each element is minus infinity.", "Isneginf")
isposinf = _unary("isposinf", "Whether each element is plus infinity.", "Isposinf")
isreal = _unary("isreal", "Whether each element has no imaginary part.", "Isreal")
log = _unary("log", "Natural logarithm.")
log10 = _unary("log10", "Logarithm to base 10.")
log1p = _unary("log1p", "`log(1 + x)`, exact also for small `x`.")
log2 = _unary("log2", "Logarithm to base 2.")
logical_not = _unary("logical_not", "Whether each element is false (or zero).")
negative = _unary("negative", "`-x`.")
positive = _unary("positive", "`x` unchanged.")
rad2deg = _unary("rad2deg", "Radians to degrees.")
real = _unary("real", "Real part.")
reciprocal = _unary("reciprocal", "`1 / x`.")
sign = _unary("sign", "-1, 0 or 1, as each element is below, at or above zero.")
signbit = _unary("signbit", "Whether the sign bit is set (also that of -0.0).")
sin = _unary("sin", "Sine of an angle in radians.")
sinc = _unary("sinc", "`sin(pi x) / (pi x)`, 1 at zero.")
sinh = _unary("sinh", "Hyperbolic sine.")
sqrt = _unary("sqrt", "Square root; NaN below zero.")
square = _unary("square", "`x * x`.")
tan = _unary("tan", "Tangent of an angle in radians.")
tanh = _unary("tanh", "Hyperbolic tangent.")
trunc = _unary("trunc", "The integer part.")

add = _binary("add", "`x1 + x2`.")
arctan2 = _binary("arctan2", "Angle of the point `(x2, x1)` in radians, the quadrant being right.")
divide = _binary("divide", "`x1 / x2`; a float also for integers.")
equal = _binary("equal", "Whether `x1 == x2`.")
floor_divide = _binary("floor_divide", "Largest integer not above `x1 / x2`.")
fmax = _binary("fmax", "The greater of both; the other one where one is NaN.")
fmin = _binary("fmin", "The smaller of both; the other one where one is NaN.")
fmod = _binary("fmod", "Remainder of `x1 / x2` with the sign of `x1`.")
gcd = _binary("gcd", "Greatest common divisor of integers.")
greater = _binary("greater", "Whether `x1 > x2`.")
greater_equal = _binary("greater_equal", "Whether `x1 >= x2`.")
heaviside = _binary("heaviside", "0 below zero, 1 above, `x2` where `x1` is zero.")
hypot = _binary("hypot", "`sqrt(x1**2 + x2**2)`.")
lcm = _binary("lcm", "Least common multiple of integers.")
ldexp = _binary("ldexp", "`x1 * 2**x2`.")
less = _binary("less", "Whether `x1 < x2`.")
less_equal = _binary("less_equal", "Whether `x1 <= x2`.")
logaddexp = _binary("logaddexp", "`log(exp(x1) + exp(x2))` without overflow.")
logaddexp2 = _binary("logaddexp2", "`log2(2**x1 + 2**x2)` without overflow.")
logical_and = _binary("logical_and", "Whether both are true.")
logical_or = _binary("logical_or", "Whether one is true.")
logical_xor = _binary("logical_xor", "Whether exactly one is true.")
maximum = _binary("maximum", "The greater of both; NaN where one is NaN.")
minimum = _binary("minimum", "The smaller of both; NaN where one is NaN.")
mod = _binary("mod", "Remainder of `x1 / x2` with the sign of `x2`.")
multiply = _binary("multiply", "`x1 * x2`.")
nextafter = _binary("nextafter", "The next float after `x1` towards `x2`.")
not_equal = _binary("not_equal", "Whether `x1 != x2`.")
power = _binary("power", "`x1` to the power of `x2`.")
subtract = _binary("subtract", "`x1 - x2`.")
true_divide = _binary("true_divide", "`x1 / x2`; a float also for integers.")

bitwise_and = _bits("bitwise_and", "Bits that are set in both.")
bitwise_left_shift = _bits("bitwise_left_shift", "`x << y`.")
bitwise_or = _bits("bitwise_or", "Bits that are set in one.")
bitwise_right_shift = _bits("bitwise_right_shift", "`x >> y`.")
bitwise_xor = _bits("bitwise_xor", "Bits that are set in exactly one.")
left_shift = _bits("left_shift", "`x << y`.")
right_shift = _bits("right_shift", "`x >> y`.")


def _fraction(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(floatx())


@op
def ceil(x: TensorLike) -> Tensor:
    """Smallest integer not below each element, as a float.

    >>> ceil([0.5, -0.5])
    Array([ 1., -0.], dtype=float32)
    """
    return jnp.ceil(_fraction(x))


@op
def floor(x: TensorLike) -> Tensor:
    """Largest integer not above each element, as a float.

    >>> floor([0.5, -0.5])
    Array([ 0., -1.], dtype=float32)
    """
    return jnp.floor(_fraction(x))


@op
def clip(x: TensorLike, x_min: Any, x_max: Any) -> Tensor:
    """Brings each element into `[x_min, x_max]`.

    Args:
        x: Tensor.
        x_min, x_max: The bounds: numbers, or tensors that broadcast with `x`.

    >>> clip([-1, 0.5, 3], 0, 1)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jnp.clip(x, unwrap(x_min), unwrap(x_max))


@op
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """`x1 / x2`, and 0 where `x2` is 0; the gradient is 0 there too.

    >>> divide_no_nan([2.0, 1.0], [4.0, 0.0])
    Array([0.5, 0. ], dtype=float32)
    """
    x2 = jnp.asarray(x2)
    zero = x2 == 0
    return jnp.where(zero, 0, jnp.divide(x1, jnp.where(zero, 1, x2)))


@op
def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """Nearest number with `decimals` decimals; halves go to the even neighbour.

    >>> round([0.5, 1.5, 2.26], 1)
    Array([0.5, 1.5, 2.3], dtype=float32)
    """
    return jnp.round(x, decimals)


@op
def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Replaces NaN and the infinities by numbers.

    Args:
        x: Tensor.
        nan: What NaN becomes.
        posinf, neginf: What the infinities become; None for the greatest and the smallest number of the dtype.

    >>> nan_to_num([np.nan, np.inf], posinf=9.0)
    Array([0., 9.], dtype=float32)
    """
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


# Keras's files keep `equal_nan` only, so other tolerances stand among the arguments.
@op
def isclose(
    x1: TensorLike, x2: TensorLike, rtol: Argument = 1e-5, atol: Argument = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, for each element.

    >>> isclose([1.0, 2.0], [1.0, 2.1])
    Array([ True, False], dtype=bool)
    """
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@op(keras_class="AllClose")
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether `|x1 - x2| <= atol + rtol * |x2|` everywhere.

    >>> allclose([1.0, 2.0], [1.0, 2.1])
    Array(False, dtype=bool)
    """
    return jnp.allclose(x1, x2, rtol, atol, equal_nan)


@op
def view(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """The same bits read as another dtype.

    >>> view(np.array([1.0], "float32"), "int32")
    Array([1065353216], dtype=int32)
    """
    return x if dtype is None else x.view(numpy_dtype(dtype))
