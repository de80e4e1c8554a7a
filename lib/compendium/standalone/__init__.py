"""Pages of one file with the look of the book's: what the reports of a sweep and of a comparison share.

A page is a template that extends `standalone/page.html`; `standalone/macros.html` has figures, and tables
that can be sorted and filtered. Styles and scripts are the book's own, written into it: it asks for no other
file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from compendium import plots, project
from compendium.plots import described

STATIC = project.ROOT / "book" / "_static"
STYLES = [STATIC / "compendium.css", STATIC / "figures.css", project.PACKAGE / "standalone" / "style.css"]
STYLES += [STATIC / "print.css"]
SCRIPTS = [STATIC / name for name in ("figures.js", "sifted.js", "scrolling.js")]

_TEMPLATES = Environment(
    loader=PackageLoader("compendium", "."),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Picture:
    """A figure as a `data:` address, its width in pixels, what it shows, and what it answers to a pointer."""

    source: str
    width: int
    words: str
    description: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, the number by which it is sorted, if any, and where it leads."""

    text: str
    number: float | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with its caption; a reader may choose rows by what is in the columns named in `choices`."""

    caption: str
    noun: str  # what its rows are, in the plural
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    choices: Sequence[str] = ()

    def is_number(self, column: int) -> bool:
        """Whether all that stands in a column is a number."""
        cells = [row[column] for row in self.rows if row[column].text]
        return bool(cells) and all(cell.number is not None for cell in cells)


def picture(figure: Figure, words: str) -> Picture:
    """Return a Matplotlib figure for a page, and close it; `words` are its caption and alternative text."""
    description = described.description(figure)
    width = round(96 * figure.get_figwidth())
    source = plots.embedded(figure, "svg+xml", bbox_inches="tight", metadata={"Date": None})
    return Picture(source, width, words, description)


def use_style() -> None:
    """Set the book's look for the figures of a page; within `plt.rc_context()`."""
    plots.use_style()
    plt.rc("text", parse_math=False)  # a name with two dollars is no formula
    plt.rc("svg", hashsalt="compendium")  # no random names: equal tables give equal pages


def page(template: str, pictures: Sequence[Picture], **content: object) -> str:
    """Return the page that a template of the package makes of `content`; all texts in it are escaped."""
    return _TEMPLATES.get_template(template).render(
        known={one.words: one.description for one in pictures},
        styles=Markup("\n".join(path.read_text(encoding="utf-8") for path in STYLES)),
        scripts=Markup("\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)),
        **content,
    )
