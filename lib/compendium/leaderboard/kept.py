"""The user's own leaderboard: records of evaluations, kept by name in `runs/leaderboard/`."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compendium import project, results
from compendium.errors import CompendiumError, UsageError
from compendium.files import write_atomically
from compendium.leaderboard.scores import DIFFERENCE

Record = Mapping[str, Any]

SHOWN = {"MSE": "{:.5f}", "PSNR": "{:.2f}", "SSIM": "{:.3f}", "milliseconds per image": "{:.2f}"}
"""The measures that the printed table has, and how."""

YOURS, KEPT = "* ", "+ "
"""What stands before the name of the method that was evaluated, and before those that the user kept."""


def check(name: str, key: str) -> None:
    """Raise UsageError unless a record with this key may be kept under a name."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UsageError(
            f'--add "{name}": a name begins with a letter or digit, and has these, - and _ alone'
        )
    path = _path(name)
    if path.exists() and results.read(path).get("key") != key:
        raise UsageError(f"--add {name}: this name has another run; choose another name, or delete {path}")


def add(name: str, record: Record) -> Path:
    """Keep a record under a name; return its file. Raises UsageError as `check`."""
    check(name, record["key"])
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(record))
    return path


def others(record: Record) -> tuple[dict[str, Record], list[Path]]:
    """Return the kept records of other runs on the same images, by name, and the files that are no record."""
    found, left_out = {}, []
    for path in sorted(_path("*").parent.glob("*.json")):
        try:
            other = results.read(path)
            same = _images(other) == _images(record)
        except (CompendiumError, KeyError, TypeError):
            left_out.append(path)
        else:
            if same and other["key"] != record["key"]:
                found[path.stem] = other
    return found, left_out


def table(record: Record, others: Mapping[str, Record]) -> str:
    """Return an evaluation as text: at each level all methods, then how yours compares with the best other.

    others: kept records on the same images, by name, whose methods stand among the book's.
    """
    yours, metrics = _own_name(record), pd.DataFrame(record["metrics"])
    of_kept = [_own_rows(other, KEPT + name) for name, other in others.items()]
    shown = pd.concat([metrics.replace({"method": {yours: YOURS + yours}}), *of_kept])
    compared = metrics[metrics["quantity"] == DIFFERENCE].set_index(["level", "method"])["value"]
    legend = f"{YOURS}yours" + (f", {KEPT}kept by you" if others else "")
    lines = [f"{_described(record)}; MSE, lower is better; {legend}"]
    for level, rows in shown[shown["quantity"].isin(SHOWN)].groupby("level", sort=False):
        means = rows.pivot_table(index="method", columns="quantity", values="value")[[*SHOWN]]
        means = means.sort_values("MSE")
        texts = means.apply(lambda column: column.map(SHOWN[column.name].format))
        lines += ["", level, texts.rename_axis(None).rename_axis(None, axis=1).to_string()]
        best = next(name for name in means.index if not name.startswith((YOURS, KEPT)))
        lines.append(_compared(best, *(compared[level, name] for name in ("difference", "low", "high"))))
    return "\n".join(lines)


def _own_rows(record: Record, shown_as: str) -> pd.DataFrame:
    """Return the metrics of the user's method in a record, under another name."""
    rows = pd.DataFrame(record["metrics"])
    return rows[rows["method"] == _own_name(record)].assign(method=shown_as)


def _compared(best: str, mean: float, low: float, high: float) -> str:
    where = "ahead of" if high < 0 else "behind" if low > 0 else "not told apart from"
    return (
        f"Yours is {where} {best}, the best of the book's: MSE {mean:+.5f}, "
        f"95 % interval {low:+.5f} to {high:+.5f} over the images."
    )


def _described(record: Record) -> str:
    parameters = record["parameters"]
    seeds = f", mean of {len(parameters['seeds'])} seeds" if len(parameters["seeds"]) > 1 else ""
    return f"{parameters['test_images']} test images of {parameters['dataset']}{seeds}"


def _images(record: Record) -> tuple[object, object]:
    return record["noise"], record["parameters"]["test_images"]


def _own_name(record: Record) -> str:
    return record["own"]["method"]["name"]


def _path(name: str) -> Path:
    return project.RUNS / "leaderboard" / f"{name}.json"
