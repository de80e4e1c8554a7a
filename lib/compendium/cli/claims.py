"""`compendium claims`: what the papers claim, beside what was computed."""

import json
from itertools import pairwise
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
    paper: Annotated[str | None, typer.Option(help="All claims of this paper, such as tuning.")] = None,
    kind: Annotated[str | None, typer.Option(help="All claims of this kind, such as training.")] = None,
    verdict: Annotated[
        str | None, typer.Option(help="All claims with this verdict, such as undecided.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep what is computed from data sets in results/claims/.")
    ] = False,
) -> None:
    """Print the papers' headline claims, or those asked for; compute verdicts where code or runs changed."""
    from compendium import claims as ledger  # slow to import; `compendium --help` must not wait for it

    words = [ledger.word(one, outcome) for one in ledger.KINDS for outcome in ledger.OUTCOMES]
    for name, given, known in (
        ("paper", paper, ledger.papers()),
        ("kind", kind, list(ledger.KINDS)),
        ("verdict", verdict, list(dict.fromkeys(words))),
    ):
        if given is not None and given not in known:
            raise unknown(name, given, known)
    chosen = [ledger.find(name) for name in ids or ledger.load()]
    if record:
        typer.echo(f"kept what {ledger.record_data()} checks of data found, in results/claims/")
    narrowed = paper or kind or verdict
    if not (ids or narrowed or as_json):
        chosen = [claim for claim in chosen if claim.headline]
    chosen = [claim for claim in chosen if paper in (None, claim.paper) and kind in (None, claim.kind)]
    computed = [one for one in ledger.at_hand(chosen) if verdict in (None, one.verdict)]
    if as_json:
        typer.echo(json.dumps([_row(one) for one in computed], indent=1, ensure_ascii=False))
    elif ids:
        typer.echo("\n\n".join(map(_explained, computed)))
    elif not computed:
        typer.echo("no such claim: leave out --paper, --kind or --verdict")
    elif narrowed:
        _show_rows(computed)
    else:
        _show_headlines(computed)
        typer.echo("\nAll claims: --paper NAME or --kind KIND; one in full: compendium claims ID.")


def _row(one: "Verdict") -> dict[str, object]:
    claim, found = one.claim, one.found
    return {
        "id": claim.id,
        "paper": claim.paper,
        "claim": claim.claim,
        "location": claim.location,
        "headline": claim.headline,
        "kind": claim.kind,
        "published": claim.value,
        "unit": claim.unit,
        "ours": found.ours,
        "runs": found.runs,
        "interval": found.interval,
        "prediction": found.prediction,
        "margin": one.tolerance,
        "orders": found.plain()["orders"],
        "p": one.test and one.test._asdict(),
        "outcome": one.outcome,
        "verdict": one.verdict,
        "rule": one.rule,
        "how": found.how,
        "conditions": claim.differs,
        "left_out": found.left_out,
        "reading": claim.reading,
        "would_change": one.would_change,
        "section": claim.section,
    }


def _explained(one: "Verdict") -> str:
    from compendium.claims import text

    claim, found = one.claim, one.found
    spread = (
        f" ({len(found.runs)} runs, {text(min(found.runs))} to {text(max(found.runs))})" if found.runs else ""
    )
    interval = found.interval and " to ".join(map(text, found.interval))
    lines = {
        "paper": f"{claim.paper}, {claim.location} ({claim.rank})",
        "published": "" if claim.value is None else f"{text(claim.value)} {claim.unit}".strip(),
        "reading": claim.reading,
        "ours": text(found.ours) + spread,
        "interval": interval and f"{interval} (95 %, of the mean)",
        "margin": one.tolerance is not None and f"{one.tolerance:.3g} {claim.unit}".strip(),
        "how": found.how,
        "differs": claim.differs,
        "evidence": claim.kind,
        "verdict": f"{one.verdict}: {one.rule}",
        "would change": one.would_change,
        "in the book": f"notebooks/{claim.paper}.html" + (f"#{claim.section}" if claim.section else ""),
    }
    told = (f"  {name:<13} {line}" for name, line in lines.items() if line)
    return "\n".join([f"{claim.id}  {claim.claim}", *told])


def _show_rows(computed: list["Verdict"]) -> None:
    rows = [[one.claim.id, one.claim.kind, one.claim.claim, one.verdict] for one in computed]
    _show(["id", "evidence", "claim", "verdict"], rows)


def _show_headlines(computed: list["Verdict"]) -> None:
    """Show the papers' headlines: what is printed, our mean with its interval, the verdict."""
    rows = [[one.claim.paper, one.claim.id, one.claim.label, *_numbers(one), one.verdict] for one in computed]
    for earlier, later in reversed([*pairwise(rows)]):  # a paper is named once, from the end on
        later[0] = "" if earlier[0] == later[0] else later[0]
    _show(["paper", "id", "claim", "published", "ours (95 %)", "verdict"], rows)


def _numbers(one: "Verdict") -> tuple[str, str]:
    from compendium.claims import text
    from compendium.claims.rules import is_number

    published, found = one.claim.value, one.found
    if not (is_number(published) and is_number(found.ours)):
        return "", ""
    interval = f" ({' to '.join(text(end, 4) for end in found.interval)})" if found.interval else ""
    return text(published), text(found.ours, 4) + interval


def _show(heads: list[str], rows: list[list[str]]) -> None:
    columns = [Column(name, min_width=len(name), no_wrap=name in ("paper", "id")) for name in heads]
    show_table(columns, rows, box=None, padding=(0, 1, 0, 0), pad_edge=False)
