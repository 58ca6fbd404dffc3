"""Guards: mistakes that are caught before the first step, on the host, in a small part of an epoch's time.

Each has a switch: `keras.config.set("check_labels", False)`, and likewise `check_shapes`, `check_finite`,
`check_logits` and `check_dtypes`. What can't be right is an error; what may be right is a warning.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import losses
from ..core import config as settings
from ..core import tree
from ..core.engine import is_jax_array, is_loaded, jax
from ..core.errors import describe
from ..core.keras_tensor import KerasTensor
from ..core.warnings import warn
from ..data.adapt import check_rows
from ..data.batches import ArrayBatches
from ..layers.embedding import Embedding
from ..losses.facts import fact
from ..metrics import Metric
from ..metrics.identifiers import resolve
from . import outputs
from .array_facts import Scan
from .output_kinds import TableProbe, activation_of, consumers, is_own_layer, tables_of
from .padding import is_rowwise
from .prepare import prediction_spec

_INT32 = np.iinfo("int32")


def _off(switch: str) -> str:
    return f' If this is meant, `keras.config.set("{switch}", False)` turns the check off.'


# At `compile`


def check_compiled(
    loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any, run_eagerly: Any, jit_compile: Any
) -> None:
    """What can't be meant by the arguments of `compile`: names that don't exist, kinds and numbers that can't be."""
    for one in tree.flatten(_without_configs(loss)):
        _check_loss(one)
    for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        for one in tree.flatten(_without_configs(given)):
            if isinstance(one, str):
                resolve(one, (None, 2), (None, 2))
            elif one is not None and not callable(one):
                raise ValueError(
                    f"`{name}` holds {describe(one)}; expected names, functions `(y_true, y_pred)` or metrics."
                )
    for weight in tree.flatten(loss_weights):
        _check_loss_weight(weight)
    if not isinstance(run_eagerly, (bool, int, np.bool_)):
        raise ValueError(f"`run_eagerly` must be True or False. Received: run_eagerly={run_eagerly!r}")
    if not (jit_compile is None or jit_compile == "auto" or isinstance(jit_compile, (bool, int, np.bool_))):
        raise ValueError(f"`jit_compile` must be True, False or 'auto'. Received: jit_compile={jit_compile!r}")


def _without_configs(given: Any) -> Any:
    """`given` without the configs of objects in it, which `compile` reads itself."""
    if isinstance(given, dict):
        return None if "class_name" in given else {k: _without_configs(v) for k, v in given.items()}
    return [_without_configs(v) for v in given] if isinstance(given, (list, tuple)) else given


def _check_loss(one: Any) -> None:
    cls = one if isinstance(one, type) else type(one)
    if issubclass(cls, Metric):
        other = f"`keras.losses.{cls.__name__}`" if hasattr(losses, cls.__name__) else "a loss, or a function"
        raise ValueError(
            f"`loss` is the metric {cls.__name__}, whose value is that of all batches so far; expected a loss, which "
            f"is computed anew for each batch. Use {other}."
        )
    if isinstance(one, str):
        if one.lower() not in ("crossentropy", "ce"):  # which depend on the shapes
            losses.get(one)
    elif one is not None and not callable(one):
        losses.get(one)  # says what is wrong with it


def _check_loss_weight(weight: Any) -> None:
    if weight is None or isinstance(weight, KerasTensor) or hasattr(weight, "assign") or is_jax_array(weight):
        return
    try:
        number = float("nan") if isinstance(weight, str) else float(weight)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError(
            f"`loss_weights` must be finite numbers, one for each output. Received: {weight!r}. A weight of 0 leaves a "
            "loss out of the sum."
        )
    if number < 0:
        warn(f"`loss_weights` has {weight!r}: training will make the loss of that output larger, without end.")


# Before the model is built for the data


