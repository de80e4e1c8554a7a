"""Tables of code cells: numbered, named, and where the text says."""

import pandas as pd
import pytest
import site_pages
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from tiny_book import compiled
from tiny_notebooks import write_notebook

from compendium import book
from compendium.site import frames, typography

TABLE = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"


def cell_with_table(name, caption, table=TABLE):
    output = new_output("execute_result", {"text/html": table, "text/plain": "a"}, execution_count=1)
    metadata = {"mystnb": {"table": {"name": name, "caption": caption}}}
    return new_code_cell("table", outputs=[output], execution_count=1, metadata=metadata)


def test_a_table_has_its_number_its_caption_and_links_that_lead_to_it(tmp_path):
    text = new_markdown_cell("See {numref}`tab-second` and {ref}`that <tab-first>`.")
    cells = (cell_with_table("tab-first", "Errors < 1."), cell_with_table("tab-second", "More."))
    write_notebook(tmp_path / "book" / "chapter.ipynb", *cells, text)
    html = compiled(tmp_path, {"book/index.md": "# Small\n", "book/chapter.ipynb": ""})
    soup = BeautifulSoup((html / "book" / "chapter.html").read_bytes(), "html.parser")
    first, second = soup.select(".numbered-table")
    assert (first["id"], second["id"]) == ("tab-first", "tab-second")
    assert first.select_one(".table-caption").text.startswith("Table\N{NO-BREAK SPACE}1 Errors < 1.")
    assert second.select_one(".table-caption").text.startswith("Table\N{NO-BREAK SPACE}2 More.")
    assert second.table["aria-labelledby"] == second.select_one(".table-caption")["id"]
    links = {link.text: link["href"] for link in soup.select("article p > a.reference")}
    assert links == {"Table\N{NO-BREAK SPACE}2": "#tab-second", "that": "#tab-first"}


def test_what_a_cell_prints_before_its_table_stays_above_the_caption(tmp_path):
    cell = cell_with_table("tab-first", "Errors.")
    cell.outputs.insert(0, new_output("stream", name="stdout", text="first of all\n"))
    write_notebook(tmp_path / "book" / "chapter.ipynb", cell)
    html = compiled(tmp_path, {"book/index.md": "# Small\n", "book/chapter.ipynb": ""})
    output = BeautifulSoup((html / "book" / "chapter.html").read_bytes(), "html.parser").select_one(
        ".cell_output"
    )
    shown = output.get_text(" ", strip=True)
    assert shown.index("first of all") < shown.index("Errors.") < shown.index("a 1")
    assert "first of all" not in output.select_one(".numbered-table").text


HEADS = [  # names of rows, names of columns, lines of heads on the page
    (["fact"], [None], [["fact", "u", "v"]]),
    (["source", "level"], [None], [["source", "level", "u", "v"]]),
    ([None], [None], [["", "u", "v"]]),
    ([None], ["method"], [["", "u", "v"]]),
    (["level"], ["method"], [["level", "u", "v"]]),
    (["source", "level"], ["method"], [["source", "level", "u", "v"]]),
    (["level"], [None, None], [["", "both"], ["level", "u", "v"]]),
    (["level"], [None, "method"], [["", "both"], ["level", "u", "v"]]),
    ([None], [None, None], [["", "both"], ["", "u", "v"]]),
    ([None], ["quantity", "method"], [["", "both"], ["", "u", "v"]]),
]


def headed(index, columns):
    """A table of one row, with these names of rows and of columns."""
    rows = pd.MultiIndex.from_tuples([(*"pq"[: len(index)],)], names=index)
    over = pd.MultiIndex.from_tuples(
        [("both", "u")[-len(columns) :], ("both", "v")[-len(columns) :]], names=columns
    )
    single = [axis.get_level_values(0) if axis.nlevels == 1 else axis for axis in (rows, over)]
    return pd.DataFrame([[1, 2]], *single).to_html()


def test_the_names_of_rows_stand_in_line_with_those_of_columns(tmp_path):
    cells = [
        cell_with_table(f"tab-{number}", "Errors.", headed(index, columns))
        for number, (index, columns, _) in enumerate(HEADS)
    ]
    write_notebook(tmp_path / "book" / "chapter.ipynb", *cells)
    html = compiled(tmp_path, {"book/index.md": "# Small\n", "book/chapter.ipynb": ""})
    tables = BeautifulSoup((html / "book" / "chapter.html").read_bytes(), "html.parser").select("table")
    for table, (index, columns, heads) in zip(tables, HEADS, strict=True):
        rows = table.select("thead tr")
        shown = [[cell.text.strip() for cell in row.find_all(["th", "td"])] for row in rows]
        assert shown == heads, (index, columns)


