"""Labs: the solution passes, the untouched notebook does not, wrong answers get hints, nothing leaks."""

import functools
import re
import subprocess
import sys
import zipfile

import nbclient
import nbformat
import pytest
import tiny_lab
from lab_secrets import secret_lines

from compendium import generated, project
from compendium.labs import checking, editions, rehearsal, source

LABS = source.names()
LONG = {"baseline", "depth", "interpolate"}  # a minute each, with all their wrong answers
REHEARSED = [pytest.param(name, marks=pytest.mark.thorough if name in LONG else ()) for name in LABS]


@functools.cache
def rehearsed(name):
    return rehearsal.rehearse(source.load(name))


@pytest.mark.parametrize("name", REHEARSED)
def test_the_solution_passes_stubs_fail_and_each_wrong_answer_gets_its_hint(name):
    assert rehearsed(name).faults == []


@pytest.mark.parametrize("name", REHEARSED)
def test_students_read_beside_a_task_what_its_solution_prints(name):
    assert editions.recorded_outputs(source.load(name)) == rehearsed(name).printed


@pytest.mark.parametrize("name", LABS)
def test_a_lab_is_one_to_two_hours_of_all_kinds_of_tasks_with_wrong_answers(name):
    lab = source.load(name)
    assert 60 <= lab.minutes <= 120
    assert {task.kind for task in lab.tasks} == {*checking.KINDS}
    for task in lab.tasks:
        fewest = {"explain": 0, "code": 8}.get(task.kind, 5)
        assert len(task.wrong) >= fewest, f"task {task.number}"
        assert task.kind != "code" or len(task.parts) >= 2, f"task {task.number}"


@pytest.mark.parametrize("name", LABS)
def test_no_line_of_a_solution_reaches_students(name, tmp_path):
    lab = source.load(name)
    wheel = tmp_path / "package.whl"
    wheel.write_bytes(b"")
    editions.zipped(lab, editions.recorded_outputs(lab), tmp_path / "lab.zip", wheel=wheel, requirements="")
    with zipfile.ZipFile(tmp_path / "lab.zip") as archive:
        handed_out = "\n".join(archive.read(one).decode() for one in archive.namelist())
    for number, secret in secret_lines(lab).items():
        assert secret
        for line in secret:
            assert line not in handed_out, f"task {number}: {line}"


@pytest.mark.parametrize("name", LABS)
def test_editions_are_valid_notebooks_whose_checks_name_the_answers(name):
    lab = source.load(name)
    for notebook in (editions.student(lab, {}), editions.solution(lab)):
        nbformat.validate(notebook)
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        for task in lab.tasks:
            assert f"check.{task.name}({', '.join(task.answers)})" in code


def run_all(notebook, folder):
    """The cells' texts on stdout after "Run All"; nbclient, like Jupyter, stops at a cell that fails."""
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}).execute()
    return ["".join(one.get("text", "") for one in cell.get("outputs", [])) for cell in notebook.cells]


def test_a_notebook_with_open_tasks_runs_to_its_end_and_says_which(tmp_path):
    (tmp_path / "tiny.md").write_text(tiny_lab.LAB, encoding="utf-8")
    lab = source.read(tmp_path / "tiny.md")
    (tmp_path / "check_tiny.py").write_text(lab.check_module, encoding="utf-8")
    untouched, part = (editions.student(lab, {}) for _ in range(2))
    assert run_all(untouched, tmp_path)[-1].splitlines() == [
        "Task 1, Double: not yet",
        "Task 2, Predict: not yet",
        "Task 3, Mean: not yet",
        "Task 4, Why: not yet",
        "",
        "0 of 4 pass, 0 to be read by a person, 4 open.",
        "This notebook can be handed in; what is open gets no points. Save it first.",
    ]
    for cell in part.cells:
        cell.source = cell.source.replace("observed = ...", 'observed = "b"').replace(
            "def measure", "def other"
        )
    assert [line.rpartition(": ")[2] for line in run_all(part, tmp_path)[-1].splitlines()[:4]] == [
        *("not yet", "pass", "not checked", "not yet"),
    ]


def test_the_table_of_labs_has_each_with_its_minutes_and_points():
    rows = generated.lab_table().splitlines()[2:]
    assert len(rows) == len(LABS)
    for name, row in zip(LABS, rows, strict=True):
        lab = source.load(name)
        assert row.startswith(f"| {lab.number}. [{lab.title}](labs/{name}) |")
        assert row.endswith(f" | {lab.minutes} | {lab.points} |")


LAB_THAT_FORGETS = """\
---
{number: 9, title: T, chapter: "", minutes: 2, objectives: [], prerequisites: []}
---
+++ {"task": {"kind": "code", "title": "First", "minutes": 1, "points": 1}}
Statement.

```{code-cell}
:role: solution
answer = 1
```
```{code-cell}
:role: check
def first(answer):
    expect(answer == 1, "Not one.")
```
+++ {"task": {"kind": "code", "title": "Second", "minutes": 1, "points": 1}}
Statement.

```{code-cell}
:role: solution
answer = 2
```
```{code-cell}
:role: check
def second(answer):
    expect(answer == 2, "Not two.")
```
"""


def test_an_answer_that_a_later_cell_overwrites_is_found(tmp_path):
    (tmp_path / "forgets.md").write_text(LAB_THAT_FORGETS, encoding="utf-8")
    faults = rehearsal.rehearse(source.read(tmp_path / "forgets.md")).faults
    assert faults == ["the solution, when later cells have run: Task 1: not yet. Not one."]


def test_figures_of_solutions_have_caption_name_and_alternative_text():
    names = []
    for name in LABS:
        for cell in editions.solution(source.load(name)).cells:
            if cell.cell_type == "code" and re.search(r"plt\.show|image_grid", cell.source):
                about = cell.metadata.get("mystnb", {})
                assert about.get("image", {}).get("alt"), f"{name}: {cell.source[:60]}"
                assert about["figure"]["caption"]
                names.append(about["figure"]["name"])
    assert names
    assert len(names) == len(set(names))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("latent", ["at most 41 %"]),
        ("separate", ["66 % get the right class", "60 to 66 %", "4.3 to 4.5"]),
        ("baseline", ["between −38 and −43", "between −26 and −32", "between −0.3 and −0.6"]),
    ],
)
def test_numbers_that_no_cell_prints_are_those_of_the_labs_experiments(name, said):
    script = project.ROOT / "labs" / "experiments.py"
    ended = subprocess.run([sys.executable, script, name], capture_output=True, encoding="utf-8", check=True)
    ends = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?=%|$| times)", ended.stdout, re.M)]
    told = (project.ROOT / "labs" / f"{name}.md").read_text(encoding="utf-8")
    for words in said:
        assert words in told
        for number in re.findall(r"−?\d+(?:\.\d+)?", words):
            printed = float(number.replace("−", "-"))
            last_digit = 10.0 ** -len(number.partition(".")[2])
            assert any(abs(printed - end) < 0.6 * last_digit for end in ends), (number, ended.stdout)
