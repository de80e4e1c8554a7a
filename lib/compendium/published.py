"""Published runs: how a run becomes one, what a chapter's page has of it, and how another goes on from it."""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from compendium import parameters, progress, project, results
from compendium.chapters import named, profiles
from compendium.errors import CompendiumError, UsageError
from compendium.files import exchange, write_atomically
from compendium.parameters import as_typed
from compendium.runs import RECORD, STATE, Run, begun, finished

CHECKED = "nbval-check-output"
"""Tag of the cells that print the same in every run; nbval holds a run to the outputs of these."""

_OF_ONE_RUN = {STATE, RECORD, results.METRICS, results.QUOTED, progress.REPORT}


def publish(folder: Path, *, replace: bool = False) -> tuple[Path, dict[str, object] | None]:
    """Put a finished run into `results/`, where the book looks: notebook, record, table, what it computed.

    What is copied are the files in its folder, but not those in folders inside it: weights, parts, and
    checkpoints without the optimizer's state. So the chapter can be run again without training (see
    `take_over`). A folder in `results/` holds one run: the files of an earlier one are removed. The chapter's
    notebook gets the outputs of the cells that are checked.

    Returns the folder in `results/`, and the record that was replaced, if there was one.

    Raises:
        UsageError: the run is not its profile's, is not whole, or collapsed; or one is published already and
            `replace` is not given.
        CompendiumError: the folder holds no finished run, or the files cannot be written.
    """
    run = begun(folder)
    if run is None or not (finished(folder, run.chapter) and (folder / RECORD).exists()):
        raise CompendiumError(f"{folder}: no finished run; name the folder of one that came to its end")
    record = results.read(folder / RECORD)
    if obstacle := _obstacle(run, record):
        raise UsageError(f"{folder}: {obstacle}")
    target = project.RESULTS / run.chapter / run.profile
    there = results.read(target / RECORD) if (target / RECORD).exists() else None
    if there and not replace:
        raise UsageError(
            f"{target}: holds the run of commit {there.get('commit') or 'unknown'}; "
            "to put this one in its place, add --replace"
        )
    notebook = project.chapter_path(run.chapter)
    joined = _joined(notebook, folder / notebook.name)  # raises where code has changed since
    named_files = [folder / name for name in (STATE, RECORD, results.METRICS, notebook.name)]
    weights = sorted(folder.glob("*.weights.h5"))
    chosen = [path for path in (*named_files, *weights, *_computed(folder)) if path.exists()]
    exchange(target, {path.name: _content(path) for path in chosen})
    if project.recorded(run.chapter) == target:
        write_atomically(notebook, f"{nbformat.writes(_with_checked_alone(joined))}\n")
    return target, there


def take_over(source: Path, folder: Path) -> None:
    """Copy to a run's folder what another run computed: its parts and checkpoints, if it has none yet.

    A run uses only those that fit it: trainings and parts that rest on other parameters, data or code are
    done anew. The source may be a path relative to the checkout.

    Raises UsageError where there is nothing of that kind.
    """
    found = _computed(source) or _computed(project.ROOT / source)
    if not found:
        raise UsageError(f"{source}: no run in it; name the folder of one, such as results/tuning/cpu")
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)


def executed(chapter: str) -> Path | None:
    """Return the executed notebook of a chapter's published run, or None where none is kept."""
    folder = project.recorded(chapter)
    return folder and finished(folder, chapter)


def page(notebook: Path, ran: Path) -> NotebookNode:
    """Return a notebook, its prose and captions as they are now, with the outputs of a run of it.

    Where a record lies beside the executed notebook, `ran`, the cell of parameters has the run's values.

    Raises CompendiumError where a cell of code is not the one that was run, naming what to type.
    """
    whole, record = _joined(notebook, ran), ran.with_name(RECORD)
    if record.exists():
        for cell in filter(_declares, whole.cells):
            cell.source = parameters.filled(cell.source, results.read(record)["parameters"])
    return whole


def _joined(notebook: Path, executed: Path) -> NotebookNode:
    whole = nbformat.read(notebook, 4)
    for cell, ran in itertools.zip_longest(_code(whole), _code(nbformat.read(executed, 4))):
        if not (cell and ran and _same(cell, ran)):
            raise CompendiumError(_other_code(notebook, executed, cell or ran))
        cell.outputs, cell.execution_count = ran.outputs, ran.execution_count
    return whole


def _declares(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def _same(cell: NotebookNode, ran: NotebookNode) -> bool:
    if not _declares(cell):
        return cell.source == ran.source
    # a comment there is prose, and a default is no value of this run
    names, names_then = ([*parameters.declared(one.source)] for one in (cell, ran))
    return names == names_then


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells of code, numbered as if there were none with parameters that papermill added."""
    found, added = [], 0
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            added += 1
        elif cell.cell_type == "code":
            cell.execution_count = cell.execution_count and cell.execution_count - added
            found.append(cell)
    return found


def _other_code(notebook: Path, executed: Path, cell: NotebookNode) -> str:
    line, folder = cell.source.partition("\n")[0], executed.parent
    source = (folder.relative_to(project.ROOT) if folder.is_relative_to(project.ROOT) else folder).as_posix()
    run = begun(folder)
    profile = f" --profile {run.profile}" if run else ""
    return (
        f"{notebook.name}: the cell of code `{line}` is not as it was run in {source}; run it anew with "
        f"`compendium run {notebook.stem}{profile} --from {source}`, "
        "then `compendium publish --replace` and the run's folder"
    )


def _computed(folder: Path) -> list[Path]:
    """Return a folder's parts and checkpoints, each of which says what it rests on."""
    found = (path for pattern in ("*.json", "*.npz") for path in sorted(folder.glob(pattern)))
    return [path for path in found if path.name not in _OF_ONE_RUN]


def _content(path: Path) -> bytes:
    if path.suffix != ".npz":
        return path.read_bytes()
    from compendium import training  # brings Keras

    return training.without_optimizer(path)


def _with_checked_alone(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook with the outputs of the cells that are checked, and no others."""
    for cell in _code(notebook):
        if CHECKED not in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop(project.METADATA, None)
    return notebook


def _obstacle(run: Run, record: Mapping[str, object]) -> str | None:
    """Return what keeps a run from being published, or None."""
    chapter = named(run.chapter)
    if run.profile not in profiles():
        return f"run under the profile {run.profile}; publish one of {', '.join(profiles())}"
    for name, value in chapter.effective(chapter.of_profile(run.profile)).items():
        if run.parameters.get(name) != value:
            found = as_typed(run.parameters.get(name, "nothing"))
            return f"{name} = {found} is not the profile's {as_typed(value)}; leave out -p {name}"
    if run.own:
        return f"run with code of your own ({', '.join(run.own)}); the book's runs are the chapters' own"
    for name, state in record.get("parts", {}).items():
        if state != "done":
            return f"the part {name}: {state}; a published run is whole"
    for row in record.get("outcomes", []):
        if row["outcome"] != results.LEARNT:
            where = " at ".join(filter(None, (row["method"], row["level"])))
            return f"{where} {row['outcome']}; only a run whose networks learnt is published"
    return None
