"""Datasets of files and splits beyond what Keras says of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import addax
from addax.data.dataset import ElementSpec


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            PIL.Image.new("RGB", (4, 4), (i, i, i)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_without_pillow_the_message_says_what_to_install(pictures: Path) -> None:
    code = f"""
import sys
sys.modules["PIL"] = None
import addax
for call in (
    lambda: addax.utils.image_dataset_from_directory({str(pictures)!r}),
    lambda: addax.utils.load_img({str(pictures / "a" / "0.png")!r}),
    lambda: addax.utils.array_to_img([[[1.0]]]),
):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.count("Could not import PIL.Image") == 3 and printed.count("addax-keras[images]") == 3


def test_nothing_is_imported_before_it_is_used() -> None:
    code = """
import sys, addax
addax.utils.image_dataset_from_directory, addax.datasets.mnist.load_data, addax.utils.get_file
addax.preprocessing.image.load_img
print([name for name in ("PIL", "jax", "h5py", "scipy") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_file_that_is_no_image_is_named(pictures: Path) -> None:
    (pictures / "a" / "bad.png").write_bytes(b"no image")
    dataset = addax.utils.image_dataset_from_directory(pictures, shuffle=False, verbose=False)
    with pytest.raises(PIL.UnidentifiedImageError) as caught:
        list(dataset)
    assert any("bad.png" in note for note in caught.value.__notes__)


def test_the_seed_is_drawn_as_keras_draws_it(pictures: Path) -> None:
    """Without a seed, NumPy's global generator decides the order of the files, which `set_random_seed` sets."""
    np.random.seed(5)
    seed = np.random.randint(1_000_000)
    expected = addax.utils.image_dataset_from_directory(pictures, seed=seed, verbose=False).file_paths
    addax.utils.set_random_seed(5)
    assert addax.utils.image_dataset_from_directory(pictures, verbose=False).file_paths == expected


def test_a_part_without_files_is_an_error(pictures: Path) -> None:
    """Keras takes all files for the validation then."""
    with pytest.raises(ValueError, match="No validation images found"):
        addax.utils.image_dataset_from_directory(
            pictures, validation_split=0.01, subset="validation", seed=1, verbose=False
        )


def test_labels_may_be_any_sequence_of_integers(pictures: Path) -> None:
    for labels in ((2, 2, 2, 7, 7, 7), np.array([2, 2, 2, 7, 7, 7])):
        dataset = addax.utils.image_dataset_from_directory(pictures, labels=labels, shuffle=False, verbose=False)
        assert dataset.class_names == ["2", "7"] and next(iter(dataset))[1].tolist() == list(labels)
    with pytest.raises(ValueError, match="`labels` must be integers"):
        addax.utils.image_dataset_from_directory(pictures, labels=[0.5] * 6, verbose=False)


def test_links_are_followed_where_they_should_be(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    PIL.Image.new("RGB", (4, 4)).save(other / "x.png")
    (pictures / "a" / "link").symlink_to(other, target_is_directory=True)
    counts = [
        len(
            addax.utils.image_dataset_from_directory(
                pictures, batch_size=None, follow_links=follow, verbose=False
            ).file_paths
        )
        for follow in (False, True)
    ]
    assert counts == [6, 7]


def test_texts_that_are_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\r\nbar")
    dataset = addax.utils.text_dataset_from_directory(tmp_path, labels=None, verbose=False)
    (batch,) = dataset
    assert batch.dtype == object and batch.tolist() == ["caf�\r\nbar"]
    assert dataset.element_spec == ElementSpec((None,), "string")


class Indexed:
    """A dataset as torch has them."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        return np.full(2, i), i


class Foreign:
    """A dataset as tf.data has them, of batches of two."""

    class Spec:
        shape = (None, 3)

    element_spec = (Spec(), Spec())

    def as_numpy_iterator(self) -> Iterator[Any]:
        return ((np.full((2, 3), i), np.full((2, 3), -i)) for i in range(3))


def test_splits_of_datasets() -> None:
    whole = addax.utils.timeseries_dataset_from_array(np.arange(9), np.arange(9), 2, batch_size=3)
    left, right = addax.utils.split_dataset(whole, left_size=0.75)
    assert [y.tolist() for _, y in left] == [[0, 1, 2], [3, 4, 5]]
    assert [y.tolist() for _, y in right] == [[6, 7]] and len(left) == 2
    left, right = addax.utils.split_dataset(Indexed(), right_size=2)
    assert [int(y) for _, y in left] == [0, 1, 2, 3] and [x.tolist() for x, _ in right] == [[4, 4], [5, 5]]
    left, right = addax.utils.split_dataset(Foreign(), left_size=3)
    assert [y[:, 0].tolist() for y, _ in left] == [[0, 0], [1]]
    again = [[y.tolist() for y in part] for part in addax.utils.split_dataset(np.arange(9), 0.5, shuffle=True, seed=2)]
    assert again == [
        [y.tolist() for y in part] for part in addax.utils.split_dataset(np.arange(9), 0.5, shuffle=True, seed=2)
    ]


@pytest.mark.parametrize("data", ["abc", {"a": np.ones(3)}, (i for i in range(3)), 3])
def test_what_cannot_be_split(data: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported dataset type"):
        addax.utils.split_dataset(data, 0.5)


def test_arrays_that_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="Mismatch found at index 1"):
        addax.utils.split_dataset((np.ones(3), np.ones(4)), 0.5)
    with pytest.raises(ValueError, match=r"Expected a list of `numpy\.ndarray` objects"):
        addax.utils.split_dataset([1, 2, 3], 0.5)


def test_targets_shorter_than_the_data() -> None:
    """There is no window without a target."""
    data = addax.utils.timeseries_dataset_from_array(np.arange(20), np.arange(12), 3, start_index=4)
    assert np.concatenate([y for _, y in data]).tolist() == list(range(4, 12))


def test_scripts_find_the_modules() -> None:
    code = """
from addax.compat import install
install()
import keras.datasets.mnist
from keras.datasets import cifar10, imdb
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing import image, image_dataset_from_directory
from keras.utils import legacy, load_img
from tensorflow.keras.datasets import fashion_mnist
from tensorflow.keras.utils import get_file, image_dataset_from_directory
print(keras.datasets.mnist.load_data.__module__, image.load_img is load_img)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "addax.datasets.mnist True\n", result.stderr
