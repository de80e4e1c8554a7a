import errno
import json
import os
import platform

import numpy as np
import pandas as pd
import pytest
from tiny_runs import CELLS, CURVES, METRICS, book_of_one_chapter, finish, image_set, run_in, write

from compendium import chapters, data, files, project, published, results, runs
from compendium.errors import CompendiumError


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    book_of_one_chapter(tmp_path, monkeypatch)


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_record_comes_back_as_it_was_written(tmp_path):
    written = finish(tmp_path / "run")
    target, replaced = published.publish(tmp_path / "run")
    assert (target, replaced) == (tmp_path / "results" / "chapter" / "cpu", None)
    loaded = results.load("chapter", "cpu")
    assert loaded == written
    assert loaded["form"] == 2
    assert loaded["parameters"] == {"epochs": 4, "fractions": [0.3]}
    assert loaded["profile"] == "cpu"
    assert loaded["training_seconds"] == 120
    assert loaded["source"] == {"sha256": chapters.named("chapter").code_hash, "cells": [*CELLS]}
    assert (loaded["threads"], loaded["backend"]) == (1, "tensorflow")
    assert loaded["cells"] == [{"cell": 3, "seconds": 0.5}]
    assert 0 < loaded["wall_seconds"] < 3600
    pd.testing.assert_frame_equal(pd.DataFrame(loaded["curves"]), CURVES.astype({"loss": float}))
    table = pd.read_csv(target / "metrics.csv")
    pd.testing.assert_frame_equal(table, results.metrics_of(loaded), check_dtype=False)


