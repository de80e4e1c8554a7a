"""Signs and spaces of the prose as a printer sets them; code stays as it is."""

import re

from bs4 import BeautifulSoup, NavigableString

_NOT_PROSE = "pre, script, style, math, svg, textarea, option"
_SPACE = "\N{NO-BREAK SPACE}"
_SIGNS = (
    (r"(?<=\d)(?<!\b0)( ?)x( ?)(?=\d)", r"\1×\2"),
    (r"(?<=\d)%", f"{_SPACE}%"),
    (r"(?<=\d) (?=(?:%|dB|×|[kMG]B|bits?)(?!\w))|(?<=×) (?=\d)", _SPACE),  # a number and its unit
    (r"(?<=\[)(-?\d+), (?=-?\d+\])", rf"\1,{_SPACE}"),  # an interval
    (r"(?<=\w) = (?=[-\d])", f"{_SPACE}={_SPACE}"),
    (r"\b(Tables?|Figs?\.|Visual|Chapter|lines?|images?) (?=\d)", rf"\1{_SPACE}"),
    (r"\b(Tables|Figs\.)(\s\d+) and (?=\d)", rf"\1\2{_SPACE}and{_SPACE}"),
    (r"(?<![^\s(“])\+ (?=\w)", f"+{_SPACE}"),
    (r"(?<![^\s(\[+±])-(?=\d)", "\N{MINUS SIGN}"),
    (r"(?<=\w)'(?=\w)|(?<=s)'(?=\s|$|[,.;:)])", "’"),
    (r'(?<!\S)"(?=\w)([^"]*)"|(?<=\()"([^"]*)"', r"“\1\2”"),
)
_SHORT = 24  # characters of code that stay on one line, on a phone as well
_LIST = re.compile(rf"(?=\S*,\S)\S{{{_SHORT},}}")  # without spaces, too long to stay whole
_MARKS = re.compile(r"[,.;:!?)\]’”]+")


def signs(text: str) -> str:
    """Return a text with minus and times signs, apostrophes, quotation marks and no-break spaces."""
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text


def mend(soup: BeautifulSoup) -> None:
    """Set the signs in a page's prose, and keep on one line what belongs together.

    That is a formula and the mark that follows it, and a short piece of code; a long list in code may break.
    """
    content = soup.article or soup.body
    for text in content.find_all(string=True):
        if (better := signs(text)) != text and not text.parent.css.closest(f"{_NOT_PROSE}, code"):
            text.replace_with(better)
    for text in content.find_all(string=_LIST.search):
        if not text.parent.css.closest(_NOT_PROSE):
            _let_break(soup, text)
    for number in soup.select(":is(h1, .prev-next-title) .section-number"):
        number.string = number.get_text().rstrip() + _SPACE
    for code in soup.select("article code:not(pre code)"):
        words = code.get_text()
        if " " in words and len(words) <= _SHORT:
            code["class"] = [*code.get("class", []), "unbroken"]
    for formula in soup.select('article math:not([display="block"])'):
        after = formula.next_sibling
        if isinstance(after, NavigableString) and (marks := _MARKS.match(after)):
            after.replace_with(after[marks.end() :])
            formula.wrap(soup.new_tag("span", attrs={"class": "unbroken"})).append(marks[0])


def _let_break(soup: BeautifulSoup, text: NavigableString) -> None:
    """Let a list without spaces break after its commas."""
    first, *others = _LIST.sub(lambda found: found[0].replace(",", ",\0"), text).split("\0")
    text.replace_with(first, *(piece for other in others for piece in (soup.new_tag("wbr"), other)))
