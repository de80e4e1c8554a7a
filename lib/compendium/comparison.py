"""Runs side by side: what differs in parameters, circumstances and metrics, and their learning curves."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, unified_diff
from itertools import cycle
from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from compendium import parameters, plots, results, runs, standalone
from compendium.errors import UsageError
from compendium.plots import Look
from compendium.standalone import Cell, Table

Records = Mapping[str, Mapping[str, object]]
"""Records by the names of their runs."""

CIRCUMSTANCES = ("profile", "commit", "device", "backend", "threads")
ROUNDING = 1e-6  # relative: numbers that are closer differ by rounding alone
NOT_RECORDED = "not recorded"
NO_NUMBER = "no number"
_DASHES = ("-", *((0, dashes) for dashes in ((4, 1.5), (1, 1), (6, 2, 1, 2), (8, 3))))  # of runs


def read(names: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the records of runs; a name is a folder with a record, seen from here or from the checkout.

    Raises UsageError for fewer than two runs, one given twice, one that is not there, or other chapters'
    runs among them; CompendiumError for what is not a record.
    """
    records = {_printable(name): results.read(path) for name, path in runs.to_compare(names).items()}
    chapters = {_printable(record["chapter"]) for record in records.values()}
    if len(chapters) > 1:
        raise UsageError(
            f"compare: runs of different chapters ({', '.join(sorted(chapters))}); name runs of one"
        )
    return records


def labels(records: Records) -> list[str]:
    """Return what the runs are called in tables and figures, in their order: their names may be long."""
    return [f"run {number}" for number in range(1, len(records) + 1)]


def settings(records: Records) -> pd.DataFrame:
    """Return how parameters, circumstances and outcomes differ, as texts: one row each, a column per run."""
    doors = dict.fromkeys(door for record in records.values() for door in _mapping(record, "own"))
    recorded = [_mapping(record, "packages") for record in records.values()]
    packages = [name for name in recorded[0] if all(name in others for others in recorded)]
    facts = [_facts(record, doors, packages) for record in records.values()]
    columns = {label: pd.Series(own, dtype=object) for label, own in zip(labels(records), facts, strict=True)}
    table = pd.DataFrame(columns).reindex([*dict.fromkeys(name for own in facts for name in own)])
    first, *_ = every = [*map(_cells, records.values())]
    table.loc["cells of code"] = [_described(first, cells) for cells in every]
    table = table.fillna(NOT_RECORDED).map(_printable).rename(index=_printable)
    return table[table.nunique(axis=1) > 1]


def code(records: Records) -> dict[str, str]:
    """Return how each run's code differs from that of the first, as a unified diff, by the run's label."""
    first, *others = map(_cells, records.values())
    return {
        label: "\n".join(_changes(first, cells))
        for label, cells in zip(labels(records)[1:], others, strict=True)
        if first and cells and cells != first
    }


def metrics(records: Records) -> pd.DataFrame:
    """Return means: one row per quantity, method and level, one column per run; for two, their difference.

    Means are over seeds. Numbers of single images count only where no mean over images is recorded. What a
    run does not have is missing, and so is what it has no number of. The difference is second minus first.
    """
    means = [_means(record) for record in records.values()]
    table = pd.DataFrame(dict(zip(labels(records), means, strict=True)))
    if len(records) == 2:
        difference = table["run 2"] - table["run 1"]
        table["difference"] = difference.where(difference.isna() | ~agree(table), 0.0)
    return table


def agree(table: pd.DataFrame) -> pd.Series:
    """Whether the runs' numbers in each row of `metrics` are equal, up to rounding, or missing in all."""
    values = table[[name for name in table if name != "difference"]]
    missing = values.isna()
    close = values.max(axis=1) - values.min(axis=1) <= ROUNDING * values.abs().max(axis=1)
    return missing.all(axis=1) | (close & ~missing.any(axis=1))


def number(value: float) -> str:
    """Return a number as text; for a missing one, say so."""
    return NO_NUMBER if pd.isna(value) else f"{value:.5g}"


def outcomes(record: Mapping[str, object]) -> dict[str, str]:
    """Return what became of a run's networks, by the names of these; empty where the record does not say."""
    return {
        ", ".join(str(one[part]) for part in ("method", "level", "seed") if one.get(part) is not None): (
            f"{one.get('outcome')}" + (f" from epoch {one['epoch']}" if one.get("epoch") is not None else "")
        )
        for one in _rows(record, "outcomes")
    }


