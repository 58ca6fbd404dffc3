"""`addax.show`: a model as one HTML page, which needs no network."""

from __future__ import annotations

import html
import json
import os
import pathlib
import re
import sys
import tempfile
import webbrowser
from collections import Counter
from typing import Any

from ..callbacks.output import display_html, in_notebook, print_msg
from ..core.graph import Operation
from ..core.warnings import silenced
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..models.model import Model
from ..version import __version__
from .costs import Call, trace
from .rows import class_name, graph_of, size_of, totals

_TEMPLATE = pathlib.Path(__file__).with_name("page.html")
_HEIGHT = 720  # pixels in a notebook
_LONGEST = 200  # characters of a setting or a name that are shown


def show(model: Model, path: str | os.PathLike | None = None) -> str | None:
    """Shows a model as an HTML page: its graph, whose layers can be opened, and what each of them costs.

    The page has shapes, weights, floating point operations of one sample, and a picture of where memory goes. It is one
    file that loads nothing from elsewhere, so it can be sent to others. In a notebook it is shown below the cell;
    elsewhere it is opened in the browser, unless `path` is given.

    Args:
        model: A built model.
        path: Path of the HTML file to write; None for no file in a notebook, and a temporary one elsewhere.

    Returns:
        Absolute path of the file that was written; None if there is none.

    Raises:
        ValueError: The model isn't built.

    >>> import pathlib, tempfile
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="small")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = keras.show(model, f"{folder}/model.html")
    ...     print(pathlib.Path(path).read_text().splitlines()[0])
    <!doctype html>
    """
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            "a batch of data."
        )
    text = page(model)
    notebook = in_notebook()
    if notebook:
        frame = 'width="100%" sandbox="allow-scripts" style="border: 1px solid #8885; border-radius: 6px"'
        display_html(
            f'<iframe srcdoc="{html.escape(text)}" height="{_HEIGHT}" {frame}></iframe>', f"<page of {model.name!r}>"
        )
        if path is None:
            return None
    if path is None:
        handle, name = tempfile.mkstemp(prefix="addax-", suffix=".html")
        os.close(handle)
    else:
        name = os.path.abspath(os.fspath(path))
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    if path is None and not _open(pathlib.Path(name).as_uri()):
        print_msg(f"The model's page is {name}")
    return name


def _open(address: str) -> bool:
    """Opens a page in the browser; False where there is none but those that would take over the terminal."""
    windows = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return windows and webbrowser.open(address)


