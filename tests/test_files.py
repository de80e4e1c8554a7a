import os
import random
import signal
import subprocess
import sys
import time

import pytest

from compendium import files
from compendium.errors import CompendiumError
from compendium.files import own_name, write_atomically


def test_bytes_text_and_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_atomically(path, "σ\n")
    assert path.read_bytes() == "σ\n".encode()
    assert path.stat().st_mode & 0o444 == 0o444  # as of any other file, not the owner's alone
    assert os.listdir(path.parent) == ["file"]


WRITER = """
import itertools, sys
from pathlib import Path
from compendium.files import own_name, write_atomically
for i in itertools.count():
    write_atomically(Path(sys.argv[1]), bytes([i % 256]) * 4_000_000)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "state"
    path.write_bytes(b"\x00" * 4_000_000)
    written = set()
    chance = random.Random(0)
    for changes in chance.choices(range(1, 5), k=12):
        seen = {path.stat().st_mtime_ns}
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while len(seen) <= changes and writer.poll() is None:
            seen.add(path.stat().st_mtime_ns)
            time.sleep(0.001)
        time.sleep(chance.random() / 50)  # into the next one
        writer.kill()
        assert writer.wait() != 0
        content = path.read_bytes()
        assert content == content[:1] * 4_000_000
        written.add(content[0])
    assert len(written) > 1  # the writers were killed at different moments


@pytest.mark.needs("posix")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    import resource

    path = tmp_path / "state"
    write_atomically(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(CompendiumError) as caught:
            write_atomically(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["state"]


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(CompendiumError, match=r"taken.state: cannot be written \(.+\); "):
        write_atomically(tmp_path / "taken" / "state", "new")


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    path = tmp_path / "state"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["state"]


def test_windows_gets_no_colon_in_the_name_of_a_file_that_holds_a_data_set_s(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setattr(files.sys, "platform", "win32")
    path = own_name(folder / "draw-folder:pictures@28-1.json", {}, lambda path: None)
    assert path == folder / "draw-folderpictures@28-1.json"
    assert own_name(path.relative_to(tmp_path), {}, lambda path: None) == path.relative_to(tmp_path)
