"""`compendium evaluate`: a method of one's own from the command line to a record, and its table."""

import json

import pytest

from compendium import project
from compendium.leaderboard import kept

METHOD = "def half(noisy):\n    return 0.5 * noisy\n\n\ndef bright(noisy):\n    return noisy + 1\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a method, where runs land too."""
    (tmp_path / "mine.py").write_text(METHOD, encoding="utf-8")
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_method_is_measured_among_the_others_and_kept(here, call):
    arguments = ["evaluate", "mine.py:half", "--task", "gaussian-mnist", "--test-images", 20]
    status, told, complaint = call(*arguments, "--add", "half")
    assert status == 0, complaint
    rows = [line.split()[0:2] for line in told.splitlines()]
    assert ["*", "mine:half"] in rows
    assert {"total", "wavelet", "noisy"} <= {row[0] for row in rows if row}
    assert "MSE minus that of the best of the book's: 0.0" in told
    (folder,) = (here / "runs" / "evaluate").iterdir()
    assert told.splitlines()[-1] == str(folder)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["own"]["method"]["name"] == "mine:half"
    assert record["parameters"]["task"] == "gaussian-mnist"
    assert record["noise"].keys() == {"sigma 0.5"}
    assert record == json.loads((here / "runs" / "leaderboard" / "half.json").read_text(encoding="utf-8"))

    status, again, complaint = call(*arguments, "--add", "half")
    assert (status, again) == (0, told)
    assert "finished before" in complaint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mine.py:hlf", "--task", "salt-pepper"], 'did you mean "half"'),
        (["other.py:half", "--task", "salt-pepper"], "other.py: no such file"),
        (["mine.keras", "--task", "salt-pepper"], "mine.keras: no such file"),
        (["mine.py", "--task", "salt-pepper"], "write MODULE:FUNCTION or FILE.py:FUNCTION"),
        (["mine.py:half", "--task", "salt-peper"], 'did you mean "salt-pepper"'),
        (["mine.py:half", "--task", "salt-pepper", "--minutes", "0"], 'minutes = "0.0": expected a number'),
        (["mine.py:half", "--task", "salt-pepper", "--add", "a/b"], "letters, digits, - and _ alone"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_computed(here, call, arguments, told):
    status, _, complaint = call("evaluate", *arguments)
    assert status == 2
    assert told in complaint
    assert not (here / "runs").exists()


def test_absent_data_are_told(here, call, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_DATA", str(here))
    status, _, complaint = call("evaluate", "mine.py:half", "--task", "salt-pepper", "--data", "real")
    assert status == 1
    assert "cifar10" in complaint


def test_a_method_that_fails_is_told_in_a_line_and_leaves_no_record(here, call):
    status, _, complaint = call("evaluate", "mine.py:bright", "--task", "gaussian-mnist", "--test-images", 20)
    assert status == 1
    assert "gives float32 from 1 to 2; expected floats from 0 to 1" in complaint.splitlines()[0]
    assert not [*here.rglob("record.json")]
    assert not [*here.rglob("evaluate.ipynb")]


# --- the table


def record(key, name, error, images=20, noise="aa"):
    def rows(method, value):
        numbers = {"MSE": value, "PSNR": 10.0, "SSIM": 0.5, "milliseconds per image": 1.0}
        return [
            {"quantity": quantity, "method": method, "level": "30 %", "value": number}
            for quantity, number in numbers.items()
        ]

    return {
        "form": 2,
        "chapter": "evaluate",
        "curves": [],
        "key": key,
        "own": {"method": {"name": name}},
        "noise": {"30 %": noise},
        "parameters": {"test_images": images},
        "metrics": [*rows("median", 0.2), *rows(name, error)],
    }


def test_kept_methods_stand_in_the_table_of_the_same_images_alone(here):
    kept.add("earlier", record("1", "mine:a", 0.1))
    kept.add("of-other-noise", record("2", "mine:b", 0.1, noise="bb"))
    kept.add("of-more-images", record("3", "mine:c", 0.1, images=30))
    lines = kept.table(record("4", "mine:d", 0.15)).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["earlier", "*", "median"]


def test_a_name_is_not_given_to_another_run(here):
    kept.add("mine", record("1", "mine:a", 0.1))
    kept.add("mine", record("1", "mine:a", 0.1))
    with pytest.raises(kept.UsageError, match="this name has another run"):
        kept.add("mine", record("2", "mine:a", 0.2))
    assert json.loads((here / "runs" / "leaderboard" / "mine.json").read_text(encoding="utf-8"))["key"] == "1"
