"""Elementwise functions: arithmetic, exponentials, trigonometry, rounding, bits.

Most are the JAX function of the same name, so a table gives their names and descriptions. Integers and bools become
the default float where the result has fractions.

>>> exp([0, 1])
Array([1.       , 2.718...], dtype=float32)
>>> add([1, 2], 0.5)
Array([1.5, 2.5], dtype=float32, weak_type=True)
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.convert import to_tensor, unwrap
from ...core.dtypes import floatx, numpy_dtype
from ...core.engine import jnp
from ...core.op import Argument, DTypeLike, Tensor, TensorLike, op
from ...core.types import Array, ArrayLike
from ..families import named_op


def _unary(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike], Tensor]:
    def function(x: TensorLike) -> Tensor:
        return getattr(jnp, name)(x)

    args = {"x": "Tensor, number or nested list of numbers."}
    return named_op(
        function, name, what, args, "Tensor of the shape of `x`.", keras_class=keras_class, elementwise=True
    )


def _binary(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x1: TensorLike, x2: TensorLike) -> Tensor:
        return getattr(jnp, name)(x1, x2)

    args = {"x1, x2": "Tensors, numbers or nested lists; their shapes are broadcast, their dtypes promoted."}
    return _broadcasting(function, name, what, args, keras_class)


def _binary_of_tensors(name: str, what: str) -> Callable[[TensorLike, TensorLike], Tensor]:
    """Makes a function in which numbers have the default dtype, as in Keras, not that of the other tensor."""

    def function(x1: TensorLike, x2: TensorLike) -> Tensor:
        return getattr(jnp, name)(to_tensor(x1), to_tensor(x2))

    args = {"x1, x2": "Tensors, numbers or nested lists; their shapes are broadcast, their dtypes promoted."}
    return _broadcasting(function, name, what, args, None)


def _bits(name: str, what: str, keras_class: str | None = None) -> Callable[[TensorLike, TensorLike], Tensor]:
    def function(x: TensorLike, y: TensorLike) -> Tensor:
        return getattr(jnp, name)(x, y)

    args = {"x, y": "Tensors of integers or bools, numbers or nested lists; their shapes are broadcast."}
    return _broadcasting(function, name, what, args, keras_class)


def _broadcasting(function: Callable, name: str, what: str, args: dict[str, str], keras_class: str | None) -> Callable:
    error = {"TypeError": "The shapes can't be broadcast. For symbolic tensors this is a ValueError."}
    returns = "Tensor of the broadcast shape."
    return named_op(function, name, what, args, returns, error, keras_class=keras_class, elementwise=True)


absolute = _unary("absolute", "Computes absolute values; the modulus of complex numbers.")
abs = absolute
angle = _unary("angle", "Computes the argument of complex numbers, in radians.")
arccos = _unary("arccos", "Computes the inverse cosine, in radians.")
arccosh = _unary("arccosh", "Computes the inverse hyperbolic cosine.")
arcsin = _unary("arcsin", "Computes the inverse sine, in radians.")
arcsinh = _unary("arcsinh", "Computes the inverse hyperbolic sine.")
arctan = _unary("arctan", "Computes the inverse tangent, in radians.")
arctanh = _unary("arctanh", "Computes the inverse hyperbolic tangent.")
bitwise_invert = _unary("bitwise_invert", "Flips every bit of each integer.")
bitwise_not = _unary("bitwise_not", "Flips every bit of each integer.")
cbrt = _unary("cbrt", "Computes the cube root.")
conjugate = _unary("conjugate", "Computes the complex conjugate.")
conj = conjugate
copy = _unary("copy", "Copies a tensor.")
cos = _unary("cos", "Computes the cosine of angles in radians.")
cosh = _unary("cosh", "Computes the hyperbolic cosine.")
deg2rad = _unary("deg2rad", "Converts degrees to radians.")
exp = _unary("exp", "Computes the exponential, `e**x`.")
exp2 = _unary("exp2", "Computes `2**x`.")
expm1 = _unary("expm1", "Computes `exp(x) - 1`, accurately also for small `x`.")
fabs = _unary("fabs", "Computes absolute values as floats.")
i0 = _unary("i0", "Computes the modified Bessel function of the first kind, order 0.")
imag = _unary("imag", "Returns the imaginary part.")
isfinite = _unary("isfinite", "Tests elementwise for finite numbers, neither infinite nor NaN.", "Isfinite")
isinf = _unary("isinf", "Tests elementwise for infinity.", "Isinf")
isnan = _unary("isnan", "Tests elementwise for NaN.", "Isnan")
isneginf = _unary("isneginf", "Tests elementwise for negative infinity.", "Isneginf")
isposinf = _unary("isposinf", "Tests elementwise for positive infinity.", "Isposinf")
isreal = _unary("isreal", "Tests elementwise for an imaginary part of zero.", "Isreal")
log = _unary("log", "Computes the natural logarithm.")
log10 = _unary("log10", "Computes the logarithm to base 10.")
log1p = _unary("log1p", "Computes `log(1 + x)`, accurately also for small `x`.")
log2 = _unary("log2", "Computes the logarithm to base 2.")
logical_not = _unary("logical_not", "Computes the logical NOT; numbers are true unless zero.")
negative = _unary("negative", "Computes `-x`.")
positive = _unary("positive", "Returns `+x`, the elements unchanged.")
rad2deg = _unary("rad2deg", "Converts radians to degrees.")
real = _unary("real", "Returns the real part.")
reciprocal = _unary("reciprocal", "Computes `1 / x`.")
sign = _unary("sign", "Returns the sign of each element: -1, 0 or 1.")
signbit = _unary("signbit", "Tests elementwise for a set sign bit (also that of -0.0).")
sin = _unary("sin", "Computes the sine of angles in radians.")
sinc = _unary("sinc", "Computes `sin(pi x) / (pi x)`, which is 1 at zero.")
sinh = _unary("sinh", "Computes the hyperbolic sine.")
sqrt = _unary("sqrt", "Computes the square root; NaN for negative numbers.")
square = _unary("square", "Computes `x * x`.")
tan = _unary("tan", "Computes the tangent of angles in radians.")
tanh = _unary("tanh", "Computes the hyperbolic tangent.")
trunc = _unary("trunc", "Truncates to the integer part.")

add = _binary("add", "Computes `x1 + x2`.")
arctan2 = _binary_of_tensors("arctan2", "Computes the angle of the point `(x2, x1)` in radians, from -pi to pi.")
divide = _binary("divide", "Computes `x1 / x2`, a float also for integers.")
equal = _binary("equal", "Computes `x1 == x2`.")
floor_divide = _binary("floor_divide", "Computes `floor(x1 / x2)`.")
fmax = _binary("fmax", "Computes the elementwise maximum; if one element is NaN, returns the other.")
fmin = _binary("fmin", "Computes the elementwise minimum; if one element is NaN, returns the other.")
fmod = _binary("fmod", "Computes the remainder of `x1 / x2` with the sign of `x1`.")
gcd = _binary("gcd", "Computes the greatest common divisor of integers.")
greater = _binary("greater", "Computes `x1 > x2`.")
greater_equal = _binary("greater_equal", "Computes `x1 >= x2`.")
heaviside = _binary("heaviside", "Computes the Heaviside step function of `x1`, which is `x2` at zero.")
hypot = _binary("hypot", "Computes the hypotenuse, `sqrt(x1**2 + x2**2)`.")
lcm = _binary("lcm", "Computes the least common multiple of integers.")
ldexp = _binary("ldexp", "Computes `x1 * 2**x2`.")
less = _binary("less", "Computes `x1 < x2`.")
less_equal = _binary("less_equal", "Computes `x1 <= x2`.")
logaddexp = _binary_of_tensors("logaddexp", "Computes `log(exp(x1) + exp(x2))` without overflow.")
logaddexp2 = _binary_of_tensors("logaddexp2", "Computes `log2(2**x1 + 2**x2)` without overflow.")
logical_and = _binary("logical_and", "Computes the logical AND.")
logical_or = _binary("logical_or", "Computes the logical OR.")
logical_xor = _binary("logical_xor", "Computes the logical exclusive OR.")
maximum = _binary("maximum", "Computes the elementwise maximum; NaN if one element is NaN.")
minimum = _binary("minimum", "Computes the elementwise minimum; NaN if one element is NaN.")
mod = _binary("mod", "Computes the remainder of `x1 / x2` with the sign of `x2`.")
multiply = _binary("multiply", "Computes `x1 * x2`.")
nextafter = _binary("nextafter", "Returns the next float after `x1` towards `x2`.")
not_equal = _binary("not_equal", "Computes `x1 != x2`.")
power = _binary("power", "Computes `x1**x2`.")
subtract = _binary("subtract", "Computes `x1 - x2`.")
true_divide = _binary("true_divide", "Computes `x1 / x2`, a float also for integers.")

bitwise_and = _bits("bitwise_and", "Computes the bitwise AND.")
bitwise_left_shift = _bits("bitwise_left_shift", "Computes `x << y`.")
bitwise_or = _bits("bitwise_or", "Computes the bitwise OR.")
bitwise_right_shift = _bits("bitwise_right_shift", "Computes `x >> y`.")
bitwise_xor = _bits("bitwise_xor", "Computes the bitwise exclusive OR.")
left_shift = _bits("left_shift", "Computes `x << y`.")
right_shift = _bits("right_shift", "Computes `x >> y`.")


def _fraction(x: Array) -> Array:
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(floatx())


@op
def ceil(x: TensorLike) -> Tensor:
    """Rounds up to the next integer, as a float.

    Args:
        x: Tensor.

    Returns:
        Float tensor of the shape of `x`.

    >>> ceil([0.5, -0.5])
    Array([ 1., -0.], dtype=float32)
    """
    return jnp.ceil(_fraction(x))


@op
def floor(x: TensorLike) -> Tensor:
    """Rounds down to the next integer, as a float.

    Args:
        x: Tensor.

    Returns:
        Float tensor of the shape of `x`.

    >>> floor([0.5, -0.5])
    Array([ 0., -1.], dtype=float32)
    """
    return jnp.floor(_fraction(x))


@op
def clip(x: TensorLike, x_min: ArrayLike, x_max: ArrayLike) -> Tensor:
    """Clips each element to `[x_min, x_max]`.

    Args:
        x: Tensor.
        x_min, x_max: Bounds: numbers, or tensors that broadcast with `x`.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        TypeError: The shapes of the bounds don't broadcast with that of `x`.

    >>> clip([-1, 0.5, 3], 0, 1)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return jnp.clip(x, unwrap(x_min), unwrap(x_max))


