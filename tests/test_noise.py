from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compendium import noise

DTYPES = (np.uint8, np.float32, np.float64)


def grey(shape, dtype=np.uint8):
    """Images without a black or white pixel, so that every altered pixel shows."""
    values = np.random.default_rng(0).integers(60, 200, shape, np.uint8)
    return values if dtype == np.uint8 else (values / 255).astype(dtype)


shapes = st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.sampled_from([shape, (*shape, 1), (*shape, 3)])
)


@settings(max_examples=60)
@given(shape=shapes, dtype=st.sampled_from(DTYPES), seed=st.integers(0, 2**64 - 1), data=st.data())
def test_exactly_count_pixels_turn_black_or_white_in_all_channels(shape, dtype, seed, data):
    count = data.draw(st.integers(0, shape[1] * shape[2]))
    images = grey(shape, dtype)
    before = images.copy()
    noisy, mask = noise.salt_pepper(images, count=count, seed=seed)

    assert noisy.shape == shape
    assert noisy.dtype == dtype
    assert mask.shape == shape[:3]
    assert mask.dtype == bool
    assert (mask.sum(axis=(1, 2)) == count).all()
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(noisy[~mask], images[~mask])
    altered = noisy[mask].reshape(count * len(images), *shape[3:], 1)
    assert np.isin(altered, [0, 255 if dtype == np.uint8 else 1]).all()
    assert (altered == altered[:, :1]).all()


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**64 - 1),
    first_index=st.integers(0, 2**40),
    cuts=st.lists(st.integers(0, 90), max_size=3),
)
def test_any_batching_gives_the_same_pixels(seed, first_index, cuts):
    images = grey((90, 32, 32, 3))  # more than one chunk
    edges = [0, *sorted(cuts), 90]

    def parts(corrupt):
        return np.concatenate(
            [corrupt(images[i:j], seed=seed, first_index=first_index + i) for i, j in pairwise(edges)]
        )

    def salt_pepper(images, **stream):
        return noise.salt_pepper(images, fraction=0.3, **stream)[0]

    def gaussian(images, **stream):
        return noise.gaussian(images, sigma=0.1, **stream)

    for corrupt in (salt_pepper, gaussian):
        whole = corrupt(images, seed=seed, first_index=first_index)
        np.testing.assert_array_equal(parts(corrupt), whole)


def test_large_images_span_chunks_one_by_one():
    images = grey((2, 300, 301))
    noisy, mask = noise.salt_pepper(images, fraction=0.5, seed=4)
    alone, alone_mask = noise.salt_pepper(images[1:], fraction=0.5, seed=4, first_index=1)
    np.testing.assert_array_equal(noisy[1:], alone)
    np.testing.assert_array_equal(mask[1:], alone_mask)


def test_the_same_pixels_for_every_dtype_and_memory_layout():
    images = grey((3, 16, 16, 3))
    _, mask = noise.salt_pepper(images, count=50, seed=1)
    for other in (images.astype(np.float64) / 255, np.asfortranarray(images), images[..., 0]):
        np.testing.assert_array_equal(noise.salt_pepper(other, count=50, seed=1)[1], mask)


def test_seed_index_and_level_each_change_the_pixels():
    images = np.repeat(grey((1, 32, 32, 3)), 2, axis=0)
    _, mask = noise.salt_pepper(images, count=307, seed=1)
    _, other_seed = noise.salt_pepper(images, count=307, seed=2)
    _, other_level = noise.salt_pepper(images, count=308, seed=1)
    assert (mask[0] != mask[1]).any()
    assert (mask != other_seed).any()
    assert (mask & ~other_level).any()  # not the same pixels and one more


