"""One stylesheet and one script for all pages, without the rules and icons for which no page has a use.

Sphinx, its theme and its extensions bring thirty files, and most rules of the largest are for components that
are not in the book. A rule stays if each class and identifier that it asks for is one of a page's, or a word
of a script; an icon stays in its font if a rule names it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from posixpath import normpath

import tinycss2
from bs4 import BeautifulSoup
from fontTools import subset
from tinycss2.ast import AtRule, Node, QualifiedRule

STYLES, SCRIPTS = "styles.css", "scripts.js"

_FOLDER = "_static/"
_SCRIPTS = f'script[src*="{_FOLDER}"][defer]:not([src*="searchtools"], [src*="language_data"])'
_HOLDING_RULES = {"media", "supports", "layer"}
_WORD = re.compile(r"[\w-]+")
_NAMES = re.compile(r"""\s(?:class|id)="([^"]*)"|<script[^>]*>(.*?)</script>""", re.DOTALL)
_ADDRESS = re.compile(r"""url\(\s*["']?(?!data:|#|/|\w+:)([^"')]+)["']?\s*\)""")
_JOINED = re.compile(rf"({_FOLDER}(?:{STYLES}|{SCRIPTS}))(?:\?v=\w+)?")
# What the theme measures, all at once and again after each change of a page, to let the keyboard reach what
# scrolls. `scrolling.js` does that for a box when it is laid out.
_MEASURED = (
    '["pre",".nboutput > .output_area",".cell_output > .output",'
    '".jp-RenderedHTMLCommon",".pst-scrollable-table-container"]'
)
_NOTHING = '[":not(*)"]'
_SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S+")


def in_use(soup: BeautifulSoup) -> bool:
    """Return whether a page has the joined files already, as one that an earlier build wrote."""
    return soup.select_one(f'link[href*="{_FOLDER}{STYLES}"]') is not None


def use(soup: BeautifulSoup) -> list[str]:
    """Put the joined files in place of the stylesheets and deferred scripts of a page.

    Returns the paths of those files among the static ones, in their order. Scripts in the article and the
    search's are for one page alone and stay.
    """
    for hint in soup.select('link[rel="preload"][as="script"]'):
        hint.decompose()
    sheets = soup.select(f'link[rel="stylesheet"][href*="{_FOLDER}"]')
    scripts = [script for script in soup.select(_SCRIPTS) if not script.find_parent("article")]
    found = []
    for elements, attribute, joined in ((sheets, "href", STYLES), (scripts, "src", SCRIPTS)):
        for element in elements:
            base, _, path = element[attribute].partition(_FOLDER)
            found.append(path.partition("?")[0])
            element[attribute] = f"{base}{_FOLDER}{joined}"
        for again in elements[1:]:
            again.decompose()
    return found


def write(html: Path, files: Iterable[str]) -> None:
    """Write the joined files for the pages in a folder, from these files among their static ones.

    The pages get their addresses with a mark of the content, so that no browser shows an older one.
    """
    static = html / _FOLDER
    sheets, scripts = [], []
    for file in files:
        (sheets if file.endswith(".css") else scripts).append(static / file)
    script = "".join(f";{_SOURCE_MAP.sub('', path.read_text(encoding='utf-8'))}\n" for path in scripts)
    script = script.replace(_MEASURED, _NOTHING)
    (static / SCRIPTS).write_text(script, encoding="utf-8")
    names = _names(html)
    styles = "\n".join(line for sheet in sheets for line in _joined(sheet, static, names))
    (static / STYLES).write_text(styles, encoding="utf-8")
    _keep_icons(static, styles)
    mark = hashlib.sha256(f"{styles}{script}".encode()).hexdigest()[:8]
    for page in html.rglob("*.html"):
        page.write_text(_JOINED.sub(rf"\1?v={mark}", page.read_text(encoding="utf-8")), encoding="utf-8")


def _joined(sheet: Path, static: Path, names: set[str]) -> Iterator[str]:
    yield f"/* {sheet.relative_to(static).as_posix()} */"
    yield from _used(_rules(sheet, static), names)


def _names(html: Path) -> set[str]:
    """Collect the classes and identifiers of the pages in a folder, and all words of their scripts."""
    pages = (path.read_text(encoding="utf-8") for path in html.rglob("*.html"))
    found = [part for page in pages for match in _NAMES.findall(page) for part in match]
    found += [path.read_text(encoding="utf-8") for path in (html / _FOLDER).rglob("*.js")]
    return {word for text in found for word in _WORD.findall(text)}


def _rules(sheet: Path, static: Path) -> Iterator[Node]:
    """Read a stylesheet and those it imports, with addresses as seen from `static`."""

    def moved(address: re.Match[str]) -> str:
        folder = sheet.parent.relative_to(static).as_posix()
        return f'url("{normpath(f"{folder}/{address[1]}")}")'

    css = _ADDRESS.sub(moved, sheet.read_text(encoding="utf-8"))
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        keyword = rule.lower_at_keyword if isinstance(rule, AtRule) else ""
        if keyword == "import":
            (imported,) = (token.value for token in rule.prelude if token.type == "string")
            yield from _rules((sheet.parent / imported).resolve(), static)
        elif keyword != "charset":  # it may only stand in front
            yield rule


def _used(rules: Iterable[Node], names: set[str]) -> Iterator[str]:
    """Write those of the rules that find something to apply to."""
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            if any(_asks_for(selector) <= names for selector in _selectors(rule)):
                yield rule.serialize()
        elif rule.content is not None and rule.lower_at_keyword in _HOLDING_RULES:
            inner = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
            if used := "\n".join(_used(inner, names)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{used}}}"
        else:
            yield rule.serialize()


def _selectors(rule: QualifiedRule) -> list[list[Node]]:
    """Split what stands before the braces at its commas; those in `:is(...)` are inside of one token."""
    selectors: list[list[Node]] = [[]]
    for token in rule.prelude:
        if token == ",":
            selectors.append([])
        else:
            selectors[-1].append(token)
    return selectors


def _asks_for(selector: list[Node]) -> set[str]:
    """Return the classes and identifiers without which a selector finds nothing."""
    identifiers = {token.value for token in selector if token.type == "hash"}
    return identifiers | {
        name.value for dot, name in pairwise(selector) if dot == "." and name.type == "ident"
    }


def _keep_icons(static: Path, styles: str) -> None:
    """Leave in the theme's fonts of icons those that the styles name; icons are in Unicode's private area."""
    icons = [ord(character) for character in styles if "\ue000" <= character <= "\uf8ff"]
    for path in static.glob("vendor/fontawesome/webfonts/*.woff2"):
        options = subset.Options(flavor="woff2")
        font = subset.load_font(path, options)
        smaller = subset.Subsetter(options)
        smaller.populate(unicodes=icons)
        smaller.subset(font)
        subset.save_font(font, path, options)
