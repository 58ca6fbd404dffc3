"""Pictures of models: `plot_model` and `model_to_dot`, by pydot and graphviz."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from typing import Any

from ..core.graph import Operation
from ..layers.layer import Layer
from ..models.model import Functional, Model
from ..models.sequential import Sequential
from .rows import class_name, graph_of, is_input, output_shape

_BOX = '<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{rows}</table>>'


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Converts a model's graph to the DOT language of graphviz.

    Args:
        model: A built model.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the dtypes of outputs.
        show_layer_names: Whether to show layer names besides class names.
        rankdir: "TB" for top to bottom, "LR" for left to right.
        expand_nested: Whether to draw the layers of nested models.
        dpi: Dots per inch.
        subgraph: Whether to return a `pydot.Cluster`, to be inserted into another graph.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trainable.
        splines: Style of the edges in graphviz: "ortho", "curved", "polyline", ...
        kwargs: Only `layer_range`, which is ignored.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster`.

    Raises:
        ImportError: pydot is missing.
        ValueError: The model isn't built, or a keyword argument is unknown.
    """
    kwargs.pop("layer_range", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    try:
        import pydot
    except ImportError as error:
        raise ImportError("You must install pydot (`pip install pydot`) for model_to_dot to work.") from error
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            "a batch of data."
        )
    if subgraph:
        dot: Any = pydot.Cluster(style="dashed", graph_name=model.name)
        dot.set("label", model.name)
        dot.set("labeljust", "l")
    else:
        dot = pydot.Dot()
        dot.set("rankdir", rankdir)
        dot.set("concentrate", True)
        dot.set("dpi", dpi)
        dot.set("splines", splines)
        dot.set_node_defaults(shape="record")
    shown = (show_layer_names, show_layer_activations, show_dtype, show_shapes, show_trainable)
    graph = graph_of(model)
    if graph is None:  # a subclassed model has no graph to draw
        dot.add_node(_box(model, *shown))
        return dot
    hidden = {id(o) for o in graph.operations if isinstance(model, Sequential) and is_input(o)}
    for operation in graph.operations:
        if id(operation) in hidden:
            continue
        if expand_nested and _inside(operation) is not None:
            inner = model_to_dot(
                operation,
                show_shapes,
                show_dtype,
                show_layer_names,
                rankdir,
                expand_nested,
                subgraph=True,
                show_layer_activations=show_layer_activations,
                show_trainable=show_trainable,
            )
            dot.add_subgraph(inner)
        else:
            dot.add_node(_box(operation, *shown))
    drawn: set[tuple[str, str]] = set()
    for node in graph.nodes:
        for tensor in node.input_tensors:
            source = tensor._keras_history.operation
            if id(source) in hidden:
                continue
            ends = (_ends(source, expand_nested)[1], _ends(node.operation, expand_nested)[0])
            edge = (str(id(ends[0])), str(id(ends[1])))
            # A nested model may begin with the very input it is called on.
            if edge not in drawn and edge[0] != edge[1]:
                drawn.add(edge)
                dot.add_edge(pydot.Edge(*edge, penwidth="2"))
    return dot


def plot_model(
    model: Model,
    to_file: str | os.PathLike = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Plots a model's graph to a file.

    Args:
        model: A built model.
        to_file: Path; its extension determines the format (png, svg, pdf, ...).
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the dtypes of outputs.
        show_layer_names: Whether to show layer names besides class names.
        rankdir: "TB" for top to bottom, "LR" for left to right.
        expand_nested: Whether to draw the layers of nested models.
        dpi: Dots per inch.
        show_layer_activations: Whether to show activations.
        show_trainable: Whether to show which layers are trainable.
        splines: Style of the edges in graphviz: "ortho", "curved", "polyline", ...
        kwargs: Only `layer_range`, which is ignored.

    Returns:
        Picture for display in a notebook, or None.

    Raises:
        ImportError: pydot or graphviz is missing.
        ValueError: The model isn't built, or a keyword argument is unknown.
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    to_file = os.fspath(to_file)
    extension = os.path.splitext(to_file)[1][1:] or "png"
    try:
        dot.write(to_file, format=extension)
    except FileNotFoundError as error:  # no program `dot`
        raise ImportError(
            "You must install graphviz (see https://graphviz.gitlab.io/download/) for `plot_model` to work."
        ) from error
    if extension == "pdf":
        return None
    try:
        from IPython import display
    except ImportError:
        return None
    return display.SVG(filename=to_file) if extension == "svg" else display.Image(filename=to_file)


def _inside(operation: Operation) -> Any:
    """Returns the graph of a nested model; None for other operations."""
    return graph_of(operation) if isinstance(operation, (Functional, Sequential)) else None


def _ends(operation: Operation, expand_nested: bool) -> tuple[Operation, Operation]:
    """Returns the operations at which edges into and out of `operation` end: inner ones if it is expanded."""
    graph = _inside(operation) if expand_nested else None
    if graph is None:
        return operation, operation
    operations = [o for o in graph.operations if not (isinstance(operation, Sequential) and is_input(o))]
    return _ends(operations[0], True)[0], _ends(operations[-1], True)[1]


def _box(layer: Operation, names: bool, activations: bool, dtype: bool, shapes: bool, trainable: bool) -> Any:
    import pydot

    kind = html.escape(class_name(layer))
    title = f"<b>{html.escape(layer.name)}</b> ({kind})" if names else f"<b>{kind}</b>"
    columns = max(2 * shapes + dtype + trainable, 1)
    rows = f'<tr><td colspan="{columns}" bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>'
    activation = getattr(layer, "activation", None)
    if activations and activation is not None:
        name = str(getattr(activation, "__name__", None) or getattr(activation, "name", type(activation).__name__))
        rows += (
            f'<tr><td bgcolor="white" colspan="{columns}"><font point-size="14">Activation: '
            f"<b>{html.escape(name)}</b></font></td></tr>"
        )
    cells = ""
    tensors = _tensors(layer)
    if shapes:
        if not is_input(layer):
            cells += _fact("Input shape", _one_or_list([str(t.shape) for t in tensors[0]], "?"))
        cells += _fact("Output shape", output_shape(layer))
    if dtype:
        cells += _fact("Output dtype", _one_or_list([t.dtype for t in tensors[1]], "?", repr))
    if trainable and isinstance(layer, Layer) and layer.weights:
        color, word = ("forestgreen", "Trainable") if layer.trainable else ("firebrick", "Non-trainable")
        cells += f'<td bgcolor="{color}"><font point-size="14" color="white"><b>{word}</b></font></td>'
    if cells:
        rows += f"<tr>{cells}</tr>"
    return pydot.Node(str(id(layer)), label=_BOX.format(rows=rows), fontname="Helvetica", border="0", margin="0")


def _fact(label: str, value: str) -> str:
    return f'<td bgcolor="white"><font point-size="14">{label}: <b>{html.escape(value, quote=False)}</b></font></td>'


def _tensors(layer: Operation) -> tuple[list, list]:
    """Returns the inputs and outputs of the last call of `layer`."""
    if layer._inbound_nodes:
        node = layer._inbound_nodes[-1]
        return node.input_tensors, node.outputs
    if isinstance(layer, (Functional, Sequential)) and layer.built:
        return layer.inputs or [], layer.outputs or []
    return [], []


def _one_or_list(values: list[str], unknown: str, show: Callable[[Any], str] = str) -> str:
    if not values:
        return unknown
    return values[0] if len(values) == 1 else f"[{', '.join(show(v) for v in values)}]"
