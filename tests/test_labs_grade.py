"""The grader, with real cages: good, bad, hostile and empty submissions, and their neighbours."""

import csv
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_markdown_cell
from tiny_lab import FULL, GOOD, IMPORT, LAB, OF, WRONG
from tiny_notebooks import notebook_of, write_notebook
from typer.testing import CliRunner
from waiting import wait_for

from compendium import cli, project
from compendium.errors import CompendiumError, UsageError
from compendium.labs import cage, course, editions, source
from compendium.labs import grade as grader
from compendium.labs.intake import printable

MEMORY = 700 * cage.MB
QUICK = cage.Limits(seconds=150, memory=MEMORY, output=2 * cage.MB, processes=8)  # too few to use MEMORY


needs_cage = pytest.mark.needs("cage")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The labs are one tiny lab, as long as this module's tests run."""
    folder = tmp_path_factory.mktemp("labs")
    (folder / "tiny.md").write_text(LAB, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "FOLDER", folder)
        yield source.load("tiny")


def graded(folder, limits=QUICK, workers=2, out=None, **how):
    """Grade a folder; return the grades by file, and the rows of the table as a spreadsheet reads them."""
    out = out or folder.parent / f"{folder.name}-grades"
    grades = course.grade(folder, out, lab=None, limits=limits, workers=workers, tell=lambda _: None, **how)
    with (out / "grades.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["total"] for row in rows] == [f"{one.total:g}" for one in grades]
    return {one.file: one for one in grades}, rows, out


def wrote(grade):
    """What a submission put into `why`."""
    return next(mark for mark in grade.marks if mark.task.answer == "why").texts["why"]


def page_of(grade, rows, out):
    shown = printable(grade.file)
    row = next(row for row in rows if row["file"].removeprefix("'") == shown)
    return (out / row["page"]).read_text(encoding="utf-8")


def hints(grade):
    return [mark.hint for mark in grade.marks]


# --- what is submitted

SLEEP = str(10**6 + os.getpid())  # seconds that no other run of these tests sleeps

FORGE = """
import json, struct
text = json.dumps({"answer": "1", "changed": [], "value": "b", "arrays": 0}).encode()
for descriptor in range(3, 256):
    try:
        os.write(descriptor, struct.pack("!i", len(text)) + text)
    except OSError:
        pass
"""
FLOOD = """
import struct
for descriptor in range(3, 256):
    try:
        os.write(descriptor, struct.pack("!i", -1) + struct.pack("!Q", 2**40) + bytes(1000))
    except OSError:
        pass
"""
BOAST = """
import gc
for one in gc.get_objects():
    if type(one).__name__ == "Submission":
        one.fault = "graded: 100 of 100 \x1b[32m"
"""
MEDDLE = """
import gc
for one in gc.get_objects():
    if type(one).__name__ == "Submission":
        type(one).elsewhere = lambda *_: "ab"
"""
LIE = """
from compendium.labs import wire
def encode(self, value, plain=wire._Writer.encode):
    if type(value) is str and value == "b":
        module = {"module": "os", "class_name": "system", "config": "touch /lab/owned"}
        return {"network": [json.dumps(module), []]}
    return plain(self, value)
import json
wire._Writer.encode = encode
"""
TAMPER = """
import builtins
import compendium.labs.checking as checking
checking.expect = check.expect = lambda *_: None
checking.evaluate = lambda *_: checking.Result(1, "", 3, 3)
check.double = check.prediction = lambda *_: print("Task: pass")
np.array_equal = lambda *_: True
builtins.all = lambda *_: True
open("check.py", "w").write("def double(double): pass")
try:
    open("check_tiny.py", "w").write("def double(double): pass")
except OSError as error:
    why = f"I could not: {error}"
check.double(double); check.prediction(observed)
"""
TRICKS = """
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
class Array(np.ndarray):
    def __eq__(self, other): return np.ones(4, bool)
    def __array_function__(self, *_): return True
observed = Text("a")
double = lambda image: image.view(Array)
"""
HALF = "def double(image):\n    return 2 * image if image.shape == (4, 5) else 1 / 0"
TEXT = "It is so since all of these numbers are twice as large."
ELSEWHERE = {
    "markdown": [
        *GOOD[:3],
        new_markdown_cell("## Task 4: Why\n\nWhy?"),
        "why = ...",
        new_markdown_cell(TEXT),
    ],
    "other-variable": [*GOOD[:3], f"why_it_is_so = {TEXT!r}"],
}
EVERYTHING = """
class Everything:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __array__(self, *_, **__): raise RuntimeError("no")
observed = Everything()
"""


def report(code):
    """Cells that put what they find into `why`."""
    return ["found = []", code, "why = f'I found this: {found}'"]


# name: cells, beginning of the status, points
HOSTILE = {
    "exits": ([*GOOD, "sys.exit(0)", "raise SystemExit", "quit()"], "graded; cells that failed: 3", FULL),
    "ends": ([*GOOD, "os._exit(0)"], "failed: the notebook's process has ended", 0),
    "kills-others": ([*GOOD, "os.kill(-1, 9)"], "graded", FULL),
    "kills-itself": ([*GOOD, "os.kill(os.getpid(), 9)"], "failed: the notebook's process has ended", 0),
    "attaches": (
        [*GOOD, "import ctypes\nctypes.CDLL(None).ptrace(16, 1, 0, 0)\nos._exit(0)"],
        "failed: the notebook's process has ended",
        0,
    ),
    "crashes": ([*GOOD, "import ctypes; ctypes.string_at(0)"], "failed: the notebook's process has ended", 0),
    "fork-bomb": ([*GOOD, "while True: os.fork()"], "stopped: it started more than 8 processes", 0),
    "prints": ([*GOOD, "while True: print('x' * 100000)"], "stopped: it printed more than 2 MB", 0),
    "hoards": (
        [*GOOD, "kept = []\nwhile True: kept.append(b'x' * 50_000_000)"],
        "stopped: it used more than 0.684 GB of memory",
        0,
    ),
    "hoards-at-once": ([*GOOD, "np.ones(100 * 2**30, np.uint8)"], "graded; cells that failed: 1", FULL),
    "fills-disk": (
        [*GOOD, "for n in range(9):\n    with open(f'big{n}', 'wb') as file: file.write(bytes(2 * 10**8))"],
        "graded; cells that failed: 1",
        FULL,
    ),
    "boasts": (
        [*GOOD, BOAST],
        "failed: graded: 100 of 100 \N{REPLACEMENT CHARACTER}[32m",
        FULL,
    ),
    "closes": ([*GOOD, "os.closerange(3, 256)"], "failed: the notebook's process has ended", 0),
    "forges": ([*GOOD, FORGE], "failed: the notebook sent an answer that nobody asked for", 0),
    "floods": ([*GOOD, FLOOD], "failed: the notebook sent something that is not a message", 0),
    "meddles": ([*GOOD[:3], "why = ...", MEDDLE], "graded", FULL),
    "lies": ([*GOOD, LIE], "graded", FULL - 2),
    "tampers": ([*WRONG, TAMPER], "graded", 0),
    "tricks": ([*WRONG, TRICKS], "graded", 0),
    "everything-equal": ([*WRONG, EVERYTHING], "graded", 0),
    "endless-list": ([*GOOD, "observed = []\nobserved.append(observed)"], "graded", FULL - 2),
    "too-much": ([*GOOD, "double = lambda image: np.zeros(300 * 2**20, np.uint8)"], "graded", FULL - 3),
    "ends-when-called": ([*GOOD, "double = lambda image: os._exit(1)"], "graded", 0),
    "exits-when-called": ([*GOOD, "double = lambda image: sys.exit()"], "graded", FULL - 3),
    "spoils-the-check": (
        [*GOOD, "def double(image):\n    image[:] = 0\n    return image + 1\nmeasure = lambda name: np.max"],
        "graded",
        2 + 1,  # task 3 has an image of its own, of 0.5 everywhere
    ),
    "leaves-behind": (
        [*GOOD, f"import subprocess\nsubprocess.Popen(['sleep', '{SLEEP}'], start_new_session=True)"],
        "graded",
        FULL,
    ),
    "thread": (
        [*GOOD, "import threading\nthreading.Thread(target=time.sleep, args=(9999,)).start()"],
        "graded",
        FULL,
    ),
}
ODD = {
    "empty": (b"", "not graded: it is empty"),
    "no-json": (b"import check_tiny: hello", "failed: it is not a notebook"),
    "no-notebook": (b'{"import check_tiny": 1}', "failed: it is not a notebook"),
    "deep": (b"[" * 100000 + b'"import check_tiny"', "failed: it is not a notebook"),
}


MAGIC = [
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "%time 1 + 1",
    "!echo hello",
    "display(1)",
    "await __import__('asyncio').sleep(0)",
]
UNTOUCHED = [
    IMPORT,
    'def double(image):\n    raise NotImplementedError("not yet")',
    "observed = ...\nmeasure = ...\nwhy = ...",
    "check.double(double)",
]
DOCTOR = """
import contextlib, io
from compendium import doctor
with contextlib.redirect_stdout(io.StringIO()) as printed:
    doctor.report()
found += printed.getvalue().splitlines()
"""
ESCAPE = """
import subprocess
for line in ("unshare -Ur true", "mount -t tmpfs x /tmp", "touch /usr/x", "touch /cage/x", "touch /x"):
    if subprocess.run(line, shell=True).returncode == 0:
        found.append(line)
"""
READ = """
for folder in FOLDERS:
    for path, _, files in os.walk(folder):
        if not path.startswith(PYTHON):
            found += files
"""


@pytest.fixture(scope="module")
def submitted(lab, tmp_path_factory):
    """A folder with all submissions that need no waiting, graded."""
    folder = tmp_path_factory.mktemp("submitted")
    good = {
        **dict.fromkeys(
            ["first", "zuletzt", "=cmd|' C'!A0", "<script>alert(2)", "two\nlines \x1b[31m ..%2f"], GOOD
        ),
        "anna/tiny": ["import numpy as np", *GOOD[1:]],  # known by its file's name
        "magic": [*GOOD, *MAGIC],
    }
    others = {"untouched": UNTOUCHED, "tiny, no code": [], "other": ["x = 1"], **ELSEWHERE}
    hostile = {name: cells for name, (cells, _, _) in HOSTILE.items()}
    for name, cells in {**good, **others, **hostile}.items():
        write_notebook(folder / f"{name}.ipynb", *cells)
    write_notebook(folder / "half.ipynb", *GOOD, HALF)
    write_notebook(folder / "renamed.ipynb", *GOOD, "doubled = double\ndel double, measure")
    for name, (content, _) in ODD.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    (folder / "script.py").write_text("\n\n".join(f"# %%\n{cell}" for cell in GOOD), encoding="utf-8")
    write_notebook(folder / "ready.ipynb", *GOOD, *report(DOCTOR))
    (folder / "broken.ipynb").write_text(json.dumps(broken(notebook_of(*GOOD))), encoding="utf-8")
    (folder / "large.ipynb").touch()
    os.truncate(folder / "large.ipynb", 2 * 2**30)
    (folder / "link.ipynb").symlink_to(folder / "first.ipynb")
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "linked").symlink_to(folder / "anna")
    curious(folder)
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket\nfound.append(socket.create_connection(('127.0.0.1', {port}), timeout=5))"
        write_notebook(folder / "calls.ipynb", *GOOD, *report(connect))
        patch.setenv("SECRET", "of the person who grades")
        yield *graded(folder), folder