@op
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Divides `x1` by `x2`, with 0 where `x2` is 0. The gradient is 0 there, too.

    Args:
        x1, x2: Tensors, numbers or nested lists; their shapes are broadcast, their dtypes promoted.

    Returns:
        Tensor of the broadcast shape.

    >>> divide_no_nan([2.0, 1.0], [4.0, 0.0])
    Array([0.5, 0. ], dtype=float32)
    """
    x2 = jnp.asarray(x2)
    zero = x2 == 0
    return jnp.where(zero, 0, jnp.divide(x1, jnp.where(zero, 1, x2)))


@op
def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """Rounds to `decimals` decimal places; halves are rounded to even.

    Args:
        x: Tensor.
        decimals: Number of decimal places; negative for places left of the point.

    Returns:
        Tensor of the shape of `x`.

    >>> round([0.5, 1.5, 2.26], 1)
    Array([0.5, 1.5, 2.3], dtype=float32)
    """
    return jnp.round(x, decimals)


@op
def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Replaces NaN and infinities by finite numbers.

    Args:
        x: Tensor.
        nan: Replacement of NaN.
        posinf, neginf: Replacements of the infinities; None for the largest and the lowest finite number of the dtype.

    Returns:
        Tensor of the shape of `x`.

    >>> nan_to_num([np.nan, np.inf], posinf=9.0)
    Array([0., 9.], dtype=float32)
    """
    return jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


