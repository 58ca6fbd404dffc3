"""Micro-batches: a training step that computes its batch part by part, and updates the weights once.

The gradients are those of the whole batch. A loss is a sum divided by a count (of rows, of real timesteps, of weights),
so the loss of each part is multiplied by the share that its count has in that of the batch; where masks or weights make
the counts, a first pass over the parts finds them, of which the compiler keeps only what masks depend on. Row `i` is
in part `i % parts`: the parts have equally many rows, within one, and where rows are spread over devices each device
cuts its own.

Where devices have all weights, and neither layers nor losses nor metrics mix rows, each device computes all parts of
its rows by itself, and gradients are summed over the devices once, after the last part. Otherwise the compiler
partitions the parts as it does whole batches, and sums gradients once a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..core import placement, tree
from ..core.config import thread
from ..core.engine import is_tracer, jax, jnp, lax
from ..core.masks import get_masks, set_masks
from ..core.ours import is_ours
from ..core.sparse import dense
from ..core.types import Array, Tree
from ..data.batches import count_rows, unpack_x_y_sample_weight
from .padding import can_leave_out, valid_rows


def check_parts(model: Any, parts: int, rows: int) -> None:
    """Raises ValueError where steps of a model can't be computed in parts.

    Args:
        model: The model.
        parts: Argument `micro_batches` of `fit`.
        rows: Rows of a batch.
    """
    if rows % parts:
        near = [n for n in range(1, rows + 1) if rows % n == 0]
        raise ValueError(
            f"`micro_batches` is the number of equal parts of a batch, so it must divide the batch of {rows} rows. "
            f"Received: micro_batches={parts}. {', '.join(map(str, near[:12]))} {'divide' if near[1:] else 'divides'} "
            f"it, and batches of {-(-rows // parts) * parts} rows could be divided."
        )
    if not is_ours(model.train_step):
        raise ValueError(
            f"`micro_batches` is for addax's own training step, and '{model.name}' ({type(model).__name__}) has a "
            "`train_step` of its own. Override `compute_loss` or `compute_metrics` instead, or leave `micro_batches` "
            "out."
        )


@contextmanager
def in_parts(model: Any, parts: int | None) -> Iterator[None]:
    """Within it, training steps of a model compute their batches in parts.

    Args:
        model: The model.
        parts: Number of parts; None for whole batches.
    """
    if parts is None:
        yield
        return
    outer = model._savings
    model.__dict__["_savings"] = outer._replace(parts=parts)
    try:
        yield
    finally:
        model.__dict__["_savings"] = model._savings._replace(parts=outer.parts)  # `compile` may have been called


class Part:
    """The part of a batch whose loss is computed; `thread.part` while it is.

    Args:
        share: Share of the batch's rows that the part has.
        totals: Counts of the whole batch, by the number of the loss; None where they are to be found.

    Attributes:
        count: What the last loss divided its sum by, if that is not the number of its values.
        counts: These, by the number of the loss.
    """

    def __init__(self, share: Array | float, totals: dict[int, Array] | None = None):
        self.share = share
        self.totals = totals
        self.count: Any = None
        self.counts: dict[int, Array] = {}

    def scaled(self, number: int, reduction: str | None, value: Array) -> Array:
        """Returns the loss of a part so that the losses of all, times their shares, add up to that of the batch.

        Args:
            number: Number of the loss among those of the model.
            reduction: Its reduction.
            value: Its value.
        """
        count, self.count = self.count, None
        wanted: Any = 1.0
        if reduction != "sum":
            if count is None:
                return value
            self.counts[number] = count
            if self.totals is None:
                return value
            total = self.totals[number]
            wanted = count / jnp.where(total == 0, 1, total)
        return value * (wanted / jnp.where(self.share == 0, 1, self.share))  # type: ignore[arg-type]


def gradients(model: Any, state: tuple, data: Tree) -> tuple:
    """Returns the gradients of a batch, the new values of other variables than weights, and the logs if there are any.

    Args:
        model: The model.
        state: Values of its variables, as `train_step` takes them.
        data: The batch.
    """
    parts = model._savings.parts
    if parts is None:
        return _of_batch(model, state, data)
    data = dense(data)
    rows = count_rows(data)
    valid = thread.valid_rows
    spread = placement.current()
    if spread is None or not _is_separable(model, spread, rows, parts):
        return _accumulated(model, state, data, parts, valid, rows if valid is None else valid)

    def local(state: tuple, data: Tree, valid: Any, total: Any) -> tuple:
        own = count_rows(data)
        shard = lax.axis_index(spread.row_axes)
        if valid is not None:
            valid = jnp.clip(valid - shard * own, 0, own)
        everywhere = partial(lax.psum, axis_name=spread.row_axes)
        with thread.setting(shard=shard):
            grads, others, metrics, _ = _accumulated(model, state, data, parts, valid, total, everywhere)
        return everywhere(grads), others, everywhere(metrics)

    whole, by_rows = jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec(spread.row_axes)
    on_each = jax.shard_map(
        local, mesh=spread.mesh, in_specs=(whole, by_rows, whole, whole), out_specs=whole, check_vma=False
    )
    # Sums over rows, which begin with 0 on each device.
    given = (*state[:3], [jnp.zeros_like(v) for v in state[3]])
    grads, others, metrics = on_each(given, data, valid, jnp.asarray(rows if valid is None else valid))
    return grads, others, [old + new for old, new in zip(state[3], metrics)], None


def _of_batch(model: Any, state: tuple, data: Tree, share: Array | None = None) -> tuple:
    """Returns what `gradients` does, of rows that are computed at once; gradients times `share`."""
    trainable, others, optimizer, metrics = state
    x, y, sample_weight = unpack_x_y_sample_weight(data)

    def compute(*args: Any, **kwargs: Any) -> tuple:
        scaled, found = model.compute_loss_and_updates(*args, **kwargs)
        scaled = scaled if share is None else scaled * share
        return scaled, (found, get_masks(found[1]))  # `value_and_grad` returns arrays without their masks

    (_, (found, masks)), grads = jax.value_and_grad(compute, has_aux=True)(
        trainable, others, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
    )
    loss, y_pred, others, metrics = found
    set_masks(y_pred, masks)
    metrics, logs = model._updated_metrics(metrics, loss, x, y, y_pred, sample_weight)
    return grads, others, metrics, logs


def _is_separable(model: Any, spread: placement.Placement, rows: int, parts: int) -> bool:
    """Returns whether devices can compute the parts of their rows by themselves, and then add up what they found."""
    own = all(is_ours(getattr(model, name)) for name in ("compute_loss", "compute_metrics", "compute_loss_and_updates"))
    metrics = [*model.metrics, *getattr(model._compile_metrics, "metrics", ())]
    return (
        own
        and spread.devices > 1
        and spread.mesh.size == spread.devices
        and rows % (spread.devices * parts) == 0
        and rows > spread.devices * parts  # for shapes to tell whether noise is one for all rows
        and not any(axis for v in model.trainable_variables for axis in getattr(spread.sharding_of(v), "spec", ()))
        and all(is_ours(type(metric)) for metric in metrics)
        and can_leave_out(model, "train")
    )


def _accumulated(
    model: Any,
    state: tuple,
    data: Tree,
    parts: int,
    valid: Any,
    total: Any,
    everywhere: Callable[[Tree], Tree] = lambda sums: sums,
) -> tuple:
    """Returns what `gradients` does, of the rows that are given.

    Args:
        model, state, data: As there.
        parts: Number of parts.
        valid: Number of real rows, from the first; None for all.
        total: Number of real rows of the whole batch.
        everywhere: Adds up over the devices what each finds of its rows.
    """
    trainable, others, optimizer, metrics = state
    groups = list(_groups(data, parts, valid))

    def counts(data: Tree, valid: Any) -> dict[int, Array]:
        with thread.setting(part=Part(1.0)), valid_rows(valid):
            model.compute_loss_and_updates(
                trainable,
                others,
                metrics,
                *unpack_x_y_sample_weight(data),
                training=True,
                optimizer_variables=optimizer,
            )
            return thread.part.counts

    first, first_valid = groups[0].part(0)
    totals: dict[int, Array] = {}
    if jax.eval_shape(counts, first, first_valid):
        for group in groups:
            for found in group.map(counts):
                totals = {i: totals.get(i, 0) + n for i, n in found.items()}
        totals = everywhere(totals)

    def add(carry: tuple, data: Tree, valid: Any) -> tuple[tuple, Any]:
        grads, others, metrics = carry
        share = jnp.asarray(count_rows(data) if valid is None else valid, "float32") / total
        with thread.setting(part=Part(share, totals)), valid_rows(valid):
            new, *after, logs = _of_batch(model, (trainable, others, optimizer, metrics), data, share)
        grads = [_added(v, old, g) for v, old, g in zip(model.trainable_variables, grads, new)]
        kept = jax.tree.map(lambda old, new: jnp.asarray(new, old.dtype), [others, metrics], after)
        return (grads, *kept), logs

    logs = None
    wide = [jnp.zeros(jnp.shape(w), jnp.promote_types(w.dtype, "float32")) for w in trainable]
    carry: tuple = (wide, others, metrics)
    for group in groups:
        carry, logs = group.scan(add, carry)
    grads = [g.astype(w.dtype) for g, w in zip(carry[0], trainable)]
    return grads, carry[1], carry[2], logs


def _added(variable: Any, total: Array, gradient: Array) -> Array:
    # Scales of float8 products come as "gradients" that are their new values.
    return gradient.astype(total.dtype) if variable.overwrite_with_gradient else total + gradient.astype(total.dtype)


class _Group:
    """Parts of a batch with equally many rows.

    Args:
        data: Their rows: arrays `(parts, rows, ...)`, or a list of the parts where steps run eagerly.
        valid: Number of real rows of each; None for all.
        count: Number of parts.
    """

    def __init__(self, data: Any, valid: Any, count: int):
        self.data = data
        self.valid = valid
        self.count = count

    def part(self, number: int) -> tuple[Tree, Any]:
        """Returns a part, and its number of real rows."""
        if isinstance(self.data, list):
            return self.data[number], None
        return jax.tree.map(lambda a: a[number], (self.data, self.valid))

    def map(self, function: Callable) -> Iterator[Tree]:
        """Yields the sums over the parts of what a function of data and real rows returns."""
        if isinstance(self.data, list):
            yield from (function(*self.part(i)) for i in range(self.count))
        else:
            yield jax.tree.map(lambda a: a.sum(0), lax.map(lambda given: function(*given), (self.data, self.valid)))

    def scan(self, function: Callable, carry: tuple) -> tuple[tuple, Any]:
        """Runs a function of what is carried, data and real rows on the parts; returns what it returned at last."""
        if isinstance(self.data, list):
            out = None
            for i in range(self.count):
                carry, out = function(carry, *self.part(i))
            return carry, out
        carry, outs = lax.scan(lambda carry, given: function(carry, *given), carry, (self.data, self.valid))
        return carry, jax.tree.map(lambda a: a[-1], outs)


def _groups(data: Tree, parts: int, valid: Any) -> Iterator[_Group]:
    """Yields the parts of a batch: those with a row more than the others, and the others."""
    rows = count_rows(data)
    if not any(map(is_tracer, tree.flatten(data))):
        found = [tree.map_structure(lambda a, j=j: None if a is None else a[j::parts], data) for j in range(parts)]
        yield _Group(found[:rows], None, min(parts, rows))
        return
    each, more = divmod(rows, parts)

    def cut(a: Array, first: int, last: int, extra: int) -> Array:
        found = a[: each * parts].reshape(each, parts, *a.shape[1:]).swapaxes(0, 1)[first:last]
        return jnp.concatenate([found, a[each * parts :][:, None]], axis=1) if extra else found

    for first, last, extra in ((0, more, 1), (more, parts, 0)):
        if last > first and each + extra:
            numbers = jnp.arange(first, last)
            real = None if valid is None else jnp.maximum(valid - numbers + parts - 1, 0) // parts
            rows_of = partial(cut, first=first, last=last, extra=extra)
            yield _Group(jax.tree.map(rows_of, data), real, last - first)


__all__ = ["Part", "check_parts", "gradients", "in_parts"]