def broken(notebook):
    """A notebook whose cells' metadata, ids and outputs are not what they should be."""
    for cell in notebook.cells:
        cell.update(metadata={"tags": 7, "jupyter": "x"}, id="?", outputs=[{"output_type": "odd"}])
    del notebook.cells[1]["outputs"]
    return {**notebook, "metadata": {"kernelspec": 3}}


def curious(folder):
    """Submissions that look and reach for what lies outside, and delete what they can."""
    elsewhere = [Path.home(), source.FOLDER, folder.parent, Path("/root"), Path("/home"), Path("/var")]
    python = (sys.prefix, sys.base_prefix, str(Path(sys.prefix).resolve()))
    names = f"FOLDERS = {[str(path) for path in elsewhere]}\nPYTHON = {python}"
    delete = f"!rm -rf /lab /cage /tmp /root /home {folder.parent} 2>/dev/null"
    write_notebook(folder / "reads.ipynb", *GOOD, names, *report(READ), delete)
    write_notebook(folder / "escapes.ipynb", *GOOD, *report(ESCAPE))
    environments = (
        'for number in "1", "self":\n    found += open(f"/proc/{number}/environ").read().split("SECRET=")[1:]'
    )
    write_notebook(folder / "spies.ipynb", *GOOD, *report(environments))


