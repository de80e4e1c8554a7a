"""Checks of a lab's tasks: a pass, or one hint that points at the misunderstanding.

A lab's check module holds a function a task, decorated with `task`; the names of its parameters are those of
the student's answers. It computes what is right and raises a `Hint` where an answer differs; it holds no
answer, since students can read it.

What is the same in all labs is done here and not in the check. A hint ends with the call that was tried and
what it gave. A function gets copies of arrays; if it changes one in place, the first part that calls it fails
and says so, and the others go on. A function that is not written yet, is missing or gives None is told so.
"""

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from types import ModuleType

import numpy as np

from compendium.errors import MOST_SAID, one_line

KINDS = ("code", "predict", "explain", "explore")
PASS, HANDED_IN, NOT_YET = "pass", "handed in, to be read", "not yet"
MOST_SHOWN = 100  # characters of a value in a hint
ORDINALS = ("first", "second", "third", "fourth", "fifth")


class Hint(Exception):
    """What is wrong with an answer, as a student reads it: one line that does not give the answer away."""


@dataclass(frozen=True)
class Result:
    """What a task's answers earned.

    Attributes:
        number, title: of the task.
        points, of: earned, and to be had; what a person gives by the rubric is not in `points`.
        hint: why it is not a pass, "" if it is.
        by_hand: whether there is a text that a person reads.
        parts: their names, and whether they passed, if the task has parts.
    """

    number: int
    title: str
    points: float
    of: float
    hint: str = ""
    by_hand: bool = False
    parts: tuple[tuple[str, bool], ...] = ()

    @property
    def told(self) -> str:
        """The hint, after the state of each part if some of them pass."""
        if not self.points or not self.hint:
            return self.hint
        listed = "; ".join(f"{name}: {'pass' if passed else 'not yet'}" for name, passed in self.parts)
        return f"{listed}. {self.hint}"

    @property
    def state(self) -> str:
        """What became of the task, in a few words."""
        if self.hint:
            return f"{self.points:g} of {self.of:g} points so far" if self.points else NOT_YET
        return HANDED_IN if self.by_hand else PASS

    def __str__(self) -> str:
        return f"Task {self.number}: {self.state}" + (f". {self.told}" if self.hint else "")


class Absent:
    """In place of an answer that is not there: whatever a check does with it raises the hint that says so."""

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def _tell(self, *_: object, **__: object) -> object:
        raise Hint(self._hint)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._tell()

    __call__ = __array__ = __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = __str__ = _tell
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _tell


