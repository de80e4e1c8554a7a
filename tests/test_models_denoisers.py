"""The small networks of the leaderboard: sizes, what they must not see, and what they must not change."""

import keras
import numpy as np
import pytest

from compendium import baselines, models, noise
from compendium.models.masked import WINDOWS, FillAltered, with_filling, with_intact, with_mask

RNG = np.random.default_rng(0)


def noisy_images(fraction, count=3):
    images = RNG.integers(1, 255, (count, 32, 32, 3), dtype=np.uint8)
    noisy, mask = noise.salt_pepper(images, fraction=fraction, seed=1)
    return noisy.astype(np.float32) / 255, mask


def outputs(network, images):
    return keras.ops.convert_to_numpy(network(images, training=False))


def filled_by_layer(noisy, mask):
    filled = FillAltered()([noisy, mask[..., np.newaxis].astype(np.float32)])
    return keras.ops.convert_to_numpy(filled)


@pytest.mark.parametrize(
    ("build", "shape", "parameters"),
    [
        (models.unet, (32, 32, 3), 118_307),
        (models.unet, (28, 28, 1), 117_985),
        (models.dncnn, (32, 32, 3), 57_827),
        (models.partial_unet, (32, 32, 3), 118_307),
    ],
)
def test_a_network_has_its_parameters_and_keeps_the_shape(build, shape, parameters):
    network = build(shape)
    assert network.count_params() == parameters
    assert outputs(network, np.zeros((2, *shape), np.float32)).shape == (2, *shape)


def test_a_wider_code_adds_the_weights_around_it():
    assert models.cae().count_params() == 16_827
    wide = models.cae(code_channels=32)
    assert wide.get_layer("latent").output.shape[1:] == (4, 4, 32)
    # 24 filters more: 72 weights and a bias each, and 9 * 24 inputs more for each of the 32 that follow
    assert wide.count_params() == 16_827 + 24 * 73 + 24 * 9 * 32


def test_a_u_net_and_an_hourglass_say_which_sides_they_take():
    for build in (models.unet, lambda shape: models.hourglass(shape, 1)):
        with pytest.raises(ValueError, match="multiples of 4"):
            build((30, 30, 1))


@pytest.mark.parametrize(("side", "channels"), [(32, 3), (28, 1)])
def test_an_hourglass_makes_an_image_of_noise(side, channels):
    network = models.hourglass((side, side, 32), channels)
    image = outputs(network, RNG.random((2, side, side, 32), dtype=np.float32))
    assert image.shape == (2, side, side, channels)
    assert ((image > 0) & (image < 1)).all()


def test_a_shifted_image_gives_the_shifted_output_of_a_dncnn():
    network = models.dncnn((None, None, 3))
    image = RNG.random((1, 40, 40, 3), dtype=np.float32)
    whole, shifted = outputs(network, image), outputs(network, np.roll(image, (3, 5), axis=(1, 2)))
    inside = slice(16, 24)  # eight convolutions see eight pixels far
    expected = np.roll(whole, (3, 5), axis=(1, 2))[:, inside, inside]
    np.testing.assert_allclose(shifted[:, inside, inside], expected, atol=1e-5)


def test_an_untrained_dncnn_of_weight_zero_passes_its_input_on():
    network = models.dncnn((16, 16, 1))
    network.get_layer("noise").set_weights([np.zeros((3, 3, 32, 1)), np.zeros(1)])
    image = RNG.random((2, 16, 16, 1), dtype=np.float32)
    np.testing.assert_array_equal(outputs(network, image), image)


@pytest.mark.parametrize("fraction", [0.3, 0.9])
def test_partial_convolutions_never_read_an_altered_pixel(fraction):
    noisy, mask = noisy_images(fraction)
    network = models.partial_unet((32, 32, 3))
    other = noisy.copy()
    other[mask] = 1 - other[mask]  # black for white
    np.testing.assert_array_equal(outputs(network, other), outputs(network, noisy))


