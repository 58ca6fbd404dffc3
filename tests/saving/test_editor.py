"""KerasFileEditor, on files of both libraries."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402


def net(k, units=2):
    return k.Sequential([k.Input((3,)), k.layers.Dense(units, name="a"), k.layers.Dense(1, name="b")])


@pytest.fixture
def path(tmp_path):
    file = str(tmp_path / "m.weights.h5")
    net(keras).save_weights(file)
    return file


@pytest.mark.parametrize("k", [keras, addax], ids=["keras", "addax"])
def test_objects_and_weights_are_changed_and_saved(k, path, tmp_path):
    editor = k.saving.KerasFileEditor(path)
    editor.add_object("layers/extra", {"0": np.ones(2)})
    editor.rename_object("extra", "other")
    editor.add_weights("layers/other", {"1": np.zeros(3)})
    editor.delete_weight("other", "0")
    editor.rename_object("layers/dense", "first")
    editor.delete_object("dense_1")
    out = str(tmp_path / "out.weights.h5")
    editor.save(out)
    again = addax.saving.KerasFileEditor(out)
    layers = again.weights_dict["layers"]
    assert {name: sorted(v) for name, v in layers.items()} == {"first": ["0", "1"], "other": ["1"]}
    np.testing.assert_array_equal(layers["first"]["0"], editor.weights_dict["layers"]["first"]["0"])


def test_what_is_saved_is_loaded_by_both(path, tmp_path):
    editor = addax.saving.KerasFileEditor(path)
    kernel = np.full((3, 2), 7.0, "float32")
    editor.delete_weight("dense", "0")
    editor.add_weights("dense", {"0": kernel})
    out = str(tmp_path / "out.weights.h5")
    editor.resave_weights(out)
    for k in (keras, addax):
        model = net(k)
        model.load_weights(out)
        np.testing.assert_array_equal(model.get_weights()[0], kernel)


def test_comparison_and_summary(path, capsys):
    editor = addax.saving.KerasFileEditor(path)
    assert editor.compare(net(addax)) == {"status": "success", "error_count": 0, "match_count": 4}
    assert editor.compare(net(addax, 4)) == {"status": "error", "error_count": 3, "match_count": 1}
    text = capsys.readouterr().out
    assert "...Weight shape mismatch for /layers/dense/0\n    In reference model: shape=(3, 4)\n" in text
    editor.summary()
    mine = capsys.readouterr().out
    theirs = keras.saving.KerasFileEditor(path)
    capsys.readouterr()
    theirs.summary()
    assert [line.strip() for line in mine.splitlines()] == [
        line.strip() for line in capsys.readouterr().out.splitlines()
    ]


def trained(k, compiled, steps, units=2, more=False):
    """A model: not compiled, compiled, or trained."""
    parts = [k.layers.Dense(units, name="a"), k.layers.Dropout(0.2), k.layers.BatchNormalization()]
    model = k.Sequential([k.Input((3,)), *parts, *([k.layers.Dense(2)] if more else [])])
    if compiled:
        model.compile("adam", "mse", metrics=["mae"])
    if steps:
        model.optimizer.build(model.trainable_variables)
    return model


STATES = [(False, False), (True, False), (True, True)]


@pytest.mark.parametrize("saved", STATES)
@pytest.mark.parametrize("ending", ["m.keras", "m.weights.h5"])
def test_comparison_says_what_keras_says(saved, ending, tmp_path, capsys):
    """Line by line. Keras wraps its lines, and counts one more for each object that has an error inside."""

    def said(k, reference):
        editor = k.saving.KerasFileEditor(file)
        capsys.readouterr()
        found = editor.compare(reference)
        lines = " ".join(capsys.readouterr().out.split()).split("─" * 21)[0]
        problems = sorted("...".join(["", *lines.split("...")[1:]]).split("..."))
        return found["status"], problems, found

    file = str(tmp_path / ending)
    model = trained(keras, *saved)
    model.save(file) if ending == "m.keras" else model.save_weights(file)
    for state in STATES:
        for more in ({}, {"units": 4}, {"more": True}):
            theirs, mine = (said(k, trained(k, *state, **more)) for k in (keras, addax))
            assert [line.replace(" ", "") for line in mine[1]] == [line.replace(" ", "") for line in theirs[1]]
            assert mine[0] == theirs[0] == ("success" if state == saved and not more else "error")
            assert mine[2]["error_count"] == len([line for line in mine[1] if line.strip()])
            if state == saved and not more:
                assert mine[2]["match_count"] == 6 + 2 * saved[0] + 8 * saved[1]


def test_summary_is_keras_s(tmp_path, capsys):
    file = str(tmp_path / "m.keras")
    trained(keras, True, True).save(file)
    said = []
    for k in (keras, addax):
        editor = k.saving.KerasFileEditor(file)
        for name in ("x", "y"):
            editor.add_object(name, {"0": np.ones(2)})
        capsys.readouterr()
        editor.summary()
        said.append([line.rstrip() for line in capsys.readouterr().out.splitlines()])
    assert said[0] == said[1]


def test_keras_files_have_their_config(tmp_path):
    file = str(tmp_path / "m.keras")
    net(addax).save(file)
    editor = addax.saving.KerasFileEditor(file)
    assert editor.config["class_name"] == "Sequential" and editor.metadata["keras_version"] == "3.15.1"
    assert sorted(editor.weights_dict["layers"]) == ["dense", "dense_1"]


@pytest.mark.parametrize("k", [keras, addax], ids=["keras", "addax"])
def test_what_is_not_there_is_refused(k, path, tmp_path):
    editor = k.saving.KerasFileEditor(path)
    for call in (
        lambda: editor.rename_object("nope", "z"),
        lambda: editor.delete_object("nope"),
        lambda: editor.add_weights("nope", {}),
        lambda: editor.delete_weight("nope", "0"),
    ):
        with pytest.raises(ValueError, match="Source name 'nope' does not appear in the model"):
            call()
    with pytest.raises(ValueError, match="Path 'x' not found in model"):
        editor.add_object("x/y", {"0": np.ones(1)})
    with pytest.raises(ValueError, match=r"expected a `\.weights\.h5` extension"):
        editor.save(str(tmp_path / "x.h5"))
    with pytest.raises(ValueError, match="Invalid filename"):
        k.saving.KerasFileEditor(str(tmp_path / "x.txt"))
