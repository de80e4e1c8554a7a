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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal

import nbformat
import yaml
from bs4 import BeautifulSoup
from click import unstyle
from filelock import FileLock, Timeout

from compendium import chapters, generated, products, project, published, results, runner, runs
from compendium.errors import CompendiumError, unknown
from compendium.files import write_atomically
from compendium.runs import Run
from compendium.site import figures, links, play, printed, takeaway

HTML = products.PAGES
RUNS = products.BUILD / "runs"
LOCK = products.BUILD / ".lock"
QUICK = "quick"  # the profile of what a build runs
DRAWN_WITH = (*project.COMPUTING_PACKAGES, "matplotlib", "seaborn")
_LIVE_BOX = """\
```{admonition} A live book
:class: warning
The chapters of this book were run anew, under the profile `quick` and on embedded images. Each says on top
which run it shows. This page is the book's as it stands, and speaks of the published runs.
```
"""
AT_ONCE = 2  # notebooks; each keeps about one processor busy

Report = Callable[[str], None]


# Where a book is made, and there: its sources as laid out, its pages, and what these were made from.
_BOOK, _LIVE = products.BUILD, products.BUILD / "live"
_SOURCE, _PAGES, _STAMP = "source", HTML.name, "html.sha256"


def documents(root: Path | None = None) -> list[Path]:
    """Return the files of a folder's `_toc.yml`, the checkout's without one, root first, in its order."""
    root = root or project.ROOT
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
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


def build(
    report: Report,
    *,
    run: bool = True,
    solutions: bool = False,
    save: bool = False,
    live: Mapping[str, str] | None = None,
) -> Path:
    """Run what changed, compile if anything differs from the last build, and return the first page.

    Chapters have the outputs of their published runs, the other notebooks those of a run here. A second build
    in the same checkout waits until the first one has ended.

    Args:
        report: is told what is being done, one line at a time.
        run: whether notebooks are run whose saved outputs are of other code. Otherwise the pages show the
            outputs as they are saved.
        solutions: publish the labs' solutions and the instructors' notes, too.
        save: write what was executed and generated over the committed files.
        live: make a book of its own, in `_build/live/`, for which each chapter is run under `quick` with
            these parameters, where it has them; each page says so.

    Raises:
        UsageError: no chapter has such a parameter, or its value does not fit.
        CompendiumError: a notebook failed, a chapter's code is not that of its published run, Sphinx warned,
            or a page or figure is missing.
    """
    place = _BOOK if live is None else _LIVE
    source, html, stamp = (place / name for name in (_SOURCE, _PAGES, _STAMP))
    with _alone(report):
        shown = _published(report) if live is None else {}
        runs_of = _runs([path for path in notebooks() if path not in shown], live or {})
        current = _current(runs_of, report) if run else {path: path for path in runs_of}
        current |= shown
        _stage(source, current, live is not None)
        if solutions:
            _add_to_contents(source, generated.solutions(source, report))
        state = _state_of_pages(source)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == state and html.exists():
            report("pages: nothing changed")
        else:
            report("pages: compiling")
            _compile(place)
            write_atomically(stamp, state)
        if save:
            _save(source, current, report)
    return html / "index.html"


