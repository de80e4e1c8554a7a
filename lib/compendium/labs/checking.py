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
from functools import partial, wraps
from types import ModuleType

import numpy as np

from compendium import phrases
from compendium.errors import MOST_SAID, one_line

KINDS = ("code", "predict", "explain", "explore")
MOST_SHOWN = 100  # characters of a value in a hint


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
        language: of what is said.
    """

    number: int
    title: str
    points: float
    of: float
    hint: str = ""
    by_hand: bool = False
    parts: tuple[tuple[str, bool], ...] = ()
    language: str = phrases.ENGLISH

    @property
    def told(self) -> str:
        """The hint, after the state of each part if some of them pass."""
        if not self.points or not self.hint:
            return self.hint
        states = {True: phrases.say(self.language, "pass"), False: phrases.say(self.language, "not_yet")}
        listed = "; ".join(f"{name}: {states[passed]}" for name, passed in self.parts)
        return f"{listed}. {self.hint}"

    @property
    def state(self) -> str:
        """What became of the task, in a few words."""
        if self.hint and self.points:
            return phrases.say(self.language, "so_far", points=f"{self.points:g}", of=f"{self.of:g}")
        return phrases.say(self.language, "not_yet" if self.hint else "handed_in" if self.by_hand else "pass")

    def __str__(self) -> str:
        task = phrases.say(self.language, "task")
        return f"{task} {self.number}: {self.state}" + (f". {self.told}" if self.hint else "")


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
    number: int, title: str, *, kind: str, points: float, language: str = phrases.ENGLISH
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a check of a function that raises where its arguments, a student's answers, are not right.

    The check prints its `Result` in the language; `evaluate` returns it. `kind` is one of `KINDS`.
    """

    def decorate(judge: Callable[..., None]) -> Callable[..., None]:
        @wraps(judge)
        def check(*answers: object) -> None:
            check.result = evaluate(check, *answers)
            print(check.result)

        check.evaluate = lambda answers: _evaluated(judge, answers, number, title, kind, points, language)
        check.number, check.title, check.kind, check.result = number, title, kind, None
        check.language = language
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
    say = partial(phrases.say, checks[0].language)
    for check in checks:
        state = check.result.state if check.result else say("not_checked")
        print(f"{say('task')} {check.number}, {check.title}: {state}")
    done = Counter(check.result.by_hand for check in checks if check.result and not check.result.hint)
    left = len(checks) - done.total()
    print("\n" + say("summary", passed=done[False], count=len(checks), read=done[True], open=left))
    print(say("ready_with_open_tasks" if left else "ready_to_hand_in"))


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
        raise Hint(_of(value, "no_numbers", kind=kind)) from None
    expect(value is not None, _of(value, "none_for_array"))
    fits = shape is None or numbers.shape == shape
    expect(fits, _of(value, "other_shape", given=numbers.shape, wanted=shape))
    expect(np.isfinite(numbers).all(), _of(value, "not_finite"))
    return numbers


def number(value: object) -> float:
    """Return an answer as a float; a Hint where it is not one finite number."""
    if isinstance(value, str):
        raise Hint(_of(value, "number_as_text"))
    numbers = array(value)
    expect(numbers.size == 1, _of(value, "one_number", shape=numbers.shape))
    return float(numbers.reshape(()))


def about(given: float, wanted: float) -> bool:
    """Whether a number that a student may have rounded, as 9.6 for 9.61, is the one that is wanted."""
    return math.isclose(given, wanted, rel_tol=0.005)


def equal(given: float, wanted: float) -> bool:
    """Whether a function's number is the one that is wanted; a Hint where it is that one, rounded."""
    if math.isclose(given, wanted, rel_tol=1e-6, abs_tol=1e-9):
        return True
    rounded = any(given == round(wanted, digits) for digits in range(1, 7))
    expect(not rounded, _say("rounded"))
    return False


def one_of(value: object, choices: str) -> str:
    """Return an answer that is one of the letters in `choices`, whatever its case; a Hint where it is not."""
    _there(value)
    letter = value.strip().lower() if isinstance(value, str) else ""
    listed = ", ".join(f'"{one}"' for one in choices)
    known = len(letter) == 1 and letter in choices
    expect(known, _of(value, "one_of", choices=listed))
    return letter


