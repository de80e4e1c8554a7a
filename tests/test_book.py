import ast
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tokenize
from itertools import groupby
from pathlib import Path

import nbformat
import psutil
import pytest
import site_pages
import tiny_records
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from tiny_notebooks import notebook_of, write_notebook
from waiting import wait_for

from compendium import book, chapters, claims, project, published, runs

# --- the rendered pages


def test_the_rendered_book_is_whole(html):
    assert book.faults(html) == []


def test_figures_are_numbered_once_and_in_order(html):
    numbers = []
    for document in book.documents():
        soup = BeautifulSoup(site_pages.rendered(document).read_bytes(), "html.parser")
        numbers += [caption.text.split()[-1] for caption in soup.select("article figure .caption-number")]
    assert numbers
    assert len(numbers) == len(set(numbers))


# --- what `faults` finds, on pages of a book with one notebook and one figure

TOC = "format: jb-book\nroot: index\nparts: [{caption: Part, chapters: [{file: chapter}]}]\n"
FIGURE = """<div class="cell_output"><figure><img alt="Two curves." src="_images/curve.png"/>
<figcaption><span class="caption-number">Fig. 1 </span>Curves.</figcaption></figure></div>"""


def figure_cell(alt="Two curves."):
    about = {"figure": {"caption": "Curves.", "name": "fig-curves"}, "image": {"alt": alt}}
    output = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    return new_code_cell("plt.show()", metadata={"mystnb": about}, outputs=[output])


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """A function that writes the chapter's page with the given body and gives the faults of the book."""
    monkeypatch.setattr(project, "ROOT", tmp_path)
    (tmp_path / "_toc.yml").write_text(TOC, encoding="utf-8")
    (tmp_path / "index.md").write_text("# Book\n", encoding="utf-8")
    write_notebook(tmp_path / "chapter.ipynb", figure_cell())
    html = tmp_path / "html"
    (html / "_images").mkdir(parents=True)
    (html / "_images" / "curve.png").write_bytes(b"")
    (html / "index.html").write_text('<article><a href="chapter.html">next</a></article>', encoding="utf-8")

    def faults(body):
        (html / "chapter.html").write_text(
            f"<html><body><article>{body}</article></body></html>", encoding="utf-8"
        )
        return [fault.removeprefix(f"{html / 'chapter.html'}: ") for fault in book.faults(html)]

    return faults


def test_a_whole_page_has_no_fault(pages):
    links = (
        '<a href="index.html?q#top"></a><a href="https://example.org/x"></a><a href="#here" id="here"></a>'
    )
    assert pages(FIGURE + links) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (FIGURE.replace("Two curves.", " "), "_images/curve.png has no alternative text"),
        (FIGURE.replace('alt="Two curves."', ""), "_images/curve.png has no alternative text"),
        (FIGURE.replace("Two curves.", "_images/curve.png"), "_images/curve.png has no alternative text"),
        (FIGURE.replace("curve.png", "lost.png"), "_images/lost.png leads nowhere"),
        (FIGURE + '<a href="lost.html">', "lost.html leads nowhere"),
        (FIGURE + '<a href="index.html#lost">', "index.html#lost leads nowhere"),
        (FIGURE + '<a href="#lost">', "#lost leads nowhere"),
        (FIGURE + '<a href="https://nowhere/x">', "https://nowhere/x is no address"),
        (FIGURE.replace("caption-number", "other"), "a figure has no numbered caption"),
        (FIGURE + '<div class="cell_output"><div class="stderr">', "a cell failed or complained"),
        (FIGURE + '<div class="cell_output"><div class="traceback">', "a cell failed or complained"),
        ("", "0 figures, 1 expected"),
        (FIGURE + FIGURE, "2 figures, 1 expected"),
    ],
)
def test_a_broken_page_is_reported_with_its_fault(pages, body, fault):
    assert pages(body) == [fault]


def test_a_missing_page_is_reported(pages, tmp_path):
    pages(FIGURE)
    (tmp_path / "html" / "index.html").unlink()
    assert book.faults(tmp_path / "html") == [f"{tmp_path / 'html' / 'index.html'}: missing"]


# --- the committed notebooks

MACHINE_PATH = re.compile(r"(?<![\w.~:/-])(?:/(?:home|root|work|tmp|Users|opt|mnt|var)/|[A-Z]:\\)")
OUTPUTS = {"print", "show", "display"}
LONGEST, MEDIAN, IN_A_ROW = 40, 10, 2


