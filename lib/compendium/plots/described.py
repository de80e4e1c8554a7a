"""What a page needs to respond to a pointer over a figure: where things are in it, and what they say.

A notebook keeps it with its picture, in the output; `compendium.site.figures` takes it from there.
Places are counted from the picture's left upper corner in 1/10,000 of its width and height.
"""

import base64
import io
import itertools
import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FuncFormatter
from PIL import Image

from compendium.project import METADATA

SCALE = 10_000
MOST_POINTS = 1200  # of a figure
MOST_OF_LINE = 200
LARGEST_SPRITE = 150_000  # bytes
NEUTRAL = to_hex("0.2")  # seaborn's colour in a legend for what differs by style alone

_said: WeakKeyDictionary[Figure, dict[str, Any]] = WeakKeyDictionary()
_pictures: WeakKeyDictionary[PathCollection, dict[str, Any]] = WeakKeyDictionary()


def register() -> None:
    """Let the notebook that this runs in, if any, keep descriptions with its figures."""
    if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
        shell.display_formatter.mimebundle_formatter.for_type(Figure, _bundle)


def note(figure: Figure, **facts: object) -> None:
    """Remember what cannot be seen in a figure's artists; it becomes part of its description."""
    _said.setdefault(figure, {}).update(facts)


def pictured(
    dots: Sequence[PathCollection], images: Sequence[np.ndarray], labels: Sequence[Sequence[str]] = ()
) -> None:
    """Let the points of scatter plots show images on the book's pages.

    Args:
        dots: what `Axes.scatter` returned, of one figure.
        images: for each of them one image per point, `(n, h, w, c)` with one channel or three, uint8 or float
            in [0, 1]. They become part of the figure in the executed notebook.
        labels: for each of them one word per point.
    """
    kept = {id(each): each for each in images}  # the same images of two plots are kept once
    first = dict(zip(kept, np.cumsum([0, *map(len, kept.values())]).tolist(), strict=False))
    note(dots[0].figure, sprite=_sprite(np.concatenate([_bytes(each) for each in kept.values()])))
    for number, (one, own) in enumerate(zip(dots, images, strict=True)):
        words = [*labels[number]] if labels else [""] * len(own)
        _pictures[one] = {"of_images": words, "first_image": first[id(own)]}


def _bytes(images: np.ndarray) -> np.ndarray:
    return images if images.dtype == np.uint8 else (255 * images.clip(0, 1)).round().astype(np.uint8)


def description(figure: Figure) -> dict[str, Any]:
    """Return what a page needs to know of a figure, as it is saved with `bbox_inches="tight"`.

    Returns:
        `panels`: of each chart its `title`, `x` and `y` (the axes' labels) and `series`: `label`, `kind`
            (line, points, bars, cells, or level: a line across the chart), `colour`, `at` (places of the
            points), `of` (their values; empty where the axes have no ticks), and, where they have images,
            `of_images` (their labels) and `first_image` (the first one's number in the sprite).
        `images`: of each image its `at` (left, top, width, height), `pixels` (width, height), `row` and
            `column`.
        `rows`, `columns`: their titles.
        What `note` was told besides: `compare`, `frames`, `table`, `sprite`.
        An empty mapping if there is nothing to say.
    """
    figure.draw_without_rendering()
    frame = figure.get_tightbbox(figure.canvas.get_renderer()).padded(plt.rcParams["savefig.pad_inches"])

    def place(points: np.ndarray) -> np.ndarray:
        """Take pixels from the lower left corner of the canvas to the picture's own places."""
        across, down = (np.asarray(points) / figure.dpi - frame.p0).T / [[frame.width], [frame.height]]
        return (SCALE * np.column_stack([across, 1 - down])).round()

    found: dict[str, Any] = {}
    drawn = [axis for axis in figure.axes if axis.get_visible() and not hasattr(axis, "_colorbar")]
    if panels := [panel for axis in drawn if (panel := _panel(axis, place))["series"]]:
        most = MOST_POINTS // sum(len(panel["series"]) for panel in panels)
        for series in (series for panel in panels for series in panel["series"]):
            _thin_out(series, most)
        found["panels"] = panels
    if any(axis.images for axis in drawn):
        found |= _grid([axis for axis in drawn if axis.get_subplotspec()], place)
    return found | _said.get(figure, {})


def _bundle(figure: Figure) -> tuple[dict[str, str], dict[str, Any]]:
    found = description(figure)
    figure.set_layout_engine("none")  # it is laid out now; else IPython does so twice more to save it
    # a text, so that notebooks keep it on one line
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return {}, {"image/png": {METADATA: text}} if found else {}


