"""A teacher's own labs: in a folder of theirs, without some tasks, tried before they are handed out."""

import csv
import shutil
import zipfile

import nbformat
import pytest
from tiny_lab import FULL, GOOD, LAB
from tiny_notebooks import write_notebook
from typer.testing import CliRunner

from compendium import cli, project
from compendium.errors import CompendiumError, UsageError
from compendium.labs import cage, code, editions, intake, rehearsal, source, trial
from compendium.labs import course as course_of

needs_cage = pytest.mark.needs("cage")
QUICK = cage.Limits(seconds=150, memory=700 * cage.MB)


@pytest.fixture
def mine(tmp_path):
    """A folder with a lab that somebody has copied, renamed and changed, and a file that is none."""
    (tmp_path / "labs").mkdir()
    text = LAB.replace("Tiny", "Mine").replace("2 * ", "4 * ").replace("np.ones(", "2 * np.ones(")
    (tmp_path / "labs/my_lab2.md").write_text(text, encoding="utf-8")
    (tmp_path / "labs/README.md").write_text("# My course\n", encoding="utf-8")
    return tmp_path / "labs"


def lab_of(text, folder, name="tiny"):
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return source.read(folder / f"{name}.md")


def call(*words):
    return CliRunner().invoke(cli.app, ["lab", *map(str, words)])


