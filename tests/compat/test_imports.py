"""What `import keras` and `import tensorflow` give a program and the libraries that it uses, in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

LIBRARY = """
import importlib, importlib.util, sys
try:
    import tensorflow
    found = tensorflow.marker
except ModuleNotFoundError as error:
    found = f"absent: {error.name}"
try:
    by_name = importlib.import_module("tensorflow").marker
except ModuleNotFoundError as error:
    by_name = f"absent: {error.name}"
spec = importlib.util.find_spec("tensorflow")
loaded = "tensorflow" in sys.modules
import keras
import tensorflow.keras.layers as L
from tensorflow import keras as K
from tensorflow.keras.callbacks import Callback
alike = L is keras.layers and K is keras and Callback is keras.callbacks.Callback
"""
REAL = "marker = 'the real one'\n__version__ = '2.99'\n"


def run(script, folder, *words, rc: int = 0) -> str:
    path = os.pathsep.join([str(folder / "site-packages"), *sys.path])
    done = subprocess.run(
        [sys.executable, *(words or ("-m", "addax", "run")), str(script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == rc, done.stderr
    return done.stdout if rc == 0 else done.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "library.py").write_text(LIBRARY)
    return tmp_path


def script(folder, text: str):
    path = folder / "script.py"
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize(
    "first",
    [
        "import library",
        "import sys",
        *(pytest.param(f"import {n}", marks=pytest.mark.slow) for n in ("tensorflow", "beside")),
    ],
)
def test_libraries_see_the_tensorflow_of_the_machine(folder, real, first):
    if first == "import sys":  # `pip install --target`
        (folder / "site-packages" / "any-1.0.dist-info").mkdir()
        (folder / "site-packages").rename(folder / "packages")
        (folder / "site-packages").symlink_to("packages")
    (folder / "beside.py").write_text("import tensorflow as tf, library\n")
    if real:
        (folder / "site-packages" / "tensorflow").mkdir()
        (folder / "site-packages" / "tensorflow" / "__init__.py").write_text(REAL)
    program = script(
        folder,
        f"""
        {first}
        import library, importlib, keras, sys
        import tensorflow as tf
        print(library.found, library.by_name, library.spec is not None, library.loaded, library.alike, sep="|")
        print(tf.__version__, tf.keras is keras, dir(tf), tf is importlib.import_module("tensorflow"))
        exec(compile(open("site-packages/library.py").read(), "again", "exec"), again := dict(vars(library)))
        print(again["found"], again["loaded"])
        """,
    )
    expected = (
        "the real one|the real one|True|True|True" if real else "absent: tensorflow|absent: tensorflow|False|False|True"
    )
    is_real = "True" if not real else "False"
    lines = run(program, folder).splitlines()
    assert lines[0] == expected
    assert lines[1] == f"3.15.1 True ['__version__', 'keras'] {is_real}"
    assert lines[2] == ("the real one True" if real else "absent: tensorflow False")


NEEDS = "import tensorflow as tf\nfrom tensorflow.keras.layers import Dense\nlayer = tf.keras.layers.Dense\n"


@pytest.mark.parametrize(
    "code, expected",
    [
        ("import needs; print(needs.layer is needs.Dense)", "True"),
        ("import needs; needs.tf.data", "There is no `tensorflow.data` here. addax provides Keras"),
        ("import wants", "There is no `tensorflow.data` here. addax provides Keras"),
        ("import late; print(late.load())", "3.15.1"),
        ("import late\ntry: late.load()\nexcept ImportError: print('absent')", "absent"),
        ("try: import needs\nexcept ImportError: print('absent')", "absent"),
        (
            "import contextlib\nwith contextlib.suppress(ImportError): import needs\nprint('needs' in globals())",
            "False",
        ),
        ("import asks; print(asks.found)", "None"),
    ],
)
def test_a_library_that_stops_without_tensorflow_gets_the_stand_in(folder, code, expected):
    libraries = {
        "needs": NEEDS,
        "wants": "from tensorflow import data",
        "late": "def load():\n    import tensorflow\n    return tensorflow.__version__",
        "asks": "try: import needs as found\nexcept ImportError: found = None",
    }
    for name, text in libraries.items():
        (folder / "site-packages" / f"{name}.py").write_text(text)
    assert expected in run(script(folder, code), folder, rc=int(expected.startswith("There is no")))


def test_versions(folder):
    program = script(
        folder,
        """
        import keras, addax, tensorflow as tf
        print(keras.__version__, keras.version(), tf.keras.__version__, tf.__version__)
        print(addax.__version__ == addax.version() != keras.__version__)
        """,
    )
    assert run(program, folder).splitlines() == ["3.15.1 3.15.1 3.15.1 3.15.1", "True"]


def test_a_program_may_install_the_alias_itself(folder):
    program = script(
        folder,
        """
        import addax
        addax.compat.install()
        import keras, library
        from tensorflow.keras.layers import Dense
        print(Dense is addax.layers.Dense is keras.layers.Dense, library.found, library.alike)
        """,
    )
    assert run(program, folder, "-u") == "True absent: tensorflow True\n"


def test_errors_say_what_is_provided(folder):
    for line, missing in {
        "import tensorflow as tf; tf.data": "tensorflow.data",
        "from tensorflow import data": "tensorflow.data",
        "from tensorflow.data import Dataset": "tensorflow.data",
        "import tensorflow.compat.v1 as tf": "tensorflow.compat",
        "import importlib; importlib.import_module('tensorflow.python.keras')": "tensorflow.python",
    }.items():
        error = run(script(folder, line), folder, rc=1)
        assert f"There is no `{missing}` here. addax provides Keras: `import keras`" in error


@pytest.mark.parametrize("started", ["command", pytest.param("program", marks=pytest.mark.slow)])
def test_spawned_processes_know_the_alias(folder, started):
    program = script(
        folder,
        """
        import multiprocessing, sys
        if "early" in sys.argv:
            import multiprocessing.spawn
        import keras
        from tensorflow.keras.utils import to_categorical

        def work(n):
            return keras.version(), keras.layers.__name__, to_categorical([n], 3).tolist()

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(work, [2]))
        """,
    )
    if started == "command":
        assert run(program, folder) == "[('3.15.1', 'addax.layers', [[0.0, 0.0, 1.0]])]\n"
        return
    program.write_text("import multiprocessing.spawn, addax\naddax.compat.install()\n" + program.read_text())
    assert run(program, folder, "-u") == "[('3.15.1', 'addax.layers', [[0.0, 0.0, 1.0]])]\n"


INSIDE = """
from keras.src.layers.core.dense import Dense
from keras.src.layers.layer import Layer
from keras.src import backend, layers, saving, tree
from keras.src.backend import standardize_dtype, KerasTensor
from keras.src.backend.numpy import exp
from keras.src.optimizers.schedules.learning_rate_schedule import LearningRateSchedule
import keras.src.callbacks
import keras

