"""The page of a run: the chapter as the book shows it, with this run's outputs, in one file.

Compiled is a book of which only the run's chapter is whole. Of the other pages there is what the chapter's
references need: titles, formulas with a number, the glossary. So numbers and captions are the book's. Links
to other pages lead to the built book, `_build/html`, where there is one.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
import yaml
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output

from compendium import products, project, results, runs
from compendium.errors import CompendiumError, one_line
from compendium.files import write_atomically
from compendium.runs import RECORD
from compendium.site import beside, figures, minutes, one_file, terms, this_run, tips

_SETTINGS = {
    "html_sidebars": {"**": []},
    "html_use_index": False,
    "html_theme_options": {"show_prev_next": False},
    "nb_output_stderr": "show",  # a user's own code may complain
    "latex_individualpages": False,  # which jupyter-book asks for
}
_OF_THE_BOOK = (
    ".primary-toggle, .search-button, [id^=pst-primary-sidebar], #pst-search-dialog, "
    "link:is([rel=search], [rel=next], [rel=prev]), .dropdown-launch-buttons"
)
_NOT_STAGED = ("play", "qhull*", "*.png")
_REFERENCES = "## References\n\n```{bibliography}\n:style: plain\n:filter: docname in docnames\n```"
_MINUTE = re.compile(r"(?m)^```\{include\} \.\./book/_minutes/([\w-]+)\.md\n```$")
_KEPT = re.compile(r"(?ms)^\([\w-]+\)=\n#+ [^\n]*$|^```\{math\}\n:label: .*?^```$")  # of other pages
_PART = "part:"  # how the tag begins of cells that a run may leave out
_REMARK = re.compile(  # of TensorFlow, or of Python about a cell of the chapter, which is not the user's code
    r"(?m)^WARNING:tensorflow:.*\n?|^.*[/\\]ipykernel_\d+[/\\]\d+\.py:\d+: \w*Warning: .*\n?(?:^  .*\n?)?"
)
_NOTICE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="350" height="60" viewBox="0 0 350 60">\
<rect x="1" y="1" width="348" height="58" fill="none" stroke="#767676" stroke-dasharray="6 4"/>\
<text x="175" y="35" text-anchor="middle" font-family="sans-serif" font-size="13" fill="#595959">{}</text>\
</svg>"""


def write(folder: Path, chapter: str) -> Path:
    """Write the page of the run in a folder, beside its executed notebook and its record; return the page.

    Of a run that did not come to its end, the page shows the cells that were run. A page that was made from
    the same is left as it is: the run, the prose's quotes, the published runs, and what makes pages.

    Raises CompendiumError where it cannot be made or written.
    """
    finished = runs.finished(folder, chapter)
    executed = finished or folder / runs.failed(chapter)
    target = executed.with_suffix(".html")
    ran, files = nbformat.read(executed, 4), _files(folder, executed)
    with TemporaryDirectory() as place:
        source = Path(place, "source")
        if finished:
            record = results.read(folder / RECORD) if (folder / RECORD).exists() else None
            whole = notebook(ran, chapter, record, files)
        else:
            whole = unfinished(ran, chapter, files)
        _stage(source, chapter, whole)
        made_from = f"<!-- made from {_state(source)} -->\n"
        if target.exists() and target.read_text(encoding="utf-8").endswith(made_from):
            return target
        html = _compile(source, Path(place, "html"), chapter)
        name = f"notebooks/{chapter}"
        content = one_file.page(
            _alone(BeautifulSoup((html / f"{name}.html").read_bytes(), "html.parser")),
            html,
            name,
            lambda address: _target(address, folder.resolve(), chapter),
            tips=_tips(html),
            told={"compendiumFigures": figures.described(executed)},
        )
    write_atomically(target, f"{content.rstrip()}\n{made_from}")
    return target


def _state(source: Path) -> str:
    """Return a hash of all that a page is made from: its laid out sources, and what makes pages of them."""
    makers = project.files_hash(products.inputs("lib/compendium/site"))
    sources = project.files_hash((path for path in source.rglob("*") if path.is_file()), source)
    return hashlib.sha256(f"{project.packages_hash()} {makers} {sources}".encode()).hexdigest()


