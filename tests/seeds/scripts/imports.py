import keras
import keras.layers
import keras.optimizers.schedules
import tensorflow as tf
import tensorflow.keras as K
from keras import layers
from keras.layers import Dense
from tensorflow import keras as tk
from tensorflow.keras.layers import Dense as D
from tensorflow.keras.models import Model, Sequential
from tensorflow.keras.utils import to_categorical

print(keras.__name__, keras is K is tk is tf.keras, layers is keras.layers is K.layers, Dense is D is keras.layers.Dense)
print(Sequential is keras.Sequential, Model is keras.Model, to_categorical is keras.utils.to_categorical)
print(keras.optimizers.schedules.ExponentialDecay.__name__, __name__)
for code in (
    "tf.constant(1)",
    "from tensorflow import data",
    "import tensorflow.compat.v1",
    "import keras.src.layers",
    "from keras.src import layers",
    "import keras.core",
    "import keras.layer",
):
    try:
        exec(code)
    except Exception as error:
        print(f"{code}: {type(error).__name__}: {str(error).split('. ')[0]}")
