"""The ledger on the book's pages: a page of all claims, a table a chapter, a chart."""

import io
import re
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from string import Template

import matplotlib.pyplot as plt

from compendium import plots
from compendium.claims.evaluation import Verdict, summary, text
from compendium.claims.ledger import Claim
from compendium.claims.rules import VERDICTS, Printed, is_number

CHART = "_static/claims.svg"  # beside the page of all claims
COLUMNS = ("claim", "what and where", "paper", "ours", "verdict")
NAMED = ("year", "fraction", "MSE", "SSIM", "r")  # what a number is, said with its claim
NAMES = ("year", "CIFAR-10 test index")  # units of numbers that count nothing
UNITS = ("%", "% of pixels", "bits", "dB", "images", "parameters", "pixels of 1,024", "s", "×")
_NUMBERS = re.compile(r"[-+\d.,/% ]+")
_THOUSANDS = re.compile(r"(?<![\w.,/-])\d{4,}(?![\w/-])")
COLOURS = dict(zip(VERDICTS, ("#0173b2", "#56b4e9", "#d55e00", "#cc78bc", "#949494", "#333333"), strict=True))

_PAGE = Template("""\
# The ledger of claims

This page lists $all statements of the papers, each beside what this book computed or why nothing could be.
No verdict is typed: each follows from a computed value by one rule, which
[How to read this book](how-to-read) explains. `compendium claims` computes them anew, and
`compendium claims $example` explains one.

## Papers and verdicts

```{figure} $chart
:name: fig-claims
:alt: $alternative

Verdicts on the claims of each paper.
```

{numref}`tab-claims-verdicts` has the numbers that {numref}`fig-claims` draws:

```{table} Verdicts, and how many claims of each paper have them.
:name: tab-claims-verdicts

$counts
```

## All claims

A claim's number leads to the section of its chapter that shows it.

<div class="sifted" data-noun="claims" data-choices="paper,verdict">
$rows
</div>

## Next steps

- [How to read this book](how-to-read) says how a verdict is found.
- [Six findings](stories) tells the most instructive of these claims.

<script src="../_static/sifted.js" defer></script>
""")


def page(computed: Sequence[Verdict]) -> str:
    """Return the page of all claims, `book/claims.md`, in Markdown; `chart` makes its figure."""
    counts = summary(computed)
    sentences = "; ".join(
        f"{paper}: " + ", ".join(f"{number} {verdict}" for verdict, number in row.items() if number)
        for paper, row in counts.iterrows()
    )
    heads = [f"[{paper}](../notebooks/{paper})" for paper in counts.index]
    counts.loc["all"] = counts.sum()
    lines = [f"| verdict | {' | '.join(heads)} | all |", f"|---|{'--:|' * len(counts)}"]
    for verdict, row in [*counts.items(), ("all", counts.sum(axis=1))]:
        lines.append(f"| {verdict} | {' | '.join(map(str, row))} |")
    return _PAGE.substitute(
        all=len(computed),
        example=computed[0].claim.id,
        chart=CHART,
        alternative=f"A bar for each paper, divided by verdict. {sentences}.",
        counts="\n".join(lines),
        rows=_table(computed, label="All claims"),
    )


def chapter(computed: Sequence[Verdict]) -> str:
    """Return the table of one paper's claims, for the end of its chapter, in Markdown."""
    [(paper, counts)] = summary(computed).iterrows()
    found = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    return (
        f"Of the {len(computed)} claims: {found}. [The ledger](../book/claims) has those of all papers.\n\n"
        f"{_table(computed, label=f'Claims of the chapter {paper}')}\n"
    )


def chart(computed: Sequence[Verdict]) -> str:
    """Return the number of claims of each paper by verdict, stacked bars, as SVG."""
    counts = summary(computed)
    plots.use_style()
    with plt.rc_context({"svg.hashsalt": "claims"}):
        figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
        counts.iloc[::-1].plot.barh(stacked=True, ax=axis, width=0.7, color=COLOURS, edgecolor="white")
        axis.set(xlabel="claims", ylabel="")
        axis.legend(title=None, ncols=3, loc="lower center", bbox_to_anchor=(0.4, 1), frameon=False)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        plt.close(figure)
    return drawn.getvalue()


def _table(computed: Sequence[Verdict], *, label: str) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    rows = "\n".join(_row(one) for one in computed)
    return (
        f'<div class="claims" role="region" aria-label="{label}" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(one: Verdict) -> str:
    claim = one.claim
    link = f"../notebooks/{claim.paper}.html" + (f"#{claim.section}" if claim.section else "")
    cells = (
        f'<a href="{link}">{claim.id}</a>',
        f"{_safe(claim.quantity)} <small>{_safe(claim.location)}</small>",
        _safe(_printed(claim)) or "–",
        f"{_safe(_computed(one)) or '–'} <small>{_safe(_explained(one))}</small>",
        one.verdict,
    )
    inside = "".join(
        f'<td data-column="{name}">{cell}</td>' for name, cell in zip(COLUMNS, cells, strict=True)
    )
    return f'<tr id="{claim.id}" data-paper="{claim.paper}">{inside}</tr>'


def _printed(claim: Claim) -> str:
    """What the paper prints, with its unit where that is of numbers; what has no unit has none."""
    shown = text(claim.value)
    of_numbers = _NUMBERS.fullmatch(shown) and claim.unit not in NAMED
    shown = _apart(shown, claim.value, claim.unit)
    return f"{shown} {claim.unit}".strip() if of_numbers else shown


def _explained(one: Verdict) -> str:
    return "; ".join(filter(None, (one.found.how, one.reason)))


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
