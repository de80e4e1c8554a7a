"""Build the book: run the notebooks that changed, compile the pages, check what came out."""

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal

import nbformat
import yaml
from bs4 import BeautifulSoup
from click import unstyle

from compendium import chapters, generated, products, project, results, runner, runs
from compendium.errors import CompendiumError
from compendium.files import write_atomically
from compendium.site import figures, links, play, printed, takeaway

HTML = products.PAGES
RUNS = products.BUILD / "runs"
SOURCE = products.BUILD / "source"
COMPILED = products.BUILD / "compiled"
LOG = products.BUILD / "build.log"
STAMP = products.BUILD / "html.sha256"
AT_ONCE = 2  # notebooks; each keeps about one processor busy

Report = Callable[[str], None]


def documents(root: Path | None = None) -> list[Path]:
    """Return the files of a folder's `_toc.yml`, the checkout's without one, root first, in its order."""
    root = root or project.ROOT
    contents = yaml.safe_load((root / "_toc.yml").read_text())
    names = [contents["root"]]
    for part in contents["parts"]:
        names += [chapter["file"] for chapter in part["chapters"]]
    return [_document(root, name) for name in names]


def notebooks() -> list[Path]:
    """Return the notebooks of the book that a build runs: all but the labs', which students finish."""
    return [
        path
        for path in documents()
        if path.suffix == ".ipynb" and path.parent != project.ROOT / generated.LABS
    ]


def build(report: Report, *, solutions: bool = False) -> Path:
    """Run what changed, compile if anything differs from the last build, and return the first page.

    Args:
        report: is told, a line at a time, what is being done.
        solutions: publish the labs' solutions and the instructors' notes, too.

    Raises:
        CompendiumError: a notebook failed, Sphinx warned, or a page or figure is missing.
    """
    _stage(_executed(notebooks(), report))
    if solutions:
        _add_to_contents(generated.solutions(SOURCE, report))
    sources = project.files_hash(path for path in SOURCE.rglob("*") if path.is_file())
    state = f"{sources} {project.packages_hash()}"
    if STAMP.exists() and STAMP.read_text() == state and HTML.exists():
        report("pages: nothing changed")
    else:
        report("pages: compiling")
        _compile()
        write_atomically(STAMP, state)
    return HTML / "index.html"


def save_outputs() -> list[Path]:
    """Copy what the last build executed and generated over the committed files, outputs and all."""
    saved = notebooks() + [project.ROOT / name for name in generated.pages()]
    for path in saved:
        write_atomically(path, (SOURCE / path.relative_to(project.ROOT)).read_bytes())
    return saved


def faults(html: Path, source: Path | None = None) -> list[str]:
    """Return what is wrong with the pages rendered from a folder, a line each: nothing, if the book is whole.

    Every document has its page; every figure its caption and alternative text; every picture its file; no
    page shows a failed or complaining cell; links and anchors inside the book lead
    somewhere; other links are addresses.
    """
    found = []
    source = source or project.ROOT
    anchors = links.Anchors()
    for document in documents(source):
        page = html / document.relative_to(source).with_suffix(".html")
        if not page.exists():
            found.append(f"{page}: missing")
            continue
        soup = BeautifulSoup(page.read_bytes(), "html.parser")
        found += [f"{page}: {fault}" for fault in _page_faults(soup, page, document, anchors)]
    return found


def _document(root: Path, name: str) -> Path:
    for ending in (".md", ".ipynb"):
        path = root / f"{name}{ending}"
        if path.exists():
            return path
    if f"{name}.ipynb" in generated.lab_pages():  # of a new lab, not written yet
        return root / f"{name}.ipynb"
    raise CompendiumError(f"_toc.yml: no {name}.md or {name}.ipynb; correct the name or add the file")


def _executed(paths: list[Path], report: Report) -> dict[Path, Path]:
    """Return the executed copy of each notebook; those that changed are run, in processes of their own."""
    finished = {path: RUNS / path.stem / _page_key(path) / path.name for path in paths}
    changed = {
        path: copy
        for path, copy in finished.items()
        if not (copy.exists() and results.quotes_hold(copy.parent))
    }
    for path in paths:
        if path not in changed:
            report(f"{path.stem}: unchanged")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, spawn, initializer=_end_with_the_build) as pool:
        handler = signal(SIGINT, SIG_IGN)  # by the pool's processes, too, which inherit it
        executions = [pool.submit(_execute, path, copy.parent, report) for path, copy in changed.items()]
        signal(SIGINT, handler)
        try:
            for execution in executions:
                execution.result()
        except BaseException as fault:
            for process in multiprocessing.active_children():
                process.terminate()
            if isinstance(fault, KeyboardInterrupt):
                raise CompendiumError("interrupted; the same command runs what is missing") from fault
            raise
    return finished


