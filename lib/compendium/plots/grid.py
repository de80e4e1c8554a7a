"""Images in rows and columns."""

from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from compendium.plots import described

WIDEST = 6  # inches, of a row


def image_grid(
    rows: Sequence[np.ndarray],
    *,
    row_titles: Sequence[str] = (),
    column_titles: Sequence[str] = (),
    size: float = 1.1,
    compare: Literal["rows", "columns"] | None = "rows",
    frames: int = 0,
) -> Figure:
    """Draw images in rows and columns.

    On the book's pages, a reader can lay two of them over each other, and play columns as moments in time.

    Args:
        rows: one array per row, `(columns, h, w)`, `(columns, h, w, 1)` or `(columns, h, w, 3)`; uint8, or
            float in [0, 1]. Grey images are shown on a fixed scale from black to white.
        row_titles: a title left of each row.
        column_titles: a title above each column.
        size: width of an image in inches; smaller where a row would be wider than six inches, so that the
            titles can still be read on a phone.
        compare: which images show the same thing, so that a page offers to compare two of them: those under
            each other in two "rows", those beside each other in two "columns", or none.
        frames: how many columns, from the first, are moments in time that a page plays.
    """
    columns = max(len(row) for row in rows)
    size = min(size, WIDEST / columns)
    margin = 0.09 * max(map(len, row_titles), default=0)  # inches per letter
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
    described.note(figure, compare=compare, frames=frames)
    return figure
