"""Run a notebook through papermill: parameters in, executed notebook and record out."""

import ast
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
import numpy as np
import papermill
import yaml
from nbclient.exceptions import DeadKernelError

from compendium import data, project
from compendium.errors import CompendiumError, unknown

# tags of the cells that papermill adds to a notebook
PAPERMILL_CELLS = {"injected-parameters", "papermill-error-cell-tag"}

PROFILES = project.NOTEBOOKS / "profiles.yml"


def chapters() -> list[str]:
    """Return the names of the chapters."""
    return sorted(path.stem for path in project.NOTEBOOKS.glob("*.ipynb"))


def chapter_path(name: str) -> Path:
    """Return a chapter's notebook; raises UsageError for an unknown name."""
    if name not in chapters():
        raise unknown("chapter", name, chapters())
    return project.NOTEBOOKS / f"{name}.ipynb"


def profile_parameters(chapter: str, profile: str) -> dict[str, object]:
    """Return what `profile` changes in a chapter's parameters; raises UsageError for an unknown profile."""
    profiles = yaml.safe_load(PROFILES.read_text())
    if profile not in profiles:
        raise unknown("profile", profile, profiles)
    return profiles[profile].get(chapter) or {}


def defaults(notebook: Path) -> dict[str, object]:
    """Return the names and default values in the notebook's `parameters` cell.

    Raises CompendiumError where a default is no plain value.
    """
    inferred = papermill.inspect_notebook(str(notebook))
    return {name: _literal(notebook, name, entry["default"]) for name, entry in inferred.items()}


def check_parameters(notebook: Path, given: Mapping[str, object]) -> None:
    """Raise UsageError where a given name is no parameter of the notebook."""
    known = list(defaults(notebook))
    for name in given:
        if name not in known:
            raise unknown(f"parameter of {notebook.stem}", name, known)


def key(notebook: Path, parameters: Mapping[str, object]) -> str:
    """Return a hash of all that decides a run's outcome.

    These are the notebook's cells (not their outputs), the parameters, lib/, the data sets that they name,
    the recorded runs that the chapter quotes, and the installed packages.
    """
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in nbformat.read(notebook, 4).cells]
    effective = {**defaults(notebook), **parameters}
    quoted = [path for path in (project.RESULTS / notebook.stem).rglob("*") if path.is_file()]
    named = [name for name in data.NAMES if any(name in np.atleast_1d(v) for v in effective.values())]
    decisive = [
        cells,
        effective,
        project.library_hash(),
        [data.fingerprint(name) for name in named],
        project.files_hash(quoted),
        project.packages_hash(),
    ]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def run(notebook: Path, parameters: Mapping[str, object], *, profile: str, out: Path) -> Path:
    """Execute `notebook` into the folder `out` and return the executed copy.

    Checkpoints, weights and the record land in `out` too; a run that was killed goes on from its checkpoints
    when it is started again with the same folder.

    Raises:
        UsageError: an unknown parameter.
        CompendiumError: a cell failed, its process died, or the run was interrupted; the notebook up to there
            is kept as `<name>.failed.ipynb`.
    """
    check_parameters(notebook, parameters)
    out = out.resolve()  # papermill writes from the notebook's own folder
    out.mkdir(parents=True, exist_ok=True)
    unfinished, failed = (out / f"{notebook.stem}.{state}.ipynb" for state in ("unfinished", "failed"))
    failed.unlink(missing_ok=True)
    try:
        with _environment(COMPENDIUM_RUN=str(out), COMPENDIUM_PROFILE=profile):
            papermill.execute_notebook(
                str(notebook),
                str(unfinished),
                dict(parameters),
                kernel_name="python3",  # this environment's, whatever kernel the notebook was saved with
                cwd=str(notebook.parent),
                progress_bar=sys.stderr.isatty(),
                extra_arguments=["--log-level=CRITICAL"],  # of the kernel, which warns of TCP at every start
            )
    except (papermill.PapermillExecutionError, DeadKernelError, KeyboardInterrupt) as fault:
        unfinished.replace(failed)
        raise CompendiumError(f"{notebook.stem}: {_reason(fault, failed)}; see {failed}") from fault
    _without_traces(unfinished)
    return unfinished.replace(out / notebook.name)


def _literal(notebook: Path, name: str, source: str) -> object:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):
        raise CompendiumError(
            f"{notebook}: parameter {name} = {source}; write a plain value, such as 3, 'text' or [0.3, 0.6]"
        ) from None


def _reason(fault: BaseException, failed: Path) -> str:
    match fault:
        case papermill.PapermillExecutionError():
            # counted as in the chapter: papermill adds cells of its own
            cells = nbformat.read(failed, 4).cells
            own = [cell for cell in cells if not PAPERMILL_CELLS & {*cell.metadata.get("tags", [])}]
            position = next(n for n, cell in enumerate(own, 1) if cell.source == fault.source)
            message = fault.evalue.strip().splitlines() or ["no message"]
            return f"cell {position} failed with {fault.ename}: {message[0]}"
        case DeadKernelError():
            return "the notebook's process died, perhaps for lack of memory"
        case _:
            # the execution that was cut off would report its kernel's end with a traceback
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)
            return "interrupted; the same command goes on from the last checkpoint"


def _without_traces(path: Path) -> None:
    """Drop papermill's times, paths and random names, so that equal runs leave equal notebooks."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    for part in (notebook, *notebook.cells):
        for trace in ("papermill", "execution"):
            part.metadata.pop(trace, None)
        if not part.metadata.get("tags", True):
            del part.metadata["tags"]
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for the kernels started inside the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
