import errno
import json
import os
import platform

import numpy as np
import pandas as pd
import pytest

from compendium import data, files, project, results
from compendium.data import ImageSet
from compendium.errors import CompendiumError


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    monkeypatch.delenv("COMPENDIUM_RUN", raising=False)
    monkeypatch.delenv("COMPENDIUM_PROFILE", raising=False)


def image_set(name="crops", notes=("12 of 50 images are blurred",)):
    images, labels = np.zeros((50, 4, 4, 3), np.uint8), np.zeros(50, np.int64)
    return ImageSet(images, labels, ("a",), name, notes, "0123456789abcdef" * 4)


METRICS = pd.DataFrame(
    {
        "quantity": ["PSNR", "PSNR", "MSE"],
        "method": ["network", "noisy", "network"],
        "level": ["30 %"] * 3,
        "image": [np.nan, 3.0, np.nan],
        "value": [21.5, np.inf, 0.25],
    }
)
CURVES = pd.DataFrame({"epoch": [1, 2], "loss": np.float32([0.5, 0.25]), "seconds": [30.0, 90.0]})


def write(folder, **changes):
    arguments = {
        "parameters": {"epochs": 2, "seed": 42, "fractions": [0.3]},
        "metrics": METRICS,
        "definitions": {"PSNR": "10 log10(1 / MSE)"},
        "curves": CURVES,
        "data_sets": [image_set()],
        "folder": folder,
    }
    return results.write("chapter", **{**arguments, **changes})


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_record_comes_back_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPENDIUM_PROFILE", "cpu")
    written = write(tmp_path / "run")
    (tmp_path / "run" / "cae.weights.h5").write_bytes(b"weights")
    (tmp_path / "run" / "checkpoint.npz").write_bytes(b"large")
    target = results.file(tmp_path / "run", "chapter", "cpu")
    assert target == tmp_path / "results" / "chapter" / "cpu"
    assert sorted(path.name for path in target.iterdir()) == ["cae.weights.h5", "record.json"]
    loaded = results.load("chapter", "cpu")
    assert loaded == written
    assert loaded["parameters"] == {"epochs": 2, "seed": 42, "fractions": [0.3]}
    assert loaded["profile"] == "cpu"
    assert loaded["training_seconds"] == 120
    pd.testing.assert_frame_equal(pd.DataFrame(loaded["curves"]), CURVES.astype({"loss": float}))


def test_what_is_no_finite_number_is_null_and_the_file_is_strict_json(tmp_path):
    write(tmp_path)
    record = strict((tmp_path / "record.json").read_text())
    assert [row["value"] for row in record["metrics"]] == [21.5, None, 0.25]
    assert [row["image"] for row in record["metrics"]] == [None, 3.0, None]


def test_numpy_numbers_become_plain_ones(tmp_path):
    metrics = pd.DataFrame({"value": [np.float32(0.5), np.int64(3), np.bool_(True)]}, dtype=object)
    parameters = {"seed": np.int64(42), "fractions": [np.float64(0.3)], "sizes": np.array([1, 2])}
    write(tmp_path, metrics=metrics, parameters=parameters)
    record = strict((tmp_path / "record.json").read_text())
    assert [row["value"] for row in record["metrics"]] == [0.5, 3, True]
    assert record["parameters"] == {"seed": 42, "fractions": [0.3], "sizes": [1, 2]}


def test_a_write_that_fails_leaves_the_old_record(tmp_path, monkeypatch):
    write(tmp_path)
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, parameters={"rate": float("nan")})

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(CompendiumError, match="No space left"):
        write(tmp_path, parameters={"epochs": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
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
        results.resumed(tmp_path / "0.json", IDENTITY, lambda: 1 / 0)
    assert not list(tmp_path.iterdir())


def test_a_part_of_another_run_is_not_taken_for_this_one(tmp_path):
    path = tmp_path / "0.json"
    results.resumed(path, IDENTITY, lambda: METRICS)
    with pytest.raises(CompendiumError, match=r"0\.json: computed with other parameters or data; delete it"):
        results.resumed(path, {**IDENTITY, "seed": 2}, lambda: METRICS)
    path.write_text("{")
    with pytest.raises(CompendiumError, match="not readable"):
        results.resumed(path, IDENTITY, lambda: METRICS)


def test_an_unfinished_run_cannot_be_recorded(tmp_path):
    with pytest.raises(CompendiumError, match=r"no record\.json; only a finished run"):
        results.file(tmp_path, "chapter", "cpu")


def test_an_absent_record_says_what_to_type():
    with pytest.raises(CompendiumError, match="`compendium run chapter --profile cpu --record`"):
        results.load("chapter", "cpu")


def test_the_run_that_makes_the_first_record_finds_an_empty_one(monkeypatch):
    monkeypatch.setenv("COMPENDIUM_PROFILE", "cpu")
    record = results.load("chapter", "cpu")
    assert results.metrics_of(record).empty
    with pytest.raises(CompendiumError, match="--profile paper"):
        results.load("chapter", "paper")


def test_a_broken_record_is_one_line(tmp_path):
    path = tmp_path / "results" / "chapter" / "cpu" / "record.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"chapter": "cha')
    with pytest.raises(CompendiumError, match=r"record\.json: not a record .*restore it") as error:
        results.load("chapter", "cpu")
    assert "\n" not in str(error.value)


def test_a_run_has_a_folder_of_its_own(tmp_path, monkeypatch):
    assert results.run_folder("chapter") == tmp_path / "runs" / "chapter" / "interactive"
    monkeypatch.setenv("COMPENDIUM_RUN", str(tmp_path / "named"))
    assert results.run_folder("chapter") == tmp_path / "named"
    assert (tmp_path / "named").is_dir()


def test_parameters_are_the_annotated_names_with_their_present_values():
    namespace = {}
    exec("epochs: int = 2\nrate: float = 0.1\nother = 3\nepochs = 5", namespace)
    assert results.parameters(namespace) == {"epochs": 5, "rate": 0.1}


def test_provenance_holds_every_fact_of_the_run(tmp_path):
    record = write(tmp_path, data_sets=[image_set(), image_set("others", notes=())])
    table = results.provenance(record)["value"]
    assert table["profile"] == "interactive"
    assert table["parameters"] == "epochs = 2, seed = 42, fractions = 0.3"
    assert "crops: 50 images, sha256 0123456789ab" in table["data"]
    assert "others: 50 images" in table["data"]
    assert table["about the data"] == "crops: 12 of 50 images are blurred"
    assert project.library_hash().startswith(table["lib/ sha256"])
    assert len(table["lib/ sha256"]) == 12
    assert f"python {platform.python_version()}" in table["packages"]
    assert f"numpy {np.__version__}" in table["packages"]
    assert platform.machine() in table["device"]
    assert f"{os.cpu_count()} cores" in table["device"]
    assert table["training time"] == "2.0 minutes"
    assert float(table["time since the last start"].split()[0]) < 60
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