def notebook_faults(notebook):
    """What is wrong with a notebook that is to be committed, a line each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = []
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("not run from top to bottom")
    found += [f"a path of one machine: {path}" for path in MACHINE_PATH.findall("\n".join(texts(notebook)))]
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for cell in notebook.cells:
        found += [f"{fault}: {cell.source.splitlines()[0]}" for fault in cell_faults(cell)]
        found += [
            f"no text refers to {name}" for name in numbered(cell) if f"{{numref}}`{name}`" not in prose
        ]
    for kind, cells in groupby(notebook.cells, key=lambda cell: cell.cell_type):
        if kind == "code" and len(list(cells)) > IN_A_ROW:
            found.append("more than two code cells in a row")
    if code and statistics.median(len(cell.source.splitlines()) for cell in code) > MEDIAN:
        found.append("code cells are long in the median")
    return found


def cell_faults(cell):
    if cell.cell_type == "markdown":
        return ["an image without alternative text"] if re.search(r"!\[\s*\]\(", cell.source) else []
    found = []
    kinds = [output.get("name", output.output_type) for output in cell.outputs]
    if "stderr" in kinds:
        found.append("complained on stderr")
    if "error" in kinds:
        found.append("failed")
    if shows(cell.source) and not cell.outputs:
        found.append("has no output")
    about = cell.metadata.get("mystnb", {})
    if any("image/png" in output.get("data", {}) for output in cell.outputs) and not (
        about.get("figure", {}).get("caption", "").strip() and about.get("image", {}).get("alt", "").strip()
    ):
        found.append("a figure without caption or alternative text")
    if len(cell.source.splitlines()) > LONGEST:
        found.append("more than forty lines")
    if "parameters" in cell.metadata.get("tags", []) and not parameters_explained(cell.source):
        found.append("a parameter without type or comment")
    return found


def numbered(cell):
    """The names of a cell's figure and table."""
    about = cell.metadata.get("mystnb", {})
    return [about[kind]["name"] for kind in ("figure", "table") if "name" in about.get(kind, {})]


