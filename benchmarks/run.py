"""What the smallest run of the salt-and-pepper chapter costs, and a sweep's point of the same parameters.

python benchmarks/run.py [--rounds 3]

Seconds by the clock, by what they are spent on:

    start      from the command to the run: Python, the command line, the run's key
    notebook   the kernel's start and end, and what is done with the notebook between cells
    imports    the chapter's packages, TensorFlow above all
    data, baselines, training
               the cells that load and corrupt images, denoise them without a network, and train
    parts      the cells that a sweep leaves out, such as pictures
    rest       all other cells
    page       the run's web page, and the end of the command

The times of cells are those in the run's record. Each round has a run, and a sweep of three points on one
worker; a point lasts until the next is as far as it was. "processor" is what a command and all that it
started used of all processors, for a sweep divided by its points: the number to go by on a busy machine.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import typer
from joblib import cpu_count

from compendium import project, results, runs
from compendium.chapters import part_of

CHAPTER = "salt-pepper-cae"
SMALLEST = {"epochs": 1, "train_images": 200, "test_images": 50, "fractions": 0.3}
SPENT_ON = {
    "import keras": "imports",
    "data.load(": "data",
    "noise.salt_pepper(": "data",
    "train_network(level": "training",
    "baselines.IMPULSE": "baselines",
}
"""What a cell's source has in it -> what its time is spent on."""
COLUMNS = ("start", "notebook", "imports", "data", "baselines", "training", "parts", "rest", "page")


def main(rounds: int = 3) -> None:
    """Print a line for the run and one for the point."""
    heads = (*COLUMNS, "all", "processor")
    found: dict[str, list[dict[str, float]]] = {"one run": [], "a point": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            found["one run"].append(of_run(Path(folder, "run")))
            found["a point"].append(of_point(Path(folder, "sweep")))
    print(f"{rounds} rounds, {cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians, in seconds")
    print(f"{'':8}" + "".join(f"{head:>10}" for head in heads))
    for name, times in found.items():
        totals = [one | {"all": sum(one[column] for column in COLUMNS)} for one in times]
        medians = [np.median([one[head] for one in totals]) for head in heads]
        print(f"{name:8}" + "".join(f"{seconds:10.2f}" for seconds in medians))


def of_run(folder: Path) -> dict[str, float]:
    """Run the chapter once; return seconds by what they were spent on."""
    before = time.time()
    used = command("run", "--out", folder)
    begun, ended = span(folder)
    return {**inside(folder), "start": begun - before, "page": time.time() - ended, "processor": used}


def of_point(folder: Path, points: int = 3) -> dict[str, float]:
    """Run a sweep; return the same for a point of it, as the mean over all but the last."""
    used = command("sweep", "-g", f"seed=1..{points}", "--workers", 1, "--out", folder)
    times: Counter[str] = Counter(processor=used * (points - 1) / points)
    for point, following in pairwise(sorted((folder / "points").iterdir(), key=span)):
        ended, page = span(point)[1], point / f"{CHAPTER}.html"
        over = page.stat().st_mtime if page.exists() else ended
        times.update({**inside(point), "start": span(following)[0] - over, "page": over - ended})
    return {name: seconds / (points - 1) for name, seconds in times.items()}


def command(name: str, *options: object) -> float:
    """Run a command on the chapter with the smallest parameters; return what it used of processors."""
    given = [part for name, value in SMALLEST.items() for part in ("-p", f"{name}={value}")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = [sys.executable, "-m", "compendium", name, CHAPTER, *given, *map(str, options)]
    subprocess.run(line, cwd=project.ROOT, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def span(folder: Path) -> tuple[float, float]:
    """Return when the notebook of the run in a folder was begun, and when it was done."""
    start = json.loads((folder / runs.STATE).read_text(encoding="utf-8"))["starts"][-1]
    begun = datetime.fromisoformat(start["at"]).timestamp()
    return begun, begun + start["seconds"]


def inside(folder: Path) -> dict[str, float]:
    """Return seconds from the start of a run's notebook to its end, by what they were spent on."""
    notebook = nbformat.read(project.chapter_path(CHAPTER), 4)
    times = Counter(dict.fromkeys(COLUMNS, 0.0))
    for row in results.read(folder / runs.RECORD)["cells"]:
        cell = notebook.cells[row["cell"] - 1]
        kinds = (kind for words, kind in SPENT_ON.items() if words in cell.source)
        times["parts" if part_of(cell.metadata.get("tags", [])) else next(kinds, "rest")] += row["seconds"]
    begun, ended = span(folder)
    times["notebook"] = ended - begun - times.total()
    return times


if __name__ == "__main__":
    typer.run(main)
