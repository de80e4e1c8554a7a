"""The list of who takes a course, as a learning platform or a spreadsheet writes it."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compendium.errors import UsageError
from compendium.labs.intake import Submission, printable

# Heads of columns as `_plain` leaves them; where there are several, the first is the one to show.
IDENTIFIERS = (
    *("identifier", "studentid", "studentnumber", "matriculationnumber", "matrikelnummer", "idnumber"),
    *("sid", "id", "number", "sisuserid", "sisloginid", "username", "login", "user", "email"),
    *("emailaddress", "mail"),
)
NAMES = ("name", "fullname", "student", "studentname")
SURNAMES = ("surname", "lastname", "familyname", "nachname")
FIRST_NAMES = ("firstname", "givenname", "forename", "vorname")
FORMULAS = ("=", "+", "-", "@")  # a cell that begins with one of these is run by a spreadsheet
SHORTEST = 3  # letters of a part of a name that is taken for an identifier


@dataclass(frozen=True)
class Person:
    """Somebody who takes the course; `keys` is all that may stand for them in an entry's name."""

    identifier: str
    name: str
    keys: frozenset[str]

    @property
    def who(self) -> str:
        """Name, else identifier, on a line."""
        return printable(self.name or self.identifier)


def read(path: Path) -> list[Person]:
    """Read a roster, a CSV file with a row of heads; raises UsageError for one that cannot be made use of."""
    heads, *rows = rows_of(path) or [[]]
    columns = {_plain(head): number for number, head in reversed(list(enumerate(heads)))}
    identifying = [columns[one] for one in IDENTIFIERS if one in columns]
    naming = [columns[one] for one in NAMES if one in columns][:1]
    if not naming:
        naming = [columns[one] for one in (*SURNAMES, *FIRST_NAMES) if one in columns]
    if not identifying:
        raise UsageError(
            f"{path}: none of its columns ({', '.join(map(printable, heads))}) identifies a student; "
            'call one "identifier"'
        )
    people = []
    for row in rows:
        cells = [cell.strip() for cell in row] + [""] * (len(heads) - len(row))
        own = [cells[number] for number in identifying if cells[number]]
        name = ", ".join(cells[number] for number in naming if cells[number])
        if own:  # a row without one is a heading, or Canvas's points
            people.append(Person(own[0], name, frozenset(_keys_of(own)) | _keys_of_name(name)))
    if not people:
        raise UsageError(f"{path}: nobody is in it; a row of heads and a row for each student are needed")
    return people


def rows_of(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file, whichever encoding and separator a spreadsheet wrote it with.

    Raises UsageError where it cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise UsageError(f"{path}: cannot be read ({fault.strerror}); name a CSV file") from None
    for encoding in ("utf-16",) if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeError:
            continue
    else:
        raise UsageError(f"{path}: is not text; save it as CSV (UTF-8)")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as fault:
        raise UsageError(f"{path}: is not CSV ({fault}); save it as CSV (UTF-8)") from None


def harmless(text: str) -> str:
    """Return a cell's text such that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.lstrip().startswith(FORMULAS) else text


def typed(cell: str) -> str:
    """Return the text of a cell that `harmless` wrote."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip().startswith(FORMULAS) else cell


def joined(
    found: Iterable[Submission], people: Sequence[Person]
) -> tuple[list[Submission], list[Person], list[Submission]]:
    """Give submissions the names and identifiers of the roster.

    Returns all submissions, who of the roster is in none, and the submissions that are of nobody in it.
    """
    known: dict[str, set[int]] = {}
    for number, person in enumerate(people):
        for key in person.keys:
            known.setdefault(key, set()).add(number)
    missing, mapped, strangers = dict(enumerate(people)), [], []
    for one in found:
        numbers = _numbers(one, known)
        for number in numbers:
            missing.pop(number, None)
        if numbers:
            who = [people[number] for number in numbers]
            names = ", ".join(person.name for person in who if person.name)
            identifier = ", ".join(person.identifier for person in who)
            one = replace(one, student=names or one.student, identifier=identifier)
        else:
            strangers.append(one)
        mapped.append(one)
    return mapped, list(missing.values()), strangers


def _numbers(one: Submission, known: dict[str, set[int]]) -> list[int]:
    """Return whose a submission is: of the surest of its marks that is anybody's, if it is one person's."""
    if one.identifier:
        marks = [[part] for part in one.identifier.split(", ")]
        found = [known.get(_plain(part), set()) for (part,) in marks]
        if all(len(numbers) == 1 for numbers in found):
            return sorted(set.union(*found))
        names = one.student.split(", ")
    else:
        names = [one.student]
        words = {word for word in re.split(r"[\W_]+", one.student.casefold()) if len(word) >= SHORTEST}
        for keys in ({_plain(one.student)}, words):
            numbers = set().union(*(known.get(key, ()) for key in keys))
            if len(numbers) == 1:
                return list(numbers)
    found = [known.get(_plain(name), set()) for name in names]
    return sorted(set.union(*found)) if found and all(len(numbers) == 1 for numbers in found) else []


def _keys_of(identifiers: Iterable[str]) -> Iterable[str]:
    """Identifiers as they may stand in an entry's name: an address also by what is before its @."""
    for one in identifiers:
        yield _plain(one)
        if "@" in one:
            yield _plain(one.partition("@")[0])
        if number := re.fullmatch(r"\D+\s(\d+)", one):  # Moodle's "Participant 101", in any language
            yield number[1]


def _keys_of_name(name: str) -> set[str]:
    """A name in all orders in which its parts may follow one another."""
    words = [word for word in map(_plain, re.split(r"[\s,]+", name)) if word]
    return {"".join(words[number:] + words[:number]) for number in range(len(words))}


def _plain(text: str) -> str:
    """Return a text by its letters and digits alone, without accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
