import json
import re

import pytest
import tiny_records
from bs4 import BeautifulSoup

from compendium import comparison, plots, project, results
from compendium.errors import CompendiumError, UsageError

HOSTILE = '<script>alert("x")</script>\x1b[2J $\\frac$'


def record(folder, shift=0.0, **changes):
    """Write a record: two seeds of one network, a noisy input, numbers of single images, curves."""
    rows = [
        {"quantity": "MSE", "method": "CAE", "level": "30 %", "seed": seed, "value": 0.1 * seed + shift}
        for seed in (1, 2)
    ]
    rows += [
        {"quantity": "MSE", "method": "CAE", "level": "30 %", "image": 3, "value": 9.0},
        {"quantity": "MSE", "method": "noisy", "level": "30 %", "value": 0.5},
        {"quantity": "SSIM", "method": "noisy", "image": 3, "value": 0.25 + shift},
        {"quantity": "SSIM", "method": "noisy", "image": 4, "value": 0.75 + shift},
        {"quantity": "SSIM", "method": "flat", "value": None},
    ]
    curves = [
        {"epoch": epoch, "loss": 1 / epoch, "val_loss": 2 / epoch + shift, "level": level, "seed": seed}
        for epoch in (1, 2, 3)
        for level in ("30 %", "60 %")
        for seed in (1, 2)
    ]
    content = {
        "chapter": "small",
        "profile": "quick",
        "commit": "abc",
        "parameters": {"epochs": 3, "fractions": [0.3]},
        "metrics": rows,
        "curves": [*curves, {"seconds": 3.0, "level": "30 %"}],
        **changes,
    }
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps(content), encoding="utf-8")
    return str(folder)


@pytest.fixture
def two(tmp_path):
    second = {"epochs": 5, "fractions": [0.3], "rate": 0.1}
    return [record(tmp_path / "a"), record(tmp_path / "b", 0.125, parameters=second, commit="def")]


def test_differences_are_those_of_the_records(two):
    records = comparison.read(two)
    settings = comparison.settings(records)
    assert settings.loc["epochs"].tolist() == ["3", "5"]
    assert settings.loc["commit"].tolist() == ["abc", "def"]
    assert settings.loc["rate"].tolist() == ["not recorded", "0.1"]
    assert settings.index.tolist() == ["epochs", "commit", "rate"]

    metrics = comparison.metrics(records)
    assert metrics.columns.tolist() == ["run 1", "run 2", "difference"]
    # a mean over the seeds, without the single image; over images where there is nothing else
    assert metrics.loc["MSE", "CAE", "30 %"].tolist() == pytest.approx([0.15, 0.275, 0.125])
    assert metrics.loc["MSE", "noisy", "30 %"].tolist() == [0.5, 0.5, 0]
    assert metrics.loc["SSIM", "noisy", ""].tolist() == [0.5, 0.625, 0.125]
    assert metrics.loc["SSIM", "flat", ""].isna().all()


def test_curves_lie_over_each_other_a_panel_a_network(two):
    figure = comparison.curves(comparison.read(two))
    assert [axis.get_title() for axis in figure.axes] == ["30 %", "60 %"]
    for axis in figure.axes:
        assert axis.get_ylabel() == "val_loss"
        drawn = [line.get_ydata().tolist() for line in axis.lines if len(line.get_ydata())]
        assert drawn[0] == pytest.approx([2, 1, 2 / 3])
        assert drawn[1] == pytest.approx([2.125, 1.125, 2 / 3 + 0.125])
    assert [text.get_text() for text in figure.legends[0].texts] == ["run 1", "run 2"]
    assert {line.get_color() for line in figure.axes[0].lines} == {plots.looks(["CAE"])["CAE"].colour}


def test_runs_without_curves_and_of_three_can_be_compared(tmp_path):
    names = [record(tmp_path / name, curves=[]) for name in "abc"]
    records = comparison.read(names)
    assert comparison.curves(records) is None
    assert comparison.metrics(records).columns.tolist() == ["run 1", "run 2", "run 3"]
    assert "No run has recorded any with numbers." in comparison.page(records)


@pytest.mark.filterwarnings("error:Glyph")
def test_the_command_prints_and_renders_and_a_hostile_record_is_only_text(tmp_path, monkeypatch, call, two):
    hostile = record(
        tmp_path / "c",
        parameters={HOSTILE: HOSTILE},
        metrics=[{"quantity": HOSTILE, "method": HOSTILE, "value": 1.0}],
        curves=[{"epoch": 1, "loss": 1.0, "val_loss": 1.0, "method": HOSTILE}],
    )
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.html"
    status, printed, _ = call("compare", "a", "b", hostile, "--out", page)
    assert status == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines()]
    assert ["epochs", "3", "5", "not recorded"] in rows
    assert ["MSE", "CAE", "30 %", "0.15", "0.275", "no number"] in rows
    assert "\x1b" not in printed
    content = page.read_text(encoding="utf-8")
    assert "\x1b" not in content
    assert "<script>alert" not in content
    assert "&lt;script&gt;" in content
    assert content.count("data:image/svg+xml;base64,") == 1


def of_form_2(folder, **changes):
    return str(tiny_records.write(folder, tiny_records.record(parameters={"epochs": 8}, **changes)))


