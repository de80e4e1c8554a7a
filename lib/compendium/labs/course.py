"""Grade what a course handed in, and go on where an earlier run of the same command ended."""

import os
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from compendium.errors import UsageError, unknown
from compendium.labs import cage, intake, roster, source
from compendium.labs.grade import Grade, Grader, Mark
from compendium.labs.intake import Submission
from compendium.labs.source import Lab
from compendium.labs.table import Book, Record, Round, Row, key_of

MISSING = "missing: nothing was handed in"
GONE = "; it is no longer in the folder"
STALE = "; its checks or limits have changed since"
NAMED = 10  # people that a line names, where there are more


def grade(
    folder: Path,
    out: Path,
    *,
    lab: str | None,
    limits: cage.Limits,
    workers: int,
    tell: Callable[[str], None],
    only: Sequence[str] = (),
    again: int | None = None,
    people: Path | None = None,
    sources: Path | None = None,
    without: Collection[int] = (),
) -> list[Grade]:
    """Grade what is in a folder and not graded yet; write a table and pages to `out`, as they come.

    Args:
        folder: with an entry for each submission, of any kind.
        out: for the grades; empty, not there, or with grades of the same submissions, which are kept.
        lab: which lab all are of; without it, each is recognised by its content.
        limits: of each submission.
        workers: submissions run at the same time.
        tell: called with a line on each, as it is done, and on what else the teacher has to know.
        only: files, entries or students; they alone are graded, whether they were before or not.
        again: a task that is checked anew for all that have been graded; their other marks stay.
        people: the roster, a CSV file.
        sources: the folder of the labs, by default the repository's.
        without: tasks that were not handed out, or that shall not count, of the one lab that is graded.

    Returns the grades of all rows that have one. Raises UsageError for a wrong folder, lab, file, task or
    roster, CompendiumError where submissions cannot be caged.
    """
    whole = {name: source.load(name, sources) for name in source.names(sources)}
    chosen = source.load(lab, sources).name if lab else ""
    labs = source.without(whole, chosen, without)
    enrolled = roster.read(people) if people else []
    with tempfile.TemporaryDirectory() as unpacked:
        left_out = [out, people] if people else [out]
        found = intake.submissions(folder, Path(unpacked), labs, chosen, left_out)
        book = Book(out, labs)
        found += _gone(book, found, folder)
        missing: list[roster.Person] = []
        if people:
            found, missing, strangers = roster.joined(found, enrolled)
            _list(tell, f"not in {people.name}", [one.who for one in strangers])
        rows = intake.counted(found)
        _tell_tasks(tell, rows, whole, labs)
        course = _Course(book, rows, missing, labs, limits, tell)
        selected = _selected(rows, only, folder)
        round_ = course.round(again, selected) if again is not None else None
        cage.require()
        with book.lock():
            book.remember(sources)
            if said := book.set_aside():
                tell(said)
            if round_:
                book.set_round(again, round_)
            jobs = [one for one in selected if course.needs(one, again, forced=bool(only))]
            hidden = (folder, out, source.FOLDER, sources or source.FOLDER, Path(unpacked))
            course.run(jobs, workers, hidden, again)
            if again is not None:
                course.tell_changes(again)
        _list(tell, "nothing was handed in by", [one.who for one in missing])
    return course.grades


