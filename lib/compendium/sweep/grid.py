"""The points of a sweep, read from texts such as `depth=1,3,5`, `seed=0..4` and `levels=[0.1,0.2];[0.3]`."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import product
from math import prod
from typing import Any, NamedTuple

from compendium.errors import UsageError, unknown
from compendium.parameters import Parameter

MOST_POINTS = 10_000

Grid = dict[str, list[Any]]

_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d{1,2})?"


class Point(NamedTuple):
    """One run of a sweep: the name of its folder, and the value of each swept parameter."""

    name: str
    values: dict[str, Any]


def read(chapter: str, known: Mapping[str, Parameter], texts: Mapping[str, str]) -> Grid:
    """Return the values of each swept parameter.

    A text holds values with commas between them. `0..4` stands for 0,1,2,3,4, and for numbers that need not
    be whole `0.1..0.4` for 0.1,0.2,0.3,0.4: the step is one of the last decimal written. A value of a list
    stands for a list of one; longer lists are written `[0.1,0.2];[0.3]`.

    Raises UsageError for an unknown parameter, a value that does not fit, is missing or is there twice, and
    for more than MOST_POINTS points.
    """
    for name in texts:
        if name not in known:
            raise unknown(f"parameter of {chapter}", name, known)
    grid = {name: _values(known[name], text) for name, text in texts.items()}
    if (count := prod(map(len, grid.values()))) > MOST_POINTS:
        raise _too_many(f"{count:,}")
    return grid


def points(grid: Grid) -> list[Point]:
    """Return the points, the last parameter changing fastest; a number in each name keeps names apart."""
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    digits = len(str(len(combinations)))
    return [Point(f"{n:0{digits}}_{_folder_name(c)}", c) for n, c in enumerate(combinations, 1)]


def text(value: object) -> str:
    """Return a value as the command line reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def _values(parameter: Parameter, written: str) -> list[Any]:
    if parameter.is_list and "[" in written:
        values = [parameter.value(part.strip()) for part in written.split(";")]
    else:
        items = [item for part in written.split(",") for item in _expanded(parameter, part.strip())]
        values = [parameter.value([item] if parameter.is_list else item) for item in items]
    value, times = Counter(map(text, values)).most_common(1)[0]
    if times > 1:
        raise UsageError(f"-g {parameter.name}: {value} is given {times} times; give each value once")
    return values


def _expanded(parameter: Parameter, item: str) -> list[str]:
    if not item:
        raise UsageError(f"-g {parameter.name}: a value is missing; write {parameter.name}=VALUE,VALUE")
    ends = re.fullmatch(rf"({_NUMBER})\.\.({_NUMBER})", item)
    if parameter.kind not in (int, float) or not ends:
        return [item]
    first, last = map(Decimal, ends.groups())
    step = Decimal(1).scaleb(min(0, *(end.as_tuple().exponent for end in (first, last))))
    if parameter.kind is int and step != 1:
        raise UsageError(
            f"-g {parameter.name}: {item} has decimals; {parameter.name} takes whole numbers, such as 0..4"
        )
    if (count := int((last - first) / step) + 1) < 1:
        raise UsageError(f"-g {parameter.name}: no number in {item}; write the lower one first")
    if count > MOST_POINTS:
        raise _too_many(f"{count:,}")
    return [f"{first + step * number:f}" for number in range(count)]


def _too_many(count: str) -> UsageError:
    return UsageError(f"-g: {count} points; a sweep has at most {MOST_POINTS:,}; split it into several")


def _folder_name(values: Mapping[str, object]) -> str:
    described = "_".join(f"{name}={text(value)}" for name, value in values.items())
    return re.sub(r"[^\w.,=+-]", "", described)[:120]
