"""Signs and spaces of the prose as a printer sets them; code stays as it is."""

import re

from bs4 import BeautifulSoup, NavigableString

from compendium.site.elements import add_class

_VERBATIM = "pre, script, style, math, svg, textarea, option"
_NOT_PROSE = f"{_VERBATIM}, code"
_SPACE = "\N{NO-BREAK SPACE}"
_SIGNS = (  # read one after the other
    (r"(?<=\d)(?<!\b0)( ?)x( ?)(?=\d)", r"\1×\2"),
    (r"(?<=\d)%", f"{_SPACE}%"),
    (r"(?<=\d) (?=(?:%|dB|×|[kMG]B|bits?)(?!\w))|(?<=×) (?=\d)", _SPACE),  # a number and its unit
    (r"(?<=[\[(])(-?\d+), (?=-?\d+[\])])", rf"\1,{_SPACE}"),  # an interval, a pair
    (r" (?=×)", _SPACE),
    (r"(?<=\d) to (?=[-+]?\d)", f"{_SPACE}to{_SPACE}"),
    (r"(?<=\w) = |^ = ", f"{_SPACE}= "),
    (rf"((?:\b\S{{1,12}}|^){_SPACE}=) (?=\S{{1,12}}(?!\S))", rf"\1{_SPACE}"),  # short enough for one line
    (r"\b(Tables?|Figs?\.|Visual|Chapter|lines?|images?) (?=\d)", rf"\1{_SPACE}"),
    (r"\b(Tables|Figs\.)(\s\d+) and (?=\d)", rf"\1\2{_SPACE}and{_SPACE}"),
    (r"\b(Tables|Figs\.)(\s\d+)-(?=\d)", "\\1\\2\N{EN DASH}"),
    (r"(?<![^\s(“])\+ (?=\w)", f"+{_SPACE}"),
    (r"(?<![^\s(\[+±])-(?=\d)", "\N{MINUS SIGN}"),
    (r"\bKullback-(?=Leibler\b)", "Kullback\N{EN DASH}"),
    (r"(?<=\w)'(?=\w)|(?<=s)'(?=\s|$|[,.;:)])", "’"),
    (r'(?<!\S)"(?=\w)([^"]*)"|(?<=\()"([^"]*)"', r"“\1\2”"),
)
_SHORT = 24  # characters of code that stay on one line, on a phone as well
_LONG = re.compile(rf"(?=\S*[,/_]\w)\S{{{_SHORT + 1},}}")  # a list or a path without spaces
_NAMES = re.compile(r"\b(CIFAR-\d+|scikit-(?:image|learn)|t-SNE)\b")  # which do not break at their hyphens
_MARKS = re.compile(r"[,.;:!?)\]’”]+")


def signs(text: str) -> str:
    """Return a text with minus and times signs, apostrophes, quotation marks and no-break spaces."""
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text


def mend(soup: BeautifulSoup) -> None:
    """Set the signs in a page's prose, and keep on one line what belongs together.

    That is a formula and the mark that follows it, a name, and a short piece of code. A long list or
    path may break.
    """
    content = soup.article or soup.body
    for text in content.find_all(string=True):
        if (better := signs(text)) != text and not text.parent.css.closest(_NOT_PROSE):
            text.replace_with(better)
    for text in content.find_all(string=_LONG.search):
        if not text.parent.css.closest(_VERBATIM):
            _let_break(soup, text)
    for text in content.find_all(string=_NAMES.search):
        if not text.parent.css.closest(_NOT_PROSE):
            _keep_whole(soup, text)
    for number in soup.select(":is(h1, .prev-next-title) .section-number"):
        number.string = number.get_text().rstrip() + _SPACE
    for code in soup.select("article code:not(pre code)"):
        words = code.get_text()
        if len(words) <= _SHORT:
            add_class(code, "unbroken")
    for formula in soup.select('article math:not([display="block"])'):
        after = formula.next_sibling
        if isinstance(after, NavigableString) and (marks := _MARKS.match(after)):
            after.replace_with(after[marks.end() :])
            formula.wrap(soup.new_tag("span", attrs={"class": "unbroken"})).append(marks[0])


def _keep_whole(soup: BeautifulSoup, text: NavigableString) -> None:
    """Let the names in a text not break."""
    text.replace_with(
        *(
            soup.new_tag("span", attrs={"class": "unbroken"}, string=piece) if number % 2 else piece
            for number, piece in enumerate(_NAMES.split(text))
        )
    )


def _let_break(soup: BeautifulSoup, text: NavigableString) -> None:
    """Let lists without spaces break after their commas, and paths after their slashes and lines."""

    def broken(found: re.Match[str]) -> str:
        return re.sub(r"," if "," in found[0] else r"[/_]", r"\g<0>\0", found[0])

    first, *others = _LONG.sub(broken, text).split("\0")
    text.replace_with(first, *(piece for other in others for piece in (soup.new_tag("wbr"), other)))
