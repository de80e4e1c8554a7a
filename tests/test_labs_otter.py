"""A lab as Otter-Grader takes it: by the real Otter, where it is installed."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_lab import GOOD, LAB, WRONG
from tiny_notebooks import write_notebook

import compendium
from compendium.labs import otter, source

without_otter = importlib.util.find_spec("otter") is None


@pytest.fixture
def exported(tmp_path):
    (tmp_path / "tiny.md").write_text(LAB, encoding="utf-8")
    otter.export(source.read(tmp_path / "tiny.md"), tmp_path / "tiny", {})
    return tmp_path / "tiny"


def test_export_has_notebook_checks_and_a_test_for_each_task(exported):
    files = {path.relative_to(exported).as_posix() for path in exported.rglob("*.*")}
    assert files == {
        "tiny.ipynb",
        "check_tiny.py",
        *(f"tests/{name}.py" for name in ("double", "prediction", "mean", "why")),
    }
    for path in exported.rglob("*.*"):
        assert "2 * image" not in path.read_text(encoding="utf-8")  # the solution


@pytest.mark.thorough
@pytest.mark.skipif(without_otter, reason="needs otter-grader: pip install otter-grader")
def test_otter_gives_points_and_hints(exported, tmp_path):
    submission = write_notebook(tmp_path / "done.ipynb", *GOOD, WRONG[1])
    _otter(exported, "generate", "-t", "tests", "-o", "autograder.zip", "check_tiny.py")
    _otter(exported, "run", "-a", "autograder.zip", "-o", str(tmp_path), str(submission))
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tests"]
    points = {one["name"]: (one["score"], one["max_score"]) for one in results if "score" in one}
    assert points == {"double": (0, 3), "prediction": (2, 2), "mean": (1, 1), "why": (0, 0)}
    said = {one["name"]: one["output"] for one in results}
    assert "Hint: That is not twice the image." in said["double"]
    assert "All test cases passed" in said["why"]


def _otter(folder, *arguments):
    lib = str(Path(compendium.__file__).parents[1])
    command = [sys.executable, "-m", "otter", *arguments]
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "PYTHONPATH": lib}, timeout=300)
