import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from compendium import data, metrics

PAIR_METRICS = (metrics.mse, metrics.psnr, metrics.ssim, metrics.pcc, metrics.channel_agreement)
ENTROPIES = (metrics.total_entropy, metrics.local_entropy, metrics.entropy_map)
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


@st.composite
def pairs(draw, smallest=1):
    """Two batches of one shape: unrelated, nearly or quite the same, flat, inverted, binary, a ramp."""
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(smallest, smallest + 12)),
        draw(st.integers(smallest, smallest + 12)),
        *draw(st.sampled_from([(), (1,), (2,), (3,)])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    reference = rng.random(shape)
    make = {
        "unrelated": lambda: rng.random(shape),
        "near": lambda: (reference + rng.normal(0, 0.01, shape)).clip(0, 1),
        "same": lambda: reference,
        "flat": lambda: np.broadcast_to(rng.random(), shape),
        "negative": lambda: 1 - reference,
        "binary": lambda: (rng.random(shape) > 0.5).astype(float),
        "ramp": lambda: np.linspace(0, 1, reference.size).reshape(shape),
    }
    kinds = st.sampled_from(sorted(make))
    dtypes = st.sampled_from([np.float32, np.float64])
    one, other = (make[draw(kinds)]().astype(draw(dtypes)) for _ in range(2))
    return one, other


def each(function, *batches):
    """What a library gives image by image, in float64."""
    wide = (batch.astype(np.float64) for batch in batches)
    return np.array([function(*images) for images in zip(*wide, strict=True)])


def skimage_ssim(channels, **options):
    axis = -1 if channels else None
    return lambda a, b: structural_similarity(a, b, data_range=1.0, channel_axis=axis, **options)


@settings(max_examples=80)
@given(pair=pairs(smallest=11))
def test_ssim_is_scikit_images_in_both_definitions(pair):
    colour = pair[0].ndim == 4
    for definition, options in (("skimage", {}), ("wang", WANG)):
        value = metrics.ssim(*pair, definition=definition)
        assert value.dtype == np.float64
        np.testing.assert_allclose(value, each(skimage_ssim(colour, **options), *pair), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("definition", "side", "options"), [("skimage", 7, {}), ("wang", 11, WANG)])
def test_ssim_of_the_smallest_and_of_long_images(definition, side, options):
    rng = np.random.default_rng(0)
    for shape in ((2, side, side), (2, side, side, 3), (1, side, 900, 3), (1, 900, side), (1, 500, 400, 3)):
        pair = rng.random(shape), rng.random(shape)
        expected = each(skimage_ssim(len(shape) == 4, **options), *pair)
        np.testing.assert_allclose(metrics.ssim(*pair, definition=definition), expected, rtol=0, atol=1e-10)


@settings(max_examples=60)
@given(pair=pairs())
def test_mse_psnr_and_pcc_are_those_of_scikit_image_and_scipy(pair):
    expected_mse = each(lambda a, b: np.mean((a - b) ** 2), *pair)
    np.testing.assert_allclose(metrics.mse(*pair), expected_mse, rtol=1e-9, atol=1e-15)

    with np.errstate(divide="ignore"):
        expected_psnr = each(lambda a, b: peak_signal_noise_ratio(a, b, data_range=1), *pair)
    np.testing.assert_allclose(metrics.psnr(*pair), expected_psnr, rtol=1e-9, atol=1e-9)

    def pearson(a, b):
        defined = a.size > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
        return scipy.stats.pearsonr(a.ravel(), b.ravel()).statistic if defined else np.nan

    np.testing.assert_allclose(metrics.pcc(*pair), each(pearson, *pair), rtol=0, atol=1e-9)


def entropy(values, bins, value_range=None):
    return scipy.stats.entropy(np.histogram(values, bins, value_range)[0], base=2)


def channels_of(image):
    return np.moveaxis(image, -1, 0) if image.ndim == 3 else image[np.newaxis]


@settings(max_examples=60)
@given(pair=pairs(smallest=4), bins=st.integers(1, 300), grid=st.booleans())
def test_entropies_are_those_of_numpys_histogram(pair, bins, grid):
    images = np.round(pair[0] * 255) / 255 if grid else pair[0]  # on a grid, values fall on the bins' edges

    expected = each(lambda image: sum(entropy(channel, 10) for channel in channels_of(image)), images)
    np.testing.assert_allclose(metrics.total_entropy(images), expected, rtol=0, atol=1e-10)
    expected = each(
        lambda image: sum(entropy(channel, bins, (0, 1)) for channel in channels_of(image)), images
    )
    np.testing.assert_allclose(metrics.total_entropy(images, bins=bins), expected, rtol=0, atol=1e-10)

    def regions(image, bins):
        height, width = image.shape[:2]
        return [
            [
                np.mean([entropy(c[i : i + 4, j : j + 4], bins, (0, 1)) for c in channels_of(image)])
                for j in range(0, width - 3, 4)
            ]
            for i in range(0, height - 3, 4)
        ]

    for number, argument in ((32, "paper"), (bins, bins)):
        expected = each(lambda image, number=number: regions(image, number), images)
        map_ = metrics.entropy_map(images, bins=argument)
        assert map_.shape == (len(images), images.shape[1] // 4, images.shape[2] // 4)
        np.testing.assert_allclose(map_, expected, rtol=0, atol=1e-10)
        local = metrics.local_entropy(images, bins=argument)
        np.testing.assert_allclose(local, expected.mean(axis=(1, 2)), rtol=0, atol=1e-10)


def test_channel_agreement_counts_the_pixels_with_the_same_brightest_channel():
    reference = np.array([[[[0.9, 0.1, 0.2], [0.1, 0.8, 0.2], [0.5, 0.5, 0.5], [0.1, 0.2, 0.3]]]])
    image = np.array([[[[0.6, 0.5, 0.1], [0.3, 0.2, 0.1], [0.2, 0.1, 0.1], [0.7, 0.7, 0.7]]]])
    # red = red; green is not red; a tie counts as red = red; blue is not the tie's red
    np.testing.assert_array_equal(metrics.channel_agreement(reference, image), [0.5])


def test_channel_agreement_is_what_keras_prints_as_accuracy():
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    pair = rng.random((6, 16, 16, 3), np.float32), rng.random((6, 16, 16, 3), np.float32)
    printed = float(keras.ops.mean(keras.metrics.categorical_accuracy(*pair)))
    assert metrics.channel_agreement(*pair).mean() == pytest.approx(printed, abs=1e-6)


def test_identical_images():
    images = np.random.default_rng(0).random((3, 16, 16, 3))
    np.testing.assert_array_equal(metrics.mse(images, images), 0)
    np.testing.assert_array_equal(metrics.psnr(images, images), np.inf)
    np.testing.assert_array_equal(metrics.channel_agreement(images, images), 1)
    np.testing.assert_allclose(metrics.pcc(images, images), 1, atol=1e-12)
    for definition in ("skimage", "wang"):
        np.testing.assert_allclose(metrics.ssim(images, images, definition=definition), 1, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1.0])
def test_constant_images(value):
    flat = np.full((2, 16, 16, 3), value)
    images = np.random.default_rng(0).random(flat.shape)
    assert np.isnan(metrics.pcc(flat, images)).all()
    assert np.isnan(metrics.pcc(images, flat)).all()
    for function in ENTROPIES:
        np.testing.assert_array_equal(function(flat), 0)
    for definition in ("skimage", "wang"):
        np.testing.assert_allclose(metrics.ssim(flat, flat, definition=definition), 1, atol=1e-10)


def test_results_do_not_depend_on_batch_or_memory_layout():
    rng = np.random.default_rng(0)
    pair = rng.random((100, 32, 32, 3)), rng.random((100, 32, 32, 3))  # several chunks
    part = tuple(images[37:41] for images in pair)
    other_layout = tuple(np.asfortranarray(images) for images in part)
    for metric in PAIR_METRICS:
        whole = metric(*pair)
        assert whole.shape == (100,)
        np.testing.assert_array_equal(metric(*part), whole[37:41])
        np.testing.assert_array_equal(metric(*other_layout), whole[37:41])
    for function in ENTROPIES:
        np.testing.assert_array_equal(function(part[0]), function(pair[0])[37:41])


def test_memory_stays_bounded():
    pair = (np.random.default_rng(0).random((2000, 32, 32, 3), np.float32),) * 2
    for metric in PAIR_METRICS:
        metric(*(images[:2] for images in pair))  # compiled before it is measured
        tracemalloc.start()
        metric(*pair)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8e6  # the batch is 49 MB in float64


def test_an_empty_batch_gives_an_empty_result():
    empty = np.empty((0, 16, 16, 3))
    for metric in PAIR_METRICS:
        assert metric(empty, empty).shape == (0,)
    assert metrics.total_entropy(empty).shape == (0,)
    assert metrics.local_entropy(empty).shape == (0,)
    assert metrics.entropy_map(empty).shape == (0, 4, 4)


def test_the_traces_of_float_rounding_pass():
    images = np.random.default_rng(0).random((2, 16, 16, 3)).round(2)
    beyond = np.where(images == 1, 1 + 5e-7, np.where(images == 0, -5e-7, images))
    beyond[:, 0, 0] = 1 + 5e-7
    within = beyond.clip(0, 1)
    assert metrics.mse(within, beyond).max() < 1e-12
    # the outermost bins hold them; np.histogram would drop them
    np.testing.assert_array_equal(metrics.local_entropy(beyond), metrics.local_entropy(within))


GOOD = np.full((2, 16, 16, 3), 0.5)


def with_value(value):
    images = GOOD.copy()
    images[1, 2, 3, 0] = value
    return images


def test_an_image_with_a_value_that_is_missing_has_no_number_and_the_others_have_theirs():
    rng = np.random.default_rng(0)
    reference, image = rng.random((2, 3, 16, 16, 3))
    broken = image.copy()
    broken[1, 2, 3, 0] = np.nan
    for metric in PAIR_METRICS:
        expected = metric(reference, image)
        expected[1] = np.nan
        np.testing.assert_array_equal(metric(reference, broken), expected)
        np.testing.assert_array_equal(
            metric(broken, reference), np.where([0, 1, 0], np.nan, metric(image, reference))
        )
    assert np.isnan(metrics.local_entropy(broken)).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (with_value(np.inf), "inf"),
        (with_value(-np.inf), "inf"),
        (with_value(1.001), "1.001"),
        (with_value(-0.25), "-0.25"),
        (np.zeros(GOOD.shape, np.uint8), "uint8"),
        (np.zeros(GOOD.shape, bool), "bool"),
        (np.zeros(GOOD.shape, complex), "complex"),
        (np.zeros((16, 16)), "shape"),
        (np.zeros((1, 2, 16, 16, 3)), "shape"),
        (np.zeros((2, 0, 16, 3)), "no pixels"),
    ],
)
def test_every_metric_refuses_what_is_no_batch_of_images_and_names_the_culprit(bad, message):
    good = np.full(bad.shape, 0.5)
    for metric in PAIR_METRICS:
        with pytest.raises(ValueError, match=message):
            metric(bad, good)
        with pytest.raises(ValueError, match=message):
            metric(good, bad)
    if good.ndim == 4 and good.size:
        with pytest.raises(ValueError, match=r"^image: "):
            metrics.mse(good, bad)
    for function in ENTROPIES:
        with pytest.raises(ValueError, match=message):
            function(bad)


