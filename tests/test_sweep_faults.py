"""Sweeps on real Dask workers, with runs in processes of their own, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pandas as pd
import psutil
import pytest
from distributed import Client
from tiny_checkout import checkout
from waiting import PATIENCE, wait_for

from compendium import project
from compendium.sweep.folder import SWEEP
from compendium.sweep.grid import Point
from compendium.sweep.point import execute

PARAMETERS = """\
depth: int = 1  # layers, 1 or more
seed: int = 0  # of the noise, any number
stalls: int = 0  # executions of this point that do not end, 0 or more"""

# notes each execution in the run's folder, and measures something that is known beforehand
CELL = """
import json, os, time
from pathlib import Path
folder = Path(os.environ["COMPENDIUM_RUN"])
with open(folder / "begun", "a") as file:
    file.write(f"{os.getpid()} {os.environ['OMP_NUM_THREADS']} {os.environ['TF_NUM_INTRAOP_THREADS']}\\n")
if len((folder / "begun").read_text(encoding="utf-8").splitlines()) <= stalls:
    time.sleep(3600)
assert depth != 9, "no network is that deep"
metrics = [
    {"quantity": "MSE", "method": "network", "level": "30 %", "seed": None, "value": depth + seed / 10},
    {"quantity": "MSE", "method": "noisy", "level": "30 %", "seed": None, "value": 5.0},
]
record = {"chapter": "tiny", "parameters": {}, "metrics": metrics, "curves": [], "wall_seconds": 2.0}
(folder / "record.json").write_text(json.dumps(record))
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills processes by POSIX signals")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A checkout of one tiny chapter, for all tests of this file; each sweeps into a folder of its own."""
    tiny = checkout(tmp_path_factory.mktemp("checkout"))
    tiny.chapter("tiny", CELL, parameters=PARAMETERS)
    return tiny


@pytest.fixture
def start(book):
    """Start `compendium` with arguments; what still runs when the test ends is killed."""
    commands = []

    def command(*arguments):
        commands.append(book.start(*arguments))
        return commands[-1]

    yield command
    for process in commands:
        process.kill()
        process.communicate()


def executions(folder):
    """How often each point was begun, and which processes did it."""
    return {
        path.parent.name: [int(line.split()[0]) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in sorted(folder.glob("points/*/begun"))
    }


def counts(folder):
    return {name: len(pids) for name, pids in executions(folder).items()}


@contextmanager
def dask_cluster(book, folder):
    """A scheduler and a worker as processes of their own; gives the scheduler's address and the worker."""
    where = folder / "scheduler.json"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = ["worker", "--nthreads", "1", "--local-directory", folder]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard", "--scheduler-file", where],
            env=book.environment,
            stderr=subprocess.DEVNULL,
        )
        for command in (scheduler, worker)
    ]
    try:
        yield (
            json.loads(wait_for(lambda: where.exists() and where.read_text(encoding="utf-8")))["address"],
            started[1],
        )
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=PATIENCE)


def at_work(folder):
    """The processes of runs in a folder: those that name it, and the notebooks' own."""
    kernels = {pid for pids in executions(folder).values() for pid in pids}
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        named = any(str(folder / "points") in part for part in process.info["cmdline"] or ())
        if (named or process.pid in kernels) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.thorough
def test_a_point_that_fails_is_told_at_the_end_and_does_not_stop_the_others(book, tmp_path):
    out = tmp_path / "sweep"
    ended = book.call("sweep", "tiny", "-g", "depth=9,1", "-p", "seed=3", "--workers", 2, "--out", out)

    assert ended.returncode == 1
    assert ended.stdout == f"{out / 'report.html'}\n"
    failure, summary = ended.stderr.splitlines()[-2:]
    assert failure.startswith(
        "1_depth=9: tiny: code cell 2 failed with AssertionError: no network is that deep; see "
    )
    assert summary == "compendium: 1 of 2 points failed; the same command runs them again, after all others"
    assert "Traceback" not in ended.stderr
    assert [path.read_text(encoding="utf-8").split()[1:] for path in out.glob("points/*/begun")] == [
        ["1", "1"]
    ] * 2

    table = pd.read_parquet(out / "results.parquet")
    pd.testing.assert_frame_equal(pd.read_csv(out / "results.csv"), table, check_dtype=False)
    assert table["status"].tolist() == ["failed", "done", "done"]
    assert table["depth"].tolist() == [9, 1, 1]
    assert table["value"].fillna(-1).tolist() == [-1, 1.3, 5]