def _end_with_the_build() -> None:
    """Let this process end where the build's own does, in any way: no run goes on without it."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _page_key(path: Path) -> str:
    """Return a hash of what a notebook's page shows: the run's numbers, its prose, and what draws it."""
    cells = [(cell.cell_type, cell.source, cell.metadata) for cell in nbformat.read(path, 4).cells]
    run = runs.resolve(chapters.read(path), {}, profile="quick")
    shown = [cells, run.key, project.library_hash(), project.packages_hash()]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def _execute(path: Path, folder: Path, report: Report) -> None:
    report(f"{path.stem}: running")
    chapter = chapters.read(path)
    run = replace(runs.resolve(chapter, {}, profile="quick"), folder=folder)
    (folder / path.name).unlink(missing_ok=True)  # of a page whose quotes no longer hold
    runner.run(chapter, run, strict=True)
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def _stage(executed: dict[Path, Path]) -> None:
    """Lay out the book's sources with the executed notebooks in place of the committed ones."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(
        project.ROOT / "book", SOURCE / "book", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(project.ROOT / name, SOURCE)
    scripts = play.scripts() | figures.scripts(executed.values())
    made = generated.pages() | generated.handouts() | scripts | takeaway.files(executed)
    for name, content in made.items():
        write_atomically(SOURCE / name, content)
    for path, result in executed.items():
        target = SOURCE / path.relative_to(project.ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(result, target)


def _add_to_contents(names: list[str]) -> None:
    """Add a last part with these pages to the table of contents that is compiled."""
    path = SOURCE / "_toc.yml"
    contents = yaml.safe_load(path.read_text())
    part = {"caption": "For instructors", "chapters": [{"file": name} for name in names]}
    contents["parts"].append(part)
    path.write_text(yaml.safe_dump(contents, sort_keys=False))


def _compile() -> None:
    # A fresh build every time: Sphinx repeats no warning for a page that it finds unchanged.
    shutil.rmtree(COMPILED, ignore_errors=True)
    jupyter_book = ["-c", "from jupyter_book.cli.main import main; main()"]  # it cannot be run with -m
    command = [*jupyter_book, "build", str(SOURCE), "--path-output", str(COMPILED)]
    with LOG.open("w") as log:
        status = subprocess.run(
            [sys.executable, *command, "-n", "-W", "--keep-going"], stdout=log, stderr=subprocess.STDOUT
        ).returncode
    if status:
        lines = [line for line in unstyle(LOG.read_text()).splitlines() if line.strip()]
        complaints = [line for line in lines if re.search("WARNING|ERROR|CRITICAL", line)] or lines[-1:]
        raise CompendiumError(f"{complaints[0]} ({len(complaints)} complaints in all; see {LOG})")
    fresh = COMPILED / "_build" / "html"
    _add_whole_book(fresh)
    if found := faults(fresh, SOURCE):
        raise CompendiumError(f"{found[0]} ({len(found)} faults in all; the pages are in {fresh})")
    shutil.rmtree(HTML, ignore_errors=True)
    fresh.rename(HTML)


def _add_whole_book(html: Path) -> None:
    """Add the pages as one archive, and as one PDF where there is a browser to print it."""
    pages = [path.relative_to(SOURCE).with_suffix("").as_posix() for path in documents(SOURCE)]
    takeaway.archive(html)
    if printed.browser():
        printed.pdf(html, pages)


def _page_faults(soup: BeautifulSoup, page: Path, document: Path, anchors: links.Anchors) -> list[str]:
    found = links.lost(soup, page, anchors)
    for image in soup.select("article img"):
        if not image.get("alt", "").strip() or Path(image["alt"]).suffix == ".png":
            found.append(f"{image['src']} has no alternative text")
    for figure in soup.select("article figure"):
        if not figure.select_one("figcaption .caption-number"):
            found.append("a figure has no numbered caption")
    if soup.select("article .cell_output .stderr, article .cell_output .traceback"):
        found.append("a cell failed or complained")
    expected = _figures(document)
    shown = len(soup.select("article .cell_output img"))
    if shown != expected:
        found.append(f"{shown} figures, {expected} expected")
    return found


def _figures(document: Path) -> int:
    """Count the cells of a notebook that are marked as figures."""
    if document.suffix != ".ipynb":
        return 0
    cells = nbformat.read(document, 4).cells
    return sum("figure" in cell.metadata.get("mystnb", {}) for cell in cells)
