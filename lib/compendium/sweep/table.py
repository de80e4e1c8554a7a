"""The results of a sweep as one tidy table: a row a number and point."""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from compendium import results
from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.sweep.folder import Sweep, point_folder, record
from compendium.sweep.grid import Point, text

# `seed` is a swept parameter; a run that itself has several seeds names them here
SEED_IN_RUN = "seed_in_run"
METRICS = [SEED_IN_RUN if name == "seed" else name for name in results.METRIC_COLUMNS]
TYPES = {"quantity": "str", "method": "str", "level": "str", SEED_IN_RUN: "Int64", "image": "Int64"}
COLUMNS = ["point", *METRICS, "seconds", "status", "message"]


def check_names(swept: Iterable[str]) -> None:
    """Raise UsageError where a swept parameter has the name of one of the table's own columns."""
    for name in swept:
        if name in COLUMNS:
            raise UsageError(f"-g {name}: the table of results has a column of that name; it cannot be swept")


def build(sweep: Sweep, points: Sequence[Point], failures: Mapping[str, str], folder: Path) -> pd.DataFrame:
    """Return all points' numbers; `failures` has the messages of the points that failed, by name.

    The columns are `point`, the swept parameters (lists as text, or where each has one item as this), those
    of a record's metrics, with `seed_in_run` for its `seed`, then `seconds` (wall time since the run's last
    start), `status` ("done" or "failed") and `message`. A point without numbers has one row.
    """
    parts = [_rows(point, failures.get(point.name), point_folder(folder, point.name)) for point in points]
    table = pd.concat(parts, ignore_index=True)[["point", *sweep.grid, *COLUMNS[1:]]]
    for name, values in sweep.grid.items():
        if isinstance(values[0], list):
            single = all(len(value) == 1 for value in values)
            table[name] = [value[0] if single else text(value) for value in table[name]]
    return table.astype({**TYPES, "value": "float64", "seconds": "float64", "message": "str"})


def write(table: pd.DataFrame, folder: Path) -> None:
    """Write `results.parquet` and `results.csv`."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomically(folder / "results.parquet", buffer.getvalue())
    write_atomically(folder / "results.csv", table.to_csv(index=False))


def _rows(point: Point, failure: str | None, folder: Path) -> pd.DataFrame:
    content = record(folder) if failure is None else {"metrics": [], "wall_seconds": None}
    rows = pd.DataFrame(content["metrics"] or [{}], columns=results.METRIC_COLUMNS)
    columns = {
        **point.values,
        "point": point.name,
        "seconds": content["wall_seconds"],
        "status": "done" if failure is None else "failed",
        "message": failure,
    }
    columns = {name: [value] * len(rows) for name, value in columns.items()}  # a value may be a list
    return rows.rename(columns={"seed": SEED_IN_RUN}).assign(**columns)