def check_batch(model: Any, batch: tuple, labels: bool = True) -> None:
    """What a batch tells before anything is built: dtypes, and inputs that the model doesn't have."""
    x, y, sample_weight = batch
    check_kinds(model, x, y if labels else None, sample_weight)
    if settings.get("check_dtypes"):
        for name, array, tensor in _named(model, x):
            if tensor is not None:
                if array.dtype.kind in "iu":
                    _check_integers(name, array)
                _check_tables(name, array, tables_of(model, tensor))
    if settings.get("check_shapes") and _inputs_by_name(model):
        if model.input_spec is not None:
            check_inputs(model, x)
        elif not _fit_inputs(model, x):  # a Sequential takes what its layers take, so they are asked
            prediction_spec(model, tree.map_structure(_spec, x))


def check_kinds(model: Any, x: Any, y: Any, sample_weight: Any) -> None:
    """Dtypes that nothing can be computed with: text, dates, records, complex numbers where real ones are expected."""
    if not settings.get("check_dtypes"):
        return
    for name, array, tensor in _named(model, x, y):
        if array.dtype.kind != "c" or not _may_be_complex(model, tensor, of_labels=name.startswith("`y`")):
            _check_kind(name, array)
    for array in tree.flatten(sample_weight):
        if array is not None:
            _check_kind("`sample_weight`", array)


def _may_be_complex(model: Any, tensor: KerasTensor | None, of_labels: bool) -> bool:
    """Whether complex numbers may be meant: by an input's dtype, or for a layer or a loss of the user's own."""
    if of_labels:
        loss = model._compile_loss if model.compiled else None
        return loss is None or not all(_wants(one) for one in loss.flat_given())
    if tensor is not None:
        return str(tensor.dtype).startswith("complex")
    return not all(is_own_layer(layer) for layer in model._flatten_layers())


def _named(model: Any, x: Any, y: Any = None) -> Iterator[tuple[str, Any, KerasTensor | None]]:
    """Each array of a batch: what it is called in errors, itself, and the model's input that it goes into, if known."""
    inputs = _inputs_by_name(model)
    leaves = tree.flatten_with_path(x)
    by_order = list(inputs) if len(inputs) == len(leaves) else []
    for i, (path, leaf) in enumerate(leaves):
        name = str(path[0]) if isinstance(x, dict) else by_order[i] if by_order else None
        if leaf is not None:
            yield (f"input '{name}'" if name else _called("x", path)), leaf, inputs.get(name)  # type: ignore[arg-type]
    for path, leaf in tree.flatten_with_path(y):
        if leaf is not None:
            yield _called("y", path), leaf, None


def _inputs_by_name(model: Any) -> dict[str, KerasTensor]:
    """The inputs of a model that is a graph, by the names that data may have; none of another model."""
    if not getattr(model, "inputs", None):
        return {}
    if isinstance(model.input, dict):
        return _by_path(model.input)
    return dict(zip(model.input_names, model.inputs))


def _by_path(structure: Any) -> dict[str, Any]:
    """The leaves by where they are: "rest.q" is what "q" leads to in what "rest" leads to."""
    return {".".join(map(str, path)): leaf for path, leaf in tree.flatten_with_path(structure)}


def _called(root: str, path: tuple) -> str:
    return f"`{root}`" + "".join(f"[{key!r}]" for key in path)


def _check_kind(name: str, array: Any) -> None:
    kind = array.dtype.kind
    if kind == "V" and array.dtype.names:
        raise ValueError(
            f"Invalid dtype: {name} is a structured array with the fields {list(array.dtype.names)} (shape "
            f"{tuple(array.shape)}); expected numbers or bools. "
            "`np.lib.recfunctions.structured_to_unstructured(x)` makes columns of the fields."
        )
    if kind == "c":
        raise ValueError(
            f"Invalid dtype: {name} holds complex numbers (dtype {array.dtype}, shape {tuple(array.shape)}), whose "
            "imaginary parts would be dropped; expected real numbers or bools. Pass both parts as columns, "
            "`np.concatenate([x.real, x.imag], axis=-1)`, or `np.abs(x)`."
        )
    if kind in "USO":
        remedy = (
            "Encode them as numbers first: `classes, y = np.unique(y, return_inverse=True)`."
            if name.startswith("`y`")
            else "Encode them as numbers first: class numbers with `np.unique(x, return_inverse=True)`, text as tokens."
        )
        raise ValueError(
            f"Invalid dtype: {name} holds strings or objects (dtype {array.dtype}, shape {array.shape}); expected "
            f"numbers or bools. {remedy}"
        )
    if kind in "Mm":
        raise ValueError(
            f"Invalid dtype: {name} holds dates (dtype {array.dtype}, shape {array.shape}); expected numbers or bools. "
            "Make them numbers first, e.g. `x.astype('datetime64[s]').astype('float64')` minus the earliest."
        )


