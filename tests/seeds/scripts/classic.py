import tensorflow.keras as K
from tensorflow import keras
from tensorflow.keras.layers import Dense, Embedding, Input
from tensorflow.keras.models import Model, Sequential

# g: the style of Keras 2. Numbers of names as they were there.
for _ in range(15):
    Sequential()
for _ in range(21):
    Dense(1)

model = Sequential()
model.add(Dense(5, input_shape=(1,)))
model.add(Dense(10))
model.summary()

input = Input(shape=(1,), name="input_layer")
hidden1 = Dense(5, name="hidden_layer1")(input)
hidden2 = Dense(10, name="hidden_layer2")(hidden1)
model = Model(input, hidden2, name="test_model")
model.summary()

hidden1_2 = Dense(3, name="hidden_layer1_2")(hidden1)
Model(input, [hidden2, hidden1_2], name="branches").summary()

print(Sequential([Dense(3, input_dim=4)]).input_shape)
print(Sequential([Dense(3, input_dim=4, input_length=7)]).input_shape)
print(Sequential([Embedding(10, 4, input_length=7)]).layers[0].input_dim)
print(Sequential([Dense(3, batch_input_shape=(2, 5))]).input_shape)
print(K is keras)

model = Sequential([Dense(3)])
try:
    model.summary()
except ValueError as error:
    print("ValueError:", error)