def faults(html: Path, source: Path | None = None) -> list[str]:
    """Return what is wrong with the pages rendered from a folder, one line each; none if the book is whole.

    Every document has its page, every figure its caption and alternative text, every picture its file. No
    page shows a cell that failed or complained. Links and anchors inside the book lead somewhere; other links
    are addresses.
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


@contextmanager
def _alone(report: Report) -> Iterator[None]:
    """Let no other process build in this checkout while the block lasts."""
    products.BUILD.mkdir(exist_ok=True)
    lock = FileLock(LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report("another build works in this checkout; this one goes on when that has ended")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _published(report: Report) -> dict[Path, Path]:
    """Return for each chapter whose published run has kept its notebook that notebook."""
    found = {}
    for name in project.chapters():
        if ran := published.executed(name):
            report(f"{name}: published, {ran.parent.name}")
            found[project.chapter_path(name)] = ran
    return found


def _runs(paths: list[Path], given: Mapping[str, str]) -> dict[Path, Run]:
    """Return the runs of notebooks under `quick`, each with those of the given parameters that it has.

    Raises UsageError for a parameter that none of them has.
    """
    known = {path: chapters.read(path) for path in paths}
    there = {name for chapter in known.values() for name in chapter.parameters}
    for name in given:
        if name not in there:
            raise unknown("parameter", name, there)
    return {
        path: runs.resolve(
            chapter,
            {name: value for name, value in given.items() if name in chapter.parameters},
            profile=QUICK,
        )
        for path, chapter in known.items()
    }


def _current(runs_of: Mapping[Path, Run], report: Report) -> dict[Path, Path]:
    """Return for each notebook the file with its run's outputs: itself, or a copy that was executed.

    Where neither was made from the notebook as it is, it is run, in a process of its own.
    """
    current, changed = {}, {}
    for path, run in runs_of.items():
        state = _state(path, run)
        copy = RUNS / path.stem / state / path.name
        if found := next((file for file in (path, copy) if _made_from(file, state)), None):
            report(f"{path.stem}: unchanged")
            current[path] = found
        else:
            current[path] = copy
            changed[path] = replace(run, folder=copy.parent)
    _execute_all(changed, report)
    return current


def _made_from(file: Path, state: str) -> bool:
    """Whether a notebook's outputs are of that state, and the records that they quote are as they were.

    Its metadata says so: `state`, of what decided its outputs, and `quotes`, the checksums of these records.
    """
    if not file.exists():
        return False
    known = nbformat.read(file, 4).metadata.get(project.METADATA, {})
    return known.get("state") == state and results.hold(known["quotes"])


def _state(path: Path, run: Run) -> str:
    """Return a hash of what a notebook's outputs show: its code, what that uses, and what draws them."""
    chapter = chapters.read(path)
    made_from = [chapter.code, run.parameters, run.data, project.library_hash(), project.locked(DRAWN_WITH)]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]


def _execute_all(runs_of: Mapping[Path, Run], report: Report) -> None:
    """Execute notebooks, some at once, each into its run's folder."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, spawn, initializer=_end_with_the_build) as pool:
        handler = signal(SIGINT, SIG_IGN)  # by the pool's processes, too, which inherit it
        executions = [pool.submit(_execute, path, run, report) for path, run in runs_of.items()]
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


def _end_with_the_build() -> None:
    """Let this process end where the build's own does, in any way: no run goes on without it."""

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _execute(path: Path, run: Run, report: Report) -> None:
    report(f"{path.stem}: running")
    folder = run.folder
    (folder / path.name).unlink(missing_ok=True)  # of a page whose quotes no longer hold
    executed = nbformat.read(runner.run(chapters.read(path), run, strict=True), 4)
    executed.metadata[project.METADATA] = {"state": folder.name, "quotes": results.quotes(folder)}
    write_atomically(folder / path.name, f"{nbformat.writes(executed)}\n")
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)


def _stage(source: Path, current: Mapping[Path, Path], live: bool) -> None:
    """Lay out a book's sources, with notebooks that have their outputs.

    current: for each notebook the file with the outputs of its cells.
    """
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(project.ROOT / "book", source / "book", ignore=shutil.ignore_patterns(".*", "*~"))
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(project.ROOT / name, source)
    scripts = play.scripts() | figures.scripts(current.values())
    made = generated.pages() | generated.handouts() | scripts | takeaway.files(current)
    for path, file in current.items():
        made[path.relative_to(project.ROOT).as_posix()] = f"{nbformat.writes(_page(path, file, live))}\n"
    for name, content in made.items():
        write_atomically(source / name, content)
    if live:
        _mark_as_live(source)


