"""The leaderboard's protocol: who sees which images, what is measured, how methods are ranked."""

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import structural_similarity
from sklearn.decomposition import PCA

from compendium import data, noise, statistics
from compendium.errors import CompendiumError, UsageError
from compendium.leaderboard import measures, methods, scores, tasks

N = 24


@pytest.fixture(scope="module")
def problems():
    """By task and level, on embedded images."""
    return {
        task.name: tasks.problems(
            task, data.load(task.embedded), data.load(task.embedded, "test"), test_images=N
        )
        for task in tasks.TASKS.values()
    }


# --- tasks


def test_no_image_is_in_two_parts(problems):
    for levels in problems.values():
        for problem in levels.values():
            parts = [problem.train, problem.validation, data.load(problem.task.embedded, "test").images]
            assert [len(part) for part in parts] == [3600, 400, 1000]
            assert len(np.unique(np.concatenate(parts).reshape(5000, -1), axis=0)) >= 4990  # few are twins


def test_the_noise_of_a_level_is_the_papers_chapters(problems):
    test = data.load("photos", "test").images[:N]
    noisy, mask = noise.salt_pepper(test, fraction=0.6, seed=42, first_index=4000)
    problem = problems["salt-pepper"]["60 %"]
    np.testing.assert_array_equal(problem.noisy_test, noisy.astype(np.float32) / np.float32(255))
    assert mask.sum(axis=(1, 2)).tolist() == [614] * N


def test_training_noise_is_drawn_by_seed_and_test_noise_is_not(problems):
    problem = problems["gaussian-mnist"]["sigma 0.5"]
    images = problem.train[:5]
    assert not np.array_equal(problem.noisy_train(images, 1), problem.noisy_train(images, 2))
    assert not problem.noisy_test.flags.writeable
    assert not np.array_equal(problem.noisy_validation[:N], problem.noisy_test)


def test_noise_that_is_not_clipped_leaves_the_range(problems):
    for level in problems["gaussian-cifar10"].values():
        assert level.noisy_test.min() < 0
        assert level.noisy_test.max() > 1
    clipped = problems["gaussian-mnist"]["sigma 0.5"].noisy_test
    assert (clipped.min(), clipped.max()) == (0, 1)


@pytest.mark.parametrize("name", [*tasks.OTHER_NOISE])
def test_noise_of_no_task_depends_on_seed_and_index_alone(name):
    make, photos = tasks.OTHER_NOISE[name], data.load("photos", "test").images[:6]
    noisy = make(photos, 3, 10)
    assert noisy.dtype == np.float32
    assert (noisy.min(), noisy.max()) >= (0, 0)
    assert noisy.max() <= 1
    np.testing.assert_array_equal(make(photos[2:4], 3, 12), noisy[2:4])
    assert not np.array_equal(make(photos, 4, 10), noisy)
    assert 0.0005 < np.square(noisy - photos / 255).mean() < 0.1


def test_random_values_alter_the_pixels_of_salt_and_pepper_noise():
    photos = data.load("photos", "test").images[:6]
    noisy = tasks.OTHER_NOISE["random values, 30 %"](photos, 3, 10)
    _, altered = noise.salt_pepper(photos, fraction=0.3, seed=3, first_index=10)
    np.testing.assert_array_equal((noisy != photos / np.float32(255)).any(axis=-1), altered)


def test_other_noise_than_the_leaderboard_s_is_refused(monkeypatch):
    task = tasks.task("gaussian-mnist")
    sets = data.load("digits"), data.load("digits", "test")
    tasks.problems(task, *sets)
    monkeypatch.setitem(tasks.NOISE_HASHES, ("gaussian-mnist", "digits", "sigma 0.5"), "0" * 16)
    with pytest.raises(CompendiumError, match="not the leaderboard's 0000"):
        tasks.problems(task, *sets)
    tasks.problems(task, *sets, test_images=tasks.HASHED - 1)  # too few to tell


def test_wrong_names_are_told():
    with pytest.raises(UsageError, match='did you mean "salt-pepper"'):
        tasks.task("salt-peper")
    digits = data.load("digits"), data.load("digits", "test")
    with pytest.raises(UsageError, match='salt-pepper has the data sets "photos" and "cifar10"'):
        tasks.problems(tasks.task("salt-pepper"), *digits)


