"""On a run's own page: this run's number beside each that the prose quotes from the published run.

`book/_quoted/<chapter>.txt` has the sentences, with their numbers as queries (see `quotes`). Where a text has
such a sentence, each number gets the run's own behind it, and the sentence is marked as one about the
published run; so is every other that speaks of that or of "our" networks, errors and so on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from compendium import project
from compendium.errors import CompendiumError
from compendium.site import quotes

ABSENT = "not in this run"

_OURS = re.compile(r"\b(published run|[Oo]urs?)\b")
_CLAIMS = r"\s*\(\{claim\}`[^)]*\)"
_FENCE = r"^[`:]{3,}.*$|^:[\w-]+:.*$"  # around a directive, and its options
_HEADING = r"^#+ .*$"
_NOT_PROSE = re.compile(rf"(?m){_HEADING}|{_FENCE}|`[^`]*`|\$[^$]*\$|\]\([^)]*\)")
_BOUNDARY = re.compile(
    rf"(?m)\n\s*\n|{_FENCE}|{_HEADING}|^\s*(?:[-*]|\d+\.) |\||(?<=[.!?])[\"”’)*]*\s+(?=[A-Z*\"“`{{$(])"
)
_UNIT = re.compile(r"[*_]{0,2}(?: ?%| dB\b)?")  # what stays with a number
_CLOSED = ("**", "`", "$")  # signs that come in pairs
_PUBLISHED = '<span class="published">{}</span>'
_EXERCISE = re.compile(r"`{3,}\{(exercise|solution)\}")


@dataclass(frozen=True)
class Sentence:
    """A quoted sentence as the page has it, on one line; `own` are (place behind a number, this run's)."""

    text: str
    own: tuple[tuple[int, str], ...]


def sentences(chapter: str, record: Mapping[str, Any]) -> list[Sentence]:
    """Return the sentences of a chapter that quote the published run, with the numbers of another record.

    A chapter without such a file, or without a published run, has none.
    """
    path = project.ROOT / "book" / "_quoted" / f"{chapter}.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = (_sentence(line, chapter, record) for line in lines if line.strip())
    return [sentence for sentence in found if sentence]


def filled(template: str, chapter: str, record: Mapping[str, Any]) -> str:
    """Return a template, a paragraph a line, with the published numbers, and another record's behind each."""

    def both(field: re.Match[str]) -> str:
        published = quotes.fill(field[0], quotes.published(chapter))
        return published + _badge([_own(field[1], field[2], chapter, record)])

    lines = template.splitlines()
    quoting = [quotes.FIELD.search(line) is not None for line in lines]
    text = [quotes.FIELD.sub(both, line) for line in lines]
    return "\n".join(
        _PUBLISHED.format(line) if marked else line for line, marked in zip(text, quoting, strict=True)
    )


def marked(text: str, quoted: Iterable[Sentence]) -> str:
    """Return a piece of Markdown with the runs' numbers and the marks in it; exercises stay as they are."""
    if _EXERCISE.match(text):
        return text
    plain, places = _on_one_line(text)
    badges: dict[int, dict[str, None]] = {}
    published = []
    for sentence in quoted:
        for hit in re.finditer(re.escape(sentence.text), plain):
            ends = [places[hit.end() - 1] + 1]
            for place, number in sentence.own:
                behind = places[hit.start() + place - 1] + 1
                ends.append(_UNIT.match(text, behind).end())
                badges.setdefault(ends[-1], {})[number] = None
            published.append((places[hit.start()], max(ends)))
    published += [hit.span() for hit in _OURS.finditer(_prose_only(text))]
    added = []
    whole = (_whole(text, *span) for span in published)
    before, after = _PUBLISHED.split("{}")
    for start, end in _joined(cell for span in whole for cell in _cells(text, *span)):
        added += [(start, before), (end, after)]
    added += [(place, _badge(numbers)) for place, numbers in badges.items()]  # within a mark that ends there
    for place, mark in sorted(added, key=lambda one: one[0], reverse=True):
        text = text[:place] + mark + text[place:]
    return text.replace(f'{before}"', f"{before}“")  # behind a mark it would be taken for a closing one


def _sentence(template: str, chapter: str, record: Mapping[str, Any]) -> Sentence | None:
    template = " ".join(re.sub(_CLAIMS, "", template).split())
    text, own, end = "", [], 0
    for field in quotes.FIELD.finditer(template):
        try:
            text += template[end : field.start()] + quotes.fill(field[0], quotes.published(chapter))
        except CompendiumError:  # there is no published run
            return None
        own.append((len(text), _own(field[1], field[2], chapter, record)))
        end = field.end()
    return Sentence(text + template[end:], tuple(own))


def _own(expression: str, how: str, chapter: str, record: Mapping[str, Any]) -> str:
    """Say what a run has where the published one is quoted."""

    def records(named: str) -> Mapping[str, Any]:
        if named not in {"", chapter}:
            raise CompendiumError(f"{named}: another chapter")
        return record

    try:
        number = quotes.value(expression, records)
        if number != number or abs(number) == float("inf"):
            return ABSENT
        if how.lower() == "words":
            return f"this run: {round(number):,}"
        if not quotes.RANGE.match(how):
            return f"this run: {quotes.written(number, how)}"
    except (CompendiumError, ArithmeticError, LookupError, ValueError):
        return ABSENT  # no such level, one seed where two are compared, a collapsed network ...
    try:
        quotes.written(number, how)
    except CompendiumError:
        return f"not so in this run: {number:z.3g}"
    return f"so in this run: {number:z.3g}"


def _badge(numbers: Iterable[str]) -> str:
    aside = '<span class="visually-hidden">{}</span>'
    said = escape("; ".join(number.replace(" ", "\N{NO-BREAK SPACE}") for number in numbers))
    return f'<span class="beside">{aside.format(" (")}{said}{aside.format(") ")}</span>'


def _on_one_line(text: str) -> tuple[str, list[int]]:
    """Return a text without references to claims, with single spaces, and where each character was."""
    letters: list[str] = []
    places: list[int] = []
    left_out = {place for claim in re.finditer(_CLAIMS, text) for place in range(*claim.span())}
    for place, letter in enumerate(text):
        if place in left_out or (letter.isspace() and (not letters or letters[-1] == " ")):
            continue
        letters.append(" " if letter.isspace() else letter)
        places.append(place)
    return "".join(letters), places


def _prose_only(text: str) -> str:
    """Return a text of the same length with blanks for what is no prose."""
    return _NOT_PROSE.sub(lambda part: " " * len(part[0]), text)


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the sentence around a part begins and ends; the part where its markup would be cut."""
    boundaries = [hit.span() for hit in _BOUNDARY.finditer(text)]
    first = max((stop for _, stop in boundaries if stop <= start), default=0)
    last = min((begin for begin, _ in boundaries if begin >= end), default=len(text))
    piece = text[first:last]
    if any(piece.count(sign) % 2 for sign in _CLOSED) or piece.count("[") != piece.count("]"):
        return start, end
    return first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip())


def _cells(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a part of a text as it is, but of the row of a table each cell by itself."""
    if "|" not in text[start:end] or not text[text.rfind("\n", 0, start + 1) + 1 :].startswith("|"):
        yield start, end
        return
    for cell in re.finditer(r"[^|\s](?:[^|]*[^|\s])?", text[start:end]):
        yield start + cell.start(), start + cell.end()


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans in order, those that overlap as one."""
    begun: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if begun and start < begun[1]:
            begun = (begun[0], max(begun[1], end))
        else:
            if begun:
                yield begun
            begun = (start, end)
    if begun:
        yield begun
