"""The words of a verdict, the margins, and the one rule that finds it: no verdict is typed anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import NamedTuple

HOLDS, FAILS, UNDECIDED, NOT_TESTABLE = "holds", "fails", "undecided", "not testable"
OUTCOMES = (HOLDS, FAILS, UNDECIDED, NOT_TESTABLE)


class Kind(NamedTuple):
    """A kind of evidence: its name for readers, what it is, its words for a claim that holds and one that
    fails, and what would change such a verdict, where a row says nothing of its own.
    """

    title: str
    meaning: str
    holds: str
    fails: str
    would_change: str


KINDS = {
    "training": Kind(
        "Results of training",
        "A number, or an order, that trained networks give.",
        "reproduced",
        "not reproduced",
        "More seeds, or runs under other conditions that the paper allows, with another mean or order.",
    ),
    "words": Kind(
        "Statements in words",
        "A conclusion, a description or advice, held against what was computed.",
        "supported",
        "not supported",
        "Another reading of the sentence, or an experiment that decides the other way.",
    ),
    "data": Kind(
        "Data sets",
        "What a data set holds, counted or measured.",
        "found in the data",
        "not found in the data",
        "Another edition of the data set.",
    ),
    "built": Kind(
        "Built and counted",
        "A network built, a default looked up, code run; nothing is trained.",
        "as printed",
        "not as printed",
        "Another network or version that the paper's words fit as well.",
    ),
    "arithmetic": Kind(
        "Arithmetic and consistency",
        "What is printed, held against itself or an identity.",
        "consistent",
        "inconsistent",
        "A misprint in our copy of the text, or another reading of what is printed.",
    ),
}
"""The kinds of evidence, by the word that a claim's row has. They are never added up."""

LEVEL = 0.025
"""One-sided level of all of a paper's tests together; an interval of 95 % has it on each side."""


ONE_RUN = "one run has no interval: more seeds"


class Margin(NamedTuple):
    """How far the mean of our runs may be from a printed number and still reproduce it, and why so far."""

    size: float
    unit: str
    reason: str

    def of(self, published: float) -> float:
        """Return the margin of a printed number, in that number's unit."""
        return self.size / 100 * abs(published) if self.unit == "%" else self.size


MARGINS = {
    "MSE": Margin(5, "%", "a third of the least difference of losses that a paper speaks of, 14 %"),
    "PSNR": Margin(0.21, "dB", "that of an MSE which is 5 % higher"),
    "SSIM": Margin(0.02, "", "no two levels of noise in paper 1 are nearer for one image, the nearest 0.021"),
    "PCC": Margin(0.02, "", "that of SSIM, whose scale it has"),
    "accuracy": Margin(2, "points", "twice the 95 % interval that 10,000 test images leave"),
    "entropy": Margin(0.1, "bits", "about half of the least loss of local entropy in paper 1, 0.18 bits"),
    "images": Margin(5, "%", "the shares that the filter of paper 5 keeps, 74 to 92 %, are four such apart"),
}
"""Quantity of a trained network's number -> its margin. They were fixed before the verdicts were computed."""


