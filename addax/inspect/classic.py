"""The summary table of Keras 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..models.model import Model
from .rows import (
    Options,
    Row,
    check_columns,
    class_name,
    connections,
    is_input,
    is_sequential_like,
    output_shape,
    parameter_count,
    relevant_nodes,
    rows,
    totals,
    trainable_mark,
    within,
)


def print_summary(model: Model, options: Options) -> None:
    """Prints `model` as Keras 2 did: plain text, a line at a time.

    Raises:
        ValueError: The model isn't built, or `positions` are too few.
    """
    if not model.built or any(parameter_count(row.layer) is None for row in rows(model, False)):
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            f"a batch of data. (Model '{model.name}'; the default style of `summary` shows unbuilt models.)"
        )
    say = options.print_fn or print
    connected = not is_sequential_like(model)
    header, ends, line_length = _columns(connected, options)
    relevant = relevant_nodes(model)
    say(f'Model: "{model.name}"')
    say("_" * line_length)
    say(_line(header, ends))
    say("=" * line_length)
    shown = within(model, rows(model, options.expand_nested), options.layer_range)
    for i, row in enumerate(shown):
        for cells in _cells(row, relevant if connected else None, options.show_trainable):
            say(_line(cells, ends))
        say(("=" if i == len(shown) - 1 else "_") * line_length)
    sizes = totals(model)
    trainable, fixed = sizes.trainable[0], sizes.non_trainable[0]
    say(f"Total params: {trainable + fixed:,}")
    say(f"Trainable params: {trainable:,}")
    say(f"Non-trainable params: {fixed:,}")
    for label, text, of in options.costs:
        say(f"{label}: {text} ({of})")
    say("_" * line_length)


def _columns(connected: bool, options: Options) -> tuple[list[str], list[int], int]:
    """Returns the header, the position at which each column ends, and the width of the table."""
    header = ["Layer (type)", "Output Shape", "Param #"]
    if connected:
        header.append("Connected to")
        line_length = options.line_length or 98
        fractions = [0.33, 0.55, 0.67, 1.0]
    else:
        line_length = options.line_length or 65
        fractions = [0.45, 0.85, 1.0]
    fractions = list(options.positions or fractions)
    ends = [int(line_length * f) if fractions[-1] <= 1 else int(f) for f in fractions]
    if options.show_trainable:
        line_length += 11
        ends.append(line_length)
        header.append("Trainable")
    check_columns(ends, header, options)
    return header, ends, line_length


def _cells(row: Row, relevant: set[int] | None, show_trainable: bool) -> Iterator[list[str]]:
    """Yields the cells of each line of a layer: further connections have lines of their own."""
    layer, depth = row
    shape = output_shape(layer)
    cells = [
        f"{'    ' * depth}{layer.name} ({class_name(layer)})",
        f"[{shape}]" if is_input(layer) else shape,
        str(parameter_count(layer)),
    ]
    sources: list[str] = []
    if relevant is not None:
        sources = [f"{name}[{call}][{out}]" for name, call, out in connections(layer, relevant)]
        cells.append(sources[0] if sources else "")
    if show_trainable:
        cells.append(trainable_mark(layer))
    yield cells
    for source in sources[1:]:
        yield ["", "", "", source]


def _line(cells: Sequence[str], ends: Sequence[int]) -> str:
    line = ""
    for cell, end in zip(cells, ends):
        if line:
            line = line[:-1] + " "
        line = (line + cell)[:end].ljust(end)
    return line
