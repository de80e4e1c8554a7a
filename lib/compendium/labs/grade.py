"""Grade a folder of submitted notebooks: a table of points, and a page for each."""

import csv
import io
import json
import os
import re
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from compendium.errors import UsageError
from compendium.files import write_atomically
from compendium.labs import cage, editions, source
from compendium.labs.source import Lab, Task

MOST_OF_A_FILE = 50 * cage.MB
SHARE_FOR_CELLS = 2 / 3  # of the time; the rest is for the checks
SHARE_OF_TIME = 0.95  # after which no check is begun, so that what was found is still told

FEWEST_WORDS = 8  # of a text that may be meant as an answer though it stands elsewhere

PAGES = Environment(
    autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FileSystemLoader(Path(__file__).parent)
)


@dataclass(frozen=True)
class Mark:
    """What a submission got for a task.

    Attributes:
        points, hint, by_hand: as in `checking.Result`.
        texts: those of its answers that are texts, by name, or texts elsewhere that may be meant for it.
    """

    task: Task
    points: float = 0
    hint: str = ""
    by_hand: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Grade:
    """What came of a submission.

    Attributes:
        file: its path in the folder.
        lab: which one it is of, if that is known.
        status: "graded", or why that could not be done, or not wholly.
        checked: False if the checks themselves failed, which is no fault of the submission.
        marks: a task each; none if nothing was run.
        failures: number, first line and error of each cell that failed.
        said: the end of what its process wrote on stderr, if it was ended or ended by itself.
        page: name of the file with its page.
    """

    file: str
    lab: Lab | None
    status: str
    checked: bool = True
    marks: tuple[Mark, ...] = ()
    failures: tuple[tuple[int, str, str], ...] = ()
    said: str = ""
    page: str = ""

    @property
    def shown(self) -> str:
        """The file as it can be printed on a line."""
        return _printable(self.file)

    @property
    def total(self) -> float:
        """Points earned."""
        return sum(mark.points for mark in self.marks)

    @property
    def by_hand(self) -> float:
        """Points that a person may still give."""
        return sum(mark.task.points for mark in self.marks if mark.by_hand)