alike = (
    Dense is layers.Dense is keras.layers.Dense, Layer is keras.layers.Layer, exp is keras.ops.exp,
    standardize_dtype is keras.backend.standardize_dtype, backend.KerasTensor is KerasTensor is keras.KerasTensor,
    LearningRateSchedule is keras.optimizers.schedules.LearningRateSchedule,
    keras.src.callbacks.History is keras.callbacks.History, tree.flatten is keras.tree.flatten,
    backend.random.normal is keras.random.normal, backend.common.variables.Variable is keras.Variable,
    saving.register_keras_serializable is keras.saving.register_keras_serializable,
)
"""


def test_the_inside_of_keras_is_there_for_libraries(folder):
    (folder / "site-packages" / "inside.py").write_text(INSIDE)
    for i, line in enumerate(["from keras.src.layers.core.dense import Dens", "import keras; keras.src.layers.Dens"]):
        (folder / "site-packages" / f"wrong{i}.py").write_text(line)
    program = script(
        folder,
        """
        import inside
        print(all(inside.alike), len(inside.alike))
        for name in ("wrong0", "wrong1"):
            try:
                __import__(name)
            except (ImportError, AttributeError) as error:
                print(type(error).__name__, error)
        """,
    )
    whole, first, second = run(program, folder).splitlines()
    assert whole == "True 11"
    assert first.startswith("ImportError `keras.src.layers.core.dense.Dens` is the inside of Keras")
    assert "Did you mean 'Dense'?" in first and "Did you mean 'Dense'?" in second
