import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import find_spec

import nbformat
import psutil
import pytest
import requests
from tiny_checkout import checkout
from tiny_notebooks import write_notebook
from waiting import wait_for

from compendium import cli, data, project, runner
from compendium.cli import open as opening
from compendium.errors import CompendiumError

PARAMETERS = """\
epochs: int = 2  # passes, 1 or more
rate: float = 0.1  # step, above 0
fractions: list[float] = [0.5]  # levels
redraw: bool = True  # new noise every epoch
shown: list[int] = [0]  # images
activation: str = "relu"  # of the last layer
dataset: str = "digits"  # data set: digits or mnist"""

RECORD = '{"chapter": "small", "parameters": {}, "metrics": [], "curves": []}'
SHOW = f"""\
import os, pathlib
print([epochs, rate, fractions, redraw, shown, activation])
pathlib.Path(os.environ["COMPENDIUM_RUN"], "record.json").write_text({RECORD!r})"""


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """A book of one small chapter, with two profiles."""
    monkeypatch.setattr(project, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    (tmp_path / "profiles.yml").write_text(
        "quick: {}\npaper: {small: {epochs: 500, rate: 0.2}}\n", encoding="utf-8"
    )
    return write_notebook(tmp_path / "small.ipynb", SHOW, parameters=PARAMETERS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], 'no chapter "nonsense"; did you mean "small"? (there are: small)'),
        (["small", "-p", "epochs"], '-p "epochs": expected NAME=VALUE, for example -p epochs=20'),
        (["small", "-p", "=3"], '-p "=3": expected NAME=VALUE, for example -p epochs=20'),
        (
            ["small", "-p", "shown=[1,2"],
            'shown = "[1,2": expected whole numbers; for example shown=0',
        ),
        (
            ["small", "-p", "epochs=0"],
            'epochs = "0": expected a whole number, 1 or more; for example epochs=2',
        ),
        (["small", "-p", "dataset=mnits"], 'no value of dataset "mnits"; did you mean "mnist"?'),
        (["small", "-f", "absent.yml"], "absent.yml: cannot be read (No such file or directory)"),
        (["small", "-p", "epoch=3"], 'no parameter of small "epoch"; did you mean "epochs"?'),
        (
            ["small", "--profile", "papr"],
            'no profile "papr"; did you mean "paper"? (there are: quick, paper)',
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(call, chapter, arguments, message):
    status, printed, complaint = call("run", *arguments)
    assert status == 2
    assert printed == ""
    assert complaint.startswith(f"compendium: {message}")
    assert complaint.count("\n") == 1
    assert not project.RUNS.exists()


def test_an_absent_data_set_is_named_before_anything_runs(call, chapter, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path))
    status, _, complaint = call("run", "small", "-p", "dataset=mnist", "--out", tmp_path / "mine")
    assert status == 1
    assert "type: compendium data fetch mnist" in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "mine").exists()


def test_values_are_what_a_person_expects_and_win_over_the_profile(call, chapter):
    given = ["epochs=3", "rate=1e-3", "fractions=0.3,0.6", "redraw=false", "shown=[1,2]", "activation=linear"]
    options = [part for text in given for part in ("-p", text)]
    status, printed, _ = call("run", "small", "--no-page", "--profile", "paper", *options)
    assert status == 0
    executed = printed.strip()
    assert executed.startswith(str(project.RUNS / "small"))
    shown = nbformat.read(executed, 4).cells[-1].outputs[0].text
    assert shown == "[3, 0.001, [0.3, 0.6], False, [1, 2], 'linear']\n"


def test_a_file_wins_over_the_profile_and_an_option_over_the_file(call, chapter, tmp_path, monkeypatch):
    received = {}

    def run(chapter, this):
        received.update(chapter.changed(this.parameters))
        (this.folder / "record.json").write_text(RECORD, encoding="utf-8")
        return write_notebook(this.folder / chapter.path.name)

    # the kernel's side is tested above; here only what reaches the runner
    monkeypatch.setattr(runner, "run", run)
    (tmp_path / "p.yml").write_text("rate: 1e-3\nshown: [1, 2]\nredraw: no\n", encoding="utf-8")
    options = ["--profile", "paper", "-f", tmp_path / "p.yml", "-p", "shown=3"]
    assert call("run", "small", "--no-page", *options)[0] == 0
    assert received == {"epochs": 500, "rate": 0.001, "shown": [3], "redraw": False}


