"""A Sphinx extension: what a link leads to, for `tips.js` to show beside the link.

When the pages are written, each link to a glossary term, a cited work, a figure, an equation or a claim is
looked up, and what stands there goes into one file. `tips.js` loads it as a script, so it is there without a
server, too.
"""

import json
import re
from collections.abc import Mapping, Set
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

from compendium.site import links
from compendium.site.each import of_each

DATA = "tips-data.js"
LINK = re.compile(r'<a class="[^"]*\breference internal[^"]*" href="([^"#]*)#([^"]+)"')
KINDS = "dt[id^=term-], .citation[id], figure[id], div.math[id^=equation-], .claims tr[id]"


def tip(target: Tag, page: str) -> str:
    """Return what a tip shows of the element that a link leads to, as HTML with addresses from the root."""
    target = BeautifulSoup(str(_essence(target)), "html.parser")
    for element in target.select(".headerlink, .backrefs, .label, [role=doc-backlink], button"):
        element.decompose()
    for element in target.find_all(True):
        element.name = "div" if element.name == "dd" else element.name  # there is no list round it
        del element["id"], element["role"]
    for image in target.select("img"):
        image["src"] = links.from_the_root(image["src"], page)
        image["loading"] = "lazy"
    for link in target.select("a"):  # what is in a tip is read there; the link itself leads on
        link.unwrap()
    return str(target).strip()


def collect(html: Path) -> dict[str, str]:
    """Return the tips of all links in a folder of pages, by the address that the link leads to."""
    wanted: dict[str, set[str]] = {}
    for path in html.rglob("*.html"):
        page = path.relative_to(html).as_posix()
        for address, anchor in LINK.findall(path.read_text(encoding="utf-8")):
            wanted.setdefault(links.from_the_root(address, page), set()).add(anchor)
    pages = [html / page for page in sorted(wanted) if (html / page).exists()]
    found = of_each(pages, _of_page, html, wanted)
    return {address: shown for tips in found for address, shown in tips.items()}


def _of_page(path: Path, html: Path, wanted: Mapping[str, Set[str]]) -> dict[str, str]:
    page = path.relative_to(html).as_posix()
    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    return {
        f"{page}#{element['id']}": tip(element, page)
        for element in soup.select(KINDS)
        if element["id"] in wanted[page]
    }


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the tips beside the pages."""
    if exception is None and app.builder.format == "html":
        data = json.dumps(collect(Path(app.outdir)), ensure_ascii=False, sort_keys=True)
        target = Path(app.outdir) / "_static" / DATA
        target.write_text(f"window.compendiumTips = {data};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_js_file("tips.js", loading_method="defer")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _essence(target: Tag) -> Tag:
    """The part of the element that says it: the definition of a term, the row of a claim with its heads."""
    if target.name == "dt":
        while target.name != "dd":
            target = target.find_next_sibling()
    elif target.name == "tr":
        cells = {cell["data-column"]: cell.decode_contents() for cell in target.select("td")}
        parts = "".join(f"<p><b>{name}</b> {cell}</p>" for name, cell in cells.items() if cell.strip())
        return BeautifulSoup(f"<div>{parts}</div>", "html.parser").div
    return target
