"""Folders of runs through the real command: what is kept, refused, gone on with, and equal in the end."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import nbformat
import pytest
from filelock import FileLock
from tiny_notebooks import write_notebook
from waiting import PATIENCE, wait_for

from compendium import chapters, data, project, published, runs
from compendium.data import CATALOGUE
from compendium.errors import CompendiumError, UsageError

PARAMETERS = """\
epochs: int = 2  # passes, 1 or more
seed: int = 1  # of weights, 0 or more"""

COUNT = """\
import os, pathlib
folder = pathlib.Path(os.environ["COMPENDIUM_RUN"])
with (folder / "starts").open("a") as file:
    file.write(f"{epochs} {seed}\\n")
assert not (folder.parent / "fail").exists()
record = '{"chapter": "small", "parameters": {}, "metrics": [], "curves": []}'
(folder / "record.json").write_text(record)"""


@pytest.fixture
def call(call):
    return partial(call, "run", "--no-page")


@pytest.fixture(autouse=True)
def chapter(tmp_path, monkeypatch):
    """A book of two chapters that note each start in the run's folder."""
    book = tmp_path / "book"
    monkeypatch.setattr(project, "NOTEBOOKS", book)
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    book.mkdir()
    (book / "profiles.yml").write_text("quick: {}\npaper: {small: {epochs: 5}}\n", encoding="utf-8")
    write_notebook(book / "other.ipynb", COUNT, parameters=PARAMETERS)
    return write_notebook(book / "small.ipynb", COUNT, parameters=PARAMETERS)


def starts(folder):
    return (folder / "starts").read_text(encoding="utf-8").splitlines()


def test_a_finished_run_is_left_alone(call, tmp_path):
    mine = tmp_path / "mine"
    status, printed, complaint = call("small", "-p", "epochs=3", "--out", mine)
    assert (status, printed, complaint) == (0, f"{mine / 'small.ipynb'}\n", "")
    assert {path.name for path in mine.iterdir()} - {".lock"} == {
        "record.json",
        "run.json",
        "small.ipynb",
        "starts",
    }
    content = {path.name: path.read_bytes() for path in mine.iterdir()}

    refused = [
        (
            ["small", "-p", "epochs=3"],
            "holds this run already, finished; go on with it by --resume, or choose",
        ),
        (["small"], "holds another run, begun with epochs = 3, not 2; choose another folder"),
        (["small", "-p", "epochs=4", "--resume"], "holds another run, begun with epochs = 3, not 4; choose"),
        (["small", "--profile", "paper", "--resume"], "begun with the profile quick, not paper; choose"),
        (["other", "-p", "epochs=3", "--resume"], "holds another run, of small; choose another folder"),
    ]
    for arguments, message in refused:
        status, printed, complaint = call(*arguments, "--out", mine)
        assert (status, printed, complaint.count("\n")) == (2, "", 1)
        assert complaint.startswith(f"compendium: {mine}: ")
        assert message in complaint

    status, printed, complaint = call("small", "--out", mine, "--resume")
    assert (status, printed) == (0, f"{mine / 'small.ipynb'}\n")
    assert complaint == "small: finished before, nothing left to do; --out FOLDER computes it anew\n"
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == content


def test_a_run_that_another_process_began_meanwhile_is_not_overwritten(call, tmp_path, chapter, monkeypatch):
    mine = tmp_path / "mine"
    taken = runs.lock

    def late(folder):
        monkeypatch.setattr(runs, "lock", taken)
        assert call("small", "-p", "epochs=3", "--out", mine)[0] == 0
        return taken(folder)

    monkeypatch.setattr(runs, "lock", late)
    status, _, complaint = call("small", "--out", mine)
    assert status == 2
    assert "holds another run, begun with epochs = 3, not 2" in complaint
    assert starts(mine) == ["3 1"]


def test_a_failed_run_is_gone_on_with_by_resume_under_its_own_parameters(call, tmp_path, chapter):
    mine = tmp_path / "mine"
    (tmp_path / "fail").touch()
    given = ["small", "--profile", "paper", "-p", "seed=7", "--out", mine]
    status, _, complaint = call(*given)
    assert status == 1
    assert "code cell 2 failed with AssertionError" in complaint
    assert ">   5 | assert not (folder.parent" in complaint
    assert (mine / "small.failed.ipynb").exists()
    (tmp_path / "fail").unlink()

    assert call(*given)[0] == 2
    assert call("small", "--out", mine, "-p", "seed=8", "--resume")[0] == 2
    status, printed, _ = call("small", "--out", mine, "--resume")
    assert (status, printed) == (0, f"{mine / 'small.ipynb'}\n")
    assert starts(mine) == ["5 7", "5 7"]
    assert not (mine / "small.failed.ipynb").exists()
    injected = nbformat.read(mine / "small.ipynb", 4).cells[2].source
    assert len(json.loads((mine / "run.json").read_text(encoding="utf-8"))["starts"]) == 2
    assert injected == "# Parameters\nepochs = 5\nseed = 7\n"

    # what the numbers come from has changed since
    write_notebook(chapter, COUNT, "extra = 1", parameters=PARAMETERS)
    status, _, complaint = call("small", "--out", mine, "--resume")
    assert status == 2
    assert "holds another run, begun with other code in the chapter (commit " in complaint


