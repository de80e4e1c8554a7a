"""Opens each page of the built book once, in a real browser, and keeps what the tests want to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from nbformat import NotebookNode

from compendium import book, project, published

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

WIDTHS = (1440, 768, 390)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHANGING = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "target-size",
]  # with theme, width

# The first page, a chapter, a lecture, a lab, and pages with a form of their own.
ONE_OF_A_KIND = {
    "index",
    "tuning",
    "metrics",
    "seeds-and-intervals",
    "corrupt",
    "claims",
    "library",
    "search",
}

# The colours of code follow from the class of a token and from the box: one of each on a page will do.
# Lines stay, or a long parameter would not break, and its box scroll before the page has seen to its focus.
ONE_TOKEN_OF_A_KIND = """() => {
  const seen = new Set();
  for (const token of document.querySelectorAll("pre span[class]:not(.line)")) {
    const box = token.closest("div.highlight")?.parentElement.parentElement;
    const kind = `${token.className} in ${box?.className}`;
    if (seen.has(kind)) token.replaceWith(...token.childNodes);
    seen.add(kind);
  }
}"""
VIOLATIONS = """async (rules) => {
  const options = {runOnly: rules, resultTypes: ["violations"], preload: false};
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map((node) =>
    `${id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\\s+/g, " ")}`));
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
IMAGES = """() => [...document.querySelectorAll("article img")]
  .filter((image) => image.naturalWidth && image.clientWidth && !image.src.endsWith(".svg"))
  .map((image) => [image.src.split("/").pop(), image.naturalWidth, image.clientWidth])"""
BROKEN = """() => [...document.images].filter((image) => !image.naturalWidth).map((image) => image.src)"""

# What waits until it comes near, pictures and sections, is there now.
ALL_OF_IT = """async () => {
  document.head.append(Object.assign(document.createElement("style"),
    {textContent: "* { content-visibility: visible !important }"}));
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""


@dataclass
class Seen:
    """What a page showed when it was opened from a file, with the network cut."""

    path: Path
    violations: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    overflow: dict[int, int] = field(default_factory=dict)
    images: list[tuple[str, int, int]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    moving: int = 0

    @property
    def elsewhere(self) -> list[str]:
        """Requests to another host."""
        return [address for address in self.requests if urlsplit(address).netloc]

    @property
    def files(self) -> set[Path]:
        """The files that the page is made of."""
        return {
            Path(url2pathname(urlsplit(address).path))
            for address in self.requests
            if address.startswith("file:")
        }


def shown(document: Path) -> NotebookNode:
    """The notebook that a page is made of: a chapter's has the outputs of its published run."""
    return published.page(document, published.executed(document.stem) or document)


def rendered(document: Path) -> Path:
    """The page of one of the book's documents."""
    return book.HTML / document.relative_to(project.ROOT).with_suffix(".html")


def paths() -> list[Path]:
    """The pages of the built book: its documents, and those that Sphinx adds."""
    return [*map(rendered, book.documents()), book.HTML / "search.html", book.HTML / "genindex.html"]


def each():
    """The same as parameters of a test; all but one of a kind are marked as thorough."""
    return [
        pytest.param(path, id=path.stem, marks=[] if path.stem in ONE_OF_A_KIND else pytest.mark.thorough)
        for path in paths()
    ]


def violations(page: Page) -> list[str]:
    """What axe finds on an open page as it is."""
    _load_axe(page)
    return page.evaluate(VIOLATIONS, RULES)


def _load_axe(page: Page) -> None:
    from axe_playwright_python.base import AXE_FILE_PATH  # only here: other tests run without it

    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))


def look(browser: Browser, path: Path) -> Seen:
    """Open a page, wide and light, then narrow and dark."""
    context = browser.new_context(
        viewport={"width": WIDTHS[0], "height": 900}, reduced_motion="reduce", color_scheme="light"
    )
    context.set_offline(True)
    page = context.new_page()
    seen = Seen(path)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda fault: seen.complaints.append(str(fault)))
    page.on(
        "console",
        lambda said: seen.complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    page.goto(path.as_uri())
    page.evaluate(ALL_OF_IT)
    seen.moving = page.evaluate("document.getAnimations().length")
    seen.images = [tuple(image) for image in page.evaluate(IMAGES)]
    seen.broken = page.evaluate(BROKEN)
    _measure(page, seen, WIDTHS[0])
    _load_axe(page)
    page.evaluate(ONE_TOKEN_OF_A_KIND)
    seen.violations += [f"light: {fault}" for fault in page.evaluate(VIOLATIONS, RULES)]
    for width in WIDTHS[1:]:
        page.set_viewport_size({"width": width, "height": 900})
        _measure(page, seen, width)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.violations += [f"dark, narrow: {fault}" for fault in page.evaluate(VIOLATIONS, CHANGING)]
    context.close()
    return seen


def unfold(folded: Locator) -> None:
    """Open what is folded below a figure, and wait for its content, which is made then."""
    folded.locator(":scope > summary").click()
    folded.locator(":scope > :not(summary)").first.wait_for()


def _measure(page: Page, seen: Seen, width: int) -> None:
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    seen.overflow[width] = page.evaluate(OVERFLOW)
