"""What a run costs beyond its own work, and what `compendium sweep` makes of two workers.

python benchmarks/sweep.py [--points 6] [--rounds 3] [--loops 100000000] [--epochs 15]

Two notebooks: `plain` counts in a Python loop, `keras` imports Keras and trains a small network. First each
is run alone, by papermill and by `compendium run`: the cost is the wall time less that between the start of
the first cell and the end of the last. Then a grid of points is run by a loop of papermill calls in one
process, which imports papermill once, and by `compendium sweep` with one worker and with two. Each round
gives every contender a turn, so that a busy machine slows all alike; the ratios are taken within a round.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
import numpy as np
import typer
from joblib import cpu_count
from nbformat.v4 import new_code_cell, new_notebook

from compendium import project

PARAMETERS = "seed: int = 0  # of the point, any number\nsize: int = 1  # of the work, 1 or more"
START = "import json, os, time\nfrom pathlib import Path\nstarted = time.perf_counter()"
WORK = {
    "plain": "total = 0\nfor number in range(size):\n    total += number % 7",
    "keras": """\
import keras
import numpy as np
images = np.random.default_rng(seed).random((2048, 28, 28, 1), np.float32)
network = keras.Sequential([keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.Conv2D(1, 3)])
network.compile(optimizer="adam", loss="mse")
network.fit(images, images[:, 2:-2, 2:-2], epochs=size, batch_size=64, verbose=0)""",
}
END = """\
record = {"chapter": "", "parameters": {}, "metrics": [], "curves": []}
record["training_seconds"] = time.perf_counter() - started
Path(os.environ["COMPENDIUM_RUN"], "record.json").write_text(json.dumps(record))"""

LOOP = """\
import os, sys
import papermill
notebook, folder, points, size = sys.argv[1:]
for seed in range(int(points)):
    os.environ["COMPENDIUM_RUN"] = out = f"{folder}/{seed}"
    os.makedirs(out)
    given = {"seed": seed, "size": int(size)}
    papermill.execute_notebook(notebook, f"{out}/out.ipynb", given, progress_bar=False)
"""


def main(points: int = 6, rounds: int = 3, loops: int = 100_000_000, epochs: int = 15) -> None:
    """Print seconds beyond a run's own work, and how many times as fast as the loop a sweep is."""
    print(f"{rounds} rounds, {cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians (ranges)")
    with tempfile.TemporaryDirectory() as folder:
        root = checkout(Path(folder))
        costs(root, rounds)
        speed_up(root, rounds, points, {"plain": loops, "keras": epochs})


def checkout(root: Path) -> Path:
    """Make a checkout of the library as it is, with the two notebooks for chapters."""
    for part in ("lib", "book/_static"):  # these are in the page of a sweep
        shutil.copytree(project.ROOT / part, root / part)
    (root / "notebooks").mkdir()
    (root / "notebooks" / "profiles.yml").write_text("quick: {}\n", encoding="utf-8")
    for name, work in WORK.items():
        parameters = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        cells = [parameters, *map(new_code_cell, (START, work, END))]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(
            new_notebook(cells=cells, metadata={"kernelspec": kernel}), root / "notebooks" / f"{name}.ipynb"
        )
    return root


def costs(root: Path, rounds: int) -> None:
    """Print what one run costs beyond its own work."""
    heads = ("its own work, s", "beyond: papermill, s", "compendium run, s", "ratio")
    print(f"\n{'one run':10}" + "".join(f"{head:>22}" for head in heads))
    for name in WORK:
        own, papermill, ours = [], [], []
        for _ in range(rounds):
            total, work = single(root, ["papermill", root / "notebooks" / f"{name}.ipynb", "-"])
            own.append(work)
            papermill.append(total - work)
            total, work = single(root, ["compendium", "run", name])
            ours.append(total - work)
        columns = (own, papermill, ours, np.array(ours) / papermill)
        print(f"{name:10}" + "".join(f"{describe(values):>22}" for values in columns))


def single(root: Path, command: Sequence[object]) -> tuple[float, float]:
    """Return the wall time of a command that runs one notebook, and that of the notebook's own work."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        if command[0] == "compendium":
            command = [*command, "--no-page", "--out", folder]
        total = seconds(root, ["-m", *command], COMPENDIUM_RUN=folder)
        return total, json.loads(Path(folder, "record.json").read_text(encoding="utf-8"))["training_seconds"]


def speed_up(root: Path, rounds: int, points: int, sizes: dict[str, int]) -> None:
    """Print how many times as fast as a loop of papermill calls a sweep is."""
    heads = ("loop of papermill, s", "sweep, 1 worker", "sweep, 2 workers", "2 workers over 1")
    print(f"\n{f'{points} points':10}" + "".join(f"{head:>22}" for head in heads) + "   (times as fast)")
    for name, size in sizes.items():
        loop, one, two = [], [], []
        for turn in range(rounds):
            notebook, out = root / "notebooks" / f"{name}.ipynb", root / "loop" / f"{name}{turn}"
            loop.append(seconds(root, ["-c", LOOP, notebook, out, points, size]))
            for workers, times in ((1, one), (2, two)):
                grid = ["-g", f"seed=0..{points - 1}", "-p", f"size={size}", "--workers", workers]
                out = root / "sweeps" / f"{name}{turn}{workers}"
                times.append(seconds(root, ["-m", "compendium", "sweep", name, *grid, "--out", out]))
        ratios = [np.array(loop) / one, np.array(loop) / two, np.array(one) / two]
        print(f"{name:10}" + "".join(f"{describe(values):>22}" for values in (loop, *ratios)))


def seconds(root: Path, arguments: Sequence[object], **variables: str) -> float:
    """Return the wall time of Python with these arguments, in the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root / "lib"), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, arguments)], env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


def describe(values: Sequence[float]) -> str:
    """Format the median and the range."""
    return f"{np.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    typer.run(main)
