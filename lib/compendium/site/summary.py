"""What a page says of itself where a link to it is shown: its first sentences.

The extension that writes cards counts times to read and heads of tables among them, and stops anywhere.
"""

import re

from bs4 import BeautifulSoup

LENGTH = 240  # characters; few places that show a link leave more

_DESCRIPTIONS = 'meta[name="description"], meta[property="og:description"]'
_NOT_PROSE = ".admonition, .cell, .reading-time, figure, nav, table, p:has(a[download])"
_FACTS = " · "  # between facts in a row, which are no sentence
_SENTENCE_ENDS = re.compile(r"[.!?](?=\s[A-Z“]|$)")


def describe(soup: BeautifulSoup) -> None:
    """Let a page's description, and that of its card, be its first sentences."""
    for element in soup.select(_DESCRIPTIONS):
        element["content"] = opening(soup)


def opening(soup: BeautifulSoup) -> str:
    """Return the whole sentences with which a page's prose begins, `LENGTH` characters at most.

    A list is part of the sentence before it. A sentence that is longer is cut between two words or items.
    """
    text = ""
    for paragraph in soup.select("article p"):
        words = " ".join(paragraph.get_text().split())
        if words and _FACTS not in words and not paragraph.css.closest(_NOT_PROSE):
            item = paragraph.find_parent("li")
            text += f"; {words}" if item and item.find_previous_sibling("li") else f" {words}"
        if len(text) > LENGTH:
            return _cut(text.strip())
    return text.strip()


def _cut(text: str) -> str:
    ends = [end.end() for end in _SENTENCE_ENDS.finditer(text[: LENGTH + 2]) if end.end() <= LENGTH]
    if ends:
        return text[: ends[-1]]
    whole_words = text[: LENGTH - 1].rpartition(" ")[0]
    items = whole_words.rpartition(";")[0]
    return f"{items or whole_words} …"