def texts(part):
    """Every text in a notebook, pictures left out."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for name, value in part.items():
            if name != "image/png":
                yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


def shows(source):
    """Whether running the source shows something: it ends in a value, or calls print or show."""
    body = ast.parse(source).body
    if body and isinstance(body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        return True
    statements = [part for part in body if not isinstance(part, ast.FunctionDef | ast.ClassDef)]
    calls = (part for statement in statements for part in ast.walk(statement) if isinstance(part, ast.Call))
    return any(getattr(call.func, "id", getattr(call.func, "attr", "")) in OUTPUTS for call in calls)


def parameters_explained(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    return all(
        isinstance(part, ast.AnnAssign) and part.end_lineno in commented for part in ast.parse(source).body
    )


def chapters_with_runs():
    """The chapters that are published, with the executed notebooks of their runs."""
    found = {project.chapter_path(name): published.executed(name) for name in project.chapters()}
    return {path: ran for path, ran in found.items() if ran}


def test_the_committed_notebooks_are_as_the_book_wants_them():
    notebooks = book.notebooks()
    assert notebooks
    executed_of = chapters_with_runs()
    faults = [
        f"{path.name}: {fault}"
        for path in notebooks
        for fault in notebook_faults(published.page(path, executed_of.get(path, path)))
    ]
    assert faults == []


def test_published_notebooks_are_small_and_the_chapters_hold_no_second_copy():
    for path, executed in chapters_with_runs().items():
        assert executed.stat().st_size < 2_000_000, executed
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "code":
                assert published.CHECKED in cell.metadata.get("tags", []) or not cell.outputs, cell.source


SITTING = {"words": 2800, "cells": 45, "lines of code": 250, "lines in the longest cell": 25, "tables": 8}


def measures(cells):
    """How long the main way of a chapter is: what comes before its exercises."""
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    code = [cell for cell in cells if cell.cell_type == "code"]
    lines = [
        len(cell.source.splitlines()) for cell in code if "hide-input" not in cell.metadata.get("tags", [])
    ]
    tables = sum("table" in cell.metadata.get("mystnb", {}) for cell in code)
    return {
        "words": len(" ".join(prose).split()),
        "cells": len(cells),
        "lines of code": sum(lines),
        "lines in the longest cell": max(lines),
        "tables": tables + sum(text.count("```{table}") for text in prose),
    }


@pytest.mark.parametrize("paper", claims.papers())
def test_the_main_way_of_a_chapter_is_for_one_sitting(paper):
    cells = nbformat.read(project.chapter_path(paper), 4).cells
    end = next(place for place, cell in enumerate(cells) if re.search("(?m)^## Exercises", cell.source))
    found = measures(cells[:end])
    assert all(found[name] <= most for name, most in SITTING.items()), found
    assert any(re.search("(?m)^## Further questions", cell.source) for cell in cells[end:])


def executed(*cells, **changes):
    """A notebook whose code cells are numbered as if they had been run."""
    notebook = notebook_of(*cells, **changes)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    return notebook


def output_of(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def printing(source="print(1)", *outputs):
    return new_code_cell(source, outputs=list(outputs) or [output_of("1\n")])


def test_a_good_notebook_has_no_fault():
    prose = new_markdown_cell(
        "Set `export COMPENDIUM_DATA=/path/to/data`; see https://example.org/home/x and {numref}`fig-curves`."
    )
    cells = [printing(), prose, "def f():\n    print(2)", figure_cell()]
    assert notebook_faults(executed(*cells, parameters="epochs: int = 2  # passes")) == []
    assert notebook_faults(executed()) == []


FAILED = new_output("error", ename="ValueError", evalue="wrong", traceback=[])


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["print(1)"], "has no output: print(1)"),
        (["for i in range(3):\n    print(i)"], "has no output"),
        (["plt.show()"], "has no output"),
        (["table = 1\ntable"], "has no output"),
        ([printing("x = 1", output_of("warning", "stderr"))], "complained on stderr"),
        ([printing("x = 1", FAILED)], "failed"),
        ([printing("print(p)", output_of("/home/someone/data\n"))], "path of one machine: /home/"),
        ([printing("print(p)", output_of("in '/tmp/ipykernel_1/2.py'"))], "path of one machine: /tmp/"),
        (["p = 'C:\\\\data'"], "path of one machine: C:\\"),
        ([new_markdown_cell("See /work/here.")], "path of one machine: /work/"),
        ([figure_cell()], "no text refers to fig-curves"),
        ([figure_cell(alt=" ")], "without caption or alternative text"),
        ([new_markdown_cell("![](picture.png)")], "an image without alternative text"),
        (["a = 1", "b = 1", "c = 1"], "more than two code cells in a row"),
        (["\n".join(["x = 1"] * 41)], "more than forty lines"),
        (["\n".join(["x = 1"] * 11)], "long in the median"),
    ],
)
def test_each_fault_of_a_notebook_is_found(cells, fault):
    assert fault in "\n".join(notebook_faults(executed(*cells)))


@pytest.mark.parametrize("line", ["epochs = 2  # passes", "epochs: int = 2", "epochs: int = 2\n# passes"])
def test_a_parameter_needs_type_and_comment(line):
    notebook = executed(parameters=f"seed: int = 1  # of the noise\n{line}")
    assert notebook_faults(notebook) == ["a parameter without type or comment: seed: int = 1  # of the noise"]


@pytest.mark.parametrize("numbers", [(None, None), (2, 1), (1, 3), (1, 1)])
def test_cells_out_of_order_are_found(numbers):
    notebook = notebook_of("a = 1", "b = 1")
    for cell, number in zip(notebook.cells[1:], numbers, strict=True):
        cell.execution_count = number
    assert notebook_faults(notebook) == ["not run from top to bottom"]


# --- building, with the real jupyter-book, a book of two notebooks in a checkout of its own

RUN = """\
from pathlib import Path
with Path("../runs.txt").open("a") as file:
    file.write("{name} ")
