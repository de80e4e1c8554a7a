"""Filters for Gaussian noise and their calibration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from compendium import baselines, data, noise
from compendium.baselines import GAUSSIAN

NAMES = [*GAUSSIAN]


@pytest.fixture(scope="module")
def digits():
    reference = data.load("digits", "train").images[:120] / np.float32(255)
    return reference, noise.gaussian(reference, sigma=0.5, seed=3)


@pytest.fixture(scope="module")
def calibrated(digits):
    reference, noisy = digits
    return baselines.calibrate(noisy[:60], reference[:60])


def test_each_filter_equals_that_of_its_library_on_each_image(digits):
    image = digits[1][0].squeeze()
    expected = {
        "Gaussian blur": ndimage.gaussian_filter(image, 1.1),
        "median": ndimage.median_filter(image, 3),
        "total variation": denoise_tv_chambolle(image, 0.2),
        "non-local means": denoise_nl_means(image, 5, 6, 0.2, fast_mode=True),
        "wavelet": denoise_wavelet(image, 0.2, "db2"),
    }
    strengths = {"Gaussian blur": 1.1, "median": 3}
    for name, result in expected.items():
        filtered = GAUSSIAN[name][0](digits[1][:1], strengths.get(name, 0.2))
        np.testing.assert_allclose(filtered.squeeze(), result, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(3, 12, 14), (3, 12, 14, 1), (3, 12, 14, 3)])
def test_a_filter_keeps_the_shape_and_treats_each_image_by_itself(name, shape):
    images = np.random.default_rng(0).random(shape)
    method, strengths = GAUSSIAN[name]
    together = method(images, strengths[0])
    assert together.shape == shape
    apart = np.concatenate([method(images[i : i + 1], strengths[0]) for i in range(3)])
    np.testing.assert_allclose(together, apart, atol=1e-12)


def test_calibration_keeps_the_strength_that_is_best_on_its_images(digits, calibrated):
    reference, noisy = digits
    assert [name for name in calibrated if name in NAMES] == NAMES
    for name in NAMES:
        method, strengths = GAUSSIAN[name]
        for strength in strengths:
            filtered = method(noisy[:60], strength).astype(np.float64)
            gain, offset = np.polyfit(filtered.ravel(), reference[:60].ravel().astype(np.float64), 1)
            error = np.square((gain * filtered + offset).clip(0, 1) - reference[:60]).mean()
            assert calibrated[name].mse <= error + 1e-9
            if strength == calibrated[name].strength:
                assert calibrated[name].mse == pytest.approx(error, rel=1e-6)


def test_calibrated_filters_clean_images_they_were_not_calibrated_on(digits, calibrated):
    reference, noisy = digits
    before = np.square(noisy[60:] - reference[60:]).mean()
    for name in NAMES:
        restored = calibrated[name](noisy[60:])
        assert restored.shape == noisy[60:].shape
        assert restored.min() >= 0
        assert restored.max() <= 1
        error = np.square(restored - reference[60:]).mean()
        assert error < 0.4 * before
        assert error == pytest.approx(calibrated[name].mse, rel=0.25)


def test_no_calibrated_strength_lies_at_the_end_of_its_range(calibrated):
    for name in NAMES:
        strengths = GAUSSIAN[name][1]
        if name != "median":  # no window is smaller than 3x3
            assert strengths[0] < calibrated[name].strength < strengths[-1], name


@settings(max_examples=20)
@given(level=st.floats(0, 1), seed=st.integers(0, 99))
def test_flat_images_are_restored_whatever_the_filter_makes_of_them(level, seed):
    noisy = np.full((2, 12, 12), np.random.default_rng(seed).random())
    for name, method in baselines.calibrate(noisy, np.full((2, 12, 12), level)).items():
        np.testing.assert_allclose(method(noisy), level, atol=1e-6, err_msg=name)


def test_calibration_needs_matching_images():
    images = np.zeros((2, 8, 8))
    with pytest.raises(ValueError, match="shapes differ"):
        baselines.calibrate(images, images[:1])
    with pytest.raises(ValueError, match="no image"):
        baselines.calibrate(images[:0], images[:0])
    with pytest.raises(ValueError, match="outside"):
        baselines.calibrate(images + 4, images)
