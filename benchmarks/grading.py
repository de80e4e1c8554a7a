"""What it costs to grade a submission, beside running its cells alone.

python benchmarks/grading.py [--labs corrupt] [--rounds 2]

The submission is the lab's solution; every round has each lab once. Seconds, the least of the rounds: by the
clock, and of processors, the number to go by on a busy machine; "cells" is one Python that runs the same
cells. A cage is ended with all that is in it, so what it has used is looked at twenty times a second.
"""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
import typer

from compendium import processes
from compendium.labs import cage, course, editions, source

CELLS = """
import sys
import nbformat
sys.path.insert(0, sys.argv[1])
from compendium import doctor
doctor.report = lambda: None
names = {"__name__": "__main__"}
for cell in nbformat.read(sys.argv[2], 4).cells:
    if cell.cell_type == "code":
        exec(cell.source, names)
"""
LIMITS = cage.Limits(seconds=1800, memory=4096 * cage.MB)


def main(labs: list[str] | None = None, rounds: int = 2) -> None:
    """Print a line for each lab."""
    chosen = [source.load(name) for name in labs or source.names()]
    found: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(rounds):
        for lab in chosen:
            with tempfile.TemporaryDirectory() as folder:
                handed_in = Path(folder, "in", f"{lab.name}.ipynb")
                handed_in.parent.mkdir()
                nbformat.write(editions.solution(lab), handed_in)
                Path(folder, f"{editions.check_name(lab)}.py").write_text(lab.check_module, encoding="utf-8")
                found.setdefault(lab.name, []).append((*graded(Path(folder)), cells(folder, handed_in)))
    print(f"{'':14}{'seconds':>10}{'processor':>11}{'cells':>8}{'ratio':>8}")
    for name, times in found.items():
        clock, used, alone = (min(column) for column in zip(*times, strict=True))
        print(f"{name:14}{clock:10.1f}{used:11.1f}{alone:8.1f}{used / alone:8.2f}")


def graded(folder: Path) -> tuple[float, float]:
    """Grade a folder's one submission; return the seconds by the clock, and of processors in its cages."""
    used: dict[int, float] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for one in processes.tree(os.getpid())[1:]:
                try:
                    times = one.cpu_times()
                except psutil.Error:
                    continue
                used[one.pid] = times.user + times.system

    thread = threading.Thread(target=look)
    thread.start()
    started = time.perf_counter()
    try:
        course.grade(folder / "in", folder / "out", lab=None, limits=LIMITS, workers=1, tell=lambda _: None)
    finally:
        ended.set()
        thread.join()
    return time.perf_counter() - started, sum(used.values())


def cells(folder: str, notebook: Path) -> float:
    """Return the seconds of processors in which one Python runs a notebook's cells."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    command = [sys.executable, "-c", CELLS, folder, str(notebook)]
    subprocess.run(command, capture_output=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    typer.run(main)
