"""A drawing of a network: one row per layer, from the image down to the output."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from compendium.anatomy import Step, steps
from compendium.plots import described
from compendium.plots.style import PALETTE

# in inches; narrow enough to be read on a phone
WIDTH, ROW, HEAD = 4.5, 0.46, 0.3
MIDDLE, WIDEST, THICKEST = 0.85, 0.9, 0.3
TEXT = 1.5  # where the words begin
COLUMNS = {
    "output": TEXT,
    "parameters": 3.35,
    "sees": 4.45,
}  # left end of the first, right ends of the others
MUTED = "0.35"


def architecture(network: Any) -> Figure:
    """Draw a Keras network layer by layer, with output shape, parameters and receptive field of each.

    A bar is as wide as the layer's output maps, and thicker the more channels these have, or the longer a
    vector is. Arrows at the left are connections that skip layers. "Sees" is the largest part of the input
    image, height by width, that one position of the output depends on.

    Raises UsageError for a network without fixed shapes, or with a layer whose receptive field is unknown.
    """
    layers = steps(network)
    height = HEAD + ROW * len(layers) + ROW / 2
    figure = plt.figure(figsize=(WIDTH, height))
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axis.set_axis_off()
    for name, place in COLUMNS.items():
        axis.text(place, HEAD / 2, name, ha=_side(name), va="center", fontsize=9, color=MUTED)
    bars = {layer.name: _bar(layer, layers, row) for row, layer in enumerate(layers)}
    for row, layer in enumerate(layers):
        for source in layer.inputs:
            follows = row > 0 and layers[row - 1].name == source
            _connect(axis, bars[source], bars[layer.name], past=not follows)
        axis.add_patch(bars[layer.name])
        _write(axis, layer, _centre(row))
    total = f"{sum(layer.parameters for layer in layers):,} parameters"
    axis.text(
        COLUMNS["parameters"], height - ROW / 3, total, ha="right", va="center", fontsize=10, weight="bold"
    )
    described.note(figure, table={"head": ["layer", *COLUMNS], "rows": [_row(layer) for layer in layers]})
    return figure


def _row(layer: Step) -> list[str]:
    sees = "" if layer.sees is None else " × ".join(map(str, layer.sees))
    return [layer.words, " × ".join(f"{size:,}" for size in layer.shape), f"{layer.parameters:,}", sees]


def _centre(row: int) -> float:
    return HEAD + ROW * (row + 0.5)


def _side(column: str) -> str:
    return "left" if column == "output" else "right"


def _bar(layer: Step, layers: list[Step], row: int) -> Rectangle:
    sides = [each.shape[1] for each in layers if len(each.shape) == 3]
    deepest = max(each.shape[-1] for each in layers)
    width = WIDEST * max(layer.shape[1] / max(sides), 0.06) if len(layer.shape) == 3 else WIDEST * 0.06
    thickness = THICKEST * max(np.log2(layer.shape[-1] + 1) / np.log2(deepest + 1), 0.1)
    return Rectangle(
        (MIDDLE - width / 2, _centre(row) - thickness / 2),
        width,
        thickness,
        color=_colour(layer.kind),
        zorder=2,
    )


def _colour(kind: str) -> str:
    if kind in ("Conv2DTranspose", "UpSampling2D"):
        return PALETTE[1]
    if kind in ("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D"):
        return PALETTE[0]
    return "0.65"


def _connect(axis: Axes, source: Rectangle, target: Rectangle, *, past: bool) -> None:
    look = {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0, "color": MUTED, "zorder": 1}
    if past:
        ends = [(bar.get_x(), bar.get_y() + bar.get_height() / 2) for bar in (source, target)]
        room = min(x for x, _ in ends)  # left of both bars
        bend = min(0.5, 1.8 * room / (ends[1][1] - ends[0][1]))
        axis.add_patch(FancyArrowPatch(*ends, connectionstyle=f"arc3,rad={bend}", linestyle="--", **look))
    else:
        ends = [(MIDDLE, source.get_y() + source.get_height()), (MIDDLE, target.get_y())]
        axis.add_patch(FancyArrowPatch(*ends, **look))


def _write(axis: Axes, layer: Step, middle: float) -> None:
    words, *values = _row(layer)
    axis.text(TEXT, middle - 0.09, words, va="center", fontsize=10)
    for (name, place), value in zip(COLUMNS.items(), values, strict=True):
        look = {"ha": _side(name), "va": "center", "fontsize": 9, "color": MUTED}
        axis.text(place, middle + 0.1, "–" if value in ("", "0") else value, **look)
