import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from tiny_notebooks import execute, write_notebook
from waiting import wait_for

from compendium import project
from compendium.errors import CompendiumError, UsageError

TESTS = str(Path(__file__).parent)

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
print(os.path.basename(os.environ["COMPENDIUM_RUN"]), os.environ["TF_NUM_INTRAOP_THREADS"])"""

GIVEN = {"epochs": 7, "fractions": [0.1, 0.25], "rate": 1e-5, "activation": "linear", "redraw": True}


def in_a_process(script, *arguments):
    """The command that runs a script which imports from the tests."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {TESTS!r})\n{script}", *arguments]


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "chapter.ipynb", SHOW, parameters=PARAMETERS)


def test_equal_runs_leave_equal_notebooks_with_the_parameters_injected(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPENDIUM_RUN", "before")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    source = notebook.read_bytes()

    first = execute(notebook, GIVEN, profile="cpu", out=tmp_path / "one" / "run")
    second = execute(notebook, GIVEN, profile="cpu", out=Path("two/run"))  # from the present folder

    assert first == tmp_path / "one" / "run" / "chapter.ipynb"
    assert second == tmp_path / "two" / "run" / "chapter.ipynb"
    assert {path.name for path in second.parent.iterdir()} == {"chapter.ipynb", "run.json"}
    shown = nbformat.read(first, 4).cells[-1]
    assert shown.outputs[0].text == "7 [0.1, 0.25] 1e-05 linear True\nrun 1\n"
    assert shown.execution_count == 3
    assert first.read_bytes() == second.read_bytes()
    assert notebook.read_bytes() == source
    metadata = [cell.metadata for cell in nbformat.read(first, 4).cells]
    assert metadata == [{}, {"tags": ["parameters"]}, {"tags": ["injected-parameters"]}, {}]
    assert b"papermill" not in first.read_bytes()
    assert os.environ["COMPENDIUM_RUN"] == "before"


def test_an_unknown_parameter_is_refused_before_anything_runs(notebook, tmp_path):
    with pytest.raises(UsageError, match=r'no parameter of chapter "epoch"; did you mean "epochs"\?'):
        execute(notebook, {"epoch": 3}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failing_cell_is_named_by_its_place_in_the_chapter_and_the_notebook_up_to_there_is_kept(tmp_path):
    cells = ["print('reached')", "raise ValueError('first line\\nsecond line')", "print('never')"]
    notebook = write_notebook(tmp_path / "chapter.ipynb", *cells, parameters="epochs: int = 2  # passes")
    out = tmp_path / "out"
    with pytest.raises(CompendiumError) as error:
        execute(notebook, {"epochs": 3}, out=out)
    # parameters, a cell that runs, the one that fails: neither prose nor what papermill adds counts
    kept = out / "chapter.failed.ipynb"
    assert str(error.value).splitlines() == [
        f"chapter: code cell 3 failed with ValueError: first line; see {kept}",
        ">   1 | raise ValueError('first line\\nsecond line')",
    ]
    assert error.value.exit_status == 1
    assert {path.name for path in out.iterdir()} == {"chapter.failed.ipynb", "run.json"}
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
        execute(notebook, out=tmp_path / "out")
    first, *source = str(error.value).splitlines()
    assert first.startswith("chapter: code cell 1 failed with ZeroDivisionError: division by zero; see ")
    assert source == ["    8 | x8 = 8", "    9 | x9 = 9", ">  10 | 1 / 0", "   11 | y1 = 1", "   12 | y2 = 2"]


@pytest.mark.needs("posix")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("os._exit(9)", "the notebook's process ended by itself, with status 9; see "),
        (
            "os.kill(os.getpid(), 9)",
            "the notebook's process was killed, most likely by the system for lack of",
        ),
        ("os.kill(os.getpid(), 11)", "the notebook's process died of SIGSEGV; see "),
        (
            "os.write(2, b'a remark\\nOpenBLAS: out of luck\\n'); os.abort()",
            "the notebook's process died of SIGABRT (OpenBLAS: out of luck); see ",
        ),
        (
            "os.write(2, b'MemoryError\\n'); os._exit(1)",
            "the notebook's process ran out of memory (MemoryError); take fewer images or ",
        ),
        ("np.empty(10**18)", "code cell 1 ran out of memory (Unable to allocate"),
        pytest.param(
            "open('/dev/full', 'w').write('x' * 10**6)",
            "code cell 1 found the disk full ([Errno 28] No space left",
            marks=pytest.mark.needs("linux"),
        ),
    ],
)
def test_what_ends_a_notebook_is_named(tmp_path, source, reason):
    notebook = write_notebook(tmp_path / "chapter.ipynb", f"import os\nimport numpy as np\n{source}")
    with pytest.raises(CompendiumError) as error:
        execute(notebook, out=tmp_path / "out")
    assert str(error.value).startswith(f"chapter: {reason}")
    assert len(str(error.value).splitlines()) == (1 if "process" in reason else 4)
    assert (tmp_path / "out" / "chapter.failed.ipynb").exists()


@pytest.mark.needs("posix")
def test_a_full_disk_is_named_when_the_notebook_itself_cannot_be_written(tmp_path):
    cells = ["print('reached')", "from IPython.display import display, HTML\ndisplay(HTML('x' * 10**6))"]
    notebook = write_notebook(tmp_path / "chapter.ipynb", *cells)
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from tiny_notebooks import execute; from compendium import errors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # so that too long a file is an error of the system
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "try: execute(Path(sys.argv[1]), out=Path(sys.argv[2]))\n"
        "except errors.CompendiumError as error: print(error)"
    )
    command = in_a_process(script, notebook, tmp_path / "out")
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.stdout == (
        "chapter: the disk is full ([Errno 27] File too large); free space, then the same command, "
        "with --resume if it has --out, goes on from the last checkpoint\n"
    )
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "out").glob("chapter.ipynb"))


