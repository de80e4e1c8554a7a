"""One look for every figure of the book."""

import base64
import io
from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure


def use_style() -> None:
    """Set the book's look for all figures that follow: opaque, colour-blind safe, readable on a phone."""
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette="colorblind",
        rc={
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.cmap": "viridis",
            "image.interpolation": "nearest",
            "lines.markersize": 5,
        },
    )


def embedded(figure: Figure, form: Literal["png", "svg+xml"], **options: object) -> str:
    """Return a figure as a `data:` address, for a page in one file, and close it; `options` of `savefig`."""
    content = io.BytesIO()
    figure.savefig(content, format=form.removesuffix("+xml"), **options)
    plt.close(figure)
    return f"data:image/{form};base64,{base64.b64encode(content.getvalue()).decode()}"


def image_grid(
    rows: Sequence[np.ndarray],
    *,
    row_titles: Sequence[str] = (),
    column_titles: Sequence[str] = (),
    size: float = 1.1,
) -> Figure:
    """Draw images in rows and columns.

    Args:
        rows: one array a row, `(columns, h, w)`, `(columns, h, w, 1)` or `(columns, h, w, 3)`; uint8, or
            float in [0, 1]. Grey images are shown on a fixed scale from black to white.
        row_titles: a title left of each row.
        column_titles: a title above each column.
        size: width of an image in inches.
    """
    columns = max(len(row) for row in rows)
    margin = 0.09 * max(map(len, row_titles), default=0)  # inches a letter
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(size * columns + margin, size * len(rows)),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
    for row, line in zip(rows, axes, strict=True):
        white = 255 if row.dtype == np.uint8 else 1
        for image, axis in zip(row, line, strict=False):
            axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=white)
    for title, axis in zip(row_titles, axes[:, 0], strict=False):
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize="small")
    for title, axis in zip(column_titles, axes[0], strict=False):
        axis.set_title(title, fontsize="small")
    return figure
