"""Points and comments that a person gives, in a file of their own, which no grading changes.

The file is CSV, for any spreadsheet. Each row is of a student and a task. What was read is noted by its
digest: points for a text that has changed since count no longer, and stay in the file.
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compendium.errors import UsageError, unknown
from compendium.files import write_atomically
from compendium.labs import roster
from compendium.labs.grade import Mark
from compendium.labs.intake import printable
from compendium.labs.source import Lab

FILE = "hand.csv"
COLUMNS = ("student", "identifier", "lab", "task", "of", "points", "comment", "read")

Key = tuple[str, str, str, int]
"""Identifier, student, name of the lab, number of the task."""


@dataclass(frozen=True)
class Given:
    """What a person gave: points, None if there are none yet; a comment; the digest of what was read.

    A row that was typed into the file has no digest, and counts for what was handed in last.
    """

    points: float | None
    comment: str = ""
    read: str = ""


def digest(mark: Mark, code: str) -> str:
    """Return a digest of what a person reads of an answer: its texts and its code."""
    return hashlib.sha256(json.dumps([dict(mark.texts), code]).encode(errors="replace")).hexdigest()[:16]


def read(path: Path, labs: Mapping[str, Lab]) -> dict[Key, Given]:
    """Return what the file says; nothing where there is none.

    Raises UsageError, naming the row, for one that is not well formed.
    """
    if not path.exists():
        return {}
    heads, *rows = roster.rows_of(path) or [[]]
    if missing := [name for name in COLUMNS[:-1] if name not in heads and name != "of"]:
        raise UsageError(f"{path}: has no column {missing[0]!r}; its columns are {', '.join(COLUMNS)}")
    found: dict[Key, Given] = {}
    for number, row in enumerate(rows, start=2):
        cells = {head: cell.strip() for head, cell in zip(heads, row, strict=False)}
        where = f"{path}, row {number} ({printable(cells.get('student') or cells.get('identifier', ''))})"
        key, given = _row(where, cells, labs)
        if key in found:
            raise UsageError(f"{where}: task {key[3]} is in the file twice; delete one of the two rows")
        found[key] = given
    return found


def write(path: Path, given: Mapping[Key, Given], labs: Mapping[str, Lab]) -> None:
    """Write the file, its rows by lab, task and student."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for key in sorted(given, key=lambda key: (key[2], key[3], key[1], key[0])):
        identifier, student, lab, task = key
        one = given[key]
        points = "" if one.points is None else f"{one.points:g}"
        of = f"{labs[lab].task(task).points:g}"
        cells = (student, identifier, lab, str(task), of, points, one.comment, one.read)
        writer.writerow(roster.harmless("\n".join(map(printable, cell.splitlines()))) for cell in cells)
    write_atomically(path, text.getvalue().encode("utf-8-sig", errors="replace"))


def points_of(where: str, text: str, most: float) -> float | None:
    """Return typed points, None for none; raises UsageError for what is not from 0 to `most`."""
    if not text:
        return None
    try:
        points = float(text.replace(",", "."))  # as a spreadsheet in another language writes it
    except ValueError:
        raise UsageError(f"{where}: points are {text!r}; write a number from 0 to {most:g}") from None
    if not 0 <= points <= most:
        raise UsageError(f"{where}: {text} points; write a number from 0 to {most:g}")
    return points


def _row(where: str, cells: Mapping[str, str], labs: Mapping[str, Lab]) -> tuple[Key, Given]:
    cells = {head: roster.typed(cell) for head, cell in cells.items()}
    lab = cells.get("lab", "")
    if lab not in labs:
        raise UsageError(f"{where}: {unknown('lab', lab, labs)}")
    numbers = [str(task.number) for task in labs[lab].tasks]
    if cells.get("task") not in numbers:
        raise UsageError(f"{where}: {unknown('task', cells.get('task', ''), numbers)}")
    task = labs[lab].task(int(cells["task"]))
    points = points_of(where, cells.get("points", ""), task.points)
    key = (cells.get("identifier", ""), cells.get("student", ""), lab, task.number)
    return key, Given(points, cells.get("comment", ""), cells.get("read", ""))