def _stage(source: Path, chapter: str, notebook: NotebookNode) -> None:
    """Lay out the sources of a book with one chapter."""
    book = project.ROOT / "book"
    static, needless = source / "book" / "_static", shutil.ignore_patterns(*_NOT_STAGED)
    shutil.copytree(book / "_static", static, ignore=needless)
    included = (f"book/{folder}/{chapter}.md" for folder in ("_claims", "_minutes"))
    for name in ("_config.yml", "book/references.bib", f"{terms.GLOSSARY}.md", *included):
        if (project.ROOT / name).exists():
            (source / name).parent.mkdir(exist_ok=True)
            shutil.copy(project.ROOT / name, source / name)
    own = f"notebooks/{chapter}"
    contents, names = _contents(own)
    (source / "_toc.yml").write_text(yaml.safe_dump(contents, sort_keys=False), encoding="utf-8")
    for name in names:
        if name not in {own, terms.GLOSSARY}:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / f"{name}.md").write_text(_outline(name), encoding="utf-8")
    (source / own).parent.mkdir(exist_ok=True)
    nbformat.write(notebook, source / f"{own}.ipynb")


def _contents(own: str) -> tuple[dict[str, Any], list[str]]:
    """Return the book's table of contents, with a chapter that it lacks at its end, and its documents."""
    contents = yaml.safe_load((project.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [contents["root"]]
    names += [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    if own not in names:
        contents["parts"].append({"caption": "Runs", "chapters": [{"file": own}]})
        names.append(own)
    return contents, names


def _outline(name: str) -> str:
    """Return of a page what others refer to: its title, sections with a label, formulas with a number."""
    path = project.ROOT / f"{name}.ipynb"
    if path.exists():
        cells = nbformat.read(path, 4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        path = path.with_suffix(".md")
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    title = re.search(r"^# .*$", text, re.M)
    return "\n\n".join([title[0] if title else f"# {Path(name).name}", *_KEPT.findall(text)]) + "\n"


def _files(folder: Path, executed: Path) -> dict[str, str]:
    """Return the files of a run that its page leads to, with what each is."""
    files = {
        executed.name: "executed notebook",
        RECORD: "record",
        "metrics.csv": "its numbers as a table",
    }
    return {name: what for name, what in files.items() if (folder / name).is_file()}


def notebook(
    executed: NotebookNode,
    chapter: str,
    record: Mapping[str, Any] | None,
    files: Mapping[str, str],
    *,
    book: str = this_run.IN_THE_BOOK,
) -> NotebookNode:
    """Return a run's executed notebook with what its page has beyond the book's, the top below its title.

    Args:
        executed: is changed in place.
        chapter: its name.
        record: of the run, if it left one; without, the page has no top.
        files: what lies beside the page, with what it is.
        book: address of the chapter in the book, "" where the page is in a book.
    """
    top = this_run.top(record, files, book=book) if record else ""
    quoted = beside.sentences(chapter, record) if record else []
    prose = [cell for cell in executed.cells if cell.cell_type == "markdown"]
    for cell in prose:
        cell.source = _with_minute(beside.marked(cell.source, quoted), chapter, record)
    states = (record or {}).get("parts") or {}
    for cell in executed.cells:
        _fill_gap(cell, states)
    return _arranged(executed, top, references=bool(book))


def unfinished(executed: NotebookNode, chapter: str, files: Mapping[str, str]) -> NotebookNode:
    """Return the notebook of a run that ended before its time with what its page has beyond the book's.

    The cell that failed says why, in a line in place of its traceback. Arguments as of `notebook`.
    """
    from compendium import faults  # brings papermill, without which other pages are made

    executed.cells = [cell for cell in executed.cells if faults.OF_FAILURE not in _tags(cell)]
    reason = ""
    for cell in executed.cells:
        if cell.cell_type == "markdown":
            cell.source = _with_minute(cell.source, chapter, None)
            continue
        for fault in [output for output in cell.outputs if output.output_type == "error"]:
            cell.outputs.remove(fault)
            reason = faults.of_output(fault)
            cell.outputs.append(new_output("display_data", {"text/plain": f"This cell failed: {reason}"}))
        if not (cell.outputs or cell.execution_count):
            _put_in_place(cell, "Not in this run, which ended before.")
    return _arranged(executed, this_run.unfinished(reason, files), references=True)


def _arranged(executed: NotebookNode, top: str, *, references: bool) -> NotebookNode:
    """Return a notebook with a page's top below its title and, if asked for, the references at its end."""
    prose = [cell for cell in executed.cells if cell.cell_type == "markdown"]
    if top and prose:
        title, _, rest = prose[0].source.partition("\n")
        prose[0].source = f"{title}\n\n{_raw(top)}\n{rest}"
    for cell in executed.cells:
        _leave_out_remarks(cell)
    # the networks of the published run, which would be fetched and tried
    executed.cells = [cell for cell in executed.cells if "{div} play" not in cell.source]
    if references and any("{cite" in cell.source for cell in prose):
        executed.cells.append(new_markdown_cell(_REFERENCES, id="references"))
    return executed


def _with_minute(text: str, chapter: str, record: Mapping[str, Any] | None) -> str:
    """Return a text with the box "In one minute" in place, this run's numbers behind the published ones."""

    def box(include: re.Match[str]) -> str:
        template = minutes.TEMPLATES / f"{include[1]}.md"
        if record is None or not template.exists():
            return include[0]
        try:
            return minutes.boxed(beside.filled(template.read_text(encoding="utf-8"), chapter, record))
        except CompendiumError:  # there is no published run
            return include[0]

    return _MINUTE.sub(box, text)


def _raw(html: str) -> str:
    fence = "`" * (3 + max((len(ticks) for ticks in re.findall("`+", html)), default=0))
    return f"{fence}{{raw}} html\n{html.strip()}\n{fence}\n"


def _leave_out_remarks(cell: NotebookNode) -> None:
    for output in [*cell.get("outputs", [])]:
        if output.output_type == "stream" and (said := _REMARK.sub("", output.text)) != output.text:
            output.text = said
            if not said.strip():
                cell.outputs.remove(output)


def _fill_gap(cell: NotebookNode, states: Mapping[str, str]) -> None:
    """Say where a cell of a part has nothing to show; its figure or table keeps its number."""
    parts = [tag.removeprefix(_PART) for tag in _tags(cell) if tag.startswith(_PART)]
    failed = any(output.output_type == "error" for output in cell.get("outputs", []))
    if not parts or cell.cell_type != "code":
        return
    if not failed and (cell.outputs or cell.execution_count):  # it may have run and have nothing to show
        return
    state = states.get(parts[0], "failed" if failed else "left out")
    became = "failed" if failed or state.startswith("failed") else "was left out"
    if not failed or {"figure", "table"} & {*cell.metadata.get("mystnb", {})}:
        _put_in_place(cell, f"Not in this run: the part {parts[0]} {became}.")


def _put_in_place(cell: NotebookNode, said: str) -> None:
    """Say something in the place of a cell's output, which keeps its caption and its number."""
    about = cell.metadata.get("mystnb", {})
    if "figure" in about:
        about.setdefault("image", {})["alt"] = said
        cell.outputs.append(new_output("display_data", {"image/svg+xml": _NOTICE.format(said)}))
    else:
        cell.outputs.append(new_output("display_data", {"text/plain": said}))


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _compile(source: Path, html: Path, chapter: str) -> Path:
    """Compile the chapter's page, and the glossary's for its tips; return the folder of pages."""
    from jupyter_book.sphinx import build_sphinx  # takes a second

    logging.getLogger("fontTools").setLevel(logging.WARNING)
    pages = [source / f"notebooks/{chapter}.ipynb", source / f"{terms.GLOSSARY}.md"]
    with redirect_stderr(StringIO()):  # where it writes of a fault, which is raised here
        fault = build_sphinx(
            source,
            html,
            path_config=source / "_config.yml",
            noconfig=True,
            confoverrides={**_SETTINGS, "external_toc_path": str(source / "_toc.yml")},
            doctreedir=source.with_name("doctrees"),
            filenames=[str(page) for page in pages if page.exists()],
            freshenv=True,
            really_quiet=True,
        )
    if isinstance(fault, BaseException):
        raise CompendiumError(f"{chapter}: its page cannot be made ({one_line(fault)})") from fault
    return html


def _alone(soup: BeautifulSoup) -> BeautifulSoup:
    """Take from a page what leads through the book, and say in its title that it is a run."""
    for element in soup.select(_OF_THE_BOOK):
        element.decompose()
    soup.title.string = f"A run: {soup.title.text}"
    return soup


def _tips(html: Path) -> dict[str, str]:
    """Return what is shown beside links, by address, without pictures: they are in the page already."""
    path = html / "_static" / tips.DATA
    if not path.exists():  # a book without that extension
        return {}
    text = path.read_text(encoding="utf-8")
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return {address: tip for address, tip in found.items() if "<img" not in tip}


def _target(address: str, folder: Path, chapter: str) -> str | None:
    """Return where a link of the page leads: to a file of the run beside it, or into the built book."""
    path, _, anchor = address.partition("#")
    if (beside_page := folder / Path(path).name).is_file() and beside_page.suffix != ".html":
        return beside_page.name
    page = products.PAGES / path.replace(this_run.IN_THE_BOOK, f"{chapter}.html")
    if not page.is_file():
        return None
    inside = folder.is_relative_to(project.ROOT)
    base = Path(os.path.relpath(page, folder)).as_posix() if inside else page.as_uri()
    return f"{base}#{anchor}" if anchor else base
