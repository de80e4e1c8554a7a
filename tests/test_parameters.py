import json
import math
import subprocess
import sys

import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st
from tiny_notebooks import write_notebook

from compendium import chapters, parameters, project
from compendium.errors import CompendiumError, UsageError

CELL = """\
epochs: int = 5  # passes over the images, 1 or more; the paper's 500
rate: float = 1e-3  # of Adam, above 0; the paper's
fractions: list[float] = [0.3, 0.6]  # shares of altered pixels, 0 to 1
bias: float = -2  # at the start, any number
redraw: bool = False  # new noise every epoch
activation: str = "relu"  # relu, linear or sigmoid
loss: str = "mse"  # loss: mse or mae; not in the paper
sides: list[int] = [13]  # of the latent: 13, 8 or 5
names: list[str] = [
    "a",
]  # of networks; the paper's nine
seeds: list[int] = [1, 2]  # of the trainings, 0 or more, each once; the paper's one
more: list[int] = []  # 0 or more
images: int = 200  # the first so many, 2 or more
shown: list[int] = [0, 1, 2]  # images, 0 or more, below images, each once, 2 at least; the paper's four
widths: list[int] = [8, 4]  # filters, units, 1 or more, 2 of them
kinds: list[str] = ["a"]  # of networks, each once
title: str = "text"  # anything; really"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    return write_notebook(tmp_path_factory.mktemp("book") / "chapter.ipynb", parameters=CELL)


def test_each_part_of_a_line_is_read(notebook):
    found = chapters.read(notebook).parameters
    rows = [(p.name, p.type, p.default, p.meaning, p.limits, p.note) for p in found.values()]
    assert rows == [
        ("epochs", "int", 5, "passes over the images", "1 or more", "the paper's 500"),
        ("rate", "float", 1e-3, "of Adam", "above 0", "the paper's"),
        ("fractions", "list[float]", [0.3, 0.6], "shares of altered pixels", "0 to 1", ""),
        ("bias", "float", -2.0, "at the start", "any number", ""),
        ("redraw", "bool", False, "new noise every epoch", "", ""),
        ("activation", "str", "relu", "", "relu, linear or sigmoid", ""),
        ("loss", "str", "mse", "loss", "mse or mae", "not in the paper"),
        ("sides", "list[int]", [13], "of the latent", "13, 8 or 5", ""),
        ("names", "list[str]", ["a"], "of networks", "", "the paper's nine"),
        ("seeds", "list[int]", [1, 2], "of the trainings", "0 or more, each once", "the paper's one"),
        ("more", "list[int]", [], "", "0 or more", ""),
        ("images", "int", 200, "the first so many", "2 or more", ""),
        (
            *("shown", "list[int]", [0, 1, 2], "images"),
            *("0 or more, below images, each once, 2 at least", "the paper's four"),
        ),
        ("widths", "list[int]", [8, 4], "filters, units", "1 or more, 2 of them", ""),
        ("kinds", "list[str]", ["a"], "of networks", "each once", ""),
        ("title", "str", "text", "anything", "", "really"),
    ]
    assert list(found) == [row[0] for row in rows]
    assert type(found["bias"].default) is float
    assert (found["rate"].low, found["rate"].open, found["rate"].high) == (0, True, math.inf)
    assert (found["fractions"].low, found["fractions"].open, found["fractions"].high) == (0, False, 1)
    assert found["sides"].choices == (13, 8, 5)


def test_a_notebook_without_such_a_cell_has_no_parameters(tmp_path):
    assert chapters.read(write_notebook(tmp_path / "plain.ipynb", "x = 1")).parameters == {}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("epochs = 2  # passes", "line 1: write NAME: TYPE = DEFAULT  # MEANING, RANGE; NOTE"),
        ("epochs: int = 2 * count  # passes", "epochs = 2 * count; write a plain value"),
        ("epochs: dict = {}  # passes", "epochs: dict; write int, float, bool, str, or list"),
        ("epochs: int = 0  # passes, 1 or more", 'epochs = "0": expected a whole number, 1 or more'),
        ("epochs: int = 'two'  # passes", 'epochs = "two": expected a whole number'),
        ("loss: str = 'mse'  # loss: mae or huber", 'no value of loss "mse"'),
        ("__import__('os').abort()", "line 1: write NAME: TYPE"),
        (
            "epochs: int = __import__('os').abort()  # passes",
            "epochs = __import__('os').abort(); write a plain",
        ),
        ("epochs: int =", "invalid syntax"),
    ],
)
def test_a_line_that_declares_no_parameter_is_named_and_not_run(tmp_path, line, fault):
    path = write_notebook(tmp_path / "chapter.ipynb", parameters=line)
    with pytest.raises(CompendiumError) as error:
        chapters.read(path)
    assert str(error.value).startswith(f"{path}: in the cell of parameters, {fault}")
    assert error.value.exit_status == 1


GOOD = [
    ("epochs", "20", 20),
    ("epochs", "1e3", 1000),
    ("epochs", 7.0, 7),
    ("epochs", "010", 10),
    ("epochs", "1_000", 1000),
    ("rate", ".5", 0.5),
    ("fractions", "[.5, 1e-1]", [0.5, 0.1]),
    ("seeds", "[010, 8]", [10, 8]),
    ("seeds", "007", [7]),
    ("more", "", []),
    ("more", "[]", []),
    ("more", [], []),
    ("names", "[yes, 010, ~]", ["yes", "010", "~"]),
    ("epochs", "9007199254740993", 9007199254740993),
    ("rate", "1e-3", 0.001),
    ("rate", 1, 1.0),
    ("fractions", "0.3,0.6", [0.3, 0.6]),
    ("fractions", "0.3, 1e-1", [0.3, 0.1]),
    ("fractions", "0.5", [0.5]),
    ("fractions", 0.5, [0.5]),
    ("fractions", "[0, 1]", [0.0, 1.0]),
    ("fractions", ["1e-3", 1], [0.001, 1.0]),
    ("bias", "-0.5", -0.5),
    ("redraw", "false", False),
    ("redraw", "True", True),
    ("redraw", "no", False),
    ("redraw", True, True),
    ("activation", "linear", "linear"),
    ("sides", "8,5", [8, 5]),
    ("names", "a,b", ["a", "b"]),
    ("names", "['a', \"b\"]", ["a", "b"]),
    ("title", "1e-3", "1e-3"),
    ("title", "false", "false"),
    ("title", "a,b", "a,b"),
    ("title", "2020-01-31", "2020-01-31"),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_values_mean_what_a_person_expects(notebook, name, value, expected):
    found = chapters.read(notebook).check({name: value})[name]
    assert found == expected
    assert type(found) is type(expected)
    if isinstance(expected, list):
        assert {*map(type, found)} == {*map(type, expected)}


BAD = [
    ("epochs", "0", 'epochs = "0": expected a whole number, 1 or more; for example epochs=5'),
    ("epochs", "2.5", 'epochs = "2.5": expected a whole number, 1 or more'),
    ("epochs", "ten", 'epochs = "ten": expected a whole number'),
    ("epochs", "", 'epochs = "": expected a whole number'),
    ("epochs", True, 'epochs = "True": expected a whole number'),
    ("epochs", None, 'epochs = "None": expected a whole number'),
    ("epochs", [3], 'epochs = "[3]": expected a whole number'),
    ("epochs", "9" * 5000, 'epochs = "999'),
    ("epochs", "1:30", 'epochs = "1:30": expected a whole number'),
    ("epochs", "0x10", 'epochs = "0x10": expected a whole number'),
    ("seeds", "[1:30]", 'seeds = "1:30": expected whole numbers'),
    (
        "seeds",
        "2,1,2",
        'seeds = "2,1,2": expected whole numbers, 0 or more, each once; for example seeds=1,2',
    ),
    ("seeds", [2, "02"], "seeds = \"[2, '02']\": expected whole numbers, 0 or more, each once"),
    ("seeds", "", 'seeds = "": expected whole numbers, 0 or more, each once; for example seeds=1,2'),
    ("kinds", "a,a", 'kinds = "a,a": expected texts, each once; for example kinds=a'),
    ("widths", "8", 'widths = "8": expected whole numbers, 1 or more, 2 of them; for example widths=8,4'),
    ("widths", "8,4,2", 'widths = "8,4,2": expected whole numbers, 1 or more, 2 of them'),
    ("shown", "3", 'shown = "3": expected whole numbers, 0 or more, below images, each once, 2 at least'),
    ("fractions", "[]", 'fractions = "[]": expected numbers, 0 to 1; for example fractions=0.3,0.6'),
    ("sides", [], 'sides = "[]": expected whole numbers, 13, 8 or 5; for example sides=13'),
    ("fractions", "0.3,,0.6", 'fractions = "": expected numbers, 0 to 1'),
    ("rate", "-inf", 'rate = "-inf": expected a number'),
    ("rate", 10**400, 'rate = "1000'),
    ("rate", "0", 'rate = "0": expected a number, above 0; for example rate=0.001'),
    ("rate", "nan", 'rate = "nan": expected a number'),
    ("rate", "inf", 'rate = "inf": expected a number'),
    ("rate", "1\n2", 'rate = "1 2": expected a number'),
    ("fractions", "0.3,1.5", 'fractions = "1.5": expected numbers, 0 to 1; for example fractions=0.3,0.6'),
    ("fractions", "[0.3", 'fractions = "[0.3": expected numbers, 0 to 1'),
    ("fractions", "[[0.3]]", "fractions = \"['0.3']\": expected numbers"),
    ("redraw", "maybe", 'redraw = "maybe": expected true or false; for example redraw=false'),
    ("redraw", 1, 'redraw = "1": expected true or false'),
    ("activation", "rleu", 'no value of activation "rleu"; did you mean "relu"?'),
    ("sides", "13,7", 'no value of sides "7"; did you mean "8"? (there are: 13, 8, 5)'),
    ("title", 3, 'title = "3": expected a text; for example title=text'),
    ("epoch", "3", 'no parameter of chapter "epoch"; did you mean "epochs"? (there are: epochs, rate'),
    ("names", "[!!python/object/apply:os.abort []]", "names = "),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_what_does_not_fit_is_one_line(notebook, name, value, message):
    with pytest.raises(UsageError) as error:
        chapters.read(notebook).check({name: value})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@given_by_hypothesis(
    name=st.sampled_from(["epochs", "rate", "fractions", "redraw", "sides", "names", "title"]),
    value=st.one_of(
        st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.lists(st.text() | st.floats())
    ),
)
def test_any_value_is_taken_as_the_declared_type_or_refused_in_a_line(notebook, name, value):
    parameter = chapters.read(notebook).parameters[name]
    try:
        found = chapters.read(notebook).check({name: value})[name]
    except UsageError as error:
        message = str(error)
    else:
        message = "fits"
        items = found if parameter.is_list else [found]
        assert {type(item) for item in items} <= {parameter.kind}
        assert chapters.read(notebook).check({name: found}) == {name: found}
        assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(message.splitlines()) == 1


@given_by_hypothesis(st.lists(st.floats(0, 1), min_size=1))
def test_a_list_comes_back_from_its_text(notebook, numbers):
    for text in (",".join(map(repr, numbers)), str(numbers)):
        assert chapters.read(notebook).check({"fractions": text}) == {"fractions": numbers}


def test_a_list_that_was_asked_for_must_fit_the_other_values(notebook):
    chapter = chapters.read(notebook)
    assert chapter.effective({"images": 10, "shown": "9,0"})["shown"] == [9, 0]
    with pytest.raises(UsageError) as error:
        chapter.effective({"images": 10, "shown": "10,1,0"})
    assert str(error.value) == (
        'shown = "10,1,0": expected whole numbers, 0 or more, below images = 10, each once, 2 at least; '
        "for example shown=1,0"
    )


@pytest.mark.parametrize(("images", "shown"), [(200, [0, 1, 2]), (3, [0, 1, 2]), (2, [0, 1])])
def test_a_default_is_cut_to_what_there_is(notebook, images, shown):
    assert chapters.read(notebook).effective({"images": images})["shown"] == shown


def test_of_a_profile_whose_images_are_not_there_the_first_are_taken():
    chapter = chapters.named("salt-pepper-cae")
    of_paper = chapter.of_profile("paper")
    assert chapter.effective(of_paper, "paper")["shown"] == [330, 8551, 5555, 70]
    assert chapter.effective(of_paper | {"test_images": 1000}, "paper")["shown"] == [330, 70]
    assert chapter.effective(of_paper | {"test_images": 100}, "paper")["shown"] == [0, 1, 2, 3]


# --- files


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.yml", "epochs: 003\nrate: 1e-3\nfractions: [1e-1, 0.5]\nredraw: no\ntitle: words\n"),
        (
            "p.json",
            '{"epochs": 3, "rate": 1e-3, "fractions": [1e-1, 0.5], "redraw": false, "title": "words"}',
        ),
    ],
)
def test_a_file_means_what_a_person_expects(notebook, tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert chapters.read(notebook).check(parameters.from_file(tmp_path / name)) == {
        "epochs": 3,
        "rate": 0.001,
        "fractions": [0.1, 0.5],
        "redraw": False,
        "title": "words",
    }


def test_a_value_is_in_a_file_what_it_is_in_a_command(notebook, tmp_path):
    for name, text, value in [
        ("epochs", "010", 10),
        ("seeds", "[010, 9]", [10, 9]),
        ("title", "1:30", "1:30"),
    ]:
        (tmp_path / "p.yml").write_text(f"{name}: {text}\n", encoding="utf-8")
        for given in ({name: text}, parameters.from_file(tmp_path / "p.yml")):
            assert chapters.read(notebook).check(given) == {name: value}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); name a YAML or JSON file"),
        (b"\xff\xfe\x00", "cannot be read (not text)"),
        (b"epochs: [3\nrate: 1", "not plain YAML or JSON (line 2); write lines such as epochs: 20"),
        (b"- epochs\n- 3\n", "no names and values in it"),
        (b"", "no names and values in it"),
        (b"epochs: !!python/object/apply:os.system ['touch ran']\n", "not plain YAML or JSON (line 1)"),
    ],
)
def test_a_file_that_holds_no_parameters_is_one_line_and_nothing_in_it_runs(
    tmp_path, monkeypatch, content, message
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        parameters.from_file(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


# --- the chapters


@pytest.mark.parametrize("chapter", project.chapters())
def test_every_chapter_declares_its_ranges_and_its_profiles_fit(chapter):
    path = project.chapter_path(chapter)
    declared = chapters.read(path).parameters
    assert declared
    assert [p.name for p in declared.values() if p.kind in (int, float) and not p.limits] == []
    assert [p.name for p in declared.values() if "dataset" in p.name and not p.choices] == []
    for profile in chapters.profiles():
        chapters.read(path).of_profile(profile)


def test_the_profiles_name_chapters_and_no_others():
    profiles = chapters.profiles()
    assert {"quick", "cpu", "paper"} <= set(profiles)
    assert {chapter for known in profiles.values() for chapter in known} <= {*project.chapters()}


def test_an_unknown_profile_and_a_profile_that_does_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    (tmp_path / "profiles.yml").write_text("quick: {}\npaper: {chapter: {epochs: 0}}\n", encoding="utf-8")
    chapter = write_notebook(tmp_path / "chapter.ipynb", parameters=CELL)
    assert chapters.read(chapter).of_profile("quick") == {}
    with pytest.raises(UsageError, match='no profile "papr"; did you mean "paper"'):
        chapters.read(chapter).of_profile("papr")
    with pytest.raises(UsageError, match='epochs = "0": expected a whole number, 1 or more'):
        chapters.read(chapter).of_profile("paper")


def test_checking_needs_no_heavy_package():
    script = (
        "import sys; from compendium import chapters\n"
        "chapters.named('tuning').check({'epochs': '3'})\n"
        "print({'tensorflow', 'keras', 'papermill', 'pandas', 'numpy', 'nbformat'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert ended.stdout == "set()\n"


def test_a_folder_of_one_s_own_is_taken_where_it_is_declared_and_made_absolute(tmp_path, monkeypatch):
    cell = """\
