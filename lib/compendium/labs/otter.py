"""A lab for Otter-Grader: its student notebook, and a test file for each task in Otter's exception format."""

from collections.abc import Mapping
from pathlib import Path

import nbformat

from compendium.files import write_atomically
from compendium.labs import editions
from compendium.labs.source import Lab, Task

_TEST = '''\


from compendium.labs.checking import Hint, evaluate  # noqa: E402
from otter.test_files import test_case  # noqa: E402

OK_FORMAT = False
name = {task.name!r}
points = {points}


@test_case(name={task.title!r})
def answers_are_right(env):
    """The check of the task; its hint is what the student reads."""
    result = evaluate({task.name}, *(env.get(name, ...) for name in {task.answers}))
    if result.hint:
        raise Hint(result.told)
'''


def export(lab: Lab, folder: Path, expected: Mapping[str, str]) -> None:
    """Write a lab to a folder, which `otter generate -t tests check_NAME.py` makes an autograder of.

    The folder gets the student notebook, the check module that its cells call, and for each task a test such
    as `tests/psnr.py`, with a check module of its own, so that editing the one in the folder changes no
    grade. An explain task counts 0 points there: Otter, too, leaves them to a person. `expected` is what
    `editions.outputs` gives.

    Otter runs the checks in the process that ran the submission, so a student who means to can tamper with
    them; `compendium lab grade` does not have this weakness. The autograder's environment needs `compendium`.
    """
    write_atomically(folder / f"{lab.name}.ipynb", nbformat.writes(editions.student(lab, expected)))
    write_atomically(folder / f"{editions.check_name(lab)}.py", lab.check_module)
    for task in lab.tasks:
        write_atomically(folder / "tests" / f"{task.name}.py", _test(lab, task))


def _test(lab: Lab, task: Task) -> str:
    points = 0 if task.kind == "explain" else task.points
    return lab.check_module + _TEST.format(task=task, points=points)
