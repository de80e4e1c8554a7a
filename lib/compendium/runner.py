"""Run a notebook through papermill: parameters in, executed notebook and record out."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
import yaml

from compendium import data, project
from compendium.errors import CompendiumError, unknown

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
    """Return the names and default values in the notebook's `parameters` cell."""
    inferred = papermill.inspect_notebook(str(notebook))
    return {name: yaml.safe_load(entry["default"]) for name, entry in inferred.items()}


def check_parameters(notebook: Path, given: Mapping[str, object]) -> None:
    """Raise UsageError where a given name is no parameter of the notebook."""
    known = list(defaults(notebook))
    for name in given:
        if name not in known:
            raise unknown(f"parameter of {notebook.stem}", name, known)


def key(notebook: Path, parameters: Mapping[str, object]) -> str:
    """Return a hash of all that decides a run's outcome.

    These are the notebook's cells (not their outputs), the parameters, lib/, the data set, the recorded runs
    that the chapter quotes, and the installed packages.
    """
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in nbformat.read(notebook, 4).cells]
    effective = {**defaults(notebook), **parameters}
    quoted = [path for path in (project.RESULTS / notebook.stem).rglob("*") if path.is_file()]
    named = effective.get("dataset")
    decisive = [
        cells,
        effective,
        project.library_hash(),
        data.fingerprint(named) if named in data.NAMES else None,
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
        CompendiumError: a cell failed; the notebook up to there is kept as `<name>.failed.ipynb`.
    """
    check_parameters(notebook, parameters)
    out.mkdir(parents=True, exist_ok=True)
    unfinished, finished = out / f"{notebook.stem}.unfinished.ipynb", out / notebook.name
    try:
        with _environment(COMPENDIUM_RUN=str(out.resolve()), COMPENDIUM_PROFILE=profile):
            papermill.execute_notebook(
                str(notebook),
                str(unfinished),
                dict(parameters),
                cwd=str(notebook.parent),
                progress_bar=sys.stderr.isatty(),
            )
    except papermill.PapermillExecutionError as fault:
        failed = out / f"{notebook.stem}.failed.ipynb"
        unfinished.replace(failed)
        raise CompendiumError(
            f"{notebook.stem}: cell {fault.cell_index + 1} failed with {fault.ename}: "
            f"{fault.evalue.splitlines()[0] if fault.evalue else 'no message'}; see {failed}"
        ) from fault
    _without_traces(unfinished)
    unfinished.replace(finished)
    return finished


def _without_traces(path: Path) -> None:
    """Drop what papermill notes of times and paths, so that equal runs leave equal notebooks."""
    notebook = nbformat.read(path, 4)
    for part in (notebook, *notebook.cells):
        for trace in ("papermill", "execution"):
            part.metadata.pop(trace, None)
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
                del os.environ[name]
            else:
                os.environ[name] = value
