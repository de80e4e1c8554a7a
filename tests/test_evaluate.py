"""`compendium evaluate`: a method of one's own from the command line to a record, and its table."""

import json

import pytest

from compendium import project
from compendium.errors import UsageError
from compendium.leaderboard import kept
from compendium.leaderboard.scores import DIFFERENCE

METHOD = "def half(noisy):\n    return 0.5 * noisy\n\n\ndef bright(noisy):\n    return noisy + 1\n"
METHOD += "\n\ndef two(noisy, sigma):\n    return noisy\n"


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
    assert told.startswith("20 test images of digits; MSE, lower is better; * yours\n")
    assert "Yours is behind total variation, the best of the book's: MSE +0.0" in told
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
        (["mine.py", "--task", "salt-pepper"], "write FILE.py:FUNCTION, or name a .keras or .onnx file"),
        (
            ["mine.py:two", "--task", "salt-pepper"],
            "mine.py:two: takes (noisy, sigma); a method takes (noisy)",
        ),
        (["mine.py:half", "--task", "salt-pepper", "--data", "cifar10"], 'write "embedded" or "real"'),
        (["mine.py:half", "--task", "salt-peper"], 'did you mean "salt-pepper"'),
        (
            ["mine.py:half", "--task", "salt-pepper", "--minutes", "0"],
            "--minutes 0: expected a number above 0",
        ),
        (["mine.py:half", "--task", "salt-pepper", "--minutes", "nan"], "--minutes nan: expected a number"),
        (["mine.py:half", "--task", "salt-pepper", "--add", "a/b"], "a name begins with a letter or digit"),
        (["mine.py:half", "--task", "salt-pepper", "--add", ""], "a name begins with a letter or digit"),
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
    assert complaint.startswith("compendium: evaluate: ")
    assert "mine.py:bright: gives values from 1 to 2; expected 0 to 1" in complaint
    assert len(complaint.splitlines()) == 1
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

    compared = {"difference": error - 0.2, "low": error - 0.21, "high": error - 0.19}
    compared = [
        {"quantity": DIFFERENCE, "method": m, "level": "30 %", "value": v} for m, v in compared.items()
    ]

    return {
        "form": 2,
        "chapter": "evaluate",
        "curves": [],
        "key": key,
        "own": {"method": {"name": name}},
        "noise": {"30 %": noise},
        "parameters": {"test_images": images, "dataset": "photos", "seeds": [0]},
        "metrics": [*rows("median", 0.2), *rows(name, error), *compared],
    }


def test_kept_methods_stand_in_the_table_of_the_same_images_alone(here):
    kept.add("earlier", record("1", "mine:a", 0.1))
    kept.add("of-other-noise", record("2", "mine:b", 0.1, noise="bb"))
    kept.add("of-more-images", record("3", "mine:c", 0.1, images=30))
    kept.add("median", record("5", "mine:e", 0.3))
    mine = record("4", "mine:d", 0.15)
    others, left_out = kept.others(mine)
    assert left_out == []
    lines = kept.table(mine, others).splitlines()
    assert lines[0] == "20 test images of photos; MSE, lower is better; * yours, + kept by you"
    methods = [line[:10].split() for line in lines[4:-1]]
    assert methods == [["+", "earlier"], ["*", "mine:d"], ["median"], ["+", "median"]]
    assert lines[-1].startswith(
        "Yours is ahead of median, the best of the book's: MSE -0.05000, 95 % interval"
    )


def test_a_damaged_file_on_the_leaderboard_is_left_out_and_named(here):
    path = kept.add("earlier", record("1", "mine:a", 0.1))
    path.write_text("{}", encoding="utf-8")
    assert kept.others(record("4", "mine:d", 0.15)) == ({}, [path])


def test_a_name_is_not_given_to_another_run(here):
    kept.add("mine", record("1", "mine:a", 0.1))
    kept.add("mine", record("1", "mine:a", 0.1))
    with pytest.raises(UsageError, match="this name has another run"):
        kept.add("mine", record("2", "mine:a", 0.2))
    assert json.loads((here / "runs" / "leaderboard" / "mine.json").read_text(encoding="utf-8"))["key"] == "1"
