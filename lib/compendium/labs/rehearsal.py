"""Try a lab out: its solution must pass, the untouched notebook must not, wrong answers must get hints."""

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from compendium import phrases
from compendium.errors import CompendiumError, one_line
from compendium.labs import checking, editions
from compendium.labs.code import stub
from compendium.labs.source import RUN, Lab, Task


@dataclass(frozen=True)
class Rehearsal:
    """What came of a lab's solution, stubs and wrong answers.

    Attributes:
        solved, untouched: the result of each task with the solution, and with the stub.
        at_end: the result of each task with the solution when the whole notebook has run, as the grader asks.
        wrong: for each task, pairs of the hint that a wrong answer must get and what it got.
        printed: what cells with the role `expected` print, as `editions.outputs` names them.
    """

    solved: list[checking.Result]
    at_end: list[checking.Result]
    untouched: list[checking.Result]
    wrong: dict[int, list[tuple[str, checking.Result]]]
    printed: dict[str, str]

    @property
    def faults(self) -> list[str]:
        """What is not as it should be, a line each; nothing if the lab is whole."""
        found = [f"the solution: {one}" for one in self.solved if one.hint]
        found += [
            f"task {one.number}: the solution earns {one.points:g} of {one.of:g}"
            for one in self.solved
            if not one.hint and not one.by_hand and one.points != one.of
        ]
        found += [
            f"the solution, when later cells have run: {after}"
            for before, after in zip(self.solved, self.at_end, strict=True)
            if after.hint and not before.hint
        ]
        found += [f"task {one.number}: untouched, it passes" for one in self.untouched if not one.hint]
        for number, pairs in self.wrong.items():
            got = [result.hint for _, result in pairs]
            found += [
                f'task {number}: a wrong answer should hear "{hint}", it hears "{result.hint or "pass"}"'
                for hint, result in pairs
                if hint not in result.hint
            ]
            found += [
                f'task {number}: "{result.hint}" costs no point'
                for _, result in pairs
                if result.points == result.of
            ]
            found += [
                f'task {number}: two wrong answers hear "{one}"'
                for one in sorted({*got})
                if got.count(one) > 1
            ]
        return found


def rehearse(lab: Lab) -> Rehearsal:
    """Run the solution task by task, and beside each its stub and its wrong answers; checks as students have.

    Names are those of the solution up to there. The words that a wrong answer must hear may be those of the
    English phrase in any language. Raises CompendiumError for a cell that fails.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    checks = in_english = _checks(lab)
    if lab.language != phrases.ENGLISH:
        in_english = _checks(replace(lab, language=phrases.ENGLISH))
    for cell in lab.introduction:
        if cell.code and not cell.role:
            _run(cell.text, names, "the introduction")
    solved, untouched, wrong, printed = [], [], {}, {}
    for task, check, english in zip(lab.tasks, checks, in_english, strict=True):
        before, where = dict(names), f"task {task.number}"
        for position, cell in enumerate(task.cells):
            if cell.code and cell.role in RUN:
                written = io.StringIO()
                with contextlib.redirect_stdout(written):
                    _run(cell.text, names, where)
                if cell.role == "expected":
                    printed[f"{task.number}.{position}"] = written.getvalue().rstrip()
        if task.kind == "explain":
            names[task.answer] = task.model_answer
        solved.append(checking.evaluate(check, *_answers(task, names)))
        stubs = "\n\n".join(stub(text, lab.language) for text in task.solutions)
        untouched.append(checking.evaluate(check, *_answers(task, _run(stubs, dict(before), where))))
        wrong[task.number] = []
        for cell in task.wrong:
            answers = _answers(task, _run(cell.text, dict(names), f"{where}, a wrong answer"))
            heard = [checking.evaluate(one, *answers) for one in dict.fromkeys((check, english))]
            heard = [one for one in heard if cell.hint in one.hint] or heard
            wrong[task.number].append((cell.hint, heard[0]))
    at_end = [
        checking.evaluate(check, *_answers(task, names))
        for task, check in zip(lab.tasks, checks, strict=True)
    ]
    return Rehearsal(solved, at_end, untouched, wrong, printed)


def _checks(lab: Lab) -> list[Callable[..., None]]:
    return checking.tasks_of(_run(lab.check_module, {"__name__": editions.check_name(lab)}, "its checks"))


def _answers(task: Task, names: Mapping[str, object]) -> list[object]:
    """Return the answers by name; what a cell did not make, since it failed, counts as not answered."""
    return [names.get(name, ...) for name in task.answers]


def _run(text: str, names: dict[str, object], where: str) -> dict[str, object]:
    try:
        exec(compile(text, "<lab>", "exec"), names)
    except Exception as fault:
        raise CompendiumError(f"{where}: {type(fault).__name__}: {one_line(fault)}") from fault
    return names
