"""Numbers of recorded runs in running text: `{MSE|CAE|30 % -> .4f}` becomes `0.0101`.

Left of the arrow stands what is quoted, right of it how it is written.

**What**: `quantity|method|level`, as in the record; what is left out at the end may be anything. Further
fields say `seed=1`, `image=330` or `chapter=tuning`. Numbers of several seeds are averaged. Where `*` stands
for several methods or levels, a function says what is done with them:

- `min(a)`, `max(a)`, `mean(a)`, `count(a)` of the averages; `below(a; bound)`, how many are;
- `smallest(a)`, `largest(a)`, `runs_below(a; bound)` of single runs; `seeds(a)`, how many there are;
- `difference(a; b)` of two quantities, run by run, with its 95 % interval from `low(a; b)` to `high(a; b)`;
  `lower(a; b)`, in how many runs a is; `ahead(a; b)`, on average, at how many levels a is higher;
  `gap(a; b)`, the largest absolute difference of the averages, method by method;
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
from collections.abc import Callable
from fnmatch import fnmatchcase

import pandas as pd

from compendium import results, statistics
from compendium.claims.checks import recorded_run
from compendium.errors import CompendiumError, unknown

FIELD = re.compile(r"\{([^{}]+?) -> ([^{}]+)\}")
OUTSIDE = r"(?![^()]*\))"  # of parentheses
WORDS = (  # noqa: SIM905
    "none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()

_ORDERS = {True: "holding", False: "reversed", None: "undecided"}  # by the side of 0 that an interval is on


def fill(text: str, chapter: str) -> str:
    """Return a text with its fields replaced by numbers of a chapter's largest recorded run.

    Raises CompendiumError where the record has no such number, or several, or one outside the stated range.
    """
    return FIELD.sub(lambda field: written(value(field[1], chapter), field[2], field[0]), text)


def value(expression: str, chapter: str) -> float:
    """Return what an expression stands for in a chapter's recorded run; the module says how it is written."""
    differences = []
    for term in re.split(f" − {OUTSIDE}", expression):
        first, *others = re.split(f" ([×÷]) {OUTSIDE}", term)
        number = _operand(first.strip(), chapter)
        for sign, other in zip(others[::2], others[1::2], strict=True):
            factor = _operand(other.strip(), chapter)
            number = number * factor if sign == "×" else number / factor
        differences.append(number)
    first, *others = differences
    return first - sum(others) if others else first


def written(number: float, how: str, field: str = "") -> str:
    """Return a number as the text of a page has it; raises CompendiumError outside a stated range."""
    if how.lower() == "words":
        word = WORDS[round(number)] if number < len(WORDS) else f"{round(number):,}"
        return word.capitalize() if how == "Words" else word
    if bounds := re.match(r"(-?[\d.]+)\.\.(-?[\d.]+) (.+)$", how):
        if not float(bounds[1]) <= number <= float(bounds[2]):
            raise CompendiumError(f"{field}: the record has {number:.4g}, which is not {bounds[3]!r}")
        return bounds[3]
    return format(round(number) if how.endswith("d") else number, how)


def _operand(text: str, chapter: str) -> float:
    if re.fullmatch(r"-?[\d.]+", text):
        return float(text)
    if text.startswith("@"):
        return _setting(text[1:], chapter)
    if call := re.fullmatch(r"(\w+)\((.*)\)", text):
        if call[1] not in _FUNCTIONS:
            raise unknown("function of a quote", call[1], _FUNCTIONS)
        return _FUNCTIONS[call[1]](chapter, *(part.strip() for part in call[2].split(";")))
    return _single(text, chapter)


def _setting(name: str, chapter: str) -> float:
    name, _, other = name.partition("|chapter=")
    record = recorded_run(other or chapter)
    if name not in record["parameters"]:
        raise unknown("parameter", name, record["parameters"])
    setting = record["parameters"][name]
    return len(setting) if isinstance(setting, list) else setting