def submissions(folder: Path) -> list[Path]:
    """Return the notebooks in a folder and in its own folders; raises UsageError if there are none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder; give the folder with the submitted notebooks")
    inside = [one for one in folder.iterdir() if one.is_dir() and not one.is_symlink()]
    folders = [folder, *(one for one in inside if not one.name.startswith("."))]
    found = sorted(path for one in folders for path in one.glob("*.ipynb") if not path.name.startswith("."))
    if not found:
        raise UsageError(f"{folder}: there is no *.ipynb in it, nor in its folders")
    return found


def grade(
    folder: Path,
    out: Path,
    *,
    lab: str | None,
    limits: cage.Limits,
    workers: int,
    tell: Callable[[Grade, int, int], None],
) -> list[Grade]:
    """Grade all submissions in a folder; write `grades.csv` and their pages to `out`, as they come.

    Args:
        folder: with the submissions.
        out: has to be empty or not there.
        lab: which lab they are of; without it, the one whose checks a notebook imports, else the one that
            its file is named after.
        limits: of each submission.
        workers: submissions run at the same time.
        tell: called after each with its grade, how many are done, and of how many.

    Raises UsageError for a wrong folder or lab, CompendiumError where submissions cannot be caged.
    """
    found = submissions(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists already; move it away, or choose another folder with --out")
    labs = {name: source.load(name) for name in ([lab] if lab else source.names())}
    cage.require()
    stop = threading.Event()
    threads = max(1, (os.cpu_count() or 1) // workers)
    grader = _Grader(labs, lab or "", limits, threads, (folder, out, source.FOLDER), stop)
    grades: dict[int, Grade] = {}
    with ThreadPoolExecutor(workers) as pool:
        waiting = {
            pool.submit(grader.grade, path, str(path.relative_to(folder))): number
            for number, path in enumerate(found, start=1)
        }
        try:
            for future in as_completed(waiting):
                number = waiting[future]
                got = future.result()
                grades[number] = replace(got, page=_page_name(number, got.file))
                _write(out, [grades[number] for number in sorted(grades)], grades[number])
                tell(grades[number], len(grades), len(found))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [grades[number] for number in sorted(grades)]


@dataclass(frozen=True)
class _Grader:
    """What is the same for all submissions."""

    labs: Mapping[str, Lab]
    chosen: str
    limits: cage.Limits
    threads: int
    hidden: tuple[Path, ...]
    stop: threading.Event

    def grade(self, path: Path, file: str) -> Grade:
        """Grade a submission, which may be anything."""
        if fault := _unreadable(path):
            return Grade(file, self.labs.get(self.chosen), fault)
        lab = self.labs.get(self.chosen or _lab_of(path, self.labs))
        if lab is None:
            return Grade(file, None, "not graded: it does not say which lab it is of; grade it with --lab")
        try:
            submission, checker = self._run(path, lab)
        except OSError as fault:
            status = f"not checked: its cage could not be started ({fault.strerror})"
            marks = tuple(Mark(task, hint=f"Not checked: {status}.") for task in lab.tasks)
            return Grade(file, lab, status, checked=False, marks=marks)
        found = _read(bytes(checker.stdout), lab)
        status = found.status
        if fault := submission.fault or checker.fault:
            status = f"stopped: {fault}"
        checked = bool(fault) or (checker.process.returncode == 0 and found.checked)
        if not checked:
            status = "not checked: the checks failed"
        whole = status.startswith("graded")
        said = "" if whole else (submission if checked else checker).stderr.decode(errors="replace")
        marks = {mark.task.number: mark for mark in found.marks}
        missing = f"Not checked: {status}."
        return replace(
            found,
            file=file,
            status=status,
            checked=checked,
            marks=tuple(marks.get(task.number, Mark(task, hint=missing)) for task in lab.tasks),
            said=said,
        )

    def _run(self, path: Path, lab: Lab) -> tuple[cage.Cage, cage.Cage]:
        """Run a submission and the checker, which talk to each other, until the checker has ended."""
        ours, theirs = socket.socketpair()
        common = {"limits": self.limits, "threads": self.threads, "hidden": self.hidden}
        seconds = self.limits.seconds
        with tempfile.TemporaryDirectory() as folder, ours, theirs:
            checks = Path(folder, "check.py")
            checks.write_text(lab.check_module, encoding="utf-8")
            submission = cage.start(
                "compendium.labs.submission",
                *(str(theirs.fileno()), "/cage/submission.ipynb", str(SHARE_FOR_CELLS * seconds)),
                files={"/cage/submission.ipynb": path.resolve(), f"/lab/check_{lab.name}.py": checks},
                inherited=theirs.fileno(),
                **common,
            )
            try:
                checker = cage.start(
                    "compendium.labs.checker",
                    *(str(ours.fileno()), "/cage/check.py", str(SHARE_OF_TIME * seconds)),
                    files={"/cage/check.py": checks},
                    inherited=ours.fileno(),
                    **common,
                )
            except OSError:
                submission.kill("")
                raise
            ours.close()
            theirs.close()
            cage.watch([submission, checker], self.stop)
        return submission, checker


def _read(printed: bytes, lab: Lab) -> Grade:
    """Return what the checker said, which is not believed to be well formed."""
    grade = Grade("", lab, "", checked=False)
    tasks = {task.number: task for task in lab.tasks}
    try:
        for line in map(json.loads, printed.splitlines()):
            if "cells" in line:
                failures = tuple(
                    (int(number), str(first), str(said)) for number, first, said in line["cells"]
                )
                graded = "graded" + (f"; cells that failed: {len(failures)}" if failures else "")
                status = _printable(f"failed: {line['fault']}") if "fault" in line else graded
                grade = replace(grade, status=status, checked=True, failures=failures)
            else:
                task = tasks[line["task"]]
                points = min(max(0, float(line["points"])), task.points)
                texts = {str(name): str(text) for name, text in line["texts"].items()}
                mark = Mark(task, points, str(line["hint"]), line["by_hand"] is True, texts)
                if meant := _meant(lab, line["elsewhere"]):
                    hint = f"{mark.hint} Is it in {' or '.join(meant)}? That is to be read by hand."
                    mark = replace(mark, hint=hint, by_hand=True, texts=texts | meant)
                grade = replace(grade, marks=(*grade.marks, mark))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        pass  # the last line may be cut off; what came before it counts
    return grade


def _meant(lab: Lab, elsewhere: Mapping[str, str]) -> dict[str, str]:
    """Return those texts, without the lab's own lines, that are long enough to be an answer."""
    if not elsewhere:
        return {}
    prose = (cell.source for cell in editions.student(lab, {}).cells if cell.cell_type == "markdown")
    given = {line.strip() for text in prose for line in text.splitlines()}
    own = {
        str(name): "\n".join(line for line in str(text).splitlines() if line.strip() not in given)
        for name, text in elsewhere.items()
    }
    return {name: text for name, text in own.items() if len(text.split()) >= FEWEST_WORDS}


