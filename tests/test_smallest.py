"""The smallest runs of a chapter: whatever comes of them is a result, with a whole record."""

import json

import pytest
from tiny_notebooks import execute

from compendium import chapters, project

pytestmark = pytest.mark.thorough

PATH = project.chapter_path("salt-pepper-cae")
SMALLEST = {"epochs": 1, "train_images": 40, "test_images": 3, "fractions": [0.3], "shown": [0, 1, 2]}
KEYS = ("quantity", "method", "level", "seed", "image")


def record(folder):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads((folder / "record.json").read_text(encoding="utf-8"), parse_constant=refuse)


def numbers(found):
    return {tuple(row.get(key) for key in KEYS): row["value"] for row in found["metrics"]}


@pytest.fixture(scope="module")
def smallest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smallest")
    execute(PATH, SMALLEST, out=folder)
    return record(folder)


def test_it_collapses_and_comes_to_its_end(smallest):
    (outcome,) = smallest["outcomes"]
    assert (outcome["method"], outcome["level"], outcome["outcome"], outcome["epoch"]) == (
        *("CAE", "30 %", "collapsed", 1),
    )
    assert outcome["value"] >= outcome["limit"]
    assert {*smallest["parts"].values()} == {"done"}  # though 40 images have no 128 components


def test_without_its_parts_it_has_the_same_numbers(smallest, tmp_path):
    parts = chapters.named("salt-pepper-cae").parts
    execute(PATH, SMALLEST, out=tmp_path, left_out=parts)
    bare = record(tmp_path)
    assert bare["parts"] == dict.fromkeys(parts, "left out")
    assert numbers(bare).items() <= numbers(smallest).items()
    assert len(numbers(bare)) > 40
    assert bare["outcomes"] == smallest["outcomes"]


def test_a_network_that_diverges_is_recorded_with_its_epoch_and_no_numbers(tmp_path):
    given = SMALLEST | {"learning_rate": 1e30, "output_activation": "linear", "epochs": 4}
    execute(PATH, given, out=tmp_path)
    found = record(tmp_path)
    (outcome,) = found["outcomes"]
    assert (outcome["outcome"], outcome["value"]) == ("diverged", None)
    assert len(found["curves"]) == outcome["epoch"] < 4
    of_level = [
        (method, value) for (_, method, level, *_), value in numbers(found).items() if level == "30 %"
    ]
    assert {value for method, value in of_level if method == "CAE"} == {None}
    assert None not in {value for method, value in of_level if method == "linear interpolation"}


def test_a_sphere_round_one_image_holds_it(tmp_path):
    given = {"datasets": ["digits"], "images_per_class": [1], "draws": 1, "test_images": 20}
    given |= {"vae_steps": 20, "classifier_steps": 2, "synthesised_limit": 20}
    path = project.chapter_path("latent-filtering")
    execute(path, given, out=tmp_path, left_out=chapters.named("latent-filtering").parts)
    metrics = record(tmp_path)["metrics"]
    kept = {row["method"]: row["value"] for row in metrics if row["quantity"] == "share kept"}
    assert kept["originals"] == 1  # its radius is 0, and so is its distance
    assert kept["test images, own class"] == 0
