"""Which page is a sentence from? A classifier of text, on this repository's own documentation.

`TextVectorization` is the first layer: the model takes strings, and its file holds the vocabulary.
"""

import re
from pathlib import Path

import numpy as np

import addax as keras
from addax import layers

keras.utils.set_random_seed(0)
docs = Path(__file__).parent.parent / "docs"
pages = ["ARCHITECTURE", "COMPATIBILITY", "PERFORMANCE", "SAVING"]
sentences, labels = [], []
for label, page in enumerate(pages):
    text = re.sub(r"```.*?```|<!--.*?-->", "", (docs / f"{page}.md").read_text(), flags=re.S)
    found = [s.strip() for s in re.split(r"(?<=[.:;])\s+|\n\n|\|", text)]
    found = [s for s in found if len(s.split()) >= 5]
    sentences += found
    labels += [label] * len(found)
order = np.random.default_rng(0).permutation(len(sentences))
texts, labels = np.array(sentences)[order, None], np.array(labels)[order]
cut = len(texts) // 5
print(f"{len(texts)} sentences; the largest page has {np.bincount(labels).max() / len(labels):.0%} of them")

words = layers.TextVectorization(max_tokens=3000, output_sequence_length=40)
words.adapt(texts[cut:])
text = keras.Input((1,), dtype="string")
x = layers.Embedding(words.vocabulary_size(), 32, mask_zero=True)(words(text))
x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))
model = keras.Model(text, layers.Dense(len(pages), activation="softmax")(x))
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(texts[cut:], labels[cut:], epochs=12, verbose=2)

_, accuracy = model.evaluate(texts[:cut], labels[:cut], verbose=0)
question = "a file that is damaged is refused before anything is read"
probabilities = model.predict(np.array([[question]]), verbose=0)[0]
print(f"{question!r} is from {pages[probabilities.argmax()]}")
print(f"accuracy: {accuracy:.3f}")
