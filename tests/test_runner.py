import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from tiny_notebooks import write_notebook

from compendium import data, project, runner
from compendium.data import CATALOGUE
from compendium.errors import CompendiumError, UsageError

PARAMETERS = """\
epochs: int = 2  # passes
fractions: list[float] = [0.3, 0.6]  # levels
rate: float = 1e-3  # step
activation: str = "relu"  # of the last layer
redraw: bool = False  # new noise every epoch"""

# a path of its own would make two runs differ
SHOW = """\
import os
print(epochs, fractions, rate, activation, redraw)
print(os.path.basename(os.environ["COMPENDIUM_RUN"]), os.environ["COMPENDIUM_PROFILE"])"""

GIVEN = {"epochs": 7, "fractions": [0.1, 0.25], "rate": 1e-5, "activation": "linear", "redraw": True}


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "chapter.ipynb", SHOW, parameters=PARAMETERS)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A library of one file and no results, so that a test may change them."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    return tmp_path


def test_equal_runs_leave_equal_notebooks_with_the_parameters_injected(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPENDIUM_RUN", "before")
    monkeypatch.delenv("COMPENDIUM_PROFILE", raising=False)
    source = notebook.read_bytes()

    first = runner.run(notebook, GIVEN, profile="cpu", out=tmp_path / "one" / "run")
    second = runner.run(notebook, GIVEN, profile="cpu", out=Path("two/run"))  # from the present folder

    assert first == tmp_path / "one" / "run" / "chapter.ipynb"
    assert second == tmp_path / "two" / "run" / "chapter.ipynb"
    assert [path.name for path in second.parent.iterdir()] == ["chapter.ipynb"]
    shown = nbformat.read(first, 4).cells[-1]
    assert shown.outputs[0].text == "7 [0.1, 0.25] 1e-05 linear True\nrun cpu\n"
    assert shown.execution_count == 3
    assert first.read_bytes() == second.read_bytes()
    assert notebook.read_bytes() == source
    metadata = [cell.metadata for cell in nbformat.read(first, 4).cells]
    assert metadata == [{}, {"tags": ["parameters"]}, {"tags": ["injected-parameters"]}, {}]
    assert b"papermill" not in first.read_bytes()
    assert os.environ["COMPENDIUM_RUN"] == "before"
    assert "COMPENDIUM_PROFILE" not in os.environ


def test_an_unknown_parameter_is_refused_before_anything_runs(notebook, tmp_path):
    with pytest.raises(UsageError, match=r'no parameter of chapter "epoch"; did you mean "epochs"\?'):
        runner.run(notebook, {"epoch": 3}, profile="quick", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failing_cell_is_named_by_its_place_in_the_chapter_and_the_notebook_up_to_there_is_kept(tmp_path):
    cells = ["print('reached')", "raise ValueError('first line\\nsecond line')", "print('never')"]
    notebook = write_notebook(tmp_path / "chapter.ipynb", *cells, parameters="epochs: int = 2  # passes")
    out = tmp_path / "out"
    with pytest.raises(CompendiumError) as error:
        runner.run(notebook, {"epochs": 3}, profile="quick", out=out)
    # title, parameters, a cell that runs, the one that fails: papermill's own cells do not count
    kept = out / "chapter.failed.ipynb"
    assert str(error.value).splitlines() == [
        f"chapter: cell 4 failed with ValueError: first line; see {kept}",
        ">   1 | raise ValueError('first line\\nsecond line')",
    ]
    assert error.value.exit_status == 1
    assert [path.name for path in out.iterdir()] == ["chapter.failed.ipynb"]
    texts = [
        output.text
        for cell in nbformat.read(kept, 4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    ]
    assert texts == ["reached\n"]


def test_of_a_long_cell_the_lines_around_the_failing_one_are_shown(tmp_path):
    lines = [f"x{n} = {n}" for n in range(1, 10)] + ["1 / 0"] + [f"y{n} = {n}" for n in range(1, 10)]
    notebook = write_notebook(tmp_path / "chapter.ipynb", "\n".join(lines))
    with pytest.raises(CompendiumError) as error:
        runner.run(notebook, {}, profile="quick", out=tmp_path / "out")
    first, *source = str(error.value).splitlines()
    assert first.startswith("chapter: cell 2 failed with ZeroDivisionError: division by zero; see ")
    assert source == ["    8 | x8 = 8", "    9 | x9 = 9", ">  10 | 1 / 0", "   11 | y1 = 1", "   12 | y2 = 2"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("os._exit(9)", "the notebook's process ended by itself, with status 9; see "),
        (
            "os.kill(os.getpid(), 9)",
            "the notebook's process was killed, most likely by the system for lack of",
        ),
        ("os.kill(os.getpid(), 11)", "the notebook's process died of SIGSEGV; see "),
        ("np.empty(10**18)", "cell 2 ran out of memory (Unable to allocate"),
        ("open('/dev/full', 'w').write('x' * 10**6)", "cell 2 found the disk full ([Errno 28] No space left"),
    ],
)
def test_what_ends_a_notebook_is_named(tmp_path, source, reason):
    notebook = write_notebook(tmp_path / "chapter.ipynb", f"import os\nimport numpy as np\n{source}")
    with pytest.raises(CompendiumError) as error:
        runner.run(notebook, {}, profile="quick", out=tmp_path / "out")
    assert str(error.value).startswith(f"chapter: {reason}")
    assert len(str(error.value).splitlines()) == (1 if "process" in reason else 4)
    assert (tmp_path / "out" / "chapter.failed.ipynb").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_a_full_disk_is_named_when_the_notebook_itself_cannot_be_written(tmp_path):
    cells = ["print('reached')", "from IPython.display import display, HTML\ndisplay(HTML('x' * 10**6))"]
    notebook = write_notebook(tmp_path / "chapter.ipynb", *cells)
    script = (
        "import resource, signal, sys; from pathlib import Path; from compendium import runner, errors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # so that too long a file is an error of the system
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "try: runner.run(Path(sys.argv[1]), {}, profile='quick', out=Path(sys.argv[2]))\n"
        "except errors.CompendiumError as error: print(error)"
    )
    command = [sys.executable, "-c", script, notebook, tmp_path / "out"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stdout == (
        "chapter: the disk is full ([Errno 27] File too large); free space, then the same command, "
        "with --resume if it has --out, goes on from the last checkpoint\n"
    )
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "out").glob("chapter.ipynb"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_an_interrupted_run_ends_with_one_line_that_says_how_to_go_on(tmp_path):
    begun = tmp_path / "begun"
    notebook = write_notebook(
        tmp_path / "chapter.ipynb", f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(60)"
    )
    script = (
        "import sys; from pathlib import Path; from compendium import runner, errors\n"
        "try: runner.run(Path(sys.argv[1]), {}, profile='quick', out=Path(sys.argv[2]))\n"
        "except errors.CompendiumError as error: print(error)"
    )
    command = [sys.executable, "-c", script, notebook, tmp_path / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 40
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, complaints = process.communicate(timeout=30)
    assert printed.startswith(
        "chapter: interrupted; the same command, with --resume if it has --out, goes on from the last"
    )
    assert printed.count("\n") == 1
    assert "Traceback" not in complaints


def test_the_key_is_of_sources_and_parameters_not_of_outputs(checkout):
    notebook = write_notebook(checkout / "chapter.ipynb", SHOW, parameters=PARAMETERS)
    before = runner.key(notebook, {})
    assert runner.key(notebook, {"epochs": 2}) == before  # the default, spelled out
    assert runner.key(notebook, {"epochs": 3}) != before
    assert runner.key(notebook, {"fractions": [0.3]}) != before

    content = nbformat.read(notebook, 4)
    content.cells[-1].execution_count = 5
    content.cells[-1].outputs = [nbformat.v4.new_output("stream", text="a result\n")]
    nbformat.write(content, notebook)
    assert runner.key(notebook, {}) == before
    content.cells[-1].source += "\n"
    nbformat.write(content, notebook)
    assert runner.key(notebook, {}) != before


@pytest.mark.parametrize("changed", ["lib/module.py", "lib/new.py", "results/chapter/cpu/record.json"])
def test_the_key_changes_with_the_library_and_with_the_records_that_the_chapter_quotes(checkout, changed):
    notebook = write_notebook(checkout / "chapter.ipynb", SHOW, parameters=PARAMETERS)
    before = runner.key(notebook, {})
    (checkout / changed).parent.mkdir(parents=True, exist_ok=True)
    (checkout / changed).write_text("x = 2\n")
    assert runner.key(notebook, {}) != before


def test_the_key_leaves_other_chapters_records_out(checkout):
    notebook = write_notebook(checkout / "chapter.ipynb", SHOW, parameters=PARAMETERS)
    before = runner.key(notebook, {})
    (checkout / "results" / "other").mkdir(parents=True)
    (checkout / "results" / "other" / "record.json").write_text("{}")
    assert runner.key(notebook, {}) == before


def test_the_key_changes_with_the_files_of_the_data_set(checkout, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(checkout))
    files = [
        checkout / CATALOGUE["mnist"].folder / name
        for split in data.SPLITS
        for name in CATALOGUE["mnist"].files[split]
    ]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
    notebook = write_notebook(checkout / "chapter.ipynb", parameters='dataset: str = "mnist"  # name')
    before = runner.key(notebook, {})
    assert runner.key(notebook, {}) == before
    files[0].write_bytes(b"another")
    assert runner.key(notebook, {}) != before


def test_an_unknown_chapter_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match='no chapter "salt-peper"; did you mean "salt-pepper-cae"'):
        project.chapter_path("salt-peper")
