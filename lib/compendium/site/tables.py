"""A Sphinx extension: tables that code cells print have a number and a caption, and can be referred to.

MyST-NB gives a caption to figures only. A cell's metadata `mystnb: {table: {caption: ..., name: ...}}` gives
one to its table; {numref}`name` in a page leads there.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator


class numbered_table(nodes.General, nodes.Element):
    """An output that Sphinx counts among the tables, with its `caption`."""


class NumberTables(SphinxTransform):
    """Put the last output of each cell that has a caption for its table into a `numbered_table`."""

    default_priority = 400

    def apply(self) -> None:
        """Change the document."""
        for cell in list(self.document.findall(nodes.container)):
            table = cell.get("cell_metadata", {}).get("mystnb", {}).get("table")
            outputs = [child for child in cell if child.get("nb_element") == "cell_code_output"]
            if table and outputs:
                numbered = numbered_table(caption=table["caption"], names=[table["name"]])
                self.document.note_explicit_target(numbered, numbered)
                shown = outputs[0][-1]  # what the cell has printed before stays above the caption
                shown.replace_self(numbered)
                numbered += shown


def visit(translator: HTML5Translator, node: numbered_table) -> None:
    """Begin with the caption, which `finish` makes the table's name."""
    translator.body.append(translator.starttag(node, "div", CLASS="numbered-table"))
    translator.body.append('<p class="table-caption">')
    translator.add_fignumber(node)
    translator.body.append(f'<span class="caption-text">{translator.encode(node["caption"])}</span>')
    translator.add_permalink_ref(node, "Link to this table")
    translator.body.append("</p>\n")


def depart(translator: HTML5Translator, node: numbered_table) -> None:
    """End it."""
    translator.body.append("</div>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_enumerable_node(numbered_table, "table", lambda node: node["caption"], html=(visit, depart))
    app.add_transform(NumberTables)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
