"""Try a lab before it is handed out: what its checks say, and what the grader can do with its solution."""

import contextlib
import io
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib
import nbformat

from compendium.errors import CompendiumError
from compendium.labs import cage, editions, rehearsal
from compendium.labs.grade import Grader
from compendium.labs.intake import Submission
from compendium.labs.source import Lab


def require(lab: Lab, hidden: Path, limits: cage.Limits, tell: Callable[[str], None]) -> None:
    """Raise CompendiumError unless the lab can be done and graded; `tell` is called with each fault.

    Solution, stubs and wrong answers are checked here; then the solution is graded as a submission is, in
    cages with these limits, which do not see the folder `hidden`. Where there are no cages, `tell` says so.
    """
    faults = _rehearsed(lab)
    if not faults:
        try:
            cage.require()
        except CompendiumError as fault:
            tell(f"{lab.name}: not tried in a cage, as it is graded: {fault}")
        else:
            faults = _graded(lab, hidden, limits)
    for fault in faults:
        tell(f"{lab.name}: {fault}")
    if faults:
        raise CompendiumError(
            f"{lab.name}: it is not written, since it cannot be graded as it is (see above)"
        )


def _rehearsed(lab: Lab) -> list[str]:
    matplotlib.use("agg")  # no window opens
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return rehearsal.rehearse(lab).faults
    except CompendiumError as fault:
        return [str(fault)]


def _graded(lab: Lab, hidden: Path, limits: cage.Limits) -> list[str]:
    """Return what its solution loses where it is graded as a submission."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{lab.name}.ipynb")
        path.write_text(nbformat.writes(editions.solution(lab)), encoding="utf-8")
        grader = Grader(limits, threads=1, hidden=(hidden,), stop=threading.Event())
        grade = grader.grade(Submission(path.name, path=path, lab=lab.name), lab)
    if not grade.status.startswith("graded"):
        return [f"in the grader's cage: {grade.status} {grade.said}".strip()]
    return [
        f"in the grader's cage, cell {number} of those with code, `{line}`: {said}"
        for number, line, said in grade.failures
    ] + [
        f"in the grader's cage, task {mark.task.number}: {mark.hint or 'not all of its points'}"
        for mark in grade.marks
        if mark.hint or (mark.points != mark.task.points and not mark.by_hand)
    ]
