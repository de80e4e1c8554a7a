"""The runs that the book's pages show: whole, and without a network that failed."""

import json

import pytest

from compendium import book, project, results


@pytest.mark.parametrize("chapter", project.chapters())
def test_the_books_own_run_is_whole_and_its_networks_learnt(chapter):
    record = json.loads((project.RESULTS / chapter / book.QUICK / "record.json").read_text(encoding="utf-8"))
    assert record["outcomes"]
    assert {row["outcome"] for row in record["outcomes"]} == {results.LEARNT}
    assert {*record["parts"].values()} == {"done"}
    assert record["form"] == results.FORM
