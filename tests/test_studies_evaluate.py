"""What the notebook of one's own denoiser shows: tables as text, rows of the record, pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from compendium import data
from compendium.leaderboard import methods, scores, tasks
from compendium.studies import evaluate as study


@pytest.fixture(scope="module")
def problems():
    task = tasks.task("gaussian-cifar10")
    return tasks.problems(task, data.load("photos"), data.load("photos", "test"), test_images=12)


@pytest.fixture(scope="module")
def scored(problems):
    """A method that is far ahead, one that is behind by chance alone, and the noisy input."""
    clean = np.concatenate([problem.test for problem in problems.values()][:1]) / 255
    found = [
        methods.untrained("noisy input", lambda noisy: noisy),
        methods.untrained("mine", lambda noisy: (clean + 0.01).clip(0, 1)),
    ]
    return scores.scored(problems, found, examples=4)


def test_yours_is_marked_at_each_level_and_methods_are_ranked(scored, problems):
    table = study.board(scored, "mine")
    for level in problems:
        assert table.loc[level].index.tolist() == ["* mine", "noisy input"]
    assert table.map(lambda text: isinstance(text, str)).all(axis=None)


def test_a_p_value_is_never_told_as_zero(scored):
    table = study.compared(scored, "mine")
    assert (table["p"] == "< 0.001").all()
    assert (table["best other"] == "noisy input").all()
    assert (table["difference"].astype(float) < 0).all()
    assert (table["ahead, % of images"] == "100.0").all()


def test_the_comparison_is_in_the_record(scored, problems):
    rows = study.difference_rows(scored, "mine").set_index(["quantity", "level", "method"])["value"]
    compared, shares = scored.compared("mine"), scored.share_of_worst("mine", study.WORST)
    for level in problems:
        of_level = rows[scores.DIFFERENCE, level]
        assert {*of_level.index} == {"difference", "low", "high", "ahead, % of images", "p"}
        assert of_level.to_dict() == pytest.approx(compared.loc[level, [*of_level.index]].to_dict())
        assert rows[study.SHARE, level, "mine"] == shares[level]
    assert {*rows.index.get_level_values("quantity")} <= {*study.DEFINITIONS}


def test_pictures_show_both_methods_between_noisy_and_clean(scored, problems):
    figure = study.pictures(problems, scored, "mine", shown=3)
    titles = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert titles == ["noisy", "mine", "noisy input", "clean"]
    assert len(figure.axes) == 4 * 3
    plt.close(figure)


def test_the_worst_images_are_those_with_the_largest_errors(scored, problems):
    level = next(iter(problems))
    for method, errors in scored.errors[level].items():
        assert [*scored.worst[level][method]] == np.argsort(-errors, kind="stable")[:4].tolist()
    figure = study.worst(problems, scored, "mine", shown=3)
    worst = np.argsort(-scored.errors[level]["mine"], kind="stable")[:3]
    assert [axis.get_title() for axis in figure.axes[:3]] == [f"image {index}" for index in worst]
    plt.close(figure)


def test_the_share_of_the_worst_images_is_of_the_whole_error(scored):
    errors = scored.errors["sigma 25/255"]["mine"]
    shares = scored.share_of_worst("mine", 0.25)
    assert shares["sigma 25/255"] == pytest.approx(np.sort(errors)[-3:].sum() / errors.sum())
    assert scored.share_of_worst("mine", 1).tolist() == [1, 1]


def test_an_example_keeps_no_more_than_itself(scored):
    for of_level in scored.examples.values():
        for images in of_level.values():
            assert len(images) == 4
            assert images.base is None