print("ran")"""


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(project.ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\n"
        "parts: [{caption: Part, chapters: [{file: book/one}, {file: notebooks/two}]}]\n",
        encoding="utf-8",
    )
    (tmp_path / "_config.yml").write_text(
        "title: Small\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
        "launch_buttons: {notebook_interface: classic}\nrepository: {url: ''}\n",
        encoding="utf-8",
    )
    write_notebook(tmp_path / "book" / "one.ipynb", RUN.format(name="one"))
    write_notebook(tmp_path / "notebooks" / "two.ipynb", RUN.format(name="two"))
    (tmp_path / "book" / "index.md").write_text("# Small book\n", encoding="utf-8")
    (tmp_path / "runs.txt").write_text("", encoding="utf-8")
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "compendium", "book", *arguments]


def environment(checkout):
    return {**os.environ, "PYTHONPATH": str(checkout / "lib")}


def build(checkout, *arguments):
    """`compendium book`: exit status, lines on standard output and error, and, sorted, what was run."""
    (checkout / "runs.txt").write_text("", encoding="utf-8")
    ended = subprocess.run(
        command(*arguments), env=environment(checkout), cwd=checkout, capture_output=True, encoding="utf-8"
    )
    runs = sorted((checkout / "runs.txt").read_text(encoding="utf-8").split())
    return ended.returncode, ended.stdout.splitlines(), ended.stderr.splitlines(), runs


def test_a_build_runs_and_compiles_what_has_changed_and_no_more(checkout):
    html = checkout / "_build" / "html"
    status, printed, _, runs = build(checkout, "--save-outputs")
    assert status == 0
    assert runs == ["one", "two"]
    assert sorted(printed[:2]) == ["one: running", "two: running"]  # at the same time
    assert printed[2] == "pages: compiling"
    assert printed[-1] == f"open {html / 'index.html'}"
    assert "ran" in (html / "notebooks" / "two.html").read_text(encoding="utf-8")
    first = (html / "notebooks" / "two.html").stat()

    # nothing changed: what an editor or a file manager leaves is nothing, either
    for folder in ("lib/compendium", "book", "notebooks"):
        (checkout / folder / ".DS_Store").write_bytes(b"\0")
        (checkout / folder / "one.md~").write_text("# Of an editor\n", encoding="utf-8")
    status, printed, _, runs = build(checkout)
    assert (status, runs) == (0, [])
    assert printed[:3] == ["one: unchanged", "two: unchanged", "pages: nothing changed"]

    # prose is no reason to run a notebook; Sphinx warns of it, and the earlier pages stay
    one = checkout / "book" / "one.ipynb"
    good = one.read_bytes()
    write_notebook(one, RUN.format(name="one"), new_markdown_cell("See {ref}`nowhere`."))
    status, printed, complaint, runs = build(checkout)
    assert status == 1
    assert runs == []
    assert len(complaint) == 1
    assert re.match(r"compendium: .*one\.ipynb:\d+: WARNING: .*nowhere.*build\.log\)$", complaint[0])
    assert (html / "notebooks" / "two.html").stat() == first

    # back to the good one, and without what earlier builds left: the saved outputs are those of the code
    one.write_bytes(good)
    shutil.rmtree(checkout / "_build")
    status, printed, _, runs = build(checkout)
    assert (status, runs) == (0, [])
    assert "ran" in (html / "book" / "one.html").read_text(encoding="utf-8")

    # a change in the library: all run, and the pages are still those
    first = (html / "notebooks" / "two.html").stat()
    with (checkout / "lib" / "compendium" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# a change\n")
    status, printed, _, runs = build(checkout)
    assert (status, runs) == (0, ["one", "two"])
    assert "pages: nothing changed" in printed
    assert (html / "notebooks" / "two.html").stat() == first


@pytest.mark.thorough
def test_a_page_is_made_anew_where_a_record_that_it_quotes_has_changed(checkout):
    quoting = (
        "from compendium import results\n"
        "print('of', results.load('small', 'cpu')['parameters']['epochs'], 'epochs')"
    )
    write_notebook(checkout / "book" / "one.ipynb", RUN.format(name="one"), quoting)
    for epochs in (1, 2):
        tiny_records.write(
            checkout / "results" / "small" / "cpu", tiny_records.record(parameters={"epochs": epochs})
        )
        status, _, complaint, runs = build(checkout, "--save-outputs")
        assert (status, complaint) == (0, [])
        assert runs == (["one", "two"] if epochs == 1 else ["one"])
        assert f"of {epochs} epochs" in (checkout / "_build" / "html" / "book" / "one.html").read_text(
            encoding="utf-8"
        )


@pytest.fixture
def published_chapter(checkout):
    """The checkout with a published run of its chapter, `two`, in which `epochs` is 4 and not 2."""
    parameters = "epochs: int = 2  # passes, 1 or more"
    cells = (RUN.format(name="two"), "print('epochs', epochs)")
    write_notebook(checkout / "notebooks" / "two.ipynb", *cells, parameters=parameters)
    (checkout / "notebooks" / "profiles.yml").write_text(
        "quick: {}\ncpu: {two: {epochs: 4}}\n", encoding="utf-8"
    )
    ran = executed(*cells, parameters=parameters)
    ran.cells[-1].outputs = [output_of("epochs 4\n")]
    folder = checkout / "results" / "two" / "cpu"
    folder.mkdir(parents=True)
    nbformat.write(ran, folder / "two.ipynb")
    described = runs.resolve(
        chapters.read(checkout / "notebooks" / "two.ipynb"), {}, profile="cpu"
    ).description()
    (folder / "run.json").write_text(json.dumps({"run": described, "starts": []}), encoding="utf-8")
    tiny_records.write(folder, tiny_records.record(chapter="two", parameters={"epochs": 4}))
    return checkout


def test_a_chapter_shows_its_published_run_and_is_not_run_for_it(published_chapter):
    status, printed, _, runs = build(published_chapter)
    assert (status, runs) == (0, ["one"])
    assert "two: published, cpu" in printed
    page = (published_chapter / "_build" / "html" / "notebooks" / "two.html").read_text(encoding="utf-8")
    text = BeautifulSoup(page, "html.parser").text
    assert "epochs 4" in text
    assert "epochs: int = 4" in text

    # prose may change, code may not
    path = published_chapter / "notebooks" / "two.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[-1].source = "print('passes', epochs)"
    nbformat.write(notebook, path)
    status, _, complaint, runs = build(published_chapter)
    assert (status, len(complaint)) == (1, 1)
    assert "`compendium run two --profile cpu --from results/two/cpu`" in complaint[0]


def test_a_live_book_runs_the_chapters_and_lies_beside_the_book(published_chapter):
    status, printed, complaint, runs = build(published_chapter, "--live", "-p", "epochs=3")
    assert (status, complaint, runs) == (0, [], ["one", "two"])
    live = published_chapter / "_build" / "live" / "html"
    assert printed[-1] == f"open {live / 'index.html'}"
    text = {
        name: BeautifulSoup((live / f"{name}.html").read_text(encoding="utf-8"), "html.parser").text
        for name in ("book/index", "book/one", "notebooks/two")
    }
    assert "epochs 3" in text["notebooks/two"]
    assert all("A live book" in text[name] for name in ("book/index", "book/one"))
    assert not (published_chapter / "_build" / "html").exists()

    for arguments, message in (
        (["-p", "epochs=3"], "add --live"),
        (["--live", "-p", "epoch=3"], "epochs"),
        (["--live", "-p", "epochs=0"], "epochs"),
        (["--live", "--save-outputs"], "leave out --save-outputs"),
    ):
        status, _, complaint, _ = build(published_chapter, *arguments)
        assert (status, len(complaint)) == (2, 1)
        assert message in complaint[0]


def test_a_second_build_waits_for_the_first(checkout):
    first = subprocess.Popen(
        command(), env=environment(checkout), cwd=checkout, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert first.stdout.readline().endswith(": running\n")
    status, printed, _, _ = build(checkout)
    assert printed[0] == "another build works in this checkout; this one goes on when that has ended"
    assert printed[1:4] == ["one: unchanged", "two: unchanged", "pages: nothing changed"]
    assert (status, first.wait()) == (0, 0)
    first.stdout.close()


def test_no_run_goes_on_where_the_build_is_killed(checkout):
    write_notebook(
        checkout / "book" / "one.ipynb", RUN.format(name="one") + "\nimport time; time.sleep(3600)"
    )
    started = subprocess.Popen(command(), env=environment(checkout), cwd=checkout, stdout=subprocess.DEVNULL)
    wait_for(lambda: "one" in (checkout / "runs.txt").read_text(encoding="utf-8"), started)
    left = psutil.Process(started.pid).children(recursive=True)
    assert len(left) >= 2  # of the pool, and a kernel
    started.kill()
    started.wait()
    _, alive = psutil.wait_procs(left, timeout=300)
    assert not alive


def test_the_copy_of_the_library_is_the_one_that_builds(checkout):
    """Otherwise the test above would build this very book."""
    script = "from compendium import project; print(project.ROOT)"
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment(checkout), capture_output=True, encoding="utf-8"
    )
    assert Path(ended.stdout.strip()) == checkout.resolve()
