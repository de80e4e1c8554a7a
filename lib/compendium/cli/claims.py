"""`compendium claims`: what the papers claim, beside what was computed."""

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column

from compendium.cli.terminal import show_table
from compendium.errors import unknown

if TYPE_CHECKING:
    from compendium.claims import Verdict


def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Claims to explain, such as S4-32.")
    ] = None,
    paper: Annotated[str | None, typer.Option(help="Only this paper's, such as tuning.")] = None,
    verdict: Annotated[str | None, typer.Option(help="Only these, such as contradicted.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep what is computed from data sets in results/claims/.")
    ] = False,
) -> None:
    """Print a summary of verdicts, rows, or explain one; computed anew where code or runs have changed."""
    from compendium import claims as ledger  # slow to import; `compendium --help` must not wait for it

    if paper is not None and paper not in ledger.papers():
        raise unknown("paper", paper, ledger.papers())
    if verdict is not None and verdict not in ledger.VERDICTS:
        raise unknown("verdict", verdict, ledger.VERDICTS)
    chosen = [ledger.find(name) for name in ids or ledger.load()]
    if record:
        typer.echo(f"kept what {ledger.record_data()} checks of data found, in results/claims/")
    computed = ledger.at_hand(claim for claim in chosen if paper in (None, claim.paper))
    computed = [one for one in computed if verdict in (None, one.verdict)]
    if as_json:
        typer.echo(json.dumps([_row(one) for one in computed], indent=1, ensure_ascii=False))
    elif ids:
        typer.echo("\n\n".join(map(_explained, computed)))
    elif paper or verdict:
        _show_rows(computed)
    else:
        _show_summary(computed)


def _row(one: "Verdict") -> dict[str, object]:
    claim, found = one.claim, one.found
    return {
        "id": claim.id,
        "paper": claim.paper,
        "location": claim.location,
        "quantity": claim.quantity,
        "unit": claim.unit,
        "kind": claim.kind,
        "published": claim.value,
        "ours": found.ours,
        "runs": found.runs,
        "interval": found.interval,
        "tolerance": one.tolerance,
        "verdict": one.verdict,
        "rule": one.rule,
        "how": found.how,
        "reason": one.reason,
        "section": claim.section,
    }


def _explained(one: "Verdict") -> str:
    from compendium.claims import text

    claim, found = one.claim, one.found
    spread = (
        f" ({len(found.runs)} runs, {text(min(found.runs))} to {text(max(found.runs))})" if found.runs else ""
    )
    lines = {
        "claim": f"{claim.quantity}; {claim.paper}, {claim.location}",
        "published": f"{text(claim.value)} {claim.unit}".strip(),
        "ours": text(found.ours) + spread,
        "how": found.how,
        "tolerance": "" if one.tolerance is None else f"{one.tolerance:g}",
        "verdict": f"{one.verdict}: {one.rule}",
        "reason": one.reason if one.reason != one.rule else "",
        "in the book": f"notebooks/{claim.paper}.html" + (f"#{claim.section}" if claim.section else ""),
    }
    return "\n".join([claim.id, *(f"  {name:<12} {line}" for name, line in lines.items() if line)])


def _show_rows(computed: list["Verdict"]) -> None:
    from compendium.claims import text

    _show(
        ["id", "quantity", "published", "ours", "verdict"],
        [
            [o.claim.id, o.claim.quantity, text(o.claim.value), text(o.found.ours), o.verdict]
            for o in computed
        ],
    )


def _show_summary(computed: list["Verdict"]) -> None:
    from compendium.claims import summary

    counts = summary(computed)
    counts.loc["all"] = counts.sum()
    _show(
        ["paper", *(column.replace(" ", "\n", 1) for column in counts.columns)],
        [[paper, *map(str, row)] for paper, *row in counts.itertuples()],
    )


def _show(columns: list[str], rows: list[list[str]]) -> None:
    heads = [Column(name, min_width=max(map(len, name.split())), no_wrap=name == "paper") for name in columns]
    show_table(heads, rows, box=None, padding=(0, 1, 0, 0), pad_edge=False)
