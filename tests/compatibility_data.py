"""Rows of docs/COMPATIBILITY.md: images, sound, text, data sets, downloads, applications."""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.compatibility_checks import BETTER, DIFFERENT, array, both, gives, outcomes, raises, silent, warns


def gray(value: float, dtype: str = "float32") -> np.ndarray:
    """A batch of one image of one colour."""
    return np.full((1, 4, 4, 3), value, dtype)


def with_box(*box: float) -> dict[str, Any]:
    """An image of 8 by 8 with one bounding box."""
    boxes = {"boxes": np.array([[box]], "float32"), "labels": np.array([[1]])}
    return {"images": np.ones((1, 8, 8, 3), "float32"), "bounding_boxes": boxes}


def fetch(k: ModuleType, name: str, content: bytes = b"x", **given: Any) -> str:
    """Downloads a file with these contents into the folder `cache`."""
    Path("source").write_bytes(content)
    Path("cache").mkdir(exist_ok=True)
    return k.utils.get_file(name, origin=Path("source").resolve().as_uri(), cache_dir="cache", **given)


# Images and sound


@BETTER(
    "`RandomCrop` at inference",
    ("returns the image as it was, of another shape than it says", gives([(8, 8), (4, 2)])),
    ("crops to the shape that it says", gives([(4, 2), (4, 2)])),
)
def random_crop_at_inference(k):
    layer, x = k.layers.RandomCrop(4, 2), np.ones((1, 8, 8, 3), "float32")
    return [tuple(layer(x, training=False).shape[1:3]), tuple(layer.compute_output_shape(x.shape)[1:3])]


@BETTER(
    "bounding boxes in `RandomCrop`",
    ("x and y are mistaken for each other", gives([0.0, 0.0, 8.0, 1.0])),
    ("cut as the image is", gives([0.0, 1.0, 4.0, 3.0])),
)
def boxes_of_random_crop(k):
    layer = k.layers.RandomCrop(8, 4, bounding_box_format="xyxy")
    return array(layer(with_box(0, 1, 8, 3), training=True)["bounding_boxes"]["boxes"])[0, 0].tolist()


@BETTER(
    "boxes that reach over the border in `RandomFlip`",
    ("stay beyond it", gives([4.0, 0.0, 10.0, 12.0])),
    ("are cut at all borders", gives([4.0, 0.0, 8.0, 8.0])),
)
def boxes_of_random_flip(k):
    layer = k.layers.RandomFlip("horizontal", bounding_box_format="xyxy", seed=1)
    return array(layer(with_box(-2, -2, 4, 12), training=True)["bounding_boxes"]["boxes"])[0, 0].tolist()


@BETTER(
    "one-dimensional labels in `CutMix`",
    ("become a matrix", gives((2, 2))),
    ("are mixed and stay one-dimensional", gives((2,))),
)
def labels_of_mixed_images(k):
    images = {"images": np.ones((2, 4, 4, 3), "float32"), "labels": np.array([0.0, 1.0], "float32")}
    return tuple(k.layers.CutMix(seed=1)(images, training=True)["labels"].shape)


@BETTER(
    "segmentation masks that `CenterCrop` enlarges",
    ("get classes between those there are", gives([0.0, 0.5, 1.5, 2.0])),
    ("get the nearest class", gives([0.0, 2.0])),
)
def masks_that_are_enlarged(k):
    masks = np.zeros((1, 4, 4, 1), "float32")
    masks[:, :2] = 2
    out = k.layers.CenterCrop(8, 8)({"images": np.ones((1, 4, 4, 3), "float32"), "segmentation_masks": masks})
    return np.unique(array(out["segmentation_masks"])).tolist()


@BETTER(
    "uint8 images in `Resizing`, `RandomBrightness`, `RandomGrayscale`, `RandomSaturation`",
    ("stay uint8, though the graph says float32, or are an error", gives(["uint8", "uint8", "uint8", "error"])),
    ("give the compute dtype, as in other layers", gives(["float32"] * 4)),
)
def images_of_uint8(k):
    found = []
    augmenting = k.layers.RandomBrightness(0.5), k.layers.RandomGrayscale(1.0), k.layers.RandomSaturation((0.5, 0.5))
    for layer in k.layers.Resizing(2, 2), *augmenting:
        try:
            found.append(str(layer(gray(100, "uint8"), training=True).dtype))
        except ValueError:
            found.append("error")
    return found