def test_circumstances_that_differ_are_named(tmp_path, call, monkeypatch):
    one = of_form_2(tmp_path / "one")
    other = of_form_2(
        tmp_path / "other",
        outcome="collapsed",
        own={"loss": {"name": "mine.py:loss", "sha256": "5" * 64}},
        left_out=[],
        threads=2,
        backend="jax",
        library="7" * 64,
        packages={"python": "3.11.9", "numpy": "2.2.0", "of-newer-records": "1.0"},
        data=[{"name": "digits", "images": 1797, "sha256": "9" * 64, "notes": []}],
        noise={"first index": {"training images": 0, "test images": 40}},
        source={"sha256": "8" * 64, "cells": ["import numpy", "network = other()\nfit(network)"]},
    )
    settings = comparison.settings(comparison.read([one, other])).T.to_dict("list")
    assert settings == {
        "backend": ["tensorflow", "jax"],
        "threads": ["1", "2"],
        "own loss": ["none, the chapter's", "mine.py:loss, sha256 555555555555"],
        "parts left out": ["pictures", "none"],
        "data": [
            "1797 images of digits, sha256 222222222222",
            "1797 images of digits, sha256 999999999999",
        ],
        "noise": ["not recorded", "first index: training images 0, test images 40"],
        "library": ["sha256 111111111111", "sha256 777777777777"],
        "package numpy": ["2.1.0", "2.2.0"],
        "outcome of CAE, 30 %": ["learnt", "collapsed from epoch 3"],
        "cells of code": ["2 cells", "2 cells; other than in run 1: 2"],
    }
    [diff] = comparison.code(comparison.read([one, other])).values()
    assert [line for line in diff.splitlines() if line[0] in "+-"] == [
        "-network = cae()",
        "+network = other()",
    ]
    page = tmp_path / "page.html"
    assert call("compare", one, other, "--out", page)[0] == 0
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    assert "+network = other()" in soup.select_one("details pre").text
    assert [cell.text for cell in soup.select("tbody tr")[1].select("td")][
        2
    ] == "CAE, 30 %: collapsed from epoch 3"


def test_rounding_is_no_difference_and_nothing_is_nan(tmp_path, call):
    one, same, lost = (
        of_form_2(tmp_path / "one"),
        of_form_2(tmp_path / "same", error=0.011 * (1 + 1e-9)),
        of_form_2(tmp_path / "lost", outcome="diverged"),
    )
    page = tmp_path / "page.html"
    status, printed, _ = call("compare", one, same, "--out", page)
    assert status == 0
    assert printed.splitlines()[-2].endswith("agree to 1e-06 of their size): none")

    status, printed, _ = call("compare", one, lost, "--out", page)
    soup = BeautifulSoup(page.read_bytes(), "html.parser")
    assert status == 0
    said = printed + " ".join(part.text for part in soup.select("article td, article p, article dd"))
    assert not re.search(r"\bnan\b", said, re.IGNORECASE)
    rows = [[cell.text for cell in row.select("td")] for row in soup.select("tbody tr")]
    [own] = [row for row in rows if row[:3] == ["MSE", "CAE", "30 %"]]
    assert own[4:] == ["no number", "no number", "yes"]
    assert ["MSE", "noisy input", "30 %", "0.15", "0.15", "0", "no"] in rows


def test_a_curve_that_stops_being_a_number_ends_with_a_cross(tmp_path):
    names = [of_form_2(tmp_path / "a"), of_form_2(tmp_path / "b", outcome="diverged")]
    [axis] = comparison.curves(comparison.read(names)).axes
    assert [(text.get_text(), text.get_position()[0]) for text in axis.texts] == [("×", 3)]
    never = [{"epoch": 1, "loss": None, "level": "30 %"}]
    lost = [of_form_2(tmp_path / name, curves=never) for name in "cd"]
    assert comparison.curves(comparison.read(lost)) is None


def test_a_name_is_seen_from_the_checkout_too(tmp_path, monkeypatch, two):
    monkeypatch.setattr(project, "ROOT", tmp_path)
    assert [*comparison.read(["a", "b"])] == ["a", "b"]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]])
def test_two_runs_are_needed(names):
    with pytest.raises(UsageError, match="name two runs or more, each once, for example results/tuning/cpu"):
        comparison.read(names)


def test_runs_that_are_not_there_or_of_other_chapters_are_refused(tmp_path, two):
    with pytest.raises(
        UsageError, match=r"nowhere: no record\.json there; name the folder of a finished run"
    ):
        comparison.read([two[0], "nowhere"])
    other = record(tmp_path / "other", chapter="other")
    with pytest.raises(UsageError, match=r"runs of different chapters \(other, small\); name runs of one"):
        comparison.read([two[0], other])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 100_000,
        "\x80\x04\x95",  # the first bytes of a pickle
        "[]",
        '{"chapter": "small"}',
        '{"chapter": "small", "parameters": {}, "metrics": [{"value": "1"}], "curves": []}',
        '{"chapter": "small", "parameters": {}, "metrics": [], "curves": [{"epoch": "1"}]}',
        '{"chapter": "small", "parameters": {}, "metrics": 3, "curves": []}',
        '{"chapter": ["small"], "parameters": {}, "metrics": [], "curves": []}',
    ],
)
def test_what_is_not_a_record_is_one_line(tmp_path, content):
    (tmp_path / "record.json").write_text(content, encoding="latin-1")
    with pytest.raises(CompendiumError) as error:
        results.read(tmp_path / "record.json")
    assert str(error.value).startswith(f"{tmp_path / 'record.json'}: not a record")
    assert "\n" not in str(error.value)
