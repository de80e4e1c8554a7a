"""Numbers of published runs in running text: `{MSE|CAE|30 % -> .4f}` becomes `0.0101`.

Left of the arrow stands what is quoted, right of it how it is written.

**What**: `quantity|method|level`, as in the record; what is left out at the end may be anything. Further
fields say `seed=1`, `image=330` or `chapter=tuning`. Numbers of several seeds are averaged. Where `*` stands
for several methods or levels, a function says what is done with them:

- `min(a)`, `max(a)`, `mean(a)`, `count(a)` of the averages; `below(a; bound)`, how many are;
- `smallest(a)`, `largest(a)`, `runs_below(a; bound)` of single runs; `seeds(a)`, how many there are;
- `difference(a; b)` of two quantities, run by run, with its 95 % interval from `low(a; b)` to `high(a; b)`;
  `lower(a; b)`, in how many runs a is; `ahead(a; b)`, on average, at how many levels a is higher;
  `gap(a; b)`, the largest absolute difference of the averages, method by method;
- `low_over_levels(a; b)` and `high_over_levels(a; b)`, the interval of that difference where a level counts
  once, as the average of its runs; `shown(a; b; c ...)`, in how many of the comparisons of a with each of the
  others so made the difference is not 0, after Holm's correction for being several;
- `holding(quantity; a < b < c; ...)` counts neighbours whose order holds by that interval, `reversed(...)`
  and `undecided(...)` the others, and `orders(...)` all of them;
- `least_fall(family; n)` and `largest_fall(family; n)`: by which share the validation loss of a network of
  the family, averaged over the seeds, fell over its last n epochs.

`@epochs` is a parameter of the run, of a list its length. These are joined by ` − `, ` × ` and ` ÷ `.

**How**: Python's format, such as `.4f` or `,d`; `words` for a whole number in letters, `Words` with a
capital; or a range, and the words that stand for what lies in it: `0.6..0.7 two thirds`.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from compendium import results, statistics
from compendium.claims.checks import Missing, recorded_run
from compendium.errors import CompendiumError, unknown

FIELD = re.compile(r"\{([^{}]+?) -> ([^{}]+)\}")
RANGE = re.compile(r"(-?[\d.]+)\.\.(-?[\d.]+) (.+)$")
OUTSIDE = r"(?![^()]*\))"  # of parentheses
WORDS = (  # noqa: SIM905
    "none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()

Records = Callable[[str], Mapping[str, Any]]
"""From a chapter's name, or "" where an expression names none, to the record that is quoted."""

_ORDERS = {True: "holding", False: "reversed", None: "undecided"}  # by the side of 0 that an interval is on


def published(chapter: str) -> Records:
    """Return the largest published runs; where an expression names no chapter, this one's.

    What is returned raises CompendiumError for a chapter of which none is recorded.
    """

    def records(named: str) -> Mapping[str, Any]:
        try:
            return recorded_run(named or chapter)
        except Missing as fault:
            raise CompendiumError(str(fault)) from None

    return records


def fill(text: str, records: Records) -> str:
    """Return a text with its fields replaced by numbers of records.

    Raises CompendiumError where a record has no such number, or several, or one outside the stated range.
    """
    return FIELD.sub(lambda field: written(value(field[1], records), field[2], field[0]), text)


def value(expression: str, records: Records) -> float:
    """Return what an expression stands for in a record; the module says how it is written."""
    differences = []
    for term in re.split(f" − {OUTSIDE}", expression):
        first, *others = re.split(f" ([×÷]) {OUTSIDE}", term)
        number = _operand(first.strip(), records)
        for sign, other in zip(others[::2], others[1::2], strict=True):
            factor = _operand(other.strip(), records)
            number = number * factor if sign == "×" else number / factor
        differences.append(number)
    first, *others = differences
    return first - sum(others) if others else first


def levels(text: str, records: Records) -> list[str]:
    """Return the levels of the numbers that `quantity|method` chooses, in the record's order."""
    return [*dict.fromkeys(_rows(text, records)["level"])]


def written(number: float, how: str, field: str = "") -> str:
    """Return a number as the text of a page has it, zero without a minus sign.

    Raises CompendiumError outside a stated range.
    """
    if how.lower() == "words":
        word = WORDS[round(number)] if number < len(WORDS) else f"{round(number):,}"
        return word.capitalize() if how == "Words" else word
    if bounds := RANGE.match(how):
        if not float(bounds[1]) <= number <= float(bounds[2]):
            raise CompendiumError(f"{field}: the record has {number:.4g}, which is not {bounds[3]!r}")
        return bounds[3]
    if how.endswith("d"):
        return format(round(number), how)
    sign = "+" if how.startswith("+") else ""
    return format(number, f"{sign}z{how.removeprefix(sign)}")


def _operand(text: str, records: Records) -> float:
    if re.fullmatch(r"-?[\d.]+", text):
        return float(text)
    if text.startswith("@"):
        return _setting(text[1:], records)
    if call := re.fullmatch(r"(\w+)\((.*)\)", text):
        if call[1] not in _FUNCTIONS:
            raise unknown("function of a quote", call[1], _FUNCTIONS)
        return _FUNCTIONS[call[1]](records, *(part.strip() for part in call[2].split(";")))
    return _single(text, records)


def _setting(name: str, records: Records) -> float:
    name, _, other = name.partition("|chapter=")
    record = records(other)
    if name not in record["parameters"]:
        raise unknown("parameter", name, record["parameters"])
    setting = record["parameters"][name]
    return len(setting) if isinstance(setting, list) else setting