@pytest.mark.parametrize("shape", [(2, 16, 16), (2, 16, 16, 1), (1, 16, 16, 3), (2, 16, 15, 3)])
def test_shapes_must_agree(shape):
    for metric in PAIR_METRICS:
        with pytest.raises(ValueError, match="shapes differ"):
            metric(GOOD, np.zeros(shape))


@pytest.mark.parametrize(("definition", "side"), [("skimage", 7), ("wang", 11)])
def test_ssim_refuses_images_smaller_than_its_window(definition, side):
    for shape in ((1, side - 1, 32), (1, 32, side - 1, 3)):
        with pytest.raises(ValueError, match=f"{side}x{side}"):
            metrics.ssim(np.zeros(shape), np.zeros(shape), definition=definition)


def test_other_arguments_are_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"skimage.*wang"):
        metrics.ssim(GOOD, GOOD, definition="scikit")
    for bins in (0, -1, 2.5, True, "auto", None):
        for function in ENTROPIES:
            with pytest.raises(ValueError, match="bins="):
                function(GOOD, bins=bins)
    with pytest.raises(ValueError, match="two channels"):
        metrics.channel_agreement(GOOD[..., 0], GOOD[..., 0])
    with pytest.raises(ValueError, match="4x4"):
        metrics.entropy_map(np.zeros((1, 3, 8)))