def test_what_is_recorded_and_published_twice_is_one_run_and_finished(call, tmp_path, monkeypatch, chapter):
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    first, failing, last = COUNT.partition('assert not (folder.parent / "fail").exists()\n')
    write_notebook(chapter, first + last, failing, parameters=PARAMETERS)
    mine = tmp_path / "mine"
    (tmp_path / "fail").touch()
    assert call("small", "--out", mine)[0] == 1
    assert (mine / "record.json").exists()
    with pytest.raises(CompendiumError, match="no finished run"):
        published.publish(mine)
    (tmp_path / "fail").unlink()
    assert call("small", "--out", mine, "--resume")[0] == 0

    target, _ = published.publish(mine)
    there = {path.name: path.read_bytes() for path in target.iterdir()}
    with pytest.raises(UsageError, match="add --replace"):
        published.publish(mine)
    published.publish(mine, replace=True)
    status, printed, complaint = call("small", "--out", mine, "--resume")
    assert (status, printed) == (0, f"{mine / 'small.ipynb'}\n")
    assert complaint == "small: finished before, nothing left to do; --out FOLDER computes it anew\n"
    assert starts(mine) == ["2 1", "2 1"]
    assert {path.name: path.read_bytes() for path in target.iterdir()} == there


def test_without_a_folder_the_same_command_goes_on_and_another_gets_its_own(call, tmp_path):
    (tmp_path / "fail").touch()
    (tmp_path / "runs" / "small").mkdir(parents=True)
    (tmp_path / "runs" / "small" / "fail").touch()
    assert call("small", "-p", "seed=2")[0] == 1
    (tmp_path / "runs" / "small" / "fail").unlink()
    status, first, _ = call("small", "-p", "seed=2")
    assert status == 0
    _, second, _ = call("small", "-p", "seed=3")
    _, again, complaint = call("small", "-p", "seed=2")
    assert again == first != second
    assert complaint == "small: finished before, nothing left to do; --out FOLDER computes it anew\n"
    assert call("small", "-p", "seed=2", "-p", "epochs=2")[1] == first  # the default, typed out
    folders = [*(tmp_path / "runs" / "small").iterdir()]
    assert sorted(starts(folder) for folder in folders) == [["2 2", "2 2"], ["2 3"]]


@pytest.mark.parametrize("name", ["record.json", "notes.ipynb"])
def test_a_folder_of_something_else_is_refused(call, tmp_path, name):
    (tmp_path / name).write_text("{}", encoding="utf-8")
    status, _, complaint = call("small", "--out", tmp_path, "--resume")
    assert status == 2
    assert complaint == f"compendium: {tmp_path}: is not a run's folder; choose another with --out\n"


def test_a_folder_is_one_process_at_a_time(call, tmp_path):
    with FileLock(tmp_path / ".lock"):
        status, _, complaint = call("small", "--out", tmp_path)
    assert status == 1
    assert complaint == (
        f"compendium: {tmp_path}: another process runs small there; wait for it, or choose another folder\n"
    )


def test_a_folder_that_cannot_be_made_is_one_line(call, tmp_path):
    (tmp_path / "file").touch()
    for folder in ("file", "file/inside", "name" * 100):
        status, _, complaint = call("small", "--out", tmp_path / folder)
        assert status in (1, 2)
        assert complaint.startswith(f"compendium: {tmp_path / folder}: ")
        assert complaint.count("\n") == 1


STATE = '{"run": {"chapter": "small", "profile": "quick", "parameters": [], "left_out": []}, "starts": []}'


@pytest.mark.parametrize("content", ["{", "[]", '{"chapter": "small"}', "\x80", "[" * 100_000, STATE])
def test_a_damaged_or_hostile_state_is_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content, encoding="latin-1")
    with pytest.raises(CompendiumError, match=r"run\.json: does not describe a run; choose"):
        runs.begun(tmp_path)


BY_HAND = """\
from compendium import runs
run = runs.present("small", globals())
print(run.folder)"""