def _unreadable(path: Path) -> str:
    """Return why a file is not to be run, "" if it may be."""
    try:
        about = path.lstat()
    except OSError as fault:
        return f"not graded: it cannot be read ({fault.strerror})"
    if not stat.S_ISREG(about.st_mode):
        return "not graded: it is not a file, but a link, a folder or the like"
    if about.st_size > MOST_OF_A_FILE:
        return f"not graded: it is larger than {MOST_OF_A_FILE / cage.MB:.0f} MB"
    if not about.st_size:
        return "not graded: it is empty"
    if not os.access(path, os.R_OK):
        return "not graded: it cannot be read (no permission)"
    return ""


def _lab_of(path: Path, labs: Mapping[str, Lab]) -> str:
    imported = {name.decode() for name in re.findall(rb"import check_(\w+)", path.read_bytes())}
    words = set(re.split(r"[^a-z]+", path.stem.lower()))
    for names in (imported, words):
        if len(known := names & labs.keys()) == 1:
            return known.pop()
    return ""


def _page_name(number: int, file: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", file.removesuffix(".ipynb"))
    return "-".join([f"{number:03}", *words])[:60] + ".html"


def _write(out: Path, grades: list[Grade], new: Grade) -> None:
    """Write the table of all grades so far, and the page of the new one."""
    page = PAGES.get_template("page.html").render(grade=new)
    write_atomically(out / new.page, page.encode(errors="replace"))
    tasks = range(1, max((len(grade.marks) for grade in grades), default=0) + 1)
    table = io.StringIO()
    writer = csv.writer(table)
    numbered = [f"task {number}" for number in tasks]
    writer.writerow(["file", "lab", "status", *numbered, "total", "of", "by hand", "page"])
    for grade in grades:
        points = {mark.task.number: "" if mark.by_hand else f"{mark.points:g}" for mark in grade.marks}
        row = [grade.file, grade.lab.name if grade.lab else "", grade.status]
        row += [points.get(number, "") for number in tasks]
        row += [
            f"{grade.total:g}",
            f"{grade.lab.points:g}" if grade.lab else "",
            f"{grade.by_hand:g}",
            grade.page,
        ]
        writer.writerow([_harmless(one) if isinstance(one, str) else one for one in row])
    write_atomically(out / "grades.csv", table.getvalue().encode("utf-8-sig", errors="replace"))


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    text = _printable(text)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def _printable(text: str) -> str:
    """Return a text without what steers a terminal or breaks a line; file names may hold anything."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