@pytest.mark.real_data("cifar10")
def test_entropies_of_table_5_are_the_printed_ones_truncated():
    images = data.load("cifar10", "test").images[[330, 5555, 70]] / 255
    local, total = metrics.local_entropy(images), metrics.total_entropy(images)
    assert (np.floor(100 * local) / 100).tolist() == [2.49, 2.28, 1.69]
    assert (np.floor(100 * total) / 100).tolist() == [9.12, 7.79, 6.61]
    # in float32 the bytes fall on other sides of the edges
    assert np.round(metrics.total_entropy(images.astype(np.float32))[2], 2) == 6.59


# --- power by spatial frequency


def test_radial_power_of_waves_lies_in_their_ring():
    positions = np.arange(28) / 28
    for frequency in (1, 5, 13):
        wave = 0.5 + 0.4 * np.cos(2 * np.pi * frequency * positions)
        image = np.broadcast_to(wave, (28, 28))
        power = metrics.radial_power(np.stack([image, image.T]))
        assert power.shape == (2, 15)
        np.testing.assert_allclose(power[:, 0], 0.25)
        np.testing.assert_allclose(power[0], power[1], atol=1e-15)
        assert power[0, 1:].argmax() + 1 == frequency
        assert np.delete(power[0], [0, frequency]).max() < 1e-20


