"""Each page of the built book in a real browser: open to everyone, whole without a network, light."""

import copy
import gzip
import re
from urllib.parse import urlsplit

import pytest
import site_pages
from bs4 import BeautifulSoup

from compendium import project
from compendium.site import moved

MEGABYTE = 1e6
LARGEST_SITE = 60 * MEGABYTE
LARGEST_PAGE = 4 * MEGABYTE
LARGEST_START = 0.12 * MEGABYTE  # as it is sent, compressed: a tenth of a second at 9 Mbit/s
MOST_REQUESTS = 40
LIKE_THE_CODE_AROUND = """() => {
  const look = (element) => {
    const style = getComputedStyle(element);
    return [style.color, style.fontWeight, style.fontStyle, style.backgroundColor].join();
  };
  return [...document.querySelectorAll("pre span[class]")]
    .filter((token) => look(token) === look(token.closest("pre"))).map((token) => token.className);
}"""
NOT_COPIED = {"gp", "go", "linenos"}  # `copybutton_exclude` needs their names


@pytest.fixture(scope="module", params=site_pages.each())
def page(request, chromium, html):
    return site_pages.look(chromium, request.param)


@pytest.fixture(scope="module")
def soups(html):
    return {path.stem: BeautifulSoup(path.read_bytes(), "html.parser") for path in site_pages.paths()}


@pytest.mark.parametrize("name", moved.anchors())
def test_former_anchors_of_a_page_are_there(html, name):
    soup = BeautifulSoup((html / f"{name}.html").read_bytes(), "html.parser")
    for former, present in moved.anchors()[name].items():
        place = soup.find(id=former)
        assert place, former
        assert place.find_parent(id=present) or place.find_next_sibling(id=present), former


def test_axe_finds_nothing_light_or_dark_wide_or_narrow(page):
    assert page.violations == []


def test_a_page_asks_no_other_host_for_anything(page):
    assert page.elsewhere == []


def test_a_page_does_not_complain_in_the_console(page):
    assert page.complaints == []


def test_every_picture_of_a_page_is_shown(page):
    assert page.broken == []


def test_no_page_scrolls_sideways(page):
    assert page.overflow == dict.fromkeys(site_pages.WIDTHS, 0)


def test_a_box_shows_that_it_goes_on_until_its_end_is_seen(chromium, html):
    page = chromium.new_page(viewport={"width": 390, "height": 900})
    page.goto((html / "notebooks" / "salt-pepper-cae.html").as_uri())
    box = page.locator(".cell_input pre").first
    box.scroll_into_view_if_needed()
    fades = "box => getComputedStyle(box).maskImage.includes('gradient')"
    page.wait_for_function(f"() => ({fades})(document.querySelector('.cell_input pre'))")
    box.evaluate("box => box.scrollTo({left: box.scrollWidth, behavior: 'instant'})")
    page.wait_for_function(f"() => !({fades})(document.querySelector('.cell_input pre'))")
    page.close()


def test_nothing_moves_for_those_who_want_no_motion(page):
    assert not page.moving


def test_pictures_are_no_larger_than_twice_what_is_shown(page):
    assert [image for image in page.images if image[1] > 2 * image[2] + 1] == []


def test_a_page_is_light(page):
    assert sum(file.stat().st_size for file in page.files) <= LARGEST_PAGE
    assert len(page.files) <= MOST_REQUESTS


def test_a_page_needs_little_before_it_can_be_used(html, soups):
    """`benchmarks/pages.py` times it; this holds what the time comes from."""

    def sent(path):
        return len(gzip.compress(path.read_bytes()))

    for page in site_pages.paths():
        soup = soups[page.stem]
        assert not soup.select("script[src]:not([defer])"), page
        assert soup.head.select_one("script:not([src]) ~ link[rel=stylesheet]"), page
        assert not soup.head.select_one("link[rel=stylesheet] ~ script:not([src])"), page
        needed = soup.select("link[rel=stylesheet], script[src]:not([src*=searchindex])")
        files = {(page.parent / urlsplit(one.get("href") or one["src"]).path).resolve() for one in needed}
        assert len(files) <= 4, page
        assert sent(page) + sum(map(sent, files)) < LARGEST_START, page


def test_the_whole_site_is_light(html):
    size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
    assert size < LARGEST_SITE


def test_each_page_says_its_language_has_one_title_and_uses_an_identifier_once(soups):
    for name, soup in soups.items():
        assert soup.html["lang"] == "en", name
        assert len(soup.select("h1")) == 1, name
        identifiers = [element["id"] for element in soup.select("[id]")]
        assert len(identifiers) == len({*identifiers}), name


def test_each_page_has_a_title_and_a_summary_of_its_own(soups):
    titles = [soup.title.text for soup in soups.values()]
    assert len({*titles}) == len(titles)
    documents = {name: soup for name, soup in soups.items() if name not in {"search", "genindex"}}
    summaries = {
        name: soup.select_one('meta[name="description"]')["content"] for name, soup in documents.items()
    }
    assert [name for name, summary in summaries.items() if not 40 <= len(summary) <= 300] == []
    assert len({*summaries.values()}) == len(summaries)
    assert [summary for summary in summaries.values() if summary[-1] not in ".?!…"] == []
    assert [summary for summary in summaries.values() if "to read:" in summary or " · " in summary] == []
    for name, soup in documents.items():
        assert soup.select_one('meta[property="og:description"]')["content"] == summaries[name]
        assert soup.select_one('meta[property="og:title"]')["content"]
        assert soup.select_one('meta[property="og:site_name"]')["content"] == "The Denoising Compendium"


def test_code_is_whole_and_has_no_element_that_colours_nothing(chromium, html, soups):
    chapter = site_pages.shown(project.NOTEBOOKS / "tuning.ipynb")
    sources = [cell.source for cell in chapter.cells if cell.cell_type == "code"]
    shown = [code.get_text().rstrip("\n") for code in soups["tuning"].select(".cell_input pre")]
    assert shown == sources
    needless = []
    for theme in ("light", "dark"):
        page = chromium.new_page(color_scheme=theme)
        page.goto((html / "notebooks" / "tuning.html").as_uri())
        page.evaluate(site_pages.ALL_OF_IT)
        needless.append({*page.evaluate(LIKE_THE_CODE_AROUND)} - NOT_COPIED)
        page.close()
    assert set.intersection(*needless) == set()


def test_a_number_is_not_parted_from_its_unit_and_code_keeps_its_blanks(soups):
    for name, soup in soups.items():
        article = copy.copy(soup.article or soup.body)
        for element in article.select("pre, code, math, svg"):
            assert "\N{NO-BREAK SPACE}" not in element.text or element.name in {"math", "svg"}, name
            element.decompose()
        assert re.findall(r".{9}\d (?:%|dB)(?!\w)|.{9}\d × \d", article.text) == [], name


def test_formulas_need_no_script(soups):
    formulas = [formula for soup in soups.values() for formula in soup.select("math")]
    assert len(formulas) > 100
    assert all(formula["alttext"] for formula in formulas)
    assert [name for name, soup in soups.items() if soup.select('script[src*="athjax"]')] == []