@needs_cage
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_submission_earns_what_is_right_in_it(submitted, name):
    grade = submitted[0][f"{name}.ipynb"]
    _, status, points = HOSTILE[name]
    assert (grade.status[: len(status)], grade.total) == (status, points), hints(grade)
    assert grade.checked


@needs_cage
@pytest.mark.parametrize("name", ODD)
def test_what_is_no_notebook_is_a_result(submitted, name):
    grade = submitted[0][f"{name}.ipynb"]
    assert grade.status.startswith(ODD[name][1])
    assert grade.total == 0
    assert grade.checked


@needs_cage
def test_neighbours_grades_are_right(submitted):
    grades, rows, _, folder = submitted
    for name in ("first", "zuletzt", "anna/tiny", "broken", "magic", "=cmd|' C'!A0", "<script>alert(2)"):
        grade = grades[f"{name}.ipynb"]
        assert (grade.total, grade.by_hand, grade.status) == (FULL, OF - FULL, "graded"), grade
        assert all(mark.by_hand or not mark.hint for mark in grade.marks)
    row = next(row for row in rows if row["file"] == "first.ipynb")
    assert [row[f"task {number}"] for number in range(1, 5)] == [
        "3",
        "2",
        "1",
        "",
    ]  # the last is for a person
    assert (row["lab"], row["total"], row["of"], row["by hand"]) == ("tiny", "6", "10", "4")
    assert len(rows) == len(grades) == len({row["page"] for row in rows})
    assert nbformat.read(folder / "first.ipynb", 4).cells


