import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from compendium import data, synthesis, training
from compendium.models.gan import generator


def random_images(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


COLOUR = random_images((6, 12, 10, 3))
STILL = {"rotation": 0, "shift": 0, "zoom": 0}


# --- augmentation


@settings(max_examples=25)
@given(
    height=st.integers(2, 12),
    width=st.integers(2, 12),
    channels=st.sampled_from([1, 3]),
    rotation=st.floats(0, 180),
    shift=st.floats(0, 0.5),
    zoom=st.floats(0, 0.5),
    flip=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_each_image_is_moved_as_scipys_affine_transform_moves_it(
    height, width, channels, rotation, shift, zoom, flip, seed
):
    images = random_images((3, height, width, channels), seed) / 255
    moved = synthesis.augment(images, seed=seed, rotation=rotation, shift=shift, zoom=zoom, flip=flip)
    matrices, offsets = synthesis._random_maps(3, (height, width), seed, rotation, shift, zoom, flip)
    for image, result, matrix, offset in zip(images, moved, matrices, offsets, strict=True):
        for channel in range(channels):
            expected = affine_transform(image[..., channel], matrix, offset[:, 0], order=1, mode="nearest")
            np.testing.assert_allclose(result[..., channel], expected, atol=1e-9)


@given(seed=st.integers(0, 1000), rotation=st.floats(0, 180), shift=st.floats(0, 0.5), zoom=st.floats(0, 0.9))
def test_turns_shifts_and_zooms_stay_in_their_ranges(seed, rotation, shift, zoom):
    matrices, offsets = synthesis._random_maps(50, (20, 10), seed, rotation, shift, zoom, flip=False)
    scale = np.linalg.norm(matrices, axis=1)  # of rows and of columns
    assert ((1 - zoom - 1e-9 <= scale) & (scale <= 1 + zoom + 1e-9)).all()
    turned = matrices / scale[:, np.newaxis]
    assert (turned[:, 0, 0] >= np.cos(np.deg2rad(rotation)) - 1e-9).all()
    np.testing.assert_allclose(np.linalg.det(turned), 1)
    middle = np.array([[9.5], [4.5]])
    moved = np.abs(matrices @ middle + offsets - middle)[..., 0]
    assert (moved <= np.array([20, 10]) * shift + 1e-9).all()


@pytest.mark.parametrize("wrong", [{"rotation": -1}, {"shift": -0.1}, {"zoom": -0.1}, {"zoom": 1}])
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match="0 or more, zoom below 1"):
        synthesis.augment(COLOUR, seed=0, **wrong)


def test_nothing_moves_when_nothing_may():
    np.testing.assert_array_equal(synthesis.augment(COLOUR, seed=0, **STILL), COLOUR)


def test_a_flip_mirrors_left_and_right_with_even_odds():
    images = np.repeat(COLOUR[:1], 400, axis=0)
    flipped = synthesis.augment(images, seed=0, flip=True, **STILL)
    mirrored = (flipped == COLOUR[0, :, ::-1]).all(axis=(1, 2, 3))
    still = (flipped == COLOUR[0]).all(axis=(1, 2, 3))
    assert (mirrored ^ still).all()
    assert 160 < mirrored.sum() < 240


def test_an_image_is_moved_by_its_seed_and_index_alone(monkeypatch):
    whole = synthesis.augment(COLOUR, seed=1)
    np.testing.assert_array_equal(whole[:4], synthesis.augment(COLOUR[:4], seed=1))
    assert (whole != synthesis.augment(COLOUR, seed=2)).any(axis=(1, 2, 3)).all()
    monkeypatch.setattr(synthesis, "CHUNK_PIXELS", 240)  # two images at a time
    np.testing.assert_array_equal(whole, synthesis.augment(COLOUR, seed=1))


def test_bytes_stay_bytes_and_floats_floats():
    of_bytes = synthesis.augment(COLOUR, seed=1)
    of_floats = synthesis.augment((COLOUR / 255).astype(np.float32), seed=1)
    assert (of_bytes.dtype, of_floats.dtype) == (np.uint8, np.float32)
    np.testing.assert_allclose(of_floats, of_bytes / 255, atol=0.51 / 255)


# --- the generative adversarial network


DIGITS = data.load("digits")
NOUGHTS_AND_ONES = np.flatnonzero(DIGITS.labels <= 1)[:100]
IMAGES, LABELS = DIGITS.images[NOUGHTS_AND_ONES], DIGITS.labels[NOUGHTS_AND_ONES]


def trained(steps=150, **options):
    return synthesis.train_gan(IMAGES, LABELS, 2, steps=steps, batch_size=20, seed=0, **options)


@pytest.fixture(scope="module")
def forger():
    return trained()


def test_the_generator_learns_to_draw_each_class(forger):
    labels = np.repeat([0, 1], 20)
    images = synthesis.generate(forger, labels, seed=3)
    assert images.shape == (40, 28, 28, 1)
    assert images.dtype == np.uint8
    means = [IMAGES[kind == LABELS].mean(axis=0) for kind in (0, 1)]
    to_zero, to_one = (((images - mean) ** 2).mean(axis=(1, 2, 3)) for mean in means)
    assert ((to_one < to_zero) == labels).mean() > 0.8


def test_drawing_repeats_itself_and_differs_by_seed(forger):
    labels = np.zeros(4, int)
    images = synthesis.generate(forger, labels, seed=3)
    np.testing.assert_array_equal(images, synthesis.generate(forger, labels, seed=3))
    assert (images != synthesis.generate(forger, labels, seed=4)).any()
    assert (images[1:] != images[0]).any()


def test_training_repeats_itself():
    one, again = (trained(steps=3).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))


def test_each_network_is_moved_by_its_own_game_only(monkeypatch):
    moved = []
    step = keras.Model.train_on_batch

    def watched(self, *arguments, **options):
        networks = {layer.name: layer for layer in [self, *self.layers] if layer.name == "discriminator"}
        judge = networks["discriminator"]
        before = judge.get_weights()
        result = step(self, *arguments, **options)
        same = all(np.array_equal(a, b) for a, b in zip(before, judge.get_weights(), strict=True))
        moved.append(not same)
        return result

    training.set_seed(0)
    initial = generator((28, 28, 1), 2).get_weights()
    monkeypatch.setattr(keras.Model, "train_on_batch", watched)
    forger = trained(steps=2)
    assert moved == [True, False, True, False]
    assert not all(np.array_equal(a, b) for a, b in zip(initial, forger.get_weights(), strict=True))


def test_training_ends_at_the_first_loss_that_is_no_number():
    forger = trained(steps=10**9, learning_rate=float("nan"))
    assert not np.isfinite(forger.get_weights()[0]).any()
