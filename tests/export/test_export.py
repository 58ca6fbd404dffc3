"""Exported models: read in a process without addax, for batches of any size."""

import subprocess
import sys

import numpy as np
import pytest

import addax

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def model():
    net = addax.Sequential(
        [
            addax.Input((3,)),
            addax.layers.Dense(4, "relu"),
            addax.layers.BatchNormalization(),
            addax.layers.Dropout(0.5),
            addax.layers.Dense(2),
        ]
    )
    net.compile("sgd", "mse")
    net.fit(X, np.ones((5, 2)), verbose=0)
    return net


def test_an_exported_model_predicts_the_same_without_addax(tmp_path, capsys):
    net = model()
    net.export(str(tmp_path), format="jax")
    assert "Endpoints: serve" in capsys.readouterr().out
    loaded = addax.export.load(tmp_path)
    for rows in (1, 5):
        np.testing.assert_allclose(loaded.serve(X[:rows]), net.predict(X[:rows], verbose=0), rtol=1e-5, atol=1e-6)
    np.save(tmp_path / "x.npy", X)
    code = (
        "import jax.export, numpy as np, sys\n"
        f"f = jax.export.deserialize(bytearray(open(r'{tmp_path}/serve.jax_export', 'rb').read()))\n"
        f"np.save(r'{tmp_path}/y.npy', f.call(np.load(r'{tmp_path}/x.npy')))\n"
        "assert 'addax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), net.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_weights_are_those_of_the_time_of_writing(tmp_path):
    net = model()
    expected = net.predict(X, verbose=0)
    net.export(tmp_path, format="jax", verbose=False)
    net.set_weights([w * 0 for w in net.get_weights()])
    np.testing.assert_allclose(addax.export.load(tmp_path).serve(X), expected, rtol=1e-5, atol=1e-6)


def test_archives_of_several_endpoints_and_structures(tmp_path):
    a, b = addax.Input((None, 2), name="a"), addax.Input((3,), name="b")
    net = addax.Model({"a": a, "b": b}, [addax.ops.sum(a, axis=1), addax.layers.Dense(1)(b)])
    archive = addax.export.ExportArchive(format="jax", platforms=["cpu"])
    archive.track_and_add_endpoint("serve", net, [net.input])
    archive.add_endpoint("double", lambda x: 2 * x, [addax.KerasTensor((None,))])
    archive.add_variable_collection("all", net.variables)
    archive.write_out(tmp_path, verbose=False)
    loaded = addax.export.load(tmp_path)
    assert loaded.endpoints == ["serve", "double"]
    data = {"a": np.ones((2, 7, 2), "float32"), "b": X[:2]}
    for mine, theirs in zip(loaded.serve(data), net.predict(data, verbose=0)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    np.testing.assert_array_equal(loaded.double(np.ones(3, "float32")), [2, 2, 2])
    with pytest.raises(AttributeError, match=r"no endpoint 'serv'\. Did you mean 'serve'"):
        loaded.serv  # noqa: B018


def test_what_cannot_be_exported(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError, match="SavedModel needs TensorFlow"):
        addax.export.ExportArchive()
    with pytest.raises(ImportError, match="SavedModel needs TensorFlow"):
        model().export(tmp_path)
    with pytest.raises(ValueError, match="Unrecognized format=jx"):
        model().export(tmp_path, format="jx")
    archive = addax.export.ExportArchive(format="jax")
    with pytest.raises(ValueError, match="No endpoints have been set yet"):
        archive.write_out(tmp_path)
    with pytest.raises(ValueError, match="has not yet been built"):
        archive.track(addax.layers.Dense(1))
    with pytest.raises(ValueError, match="Invalid resource type"):
        archive.track(3)
    archive.add_endpoint("f", abs, [addax.KerasTensor((None,))])
    with pytest.raises(ValueError, match="already taken"):
        archive.add_endpoint("f", abs, [addax.KerasTensor((None,))])
    with pytest.raises(ValueError, match="needs an `input_signature`"):
        archive.add_endpoint("g", abs)
    with pytest.raises(ValueError, match="There is no archive"):
        addax.export.load(tmp_path / "nowhere")

    class Net(addax.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="has no symbolic inputs"):
        Net().export(tmp_path, format="jax")