def _panel(axis: Axes, place: Any) -> dict[str, Any]:
    words = {
        "title": axis.get_title(),
        "x": axis.get_xlabel() or axis.figure.get_supxlabel(),
        "y": axis.get_ylabel() or _shared_label(axis),
    }
    series = [
        _level(line, axis, place) if _crosses(line, axis) else _line(line, axis, place)
        for line in _lines(axis)
    ]
    series += [
        _bars(bars, axis, place) for bars in axis.containers if isinstance(bars, BarContainer) and bars
    ]
    series += [_points(dots, axis, place) for dots in axis.collections if isinstance(dots, PathCollection)]
    series += [_cells(mesh, axis, place) for mesh in axis.collections if isinstance(mesh, QuadMesh)]
    return {name: plain(text) for name, text in words.items()} | {"series": [s for s in series if s["at"]]}


def _shared_label(axis: Axes) -> str:
    """Return the label of the axis that this one shares its values with, if any."""
    return next(
        (other.get_ylabel() for other in axis.get_shared_y_axes().get_siblings(axis) if other.get_ylabel()),
        "",
    )


def _lines(axis: Axes) -> list[Line2D]:
    # what stands on bars without a name shows their intervals
    bars = any(isinstance(container, BarContainer) for container in axis.containers)
    return [
        line
        for line in axis.lines
        if line.get_visible() and len(line.get_xdata()) and (not bars or not line.get_label().startswith("_"))
    ]


def _crosses(line: Line2D, axis: Axes) -> bool:
    """Whether it was drawn with `axhline` or `axvline`."""
    return line.get_transform() in (axis.get_xaxis_transform("grid"), axis.get_yaxis_transform("grid"))


def _level(line: Line2D, axis: Axes, place: Any) -> dict[str, Any]:
    upright = line.get_transform() == axis.get_xaxis_transform("grid")
    ends = line.get_transform().transform(np.column_stack(line.get_data()).astype(float))
    value = _values(axis.xaxis if upright else axis.yaxis, [np.ravel(line.get_data()[not upright])[0]])
    of = [[*value, ""] if upright else ["", *value]] * 2 if value else []
    return _described(_label(line, axis), "level", line.get_color(), place(ends), of)


def _line(line: Line2D, axis: Axes, place: Any) -> dict[str, Any]:
    kind = "points" if line.get_linestyle() == "None" else "line"
    data = np.ma.filled(np.ma.asarray(line.get_xydata(), float), np.nan)  # categories as their numbers
    return _within(_label(line, axis), kind, line.get_color(), data, axis, place)


def _points(dots: PathCollection, axis: Axes, place: Any) -> dict[str, Any]:
    data = np.ma.filled(np.ma.asarray(dots.get_offsets(), float), np.nan)
    colours = {to_hex(colour) for colour in dots.get_facecolor()} or {to_hex(c) for c in dots.get_edgecolor()}
    colour = colours.pop() if len(colours) == 1 else "black"
    series = _within(_label(dots, axis, colour), "points", colour, data, axis, place)
    return series | _pictures.get(dots, {})


def _bars(bars: BarContainer, axis: Axes, place: Any) -> dict[str, Any]:
    boxes = [bar.get_bbox() for bar in bars]
    data = np.array([[(box.x0 + box.x1) / 2, box.y1] for box in boxes])
    if bars.orientation == "horizontal":
        data = np.array([[box.x1, (box.y0 + box.y1) / 2] for box in boxes])
    colour = to_hex(bars[0].get_facecolor())
    return _within(_label(bars, axis, colour), "bars", colour, data, axis, place)


def _cells(mesh: QuadMesh, axis: Axes, place: Any) -> dict[str, Any]:
    corners = mesh.get_coordinates()
    data = ((corners[1:, 1:] + corners[:-1, :-1]) / 2).reshape(-1, 2)
    series = _within("", "cells", "black", data, axis, place)
    shades = np.ma.filled(np.ma.asarray(mesh.get_array(), float), np.nan).ravel()
    return series | {"of": [[*of, _number(shade)] for of, shade in zip(series["of"], shades, strict=True)]}


def _within(label: str, kind: str, colour: str, data: np.ndarray, axis: Axes, place: Any) -> dict[str, Any]:
    """Describe those of the data that can be seen."""
    with np.errstate(all="ignore"):
        pixels = axis.transData.transform(data)
    edge = axis.get_window_extent().padded(1)
    inside = np.isfinite(pixels).all(axis=1)
    inside &= ((pixels >= edge.p0) & (pixels <= edge.p1)).all(axis=1)
    across, up = _values(axis.xaxis, data[inside, 0]), _values(axis.yaxis, data[inside, 1])
    of = [list(pair) for pair in zip(across or up, up or across, strict=True)] if across or up else []
    return _described(label, kind, colour, place(pixels[inside]), of)


def _described(label: str, kind: str, colour: Any, at: np.ndarray, of: list[list[Any]]) -> dict[str, Any]:
    at = [[int(x), int(y)] for x, y in at]
    return {"label": plain(label), "kind": kind, "colour": to_hex(colour), "at": at, "of": of}