def handed_in(text: object, words: int) -> None:
    """Raise a Hint unless the answer is a text of so many words or more."""
    _there(text)
    expect(isinstance(text, str), _say("text_needed"))
    count = len(text.split())
    expect(count >= words, _say("too_few_words", count=count, words=words))


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
        language: of the hints.
        parts: name, points and hint of each that was tried.
        calls: by a function's name, its last call and what it gave, as a sentence.
        latest, result: the name of the function that was called last, and what it gave.
        stopped: the last exception that a student's function raised, and the call.
        told: names of functions of which it was told that they change what they are given.
    """

    answers: dict[str, object]
    language: str
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
            return _say("not_written_yet_of", name=name) if raised is fault else _say("not_written_yet")
        said = f"{type(fault).__name__}: {one_line(fault)}"[:MOST_SAID].rstrip()
        if raised is fault:
            return _say("call_stopped", call=call, error=said)
        return _say("stopped", error=said)

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
                *ordinals, last = _say("ordinals").split()
                which = ordinals[changed[0]] if changed[0] < len(ordinals) else last
                raise Hint(_say("changed_in_place", call=call, which=which))
            if result is None:
                raise Hint(_say("call_gave_none", call=call))
            self.calls[name], self.result = _say("call_gave", call=call, value=_shown(result)), result
            return self.watched(call, result) if _is_function(result) else result

        return called

    def _came(self, hint: str) -> str:
        """Return what was tried: the answer that the hint begins with, else the last call."""
        named = hint.partition(":")[0]
        answer = self.answers.get(named, ...)
        if answer is not ... and not isinstance(answer, Absent) and not _is_function(answer):
            return _say("yours", value=_shown(answer))
        return self.calls.get(named if named in self.answers else self.latest, "")


_TRIAL: ContextVar[_Trial] = ContextVar("trial")


def _say(key: str, **values: object) -> str:
    """Return a phrase in the language of the check that is being run."""
    trial = _TRIAL.get(None)
    return phrases.say(trial.language if trial else phrases.ENGLISH, key, **values)


def _evaluated(
    judge: Callable[..., None],
    answers: tuple[object, ...],
    number: int,
    title: str,
    kind: str,
    points: float,
    language: str,
) -> Result:
    names = list(inspect.signature(judge).parameters)
    if len(names) != len(answers):
        hint = phrases.say(language, "parentheses", names=", ".join(names))
        return Result(number, title, 0, points, hint, language=language)
    trial = _Trial(dict(zip(names, answers, strict=True)), language)
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
        language,
    )


def _lent(trial: _Trial, name: str, answer: object) -> object:
    """Return an answer as the check gets it."""
    if answer is ...:
        return Absent(_say("not_answered", name=name))
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


def _of(value: object, key: str, **values: object) -> str:
    """Return the phrase of a hint on a value, after the name of the answer that it is, if it is one."""
    trial, text = _TRIAL.get(None), _say(key, **values)
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
            return f"{_say('array')}({_shown(value.tolist())})"
        case float() | np.floating():
            return f"{float(value):.6g}"
        case np.integer() | np.bool_():
            return str(value.item())
        case int() if value.bit_length() > 64:  # Python refuses to write the largest
            return f"<{_say('bits', bits=value.bit_length())}>"
        case None | bool() | int() | str():
            text = repr(value)
        case list() | tuple() if len(value) <= 6 and deep:
            inside = ", ".join(_shown(one, deep - 1) for one in value)
            text = f"[{inside}]" if isinstance(value, list) else f"({inside})"
        case list() | tuple() | dict():
            text = f"<{_say('so_many', kind=type(value).__name__, count=len(value))}>"
        case _ if callable(value) and hasattr(value, "__name__"):
            text = str(value.__name__)
        case _:
            text = f"<{type(value).__name__}>"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} ...{text[-1]}"


def _outlined(value: np.ndarray) -> str:
    """Return shape and range of an array."""
    shown = f"{_say('array')} {' x '.join(map(str, value.shape)) or _say('single')}"
    if value.dtype.kind not in "biuf" or not value.size:
        return f"<{shown}>"
    kind = "" if value.dtype.kind == "f" else f" {_say('of_kind', kind=value.dtype)}"
    least, most = (f"{float(end):.3g}" for end in (value.min(), value.max()))
    values = _say("all_equal", value=least) if least == most else _say("range", least=least, most=most)
    return f"<{shown}{kind}, {values}>"
