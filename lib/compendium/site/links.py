"""Links of rendered pages: whether they lead somewhere, and how they read from another folder."""

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import SplitResult, unquote, urlsplit

from bs4 import BeautifulSoup

_ANCHOR = re.compile(r"""<[^<>]*?\s(?:id|name)="([^"]+)\"""")
_TOP = {"", "top"}  # of any page


class Anchors(dict[Path, set[str]]):
    """The anchors of each page that is asked for, read once."""

    def __missing__(self, page: Path) -> set[str]:
        """Read a page's anchors."""
        self[page] = {*_ANCHOR.findall(page.read_text(encoding="utf-8"))}
        return self[page]


def from_the_root(address: str, page: str) -> str:
    """Return an address in a page, given by its path from the root of all pages, as it is seen from there.

    Addresses on other hosts, and what is no path, stay as they are.
    """
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    path = normpath(join(dirname(page), parts.path)) if parts.path else page
    return parts._replace(path=path).geturl()


def lost(soup: BeautifulSoup, page: Path, anchors: Anchors) -> list[str]:
    """Return the links and sources of a page that lead nowhere, or that are no addresses."""
    found = []
    for element in soup.select("[src], [href]"):
        address = element.get("src") or element.get("href")
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            if not _well_formed(parts):
                found.append(f"{address} is no address")
        elif not _leads_somewhere(parts, page, anchors):
            found.append(f"{address.split('?')[0]} leads nowhere")
    return found


def _well_formed(parts: SplitResult) -> bool:
    if parts.scheme in {"http", "https"}:
        host = parts.hostname or ""
        return ("." in host or host == "localhost") and not re.search(r"\s", parts.geturl())
    return parts.scheme in {"data", "mailto"}


def _leads_somewhere(parts: SplitResult, page: Path, anchors: Anchors) -> bool:
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.exists():
        return False
    if target.suffix != ".html" or parts.fragment in _TOP:
        return True
    return unquote(parts.fragment) in anchors[target]