def test_pixels_and_colours_are_uniform_and_independent():
    n, count = 4000, 307
    images = grey((n, 32, 32))
    noisy, mask = noise.salt_pepper(images, count=count, seed=0)
    white = noisy == 255
    p = count / 1024
    # each of 1,024 positions within five standard deviations of a binomial count, and each colour too
    assert np.abs(mask.sum(axis=0) - n * p).max() < 5 * np.sqrt(n * p * (1 - p))
    assert np.abs(white.sum(axis=0) - n * p / 2).max() < 5 * np.sqrt(n * p / 2)
    assert abs(white.sum() / mask.sum() - 0.5) < 5 * 0.5 / np.sqrt(n * count)
    # neighbours in the image, and in the data set, are drawn as if the other were not there
    for one, other in ((mask[:, :, 1:], mask[:, :, :-1]), (mask[1:], mask[:-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.005


def test_these_pixels_stay_the_same_in_every_version():
    """Recorded runs name a seed: a change of the random numbers would make their noise unrepeatable."""
    noisy, mask = noise.salt_pepper(np.full((2, 4, 4), 100, np.uint8), count=5, seed=7)
    assert [np.flatnonzero(image).tolist() for image in mask] == [[0, 2, 4, 11, 15], [0, 4, 6, 9, 14]]
    assert noisy[mask].tolist() == [255, 255, 255, 255, 0, 255, 255, 0, 0, 255]
    normal = noise.gaussian(np.zeros((1, 1, 3)), sigma=1, seed=7, clip=False)
    np.testing.assert_allclose(
        normal.ravel(), [0.3347556787207602, 1.032570517566431, -0.33227260216616405], rtol=1e-12
    )


@pytest.mark.parametrize(("fraction", "count"), [(0.3, 307), (0.6, 614), (0.9, 921), (0, 0), (1, 1024)])
def test_the_papers_fractions(fraction, count):
    _, mask = noise.salt_pepper(grey((2, 32, 32, 3)), fraction=fraction, seed=0)
    assert (mask.sum(axis=(1, 2)) == count).all()


@given(percent=st.integers(0, 100), height=st.integers(1, 20), width=st.integers(1, 20))
def test_a_fraction_is_rounded_down_without_float_error(percent, height, width):
    _, mask = noise.salt_pepper(grey((1, height, width)), fraction=percent / 100, seed=0)
    assert mask.sum() == percent * height * width // 100


def test_fraction_and_count_of_one_level_give_the_same_pixels():
    images = grey((3, 32, 32, 3))
    by_fraction, by_count = (
        noise.salt_pepper(images, seed=3, **level) for level in ({"fraction": 0.3}, {"count": 307})
    )
    np.testing.assert_array_equal(by_fraction[0], by_count[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_noise_has_the_spread_asked_for(dtype):
    images = np.full((400, 32, 32, 3), 128 if dtype == np.uint8 else 128 / 255, dtype)
    noisy = noise.gaussian(images, sigma=0.05, seed=0)
    assert noisy.dtype == (np.float64 if dtype == np.float64 else np.float32)
    difference = noisy.astype(np.float64) - 128 / 255
    assert abs(difference.mean()) < 5 * 0.05 / np.sqrt(difference.size)
    assert abs(difference.std() - 0.05) < 5 * 0.05 / np.sqrt(2 * difference.size)
    assert abs(np.corrcoef(difference[1:].ravel(), difference[:-1].ravel())[0, 1]) < 0.005
    assert abs(np.corrcoef(difference[..., 0].ravel(), difference[..., 1].ravel())[0, 1]) < 0.01


def test_gaussian_noise_is_one_field_scaled_by_the_level():
    images = grey((2, 8, 8, 3), np.float64)
    weak, strong = (noise.gaussian(images, sigma=sigma, seed=5, clip=False) - images for sigma in (0.1, 0.3))
    np.testing.assert_allclose(strong, 3 * weak, atol=1e-12)


def test_gaussian_noise_is_clipped_only_when_asked():
    images = np.zeros((4, 16, 16), np.float32)
    clipped, free = (noise.gaussian(images, sigma=1, seed=0, clip=clip) for clip in (True, False))
    assert clipped.min() == 0
    assert clipped.max() == 1
    assert free.min() < 0 < 1 < free.max()
    np.testing.assert_array_equal(clipped, free.clip(0, 1))


def test_no_noise_leaves_the_images_as_they_are():
    images = grey((2, 8, 8, 3), np.float32)
    np.testing.assert_array_equal(noise.gaussian(images, sigma=0, seed=0), images)
    np.testing.assert_array_equal(noise.salt_pepper(images, count=0, seed=0)[0], images)


def test_an_empty_batch_stays_empty():
    images = np.empty((0, 8, 8, 3), np.uint8)
    noisy, mask = noise.salt_pepper(images, fraction=0.3, seed=0)
    assert noisy.shape == (0, 8, 8, 3)
    assert mask.shape == (0, 8, 8)
    assert noise.gaussian(images, sigma=0.1, seed=0).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either fraction or count"),
        ({"fraction": 0.3, "count": 4}, "either fraction or count"),
        ({"fraction": -0.1}, "fraction=-0.1"),
        ({"fraction": 1.01}, "from 0 to 1"),
        ({"fraction": float("nan")}, "fraction=nan"),
        ({"count": -1}, "count=-1"),
        ({"count": 65}, "from 0 to 64"),
        ({"count": 2.0}, "count=2.0"),
        ({"count": True}, "count=True"),
        ({"count": 4, "seed": -1}, "seed=-1"),
        ({"count": 4, "seed": 2**64}, "seed="),
        ({"count": 4, "seed": 1.5}, "seed=1.5"),
        ({"count": 4, "first_index": -1}, "first_index=-1"),
        ({"count": 4, "first_index": 2**64 - 1}, "first_index="),
    ],
)
def test_salt_pepper_refuses_what_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        noise.salt_pepper(grey((2, 8, 8, 3)), **{"seed": 0, **arguments})


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), float("inf")])
def test_gaussian_refuses_a_level_that_is_none(sigma):
    with pytest.raises(ValueError, match="sigma="):
        noise.gaussian(grey((2, 8, 8, 3)), sigma=sigma, seed=0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((8, 8), np.uint8), "expected .n, h, w."),
        (np.zeros((1, 2, 8, 8, 3), np.uint8), "found shape"),
        (np.zeros((2, 0, 8), np.uint8), "no pixels"),
        (np.zeros((2, 8, 8), np.int64), "found int64"),
        (np.zeros((2, 8, 8), np.float16), "found float16"),
        (np.full((2, 8, 8), 255.0), "255"),
        (np.full((2, 8, 8), -0.5), "-0.5"),
        (np.full((2, 8, 8), np.nan), "nan"),
    ],
)
def test_both_refuse_what_is_no_batch_of_images(images, message):
    with pytest.raises(ValueError, match=message):
        noise.salt_pepper(images, count=1, seed=0)
    with pytest.raises(ValueError, match=message):
        noise.gaussian(images, sigma=0.1, seed=0)
