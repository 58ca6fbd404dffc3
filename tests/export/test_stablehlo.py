"""Models exported as programs: run in another process, for any batch; damaged and hostile files are refused."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import zipfile

import jax
import jax.export
import numpy as np
import pytest

import addax
from addax import layers

X = np.random.default_rng(0).normal(size=(5, 6, 3)).astype("float32")
DATA = {"seq": X, "tok": np.arange(5)}


def graph():
    seq, tok = addax.Input((None, 3), name="seq"), addax.Input((), dtype="int32", name="tok")
    state = layers.LSTM(4)(seq)
    total = layers.add([state, layers.Embedding(7, 4)(tok)])
    total = layers.Dropout(0.5)(layers.BatchNormalization()(total))
    return addax.Model({"seq": seq, "tok": tok}, {"total": total, "states": (state, [seq])})


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    net, folder = graph(), tmp_path_factory.mktemp("exported")
    net.export(folder / "model.stablehlo", format="stablehlo", verbose=False)
    net.export(str(folder / "model"), format="stablehlo", verbose=False, platforms=["cpu"])
    return net, folder


def check(mine, theirs):
    addax.tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), mine, theirs)


@pytest.mark.parametrize("name", ["model.stablehlo", "model"])
def test_it_predicts_for_any_batch_and_length(exported, name):
    net, folder = exported
    run = addax.load_exported(folder / name)
    for rows, steps in ((5, 6), (1, 2)):
        data = {"seq": X[:rows, :steps], "tok": DATA["tok"][:rows]}
        check(run(data), net.predict(data, verbose=0))


def test_names_shapes_and_structures_are_kept(exported):
    run = addax.load_exported(exported[1] / "model.stablehlo")
    (inputs,) = run.input_spec
    assert {k: (x.name, x.shape, x.dtype) for k, x in inputs.items()} == {
        "seq": ("seq", (None, None, 3), "float32"),
        "tok": ("tok", (None,), "int32"),
    }
    assert run.output_spec["total"].shape == (None, 4) and run.output_spec["states"][1][0].shape == (None, None, 3)
    assert run.platforms == ("cpu", "cuda", "rocm", "tpu")
    assert addax.load_exported(exported[1] / "model").platforms == ("cpu",)


def test_another_process_runs_it_without_the_classes(tmp_path):
    class Net(addax.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.norm = layers.Dense(4, "relu"), layers.BatchNormalization()

        def call(self, x, training=False):
            return layers.Dropout(0.5)(self.norm(self.hidden(x), training=training), training=training)

    net, path = Net(), tmp_path / "net.bin"
    net.compile("sgd", "mse")
    net.fit(X[0], np.ones((6, 4)), verbose=0)
    net.export(path, format="stablehlo", input_signature=[addax.InputSpec(shape=(None, 3))], verbose=False)
    np.save(tmp_path / "x.npy", X[0])
    code = (
        "import sys, addax, numpy as np\n"
        f"f = addax.load_exported({str(path)!r})\n"
        f"np.save({str(tmp_path / 'y.npy')!r}, f(np.load({str(tmp_path / 'x.npy')!r})))\n"
        "assert not any(n.startswith('addax.layers.normal') or n == 'addax.layers.core' for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    check(np.load(tmp_path / "y.npy"), net.predict(X[0], verbose=0))


def test_a_subclassed_model_is_exported_with_the_shapes_it_was_called_with(tmp_path):
    class Two(addax.Model):
        def call(self, a, b):
            return [a + b, a * b]

    net = Two()
    net(X[0], X[1])
    net.export(tmp_path / "two", format="stablehlo", verbose=False)
    check(addax.load_exported(tmp_path / "two")(X[0][:2], X[1][:2]), [X[0][:2] + X[1][:2], X[0][:2] * X[1][:2]])


def test_sizes_that_must_agree_may_vary_together(tmp_path):
    a, b = addax.Input((None, 3)), addax.Input((None, 3))
    net = addax.Model([a, b], a + b)
    net.export(tmp_path / "sum", format="stablehlo", verbose=False)
    check(addax.load_exported(tmp_path / "sum")([X, X]), X + X)


def test_masks_of_an_open_length(tmp_path):
    x = addax.Input((None, 4))
    net = addax.Model(x, layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True))
    net.export(tmp_path / "net", format="stablehlo", verbose=False)
    data = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    check(addax.load_exported(tmp_path / "net")(data), net.predict(data, verbose=0))


def test_inputs_that_do_not_fit(exported):
    run = addax.load_exported(exported[1] / "model")
    with pytest.raises(ValueError, match="Structures differ"):
        run({"seq": X})
    with pytest.raises(ValueError, match=r"expects 'seq' of shape \(None, None, 3\).*Received: ndarray of shape"):
        run({**DATA, "seq": X[..., :2]})
    with pytest.raises(ValueError, match=r"expects 'tok' of .* dtype int32"):
        run({**DATA, "tok": np.ones(5)})
    with pytest.raises(ValueError, match="takes 1 arguments"):
        run(X, X)


def test_what_cannot_be_exported(tmp_path):
    text = addax.Sequential([layers.TextVectorization(vocabulary=["a"]), layers.Embedding(3, 2)])
    text(np.array(["a b"]))
    for format in ("stablehlo", "jax"):
        with pytest.raises(ValueError, match=r"'text_vectorization(_\d+)?' \(TextVectorization\) run on.*device part"):
            text.export(tmp_path / "t", format=format)
    with pytest.raises(ValueError, match="has no symbolic inputs"):
        addax.Model().export(tmp_path / "t", format="stablehlo")
    with pytest.raises(ValueError, match=r"Unknown options .* Did you mean 'platforms'"):
        graph().export(tmp_path / "t", format="stablehlo", platform=["cpu"])
    with pytest.raises(ValueError, match="OpenVINO reads"):
        graph().export(tmp_path / "t.xml", format="openvino")
    callback = addax.Input((3,))

    class Host(layers.Layer):
        def call(self, x):
            return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

        def compute_output_shape(self, shape):
            return shape

    with pytest.raises(ValueError, match=r"can't be (exported|traced)"):
        addax.Model(callback, Host()(callback)).export(tmp_path / "t", format="stablehlo")
    assert not (tmp_path / "t").exists()


def copy(exported, tmp_path):
    return shutil.copytree(exported[1] / "model", tmp_path / "copy")


def refused(path, match):
    with pytest.raises(ValueError, match=match):
        addax.load_exported(path)


def test_hostile_programs_and_manifests(exported, tmp_path):
    folder = copy(exported, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())

    def replace(program):
        """Whoever makes a hostile file makes its digest fit, too."""
        (folder / "program.jax_export").write_bytes(program)
        digest = {"program_sha256": hashlib.sha256(program).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps({**manifest, **digest}))

    x = jax.ShapeDtypeStruct((3,), "float32")
    checks = [jax.export.DisabledSafetyCheck.custom_call("some_target")]
    call = jax.jit(lambda x: jax.ffi.ffi_call("some_target", x)(x))
    program = jax.export.export(call, platforms=["cpu"], disabled_checks=checks)(x).serialize()
    good = (folder / "program.jax_export").read_bytes()
    replace(bytes(program))
    refused(folder, "calls functions outside of XLA: .'some_target'")
    replace(bytes(jax.export.export(jax.jit(lambda x: x))(x).serialize()))
    refused(folder, "takes or returns other numbers of arrays")
    (folder / "program.jax_export").write_bytes(good[:-1])
    refused(folder, "SHA-256")
    (folder / "program.jax_export").write_bytes(good)
    for changes, words in (
        ({"version": 99}, "has version 99"),
        ({"format": "x"}, "doesn't describe an exported model"),
        ({"weights": [*manifest["weights"][:-1], "absent"]}, "no tensor 'absent'"),
        ({"weights": manifest["weights"][::-1]}, "weights.safetensors has shape"),
        ({"weights": 3}, "lacks the name"),
        ({"outputs": {"name": 1}}, "no description of an array"),
        ({"arguments": {"list": []}}, "other numbers of arrays"),
    ):
        (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
        refused(folder, words)
    (folder / "manifest.json").write_text("[" * 200_000)
    refused(folder, "can't be read as an exported model")
    (folder / "manifest.json").write_text(" " * 10_000_001)
    refused(folder, "more than 10000000")
    (folder / "manifest.json").unlink()
    refused(folder, "no file 'manifest.json'")


def test_hostile_archives(exported, tmp_path):
    folder, path = copy(exported, tmp_path), tmp_path / "m.stablehlo"
    refused(tmp_path / "absent", "File not found")
    path.write_bytes(b"no archive")
    refused(path, "no zip archive")
    for kind, extra, words in (
        (zipfile.ZIP_DEFLATED, None, "must be stored as they are"),
        (zipfile.ZIP_STORED, "../outside", "it must hold"),
    ):
        with zipfile.ZipFile(path, "w", kind) as archive:
            for name in ("manifest.json", "program.jax_export", "weights.safetensors"):
                archive.write(folder / name, name)
            if extra:
                archive.writestr(extra, "x")
        refused(path, words)


@pytest.mark.parametrize("name", ["manifest.json", "program.jax_export", "weights.safetensors", "model.stablehlo"])
def test_damaged_files_are_refused_or_read(exported, tmp_path, name):
    rng, folder = random.Random(0), copy(exported, tmp_path)
    path = tmp_path / "m.stablehlo" if name == "model.stablehlo" else folder / name
    whole = (exported[1] / name if name == "model.stablehlo" else path).read_bytes()
    outcomes = []
    for i in range(12):
        content = bytearray(whole)
        if i % 3 == 0:
            content = content[: rng.randrange(len(content))]
        else:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        try:
            addax.load_exported(path if path.suffix == ".stablehlo" else folder)
            outcomes.append("read")
        except ValueError as error:
            outcomes.append("refused")
            assert len(str(error)) > 20
    assert outcomes.count("refused") >= 4
