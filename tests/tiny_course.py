"""A teacher's desk: submissions of the tiny lab, and a grader that runs nothing."""

import csv

from tiny_lab import GOOD, LAB
from tiny_notebooks import write_notebook

from compendium.labs import cage, course, grade, source

LIMITS = cage.Limits(seconds=1, memory=1)


class Desk:
    """A teacher's desk: a folder of submissions, and the command that grades them.

    `points` are what the next submissions get for each task; `graded` were run in the last call.
    """

    def __init__(self, folder, labs):
        self.folder, self.out, self.labs = folder / "in", folder / "out", labs
        self.points, self.why, self.unchecked, self.stop_after = [3, 2, 1], "since it is so", set(), None
        self.graded, self.said = [], []

    def hand_in(self, *names, cells=GOOD):
        for name in names:
            write_notebook(self.folder / f"{name}.ipynb", *cells)

    def grade(self, limits=LIMITS, lab=None, **how):
        """Call the command; return the table's rows by student."""
        self.graded, self.said = [], []
        course.grade(self.folder, self.out, lab=lab, limits=limits, workers=1, tell=self.said.append, **how)
        return self.rows()

    def rows(self):
        with (self.out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def mend(self, old, new):
        path = source.FOLDER / "tiny.md"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def desk(folder, monkeypatch):
    """Return a desk in a folder, whose labs are the tiny one."""
    (folder / "labs").mkdir()
    (folder / "labs/tiny.md").write_text(LAB, encoding="utf-8")
    monkeypatch.setattr(source, "FOLDER", folder / "labs")
    monkeypatch.setattr(cage, "require", lambda: None)
    made = Desk(folder, folder / "labs")

    def run(self, one, lab):
        if made.stop_after is not None and len(made.graded) >= made.stop_after:
            raise KeyboardInterrupt
        made.graded.append(one.student)
        if one.student in made.unchecked:
            return grade.Grade(one.file, lab, "not checked: no cage", checked=False)
        marks = [grade.Mark(task, points) for task, points in zip(lab.tasks, made.points, strict=False)]
        marks.append(grade.Mark(lab.tasks[-1], 0, by_hand=True, texts={"why": made.why}))
        return grade.Grade(one.file, lab, "graded", marks=tuple(marks))

    monkeypatch.setattr(grade.Grader, "grade", run)
    return made
