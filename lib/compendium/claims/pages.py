"""The ledger on the book's pages: the headlines on one screen, all rows by kind, a chapter's headlines."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from html import escape
from string import Template
from typing import Literal

from compendium.claims.drawn import drawing
from compendium.claims.evaluation import Verdict, text, word
from compendium.claims.ledger import Claim
from compendium.claims.rules import (
    FAILS,
    HOLDS,
    KINDS,
    MARGINS,
    NOT_TESTABLE,
    OUTCOMES,
    UNDECIDED,
    Printed,
    is_number,
)

COLUMNS = ("claim", "what and where", "paper", "ours", "verdict")
MARKS = {HOLDS: "✓", FAILS: "✗", UNDECIDED: "?", NOT_TESTABLE: "–"}
NAMED = ("year", "fraction", "MSE", "SSIM", "r")  # what a number is, said with its claim
NAMES = ("year", "CIFAR-10 test index")  # units of numbers that count nothing
UNITS = ("%", "% of pixels", "bits", "dB", "images", "parameters", "pixels of 1,024", "s", "×")
_RUN = re.compile(r"published run ([\w-]+)/<wbr>\w+")  # as `checks.source_of` names it
_NUMBERS = re.compile(r"[-+\d.,/% ]+")
_THOUSANDS = re.compile(r"(?<![\w.,/-])\d{4,}(?![\w/-])")

_PAGE = Template("""\
# The ledger of claims

What was reproduced? Here is what readers of the five papers take away from them, each claim with its verdict.
All other statements that could be checked follow below. No verdict is typed: each follows from a computed
value by the rule that [How to read this book](how-to-read) explains.

## The headlines

$legend

:::{div} headlines
$headlines
:::

Beside a number, dot and line are our mean and its 95 % interval, and the band is the margin round the paper's
number. Beside an order they are the difference and its interval, and the stroke is zero. A name leads to the
claim's row below. `compendium claims` prints the same, and `compendium claims $example` explains one.

## All claims, by kind of evidence

Kinds of evidence are never added up: that a layer has as many parameters as is printed says nothing of a
result. A claim's number leads to the section of its chapter that shows it.

$kinds

## Margins

The number of a training is *reproduced* where the 95 % interval of our mean lies within a margin of the
printed one. Each kind of quantity has one margin, chosen before the verdicts that follow from it, though not
before the runs.

```{table} Margins of the numbers that a trained network gives, and why they are so large.
:name: tab-claims-margins

$margins
```

What is a matter of chance, such as an order, is tested together with the paper's other such claims: their
p values are corrected by Holm's procedure. Other numbers agree where they differ by no more than half a unit
of the last printed digit.

## Next steps

- [How to read this book](how-to-read) says how a verdict is found.
- [Six findings](stories) tells the most instructive of these claims.

<script src="../_static/sifted.js" defer></script>
""")


def page(computed: Sequence[Verdict]) -> str:
    """Return the page of all claims, `book/claims.md`, in Markdown."""
    return _PAGE.substitute(
        example=computed[0].claim.id,
        legend=_legend(),
        headlines="\n\n".join(_headlines(paper, rows) for paper, rows in _by("paper", computed)),
        kinds="\n\n".join(_kind(kind, rows) for kind, rows in _by("kind", computed, KINDS)),
        margins=_margins(),
    )


def chapter(computed: Sequence[Verdict]) -> str:
    """Return the table of one paper's headline claims, for the end of its chapter, in Markdown."""
    headlines = [one for one in computed if one.claim.headline]
    label = f"Headline claims of the chapter {computed[0].claim.paper}"
    return (
        "These are the claims that a reader takes away, each beside what this book computed. Their numbers "
        "lead to [the ledger](../book/claims), which has conditions, readings, what would change a verdict, "
        "and all other claims. [How to read this book](../book/how-to-read) says how a verdict is found.\n\n"
        f"{_table(headlines, label=label, full=False)}\n"
    )


