"""The results of a sweep as one tidy table: one row per number and point."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from compendium import results, runs
from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.outcomes import COLLAPSED, DIVERGED, LEARNT
from compendium.sweep.folder import Sweep, point_folder, record
from compendium.sweep.grid import Point, text

# `seed` is a swept parameter; a run that itself has several seeds names them here
SEED_IN_RUN = "seed_in_run"
METRICS = [SEED_IN_RUN if name == "seed" else name for name in results.METRIC_COLUMNS]
OUTCOMES = (LEARNT, COLLAPSED, DIVERGED)  # the worst last
TYPES = {
    **dict.fromkeys(("quantity", "method", "level", "outcome", "message"), "str"),
    **dict.fromkeys((SEED_IN_RUN, "image", "outcome_epoch"), "Int64"),
    **dict.fromkeys(("value", "seconds"), "float64"),
}
COLUMNS = ["point", *METRICS, "outcome", "outcome_epoch", "seconds", "status", "message"]


def check_names(swept: Iterable[str]) -> None:
    """Raise UsageError where a swept parameter has the name of one of the table's own columns."""
    for name in swept:
        if name in COLUMNS:
            raise UsageError(f"-g {name}: the table of results has a column of that name; it cannot be swept")


def build(sweep: Sweep, points: Sequence[Point], failures: Mapping[str, str], folder: Path) -> pd.DataFrame:
    """Return the numbers of all points; `failures` has the messages of those that failed, by name.

    The columns are `point`, the swept parameters (lists as text, or where each has one item as this), those
    of a record's metrics, with `seed_in_run` for its `seed`, then

        outcome, outcome_epoch    what became of the network that the row is of, and from which epoch; of
                                  several networks, the worst; missing where a row is of none
        seconds                   wall time of the run, over all its starts
        status                    "done", "failed", or "missing": not run yet, or not to its end
        message                   why it failed

    A point without numbers has one row.
    """
    parts = [_rows(sweep, point, failures.get(point.name), folder) for point in points]
    table = pd.concat(parts, ignore_index=True)[["point", *sweep.grid, *COLUMNS[1:]]]
    for name, values in sweep.grid.items():
        if isinstance(values[0], list):
            single = all(len(value) == 1 for value in values)
            table[name] = [value[0] if single else text(value) for value in table[name]]
    return table.astype(TYPES)


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write `results.parquet` and `results.csv`."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomically(folder / "results.parquet", buffer.getvalue())
    write_atomically(folder / "results.csv", table.to_csv(index=False))


def of_network(method: str, outcomes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the outcomes of the network that a method's name is of: its own, or one named in it.

    So "CAE, altered pixels" is of the network CAE, and of DAE_1_5 is nothing but itself.
    """
    names = {one.get("method") or "" for one in outcomes}
    within = [name for name in names if name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", method)]
    own = method if method in names else max(within, key=len, default=None)
    return [one for one in outcomes if (one.get("method") or "") == own]


def _rows(sweep: Sweep, point: Point, failure: str | None, folder: Path) -> pd.DataFrame:
    at = point_folder(folder, point.name)
    done = failure is None and runs.finished(at, sweep.chapter)
    content = record(at) if done else {"metrics": [], "wall_seconds": None}
    rows = pd.DataFrame(content["metrics"] or [{}], columns=results.METRIC_COLUMNS)
    columns = {
        **point.values,
        "point": point.name,
        "seconds": content["wall_seconds"],
        "status": "done" if done else "missing" if failure is None else "failed",
        "message": failure,
    }
    columns = {name: [value] * len(rows) for name, value in columns.items()}  # a value may be a list
    became = [_worst(row, content.get("outcomes") or []) for row in content["metrics"] or [{}]]
    columns |= {"outcome": [one.get("outcome") for one in became]}
    columns |= {"outcome_epoch": [one.get("epoch") for one in became]}
    return rows.rename(columns={"seed": SEED_IN_RUN}).assign(**columns)


def _worst(row: Mapping[str, Any], outcomes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the worst outcome of the networks that a record's row is of, or an empty one."""
    fitting = [
        one
        for one in of_network(row.get("method") or "", outcomes)
        if all(
            None in (own := row.get(part), its := one.get(part)) or own == its for part in ("level", "seed")
        )
    ]
    return max(fitting, key=lambda one: OUTCOMES.index(one["outcome"]), default={})
