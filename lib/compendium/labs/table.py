"""The folder of grades: a record and a page of each submission, and one table of all.

Records are what a later run goes on from. They are JSON, and one that is not well formed counts as none.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from filelock import FileLock, Timeout
from jinja2 import Environment, FileSystemLoader

from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.labs import cage, roster
from compendium.labs.grade import Grade, Mark
from compendium.labs.intake import Submission, printable
from compendium.labs.source import Lab

TABLE = "grades.csv"
RECORDS = "records"
STATE = "state.json"  # among the records
BY_HAND = "grades-by-hand"  # what a table that somebody has changed is kept as, with a number

PAGES = Environment(
    autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FileSystemLoader(Path(__file__).parent)
)


@dataclass(frozen=True)
class Record:
    """What is kept of a submission that was graded.

    Attributes:
        key: of what its grade follows from, as `key_of` gives it.
        given: points that a person put into the table, by the number of the task.
    """

    key: str
    submission: Submission
    grade: Grade
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of the table; `grade` is None as long as there is none, `note` is added to the status."""

    submission: Submission
    grade: Grade | None
    note: str = ""


@dataclass
class Round:
    """Checking a task anew: by file, points and total of each before; and the files still to come."""

    before: dict[str, tuple[float, float]]
    waiting: list[str]


class Book:
    """A folder of grades.

    Attributes:
        out: the folder.
        records: by the file of the submission.
    """

    def __init__(self, out: Path, labs: Mapping[str, Lab]) -> None:
        """Read what is there; raises UsageError for a folder that holds something else. Writes nothing."""
        self.out = out
        self._records = out / RECORDS
        if out.exists() and not (out.is_dir() and (self._records.is_dir() or not any(out.iterdir()))):
            raise UsageError(
                f"{out}: exists already and holds no grades to go on from; move it away, or choose another "
                "folder with --out"
            )
        self.records: dict[str, Record] = {}
        for path in sorted(self._records.glob("*.json")):
            with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
                if path.name != STATE:
                    record = _record(json.loads(path.read_text(encoding="utf-8")), labs)
                    self.records[record.submission.file] = record
        self._state = {"tables": [], "rounds": {}}
        with suppress(OSError, ValueError, TypeError):
            self._state |= json.loads((self._records / STATE).read_text(encoding="utf-8"))

    def lock(self) -> AbstractContextManager:
        """Return what keeps a second grader out as long as it is entered; raises UsageError if one is in."""
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            return FileLock(self._records / "lock").acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{self.out}: is being written by another `lab grade`; wait for it") from None
        except OSError as fault:
            raise UsageError(
                f"{self.out}: cannot be written ({fault.strerror}); choose another folder with --out"
            ) from None

    def adopt(self) -> str:
        """Take over the points that somebody put into the table; return what was done, "" for nothing.

        A table that was changed is kept beside the new one.
        """
        path = self.out / TABLE
        if not path.exists() or _digest(content := path.read_bytes()) in self._state["tables"]:
            return ""
        number = 1
        while (kept := self.out / f"{BY_HAND}-{number}.csv").exists():
            number += 1
        heads, *rows = roster.rows_of(path) or [[]]
        pages = {self.page(file): file for file in self.records}
        for row in (dict(zip(heads, row, strict=False)) for row in rows):
            if file := pages.get(row.get("page", "")):
                record = self.records[file]
                hands = {str(mark.task.number) for mark in record.grade.marks if mark.by_hand}
                given = {one: row.get(f"task {one}", "").strip() for one in hands}
                self._write_record(replace(record, given={one: text for one, text in given.items() if text}))
        write_atomically(kept, content)
        return (
            f"{TABLE} was changed by hand: it is kept as {kept.name}, and the points of tasks that are read "
            "by hand are taken over"
        )

    def keep(self, submission: Submission, grade: Grade, key: str) -> None:
        """Write the record and the page of a grade.

        Points that a student was given by hand stay where the text is the same.
        """
        given: dict[str, str] = {}
        texts = {str(mark.task.number): mark.texts for mark in grade.marks if mark.by_hand}
        for old in self.records.values():
            if _person(old.submission) == _person(submission):
                for mark in old.grade.marks:
                    number = str(mark.task.number)
                    if number in old.given and old.grade.lab == grade.lab and mark.texts == texts.get(number):
                        given[number] = old.given[number]
        self._write_record(Record(key, submission, grade, given))
        self.show(submission, grade)

    def show(self, submission: Submission, grade: Grade) -> bool:
        """Write the page of a grade; return whether there was none."""
        page = PAGES.get_template("page.html").render(grade=grade, submission=submission)
        path = self.out / self.page(submission.file)
        new = not path.exists()
        write_atomically(path, page.encode(errors="replace"))
        return new

    def page(self, file: str) -> str:
        """Return the name of a submission's page, which stays the same whatever else is handed in."""
        return f"{_stem(file)}.html"

    def round(self, task: int) -> Round | None:
        """Return the round of checking a task anew that is not finished, if there is one."""
        with suppress(LookupError, TypeError):
            return Round(**self._state["rounds"][str(task)])
        return None

    def set_round(self, task: int, to: Round | None) -> None:
        """Remember how far such a round is; None if it is finished."""
        self._state["rounds"].pop(str(task), None)
        if to:
            self._state["rounds"][str(task)] = asdict(to)
        self._write_state()

    def write(self, rows: Iterable[Row], waiting: str) -> None:
        """Write the table; `waiting` is the status of rows without a grade."""
        rows = list(rows)
        content = _table([self._cells(row, waiting) for row in rows])
        self._state["tables"] = [*self._state["tables"][-1:], _digest(content)]
        self._write_state()
        write_atomically(self.out / TABLE, content)

    def _cells(self, row: Row, waiting: str) -> dict[str, str]:
        one, grade = row.submission, row.grade
        cells = {
            "student": one.student,
            "identifier": one.identifier,
            "time": one.when,
            "file": one.file,
            "lab": one.lab,
            "status": (grade.status if grade else waiting) + row.note,
        }
        lab = grade.lab if grade else None
        record = self.records.get(one.file)
        given = record.given if record else {}
        for mark in grade.marks if grade else ():
            number = str(mark.task.number)
            cells[f"task {number}"] = given.get(number, "") if mark.by_hand else f"{mark.points:g}"
        cells["total"] = f"{grade.total:g}" if grade and one.file else ""
        cells["of"] = f"{lab.points:g}" if lab else ""
        cells["by hand"] = f"{grade.by_hand:g}" if grade and one.file else ""
        cells["others"] = "; ".join(one.others)
        cells["page"] = self.page(one.file) if grade and one.file else ""
        return cells

    def _write_record(self, record: Record) -> None:
        file = record.submission.file
        self.records[file] = record
        marks = [
            {one.name: getattr(mark, one.name) for one in fields(Mark)} | {"task": mark.task.number}
            for mark in record.grade.marks
        ]
        grade = {one.name: getattr(record.grade, one.name) for one in fields(Grade)}
        grade |= {"lab": record.grade.lab.name if record.grade.lab else "", "marks": marks}
        submission = asdict(replace(record.submission, path=None))
        told = {"key": record.key, "given": record.given, "submission": submission, "grade": grade}
        write_atomically(self._records / f"{_stem(file)}.json", json.dumps(told, indent=1))

    def _write_state(self) -> None:
        write_atomically(self._records / STATE, json.dumps(self._state))


