"""Intervals and paired comparisons: the one place where the book turns repeated numbers into a statement."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95


class Interval(NamedTuple):
    """An estimate with the ends of its 95 % confidence interval, in the unit of the values."""

    estimate: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Mean paired difference (first minus second), its 95 % interval, and how often first is lower."""

    difference: float
    low: float
    high: float
    first_lower: int
    pairs: int

    @property
    def below_zero(self) -> bool | None:
        """Whether the interval is below 0: False where it is above, None where it holds 0 or is unknown."""
        return True if self.high < 0 else False if self.low > 0 else None


def mean_interval(values: ArrayLike) -> Interval:
    """Return the mean of independent `values`, `(n,)`, with Student's t interval.

    With one value the ends of the interval are NaN. With none, or where a value is missing (NaN), as that of
    a network that diverged, the mean is NaN too: the mean of the other values would flatter the network.
    """
    values = _row("values", values)
    if np.isnan(values).any():
        return Interval(np.nan, np.nan, np.nan)
    if len(values) < 2:
        return Interval(float(values[0]) if len(values) else np.nan, np.nan, np.nan)
    error = stats.sem(values - values[0])  # so that it is zero for equal values, whose mean is rounded
    mean, half_width = values.mean(), stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * error
    return Interval(*map(float, (mean, mean - half_width, mean + half_width)))


def prediction_interval(values: ArrayLike) -> Interval:
    """Return the mean of independent `values`, `(n,)`, and where one more would fall with 95 % certainty.

    Use it to compare the number of a single run elsewhere with repeated runs here: `mean_interval` says where
    the mean of endless runs lies, and a single run is mostly outside it. A normal distribution is assumed.
    NaN stands for what is unknown, as in `mean_interval`.
    """
    mean, _, high = mean_interval(values)
    half_width = (high - mean) * np.sqrt(np.size(values) + 1)
    return Interval(mean, float(mean - half_width), float(mean + half_width))


def proportion_interval(successes: int, trials: int) -> Interval:
    """Return the share of successes with Wilson's score interval (`scipy.stats.binomtest`).

    Source: Wilson (1927), doi:10.1080/01621459.1927.10502953. Unlike mean ± 1.96 standard errors it stays in
    [0, 1] and has a width when all trials end alike. Raises ValueError unless 0 <= successes <= trials and
    1 <= trials.
    """
    interval = stats.binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Interval(successes / trials, float(interval.low), float(interval.high))


def paired_comparison(first: ArrayLike, second: ArrayLike) -> Comparison:
    """Compare two methods measured on the same images or with the same seeds, pair by pair.

    `first` and `second`, `(n,)`, have one number per pair, in the same order. The interval is that of the
    paired t test (as `scipy.stats.ttest_rel` has it); an interval that excludes 0 says that the order would
    hardly turn round with other images or seeds of the same kind. NaN stands for what is unknown, as in
    `mean_interval`. Raises ValueError where the lengths differ.
    """
    first, second = _row("first", first), _row("second", second)
    if len(first) != len(second):
        raise ValueError(f"pairs: first has {len(first)} values, second {len(second)}")
    return Comparison(*mean_interval(first - second), int((first < second).sum()), len(first))


def holm(p: ArrayLike) -> list[float]:
    """Return p values with Holm's correction (1979) for several tests, as in statsmodels; [] for none."""
    from statsmodels.stats.multitest import multipletests  # slow to import

    return multipletests(p, method="holm")[1].tolist() if len(p) else []


def _row(name: str, values: ArrayLike) -> np.ndarray:
    row = np.asarray(values, np.float64)
    if row.ndim != 1 or np.isinf(row).any():
        raise ValueError(f"{name}: expected a row of finite or missing numbers, found shape {row.shape}")
    return row
