"""Rows of docs/COMPATIBILITY.md: files, exports, quantization and low-rank updates."""

from __future__ import annotations

import json
import os
import re
import warnings
import zipfile
from typing import Any

import h5py
import keras
import numpy as np

from tests.compatibility_checks import BETTER, DIFFERENT, X, Y, array, gives, net, raises, silent, warns


def legacy_activation(name: str) -> str:
    """The path of a model of Keras 2 with one activation."""
    inputs = {"batch_input_shape": [None, 1], "dtype": "float32", "name": "i", "sparse": False, "ragged": False}
    activation = {"name": "a", "trainable": True, "dtype": "float32", "activation": name}
    layers = [{"class_name": "InputLayer", "config": inputs}, {"class_name": "Activation", "config": activation}]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    with h5py.File("old.h5", "w") as file:
        file.attrs.update({"model_config": json.dumps(config), "keras_version": "2.12.0", "backend": "tensorflow"})
        weights = file.create_group("model_weights")
        weights.attrs.update({"layer_names": [b"a"], "keras_version": "2.12.0", "backend": "tensorflow"})
        weights.create_group("a").attrs["weight_names"] = np.array([], "S1")
    return "old.h5"


# Files


@BETTER(
    'legacy `.h5` of a model compiled with `loss="mse"`',
    ("can't be loaded", raises(ValueError, "Could not deserialize 'keras.metrics.mse'")),
    ("loaded", gives("mse")),
)
def h5_of_a_compiled_model(k):
    net(k).save("m.h5")
    return k.models.load_model("m.h5").loss


@BETTER(
    "the optimizer's moments in legacy `.h5` files",
    ("lost when loaded", gives((1, False))),
    ("restored", gives((1, True))),
)
def moments_in_h5(k):
    model = net(k, optimizer="adam", loss=k.losses.MeanSquaredError())
    model.fit(X, Y, verbose=0)
    model.save("m.h5")
    optimizer = k.models.load_model("m.h5").optimizer
    return int(optimizer.iterations.value), any(array(v).any() for v in optimizer.variables[2:])


