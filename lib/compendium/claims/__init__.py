"""The ledger: what the papers claim, what was computed, and the verdicts that follow.

`ledger` reads the claims, a YAML file a paper; `checks`, and a module a paper beside it, compute our side;
`rules` turns both into a verdict, which `evaluation` asks for. CONTRIBUTING.md says how a row is written.
"""

from compendium.claims.evaluation import (
    Verdict,
    at_hand,
    record_data,
    text,
    verdict,
    verdicts,
    word,
)
from compendium.claims.ledger import Claim, find, load, papers
from compendium.claims.rules import KINDS, OUTCOMES, Found

__all__ = [
    "KINDS",
    "OUTCOMES",
    "Claim",
    "Found",
    "Verdict",
    "at_hand",
    "find",
    "load",
    "papers",
    "record_data",
    "text",
    "verdict",
    "verdicts",
    "word",
]
