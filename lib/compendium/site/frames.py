"""Tables that pandas wrote: heads without what says nothing, numbers under one another, no empty cells."""

import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, Tag

from compendium.site.elements import add_class

_LONG = 16  # characters, above which the name of a row may take two lines
_TALL = 4  # rows, from which their common name may stand upright beside them

_PRINTED = {"": "–", "inf": "∞"}
_SIGNED = r"[-+−]?(?:\d[\d,.]*|∞)"
_THOUSANDS = re.compile(r"(?<![\d.])\d{4,}")
_NUMBER = re.compile(rf"(?:{_SIGNED}(?: (?:±|to|of) {_SIGNED})?)? ?%?|–")


def mend(soup: BeautifulSoup) -> None:
    """Mend each data frame of a page."""
    for table in soup.select("table.dataframe"):
        levels = len(table.select("tbody tr:first-child > th"))
        for cell in table.select("tbody td"):
            if (text := cell.get_text(strip=True)) in _PRINTED:
                cell.string = _PRINTED[text]
        _mend_heads(table, levels)
        _mark_numbers(table, levels)
        _mark_names(table, levels)


def _mend_heads(table: Tag, levels: int) -> None:
    """Put the names of the rows beside the heads of the columns, in one line.

    What pandas calls the columns as a whole is gone, and a line that says the same of each of them.
    """
    lines = [row.find_all("th") for row in table.select("thead tr")]
    names = [""] * levels
    if len(lines) > 1 and not any(_texts(lines[-1][levels:])):
        names = _texts(lines[-1][:levels])
        lines.pop()[0].parent.decompose()
    for line in lines[:]:
        columns = _texts(line[levels:])
        if len(lines) > 1 and len(columns) > 1 and len({*columns}) == 1:
            line[0].parent.decompose()
            lines.remove(line)
    for line in lines:
        for cell, name in zip(line, names if line is lines[-1] else [""] * levels, strict=False):
            cell.string = name


def _mark_numbers(table: Tag, levels: int) -> None:
    """Mark the cells of columns that hold nothing but numbers, and their heads; set thousands apart."""
    rows = [row.find_all("td") for row in table.select("tbody tr")]
    columns = [*zip(*rows, strict=False)]
    lines = [line.find_all("th")[levels:] for line in table.select("thead tr")]
    heads = [line for line in lines if len(line) == len(columns)]  # others span several
    for number, column in enumerate(columns):
        if all(map(_NUMBER.fullmatch, _texts(column))):
            for cell in [*column, *(line[number] for line in heads)]:
                add_class(cell, "number")
            for cell in column:
                cell.string = _THOUSANDS.sub(lambda digits: f"{int(digits[0]):,}", cell.get_text(strip=True))


def _mark_names(table: Tag, levels: int) -> None:
    """Mark the names of groups of rows that may stand upright, and other names that may take two lines."""
    groups = [row.th for row in table.select("tbody tr") if len(row.find_all("th")) == levels > 1]
    if not all(int(cell.get("rowspan", 1)) >= _TALL for cell in groups):
        groups = []
    for cell in groups:
        add_class(cell, "tall")
    for cell in table.select("tbody th:not(.tall)"):
        if len(cell.get_text(strip=True)) > _LONG:
            add_class(cell, "long")


def _texts(cells: Iterable[Tag]) -> list[str]:
    return [cell.get_text(strip=True) for cell in cells]
