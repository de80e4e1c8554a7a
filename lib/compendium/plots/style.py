"""One look for figures and tables, and pictures that stand in a page themselves."""

import base64
import io
from collections.abc import Iterable
from typing import Literal, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import ArrayLike

from compendium.plots import described

# Seaborn's palette for the colour-blind, but with a darker brown, pink and yellow, which on white were pale.
PALETTE = (
    "#0173b2",
    "#de8f05",
    "#029e73",
    "#d55e00",
    "#cc78bc",
    "#6b4423",
    "#1b1b1b",
    "#949494",
    "#978a00",
    "#56b4e9",
)

_MARKERS = "os^Dv"
_DASHES = ((4, 2), (1, 1.5), (6, 2, 1, 2), (8, 3), (2, 4))


class Look(NamedTuple):
    """How one method is drawn: with `marker` where it is measured, with `dashes` where it is a reference."""

    colour: str
    marker: str
    dashes: tuple[float, ...]


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Return how each method is drawn: equal names in equal order get equal looks, in every figure.

    Each has a colour of its own; after ten methods the colours repeat, with another marker and other dashes.
    """
    count, rounds = len(PALETTE), min(len(_MARKERS), len(_DASHES))
    return {
        method: Look(PALETTE[n % count], _MARKERS[n // count % rounds], _DASHES[n // count % rounds])
        for n, method in enumerate(dict.fromkeys(methods))
    }


def use_style() -> None:
    """Set the book's look for all figures that follow: opaque, colour-blind safe, readable on a phone.

    In a notebook, figures are shown together with their `described.description` from now on, and tables with
    their texts in full.
    """
    described.register()
    pd.set_option("display.max_colwidth", None)
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=PALETTE,
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


def one_legend(figure: Figure, *, columns: int, place: str = "outside upper center") -> None:
    """Replace the legends of a figure's axes, which show the same things, by one for all.

    It has `columns` columns and stands at `place`, a location that `Figure.legend` knows.
    """
    handles, labels = figure.axes[0].get_legend_handles_labels()
    for axis in figure.axes:
        if legend := axis.get_legend():
            legend.remove()
    figure.legend(handles, labels, loc=place, ncols=columns)


def decimal_ticks(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 in each decade, in decimals: 0.02, not 2 × 10⁻²."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def show_decades(place: Axes, values: ArrayLike) -> None:
    """Make the vertical axis logarithmic where the values, all above 0, span two decades or more."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() >= 100 * values.min():
        place.set_yscale("log")
        place.yaxis.set_major_formatter("{x:g}")


def embedded(figure: Figure, form: Literal["png", "svg+xml"], **options: object) -> str:
    """Return a figure as a `data:` address, for a page in one file, and close it; `options` go to savefig."""
    content = io.BytesIO()
    figure.savefig(content, format=form.removesuffix("+xml"), **options)
    plt.close(figure)
    return f"data:image/{form};base64,{base64.b64encode(content.getvalue()).decode()}"