def curves(records: Records) -> Figure | None:
    """Draw the learning curves, one panel per network; return None where no run has any with numbers.

    Drawn is the loss on the validation images where every run has it, else the training loss, as means over
    seeds. A colour stands for a method, as in a sweep's report, a line's dashes for a run, and a cross for a
    loss that stops being a number.
    """
    looks = plots.looks(_methods(records))
    rows, drawn = _curve_rows(records, looks)
    networks = rows.dropna(subset=[drawn])["network"].unique() if len(rows) else []
    if not len(networks):
        return None
    standalone.use_style()
    columns = min(len(networks), 2)
    lines = ceil(len(networks) / columns)
    figure, places = plt.subplots(
        *(lines, columns), figsize=(7.4, 2.6 * lines + 0.6), squeeze=False, layout="constrained"
    )
    dashes = dict(zip(labels(records), cycle(_DASHES), strict=False))
    for network, place in zip(networks, places.flat, strict=False):
        place.set(title=network, xlabel="epoch", ylabel=drawn)
        for (run, method), one in rows[rows["network"] == network].groupby(["run", "method"], sort=False):
            look = {"color": looks[method].colour, "linestyle": dashes[run]}
            _draw(place, one.groupby("epoch")[drawn].mean(), label=f"{run}, {method}", **look)
        plots.show_decades(place, rows.loc[rows["network"] == network, drawn])
    for unused in places.flat[len(networks) :]:
        unused.remove()
    handles = [Line2D([], [], color="0.2", linestyle=own, label=label) for label, own in dashes.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(records)))
    return figure


def page(records: Records) -> str:
    """Return a web page of its own with the tables and the curves. All texts of the records are escaped."""
    chapter = _printable(next(iter(records.values()))["chapter"])
    with plt.rc_context():
        figure = curves(records)
        words = (
            "Loss over the epochs, one panel per network. Runs differ by dashes. A cross marks where a "
            "loss ends."
        )
        picture = standalone.picture(figure, words) if figure else None
    return standalone.page(
        "standalone/comparison.html",
        [picture] if picture else [],
        title=f"{chapter}: {len(records)} runs compared",
        runs=_of_runs(records),
        settings=_of_settings(settings(records)),
        code=code(records),
        metrics=_of_metrics(metrics(records)),
        picture=picture,
    )


def _of_runs(records: Records) -> Table:
    rows = [
        [
            Cell(label),
            Cell(name),
            Cell(
                _printable("; ".join(f"{network}: {became}" for network, became in outcomes(record).items()))
            ),
            _seconds(record.get("training_seconds")),
        ]
        for label, (name, record) in zip(labels(records), records.items(), strict=True)
    ]
    return Table(
        "The runs, what became of their networks, and how long these were trained.",
        "runs",
        ["run", "folder", "outcomes", "training, s"],
        rows,
    )


def _of_settings(table: pd.DataFrame) -> Table:
    rows = [[Cell(name), *map(Cell, values)] for name, *values in table.itertuples()]
    return Table(
        "Parameters, circumstances and outcomes that are not the same in all runs.",
        "differences",
        ["what", *table],
        rows,
    )


def _of_metrics(table: pd.DataFrame) -> Table:
    rows = [
        [*map(Cell, key), *map(_number, values), Cell("no" if same else "yes")]
        for (key, *values), same in zip(table.itertuples(), agree(table), strict=True)
    ]
    return Table(
        "Means over seeds, and over images only if no mean over all of them is recorded. Numbers that differ "
        f"by at most {ROUNDING:g} of their size count as equal, because that is rounding.",
        "metrics",
        [*table.index.names, *table, "differs"],
        rows,
        choices=["quantity", "method", "level", "differs"],
    )


def _number(value: float) -> Cell:
    return Cell(number(value), None if pd.isna(value) else value)


def _seconds(value: object) -> Cell:
    return Cell(f"{value:.1f}", value) if isinstance(value, int | float) else Cell(NOT_RECORDED)


def _facts(record: Mapping[str, object], doors: Iterable[str], packages: Iterable[str]) -> dict[str, str]:
    """Return all that may differ between two runs, but for their code and numbers, by name.

    doors: those for which any of the runs has code of the user's own. packages: those whose version is in
    every record.
    """
    facts = {name: parameters.as_typed(value) for name, value in record["parameters"].items()}
    facts |= {name: str(record[name]) for name in CIRCUMSTANCES if record.get(name) is not None}
    if "own" in record:
        own = _mapping(record, "own")
        facts |= {f"own {door}": _own_code(own.get(door)) for door in doors}
    if "left_out" in record:
        facts["parts left out"] = parameters.as_typed(record["left_out"]) if record["left_out"] else "none"
    for part, state in _mapping(record, "parts").items():
        if str(state).startswith("failed"):
            facts[f"part {part}"] = str(state)
    if noise := _mapping(record, "noise"):
        facts["noise"] = _listed(noise)
    facts["data"] = "; ".join(map(_data, _rows(record, "data")))
    if record.get("library"):
        facts["library"] = f"sha256 {str(record['library'])[:12]}"
    versions = _mapping(record, "packages")
    facts |= {f"package {name}": str(versions[name]) for name in packages}
    return facts | {f"outcome of {network}": became for network, became in outcomes(record).items()}


def _data(split: Mapping[str, object]) -> str:
    return f"{split.get('images')} images of {split.get('name')}, sha256 {str(split.get('sha256'))[:12]}"


