"""How far a run is: a training tells it in a small file of the run's folder, the runner shows it on stderr.

On a terminal there are two bars. Elsewhere, and where several runs share a terminal, there is one plain line
per minute.
"""

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from tqdm import tqdm

REPORT = "progress.json"
SECONDS_BETWEEN_REPORTS = 0.5
SECONDS_BETWEEN_LINES = 60.0


def epochs(first: int, last: int, training: str) -> Iterator[int]:
    """Count from `first` to `last`, and tell the run that this process belongs to, if any, how far it is.

    training: a name for the reader. Outside a run there is a bar on a terminal, as `tqdm` has it.
    """
    folder = os.environ.get("COMPENDIUM_RUN")
    started, reported = time.monotonic(), float("-inf")
    for epoch in tqdm(range(first, last + 1), initial=first - 1, total=last, unit="epoch", disable=None):
        now = time.monotonic()
        if folder and now - reported > SECONDS_BETWEEN_REPORTS:
            left = _left(now - started, epoch - first, last - epoch + 1)
            report = {"training": training, "epoch": epoch, "epochs": last, "seconds_left": left}
            with suppress(OSError):  # a training does not end for want of a progress bar
                Path(folder, REPORT).write_text(json.dumps(report), encoding="utf-8")
            reported = now
        yield epoch


@dataclass
class _State:
    """What the runner knows: folder and name of the run, the present cell, from 1, of how many, the start."""

    folder: Path
    name: str
    cell: int = 0
    cells: int = 0
    started: float = field(default_factory=time.monotonic)

    def of_run(self) -> tuple[str, int, int]:
        """Return a text, what is done, and of how much."""
        elapsed, done = time.monotonic() - self.started, max(self.cell - 1, 0)
        left = _left(elapsed, done, self.cells - done)
        text = f"{self.name}: code cell {self.cell} of {self.cells}, {_clock(elapsed)} so far{_about(left)}"
        return text, done, self.cells

    def of_training(self) -> tuple[str, int, int] | None:
        """Return the same of the training in the present cell, if there is one."""
        try:
            told = json.loads((self.folder / REPORT).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # there is none, or it is being written
            return None
        name, epoch, last = told["training"], told["epoch"], told["epochs"]
        return f"{name}: epoch {epoch} of {last}{_about(told['seconds_left'])}", epoch - 1, last


@contextmanager
def shown(
    folder: Path, name: str, numbers: Callable[[Any], Mapping[int, int]]
) -> Iterator[dict[str, Callable[..., None]]]:
    """Show the progress of the run in `folder`, by name, while the block lasts; gives hooks for nbclient.

    numbers: of a notebook's cells of code, from 1, by their index.
    """
    state, stop = _State(folder, name), threading.Event()
    numbered: dict[int, int] = {}

    def count(notebook: Mapping[str, Any]) -> None:
        numbered.update(numbers(notebook))
        state.cells = len(numbered)

    def advance(cell: Mapping[str, Any], cell_index: int) -> None:
        state.cell = numbered.get(cell_index, state.cell)  # what papermill adds has no number
        with suppress(OSError):  # Windows keeps what is just being read
            (folder / REPORT).unlink()  # of an earlier cell

    alone = multiprocessing.parent_process() is None
    show = _bars if alone and sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(state, stop), daemon=True)
    thread.start()
    try:
        yield {"on_notebook_start": count, "on_cell_execute": advance}
    finally:
        stop.set()
        thread.join()
        (folder / REPORT).unlink(missing_ok=True)


def _bars(state: _State, stop: threading.Event) -> None:
    columns = BarColumn(bar_width=24), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bars:
        run, training = bars.add_task(""), bars.add_task("", visible=False)
        while not stop.wait(SECONDS_BETWEEN_REPORTS):
            text, done, total = state.of_run()
            bars.update(run, description=text, completed=done, total=total)
            told = state.of_training()
            text, done, total = told or ("", 0, 1)
            bars.update(training, description=text, completed=done, total=total, visible=bool(told))
            bars.refresh()


def _lines(state: _State, stop: threading.Event) -> None:
    while not stop.wait(SECONDS_BETWEEN_LINES):
        parts = [told[0] for told in (state.of_run(), state.of_training()) if told]
        print("; ".join(parts), file=sys.stderr, flush=True)


def _left(elapsed: float, done: int, remaining: int) -> float | None:
    """Return the seconds that the rest takes at the pace so far, or None where there is none yet."""
    return elapsed / done * remaining if done else None


def _about(seconds: float | None) -> str:
    return "" if seconds is None else f", about {_clock(seconds)} left"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))).removeprefix("0:")
