"""From claims to verdicts: run the checks, keep what was computed from data sets, apply the rule."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from compendium import products, project
from compendium.claims import checks, ledger
from compendium.claims.ledger import Claim
from compendium.claims.rules import (
    FAILS,
    HOLDS,
    KINDS,
    Found,
    Printed,
    PValues,
    corrected,
    is_number,
    judge,
    precision,
)
from compendium.errors import CompendiumError
from compendium.files import write_atomically

DATA_RECORD = project.RESULTS / "claims" / "data.json"
NOT_WRITTEN = "its check is not written yet"
OF_CHANCE = ("training", "data")
"""Kinds of evidence that can be a matter of chance."""


@dataclass(frozen=True)
class Verdict:
    """A claim with what was found and what follows.

    Attributes:
        claim, found: the claim, and what its check found.
        outcome: one of `rules.OUTCOMES`.
        rule: which part of the rule gave it, with the margin or the test.
        test: the p values of a matter of chance, corrected for the paper's other claims.
    """

    claim: Claim
    found: Found
    outcome: str
    rule: str
    test: PValues | None = None

    @property
    def verdict(self) -> str:
        """The outcome in the words of the claim's kind of evidence."""
        return word(self.claim.kind, self.outcome)

    @property
    def would_change(self) -> str:
        """What would change the verdict: of this claim, or else of its kind of evidence."""
        return self.claim.would_change or KINDS[self.claim.kind].would_change

    @property
    def tolerance(self) -> float | None:
        """Largest difference of numbers that agree; None where no single number is published."""
        claim = self.claim
        if not is_number(claim.value):
            return claim.tolerance
        if claim.margin:
            return claim.margin.of(claim.value)
        return precision(claim.value) if claim.tolerance is None else claim.tolerance


def word(kind: str, outcome: str) -> str:
    """Return what a kind of evidence calls an outcome; undecided and not testable have one word each."""
    return {HOLDS: KINDS[kind].holds, FAILS: KINDS[kind].fails}.get(outcome, outcome)


def verdict(claim: Claim) -> Verdict:
    """Compute one claim's verdict, as `verdicts` does."""
    return verdicts([claim])[0]


def verdicts(claims: Iterable[Claim] | None = None) -> list[Verdict]:
    """Compute the verdicts of these claims, or of all.

    Of the other claims of a paper only those are computed whose tests are corrected together with theirs.
    Raises CompendiumError, with the claim's id, where its check does not exist, or asks for a number or row
    that does not exist, or finds nothing that decides.
    """
    chosen = list(ledger.load().values() if claims is None else claims)
    found = {claim.id: _found(claim) for claim in chosen}
    tests: dict[str, PValues] = {}
    for paper in {claim.paper for claim in chosen if found[claim.id].chance}:
        tests |= _tests(paper, found)
    return [_judged(claim, found[claim.id], tests.get(claim.id)) for claim in chosen]


def at_hand(claims: Iterable[Claim] | None = None) -> list[Verdict]:
    """Return the verdicts of these claims, or of all; each is kept until code, runs or packages change.

    What lacks a data set is not kept: the set may be there the next time.
    """
    chosen = list(ledger.load().values() if claims is None else claims)
    path = products.place("verdicts", [*products.inputs("lib"), *products.inputs("results")])
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    computed = {one.claim.id: one for one in verdicts(one for one in chosen if one.id not in kept)}
    new = {name: _to_file(one) for name, one in computed.items() if not _lacks_data(one)}
    if new:
        with suppress(CompendiumError):  # a checkout that cannot be written keeps nothing
            write_atomically(path, json.dumps(kept | new))
    return [computed.get(one.id) or _from_file(one, kept[one.id]) for one in chosen]


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
            kept[claim.id] = {"check": _call(claim), "found": found.plain()}
    write_atomically(DATA_RECORD, json.dumps(kept, indent=1, allow_nan=False) + "\n")
    _kept.cache_clear()
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
    return {"found": one.found.plain(), "outcome": one.outcome, "rule": one.rule, "test": one.test}


def _from_file(claim: Claim, kept: dict[str, object]) -> Verdict:
    test = kept["test"] and PValues(*kept["test"])
    return Verdict(claim, Found.read(kept["found"]), kept["outcome"], kept["rule"], test)


def _lacks_data(one: Verdict) -> bool:
    """Whether a data set that is not on this machine would decide more."""
    return bool(one.found.lacks and one.claim.check and checks.of_claim(one.claim).source == "data")


def _judged(claim: Claim, found: Found, test: PValues | None) -> Verdict:
    try:
        outcome, rule = judge(claim.value, found, margin=claim.margin, tolerance=claim.tolerance, test=test)
    except ValueError as fault:
        raise CompendiumError(f"{claim.id}, check {claim.check}: {fault}") from None
    return Verdict(claim, found, outcome, rule, test)


def _tests(paper: str, known: Mapping[str, Found]) -> dict[str, PValues]:
    """Return the tests of a paper's claims that are matters of chance, corrected for being several."""
    family = {}
    for claim in ledger.load().values():
        if claim.paper == paper and claim.check and checks.of_claim(claim).source in OF_CHANCE:
            family[claim.id] = (known.get(claim.id) or _found(claim)).chance
    family = {name: chance for name, chance in family.items() if chance}
    return dict(zip(family, corrected(family.values()), strict=True))


def _found(claim: Claim) -> Found:
    """Run a claim's check, or return what is kept of it: what data sets give does not change."""
    if claim.check is None:
        return Found(lacks=NOT_WRITTEN)
    check = checks.of_claim(claim)
    kept = _kept().get(claim.id)
    if check.source == "data" and kept and kept["check"] == _call(claim):
        return Found.read(kept["found"])
    try:
        return _evaluated(claim, check)
    except checks.Missing as missing:
        return Found(lacks=str(missing))
    except (CompendiumError, ValueError) as fault:
        raise CompendiumError(f"{claim.id}, check {claim.check}: {fault}") from None


def _evaluated(claim: Claim, check: checks.Check) -> Found:
    """Run a check; what it found comes back as it would from a file, so that both give the same verdict."""
    found = check.function(checks.Case(claim, ledger.load()), **claim.arguments)
    plain = json.dumps(found.plain(), default=lambda array: array.tolist(), allow_nan=False)
    return Found.read(json.loads(plain))


def _call(claim: Claim) -> dict[str, object]:
    """What decides a stored finding's use: the check and its arguments."""
    return json.loads(json.dumps({"name": claim.check, "arguments": claim.arguments}))


@cache
def _kept() -> dict[str, dict[str, object]]:
    return json.loads(DATA_RECORD.read_text(encoding="utf-8")) if DATA_RECORD.exists() else {}
