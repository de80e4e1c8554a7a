"""In a cage: check what a submission has, which runs in another cage.

`python -m compendium.labs.checker DESCRIPTOR CHECKS SECONDS`: the end of the wire, the check module, and the
time for all. It prints a line of JSON when the cells have been run, and one a task; `grade` reads them.
"""

import copy
import inspect
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType

from compendium import data, phrases
from compendium.labs import cage, checking
from compendium.labs.wire import Peer, WireError

MOST_FAILURES = 100
MOST_OF_A_TEXT = 20_000  # characters


class Late(BaseException):
    """The time for a task is over; no `except Exception` stops it."""


def check(peer: Peer, source: str, seconds: float, tell: Callable[[dict], None]) -> None:
    """Check all tasks; `tell` is called with what came of the cells, and with what came of each task.

    Each task is checked by a module of its own, so that what a submission does to the arrays of one check
    changes no other. Each has its share of the time that is left.
    """
    cells, value, allow, elsewhere = map(peer.remote, range(4))  # in the order of `Submission.serve`
    end = time.monotonic() + seconds
    tell(_cells(peer, cells, 0.75 * seconds))
    judges = checking.tasks_of(_module(source))
    known = sorted({name for judge in judges for name in inspect.signature(judge).parameters})
    count = len(judges)
    for position in range(count):
        judge = checking.tasks_of(_module(source))[position]
        share = max(end - time.monotonic(), 0.1) / (count - position)
        answers: dict[str, object] = {}
        found: dict[str, object] = {}
        try:
            with _at_most(share, peer, f"no answer within {share:.0f} seconds"):
                allow(0.8 * share)
                for name in inspect.signature(judge).parameters:
                    answers[name] = _answer(name, value, judge.language)
                result = checking.evaluate(judge, *answers.values())
                points, hint, by_hand = result.points, result.told, result.by_hand
                if judge.kind == "explain" and not by_hand:
                    found = _elsewhere(judge.number, known, elsewhere)
        except (WireError, TypeError) as fault:
            points, hint, by_hand = 0, _unchecked(judge.language, fault), False
        if peer.broken:
            points, hint, by_hand = 0, _unchecked(judge.language, peer.broken), False
        texts, prose = _texts(answers), _texts(found)
        tell(
            {
                "task": judge.number,
                "points": points,
                "hint": hint,
                "by_hand": by_hand,
                "texts": texts,
                "elsewhere": prose,
            }
        )


def _cells(peer: Peer, cells: Callable[[], object], seconds: float) -> dict:
    """Wait until the notebook's cells have been run; return which failed, or why nothing can be checked."""
    try:
        with _at_most(seconds, peer, f"its cells took longer than {seconds:.0f} seconds"):
            failed = [[int(number), str(line)[:200], str(said)[:400]] for number, line, said in cells()]
        return {"cells": failed[:MOST_FAILURES]}
    except Exception as fault:  # whatever a submission sends
        return {"cells": [], "fault": str(fault)}


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {str(name): text[:MOST_OF_A_TEXT] for name, text in values.items() if isinstance(text, str)}


def _unchecked(language: str, reason: object) -> str:
    return phrases.say(language, "unchecked", reason=reason)


def _answer(name: str, value: Callable[[str], object], language: str) -> object:
    try:
        return value(name)
    except WireError:
        raise
    except NameError as fault:
        key = "renamed" if (nearest := str(fault)) else "missing"
        return checking.Absent(phrases.say(language, key, name=name, nearest=nearest))
    except Exception as fault:
        raise TypeError(f"`{name}`: {fault}") from None


def _elsewhere(task: int, known: list[str], elsewhere: Callable[..., object]) -> dict[str, object]:
    try:
        return dict(elsewhere(task, known))
    except WireError:
        raise
    except Exception:  # whatever a submission sends
        return {}


@contextmanager
def _at_most(seconds: float, peer: Peer, reason: str) -> Iterator[None]:
    """Give the peer up for that reason when so many seconds have gone: it is in the middle of an answer."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Late

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Late:
        raise peer.break_off(reason) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _module(source: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "check"}
    exec(compile(source, "<check>", "exec"), names)
    return names


def _kept(load: Callable[..., data.ImageSet]) -> Callable[..., data.ImageSet]:
    """Make a function load each set once: check modules are run anew for each task, and get copies."""
    once = cache(load)
    return lambda *which, **named: copy.deepcopy(once(*which, **named))


def main() -> None:
    """Check what is at the other end of the wire."""
    cage.confine()
    descriptor, path, seconds = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    data.load = _kept(data.load)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what checks print is no result

    def tell(result: dict) -> None:
        print(json.dumps(result), file=results, flush=True)

    check(Peer(Connection(int(descriptor))), Path(path).read_text(encoding="utf-8"), float(seconds), tell)


if __name__ == "__main__":
    main()