def check_inputs(model: Any, x: Any) -> None:
    """Raises ValueError, with the name of the input, unless `x` has the structure and shapes of the model's inputs."""
    expected = _inputs_by_name(model)
    if isinstance(x, dict):
        given = _by_path(x)
        missing = next((key for key in expected if key not in given), None)
        if missing is not None:
            raise ValueError(
                f"Missing data for input '{missing}' of model '{model.name}'. You passed a dict with keys {list(x)}; "
                f"expected the keys {list(expected)}."
            )
        pairs = [(key, spec, given[key]) for key, spec in expected.items()]
    else:
        leaves = tree.flatten(x)
        if len(leaves) != len(expected):
            remedy = "give one array for each, in this order, or a dict by these names"
            if len(expected) == 1:
                remedy = "one array for all rows was meant: `np.array(x)`, or `np.stack(x)` of a list of rows"
            raise ValueError(
                f"Model '{model.name}' has {len(expected)} input{'s' * (len(expected) != 1)} ({list(expected)}), but "
                f"`x` is a {type(x).__name__} of {len(leaves)} array{'s' * (len(leaves) != 1)}: {remedy}."
            )
        pairs = [(name, spec, leaf) for (name, spec), leaf in zip(expected.items(), leaves)]
    for i, (name, spec, leaf) in enumerate(pairs):
        if leaf is not None and not _fits(spec.shape[1:], leaf.shape[1:]):
            raise ValueError(
                f"Input {i} with name '{name}' of model '{model.name}' is incompatible with the data: expected "
                f"shape={(None, *spec.shape[1:])}, found shape={_plain(leaf.shape)}. "
                f"{_shape_remedy(name, spec.shape, _plain(leaf.shape))}"
            )


def _plain(shape: tuple) -> tuple:
    return tuple(d if isinstance(d, int) else None for d in shape)


def _fit_inputs(model: Any, x: Any) -> bool:
    try:
        check_inputs(model, x)
    except ValueError:
        return False
    return True


def _fits(expected: tuple, found: tuple) -> bool:
    if len(expected) != len(found):  # a last axis of size 1 may be missing or extra
        longer, shorter = sorted((expected, found), key=len, reverse=True)
        return len(longer) == len(shorter) + 1 and longer[-1] == 1 and _fits(longer[:-1], shorter)
    return all(e is None or f is None or e == f for e, f in zip(expected, found))


def _shape_remedy(name: str, spec: tuple, found: tuple) -> str:
    if len(found) == len(spec) - 1 and _fits(spec[1:], found):
        return "The batch axis is missing: for a single sample pass `x[None]`."
    if len(found) == len(spec) > 2 and _fits(spec[1:], (*found[2:], found[1])):
        return "The channels come first in the data: `np.moveaxis(x, 1, -1)` puts them last."
    if len(found) == len(spec) > 2 and _fits(spec[1:], (found[-1], *found[1:-1])):
        return "The channels come last in the data: `np.moveaxis(x, -1, 1)` puts them first."
    if len(found) == len(spec) and _fits(spec[1:-1], found[1:-1]):
        return (
            f"The data have {found[-1]} features for input '{name}', the model expects {spec[-1]}: pass the columns "
            f"it was made for, or make it with `Input(shape={found[1:]})`."
        )
    return f"Reshape the data, or make the model with `Input(shape={found[1:]})`."


# Once the model is built for the data


