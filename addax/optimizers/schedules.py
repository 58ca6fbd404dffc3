"""Learning rate schedules: functions of the iteration, a Python number or a traced array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core.convert import to_tensor
from ..core.engine import jnp
from ..core.family import Family
from ..core.op import TensorLike
from ..core.signature import Configurable
from ..core.types import Array
from .options import check_number

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base of learning rate schedules. A subclass defines `__call__(step)`.

    `step` is the number of steps done, an int array that may be traced, so use `keras.ops` rather than `if`. The config
    consists of the constructor's arguments, so `get_config` need not be defined.

    >>> class Halving(keras.optimizers.schedules.LearningRateSchedule):
    ...     def __init__(self, start): self.start = start
    ...     def __call__(self, step): return self.start / 2**step
    >>> Halving(1.0)(3)
    0.125
    """

    _about: tuple[str, ...] = ("name",)

    def __init__(self) -> None:
        """Takes no arguments; subclasses take their own."""

    def __call__(self, step: TensorLike) -> Array:
        """Computes the learning rate.

        Args:
            step: Number of steps done, an int scalar.

        Returns:
            A float scalar.
        """
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )


class _Decay(LearningRateSchedule):
    """Base of the schedules of an initial rate and a number of steps."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, name: str):
        _positive(decay_steps=decay_steps)
        check_number("initial_learning_rate", initial_learning_rate)
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.name = name


class _PeriodicDecay(_Decay):
    """Base of the schedules that decay by a rate per period of `decay_steps` steps."""

    def __init__(self, initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool, name: str):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.decay_rate = decay_rate
        self.staircase = staircase

    def _periods(self, step: TensorLike) -> Array:
        """Number of periods in `step` steps, rounded down with `staircase`."""
        periods = _float(step) / self.decay_steps
        return jnp.floor(periods) if self.staircase else periods


def _float(step: TensorLike) -> Array:
    return to_tensor(step).astype(to_tensor(0.0).dtype)


class ExponentialDecay(_PeriodicDecay):
    """Exponential decay, `initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at the start.
        decay_steps: Number of steps in which the rate is multiplied by `decay_rate`.
        decay_rate: Decay factor.
        staircase: Whether to round the exponent down, for a piecewise constant rate.
        name: Name.

    >>> float(keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.25)(5))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: TensorLike) -> Array:
        periods = self._periods(step)
        return self.initial_learning_rate * jnp.power(jnp.asarray(self.decay_rate, periods.dtype), periods)


class InverseTimeDecay(_PeriodicDecay):
    """Inverse time decay, `initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at the start.
        decay_steps: Number of steps in which the divisor grows by `decay_rate`.
        decay_rate: Decay rate.
        staircase: Whether to round `step / decay_steps` down, for a piecewise constant rate.
        name: Name.

    >>> float(keras.optimizers.schedules.InverseTimeDecay(1.0, 10, 1.0)(10))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: TensorLike) -> Array:
        periods = self._periods(step)
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


