"""The published runs, which the book's pages show: whole, and without a network that failed."""

import json

import pytest

from compendium import claims, project, results, runs


@pytest.mark.parametrize("chapter", project.chapters())
def test_a_published_run_is_whole_and_its_networks_learnt(chapter):
    folder = project.recorded(chapter)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["outcomes"] or chapter not in claims.papers()
    assert {row["outcome"] for row in record["outcomes"]} <= {results.LEARNT}
    assert {*record["parts"].values()} == {"done"}
    assert record["form"] == results.FORM
    run = runs.begun(folder)
    assert (run.chapter, run.profile, run.key) == (chapter, folder.name, record["key"])
    assert runs.finished(folder, chapter)
