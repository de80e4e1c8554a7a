"""The page of a sweep: what became of each point, each metric over each swept parameter, a table of means."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import matplotlib.pyplot as plt
import pandas as pd
from markupsafe import Markup, escape

from compendium import parameters, plots, runs, standalone
from compendium.files import write_atomically
from compendium.standalone import Cell, Picture, Table
from compendium.sweep import charts
from compendium.sweep.folder import Sweep, point_folder, record
from compendium.sweep.table import OUTCOMES

REPORT = "report.html"


def write(sweep: Sweep, table: pd.DataFrame, folder: Path) -> Path:
    """Write `report.html` from a sweep's table (see `table.build`) and return its path.

    Intervals are over the swept `seed`; where it is not swept they are over a run's own seeds.
    """
    swept = {name: [*table[name].drop_duplicates()] for name in sweep.grid}
    # numbers of single images have their means beside them
    numbers = table[table["image"].isna() & table["quantity"].notna()]
    quantities = {quantity: rows for quantity, rows in numbers.groupby("quantity", sort=False)}
    drawn = _pictures(quantities, swept)
    points = table.groupby("point", sort=False)
    first = points.first()
    page = standalone.page(
        "sweep/report.html",
        [picture for pictures in drawn.values() for picture in pictures],
        sweep=sweep,
        swept={name: ", ".join(map(parameters.as_typed, values)) for name, values in sweep.grid.items()},
        same={name: parameters.as_typed(value) for name, value in sweep.parameters.items()},
        status=Counter(first["status"]),
        outcomes=Counter(worst for _, rows in points if (worst := _worst(rows))),
        time=timedelta(seconds=round(first["seconds"].sum())),
        circumstances=_circumstances(first.index[first["status"] == "done"], folder),
        points=_of_points(sweep, points, folder),
        drawn=drawn,
        definitions=_definitions(first.index[first["status"] == "done"], folder),
        numbers=_of_numbers(quantities, swept),
    )
    path = folder / REPORT
    write_atomically(path, page)
    return path


def _pictures(
    quantities: Mapping[str, pd.DataFrame], swept: Mapping[str, Sequence[object]]
) -> dict[str, list[Picture]]:
    """Return the charts of each quantity, one for each swept parameter but the seed."""
    axes = [name for name in swept if name != "seed"] or [charts.METHOD]
    looks = plots.looks(_methods(quantities))
    with plt.rc_context():
        standalone.use_style()
        return {
            quantity: [charts.over(rows, axis, swept, looks) for axis in axes]
            for quantity, rows in quantities.items()
            if rows["value"].notna().any()
        }


def _methods(quantities: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return all methods, networks first, so that these have the strongest colours."""
    every = pd.concat([*quantities.values()]) if quantities else pd.DataFrame(columns=["method", "outcome"])
    every = every.assign(method=every["method"].fillna(""))
    return [*dict.fromkeys([*every.loc[every["outcome"].notna(), "method"], *every["method"]])]


def _worst(rows: pd.DataFrame) -> str | None:
    """Return the worst outcome of a point's networks, None where none is recorded."""
    there = {*rows["outcome"].dropna()}
    return max(there, key=OUTCOMES.index, default=None)


def _of_points(sweep: Sweep, points: pd.DataFrame, folder: Path) -> Table:
    """Return the table of points, each with a link to its page, or what there is of it."""
    rows = [
        (
            Cell(name, link=_link(sweep, name, folder)),
            *(_value(rows[parameter].iloc[0]) for parameter in sweep.grid),
            Cell(rows["status"].iloc[0]),
            Cell(_worst(rows) or ""),
            _seconds(rows["seconds"].iloc[0]),
            Cell(message if isinstance(message := rows["message"].iloc[0], str) else ""),
        )
        for name, rows in points
    ]
    return Table(
        "Each point and what became of it. The name of a point leads to its page.",
        "points",
        ["point", *sweep.grid, "status", "outcome", "seconds", "message"],
        rows,
        choices=["status", "outcome"],
    )


def _link(sweep: Sweep, name: str, folder: Path) -> str | None:
    at = point_folder(folder, name)
    known = (f"{sweep.chapter}.html", f"{sweep.chapter}.ipynb", runs.failed(sweep.chapter), "run.log")
    there = next((at / file for file in known if (at / file).exists()), None)
    return quote(there.relative_to(folder).as_posix()) if there else None


def _of_numbers(quantities: Mapping[str, pd.DataFrame], swept: Mapping[str, Sequence[object]]) -> Table:
    """Return the table of means, intervals and outcomes at each swept value."""
    axes = [name for name in swept if name != "seed"]
    levels = ["level"] if any(rows["level"].notna().any() for rows in quantities.values()) else []
    rows = []
    for quantity, numbers in quantities.items():
        by = [*axes, "level", "method"]
        each = charts.samples(numbers, by, [*swept])
        for (*values, level, method), one in each.groupby(by, sort=False, dropna=False):
            found = charts.summary(quantity, one)
            rows.append(
                [
                    Cell(quantity),
                    *map(_value, values),
                    *(Cell("" if pd.isna(level) else level) for _ in levels),
                    Cell("" if pd.isna(method) else method),
                    _number(found.interval.estimate),
                    _number(found.interval.low),
                    _number(found.interval.high),
                    Cell(f"{found.n}" if found.n == found.runs else f"{found.n} of {found.runs}", found.n),
                    Cell(_counted(one["outcome"])),
                ]
            )
    return Table(
        "Means over runs, and their 95 % intervals for "
        f"{charts.LEAST_FOR_INTERVAL} runs or more of one outcome, cut where the quantity ends.",
        "means",
        [
            "quantity",
            *axes,
            *levels,
            "method",
            "mean",
            "95 % from",
            "to",
            "n",
            "outcomes",
        ],
        rows,
        choices=["quantity", *levels, "method"],
    )


def _counted(outcomes: pd.Series) -> str:
    counts = outcomes.value_counts()
    return ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if name in counts.index)


def _value(value: object) -> Cell:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(parameters.as_typed(value), float(value) if numeric else None)


def _number(value: float) -> Cell:
    return Cell("") if pd.isna(value) else Cell(f"{value:.4g}".replace("-", "−"), value)


def _seconds(value: float) -> Cell:
    return Cell("") if pd.isna(value) else Cell(f"{value:.1f}", value)


def _definitions(done: Sequence[str], folder: Path) -> dict[str, Markup]:
    """Return how each metric is computed, as the first finished run says; code in it is between backticks."""
    first = record(point_folder(folder, done[0])) if len(done) else {}
    return {
        name: Markup(re.sub(r"`+([^`]+)`+", r"<code>\1</code>", str(escape(words))))
        for name, words in (first.get("definitions") or {}).items()
    }


def _circumstances(done: Sequence[str], folder: Path) -> dict[str, str]:
    """Return where the finished runs were computed."""
    records = [record(point_folder(folder, name)) for name in done]
    return {
        fact: "; ".join(dict.fromkeys(str(found) for one in records if (found := one.get(fact))))
        for fact in ("commit", "device")
        if any(one.get(fact) for one in records)
    }
