"""A Sphinx extension: how long a page takes to read, below its title, on pages with a box "In one minute".

Counted are the words of the prose, the lines of open code and the figures. What is folded (plumbing,
solutions) and tables of the ledger are not: a reader opens them one by one. Where a page has further
questions, its main way and what follows that are counted apart.
"""

from collections.abc import Iterable

from docutils import nodes
from sphinx.application import Sphinx

WORDS_A_MINUTE = 230
LINES_A_MINUTE = 25  # of code
FIGURES_A_MINUTE = 4
EXERCISES, FURTHER = "exercises", "further-questions"  # headings, as anchors
FOLDED = {"tag_hide-cell", "dropdown", "toggle", "solution"}


def minutes(words: int, lines: int, figures: int) -> int:
    """Return the minutes that so many words, lines of code and figures take: above 20 in steps of five."""
    exact = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + figures / FIGURES_A_MINUTE
    return max(1, round(exact)) if exact < 20 else 5 * round(exact / 5)


def counted(parts: Iterable[nodes.Node]) -> tuple[int, int, int]:
    """Return the words, the lines of code and the figures of parts of a page that are not folded."""
    words = lines = figures = 0
    pending = list(parts)
    while pending:
        node = pending.pop()
        classes = set(node.get("classes", [])) if isinstance(node, nodes.Element) else set()
        if classes & FOLDED or isinstance(node, nodes.raw | nodes.math_block | nodes.comment):
            continue
        if "tag_hide-input" in classes:
            pending.extend(child for child in node.children if "cell_output" in child.get("classes", []))
        elif isinstance(node, nodes.literal_block):
            lines += len(node.astext().splitlines()) if "output" not in classes else 0
        elif "cell_output" in classes:
            figures += sum(1 for _ in node.findall(nodes.image))
        elif isinstance(node, nodes.Text):
            words += len(node.astext().split())
        else:
            figures += isinstance(node, nodes.figure)
            pending.extend(node.children)
    return words, lines, figures


def parted(page: nodes.section) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Return the parts of a page's main way, and those from its exercises on if it has further questions."""
    ids = [part.get("ids", []) if isinstance(part, nodes.section) else [] for part in page.children]
    if not any(FURTHER in names for names in ids):
        return [*page.children], []
    first = next(place for place, names in enumerate(ids) if {EXERCISES, FURTHER} & {*names})
    return page.children[:first], page.children[first:]


def add_reading_time(app: Sphinx, document: nodes.document, name: str) -> None:
    """Put the reading time below the title of a page that has a box "In one minute"."""
    titles = list(document.findall(nodes.title))
    if not titles or not any(
        "minute" in box.get("classes", []) for box in document.findall(nodes.admonition)
    ):
        return
    section = titles[0].parent
    main, further = parted(section)
    words, lines, figures = counted(main)
    parts = [f"{words:,} words"]
    parts += [f"{lines:,} lines of code"] if lines else []
    parts += [f"{figures} figures"] if figures else []
    text = f"About {minutes(words, lines, figures)} minutes to read: {', '.join(parts)}"
    if further:
        text += f". Exercises and further questions take about {minutes(*counted(further))} more"
    section.insert(section.index(titles[0]) + 1, nodes.paragraph("", text, classes=["reading-time"]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", add_reading_time)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
