"""How functions become ops: which parameters are tensors, many operands, files of users' ops."""

# Without `from __future__ import annotations`: the annotations below are objects, those in MODULE text.

import collections.abc
import sys
import types
import typing
from typing import Annotated, Any, Optional

import numpy as np
import pytest

import addax
from addax import KerasTensor, ops
from addax.core.op import Argument, Axis, Tensor, TensorLike, op

Image = TensorLike
Batch = Annotated[TensorLike, "of images"]

MODULE = """
from __future__ import annotations
import typing
from typing import TYPE_CHECKING, Any, Optional
from collections.abc import Sequence
from addax.core.op import Argument, Axis, Tensor, TensorLike, op
if TYPE_CHECKING:
    from nowhere import Where
Image = TensorLike

@op
def many(a: Image, b: Optional[Image] = None, c: typing.List[Image] = (), d: "Sequence[TensorLike]" = (),
         e: Argument = None, f: Axis = -1, g: Where = 1, h: int | Sequence[int] = 2, i: Tensor | None = None):
    return a, b, c, d, e, f, g, h, i
"""


@op
def many(
    a: Image,
    b: Optional[Image] = None,  # noqa: UP045
    c: typing.List[Image] = (),  # noqa: UP006
    d: collections.abc.Sequence[TensorLike] = (),
    e: Argument = None,
    f: Axis = -1,
    g: Any = 1,
    h: int | typing.Sequence[int] = 2,
    i: Tensor | None = None,
):
    return a, b, c, d, e, f, g, h, i


@pytest.mark.parametrize("written", ["objects", "text"])
def test_annotations_say_what_is_a_tensor(written):
    function = many
    if written == "text":
        module = types.ModuleType("ops_of_a_test")
        exec(compile(MODULE, "ops_of_a_test.py", "exec", dont_inherit=True), module.__dict__)
        function = module.many
    index = [1, 2]
    a, b, c, d, e, f, g, h, i = function([1.0], [2.0], [[3.0], 4.0], ([5.0],), index, [0], [6], [7], [8.0])
    assert all(ops.is_tensor(t) for t in (a, b, c[0], d[0], i)) and c[1] == 4.0
    assert e is index and (f, g, h) == ([0], [6], [7])
    x = KerasTensor((1,))
    history = function(x, c=[x], e=index, g=3)[0]._keras_history
    assert history.operation.get_config() == {"name": history.operation.name, "f": -1, "g": 3, "h": 2}
    assert history.operation._inbound_nodes[0].args == (x, None, [x], (), index)


def test_an_alias_of_an_alias():
    @op
    def halve(x: Batch):
        return x / 2

    assert halve([1.0]).tolist() == [0.5] and halve(KerasTensor((None, 2))).shape == (None, 2)


@pytest.mark.parametrize("count", [63, 64, 65, 150])
def test_any_number_of_operands(count):
    letters = [chr(ord("a") + i % 26) for i in range(count)]
    operands = [[1.0 + i % 2] for i in range(count)]
    found = ops.einsum(",".join(letters) + "->", *operands)
    assert float(found) == np.prod([v[0] for v in operands])
    grids = ops.meshgrid(*[[1.0]] * min(count, 30))
    assert all(ops.is_tensor(g) for g in grids)
    x = KerasTensor((1,))
    assert ops.einsum(",".join(letters) + "->", x, *operands[1:]).shape == ()


@addax.saving.register_keras_serializable("mine")
@op
def scaled(x: TensorLike, by: float = 2.0, *, shift: TensorLike | None = None) -> Tensor:
    return x * by if shift is None else x * by + shift


@op
def unknown_to_files(x: TensorLike) -> Tensor:
    return -x


def test_an_op_of_the_users_in_files(tmp_path):
    x = addax.Input((3,))
    model = addax.Model(x, scaled(ops.add(x, 1.0), by=3.0, shift=x))
    stored = [layer for layer in model.get_config()["layers"] if layer["class_name"] == "Scaled"]
    assert [(s["module"], s["registered_name"]) for s in stored] == [(__name__, "mine>scaled")]
    data = np.arange(6, dtype="float32").reshape(2, 3)
    model.save(tmp_path / "model.keras")
    for again in (
        addax.Model.from_config(model.get_config()),
        addax.models.clone_model(model),
        addax.models.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(again(data), (data + 1) * 3 + data)


def test_an_op_that_is_not_registered():
    x = addax.Input((3,))
    config = addax.Model(x, unknown_to_files(x)).get_config()
    with pytest.raises(TypeError, match="Could not locate class 'UnknownToFiles'"):
        addax.Model.from_config(config)
    model = addax.Model.from_config(config, custom_objects={"unknown_to_files": unknown_to_files})
    assert model(np.ones((1, 3))).tolist() == [[-1.0] * 3]


def test_builtin_ops_keep_keras_names_in_files():
    keras = pytest.importorskip("keras")

    def stored(library):
        x = library.Input((3,), name="x")
        config = library.Model(x, library.ops.multiply(library.ops.tanh(x), 2.0)).get_config()
        keys = ("module", "class_name", "registered_name")
        return [tuple(layer[k] for k in keys) for layer in config["layers"]]

    assert stored(addax) == stored(keras)


def test_importing_the_ops_evaluates_no_annotation():
    import subprocess

    code = (
        "import addax.ops as ops; names = [n for n in ops.__all__ if hasattr(getattr(ops, n), 'definition')];"
        "assert len(names) > 200; assert not any('tensors' in vars(getattr(ops, n).definition) for n in names)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