def rows_of(folder):
    with (folder / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@needs_cage
def test_a_lab_of_ones_own_is_built_and_graded_and_tasks_can_be_left_out(mine, tmp_path):
    own, out = ["--labs", mine, "--without", 2], tmp_path / "built"
    built = call("build", *own, "--out", out)
    assert built.exit_code == 0, built.output
    with zipfile.ZipFile(out / "my_lab2/my_lab2.zip") as archive:
        notebook = archive.read("my_lab2/my_lab2.ipynb").decode()
        checks = archive.read("my_lab2/check_my_lab2.py").decode()
    assert "Task 1: Double" in notebook
    assert "Task 3: Mean" in notebook
    assert "Task 2" not in notebook + checks
    assert "15 minutes · 3 tasks · 8 points" in notebook
    fourfold = "def double(image):\n    return 4 * image"
    write_notebook(
        tmp_path / "in/anna.ipynb",
        "import check_my_lab2 as check",
        *GOOD[0].split("\n")[1:],
        fourfold,
        *GOOD[2:],
    )
    graded = call("grade", tmp_path / "in", *own)
    assert graded.exit_code == 0, graded.output
    (row,) = rows_of(tmp_path / "in-grades")
    assert (row["lab"], row["total"], row["of"]) == ("my_lab2", str(FULL - 2), "8")
    assert "task 2" not in row


def test_names_and_folders_that_are_no_labs(mine, tmp_path):
    assert source.names(mine) == ["my_lab2"]
    with pytest.raises(UsageError, match="is not a folder"):
        source.names(tmp_path / "nowhere")
    (mine / "my-lab.md").write_text(LAB, encoding="utf-8")
    with pytest.raises(CompendiumError, match=r"my-lab\.md: a lab's file is named in small letters"):
        source.names(mine)
    refused = call("build", "--labs", mine, "--record")
    assert "leave out --labs" in str(refused.exception)


def test_the_longest_name_in_a_files_name_is_its_lab(mine):
    lab = source.load("my_lab2", mine)
    labs = {name: lab for name in ("lab", "my_lab", "my_lab2")}
    assert intake.recognised("", "Anna_my_lab2 (1)", labs) == "my_lab2"
    assert intake.recognised("", "my_lab_2", labs) == "my_lab"
    assert intake.recognised("", "syllabus", labs) == ""


# --- tasks that are left out


@pytest.mark.parametrize("name", source.names())
def test_whatever_task_is_left_out_the_others_have_all_that_they_need(name):
    whole = source.load(name)
    names = {one for task in whole.tasks for one in task.bound}
    for gone in whole.tasks:
        lab = whole.without([gone.number])
        assert lab.points == whole.points - gone.points
        assert lab.minutes == whole.minutes - gone.minutes
        known = {one for cell in lab.introduction for one in cell.bound}
        for task in lab.tasks:
            for cell in task.cells:
                assert not (cell.used & names) - known - task.bound, (gone.number, task.number, cell.text)
                known |= cell.bound


@pytest.mark.parametrize("gone", [1, pytest.param(2, marks=pytest.mark.thorough), 4])
def test_what_others_need_of_a_task_that_is_left_out_is_given(gone):
    lab = source.load("corrupt").without([gone])
    assert rehearsal.rehearse(lab).faults == []
    student = editions.student(lab, {}).cells
    first = next(at for at, cell in enumerate(student) if lab.say("given") in cell.source)
    name = {1: "salt_and_pepper", 2: "psnr", 4: "entropy"}[gone]
    assert f"def {name}(" in student[first + 1].source
    assert "NotImplementedError" not in student[first + 1].source


def test_tasks_that_are_no_tasks_or_of_nobody_knows_which_lab(mine):
    labs = {name: source.load(name) for name in ("corrupt", "depth")}
    with pytest.raises(UsageError, match='no task of corrupt "9"'):
        source.without(labs, "corrupt", [9])
    with pytest.raises(UsageError, match="--without is for one lab; name it, too"):
        source.without(labs, "", [1])
    with pytest.raises(UsageError, match="no task is left"):
        source.load("my_lab2", mine).without([1, 2, 3, 4])


def test_the_grader_says_where_the_tasks_that_count_are_not_those_of_the_notebooks(tmp_path, monkeypatch):
    lab_of(LAB, tmp_path)
    monkeypatch.setattr(source, "FOLDER", tmp_path)
    whole = source.load("tiny")
    for name, lab in (("all", whole), ("some", whole.without([2]))):
        (tmp_path / name).mkdir()
        nbformat.write(editions.student(lab, {}), tmp_path / name / "anna.ipynb")

    def told(folder, *without):
        said = []
        monkeypatch.setattr(cage, "require", lambda: said.append("cages"))
        monkeypatch.setattr(course_of._Course, "run", lambda *_: None)
        how = {"lab": None, "limits": QUICK, "workers": 1, "tell": said.append}
        course_of.grade(tmp_path / folder, tmp_path / f"{folder}-{without}", without=without, **how)
        return said[: said.index("cages")]

    assert told("all") == told("some", 2) == []
    assert told("some") == [
        "tiny: no notebook has task 2; if it was not handed out, stop, and add --without 2"
    ]
    assert told("all", 2) == ["tiny: 1 of 1 notebooks have task 2, which does not count"]


def test_prose_that_speaks_of_a_task_that_is_left_out_is_told():
    assert source.load("corrupt").without([3]).loose_ends == ["task 7 speaks of task 3, which is left out"]
    assert source.load("corrupt").loose_ends == []


# --- what cannot be graded is refused


REFUSED = {
    "two checks of one name": (
        ("def mean(measure)", "def double(measure)"),
        "the name of its check, double, has",
    ),
    "a check named as a helper": (
        ("IMAGE = np", "mean = np"),
        "the name of its check, mean, has another meaning",
    ),
    "two texts of one name": (
        ('"answer": "why"', '"answer": "double"'),
        "the name of its check, double, has",
    ),
    "an answer that nobody gives": (
        ("def mean(measure)", "def mean(measure, other)"),
        "asks for other, which no",
    ),
    "a check that is none": (("def mean(measure)", "def mean(*measures)"), "must end with a function of the"),
    "two parts of one name": (('"other sizes"', '"values"'), 'two parts of its check are called "values"'),
    "a picture": (("Hello.", "![a cat](cat.png)"), "the picture cat.png would not be in the students' zip"),
    "a picture in HTML": (("Hello.", "<img alt='' src='cat.png'>"), "the picture cat.png would not be"),
    "no stub of a line": (
        (
            '(image):\n    """Return twice the image."""',
            '(image): """Twice."""; return 2 * image\n\n\ndef one(x):\n    """Return x."""',
        ),
        "task 1: solution, line 1: only imports",
    ),
    "no stub": (('observed = "b"', 'observed, other = "b", 1'), "task 2: solution, line 1: only imports"),
    "no Python": (("return 2 * image", "return 2 ** * image"), "task 1: solution, line 3: invalid syntax"),
    "no number": (
        ('"minutes": 5, "points": 3', '"minutes": "5", "points": 3'),
        "task 1: minutes: '5' is not a",
    ),
    "too few minutes": (("minutes: 20", "minutes: 30"), "its tasks take 20 minutes, at its head are 30"),
    "no name": (('"answer": "why"', '"answer": "my answer"'), "answer: 'my answer' is not the name of a"),
    "no language": (("number: 1", "number: 1\nlanguage: dee"), 'no language "dee"; did you mean "de"'),
    "no task": ((LAB[LAB.index("+++") :], ""), "no task; one begins with a line"),
    "no head": ((LAB, "---\n---\n"), "no keys between the lines --- at its head"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_graded_is_refused_in_one_line(name, tmp_path):
    (old, new), said = REFUSED[name]
    with pytest.raises(CompendiumError) as refused:
        lab_of(LAB.replace(old, new), tmp_path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


SLEEPS = "\n\n```{code-cell}\n__import__('time').sleep(17)\n```\n"
READS = "\n\n```{code-cell}\nprint(open('FOLDER/secret.txt').read())\n```\n"
UNFIT = {
    "a wrong solution": (
        [("return np.mean", "return np.sum")],
        "the solution: Task 3: not yet. That is not the",
    ),
    "a check that passes all": ([('observed == "b"', "True")], "task 2: untouched, it passes"),
    "too many words": ([('"words": 3', '"words": 30')], "the solution: Task 4: not yet. 4 words so far"),
    "a cell that fails": (
        [("Which?", "Which?\n\n```{code-cell}\n1 / 0\n```\n")],
        "task 2: ZeroDivisionError: div",
    ),
    "a check that fails": ([("IMAGE = np.full((4, 5), 0.5)", "1 / 0")], "its checks: ZeroDivisionError"),
    "a value that does not cross": (
        [('observed = "b"', "observed = {1, 2}"), ('observed == "b"', "observed == {1, 2}")],
        "task 2: Not checked: `observed`: a value of type set cannot be checked",
    ),
    "a file that is not handed out": (
        [("Which?", f"Which?{READS}")],
        "in the grader's cage, cell 6 of those with",
    ),
    "a cell that takes too long": ([("Which?", f"Which?{SLEEPS}")], "TimeoutError: longer than 15 seconds"),
}


@needs_cage
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough if "long" in name else ()) for name in UNFIT]
)
def test_what_the_grader_would_not_give_its_points_is_told_before_it_is_handed_out(name, tmp_path):
    pairs, fault = UNFIT[name]
    text = LAB
    for old, new in pairs:
        text = text.replace(old, new.replace("FOLDER", str(tmp_path)))
    (tmp_path / "secret.txt").write_text("42", encoding="utf-8")
    limits = cage.Limits(seconds=45, memory=QUICK.memory) if "long" in name else QUICK
    said = []
    with pytest.raises(CompendiumError, match="it is not written"):
        trial.require(lab_of(text, tmp_path), tmp_path, limits, said.append)
    assert fault in said[0]
    assert len(said) == 1


@needs_cage
def test_a_lab_that_is_refused_leaves_nothing_to_hand_out(mine, tmp_path):
    path = mine / "my_lab2.md"
    path.write_text(
        path.read_text(encoding="utf-8").replace("return np.mean", "return np.sum"), encoding="utf-8"
    )
    assert call("build", "--labs", mine, "--out", tmp_path / "out").exit_code == 1
    assert not (tmp_path / "out/my_lab2").exists()


def test_names_that_code_binds_and_needs():
    text = (
        "import a.b\nfrom c import d as e\nx = y\nfor i in z:\n    pass\ndef f(p, q=r):\n    return p + s + t"
    )
    assert code.bound(text) == {"a", "e", "x", "i", "f"}
    assert code.used(text) - code.bound(text) == {"y", "z", "r", "s", "t"}


def test_a_copy_of_a_lab_of_the_repository_is_a_lab(tmp_path):
    shutil.copy(project.ROOT / "labs/corrupt.md", tmp_path / "noise.md")
    copied = source.load("noise", tmp_path)
    assert "import check_noise as check" in [cell.source for cell in editions.student(copied, {}).cells]