class Printed(float):
    """A number with the text that is printed: 9.70 is known to half a hundredth, 9.7 to half a tenth."""

    text: str

    def __new__(cls, text: str) -> "Printed":
        """Read a number from its text; raises ValueError where it is none."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Order:
    """One quantity compared with another, pair by pair; a claim says that the first is the lower one.

    Attributes:
        names: what is compared, such as "CAE minus noisy input".
        difference, low, high: mean of first minus second, and its 95 % interval.
        lower, pairs: in how many of the pairs the first is lower, and how many there are.
        below, above: one-sided p of the paired t test for a mean difference below 0, and above 0.
    """

    names: str
    difference: float
    low: float
    high: float
    lower: int
    pairs: int
    below: float
    above: float

    def __str__(self) -> str:
        spread = f"{self.low:.3g} to {self.high:.3g}, lower in {self.lower} of {self.pairs} pairs"
        return f"{self.names}: {self.difference:.3g} ({spread if self.pairs > 1 else 'a single pair'})"


class PValues(NamedTuple):
    """One-sided p values: of the data if the claim did not hold, and if its contrary did not."""

    holds: float
    fails: float


@dataclass(frozen=True)
class Found:
    """What a check computed.

    Attributes:
        ours: to be held against the published value, in its form: a number, a text, a list or a mapping of
            these; or a text that says what was found, where `holds`, `orders` or `test` decides; or None.
        how: one sentence: what was computed, from what source.
        runs: where `ours` is the mean of several runs, the number of each.
        holds: whether the statement holds, where that is no matter of chance; None where it is, or undecided.
        orders: what must be lower than what for the claim to hold, each of them.
        test: of another kind of claim about chance, its p values.
        short: in what the conditions fall short of the paper's, such as fewer epochs.
        lacks: what is missing for a decision: a data set, a run, more seeds.
        left_out: what the paper does not say of its own conditions, such as its classifier: ours can agree,
            but cannot speak against it.
        unchecked: why nothing can be computed at all.
    """

    ours: object = None
    how: str = ""
    runs: Sequence[float] = ()
    holds: bool | None = None
    orders: Sequence[Order] = ()
    test: PValues | None = None
    short: str | None = None
    lacks: str | None = None
    left_out: str | None = None
    unchecked: str | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean of endless runs lies with 95 % certainty; None without several runs."""
        return self._from_runs("mean_interval")

    @property
    def prediction(self) -> tuple[float, float] | None:
        """Where one more run would fall with 95 % certainty; None without several runs."""
        return self._from_runs("prediction_interval")

    @property
    def missing(self) -> str | None:
        """Why nothing is decided: what falls short or is lacking, or an order of a single pair."""
        single = not self.lacks and any(order.pairs < 2 for order in self.orders)
        return "; ".join(filter(None, (self.short, self.lacks, single and ONE_RUN))) or None

    @property
    def chance(self) -> PValues | None:
        """The p values of a claim that is a matter of chance, before correction for a paper's other claims.

        Several orders hold only together. None where nothing decides, or it is not asked.
        """
        if self.unchecked or self.missing:
            return None
        if not self.orders:
            return self.test
        return together(*zip(*((order.below, order.above) for order in self.orders), strict=True))

    def plain(self) -> dict[str, object]:
        """Return what JSON can hold of it; `read` is the way back."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, object]) -> "Found":
        """Return what `plain` was made from; raises KeyError for what has another form."""
        kept = {field.name: plain[field.name] for field in fields(cls)}
        orders, test = [Order(**order) for order in kept["orders"]], kept["test"]
        return cls(**{**kept, "orders": orders, "test": test and PValues(*test)})

    def _from_runs(self, name: str) -> tuple[float, float] | None:
        if len(self.runs) < 2:
            return None
        from compendium import statistics  # SciPy: only for those who need it

        return tuple(getattr(statistics, name)(self.runs)[1:])


def together(holds: Sequence[float], fails: Sequence[float]) -> PValues:
    """Return the p values of tests that a claim says of all at once.

    They hold only together, so that the largest p counts; against them one is enough, so that the smallest
    counts, times their number (Bonferroni).
    """
    return PValues(float(max(holds)), float(min(1, len(fails) * min(fails))))


def corrected(family: Iterable[PValues]) -> list[PValues]:
    """Return the tests of a paper's claims corrected for being several, each direction by itself."""
    from compendium.statistics import holm  # SciPy: only for those who need it

    family = list(family)
    directions = ([getattr(one, side) for one in family] for side in PValues._fields)
    return [PValues(*pair) for pair in zip(*map(holm, directions), strict=True)]


def judge(
    published: object,
    found: Found,
    *,
    margin: Margin | None = None,
    tolerance: float | None = None,
    test: PValues | None = None,
) -> tuple[str, str]:
    """Return the outcome for a published value, and the part of the rule that gave it, in words.

    In this order:

    1. Nothing can be computed: not testable.
    2. The conditions are short of the paper's, or something is missing: undecided. A check says so only
       where the shortfall bears on the claim; where it cannot, the row argues why.
    3. A matter of chance (`test`): holds, or fails, where the p of one is at most `LEVEL`; else undecided.
    4. The number of a training, with a `margin`: holds where the 95 % interval of our mean lies within the
       margin round the printed number; fails where it lies wholly outside, and the printed number, which one
       run gave, lies outside the 95 % interval for one more of our runs; else undecided.
    5. Of everything else: values that agree (`agrees`), or a statement that holds, hold; others fail.

    What fails where the paper leaves out on what it depends (`left_out`) is not testable.

    Args:
        published: the value as printed; numbers as `Printed` or int; None for a statement without one.
        found: what the check gave.
        margin: of the number of a training.
        tolerance: largest difference of other numbers; half a unit of the last printed digit without it.
        test: `found.chance`, corrected for the paper's other claims.

    Raises ValueError where `found` has nothing that decides.
    """
    if found.unchecked:
        return NOT_TESTABLE, found.unchecked
    if found.missing:
        return UNDECIDED, found.missing
    outcome, why = _decided(published, found, margin, tolerance, test)
    if outcome == FAILS and found.left_out:
        chosen = f"the paper leaves out {found.left_out}, and our choice stands in for it"
        return NOT_TESTABLE, f"{why}, but {chosen}"
    return outcome, why