def frame(table):
    """A data frame as a page shows it: texts of its head and body, and of the cells marked as numbers."""
    soup = BeautifulSoup(table.to_html(), "html.parser")
    frames.mend(soup)
    head, body = (
        [[cell.text for cell in row.select("th, td")] for row in soup.select(f"{part} tr")]
        for part in ("thead", "tbody")
    )
    return head, body, [cell.text for cell in soup.select(".number")]


def test_a_line_of_heads_that_says_the_same_of_each_column_is_left_out():
    columns = pd.MultiIndex.from_tuples([("published run", "share"), ("this run", "share")])
    head, body, _ = frame(pd.DataFrame([[1, 2]], index=pd.Index(["p"], name="method"), columns=columns))
    assert head == [["method", "published run", "this run"]]
    assert body == [["p", "1", "2"]]
    single = pd.MultiIndex.from_tuples([("PSNR", "both")])
    assert frame(pd.DataFrame([[1]], index=["p"], columns=single))[0] == [["", "PSNR"], ["", "both"]]


def test_columns_of_numbers_are_marked_and_those_of_words_are_not():
    table = pd.DataFrame(
        {
            "signed": ["-0.28", "13.05"],
            "interval": ["0.84 to 1.00", "1.2 ± 0.1"],
            "missing": ["", "4640"],
            "word": ["0.3", "none"],
            "empty": ["", ""],
        },
        index=["first", "second"],
    )
    _, body, numbers = frame(table)
    assert numbers == [
        "signed",
        "interval",
        "missing",
        "empty",
        "-0.28",
        "0.84 to 1.00",
        "–",
        "–",
        "13.05",
        "1.2 ± 0.1",
        "4,640",
        "–",
    ]
    assert body[0] == ["first", "-0.28", "0.84 to 1.00", "–", "0.3", "–"]
    assert frame(pd.DataFrame({"PSNR": ["19.1", "inf"]}, index=["a", "b"]))[1] == [["a", "19.1"], ["b", "∞"]]


def test_each_head_of_one_column_of_numbers_is_marked():
    columns = pd.MultiIndex.from_tuples([("published run", "mnist"), ("this run", "digits")])
    numbers = frame(pd.DataFrame([[1, 2]], index=["p"], columns=columns))[2]
    assert numbers == ["published run", "this run", "mnist", "digits", "1", "2"]
    spanning = pd.MultiIndex.from_product([["published run", "this run"], ["low", "high"]])
    numbers = frame(pd.DataFrame([[1, 2, 3, 4]], index=["p"], columns=spanning))[2]
    assert numbers == ["low", "high", "low", "high", "1", "2", "3", "4"]


def test_the_common_names_of_many_rows_may_stand_upright():
    def upright(names):
        rows = pd.MultiIndex.from_arrays([names, range(len(names))])
        soup = BeautifulSoup(pd.DataFrame({"x": 1}, index=rows).to_html(), "html.parser")
        frames.mend(soup)
        return [cell.text for cell in soup.select(".tall")]

    assert upright(["published run"] * 12 + ["this run"] * 4) == ["published run", "this run"]
    assert upright(["published run"] * 12 + ["this run"] * 3) == []  # all or none


def test_a_table_without_heads_stays_as_it_is(tmp_path):
    table = pd.DataFrame([[1, 2]], index=["p"]).to_html(header=False)
    write_notebook(tmp_path / "book" / "chapter.ipynb", cell_with_table("tab-first", "Errors.", table))
    html = compiled(tmp_path, {"book/index.md": "# Small\n", "book/chapter.ipynb": ""})
    shown = BeautifulSoup((html / "book" / "chapter.html").read_bytes(), "html.parser").table
    assert shown.text.split() == ["p", "1", "2"]


@pytest.mark.parametrize("document", book.notebooks(), ids=lambda path: path.stem)
def test_each_table_that_a_cell_prints_has_a_caption_of_its_own(document, html):
    printed = [
        cell
        for cell in site_pages.shown(document).cells
        if any("<table" in output.get("data", {}).get("text/html", "") for output in cell.get("outputs", []))
    ]
    captions = [cell.metadata.get("mystnb", {}).get("table", {}).get("caption") for cell in printed]
    assert None not in captions
    assert len({*captions}) == len(captions)
    soup = BeautifulSoup(site_pages.rendered(document).read_bytes(), "html.parser")
    shown = [caption.text for caption in soup.select(".table-caption .caption-text")]
    assert shown == [*map(typography.signs, captions)]