def page(model: Model) -> str:
    """Returns the page of a built model. Names and settings in it are data: none can become markup or code."""
    data = json.dumps(facts(model), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    parts = {"title": html.escape(_short(model.name)), "data": data}
    return re.sub(r"\{\{(title|data)\}\}", lambda found: parts[found[1]], _TEMPLATE.read_text(encoding="utf-8"))


def facts(model: Model) -> dict[str, Any]:
    """Returns what the page shows, as JSON.

    Args:
        model: A built model.
    """
    note, unknown = "", None
    try:
        root, unknown = trace(model)
    except Exception as error:  # whatever a user's code raises: the page is made without operations
        note = (
            f"Operations and activations are unknown: {type(error).__name__}: {str(error).splitlines()[0][:_LONGEST]}"
        )
        root = _untraced(model, None, {})
    if unknown is not None:
        note = f"Axes of unknown size are taken to be {unknown} long."
    rows = _Rows(model, traced=not note.startswith("Operations"))
    rows.add(root, -1)
    sizes = totals(model)
    return {
        "name": _short(model.name),
        "class": _short(class_name(model)),
        "version": __version__,
        "note": note,
        "rows": rows.rows,
        "edges": rows.edges,
        "memory": {
            "trainable": sizes.trainable[1],
            "frozen": sizes.non_trainable[1],
            "optimizer": sizes.optimizer[1] if sizes.optimizer else None,
        },
        "parameters": [sizes.trainable[0], sizes.non_trainable[0]],
    }


class _Rows:
    """The calls of a model as rows of a table.

    Attributes:
        rows: For each call, a parent before its children, what the page shows of it.
        edges: Pairs of rows: a call, and one that takes its results.
    """

    def __init__(self, model: Model, traced: bool):
        self.rows: list[dict[str, Any]] = []
        self.edges: list[tuple[int, int]] = []
        self._traced = traced
        self._seen: set[int] = set()  # weights of earlier rows
        self._calls: Counter[int] = Counter()
        self._model = model

    def add(self, call: Call, parent: int) -> int:
        """Adds a call and those inside it; returns the number of its row."""
        operation, number = call.operation, len(self.rows)
        layer = operation if isinstance(operation, Layer) else None
        self._calls[id(operation)] += 1
        row: dict[str, Any] = {
            "n": _short(getattr(operation, "name", "inputs")),
            "c": _short(class_name(operation)) if operation is not None else "Input",
            "p": parent,
            "i": _taken(call),
            "o": _returned(call),
        }
        self.rows.append(row)
        if operation is not None and self._calls[id(operation)] > 1:
            row["again"] = self._calls[id(operation)]
        if self._traced:
            row["f"], row["a"] = call.flops, 0 if call.children else call.kept
        numbers = {id(child): self.add(child, number) for child in call.children}
        for child in call.children:
            self.edges += [(numbers[key], numbers[id(child)]) for key in child.sources if key in numbers]
        if layer is not None:
            self._add_weights(row, layer)
            row["s"] = _settings(layer) if layer is not self._model else {}
        return number

    def _add_weights(self, row: dict[str, Any], layer: Layer) -> None:
        """Adds the weights that no row inside of this one has."""
        own = [w for w in layer.weights if id(w) not in self._seen]
        self._seen.update(id(w) for w in own)
        trainable = {id(w) for w in layer.trainable_weights}
        if own:
            row["w"] = [[_short(w.name), str(tuple(w.shape)), w.dtype, w.size, int(id(w) in trainable)] for w in own]
            row["b"] = size_of(own)[1]


def _untraced(operation: Operation, parent: Call | None, sources: dict[int, Call]) -> Call:
    """Returns the calls of a model that can't be run abstractly: those of its graph, or else its layers."""
    call = Call(operation, parent)
    call.sources = sources
    graph = graph_of(operation)
    if graph is not None:
        of_nodes: dict[int, Call] = {}
        for node in graph.nodes:
            if parent is not None and node.is_input:
                continue
            parents = [of_nodes[id(p)] for p in node.parent_nodes if id(p) in of_nodes]
            made = _untraced(node.operation, call, {id(p): p for p in parents})
            made.node, of_nodes[id(node)] = node, made
    elif isinstance(operation, Model):
        for layer in operation.layers:
            _untraced(layer, call, {})
    return call


def _taken(call: Call) -> str:
    """Returns the shapes of the arrays that a call takes: symbolic ones where there are any."""
    if call.node is not None:
        return _shapes([t.shape for t in call.node.input_tensors])
    graph = graph_of(call.operation)
    return _shapes([t.shape for t in graph.inputs] if graph else [_any_batch(array.shape) for array in call.ins])


def _returned(call: Call) -> str:
    if call.node is not None:
        return _shapes([t.shape for t in call.node.outputs])
    if isinstance(call.operation, InputLayer):
        return _shapes([t.shape for t in call.operation._inbound_nodes[0].outputs])
    graph = graph_of(call.operation)
    return _shapes([t.shape for t in graph.outputs] if graph else [_any_batch(array.shape) for array in call.outs])


def _any_batch(shape: tuple) -> tuple:
    """The shape with an unknown batch: what was traced had one sample."""
    return (None, *shape[1:]) if shape[:1] == (1,) else shape


def _shapes(shapes: list[Any]) -> str:
    return ", ".join(str(tuple(shape)) for shape in shapes[:8]) + (", ..." if len(shapes) > 8 else "")


def _settings(layer: Layer) -> dict[str, str]:
    """Returns the settings of a layer that are numbers or short texts."""
    try:
        with silenced():  # of what can't be read from a file again: none is written
            config = layer.get_config()
    except Exception:  # a user's layer without one
        return {}
    found = {}
    for name, value in config.items():
        if name in ("name", "trainable", "dtype"):
            continue
        if isinstance(value, (str, int, float)) or (
            isinstance(value, (list, tuple)) and all(isinstance(v, (int, float, str)) for v in value)
        ):
            found[_short(str(name))] = _short(str(value))
        elif isinstance(value, dict) and isinstance(value.get("class_name"), str):
            found[_short(str(name))] = _short(value["class_name"])
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


__all__ = ["facts", "page", "show"]