def _page(path: Path, executed: Path, live: bool) -> nbformat.NotebookNode:
    """Return the page of a notebook, with the outputs of a run; in a live book a chapter's says which run."""
    page = published.page(path, executed)
    page.metadata.pop(project.METADATA, None)
    record = executed.with_name(runs.RECORD)
    if live and path.parent == project.NOTEBOOKS and record.exists():
        from compendium.site import own_page  # brings SciPy, which no other build needs

        return own_page.notebook(page, path.stem, results.read(record), {}, book="")
    return page


def _mark_as_live(source: Path) -> None:
    """Say below the title of each page that is no run's own what this book is."""
    for document in documents(source):
        text = document.read_text(encoding="utf-8")
        if document.suffix == ".md":
            document.write_text(_with_box(text), encoding="utf-8")
        elif document.parent.name != project.NOTEBOOKS.name:
            notebook = nbformat.reads(text, 4)
            first = next(cell for cell in notebook.cells if cell.cell_type == "markdown")
            first.source = _with_box(first.source)
            nbformat.write(notebook, document)


def _with_box(text: str) -> str:
    return re.sub(r"(?m)^# .*$", lambda title: f"{title[0]}\n\n{_LIVE_BOX}", text, count=1)


def _save(source: Path, current: Mapping[Path, Path], report: Report) -> None:
    """Write notebooks that were run here, with outputs, and generated pages over the committed files."""
    saved = {project.ROOT / name: (source / name).read_bytes() for name in generated.pages()}
    for path, file in current.items():
        if not file.is_relative_to(project.RESULTS):
            notebook = published.page(path, file)
            notebook.metadata[project.METADATA] = nbformat.read(file, 4).metadata[project.METADATA]
            saved[path] = f"{nbformat.writes(notebook)}\n"
    for path, content in saved.items():
        write_atomically(path, content)
        report(f"outputs saved: {path}")


def _state_of_pages(source: Path) -> str:
    """Return a hash of all that makes the pages: sources, the site's own code, packages, and the browser."""
    makers = project.files_hash([*products.inputs("lib/compendium/site"), Path(__file__)])
    sources = project.files_hash(path for path in source.rglob("*") if path.is_file())
    return " ".join([sources, makers, project.packages_hash(), *printed.version()])


def _add_to_contents(source: Path, names: list[str]) -> None:
    """Add a last part with these pages to the table of contents that is compiled."""
    path = source / "_toc.yml"
    contents = yaml.safe_load(path.read_text(encoding="utf-8"))
    part = {"caption": "For instructors", "chapters": [{"file": name} for name in names]}
    contents["parts"].append(part)
    path.write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")


def _compile(place: Path) -> None:
    source, compiled, html, log_file = (place / name for name in (_SOURCE, "compiled", _PAGES, "build.log"))
    # A fresh build every time: Sphinx repeats no warning for a page that it finds unchanged.
    shutil.rmtree(compiled, ignore_errors=True)
    jupyter_book = ["-c", "from jupyter_book.cli.main import main; main()"]  # it cannot be run with -m
    command = [*jupyter_book, "build", str(source), "--path-output", str(compiled)]
    with log_file.open("w", encoding="utf-8") as log:
        status = subprocess.run(
            [sys.executable, *command, "-n", "-W", "--keep-going"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        ).returncode
    if status:
        lines = [line for line in unstyle(log_file.read_text(encoding="utf-8")).splitlines() if line.strip()]
        complaints = [line for line in lines if re.search("WARNING|ERROR|CRITICAL", line)] or lines[-1:]
        raise CompendiumError(f"{complaints[0]} ({len(complaints)} complaints in all; see {log_file})")
    fresh = compiled / "_build" / "html"
    _add_whole_book(fresh, source)
    if found := faults(fresh, source):
        raise CompendiumError(f"{found[0]} ({len(found)} faults in all; the pages are in {fresh})")
    shutil.rmtree(html, ignore_errors=True)
    fresh.rename(html)


def _add_whole_book(html: Path, source: Path) -> None:
    """Add the pages as one archive, and as one PDF where there is a browser to print it."""
    pages = [path.relative_to(source).with_suffix("").as_posix() for path in documents(source)]
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
