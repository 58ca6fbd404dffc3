"""Reads the files of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.config import image_data_format
from .sources import read_pickle


def read_batches(paths: Sequence[Path], labels: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of several files.

    Args:
        paths: The files, pickles of Python 2.
        labels: The key of the labels.
        dtype: The dtype of the labels.

    Returns:
        Images in the default data format, `(n, 32, 32, 3)` or `(n, 3, 32, 32)`, uint8, and labels, `(n, 1)`.
    """
    batches = []
    for path in paths:
        with path.open("rb") as file:
            batches.append(read_pickle(file, encoding="bytes"))
    x = np.concatenate([np.asarray(batch[b"data"], np.uint8) for batch in batches]).reshape(-1, 3, 32, 32)
    y = np.concatenate([np.asarray(batch[labels.encode()], dtype) for batch in batches]).reshape(-1, 1)
    return (x.transpose(0, 2, 3, 1) if image_data_format() == "channels_last" else x), y
