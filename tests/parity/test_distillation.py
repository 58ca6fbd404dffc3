"""Distillation against Keras: losses, training, configs, errors."""

import json

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import addax  # noqa: E402

RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(4, 3)).astype("float32") for _ in range(2))
X, Y = RNG.normal(size=(8, 5)).astype("float32"), np.arange(8) % 3
WEIGHTS = [RNG.normal(size=s).astype("float32") for s in ((5, 4), (4,), (4, 3), (3,))]


def net(k, name, units=4, outputs=3):
    i = k.Input((5,))
    hidden = k.layers.Dense(units, activation="relu", name="hidden")(i)
    return k.Model(i, k.layers.Dense(outputs, name="out")(hidden), name=name)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("LogitsDistillation", {}),
        ("LogitsDistillation", {"temperature": 2.0, "loss": "categorical_crossentropy"}),
        ("LogitsDistillation", {"loss": "mse"}),
        ("FeatureDistillation", {}),
        ("FeatureDistillation", {"loss": "cosine_similarity", "teacher_layer_name": "a", "student_layer_name": "b"}),
    ],
)
def test_losses(name, settings):
    mine, real = (getattr(k.distillation, name)(**settings) for k in (addax, keras))
    np.testing.assert_allclose(mine.compute_loss(A, B), real.compute_loss(A, B), rtol=1e-4)
    assert mine.get_config() == real.get_config()
    config = json.loads(json.dumps(addax.saving.serialize_keras_object(mine)))
    assert config == keras.saving.serialize_keras_object(real)
    assert addax.saving.deserialize_keras_object(config).get_config() == mine.get_config()


def test_losses_of_several_outputs():
    for loss in (["mse", None], ["mse", "mae"]):
        mine, real = (k.distillation.LogitsDistillation(2.0, loss) for k in (addax, keras))
        np.testing.assert_allclose(mine.compute_loss([A, A], [B, B]), real.compute_loss([A, A], [B, B]), rtol=1e-5)


def losses(k, several):
    d = k.distillation
    one = d.LogitsDistillation(2.0, "mse")
    return [one, d.FeatureDistillation("mae", "hidden", "hidden")] if several else one


def distiller(k, several, **settings):
    teacher, student = net(k, "teacher"), net(k, "student")
    teacher.set_weights(WEIGHTS)
    student.set_weights([w / 2 for w in WEIGHTS])
    model = k.distillation.Distiller(teacher, student, losses(k, several), student_loss_weight=0.3, **settings)
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(k.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("several", "settings"), [(False, {}), (True, {"distillation_loss_weights": [1.0, 0.5]})], ids=["one", "two"]
)
def test_distiller_trains(several, settings, tmp_path):
    found = {}
    for k in (keras, addax):
        model = distiller(k, several, **settings)
        history = model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        logs = model.evaluate(X, Y, verbose=0, return_dict=True)
        found[k] = history, logs, model.predict(X, verbose=0), model
    theirs, ours = found[keras], found[addax]
    assert theirs[0].keys() == ours[0].keys() and theirs[1].keys() == ours[1].keys()
    for name in theirs[0]:
        np.testing.assert_allclose(ours[0][name], theirs[0][name], rtol=1e-4, atol=1e-6, err_msg=name)
    for name in theirs[1]:
        np.testing.assert_allclose(ours[1][name], theirs[1][name], rtol=1e-4, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-4, atol=1e-5)
    mine, real = ours[3], theirs[3]
    assert not mine.teacher.trainable and [m.name for m in mine.metrics] == [m.name for m in real.metrics]
    for w, old in zip(mine.teacher.get_weights(), WEIGHTS):
        np.testing.assert_array_equal(w, old)
    assert mine.get_config().keys() == real.get_config().keys()
    mine.save(str(tmp_path / "d.keras"))
    loaded = addax.models.load_model(str(tmp_path / "d.keras"))
    np.testing.assert_allclose(loaded.predict(X, verbose=0), ours[2], rtol=1e-6)
    assert isinstance(loaded, addax.distillation.Distiller)


BAD = {
    "weight": lambda k, t, s: k.distillation.Distiller(t, s, losses(k, False), student_loss_weight=2.0),
    "count": lambda k, t, s: k.distillation.Distiller(t, s, losses(k, True), [1.0]),
    "teacher": lambda k, t, s: k.distillation.Distiller(3, s, losses(k, False)),
    "student": lambda k, t, s: k.distillation.Distiller(t, 3, losses(k, False)),
    "temperature": lambda k, t, s: k.distillation.LogitsDistillation(temperature=0),
    "number": lambda k, t, s: k.distillation.LogitsDistillation(temperature="a"),
    "no loss": lambda k, t, s: k.distillation.LogitsDistillation(loss=None),
    "no feature loss": lambda k, t, s: k.distillation.FeatureDistillation(loss=None),
    "no loss of labels": lambda k, t, s: k.distillation.Distiller(t, s, losses(k, False)).compile("sgd"),
    "shapes": lambda k, t, s: k.distillation.Distiller(t, net(k, "s", outputs=2), losses(k, False)),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_bad_arguments(make):
    texts = []
    for k in (addax, keras):
        with pytest.raises(ValueError) as caught:
            make(k, net(k, "t"), net(k, "s"))
        texts.append(str(caught.value))
    assert texts[0] == texts[1].replace("keras.src", "addax")


@pytest.mark.parametrize("role", ["teacher", "student"])
def test_layers_must_be_there(role):
    for k in (addax, keras):
        names = {"teacher_layer_name": "hidden", "student_layer_name": "hidden", f"{role}_layer_name": "nope"}
        with pytest.raises(ValueError, match=f"In {role} model: No such layer: nope"):
            k.distillation.Distiller(net(k, "t"), net(k, "s"), k.distillation.FeatureDistillation("mse", **names))
