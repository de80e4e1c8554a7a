"""Small notebooks for the tests."""

from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from compendium import chapters, runner, runs

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook_of(*cells: str | NotebookNode, parameters: str | None = None) -> NotebookNode:
    """A notebook with a title, a cell of `parameters` and code cells, given as source or whole."""
    first = [new_markdown_cell("# Title")]
    if parameters is not None:
        first.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells = [*first, *(new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells)]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def write_notebook(path: Path, *cells: str | NotebookNode, parameters: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook_of(*cells, parameters=parameters), path)
    return path


def execute(path: Path, given=None, *, out: Path, profile="quick", left_out=(), strict=False) -> Path:
    """Run a notebook as the command does; return the executed copy."""
    chapter = chapters.read(path)
    run = runs.resolve(chapter, given or {}, profile=profile, left_out=left_out)
    return runner.run(chapter, replace(run, folder=out), strict=strict)