def key_of(submission: Submission, lab: Lab, limits: cage.Limits) -> str:
    """Return a digest of what a grade follows from: submission, checks, limits."""
    return _digest(json.dumps([submission.sha256, _digest(lab.check_module), asdict(limits)]))


def _person(submission: Submission) -> tuple[str, str]:
    return submission.identifier, submission.student


def _record(told: dict, labs: Mapping[str, Lab]) -> Record:
    """Return a record from its JSON; raises ValueError, TypeError, LookupError or AttributeError."""
    grade, lab = told["grade"], labs[told["grade"]["lab"]]
    tasks = {task.number: task for task in lab.tasks}
    marks = tuple(
        Mark(**mark | {"task": tasks[mark["task"]]}) for mark in grade["marks"] if mark["task"] in tasks
    )
    failures = tuple((number, line, said) for number, line, said in grade["failures"])
    submission = Submission(**told["submission"] | {"others": tuple(told["submission"]["others"])})
    return Record(
        told["key"],
        submission,
        Grade(**grade | {"lab": lab, "marks": marks, "failures": failures}),
        told["given"],
    )


def _table(rows: list[dict[str, str]]) -> bytes:
    heads = list(dict.fromkeys(head for row in rows for head in row))
    tasks = sorted((head for head in heads if head.startswith("task ")), key=lambda head: int(head[5:]))
    first = [head for head in heads if not head.startswith("task ")]
    end = first.index("status") + 1
    written = io.StringIO()
    writer = csv.DictWriter(written, [*first[:end], *tasks, *first[end:]], restval="")
    writer.writeheader()
    writer.writerows({head: _harmless(cell) for head, cell in row.items()} for row in rows)
    return written.getvalue().encode("utf-8-sig", errors="replace")


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def _stem(file: str) -> str:
    """Return a name for what is kept of a file: its words, and a digest in which no two files agree."""
    words = re.findall(r"[A-Za-z0-9]+", file.removesuffix(".ipynb"))
    return "-".join(["-".join(words)[:60], _digest(file)[:8]]).strip("-")


def _digest(content: bytes | str) -> str:
    data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()