def _values(axis: Axis, numbers: Sequence[float]) -> list[Any]:
    """Return numbers as their axis names them; nothing if it has no ticks."""
    ticks = axis.get_ticklocs()
    if not len(ticks):
        return []
    if isinstance(axis.get_major_formatter(), StrCategoryFormatter | FixedFormatter | FuncFormatter):
        names = axis.get_major_formatter().format_ticks(ticks)  # labels that share an axis may be hidden
        return [names[int(np.abs(ticks - number).argmin())] for number in numbers]
    return [_number(number) for number in numbers]


def _number(value: float) -> float | int:
    """Round to four digits."""
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded


def _label(artist: Any, axis: Axes, colour: str | None = None) -> str:
    """Return an artist's own label, or what the legends say of its colour and its line."""
    own = str(artist.get_label())
    if own and not own.startswith("_"):
        return own
    colour = to_hex(colour or artist.get_color())
    style = artist.get_linestyle() if isinstance(artist, Line2D) else None
    figure = axis.figure
    legends = [legend for a in (axis, *figure.axes) if (legend := a.get_legend())] + figure.legends
    entries = [
        (text.get_text(), *_looks(handle))
        for legend in legends
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
    ]
    of_colour = [entry for entry in entries if entry[1] == colour]
    of_both = [entry for entry in of_colour if entry[2] == style] or of_colour
    of_style = [entry for entry in entries if entry[1] == NEUTRAL != colour and entry[2] == style]
    return ", ".join(text for text, *_ in of_both[:1] + of_style[:1])


def _looks(handle: Any) -> tuple[str, str | None]:
    line = isinstance(handle, Line2D)
    colour = handle.get_color() if line else np.reshape(handle.get_facecolor(), (-1, 4))[0]
    return to_hex(colour), handle.get_linestyle() if line else None


def _thin_out(series: dict[str, Any], most: int) -> None:
    """Leave as many points as a page needs: of a line, evenly along its way."""
    if "of_images" in series:
        return
    most = max(2, min(most, MOST_OF_LINE))
    at = np.array(series["at"])
    if len(at) <= most:
        return
    if series["kind"] == "line":
        way = np.concatenate([[0], np.hypot(*np.diff(at, axis=0).T).cumsum()])
        kept = np.unique([*np.searchsorted(way, np.linspace(0, way[-1], most - 1)), len(at) - 1])
    else:
        kept = np.linspace(0, len(at) - 1, most).round().astype(int)
    for part in ("at", "of"):
        series[part] = [series[part][index] for index in kept] if series[part] else []


def _grid(axes: list[Axes], place: Any) -> dict[str, Any]:
    cells = {axis: axis.get_subplotspec() for axis in axes}
    rows, columns = {}, {}
    images = []
    for axis, spec in cells.items():
        row, column = spec.rowspan.start, spec.colspan.start
        if column == 0:
            rows[row] = axis.get_ylabel()
        if row == 0:
            columns[column] = axis.get_title()
        if axis.images:
            box = axis.get_window_extent()
            (left, top), (right, bottom) = place([[box.x0, box.y1], [box.x1, box.y0]]).astype(int).tolist()
            height, width = axis.images[0].get_array().shape[:2]
            at = [left, top, right - left, bottom - top]
            images.append({"at": at, "pixels": [width, height], "row": row, "column": column})
    titles = ([plain(names[key]) for key in sorted(names)] for names in (rows, columns))
    return {"images": images} | dict(zip(("rows", "columns"), titles, strict=True))


def _sprite(images: np.ndarray) -> dict[str, Any]:
    """Return all images in one picture, as a `data:` address of bounded size, and how they lie in it."""
    number, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(number))
    sheet = np.zeros((columns * columns, height, width, channels), np.uint8)
    sheet[:number] = images
    sheet = sheet.reshape(columns, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    picture = Image.fromarray(sheet.reshape(columns * height, columns * width, channels).squeeze())
    for shrunk, quality in itertools.product((1, 2, 4), (80, 60, 40, 20)):
        content = io.BytesIO()
        picture.reduce(shrunk).save(content, "webp", quality=quality)
        if len(content.getvalue()) <= LARGEST_SPRITE:
            break
    source = f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
    return {"src": source, "columns": columns, "size": [width // shrunk, height // shrunk]}


_SYMBOLS = {r"\sigma": "σ", r"\mu": "μ", r"\lambda": "λ", r"\beta": "β", "^2": "²", r"\tilde x": "x̃"}


def plain(text: str) -> str:
    """Return a figure's text without the marks of formulas: of `$k$` it leaves k."""
    for mark, symbol in _SYMBOLS.items():
        text = text.replace(mark, symbol)
    return " ".join(re.sub(r"[$\\{}]", "", text).split())