@needs_cage
def test_script_that_was_exported_earns_what_its_notebook_would(submitted):
    grade = submitted[0]["script.py"]
    assert (grade.total, grade.by_hand, grade.status) == (FULL, OF - FULL, "graded"), grade


@needs_cage
def test_graders_computer_is_not_examined_for_each_submission(submitted):
    assert wrote(submitted[0]["ready.ipynb"]) == "I found this: []"


@needs_cage
def test_untouched_notebook_earns_nothing_and_hears_why(submitted):
    grade = submitted[0]["untouched.ipynb"]
    assert (grade.total, grade.by_hand, grade.status) == (0, 0, "graded")
    assert hints(grade)[0].startswith("Not written yet")
    assert all(hint.startswith("Not answered yet") for hint in hints(grade)[1:])


@needs_cage
def test_notebook_without_code_earns_nothing(submitted):
    grade = submitted[0]["tiny, no code.ipynb"]
    assert (grade.status, grade.total, len(grade.marks)) == ("graded", 0, 4)


@needs_cage
def test_parts_earn_fractions_of_a_task(submitted):
    grades, rows, out, _ = submitted
    row = next(row for row in rows if row["file"] == "half.ipynb")
    assert (row["task 1"], row["total"]) == ("1.5", "4.5")
    assert hints(grades["half.ipynb"])[0].startswith(
        "values: pass; other sizes: not yet. `double(<array 3 x 3"
    )
    page = (out / row["page"]).read_text(encoding="utf-8")
    assert "4.5 of 10 points" in page
    assert "1.5 of 3 points" in page


@needs_cage
def test_a_name_that_is_missing_is_told_with_the_nearest_there_is(submitted):
    grade = submitted[0]["renamed.ipynb"]
    assert hints(grade)[0] == "There is no `double` in the notebook; there is `doubled`, which may be it."
    assert hints(grade)[2] == "There is no `measure` in the notebook: is its cell gone, or did it fail?"
    assert grade.total == FULL - 4