def test_papermill_alone_gives_each_content_and_parameters_a_folder_of_their_own(tmp_path, chapter):
    def folder(*given):
        command = [sys.executable, "-m", "papermill", "--no-progress-bar", chapter, tmp_path / "o.ipynb"]
        environment = {
            **os.environ,
            "COMPENDIUM_RUNS": str(tmp_path / "by-hand"),
            "JPY_SESSION_NAME": str(chapter),  # as Jupyter says it
        }
        subprocess.run([*command, *given], check=True, capture_output=True, cwd=tmp_path, env=environment)
        return nbformat.read(tmp_path / "o.ipynb", 4).cells[-1].outputs[0].text.strip()

    write_notebook(chapter, BY_HAND, parameters=PARAMETERS)
    first = folder()
    assert first.startswith(str(tmp_path / "by-hand" / "small"))
    assert (folder(), folder("-p", "epochs", "2")) == (first, first)
    assert folder("-p", "epochs", "4") != first
    write_notebook(chapter, BY_HAND, "1 + 1\nprint(run.folder)", parameters=PARAMETERS)
    assert folder() != first


# --- the key


def key(path, given=None, **options):
    return runs.resolve(chapters.read(path), given or {}, profile="quick", **options).key


def test_the_key_is_of_code_and_parameters_not_of_prose_outputs_metadata_or_results(
    chapter, tmp_path, monkeypatch
):
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    before = key(chapter)
    assert key(chapter, {"epochs": 2}) == before  # the default, spelled out
    assert key(chapter, {"epochs": 3}) != before
    assert key(chapter, left_out=("codes",)) != before

    content = nbformat.read(chapter, 4)
    content.cells[0].source = "# Another title"
    content.cells[-1].execution_count = 5
    content.cells[-1].outputs = [nbformat.v4.new_output("stream", text="a result\n")]
    content.cells[-1].metadata = {"tags": ["hide-input"]}
    nbformat.write(content, chapter)
    (tmp_path / "results" / "small" / "quick").mkdir(parents=True)
    (tmp_path / "results" / "small" / "quick" / "record.json").write_text("{}", encoding="utf-8")
    assert key(chapter) == before
    content.cells[-1].source += "\n"
    nbformat.write(content, chapter)
    assert key(chapter) != before


def test_the_key_is_of_the_modules_and_packages_that_compute(tmp_path, monkeypatch):
    package = tmp_path / "compendium"
    shutil.copytree(project.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "claims", "labs"))
    monkeypatch.setattr(project, "PACKAGE", package)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    notebook = write_notebook(
        tmp_path / "n.ipynb", "from compendium import noise, plots\nfrom compendium.models import cae"
    )

    def changed(name):
        path = package / name
        path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        return key(notebook)

    last = key(notebook)
    for unrelated in ("plots/grid.py", "models/vae.py", "metrics.py", "results.py", "sweep/grid.py"):
        assert changed(unrelated) == last, unrelated
    for used in ("noise.py", "models/cae.py", "images.py"):  # the last by way of the first
        assert changed(used) != last, used
        last = key(notebook)

    versions = project.importlib.metadata.version
    monkeypatch.setattr(project.importlib.metadata, "version", lambda name: versions(name) + "+other")
    assert key(notebook) != last
    monkeypatch.setattr(
        project.importlib.metadata, "version", lambda n: versions(n) + "+other" * (n == "jupyterlab")
    )
    assert key(notebook) == last


def test_key_and_record_are_the_same_with_either_distribution_of_tensorflow(tmp_path, monkeypatch):
    notebook = write_notebook(tmp_path / "n.ipynb", "import keras")
    versions = project.importlib.metadata.version

    def with_only(there):
        def version(name):
            if name not in project.TENSORFLOW:
                return versions(name)
            if name != there:
                raise project.importlib.metadata.PackageNotFoundError(name)
            return "2.20.0"

        monkeypatch.setattr(project.importlib.metadata, "version", version)
        return key(notebook), project.locked_versions()

    ours, theirs = map(with_only, project.TENSORFLOW)
    assert ours == theirs
    assert {name: found for name, found in ours[1].items() if "tensorflow" in name} == {
        "tensorflow": "2.20.0"
    }