@settings(max_examples=40)
@given(
    number=st.integers(0, 3),
    side=st.integers(1, 12),
    channels=st.sampled_from([(), (1,), (3,)]),
    seed=st.integers(0, 2**32),
)
def test_radial_power_is_the_mean_over_rings_of_the_fourier_transform(number, side, channels, seed):
    images = np.random.default_rng(seed).random((number, side, side, *channels))
    expected = np.zeros((number, side // 2 + 1))
    for image, row in zip(images.reshape(number, side, side, *(channels or (1,))), expected, strict=True):
        power = (np.abs(np.fft.fft2(image, axes=(0, 1))) ** 2).mean(axis=2) / side**4
        rings = [[] for _ in row]
        for y in range(side):
            for x in range(side):
                ring = round(np.hypot(min(y, side - y), min(x, side - x)))
                if ring < len(rings):
                    rings[ring].append(power[y, x])
        row[:] = [np.mean(ring) for ring in rings]
    np.testing.assert_allclose(metrics.radial_power(images), expected, rtol=1e-9, atol=1e-18)


def test_radial_power_needs_square_images():
    with pytest.raises(ValueError, match="28x27 pixels: rings of equal frequency need square ones"):
        metrics.radial_power(np.zeros((2, 28, 27)))
    with pytest.raises(ValueError, match="outside"):
        metrics.radial_power(np.full((1, 4, 4), 2.0))
