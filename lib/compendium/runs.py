"""Folders of runs. A folder holds one run, begun or finished, and is never given to another."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from compendium.errors import CompendiumError, UsageError
from compendium.files import write_atomically

STATE = "run.json"
RECORD = "record.json"


@dataclass(frozen=True)
class Run:
    """What decides a run: `parameters` are those that its profile and its user set, `key` is `runner.key`.

    commit: of the checkout when it began, or None outside git.
    """

    chapter: str
    profile: str
    parameters: Mapping[str, Any]
    key: str
    commit: str | None


def begun(folder: Path) -> Run | None:
    """Return the run that a folder holds, or None. Raises CompendiumError where that cannot be read."""
    path = folder / STATE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise CompendiumError(f"{folder}: {fault.strerror}; choose another folder with --out") from None
    try:
        run = Run(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        run = None
    if run is None or not isinstance(run.parameters, dict):
        raise CompendiumError(f"{path}: does not describe a run; choose another folder with --out")
    return run


def finished(folder: Path, run: Run) -> Path | None:
    """Return the executed notebook of a run, or None where it has not come to its end."""
    notebook = folder / f"{run.chapter}.ipynb"
    return notebook if notebook.exists() else None


@contextmanager
def held(folder: Path, run: Run, *, resume: bool) -> Iterator[None]:
    """Keep `folder` for `run` while the block lasts; makes it where there is none.

    resume: whether the folder may hold this very run already, begun or finished.

    Raises:
        UsageError: the folder holds another run, or this one without `resume`.
        CompendiumError: another process is working in it, or it cannot be written.
    """
    _refuse_another(folder, run, resume)
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise CompendiumError(
            f"{folder}: another process runs {run.chapter} there; wait for it, or choose another folder"
        ) from None
    except OSError as fault:
        raise CompendiumError(f"{folder}: {fault.strerror}; free space or choose another folder") from None
    try:
        write_atomically(folder / STATE, json.dumps(asdict(run), indent=1) + "\n")
        yield
    finally:
        lock.release()


def _refuse_another(folder: Path, run: Run, resume: bool) -> None:
    other = begun(folder)
    if other is None:
        if folder.is_file() or (folder / RECORD).exists() or any(folder.glob("*.ipynb")):
            raise UsageError(f"{folder}: is not a run's folder; choose another with --out")
        return
    if difference := _difference(other, run):
        raise UsageError(f"{folder}: holds another run, {difference}; choose another folder with --out")
    if not resume:
        state = "finished" if finished(folder, other) else "begun"
        raise UsageError(
            f"{folder}: holds this run already, {state}; go on with it by --resume, "
            "or choose another folder with --out"
        )


def _difference(other: Run, run: Run) -> str | None:
    """Say in what the two differ, or return None where they are the same run."""
    if other.chapter != run.chapter:
        return f"of {other.chapter}"
    if other.profile != run.profile:
        return f"begun with the profile {other.profile}, not {run.profile}"
    if other.key == run.key:
        return None
    for name in {**other.parameters, **run.parameters}:
        before, now = (r.parameters.get(name, "its default") for r in (other, run))
        if before != now:
            return f"begun with {name} = {before}, not {now}"
    return f"begun with other code, data or packages (commit {other.commit or 'unknown'})"
