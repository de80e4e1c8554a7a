"""Finding one's way: search, keyboard, addresses, the page for what is not found."""

import http.server
import re
import threading
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
import site_pages
import yaml
from bs4 import BeautifulSoup
from tiny_book import compiled

from compendium import book, project
from compendium.site import links, summary

ADDRESSES = project.ROOT / "tests" / "addresses.txt"
FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const framed = element.classList.contains("sd-stretched-link") ? element.closest(".sd-card") : element;
  const style = getComputedStyle(framed);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const name = element.id || element.href || element.className || element.tagName;
  const seen = ring || style.boxShadow !== "none";
  return [name, seen, element.closest("#pst-skip-link") !== null];
}"""


LINKS = """() => [...document.querySelectorAll("article a[href]")]
  .filter((link) => link.checkVisibility({visibilityProperty: true}) && !link.closest("details:not([open])"))
  .map((link) => link.id || link.href)"""
MOST_STOPS = 1500  # on the way through a page


@pytest.fixture
def page(chromium, html):
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_offline(True)
    yield context.new_page()
    context.close()


@pytest.fixture
def expect(chromium):
    """Playwright's assertions, which wait."""
    from playwright.sync_api import expect

    return expect


def test_a_word_is_found_without_a_server_or_a_network(page, html, expect):
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    page.goto((html / "book" / "index.html").as_uri())
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("bottleneck")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a")
    expect(found.first).to_be_visible(timeout=120_000)
    expect(page.locator("#search-results")).to_contain_text("page", timeout=120_000)
    assert any("autoencoders.html" in link.get_attribute("href") for link in found.all())
    found.first.click()
    expect(page.locator("article h1")).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize("path", site_pages.each())
def test_the_keyboard_reaches_everything_sees_where_it_is_and_gets_out_again(page, path, expect):
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS)[2], "the first stop leads to the text"
    expect(page.locator("#pst-skip-link a")).to_be_in_viewport()
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUS)
        if stop is None or stop[2]:
            break
        stops.append(stop)
    else:
        pytest.fail(f"no way out after {stops[-3:]}")
    assert [name for name, seen, _ in stops if not seen] == []
    reached = {name for name, _, _ in stops}
    assert {*page.evaluate(LINKS)} <= reached | {page.url}


def test_the_skip_link_leads_to_the_text(page, html):
    page.goto((html / "book" / "index.html").as_uri())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


# --- addresses


def listed():
    return ADDRESSES.read_text(encoding="utf-8").split()


def test_every_page_is_listed_in_addresses_txt():
    pages = {path.relative_to(project.ROOT).with_suffix(".html").as_posix() for path in book.documents()}
    assert {*pages} <= {*listed()}, f"add new pages to {ADDRESSES.name}; never take one away"


def test_no_address_has_gone(html):
    gone = [name for name in listed() if not (html / name).exists()]
    assert gone == [], "give each a line under `redirects` in _config.yml"


def test_the_books_own_address_shows_its_first_page_and_all_of_it(page, html, expect):
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    root, first = html / "index.html", html / "book" / "index.html"
    shown, meant = (BeautifulSoup(path.read_bytes(), "html.parser") for path in (root, first))
    assert shown.text == meant.text
    assert links.lost(shown, root, links.Anchors()) == []
    page.goto(root.as_uri())
    assert page.url == root.as_uri()
    page.keyboard.press("Control+k")
    page.keyboard.type("bottleneck")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results li a").first).to_be_visible(timeout=120_000)
    assert complaints == []