@BETTER(
    "`Equalization`",
    ("one histogram for the batch", gives(False)),
    ("one for each image", gives(True)),
    slow=True,
)
def equalization_of_each_image(k):
    x = np.random.RandomState(0).randint(0, 255, (2, 6, 6, 1)).astype("float32")
    x[1] /= 4
    layer = k.layers.Equalization()
    return np.allclose(array(layer(x))[1], array(layer(x[1:]))[0])


@BETTER(
    "`MelSpectrogram(top_db=...)`",
    ("cuts below the loudest signal of the batch", gives(False)),
    ("below each signal's own maximum", gives(True)),
    slow=True,
)
def spectrogram_of_each_signal(k):
    x = np.random.RandomState(0).randn(2, 512).astype("float32")
    x[1] *= 1e-4
    sizes = {"fft_length": 64, "sequence_stride": 32, "num_mel_bins": 4, "sampling_rate": 1000, "min_freq": 20}
    layer = k.layers.MelSpectrogram(**sizes, top_db=40)
    return np.allclose(array(layer(x))[1], array(layer(x[1:]))[0], atol=1e-3)


@BETTER(
    "`Solarization((0.2, 0.2))`",
    ("adds between 0.2 and 51 of 255", gives((False, True))),
    ("adds 51 of 255", gives((True, False))),
)
def solarization_by_a_range(k):
    added = 155 - array(k.layers.Solarization((0.2, 0.2), 0.0, seed=1)(gray(100), training=True))[0, 0, 0, 0]
    return bool(abs(added - 51) < 1e-3), bool(0.2 <= added < 50)


@BETTER(
    "`RandomShear` made from its own config",
    ("refused", raises(TypeError, "Error when deserializing class 'RandomShear'")),
    ("works", gives(0.2)),
)
def config_of_random_shear(k):
    layer = k.layers.RandomShear(x_factor=0.2, y_factor=0.1)
    return float(np.max(k.layers.RandomShear.from_config(layer.get_config()).x_factor))


@BETTER(
    "`RandomErasing(fill_value=(1, 2, 3))`",
    ("an error from inside", raises(TypeError, "full_like")),
    ("fills each channel with its value", gives([1.0, 2.0, 3.0])),
)
def erasing_by_channel(k):
    layer = k.layers.RandomErasing((1.0, 1.0), scale=(0.5, 0.5), fill_value=(1.0, 2.0, 3.0), seed=1)
    return array(layer(gray(9), training=True)).min((0, 1, 2)).tolist()


@BETTER(
    "`ops.image.affine_transform` with c0, c1",
    ("ignores them on JAX", gives([0.0, 1.0, 2.0, 3.0])),
    ("divides by `c0 x + c1 y + 1`", gives([0.0, 1.0, 1.0, 1.0])),
)
def projective_transforms(k):
    image, transform = np.arange(16.0, dtype="float32").reshape(4, 4, 1), [1, 0, 0, 0, 1, 0, 1, 0]
    out = k.ops.image.affine_transform(image, np.array(transform, "float32"), interpolation="nearest")
    return array(out)[0, :, 0].tolist()