# --- measures


def test_measures_are_those_of_the_libraries(problems):
    problem = problems["salt-pepper"]["30 %"]
    restored = np.random.default_rng(0).random(problem.test.shape)
    table, clean = measures.of_images(problem, restored), problem.test / 255
    np.testing.assert_allclose(table["MSE"], np.square(clean - restored).mean(axis=(1, 2, 3)))
    expected = [
        structural_similarity(a, b, channel_axis=-1, data_range=1)
        for a, b in zip(clean, restored, strict=True)
    ]
    np.testing.assert_allclose(table["SSIM"], expected, atol=1e-9)
    found = measures.means(table)
    assert found["PSNR of the mean MSE"] == pytest.approx(-10 * np.log10(found["MSE"]))
    assert found["PSNR of the mean MSE"] <= found["PSNR"] + 1e-12


@pytest.mark.parametrize("level", ["30 %", "90 %"])
def test_altered_and_intact_pixels_make_up_the_whole_error(problems, level):
    problem = problems["salt-pepper"][level]
    restored = np.random.default_rng(1).random(problem.test.shape)
    table = measures.of_images(problem, restored)
    black_or_white = np.isin(problem.noisy_test, [0, 1]).all(axis=-1)
    share = black_or_white.mean(axis=(1, 2))
    whole = share * table["MSE of altered pixels"] + (1 - share) * table["MSE of intact pixels"]
    np.testing.assert_allclose(whole, table["MSE"])


# --- methods


@pytest.mark.parametrize("task", [*tasks.TASKS])
def test_every_method_without_training_restores_images_and_most_improve_them(problems, task):
    level, problem = next(iter(problems[task].items()))
    errors = {}
    for method in methods.without_training(problem.task):
        restored = method.restore(problem, 0)
        assert restored.images.shape == problem.test.shape
        assert restored.images.min() >= 0
        assert restored.images.max() <= 1
        errors[method.name] = measures.means(measures.of_images(problem, restored.images))["MSE"]
    assert len(errors) >= 7
    assert min(errors.values()) < 0.5 * errors["noisy input"], level
    worse = {name for name, error in errors.items() if error > errors["noisy input"]}
    assert worse <= {"mean image"}


def test_the_solved_affine_map_is_ahead_of_filters_and_of_a_projection(problems):
    problem = problems["gaussian-mnist"]["sigma 0.5"]
    error = {
        method.name: np.square(method.restore(problem, 0).images - problem.test / 255).mean()
        for method in [*methods.without_training(problem.task), *methods.closed_form()]
    }
    assert min(error, key=error.get) == "affine map"
    assert error["PCA"] < min(error["noisy input"], error["mean image"])


def test_components_of_pca_are_chosen_on_the_validation_images(problems):
    problem = problems["gaussian-mnist"]["sigma 0.5"]
    chosen = {method.name: method for method in methods.closed_form()}["PCA"].restore(problem, 0).images
    pca = PCA().fit(problem.train.reshape(3600, -1) / 255)

    def projected(noisy, number):
        codes = pca.transform(noisy.reshape(len(noisy), -1))
        codes[:, number:] = 0
        return pca.inverse_transform(codes).reshape(noisy.shape).clip(0, 1)

    best = min(
        methods.COMPONENTS,
        key=lambda number: np.square(
            projected(problem.noisy_validation, number) - problem.validation / 255
        ).mean(),
    )
    np.testing.assert_allclose(chosen, projected(problem.noisy_test, best), atol=1e-4)


def test_a_method_that_trains_is_given_the_seed_and_no_test_image(problems):
    seen = []

    def fit(problem, seed):
        seen.append((seed, problem.train.shape, problem.noisy_validation.shape))
        return lambda noisy: noisy

    problem = problems["gaussian-mnist"]["sigma 0.5"]
    restored = methods.fitted("mine", fit, trained=True).restore(problem, 7)
    np.testing.assert_array_equal(restored.images, problem.noisy_test)
    assert seen == [(7, (3600, 28, 28, 1), (400, 28, 28, 1))]


# --- scores