def check_data(model: Any, source: Any, first: tuple) -> None:
    """What the data tell: labels, shapes, values that aren't finite. Of iterables, the first batch."""
    batch = source.arrays if isinstance(source, ArrayBatches) else first
    check_values(model, batch)
    check_labels(model, batch)
    if settings.get("check_logits"):
        _check_logits(model)


def check_each(model: Any, batch: tuple, number: int) -> None:
    """The same of one batch of an iterable."""
    check_kinds(model, *batch)
    _check_rows(model, batch)
    check_on_host(model, batch, f"batch {number + 1}")


def check_on_host(model: Any, batch: tuple, what: str = "the batch") -> None:
    """Values and labels of a batch, unless the device would have to be waited for to see them."""
    if all(isinstance(a, np.ndarray) for a in tree.flatten(batch[:2]) if a is not None):
        check_values(model, batch, what)
        check_labels(model, batch)


def _check_rows(model: Any, batch: tuple) -> None:
    """Raises ValueError where arrays of a batch are not equally long, and each row is computed by itself."""
    if len({a.shape[0] for a in tree.flatten(batch) if a is not None}) > 1 and is_rowwise(model):
        check_rows(*batch)


def check_values(model: Any, batch: tuple, what: str = "the data") -> None:
    """Values of a batch (or of all the data) that aren't finite, or don't fit into 32 bits."""
    x, y, sample_weight = batch
    check_finite, check_dtypes = settings.get("check_finite"), settings.get("check_dtypes")
    if not (check_finite or check_dtypes):
        return
    for name, array, tensor in _named(model, x, y):
        kind = array.dtype.kind
        readers = consumers(model, tensor) if tensor is not None else []
        if kind in "fV" and check_finite:
            if not Scan(array).finite:
                is_error = _is_error_in_y(model) if name.startswith("`y`") else _is_error_in_x(readers, array)
                _not_finite(name, array, is_error, what)
        elif kind in "iu" and check_dtypes:
            _check_integers(name, array)
    if check_dtypes:
        for (name, array, _), tables in zip(_named(model, x), _tables(model, x)):
            _check_tables(name, array, tables)
    for array in tree.flatten(sample_weight) if check_finite else ():
        if array is None:
            continue
        if not Scan(array).finite:
            _not_finite("`sample_weight`", array, True, what)
        if array.dtype.kind in "if" and Scan(array).bounds[0] < 0:
            warn(
                f"`sample_weight` has negative weights in {what} (the least is {Scan(array).bounds[0]:g}): the loss of "
                "such rows is made larger, without end. Weights are expected to be 0 or more." + _off("check_finite")
            )


def _is_error_in_x(readers: list, array: Any) -> bool:
    """Whether the values can only do harm: what reads them is addax's own, and has no use for infinities."""
    if not readers or not all(is_own_layer(o) for o in readers):
        return False
    nans, _, _ = Scan(array).bad_rows()
    return nans > 0 or any(o.weights for o in readers)


def _is_error_in_y(model: Any) -> bool:
    loss = model._compile_loss
    return _computes_as_compiled(model) and loss is not None and all(_wants(o) for _, _, o, _ in loss.entries)


def _not_finite(name: str, array: Any, is_error: bool, what: str) -> None:
    nans, infs, row = Scan(array).bad_rows()
    count = " and ".join(f"{n} {label}" for n, label in ((nans, "NaN"), (infs, "infinite")) if n)
    text = (
        f"{name[0].upper()}{name[1:]} has {count} value{'s' * (nans + infs != 1)} in {what}, the first in row {row} "
        f"(shape {tuple(array.shape)}, dtype {array.dtype}); expected finite numbers, for one NaN makes every weight "
        "NaN. Leave the rows out or fill the values, e.g. `np.nan_to_num(...)`."
    )
    if infs:
        text += f" Numbers too large for {array.dtype} become infinite, too."
    text += _off("check_finite")
    if is_error:
        raise ValueError(text)
    warn(text)


