"""One run of a chapter: all that decides its numbers, resolved once, and the folder that holds it.

A folder holds one run, begun or finished, and is never given to another.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from compendium import chapters, data, own, project
from compendium.chapters import Chapter
from compendium.errors import CompendiumError, UsageError
from compendium.files import write_atomically

STATE = "run.json"
RECORD = "record.json"
BY_HAND = "by hand"
"""The profile of a run that the command line did not start."""

# what NumPy, Numba, joblib and TensorFlow read
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Run:
    """What decides a run's numbers, and where they come from.

    parameters: all of them, with their values. own: for each door, the user's own code in it (see
    `own.describe`). left_out: names of the parts left out. code: sha256 of the chapter's cells of code.
    library: sha256 of the modules that these use. data: fingerprints, by the data sets' names. packages:
    versions of the packages that compute. backend: Keras's backend. threads: how many a training has. commit:
    the checkout's when the run began, None outside git. folder: where the run is, once that is known.
    """

    chapter: str
    profile: str
    parameters: Mapping[str, Any]
    own: Mapping[str, Mapping[str, str]]
    left_out: tuple[str, ...]
    code: str
    library: str
    data: Mapping[str, str]
    packages: Mapping[str, str]
    backend: str
    threads: int
    commit: str | None
    folder: Path | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """A hash of what decides the numbers: equal keys, equal numbers."""
        decisive = self.description()
        for name in ("profile", "commit"):
            del decisive[name]
        decisive["own"] = {door: [one["name"], one["sha256"]] for door, one in self.own.items()}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]

    def description(self) -> dict[str, Any]:
        """Return the run as it is written in its folder, without the folder."""
        described = asdict(replace(self, folder=None))
        del described["folder"]
        return json.loads(json.dumps(described))

    def door(self, name: str, default: Any) -> Any:
        """Return the user's own function where one was named for a door, or else the chapter's `default`.

        Raises CompendiumError where it cannot be loaded any more.
        """
        return own.door(name, self.doors()[name]) if name in self.own else default

    def doors(self) -> dict[str, str]:
        """Return for each door what stands in it, as `resolve` takes it."""
        return {door: own.spec(described) for door, described in self.own.items()}


def computing(threads: int = 1) -> dict[str, str]:
    """Return the environment variables of a process that computes.

    They hold it to so many threads. A run has one: with as many as a machine has cores, each machine would
    add in another order, and the last digits of the weights would differ. Instead, several runs go side by
    side. And TensorFlow takes oneDNN's convolutions on every processor, which by its own choice it does only
    where there is AVX-512; elsewhere trainings were 1.7 times as fast with them.
    """
    return dict.fromkeys(_THREADS, str(threads)) | {"TF_ENABLE_ONEDNN_OPTS": "1"}


def resolve(
    chapter: Chapter,
    given: Mapping[str, object],
    *,
    profile: str,
    doors: Mapping[str, str] | None = None,
    left_out: tuple[str, ...] = (),
    number_of_threads: int = 1,
) -> Run:
    """Return the run of a chapter with the given parameters; the others have their defaults.

    doors: for the name of each door, what code of the user's own stands in it, such as "my.py:network".

    Raises UsageError for a parameter that does not fit, for images of a shape that the chapter's network does
    not take, and for a door that the chapter has not; CompendiumError where a data set or the user's code is
    not there.
    """
    described = _described_doors(chapter, doors or {})
    effective = chapter.effective(given, profile)
    sets = {
        item: chapter.parameters[name].choices
        for name, value in effective.items()
        for item in (value if isinstance(value, list) else [value])
        if data.is_set(item)
    }
    if "network" not in (doors or {}):
        for name, others in sets.items():
            data.check_fits(name, others)
    return Run(
        chapter=chapter.name,
        profile=profile,
        parameters=effective,
        own=described,
        left_out=left_out,
        code=chapter.code_hash,
        library=project.files_hash(chapter.modules),
        data={name: data.fingerprint(name) for name in sets},
        packages=project.computing_versions(),
        backend=project.backend(),
        threads=number_of_threads,
        commit=project.commit(),
    )


def check_doors(chapter: Chapter, doors: Mapping[str, str]) -> dict[str, str]:
    """Return the doors with what stands in them named by its absolute file, as from any folder.

    Raises UsageError where the chapter has no such door, or the user's code is not there.
    """
    return {door: own.spec(described) for door, described in _described_doors(chapter, doors).items()}


def _described_doors(chapter: Chapter, doors: Mapping[str, str]) -> dict[str, dict[str, str]]:
    for door in doors:
        if door not in chapter.doors:
            there = f"it takes a {' or '.join(chapter.doors)}" if chapter.doors else "it takes none"
            raise UsageError(f"--{door}: {chapter.name} has no place for a {door} of your own; {there}")
    return {door: own.describe(spec) for door, spec in doors.items()}


def present(chapter: str, namespace: Mapping[str, Any]) -> Run:
    """Return the run that a notebook's kernel is executing, with its folder, which exists.

    In a notebook that the command started, it is the run that the command resolved. A notebook opened by
    hand, or executed by papermill alone, gets a folder of its own by code and parameters, in
    `runs/<chapter>/` or in the folder that $COMPENDIUM_RUNS names.

    Args:
        chapter: the notebook's name, without its ending.
        namespace: the notebook's `globals()`, with its parameters.
    """
    if started_here := of_this_kernel():
        return started_here
    notebook = chapters.read(_open_notebook(namespace) or project.chapter_path(chapter))
    values = {name: namespace[name] for name in notebook.parameters}
    usable = int(os.environ.get("TF_NUM_INTRAOP_THREADS") or os.cpu_count() or 1)
    run = resolve(notebook, values, profile=BY_HAND, number_of_threads=usable)
    base = Path(os.environ.get("COMPENDIUM_RUNS") or project.RUNS)
    run = replace(run, folder=base / chapter / run.key)
    _write(run, starts=[])
    return run


def of_this_kernel() -> Run | None:
    """Return the run for which the command started this process, or None."""
    folder = os.environ.get("COMPENDIUM_RUN")
    return begun(Path(folder)) if folder else None


def begun(folder: Path) -> Run | None:
    """Return the run that a folder holds, or None. Raises CompendiumError where that cannot be read."""
    state = _state(folder)
    return state and replace(Run(**state["run"]), folder=folder)


def finished(folder: Path, chapter: str) -> Path | None:
    """Return the executed notebook of a chapter's run in a folder, or None where it has not come to its end.

    The notebook appears there last, and whole; nothing else says that a run is finished.
    """
    notebook = folder / f"{chapter}.ipynb"
    return notebook if notebook.exists() else None


def failed(chapter: str) -> str:
    """Return the name of the notebook of a run that ended before its time, as far as it came."""
    return f"{chapter}.failed.ipynb"


def lock(folder: Path) -> FileLock:
    """Return the lock of a run's folder; whoever works in the folder holds it."""
    return FileLock(folder / ".lock", is_singleton=True)  # this process may take it again


