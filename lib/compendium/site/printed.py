"""The whole book as one PDF: the rendered pages, one after the other, printed by a browser."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pikepdf
from bs4 import BeautifulSoup, Tag

from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.site import links, takeaway

PDF = f"{takeaway.FOLDER}/denoising-compendium.pdf"  # in the pages
PATIENCE = 300  # seconds that the browser has

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = "--headless --disable-gpu --no-pdf-header-footer --generate-pdf-document-outline"
_OPTIONS += " --virtual-time-budget=60000"  # scripts that write formulas have all the time they need
_STYLE = """
@page { margin: 18mm 16mm; size: A4 }
html { font-size: 9pt }
article > section { break-before: page }
article > section:first-child { break-before: auto }
.cell_output table { font-size: 7.5pt }
.cell_output .text_html, pre { overflow: visible; white-space: pre-wrap }
"""


def browser() -> list[str]:
    """Return the command that starts Chromium or Chrome without a window; [] where there is none."""
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses root
    return [program, *alone] if program else []


def version() -> list[str]:
    """Return what tells the installed browser from another one, or from its next version; [] without one."""
    if not (command := browser()):
        return []
    program = Path(command[0]).resolve()
    return [str(program), str(program.stat().st_size), str(program.stat().st_mtime_ns)]


def pdf(html: Path, names: Sequence[str]) -> Path:
    """Print the pages of those names in the folder `html`, in that order, to its PDF, and return that.

    Raises CompendiumError where no browser is installed, or printing fails.
    """
    command = browser()
    if not command:
        raise CompendiumError("no browser to print with; install Chromium or Chrome")
    target, page, unfinished = html / PDF, html / "whole-book.html", html.with_suffix(".pdf")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, one_page(html, names))
    try:
        ended = subprocess.run(
            [*command, *_OPTIONS.split(), f"--print-to-pdf={unfinished}", page.as_uri()],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise CompendiumError(f"{command[0]}: the book was not printed within {PATIENCE} s") from None
    finally:
        page.unlink()
    if ended.returncode or not unfinished.exists():
        said = ended.stderr.strip().splitlines()
        raise CompendiumError(f"{command[0]}: printing failed ({said[-1] if said else 'it says nothing'})")
    with pikepdf.open(unfinished, allow_overwriting_input=True) as printed:
        printed.save(unfinished, object_stream_mode=pikepdf.ObjectStreamMode.generate)  # half the size
    return unfinished.replace(target)


def one_page(html: Path, names: Sequence[str]) -> str:
    """Return those pages as a single one; links between them lead inside it, solutions are open."""
    head, articles = None, []
    for name in names:
        soup = BeautifulSoup((html / f"{name}.html").read_bytes(), "html.parser")
        article = soup.select_one("article.bd-article")
        for part in article.select("script, button, .headerlink"):
            part.decompose()
        for part in article.select("details"):
            part["open"] = ""
        for part in article.select("[id]"):
            part["id"] = _anchor(name, part["id"])
        _redirect(article, name, names)
        articles.append(f'<section id="{_anchor(name)}">{article.decode_contents()}</section>')
        if head is None:
            head = soup.head
            _redirect(head, name, [])
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light">{head}<style>{_STYLE}</style>'
        f'<body><article class="bd-article">{"".join(articles)}</article></body></html>'
    )


def _anchor(name: str, identifier: str = "") -> str:
    return f"{name.replace('/', '-')}--{identifier}"


def _redirect(part: Tag, name: str, names: Sequence[str]) -> None:
    """Turn the addresses in a part of the page `name` into those of the one page."""
    for element in part.select("[href], [src]"):
        attribute = "href" if element.has_attr("href") else "src"
        element[attribute] = links.from_the_root(element[attribute], f"{name}.html")
        path, _, identifier = element[attribute].partition("#")
        if path.removesuffix(".html") in names:
            element[attribute] = "#" + _anchor(path.removesuffix(".html"), identifier)
