"""What is used of JAX's inside: in one file, all of it there, and imported by the engine alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import addax as keras
from addax.core import jax_inside

SOURCE = Path(keras.__file__).parent
INSIDE = ("jax._src", "jax.interpreters", "jax.extend", "jax.core")


def test_nothing_of_it_is_gone():
    assert jax_inside.missing() == []


def test_what_is_gone_is_named(monkeypatch):
    monkeypatch.delattr("jax._src.config.trace_context")
    assert jax_inside.missing() == ["jax._src.config.trace_context (which settings of JAX a program was traced under)"]


def test_only_one_file_names_it():
    found = {}
    for file in SOURCE.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module or "")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") == 0:
                names.add(node.value)
            elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("jax.core."):
                names.add("jax.core")
        found[file.relative_to(SOURCE).as_posix()] = {n for n in names if n.startswith(INSIDE)}
    assert {file for file, names in found.items() if names} <= {"core/jax_inside.py", "core/engine.py"}
    assert found["core/engine.py"] <= {"jax.core"}  # `Tracer`, which every conversion asks for


def imported(tree):
    """The modules that are imported where code runs, not for type checkers."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return [name for node in tree.orelse for name in imported(node)]
    names = [a.name for a in tree.names] if isinstance(tree, ast.Import) else []
    names += [tree.module or ""] if isinstance(tree, ast.ImportFrom) and not tree.level else []
    return names + [name for node in ast.iter_child_nodes(tree) for name in imported(node)]


def test_jax_is_imported_by_name_alone():
    """By the engine: elsewhere NumPy's random stream would be left where JAX's import moves it, and memory as it is."""
    for file in SOURCE.rglob("*.py"):
        found = {name for name in imported(ast.parse(file.read_text())) if name.partition(".")[0] == "jax"}
        assert not found, file


GRAPH = """
import random, numpy as np, sys
import addax as keras
keras.utils.set_random_seed(1)
before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
assert "jax" not in sys.modules
x = keras.Input((4,))
{use}
assert "jax" in sys.modules
assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before
"""


@pytest.mark.parametrize(
    "use",
    [
        "keras.ops.exp(x + x)",
        "keras.ops.convert_to_tensor([1.0])",
        "keras.Variable(np.ones(2)).value",
        "keras.ops.shape(keras.ops.reshape(x, (-1, 2)))",
    ],
)
def test_the_first_use_leaves_the_random_streams_alone(use, tmp_path):
    done = subprocess.run([sys.executable, "-c", GRAPH.format(use=use)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_it_there_are_substitutes(monkeypatch):
    monkeypatch.setattr(jax_inside, "_trace_context", None)
    monkeypatch.delattr("jax._src.config.trace_context")
    before = jax_inside.trace_context()
    with jax.default_matmul_precision("highest"):
        assert jax_inside.trace_context() != before
    assert jax_inside.trace_context() == before
    monkeypatch.undo()
    with jax.default_matmul_precision("highest"):
        precise = jax_inside.trace_context()
    assert precise != jax_inside.trace_context() == jax_inside.trace_context()


def test_programs_made_of_it_compute():
    x, kernel = np.ones((1, 4, 4, 2), "float32"), np.ones((2, 2, 2, 1), "float32")
    np.testing.assert_array_equal(keras.ops.depthwise_conv(x, kernel), np.full((1, 3, 3, 2), 4.0))
