"""Signs and spaces of the prose as a printer sets them; code stays as it is."""

import re

from bs4 import BeautifulSoup, NavigableString

_NOT_PROSE = "pre, code, script, style, math, svg, textarea, option"
_SPACE = "\N{NO-BREAK SPACE}"
_SIGNS = (
    (r"(?<=\d)(?<!\b0)( ?)x( ?)(?=\d)", r"\1×\2"),
    (r"(?<=\d)%", f"{_SPACE}%"),
    (r"(?<=\d) (?=(?:%|dB|×|[kMG]B|bits?)(?!\w))|(?<=×) (?=\d)", _SPACE),  # a number and its unit
    (r"(?<=\w) = (?=[-\d])", f"{_SPACE}={_SPACE}"),
    (r"\b(Tables?|Figs?\.|Visual|Chapter|lines?|images?) (?=\d)", rf"\1{_SPACE}"),
    (r"(?<![^\s(“])\+ (?=\w)", f"+{_SPACE}"),
    (r"(?<![^\s(\[+±])-(?=\d)", "\N{MINUS SIGN}"),
    (r"(?<=\w)'(?=\w)|(?<=s)'(?=\s|$|[,.;:)])", "’"),
    (r'(?<!\S)"(?=\w)([^"]*)"|(?<=\()"([^"]*)"', r"“\1\2”"),
)
_MARKS = re.compile(r"[,.;:!?)\]’”]+")


def signs(text: str) -> str:
    """Return a text with minus and times signs, apostrophes, quotation marks and no-break spaces."""
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text


def mend(soup: BeautifulSoup) -> None:
    """Set the signs in a page's prose, and keep a formula and the mark that follows it on one line."""
    for text in (soup.article or soup.body).find_all(string=True):
        if (better := signs(text)) != text and not text.parent.css.closest(_NOT_PROSE):
            text.replace_with(better)
    for number in soup.select("h1 .section-number"):
        number.string = number.get_text().rstrip() + _SPACE
    for formula in soup.select('article math:not([display="block"])'):
        after = formula.next_sibling
        if isinstance(after, NavigableString) and (marks := _MARKS.match(after)):
            after.replace_with(after[marks.end() :])
            formula.wrap(soup.new_tag("span", attrs={"class": "unbroken"})).append(marks[0])