def _rows(text: str, records: Records) -> pd.DataFrame:
    """The rows of a record that a query chooses, numbers of single images only where an image is named."""
    named = dict(part.split("=", 1) for part in text.split("|") if re.match(r"(seed|image|chapter)=", part))
    record = records(named.pop("chapter", ""))
    places = [part.strip() for part in text.split("|") if not re.match(r"(seed|image|chapter)=", part)]
    table = results.metrics_of(record).dropna(subset="value")
    table["level"] = table["level"].map(lambda level: "" if pd.isna(level) else str(level))
    for column, pattern in zip(("quantity", "method", "level"), places, strict=False):
        table = table[[fnmatchcase(str(entry), pattern) for entry in table[column]]] if len(table) else table
    if "image" not in named:
        table = table[table["image"].isna()]
    for column, wanted in named.items():
        table = table[table[column] == float(wanted)]
    if table.empty:
        raise CompendiumError(f"{text}: the record of {record['chapter']} has no such number")
    return table


def _means(text: str, records: Records) -> pd.Series:
    return (
        _rows(text, records)
        .groupby(["quantity", "method", "level"], sort=False, dropna=False)["value"]
        .mean()
    )


def _single(text: str, records: Records) -> float:
    numbers = _means(text, records)
    if len(numbers) > 1:
        raise CompendiumError(f"{text}: the record has {len(numbers)} such numbers; say which")
    return float(numbers.iloc[0])


def _paired(records: Records, first: str, second: str) -> statistics.Comparison:
    rows = [_rows(text, records) for text in (first, second)]
    keys = ["level", "seed"] if all(table["level"].nunique() > 1 for table in rows) else ["seed"]
    tables = [table.set_index(keys)["value"] for table in rows]
    both = pd.concat(tables, axis=1, join="inner", keys=["first", "second"])
    return statistics.paired_comparison(both["first"], both["second"])


def _ahead(records: Records, first: str, second: str) -> int:
    return int((_differences(records, first, second, ["level"]) > 0).sum())


def _gap(records: Records, first: str, second: str) -> float:
    return float(_differences(records, first, second, ["method", "level"]).abs().max())


def _differences(records: Records, first: str, second: str, keys: list[str]) -> pd.Series:
    """First minus second, averaged over all but the keys."""
    firsts, seconds = (_rows(text, records).groupby(keys)["value"].mean() for text in (first, second))
    return firsts - seconds


def _over_levels(records: Records, first: str, second: str) -> statistics.Interval:
    return statistics.mean_interval(_differences(records, first, second, ["level"]))


def _shown(records: Records, first: str, *others: str) -> int:
    from scipy import stats

    differences = [_differences(records, first, other, ["level"]) for other in others]
    if any(len(one) < 2 for one in differences):
        return 0
    return sum(
        p <= 1 - statistics.LEVEL
        for p in statistics.holm([stats.ttest_1samp(one, 0).pvalue for one in differences])
    )


def _falls(records: Records, family: str, epochs: str) -> pd.Series:
    curves = pd.DataFrame(records("")["curves"])
    losses = curves[curves["family"] == family].pivot_table("val_loss", "epoch", "network")
    return 1 - losses.iloc[-1] / losses.iloc[-1 - int(epochs)]


def _verdicts(records: Records, quantity: str, *chains: str) -> list[str]:
    found = []
    for chain in chains:
        for lower, higher in itertools.pairwise(method.strip() for method in chain.split("<")):
            compared = _paired(records, f"{quantity}|{lower}", f"{quantity}|{higher}")
            found.append(_ORDERS[compared.below_zero])
    return found


def _over(function: Callable[[pd.Series], float]) -> Callable[..., float]:
    return lambda records, text: float(function(_means(text, records)))


def _counting(verdict: str) -> Callable[..., int]:
    return lambda records, *chains: _verdicts(records, *chains).count(verdict)


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": _over(pd.Series.min),
    "max": _over(pd.Series.max),
    "mean": _over(pd.Series.mean),
    "count": _over(len),
    "seeds": lambda records, text: int(_rows(text, records)["seed"].nunique()),
    "smallest": lambda records, text: float(_rows(text, records)["value"].min()),
    "largest": lambda records, text: float(_rows(text, records)["value"].max()),
    "below": lambda records, text, bound: int((_means(text, records) < value(bound, records)).sum()),
    "runs_below": lambda records, text, bound: int(
        (_rows(text, records)["value"] < value(bound, records)).sum()
    ),
    "difference": lambda records, *pair: _paired(records, *pair).difference,
    "low": lambda records, *pair: _paired(records, *pair).low,
    "high": lambda records, *pair: _paired(records, *pair).high,
    "lower": lambda records, *pair: _paired(records, *pair).first_lower,
    "low_over_levels": lambda records, *pair: _over_levels(records, *pair).low,
    "high_over_levels": lambda records, *pair: _over_levels(records, *pair).high,
    "shown": _shown,
    "ahead": _ahead,
    "gap": _gap,
    "least_fall": lambda *asked: float(_falls(*asked).min()),
    "largest_fall": lambda *asked: float(_falls(*asked).max()),
    "holding": _counting("holding"),
    "reversed": _counting("reversed"),
    "undecided": _counting("undecided"),
    "orders": lambda records, *chains: len(_verdicts(records, *chains)),
}