def _by(
    key: str, computed: Iterable[Verdict], order: Iterable[str] | None = None
) -> Iterable[tuple[str, list[Verdict]]]:
    """Yield the rows of each paper, or kind, that has some."""
    rows: dict[str, list[Verdict]] = {name: [] for name in order or ()}
    for one in computed:
        rows.setdefault(getattr(one.claim, key), []).append(one)
    return ((name, some) for name, some in rows.items() if some)


def _legend() -> str:
    marks = "".join(f"<li>{_mark(outcome)} {outcome}</li>" for outcome in OUTCOMES)
    return f'<ul class="marks">{marks}<li>the paper → ours</li></ul>'


def _mark(outcome: str) -> str:
    return f'<span class="verdict" data-outcome="{outcome}" aria-hidden="true">{MARKS[outcome]}</span>'


def _headlines(paper: str, computed: Iterable[Verdict]) -> str:
    items = "\n".join(_headline(one) for one in computed if one.claim.headline)
    return f"[](../notebooks/{paper})\n\n<ul>\n{items}\n</ul>"


def _headline(one: Verdict) -> str:
    """Return a headline as an item: mark, name, the paper's number and ours, verdict, a drawing."""
    claim = one.claim
    return (
        f'<li>{_mark(one.outcome)}<a href="#{claim.id}">{_safe(claim.label)}</a>{drawing(one)}'
        f' {_numbers(one)}<small class="word">{one.verdict}</small></li>'
    )


def _numbers(one: Verdict) -> str:
    published, ours = one.claim.value, one.found.ours
    if not (is_number(published) and is_number(ours)):
        return ""
    shown = _apart(_alike([ours], published)[0], ours, one.claim.unit)
    return f'<small class="numbers">{_safe(_printed(one.claim))} → {shown}</small> '


def _kind(kind: str, computed: Sequence[Verdict]) -> str:
    """Return the rows of a kind of evidence, folded, below what became of them."""
    title, meaning, *_, change = KINDS[kind]
    counts = [(outcome, sum(one.outcome == outcome for one in computed)) for outcome in OUTCOMES]
    found = ", ".join(f"{number} {word(kind, outcome)}" for outcome, number in counts if number)
    return (
        f'<details class="kind" id="kind-{kind}">\n'
        f"<summary><b>{title}</b> <small>{meaning} {found}.</small></summary>\n"
        f"<p>What would change a verdict, where its row does not say: {change[0].lower()}{change[1:]}</p>\n"
        f'<div class="sifted" data-noun="claims" data-choices="paper,verdict">\n'
        f"{_table(computed, label=title, full=True)}\n</div></details>"
    )


def _margins() -> str:
    rows = ["| quantity | margin | why |", "|---|--:|---|"]
    for name, margin in MARGINS.items():
        rows.append(f"| {name} | {margin.size:g} {margin.unit} | {margin.reason} |")
    return "\n".join(rows)


def _section(claim: Claim) -> str:
    return f"../notebooks/{claim.paper}.html" + (f"#{claim.section}" if claim.section else "")


