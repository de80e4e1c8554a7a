"""The whole book as one PDF: the rendered pages, one after the other, printed by a browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
import platformdirs
from bs4 import BeautifulSoup, Tag

from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.site import links, takeaway

PDF = f"{takeaway.FOLDER}/denoising-compendium.pdf"  # in the pages
PATIENCE = 300  # seconds that the browser has

_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
_PROGRAMS = {  # below the folders of programs of macOS and Windows
    "darwin": [f"{app}.app/Contents/MacOS/{app}" for app in ("Google Chrome", "Chromium", "Microsoft Edge")],
    "win32": [
        f"{maker}/Application/{program}.exe"
        for maker, program in (
            ("Google/Chrome", "chrome"),
            ("Chromium", "chrome"),
            ("Microsoft/Edge", "msedge"),
        )
    ],
}
_OF_PLAYWRIGHT = {"darwin": "chrome-mac*/*.app/Contents/MacOS/*", "win32": "chrome-win*/chrome.exe"}
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
    """Return the command that starts Chromium, Chrome or Edge without a window; [] where there is none."""
    program = next(filter(None, map(shutil.which, _COMMANDS)), None) or next(_installed(), None)
    alone = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses root
    return [str(program), *alone] if program else []


def _installed() -> Iterator[Path]:
    """Find browsers without a command: programs of macOS and Windows, then Playwright's, newest first."""
    if sys.platform == "win32":
        said = map(os.environ.get, ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        folders = [Path(folder) for folder in said if folder]
    else:
        folders = [Path("/Applications"), Path("~/Applications").expanduser()]
    for folder in folders:
        yield from filter(Path.is_file, (folder / program for program in _PROGRAMS.get(sys.platform, ())))
    said = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or platformdirs.user_cache_path() / "ms-playwright"
    place = _OF_PLAYWRIGHT.get(sys.platform, "chrome-linux*/chrome")
    yield from sorted(Path(said).glob(f"chromium-*/{place}"), reverse=True)


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
        raise CompendiumError("no browser to print with; install Chromium, Chrome or Edge")
    target, page, unfinished = html / PDF, html / "whole-book.html", html.with_suffix(".pdf")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, one_page(html, names))
    try:
        # in a profile of its own: a browser that is open would take the order, and print nothing
        with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            ended = subprocess.run(
                [
                    *(*command, *_OPTIONS.split(), f"--user-data-dir={profile}"),
                    *(f"--print-to-pdf={unfinished}", page.as_uri()),
                ],
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
