"""Finish a course's grades: totals, files for the grade books of Moodle and Canvas, and feedback pages."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.labs import intake, roster, similar
from compendium.labs.intake import printable
from compendium.labs.table import PAGES, TABLE, Book, Marked, Record

FOLDER = "finished"
TOTALS, MOODLE, CANVAS, FEEDBACK, SIMILAR = (
    *("totals.csv", "moodle.csv", "canvas.csv", "feedback.zip", "similar.html"),
)
NAMED = 5  # students that a line names, where there are more

# Moodle's importer looks for these three heads; comments go into the last column.
_MOODLE_HEADS = (
    "Identifier",
    "Full name",
    "Grade",
    "Maximum grade",
    "Last modified (grade)",
    "Feedback comments",
)
# Canvas matches by the first five; its second row has the points that can be had.
_CANVAS_HEADS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


@dataclass(frozen=True)
class Result:
    """What one submission has in the end.

    Attributes:
        row: of the table of grades, by its heads.
        record: of what was graded, None where nothing was.
        marked: its tasks, with what a person gave.
    """

    row: dict[str, str]
    record: Record | None
    marked: Sequence[Marked] = ()

    @property
    def unread(self) -> int:
        """Answers that nobody has read."""
        return sum(one.points is None for one in self.marked)

    @property
    def total(self) -> float | None:
        """Points, None where nothing was graded, or not all of it was read."""
        return None if self.record is None or self.unread else sum(one.points for one in self.marked)


def finish(out: Path, tell: Callable[[str], None]) -> Path:
    """Write the results of a folder of grades into its folder `finished`; return that.

    Who has answers that nobody has read gets no total and no feedback; `tell` is called with a line on them.

    Raises UsageError for a folder without grades, an unfinished one, and a malformed `hand.csv`.
    """
    book = Book.graded(out)
    results = _results(book)
    if waiting := sum(one.row.get("status", "").startswith("waiting:") for one in results):
        raise UsageError(
            f"{out}: {waiting} submissions are not graded yet; type `compendium lab grade` again"
        )
    target = out / FOLDER
    target.mkdir(exist_ok=True)
    write_atomically(target / TOTALS, _csv(_totals(results)))
    for name, rows in ((MOODLE, _moodle(results)), (CANVAS, _canvas(results))):
        (target / name).unlink(missing_ok=True)  # of an earlier time
        if rows:
            write_atomically(target / name, _csv(rows))
    write_atomically(target / FEEDBACK, _feedback(results))
    groups = similar.groups(book.records.values())
    pages = {file: f"../{book.page(file)}" for file in book.records}
    shown = PAGES.get_template("similar.html")
    page = shown.render(groups=groups, pages=pages, smallest=similar.SMALLEST, code={})
    write_atomically(target / SIMILAR, page.encode(errors="replace"))
    for line in _to_tell(results, groups):
        tell(line)
    return target


def _results(book: Book) -> list[Result]:
    heads, *rows = roster.rows_of(book.out / TABLE)
    pages = {book.page(file): record for file, record in book.records.items()}
    found = []
    for row in rows:
        cells = {head: roster.typed(cell) for head, cell in zip(heads, row, strict=False)}
        record = pages.get(cells.get("page", ""))
        found.append(Result(cells, record, book.marked(record.submission, record.grade) if record else ()))
    return found


def _totals(results: Iterable[Result]) -> list[list[str]]:
    rows = [["student", "identifier", "lab", "status", "total", "of", "unread", "comments"]]
    for one in results:
        row = [one.row.get(name, "") for name in ("student", "identifier", "lab", "status")]
        rows.append([*row, _points(one.total), one.row.get("of", ""), str(one.unread), _comments(one)])
    return rows


def _moodle(results: Iterable[Result]) -> list[list[str]]:
    rows = []
    for one in results:
        if one.record and (found := intake.of_moodle(one.record.submission.entry)):
            of = one.row.get("of", "")
            cells = (
                f"Participant {found}",
                one.row.get("student", ""),
                _points(one.total),
                of,
                "",
                _comments(one),
            )
            rows.append([*cells])
    return [[*_MOODLE_HEADS], *rows] if rows else []


def _canvas(results: Iterable[Result]) -> list[list[str]]:
    """One column for each lab, empty where a student has no total."""
    labs = {one.record.grade.lab.name: one.record.grade.lab for one in results if one.record}
    people: dict[str, dict[str, str]] = {}
    names: dict[str, str] = {}
    for one in results:
        if one.record and (found := intake.of_canvas(one.record.submission.entry)):
            names[found] = one.row.get("student", "")
            people.setdefault(found, {})[one.record.grade.lab.name] = _points(one.total)
    if not people:
        return []
    columns = [f"Lab {lab.number}: {lab.title}" for lab in labs.values()]
    possible = ["    Points Possible", "", "", "", "", *(f"{lab.points:g}" for lab in labs.values())]
    rows = [
        [names[who], who, "", "", "", *(points.get(lab, "") for lab in labs)]
        for who, points in people.items()
    ]
    return [[*_CANVAS_HEADS, *columns], possible, *rows]


def _feedback(results: Iterable[Result]) -> bytes:
    """Return a zip with a page for each student, in folders that are named as what they handed in."""
    content = io.BytesIO()
    template = PAGES.get_template("feedback.html")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in results:
            if one.total is None:
                continue
            record = one.record
            page = template.render(
                submission=record.submission,
                lab=record.grade.lab,
                grade=record.grade,
                marked=one.marked,
                total=one.total,
                code={},
            )
            name = f"feedback-{record.grade.lab.name}.html"
            archive.writestr(f"{_folder(record.submission.entry)}/{name}", page.encode(errors="replace"))
    return content.getvalue()


def _folder(entry: str) -> str:
    """Return the folder of a student's feedback: as Moodle names folders, else the entry's name."""
    if match := re.match(r".+?_\d{1,20}_assignsubmission_[a-z]+_", entry, re.DOTALL):
        return printable(match[0])
    return printable(Path(entry).stem) or "student"


def _comments(one: Result) -> str:
    return "\n".join(
        f"Task {each.mark.task.number}: {each.given.comment}"
        for each in one.marked
        if each.given.comment and not each.stale
    )


def _points(total: float | None) -> str:
    return "" if total is None else f"{total:g}"


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([roster.harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", errors="replace")


def _to_tell(results: Sequence[Result], groups: Sequence[similar.Group]) -> Iterable[str]:
    if unread := [one for one in results if one.unread]:
        more = f" and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
        names = ", ".join(one.record.submission.who for one in unread[:NAMED])
        number = sum(one.unread for one in unread)
        yield f"answers that nobody has read: {number}, of {names}{more}; they have no total and no feedback"
    nothing = [one for one in results if one.record is None]
    if nothing:
        yield f"without a grade: {len(nothing)}, as {TOTALS} says"
    if groups:
        yield f"groups with the same code: {len(groups)}, in {SIMILAR}"
