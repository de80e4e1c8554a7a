"""The errors a user is meant to read: one line with what is wrong, where, and what to do instead."""

from collections.abc import Iterable
from difflib import get_close_matches

MANY = 50  # names that no line can list
MOST_SAID = 300  # characters of an error that are passed on


class CompendiumError(Exception):
    """A failure with a one-line remedy; the command line prints it and exits with status 1."""

    exit_status = 1


class UsageError(CompendiumError):
    """A wrong name, parameter or option; the command line prints it and exits with status 2."""

    exit_status = 2


def one_line(fault: BaseException) -> str:
    """Return what an exception says on one line, 300 characters at most; "" where it cannot say it."""
    try:
        return " ".join(str(fault).split())[:MOST_SAID]
    except BaseException:  # an exception of a student's own may do anything
        return ""


def unknown(kind: str, name: object, known: Iterable[str]) -> UsageError:
    """Return the error for a `name` that is none of the `known` ones, with the nearest, and all if few."""
    known = list(known)
    nearest = get_close_matches(str(name), known, n=1, cutoff=0)
    suggestion = f'; did you mean "{nearest[0]}"?' if nearest else ""
    there = f"there are: {', '.join(known) or 'none'}" if len(known) <= MANY else f"of {len(known)}"
    return UsageError(f'no {kind} "{name}"{suggestion} ({there})')
