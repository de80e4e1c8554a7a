"""The page of a sweep: each metric over each swept parameter, and what became of each point; one file."""

from collections.abc import Iterator
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from jinja2 import Environment
from markupsafe import Markup
from matplotlib.axes import Axes

from compendium import plots, project
from compendium.files import write_atomically
from compendium.plots import described
from compendium.statistics import mean_interval
from compendium.sweep.folder import Sweep, point_folder
from compendium.sweep.table import SEED_IN_RUN

COLUMNS = 4  # panels side by side
MOST_TICKS = 6
MARKERS = "os^Dv"
STATIC = project.ROOT / "book" / "_static"

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sweep of {{ sweep.chapter }}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: #222; }
figure { margin: 0 0 2rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
:root { --pst-color-on-background: #fff; --pst-color-text-base: #222; --pst-color-text-muted: #666;
  --pst-color-border: #ddd; --pst-color-link: #0b53b0; --pst-color-primary: #0b53b0; }
{{ figures_style }}
.visually-hidden { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
.failed { color: #a00; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<h1>Sweep of {{ sweep.chapter }}</h1>
<p>Profile {{ sweep.profile }}; {{ states.count("done") }} of {{ states | length }} points are done\
{% if "failed" in states %}, <a href="#points">{{ states.count("failed") }} failed</a>{% endif %}.
The numbers: <a href="results.csv">results.csv</a>, <a href="results.parquet">results.parquet</a>.</p>
<table>
<tr><th>parameter</th><th>values</th></tr>
{% for name, values in sweep.grid.items() %}
<tr><td>{{ name }}</td><td>{{ values | join(", ") }}</td></tr>
{% endfor %}
{% for name, value in sweep.parameters.items() %}
<tr><td>{{ name }}</td><td>{{ value }}, at every point</td></tr>
{% endfor %}
</table>
{% for quantity, figures in quantities %}
<h2>{{ quantity }}</h2>
{% for figure in figures %}
<figure>
<div class="picture">
<img alt="{{ figure.words }}" src="{{ figure.source }}" data-figure="{{ figure.words }}">
</div>
<figcaption>{{ figure.words }}</figcaption>
</figure>
{% endfor %}
{% endfor %}
<h2 id="points">Points</h2>
<div class="wide">
<table>
<tr><th>point</th><th>status</th><th>seconds</th><th>message</th></tr>
{% for point in points %}
<tr class="{{ point.status }}"><td><a href="{{ point.link | urlencode }}">{{ point.point }}</a></td>\
<td>{{ point.status }}</td><td>{{ point.time }}</td><td>{{ point.message or "" }}</td></tr>
{% endfor %}
</table>
</div>
<script>compendiumFigures = {{ known | tojson }};</script>
<script>{{ figures_script }}</script>
</body>
</html>
""")


class Drawn(NamedTuple):
    """A figure as a `data:` address, what it shows in words, and what it answers to a pointer."""

    source: str
    words: str
    description: dict[str, Any]


def write(sweep: Sweep, table: pd.DataFrame, folder: Path) -> Path:
    """Write `report.html` from a sweep's table (see `table.build`) and return its path.

    Intervals are over the swept `seed`; where it is not swept, or alone is, they are over a run's own seeds.
    """
    axes = [name for name in sweep.grid if name != "seed"]
    over = "seed" if "seed" in sweep.grid and axes else SEED_IN_RUN
    axes = axes or ["seed"]
    # numbers of single images have their means beside them
    numbers = table[table["image"].isna() & table["value"].notna()]
    with plt.rc_context():
        plots.use_style()
        plt.rc("text", parse_math=False)  # a name with two dollars is no formula
        plt.rc("svg", hashsalt="sweep")  # no random names: equal tables give equal pages
        quantities = [
            (quantity, [_over_parameter(rows, axis, [a for a in axes if a != axis], over) for axis in axes])
            for quantity, rows in numbers.groupby("quantity", sort=False)
        ]
    points = [_of_point(sweep, row, folder) for row in table.drop_duplicates("point").to_dict("records")]
    states = [point["status"] for point in points]
    page = PAGE.render(
        sweep=sweep,
        quantities=quantities,
        points=points,
        states=states,
        known={figure.words: figure.description for _, figures in quantities for figure in figures},
        figures_style=Markup((STATIC / "figures.css").read_text(encoding="utf-8")),
        figures_script=Markup((STATIC / "figures.js").read_text(encoding="utf-8")),
    )
    path = folder / "report.html"
    write_atomically(path, page)
    return path


def _of_point(sweep: Sweep, row: dict[str, object], folder: Path) -> dict[str, object]:
    at = point_folder(folder, row["point"]).relative_to(folder).as_posix()
    if row["status"] == "done":
        return {**row, "link": f"{at}/{sweep.chapter}.ipynb", "time": f"{row['seconds']:.1f}", "message": ""}
    return {**row, "link": f"{at}/", "time": ""}


def _over_parameter(rows: pd.DataFrame, axis: str, others: list[str], over: str) -> Drawn:
    """Draw one quantity over one swept parameter: a panel for each value of the others, a line a method."""
    quantity = rows["quantity"].iloc[0]
    apart = [*others, *(["level"] if rows["level"].notna().any() else [])]
    panels = [*rows.groupby(apart, sort=False, dropna=False)] if apart else [((), rows)]
    levels = rows["level"].nunique()
    columns = levels if 1 < levels <= COLUMNS else min(COLUMNS, len(panels))
    lines = ceil(len(panels) / columns)
    figure, grid = plt.subplots(
        lines,
        columns,
        figsize=(3 * columns + 2, 2.6 * lines + 0.4),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    methods = rows["method"].fillna("").unique()
    looks = dict(zip(methods, zip(cycle(sns.color_palette()), _markers(), strict=False), strict=False))
    for (values, panel), place in zip(panels, grid.flat, strict=False):
        place.set_title(_title(apart, values), fontsize="small")
        place.set_xlabel(axis)
        _draw(place, panel, axis, over, looks)
    for unused in grid.flat[len(panels) :]:
        unused.remove()
    for place in grid[:, 0]:
        place.set_ylabel(quantity)
    handles = [
        plt.Line2D([], [], color=colour, marker=marker, label=m) for m, (colour, marker) in looks.items()
    ]
    if any(methods):
        figure.legend(handles=handles, loc="outside right upper", fontsize="small")
    each = f", a panel for each {' and '.join(apart)}" if apart else ""
    seeds = "seeds" if over == "seed" else "a run's own seeds, where it has several"
    words = f"{quantity} over {axis}{each}, a line for each method: mean and 95 % interval over {seeds}."
    description = described.description(figure)
    source = plots.embedded(figure, "svg+xml", bbox_inches="tight", metadata={"Date": None})
    return Drawn(source, words, description)


def _draw(
    place: Axes, rows: pd.DataFrame, axis: str, over: str, looks: dict[str, tuple[object, str]]
) -> None:
    """Draw a panel: at each value of the parameter the mean and its interval."""
    values = rows[axis].drop_duplicates()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    places = {value: value if numeric else n for n, value in enumerate(values)}
    if numeric and values.min() > 0 and values.max() >= 100 * values.min():
        place.set_xscale("log")
        place.minorticks_off()
    ticked = list(places)[:: ceil(len(places) / MOST_TICKS)]
    place.set_xticks([places[value] for value in ticked], [f"{value}" for value in ticked])
    for method, line in rows.groupby(rows["method"].fillna(""), sort=False):
        # one number for each seed, whatever else a record has several of
        samples = (
            line.groupby([axis, over], sort=False, dropna=False)["value"].mean().groupby(axis, sort=False)
        )
        found = pd.DataFrame([mean_interval(sample) for _, sample in samples], index=[v for v, _ in samples])
        ends = [found["estimate"] - found["low"], found["high"] - found["estimate"]]
        colour, marker = looks[method]
        at = [places[v] for v in found.index]
        means, *_ = place.errorbar(at, found["estimate"], ends, color=colour, marker=marker)
        means.set_label(method)


def _markers() -> Iterator[str]:
    # another marker for each round through the colours
    return (marker for marker in cycle(MARKERS) for _ in sns.color_palette())


def _title(names: list[str], values: tuple[object, ...]) -> str:
    return ", ".join(
        f"{v}" if name == "level" else f"{name} = {v}" for name, v in zip(names, values, strict=True)
    )
