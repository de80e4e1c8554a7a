"""One point of a sweep as a Dask task: a run in a process of its own, with one thread of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from distributed import Status, Worker, get_worker

from compendium import project, runs
from compendium.errors import CompendiumError
from compendium.sweep.folder import SWEEP, point_folder
from compendium.sweep.grid import Point, text

LOG = "run.log"


class Outcome(NamedTuple):
    """How a point ended: "done" or "failed", and then why, in one line."""

    status: str
    message: str = ""


def dask_setup(worker: Worker) -> None:
    """Leave Ctrl-C in a terminal to the command, which ends its workers; Dask calls this as they start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def obstacle(folder: str, library: str) -> str | None:
    """Return what keeps this machine from running points of the sweep in `folder`, or None.

    library: `project.library_hash` where the sweep was started.
    """
    if not (Path(folder) / SWEEP).exists():
        return f"does not see {folder}; name a shared folder with --out"
    if project.library_hash() != library:
        return "has another version of lib/; bring its checkout to the same"
    return None


def execute(
    chapter: str,
    options: list[str],
    point: Point,
    folder: str,
    library: str,
) -> Outcome:
    """Run a point and wait for it; what it prints is kept in its folder.

    Args:
        chapter: the notebook's name.
        options: of `compendium run`, the same for every point.
        point: which.
        folder: the sweep's, on a disk that every worker sees.
        library: `project.library_hash` where the sweep was started.

    Raises CompendiumError where this machine cannot run it; see `obstacle`.
    """
    if found := obstacle(folder, library):
        raise CompendiumError(f"the worker on {socket.gethostname()} {found}")
    out = point_folder(Path(folder), point.name)
    out.mkdir(parents=True, exist_ok=True)
    swept = [part for name, value in point.values.items() for part in ("-p", f"{name}={text(value)}")]
    arguments = ["run", chapter, *options, *swept, "--out", str(out), "--resume"]
    worker = get_worker()
    with (
        open(out / LOG, "wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "compendium.cli.leash", str(out), *arguments],
            stdin=subprocess.PIPE,  # the leash
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},  # of the log
            start_new_session=True,
        ) as process,
    ):
        status = _wait(process, worker)
    if status == 0 and runs.finished(out, chapter):
        return Outcome("done")
    return Outcome("failed", _reason(status, out / LOG))


def failure(folder: Path, chapter: str) -> str | None:
    """Return why the last run in a point's folder failed, if it was in a cell; else None.

    With the same code it will fail again. What was killed or cut off goes on from its checkpoints instead.
    """
    try:
        cells = json.loads((folder / runs.failed(chapter)).read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        if any(output["output_type"] == "error" for output in outputs):
            return _reason(1, folder / LOG)
    except (OSError, ValueError, KeyError):
        pass
    return None


def _wait(process: subprocess.Popen[bytes], worker: Worker) -> int:
    """Return the exit status; a task that is cancelled, or whose worker closes, ends the process."""
    key = worker.get_current_task()
    while True:
        try:
            return process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            task = worker.state.tasks.get(key)
            wanted = task is not None and task.state == "executing"
            if not wanted or worker.status not in (Status.running, Status.paused):
                process.stdin.close()


def _reason(status: int, log: Path) -> str:
    if status < 0:
        return f"the run was ended by {signal.Signals(-status).name}, perhaps for lack of memory; see {log}"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if status == 0:
        return f"the run left no record; see {log}"
    errors = [line.removeprefix("compendium: ") for line in lines if line.startswith("compendium: ")]
    return (errors or lines or [f"ended with status {status}; see {log}"])[-1]