def test_a_run_that_left_no_record_is_an_error_of_status_1(call, chapter, tmp_path):
    write_notebook(chapter, "1 + 1", parameters=PARAMETERS)
    status, _, complaint = call("run", "small", "--out", tmp_path / "mine", "--no-page")
    assert status == 1
    assert complaint == (
        f"compendium: {tmp_path / 'mine'}: the run left no record; its last cells must call `results.write`\n"
    )
    assert (tmp_path / "mine" / "small.ipynb").exists()


FAILED = """\
import os, pathlib
record = RECORD[:-1] + ', "outcomes": [{"method": "CAE", "level": "30 %", "outcome": "collapsed", "epoch": 2,'
record += '"quantity": "MSE", "value": 0.3, "predictor": "mean image", "limit": 0.2}]}'
pathlib.Path(os.environ["COMPENDIUM_RUN"], "record.json").write_text(record)"""


def test_a_collapse_and_a_part_that_failed_are_said_and_fail_nothing(call, chapter, tmp_path):
    extra = nbformat.v4.new_code_cell("1 / 0", metadata={"tags": ["part:extra"]})
    write_notebook(chapter, extra, FAILED.replace("RECORD", repr(RECORD)), parameters=PARAMETERS)
    for out, options, said in (
        ("a", [], 2),
        ("b", ["--without", "extra"], 1),
        ("c", ["--without", "all"], 1),
    ):
        status, printed, complaint = call("run", "small", "--no-page", "--out", tmp_path / out, *options)
        assert (status, printed) == (0, f"{tmp_path / out / 'small.ipynb'}\n")
        assert (
            complaint.splitlines()
            == [
                "CAE at 30 % collapsed from epoch 2 on: MSE 0.3000 (mean image: 0.2000).",
                "the part extra failed: ZeroDivisionError: division by zero",
            ][:said]
        )
    status, _, complaint = call("run", "small", "--without", "extras")
    assert (status, complaint.startswith('compendium: no part of small "extras"; did you mean "extra"?')) == (
        2,
        True,
    )


DOOR = """\
from compendium import runs
run = runs.present("small", globals())
build = run.door("network", None)
print(build and build((8, 8, 1)).count_params())"""
NETWORK = """\
import keras
def build(image_shape):
    return keras.Sequential([keras.Input(image_shape), keras.layers.Conv2D(1, SIDE, padding="same")])"""


