"""A training step of one's own: mixup, which trains on weighted means of pairs of samples and of their labels.

The step reads and assigns variables, and is compiled as a whole. Everything else, such as callbacks, metrics,
validation and saving, is that of `fit`.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import addax as keras
from addax import layers, ops


class Mixup(keras.Model):
    """A model that is trained on mixtures.

    Args:
        amount: Parameter of the beta distribution of the weights.
    """

    def __init__(self, *args, amount=0.2, **kwargs):
        super().__init__(*args, **kwargs)
        self.amount = amount
        self.seed = keras.random.SeedGenerator(1)

    def train_step(self, data):
        x, y = data
        y = ops.cast(ops.reshape(y, (-1, 1)), x.dtype)
        rows = ops.shape(x)[0]
        share = keras.random.beta((rows, 1), self.amount, self.amount, seed=self.seed)
        other = keras.random.shuffle(ops.arange(rows), seed=self.seed)
        mixed_x = share * x + (1 - share) * ops.take(x, other, axis=0)
        mixed_y = share * y + (1 - share) * ops.take(y, other, axis=0)

        def loss():
            return self.compute_loss(y=mixed_y, y_pred=self(mixed_x, training=True))

        value, gradients = keras.value_and_grad(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": value}


keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
mean, deviation = x_train.mean(0), x_train.std(0)
x_train, x_test = ((part - mean) / deviation for part in (x_train, x_test))

inputs = keras.Input((30,))
hidden = layers.Dense(64, activation="relu")(inputs)
model = Mixup(inputs, layers.Dense(1, activation="sigmoid")(hidden))
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
model.fit(x_train.astype("float32"), y_train, epochs=40, verbose=0)
result = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(f"accuracy: {result['accuracy']:.3f}")
print(f"area under the curve: {result['auc']:.3f}")
