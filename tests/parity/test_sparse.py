"""Sparse tensors, JAX's BCOO, beside Keras: ops, layers, inputs of models, data of `fit` and its relatives."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.experimental.sparse import BCOO

import addax

keras = pytest.importorskip("keras")
LIBRARIES = (keras, addax)

ROWS = np.array([[0, 0.5, 0, 2], [0, 0, 0, 0], [0.25, 0, -1, 0], [0, 0, 3, 0.5]], "float32")
MORE = np.array([[1, 0, 0, 2], [0, 0, 0, 0], [0, 0, 2, 0], [4, 0, 0, 0.5]], "float32")
DENSE = np.arange(1, 17, dtype="float32").reshape(4, 4)

UNARY = "absolute arcsin arctan ceil expm1 floor log1p negative round sign sin sinh sqrt square tan tanh sum mean"
CALLS: dict[str, Any] = {
    **{name: lambda ops, x, y, d, name=name: getattr(ops, name)(x) for name in UNARY.split()},
    **{
        f"{name} {pair}": lambda ops, x, y, d, name=name, pair=pair: getattr(ops, name)(
            *({"x": x, "y": y, "d": d, "2": 2.0}[v] for v in pair)
        )
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "divide")
        for pair in ("xy", "xd", "dx", "x2", "2x")
    },
    "matmul xd": lambda ops, x, y, d: ops.matmul(x, d),
    "matmul dx": lambda ops, x, y, d: ops.matmul(d, x),
    "matmul xy": lambda ops, x, y, d: ops.matmul(x, y),
    "cast": lambda ops, x, y, d: ops.cast(x, "float16"),
    "reshape": lambda ops, x, y, d: ops.reshape(x, (2, 8)),
    "transpose": lambda ops, x, y, d: ops.transpose(x),
    "expand_dims": lambda ops, x, y, d: ops.expand_dims(x, 0),
    "squeeze": lambda ops, x, y, d: ops.squeeze(ops.expand_dims(x, 1), 1),
    "sum axis": lambda ops, x, y, d: ops.sum(x, axis=0),
    "mean keepdims": lambda ops, x, y, d: ops.mean(x, axis=1, keepdims=True),
    "concatenate": lambda ops, x, y, d: ops.concatenate([x, y], axis=1),
    "concatenate with dense": lambda ops, x, y, d: ops.concatenate([x, d], axis=0),
    "exp": lambda ops, x, y, d: ops.exp(x),
    "convert": lambda ops, x, y, d: ops.convert_to_tensor(x),
    "make dense": lambda ops, x, y, d: ops.convert_to_tensor(x, sparse=False),
}


def described(x: Any) -> tuple[bool, tuple[int, ...], str]:
    return isinstance(x, BCOO), tuple(x.shape), str(x.dtype)


def values(x: Any) -> np.ndarray:
    return np.asarray(x.todense() if isinstance(x, BCOO) else x, "float64")


def some(cases: Any, fast: str) -> list[Any]:
    """The cases, of which all but these are slow."""
    return [name if name in fast.split(", ") else pytest.param(name, marks=pytest.mark.slow) for name in cases]


@pytest.mark.parametrize("name", some(CALLS, "sum, cast, add xy, matmul xd"))
@pytest.mark.filterwarnings("ignore:.*bcoo_:UserWarning")
def test_ops(name: str) -> None:
    x, y, d = BCOO.fromdense(jnp.asarray(ROWS)), BCOO.fromdense(jnp.asarray(MORE)), jnp.asarray(DENSE)
    theirs, ours = (CALLS[name](lib.ops, x, y, d) for lib in LIBRARIES)
    assert described(ours) == described(theirs)
    np.testing.assert_allclose(values(ours), values(theirs), rtol=1e-6)
    if name == "make dense":
        return
    symbols = []
    for lib in LIBRARIES:
        found = CALLS[name](
            lib.ops, *(lib.KerasTensor((4, 4), sparse=s) for s in (True, True)), lib.KerasTensor((4, 4))
        )
        symbols.append((found.sparse, found.shape, found.dtype))
    assert symbols[1] == described(ours)
    assert symbols[1] == symbols[0] or name == "cast"  # of which Keras says that it is dense


def test_ops_without_a_sparse_form_make_dense_tensors() -> None:
    """Keras refuses these."""
    x = BCOO.fromdense(jnp.asarray(ROWS))
    for call in (addax.ops.relu, addax.ops.softmax, addax.ops.cumsum, lambda v: addax.ops.clip(v, -0.5, 0.5)):
        np.testing.assert_array_equal(call(x), call(jnp.asarray(ROWS)), strict=True)


def test_wrong_arguments_are_refused_as_for_dense_tensors() -> None:
    x = BCOO.fromdense(jnp.asarray(ROWS))
    with pytest.raises((TypeError, ValueError), match=r"shape|size|divisible"):
        addax.ops.reshape(x, (3, 3))
    with pytest.raises(TypeError, match=r"[Ii]ncompatible"):
        addax.ops.add(x, BCOO.fromdense(jnp.ones((3, 3))))


def test_conversions() -> None:
    x = BCOO.fromdense(jnp.asarray(ROWS))
    for lib in LIBRARIES:
        assert lib.ops.is_tensor(x)
        assert lib.ops.shape(x) == (4, 4)
        np.testing.assert_array_equal(lib.ops.convert_to_numpy(x), ROWS)
    for name, args in (("one_hot", ([1, 2], 4)), ("multi_hot", ([[1, 2], [0, 0]], 4))):
        theirs, ours = (getattr(lib.ops, name)(np.asarray(args[0]), args[1], sparse=True) for lib in LIBRARIES)
        assert described(ours) == described(theirs)
        np.testing.assert_array_equal(values(ours), values(theirs))


LAYERS: dict[str, Any] = {
    "Dense": lambda k: k.layers.Dense(2, kernel_initializer="ones"),
    "Identity": lambda k: k.layers.Identity(),
    "Flatten": lambda k: k.layers.Flatten(),
    "Reshape": lambda k: k.layers.Reshape((2, 2)),
    "Lambda": lambda k: k.layers.Lambda(lambda x: x * 2),
    "Normalization": lambda k: k.layers.Normalization(mean=1.0, variance=4.0),
}
MERGING = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")


@pytest.mark.parametrize("name", some([*LAYERS, *MERGING], "Dense, Add"))
@pytest.mark.filterwarnings("ignore:.*bcoo_:UserWarning")
def test_layers(name: str) -> None:
    results = []
    for lib in LIBRARIES:
        x, symbol = BCOO.fromdense(jnp.asarray(ROWS)), lib.KerasTensor((4, 4), sparse=True)
        if name in MERGING:
            layer = getattr(lib.layers, name)()
            out, spec = layer([x, BCOO.fromdense(jnp.asarray(MORE))]), layer([symbol, symbol])
        else:
            layer = LAYERS[name](lib)
            out, spec = layer(x), layer(symbol)
        results.append((described(out), values(out).round(5).tolist(), spec.sparse if name != "Lambda" else None))
    assert results[1] == results[0]


def test_layers_without_a_sparse_form_compute_on_dense_tensors() -> None:
    """Keras refuses these."""
    x = BCOO.fromdense(jnp.asarray(ROWS))
    for layer in (
        addax.layers.Activation("relu"),
        addax.layers.BatchNormalization(),
        addax.layers.Rescaling(2.0, 1.0),
        addax.layers.Embedding(4, 2),
    ):
        given = addax.ops.absolute(addax.ops.round(x))
        np.testing.assert_array_equal(layer(given), layer(given.todense()), strict=True)


def test_a_layer_of_the_user_gets_sparse_tensors() -> None:
    for lib in LIBRARIES:

        class Seen(lib.layers.Layer):  # type: ignore[name-defined, misc]
            def call(self, x, ops=lib.ops):
                self.given = type(x)
                return ops.matmul(x, ops.ones((4, 1)))

        layer = Seen()
        np.testing.assert_allclose(layer(BCOO.fromdense(jnp.asarray(ROWS))), ROWS.sum(1, keepdims=True))
        assert layer.given is BCOO


def model(lib: Any, sparse: bool) -> Any:
    inputs = lib.Input((4,), sparse=sparse, name="x")
    hidden = lib.layers.Dense(3, "tanh", kernel_initializer="ones", name="h")(inputs)
    made = lib.Model(inputs, lib.layers.Dense(1, kernel_initializer="ones", name="o")(hidden), name="m")
    made.compile("sgd", "mse")
    return made


def test_inputs_in_configs_and_files(tmp_path) -> None:
    theirs, ours = (model(lib, True) for lib in LIBRARIES)
    assert ours.inputs[0].sparse
    assert ours.get_config()["layers"][0]["config"] == theirs.get_config()["layers"][0]["config"]
    ours.save(tmp_path / "m.keras")
    for lib in LIBRARIES:
        assert lib.saving.load_model(tmp_path / "m.keras").inputs[0].sparse
    assert addax.models.clone_model(ours).inputs[0].sparse
    with pytest.raises(ValueError, match="ragged"):
        addax.Input((4,), ragged=True)


KINDS = {
    "bcoo": lambda x: BCOO.fromdense(jnp.asarray(x)),
    "csr": scipy.sparse.csr_matrix,
    "coo": scipy.sparse.coo_array,
}


@pytest.mark.parametrize("kind", some(KINDS, "bcoo"))
def test_training(kind: str) -> None:
    """The history, weights and results of dense data, which are Keras's."""
    x, y = KINDS[kind](ROWS), ROWS.sum(1, keepdims=True)
    results = []
    for lib, given, sparse in ((keras, x, True), (addax, x, True), (addax, ROWS, False)):
        made = model(lib, sparse)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            history = made.fit(given, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history["loss"]
            loss = made.evaluate(given, y, batch_size=2, verbose=0)
            predicted = made.predict(given, batch_size=2, verbose=0)
        results.append(jax.tree.leaves((history, loss, predicted, made.get_weights())))
    for theirs, ours, of_dense in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        np.testing.assert_array_equal(ours, of_dense)


def test_batches_of_generators() -> None:
    x = BCOO.fromdense(jnp.asarray(ROWS))

    def batches() -> Any:
        for part in (x[:2], x[2:]):
            yield part, values(part).sum(1, keepdims=True).astype("float32")

    losses = [model(lib, True).fit(batches(), verbose=0).history["loss"] for lib in LIBRARIES]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    for made in (model(lib, True) for lib in LIBRARIES):
        losses.append(made.train_on_batch(x, ROWS.sum(1, keepdims=True)))
    np.testing.assert_allclose(losses[3], losses[2], rtol=1e-5)


def test_gradients_of_embeddings_and_kernels() -> None:
    """Of the weights that multiply sparse inputs, and of rows taken from a table: those of dense tensors."""
    x = BCOO.fromdense(jnp.asarray(ROWS))
    kernel = jnp.asarray(DENSE)
    sparse, dense = (jax.grad(lambda w, x=given: (addax.ops.matmul(x, w) ** 2).sum())(kernel) for given in (x, ROWS))
    np.testing.assert_allclose(sparse, dense, rtol=1e-6)
    ids = BCOO.fromdense(jnp.asarray([[1, 0, 3]]))
    layer = addax.layers.Embedding(4, 2)
    layer.build()

    def loss(table: Any, ids: Any) -> Any:
        return (layer.stateless_call([table], [], ids)[0] ** 2).sum()

    gradients = [jax.grad(loss)(layer.embeddings.value, given) for given in (ids, ids.todense())]
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("mode", some(["one_hot", "multi_hot", "count"], "multi_hot"))
def test_encodings_say_that_they_are_sparse(mode: str) -> None:
    x = np.array([[0, 2], [1, 1]])
    x = x[:, 0] if mode == "one_hot" else x
    found = []
    for lib in LIBRARIES:
        layer = lib.layers.CategoryEncoding(3, mode, sparse=True)
        symbol = layer(lib.Input(x.shape[1:], dtype="int32"))
        found.append((symbol.sparse, symbol.shape, isinstance(layer(x), BCOO), values(layer(x)).tolist()))
    assert found[1] == found[0]
    inputs = addax.Input(x.shape[1:], dtype="int32")
    layer = addax.layers.CategoryEncoding(3, mode, sparse=True)
    made = addax.Model(inputs, addax.layers.Dense(1, kernel_initializer="ones")(layer(inputs)))
    expected = values(layer(x)).sum(1, keepdims=True)
    np.testing.assert_allclose(made.predict(x, verbose=0), expected)  # Keras can't compile it
    np.testing.assert_allclose(made(x), expected)
