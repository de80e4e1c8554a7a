"""Checks of a lab's tasks: a pass, or one hint that points at the misunderstanding.

A lab's check module holds a function a task, decorated with `task`; the names of its parameters are those of
the student's answers. It computes what is right and raises a `Hint` where an answer differs; it holds no
answer, since students can read it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from types import ModuleType

import numpy as np

from compendium.errors import MOST_SAID, one_line

KINDS = ("code", "predict", "explain", "explore")
PASS, HANDED_IN, NOT_YET = "pass", "handed in, to be read", "not yet"


class Hint(Exception):
    """What is wrong with an answer, as a student reads it: one line that does not give the answer away."""


@dataclass(frozen=True)
class Result:
    """What a task's answers earned.

    Attributes:
        number, title: of the task.
        points, of: earned, and to be had; what a person gives by the rubric is not in `points`.
        hint: why it is not a pass, "" if it is.
        by_hand: whether the answer is handed in and a person reads it.
    """

    number: int
    title: str
    points: int
    of: int
    hint: str = ""
    by_hand: bool = False

    @property
    def state(self) -> str:
        """What became of the task, in a word or two."""
        if self.hint:
            return NOT_YET
        return HANDED_IN if self.by_hand else PASS

    def __str__(self) -> str:
        return f"Task {self.number}: {self.state}" + (f". {self.hint}" if self.hint else "")


def task(
    number: int, title: str, *, kind: str, points: int
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a check of a function that raises where its arguments, a student's answers, are not right.

    The check prints its `Result`; `evaluate` returns it. `kind` is one of `KINDS`.
    """

    def decorate(judge: Callable[..., None]) -> Callable[..., None]:
        @wraps(judge)
        def check(*answers: object) -> None:
            check.result = evaluate(check, *answers)
            print(check.result)

        check.evaluate = lambda answers: _evaluated(judge, answers, number, title, kind, points)
        check.number, check.title, check.result = number, title, None
        return check

    return decorate


def evaluate(check: Callable[..., None], *answers: object) -> Result:
    """Return what the answers earn at a check made by `task`; whatever they are, nothing is raised."""
    return check.evaluate(answers)


def tasks_of(module: Mapping[str, object]) -> list[Callable[..., None]]:
    """Return the checks in a check module's names, in the order of their tasks."""
    return sorted((one for one in module.values() if hasattr(one, "evaluate")), key=lambda one: one.number)


def summary(module: ModuleType) -> None:
    """Print what each check of a module said when it was last run, and what that makes of the notebook."""
    checks = tasks_of(vars(module))
    for check in checks:
        print(f"Task {check.number}, {check.title}: {check.result.state if check.result else 'not checked'}")
    states = Counter(check.result.state for check in checks if check.result)
    left = len(checks) - states[PASS] - states[HANDED_IN]
    print(f"\n{states[PASS]} of {len(checks)} pass, {states[HANDED_IN]} to be read by a person, {left} open.")
    print(f"This notebook can be handed in{'; what is open gets no points' if left else ''}. Save it first.")


def expect(condition: object, hint: str) -> None:
    """Raise `Hint(hint)` unless the condition is true."""
    if not condition:
        raise Hint(hint)


def array(value: object, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return an answer as a float64 array; a Hint where it is none, is not finite, or has another shape."""
    if value is None:
        raise Hint("There is None where an array should be: does the function end with `return`?")
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise Hint(f"An array of numbers is needed, not a {type(value).__name__}.") from None
    expect(shape is None or numbers.shape == shape, f"The shape is {numbers.shape}, it should be {shape}.")
    expect(np.isfinite(numbers).all(), "There are values that are not finite (nan or inf).")
    return numbers


def number(value: object) -> float:
    """Return an answer as a float; a Hint where it is not one finite number."""
    if isinstance(value, str):
        raise Hint("A number is needed, not a text: leave out the quotation marks.")
    numbers = array(value)
    expect(numbers.size == 1, f"One number is needed, not an array of shape {numbers.shape}.")
    return float(numbers.reshape(()))


def one_of(value: object, choices: str) -> str:
    """Return an answer that is one of the letters in `choices`, whatever its case; a Hint where it is not."""
    letter = value.strip().lower() if isinstance(value, str) else ""
    listed = ", ".join(f'"{one}"' for one in choices)
    expect(len(letter) == 1 and letter in choices, f"Answer with one of {listed}, in quotation marks.")
    return letter


def handed_in(text: object, words: int) -> None:
    """Raise a Hint unless the answer is a text of so many words or more."""
    expect(isinstance(text, str), 'A text is needed, in """three quotation marks""".')
    count = len(text.split())
    expect(count >= words, f"{count} words so far; {words} or more are needed to say it.")


def _evaluated(
    judge: Callable[..., None], answers: tuple[object, ...], number: int, title: str, kind: str, points: int
) -> Result:
    try:
        expect(not any(one is ... for one in answers), "Not answered yet: put your answer in place of `...`.")
        judge(*answers)
    except Hint as hint:
        return Result(number, title, 0, points, str(hint))
    except NotImplementedError:
        return Result(number, title, 0, points, "Not written yet: replace `raise NotImplementedError`.")
    except (Exception, SystemExit) as fault:
        said = f"{type(fault).__name__}: {one_line(fault)}"[:MOST_SAID].rstrip()
        return Result(number, title, 0, points, f"It stopped with {said}.")
    by_hand = kind == "explain"
    return Result(number, title, 0 if by_hand else points, points, by_hand=by_hand)
