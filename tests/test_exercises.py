"""The exercises at the end of each chapter: rising difficulty, and solutions that print what they show."""

import itertools
import json
import os
import re
import subprocess
import sys

import nbformat
import pytest

from compendium import claims, project

EXERCISE = re.compile(r"```\{exercise\} (?P<stars>★+) (?P<title>.+)\n:label: (?P<label>\S+)\n\n.+\n```", re.S)
SOLUTION = re.compile(
    r"````\{solution\} (?P<label>\S+)\n:label: \S+\n:class: dropdown\n\n(?P<body>.+)\n````", re.S
)
CODE = re.compile(r"```python\n(.+?)```\n", re.S)
CODE_AND_OUTPUT = re.compile(r"```python\n(?P<code>.+?)```\n\n```text\n(?P<output>.+?)```\n", re.S)

RUN = """\
import contextlib, io, json, sys

printed = {}
for label, code in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        exec(compile(code, label, "exec"), {"__name__": "__main__"})
    printed[label] = stdout.getvalue()
print(json.dumps(printed))"""

CHAPTERS = [*claims.papers(), "instead"]


def exercise_cells(chapter):
    """The sources of the cells below the heading "Exercises", up to the next heading of that rank."""
    sources = [cell.source for cell in nbformat.read(project.chapter_path(chapter), 4).cells]
    after = sources[sources.index("## Exercises") + 1 :]
    return [*itertools.takewhile(lambda source: not source.startswith("## "), after)]


def solutions(chapter):
    """The text of each solution, by the label of its exercise."""
    matches = [SOLUTION.fullmatch(source) for source in exercise_cells(chapter)[1::2]]
    return {match["label"]: match["body"] for match in matches}


def printed_by(codes):
    """What each code prints, run one after the other in a process, each in a namespace of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMPENDIUM_")}
    ended = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(codes),
        capture_output=True,
        encoding="utf-8",
        cwd=project.ROOT,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_exercise_is_followed_by_its_folded_solution(chapter):
    cells = exercise_cells(chapter)
    exercises = [EXERCISE.fullmatch(source) for source in cells[::2]]
    assert all(exercises)
    assert len(exercises) >= 4
    assert [match["label"] for match in exercises] == [*solutions(chapter)]
    assert all(match["label"].startswith(f"exercise-{chapter}-") for match in exercises)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_exercises_rise_from_one_star_to_three(chapter):
    stars = [len(EXERCISE.fullmatch(source)["stars"]) for source in exercise_cells(chapter)[::2]]
    assert stars == sorted(stars)
    assert set(stars) == {1, 2, 3}


@pytest.mark.parametrize(
    "chapter",
    [pytest.param(name, marks=() if name == "tuning" else pytest.mark.thorough) for name in CHAPTERS],
)
def test_solutions_print_what_they_show(chapter):
    shown, codes = {}, {}
    for label, body in solutions(chapter).items():
        for number, match in enumerate(CODE_AND_OUTPUT.finditer(body), 1):
            codes[f"{label} {number}"], shown[f"{label} {number}"] = match["code"], match["output"]
        assert len(CODE.findall(body)) == len(CODE_AND_OUTPUT.findall(body)), f"{label}: code without output"
    assert codes
    assert printed_by(codes) == shown


def test_codes_do_not_share_names_and_their_prints_are_kept_apart():
    assert printed_by({"a": "x = 1\nprint(x)", "b": "print('x' in globals())"}) == {
        "a": "1\n",
        "b": "False\n",
    }
    with pytest.raises(AssertionError, match="NameError"):
        printed_by({"a": "print(unknown)"})