def test_what_is_killed_is_repeated_and_nothing_else(book, start, tmp_path):
    """In turn a worker is killed, the command interrupted and killed; a running cluster does the rest."""
    out = tmp_path / "sweep"
    asked = ["sweep", "tiny", "-g", "stalls=0,3", "--out", out]
    arguments = [*asked, "--workers", 2]
    done, stalled = "1_stalls=0", "2_stalls=3"

    command = start(*arguments)
    wait_for(lambda: stalled in counts(out) and (out / "points" / done / "tiny.ipynb").exists())
    cut_off = wait_for(lambda: len(found := at_work(out)) == 2 and found)  # a run and its notebook
    [worker] = [run.parent() for run in cut_off if "compendium.cli.leash" in run.cmdline()]
    assert worker.ppid() == command.pid
    worker.kill()
    psutil.wait_procs(cut_off, timeout=PATIENCE)
    assert not [process for process in cut_off if process.is_running()]

    wait_for(lambda: counts(out)[stalled] == 2)  # by the same command
    os.killpg(command.pid, signal.SIGINT)  # as a terminal does
    printed, complaints = command.communicate(timeout=PATIENCE)
    assert command.returncode == 1
    assert printed == f"{out / 'report.html'}\n"
    last = complaints.splitlines()[-1]
    assert last == "compendium: interrupted; 1 of 2 points are done, the same command does the rest"
    assert "Traceback" not in complaints
    assert "1 of 2 points has not been run to the end" in (out / "report.html").read_text(encoding="utf-8")
    assert pd.read_csv(out / "results.csv")["status"].tolist() == ["done", "done", "missing"]
    wait_for(lambda: not at_work(out))

    command = start(*arguments)
    wait_for(lambda: counts(out)[stalled] == 3)
    started = psutil.Process(command.pid).children(recursive=True)
    command.kill()
    command.communicate(timeout=PATIENCE)
    psutil.wait_procs(started, timeout=PATIENCE)
    assert not [process for process in started if process.is_running()]

    with dask_cluster(book, tmp_path) as (address, _):
        ended = book.call(*asked, "--scheduler", address)
    assert ended.returncode == 0, ended.stderr
    assert counts(out) == {done: 1, stalled: 4}
    assert pd.read_csv(out / "results.csv")["status"].tolist() == ["done"] * 4


def half_done(start, out, address):
    """A sweep of two points on a cluster; the first is done, the second does not end."""
    command = start("sweep", "tiny", "-g", "stalls=0,3", "--out", out, "--scheduler", address)
    finished = out / "points" / "1_stalls=0" / "tiny.ipynb"
    wait_for(lambda: finished.exists() and "2_stalls=3" in counts(out))
    return command


def told_and_reported(command, out, lost):
    printed, complaints = command.communicate(timeout=PATIENCE)
    assert command.returncode == 1
    assert printed == f"{out / 'report.html'}\n"
    assert complaints.splitlines()[-1] == (
        f"compendium: {lost}; 1 of 2 points are done, the same command does the rest"
    )
    assert "Traceback" not in complaints


@pytest.mark.thorough
def test_a_lost_scheduler_leaves_a_report_of_what_is_done(book, start, tmp_path):
    with dask_cluster(book, tmp_path) as (address, _):
        command = half_done(start, tmp_path / "sweep", address)
    told_and_reported(command, tmp_path / "sweep", "the Dask scheduler was lost")


@pytest.mark.thorough
def test_a_scheduler_that_has_lost_its_workers_says_so_soon(book, start, tmp_path):
    with dask_cluster(book, tmp_path) as (address, worker):
        command = half_done(start, tmp_path / "sweep", address)
        worker.terminate()
        told_and_reported(command, tmp_path / "sweep", "the Dask scheduler has lost all its workers")


@pytest.mark.thorough
def test_what_failed_in_a_cell_comes_last_and_is_told_until_it_is_run_again(start, tmp_path):
    """One point fails, the next is interrupted; the same command begins with that one."""
    out = tmp_path / "sweep"
    failing, stalling = "1_stalls=0", "2_stalls=3"
    for times in (1, 2):
        command = start("sweep", "tiny", "-g", "stalls=0,3", "-p", "depth=9", "--workers", 1, "--out", out)
        wait_for(lambda times=times: counts(out).get(stalling) == times)
        os.killpg(command.pid, signal.SIGINT)
        _, complaints = command.communicate(timeout=PATIENCE)
    assert counts(out) == {failing: 1, stalling: 2}
    assert "1 of 2 points failed before, with the same code; they come last" in complaints
    assert f"{failing}: tiny: code cell 2 failed with AssertionError: no network is that deep" in complaints
    assert complaints.splitlines()[-1].startswith("compendium: interrupted; 0 of 2 points are done")
    assert pd.read_csv(out / "results.csv")["status"].tolist() == ["failed", "missing"]


def test_a_run_ends_with_its_task(book, tmp_path, monkeypatch):
    """As when the command dies that gave it to a cluster: the worker lives on."""
    monkeypatch.setenv("PYTHONPATH", book.environment["PYTHONPATH"])
    (tmp_path / SWEEP).touch()
    point = Point("1_stalls=1", {"stalls": 1})
    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as client:
        given = ["--profile", "quick"], point, str(tmp_path), project.library_hash()
        future = client.submit(execute, "tiny", *given)
        wait_for(lambda: executions(tmp_path))
        future.cancel()
        wait_for(lambda: not at_work(tmp_path))
