"""What the pages tell a reader to type: each command is given to the real program."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell
from PIL import Image
from tiny_notebooks import write_notebook

from compendium import book, chapters, data, generated, own, project, runner, runs
from compendium.cli import open as opening
from compendium.data import CATALOGUE
from compendium.leaderboard import tasks

PAGES = ["README.md", "book/how-to-rerun.md"]
LAB_PAGE = "book/for-instructors.md"
OWN_PAGE = "book/your-own-experiment.md"

RECORD = """\
import json, os, pathlib
parameters = {name: globals()[name] for name in __annotations__}
record = {"chapter": CHAPTER, "parameters": parameters, "metrics": [], "curves": []}
pathlib.Path(os.environ.get("COMPENDIUM_RUN", "."), "record.json").write_text(json.dumps(record))"""


def commands(page):
    """The commands in a page's console blocks, as lists of words."""
    blocks = re.findall(
        r"^```console\n(.*?)^```", (project.ROOT / page).read_text(encoding="utf-8"), re.M | re.S
    )
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line[2:], comments=True) for line in lines]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Chapters with the parameters of the real ones that only write a record, and data sets of no bytes."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(project.NOTEBOOKS / "profiles.yml", tmp_path / "notebooks")
    for real in map(chapters.named, project.chapters()):
        cells = book.nbformat.read(real.path, 4).cells
        declared = next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
        doors = "".join(f'\n# .door("{door}"' for door in real.doors)
        body = RECORD.replace("CHAPTER", repr(real.name)) + doors
        parts = [new_code_cell("pass", metadata={"tags": [f"part:{part}"]}) for part in real.parts]
        path = tmp_path / "notebooks" / f"{real.name}.ipynb"
        write_notebook(path, body, *parts, parameters=declared.source)
    for entry in filter(lambda entry: entry.folder, CATALOGUE.values()):
        (tmp_path / "data" / entry.folder).mkdir(parents=True)
        for names in entry.files.values():
            for name in names:
                (tmp_path / "data" / entry.folder / name).touch()
    if yaml := re.search(
        r"^```yaml\n(.*?)^```", (project.ROOT / PAGES[1]).read_text(encoding="utf-8"), re.M | re.S
    ):
        (tmp_path / "my-parameters.yml").write_text(yaml[1], encoding="utf-8")
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def try_out(call, monkeypatch, words):
    """Run a command, or as much of it as takes no download, no browser and no book."""
    match words:
        case ["compendium", "run" | "params" | "compare" | "claims", *_] | ["compendium", "data", "list"]:
            assert call(*words[1:])[0] == 0
        case ["compendium", "publish", *_]:
            with monkeypatch.context() as patch:
                patch.setattr(project, "RESULTS", Path("results").resolve())
                assert call(*words[1:])[0] == 0
        case ["compendium", "evaluate", method, "--task", task, *_]:
            assert method == "my.py:denoise" or own.describe(f"{project.ROOT}/{method}")
            assert tasks.task(task)
        case ["compendium", "sweep", *_]:
            assert call(*words[1:], "--dry-run")[0] == 0
        case ["compendium", "data", "fetch", *names]:
            fetched = []
            monkeypatch.setattr(data, "fetch", fetched.append)
            assert call(*words[1:])[0] == 0
            assert fetched == names
            assert {*names} <= {*data.NAMES}
        case ["compendium", "open", chapter]:
            with monkeypatch.context() as patch:
                patch.setattr(opening, "find_spec", lambda name: name)
                patch.setattr(subprocess, "run", lambda command: subprocess.CompletedProcess(command, 0))
                assert call("open", chapter)[0] == 0
        case ["compendium", "book" | "test" | "doctor" | "lab", *_]:
            assert call(*words[1:], "--help")[0] == 0
        case ["papermill", *_]:
            ended = subprocess.run([sys.executable, "-m", *words], capture_output=True, encoding="utf-8")
            assert ended.returncode == 0, ended.stderr
        case ["make", target]:
            assert re.search(
                rf"^[\w ]*\b{target}\b[\w ]*:", (project.ROOT / "Makefile").read_text(encoding="utf-8"), re.M
            )
        case ["pip", "install", requirement]:
            extras = tomllib.loads((project.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            assert [requirement] == extras["optional-dependencies"]["lab"]
        case [".venv/bin/python", "-m", "pip", "uninstall", "--yes", name]:
            assert name in project.TENSORFLOW
        case [".venv/bin/python", "-m", "pip", "install", "--constraint", lock, requirement]:
            locked = (project.ROOT / lock).read_text(encoding="utf-8").splitlines()
            assert requirement.replace("[and-cuda]", "") in [line.partition(" ;")[0] for line in locked]
        case ["mkdir", "-p", folder]:
            Path(folder).mkdir(parents=True)
        case ["cp", pattern, folder]:
            assert [shutil.copy(path, folder) for path in project.ROOT.glob(pattern)]
        case ["export", assignment]:
            assert assignment.startswith("COMPENDIUM_DATA=")
        case _:
            pytest.fail(f"nobody has tried: {words}")


def try_out_page(call, monkeypatch, page, *, has):
    """Give all commands of a page to the program; one of them, at least, is `compendium HAS`."""
    tried = commands(page)
    assert ["compendium", has] in [words[:2] for words in tried]
    for words in tried:
        try_out(call, monkeypatch, words)
        if words[1] == "run":  # one kernel a page will do
            monkeypatch.setattr(runner, "run", without_a_kernel)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_does_what_it_says(checkout, call, monkeypatch, page):
    try_out_page(call, monkeypatch, page, has="run")
    assert len([*checkout.rglob("record.json")]) >= 2


def test_every_command_on_labs_is_one(checkout, call, monkeypatch):
    try_out_page(call, monkeypatch, LAB_PAGE, has="lab")


def without_a_kernel(chapter, run):
    record = {"chapter": chapter.name, "parameters": dict(run.parameters), "metrics": [], "curves": []}
    with runs.started(run):
        (run.folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return Path(shutil.copy(chapter.path, run.folder))


@pytest.mark.real_data("cifar10")
def test_the_lines_of_the_page_reproduce_a_recorded_number(capsys):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (project.ROOT / PAGES[1]).read_text(encoding="utf-8"), re.M | re.S
    )
    (lines,) = (block for block in blocks if "results.load" in block)
    exec(lines, {})
    computed, recorded = map(float, capsys.readouterr().out.split())
    assert computed == pytest.approx(recorded, rel=1e-12)


def test_every_command_on_one_s_own_experiment_is_one(checkout, call, monkeypatch):
    for code in re.findall(
        r"^```python\n(# \w+\.py\n.*?)^```",
        (project.ROOT / OWN_PAGE).read_text(encoding="utf-8"),
        re.M | re.S,
    ):
        (checkout / code.split()[1]).write_text(code, encoding="utf-8")
    (checkout / "my-images").mkdir()
    for n, photo in enumerate(data.load("photos").images[:10]):
        Image.fromarray(photo).save(checkout / "my-images" / f"{n}.png")
    try_out_page(call, monkeypatch, OWN_PAGE, has="run")


def test_the_page_shows_the_errors_and_files_that_there_are(checkout, call):
    page = (project.ROOT / PAGES[1]).read_text(encoding="utf-8")
    status, _, complaint = call("run", "tuning", "-p", "epochs=0")
    assert status == 2
    assert complaint in page
    assert call("run", "tuning", "--out", "mine")[0] == 0
    for path in (checkout / "mine").glob("[!.]*"):
        assert f"`{path.name.replace('tuning', '<chapter>')}`" in page


def test_the_page_of_parameters_is_what_the_chapters_declare():
    text = (project.ROOT / generated.PARAMETERS).read_text(encoding="utf-8")
    assert text == generated.parameters_page(), "stale: `compendium book --save-outputs` writes it anew"
    for chapter in project.chapters():
        section = text.split(f"\n## [{chapter}]")[1].split("\n## ")[0]
        for name, declared in chapters.named(chapter).parameters.items():
            (entry,) = (part for part in section.split("\n\n") if part.startswith(f"`{name}` = "))
            assert declared.limits in entry.splitlines()[1]


def test_a_book_is_built_with_its_page_of_parameters_as_it_is_now(tmp_path):
    book._stage(tmp_path / "source", {}, live=False)
    assert (tmp_path / "source" / generated.PARAMETERS).read_text(
        encoding="utf-8"
    ) == generated.parameters_page()