def _listed(values: Mapping[str, object]) -> str:
    """Write a mapping, and mappings in it, as a list with commas."""
    return ", ".join(
        f"{name}: {_listed(value)}" if isinstance(value, dict) else f"{name} {value}"
        for name, value in values.items()
    )


def _own_code(found: object) -> str:
    """Say what code of the user's own stood in a door."""
    if not isinstance(found, dict):
        return "none, the chapter's"
    return f"{found.get('name')}, sha256 {str(found.get('sha256'))[:12]}"


def _cells(record: Mapping[str, object]) -> list[str]:
    """Return the code of a run, one text per cell; none where the record has none."""
    cells = _mapping(record, "source").get("cells")
    return [*map(str, cells)] if isinstance(cells, list) else []


def _described(first: Sequence[str], cells: Sequence[str]) -> str:
    """Say how many cells of code there are, and which of them are not as in the first run."""
    if not cells:
        return NOT_RECORDED
    blocks = SequenceMatcher(a=first or cells, b=cells, autojunk=False).get_opcodes()
    other = [n + 1 for kind, _, _, start, end in blocks if kind != "equal" for n in range(start, end)]
    numbers = f"; other than in run 1: {', '.join(map(str, other))}" if other else ""
    return f"{len(cells)} cells{numbers}"


def _changes(first: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
    """Give the lines of a unified diff, without those that head it; a cell begins with `# %%`."""
    lines = ([line for cell in run for line in ("# %%", *cell.splitlines())] for run in (first, cells))
    diff = unified_diff(*lines, lineterm="", n=2)
    return (_printable(line) for number, line in enumerate(diff) if number > 1)


def _mapping(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return a part of a record that should be a mapping: a record may come from elsewhere."""
    return found if isinstance(found := record.get(name), dict) else {}


def _rows(record: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """Return a part of a record that should be a list of mappings."""
    found = record.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _methods(records: Records) -> list[str]:
    """Return the methods of the runs, networks first, as a sweep's report has them."""
    networks = [one.get("method") for record in records.values() for one in _rows(record, "outcomes")]
    every = [row.get("method") for record in records.values() for row in record["metrics"]]
    return [_printable(method or "") for method in dict.fromkeys([*networks, *every])]


def _curve_rows(records: Records, looks: Mapping[str, Look]) -> tuple[pd.DataFrame, str]:
    """Return all learning curves with their run, network and method, and the column that all of them have."""
    tables = {
        label: pd.DataFrame(record["curves"]).replace([np.inf, -np.inf], np.nan)
        for label, record in zip(labels(records), records.values(), strict=True)
    }
    tables = {label: table for label, table in tables.items() if {"epoch", "loss"} <= {*table}}
    rows = [
        table.assign(run=label, network=_networks(table), method=_method_of(table, looks)).dropna(
            subset=["epoch"]
        )
        for label, table in tables.items()
    ]
    drawn = "val_loss" if all("val_loss" in table for table in tables.values()) else "loss"
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(), drawn


def _draw(place: Axes, means: pd.Series, *, color: str, **look: object) -> None:
    """Draw a learning curve, and a cross at the upper edge where it stops being a number."""
    if means.isna().any():
        at = {"transform": place.get_xaxis_transform(), "ha": "center", "va": "top"}
        lost = means.index[means.isna()].min()
        place.text(lost, 0.98, "×", color=color, fontsize="large", fontweight="bold", **at)
    place.plot(means.index, means, color=color, **look)


def _method_of(table: pd.DataFrame, known: Collection[str]) -> pd.Series:
    """Return the method that each row of a curve is of: a text in it that names one, or else the first."""
    first = next(iter(known), "")

    def of(row: pd.Series) -> str:
        texts = (_printable(value) for value in row if isinstance(value, str))
        return next((text for text in texts if text in known), first)

    return table.apply(of, axis=1) if len(table) else pd.Series(dtype=str)


def _means(record: Mapping[str, object]) -> pd.Series:
    rows = results.metrics_of(record).astype({"value": float})
    groups = ["quantity", "method", "level"]
    rows[groups] = rows[groups].astype(object).where(rows[groups].notna(), "").map(_printable)
    is_mean = rows["image"].isna()
    has_mean = is_mean.groupby([rows[name] for name in groups]).transform("any")
    return rows[is_mean | ~has_mean].groupby(groups, sort=False)["value"].mean()


def _networks(table: pd.DataFrame) -> pd.Series:
    """Name each row's network by the columns of texts, such as its method and level."""
    texts = [column for column in table if any(isinstance(value, str) for value in table[column])]
    names = table[texts].astype(object).where(table[texts].notna(), "").map(_printable)
    return names.agg(", ".join, axis=1) if texts else pd.Series("", table.index)


def _printable(value: object) -> str:
    """Return a value's text, control characters as escapes: a record may come from elsewhere."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
