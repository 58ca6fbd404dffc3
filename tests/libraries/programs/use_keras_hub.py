"""A backbone and a classifier from their arguments, saved as a preset and loaded again."""

import keras
import keras_hub
import numpy as np

backbone = keras_hub.models.BertBackbone(
    vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=8
)
inputs = {
    "token_ids": np.ones((4, 8), "int32"),
    "segment_ids": np.zeros((4, 8), "int32"),
    "padding_mask": np.ones((4, 8), "int32"),
}
assert backbone.predict(inputs, verbose=0)["sequence_output"].shape == (4, 8, 8)
classifier = keras_hub.models.BertTextClassifier(backbone, num_classes=2)
classifier.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
history = classifier.fit(inputs, np.array([0, 1, 0, 1]), epochs=2, verbose=0)
assert np.isfinite(history.history["loss"]).all()
backbone.save_to_preset("preset")
again = keras_hub.models.BertBackbone.from_preset("preset")
expected = backbone.predict(inputs, verbose=0)["pooled_output"]
np.testing.assert_allclose(again.predict(inputs, verbose=0)["pooled_output"], expected, rtol=1e-4, atol=1e-5)

gpt2 = keras_hub.models.GPT2Backbone(
    vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=8
)
generator = keras_hub.models.GPT2CausalLM(gpt2)
generator.compile(sampler="greedy")
prompt = {"token_ids": np.ones((1, 8), "int32"), "padding_mask": np.array([[1, 1, 0, 0, 0, 0, 0, 0]])}
assert np.asarray(generator.generate(prompt, stop_token_ids=None)["token_ids"]).shape == (1, 8)
