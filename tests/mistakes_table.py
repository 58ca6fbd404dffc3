"""Mistakes that people make, and what addax says to each.

    python -m tests.mistakes_table            prints docs/MISTAKES.md
    python -m tests.mistakes_table --write    writes it

Each row is a program that can't be right (or that may be wrong: then addax warns), what it must raise, and what the
message must name: the layer or argument, what came, what was expected, what to do.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
FILE = "program.py"  # what the programs below are called in messages


@dataclass(frozen=True)
class Mistake:
    """A row of the table.

    Attributes:
        title: The mistake, in a few words.
        code: The program. It finds `np`, `keras`, `layers`, `ops`, `jnp`, `jax`, and the data `x` (64, 4), `classes`
            (64,) of 0, 1, 2, and `numbers` (64,).
        error: The exception, or the warning.
        says: What its text, notes included, must contain.
    """

    title: str
    code: str
    error: type
    says: tuple[str, ...]


def _rows(error: type, *rows: tuple[str, str, tuple[str, ...]]) -> list[Mistake]:
    return [Mistake(title, textwrap.dedent(code).strip(), error, says) for title, code, says in rows]


SECTIONS: dict[str, list[Mistake]] = {}

SECTIONS["Making layers"] = _rows(
    ValueError,
    (
        "A misspelt argument",
        "layers.Dense(3, activaton='relu')",
        ("Unrecognized keyword arguments passed to Dense", "Did you mean 'activation'?"),
    ),
    (
        "A negative number of units",
        "layers.Dense(-1, name='top')",
        ("`units`", "'top'", "units=-1", "positive integer"),
    ),
    ("A misspelt activation", "layers.Dense(3, activation='relo')", ("relo", "Did you mean 'relu'?", "'tanh'")),
    (
        "A misspelt initializer",
        "layers.Dense(3, kernel_initializer='glorot_unifrm')",
        ("initializer", "Did you mean 'glorot_uniform'?"),
    ),
    ("A misspelt regularizer", "layers.Dense(3, kernel_regularizer='l3')", ("regularizer", "'l3'", "'l2'")),
    ("A dropout rate of 50", "layers.Dropout(50)", ("`rate`", "rate=50", "between 0 and 1")),
    ("A misspelt padding", "layers.Conv2D(3, 3, padding='sane')", ("padding", "sane", "same")),
    ("A misspelt dtype", "layers.Dense(3, dtype='flot32')", ("flot32",)),
    (
        "A layer's name with a slash",
        "layers.Dense(3, name='block/dense')",
        ("`name`", "cannot contain", "block/dense"),
    ),
    (
        "A class where a layer was meant",
        "keras.Sequential([layers.Dense])",
        ("Only instances of `keras.Layer`", "A class was given"),
    ),
    (
        "A function where a layer was meant",
        "keras.Sequential([keras.Input((4,)), lambda x: x * 2])",
        ("Only instances of `keras.Layer`", "`Lambda(fn)`"),
    ),
    (
        "Two layers of one name in a Sequential",
        "keras.Sequential([layers.Dense(3, name='d'), layers.Dense(3, name='d')])",
        ("unique names", "'d'"),
    ),
)
SECTIONS["Making layers"] += _rows(
    RuntimeError,
    (
        "`super().__init__()` forgotten",
        """
        class Block(layers.Layer):
            def __init__(self):
                self.dense = layers.Dense(3)
        Block()(np.ones((1, 4)))
        """,
        ("Block", "super().__init__()"),
    ),
)

SECTIONS["Building models"] = _rows(
    ValueError,
    (
        "An output that the inputs don't reach",
        """
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        keras.Model(a, layers.Dense(2)(b))
        """,
        ("not connected to `inputs`", "'b'", "['a']"),
    ),
    (
        "Two layers of one name in a graph",
        """
        a = keras.Input((4,))
        keras.Model(a, layers.Dense(2, name="d")(layers.Dense(4, name="d")(a)))
        """,
        ('"d" is used 2 times', "unique"),
    ),
    (
        "A layer reused on another shape",
        """
        shared = layers.Dense(2, name="shared")
        shared(keras.Input((4,)))
        shared(keras.Input((5,)))
        """,
        ("'shared'", "axis -1", "value 4", "(None, 5)", f"made at {FILE}:1"),
    ),
    (
        "An array as a model's input",
        "keras.Model(np.ones((2, 4)), layers.Dense(2)(keras.Input((4,))))",
        ("`inputs`", "KerasTensor", "shape (2, 4)"),
    ),
    (
        "Images without channels",
        "layers.Conv2D(8, 3, name='first')(np.ones((2, 28, 28)))",
        ("'first'", "min_ndim=4", "ndim=3", "(2, 28, 28)"),
    ),
    (
        "Concatenating along the wrong axis",
        "layers.Concatenate(name='join')([np.ones((2, 3, 4)), np.ones((2, 5, 6))])",
        ("'join'", "(2, 3, 4)", "(2, 5, 6)", "axis"),
    ),
    (
        "Adding what doesn't fit",
        "layers.Add(name='sum')([np.ones((2, 3)), np.ones((2, 4))])",
        ("'sum'", "(3,)", "(4,)"),
    ),
    (
        "Reshaping to another size",
        "layers.Reshape((3,), name='square')(np.ones((2, 4)))",
        ("'square'", "input_shape=(4,)", "target_shape=(3,)"),
    ),
    (
        "A size that weights depend on is unknown",
        "layers.Dense(2, name='top')(keras.Input((None,)))",
        ("top", "Dense"),
    ),
    (
        "Counting the parameters of an unbuilt model",
        "keras.Sequential([layers.Dense(2)], name='net').count_params()",
        ("'net'", "isn't built", "build(input_shape)"),
    ),
    (
        "A layer that isn't there",
        "keras.Sequential([keras.Input((4,)), layers.Dense(2, name='hidden')]).get_layer('hiden')",
        ("hiden", "Did you mean 'hidden'?"),
    ),
    (
        "Weights of another shape",
        "keras.Sequential([keras.Input((4,)), layers.Dense(1)], name='net').set_weights([np.ones((4, 2)), np.ones(1)])",
        ("net/dense/kernel", "(4, 1)", "(4, 2)"),
    ),
    (
        "A wrong structure of inputs",
        """
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        model = keras.Model({"a": a, "b": b}, layers.Add()([a, b]), name="net")
        model({"a": x})
        """,
        ("net", "b", "a"),
    ),
    (
        "A model called on the wrong number of features",
        """
        model = keras.Sequential([layers.Dense(3), layers.Dense(1)], name="net")
        model(x)
        model(x[:, :3])
        """,
        ("'net'", "expected shape=(None, 4)", "found shape=(64, 3)", "3 features"),
    ),
    (
        "New layers after the model was built",
        """
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        model.build((None, 5))
        """,
        ("already been configured", "(None, 4)", "(None, 5)"),
    ),
)

SECTIONS["Functions on symbolic tensors"] = _rows(
    ValueError,
    ("jax.numpy", "jnp.exp(keras.Input((4,)))", ("`jax.numpy.exp`", "`keras.ops.exp`", "shape=(None, 4)")),
    (
        "jax.numpy, on a list",
        "jnp.concatenate([keras.Input((4,)), keras.Input((4,))])",
        ("`jax.numpy.concatenate`", "`keras.ops.concatenate`"),
    ),
    (
        "jax.numpy.where",
        "a = keras.Input((4,))\njnp.where(a > 0, a, 0.0)",
        ("`jax.numpy.where`", "`keras.ops.where`"),
    ),
    ("jax.nn", "jax.nn.relu(keras.Input((4,)))", ("`jax.nn.relu`", "`keras.ops.relu`")),
    ("NumPy", "np.exp(keras.Input((4,)))", ("`numpy.exp`", "`keras.ops.exp`")),
    ("NumPy, on a list", "np.stack([keras.Input((4,)), keras.Input((4,))])", ("`numpy.stack`", "`keras.ops.stack`")),
    (
        "An op on symbolic shapes that don't fit",
        "ops.matmul(keras.Input((4, 5)), keras.Input((4, 5)))",
        ("ops.matmul", "x1=float32[None, 4, 5]", "x2=float32[None, 4, 5]"),
    ),
)
SECTIONS["Functions on symbolic tensors"] += _rows(
    TypeError,
    ("An `if` on a symbolic tensor", "if keras.Input((4,)) > 0: pass", ("symbolic", "boolean")),
    (
        "An op on shapes that don't fit",
        "ops.matmul(np.ones((2, 3)), np.ones((2, 3)))",
        ("ops.matmul", "x1=", "[2, 3]"),
    ),
    (
        "An op that gives what can't be joined",
        "ops.concatenate([np.ones((2, 3)), np.ones((3, 2))], axis=0)",
        ("ops.concatenate", "[2, 3]", "[3, 2]", "axis=0"),
    ),
    (
        "A mistake inside a nested layer of one's own",
        """
        class Inner(layers.Layer):
            def call(self, inputs):
                return jnp.dot(inputs, jnp.ones((7, 2)))

        class Block(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.inner = Inner(name="inner")

            def call(self, inputs):
                return self.inner(inputs)

        model = keras.Sequential([layers.Dense(3), Block(name="block")], name="net")
        model.compile("sgd", "mse")
        model.fit(x, numbers, verbose=0)
        """,
        ("(3,)", "(7,)", "In layer 'net/block/inner' (Inner)", f"made at {FILE}:8", f"failed at {FILE}:3, in call"),
    ),
)

_NET = 'model = keras.Sequential([keras.Input((4,), name="features"), layers.Dense({}, name="top")], name="net")\n'

SECTIONS["Compiling"] = _rows(
    ValueError,
    (
        "A misspelt loss",
        _NET.format(1) + "model.compile(loss='mean_square_error')",
        ("Unknown loss", "Did you mean 'mean_squared_error'?"),
    ),
    (
        "A misspelt metric",
        _NET.format(1) + "model.compile(loss='mse', metrics=['acuracy'])",
        ("Unknown metric", "Did you mean 'accuracy'?"),
    ),
    (
        "A misspelt optimizer",
        _NET.format(1) + "model.compile('adm', 'mse')",
        ("Unknown optimizer", "Did you mean 'adam'?", "'sgd'"),
    ),
    (
        "Training before compiling",
        _NET.format(1) + "model.fit(x, numbers)",
        ("compile()", "fit()", "'net'"),
    ),
    (
        "No loss at all",
        _NET.format(1) + "model.compile('sgd')\nmodel.fit(x, numbers, verbose=0)",
        ("No loss to compute", "'net'", "`compile()`"),
    ),
    (
        "A loss for an output that isn't there",
        """
        a = keras.Input((4,))
        model = keras.Model(a, {"digit": layers.Dense(3)(a), "even": layers.Dense(1)(a)})
        model.compile("sgd", {"digit": "mse", "evn": "mse"})
        model.fit(x, {"digit": x[:, :3], "even": numbers}, verbose=0)
        """,
        ("`loss`", "'evn'", "Did you mean 'even'?"),
    ),
    (
        "Softmax, and a loss of logits",
        """
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax", name="top")])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, classes, verbose=0)
        """,
        ("from_logits=True", "output 'top'", "applies softmax", "check_logits"),
    ),
    (
        "No activation, and a loss of probabilities",
        _NET.format(1) + "model.compile('sgd', 'binary_crossentropy')\nmodel.fit(x, classes > 0, verbose=0)",
        ("'binary_crossentropy'", "output 'top'", "from_logits=False", "activation='sigmoid'"),
    ),
)

_MSE = "model.compile('sgd', 'mse')\n"
_SPARSE = """
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax", name="top")], name="net")
model.compile("sgd", "sparse_categorical_crossentropy")
"""

SECTIONS["Data"] = _rows(
    ValueError,
    (
        "Classes counted from 1",
        _SPARSE + "model.fit(x, classes + 1, verbose=0)",
        ("output 'top'", "0 to 2", "received 3", "`y - 1`", "check_labels"),
    ),
    (
        "More classes than units",
        _SPARSE + "model.fit(x, np.arange(64) % 10, verbose=0)",
        ("output 'top'", "0 to 2", "3, 4, 5", "10 units"),
    ),
    (
        "A label of -1",
        _SPARSE + "model.evaluate(x, classes - 1, verbose=0)",
        ("output 'top'", "received -1", "`ignore_class`"),
    ),
    (
        "A wrong label late in a generator",
        _SPARSE + "model.fit(((x, classes if i < 3 else classes + 1) for i in range(5)), verbose=0)",
        ("output 'top'", "0 to 2", "received 3"),
    ),
    (
        "One-hot labels for a loss of class numbers",
        _SPARSE + "model.fit(x, np.eye(3)[classes], verbose=0)",
        ("output 'top'", "(None, 3)", "np.argmax", "'categorical_crossentropy'"),
    ),
    (
        "Class numbers for a loss of one-hot labels",
        _SPARSE.replace("sparse_", "") + "model.fit(x, classes, verbose=0)",
        ("output 'top'", "(None,)", "(None, 3)", "to_categorical(y, 3)", "'sparse_categorical_crossentropy'"),
    ),
    (
        "Labels that would be broadcast",
        _NET.format(5) + _MSE + "model.fit(x, numbers, verbose=0)",
        ("output 'top'", "(None,)", "(None, 5)", "'mean_squared_error'", "check_shapes"),
    ),
    (
        "A column of labels that would be broadcast",
        _NET.format(5) + _MSE + "model.fit(x, numbers[:, None], verbose=0)",
        ("output 'top'", "(None, 1)", "(None, 5)", "check_shapes"),
    ),
    (
        "Labels of 0, 1 and 2 for a yes or no",
        """
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid", name="top")])
        model.compile("sgd", "binary_crossentropy")
        model.fit(x, classes, verbose=0)
        """,
        ("output 'top'", "from 0 to 2", "expects 0 and 1", "3 classes"),
    ),
    (
        "NaN in the inputs",
        _NET.format(1) + _MSE + "x[7, 1] = np.nan\nmodel.fit(x, numbers, verbose=0)",
        ("'features'", "1 NaN", "row 7", "np.nan_to_num", "check_finite"),
    ),
    (
        "NaN in the labels",
        _NET.format(1) + _MSE + "numbers[[3, 9]] = np.nan\nmodel.fit(x, numbers, verbose=0)",
        ("`y`", "2 NaN", "row 3", "check_finite"),
    ),
    (
        "Infinity in validation data",
        _NET.format(1) + _MSE + "model.fit(x, numbers, validation_data=(x / 0.0, numbers), verbose=0)",
        ("'features'", "infinite", "row 0"),
    ),
    (
        "Integers that don't fit",
        """
        model = keras.Sequential([keras.Input((4,), name="ids"), layers.Embedding(10, 2), layers.Flatten()])
        model.compile("sgd", "mse")
        model.fit(np.full((64, 4), 5_000_000_000), np.ones((64, 8)), verbose=0)
        """,
        ("'ids'", "5000000000", "int32", "check_dtypes"),
    ),
    (
        "A token that the table doesn't have",
        """
        table = layers.Embedding(10, 2, name="table")
        model = keras.Sequential([keras.Input((4,), name="ids"), table, layers.Flatten()])
        model.compile("sgd", "mse")
        model.fit(np.full((64, 4), 10), np.ones((64, 8)), verbose=0)
        """,
        ("'ids'", "'table'", "input_dim=10", "0 to 9", "Embedding(11, ...)"),
    ),
    (
        "Text as input",
        _NET.format(1) + _MSE + "model.fit(x.astype(str), numbers, verbose=0)",
        ("'features'", "strings", "<U32", "np.unique"),
    ),
    (
        "Text as labels",
        _SPARSE + "model.fit(x, np.array(['cat', 'dog'] * 32), verbose=0)",
        ("`y`", "strings", "<U3", "return_inverse=True"),
    ),
    (
        "Complex numbers",
        _NET.format(1) + _MSE + "model.fit(np.fft.fft(x), numbers, verbose=0)",
        ("'features'", "complex", "x.imag"),
    ),
    (
        "A masked array",
        _NET.format(1) + _MSE + "model.fit(np.ma.masked_array(x, x > 0.5), numbers, verbose=0)",
        ("`x`", "masked", ".filled(0)"),
    ),
    (
        "NaN in a single batch",
        _NET.format(1) + _MSE + "x[7, 1] = np.nan\nmodel.train_on_batch(x, numbers)",
        ("'features'", "1 NaN", "row 7"),
    ),
    (
        "A generator that yields nothing",
        _NET.format(1) + _MSE + "model.fit(iter([(x, numbers), None]), verbose=0)",
        ("A batch of `x` is empty", "None", "batch 2"),
    ),
    (
        "A data set that counts rows for batches",
        """
        class Data(keras.utils.PyDataset):
            batches = [(x[:32], numbers[:32]), (x[32:], numbers[32:])]

            def __len__(self):
                return 64

            def __getitem__(self, i):
                return self.batches[i]

        """.replace("\n        ", "\n")
        + _NET.format(1)
        + _MSE
        + "model.fit(Data(), shuffle=False, verbose=0)",
        ("Data has 64 batches", "`__len__`", "__getitem__(2)", "IndexError"),
    ),
    (
        "Rows of different lengths",
        _NET.format(1) + _MSE + "model.fit(np.array([[1, 2], [3]] * 32, dtype=object), numbers, verbose=0)",
        ("`x`", "dtype object"),
    ),
    (
        "A list of rows",
        _NET.format(1) + _MSE + "model.fit(list(x), numbers, verbose=0)",
        ("`x`", "list of 64 arrays", "np.stack(x)"),
    ),
    (
        "Unequal lengths",
        _NET.format(1) + _MSE + "model.fit(x, numbers[:10], verbose=0)",
        ("cardinality", "'x' sizes: 64", "'y' sizes: 10"),
    ),
    (
        "No rows",
        _NET.format(1) + _MSE + "model.fit(x[:0], numbers[:0], verbose=0)",
        ("empty", "0 rows"),
    ),
    (
        "The wrong number of features",
        _NET.format(1) + "model.predict(x[:, :3], verbose=0)",
        ("'features'", "'net'", "expected shape=(None, 4)", "found shape=(None, 3)", "3 features"),
    ),
    (
        "A single sample without its batch axis",
        """
        model = keras.Sequential([keras.Input((8, 8, 1), name="image"), layers.Flatten(), layers.Dense(1)], name="net")
        keras.Model(model.inputs, model.outputs, name="graph").predict(np.ones((8, 8)), verbose=0)
        """,
        ("'image'", "(None, 8, 8, 1)", "(8, 8)"),
    ),
    (
        "Channels first",
        """
        a = keras.Input((8, 8, 3), name="image")
        model = keras.Model(a, layers.Dense(1)(layers.Flatten()(layers.Conv2D(2, 3)(a))))
        model.predict(np.ones((2, 3, 8, 8)), verbose=0)
        """,
        ("'image'", "(None, 8, 8, 3)", "(2, 3, 8, 8)", "np.moveaxis(x, 1, -1)"),
    ),
    (
        "One array of labels for two outputs",
        """
        a = keras.Input((4,))
        model = keras.Model(a, [layers.Dense(1, name="p")(a), layers.Dense(1, name="q")(a)])
        model.compile("sgd", "mse")
        model.fit(x, numbers, verbose=0)
        """,
        ("`y`", "2 outputs", "'p'", "'q'"),
    ),
    (
        "An input left out of a dict",
        """
        a, b = keras.Input((4,), name="left"), keras.Input((4,), name="right")
        model = keras.Model([a, b], layers.Add()([a, b]), name="net")
        model.predict({"left": x, "rigth": x}, verbose=0)
        """,
        ("'right'", "'net'", "['left', 'rigth']"),
    ),
    (
        "A validation split that leaves nothing",
        _NET.format(1) + _MSE + "model.fit(x[:1], numbers[:1], validation_split=0.5, verbose=0)",
        ("1 samples", "validation_split=0.5"),
    ),
    (
        "Labels beside a generator",
        _NET.format(1) + _MSE + "model.fit(((x, numbers) for _ in range(3)), numbers, verbose=0)",
        ("`y` must not be given", "generator"),
    ),
    (
        "Weights for samples that aren't there",
        _NET.format(1) + _MSE + "model.fit(x, numbers, sample_weight=np.ones(3), verbose=0)",
        ("'sample_weight' sizes: 3",),
    ),
    (
        "A class weight under a name",
        _SPARSE + "model.fit(x, classes, class_weight={'cat': 2.0}, verbose=0)",
        ("class_weight", "'cat'"),
    ),
)
SECTIONS["Data"] += _rows(
    ValueError,
    (
        "Lists of different lengths",
        _NET.format(1) + _MSE + "model.fit([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]], numbers[:2], verbose=0)",
        ("`x`", "list", "different shapes", "pad"),
    ),
)
SECTIONS["Data"] += _rows(
    UserWarning,
    (
        "NaN that a layer of one's own may know how to treat",
        """
        a = keras.Input((4,), name="features")
        model = keras.Model(a, layers.Dense(1)(ops.nan_to_num(a)))
        model.compile("sgd", "mse")
        x[7, 1] = np.nan
        model.fit(x, numbers, verbose=0)
        """,
        ("'features'", "1 NaN", "row 7"),
    ),
    (
        "Softmax over one unit",
        """
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="softmax", name="top")])
        model.compile("sgd", "binary_crossentropy")
        model.fit(x, classes > 0, verbose=0)
        """,
        ("'top'", "single unit", "sigmoid"),
    ),
)

SECTIONS["Callbacks"] = _rows(
    ValueError,
    (
        "A misspelt quantity to monitor",
        _NET.format(1) + _MSE + "stop = keras.callbacks.EarlyStopping('val_los')\n"
        "model.fit(x, numbers, validation_split=0.2, callbacks=[stop], verbose=0)",
        ("EarlyStopping", "'val_los'", "Did you mean 'val_loss'?"),
    ),
    (
        "A checkpoint without the right ending",
        "keras.callbacks.ModelCheckpoint('best.txt')",
        ("best.txt", ".keras"),
    ),
)
SECTIONS["Callbacks"] += _rows(
    TypeError,
    (
        "A function where a callback was meant",
        _NET.format(1) + _MSE + "model.fit(x, numbers, callbacks=[print], verbose=0)",
        ("`callbacks`", "LambdaCallback"),
    ),
    (
        "A class where a callback was meant",
        _NET.format(1) + _MSE + "model.fit(x, numbers, callbacks=[keras.callbacks.EarlyStopping], verbose=0)",
        ("`callbacks`", "a class was given", "EarlyStopping(...)"),
    ),
)
SECTIONS["Callbacks"] += _rows(
    UserWarning,
    (
        "Monitoring validation without validation data",
        _NET.format(1)
        + _MSE
        + "model.fit(x, numbers, callbacks=[keras.callbacks.EarlyStopping('val_loss')], verbose=0)",
        ("'val_loss'", "validation_data"),
    ),
)
SECTIONS["Callbacks"] += _rows(
    FloatingPointError,
    (
        "A NaN that comes up in training, with `debug_nans=True`",
        """
        class Log(layers.Layer):
            def call(self, inputs):
                return ops.log(inputs)

        model = keras.Sequential([keras.Input((4,)), Log(name="log"), layers.Dense(1)], name="net")
        model.compile("sgd", "mse")
        x[40, 2] = -1.0
        model.fit(x, numbers, shuffle=False, verbose=0, debug_nans=True)
        """,
        ("epoch 1, step 2", "forward, in layer 'net/log' (Log", "1 NaN of 128 values", "in rows 40 of the data"),
    ),
)

SECTIONS["Arguments of training"] = _rows(
    ValueError,
    (
        "Training without an optimizer",
        _NET.format(1) + "model.compile(None, 'mse')\nmodel.fit(x, numbers, verbose=0)",
        ("`optimizer` is None", "'net'", "`compile()`"),
    ),
    (
        "A metric where a loss was meant",
        _NET.format(1) + "model.compile('sgd', keras.metrics.MeanSquaredError())",
        ("`loss`", "metric MeanSquaredError", "keras.losses.MeanSquaredError"),
    ),
    (
        "A loss weight that isn't a number",
        _NET.format(1) + "model.compile('sgd', 'mse', loss_weights=float('nan'))",
        ("`loss_weights`", "nan"),
    ),
    (
        "Half a step",
        _NET.format(1) + _MSE + "model.fit(x, numbers, steps_per_epoch=64 / 32, verbose=0)",
        ("`steps_per_epoch`", "2.0", "positive integer"),
    ),
    (
        "Validation of no steps",
        _NET.format(1) + _MSE + "model.fit(x, numbers, validation_data=(x, numbers), validation_steps=0, verbose=0)",
        ("`validation_steps`", "positive integer", "Leave `validation_steps` out"),
    ),
    (
        "Validation every zero epochs",
        _NET.format(1) + _MSE + "model.fit(x, numbers, validation_data=(x, numbers), validation_freq=0, verbose=0)",
        ("`validation_freq`", "0", "every second epoch"),
    ),
    (
        "A validation split in words",
        _NET.format(1) + _MSE + "model.fit(x, numbers, validation_split='20%', verbose=0)",
        ("`validation_split`", "between 0 and 1", "'20%'"),
    ),
    (
        "Validation data without labels",
        _NET.format(1) + _MSE + "model.fit(x, numbers, validation_data=(x,), verbose=0)",
        ("'top'", "`y`", "`validation_data`"),
    ),
    (
        "Class weights of a class that isn't there",
        _SPARSE + "model.fit(x, classes, class_weight={1: 1.0, 2: 1.0, 3: 5.0}, verbose=0)",
        ("`class_weight`", "class 3", "'top'", "0 to 2"),
    ),
    (
        "A negative class weight",
        _SPARSE + "model.fit(x, classes, class_weight={0: -1.0}, verbose=0)",
        ("`class_weight`", "-1.0", "class 0"),
    ),
)
SECTIONS["Arguments of training"] += _rows(
    UserWarning,
    (
        "Class weights in a regression",
        _NET.format(1) + _MSE + "model.fit(x, numbers, class_weight={0: 1.0, 1: 2.0}, verbose=0)",
        ("`class_weight`", "'top'", "`sample_weight`"),
    ),
    (
        "Class weights and sample weights",
        _SPARSE + "model.fit(x, classes, class_weight={0: 2.0}, sample_weight=numbers, verbose=0)",
        ("`class_weight` and `sample_weight`", "'top'", "multiplied"),
    ),
    (
        "Negative sample weights",
        _NET.format(1) + _MSE + "model.fit(x, numbers, sample_weight=-numbers, verbose=0)",
        ("`sample_weight`", "negative"),
    ),
    (
        "Batches without end",
        _NET.format(1) + _MSE + "model.fit(((x[:1], numbers[:1]) for _ in range(10_000)), verbose=0)",
        ("10000 batches", "`steps_per_epoch`"),
    ),
)

SECTIONS["Files"] = _rows(
    ValueError,
    ("A file that isn't there", "keras.models.load_model('nothing.keras')", ("File not found", "nothing.keras")),
    (
        "A model saved under a wrong ending",
        _NET.format(1) + "model.save('model.pth')",
        ("model.pth", ".keras"),
    ),
    (
        "Weights saved under a wrong ending",
        _NET.format(1) + "model.save_weights('weights.bin')",
        ("weights.bin", ".weights.h5"),
    ),
    (
        "Weights of another model",
        _NET.format(1) + "model.save_weights('a.weights.h5')\n" + _NET.format(2) + "model.load_weights('a.weights.h5')",
        ("top", "(4, 2)", "(4, 1)"),
    ),
    (
        "A Lambda from a file one did not write",
        """
        model = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2)])
        model.save("lambda.keras")
        keras.models.load_model("lambda.keras")
        """,
        ("Lambda", "safe_mode"),
    ),
)
SECTIONS["Files"] += _rows(
    TypeError,
    (
        "A file with a class that isn't known",
        """
        class Mine(layers.Layer):
            def call(self, inputs):
                return inputs
        keras.Sequential([keras.Input((4,)), Mine()]).save("mine.keras")
        keras.models.load_model("mine.keras")
        """,
        ("Mine", "register"),
    ),
)

MISTAKES = [mistake for rows in SECTIONS.values() for mistake in rows]


@functools.cache
def said(mistake: Mistake) -> tuple[type | None, str]:
    """The error (or else the first warning) that the program gives, and its text with the notes."""
    import addax
    from addax.core.engine import jax, jnp

    rng = np.random.RandomState(0)
    names: dict[str, Any] = {
        "np": np,
        "keras": addax,
        "layers": addax.layers,
        "ops": addax.ops,
        "jax": jax,
        "jnp": jnp,
        "x": rng.rand(64, 4).astype("float32"),
        "classes": rng.randint(0, 3, 64),
        "numbers": rng.rand(64).astype("float32"),
        "__name__": "program",
    }
    addax.backend.clear_session(free_memory=False)
    before = os.getcwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(record=True) as caught,
        np.errstate(all="ignore"),
    ):
        os.chdir(folder)
        warnings.simplefilter("always")
        try:
            exec(compile(mistake.code, FILE, "exec"), names)
        except Exception as error:
            text = "\n".join([str(error), *(n for n in getattr(error, "__notes__", ()) if "JAX has removed" not in n)])
            text = re.sub(r"0x[0-9a-f]+", "0x...", text)
            return type(error), text.replace(os.path.realpath(folder), ".").replace(folder, ".").strip().strip(
                "-"
            ).strip()
        finally:
            os.chdir(before)
    found = [w for w in caught if issubclass(w.category, UserWarning)]
    return (found[0].category, str(found[0].message)) if found else (None, "")


def page() -> str:
    """docs/MISTAKES.md."""
    lines = [
        "# Mistakes, and what addax says",
        "",
        "Made by `python -m tests.mistakes_table --write`; every row is a test (tests/test_mistakes.py). The programs",
        "find `np`, `keras` (addax), `layers`, `ops`, `jax`, `jnp`, and the data `x` (64, 4), `classes` (64,) of 0, 1",
        f"and 2, and `numbers` (64,). {len(MISTAKES)} mistakes.",
        "",
        "Checks of the data run on the host before the first step; each has a switch,",
        '`keras.config.set("check_labels", False)` and likewise `check_shapes`, `check_finite`, `check_logits`,',
        "`check_dtypes`. What may be right is a warning.",
        "",
    ]
    for section, rows in SECTIONS.items():
        lines += [f"## {section}", ""]
        for mistake in rows:
            error, text = said(mistake)
            wrapped = "\n".join(textwrap.fill(line, 110) for line in text.splitlines())
            name = error.__name__ if error else "nothing"
            lines += [f"### {mistake.title}", "", "```python", mistake.code, "```", "", "```text"]
            lines += [f"{name}: {wrapped}", "```", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--write" in sys.argv:
        (ROOT / "docs" / "MISTAKES.md").write_text(page())
    elif "--check" in sys.argv:  # while writing rows
        for mistake in MISTAKES:
            error, text = said(mistake)
            missing = [part for part in mistake.says if part not in text]
            if error is not mistake.error or missing:
                print(f"## {mistake.title}: {error} lacks {missing}\n{text}\n")
    else:
        print(page(), end="")
