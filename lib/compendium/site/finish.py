"""The last touch on each page that Sphinx wrote: nothing from other hosts, quick to show, open to everyone.

A Sphinx extension. Each mend is for something that the theme or an extension writes and no setting changes.
"""

import re
from collections.abc import Iterable, Set
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bs4 import BeautifulSoup, NavigableString, Tag
from PIL import Image
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES, Operator, Text
from sphinx.application import Sphinx

from compendium.site import frames, joined, links, summary, typography
from compendium.site.each import of_each
from compendium.site.elements import add_class
from compendium.site.icons import draw_icons

# Scripts that no page needs: live code needs a host to run on, icons are drawn in the page, and
# browsers fold and open menus by themselves.
_WITHOUT = ("bootstrap", "fontawesome", "sphinx-thebe", "togglebutton")
_TOLD_TO_THEM = re.compile(
    r"\b(?:let|var|const) (?:THEBE_|thebe_|togglebuttonSelector|toggle(?:Hint|OpenOn))|^kernelName = "
)
_NOT_NEEDED = ", ".join(
    [
        *(f'script[src*="{name}"], link[href*="{name}.css"]' for name in _WITHOUT),
        'script[type="text/x-thebe-config"], meta[name^="docsearch"], #ethical-ad-placement',
        'meta[property="og:url"]:not([content*="//"])',  # where the public address is not set
    ]
)
_SEARCH = 'script[src*="searchtools"], script[src*="language_data"], script[src*="searchindex"]'
_SHORT = 20  # letters of a row's name, with which it takes one line
_OPTIONS = "documentation_options.js"
_THEME = """\
    document.documentElement.dataset.mode = localStorage.getItem("mode") || "auto";
    document.documentElement.dataset.theme = localStorage.getItem("theme") ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
"""


def _plain_tokens(styles: Iterable[str]) -> set[str]:
    """Return the classes of tokens that look like the code around them in each of these Pygments styles.

    Operators are among them, whatever the styles say: dots and signs would be a third of all coloured tokens.
    """
    looks = [get_style_by_name(style).style_for_token for style in styles]
    return {STANDARD_TYPES[Operator]} | {
        name for token, name in STANDARD_TYPES.items() if all(look(token) == look(Text) for look in looks)
    }


def _mend(soup: BeautifulSoup, name: str, plain: Set[str], options: str) -> None:
    """Mend a page.

    Its name is its path without the ending, `plain` the classes that code does not need, and `options` the
    script in which Sphinx tells the others of the book.
    """
    for element in soup.select(_NOT_NEEDED if name == "search" else f"{_NOT_NEEDED}, {_SEARCH}"):
        element.decompose()
    _title(soup)
    _scripts(soup, options)
    _menus(soup)
    _folds(soup)
    draw_icons(soup)
    _structure(soup)
    frames.mend(soup)
    _tables(soup)
    _code(soup, plain)
    typography.mend(soup)
    summary.describe(soup)
    _bibliography(soup)


def _title(soup: BeautifulSoup) -> None:
    """Name the book once in a title."""
    if soup.title and len({*soup.title.text.split(" — ")}) == 1:
        soup.title.string = soup.title.text.split(" — ")[0]


def _scripts(soup: BeautifulSoup, options: str) -> None:
    """Let no script hold up the page, and the theme know its colours before anything is painted.

    What scripts are told of the book and the page, Sphinx's options and what follows them, is one script in
    the page. It stands before the stylesheet: behind it, it would wait until that is there.
    """
    for script in soup.select("head script[src]"):
        script["defer"] = ""
    told: dict[str, None] = {}  # in order, each once
    for script in soup.select(f'script:not([src]), script[src*="{_OPTIONS}"]'):
        text = options if script.get("src") else script.text
        unused = _TOLD_TO_THEM.search(text)
        if "dataset.theme" in text:
            told[_THEME] = None
        elif script.find_parent("head") and not unused:
            told[text] = None
        if script.find_parent("head") or unused:
            script.decompose()
    if soup.head and told:
        script = soup.new_tag("script", string="\n".join(told))
        soup.head.select_one("link, style, script, noscript").insert_before(script)
    if soup.body:
        soup.body["data-default-mode"] = "auto"


def _menus(soup: BeautifulSoup) -> None:
    """Open the menus on top without a script; buttons have plain titles in place of a script's.

    The browser closes a popover at Escape and at a click elsewhere. What does need a script is hidden where
    there is none.
    """
    for number, button in enumerate(soup.select('[data-bs-toggle="dropdown"]')):
        menu = button.find_next_sibling("ul")
        menu["popover"], menu["id"] = "", f"menu-{number}"
        del button["aria-expanded"]
        button["popovertarget"] = menu["id"]
        button["title"] = button["aria-label"]
    for element in soup.select("[data-bs-toggle]"):
        title = element.get("data-bs-title")
        if title and not element.get("title"):
            element["title"] = title
        for name in [name for name in element.attrs if name.startswith("data-bs-")]:
            del element[name]
    for element in soup.select("[onclick], .sidebar-toggle"):
        add_class(element, "pst-js-only")