def _rows(text: str, chapter: str) -> pd.DataFrame:
    """The rows of a record that a query chooses, numbers of single images only where an image is named."""
    named = dict(part.split("=", 1) for part in text.split("|") if re.match(r"(seed|image|chapter)=", part))
    chapter = named.pop("chapter", chapter)
    places = [part.strip() for part in text.split("|") if not re.match(r"(seed|image|chapter)=", part)]
    table = results.metrics_of(recorded_run(chapter)).dropna(subset="value")
    table["level"] = table["level"].map(lambda level: "" if pd.isna(level) else str(level))
    for column, pattern in zip(("quantity", "method", "level"), places, strict=False):
        table = table[[fnmatchcase(str(entry), pattern) for entry in table[column]]] if len(table) else table
    if "image" not in named:
        table = table[table["image"].isna()]
    for column, wanted in named.items():
        table = table[table[column] == float(wanted)]
    if table.empty:
        raise CompendiumError(f"{text}: the record of {chapter} has no such number")
    return table


def _means(text: str, chapter: str) -> pd.Series:
    return (
        _rows(text, chapter)
        .groupby(["quantity", "method", "level"], sort=False, dropna=False)["value"]
        .mean()
    )


def _single(text: str, chapter: str) -> float:
    numbers = _means(text, chapter)
    if len(numbers) > 1:
        raise CompendiumError(f"{text}: the record of {chapter} has {len(numbers)} such numbers; say which")
    return float(numbers.iloc[0])


def _paired(chapter: str, first: str, second: str) -> statistics.Comparison:
    rows = [_rows(text, chapter) for text in (first, second)]
    keys = ["level", "seed"] if all(table["level"].nunique() > 1 for table in rows) else ["seed"]
    tables = [table.set_index(keys)["value"] for table in rows]
    both = pd.concat(tables, axis=1, join="inner", keys=["first", "second"])
    return statistics.paired_comparison(both["first"], both["second"])


def _ahead(chapter: str, first: str, second: str) -> int:
    return int((_differences(chapter, first, second, ["level"]) > 0).sum())


def _gap(chapter: str, first: str, second: str) -> float:
    return float(_differences(chapter, first, second, ["method", "level"]).abs().max())


def _differences(chapter: str, first: str, second: str, keys: list[str]) -> pd.Series:
    """First minus second, averaged over all but the keys."""
    firsts, seconds = (_rows(text, chapter).groupby(keys)["value"].mean() for text in (first, second))
    return firsts - seconds


def _falls(chapter: str, family: str, epochs: str) -> pd.Series:
    curves = pd.DataFrame(recorded_run(chapter)["curves"])
    losses = curves[curves["family"] == family].pivot_table("val_loss", "epoch", "network")
    return 1 - losses.iloc[-1] / losses.iloc[-1 - int(epochs)]


def _verdicts(chapter: str, quantity: str, *chains: str) -> list[str]:
    found = []
    for chain in chains:
        for lower, higher in itertools.pairwise(method.strip() for method in chain.split("<")):
            compared = _paired(chapter, f"{quantity}|{lower}", f"{quantity}|{higher}")
            found.append(_ORDERS[compared.below_zero])
    return found


def _over(function: Callable[[pd.Series], float]) -> Callable[..., float]:
    return lambda chapter, text: float(function(_means(text, chapter)))


def _counting(verdict: str) -> Callable[..., int]:
    return lambda chapter, *chains: _verdicts(chapter, *chains).count(verdict)


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": _over(pd.Series.min),
    "max": _over(pd.Series.max),
    "mean": _over(pd.Series.mean),
    "count": _over(len),
    "seeds": lambda chapter, text: int(_rows(text, chapter)["seed"].nunique()),
    "smallest": lambda chapter, text: float(_rows(text, chapter)["value"].min()),
    "largest": lambda chapter, text: float(_rows(text, chapter)["value"].max()),
    "below": lambda chapter, text, bound: int((_means(text, chapter) < value(bound, chapter)).sum()),
    "runs_below": lambda chapter, text, bound: int(
        (_rows(text, chapter)["value"] < value(bound, chapter)).sum()
    ),
    "difference": lambda chapter, *pair: _paired(chapter, *pair).difference,
    "low": lambda chapter, *pair: _paired(chapter, *pair).low,
    "high": lambda chapter, *pair: _paired(chapter, *pair).high,
    "lower": lambda chapter, *pair: _paired(chapter, *pair).first_lower,
    "ahead": _ahead,
    "gap": _gap,
    "least_fall": lambda *asked: float(_falls(*asked).min()),
    "largest_fall": lambda *asked: float(_falls(*asked).max()),
    "holding": _counting("holding"),
    "reversed": _counting("reversed"),
    "undecided": _counting("undecided"),
    "orders": lambda chapter, *chains: len(_verdicts(chapter, *chains)),
}