def test_the_key_changes_with_the_backend_and_with_the_files_of_the_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path))
    files = [
        tmp_path / CATALOGUE["mnist"].folder / name
        for split in data.SPLITS
        for name in CATALOGUE["mnist"].files[split]
    ]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
    notebook = write_notebook(tmp_path / "n.ipynb", parameters='dataset: str = "mnist"  # name')
    before = key(notebook)
    assert key(notebook) == before
    files[0].write_bytes(b"another")
    assert key(notebook) != before
    before = key(notebook)
    versions, installed = project.importlib.metadata.version, {"jax": "0.1", "jaxlib": "0.1"}
    monkeypatch.setattr(project.importlib.metadata, "version", lambda n: installed.get(n) or versions(n))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert key(notebook) != before
    before = key(notebook)
    installed["jaxlib"] = "0.2"
    assert key(notebook) != before  # what it computes with is in the record, and decides


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("theano", 'no backend of Keras, as KERAS_BACKEND has it, "theano"; did you mean'),
        ("jax", "KERAS_BACKEND is jax, and jaxlib is not installed; remove that variable of the environment"),
    ],
)
def test_a_backend_that_is_not_there_is_told_before_the_run(tmp_path, monkeypatch, backend, told):
    versions = project.version
    monkeypatch.setattr(project, "version", lambda n: {"jax": "1", "jaxlib": ""}.get(n, versions(n)))
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UsageError) as error:
        key(write_notebook(tmp_path / "n.ipynb", parameters="epochs: int = 1  # passes"))
    assert str(error.value).startswith(told)


def test_an_empty_variable_names_no_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert project.backend() == "tensorflow"


def test_a_clock_that_is_set_back_makes_no_time_negative(tmp_path, monkeypatch):
    notebook = chapters.read(write_notebook(tmp_path / "n.ipynb", parameters="epochs: int = 1  # passes"))
    run = replace(runs.resolve(notebook, {}, profile="quick"), folder=tmp_path)
    times = iter([datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)])
    monkeypatch.setattr(runs, "datetime", SimpleNamespace(now=lambda zone: next(times)))
    with runs.started(run):
        pass
    assert 0 <= runs.seconds(tmp_path) < PATIENCE


# --- a real training, killed

TRAINING = """\
import os, time
import keras
import numpy as np
import pandas as pd
from compendium import data, results, runs, training
run = runs.present("small", globals())
training.SECONDS_BETWEEN_CHECKPOINTS = 0
images = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
training.set_seed(seed)
network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same")])

def corrupt(images, seed):
    drawn.append(seed)
    if len(drawn) == int(os.environ.get("STALLS", "0")):
        (run.folder / "stalls").touch()
        time.sleep(3600)
    return images + np.random.default_rng(seed).normal(0, 0.1, images.shape).astype(np.float32)

drawn = []
curve = training.fit(network, images, corrupt, validation=(corrupt(images, seed), images), epochs=epochs,
    batch_size=8, optimizer=keras.optimizers.Adam(0.01), seed=seed, redraw=True,
    checkpoint=run.folder / "small.npz")
value = float(((training.predict(network, images) - images) ** 2).mean())
metrics = pd.DataFrame([{"quantity": "MSE", "method": "network", "value": value}])
results.write(run, metrics=metrics, definitions={}, curves=curve, data_sets=[])"""

CALL = "import sys; from pathlib import Path; from compendium import cli, project\n"
CALL += "project.NOTEBOOKS = Path(sys.argv.pop(1)); cli.main()"


def trained(chapter, folder, **variables):
    """Start the real command on the chapter in a process of its own."""
    command = [sys.executable, "-c", CALL, chapter.parent, "run", "small", "-p", "epochs=4", "--out", folder]
    command.append("--no-page")
    return subprocess.Popen(
        [*command, "--resume"],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


@pytest.mark.needs("posix")
def test_a_killed_run_ends_with_the_numbers_of_an_uninterrupted_one(tmp_path, chapter):
    write_notebook(chapter, TRAINING, parameters=PARAMETERS)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    uninterrupted = trained(chapter, whole)
    killed = trained(chapter, cut, STALLS="4")
    try:
        wait_for((cut / "stalls").exists, killed)  # the noise of its third epoch is being drawn
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    assert (cut / "small.npz").exists()
    assert not (cut / "record.json").exists()
    assert not (cut / "small.ipynb").exists()

    resumed = trained(chapter, cut)
    for process in (uninterrupted, resumed):
        assert process.wait(PATIENCE) == 0, process.communicate()
    first, second = (
        json.loads((folder / "record.json").read_text(encoding="utf-8")) for folder in (whole, cut)
    )
    assert second["metrics"] == first["metrics"]
    assert second["metrics"][0]["value"] > 0
    curves = [[{**row, "seconds": 0} for row in record["curves"]] for record in (first, second)]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 4
    # the first epoch is that of the killed process
    assert second["curves"][0]["seconds"] != first["curves"][0]["seconds"]
    assert not (cut / "progress.json").exists()
    # the time of the killed start counts as far as it came
    starts = json.loads((cut / "run.json").read_text(encoding="utf-8"))["starts"]
    assert second["wall_seconds"] > starts[0]["seconds"] > 0
