"""What computes our side of a claim: small functions, registered by name, that rows call with arguments."""

import importlib.util
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from compendium import project
from compendium.claims.rules import KINDS, ONE_RUN, Found, Order
from compendium.errors import CompendiumError, unknown

if TYPE_CHECKING:  # slow to import, and many rows need neither numbers of runs nor images
    import pandas as pd
    from numpy.typing import ArrayLike

    from compendium.claims.ledger import Claim
    from compendium.data import ImageSet

NOTHING = "nothing"
SOURCES = (*(kind for kind in KINDS if kind != "words"), NOTHING)
"""What a check gives: evidence of a kind, or that there is none to be had."""

REASONS = {
    "left out": "the paper leaves out {}",
    "set-up": "what the authors had or did, for which only the document speaks: {}",
    "opinion": "an opinion or a wish, without a measurable meaning: {}",
    "figure only": "only in a figure of the paper, without numbers: {}",
    "elsewhere": "another publication's result, which its own data would have to show: {}",
}


class Missing(Exception):
    """What a check needs is not there: the text says what is lacking and what to type."""


@dataclass(frozen=True)
class Case:
    """What a check is given: the claim it is about, and all others."""

    claim: "Claim"
    claims: Mapping[str, "Claim"]

    def published(self, name: str) -> object:
        """Return the published value of a claim; raises UsageError for an unknown id."""
        if name not in self.claims:
            raise unknown("claim", name, self.claims)
        return self.claims[name].value

    def run(self, chapter: str | None = None) -> dict[str, object]:
        """Return the record of the published run of a chapter, the claim's own without a name.

        Raises Missing where there is none.
        """
        return recorded_run(chapter or self.claim.paper)


@dataclass(frozen=True)
class Check:
    """A registered function, and the kind of evidence that it gives: one of `SOURCES`."""

    function: Callable[..., Found]
    source: str


_CHECKS: dict[str, dict[str, Check]] = {}


def check(source: str) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
    """Register a function `(case, *, arguments) -> Found` as a check, under its name with blanks for "_".

    In this module it is for all papers, in another for the paper of that module's name. It may raise Missing.
    The `source` is one of `SOURCES`.
    """

    def register(function: Callable[..., Found]) -> Callable[..., Found]:
        if source not in SOURCES:
            raise unknown("source of a check", source, SOURCES)
        known = _CHECKS.setdefault(function.__module__, {})
        known[function.__name__.replace("_", " ")] = Check(function, source)
        return function

    return register


def of_paper(paper: str) -> dict[str, Check]:
    """Return the checks that a paper's rows can name: the general ones, and those of its own module."""
    name = f"{__package__}.{paper.replace('-', '_')}"
    if importlib.util.find_spec(name):
        importlib.import_module(name)
    return {**_CHECKS[__name__], **_CHECKS.get(name, {})}


def of_claim(claim: "Claim") -> Check:
    """Return the check that a claim's row names; other papers' modules are not imported.

    Raises CompendiumError, one line with the file and the row, for an unknown check or argument, and for one
    that gives another kind of evidence than the row says; a statement in words may rest on any.
    """
    where = f"{claim.paper}.yml: {claim.id}"
    known = _CHECKS[__name__] if claim.check in _CHECKS[__name__] else of_paper(claim.paper)
    if claim.check not in known:
        raise CompendiumError(f"{where}: {unknown('check', claim.check, known)}")
    found = known[claim.check]
    try:
        inspect.signature(found.function).bind(None, **claim.arguments)
    except TypeError as fault:
        raise CompendiumError(f"{where}: check {claim.check}: {fault}") from None
    if claim.kind != "words" and found.source not in (NOTHING, claim.kind):
        raise CompendiumError(f"{where}: check {claim.check} gives evidence of kind {found.source}")
    return found


@cache
def recorded_run(chapter: str) -> dict[str, object]:
    """Return the record of a chapter's published run; raises Missing where there is none."""
    from compendium import results

    if folder := project.recorded(chapter):
        return results.load(chapter, folder.name)
    raise Missing(
        f"no published run of {chapter}; make it with `compendium run {chapter} --profile cpu`, "
        "then `compendium publish` and its folder"
    )


