"""The page of a run of a real chapter, opened in a browser as a reader opens it."""

import json
import re

import pandas as pd
import pytest
import site_pages
from bs4 import BeautifulSoup

from compendium import outcomes, project, published
from compendium.site import own_page

CHAPTER = "tuning"
MEGABYTES = 3
COLLAPSED = {
    "method": "baseline",
    "level": "test images",
    "seed": 42,
    "outcome": "collapsed",
    "epoch": None,
    "quantity": "MSE",
    "value": 0.1147,
    "predictor": "black image",
    "limit": 0.1147,
}

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a run with the committed outputs, a box, and the published numbers with one method less."""
    folder = tmp_path_factory.mktemp("run")
    record = json.loads((project.RESULTS / CHAPTER / "cpu" / "record.json").read_text(encoding="utf-8"))
    record["profile"], record["outcomes"] = "quick", [COLLAPSED]
    record["parameters"] |= {"epochs": 3}
    record["metrics"] = [row for row in record["metrics"] if row["method"] != "wavelet"]
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    notebook = json.loads(published.executed(CHAPTER).read_text(encoding="utf-8"))
    shown = [
        output["data"] for cell in notebook["cells"] for output in cell.get("outputs", []) if "data" in output
    ]
    (of_networks,) = (data for data in shown if "Each network is ahead" in "".join(data.get("text/html", "")))
    of_networks["text/html"] = outcomes.box(pd.DataFrame([COLLAPSED])).data
    (folder / f"{CHAPTER}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return own_page.write(folder, CHAPTER)


@pytest.fixture(scope="module")
def seen(chromium, page):
    return site_pages.look(chromium, page)


def test_it_is_one_file_that_asks_for_nothing(page, seen):
    assert [address for address in seen.requests if not address.startswith("data:")] == [page.as_uri()]
    assert page.stat().st_size < MEGABYTES * 1e6


def test_it_is_as_accessible_as_the_book(seen):
    assert seen.violations == []
    assert seen.complaints == []
    assert seen.broken == []
    assert set(seen.overflow.values()) == {0}


def test_every_numbered_thing_of_the_chapter_is_there(page):
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    names = [
        about[kind]["name"]
        for cell in json.loads(page.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
        for about in [cell["metadata"].get("mystnb", {})]
        for kind in ("figure", "table")
        if kind in about
    ]
    assert names
    of_chapter = soup.select_one("h1 .section-number").text.strip()
    assert re.fullmatch(r"\d+\.", of_chapter)
    for name in names:
        assert soup.select_one(f"#{name} .caption-number").text.split()[1].startswith(of_chapter), name
    assert not soup.select(".system-message, .problematic")


@pytest.fixture
def opened(chromium, page):
    """The page in a browser without a network."""
    context = chromium.new_context()
    context.set_offline(True)
    opened = context.new_page()
    opened.goto(page.as_uri())
    yield opened
    context.close()


def test_a_link_says_what_it_leads_to(opened):
    opened.locator(".bibtex-citation a").first.hover()
    tip = opened.locator("#tip")
    tip.wait_for()
    assert "20" in tip.inner_text()  # the year, at least


def test_its_figures_answer(opened):
    chart = opened.locator("figure:has([aria-roledescription=chart])").first
    chart.scroll_into_view_if_needed()
    chart.locator("[aria-roledescription=chart]").focus()
    opened.keyboard.press("ArrowRight")
    chart.locator(".figure-bubble").wait_for()


def test_a_box_that_a_cell_shows_has_the_colours_of_others_in_the_dark(opened):
    opened.evaluate("document.documentElement.dataset.theme = 'dark'")
    top, shown = opened.locator(".admonition.warning").all()
    for element in (top, shown):
        element.scroll_into_view_if_needed()
    colours = [box.locator("li").evaluate("item => getComputedStyle(item).color") for box in (top, shown)]
    assert colours[0] == colours[1]


def test_every_quoted_number_of_the_prose_has_its_own(page):
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    soup.select_one(".this-run").decompose()
    said = [" ".join(badge.get_text().split()) for badge in soup.select(".beside")]
    assert any("not in this run" in one for one in said)  # of the method that this run lacks
    assert len(said) > 40
    assert len(soup.select(".published .beside")) == len(said)