def test_a_partial_convolution_of_intact_pixels_is_a_convolution():
    from compendium.models.partial import PartialConv2D

    images = RNG.random((2, 8, 8, 3), dtype=np.float32)
    layer = PartialConv2D(4)
    features, intact = layer([images, np.ones((2, 8, 8, 1), np.float32)])
    plain = layer.convolution(images)
    inner = slice(1, -1)
    np.testing.assert_allclose(features[:, inner, inner], plain[:, inner, inner], atol=1e-6)
    assert keras.ops.convert_to_numpy(intact).all()


def test_a_partial_convolution_scales_by_what_it_saw_and_gives_0_where_it_saw_nothing():
    from compendium.models.partial import PartialConv2D

    layer = PartialConv2D(1)
    layer.build([(None, 5, 5, 1), (None, 5, 5, 1)])
    layer.set_weights([np.full(1, 0.5), np.ones((3, 3, 1, 1))])
    intact = np.zeros((1, 5, 5, 1), np.float32)
    intact[0, 2, 2] = 1
    features, found = (keras.ops.convert_to_numpy(one) for one in layer([np.full_like(intact, 0.7), intact]))
    assert found[0, :, :, 0].tolist() == np.pad(np.ones((3, 3)), 1).tolist()
    np.testing.assert_allclose(features[found == 1], 0.7 * 9 + 0.5, rtol=1e-6)
    assert (features[found == 0] == 0).all()


@pytest.mark.parametrize("build", [models.cae, lambda: models.unet((32, 32, 3))])
def test_intact_pixels_are_put_back_and_altered_ones_are_the_network_s(build):
    noisy, mask = noisy_images(0.6)
    network = build()
    restored = outputs(with_intact(network), noisy)
    np.testing.assert_array_equal(restored[~mask], noisy[~mask])
    np.testing.assert_allclose(restored[mask], outputs(network, noisy)[mask], atol=1e-6)


@pytest.mark.parametrize("fraction", [0.3, 0.9, 0.999])
def test_filling_takes_the_mean_of_the_intact_pixels_in_the_smallest_window_that_has_any(fraction):
    noisy, mask = noisy_images(fraction, count=2)
    filled = filled_by_layer(noisy, mask)
    for image, altered, found in zip(noisy, mask, filled, strict=True):
        np.testing.assert_array_equal(found[~altered], image[~altered])
        for row, column in np.argwhere(altered)[::37]:
            for size in WINDOWS:
                reach = size // 2
                window = np.s_[
                    max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
                ]
                intact = image[window][~altered[window]]
                if len(intact):
                    break
            np.testing.assert_allclose(found[row, column], intact.mean(axis=0), atol=1e-5)


def test_a_network_that_corrects_an_interpolation_begins_at_it_and_keeps_intact_pixels():
    noisy, mask = noisy_images(0.6)
    network = with_filling(models.unet((32, 32, 4), channels=3))
    filled = filled_by_layer(noisy, mask)
    np.testing.assert_allclose(outputs(network, noisy), filled, atol=1e-6)
    network.set_weights([weight + 0.01 for weight in network.get_weights()])
    restored = outputs(network, noisy)
    np.testing.assert_array_equal(restored[~mask], noisy[~mask])
    assert np.abs(restored - filled)[mask].min() > 0


def test_a_network_with_the_mask_is_given_that_of_the_baselines(tmp_path):
    noisy, _ = noisy_images(0.3)
    given = keras.Sequential(
        [keras.Input((32, 32, 4)), keras.layers.Lambda(lambda x: x[..., 3:] * [1, 1, 1])]
    )
    seen = outputs(with_mask(given), noisy)
    np.testing.assert_array_equal(seen[..., 0], baselines.impulse_mask(noisy))


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.partial_unet((32, 32, 3)),
        lambda: with_intact(with_mask(models.unet((32, 32, 4), channels=3))),
        lambda: with_mask(models.cae(input_channels=4)),
        lambda: with_filling(models.unet((32, 32, 4), channels=3)),
    ],
)
def test_a_saved_network_of_these_layers_is_loaded_in_safe_mode(build, tmp_path):
    network, (noisy, _) = build(), noisy_images(0.6)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    np.testing.assert_array_equal(outputs(loaded, noisy), outputs(network, noisy))
