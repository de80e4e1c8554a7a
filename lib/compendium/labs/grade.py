"""Grade one submission: run its notebook in a cage, and its lab's checks in another."""

import json
import socket
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from compendium.errors import one_line
from compendium.labs import cage, editions
from compendium.labs.intake import Submission, printable
from compendium.labs.source import Lab, Task

SHARE_FOR_CELLS = 2 / 3  # of the time; the rest is for the checks
SHARE_OF_TIME = 0.95  # after which no check is begun, so that what was found is still told

FEWEST_WORDS = 8  # of a text that may be meant as an answer though it stands elsewhere


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
        file: where it lies in the folder.
        lab: which one it is of, if that is known.
        status: "graded", or why that could not be done, or not wholly.
        checked: False if the checks themselves failed, which is no fault of the submission.
        marks: a task each; none if nothing was run.
        failures: number, first line and error of each cell that failed.
        said: the end of what its process wrote on stderr, if it was ended or ended by itself.
    """

    file: str
    lab: Lab | None
    status: str
    checked: bool = True
    marks: tuple[Mark, ...] = ()
    failures: tuple[tuple[int, str, str], ...] = ()
    said: str = ""

    @property
    def total(self) -> float:
        """Points earned."""
        return sum(mark.points for mark in self.marks)

    @property
    def by_hand(self) -> float:
        """Points that a person may still give."""
        return sum(mark.task.points for mark in self.marks if mark.by_hand)


@dataclass(frozen=True)
class Grader:
    """Grades submissions one by one, in several threads if need be.

    Attributes:
        limits: of each submission.
        threads: processors for each.
        hidden: folders that no submission may see.
        stop: ends what runs as soon as it is set.
    """

    limits: cage.Limits
    threads: int
    hidden: tuple[Path, ...]
    stop: threading.Event

    def grade(self, submitted: Submission, lab: Lab | None) -> Grade:
        """Grade a submission, which may be anything; a cage that fails is told in the status."""
        if submitted.fault or submitted.path is None or lab is None:
            return Grade(submitted.file, lab, submitted.fault)
        try:
            submission, checker = self._run(submitted.path, lab)
        except Exception as fault:  # of the system or of psutil; it must not end the evening
            said = getattr(fault, "strerror", "") or one_line(fault)
            return _unchecked(submitted.file, lab, f"its cage could not be started ({said})")
        if checker.process.returncode == 0 and not submission.stdout.startswith(cage.READY):
            said = submission.stderr.decode(errors="replace")
            return _unchecked(submitted.file, lab, "its cage could not be started", said)
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
        missing = lab.say("unchecked", reason=status)
        return replace(
            found,
            file=submitted.file,
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
            inside = "/cage/submission" + (".py" if path.suffix.lower() == ".py" else ".ipynb")
            submission = cage.start(
                "compendium.labs.submission",
                *(str(theirs.fileno()), inside, str(SHARE_FOR_CELLS * seconds)),
                files={inside: path.resolve(), f"/lab/check_{lab.name}.py": checks},
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


def _unchecked(file: str, lab: Lab, reason: str, said: str = "") -> Grade:
    status = f"not checked: {reason}"
    hint = lab.say("unchecked", reason=reason)
    marks = tuple(Mark(task, hint=hint) for task in lab.tasks)
    return Grade(file, lab, status, checked=False, marks=marks, said=said)


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
                status = printable(f"failed: {line['fault']}") if "fault" in line else graded
                grade = replace(grade, status=status, checked=True, failures=failures)
            else:
                task = tasks[line["task"]]
                points = min(max(0, float(line["points"])), task.points)
                texts = {str(name): str(text) for name, text in line["texts"].items()}
                mark = Mark(task, points, str(line["hint"]), line["by_hand"] is True, texts)
                if meant := _meant(lab, line["elsewhere"]):
                    hint = f"{mark.hint} {lab.say('elsewhere', places=', '.join(meant))}"
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