@cache
def image_set(name: str, split: str = "train") -> "ImageSet":
    """Return a data set, loaded once; raises Missing, with what to type, where it is not on this machine."""
    from compendium import data

    try:
        return data.load(name, split)
    except CompendiumError as fault:
        raise Missing(str(fault)) from None


def series(record: Mapping[str, object], chosen: Mapping[str, object]) -> "pd.Series":
    """Return the numbers of a record that have the chosen values, by (seed, image).

    `chosen` maps columns (`quantity`, `method`, `level`, `seed`, `image`) to values. Without `image`, numbers
    of single images are left out; `image: each` takes them all.
    Raises CompendiumError where the record has no such number, or two for one seed and image.
    """
    from compendium import results

    table = results.metrics_of(record)
    for column, value in chosen.items():
        if column not in table:
            raise unknown("column of a record", column, results.METRIC_COLUMNS)
        if not (column == "image" and value == "each"):
            table = table[table[column] == value]
    table = table[table["image"].notna() == ("image" in chosen)]
    numbers = table.fillna({"seed": -1, "image": -1}).set_index(["seed", "image"])["value"].dropna()
    described = ", ".join(f"{column} {value}" for column, value in chosen.items())
    if numbers.empty:
        raise CompendiumError(
            f"the record of {record['chapter']} has no number with {described}; see its metrics"
        )
    if numbers.index.has_duplicates:
        raise CompendiumError(
            f"the record of {record['chapter']} has several numbers with {described}; say which"
        )
    return numbers


def shortfall(record: Mapping[str, object], needs: Mapping[str, object] | None) -> str | None:
    """Return in what a run falls short of the parameters that a claim needs (numbers: at least), or None."""
    for name, needed in (needs or {}).items():
        used = record["parameters"][name]
        enough = used >= needed if isinstance(needed, int | float) else used == needed
        if not enough:
            return f"the published run has `{name}` = {used}, the paper {needed}"
    return None


def source_of(record: Mapping[str, object]) -> str:
    """Return how a sentence names a published run."""
    return f"published run {record['chapter']}/{record['profile']}"


@check("training")
def recorded(
    case: Case,
    *,
    quantity: str,
    method: str | None = None,
    level: object = None,
    image: int | None = None,
    chapter: str | None = None,
    scale: float = 1,
    needs: dict | None = None,
    left_out: str | None = None,
    trained: bool = True,
) -> Found:
    """A number of a published run, or the mean over its seeds.

    Args:
        case: the claim.
        quantity: which number of the record, with the next three.
        method: a network, or what it is compared with.
        level: of noise, or another condition.
        image: number of an image; without it, numbers of single images are left out.
        chapter: whose record; the claim's own paper without it.
        scale: what the number is multiplied with, to have the paper's unit.
        needs: parameters of the run that the paper's conditions ask for; numbers at least so large.
        left_out: what the paper does not say, and ours stands in for.
        trained: whether another seed would give another number; such a number of one run decides nothing.
    """
    record = case.run(chapter)
    given = {"quantity": quantity, "method": method, "level": level, "image": image}
    chosen = {column: value for column, value in given.items() if value is not None}
    numbers = series(record, chosen) * scale
    described = f"{_described(chosen)}, {source_of(record)}"
    conditions = {"short": shortfall(record, needs), "left_out": left_out}
    if len(numbers) == 1:
        one = float(numbers.iloc[0])
        return Found(one, described, lacks=ONE_RUN if trained else None, **conditions)
    described = f"mean over {len(numbers)} runs of {described}"
    return Found(float(numbers.mean()), described, runs=numbers.to_list(), **conditions)


@check("training")
def ordering(
    case: Case,
    *,
    ascending: list,
    chapter: str | None = None,
    needs: dict | None = None,
    left_out: str | None = None,
    **common: object,
) -> Found:
    """Recorded numbers stand in an ascending order, each pair of neighbours compared over seeds or images.

    Args:
        case: the claim.
        ascending: what to choose for each number, lowest first, such as `[{method: a}, {method: b}]`.
        chapter: as in `recorded`.
        needs: as in `recorded`.
        left_out: as in `recorded`.
        common: what all have in common, such as `quantity` and `image: each`.
    """
    record = case.run(chapter)
    rows = [common | one for one in ascending]
    quantities = ", ".join(dict.fromkeys(row["quantity"] for row in rows))
    how = f"paired differences of {quantities}, {source_of(record)}"
    return ordered(orders_of(record, rows), how, short=shortfall(record, needs), left_out=left_out)