def agrees(published: object, ours: object, tolerance: float | None = None) -> bool | None:
    """Return whether our value agrees with the published one; None where they cannot be compared.

    Numbers agree within the tolerance, half a unit of the last printed digit without one. Of lists every item
    must agree, of mappings every published key. Texts are compared without regard to case.
    """
    match published, ours:
        case Mapping(), Mapping():
            return all(
                key in ours and bool(agrees(one, ours[key], tolerance)) for key, one in published.items()
            )
        case list(), list() | tuple():
            pairs = zip(published, ours, strict=False)
            return len(published) == len(ours) and all(
                bool(agrees(one, other, tolerance)) for one, other in pairs
            )
        case bool(), bool():
            return published == ours
        case int() | float(), int() | float() if is_number(published) and is_number(ours):
            allowed = precision(published) if tolerance is None else tolerance
            return bool(abs(published - ours) <= allowed * (1 + 1e-9))
        case str(), str():
            return _plain(published) == _plain(ours)
    return None


def is_number(value: object) -> bool:
    """Return whether a published value is one number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def precision(number: float) -> float:
    """Return half a unit of the last digit of a number as printed; of 16, 0.5; of 9.70, 0.005."""
    text = number.text if isinstance(number, Printed) else repr(number)
    return 0.5 * 10.0 ** Decimal(text).as_tuple().exponent


def _decided(
    published: object, found: Found, margin: Margin | None, tolerance: float | None, test: PValues | None
) -> tuple[str, str]:
    if test is not None:
        return _by_chance(test)
    if margin is not None and found.runs:
        return _by_margin(published, found, margin)
    same = None if found.holds is not None else agrees(published, found.ours, tolerance)
    if same is None and found.holds is None:
        raise ValueError("neither a value to compare, nor whether a statement holds, nor what is missing")
    if same is None:
        return (HOLDS, "the statement holds") if found.holds else (FAILS, "the statement does not hold")
    if isinstance(published, str):
        return (HOLDS, "the same") if same else (FAILS, "not the same")
    within = "the printed precision" if tolerance is None else f"a tolerance of {tolerance:g}"
    return (HOLDS, f"equal within {within}") if same else (FAILS, f"not equal within {within}")


def _by_chance(test: PValues) -> tuple[str, str]:
    after = "after Holm's correction"
    if test.holds <= LEVEL:
        return HOLDS, f"{_p(test.holds)} {after}"
    if test.fails <= LEVEL:
        return FAILS, f"the contrary holds, {_p(test.fails)} {after}"
    return (
        UNDECIDED,
        f"neither the claim ({_p(test.holds)}) nor its contrary ({_p(test.fails)}) is shown {after}",
    )


def _p(value: float) -> str:
    return "p < 1e-12" if value < 1e-12 else f"p = {value:.2g}"


def _by_margin(published: float, found: Found, margin: Margin) -> tuple[str, str]:
    allowed = margin.of(published)
    low, high = (end - published for end in found.interval)
    first, last = found.prediction
    mean = f"the interval of our mean, {found.interval[0]:.4g} to {found.interval[1]:.4g},"
    within = f"the margin of {margin.size:g} {margin.unit}".strip()
    if -allowed <= low and high <= allowed:
        return HOLDS, f"{mean} is within {within}"
    if not (high < -allowed or allowed < low):
        return UNDECIDED, f"{mean} is neither within {within} nor outside"
    if first <= published <= last:
        return UNDECIDED, f"{mean} is outside {within}, but one of our runs may give it"
    return FAILS, f"{mean} is outside {within}, and the number outside that of one more run"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