def _check_integers(name: str, array: Any) -> None:
    if array.dtype.itemsize < 8:
        return
    low, high = Scan(array).bounds
    if array.dtype.itemsize == 8 and (low < _INT32.min or high > _INT32.max) and not _x64():
        raise ValueError(
            f"{name[0].upper()}{name[1:]} has integers from {low} to {high} (dtype {array.dtype}), which don't fit "
            f"into int32 (up to {_INT32.max}), what JAX computes with: they would silently become others. Make them "
            "smaller (class numbers, hashes modulo a table's size), or floats: `x.astype('float32')`."
            + _off("check_dtypes")
        )


def _check_tables(name: str, array: Any, tables: list[Embedding]) -> None:
    """Indices that an embedding table doesn't have."""
    if tables and array.dtype.kind in "iuf" and array.size:
        low, high = Scan(array).bounds
        for table in tables:
            table.check_indices(low, high, f"{name[0].upper()}{name[1:]}")


def _tables(model: Any, x: Any) -> list[list[Embedding]]:
    """For each array of `x` the embedding tables that look its values up."""
    named = list(_named(model, x))
    if not any(isinstance(layer, Embedding) for layer in model._flatten_layers()):
        return [[] for _ in named]
    if all(tensor is not None for _, _, tensor in named):
        return [tables_of(model, tensor) for _, _, tensor in named]  # type: ignore[arg-type]
    # A model that is no graph is run on no data, to see which of its inputs go into a table.
    specs = tree.map_structure(_spec, x)
    key = str(tree.map_structure(lambda t: None if t is None else (t.shape, t.dtype), specs))
    known = _tables_for.setdefault(model, {})
    if key not in known:
        known[key] = TableProbe.run(model, specs)
    return known[key]


_tables_for: weakref.WeakKeyDictionary[Any, dict[str, list[list[Embedding]]]] = weakref.WeakKeyDictionary()


def _x64() -> bool:
    return is_loaded() and bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]


# Labels against what the losses want


def _computes_as_compiled(model: Any) -> bool:
    """Whether training computes the losses given to `compile`, rather than something of the user's."""
    from .trainer import Trainer

    cls = type(model)
    return all(
        getattr(cls, name) is getattr(Trainer, name)
        for name in ("train_step", "compute_loss", "compute_loss_and_updates")
    )


def _wants(loss: Any) -> str | None:
    """The labels that a loss says it takes: see `losses.facts`."""
    return fact(loss, "labels")


def is_regression(loss: Any) -> bool:
    """Whether a loss is one for numbers rather than for classes, as far as is known."""
    return _wants(loss) == "alike" and fact(loss, "label_values") == "any"


def is_of_classes(loss: Any) -> bool:
    """Whether a loss is one of classes that are counted from 0."""
    return _wants(loss) is not None and fact(loss, "activation") is not None


def _function_name(loss: Any) -> str:
    return getattr(getattr(loss, "fn", None), "__name__", None) or loss.name


def check_labels(model: Any, batch: tuple) -> None:
    """Labels of a batch (or of all the data) against the model's outputs."""
    x, y, sample_weight = batch
    loss = model._compile_loss
    if loss is None or y is None or not _computes_as_compiled(model):
        return
    predictions = _predictions(model, x)
    flat_pred = tree.flatten(predictions)
    flat_true = loss.labels(y, predictions)
    flat_weight = outputs.flatten_labels(sample_weight, predictions, loss.names, loss.alternatives, "sample_weight")
    for i, _, one, _ in loss.entries:
        wants, y_true = _wants(one), flat_true[i]
        if wants is not None and isinstance(y_true, (list, tuple, dict)):
            raise ValueError(
                f"`y` is a {type(y_true).__name__} of {len(tree.flatten(y_true))} arrays for "
                f"{outputs.called(loss.names, i)}, whose loss '{_function_name(one)}' takes one array. Pass one "
                "array for each output of the model."
            )
        if wants is None or not hasattr(y_true, "dtype") or not hasattr(flat_pred[i], "shape"):
            continue
        called = outputs.called(loss.names, i)
        shape = (None, *flat_pred[i].shape[1:])
        if settings.get("check_shapes"):
            _check_label_shape(called, one, wants, y_true, shape)
        if settings.get("check_labels") and len(shape) > 1:
            if wants == "class":
                unsure = flat_pred[i]._keras_mask is not None if isinstance(flat_pred[i], KerasTensor) else False
                _check_classes(called, one, y_true, shape, flat_weight[i], unsure)
            elif fact(one, "label_values") == "bits":
                _check_bits(called, one, y_true, shape)