@BETTER(
    "registered root classes in legacy `.h5` files",
    ("not found again", raises(ValueError, "Unknown layer: 'Root'")),
    ("found by package and name", gives("Root")),
)
def registered_class_in_h5(k):
    @k.saving.register_keras_serializable("mine")
    class Root(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = k.layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def get_config(self):
            return {"name": self.name}

    model = Root()
    model(X)
    model.save("m.h5")
    return type(k.models.load_model("m.h5")).__name__


@BETTER(
    '`"hard_sigmoid"` in files of Keras 2',
    ("computes Keras 3's `x / 6 + 0.5`", gives(2 / 3)),
    ("computes what it meant, `0.2 x + 0.5`", gives(0.7)),
)
def old_hard_sigmoid(k):
    model = k.models.load_model(legacy_activation("hard_sigmoid"), compile=False)
    return float(array(model(np.ones((1, 1), "float32")))[0, 0])


@BETTER(
    "two members of one name in a `.keras` file",
    ("the last one is taken", gives("second")),
    ("the file is refused", raises(ValueError, "two members called 'config.json'")),
)
def members_of_one_name(k):
    model = net(k)
    model.save("m.keras")
    with zipfile.ZipFile("m.keras", "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's
        file.writestr("config.json", file.read("config.json").replace(model.name.encode(), b"second"))
    return k.models.load_model("m.keras").name


@BETTER(
    "saving a layer that can't be made from its config",
    ("works; loading fails", raises(TypeError, "Odd")),
    ("is an error that shows the `get_config` to write", raises(ValueError, "'n': self.n")),
)
def unusable_configs(k):
    class Odd(k.layers.Layer):
        def __init__(self, n, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs

        def get_config(self):
            return super().get_config()

    k.Sequential([k.Input((4,)), Odd(3)]).save("m.keras")
    k.models.load_model("m.keras", custom_objects={"Odd": Odd})


@BETTER(
    "saving a class that isn't registered",
    ("silent", silent),
    ("warns: whoever loads the file needs it", warns("classes that are not registered: Odd")),
)
def unregistered_classes(k):
    class Odd(k.layers.Layer):
        def call(self, inputs):
            return inputs

    k.Sequential([k.Input((4,)), Odd()]).save("m.keras")


@BETTER(
    "`Lambda(lambda ...)` from its `get_config()`",
    ("refused as unsafe", raises(ValueError, "arbitrary code execution")),
    ("works in the same process", gives(2.0)),
)
def lambdas_from_their_config(k):
    config = k.layers.Lambda(lambda x: x * 2).get_config()
    return float(k.layers.Lambda.from_config(config)(np.ones((1, 1), "float32"))[0, 0])


# Exports


@BETTER(
    '`Model.export(format="stablehlo")`',
    ("unknown", raises(ValueError, "Unrecognized format=stablehlo")),
    ("runs without the model's code, for any batch size", gives([(1, 1), (3, 1)])),
)
def export_as_stablehlo(k):
    net(k).export("m.stablehlo", format="stablehlo", verbose=False)
    loaded = k.export.load_exported("m.stablehlo")
    return [tuple(loaded(X[:rows]).shape) for rows in (1, 3)]


@BETTER(
    '`Model.export(format="onnx")` of a graph that was never called',
    ("refused", raises(ValueError, "never called")),
    ("works", gives(["m.onnx"])),
)
def export_as_onnx(k):
    net(k).export("m.onnx", format="onnx", verbose=False)
    return os.listdir()


@BETTER(
    "`Model.export(folder)` where TensorFlow isn't installed",
    ("`ImportError`", raises(ImportError, "requires the tensorflow module")),
    ("`ImportError` that names the formats without it", raises(ImportError, "format='stablehlo'", "format='onnx'")),
)
def export_without_tensorflow(k):
    net(k).export("folder", verbose=False)


@BETTER(
    "loading an `OrbaxCheckpoint` of a Sequential",
    ("the weights stay as they were initialized", gives(False)),
    ("loads", gives(True)),
)
def orbax_of_a_sequential(k):
    model = net(k)
    model.fit(X, Y, verbose=0, callbacks=[k.callbacks.OrbaxCheckpoint(os.path.abspath("run"))])
    loaded = k.saving.load_model(os.path.abspath("run"))
    return np.allclose(loaded.get_weights()[0], model.get_weights()[0])


# Quantization, low-rank updates


@BETTER(
    "files of quantized attention layers",
    ("can't be loaded", raises(ValueError, "could not be loaded", "key")),
    ("loaded, by Keras too", gives(True)),
)
def files_of_quantized_attention(k):
    inputs, x = k.Input((3, 4)), np.ones((1, 3, 4), "float32")
    model = k.Model(inputs, k.layers.MultiHeadAttention(2, 2)(inputs, inputs))
    model.quantize("int8")
    model.save("m.keras")
    loaded = [library.models.load_model("m.keras") for library in (k, keras)]
    return all(np.allclose(array(one(x)), array(model(x)), atol=1e-5) for one in loaded)


@BETTER(
    "`call` of a subclass that is quantized with `type_check=False`",
    ("bypassed", gives(False)),
    ("runs", gives(True)),
)
def call_of_a_quantized_subclass(k):
    class Shifted(k.layers.Dense):
        def call(self, inputs):
            return super().call(inputs) + 100

    layer = Shifted(2)
    layer.build((None, 4))
    layer.quantize("int8", type_check=False)
    return bool(array(layer(X)).min() > 50)


@BETTER(
    "`lora_alpha` in the configs of `Dense` and `Embedding`",
    ("dropped", gives([2, 1])),
    ("kept", gives([4, 4])),
)
def config_of_lora_alpha(k):
    dense, embedding = k.layers.Dense(2, lora_rank=2, lora_alpha=4), k.layers.Embedding(3, 2, lora_rank=1, lora_alpha=4)
    dense.build((None, 4))
    embedding.build((None,))
    return [layer.get_config().get("lora_alpha") for layer in (dense, embedding)]


@BETTER(
    "weights without LoRA, loaded into a layer with it",
    ("both factors become zero: neither has a gradient", gives((False, False))),
    ("only factor b becomes zero", gives((True, False))),
)
def weights_for_a_layer_with_lora(k):
    def model(**given):
        return k.Sequential([k.Input((4,)), k.layers.Dense(2, name="d", **given)])

    model().save_weights("m.weights.h5")
    loaded = model(lora_rank=2)
    loaded.load_weights("m.weights.h5")
    layer = loaded.layers[0]
    return bool(array(layer.lora_kernel_a).any()), bool(array(layer.lora_kernel_b).any())


@BETTER(
    "LoRA in float8 layers",
    ("an error when called", raises(NotImplementedError, "doesn't support LoRA")),
    ("works", gives((12, 2))),
)
def lora_in_float8(k):
    layer = k.layers.Dense(2, lora_rank=2)
    layer.build((None, 4))
    layer.quantize("float8")
    return tuple(layer(X).shape)


@DIFFERENT(
    "names of `JaxLayer`'s weights",
    ("numbered: `variable_1`", gives(["variable", "variable"])),
    ("their places in the parameters", gives(["a", "b"])),
)
def names_of_jax_weights(k):
    def call(params: Any, inputs: Any) -> Any:
        return inputs @ params["a"] + params["b"]

    layer = k.layers.JaxLayer(call, params={"a": np.ones((4, 2), "float32"), "b": np.ones(2, "float32")})
    layer.build((None, 4))
    return [re.sub(r"_\d+$", "", v.path.split("/")[-1]) for v in layer.weights]  # numbers go on within a process
