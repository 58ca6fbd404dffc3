"""`Model.summary()`: the model as a table."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ..callbacks.output import display_html, in_notebook, print_msg
from ..core import config
from ..models.model import Model
from . import classic
from .compiled import cost_lines
from .rows import (
    Options,
    Row,
    check_columns,
    class_name,
    connections,
    is_sequential_like,
    output_shape,
    parameter_count,
    readable_bytes,
    relevant_nodes,
    rows,
    totals,
    trainable_mark,
    within,
)

if TYPE_CHECKING:
    from rich.text import Text

STYLES = ("rich", "classic")

_PLAIN: dict[str, Any] = {"force_terminal": False, "force_jupyter": False, "color_system": None}
_NOTEBOOK_WIDTH = 115  # characters, as rich has in notebooks
_MARKUP = (
    '<pre style="white-space: pre; overflow-x: auto; line-height: normal; '
    "font-family: Menlo, 'DejaVu Sans Mono', consolas, monospace\">{code}</pre>"
)


def summary(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    style: str | None = None,
    *,
    flops: bool = False,
    memory: bool = False,
) -> None:
    """Prints the model as a table: its layers, their output shapes and numbers of parameters.

    Args:
        model: The model.
        line_length: Width of the table in characters; None for the terminal's width.
        positions: End of each column, as a fraction of the width (in the classic style also as an absolute position).
        print_fn: Function called with the text instead of printing it.
        expand_nested: Whether to show the layers of nested models.
        show_trainable: Whether to show which layers are trainable.
        layer_range: Names (or patterns) of the first and last layer to show.
        style: "rich", or "classic" for the table of Keras 2; None for the setting `summary_style`.
        flops: Whether to show the floating point operations of a sample, as XLA counts them in the compiled model.
        memory: Whether to show the memory of a sample's intermediate results and outputs, as XLA says.

    Raises:
        ValueError: `style` is unknown, `positions` are too few, the columns are too narrow, or `layer_range` names no
            layers; in the classic style also if the model isn't built.

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
    options = Options(line_length, positions, print_fn, expand_nested, show_trainable, layer_range)
    options = options._replace(costs=tuple(cost_lines(model, flops, memory)))
    if style == "classic":
        classic.print_summary(model, options)
    else:
        _print_rich(model, options)


def _print_rich(model: Model, options: Options) -> None:
    # Only these modules: `import rich` whole costs more.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    notebook = options.print_fn is None and config.is_interactive_logging_enabled() and in_notebook()
    if notebook:  # shown by `display` below: what rich captures in a notebook leaves an empty output
        console = Console(file=io.StringIO(), highlight=False, width=_NOTEBOOK_WIDTH, record=True, **_PLAIN)
    elif options.print_fn is None:
        console = Console(highlight=False)
    else:
        console = Console(highlight=False, **_PLAIN)
    connected = not is_sequential_like(model)
    header, widths, line_length = _columns(connected, options, console.width)
    justify: dict[str, Any] = {"Param #": "right", "Trainable": "center"}
    columns = [Column(n, justify=justify.get(n, "left"), width=w) for n, w in zip(header, widths)]
    table = Table(*columns, width=line_length, show_lines=True)
    relevant = relevant_nodes(model)
    for row in within(model, rows(model, options.expand_nested), options.layer_range):
        table.add_row(*_cells(row, relevant if connected else None, options.show_trainable))

    with nullcontext() if notebook else console.capture() as capture:
        console.print(Text(f'Model: "{model.name}"', "bold"), soft_wrap=True)
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
                console.print(Text.assemble((f" {label}: ", "bold"), amount, f" ({readable_bytes(size[1])})"))
        for label, text, of in options.costs:
            console.print(Text.assemble((f" {label}: ", "bold"), (text, "green"), f" ({of})"))
    if capture is None:
        text = console.export_text(clear=False)
        display_html(console.export_html(code_format=_MARKUP, inline_styles=True), text)
    elif options.print_fn is None:
        print_msg(capture.get(), line_break=False)
    else:
        options.print_fn(capture.get())


def _columns(connected: bool, options: Options, console_width: int) -> tuple[list[str], list[int], int]:
    """Returns the header, the width of each column, and the width of the table."""
    header = ["Layer (type)", "Output Shape", "Param #"]
    fractions = [0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.80, 1.0]
    width = 108 if connected else 88
    if connected:
        header.append("Connected to")
    fractions = list(options.positions or fractions)
    if options.show_trainable:
        header.append("Trainable")
        fractions = [0.9 * f for f in fractions] + [1.0]
        width += 12
    check_columns(fractions, header, options)
    line_length = options.line_length or min(width, console_width - 4)
    ends = [int(line_length * f) for f in fractions]
    widths = [end - start for start, end in zip([0, *ends], ends)][: len(header)]
    if any(w < 4 for w in widths):
        raise ValueError(
            "Insufficient console width to print summary. The columns "
            f"{header} would have {widths} characters; pass a larger `line_length`."
        )
    return header, widths, line_length


def _cells(row: Row, relevant: set[int] | None, show_trainable: bool) -> list[Text]:
    """Returns the cells of a layer. `relevant` are the calls whose connections are shown; None for no connections."""
    from rich.text import Text

    layer, depth = row
    shape = Text(output_shape(layer))
    for found in re.finditer(r"\b(?:\d+|None)\b", shape.plain):
        shape.stylize("bright_cyan" if found[0] == "None" else "green", *found.span())
    indent = f"{'   ' * depth}└ " if depth else ""
    count = parameter_count(layer)
    cells = [
        Text.assemble(f"{indent}{layer.name} (", (class_name(layer), "bright_blue"), ")"),
        shape,
        Text.assemble(("0", "green"), " (unbuilt)") if count is None else Text(f"{count:,}", "green"),
    ]
    if relevant is not None:
        parts: list[Any] = []
        for name, call, out in connections(layer, relevant):
            parts += [", "] if parts else []
            parts += [f"{name}[", (str(call), "green"), "][", (str(out), "green"), "]"]
        cells.append(Text.assemble(*(parts or ["-"])))
    if show_trainable:
        mark = trainable_mark(layer)
        cells.append(Text(mark, f"bold {({'Y': 'green', 'N': 'bright_red'}).get(mark, '')}".strip()))
    return cells
