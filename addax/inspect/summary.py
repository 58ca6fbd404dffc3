"""`Model.summary()`: the model as a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..callbacks.output import print_msg
from ..core import config
from . import classic
from .rows import (
    class_name,
    connections,
    is_sequential_like,
    output_shape,
    parameter_count,
    relevant_nodes,
    rows,
    totals,
    trainable_mark,
    within,
)

STYLES = ("rich", "classic")


def summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    style: str | None = None,
) -> None:
    """Prints the model as a table: its layers, their output shapes and numbers of parameters.

    Args:
        model: The model.
        line_length: Width of the table in characters; default: what the terminal has room for.
        positions: Where each column ends, as fractions of the width (in the classic style absolute places too).
        print_fn: Called with the text instead of printing it.
        expand_nested: Whether to show the layers of nested models.
        show_trainable: Whether to show which layers are trainable.
        layer_range: Names (or patterns) of the first and last layer to show.
        style: "rich", or "classic" for the table of Keras 2; default: the setting `summary_style`.

    >>> keras.Sequential([keras.Input((16,)), keras.layers.Dense(8, name="d")], name="m").summary(style="classic")
    Model: "m"
    _________________________________________________________________
    Layer (type)                 Output Shape              Param #
    =================================================================
    d (Dense)                    (None, 8)                 136
    =================================================================
    Total params: 136
    Trainable params: 136
    Non-trainable params: 0
    _________________________________________________________________
    """
    style = style or config.get("summary_style")
    if style not in STYLES:
        raise ValueError(f"`style` must be one of {STYLES}. Received: style={style!r}")
    if style == "classic":
        classic.print_summary(model, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)
    else:
        _print_rich(model, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)


def _print_rich(
    model: Any,
    line_length: int | None,
    positions: Sequence[float] | None,
    print_fn: Callable[..., Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> None:
    # Only these modules: `import rich` whole costs more.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    def bold(text: str, color: str = "") -> Text:
        return Text(text, f"bold {color}".strip())

    def numbers(text: str) -> Text:
        cell = Text(text)
        for found in re.finditer(r"\b(?:\d+|None)\b", text):
            cell.stylize("bright_cyan" if found[0] == "None" else "green", *found.span())
        return cell

    def joined(*parts: Any) -> Text:
        return Text.assemble(*parts)

    connected = not is_sequential_like(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    fractions = [0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.80, 1.0]
    width = 108 if connected else 88
    if connected:
        header.append("Connected to")
    fractions = list(positions or fractions)
    if show_trainable:
        header.append("Trainable")
        fractions = [0.9 * f for f in fractions] + [1.0]
        width += 12
    if len(fractions) < len(header):
        raise ValueError(
            f"`positions` needs one number for each of the columns {header}. Received: positions={positions}"
        )
    console = (
        Console(highlight=False)
        if print_fn is None
        else Console(highlight=False, force_terminal=False, force_jupyter=False, color_system=None)
    )
    line_length = line_length or min(width, console.width - 4)
    ends = [int(line_length * f) for f in fractions]
    widths = [end - start for start, end in zip([0, *ends], ends)][: len(header)]
    if any(w < 4 for w in widths):
        raise ValueError(
            "Insufficient console width to print summary. The columns "
            f"{header} would have {widths} characters; pass a larger `line_length`."
        )
    justify: dict[str, Any] = {"Param #": "right", "Trainable": "center"}
    columns = [Column(n, justify=justify.get(n, "left"), width=w) for n, w in zip(header, widths)]
    table = Table(*columns, width=line_length, show_lines=True)

    relevant = relevant_nodes(model)
    for layer, depth in within(model, rows(model, expand_nested), layer_range):
        indent = f"{'   ' * depth}└ " if depth else ""
        count = parameter_count(layer)
        cells = [
            joined(f"{indent}{layer.name} (", (class_name(layer), "bright_blue"), ")"),
            numbers(output_shape(layer)),
            joined(("0", "green"), " (unbuilt)") if count is None else Text(f"{count:,}", "green"),
        ]
        if connected:
            parts: list[Any] = []
            for name, call, out in connections(layer, relevant):
                parts += [", "] if parts else []
                parts += [f"{name}[", (str(call), "green"), "][", (str(out), "green"), "]"]
            cells.append(joined(*(parts or ["-"])))
        if show_trainable:
            mark = trainable_mark(layer)
            cells.append(bold(mark, {"Y": "green", "N": "bright_red"}.get(mark, "")))
        table.add_row(*cells)

    with console.capture() as capture:
        console.print(bold(f'Model: "{model.name}"'), soft_wrap=True)
        console.print(table)
        sizes = totals(model)
        for label, size in (
            ("Total params", sizes.total),
            ("Trainable params", sizes.trainable),
            ("Non-trainable params", sizes.non_trainable),
            ("Optimizer params", sizes.optimizer),
        ):
            if size is not None:
                amount = (f"{size[0]:,}", "green")
                console.print(joined((f" {label}: ", "bold"), amount, f" ({readable_bytes(size[1])})"))
    if print_fn is None:
        print_msg(capture.get(), line_break=False)
    else:
        print_fn(capture.get())


def readable_bytes(size: int) -> str:
    """
    >>> readable_bytes(544), readable_bytes(3584), readable_bytes(8_000_160_000)
    ('544.00 B', '3.50 KB', '7.45 GB')
    """
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.2f} {unit}"
        value /= 1024
    return f"{value:.2f} TB"
