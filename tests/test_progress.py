"""What a run shows while it lasts, with a real notebook; on a terminal that is one (a pty), and in a file."""

import json
import os
import re
import sys
import threading
from contextlib import suppress

import pytest
from tiny_notebooks import execute, write_notebook

from compendium import progress

UNTIL_SHOWN = """\
import time
from pathlib import Path
from compendium import progress
progress.SECONDS_BETWEEN_REPORTS = 0
def until_shown(text):
    for _ in range(6000):  # five minutes
        if text in Path("SHOWN").read_text():
            return
        time.sleep(0.05)
    raise TimeoutError(text)"""
TRAINING = """\
for epoch in progress.epochs(3, 10, "network-1"):
    if epoch < 6:
        until_shown(f"network-1: epoch {epoch} of 10")"""


@pytest.fixture
def shown(tmp_path):
    """The file that what a run shows is written to; its cells go on when they find there what they await."""
    (tmp_path / "shown").touch()
    return tmp_path / "shown"


@pytest.fixture
def notebook(tmp_path, shown):
    first = UNTIL_SHOWN.replace("SHOWN", str(shown))
    return write_notebook(tmp_path / "chapter.ipynb", first, TRAINING, 'until_shown("code cell 3 of 3")')


def test_on_no_terminal_there_is_a_line_now_and_then(notebook, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.2)
    with shown.open("w", encoding="utf-8") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        execute(notebook, out=tmp_path / "out")
    lines = shown.read_text(encoding="utf-8").splitlines()
    trained = [
        re.fullmatch(r"chapter: code cell 2 of 3, \d\d:\d\d so far, about \d\d:\d\d left; (.*)", line)
        for line in lines
    ]
    texts = {match[1] for match in trained if match}
    assert "network-1: epoch 3 of 10" in texts
    assert any(re.fullmatch(r"network-1: epoch 5 of 10, about \d\d:\d\d left", text) for text in texts)
    # the training is over: it is told of no more
    assert re.fullmatch(r"chapter: code cell 3 of 3, \d\d:\d\d so far, about \d\d:\d\d left", lines[-1])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"chapter.ipynb", "run.json"}


@pytest.mark.needs("posix")
def test_on_a_terminal_there_are_two_bars_which_leave_nothing(notebook, shown, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    control, terminal = os.openpty()

    def read():
        with (
            suppress(OSError),
            shown.open("wb", buffering=0) as file,
        ):  # its end, on Linux
            while chunk := os.read(control, 4096):
                file.write(chunk)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with os.fdopen(terminal, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        execute(notebook, out=tmp_path / "out")
    monkeypatch.undo()
    reader.join()
    text = shown.read_text(encoding="utf-8", errors="replace")
    assert re.search(r"chapter: code cell 2 of 3, \d\d:\d\d so far", text)
    assert re.search(r"network-1: epoch [45] of 10, about \d\d:\d\d left", text)
    assert "\x1b[2K" in text[-40:]  # the last thing shown is removed


def test_a_training_tells_the_run_that_it_belongs_to_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_REPORTS", 0)
    monkeypatch.delenv("COMPENDIUM_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    assert [*progress.epochs(1, 3, "alone")] == [1, 2, 3]
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setenv("COMPENDIUM_RUN", str(tmp_path))
    told = [
        json.loads((tmp_path / progress.REPORT).read_text(encoding="utf-8"))
        for _ in progress.epochs(2, 3, "network")
    ]
    assert [(report["training"], report["epoch"], report["epochs"]) for report in told] == [
        ("network", 2, 3),
        ("network", 3, 3),
    ]
    assert told[0]["seconds_left"] is None
    assert told[1]["seconds_left"] > 0

    monkeypatch.setenv("COMPENDIUM_RUN", str(tmp_path / "gone"))
    assert [*progress.epochs(1, 2, "without a folder")] == [1, 2]
