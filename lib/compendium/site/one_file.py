"""A rendered page as one file, which can be moved and sent: styles, scripts, fonts and pictures are in it."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from mimetypes import guess_type
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag

from compendium.site import links

_ADDRESS = re.compile(r"""url\(\s*["']?(?!data:|#|/|\w+:)([^"')]+)["']?\s*\)""")
_OLDER_FONT = re.compile(r""",\s*url\([^)]*\.ttf[^)]*\)\s*format\([^)]*\)""")  # every browser reads WOFF 2


def page(
    soup: BeautifulSoup,
    html: Path,
    name: str,
    place: Callable[[str], str | None],
    *,
    tips: Mapping[str, str],
    told: Mapping[str, object],
) -> str:
    """Return a page of a folder of pages as one that needs no other file; `soup` is changed.

    Args:
        soup: the page.
        html: the folder.
        name: the page's path in it, without the ending.
        place: says where a link to an address in the folder, seen from its root, is to lead; None where
            there is no such place, so that the link becomes plain text.
        tips: what a link leads to, as HTML, by its address from the root.
        told: global variables of the page's scripts.
    """
    _inline_styles(soup, html, name)
    for element in soup.select("img[src], link[rel~=icon][href]"):
        _inline_file(element, html, name)
    for link in soup.select("a[href]"):
        _lead(link, name, place, tips)
    _inline_scripts(soup, html, name, told)
    soup.html["data-content_root"] = "./"
    return str(soup)


def _inline_styles(soup: BeautifulSoup, html: Path, name: str) -> None:
    for sheet in soup.select('link[rel="stylesheet"][href]'):
        path = _file(sheet["href"], html, name)
        folder = path.parent

        def embedded(address: re.Match[str], folder: Path = folder) -> str:
            return f'url("{_data(folder / address[1].partition("?")[0].partition("#")[0])}")'

        style = soup.new_tag("style")
        style.string = _ADDRESS.sub(embedded, _OLDER_FONT.sub("", path.read_text(encoding="utf-8")))
        sheet.replace_with(style)


def _inline_file(element: Tag, html: Path, name: str) -> None:
    attribute = "src" if element.name == "img" else "href"
    if ":" in element[attribute]:
        return
    path = _file(element[attribute], html, name)
    element[attribute] = _data(path)
    if element.name == "img":
        element["data-figure"] = path.name  # by which `figures.js` knows it


def _lead(link: Tag, name: str, place: Callable[[str], str | None], tips: Mapping[str, str]) -> None:
    """Let a link lead where its target is from now on, or be plain text."""
    address = links.from_the_root(link["href"], f"{name}.html")
    if ":" in address:
        return
    link["data-tip"] = tips.get(address, "")
    path, _, anchor = address.partition("#")
    if path == f"{name}.html":
        link["href"] = f"#{anchor}"
    elif new := place(address):
        link["href"] = new
    else:
        link.unwrap()


def _inline_scripts(soup: BeautifulSoup, html: Path, name: str, told: Mapping[str, object]) -> None:
    """Put the deferred scripts at the end of the page, behind what they are told."""
    texts = [f"{variable} = {_json(value)};" for variable, value in told.items()]
    for script in soup.select("script[src]"):
        if ":" not in script["src"]:
            texts.append(_file(script["src"], html, name).read_text(encoding="utf-8"))
            script.decompose()
    for text in texts:
        script = soup.new_tag("script")
        script.string = text.replace("</script", r"<\/script")
        soup.body.append(script)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/")


def _file(address: str, html: Path, name: str) -> Path:
    return html / normpath(join(dirname(name), unquote(address.partition("?")[0])))


def _data(path: Path) -> str:
    kind = guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