dataset: str = "photos"  # data set: photos, cifar10 or folder:PATH; the paper's cifar10
datasets: list[str] = ["digits"]  # digits, photos or folder:PATH
digits: str = "digits"  # data set: digits or mnist"""
    path = write_notebook(tmp_path / "chapter.ipynb", parameters=cell)
    chapter = chapters.read(path)
    found = chapter.parameters
    assert (found["dataset"].meaning, found["dataset"].note) == ("data set", "the paper's cifar10")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    mine = f"folder:{tmp_path / 'mine'}@32"
    for typed in ("folder:mine@32", "folder:./mine@32", "folder:~/mine@32", mine):
        assert chapter.check({"dataset": typed}) == {"dataset": mine}
    assert chapter.check({"datasets": "photos,folder:mine@32"}) == {"datasets": ["photos", mine]}
    for given in ({"dataset": "folder:"}, {"dataset": "folders:mine"}, {"digits": "folder:mine"}):
        with pytest.raises(UsageError, match="no value of"):
            chapter.check(given)


def test_a_cell_of_parameters_is_filled_with_other_values_and_keeps_its_comments():
    source = (
        "epochs: int = 2  # passes, 1 or more; the paper's 500\n"
        "sets: list[str] = [\n    'é', \"b\",\n]  # names\n"
        "flip: bool = False  # mirrored\nrate: float = 0.30  # above 0\n"
    )
    filled = parameters.filled(source, {"epochs": 80, "sets": ["é"], "flip": True, "rate": 0.3})
    assert filled == (
        "epochs: int = 80  # passes, 1 or more; the paper's 500\n"
        'sets: list[str] = ["é"]  # names\n'
        "flip: bool = True  # mirrored\nrate: float = 0.30  # above 0\n"
    )
    declared = parameters.declared(filled)
    assert [one.default for one in declared.values()] == [80, ["é"], True, 0.3]
