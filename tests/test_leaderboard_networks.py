"""The leaderboard's networks: what they are trained on, that a run goes on, what they cost."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from compendium import baselines, data, models, training
from compendium.leaderboard import networks, tasks
from compendium.leaderboard.networks import Recipe, Trainings


def small(shape):
    return keras.Sequential([keras.Input(shape), layers.Conv2D(shape[-1], 3, padding="same")])


@pytest.fixture(scope="module")
def problems():
    """The levels of salt-and-pepper noise, on few images."""
    task = tasks.task("salt-pepper")
    sets = data.load("photos"), data.load("photos", "test")
    found = tasks.problems(task, *sets, test_images=10)
    return {
        level: replace(problem, train=problem.train[:64], validation=problem.validation[:10])
        for level, problem in found.items()
    }


@pytest.fixture
def fits(monkeypatch):
    """What `training.fit` is given, time after time."""
    calls, fit = [], training.fit

    def noted(network, reference, corrupt, **options):
        calls.append({"reference": reference, "noisy": corrupt(reference, options["seed"]), **options})
        return fit(network, reference, corrupt, **options)

    monkeypatch.setattr(training, "fit", noted)
    return calls


def test_a_training_goes_on_and_ends_with_the_same_network(problems, tmp_path):
    problem = problems["30 %"]

    def restored(folder, epochs):
        return Trainings(folder, epochs=epochs).method(Recipe("small", small)).restore(problem, 1)

    restored(tmp_path / "twice", 1)
    again, whole = restored(tmp_path / "twice", 3), restored(tmp_path / "once", 3)
    np.testing.assert_array_equal(again.images, whole.images)
    assert whole.curve["epoch"].tolist() == [1, 2, 3]
    assert (whole.curve[["method", "level", "seed"]] == ["small", "30 %", 1]).all(axis=None)
    assert whole.training_seconds == pytest.approx(whole.curve["seconds"].sum())


def test_seeds_and_levels_have_networks_of_their_own(problems, tmp_path):
    method = Trainings(tmp_path, epochs=1).method(Recipe("small", small))
    for level, seed in (("30 %", 1), ("30 %", 2), ("90 %", 1)):
        method.restore(problems[level], seed)
    assert len([*tmp_path.glob("*.npz")]) == 3


def test_one_network_for_all_levels_is_trained_once_and_sees_each(problems, tmp_path, fits):
    method = Trainings(tmp_path, epochs=1).method(Recipe("blind", small, blind=True))
    first, second = (method.restore(problems[level], 1) for level in ("30 %", "90 %"))
    assert len([*tmp_path.glob("*.npz")]) == 1
    assert first.curve["loss"].tolist() == second.curve["loss"].tolist()
    altered = baselines.impulse_mask(fits[0]["noisy"]).mean(axis=(1, 2))
    for place, share in enumerate((0.3, 0.6, 0.9)):
        assert altered[place::3] == pytest.approx(share, abs=0.1)
    np.testing.assert_array_equal(
        fits[0]["noisy"][0], problems["30 %"].noisy_train(problems["30 %"].train, 1)[0]
    )


def test_noise2noise_is_shown_no_clean_image(problems, tmp_path, fits):
    problem = problems["60 %"]
    Trainings(tmp_path, epochs=1).method(Recipe("pairs", small, target="noisy")).restore(problem, 1)
    (given,) = fits
    reference, noisy = given["reference"], problem.noisy_train(problem.train, 1)
    assert baselines.impulse_mask(reference).mean() == pytest.approx(0.6, abs=0.02)
    assert baselines.impulse_mask(noisy).mean() == pytest.approx(0.6, abs=0.02)
    assert (baselines.impulse_mask(reference) != baselines.impulse_mask(noisy)).mean() > 0.4
    assert given["loss"] is networks.intact_mse


def test_the_loss_of_noisy_targets_leaves_out_what_is_altered():
    target = np.full((1, 2, 2, 3), 0.5, np.float32)
    target[0, 0, 0], target[0, 1, 1] = 0, 1
    restored = target + np.array([[9, 0.1], [0.3, 9]], np.float32)[..., np.newaxis]
    assert float(networks.intact_mse(target, restored)) == pytest.approx((0.1**2 + 0.3**2) / 2)


@pytest.mark.parametrize("level", ["30 %", "90 %"])
def test_noise2void_is_shown_other_values_where_it_is_asked(problems, tmp_path, fits, level):
    problem = problems[level]
    Trainings(tmp_path, epochs=1).method(Recipe("one", small, target="hidden")).restore(problem, 1)
    (given,) = fits
    hidden, seen = given["reference"][..., -1] == 1, given["noisy"]
    noisy = problem.noisy_train(problem.train, 1)
    np.testing.assert_array_equal(given["reference"][..., :-1], noisy)
    np.testing.assert_array_equal(seen[~hidden], noisy[~hidden])
    assert hidden.mean() == pytest.approx(networks.HIDDEN, rel=0.1)
    for image, row, column in np.argwhere(hidden)[:200]:
        near = (slice(max(at - networks.REACH, 0), at + networks.REACH + 1) for at in (row, column))
        assert (noisy[(image, *near)] == seen[image, row, column]).all(axis=-1).any()
    assert given["loss"] is networks.hidden_intact_mse


def test_the_loss_of_hidden_pixels_counts_no_others():
    target = np.full((1, 2, 2, 4), 0.5, np.float32)
    target[0, 0, 0, :3] = 0
    target[..., 3] = [[1, 1], [0, 1]]
    restored = target[..., :3] + np.array([[7, 0.1], [9, 0.3]], np.float32)[..., np.newaxis]
    assert float(networks.hidden_mse(target, restored)) == pytest.approx((7**2 + 0.1**2 + 0.3**2) / 3)
    assert float(networks.hidden_intact_mse(target, restored)) == pytest.approx((0.1**2 + 0.3**2) / 2)


def test_a_network_s_cost_is_counted_as_by_hand():
    # output positions x kernel x inputs x outputs; the last is no convolution with a kernel of 3 x 3
    u_net = 32**2 * 9 * (3 * 16 + 16 * 16) + 16**2 * 9 * (16 * 32 + 32 * 32) + 8**2 * 9 * (32 * 64 + 64 * 64)
    u_net += 16**2 * 9 * (96 * 32 + 32 * 32) + 32**2 * 9 * (48 * 16 + 16 * 16) + 32**2 * 16 * 3
    assert networks.multiply_adds(models.unet((32, 32, 3))) == u_net
    assert networks.multiply_adds(models.dncnn((32, 32, 3))) == 32**2 * 9 * (2 * 3 * 32 + 6 * 32 * 32)
    transposed = keras.Sequential([keras.Input((4, 4, 2)), layers.Conv2DTranspose(3, 2, strides=2)])
    assert networks.multiply_adds(transposed) == 4 * 4 * 2 * 2 * 2 * 3


@pytest.mark.parametrize("task", [*tasks.TASKS])
def test_each_recipe_of_a_task_builds_a_network_for_its_images(task):
    shape = data.CATALOGUE[tasks.task(task).real].shape
    recipes = networks.RECIPES[task]
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    assert not [recipe.name for recipe in recipes if "," in recipe.name]
    for recipe in recipes:
        network = recipe.build(shape)
        assert network.input_shape == network.output_shape == (None, *shape)
