"""The labs in the book: pages as their sources say, zips to download, no solution unless it is asked for."""

import io
import zipfile

import nbformat
import pytest
import yaml
from lab_secrets import secret_lines

from compendium import generated, project
from compendium.labs import source

LABS = source.names()


def test_the_committed_pages_are_what_the_sources_say():
    made = generated.lab_pages()
    assert len(made) == len(LABS) == 6
    for name, content in made.items():
        committed = (project.ROOT / name).read_text(encoding="utf-8")
        assert committed == content, f"{name} is stale: `compendium book --save-outputs` writes it anew"


def test_the_book_lists_every_lab():
    contents = yaml.safe_load((project.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    assert [f"book/labs/{name}" for name in LABS] == [one for one in listed if one.startswith("book/labs/")]


def test_the_book_offers_each_lab_as_a_zip_that_holds_all_that_is_needed(html):
    for name in LABS:
        assert f'href="../../_static/zips/{name}.zip"' in (html / f"book/labs/{name}.html").read_text(
            encoding="utf-8"
        )
        with zipfile.ZipFile(html / f"_static/zips/{name}.zip") as archive:
            names = [one.removeprefix(f"{name}/") for one in archive.namelist()]
            (wheel,) = (one for one in names if one.endswith(".whl"))
            assert {*names} == {f"{name}.ipynb", f"check_{name}.py", "README.md", "requirements.txt", wheel}
            assert f"./{wheel}" in archive.read(f"{name}/requirements.txt").decode()


def test_no_solution_is_in_the_rendered_book_its_sources_or_the_zips(html):
    """The package in a zip may share idioms with a solution, such as making a generator, but no long line."""
    for lab in map(source.load, LABS):
        texts = dict(unpacked((html / f"_static/zips/{lab.name}.zip").read_bytes()))
        pages = (path for path in html.rglob(f"{lab.name}.*") if path.suffix in {".html", ".ipynb", ".md"})
        texts |= {str(path): path.read_text(encoding="utf-8") for path in pages}
        assert any(name.startswith("compendium/") for name in texts)
        assert any(name.endswith(f"{lab.name}.html") for name in texts)
        lines = [line for secret in secret_lines(lab).values() for line in secret]
        assert lines
        for name, text in texts.items():
            shortest = 40 if name.startswith("compendium/") else 0
            assert [line for line in lines if len(line) > shortest and line in text] == [], name


def unpacked(content):
    """The text files in a zip, and in the wheels in it: pairs of name and text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name.endswith(".whl"):
                yield from unpacked(archive.read(name))
            elif not name.endswith((".png", ".npz")):
                yield name, archive.read(name).decode(errors="replace")


@pytest.mark.parametrize("name", LABS[:1])
def test_solutions_and_notes_are_published_where_an_instructor_asks(name, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "names", lambda: [name])
    listed = generated.solutions(tmp_path, print)
    assert listed == [f"book/labs/{name}-solution", f"book/labs/{name}-instructor"]
    executed = nbformat.read(tmp_path / f"{listed[0]}.ipynb", 4)
    lab = source.load(name)
    printed = "".join(
        output.text for cell in executed.cells for output in cell.get("outputs", []) if "text" in output
    )
    assert all(f"Task {task.number}: " in printed for task in lab.tasks)
    assert "not yet" not in printed
    notes = (tmp_path / f"{listed[1]}.md").read_text(encoding="utf-8")
    assert all(task.rubric in notes and task.title in notes for task in lab.tasks)