def test_a_network_of_ones_own_is_part_of_what_a_run_is(call, chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_notebook(chapter, DOOR, SHOW, parameters=PARAMETERS)
    network = tmp_path / "mine.py"
    network.write_text(NETWORK.replace("SIDE", "3"), encoding="utf-8")
    given = ["run", "small", "--no-page", "--network", "mine.py:build", "--out", "one"]
    assert call(*given)[0] == 0
    assert nbformat.read("one/small.ipynb", 4).cells[2].outputs[0].text == "10\n"
    described = json.loads((tmp_path / "one" / "run.json").read_text(encoding="utf-8"))["run"]["own"][
        "network"
    ]
    assert (described["name"], described["file"]) == ("mine:build", str(network))
    assert (
        call("run", "small", "--no-page", "--out", "one", "--resume")[0] == 0
    )  # the same network, from anywhere
    status, _, complaint = call("run", "small", "--no-page", "--out", "two", "--loss", "mine.py:build")
    assert (status, complaint) == (
        *(2, "compendium: --loss: small has no place for a loss of your own; it takes a network\n"),
    )
    network.write_text(NETWORK.replace("SIDE", "5"), encoding="utf-8")
    status, _, complaint = call(*given, "--resume")
    assert (status, "begun with other code of your own" in complaint) == (2, True)
    assert call("params", "small")[1].endswith("may be your own: --network\n")


def test_a_finished_run_is_published_by_a_command_that_names_what_it_replaces(
    call, chapter, tmp_path, monkeypatch
):
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    for out in ("one", "two"):
        assert call("run", "small", "--no-page", "--out", tmp_path / out)[0] == 0
    target = f"{tmp_path / 'results' / 'small' / 'quick'}"
    assert call("publish", tmp_path / "one") == (0, f"{target}\n", "")
    status, _, complaint = call("publish", tmp_path / "two")
    assert (status, complaint.count("\n")) == (2, 1)
    assert "to put this one in its place, add --replace" in complaint
    assert call("publish", tmp_path / "two", "--replace") == (
        0,
        f"{target}\n",
        "replaced the run of commit unknown\n",
    )


def test_debug_shows_the_traceback(monkeypatch, chapter):
    monkeypatch.setattr(sys, "argv", ["compendium", "--debug", "run", "nonsense"])
    with pytest.raises(CompendiumError):
        cli.main()
    command = [sys.executable, "-c", "from compendium import cli; cli.main()", "--debug", "run", "nonsense"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_what_the_system_refuses_is_one_line_and_status_1(call, monkeypatch):
    def refused():
        raise PermissionError(13, "Permission denied", "/book/_build")

    monkeypatch.setattr(cli, "app", refused)
    status, printed, complaint = call("book")
    assert (status, printed, complaint.count("\n")) == (1, "", 1)
    assert complaint.startswith("compendium: /book/_build: Permission denied; ")


CACHED = """
from compendium import metrics
import IPython.paths, matplotlib
print(IPython.paths.get_ipython_dir(), matplotlib.get_configdir(), sep="\\n")
"""


def test_nothing_complains_where_neither_home_nor_the_package_can_be_written(tmp_path):
    tiny = checkout(tmp_path)
    home = tmp_path / "home"
    for place in (home, tmp_path / "lib" / "compendium" / "__pycache__"):
        place.write_text("a file, in which not even root can make one", encoding="utf-8")
    caches = {"IPYTHONDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"}
    environment = {name: value for name, value in tiny.environment.items() if name not in caches}
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}
    ended = subprocess.run(
        [sys.executable, "-c", CACHED], env=environment, capture_output=True, encoding="utf-8"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    used = ended.stdout.split("\n")[:-1]
    assert len(used) == 2
    assert not any(map(os.path.exists, used))


SLOW = """
import contextlib, io, sys
from compendium import cli
for line in ("--help", "--version", "run --help", "run nonsense", "run nonsense -p epochs",
             "run salt-pepper-cae -p nonsense=1", "run tuning -p epochs=0", "sweep tuning", "params tuning",
             "params nonsense", "open nonsense", "claims --help", "claims S9-99", "claims --paper nonsense",
             "lab --help", "doctor --help", "compare --help", "compare one other", "data list",
             "data fetch nonsense"):
    sys.argv = ["compendium", *line.split()]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            cli.main()
        except SystemExit:
            pass
    slow = {"tensorflow", "keras", "torch", "jax", "pandas", "matplotlib", "scipy", "sklearn", "skimage",
            "nbformat", "papermill", "distributed", "requests"}
    print(sorted(slow & set(sys.modules)), line)
"""


def test_help_and_wrong_usage_do_not_wait_for_slow_packages():
    ended = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, encoding="utf-8", check=True)
    lines = ended.stdout.splitlines()
    assert len(lines) == 20
    assert [line for line in lines if not line.startswith("[] ")] == []


EXPLAINED = """
import contextlib, pathlib, sys
from compendium import cli, products
products.BUILD = pathlib.Path(sys.argv.pop())
with contextlib.suppress(SystemExit):
    cli.main()
papers = {"depth_latent", "latent_filtering", "mean_image", "salt_pepper_cae", "tuning"}
slow = {"tensorflow", "keras", "matplotlib", *(f"compendium.claims.{paper}" for paper in papers)}
print(sorted(slow & set(sys.modules)))
"""


def test_a_claim_about_a_recorded_number_waits_for_no_paper_s_checks(tmp_path):
    command = [sys.executable, "-c", EXPLAINED, "claims", "S2-22", tmp_path]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.stdout.endswith("\n[]\n")


PRINTS = """
import typer
from compendium import cli
from compendium.cli.terminal import show_table

def prints():
    typer.echo("σ")
    show_table(["σ"], [("→",)])

cli.app = prints
cli.main()
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_a_console_lacks_end_no_command(encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    ended = subprocess.run([sys.executable, "-c", PRINTS], env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode(encoding)
    assert b"\\u2192" in ended.stdout


def test_version_says_what_computes_without_importing_it(call):
    status, printed, _ = call("--version")
    assert status == 0
    names = [line.split()[0] for line in printed.splitlines()]
    assert names == ["compendium", "Python", "Keras", "TensorFlow"]
    assert (commit := project.commit()) is None or commit in printed
    command = [sys.executable, "-X", "importtime", "-m", "compendium", "--version"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.stdout == printed
    assert not re.search(r"\| (keras|tensorflow)$", ended.stderr, re.M)


def test_help_names_the_commands(call):
    status, printed, _ = call("--help")
    assert status == 0
    for command in ("book", "run", "params", "compare", "open", "test", "data"):
        assert command in printed


def test_data_list_shows_every_set_and_what_to_type(call, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    status, printed, _ = call("data", "list")
    assert status == 0
    rows = {words[1]: line for line in printed.splitlines() if len(words := line.split()) > 3}
    assert set(data.NAMES) <= set(rows)
    assert "embedded" in rows["photos"]
    assert "compendium data fetch mnist" in rows["mnist"]


# --- params


def test_params_prints_what_can_be_set(call, chapter):
    status, printed, _ = call("params", "small")
    assert status == 0
    assert printed.splitlines() == [
        "epochs: int = 2  (1 or more)",
        "    passes",
        "    paper: 500",
        "rate: float = 0.1  (above 0)",
        "    step",
        "    paper: 0.2",
        "fractions: list[float] = 0.5",
        "    levels",
        "redraw: bool = true",
        "    new noise every epoch",
        "shown: list[int] = 0",
        "    images",
        "activation: str = relu",
        "    of the last layer",
        "dataset: str = digits  (digits or mnist)",
        "    data set",
    ]
    assert call("params", "smal")[::2] == (
        2,
        'compendium: no chapter "smal"; did you mean "small"? (there are: small)\n',
    )


# --- open


def test_open_starts_jupyterlab_on_loopback_with_its_token(call, chapter, monkeypatch):
    started = []

    def start(command):
        started.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", start)
    monkeypatch.setattr(opening, "find_spec", lambda name: name)
    assert call("open", "small", "--no-browser")[0] == 3
    (command,) = started
    assert command[1:3] == ["-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert command[-2:] == ["--no-browser", str(chapter)]
    assert not [part for part in command if "token" in part.lower() or "password" in part.lower()]


def test_a_command_without_the_book_s_packages_says_what_to_type(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill", None)
    for module in ("runner", "faults"):
        monkeypatch.delitem(sys.modules, f"compendium.{module}", raising=False)
    monkeypatch.delattr("compendium.runner", raising=False)
    status, _, complaint = call("run", "tuning")
    assert status == 1
    assert complaint == (
        "compendium: papermill is not installed, and this needs the book's packages; "
        "in the checkout, type: python -m pip install --no-deps -r requirements.lock\n"
    )


def test_open_without_jupyterlab_says_what_to_type(call, chapter, monkeypatch):
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    status, _, complaint = call("open", "small")
    assert status == 1
    assert complaint == ('compendium: JupyterLab is not installed; type: pip install "jupyterlab>=4.2"\n')


@pytest.mark.needs("posix")
@pytest.mark.skipif(not find_spec("jupyterlab"), reason="JupyterLab is an extra of its own")
def test_the_real_jupyterlab_answers_on_loopback_and_only_to_its_token(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from compendium import cli; cli.main()",
        "open",
        "tuning",
        "--no-browser",
    ]
    environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path)}
    environment.pop("JUPYTER_TOKEN", None)
    allowed = {"ServerApp": {"allow_root": True}}  # continuous integration may run as root
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(allowed), encoding="utf-8")
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        found = wait_for(lambda: list(tmp_path.glob("jpserver-*.json")), server)
        about = json.loads(found[0].read_text(encoding="utf-8"))
        addresses = {
            c.laddr.ip for c in psutil.Process(about["pid"]).net_connections() if c.status == "LISTEN"
        }
        assert addresses == {"127.0.0.1"}
        assert len(about["token"]) >= 32
        api = f"http://127.0.0.1:{about['port']}/api/contents/notebooks/tuning.ipynb?content=0"
        assert requests.get(api, timeout=300).status_code == 403
        answer = requests.get(api, headers={"Authorization": f"token {about['token']}"}, timeout=300)
        assert answer.json()["name"] == "tuning.ipynb"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
