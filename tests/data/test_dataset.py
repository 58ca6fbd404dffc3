"""`Dataset`: what its transformations yield, in which order, and what reads ahead."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import addax as keras
from addax.data.dataset import Dataset, ElementSpec, HostArray


def numbers(n: int) -> Dataset:
    return Dataset.from_tensor_slices(np.arange(n))


def values(dataset: Dataset) -> list[Any]:
    return [np.asarray(x).tolist() for x in dataset]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 12), st.integers(1, 5), st.booleans(), st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
def test_as_lists(n: int, size: int, drop: bool, first: int, left_out: int, times: int) -> None:
    """Each transformation is what the same words mean for lists, and knows its length."""
    dataset, plain = numbers(n + 1), list(range(n + 1))
    batches = [plain[i : i + size] for i in range(0, n + 1, size)]
    batches = [b for b in batches if len(b) == size or not drop]
    cases: list[tuple[Dataset, list]] = [
        (dataset.batch(size, drop), batches),
        (dataset.take(first), plain[:first]),
        (dataset.skip(left_out), plain[left_out:]),
        (dataset.repeat(times), plain * times),
        (dataset.skip(left_out).repeat(times).take(first), (plain[left_out:] * times)[:first]),
        (dataset.map(lambda x: x * x), [x * x for x in plain]),
        (dataset.map(lambda x: x * x, num_parallel_calls=3), [x * x for x in plain]),
        (dataset.prefetch(2), plain),
        (dataset.cache().repeat(2), plain * 2),
        (dataset.concatenate(numbers(3)), plain + [0, 1, 2]),
    ]
    for made, expected in cases:
        assert values(made) == values(made) == expected
        assert len(made) == made.cardinality() == len(expected)
    assert values(dataset.batch(size).unbatch()) == plain
    assert values(dataset.filter(lambda x: x % 2 == 0)) == plain[::2]
    assert [(i, int(x)) for i, x in dataset.enumerate(5)] == list(enumerate(plain, 5))
    assert [(int(a), int(b)) for a, b in Dataset.zip(dataset, numbers(4))] == list(zip(plain, range(4)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 25), st.integers(0, 99))
def test_shuffled(n: int, buffer: int, seed: int) -> None:
    dataset, same = numbers(n).shuffle(buffer, seed), numbers(n).shuffle(buffer, seed)
    passes = [values(dataset) for _ in range(3)]
    assert passes == [values(same) for _ in range(3)]
    for order in passes:
        assert sorted(order) == list(range(n))
        # An element can come before its turn only as far as the buffer reaches.
        assert all(x <= place + buffer - 1 for place, x in enumerate(order))
    fixed = numbers(n).shuffle(buffer, seed, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed) == passes[0]


def test_passes_differ() -> None:
    dataset = Dataset.indexed(50, lambda i: i, seed=3)
    first, second = values(dataset), values(dataset)
    assert first != second and sorted(first) == sorted(second)
    assert values(Dataset.indexed(50, lambda i: i, seed=3)) == first
    repeated = values(Dataset.indexed(50, lambda i: i, seed=3).repeat(2))
    assert repeated[:50] == first and repeated[50:] == second


def test_seeds_are_drawn_from_the_global_generator() -> None:
    orders = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        orders.append(values(numbers(30).shuffle(30)))
    assert orders[0] == orders[1]


def test_endless_and_unknown_lengths() -> None:
    endless = numbers(3).repeat()
    assert list(itertools.islice(iter(endless), 7))[-1] == 0 and endless.cardinality() == -1
    assert len(endless.take(5)) == 5 and values(endless.take(5)) == [0, 1, 2, 0, 1]
    with pytest.raises(TypeError, match="infinite"):
        len(endless)
    unknown = Dataset.from_generator(lambda: iter(range(4)))
    assert unknown.cardinality() == -2 and values(unknown.batch(3)) == [[0, 1, 2], [3]]
    with pytest.raises(TypeError, match="unknown"):
        len(unknown)
    assert values(numbers(1).skip(1).repeat()) == []


def test_structures_and_specs() -> None:
    dataset = Dataset.from_tensor_slices(({"a": np.ones((5, 2), "float32")}, np.arange(5, dtype="int32")))
    assert dataset.element_spec == ({"a": ElementSpec((2,), "float32")}, ElementSpec((), "int32"))
    batched = dataset.batch(2)
    assert batched.element_spec == ({"a": ElementSpec((None, 2), "float32")}, ElementSpec((None,), "int32"))
    assert dataset.batch(2, drop_remainder=True).element_spec[1] == ElementSpec((2,), "int32")
    assert batched.unbatch().element_spec == dataset.element_spec
    mapped = batched.map(lambda x, y: x["a"] * 2)
    assert mapped.element_spec == ElementSpec((None, 2), "float32")
    texts = Dataset.from_tensor_slices(np.array(["a", "b"], dtype=object)).batch(2)
    assert texts.element_spec == ElementSpec((None,), "string")
    assert next(iter(texts)).tolist() == ["a", "b"]


def test_lists_are_arrays() -> None:
    dataset = Dataset.from_tensor_slices(([[1, 2], [3, 4]], {"a": [5, 6]}))
    assert [(x.tolist(), int(y["a"])) for x, y in dataset] == [([1, 2], 5), ([3, 4], 6)]


def test_arrays_have_the_method_of_tensors() -> None:
    x = next(iter(Dataset.from_tensor_slices(np.ones((4, 3), "float32")).batch(4)))
    assert isinstance(x, HostArray) and type(x.numpy()) is np.ndarray
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    for result in (
        model(x),
        model.predict(x, verbose=0),
        model.predict_on_batch(x),
        keras.ops.sum(x, 1, keepdims=True),
    ):
        np.testing.assert_array_equal(result, np.full((4, 1), 3))
    assert type(next(numbers(4).batch(4).as_numpy_iterator())) is np.ndarray


def test_elements_are_read_ahead_and_in_order() -> None:
    started: list[int] = []
    both = threading.Barrier(2, timeout=20)

    def load(i: int) -> int:
        started.append(i)
        if i < 2:
            both.wait()  # passes only if two threads are here at once
        return i

    assert values(Dataset.indexed(6, load, ahead=4)) == [0, 1, 2, 3, 4, 5]
    assert sorted(started) == [0, 1, 2, 3, 4, 5]


def test_no_more_is_read_than_the_buffer_holds() -> None:
    read: list[int] = []
    source = Dataset.from_generator(lambda: (read.append(i) or i for i in range(100)))
    iterator = iter(source.prefetch(3))
    assert next(iterator) == 0
    time.sleep(0.05)
    assert len(read) <= 4
    iterator.close()
    assert len(read) <= 5


def test_errors_of_threads_reach_the_reader() -> None:
    def fail(i: int) -> int:
        if i == 3:
            raise KeyError("three")
        return i

    for dataset in (Dataset.indexed(6, fail, ahead=2), numbers(6).map(fail, num_parallel_calls=2).prefetch()):
        with pytest.raises(KeyError, match="three"):
            values(dataset)
    before = threading.active_count()
    for _ in range(5):
        next(iter(Dataset.indexed(6, fail, ahead=2).prefetch()))
    assert threading.active_count() <= before + 1


def test_a_cache_is_kept_once_a_pass_is_complete() -> None:
    loaded: list[int] = []
    dataset = Dataset.indexed(4, lambda i: loaded.append(i) or i).cache()
    assert next(iter(dataset)) == 0
    assert values(dataset) == values(dataset) == [0, 1, 2, 3]
    assert loaded == [0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    "call",
    [
        lambda: numbers(3).batch(0),
        lambda: numbers(3).shuffle(0),
        lambda: Dataset.from_tensor_slices((np.ones(2), np.ones(3))),
        lambda: numbers(1).skip(1).map(lambda x: x).element_spec,
    ],
)
def test_mistakes(call: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|equal sizes|no elements"):
        call()


# In training.


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.RandomState(0)
    for name, low in (("dark", 0), ("light", 160)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.randint(low, low + 90, (5 + i % 3, 6, 3)).astype("uint8")
            PIL.Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path / "pictures"


def small_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model


def test_pictures_train_a_model(pictures: Path) -> None:
    train, val = keras.utils.image_dataset_from_directory(
        pictures, image_size=(4, 4), batch_size=4, validation_split=0.2, subset="both", seed=1, verbose=False
    )
    assert train.class_names == ["dark", "light"] and len(train) == 4 and len(val) == 1
    model = small_model()
    history = model.fit(train, validation_data=val, epochs=6, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.evaluate(val, verbose=0, return_dict=True)["accuracy"] == 1.0
    ordered = keras.utils.image_dataset_from_directory(
        pictures, image_size=(4, 4), batch_size=4, shuffle=False, verbose=False
    )
    predicted = model.predict(ordered, verbose=0)[:, 0] > 0.5
    assert predicted.tolist() == [False] * 10 + [True] * 10
    arrays = [np.concatenate(part) for part in zip(*ordered.as_numpy_iterator())]
    np.testing.assert_array_equal(model.predict(arrays[0], batch_size=4, verbose=0)[:, 0] > 0.5, predicted)


def test_epochs_are_the_passes(pictures: Path) -> None:
    """`fit` trains on the same batches, in the same order, as a loop over the dataset reads."""

    def dataset() -> Dataset:
        return keras.utils.image_dataset_from_directory(
            pictures, image_size=(4, 4), batch_size=5, seed=3, label_mode="binary", verbose=False
        )

    model, by_hand = small_model(), small_model()
    data = dataset()
    model.fit(data, epochs=2, verbose=0)
    model.fit(data, epochs=1, verbose=0)  # goes on with the third pass
    assert data.passes == 3
    data = dataset()
    for _ in range(3):
        for x, y in data:
            by_hand.train_on_batch(x, y)
    np.testing.assert_allclose(model.get_weights()[0], by_hand.get_weights()[0], rtol=1e-5, atol=1e-6)


def test_endless_data_need_a_number_of_steps(pictures: Path) -> None:
    data = keras.utils.image_dataset_from_directory(
        pictures, image_size=(4, 4), batch_size=4, label_mode="binary", verbose=False
    ).repeat()
    history = small_model().fit(data, steps_per_epoch=7, epochs=2, verbose=0)
    assert len(history.epoch) == 2


def test_layers_adapt_and_are_mapped(pictures: Path) -> None:
    data = keras.utils.image_dataset_from_directory(
        pictures, image_size=(4, 4), batch_size=5, shuffle=False, verbose=False
    )
    images = np.concatenate([x for x, _ in data])
    normalization = keras.layers.Normalization()
    normalization.adapt(data.map(lambda x, y: x))
    np.testing.assert_allclose(normalization.mean.ravel(), images.mean((0, 1, 2)), rtol=1e-5)
    rescale = keras.layers.Rescaling(1 / 255)
    mapped = data.map(lambda x, y: (rescale(x), y), num_parallel_calls=2).prefetch(-1)
    np.testing.assert_allclose(np.concatenate([x for x, _ in mapped]), images / 255, rtol=1e-6)


def test_texts_train_a_model(tmp_path: Path) -> None:
    for name, texts in (("bad", ("a poor film", "poor and dull")), ("good", ("a fine film", "fine and bright"))):
        (tmp_path / name).mkdir()
        for i, text in enumerate(texts):
            (tmp_path / name / f"{i}.txt").write_text(text)
    data = keras.utils.text_dataset_from_directory(tmp_path, batch_size=2, seed=1, verbose=False)
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(data.map(lambda x, y: x))
    assert {"fine", "poor"} <= set(words.get_vocabulary())
    model = keras.Sequential([keras.Input((), dtype="string"), words, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.2), "binary_crossentropy")
    losses = model.fit(data, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_windows_train_a_model() -> None:
    series = np.sin(np.arange(200) / 5).astype("float32")
    data = keras.utils.timeseries_dataset_from_array(series[:-8], series[8:], 8, batch_size=16, shuffle=True, seed=1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(data, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