def test_what_is_no_finite_number_is_null_and_the_file_is_strict_json(tmp_path):
    write(tmp_path)
    record = strict((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert [row["value"] for row in record["metrics"]] == [21.5, None, 0.25]
    assert [row["image"] for row in record["metrics"]] == [None, 3.0, None]


def test_numpy_numbers_become_plain_ones(tmp_path):
    metrics = pd.DataFrame({"value": [np.float32(0.5), np.int64(3), np.bool_(True)]}, dtype=object)
    write(tmp_path, metrics=metrics, noise={"first index": np.int64(40)})
    record = strict((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert [row["value"] for row in record["metrics"]] == [0.5, 3, True]
    assert record["noise"] == {"first index": 40}


def test_a_write_that_fails_leaves_the_old_record(tmp_path, monkeypatch):
    write(tmp_path)
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, definitions={"rate": float("nan")})

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(CompendiumError, match="No space left"):
        write(tmp_path, definitions={})
    assert (tmp_path / "record.json").read_bytes() == before


IDENTITY = {"seed": np.int64(1), "fractions": (0.3, 0.6), "data": "0123"}


def test_a_part_of_a_run_is_computed_once(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return METRICS

    path = tmp_path / "parts" / "0.json"
    first = results.resumed(path, IDENTITY, compute)
    again = results.resumed(path, IDENTITY, compute)
    assert len(calls) == 1
    pd.testing.assert_frame_equal(first, again)
    assert first["quantity"].tolist() == METRICS["quantity"].tolist()
    assert first["value"].tolist()[::2] == [21.5, 0.25]
    assert first["value"].isna().tolist() == [False, True, False]  # no finite number


def test_a_part_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        results.resumed(tmp_path / "run" / "0.json", IDENTITY, lambda: 1 / 0)
    assert not (tmp_path / "run").exists()


def test_a_part_of_another_run_is_not_taken_for_this_one(tmp_path):
    path = tmp_path / "0.json"
    results.resumed(path, IDENTITY, lambda: METRICS)
    before = path.read_bytes()
    other = results.resumed(path, {**IDENTITY, "seed": 2}, lambda: METRICS.assign(value=7.0))
    assert (other["value"] == 7).all()
    assert path.read_bytes() == before
    assert results.resumed(path, {**IDENTITY, "seed": 2}, lambda: 1 / 0).equals(other)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(CompendiumError, match="not readable"):
        results.resumed(path, IDENTITY, lambda: METRICS)


def test_an_absent_record_says_what_to_type():
    with pytest.raises(CompendiumError, match="`compendium run chapter --profile cpu`, then `compendium pub"):
        results.load("chapter", "cpu")


def test_a_page_knows_whether_the_records_that_it_quotes_are_still_the_same(tmp_path, monkeypatch):
    assert results.hold(results.quotes(tmp_path / "nothing"))
    finish(tmp_path / "run")
    published.publish(tmp_path / "run")
    page = tmp_path / "page"
    with runs.started(run_in(page, "quick")):
        monkeypatch.setenv("COMPENDIUM_RUN", str(page))
        results.load("chapter", "cpu")
    assert results.hold(results.quotes(page))
    record = tmp_path / "results" / "chapter" / "cpu" / "record.json"
    record.write_text(record.read_text(encoding="utf-8").replace("21.5", "21.6"), encoding="utf-8")
    assert not results.hold(results.quotes(page))


def test_a_broken_record_is_one_line(tmp_path):
    path = tmp_path / "results" / "chapter" / "cpu" / "record.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"chapter": "cha', encoding="utf-8")
    with pytest.raises(CompendiumError, match=r"record\.json: not a record .*restore it") as error:
        results.load("chapter", "cpu")
    assert "\n" not in str(error.value)


def test_provenance_holds_every_fact_of_the_run(tmp_path):
    record = write(tmp_path, data_sets=[image_set(), image_set("others", notes=())])
    table = results.provenance(record)["value"]
    assert table["profile"] == "cpu"
    assert table["parameters"] == "epochs = 4, fractions = 0.3"
    assert "crops: 50 images, sha256 0123456789ab" in table["data"]
    assert "others: 50 images" in table["data"]
    assert table["about the data"] == "crops: 12 of 50 images are blurred"
    assert len(table["lib/ sha256"]) == 12
    assert table["threads of a training"] == "1"
    assert f"python {platform.python_version()}" in table["packages"]
    assert f"numpy {np.__version__}" in table["packages"]
    assert platform.machine() in table["device"]
    assert f"{os.cpu_count()} cores" in table["device"]
    assert table["training time"] == "2.0 minutes"
    assert 0.05 < float(table["peak memory"].split()[0]) < 100
    assert (table["commit"] == "not in a git checkout") == (project.commit() is None)


def test_provenance_outside_git_and_without_notes(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "ROOT", tmp_path)  # no git, no lib
    table = results.provenance(write(tmp_path, data_sets=[image_set(notes=())]))["value"]
    assert table["commit"] == "not in a git checkout"
    assert table["about the data"] == "nothing to note"


def test_sources_stand_side_by_side_and_single_images_apart():
    recorded = results.metrics_of({"metrics": METRICS.to_dict("records")})
    live = pd.DataFrame({"quantity": ["PSNR"], "method": ["network"], "level": ["30 %"], "value": [20.0]})
    table = results.side_by_side({"recorded": recorded, "live": live}, "PSNR")
    assert table.loc["network", ("recorded", "30 %")] == 21.5
    assert table.loc["network", ("live", "30 %")] == 20.0
    assert list(table.index) == ["network"]
    single = results.of_images(recorded, "PSNR", "noisy")
    assert list(single.index) == [3]
    assert single.loc[3, "30 %"] == np.inf


def test_the_data_of_a_real_set_is_named_by_its_hash(tmp_path):
    photos = data.load("digits", "test")
    (entry,) = write(tmp_path, data_sets=[photos])["data"]
    assert entry == {"name": "digits", "images": 1000, "sha256": photos.sha256, "notes": list(photos.notes)}


def test_rounded_numbers_are_text_and_missing_ones_blank():
    table = pd.DataFrame({"MSE": [0.01234, np.nan], "PSNR": [19.0871, 3.0]})
    assert results.rounded(table, 2).to_dict("list") == {"MSE": ["0.01", ""], "PSNR": ["19.09", "3.00"]}
    assert results.rounded(table, {"MSE": 4, "PSNR": 1})["MSE"].tolist() == ["0.0123", ""]
    levels = pd.concat({"PSNR": table[["MSE"]]}, axis=1)
    assert results.rounded(levels, {"PSNR": 3})[("PSNR", "MSE")].tolist() == ["0.012", ""]
    assert results.rounded(levels, {"MSE": 1})[("PSNR", "MSE")].tolist() == ["0.0", ""]


def test_numbers_of_several_seeds_are_averaged_side_by_side():
    rows = [("MSE", "network", "30 %", seed, np.nan, 0.1 * seed) for seed in (1, 2)]
    source = pd.DataFrame(rows, columns=results.METRIC_COLUMNS)
    table = results.side_by_side({"run": source}, "MSE")
    assert table.loc["network", ("run", "30 %")] == pytest.approx(0.15)


def test_a_metric_column_that_no_reader_would_look_for_is_refused(tmp_path):
    with pytest.raises(ValueError, match="noise"):
        write(tmp_path, metrics=METRICS.assign(noise="30 %"))