@needs_cage
@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_text_that_stands_elsewhere_is_left_to_a_person(submitted, name):
    grade = submitted[0][f"{name}.ipynb"]
    assert (grade.total, grade.by_hand) == (FULL, OF - FULL)
    assert [text for text in grade.marks[3].texts.values() if text == TEXT]
    assert hints(grade)[3].endswith("That is to be read by hand.")


@needs_cage
def test_files_that_are_not_run(submitted):
    grades = submitted[0]
    assert grades["large.ipynb"].status == "not graded: it is larger than 50 MB"
    for name in ("link.ipynb", "pipe.ipynb", "linked"):
        assert grades[name].status.startswith("not graded: it is not a file"), name
    assert grades["folder.ipynb"].status == "no notebook found: it is empty"
    assert "--lab" in grades["other.ipynb"].status


@needs_cage
def test_nothing_is_reached_from_a_cage(submitted):
    grades, _, _, folder = submitted
    for name in ("calls", "reads", "escapes", "spies"):
        assert wrote(grades[f"{name}.ipynb"]) == "I found this: []", name
        assert grades[f"{name}.ipynb"].total == FULL
    assert "ConnectionRefusedError" in grades["calls.ipynb"].failures[0][2]
    assert "Read-only" in wrote(grades["tampers.ipynb"])
    assert (folder / "first.ipynb").exists()
    assert Path(cage.__file__).exists()


@needs_cage
def test_nothing_runs_on(submitted):
    left = [word for one in psutil.process_iter(["cmdline"]) for word in one.info["cmdline"] or []]
    assert not any(word == SLEEP or str(submitted[-1]) in word for word in left)


@needs_cage
def test_hints_say_what_happened(submitted):
    grades = submitted[0]
    assert "has changed its first argument in place" in hints(grades["spoils-the-check.ipynb"])[0]
    assert "too large" in hints(grades["too-much.ipynb"])[0]
    assert "SystemExit" in hints(grades["exits-when-called.ipynb"])[0]
    assert hints(grades["ends-when-called.ipynb"]) == ["Not checked: the notebook's process has ended."] * 4
    assert "`observed`: " in hints(grades["everything-equal.ipynb"])[1]
    assert "layers are Keras's own" in hints(grades["lies.ipynb"])[1]
    assert ("Segmentation fault" in grades["crashes.ipynb"].said) or not grades["crashes.ipynb"].said


@needs_cage
def test_table_and_pages_are_harmless(submitted):
    grades, rows, out, _ = submitted
    for row in rows:
        for value in row.values():
            assert not value.startswith(("=", "+", "-", "@"))
            assert value.isprintable()
    assert {path.name for path in out.iterdir()} == {"grades.csv", "records", *(row["page"] for row in rows)}
    for grade in grades.values():
        page = page_of(grade, rows, out)
        assert "<script" not in page
        assert "<b>this" not in page
    page = page_of(grades["first.ipynb"], rows, out)
    assert "since it is &lt;script&gt;" in page
    assert "2 points for &lt;b&gt;this" in page
    assert "6 of 10 points" in page
    failed = page_of(grades["exits.ipynb"], rows, out)
    assert "Cell 5 of those with code" in failed
    assert "SystemExit" in failed


@needs_cage
@pytest.mark.thorough
def test_what_does_not_end_is_ended(lab, tmp_path):
    folder = tmp_path / "slow"
    stubborn = "while True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass"
    write_notebook(folder / "good.ipynb", *GOOD)
    started = time.monotonic()
    assert graded(folder)[0]["good.ipynb"].total == FULL
    seconds = max(15, 10 * (time.monotonic() - started))  # enough for it here and now, beside the others too
    write_notebook(folder / "loops.ipynb", IMPORT, "while True: pass", *GOOD[1:])
    write_notebook(folder / "stubborn.ipynb", *GOOD, stubborn)
    write_notebook(folder / "sleeps.ipynb", *GOOD, "def double(image):\n    time.sleep(9999)")
    write_notebook(folder / "deaf.ipynb", *GOOD, "def double(image):\n" + textwrap.indent(stubborn, "    "))
    limits = cage.Limits(seconds=seconds, memory=MEMORY)
    grades = graded(folder, limits, workers=5, out=tmp_path / "hurried")[0]
    assert grades["good.ipynb"].total == FULL
    assert grades["loops.ipynb"].total == FULL  # one endless cell costs no other its points
    late = f"TimeoutError: longer than {grader.SHARE_FOR_CELLS * seconds / 2:.0f} seconds"
    assert grades["loops.ipynb"].failures == ((2, "while True: pass", late),)
    assert grades["sleeps.ipynb"].total == FULL - 3
    assert "TimeoutError" in hints(grades["sleeps.ipynb"])[0]
    assert grades["deaf.ipynb"].total == 0
    assert "no answer within" in hints(grades["deaf.ipynb"])[0]
    assert grades["stubborn.ipynb"].total == 0
    assert "its cells took longer than" in grades["stubborn.ipynb"].status


