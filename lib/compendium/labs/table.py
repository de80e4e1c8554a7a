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
from compendium.labs import cage, editions, hand, handed_in, roster, source
from compendium.labs.grade import Grade, Mark
from compendium.labs.hand import Given
from compendium.labs.intake import MOST_PARSED, Submission, printable
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
        code: of each task, by its number as text, without the cells that were handed out.
    """

    key: str
    submission: Submission
    grade: Grade
    code: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A row of the table; `grade` is None as long as there is none, `note` is added to the status."""

    submission: Submission
    grade: Grade | None
    note: str = ""


@dataclass(frozen=True)
class Marked:
    """A mark and what a person gave for it.

    Attributes:
        key, digest: of what is read by a person, as in `hand`.
        given: by a person.
        points: that count, None as long as a person has to give them.
        stale: whether points were given for something else than what is there now.
    """

    mark: Mark
    key: hand.Key
    digest: str
    given: Given
    points: float | None
    stale: bool


@dataclass
class Round:
    """Checking a task anew: by file, points and total of each before; and the files still to come."""

    before: dict[str, tuple[float, float]]
    waiting: list[str]


class Book:
    """A folder of grades.

    Attributes:
        out: the folder.
        labs: by which it is graded, by name.
        records: by the file of the submission.
        hand: what a person gave.
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
        self.labs = labs
        self.hand = hand.read(out / hand.FILE, labs)
        self._state = _state(self._records)

    @classmethod
    def graded(cls, out: Path) -> "Book":
        """Return a folder that was graded, with the labs that it was graded by.

        Raises UsageError where it holds no grades.
        """
        if not (out / TABLE).exists():
            raise UsageError(f"{out}: holds no grades; name the folder that `compendium lab grade` wrote")
        state = _state(out / RECORDS)
        folder = Path(state["labs"]) if state["labs"] else None
        whole = {name: source.load(name, folder) for name in source.names(folder)}
        left_out = {name: gone for name, gone in state["without"].items() if name in whole}
        return cls(out, whole | {name: whole[name].without(gone) for name, gone in left_out.items()})

    def remember(self, folder: Path | None) -> None:
        """Note by which labs the folder is graded, and which of their tasks do not count."""
        self._state["labs"] = str(folder.resolve()) if folder else ""
        whole = {name: source.load(name, folder) for name in self.labs}
        self._state["without"] = {
            name: sorted({task.number for task in whole[name].tasks} - {task.number for task in lab.tasks})
            for name, lab in self.labs.items()
        }
        self._write_state()

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

    def set_aside(self) -> str:
        """Keep a table that somebody has changed beside the new one; return what was done, "" for nothing."""
        path = self.out / TABLE
        if not path.exists() or _digest(content := path.read_bytes()) in self._state["tables"]:
            return ""
        number = 1
        while (kept := self.out / f"{BY_HAND}-{number}.csv").exists():
            number += 1
        write_atomically(kept, content)
        return f"{TABLE} was changed: it is kept as {kept.name}; points given by hand stand in {hand.FILE}"

    def keep(self, submission: Submission, grade: Grade, key: str) -> None:
        """Write the record and the page of a grade."""
        code: Mapping[str, str] = {}
        if submission.path.stat().st_size <= MOST_PARSED:
            code = handed_in.code_by_task(submission.path, editions.given_code(grade.lab))
        self._write_record(Record(key, submission, grade, code))
        self.show(submission, grade)

    def rename(self, submission: Submission) -> None:
        """Give a record, and what was given by hand, the name and identifier that a roster gives."""
        record = self.records[submission.file]
        old, lab = record.submission, record.grade.lab.name
        if (old.identifier, old.student) == (submission.identifier, submission.student):
            return
        moved = {
            key: given for key, given in self.hand.items() if key[:3] == (old.identifier, old.student, lab)
        }
        if moved:
            self.hand = {key: given for key, given in self.hand.items() if key not in moved}
            for key, given in moved.items():
                self.hand[submission.identifier, submission.student, *key[2:]] = given
            hand.write(self.out / hand.FILE, self.hand, self.labs)
        named = replace(old, identifier=submission.identifier, student=submission.student)
        self._write_record(replace(record, submission=named))
        self.show(named, record.grade)

    def show(self, submission: Submission, grade: Grade) -> bool:
        """Write the page of a grade; return whether there was none."""
        record = self.records.get(submission.file)
        code = record.code if record and record.grade is grade else {}
        page = PAGES.get_template("page.html").render(grade=grade, submission=submission, code=code)
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
        marked = self.marked(one, grade) if grade else []
        for each in marked:
            points = "" if each.points is None else f"{each.points:g}"
            cells[f"task {each.mark.task.number}"] = points
        cells["total"] = f"{sum(each.points or 0 for each in marked):g}" if grade and one.file else ""
        cells["of"] = f"{lab.points:g}" if lab else ""
        left = sum(each.mark.task.points for each in marked if each.points is None)
        cells["by hand"] = f"{left:g}" if grade and one.file else ""
        cells["others"] = "; ".join(one.others)
        cells["page"] = self.page(one.file) if grade and one.file else ""
        return cells

    def marked(self, submission: Submission, grade: Grade) -> list["Marked"]:
        """Return each mark of a grade with what a person gave for it."""
        record = self.records.get(submission.file)
        code = record.code if record else {}
        found = []
        for mark in grade.marks:
            key = (submission.identifier, submission.student, grade.lab.name, mark.task.number)
            given = self.hand.get(key, Given(None))
            digest = hand.digest(mark, code.get(str(mark.task.number), ""))
            stale = given.points is not None and given.read not in ("", digest)
            own = None if mark.by_hand else mark.points
            points = own if stale or given.points is None else given.points
            found.append(Marked(mark, key, digest, given, points, stale))
        return found

    def give(self, given: Mapping[hand.Key, Given]) -> None:
        """Write what a person gave, beside what was given before."""
        self.hand = hand.read(self.out / hand.FILE, self.labs) | dict(
            given
        )  # it may be edited elsewhere, too
        hand.write(self.out / hand.FILE, self.hand, self.labs)

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
        told = {"key": record.key, "code": dict(record.code), "submission": submission, "grade": grade}
        write_atomically(self._records / f"{_stem(file)}.json", json.dumps(told, indent=1))

    def _write_state(self) -> None:
        write_atomically(self._records / STATE, json.dumps(self._state))


def _state(records: Path) -> dict:
    """Return what is remembered from one command to the next."""
    state = {"tables": [], "rounds": {}, "labs": "", "without": {}}
    with suppress(OSError, ValueError, TypeError):
        state |= json.loads((records / STATE).read_text(encoding="utf-8"))
    return state


def key_of(submission: Submission, lab: Lab, limits: cage.Limits) -> str:
    """Return a digest of what a grade follows from: submission, checks, limits."""
    return _digest(json.dumps([submission.sha256, _digest(lab.check_module), asdict(limits)]))


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
        told.get("code", {}),
    )


def _table(rows: list[dict[str, str]]) -> bytes:
    heads = list(dict.fromkeys(head for row in rows for head in row))
    tasks = sorted((head for head in heads if head.startswith("task ")), key=lambda head: int(head[5:]))
    first = [head for head in heads if not head.startswith("task ")]
    end = first.index("status") + 1
    written = io.StringIO()
    writer = csv.DictWriter(written, [*first[:end], *tasks, *first[end:]], restval="")
    writer.writeheader()
    writer.writerows({head: roster.harmless(printable(cell)) for head, cell in row.items()} for row in rows)
    return written.getvalue().encode("utf-8-sig", errors="replace")


def _stem(file: str) -> str:
    """Return a name for what is kept of a file: its words, and a digest in which no two files agree."""
    words = re.findall(r"[A-Za-z0-9]+", file.removesuffix(".ipynb"))
    return "-".join(["-".join(words)[:60], _digest(file)[:8]]).strip("-")


def _digest(content: bytes | str) -> str:
    data = content if isinstance(content, bytes) else content.encode(errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()