BASE = "https://book.example.org/compendium/"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A tiny book with a public address and a page that has moved."""
    pages = {
        "book/index.md": "# The Denoising Compendium\n\nA tiny book on noise.\n",
        "book/labs/deep.md": "# Deep\n\nIt says $\\frac12$. It goes on.\n",
    }
    config = yaml.safe_load((project.ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    config["redirects"] = {"book/old": "labs/deep.html"}
    folder = tmp_path_factory.mktemp("published")
    return compiled(folder, pages, html={"baseurl": BASE}, sphinx={"config": config})


def tags(path, selector, attribute):
    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    return [element[attribute] for element in soup.select(selector)]


def test_with_a_public_address_pages_say_where_they_are(published):
    deep = published / "book" / "labs" / "deep.html"
    assert tags(deep, 'link[rel="canonical"]', "href") == [f"{BASE}book/labs/deep.html"]
    assert tags(deep, 'meta[property="og:url"]', "content") == [f"{BASE}book/labs/deep.html"]
    (card,) = tags(deep, 'meta[property="og:image"]', "content")
    assert (published / card.removeprefix(BASE)).is_file()
    addresses = [
        place.text
        for place in ElementTree.parse(published / "sitemap.xml").iter()
        if place.tag.endswith("loc")
    ]
    assert addresses == [f"{BASE}book/index.html", f"{BASE}book/labs/deep.html"]
    assert tags(published / "index.html", 'link[rel="canonical"]', "href") == [f"{BASE}book/index.html"]


def test_without_a_public_address_no_page_makes_one_up(html):
    if yaml.safe_load((project.ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]:
        pytest.skip("the book has a public address")
    assert not (html / "sitemap.xml").exists()
    made_up = 'link[rel="canonical"], meta[property="og:url"], meta[property="og:image"]'
    for path in site_pages.paths():
        assert BeautifulSoup(path.read_bytes(), "html.parser").select(made_up) == []


def test_a_page_that_has_moved_leads_on(published, chromium):
    page = chromium.new_page()
    page.goto((published / "book" / "old.html").as_uri())
    page.wait_for_url("**/book/labs/deep.html")
    assert page.locator("h1").inner_text().startswith("Deep")
    page.close()


SENTENCE = "A sentence of seventy characters, so that three are as long as it gets."


@pytest.mark.parametrize(
    ("article", "said"),
    [
        (
            "<p class='reading-time'>About 4 minutes</p><p>One.</p><p>Two [<a>Baldi <i>et al.</i></a>].</p>",
            "One. Two [Baldi et al.].",
        ),
        (
            "<p>90 minutes · 7 tasks</p><p><a download>Take</a> it.</p><p>You can</p><ul><li><p>see</p></li>"
            "<li><p>hear</p></li></ul>",
            "You can see; hear",
        ),
        (
            "<div class='admonition'><p>Boxed.</p></div><div class='cell'><p>Run.</p></div><p>Prose.</p>",
            "Prose.",
        ),
        (f"<p>{SENTENCE}</p>" * 5, " ".join([SENTENCE] * 3)),
        (f"<p>{'word ' * 80}.</p>", "word " * 47 + "…"),
        (f"<p>{'one, ' * 20}two; {'three ' * 40}.</p>", "one, " * 20 + "two …"),
        ("<table><tr><td><p>In a table.</p></td></tr></table>", ""),
    ],
)
def test_a_page_is_described_by_its_first_whole_sentences(article, said):
    soup = BeautifulSoup(f"<nav><p>Menu.</p></nav><article>{article}</article>", "html.parser")
    assert summary.opening(soup) == said
    assert len(said) <= summary.LENGTH


class Published(http.server.SimpleHTTPRequestHandler):
    """Serves a book below `/compendium/`, and its 404.html for what there is not, as hosts of pages do."""

    def translate_path(self, path):
        return super().translate_path(path.removeprefix("/compendium"))

    def send_error(self, code, message=None, explain=None):
        body = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_what_is_not_found_is_said_on_a_whole_page_at_any_depth(published, chromium):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Published, directory=published))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_page()
    lost = []
    page.on("response", lambda answer: lost.append(answer.url) if answer.status >= 400 else None)
    root = f"http://127.0.0.1:{server.server_port}/compendium"
    for address in (f"{root}/nowhere.html", f"{root}/book/labs/much/deeper/nowhere"):
        page.goto(address)
        assert page.locator("h1").inner_text() == "Page not found"
        assert lost.pop() == address
        assert lost == []
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.bd-sidebar-primary')).position")
            != "static"
        )
        page.get_by_role("link", name=re.compile("Deep")).first.click()
        assert page.url == f"{root}/book/labs/deep.html"
    page.close()
    server.shutdown()
