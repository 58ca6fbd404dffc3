"""Galleries of images, with matplotlib."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.config import standardize_data_format
from ..core.types import ArrayLike
from .drawing import Color, draw_bounding_boxes, draw_segmentation_masks


def plot_image_gallery(
    images: ArrayLike,
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: str | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: str | None = None,
) -> None:
    """Shows a gallery of images, or saves it to a file.

    Args:
        images: Images, `(batch, height, width, channels)`.
        y_true, y_pred: Classes, `(batch,)`, to write under the images.
        label_map: Names of the classes.
        rows, cols: Numbers of rows and columns; None to find them.
        value_range: Lowest and highest value of the images.
        scale: Size of an image in inches.
        path: File to save to; None to show the gallery.
        show: Whether to show it; None for whether there is no `path`.
        transparent: Whether the background of the file is transparent.
        dpi: Resolution of the file in dots per inch.
        legend_handles: Entries of a legend.
        data_format: "channels_last" or "channels_first"; None for the default.

    Raises:
        ImportError: Matplotlib isn't installed.
        ValueError: Both `path` and `show` are given, `images` aren't a batch, or there is no `label_map`.
    """
    plt = _pyplot()
    show = path is None if show is None else show
    if path is not None and show:
        raise ValueError("plot_gallery() expects either `path` to be set, or `show` to be true.")
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError("`plot_images_gallery()` requires you to batch your `np.array` samples together.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("If `y_true` or `y_pred` are provided, a `label_map` must also be provided.")
    if standardize_data_format(data_format) == "channels_first":
        images = images.transpose(0, 2, 3, 1)
    shown = _in_bytes(images, value_range) / 255
    rows, cols = _grid(len(shown), rows, cols)
    figure, axes = plt.subplots(rows, cols, figsize=(cols * scale, rows * scale), layout="tight", squeeze=False)
    for i, place in enumerate(axes.ravel()):
        place.axis("off")
        if i >= len(shown):
            continue
        place.imshow(shown[i].squeeze(-1) if shown.shape[-1] == 1 else shown[i], cmap="gray")
        place.set_title(_title(i, label_map or {}, {"True": y_true, "Pred": y_pred}), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, format="png", transparent=transparent, dpi=dpi)
    elif show:
        plt.show()
    plt.close(figure)


def _title(i: int, label_map: Mapping[int, str], classes: dict[str, ArrayLike | None]) -> str:
    """Returns the names of the classes of an image, a line each."""
    given = {what: labels for what, labels in classes.items() if labels is not None}
    return "\n".join(f"{what}: {label_map[int(np.asarray(labels)[i])]}" for what, labels in given.items())


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    if rows is None and cols is None:
        cols = max(1, math.ceil(math.sqrt(count)))
    if rows is None:
        rows = max(1, math.ceil(count / cols))  # type: ignore[operator]
    return rows, max(1, math.ceil(count / rows)) if cols is None else cols


def _pyplot() -> Any:
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError("`keras.visualization` needs matplotlib: `pip install addax-keras[viz]`.") from error


def _in_bytes(images: ArrayLike, value_range: tuple[float, float]) -> np.ndarray:
    low, high = value_range
    return np.clip((np.asarray(images, "float32") - low) / ((high - low) or 1) * 255, 0, 255)


def plot_bounding_box_gallery(
    images: ArrayLike,
    bounding_box_format: str,
    y_true: Mapping[str, ArrayLike] | None = None,
    y_pred: Mapping[str, ArrayLike] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Sequence[Any] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Shows a gallery of images with bounding boxes, or saves it to a file.

    Args:
        images: Images, `(batch, height, width, 3)`.
        bounding_box_format: Format of the boxes.
        y_true, y_pred: True and predicted boxes, as for `draw_bounding_boxes`.
        value_range: Lowest and highest value of the images.
        true_color, pred_color: Colors of the true and of the predicted boxes, RGB from 0 to 255.
        line_thickness, font_scale, text_thickness: As for `draw_bounding_boxes`.
        class_mapping: Names of the classes.
        ground_truth_mapping, prediction_mapping: Names for the true and the predicted boxes; None for `class_mapping`.
        legend: Whether to show a legend of the colors.
        legend_handles: Entries of the legend, instead of the usual ones.
        rows, cols, data_format, **kwargs: As for `plot_image_gallery`.

    Raises:
        ImportError: Matplotlib isn't installed.
        ValueError: `images` aren't a batch.
    """
    if legend and legend_handles is None:
        patches = importlib.import_module("matplotlib.patches")
        legend_handles = [
            patches.Patch(color=np.array(color) / 255, label=label)
            for color, label in ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        ]
    drawn = _in_bytes(images, value_range)
    for boxes, color, names in ((y_true, true_color, ground_truth_mapping), (y_pred, pred_color, prediction_mapping)):
        if boxes is not None:
            drawn = draw_bounding_boxes(
                drawn,
                boxes,
                bounding_box_format,
                names if names is not None else class_mapping,
                color,
                line_thickness,
                1 if text_thickness is None else text_thickness,
                font_scale,
                data_format,
            )
            data_format = "channels_last"
    plot_image_gallery(drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format=data_format, **kwargs)


def plot_segmentation_mask_gallery(
    images: ArrayLike,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Shows a gallery of images beside their segmentation masks, or saves it to a file.

    Args:
        images: Images, `(batch, height, width, 3)`.
        num_classes: Number of classes.
        value_range: Lowest and highest value of the images.
        y_true, y_pred: True and predicted masks, as for `draw_segmentation_masks`.
        color_mapping, blend, alpha, ignore_index: As for `draw_segmentation_masks`.
        data_format, **kwargs: As for `plot_image_gallery`.

    Raises:
        ImportError: Matplotlib isn't installed.
        ValueError: `images` aren't a batch.
    """
    plain = _in_bytes(images, value_range)
    if plain.ndim != 4:
        raise ValueError(f"`images` must be batched 4D tensor. Received: images.shape={plain.shape}")
    masked = [
        draw_segmentation_masks(plain, masks, num_classes, color_mapping, alpha, blend, ignore_index, data_format)
        for masks in (y_true, y_pred)
        if masks is not None
    ]
    if standardize_data_format(data_format) == "channels_first":
        plain = plain.transpose(0, 2, 3, 1)
    side_by_side = np.concatenate([plain, *masked], axis=2)
    plot_image_gallery(side_by_side, data_format="channels_last", **kwargs)


__all__ = ["plot_bounding_box_gallery", "plot_image_gallery", "plot_segmentation_mask_gallery"]