def _predictions(model: Any, x: Any) -> Any:
    """What the model predicts for `x`, as KerasTensors."""
    if getattr(model, "outputs", None):
        return model.output
    specs = tree.map_structure(_spec, x)
    key = str(tree.map_structure(lambda t: None if t is None else (t.shape, t.dtype), specs))
    known = model.__dict__.setdefault("_predictions_for", {})
    if key not in known:
        known[key] = prediction_spec(model, specs)
    return known[key]


def _spec(a: Any) -> KerasTensor | None:
    return None if a is None else KerasTensor((None, *a.shape[1:]), str(a.dtype))


def _label_shape(y_shape: tuple, p_shape: tuple) -> tuple[tuple, tuple]:
    """Both shapes after a last axis of size 1 that only one has is gone, as the losses make it go."""
    if len(y_shape) == len(p_shape) + 1 and y_shape[-1] == 1:
        return y_shape[:-1], p_shape
    if len(p_shape) == len(y_shape) + 1 and p_shape[-1] == 1:
        return y_shape, p_shape[:-1]
    return y_shape, p_shape


def _check_label_shape(called: str, loss: Any, wants: str, y_true: Any, p_shape: tuple) -> None:
    y_shape = (None, *y_true.shape[1:])
    name = _function_name(loss)
    classes = p_shape[-1] if len(p_shape) > 1 else None
    if wants == "class":
        expected = p_shape[:-1]
        found = y_shape[:-1] if len(y_shape) == len(p_shape) and y_shape[-1] == 1 else y_shape
        wanted = expected
        remedy = "the number of a class for each. `np.argmax(y, axis=-1)` makes such labels of one-hot ones"
        if hasattr(losses, name.removeprefix("sparse_")) and len(y_shape) == len(p_shape):
            remedy += f", or use '{name.removeprefix('sparse_')}'"
    else:
        expected = p_shape
        found, wanted = _label_shape(y_shape, p_shape)
        if wants == "one-hot":
            remedy = (
                f"one number for each class. `keras.utils.to_categorical(y, {classes})` makes them of class numbers"
            )
            remedy += f", or use 'sparse_{name}'" if hasattr(losses, f"sparse_{name}") else ""
        else:
            remedy = f"those of the predictions, for '{name}' compares them one by one. Reshape the labels, or give "
            remedy += f"{called} as many units as there are labels in a row"
            if y_true.dtype.kind in "iu" and classes and classes > 1:
                remedy += "; if they are class numbers, use 'sparse_categorical_crossentropy'"
    if len(found) == len(wanted) and all(m is None or n is None or m == n for m, n in zip(found, wanted)):
        return
    raise ValueError(
        f"Labels of {called} have shape {y_shape}, but its predictions have shape {p_shape}; '{name}' expects labels "
        f"of shape {expected}: {remedy}." + _off("check_shapes")
    )


