"""What type checkers see of addax: `python -m tests.typed` holds that they agree, and find what is marked `# error`.

Nothing here is run.
"""

# ruff: noqa: B018
from __future__ import annotations

from typing import Any, assert_type

import jax
import numpy as np

import addax as keras
from addax import layers, ops

x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")


# Layers and tensors
inputs = keras.Input((4,))
assert_type(inputs, keras.KerasTensor)
assert_type(inputs.shape, tuple[int | None, ...])
assert_type(inputs + 1, keras.KerasTensor)
assert_type(2.0 * inputs, keras.KerasTensor)
assert_type(inputs[:, 0], keras.KerasTensor)
assert_type(-inputs, keras.KerasTensor)
dense = layers.Dense(3, activation="relu")
assert_type(dense, layers.Dense)
assert_type(dense.units, int)
assert_type(dense.kernel, keras.Variable)
assert_type(dense.trainable_variables, list[keras.Variable])
assert_type(dense.get_weights(), list[np.ndarray])
assert_type(dense.name, str)
assert_type(dense.count_params(), int)
assert_type(dense.get_config(), dict[str, Any])
assert_type(layers.LSTM(4, return_sequences=True), layers.LSTM)
assert_type(layers.Conv2D(8, 3), layers.Conv2D)
assert_type(layers.Bidirectional(layers.GRU(2)), layers.Bidirectional)
dense.kernal  # error
dense.units.upper()  # error
layers.Dense()  # error
layers.Dense(3, bias_initialiser="zeros")  # error
layers.Dense("three", activation=1.5)  # error
layers.Dens(3)  # error
layers.Dense(3, activaton="relu")  # error
layers.Dense(3, nme="first")  # error
layers.Conv2D(8, 3, paddin="same")  # error
layers.LSTM(4, return_sequence=True)  # error
layers.GRU(4, dropuot=0.1)  # error
layers.Embedding(10, 4, mask_zeros=True)  # error
layers.Dropout(0.5, sed=1)  # error
layers.MultiHeadAttention(2, 4, dropot=0.1)  # error
layers.BatchNormalization(momentm=0.9)  # error
layers.Flatten(trainable="yes")  # error
layers.LeakyReLU(alph=0.2)  # error
keras.Sequential([], nme="mine")  # error
keras.optimizers.Muon(momentm=0.9)  # error
keras.callbacks.ReduceLROnPlateau(patince=3)  # error
assert_type(keras.Sequential([], name="mine", dtype="float16"), keras.Sequential)
assert_type(keras.callbacks.ReduceLROnPlateau(epsilon=0.1), keras.callbacks.ReduceLROnPlateau)
layers.AdditiveAttention(score_modes="dot")  # error
layers.TextVectorization(vocabulary_sizes=10)  # error
layers.RandomFlip(bounding_boxes_format="xyxy")  # error
layers.AutoContrast(data_formats="channels_first")  # error
assert_type(layers.LeakyReLU(alpha=0.2, name="leaky"), layers.LeakyReLU)
assert_type(layers.StringLookup(oov_method="hash", dtype="int64"), layers.StringLookup)
assert_type(layers.RandomFlip("horizontal", bounding_box_format="xyxy"), layers.RandomFlip)
assert_type(layers.AutoContrast(data_format="channels_first", name="a"), layers.AutoContrast)
assert_type(layers.CutMix(data_format="channels_last", bounding_box_format=None), layers.CutMix)
layers.MaxPooling2D(stride=2)  # error
assert_type(layers.Dense(3, name="first", dtype="float16", trainable=False), layers.Dense)
assert_type(layers.Dense(3, input_shape=(4,)), layers.Dense)
assert_type(layers.Conv2D(8, 3, padding="same", name="c", activity_regularizer="l2"), layers.Conv2D)
assert_type(layers.LSTM(4, name="l", trainable=False, implementation=1), layers.LSTM)
assert_type(layers.MultiHeadAttention(2, 4, name="a"), layers.MultiHeadAttention)
assert_type(layers.Normalization(axis=-1, dtype="float32"), layers.Normalization)