def _table(computed: Sequence[Verdict], *, label: str, full: bool) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    rows = "\n".join(_row(one, full=full) for one in computed)
    return (
        f'<div class="claims" role="region" aria-label="{label}" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(one: Verdict, *, full: bool) -> str:
    """Return a claim's row: on the ledger's page in full, in its chapter with a link to there."""
    claim, found = one.claim, one.found
    link = _section(claim) if full else f"../book/claims.html#{claim.id}"
    what = {"": claim.location, "Reading": full and claim.reading}
    ours = {"": full and found.how, "Conditions": full and claim.differs}
    cells = (
        f'<a href="{link}">{claim.id}</a>',
        f"{_safe(claim.claim)} {_small(what)}",
        _safe(_printed(claim)) or "–",
        f"{_safe(_computed(one)) or '–'} {_small(ours)}",
        f"{one.verdict} {_small({'': one.rule, 'To change it': full and claim.would_change})}",
    )
    inside = "".join(
        f'<td data-column="{name}">{cell}</td>' for name, cell in zip(COLUMNS, cells, strict=True)
    )
    named = f'id="{claim.id}" ' if full else ""
    return f'<tr {named}data-paper="{claim.paper}" data-verdict="{one.verdict}">{inside}</tr>'


def _small(notes: Mapping[str, str | Literal[False] | None]) -> str:
    """Return what is said below a cell, a line for each note, behind its name."""
    named = ((f"<b>{name}</b> " if name else "", note) for name, note in notes.items() if note)
    return "".join(f"<small>{name}{_linked(_safe(note))}</small>" for name, note in named)


def _linked(note: str) -> str:
    """Let a run that is named lead to the section of its chapter that says how it was made."""
    return _RUN.sub(r'<a href="../notebooks/\1.html#the-record-of-this-run">\g<0></a>', note)


def _printed(claim: Claim) -> str:
    """What the paper prints, with its unit where that is of numbers; what has no unit has none."""
    shown = text(claim.value)
    of_numbers = _NUMBERS.fullmatch(shown) and claim.unit not in NAMED
    shown = _apart(shown, claim.value, claim.unit)
    return f"{shown} {claim.unit}".strip() if of_numbers else shown


def _computed(one: Verdict) -> str:
    """What we found, to the decimals that are printed, in the claim's unit, with the range of its runs."""
    ours, runs = one.found.ours, one.found.runs
    printed = one.claim.value
    several = isinstance(ours, list) and all(map(is_number, ours))
    of_numbers = several or is_number(ours) or (isinstance(ours, str) and _NUMBERS.fullmatch(ours))
    unit = f" {one.claim.unit}" if one.claim.unit in UNITS and of_numbers else ""
    if runs:
        mean, low, high = _alike([ours, min(runs), max(runs)], printed)
        shown = f"{mean}{unit} ({len(runs)} runs: {'all the same' if low == high else f'{low} to {high}'})"
    elif several:
        shown = f"{', '.join(_alike(ours, printed))}{unit}"
    else:
        shown = f"{', '.join(_alike([ours], printed))}{unit}"
    return _apart(shown, ours, one.claim.unit)


def _apart(shown: str, value: object, unit: str) -> str:
    """Set the thousands of a value that is shown apart; a text is left alone, and so is a name in digits."""
    if isinstance(value, str) or unit in NAMES:
        return shown
    return _THOUSANDS.sub(lambda digits: f"{int(digits[0]):,}", shown)


def _alike(numbers: Sequence[object], printed: object) -> list[str]:
    """Show numbers with equally many decimals: as many as are printed, but three digits or more.

    Beside what is no single number they have four digits.
    """
    of_printed = isinstance(printed, Printed)
    shown = [text(number, 3 if of_printed and is_number(number) else 4) for number in numbers]
    if not all(map(is_number, numbers)) or any("e" in one for one in shown):
        return shown
    decimals = max(len(one.partition(".")[2]) for one in shown)
    if of_printed and not all(float(number).is_integer() for number in numbers):
        decimals = max(decimals, -Decimal(printed.text).as_tuple().exponent)
    return [f"{number:.{decimals}f}" for number in numbers]


def _safe(shown: str) -> str:
    """Escape for HTML on one line, for a blank line would end the HTML; what stands in `...` is code.

    A long word may break after a slash, the number of a claim nowhere. σ_xy has its index below.
    """
    line = escape(" ".join(shown.split())).replace("/", "/<wbr>")
    line = re.sub(r"\b(?:S\d|DL)-\d+", r'<span class="unbroken">\g<0></span>', line)
    line = re.sub(r"\bσ_([a-z]+)", r"σ<sub>\1</sub>", line)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", line)