@needs_cage
def test_command(lab, tmp_path):
    write_notebook(tmp_path / "in" / "tiny.ipynb", *GOOD)
    done = CliRunner().invoke(cli.app, ["lab", "grade", str(tmp_path / "in"), "--lab", "tiny"])
    assert done.exit_code == 0, done.output
    assert "1 of 1  tiny.ipynb: 6 of 10; graded" in done.output
    again = CliRunner().invoke(cli.app, ["lab", "grade", str(tmp_path / "in")])
    assert "1 of 1 are graded already, and are not run again" in again.output
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").touch()
    taken = CliRunner().invoke(
        cli.app, ["lab", "grade", str(tmp_path / "in"), "--out", str(tmp_path / "other")]
    )
    assert isinstance(taken.exception, UsageError)  # `main` prints it and exits with 2
    assert "holds no grades" in str(taken.exception)


@needs_cage
@pytest.mark.parametrize("ending", ["SIGKILL", "SIGINT"])
def test_cages_end_with_the_grader(lab, tmp_path, ending):
    write_notebook(tmp_path / "in" / "tiny.ipynb", *GOOD, "time.sleep(86420)")
    write_notebook(tmp_path / "in" / "tiny2.ipynb", *GOOD, "!sleep 86420")
    script = (
        "import pathlib; from compendium import cli; from compendium.labs import source\n"
        f"source.FOLDER = pathlib.Path({str(source.FOLDER)!r}); cli.main()"
    )
    command = [sys.executable, "-c", script, "lab", "grade", str(tmp_path / "in"), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        members = wait_for(lambda: _asleep(process.pid))
        process.send_signal(signal.Signals[ending])
    _, alive = psutil.wait_procs(members, timeout=300)
    assert not alive


def _asleep(grader):
    """The grader's processes, once one of them has come to its long sleep."""
    members = psutil.Process(grader).children(recursive=True)
    return any("86420" in word for one in members for word in _words(one)) and members


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_wrong_folders_and_labs(lab, tmp_path):
    def grade(folder, name=None):
        course.grade(folder, tmp_path / "out", lab=name, limits=QUICK, workers=1, tell=print)

    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError, match="is not a folder"):
        grade(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is empty"):
        grade(tmp_path / "in")
    write_notebook(tmp_path / "in" / "tiny.ipynb", *GOOD)
    with pytest.raises(UsageError, match='no lab "tyni"; did you mean "tiny"'):
        grade(tmp_path / "in", "tyni")
    assert not (tmp_path / "out").exists()


WINDOWS = """
import sys
from types import SimpleNamespace
import psutil  # needs what is hidden, but on Linux only
sys.modules["resource"] = None
from compendium import cli
from compendium.labs import cage
cage.sys = SimpleNamespace(platform="win32")
cli.main()
"""


def test_refuses_in_a_line_where_cages_and_the_modules_for_them_are_not(tmp_path):
    write_notebook(tmp_path / "tiny.ipynb", *GOOD)
    command = [sys.executable, "-c", WINDOWS, "lab", "grade", tmp_path]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.stderr == "compendium: submissions are graded on Linux only; on Windows, use WSL\n"
    assert ended.returncode == 1


@pytest.mark.needs("linux")
def test_refuses_without_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompendiumError, match="apt install bubblewrap"):
        cage.require()


@needs_cage
def test_refuses_a_python_whose_folder_holds_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", str(Path(sys.base_prefix, "lib")))
    with pytest.raises(CompendiumError, match="submissions would see your home folder"):
        cage.require()