@pytest.mark.needs("posix")
def test_an_interrupted_run_ends_with_one_line_that_says_how_to_go_on(tmp_path):
    begun = tmp_path / "begun"
    notebook = write_notebook(
        tmp_path / "chapter.ipynb", f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(3600)"
    )
    script = (
        "from pathlib import Path; from tiny_notebooks import execute; from compendium import errors\n"
        "try: execute(Path(sys.argv[1]), out=Path(sys.argv[2]))\n"
        "except errors.CompendiumError as error: print(error)"
    )
    command = in_a_process(script, notebook, tmp_path / "out")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    wait_for(begun.exists, process)
    process.send_signal(signal.SIGINT)
    printed, complaints = process.communicate(timeout=300)
    assert printed.startswith(
        "chapter: interrupted; the same command, with --resume if it has --out, goes on from the last"
    )
    assert printed.count("\n") == 1
    assert "Traceback" not in complaints


# --- parts


def part(source, name="extra"):
    return new_code_cell(source, metadata={"tags": [f"part:{name}"]})


CELLS = ["x = 1", part("y = 1 / 0"), part("print('in vain')"), part("print('another')", "other"), "print(x)"]


def texts(path):
    outputs = [cell.get("outputs", []) for cell in nbformat.read(path, 4).cells]
    return [
        "".join(output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell)
        for cell in outputs
    ]


def test_where_a_part_fails_the_rest_of_it_is_passed_over_and_the_run_goes_on(tmp_path):
    record = "import os; open(os.environ['COMPENDIUM_RUN'] + '/record.json', 'w').write('{}')"
    notebook = write_notebook(tmp_path / "chapter.ipynb", *CELLS, record)
    executed = execute(notebook, out=tmp_path / "out")
    _, _, failed, passed, other, last, _ = texts(executed)
    assert "could not be computed here (ZeroDivisionError: division by zero)" in failed
    assert (passed, other, last) == ("", "another\n", "1\n")
    written = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    assert written["parts"] == {"extra": "failed: ZeroDivisionError: division by zero", "other": "done"}
    assert [row["cell"] for row in written["cells"]] == [2, 3, 5, 6, 7]
    assert all(row["seconds"] >= 0 for row in written["cells"])
    assert 0 < written["wall_seconds"] < 3600

    with pytest.raises(CompendiumError, match="code cell 2 failed with ZeroDivisionError"):
        execute(notebook, out=tmp_path / "strict", strict=True)


def test_a_part_has_failed_too_where_what_it_shows_fails(tmp_path):
    behind = "get_ipython().events.register('post_execute', fail)"
    fail = "def fail():\n    get_ipython().events.unregister('post_execute', fail)\n    1 / 0"
    notebook = write_notebook(tmp_path / "chapter.ipynb", fail, part(behind), part("1"), "print('on')")
    *_, shown, passed, last = texts(execute(notebook, out=tmp_path / "out"))
    assert "could not be computed here (ZeroDivisionError" in shown
    assert (passed, last) == ("", "on\n")


def test_parts_that_are_left_out_are_not_executed(tmp_path):
    notebook = write_notebook(tmp_path / "chapter.ipynb", *CELLS)
    executed = execute(notebook, out=tmp_path / "out", left_out=("extra", "other"))
    assert texts(executed) == ["", "", "", "", "", "1\n"]


# --- whatever the user's own settings are


def test_a_kernel_is_this_python_without_the_settings_of_the_user(tmp_path, monkeypatch):
    kernels, profile, keras = (tmp_path / name for name in ("kernels", "ipython", "keras"))
    stale = {
        "argv": ["/nowhere/python", "-f", "{connection_file}"],
        "display_name": "P",
        "language": "python",
    }
    for path, content in {
        kernels / "kernels" / "python3" / "kernel.json": json.dumps(stale),
        profile
        / "profile_default"
        / "ipython_config.py": "get_config().InteractiveShell.ast_node_interactivity = 'all'",
        profile / "profile_default" / "startup" / "00.py": "x = 'from a start-up file'",
        keras
        / "keras.json": '{"image_data_format": "channels_first", "backend": "jax", "floatx": "float16"}',
        kernels / "matplotlibrc": "figure.dpi: 7",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for name, value in {
        "JUPYTER_PATH": kernels,
        "IPYTHONDIR": profile,
        "KERAS_HOME": keras,
        "MATPLOTLIBRC": kernels / "matplotlibrc",
        "MPLBACKEND": "pdf",
        "LC_ALL": "C",
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
    }.items():
        monkeypatch.setenv(name, str(value))
    notebook = write_notebook(
        tmp_path / "chapter.ipynb",
        "1\n2",
        "import os, sys, matplotlib; from keras import backend, config\n"
        "print(sys.executable, backend.backend(), config.image_data_format(), config.floatx())\n"
        "print(matplotlib.rcParams['figure.dpi'], 'x' in globals(), open(os.devnull).encoding.lower())\n"
        "print(sys.flags.optimize, [option for option in sys.warnoptions if 'error' in option])",
    )
    _, first, second = nbformat.read(execute(notebook, out=tmp_path / "out"), 4).cells
    assert [output.data["text/plain"] for output in first.outputs] == ["2"]
    assert second.outputs[0].text == (
        f"{sys.executable} tensorflow channels_last float32\n100.0 False utf-8\n0 []\n"
    )


def test_an_unknown_chapter_is_refused_with_the_nearest_name():
    with pytest.raises(UsageError, match='no chapter "salt-peper"; did you mean "salt-pepper-cae"'):
        project.chapter_path("salt-peper")