class _Course:
    """All rows of the table, while they are graded."""

    def __init__(
        self,
        book: Book,
        rows: Sequence[Submission],
        missing: Sequence[roster.Person],
        labs: Mapping[str, Lab],
        limits: cage.Limits,
        tell: Callable[[str], None],
    ) -> None:
        self._book, self._rows, self._missing = book, rows, missing
        self._labs, self._limits, self._tell = labs, limits, tell
        self._waiting: set[str] = set()
        self._unchecked: dict[str, Grade] = {}

    @property
    def grades(self) -> list[Grade]:
        """Grades of all rows that have one."""
        return [grade for grade in map(self._grade, self._rows) if grade]

    def needs(self, one: Submission, again: int | None, *, forced: bool) -> bool:
        """Whether a submission is to be run now."""
        if one.path is None:
            return False
        record = self._record(one)
        if again is None:
            return forced or record is None or record.key != self._key(one)
        return record is None or one.file in self._book.round(again).waiting

    def round(self, task: int, selected: Sequence[Submission]) -> Round:
        """Return the round of checking a task anew: one that was cut off, or a new one.

        Raises UsageError where no lab that was handed in has the task.
        """
        handed_in = [self._labs[one.lab] for one in self._rows if one.lab]
        if handed_in and not any(one.number == task for lab in handed_in for one in lab.tasks):
            there = {lab.name: ", ".join(str(one.number) for one in lab.tasks) for lab in handed_in}
            listed = "; ".join(f"{name}: {numbers}" for name, numbers in there.items())
            raise UsageError(f"there is no task {task} to check again ({listed})")
        if unfinished := self._book.round(task):
            there = {one.file for one in self._rows if one.path}
            return replace(unfinished, waiting=[file for file in unfinished.waiting if file in there])
        before = {}
        for one in selected:
            record = self._record(one)
            if one.path and record and (mark := _mark(record.grade, task)):
                before[one.file] = (mark.points, record.grade.total)
        return Round(before, list(before))

    def run(
        self, jobs: Sequence[Submission], workers: int, hidden: tuple[Path, ...], again: int | None
    ) -> None:
        """Grade submissions, and write what came of each as soon as it is there."""
        stop = threading.Event()
        grader = Grader(self._limits, max(1, (os.cpu_count() or 1) // workers), hidden, stop)
        for one in self._rows:
            if self._record(one):
                self._book.rename(one)
        faulty = [one for one in self._rows if one.fault]
        self._waiting = {one.file for one in [*jobs, *faulty]}
        for one in faulty:
            self._waiting.discard(one.file)
            if self._book.show(one, self._grade(one)):
                self._say(one)
        self._write()
        kept = sum(self._record(one) is not None and one.file not in self._waiting for one in self._rows)
        if kept:
            self._tell(f"{kept} of {len(self._rows)} are graded already, and are not run again")
        with ThreadPoolExecutor(workers) as pool:
            running = {pool.submit(grader.grade, one, self._labs[one.lab]): one for one in jobs}
            try:
                for future in as_completed(running):
                    self._take(running[future], future.result(), again)
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def tell_changes(self, task: int) -> None:
        """Say who went from what to what in a task that is checked anew; end the round if that was all."""
        round_ = self._book.round(task)
        changed = []
        for one in self._rows:
            if one.file in round_.before and one.file not in round_.waiting:
                (points, total), grade = round_.before[one.file], self._grade(one)
                if (now := _mark(grade, task)) and (now.points, grade.total) != (points, total):
                    changed.append(
                        f"{one.who}: task {task} from {points:g} to {now.points:g}, "
                        f"in all from {total:g} to {grade.total:g}"
                    )
        checked = len(round_.before) - len(round_.waiting)
        self._tell(f"task {task} was checked anew for {checked}; the points of {len(changed)} have changed")
        for line in changed:
            self._tell(line)
        if round_.waiting:
            self._tell(f"{len(round_.waiting)} are still to come; the same command goes on")
        self._book.set_round(task, round_ if round_.waiting else None)

    def _take(self, one: Submission, grade: Grade, again: int | None) -> None:
        """Keep a new grade; where a task was checked anew, only what it says of that task."""
        self._waiting.discard(one.file)
        if not grade.checked:
            self._unchecked[one.file] = grade
            self._book.show(one, grade)
        else:
            round_ = self._book.round(again) if again is not None else None
            in_round = round_ is not None and one.file in round_.waiting
            if in_round and (old := self._record(one)):
                grade = _only(again, grade, old.grade)
            self._book.keep(one, grade, self._key(one))
            if in_round:
                round_.waiting.remove(one.file)
                self._book.set_round(again, round_)
        self._write()
        self._say(one)

    def _say(self, one: Submission) -> None:
        grade = self._grade(one)
        points = f"{grade.total:g} of {grade.lab.points:g}" if grade.lab else "0"
        self._tell(f"{self._done} of {len(self._rows)}  {one.shown}: {points}; {grade.status}")

    @property
    def _done(self) -> int:
        return sum(self._grade(one) is not None and one.file not in self._waiting for one in self._rows)

    def _write(self) -> None:
        rows = [Row(one, self._grade(one), self._note(one)) for one in self._rows]
        rows += [
            Row(Submission("", one.name, one.identifier), Grade("", None, MISSING)) for one in self._missing
        ]
        self._book.write(rows, f"waiting: {self._done} of {len(self._rows)} are graded")

    def _grade(self, one: Submission) -> Grade | None:
        if one.fault:
            return Grade(one.file, self._labs.get(one.lab), one.fault)
        record = self._record(one)
        return self._unchecked.get(one.file) or (record.grade if record else None)

    def _record(self, one: Submission) -> Record | None:
        """Return the record of a submission that has not changed since."""
        record = self._book.records.get(one.file)
        same = record and (record.submission.sha256, record.grade.lab.name) == (one.sha256, one.lab)
        return record if same else None

    def _note(self, one: Submission) -> str:
        if one.fault or one.file in self._unchecked or not (record := self._record(one)):
            return ""
        if one.path is None:
            return GONE
        return "" if record.key == self._key(one) else STALE

    def _key(self, one: Submission) -> str:
        return key_of(one, self._labs[one.lab], self._limits)


def _gone(book: Book, found: Iterable[Submission], folder: Path) -> list[Submission]:
    """Return what was graded and is no longer in the folder, unless it is there under another name.

    Raises UsageError if that is all that was graded: the grades are of another folder.
    """
    found = list(found)
    files = {one.file for one in found}
    renamed = {one.sha256 for one in found if one.file not in book.records}
    gone = [record.submission for file, record in book.records.items() if file not in files]
    if gone and len(gone) == len(book.records) and not all(one.sha256 in renamed for one in gone):
        raise UsageError(
            f"{book.out}: has the grades of other submissions, none of which is in {folder}; put late ones "
            "into the folder that was graded, or choose another folder with --out"
        )
    return [replace(one, others=()) for one in gone if one.sha256 not in renamed]


def _selected(rows: Sequence[Submission], only: Sequence[str], folder: Path) -> list[Submission]:
    """Return the rows that are chosen by file, entry, student or a path; all without a choice.

    Raises UsageError for a name that is of none, or of a file that does not count.
    """
    if not only:
        return list(rows)
    chosen: dict[str, Submission] = {}
    for given in only:
        names = {given.rstrip("/")}
        if Path(given).resolve().is_relative_to(folder.resolve()):
            names.add(Path(given).resolve().relative_to(folder.resolve()).as_posix())
        hit = [one for one in rows if names & {one.file, one.entry, one.student, one.identifier}]
        if not hit:
            for one in rows:
                if names & set(one.others):
                    raise UsageError(f"{given}: does not count, for there is a newer one; give {one.shown}")
            raise unknown("submission", given, [one.who for one in rows])
        chosen |= {one.file: one for one in hit}
    return list(chosen.values())


def _only(task: int, new: Grade, old: Grade) -> Grade:
    """Return the new grade with the old marks of all tasks but one."""
    kept = {mark.task.number: mark for mark in old.marks if mark.task.number != task}
    return replace(new, marks=tuple(kept.get(mark.task.number, mark) for mark in new.marks))


def _mark(grade: Grade, task: int) -> Mark | None:
    return next((mark for mark in grade.marks if mark.task.number == task), None)


def _tell_tasks(
    tell: Callable[[str], None],
    rows: Iterable[Submission],
    whole: Mapping[str, Lab],
    labs: Mapping[str, Lab],
) -> None:
    """Say which tasks count though no notebook has them, and which do not though some have them."""
    of: dict[str, list[set[int]]] = {}
    for one in rows:
        if one.path:
            of.setdefault(one.lab, []).append(intake.tasks_in(one.path, whole[one.lab]))
    for name, notebooks in of.items():
        counting = {task.number for task in labs[name].tasks}
        for number in (task.number for task in whole[name].tasks):
            having = sum(number in tasks for tasks in notebooks)
            if number in counting and not having and any(notebooks):
                tell(
                    f"{name}: no notebook has task {number}; if it was not handed out, stop, and add "
                    f"--without {number}"
                )
            elif number not in counting and having:
                tell(
                    f"{name}: {having} of {len(notebooks)} notebooks have task {number}, which does not count"
                )


def _list(tell: Callable[[str], None], what: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - NAMED} more, as in the table" if len(names) > NAMED else ""
        tell(f"{what}: {', '.join(names[:NAMED])}{more}")
