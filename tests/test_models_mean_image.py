import keras
import numpy as np
import pytest
from scipy import signal

from compendium import training
from compendium.models import mean_image_autoencoder, separator

# as the report prints them, PyTorch's order: encoder.0, .2, .4, decoder.0, .2, .4
PRINTED = [(16, 3, 3, 3), (32, 16, 3, 3), (64, 32, 7, 7), (64, 32, 7, 7), (32, 16, 3, 3), (16, 3, 3, 3)]


def random_images(number, channels=3, seed=0):
    return np.random.default_rng(seed).random((number, 32, 32, channels), np.float32)


def turned(array, axes):
    return np.rot90(array, 2, axes)


def test_the_printed_shapes_come_out():
    network = mean_image_autoencoder()
    kernels = [layer.kernel.shape for layer in network.layers]
    assert [tuple(np.transpose(np.empty(shape), (3, 2, 0, 1)).shape) for shape in kernels] == PRINTED
    assert [layer.count_params() for layer in network.layers] == [448, 4640, 100416, 100384, 4624, 435]
    assert network.count_params() == 210_947
    assert network.get_layer("latent").output.shape == (None, 2, 2, 64)
    assert network.output_shape == (None, 32, 32, 3)


def test_a_strided_convolution_is_pytorchs_turned_by_half_a_circle():
    """PyTorch's `padding=1, stride=2`, written with SciPy."""
    images, layer = random_images(2), mean_image_autoencoder().layers[0]
    kernel = layer.kernel.numpy()
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    expected = np.stack(
        [
            [signal.correlate(image, kernel[..., f], "valid")[::2, ::2, 0] for f in range(16)]
            for image in padded
        ]
    )
    layer.kernel.assign(turned(kernel, (0, 1)))
    found = turned(layer(turned(images, (1, 2))).numpy(), (1, 2))
    np.testing.assert_allclose(found, expected.clip(0).transpose(0, 2, 3, 1), atol=1e-5)


def test_a_transposed_convolution_is_pytorchs_turned_by_half_a_circle():
    """PyTorch's `stride=2, padding=1, output_padding=1`, written with SciPy."""
    layer = mean_image_autoencoder(output_activation="linear").layers[-1]
    kernel = layer.kernel.numpy()  # (3, 3, out, in)
    maps = np.random.default_rng(1).normal(size=(16, 16, 16)).astype(np.float32)
    spread = np.zeros((32, 32, 16), np.float32)
    spread[::2, ::2] = maps
    expected = np.stack(
        [
            sum(signal.convolve(spread[..., i], kernel[:, :, out, i]) for i in range(16))[1:33, 1:33]
            for out in range(3)
        ],
        axis=-1,
    )
    layer.kernel.assign(turned(kernel, (0, 1)))
    found = turned(layer(turned(maps, (0, 1))[np.newaxis]).numpy()[0], (0, 1))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_output_activation_is_the_one_asked_for():
    images = random_images(4)
    network = mean_image_autoencoder(output_activation="linear")
    bounded = mean_image_autoencoder()
    bounded.set_weights(network.get_weights())
    outputs = training.predict(network, images)
    assert outputs.min() < 0
    np.testing.assert_allclose(training.predict(bounded, images), 1 / (1 + np.exp(-outputs)), atol=1e-6)


@pytest.mark.parametrize(("skips", "parameters"), [(True, 326_470), (False, 316_390)])
def test_the_separator_has_one_encoder_and_two_decoders(skips, parameters):
    network = separator(skips=skips)
    assert network.count_params() == parameters
    kinds = [type(layer) for layer in network.layers]
    assert kinds.count(keras.layers.Conv2D) == 3
    assert kinds.count(keras.layers.Conv2DTranspose) == 6
    parts = training.predict(network, random_images(3))
    assert parts.shape == (3, 32, 32, 6)
    assert 0 <= parts.min() < parts.max() <= 1


@pytest.mark.parametrize("skips", [True, False])
def test_each_decoder_makes_one_part(skips):
    network = separator(skips=skips)
    images = random_images(2)
    before = training.predict(network, images)
    outermost = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2DTranspose)][-2:]
    for layer, own in zip(outermost, (slice(0, 3), slice(3, 6)), strict=True):
        bias = layer.bias.numpy()
        layer.bias.assign(bias + 1)
        changed = training.predict(network, images) != before
        layer.bias.assign(bias)
        assert changed[..., own].all()
        assert changed.sum() == changed[..., own].sum()


@pytest.mark.parametrize("skips", [True, False])
def test_only_skips_pass_round_the_code(skips):
    """With the code set to zero, only what the skips carry can tell two images apart."""
    network = separator(skips=skips)
    latent = network.get_layer("latent")
    latent.kernel.assign(np.zeros(latent.kernel.shape))
    one, other = training.predict(network, random_images(2))
    assert np.array_equal(one, other) != skips


def test_the_separator_learns_parts_from_their_mean():
    """A training step sees three channels and is held to six."""
    training.set_seed(0)
    network = separator()
    pairs = random_images(16, channels=6)

    def mean_of(pairs, seed):
        return (pairs[..., :3] + pairs[..., 3:]) / 2

    curve = training.fit(
        network,
        pairs,
        mean_of,
        validation=(mean_of(pairs, 0), pairs),
        epochs=3,
        batch_size=8,
        optimizer=keras.optimizers.Adam(0.001),
        seed=0,
    )
    assert curve["val_loss"].is_monotonic_decreasing
