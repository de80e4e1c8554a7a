"""From claims to verdicts: run the checks, keep what was computed from data sets, apply the rule."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from compendium import products, project
from compendium.claims import checks, ledger
from compendium.claims.ledger import Claim
from compendium.claims.rules import (
    CONFIRMED,
    IN_KIND,
    NOT_CHECKABLE,
    OPEN,
    VERDICTS,
    Found,
    Printed,
    is_number,
    judge,
    precision,
)
from compendium.errors import CompendiumError
from compendium.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

DATA_RECORD = project.RESULTS / "claims" / "data.json"
NOT_WRITTEN = "its check is not written yet"


@dataclass(frozen=True)
class Verdict:
    """A claim with what was found and what follows; `rule` says which part of the rule applied.

    `source` is what the claim was held against, a key of `checks.SOURCES`, or None without a check.
    """

    claim: Claim
    found: Found
    verdict: str
    rule: str
    source: str | None

    @property
    def tolerance(self) -> float | None:
        """Largest difference of numbers that agree; None where no single number is published."""
        claim = self.claim
        printed = claim.tolerance is None and is_number(claim.value)
        return precision(claim.value) if printed else claim.tolerance

    @property
    def reason(self) -> str:
        """Why nothing is decided, or only in kind, or with which tolerance; else ""."""
        tolerant = self.verdict == CONFIRMED and self.claim.tolerance is not None
        undecided = self.verdict in (OPEN, IN_KIND, NOT_CHECKABLE)
        return self.found.unchecked or (self.rule if undecided or tolerant else "")


def verdict(claim: Claim) -> Verdict:
    """Compute a claim's verdict, and no other's.

    Raises CompendiumError, with the claim's id, where its check does not exist, or asks for a number or row
    that does not exist.
    """
    if claim.check is None:
        return Verdict(claim, Found(lacks=NOT_WRITTEN), OPEN, NOT_WRITTEN, None)
    check = checks.of_claim(claim)
    try:
        found = _found(claim, check)
        word, rule = judge(
            claim.value, found, disagreement=checks.SOURCES[check.source], tolerance=claim.tolerance
        )
    except (CompendiumError, ValueError) as fault:
        raise CompendiumError(f"{claim.id}, check {claim.check}: {fault}") from None
    return Verdict(claim, found, word, rule, check.source)


def verdicts(claims: Iterable[Claim] | None = None) -> list[Verdict]:
    """Compute the verdicts of these claims, or of all."""
    return [verdict(claim) for claim in (ledger.load().values() if claims is None else claims)]


def at_hand(claims: Iterable[Claim] | None = None) -> list[Verdict]:
    """Return the verdicts of these claims, or of all; each is kept until code, runs or packages change.

    What lacks a data set is not kept: the set may be there the next time.
    """
    chosen = list(ledger.load().values() if claims is None else claims)
    path = products.place("verdicts", [*products.inputs("lib"), *products.inputs("results")])
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = [_from_file(one, kept[one.id]) if one.id in kept else verdict(one) for one in chosen]
    new = {one.claim.id: _to_file(one) for one in found if not (one.source == "data" and one.found.lacks)}
    if not new.keys() <= kept.keys():
        with suppress(CompendiumError):  # a checkout that cannot be written keeps nothing
            write_atomically(path, json.dumps(kept | new))
    return found


def not_written() -> list[str]:
    """Return the ids of the claims whose check is not written yet."""
    return [name for name, claim in ledger.load().items() if claim.check is None]


def summary(computed: Iterable[Verdict]) -> "pd.DataFrame":
    """Return how many claims of each paper got each verdict: a row a paper, a column a verdict."""
    import pandas as pd

    pairs = pd.DataFrame([(one.claim.paper, one.verdict) for one in computed], columns=["paper", "verdict"])
    counts = pd.crosstab(pairs["paper"], pairs["verdict"])
    return counts.reindex(index=list(dict.fromkeys(pairs["paper"])), columns=list(VERDICTS), fill_value=0)


def record_data() -> int:
    """Compute all checks that need data sets and keep what they found in `DATA_RECORD`; return how many.

    Raises CompendiumError, naming what to type, where a set is absent.
    """
    kept = {}
    for claim in ledger.load().values():
        check = claim.check and checks.of_claim(claim)
        if check and check.source == "data":
            try:
                found = _evaluated(claim, check)
            except checks.Missing as missing:
                raise CompendiumError(f"{claim.id}: {missing}") from None
            kept[claim.id] = {"check": _call(claim), "found": asdict(found)}
    write_atomically(DATA_RECORD, json.dumps(kept, indent=1, allow_nan=False) + "\n")
    return len(kept)


def text(value: object, digits: int = 6) -> str:
    """Return a published or computed value as a reader sees it, numbers printed or to `digits` digits.

    A number that has more digits before its point is rounded to a whole one.
    """
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {text(one, digits)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"({text(one)})" if isinstance(one, list) else text(one, digits) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not isinstance(value, Printed):
        return f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def _to_file(one: Verdict) -> dict[str, object]:
    return {"found": asdict(one.found), "verdict": one.verdict, "rule": one.rule, "source": one.source}


def _from_file(claim: Claim, kept: dict[str, object]) -> Verdict:
    return Verdict(claim, **{**kept, "found": Found(**kept["found"])})


def _found(claim: Claim, check: checks.Check) -> Found:
    try:
        return _evaluated(claim, check)
    except checks.Missing as missing:
        kept = _kept().get(claim.id)
        if check.source == "data" and kept and kept["check"] == _call(claim):
            return Found(**kept["found"])
        return Found(lacks=str(missing))


def _evaluated(claim: Claim, check: checks.Check) -> Found:
    """Run a check; what it found comes back as it would from a file, so that both give the same verdict."""
    found = check.function(checks.Case(claim, ledger.load()), **claim.arguments)
    plain = json.dumps(asdict(found), default=lambda array: array.tolist(), allow_nan=False)
    return Found(**json.loads(plain))


def _call(claim: Claim) -> dict[str, object]:
    """What decides a stored finding's use: the check and its arguments."""
    return json.loads(json.dumps({"name": claim.check, "arguments": claim.arguments}))


@cache
def _kept() -> dict[str, dict[str, object]]:
    return json.loads(DATA_RECORD.read_text(encoding="utf-8")) if DATA_RECORD.exists() else {}
