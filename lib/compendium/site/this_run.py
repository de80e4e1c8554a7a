"""The top of a run's own page: which run it is, what became of it, its numbers beside the published ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from compendium import chapters, outcomes, project, results
from compendium.errors import CompendiumError
from compendium.parameters import as_typed
from compendium.runs import RECORD
from compendium.site import quotes

IN_THE_BOOK = (
    "in-the-book.html"  # address, beside the page, that stands for the chapter's page of the built book
)

_HEADLINES = Path(__file__).with_name("headlines.yml")
Record = Mapping[str, Any]

_PAGES = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_TOP = _PAGES.from_string("""\
<section class="this-run" aria-labelledby="this-run">
<h2 id="this-run">This run</h2>
<p>This page is a run of {% if book %}<a href="{{ book }}">a chapter of The Denoising Compendium</a>
{%- else %}a chapter of The Denoising Compendium{% endif %}
{{- introduction }}.
Its figures, tables and printed numbers are this run's.
{% if published %}
The prose is the book's: <span class="published">sentences on this ground</span> speak of the
{{ published.profile }} run that is published there, and behind each number that they quote stands
<span class="beside">this&nbsp;run's&nbsp;own</span>. What they and the other sentences conclude need not
hold here.
{% else %}
The prose is the book's, and what it concludes need not hold here.
{% endif %}</p>
{% for outcome in outcomes %}
<div class="admonition warning"><p class="admonition-title">{{ outcome.title }}</p>
<ul>
{% for item in outcome.cases %}
<li>{{ item }}</li>
{% endfor %}
</ul></div>
{% endfor %}
{% for note in notes %}
<div class="admonition note"><p class="admonition-title">{{ note.title }}</p>
<p>{{ note.text }}</p></div>
{% endfor %}
<div class="pst-scrollable-table-container"><table class="table facts"><tbody>
{% for name, value in facts.items() %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
{% if files %}
<tr><th scope="row">files</th><td>{% for name, what in files.items() %}
<a href="{{ name }}">{{ what }}</a>{{ ", " if not loop.last else "" }}
{% endfor %}</td></tr>
{% endif %}
</tbody></table></div>
{% if headlines %}
<h3>Its numbers beside the published run's</h3>
<div class="pst-scrollable-table-container"><table class="table headlines">
<thead><tr><th scope="col">number</th><th scope="col">this run</th><th scope="col">published</th>
<th scope="col">difference</th></tr></thead>
{% for level, rows in headlines | groupby("place") %}
<tbody>
{% if rows[0].level %}
<tr><th scope="rowgroup" colspan="4">{{ rows[0].level }}
{{- ", not in the published run" if rows | map(attribute="published") | unique | list == ["–"] }}</th></tr>
{% endif %}
{% for row in rows %}
<tr><th scope="row">{{ row.of }}</th><td class="number">{{ row.own }}</td>
<td class="number">{{ row.published }}</td><td class="number">{{ row.difference }}</td></tr>
{% endfor %}
</tbody>
{% endfor %}
</table></div>
{% endif %}
{% if settings %}
<h3>Parameters that differ from the published run's</h3>
<div class="pst-scrollable-table-container"><table class="table settings">
<thead>
<tr><th scope="col">parameter</th><th scope="col">this run</th><th scope="col">published</th></tr>
</thead><tbody>
{% for name, own, theirs in settings %}
<tr><td><code>{{ name }}</code></td>
{% for value in (own, theirs) %}
<td>{{ value | replace(",", ",<wbr>" | safe) }}</td>
{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endif %}
</section>
""")

_UNFINISHED = _PAGES.from_string("""\
<section class="this-run" aria-labelledby="this-run">
<h2 id="this-run">This run</h2>
<div class="admonition warning"><p class="admonition-title">It did not come to its end</p>
<p>{% if reason %}A cell below failed: {{ reason }}. {% endif %}
The cells before that show what they computed; those after it were not run.
The prose is the book's, and so are the numbers in it.</p></div>
<p>Beside this page: {% for name, what in files.items() %}
<a href="{{ name }}">{{ what }}</a>{{ ", " if not loop.last else "." }}
{% endfor %}</p>
</section>
""")


@dataclass(frozen=True)
class Said:
    """A box: its title, its sentence, and what that is about."""

    title: str
    text: str = ""
    cases: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """A number of both runs, written."""

    place: int  # of the level among those of the run
    level: str
    of: str
    own: str
    published: str
    difference: str


def top(record: Record, files: Mapping[str, str], *, book: str = IN_THE_BOOK) -> str:
    """Return the top of the page of the run with this record, as HTML; links to the book are made later.

    files: what lies beside the page, with what it is. book: address of the chapter in the book, "" for none.
    """
    other = published(record)
    return _TOP.render(
        book=book,
        introduction=_introduction(record),
        published=other,
        outcomes=[*failures(record)],
        notes=[*_parts(record)],
        facts=facts(record),
        files=files,
        headlines=[*headlines(record, other)] if other else [],
        settings=_settings(record, other) if other else [],
    )


def unfinished(reason: str, files: Mapping[str, str]) -> str:
    """Return the top of the page of a run that ended before its time, as HTML.

    reason: why a cell failed, "" where none did. files: what lies beside the page, with what it is.
    """
    return _UNFINISHED.render(reason=reason.rstrip("."), files=files)


def published(record: Record) -> Record | None:
    """Return the published run of the same profile, or else the one that the chapter quotes; None without."""
    chapter = record["chapter"]
    same = project.RESULTS / chapter / str(record.get("profile")) / RECORD
    try:
        return results.read(same) if same.exists() else quotes.published(chapter)("")
    except CompendiumError:
        return None


def failures(record: Record) -> Iterator[Said]:
    """Yield a box with the networks that did not learn, if there are any."""
    if lines := outcomes.sentences(record.get("outcomes", [])):
        yield Said("Networks that did not learn", cases=lines)


def facts(record: Record) -> dict[str, str]:
    """Return what a reader asks first of a run, by name; a record of an older form lacks some of it."""
    found = {
        "parameters": _beyond(record),
        "data": _data(record),
        "seed": ", ".join(f"{name} = {as_typed(record['parameters'][name])}" for name in _seeds(record)),
        "time": _time(record),
        "device": record.get("device", ""),
        "code": f"commit {record['commit']}" if record.get("commit") else "",
        "your code": ", ".join(f"{door}: {one['name']}" for door, one in (record.get("own") or {}).items()),
    }
    return {name: value for name, value in found.items() if value}


def headlines(record: Record, other: Record) -> Iterator[Row]:
    """Yield the numbers that matter most of a chapter's run, beside another run's."""
    asked = _asked().get(record["chapter"], {"rows": {}})
    rows = asked["rows"].items()
    for place, level in enumerate(["", *(_levels(asked["each"], record) if "each" in asked else [])]):
        for of, field in (row for row in rows if ("{level}" in row[1]) == bool(level)):
            query = quotes.FIELD.fullmatch(field.replace("{level}", level))
            own, theirs = (_number(query[1], one) for one in (record, other))
            if own is not None or theirs is not None:
                both = own is not None and theirs is not None
                difference = quotes.written(own - theirs, f"+{query[2]}") if both else None
                numbers = [None if n is None else quotes.written(n, query[2]) for n in (own, theirs)]
                yield Row(place, level, of, *(text or "–" for text in (*numbers, difference)))


@cache
def _asked() -> dict[str, Any]:
    return yaml.safe_load(_HEADLINES.read_text(encoding="utf-8"))


def _levels(query: str, record: Record) -> list[str]:
    try:
        return quotes.levels(query, lambda _: record)
    except CompendiumError:
        return []


def _number(query: str, record: Record) -> float | None:
    try:
        number = quotes.value(query, lambda _: record)
    except (CompendiumError, LookupError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _settings(record: Record, other: Record) -> list[tuple[str, str, str]]:
    own, theirs = record["parameters"], other["parameters"]
    return [
        (name, *(as_typed(one[name]) if name in one else "–" for one in (own, theirs)))
        for name in {**own, **theirs}
        if own.get(name) != theirs.get(name)
    ]


def _changed(record: Record) -> dict[str, str] | None:
    """Return the parameters that are not as the run's profile has them, with the profile's value as text.

    None where the chapter or its profile are not known here.
    """
    try:
        chapter = chapters.named(record["chapter"])
        usual = chapter.effective(chapter.of_profile(record.get("profile")))
    except CompendiumError:
        return None
    own = record["parameters"]
    return {name: as_typed(usual.get(name, "–")) for name in own if own[name] != usual.get(name)}


def _introduction(record: Record) -> str:
    changed = _changed(record)
    if changed is None:
        return ""
    return (
        " with parameters of your own"
        if changed
        else f", with the parameters of the profile {record['profile']}"
    )


def _beyond(record: Record) -> str:
    """Say which parameters are not as the run's profile has them."""
    changed = _changed(record)
    if changed is None:
        return ""
    said = [
        f"{name} = {as_typed(record['parameters'][name])} (there {usual})" for name, usual in changed.items()
    ]
    profile = f"as the profile {record['profile']} has them"
    return f"{profile}, but for {', '.join(said)}" if said else profile


def _data(record: Record) -> str:
    sizes: dict[str, list[str]] = {}
    for one in record.get("data", []):
        sizes.setdefault(one["name"], []).append(f"{one['images']:,}")
    return "; ".join(f"{name} ({' and '.join(images)} images)" for name, images in sizes.items())


def _seeds(record: Record) -> list[str]:
    return [name for name in record["parameters"] if name == "seed" or name.endswith("seeds")]


def _time(record: Record) -> str:
    spent = {"of training": "training_seconds", "in all": "wall_seconds"}
    known = {what: record[name] for what, name in spent.items() if record.get(name) is not None}
    return ", ".join(f"{_long(seconds)} {what}" for what, seconds in known.items())


def _long(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def _parts(record: Record) -> Iterator[Said]:
    states = record.get("parts") or {}
    if left_out := [name for name, state in states.items() if state == "left out"]:
        yield Said("Left out", f"These parts of the chapter were not asked for: {', '.join(left_out)}.")
    for name, state in states.items():
        if state.startswith("failed"):
            yield Said("Not computed", f"The part {name} {state}.")