@needs_cage
@pytest.mark.parametrize(
    ("flags", "reason"),
    [("--unshare-user", "the network can be reached|other processes"), ("--no-such-flag", "Unknown option")],
)
def test_refuses_a_cage_that_does_not_hold(monkeypatch, flags, reason):
    monkeypatch.setattr(cage, "_FLAGS", flags)
    with pytest.raises(CompendiumError, match=reason):
        cage.require()


@needs_cage
@pytest.mark.thorough
def test_first_lab_done_gets_all_points_over_the_wire(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "FOLDER", project.ROOT / "labs")
    lab = source.load("corrupt")
    notebook = editions.solution(lab)
    (tmp_path / "in").mkdir()
    nbformat.write(notebook, tmp_path / "in" / "done.ipynb")
    limits = cage.Limits(seconds=300, memory=2048 * cage.MB)
    grade = graded(tmp_path / "in", limits)[0]["done.ipynb"]
    assert grade.status == "graded"
    assert grade.total + grade.by_hand == lab.points, hints(grade)


@needs_cage
def test_hidden_folders_are_empty_where_they_lie_in_visible_ones():
    command = [*cage._bwrap({}, [Path("/usr/share")], 1), "ls", "-A", "/usr/share", "/usr/bin/env"]
    assert subprocess.run(command, capture_output=True, encoding="utf-8").stdout.split() == [
        "/usr/bin/env",
        "/usr/share:",
    ]


@needs_cage
def test_a_check_that_fails_is_told_as_the_graders_fault(lab, tmp_path, monkeypatch):
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs" / "tiny.md").write_text(
        LAB.replace("IMAGE = np.full((4, 5), 0.5)", "1 / 0"), encoding="utf-8"
    )
    monkeypatch.setattr(source, "FOLDER", tmp_path / "labs")
    write_notebook(tmp_path / "in" / "tiny.ipynb", *GOOD)
    done = CliRunner().invoke(cli.app, ["lab", "grade", str(tmp_path / "in")])
    assert isinstance(done.exception, CompendiumError)
    assert "1 of 1 could not be checked" in str(done.exception)
    assert "ZeroDivisionError" in next((tmp_path / "in-grades").glob("*.html")).read_text(encoding="utf-8")


@needs_cage
@pytest.mark.parametrize("module", ["submission", "checker"])
def test_a_cage_that_cannot_be_started_costs_its_row_alone(lab, tmp_path, monkeypatch, module):
    started, kept = cage.start, []

    def start(name, *arguments, **options):
        kept.append(name.rpartition(".")[2])
        if kept.count(module) == 2 and kept[-1] == module:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return started(name, *arguments, **options)

    monkeypatch.setattr(cage, "start", start)
    for name in "abc":
        write_notebook(tmp_path / "in" / f"{name}.ipynb", *GOOD)
    grades, rows, _ = graded(tmp_path / "in", workers=1)
    assert [row["total"] for row in rows] == [str(FULL), "0", str(FULL)]
    lost = grades["b.ipynb"]
    assert (lost.checked, len(lost.marks)) == (False, len(lab.tasks))
    assert lost.status == "not checked: its cage could not be started (Resource temporarily unavailable)"


@needs_cage
@pytest.mark.parametrize(
    ("module", "status"),
    [
        ("submission", "not checked: its cage could not be started"),
        ("checker", "not checked: the checks failed"),
    ],
)
def test_a_cage_that_ends_at_its_start_costs_its_row_alone(lab, tmp_path, monkeypatch, module, status):
    started, kept = cage.start, []

    def start(name, *arguments, **options):
        kept.append(name.rpartition(".")[2])
        lost = kept.count(module) == 1 and kept[-1] == module
        return started("nothing" if lost else name, *arguments, **options)

    monkeypatch.setattr(cage, "start", start)
    for name in "ab":
        write_notebook(tmp_path / "in" / f"{name}.ipynb", *GOOD)
    grades, rows, _ = graded(tmp_path / "in", workers=1)
    assert [row["total"] for row in rows] == ["0", str(FULL)]
    assert grades["a.ipynb"].status == status
    assert "No module named nothing" in grades["a.ipynb"].said
