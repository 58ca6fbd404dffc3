"""What XLA:CPU's library (YNNPACK) is worth: sums, products and convolutions of several sizes, with it and without.

python -m benchmarks.library
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

OPTION = "xla_cpu_experimental_ynn_fusion_type"
TURNS, LEAST = 7, 0.05  # turns, and the seconds of each
STEPS = 20  # in one program, so that its dispatch doesn't count

rng = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return jnp.asarray(rng.standard_normal(shape, "float32"))


def repeated(run: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`run`, many times in a program; each time of what depends on the time before."""
    return lambda x: lax.fori_loop(0, STEPS, lambda _, y: run(x + y.ravel()[0] * 0), run(x))


def square_net(rows: int, units: int) -> tuple[Callable[[Any], Any], Any]:
    """A gradient step of four square layers."""
    x, weights = normal(rows, units), [normal(units, units) / np.sqrt(units) for _ in range(4)]

    def loss(weights: Any) -> Any:
        y = x
        for w in weights:
            y = jax.nn.relu(y @ w)
        return jnp.mean(y**2)

    def step(weights: Any) -> Any:
        return jax.tree.map(lambda w, g: w - 1e-3 * g, weights, jax.grad(loss)(weights))

    return lambda w: lax.fori_loop(0, STEPS, lambda _, w: step(w), w), weights


def convolution(rows: int, size: int, channels: int) -> tuple[Callable[[Any], Any], Any]:
    """A convolution and its gradients."""
    x, kernel = normal(rows, size, size, channels), normal(3, 3, channels, channels)

    def run(x: Any, kernel: Any) -> Any:
        y = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return jnp.sum(y**2)

    return lambda given: jax.grad(run, argnums=(0, 1))(*given), (x, kernel)


def cases() -> Iterator[tuple[str, Callable[[Any], Any], Any]]:
    for shape in ((512, 256), (65536, 64)):
        x = normal(*shape)
        yield f"sum of columns {shape}", repeated(lambda x: x.sum(0)), x
        yield f"softmax {shape}", repeated(jax.nn.softmax), x
    for rows, units in (
        *((32, 128), (32, 512), (64, 256), (128, 64), (128, 128), (128, 160), (128, 256), (256, 128), (256, 256)),
        *((512, 64), (512, 128), (512, 512), (1024, 96), (2048, 32), (2048, 128)),
    ):
        yield f"4 layers of {units}, batch {rows}", *square_net(rows, units)
    for rows, size, channels in ((64, 32, 32), (64, 16, 64)):
        yield f"3x3 convolution {(rows, size, size, channels)}", *convolution(rows, size, channels)


def main() -> None:
    print(f"{'':36} {'library':>9} {'XLA':>9}  milliseconds, medians of {TURNS} turns")
    for what, run, given in cases():
        programs = [jax.jit(run, compiler_options=options) for options in ({}, {OPTION: ""})]
        took: list[list[float]] = [[], []]
        for turn in range(TURNS + 1):
            for program, times in zip(programs, took):
                began, calls = time.perf_counter(), 0
                while not calls or time.perf_counter() - began < LEAST:
                    jax.block_until_ready(program(given))
                    calls += 1
                if turn:
                    times.append((time.perf_counter() - began) / calls * 1e3)
        library, xla = (statistics.median(times) for times in took)
        print(f"{what:36} {library:9.2f} {xla:9.2f}", flush=True)


if __name__ == "__main__":
    main()
