"""Recurrences over time, as plain `lax` references.

The part that does not depend on the state (the products of all timesteps with the input kernel) is computed before the
scan, as one matrix product, except where that is slower (see `project_first`). A step of the gated cells is one product
of the state with the concatenated kernels of all gates.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..core.engine import jax, jnp, lax
from ..core.placement import platform
from ..core.types import Array

States = tuple[Any, ...]


def by_gate(x: Array, kernel: Array, masks: Sequence[Array] | None = None) -> Array:
    """Computes `x @ kernel`, with a separate mask on `x` for each gate if there are several.

    Args:
        x: `(batch, ..., features)`.
        kernel: `(features, gates * units)`.
        masks: Dropout masks, `(batch, features)`: one for all gates or one per gate; None for none.
    """
    if masks is None:
        return jnp.matmul(x, kernel)
    masks = [m.reshape((m.shape[0], *(1,) * (x.ndim - 2), m.shape[-1])) for m in masks]
    return jnp.concatenate([jnp.matmul(x * m, k) for m, k in zip(masks, jnp.split(kernel, len(masks), -1))], -1)


def project(x: Array, kernel: Array, bias: Array | None = None, masks: Sequence[Array] | None = None) -> Array:
    """Computes the contribution of inputs, `(batch, features)` or `(batch, time, features)`, to the gates."""
    x = by_gate(x, kernel, masks)
    return x if bias is None else x + bias


def project_first(kernel: Array) -> bool:
    """Tests whether the inputs of all timesteps are projected at once.

    On CPUs it is faster to apply a kernel that stays in the cache step by step than to write results, several times as
    large as the inputs, to memory and read them back: measured 1.5 to 2 times as fast for 64 features and 128 units.
    """
    return platform() != "cpu" or kernel.size > 2**18


def simple_step(x: Array, states: States, weights: tuple, dropout: tuple | None, activations: tuple) -> States:
    """Computes one step of the simple cell: `h' = f(x + h R)`."""
    return (activations[0](x + by_gate(states[0], weights[0], dropout)),)


def lstm_step(x: Array, states: States, weights: tuple, dropout: tuple | None, activations: tuple) -> States:
    """Computes one step of the long short-term memory; gates in the order input, forget, cell, output."""
    act, gate = activations
    h, c = states
    i, f, g, o = jnp.split(x + by_gate(h, weights[0], dropout), 4, -1)
    c = gate(f) * c + gate(i) * act(g)
    return gate(o) * act(c), c


def gru_step(x: Array, states: States, weights: tuple, dropout: tuple | None, activations: tuple) -> States:
    """Computes one step of the gated recurrent unit with the reset after the product; gates: update, reset, new."""
    act, gate = activations
    (h,) = states
    kernel, bias = weights
    inner = by_gate(h, kernel, dropout)
    if bias is not None:
        inner = inner + bias
    xz, xr, xh = jnp.split(x, 3, -1)
    hz, hr, hh = jnp.split(inner, 3, -1)
    z = gate(xz + hz)
    new = act(xh + gate(xr + hr) * hh)
    return (z * h + (1 - z) * new,)


def gru_reset_before_step(
    x: Array, states: States, weights: tuple, dropout: tuple | None, activations: tuple
) -> States:
    """Computes one step of the gated recurrent unit as first published, with the reset before the product."""
    act, gate = activations
    (h,) = states
    units = h.shape[-1]
    kernel = weights[0]
    inner = by_gate(h, kernel[:, : 2 * units], None if dropout is None else dropout[:2])
    xz, xr, xh = jnp.split(x, 3, -1)
    hz, hr = jnp.split(inner, 2, -1)
    z = gate(xz + hz)
    reset = gate(xr + hr) * h
    new = act(xh + by_gate(reset, kernel[:, 2 * units :], None if dropout is None else dropout[2:]))
    return (z * h + (1 - z) * new,)


def where_mask(mask: Array, new: Array, old: Array) -> Array:
    """Selects `new` for the samples where `mask`, `(batch,)`, is true, else `old`."""
    return jnp.where(mask.reshape(mask.shape + (1,) * (new.ndim - mask.ndim)), new, old)


def _recurrence(
    xs: Array,
    projection: tuple,
    states: States,
    weights: tuple,
    dropout: tuple | None,
    mask: Array | None,
    *,
    step: Callable,
    activations: tuple,
    return_sequences: bool,
    reverse: bool,
    unroll: bool,
    zero_output: bool,
) -> tuple[Any, States]:
    first = project_first(projection[0])

    def body(states: States, inputs: tuple) -> tuple[States, Any]:
        x, m = inputs
        x = x if first else project(x, *projection)
        new = step(x, states, weights, dropout, activations)
        if m is not None:
            new = tuple(where_mask(m, n, s) for n, s in zip(new, states))
        if not return_sequences:
            return new, None
        return new, where_mask(m, new[0], jnp.zeros_like(new[0])) if m is not None and zero_output else new[0]

    xs = project(xs, *projection) if first else xs
    steps = (jnp.moveaxis(xs, 1, 0), None if mask is None else jnp.moveaxis(mask, 1, 0))
    states, outputs = lax.scan(body, states, steps, reverse=reverse, unroll=unroll or 1)
    if return_sequences:
        # `scan` stacks by timestep; the outputs are returned in the order in which the steps ran.
        return jnp.moveaxis(jnp.flip(outputs, 0) if reverse else outputs, 0, 1), states
    last = states[0]
    if mask is not None and zero_output:
        last = where_mask(mask[:, 0 if reverse else -1], last, jnp.zeros_like(last))
    return last, states


@functools.cache
def _compiled() -> Callable:
    # Compiled by itself, so that eager calls don't trace the scan anew each time.
    static = ("step", "activations", "return_sequences", "reverse", "unroll", "zero_output")
    return jax.jit(_recurrence, static_argnames=static)


def recurrence(
    step: Callable,
    xs: Array,
    projection: tuple,
    states: States,
    weights: tuple,
    dropout: tuple | None = None,
    mask: Array | None = None,
    *,
    activations: tuple = (),
    return_sequences: bool = False,
    reverse: bool = False,
    unroll: bool = False,
    zero_output: bool = False,
    compiled: bool = True,
) -> tuple[Any, States]:
    """Runs one of the steps above over time. The first state is the output.

    Args:
        step: `(x, states, weights, dropout, activations) -> states`.
        xs: Inputs, `(batch, time, features)`.
        projection: Input kernel, `(features, gates * units)`, then optionally a bias and dropout masks: see `project`.
        states: Initial states, each `(batch, units)`.
        weights: Recurrent kernel, `(units, gates * units)`, then optionally a recurrent bias or None.
        dropout: Masks of the state, `(batch, units)`, one per gate; or None.
        mask: Bools, `(batch, time)`; samples keep their states where it is false. None for none.
        activations: Activation functions of the step.
        return_sequences: Whether to return the outputs of all steps, in the order in which they ran.
        reverse: Whether to run from the last timestep to the first.
        unroll: Whether to unroll the loop.
        zero_output: Whether the output is zero where the mask is false, rather than the previous output.
        compiled: Whether the call may be compiled by itself; must be False if an activation reads variables.

    Returns:
        Outputs, `(batch, time, units)` or `(batch, units)`, and the final states.

    >>> outputs, _ = recurrence(simple_step, jnp.ones((1, 3, 1)), (jnp.ones((1, 1)),), (jnp.zeros((1, 1)),),
    ...                         (jnp.ones((1, 1)),), activations=(jnp.negative,), return_sequences=True)
    >>> outputs[0, :, 0]
    Array([-1., -0., -1.], dtype=float32)
    """
    run = _compiled() if compiled else _recurrence
    return run(
        xs,
        projection,
        states,
        weights,
        dropout,
        mask,
        step=step,
        activations=activations,
        return_sequences=return_sequences,
        reverse=reverse,
        unroll=unroll,
        zero_output=zero_output,
    )


def scan_cell(
    step: Callable,
    xs: Array,
    states: Any,
    aux: Any,
    mask: Array | None = None,
    *,
    output_state: Callable = lambda states: jax.tree.leaves(states)[0],
    return_sequences: bool = False,
    reverse: bool = False,
    unroll: bool = False,
    zero_output: bool = False,
) -> tuple[Any, Any, Any, Any]:
    """Runs an arbitrary step function over time.

    Args:
        step: `(x, states, aux) -> (output, states, aux, extra)`.
        xs: Structure of `(batch, time, ...)`.
        states: Structure of the initial states.
        aux: Values carried from step to step regardless of the mask.
        mask: Bools, `(batch, time)`; samples keep their states where it is false. None for none.
        output_state: Function that selects the state that holds the previous output.
        return_sequences, reverse, unroll, zero_output: See `recurrence`.

    Returns:
        Outputs, final states, final aux, and `extra` of all steps, time first.
    """
    time_first = jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), (xs, mask))

    def run(states: Any, aux: Any, inputs: tuple) -> tuple:
        x, m = inputs
        output, new, aux, extra = step(x, states, aux)
        new = jax.tree.map(lambda n, s: jnp.asarray(n, s.dtype), new, states)
        if m is not None:
            before = output_state(states)
            blank = zero_output or before.shape != output.shape
            output = jax.tree.map(lambda y: where_mask(m, y, jnp.zeros_like(y) if blank else before), output)
            new = jax.tree.map(lambda n, s: where_mask(m, n, s), new, states)
        return output, new, aux, extra

    def body(carry: tuple, inputs: tuple) -> tuple:
        states, aux, _ = carry
        output, states, aux, extra = run(states, aux, inputs)
        return (states, aux, None if return_sequences else output), (output if return_sequences else None, extra)

    last: Any = None
    found: Any
    if not return_sequences:
        first = jax.tree.map(lambda x: x[0], time_first)
        last = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(run, states, aux, first)[0])
    (states, aux, last), found = lax.scan(body, (states, aux, last), time_first, reverse=reverse, unroll=unroll or 1)
    outputs, extra = found
    if return_sequences:
        last = jax.tree.map(lambda y: jnp.moveaxis(jnp.flip(y, 0) if reverse else y, 0, 1), outputs)
    return last, states, aux, extra