def _check_classes(called: str, loss: Any, y_true: Any, p_shape: tuple, weight: Any, unsure: bool) -> None:
    classes = p_shape[-1]
    scan = Scan(y_true)
    low, high = scan.bounds
    if classes is None or (low >= 0 and high < classes and scan.whole):
        return
    ignored = getattr(loss, "_fn_kwargs", {}).get("ignore_class")
    labels = np.asarray(y_true)
    kept = np.ones(labels.shape, bool) if ignored is None else labels != ignored
    if weight is not None:
        shown = np.asarray(weight) != 0
        while shown.ndim < labels.ndim:
            shown = shown[..., None]
        kept &= np.broadcast_to(shown, labels.shape) if shown.ndim == labels.ndim else True
    fine = (labels >= 0) & (labels < classes) & (labels == np.floor(labels))
    bad = kept & ~fine
    if not bad.any():
        return
    row = int(bad.reshape(len(bad), -1).any(axis=1).argmax())
    values = sorted({v.item() for v in labels[bad][:1000]})
    shown_values = ", ".join(map(str, values[:3])) + (", ..." if len(values) > 3 else "")
    remedy = f"give {called} {int(max(labels[kept].max(), 0)) + 1} units, or number the classes from 0"
    if low == 1 and high == classes:
        remedy = "the classes are counted from 1: subtract 1, `y - 1`"
    elif low < 0:
        remedy = "if these mean 'no label', pass `ignore_class` to the loss, or a `sample_weight` of 0"
    elif not scan.whole:
        remedy = "pass whole numbers, or use a loss for numbers ('mse')"
    text = (
        f"Labels of {called} are outside the number of classes: {int(bad.sum())} of {labels.size} are not among 0 to "
        f"{classes - 1} (received {shown_values}, the first in row {row}), the {classes} classes that its predictions "
        f"have. Remedy: {remedy}." + _off("check_labels")
    )
    if unsure:  # steps that a mask leaves out may have any label
        warn(text)
    else:
        raise ValueError(text)


def _check_bits(called: str, loss: Any, y_true: Any, p_shape: tuple) -> None:
    scan = Scan(y_true)
    low, high = scan.bounds
    if low >= 0 and high <= 1:
        return
    text = (
        f"Labels of {called} are from {low} to {high}, but '{_function_name(loss)}' expects 0 and 1 (or values between "
        "them): its value has no least one otherwise. "
    )
    if (low, high) == (-1, 1):
        text += "Remedy: `(y + 1) / 2`, or a hinge loss, which takes -1 and 1."
    elif scan.whole and high > 1:
        text += (
            f"Remedy: for {int(high) + 1} classes, as many units with softmax and 'sparse_categorical_crossentropy'."
        )
    else:
        text += "Remedy: scale the labels, e.g. images by 1/255."
    text += _off("check_labels")
    if scan.whole:
        raise ValueError(text)
    warn(text)


# Activations against `from_logits`


def _check_logits(model: Any) -> None:
    """Losses that expect logits where the model gives probabilities, and the other way round; looked at once."""
    loss = model._compile_loss
    flat = getattr(model, "outputs", None)
    if loss is None or not flat or getattr(loss, "looked_at_logits", False) or not _computes_as_compiled(model):
        return
    loss.looked_at_logits = True
    for i, _, one, _ in loss.entries:
        if _wants(one) is None or i >= len(flat):
            continue
        if fact(one, "activation") is None:
            continue
        name = _function_name(one)
        layer, activation = activation_of(flat[i])
        if activation is None:
            continue
        _check_one_logits(outputs.called(loss.names, i), layer, activation, name, one, flat[i].shape[-1])


def _check_one_logits(called: str, layer: Any, activation: str, name: str, loss: Any, units: int | None) -> None:
    from_logits = getattr(loss, "_fn_kwargs", {}).get("from_logits", False)
    proper = fact(loss, "activation")
    cls = "".join(part.capitalize() for part in name.split("_"))
    start = f"The loss '{name}' of {called} has from_logits={from_logits}, "
    made = f"layer '{layer.name}' ({type(layer).__name__})"
    if from_logits and activation in ("softmax", "sigmoid"):
        text = (
            f"{start}but {made} applies {activation}: its outputs are probabilities, and the loss would apply {proper} "
            f"to them again. Leave out `from_logits=True`, or the activation."
        )
        is_error = activation == proper
    elif not from_logits and activation == "linear":
        text = (
            f"{start}which expects probabilities, but {made} has no activation: its outputs are any numbers (logits). "
            f"Use `keras.losses.{cls}(from_logits=True)`, or give the layer `activation='{proper}'`."
        )
        is_error = True
    elif not from_logits and activation in ("tanh", "relu"):
        text = (
            f"{start}which expects probabilities, but {made} applies {activation}. Give it `activation='{proper}'`, or "
            f"none and use `keras.losses.{cls}(from_logits=True)`."
        )
        is_error = False
    else:
        return
    text += _off("check_logits")
    if is_error:
        raise ValueError(text)
    warn(text)
