"""The cells of a notebook that was handed in, each with the task that it stands in. Nothing of it is run."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat

_HEADING = re.compile(r"## \w+ (\d{1,3})\b")  # in any language
# where nbconvert and Jupytext mark the beginning of a cell
_CELL_OF_A_SCRIPT = re.compile(r"(?m)^# (?:%%|\+(?: |$)|In\[).*$")


@dataclass(frozen=True)
class Cell:
    """A cell: the number of its task, 0 before the first, whether it is code, and its text."""

    task: int
    code: bool
    text: str


def cells(path: Path) -> list[Cell]:
    """Return the cells of a notebook, or of a script that was made of one, which has no Markdown.

    Whatever else the file holds may be formed badly. Raises an error of any kind where it is no notebook.
    """
    content = path.read_text(encoding="utf-8-sig", errors="replace")
    if path.suffix == ".py":
        return [Cell(0, True, text) for text in _CELL_OF_A_SCRIPT.split(content)]
    found, task = [], 0
    for cell in nbformat.reads(content, as_version=4).cells:
        text, code = "".join(cell.get("source", "")), cell.get("cell_type") == "code"
        if not code and (heading := _HEADING.match(text)):
            task = int(heading[1])
        found.append(Cell(task, code, text))
    return found


def code_by_task(path: Path, given: Iterable[str]) -> dict[str, str]:
    """Return the code of each task, by its number as text, without the cells that were given.

    A notebook that cannot be read has none.
    """
    known = {text.strip() for text in given}
    found: dict[str, list[str]] = {}
    try:
        for cell in cells(path):
            if cell.code and cell.task and cell.text.strip() and cell.text.strip() not in known:
                found.setdefault(str(cell.task), []).append(cell.text.strip())
    except Exception:  # of any kind: a file may hold anything, and its grade says what is wrong with it
        return {}
    return {task: "\n\n".join(texts) for task, texts in found.items()}