@contextmanager
def held(run: Run, *, resume: bool) -> Iterator[None]:
    """Keep the run's folder for it while the block lasts; makes it where there is none.

    resume: whether the folder may hold this very run already, begun or finished.

    Raises:
        UsageError: the folder holds another run, or this one without `resume`.
        CompendiumError: another process is working in it, or it cannot be written.
    """
    folder = run.folder
    _refuse_another(run, resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held_lock = lock(folder)
        held_lock.acquire(timeout=0)
    except Timeout:
        raise CompendiumError(
            f"{folder}: another process runs {run.chapter} there; wait for it, or choose another folder"
        ) from None
    except OSError as fault:
        raise CompendiumError(f"{folder}: {fault.strerror}; free space or choose another folder") from None
    try:
        _refuse_another(run, resume)  # one that was begun before the lock was ours
        yield
    finally:
        held_lock.release()


@contextmanager
def started(run: Run) -> Iterator[None]:
    """Note in the run's folder that it is computed while the block lasts, and for how long."""
    state = _state(run.folder)
    starts = [_ended(start, run.folder) for start in (state["starts"] if state else [])]
    at, began = datetime.now(UTC).isoformat(timespec="milliseconds"), time.monotonic()
    _write(run, [*starts, {"at": at, "seconds": None}])
    try:
        yield
    finally:
        with suppress(CompendiumError):  # what ended the run, a full disk for instance, is said by the runner
            lasted = round(time.monotonic() - began, 3)  # the clock may be set meanwhile
            _write(run, [*starts, {"at": at, "seconds": lasted}])


def seconds(folder: Path) -> float:
    """Return for how long the run in a folder was computed, over all its starts."""
    return sum(_ended(start, folder)["seconds"] for start in _state(folder)["starts"])


def to_compare(names: Sequence[str]) -> dict[str, Path]:
    """Return the records of runs by name: a folder with a record, seen from here or from the checkout.

    Raises UsageError for fewer than two runs, one given twice, or one that is not there.
    """
    if len({*names}) < max(2, len(names)):
        raise UsageError(
            "compare: name two runs or more, each once, for example results/tuning/cpu runs/mine"
        )
    return {name: _record(name) for name in names}


def _record(name: str) -> Path:
    for folder in (Path(name), project.ROOT / name):
        if (folder / RECORD).is_file():
            return folder / RECORD
    raise UsageError(
        f"{name}: no {RECORD} there; name the folder of a finished run, such as results/tuning/cpu"
    )


def _ended(start: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a start with its seconds; a killed one lasted until the last file was written."""
    if start["seconds"] is not None:
        return start
    last = max(path.stat().st_mtime for path in folder.iterdir() if path.is_file())
    return {**start, "seconds": max(0.0, last - datetime.fromisoformat(start["at"]).timestamp())}


def _state(folder: Path) -> dict[str, Any] | None:
    path = folder / STATE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        raise CompendiumError(f"{folder}: {fault.strerror}; choose another folder with --out") from None
    try:
        state = json.loads(text)
        state["run"]["left_out"] = tuple(state["run"]["left_out"])
        run = Run(**state["run"])
        well = isinstance(run.parameters, dict) and isinstance(state["starts"], list)
    except (ValueError, TypeError, KeyError, RecursionError):
        well = False
    if not well:
        raise CompendiumError(f"{path}: does not describe a run; choose another folder with --out")
    return state


def _write(run: Run, starts: list[dict[str, Any]]) -> None:
    content = {"run": run.description(), "starts": starts}
    write_atomically(run.folder / STATE, json.dumps(content, indent=1) + "\n")


def _open_notebook(namespace: Mapping[str, Any]) -> Path | None:
    """Return the notebook that Jupyter or Visual Studio Code has open, where they say so."""
    for said in (os.environ.get("JPY_SESSION_NAME"), namespace.get("__vsc_ipynb_file__")):
        if said and Path(said).suffix == ".ipynb" and Path(said).is_file():
            return Path(said)
    return None


def _refuse_another(run: Run, resume: bool) -> None:
    folder = run.folder
    other = begun(folder)
    if other is None:
        if folder.is_file() or (folder / RECORD).exists() or any(folder.glob("*.ipynb")):
            raise UsageError(f"{folder}: is not a run's folder; choose another with --out")
        return
    if difference := _difference(other, run):
        raise UsageError(f"{folder}: holds another run, {difference}; choose another folder with --out")
    if not resume:
        state = "finished" if finished(folder, other.chapter) else "begun"
        raise UsageError(
            f"{folder}: holds this run already, {state}; go on with it by --resume, "
            "or choose another folder with --out"
        )


def _difference(other: Run, run: Run) -> str | None:
    """Say how the two differ, or return None where they are the same run."""
    if other.chapter != run.chapter:
        return f"of {other.chapter}"
    if other.profile != run.profile:
        return f"begun with the profile {other.profile}, not {run.profile}"
    for kind in ("parameters", "packages"):
        pair = getattr(other, kind), getattr(run, kind)
        for name in {**pair[0], **pair[1]}:
            before, now = (values.get(name, "none") for values in pair)
            if before != now:
                return f"begun with {name} = {before}, not {now}"
    others = {
        "own": "other code of your own",
        "left_out": "other parts left out",
        "code": "other code in the chapter",
        "library": "another version of lib/",
        "data": "other files of a data set",
        "backend": "another backend",
        "threads": "another number of threads",
    }
    for name, words in others.items():
        if getattr(other, name) != getattr(run, name):
            return f"begun with {words} (commit {other.commit or 'unknown'})"
    return None
