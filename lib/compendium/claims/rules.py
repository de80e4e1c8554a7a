"""The words of a verdict, and the one rule that finds it: no verdict is typed anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

CONFIRMED = "confirmed"
IN_KIND = "reproduced in kind"
CONTRADICTED = "contradicted"
INCONSISTENT = "inconsistent"
NOT_CHECKABLE = "not checkable"
OPEN = "open"
VERDICTS = (CONFIRMED, IN_KIND, CONTRADICTED, INCONSISTENT, NOT_CHECKABLE, OPEN)


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
class Found:
    """What a check computed.

    Attributes:
        ours: to be held against the published value, in its form: a number, a text, a list or a mapping of
            these; or a text that says what was found, where `holds` decides; or None.
        how: one sentence: what was computed, from what source.
        runs: where `ours` is the mean of several runs, the number of each.
        holds: whether the order, direction or statement holds; None where there is none, or it is undecided.
        short: in what the conditions fall short of the paper's, such as fewer epochs.
        lacks: what is missing for a decision: a data set, a run, more seeds.
        left_out: what the paper does not say of its own conditions, such as its classifier: ours can agree in
            kind, but speak neither for nor against its number.
        unchecked: why nothing can be computed at all.
    """

    ours: object = None
    how: str = ""
    runs: Sequence[float] = ()
    holds: bool | None = None
    short: str | None = None
    lacks: str | None = None
    left_out: str | None = None
    unchecked: str | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where one more run would fall with 95 % certainty; None without several runs."""
        if len(self.runs) < 2:
            return None
        from compendium import statistics  # SciPy: only for those who need it

        return tuple(statistics.prediction_interval(self.runs)[1:])


def judge(
    published: object, found: Found, *, disagreement: str, tolerance: float | None = None
) -> tuple[str, str]:
    """Return the verdict on a published value, and the part of the rule that gave it, in words.

    In this order:

    1. Nothing can be computed: *not checkable*.
    2. Where both have the same form, the published value is compared with ours (`agrees`); otherwise `holds`
       decides. Agreement is *confirmed*, or *reproduced in kind* under conditions short of the paper's, or
       where the paper leaves out what they were.
    3. The values differ, but the order or direction that goes with them holds: *reproduced in kind*.
    4. The conditions are short of the paper's, something is missing, or the published number is beyond all of
       our runs but still where one more might fall: *open*.
    5. The paper leaves out what decides the number: *not checkable*.
    6. What is left is `disagreement`: *inconsistent* where the paper is held against itself or an identity,
       *contradicted* where it is held against what we computed.

    Args:
        published: the value as printed; numbers as `Printed` or int.
        found: what the check gave.
        disagreement: INCONSISTENT or CONTRADICTED, a property of the check.
        tolerance: largest difference of numbers; half a unit of the last printed digit without it.

    Raises ValueError where `found` has nothing that decides.
    """
    if found.unchecked:
        return NOT_CHECKABLE, "nothing to compute"
    same = agrees(published, found, tolerance)
    other_conditions = found.short or (found.left_out and f"the paper leaves out {found.left_out}")
    if same or (same is None and found.holds):
        basis = _basis(found, tolerance) if same else "the statement holds"
        return (IN_KIND, f"{basis}, but {other_conditions}") if other_conditions else (CONFIRMED, basis)
    if same is False and found.holds:
        basis = "the value does not agree, the order or direction holds"
        return IN_KIND, f"{basis}; {other_conditions}" if other_conditions else basis
    if found.short or found.lacks:
        return OPEN, found.short or found.lacks
    if found.left_out:
        return NOT_CHECKABLE, f"ours differs, but {other_conditions}"
    if same is None and found.holds is None:
        raise ValueError("neither a value to compare, nor whether a statement holds, nor what is missing")
    if found.interval and is_number(published) and _near(published, found.interval, tolerance):
        return OPEN, "beyond all of our runs, but where one more might fall: more seeds are needed"
    return disagreement, "the statement does not hold" if same is None else "the values do not agree"


def agrees(published: object, found: Found, tolerance: float | None = None) -> bool | None:
    """Return whether our value agrees with the published one; None where they cannot be compared.

    Numbers agree within the tolerance; the published number of several runs' mean must be within their range,
    widened by the tolerance. Of lists every item must agree, of mappings every published key. Texts are
    compared without regard to case, unless `holds` decides.
    """
    if found.runs and is_number(published):
        return _near(published, (min(found.runs), max(found.runs)), tolerance)
    if isinstance(found.ours, str) and found.holds is not None:
        return None
    return _agrees(published, found.ours, tolerance)


def is_number(value: object) -> bool:
    """Return whether a published value is one number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def precision(number: float) -> float:
    """Return half a unit of the last digit of a number as printed; of 16, 0.5; of 9.70, 0.005."""
    text = number.text if isinstance(number, Printed) else repr(number)
    return 0.5 * 10.0 ** Decimal(text).as_tuple().exponent


def _agrees(published: object, ours: object, tolerance: float | None) -> bool | None:
    match published, ours:
        case Mapping(), Mapping():
            return all(
                key in ours and bool(_agrees(one, ours[key], tolerance)) for key, one in published.items()
            )
        case list(), list() | tuple():
            pairs = zip(published, ours, strict=False)
            return len(published) == len(ours) and all(
                bool(_agrees(one, other, tolerance)) for one, other in pairs
            )
        case bool(), bool():
            return published == ours
        case int() | float(), int() | float() if is_number(published) and is_number(ours):
            return _near(published, (ours, ours), tolerance)
        case str(), str():
            return _plain(published) == _plain(ours)
    return None


def _near(published: object, interval: tuple[float, float], tolerance: float | None) -> bool:
    allowed = (precision(published) if tolerance is None else tolerance) * (1 + 1e-9)
    low, high = interval
    return bool(low - allowed <= published <= high + allowed)


def _basis(found: Found, tolerance: float | None) -> str:
    allowed = "the printed precision" if tolerance is None else f"the stated tolerance of {tolerance:g}"
    if isinstance(found.ours, str):
        return "equal"
    return f"within the range of our runs and {allowed}" if found.runs else f"equal within {allowed}"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