class PiecewiseConstantDecay(LearningRateSchedule):
    """Piecewise constant rate: one value per interval of steps.

    Args:
        boundaries: Increasing step numbers, each the last step of its interval.
        values: The rates, one more than boundaries.
        name: Name.

    Raises:
        ValueError: The lengths do not fit, or a rate is negative.

    >>> rate = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.25])
    >>> [float(rate(step)) for step in range(6)]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        for value in values:
            check_number("values", value)
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: TensorLike) -> Array:
        step = to_tensor(step)
        index = jnp.sum(step > jnp.asarray(self.boundaries)) if len(self.boundaries) else 0
        return jnp.asarray(self.values, to_tensor(0.0).dtype)[index]


class PolynomialDecay(_Decay):
    """Polynomial decay from `initial_learning_rate` to `end_learning_rate`, along `(1 - step / decay_steps) ** power`.

    Args:
        initial_learning_rate: Rate at the start.
        decay_steps: Number of steps of the decay.
        end_learning_rate: Rate after the decay.
        power: Exponent; 1 is linear decay.
        cycle: Whether to extend the decay, beyond its end, to the next multiple of `decay_steps`.
        name: Name.

    >>> float(keras.optimizers.schedules.PolynomialDecay(1.0, 10, end_learning_rate=0.0)(5))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle

    def __call__(self, step: TensorLike) -> Array:
        step = _float(step)
        if self.cycle:
            length = self.decay_steps * jnp.maximum(1.0, jnp.ceil(step / self.decay_steps))
        else:
            length = jnp.asarray(self.decay_steps, step.dtype)
            step = jnp.minimum(step, length)
        left = jnp.power(1 - step / length, self.power)
        return (self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate


class CosineDecay(_Decay):
    """Cosine decay, after an optional linear warmup.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Number of steps of the decay.
        alpha: The last rate, as a fraction of the rate at the start of the decay.
        name: Name.
        warmup_target: The rate at the end of the warmup; None for no warmup.
        warmup_steps: Number of steps of the warmup.

    See [Loshchilov & Hutter, 2017](https://arxiv.org/abs/1608.03983).

    >>> rate = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=4)
    >>> [round(float(rate(step)), 3) for step in (0, 2, 4, 9, 14, 20)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        super().__init__(initial_learning_rate, decay_steps, name)
        self.alpha = alpha
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _decayed(self, start: float, step: TensorLike) -> Array:
        wave = 0.5 * (1 + jnp.cos(math.pi * jnp.minimum(step, self.decay_steps) / self.decay_steps))
        return start * ((1 - self.alpha) * wave + self.alpha)

    def __call__(self, step: TensorLike) -> Array:
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        # Without warmup steps, `max` only avoids a division by zero: every step is past the warmup.
        rise = (self.warmup_target - self.initial_learning_rate) * step / max(self.warmup_steps, 1)
        return jnp.where(
            step < self.warmup_steps,
            self.initial_learning_rate + rise,
            self._decayed(self.warmup_target, step - self.warmup_steps),
        )


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay with warm restarts.

    Args:
        initial_learning_rate: Rate at the start of the first decay.
        first_decay_steps: Number of steps of the first decay.
        t_mul: Factor of the number of steps from one decay to the next.
        m_mul: Factor of the initial rate from one decay to the next.
        alpha: Lowest rate, as a fraction of `initial_learning_rate`.
        name: Name.

    See [Loshchilov & Hutter, 2017](https://arxiv.org/abs/1608.03983).

    >>> rate = keras.optimizers.schedules.CosineDecayRestarts(1.0, 4, m_mul=0.5)
    >>> [round(float(rate(step)), 3) for step in (0, 2, 4, 8)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        _positive(first_decay_steps=first_decay_steps)
        check_number("initial_learning_rate", initial_learning_rate)
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: TensorLike) -> Array:
        done = _float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            wave = jnp.floor(done)
            within = done - wave
        else:
            # The first n decays together are (1 - t^n) / (1 - t) times as long as the first; solved for n.
            wave = jnp.floor(jnp.log(1 - done * (1 - self.t_mul)) / math.log(self.t_mul))
            before = (1 - self.t_mul**wave) / (1 - self.t_mul)
            within = (done - before) / self.t_mul**wave
        height = 0.5 * self.m_mul**wave * (1 + jnp.cos(math.pi * within))
        return self.initial_learning_rate * ((1 - self.alpha) * height + self.alpha)


class OneCycle(LearningRateSchedule):
    """One cycle: the rate rises along a cosine to its largest value, and falls along another to almost nothing.

    Args:
        maximal_learning_rate: The largest rate.
        total_steps: Number of steps of the whole training; afterwards the rate stays as it is.
        warmup_fraction: Fraction of the steps in which the rate rises, in (0, 1).
        initial_divisor: The largest rate divided by the first one.
        final_divisor: The first rate divided by the last one.
        name: Name.

    Raises:
        ValueError: An argument is out of range.

    After Smith and Topin (2017, https://arxiv.org/abs/1708.07120).

    >>> rate = keras.optimizers.schedules.OneCycle(1.0, 100)
    >>> [round(float(rate(step)), 2) for step in (0, 15, 30, 65, 100)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        maximal_learning_rate: float,
        total_steps: int,
        warmup_fraction: float = 0.3,
        initial_divisor: float = 25.0,
        final_divisor: float = 1e4,
        name: str = "OneCycle",
    ):
        super().__init__()
        self.name = name
        _positive(
            maximal_learning_rate=maximal_learning_rate,
            total_steps=total_steps,
            warmup_fraction=warmup_fraction,
            initial_divisor=initial_divisor,
            final_divisor=final_divisor,
        )
        if not warmup_fraction < 1:
            raise ValueError(f"Argument `warmup_fraction` must be < 1. Received: warmup_fraction={warmup_fraction}")
        self.maximal_learning_rate = maximal_learning_rate
        self.total_steps = total_steps
        self.warmup_fraction = warmup_fraction
        self.initial_divisor = initial_divisor
        self.final_divisor = final_divisor

    def __call__(self, step: TensorLike) -> Array:
        done = jnp.clip(_float(step) / self.total_steps, 0, 1)
        rising = done / self.warmup_fraction
        falling = (done - self.warmup_fraction) / (1 - self.warmup_fraction)
        top, first = self.maximal_learning_rate, self.maximal_learning_rate / self.initial_divisor
        up = first + (top - first) * 0.5 * (1 - jnp.cos(math.pi * rising))
        last = first / self.final_divisor
        down = last + (top - last) * 0.5 * (1 + jnp.cos(math.pi * falling))
        return jnp.where(rising < 1, up, down)


def _positive(**arguments: float) -> None:
    for name, value in arguments.items():
        if not value > 0:  # NaN too
            raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")


SCHEDULES = Family("learning rate schedule", "addax.optimizers.schedules", LearningRateSchedule)


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Returns the description of a schedule for a config.

    Args:
        learning_rate_schedule: The schedule.

    Returns:
        A config.

    >>> serialize(CosineDecay(0.5, 10))["config"]["decay_steps"]
    10
    """
    return SCHEDULES.serialize(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the schedule that a config describes.

    Args:
        config: A config from `serialize`.
        custom_objects: Dict from names to the user's classes and functions.

    Returns:
        A schedule.

    Raises:
        ValueError: It describes no known schedule.

    >>> deserialize(serialize(CosineDecay(0.5, 10))).decay_steps
    10
    """
    return SCHEDULES.deserialize(config, custom_objects)
