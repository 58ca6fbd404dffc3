"""Structure and shapes of the data against the inputs of a model that is a graph."""

from __future__ import annotations

from ...core import tree
from ...core.types import Shape, Tree
from ..steps import StepModel
from .batch_arrays import by_path, inputs_by_name


def check_inputs(model: StepModel, x: Tree) -> None:
    """Checks that `x` has the structure and the shapes of the model's inputs.

    Args:
        model: The model, a graph.
        x: The data, with the batch axis.

    Raises:
        ValueError: It hasn't; the input is named.
    """
    expected = inputs_by_name(model)
    if isinstance(x, dict):
        given = by_path(x)
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


def fit_inputs(model: StepModel, x: Tree) -> bool:
    """Returns whether `x` has the structure and the shapes of the model's inputs."""
    try:
        check_inputs(model, x)
    except ValueError:
        return False
    return True


def _plain(shape: tuple) -> Shape:
    return tuple(d if isinstance(d, int) else None for d in shape)


def _fits(expected: Shape, found: Shape) -> bool:
    if len(expected) != len(found):  # a last axis of size 1 may be missing or extra
        longer, shorter = sorted((expected, found), key=len, reverse=True)
        return len(longer) == len(shorter) + 1 and longer[-1] == 1 and _fits(longer[:-1], shorter)
    return all(e is None or f is None or e == f for e, f in zip(expected, found))


def _shape_remedy(name: str, spec: Shape, found: Shape) -> str:
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
