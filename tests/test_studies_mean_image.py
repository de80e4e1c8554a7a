"""The study of the mean of two images: pairs, splits, their numbers, and what a run keeps of a network."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from skimage.metrics import structural_similarity

from compendium import metrics, statistics
from compendium.outcomes import COLLAPSED, LEARNT
from compendium.studies import mean_image as study


def images(count, shape=(8, 8, 3), seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, *shape)).astype(np.uint8)


def a_set(count, shape):
    return SimpleNamespace(images=images(count, shape))


@pytest.fixture
def pairs():
    """Ten pairs of bytes: a grey bar on black, and a photo."""
    digits = np.zeros((10, 8, 8, 3), np.uint8)
    digits[:, 2:6, 3:5] = images(10, (4, 2, 1), seed=1).clip(1)
    return np.concatenate([digits, images(10)], axis=-1)


@pytest.fixture
def given(pairs):
    return (pairs[..., :3].astype(np.float32) + pairs[..., 3:]) / 510


def near(pairs, size, seed=0):
    """A split that is off by normal errors."""
    errors = np.random.default_rng(seed).normal(scale=size, size=pairs.shape)
    return (pairs / 255 + errors).clip(0, 1)


def of_first_pairs(scores):
    return {f"split MSE {part}": np.array(scores, np.float32) for part in study.PARTS}


# --- pairs


def test_a_digit_is_padded_with_black_and_gets_three_equal_channels():
    digits = images(2, (28, 28, 1))
    padded = study.like_photos(digits, "pad")
    assert padded.shape == (2, 32, 32, 3)
    assert (padded[:, 2:-2, 2:-2] == digits).all()
    assert padded[:, :2].max() == padded[:, :, -2:].max() == 0


def test_a_digit_is_enlarged_to_bytes():
    larger = study.like_photos(np.full((1, 28, 28, 1), 77, np.uint8), "bilinear")
    assert larger.dtype == np.uint8
    assert (larger == 77).all()


def test_pairs_have_the_first_digits_and_each_photo_once_at_most():
    digits, photos = a_set(9, (28, 28, 1)), a_set(6, (32, 32, 3))
    paired = study.pair_up(digits, photos, 100, "pad")
    assert paired.shape == (6, 32, 32, 6)
    assert (paired[:, 2:-2, 2:-2, :1] == digits.images[:6]).all()
    assert {photo.tobytes() for photo in paired[..., 3:]} == {photo.tobytes() for photo in photos.images}


def test_a_seed_draws_the_same_pair_again_and_another_seed_another():
    sets = a_set(50, (28, 28, 1)), a_set(50, (32, 32, 3))
    first, again, other = (np.concatenate(study.draw(*sets, seed, "pad")) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


# --- what a run keeps


@pytest.fixture
def run(tmp_path):
    return SimpleNamespace(folder=tmp_path, parameters={"epochs": 3, "seeds": [0]}, data={"digits": "abc"})


def test_arrays_are_computed_once_and_kept_bit_for_bit(run):
    found = {"R": np.random.default_rng(0).normal(size=(1, 2, 3)), "closer": np.array([True, False])}
    first = study.kept(run, "one", lambda: found)
    again = study.kept(run, "one", lambda: pytest.fail("computed again"))
    for kept in (first, again):
        assert {name: (array.dtype, array.tolist()) for name, array in kept.items()} == {
            name: (array.dtype, array.tolist()) for name, array in found.items()
        }


def test_a_further_seed_leaves_what_is_kept_and_other_epochs_do_not(run):
    study.kept(run, "one", lambda: {"a": np.arange(3)})
    run.parameters = {"epochs": 3, "seeds": [0, 1]}
    assert len(study.kept(run, "one", lambda: {"a": np.arange(4)})["a"]) == 3
    run.parameters = {"epochs": 4, "seeds": [0]}
    assert len(study.kept(run, "one", lambda: {"a": np.arange(4)})["a"]) == 4


def test_curves_of_seeds_stand_below_each_other_and_arrays_apart(run):
    def compute(seed):
        return pd.DataFrame({"epoch": [1, 2], "loss": [0.5, seed]}), {"R": np.full(2, seed)}

    for _ in range(2):
        curves, arrays = study.of_seeds(run, "net", [3, 4], compute)
        assert curves.to_dict("list") == {
            "epoch": [1, 2, 1, 2],
            "loss": [0.5, 3.0, 0.5, 4.0],
            "method": ["net"] * 4,
            "seed": [3, 3, 4, 4],
        }
        assert {seed: kept["R"].tolist() for seed, kept in arrays.items()} == {3: [3, 3], 4: [4, 4]}


def test_a_thinned_curve_keeps_both_ends_its_time_and_its_lowest_loss():
    losses = np.linspace(1, 0.1, 5000)
    losses[4321] = 0.01
    curve = pd.DataFrame({"epoch": np.arange(1, 5001), "val_loss": losses, "seconds": 0.5})
    thin = study.thinned(curve)
    assert len(thin) <= 200
    assert thin["epoch"].iloc[[0, -1]].tolist() == [1, 5000]
    assert thin["seconds"].sum() == pytest.approx(2500)
    (best,) = study.best_epoch_numbers(thin.assign(seed=7))
    assert (best["seed"], best["value"]) == (7, pytest.approx(-10 * np.log10(4 * 0.01)))


# --- recovered images


def test_recovered_images_have_one_psnr_and_clipping_takes_from_the_digit():
    digit, photo = np.zeros((1, 16, 16, 3)), np.full((1, 16, 16, 3), 0.5)
    output = (digit + photo) / 2 + np.random.default_rng(0).normal(scale=0.01, size=digit.shape)
    original = {0: {"digit": digit, "photo": photo}}
    recovered = {0: {"digit": 2 * output - photo, "photo": 2 * output - digit}}
    psnr = [r["value"] for r in study.recovered_numbers(original, recovered) if r["quantity"] == "PSNR"]
    assert psnr[0] == pytest.approx(psnr[1])
    numbers = study.clipped_numbers(original, recovered)
    removed = {row["level"]: row["value"] for row in numbers if row["method"] == "clipping"}
    assert removed["digit"] == pytest.approx(50, abs=5)  # errors downwards, at black pixels
    assert removed["photo"] == 0


def test_what_stands_in_for_the_output_leaves_six_decibels_less():
    digit, photo = np.random.default_rng(0).random((2, 1, 16, 16, 3))
    mean = (digit + photo) / 2
    rows = study.stand_in_numbers(mean, mean + 0.01, {"digit": digit, "photo": photo})
    psnr = {(row["method"], row["level"]): row["value"] for row in rows if row["quantity"].startswith("PSNR")}
    for name in ("the network's output", "the mean image in bytes", "its mean colour", "a black image"):
        assert psnr[name, "itself"] - psnr[name, "both parts"] == pytest.approx(20 * np.log10(2))
    assert psnr["the mean image itself", "both parts"] > 200


def test_a_network_that_is_no_better_than_the_mean_colour_collapsed():
    mean = {0: np.random.default_rng(0).random((1, 8, 8, 3))}
    constant = {0: np.full((1, 8, 8, 3), 0.4)}
    assert study.one_image_outcomes(mean, mean)["outcome"].tolist() == [LEARNT]
    assert study.one_image_outcomes(mean, constant)["outcome"].tolist() == [COLLAPSED]


# --- splits


def test_a_consistent_split_keeps_the_truth_and_adds_up_to_the_mean(pairs, given):
    truth = pairs / 255
    assert study.consistent_split(truth[..., :3], given) == pytest.approx(truth, abs=1e-6)
    split = study.consistent_split(np.random.default_rng(0).random(given.shape), given)
    assert split[..., :3] + split[..., 3:] == pytest.approx(2 * given, abs=1e-6)
    assert split.min() > -1e-6
    assert split.max() < 1 + 1e-6


def test_a_consistent_digit_is_no_further_from_the_truth(pairs, given):
    estimate = near(pairs, 0.3)[..., :3]
    moved = study.consistent_split(estimate, given)[..., :3]
    before, after = (np.square(one - pairs[..., :3] / 255).sum(axis=(1, 2, 3)) for one in (estimate, moved))
    assert (after <= before).all()
    assert (after < before).any()


def test_a_subtracted_digit_leaves_a_photo_in_range(given):
    split = study.subtracted(np.full(given.shape[1:], 0.9, np.float32), given)
    assert (split[..., :3] == np.float32(0.9)).all()
    assert split[..., 3:] == pytest.approx((2 * given - 0.9).clip(0, 1))


def test_a_split_is_scored_as_the_metrics_have_it(pairs, given):
    split = near(pairs, 0.1)
    found = study.scored(split, pairs, given, [3, 1])
    kinds = {"split": split, "consistent": study.consistent_split(split[..., :3], given)}
    for kind, both in kinds.items():
        for part, channels in study.CHANNELS.items():
            truth, image = pairs[..., channels] / 255, both[..., channels]
            assert found[f"{kind} MSE {part}"] == pytest.approx(metrics.mse(truth, image), rel=1e-6)
            similar = [
                structural_similarity(*each, data_range=1, channel_axis=-1)
                for each in zip(truth, image, strict=True)
            ]
            assert found[f"{kind} SSIM {part}"] == pytest.approx(similar, abs=1e-6)
            stroke, squared = pairs[..., 0] > 0, np.square(image - truth)
            assert found[f"{kind} on the stroke {part}"] == pytest.approx(squared[stroke].mean())
            assert found[f"{kind} off the stroke {part}"] == pytest.approx(squared[~stroke].mean())
    assert np.abs(found["split shown"] / 255 - split[[3, 1]]).max() <= 0.5 / 255 + 1e-9


def test_psnr_of_a_pair_is_cut_at_sixty_decibels():
    versions = {0: of_first_pairs([0.01, 0, 1e-9]), 5: of_first_pairs([0.1, 0.1, 0.1])}
    assert study.per_pair(versions, "PSNR", "photo") == pytest.approx(np.array([[20, 60, 60], [10, 10, 10]]))


def test_numbers_are_means_over_seeds_with_intervals_over_pairs_or_over_seeds():
    scores = {
        "net": {
            seed: of_first_pairs(10.0 ** -np.array(values))
            for seed, values in enumerate([[2, 3, 4], [4, 3, 5]])
        },
        "map": {0: of_first_pairs(10 ** -np.array([1.0, 2, 3]))},
    }
    gained, width = (study.gain_numbers(scores, "net", "map")[place] for place in (0, 1))
    compared = statistics.paired_comparison([30, 30, 45], [10, 20, 30])
    assert (gained["quantity"], gained["method"], gained["level"]) == (
        "PSNR gained",
        "net, over map",
        "digit",
    )
    assert gained["value"] == pytest.approx(compared.difference)
    assert width["value"] == pytest.approx(compared.high - compared.difference)
    over_seeds = study.seed_numbers(scores, "net", "map")[:2]
    assert over_seeds[0]["value"] == pytest.approx(15)
    assert over_seeds[1]["value"] == pytest.approx(statistics.mean_interval([10, 20]).high - 15)
    assert len(study.seed_numbers({"net": {0: scores["net"][0]}}, "net")) == 2  # one seed has no interval


def test_a_separator_is_judged_beside_what_ignores_its_input():
    scores = {
        name: {0: of_first_pairs([0.1, 0.2])} for name in ("both halves", "black images", "data-set means")
    }
    scores |= {"good": {0: of_first_pairs([0.05, 0.05])}, "bad": {0: of_first_pairs([0.2, 0.2])}}
    assert set(study.separator_outcomes(scores, "good")["outcome"]) == {LEARNT}
    assert set(study.separator_outcomes(scores, "bad")["outcome"]) == {COLLAPSED}


def test_batches_of_sixty_four_pairs_are_averaged_as_the_published_notebook_does():
    errors = np.linspace(0.01, 0.1, 100)
    both = of_first_pairs(errors)
    both |= {name.replace("split", "consistent"): array / 10 for name, array in both.items()}
    rows = study.batch_numbers({"net": {0: both}}, ["net"])
    assert [row["method"] for row in rows] == ["net", "net", "net, consistent", "net, consistent"]
    expected = np.mean([-10 * np.log10(part.mean()) for part in (errors[:64], errors[64:])])
    assert [row["value"] for row in rows] == pytest.approx([expected] * 2 + [expected + 10] * 2)


def test_the_nearest_class_is_that_of_the_nearest_mean_image(pairs):
    labels = np.array([0, 1] * 5)
    pairs[labels == 1, ..., :3] = 255
    means = study.class_means(pairs, labels, 2)
    assert means.shape == (2, 8, 8, 3)
    assert (means[1] == 1).all()
    known = (pairs[..., :3].astype(np.float32) + pairs[..., 3:]) / 510
    assert study.nearest_class(known, labels, known[:4]).tolist() == [0, 1, 0, 1]


# --- other questions


def test_an_output_is_closer_to_what_it_resembles():
    given, own = np.zeros((3, 4, 4, 3), np.float32), np.ones((1, 4, 4, 3))
    given[:, 0] = 0.2
    outputs = np.stack([np.full((4, 4, 3), value, np.float32) for value in (0.1, 0.9, 1.2)])
    found = study.on_other_images(outputs, given, own, [2])
    assert found["closer"].tolist() == [False, True, True]
    assert found["PSNR"][0] == pytest.approx(20, abs=1e-5)
    assert found["PSNR"] == pytest.approx(metrics.psnr(given, outputs.clip(0, 1)))
    assert (found["shown"] == 255).all()
    numbers = study.other_image_numbers(found, given, own)
    share = [row["value"] for row in numbers if row["quantity"].startswith("closer")]
    assert share == pytest.approx([100 * x for x in statistics.proportion_interval(2, 3)])


def test_equal_errors_have_the_report_s_size_and_cost_flat_images_more():
    flat = np.full((4, 16, 16, 3), 100, np.uint8)
    both = np.concatenate([flat, images(4, (16, 16, 3))], axis=-1)
    similarity = study.equal_errors(both, np.random.default_rng(1).normal(size=(16, 16, 3)))
    noise = np.random.default_rng(0).normal(size=(16, 16, 3)) * 10 ** (-44.5539 / 20)
    expected = study.quality(both[0, ..., :3] / 255, both[0, ..., :3] / 255 + noise)["SSIM"]
    assert similarity["normal noise", "digit"][0] == pytest.approx(expected)
    rows = study.equal_error_numbers(similarity)
    assert {row["value"] for row in rows if row["quantity"] == "digit lower, %"} == {100}


def test_flat_windows_are_counted():
    constant, noisy = np.full((16, 16, 3), 0.5), np.random.default_rng(0).random((16, 16, 3))
    assert study.flat_share(np.stack([constant, noisy])).tolist() == [1, 0]


# --- tables


def test_estimates_stand_with_their_half_width_where_they_have_one():
    numbers = study.with_width("gain", "a", "digit", statistics.Interval(1.234, 1.0, 1.468))
    numbers += study.with_width("gain", "a", "photo", statistics.Interval(-0.001, np.nan, np.nan))
    numbers.append(study.number("gain", "b", "photo", 2))
    table = study.estimates(numbers, {"first": ("gain", "a"), "second": ("gain", "b")}, 2)
    assert table.to_dict("list") == {"digit": ["1.23 ± 0.23", ""], "photo": ["0.00", "2.00"]}


def test_the_report_stands_above_our_seeds():
    numbers = [
        study.number(quantity, "recovered", part, 0.25 + seed, seed)
        for seed in (0, 1)
        for quantity, part in study.REPORT
    ]
    table = study.recovered_table(numbers)
    assert table.index.tolist() == ["the report", "seed 0", "seed 1"]
    assert table.loc["the report"].tolist() == ["44.5539", "44.5539", "0.9954", "0.9988"]
    assert table.loc["seed 1"].tolist() == ["1.2500"] * 4