@BETTER(
    "`ops.image.ssim` of integers",
    ("0", gives(("uint8", True))),
    ("a float", gives(("float32", False))),
)
def ssim_of_integers(k):
    image = np.random.RandomState(0).randint(0, 255, (1, 16, 16, 1)).astype("uint8")
    similarity = k.ops.image.ssim(image, image // 2, 255)
    return str(similarity.dtype), bool(array(similarity)[0] == 0)


@BETTER(
    "`compute_ciou` of relative boxes with `image_shape`",
    ("refused", raises(ValueError, "`image_shape` argument must be provided", "(8, 8, 3)")),
    ("computed", gives([0.1875])),
)
def overlap_of_relative_boxes(k):
    box = np.array([[0.0, 0.0, 0.5, 0.5]], "float32")
    return array(k.utils.bounding_boxes.compute_ciou(box, box / 2, "rel_xyxy", image_shape=(8, 8, 3))).tolist()


@BETTER(
    "`draw_segmentation_masks` without `num_classes`",
    ("leaves the largest class out", gives(False)),
    ("draws all classes", gives(True)),
)
def drawing_the_largest_class(k):
    masks = np.zeros((1, 4, 4, 1), "int32")
    masks[:, 2:] = 2
    masks[:, 1] = 1
    drawn = array(k.visualization.draw_segmentation_masks(gray(9, "uint8"), masks, alpha=1.0))
    return bool((drawn[0, 2:] != 9).any())


# Text, tables, data sets


@BETTER(
    "`TextVectorization`, `StringLookup`, `Hashing`",
    ("need TensorFlow", gives(["ImportError"] * 3)),
    ("work without it", gives(["passes"] * 3)),
)
def layers_of_text(k):
    return outcomes(
        lambda: k.layers.TextVectorization(vocabulary=["a", "b"])(["a b"]),
        lambda: k.layers.StringLookup(vocabulary=["a", "b"])(np.array(["b", "c"])),
        lambda: k.layers.Hashing(3)(np.array([1, 2])),
    )


@BETTER(
    "`sparse=True` in the config of `CategoryEncoding`",
    ("dropped", gives(None)),
    ("kept", gives(True)),
)
def config_of_category_encoding(k):
    return k.layers.CategoryEncoding(3, sparse=True).get_config().get("sparse")


@BETTER(
    "`image_dataset_from_directory`, `timeseries_dataset_from_array`, `split_dataset`",
    ("need TensorFlow", gives(["ImportError"] * 3)),
    ("work without it", gives(["passes"] * 3)),
)
def datasets_from_folders(k):
    for label in "ab":
        os.makedirs(f"images/{label}")
        k.utils.save_img(f"images/{label}/0.png", np.zeros((2, 2, 3)))
    series = np.arange(10.0)
    return outcomes(
        lambda: list(k.utils.image_dataset_from_directory("images", image_size=(2, 2), verbose=False)),
        lambda: list(k.utils.timeseries_dataset_from_array(series, None, 3)),
        lambda: list(k.utils.split_dataset(series, 0.5)[0]),
    )


@BETTER(
    "`pad_sequences([])` and `maxlen=0`",
    ("errors from inside", gives(["ValueError"] * 2)),
    ("empty arrays", gives(["passes"] * 2)),
)
def padding_of_nothing(k):
    return outcomes(lambda: k.utils.pad_sequences([]), lambda: k.utils.pad_sequences([[1, 2]], maxlen=0))


@BETTER(
    "`utils.Config` in a `Config`: `to_json`, `del config.name`",
    ("errors", gives(["TypeError", "AttributeError"])),
    ("work", gives(["passes"] * 2)),
)
def nested_configs(k):
    config = k.utils.Config(inner=k.utils.Config(a=1), b=2)
    return outcomes(config.to_json, lambda: delattr(config, "b"))


@BETTER(
    "what `get_file` leaves of a file whose hash is wrong",
    ("the file", gives(["f.txt"])),
    ("nothing", gives([])),
)
def file_of_a_wrong_hash(k):
    with contextlib.suppress(ValueError):
        fetch(k, "f.txt", file_hash="0" * 64)
    return [name for _, _, names in os.walk("cache") for name in names]


@BETTER(
    "members outside of the folder in an archive that `get_file` extracts",
    ("left out, with a warning", warns("Skipping invalid path")),
    ("the whole archive is refused", raises(ValueError, "'../out.txt' lies outside of the folder")),
)
def members_outside_of_the_folder(k):
    with zipfile.ZipFile("made.zip", "w") as file:
        file.writestr("in.txt", "x")
        file.writestr("../out.txt", "x")
    fetch(k, "a.zip", Path("made.zip").read_bytes(), extract=True)


@BETTER(
    "unknown `hash_algorithm` of `get_file`",
    ("stands for MD5", silent),
    ("refused", raises(ValueError, "hash_algorithm", "crc32")),
)
def unknown_hash_algorithm(k):
    fetch(k, "f.txt", file_hash="9dd4e461268c8034f5c8564e155c67a6", hash_algorithm="crc32")


# Applications


@BETTER(
    "`preprocess_input` of float arrays",
    ("writes into its argument", gives(1.0)),
    ("leaves it as it is", gives(255.0)),
)
def preprocessing_in_place(k):
    x = gray(255)
    k.applications.mobilenet.preprocess_input(x)
    return float(x[0, 0, 0, 0])


@BETTER(
    "`EfficientNetV2B0(name=...)`",
    ("`KeyError`", raises(KeyError, "mine")),
    ("takes any name", gives("mine")),
)
def name_of_efficientnet(k):
    given = {"weights": None, "include_top": False, "input_shape": (32, 32, 3)}
    return k.applications.EfficientNetV2B0(**given, name="mine").name


# Different


@DIFFERENT(
    "a download that fails in `get_file`",
    ("`Exception`", both(raises(Exception, "URL fetch failure"), lambda o: not isinstance(o.error, OSError))),
    ("`OSError`, with where to put the file by hand", raises(OSError, "URL fetch failure", "put it at")),
)
def failed_download(k):
    Path("cache").mkdir()
    k.utils.get_file("f.txt", origin=Path("nowhere").resolve().as_uri(), cache_dir="cache")
