import keras
from keras import Input, Sequential
from keras.layers import Dense

# a: with an Input
model = Sequential()
model.add(Input(shape=(16,)))
model.add(Dense(8))
model.summary()

# b: without one there are no weights yet
model = Sequential()
model.add(Dense(8))
model.add(Dense(4))
print(model.weights)
model.summary()

# c: with an Input the model is built as layers are added
model = Sequential()
model.add(Input(shape=(16,)))
model.add(Dense(8))
print(len(model.weights))
print("[" + ",\n ".join(repr(weight) for weight in model.weights) + "]")

model = Sequential()
print(len(model.weights))

# d: delayed build
model = Sequential()
model.add(Dense(8))
model.add(Dense(4))
print(len(model.weights))
model.summary()
model.build((None, 16))
print(len(model.weights))
model.summary()
try:
    model.build((None, 32))
except ValueError as error:
    print("ValueError:", error)
