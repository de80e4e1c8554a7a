"""The claims of the papers, read from their YAML files, and refused in one line where they are wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from compendium import project
from compendium.claims.rules import KINDS, MARGINS, Margin, Printed, is_number
from compendium.errors import CompendiumError, unknown

FOLDER = project.LEDGER
NEEDED = ("id", "claim", "location", "rank", "kind")
OPTIONAL = (
    *("label", "value", "unit", "measure", "tolerance", "section", "check"),
    *("reading", "differs", "would_change"),
)
RANKS = ("headline", "detail")


@dataclass(frozen=True)
class Claim:
    """One checkable claim of a paper.

    Attributes:
        id, paper: its number, such as S2-22, and the name of the paper's chapter.
        claim: what the paper says, in one sentence.
        location: where the paper says it.
        rank: headline, for what a reader of the paper takes away, or detail.
        label: what a headline is called where there is little room, such as "MSE at 30 %".
        kind: of evidence, a key of `rules.KINDS`.
        value, unit: what is printed; None for a statement without a value.
        measure: of a trained network's number, which margin it has: a key of `rules.MARGINS`.
        tolerance: largest difference of other numbers; None for the printed precision.
        section: anchor of the chapter's section that shows it, or None.
        check, arguments: name of the function that computes ours, and its arguments; None if not written yet.
        reading: which reading of the paper is judged, where two are possible.
        differs: in what the conditions of what we computed differ from the paper's.
        would_change: what would change the verdict.
    """

    id: str
    paper: str
    claim: str
    location: str
    rank: str
    kind: str
    label: str = ""
    value: object = None
    unit: str = ""
    measure: str | None = None
    tolerance: float | None = None
    section: str | None = None
    check: str | None = None
    arguments: Mapping[str, object] | None = None
    reading: str | None = None
    differs: str | None = None
    would_change: str | None = None

    @property
    def headline(self) -> bool:
        """Whether a reader of the paper takes it away."""
        return self.rank == "headline"

    @property
    def margin(self) -> Margin | None:
        """The margin of its number, in the number's unit; None where it is no number of a training."""
        if self.measure is None:
            return None
        margin = MARGINS[self.measure]
        if margin.unit == "points" and self.unit != "%":  # of a share that is printed as a fraction
            return margin._replace(size=margin.size / 100, unit="")
        return margin


def papers() -> list[str]:
    """Return the names of the papers that have a claims file, in the order of their claims' numbers."""
    return list(dict.fromkeys(claim.paper for claim in load().values()))


@cache
def load() -> dict[str, Claim]:
    """Return all claims by id, in the order of papers and rows.

    Raises CompendiumError, one line, for a file that is no list of rows, an unknown or missing key, and an
    id that occurs twice. Whether a row's check exists is found where it is computed (`checks.of_claim`).
    """
    claims: dict[str, Claim] = {}
    parsed = {path.stem: _rows(path) for path in FOLDER.glob("*.yml")}
    for paper, rows in sorted(parsed.items(), key=lambda item: item[1][0]["id"]):
        for row in rows:
            claim = _claim(paper, row)
            if claim.id in claims:
                raise CompendiumError(f"{paper}.yml: {claim.id} occurs twice; give one of them another id")
            claims[claim.id] = claim
    return claims


@cache
def identifiers() -> set[str]:
    """Return the ids of all claims as the files have them; nothing is imported for them."""
    return {str(row["id"]) for path in FOLDER.glob("*.yml") for row in _rows(path)}


def find(name: str) -> Claim:
    """Return one claim; raises UsageError, with the nearest name, where there is none."""
    claims = load()
    if name.upper() not in claims:
        raise unknown("claim", name.upper(), claims)
    return claims[name.upper()]


def _rows(path: Path) -> list[dict[str, object]]:
    try:
        rows = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.YAMLError as fault:
        raise CompendiumError(f"{path}: not readable ({' '.join(str(fault).split())})") from None
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) and "id" in row for row in rows)):
        raise CompendiumError(f"{path}: expected a list of rows with an id each")
    return rows


def _claim(paper: str, row: dict[str, object]) -> Claim:
    where = f"{paper}.yml: {row['id']}"
    for key in row:
        if key not in (*NEEDED, *OPTIONAL):
            raise CompendiumError(f"{where}: {unknown('key', key, (*NEEDED, *OPTIONAL))}")
    if missing := [key for key in NEEDED if key not in row]:
        raise CompendiumError(f"{where}: {missing[0]} is missing")
    for key, known in (("kind", KINDS), ("rank", RANKS), ("measure", MARGINS)):
        if key in row and row[key] not in known:
            raise CompendiumError(f"{where}: {unknown(key, row[key], known)}")
    if "measure" in row and (row["kind"] != "training" or not is_number(row.get("value"))):
        raise CompendiumError(f"{where}: only a number of kind training has a measure")
    if (row["rank"] == "headline") != ("label" in row):
        raise CompendiumError(f"{where}: a headline has a label, and nothing else has")
    if not isinstance(row.get("tolerance", 0), int | float):
        raise CompendiumError(f"{where}: tolerance {row['tolerance']!r} is not a number")
    check, arguments = _check(where, row.get("check"))
    return Claim(**{**row, "paper": paper, "check": check, "arguments": arguments})


def _check(where: str, written: object) -> tuple[str | None, dict[str, object] | None]:
    """Read `name`, or `{name: {argument: value}}`."""
    if written is None:
        return None, None
    if isinstance(written, str):
        written = {written: {}}
    if not (
        isinstance(written, dict) and len(written) == 1 and isinstance(next(iter(written.values())), dict)
    ):
        raise CompendiumError(f"{where}: write a check as NAME, or as NAME: {{argument: value}}")
    return next(iter(written.items()))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # the one in C where PyYAML has it, for speed
    """Safe YAML whose numbers with a point remember how they are printed."""


def _printed(loader: _Loader, node: yaml.ScalarNode) -> float:
    return Printed(loader.construct_scalar(node).replace("_", ""))


_Loader.add_constructor("tag:yaml.org,2002:float", _printed)
