"""The classic table, what users get wrong, and pictures of models. parity/ holds the default table against Keras."""

from __future__ import annotations

import struct

import pytest

import addax as keras

RULE, DOUBLE = "_" * 65, "=" * 65


@pytest.fixture
def model():
    keras.utils.clear_session(free_memory=False)
    return keras.Sequential([keras.Input((16,)), keras.layers.Dense(8)])


@pytest.fixture
def branches():
    image = keras.Input((4,), name="image")
    x = keras.layers.Dense(3, name="body")(image)
    head = keras.layers.Dense(2, name="a_head_with_a_name_that_is_too_long")
    return keras.Model(image, [head(x), keras.layers.Add(name="sum")([x, x])], name="branches")


def test_classic(model):
    lines: list[str] = []
    model.summary(style="classic", print_fn=lines.append)
    assert lines == [
        'Model: "sequential"',
        RULE,
        "Layer (type)                 Output Shape              Param #   ",
        DOUBLE,
        "dense (Dense)                (None, 8)                 136       ",
        DOUBLE,
        "Total params: 136",
        "Trainable params: 136",
        "Non-trainable params: 0",
        RULE,
    ]


def test_classic_connected(branches):
    lines: list[str] = []
    branches.get_layer("body").trainable = False
    branches.summary(style="classic", print_fn=lines.append, show_trainable=True)
    cells = {line.split()[0]: line for line in lines if line[0].isalpha()}
    assert cells["Layer"].split() == [
        "Layer",
        "(type)",
        "Output",
        "Shape",
        "Param",
        "#",
        "Connected",
        "to",
        "Trainable",
    ]
    assert cells["body"].split() == ["body", "(Dense)", "(None,", "3)", "15", "image[0][0]", "N"]
    assert cells["image"].startswith("image (InputLayer)              [(None, 4)]")
    assert cells["sum"].split()[-2:] == ["body[0][0]", "-"]
    following = lines[lines.index(cells["sum"]) + 1]
    assert following.strip() == "body[0][0]" and following.index("body") == cells["sum"].index("body")
    assert any(line.startswith("a_head_with_a_name_that_is_too_ ") for line in lines)  # cut to its column
    assert {len(line) for line in lines if line.startswith(("_", "="))} == {98 + 11}
    assert lines[-4:-1] == ["Total params: 23", "Trainable params: 8", "Non-trainable params: 15"]


def test_classic_wants_a_built_model():
    with pytest.raises(ValueError, match=r"This model has not yet been built\. Build the model first by calling"):
        keras.Sequential([keras.layers.Dense(2)]).summary(style="classic")


def test_style_is_a_setting(model, capsys):
    keras.config.set("summary_style", "classic")
    try:
        model.summary()
        assert RULE in capsys.readouterr().out
        model.summary(style="rich")
        assert "┏" in capsys.readouterr().out
    finally:
        keras.config.set("summary_style", "rich")


MISTAKES = [
    ({"style": "fancy"}, "'rich', 'classic'.*'fancy'"),
    ({"positions": [0.5]}, "`positions` needs one number for each"),
    ({"positions": [0.5], "style": "classic"}, "`positions` needs one number for each"),
    ({"layer_range": ["dense"]}, "list or tuple of length 2"),
    ({"layer_range": ["dense", 2]}, "string type only"),
    ({"layer_range": ["nope", "dense"]}, "do not match the layer names.*The model has"),
    ({"line_length": 10}, "Insufficient console width.*larger `line_length`"),
]


@pytest.mark.parametrize("arguments, match", MISTAKES, ids=str)
def test_mistakes(model, arguments, match):
    with pytest.raises(ValueError, match=match):
        model.summary(**arguments)


def test_optimizer_with_state_is_counted(model):
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    text: list[str] = []
    model.summary(print_fn=text.append)
    assert " Total params: 410 (1.60 KB)\n" in text[0]
    assert text[0].endswith(" Optimizer params: 274 (1.07 KB)\n")


def png_size(path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def needs_graphviz():
    import shutil

    pytest.importorskip("pydot")
    if shutil.which("dot") is None:
        pytest.skip("graphviz is not installed")


def test_plot_model(branches, tmp_path):
    needs_graphviz()
    keras.utils.plot_model(branches, tmp_path / "small.png", dpi=50)
    keras.utils.plot_model(branches, tmp_path / "large.png", dpi=100, show_shapes=True, show_layer_names=True)
    small, large = png_size(tmp_path / "small.png"), png_size(tmp_path / "large.png")
    assert small[0] < large[0] and small[1] < large[1]
    keras.utils.plot_model(branches, str(tmp_path / "model.svg"), show_layer_names=True)
    svg = (tmp_path / "model.svg").read_text()
    assert "a_head_with_a_name_that_is_too_long" in svg and svg.count('class="edge"') == 3


def test_plot_model_mistakes(model):
    pytest.importorskip("pydot")
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments: \{'show_shape': True\}"):
        keras.utils.plot_model(model, show_shape=True)
    with pytest.raises(ValueError, match="has not yet been built"):
        keras.utils.model_to_dot(keras.Sequential([keras.layers.Dense(1)]))