# Variables
variable = keras.Variable(np.ones(3), name="v")
assert_type(variable, keras.Variable)
assert_type(variable + 1, jax.Array)
assert_type(2 - variable, jax.Array)
assert_type(variable @ variable, jax.Array)
assert_type(variable < 1, jax.Array)
assert_type(abs(variable), jax.Array)
assert_type(variable[0], jax.Array)
assert_type(variable.numpy(), np.ndarray)
assert_type(variable.path, str)

# Ops
assert_type(ops.exp(x), jax.Array)
assert_type(ops.matmul(x, y), jax.Array)
assert_type(ops.reshape(x, (-1,)), jax.Array)
assert_type(ops.softmax(x), jax.Array)
assert_type(ops.image.resize(x, (2, 2)), jax.Array)
ops.exp()  # error
ops.expp(x)  # error

# Models
model = keras.Model(inputs, dense(inputs))
assert_type(model, keras.Model)
assert_type(model.layers, list[layers.Layer])
assert_type(model.get_layer("dense"), layers.Layer)
assert_type(model.summary(), None)
sequential = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
assert_type(sequential, keras.Sequential)
assert_type(sequential.to_json(), str)
history = sequential.fit(x, y, epochs=2)
assert_type(history, keras.callbacks.History)
assert_type(history.history, dict[str, list[Any]])
loss, accuracy = sequential.evaluate(x, y)
sequential.fit(x, y, epoch=2)  # error
sequential.fit(x, y, epochs="2")  # error
assert_type(model.fit(x, y), keras.callbacks.History)
assert_type(model.fit(x, y).epoch, list[int])
assert_type(model.optimizer, Any)
assert_type(model.weights, list[keras.Variable])
assert_type(model.get_config(), dict[str, Any])
assert_type(keras.models.load_model("m.keras"), Any)
sequential.add(layers.Dense(2))
sequential.add("dense")  # error
model.fit(x, y, batchsize=2)  # error
model.get_layer(nmae="dense")  # error
sequential.compil("adam")  # error
sequential.save("m.keras", overwrite="yes")  # error

# Losses, metrics, optimizers and the rest
assert_type(keras.losses.MeanSquaredError(), keras.losses.MeanSquaredError)
assert_type(keras.losses.mean_squared_error(x, y), jax.Array)
assert_type(keras.metrics.AUC(), keras.metrics.AUC)
adam = keras.optimizers.Adam(1e-3)
assert_type(adam, keras.optimizers.Adam)
assert_type(adam.variables, list[keras.Variable])
assert_type(keras.optimizers.schedules.CosineDecay(0.1, 10), keras.optimizers.schedules.CosineDecay)
assert_type(keras.initializers.GlorotUniform(), keras.initializers.GlorotUniform)
assert_type(keras.regularizers.L2(0.1), keras.regularizers.L2)
assert_type(keras.constraints.MaxNorm(2), keras.constraints.MaxNorm)
assert_type(keras.callbacks.EarlyStopping(patience=2), keras.callbacks.EarlyStopping)
assert_type(keras.random.normal((2,), seed=1), jax.Array)
keras.optimizers.Adam(learning_rat=0.1)  # error
keras.callbacks.EarlyStopping(patiense=2)  # error
keras.losses.MeanSquaredErorr()  # error
keras.optimizers.SGD(momentun=0.9)  # error
keras.metrics.AUC(num_threshold=100)  # error
keras.callbacks.ModelCheckpoint("m.keras", save_best=True)  # error
keras.initializers.RandomNormal(stdev=0.1)  # error
keras.regularizers.L2(l3=0.1)  # error
keras.random.norml((2,))  # error
keras.utils.to_categorial([0, 1])  # error


class Block(layers.Layer):
    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.inner = layers.Dense(units)

    def call(self, inputs: jax.Array) -> Any:
        return self.inner(inputs) + ops.mean(inputs)


block = Block(3, name="block")
assert_type(block, Block)
assert_type(block.inner, layers.Dense)
Block(units="3")  # error