def _folds(soup: BeautifulSoup) -> None:
    """Let the browser fold solutions, as it does code."""
    for box in soup.select(".admonition.dropdown"):
        box.name = "details"
        title = box.select_one(".admonition-title")
        title.name = "summary"
        title.append(soup.new_tag("i", attrs={"class": "fas fa-chevron-down"}))


def _images(soup: BeautifulSoup, folder: Path) -> None:
    """Keep a place for pictures, which come after the text, and let those of figures scroll."""
    for image in soup.select("article figure > img"):
        image.wrap(soup.new_tag("div", attrs={"class": "picture"}))
    for image in soup.select("article img[src*='_images/'][src$='.png']:not([src*='//'], [width])"):
        with Image.open(folder / unquote(image["src"])) as picture:
            image["width"], image["height"] = picture.size
        image["loading"] = "lazy"
        image["style"] = f"--natural-width: {image['width']}px"


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
    """A header cell says something; an empty corner is no header; short names of rows are marked.

    A caption names its table.
    """
    for cell in soup.select("th"):
        if not cell.get_text(strip=True) and not cell.select("img[alt], svg"):
            cell.name = "td"
            cell.attrs.pop("scope", None)
    for cell in soup.select("thead th:not([scope])"):
        cell["scope"] = "col"
    for cell in soup.select("tbody th:not([scope])"):
        cell["scope"] = "row"
    for table in soup.select("table:not(.dataframe)"):
        keys = table.select("tbody td:first-child")
        if all(len(key.get_text(strip=True)) <= _SHORT for key in keys):
            for key in keys:
                add_class(key, "unbroken")
    for number, caption in enumerate(soup.select(".table-caption")):
        caption["id"] = f"table-caption-{number}"
        for table in caption.parent.select("table"):
            table["aria-labelledby"] = caption["id"]


def _code(soup: BeautifulSoup, plain: Set[str]) -> None:
    """Take the spans away that colour nothing: they are half of the elements of a chapter.

    Commands have a colour for the prompt and for comments alone.
    """
    for token in soup.select("pre span"):
        if plain.issuperset(token.get("class", [])):
            token.unwrap()
    for token in soup.select(":is(.highlight-console, .highlight-bash) pre span:not(.gp, .c1)"):
        token.unwrap()  # the lexer knows neither our commands nor what stands behind `-p`
    for code in soup.select(".tag_parameters .cell_input pre"):
        _part_lines(soup, code)


def _part_lines(soup: BeautifulSoup, code: Tag) -> None:
    """Put each line of a cell without nested tokens into an element, so that a long one may hang."""
    lines: list[list[Any]] = [[]]
    for part in list(code.contents):
        pieces = part.splitlines(keepends=True) if isinstance(part, NavigableString) else [part]
        for piece in pieces:
            lines[-1].append(piece)
            if str(piece).endswith("\n"):
                lines.append([])
    code.clear()
    for line in filter(None, lines):
        code.append(soup.new_tag("span", attrs={"class": "line"}))
        code.contents[-1].extend(line)


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


def _at_the_root(html: Path, first: str) -> None:
    """Show the first page at the book's own address, too, in place of a page that leads there."""
    soup = BeautifulSoup((html / f"{first}.html").read_bytes(), "html.parser")
    soup.html["data-content_root"] = "./"
    for attribute in ("href", "src", "action"):
        for element in soup.select(f'[{attribute}]:not([{attribute}^="#"])'):
            element[attribute] = links.from_the_root(element[attribute], f"{first}.html")
    (html / "index.html").write_text(str(soup), encoding="utf-8")


def _finished(path: Path, html: Path, plain: Set[str], options: str) -> list[str]:
    """Mend a page's file, and return the files that are to be joined for it."""
    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    if not soup.body or joined.in_use(soup):
        return []
    _mend(soup, path.relative_to(html).with_suffix("").as_posix(), plain, options)
    _images(soup, path.parent)
    files = joined.use(soup)
    path.write_text(str(soup), encoding="utf-8")
    return files


def _finish(app: Sphinx, fault: Exception | None) -> None:
    if fault is not None or app.builder.format != "html":
        return
    html = Path(app.outdir)
    theme = app.config.html_theme_options
    plain = _plain_tokens([theme["pygments_light_style"], theme["pygments_dark_style"]])
    options = (html / "_static" / _OPTIONS).read_text(encoding="utf-8")
    for file in [file for name in _WITHOUT for file in (html / "_static").rglob(f"{name}*.js*")]:
        file.unlink()
    found = sorted(html.rglob("*.html"))
    pages = [path for path in found if not path.relative_to(html).as_posix().startswith("_")]
    used = of_each(pages, _finished, html, plain, options)
    if files := dict.fromkeys(chain.from_iterable(used)):  # in order, each once
        joined.write(html, files)
    _at_the_root(html, app.config.root_doc)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    # Without a server, a browser lets no page read another, which the search's summaries need.
    app.add_js_file(None, body='DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:";')
    app.connect("build-finished", _finish, priority=900)  # when the other extensions have written their files
    return {"parallel_read_safe": True, "parallel_write_safe": True}
