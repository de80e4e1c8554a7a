import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy import ndimage
from scipy.interpolate import griddata
from skimage.restoration import inpaint_biharmonic
from sklearn.decomposition import PCA

from compendium import baselines, data
from compendium.baselines import IMPULSE, impulse_mask

MASKED = [name for name in IMPULSE if name != "noisy input" and not name.startswith("median")]
GRID = np.mgrid[0:9, 0:11]


def salted(images, altered, seed=0):
    """`images` with black or white, in all channels, at `altered` (n, h, w)."""
    noisy = images.copy()
    values = np.random.default_rng(seed).integers(0, 2, altered.sum())
    noisy[altered] = values if images.ndim == 3 else values[:, np.newaxis]
    return noisy


@st.composite
def noisy_images(draw):
    """Small grey or colour images, no pixel black or white, where they are altered, and the noisy images."""
    shape = draw(array_shapes(min_dims=3, max_dims=4, max_side=8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = rng.uniform(0.05, 0.95, shape).astype(draw(st.sampled_from([np.float32, np.float64])))
    altered = rng.random(shape[:3]) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    return images, altered, salted(images, altered)


@given(noisy_images())
def test_the_mask_is_found_from_the_noisy_images_alone(case):
    _, altered, noisy = case
    np.testing.assert_array_equal(impulse_mask(noisy), altered)


def test_a_saturated_channel_is_not_an_impulse_but_a_truly_black_pixel_looks_like_one():
    colours = np.array([[[1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0.5, 0]]], dtype=np.float32)[np.newaxis]
    assert impulse_mask(colours).tolist() == [[[False, True, True, False]]]


@pytest.mark.parametrize("name", IMPULSE)
@given(case=noisy_images())
@settings(max_examples=30)
def test_every_method_keeps_shape_dtype_and_range_and_treats_each_image_by_itself(name, case):
    _, _, noisy = case
    before = noisy.copy()
    reconstruction = IMPULSE[name](noisy)
    assert reconstruction.shape == noisy.shape
    assert reconstruction.dtype == noisy.dtype
    assert reconstruction.min() >= 0
    assert reconstruction.max() <= 1
    np.testing.assert_array_equal(noisy, before)
    one_by_one = np.concatenate([IMPULSE[name](image[np.newaxis]) for image in noisy])
    np.testing.assert_array_equal(reconstruction, one_by_one)


@pytest.mark.parametrize("name", MASKED)
@given(case=noisy_images())
@settings(max_examples=30)
def test_masked_methods_keep_intact_pixels_and_leave_no_impulse(name, case):
    images, altered, noisy = case
    reconstruction = IMPULSE[name](noisy)
    np.testing.assert_array_equal(reconstruction[~altered], images[~altered])
    hopeless = altered.all(axis=(1, 2))
    assert (reconstruction[hopeless] == 0.5).all()
    if name != "biharmonic":  # the only one that may reach beyond the intact values, up to their own limits
        for image, mask, restored in zip(
            images[~hopeless], altered[~hopeless], reconstruction[~hopeless], strict=True
        ):
            assert (restored >= image[~mask].min(axis=0) - 1e-6).all()
            assert (restored <= image[~mask].max(axis=0) + 1e-6).all()


@pytest.mark.parametrize("name", MASKED)
@given(level=st.floats(0.01, 0.99), fraction=st.floats(0, 0.95), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_constant_images_are_recovered(name, level, fraction, seed):
    images = np.full((2, 8, 9, 3), level)
    altered = np.random.default_rng(seed).random((2, 8, 9)) < fraction
    altered[:, 0, 0] = False
    np.testing.assert_allclose(IMPULSE[name](salted(images, altered)), images, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize(
    "intact", [[(3, 4)], [(0, 0)], [(2, 1), (2, 7)], [(1, 1), (3, 3), (5, 5)], [(4, 0), (4, 5), (4, 9)]]
)
def test_few_or_collinear_intact_pixels(name, intact):
    images = np.random.default_rng(1).uniform(0.2, 0.8, (1, 7, 10, 3)).astype(np.float32)
    altered = np.ones((1, 7, 10), dtype=bool)
    altered[0, *np.transpose(intact)] = False
    reconstruction = IMPULSE[name](salted(images, altered))
    np.testing.assert_array_equal(reconstruction[~altered], images[~altered])
    if len(intact) == 1:
        np.testing.assert_allclose(reconstruction, np.broadcast_to(images[~altered], images.shape), atol=1e-6)
    elif name == "linear interpolation":
        np.testing.assert_array_equal(reconstruction, baselines.nearest(salted(images, altered)))


@given(
    slopes=st.tuples(st.floats(-0.04, 0.04), st.floats(-0.04, 0.04)),
    fraction=st.floats(0, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_linear_interpolation_recovers_a_ramp_between_intact_corners(slopes, fraction, seed):
    ramp = (0.5 + slopes[0] * (GRID[0] - 4) + slopes[1] * (GRID[1] - 5))[np.newaxis]
    altered = np.random.default_rng(seed).random(ramp.shape) < fraction
    altered[:, [0, 0, -1, -1], [0, -1, 0, -1]] = False  # the hull is then the whole image
    edge = np.zeros_like(altered)
    edge[:, [0, -1]] = edge[:, :, [0, -1]] = True  # on the hull's own edge rounding decides what is outside
    restored = baselines.linear(salted(ramp, altered))
    np.testing.assert_allclose(restored[~edge], ramp[~edge], rtol=0, atol=1e-12)


@given(noisy_images(), st.sampled_from([3, 5]))
def test_median_is_scipys_of_each_channel(case, size):
    noisy = case[2]
    channels = np.moveaxis(noisy.reshape(*noisy.shape[:3], -1), -1, 1)
    expected = [[ndimage.median_filter(channel, size) for channel in image] for image in channels]
    expected = np.moveaxis(np.array(expected), 1, -1).reshape(noisy.shape)
    np.testing.assert_array_equal(baselines.median(noisy, size), expected)


@given(noisy_images())
def test_adaptive_median_is_what_its_definition_says(case):
    images, altered, noisy = case
    assume(not altered.all(axis=(1, 2)).any())
    expected = images.astype(np.float64)
    for i, row, column in np.argwhere(altered):
        for radius in range(1, 9):
            window = np.s_[
                i, max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1
            ]
            intact = ~altered[window]
            if intact.any():
                expected[i, row, column] = np.median(images[window][intact].astype(np.float64), axis=0)
                break
    np.testing.assert_array_equal(baselines.adaptive_median(noisy), expected.astype(images.dtype))


@given(noisy_images())
def test_nearest_pixel_is_an_intact_one_at_the_least_distance(case):
    images, altered, noisy = case
    assume(not altered.all(axis=(1, 2)).any())
    restored = baselines.nearest(noisy)
    for i, row, column in np.argwhere(altered):
        positions = np.argwhere(~altered[i])
        distances = ((positions - (row, column)) ** 2).sum(axis=1)
        candidates = images[i][tuple(positions[distances == distances.min()].T)]
        assert any(np.array_equal(restored[i, row, column], candidate) for candidate in candidates)


def test_linear_interpolation_is_scipys_griddata():
    images = np.random.default_rng(3).uniform(0.1, 0.9, (6, 12, 13, 3))
    altered = np.random.default_rng(4).random((6, 12, 13)) < 0.6
    noisy = salted(images, altered)
    restored, nearest = baselines.linear(noisy), baselines.nearest(noisy)
    for i, mask in enumerate(altered):
        for channel in range(3):
            intact = images[i, ..., channel][~mask]
            expected = griddata(np.argwhere(~mask), intact, np.argwhere(mask), method="linear")
            expected = np.where(np.isnan(expected), nearest[i, ..., channel][mask], expected)
            np.testing.assert_allclose(restored[i, ..., channel][mask], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(12, 13, 3), (3, 40), (2, 2), (32, 32, 3)])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.9])
def test_biharmonic_is_scikit_images(shape, fraction):
    images = np.random.default_rng(5).uniform(0.1, 0.9, (3, *shape))
    altered = np.random.default_rng(6).random((3, *shape[:2])) < fraction
    altered[:, 0, 0] = False
    noisy = salted(images, altered)
    axis = -1 if len(shape) == 3 else None
    for restored, image, mask in zip(baselines.biharmonic(noisy), noisy, altered, strict=True):
        np.testing.assert_allclose(
            restored, inpaint_biharmonic(image, mask, channel_axis=axis), rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("method", [*IMPULSE.values(), impulse_mask])
@pytest.mark.parametrize(
    ("noisy", "fault"),
    [
        (np.zeros((8, 8)), r"shape \(8, 8\)"),
        (np.zeros((1, 1, 8, 8, 3)), "shape"),
        (np.zeros((1, 8, 8), dtype=np.uint8), "uint8"),
        (np.zeros((1, 8, 8), dtype=np.float16), "float16"),
        (np.full((1, 8, 8), np.nan), "NaN"),
        (np.full((1, 8, 8), 1.01), "outside"),
        (np.full((1, 8, 8), -0.01), "outside"),
    ],
)
def test_what_is_not_a_batch_of_images_is_refused(method, noisy, fault):
    with pytest.raises(ValueError, match=fault):
        method(noisy)


@pytest.mark.parametrize("size", [0, 2, -3])
def test_a_median_window_is_odd(size):
    with pytest.raises(ValueError, match="odd"):
        baselines.median(np.zeros((1, 8, 8)), size)


def test_trivial_predictions():
    train = np.random.default_rng(0).random((5, 4, 6, 3), dtype=np.float32)
    predictions = baselines.trivial_predictions(train, 7)
    assert list(predictions) == ["black image", "mean image"]
    assert {(images.shape, images.dtype.name) for images in predictions.values()} == {
        ((7, 4, 6, 3), "float32")
    }
    assert not predictions["black image"].any()
    np.testing.assert_allclose(predictions["mean image"][6], train.mean(axis=0), atol=1e-6)
    with pytest.raises(ValueError, match="no image"):
        baselines.trivial_predictions(train[:0], 1)


def test_pca_of_images_on_a_plane_needs_two_components_and_no_more():
    rng = np.random.default_rng(0)
    directions = rng.uniform(-0.1, 0.1, (2, 6 * 5 * 3))
    train, test = ((0.5 + rng.uniform(-1, 1, (n, 2)) @ directions).reshape(n, 6, 5, 3) for n in (200, 9))
    np.testing.assert_allclose(baselines.pca_reconstruction(train, test, 2), test, rtol=0, atol=1e-9)
    assert np.abs(baselines.pca_reconstruction(train, test, 1) - test).max() > 0.01


def test_pca_error_on_its_own_images_is_the_variance_left_out():
    train = np.random.default_rng(0).uniform(0.4, 0.6, (300, 4, 4))  # too narrow for anything to be clipped
    restored = baselines.pca_reconstruction(train, train, 5)
    singular = np.linalg.svd((train - train.mean(axis=0)).reshape(300, 16), compute_uv=False)
    assert ((restored - train) ** 2).sum() == pytest.approx((singular[5:] ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize(("number", "components"), [(60, 40), (60, 59), (400, 100)])
def test_pca_is_that_of_the_whole_decomposition_to_a_ten_thousandth_each_time_the_same(number, components):
    train, test = (data.load("photos", split).images[:number, ::4, ::4] for split in ("train", "test"))
    train, test = train / np.float32(255), test / np.float32(255)
    restored = baselines.pca_reconstruction(train, test, components)
    whole = PCA(components, svd_solver="full").fit(train.reshape(number, -1).astype(np.float64))
    expected = whole.inverse_transform(whole.transform(test.reshape(len(test), -1))).reshape(test.shape)
    np.testing.assert_allclose(restored, expected.clip(0, 1), rtol=0, atol=1e-4)
    np.testing.assert_array_equal(restored, baselines.pca_reconstruction(train, test, components))


def test_pca_with_as_many_components_as_images_keeps_these_images():
    train = data.load("photos", "test").images[:20] / np.float32(255)
    np.testing.assert_allclose(baselines.pca_reconstruction(train, train, 20), train, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("number", "shape"), [(20, (6, 6)), (60, (4, 4))])
def test_more_components_than_there_are_images_or_values_are_all_there_are(number, shape):
    train = np.random.default_rng(0).uniform(0.2, 0.8, (number, *shape))
    found = baselines.principal_components(train, 128)
    assert found.n_components_ == min(number, np.prod(shape))
    np.testing.assert_allclose(baselines.pca_reconstruction(train, train, 128), train, rtol=0, atol=1e-9)


def test_pca_keeps_dtype_and_range_and_refuses_other_shapes():
    train = np.random.default_rng(0).integers(0, 2, (50, 5, 5)).astype(np.float32)
    restored = baselines.pca_reconstruction(train, train, 8)
    assert restored.dtype == np.float32
    assert restored.min() == 0  # without clipping these binary images overshoot
    assert restored.max() == 1
    with pytest.raises(ValueError, match="differ in shape"):
        baselines.pca_reconstruction(train, train[:, :4], 8)


def cifar10(split, count):
    """The first `count` images of CIFAR-10's split as float32 in [0, 1]."""
    return data.load("cifar10", split).images[:count] / np.float32(255)


@pytest.mark.real_data("cifar10")
@pytest.mark.parametrize(("fraction", "error"), [(0.3, 0.0012), (0.6, 0.0034), (0.9, 0.0124)])
def test_on_cifar10_linear_interpolation_has_the_known_error_and_methods_keep_their_order(fraction, error):
    clean = cifar10("test", 200)
    assert 0.001 < impulse_mask(clean).mean() < 0.03
    noisy = salted(clean, np.random.default_rng(0).random(clean.shape[:3]) < fraction)
    best_first = ["biharmonic", "linear interpolation", "adaptive median", "nearest pixel", "mean colour"]
    errors = {name: ((IMPULSE[name](noisy) - clean) ** 2).mean() for name in best_first}
    assert sorted(errors, key=errors.get) == best_first
    assert errors["linear interpolation"] == pytest.approx(error, rel=0.1)


@pytest.mark.real_data("cifar10")
def test_cifar10_in_128_principal_components():
    train, test = cifar10("train", 10_000), cifar10("test", 2_000)
    restored = baselines.pca_reconstruction(train, test, 128)
    assert ((restored - test) ** 2).mean() == pytest.approx(0.0051, abs=0.0001)


def test_scikit_learn_and_statistics_are_not_loaded_before_they_are_used():
    code = "import sys, compendium.baselines; print(*{'sklearn', 'scipy.stats'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.strip() == ""
