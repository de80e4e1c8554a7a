"""The affine denoiser in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from compendium import baselines, data, noise


def images(seed, number=300, shape=(3, 4, 1)):
    """Correlated images in [0, 1] and noisy ones; both well inside, so that nothing is clipped."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(12, 12))
    values = rng.normal(size=(number, 12)) @ mixing
    reference = 0.5 + 0.15 * values / np.abs(values).max()
    noisy = reference + rng.uniform(-0.05, 0.05, reference.shape)
    return reference.reshape(number, *shape), noisy.reshape(number, *shape)


@settings(max_examples=5)
@given(st.integers(0, 1000))
def test_with_many_images_it_is_least_squares(seed):
    reference, noisy = images(seed, 5000)
    denoise = baselines.affine_denoiser(noisy, reference)
    rows = noisy.reshape(5000, -1)
    expected = LinearRegression().fit(rows, reference.reshape(5000, -1)).predict(rows[:9])
    np.testing.assert_allclose(denoise(noisy[:9]).reshape(9, -1), expected, atol=2e-3)


def test_its_penalty_is_the_best_by_generalised_cross_validation():
    reference, noisy = images(7, 30)
    rows, targets = noisy.reshape(30, -1), reference.reshape(30, -1)
    centred = rows - rows.mean(axis=0)
    scatter = np.linalg.svd(centred, compute_uv=False) ** 2

    def score(penalty):
        fitted = Ridge(penalty).fit(rows, targets).predict(rows)
        freedom = 30 - 1 - (scatter / (scatter + penalty)).sum()
        return np.square(fitted - targets).sum() / freedom**2

    penalty = min(baselines.affine.PENALTIES * scatter.mean(), key=score)
    expected = Ridge(penalty).fit(rows, targets).predict(rows)
    denoise = baselines.affine_denoiser(noisy, reference)
    np.testing.assert_allclose(denoise(noisy).reshape(30, -1), expected, atol=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_a_rank_bounds_the_dimensions_of_the_outputs_and_more_rank_never_harms(seed, rank):
    reference, noisy = images(seed)
    outputs = baselines.affine_denoiser(noisy, reference, rank=rank)(noisy).reshape(300, -1)
    assert np.linalg.matrix_rank(outputs - outputs.mean(axis=0), tol=1e-8) == rank
    fewer = baselines.affine_denoiser(noisy, reference, rank=max(1, rank - 1))(noisy).reshape(300, -1)
    flat = reference.reshape(300, -1)
    assert np.square(outputs - flat).sum() <= np.square(fewer - flat).sum() + 1e-9


def test_no_other_map_of_its_rank_is_better():
    reference, noisy = images(3, 4000)
    targets, rows = reference.reshape(4000, -1), noisy.reshape(4000, -1)
    error = np.square(
        baselines.affine_denoiser(noisy, reference, rank=3)(noisy).reshape(4000, -1) - targets
    ).mean()
    full = LinearRegression().fit(rows, targets).predict(rows)
    centre = targets.mean(axis=0)
    for seed in range(50):
        axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(12, 3)))
        other = (full - centre) @ axes @ axes.T + centre
        assert error < np.square(other - targets).mean()


def test_rank_beyond_the_image_changes_nothing():
    reference, noisy = images(5)
    unlimited = baselines.affine_denoiser(noisy, reference)(noisy)
    np.testing.assert_allclose(baselines.affine_denoiser(noisy, reference, rank=99)(noisy), unlimited)
    np.testing.assert_allclose(
        baselines.affine_denoiser(noisy, reference, rank=12)(noisy), unlimited, atol=1e-12
    )


def test_outputs_may_have_another_shape_and_stay_in_range():
    reference, noisy = images(1)
    wide = np.concatenate([reference, 1 - reference], axis=-1)
    restored = baselines.affine_denoiser(noisy, wide)(np.zeros((2, 3, 4, 1)))
    assert restored.shape == (2, 3, 4, 2)
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_few_digits_are_denoised_without_fitting_their_noise():
    reference = data.load("digits", "train").images[:250, ::2, ::2] / np.float32(255)
    noisy = noise.gaussian(reference, sigma=0.5, seed=3)
    denoise = baselines.affine_denoiser(noisy[:150], reference[:150])  # 196 pixels an image
    mean_image = np.square(reference[150:] - reference[:150].mean(axis=0)).mean()
    assert np.square(denoise(noisy[150:]) - reference[150:]).mean() < 0.8 * mean_image


def test_constant_images_are_restored():
    reference, noisy = np.full((4, 3, 3), 0.25), np.full((4, 3, 3), 0.5)
    np.testing.assert_allclose(baselines.affine_denoiser(noisy, reference)(noisy), 0.25)


@pytest.mark.parametrize(("count", "rank"), [(1, None), (4, 0)])
def test_too_few_images_or_too_low_a_rank_is_refused(count, rank):
    with pytest.raises(ValueError, match=f"{count} images and rank {rank}"):
        baselines.affine_denoiser(np.zeros((count, 3, 3)), np.zeros((count, 3, 3)), rank=rank)


def test_each_noisy_image_needs_its_reference():
    with pytest.raises(ValueError, match="4 noisy images, 3 references"):
        baselines.affine_denoiser(np.zeros((4, 3, 3)), np.zeros((3, 3, 3)))