def ordered(orders: list[Order], how: str, **conditions: str | None) -> Found:
    """Return what was found of orders that all have to hold."""
    return Found("; ".join(map(str, orders)), how, orders=orders, **conditions)


def orders_of(record: Mapping[str, object], ascending: list[Mapping[str, object]]) -> list[Order]:
    """Return each pair of neighbours of recorded numbers, compared over the seeds and images they share.

    `ascending` chooses them, lowest first, as `series` has it. What needs no training has no seed: it stands
    beside every seed of the other. Raises CompendiumError where two have no seed or image in common.
    """
    import pandas as pd

    orders = []
    for lower, higher in itertools.pairwise(ascending):
        first, second = series(record, lower), series(record, higher)
        if len(first) == 1:
            first = pd.Series(first.iloc[0], second.index)
        elif len(second) == 1:
            second = pd.Series(second.iloc[0], first.index)
        pairs = pd.concat([first, second], axis=1, join="inner", keys=["first", "second"])
        differing = {key: (lower[key], higher[key]) for key in lower if lower[key] != higher.get(key)}
        names = [" ".join(str(values[side]) for values in differing.values()) for side in (0, 1)]
        if pairs.empty:
            raise CompendiumError(f"{' and '.join(names)}: no seed or image in common")
        orders.append(order(" minus ".join(names), pairs["first"], pairs["second"]))
    return orders


def order(names: str, first: "ArrayLike", second: "ArrayLike") -> Order:
    """Compare two rows of numbers, `(n,)` each in the same order, pair by pair, with SciPy's paired t test.

    Differences that are all the same are no matter of chance: their p is 0 or 1. So is that of a single pair,
    which decides nothing (`Found.missing`); the ends of its interval are those of the difference.
    """
    import numpy as np
    from scipy import stats

    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    mean, lower, pairs = float(differences.mean()), int((differences < 0).sum()), len(differences)
    if (differences == differences[0]).all():
        return Order(names, mean, mean, mean, lower, pairs, float(mean >= 0), float(mean <= 0))
    below, above = (stats.ttest_1samp(differences, 0, alternative=side) for side in ("less", "greater"))
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    return Order(names, mean, float(low), float(high), lower, pairs, float(below.pvalue), float(above.pvalue))


@check("built")
def architecture(case: Case, *, model: str, layer: int | None = None, build: dict | None = None) -> Found:
    """Build a network and count: one layer's output shape and parameters, or all parameters without `layer`.

    Args:
        case: the claim.
        model: a function of `compendium.models` that returns a Keras model.
        layer: which of its layers, the first after the input is 1.
        build: arguments of that function.
    """
    network = built(model, **(build or {}))
    if layer is None:
        return Found(network.count_params(), f"`{model}` built, its parameters counted")
    one = network.layers[layer - (type(network.layers[0]).__name__ != "InputLayer")]
    shape = "x".join(str(size) for size in one.output.shape[1:])
    return Found(
        {"output": shape, "parameters": one.count_params()},
        f"`{model}` built, its layer {layer} (`{type(one).__name__}`) counted",
    )


def built(model: str, **arguments: object) -> object:
    """Build a network by the name of its function in `compendium.models`; raises UsageError if unknown."""
    from compendium import models  # TensorFlow: only for those who need it

    if model not in models.__all__:
        raise unknown("network", model, models.__all__)
    return getattr(models, model)(**arguments)


@check(NOTHING)
def unchecked(case: Case, *, because: str, what: str) -> Found:
    """Nothing can be computed, for one of the `REASONS`, named by its key; `what` completes its sentence."""
    if because not in REASONS:
        raise unknown("reason", because, REASONS)
    return Found(unchecked=REASONS[because].format(what))


def _described(chosen: Mapping[str, object]) -> str:
    return ", ".join(str(value) for value in chosen.values())
