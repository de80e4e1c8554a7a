"""The user's own leaderboard: records of evaluations, kept by name in `runs/leaderboard/`."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from compendium import project, results
from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.leaderboard.scores import DIFFERENCE

Record = Mapping[str, Any]

SHOWN = {"MSE": "{:.5f}", "PSNR": "{:.2f}", "SSIM": "{:.3f}", "milliseconds per image": "{:.2f}"}
"""The measures that the printed table has, and how."""


def check_name(name: str) -> None:
    """Raise UsageError unless a name is of letters, digits, "-" and "_"."""
    if not re.fullmatch(r"[\w-]+", name):
        raise UsageError(f'--add "{name}": a name has letters, digits, - and _ alone')


def add(name: str, record: Record) -> Path:
    """Keep a record under a name; return its file.

    Raises UsageError where another run has that name.
    """
    path = _folder() / f"{name}.json"
    if path.exists() and results.read(path)["key"] != record["key"]:
        raise UsageError(f"--add {name}: this name has another run; choose another name, or delete {path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(record))
    return path


def table(record: Record) -> str:
    """Return an evaluation as text: at each level all methods, then how yours compares with the best other.

    Methods on the user's leaderboard are among them where they restored the same images.
    """
    metrics = pd.DataFrame(record["metrics"])
    yours = _own_name(record)
    for name, other in _others(record).items():
        theirs = pd.DataFrame(other["metrics"])
        metrics = pd.concat([metrics, theirs[theirs["method"] == _own_name(other)].assign(method=name)])
    differences = metrics[metrics["quantity"] == DIFFERENCE].set_index(["level", "method"])["value"]
    lines = []
    for level, rows in metrics[metrics["quantity"].isin(SHOWN)].groupby("level", sort=False):
        means = rows.pivot_table(index="method", columns="quantity", values="value")[[*SHOWN]]
        means = means.sort_values("MSE").rename(index={yours: f"* {yours}"})
        shown = means.apply(lambda column: column.map(SHOWN[column.name].format))
        lines += ["", level, shown.rename_axis(None).rename_axis(None, axis=1).to_string()]
        if (level, "low") in differences:
            mean, low, high = (differences[level, name] for name in ("difference", "low", "high"))
            lines.append(f"MSE minus that of the best of the book's: {mean:.5f} ({low:.5f} to {high:.5f})")
    return "\n".join(lines[1:])


def _own_name(record: Record) -> str:
    return record["own"]["method"]["name"]


def _others(record: Record) -> dict[str, Record]:
    """Return the kept records of other runs on the same images, by their names."""
    paths = sorted(_folder().glob("*.json"))
    found = {path.stem: results.read(path) for path in paths}
    return {
        name: other
        for name, other in found.items()
        if other["key"] != record["key"]
        and other["noise"] == record["noise"]
        and other["parameters"]["test_images"] == record["parameters"]["test_images"]
    }


def _folder() -> Path:
    return project.RUNS / "leaderboard"