@pytest.fixture(scope="module")
def scored(problems):
    """Two methods with known errors, one of which trains, and the noisy input."""

    def fit(problem, seed):
        clean = problem.test / 255
        return lambda noisy: np.clip(clean + 0.01 * (seed + 1), 0, 1)

    found = [
        methods.untrained("noisy input", lambda noisy: noisy),
        methods.fitted("trained", fit, trained=True),
        methods.untrained("grey", lambda noisy: np.full_like(noisy, 0.5)),
    ]
    return scores.scored(problems["salt-pepper"], found, seeds=[0, 1, 2])


def test_what_trains_is_measured_for_each_seed_and_the_rest_once(scored):
    counts = scored.means.groupby("method").size()
    assert counts.to_dict() == {"noisy input": 3, "trained": 9, "grey": 3}
    rows = scored.rows()
    assert {"MSE", "PSNR", "SSIM", "milliseconds per image", "training seconds"} <= {*rows["quantity"]}
    assert set(rows.columns) == {"method", "level", "seed", "quantity", "value"}


def test_the_board_is_ranked_by_the_mean_over_seeds_with_an_interval_over_images(scored):
    board = scored.board("60 %")
    assert board.index[0] == "trained"
    assert board["MSE"].is_monotonic_increasing
    errors = scored.errors["60 %"]["grey"]
    low, high = stats.t.interval(0.95, N - 1, errors.mean(), stats.sem(errors))
    assert board.loc["grey", ["MSE", "low", "high"]].tolist() == pytest.approx([errors.mean(), low, high])
    seeds = scored.means.query("level == '60 %' and method == 'trained'")["MSE"]
    assert board.loc["trained", "MSE"] == pytest.approx(seeds.mean())


def test_methods_are_compared_pair_by_pair_and_corrected_over_levels(scored):
    table = scored.compared("grey")
    assert (table["best other"] == "trained").all()
    p = []
    for level, row in table.iterrows():
        pair = scored.errors[level]["grey"], scored.errors[level]["trained"]
        test = stats.ttest_rel(*pair)
        p.append(test.pvalue)
        interval = test.confidence_interval()
        assert row[["difference", "low", "high"]].tolist() == pytest.approx(
            [np.mean(pair[0] - pair[1]), interval.low, interval.high]
        )
        assert row["ahead, % of images"] == 100 * (pair[0] < pair[1]).mean()
    assert table["p"].tolist() == pytest.approx(statistics.holm(p))


def test_what_trains_stands_apart_from_what_does_not(scored):
    assert scored.trained == ["trained"]
    for level in scored.errors:
        untrained = scored.board(level)["MSE"].drop("trained")
        assert scored.best_untrained(level) == untrained.idxmin()


def test_what_was_measured_is_kept_and_taken_up(problems, tmp_path):
    calls = []

    def fit(problem, seed):
        calls.append((problem.level, seed))
        if len(calls) == 4:
            raise CompendiumError("ended")
        return lambda noisy: noisy * 0.5 + 0.1 * seed

    levels = problems["salt-pepper"]
    found = [methods.fitted("first, half", fit, trained=True), methods.untrained("same", lambda noisy: noisy)]

    def scored(folder):
        more = {"brightness": lambda images: images.mean(axis=(1, 2, 3))}
        return scores.scored(levels, found, seeds=[0, 1], examples=3, more=more, folder=folder)

    with pytest.raises(CompendiumError, match="ended"):
        scored(tmp_path / "task")
    assert calls == [("30 %", 0), ("30 %", 1), ("60 %", 0), ("60 %", 1)]
    taken = scored(tmp_path / "task")
    assert calls[4:] == [("60 %", 1), ("90 %", 0), ("90 %", 1)]
    whole = scored(None)
    times = ["milliseconds per image", "training seconds"]
    assert taken.means.drop(columns=times).equals(whole.means.drop(columns=times))
    for kind in ("errors", "examples", "worst"):
        for level in levels:
            for method in ("first, half", "same"):
                one, other = (getattr(each, kind)[level][method] for each in (taken, whole))
                np.testing.assert_equal(one, other)
    assert {"brightness", "MSE"} <= {*taken.rows()["quantity"]}