# Keras's files keep only `equal_nan` of the settings, so tolerances are recorded as arguments of the call.
@op
def isclose(
    x1: TensorLike, x2: TensorLike, rtol: Argument = 1e-5, atol: Argument = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Tests elementwise whether `|x1 - x2| <= atol + rtol * |x2|`.

    Args:
        x1, x2: Tensors, numbers or nested lists, broadcast together.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        equal_nan: Whether two NaNs are close.

    Returns:
        Bool tensor of the broadcast shape.

    >>> isclose([1.0, 2.0], [1.0, 2.1])
    Array([ True, False], dtype=bool)
    """
    return jnp.isclose(x1, x2, rtol, atol, equal_nan)


@op(keras_class="AllClose")
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Tests whether `|x1 - x2| <= atol + rtol * |x2|` holds for all elements.

    Args:
        x1, x2: Tensors, numbers or nested lists, broadcast together.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        equal_nan: Whether two NaNs are close.

    Returns:
        Bool tensor, `()`.

    >>> allclose([1.0, 2.0], [1.0, 2.1])
    Array(False, dtype=bool)
    """
    return jnp.allclose(x1, x2, rtol, atol, equal_nan)


@op
def view(x: TensorLike, dtype: DTypeLike = None) -> Tensor:
    """Reinterprets the bits of a tensor as another dtype.

    Args:
        x: Tensor.
        dtype: Dtype; None for that of `x`. If its size differs, the last axis shrinks or grows accordingly.

    Returns:
        Tensor of the same bytes.

    Raises:
        ValueError: `dtype` is not a dtype.

    >>> view(np.array([1.0], "float32"), "int32")
    Array([1065353216], dtype=int32)
    """
    return x if dtype is None else x.view(numpy_dtype(dtype))
