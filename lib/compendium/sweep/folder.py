"""A sweep's folder, which alone says what the sweep is and what of it is done.

    sweep.json                                   chapter, profile, parameters, grid, key
    points/NAME/                                 a run's folder, with what it printed in run.log
    results.parquet, results.csv, report.html    made from these

A point is done when its folder holds a finished run; there is no other state.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from filelock import FileLock

from compendium import chapters, data, project, runs
from compendium.errors import CompendiumError, UsageError
from compendium.files import write_atomically
from compendium.sweep.grid import Grid, Point

SWEEP = "sweep.json"
LOCK = ".sweep.lock"


@dataclass(frozen=True)
class Sweep:
    """What is run: `parameters` are the same at every point, `grid` has the values of those that change.

    doors: code of the user's own, by door (see `runs.resolve`). left_out: parts that no point computes.
    """

    chapter: str
    profile: str
    parameters: dict[str, Any]
    grid: Grid
    doors: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def key(self) -> str:
        """Return a hash of all that decides the sweep's outcome; see `Run.key`."""
        chapter = chapters.named(self.chapter)
        same = {**chapter.of_profile(self.profile), **self.parameters}
        first = {name: values[0] for name, values in self.grid.items()}
        run = runs.resolve(
            chapter, {**same, **first}, profile=self.profile, doors=self.doors, left_out=self.left_out
        )
        decisive = [
            run.key,
            self.profile,
            self.grid,
            # the first point may name another data set than the others
            [data.fingerprint(name) for name in _items(self.grid) if data.is_set(name)],
        ]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]

    def described(self) -> dict[str, Any]:
        """Return what decides the sweep, as it is written in its folder."""
        return json.loads(json.dumps({**asdict(self), "key": self.key()}))

    def folder(self) -> Path:
        """Return the sweep's own folder in `runs/`."""
        return project.RUNS / "sweeps" / f"{self.chapter}-{self.key()}"


def check(sweep: Sweep, folder: Path) -> None:
    """Raise UsageError where `folder` holds another sweep, or something else."""
    description = folder / SWEEP
    if not description.exists():
        if folder.exists() and {path.name for path in folder.iterdir()} - {LOCK}:
            raise UsageError(f"{folder}: holds something else; name another folder with --out")
        return
    try:
        there = json.loads(description.read_text(encoding="utf-8"))
    except ValueError:
        raise CompendiumError(f"{description}: not readable; name another folder with --out") from None
    # the key alone differs where the code, the data or the packages have changed
    different = [name for name, value in sweep.described().items() if there.get(name) != value]
    if different:
        raise UsageError(
            f"{folder}: holds another sweep (other {', '.join(different)}); name another folder with --out"
        )


def claim(sweep: Sweep, folder: Path) -> None:
    """Make `folder` the sweep's, or find that it is; raises UsageError where it is not (see `check`)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CompendiumError(f"{folder}: {fault.strerror}; name another folder with --out") from None
    with FileLock(folder / LOCK):
        check(sweep, folder)
        write_atomically(folder / SWEEP, json.dumps(sweep.described(), indent=1) + "\n")


def point_folder(folder: Path, name: str) -> Path:
    """Return the folder of a sweep's point."""
    return folder / "points" / name


def record(folder: Path) -> dict[str, Any]:
    """Return the record of the finished run in a folder; raises CompendiumError where it cannot be read."""
    from compendium import results  # brings pandas, for which no point must wait

    return results.read(folder / runs.RECORD)


def seconds_a_point(sweep: Sweep, points: Sequence[Point], folder: Path) -> tuple[float, str] | None:
    """Return how long a point takes and what says so, or None.

    That is the mean over the sweep's finished points, or else the published run under the same profile.
    """
    done = [at for p in points if runs.finished(at := point_folder(folder, p.name), sweep.chapter)]
    recorded = project.RESULTS / sweep.chapter / sweep.profile
    if done:
        source = f"{len(done)} finished points"
    elif (recorded / runs.RECORD).exists():
        done, source = [recorded], f"the published run under {sweep.profile}"
    else:
        return None
    records = [record(at) for at in done]
    if all("form" in one for one in records):
        return mean(one["wall_seconds"] for one in records), source
    # records of an earlier form say how long their last start took
    return mean(one["training_seconds"] for one in records), f"{source}, training alone"


def _items(grid: Grid) -> list[Any]:
    """Return all values, and the items of those that are lists."""
    values = [value for values in grid.values() for value in values]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]
