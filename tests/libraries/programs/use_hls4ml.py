"""The conversion of a small network to a project for synthesis."""

import os

import hls4ml
import keras

model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(8, activation="relu", name="one"), keras.layers.Dense(1, name="two")]
)
config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
assert "one" in config["LayerName"], config
project = hls4ml.converters.convert_from_keras_model(
    model, hls_config=config, output_dir="project", backend="Vitis", io_type="io_parallel"
)
project.write()
assert os.path.exists("project/firmware/myproject.cpp")
