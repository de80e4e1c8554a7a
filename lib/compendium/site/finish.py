"""The last touch on each page that Sphinx wrote: nothing from other hosts, quick to show, open to everyone.

A Sphinx extension. Each mend is for something that the theme or an extension writes and no setting changes.
"""

import re
from collections.abc import Iterable, Set
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from PIL import Image
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Text
from sphinx.application import Sphinx

from compendium.site import joined
from compendium.site.icons import draw_icons

# Live code needs a host to run on, and the search's data are for the search page.
_NOT_NEEDED = (
    'script[src*="sphinx-thebe"], link[href*="sphinx-thebe"], script[type="text/x-thebe-config"], '
    'script[src*="fontawesome"], meta[name^="docsearch"], #ethical-ad-placement, '
    'meta[property="og:url"]:not([content*="//"])'  # where the public address is not set
)
_NOT_PROSE = "pre, code, script, style, math, svg, textarea, option"
_PARTED = re.compile(r"(?<=\d) (?=(?:%|dB|×|kB|MB|bits?)(?!\w))|(?<=×) (?=\d)")
_SEARCH = 'script[src*="searchtools"], script[src*="language_data"], script[src*="searchindex"]'
_AT_ONCE = "documentation_options"  # scripts in the page change what it sets
_THEME = """\
    document.documentElement.dataset.mode = localStorage.getItem("mode") || "auto";
    document.documentElement.dataset.theme = localStorage.getItem("theme") ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
"""


def _plain_tokens(styles: Iterable[str]) -> set[str]:
    """Return the classes of tokens that look like the code around them in each of these Pygments styles."""
    looks = [get_style_by_name(style).style_for_token for style in styles]
    return {
        name for token, name in STANDARD_TYPES.items() if all(look(token) == look(Text) for look in looks)
    }


def _mend(soup: BeautifulSoup, name: str, plain: Set[str]) -> None:
    """Mend a page; its name is its path without the ending, `plain` the classes that code does not need."""
    for element in soup.select(_NOT_NEEDED if name == "search" else f"{_NOT_NEEDED}, {_SEARCH}"):
        element.decompose()
    _summary(soup)
    _scripts(soup)
    draw_icons(soup)
    _structure(soup)
    _tables(soup)
    _code(soup, plain)
    _numbers(soup)
    _bibliography(soup)


def _summary(soup: BeautifulSoup) -> None:
    """Name the book once in a title, and end a description where a sentence ends."""
    if soup.title and len({*soup.title.text.split(" — ")}) == 1:
        soup.title.string = soup.title.text.split(" — ")[0]
    for element in soup.select('meta[name="description"], meta[property="og:description"]'):
        whole = re.match(r".{60,}[.!?](?= [A-Z])", element["content"])
        if element["content"].endswith("...") and whole:
            element["content"] = whole[0]


def _scripts(soup: BeautifulSoup) -> None:
    """Let no script hold up the page, and the theme know its colours before anything is painted."""
    for script in soup.select("head script[src]"):
        if _AT_ONCE not in script["src"]:
            script["defer"] = ""
    seen = set()
    for script in soup.select("head script:not([src])"):
        if "THEBE_JS_URL" in script.text or script.text in seen:
            script.decompose()
            continue
        seen.add(script.text)
        if "dataset.theme" in script.text:
            script.string = _THEME
    if soup.body:
        soup.body["data-default-mode"] = "auto"


def _images(soup: BeautifulSoup, folder: Path) -> None:
    """Let the text of a page come before its pictures, which have their place kept."""
    for image in soup.select("article img[src$='.png']:not([src*='//'], [width])"):
        with Image.open(folder / image["src"]) as picture:
            image["width"], image["height"] = picture.size
        image["loading"] = "lazy"


def _structure(soup: BeautifulSoup) -> None:
    """One viewport, one first heading, landmarks around everything, identifiers used once."""
    for again in soup.select('meta[name="viewport"]')[1:]:
        again.decompose()
    for sidebar in soup.select("#pst-primary-sidebar"):
        sidebar["role"] = "complementary"
        sidebar["aria-label"] = "The book"
    for title in soup.select("#jb-print-docs-body h1"):  # a page on paper has it once more
        title.name = "p"
        title["class"] = "h1"
    taken: set[str] = set()
    for element in soup.select("[id]"):
        if element["id"] in taken:
            del element["id"]
        else:
            taken.add(element["id"])


def _tables(soup: BeautifulSoup) -> None:
    """A header cell says something; an empty corner is no header; a caption names its table."""
    for cell in soup.select("th"):
        if not cell.get_text(strip=True) and not cell.select("img[alt], svg"):
            cell.name = "td"
            cell.attrs.pop("scope", None)
    for cell in soup.select("thead th:not([scope])"):
        cell["scope"] = "col"
    for cell in soup.select("tbody th:not([scope])"):
        cell["scope"] = "row"
    for number, caption in enumerate(soup.select(".table-caption")):
        caption["id"] = f"table-caption-{number}"
        for table in caption.parent.select("table"):
            table["aria-labelledby"] = caption["id"]


def _code(soup: BeautifulSoup, plain: Set[str]) -> None:
    """Take the spans away that colour nothing: they are half of the elements of a chapter."""
    for token in soup.select("pre span[class]"):
        if plain.issuperset(token["class"]):
            token.unwrap()


def _numbers(soup: BeautifulSoup) -> None:
    """Keep a number and its unit on one line, and the sides of an image."""
    for text in (soup.article or soup.body).find_all(string=_PARTED):
        if not text.find_parent(lambda element: element.css.match(_NOT_PROSE)):
            text.replace_with(_PARTED.sub("\N{NO-BREAK SPACE}", text))


def _bibliography(soup: BeautifulSoup) -> None:
    """References are a list of entries; docutils gives them a role that ARIA has dropped."""
    for entry in soup.select('[role="doc-biblioentry"]'):
        entry["role"] = "listitem"
    for entries in soup.select('.citation-list[role="list"]'):
        for child in [child for child in entries.children if isinstance(child, Tag)]:
            if child.get("role") != "listitem":
                _move_into_next(child)


def _move_into_next(element: Tag) -> None:
    entry = element.find_next_sibling(role="listitem")
    if entry is not None:
        entry.insert(0, element.extract())


def _finish(app: Sphinx, fault: Exception | None) -> None:
    if fault is not None or app.builder.format != "html":
        return
    html = Path(app.outdir)
    options = app.config.html_theme_options
    plain = _plain_tokens([options["pygments_light_style"], options["pygments_dark_style"]])
    files: dict[str, None] = {}  # in order, each once
    for path in html.rglob("*.html"):
        name = path.relative_to(html).with_suffix("").as_posix()
        if name.startswith("_"):
            continue
        soup = BeautifulSoup(path.read_bytes(), "html.parser")
        if soup.body:
            _mend(soup, name, plain)
            _images(soup, path.parent)
            files |= dict.fromkeys(joined.use(soup))
            path.write_text(str(soup), encoding="utf-8")
    if files:
        joined.write(html, files)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    # Without a server, a browser lets no page read another, which the search's summaries need.
    app.add_js_file(None, body='DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:";')
    app.connect("build-finished", _finish, priority=900)  # when the other extensions have written their files
    return {"parallel_read_safe": True, "parallel_write_safe": True}