def task(
    number: int, title: str, *, kind: str, points: float
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
        check.number, check.title, check.kind, check.result = number, title, kind, None
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


@contextmanager
def part(name: str, *, points: float) -> Iterator[None]:
    """Give points of the task for what the block expects; if it fails, the check goes on after the block.

    What is raised outside of all parts ends the check. The points of a task's parts are the task's points.
    """
    trial = _TRIAL.get()
    try:
        yield
    except (Exception, SystemExit) as fault:
        trial.parts.append((name, points, trial.explained(fault)))
        if isinstance(fault, TimeoutError):  # no time is left for the other parts
            raise
    else:
        trial.parts.append((name, points, ""))


_part = part  # `expect` has a parameter of that name


def expect(condition: object, hint: str, *, part: str = "", points: float = 0) -> None:
    """Raise `Hint(hint)` unless the condition is true.

    With `part`, this line is a part of the task, and the check goes on after it. A condition that calls the
    student's function belongs into a block, `with part(...)`: Python works it out before it comes here.
    """
    if part:
        with _part(part, points=points):
            expect(condition, hint)
    elif not condition:
        raise Hint(hint)


def array(value: object, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return an answer as a float64 array; a Hint where it is none, is not finite, or has another shape."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise Hint(_of(value, f"numbers are needed, all in one array, not what this {kind} holds.")) from None
    expect(value is not None, _of(value, "there is None where an array should be."))
    fits = shape is None or numbers.shape == shape
    expect(fits, _of(value, f"the shape is {numbers.shape}, it should be {shape}."))
    expect(np.isfinite(numbers).all(), _of(value, "there are values that are not finite (nan or inf)."))
    return numbers


def number(value: object) -> float:
    """Return an answer as a float; a Hint where it is not one finite number."""
    if isinstance(value, str):
        raise Hint(_of(value, "a number is needed, not a text: leave out the quotation marks."))
    numbers = array(value)
    expect(numbers.size == 1, _of(value, f"one number is needed, not an array of shape {numbers.shape}."))
    return float(numbers.reshape(()))


def about(given: float, wanted: float) -> bool:
    """Whether a number that a student may have rounded, as 9.6 for 9.61, is the one that is wanted."""
    return math.isclose(given, wanted, rel_tol=0.005)


def equal(given: float, wanted: float) -> bool:
    """Whether a function's number is the one that is wanted; a Hint where it is that one, rounded."""
    if math.isclose(given, wanted, rel_tol=1e-6, abs_tol=1e-9):
        return True
    rounded = any(given == round(wanted, digits) for digits in range(1, 7))
    expect(not rounded, "That is the right number, rounded: return all digits, and round where you print.")
    return False


def one_of(value: object, choices: str) -> str:
    """Return an answer that is one of the letters in `choices`, whatever its case; a Hint where it is not."""
    _there(value)
    letter = value.strip().lower() if isinstance(value, str) else ""
    listed = ", ".join(f'"{one}"' for one in choices)
    known = len(letter) == 1 and letter in choices
    expect(known, _of(value, f"answer with one of {listed}, in quotation marks."))
    return letter


def handed_in(text: object, words: int) -> None:
    """Raise a Hint unless the answer is a text of so many words or more."""
    _there(text)
    expect(isinstance(text, str), 'A text is needed, in """three quotation marks""".')
    count = len(text.split())
    expect(count >= words, f"{count} words so far; {words} or more are needed to say it.")


class _Text(str):
    """An answer that is a text, and its name: equal texts are one object in Python, so it cannot be found."""

    def __new__(cls, text: str, name: str) -> "_Text":
        made = super().__new__(cls, text)
        made.name = name
        return made


@dataclass
class _Trial:
    """One run of a check.

    Attributes:
        answers: of the student, by name.
        parts: name, points and hint of each that was tried.
        calls: by a function's name, its last call and what it gave, as a sentence.
        latest, result: the name of the function that was called last, and what it gave.
        stopped: the last exception that a student's function raised, and the call.
        told: names of functions of which it was told that they change what they are given.
    """

    answers: dict[str, object]
    parts: list[tuple[str, float, str]] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    latest: str = ""
    result: object = field(default_factory=object)
    stopped: tuple[BaseException | None, str] = (None, "")
    told: set[str] = field(default_factory=set)

    def explained(self, fault: BaseException) -> str:
        """Return the hint for what a check raised, with the input that was used and what came back."""
        if isinstance(fault, Hint):
            return " ".join(filter(None, (str(fault), self._came(str(fault)))))
        raised, call = self.stopped
        if isinstance(fault, NotImplementedError):
            name = call.partition("(")[0]
            where = f" of `{name}`" if raised is fault else ""
            return f"Not written yet: put your lines in place of `raise NotImplementedError`{where}."
        said = f"{type(fault).__name__}: {one_line(fault)}"[:MOST_SAID].rstrip()
        if raised is fault:
            return f"`{call}` stopped with {said}. Try such a call in a cell of its own."
        return f"It stopped with {said}. Is the answer of the kind that the task asks for?"

    def watched(self, name: str, function: Callable) -> Callable:
        """Return the student's function, which from now on is called with copies and is noted."""

        @wraps(function)
        def called(*arguments: object, **named: object) -> object:
            given, given_named = _copied(arguments), _copied(named)
            call = f"{name}({_listed(arguments, named)})"
            self.latest = name
            self.calls.pop(name, None)
            try:
                result = function(*given, **given_named)
            except (Exception, SystemExit) as fault:
                self.stopped = fault, call
                raise
            changed = [
                place
                for place, (before, after) in enumerate(
                    zip([*arguments, *named.values()], [*given, *given_named.values()], strict=True)
                )
                if not _same(before, after)
            ]
            if changed and name not in self.told:
                self.told.add(name)
                which = ORDINALS[changed[0]] if changed[0] < len(ORDINALS) else "last"
                raise Hint(
                    f"`{call}` has changed its {which} argument in place, which others still need: "
                    "work on a copy, which `.copy()` makes."
                )
            if result is None:
                raise Hint(f"`{call}` gave None: does it end with `return`? `print` only shows a value.")
            self.calls[name], self.result = f"`{call}` gave {_shown(result)}.", result
            return self.watched(call, result) if _is_function(result) else result

        return called

    def _came(self, hint: str) -> str:
        """Return what was tried: the answer that the hint begins with, else the last call."""
        named = hint.partition(":")[0]
        answer = self.answers.get(named, ...)
        if answer is not ... and not isinstance(answer, Absent) and not _is_function(answer):
            return f"Yours is {_shown(answer)}."
        return self.calls.get(named if named in self.answers else self.latest, "")


_TRIAL: ContextVar[_Trial] = ContextVar("trial")


def _evaluated(
    judge: Callable[..., None],
    answers: tuple[object, ...],
    number: int,
    title: str,
    kind: str,
    points: float,
) -> Result:
    names = list(inspect.signature(judge).parameters)
    if len(names) != len(answers):
        return Result(number, title, 0, points, f"Put {', '.join(names)} between the check's parentheses.")
    trial = _Trial(dict(zip(names, answers, strict=True)))
    before = _TRIAL.set(trial)
    try:
        judge(*(_lent(trial, name, answer) for name, answer in trial.answers.items()))
        hint = ""
    except (Exception, SystemExit) as fault:
        hint = trial.explained(fault)
    finally:
        _TRIAL.reset(before)
    hint = next((said for _, _, said in trial.parts if said), hint)
    earned = sum(of for _, of, said in trial.parts if not said) if trial.parts else 0 if hint else points
    by_hand = kind == "explain" and any(isinstance(one, str) and one.strip() for one in answers)
    return Result(
        number,
        title,
        0 if kind == "explain" else earned,
        points,
        hint,
        by_hand,
        tuple((name, not said) for name, _, said in trial.parts),
    )


def _lent(trial: _Trial, name: str, answer: object) -> object:
    """Return an answer as the check gets it."""
    if answer is ...:
        return Absent(f"Not answered yet: put your answer for `{name}` in place of `...`.")
    if isinstance(answer, str):
        return _Text(answer, name)
    return trial.watched(name, answer) if _is_function(answer) else answer


def _there(answer: object) -> None:
    if isinstance(answer, Absent):
        answer()


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, Absent) and not hasattr(value, "get_weights")


def _copied(value: object) -> object:
    """Return a value whose arrays are copies, also those in lists, tuples and dicts."""
    match value:
        case np.ndarray():
            return value.copy()
        case list() | tuple():
            return type(value)(map(_copied, value)) if type(value) in (list, tuple) else value
        case dict():
            return {key: _copied(one) for key, one in value.items()}
    return value


def _same(before: object, after: object) -> bool:
    """Whether a function has left alone what it was given."""
    match before:
        case np.ndarray():
            return before.shape == after.shape and before.tobytes() == after.tobytes()
        case list() | tuple():
            return len(before) == len(after) and all(map(_same, before, after))
        case dict():
            return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
        case bool() | int() | float() | str():
            return before is after or before == after or before != before
    return True


def _of(value: object, text: str) -> str:
    """Return a hint on a value, after the name of the answer that it is, if it is one."""
    trial = _TRIAL.get(None)
    names = [value.name] if isinstance(value, _Text) else []
    if trial is not None and value is not trial.result and not names:
        names = [name for name, answer in trial.answers.items() if answer is value]
    return f"{names[0]}: {text}" if len(names) == 1 else text[0].upper() + text[1:]


def _listed(arguments: tuple[object, ...], named: Mapping[str, object]) -> str:
    return ", ".join([*map(_shown, arguments), *(f"{name}={_shown(one)}" for name, one in named.items())])


def _shown(value: object, deep: int = 2) -> str:
    """Return a value as it stands in a hint: short, on one line, and no deeper than so many lists."""
    match value:
        case np.ndarray() if value.size > 4 or value.dtype.kind not in "biuf":
            return _outlined(value)
        case np.ndarray():
            return f"array({_shown(value.tolist())})"
        case float() | np.floating():
            return f"{float(value):.6g}"
        case np.integer() | np.bool_():
            return str(value.item())
        case int() if value.bit_length() > 64:  # Python refuses to write the largest
            return f"<whole number of {value.bit_length()} bits>"
        case None | bool() | int() | str():
            text = repr(value)
        case list() | tuple() if len(value) <= 6 and deep:
            inside = ", ".join(_shown(one, deep - 1) for one in value)
            text = f"[{inside}]" if isinstance(value, list) else f"({inside})"
        case list() | tuple() | dict():
            text = f"<{type(value).__name__} of {len(value)}>"
        case _ if callable(value) and hasattr(value, "__name__"):
            text = str(value.__name__)
        case _:
            text = f"<{type(value).__name__}>"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} ...{text[-1]}"


def _outlined(value: np.ndarray) -> str:
    """Return shape and range of an array."""
    shape = " x ".join(map(str, value.shape)) or "single"
    if value.dtype.kind not in "biuf" or not value.size:
        return f"<array {shape}>"
    kind = "" if value.dtype.kind == "f" else f" of {value.dtype}"
    least, most = (f"{float(end):.3g}" for end in (value.min(), value.max()))
    return f"<array {shape}{kind}, {f'all {least}' if least == most else f'{least} to {most}'}>"
