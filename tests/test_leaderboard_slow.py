"""Methods that take seconds per image: what they restore, and how they stand beside the others."""

from dataclasses import replace

import numpy as np
import pytest

from compendium import data
from compendium.errors import CompendiumError, UsageError
from compendium.leaderboard import methods, scores, slow, tasks
from compendium.studies import instead as study


@pytest.fixture(scope="module")
def problems():
    """The levels of salt-and-pepper noise, on few images."""
    sets = data.load("photos"), data.load("photos", "test")
    return tasks.problems(tasks.task("salt-pepper"), *sets, test_images=5)


@pytest.fixture
def hurried(monkeypatch):
    """A deep image prior that stops before its time."""
    monkeypatch.setattr(slow, "STEPS", (20, 60))
    monkeypatch.setattr(slow, "CALIBRATION_IMAGES", 1)


def test_a_deep_image_prior_restores_each_image_by_itself_and_keeps_intact_pixels(problems, hurried):
    problem = replace(problems["60 %"], test=problems["60 %"].test[:2])
    (prior,) = slow.slow_methods(problem.task, [slow.PRIOR])
    restored = prior.restore(problem, 0).images
    noisy, clean = problem.noisy_test, problem.test / 255
    errors = [np.square(images - clean).mean() for images in (restored, noisy)]
    assert errors[0] < errors[1] / 4
    altered = ((noisy == 0) | (noisy == 1)).all(axis=-1)
    np.testing.assert_array_equal(restored[~altered], noisy[~altered])
    alone = prior.restore(replace(problem, test=problem.test[:1]), 0).images
    np.testing.assert_array_equal(alone, restored[:1])


def test_a_deep_image_prior_stops_where_validation_images_are_best(problems, monkeypatch):
    asked = []

    def restored(problem, noisy, steps):
        asked.append([*steps])
        clean = problem.validation[: len(noisy)] / 255
        return {number: clean + (number - 200) / 1000 for number in steps}

    monkeypatch.setattr(slow, "_restored", restored)
    (prior,) = slow.slow_methods(problems["30 %"].task, [slow.PRIOR])
    prior.restore(problems["30 %"], 0)
    assert asked == [[*slow.STEPS], [200]]


def test_slow_methods_are_named_and_there(problems, monkeypatch):
    gaussian, impulse = tasks.task("gaussian-mnist"), tasks.task("salt-pepper")
    with pytest.raises(UsageError, match='no slow method "BM4D"; did you mean "BM3D"'):
        slow.slow_methods(gaussian, ["BM4D"])
    monkeypatch.setattr(slow, "find_spec", lambda name: None)
    with pytest.raises(CompendiumError, match='BM3D: its package is not installed; type: pip install "bm3d'):
        slow.slow_methods(impulse, [slow.BM3D])
    monkeypatch.setattr(slow, "find_spec", lambda name: name)
    assert slow.slow_methods(impulse, [slow.BM3D]) == []
    assert [method.name for method in slow.slow_methods(gaussian, [slow.BM3D])] == ["BM3D"]


def test_the_first_images_have_the_noise_that_they_have_among_all(problems):
    few = slow.of_first_images(problems, 2)
    for level, problem in problems.items():
        np.testing.assert_array_equal(few[level].noisy_test, problem.noisy_test[:2])


def test_slow_methods_are_compared_on_the_images_that_they_restored(problems):
    def off(*distances):
        def fit(problem, seed):
            return lambda noisy: (problem.test / 255) + np.resize(distances, len(noisy))[:, None, None, None]

        return fit

    fast = [
        methods.fitted("better on all", off(0.3, 0.3, 0, 0, 0)),
        methods.fitted("better on the first", off(0.1, 0.1, 0.5, 0.5, 0.5)),
        methods.fitted("network", off(0.2), trained=True),
    ]
    task = problems["30 %"].task.name
    scored = {task: scores.scored(problems, fast)}
    patient = slow.of_first_images(problems, 2)
    restored = {task: scores.scored(patient, [methods.fitted("slow", off(0.05, 0.06))])}

    table = study.slow_table(scored, restored)
    assert table.index.tolist() == [study.title(task, level) for level in problems]
    assert table["best other without training"].str.endswith(", better on the first").all()
    assert table["best network"].str.endswith(", network").all()
    compared = study.against_slow(scored, restored)[task]
    assert (compared["other"] == "better on the first").all()
    assert (compared["difference"] < 0).all()
    assert set(study.on_first(scored, restored)["method"]) == {method.name for method in fast} | {"slow"}

    none = {task: scores.scored(patient, [])}
    assert study.slow_table(scored, none).columns.tolist() == ["best other without training", "best network"]
    assert study.against_slow(scored, none) == {}
