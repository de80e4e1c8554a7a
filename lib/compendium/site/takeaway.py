"""What a reader can take away: notebooks without outputs, records, and the whole book as one archive."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat

from compendium import project, results
from compendium.runs import RECORD

FOLDER = "_static/downloads"  # in the pages
ARCHIVE = f"{FOLDER}/denoising-compendium.zip"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can hold: equal pages make equal archives


def files(executed: Mapping[Path, Path]) -> dict[str, bytes]:
    """Return what pages offer, by path in the book's source: `<name>.ipynb` and `<name>.<profile>.json`.

    executed: for each notebook its executed copy, which lies beside the record of its run if there is one.
    """
    offered = {}
    for notebook, copy in executed.items():
        offered[f"{notebook.stem}.ipynb"] = _without_outputs(notebook)
        for record in (project.RESULTS / notebook.stem).glob(f"*/{RECORD}"):
            offered[f"{notebook.stem}.{record.parent.name}.json"] = record.read_bytes()
        if (record := copy.with_name(RECORD)).exists():
            profile = results.read(record)["profile"]
            offered[f"{notebook.stem}.{profile}.json"] = record.read_bytes()
    return {f"book/{FOLDER}/{name}": content for name, content in offered.items()}


def archive(html: Path) -> Path:
    """Write all pages in the folder `html` as one zip file among its downloads, and return that."""
    target = html / ARCHIVE
    target.unlink(missing_ok=True)
    pages = sorted(path for path in html.rglob("*") if path.is_file())
    unfinished = html.with_suffix(".zip")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as whole:
        for path in pages:
            entry = zipfile.ZipInfo(f"denoising-compendium/{path.relative_to(html).as_posix()}", _LONG_AGO)
            whole.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    target.parent.mkdir(parents=True, exist_ok=True)
    return unfinished.replace(target)


def _without_outputs(path: Path) -> bytes:
    notebook = nbformat.read(path, 4)
    notebook.metadata.pop(project.METADATA, None)  # what the outputs were made from
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return f"{nbformat.writes(notebook)}\n".encode()
